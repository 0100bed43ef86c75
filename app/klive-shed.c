/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Probes on the sink pad of a queue; they run on the streaming thread that feeds it. The studio owns them. (A leaky
 * queue would lose the events that cut segments.)
 *
 * The backlog is the number of frames in the queue times their distance. GstQueue's own current-level-time is of no use
 * here: it measures from the last frame that left, so that after a hole the first frame behind it seems to fill the
 * queue.
 */
#include "klive-shed.h"

#include <gst/video/video-event.h>

#define DECODER_BUFFERS 3600     /* frames: 60 s of 60 fps; the two below come first */
#define DECODER_BYTES (48 << 20) /* where the queue would block; frames are left out at 32 MiB */
#define DECODER_BYTES_FULL (32 << 20)
#define DECODER_TIME_FULL (20 * GST_SECOND)
#define ENCODER_BUFFERS 6 /* raw frames */

#define LATE (2 * GST_SECOND)              /* more backlog than that for longer than PATIENCE: an overload */
#define IN_TIME (1 * GST_SECOND)           /* less than that: a burst has been worked off */
#define PATIENCE (15 * G_TIME_SPAN_SECOND) /* with a burst: of the start, of a network that had stalled */

#define INTERVAL_DEFAULT (GST_SECOND / 30)
#define INTERVAL_MAX GST_SECOND

#define STREAK_GAP G_TIME_SPAN_SECOND /* of the same overload, if the next frame is left out within */
#define HALF_AFTER (10 * G_TIME_SPAN_SECOND)
#define HALF_FIRST (30 * G_TIME_SPAN_SECOND) /* in time for this long: full rate again */
#define HALF_MOST (10 * G_TIME_SPAN_MINUTE)

typedef enum { KIND_DECODER, KIND_ENCODER } Kind;

struct _KliveShed {
  gatomicrefcount refs; /* the owner, the probe, which may run while it is removed, and the encoders behind a decoder */
  GstElement *queue;
  GstPad *pad;
  Kind kind;
  KliveShed *decoder; /* of an encoder; nullable */
  gulong probe;

  /* streaming thread */
  gboolean begun;
  gint64 late_since;              /* decoder: monotonic us, 0 = not late */
  gboolean keep;                  /* the next frame, whatever happens */
  gboolean to_keyframe;           /* decoder: leave out what cannot be decoded any more */
  guint phase;                    /* frames since the last one that had to be kept */
  GstClockTime last_dts;          /* of the last frame */
  gint64 streak_start, last_shed; /* monotonic us; 0 = never */
  gint64 half_time;               /* how long in time before the full rate is tried again */

  /* atomic */
  guint64 interval; /* ns between frames */
  guint64 count;
  gint overload; /* decoder: encoders leave frames out */
  gint half;
};

static guint
get_buffers (const KliveShed *shed)
{
  guint buffers;

  g_object_get (shed->queue, "current-level-buffers", &buffers, NULL);
  return buffers;
}

guint64
klive_shed_get_backlog (KliveShed *shed)
{
  return get_buffers (shed) * __atomic_load_n (&shed->interval, __ATOMIC_RELAXED);
}

static void
measure_interval (KliveShed *shed, const GstBuffer *buffer)
{
  GstClockTime dts = GST_BUFFER_DTS_OR_PTS (buffer);

  if (GST_CLOCK_TIME_IS_VALID (dts) && GST_CLOCK_TIME_IS_VALID (shed->last_dts) && dts > shed->last_dts &&
      dts - shed->last_dts <= INTERVAL_MAX)
    __atomic_store_n (&shed->interval, (shed->interval * 7 + (dts - shed->last_dts)) / 8, __ATOMIC_RELAXED);
  shed->last_dts = dts;
}

/* Decoder, its streaming thread: since when too much has been waiting. */
static void
watch_backlog (KliveShed *decoder, gint64 now)
{
  guint64 backlog = klive_shed_get_backlog (decoder);

  if (backlog < IN_TIME)
    decoder->late_since = 0;
  else if (backlog > LATE && decoder->late_since == 0)
    decoder->late_since = now;
  g_atomic_int_set (&decoder->overload, backlog > LATE && now - decoder->late_since > PATIENCE);
}

static gboolean
is_full (KliveShed *shed)
{
  guint bytes;

  if (shed->kind == KIND_ENCODER)
    return get_buffers (shed) + 1 >= ENCODER_BUFFERS && shed->decoder != NULL &&
        g_atomic_int_get (&shed->decoder->overload);
  g_object_get (shed->queue, "current-level-bytes", &bytes, NULL);
  return bytes >= DECODER_BYTES_FULL || klive_shed_get_backlog (shed) >= DECODER_TIME_FULL;
}

static void
note_shed (KliveShed *shed, gint64 now)
{
  if (now - shed->last_shed > STREAK_GAP)
    shed->streak_start = now;
  shed->last_shed = now;
  __atomic_add_fetch (&shed->count, 1, __ATOMIC_RELAXED);
  if (shed->kind == KIND_ENCODER && now - shed->streak_start >= HALF_AFTER && !g_atomic_int_get (&shed->half)) {
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

  if (!shed->begun)
    shed->begun = shed->keep = TRUE;
  measure_interval (shed, buffer);
  if (shed->kind == KIND_DECODER)
    watch_backlog (shed, now);
  if (shed->keep || (shed->kind == KIND_DECODER && keyframe && shed->to_keyframe && !is_full (shed))) {
    shed->keep = shed->to_keyframe = FALSE;
    shed->phase = 0;
    return GST_PAD_PROBE_OK;
  }
  shed->phase++;
  leave_half_rate (shed, now);
  if (shed->to_keyframe || is_full (shed)) {
    shed->to_keyframe = shed->kind == KIND_DECODER;
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
  g_clear_pointer (&shed->decoder, unref);
  gst_object_unref (shed->pad);
  gst_object_unref (shed->queue);
  g_free (shed);
}

/* A frame in front of the decoder is kept for its event only if it can be decoded. */
static GstPadProbeReturn
on_data (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  KliveShed *shed = user_data;

  if (GST_PAD_PROBE_INFO_TYPE (info) & GST_PAD_PROBE_TYPE_BUFFER)
    return decide (shed, GST_PAD_PROBE_INFO_BUFFER (info));
  if (shed->kind == KIND_ENCODER && gst_video_event_is_force_key_unit (GST_PAD_PROBE_INFO_EVENT (info)))
    shed->keep = TRUE;
  return GST_PAD_PROBE_OK;
}

static KliveShed *
shed_new (GstElement *queue, Kind kind)
{
  KliveShed *shed = g_new0 (KliveShed, 1);

  g_atomic_ref_count_init (&shed->refs);
  g_atomic_ref_count_inc (&shed->refs);
  shed->queue = gst_object_ref (queue);
  shed->kind = kind;
  shed->interval = INTERVAL_DEFAULT;
  shed->last_dts = GST_CLOCK_TIME_NONE;
  shed->half_time = HALF_FIRST;
  g_object_set (queue, "max-size-time", (guint64) 0, "max-size-bytes", kind == KIND_DECODER ? DECODER_BYTES : 0,
      "max-size-buffers", kind == KIND_DECODER ? DECODER_BUFFERS : ENCODER_BUFFERS, NULL);
  shed->pad = gst_element_get_static_pad (queue, "sink");
  shed->probe = gst_pad_add_probe (shed->pad, GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, on_data,
      shed, unref);
  return shed;
}

KliveShed *
klive_shed_new_decoder (GstElement *queue)
{
  return shed_new (queue, KIND_DECODER);
}

KliveShed *
klive_shed_new_encoder (GstElement *queue, KliveShed *decoder)
{
  KliveShed *shed = shed_new (queue, KIND_ENCODER);

  if (decoder != NULL) {
    g_atomic_ref_count_inc (&decoder->refs);
    shed->decoder = decoder;
  }
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
