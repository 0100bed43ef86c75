/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Profile and tracks to renditions: modes, sizes, names, groups, and a warning for every wish that is not followed. */
#include "klive-ladder.h"

#include <string.h>

#include "klive-frame-size.h"

#define STREAM "0_abcd1234_1"

static const KliveTracks hd = { TRUE, "h264", 1280, 720, 1, 1, 30, 1, 2500000, TRUE, "aac", 48000, 2, 128000 };

/* Encodes for make(): stream name, Video, Audio. */
#define ENCODE(name, stream, video, audio) \
  "<Encode><Enable>true</Enable><Name>" name "</Name><StreamName>" stream "</StreamName><Video>" video \
  "</Video><Audio>" audio "</Audio></Encode>"
#define COPY "<Codec>PassThru</Codec>"
#define NONE "<Codec>Disable</Codec>"
#define AAC "<Codec>AAC</Codec><Bitrate>64000</Bitrate>"
#define H264 "<Codec>H.264</Codec><Bitrate>400000</Bitrate>"
#define HEIGHT(height) "<FrameSize><FitMode>fit-height</FitMode><Height>" height "</Height></FrameSize>"

static KliveLadder *
make (const char *encodes, const char *groups, const KliveTracks *tracks)
{
  g_autofree char *xml = g_strdup_printf ("<Root><Transcode><Encodes>%s</Encodes><StreamNameGroups>%s"
                                          "</StreamNameGroups></Transcode></Root>",
      encodes, groups);
  g_autoptr (GError) error = NULL;
  g_autoptr (KalturaProfile) profile = kaltura_profile_parse (xml, strlen (xml), &error);

  g_assert_no_error (error);
  return klive_ladder_new (profile, tracks, STREAM);
}

static KliveLadder *
make_golden (const char *name, const KliveTracks *tracks)
{
  g_autofree char *path = g_build_filename (g_getenv ("KLIVE_TEST_DATA"), "golden", name, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (KalturaProfile) profile = NULL;
  g_autofree char *xml = NULL;
  gsize length;

  g_assert_true (g_file_get_contents (path, &xml, &length, NULL));
  profile = kaltura_profile_parse (xml, length, &error);
  g_assert_no_error (error);
  return klive_ladder_new (profile, tracks, STREAM);
}

static const char *
mode_name (KliveTrackMode mode)
{
  static const char *const names[] = { "none", "copy", "encode" };

  return names[mode];
}

/* "32 copy 1280x720 encode 96000; 33 encode 640x360 …; all: 32 33; 3 warnings" */
static char *
describe (const KliveLadder *ladder)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < ladder->renditions->len; i++) {
    const KliveRendition *r = ladder->renditions->pdata[i];

    g_string_append_printf (text, "%s %s", r->id, mode_name (r->video));
    if (r->video != KLIVE_TRACK_NONE)
      g_string_append_printf (text, " %ux%u", r->width, r->height);
    if (r->video == KLIVE_TRACK_ENCODE)
      g_string_append_printf (text, " %s %u", r->profile, r->video_bitrate);
    g_string_append_printf (text, " %s", mode_name (r->audio));
    if (r->audio == KLIVE_TRACK_ENCODE)
      g_string_append_printf (text, " %u", r->audio_bitrate);
    g_string_append (text, "; ");
  }
  for (guint i = 0; i < ladder->groups->len; i++) {
    const KliveGroup *group = ladder->groups->pdata[i];

    g_string_append_printf (text, "%s:", group->tag);
    for (guint j = 0; j < group->ids->len; j++)
      g_string_append_printf (text, " %s", (char *) group->ids->pdata[j]);
    g_string_append (text, "; ");
  }
  g_string_append_printf (text, "%u warnings", ladder->warnings->len);
  return g_string_free (text, FALSE);
}

static void
assert_warning (const KliveLadder *ladder, const char *part)
{
  for (guint i = 0; i < ladder->warnings->len; i++)
    if (strstr (ladder->warnings->pdata[i], part))
      return;
  g_error ("no warning has \"%s\"", part);
}

typedef struct {
  const char *file, *expected;
} Golden;

static const Golden goldens[] = {
  { "01-source-plus-3-h264.HEAD.xml",
      "32 copy 1280x720 encode 96000; 33 encode 640x360 baseline 400000 encode 64000; "
      "34 encode 854x480 main 900000 encode 64000; 35 encode 1280x720 main 1700000 encode 64000; "
      "all: 32 33 34 35; 0 warnings" },
  { "01-source-plus-3-h264.IX.xml",
      "32 copy 1280x720 encode 96000; 33 encode 640x360 baseline 409600 encode 65536; "
      "34 encode 854x480 main 921600 encode 65536; 35 encode 1280x720 main 1740800 encode 65536; "
      "source: 32; ingest: 32; all: 32 33 34 35; mbr: 33 34 35; ipadnew: 33 34 35; 0 warnings" },
  { "08-audio-only-ingest.HEAD.xml", "32 copy 1280x720 copy; 100 none copy; all: 32 100; 0 warnings" },
  { "12-fit-width.HEAD.xml", NULL },
  { "16-gpu.HEAD.xml", NULL },
  { "17-skip-frame-max-frame-rate.HEAD.xml", NULL },
  { "20-h263.HEAD.xml",
      "32 copy 1280x720 encode 96000; 51 encode 426x240 baseline 300000 encode 64000; "
      "52 encode 426x240 baseline 300000 encode 64000; 53 encode 426x240 baseline 300000 encode 64000; "
      "all: 32 51 52 53; 3 warnings" },
  { "21-codec-copy-and-unknown.IX.xml",
      "32 copy 1280x720 encode 96000; 54 copy 1280x720 encode 65536; 55 copy 1280x720 encode 65536; "
      "source: 32; ingest: 32; all: 32 54 55; mbr: 54 55; ipadnew: 54 55; 2 warnings" },
  { "27-systemname-odd.HEAD.xml",
      "32 copy 1280x720 encode 96000; 42 encode 1280x720 main 1700000 encode 64000; "
      "43 encode 1280x720 main 2600000 encode 64000; 45 encode 854x480 main 800000 encode 64000; "
      "all: 32 42 43 45; 0 warnings" },
  { "34-tags-with-blank.IX.xml",
      "32 copy 1280x720 encode 96000; 33 encode 640x360 baseline 409600 encode 65536; "
      "source: 32; ingest: 32; all: 32 33; mbr: 33; ipadnew: 33; 0 warnings" },
};

static void
test_golden (gconstpointer data)
{
  const Golden *golden = data;
  g_autoptr (KliveLadder) ladder = make_golden (golden->file, &hd);
  g_autofree char *text = describe (ladder);

  if (golden->expected)
    g_assert_cmpstr (text, ==, golden->expected);
  g_assert_cmpuint (ladder->renditions->len, >, 1);
  g_assert_cmpstr (ladder->source_id, ==, "32");
}

static void
test_unsupported_is_said (void)
{
  g_autoptr (KliveLadder) parameter =
      make (ENCODE ("A", "0_abcd1234_33",
                H264 "<Parameters><Parameter><Name>x.y</Name><Value>1</Value></Parameter></Parameters>", AAC),
          "", &hd);

  assert_warning (parameter, "x.y");
}

/* 30 frames/s become 15 and 10; both spellings, and none. */
static void
test_skip_frames (void)
{
  static const struct {
    const char *xml;
    guint skip;
  } spellings[] = { { "<SkipFrameCount>2</SkipFrameCount>", 2 },
    { "<SkipFrameCount><Value>2</Value></SkipFrameCount>", 2 }, { "<SkipFrameCount>0</SkipFrameCount>", 0 },
    { "<SkipFrameCount><Value>-1</Value></SkipFrameCount>", 0 } };
  g_autoptr (KliveLadder) golden = make_golden ("17-skip-frame-max-frame-rate.HEAD.xml", &hd);
  const KliveRendition *half = golden->renditions->pdata[1], *third = golden->renditions->pdata[2];

  g_assert_cmpuint (golden->warnings->len, ==, 0);
  g_assert_cmpuint (half->skip_frames, ==, 1);
  g_assert_cmpuint (half->fps_n, ==, 15 * half->fps_d);
  g_assert_cmpuint (third->fps_n, ==, 10 * third->fps_d);
  for (guint i = 0; i < G_N_ELEMENTS (spellings); i++) {
    g_autofree char *encode =
        g_strconcat ("<Encode><StreamName>x_33</StreamName><Video>" H264, spellings[i].xml, "</Video></Encode>", NULL);
    g_autoptr (KliveLadder) ladder = make (encode, "", &hd);
    const KliveRendition *rendition = ladder->renditions->pdata[0];

    g_assert_cmpuint (rendition->skip_frames, ==, spellings[i].skip);
    g_assert_cmpuint (rendition->fps_d, ==, spellings[i].skip + 1);
  }
}

static void
test_constant_bitrate (void)
{
  g_autoptr (KliveLadder) ladder = make_golden ("19-constant-bitrate.HEAD.xml", &hd);
  guint constant = 0;

  for (guint i = 0; i < ladder->renditions->len; i++)
    constant += ((KliveRendition *) ladder->renditions->pdata[i])->constant_bitrate;
  g_assert_cmpuint (constant, >, 0);
  g_assert_cmpuint (ladder->warnings->len, ==, 0);
}

static void
test_frame_rate_of_the_profile (void)
{
  static const struct {
    const char *value;
    guint known, fps_n, fps_d, warnings;
  } cases[] = { { "29.97", 0, 29970, 1000, 0 }, { "25", 0, 25000, 1000, 0 }, { "25", 30, 30, 1, 0 },
    { "fast", 0, 0, 1, 1 }, { "-5", 0, 0, 1, 1 } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    KliveTracks tracks = hd;
    g_autofree char *groups = g_strdup_printf ("</StreamNameGroups><Properties><Property><Name>sourceStreamFrameRate"
                                               "</Name><Value>%s</Value><Type>Double</Type></Property></Properties>"
                                               "<StreamNameGroups>",
        cases[i].value);
    g_autoptr (KliveLadder) ladder = NULL;
    const KliveRendition *rendition;

    tracks.fps_n = cases[i].known;
    ladder = make (ENCODE ("A", "x_32", COPY, COPY), groups, &tracks);
    rendition = ladder->renditions->pdata[0];
    g_assert_cmpuint (rendition->fps_n, ==, cases[i].fps_n);
    g_assert_cmpuint (rendition->fps_d, ==, cases[i].fps_d);
    g_assert_cmpuint (ladder->warnings->len, ==, cases[i].warnings);
  }
}

static void
test_audio_only_source (void)
{
  KliveTracks tracks = hd;
  g_autoptr (KliveLadder) ladder = NULL;
  g_autofree char *text = NULL;

  tracks.has_video = FALSE;
  ladder = make (ENCODE ("A", "x_32", COPY, COPY) ENCODE ("B", "x_33", H264, AAC) ENCODE ("C", "x_34", H264, NONE), "",
      &tracks);
  text = describe (ladder);
  g_assert_cmpstr (text, ==, "32 none copy; 33 none encode 64000; all: 32 33; 1 warnings");
  assert_warning (ladder, "\"C\"");
}

static void
test_video_only_source (void)
{
  KliveTracks tracks = hd;
  g_autoptr (KliveLadder) ladder = NULL;
  g_autofree char *text = NULL;

  tracks.has_audio = FALSE;
  ladder = make (ENCODE ("A", "x_32", COPY, AAC) ENCODE ("B", "x_33", NONE, AAC), "", &tracks);
  text = describe (ladder);
  g_assert_cmpstr (text, ==, "32 copy 1280x720 none; all: 32; 1 warnings");
}

static void
test_codecs_that_hls_cannot_carry (void)
{
  KliveTracks tracks = hd;
  g_autoptr (KliveLadder) ladder = NULL;
  g_autofree char *text = NULL;

  tracks.video_codec = "h263";
  tracks.audio_codec = "speex";
  ladder = make (ENCODE ("A", "x_32", COPY, COPY), "", &tracks);
  text = describe (ladder);
  g_assert_cmpstr (text, ==, "32 encode 1280x720 main 2764800 encode 96000; all: 32; 2 warnings");
  assert_warning (ladder, "h263");
  assert_warning (ladder, "speex");
}

static void
test_mp3_is_copied (void)
{
  KliveTracks tracks = hd;
  g_autoptr (KliveLadder) ladder = NULL;
  g_autofree char *text = NULL;

  tracks.audio_codec = "mp3";
  ladder = make (ENCODE ("A", "x_32", COPY, COPY), "", &tracks);
  text = describe (ladder);
  g_assert_cmpstr (text, ==, "32 copy 1280x720 copy; all: 32; 0 warnings");
}

static void
test_unknown_video_is_left_out (void)
{
  KliveTracks tracks = hd;
  g_autoptr (KliveLadder) ladder = NULL;
  g_autofree char *text = NULL;

  tracks.video_codec = "unknown";
  ladder = make (ENCODE ("A", "x_32", COPY, COPY) ENCODE ("B", "x_33", H264, AAC), "", &tracks);
  text = describe (ladder);
  g_assert_cmpstr (text, ==, "32 none copy; 33 none encode 64000; all: 32 33; 2 warnings");
}

typedef struct {
  const char *stream_name, *name, *id;
} Name;

static const Name names[] = {
  { "0_abcd1234_33", "A", "33" },
  { "mp4:0_abcd1234_33", "A", "33" },
  { "${SourceStreamName}_33", "A", "33" },
  { "mp4:${SourceStreamName}_33", "A", "33" },
  { "${SourceStreamName}", "A", "1" },
  { "show", "A", "show" },
  { "0_abcd1234_720p hd", "A", "720p-hd" },
  { "0_abcd1234_../../x", "A", "x" },
  { "0_abcd1234_", "HD/720 (main)", "HD-720-main" },
  { "", "", "r1" },
  { "../..", "..", "r1" },
};

static void
test_names (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *xml = g_strdup_printf (ENCODE ("%s", "%s", COPY, COPY), names[i].name, names[i].stream_name);
    g_autoptr (KliveLadder) ladder = make (xml, "", &hd);

    g_assert_cmpuint (ladder->renditions->len, ==, 1);
    g_assert_cmpstr (((KliveRendition *) ladder->renditions->pdata[0])->id, ==, names[i].id);
    g_assert_cmpstr (ladder->source_id, ==, names[i].id);
  }
}

static void
test_same_name_twice (void)
{
  g_autoptr (KliveLadder) ladder = make (ENCODE ("A", "x_32", COPY, COPY) ENCODE ("B", "y_32", H264, AAC), "", &hd);
  g_autofree char *text = describe (ladder);

  g_assert_cmpstr (text, ==, "32 copy 1280x720 copy; all: 32; 1 warnings");
}

static void
test_disabled_encode (void)
{
  g_autoptr (KliveLadder) ladder =
      make (ENCODE ("A", "x_32", COPY, COPY) "<Encode><Enable>false</Enable><Name>B</Name><StreamName>x_33</StreamName>"
                                             "<Video>" H264 "</Video><Audio>" AAC "</Audio></Encode>",
          "<StreamNameGroup><Name>all</Name><Members><Member><EncodeName>B</EncodeName></Member>"
          "<Member><EncodeName>A</EncodeName></Member></Members></StreamNameGroup>",
          &hd);
  g_autofree char *text = describe (ladder);

  g_assert_cmpstr (text, ==, "32 copy 1280x720 copy; all: 32; 0 warnings");
}

static void
test_nothing_left (void)
{
  g_autoptr (KliveLadder) ladder = make (ENCODE ("A", "x_32", NONE, NONE), "", &hd);

  g_assert_cmpuint (ladder->renditions->len, ==, 0);
  g_assert_null (ladder->source_id);
  assert_warning (ladder, "\"A\"");
}

static void
test_bitrate_variables (void)
{
  KliveTracks tracks = hd;
  g_autoptr (KliveLadder) known = NULL;
  g_autoptr (KliveLadder) unknown = NULL;
  g_autofree char *known_text = NULL;
  g_autofree char *unknown_text = NULL;
  static const char encodes[] = ENCODE ("A", "x_33", "<Codec>H.264</Codec><Bitrate>${SourceVideoBitrate}</Bitrate>",
      "<Codec>AAC</Codec><Bitrate>${SourceAudioBitrate}</Bitrate>");

  known = make (encodes, "", &tracks);
  tracks.video_bitrate = tracks.audio_bitrate = 0;
  unknown = make (encodes, "", &tracks);
  known_text = describe (known);
  unknown_text = describe (unknown);
  g_assert_cmpstr (known_text, ==, "33 encode 1280x720 main 2500000 encode 128000; all: 33; 0 warnings");
  g_assert_cmpstr (unknown_text, ==, "33 encode 1280x720 main 2764800 encode 96000; all: 33; 2 warnings");
}

static void
test_absurd_bitrates (void)
{
  g_autoptr (KliveLadder) ladder =
      make (ENCODE ("A", "x_33", "<Codec>H.264</Codec><Bitrate>1</Bitrate>",
                "<Codec>AAC</Codec><Bitrate>999999</Bitrate>") ENCODE ("B", "x_34",
                "<Codec>H.264</Codec><Bitrate>fast</Bitrate>", "<Codec>AAC</Codec><Bitrate>-1</Bitrate>"),
          "", &hd);
  g_autofree char *text = describe (ladder);

  g_assert_cmpstr (text, ==,
      "33 encode 1280x720 main 16000 encode 320000; 34 encode 1280x720 main 2764800 encode 96000; all: 33 34; "
      "2 warnings"); /* what is no number the parser has told already */
}

static void
test_groups (void)
{
  g_autoptr (KliveLadder) ladder = make (ENCODE ("A", "x_32", COPY, COPY) ENCODE ("B", "x_33", H264, AAC),
      "<StreamNameGroup><Name>mbr</Name><Members><Member><EncodeName>B</EncodeName></Member>"
      "<Member><EncodeName>gone</EncodeName></Member><Member><EncodeName>A</EncodeName></Member></Members></StreamNameGroup>"
      "<StreamNameGroup><Name>../x</Name><Members><Member><EncodeName>A</EncodeName></Member></Members></StreamNameGroup>"
      "<StreamNameGroup><Name>all_dvr</Name><Members><Member><EncodeName>A</EncodeName></Member></Members></StreamNameGroup>"
      "<StreamNameGroup><Name>none</Name><Members><Member><EncodeName>gone</EncodeName></Member></Members></StreamNameGroup>",
      &hd);
  g_autofree char *text = describe (ladder);

  g_assert_cmpstr (text, ==,
      "32 copy 1280x720 copy; 33 encode 1280x720 main 400000 encode 64000; mbr: 33 32; all: 32 33; 2 warnings");
}

/* H.264 has no interlaced baseline; x264 would refuse the picture. */
static void
test_interlaced (void)
{
  KliveTracks tracks = hd;
  g_autoptr (KliveLadder) ladder = NULL;

  tracks.interlaced = TRUE;
  ladder = make (ENCODE ("A", "x_32", H264 "<Profile>baseline</Profile>", AAC)
                     ENCODE ("B", "x_33", H264 "<Profile>high</Profile>", AAC),
      "", &tracks);
  g_assert_cmpstr (klive_ladder_find (ladder, "32")->profile, ==, "main");
  g_assert_cmpstr (klive_ladder_find (ladder, "33")->profile, ==, "high");
  assert_warning (ladder, "baseline");
}

static void
test_key_frame_interval (void)
{
  g_autoptr (KliveLadder) ladder =
      make (ENCODE ("A", "x_32",
                H264 "<KeyFrameInterval><FollowSource>true</FollowSource><Interval>60</Interval></KeyFrameInterval>",
                AAC) ENCODE ("B", "x_33",
                H264 "<KeyFrameInterval><FollowSource>false</FollowSource><Interval>75</Interval></KeyFrameInterval>",
                AAC),
          "", &hd);

  g_assert_cmpuint (klive_ladder_find (ladder, "32")->keyframe_interval, ==, 0);
  g_assert_cmpuint (klive_ladder_find (ladder, "33")->keyframe_interval, ==, 75);
}

static void
test_bandwidth_estimate (void)
{
  KliveTracks tracks = hd;
  g_autoptr (KliveLadder) known = make_golden ("01-source-plus-3-h264.HEAD.xml", &tracks);
  g_autoptr (KliveLadder) unknown = NULL;

  g_assert_cmpuint (klive_ladder_find (known, "33")->bandwidth, >, 464000);
  g_assert_cmpuint (klive_ladder_find (known, "33")->bandwidth, <, 464000 * 5 / 4 + 50000);
  g_assert_cmpuint (klive_ladder_find (known, "32")->bandwidth, >, 2596000);
  tracks.video_bitrate = 0;
  unknown = make_golden ("01-source-plus-3-h264.HEAD.xml", &tracks);
  g_assert_cmpuint (klive_ladder_find (unknown, "32")->bandwidth, ==, 0);
}

static void
test_passthrough_profile (void)
{
  g_autoptr (KalturaProfile) profile = kaltura_profile_new_passthrough (STREAM);
  g_autoptr (KliveLadder) ladder = klive_ladder_new (profile, &hd, STREAM);
  g_autofree char *text = describe (ladder);

  g_assert_cmpstr (text, ==, "1 copy 1280x720 copy; all: 1; 0 warnings");
}

typedef struct {
  guint source_width, source_height, par_n, par_d;
  const char *fit_mode;
  guint wanted_width, wanted_height, width, height;
  gboolean warns;
} Size;

static const Size sizes[] = {
  { 1280, 720, 1, 1, "fit-height", 0, 360, 640, 360 },
  { 1280, 720, 1, 1, "fit-height", 0, 480, 854, 480 },
  { 1280, 720, 1, 1, "fit-height", 640, 360, 640, 360 },
  { 1280, 720, 1, 1, "fit-height", 100, 360, 640, 360 }, /* a width beside it does not count */
  { 1280, 720, 1, 1, "fit-width", 640, 0, 640, 360 },
  { 1280, 720, 1, 1, "fit-width", 854, 9, 854, 480 },
  { 1280, 720, 1, 1, "match-source", 0, 0, 1280, 720 },
  { 1280, 720, 1, 1, "match-source", 320, 240, 1280, 720 },
  { 1280, 720, 1, 1, NULL, 0, 0, 1280, 720 },
  { 1280, 720, 1, 1, NULL, 0, 360, 640, 360 },
  { 1280, 720, 1, 1, NULL, 640, 0, 640, 360 },
  { 1920, 1080, 1, 1, "fit-height", 0, 240, 426, 240 },
  { 1280, 720, 1, 1, "fit-height", 0, 361, 640, 360 }, /* even */
  /* never larger */
  { 1280, 720, 1, 1, "fit-height", 0, 1080, 1280, 720, TRUE },
  { 1280, 720, 1, 1, "fit-width", 1920, 0, 1280, 720, TRUE },
  /* anamorphic, as shown: 1024x576 and 768x576 */
  { 720, 576, 64, 45, "fit-height", 0, 576, 1024, 576 },
  { 720, 576, 64, 45, "fit-height", 0, 360, 640, 360 },
  { 720, 576, 16, 15, "match-source", 0, 0, 768, 576 },
  { 720, 576, 64, 45, "fit-width", 1024, 0, 1024, 576 },
  /* upright, odd, tiny, very wide */
  { 720, 1280, 1, 1, "fit-height", 0, 360, 202, 360 },
  { 853, 481, 1, 1, "match-source", 0, 0, 852, 480 },
  { 853, 481, 1, 1, "fit-height", 0, 481, 852, 480 },
  { 1, 1, 1, 1, "match-source", 0, 0, 2, 2 },
  { 8192, 2, 1, 1, "fit-width", 640, 0, 640, 2 },
  /* frames of their own shape */
  { 1280, 720, 1, 1, "letterbox", 640, 480, 640, 480 },
  { 640, 480, 1, 1, "crop", 640, 360, 640, 360 },
  { 1280, 720, 1, 1, "stretch", 640, 480, 640, 480 },
  { 1280, 720, 1, 1, "crop", 641, 361, 640, 360 },
  { 720, 576, 64, 45, "letterbox", 1024, 576, 1024, 576 },
  { 720, 1280, 1, 1, "letterbox", 640, 360, 640, 360 },
  /* ... never larger: borders go first, else the shape stays */
  { 1280, 720, 1, 1, "letterbox", 1920, 1080, 1280, 720, TRUE },
  { 1280, 720, 1, 1, "letterbox", 1024, 768, 1024, 720, TRUE },
  { 1280, 720, 1, 1, "crop", 1440, 1080, 960, 720, TRUE },
  { 1280, 720, 1, 1, "stretch", 2560, 720, 1280, 360, TRUE },
  { 720, 1280, 1, 1, "crop", 1080, 1080, 720, 720, TRUE },
  { 1280, 720, 1, 1, "letterbox", 640, 0, 640, 360, TRUE },
  { 1280, 720, 1, 1, "crop", 0, 0, 1280, 720, TRUE },
  { 1280, 720, 1, 1, "widescreen", 640, 480, 640, 360, TRUE },
  { 1280, 720, 1, 1, "fit-height", 640, 0, 1280, 720, TRUE },
  { 1280, 720, 1, 1, "fit-width", 0, 480, 1280, 720, TRUE },
  /* the source does not tell */
  { 0, 0, 1, 1, "fit-height", 0, 360, 0, 0 },
};

static void
test_frame_sizes (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    const Size *s = &sizes[i];
    KliveTracks tracks = { .width = s->source_width, .height = s->source_height, .par_n = s->par_n, .par_d = s->par_d };
    g_autofree char *warning = NULL;
    KliveSize size =
        klive_frame_size_fit (&tracks, s->fit_mode, (KliveSize){ s->wanted_width, s->wanted_height }, &warning);

    g_test_message ("%ux%u %s %ux%u: %ux%u", s->source_width, s->source_height, s->fit_mode, s->wanted_width,
        s->wanted_height, size.width, size.height);
    g_assert_cmpuint (size.width, ==, s->width);
    g_assert_cmpuint (size.height, ==, s->height);
    g_assert_cmpint (warning != NULL, ==, s->warns);
  }
}

/* A source that does not tell its size: the pipeline finds it, within what the profile wants. */
static void
test_unknown_size (void)
{
  KliveTracks tracks = hd;
  g_autoptr (KliveLadder) ladder = NULL;

  tracks.width = tracks.height = 0;
  ladder = make (ENCODE ("A", "x_33", HEIGHT ("360") H264, AAC) ENCODE ("B", "x_34", H264, AAC), "", &tracks);
  g_assert_cmpuint (klive_ladder_find (ladder, "33")->height, ==, 0);
  g_assert_cmpuint (klive_ladder_find (ladder, "33")->max_height, ==, 360);
  g_assert_cmpuint (klive_ladder_find (ladder, "33")->max_width, ==, 0);
  g_assert_cmpuint (klive_ladder_find (ladder, "34")->max_height, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (goldens); i++) {
    g_autofree char *path = g_strconcat ("/ladder/golden/", goldens[i].file, NULL);

    g_test_add_data_func (path, &goldens[i], test_golden);
  }
  g_test_add_func ("/ladder/unsupported-is-said", test_unsupported_is_said);
  g_test_add_func ("/ladder/constant-bitrate", test_constant_bitrate);
  g_test_add_func ("/ladder/skip-frames", test_skip_frames);
  g_test_add_func ("/ladder/frame-rate-of-the-profile", test_frame_rate_of_the_profile);
  g_test_add_func ("/ladder/audio-only-source", test_audio_only_source);
  g_test_add_func ("/ladder/video-only-source", test_video_only_source);
  g_test_add_func ("/ladder/codecs-that-hls-cannot-carry", test_codecs_that_hls_cannot_carry);
  g_test_add_func ("/ladder/mp3-is-copied", test_mp3_is_copied);
  g_test_add_func ("/ladder/unknown-video-is-left-out", test_unknown_video_is_left_out);
  g_test_add_func ("/ladder/names", test_names);
  g_test_add_func ("/ladder/same-name-twice", test_same_name_twice);
  g_test_add_func ("/ladder/disabled-encode", test_disabled_encode);
  g_test_add_func ("/ladder/nothing-left", test_nothing_left);
  g_test_add_func ("/ladder/bitrate-variables", test_bitrate_variables);
  g_test_add_func ("/ladder/absurd-bitrates", test_absurd_bitrates);
  g_test_add_func ("/ladder/groups", test_groups);
  g_test_add_func ("/ladder/interlaced", test_interlaced);
  g_test_add_func ("/ladder/key-frame-interval", test_key_frame_interval);
  g_test_add_func ("/ladder/bandwidth-estimate", test_bandwidth_estimate);
  g_test_add_func ("/ladder/passthrough-profile", test_passthrough_profile);
  g_test_add_func ("/ladder/frame-sizes", test_frame_sizes);
  g_test_add_func ("/ladder/unknown-size", test_unknown_size);
  return g_test_run ();
}
