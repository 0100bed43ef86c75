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
 * The audio stream gets the cut event in front of the first buffer that ends behind the cut. So that this is known,
 * audio waits until video has come as far, but never for video that has been silent for 2 s, and never if both come on
 * one thread: give each track a queue in front. If there is no video, or it has been silent or over for 2 s, audio is
 * cut at the first buffer in each slot.
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

#include <gst/base/gstqueuearray.h>
#include <gst/video/gstvideoencoder.h>
#include <gst/video/video-event.h>

#include "gstkalturasegmentwriter.h"

GST_DEBUG_CATEGORY_STATIC (gst_kaltura_cut_debug);
#define GST_CAT_DEFAULT gst_kaltura_cut_debug

#define DEFAULT_SEGMENT_DURATION (6 * GST_SECOND)
#define DEFAULT_EPOCH -1

/* Video that has not come for this long, in ns of audio and of real time, is silent. */
#define SILENCE (2 * GST_SECOND)
/* Audio waits this long (ns, real time) for video to begin. */
#define START_WAIT (200 * GST_MSECOND)
/* Time that goes back by more (ns) is another timeline. */
#define GONE_BACK (10 * (gint64) GST_SECOND)
/* Cuts that audio has not come to yet; more of them would mean that it is lost. */
#define CUTS_MAX 1024

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
  GstPad *sink, *src;          /* NULL = not requested; lock */
  GstSegment segment;          /* streaming thread of the pad */
  GstClockTime frame_duration; /* ns, by the caps, 0 = not known; streaming thread of the pad */
  gboolean flushing;           /* lock */
} Track;

/* A cut that video has made and audio has yet to follow. */
typedef struct {
  gint64 running_time; /* ns */
  gint64 slot;
} Cut;

struct _GstKalturaCut {
  GstElement parent;

  /* object lock */
  guint64 segment_duration; /* ns */
  gint64 epoch;             /* Unix ns of running time 0, -1 = by the clock */

  GMutex lock;   /* guards the rest; never held across a push */
  GCond changed; /* what audio waits for may have come */
  Track video, audio;

  /*
   * From READY to PAUSED on. Times in ns of running time, NOT_YET = none; clocks in us, monotonic, 0 = none.
   */
  gint64 duration;         /* of a slot, ns */
  gint64 origin;           /* the epoch in use */
  gint64 slot;             /* of the last cut or the first frame */
  gint64 slot_time;        /* of that frame */
  gboolean video_begun;    /* the first keyframe has gone through */
  gboolean video_over;     /* EOS */
  gboolean video_lost;     /* audio has waited in vain, and goes on until video has come as far again */
  GThread *video_thread;   /* on which video came last */
  gint64 video_position;   /* DTS of the last frame */
  gint64 video_clock;      /* when video last came */
  gint64 video_audio_time; /* where audio was then */
  gint64 audio_time;       /* end of the last audio buffer */
  gint64 first_audio_time;
  gint64 first_audio_clock;
  GstQueueArray *cuts;     /* of Cut */
  gboolean encoders_known; /* streaming thread of the video pad */
};

G_DEFINE_FINAL_TYPE (GstKalturaCut, gst_kaltura_cut, GST_TYPE_ELEMENT)
GST_ELEMENT_REGISTER_DEFINE (kalturacut, "kalturacut", GST_RANK_NONE, GST_TYPE_KALTURA_CUT)

/* What to put in front of a buffer. */
typedef enum { EVENT_NONE, EVENT_KEYFRAME, EVENT_CUT } EventKind;

/* Lock. */
static void
reset (GstKalturaCut *self)
{
  self->origin = self->slot = self->video_position = NOT_YET;
  self->video_audio_time = self->audio_time = self->first_audio_time = NOT_YET;
  self->video_begun = self->video_over = self->video_lost = self->encoders_known = FALSE;
  self->video_thread = NULL;
  self->video_clock = self->first_audio_clock = 0;
  gst_queue_array_clear (self->cuts);
  GST_OBJECT_LOCK (self);
  self->duration = self->segment_duration;
  self->origin = self->epoch >= 0 ? self->epoch : NOT_YET;
  GST_OBJECT_UNLOCK (self);
}

/* Lock. Floor division: running times may be negative. */
static gint64
get_slot (GstKalturaCut *self, gint64 running_time)
{
  if (self->origin == NOT_YET) {
    self->origin = g_get_real_time () * 1000 - running_time;
  }
  gint64 time = self->origin + running_time;
  return time >= 0 ? time / self->duration : -((-time + self->duration - 1) / self->duration);
}

/* Lock. Whether a cut is due at @running_time; if so it is made. */
static gboolean
enter_slot (GstKalturaCut *self, gint64 running_time)
{
  gint64 slot = get_slot (self, running_time);
  gboolean first = self->slot == NOT_YET;
  if (!first && slot <= self->slot && running_time >= self->slot_time - GONE_BACK) {
    return FALSE;
  }
  self->slot = slot;
  self->slot_time = running_time;
  return !first;
}

/* Lock. */
static EventKind
decide_video (GstKalturaCut *self, GstBuffer *buffer, gint64 running_time)
{
  self->video_clock = g_get_monotonic_time ();
  self->video_audio_time = self->audio_time;
  if (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DELTA_UNIT)) {
    return EVENT_NONE;
  }
  gboolean due = enter_slot (self, running_time);
  if (due && gst_queue_array_get_length (self->cuts) < CUTS_MAX) {
    Cut cut = { running_time, self->slot };
    gst_queue_array_push_tail_struct (self->cuts, &cut);
  }
  gboolean begun = self->video_begun;
  self->video_begun = TRUE;
  return !begun ? EVENT_NONE : due ? EVENT_CUT : EVENT_KEYFRAME;
}

/* Lock. Whether audio is on its own. */
static gboolean
is_video_silent (const GstKalturaCut *self)
{
  if (self->video.sink == NULL) {
    return TRUE;
  }
  if (self->video_over) { /* a tail of audio needs no segment of its own */
    return self->video_position == NOT_YET || self->audio_time - self->video_position > (gint64) SILENCE;
  }
  gint64 since = self->video_audio_time != NOT_YET ? self->video_audio_time : self->first_audio_time;
  gint64 clock = self->video_clock != 0 ? self->video_clock : self->first_audio_clock;
  return self->audio_time - since > (gint64) SILENCE &&
      (g_get_monotonic_time () - clock) * GST_USECOND > (gint64) SILENCE;
}

/* Lock. The clock time (us) until which audio that ends at @end has to wait for video, 0 = it need not. */
static gint64
get_audio_deadline (const GstKalturaCut *self, gint64 end)
{
  if (self->video.sink == NULL || self->video_over || self->video_lost || self->video_thread == g_thread_self ()) {
    return 0;
  }
  if (self->video_position == NOT_YET) {
    return self->first_audio_clock + START_WAIT / GST_USECOND;
  }
  return end > self->video_position ? self->video_clock + SILENCE / GST_USECOND : 0;
}

/* Lock. FALSE = the pad is flushing. */
static gboolean
wait_for_video (GstKalturaCut *self, gint64 end)
{
  gint64 latest = g_get_monotonic_time () + SILENCE / GST_USECOND;
  while (!self->audio.flushing) {
    gint64 deadline = MIN (get_audio_deadline (self, end), latest);
    if (deadline <= g_get_monotonic_time ()) {
      self->video_lost |= deadline != 0 && self->video_position != NOT_YET;
      return TRUE;
    }
    g_cond_wait_until (&self->changed, &self->lock, deadline);
  }
  return FALSE;
}

/* Lock. */
static EventKind
decide_audio (GstKalturaCut *self, gint64 start, gint64 end, gint64 *slot)
{
  EventKind kind = EVENT_NONE;
  const Cut *cut;
  self->audio_time = end;
  while ((cut = gst_queue_array_peek_head_struct (self->cuts)) != NULL && end > cut->running_time) {
    *slot = cut->slot;
    kind = EVENT_CUT;
    gst_queue_array_pop_head_struct (self->cuts);
  }
  if (kind == EVENT_NONE && is_video_silent (self) && enter_slot (self, start)) {
    *slot = self->slot;
    kind = EVENT_CUT;
  }
  return kind;
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

static void
push_decided (GstPad *sink, Track *track, EventKind kind, GstBuffer *buffer, gint64 running_time, gint64 slot)
{
  if (kind != EVENT_NONE) {
    GST_DEBUG_OBJECT (sink, "%s at running time %" GST_STIME_FORMAT, kind == EVENT_CUT ? "cut" : "keyframe",
        GST_STIME_ARGS (running_time));
    gst_pad_push_event (track->src, make_event (track, kind, buffer, running_time, slot));
  }
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
  Track *track = &self->video;
  gint64 running_time, position;
  if (!self->encoders_known) {
    keep_encoders_in_time (track->src);
    self->encoders_known = TRUE;
  }
  if (!get_running_time (track, GST_BUFFER_PTS (buffer), &running_time)) {
    return gst_pad_push (track->src, buffer);
  }
  if (!get_running_time (track, GST_BUFFER_DTS (buffer), &position)) {
    position = running_time;
  }
  g_mutex_lock (&self->lock);
  EventKind kind = decide_video (self, buffer, running_time);
  gint64 slot = self->slot;
  self->video_thread = g_thread_self ();
  self->video_position = position;
  self->video_lost &= position < self->audio_time;
  g_cond_signal (&self->changed);
  g_mutex_unlock (&self->lock);
  push_decided (pad, track, kind, buffer, running_time, slot);
  return gst_pad_push (track->src, buffer);
}

static GstFlowReturn
gst_kaltura_cut_chain_audio (GstPad *pad, GstObject *parent, GstBuffer *buffer)
{
  GstKalturaCut *self = GST_KALTURA_CUT (parent);
  Track *track = &self->audio;
  gint64 running_time;
  gint64 slot = 0;
  if (!get_running_time (track, GST_BUFFER_PTS (buffer), &running_time)) {
    return gst_pad_push (track->src, buffer);
  }
  GstClockTime duration = GST_BUFFER_DURATION_IS_VALID (buffer) ? GST_BUFFER_DURATION (buffer) : track->frame_duration;
  gint64 end = running_time + (gint64) duration;
  g_mutex_lock (&self->lock);
  if (self->first_audio_clock == 0) {
    self->first_audio_clock = g_get_monotonic_time ();
    self->first_audio_time = running_time;
  }
  gboolean flushing = !wait_for_video (self, end);
  EventKind kind = flushing ? EVENT_NONE : decide_audio (self, running_time, end, &slot);
  g_mutex_unlock (&self->lock);
  if (flushing) {
    gst_buffer_unref (buffer);
    return GST_FLOW_FLUSHING;
  }
  push_decided (pad, track, kind, buffer, running_time, slot);
  return gst_pad_push (track->src, buffer);
}

static void
take_caps (Track *track, GstEvent *event)
{
  GstCaps *caps;
  gst_event_parse_caps (event, &caps);
  track->frame_duration = 0;
  if (gst_structure_has_name (gst_caps_get_structure (caps, 0), "audio/mpeg")) {
    gst_kaltura_segment_writer_check_caps (caps, &track->frame_duration);
  }
}

/* Lock. A stream that has been flushed, or is over. */
static void
take_video_event (GstKalturaCut *self, GstEventType type)
{
  if (type == GST_EVENT_EOS || type == GST_EVENT_FLUSH_STOP) {
    self->video_over = type == GST_EVENT_EOS;
    self->video_begun = FALSE;
  }
}

static gboolean
gst_kaltura_cut_sink_event (GstPad *pad, GstObject *parent, GstEvent *event)
{
  GstKalturaCut *self = GST_KALTURA_CUT (parent);
  gboolean video = pad == self->video.sink;
  Track *track = video ? &self->video : &self->audio;
  GstEventType type = GST_EVENT_TYPE (event);
  if (type == GST_EVENT_SEGMENT) {
    gst_event_copy_segment (event, &track->segment);
  } else if (type == GST_EVENT_CAPS) {
    take_caps (track, event);
  } else if (type == GST_EVENT_EOS || type == GST_EVENT_FLUSH_START || type == GST_EVENT_FLUSH_STOP) {
    g_mutex_lock (&self->lock);
    track->flushing = type == GST_EVENT_FLUSH_START;
    if (video) {
      take_video_event (self, type);
    }
    g_cond_broadcast (&self->changed);
    g_mutex_unlock (&self->lock);
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
  g_mutex_lock (&self->lock);
  GstPad *partner = pad == self->video.sink ? self->video.src
      : pad == self->video.src              ? self->video.sink
      : pad == self->audio.sink             ? self->audio.src
                                            : self->audio.sink;
  GValue value = G_VALUE_INIT;
  g_value_init (&value, GST_TYPE_PAD);
  g_value_set_object (&value, partner);
  g_mutex_unlock (&self->lock);
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

  g_mutex_lock (&self->lock);
  track->sink = sink;
  track->src = src;
  track->flushing = FALSE;
  g_mutex_unlock (&self->lock);
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
  g_mutex_lock (&self->lock);
  track->flushing = TRUE;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
  gst_pad_set_active (pad, FALSE);
  gst_pad_set_active (src, FALSE);
  g_mutex_lock (&self->lock);
  track->sink = track->src = NULL;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
  gst_element_remove_pad (element, src);
  gst_element_remove_pad (element, pad);
}

static void
set_flushing (GstKalturaCut *self, gboolean flushing)
{
  g_mutex_lock (&self->lock);
  if (!flushing) {
    reset (self);
  }
  self->video.flushing = self->audio.flushing = flushing;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
}

static GstStateChangeReturn
gst_kaltura_cut_change_state (GstElement *element, GstStateChange transition)
{
  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED || transition == GST_STATE_CHANGE_PAUSED_TO_READY) {
    set_flushing (GST_KALTURA_CUT (element), transition == GST_STATE_CHANGE_PAUSED_TO_READY);
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
gst_kaltura_cut_finalize (GObject *object)
{
  GstKalturaCut *self = GST_KALTURA_CUT (object);
  gst_queue_array_free (self->cuts);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->changed);
  G_OBJECT_CLASS (gst_kaltura_cut_parent_class)->finalize (object);
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
  object_class->finalize = gst_kaltura_cut_finalize;

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
  self->cuts = gst_queue_array_new_for_struct (sizeof (Cut), 16);
  g_mutex_init (&self->lock);
  g_cond_init (&self->changed);
  reset (self);
}
