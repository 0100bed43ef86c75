/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * SECTION:element-kalturathin
 * @title: kalturathin
 * @short_description: leaves out frames and keyframe requests in front of an encoder
 *
 * Does what SkipFrameCount and FollowSource of a conversion profile ask for. Of raw video it lets one frame through and
 * leaves out the next #GstKalturaThin:skip-frames, so that the frame rate is divided by one more than that. Counting
 * begins anew at each cut (a GstForceKeyUnit event with all-headers=TRUE, as kalturacut makes them): the frame behind
 * a cut, with which a segment begins in every rendition, is never left out, and all encoders that skip alike get the
 * same frames.
 *
 * Without #GstKalturaThin:follow-keyframes it also takes out the events that only ask for a keyframe where the source
 * has one (all-headers=FALSE): then keyframes come at cuts and after the encoder's own interval.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 videotestsrc num-buffers=60 ! video/x-raw,framerate=30/1 ! kalturathin skip-frames=1 ! \
 *     video/x-raw,framerate=15/1 ! fakesink
 * ]| Every second frame of a test card.
 */
#include "gstkalturathin.h"

#include <gst/video/video-event.h>

GST_DEBUG_CATEGORY_STATIC (gst_kaltura_thin_debug);
#define GST_CAT_DEFAULT gst_kaltura_thin_debug

#define MAX_SKIP 100000

enum { PROP_0, PROP_SKIP_FRAMES, PROP_FOLLOW_KEYFRAMES, N_PROPERTIES };

static GParamSpec *properties[N_PROPERTIES];

static GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE ("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS ("video/x-raw(ANY)"));
static GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE ("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS ("video/x-raw(ANY)"));

struct _GstKalturaThin {
  GstElement parent;
  GstPad *sink, *src;

  guint skip_frames;         /* object lock */
  gboolean follow_keyframes; /* object lock */

  /* streaming thread */
  GstSegment segment;
  guint to_skip;    /* frames to be left out before the next one passes */
  GstClockTime cut; /* running time of a cut whose frame has not come yet; NONE = there is none */
};

G_DEFINE_FINAL_TYPE (GstKalturaThin, gst_kaltura_thin, GST_TYPE_ELEMENT)
GST_ELEMENT_REGISTER_DEFINE (kalturathin, "kalturathin", GST_RANK_NONE, GST_TYPE_KALTURA_THIN)

static guint
get_skip_frames (GstKalturaThin *self)
{
  GST_OBJECT_LOCK (self);
  guint skip_frames = self->skip_frames;
  GST_OBJECT_UNLOCK (self);
  return skip_frames;
}

static void
reset (GstKalturaThin *self)
{
  gst_segment_init (&self->segment, GST_FORMAT_UNDEFINED);
  self->to_skip = 0;
  self->cut = GST_CLOCK_TIME_NONE;
}

/* Frames */

/* Whether @buffer is the frame behind a cut. Elements that look ahead (deinterlace) let the event pass too early. */
static gboolean
begins_segment (GstKalturaThin *self, GstBuffer *buffer)
{
  if (!GST_CLOCK_TIME_IS_VALID (self->cut)) {
    return FALSE;
  }
  GstClockTime time = self->segment.format == GST_FORMAT_TIME
      ? gst_segment_to_running_time (&self->segment, GST_FORMAT_TIME, GST_BUFFER_PTS (buffer))
      : GST_CLOCK_TIME_NONE;
  if (GST_CLOCK_TIME_IS_VALID (time) && time < self->cut) {
    return FALSE;
  }
  self->cut = GST_CLOCK_TIME_NONE;
  return TRUE;
}

static GstFlowReturn
gst_kaltura_thin_chain (GstPad *pad, GstObject *parent, GstBuffer *buffer)
{
  GstKalturaThin *self = GST_KALTURA_THIN (parent);
  if (begins_segment (self, buffer) || self->to_skip == 0) {
    self->to_skip = get_skip_frames (self);
    return gst_pad_push (self->src, buffer);
  }
  self->to_skip--;
  gst_buffer_unref (buffer);
  return GST_FLOW_OK;
}

/* Caps */

static gboolean
push_caps (GstKalturaThin *self, GstEvent *event)
{
  GstCaps *caps;
  gst_event_parse_caps (event, &caps);
  g_autoptr (GstCaps) thinned = gst_caps_copy (caps);
  GstStructure *structure = gst_caps_get_structure (thinned, 0);
  int n, d;
  if (gst_structure_get_fraction (structure, "framerate", &n, &d) && n > 0 &&
      gst_util_fraction_multiply (n, d, 1, (int) get_skip_frames (self) + 1, &n, &d)) {
    gst_structure_set (structure, "framerate", GST_TYPE_FRACTION, n, d, NULL);
  }
  gst_event_unref (event);
  return gst_pad_push_event (self->src, gst_event_new_caps (thinned));
}

static void
open_up_rate (GstCaps *caps)
{
  for (guint i = 0; i < gst_caps_get_size (caps); i++) {
    GstStructure *structure = gst_caps_get_structure (caps, i);
    if (gst_structure_has_field (structure, "framerate")) {
      gst_structure_set (structure, "framerate", GST_TYPE_FRACTION_RANGE, 0, 1, G_MAXINT, 1, NULL);
    }
  }
}

/* What the peer of @other takes; if frames are left out, at any rate: which one is not worth a calculation. */
static void
answer_caps (GstKalturaThin *self, GstPad *other, GstQuery *query)
{
  GstCaps *filter;
  gst_query_parse_caps (query, &filter);
  g_autoptr (GstCaps) template = gst_pad_get_pad_template_caps (other);
  g_autoptr (GstCaps) caps = gst_caps_make_writable (gst_pad_peer_query_caps (other, template));
  if (get_skip_frames (self) > 0) {
    open_up_rate (caps);
  }
  if (filter != NULL) {
    g_autoptr (GstCaps) all = g_steal_pointer (&caps);
    caps = gst_caps_intersect_full (filter, all, GST_CAPS_INTERSECT_FIRST);
  }
  gst_query_set_caps_result (query, caps);
}

static gboolean
gst_kaltura_thin_query (GstPad *pad, GstObject *parent, GstQuery *query)
{
  GstKalturaThin *self = GST_KALTURA_THIN (parent);
  if (GST_QUERY_TYPE (query) == GST_QUERY_CAPS) {
    answer_caps (self, pad == self->sink ? self->src : self->sink, query);
    return TRUE;
  }
  return gst_pad_query_default (pad, parent, query);
}

/* Events */

/* Whether a GstForceKeyUnit event may pass. */
static gboolean
take_request (GstKalturaThin *self, GstEvent *event)
{
  GstClockTime running_time = 0;
  gboolean cut = FALSE;
  gst_video_event_parse_downstream_force_key_unit (event, NULL, NULL, &running_time, &cut, NULL);
  if (cut) {
    self->cut = GST_CLOCK_TIME_IS_VALID (running_time) ? running_time : 0;
    return TRUE;
  }
  GST_OBJECT_LOCK (self);
  gboolean follow = self->follow_keyframes;
  GST_OBJECT_UNLOCK (self);
  return follow;
}

static gboolean
gst_kaltura_thin_event (GstPad *pad, GstObject *parent, GstEvent *event)
{
  GstKalturaThin *self = GST_KALTURA_THIN (parent);
  switch (GST_EVENT_TYPE (event)) {
    case GST_EVENT_CAPS:
      return push_caps (self, event);
    case GST_EVENT_SEGMENT:
      gst_event_copy_segment (event, &self->segment);
      break;
    case GST_EVENT_FLUSH_STOP:
      reset (self);
      break;
    case GST_EVENT_CUSTOM_DOWNSTREAM:
      if (gst_video_event_is_force_key_unit (event) && !take_request (self, event)) {
        gst_event_unref (event);
        return TRUE;
      }
      break;
    default:
      break;
  }
  return gst_pad_event_default (pad, parent, event);
}

static GstStateChangeReturn
gst_kaltura_thin_change_state (GstElement *element, GstStateChange transition)
{
  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED) {
    reset (GST_KALTURA_THIN (element));
  }
  return GST_ELEMENT_CLASS (gst_kaltura_thin_parent_class)->change_state (element, transition);
}

/* Properties */

static void
gst_kaltura_thin_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstKalturaThin *self = GST_KALTURA_THIN (object);
  GST_OBJECT_LOCK (self);
  switch (id) {
    case PROP_SKIP_FRAMES:
      self->skip_frames = g_value_get_uint (value);
      break;
    case PROP_FOLLOW_KEYFRAMES:
      self->follow_keyframes = g_value_get_boolean (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_kaltura_thin_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstKalturaThin *self = GST_KALTURA_THIN (object);
  GST_OBJECT_LOCK (self);
  switch (id) {
    case PROP_SKIP_FRAMES:
      g_value_set_uint (value, self->skip_frames);
      break;
    case PROP_FOLLOW_KEYFRAMES:
      g_value_set_boolean (value, self->follow_keyframes);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_kaltura_thin_class_init (GstKalturaThinClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);

  GST_DEBUG_CATEGORY_INIT (gst_kaltura_thin_debug, "kalturathin", 0, "Kaltura frame skipper");
  object_class->set_property = gst_kaltura_thin_set_property;
  object_class->get_property = gst_kaltura_thin_get_property;
  element_class->change_state = gst_kaltura_thin_change_state;

  properties[PROP_SKIP_FRAMES] =
      g_param_spec_uint ("skip-frames", "Skip frames", "Frames that are left out after each one that passes", 0,
          MAX_SKIP, 0, G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY);
  properties[PROP_FOLLOW_KEYFRAMES] = g_param_spec_boolean ("follow-keyframes", "Follow keyframes",
      "Ask for a keyframe wherever the source has one, not only at cuts", TRUE,
      G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);

  gst_element_class_add_static_pad_template (element_class, &sink_template);
  gst_element_class_add_static_pad_template (element_class, &src_template);
  gst_element_class_set_static_metadata (element_class, "Kaltura frame skipper", "Filter/Video",
      "Leaves out frames and keyframe requests in front of an encoder", "klive developers");
}

static void
gst_kaltura_thin_init (GstKalturaThin *self)
{
  self->follow_keyframes = TRUE;
  self->sink = gst_pad_new_from_static_template (&sink_template, "sink");
  gst_pad_set_chain_function (self->sink, gst_kaltura_thin_chain);
  gst_pad_set_event_function (self->sink, gst_kaltura_thin_event);
  gst_pad_set_query_function (self->sink, gst_kaltura_thin_query);
  GST_PAD_SET_PROXY_ALLOCATION (self->sink);
  gst_element_add_pad (GST_ELEMENT (self), self->sink);
  self->src = gst_pad_new_from_static_template (&src_template, "src");
  gst_pad_set_query_function (self->src, gst_kaltura_thin_query);
  gst_element_add_pad (GST_ELEMENT (self), self->src);
  reset (self);
}
