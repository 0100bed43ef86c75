/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kalturarecordsink with made-up frames: what ends up in which file, what is told, what the disk may do. A frame is
 * told by its first four bytes, its number in its track.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <grp.h>
#include <gst/video/video-event.h>
#include <gstkalturarecordthread.h>
#include <gstkalturasession.h>
#include <kaltura-job.h>
#include <mp4-finish.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "elements.h"
#include "fake-api.h"

#define MS GST_MSECOND
#define FRAME 40 /* ms of a video frame */
#define RATE 48000

#define AVC_CAPS \
  "video/x-h264,stream-format=avc,alignment=au,width=1280,height=720,framerate=25/1," \
  "codec_data=(buffer)014d401fffe10005674d401f9501000368ee3c"
#define OTHER_AVC_CAPS \
  "video/x-h264,stream-format=avc,alignment=au,width=640,height=360,framerate=25/1," \
  "codec_data=(buffer)014d401fffe10005674d401f9601000368ee3c"
#define RAW_CAPS "audio/mpeg,mpegversion=4,stream-format=raw,rate=48000,channels=2,codec_data=(buffer)1190"
#define MP3_CAPS "audio/mpeg,mpegversion=1,layer=3,rate=48000,channels=2"

typedef struct {
  GstElement *sink;
  GstBus *bus;
  char *folder;
  GstPad *video, *audio; /* source pads; NULL = none */
  guint video_index, audio_index;
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

/* In NULL, with a location in a new folder. */
static Fixture *
make_sink (void)
{
  Fixture *f = g_new0 (Fixture, 1);
  f->folder = elements_make_folder ();
  g_autofree char *location = g_build_filename (f->folder, "%u.mp4", NULL);
  f->sink = gst_element_factory_make ("kalturarecordsink", "rec");
  f->bus = gst_bus_new ();
  gst_element_set_bus (f->sink, f->bus);
  g_object_set (f->sink, "location", location, "max-wait", 200 * MS, NULL);
  return f;
}

static void
start (Fixture *f, const char *video_caps, const char *audio_caps)
{
  fail_unless (gst_element_set_state (f->sink, GST_STATE_PLAYING) == GST_STATE_CHANGE_SUCCESS);
  f->video = video_caps != NULL ? connect_pad (f->sink, "video", video_caps) : NULL;
  f->audio = audio_caps != NULL ? connect_pad (f->sink, "audio_0", audio_caps) : NULL;
}

static Fixture *
set_up (const char *video_caps, const char *audio_caps)
{
  Fixture *f = make_sink ();
  start (f, video_caps, audio_caps);
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
  g_free (f);
}

typedef enum { DELTA, KEY } Kind;

static gsize frame_size = 500; /* bytes; each check has a process of its own */

static GstBuffer *
make_buffer (guint number, gsize size)
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, size, NULL);
  gst_buffer_memset (buffer, 0, 0x55, size);
  gst_buffer_fill (buffer, 0, &number, sizeof number);
  return buffer;
}

static void
push_video_at (Fixture *f, gint64 pts, gint64 dts, Kind kind)
{
  GstBuffer *buffer = make_buffer (f->video_index++, frame_size);
  GST_BUFFER_PTS (buffer) = pts * MS;
  GST_BUFFER_DTS (buffer) = dts * MS;
  if (kind == DELTA) {
    GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_DELTA_UNIT);
  }
  fail_unless_equals_int (gst_pad_push (f->video, buffer), GST_FLOW_OK);
}

static void
push_video (Fixture *f, gint64 ms, Kind kind)
{
  push_video_at (f, ms, ms, kind);
}

static GstClockTime
get_audio_time (guint number)
{
  return gst_util_uint64_scale (number, 1024 * GST_SECOND, RATE);
}

static void
push_audio (Fixture *f)
{
  GstBuffer *buffer = make_buffer (f->audio_index, 20);
  GST_BUFFER_PTS (buffer) = get_audio_time (f->audio_index);
  f->audio_index++;
  fail_unless_equals_int (gst_pad_push (f->audio, buffer), GST_FLOW_OK);
}

static void
push_audio_until (Fixture *f, gint64 ms)
{
  while (f->audio != NULL && get_audio_time (f->audio_index) < (guint64) ms * MS) {
    push_audio (f);
  }
}

static void
push_mark (Fixture *f)
{
  gst_pad_push_event (f->video,
      gst_video_event_new_downstream_force_key_unit (GST_CLOCK_TIME_NONE, GST_CLOCK_TIME_NONE, 0, FALSE, 0));
}

/* Both tracks from @begin to @end (ms), a keyframe each second. */
static void
push_both (Fixture *f, gint64 begin, gint64 end)
{
  for (gint64 video = begin; video < end; video += FRAME) {
    push_video (f, video, video % 1000 == 0 ? KEY : DELTA);
    push_audio_until (f, MIN (video + FRAME, end));
  }
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

static void
check_eos (Fixture *f)
{
  gst_message_unref (elements_wait_type (f->bus, GST_MESSAGE_EOS));
}

static char *
get_path (const Fixture *f, guint number)
{
  return g_strdup_printf ("%s/%u.mp4", f->folder, number);
}

/* The frames of a track in a file: the number of the first, how many, and times in the track's timescale. */
typedef struct {
  guint first, count, syncs;
  guint64 dts, end;   /* of the first; behind the last */
  gint32 composition; /* of the first */
  gint64 media_time;  /* of the first edit */
  gboolean first_is_sync;
  gboolean audio;
} Found;

/* Reads a recording; its frames must follow on each other. Returns the number of tracks with frames. */
static guint
read_recording (const Fixture *f, guint number, Found found[2])
{
  g_autofree char *path = get_path (f, number);
  g_autoptr (GError) error = NULL;
  int fd = g_open (path, O_RDONLY, 0);
  fail_unless (fd >= 0, "no file %s", path);
  g_autoptr (Mp4Reader) reader = mp4_reader_new (fd, &error);
  fail_unless (reader != NULL, "%s: %s", path, error != NULL ? error->message : "");
  Mp4Sample sample;
  guint count = 0;
  memset (found, 0, 2 * sizeof *found);
  while (mp4_reader_next (reader, &sample, NULL)) {
    Found *track = &found[sample.track];
    guint32 index;
    fail_unless (pread (fd, &index, sizeof index, (off_t) sample.offset) == sizeof index);
    if (track->count == 0) {
      const Mp4Track *info = mp4_reader_get_tracks (reader)->pdata[sample.track];
      track->first = index;
      track->dts = sample.dts;
      track->composition = sample.composition;
      track->first_is_sync = sample.sync;
      track->media_time = info->edits->len > 0 ? g_array_index (info->edits, Mp4Edit, 0).media_time : 0;
      count++;
    }
    fail_unless_equals_int (index, track->first + track->count);
    track->count++;
    track->syncs += sample.sync;
    track->end = sample.dts + sample.duration;
  }
  fail_if (mp4_reader_is_torn (reader));
  close (fd);
  return count;
}

/* Asserts which frames are in recording @number. */
static void
check_recording (const Fixture *f, guint number, guint first_video, guint n_video, guint first_audio, guint n_audio)
{
  Found found[2];
  fail_unless_equals_int (read_recording (f, number, found), (n_video > 0) + (n_audio > 0));
  const Found *audio = n_video > 0 ? &found[1] : &found[0];
  if (n_video > 0) {
    fail_unless_equals_int (found[0].first, first_video);
    fail_unless_equals_int (found[0].count, n_video);
    fail_unless (found[0].first_is_sync);
    fail_unless_equals_int (found[0].dts, 0);
  }
  if (n_audio > 0) {
    fail_unless_equals_int (audio->first, first_audio);
    fail_unless_equals_int (audio->count, n_audio);
  }
}

static void
check_message (Fixture *f, guint number, gint64 running_time, double duration, gboolean last)
{
  g_autoptr (GstMessage) message = elements_wait_message (f->bus, "kaltura-recording");
  const GstStructure *structure = gst_message_get_structure (message);
  g_autofree char *path = get_path (f, number);
  double told = 0;
  struct stat info;
  fail_unless (GST_MESSAGE_SRC (message) == GST_OBJECT (f->sink));
  fail_unless_equals_string (elements_get_string (message, "location"), path);
  fail_unless_equals_uint64 (elements_get_uint64 (message, "running-time"), running_time * MS);
  fail_unless (gst_structure_get_double (structure, "duration", &told));
  fail_unless (ABS (told - duration) < 0.0005, "duration %f, not %f", told, duration);
  fail_unless (elements_get_boolean (message, "last") == last);
  fail_unless (elements_get_boolean (message, "plain"));
  fail_unless_equals_int (g_stat (path, &info), 0);
  fail_unless_equals_uint64 (elements_get_uint64 (message, "bytes"), info.st_size);
}

GST_START_TEST (records_both)
{
  Fixture *f = set_up (AVC_CAPS, RAW_CAPS);
  Found found[2];
  push_both (f, 0, 3000);
  push_eos (f);
  check_message (f, 0, 0, 3.008, TRUE); /* the last audio frame ends behind the last picture */
  check_eos (f);
  check_recording (f, 0, 0, 75, 0, 141);
  read_recording (f, 0, found);
  fail_unless_equals_int (found[0].syncs, 3);
  fail_unless_equals_int (found[0].end, 3 * 90000);
  fail_unless_equals_int (found[1].end, 141 * 1024);
  tear_down (f);
}
GST_END_TEST

GST_START_TEST (tells_start)
{
  Fixture *f = make_sink ();
  g_object_set (f->sink, "asset-id", "0_x8d2k1mn", NULL);
  start (f, AVC_CAPS, NULL);
  push_video (f, 7000, KEY);
  g_autoptr (GstMessage) message = elements_wait_message (f->bus, "kaltura-recording-started");
  g_autofree char *path = get_path (f, 0);
  fail_unless_equals_string (elements_get_string (message, "location"), path);
  fail_unless_equals_string (elements_get_string (message, "asset-id"), "0_x8d2k1mn");
  fail_unless_equals_uint64 (elements_get_uint64 (message, "running-time"), 7000 * MS);
  tear_down (f);
}
GST_END_TEST

/* Audio that has ended when the first picture comes belongs to nothing; a frame across it is cut by an edit. */
GST_START_TEST (begins_with_keyframe)
{
  Fixture *f = set_up (AVC_CAPS, RAW_CAPS);
  Found found[2];
  push_video (f, 0, DELTA);
  push_audio_until (f, 200);
  push_video (f, 40, DELTA);
  push_video (f, 90, KEY); /* audio frame 4 lasts from 85.3 to 106.7 ms */
  push_video (f, 130, DELTA);
  push_eos (f);
  check_message (f, 0, 90, 0.1233, TRUE);
  check_recording (f, 0, 2, 2, 4, 6);
  read_recording (f, 0, found);
  fail_unless_equals_int (found[1].dts, 0);
  fail_unless_equals_int (found[1].media_time, 224); /* 4.667 ms */
  tear_down (f);
}
GST_END_TEST

/* Pictures that are decoded ahead: the movie begins with the PTS of the keyframe. */
GST_START_TEST (reordered)
{
  Fixture *f = set_up (AVC_CAPS, NULL);
  Found found[2];
  push_video_at (f, 1080, 1000, KEY);
  push_video_at (f, 1160, 1040, DELTA);
  push_video_at (f, 1120, 1080, DELTA);
  push_video_at (f, 1200, 1120, DELTA);
  push_eos (f);
  check_message (f, 0, 1080, 0.16, TRUE);
  read_recording (f, 0, found);
  fail_unless_equals_int (found[0].dts, 0);
  fail_unless_equals_int (found[0].composition, 7200);
  fail_unless_equals_int (found[0].media_time, 7200);
  fail_unless_equals_int (found[0].end, 4 * 3600);
  tear_down (f);
}
GST_END_TEST

GST_START_TEST (chunk_duration)
{
  Fixture *f = make_sink ();
  g_object_set (f->sink, "chunk-duration", 2, NULL);
  start (f, AVC_CAPS, RAW_CAPS);
  push_both (f, 0, 5000);
  push_eos (f);
  check_message (f, 0, 0, 2, FALSE);
  check_message (f, 1, 2000, 2, FALSE); /* its first audio frame begins 16 ms early, and is cut */
  check_message (f, 2, 4000, 1.0133, TRUE);
  check_eos (f);
  check_recording (f, 0, 0, 50, 0, 93);
  check_recording (f, 1, 50, 50, 93, 94);
  check_recording (f, 2, 100, 25, 187, 48);
  tear_down (f);
}
GST_END_TEST

GST_START_TEST (split_now)
{
  Fixture *f = set_up (AVC_CAPS, NULL);
  push_both (f, 0, 1480);
  gst_message_unref (elements_wait_message (f->bus, "kaltura-recording-started"));
  g_signal_emit_by_name (f->sink, "split-now");
  push_both (f, 1480, 3000);
  push_eos (f);
  check_message (f, 0, 0, 2, FALSE);
  check_message (f, 1, 2000, 1, TRUE);
  check_eos (f);
  tear_down (f);
}
GST_END_TEST

/* Renditions get the same running time and split at the same keyframe, wherever they are. */
GST_START_TEST (split_at_running_time)
{
  const gint64 positions[] = { 40, 1480, 2960 };
  for (guint i = 0; i < G_N_ELEMENTS (positions); i++) {
    Fixture *f = set_up (AVC_CAPS, NULL);
    push_both (f, 0, positions[i]);
    g_signal_emit_by_name (f->sink, "split-at-running-time", (guint64) 2500 * MS);
    push_both (f, positions[i], 5000);
    push_eos (f);
    check_message (f, 0, 0, 3, FALSE);
    check_message (f, 1, 3000, 2, TRUE);
    tear_down (f);
  }
}
GST_END_TEST

/* A keyframe that only this rendition has is no place to split. */
GST_START_TEST (marked_keyframes)
{
  Fixture *f = make_sink ();
  g_object_set (f->sink, "chunk-duration", 1, NULL);
  start (f, AVC_CAPS, NULL);
  push_video (f, 0, KEY);
  push_mark (f);
  push_video (f, 400, KEY);
  push_video (f, 1100, KEY);
  push_mark (f);
  push_video (f, 1140, DELTA);
  push_video (f, 1200, KEY);
  push_eos (f);
  check_message (f, 0, 0, 1.2, FALSE);
  check_message (f, 1, 1200, 0.04, TRUE);
  tear_down (f);
}
GST_END_TEST

GST_START_TEST (audio_only)
{
  Fixture *f = make_sink ();
  g_object_set (f->sink, "chunk-duration", 1, NULL);
  start (f, NULL, RAW_CAPS);
  push_audio_until (f, 2000);
  push_eos (f);
  check_message (f, 0, 0, 1.0027, FALSE);
  gst_message_unref (elements_wait_message (f->bus, "kaltura-recording"));
  check_eos (f);
  check_recording (f, 0, 0, 0, 0, 47);
  check_recording (f, 1, 0, 0, 47, 47);
  tear_down (f);
}
GST_END_TEST

GST_START_TEST (mp3)
{
  Fixture *f = set_up (NULL, MP3_CAPS);
  push_audio_until (f, 1000);
  push_eos (f);
  gst_message_unref (elements_wait_message (f->bus, "kaltura-recording"));
  check_recording (f, 0, 0, 0, 0, 47);
  tear_down (f);
}
GST_END_TEST

/* RTMP tells ms: audio is put back on its grid, but a gap stays a gap. */
GST_START_TEST (audio_grid)
{
  Fixture *f = set_up (NULL, RAW_CAPS);
  Found found[2];
  for (guint i = 0; i < 100; i++) {
    GstBuffer *buffer = make_buffer (f->audio_index++, 20);
    GST_BUFFER_PTS (buffer) = get_audio_time (i) / MS * MS + (i >= 60 ? 500 * MS : 0);
    fail_unless_equals_int (gst_pad_push (f->audio, buffer), GST_FLOW_OK);
  }
  push_eos (f);
  check_message (f, 0, 0, 100 * 1024 / 48000.0 + 0.5, TRUE);
  read_recording (f, 0, found);
  fail_unless_equals_int (found[0].end, 100 * 1024 + 24000);
  tear_down (f);
}
GST_END_TEST

static guint64
get_stat (Fixture *f, const char *field)
{
  g_autoptr (GstStructure) stats = NULL;
  guint64 value;
  g_object_get (f->sink, "stats", &stats, NULL);
  fail_unless (gst_structure_get_uint64 (stats, field, &value));
  return value;
}

/* Pushes video in real time until @field of the statistics is at least @value. Returns the time of the next frame. */
static gint64
push_until (Fixture *f, gint64 ms, const char *field, guint64 value)
{
  gint64 end = g_get_monotonic_time () + 20 * G_USEC_PER_SEC;
  while (get_stat (f, field) < value) {
    fail_unless (g_get_monotonic_time () < end, "%s stays below %" G_GUINT64_FORMAT, field, value);
    push_video (f, ms, ms % 1000 == 0 ? KEY : DELTA);
    ms += FRAME;
    g_usleep (5000);
  }
  return ms;
}

/* A track that stops does not stop the other, and comes back. */
GST_START_TEST (silent_audio)
{
  Fixture *f = set_up (AVC_CAPS, RAW_CAPS);
  push_both (f, 0, 1000);
  gint64 ms = push_until (f, 1000, "bytes", 30 * frame_size);
  while (get_audio_time (f->audio_index) < (guint64) ms * MS) {
    f->audio_index++;
  }
  guint missing = f->audio_index - 47;
  push_video (f, ms, DELTA);
  push_audio_until (f, ms + 500);
  push_eos (f);
  gst_message_unref (elements_wait_message (f->bus, "kaltura-recording"));
  check_eos (f);

  g_autofree char *path = get_path (f, 0);
  int fd = g_open (path, O_RDONLY, 0);
  g_autoptr (Mp4Reader) reader = mp4_reader_new (fd, NULL);
  Mp4Sample sample;
  guint counts[2] = { 0, 0 };
  guint64 audio_dts = 0;
  while (mp4_reader_next (reader, &sample, NULL)) {
    counts[sample.track]++;
    audio_dts = sample.track == 1 ? sample.dts : audio_dts;
  }
  close (fd);
  fail_unless_equals_int (counts[0], f->video_index);
  fail_unless_equals_int (counts[1], f->audio_index - missing);
  fail_unless_equals_int (audio_dts, (f->audio_index - 1) * 1024);
  tear_down (f);
}
GST_END_TEST

/* Without a first picture for a while, audio is recorded alone; the pictures get a new recording. */
GST_START_TEST (late_video)
{
  Fixture *f = make_sink ();
  g_object_set (f->sink, "max-wait", 20 * MS, NULL);
  start (f, AVC_CAPS, RAW_CAPS);
  gint64 end = g_get_monotonic_time () + 10 * G_USEC_PER_SEC;
  while (get_stat (f, "bytes") == 0) {
    fail_unless (g_get_monotonic_time () < end);
    push_audio (f);
    g_usleep (2000);
  }
  gint64 ms = get_audio_time (f->audio_index) / MS + 1;
  push_video (f, ms, KEY);
  push_audio_until (f, ms + 100);
  push_eos (f);
  check_eos (f);
  Found found[2];
  fail_unless_equals_int (read_recording (f, 0, found), 2);
  fail_unless_equals_int (found[0].count, 1);
  fail_unless_equals_int (found[1].count, f->audio_index);
  tear_down (f);
}
GST_END_TEST

/* Other headers, another file. */
GST_START_TEST (caps_change)
{
  Fixture *f = set_up (AVC_CAPS, RAW_CAPS);
  push_both (f, 0, 2000);
  g_autoptr (GstCaps) caps = gst_caps_from_string (OTHER_AVC_CAPS);
  gst_pad_push_event (f->video, gst_event_new_caps (caps));
  push_both (f, 2000, 3000);
  push_eos (f);
  gst_message_unref (elements_wait_message (f->bus, "kaltura-recording"));
  check_message (f, 1, 2000, 1.0080, TRUE);
  check_recording (f, 1, 50, 25, f->audio_index - 48, 48);
  Found found[2];
  read_recording (f, 0, found);
  fail_unless_equals_int (found[0].count, 50);
  tear_down (f);
}
GST_END_TEST

/* The same caps once more, or caps that say nothing that is in the file, change nothing. */
GST_START_TEST (same_caps)
{
  Fixture *f = set_up (AVC_CAPS, NULL);
  push_both (f, 0, 1000);
  g_autoptr (GstCaps) caps = gst_caps_from_string (AVC_CAPS);
  gst_caps_set_simple (caps, "profile", G_TYPE_STRING, "main", NULL);
  gst_pad_push_event (f->video, gst_event_new_caps (caps));
  push_both (f, 1000, 2000);
  push_eos (f);
  check_message (f, 0, 0, 2, TRUE);
  tear_down (f);
}
GST_END_TEST

/* A stop without EOS loses nothing either. */
GST_START_TEST (stop_without_eos)
{
  Fixture *f = set_up (AVC_CAPS, RAW_CAPS);
  push_both (f, 0, 1000);
  gst_element_set_state (f->sink, GST_STATE_NULL);
  check_message (f, 0, 0, 1.0027, TRUE);
  check_recording (f, 0, 0, 25, 0, 47);
  fail_unless (gst_bus_pop_filtered (f->bus, GST_MESSAGE_EOS) == NULL);
  tear_down (f);
}
GST_END_TEST

GST_START_TEST (restart)
{
  Fixture *f = set_up (AVC_CAPS, RAW_CAPS);
  push_both (f, 0, 1000);
  push_eos (f);
  check_message (f, 0, 0, 1.0027, TRUE);
  check_eos (f);
  gst_element_set_state (f->sink, GST_STATE_READY);
  disconnect_pad (f->sink, f->video);
  disconnect_pad (f->sink, f->audio);
  f->video_index = f->audio_index = 0;
  start (f, AVC_CAPS, RAW_CAPS);
  push_both (f, 0, 1000);
  push_eos (f);
  check_message (f, 1, 0, 1.0027, TRUE);
  check_recording (f, 1, 0, 25, 0, 47);
  tear_down (f);
}
GST_END_TEST

GST_START_TEST (never_overwrites)
{
  Fixture *f = make_sink ();
  g_autofree char *file = get_path (f, 0), *link = get_path (f, 1), *text = NULL;
  fail_unless (g_file_set_contents (file, "mine", -1, NULL));
  fail_unless (symlink ("/nonexistent/target", link) == 0);
  start (f, AVC_CAPS, NULL);
  push_both (f, 0, 1000);
  push_eos (f);
  check_message (f, 2, 0, 1, TRUE);
  fail_unless (g_file_get_contents (file, &text, NULL, NULL));
  fail_unless_equals_string (text, "mine");
  tear_down (f);
}
GST_END_TEST

/* Nobody may finish a file that is being written. */
GST_START_TEST (locked_while_writing)
{
  Fixture *f = set_up (AVC_CAPS, NULL);
  g_autofree char *path = get_path (f, 0);
  g_autoptr (GError) error = NULL;
  Mp4FinishResult result;
  push_until (f, 0, "bytes", 1);
  fail_if (mp4_finish (path, &result, &error));
  fail_unless (g_error_matches (error, MP4_ERROR, MP4_ERROR_BUSY));
  push_eos (f);
  check_eos (f);
  fail_unless (mp4_finish (path, &result, NULL));
  tear_down (f);
}
GST_END_TEST

/* What has been written half a second ago is in the file: a kill now costs no more. */
GST_START_TEST (survives)
{
  Fixture *f = set_up (AVC_CAPS, RAW_CAPS);
  g_autofree char *path = get_path (f, 0), *data = NULL;
  g_autofree char *copy = g_build_filename (f->folder, "copy.mp4", NULL);
  gsize size;
  Mp4FinishResult result;
  push_both (f, 0, 10000);
  gint64 end = g_get_monotonic_time () + 10 * G_USEC_PER_SEC;
  do {
    fail_unless (g_get_monotonic_time () < end);
    g_usleep (1000);
    fail_unless (g_file_get_contents (path, &data, &size, NULL) && g_file_set_contents (copy, data, size, NULL));
    g_clear_pointer (&data, g_free);
  } while (!mp4_finish (copy, &result, NULL) || result.duration < 9.4);
  tear_down (f);
}
GST_END_TEST

/* Waits for the end of the stream; returns how many warnings came before it. */
static guint
count_warnings (Fixture *f)
{
  for (guint count = 0;; count++) {
    g_autoptr (GstMessage) message =
        gst_bus_timed_pop_filtered (f->bus, 10 * GST_SECOND, GST_MESSAGE_WARNING | GST_MESSAGE_EOS);
    fail_unless (message != NULL);
    if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS) {
      return count;
    }
  }
}

/* A limit for the size of files is as good as a full disk: what is written is kept, and recording goes on later. */
GST_START_TEST (full_disk)
{
  Fixture *f = set_up (AVC_CAPS, RAW_CAPS);
  struct rlimit limit = { 100000, RLIM_INFINITY }, old;
  Found found[2];
  Mp4FinishResult result;
  signal (SIGXFSZ, SIG_IGN);
  fail_unless_equals_int (getrlimit (RLIMIT_FSIZE, &old), 0);
  fail_unless_equals_int (setrlimit (RLIMIT_FSIZE, &limit), 0);
  frame_size = 3000;
  push_both (f, 0, 4000);
  g_autoptr (GstMessage) failed = elements_wait_message (f->bus, "kaltura-recording-failed");
  fail_unless_equals_int (elements_get_int (failed, "errno"), EFBIG);
  g_autoptr (GstMessage) recording = elements_wait_message (f->bus, "kaltura-recording");
  fail_if (elements_get_boolean (recording, "last"));
  fail_unless_equals_int (setrlimit (RLIMIT_FSIZE, &old), 0);
  push_both (f, 4000, 9000);
  push_eos (f);
  check_eos (f);

  g_autofree char *path = get_path (f, 0);
  fail_unless (mp4_finish (path, &result, NULL));
  fail_if (result.torn);
  fail_unless (read_recording (f, 0, found) == 2);
  fail_unless (found[0].count > 20 && found[0].count * frame_size <= 100000);
  fail_unless (read_recording (f, 1, found) == 2);
  fail_unless (found[0].first_is_sync);
  fail_unless_equals_int (found[0].first + found[0].count, f->video_index);
  fail_unless_equals_int (found[1].first + found[1].count, f->audio_index);
  fail_unless (get_stat (f, "dropped-frames") > 0);
  tear_down (f);
}
GST_END_TEST

/* The disk under recordings, when a check sets it: MiB free of 100 GiB. */
static gint free_space = 50000; /* atomic */

int
fstatvfs (int fd, struct statvfs *info)
{
  *info = (struct statvfs){ .f_bsize = 4096, .f_frsize = 4096, .f_blocks = 100 * 1024 * 256 };
  info->f_bfree = info->f_bavail = (fsblkcnt_t) g_atomic_int_get (&free_space) * 256;
  return 0;
}

/* What is told of a recording that ends for lack of space. */
static void
check_short_of_space (Fixture *f)
{
  g_autoptr (GstMessage) failed = elements_wait_message (f->bus, "kaltura-recording-failed");
  fail_unless_equals_int (elements_get_int (failed, "errno"), ENOSPC);
}

/* Recordings leave space to others, and begin again only when there is some more. */
GST_START_TEST (min_free)
{
  Fixture *f = make_sink ();
  Found found[2];
  g_object_set (f->sink, "min-free", G_GUINT64_CONSTANT (256) << 20, NULL);
  start (f, AVC_CAPS, NULL);
  gint64 ms = push_until (f, 0, "bytes", 1);
  g_atomic_int_set (&free_space, 255);
  ms = push_until (f, ms, "recordings", 1);
  check_short_of_space (f);
  g_autofree char *next = get_path (f, 1);
  g_atomic_int_set (&free_space, 511);
  ms = push_until (f, ms, "faults", 3);
  fail_if (g_file_test (next, G_FILE_TEST_EXISTS));
  g_atomic_int_set (&free_space, 512);
  guint64 written = get_stat (f, "bytes");
  ms = push_until (f, ms, "bytes", written + 1);
  push_eos (f);
  check_eos (f);
  fail_unless_equals_int (read_recording (f, 0, found), 1);
  fail_unless_equals_int (found[0].first, 0);
  fail_unless_equals_int (read_recording (f, 1, found), 1);
  fail_unless_equals_int (found[0].first + found[0].count, f->video_index);
  tear_down (f);
}
GST_END_TEST

/* Of a small disk recordings leave a 32nd: 3200 MiB of 100 GiB, whatever they are told. */
GST_START_TEST (min_free_of_a_small_disk)
{
  Fixture *f = make_sink ();
  g_object_set (f->sink, "min-free", G_GUINT64_CONSTANT (1) << 60, NULL);
  start (f, AVC_CAPS, NULL);
  g_atomic_int_set (&free_space, 6400);
  gint64 ms = push_until (f, 0, "bytes", 1);
  g_atomic_int_set (&free_space, 3199);
  push_until (f, ms, "recordings", 1);
  check_short_of_space (f);
  tear_down (f);
}
GST_END_TEST

/* Each fault is told once, not with each try. */
GST_START_TEST (no_directory)
{
  Fixture *f = make_sink ();
  g_object_set (f->sink, "location", "/nonexistent/directory/%u.mp4", NULL);
  start (f, AVC_CAPS, RAW_CAPS);
  push_both (f, 0, 30000);
  push_eos (f);
  fail_unless_equals_int (count_warnings (f), 1);
  fail_unless (get_stat (f, "faults") > 3);
  fail_unless_equals_uint64 (get_stat (f, "recordings"), 0);
  tear_down (f);
}
GST_END_TEST

static void
check_refused (Fixture *f)
{
  fail_unless (gst_element_set_state (f->sink, GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE);
  gst_message_unref (elements_wait_type (f->bus, GST_MESSAGE_ERROR));
  tear_down (f);
}

GST_START_TEST (bad_settings)
{
  Fixture *f = make_sink ();
  g_object_set (f->sink, "location", "without-number.mp4", NULL);
  check_refused (f);
  f = make_sink ();
  g_object_set (f->sink, "group", "there-is-no-such-group", NULL);
  check_refused (f);
}
GST_END_TEST

GST_START_TEST (group)
{
  Fixture *f = make_sink ();
  struct group *own = getgrgid (getegid ());
  struct stat info;
  g_autofree char *path = get_path (f, 0);
  if (own == NULL) {
    tear_down (f);
    return;
  }
  g_object_set (f->sink, "group", own->gr_name, NULL);
  start (f, AVC_CAPS, NULL);
  push_both (f, 0, 1000);
  push_eos (f);
  check_eos (f);
  fail_unless_equals_int (g_stat (path, &info), 0);
  fail_unless_equals_int (info.st_gid, getegid ());
  fail_unless_equals_int (info.st_mode & 0777, 0660);
  tear_down (f);
}
GST_END_TEST

/* Spool */

static void
set_session_at (Fixture *f, const char *url)
{
  g_autoptr (GstContext) context = gst_context_new (GST_KALTURA_SESSION_CONTEXT, TRUE);
  gst_structure_set (gst_context_writable_structure (context), "service-url", G_TYPE_STRING, url, "api", G_TYPE_STRING,
      "current", "timeout", G_TYPE_UINT, 1, "ks", G_TYPE_STRING, "a session string", "entry-id", G_TYPE_STRING,
      "0_rkij47dr", "partner-id", G_TYPE_INT, 102, "server-index", G_TYPE_INT, 1, NULL);
  gst_element_set_context (f->sink, context);
}

static void
set_session (Fixture *f)
{
  set_session_at (f, "http://127.0.0.1:9");
}

static KalturaJob *
load_job (Fixture *f, guint number)
{
  g_autofree char *path = g_strdup_printf ("%s/%u.mp4.json", f->folder, number);
  return kaltura_job_load (path, NULL);
}

GST_START_TEST (spool)
{
  Fixture *f = make_sink ();
  g_autofree char *path = get_path (f, 0);
  g_object_set (f->sink, "spool", f->folder, "asset-id", "0_x8d2k1mn", NULL);
  set_session (f);
  start (f, AVC_CAPS, NULL);
  push_video (f, 0, KEY);
  gst_message_unref (elements_wait_message (f->bus, "kaltura-recording-started"));
  g_autoptr (KalturaJob) open = load_job (f, 0); /* before there is any media */
  fail_unless (open != NULL);
  fail_unless_equals_int (open->state, KALTURA_JOB_RECORDING);
  fail_unless_equals_string (open->entry_id, "0_rkij47dr");
  fail_unless_equals_string (open->asset_id, "0_x8d2k1mn");
  fail_unless_equals_string (open->file, path);
  fail_unless_equals_int (open->partner_id, 102);
  fail_unless_equals_int (open->server_index, 1);
  push_both (f, 40, 1480);
  g_signal_emit_by_name (f->sink, "split-now");
  push_both (f, 1480, 3000);
  push_eos (f);
  check_eos (f);

  g_autoptr (KalturaJob) earlier = load_job (f, 0);
  g_autoptr (KalturaJob) later = load_job (f, 1);
  fail_unless_equals_int (earlier->state, KALTURA_JOB_CLOSED);
  fail_unless_equals_int (earlier->last, KALTURA_LAST_UNKNOWN); /* the job behind it tells */
  fail_unless_equals_float (earlier->duration, 2.0);
  fail_unless_equals_int (later->state, KALTURA_JOB_CLOSED);
  fail_unless_equals_int (later->last, KALTURA_LAST_UNKNOWN);
  fail_unless_equals_float (later->duration, 1.0);
  fail_unless (later->created >= earlier->created);
  tear_down (f);
}
GST_END_TEST

/* A fault may be the end: what it cuts off is the last one if nothing comes any more. */
GST_START_TEST (spool_after_fault)
{
  Fixture *f = make_sink ();
  struct rlimit limit = { 100000, RLIM_INFINITY }, old;
  g_object_set (f->sink, "spool", f->folder, "asset-id", "0_x8d2k1mn", NULL);
  set_session (f);
  start (f, AVC_CAPS, NULL);
  signal (SIGXFSZ, SIG_IGN);
  fail_unless_equals_int (getrlimit (RLIMIT_FSIZE, &old), 0);
  fail_unless_equals_int (setrlimit (RLIMIT_FSIZE, &limit), 0);
  frame_size = 3000;
  push_both (f, 0, 4000);
  push_eos (f);
  check_eos (f);
  fail_unless_equals_int (setrlimit (RLIMIT_FSIZE, &old), 0);
  g_autoptr (KalturaJob) job = load_job (f, 0);
  fail_unless_equals_int (job->state, KALTURA_JOB_CLOSED);
  fail_unless_equals_int (job->last, KALTURA_LAST_UNKNOWN);
  fail_unless (load_job (f, 1) == NULL);
  tear_down (f);
}
GST_END_TEST

/* What has no job is not recorded: nobody would ever find it. */
GST_START_TEST (spool_fails)
{
  Fixture *f = make_sink ();
  g_autofree char *path = get_path (f, 0);
  g_object_set (f->sink, "spool", "/nonexistent/directory", "asset-id", "0_x8d2k1mn", NULL);
  set_session (f);
  start (f, AVC_CAPS, NULL);
  push_both (f, 0, 2000);
  push_eos (f);
  fail_unless_equals_int (count_warnings (f), 1);
  fail_if (g_file_test (path, G_FILE_TEST_EXISTS));
  tear_down (f);
}
GST_END_TEST

/* Without a spool Kaltura is told by the element, of one recording after the other. */
GST_START_TEST (appends)
{
  Fixture *f = make_sink ();
  FakeApi *api = fake_api_new ();
  g_autofree char *one = get_path (f, 0);
  g_autofree char *other = get_path (f, 1);
  fake_api_answer_result (api, "appendRecording", "<id>0_rkij47dr</id>");
  fake_api_answer_result (api, "appendRecording", "<id>0_rkij47dr</id>");
  g_object_set (f->sink, "asset-id", "0_x8d2k1mn", NULL);
  set_session_at (f, fake_api_get_url (api));
  start (f, AVC_CAPS, NULL);
  push_both (f, 0, 1480);
  g_signal_emit_by_name (f->sink, "split-now");
  push_both (f, 1480, 3000);
  push_eos (f);
  g_autoptr (GstMessage) appended = elements_wait_message (f->bus, "kaltura-recording-appended");
  fail_unless_equals_string (elements_get_string (appended, "asset-id"), "0_x8d2k1mn");
  fail_unless_equals_string (elements_get_string (appended, "location"), one);
  gst_element_set_state (f->sink, GST_STATE_NULL); /* waits for the second answer */
  fail_unless_equals_int (fake_api_get_n_requests (api), 2);
  fail_unless_equals_string (fake_api_get_field (api, 0, "resource:localFilePath"), one);
  fail_unless_equals_string (fake_api_get_field (api, 1, "resource:localFilePath"), other);
  fail_unless_equals_string (fake_api_get_field (api, 0, "duration"), "2.000");
  fail_unless_equals_string (fake_api_get_field (api, 0, "isLastChunk"), "0");
  fail_unless_equals_string (fake_api_get_field (api, 1, "isLastChunk"), "1");
  tear_down (f);
  fake_api_free (api);
}
GST_END_TEST

static void
check_not_appended (Fixture *f, guint number)
{
  g_autoptr (GstMessage) message = elements_wait_type (f->bus, GST_MESSAGE_WARNING);
  g_autoptr (GError) error = NULL;
  g_autofree char *path = get_path (f, number);
  gst_message_parse_warning (message, &error, NULL);
  fail_unless (strstr (error->message, path) != NULL, "%s is not in: %s", path, error->message);
}

/* An API that does not answer holds up neither the stream nor, for longer than the timeout, its end. Whatever is left
 * then is told, file by file. */
GST_START_TEST (append_stalls)
{
  Fixture *f = make_sink ();
  FakeApi *api = fake_api_new ();
  g_autofree char *path = get_path (f, 0);
  fake_api_answer_never (api, "appendRecording");
  g_object_set (f->sink, "asset-id", "0_x8d2k1mn", "chunk-duration", 1, NULL);
  set_session_at (f, fake_api_get_url (api));
  start (f, AVC_CAPS, NULL);
  push_both (f, 0, 3000);
  push_eos (f);
  for (guint i = 0; i < 3; i++) {
    gst_message_unref (elements_wait_message (f->bus, "kaltura-recording"));
  }
  gint64 begin = g_get_monotonic_time ();
  gst_element_set_state (f->sink, GST_STATE_NULL);
  fail_unless (g_get_monotonic_time () - begin < 20 * G_USEC_PER_SEC);
  for (guint i = 0; i < 3; i++) {
    check_not_appended (f, i);
  }
  fail_unless (g_file_test (path, G_FILE_TEST_EXISTS));
  tear_down (f);
  fake_api_free (api);
}
GST_END_TEST

/* The file of a recording that nothing came into is gone, and its job. */
GST_START_TEST (spool_discards)
{
  Fixture *f = make_sink ();
  struct rlimit limit = { 50000, RLIM_INFINITY }, old;
  g_autofree char *path = get_path (f, 0);
  g_object_set (f->sink, "spool", f->folder, "asset-id", "0_x8d2k1mn", NULL);
  set_session (f);
  start (f, AVC_CAPS, NULL);
  signal (SIGXFSZ, SIG_IGN);
  fail_unless_equals_int (getrlimit (RLIMIT_FSIZE, &old), 0);
  fail_unless_equals_int (setrlimit (RLIMIT_FSIZE, &limit), 0);
  frame_size = 10000; /* the first fragment is too large; the files of the test framework are not */
  push_both (f, 0, 2000);
  push_eos (f);
  check_eos (f);
  fail_unless_equals_int (setrlimit (RLIMIT_FSIZE, &old), 0);
  fail_if (g_file_test (path, G_FILE_TEST_EXISTS));
  fail_unless (load_job (f, 0) == NULL);
  tear_down (f);
}
GST_END_TEST

/* The writer thread against a disk that hangs: callbacks that do not return stand for it. */

static GMutex hang_lock;
static GCond hang_cond;
static gboolean hanging;
static gint opened, completed, closed, discarded, stuck; /* atomic */

static int
open_and_hang (const char *location, gint64 running_time, gpointer data)
{
  g_mutex_lock (&hang_lock);
  g_atomic_int_inc (&opened);
  while (hanging) {
    g_cond_wait (&hang_cond, &hang_lock);
  }
  g_mutex_unlock (&hang_lock);
  return 0;
}

/* Whether somebody holds the lock of a file that is being written. */
static gboolean
is_locked (const char *location)
{
  int fd = g_open (location, O_RDONLY, 0);
  gboolean locked = fd >= 0 && flock (fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  if (fd >= 0) {
    close (fd);
  }
  return locked;
}

static void
check_completed (const GstKalturaRecording *recording, gpointer data)
{
  fail_unless (is_locked (recording->location));
  g_atomic_int_inc (&completed);
}

static void
check_discarded (const char *location, gpointer data)
{
  fail_unless (is_locked (location));
  g_atomic_int_inc (&discarded);
}

static void
count_closed (const GstKalturaRecording *recording, gpointer data)
{
  fail_if (is_locked (recording->location));
  g_atomic_int_inc (&closed);
}

static void
ignore_fault (const char *location, int error, gpointer data)
{
}

static void
ignore_over (gpointer data)
{
}

static void
count_stuck (gpointer data)
{
  g_atomic_int_inc (&stuck);
}

static const GstKalturaRecordCallbacks hang_callbacks = {
  { open_and_hang, check_completed, count_closed, check_discarded, ignore_fault }, ignore_over, count_stuck
};

static void
set_hanging (gboolean value)
{
  g_mutex_lock (&hang_lock);
  hanging = value;
  g_cond_broadcast (&hang_cond);
  g_mutex_unlock (&hang_lock);
}

/* One frame, a keyframe every 25. */
static void
push_to_thread (GstKalturaRecordThread *thread, guint number, gsize size)
{
  GstKalturaFrame frame = { .track = 0, .buffer = make_buffer (number, size), .sync = number % 25 == 0 };
  frame.pts = frame.dts = (gint64) number * FRAME * MS;
  frame.end = frame.pts + FRAME * MS;
  fail_unless (gst_kaltura_record_thread_push (thread, &frame));
}

static GstKalturaRecordThread *
start_thread (const char *pattern, GstObject *owner)
{
  GstKalturaRecordSettings settings = { pattern, GST_KALTURA_NO_GROUP, 0, 200 * MS };
  GstKalturaRecordThread *thread = gst_kaltura_record_thread_new (&settings, &hang_callbacks, owner);
  GstKalturaFrame frame = { .track = gst_kaltura_record_thread_add_track (thread, GST_KALTURA_MERGE_VIDEO),
    .caps = gst_caps_from_string (AVC_CAPS) };
  fail_unless (gst_kaltura_record_thread_push (thread, &frame));
  return thread;
}

GST_START_TEST (hanging_disk)
{
  char *folder = elements_make_folder ();
  g_autofree char *pattern = g_build_filename (folder, "%u.mp4", NULL);
  g_autoptr (GstElement) owner = gst_object_ref_sink (gst_bin_new (NULL));
  GstKalturaRecordStats stats;
  set_hanging (TRUE);
  GstKalturaRecordThread *thread = start_thread (pattern, GST_OBJECT (owner));

  /* A live stream of 200 MB: it is held up by no more than the lead that it never had, and memory is bounded. */
  gint64 slowest = 0;
  for (guint i = 0; i < 100; i++) {
    gint64 begin = g_get_monotonic_time ();
    push_to_thread (thread, i, 2 * 1024 * 1024);
    slowest = MAX (slowest, g_get_monotonic_time () - begin);
  }
  fail_unless (slowest < 3 * G_USEC_PER_SEC, "held up for %" G_GINT64_FORMAT " us", slowest);
  gst_kaltura_record_thread_get_stats (thread, &stats);
  fail_unless (stats.stuck);
  fail_unless (stats.held <= 64 * 1024 * 1024);
  fail_unless (stats.dropped > 50);
  fail_unless_equals_int (g_atomic_int_get (&stuck), 1);

  set_hanging (FALSE);
  for (guint i = 100; i < 200; i++) {
    push_to_thread (thread, i, 1000);
    g_usleep (1000);
  }
  gst_kaltura_record_thread_stop (thread);
  fail_unless (g_atomic_int_get (&closed) >= 1);
  elements_remove_folder (folder);
}
GST_END_TEST

/* The lock goes when everybody knows what has become of the file: until then nobody takes it for a crash's. */
GST_START_TEST (locked_until_told)
{
  char *folder = elements_make_folder ();
  g_autofree char *pattern = g_build_filename (folder, "%u.mp4", NULL);
  g_autoptr (GstElement) owner = gst_object_ref_sink (gst_bin_new (NULL));
  GstKalturaRecordThread *thread = start_thread (pattern, GST_OBJECT (owner));
  for (guint i = 0; i < 25; i++) {
    push_to_thread (thread, i, 1000);
  }
  gst_kaltura_record_thread_stop (thread);
  fail_unless_equals_int (g_atomic_int_get (&completed), 1);
  fail_unless_equals_int (g_atomic_int_get (&closed), 1);

  struct rlimit limit = { 50000, RLIM_INFINITY }, old;
  signal (SIGXFSZ, SIG_IGN);
  fail_unless_equals_int (getrlimit (RLIMIT_FSIZE, &old), 0);
  fail_unless_equals_int (setrlimit (RLIMIT_FSIZE, &limit), 0);
  thread = start_thread (pattern, GST_OBJECT (owner));
  for (guint i = 0; i < 25; i++) {
    push_to_thread (thread, i, 10000); /* the first fragment is too large */
  }
  gst_kaltura_record_thread_stop (thread);
  fail_unless_equals_int (setrlimit (RLIMIT_FSIZE, &old), 0);
  fail_unless_equals_int (g_atomic_int_get (&discarded), 1);
  elements_remove_folder (folder);
}
GST_END_TEST

/* A stop does not wait for ever either; the thread ends by itself later. */
GST_START_TEST (stop_on_hanging_disk)
{
  char *folder = elements_make_folder ();
  g_autofree char *pattern = g_build_filename (folder, "%u.mp4", NULL);
  GstElement *owner = gst_object_ref_sink (gst_bin_new (NULL));
  set_hanging (TRUE);
  GstKalturaRecordThread *thread = start_thread (pattern, GST_OBJECT (owner));
  push_to_thread (thread, 0, 1000);
  while (g_atomic_int_get (&opened) == 0) {
    g_usleep (1000);
  }
  gint64 begin = g_get_monotonic_time ();
  gst_kaltura_record_thread_stop (thread);
  fail_unless (g_get_monotonic_time () - begin < 8 * G_USEC_PER_SEC);
  set_hanging (FALSE);
  g_usleep (200000); /* for the thread to free what it has: the leaks tracer looks */
  gst_object_unref (owner);
  elements_remove_folder (folder);
}
GST_END_TEST

GST_START_TEST (state_changes)
{
  const GstState states[] = { GST_STATE_NULL, GST_STATE_READY, GST_STATE_PAUSED, GST_STATE_PLAYING };
  char *folder = elements_make_folder ();
  g_autofree char *text = g_strdup_printf (
      "videotestsrc ! video/x-raw,width=64,height=64,framerate=100/1 ! x264enc speed-preset=ultrafast key-int-max=10 ! "
      "rec.video audiotestsrc ! audio/x-raw,rate=48000 ! avenc_aac ! rec.audio_0 "
      "kalturarecordsink name=rec location=%s/%%u.mp4",
      folder);
  GstElement *pipeline = gst_parse_launch (text, NULL);
  g_autoptr (GRand) random = g_rand_new_with_seed (7);
  for (guint i = 0; i < 60; i++) {
    GstState state = states[g_rand_int_range (random, 0, G_N_ELEMENTS (states))];
    fail_unless (gst_element_set_state (pipeline, state) != GST_STATE_CHANGE_FAILURE);
    g_usleep (g_rand_int_range (random, 0, 10000));
  }
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
  elements_remove_folder (folder);
}
GST_END_TEST

/* The launch line of the documentation: what really encodes, faster than real time. */
GST_START_TEST (launch_line)
{
  Fixture fixture = { .folder = elements_make_folder () };
  g_autofree char *text = g_strdup_printf (
      "kalturarecordsink name=rec location=%s/%%u.mp4 chunk-duration=5 videotestsrc num-buffers=300 ! x264enc "
      "key-int-max=60 ! rec.video audiotestsrc num-buffers=430 ! audioconvert ! avenc_aac ! rec.audio_0",
      fixture.folder);
  g_autoptr (GError) error = NULL;
  GstElement *pipeline = gst_parse_launch (text, &error);
  fail_unless (error == NULL);
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  g_autoptr (GstMessage) message =
      gst_bus_timed_pop_filtered (bus, 60 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  fail_unless (message != NULL && GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
  guint video = 0, audio = 0;
  for (guint i = 0; i < 2; i++) {
    g_autofree char *path = get_path (&fixture, i);
    int fd = g_open (path, O_RDONLY, 0);
    g_autoptr (Mp4Reader) reader = mp4_reader_new (fd, NULL);
    Mp4Sample sample;
    while (mp4_reader_next (reader, &sample, NULL)) {
      *(sample.track == 0 ? &video : &audio) += 1;
    }
    close (fd);
  }
  fail_unless_equals_int (video, 300);
  fail_unless_equals_int (audio, 431); /* the encoder flushes one more */
  elements_remove_folder (fixture.folder);
}
GST_END_TEST

static Suite *
make_suite (void)
{
  Suite *suite = suite_create ("kalturarecordsink");
  TCase *files = tcase_create ("files");
  tcase_add_test (files, records_both);
  tcase_add_test (files, tells_start);
  tcase_add_test (files, begins_with_keyframe);
  tcase_add_test (files, reordered);
  tcase_add_test (files, chunk_duration);
  tcase_add_test (files, split_now);
  tcase_add_test (files, split_at_running_time);
  tcase_add_test (files, marked_keyframes);
  tcase_add_test (files, audio_only);
  tcase_add_test (files, mp3);
  tcase_add_test (files, audio_grid);
  tcase_add_test (files, silent_audio);
  tcase_add_test (files, late_video);
  tcase_add_test (files, caps_change);
  tcase_add_test (files, same_caps);
  tcase_add_test (files, stop_without_eos);
  tcase_add_test (files, restart);
  tcase_add_test (files, never_overwrites);
  tcase_add_test (files, locked_while_writing);
  tcase_add_test (files, survives);
  tcase_add_test (files, bad_settings);
  tcase_add_test (files, group);
  suite_add_tcase (suite, files);

  TCase *faults = tcase_create ("faults");
  tcase_set_timeout (faults, 60);
  tcase_add_test (faults, full_disk);
  tcase_add_test (faults, min_free);
  tcase_add_test (faults, min_free_of_a_small_disk);
  tcase_add_test (faults, no_directory);
  tcase_add_test (faults, spool);
  tcase_add_test (faults, spool_after_fault);
  tcase_add_test (faults, spool_fails);
  tcase_add_test (faults, spool_discards);
  tcase_add_test (faults, appends);
  tcase_add_test (faults, append_stalls);
  tcase_add_test (faults, hanging_disk);
  tcase_add_test (faults, locked_until_told);
  tcase_add_test (faults, stop_on_hanging_disk);
  suite_add_tcase (suite, faults);

  TCase *pipelines = tcase_create ("pipelines");
  tcase_set_timeout (pipelines, 120);
  tcase_add_test (pipelines, state_changes);
  tcase_add_test (pipelines, launch_line);
  suite_add_tcase (suite, pipelines);
  return suite;
}

ELEMENTS_MAIN (make_suite)
