/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kalturacut: in front of which frames it puts which events.
 */
#include <gst/check/gstharness.h>
#include <gst/video/video-event.h>

#include "elements.h"

#define MS GST_MSECOND

typedef struct {
  GstElement *cut;
  GstHarness *video, *audio; /* NULL = no such pad */
} Fixture;

static GstHarness *
connect_harness (GstElement *cut, const char *sink, const char *src, const char *caps)
{
  GstHarness *harness = gst_harness_new_with_element (cut, sink, NULL);
  g_autoptr (GstPad) pad = gst_element_get_static_pad (cut, src);
  gst_harness_add_element_src_pad (harness, pad);
  gst_harness_set_src_caps_str (harness, caps);
  return harness;
}

static Fixture *
set_up (gint64 epoch, gboolean video, gboolean audio)
{
  Fixture *f = g_new0 (Fixture, 1);
  f->cut = gst_element_factory_make ("kalturacut", NULL);
  g_object_set (f->cut, "segment-duration", 2 * GST_SECOND, "epoch", epoch, NULL);
  f->video = video ? connect_harness (f->cut, "video", "src_video", "video/x-h264") : NULL;
  f->audio = audio ? connect_harness (f->cut, "audio", "src_audio", "audio/mpeg") : NULL;
  return f;
}

static void
tear_down (Fixture *f)
{
  gst_element_set_state (f->cut, GST_STATE_NULL);
  if (f->video != NULL) {
    gst_harness_teardown (f->video);
  }
  if (f->audio != NULL) {
    gst_harness_teardown (f->audio);
  }
  gst_object_unref (f->cut);
  g_free (f);
}

/* The force-key-unit event that came out since the last call, NULL = none. There is one at most. */
static GstEvent *
pull_event (GstHarness *harness)
{
  GstEvent *found = NULL;
  GstEvent *event;
  while ((event = gst_harness_try_pull_event (harness)) != NULL) {
    if (gst_video_event_is_force_key_unit (event)) {
      fail_unless (found == NULL);
      found = event;
    } else {
      gst_event_unref (event);
    }
  }
  return found;
}

typedef enum { DELTA, KEY } Kind;
typedef enum { NOTHING, KEYFRAME, CUT } Expected;

static void
check_event (GstEvent *event, Expected expected, gint64 ms, guint count)
{
  if (expected == NOTHING) {
    fail_unless (event == NULL, "event at %" G_GINT64_FORMAT, ms);
    return;
  }
  GstClockTime timestamp, running_time;
  gboolean all_headers;
  guint got;
  fail_unless (event != NULL, "no event at %" G_GINT64_FORMAT, ms);
  gst_video_event_parse_downstream_force_key_unit (event, &timestamp, NULL, &running_time, &all_headers, &got);
  fail_unless_equals_uint64 (timestamp, ms * MS);
  fail_unless_equals_uint64 (running_time, ms * MS);
  fail_unless (all_headers == (expected == CUT));
  fail_unless_equals_int (got, expected == CUT ? count : 0);
  gst_event_unref (event);
}

static void
push (GstHarness *harness, gint64 ms, guint duration, Kind kind, Expected expected, guint count)
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, 10, NULL);
  GST_BUFFER_PTS (buffer) = ms * MS;
  GST_BUFFER_DURATION (buffer) = duration * MS;
  if (kind == DELTA) {
    GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_DELTA_UNIT);
  }
  fail_unless_equals_int (gst_harness_push (harness, buffer), GST_FLOW_OK);
  gst_buffer_unref (gst_harness_pull (harness));
  check_event (pull_event (harness), expected, ms, count);
}

static void
push_video (Fixture *f, gint64 ms, Kind kind, Expected expected, guint count)
{
  push (f->video, ms, 40, kind, expected, count);
}

static void
push_audio (Fixture *f, gint64 ms, Expected expected, guint count)
{
  push (f->audio, ms, 20, KEY, expected, count);
}

/* The first keyframe in each slot is a cut, the first of all gets nothing. */
GST_START_TEST (cuts_at_first_keyframe_of_slot)
{
  Fixture *f = set_up (0, TRUE, FALSE);
  push_video (f, 0, KEY, NOTHING, 0);
  push_video (f, 500, DELTA, NOTHING, 0);
  push_video (f, 1500, KEY, KEYFRAME, 0);
  push_video (f, 1999, KEY, KEYFRAME, 0);
  push_video (f, 2000, KEY, CUT, 1);
  push_video (f, 3400, KEY, KEYFRAME, 0);
  push_video (f, 4100, DELTA, NOTHING, 0);
  push_video (f, 5999, KEY, CUT, 2);
  push_video (f, 6000, KEY, CUT, 3);
  push_video (f, 13000, KEY, CUT, 6);
  tear_down (f);
}
GST_END_TEST

/* The slot comes from Unix time, its low 32 bits go along. */
GST_START_TEST (epoch)
{
  gint64 unix_time = G_GINT64_CONSTANT (1763812345678) * MS;
  guint slot = (unix_time / (2 * GST_SECOND)) & 0xffffffff;
  Fixture *f = set_up (unix_time, TRUE, FALSE);
  push_video (f, 0, KEY, NOTHING, 0);
  push_video (f, 321, KEY, KEYFRAME, 0); /* ...345.999 */
  push_video (f, 322, KEY, CUT, slot + 1);
  push_video (f, 2321, KEY, KEYFRAME, 0);
  push_video (f, 2322, KEY, CUT, slot + 2);
  tear_down (f);
}
GST_END_TEST

/* Without an epoch the system clock gives it. */
GST_START_TEST (epoch_from_clock)
{
  gint64 before = g_get_real_time () * 1000;
  Fixture *f = set_up (-1, TRUE, FALSE);
  push_video (f, 5000, KEY, NOTHING, 0);
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, 10, NULL);
  GST_BUFFER_PTS (buffer) = 7000 * MS;
  gst_harness_push (f->video, buffer);
  GstEvent *event = pull_event (f->video);
  guint count;
  fail_unless (event != NULL);
  gst_video_event_parse_downstream_force_key_unit (event, NULL, NULL, NULL, NULL, &count);
  guint slot = (before / (2 * (gint64) GST_SECOND)) & 0xffffffff;
  fail_unless (count >= slot + 1 && count <= slot + 6);
  gst_event_unref (event);
  tear_down (f);
}
GST_END_TEST

GST_START_TEST (time_goes_back)
{
  Fixture *f = set_up (0, TRUE, FALSE);
  push_video (f, 100000, KEY, NOTHING, 0);
  push_video (f, 102000, KEY, CUT, 51);
  push_video (f, 101000, KEY, KEYFRAME, 0);
  push_video (f, 0, KEY, CUT, 0);
  push_video (f, 1000, KEY, KEYFRAME, 0);
  push_video (f, 2000, KEY, CUT, 1);
  tear_down (f);
}
GST_END_TEST

GST_START_TEST (stream_that_begins_without_keyframe)
{
  Fixture *f = set_up (0, TRUE, FALSE);
  push_video (f, 0, DELTA, NOTHING, 0);
  push_video (f, 2500, KEY, NOTHING, 0); /* the first that a decoder can use */
  push_video (f, 3000, KEY, KEYFRAME, 0);
  push_video (f, 4000, KEY, CUT, 2);
  tear_down (f);
}
GST_END_TEST

/* Audio is cut in front of the first buffer that ends behind the video's cut. */
GST_START_TEST (audio_follows_video)
{
  Fixture *f = set_up (0, TRUE, TRUE);
  push_video (f, 0, KEY, NOTHING, 0);
  push_audio (f, 0, NOTHING, 0);
  push_video (f, 2010, KEY, CUT, 1);
  push_audio (f, 1970, NOTHING, 0);
  push_audio (f, 1990, NOTHING, 0);
  push_audio (f, 2010 - 10, CUT, 1);
  push_audio (f, 2020, NOTHING, 0);
  push_audio (f, 2040, NOTHING, 0);
  push_audio (f, 4000, NOTHING, 0); /* a new slot, but no keyframe yet */
  push_video (f, 4500, KEY, CUT, 2);
  push_audio (f, 4600, CUT, 2); /* was ahead */
  tear_down (f);
}
GST_END_TEST

GST_START_TEST (audio_alone)
{
  Fixture *f = set_up (0, FALSE, TRUE);
  push_audio (f, 1000, NOTHING, 0);
  push_audio (f, 1990, NOTHING, 0);
  push_audio (f, 2010, CUT, 1);
  push_audio (f, 2030, NOTHING, 0);
  push_audio (f, 8000, CUT, 4);
  tear_down (f);
}
GST_END_TEST

/* Video that has not come for 2 s, of audio and of real time, is not waited for; when it comes back it does not cut the
 * same slot again. */
GST_START_TEST (video_goes_silent)
{
  Fixture *f = set_up (0, TRUE, TRUE);
  push_video (f, 0, KEY, NOTHING, 0);
  push_audio (f, 0, NOTHING, 0);
  push_audio (f, 2020, NOTHING, 0);
  push_audio (f, 4040, NOTHING, 0); /* a burst: not silent yet */
  g_usleep (2100 * G_TIME_SPAN_MILLISECOND);
  push_audio (f, 4060, CUT, 2);
  push_audio (f, 5980, NOTHING, 0);
  push_audio (f, 6000, CUT, 3);
  push_video (f, 6100, KEY, KEYFRAME, 0);
  push_audio (f, 8000, NOTHING, 0);
  push_video (f, 8100, KEY, CUT, 4);
  push_audio (f, 8100, CUT, 4);
  tear_down (f);
}
GST_END_TEST

GST_START_TEST (video_ends)
{
  Fixture *f = set_up (0, TRUE, TRUE);
  push_video (f, 0, KEY, NOTHING, 0);
  push_audio (f, 0, NOTHING, 0);
  fail_unless (gst_harness_push_event (f->video, gst_event_new_eos ()));
  push_audio (f, 2000, CUT, 1);
  tear_down (f);
}
GST_END_TEST

typedef struct {
  Fixture *f;
  GstFlowReturn flow;
  gint64 took; /* ms */
} Push;

static gpointer
push_audio_in_thread (gpointer data)
{
  Push *push = data;
  gint64 begin = g_get_monotonic_time ();
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, 10, NULL);
  GST_BUFFER_PTS (buffer) = 2100 * MS;
  GST_BUFFER_DURATION (buffer) = 20 * MS;
  push->flow = gst_harness_push (push->f->audio, buffer);
  push->took = (g_get_monotonic_time () - begin) / G_TIME_SPAN_MILLISECOND;
  return NULL;
}

typedef enum { VIDEO_COMES, VIDEO_ENDS, NO_VIDEO_COMES, AUDIO_IS_FLUSHED, ALL_IS_STOPPED } Waiting;

/* Audio on a thread of its own that is ahead of video waits, so that it can be cut where video will be. */
GST_START_TEST (audio_waits_for_video)
{
  Waiting waiting = __i__;
  Fixture *f = set_up (0, TRUE, TRUE);
  Push push = { f, GST_FLOW_OK, 0 };
  push_video (f, 0, KEY, NOTHING, 0);
  GThread *thread = g_thread_new ("audio", push_audio_in_thread, &push);
  g_usleep (100 * G_TIME_SPAN_MILLISECOND);
  fail_unless_equals_int (gst_harness_buffers_received (f->audio), 0);
  if (waiting == VIDEO_COMES) {
    push_video (f, 2040, KEY, CUT, 1);
    g_usleep (50 * G_TIME_SPAN_MILLISECOND);
    fail_unless_equals_int (gst_harness_buffers_received (f->audio), 0);
    push_video (f, 2120, DELTA, NOTHING, 0);
  } else if (waiting == VIDEO_ENDS) {
    gst_harness_push_event (f->video, gst_event_new_eos ());
  } else if (waiting == AUDIO_IS_FLUSHED) {
    gst_harness_push_event (f->audio, gst_event_new_flush_start ());
  } else if (waiting == ALL_IS_STOPPED) {
    gst_element_set_state (f->cut, GST_STATE_READY);
  }
  g_thread_join (thread);
  if (waiting == AUDIO_IS_FLUSHED || waiting == ALL_IS_STOPPED) {
    fail_unless_equals_int (push.flow, GST_FLOW_FLUSHING);
  } else {
    fail_unless_equals_int (push.flow, GST_FLOW_OK);
    gst_buffer_unref (gst_harness_pull (f->audio));
    check_event (pull_event (f->audio), waiting == NO_VIDEO_COMES ? NOTHING : CUT, 2100, 1);
  }
  fail_unless (push.took < (waiting == NO_VIDEO_COMES ? 2500 : 500));
  fail_unless (push.took > (waiting == NO_VIDEO_COMES ? 1900 : 90));
  tear_down (f);
}
GST_END_TEST

/* Everything else goes through untouched, in both directions; buffers without a time too. */
GST_START_TEST (lets_everything_through)
{
  Fixture *f = set_up (0, TRUE, TRUE);
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, 10, NULL);
  fail_unless_equals_int (gst_harness_push (f->video, gst_buffer_ref (buffer)), GST_FLOW_OK);
  g_autoptr (GstBuffer) same = gst_harness_pull (f->video);
  fail_unless (same == buffer);
  gst_buffer_unref (buffer);
  fail_unless (gst_harness_push_upstream_event (f->audio,
      gst_event_new_custom (GST_EVENT_CUSTOM_UPSTREAM, gst_structure_new_empty ("x"))));
  g_autoptr (GstCaps) caps = gst_pad_get_current_caps (f->audio->sinkpad);
  fail_unless (gst_structure_has_name (gst_caps_get_structure (caps, 0), "audio/mpeg"));
  tear_down (f);
}
GST_END_TEST

GST_START_TEST (one_pad_of_a_kind)
{
  Fixture *f = set_up (0, TRUE, FALSE);
  GstPadTemplate *template = gst_element_get_pad_template (f->cut, "video");
  fail_unless (gst_element_request_pad (f->cut, template, NULL, NULL) == NULL);
  tear_down (f);
}
GST_END_TEST

/* x264enc makes exactly the source's keyframes keyframes and lets the cuts through in front of the same frames. */
typedef struct {
  GArray *keys; /* of GstClockTime, running time */
  GArray *cuts;
} Seen;

static GstPadProbeReturn
look (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  Seen *seen = data;
  if (info->type & GST_PAD_PROBE_TYPE_BUFFER) {
    GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);
    if (!GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DELTA_UNIT)) {
      g_autoptr (GstEvent) event = gst_pad_get_sticky_event (pad, GST_EVENT_SEGMENT, 0);
      const GstSegment *segment;
      gst_event_parse_segment (event, &segment);
      GstClockTime time = gst_segment_to_running_time (segment, GST_FORMAT_TIME, GST_BUFFER_PTS (buffer));
      g_array_append_val (seen->keys, time);
    }
    return GST_PAD_PROBE_OK;
  }
  GstClockTime running_time;
  gboolean all_headers;
  if (gst_video_event_parse_downstream_force_key_unit (GST_PAD_PROBE_INFO_EVENT (info), NULL, NULL, &running_time,
          &all_headers, NULL) &&
      all_headers) {
    g_array_append_val (seen->cuts, running_time);
  }
  return GST_PAD_PROBE_OK;
}

static void
watch (GstElement *pipeline, const char *name, Seen *seen)
{
  g_autoptr (GstElement) element = gst_bin_get_by_name (GST_BIN (pipeline), name);
  g_autoptr (GstPad) pad = gst_element_get_static_pad (element, "sink");
  seen->keys = g_array_new (FALSE, FALSE, sizeof (GstClockTime));
  seen->cuts = g_array_new (FALSE, FALSE, sizeof (GstClockTime));
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, look, seen, NULL);
}

static void
check_same (GArray *one, GArray *other)
{
  fail_unless_equals_int (one->len, other->len);
  for (guint i = 0; i < one->len; i++) {
    fail_unless_equals_uint64 (g_array_index (one, GstClockTime, i), g_array_index (other, GstClockTime, i));
  }
}

GST_START_TEST (encoders_follow)
{
  Seen source, encoded;
  GstElement *pipeline = gst_parse_launch (
      "videotestsrc num-buffers=250 ! video/x-raw,width=64,height=36,framerate=25/1 ! "
      "x264enc key-int-max=17 speed-preset=veryfast bframes=2 ! h264parse ! "
      "video/x-h264,stream-format=byte-stream,alignment=au ! kalturacut name=cut epoch=0 segment-duration=2000000000 "
      "cut.src_video ! tee name=v ! queue ! fakesink name=source v. ! queue ! avdec_h264 ! "
      "x264enc key-int-max=600 speed-preset=veryfast bframes=2 option-string=scenecut=0 ! fakesink name=encoded",
      NULL);
  watch (pipeline, "source", &source);
  watch (pipeline, "encoded", &encoded);
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  g_autoptr (GstMessage) message =
      gst_bus_timed_pop_filtered (bus, 30 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  fail_unless (message != NULL && GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
  fail_unless_equals_int (source.keys->len, 15);
  fail_unless_equals_int (source.cuts->len, 4);
  check_same (source.keys, encoded.keys);
  check_same (source.cuts, encoded.cuts);
  g_array_unref (source.keys);
  g_array_unref (source.cuts);
  g_array_unref (encoded.keys);
  g_array_unref (encoded.cuts);
}
GST_END_TEST

static Suite *
make_suite (void)
{
  Suite *suite = suite_create ("kalturacut");
  TCase *tcase = tcase_create ("general");
  suite_add_tcase (suite, tcase);
  tcase_set_timeout (tcase, 60);
  tcase_add_test (tcase, cuts_at_first_keyframe_of_slot);
  tcase_add_test (tcase, epoch);
  tcase_add_test (tcase, epoch_from_clock);
  tcase_add_test (tcase, time_goes_back);
  tcase_add_test (tcase, stream_that_begins_without_keyframe);
  tcase_add_test (tcase, audio_follows_video);
  tcase_add_test (tcase, audio_alone);
  tcase_add_test (tcase, video_goes_silent);
  tcase_add_test (tcase, video_ends);
  tcase_add_loop_test (tcase, audio_waits_for_video, VIDEO_COMES, ALL_IS_STOPPED + 1);
  tcase_add_test (tcase, lets_everything_through);
  tcase_add_test (tcase, one_pad_of_a_kind);
  tcase_add_test (tcase, encoders_follow);
  return suite;
}

ELEMENTS_MAIN (make_suite)
