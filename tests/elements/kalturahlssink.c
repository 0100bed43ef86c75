/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kalturahlssink with made-up frames: what ends up in which segment, what is told, what faults do.
 */
#include <errno.h>
#include <glib/gstdio.h>
#include <gst/video/video-event.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "elements.h"
#include "ts-reader.h"

#define MS GST_MSECOND
#define FRAME 40       /* ms of a video frame */
#define AUDIO_FRAME 20 /* ms of an audio frame, by the buffers' durations */

#define VIDEO_CAPS "video/x-h264,stream-format=byte-stream,alignment=au,width=1280,height=720,framerate=25/1"
#define AVC_CAPS \
  "video/x-h264,stream-format=avc,alignment=au,width=1280,height=720,framerate=25/1," \
  "codec_data=(buffer)014d401fffe10005674d401f9501000368ee3c"
#define ADTS_CAPS "audio/mpeg,mpegversion=4,stream-format=adts,framed=true,rate=48000,channels=2"
#define RAW_CAPS "audio/mpeg,mpegversion=4,stream-format=raw,rate=48000,channels=2,codec_data=(buffer)1190"
#define MP3_CAPS "audio/mpeg,mpegversion=1,layer=3,parsed=true,rate=48000,channels=2,mpegaudioversion=1"

typedef struct {
  GstElement *sink;
  GstBus *bus;
  char *folder;
  GstPad *video, *audio; /* source pads; NULL = none */
  TsState *state;
  guint audio_index;
} Fixture;

static GstStaticPadTemplate source_template =
    GST_STATIC_PAD_TEMPLATE ("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

static GstPad *
connect_pad (GstElement *sink, const char *name, const char *caps_text)
{
  GstPad *pad = gst_pad_new_from_static_template (&source_template, name);
  g_autoptr (GstPad) peer = gst_element_request_pad_simple (sink, name);
  fail_unless (gst_pad_link (pad, peer) == GST_PAD_LINK_OK);
  gst_pad_set_active (pad, TRUE);
  if (caps_text != NULL) {
    g_autoptr (GstCaps) caps = gst_caps_from_string (caps_text);
    gst_check_setup_events_with_stream_id (pad, sink, caps, GST_FORMAT_TIME, name);
  }
  return pad;
}

static void
disconnect_pad (GstElement *sink, GstPad *pad)
{
  if (pad != NULL) {
    g_autoptr (GstPad) peer = gst_pad_get_peer (pad);
    gst_pad_unlink (pad, peer);
    gst_element_release_request_pad (sink, peer);
    gst_pad_set_active (pad, FALSE);
    gst_object_unref (pad);
  }
}

static Fixture *
set_up (const char *video_caps, const char *audio_caps)
{
  Fixture *f = g_new0 (Fixture, 1);
  f->folder = elements_make_folder ();
  g_autofree char *location = g_build_filename (f->folder, "%u.ts", NULL);
  f->sink = gst_element_factory_make ("kalturahlssink", "hls");
  f->bus = gst_bus_new ();
  gst_element_set_bus (f->sink, f->bus);
  g_object_set (f->sink, "location", location, "max-wait", 200 * MS, NULL);
  f->state = g_new0 (TsState, 1);
  fail_unless (gst_element_set_state (f->sink, GST_STATE_PLAYING) == GST_STATE_CHANGE_SUCCESS);
  f->video = video_caps != NULL ? connect_pad (f->sink, "video", video_caps) : NULL;
  f->audio = audio_caps != NULL ? connect_pad (f->sink, "audio", audio_caps) : NULL;
  return f;
}

static void
tear_down (Fixture *f)
{
  gst_element_set_state (f->sink, GST_STATE_NULL);
  disconnect_pad (f->sink, f->video);
  disconnect_pad (f->sink, f->audio);
  gst_element_set_bus (f->sink, NULL);
  gst_object_unref (f->bus);
  gst_object_unref (f->sink);
  elements_remove_folder (f->folder);
  g_free (f->state);
  g_free (f);
}

static void
push_cut (GstPad *pad, guint count)
{
  gst_pad_push_event (pad,
      gst_video_event_new_downstream_force_key_unit (GST_CLOCK_TIME_NONE, GST_CLOCK_TIME_NONE, 0, TRUE, count));
}

typedef enum { DELTA, KEY } Kind;

static gsize frame_size = 700; /* bytes; each check has a process of its own */

static GstBuffer *
make_video (gint64 pts, gint64 dts, Kind kind)
{
  static const guint8 key[] = { 0, 0, 0, 1, 0x67, 0x4d, 0x40, 0x1f, 0x95, 0, 0, 0, 1, 0x68, 0xee, 0x3c, 0, 0, 1, 0x65 };
  static const guint8 delta[] = { 0, 0, 0, 1, 0x41 };
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, frame_size, NULL);
  gst_buffer_memset (buffer, 0, 0x55, frame_size);
  gst_buffer_fill (buffer, 0, kind == KEY ? key : delta, kind == KEY ? sizeof (key) : sizeof (delta));
  GST_BUFFER_PTS (buffer) = pts * MS;
  GST_BUFFER_DTS (buffer) = dts * MS;
  GST_BUFFER_DURATION (buffer) = FRAME * MS;
  if (kind == DELTA) {
    GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_DELTA_UNIT);
  }
  return buffer;
}

static void
push_video (Fixture *f, gint64 ms, Kind kind)
{
  fail_unless_equals_int (gst_pad_push (f->video, make_video (ms, ms, kind)), GST_FLOW_OK);
}

/* A frame that can be recognised: 16 bytes with its number, behind an ADTS header. */
static void
push_audio (Fixture *f, gint64 ms)
{
  guint8 frame[7 + 16] = { 0xff, 0xf1, 0x4c, 0x80, 0x02, 0xff, 0xfc };
  guint size = sizeof (frame);
  memcpy (frame + 7, &f->audio_index, sizeof (f->audio_index));
  f->audio_index++;
  GstBuffer *buffer = gst_buffer_new_memdup (frame, size);
  GST_BUFFER_PTS (buffer) = GST_BUFFER_DTS (buffer) = ms * MS;
  GST_BUFFER_DURATION (buffer) = AUDIO_FRAME * MS;
  fail_unless_equals_int (gst_pad_push (f->audio, buffer), GST_FLOW_OK);
}

/* Both tracks from @begin to @end, a keyframe each second, with a cut in front of each but the first. */
static void
push_both (Fixture *f, gint64 begin, gint64 end)
{
  gint64 audio = begin;
  for (gint64 video = begin; video < end; video += FRAME) {
    if (video % 1000 == 0 && video > 0) {
      push_cut (f->video, video / 1000);
    }
    push_video (f, video, video % 1000 == 0 ? KEY : DELTA);
    for (; audio < video + FRAME && audio < end; audio += AUDIO_FRAME) {
      push_audio (f, audio);
    }
  }
}

static TsFile *
read_segment (Fixture *f, guint index)
{
  g_autofree char *name = g_strdup_printf ("%u.ts", index);
  g_autofree char *path = g_build_filename (f->folder, name, NULL);
  return ts_read_file (path, f->state);
}

static gboolean
has_segment (Fixture *f, guint index)
{
  g_autofree char *name = g_strdup_printf ("%u.ts", index);
  g_autofree char *path = g_build_filename (f->folder, name, NULL);
  return g_file_test (path, G_FILE_TEST_EXISTS);
}

/* The numbers of the audio frames in @file, which must follow on each other: the first, and how many. */
static void
count_audio (const TsFile *file, guint *begin, guint *count)
{
  *count = 0;
  for (guint i = 0; i < ts_count (file, TS_AUDIO); i++) {
    const TsPes *pes = ts_get (file, TS_AUDIO, i);
    fail_unless_equals_int (pes->payload->len % 23, 0);
    for (guint k = 0; k < pes->payload->len; k += 23) {
      guint number;
      memcpy (&number, pes->payload->data + k + 7, sizeof (number));
      if (*count == 0) {
        *begin = number;
      }
      fail_unless_equals_int (number, *begin + *count);
      (*count)++;
    }
  }
}

/* Asserts which frames are in segment @index: video PTS in ms of the first, and numbers of frames. */
static void
check_segment (Fixture *f, guint index, gint64 first_video, guint n_video, guint first_audio, guint n_audio)
{
  g_autoptr (TsFile) file = read_segment (f, index);
  fail_unless_equals_int (ts_count (file, TS_VIDEO), n_video);
  if (n_video > 0) {
    fail_unless_equals_int64 (ts_get (file, TS_VIDEO, 0)->pts, TS_ORIGIN + first_video * 90);
    fail_unless (ts_get (file, TS_VIDEO, 0)->random_access);
    fail_unless_equals_int (ts_get (file, TS_VIDEO, 0)->first_packet, 2);
  }
  guint begin = 0, count;
  count_audio (file, &begin, &count);
  fail_unless_equals_int (count, n_audio);
  if (n_audio > 0) {
    fail_unless_equals_int (begin, first_audio);
    fail_unless_equals_int64 (ts_get (file, TS_AUDIO, 0)->pts, TS_ORIGIN + (gint64) begin * AUDIO_FRAME * 90);
  }
}

static void
check_message (Fixture *f, guint index, gint64 running_time, gint64 duration, gboolean last)
{
  g_autoptr (GstMessage) message = elements_wait_message (f->bus, "kaltura-segment");
  fail_unless (GST_MESSAGE_SRC (message) == GST_OBJECT (f->sink));
  fail_unless_equals_uint64 (elements_get_uint64 (message, "index"), index);
  fail_unless_equals_uint64 (elements_get_uint64 (message, "running-time"), running_time * MS);
  fail_unless_equals_uint64 (elements_get_uint64 (message, "duration"), duration * MS);
  fail_unless (elements_get_boolean (message, "last") == last);
  g_autofree char *data = NULL;
  gsize size;
  fail_unless (g_file_get_contents (elements_get_string (message, "location"), &data, &size, NULL));
  fail_unless_equals_uint64 (elements_get_uint64 (message, "bytes"), size);
}

static void
check_eos (Fixture *f)
{
  gst_message_unref (elements_wait_type (f->bus, GST_MESSAGE_EOS));
}

static void
push_eos (Fixture *f)
{
  if (f->video != NULL) {
    gst_pad_push_event (f->video, gst_event_new_eos ());
  }
  if (f->audio != NULL) {
    gst_pad_push_event (f->audio, gst_event_new_eos ());
  }
}

GST_START_TEST (cuts_on_event)
{
  Fixture *f = set_up (VIDEO_CAPS, ADTS_CAPS);
  push_both (f, 0, 3000);
  push_eos (f);
  check_message (f, 0, 0, 1000, FALSE);
  check_message (f, 1, 1000, 1000, FALSE);
  check_message (f, 2, 2000, 1000, TRUE);
  check_eos (f);
  check_segment (f, 0, 0, 25, 0, 50);
  check_segment (f, 1, 1000, 25, 50, 50);
  check_segment (f, 2, 2000, 25, 100, 50);
  tear_down (f);
}
GST_END_TEST

GST_START_TEST (message_describes_segment)
{
  Fixture *f = set_up (VIDEO_CAPS, RAW_CAPS);
  push_both (f, 0, 1040);
  g_autoptr (GstMessage) message = elements_wait_message (f->bus, "kaltura-segment");
  gint numerator, denominator;
  fail_unless_equals_string (elements_get_string (message, "codecs"), "avc1.4d401f,mp4a.40.2");
  fail_unless_equals_int (elements_get_int (message, "width"), 1280);
  fail_unless_equals_int (elements_get_int (message, "height"), 720);
  fail_unless (gst_structure_get_fraction (gst_message_get_structure (message), "framerate", &numerator, &denominator));
  fail_unless_equals_int (numerator, 25);
  fail_unless_equals_int (denominator, 1);
  tear_down (f);
}
GST_END_TEST

/* Only events with all headers cut, and only at a keyframe. */
GST_START_TEST (cuts_at_keyframes_only)
{
  Fixture *f = set_up (VIDEO_CAPS, NULL);
  push_video (f, 0, KEY);
  gst_pad_push_event (f->video, gst_video_event_new_downstream_force_key_unit (0, 0, 0, FALSE, 0));
  push_video (f, 40, KEY);
  push_cut (f->video, 1);
  push_video (f, 80, DELTA);
  push_video (f, 120, DELTA);
  push_video (f, 160, KEY);
  push_video (f, 200, KEY);
  push_eos (f);
  check_message (f, 0, 0, 160, FALSE);
  check_message (f, 1, 160, 80, TRUE);
  check_segment (f, 0, 0, 4, 0, 0);
  check_segment (f, 1, 160, 2, 0, 0);
  tear_down (f);
}
GST_END_TEST

GST_START_TEST (begins_with_keyframe)
{
  Fixture *f = set_up (VIDEO_CAPS, ADTS_CAPS);
  push_video (f, 0, DELTA);
  for (guint ms = 0; ms < 120; ms += AUDIO_FRAME) {
    push_audio (f, ms);
  }
  push_video (f, 40, DELTA);
  push_video (f, 90, KEY);
  push_eos (f);
  check_message (f, 0, 90, 40, TRUE);
  check_segment (f, 0, 90, 1, 4, 2); /* audio that has ended at 80 belongs to no picture */
  tear_down (f);
}
GST_END_TEST

/* The frame that lies across the cut opens the new segment, behind the keyframe. */
GST_START_TEST (audio_across_cut)
{
  Fixture *f = set_up (VIDEO_CAPS, ADTS_CAPS);
  push_video (f, 0, KEY);
  for (guint ms = 0; ms < 200; ms += AUDIO_FRAME) {
    push_audio (f, ms);
  }
  push_cut (f->video, 1);
  push_video (f, 110, KEY);
  push_eos (f);
  check_segment (f, 0, 0, 1, 0, 5);
  check_segment (f, 1, 110, 1, 5, 5);
  tear_down (f);
}
GST_END_TEST

/* With B-frames the keyframe is decoded before the audio in front of its PTS has come. */
GST_START_TEST (b_frames)
{
  Fixture *f = set_up (VIDEO_CAPS, ADTS_CAPS);
  for (guint i = 0; i < 10; i++) {
    if (i == 5) {
      push_cut (f->video, 1);
    }
    gint64 pts = i * FRAME + 80;
    GstBuffer *buffer = make_video (i % 5 == 0 ? pts : pts - 20, i * FRAME, i % 5 == 0 ? KEY : DELTA);
    fail_unless_equals_int (gst_pad_push (f->video, buffer), GST_FLOW_OK);
    push_audio (f, 2 * i * AUDIO_FRAME);
    push_audio (f, (2 * i + 1) * AUDIO_FRAME);
  }
  push_eos (f);
  check_message (f, 0, 80, 200, FALSE);
  g_autoptr (TsFile) file = read_segment (f, 0);
  fail_unless_equals_int64 (ts_get (file, TS_VIDEO, 0)->dts, TS_ORIGIN);
  fail_unless_equals_int64 (ts_get (file, TS_VIDEO, 0)->pts, TS_ORIGIN + 80 * 90);
  guint frame, count;
  count_audio (file, &frame, &count);
  fail_unless_equals_int (frame, 4);
  fail_unless_equals_int (count, 10); /* those that end between 80 and 280 ms */
  tear_down (f);
}
GST_END_TEST

GST_START_TEST (segment_closes_at_once)
{
  Fixture *f = set_up (VIDEO_CAPS, ADTS_CAPS);
  push_both (f, 0, 1000);
  push_cut (f->video, 1);
  fail_if (has_segment (f, 0));
  push_video (f, 1000, KEY);
  fail_unless (has_segment (f, 0)); /* in the very call */
  tear_down (f);
}
GST_END_TEST

GST_START_TEST (audio_only)
{
  Fixture *f = set_up (NULL, ADTS_CAPS);
  for (guint ms = 0; ms < 3000; ms += AUDIO_FRAME) {
    if (ms % 1000 == 0 && ms > 0) {
      push_cut (f->audio, ms / 1000);
    }
    push_audio (f, ms);
  }
  push_eos (f);
  for (guint i = 0; i < 3; i++) {
    check_message (f, i, i * 1000, 1000, i == 2);
    g_autoptr (TsFile) file = read_segment (f, i);
    fail_unless_equals_int (file->pcr_pid, TS_AUDIO);
    fail_unless_equals_int (file->types[0], 0);
    fail_unless_equals_int64 (ts_get (file, TS_AUDIO, 0)->pts, TS_ORIGIN + i * 90000);
  }
  check_eos (f);
  tear_down (f);
}
GST_END_TEST

static void
add_metadata (Fixture *f, gint64 ms, const char *text, gboolean taken)
{
  g_autoptr (GBytes) tag = g_bytes_new (text, strlen (text));
  gboolean done = !taken;
  g_signal_emit_by_name (f->sink, "add-metadata", (guint64) (ms * MS), tag, &done);
  fail_unless_equals_int (done, taken);
}

static void
check_metadata (const TsFile *file, guint index, gint64 ms, const char *text)
{
  const TsPes *pes = ts_get (file, TS_METADATA, index);
  fail_unless_equals_int64 (pes->pts, TS_ORIGIN + ms * 90);
  g_assert_cmpmem (pes->payload->data, pes->payload->len, text, strlen (text));
}

/* At its time, in the segment of that time, whenever it was added; listed from the first one on. */
GST_START_TEST (metadata)
{
  Fixture *f = set_up (VIDEO_CAPS, ADTS_CAPS);
  add_metadata (f, 1510, "one", TRUE);
  push_both (f, 0, 2000);
  add_metadata (f, 500, "late", TRUE);
  add_metadata (f, 2500, "two", TRUE);
  add_metadata (f, 2200, "before two", TRUE);
  add_metadata (f, 99000, "never", TRUE);
  push_cut (f->video, 2);
  push_cut (f->audio, 2);
  push_both (f, 2000, 3000);
  push_eos (f);
  for (guint i = 0; i < 3; i++) {
    g_autoptr (TsFile) file = read_segment (f, i);
    fail_unless_equals_int (ts_count (file, TS_METADATA), i == 0 ? 0 : i == 1 ? 1 : 3);
    fail_unless_equals_int (file->types[2], i == 0 ? 0 : 0x15);
    if (i == 1) {
      check_metadata (file, 0, 1510, "one");
    } else if (i == 2) {
      check_metadata (file, 0, 2000, "late");
      check_metadata (file, 1, 2200, "before two");
      check_metadata (file, 2, 2500, "two");
    }
  }
  gst_element_set_state (f->sink, GST_STATE_NULL);
  add_metadata (f, 0, "x", FALSE);
  tear_down (f);
}
GST_END_TEST

GST_START_TEST (metadata_of_audio_alone)
{
  Fixture *f = set_up (NULL, ADTS_CAPS);
  add_metadata (f, 330, "one", TRUE);
  for (guint ms = 0; ms < 1000; ms += AUDIO_FRAME) {
    push_audio (f, ms);
  }
  push_eos (f);
  g_autoptr (TsFile) file = read_segment (f, 0);
  check_metadata (file, 0, 330, "one");
  for (guint i = 1; i < file->pcrs->len; i++) {
    fail_unless (g_array_index (file->pcrs, gint64, i) > g_array_index (file->pcrs, gint64, i - 1));
  }
  tear_down (f);
}
GST_END_TEST

/* Raw AAC gets headers, MP3 stays as it is. */
GST_START_TEST (audio_formats)
{
  static const struct {
    const char *caps;
    guint8 type;
    const char *codec;
    guint size;
  } cases[] = {
    { ADTS_CAPS, 0x0f, "mp4a.40.2", 23 },
    { RAW_CAPS, 0x0f, "mp4a.40.2", 30 },
    { MP3_CAPS, 0x03, "mp4a.40.34", 23 },
    { "audio/mpeg,mpegversion=4,stream-format=raw,rate=48000,channels=2,codec_data=(buffer)2b118800", 0x0f, "mp4a.40.5",
        30 },
    { "audio/mpeg,mpegversion=1,layer=3,parsed=true,rate=22050,channels=2,mpegaudioversion=2", 0x04, "mp4a.40.34", 23 },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    Fixture *f = set_up (NULL, cases[i].caps);
    push_audio (f, 0);
    push_eos (f);
    g_autoptr (GstMessage) message = elements_wait_message (f->bus, "kaltura-segment");
    fail_unless_equals_string (elements_get_string (message, "codecs"), cases[i].codec);
    g_autoptr (TsFile) file = read_segment (f, 0);
    fail_unless_equals_int (file->types[1], cases[i].type);
    fail_unless_equals_int (ts_get (file, TS_AUDIO, 0)->payload->len, cases[i].size);
    fail_unless_equals_int (ts_get (file, TS_AUDIO, 0)->payload->data[0], 0xff);
    tear_down (f);
  }
}
GST_END_TEST

GST_START_TEST (avc)
{
  static const guint8 frame[] = { 0, 0, 0, 3, 0x65, 0x88, 0x84 };
  static const guint8 expected[] = { 0, 0, 0, 1, 0x09, 0xf0, 0, 0, 0, 1, 0x67, 0x4d, 0x40, 0x1f, 0x95, 0, 0, 0, 1, 0x68,
    0xee, 0x3c, 0, 0, 0, 1, 0x65, 0x88, 0x84 };
  Fixture *f = set_up (AVC_CAPS, NULL);
  fail_unless_equals_int (GST_BIN_NUMCHILDREN (f->sink), 1); /* no parser */
  GstBuffer *buffer = gst_buffer_new_memdup (frame, sizeof (frame));
  GST_BUFFER_PTS (buffer) = 0;
  fail_unless_equals_int (gst_pad_push (f->video, buffer), GST_FLOW_OK);
  push_eos (f);
  g_autoptr (GstMessage) message = elements_wait_message (f->bus, "kaltura-segment");
  fail_unless_equals_string (elements_get_string (message, "codecs"), "avc1.4d401f");
  g_autoptr (TsFile) file = read_segment (f, 0);
  GByteArray *payload = ts_get (file, TS_VIDEO, 0)->payload;
  fail_unless_equals_int (payload->len, sizeof (expected));
  fail_unless_equals_int (memcmp (payload->data, expected, sizeof (expected)), 0);
  tear_down (f);
}
GST_END_TEST

GST_START_TEST (parsers_only_where_needed)
{
  static const struct {
    const char *pad, *caps, *parser;
  } cases[] = {
    { "video", VIDEO_CAPS, NULL },
    { "video", AVC_CAPS, NULL },
    { "video", "video/x-h264,stream-format=byte-stream,alignment=nal", "h264parse" },
    { "video", "video/x-h264", "h264parse" },
    { "audio", RAW_CAPS, NULL },
    { "audio", ADTS_CAPS, NULL },
    { "audio", MP3_CAPS, NULL },
    { "audio", "audio/mpeg,mpegversion=4,stream-format=adts,rate=48000,channels=2", "aacparse" },
    { "audio", "audio/mpeg,mpegversion=4,stream-format=loas,rate=48000,channels=2", "aacparse" },
    { "audio", "audio/mpeg,mpegversion=1,layer=3,rate=48000,channels=2", "mpegaudioparse" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    Fixture *f = set_up (NULL, NULL);
    GstPad *pad = connect_pad (f->sink, cases[i].pad, cases[i].caps);
    fail_unless_equals_int (GST_BIN_NUMCHILDREN (f->sink), cases[i].parser != NULL ? 2 : 1);
    if (cases[i].parser != NULL) {
      g_autoptr (GstIterator) iterator =
          gst_bin_iterate_all_by_element_factory_name (GST_BIN (f->sink), cases[i].parser);
      GValue value = G_VALUE_INIT;
      fail_unless (gst_iterator_next (iterator, &value) == GST_ITERATOR_OK);
      g_value_unset (&value);
    }
    disconnect_pad (f->sink, pad);
    fail_unless_equals_int (GST_BIN_NUMCHILDREN (f->sink), 1);
    tear_down (f);
  }
}
GST_END_TEST

GST_START_TEST (caps_without_headers)
{
  Fixture *f = set_up (NULL, NULL);
  GstPad *pad = connect_pad (f->sink, "video", NULL);
  g_autoptr (GstCaps) caps =
      gst_caps_from_string ("video/x-h264,stream-format=avc,width=16,height=16,codec_data=(buffer)0142");
  gst_check_setup_events_with_stream_id (pad, f->sink, caps, GST_FORMAT_TIME, "video");
  fail_unless_equals_int (gst_pad_push (pad, make_video (0, 0, KEY)), GST_FLOW_NOT_NEGOTIATED);
  disconnect_pad (f->sink, pad);
  tear_down (f);
}
GST_END_TEST

/* Audio that comes 1 s later than the video that it belongs to ends up next to it. */
GST_START_TEST (audio_lags)
{
  Fixture *f = set_up (VIDEO_CAPS, ADTS_CAPS);
  g_object_set (f->sink, "max-wait", 2 * GST_SECOND, NULL);
  for (gint64 ms = 0; ms < 4000; ms += FRAME) {
    if (ms < 3000) {
      if (ms % 1000 == 0 && ms > 0) {
        push_cut (f->video, ms / 1000);
      }
      push_video (f, ms, ms % 1000 == 0 ? KEY : DELTA);
    }
    if (ms >= 1000) {
      push_audio (f, ms - 1000);
      push_audio (f, ms - 1000 + AUDIO_FRAME);
    }
  }
  push_eos (f);
  for (guint i = 0; i < 3; i++) {
    check_segment (f, i, i * 1000, 25, i * 50, 50);
  }
  tear_down (f);
}
GST_END_TEST

/* Waits in real time for as long as a track may be silent. */
static void
pass_silence (void)
{
  g_usleep (250 * G_TIME_SPAN_MILLISECOND);
}

GST_START_TEST (audio_stops)
{
  Fixture *f = set_up (VIDEO_CAPS, ADTS_CAPS);
  push_both (f, 0, 1000);
  pass_silence ();
  for (gint64 ms = 1000; ms < 3000; ms += FRAME) {
    if (ms % 1000 == 0) {
      push_cut (f->video, ms / 1000);
    }
    push_video (f, ms, ms % 1000 == 0 ? KEY : DELTA);
  }
  fail_unless (has_segment (f, 0) && has_segment (f, 1));
  /* it comes back where the video is */
  f->audio_index = 150;
  push_both (f, 3000, 4000);
  push_eos (f);
  check_segment (f, 0, 0, 25, 0, 50);
  check_segment (f, 1, 1000, 25, 0, 0);
  check_segment (f, 2, 2000, 25, 0, 0);
  check_segment (f, 3, 3000, 25, 150, 50);
  tear_down (f);
}
GST_END_TEST

GST_START_TEST (audio_never_comes)
{
  Fixture *f = set_up (VIDEO_CAPS, NULL);
  f->audio = connect_pad (f->sink, "audio", NULL);
  for (gint64 ms = 0; ms < 2000; ms += FRAME) {
    if (ms == 1000) {
      pass_silence ();
      push_cut (f->video, 1);
    }
    push_video (f, ms, ms % 1000 == 0 ? KEY : DELTA);
  }
  check_segment (f, 0, 0, 25, 0, 0);
  gst_pad_push_event (f->audio, gst_event_new_stream_start ("x"));
  push_eos (f);
  check_eos (f);
  g_autoptr (TsFile) file = read_segment (f, 1);
  fail_unless_equals_int (file->types[1], 0); /* no phantom track */
  tear_down (f);
}
GST_END_TEST

/* Audio that begins late is announced inside the segment. */
GST_START_TEST (audio_starts_late)
{
  Fixture *f = set_up (VIDEO_CAPS, NULL);
  f->audio = connect_pad (f->sink, "audio", NULL);
  for (gint64 ms = 0; ms < 400; ms += FRAME) {
    push_video (f, ms, ms == 0 ? KEY : DELTA);
  }
  pass_silence ();
  push_video (f, 400, DELTA);
  g_autoptr (GstCaps) caps = gst_caps_from_string (ADTS_CAPS);
  gst_check_setup_events_with_stream_id (f->audio, f->sink, caps, GST_FORMAT_TIME, "audio");
  f->audio_index = 22;
  for (gint64 ms = 440; ms < 1000; ms += FRAME) {
    push_video (f, ms, DELTA);
    push_audio (f, ms);
    push_audio (f, ms + AUDIO_FRAME);
  }
  push_eos (f);
  g_autoptr (TsFile) file = read_segment (f, 0);
  fail_unless_equals_int (file->n_tables, 2);
  fail_unless_equals_int (file->version, 1);
  guint begin, count;
  count_audio (file, &begin, &count);
  fail_unless_equals_int (begin, 22);
  fail_unless_equals_int (count, 28);
  tear_down (f);
}
GST_END_TEST

/* While video is silent the events on the audio pad cut; a cut that video makes up for later is not made twice. */
GST_START_TEST (video_stops)
{
  Fixture *f = set_up (VIDEO_CAPS, ADTS_CAPS);
  push_both (f, 0, 1000);
  push_cut (f->audio, 1); /* as kalturacut does: not to be followed while video flows */
  push_both (f, 1000, 1500);
  fail_if (has_segment (f, 1));
  pass_silence ();
  for (gint64 ms = 1500; ms < 3500; ms += AUDIO_FRAME) {
    if (ms % 1000 == 0) {
      push_cut (f->audio, ms / 1000);
    }
    push_audio (f, ms);
  }
  fail_unless (has_segment (f, 1) && has_segment (f, 2));
  gint64 ms = 3500;
  push_cut (f->video, 3);
  push_video (f, ms, KEY);
  for (; ms < 4000; ms += FRAME) {
    push_audio (f, ms);
    push_audio (f, ms + AUDIO_FRAME);
    push_video (f, ms + FRAME, DELTA);
  }
  push_eos (f);
  check_segment (f, 0, 0, 25, 0, 50);
  check_segment (f, 1, 1000, 13, 50, 50);
  check_segment (f, 2, 0, 0, 100, 50);
  fail_if (has_segment (f, 4));
  tear_down (f);
}
GST_END_TEST

GST_START_TEST (video_starts_late)
{
  Fixture *f = set_up (VIDEO_CAPS, ADTS_CAPS);
  for (gint64 ms = 0; ms < 1000; ms += AUDIO_FRAME) {
    if (ms == 800) {
      pass_silence ();
    }
    push_audio (f, ms);
  }
  for (gint64 ms = 1000; ms < 2000; ms += FRAME) {
    push_video (f, ms, ms == 1000 ? KEY : DELTA);
    push_audio (f, ms);
    push_audio (f, ms + AUDIO_FRAME);
  }
  push_eos (f);
  check_message (f, 0, 0, 1000, FALSE);
  check_message (f, 1, 1000, 1000, TRUE);
  check_segment (f, 0, 0, 0, 0, 50);
  check_segment (f, 1, 1000, 25, 50, 50);
  tear_down (f);
}
GST_END_TEST

/* A burst of one track, faster than real time, waits for the other: no silence. */
GST_START_TEST (burst)
{
  Fixture *f = set_up (VIDEO_CAPS, ADTS_CAPS);
  g_object_set (f->sink, "max-wait", 2 * GST_SECOND, NULL);
  for (gint64 ms = 0; ms < 9000; ms += AUDIO_FRAME) {
    push_audio (f, ms);
  }
  for (gint64 ms = 0; ms < 9000; ms += FRAME) {
    if (ms % 3000 == 0 && ms > 0) {
      push_cut (f->video, ms / 3000);
    }
    push_video (f, ms, ms % 3000 == 0 ? KEY : DELTA);
  }
  push_eos (f);
  for (guint i = 0; i < 3; i++) {
    check_segment (f, i, i * 3000, 75, i * 150, 150);
  }
  tear_down (f);
}
GST_END_TEST

/* Whatever happens, no more than 32 MiB are held. */
GST_START_TEST (held_back_is_bounded)
{
  Fixture *f = set_up (VIDEO_CAPS, ADTS_CAPS);
  g_object_set (f->sink, "max-wait", 10 * GST_SECOND, NULL);
  frame_size = 1024 * 1024;
  for (gint64 ms = 0; ms < 40 * FRAME; ms += FRAME) {
    if (ms == 5 * FRAME) {
      push_cut (f->video, 1);
    }
    push_video (f, ms, ms % (5 * FRAME) == 0 ? KEY : DELTA);
    fail_unless (has_segment (f, 0) == (ms >= (31 + 5) * FRAME));
  }
  tear_down (f);
}
GST_END_TEST

GST_START_TEST (gap_events)
{
  Fixture *f = set_up (VIDEO_CAPS, ADTS_CAPS);
  g_object_set (f->sink, "max-wait", 10 * GST_SECOND, NULL);
  for (gint64 ms = 0; ms < 2000; ms += FRAME) {
    if (ms == 1000) {
      push_cut (f->video, 1);
    }
    push_video (f, ms, ms % 1000 == 0 ? KEY : DELTA);
    gst_pad_push_event (f->audio, gst_event_new_gap (ms * MS, FRAME * MS));
  }
  fail_unless (has_segment (f, 0));
  tear_down (f);
}
GST_END_TEST

GST_START_TEST (one_track_ends_first)
{
  Fixture *f = set_up (VIDEO_CAPS, ADTS_CAPS);
  push_both (f, 0, 1000);
  gst_pad_push_event (f->audio, gst_event_new_eos ());
  for (gint64 ms = 1000; ms < 2080; ms += FRAME) {
    if (ms % 1000 == 0) {
      push_cut (f->video, ms / 1000);
    }
    push_video (f, ms, ms % 1000 == 0 ? KEY : DELTA);
  }
  fail_unless (has_segment (f, 1));
  fail_unless (gst_bus_pop_filtered (f->bus, GST_MESSAGE_EOS) == NULL);
  gst_pad_push_event (f->video, gst_event_new_eos ());
  check_eos (f);
  check_segment (f, 0, 0, 25, 0, 50);
  g_autoptr (TsFile) file = read_segment (f, 1);
  fail_unless_equals_int (file->types[1], 0);
  fail_unless_equals_int (gst_pad_push (f->video, make_video (2080, 2080, KEY)), GST_FLOW_EOS);
  tear_down (f);
}
GST_END_TEST

GST_START_TEST (stop_without_eos)
{
  Fixture *f = set_up (VIDEO_CAPS, ADTS_CAPS);
  push_both (f, 0, 600);
  gst_element_set_state (f->sink, GST_STATE_READY);
  check_message (f, 0, 0, 600, TRUE);
  check_segment (f, 0, 0, 15, 0, 30);
  tear_down (f);
}
GST_END_TEST

GST_START_TEST (nothing_written_without_data)
{
  Fixture *f = set_up (VIDEO_CAPS, ADTS_CAPS);
  push_eos (f);
  check_eos (f);
  fail_unless (elements_pop_message (f->bus, "kaltura-segment") == NULL);
  fail_if (has_segment (f, 0));
  tear_down (f);
}
GST_END_TEST

GST_START_TEST (start_index)
{
  Fixture *f = set_up (VIDEO_CAPS, NULL);
  guint64 index = G_GUINT64_CONSTANT (293968724000);
  gst_element_set_state (f->sink, GST_STATE_READY);
  g_object_set (f->sink, "start-index", index, NULL);
  gst_element_set_state (f->sink, GST_STATE_PLAYING);
  g_autoptr (GstCaps) caps = gst_caps_from_string (VIDEO_CAPS);
  gst_check_setup_events_with_stream_id (f->video, f->sink, caps, GST_FORMAT_TIME, "video");
  push_video (f, 0, KEY);
  push_cut (f->video, 1);
  push_video (f, 1000, KEY);
  push_eos (f);
  for (guint i = 0; i < 2; i++) {
    g_autoptr (GstMessage) message = elements_wait_message (f->bus, "kaltura-segment");
    g_autofree char *name = g_strdup_printf ("%" G_GUINT64_FORMAT ".ts", index + i);
    fail_unless_equals_uint64 (elements_get_uint64 (message, "index"), index + i);
    fail_unless (g_str_has_suffix (elements_get_string (message, "location"), name));
  }
  tear_down (f);
}
GST_END_TEST

GST_START_TEST (bad_location)
{
  static const char *const bad[] = { "none.ts", "%s.ts", "%u-%u.ts", "", NULL };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    GstElement *sink = gst_element_factory_make ("kalturahlssink", NULL);
    GstBus *bus = gst_bus_new ();
    gst_element_set_bus (sink, bus);
    g_object_set (sink, "location", bad[i], NULL);
    fail_unless (gst_element_set_state (sink, GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE);
    g_autoptr (GstMessage) message = elements_wait_type (bus, GST_MESSAGE_ERROR);
    g_autoptr (GError) error = NULL;
    gst_message_parse_error (message, &error, NULL);
    fail_unless (g_error_matches (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS));
    gst_element_set_state (sink, GST_STATE_NULL);
    gst_element_set_bus (sink, NULL);
    gst_object_unref (bus);
    gst_object_unref (sink);
  }
}
GST_END_TEST

GST_START_TEST (target_duration)
{
  Fixture *f = set_up (NULL, NULL);
  gst_element_set_state (f->sink, GST_STATE_READY);
  g_object_set (f->sink, "target-duration", 2, NULL);
  gst_element_set_state (f->sink, GST_STATE_PLAYING);
  f->video = connect_pad (f->sink, "video", VIDEO_CAPS);
  for (gint64 ms = 0; ms < 6000; ms += FRAME) {
    push_video (f, ms, ms % 1000 == 0 ? KEY : DELTA);
  }
  push_eos (f);
  for (guint i = 0; i < 3; i++) {
    check_message (f, i, i * 2000, 2000, i == 2);
  }
  tear_down (f);
}
GST_END_TEST

/* The warnings on the bus, in @warnings; the element messages behind them, in order. */
static GQueue
take_messages (Fixture *f, int expected_code, guint *warnings)
{
  GQueue messages = G_QUEUE_INIT;
  GstMessage *message;
  *warnings = 0;
  while ((message = gst_bus_pop (f->bus)) != NULL) {
    if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ELEMENT) {
      g_queue_push_tail (&messages, message);
      continue;
    }
    if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_WARNING) {
      g_autoptr (GError) error = NULL;
      gst_message_parse_warning (message, &error, NULL);
      fail_unless (g_error_matches (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_WRITE));
      fail_unless (strstr (error->message, g_strerror (expected_code)) != NULL, "%s", error->message);
      (*warnings)++;
    }
    gst_message_unref (message);
  }
  return messages;
}

/* The next message is of segment @index, lost by @code or, with 0, written. */
static void
check_next (GQueue *messages, guint index, int code)
{
  g_autoptr (GstMessage) message = g_queue_pop_head (messages);
  fail_unless (message != NULL);
  fail_unless (gst_message_has_name (message, code != 0 ? "kaltura-segment-failed" : "kaltura-segment"));
  fail_unless_equals_uint64 (elements_get_uint64 (message, "index"), index);
  fail_unless_equals_uint64 (elements_get_uint64 (message, "running-time"), index * GST_SECOND);
  fail_unless_equals_uint64 (elements_get_uint64 (message, "duration"), GST_SECOND);
  fail_unless (g_file_test (elements_get_string (message, "location"), G_FILE_TEST_EXISTS) == (code == 0));
  if (code != 0) {
    fail_unless_equals_int (elements_get_int (message, "errno"), code);
  }
}

/* A fault is told once, each lost segment is told, and all is well when the folder is back. */
GST_START_TEST (folder_goes_away)
{
  Fixture *f = set_up (VIDEO_CAPS, ADTS_CAPS);
  g_autofree char *aside = g_strconcat (f->folder, "-aside", NULL);
  push_both (f, 0, 1000);
  fail_unless_equals_int (g_rename (f->folder, aside), 0);
  push_both (f, 1000, 3040);
  guint warnings;
  GQueue messages = take_messages (f, ENOENT, &warnings);
  fail_unless_equals_int (warnings, 1);
  for (guint i = 0; i < 3; i++) {
    check_next (&messages, i, ENOENT);
  }
  fail_unless_equals_int (g_rename (aside, f->folder), 0);
  push_both (f, 3040, 5040);
  messages = take_messages (f, ENOENT, &warnings);
  fail_unless_equals_int (warnings, 0);
  check_next (&messages, 3, ENOENT); /* was opened while there was no folder */
  check_next (&messages, 4, 0);
  tear_down (f);
}
GST_END_TEST

/* The limit on file sizes stands for a full disk. */
GST_START_TEST (disk_full)
{
  Fixture *f = set_up (VIDEO_CAPS, ADTS_CAPS);
  struct rlimit before, limit;
  signal (SIGXFSZ, SIG_IGN);
  getrlimit (RLIMIT_FSIZE, &before);
  limit = before;
  limit.rlim_cur = 200000; /* beyond what the checks write for themselves */
  frame_size = 10000;
  push_both (f, 0, 1000);
  setrlimit (RLIMIT_FSIZE, &limit);
  push_both (f, 1000, 3040);
  setrlimit (RLIMIT_FSIZE, &before);
  push_both (f, 3040, 5040);
  guint warnings;
  GQueue messages = take_messages (f, EFBIG, &warnings);
  fail_unless_equals_int (warnings, 1);
  check_next (&messages, 0, EFBIG);
  check_next (&messages, 1, EFBIG);
  check_next (&messages, 2, EFBIG);
  check_next (&messages, 3, 0);
  check_next (&messages, 4, 0);
  g_autoptr (GDir) folder = g_dir_open (f->folder, 0, NULL);
  const char *name;
  while ((name = g_dir_read_name (folder)) != NULL) {
    fail_unless (g_str_equal (name, "3.ts") || g_str_equal (name, "4.ts") || g_str_equal (name, ".5.ts.part"), "%s",
        name);
  }
  tear_down (f);
}
GST_END_TEST

/* Timestamps that go back a little are repaired, frames without any get one. */
GST_START_TEST (bad_timestamps)
{
  Fixture *f = set_up (VIDEO_CAPS, ADTS_CAPS);
  static const gint64 times[] = { 0, 40, 80, 79, 79, 80, 120, 60, 160, 200 };
  for (guint i = 0; i < G_N_ELEMENTS (times); i++) {
    GstBuffer *buffer = make_video (times[i], times[i], i == 0 ? KEY : DELTA);
    if (i == 3) {
      GST_BUFFER_PTS (buffer) = GST_BUFFER_DTS (buffer) = GST_CLOCK_TIME_NONE;
    }
    fail_unless_equals_int (gst_pad_push (f->video, buffer), GST_FLOW_OK);
    push_audio (f, i * AUDIO_FRAME * 2);
    push_audio (f, i * AUDIO_FRAME * 2 + AUDIO_FRAME);
  }
  push_eos (f);
  g_autoptr (TsFile) file = read_segment (f, 0);
  fail_unless_equals_int (ts_count (file, TS_VIDEO), G_N_ELEMENTS (times));
  for (guint i = 1; i < G_N_ELEMENTS (times); i++) {
    fail_unless (ts_get (file, TS_VIDEO, i)->dts > ts_get (file, TS_VIDEO, i - 1)->dts);
    fail_unless (ts_get (file, TS_VIDEO, i)->pts >= ts_get (file, TS_VIDEO, i)->dts);
  }
  tear_down (f);
}
GST_END_TEST

/* An encoder that begins again at 0 in one stream: nothing hangs, and the files say that it is another timeline. */
GST_START_TEST (time_goes_back)
{
  Fixture *f = set_up (VIDEO_CAPS, ADTS_CAPS);
  push_both (f, 100000, 101480);
  push_cut (f->video, 7);
  f->audio_index = 1000;
  push_both (f, 0, 1480);
  push_eos (f);
  check_message (f, 0, 100000, 1000, FALSE);
  check_message (f, 1, 101000, 480, FALSE);
  check_message (f, 2, 0, 1000, FALSE);
  check_message (f, 3, 1000, 480, TRUE);
  check_eos (f);
  guint n_audio = 0;
  for (guint i = 0; i < 4; i++) {
    g_autoptr (TsFile) file = read_segment (f, i);
    fail_unless (ts_get (file, TS_VIDEO, 0)->discontinuity == (i % 2 == 0));
    for (guint k = 0; k < ts_count (file, TS_AUDIO); k++) {
      n_audio += ts_get (file, TS_AUDIO, k)->payload->len / 23;
    }
  }
  fail_unless_equals_int (n_audio, 2 * 74);
  tear_down (f);
}
GST_END_TEST

/* A hole of an hour is not an hour of segment. */
GST_START_TEST (time_leaps)
{
  Fixture *f = set_up (VIDEO_CAPS, ADTS_CAPS);
  push_both (f, 0, 520);
  push_both (f, 3600000, 3600520);
  push_eos (f);
  check_message (f, 0, 0, 520, FALSE);
  check_message (f, 1, 3600000, 520, TRUE);
  tear_down (f);
}
GST_END_TEST

GST_START_TEST (flush)
{
  Fixture *f = set_up (VIDEO_CAPS, ADTS_CAPS);
  push_both (f, 0, 520);
  for (guint i = 0; i < 2; i++) {
    GstPad *pad = i == 0 ? f->video : f->audio;
    GstSegment segment;
    gst_segment_init (&segment, GST_FORMAT_TIME);
    fail_unless (gst_pad_push_event (pad, gst_event_new_flush_start ()));
    fail_unless (gst_pad_push_event (pad, gst_event_new_flush_stop (TRUE)));
    fail_unless (gst_pad_push_event (pad, gst_event_new_segment (&segment)));
  }
  push_both (f, 1000, 1520);
  push_eos (f);
  check_message (f, 0, 0, 1000, FALSE);
  check_message (f, 1, 1000, 520, TRUE);
  check_eos (f);
  tear_down (f);
}
GST_END_TEST

GST_START_TEST (caps_change)
{
  Fixture *f = set_up (VIDEO_CAPS, NULL);
  push_video (f, 0, KEY);
  g_autoptr (GstCaps) caps =
      gst_caps_from_string ("video/x-h264,stream-format=byte-stream,alignment=au,width=640,height=360");
  gst_pad_push_event (f->video, gst_event_new_caps (caps));
  push_cut (f->video, 1);
  push_video (f, 1000, KEY);
  push_eos (f);
  g_autoptr (GstMessage) old = elements_wait_message (f->bus, "kaltura-segment");
  g_autoptr (GstMessage) new = elements_wait_message (f->bus, "kaltura-segment");
  fail_unless_equals_int (elements_get_int (old, "width"), 1280);
  fail_unless_equals_int (elements_get_int (new, "width"), 640);
  tear_down (f);
}
GST_END_TEST

/* A pad may go while the other one runs. */
GST_START_TEST (pad_released)
{
  Fixture *f = set_up (VIDEO_CAPS, ADTS_CAPS);
  push_both (f, 0, 480);
  disconnect_pad (f->sink, f->audio);
  f->audio = NULL;
  for (gint64 ms = 480; ms < 2000; ms += FRAME) {
    if (ms % 1000 == 0) {
      push_cut (f->video, ms / 1000);
    }
    push_video (f, ms, ms % 1000 == 0 ? KEY : DELTA);
  }
  fail_unless (has_segment (f, 0));
  push_eos (f);
  check_eos (f);
  tear_down (f);
}
GST_END_TEST

/* Memory does not grow with time: 10^5 frames. */
GST_START_TEST (long_run)
{
  Fixture *f = set_up (VIDEO_CAPS, ADTS_CAPS);
  guint64 before = 0;
  for (gint64 ms = 0; ms < 1500000; ms += FRAME) {
    if (ms % 10000 == 0 && ms > 0) {
      push_cut (f->video, ms / 10000);
    }
    push_video (f, ms, ms % 10000 == 0 ? KEY : DELTA);
    push_audio (f, ms);
    push_audio (f, ms + AUDIO_FRAME);
    if (ms % 10000 == 5000) {
      g_autoptr (GstMessage) message = elements_pop_message (f->bus, "kaltura-segment");
      if (message != NULL) {
        g_unlink (elements_get_string (message, "location"));
      }
      before = ms < 200000 ? elements_get_memory () : before;
    }
  }
  fail_unless (ELEMENTS_SANITIZED || elements_get_memory () < before + 2048,
      "from %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT " KiB", before, elements_get_memory ());
  tear_down (f);
}
GST_END_TEST

GST_START_TEST (state_changes_at_random)
{
  static const GstState states[] = { GST_STATE_NULL, GST_STATE_READY, GST_STATE_PAUSED, GST_STATE_PLAYING,
    GST_STATE_PLAYING };
  char *folder = elements_make_folder ();
  g_autofree char *text = g_strdup_printf (
      "kalturahlssink name=hls location=%s/%%u.ts playlist-location=%s/list kalturacut name=cut "
      "segment-duration=200000000 "
      "videotestsrc ! video/x-raw,width=64,height=36 ! x264enc key-int-max=5 speed-preset=ultrafast tune=zerolatency ! "
      "cut.video cut.src_video ! queue ! hls.video "
      "audiotestsrc ! avenc_aac ! cut.audio cut.src_audio ! queue ! hls.audio",
      folder, folder);
  GstElement *pipeline = gst_parse_launch (text, NULL);
  g_autoptr (GRand) random = g_rand_new_with_seed (7);
  for (guint i = 0; i < 100; i++) {
    GstState state = states[g_rand_int_range (random, 0, G_N_ELEMENTS (states))];
    fail_unless (gst_element_set_state (pipeline, state) != GST_STATE_CHANGE_FAILURE);
    g_usleep (g_rand_int_range (random, 0, 10000));
  }
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
  elements_remove_folder (folder);
}
GST_END_TEST

/* What really encodes: segments of a whole pipeline, and the playlist. */
GST_START_TEST (pipeline)
{
  char *folder = elements_make_folder ();
  g_autofree char *text =
      g_strdup_printf ("videotestsrc num-buffers=150 ! video/x-raw,width=160,height=90,framerate=25/1 ! "
                       "x264enc key-int-max=25 bframes=2 speed-preset=ultrafast ! "
                       "kalturacut name=cut epoch=0 segment-duration=2000000000 "
                       "cut.src_video ! hls.video "
                       "audiotestsrc num-buffers=280 ! audio/x-raw,rate=48000,channels=2 ! avenc_aac ! hls.audio "
                       "kalturahlssink name=hls location=%s/%%u.ts playlist-location=%s/list.m3u8 max-files=0",
          folder, folder);
  g_autoptr (GError) error = NULL;
  GstElement *pipeline = gst_parse_launch (text, &error);
  g_assert_no_error (error);
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  g_autoptr (GstMessage) message =
      gst_bus_timed_pop_filtered (bus, 30 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  fail_unless (message != NULL && GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
  g_autofree TsState *state = g_new0 (TsState, 1);
  for (guint i = 0; i < 3; i++) {
    g_autofree char *path = g_strdup_printf ("%s/%u.ts", folder, i);
    g_autoptr (TsFile) file = ts_read_file (path, state);
    fail_unless_equals_int (ts_count (file, TS_VIDEO), 50);
    fail_unless_equals_int64 (ts_get (file, TS_VIDEO, 0)->pts, TS_ORIGIN + i * 180000);
    fail_unless_equals_int (file->types[1], 0x0f);
  }
  g_autofree char *list = g_build_filename (folder, "list.m3u8", NULL);
  g_autofree char *playlist = NULL;
  fail_unless (g_file_get_contents (list, &playlist, NULL, NULL));
  fail_unless (strstr (playlist, "#EXTINF:2.000,\n1.ts\n") != NULL && strstr (playlist, "#EXT-X-ENDLIST\n") != NULL);
  elements_remove_folder (folder);
}
GST_END_TEST

static Suite *
make_suite (void)
{
  Suite *suite = suite_create ("kalturahlssink");
  TCase *tcase = tcase_create ("general");
  suite_add_tcase (suite, tcase);
  tcase_set_timeout (tcase, 120);
  tcase_add_test (tcase, cuts_on_event);
  tcase_add_test (tcase, message_describes_segment);
  tcase_add_test (tcase, cuts_at_keyframes_only);
  tcase_add_test (tcase, begins_with_keyframe);
  tcase_add_test (tcase, audio_across_cut);
  tcase_add_test (tcase, b_frames);
  tcase_add_test (tcase, segment_closes_at_once);
  tcase_add_test (tcase, audio_only);
  tcase_add_test (tcase, metadata);
  tcase_add_test (tcase, metadata_of_audio_alone);
  tcase_add_test (tcase, audio_formats);
  tcase_add_test (tcase, avc);
  tcase_add_test (tcase, parsers_only_where_needed);
  tcase_add_test (tcase, caps_without_headers);
  tcase_add_test (tcase, audio_lags);
  tcase_add_test (tcase, audio_stops);
  tcase_add_test (tcase, audio_never_comes);
  tcase_add_test (tcase, audio_starts_late);
  tcase_add_test (tcase, video_stops);
  tcase_add_test (tcase, video_starts_late);
  tcase_add_test (tcase, burst);
  tcase_add_test (tcase, held_back_is_bounded);
  tcase_add_test (tcase, gap_events);
  tcase_add_test (tcase, one_track_ends_first);
  tcase_add_test (tcase, stop_without_eos);
  tcase_add_test (tcase, nothing_written_without_data);
  tcase_add_test (tcase, start_index);
  tcase_add_test (tcase, bad_location);
  tcase_add_test (tcase, target_duration);
  tcase_add_test (tcase, folder_goes_away);
  tcase_add_test (tcase, disk_full);
  tcase_add_test (tcase, bad_timestamps);
  tcase_add_test (tcase, time_goes_back);
  tcase_add_test (tcase, time_leaps);
  tcase_add_test (tcase, flush);
  tcase_add_test (tcase, caps_change);
  tcase_add_test (tcase, pad_released);
  tcase_add_test (tcase, long_run);
  tcase_add_test (tcase, state_changes_at_random);
  tcase_add_test (tcase, pipeline);
  return suite;
}

ELEMENTS_MAIN (make_suite)
