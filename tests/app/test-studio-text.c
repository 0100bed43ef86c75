/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The launch text of a studio: every composition parses, has the elements that the worker asks for, and no other. */
#include "klive-studio-text.h"

#include <gst/gst.h>
#include <string.h>

#include "klive-plugins.h"

GST_ELEMENT_REGISTER_DECLARE (kalturaauth)
GST_ELEMENT_REGISTER_DECLARE (kalturacut)
GST_ELEMENT_REGISTER_DECLARE (kalturahlssink)
GST_ELEMENT_REGISTER_DECLARE (kalturarecordsink)
GST_ELEMENT_REGISTER_DECLARE (kalturaregister)
GST_ELEMENT_REGISTER_DECLARE (kalturathin)
GST_ELEMENT_REGISTER_DECLARE (kalturascale)

static const KliveTracks both = { TRUE, "h264", 1280, 720, 1, 1, 30, 1, 0, TRUE, "aac", 48000, 2, 0 };

static KliveLadder *
make_ladder (const char *golden, const KliveTracks *tracks)
{
  g_autofree char *path = g_build_filename (g_getenv ("KLIVE_TEST_DATA"), "golden", golden, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (KalturaProfile) profile = NULL;
  g_autofree char *xml = NULL;
  gsize length;

  g_assert_true (g_file_get_contents (path, &xml, &length, NULL));
  profile = kaltura_profile_parse (xml, length, &error);
  g_assert_no_error (error);
  return klive_ladder_new (profile, tracks, "0_abcd1234_1");
}

static KliveStudioOptions
worker_options (void)
{
  return (KliveStudioOptions){
    .ingest = KLIVE_INGEST_APPSRC,
    .sink = KLIVE_SINK_KALTURA,
    .output = "/var/tmp/a % b/0",
    .index = 1,
    .serial = 1763812345678,
    .start_index = 293968727,
    .segment_duration = 2 * GST_SECOND,
    .epoch = 1763812344000000000,
    .speed_preset = "superfast",
    .threads = 2,
  };
}

static GstElement *
parse (const char *text)
{
  g_autoptr (GError) error = NULL;
  GstElement *pipeline = gst_parse_launch_full (text, NULL, GST_PARSE_FLAG_FATAL_ERRORS, &error);

  if (error)
    g_error ("%s\n%s", error->message, text);
  return pipeline;
}

static GstElement *
render (const KliveLadder *ladder, const KliveStudioOptions *options)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *text = klive_studio_text_new (ladder, options, &error);

  g_assert_no_error (error);
  return parse (text);
}

/* Whether the pipeline has the elements of @names, in blanks, "-" in front of one that must not be there. */
static void
assert_elements (GstElement *pipeline, const char *names)
{
  g_auto (GStrv) list = g_strsplit (names, " ", -1);

  for (guint i = 0; list[i]; i++) {
    gboolean absent = list[i][0] == '-';
    g_autoptr (GstElement) element = gst_bin_get_by_name (GST_BIN (pipeline), list[i] + absent);

    if (absent == (element != NULL))
      g_error ("element %s", list[i]);
  }
}

static void
test_worker (void)
{
  g_autoptr (KliveLadder) ladder = make_ladder ("01-source-plus-3-h264.HEAD.xml", &both);
  KliveStudioOptions options = worker_options ();
  g_autoptr (GstElement) pipeline = render (ladder, &options);
  g_autoptr (GstElement) sink = gst_bin_get_by_name (GST_BIN (pipeline), "hls_33");
  g_autoptr (GstElement) encoder = gst_bin_get_by_name (GST_BIN (pipeline), "enc_33");
  g_autoptr (GstElement) cut = gst_bin_get_by_name (GST_BIN (pipeline), "cut");
  g_autofree char *location = NULL;
  guint64 start_index, duration;
  gint64 epoch;
  guint bitrate, interval;

  assert_elements (pipeline,
      "video_in audio_in register_video register_audio queue_decode decoder hls_32 hls_33 hls_34 "
      "hls_35 queue_33 enc_33 queue_34 enc_34 queue_35 enc_35 -enc_32 -queue_32 enc_a96000 enc_a64000");
  g_object_get (sink, "location", &location, "start-index", &start_index, NULL);
  g_assert_cmpstr (location, ==, "/var/tmp/a %% b/0/33/1-1763812345678-%05u.ts");
  g_assert_cmpuint (start_index, ==, 293968727);
  g_object_get (cut, "segment-duration", &duration, "epoch", &epoch, NULL);
  g_assert_cmpuint (duration, ==, 2 * GST_SECOND);
  g_assert_cmpint (epoch, ==, 1763812344000000000);
  g_object_get (encoder, "bitrate", &bitrate, "key-int-max", &interval, NULL);
  g_assert_cmpuint (bitrate, ==, 400);
  g_assert_cmpuint (interval, ==, 600);
}

/* What has a live asset is recorded beside its segments, copied or encoded. */
static void
test_recorded (void)
{
  g_autoptr (KliveLadder) ladder = make_ladder ("01-source-plus-3-h264.HEAD.xml", &both);
  g_autoptr (GHashTable) assets = g_hash_table_new (g_str_hash, g_str_equal);
  KliveStudioOptions options = worker_options ();
  KliveRecordOptions record = { "0_abcd1234", assets, 1763812345999, "/web/a % b", "/var/spool/klive", "kaltura", 900 };

  g_hash_table_insert (assets, (char *) "32", (char *) "0_asset032");
  g_hash_table_insert (assets, (char *) "34", (char *) "0_asset034");
  options.record = &record;
  g_autoptr (GstElement) pipeline = render (ladder, &options);
  g_autoptr (GstElement) sink = gst_bin_get_by_name (GST_BIN (pipeline), "rec_34");
  g_autoptr (GstPad) video = gst_element_get_static_pad (sink, "video");
  g_autoptr (GstPad) audio = gst_element_get_static_pad (sink, "audio_0");
  g_autofree char *location = NULL, *asset = NULL, *group = NULL, *spool = NULL;
  guint chunk_duration;

  assert_elements (pipeline, "rec_32 -rec_33 rec_34 -rec_35 hls_32 hls_33 hls_34 hls_35");
  g_assert_true (gst_pad_is_linked (video) && gst_pad_is_linked (audio));
  g_object_get (sink, "location", &location, "asset-id", &asset, "group", &group, "spool", &spool, "chunk-duration",
      &chunk_duration, NULL);
  g_assert_cmpstr (location, ==, "/web/a %% b/0_abcd1234.0_asset034_1-1763812345999-%05u.mp4");
  g_assert_cmpstr (asset, ==, "0_asset034");
  g_assert_cmpstr (group, ==, "kaltura");
  g_assert_cmpstr (spool, ==, "/var/spool/klive");
  g_assert_cmpuint (chunk_duration, ==, 900);
}

/* Audio is encoded once for all that want the same bit rate, video decoded once, and nothing for those that copy. */
static void
test_copy_needs_no_codec (void)
{
  g_autoptr (KliveLadder) ladder = make_ladder ("10-audio-only-transcoded.HEAD.xml", &both);
  KliveStudioOptions options = worker_options ();
  g_autoptr (GstElement) pipeline = render (ladder, &options);

  assert_elements (pipeline, "hls_32 hls_60 -decoder -audio_decoder -queue_decode -enc_32 -enc_60");
}

/* SkipFrameCount: only renditions that have it get the element. */
static void
test_skipped_frames (void)
{
  g_autoptr (KliveLadder) ladder = make_ladder ("17-skip-frame-max-frame-rate.HEAD.xml", &both);
  KliveRendition *rendition = ladder->renditions->pdata[1];
  KliveStudioOptions options = worker_options ();
  g_autoptr (GstElement) pipeline = render (ladder, &options);
  g_autofree char *name = g_strconcat ("thin_", rendition->id, NULL);
  g_autoptr (GstElement) thin = gst_bin_get_by_name (GST_BIN (pipeline), name);
  g_autoptr (GstElement) follows = NULL, stock = NULL;
  guint skip;
  gboolean follow;

  g_assert_nonnull (thin);
  g_object_get (thin, "skip-frames", &skip, "follow-keyframes", &follow, NULL);
  g_assert_cmpuint (skip, ==, 1);
  g_assert_true (follow);
  assert_elements (pipeline, "-thin_32");
  rendition->skip_frames = 0;
  rendition->keyframe_interval = 50;
  follows = render (ladder, &options);
  g_clear_object (&thin);
  thin = gst_bin_get_by_name (GST_BIN (follows), name);
  g_object_get (thin, "skip-frames", &skip, "follow-keyframes", &follow, NULL);
  g_assert_cmpuint (skip, ==, 0);
  g_assert_false (follow);
  rendition->skip_frames = 1;
  options.ingest = KLIVE_INGEST_FLV;
  options.source = "/var/tmp/a.flv";
  options.sink = KLIVE_SINK_STOCK;
  stock = render (ladder, &options);
  g_clear_object (&thin);
  thin = gst_bin_get_by_name (GST_BIN (stock), name);
  g_assert_nonnull (thin);
}

static void
test_missing_tracks (void)
{
  KliveTracks tracks = both;
  KliveStudioOptions options = worker_options ();

  tracks.has_audio = FALSE;
  {
    g_autoptr (KliveLadder) ladder = make_ladder ("01-source-plus-3-h264.HEAD.xml", &tracks);
    g_autoptr (GstElement) pipeline = render (ladder, &options);

    assert_elements (pipeline, "video_in -audio_in -audio_decoder hls_33");
  }
  tracks = both;
  tracks.has_video = FALSE;
  {
    g_autoptr (KliveLadder) ladder = make_ladder ("01-source-plus-3-h264.HEAD.xml", &tracks);
    g_autoptr (GstElement) pipeline = render (ladder, &options);

    assert_elements (pipeline, "audio_in -video_in -decoder hls_33 enc_a64000");
  }
}

static void
test_every_input_and_sink (void)
{
  static const struct {
    KliveIngest ingest;
    const char *source;
  } inputs[] = {
    { KLIVE_INGEST_APPSRC, NULL },
    { KLIVE_INGEST_RTMP, "rtmp://127.0.0.1:1935/live/test" },
    { KLIVE_INGEST_FLV, "/var/tmp/a ! b.flv" },
    { KLIVE_INGEST_MP4, "/var/tmp/\"b\".mp4" },
  };
  g_autoptr (KliveLadder) ladder = make_ladder ("01-source-plus-3-h264.IX.xml", &both);
  KliveStudioOptions options = worker_options ();

  for (guint i = 0; i < G_N_ELEMENTS (inputs); i++) {
    for (KliveSink sink = KLIVE_SINK_KALTURA; sink <= KLIVE_SINK_STOCK; sink++) {
      g_autoptr (GstElement) pipeline = NULL;

      if (i == 0 && sink == KLIVE_SINK_STOCK)
        continue; /* the worker's input needs kalturacut */
      options.ingest = inputs[i].ingest;
      options.source = inputs[i].source;
      options.sink = sink;
      pipeline = render (ladder, &options);
      assert_elements (pipeline, sink == KLIVE_SINK_STOCK ? "hls_32 hls_35 enc_35 -cut" : "hls_32 hls_35 enc_35 cut");
    }
  }
}

static void
test_on_air_from_rtmp (void)
{
  g_autoptr (KliveLadder) ladder = make_ladder ("02-source-only.HEAD.xml", &both);
  KliveStudioOptions options = worker_options ();
  g_autoptr (GstElement) pipeline = NULL;

  options.ingest = KLIVE_INGEST_RTMP;
  options.sink = KLIVE_SINK_PLAYLIST;
  options.source = "rtmp://127.0.0.1:1935/live/test";
  options.broadcast_url = "rtmp://h/kLive/?p=102&e=0_abcd1234&i=0&t=12ab34cd";
  options.config_file = "/etc/klive/klive.conf";
  pipeline = render (ladder, &options);
  assert_elements (pipeline, "register_video register_audio cut hls_32");
}

static void
test_every_source_codec (void)
{
  static const char *const videos[] = { "h264", "h263", "vp6", "screen" };
  static const char *const audios[] = { "aac", "mp3", "speex", "pcm", "adpcm", "nellymoser" };
  KliveStudioOptions options = worker_options ();
  KliveTracks tracks = both;

  for (guint i = 0; i < MAX (G_N_ELEMENTS (videos), G_N_ELEMENTS (audios)); i++) {
    g_autoptr (KliveLadder) ladder = NULL;
    g_autoptr (GstElement) pipeline = NULL;

    tracks.video_codec = videos[i % G_N_ELEMENTS (videos)];
    tracks.audio_codec = audios[i % G_N_ELEMENTS (audios)];
    ladder = make_ladder ("01-source-plus-3-h264.HEAD.xml", &tracks);
    pipeline = render (ladder, &options);
    assert_elements (pipeline, "decoder audio_decoder hls_32 hls_33");
  }
}

static void
test_other_encoders (void)
{
  g_autoptr (KliveLadder) ladder = make_ladder ("01-source-plus-3-h264.HEAD.xml", &both);
  KliveStudioOptions options = worker_options ();
  g_autoptr (GstElement) pipeline = NULL;
  g_autoptr (GstElement) video = NULL;
  g_autoptr (GstElement) audio = NULL;

  options.video_encoder = "openh264enc";
  options.audio_encoder = "voaacenc";
  pipeline = render (ladder, &options);
  video = gst_bin_get_by_name (GST_BIN (pipeline), "enc_33");
  audio = gst_bin_get_by_name (GST_BIN (pipeline), "enc_a64000");
  g_assert_cmpstr (GST_OBJECT_NAME (gst_element_get_factory (video)), ==, "openh264enc");
  g_assert_cmpstr (GST_OBJECT_NAME (gst_element_get_factory (audio)), ==, "voaacenc");
}

static void
test_size_not_known (void)
{
  KliveTracks tracks = both;
  KliveStudioOptions options = worker_options ();
  g_autoptr (KliveLadder) ladder = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;

  tracks.width = tracks.height = 0;
  ladder = make_ladder ("01-source-plus-3-h264.HEAD.xml", &tracks);
  text = klive_studio_text_new (ladder, &options, &error);
  g_assert_no_error (error);
  g_assert_nonnull (strstr (text, "width=(int)[2,8192,2],height=(int)[2,360,2],pixel-aspect-ratio=1/1"));
  gst_object_unref (parse (text));
}

static void
test_no_rendition (void)
{
  KliveTracks none = { FALSE };
  g_autoptr (KliveLadder) ladder = make_ladder ("02-source-only.HEAD.xml", &none);
  KliveStudioOptions options = worker_options ();
  g_autoptr (GError) error = NULL;

  g_assert_null (klive_studio_text_new (ladder, &options, &error));
  g_assert_error (error, KLIVE_STUDIO_TEXT_ERROR, KLIVE_STUDIO_TEXT_ERROR_EMPTY);
}

static void
test_bad_speed_preset (void)
{
  g_autoptr (KliveLadder) ladder = make_ladder ("01-source-plus-3-h264.HEAD.xml", &both);
  KliveStudioOptions options = worker_options ();
  g_autoptr (GError) error = NULL;

  options.speed_preset = "warp";
  g_assert_null (klive_studio_text_new (ladder, &options, &error));
  g_assert_nonnull (strstr (error->message, "speed_preset"));
}

/* Takes an element out of the registry for a while. */
static void
assert_missing (const char *element, const char *package, const char *wanted)
{
  g_autoptr (KliveLadder) ladder = make_ladder ("01-source-plus-3-h264.HEAD.xml", &both);
  KliveStudioOptions options = worker_options ();
  GstRegistry *registry = gst_registry_get ();
  GstPluginFeature *feature = gst_registry_lookup_feature (registry, element);
  g_autoptr (GError) error = NULL;

  g_assert_nonnull (feature);
  gst_registry_remove_feature (registry, feature);
  options.audio_encoder = wanted;
  g_assert_null (klive_studio_text_new (ladder, &options, &error));
  g_assert_error (error, KLIVE_PLUGINS_ERROR, KLIVE_PLUGINS_ERROR_MISSING);
  g_assert_nonnull (strstr (error->message, element));
  g_assert_nonnull (strstr (error->message, package));
  gst_registry_add_feature (registry, feature);
  gst_object_unref (feature);
}

static void
test_missing_plugins (void)
{
  assert_missing ("x264enc", "gstreamer1.0-plugins-ugly", NULL);
  assert_missing ("avdec_h264", "gstreamer1.0-libav", NULL);
  assert_missing ("avenc_aac", "gstreamer1.0-libav", "avenc_aac");
}

/* Without the best AAC encoder the next one is taken. */
static void
test_next_encoder (void)
{
  GstRegistry *registry = gst_registry_get ();
  GstPluginFeature *feature = gst_registry_lookup_feature (registry, "avenc_aac");
  g_autoptr (KliveLadder) ladder = make_ladder ("01-source-plus-3-h264.HEAD.xml", &both);
  KliveStudioOptions options = worker_options ();
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;

  gst_registry_remove_feature (registry, feature);
  text = klive_studio_text_new (ladder, &options, &error);
  g_assert_no_error (error);
  g_assert_null (strstr (text, "avenc_aac"));
  gst_registry_add_feature (registry, feature);
  gst_object_unref (feature);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  gst_init (&argc, &argv);
  GST_ELEMENT_REGISTER (kalturaauth, NULL);
  GST_ELEMENT_REGISTER (kalturacut, NULL);
  GST_ELEMENT_REGISTER (kalturahlssink, NULL);
  GST_ELEMENT_REGISTER (kalturarecordsink, NULL);
  GST_ELEMENT_REGISTER (kalturaregister, NULL);
  GST_ELEMENT_REGISTER (kalturathin, NULL);
  GST_ELEMENT_REGISTER (kalturascale, NULL);
  g_test_add_func ("/studio-text/worker", test_worker);
  g_test_add_func ("/studio-text/recorded", test_recorded);
  g_test_add_func ("/studio-text/copy-needs-no-codec", test_copy_needs_no_codec);
  g_test_add_func ("/studio-text/skipped-frames", test_skipped_frames);
  g_test_add_func ("/studio-text/missing-tracks", test_missing_tracks);
  g_test_add_func ("/studio-text/every-input-and-sink", test_every_input_and_sink);
  g_test_add_func ("/studio-text/on-air-from-rtmp", test_on_air_from_rtmp);
  g_test_add_func ("/studio-text/every-source-codec", test_every_source_codec);
  g_test_add_func ("/studio-text/other-encoders", test_other_encoders);
  g_test_add_func ("/studio-text/size-not-known", test_size_not_known);
  g_test_add_func ("/studio-text/no-rendition", test_no_rendition);
  g_test_add_func ("/studio-text/bad-speed-preset", test_bad_speed_preset);
  g_test_add_func ("/studio-text/missing-plugins", test_missing_plugins);
  g_test_add_func ("/studio-text/next-encoder", test_next_encoder);
  return g_test_run ();
}
