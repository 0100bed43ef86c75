/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The bounded queue in front of a studio. The session uses it on the main thread.
 */
#include "klive-hold.h"

struct _KliveHold {
  GQueue frames; /* of KliveFrame, as they came */
  gsize bytes;
};

KliveHold *
klive_hold_new (void)
{
  KliveHold *hold = g_new0 (KliveHold, 1);

  g_queue_init (&hold->frames);
  return hold;
}

void
klive_hold_free (KliveHold *hold)
{
  g_queue_clear_full (&hold->frames, (GDestroyNotify) klive_frame_free);
  g_free (hold);
}

KliveFrame *
klive_hold_pop (KliveHold *hold)
{
  KliveFrame *frame = g_queue_pop_head (&hold->frames);

  if (frame != NULL)
    hold->bytes -= gst_buffer_get_size (frame->buffer);
  return frame;
}

const KliveFrame *
klive_hold_peek (const KliveHold *hold)
{
  return g_queue_peek_head ((GQueue *) &hold->frames);
}

static gboolean
is_too_much (const KliveHold *hold)
{
  const KliveFrame *first = g_queue_peek_head ((GQueue *) &hold->frames);
  const KliveFrame *last = g_queue_peek_tail ((GQueue *) &hold->frames);

  if (first == last)
    return FALSE;
  return hold->bytes > KLIVE_HOLD_MAX_BYTES ||
      GST_BUFFER_DTS (last->buffer) > GST_BUFFER_DTS (first->buffer) + KLIVE_HOLD_MAX_TIME;
}

guint
klive_hold_push (KliveHold *hold, KliveFrame *frame)
{
  guint dropped = 0;

  g_queue_push_tail (&hold->frames, frame);
  hold->bytes += gst_buffer_get_size (frame->buffer);
  while (is_too_much (hold)) {
    klive_frame_free (klive_hold_pop (hold));
    dropped++;
  }
  if (dropped == 0)
    return 0;
  /* What is left of that GOP cannot be decoded. */
  for (;;) {
    const KliveFrame *first = klive_hold_peek (hold);

    if (first == NULL || first->track != KLIVE_TIMELINE_VIDEO || klive_frame_is_keyframe (first))
      return dropped;
    klive_frame_free (klive_hold_pop (hold));
    dropped++;
  }
}

const KliveFrame *
klive_hold_peek_track (const KliveHold *hold, KliveTimelineTrack track)
{
  for (const GList *l = hold->frames.head; l != NULL; l = l->next) {
    const KliveFrame *frame = l->data;

    if (frame->track == track)
      return frame;
  }
  return NULL;
}

static GstClockTime
get_end (const KliveFrame *frame)
{
  GstClockTime duration = GST_BUFFER_DURATION (frame->buffer);

  return GST_BUFFER_PTS (frame->buffer) + (GST_CLOCK_TIME_IS_VALID (duration) ? duration : 0);
}

gboolean
klive_hold_begin (KliveHold *hold, gboolean video)
{
  GList *start = hold->frames.head;
  const KliveFrame *keyframe;
  GList *l, *next;

  if (!video)
    return start != NULL;
  while (start != NULL && !klive_frame_is_keyframe (start->data))
    start = start->next;
  if (start == NULL)
    return FALSE;
  keyframe = start->data;
  for (l = hold->frames.head; l != NULL; l = next) {
    KliveFrame *frame = l->data;
    gboolean early = frame->track == KLIVE_TIMELINE_VIDEO
        ? GST_BUFFER_DTS (frame->buffer) < GST_BUFFER_DTS (keyframe->buffer)
        : get_end (frame) <= GST_BUFFER_PTS (keyframe->buffer);

    next = l->next;
    if (!early)
      continue;
    hold->bytes -= gst_buffer_get_size (frame->buffer);
    g_queue_delete_link (&hold->frames, l);
    klive_frame_free (frame);
  }
  return TRUE;
}
