/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Probes on the sink pad of a queue; they run on the streaming thread that feeds it. The studio owns them. (A leaky queue
 * would lose the events that cut segments.)
 */
#include "klive-shed.h"

#include <gst/video/video-event.h>

#define STREAK_GAP G_TIME_SPAN_SECOND /* of the same overload, if the next frame is left out within */
#define HALF_AFTER (10 * G_TIME_SPAN_SECOND)
#define HALF_FIRST (30 * G_TIME_SPAN_SECOND) /* in time for this long: full rate again */
#define HALF_MOST (10 * G_TIME_SPAN_MINUTE)

struct _KliveShed {
  gatomicrefcount refs; /* the owner, and the probe, which may run while it is removed */
  GstElement *queue;
  GstPad *pad;
  KliveShedKind kind;
  gulong probe;
  guint max_buffers, max_bytes; /* 0 = no limit */
  guint64 max_time;             /* ns */

  /* streaming thread */
  gboolean begun;
  gboolean keep;                  /* the next frame, whatever happens */
  gboolean to_keyframe;           /* decoder: leave out what cannot be decoded any more */
  guint phase;                    /* frames since the last one that had to be kept */
  gint64 streak_start, last_shed; /* monotonic us; 0 = never */
  gint64 half_time;               /* how long in time before the full rate is tried again */

  /* atomic */
  guint64 count;
  gint half;
};

static gboolean
is_full (const KliveShed *shed)
{
  guint buffers, bytes;
  guint64 time;

  g_object_get (shed->queue, "current-level-buffers", &buffers, "current-level-bytes", &bytes, "current-level-time",
      &time, NULL);
  return (shed->max_buffers > 0 && buffers >= (shed->max_buffers + 1) / 2) ||
      (shed->max_bytes > 0 && bytes >= shed->max_bytes / 2) || (shed->max_time > 0 && time >= shed->max_time / 2);
}

static void
note_shed (KliveShed *shed, gint64 now)
{
  if (now - shed->last_shed > STREAK_GAP)
    shed->streak_start = now;
  shed->last_shed = now;
  __atomic_add_fetch (&shed->count, 1, __ATOMIC_RELAXED);
  if (shed->kind == KLIVE_SHED_ENCODER && now - shed->streak_start >= HALF_AFTER && !g_atomic_int_get (&shed->half)) {
    g_atomic_int_set (&shed->half, TRUE);
    shed->streak_start = now;
  }
}

static void
leave_half_rate (KliveShed *shed, gint64 now)
{
  if (!g_atomic_int_get (&shed->half) || now - shed->last_shed < shed->half_time)
    return;
  g_atomic_int_set (&shed->half, FALSE);
  shed->half_time = MIN (shed->half_time * 2, HALF_MOST); /* the next try later, if this one fails */
}

static GstPadProbeReturn
decide (KliveShed *shed, GstBuffer *buffer)
{
  gint64 now = g_get_monotonic_time ();
  gboolean keyframe = !GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DELTA_UNIT);

  if (shed->keep || !shed->begun || (shed->kind == KLIVE_SHED_DECODER && keyframe)) {
    shed->begun = TRUE;
    shed->keep = shed->to_keyframe = FALSE;
    shed->phase = 0;
    return GST_PAD_PROBE_OK;
  }
  shed->phase++;
  leave_half_rate (shed, now);
  if (shed->to_keyframe || is_full (shed)) {
    shed->to_keyframe = shed->kind == KLIVE_SHED_DECODER;
    note_shed (shed, now);
    return GST_PAD_PROBE_DROP;
  }
  if (g_atomic_int_get (&shed->half) && shed->phase % 2 == 1)
    return GST_PAD_PROBE_DROP;
  return GST_PAD_PROBE_OK;
}

static void
unref (gpointer data)
{
  KliveShed *shed = data;

  if (!g_atomic_ref_count_dec (&shed->refs))
    return;
  gst_object_unref (shed->pad);
  gst_object_unref (shed->queue);
  g_free (shed);
}

static GstPadProbeReturn
on_data (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  KliveShed *shed = user_data;

  if (GST_PAD_PROBE_INFO_TYPE (info) & GST_PAD_PROBE_TYPE_BUFFER)
    return decide (shed, GST_PAD_PROBE_INFO_BUFFER (info));
  if (gst_video_event_is_force_key_unit (GST_PAD_PROBE_INFO_EVENT (info)))
    shed->keep = TRUE;
  return GST_PAD_PROBE_OK;
}

KliveShed *
klive_shed_new (GstElement *queue, KliveShedKind kind)
{
  KliveShed *shed = g_new0 (KliveShed, 1);

  g_atomic_ref_count_init (&shed->refs);
  g_atomic_ref_count_inc (&shed->refs);
  shed->queue = gst_object_ref (queue);
  shed->kind = kind;
  shed->half_time = HALF_FIRST;
  g_object_get (queue, "max-size-buffers", &shed->max_buffers, "max-size-bytes", &shed->max_bytes, "max-size-time",
      &shed->max_time, NULL);
  shed->pad = gst_element_get_static_pad (queue, "sink");
  shed->probe = gst_pad_add_probe (shed->pad, GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, on_data,
      shed, unref);
  return shed;
}

void
klive_shed_free (KliveShed *shed)
{
  gst_pad_remove_probe (shed->pad, shed->probe);
  unref (shed);
}

guint64
klive_shed_get_count (KliveShed *shed)
{
  return __atomic_load_n (&shed->count, __ATOMIC_RELAXED);
}

gboolean
klive_shed_is_half_rate (KliveShed *shed)
{
  return g_atomic_int_get (&shed->half);
}
