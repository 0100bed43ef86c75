/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table of broadcasts, and the wires of their workers. Owned by klive-serve.c; fed by klive-publish.c (what nginx
 * says), by the workers, and by klive-nginx.c. Main thread.
 */
#include "klive-supervisor.h"

#include <gio/gunixsocketaddress.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "klive-log.h"
#include "klive-requests.h"
#include "klive-retention.h"

#define HELLO_TIMEOUT 10    /* s, from connecting to the hello */
#define COMPARE_INTERVAL 10 /* s, between two looks at nginx's streams */
#define COMPARE_AGE 5000    /* ms; a publisher may be on its way into nginx for so long */

/* The wire of a worker. Until its hello it belongs to no broadcast; from then on the broadcast owns the wire. */
typedef struct {
  KliveSupervisor *supervisor;
  KliveWire *wire;
  KliveBroadcast *broadcast; /* NULL until the hello */
  GPid pid;                  /* of the peer, from the kernel */
  guint timeout;
} Link;

struct _KliveSupervisor {
  const KalturaConfig *config;
  KalturaClient *client;
  KliveNginx *nginx;
  KliveRefusals *refusals;
  KliveUploader *uploader;
  KliveBroadcastContext context;
  KliveBroadcastCounters counters;
  KliveRetention *retention;
  GHashTable *broadcasts; /* "0_rkij47dr/0" -> KliveBroadcast */
  GPtrArray *links;       /* of Link */
  GSocketService *service;
  guint ks_timer;
  guint compare_timer;
  guint others_timer; /* source: the grace after the start */
  gint64 last_serial;
  gint64 started_serial; /* of this launcher's start: older ones are adopted */
  gint64 listed_serial;  /* the last one that nginx must have known when it was asked for its streams */
  gboolean ending;
  gboolean draining;
  GSourceFunc on_end;
  gpointer end_data;
};

static char *
make_key (const char *entry_id, gint index)
{
  return g_strdup_printf ("%s/%d", entry_id, index);
}

static char *
key_of (KliveBroadcast *broadcast)
{
  KliveEntry *entry = klive_broadcast_get_entry (broadcast);
  return make_key (klive_entry_get_id (entry), klive_entry_get_index (entry));
}

KliveBroadcast *
klive_supervisor_find (KliveSupervisor *supervisor, const char *entry_id, gint index)
{
  g_autofree char *key = make_key (entry_id, index);
  return g_hash_table_lookup (supervisor->broadcasts, key);
}

static void
link_free (gpointer data)
{
  Link *link = data;
  g_clear_handle_id (&link->timeout, g_source_remove);
  if (!link->broadcast)
    g_clear_pointer (&link->wire, klive_wire_free);
  g_free (link);
}

static void
drop_links (KliveSupervisor *supervisor, KliveBroadcast *broadcast, const Link *except)
{
  for (guint i = supervisor->links->len; i > 0; i--) {
    Link *link = supervisor->links->pdata[i - 1];
    if (link->broadcast == broadcast && link != except)
      g_ptr_array_remove_index (supervisor->links, i - 1);
  }
}

/* --- the plain URLs --- */

static KliveIndexState
index_state (KliveSupervisor *supervisor, const char *entry_id, gint index)
{
  KliveBroadcast *broadcast = klive_supervisor_find (supervisor, entry_id, index);
  KliveIndexState state = { broadcast != NULL,
    broadcast && klive_entry_is_playing (klive_broadcast_get_entry (broadcast)) };
  return state;
}

static void
update_link (KliveSupervisor *supervisor, const char *entry_id)
{
  KliveIndexState primary = index_state (supervisor, entry_id, 0);
  KliveIndexState backup = index_state (supervisor, entry_id, 1);
  gint current = klive_folder_get_live (supervisor->config->state_dir, entry_id);
  gint wanted = klive_folder_choose_live (&primary, &backup, current);
  for (gint index = 0; index < 2; index++) {
    KliveBroadcast *other = index == wanted ? NULL : klive_supervisor_find (supervisor, entry_id, index);
    if (other)
      klive_broadcast_forget_plain (other);
  }
  KliveBroadcast *broadcast = klive_supervisor_find (supervisor, entry_id, wanted);
  if (wanted < 0 || wanted == current || (current >= 0 && broadcast && !klive_broadcast_take_plain (broadcast)))
    return;
  g_autoptr (GError) error = NULL;
  if (!klive_folder_set_live (supervisor->config->state_dir, entry_id, wanted, &error)) {
    klive_log (KLIVE_LOG_ERROR, "plain-url", entry_id, NULL, "message", error->message, NULL);
    return; /* the worker stays prepared for the next try */
  }
  if (broadcast)
    klive_broadcast_forget_plain (broadcast);
  klive_log (KLIVE_LOG_INFO, "plain-url", entry_id, NULL, "index", wanted == 0 ? "0" : "1", NULL);
}

/* --- what broadcasts tell --- */

typedef struct {
  KliveSupervisor *supervisor;
  char *key;
  gint64 serial;
} Drop;

static void
on_dropped (GObject *source, GAsyncResult *result, gpointer data)
{
  Drop *drop = data;
  g_autoptr (GError) error = NULL;
  gint count = klive_nginx_control_drop_finish (result, &error);
  if (count >= 0) {
    KliveBroadcast *broadcast = g_hash_table_lookup (drop->supervisor->broadcasts, drop->key);
    if (broadcast)
      klive_entry_dropped (klive_broadcast_get_entry (broadcast), drop->serial, (guint) count);
  } else if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
    klive_log (KLIVE_LOG_WARNING, "publisher-not-dropped", NULL, NULL, "message", error->message, NULL);
  }
  g_free (drop->key);
  g_free (drop);
}

static void
on_drop (KliveBroadcast *broadcast, const KlivePublisher *publisher, gpointer data)
{
  KliveSupervisor *supervisor = data;
  Drop *drop = g_new0 (Drop, 1);
  drop->supervisor = supervisor;
  drop->key = key_of (broadcast);
  drop->serial = publisher->serial;
  klive_nginx_control_drop_async (klive_nginx_get_control (supervisor->nginx), publisher->app, publisher->name,
      on_dropped, drop);
}

static void
on_changed (KliveBroadcast *broadcast, gpointer data)
{
  update_link (data, klive_entry_get_id (klive_broadcast_get_entry (broadcast)));
}

static void
check_all_ended (KliveSupervisor *supervisor)
{
  if (!supervisor->on_end || g_hash_table_size (supervisor->broadcasts))
    return;
  g_idle_add (supervisor->on_end, supervisor->end_data);
  supervisor->on_end = NULL;
}

static void
on_over (KliveBroadcast *broadcast, gpointer data)
{
  KliveSupervisor *supervisor = data;
  g_autofree char *key = key_of (broadcast);
  g_autofree char *entry_id = g_strdup (klive_entry_get_id (klive_broadcast_get_entry (broadcast)));
  drop_links (supervisor, broadcast, NULL);
  klive_retention_add (supervisor->retention, klive_broadcast_steal_record (broadcast));
  klive_uploader_broadcast_is_over (supervisor->uploader, entry_id,
      klive_entry_get_index (klive_broadcast_get_entry (broadcast)));
  g_hash_table_remove (supervisor->broadcasts, key);
  update_link (supervisor, entry_id);
  check_all_ended (supervisor);
}

/* @record: (transfer full), @info: (transfer full) (nullable) */
static KliveBroadcast *
add (KliveSupervisor *supervisor, KliveRecord *record, KalturaEntry *info)
{
  char *key = make_key (record->entry_id, record->index);
  KliveBroadcast *broadcast = klive_broadcast_new (&supervisor->context, record, info);
  g_hash_table_insert (supervisor->broadcasts, key, broadcast);
  klive_uploader_broadcast_runs (supervisor->uploader, record->entry_id, record->index);
  return broadcast;
}

/* --- nginx --- */

static void
on_listed (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GHashTable) names = klive_nginx_control_list_finish (result, &error);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  if (!names) {
    klive_log (KLIVE_LOG_WARNING, "streams-not-listed", NULL, NULL, "message", error->message, NULL);
    return;
  }
  KliveSupervisor *supervisor = data;
  g_autoptr (GList) broadcasts = g_hash_table_get_values (supervisor->broadcasts);
  for (GList *item = broadcasts; item; item = item->next)
    klive_entry_keep (klive_broadcast_get_entry (item->data), names, supervisor->listed_serial);
}

/* Finds publishers that have left without a hook that came here, such as while no launcher was there. */
static gboolean
compare_with_nginx (gpointer data)
{
  KliveSupervisor *supervisor = data;
  if (!klive_nginx_is_ready (supervisor->nginx) || !g_hash_table_size (supervisor->broadcasts))
    return G_SOURCE_CONTINUE;
  supervisor->listed_serial = MAX (supervisor->started_serial, g_get_real_time () / 1000 - COMPARE_AGE);
  klive_nginx_control_list_async (klive_nginx_get_control (supervisor->nginx), on_listed, supervisor);
  return G_SOURCE_CONTINUE;
}

void
klive_supervisor_nginx_ready (KliveSupervisor *supervisor)
{
  compare_with_nginx (supervisor);
}

void
klive_supervisor_nginx_lost (KliveSupervisor *supervisor)
{
  g_autoptr (GList) broadcasts = g_hash_table_get_values (supervisor->broadcasts);
  for (GList *item = broadcasts; item; item = item->next)
    klive_entry_lose_all (klive_broadcast_get_entry (item->data));
}

/* --- wires --- */

static KliveBroadcast *
find_by_hello (KliveSupervisor *supervisor, JsonObject *hello)
{
  const char *entry_id = klive_message_get_string (hello, "entry", "");
  gint64 index = klive_message_get_int (hello, "index", -1);
  if (!kaltura_entry_id_is_valid (entry_id) || index < 0 || index > 1)
    return NULL;
  return klive_supervisor_find (supervisor, entry_id, (gint) index);
}

static void
on_hello (Link *link, JsonObject *hello)
{
  KliveSupervisor *supervisor = link->supervisor;
  KliveBroadcast *broadcast = find_by_hello (supervisor, hello);
  guint64 adopted = supervisor->counters.adopted;
  g_clear_handle_id (&link->timeout, g_source_remove);
  if (!broadcast || !klive_broadcast_connect (broadcast, link->wire, link->pid, hello)) {
    klive_log (KLIVE_LOG_WARNING, "worker-turned-away", klive_message_get_string (hello, "entry", NULL), NULL,
        "message", "nobody knows it, or another one does its work", NULL);
    klive_wire_send (link->wire, klive_message_new_strings ("end", "reason", "not wanted", NULL));
    return;
  }
  link->broadcast = broadcast;
  drop_links (supervisor, broadcast, link); /* an older wire of this worker, which is closed now */
  supervisor->last_serial =
      MAX (supervisor->last_serial, klive_entry_get_last_serial (klive_broadcast_get_entry (broadcast)));
  if (supervisor->counters.adopted > adopted)
    compare_with_nginx (supervisor);
}

static void
on_wire_message (KliveWire *wire, JsonObject *message, gpointer data)
{
  Link *link = data;
  if (link->broadcast)
    klive_broadcast_message (link->broadcast, message);
  else if (strcmp (klive_message_get_type (message), "hello") == 0)
    on_hello (link, message);
}

static void
on_wire_closed (KliveWire *wire, const GError *error, gpointer data)
{
  Link *link = data;
  if (link->broadcast) {
    if (error)
      klive_log (KLIVE_LOG_WARNING, "worker-wire-failed",
          klive_entry_get_id (klive_broadcast_get_entry (link->broadcast)), NULL, "message", error->message, NULL);
    klive_broadcast_disconnect (link->broadcast); /* frees the wire */
  }
  g_ptr_array_remove (link->supervisor->links, link);
}

static gboolean
on_hello_timeout (gpointer data)
{
  Link *link = data;
  link->timeout = 0;
  g_ptr_array_remove (link->supervisor->links, link);
  return G_SOURCE_REMOVE;
}

static gboolean
on_connection (GSocketService *service, GSocketConnection *connection, GObject *source, gpointer data)
{
  KliveSupervisor *supervisor = data;
  g_autoptr (GCredentials) peer = g_socket_get_credentials (g_socket_connection_get_socket (connection), NULL);
  if (!peer || g_credentials_get_unix_user (peer, NULL) != geteuid ())
    return TRUE;
  Link *link = g_new0 (Link, 1);
  link->supervisor = supervisor;
  link->pid = g_credentials_get_unix_pid (peer, NULL);
  link->wire = klive_wire_new (G_IO_STREAM (connection), on_wire_message, on_wire_closed, link);
  link->timeout = g_timeout_add_seconds (HELLO_TIMEOUT, on_hello_timeout, link);
  g_ptr_array_add (supervisor->links, link);
  return TRUE;
}

static gboolean
listen_for_workers (KliveSupervisor *supervisor, GError **error)
{
  g_autofree char *path = g_build_filename (supervisor->config->state_dir, "launcher.sock", NULL);
  g_autoptr (GSocketAddress) address = g_unix_socket_address_new (path);
  unlink (path); /* ours: the state directory is locked */
  supervisor->service = g_socket_service_new ();
  if (!g_socket_listener_add_address (G_SOCKET_LISTENER (supervisor->service), address, G_SOCKET_TYPE_STREAM,
          G_SOCKET_PROTOCOL_DEFAULT, NULL, NULL, error)) {
    g_prefix_error (error, "cannot listen on %s: ", path);
    return FALSE;
  }
  chmod (path, 0600);
  g_signal_connect (supervisor->service, "incoming", G_CALLBACK (on_connection), supervisor);
  return TRUE;
}

/* --- start and end --- */

/* @record: (transfer full), of an earlier launcher. */
static void
take_record (KliveSupervisor *supervisor, KliveRecord *record)
{
  const KalturaConfig *config = supervisor->config;
  if (record->remove_at == 0 && record->info && klive_child_is_worker (record->entry_id, record->index, record->pid)) {
    g_autofree char *info = kaltura_entry_to_json (record->info);
    klive_broadcast_expect_worker (add (supervisor, record, kaltura_entry_new_from_json (info, NULL)));
    return;
  }
  if (record->remove_at == 0) /* it ended while no launcher was there */
    record->remove_at = g_get_real_time () / G_USEC_PER_SEC + klive_broadcast_get_window (config, record->info);
  record->pid = 0;
  klive_retention_add (supervisor->retention, record);
}

static gboolean
renew_session_strings (gpointer data)
{
  KliveSupervisor *supervisor = data;
  GHashTableIter iter;
  gpointer broadcast;
  g_hash_table_iter_init (&iter, supervisor->broadcasts);
  while (g_hash_table_iter_next (&iter, NULL, &broadcast))
    klive_broadcast_renew_ks (broadcast);
  return G_SOURCE_CONTINUE;
}

/* Whoever goes on with a broadcast of before has had the time for it. */
static gboolean
on_grace_over (gpointer data)
{
  KliveSupervisor *supervisor = data;
  supervisor->others_timer = 0;
  klive_uploader_others_are_over (supervisor->uploader);
  return G_SOURCE_REMOVE;
}

gboolean
klive_supervisor_start (KliveSupervisor *supervisor, GError **error)
{
  if (!listen_for_workers (supervisor, error))
    return FALSE;
  klive_folder_empty_trash (supervisor->config->state_dir);
  g_autoptr (GPtrArray) records = klive_record_load_all (supervisor->config->state_dir);
  g_ptr_array_set_free_func (records, NULL);
  for (guint i = 0; i < records->len; i++)
    take_record (supervisor, records->pdata[i]);
  supervisor->compare_timer = g_timeout_add_seconds (COMPARE_INTERVAL, compare_with_nginx, supervisor);
  supervisor->others_timer = g_timeout_add_seconds (supervisor->config->grace, on_grace_over, supervisor);
  supervisor->ks_timer = g_timeout_add_seconds (KLIVE_KS_LIFETIME / 2, renew_session_strings, supervisor);
  return TRUE;
}

void
klive_supervisor_end (KliveSupervisor *supervisor, guint timeout_ms, GSourceFunc done, gpointer user_data)
{
  supervisor->ending = TRUE;
  supervisor->on_end = done;
  supervisor->end_data = user_data;
  g_autoptr (GList) broadcasts = g_hash_table_get_values (supervisor->broadcasts);
  for (GList *item = broadcasts; item; item = item->next)
    klive_broadcast_end (item->data, timeout_ms);
  check_all_ended (supervisor);
}

/* --- publishers --- */

static KliveRefusal *
refuse_as_full (KliveSupervisor *supervisor)
{
  guint limit = supervisor->config->max_entries;
  if (!limit || g_hash_table_size (supervisor->broadcasts) < limit)
    return NULL;
  g_autofree char *message = g_strdup_printf ("%u broadcasts are on air, as many as max-entries allows", limit);
  return klive_refusal_new (KLIVE_REFUSED_ENTRIES, message);
}

static KliveRefusal *
refuse_as_fighter (KliveSupervisor *supervisor, KliveBroadcast *broadcast, const KliveHook *hook)
{
  const KlivePublisher *present = klive_entry_find_stream (klive_broadcast_get_entry (broadcast), hook->name);
  g_autofree char *key = g_strdup_printf ("%s@%d", hook->name, hook->broadcast->server_index);
  if (!present || !klive_refusals_is_fought_over (supervisor->refusals, key, g_get_monotonic_time ()))
    return NULL;
  g_autofree char *message = g_strdup_printf ("two encoders throw each other out; %s stays on air",
      present->address ? present->address : "the present one");
  return klive_refusal_new (KLIVE_REFUSED_FIGHT, message);
}

void
klive_supervisor_set_draining (KliveSupervisor *supervisor, gboolean draining)
{
  supervisor->draining = draining;
}

gboolean
klive_supervisor_is_draining (const KliveSupervisor *supervisor)
{
  return supervisor->draining;
}

KliveRefusal *
klive_supervisor_refuse (KliveSupervisor *supervisor, const KliveHook *hook)
{
  if (supervisor->ending)
    return klive_refusal_new (KLIVE_REFUSED_STOPPING, "klive is shutting down");
  KliveBroadcast *broadcast =
      klive_supervisor_find (supervisor, hook->broadcast->entry_id, hook->broadcast->server_index);
  if (broadcast)
    return refuse_as_fighter (supervisor, broadcast, hook);
  if (supervisor->draining)
    return klive_refusal_new (KLIVE_REFUSED_DRAINING, "an operator lets no new broadcast in");
  return refuse_as_full (supervisor);
}

static gint64
next_serial (KliveSupervisor *supervisor)
{
  gint64 now = g_get_real_time () / 1000;
  supervisor->last_serial = MAX (now, supervisor->last_serial + 1);
  return supervisor->last_serial;
}

static KliveBroadcast *
find_or_add (KliveSupervisor *supervisor, const char *entry_id, gint index)
{
  KliveBroadcast *broadcast = klive_supervisor_find (supervisor, entry_id, index);
  if (broadcast)
    return broadcast;
  KliveRecord *record = klive_retention_take (supervisor->retention, entry_id, index);
  return add (supervisor, record ? record : klive_record_new (entry_id, index), NULL);
}

const char *
klive_supervisor_open (KliveSupervisor *supervisor, const KliveHook *hook, KalturaEntry *info, KliveOpenFunc on_open,
    gpointer user_data, GError **error)
{
  KliveBroadcast *broadcast = find_or_add (supervisor, hook->broadcast->entry_id, hook->broadcast->server_index);
  const char *name = klive_broadcast_open (broadcast, hook, info, next_serial (supervisor), on_open, user_data, error);
  if (!name && klive_broadcast_is_idle (broadcast))
    klive_broadcast_end (broadcast, 1);
  return name;
}

void
klive_supervisor_let_in (KliveSupervisor *supervisor, const char *name)
{
  GHashTableIter iter;
  gpointer broadcast;
  g_hash_table_iter_init (&iter, supervisor->broadcasts);
  while (g_hash_table_iter_next (&iter, NULL, &broadcast)) {
    KliveEntry *entry = klive_broadcast_get_entry (broadcast);
    for (guint i = 0; i < klive_entry_count_publishers (entry); i++) {
      const KlivePublisher *publisher = klive_entry_get_publisher (entry, i);
      if (strcmp (publisher->name, name) == 0) {
        klive_entry_let_in (entry, publisher->serial);
        return;
      }
    }
  }
}

void
klive_supervisor_gone (KliveSupervisor *supervisor, const KliveHook *hook)
{
  GHashTableIter iter;
  gpointer broadcast;
  g_hash_table_iter_init (&iter, supervisor->broadcasts);
  while (g_hash_table_iter_next (&iter, NULL, &broadcast))
    if (klive_entry_gone (klive_broadcast_get_entry (broadcast), hook->client_id, hook->call))
      return;
}

guint
klive_supervisor_split (KliveSupervisor *supervisor, const char *entry_id)
{
  guint told = 0;
  for (gint index = 0; index <= 1; index++) {
    KliveBroadcast *broadcast = klive_supervisor_find (supervisor, entry_id, index);
    told += broadcast && klive_broadcast_send (broadcast, klive_message_new ("split"));
  }
  return told;
}

JsonArray *
klive_supervisor_describe (KliveSupervisor *supervisor)
{
  JsonArray *array = json_array_new ();
  g_autoptr (GList) keys = g_list_sort (g_hash_table_get_keys (supervisor->broadcasts), (GCompareFunc) strcmp);
  for (GList *item = keys; item; item = item->next) {
    KliveBroadcast *broadcast = g_hash_table_lookup (supervisor->broadcasts, item->data);
    json_array_add_object_element (array, klive_broadcast_describe (broadcast));
  }
  return array;
}

const KliveBroadcastCounters *
klive_supervisor_get_counters (const KliveSupervisor *supervisor)
{
  return &supervisor->counters;
}

KliveSupervisor *
klive_supervisor_new (const KalturaConfig *config, KalturaClient *client, KliveNginx *nginx, KliveRefusals *refusals,
    KliveReporter *reporter, KliveUploader *uploader)
{
  KliveSupervisor *supervisor = g_new0 (KliveSupervisor, 1);
  const KliveBroadcastContext context = { config, client, refusals, reporter, &supervisor->counters, on_drop,
    on_changed, on_over, supervisor };
  supervisor->config = config;
  supervisor->client = kaltura_client_ref (client);
  supervisor->nginx = nginx;
  supervisor->refusals = refusals;
  supervisor->uploader = uploader;
  supervisor->context = context;
  supervisor->retention = klive_retention_new (config->state_dir);
  supervisor->broadcasts =
      g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) klive_broadcast_free);
  supervisor->links = g_ptr_array_new_with_free_func (link_free);
  supervisor->started_serial = g_get_real_time () / 1000;
  return supervisor;
}

void
klive_supervisor_free (KliveSupervisor *supervisor)
{
  g_clear_handle_id (&supervisor->ks_timer, g_source_remove);
  g_clear_handle_id (&supervisor->compare_timer, g_source_remove);
  g_clear_handle_id (&supervisor->others_timer, g_source_remove);
  if (supervisor->service) {
    g_socket_service_stop (supervisor->service);
    g_socket_listener_close (G_SOCKET_LISTENER (supervisor->service));
    g_object_unref (supervisor->service);
  }
  g_ptr_array_unref (supervisor->links); /* those of broadcasts leave the wire to them */
  g_hash_table_unref (supervisor->broadcasts);
  klive_retention_free (supervisor->retention);
  kaltura_client_unref (supervisor->client);
  g_free (supervisor);
}
