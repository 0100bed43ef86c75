/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * SECTION:element-kalturacut
 * @title: kalturacut
 * @short_description: decides once where the segments of every rendition end
 *
 * Stands in front of the tees that feed the renditions of a stream and lets everything through. Time is divided into
 * slots of #GstKalturaCut:segment-duration, counted from the Unix epoch. At the first source keyframe in each new slot
 * it puts a downstream GstForceKeyUnit event with all-headers=TRUE and the slot (its low 32 bits) as count in front of
 * the frame: a cut. The event runs through passthrough branches as it is, and through decoders and encoders as
 * a forced keyframe, so that every kalturahlssink cuts at the same frame. In front of every other source keyframe it
 * sends the event with all-headers=FALSE and count 0: encoders follow the source's keyframes, sinks do not cut.
 * The first keyframe gets no event: it begins the first segment anyway.
 *
 * The audio stream gets the cut event in front of the first buffer that ends behind the cut. If there is no video, or
 * it has been silent for 2 s, audio is cut at the first buffer in each slot.
 *
 * Several ingests of a broadcast, the next session and another machine agree on slots without talking, if
 * #GstKalturaCut:epoch is the same timeline.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 -e kalturacut name=cut segment-duration=2000000000 \
 *     kalturahlssink name=source location=/tmp/source-%05u.ts \
 *     kalturahlssink name=encoded location=/tmp/encoded-%05u.ts \
 *     videotestsrc num-buffers=300 ! x264enc key-int-max=30 ! cut.video cut.src_video ! tee name=v \
 *     v. ! queue ! source.video \
 *     v. ! queue ! avdec_h264 ! x264enc key-int-max=600 ! encoded.video
 * ]| A test card, once as it is and once encoded again, cut at the same frames.
 */
#include "gstkalturacut.h"

#include <gst/video/gstvideoencoder.h>
#include <gst/video/video-event.h>

GST_DEBUG_CATEGORY_STATIC (gst_kaltura_cut_debug);
#define GST_CAT_DEFAULT gst_kaltura_cut_debug

#define DEFAULT_SEGMENT_DURATION (6 * GST_SECOND)
#define DEFAULT_EPOCH -1

/* Video that has not come for this long, in ns of audio and of real time, is silent. */
#define SILENCE (2 * GST_SECOND)

#define NOT_YET G_MININT64

enum { PROP_0, PROP_SEGMENT_DURATION, PROP_EPOCH, N_PROPERTIES };

static GParamSpec *properties[N_PROPERTIES];

static GstStaticPadTemplate video_template =
    GST_STATIC_PAD_TEMPLATE ("video", GST_PAD_SINK, GST_PAD_REQUEST, GST_STATIC_CAPS_ANY);
static GstStaticPadTemplate audio_template =
    GST_STATIC_PAD_TEMPLATE ("audio", GST_PAD_SINK, GST_PAD_REQUEST, GST_STATIC_CAPS_ANY);
static GstStaticPadTemplate src_video_template =
    GST_STATIC_PAD_TEMPLATE ("src_video", GST_PAD_SRC, GST_PAD_SOMETIMES, GST_STATIC_CAPS_ANY);
static GstStaticPadTemplate src_audio_template =
    GST_STATIC_PAD_TEMPLATE ("src_audio", GST_PAD_SRC, GST_PAD_SOMETIMES, GST_STATIC_CAPS_ANY);

typedef struct {
  GstPad *sink, *src; /* NULL = not requested; object lock */
  GstSegment segment; /* streaming thread of the pad */
} Track;

struct _GstKalturaCut {
  GstElement parent;

  /* object lock */
  Track video, audio;
  guint64 segment_duration; /* ns */
  gint64 epoch;             /* Unix ns of running time 0, -1 = by the clock */

  /* object lock; the state of one stream, from READY to PAUSED on */
  gint64 origin;        /* the epoch in use, NOT_YET = no buffer yet */
  gint64 slot;          /* of the last cut or the first frame, NOT_YET = neither */
  gboolean video_begun; /* the first keyframe has gone through */
  gboolean video_over;
  gint64 video_time;       /* us, monotonic, when video last came; 0 = not yet */
  gint64 video_audio_time; /* ns: where audio was then, NOT_YET = nowhere */
  gint64 audio_time;       /* ns: end of the last audio buffer, NOT_YET = none */
  gint64 first_audio_time; /* us, monotonic, 0 = not yet */
  gint64 first_audio;      /* ns */
  gint64 pending;          /* running time of a cut that audio has not had, NOT_YET = none */
  gint64 pending_slot;
  gboolean encoders_known; /* streaming thread of the video pad */
};

G_DEFINE_FINAL_TYPE (GstKalturaCut, gst_kaltura_cut, GST_TYPE_ELEMENT)
GST_ELEMENT_REGISTER_DEFINE (kalturacut, "kalturacut", GST_RANK_NONE, GST_TYPE_KALTURA_CUT)

/* What to put in front of a buffer. */
typedef enum { EVENT_NONE, EVENT_KEYFRAME, EVENT_CUT } EventKind;

static void
reset (GstKalturaCut *self)
{
  self->origin = self->slot = self->video_audio_time = self->audio_time = self->first_audio = self->pending = NOT_YET;
  self->video_begun = self->video_over = self->encoders_known = FALSE;
  self->video_time = self->first_audio_time = 0;
}

/* Floor division: running times may be negative. */
static gint64
get_slot (GstKalturaCut *self, gint64 running_time)
{
  if (self->origin == NOT_YET) {
    self->origin = self->epoch >= 0 ? self->epoch : g_get_real_time () * 1000 - running_time;
  }
  gint64 time = self->origin + running_time;
  gint64 duration = self->segment_duration;
  return time >= 0 ? time / duration : -((-time + duration - 1) / duration);
}

/* Whether a cut is due at @running_time; if so it is made. */
static gboolean
enter_slot (GstKalturaCut *self, gint64 running_time)
{
  gint64 slot = get_slot (self, running_time);
  gboolean first = self->slot == NOT_YET;
  if (!first && slot <= self->slot) {
    return FALSE;
  }
  self->slot = slot;
  return !first;
}

/* Object lock. */
static EventKind
decide_video (GstKalturaCut *self, GstBuffer *buffer, gint64 running_time)
{
  self->video_time = g_get_monotonic_time ();
  self->video_audio_time = self->audio_time;
  if (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DELTA_UNIT)) {
    return EVENT_NONE;
  }
  gboolean cut = enter_slot (self, running_time);
  gboolean begun = self->video_begun;
  self->video_begun = TRUE;
  if (cut) {
    self->pending = running_time;
    self->pending_slot = self->slot;
  }
  return !begun ? EVENT_NONE : cut ? EVENT_CUT : EVENT_KEYFRAME;
}

/* Object lock. Whether audio is on its own. The last audio of a stream that ends is not: it stays with its video. */
static gboolean
is_video_silent (GstKalturaCut *self)
{
  if (self->video.sink == NULL) {
    return TRUE;
  }
  gint64 since = self->video_audio_time != NOT_YET ? self->video_audio_time : self->first_audio;
  gint64 time = self->video_time != 0 ? self->video_time : self->first_audio_time;
  return self->audio_time - since > SILENCE &&
      (self->video_over || (g_get_monotonic_time () - time) * GST_USECOND > SILENCE);
}

/* Object lock. */
static EventKind
decide_audio (GstKalturaCut *self, gint64 start, gint64 end)
{
  if (self->first_audio_time == 0) {
    self->first_audio_time = g_get_monotonic_time ();
    self->first_audio = start;
  }
  self->audio_time = end;
  if (self->pending != NOT_YET) {
    if (end <= self->pending) {
      return EVENT_NONE;
    }
    self->pending = NOT_YET;
    return EVENT_CUT;
  }
  if (!is_video_silent (self)) {
    return EVENT_NONE;
  }
  if (enter_slot (self, start)) {
    self->pending_slot = self->slot;
    return EVENT_CUT;
  }
  return EVENT_NONE;
}

/* FALSE = the buffer has no time, or none of this segment. */
static gboolean
get_running_time (const Track *track, GstClockTime timestamp, gint64 *running_time)
{
  guint64 time;
  if (!GST_CLOCK_TIME_IS_VALID (timestamp) || track->segment.format != GST_FORMAT_TIME) {
    return FALSE;
  }
  int sign = gst_segment_to_running_time_full (&track->segment, GST_FORMAT_TIME, timestamp, &time);
  *running_time = sign * (gint64) time;
  return sign != 0;
}

static GstEvent *
make_event (const Track *track, EventKind kind, GstBuffer *buffer, gint64 running_time, gint64 slot)
{
  GstClockTime timestamp = GST_BUFFER_PTS (buffer);
  GstClockTime stream_time = gst_segment_to_stream_time (&track->segment, GST_FORMAT_TIME, timestamp);
  return gst_video_event_new_downstream_force_key_unit (timestamp, stream_time, MAX (running_time, 0),
      kind == EVENT_CUT, kind == EVENT_CUT ? (guint) (slot & 0xffffffff) : 0);
}

static void keep_encoders_in_time (GstPad *pad);

static void
keep_branch_in_time (const GValue *pad, gpointer user_data)
{
  keep_encoders_in_time (g_value_get_object (pad));
}

/*
 * Goes to the encoders behind @pad. Some of them (x264enc by 1000 h) shift their timestamps so that no DTS is negative.
 * Until the first frame has come out, which takes x264's lookahead, GStreamer 1.22 compares the running time of events
 * with shifted timestamps: an event in that time is followed, and every later one refused. So the shift is taken off
 * before the first frame.
 */
static void
keep_encoders_in_time (GstPad *pad)
{
  g_autoptr (GstPad) peer = gst_pad_get_peer (pad);
  g_autoptr (GstElement) element = peer != NULL ? gst_pad_get_parent_element (peer) : NULL;
  if (element == NULL) {
    return;
  }
  if (GST_IS_VIDEO_ENCODER (element)) {
    gst_video_encoder_set_min_pts (GST_VIDEO_ENCODER (element), GST_CLOCK_TIME_NONE);
    return;
  }
  GstIterator *pads = gst_element_iterate_src_pads (element);
  while (gst_iterator_foreach (pads, keep_branch_in_time, NULL) == GST_ITERATOR_RESYNC) {
    gst_iterator_resync (pads);
  }
  gst_iterator_free (pads);
}

static GstFlowReturn
gst_kaltura_cut_chain_video (GstPad *pad, GstObject *parent, GstBuffer *buffer)
{
  GstKalturaCut *self = GST_KALTURA_CUT (parent);
  gint64 running_time;
  EventKind kind = EVENT_NONE;
  gint64 slot = 0;
  if (!self->encoders_known) {
    keep_encoders_in_time (self->video.src);
    self->encoders_known = TRUE;
  }
  if (get_running_time (&self->video, GST_BUFFER_PTS (buffer), &running_time)) {
    GST_OBJECT_LOCK (self);
    kind = decide_video (self, buffer, running_time);
    slot = self->slot;
    GST_OBJECT_UNLOCK (self);
  }
  if (kind != EVENT_NONE) {
    GST_DEBUG_OBJECT (pad, "%s at running time %" GST_STIME_FORMAT, kind == EVENT_CUT ? "cut" : "keyframe",
        GST_STIME_ARGS (running_time));
    gst_pad_push_event (self->video.src, make_event (&self->video, kind, buffer, running_time, slot));
  }
  return gst_pad_push (self->video.src, buffer);
}

static GstFlowReturn
gst_kaltura_cut_chain_audio (GstPad *pad, GstObject *parent, GstBuffer *buffer)
{
  GstKalturaCut *self = GST_KALTURA_CUT (parent);
  gint64 running_time;
  EventKind kind = EVENT_NONE;
  gint64 slot = 0;
  if (get_running_time (&self->audio, GST_BUFFER_PTS (buffer), &running_time)) {
    gint64 duration = GST_BUFFER_DURATION_IS_VALID (buffer) ? (gint64) GST_BUFFER_DURATION (buffer) : 0;
    GST_OBJECT_LOCK (self);
    kind = decide_audio (self, running_time, running_time + duration);
    slot = self->pending_slot;
    GST_OBJECT_UNLOCK (self);
  }
  if (kind != EVENT_NONE) {
    GST_DEBUG_OBJECT (pad, "cut at running time %" GST_STIME_FORMAT, GST_STIME_ARGS (running_time));
    gst_pad_push_event (self->audio.src, make_event (&self->audio, kind, buffer, running_time, slot));
  }
  return gst_pad_push (self->audio.src, buffer);
}

static gboolean
gst_kaltura_cut_sink_event (GstPad *pad, GstObject *parent, GstEvent *event)
{
  GstKalturaCut *self = GST_KALTURA_CUT (parent);
  Track *track = pad == self->video.sink ? &self->video : &self->audio;
  switch (GST_EVENT_TYPE (event)) {
    case GST_EVENT_SEGMENT:
      gst_event_copy_segment (event, &track->segment);
      break;
    case GST_EVENT_EOS:
    case GST_EVENT_FLUSH_STOP:
      GST_OBJECT_LOCK (self);
      if (track == &self->video) {
        self->video_over = GST_EVENT_TYPE (event) == GST_EVENT_EOS;
        self->video_begun = FALSE;
      }
      GST_OBJECT_UNLOCK (self);
      break;
    default:
      break;
  }
  return gst_pad_push_event (track->src, event);
}

static gboolean
gst_kaltura_cut_src_event (GstPad *pad, GstObject *parent, GstEvent *event)
{
  GstKalturaCut *self = GST_KALTURA_CUT (parent);
  return gst_pad_push_event (pad == self->video.src ? self->video.sink : self->audio.sink, event);
}

/* A query, an internal link: each pad has to do with its partner only. */
static GstIterator *
gst_kaltura_cut_iterate_links (GstPad *pad, GstObject *parent)
{
  GstKalturaCut *self = GST_KALTURA_CUT (parent);
  GST_OBJECT_LOCK (self);
  GstPad *partner = pad == self->video.sink ? self->video.src
      : pad == self->video.src              ? self->video.sink
      : pad == self->audio.sink             ? self->audio.src
                                            : self->audio.sink;
  GValue value = G_VALUE_INIT;
  g_value_init (&value, GST_TYPE_PAD);
  g_value_set_object (&value, partner);
  GST_OBJECT_UNLOCK (self);
  GstIterator *iterator = gst_iterator_new_single (GST_TYPE_PAD, &value);
  g_value_unset (&value);
  return iterator;
}

static GstPad *
add_pad (GstKalturaCut *self, GstStaticPadTemplate *template)
{
  GstPad *pad = gst_pad_new_from_static_template (template, template->name_template);
  gst_pad_set_iterate_internal_links_function (pad, gst_kaltura_cut_iterate_links);
  GST_PAD_SET_PROXY_CAPS (pad);
  GST_PAD_SET_PROXY_ALLOCATION (pad);
  GST_PAD_SET_PROXY_SCHEDULING (pad);
  return pad;
}

static GstPad *
gst_kaltura_cut_request_new_pad (GstElement *element, GstPadTemplate *template, const char *name, const GstCaps *caps)
{
  GstKalturaCut *self = GST_KALTURA_CUT (element);
  gboolean video = g_str_equal (GST_PAD_TEMPLATE_NAME_TEMPLATE (template), "video");
  Track *track = video ? &self->video : &self->audio;
  if (track->sink != NULL) {
    GST_WARNING_OBJECT (self, "there is one %s pad only", video ? "video" : "audio");
    return NULL;
  }
  GstPad *src = add_pad (self, video ? &src_video_template : &src_audio_template);
  GstPad *sink = add_pad (self, video ? &video_template : &audio_template);
  gst_pad_set_chain_function (sink, video ? gst_kaltura_cut_chain_video : gst_kaltura_cut_chain_audio);
  gst_pad_set_event_function (sink, gst_kaltura_cut_sink_event);
  gst_pad_set_event_function (src, gst_kaltura_cut_src_event);
  gst_segment_init (&track->segment, GST_FORMAT_UNDEFINED);

  GST_OBJECT_LOCK (self);
  track->sink = sink;
  track->src = src;
  GST_OBJECT_UNLOCK (self);
  gboolean active = GST_STATE (self) > GST_STATE_READY;
  gst_pad_set_active (src, active);
  gst_pad_set_active (sink, active);
  gst_element_add_pad (element, src);
  gst_element_add_pad (element, sink);
  return sink;
}

static void
gst_kaltura_cut_release_pad (GstElement *element, GstPad *pad)
{
  GstKalturaCut *self = GST_KALTURA_CUT (element);
  Track *track = pad == self->video.sink ? &self->video : &self->audio;
  GstPad *src = track->src;
  gst_pad_set_active (pad, FALSE);
  gst_pad_set_active (src, FALSE);
  GST_OBJECT_LOCK (self);
  track->sink = track->src = NULL;
  GST_OBJECT_UNLOCK (self);
  gst_element_remove_pad (element, src);
  gst_element_remove_pad (element, pad);
}

static GstStateChangeReturn
gst_kaltura_cut_change_state (GstElement *element, GstStateChange transition)
{
  GstKalturaCut *self = GST_KALTURA_CUT (element);
  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED) {
    GST_OBJECT_LOCK (self);
    reset (self);
    GST_OBJECT_UNLOCK (self);
  }
  return GST_ELEMENT_CLASS (gst_kaltura_cut_parent_class)->change_state (element, transition);
}

static void
gst_kaltura_cut_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstKalturaCut *self = GST_KALTURA_CUT (object);
  GST_OBJECT_LOCK (self);
  switch (id) {
    case PROP_SEGMENT_DURATION:
      self->segment_duration = g_value_get_uint64 (value);
      break;
    case PROP_EPOCH:
      self->epoch = g_value_get_int64 (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      break;
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_kaltura_cut_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstKalturaCut *self = GST_KALTURA_CUT (object);
  GST_OBJECT_LOCK (self);
  switch (id) {
    case PROP_SEGMENT_DURATION:
      g_value_set_uint64 (value, self->segment_duration);
      break;
    case PROP_EPOCH:
      g_value_set_int64 (value, self->epoch);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      break;
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_kaltura_cut_class_init (GstKalturaCutClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY;

  GST_DEBUG_CATEGORY_INIT (gst_kaltura_cut_debug, "kalturacut", 0, "Kaltura segment cuts");
  object_class->set_property = gst_kaltura_cut_set_property;
  object_class->get_property = gst_kaltura_cut_get_property;

  properties[PROP_SEGMENT_DURATION] = g_param_spec_uint64 ("segment-duration", "Segment duration",
      "Length of a slot, in ns; a segment begins at the first keyframe in each", GST_SECOND / 10, 3600 * GST_SECOND,
      DEFAULT_SEGMENT_DURATION, flags);
  properties[PROP_EPOCH] = g_param_spec_int64 ("epoch", "Epoch",
      "Unix time at running time 0, in ns; -1 = by the system clock at the first buffer", -1, G_MAXINT64, DEFAULT_EPOCH,
      flags);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);

  element_class->change_state = gst_kaltura_cut_change_state;
  element_class->request_new_pad = gst_kaltura_cut_request_new_pad;
  element_class->release_pad = gst_kaltura_cut_release_pad;
  gst_element_class_add_static_pad_template (element_class, &video_template);
  gst_element_class_add_static_pad_template (element_class, &audio_template);
  gst_element_class_add_static_pad_template (element_class, &src_video_template);
  gst_element_class_add_static_pad_template (element_class, &src_audio_template);
  gst_element_class_set_static_metadata (element_class, "Kaltura segment cuts", "Generic",
      "Decides at which source keyframes all renditions are cut", "klive developers");
}

static void
gst_kaltura_cut_init (GstKalturaCut *self)
{
  self->segment_duration = DEFAULT_SEGMENT_DURATION;
  self->epoch = DEFAULT_EPOCH;
  reset (self);
}
