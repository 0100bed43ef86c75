/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The model behind klive-hls-writer.c and its JSON. Plain structs, no file, no clock; the worker's main thread.
 */
#include "klive-hls-state.h"

#include <json-glib/json-glib.h>
#include <string.h>

#include "klive-sync-point.h"

#define VERSION 1

static void
rendition_free (KliveHlsRendition *rendition)
{
  g_free (rendition->id);
  g_free (rendition->name);
  g_free (rendition->stream);
  g_free (rendition->fingerprint);
  g_free (rendition->codecs);
  klive_playlist_free (rendition->list);
  g_free (rendition);
}

static void
stream_free (KliveHlsStream *stream)
{
  g_free (stream->name);
  g_free (stream->source_id);
  g_ptr_array_unref (stream->ids);
  g_ptr_array_unref (stream->groups);
  g_free (stream);
}

KliveHlsState *
klive_hls_state_new (void)
{
  KliveHlsState *state = g_new0 (KliveHlsState, 1);

  state->epoch = -1;
  state->gops_divide = TRUE;
  state->renditions = g_ptr_array_new_with_free_func ((GDestroyNotify) rendition_free);
  state->streams = g_ptr_array_new_with_free_func ((GDestroyNotify) stream_free);
  state->sync_points = klive_sync_points_new ();
  return state;
}

void
klive_hls_state_free (KliveHlsState *state)
{
  if (!state)
    return;
  g_ptr_array_unref (state->renditions);
  g_ptr_array_unref (state->streams);
  g_ptr_array_unref (state->sync_points);
  g_free (state);
}

KliveHlsRendition *
klive_hls_state_find_rendition (const KliveHlsState *state, const char *id)
{
  for (guint i = 0; i < state->renditions->len; i++) {
    KliveHlsRendition *rendition = state->renditions->pdata[i];

    if (strcmp (rendition->id, id) == 0)
      return rendition;
  }
  return NULL;
}

KliveHlsStream *
klive_hls_state_find_stream (const KliveHlsState *state, const char *name)
{
  for (guint i = 0; i < state->streams->len; i++) {
    KliveHlsStream *stream = state->streams->pdata[i];

    if (strcmp (stream->name, name) == 0)
      return stream;
  }
  return NULL;
}

KliveHlsRendition *
klive_hls_state_ensure_rendition (KliveHlsState *state, const char *id)
{
  KliveHlsRendition *rendition = klive_hls_state_find_rendition (state, id);

  if (rendition)
    return rendition;
  rendition = g_new0 (KliveHlsRendition, 1);
  rendition->id = g_strdup (id);
  rendition->list = klive_playlist_new ();
  g_ptr_array_add (state->renditions, rendition);
  return rendition;
}

/* "0_abcd1234_2" before "0_abcd1234_10" */
static gint
compare_streams (gconstpointer a, gconstpointer b)
{
  const KliveHlsStream *left = *(const KliveHlsStream *const *) a;
  const KliveHlsStream *right = *(const KliveHlsStream *const *) b;
  gsize left_length = strlen (left->name), right_length = strlen (right->name);

  if (left_length != right_length)
    return left_length < right_length ? -1 : 1;
  return strcmp (left->name, right->name);
}

KliveHlsStream *
klive_hls_state_ensure_stream (KliveHlsState *state, const char *name)
{
  KliveHlsStream *stream = klive_hls_state_find_stream (state, name);

  if (stream)
    return stream;
  stream = g_new0 (KliveHlsStream, 1);
  stream->name = g_strdup (name);
  stream->ids = g_ptr_array_new_with_free_func (g_free);
  stream->groups = g_ptr_array_new_with_free_func ((GDestroyNotify) klive_group_free);
  g_ptr_array_add (state->streams, stream);
  g_ptr_array_sort (state->streams, compare_streams);
  return stream;
}

static void
rename_id (GPtrArray *ids, const char *from, const char *to)
{
  for (guint i = 0; i < ids->len; i++) {
    if (strcmp (ids->pdata[i], from) != 0)
      continue;
    g_free (ids->pdata[i]);
    ids->pdata[i] = g_strdup (to);
  }
}

void
klive_hls_state_rename_rendition (KliveHlsState *state, const char *from, const char *to)
{
  KliveHlsRendition *rendition = klive_hls_state_find_rendition (state, from);

  if (klive_hls_state_find_rendition (state, to)) {
    g_ptr_array_remove (state->renditions, rendition);
  } else {
    g_free (rendition->id);
    rendition->id = g_strdup (to);
  }
  for (guint i = 0; i < state->streams->len; i++) {
    KliveHlsStream *stream = state->streams->pdata[i];

    rename_id (stream->ids, from, to);
    for (guint j = 0; j < stream->groups->len; j++)
      rename_id (((KliveGroup *) stream->groups->pdata[j])->ids, from, to);
  }
}

static void
add_int (JsonBuilder *builder, const char *name, gint64 value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_int_value (builder, value);
}

static void
add_bool (JsonBuilder *builder, const char *name, gboolean value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_boolean_value (builder, value);
}

static void
add_string (JsonBuilder *builder, const char *name, const char *value)
{
  if (!value)
    return;
  json_builder_set_member_name (builder, name);
  json_builder_add_string_value (builder, value);
}

static void
add_strings (JsonBuilder *builder, const char *name, const GPtrArray *values)
{
  json_builder_set_member_name (builder, name);
  json_builder_begin_array (builder);
  for (guint i = 0; i < values->len; i++)
    json_builder_add_string_value (builder, values->pdata[i]);
  json_builder_end_array (builder);
}

static void
add_rendition (JsonBuilder *builder, const KliveHlsRendition *rendition)
{
  json_builder_begin_object (builder);
  add_string (builder, "id", rendition->id);
  add_string (builder, "name", rendition->name);
  add_string (builder, "stream", rendition->stream);
  add_string (builder, "fingerprint", rendition->fingerprint);
  add_int (builder, "width", rendition->width);
  add_int (builder, "height", rendition->height);
  add_int (builder, "fpsN", rendition->fps_n);
  add_int (builder, "fpsD", rendition->fps_d);
  add_string (builder, "codecs", rendition->codecs);
  add_int (builder, "estimate", rendition->estimate);
  add_int (builder, "bandwidth", rendition->bandwidth);
  add_int (builder, "bytes", rendition->bytes);
  add_int (builder, "duration", rendition->duration);
  json_builder_end_object (builder);
}

static void
add_stream (JsonBuilder *builder, const KliveHlsStream *stream)
{
  json_builder_begin_object (builder);
  add_string (builder, "name", stream->name);
  add_bool (builder, "ready", stream->ready);
  add_int (builder, "firstListed", stream->first_listed);
  add_string (builder, "sourceId", stream->source_id);
  add_strings (builder, "ids", stream->ids);
  json_builder_set_member_name (builder, "groups");
  json_builder_begin_array (builder);
  for (guint i = 0; i < stream->groups->len; i++) {
    const KliveGroup *group = stream->groups->pdata[i];

    json_builder_begin_object (builder);
    add_string (builder, "tag", group->tag);
    add_strings (builder, "ids", group->ids);
    json_builder_end_object (builder);
  }
  json_builder_end_array (builder);
  json_builder_end_object (builder);
}

static void
add_sync_points (JsonBuilder *builder, const GPtrArray *points)
{
  json_builder_set_member_name (builder, "syncPoints");
  json_builder_begin_array (builder);
  for (guint i = 0; i < points->len; i++) {
    JsonObject *object = json_object_new ();

    klive_sync_point_write (points->pdata[i], object);
    json_builder_add_value (builder, json_node_init_object (json_node_alloc (), object));
    json_object_unref (object);
  }
  json_builder_end_array (builder);
}

char *
klive_hls_state_to_json (const KliveHlsState *state)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode) root = NULL;

  json_builder_begin_object (builder);
  add_int (builder, "version", VERSION);
  add_int (builder, "epoch", state->epoch);
  add_bool (builder, "ended", state->ended);
  add_int (builder, "targetDuration", state->target_duration);
  add_int (builder, "longestGop", state->longest_gop);
  add_bool (builder, "gopsDivide", state->gops_divide);
  add_int (builder, "discontinuity", state->discontinuity);
  add_int (builder, "discontinuitySlot", state->discontinuity_slot);
  json_builder_set_member_name (builder, "renditions");
  json_builder_begin_array (builder);
  for (guint i = 0; i < state->renditions->len; i++)
    add_rendition (builder, state->renditions->pdata[i]);
  json_builder_end_array (builder);
  json_builder_set_member_name (builder, "streams");
  json_builder_begin_array (builder);
  for (guint i = 0; i < state->streams->len; i++)
    add_stream (builder, state->streams->pdata[i]);
  json_builder_end_array (builder);
  add_sync_points (builder, state->sync_points);
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  return json_to_string (root, FALSE);
}

/* Readers of members that may be absent or of a wrong type: then the default. */
static gint64
get_int (JsonObject *object, const char *name, gint64 fallback)
{
  JsonNode *node = json_object_get_member (object, name);

  return node && json_node_get_value_type (node) == G_TYPE_INT64 ? json_node_get_int (node) : fallback;
}

static gboolean
get_bool (JsonObject *object, const char *name, gboolean fallback)
{
  JsonNode *node = json_object_get_member (object, name);

  return node && json_node_get_value_type (node) == G_TYPE_BOOLEAN ? json_node_get_boolean (node) : fallback;
}

static const char *
get_string (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);

  return node && json_node_get_value_type (node) == G_TYPE_STRING ? json_node_get_string (node) : NULL;
}

static guint
get_array_length (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);

  return node && JSON_NODE_HOLDS_ARRAY (node) ? json_array_get_length (json_node_get_array (node)) : 0;
}

/* (nullable): element @i of array @name, which exists, when it is an object */
static JsonObject *
get_element (JsonObject *object, const char *name, guint i)
{
  JsonNode *node = json_array_get_element (json_object_get_array_member (object, name), i);

  return JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

static void
read_strings (JsonObject *object, const char *name, GPtrArray *into)
{
  for (guint i = 0; i < get_array_length (object, name); i++) {
    JsonNode *node = json_array_get_element (json_object_get_array_member (object, name), i);

    if (json_node_get_value_type (node) == G_TYPE_STRING)
      g_ptr_array_add (into, g_strdup (json_node_get_string (node)));
  }
}

static void
read_rendition (KliveHlsState *state, JsonObject *object)
{
  const char *id = get_string (object, "id");
  KliveHlsRendition *rendition;

  if (!id || klive_hls_state_find_rendition (state, id))
    return;
  rendition = klive_hls_state_ensure_rendition (state, id);
  rendition->name = g_strdup (get_string (object, "name"));
  rendition->stream = g_strdup (get_string (object, "stream"));
  rendition->fingerprint = g_strdup (get_string (object, "fingerprint"));
  rendition->width = get_int (object, "width", 0);
  rendition->height = get_int (object, "height", 0);
  rendition->fps_n = get_int (object, "fpsN", 0);
  rendition->fps_d = get_int (object, "fpsD", 0);
  rendition->codecs = g_strdup (get_string (object, "codecs"));
  rendition->estimate = get_int (object, "estimate", 0);
  rendition->bandwidth = get_int (object, "bandwidth", 0);
  rendition->bytes = get_int (object, "bytes", 0);
  rendition->duration = get_int (object, "duration", 0);
}

static void
read_stream (KliveHlsState *state, JsonObject *object)
{
  const char *name = get_string (object, "name");
  KliveHlsStream *stream;

  if (!name || klive_hls_state_find_stream (state, name))
    return;
  stream = klive_hls_state_ensure_stream (state, name);
  stream->ready = get_bool (object, "ready", FALSE);
  stream->first_listed = get_int (object, "firstListed", 0);
  stream->source_id = g_strdup (get_string (object, "sourceId"));
  read_strings (object, "ids", stream->ids);
  for (guint i = 0; i < get_array_length (object, "groups"); i++) {
    JsonObject *element = get_element (object, "groups", i);
    const char *tag = element ? get_string (element, "tag") : NULL;
    KliveGroup *group;

    if (!tag)
      continue;
    group = klive_group_new (tag);
    read_strings (element, "ids", group->ids);
    g_ptr_array_add (stream->groups, group);
  }
}

KliveHlsState *
klive_hls_state_new_from_json (const char *json, GError **error)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (KliveHlsState) state = klive_hls_state_new ();
  JsonNode *root;
  JsonObject *object;

  if (!json_parser_load_from_data (parser, json, -1, error))
    return NULL;
  root = json_parser_get_root (parser);
  object = root && JSON_NODE_HOLDS_OBJECT (root) ? json_node_get_object (root) : NULL;
  if (!object || get_int (object, "version", 0) != VERSION) {
    g_set_error (error, KLIVE_HLS_ERROR, KLIVE_HLS_ERROR_SYNTAX, "no state of version %d", VERSION);
    return NULL;
  }
  state->epoch = get_int (object, "epoch", -1);
  state->ended = get_bool (object, "ended", FALSE);
  state->target_duration = get_int (object, "targetDuration", 0);
  state->longest_gop = get_int (object, "longestGop", 0);
  state->gops_divide = get_bool (object, "gopsDivide", TRUE);
  state->discontinuity = get_int (object, "discontinuity", 0);
  state->discontinuity_slot = get_int (object, "discontinuitySlot", 0);
  for (guint i = 0; i < get_array_length (object, "renditions"); i++)
    if (get_element (object, "renditions", i))
      read_rendition (state, get_element (object, "renditions", i));
  for (guint i = 0; i < get_array_length (object, "streams"); i++)
    if (get_element (object, "streams", i))
      read_stream (state, get_element (object, "streams", i));
  for (guint i = 0; i < get_array_length (object, "syncPoints"); i++) {
    JsonObject *element = get_element (object, "syncPoints", i);
    KliveSyncPoint *point = element ? klive_sync_point_read (element) : NULL;

    if (point)
      klive_sync_points_add (state->sync_points, point);
  }
  return g_steal_pointer (&state);
}
