/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The control API: who may ask, what is asked, and doing it. Called by klive-http.c, main thread.
 */
#include "klive-control.h"

#include <glib/gstdio.h>
#include <string.h>
#include "kaltura-error.h"
#include "klive-http-message.h"
#include "klive-log.h"
#include "klive-playlist.h"
#include "klive-wire.h"

#define PREFIX "/control/"
#define MAX_BODY 65536  /* bytes */
#define MAX_BLOCK 86400 /* s */
#define KICKED "KICKED" /* code of refusals after a kick */

static void fail (GError **error, GIOErrorEnum code, const char *format, ...) G_GNUC_PRINTF (3, 4);

/* G_IO_ERROR_INVALID_ARGUMENT: 400, G_IO_ERROR_NOT_FOUND: 404. */
static void
fail (GError **error, GIOErrorEnum code, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error_literal (error, G_IO_ERROR, (gint) code, message);
}

/* --- answers --- */

/* @object: (transfer full) */
static void
answer (SoupServerMessage *message, guint status, JsonObject *object)
{
  g_autoptr (JsonNode) node = json_node_init_object (json_node_alloc (), object);
  json_object_unref (object);
  g_autofree char *json = json_to_string (node, FALSE);
  g_autofree char *text = g_strconcat (json, "\n", NULL);
  klive_http_message_answer (message, status, "application/json", text);
}

static void
answer_error (SoupServerMessage *message, guint status, const char *text)
{
  JsonObject *object = json_object_new ();
  json_object_set_string_member (object, "error", text);
  answer (message, status, object);
}

/* --- lists --- */

static gboolean
is_list (const char *name)
{
  static const char *const lists[] = { "entries", "sessions", "renditions", "segments", "registrations", "recordings",
    "spool", NULL };
  return g_strv_contains (lists, name);
}

static gboolean
is_wanted (const KliveControlFilter *filter, JsonObject *object)
{
  return (!filter->entry_id || strcmp (filter->entry_id, klive_message_get_string (object, "entry", "")) == 0) &&
      (filter->index < 0 || filter->index == klive_message_get_int (object, "index", -1));
}

/* A copy of @part with the entry and index of @entry in front. */
static JsonObject *
make_row (JsonObject *entry, JsonObject *part)
{
  JsonObject *row = json_object_new ();
  json_object_set_string_member (row, "entry", klive_message_get_string (entry, "entry", ""));
  json_object_set_int_member (row, "index", klive_message_get_int (entry, "index", 0));
  g_autoptr (GList) names = json_object_get_members (part);
  for (GList *item = names; item; item = item->next)
    if (!json_object_has_member (row, item->data))
      json_object_set_member (row, item->data, json_object_dup_member (part, item->data));
  return row;
}

/* What the workers tell of their @name. */
static void
add_parts (JsonArray *rows, JsonObject *entry, const char *name)
{
  JsonObject *status = klive_message_get_object (entry, "status");
  JsonArray *parts = status ? klive_message_get_array (status, name) : NULL;
  for (guint i = 0; parts && i < json_array_get_length (parts); i++)
    if (JSON_NODE_HOLDS_OBJECT (json_array_get_element (parts, i)))
      json_array_add_object_element (rows, make_row (entry, json_array_get_object_element (parts, i)));
}

static void
add_registration (JsonArray *rows, JsonObject *entry, JsonObject *root)
{
  JsonObject *row = json_object_new ();
  json_object_set_string_member (row, "entry", klive_message_get_string (entry, "entry", ""));
  json_object_set_int_member (row, "index", klive_message_get_int (entry, "index", 0));
  json_object_set_string_member (row, "hostname", klive_message_get_string (root, "hostname", ""));
  json_object_set_boolean_member (row, "registered", klive_message_get_boolean (entry, "registered", FALSE));
  json_array_add_object_element (rows, row);
}

static JsonArray *
list_spool (JsonObject *root, const KliveControlFilter *filter)
{
  JsonObject *recordings = klive_message_get_object (root, "recordings");
  JsonArray *jobs = recordings ? klive_message_get_array (recordings, "jobs") : NULL;
  JsonArray *rows = json_array_new ();
  for (guint i = 0; jobs && i < json_array_get_length (jobs); i++) {
    JsonNode *job = json_array_get_element (jobs, i);
    if (JSON_NODE_HOLDS_OBJECT (job) && is_wanted (filter, json_node_get_object (job)))
      json_array_add_element (rows, json_node_copy (job));
  }
  return rows;
}

JsonArray *
klive_control_list (JsonNode *status, const char *name, const KliveControlFilter *filter)
{
  JsonObject *root = json_node_get_object (status);
  if (strcmp (name, "spool") == 0)
    return list_spool (root, filter);
  if (!is_list (name) || strcmp (name, "segments") == 0)
    return NULL;
  JsonArray *entries = klive_message_get_array (root, "entries");
  JsonArray *rows = json_array_new ();
  for (guint i = 0; entries && i < json_array_get_length (entries); i++) {
    JsonObject *entry = json_array_get_object_element (entries, i);
    if (!is_wanted (filter, entry))
      continue;
    if (strcmp (name, "entries") == 0)
      json_array_add_object_element (rows, json_object_ref (entry));
    else if (strcmp (name, "registrations") == 0)
      add_registration (rows, entry, root);
    else
      add_parts (rows, entry, name);
  }
  return rows;
}

/* --- segments --- */

static JsonObject *
describe_segment (const KlivePlaylistSegment *segment, const char *folder, const char *rendition, guint64 sequence)
{
  g_autofree char *path = g_build_filename (folder, rendition, segment->uri, NULL);
  g_autoptr (GDateTime) date = g_date_time_new_from_unix_utc (segment->date / 1000000000);
  g_autofree char *text = g_date_time_format (date, "%Y-%m-%dT%H:%M:%SZ");
  GStatBuf file;
  JsonObject *row = json_object_new ();
  json_object_set_string_member (row, "rendition", rendition);
  json_object_set_int_member (row, "sequence", (gint64) sequence);
  json_object_set_string_member (row, "file", segment->uri);
  json_object_set_string_member (row, "date", text);
  json_object_set_double_member (row, "duration", (double) segment->duration / 1e9);
  json_object_set_int_member (row, "bytes", g_stat (path, &file) == 0 ? file.st_size : 0);
  return row;
}

/* The segments of the plain list. */
static void
add_segments (JsonArray *rows, const char *folder, const char *rendition)
{
  g_autofree char *path = g_build_filename (folder, rendition, "chunklist.m3u8", NULL);
  g_autofree char *text = NULL;
  guint target;
  if (!g_file_get_contents (path, &text, NULL, NULL))
    return;
  g_autoptr (KlivePlaylist) list = klive_playlist_parse (text, &target, NULL, NULL, NULL);
  for (guint i = 0; list && i < klive_playlist_get_length (list); i++)
    json_array_add_object_element (rows,
        describe_segment (klive_playlist_get_segment (list, i), folder, rendition,
            klive_playlist_get_first_sequence (list) + i));
}

static JsonArray *
list_segments (const KliveStatusSources *sources, const KliveControlFilter *filter, GError **error)
{
  g_autofree char *index = g_strdup_printf ("%d", MAX (filter->index, 0));
  if (!filter->entry_id) {
    fail (error, G_IO_ERROR_INVALID_ARGUMENT, "entry is missing, expected /control/segments?entry=0_abcd1234");
    return NULL;
  }
  g_autofree char *folder = g_build_filename (sources->config->state_dir, "hls", filter->entry_id, index, NULL);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  if (!dir) {
    fail (error, G_IO_ERROR_NOT_FOUND, "entry %s has no segments here with index %s", filter->entry_id, index);
    return NULL;
  }
  JsonArray *rows = json_array_new ();
  const char *name;
  while ((name = g_dir_read_name (dir))) {
    g_autofree char *path = g_build_filename (folder, name, NULL);
    if (g_file_test (path, G_FILE_TEST_IS_DIR) && !g_file_test (path, G_FILE_TEST_IS_SYMLINK) &&
        (!filter->rendition || strcmp (filter->rendition, name) == 0))
      add_segments (rows, folder, name);
  }
  return rows;
}

/* --- GET --- */

static gboolean
read_filter (GHashTable *query, KliveControlFilter *filter, GError **error)
{
  GHashTableIter iter;
  gpointer name, value;
  g_hash_table_iter_init (&iter, query);
  while (g_hash_table_iter_next (&iter, &name, &value)) {
    g_autofree char *quoted = kaltura_error_quote (value, -1, 32);
    if (strcmp (name, "entry") == 0 && kaltura_entry_id_is_valid (value)) {
      filter->entry_id = value;
    } else if (strcmp (name, "index") == 0 && (strcmp (value, "0") == 0 || strcmp (value, "1") == 0)) {
      filter->index = ((const char *) value)[0] - '0';
    } else if (strcmp (name, "rendition") == 0) {
      filter->rendition = value;
    } else {
      g_autofree char *parameter = kaltura_error_quote (name, -1, 32);
      fail (error, G_IO_ERROR_INVALID_ARGUMENT,
          "the parameter %s is %s, expected entry=0_abcd1234, index=0 or 1, or rendition=33", parameter, quoted);
      return FALSE;
    }
  }
  return TRUE;
}

static JsonObject *
answer_list (const KliveStatusSources *sources, const char *name, GHashTable *query, GError **error)
{
  KliveControlFilter filter = { NULL, -1, NULL };
  if (!read_filter (query, &filter, error))
    return NULL;
  g_autoptr (JsonNode) status = klive_status_describe (sources);
  JsonArray *rows = strcmp (name, "segments") == 0 ? list_segments (sources, &filter, error)
                                                   : klive_control_list (status, name, &filter);
  if (!rows)
    return NULL;
  JsonObject *object = json_object_new ();
  json_object_set_array_member (object, name, rows);
  return object;
}

/* --- POST --- */

static gboolean
check_members (JsonObject *order, const char *const *known, GError **error)
{
  g_autoptr (GList) names = json_object_get_members (order);
  for (GList *item = names; item; item = item->next) {
    if (g_strv_contains (known, item->data))
      continue;
    g_autofree char *name = kaltura_error_quote (item->data, -1, 32);
    g_autofree char *list = g_strjoinv (", ", (char **) known);
    fail (error, G_IO_ERROR_INVALID_ARGUMENT, "the member %s is not known, expected %s", name, list);
    return FALSE;
  }
  return TRUE;
}

static const char *
get_entry_id (JsonObject *order, GError **error)
{
  const char *entry_id = klive_message_get_string (order, "entry", "");
  if (kaltura_entry_id_is_valid (entry_id))
    return entry_id;
  g_autofree char *quoted = kaltura_error_quote (entry_id, -1, 32);
  fail (error, G_IO_ERROR_INVALID_ARGUMENT, "entry is %s, expected an entry id such as \"0_abcd1234\"", quoted);
  return NULL;
}

static gboolean
get_number (JsonObject *order, const char *name, gint64 most, gint64 fallback, gint64 *value, GError **error)
{
  *value = klive_message_get_int (order, name, json_object_has_member (order, name) ? -1 : fallback);
  if (!json_object_has_member (order, name) || (*value >= 0 && *value <= most))
    return TRUE;
  fail (error, G_IO_ERROR_INVALID_ARGUMENT, "%s is no number from 0 to %" G_GINT64_FORMAT, name, most);
  return FALSE;
}

static JsonObject *
kick (const KliveStatusSources *sources, JsonObject *order, GError **error)
{
  static const char *const members[] = { "entry", "index", "stream", "block", NULL };
  const char *stream = klive_message_get_string (order, "stream", NULL);
  const char *entry_id;
  gint64 only, block;
  if (!stream && json_object_has_member (order, "stream")) {
    fail (error, G_IO_ERROR_INVALID_ARGUMENT, "stream is no string, expected a stream name such as \"0_abcd1234_1\"");
    return NULL;
  }
  if (!check_members (order, members, error) || !(entry_id = get_entry_id (order, error)) ||
      !get_number (order, "index", 1, -1, &only, error) || !get_number (order, "block", MAX_BLOCK, -1, &block, error))
    return NULL;
  guint count = 0;
  gboolean done = block == 0 && klive_refusals_unblock (sources->refusals, entry_id);
  if (block > 0) {
    done = TRUE;
    g_autoptr (KliveRefusal) refusal = klive_refusal_new (KICKED, "an operator has thrown it out for a while");
    klive_refusals_block (sources->refusals, entry_id, refusal, (guint) block, g_get_monotonic_time ());
  }
  for (gint index = 0; index < 2; index++) {
    KliveBroadcast *broadcast =
        only < 0 || only == index ? klive_supervisor_find (sources->supervisor, entry_id, index) : NULL;
    count += broadcast ? klive_entry_kick (klive_broadcast_get_entry (broadcast), stream) : 0;
  }
  if (count == 0 && !done) {
    fail (error, G_IO_ERROR_NOT_FOUND, "nobody publishes %s here", stream ? stream : entry_id);
    return NULL;
  }
  JsonObject *reply = json_object_new ();
  json_object_set_string_member (reply, "entry", entry_id);
  json_object_set_int_member (reply, "publishers", count);
  return reply;
}

static JsonObject *
split (const KliveStatusSources *sources, JsonObject *order, GError **error)
{
  static const char *const members[] = { "entry", NULL };
  const char *entry_id;
  if (!check_members (order, members, error) || !(entry_id = get_entry_id (order, error)))
    return NULL;
  guint workers = klive_supervisor_split (sources->supervisor, entry_id);
  if (workers == 0) {
    fail (error, G_IO_ERROR_NOT_FOUND, "entry %s is not on air here", entry_id);
    return NULL;
  }
  JsonObject *reply = json_object_new ();
  json_object_set_string_member (reply, "entry", entry_id);
  json_object_set_int_member (reply, "workers", workers);
  return reply;
}

static JsonObject *
drain (const KliveStatusSources *sources, JsonObject *order, GError **error)
{
  static const char *const members[] = { "drain", NULL };
  JsonNode *node = json_object_get_member (order, "drain");
  if (!check_members (order, members, error))
    return NULL;
  if (!node || json_node_get_value_type (node) != G_TYPE_BOOLEAN) {
    fail (error, G_IO_ERROR_INVALID_ARGUMENT, "drain is missing, expected true or false");
    return NULL;
  }
  klive_supervisor_set_draining (sources->supervisor, json_node_get_boolean (node));
  JsonObject *reply = json_object_new ();
  json_object_set_boolean_member (reply, "draining", klive_supervisor_is_draining (sources->supervisor));
  return reply;
}

static const struct {
  const char *name;
  JsonObject *(*run) (const KliveStatusSources *sources, JsonObject *order, GError **error);
} orders[] = { { "kick", kick }, { "split", split }, { "drain", drain } };

static gboolean
is_order (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (orders); i++)
    if (strcmp (orders[i].name, name) == 0)
      return TRUE;
  return FALSE;
}

static JsonObject *
run_order (const KliveStatusSources *sources, const char *name, SoupServerMessage *message, GError **error)
{
  SoupMessageBody *body = soup_server_message_get_request_body (message);
  g_autofree char *text = g_strndup (body->data ? body->data : "", (gsize) body->length);
  g_autoptr (GError) broken = NULL;
  g_autoptr (JsonNode) node = json_from_string (text, &broken);
  if (!node || !JSON_NODE_HOLDS_OBJECT (node)) {
    fail (error, G_IO_ERROR_INVALID_ARGUMENT, "the body is no JSON object%s%s", broken ? ": " : "",
        broken ? broken->message : "");
    return NULL;
  }
  for (guint i = 0; i < G_N_ELEMENTS (orders); i++)
    if (strcmp (orders[i].name, name) == 0)
      return orders[i].run (sources, json_node_get_object (node), error);
  return NULL;
}

/* --- requests --- */

static gboolean
is_json (SoupServerMessage *message)
{
  const char *type = soup_message_headers_get_content_type (soup_server_message_get_request_headers (message), NULL);
  return type && g_ascii_strcasecmp (type, "application/json") == 0;
}

void
klive_control_check (const KliveStatusSources *sources, SoupServerMessage *message)
{
  const KalturaConfig *config = sources->config;
  if (!klive_http_message_is_allowed (message, (const char *const *) config->control_allow))
    answer_error (message, SOUP_STATUS_FORBIDDEN, "the caller is not in [server] control-allow");
  else if (!klive_http_message_has_own_host (message, config->hostname))
    answer_error (message, SOUP_STATUS_FORBIDDEN, "Host is not a name of this server, expected its address");
  else if (!klive_http_message_keep_body (message, MAX_BODY))
    answer_error (message, SOUP_STATUS_REQUEST_ENTITY_TOO_LARGE,
        "the request is too large or without a length, expected at most " G_STRINGIFY (MAX_BODY) " bytes");
}

static gboolean
check_method (SoupServerMessage *message, gboolean order)
{
  if (order ? klive_http_message_is_post (message) : klive_http_message_is_get (message)) {
    if (!order || is_json (message))
      return TRUE;
    answer_error (message, SOUP_STATUS_UNSUPPORTED_MEDIA_TYPE, "expected Content-Type: application/json");
    return FALSE;
  }
  soup_message_headers_replace (soup_server_message_get_response_headers (message), "Allow",
      order ? "POST" : "GET, HEAD");
  answer_error (message, SOUP_STATUS_METHOD_NOT_ALLOWED, order ? "expected POST" : "expected GET");
  return FALSE;
}

static void
log_order (SoupServerMessage *message, const char *name, JsonObject *reply, const GError *error)
{
  g_autofree char *address = klive_http_message_dup_address (message);
  klive_log (reply ? KLIVE_LOG_INFO : KLIVE_LOG_WARNING, "control",
      reply ? klive_message_get_string (reply, "entry", NULL) : NULL, NULL, "order", name, "address", address,
      "message", error ? error->message : NULL, NULL);
}

void
klive_control_answer (const KliveStatusSources *sources, SoupServerMessage *message, const char *path)
{
  const char *name = g_str_has_prefix (path, PREFIX) ? path + strlen (PREFIX) : "";
  gboolean order = is_order (name);
  if (!order && !is_list (name)) {
    answer_error (message, SOUP_STATUS_NOT_FOUND,
        "expected one of the lists entries, sessions, renditions, segments, registrations, recordings, spool, or one of "
        "the orders kick, split, drain");
    return;
  }
  if (!check_method (message, order))
    return;
  g_autoptr (GError) error = NULL;
  const char *text = g_uri_get_query (soup_server_message_get_uri (message));
  g_autoptr (GHashTable) query = soup_form_decode (text ? text : "");
  JsonObject *reply = order ? run_order (sources, name, message, &error) : answer_list (sources, name, query, &error);
  if (order)
    log_order (message, name, reply, error);
  if (reply)
    answer (message, SOUP_STATUS_OK, reply);
  else
    answer_error (message,
        g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND) ? SOUP_STATUS_NOT_FOUND : SOUP_STATUS_BAD_REQUEST,
        error->message);
}
