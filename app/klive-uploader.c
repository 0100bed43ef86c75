/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The uploader: a thread with a main loop of its own, one lane for each asset. In a lane, one recording after the
 * other; lanes do not wait for each other, so a job that fails stands only in front of later chunks of its own asset.
 * Retries come after 1 s, doubled up to 5 min, 20 % up or down.
 *
 * Main thread:       klive_uploader_...() ──invoke──▶ this thread
 * This thread:       scan ──▶ lanes ──▶ klive-handover
 * Back:              figures and descriptions, copied under a lock whenever something has changed
 */
#include "klive-uploader.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include "klive-handover.h"
#include "klive-lane.h"
#include "klive-log.h"

#define SCAN_INTERVAL 30 /* s */
#define SCAN_DELAY 100   /* ms, from a change in the spool to the look at it */
#define MAX_HANDOVERS 4  /* at a time */
#define BACKOFF_MIN 1000 /* ms */
#define BACKOFF_MAX (5 * 60 * 1000)
#define PIECE_SIZE (8 * 1024 * 1024)
#define HEADER_SIZE 4096            /* bytes, more than any header has */
#define SETTLE_TIME (5 * 60 * 1000) /* ms; appendRecording is waited for 1 min */
#define MISSING_TIME (10 * 60 * 1000)
#define STOP_TIME (700 * G_TIME_SPAN_MILLISECOND)
#define MAX_DESCRIBED 200 /* jobs on the status page */

typedef struct {
  KliveUploader *uploader;
  KliveLane *lane;
  KliveHandover *handover; /* NULL = nothing is under way */
  GSource *timer;          /* until the next attempt, NULL = none is waited for */
} Worker;

struct _KliveUploader {
  const KalturaConfig *config;
  GThread *thread;
  GMainContext *context;
  guint64 piece_size;
  guint backoff, settle_time, missing_time; /* ms */
  char *launcher;

  GMutex lock;
  GCond stopped_cond;
  gboolean stopped;             /* lock */
  KliveUploaderFigures figures; /* lock */
  char *described;              /* lock; JSON array of the jobs */

  /* thread */
  KliveSpool *spool;
  KalturaClient *client;
  KliveHandoverContext handover_context;
  GHashTable *workers;    /* of Worker, by key */
  GHashTable *closed;     /* names of all jobs in workers that are closed: nobody else changes those */
  GHashTable *broadcasts; /* "ENTRY/INDEX" -> OVER or RUNS; others: nobody has said */
  gboolean others_over;
  guint handovers;
  guint64 handed_over, retries;
  GFileMonitor *monitor;
  GSource *scan_timer, *scan_soon, *publish_timer;
  gboolean quit;
};

static void step (Worker *worker);

/* --- what others may see --- */

static void
add_string (JsonObject *object, const char *name, const char *value)
{
  if (value)
    json_object_set_string_member (object, name, value);
}

static JsonObject *
describe_job (const Worker *worker, const KalturaJob *job)
{
  gboolean head = job == klive_lane_get_head (worker->lane);
  JsonObject *object = json_object_new ();
  const char *waits = job->state == KALTURA_JOB_RECORDING ? "record" : worker->timer && head ? "retry" : "wait";
  json_object_set_string_member (object, "file", job->file);
  json_object_set_string_member (object, "entry", job->entry_id);
  json_object_set_int_member (object, "index", job->server_index);
  json_object_set_string_member (object, "asset", job->asset_id);
  json_object_set_double_member (object, "duration", job->duration);
  json_object_set_string_member (object, "step",
      head && worker->handover ? klive_handover_get_step (worker->handover) : waits);
  if (head && worker->handover)
    json_object_set_int_member (object, "size", (gint64) klive_handover_get_size (worker->handover));
  json_object_set_int_member (object, "uploaded", (gint64) job->uploaded);
  json_object_set_int_member (object, "attempts", job->attempts);
  add_string (object, "reason", job->reason);
  return object;
}

static void
publish (KliveUploader *uploader)
{
  g_autoptr (JsonArray) jobs = json_array_new ();
  KliveUploaderFigures figures = { .handed_over = uploader->handed_over, .retries = uploader->retries };
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init (&iter, uploader->workers);
  while (g_hash_table_iter_next (&iter, NULL, &value)) {
    const Worker *worker = value;
    for (guint i = 0; i < klive_lane_get_length (worker->lane); i++) {
      const KalturaJob *job = klive_lane_get (worker->lane, i);
      *(job->state == KALTURA_JOB_RECORDING ? &figures.recording : &figures.pending) += 1;
      if (json_array_get_length (jobs) < MAX_DESCRIBED)
        json_array_add_object_element (jobs, describe_job (worker, job));
    }
  }
  figures.failed = klive_spool_count_failed (uploader->spool);
  g_autoptr (JsonNode) root = json_node_init_array (json_node_alloc (), jobs);
  g_mutex_lock (&uploader->lock);
  g_free (uploader->described);
  uploader->described = json_to_string (root, FALSE);
  uploader->figures = figures;
  g_mutex_unlock (&uploader->lock);
}

/* --- hand-overs --- */

static void
stop_timer (Worker *worker)
{
  if (worker->timer) {
    g_source_destroy (worker->timer);
    g_clear_pointer (&worker->timer, g_source_unref);
  }
}

static void
free_worker (gpointer data)
{
  Worker *worker = data;
  stop_timer (worker);
  g_clear_pointer (&worker->handover, klive_handover_free);
  klive_lane_free (worker->lane);
  g_free (worker);
}

static void
step_all (KliveUploader *uploader)
{
  g_autoptr (GList) workers = g_hash_table_get_values (uploader->workers);
  for (GList *item = workers; item; item = item->next)
    step (item->data);
  publish (uploader);
}

static GSource *
add_timer (KliveUploader *uploader, guint ms, GSourceFunc func, gpointer data)
{
  GSource *source = g_timeout_source_new (ms);
  g_source_set_callback (source, func, data, NULL);
  g_source_attach (source, uploader->context);
  return source;
}

static gboolean
on_retry (gpointer data)
{
  Worker *worker = data;
  stop_timer (worker);
  step_all (worker->uploader);
  return G_SOURCE_REMOVE;
}

static void
retry_later (Worker *worker, const KalturaJob *job)
{
  KliveUploader *uploader = worker->uploader;
  guint doublings = MIN (MAX (job->attempts, 1) - 1, 20);
  double delay = MIN ((guint64) uploader->backoff << doublings, BACKOFF_MAX) * g_random_double_range (0.8, 1.2);
  worker->timer = add_timer (uploader, (guint) delay, on_retry, worker);
  uploader->retries++;
}

static void
log_job (KliveLogLevel level, const char *event, const KalturaJob *job, const char *message)
{
  g_autofree char *duration = g_strdup_printf ("%.3f", job->duration);
  g_autofree char *attempts = g_strdup_printf ("%u", job->attempts);
  klive_log (level, event, job->entry_id, NULL, "asset", job->asset_id, "index", job->server_index == 0 ? "0" : "1",
      "file", job->file, "duration", duration, "attempts", attempts, "message", message, NULL);
}

static void
drop_head (Worker *worker)
{
  g_hash_table_remove (worker->uploader->closed, klive_lane_get_head (worker->lane)->name);
  klive_lane_drop_head (worker->lane);
}

static gboolean
save_job (KalturaJob *job, gpointer data)
{
  const KliveUploader *uploader = data;
  return klive_spool_save (uploader->spool, job);
}

static void
on_end (KliveHandoverEnd end, const char *reason, gpointer data)
{
  Worker *worker = data;
  KliveUploader *uploader = worker->uploader;
  KalturaJob *job = klive_lane_get_head (worker->lane);
  g_clear_pointer (&worker->handover, klive_handover_free);
  uploader->handovers--;
  switch (end) {
    case KLIVE_HANDOVER_DONE:
      log_job (KLIVE_LOG_INFO, "recording-handed-over", job, NULL);
      uploader->handed_over++;
      drop_head (worker);
      break;
    case KLIVE_HANDOVER_REPAIRED:
      log_job (KLIVE_LOG_WARNING, "recording-repaired", job, NULL);
      g_hash_table_add (uploader->closed, g_strdup (job->name));
      klive_lane_write_down (worker->lane, save_job, uploader);
      break;
    case KLIVE_HANDOVER_LATER:
      log_job (KLIVE_LOG_WARNING, "recording-delayed", job, reason);
      retry_later (worker, job);
      break;
    case KLIVE_HANDOVER_FAILED:
      log_job (KLIVE_LOG_ERROR, "recording-refused", job, reason);
      drop_head (worker);
      break;
  }
  step_all (uploader);
}

/* The API of 2014 and its XML files do not say which chunk is the last one. */
static gboolean
tells_last (const KliveUploader *uploader)
{
  return uploader->config->api != KALTURA_API_2014 && !uploader->config->upload_xml_directory;
}

/* A file is made with its header, and may end so: on a full disk, or with its worker. */
static gboolean
has_media (KalturaJob *job, gpointer user_data)
{
  GStatBuf status;
  return job->state == KALTURA_JOB_CLOSED || (g_stat (job->file, &status) == 0 && status.st_size > HEADER_SIZE);
}

/* Nobody writes the head's file any more: takes what its writer has said last, drops it if that was to forget it. */
static void
refresh_head (Worker *worker)
{
  KliveUploader *uploader = worker->uploader;
  const char *name = klive_lane_get_head (worker->lane)->name;
  g_autoptr (KalturaJob) job = klive_spool_load (uploader->spool, name);
  if (job && job->state != KALTURA_JOB_RECORDING) {
    g_hash_table_add (uploader->closed, g_strdup (name));
    klive_lane_take (worker->lane, g_steal_pointer (&job), KLIVE_LANE_IDLE);
    klive_lane_write_down (worker->lane, save_job, uploader);
  } else if (!job && !klive_spool_has (uploader->spool, name)) {
    drop_head (worker);
  }
}

/* Whether the head can be worked on now. Drops heads that have vanished. */
static gboolean
is_ready (Worker *worker)
{
  KalturaJob *job = NULL, *refreshed = NULL;
  while ((job = klive_lane_get_head (worker->lane)) && job != refreshed && job->state == KALTURA_JOB_RECORDING) {
    if (klive_spool_is_recording (job))
      return FALSE;
    refresh_head (worker);
    refreshed = job;
  }
  if (!job || job->state != KALTURA_JOB_CLOSED)
    return job != NULL;
  return !tells_last (worker->uploader) || klive_lane_decide (worker->lane, has_media, NULL);
}

/* Begins with the lane's head if it may; a lane without jobs goes away. */
static void
step (Worker *worker)
{
  KliveUploader *uploader = worker->uploader;
  if (worker->handover || worker->timer)
    return;
  if (!klive_lane_get_head (worker->lane)) {
    g_hash_table_remove (uploader->workers, klive_lane_get_key (worker->lane));
    return;
  }
  if (uploader->handovers >= MAX_HANDOVERS || uploader->quit || !is_ready (worker))
    return;
  uploader->handovers++;
  worker->handover =
      klive_handover_new (&uploader->handover_context, klive_lane_get_head (worker->lane), on_end, worker);
}

/* --- broadcasts --- */

enum { OVER = 1, RUNS = 2 }; /* not 0: hash tables say 0 for what they do not know */

static char *
make_broadcast_key (const char *entry_id, gint server_index)
{
  return g_strdup_printf ("%s/%d", entry_id, server_index);
}

static gboolean
is_over (KliveUploader *uploader, const KalturaJob *job)
{
  g_autofree char *key = make_broadcast_key (job->entry_id, job->server_index);
  gint known = GPOINTER_TO_INT (g_hash_table_lookup (uploader->broadcasts, key));
  return known == OVER || (known == 0 && uploader->others_over);
}

static void
settle_lane (KliveUploader *uploader, KliveLane *lane)
{
  const KalturaJob *head = klive_lane_get_head (lane);
  if (head && is_over (uploader, head))
    klive_lane_is_over (lane, has_media, NULL);
  klive_lane_write_down (lane, save_job, uploader);
}

/* --- scan --- */

static Worker *
get_worker (KliveUploader *uploader, const KalturaJob *job)
{
  g_autofree char *key = klive_lane_make_key (job);
  Worker *worker = g_hash_table_lookup (uploader->workers, key);
  if (!worker) {
    worker = g_new0 (Worker, 1);
    worker->uploader = uploader;
    worker->lane = klive_lane_new (job);
    g_hash_table_insert (uploader->workers, g_steal_pointer (&key), worker);
  }
  return worker;
}

static gboolean
is_listed (KalturaJob *job, gpointer names)
{
  return g_hash_table_contains (names, job->name);
}

static gboolean
is_not_listed (gpointer name, gpointer value, gpointer names)
{
  return !g_hash_table_contains (names, name);
}

/* A recorder that cannot write discards its file and the job; people move jobs away. */
static void
forget_others (KliveUploader *uploader, const GPtrArray *names)
{
  g_autoptr (GHashTable) listed = g_hash_table_new (g_str_hash, g_str_equal);
  GHashTableIter iter;
  gpointer value;
  for (guint i = 0; i < names->len; i++)
    g_hash_table_add (listed, names->pdata[i]);
  g_hash_table_iter_init (&iter, uploader->workers);
  while (g_hash_table_iter_next (&iter, NULL, &value)) {
    Worker *worker = value;
    const KalturaJob *head = klive_lane_get_head (worker->lane);
    if (!worker->handover && head && !g_hash_table_contains (listed, head->name))
      stop_timer (worker); /* it was this one's */
    klive_lane_keep (worker->lane, worker->handover ? KLIVE_LANE_BUSY : KLIVE_LANE_IDLE, is_listed, listed);
  }
  g_hash_table_foreach_remove (uploader->closed, is_not_listed, listed);
}

static void
settle_lanes (KliveUploader *uploader)
{
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init (&iter, uploader->workers);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    settle_lane (uploader, ((Worker *) value)->lane);
}

static void
scan (KliveUploader *uploader)
{
  g_autoptr (GPtrArray) names = klive_spool_list (uploader->spool);
  if (!names)
    return;
  forget_others (uploader, names);
  for (guint i = 0; i < names->len; i++) {
    const char *name = names->pdata[i];
    gboolean known = g_hash_table_contains (uploader->closed, name);
    KalturaJob *job = known ? NULL : klive_spool_load (uploader->spool, name);
    if (!job)
      continue;
    if (job->state != KALTURA_JOB_RECORDING)
      g_hash_table_add (uploader->closed, g_strdup (name));
    Worker *worker = get_worker (uploader, job);
    klive_lane_take (worker->lane, job, worker->handover ? KLIVE_LANE_BUSY : KLIVE_LANE_IDLE);
  }
  settle_lanes (uploader); /* not before all are there: the newest one is the last */
  step_all (uploader);
}

static gboolean
on_scan (gpointer data)
{
  scan (data);
  return G_SOURCE_CONTINUE;
}

/* Uploads make progress without anything else that happens. */
static gboolean
on_publish (gpointer data)
{
  KliveUploader *uploader = data;
  if (uploader->handovers > 0)
    publish (uploader);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_scan_soon (gpointer data)
{
  KliveUploader *uploader = data;
  g_clear_pointer (&uploader->scan_soon, g_source_unref);
  scan (uploader);
  return G_SOURCE_REMOVE;
}

static void
scan_soon (KliveUploader *uploader)
{
  if (!uploader->scan_soon && !uploader->quit)
    uploader->scan_soon = add_timer (uploader, SCAN_DELAY, on_scan_soon, uploader);
}

static void
on_changed (GFileMonitor *monitor, GFile *file, GFile *other, GFileMonitorEvent event, gpointer data)
{
  if (event == G_FILE_MONITOR_EVENT_CREATED || event == G_FILE_MONITOR_EVENT_RENAMED ||
      event == G_FILE_MONITOR_EVENT_MOVED_IN || event == G_FILE_MONITOR_EVENT_CHANGES_DONE_HINT)
    scan_soon (data);
}

/* --- thread --- */

static void
set_up_thread (KliveUploader *uploader)
{
  const KalturaConfig *config = uploader->config;
  g_autofree char *tag = g_strconcat ("klive-", config->hostname, NULL);
  const KalturaClientSettings settings = { config->service_url, config->api, config->timeout, tag, config->partner_id,
    config->admin_secret, config->session_version };
  uploader->client = kaltura_client_new (&settings);
  uploader->handover_context = (KliveHandoverContext){ .config = config,
    .client = uploader->client,
    .spool = uploader->spool,
    .launcher = uploader->launcher,
    .piece_size = uploader->piece_size,
    .settle_time = uploader->settle_time,
    .missing_time = uploader->missing_time };
  g_autoptr (GFile) folder = g_file_new_for_path (klive_spool_get_directory (uploader->spool));
  uploader->monitor = g_file_monitor_directory (folder, G_FILE_MONITOR_WATCH_MOVES, NULL, NULL);
  if (uploader->monitor)
    g_signal_connect (uploader->monitor, "changed", G_CALLBACK (on_changed), uploader);
  uploader->scan_timer = add_timer (uploader, SCAN_INTERVAL * 1000, on_scan, uploader);
  uploader->publish_timer = add_timer (uploader, 1000, on_publish, uploader);
}

static void
tear_down_thread (KliveUploader *uploader)
{
  if (uploader->scan_soon) {
    g_source_destroy (uploader->scan_soon);
    g_clear_pointer (&uploader->scan_soon, g_source_unref);
  }
  g_source_destroy (uploader->scan_timer);
  g_clear_pointer (&uploader->scan_timer, g_source_unref);
  g_source_destroy (uploader->publish_timer);
  g_clear_pointer (&uploader->publish_timer, g_source_unref);
  g_clear_object (&uploader->monitor);
  g_hash_table_remove_all (uploader->workers);
  g_clear_pointer (&uploader->client, kaltura_client_unref);
  while (g_main_context_iteration (uploader->context, FALSE)) /* what was cancelled */
    continue;
}

static gpointer
run (gpointer data)
{
  KliveUploader *uploader = data;
  g_main_context_push_thread_default (uploader->context);
  set_up_thread (uploader);
  scan (uploader);
  while (!uploader->quit)
    g_main_context_iteration (uploader->context, TRUE);
  tear_down_thread (uploader);
  g_main_context_pop_thread_default (uploader->context);
  g_mutex_lock (&uploader->lock);
  uploader->stopped = TRUE;
  g_cond_signal (&uploader->stopped_cond);
  g_mutex_unlock (&uploader->lock);
  return NULL;
}

KliveUploader *
klive_uploader_new_full (const KalturaConfig *config, const KliveUploaderOptions *options, GError **error)
{
  g_autoptr (KliveSpool) spool = klive_spool_new (config->spool_directory, error);
  if (!spool)
    return NULL;
  KliveUploader *uploader = g_new0 (KliveUploader, 1);
  uploader->config = config;
  uploader->spool = g_steal_pointer (&spool);
  uploader->context = g_main_context_new ();
  uploader->workers = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, free_worker);
  uploader->closed = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  uploader->broadcasts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  uploader->described = g_strdup ("[]");
  uploader->launcher = g_strdup (options->launcher);
  uploader->piece_size = options->piece_size ? options->piece_size : PIECE_SIZE;
  uploader->backoff = options->backoff ? options->backoff : BACKOFF_MIN;
  uploader->settle_time = options->settle_time ? options->settle_time : SETTLE_TIME;
  uploader->missing_time = options->missing_time ? options->missing_time : MISSING_TIME;
  g_mutex_init (&uploader->lock);
  g_cond_init (&uploader->stopped_cond);
  uploader->thread = g_thread_new ("uploader", run, uploader);
  return uploader;
}

KliveUploader *
klive_uploader_new (const KalturaConfig *config, GError **error)
{
  const KliveUploaderOptions options = { 0 };
  return klive_uploader_new_full (config, &options, error);
}

/* --- main thread --- */

static gboolean
quit (gpointer data)
{
  KliveUploader *uploader = data;
  uploader->quit = TRUE;
  return G_SOURCE_REMOVE;
}

/* Not g_main_context_invoke(): that would run here what belongs there, if nobody runs the context just now. */
static void
invoke (KliveUploader *uploader, GSourceFunc func, gpointer data, GDestroyNotify destroy)
{
  g_autoptr (GSource) source = g_idle_source_new ();
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, func, data, destroy);
  g_source_attach (source, uploader->context);
}

void
klive_uploader_free (KliveUploader *uploader)
{
  gint64 deadline = g_get_monotonic_time () + STOP_TIME;
  invoke (uploader, quit, uploader, NULL);
  g_mutex_lock (&uploader->lock);
  while (!uploader->stopped && g_cond_wait_until (&uploader->stopped_cond, &uploader->lock, deadline))
    continue;
  gboolean stopped = uploader->stopped;
  g_mutex_unlock (&uploader->lock);
  if (!stopped) { /* it hangs in the disk; the process ends anyway */
    klive_log (KLIVE_LOG_WARNING, "uploader-hangs", NULL, NULL, NULL, NULL);
    g_thread_unref (uploader->thread);
    return;
  }
  g_thread_join (uploader->thread);
  g_hash_table_unref (uploader->workers);
  g_hash_table_unref (uploader->closed);
  g_hash_table_unref (uploader->broadcasts);
  klive_spool_free (uploader->spool);
  g_main_context_unref (uploader->context);
  g_free (uploader->described);
  g_free (uploader->launcher);
  g_mutex_clear (&uploader->lock);
  g_cond_clear (&uploader->stopped_cond);
  g_free (uploader);
}

static gboolean
scan_once (gpointer data)
{
  scan (data);
  return G_SOURCE_REMOVE;
}

void
klive_uploader_scan (KliveUploader *uploader)
{
  invoke (uploader, scan_once, uploader, NULL);
}

typedef struct {
  KliveUploader *uploader;
  char *entry_id;
  gint server_index;
  gint state;
} Broadcast;

static void
free_broadcast (gpointer data)
{
  Broadcast *broadcast = data;
  g_free (broadcast->entry_id);
  g_free (broadcast);
}

static gboolean
set_broadcast (gpointer data)
{
  const Broadcast *broadcast = data;
  KliveUploader *uploader = broadcast->uploader;
  scan (uploader);
  g_hash_table_insert (uploader->broadcasts, make_broadcast_key (broadcast->entry_id, broadcast->server_index),
      GINT_TO_POINTER (broadcast->state));
  settle_lanes (uploader);
  step_all (uploader);
  return G_SOURCE_REMOVE;
}

static void
tell_broadcast (KliveUploader *uploader, const char *entry_id, gint server_index, gint state)
{
  Broadcast *broadcast = g_new (Broadcast, 1);
  *broadcast = (Broadcast){ uploader, g_strdup (entry_id), server_index, state };
  invoke (uploader, set_broadcast, broadcast, free_broadcast);
}

void
klive_uploader_broadcast_runs (KliveUploader *uploader, const char *entry_id, gint server_index)
{
  tell_broadcast (uploader, entry_id, server_index, RUNS);
}

void
klive_uploader_broadcast_is_over (KliveUploader *uploader, const char *entry_id, gint server_index)
{
  tell_broadcast (uploader, entry_id, server_index, OVER);
}

static gboolean
set_others_over (gpointer data)
{
  KliveUploader *uploader = data;
  uploader->others_over = TRUE;
  scan (uploader);
  return G_SOURCE_REMOVE;
}

void
klive_uploader_others_are_over (KliveUploader *uploader)
{
  invoke (uploader, set_others_over, uploader, NULL);
}

void
klive_uploader_get_figures (KliveUploader *uploader, KliveUploaderFigures *figures)
{
  g_mutex_lock (&uploader->lock);
  *figures = uploader->figures;
  g_mutex_unlock (&uploader->lock);
}

JsonObject *
klive_uploader_describe (KliveUploader *uploader)
{
  JsonObject *object = json_object_new ();
  g_mutex_lock (&uploader->lock);
  const KliveUploaderFigures *figures = &uploader->figures;
  json_object_set_int_member (object, "recording", figures->recording);
  json_object_set_int_member (object, "pending", figures->pending);
  json_object_set_int_member (object, "failed", figures->failed);
  json_object_set_int_member (object, "handedOver", (gint64) figures->handed_over);
  json_object_set_int_member (object, "retries", (gint64) figures->retries);
  json_object_set_member (object, "jobs", json_from_string (uploader->described, NULL));
  g_mutex_unlock (&uploader->lock);
  return object;
}
