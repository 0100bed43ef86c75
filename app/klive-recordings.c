/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the record sinks of a studio tell on the bus, kept for the status page and the log. Used by klive-studio.c on
 * the main thread; the sinks themselves write on threads of their own.
 */
#include "klive-recordings.h"

#include <string.h>

#include "klive-log.h"

#define PREFIX "rec_"

typedef struct {
  char *id, *asset;
  GstElement *sink;
  char *file;   /* that is being written; NULL = none */
  char *reason; /* why it cannot be written; NULL = it can */
} Recording;

struct _KliveRecordings {
  char *entry, *stream;
  GPtrArray *items; /* of Recording */
};

static void
recording_free (gpointer data)
{
  Recording *recording = data;

  gst_object_unref (recording->sink);
  g_free (recording->id);
  g_free (recording->asset);
  g_free (recording->file);
  g_free (recording->reason);
  g_free (recording);
}

static void
take_element (const GValue *item, gpointer user_data)
{
  KliveRecordings *recordings = user_data;
  GstElement *element = g_value_get_object (item);
  Recording *recording;

  if (!g_str_has_prefix (GST_OBJECT_NAME (element), PREFIX))
    return;
  recording = g_new0 (Recording, 1);
  recording->id = g_strdup (GST_OBJECT_NAME (element) + strlen (PREFIX));
  recording->sink = gst_object_ref (element);
  g_object_get (element, "asset-id", &recording->asset, NULL);
  g_ptr_array_add (recordings->items, recording);
}

KliveRecordings *
klive_recordings_new (GstElement *pipeline, const char *entry, const char *stream)
{
  KliveRecordings *recordings = g_new0 (KliveRecordings, 1);
  GstIterator *elements = gst_bin_iterate_elements (GST_BIN (pipeline));

  recordings->entry = g_strdup (entry);
  recordings->stream = g_strdup (stream);
  recordings->items = g_ptr_array_new_with_free_func (recording_free);
  while (gst_iterator_foreach (elements, take_element, recordings) == GST_ITERATOR_RESYNC) {
    g_ptr_array_set_size (recordings->items, 0);
    gst_iterator_resync (elements);
  }
  gst_iterator_free (elements);
  return recordings;
}

void
klive_recordings_free (KliveRecordings *recordings)
{
  g_ptr_array_unref (recordings->items);
  g_free (recordings->entry);
  g_free (recordings->stream);
  g_free (recordings);
}

static Recording *
find (KliveRecordings *recordings, GstObject *sink)
{
  for (guint i = 0; i < recordings->items->len; i++) {
    Recording *recording = recordings->items->pdata[i];

    if (GST_OBJECT (recording->sink) == sink)
      return recording;
  }
  return NULL;
}

static void
log_event (const KliveRecordings *recordings, const Recording *recording, KliveLogLevel level, const char *event,
    const char *file, const char *duration, const char *message)
{
  klive_log (level, event, recordings->entry, recordings->stream, "rendition", recording->id, "asset", recording->asset,
      "file", file, "duration", duration, "message", message, NULL);
}

static void
on_started (KliveRecordings *recordings, Recording *recording, const GstStructure *message)
{
  g_free (recording->file);
  recording->file = g_strdup (gst_structure_get_string (message, "location"));
  g_clear_pointer (&recording->reason, g_free);
  log_event (recordings, recording, KLIVE_LOG_INFO, "recording-started", recording->file, NULL, NULL);
}

static void
on_closed (KliveRecordings *recordings, Recording *recording, const GstStructure *message)
{
  g_autofree char *text = NULL;
  double duration = 0;

  gst_structure_get_double (message, "duration", &duration);
  text = g_strdup_printf ("%.3f", duration);
  g_clear_pointer (&recording->file, g_free);
  log_event (recordings, recording, KLIVE_LOG_INFO, "recording-closed", gst_structure_get_string (message, "location"),
      text, NULL);
}

static void
on_failed (KliveRecordings *recordings, Recording *recording, const GstStructure *message)
{
  gint error = 0;

  gst_structure_get_int (message, "errno", &error);
  g_free (recording->reason);
  recording->reason = g_strdup (error != 0 ? g_strerror (error) : "the disk is too slow or hangs");
  log_event (recordings, recording, KLIVE_LOG_ERROR, "recording-failed", gst_structure_get_string (message, "location"),
      NULL, recording->reason);
}

void
klive_recordings_handle (KliveRecordings *recordings, GstMessage *message)
{
  static const struct {
    const char *name;
    void (*handle) (KliveRecordings *recordings, Recording *recording, const GstStructure *message);
  } handlers[] = {
    { "kaltura-recording-started", on_started },
    { "kaltura-recording", on_closed },
    { "kaltura-recording-failed", on_failed },
  };
  Recording *recording = find (recordings, GST_MESSAGE_SRC (message));

  for (guint i = 0; recording != NULL && i < G_N_ELEMENTS (handlers); i++)
    if (gst_message_has_name (message, handlers[i].name))
      handlers[i].handle (recordings, recording, gst_message_get_structure (message));
}

void
klive_recordings_split (KliveRecordings *recordings, GstClockTime running_time)
{
  for (guint i = 0; i < recordings->items->len; i++)
    g_signal_emit_by_name (((Recording *) recordings->items->pdata[i])->sink, "split-at-running-time",
        (guint64) running_time);
}

static void
add_figures (JsonObject *object, GstElement *sink)
{
  static const char *const names[][2] = { { "recordings", "chunks" }, { "bytes", "bytes" }, { "faults", "faults" },
    { "dropped-frames", "droppedFrames" } };
  g_autoptr (GstStructure) stats = NULL;

  g_object_get (sink, "stats", &stats, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    guint64 value = 0;

    gst_structure_get_uint64 (stats, names[i][0], &value);
    json_object_set_int_member (object, names[i][1], (gint64) value);
  }
}

void
klive_recordings_describe (KliveRecordings *recordings, JsonArray *array)
{
  for (guint i = 0; i < recordings->items->len; i++) {
    const Recording *recording = recordings->items->pdata[i];
    JsonObject *object = json_object_new ();

    json_object_set_string_member (object, "id", recording->id);
    json_object_set_string_member (object, "stream", recordings->stream);
    json_object_set_string_member (object, "asset", recording->asset);
    json_object_set_string_member (object, "state",
        recording->reason != NULL     ? "failing"
            : recording->file != NULL ? "recording"
                                      : "waiting");
    if (recording->file != NULL)
      json_object_set_string_member (object, "file", recording->file);
    add_figures (object, recording->sink);
    json_object_set_boolean_member (object, "failing", recording->reason != NULL);
    if (recording->reason != NULL)
      json_object_set_string_member (object, "reason", recording->reason);
    json_array_add_object_element (array, object);
  }
}
