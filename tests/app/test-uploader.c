/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The uploader against kaltura-sandbox and the real `klive-launcher finish`: each recording reaches Kaltura exactly
 * once, in order, whatever is cut, lost, refused or killed.
 */
#include "klive-uploader.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <libsoup/soup.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#include "kaltura-job.h"
#include "klive-process.h"

#define ENTRY "0_livedemo"
#define SOURCE "0_as000001" /* the recording anchor */
#define OTHER "0_as000002"
#define SECRET "5e8f0c1d2b3a49687766554433221100"
#define PIECE 1000 /* bytes */
#define PATIENCE (30 * G_USEC_PER_SEC)

typedef struct {
  KalturaApi api;
  KalturaWorkMode mode;
} Case;

static const Case current_shared = { KALTURA_API_CURRENT, KALTURA_WORK_MODE_KALTURA };
static const Case current_remote = { KALTURA_API_CURRENT, KALTURA_WORK_MODE_REMOTE };
static const Case old_shared = { KALTURA_API_2014, KALTURA_WORK_MODE_KALTURA };
static const Case old_remote = { KALTURA_API_2014, KALTURA_WORK_MODE_REMOTE };

typedef struct {
  char *folder, *recordings, *spool;
  GSubprocess *sandbox;
  char *url;
  SoupSession *session;
  KalturaConfig *config;
  KliveUploader *uploader;
  gint64 created;                  /* of the next job */
  guint settle_time, missing_time; /* ms */
} Fixture;

/* --- the sandbox --- */

static void
start_sandbox (Fixture *f, KalturaApi api)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *state = g_build_filename (f->folder, "sandbox", NULL);
  const char *const argv[] = { g_getenv ("KLIVE_SANDBOX"), "--listen", "127.0.0.1:0", "--data",
    g_getenv ("KLIVE_SANDBOX_DATA"), "--state", state, "--api", api == KALTURA_API_2014 ? "2014" : "current", NULL };
  f->sandbox = klive_process_spawn (argv, "/", KLIVE_PROCESS_TIED, G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error);
  g_assert_no_error (error);
  g_autoptr (GDataInputStream) output = g_data_input_stream_new (g_subprocess_get_stdout_pipe (f->sandbox));
  g_autofree char *line = g_data_input_stream_read_line (output, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (g_str_has_prefix (line, "listening: "));
  f->url = g_strdup (line + strlen ("listening: "));
}

static JsonNode *
ask_sandbox (Fixture *f, const char *method, const char *path, const char *body)
{
  g_autofree char *url = g_strconcat (f->url, path, NULL);
  g_autoptr (SoupMessage) message = soup_message_new (method, url);
  g_autoptr (GError) error = NULL;
  if (body) {
    g_autoptr (GBytes) bytes = g_bytes_new (body, strlen (body));
    soup_message_set_request_body_from_bytes (message, "application/json", bytes);
  }
  g_autoptr (GBytes) reply = soup_session_send_and_read (f->session, message, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (soup_message_get_status (message), ==, 200);
  g_autofree char *text = g_strndup (g_bytes_get_data (reply, NULL), g_bytes_get_size (reply));
  return json_from_string (text, NULL);
}

/* @fields: of a fault, without the braces. */
static void
add_fault (Fixture *f, const char *fields)
{
  g_autofree char *body = g_strdup_printf ("{\"faults\": [{%s}]}", fields);
  json_node_unref (ask_sandbox (f, "POST", "/sandbox/faults", body));
}

static void
clear_faults (Fixture *f)
{
  json_node_unref (ask_sandbox (f, "DELETE", "/sandbox/faults", NULL));
}

/* What the sandbox has got for the entry: of objects with assetId, index, duration, path, isLastChunk. */
static JsonArray *
get_recordings (Fixture *f)
{
  g_autoptr (JsonNode) state = ask_sandbox (f, "GET", "/sandbox/state", NULL);
  JsonObject *entries = json_object_get_object_member (json_node_get_object (state), "entries");
  JsonObject *entry = json_object_get_object_member (entries, ENTRY);
  return json_array_ref (json_object_get_array_member (entry, "recordings"));
}

/* How often an action was carried out or refused. */
static guint
count_calls (Fixture *f, const char *action)
{
  g_autoptr (JsonNode) state = ask_sandbox (f, "GET", "/sandbox/state", NULL);
  JsonArray *calls = json_object_get_array_member (json_node_get_object (state), "calls");
  guint count = 0;
  for (guint i = 0; i < json_array_get_length (calls); i++) {
    JsonObject *call = json_array_get_object_element (calls, i);
    count += g_ascii_strcasecmp (json_object_get_string_member (call, "action"), action) == 0;
  }
  return count;
}

/* --- the fixture --- */

static void
set_up (Fixture *f, gconstpointer data)
{
  const Case *c = data;
  f->folder = g_dir_make_tmp ("klive-uploader-XXXXXX", NULL);
  f->recordings = g_build_filename (f->folder, "recordings", NULL);
  f->spool = g_build_filename (f->folder, "spool", NULL);
  g_assert_cmpint (g_mkdir (f->recordings, 0700), ==, 0);
  g_assert_cmpint (g_mkdir (f->spool, 0700), ==, 0);
  f->session = soup_session_new ();
  f->created = G_GINT64_CONSTANT (1763812345000);
  start_sandbox (f, c->api);
  f->config = kaltura_config_new_default ();
  g_free (f->config->service_url);
  f->config->service_url = g_strdup (f->url);
  g_free (f->config->admin_secret);
  f->config->admin_secret = g_strdup (SECRET);
  f->config->partner_id = -5;
  f->config->api = c->api;
  f->config->work_mode = c->mode;
  g_free (f->config->spool_directory);
  f->config->spool_directory = g_strdup (f->spool);
  f->config->timeout = 2;
  f->settle_time = 200;
  f->missing_time = 60000;
}

static void
remove_folder (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;
  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree char *path = g_build_filename (folder, name, NULL);
    if (g_file_test (path, G_FILE_TEST_IS_DIR))
      remove_folder (path);
    else
      g_unlink (path);
  }
  g_rmdir (folder);
}

static void
start_with (Fixture *f, const char *launcher)
{
  const KliveUploaderOptions options = { launcher, PIECE, 20, f->settle_time, f->missing_time };
  g_autoptr (GError) error = NULL;
  f->uploader = klive_uploader_new_full (f->config, &options, &error);
  g_assert_no_error (error);
}

static void
start (Fixture *f)
{
  start_with (f, g_getenv ("KLIVE_LAUNCHER"));
}

static void
stop (Fixture *f)
{
  g_clear_pointer (&f->uploader, klive_uploader_free);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  stop (f);
  g_subprocess_force_exit (f->sandbox);
  g_subprocess_wait (f->sandbox, NULL, NULL);
  g_object_unref (f->sandbox);
  g_object_unref (f->session);
  kaltura_config_free (f->config);
  remove_folder (f->folder);
  g_free (f->folder);
  g_free (f->recordings);
  g_free (f->spool);
  g_free (f->url);
}

/* --- jobs --- */

static char *
get_file (Fixture *f, const char *name)
{
  return g_strdup_printf ("%s/%s.mp4", f->recordings, name);
}

/* A recording of 1.2 s; @cut: bytes that are missing at its end. */
static void
add_recording (Fixture *f, const char *name, const char *asset, KalturaJobState state, KalturaLast last, gsize cut)
{
  g_autofree char *data = NULL;
  g_autofree char *file = get_file (f, name);
  gsize size;
  g_autoptr (GError) error = NULL;
  g_assert_true (g_file_get_contents (g_getenv ("KLIVE_TEST_RECORDING"), &data, &size, &error));
  g_assert_true (g_file_set_contents (file, data, (gssize) (size - cut), &error));
  g_autoptr (KalturaJob) job = kaltura_job_new (file);
  job->entry_id = g_strdup (ENTRY);
  job->partner_id = 102;
  job->asset_id = g_strdup (asset);
  job->created = f->created++;
  job->state = state;
  job->last = last;
  job->duration = state == KALTURA_JOB_CLOSED ? 1.2 : 0;
  kaltura_job_save (job, f->spool, &error);
  g_assert_no_error (error);
}

static void
add_closed (Fixture *f, const char *name, const char *asset)
{
  add_recording (f, name, asset, KALTURA_JOB_CLOSED, KALTURA_LAST_NO, 0);
}

static gboolean
has_job (Fixture *f, const char *name)
{
  g_autofree char *path = g_strdup_printf ("%s/%s.mp4.json", f->spool, name);
  return g_file_test (path, G_FILE_TEST_EXISTS);
}

static KalturaJob *
load_job (Fixture *f, const char *name)
{
  g_autofree char *path = g_strdup_printf ("%s/%s.mp4.json", f->spool, name);
  g_autoptr (GError) error = NULL;
  KalturaJob *job = kaltura_job_load (path, &error);
  g_assert_no_error (error);
  return job;
}

static KalturaJob *
load_failed (Fixture *f, const char *name)
{
  g_autofree char *path = g_strdup_printf ("%s/failed/%s.mp4.json", f->spool, name);
  return kaltura_job_load (path, NULL);
}

static gboolean
has_file (Fixture *f, const char *name)
{
  g_autofree char *path = get_file (f, name);
  return g_file_test (path, G_FILE_TEST_EXISTS);
}

/* Until the spool has no jobs. */
static void
wait_until_empty (Fixture *f)
{
  gint64 end = g_get_monotonic_time () + PATIENCE;
  for (;;) {
    g_autoptr (GDir) dir = g_dir_open (f->spool, 0, NULL);
    const char *name;
    gboolean empty = TRUE;
    while ((name = g_dir_read_name (dir)))
      empty &= !g_str_has_suffix (name, ".json");
    if (empty)
      return;
    g_assert_cmpint (g_get_monotonic_time (), <, end);
    g_usleep (5000);
  }
}

static void
wait_for_retries (Fixture *f, guint64 retries)
{
  gint64 end = g_get_monotonic_time () + PATIENCE;
  KliveUploaderFigures figures;
  do {
    g_assert_cmpint (g_get_monotonic_time (), <, end);
    g_usleep (5000);
    klive_uploader_get_figures (f->uploader, &figures);
  } while (figures.retries < retries);
}

static void
wait_for_figures (Fixture *f, guint recording, guint pending)
{
  gint64 end = g_get_monotonic_time () + PATIENCE;
  KliveUploaderFigures figures;
  do {
    g_assert_cmpint (g_get_monotonic_time (), <, end);
    g_usleep (5000);
    klive_uploader_get_figures (f->uploader, &figures);
  } while (figures.recording != recording || figures.pending != pending);
}

/* Asserts that only recording number @last (from 1) was told to be the last one. */
static void
check_last (Fixture *f, guint last)
{
  g_autoptr (JsonArray) recordings = get_recordings (f);
  g_assert_cmpuint (json_array_get_length (recordings), >=, last);
  for (guint i = 0; i < json_array_get_length (recordings); i++) {
    JsonObject *recording = json_array_get_object_element (recordings, i);
    g_assert_cmpint (json_object_get_boolean_member (recording, "isLastChunk"), ==, i + 1 == last);
  }
}

/* Asserts that the sandbox has got these recordings, in this order: names of files, "ASSET/NAME", NULL at the end. */
static void check_recordings (Fixture *f, const char *first, ...) G_GNUC_NULL_TERMINATED;

static void
check_recordings (Fixture *f, const char *first, ...)
{
  g_autoptr (JsonArray) recordings = get_recordings (f);
  va_list list;
  guint count = 0;
  va_start (list, first);
  for (const char *expected = first; expected; expected = va_arg (list, const char *)) {
    g_assert_cmpuint (count, <, json_array_get_length (recordings));
    JsonObject *recording = json_array_get_object_element (recordings, count++);
    const char *asset = json_object_get_string_member (recording, "assetId");
    g_autofree char *base = g_path_get_basename (json_object_get_string_member (recording, "path"));
    g_autofree char *found = g_strdup_printf ("%s/%s", asset, g_str_has_prefix (base, "segment-") ? "*" : base);
    g_autofree char *any = g_strdup_printf ("%s/*", asset);
    if (!g_str_equal (found, any))
      g_assert_cmpstr (found, ==, expected);
    else
      g_assert_true (g_str_has_prefix (expected, asset));
    g_assert_cmpfloat_with_epsilon (json_object_get_double_member (recording, "duration"), 1.2, 0.001);
  }
  va_end (list);
  g_assert_cmpuint (json_array_get_length (recordings), ==, count);
}

/* --- tests of every case --- */

static void
test_hand_over (Fixture *f, gconstpointer data)
{
  const Case *c = data;
  add_recording (f, "a", SOURCE, KALTURA_JOB_CLOSED, KALTURA_LAST_YES, 0);
  start (f);
  wait_until_empty (f);
  check_recordings (f, SOURCE "/a.mp4", NULL);
  g_autoptr (JsonArray) recordings = get_recordings (f);
  JsonObject *recording = json_array_get_object_element (recordings, 0);
  g_assert_cmpint (json_object_get_int_member (recording, "index"), ==, 0);
  g_assert_cmpint (json_object_get_boolean_member (recording, "isLastChunk"), ==, c->api == KALTURA_API_CURRENT);
  g_assert_cmpint (has_file (f, "a"), ==, c->mode == KALTURA_WORK_MODE_KALTURA);

  KliveUploaderFigures figures;
  klive_uploader_get_figures (f->uploader, &figures);
  g_assert_cmpuint (figures.failed, ==, 0);
}

/* What Kaltura gets is the file, its index in front, whether it comes by path or in pieces. */
static void
test_bytes (Fixture *f, gconstpointer data)
{
  g_autofree char *expected = NULL, *found = NULL;
  gsize expected_size, found_size;
  f->config->keep_files = TRUE;
  add_closed (f, "a", SOURCE);
  start (f);
  wait_until_empty (f);
  g_autofree char *file = get_file (f, "a");
  g_autoptr (JsonArray) recordings = get_recordings (f);
  const char *path = json_object_get_string_member (json_array_get_object_element (recordings, 0), "path");
  g_assert_true (g_file_get_contents (file, &expected, &expected_size, NULL));
  g_assert_true (g_file_get_contents (path, &found, &found_size, NULL));
  g_assert_cmpmem (found, found_size, expected, expected_size);
  g_assert_cmpmem (found + 40, 4, "moov", 4); /* behind ftyp */
}

/* Each way in which a call can go wrong, each one once: nothing twice, nothing lost. */
static void
test_faults (Fixture *f, gconstpointer data)
{
  static const char *const kinds[] = { "\"kind\": \"cut\"", "\"kind\": \"lost-answer\"", "\"kind\": \"garbage\"",
    "\"kind\": \"html\"", "\"kind\": \"empty\"", "\"kind\": \"status\", \"status\": 502",
    "\"kind\": \"error\", \"code\": \"INTERNAL_SERVERL_ERROR\"", "\"kind\": \"error\", \"code\": \"LOCK_TIMED_OUT\"",
    "\"kind\": \"lost-answer\", \"times\": 3", "\"kind\": \"cut\", \"times\": 3" };
  static const char *const actions[] = { "appendRecording", "add", "upload" };
  const Case *c = data;
  /* On a shared disk "upload" is the marker alone: a server that dies between the two calls of one request. */
  guint n_actions = c->mode == KALTURA_WORK_MODE_REMOTE ? 3 : 2;
  start (f);
  for (guint i = 0; i < n_actions; i++) {
    for (guint k = 0; k < G_N_ELEMENTS (kinds); k++) {
      g_autofree char *name = g_strdup_printf ("%u-%u", i, k);
      gboolean counted = strstr (kinds[k], "times") != NULL;
      g_autofree char *fault =
          g_strdup_printf ("\"action\": \"%s\", %s%s", actions[i], kinds[k], counted ? "" : ", \"times\": 1");
      g_autoptr (JsonArray) before = get_recordings (f);
      g_test_message ("%s", fault);
      add_fault (f, fault);
      add_closed (f, name, k % 2 ? SOURCE : OTHER);
      klive_uploader_scan (f->uploader);
      wait_until_empty (f);
      clear_faults (f);
      g_autoptr (JsonArray) after = get_recordings (f);
      g_assert_cmpuint (json_array_get_length (after), ==, json_array_get_length (before) + 1);
    }
  }
  KliveUploaderFigures figures;
  klive_uploader_get_figures (f->uploader, &figures);
  g_assert_cmpuint (figures.failed, ==, 0);
}

/* Killed behind a call that Kaltura has carried out: the next uploader finds that out. */
static void
test_killed (Fixture *f, gconstpointer data)
{
  for (guint round = 0; round < 4; round++) {
    g_autofree char *name = g_strdup_printf ("%u", round);
    add_closed (f, name, OTHER);
    add_fault (f,
        round % 2 ? "\"action\": \"appendRecording\", \"kind\": \"delay\", \"seconds\": 20, \"times\": 1"
                  : "\"action\": \"appendRecording\", \"kind\": \"cut\", \"seconds\": 20, \"times\": 1");
    guint calls = count_calls (f, "appendRecording");
    start (f);
    while (count_calls (f, "appendRecording") == calls)
      g_usleep (5000);
    stop (f);
    g_assert_true (has_job (f, name));
  }
  clear_faults (f);
  start (f);
  wait_until_empty (f);
  check_recordings (f, OTHER "/0.mp4", OTHER "/1.mp4", OTHER "/2.mp4", OTHER "/3.mp4", NULL);
}

/* --- tests of one case --- */

static void
test_order (Fixture *f, gconstpointer data)
{
  add_closed (f, "a", SOURCE);
  add_closed (f, "b", SOURCE);
  add_closed (f, "c", SOURCE);
  add_fault (f, "\"action\": \"appendRecording\", \"kind\": \"status\", \"times\": 2");
  start (f);
  wait_until_empty (f);
  check_recordings (f, SOURCE "/a.mp4", SOURCE "/b.mp4", SOURCE "/c.mp4", NULL);
}

/* A job that Kaltura will not take is put aside with the reason; what comes behind it goes on. */
static void
test_refused (Fixture *f, gconstpointer data)
{
  add_closed (f, "a", "0_nothere");
  add_closed (f, "b", SOURCE);
  add_closed (f, "c", "0_nothere");
  add_closed (f, "d", SOURCE);
  start (f);
  wait_until_empty (f);
  check_recordings (f, SOURCE "/b.mp4", SOURCE "/d.mp4", NULL);
  g_autoptr (KalturaJob) failed = load_failed (f, "a");
  g_assert_nonnull (failed);
  g_assert_true (g_str_has_prefix (failed->reason, "ASSET_ID_NOT_FOUND"));
  g_assert_true (has_file (f, "a"));
  g_autoptr (KalturaJob) other = load_failed (f, "c");
  g_assert_nonnull (other);
}

/* One asset that cannot get through does not stop another. */
static void
test_lanes (Fixture *f, gconstpointer data)
{
  add_fault (f, "\"action\": \"upload\", \"kind\": \"cut\", \"times\": 1");
  add_closed (f, "a", OTHER);
  start (f);
  wait_for_retries (f, 1);
  add_closed (f, "b", SOURCE);
  klive_uploader_scan (f->uploader);
  wait_until_empty (f);
  g_autoptr (JsonArray) recordings = get_recordings (f);
  g_assert_cmpuint (json_array_get_length (recordings), ==, 2);
}

/* Kaltura away for a while: everything is there afterwards, in order. */
static void
test_outage (Fixture *f, gconstpointer data)
{
  add_fault (f, "\"kind\": \"cut\"");
  add_closed (f, "a", SOURCE);
  add_closed (f, "b", SOURCE);
  add_closed (f, "c", OTHER);
  start (f);
  wait_for_retries (f, 6);
  g_assert_true (has_job (f, "a") && has_job (f, "b") && has_job (f, "c"));
  g_autoptr (JsonObject) described = klive_uploader_describe (f->uploader);
  g_assert_cmpint (json_object_get_int_member (described, "pending"), ==, 3);
  JsonObject *job = json_array_get_object_element (json_object_get_array_member (described, "jobs"), 0);
  g_assert_cmpint (json_object_get_int_member (job, "attempts"), >, 1);
  g_assert_nonnull (json_object_get_string_member (job, "reason"));
  clear_faults (f);
  wait_until_empty (f);
  g_autoptr (JsonArray) recordings = get_recordings (f);
  g_assert_cmpuint (json_array_get_length (recordings), ==, 3);
}

static void
test_last (Fixture *f, gconstpointer data)
{
  add_recording (f, "a", SOURCE, KALTURA_JOB_CLOSED, KALTURA_LAST_UNKNOWN, 0);
  add_recording (f, "b", SOURCE, KALTURA_JOB_CLOSED, KALTURA_LAST_UNKNOWN, 0);
  start (f);
  gint64 end = g_get_monotonic_time () + PATIENCE;
  while (has_job (f, "a")) {
    g_assert_cmpint (g_get_monotonic_time (), <, end);
    g_usleep (5000);
  }
  g_assert_true (has_job (f, "b")); /* nobody knows yet */
  klive_uploader_broadcast_is_over (f->uploader, ENTRY, 0);
  wait_until_empty (f);
  g_autoptr (JsonArray) recordings = get_recordings (f);
  g_assert_false (json_object_get_boolean_member (json_array_get_object_element (recordings, 0), "isLastChunk"));
  g_assert_true (json_object_get_boolean_member (json_array_get_object_element (recordings, 1), "isLastChunk"));
}

/* Nothing but a later recording or the end tells whether it was the last one. */
static void
test_waits (Fixture *f, gconstpointer data)
{
  add_recording (f, "a", SOURCE, KALTURA_JOB_CLOSED, KALTURA_LAST_UNKNOWN, 0);
  start (f);
  klive_uploader_broadcast_runs (f->uploader, ENTRY, 0);
  klive_uploader_others_are_over (f->uploader);
  wait_for_figures (f, 0, 1);
  g_usleep (50000);
  g_assert_true (has_job (f, "a"));
  klive_uploader_broadcast_is_over (f->uploader, ENTRY, 0);
  wait_until_empty (f);
  check_last (f, 1);
}

/* Nobody is told there. */
static void
test_does_not_wait (Fixture *f, gconstpointer data)
{
  add_recording (f, "a", SOURCE, KALTURA_JOB_CLOSED, KALTURA_LAST_UNKNOWN, 0);
  start (f);
  klive_uploader_broadcast_runs (f->uploader, ENTRY, 0);
  wait_until_empty (f);
  check_recordings (f, SOURCE "/a.mp4", NULL);
}

/* What the end has said outlives a restart, with the next broadcast's recordings behind. */
static void
test_over_saved (Fixture *f, gconstpointer data)
{
  add_recording (f, "a", SOURCE, KALTURA_JOB_CLOSED, KALTURA_LAST_UNKNOWN, 0);
  add_recording (f, "b", SOURCE, KALTURA_JOB_CLOSED, KALTURA_LAST_UNKNOWN, 0);
  add_fault (f, "\"kind\": \"cut\"");
  start (f);
  klive_uploader_broadcast_is_over (f->uploader, ENTRY, 0);
  wait_for_retries (f, 1);
  stop (f);
  clear_faults (f);
  add_recording (f, "c", SOURCE, KALTURA_JOB_CLOSED, KALTURA_LAST_NO, 0);
  start (f);
  klive_uploader_broadcast_runs (f->uploader, ENTRY, 0);
  wait_until_empty (f);
  check_last (f, 2);
}

/* Found after the end, in whatever order the folder gives them. */
static void
test_found_after_end (Fixture *f, gconstpointer data)
{
  start (f);
  klive_uploader_broadcast_is_over (f->uploader, ENTRY, 0);
  g_usleep (20000);
  for (guint i = 0; i < 6; i++) {
    g_autofree char *name = g_strdup_printf ("%u", i);
    add_recording (f, name, SOURCE, KALTURA_JOB_CLOSED, KALTURA_LAST_UNKNOWN, 0);
  }
  klive_uploader_scan (f->uploader);
  wait_until_empty (f);
  check_last (f, 6);
}

/* A recorder that cannot write discards its file and the job: nothing has failed, and it was not the last one. */
static void
test_discarded (Fixture *f, gconstpointer data)
{
  add_recording (f, "a", SOURCE, KALTURA_JOB_CLOSED, KALTURA_LAST_NO, 0);
  add_fault (f, "\"kind\": \"cut\"");
  add_recording (f, "b", SOURCE, KALTURA_JOB_CLOSED, KALTURA_LAST_UNKNOWN, 0);
  add_recording (f, "c", SOURCE, KALTURA_JOB_RECORDING, KALTURA_LAST_UNKNOWN, 100);
  add_recording (f, "d", OTHER, KALTURA_JOB_RECORDING, KALTURA_LAST_UNKNOWN, 100);
  int fds[2];
  for (guint i = 0; i < 2; i++) {
    g_autofree char *file = get_file (f, i == 0 ? "c" : "d");
    fds[i] = g_open (file, O_RDWR, 0);
    g_assert_cmpint (flock (fds[i], LOCK_EX), ==, 0);
  }
  start (f);
  wait_for_figures (f, 2, 2);
  for (guint i = 0; i < 2; i++) {
    const char *name = i == 0 ? "c" : "d";
    g_autofree char *file = get_file (f, name);
    g_autofree char *job = g_strdup_printf ("%s/%s.mp4.json", f->spool, name);
    g_unlink (file);
    g_unlink (job);
    close (fds[i]);
  }
  klive_uploader_scan (f->uploader);
  wait_for_figures (f, 0, 2);
  clear_faults (f);
  klive_uploader_broadcast_is_over (f->uploader, ENTRY, 0);
  wait_until_empty (f);
  check_last (f, 2);
  g_assert_null (load_failed (f, "c"));
  g_assert_null (load_failed (f, "d"));
}

/* Kaltura may still be at a call that got no answer: an untouched marker counts only after a while. */
static void
test_settle (Fixture *f, gconstpointer data)
{
  f->settle_time = 1500;
  add_closed (f, "a", SOURCE);
  add_fault (f, "\"action\": \"appendRecording\", \"kind\": \"cut\", \"times\": 1");
  start (f);
  wait_for_retries (f, 1);
  stop (f); /* it holds across a restart */
  g_autoptr (KalturaJob) job = load_job (f, "a");
  start (f);
  wait_for_retries (f, 3);
  wait_until_empty (f);
  g_assert_cmpint (g_get_real_time () / 1000, >=, job->asked_at + 1500);
  check_recordings (f, SOURCE "/a.mp4", NULL);
}

/* The job cannot be saved before the call: it is not made, and not made ever faster. */
static void
test_full_spool (Fixture *f, gconstpointer data)
{
  f->settle_time = 60000;
  add_closed (f, "a", SOURCE);
  g_autoptr (KalturaJob) job = load_job (f, "a");
  job->finished = TRUE;
  g_assert_true (kaltura_job_save (job, f->spool, NULL));
  g_autofree char *blocker = g_build_filename (f->spool, ".a.mp4.json.new", NULL);
  g_assert_cmpint (g_mkdir (blocker, 0700), ==, 0);
  start (f);
  wait_for_retries (f, 3);
  g_autoptr (JsonObject) described = klive_uploader_describe (f->uploader);
  JsonObject *shown = json_array_get_object_element (json_object_get_array_member (described, "jobs"), 0);
  g_assert_cmpint (json_object_get_int_member (shown, "attempts"), >=, 2);
  g_assert_cmpuint (count_calls (f, "appendRecording"), ==, 0);
  g_assert_cmpint (g_rmdir (blocker), ==, 0);
  wait_until_empty (f);
  check_recordings (f, SOURCE "/a.mp4", NULL);
}

/* A disk that is mounted again. */
static void
test_missing_disk (Fixture *f, gconstpointer data)
{
  g_autofree char *away = g_build_filename (f->folder, "away", NULL);
  add_closed (f, "a", SOURCE);
  g_assert_cmpint (g_rename (f->recordings, away), ==, 0);
  start (f);
  wait_for_retries (f, 3);
  g_assert_true (has_job (f, "a"));
  g_assert_cmpint (g_rename (away, f->recordings), ==, 0);
  wait_until_empty (f);
  check_recordings (f, SOURCE "/a.mp4", NULL);
}

/* Killed between two steps of cleaning up: the file goes, and nothing is sent. */
static void
test_done (Fixture *f, gconstpointer data)
{
  add_recording (f, "a", SOURCE, KALTURA_JOB_DONE, KALTURA_LAST_NO, 0);
  add_recording (f, "b", OTHER, KALTURA_JOB_DONE, KALTURA_LAST_NO, 0);
  g_autofree char *gone = get_file (f, "b");
  g_unlink (gone);
  start (f);
  wait_until_empty (f);
  g_assert_false (has_file (f, "a"));
  g_assert_null (load_failed (f, "b"));
  g_assert_cmpuint (count_calls (f, "appendRecording"), ==, 0);
}

/* A file that ends before its size will never be whole. */
static void
test_short_file (Fixture *f, gconstpointer data)
{
  const char *file = "/sys/kernel/mm/transparent_hugepage/enabled"; /* says that it has a page */
  if (!g_file_test (file, G_FILE_TEST_EXISTS)) {
    g_test_skip ("no such file here");
    return;
  }
  add_closed (f, "a", SOURCE);
  g_autoptr (KalturaJob) job = load_job (f, "a");
  g_free (job->file);
  job->file = g_strdup (file);
  job->finished = TRUE;
  g_assert_true (kaltura_job_save (job, f->spool, NULL));
  start (f);
  wait_until_empty (f);
  g_autoptr (KalturaJob) failed = load_failed (f, "a");
  g_assert_nonnull (failed);
  g_assert_nonnull (strstr (failed->reason, "is shorter than 1000 bytes"));
}

/* After a start: a broadcast that nobody has spoken of is over. */
static void
test_others_over (Fixture *f, gconstpointer data)
{
  add_recording (f, "a", SOURCE, KALTURA_JOB_CLOSED, KALTURA_LAST_UNKNOWN, 0);
  start (f);
  klive_uploader_others_are_over (f->uploader);
  wait_until_empty (f);
  g_autoptr (JsonArray) recordings = get_recordings (f);
  g_assert_true (json_object_get_boolean_member (json_array_get_object_element (recordings, 0), "isLastChunk"));
}

/* What a crash has left behind is repaired; its duration is that of its media. */
static void
test_repair (Fixture *f, gconstpointer data)
{
  add_recording (f, "a", SOURCE, KALTURA_JOB_RECORDING, KALTURA_LAST_UNKNOWN, 100);
  add_recording (f, "b", SOURCE, KALTURA_JOB_RECORDING, KALTURA_LAST_UNKNOWN, 8000);
  start (f);
  klive_uploader_broadcast_is_over (f->uploader, ENTRY, 0);
  wait_until_empty (f);
  g_autoptr (JsonArray) recordings = get_recordings (f);
  g_assert_cmpuint (json_array_get_length (recordings), ==, 1);
  double duration = json_object_get_double_member (json_array_get_object_element (recordings, 0), "duration");
  g_assert_cmpfloat (duration, >, 0.4);
  g_assert_cmpfloat (duration, <, 1.2);
  g_assert_true (has_file (f, "a"));
  g_assert_false (has_file (f, "b")); /* it never had any media */
  g_assert_null (load_failed (f, "b"));
}

/* A recording that is being written is left alone, and handed over once it is closed. */
static void
test_recording (Fixture *f, gconstpointer data)
{
  add_recording (f, "a", SOURCE, KALTURA_JOB_RECORDING, KALTURA_LAST_UNKNOWN, 100);
  g_autofree char *file = get_file (f, "a");
  int fd = g_open (file, O_RDWR, 0);
  g_assert_cmpint (flock (fd, LOCK_EX), ==, 0);
  start (f);
  KliveUploaderFigures figures = { 0 };
  gint64 end = g_get_monotonic_time () + PATIENCE;
  while (figures.recording == 0) {
    g_assert_cmpint (g_get_monotonic_time (), <, end);
    g_usleep (5000);
    klive_uploader_get_figures (f->uploader, &figures);
  }
  klive_uploader_broadcast_is_over (f->uploader, ENTRY, 0);
  g_usleep (50000);
  g_assert_true (has_job (f, "a"));
  close (fd);
  f->created--;
  add_recording (f, "a", SOURCE, KALTURA_JOB_CLOSED, KALTURA_LAST_UNKNOWN, 0); /* the element's last word */
  wait_until_empty (f);
  check_recordings (f, SOURCE "/a.mp4", NULL);
}

/* Without markers a call without an answer is nobody's guess. */
static void
test_no_markers (Fixture *f, gconstpointer data)
{
  add_fault (f, "\"action\": \"add\", \"kind\": \"error\", \"code\": \"SERVICE_FORBIDDEN\"");
  add_closed (f, "a", SOURCE);
  start (f);
  wait_until_empty (f);
  check_recordings (f, SOURCE "/a.mp4", NULL);
  add_fault (f, "\"action\": \"appendRecording\", \"kind\": \"cut\", \"times\": 1");
  add_closed (f, "b", SOURCE);
  add_closed (f, "c", SOURCE);
  klive_uploader_scan (f->uploader);
  wait_until_empty (f);
  check_recordings (f, SOURCE "/a.mp4", SOURCE "/c.mp4", NULL);

  /* Somebody has looked, and moves it back. */
  g_autofree char *failed = g_build_filename (f->spool, "failed", "b.mp4.json", NULL);
  g_autofree char *back = g_build_filename (f->spool, "b.mp4.json", NULL);
  g_assert_cmpint (g_rename (failed, back), ==, 0);
  klive_uploader_scan (f->uploader);
  wait_until_empty (f);
  check_recordings (f, SOURCE "/a.mp4", SOURCE "/c.mp4", SOURCE "/b.mp4", NULL);
}

static void
test_no_file (Fixture *f, gconstpointer data)
{
  f->missing_time = 200;
  add_closed (f, "a", SOURCE);
  g_autofree char *file = get_file (f, "a");
  g_unlink (file);
  start (f);
  wait_until_empty (f);
  g_autoptr (KalturaJob) failed = load_failed (f, "a");
  g_assert_nonnull (failed);
}

/* Nobody understands it: it is put aside, and the others go on. */
static void
test_bad_job (Fixture *f, gconstpointer data)
{
  g_autofree char *path = g_build_filename (f->spool, "odd.mp4.json", NULL);
  g_autofree char *aside = g_build_filename (f->spool, "failed", "odd.mp4.json", NULL);
  g_assert_true (g_file_set_contents (path, "{\"version\": 1", -1, NULL));
  add_closed (f, "a", SOURCE);
  start (f);
  wait_until_empty (f);
  g_assert_true (g_file_test (aside, G_FILE_TEST_EXISTS));
  check_recordings (f, SOURCE "/a.mp4", NULL);
}

/* The child that finishes files crashes: it is tried again, nothing is lost. */
static void
test_child_fails (Fixture *f, gconstpointer data)
{
  add_closed (f, "a", SOURCE);
  start_with (f, "/bin/false");
  wait_for_retries (f, 3);
  g_assert_true (has_job (f, "a") && has_file (f, "a"));
  stop (f);
  start (f);
  wait_until_empty (f);
  check_recordings (f, SOURCE "/a.mp4", NULL);
}

/* Pieces are resumed, not begun again, wherever the connection breaks. */
static void
test_resume (Fixture *f, gconstpointer data)
{
  f->config->keep_files = TRUE;
  start (f);
  for (guint round = 0; round < 5; round++) {
    g_autofree char *name = g_strdup_printf ("%u", round);
    g_autofree char *fault =
        g_strdup_printf ("\"service\": \"uploadtoken\", \"action\": \"upload\", \"kind\": \"cut\", "
                         "\"afterBytes\": %u, \"times\": 2",
            200 + round * 400);
    add_fault (f, fault);
    add_closed (f, name, SOURCE);
    klive_uploader_scan (f->uploader);
    wait_until_empty (f);
    clear_faults (f);
  }
  g_autoptr (JsonArray) recordings = get_recordings (f);
  g_assert_cmpuint (json_array_get_length (recordings), ==, 5);
  for (guint i = 0; i < 5; i++) {
    g_autofree char *name = g_strdup_printf ("%u", i);
    g_autofree char *file = get_file (f, name);
    g_autofree char *expected = NULL, *found = NULL;
    gsize expected_size, found_size;
    const char *path = json_object_get_string_member (json_array_get_object_element (recordings, i), "path");
    g_assert_true (g_file_get_contents (file, &expected, &expected_size, NULL));
    g_assert_true (g_file_get_contents (path, &found, &found_size, NULL));
    g_assert_cmpmem (found, found_size, expected, expected_size);
  }
  /* 8 pieces a file, and no more than the cut ones again */
  g_assert_cmpuint (count_calls (f, "add"), ==, 5);
}

/* Kaltura has forgotten the token: the upload begins again. */
static void
test_token_gone (Fixture *f, gconstpointer data)
{
  add_fault (f, "\"action\": \"upload\", \"kind\": \"error\", \"code\": \"UPLOAD_TOKEN_NOT_FOUND\", \"times\": 1");
  add_closed (f, "a", SOURCE);
  start (f);
  wait_until_empty (f);
  g_assert_cmpuint (count_calls (f, "add"), ==, 2);
  check_recordings (f, SOURCE "/a.mp4", NULL);
}

static void
test_xml (Fixture *f, gconstpointer data)
{
  f->config->upload_xml_directory = g_build_filename (f->folder, "xml", NULL);
  add_closed (f, "a", SOURCE);
  add_closed (f, "b", OTHER);
  start (f);
  wait_until_empty (f);
  g_autoptr (GDir) dir = g_dir_open (f->config->upload_xml_directory, 0, NULL);
  guint count = 0;
  const char *name;
  while ((name = g_dir_read_name (dir))) {
    g_assert_true (g_str_has_prefix (name, ENTRY "_17638123450") && g_str_has_suffix (name, ".xml"));
    count++;
  }
  g_assert_cmpuint (count, ==, 2);
  g_assert_cmpuint (count_calls (f, "appendRecording"), ==, 0);
  g_assert_true (has_file (f, "a"));
}

static void
add (const char *name, const Case *c, void (*test) (Fixture *, gconstpointer))
{
  g_test_add (name, Fixture, c, set_up, test, tear_down);
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *name;
    const Case *c;
  } cases[] = { { "current-shared", &current_shared }, { "current-remote", &current_remote },
    { "2014-shared", &old_shared }, { "2014-remote", &old_remote } };
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    static const struct {
      const char *name;
      void (*test) (Fixture *, gconstpointer);
    } tests[] = { { "hand-over", test_hand_over }, { "bytes", test_bytes }, { "faults", test_faults },
      { "killed", test_killed } };
    for (guint k = 0; k < G_N_ELEMENTS (tests); k++) {
      g_autofree char *name = g_strdup_printf ("/uploader/%s/%s", cases[i].name, tests[k].name);
      add (name, cases[i].c, tests[k].test);
    }
  }
  add ("/uploader/order", &current_shared, test_order);
  add ("/uploader/refused", &current_shared, test_refused);
  add ("/uploader/lanes", &current_remote, test_lanes);
  add ("/uploader/outage", &current_shared, test_outage);
  add ("/uploader/last", &current_shared, test_last);
  add ("/uploader/waits", &current_shared, test_waits);
  add ("/uploader/does-not-wait", &old_shared, test_does_not_wait);
  add ("/uploader/over-saved", &current_shared, test_over_saved);
  add ("/uploader/found-after-end", &current_shared, test_found_after_end);
  add ("/uploader/discarded", &current_shared, test_discarded);
  add ("/uploader/settle", &current_shared, test_settle);
  add ("/uploader/full-spool", &current_shared, test_full_spool);
  add ("/uploader/missing-disk", &current_shared, test_missing_disk);
  add ("/uploader/done", &current_remote, test_done);
  add ("/uploader/short-file", &current_remote, test_short_file);
  add ("/uploader/others-over", &current_shared, test_others_over);
  add ("/uploader/repair", &current_shared, test_repair);
  add ("/uploader/recording", &current_shared, test_recording);
  add ("/uploader/no-markers", &current_shared, test_no_markers);
  add ("/uploader/no-file", &current_shared, test_no_file);
  add ("/uploader/bad-job", &current_shared, test_bad_job);
  add ("/uploader/child-fails", &current_shared, test_child_fails);
  add ("/uploader/resume/current", &current_remote, test_resume);
  add ("/uploader/resume/2014", &old_remote, test_resume);
  add ("/uploader/token-gone", &current_remote, test_token_gone);
  add ("/uploader/xml", &old_shared, test_xml);
  return g_test_run ();
}
