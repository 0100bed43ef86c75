/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The deciding half of kalturahlssink: puts the frames of a video and an audio track into one order and says where a
 * segment ends. Made by kalturahlssink; runs on the streaming threads of its two pads, under one lock.
 *
 * Each pad has a queue. A frame is written once it is known that no frame of the other track belongs before it: when
 * the other queue has a later one, or the other track has already come that far, or is over, or has been silent for
 * max-wait. A frame that waits keeps nobody waiting: the chain functions always return at once, so no thread, no timer
 * and no condition is needed, and a track that stops cannot stop the other.
 *
 * Segments begin with a video keyframe that a cut event came before. Audio frames that end at or before that
 * keyframe's PTS stay in the old segment, those that end behind it open the new one. This rule depends on timestamps
 * alone, so every rendition of a stream is cut at the same place.
 */
#include "gstkalturasegmenter.h"

#include <gst/video/video-event.h>

GST_DEBUG_CATEGORY_STATIC (gst_kaltura_segmenter_debug);
#define GST_CAT_DEFAULT gst_kaltura_segmenter_debug

/* A segment that ends this little (ns) before the target duration is long enough. */
#define TARGET_TOLERANCE (10 * GST_MSECOND)

/* How long (ns) audio goes on in a segment that video has begun, before it is cut by duration alone. */
#define AUDIO_TAIL (2 * (gint64) GST_SECOND)

/* A hole (ns) larger than this between two segments, or time that goes back, is not part of the first. */
#define GAP_MAX (10 * (gint64) GST_SECOND)

struct _GstKalturaSegmenter {
  GstElement parent;

  GMutex lock; /* guards all below; held while segments are written, never across a push or a wait */
  GstKalturaSegmentWriter *writer;
  GstKalturaTrack tracks[GST_KALTURA_N_TRACKS];
  GstClockTime target;   /* ns */
  GstClockTime max_wait; /* ns */
  guint audio_cut_count; /* of the event by which audio alone made the last cut, 0 = it did not */
  gboolean video_begun;  /* a keyframe has been written */
  gboolean has_video;    /* the open segment has a video frame */
  gint64 last_end;       /* ns, latest end of the frames in the open segment */
  gboolean eos_posted;
};

G_DEFINE_FINAL_TYPE (GstKalturaSegmenter, gst_kaltura_segmenter, GST_TYPE_ELEMENT)

static GstStaticPadTemplate video_template = GST_STATIC_PAD_TEMPLATE ("video", GST_PAD_SINK, GST_PAD_REQUEST,
    GST_STATIC_CAPS (GST_KALTURA_SEGMENTER_VIDEO_CAPS));
static GstStaticPadTemplate audio_template = GST_STATIC_PAD_TEMPLATE ("audio", GST_PAD_SINK, GST_PAD_REQUEST,
    GST_STATIC_CAPS (GST_KALTURA_SEGMENTER_AUDIO_CAPS));

static GstKalturaTrack *
get_track (GstKalturaSegmenter *self, GstPad *pad)
{
  return &self->tracks[GPOINTER_TO_INT (gst_pad_get_element_private (pad))];
}

static GstKalturaTrack *
get_other (GstKalturaSegmenter *self, GstKalturaTrack *track)
{
  return track == &self->tracks[GST_KALTURA_TRACK_VIDEO] ? &self->tracks[GST_KALTURA_TRACK_AUDIO]
                                                         : &self->tracks[GST_KALTURA_TRACK_VIDEO];
}

/* Order and cuts */

static gboolean
is_long_enough (const GstKalturaSegmenter *self, gint64 running_time)
{
  return self->target > 0 &&
      running_time - gst_kaltura_segment_writer_get_start (self->writer) >= (gint64) (self->target - TARGET_TOLERANCE);
}

/* Whether a new segment begins with this video frame. */
static gboolean
is_video_cut (const GstKalturaSegmenter *self, const GstKalturaItem *item)
{
  if (!gst_kaltura_item_is_key (item)) {
    return FALSE;
  }
  if (!gst_kaltura_segment_writer_is_open (self->writer) || !self->video_begun) {
    return TRUE;
  }
  /* Audio alone has made this cut already, while video was late. */
  gboolean made = self->audio_cut_count != 0 && item->count == self->audio_cut_count;
  return (item->cut && !made) || is_long_enough (self, item->pts);
}

/* The same for audio, which decides only where there is no video. */
static gboolean
is_audio_cut (const GstKalturaSegmenter *self, const GstKalturaItem *item)
{
  const GstKalturaTrack *video = &self->tracks[GST_KALTURA_TRACK_VIDEO];
  gboolean over = video->eos && gst_kaltura_track_peek (video) == NULL;
  if (video->pad != NULL && !over && !video->silent) {
    return FALSE;
  }
  /* A tail of audio behind the last picture needs no segment of its own. */
  gint64 tail = self->has_video ? AUDIO_TAIL : 0;
  return !gst_kaltura_segment_writer_is_open (self->writer) || item->cut || is_long_enough (self, item->pts - tail);
}

/* The time up to which audio belongs in front of a video frame. */
static gint64
get_video_time (const GstKalturaSegmenter *self, const GstKalturaItem *item)
{
  return is_video_cut (self, item) ? item->pts : item->dts;
}

/* The track whose frame is to be written next; NULL = nothing can be written now. */
static GstKalturaTrack *
choose_track (GstKalturaSegmenter *self)
{
  GstKalturaTrack *video = &self->tracks[GST_KALTURA_TRACK_VIDEO];
  GstKalturaTrack *audio = &self->tracks[GST_KALTURA_TRACK_AUDIO];
  const GstKalturaItem *video_head = gst_kaltura_track_peek (video);
  const GstKalturaItem *audio_head = gst_kaltura_track_peek (audio);
  if (gst_kaltura_track_has_gone_back (video)) {
    return video;
  }
  if (gst_kaltura_track_has_gone_back (audio)) {
    return audio;
  }
  if (video_head != NULL && audio_head != NULL) {
    return audio_head->end <= get_video_time (self, video_head) ? audio : video;
  }
  if (video_head != NULL) {
    gboolean passed = audio->position != GST_KALTURA_NOT_YET && audio->position >= get_video_time (self, video_head);
    return passed || gst_kaltura_track_is_given_up (audio, video, self->max_wait) ? video : NULL;
  }
  if (audio_head != NULL) {
    gboolean passed = video->position != GST_KALTURA_NOT_YET && video->position >= audio_head->end;
    return passed || gst_kaltura_track_is_given_up (video, audio, self->max_wait) ? audio : NULL;
  }
  return NULL;
}

/* Begins a segment with @item. */
static void
cut (GstKalturaSegmenter *self, const GstKalturaItem *item)
{
  if (gst_kaltura_segment_writer_is_open (self->writer)) {
    gboolean follows = ABS (item->pts - self->last_end) <= GAP_MAX;
    gst_kaltura_segment_writer_end (self->writer, follows ? item->pts : self->last_end, GST_KALTURA_SEGMENT_GOES_ON);
  }
  gst_kaltura_segment_writer_begin (self->writer, item->pts);
  self->has_video = FALSE;
  self->last_end = item->pts;
}

/* How far the open segment reaches. A frame of another timeline, which comes late, says nothing about that. */
static void
extend (GstKalturaSegmenter *self, const GstKalturaItem *item)
{
  if (item->end > self->last_end && item->end - self->last_end <= GAP_MAX) {
    self->last_end = item->end;
  }
}

static void
write_video (GstKalturaSegmenter *self, const GstKalturaItem *item)
{
  if (is_video_cut (self, item)) {
    cut (self, item);
    self->video_begun = TRUE;
    self->audio_cut_count = 0;
  }
  if (!self->video_begun) {
    GST_DEBUG_OBJECT (self, "dropped a frame before the first keyframe");
    return;
  }
  gst_kaltura_segment_writer_write_video (self->writer, item->buffer, item->pts, item->dts);
  self->has_video = TRUE;
  extend (self, item);
}

static void
write_audio (GstKalturaSegmenter *self, const GstKalturaItem *item)
{
  if (is_audio_cut (self, item)) {
    cut (self, item);
    self->audio_cut_count = item->cut ? item->count : 0;
  }
  if (!gst_kaltura_segment_writer_is_open (self->writer)) {
    GST_DEBUG_OBJECT (self, "dropped audio before the first keyframe");
    return;
  }
  gst_kaltura_segment_writer_write_audio (self->writer, item->buffer, item->pts);
  extend (self, item);
}

/* Caps have their place in the queue, but no time. */
static void
apply_caps (GstKalturaSegmenter *self, GstKalturaTrack *track)
{
  const GstKalturaItem *head;
  while ((head = gst_kaltura_track_peek (track)) != NULL && head->caps != NULL) {
    GstKalturaItem item = gst_kaltura_track_pop (track);
    if (track == &self->tracks[GST_KALTURA_TRACK_VIDEO]) {
      gst_kaltura_segment_writer_set_video (self->writer, item.caps);
    } else {
      gst_kaltura_segment_writer_set_audio (self->writer, item.caps);
    }
    gst_kaltura_item_clear (&item);
  }
}

static void
end_tracks (GstKalturaSegmenter *self)
{
  for (guint kind = 0; kind < GST_KALTURA_N_TRACKS; kind++) {
    GstKalturaTrack *track = &self->tracks[kind];
    if (!track->eos || track->ended || gst_kaltura_track_peek (track) != NULL) {
      continue;
    }
    track->ended = TRUE;
    if (kind == GST_KALTURA_TRACK_VIDEO) {
      gst_kaltura_segment_writer_end_video (self->writer);
    } else {
      gst_kaltura_segment_writer_end_audio (self->writer);
    }
  }
}

static void
close_last (GstKalturaSegmenter *self)
{
  if (gst_kaltura_segment_writer_is_open (self->writer)) {
    gst_kaltura_segment_writer_end (self->writer, self->last_end, GST_KALTURA_SEGMENT_LAST);
  }
}

/* Writes what can be written. */
static void
drain (GstKalturaSegmenter *self)
{
  GstKalturaTrack *track;
  for (;;) {
    apply_caps (self, &self->tracks[GST_KALTURA_TRACK_VIDEO]);
    apply_caps (self, &self->tracks[GST_KALTURA_TRACK_AUDIO]);
    end_tracks (self);
    track = choose_track (self);
    if (track == NULL) {
      return;
    }
    GstKalturaItem item = gst_kaltura_track_pop (track);
    if (track == &self->tracks[GST_KALTURA_TRACK_VIDEO]) {
      write_video (self, &item);
    } else {
      write_audio (self, &item);
    }
    gst_kaltura_item_clear (&item);
  }
}

/* Pads */

static GstFlowReturn
gst_kaltura_segmenter_chain (GstPad *pad, GstObject *parent, GstBuffer *buffer)
{
  GstKalturaSegmenter *self = GST_KALTURA_SEGMENTER (parent);
  GstKalturaTrack *track = get_track (self, pad);
  GstFlowReturn flow = GST_FLOW_OK;

  g_mutex_lock (&self->lock);
  if (self->writer == NULL) {
    flow = GST_FLOW_FLUSHING;
  } else if (track->eos) {
    flow = GST_FLOW_EOS;
  } else if (!track->have_caps) {
    flow = GST_FLOW_NOT_NEGOTIATED;
  } else if (gst_buffer_get_size (buffer) > 0) {
    gst_kaltura_track_push_buffer (track, get_other (self, track), buffer);
    drain (self);
  }
  g_mutex_unlock (&self->lock);
  gst_buffer_unref (buffer);
  return flow;
}

static gboolean
take_caps (GstKalturaSegmenter *self, GstKalturaTrack *track, GstCaps *caps)
{
  GstClockTime frame_duration;
  if (self->writer == NULL || !gst_kaltura_segment_writer_check_caps (caps, &frame_duration)) {
    GST_WARNING_OBJECT (track->pad, "caps without usable codec_data: %" GST_PTR_FORMAT, caps);
    return FALSE;
  }
  gst_kaltura_track_push_caps (track, caps, frame_duration);
  drain (self);
  return TRUE;
}

static gboolean
is_all_over (const GstKalturaSegmenter *self)
{
  for (guint kind = 0; kind < GST_KALTURA_N_TRACKS; kind++) {
    const GstKalturaTrack *track = &self->tracks[kind];
    if (track->pad != NULL && !track->eos) {
      return FALSE;
    }
  }
  return TRUE;
}

/* Returns the message to post without the lock, if this was the last track. */
static GstMessage *
take_eos (GstKalturaSegmenter *self, GstKalturaTrack *track, GstEvent *event)
{
  track->eos = TRUE;
  if (self->writer == NULL) {
    return NULL;
  }
  drain (self);
  if (!is_all_over (self) || self->eos_posted) {
    return NULL;
  }
  close_last (self);
  self->eos_posted = TRUE;
  GstMessage *message = gst_message_new_eos (GST_OBJECT (self));
  gst_message_set_seqnum (message, gst_event_get_seqnum (event));
  return message;
}

static gboolean
gst_kaltura_segmenter_event (GstPad *pad, GstObject *parent, GstEvent *event)
{
  GstKalturaSegmenter *self = GST_KALTURA_SEGMENTER (parent);
  GstKalturaTrack *track = get_track (self, pad);
  GstMessage *message = NULL;
  gboolean handled = TRUE;

  g_mutex_lock (&self->lock);
  switch (GST_EVENT_TYPE (event)) {
    case GST_EVENT_CAPS: {
      GstCaps *caps;
      gst_event_parse_caps (event, &caps);
      handled = take_caps (self, track, caps);
      break;
    }
    case GST_EVENT_SEGMENT:
      gst_event_copy_segment (event, &track->segment);
      break;
    case GST_EVENT_GAP:
      gst_kaltura_track_take_gap (track, event);
      if (self->writer != NULL) {
        drain (self);
      }
      break;
    case GST_EVENT_FLUSH_STOP:
      gst_kaltura_track_flush (track);
      self->eos_posted = FALSE;
      break;
    case GST_EVENT_EOS:
      message = take_eos (self, track, event);
      break;
    case GST_EVENT_CUSTOM_DOWNSTREAM:
      if (gst_video_event_is_force_key_unit (event)) {
        gst_kaltura_track_take_cut (track, event);
      }
      break;
    default:
      break;
  }
  g_mutex_unlock (&self->lock);

  gst_event_unref (event);
  if (message != NULL) {
    gst_element_post_message (GST_ELEMENT (self), message);
  }
  return handled;
}

GstPad *
gst_kaltura_segmenter_add_track (GstKalturaSegmenter *self, GstKalturaTrackKind kind)
{
  GstStaticPadTemplate *template = kind == GST_KALTURA_TRACK_VIDEO ? &video_template : &audio_template;
  g_return_val_if_fail (self->tracks[kind].pad == NULL, NULL);

  GstPad *pad = gst_pad_new_from_static_template (template, template->name_template);
  gst_pad_set_element_private (pad, GINT_TO_POINTER (kind));
  gst_pad_set_chain_function (pad, gst_kaltura_segmenter_chain);
  gst_pad_set_event_function (pad, gst_kaltura_segmenter_event);
  g_mutex_lock (&self->lock);
  gst_kaltura_track_reset (&self->tracks[kind]);
  self->tracks[kind].pad = pad;
  g_mutex_unlock (&self->lock);
  gst_pad_set_active (pad, GST_STATE (self) > GST_STATE_READY);
  gst_element_add_pad (GST_ELEMENT (self), pad);
  return pad;
}

void
gst_kaltura_segmenter_remove_track (GstKalturaSegmenter *self, GstKalturaTrackKind kind)
{
  GstKalturaTrack *track = &self->tracks[kind];
  GstPad *pad = track->pad;
  g_return_if_fail (pad != NULL);

  gst_pad_set_active (pad, FALSE);
  g_mutex_lock (&self->lock);
  track->eos = TRUE;
  if (self->writer != NULL) {
    drain (self);
  }
  gst_kaltura_track_reset (track);
  track->pad = NULL;
  g_mutex_unlock (&self->lock);
  gst_element_remove_pad (GST_ELEMENT (self), pad);
}

gboolean
gst_kaltura_segmenter_add_metadata (GstKalturaSegmenter *self, GstClockTime running_time, GBytes *tag)
{
  g_mutex_lock (&self->lock);
  gboolean there = self->writer != NULL;
  if (there) {
    gst_kaltura_segment_writer_add_metadata (self->writer, (gint64) running_time, tag);
  }
  g_mutex_unlock (&self->lock);
  return there;
}

void
gst_kaltura_segmenter_set_writer (GstKalturaSegmenter *self, GstKalturaSegmentWriter *writer, GstClockTime target,
    GstClockTime max_wait)
{
  g_mutex_lock (&self->lock);
  g_clear_pointer (&self->writer, gst_kaltura_segment_writer_free);
  self->writer = writer;
  self->target = target;
  self->max_wait = max_wait;
  g_mutex_unlock (&self->lock);
}

/* State */

static void
start (GstKalturaSegmenter *self)
{
  g_mutex_lock (&self->lock);
  for (guint kind = 0; kind < GST_KALTURA_N_TRACKS; kind++) {
    gst_kaltura_track_reset (&self->tracks[kind]);
  }
  self->audio_cut_count = 0;
  self->video_begun = self->has_video = FALSE;
  self->last_end = 0;
  self->eos_posted = FALSE;
  g_mutex_unlock (&self->lock);
}

/* A stop without EOS: what has come is still good, so it is written and the last segment closed. */
static void
stop (GstKalturaSegmenter *self)
{
  g_mutex_lock (&self->lock);
  for (guint kind = 0; kind < GST_KALTURA_N_TRACKS; kind++) {
    self->tracks[kind].eos = TRUE;
  }
  if (self->writer != NULL) {
    drain (self);
    close_last (self);
    g_clear_pointer (&self->writer, gst_kaltura_segment_writer_free);
  }
  g_mutex_unlock (&self->lock);
}

static GstStateChangeReturn
gst_kaltura_segmenter_change_state (GstElement *element, GstStateChange transition)
{
  GstKalturaSegmenter *self = GST_KALTURA_SEGMENTER (element);
  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED) {
    start (self);
  }
  GstStateChangeReturn result =
      GST_ELEMENT_CLASS (gst_kaltura_segmenter_parent_class)->change_state (element, transition);
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY) {
    stop (self);
  }
  return result;
}

static void
gst_kaltura_segmenter_finalize (GObject *object)
{
  GstKalturaSegmenter *self = GST_KALTURA_SEGMENTER (object);
  for (guint kind = 0; kind < GST_KALTURA_N_TRACKS; kind++) {
    gst_kaltura_track_clear (&self->tracks[kind]);
  }
  g_clear_pointer (&self->writer, gst_kaltura_segment_writer_free);
  g_mutex_clear (&self->lock);
  G_OBJECT_CLASS (gst_kaltura_segmenter_parent_class)->finalize (object);
}

static void
gst_kaltura_segmenter_class_init (GstKalturaSegmenterClass *klass)
{
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);

  GST_DEBUG_CATEGORY_INIT (gst_kaltura_segmenter_debug, "kalturasegmenter", 0, "Kaltura HLS segmenter");
  G_OBJECT_CLASS (klass)->finalize = gst_kaltura_segmenter_finalize;
  element_class->change_state = gst_kaltura_segmenter_change_state;
  gst_element_class_add_static_pad_template (element_class, &video_template);
  gst_element_class_add_static_pad_template (element_class, &audio_template);
  gst_element_class_set_static_metadata (element_class, "Kaltura HLS segmenter", "Sink/Muxer",
      "Cuts H.264 and AAC or MP3 into MPEG-TS segments (inside kalturahlssink)", "klive developers");
}

static void
gst_kaltura_segmenter_init (GstKalturaSegmenter *self)
{
  g_mutex_init (&self->lock);
  for (guint kind = 0; kind < GST_KALTURA_N_TRACKS; kind++) {
    gst_kaltura_track_init (&self->tracks[kind], kind);
  }
  GST_OBJECT_FLAG_SET (self, GST_ELEMENT_FLAG_SINK);
}
