/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The order of frames in a recording. Each track has a queue; a frame leaves it once it is known that no frame of
 * another track belongs in front of it: each other track has one that belongs behind it, has come that far already, is
 * over, or has been silent for too long. Nobody waits in here: who pushes returns at once, who pops gets nothing.
 *
 * A track is silent when the others have gone on for max-wait, in media time and on the clock: media time alone would
 * give up an encoder that works through a burst, the clock alone one that is slower than real time. One that has not
 * begun at all has more patience: an encoder takes its time for the first frame.
 */
#include "gstkalturamerge.h"

#include <gst/base/gstqueuearray.h>

#define NOT_YET G_MININT64
#define HELD_BYTES_MAX (32 * 1024 * 1024) /* whatever a track does, the others are not held beyond this */
#define BEGIN_PATIENCE 5                  /* times max-wait */

typedef struct {
  GstKalturaMergeKind kind;
  GstQueueArray *queue; /* of GstKalturaFrame */
  gboolean over;
  gboolean silent;     /* given up until its next frame */
  gint64 position;     /* ns: no later frame of this track sorts before it */
  gint64 last;         /* ns, end of the frame last pushed */
  gint64 heard;        /* us, monotonic, when it last had a frame; that of the first frame of all before that */
  gint64 heard_others; /* ns, how far the others were then */
} Track;

struct _GstKalturaMerge {
  GArray *tracks;  /* of Track */
  gint64 max_wait; /* ns */
  gsize held;      /* bytes */
  gint64 front;    /* ns, latest position of all tracks */
};

void
gst_kaltura_frame_clear (GstKalturaFrame *frame)
{
  g_clear_pointer (&frame->buffer, gst_buffer_unref);
  g_clear_pointer (&frame->caps, gst_caps_unref);
}

static Track *
get_track (const GstKalturaMerge *merge, guint index)
{
  return &g_array_index (merge->tracks, Track, index);
}

GstKalturaMerge *
gst_kaltura_merge_new (GstClockTime max_wait)
{
  GstKalturaMerge *merge = g_new0 (GstKalturaMerge, 1);
  merge->tracks = g_array_new (FALSE, TRUE, sizeof (Track));
  merge->max_wait = (gint64) max_wait;
  merge->front = NOT_YET;
  return merge;
}

void
gst_kaltura_merge_free (GstKalturaMerge *merge)
{
  for (guint i = 0; i < merge->tracks->len; i++) {
    gst_queue_array_free (get_track (merge, i)->queue);
  }
  g_array_unref (merge->tracks);
  g_free (merge);
}

guint
gst_kaltura_merge_add_track (GstKalturaMerge *merge, GstKalturaMergeKind kind)
{
  Track track = { .kind = kind, .position = NOT_YET, .last = NOT_YET, .heard_others = NOT_YET };
  track.queue = gst_queue_array_new_for_struct (sizeof (GstKalturaFrame), 64);
  gst_queue_array_set_clear_func (track.queue, (GDestroyNotify) gst_kaltura_frame_clear);
  g_array_append_val (merge->tracks, track);
  return merge->tracks->len - 1;
}

void
gst_kaltura_merge_end_track (GstKalturaMerge *merge, guint index)
{
  get_track (merge, index)->over = TRUE;
}

/* Caps stay: they count for what comes. */
static guint
clear_queue (GstKalturaMerge *merge, Track *track)
{
  guint count = 0;
  guint length = gst_queue_array_get_length (track->queue);
  for (guint i = 0; i < length; i++) {
    GstKalturaFrame frame = *(GstKalturaFrame *) gst_queue_array_pop_head_struct (track->queue);
    if (frame.buffer == NULL) {
      gst_queue_array_push_tail_struct (track->queue, &frame);
    } else {
      merge->held -= gst_buffer_get_size (frame.buffer);
      gst_kaltura_frame_clear (&frame);
      count++;
    }
  }
  return count;
}

void
gst_kaltura_merge_flush_track (GstKalturaMerge *merge, guint index)
{
  Track *track = get_track (merge, index);
  clear_queue (merge, track);
  track->over = track->silent = FALSE;
  track->position = track->last = track->heard_others = NOT_YET;
  track->heard = 0;
}

guint
gst_kaltura_merge_clear (GstKalturaMerge *merge)
{
  guint count = 0;
  for (guint i = 0; i < merge->tracks->len; i++) {
    count += clear_queue (merge, get_track (merge, i));
  }
  return count;
}

/* Where a frame stands in the order. A keyframe may begin a file, which audio before its PTS does not belong to. */
static gint64
get_key (const Track *track, const GstKalturaFrame *frame)
{
  if (track->kind == GST_KALTURA_MERGE_AUDIO) {
    return frame->end;
  }
  return frame->sync ? frame->pts : frame->dts;
}

void
gst_kaltura_merge_push (GstKalturaMerge *merge, GstKalturaFrame *frame, gint64 now)
{
  Track *track = get_track (merge, frame->track);
  if (frame->buffer != NULL) {
    merge->held += gst_buffer_get_size (frame->buffer);
    track->position = track->kind == GST_KALTURA_MERGE_AUDIO ? frame->end : frame->dts;
    track->last = frame->end;
    track->silent = FALSE;
    track->heard = now;
    track->heard_others = merge->front;
    merge->front = MAX (merge->front, track->position);
    for (guint i = 0; i < merge->tracks->len; i++) {
      Track *other = get_track (merge, i);
      if (other->heard == 0) {
        other->heard = now;
        other->heard_others = track->position;
      }
    }
  }
  gst_queue_array_push_tail_struct (track->queue, frame);
  *frame = (GstKalturaFrame){ 0 };
}

/* Whether @track, which has no frame, need not be waited for any more. */
static gboolean
is_given_up (GstKalturaMerge *merge, Track *track, gint64 now)
{
  if (track->over || track->silent) {
    return TRUE;
  }
  gint64 wait = track->position == NOT_YET ? merge->max_wait * BEGIN_PATIENCE : merge->max_wait;
  gint64 since = track->position == NOT_YET ? track->heard_others : MAX (track->heard_others, track->position);
  gboolean late =
      track->heard != 0 && merge->front - since >= wait && (now - track->heard) * (gint64) GST_USECOND >= wait;
  track->silent = late || merge->held >= HELD_BYTES_MAX;
  return track->silent;
}

/* Whether nothing of @track can belong in front of @key. */
static gboolean
has_passed (GstKalturaMerge *merge, Track *track, gint64 key, gint64 now)
{
  return (track->position != NOT_YET && track->position >= key) || is_given_up (merge, track, now);
}

gboolean
gst_kaltura_merge_pop (GstKalturaMerge *merge, GstKalturaFrame *frame, gint64 now)
{
  Track *first = NULL;
  gint64 first_key = 0;
  for (guint i = 0; i < merge->tracks->len; i++) {
    Track *track = get_track (merge, i);
    const GstKalturaFrame *head = gst_queue_array_peek_head_struct (track->queue);
    if (head != NULL && head->buffer == NULL) {
      *frame = *(GstKalturaFrame *) gst_queue_array_pop_head_struct (track->queue);
      return TRUE;
    }
    if (head == NULL) {
      continue;
    }
    gint64 key = get_key (track, head);
    gboolean audio_first = key == first_key && track->kind == GST_KALTURA_MERGE_AUDIO;
    if (first == NULL || key < first_key || audio_first) {
      first = track;
      first_key = key;
    }
  }
  if (first == NULL) {
    return FALSE;
  }
  for (guint i = 0; i < merge->tracks->len; i++) {
    Track *track = get_track (merge, i);
    if (gst_queue_array_is_empty (track->queue) && !has_passed (merge, track, first_key, now)) {
      return FALSE;
    }
  }
  *frame = *(GstKalturaFrame *) gst_queue_array_pop_head_struct (first->queue);
  merge->held -= gst_buffer_get_size (frame->buffer);
  return TRUE;
}

gboolean
gst_kaltura_merge_has_video (const GstKalturaMerge *merge)
{
  for (guint i = 0; i < merge->tracks->len; i++) {
    const Track *track = get_track (merge, i);
    gboolean there = !track->over || !gst_queue_array_is_empty (track->queue);
    if (track->kind == GST_KALTURA_MERGE_VIDEO && there && !track->silent) {
      return TRUE;
    }
  }
  return FALSE;
}

gboolean
gst_kaltura_merge_is_over (const GstKalturaMerge *merge)
{
  for (guint i = 0; i < merge->tracks->len; i++) {
    const Track *track = get_track (merge, i);
    if (!track->over || !gst_queue_array_is_empty (track->queue)) {
      return FALSE;
    }
  }
  return TRUE;
}

gsize
gst_kaltura_merge_get_held (const GstKalturaMerge *merge)
{
  return merge->held;
}

GstClockTime
gst_kaltura_merge_get_held_time (const GstKalturaMerge *merge, guint index)
{
  const Track *track = get_track (merge, index);
  const GstKalturaFrame *head = gst_queue_array_peek_head_struct (track->queue);
  return head != NULL && head->buffer != NULL && track->last > head->pts ? (GstClockTime) (track->last - head->pts) : 0;
}
