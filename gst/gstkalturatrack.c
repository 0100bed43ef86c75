/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A track of kalturahlssink on its way into segments: its queue, its times, whether it still lives. The segmenter
 * (gstkalturasegmenter.c) calls all of this under its lock, on the streaming threads.
 */
#include "gstkalturatrack.h"

#include <gst/video/video-event.h>

/* However a track behaves, the other is not held back beyond this time, of media and of the clock on the wall. */
#define HELD_TIME_MAX (15 * (gint64) GST_SECOND)
#define HELD_BYTES_MAX (32 * 1024 * 1024)

/* Timestamps that go back by less (ns) are faults, by more another timeline. */
#define GONE_BACK (1 * (gint64) GST_SECOND)

#define NOT_YET GST_KALTURA_NOT_YET

void
gst_kaltura_item_clear (GstKalturaItem *item)
{
  g_clear_pointer (&item->buffer, gst_buffer_unref);
  g_clear_pointer (&item->caps, gst_caps_unref);
}

gboolean
gst_kaltura_item_is_key (const GstKalturaItem *item)
{
  return !GST_BUFFER_FLAG_IS_SET (item->buffer, GST_BUFFER_FLAG_DELTA_UNIT);
}

void
gst_kaltura_track_init (GstKalturaTrack *track, GstKalturaTrackKind kind)
{
  track->kind = kind;
  track->pad = NULL;
  track->queue = gst_queue_array_new_for_struct (sizeof (GstKalturaItem), 64);
  gst_queue_array_set_clear_func (track->queue, (GDestroyNotify) gst_kaltura_item_clear);
  gst_kaltura_track_reset (track);
}

void
gst_kaltura_track_clear (GstKalturaTrack *track)
{
  gst_queue_array_free (track->queue);
}

void
gst_kaltura_track_reset (GstKalturaTrack *track)
{
  gst_queue_array_clear (track->queue);
  track->held = 0;
  gst_segment_init (&track->segment, GST_FORMAT_UNDEFINED);
  track->have_caps = track->eos = track->ended = track->cut_pending = track->silent = FALSE;
  track->position = track->last_end = track->first = track->heard_position = NOT_YET;
  track->frame_duration = 0;
  track->heard_time = 0;
}

void
gst_kaltura_track_flush (GstKalturaTrack *track)
{
  gboolean have_caps = track->have_caps;
  GstClockTime frame_duration = track->frame_duration;
  gst_kaltura_track_reset (track);
  track->have_caps = have_caps;
  track->frame_duration = frame_duration;
}

const GstKalturaItem *
gst_kaltura_track_peek (const GstKalturaTrack *track)
{
  return gst_queue_array_peek_head_struct (track->queue);
}

GstKalturaItem
gst_kaltura_track_pop (GstKalturaTrack *track)
{
  GstKalturaItem item = *(GstKalturaItem *) gst_queue_array_pop_head_struct (track->queue);
  track->held -= item.buffer != NULL ? gst_buffer_get_size (item.buffer) : 0;
  return item;
}

/* @timestamp as running time, ns, negative before the segment; NOT_YET when it has none. */
static gint64
to_running_time (const GstKalturaTrack *track, GstClockTime timestamp)
{
  guint64 running_time;
  if (!GST_CLOCK_TIME_IS_VALID (timestamp)) {
    return NOT_YET;
  }
  if (track->segment.format != GST_FORMAT_TIME) {
    return timestamp;
  }
  int sign = gst_segment_to_running_time_full (&track->segment, GST_FORMAT_TIME, timestamp, &running_time);
  return sign == 0 ? NOT_YET : sign * (gint64) running_time;
}

static void
set_times (const GstKalturaTrack *track, GstKalturaItem *item)
{
  GstBuffer *buffer = item->buffer;
  gint64 due = track->last_end != NOT_YET ? track->last_end : 0;
  item->pts = to_running_time (track, GST_BUFFER_PTS (buffer));
  item->dts = to_running_time (track, GST_BUFFER_DTS (buffer));
  if (item->pts == NOT_YET) {
    item->pts = item->dts != NOT_YET ? item->dts : due;
  }
  if (item->dts == NOT_YET || item->dts > item->pts) {
    item->dts = item->pts;
  }
  GstClockTime duration = GST_BUFFER_DURATION_IS_VALID (buffer) ? GST_BUFFER_DURATION (buffer) : track->frame_duration;
  item->end = item->pts + (gint64) duration;
}

/* The first frame behind a cut event takes it, of video the first keyframe. */
static void
take_pending_cut (GstKalturaTrack *track, GstKalturaItem *item)
{
  if (track->cut_pending && (track->kind == GST_KALTURA_TRACK_AUDIO || gst_kaltura_item_is_key (item))) {
    item->cut = TRUE;
    item->count = track->cut_count;
    track->cut_pending = FALSE;
  }
}

void
gst_kaltura_track_push_buffer (GstKalturaTrack *track, GstKalturaTrack *other, GstBuffer *buffer)
{
  GstKalturaItem item = { .buffer = gst_buffer_ref (buffer), .arrival = g_get_monotonic_time () };
  set_times (track, &item);
  take_pending_cut (track, &item);
  track->position = track->kind == GST_KALTURA_TRACK_VIDEO ? item.dts : item.end;
  track->last_end = item.end;
  if (track->first == NOT_YET) {
    track->first = item.dts;
  }
  track->silent = FALSE;
  track->heard_time = item.arrival;
  track->heard_position = other->position;
  if (other->heard_time == 0) {
    other->heard_time = item.arrival;
  }
  track->held += gst_buffer_get_size (buffer);
  gst_queue_array_push_tail_struct (track->queue, &item);
}

void
gst_kaltura_track_push_caps (GstKalturaTrack *track, GstCaps *caps, GstClockTime frame_duration)
{
  GstKalturaItem item = { .caps = gst_caps_ref (caps) };
  track->frame_duration = frame_duration;
  track->have_caps = TRUE;
  gst_queue_array_push_tail_struct (track->queue, &item);
}

void
gst_kaltura_track_take_cut (GstKalturaTrack *track, GstEvent *event)
{
  gboolean all_headers;
  guint count;
  if (gst_video_event_parse_downstream_force_key_unit (event, NULL, NULL, NULL, &all_headers, &count) && all_headers) {
    track->cut_pending = TRUE;
    track->cut_count = count;
  }
}

void
gst_kaltura_track_take_gap (GstKalturaTrack *track, GstEvent *event)
{
  GstClockTime timestamp, duration;
  gst_event_parse_gap (event, &timestamp, &duration);
  gint64 start = to_running_time (track, timestamp);
  if (start != NOT_YET) {
    gint64 end = start + (GST_CLOCK_TIME_IS_VALID (duration) ? (gint64) duration : 0);
    track->position = MAX (track->position, end);
  }
}

gboolean
gst_kaltura_track_has_gone_back (const GstKalturaTrack *track)
{
  const GstKalturaItem *head = gst_kaltura_track_peek (track);
  return head != NULL && head->buffer != NULL && head->dts - track->position > GONE_BACK;
}

/* Whether @track holds as much as it may. */
static gboolean
is_full (const GstKalturaTrack *track, gint64 now)
{
  const GstKalturaItem *head = gst_kaltura_track_peek (track);
  return track->held >= HELD_BYTES_MAX ||
      (track->position - head->dts >= HELD_TIME_MAX && (now - head->arrival) * GST_USECOND >= HELD_TIME_MAX);
}

gboolean
gst_kaltura_track_is_given_up (GstKalturaTrack *track, const GstKalturaTrack *other, GstClockTime max_wait)
{
  gint64 now = g_get_monotonic_time ();
  if (track->pad == NULL || track->eos || track->silent || is_full (other, now)) {
    return TRUE;
  }
  /* Media time alone would give up an encoder that works through a burst of frames, the clock on the wall alone a
   * source that is slower than real time. */
  gint64 since = track->heard_position != NOT_YET ? track->heard_position : other->first;
  track->silent =
      other->position - since >= (gint64) max_wait && (now - track->heard_time) * GST_USECOND >= (gint64) max_wait;
  if (track->silent) {
    GST_INFO_OBJECT (track->pad, "silent, the other track goes on without it");
  }
  return track->silent;
}
