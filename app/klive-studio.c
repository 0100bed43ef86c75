/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The studio of a session: appsrcs, sinks, and what goes wrong between them. Everything here runs on the main thread
 * but the probes, which only count. Feeding never blocks: the appsrcs are bounded here, the encoders' queues by
 * klive-shed.
 */
#include "klive-studio.h"

#include <gst/app/app.h>
#include <gst/video/video.h>
#include <string.h>

#include "klive-pipeline.h"
#include "klive-recordings.h"
#include "klive-shed.h"

#define MAX_WAITING_TIME (10 * GST_SECOND) /* in an appsrc */
#define MAX_WAITING_BYTES (32 * 1024 * 1024)
#define STALL (10 * G_TIME_SPAN_SECOND)           /* without taking a frame */
#define RENDITION_STALL (30 * G_TIME_SPAN_SECOND) /* without a segment, while others have them */
#define SEGMENT_STALL (120 * G_TIME_SPAN_SECOND)  /* without any, while frames are taken */
#define END_DEADLINE 5000                         /* ms */
#define SAME_WARNING (60 * G_TIME_SPAN_SECOND)
#define SINK_PREFIX "hls_"
#define QUEUE_PREFIX "queue_"
#define ENCODER_PREFIX "enc_"
#define DECODER_QUEUE "queue_decode"
#define ENCODER_WAIT (10 * GST_SECOND) /* of a rendition for its encoder */

typedef struct {
  GstAppSrc *source; /* nullable: there is no such track */
  KliveFormat *format;
  GstPad *pad;
  gulong probe;
  guint taken;      /* atomic: frames that have left the appsrc */
  guint fed;        /* frames that have been given to it */
  guint last_taken; /* at the last change */
  gint64 changed;   /* monotonic us: when last_taken changed or nothing was waiting */
  guint64 dropped;  /* because it was full */
  gboolean to_keyframe;
} Input;

typedef struct {
  char *id;
  KliveShed *shed; /* nullable: nothing is encoded */
  guint64 segments, lost;
  gint64 last_segment; /* monotonic us, 0 = none */
  gboolean half_rate;  /* as last warned about */
} Output;

struct _KliveStudio {
  guint refs; /* of the owner, and of calls under way */
  KliveStudioCallbacks callbacks;
  gpointer user_data;
  GstElement *pipeline; /* NULL once freed */
  GSource *bus_source;
  guint deadline_source;
  gboolean ending;
  gboolean over;               /* failed or ended: nothing is called any more */
  Input inputs[2];             /* by KliveTimelineTrack */
  GPtrArray *outputs;          /* of Output */
  KliveRecordings *recordings; /* NULL once closed */
  KliveShed *decoder_shed;     /* nullable */
  gint64 last_fed;             /* monotonic us */
  gint64 resumed;              /* monotonic us: since when frames have come without a pause */
  guint64 warned_dropped;      /* frames, of both inputs */
  guint64 warned_shed;
  GHashTable *warned; /* text -> monotonic us, as gint64 * */
};

static void
output_free (gpointer data)
{
  Output *output = data;

  g_free (output->id);
  g_clear_pointer (&output->shed, klive_shed_free);
  g_free (output);
}

static void
clear_input (Input *input)
{
  if (input->pad != NULL)
    gst_pad_remove_probe (input->pad, input->probe);
  g_clear_object (&input->pad);
  g_clear_object (&input->source);
  g_clear_pointer (&input->format, klive_format_unref);
}

/* The probes count into the studio: it lives until they are gone, which the pipeline knows. */
static void
studio_unref (gpointer data)
{
  KliveStudio *studio = data;

  if (!g_atomic_int_dec_and_test (&studio->refs))
    return;
  g_ptr_array_unref (studio->outputs);
  g_hash_table_unref (studio->warned);
  g_free (studio);
}

static KliveStudio *
studio_ref (KliveStudio *studio)
{
  g_atomic_int_inc (&studio->refs);
  return studio;
}

static void
close_studio (KliveStudio *studio)
{
  studio->over = TRUE;
  g_clear_handle_id (&studio->deadline_source, g_source_remove);
  if (studio->bus_source != NULL)
    g_source_destroy (studio->bus_source);
  g_clear_pointer (&studio->bus_source, g_source_unref);
  clear_input (&studio->inputs[0]);
  clear_input (&studio->inputs[1]);
  g_clear_pointer (&studio->decoder_shed, klive_shed_free);
  for (guint i = 0; i < studio->outputs->len; i++)
    g_clear_pointer (&((Output *) studio->outputs->pdata[i])->shed, klive_shed_free);
  g_clear_pointer (&studio->recordings, klive_recordings_free);
  if (studio->pipeline != NULL)
    klive_pipeline_dispose (g_steal_pointer (&studio->pipeline));
}

void
klive_studio_free (KliveStudio *studio)
{
  if (studio == NULL)
    return;
  close_studio (studio);
  studio_unref (studio);
}

static void
warn (KliveStudio *studio, const char *message)
{
  gint64 now = g_get_monotonic_time ();
  gint64 *last = g_hash_table_lookup (studio->warned, message);

  if (studio->over || (last != NULL && now - *last < SAME_WARNING))
    return;
  if (g_hash_table_size (studio->warned) > 100)
    g_hash_table_remove_all (studio->warned);
  last = g_new (gint64, 1);
  *last = now;
  g_hash_table_replace (studio->warned, g_strdup (message), last);
  studio->callbacks.warning (studio, message, studio->user_data);
}

static void
fail (KliveStudio *studio, const char *message)
{
  if (studio->over)
    return;
  studio->over = TRUE;
  studio->callbacks.failed (studio, message, studio->user_data);
}

static void
finish (KliveStudio *studio)
{
  if (studio->over)
    return;
  studio->over = TRUE;
  studio->callbacks.ended (studio, studio->user_data);
}

static Output *
find_output (const KliveStudio *studio, const char *id)
{
  for (guint i = 0; i < studio->outputs->len; i++) {
    Output *output = studio->outputs->pdata[i];

    if (g_str_equal (output->id, id))
      return output;
  }
  return NULL;
}

static void
handle_segment (KliveStudio *studio, const char *id, const GstStructure *message)
{
  Output *output = find_output (studio, id);
  KliveHlsSegment segment = { 0 };
  gint width = 0, height = 0, fps_n = 0, fps_d = 1;

  if (output == NULL)
    return;
  segment.location = gst_structure_get_string (message, "location");
  segment.codecs = gst_structure_get_string (message, "codecs");
  gst_structure_get_uint64 (message, "index", &segment.index);
  gst_structure_get_uint64 (message, "running-time", &segment.running_time);
  gst_structure_get_uint64 (message, "duration", &segment.duration);
  gst_structure_get_uint64 (message, "bytes", &segment.bytes);
  gst_structure_get_int (message, "width", &width);
  gst_structure_get_int (message, "height", &height);
  gst_structure_get_fraction (message, "framerate", &fps_n, &fps_d);
  segment.width = (guint) MAX (width, 0);
  segment.height = (guint) MAX (height, 0);
  segment.fps_n = (guint) MAX (fps_n, 0);
  segment.fps_d = (guint) MAX (fps_d, 1);
  output->segments++;
  output->last_segment = g_get_monotonic_time ();
  if (segment.location != NULL)
    studio->callbacks.segment (studio, output->id, &segment, studio->user_data);
}

static void
handle_lost_segment (KliveStudio *studio, const char *id, const GstStructure *message)
{
  Output *output = find_output (studio, id);
  g_autofree char *text = NULL;
  gint error = 0;

  gst_structure_get_int (message, "errno", &error);
  if (output != NULL)
    output->lost++;
  text = g_strdup_printf ("a segment of rendition %s could not be written: %s", id, g_strerror (error));
  warn (studio, text);
  studio->callbacks.lost_segment (studio, error, studio->user_data);
}

static void
handle_element_message (KliveStudio *studio, GstMessage *message)
{
  const GstStructure *structure = gst_message_get_structure (message);
  const char *source = GST_MESSAGE_SRC_NAME (message);

  if (!g_str_has_prefix (source, SINK_PREFIX))
    klive_recordings_handle (studio->recordings, message);
  else if (gst_structure_has_name (structure, "kaltura-segment"))
    handle_segment (studio, source + strlen (SINK_PREFIX), structure);
  else if (gst_structure_has_name (structure, "kaltura-segment-failed"))
    handle_lost_segment (studio, source + strlen (SINK_PREFIX), structure);
}

static void
handle_error (KliveStudio *studio, GstMessage *message)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *debug = NULL, *text = NULL;

  gst_message_parse_error (message, &error, &debug);
  text = g_strdup_printf ("%s: %s", GST_MESSAGE_SRC_NAME (message), error->message);
  fail (studio, text);
}

static void
handle_warning (KliveStudio *studio, GstMessage *message)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;

  gst_message_parse_warning (message, &error, NULL);
  text = g_strdup_printf ("%s: %s", GST_MESSAGE_SRC_NAME (message), error->message);
  warn (studio, text);
}

static gboolean
on_message (GstBus *bus, GstMessage *message, gpointer user_data)
{
  KliveStudio *studio = studio_ref (user_data);

  if (studio->over) {
    studio_unref (studio);
    return G_SOURCE_CONTINUE;
  }
  switch (GST_MESSAGE_TYPE (message)) {
    case GST_MESSAGE_ELEMENT:
      handle_element_message (studio, message);
      break;
    case GST_MESSAGE_ERROR:
      handle_error (studio, message);
      break;
    case GST_MESSAGE_WARNING:
      handle_warning (studio, message);
      break;
    case GST_MESSAGE_EOS:
      if (studio->ending)
        finish (studio);
      else
        fail (studio, "the pipeline ended by itself");
      break;
    default:
      break;
  }
  studio_unref (studio);
  return G_SOURCE_CONTINUE;
}

static GstPadProbeReturn
on_taken (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  g_atomic_int_inc ((gint *) user_data);
  return GST_PAD_PROBE_OK;
}

static gboolean
set_up_input (KliveStudio *studio, Input *input, const char *name, KliveFormat *format, GError **error)
{
  g_autoptr (GstElement) element = gst_bin_get_by_name (GST_BIN (studio->pipeline), name);

  input->changed = g_get_monotonic_time ();
  if (format == NULL)
    return TRUE;
  if (!GST_IS_APP_SRC (element)) {
    g_set_error (error, GST_PARSE_ERROR, GST_PARSE_ERROR_NO_SUCH_ELEMENT, "the studio has no appsrc %s", name);
    return FALSE;
  }
  input->format = klive_format_ref (format);
  input->source = GST_APP_SRC (g_steal_pointer (&element));
  g_object_set (input->source, "format", GST_FORMAT_TIME, "block", FALSE, "max-bytes", (guint64) 0, "emit-signals",
      FALSE, NULL);
  gst_app_src_set_caps (input->source, format->caps);
  input->pad = gst_element_get_static_pad (GST_ELEMENT (input->source), "src");
  /* The probe may still run while it is removed: it keeps the studio, in which it counts. */
  studio_ref (studio);
  input->probe = gst_pad_add_probe (input->pad, GST_PAD_PROBE_TYPE_BUFFER, on_taken, &input->taken, NULL);
  g_object_set_data_full (G_OBJECT (input->pad), "klive-studio", studio, studio_unref);
  return TRUE;
}

static void
set_up_registration (KliveStudio *studio, const char *name, const KliveStudioSetup *setup)
{
  g_autoptr (GstElement) element = gst_bin_get_by_name (GST_BIN (studio->pipeline), name);

  if (element != NULL)
    g_object_set (element, "min-buffer-time", setup->registration_delay, NULL);
}

static void
set_up_decoder_shed (KliveStudio *studio)
{
  g_autoptr (GstElement) queue = gst_bin_get_by_name (GST_BIN (studio->pipeline), DECODER_QUEUE);

  if (queue != NULL)
    studio->decoder_shed = klive_shed_new_decoder (queue);
}

static void
set_up_output (const GValue *item, gpointer user_data)
{
  KliveStudio *studio = user_data;
  GstElement *element = g_value_get_object (item);
  const char *name = GST_OBJECT_NAME (element);
  g_autoptr (GstElement) queue = NULL;
  g_autofree char *queue_name = NULL;
  Output *output;

  if (!g_str_has_prefix (name, SINK_PREFIX))
    return;
  output = g_new0 (Output, 1);
  output->id = g_strdup (name + strlen (SINK_PREFIX));
  queue_name = g_strconcat (QUEUE_PREFIX, output->id, NULL);
  queue = gst_bin_get_by_name (GST_BIN (studio->pipeline), queue_name);
  if (queue != NULL) {
    output->shed = klive_shed_new_encoder (queue, studio->decoder_shed);
    /* A source that lost its picture gets another studio; until then an encoder that is late is waited for. */
    g_object_set (element, "max-wait", ENCODER_WAIT, NULL);
  }
  g_ptr_array_add (studio->outputs, output);
}

static void
set_up_outputs (KliveStudio *studio)
{
  GstIterator *elements = gst_bin_iterate_elements (GST_BIN (studio->pipeline));

  set_up_decoder_shed (studio);
  while (gst_iterator_foreach (elements, set_up_output, studio) == GST_ITERATOR_RESYNC) {
    g_ptr_array_set_size (studio->outputs, 0);
    gst_iterator_resync (elements);
  }
  gst_iterator_free (elements);
}

/*
 * x264enc adds 1000 hours to timestamps, and GStreamer 1.22 compares them with the running times of force-key-unit
 * events until the first frame has left the encoder: after an event that comes so early (a GOP shorter than the
 * lookahead) it would force no keyframe any more. The running time of a studio leaves room for the first decoding
 * times, so nothing needs to be added. To be called after the encoders have started, before the first frame.
 */
static void
keep_timestamps (KliveStudio *studio)
{
  for (guint i = 0; i < studio->outputs->len; i++) {
    g_autofree char *name = g_strconcat (ENCODER_PREFIX, ((Output *) studio->outputs->pdata[i])->id, NULL);
    g_autoptr (GstElement) encoder = gst_bin_get_by_name (GST_BIN (studio->pipeline), name);

    if (GST_IS_VIDEO_ENCODER (encoder))
      gst_video_encoder_set_min_pts (GST_VIDEO_ENCODER (encoder), GST_CLOCK_TIME_NONE);
  }
}

static void
start (KliveStudio *studio, GstContext *context)
{
  g_autoptr (GstBus) bus = gst_element_get_bus (studio->pipeline);

  studio->bus_source = gst_bus_create_watch (bus);
  g_source_set_callback (studio->bus_source, G_SOURCE_FUNC (on_message), studio, NULL);
  g_source_attach (studio->bus_source, g_main_context_get_thread_default ());
  gst_element_set_context (studio->pipeline, context);
  gst_element_set_state (studio->pipeline, GST_STATE_PLAYING); /* a failure comes as a message */
  keep_timestamps (studio);
}

KliveStudio *
klive_studio_new (const KliveStudioSetup *setup, const KliveStudioCallbacks *callbacks, gpointer user_data,
    GError **error)
{
  g_autoptr (KliveStudio) studio = g_new0 (KliveStudio, 1);
  g_autoptr (GstElement) parsed = NULL;

  studio->refs = 1;
  studio->last_fed = studio->resumed = g_get_monotonic_time ();
  studio->callbacks = *callbacks;
  studio->user_data = user_data;
  studio->outputs = g_ptr_array_new_with_free_func (output_free);
  studio->warned = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  parsed = gst_parse_launch_full (setup->text, NULL, GST_PARSE_FLAG_FATAL_ERRORS, error);
  if (parsed == NULL)
    return NULL;
  gst_object_ref_sink (parsed);
  if (!GST_IS_PIPELINE (parsed)) {
    g_set_error (error, GST_PARSE_ERROR, GST_PARSE_ERROR_SYNTAX, "the studio's text is a single element");
    return NULL;
  }
  studio->pipeline = g_steal_pointer (&parsed);
  if (!set_up_input (studio, &studio->inputs[KLIVE_TIMELINE_VIDEO], "video_in", setup->video, error) ||
      !set_up_input (studio, &studio->inputs[KLIVE_TIMELINE_AUDIO], "audio_in", setup->audio, error))
    return NULL;
  set_up_registration (studio, "register_video", setup);
  set_up_registration (studio, "register_audio", setup);
  set_up_outputs (studio);
  studio->recordings = klive_recordings_new (studio->pipeline, setup->entry, setup->stream);
  start (studio, setup->context);
  return g_steal_pointer (&studio);
}

gboolean
klive_studio_takes (const KliveStudio *studio, const KliveFrame *frame)
{
  return studio->inputs[frame->track].format == frame->format;
}

static gboolean
has_room (Input *input, const KliveFrame *frame)
{
  gboolean full = gst_app_src_get_current_level_time (input->source) > MAX_WAITING_TIME ||
      gst_app_src_get_current_level_bytes (input->source) > MAX_WAITING_BYTES;

  if (full && frame->track == KLIVE_TIMELINE_VIDEO)
    input->to_keyframe = TRUE;
  else if (!full && klive_frame_is_keyframe (frame))
    input->to_keyframe = FALSE;
  return !full && !input->to_keyframe;
}

void
klive_studio_feed (KliveStudio *studio, KliveFrame *frame)
{
  Input *input = &studio->inputs[frame->track];
  gint64 now = g_get_monotonic_time ();

  if (now - studio->last_fed > STALL)
    studio->resumed = now;
  studio->last_fed = now;
  if (!studio->over && !studio->ending && input->source != NULL) {
    if (has_room (input, frame)) {
      input->fed++;
      gst_app_src_push_buffer (input->source, gst_buffer_ref (frame->buffer)); /* a failure comes as a message */
    } else {
      input->dropped++;
    }
  }
  klive_frame_free (frame);
}

static gboolean
on_deadline (gpointer user_data)
{
  KliveStudio *studio = studio_ref (user_data);

  studio->deadline_source = 0;
  warn (studio, "the studio did not end in time; what was not written is lost");
  finish (studio);
  studio_unref (studio);
  return G_SOURCE_REMOVE;
}

void
klive_studio_end (KliveStudio *studio)
{
  if (studio->ending || studio->over)
    return;
  studio->ending = TRUE;
  studio->deadline_source = g_timeout_add (END_DEADLINE, on_deadline, studio);
  for (guint i = 0; i < G_N_ELEMENTS (studio->inputs); i++)
    if (studio->inputs[i].source != NULL)
      gst_app_src_end_of_stream (studio->inputs[i].source);
}

/* Whether frames have waited in the appsrc for too long without one being taken. */
static gboolean
stands_still (Input *input, gint64 now)
{
  guint taken = (guint) g_atomic_int_get ((gint *) &input->taken);

  if (input->source == NULL || taken == input->fed || taken != input->last_taken) {
    input->last_taken = taken;
    input->changed = now;
    return FALSE;
  }
  return now - input->changed > STALL;
}

static void
check_outputs (KliveStudio *studio, gint64 now)
{
  gint64 newest = 0;

  for (guint i = 0; i < studio->outputs->len; i++)
    newest = MAX (newest, ((Output *) studio->outputs->pdata[i])->last_segment);
  if (now - studio->last_fed < STALL && now - MAX (newest, studio->resumed) > SEGMENT_STALL) {
    fail (studio, "no segment for 120 s");
    return;
  }
  for (guint i = 0; i < studio->outputs->len && !studio->over; i++) {
    Output *output = studio->outputs->pdata[i];

    if (newest - MAX (output->last_segment, studio->resumed) > RENDITION_STALL) {
      g_autofree char *text = g_strdup_printf ("rendition %s stands still", output->id);
      fail (studio, text);
    }
  }
}

static void
check_half_rate (KliveStudio *studio, Output *output)
{
  gboolean half = output->shed != NULL && klive_shed_is_half_rate (output->shed);
  g_autofree char *text = NULL;

  if (half == output->half_rate)
    return;
  output->half_rate = half;
  text = g_strdup_printf (half ? "rendition %s is too much for this machine and goes on at half the frame rate"
                               : "rendition %s is back at the full frame rate",
      output->id);
  warn (studio, text);
}

static guint64
count_shed (const KliveStudio *studio)
{
  guint64 shed = studio->decoder_shed != NULL ? klive_shed_get_count (studio->decoder_shed) : 0;

  for (guint i = 0; i < studio->outputs->len; i++) {
    Output *output = studio->outputs->pdata[i];
    shed += output->shed != NULL ? klive_shed_get_count (output->shed) : 0;
  }
  return shed;
}

static void
check_overload (KliveStudio *studio)
{
  guint64 dropped = studio->inputs[0].dropped + studio->inputs[1].dropped;
  guint64 shed = count_shed (studio);

  if (dropped != studio->warned_dropped)
    warn (studio, "the studio does not keep up: frames of the source are left out");
  else if (shed != studio->warned_shed)
    warn (studio, "this machine does not keep up: frames of encoded renditions are left out");
  studio->warned_dropped = dropped;
  studio->warned_shed = shed;
}

void
klive_studio_tick (KliveStudio *studio)
{
  gint64 now = g_get_monotonic_time ();

  if (studio->over || studio->ending)
    return;
  studio_ref (studio);
  if (stands_still (&studio->inputs[0], now) || stands_still (&studio->inputs[1], now))
    fail (studio, "the studio has taken no frame for 10 s");
  check_outputs (studio, now);
  check_overload (studio);
  for (guint i = 0; i < studio->outputs->len && !studio->over; i++)
    check_half_rate (studio, studio->outputs->pdata[i]);
  studio_unref (studio);
}

void
klive_studio_split_recordings (KliveStudio *studio, GstClockTime running_time)
{
  if (studio->recordings != NULL)
    klive_recordings_split (studio->recordings, running_time);
}

void
klive_studio_describe_recordings (KliveStudio *studio, JsonArray *array)
{
  if (studio->recordings != NULL)
    klive_recordings_describe (studio->recordings, array);
}

void
klive_studio_set_context (KliveStudio *studio, GstContext *context)
{
  if (studio->pipeline != NULL)
    gst_element_set_context (studio->pipeline, context);
}

gboolean
klive_studio_get_rendition (const KliveStudio *studio, const char *id, KliveStudioRendition *rendition)
{
  const Output *output = find_output (studio, id);

  if (output == NULL)
    return FALSE;
  rendition->segments = output->segments;
  rendition->lost = output->lost;
  rendition->last_segment = output->last_segment;
  rendition->shed = output->shed != NULL ? klive_shed_get_count (output->shed) : 0;
  rendition->half_rate = output->shed != NULL && klive_shed_is_half_rate (output->shed);
  return TRUE;
}

void
klive_studio_add_metadata (KliveStudio *studio, GstClockTime running_time, GBytes *tag)
{
  for (guint i = 0; i < studio->outputs->len; i++) {
    const Output *output = studio->outputs->pdata[i];
    g_autofree char *name = g_strconcat (SINK_PREFIX, output->id, NULL);
    g_autoptr (GstElement) sink = gst_bin_get_by_name (GST_BIN (studio->pipeline), name);
    gboolean taken;

    /* A template may have another sink. */
    if (sink != NULL && g_signal_lookup ("add-metadata", G_OBJECT_TYPE (sink)) != 0)
      g_signal_emit_by_name (sink, "add-metadata", (guint64) running_time, tag, &taken);
  }
}
