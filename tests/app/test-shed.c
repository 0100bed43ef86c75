/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* klive-shed: what is left out in front of encoders and decoders that do not keep up, and what never is. */
#include "klive-shed.h"

#include <gst/check/gstharness.h>
#include <gst/video/video-event.h>
#include <time.h>

#define FRAME (GST_SECOND / 30)

static gint64 ahead; /* us by which the clock of this program is ahead */

/* In the place of GLib's. */
gint64
g_get_monotonic_time (void)
{
  struct timespec now;
  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000 + ahead;
}

/* A queue whose far side takes one frame and then stands still, until it is told to take more. */
typedef struct {
  GstHarness *harness;
  KliveShed *shed;
  GstClockTime time; /* of the next frame */
} Side;

static void
side_open (Side *side, KliveShed *decoder, gboolean encoder)
{
  side->harness = gst_harness_new ("queue");
  gst_harness_set_blocking_push_mode (side->harness);
  gst_harness_set_src_caps_str (side->harness, "video/x-raw");
  GstElement *queue = gst_harness_find_element (side->harness, "queue");
  side->shed = encoder ? klive_shed_new_encoder (queue, decoder) : klive_shed_new_decoder (queue);
  side->time = 0;
  gst_object_unref (queue);
}

static void
side_close (Side *side)
{
  klive_shed_free (side->shed);
  gst_harness_teardown (side->harness);
}

static void
push (Side *side, gsize size, gboolean keyframe)
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, size, NULL);
  GST_BUFFER_PTS (buffer) = GST_BUFFER_DTS (buffer) = side->time;
  if (!keyframe)
    GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_DELTA_UNIT);
  side->time += FRAME;
  g_assert_cmpint (gst_harness_push (side->harness, buffer), ==, GST_FLOW_OK);
}

static void
push_some (Side *side, guint count)
{
  for (guint i = 0; i < count; i++)
    push (side, 1000, FALSE);
}

/* Takes frames out until @left are in the queue. */
static void
take (Side *side, guint left)
{
  GstElement *queue = gst_harness_find_element (side->harness, "queue");
  for (guint level = G_MAXUINT; level > left; g_object_get (queue, "current-level-buffers", &level, NULL))
    gst_buffer_unref (gst_harness_pull (side->harness));
  gst_object_unref (queue);
}

/* More than 2 s in front of the decoder for more than 15 s. */
static void
overload (Side *decoder)
{
  push (decoder, 1000, TRUE);
  push_some (decoder, 90);
  ahead += 16 * G_USEC_PER_SEC;
  push_some (decoder, 1);
}

static void
test_burst (void)
{
  Side decoder, encoder;
  side_open (&decoder, NULL, FALSE);
  side_open (&encoder, decoder.shed, TRUE);
  push (&decoder, 1000, TRUE);
  push_some (&decoder, 150);
  push_some (&encoder, 6);
  g_assert_cmpuint (klive_shed_get_backlog (decoder.shed), >, 4 * GST_SECOND);
  take (&decoder, 10);
  ahead += 16 * G_USEC_PER_SEC;
  push_some (&decoder, 1);
  g_assert_cmpuint (klive_shed_get_count (decoder.shed) + klive_shed_get_count (encoder.shed), ==, 0);
  side_close (&encoder);
  side_close (&decoder);
}

static void
test_overload (void)
{
  Side decoder, encoder;
  side_open (&decoder, NULL, FALSE);
  side_open (&encoder, decoder.shed, TRUE);
  overload (&decoder);
  push_some (&encoder, 20); /* does not block: what does not fit is left out */
  g_assert_cmpuint (klive_shed_get_count (encoder.shed), >=, 12);
  g_assert_cmpuint (klive_shed_get_count (decoder.shed), ==, 0);
  side_close (&encoder);
  side_close (&decoder);
}

static void
test_cut_is_kept (void)
{
  Side decoder, encoder;
  side_open (&decoder, NULL, FALSE);
  side_open (&encoder, decoder.shed, TRUE);
  overload (&decoder);
  push_some (&encoder, 12);
  guint64 count = klive_shed_get_count (encoder.shed);
  gst_harness_push_event (encoder.harness,
      gst_video_event_new_downstream_force_key_unit (encoder.time, encoder.time, encoder.time, TRUE, 7));
  GstClockTime cut = encoder.time;
  push_some (&encoder, 1);
  g_assert_cmpuint (klive_shed_get_count (encoder.shed), ==, count);
  gboolean found = FALSE;
  for (guint i = 0; i < 8 && !found; i++) {
    g_autoptr (GstBuffer) buffer = gst_harness_pull (encoder.harness);
    found = GST_BUFFER_PTS (buffer) == cut;
  }
  g_assert_true (found);
  side_close (&encoder);
  side_close (&decoder);
}

static void
test_half_rate (void)
{
  Side decoder, encoder;
  side_open (&decoder, NULL, FALSE);
  side_open (&encoder, decoder.shed, TRUE);
  overload (&decoder);
  push_some (&encoder, 8);
  for (guint i = 0; i < 24; i++) { /* 12 s, each frame too many */
    ahead += G_USEC_PER_SEC / 2;
    push_some (&encoder, 1);
  }
  g_assert_true (klive_shed_is_half_rate (encoder.shed));

  take (&decoder, 0);
  push_some (&decoder, 1); /* the decoder is in time again */
  guint64 count = klive_shed_get_count (encoder.shed);
  take (&encoder, 0);
  for (guint i = 0; i < 10; i++) {
    push_some (&encoder, 2); /* one of the two */
    gst_buffer_unref (gst_harness_pull (encoder.harness));
  }
  g_assert_cmpuint (klive_shed_get_count (encoder.shed), ==, count);
  ahead += 31 * G_USEC_PER_SEC;
  push_some (&encoder, 1);
  g_assert_false (klive_shed_is_half_rate (encoder.shed));
  side_close (&encoder);
  side_close (&decoder);
}

/* A decoder that stands still loses whole GOPs, and never blocks who feeds it. */
static void
test_decoder (void)
{
  Side decoder;
  side_open (&decoder, NULL, FALSE);
  push (&decoder, 4 << 20, TRUE);
  for (guint i = 0; i < 12; i++)
    push (&decoder, 4 << 20, FALSE);
  guint64 count = klive_shed_get_count (decoder.shed);
  g_assert_cmpuint (count, >=, 3);
  take (&decoder, 0);
  push (&decoder, 1000, FALSE); /* cannot be decoded */
  g_assert_cmpuint (klive_shed_get_count (decoder.shed), ==, count + 1);
  push (&decoder, 1000, TRUE);
  push (&decoder, 1000, FALSE);
  g_assert_cmpuint (klive_shed_get_count (decoder.shed), ==, count + 1);
  side_close (&decoder);
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/shed/a-burst-costs-nothing", test_burst);
  g_test_add_func ("/shed/overload", test_overload);
  g_test_add_func ("/shed/cut-is-kept", test_cut_is_kept);
  g_test_add_func ("/shed/half-rate", test_half_rate);
  g_test_add_func ("/shed/decoder-loses-gops", test_decoder);
  return g_test_run ();
}
