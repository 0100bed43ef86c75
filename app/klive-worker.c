/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The worker process: what the launcher says, which sessions there are, and when the broadcast is over. Everything
 * happens on the main thread, event by event.
 */
#include "klive-worker.h"

#include <string.h>
#include <unistd.h>

#include "klive-commands.h"
#include "klive-log.h"
#include "klive-pipeline.h"
#include "klive-session.h"

#define STATUS_PERIOD 5        /* s */
#define IDLE_TIMEOUT 30        /* s, without any session from the start on */
#define SESSIONS_DEADLINE 7500 /* ms, from the order to end until the sessions are dropped */
#define TOTAL_DEADLINE 8000    /* ms */
#define SPLIT_AHEAD GST_SECOND
#define KS_REQUEST_PERIOD (10 * G_TIME_SPAN_SECOND)
#define FAILURE_QUIET (5 * G_TIME_SPAN_MINUTE) /* without a failed registration, and the next one is logged again */

typedef enum { IDLE, ON_AIR, GRACE, ENDING } State;

struct _KliveWorker {
  GMainLoop *loop;
  KliveLink *link;
  KliveShow *show;
  gboolean welcome;    /* the first one has come, the show is open */
  GPtrArray *sessions; /* of KliveSession */
  GPtrArray *done;     /* of KliveSession: ended, freed from the main loop */
  guint done_source;

  GHashTable *gone; /* stream name -> gint64 *: monotonic us, when it leaves the masters if it has not come back */

  State state;
  gint64 on_air_since;          /* ns since 1970; 0 = never */
  gint64 grace_end;             /* monotonic us: of those that have gone so far */
  gint64 last_ks_request;       /* monotonic us */
  char *register_failure;       /* code of the last one, NULL = none since the last success that is known */
  gint64 last_register_failure; /* monotonic us */
  guint orphan_source, grace_source, idle_source, tick_source, status_source, end_source;
  guint ticks;
  gint64 end_begun; /* monotonic us */
  char *end_reason;
  int exit_code;
};

static void finish (KliveWorker *worker);
static void status_soon (KliveWorker *worker);

static const char *
get_state_name (const KliveWorker *worker)
{
  static const char *const names[] = { "idle", "on-air", "grace", "ending" };

  return names[worker->state];
}

/* What the launcher is told */

static void
send_serial (KliveWorker *worker, const char *type, gint64 serial)
{
  JsonObject *message = klive_message_new (type);

  json_object_set_int_member (message, "serial", serial);
  klive_link_send (worker->link, message);
}

static void
send_session_failed (KliveWorker *worker, gint64 serial, const char *text)
{
  JsonObject *message = klive_message_new_strings ("session-failed", "message", text, NULL);

  json_object_set_int_member (message, "serial", serial);
  klive_link_send (worker->link, message);
}

static void
say_hello (KliveWorker *worker)
{
  JsonObject *message = klive_message_new_strings ("hello", "entry", worker->show->entry, "version", KLIVE_VERSION,
      "state", get_state_name (worker), NULL);
  JsonArray *sessions = json_array_new ();

  json_object_set_int_member (message, "index", worker->show->index);
  json_object_set_int_member (message, "pid", getpid ());
  if (worker->welcome)
    json_object_set_int_member (message, "epoch", worker->show->epoch);
  for (guint i = 0; i < worker->sessions->len; i++)
    json_array_add_object_element (sessions, klive_session_introduce (worker->sessions->pdata[i]));
  json_object_set_array_member (message, "sessions", sessions);
  json_object_set_boolean_member (message, "registered", klive_show_is_registered (worker->show));
  klive_link_send (worker->link, message);
}

static void
describe_window (const KliveShow *show, JsonObject *message)
{
  json_object_set_int_member (message, "dvrWindow", show->dvr_window);
  json_object_set_double_member (message, "dvrListed",
      (double) klive_hls_writer_get_window (show->writer) / GST_SECOND);
  json_object_set_boolean_member (message, "diskFull", klive_hls_writer_is_short_of_space (show->writer));
}

static void
send_status (KliveWorker *worker)
{
  JsonObject *message = klive_message_new_strings ("status", "state", get_state_name (worker), NULL);
  JsonArray *sessions = json_array_new (), *renditions = json_array_new (), *warnings = json_array_new ();
  JsonArray *recordings = json_array_new ();

  if (worker->on_air_since > 0)
    json_object_set_double_member (message, "onAirSince", (double) worker->on_air_since / GST_SECOND);
  for (guint i = 0; i < worker->sessions->len; i++) {
    json_array_add_object_element (sessions, klive_session_describe (worker->sessions->pdata[i]));
    klive_session_describe_renditions (worker->sessions->pdata[i], renditions);
    klive_session_describe_recordings (worker->sessions->pdata[i], recordings);
  }
  json_object_set_array_member (message, "sessions", sessions);
  for (const GList *l = worker->show->warnings.head; l != NULL; l = l->next)
    json_array_add_string_element (warnings, l->data);
  json_object_set_array_member (message, "renditions", renditions);
  json_object_set_array_member (message, "recordings", recordings);
  json_object_set_array_member (message, "warnings", warnings);
  json_object_set_boolean_member (message, "registered", klive_show_is_registered (worker->show));
  if (worker->welcome)
    json_object_set_int_member (message, "epoch", worker->show->epoch);
  json_object_set_boolean_member (message, "playable",
      worker->show->writer != NULL && klive_hls_writer_is_playable (worker->show->writer));
  if (worker->show->writer != NULL)
    describe_window (worker->show, message);
  klive_link_send (worker->link, message);
}

static gboolean
on_status (gpointer user_data)
{
  KliveWorker *worker = user_data;

  worker->status_source = 0;
  send_status (worker);
  return G_SOURCE_REMOVE;
}

static void
status_soon (KliveWorker *worker)
{
  if (worker->status_source == 0)
    worker->status_source = g_idle_add (on_status, worker);
}

static void
set_state (KliveWorker *worker, State state)
{
  if (worker->state == state)
    return;
  worker->state = state;
  klive_log (KLIVE_LOG_INFO, "worker-state", worker->show->entry, NULL, "state", get_state_name (worker), NULL);
  status_soon (worker);
}

/* The grace */

static gboolean
on_grace_over (gpointer user_data)
{
  KliveWorker *worker = user_data;

  worker->grace_source = 0;
  klive_worker_end (worker, "the broadcast is over");
  return G_SOURCE_REMOVE;
}

/* Ends the broadcast at grace_end if no encoder is connected; the end of sessions that still write is awaited there. */
static void
update_grace (KliveWorker *worker)
{
  gint64 left = worker->grace_end - g_get_monotonic_time ();
  gboolean connected = FALSE;

  if (worker->state == ENDING)
    return;
  for (guint i = 0; i < worker->sessions->len; i++)
    connected |= !klive_session_is_ending (worker->sessions->pdata[i]);
  g_clear_handle_id (&worker->grace_source, g_source_remove);
  if (connected || worker->grace_end == 0)
    return;
  if (worker->state == ON_AIR)
    set_state (worker, GRACE);
  worker->grace_source = g_timeout_add ((guint) MAX (left / 1000, 0), on_grace_over, worker);
}

static gboolean
on_idle_timeout (gpointer user_data)
{
  KliveWorker *worker = user_data;

  worker->idle_source = 0;
  klive_worker_end (worker, "no encoder has come");
  return G_SOURCE_REMOVE;
}

/* Sessions */

static KliveSession *
find_session (const KliveWorker *worker, gint64 serial)
{
  for (guint i = 0; i < worker->sessions->len; i++)
    if (klive_session_get_serial (worker->sessions->pdata[i]) == serial)
      return worker->sessions->pdata[i];
  return NULL;
}

/* Another session that writes, or may write, the same stream. */
static KliveSession *
find_rival (const KliveWorker *worker, const KliveSession *session)
{
  for (guint i = 0; i < worker->sessions->len; i++) {
    KliveSession *other = worker->sessions->pdata[i];

    if (other != session && klive_session_is_live (other) &&
        g_str_equal (klive_session_get_stream (other), klive_session_get_stream (session)))
      return other;
  }
  return NULL;
}

static void
on_session_ready (KliveSession *session, gpointer user_data)
{
  send_serial (user_data, "session-ready", klive_session_get_serial (session));
}

/* The newest publisher of a stream wins, as soon as it gives data. */
static void
on_session_live (KliveSession *session, gpointer user_data)
{
  KliveWorker *worker = user_data;
  KliveSession *rival = find_rival (worker, session);

  if (rival != NULL) {
    klive_session_set_blocked (session, TRUE);
    klive_session_end (rival, KLIVE_SESSION_END_NOW);
  }
  if (worker->on_air_since == 0)
    worker->on_air_since = g_get_real_time () * 1000;
  g_hash_table_remove (worker->gone, klive_session_get_stream (session));
  worker->grace_end = 0;
  update_grace (worker);
  set_state (worker, ON_AIR);
  send_serial (worker, "session-live", klive_session_get_serial (session));
}

static void
on_session_wants_profile (KliveSession *session, JsonObject *extra_params, gpointer user_data)
{
  KliveWorker *worker = user_data;
  JsonObject *message =
      klive_message_new_strings ("profile-request", "stream", klive_session_get_stream (session), NULL);

  json_object_set_int_member (message, "serial", klive_session_get_serial (session));
  json_object_set_object_member (message, "extraParams", json_object_ref (extra_params));
  klive_link_send (worker->link, message);
}

static void
on_session_changed (KliveSession *session, gpointer user_data)
{
  status_soon (user_data);
}

static void
unblock_rivals (KliveWorker *worker)
{
  for (guint i = 0; i < worker->sessions->len; i++)
    if (find_rival (worker, worker->sessions->pdata[i]) == NULL)
      klive_session_set_blocked (worker->sessions->pdata[i], FALSE);
}

static gboolean
on_done (gpointer user_data)
{
  KliveWorker *worker = user_data;

  worker->done_source = 0;
  g_ptr_array_set_size (worker->done, 0);
  if (worker->state == ENDING && worker->sessions->len == 0)
    finish (worker);
  return G_SOURCE_REMOVE;
}

static void
on_session_ended (KliveSession *session, gpointer user_data)
{
  KliveWorker *worker = user_data;

  if (!g_ptr_array_remove (worker->sessions, session))
    return;
  g_ptr_array_add (worker->done, session);
  if (worker->done_source == 0)
    worker->done_source = g_idle_add_full (G_PRIORITY_DEFAULT, on_done, worker, NULL);
  unblock_rivals (worker);
  status_soon (worker);
}

static const KliveSessionCallbacks session_callbacks = { on_session_ready, on_session_live, on_session_wants_profile,
  on_session_changed, on_session_ended };

/* What the launcher says */

static void
update_context (KliveWorker *worker)
{
  for (guint i = 0; i < worker->sessions->len; i++)
    klive_session_update_context (worker->sessions->pdata[i]);
}

static void
on_registered (KliveRegistration *registration, gboolean registered, gpointer user_data)
{
  KliveWorker *worker = user_data;

  if (registered)
    g_clear_pointer (&worker->register_failure, g_free);
  klive_log (KLIVE_LOG_INFO, registered ? "registered" : "unregistered", worker->show->entry, NULL, NULL);
  klive_link_send (worker->link, klive_message_new (registered ? "registered" : "unregistered"));
}

static void
on_register_failed (KliveRegistration *registration, const char *code, const char *text, gpointer user_data)
{
  KliveWorker *worker = user_data;
  gint64 now = g_get_monotonic_time ();

  if (g_strcmp0 (code, worker->register_failure) != 0 || now - worker->last_register_failure > FAILURE_QUIET) {
    klive_log (KLIVE_LOG_WARNING, "register-failed", worker->show->entry, NULL, "code", code, "message", text, NULL);
    g_free (worker->register_failure);
    worker->register_failure = g_strdup (code);
  }
  worker->last_register_failure = now;
  klive_link_send (worker->link, klive_message_new_strings ("register-failed", "code", code, "message", text, NULL));
  if (g_strcmp0 (code, "INVALID_KS") != 0 ||
      (worker->last_ks_request != 0 && now - worker->last_ks_request < KS_REQUEST_PERIOD))
    return;
  worker->last_ks_request = now;
  klive_link_send (worker->link, klive_message_new ("ks-request"));
}

static const KliveRegistrationCallbacks registration_callbacks = { on_registered, on_register_failed };

static void
give_up (KliveWorker *worker, const char *text)
{
  klive_log (KLIVE_LOG_ERROR, "worker-failed", worker->show->entry, NULL, "message", text, NULL);
  worker->exit_code = KLIVE_EXIT_FAILED;
  klive_worker_end (worker, text);
}

static void
update_recordings (KliveWorker *worker)
{
  for (guint i = 0; i < worker->sessions->len; i++)
    klive_session_update_recordings (worker->sessions->pdata[i]);
}

static void
handle_welcome (KliveWorker *worker, JsonObject *message)
{
  g_autoptr (GError) error = NULL;
  KliveShowOrigin origin;
  gboolean knew = klive_show_knows_recordings (worker->show);

  klive_show_read_welcome (worker->show, message);
  update_context (worker);
  if (worker->welcome) {
    if (!knew && klive_show_knows_recordings (worker->show))
      update_recordings (worker);
    return;
  }
  worker->welcome = TRUE;
  if (!klive_show_open (worker->show, &registration_callbacks, worker, &origin, &error)) {
    give_up (worker, error->message);
    return;
  }
  if (origin == KLIVE_SHOW_RESTORED) { /* that broadcast goes on, or ends after the grace */
    klive_log (KLIVE_LOG_INFO, "worker-restored", worker->show->entry, NULL, NULL);
    g_clear_handle_id (&worker->idle_source, g_source_remove);
    worker->state = GRACE;
    worker->grace_end = g_get_monotonic_time () + worker->show->grace * G_TIME_SPAN_SECOND;
  }
  update_grace (worker);
  status_soon (worker);
}

static void
handle_session_open (KliveWorker *worker, JsonObject *message)
{
  KliveSessionInfo info = {
    .stream = klive_message_get_string (message, "stream", NULL),
    .serial = klive_message_get_int (message, "serial", 0),
    .name = klive_message_get_string (message, "name", NULL),
    .host = klive_message_get_string (message, "host", "127.0.0.1"),
    .port = (guint) CLAMP (klive_message_get_int (message, "port", 1935), 1, 65535),
    .app = klive_message_get_string (message, "app", "kLive/"),
    .client_id = klive_message_get_int (message, "clientId", 0),
    .address = klive_message_get_string (message, "address", NULL),
  };
  KliveSession *session;

  if (!worker->welcome || worker->state == ENDING || info.stream == NULL || info.name == NULL) {
    send_session_failed (worker, info.serial, worker->state == ENDING ? "the worker is ending" : "out of order");
    return;
  }
  if (find_session (worker, info.serial) != NULL) {
    send_serial (worker, "session-ready", info.serial);
    return;
  }
  session = klive_session_new (worker->show, &info, &session_callbacks, worker);
  klive_log (KLIVE_LOG_INFO, "session-opened", worker->show->entry, info.stream, "name", info.name, "address",
      info.address, NULL);
  g_clear_handle_id (&worker->idle_source, g_source_remove);
  g_ptr_array_add (worker->sessions, session);
  update_grace (worker);
}

static void
handle_session_end (KliveWorker *worker, JsonObject *message)
{
  KliveSession *session = find_session (worker, klive_message_get_int (message, "serial", 0));
  const char *cause = klive_message_get_string (message, "cause", "lost");
  gboolean lost = g_str_equal (cause, "lost");
  guint grace = lost ? worker->show->grace : worker->show->stop_grace;
  gint64 end = g_get_monotonic_time () + grace * G_TIME_SPAN_SECOND;

  if (session == NULL)
    return;
  klive_log (KLIVE_LOG_INFO, "session-ended", worker->show->entry, klive_session_get_stream (session), "cause", cause,
      NULL);
  worker->grace_end = MAX (worker->grace_end, end);
  if (find_rival (worker, session) == NULL)
    g_hash_table_replace (worker->gone, g_strdup (klive_session_get_stream (session)), g_memdup2 (&end, sizeof end));
  klive_session_end (session, lost || g_str_equal (cause, "stop") ? KLIVE_SESSION_END_DRAIN : KLIVE_SESSION_END_NOW);
  update_grace (worker);
  status_soon (worker);
}

static void
handle_profile (KliveWorker *worker, JsonObject *message)
{
  KliveSession *session = find_session (worker, klive_message_get_int (message, "serial", 0));
  const char *xml = klive_message_get_string (message, "xml", NULL);
  g_autoptr (GError) error = NULL;
  KalturaProfile *profile = NULL;

  if (session == NULL)
    return;
  if (xml != NULL)
    profile = kaltura_profile_parse (xml, strlen (xml), &error);
  klive_session_set_profile (session, profile,
      error != NULL ? error->message : klive_message_get_string (message, "error", "no conversion profile"));
}

static void
handle_ks (KliveWorker *worker, JsonObject *message)
{
  klive_show_read_ks (worker->show, message);
  if (worker->welcome)
    update_context (worker);
}

/* What a worker uses of the entry has come with the welcome, and holds for the whole broadcast. */
static void
handle_entry (KliveWorker *worker, JsonObject *message)
{
}

/* At the first keyframe a second from the newest frame on: encoders have not come that far. */
static void
handle_split (KliveWorker *worker, JsonObject *message)
{
  GstClockTime newest = 0;

  for (guint i = 0; i < worker->sessions->len; i++) {
    GstClockTime of_session = klive_session_get_newest (worker->sessions->pdata[i]);

    if (GST_CLOCK_TIME_IS_VALID (of_session))
      newest = MAX (newest, of_session);
  }
  klive_log (KLIVE_LOG_INFO, "recordings-split", worker->show->entry, NULL, NULL);
  for (guint i = 0; i < worker->sessions->len; i++)
    klive_session_split_recordings (worker->sessions->pdata[i], newest + SPLIT_AHEAD);
}

/* Into the segments, too: players that know no EXT-X-DATERANGE read timed ID3. */
static void
add_to_segments (KliveWorker *worker, const KliveSyncPoint *point)
{
  gint64 running_time = point->timestamp * 1000000 - worker->show->epoch;
  g_autoptr (GBytes) tag = klive_sync_point_make_id3 (point);

  for (guint i = 0; i < worker->sessions->len; i++)
    klive_session_add_metadata (worker->sessions->pdata[i], (GstClockTime) MAX (running_time, 0), tag);
}

static void
handle_sync_point (KliveWorker *worker, JsonObject *message)
{
  KliveSyncPoint *point = klive_sync_point_read (message);

  if (point == NULL || worker->show->writer == NULL) {
    klive_log (KLIVE_LOG_WARNING, "sync-point-left-out", worker->show->entry, NULL, "message",
        point == NULL ? "it lacks an id, an offset or a timestamp" : "there is no playlist yet", NULL);
    g_clear_pointer (&point, klive_sync_point_free);
    return;
  }
  klive_log (KLIVE_LOG_INFO, "sync-point", worker->show->entry, NULL, "id", point->id, NULL);
  add_to_segments (worker, point);
  klive_hls_writer_add_sync_point (worker->show->writer, point, g_get_real_time () * 1000);
}

static void
handle_take_plain (KliveWorker *worker, JsonObject *message)
{
  if (worker->show->writer != NULL)
    klive_hls_writer_follow_other (worker->show->writer, g_get_real_time () * 1000);
  klive_link_send (worker->link, klive_message_new ("plain-taken"));
}

static void
handle_end (KliveWorker *worker, JsonObject *message)
{
  klive_worker_end (worker, klive_message_get_string (message, "reason", "the launcher says so"));
}

static void
on_message (KliveLink *link, JsonObject *message, gpointer user_data)
{
  static const struct {
    const char *type;
    void (*handle) (KliveWorker *worker, JsonObject *message);
  } handlers[] = {
    { "welcome", handle_welcome },
    { "session-open", handle_session_open },
    { "session-end", handle_session_end },
    { "profile", handle_profile },
    { "ks", handle_ks },
    { "sync-point", handle_sync_point },
    { "entry", handle_entry },
    { "split", handle_split },
    { "take-plain", handle_take_plain },
    { "end", handle_end },
  };
  const char *type = klive_message_get_type (message);

  for (guint i = 0; i < G_N_ELEMENTS (handlers); i++) {
    if (g_str_equal (handlers[i].type, type)) {
      handlers[i].handle (user_data, message);
      return;
    }
  }
  klive_log (KLIVE_LOG_WARNING, "unknown-message", ((KliveWorker *) user_data)->show->entry, NULL, "type", type, NULL);
}

static void
on_up (KliveLink *link, gpointer user_data)
{
  KliveWorker *worker = user_data;

  g_clear_handle_id (&worker->orphan_source, g_source_remove);
  say_hello (worker);
  if (worker->welcome)
    send_status (worker);
}

static gboolean
on_orphaned (gpointer user_data)
{
  KliveWorker *worker = user_data;

  worker->orphan_source = 0;
  klive_worker_end (worker, "no launcher");
  return G_SOURCE_REMOVE;
}

static void
on_down (KliveLink *link, gpointer user_data)
{
  KliveWorker *worker = user_data;

  klive_log (KLIVE_LOG_WARNING, "launcher-lost", worker->show->entry, NULL, NULL);
  if (worker->orphan_source == 0)
    worker->orphan_source = g_timeout_add_seconds (worker->show->orphan_timeout, on_orphaned, worker);
}

static const KliveLinkCallbacks link_callbacks = { on_up, on_message, on_down };

static gboolean
is_gone (gpointer stream, gpointer time, gpointer user_data)
{
  KliveWorker *worker = user_data;

  if (g_get_monotonic_time () < *(gint64 *) time)
    return FALSE;
  klive_log (KLIVE_LOG_INFO, "stream-gone", worker->show->entry, stream, NULL);
  klive_hls_writer_drop_stream (worker->show->writer, stream, g_get_real_time () * 1000);
  return TRUE;
}

static gboolean
on_tick (gpointer user_data)
{
  KliveWorker *worker = user_data;

  if (worker->state == ON_AIR)
    g_hash_table_foreach_remove (worker->gone, is_gone, worker);

  for (guint i = 0; i < worker->sessions->len; i++)
    klive_session_tick (worker->sessions->pdata[i]);
  if (worker->show->writer != NULL)
    klive_hls_writer_tick (worker->show->writer, g_get_real_time () * 1000);
  if (++worker->ticks % STATUS_PERIOD == 0)
    send_status (worker);
  return G_SOURCE_CONTINUE;
}

/* The end */

static void
finish (KliveWorker *worker)
{
  gboolean registered = klive_show_is_registered (worker->show);
  gint64 used = (g_get_monotonic_time () - worker->end_begun) / G_TIME_SPAN_MILLISECOND;

  g_clear_handle_id (&worker->end_source, g_source_remove);
  klive_show_end (worker->show);
  if (!klive_pipeline_wait_disposed ((guint) CLAMP (TOTAL_DEADLINE - used, 500, TOTAL_DEADLINE)))
    klive_log (KLIVE_LOG_WARNING, "worker-cut", worker->show->entry, NULL, "message",
        "a pipeline or the unregistration did not end in time", NULL);
  else if (registered)
    klive_link_send (worker->link, klive_message_new ("unregistered"));
  klive_log (KLIVE_LOG_INFO, "worker-over", worker->show->entry, NULL, "reason", worker->end_reason, NULL);
  klive_link_send (worker->link, klive_message_new_strings ("bye", "reason", worker->end_reason, NULL));
  klive_link_flush (worker->link, 200);
  g_main_loop_quit (worker->loop);
}

static gboolean
on_sessions_deadline (gpointer user_data)
{
  KliveWorker *worker = user_data;

  worker->end_source = 0;
  while (worker->sessions->len > 0)
    g_ptr_array_add (worker->done, g_ptr_array_steal_index (worker->sessions, 0));
  finish (worker);
  return G_SOURCE_REMOVE;
}

void
klive_worker_end (KliveWorker *worker, const char *reason)
{
  if (worker->state == ENDING)
    return;
  set_state (worker, ENDING);
  worker->end_reason = g_strdup (reason);
  worker->end_begun = g_get_monotonic_time ();
  g_clear_handle_id (&worker->grace_source, g_source_remove);
  g_clear_handle_id (&worker->idle_source, g_source_remove);
  worker->end_source = g_timeout_add (SESSIONS_DEADLINE, on_sessions_deadline, worker);
  for (guint i = 0; i < worker->sessions->len; i++)
    klive_session_end (worker->sessions->pdata[i], KLIVE_SESSION_END_NOW);
  /* from the main loop, like the end of a session */
  if (worker->done_source == 0)
    worker->done_source = g_idle_add_full (G_PRIORITY_DEFAULT, on_done, worker, NULL);
}

int
klive_worker_get_exit_code (const KliveWorker *worker)
{
  return worker->exit_code;
}

KliveWorker *
klive_worker_new (const KliveWorkerOptions *options, GMainLoop *loop)
{
  KliveWorker *worker = g_new0 (KliveWorker, 1);

  worker->loop = loop;
  worker->show = klive_show_new (options->entry, options->index, options->state_dir);
  worker->sessions = g_ptr_array_new ();
  worker->gone = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  worker->done = g_ptr_array_new_with_free_func ((GDestroyNotify) klive_session_free);
  worker->idle_source = g_timeout_add_seconds (IDLE_TIMEOUT, on_idle_timeout, worker);
  worker->tick_source = g_timeout_add_seconds (1, on_tick, worker);
  worker->link = klive_link_new (options->socket, &link_callbacks, worker);
  worker->orphan_source = g_timeout_add_seconds (worker->show->orphan_timeout, on_orphaned, worker);
  return worker;
}

void
klive_worker_free (KliveWorker *worker)
{
  g_clear_handle_id (&worker->orphan_source, g_source_remove);
  g_clear_handle_id (&worker->grace_source, g_source_remove);
  g_clear_handle_id (&worker->idle_source, g_source_remove);
  g_clear_handle_id (&worker->tick_source, g_source_remove);
  g_clear_handle_id (&worker->status_source, g_source_remove);
  g_clear_handle_id (&worker->end_source, g_source_remove);
  g_clear_handle_id (&worker->done_source, g_source_remove);
  klive_link_free (worker->link);
  g_ptr_array_unref (worker->done);
  g_ptr_array_set_free_func (worker->sessions, (GDestroyNotify) klive_session_free);
  g_ptr_array_unref (worker->sessions);
  g_hash_table_unref (worker->gone);
  klive_show_free (worker->show);
  g_free (worker->register_failure);
  g_free (worker->end_reason);
  g_free (worker);
}
