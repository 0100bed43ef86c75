/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What operators see: the status page as JSON, the metrics, and the table that `klive-launcher status` makes of the
 * JSON. Served by klive-http.c. Never a token, a session string or a secret.
 */
#include "klive-status.h"

#include <string.h>
#include "klive-wire.h"

/* --- JSON --- */

static JsonObject *
describe_nginx (const KliveStatusSources *sources)
{
  JsonObject *object = json_object_new ();
  json_object_set_boolean_member (object, "managed", sources->config->managed);
  json_object_set_boolean_member (object, "ready", klive_nginx_is_ready (sources->nginx));
  json_object_set_int_member (object, "pid", klive_nginx_get_pid (sources->nginx));
  json_object_set_int_member (object, "restarts", klive_nginx_get_restarts (sources->nginx));
  return object;
}

static JsonObject *
describe_api (const KliveStatusSources *sources)
{
  const GError *error = klive_reporter_get_error (sources->reporter);
  JsonObject *object = json_object_new ();
  json_object_set_string_member (object, "serviceUrl", sources->config->service_url);
  if (error)
    json_object_set_string_member (object, "reportError", error->message);
  else
    json_object_set_null_member (object, "reportError");
  return object;
}

static JsonObject *
describe_publishes (const KliveStatusSources *sources)
{
  const KlivePublishCounters *counters = klive_publish_get_counters (sources->publish);
  JsonObject *object = json_object_new ();
  JsonObject *refused = json_object_new ();
  GHashTableIter iter;
  gpointer code, count;
  g_hash_table_iter_init (&iter, counters->refused);
  while (g_hash_table_iter_next (&iter, &code, &count))
    json_object_set_int_member (refused, code, GPOINTER_TO_UINT (count));
  json_object_set_int_member (object, "accepted", (gint64) counters->accepted);
  json_object_set_int_member (object, "pending", klive_admission_get_pending (sources->admission));
  json_object_set_int_member (object, "remembered", klive_refusals_get_size (sources->refusals));
  json_object_set_object_member (object, "refused", refused);
  return object;
}

JsonNode *
klive_status_describe (const KliveStatusSources *sources)
{
  g_autoptr (JsonObject) object = json_object_new (); /* the node has a reference of its own */
  json_object_set_string_member (object, "version", KLIVE_VERSION);
  json_object_set_string_member (object, "hostname", sources->config->hostname);
  json_object_set_string_member (object, "application", sources->config->application);
  json_object_set_int_member (object, "started", sources->started);
  json_object_set_boolean_member (object, "stopping", sources->stopping);
  json_object_set_boolean_member (object, "draining", klive_supervisor_is_draining (sources->supervisor));
  json_object_set_object_member (object, "nginx", describe_nginx (sources));
  json_object_set_object_member (object, "api", describe_api (sources));
  json_object_set_object_member (object, "publishes", describe_publishes (sources));
  json_object_set_array_member (object, "entries", klive_supervisor_describe (sources->supervisor));
  json_object_set_object_member (object, "recordings", klive_uploader_describe (sources->uploader));
  return json_node_init_object (json_node_alloc (), object);
}

const char *
klive_status_find_fault (const KliveStatusSources *sources)
{
  if (sources->stopping)
    return "stopping";
  if (!klive_nginx_is_ready (sources->nginx))
    return "nginx is not ready";
  return NULL;
}

/* --- metrics --- */

static void
add_type (GString *out, const char *name, const char *type, const char *help)
{
  g_string_append_printf (out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void
add_single (GString *out, const char *name, const char *type, const char *help, double value)
{
  char number[G_ASCII_DTOSTR_BUF_SIZE];
  add_type (out, name, type, help);
  g_string_append_printf (out, "%s %s\n", name, g_ascii_dtostr (number, sizeof number, value));
}

static char *
escape_label (const char *value)
{
  g_autoptr (GString) out = g_string_new (NULL);
  for (const char *c = value; *c; c++) {
    if (*c == '"' || *c == '\\')
      g_string_append_c (out, '\\');
    if (*c == '\n')
      g_string_append (out, "\\n");
    else
      g_string_append_c (out, *c);
  }
  return g_string_free (g_steal_pointer (&out), FALSE);
}

/* One line per object of @array (a member of each entry): name{entry,index,label,serial} value. The serial is that of
 * the session: a stream has two of them while one publisher takes over from another. */
typedef struct {
  const char *name, *type, *help;
  const char *array; /* "renditions", "sessions": of the worker's status */
  const char *label, *label_member;
  const char *member; /* number or boolean */
} ArrayMetric;

static const ArrayMetric array_metrics[] = {
  { "klive_rendition_segments_total", "counter", "Segments listed.", "renditions", "rendition", "id", "segments" },
  { "klive_rendition_lost_segments_total", "counter", "Segments that could not be written.", "renditions", "rendition",
      "id", "lostSegments" },
  { "klive_rendition_last_segment_age_seconds", "gauge", "Time since the last segment was listed.", "renditions",
      "rendition", "id", "lastSegmentAge" },
  { "klive_rendition_shed_frames_total", "counter", "Frames left out in front of the encoder.", "renditions",
      "rendition", "id", "shed" },
  { "klive_rendition_half_rate", "gauge", "1 = encoded at half the frame rate, as it stays behind.", "renditions",
      "rendition", "id", "halfRate" },
  { "klive_recording_failing", "gauge", "1 = the rendition cannot be recorded: disk full, unwritable or too slow.",
      "recordings", "rendition", "id", "failing" },
  { "klive_recording_bytes_total", "counter", "Bytes recorded.", "recordings", "rendition", "id", "bytes" },
  { "klive_recording_faults_total", "counter", "Faults of the disk while recording.", "recordings", "rendition", "id",
      "faults" },
  { "klive_recording_dropped_frames_total", "counter", "Frames that could not be recorded.", "recordings", "rendition",
      "id", "droppedFrames" },
  { "klive_session_bitrate_bps", "gauge", "Bit rate of the ingest.", "sessions", "stream", "stream", "bitrate" },
  { "klive_session_last_tag_age_seconds", "gauge", "Time since the last frame of the encoder.", "sessions", "stream",
      "stream", "lastTagAge" },
  { "klive_session_timestamp_repairs_total", "counter", "Timestamps repaired.", "sessions", "stream", "stream",
      "timestampRepairs" },
  { "klive_session_skew_seconds", "gauge", "Audio minus video.", "sessions", "stream", "stream", "skew" },
};

static gboolean
number_of (JsonObject *object, const char *member, double *value)
{
  JsonNode *node = json_object_get_member (object, member);
  if (!node || !JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) == G_TYPE_STRING)
    return FALSE;
  *value =
      json_node_get_value_type (node) == G_TYPE_BOOLEAN ? json_node_get_boolean (node) : json_node_get_double (node);
  return TRUE;
}

/* Ids are numbers or strings. */
static char *
label_of (JsonObject *object, const char *member)
{
  JsonNode *node = json_object_get_member (object, member);
  if (!node || !JSON_NODE_HOLDS_VALUE (node))
    return g_strdup ("");
  if (json_node_get_value_type (node) == G_TYPE_STRING)
    return escape_label (json_node_get_string (node));
  return g_strdup_printf ("%" G_GINT64_FORMAT, json_node_get_int (node));
}

static void
add_array_metric (GString *out, const ArrayMetric *metric, JsonObject *entry)
{
  JsonObject *status = klive_message_get_object (entry, "status");
  JsonArray *array = status ? klive_message_get_array (status, metric->array) : NULL;
  for (guint i = 0; array && i < json_array_get_length (array); i++) {
    JsonNode *node = json_array_get_element (array, i);
    double value;
    if (!JSON_NODE_HOLDS_OBJECT (node) || !number_of (json_node_get_object (node), metric->member, &value))
      continue;
    g_autofree char *label = label_of (json_node_get_object (node), metric->label_member);
    char number[G_ASCII_DTOSTR_BUF_SIZE];
    g_string_append_printf (out,
        "%s{entry=\"%s\",index=\"%" G_GINT64_FORMAT "\",%s=\"%s\",serial=\"%" G_GINT64_FORMAT "\"} %s\n", metric->name,
        klive_message_get_string (entry, "entry", ""), klive_message_get_int (entry, "index", 0), metric->label, label,
        klive_message_get_int (json_node_get_object (node), "serial", 0),
        g_ascii_dtostr (number, sizeof number, value));
  }
}

/* Of the HLS folder, as its worker has told. */
static void
add_window_metrics (GString *out, JsonArray *entries)
{
  static const char *const members[][3] = {
    { "klive_entry_dvr_window_seconds", "dvrListed", "What the DVR playlists show." },
    { "klive_entry_disk_full", "diskFull", "1 = the disk is full and cuts the DVR window down." },
  };
  for (guint m = 0; m < G_N_ELEMENTS (members); m++) {
    add_type (out, members[m][0], "gauge", members[m][2]);
    for (guint i = 0; i < json_array_get_length (entries); i++) {
      JsonObject *entry = json_array_get_object_element (entries, i);
      JsonObject *status = klive_message_get_object (entry, "status");
      char number[G_ASCII_DTOSTR_BUF_SIZE];
      double value;
      if (!status || !number_of (status, members[m][1], &value))
        continue;
      g_string_append_printf (out, "%s{entry=\"%s\",index=\"%" G_GINT64_FORMAT "\"} %s\n", members[m][0],
          klive_message_get_string (entry, "entry", ""), klive_message_get_int (entry, "index", 0),
          g_ascii_dtostr (number, sizeof number, value));
    }
  }
}

static void
add_entry_metrics (GString *out, JsonArray *entries)
{
  static const char *const flags[][3] = {
    { "klive_entry_registered", "registered", "1 = registered with Kaltura." },
    { "klive_entry_plain_url", "plainUrl", "1 = the plain URLs show this index." },
  };
  for (guint f = 0; f < G_N_ELEMENTS (flags); f++) {
    add_type (out, flags[f][0], "gauge", flags[f][2]);
    for (guint i = 0; i < json_array_get_length (entries); i++) {
      JsonObject *entry = json_array_get_object_element (entries, i);
      g_string_append_printf (out, "%s{entry=\"%s\",index=\"%" G_GINT64_FORMAT "\"} %d\n", flags[f][0],
          klive_message_get_string (entry, "entry", ""), klive_message_get_int (entry, "index", 0),
          klive_message_get_boolean (entry, flags[f][1], FALSE));
    }
  }
  add_window_metrics (out, entries);
  for (guint m = 0; m < G_N_ELEMENTS (array_metrics); m++) {
    add_type (out, array_metrics[m].name, array_metrics[m].type, array_metrics[m].help);
    for (guint i = 0; i < json_array_get_length (entries); i++)
      add_array_metric (out, &array_metrics[m], json_array_get_object_element (entries, i));
  }
}

static void
add_recordings (GString *out, JsonObject *recordings)
{
  static const char *const metrics[][4] = {
    { "klive_recordings_open", "gauge", "recording", "Recordings that are being written." },
    { "klive_recordings_pending", "gauge", "pending", "Recordings that Kaltura has not got yet." },
    { "klive_recordings_failed", "gauge", "failed", "Recordings that Kaltura will never take, in failed/." },
    { "klive_recordings_handed_over_total", "counter", "handedOver", "Recordings that Kaltura has taken." },
    { "klive_recordings_retries_total", "counter", "retries", "Attempts at handing over that were put off." },
  };
  for (guint i = 0; recordings && i < G_N_ELEMENTS (metrics); i++)
    add_single (out, metrics[i][0], metrics[i][1], metrics[i][3],
        (double) klive_message_get_int (recordings, metrics[i][2], 0));
}

static void
add_refusals (GString *out, JsonObject *refused)
{
  add_type (out, "klive_publishes_refused_total", "counter", "Publishes refused, by code.");
  g_autoptr (GList) codes = json_object_get_members (refused);
  for (GList *item = codes; item; item = item->next) {
    g_autofree char *code = escape_label (item->data);
    g_string_append_printf (out, "klive_publishes_refused_total{code=\"%s\"} %" G_GINT64_FORMAT "\n", code,
        json_object_get_int_member (refused, item->data));
  }
}

char *
klive_status_format_metrics (JsonNode *status, const KliveBroadcastCounters *counters)
{
  JsonObject *root = json_node_get_object (status);
  JsonObject *nginx = json_object_get_object_member (root, "nginx");
  JsonObject *publishes = json_object_get_object_member (root, "publishes");
  JsonArray *entries = json_object_get_array_member (root, "entries");
  GString *out = g_string_new (NULL);
  guint publishers = 0;
  for (guint i = 0; i < json_array_get_length (entries); i++)
    publishers +=
        json_array_get_length (json_object_get_array_member (json_array_get_object_element (entries, i), "publishers"));
  add_single (out, "klive_start_time_seconds", "gauge", "Unix time of the launcher's start.",
      (double) json_object_get_int_member (root, "started"));
  add_single (out, "klive_draining", "gauge", "1 = no new broadcasts are let in.",
      klive_message_get_boolean (root, "draining", FALSE));
  add_single (out, "klive_nginx_ready", "gauge", "1 = nginx listens.", json_object_get_boolean_member (nginx, "ready"));
  add_single (out, "klive_nginx_restarts_total", "counter", "Restarts of the private nginx.",
      (double) json_object_get_int_member (nginx, "restarts"));
  add_single (out, "klive_entries", "gauge", "Broadcasts.", json_array_get_length (entries));
  add_single (out, "klive_publishers", "gauge", "Encoders that publish.", publishers);
  add_single (out, "klive_publishes_accepted_total", "counter", "Publishes let in.",
      (double) json_object_get_int_member (publishes, "accepted"));
  add_refusals (out, json_object_get_object_member (publishes, "refused"));
  add_single (out, "klive_workers_died_total", "counter", "Workers that ended otherwise than in order.",
      (double) counters->died);
  add_single (out, "klive_workers_adopted_total", "counter", "Workers of an earlier launcher that were adopted.",
      (double) counters->adopted);
  add_single (out, "klive_profiles_total", "counter", "Conversion profiles fetched.", (double) counters->profiles);
  add_single (out, "klive_profile_failures_total", "counter", "Conversion profiles that could not be had.",
      (double) counters->profile_failures);
  add_recordings (out, klive_message_get_object (root, "recordings"));
  add_entry_metrics (out, entries);
  return g_string_free (out, FALSE);
}

/* --- table --- */

static char *
format_age (gint64 since)
{
  gint64 age = MAX (0, g_get_real_time () / G_USEC_PER_SEC - since);
  return g_strdup_printf ("%" G_GINT64_FORMAT ":%02d:%02d", age / 3600, (int) (age / 60 % 60), (int) (age % 60));
}

static void
add_publishers (GString *out, JsonObject *entry)
{
  JsonArray *publishers = klive_message_get_array (entry, "publishers");
  for (guint i = 0; publishers && i < json_array_get_length (publishers); i++) {
    JsonObject *publisher = json_array_get_object_element (publishers, i);
    g_autofree char *age = format_age (klive_message_get_int (publisher, "since", 0));
    g_string_append_printf (out, "  %-17s %-8s %-15s %s\n", klive_message_get_string (publisher, "stream", ""),
        klive_message_get_string (publisher, "state", ""), klive_message_get_string (publisher, "address", "?"), age);
  }
}

static void
add_renditions (GString *out, JsonObject *entry)
{
  JsonObject *status = klive_message_get_object (entry, "status");
  JsonArray *renditions = status ? klive_message_get_array (status, "renditions") : NULL;
  for (guint i = 0; renditions && i < json_array_get_length (renditions); i++) {
    JsonObject *rendition = json_array_get_object_element (renditions, i);
    g_autofree char *id = label_of (rendition, "id");
    g_autofree char *size = g_strdup_printf ("%" G_GINT64_FORMAT "x%" G_GINT64_FORMAT,
        klive_message_get_int (rendition, "width", 0), klive_message_get_int (rendition, "height", 0));
    g_string_append_printf (out, "    %-6s %-24s %-10s %6" G_GINT64_FORMAT " kbit/s %6" G_GINT64_FORMAT " segments\n",
        id, klive_message_get_string (rendition, "name", ""), size,
        klive_message_get_int (rendition, "bitrate", 0) / 1000, klive_message_get_int (rendition, "segments", 0));
  }
}

char *
klive_status_format_table (JsonNode *status)
{
  JsonObject *root = json_node_get_object (status);
  JsonObject *nginx = klive_message_get_object (root, "nginx");
  JsonArray *entries = klive_message_get_array (root, "entries");
  GString *out = g_string_new (NULL);
  g_autofree char *age = format_age (klive_message_get_int (root, "started", 0));
  guint count = entries ? json_array_get_length (entries) : 0;
  JsonObject *recordings = klive_message_get_object (root, "recordings");
  g_string_append_printf (out, "klive %s on %s, up %s, nginx %s, %u broadcast%s%s\n",
      klive_message_get_string (root, "version", "?"), klive_message_get_string (root, "hostname", "?"), age,
      nginx && klive_message_get_boolean (nginx, "ready", FALSE) ? "ready" : "not ready", count, count == 1 ? "" : "s",
      klive_message_get_boolean (root, "draining", FALSE) ? ", draining: no new ones" : "");
  if (recordings)
    g_string_append_printf (out,
        "recordings: %" G_GINT64_FORMAT " open, %" G_GINT64_FORMAT " wait for Kaltura, %" G_GINT64_FORMAT " failed\n",
        klive_message_get_int (recordings, "recording", 0), klive_message_get_int (recordings, "pending", 0),
        klive_message_get_int (recordings, "failed", 0));
  for (guint i = 0; i < count; i++) {
    JsonObject *entry = json_array_get_object_element (entries, i);
    g_string_append_printf (out, "%s index %" G_GINT64_FORMAT "  %s%s%s\n",
        klive_message_get_string (entry, "entry", ""), klive_message_get_int (entry, "index", 0),
        klive_message_get_string (entry, "state", ""),
        klive_message_get_boolean (entry, "registered", FALSE) ? ", registered" : ", not registered",
        klive_message_get_boolean (entry, "plainUrl", FALSE) ? ", plain URL" : "");
    add_publishers (out, entry);
    add_renditions (out, entry);
  }
  return g_string_free (out, FALSE);
}
