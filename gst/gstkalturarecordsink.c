/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * SECTION:element-kalturarecordsink
 * @title: kalturarecordsink
 * @short_description: records to MP4 files that survive a crash
 *
 * Records H.264 and AAC or MP3 into one MP4 file after the other. While a file is being written it consists of
 * fragments of half a second, so that a crash costs no more than the last of them; when it is closed it becomes a plain
 * MP4. `klive-launcher finish` repairs what a crash has left, and puts the index in front.
 *
 * A recording begins with a video keyframe (without video: with any audio frame), audio and video together, and counts
 * time from zero. A new one begins
 *
 * * after #GstKalturaRecordSink:chunk-duration,
 * * when #GstKalturaRecordSink::split-now or #GstKalturaRecordSink::split-at-running-time asks for it: several
 *   renditions of a stream that are given the same running time split at the same keyframe,
 * * when the codec's headers change.
 *
 * Once GstForceKeyUnit events have been seen (kalturacut sends one in front of each keyframe of the source), only
 * keyframes behind such an event count: those are the ones that all renditions have.
 *
 * The element never holds up its stream. Frames go to a thread of its own; a track that is silent for
 * #GstKalturaRecordSink:max-wait does not stop the others; when the disk is full, fails or hangs, the recording ends
 * behind the last whole fragment, a warning on the bus tells each fault once, frames are dropped, and every few seconds
 * a new recording is tried at a keyframe. The disk is taken for full while #GstKalturaRecordSink:min-free is left, so
 * that others who write there go on. Names that exist are skipped, so that nothing is ever overwritten.
 *
 * The recordings of one entry belong to the asset #GstKalturaRecordSink:asset-id. With #GstKalturaRecordSink:spool each
 * of them gets a job there, before any media is written, which klive-launcher hands over to Kaltura, however long that
 * takes. Without one the element itself tells Kaltura of each recording that has ended, by its path on a disk that
 * Kaltura shares: liveStream.appendRecording, once, on a thread that no stream waits for; at the end answers are waited
 * for as long as one call may take. What fails is told by a warning, and the file stays. The entry is learned from the
 * context `kaltura.session` (gstkalturasession.h), which kalturaauth makes under gst-launch.
 *
 * The element posts
 *
 * * `kaltura-recording-started`: `asset-id`, `location` (string), `running-time` (guint64, ns, of the first frame);
 * * `kaltura-recording`, for each recording that has ended: these and `duration` (double, s, of the media), `bytes`
 *   (guint64), `last` (boolean, by the end of the stream), `plain` (boolean, FALSE: for lack of space the file is still
 *   fragmented, and needs klive-launcher finish);
 * * `kaltura-recording-appended`, without a spool, when Kaltura has taken one: `asset-id`, `location` (string,
 *   absolute), `duration`;
 * * `kaltura-recording-failed`: `asset-id`, `location` (nullable), `errno` (int, 0 = the disk hangs).
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 -e kalturarecordsink name=rec location=/tmp/recording-%05u.mp4 chunk-duration=5 videotestsrc num-buffers=300 ! x264enc key-int-max=60 ! rec.video audiotestsrc num-buffers=430 ! audioconvert ! avenc_aac ! rec.audio_0
 * ]| Two recordings of 6 and 4 s: keyframes are 2 s apart.
 */
#include "gstkalturarecordsink.h"

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <gst/video/video-event.h>

#include "gstkalturafile.h"
#include "gstkalturaledger.h"
#include "gstkalturarecordthread.h"
#include "gstkalturarecordtrack.h"
#include "gstkalturasession.h"

GST_DEBUG_CATEGORY_STATIC (gst_kaltura_record_sink_debug);
#define GST_CAT_DEFAULT gst_kaltura_record_sink_debug

#define DEFAULT_ASSET_ID NULL
#define DEFAULT_LOCATION "recording-%05u.mp4"
#define DEFAULT_CHUNK_DURATION 0
#define DEFAULT_GROUP NULL
#define DEFAULT_SPOOL NULL
#define DEFAULT_MAX_WAIT (2 * GST_SECOND)
#define DEFAULT_MIN_FREE (256 * G_GUINT64_CONSTANT (1024 * 1024))

enum {
  PROP_0,
  PROP_ASSET_ID,
  PROP_LOCATION,
  PROP_CHUNK_DURATION,
  PROP_GROUP,
  PROP_SPOOL,
  PROP_MAX_WAIT,
  PROP_MIN_FREE,
  PROP_STATS,
  N_PROPERTIES
};

enum { SIGNAL_SPLIT_NOW, SIGNAL_SPLIT_AT_RUNNING_TIME, N_SIGNALS };

static GParamSpec *properties[N_PROPERTIES];
static guint signals[N_SIGNALS];

static GstStaticPadTemplate video_template = GST_STATIC_PAD_TEMPLATE ("video", GST_PAD_SINK, GST_PAD_REQUEST,
    GST_STATIC_CAPS ("video/x-h264, stream-format=(string){ avc, avc3 }, alignment=(string)au; "
                     "video/x-h264, stream-format=(string){ avc, avc3 }"));
static GstStaticPadTemplate audio_template = GST_STATIC_PAD_TEMPLATE ("audio_%u", GST_PAD_SINK, GST_PAD_REQUEST,
    GST_STATIC_CAPS ("audio/mpeg, mpegversion=(int)4, stream-format=(string)raw; "
                     "audio/mpeg, mpegversion=(int)1, layer=(int)3"));

/* Of a pad. Streaming thread, but for number: state lock. */
typedef struct {
  GstKalturaMergeKind kind;
  guint number; /* of the track, while there is a thread */
  GstSegment segment;
  gboolean have_caps;
  gboolean eos;
  gboolean marked; /* a force-key-unit event waits for its keyframe */
  GstClockTime frame_duration;
  gint64 last_end; /* ns; G_MININT64 = none yet */
} Input;

struct _GstKalturaRecordSink {
  GstElement parent;

  /* object lock */
  char *asset_id; /* nullable */
  char *location;
  guint chunk_duration;           /* s, 0 = no limit */
  char *group;                    /* nullable */
  char *spool;                    /* nullable */
  GstClockTime max_wait;          /* ns */
  guint64 min_free;               /* bytes */
  GstKalturaSession *session;     /* NULL = not known */
  GstKalturaLedger *ledger;       /* NULL before PAUSED */
  GstKalturaRecordThread *thread; /* NULL = below PAUSED; changed with the state lock too */
  guint next_audio;
};

G_DEFINE_FINAL_TYPE (GstKalturaRecordSink, gst_kaltura_record_sink, GST_TYPE_ELEMENT)
GST_ELEMENT_REGISTER_DEFINE (kalturarecordsink, "kalturarecordsink", GST_RANK_NONE, GST_TYPE_KALTURA_RECORD_SINK)

static Input *
get_input (GstPad *pad)
{
  return gst_pad_get_element_private (pad);
}

static char *
dup_setting (GstKalturaRecordSink *self, char *const *setting)
{
  GST_OBJECT_LOCK (self);
  char *copy = *setting != NULL && **setting != '\0' ? g_strdup (*setting) : NULL;
  GST_OBJECT_UNLOCK (self);
  return copy;
}

static GstKalturaLedger *
ref_ledger (GstKalturaRecordSink *self)
{
  GST_OBJECT_LOCK (self);
  GstKalturaLedger *ledger = gst_kaltura_ledger_ref (self->ledger);
  GST_OBJECT_UNLOCK (self);
  return ledger;
}

/* What the writer thread tells */

static void
post (GstKalturaRecordSink *self, GstStructure *structure)
{
  g_autofree char *asset_id = dup_setting (self, &self->asset_id);
  gst_structure_set (structure, "asset-id", G_TYPE_STRING, asset_id, NULL);
  gst_element_post_message (GST_ELEMENT (self), gst_message_new_element (GST_OBJECT (self), structure));
}

static int
on_opened (const char *location, gint64 running_time, gpointer user_data)
{
  GstKalturaRecordSink *self = user_data;
  g_autoptr (GstKalturaLedger) ledger = ref_ledger (self);
  int error = gst_kaltura_ledger_open (ledger, location);
  if (error != 0) {
    return error;
  }
  post (self,
      gst_structure_new ("kaltura-recording-started", "location", G_TYPE_STRING, location, "running-time",
          G_TYPE_UINT64, (guint64) MAX (running_time, 0), NULL));
  return 0;
}

static void
on_completed (const GstKalturaRecording *recording, gpointer user_data)
{
  g_autoptr (GstKalturaLedger) ledger = ref_ledger (user_data);
  gst_kaltura_ledger_close (ledger, recording);
}

static void
on_closed (const GstKalturaRecording *recording, gpointer user_data)
{
  GstKalturaRecordSink *self = user_data;
  post (self,
      gst_structure_new ("kaltura-recording", "location", G_TYPE_STRING, recording->location, "running-time",
          G_TYPE_UINT64, (guint64) MAX (recording->running_time, 0), "duration", G_TYPE_DOUBLE, recording->duration,
          "bytes", G_TYPE_UINT64, recording->size, "last", G_TYPE_BOOLEAN, recording->last, "plain", G_TYPE_BOOLEAN,
          recording->plain, NULL));
}

static void
on_discarded (const char *location, gpointer user_data)
{
  g_autoptr (GstKalturaLedger) ledger = ref_ledger (user_data);
  gst_kaltura_ledger_discard (ledger);
}

static void
on_fault (const char *location, int error, gpointer user_data)
{
  GstKalturaRecordSink *self = user_data;
  g_autofree char *pattern = dup_setting (self, &self->location);
  GST_ELEMENT_WARNING (self, RESOURCE, WRITE,
      ("Cannot record to %s: %s", location != NULL ? location : pattern, g_strerror (error)),
      ("errno %d; frames are dropped, recording is tried again", error));
  post (self,
      gst_structure_new ("kaltura-recording-failed", "location", G_TYPE_STRING, location, "errno", G_TYPE_INT, error,
          NULL));
}

static void
on_over (gpointer user_data)
{
  gst_element_post_message (user_data, gst_message_new_eos (user_data));
}

static void
on_stuck (gpointer user_data)
{
  GstKalturaRecordSink *self = user_data;
  g_autofree char *pattern = dup_setting (self, &self->location);
  GST_ELEMENT_WARNING (self, RESOURCE, WRITE, ("The disk under %s is too slow or hangs", pattern),
      ("frames are dropped, recording goes on when it answers"));
  post (self,
      gst_structure_new ("kaltura-recording-failed", "location", G_TYPE_STRING, NULL, "errno", G_TYPE_INT, 0, NULL));
}

static const GstKalturaRecordCallbacks record_callbacks = {
  { on_opened, on_completed, on_closed, on_discarded, on_fault }, on_over, on_stuck
};

/* Data */

/* @timestamp as running time, ns, negative before the segment; @fallback when it has none. */
static gint64
to_running_time (const Input *input, GstClockTime timestamp, gint64 fallback)
{
  guint64 running_time;
  if (!GST_CLOCK_TIME_IS_VALID (timestamp)) {
    return fallback;
  }
  if (input->segment.format != GST_FORMAT_TIME) {
    return (gint64) timestamp;
  }
  int sign = gst_segment_to_running_time_full (&input->segment, GST_FORMAT_TIME, timestamp, &running_time);
  return sign == 0 ? fallback : sign * (gint64) running_time;
}

/* Takes @buffer. */
static GstKalturaFrame
make_frame (Input *input, GstBuffer *buffer)
{
  GstKalturaFrame frame = { .track = input->number, .buffer = buffer };
  gint64 due = input->last_end != G_MININT64 ? input->last_end : 0;
  gint64 dts = to_running_time (input, GST_BUFFER_DTS (buffer), G_MININT64);
  frame.pts = to_running_time (input, GST_BUFFER_PTS (buffer), dts != G_MININT64 ? dts : due);
  frame.dts = dts != G_MININT64 && dts < frame.pts && input->kind == GST_KALTURA_MERGE_VIDEO ? dts : frame.pts;
  GstClockTime duration = GST_BUFFER_DURATION_IS_VALID (buffer) ? GST_BUFFER_DURATION (buffer) : input->frame_duration;
  frame.end = frame.pts + (gint64) duration;
  frame.sync = !GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DELTA_UNIT);
  if (input->marked && frame.sync) {
    frame.marked = TRUE;
    input->marked = FALSE;
  }
  input->last_end = frame.end;
  return frame;
}

static GstFlowReturn
gst_kaltura_record_sink_chain (GstPad *pad, GstObject *parent, GstBuffer *buffer)
{
  GstKalturaRecordSink *self = GST_KALTURA_RECORD_SINK (parent);
  Input *input = get_input (pad);
  if (input->eos || !input->have_caps || gst_buffer_get_size (buffer) == 0) {
    GstFlowReturn flow = input->eos ? GST_FLOW_EOS : input->have_caps ? GST_FLOW_OK : GST_FLOW_NOT_NEGOTIATED;
    gst_buffer_unref (buffer);
    return flow;
  }
  GstKalturaFrame frame = make_frame (input, buffer);
  return gst_kaltura_record_thread_push (self->thread, &frame) ? GST_FLOW_OK : GST_FLOW_FLUSHING;
}

static GstClockTime
get_frame_duration (const Input *input, const GstStructure *structure)
{
  gint n = 0, d = 1, rate = 0, version = 4;
  if (input->kind == GST_KALTURA_MERGE_VIDEO) {
    gst_structure_get_fraction (structure, "framerate", &n, &d);
    return n > 0 ? gst_util_uint64_scale (d, GST_SECOND, n) : 0;
  }
  gst_structure_get_int (structure, "rate", &rate);
  gst_structure_get_int (structure, "mpegversion", &version);
  guint samples = version != 1 ? 1024 : rate < 32000 ? 576 : 1152;
  return rate > 0 ? gst_util_uint64_scale (samples, GST_SECOND, rate) : 0;
}

static gboolean
take_caps (GstKalturaRecordSink *self, Input *input, GstCaps *caps)
{
  if (!gst_kaltura_record_track_check_caps (caps)) {
    GST_WARNING_OBJECT (self, "caps without usable codec_data: %" GST_PTR_FORMAT, caps);
    return FALSE;
  }
  GstKalturaFrame frame = { .track = input->number, .caps = gst_caps_ref (caps) };
  input->have_caps = TRUE;
  input->frame_duration = get_frame_duration (input, gst_caps_get_structure (caps, 0));
  gst_kaltura_record_thread_push (self->thread, &frame);
  return TRUE;
}

static void
flush (GstKalturaRecordSink *self, Input *input)
{
  input->eos = input->marked = FALSE;
  input->last_end = G_MININT64;
  gst_segment_init (&input->segment, GST_FORMAT_UNDEFINED);
  gst_kaltura_record_thread_flush_track (self->thread, input->number);
}

static gboolean
gst_kaltura_record_sink_event (GstPad *pad, GstObject *parent, GstEvent *event)
{
  GstKalturaRecordSink *self = GST_KALTURA_RECORD_SINK (parent);
  Input *input = get_input (pad);
  gboolean handled = TRUE;
  switch (GST_EVENT_TYPE (event)) {
    case GST_EVENT_CAPS: {
      GstCaps *caps;
      gst_event_parse_caps (event, &caps);
      handled = take_caps (self, input, caps);
      break;
    }
    case GST_EVENT_SEGMENT:
      gst_event_copy_segment (event, &input->segment);
      break;
    case GST_EVENT_FLUSH_STOP:
      flush (self, input);
      break;
    case GST_EVENT_EOS:
      input->eos = TRUE;
      gst_kaltura_record_thread_end_track (self->thread, input->number);
      break;
    case GST_EVENT_CUSTOM_DOWNSTREAM:
      input->marked |= gst_video_event_is_force_key_unit (event);
      break;
    default:
      break;
  }
  gst_event_unref (event);
  return handled;
}

/* Pads */

static void
reset_input (Input *input)
{
  input->have_caps = input->eos = input->marked = FALSE;
  input->last_end = G_MININT64;
  input->frame_duration = 0;
  gst_segment_init (&input->segment, GST_FORMAT_UNDEFINED);
}

static char *
make_pad_name (GstKalturaRecordSink *self, const char *wanted)
{
  GST_OBJECT_LOCK (self);
  guint number = self->next_audio;
  if (wanted != NULL && g_str_has_prefix (wanted, "audio_")) {
    number = (guint) g_ascii_strtoull (wanted + strlen ("audio_"), NULL, 10);
  }
  self->next_audio = MAX (self->next_audio, number + 1);
  GST_OBJECT_UNLOCK (self);
  return g_strdup_printf ("audio_%u", number);
}

static GstPad *
gst_kaltura_record_sink_request_new_pad (GstElement *element, GstPadTemplate *template, const char *wanted,
    const GstCaps *caps)
{
  GstKalturaRecordSink *self = GST_KALTURA_RECORD_SINK (element);
  gboolean video = g_str_equal (GST_PAD_TEMPLATE_NAME_TEMPLATE (template), "video");
  g_autofree char *name = video ? g_strdup ("video") : make_pad_name (self, wanted);
  g_autoptr (GstPad) there = gst_element_get_static_pad (element, name);
  if (there != NULL) {
    GST_WARNING_OBJECT (self, "there is a pad %s already", name);
    return NULL;
  }
  Input *input = g_new0 (Input, 1);
  input->kind = video ? GST_KALTURA_MERGE_VIDEO : GST_KALTURA_MERGE_AUDIO;
  reset_input (input);
  GstPad *pad = gst_pad_new_from_template (template, name);
  gst_pad_set_element_private (pad, input);
  g_object_set_data_full (G_OBJECT (pad), "input", input, g_free);
  gst_pad_set_chain_function (pad, gst_kaltura_record_sink_chain);
  gst_pad_set_event_function (pad, gst_kaltura_record_sink_event);
  GST_STATE_LOCK (self);
  if (self->thread != NULL) {
    input->number = gst_kaltura_record_thread_add_track (self->thread, input->kind);
    gst_pad_set_active (pad, TRUE);
  }
  gst_element_add_pad (element, pad);
  GST_STATE_UNLOCK (self);
  return pad;
}

static void
gst_kaltura_record_sink_release_pad (GstElement *element, GstPad *pad)
{
  GstKalturaRecordSink *self = GST_KALTURA_RECORD_SINK (element);
  Input *input = get_input (pad);
  gst_pad_set_active (pad, FALSE);
  GST_STATE_LOCK (self);
  if (self->thread != NULL) {
    gst_kaltura_record_thread_end_track (self->thread, input->number);
  }
  gst_element_remove_pad (element, pad);
  GST_STATE_UNLOCK (self);
}

/* State */

static gboolean
find_group (GstKalturaRecordSink *self, const char *name, gid_t *gid)
{
  *gid = GST_KALTURA_NO_GROUP;
  if (name == NULL) {
    return TRUE;
  }
  struct group entry, *found = NULL;
  char buffer[16384];
  if (getgrnam_r (name, &entry, buffer, sizeof buffer, &found) != 0 || found == NULL) {
    GST_ELEMENT_ERROR (self, RESOURCE, SETTINGS, ("There is no group \"%s\" for recordings", name), (NULL));
    return FALSE;
  }
  *gid = entry.gr_gid;
  return TRUE;
}

static gboolean
start (GstKalturaRecordSink *self)
{
  g_autofree char *location = dup_setting (self, &self->location);
  g_autofree char *group = dup_setting (self, &self->group);
  g_autofree char *expanded = location != NULL ? gst_kaltura_file_expand (location, 0) : NULL;
  GstKalturaRecordSettings settings = { .pattern = location };
  if (expanded == NULL) {
    GST_ELEMENT_ERROR (self, RESOURCE, SETTINGS,
        ("The location \"%s\" needs one integer conversion, as in recording-%%05u.mp4", GST_STR_NULL (location)),
        (NULL));
    return FALSE;
  }
  if (!find_group (self, group, &settings.group)) {
    return FALSE;
  }
  g_autofree char *asset_id = dup_setting (self, &self->asset_id);
  g_autofree char *spool = dup_setting (self, &self->spool);
  GST_OBJECT_LOCK (self);
  settings.chunk_duration = self->chunk_duration * GST_SECOND;
  settings.max_wait = self->max_wait;
  settings.min_free = self->min_free;
  g_clear_pointer (&self->ledger, gst_kaltura_ledger_unref);
  self->ledger = gst_kaltura_ledger_new (GST_ELEMENT (self), asset_id, spool, self->session);
  GST_OBJECT_UNLOCK (self);

  GstKalturaRecordThread *thread = gst_kaltura_record_thread_new (&settings, &record_callbacks, GST_OBJECT (self));
  for (GList *item = GST_ELEMENT_PADS (self); item != NULL; item = item->next) {
    Input *input = get_input (item->data);
    reset_input (input);
    input->number = gst_kaltura_record_thread_add_track (thread, input->kind);
  }
  GST_OBJECT_LOCK (self);
  self->thread = thread;
  GST_OBJECT_UNLOCK (self);
  return TRUE;
}

static void
stop (GstKalturaRecordSink *self)
{
  GST_OBJECT_LOCK (self);
  GstKalturaRecordThread *thread = g_steal_pointer (&self->thread);
  GST_OBJECT_UNLOCK (self);
  gst_kaltura_record_thread_stop (thread);
  gst_kaltura_ledger_end (self->ledger);
}

/* Whose recordings these are: from the context, which the application or kalturaauth has given. */
static void
find_session (GstKalturaRecordSink *self)
{
  GST_OBJECT_LOCK (self);
  gboolean needed = self->asset_id != NULL && self->session == NULL;
  GST_OBJECT_UNLOCK (self);
  if (needed) {
    gst_element_post_message (GST_ELEMENT (self),
        gst_message_new_need_context (GST_OBJECT (self), GST_KALTURA_SESSION_CONTEXT));
  }
}

static GstStateChangeReturn
gst_kaltura_record_sink_change_state (GstElement *element, GstStateChange transition)
{
  GstKalturaRecordSink *self = GST_KALTURA_RECORD_SINK (element);
  if (transition == GST_STATE_CHANGE_NULL_TO_READY) {
    find_session (self);
  } else if (transition == GST_STATE_CHANGE_READY_TO_PAUSED && !start (self)) {
    return GST_STATE_CHANGE_FAILURE;
  } else if (transition == GST_STATE_CHANGE_PAUSED_TO_READY) {
    gst_kaltura_record_thread_unblock (self->thread);
  }
  GstStateChangeReturn result =
      GST_ELEMENT_CLASS (gst_kaltura_record_sink_parent_class)->change_state (element, transition);
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY ||
      (transition == GST_STATE_CHANGE_READY_TO_PAUSED && result == GST_STATE_CHANGE_FAILURE)) {
    stop (self);
  }
  return result;
}

static void
gst_kaltura_record_sink_set_context (GstElement *element, GstContext *context)
{
  GstKalturaRecordSink *self = GST_KALTURA_RECORD_SINK (element);
  GstKalturaSession *session = gst_kaltura_session_from_context (context);
  if (session != NULL) {
    GST_OBJECT_LOCK (self);
    g_clear_pointer (&self->session, gst_kaltura_session_free);
    self->session = session;
    if (self->ledger != NULL) {
      gst_kaltura_ledger_set_session (self->ledger, session);
    }
    GST_OBJECT_UNLOCK (self);
  }
  GST_ELEMENT_CLASS (gst_kaltura_record_sink_parent_class)->set_context (element, context);
}

/* Signals */

static void
gst_kaltura_record_sink_split_now (GstKalturaRecordSink *self)
{
  GST_OBJECT_LOCK (self);
  if (self->thread != NULL) {
    gst_kaltura_record_thread_split_now (self->thread);
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_kaltura_record_sink_split_at_running_time (GstKalturaRecordSink *self, guint64 running_time)
{
  GST_OBJECT_LOCK (self);
  if (self->thread != NULL) {
    gst_kaltura_record_thread_split (self->thread, (gint64) MIN (running_time, G_MAXINT64 - 1));
  }
  GST_OBJECT_UNLOCK (self);
}

/* Properties */

static void
set_string (char **setting, const GValue *value)
{
  g_free (*setting);
  *setting = g_value_dup_string (value);
}

static void
gst_kaltura_record_sink_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstKalturaRecordSink *self = GST_KALTURA_RECORD_SINK (object);
  GST_OBJECT_LOCK (self);
  switch (id) {
    case PROP_ASSET_ID:
      set_string (&self->asset_id, value);
      break;
    case PROP_LOCATION:
      set_string (&self->location, value);
      break;
    case PROP_CHUNK_DURATION:
      self->chunk_duration = g_value_get_uint (value);
      break;
    case PROP_GROUP:
      set_string (&self->group, value);
      break;
    case PROP_SPOOL:
      set_string (&self->spool, value);
      break;
    case PROP_MAX_WAIT:
      self->max_wait = g_value_get_uint64 (value);
      break;
    case PROP_MIN_FREE:
      self->min_free = g_value_get_uint64 (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      break;
  }
  GST_OBJECT_UNLOCK (self);
}

/* Object lock. */
static GstStructure *
make_stats (GstKalturaRecordSink *self)
{
  GstKalturaRecordStats stats = { { 0 } };
  if (self->thread != NULL) {
    gst_kaltura_record_thread_get_stats (self->thread, &stats);
  }
  return gst_structure_new ("kaltura-recording-stats", "recordings", G_TYPE_UINT64, stats.recorder.recordings, "bytes",
      G_TYPE_UINT64, stats.recorder.bytes, "faults", G_TYPE_UINT64, stats.recorder.faults, "dropped-frames",
      G_TYPE_UINT64, stats.recorder.dropped + stats.dropped, "held-bytes", G_TYPE_UINT64, (guint64) stats.held,
      "recording", G_TYPE_BOOLEAN, stats.recorder.recording, "stuck", G_TYPE_BOOLEAN, stats.stuck, NULL);
}

static void
gst_kaltura_record_sink_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstKalturaRecordSink *self = GST_KALTURA_RECORD_SINK (object);
  GST_OBJECT_LOCK (self);
  switch (id) {
    case PROP_ASSET_ID:
      g_value_set_string (value, self->asset_id);
      break;
    case PROP_LOCATION:
      g_value_set_string (value, self->location);
      break;
    case PROP_CHUNK_DURATION:
      g_value_set_uint (value, self->chunk_duration);
      break;
    case PROP_GROUP:
      g_value_set_string (value, self->group);
      break;
    case PROP_SPOOL:
      g_value_set_string (value, self->spool);
      break;
    case PROP_MAX_WAIT:
      g_value_set_uint64 (value, self->max_wait);
      break;
    case PROP_MIN_FREE:
      g_value_set_uint64 (value, self->min_free);
      break;
    case PROP_STATS:
      g_value_take_boxed (value, make_stats (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      break;
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_kaltura_record_sink_finalize (GObject *object)
{
  GstKalturaRecordSink *self = GST_KALTURA_RECORD_SINK (object);
  g_free (self->asset_id);
  g_free (self->location);
  g_free (self->group);
  g_free (self->spool);
  g_clear_pointer (&self->session, gst_kaltura_session_free);
  g_clear_pointer (&self->ledger, gst_kaltura_ledger_unref);
  G_OBJECT_CLASS (gst_kaltura_record_sink_parent_class)->finalize (object);
}

static void
install_properties (GObjectClass *object_class)
{
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY;
  properties[PROP_ASSET_ID] = g_param_spec_string ("asset-id", "Asset ID",
      "Live asset at Kaltura that the recordings belong to; empty = they belong to nobody", DEFAULT_ASSET_ID, flags);
  properties[PROP_LOCATION] = g_param_spec_string ("location", "Location",
      "File names of the recordings: a path with one printf conversion for a number, as in /dir/recording-%05u.mp4; "
      "the directory must be there, numbers of files that exist are skipped",
      DEFAULT_LOCATION, flags);
  properties[PROP_CHUNK_DURATION] = g_param_spec_uint ("chunk-duration", "Chunk duration",
      "A new recording begins at the first keyframe at which one is this long, in seconds; 0 = no limit", 0, 7 * 86400,
      DEFAULT_CHUNK_DURATION, flags);
  properties[PROP_GROUP] = g_param_spec_string ("group", "Group",
      "Group of the files, which may then read and write them; empty = that of the process", DEFAULT_GROUP, flags);
  properties[PROP_SPOOL] = g_param_spec_string ("spool", "Spool",
      "Directory for the jobs by which klive-launcher hands recordings over; empty = the element tells Kaltura itself",
      DEFAULT_SPOOL, flags);
  properties[PROP_MAX_WAIT] = g_param_spec_uint64 ("max-wait", "Maximum wait",
      "How long one track is held for another that is silent, in ns of media and of real time; five times that before "
      "its first frame",
      0, 10 * GST_SECOND, DEFAULT_MAX_WAIT, flags);
  properties[PROP_MIN_FREE] = g_param_spec_uint64 ("min-free", "Minimum of free space",
      "Bytes of the disk that recordings leave to others, but at most a 32nd of it: with less a recording ends, and with "
      "less than twice as much none begins; 0 = they may fill it",
      0, G_MAXUINT64 / 2, DEFAULT_MIN_FREE, flags);
  properties[PROP_STATS] = g_param_spec_boxed ("stats", "Statistics",
      "recordings (that have ended), bytes, faults, dropped-frames, held-bytes (guint64); recording, stuck (boolean)",
      GST_TYPE_STRUCTURE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
}

static void
gst_kaltura_record_sink_class_init (GstKalturaRecordSinkClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);

  GST_DEBUG_CATEGORY_INIT (gst_kaltura_record_sink_debug, "kalturarecordsink", 0, "Kaltura recording sink");
  object_class->set_property = gst_kaltura_record_sink_set_property;
  object_class->get_property = gst_kaltura_record_sink_get_property;
  object_class->finalize = gst_kaltura_record_sink_finalize;
  install_properties (object_class);

  /**
   * GstKalturaRecordSink::split-now:
   *
   * A new recording begins at the next keyframe that comes.
   */
  signals[SIGNAL_SPLIT_NOW] =
      g_signal_new_class_handler ("split-now", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST | G_SIGNAL_ACTION,
          G_CALLBACK (gst_kaltura_record_sink_split_now), NULL, NULL, NULL, G_TYPE_NONE, 0);
  /**
   * GstKalturaRecordSink::split-at-running-time:
   * @running_time: ns
   *
   * A new recording begins at the first keyframe at or after @running_time. Give all renditions one that none of them
   * has reached yet, and they split at the same keyframe.
   */
  signals[SIGNAL_SPLIT_AT_RUNNING_TIME] = g_signal_new_class_handler ("split-at-running-time",
      G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST | G_SIGNAL_ACTION,
      G_CALLBACK (gst_kaltura_record_sink_split_at_running_time), NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_UINT64);

  element_class->change_state = gst_kaltura_record_sink_change_state;
  element_class->set_context = gst_kaltura_record_sink_set_context;
  element_class->request_new_pad = gst_kaltura_record_sink_request_new_pad;
  element_class->release_pad = gst_kaltura_record_sink_release_pad;
  gst_element_class_add_static_pad_template (element_class, &video_template);
  gst_element_class_add_static_pad_template (element_class, &audio_template);
  gst_element_class_set_static_metadata (element_class, "Kaltura recording sink", "Sink/Muxer/File",
      "Records to MP4 files that survive a crash", "klive developers");
}

static void
gst_kaltura_record_sink_init (GstKalturaRecordSink *self)
{
  self->location = g_strdup (DEFAULT_LOCATION);
  self->chunk_duration = DEFAULT_CHUNK_DURATION;
  self->max_wait = DEFAULT_MAX_WAIT;
  self->min_free = DEFAULT_MIN_FREE;
  GST_OBJECT_FLAG_SET (self, GST_ELEMENT_FLAG_SINK);
}
