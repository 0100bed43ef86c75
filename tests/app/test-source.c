/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* klive-source and klive-format: tags of an encoder become frames with format, running time and keyframe flag. */
#include "klive-source.h"

#include <string.h>

#define MS ((gint64) 1000000)
#define EPOCH ((gint64) 1763812345 * 1000 * MS)
#define NOW (EPOCH + 2000 * MS)

static const guint8 avc_720[] = { 0x17, 0, 0, 0, 0, 0x01, 0x4d, 0x40, 0x1f, 0xff, 0xe1, 0x00, 0x19, 0x67, 0x4d, 0x40,
  0x1f, 0xec, 0xa0, 0x28, 0x02, 0xdd, 0x80, 0x88, 0x00, 0x00, 0x03, 0x00, 0x08, 0x00, 0x00, 0x03, 0x01, 0xe0, 0x78,
  0xc1, 0x8c, 0xb0, 0x01, 0x00, 0x05, 0x68, 0xea, 0xe3, 0xcb, 0x20 };
static const guint8 avc_362[] = { 0x17, 0, 0, 0, 0, 0x01, 0x42, 0xc0, 0x1e, 0xff, 0xe1, 0x00, 0x19, 0x67, 0x42, 0xc0,
  0x1e, 0xda, 0x02, 0x90, 0xbf, 0x88, 0x93, 0x01, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10, 0x00, 0x00, 0x03, 0x03, 0x00,
  0xf1, 0x62, 0xea, 0x01, 0x00, 0x04, 0x68, 0xce, 0x0f, 0xc8 };
static const guint8 avc_broken[] = { 0x17, 0, 0, 0, 0, 0x01, 0x42, 0xc0 };
static const guint8 key[] = { 0x17, 1, 0, 0, 80, 0, 0, 0, 1, 0x65 };
static const guint8 delta[] = { 0x27, 1, 0, 0, 0, 0, 0, 0, 1, 0x41 };
static const guint8 asc_44[] = { 0xaf, 0, 0x12, 0x10 };
static const guint8 asc_he[] = { 0xaf, 0, 0x2b, 0x92, 0x08, 0x00 };
static const guint8 aac[] = { 0xaf, 1, 0xde, 0x02, 0x00 };
static const guint8 mp3[] = { 0x2e, 0xff, 0xfb, 0x50, 0xc4, 0 };
static const guint8 speex[] = { 0xb2, 1, 2, 3 };
static const guint8 h263[] = { 0x12, 1, 2, 3 };
static const guint8 hevc[] = { 0x90, 'h', 'v', 'c', '1', 1, 2 };

typedef struct {
  KliveTimelineGroup *group;
  KliveSource *source;
  GPtrArray *warnings;
} Fixture;

static void
on_warning (const char *message, gpointer user_data)
{
  g_ptr_array_add (user_data, g_strdup (message));
}

static void
set_up (Fixture *f, gconstpointer data)
{
  f->group = klive_timeline_group_new ();
  f->warnings = g_ptr_array_new_with_free_func (g_free);
  f->source = klive_source_new (f->group, EPOCH, 0, on_warning, f->warnings);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  klive_source_free (f->source);
  klive_timeline_group_free (f->group);
  g_ptr_array_unref (f->warnings);
}

static KliveFrame *
take_bytes (Fixture *f, KliveFlvType type, guint32 timestamp, const guint8 *data, gsize size)
{
  KliveFlvTag tag = { type, timestamp, size > 0 ? gst_buffer_new_memdup (data, size) : gst_buffer_new () };

  return klive_source_take (f->source, &tag, NOW + timestamp * MS);
}

#define video(f, timestamp, data) take_bytes (f, KLIVE_FLV_VIDEO, timestamp, data, sizeof data)
#define audio(f, timestamp, data) take_bytes (f, KLIVE_FLV_AUDIO, timestamp, data, sizeof data)

static void
test_frames (Fixture *f, gconstpointer data)
{
  g_autoptr (KliveFrame) first = NULL, second = NULL, third = NULL;

  g_assert_null (video (f, 0, avc_720));
  g_assert_null (audio (f, 0, asc_44));
  first = video (f, 1000, key);
  second = audio (f, 1000, aac);
  third = video (f, 1040, delta);

  g_assert_true (klive_frame_is_keyframe (first));
  g_assert_cmpint (first->track, ==, KLIVE_TIMELINE_VIDEO);
  g_assert_cmpint (GST_BUFFER_DTS (first->buffer), ==, NOW + 1000 * MS - EPOCH);
  g_assert_cmpint (GST_BUFFER_PTS (first->buffer), ==, NOW + 1080 * MS - EPOCH);
  g_assert_cmpint (gst_buffer_memcmp (first->buffer, 0, key + 5, 5), ==, 0);
  g_assert_cmpuint (gst_buffer_get_size (first->buffer), ==, 5);
  g_assert_false (klive_frame_is_keyframe (second));
  g_assert_cmpint (GST_BUFFER_PTS (second->buffer), ==, NOW + 1000 * MS - EPOCH);
  g_assert_cmpint (GST_BUFFER_DURATION (second->buffer), ==, 23219954);
  g_assert_cmpuint (gst_buffer_get_size (second->buffer), ==, 3);
  g_assert_false (klive_frame_is_keyframe (third));
  g_assert_true (third->format == first->format);
  g_assert_cmpuint (f->warnings->len, ==, 0);
}

static void
test_formats (Fixture *f, gconstpointer data)
{
  KliveFormat *format;
  KliveTracks tracks;
  g_autofree char *caps = NULL;

  g_assert_null (klive_source_get_format (f->source, KLIVE_TIMELINE_VIDEO));
  video (f, 0, avc_720);
  audio (f, 0, asc_he);
  format = klive_source_get_format (f->source, KLIVE_TIMELINE_VIDEO);
  caps = gst_caps_to_string (format->caps);
  g_assert_nonnull (
      strstr (caps, "video/x-h264, stream-format=(string)avc, alignment=(string)au, codec_data=(buffer)014d40"));
  g_assert_nonnull (
      strstr (caps, "width=(int)1280, height=(int)720, pixel-aspect-ratio=(fraction)1/1, framerate=(fraction)30/1"));

  klive_source_get_tracks (f->source, format, klive_source_get_format (f->source, KLIVE_TIMELINE_AUDIO), &tracks);
  g_assert_true (tracks.has_video);
  g_assert_cmpstr (tracks.video_codec, ==, "h264");
  g_assert_cmpuint (tracks.height, ==, 720);
  g_assert_cmpuint (tracks.fps_n, ==, 30);
  g_assert_cmpstr (tracks.audio_codec, ==, "aac");
  g_assert_cmpuint (tracks.rate, ==, 44100);
  klive_source_get_tracks (f->source, NULL, NULL, &tracks);
  g_assert_false (tracks.has_video);
  g_assert_false (tracks.has_audio);
}

/* width 1280, height 720, framerate 25, videodatarate 2500, audiodatarate 128 */
static const guint8 metadata[] = "\x02\0\x0aonMetaData\x08\0\0\0\5"
                                 "\0\5width\0\x40\x94\0\0\0\0\0\0"
                                 "\0\6height\0\x40\x86\x80\0\0\0\0\0"
                                 "\0\x09"
                                 "framerate\0\x40\x39\0\0\0\0\0\0"
                                 "\0\x0dvideodatarate\0\x40\xa3\x88\0\0\0\0\0"
                                 "\0\x0d"
                                 "audiodatarate\0\x40\x60\0\0\0\0\0\0"
                                 "\0\0\x09";

static void
test_metadata_fills_in (Fixture *f, gconstpointer data)
{
  g_autoptr (KliveFrame) frame = NULL;
  KliveTracks tracks;

  g_assert_null (take_bytes (f, KLIVE_FLV_SCRIPT, 0, metadata, sizeof metadata - 1));
  frame = video (f, 0, h263);
  g_assert_nonnull (frame);
  klive_source_get_tracks (f->source, frame->format, NULL, &tracks);
  g_assert_cmpstr (tracks.video_codec, ==, "h263");
  g_assert_cmpuint (tracks.width, ==, 1280);
  g_assert_cmpuint (tracks.height, ==, 720);
  g_assert_cmpuint (tracks.fps_n, ==, 25);
  g_assert_cmpuint (tracks.fps_d, ==, 1);
  g_assert_cmpuint (tracks.video_bitrate, ==, 2500000);
}

static void
test_new_header_makes_a_new_format (Fixture *f, gconstpointer data)
{
  g_autoptr (KliveFrame) before = NULL, after = NULL;

  video (f, 0, avc_720);
  before = video (f, 0, key);
  video (f, 0, avc_720); /* the same again: nothing happens */
  g_assert_true (klive_source_get_format (f->source, KLIVE_TIMELINE_VIDEO) == before->format);
  video (f, 40, avc_362);
  g_assert_null (video (f, 40, delta)); /* decodes with nothing that the new decoder has */
  after = video (f, 80, key);
  g_assert_true (after->format != before->format);
  g_assert_cmpuint (before->format->width, ==, 1280);
  g_assert_cmpuint (after->format->width, ==, 642);
}

static void
test_codec_change (Fixture *f, gconstpointer data)
{
  g_autoptr (KliveFrame) one = NULL, two = NULL, three = NULL;

  audio (f, 0, asc_44);
  one = audio (f, 0, aac);
  two = audio (f, 23, mp3);
  three = audio (f, 46, speex);
  g_assert_cmpint (one->format->codec, ==, KLIVE_FLV_CODEC_AAC);
  g_assert_cmpint (two->format->codec, ==, KLIVE_FLV_CODEC_MP3);
  g_assert_cmpuint (two->format->frame_samples, ==, 1152);
  g_assert_cmpint (three->format->codec, ==, KLIVE_FLV_CODEC_SPEEX);
  g_assert_cmpuint (three->format->rate, ==, 16000);
  g_assert_null (audio (f, 60, aac)); /* back, but without its header */
  g_assert_cmpuint (f->warnings->len, ==, 1);
}

static void
test_first_frame_is_a_keyframe (Fixture *f, gconstpointer data)
{
  g_autoptr (KliveFrame) frame = NULL, later = NULL;

  video (f, 0, avc_720);
  g_assert_null (video (f, 0, delta));
  frame = video (f, 40, key);
  g_assert_nonnull (frame);
  klive_source_resync (f->source);
  g_assert_null (video (f, 80, delta));
  later = video (f, 120, key);
  g_assert_nonnull (later);
}

static void
test_unusable (Fixture *f, gconstpointer data)
{
  guint i;

  for (i = 0; i < 3; i++) {
    g_assert_null (video (f, 0, hevc));
    g_assert_null (video (f, 0, key));
    g_assert_null (video (f, 0, avc_broken));
    g_assert_null (take_bytes (f, KLIVE_FLV_VIDEO, 0, key, 0));
    g_assert_null (take_bytes (f, KLIVE_FLV_VIDEO, 0, key, 3));
    g_assert_null (take_bytes (f, KLIVE_FLV_AUDIO, 0, aac, 1));
    g_assert_null (take_bytes (f, KLIVE_FLV_SCRIPT, 0, aac, 1));
  }
  g_assert_cmpuint (f->warnings->len, ==, 3);
  g_assert_null (klive_source_get_format (f->source, KLIVE_TIMELINE_VIDEO));
}

static void
test_bitrate (Fixture *f, gconstpointer data)
{
  guint ms;

  video (f, 0, avc_720);
  for (ms = 0; ms < 10000; ms += 10) {
    g_autoptr (KliveFrame) frame = video (f, ms, key);
    g_assert_nonnull (frame);
  }
  g_assert_cmpuint (klive_source_get_bitrate (f->source, NOW + 10000 * MS), ==, 8000);
}

#define ADD(path, function) g_test_add (path, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  gst_init (&argc, &argv);
  ADD ("/source/frames", test_frames);
  ADD ("/source/formats", test_formats);
  ADD ("/source/metadata-fills-in", test_metadata_fills_in);
  ADD ("/source/new-header-makes-a-new-format", test_new_header_makes_a_new_format);
  ADD ("/source/codec-change", test_codec_change);
  ADD ("/source/first-frame-is-a-keyframe", test_first_frame_is_a_keyframe);
  ADD ("/source/unusable", test_unusable);
  ADD ("/source/bitrate", test_bitrate);
  result = g_test_run ();
  gst_deinit ();
  return result;
}
