/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What holds a broadcast's parts together, and what becomes of it when its worker ends. Owned by klive-supervisor.c,
 * main thread.
 */
#include "klive-broadcast.h"

#include <string.h>
#include "klive-assets.h"
#include "klive-log.h"
#include "klive-nginx-config.h"
#include "klive-requests.h"

#define FINISH_ATTEMPTS 2 /* workers that are started without a publisher, to end what a dead one has left */
#define TAKE_PLAIN_TIMEOUT (10 * G_TIME_SPAN_SECOND) /* a disk that is busy holds writers up for seconds */
#define CONTENT_BLOCKED "SERVICE_FORBIDDEN_CONTENT_BLOCKED"
#define BLOCK_TIME 60 /* s */

struct _KliveBroadcast {
  const KliveBroadcastContext *context;
  KliveEntry *entry;
  KliveChild *child;
  KliveRequests *requests;
  KliveAssets *assets;
  KliveRecord *record;      /* NULL once stolen */
  gboolean adopting;        /* the next hello is that of a worker of an earlier launcher */
  guint finishing;          /* attempts at finishing; 0 = the broadcast is wanted */
  gboolean said_bye;        /* the worker is about to end in order */
  gboolean owes_unregister; /* a worker died while it was registered */
  guint end_timeout;        /* ms; 0 = it goes on */
  gint64 plain_asked;       /* monotonic us, when the worker was asked to take the plain URLs; 0 = it was not */
  gboolean plain_taken;     /* its answer */
};

static const char *
index_text (const KliveBroadcast *broadcast)
{
  return klive_entry_get_index (broadcast->entry) == 0 ? "0" : "1";
}

static void
save_record (KliveBroadcast *broadcast)
{
  g_autoptr (GError) error = NULL;
  broadcast->record->pid = klive_child_get_pid (broadcast->child);
  if (!klive_record_save (broadcast->context->config->state_dir, broadcast->record, &error))
    klive_log (KLIVE_LOG_WARNING, "record-not-saved", klive_entry_get_id (broadcast->entry), NULL, "message",
        error->message, NULL);
}

/* --- what the state machine wants --- */

static void
send_to_worker (KliveEntry *entry, JsonObject *message, gpointer data)
{
  KliveBroadcast *broadcast = data;
  if (strcmp (klive_message_get_type (message), "session-open") == 0) {
    const char *host;
    guint port;
    klive_nginx_config_workers_door (broadcast->context->config, &host, &port);
    json_object_set_string_member (message, "host", host);
    json_object_set_int_member (message, "port", port);
  }
  klive_child_send (broadcast->child, message);
}

/* The answer is klive_entry_dropped(), by way of klive-supervisor.c, as this broadcast may be gone by then. */
static void
drop_publisher (KliveEntry *entry, const KlivePublisher *publisher, gpointer data)
{
  KliveBroadcast *broadcast = data;
  broadcast->context->drop (broadcast, publisher, broadcast->context->user_data);
}

static void
note_replacement (KliveEntry *entry, const KlivePublisher *publisher, gpointer data)
{
  KliveBroadcast *broadcast = data;
  g_autofree char *key = g_strdup_printf ("%s@%s", publisher->stream, index_text (broadcast));
  klive_refusals_note_replacement (broadcast->context->refusals, key, g_get_monotonic_time ());
}

static const KliveEntryActions entry_actions = { send_to_worker, drop_publisher, note_replacement };

/* --- ends --- */

gint64
klive_broadcast_get_window (const KalturaConfig *config, const KalturaEntry *info)
{
  guint segment = info && info->segment_duration ? (info->segment_duration + 999) / 1000 : config->segment_duration;
  guint dvr = info ? kaltura_entry_get_dvr_seconds (info, config->max_dvr_window) : config->max_dvr_window;
  return MAX (dvr, config->playlist_length * segment);
}

static void
finish (KliveBroadcast *broadcast)
{
  gint64 window = klive_broadcast_get_window (broadcast->context->config, klive_entry_get_info (broadcast->entry));
  broadcast->record->pid = 0;
  broadcast->record->remove_at = g_get_real_time () / G_USEC_PER_SEC + window;
  klive_log (KLIVE_LOG_INFO, "broadcast-ended", klive_entry_get_id (broadcast->entry), NULL, "index",
      index_text (broadcast), NULL);
  if (broadcast->owes_unregister)
    klive_requests_unregister (broadcast->requests);
  broadcast->context->over (broadcast, broadcast->context->user_data);
}

/* A worker died in mid-broadcast and its publisher is gone too: another one waits for the grace and ends the
 * playlists. */
static gboolean
needs_finishing (const KliveBroadcast *broadcast)
{
  const char *state = klive_entry_get_state (broadcast->entry);
  return broadcast->finishing < FINISH_ATTEMPTS && (strcmp (state, "on-air") == 0 || strcmp (state, "grace") == 0);
}

static void
on_worker_exited (KliveChild *child, KliveChildEnd end, gpointer data)
{
  KliveBroadcast *broadcast = data;
  if (end == KLIVE_CHILD_UNKNOWN)
    end = broadcast->said_bye ? KLIVE_CHILD_ENDED : KLIVE_CHILD_DIED;
  klive_entry_worker_disconnected (broadcast->entry);
  broadcast->adopting = FALSE;
  broadcast->said_bye = FALSE;
  broadcast->context->counters->died += end == KLIVE_CHILD_DIED;
  broadcast->owes_unregister |= end == KLIVE_CHILD_DIED && klive_entry_is_registered (broadcast->entry);
  if (broadcast->end_timeout) {
    finish (broadcast);
  } else if (klive_entry_count_publishers (broadcast->entry)) {
    broadcast->finishing = 0;
    klive_child_start_later (child);
  } else if (end == KLIVE_CHILD_DIED && needs_finishing (broadcast)) {
    broadcast->finishing++;
    klive_child_start_later (child);
  } else {
    finish (broadcast);
  }
}

static const KliveChildEvents child_events = { on_worker_exited };

void
klive_broadcast_end (KliveBroadcast *broadcast, guint timeout_ms)
{
  broadcast->end_timeout = timeout_ms;
  if (klive_child_get_pid (broadcast->child))
    klive_child_end (broadcast->child, "shutdown", timeout_ms);
  else
    finish (broadcast);
}

/* --- recordings --- */

static gboolean
records (const KliveBroadcast *broadcast)
{
  const KalturaEntry *info = klive_entry_get_info (broadcast->entry);
  return info && info->record_status != KALTURA_RECORD_DISABLED;
}

static void
fetch_assets (KliveBroadcast *broadcast)
{
  const KalturaEntry *info = klive_entry_get_info (broadcast->entry);
  if (records (broadcast))
    klive_assets_fetch (broadcast->assets, info->partner_id, info->conversion_profile_id);
}

static JsonObject *
describe_recording (const KliveBroadcast *broadcast)
{
  const KalturaConfig *config = broadcast->context->config;
  JsonObject *object = json_object_new ();
  JsonObject *assets = klive_assets_describe (broadcast->assets);
  json_object_set_string_member (object, "directory", config->recording_directory);
  json_object_set_string_member (object, "spool", config->spool_directory);
  if (config->recorded_file_group)
    json_object_set_string_member (object, "group", config->recorded_file_group);
  json_object_set_int_member (object, "chunkDuration", config->chunk_duration);
  if (assets)
    json_object_set_object_member (object, "assets", assets);
  return object;
}

static void
send_welcome (KliveBroadcast *broadcast)
{
  JsonObject *welcome = klive_requests_make_welcome (broadcast->requests);
  if (records (broadcast))
    json_object_set_object_member (welcome, "recording", describe_recording (broadcast));
  klive_child_send (broadcast->child, welcome);
}

static void
on_assets (gpointer data)
{
  KliveBroadcast *broadcast = data;
  g_clear_pointer (&broadcast->record->assets, json_object_unref);
  broadcast->record->assets = klive_assets_describe (broadcast->assets);
  save_record (broadcast);
  if (klive_child_is_connected (broadcast->child))
    send_welcome (broadcast);
}

/* --- publishers --- */

void
klive_broadcast_expect_worker (KliveBroadcast *broadcast)
{
  fetch_assets (broadcast);
  broadcast->adopting = TRUE;
  klive_child_expect (broadcast->child, broadcast->record->pid);
}

static void
take_info (KliveBroadcast *broadcast, KalturaEntry *info, gint partner_id)
{
  if (!info->partner_id)
    info->partner_id = partner_id;
  g_autofree char *text = kaltura_entry_to_json (info);
  g_clear_pointer (&broadcast->record->info, kaltura_entry_free);
  broadcast->record->info = kaltura_entry_new_from_json (text, NULL);
  klive_entry_set_info (broadcast->entry, info);
}

const char *
klive_broadcast_open (KliveBroadcast *broadcast, const KliveHook *hook, KalturaEntry *info, gint64 serial,
    KliveOpenFunc on_open, gpointer user_data, GError **error)
{
  take_info (broadcast, info, hook->broadcast->partner_id);
  fetch_assets (broadcast);
  broadcast->record->remove_at = 0;
  broadcast->finishing = 0;
  broadcast->context->counters->started += klive_child_get_pid (broadcast->child) == 0;
  if (!klive_child_start (broadcast->child, error))
    return NULL;
  save_record (broadcast);
  broadcast->context->changed (broadcast, broadcast->context->user_data);
  return klive_entry_open (broadcast->entry, hook, serial, on_open, user_data)->name;
}

gboolean
klive_broadcast_is_idle (const KliveBroadcast *broadcast)
{
  return !klive_entry_count_publishers (broadcast->entry) && !klive_child_get_pid (broadcast->child);
}

/* --- the worker --- */

gboolean
klive_broadcast_connect (KliveBroadcast *broadcast, KliveWire *wire, GPid pid, JsonObject *hello)
{
  if (!klive_child_connect (broadcast->child, wire, pid))
    return FALSE;
  gboolean adopted = broadcast->adopting;
  broadcast->adopting = FALSE;
  broadcast->context->counters->adopted += adopted;
  klive_log (KLIVE_LOG_INFO, adopted ? "worker-adopted" : "worker-connected", klive_entry_get_id (broadcast->entry),
      NULL, "index", index_text (broadcast), "state", klive_message_get_string (hello, "state", NULL), NULL);
  send_welcome (broadcast);
  klive_entry_worker_connected (broadcast->entry, hello, adopted);
  save_record (broadcast);
  if (broadcast->end_timeout)
    klive_child_end (broadcast->child, "shutdown", broadcast->end_timeout);
  broadcast->context->changed (broadcast, broadcast->context->user_data);
  return TRUE;
}

void
klive_broadcast_disconnect (KliveBroadcast *broadcast)
{
  klive_entry_worker_disconnected (broadcast->entry);
  klive_child_disconnect (broadcast->child);
}

gboolean
klive_broadcast_send (KliveBroadcast *broadcast, JsonObject *message)
{
  gboolean connected = klive_child_is_connected (broadcast->child);
  klive_child_send (broadcast->child, message);
  return connected;
}

gboolean
klive_broadcast_take_plain (KliveBroadcast *broadcast)
{
  gint64 now = g_get_monotonic_time ();
  if (broadcast->plain_taken || !klive_child_is_connected (broadcast->child))
    return TRUE;
  if (broadcast->plain_asked && now - broadcast->plain_asked > TAKE_PLAIN_TIMEOUT) {
    klive_log (KLIVE_LOG_WARNING, "plain-url-unprepared", klive_entry_get_id (broadcast->entry), NULL, "message",
        "the worker does not answer: players may see numbers go back, and no discontinuity", NULL);
    return TRUE;
  }
  if (broadcast->plain_asked)
    return FALSE;
  broadcast->plain_asked = now;
  klive_child_send (broadcast->child, klive_message_new ("take-plain"));
  return FALSE;
}

void
klive_broadcast_forget_plain (KliveBroadcast *broadcast)
{
  broadcast->plain_asked = 0;
  broadcast->plain_taken = FALSE;
}

void
klive_broadcast_renew_ks (KliveBroadcast *broadcast)
{
  g_autofree char *ks = klive_requests_make_ks (broadcast->requests);
  klive_child_send (broadcast->child, klive_message_new_strings ("ks", "ks", ks, NULL));
}

static void
on_register_failed (KliveBroadcast *broadcast, JsonObject *message)
{
  const KliveBroadcastContext *context = broadcast->context;
  const char *entry_id = klive_entry_get_id (broadcast->entry);
  const char *code = klive_message_get_string (message, "code", "");
  const char *text = klive_message_get_string (message, "message", "");
  if (strcmp (code, "MEDIA_SERVER_NOT_FOUND") == 0) {
    klive_reporter_report_now (context->reporter, NULL, NULL);
  } else if (strcmp (code, CONTENT_BLOCKED) == 0) {
    g_autoptr (KliveRefusal) refusal = klive_refusal_new (code, text);
    klive_log (KLIVE_LOG_WARNING, "publish-kicked", entry_id, NULL, "code", code, "message", text, NULL);
    klive_refusals_block (context->refusals, entry_id, refusal, BLOCK_TIME, g_get_monotonic_time ());
    klive_entry_kick (broadcast->entry, NULL);
  }
}

void
klive_broadcast_message (KliveBroadcast *broadcast, JsonObject *message)
{
  const char *type = klive_message_get_type (message);
  if (strcmp (type, "profile-request") == 0) {
    klive_requests_profile (broadcast->requests, message);
  } else if (strcmp (type, "ks-request") == 0) {
    klive_broadcast_renew_ks (broadcast);
  } else if (strcmp (type, "plain-taken") == 0) {
    broadcast->plain_taken = TRUE;
    broadcast->context->changed (broadcast, broadcast->context->user_data);
  } else if (strcmp (type, "register-failed") == 0) {
    on_register_failed (broadcast, message);
  } else {
    broadcast->owes_unregister &= strcmp (type, "registered") != 0;
    broadcast->said_bye |= strcmp (type, "bye") == 0;
    klive_entry_worker_message (broadcast->entry, message);
  }
  if (strcmp (type, "status") == 0)
    broadcast->context->changed (broadcast, broadcast->context->user_data);
}

static void
on_reply (JsonObject *message, gpointer data)
{
  KliveBroadcast *broadcast = data;
  gboolean failed = json_object_has_member (message, "error");
  broadcast->context->counters->profiles += !failed;
  broadcast->context->counters->profile_failures += failed;
  if (!failed)
    save_record (broadcast);
  klive_child_send (broadcast->child, message);
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

JsonObject *
klive_broadcast_describe (KliveBroadcast *broadcast)
{
  const KliveEntry *entry = broadcast->entry;
  const KalturaEntry *info = klive_entry_get_info (entry);
  const char *state_dir = broadcast->context->config->state_dir;
  JsonObject *object = json_object_new ();
  JsonArray *publishers = json_array_new ();
  JsonArray *assets = klive_assets_list (broadcast->assets);
  for (guint i = 0; i < klive_entry_count_publishers (entry); i++)
    json_array_add_object_element (publishers, describe_publisher (klive_entry_get_publisher (entry, i)));
  json_object_set_string_member (object, "entry", klive_entry_get_id (entry));
  json_object_set_int_member (object, "index", klive_entry_get_index (entry));
  if (info)
    json_object_set_int_member (object, "partnerId", info->partner_id);
  json_object_set_string_member (object, "state", klive_entry_get_state (entry));
  json_object_set_boolean_member (object, "registered", klive_entry_is_registered (entry));
  json_object_set_boolean_member (object, "plainUrl",
      klive_folder_get_live (state_dir, klive_entry_get_id (entry)) == klive_entry_get_index (entry));
  json_object_set_array_member (object, "publishers", publishers);
  if (assets)
    json_object_set_array_member (object, "assets", assets);
  json_object_set_object_member (object, "worker", describe_worker (broadcast->child));
  if (klive_entry_get_status (entry))
    json_object_set_object_member (object, "status", json_object_ref (klive_entry_get_status (entry)));
  return object;
}

KliveEntry *
klive_broadcast_get_entry (KliveBroadcast *broadcast)
{
  return broadcast->entry;
}

KliveRecord *
klive_broadcast_steal_record (KliveBroadcast *broadcast)
{
  return g_steal_pointer (&broadcast->record);
}

KliveBroadcast *
klive_broadcast_new (const KliveBroadcastContext *context, KliveRecord *record, KalturaEntry *info)
{
  KliveBroadcast *broadcast = g_new0 (KliveBroadcast, 1);
  broadcast->context = context;
  broadcast->record = record;
  broadcast->entry = klive_entry_new (record->entry_id, record->index, info, &entry_actions, broadcast);
  broadcast->child = klive_child_new (context->config, record->entry_id, record->index, &child_events, broadcast);
  broadcast->assets = klive_assets_new (context->client, record->entry_id, on_assets, broadcast);
  if (record->assets)
    klive_assets_restore (broadcast->assets, record->assets);
  broadcast->requests =
      klive_requests_new (context->config, context->client, broadcast->entry, record->profiles, on_reply, broadcast);
  return broadcast;
}

void
klive_broadcast_free (KliveBroadcast *broadcast)
{
  klive_requests_free (broadcast->requests);
  klive_assets_free (broadcast->assets);
  klive_entry_free (broadcast->entry);
  klive_child_free (broadcast->child);
  g_clear_pointer (&broadcast->record, klive_record_free);
  g_free (broadcast);
}
