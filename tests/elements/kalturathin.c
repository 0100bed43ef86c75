/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kalturathin: which frames and which keyframe requests come out.
 */
#include <gst/check/gstharness.h>
#include <gst/video/video-event.h>

#include "elements.h"

#define MS GST_MSECOND
#define FRAME (40 * MS)

static GstHarness *
set_up (guint skip_frames, gboolean follow_keyframes)
{
  GstElement *thin = gst_element_factory_make ("kalturathin", NULL);
  g_object_set (thin, "skip-frames", skip_frames, "follow-keyframes", follow_keyframes, NULL);
  GstHarness *harness = gst_harness_new_with_element (thin, "sink", "src");
  gst_object_unref (thin);
  gst_harness_set_src_caps_str (harness, "video/x-raw,format=I420,width=320,height=180,framerate=25/1");
  return harness;
}

static void
push_frame (GstHarness *harness, guint number)
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, 16, NULL);
  GST_BUFFER_PTS (buffer) = number * FRAME;
  fail_unless_equals_int (gst_harness_push (harness, buffer), GST_FLOW_OK);
}

static void
push_request (GstHarness *harness, guint frame, gboolean cut)
{
  fail_unless (gst_harness_push_event (harness,
      gst_video_event_new_downstream_force_key_unit (frame * FRAME, frame * FRAME, frame * FRAME, cut, 1)));
}

/* The numbers of the frames that came out, "0 2 4", and "c", "k" for a cut or a keyframe request in between. */
static char *
describe (GstHarness *harness)
{
  GString *text = g_string_new (NULL);
  GstBuffer *buffer;
  while ((buffer = gst_harness_try_pull (harness)) != NULL) {
    g_string_append_printf (text, "%s%u", text->len > 0 ? " " : "", (guint) (GST_BUFFER_PTS (buffer) / FRAME));
    gst_buffer_unref (buffer);
  }
  return g_string_free (text, FALSE);
}

static void
check_frames (GstHarness *harness, const char *expected)
{
  g_autofree char *found = describe (harness);
  fail_unless_equals_string (found, expected);
}

static guint
count_requests (GstHarness *harness)
{
  guint count = 0;
  GstEvent *event;
  while ((event = gst_harness_try_pull_event (harness)) != NULL) {
    count += gst_video_event_is_force_key_unit (event);
    gst_event_unref (event);
  }
  return count;
}

GST_START_TEST (leaves_out_frames)
{
  static const char *const expected[] = { "0 1 2 3 4 5 6", "0 2 4 6", "0 3 6" };
  for (guint skip = 0; skip < G_N_ELEMENTS (expected); skip++) {
    GstHarness *harness = set_up (skip, TRUE);
    for (guint i = 0; i < 7; i++) {
      push_frame (harness, i);
    }
    check_frames (harness, expected[skip]);
    gst_harness_teardown (harness);
  }
}
GST_END_TEST

/* The frame behind a cut passes and counting begins there; a keyframe request changes nothing. */
GST_START_TEST (begins_anew_at_a_cut)
{
  GstHarness *harness = set_up (2, TRUE);
  for (guint i = 0; i < 12; i++) {
    if (i == 4 || i == 8) {
      push_request (harness, i, TRUE);
    }
    if (i == 5) {
      push_request (harness, i, FALSE);
    }
    push_frame (harness, i);
  }
  check_frames (harness, "0 3 4 7 8 11");
  fail_unless_equals_int (count_requests (harness), 3);
  gst_harness_teardown (harness);
}
GST_END_TEST

/* An element in front holds frames back, so that events overtake them. */
GST_START_TEST (cut_comes_early)
{
  GstHarness *harness = set_up (1, TRUE);
  for (guint i = 0; i < 8; i++) {
    if (i == 3) {
      push_request (harness, 5, TRUE);
    }
    push_frame (harness, i);
  }
  check_frames (harness, "0 2 4 5 7");
  gst_harness_teardown (harness);
}
GST_END_TEST

GST_START_TEST (takes_requests_out)
{
  GstHarness *harness = set_up (0, FALSE);
  for (guint i = 0; i < 6; i++) {
    push_request (harness, i, i == 4);
    push_frame (harness, i);
  }
  check_frames (harness, "0 1 2 3 4 5");
  fail_unless_equals_int (count_requests (harness), 1);
  gst_harness_teardown (harness);
}
GST_END_TEST

GST_START_TEST (divides_the_frame_rate)
{
  static const struct {
    const char *in;
    guint skip;
    int n, d;
  } cases[] = { { "25/1", 0, 25, 1 }, { "30/1", 1, 15, 1 }, { "30000/1001", 1, 15000, 1001 }, { "25/1", 1, 25, 2 },
    { "0/1", 2, 0, 1 } };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    GstHarness *harness = set_up (cases[i].skip, TRUE);
    g_autofree char *in = g_strconcat ("video/x-raw,format=I420,width=320,height=180,framerate=", cases[i].in, NULL);
    g_autofree char *out = g_strdup_printf ("video/x-raw,framerate=%d/%d", cases[i].n, cases[i].d);
    int n, d;
    gst_harness_set_caps_str (harness, in, out);
    push_frame (harness, 0);
    g_autoptr (GstCaps) caps = gst_pad_get_current_caps (harness->sinkpad);
    fail_unless (gst_structure_get_fraction (gst_caps_get_structure (caps, 0), "framerate", &n, &d));
    fail_unless_equals_int (n, cases[i].n);
    fail_unless_equals_int (d, cases[i].d);
    gst_harness_teardown (harness);
  }
}
GST_END_TEST

static Suite *
make_suite (void)
{
  Suite *suite = suite_create ("kalturathin");
  TCase *tcase = tcase_create ("general");
  suite_add_tcase (suite, tcase);
  tcase_add_test (tcase, leaves_out_frames);
  tcase_add_test (tcase, begins_anew_at_a_cut);
  tcase_add_test (tcase, cut_comes_early);
  tcase_add_test (tcase, takes_requests_out);
  tcase_add_test (tcase, divides_the_frame_rate);
  return suite;
}

ELEMENTS_MAIN (make_suite)
