/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Broadcasts and their workers. Owned by klive-serve.c; fed by klive-publish.c and klive-http.c (what nginx says), by
 * the wires of the workers, and by klive-nginx.c. Main thread.
 *
 * A Slot is one broadcast: entry (the state machine), child (the process), record (on disk). It lives from the first
 * admitted publisher, or from the record of an earlier launcher's worker, until its worker has ended with nobody left.
 * A Link is the wire of a worker; until the hello it belongs to no slot.
 */
#include "klive-supervisor.h"

#include "kaltura-error.h"
#include "klive-folder.h"
#include "klive-log.h"
#include "klive-nginx-config.h"
#include "klive-requests.h"

#include <errno.h>
#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HELLO_TIMEOUT 10    /* s, from connecting to the hello */
#define COMPARE_INTERVAL 30 /* s, between two looks at nginx's streams */
#define COMPARE_AGE 5000    /* ms; a publisher may be on its way into nginx for so long */
#define FINISH_ATTEMPTS 2   /* workers that are started only to end what a dead one has left */
#define CONTENT_BLOCKED "SERVICE_FORBIDDEN_CONTENT_BLOCKED"
#define BLOCK_TIME 60 /* s */

typedef struct {
  KliveSupervisor *supervisor;
  char *key; /* "0_rkij47dr/0" */
  KliveEntry *entry;
  KliveChild *child;
  KliveRecord *record;
  KliveRequests *requests;
  gboolean adopting;        /* the next hello is that of a worker of an earlier launcher */
  guint finishing;          /* attempts at finishing; 0 = the broadcast is wanted */
  gboolean owes_unregister; /* a worker died while it was registered */
} Slot;

typedef struct {
  KliveSupervisor *supervisor;
  KliveWire *wire;
  Slot *slot; /* NULL until the hello */
  GPid pid;   /* of the peer, from the kernel */
  guint timeout;
} Link;

struct _KliveSupervisor {
  const KalturaConfig *config;
  KalturaClient *client;
  KliveNginx *nginx;
  KliveRefusals *refusals;
  KliveReporter *reporter;
  GHashTable *slots; /* key -> Slot */
  GPtrArray *links;  /* of Link */
  GPtrArray *ended;  /* of KliveRecord: folders that wait for their removal */
  GSocketService *service;
  GCancellable *cancellable;
  guint ks_timer;
  guint removal_timer;
  gint64 last_serial;
  gint64 listed_serial;  /* the last one that nginx must have known when it was asked for its streams */
  gint64 started_serial; /* of this launcher's start: older ones are adopted */
  guint compare_timer;
  guint end_timeout; /* ms; ending when @on_end is set */
  GSourceFunc on_end;
  gpointer end_data;
  KliveSupervisorCounters counters;
};

static void update_link (KliveSupervisor *supervisor, const char *entry_id);

static char *
make_key (const char *entry_id, gint index)
{
  return g_strdup_printf ("%s/%d", entry_id, index);
}

static Slot *
find_slot (KliveSupervisor *supervisor, const char *entry_id, gint index)
{
  g_autofree char *key = make_key (entry_id, index);
  return g_hash_table_lookup (supervisor->slots, key);
}

/* The wire itself is the child's. */
static void
drop_links (Slot *slot)
{
  GPtrArray *links = slot->supervisor->links;
  for (guint i = links->len; i > 0; i--)
    if (((Link *) links->pdata[i - 1])->slot == slot)
      g_ptr_array_remove_index (links, i - 1);
}

static void
slot_free (gpointer data)
{
  Slot *slot = data;
  drop_links (slot);
  klive_requests_free (slot->requests);
  klive_entry_free (slot->entry);
  klive_child_free (slot->child);
  g_clear_pointer (&slot->record, klive_record_free);
  g_free (slot->key);
  g_free (slot);
}

static void
save_record (Slot *slot)
{
  g_autoptr (GError) error = NULL;
  slot->record->pid = klive_child_get_pid (slot->child);
  if (!klive_record_save (slot->supervisor->config->state_dir, slot->record, &error))
    klive_log (KLIVE_LOG_WARNING, "record-not-saved", slot->record->entry_id, NULL, "message", error->message, NULL);
}

/* --- what the state machine wants --- */

static void
send_to_worker (KliveEntry *entry, JsonObject *message, gpointer data)
{
  Slot *slot = data;
  if (strcmp (klive_message_get_type (message), "session-open") == 0) {
    json_object_set_string_member (message, "host", "127.0.0.1");
    json_object_set_int_member (message, "port", slot->supervisor->config->rtmp_port);
  }
  klive_child_send (slot->child, message);
}

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
  gint count = klive_nginx_drop_finish (result, &error);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
    /* nginx and supervisor may be gone */
  } else if (count < 0) {
    klive_log (KLIVE_LOG_WARNING, "publisher-not-dropped", NULL, NULL, "message", error->message, NULL);
  } else {
    Slot *slot = g_hash_table_lookup (drop->supervisor->slots, drop->key);
    if (slot)
      klive_entry_dropped (slot->entry, drop->serial, (guint) count);
  }
  g_free (drop->key);
  g_free (drop);
}

static void
drop_publisher (KliveEntry *entry, const KlivePublisher *publisher, gpointer data)
{
  Slot *slot = data;
  Drop *drop = g_new0 (Drop, 1);
  drop->supervisor = slot->supervisor;
  drop->key = g_strdup (slot->key);
  drop->serial = publisher->serial;
  klive_nginx_drop_async (slot->supervisor->nginx, publisher->app, publisher->name, on_dropped, drop);
}

static char *
fight_key (const char *stream, gint index)
{
  return g_strdup_printf ("%s@%d", stream, index);
}

static void
note_replacement (KliveEntry *entry, const KlivePublisher *publisher, gpointer data)
{
  Slot *slot = data;
  g_autofree char *key = fight_key (publisher->stream, slot->record->index);
  klive_refusals_note_replacement (slot->supervisor->refusals, key, g_get_monotonic_time ());
}

static const KliveEntryActions entry_actions = { send_to_worker, drop_publisher, note_replacement };

/* --- ends --- */

static gboolean remove_due_folders (gpointer data);

/* How long an ended broadcast stays readable: as long as the window that its playlists show. */
static gint64
get_window (const KalturaConfig *config, const KalturaEntry *info)
{
  guint segment = info && info->segment_duration ? (info->segment_duration + 999) / 1000 : config->segment_duration;
  guint dvr = info ? kaltura_entry_get_dvr_seconds (info, config->max_dvr_window) : config->max_dvr_window;
  return MAX (dvr, config->playlist_length * segment);
}

static void
check_all_ended (KliveSupervisor *supervisor)
{
  if (!supervisor->on_end || g_hash_table_size (supervisor->slots))
    return;
  g_idle_add (supervisor->on_end, supervisor->end_data);
  supervisor->on_end = NULL;
}

/* The broadcast is over, nobody publishes and no worker runs. Frees @slot. */
static void
finish (Slot *slot)
{
  KliveSupervisor *supervisor = slot->supervisor;
  g_autofree char *entry_id = g_strdup (klive_entry_get_id (slot->entry));
  slot->record->remove_at =
      g_get_real_time () / G_USEC_PER_SEC + get_window (supervisor->config, klive_entry_get_info (slot->entry));
  save_record (slot);
  klive_log (KLIVE_LOG_INFO, "broadcast-ended", entry_id, NULL, "index", slot->record->index == 0 ? "0" : "1", NULL);
  if (slot->owes_unregister)
    klive_requests_unregister (slot->requests);
  g_ptr_array_add (supervisor->ended, g_steal_pointer (&slot->record));
  g_hash_table_remove (supervisor->slots, slot->key);
  update_link (supervisor, entry_id);
  remove_due_folders (supervisor);
  check_all_ended (supervisor);
}

/* A worker died in mid-broadcast and its publisher is gone too: another one writes the ends of the playlists. */
static gboolean
needs_finishing (const Slot *slot)
{
  const char *state = klive_entry_get_state (slot->entry);
  return slot->finishing < FINISH_ATTEMPTS && (strcmp (state, "on-air") == 0 || strcmp (state, "grace") == 0);
}

static void
on_worker_exited (KliveChild *child, KliveChildEnd end, gpointer data)
{
  Slot *slot = data;
  KliveSupervisor *supervisor = slot->supervisor;
  drop_links (slot);
  klive_entry_worker_disconnected (slot->entry);
  slot->adopting = FALSE;
  supervisor->counters.died += end == KLIVE_CHILD_DIED;
  slot->owes_unregister |= end == KLIVE_CHILD_DIED && klive_entry_is_registered (slot->entry);
  if (supervisor->on_end) {
    klive_entry_lose_all (slot->entry);
    finish (slot);
  } else if (klive_entry_count_publishers (slot->entry)) {
    slot->finishing = 0;
    klive_child_start_later (child);
  } else if (end == KLIVE_CHILD_DIED && needs_finishing (slot)) {
    slot->finishing++;
    klive_child_start_later (child);
  } else {
    finish (slot);
  }
}

static const KliveChildEvents child_events = { on_worker_exited };

static KliveRecord *
take_ended (KliveSupervisor *supervisor, const char *entry_id, gint index)
{
  for (guint i = 0; i < supervisor->ended->len; i++) {
    KliveRecord *record = supervisor->ended->pdata[i];
    if (record->index == index && strcmp (record->entry_id, entry_id) == 0)
      return g_ptr_array_steal_index (supervisor->ended, i);
  }
  return NULL;
}

static gboolean
remove_due_folders (gpointer data)
{
  KliveSupervisor *supervisor = data;
  gint64 now = g_get_real_time () / G_USEC_PER_SEC;
  gint64 next = G_MAXINT64;
  for (guint i = supervisor->ended->len; i > 0; i--) {
    KliveRecord *record = supervisor->ended->pdata[i - 1];
    if (record->remove_at > now) {
      next = MIN (next, record->remove_at);
      continue;
    }
    klive_log (KLIVE_LOG_INFO, "folder-removed", record->entry_id, NULL, "index", record->index == 0 ? "0" : "1", NULL);
    klive_folder_remove (supervisor->config->state_dir, record->entry_id, record->index);
    klive_record_delete (supervisor->config->state_dir, record);
    g_ptr_array_remove_index (supervisor->ended, i - 1);
  }
  g_clear_handle_id (&supervisor->removal_timer, g_source_remove);
  if (next != G_MAXINT64) /* not all at once: the clock may be set */
    supervisor->removal_timer =
        g_timeout_add_seconds ((guint) CLAMP (next - now, 1, 60), remove_due_folders, supervisor);
  return G_SOURCE_REMOVE;
}

/* --- the link of the plain URLs --- */

static KliveIndexState
index_state (KliveSupervisor *supervisor, const char *entry_id, gint index)
{
  Slot *slot = find_slot (supervisor, entry_id, index);
  KliveIndexState state = { slot != NULL, slot && klive_entry_is_playing (slot->entry) };
  return state;
}

static void
update_link (KliveSupervisor *supervisor, const char *entry_id)
{
  KliveIndexState primary = index_state (supervisor, entry_id, 0);
  KliveIndexState backup = index_state (supervisor, entry_id, 1);
  gint current = klive_folder_get_live (supervisor->config->state_dir, entry_id);
  gint wanted = klive_folder_choose_live (&primary, &backup, current);
  if (wanted < 0 || wanted == current)
    return;
  g_autoptr (GError) error = NULL;
  if (klive_folder_set_live (supervisor->config->state_dir, entry_id, wanted, &error))
    klive_log (KLIVE_LOG_INFO, "plain-url", entry_id, NULL, "index", wanted == 0 ? "0" : "1", NULL);
  else
    klive_log (KLIVE_LOG_ERROR, "plain-url", entry_id, NULL, "message", error->message, NULL);
}

/* --- messages of workers --- */

static void
on_register_failed (Slot *slot, JsonObject *message)
{
  KliveSupervisor *supervisor = slot->supervisor;
  const char *code = klive_message_get_string (message, "code", "");
  const char *text = klive_message_get_string (message, "message", "");
  if (strcmp (code, "MEDIA_SERVER_NOT_FOUND") == 0) {
    klive_reporter_report_now (supervisor->reporter, NULL, NULL);
  } else if (strcmp (code, CONTENT_BLOCKED) == 0) {
    g_autoptr (KliveRefusal) refusal = klive_refusal_new (code, text);
    klive_log (KLIVE_LOG_WARNING, "publish-kicked", klive_entry_get_id (slot->entry), NULL, "code", code, "message",
        text, NULL);
    klive_refusals_block (supervisor->refusals, klive_entry_get_id (slot->entry), refusal, BLOCK_TIME,
        g_get_monotonic_time ());
    klive_entry_kick (slot->entry);
  }
}

static void
send_ks (Slot *slot)
{
  g_autofree char *ks = klive_requests_make_ks (slot->requests);
  klive_child_send (slot->child, klive_message_new_strings ("ks", "ks", ks, NULL));
}

static void
on_slot_message (Slot *slot, JsonObject *message)
{
  const char *type = klive_message_get_type (message);
  if (strcmp (type, "profile-request") == 0)
    klive_requests_profile (slot->requests, message);
  else if (strcmp (type, "ks-request") == 0)
    send_ks (slot);
  else if (strcmp (type, "register-failed") == 0)
    on_register_failed (slot, message);
  else
    klive_entry_worker_message (slot->entry, message);
  if (strcmp (type, "registered") == 0)
    slot->owes_unregister = FALSE;
  if (strcmp (type, "status") == 0)
    update_link (slot->supervisor, klive_entry_get_id (slot->entry));
}

static void
on_reply (JsonObject *message, gpointer data)
{
  Slot *slot = data;
  gboolean failed = json_object_has_member (message, "error");
  slot->supervisor->counters.profiles += !failed;
  slot->supervisor->counters.profile_failures += failed;
  klive_child_send (slot->child, message);
}

static Slot *
add_slot (KliveSupervisor *supervisor, KliveRecord *record, KalturaEntry *info)
{
  Slot *slot = g_new0 (Slot, 1);
  slot->supervisor = supervisor;
  slot->key = make_key (record->entry_id, record->index);
  slot->record = record;
  slot->entry = klive_entry_new (record->entry_id, record->index, info, &entry_actions, slot);
  slot->child = klive_child_new (supervisor->config, record->entry_id, record->index, &child_events, slot);
  slot->requests = klive_requests_new (supervisor->config, supervisor->client, slot->entry, on_reply, slot);
  g_hash_table_insert (supervisor->slots, slot->key, slot);
  return slot;
}

/* --- wires --- */

static void
link_free (gpointer data)
{
  Link *link = data;
  g_clear_handle_id (&link->timeout, g_source_remove);
  if (!link->slot)
    g_clear_pointer (&link->wire, klive_wire_free);
  g_free (link);
}

static void
on_listed (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GHashTable) names = klive_nginx_list_finish (result, &error);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  if (!names) {
    klive_log (KLIVE_LOG_WARNING, "streams-not-listed", NULL, NULL, "message", error->message, NULL);
    return;
  }
  KliveSupervisor *supervisor = data;
  g_autoptr (GList) slots = g_hash_table_get_values (supervisor->slots);
  for (GList *item = slots; item; item = item->next)
    klive_entry_keep (((Slot *) item->data)->entry, names, supervisor->listed_serial);
}

/* Finds publishers that have left without a hook that came here, such as while no launcher was there. */
static void
compare_with_nginx (KliveSupervisor *supervisor)
{
  if (!klive_nginx_is_ready (supervisor->nginx) || !g_hash_table_size (supervisor->slots))
    return;
  supervisor->listed_serial = MAX (supervisor->started_serial, g_get_real_time () / 1000 - COMPARE_AGE);
  klive_nginx_list_async (supervisor->nginx, on_listed, supervisor);
}

static gboolean
on_compare_timer (gpointer data)
{
  compare_with_nginx (data);
  return G_SOURCE_CONTINUE;
}

static Slot *
slot_of_hello (KliveSupervisor *supervisor, JsonObject *hello)
{
  const char *entry_id = klive_message_get_string (hello, "entry", "");
  gint64 index = klive_message_get_int (hello, "index", -1);
  if (!kaltura_entry_id_is_valid (entry_id) || index < 0 || index > 1)
    return NULL;
  return find_slot (supervisor, entry_id, (gint) index);
}

/* Nobody here knows this worker, or another one does its work: it is to end in order. */
static void
turn_away (Link *link, JsonObject *hello)
{
  klive_log (KLIVE_LOG_WARNING, "worker-turned-away", klive_message_get_string (hello, "entry", NULL), NULL, NULL);
  klive_wire_send (link->wire, klive_message_new_strings ("end", "reason", "not wanted", NULL));
}

static void
on_hello (Link *link, JsonObject *hello)
{
  KliveSupervisor *supervisor = link->supervisor;
  Slot *slot = slot_of_hello (supervisor, hello);
  g_clear_handle_id (&link->timeout, g_source_remove);
  if (!slot || !klive_child_connect (slot->child, link->wire, link->pid)) {
    turn_away (link, hello);
    return;
  }
  drop_links (slot); /* an older wire of this worker, which is closed now */
  link->slot = slot;
  gboolean adopted = slot->adopting;
  slot->adopting = FALSE;
  klive_log (KLIVE_LOG_INFO, adopted ? "worker-adopted" : "worker-connected", slot->record->entry_id, NULL, "index",
      slot->record->index == 0 ? "0" : "1", "state", klive_message_get_string (hello, "state", NULL), NULL);
  klive_child_send (slot->child, klive_requests_make_welcome (slot->requests));
  klive_entry_worker_connected (slot->entry, hello, adopted);
  supervisor->last_serial = MAX (supervisor->last_serial, klive_entry_get_last_serial (slot->entry));
  save_record (slot);
  update_link (supervisor, slot->record->entry_id);
  if (adopted) {
    supervisor->counters.adopted++;
    compare_with_nginx (supervisor);
  }
  if (supervisor->on_end)
    klive_child_end (slot->child, "shutdown", supervisor->end_timeout);
  else if (slot->finishing && !klive_entry_count_publishers (slot->entry))
    klive_child_end (slot->child, "its publisher has left", 8000);
}

static void
on_wire_message (KliveWire *wire, JsonObject *message, gpointer data)
{
  Link *link = data;
  if (link->slot)
    on_slot_message (link->slot, message);
  else if (strcmp (klive_message_get_type (message), "hello") == 0)
    on_hello (link, message);
}

static void
on_wire_closed (KliveWire *wire, const GError *error, gpointer data)
{
  Link *link = data;
  KliveSupervisor *supervisor = link->supervisor;
  Slot *slot = link->slot;
  if (slot) {
    if (error)
      klive_log (KLIVE_LOG_WARNING, "worker-wire-failed", slot->record->entry_id, NULL, "message", error->message,
          NULL);
    klive_entry_worker_disconnected (slot->entry);
    klive_child_disconnect (slot->child); /* frees the wire */
  }
  g_ptr_array_remove (supervisor->links, link);
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

/* --- start --- */

static void
adopt_record (KliveSupervisor *supervisor, KliveRecord *record)
{
  const char *state_dir = supervisor->config->state_dir;
  if (record->remove_at == 0 && record->info && klive_child_is_worker (record->entry_id, record->index, record->pid)) {
    GPid pid = record->pid;
    g_autofree char *info = kaltura_entry_to_json (record->info);
    Slot *slot = add_slot (supervisor, record, kaltura_entry_new_from_json (info, NULL));
    slot->adopting = TRUE;
    klive_child_expect (slot->child, pid);
    return;
  }
  if (record->remove_at == 0) { /* it ended while no launcher was there */
    record->pid = 0;
    record->remove_at = g_get_real_time () / G_USEC_PER_SEC + get_window (supervisor->config, record->info);
    klive_record_save (state_dir, record, NULL);
  }
  g_ptr_array_add (supervisor->ended, record);
}

static gboolean
renew_session_strings (gpointer data)
{
  KliveSupervisor *supervisor = data;
  GHashTableIter iter;
  gpointer slot;
  g_hash_table_iter_init (&iter, supervisor->slots);
  while (g_hash_table_iter_next (&iter, NULL, &slot))
    send_ks (slot);
  return G_SOURCE_CONTINUE;
}

gboolean
klive_supervisor_start (KliveSupervisor *supervisor, GError **error)
{
  const char *state_dir = supervisor->config->state_dir;
  if (!listen_for_workers (supervisor, error))
    return FALSE;
  klive_folder_empty_trash (state_dir);
  g_autoptr (GPtrArray) records = klive_record_load_all (state_dir);
  g_ptr_array_set_free_func (records, NULL);
  for (guint i = 0; i < records->len; i++)
    adopt_record (supervisor, records->pdata[i]);
  remove_due_folders (supervisor);
  supervisor->compare_timer = g_timeout_add_seconds (COMPARE_INTERVAL, on_compare_timer, supervisor);
  supervisor->ks_timer = g_timeout_add_seconds (KLIVE_KS_LIFETIME / 2, renew_session_strings, supervisor);
  return TRUE;
}

/* --- publishers --- */

KliveRefusal *
klive_supervisor_refuse (KliveSupervisor *supervisor, const KliveHook *hook)
{
  const KalturaBroadcast *broadcast = hook->broadcast;
  if (supervisor->on_end || supervisor->end_timeout)
    return klive_refusal_new (KLIVE_REFUSED_STOPPING, "klive is shutting down");
  Slot *slot = find_slot (supervisor, broadcast->entry_id, broadcast->server_index);
  guint limit = supervisor->config->max_entries;
  if (!slot && limit && g_hash_table_size (supervisor->slots) >= limit) {
    g_autofree char *message = g_strdup_printf ("%u broadcasts are on air, as many as max-entries allows", limit);
    return klive_refusal_new (KLIVE_REFUSED_ENTRIES, message);
  }
  g_autofree char *key = fight_key (hook->name, broadcast->server_index);
  const KlivePublisher *present = slot ? klive_entry_find_stream (slot->entry, hook->name) : NULL;
  if (present && klive_refusals_is_fought_over (supervisor->refusals, key, g_get_monotonic_time ())) {
    g_autofree char *message = g_strdup_printf ("two encoders throw each other out; %s stays on air",
        present->address ? present->address : "the present one");
    return klive_refusal_new (KLIVE_REFUSED_FIGHT, message);
  }
  return NULL;
}

static gint64
next_serial (KliveSupervisor *supervisor)
{
  gint64 now = g_get_real_time () / 1000;
  supervisor->last_serial = MAX (now, supervisor->last_serial + 1);
  return supervisor->last_serial;
}

/* @info: (transfer full) */
static Slot *
need_slot (KliveSupervisor *supervisor, const KalturaBroadcast *broadcast, KalturaEntry *info)
{
  Slot *slot = find_slot (supervisor, broadcast->entry_id, broadcast->server_index);
  if (!info->partner_id)
    info->partner_id = broadcast->partner_id;
  g_autofree char *copy = kaltura_entry_to_json (info);
  if (slot) {
    klive_entry_set_info (slot->entry, info);
  } else {
    KliveRecord *record = take_ended (supervisor, broadcast->entry_id, broadcast->server_index);
    if (!record)
      record = klive_record_new (broadcast->entry_id, broadcast->server_index);
    slot = add_slot (supervisor, record, info);
  }
  g_clear_pointer (&slot->record->info, kaltura_entry_free);
  slot->record->info = kaltura_entry_new_from_json (copy, NULL);
  slot->record->remove_at = 0;
  slot->finishing = 0;
  return slot;
}

const char *
klive_supervisor_open (KliveSupervisor *supervisor, const KliveHook *hook, KalturaEntry *info, KliveOpenFunc on_open,
    gpointer user_data, GError **error)
{
  Slot *slot = need_slot (supervisor, hook->broadcast, info);
  gboolean started = klive_child_get_pid (slot->child) == 0;
  if (!klive_child_start (slot->child, error)) {
    if (!klive_entry_count_publishers (slot->entry))
      finish (slot);
    return NULL;
  }
  supervisor->counters.started += started;
  save_record (slot);
  update_link (supervisor, slot->record->entry_id);
  return klive_entry_open (slot->entry, hook, next_serial (supervisor), on_open, user_data)->name;
}

void
klive_supervisor_let_in (KliveSupervisor *supervisor, const char *name)
{
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init (&iter, supervisor->slots);
  while (g_hash_table_iter_next (&iter, NULL, &value)) {
    KliveEntry *entry = ((Slot *) value)->entry;
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
  gpointer slot;
  g_hash_table_iter_init (&iter, supervisor->slots);
  while (g_hash_table_iter_next (&iter, NULL, &slot))
    if (klive_entry_gone (((Slot *) slot)->entry, hook->client_id, hook->call))
      return;
}

void
klive_supervisor_nginx_ready (KliveSupervisor *supervisor)
{
  compare_with_nginx (supervisor);
}

void
klive_supervisor_nginx_lost (KliveSupervisor *supervisor)
{
  GHashTableIter iter;
  gpointer slot;
  g_hash_table_iter_init (&iter, supervisor->slots);
  while (g_hash_table_iter_next (&iter, NULL, &slot))
    klive_entry_lose_all (((Slot *) slot)->entry);
}

void
klive_supervisor_end (KliveSupervisor *supervisor, guint timeout_ms, GSourceFunc done, gpointer user_data)
{
  supervisor->on_end = done;
  supervisor->end_data = user_data;
  supervisor->end_timeout = timeout_ms;
  g_autoptr (GList) slots = g_hash_table_get_values (supervisor->slots);
  for (GList *item = slots; item; item = item->next) {
    Slot *slot = item->data;
    if (klive_child_get_pid (slot->child))
      klive_child_end (slot->child, "shutdown", timeout_ms);
    else
      finish (slot);
  }
  check_all_ended (supervisor);
}

/* --- description --- */

static JsonObject *
describe_publisher (const KlivePublisher *publisher)
{
  JsonObject *object = json_object_new ();
  json_object_set_string_member (object, "stream", publisher->stream);
  json_object_set_int_member (object, "serial", publisher->serial);
  json_object_set_string_member (object, "name", publisher->name);
  json_object_set_string_member (object, "app", publisher->app);
  if (publisher->address)
    json_object_set_string_member (object, "address", publisher->address);
  json_object_set_int_member (object, "since", publisher->since);
  json_object_set_string_member (object, "state",
      publisher->live           ? "live"
          : publisher->answered ? "waiting"
                                : "opening");
  return object;
}

static JsonObject *
describe_worker (const KliveChild *child)
{
  JsonObject *object = json_object_new ();
  json_object_set_int_member (object, "pid", klive_child_get_pid (child));
  json_object_set_boolean_member (object, "connected", klive_child_is_connected (child));
  json_object_set_int_member (object, "restarts", klive_child_get_restarts (child));
  return object;
}

static JsonObject *
describe_slot (const Slot *slot)
{
  const KliveEntry *entry = slot->entry;
  const KalturaEntry *info = klive_entry_get_info (entry);
  JsonObject *object = json_object_new ();
  JsonArray *publishers = json_array_new ();
  for (guint i = 0; i < klive_entry_count_publishers (entry); i++)
    json_array_add_object_element (publishers, describe_publisher (klive_entry_get_publisher (entry, i)));
  json_object_set_string_member (object, "entry", klive_entry_get_id (entry));
  json_object_set_int_member (object, "index", klive_entry_get_index (entry));
  if (info)
    json_object_set_int_member (object, "partnerId", info->partner_id);
  json_object_set_string_member (object, "state", klive_entry_get_state (entry));
  json_object_set_boolean_member (object, "registered", klive_entry_is_registered (entry));
  json_object_set_boolean_member (object, "plainUrl",
      klive_folder_get_live (slot->supervisor->config->state_dir, slot->record->entry_id) == slot->record->index);
  json_object_set_array_member (object, "publishers", publishers);
  json_object_set_object_member (object, "worker", describe_worker (slot->child));
  if (klive_entry_get_status (entry))
    json_object_set_object_member (object, "status", json_object_ref (klive_entry_get_status (entry)));
  return object;
}

JsonArray *
klive_supervisor_describe (KliveSupervisor *supervisor)
{
  JsonArray *array = json_array_new ();
  g_autoptr (GList) keys = g_list_sort (g_hash_table_get_keys (supervisor->slots), (GCompareFunc) strcmp);
  for (GList *item = keys; item; item = item->next)
    json_array_add_object_element (array, describe_slot (g_hash_table_lookup (supervisor->slots, item->data)));
  return array;
}

KliveSupervisorCounters
klive_supervisor_get_counters (const KliveSupervisor *supervisor)
{
  return supervisor->counters;
}

KliveSupervisor *
klive_supervisor_new (const KalturaConfig *config, KalturaClient *client, KliveNginx *nginx, KliveRefusals *refusals,
    KliveReporter *reporter)
{
  KliveSupervisor *supervisor = g_new0 (KliveSupervisor, 1);
  supervisor->config = config;
  supervisor->client = kaltura_client_ref (client);
  supervisor->nginx = nginx;
  supervisor->refusals = refusals;
  supervisor->reporter = reporter;
  supervisor->started_serial = g_get_real_time () / 1000;
  supervisor->slots = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, slot_free);
  supervisor->links = g_ptr_array_new_with_free_func (link_free);
  supervisor->ended = g_ptr_array_new_with_free_func ((GDestroyNotify) klive_record_free);
  return supervisor;
}

void
klive_supervisor_free (KliveSupervisor *supervisor)
{
  g_clear_handle_id (&supervisor->ks_timer, g_source_remove);
  g_clear_handle_id (&supervisor->compare_timer, g_source_remove);
  g_clear_handle_id (&supervisor->removal_timer, g_source_remove);
  if (supervisor->service) {
    g_socket_service_stop (supervisor->service);
    g_socket_listener_close (G_SOCKET_LISTENER (supervisor->service));
    g_object_unref (supervisor->service);
  }
  g_hash_table_unref (supervisor->slots);
  g_ptr_array_unref (supervisor->links);
  g_ptr_array_unref (supervisor->ended);
  kaltura_client_unref (supervisor->client);
  g_free (supervisor);
}
