/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * klive-stage with klive-studio under it: frames of real encoders in, segments and playlists out, in this process. What
 * comes from a network is tested end to end (tests/e2e/test_worker.py).
 */
#include "klive-stage.h"

#include <glib/gstdio.h>
#include <gst/app/app.h>
#include <string.h>

#include "klive-flv.h"
#include "klive-pipeline.h"
#include "klive-wire.h"

GST_ELEMENT_REGISTER_DECLARE (kalturaauth)
GST_ELEMENT_REGISTER_DECLARE (kalturacut)
GST_ELEMENT_REGISTER_DECLARE (kalturahlssink)
GST_ELEMENT_REGISTER_DECLARE (kalturaregister)
GST_ELEMENT_REGISTER_DECLARE (kalturathin)
GST_ELEMENT_REGISTER_DECLARE (kalturascale)

#define ENTRY "0_abcd1234"
#define STREAM ENTRY "_1"
#define SERIAL 1763812345678
#define DEADLINE 30 /* s */

typedef struct {
  char *state_dir;
  KliveShow *show;
  KliveSource *source;
  KliveStage *stage;
  gint64 now; /* ns since 1970: of the next frame */
  guint changes;
  gboolean ended;
} Fixture;

static void
on_registered (KliveRegistration *registration, gboolean registered, gpointer user_data)
{
}

static void
on_register_failed (KliveRegistration *registration, const char *code, const char *message, gpointer user_data)
{
}

static const KliveRegistrationCallbacks registration_callbacks = { on_registered, on_register_failed };

static void
on_changed (KliveStage *stage, gpointer user_data)
{
  ((Fixture *) user_data)->changes++;
}

static void
on_ended (KliveStage *stage, gpointer user_data)
{
  ((Fixture *) user_data)->ended = TRUE;
}

static const KliveStageCallbacks stage_callbacks = { on_changed, on_ended };

static void
on_warning (const char *message, gpointer user_data)
{
  g_test_fail_printf ("%s", message);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  JsonObject *welcome = klive_message_new_strings ("welcome", "serviceUrl", "http://127.0.0.1:9", "api", "current",
      "hostname", "h", "application", "kLive", "speedPreset", "ultrafast", NULL);
  g_autoptr (GError) error = NULL;
  KliveShowOrigin origin;

  json_object_set_double_member (welcome, "segmentDuration", 1);
  json_object_set_int_member (welcome, "dvrWindow", 3600);
  json_object_set_int_member (welcome, "registrationDelay", 3600);
  json_object_set_int_member (welcome, "threads", 1);
  f->state_dir = g_dir_make_tmp ("klive-stage-XXXXXX", NULL);
  f->show = klive_show_new (ENTRY, 0, f->state_dir);
  klive_show_read_welcome (f->show, welcome);
  json_object_unref (welcome);
  klive_show_open (f->show, &registration_callbacks, f, &origin, &error);
  g_assert_no_error (error);
  g_assert_cmpint (origin, ==, KLIVE_SHOW_NEW);
  f->now = g_get_real_time () * 1000;
  f->source = klive_source_new (f->show->timelines, f->show->epoch, 0, on_warning, f);
  f->stage = klive_stage_new (f->show, STREAM, SERIAL, f->source, &stage_callbacks, f);
}

static void
remove_folder (const char *path)
{
  g_autoptr (GDir) folder = g_dir_open (path, 0, NULL);
  const char *name;

  while (folder != NULL && (name = g_dir_read_name (folder)) != NULL) {
    g_autofree char *child = g_build_filename (path, name, NULL);

    if (g_file_test (child, G_FILE_TEST_IS_DIR) && !g_file_test (child, G_FILE_TEST_IS_SYMLINK))
      remove_folder (child);
    else
      g_unlink (child);
  }
  g_rmdir (path);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  klive_stage_free (f->stage);
  klive_source_free (f->source);
  klive_show_free (f->show);
  g_assert_true (klive_pipeline_wait_disposed (5000));
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  remove_folder (f->state_dir);
  g_free (f->state_dir);
}

/* The tag at the front of @flv, whose header and PreviousTagSize (11 and 4 bytes) go with it. FALSE = not all there. */
static gboolean
take_tag (GByteArray *flv, KliveFlvTag *tag)
{
  guint32 size;

  if (flv->len >= 13 && memcmp (flv->data, "FLV", 3) == 0)
    g_byte_array_remove_range (flv, 0, 13);
  size = flv->len >= 11 ? GST_READ_UINT24_BE (flv->data + 1) : G_MAXUINT16;
  if (flv->len < 11 + size + 4)
    return FALSE;
  tag->type = flv->data[0];
  tag->timestamp = GST_READ_UINT24_BE (flv->data + 4) | (guint32) flv->data[7] << 24;
  tag->payload = gst_buffer_new_memdup (flv->data + 11, size);
  g_byte_array_remove_range (flv, 0, 11 + size + 4);
  return TRUE;
}

static void
add_sample (GByteArray *flv, GstSample *sample)
{
  GstMapInfo map;

  gst_buffer_map (gst_sample_get_buffer (sample), &map, GST_MAP_READ);
  g_byte_array_append (flv, map.data, (guint) map.size);
  gst_buffer_unmap (gst_sample_get_buffer (sample), &map);
}

/* Runs @text, which ends in an FLV muxer's output, and feeds its tags from @f->now on; stamps tell the arrival. */
static void
feed (Fixture *f, const char *text)
{
  g_autofree char *launch = g_strdup_printf ("%s ! appsink name=out sync=false", text);
  g_autoptr (GError) error = NULL;
  g_autoptr (GstElement) pipeline = gst_parse_launch (launch, &error);
  g_autoptr (GstElement) sink = NULL;
  g_autoptr (GByteArray) flv = g_byte_array_new ();
  gint64 start = f->now;
  GstSample *sample;
  KliveFlvTag tag;

  g_assert_no_error (error);
  sink = gst_bin_get_by_name (GST_BIN (pipeline), "out");
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  while ((sample = gst_app_sink_pull_sample (GST_APP_SINK (sink))) != NULL) {
    add_sample (flv, sample);
    gst_sample_unref (sample);
    while (take_tag (flv, &tag)) {
      gint64 arrival = start + (gint64) (tag.timestamp * GST_MSECOND);
      KliveFrame *frame = klive_source_take (f->source, &tag, arrival);

      if (frame != NULL) {
        klive_stage_take (f->stage, frame);
        f->now = MAX (f->now, arrival + (gint64) (40 * GST_MSECOND));
      }
      while (g_main_context_iteration (NULL, FALSE))
        continue;
    }
  }
  gst_element_set_state (pipeline, GST_STATE_NULL);
}

#define VIDEO(frames, size) \
  "videotestsrc num-buffers=" #frames " ! video/x-raw,framerate=25/1," size \
  " ! x264enc speed-preset=ultrafast key-int-max=25 bframes=2 ! h264parse ! flvmux name=m streamable=true "
#define ALONE "m."
#define AUDIO(buffers) "audiotestsrc num-buffers=" #buffers " samplesperbuffer=1024 ! avenc_aac ! aacparse ! m. m."
#define SMALL "width=160,height=120"
#define LARGE "width=320,height=240"

static gboolean
on_deadline (gpointer user_data)
{
  g_test_fail_printf ("the test's deadline has passed");
  abort ();
}

static void
end (Fixture *f)
{
  guint deadline = g_timeout_add_seconds (DEADLINE, on_deadline, NULL);

  klive_stage_end (f->stage);
  while (!f->ended)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (deadline);
}

static char *
read_list (Fixture *f, const char *id)
{
  g_autofree char *path = g_build_filename (f->show->directory, id, "chunklist_dvr.m3u8", NULL);
  g_autoptr (GError) error = NULL;
  char *text;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  return text;
}

static guint
count (const char *text, const char *what)
{
  g_auto (GStrv) parts = g_strsplit (text, what, -1);

  return g_strv_length (parts) - 1;
}

/* s, of all segments */
static double
get_duration (const char *list)
{
  g_auto (GStrv) lines = g_strsplit (list, "\n", -1);
  double sum = 0;

  for (guint i = 0; lines[i] != NULL; i++)
    if (g_str_has_prefix (lines[i], "#EXTINF:"))
      sum += g_ascii_strtod (lines[i] + 8, NULL);
  return sum;
}

static KalturaProfile *
ladder_new (void)
{
  static const char xml[] =
      "<Root><Transcode><Encodes>"
      "<Encode><Enable>true</Enable><Name>Source</Name><StreamName>mp4:${SourceStreamName}_32</StreamName>"
      "<Video><Codec>PassThru</Codec></Video><Audio><Codec>PassThru</Codec></Audio></Encode>"
      "<Encode><Enable>true</Enable><Name>Low</Name><StreamName>mp4:${SourceStreamName}_33</StreamName>"
      "<Video><Codec>H.264</Codec><Bitrate>200000</Bitrate><Profile>main</Profile></Video>"
      "<Audio><Codec>AAC</Codec><Bitrate>48000</Bitrate></Audio></Encode>"
      "</Encodes></Transcode></Root>";

  return kaltura_profile_parse (xml, strlen (xml), NULL);
}

static void
test_held_frames_come_out (Fixture *f, gconstpointer data)
{
  g_autofree char *copy = NULL, *encoded = NULL;

  feed (f, VIDEO (100, SMALL) AUDIO (172));
  g_assert_cmpstr (klive_stage_get_state (f->stage), ==, "waiting");
  klive_stage_open (f->stage, ladder_new ());
  g_assert_cmpstr (klive_stage_get_state (f->stage), ==, "on-air");
  end (f);
  copy = read_list (f, "32");
  encoded = read_list (f, "33");
  g_assert_cmpfloat_with_epsilon (get_duration (copy), 4, 0.05);
  g_assert_cmpfloat_with_epsilon (get_duration (encoded), 4, 0.05);
  g_assert_cmpuint (count (copy, "#EXTINF"), ==, count (encoded, "#EXTINF"));
  g_assert_cmpuint (count (copy, "#EXT-X-DISCONTINUITY\n"), ==, 0);
}

static void
test_blocked_until_the_rival_is_gone (Fixture *f, gconstpointer data)
{
  klive_stage_set_blocked (f->stage, TRUE);
  klive_stage_open (f->stage, kaltura_profile_new_passthrough (STREAM));
  feed (f, VIDEO (50, SMALL) ALONE);
  g_assert_cmpstr (klive_stage_get_state (f->stage), ==, "waiting");
  klive_stage_set_blocked (f->stage, FALSE);
  g_assert_cmpstr (klive_stage_get_state (f->stage), ==, "on-air");
  end (f);
}

static void
test_new_size_is_a_new_studio (Fixture *f, gconstpointer data)
{
  g_autofree char *list = NULL;

  feed (f, VIDEO (50, SMALL) AUDIO (86));
  klive_stage_open (f->stage, kaltura_profile_new_passthrough (STREAM));
  g_assert_cmpuint (klive_stage_get_format (f->stage, KLIVE_TIMELINE_VIDEO)->width, ==, 160);
  feed (f, VIDEO (50, LARGE) AUDIO (86));
  end (f);
  g_assert_cmpuint (klive_stage_get_format (f->stage, KLIVE_TIMELINE_VIDEO)->width, ==, 320);
  list = read_list (f, "1");
  g_assert_cmpuint (count (list, "#EXT-X-DISCONTINUITY\n"), ==, 1);
  g_assert_cmpfloat_with_epsilon (get_duration (list), 4, 0.1);
}

/* Sound joins at a keyframe: no picture is lost. */
static void
test_late_audio (Fixture *f, gconstpointer data)
{
  g_autofree char *list = NULL;

  feed (f, VIDEO (50, SMALL) ALONE);
  klive_stage_open (f->stage, kaltura_profile_new_passthrough (STREAM));
  g_assert_null (klive_stage_get_format (f->stage, KLIVE_TIMELINE_AUDIO));
  feed (f, VIDEO (100, SMALL) AUDIO (172));
  end (f);
  g_assert_nonnull (klive_stage_get_format (f->stage, KLIVE_TIMELINE_AUDIO));
  list = read_list (f, "1");
  g_assert_cmpuint (count (list, "#EXT-X-DISCONTINUITY\n"), ==, 1);
  g_assert_cmpfloat_with_epsilon (get_duration (list), 6, 0.1);
}

static void
test_nothing_came (Fixture *f, gconstpointer data)
{
  klive_stage_open (f->stage, kaltura_profile_new_passthrough (STREAM));
  end (f);
  g_assert_cmpuint (f->changes, ==, 0);
}

/* An encoder that cannot be had: what passes through stays under its own id. */
static void
test_missing_encoder (Fixture *f, gconstpointer data)
{
  g_autofree char *list = NULL, *path = g_build_filename (f->show->directory, "33", "chunklist.m3u8", NULL);

  f->show->video_encoder = g_strdup ("nosuchencoder");
  klive_stage_open (f->stage, ladder_new ());
  feed (f, VIDEO (50, SMALL) AUDIO (86));
  end (f);
  list = read_list (f, "32");
  g_assert_cmpfloat_with_epsilon (get_duration (list), 2, 0.1);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
}

#define ADD(path, function) g_test_add (path, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  gst_init (&argc, &argv);
  GST_ELEMENT_REGISTER (kalturaauth, NULL);
  GST_ELEMENT_REGISTER (kalturacut, NULL);
  GST_ELEMENT_REGISTER (kalturahlssink, NULL);
  GST_ELEMENT_REGISTER (kalturaregister, NULL);
  GST_ELEMENT_REGISTER (kalturathin, NULL);
  GST_ELEMENT_REGISTER (kalturascale, NULL);
  ADD ("/stage/held-frames-come-out", test_held_frames_come_out);
  ADD ("/stage/blocked-until-the-rival-is-gone", test_blocked_until_the_rival_is_gone);
  ADD ("/stage/new-size-is-a-new-studio", test_new_size_is_a_new_studio);
  ADD ("/stage/late-audio", test_late_audio);
  ADD ("/stage/nothing-came", test_nothing_came);
  ADD ("/stage/missing-encoder", test_missing_encoder);
  result = g_test_run ();
  gst_deinit ();
  return result;
}
