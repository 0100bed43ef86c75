/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* klive-hold and klive-plan: what waits for a studio, where one may begin, and what is left of a profile. */
#include "klive-hold.h"
#include "klive-plan.h"

#include <string.h>

#define MS GST_MSECOND

/* Formats by hand: only their identity counts here. */
static KliveFormat *
format_new (KliveFlvType type)
{
  const KliveFlvFrame frame = { .codec = KLIVE_FLV_CODEC_SPEEX };

  return type == KLIVE_FLV_VIDEO ? klive_format_new_video (KLIVE_FLV_CODEC_H263, NULL, 0, NULL)
                                 : klive_format_new_audio (&frame, NULL, 0);
}

/* "k", "v": keyframe and other frame of video; "a": 40 ms of audio; one every 20 ms. */
static void
push (KliveHold *hold, KliveFormat *video, KliveFormat *audio, const char *frames, guint64 ms)
{
  for (; *frames != '\0'; frames++, ms += 20) {
    KliveFrame *frame = g_new0 (KliveFrame, 1);

    frame->track = *frames == 'a' ? KLIVE_TIMELINE_AUDIO : KLIVE_TIMELINE_VIDEO;
    frame->format = klive_format_ref (*frames == 'a' ? audio : video);
    frame->buffer = gst_buffer_new_allocate (NULL, 1000, NULL);
    GST_BUFFER_DTS (frame->buffer) = GST_BUFFER_PTS (frame->buffer) = ms * MS;
    if (*frames == 'a')
      GST_BUFFER_DURATION (frame->buffer) = 40 * MS;
    if (*frames == 'v')
      GST_BUFFER_FLAG_SET (frame->buffer, GST_BUFFER_FLAG_DELTA_UNIT);
    klive_hold_push (hold, frame);
  }
}

/* Empties @hold: "k@40 a@60 ..." */
static char *
pop_all (KliveHold *hold)
{
  GString *text = g_string_new (NULL);
  KliveFrame *frame;

  while ((frame = klive_hold_pop (hold)) != NULL) {
    char kind = frame->track == KLIVE_TIMELINE_AUDIO ? 'a' : klive_frame_is_keyframe (frame) ? 'k' : 'v';

    g_string_append_printf (text, "%c@%" G_GUINT64_FORMAT " ", kind, GST_BUFFER_DTS (frame->buffer) / MS);
    klive_frame_free (frame);
  }
  return g_string_free (text, FALSE);
}

static void
test_begin (void)
{
  static const struct {
    const char *frames, *left;
    gboolean video, begins;
  } cases[] = {
    { "kav", "k@0 a@20 v@40 ", TRUE, TRUE },
    /* what cannot be decoded, and sound that ends before the picture begins */
    { "avavkav", "k@80 a@100 v@120 ", TRUE, TRUE },
    { "avvakav", "a@60 k@80 a@100 v@120 ", TRUE, TRUE },
    { "vav", "v@0 a@20 v@40 ", TRUE, FALSE },
    { "aaa", "a@0 a@20 a@40 ", TRUE, FALSE },
    { "aaa", "a@0 a@20 a@40 ", FALSE, TRUE },
    { "", "", FALSE, FALSE },
    { "", "", TRUE, FALSE },
  };
  g_autoptr (KliveFormat) video = format_new (KLIVE_FLV_VIDEO);
  g_autoptr (KliveFormat) audio = format_new (KLIVE_FLV_AUDIO);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (KliveHold) hold = klive_hold_new ();
    g_autofree char *left = NULL;

    push (hold, video, audio, cases[i].frames, 0);
    g_assert_cmpint (klive_hold_begin (hold, cases[i].video), ==, cases[i].begins);
    left = pop_all (hold);
    g_assert_cmpstr (left, ==, cases[i].left);
  }
}

static void
test_tracks (void)
{
  g_autoptr (KliveFormat) video = format_new (KLIVE_FLV_VIDEO);
  g_autoptr (KliveFormat) audio = format_new (KLIVE_FLV_AUDIO);
  g_autoptr (KliveFormat) other = format_new (KLIVE_FLV_AUDIO);
  g_autoptr (KliveHold) hold = klive_hold_new ();

  g_assert_null (klive_hold_peek_track (hold, KLIVE_TIMELINE_AUDIO));
  push (hold, video, audio, "ka", 0);
  push (hold, video, other, "a", 40);
  g_assert_true (klive_hold_peek_track (hold, KLIVE_TIMELINE_VIDEO)->format == video);
  g_assert_true (klive_hold_peek_track (hold, KLIVE_TIMELINE_AUDIO)->format == audio);
}

static void
test_bounded_in_time (void)
{
  g_autoptr (KliveFormat) video = format_new (KLIVE_FLV_VIDEO);
  g_autoptr (KliveFormat) audio = format_new (KLIVE_FLV_AUDIO);
  g_autoptr (KliveHold) hold = klive_hold_new ();

  for (guint second = 0; second < 60; second++)
    push (hold, video, audio, "kvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv", second * 1000);
  /* at most 10 s, and it begins with a whole GOP */
  g_assert_cmpint (GST_BUFFER_DTS (klive_hold_peek (hold)->buffer), ==, 50000 * MS);
  g_assert_true (klive_frame_is_keyframe (klive_hold_peek (hold)));
}

static void
test_bounded_in_bytes (void)
{
  g_autoptr (KliveFormat) audio = format_new (KLIVE_FLV_AUDIO);
  g_autoptr (KliveHold) hold = klive_hold_new ();
  guint dropped = 0;

  for (guint i = 0; i < 10; i++) {
    KliveFrame *frame = g_new0 (KliveFrame, 1);

    frame->track = KLIVE_TIMELINE_AUDIO;
    frame->format = klive_format_ref (audio);
    frame->buffer = gst_buffer_new_allocate (NULL, 10 * 1024 * 1024, NULL);
    GST_BUFFER_DTS (frame->buffer) = GST_BUFFER_PTS (frame->buffer) = i * MS;
    dropped += klive_hold_push (hold, frame);
  }
  g_assert_cmpuint (dropped, ==, 7);
}

static KalturaProfile *
profile_new (void)
{
  static const char xml[] =
      "<Root><Transcode><Encodes>"
      "<Encode><Enable>true</Enable><Name>Source</Name><StreamName>mp4:${SourceStreamName}_32</StreamName>"
      "<Video><Codec>PassThru</Codec></Video><Audio><Codec>AAC</Codec><Bitrate>96000</Bitrate></Audio></Encode>"
      "<Encode><Enable>true</Enable><Name>SD</Name><StreamName>mp4:${SourceStreamName}_33</StreamName>"
      "<Video><Codec>H.264</Codec><Bitrate>400000</Bitrate></Video><Audio><Codec>AAC</Codec></Audio></Encode>"
      "<Encode><Enable>true</Enable><Name>Sound</Name><StreamName>mp4:${SourceStreamName}_34</StreamName>"
      "<Video><Codec>Disable</Codec></Video><Audio><Codec>PassThru</Codec></Audio></Encode>"
      "</Encodes><StreamNameGroups><StreamNameGroup><Name>all</Name><StreamName>${SourceStreamName}_all</StreamName>"
      "<Members><Member><EncodeName>Source</EncodeName></Member><Member><EncodeName>SD</EncodeName></Member></Members>"
      "</StreamNameGroup></StreamNameGroups></Transcode></Root>";
  g_autoptr (GError) error = NULL;
  KalturaProfile *profile = kaltura_profile_parse (xml, strlen (xml), &error);

  g_assert_no_error (error);
  return profile;
}

/* "Source:PassThru/AAC SD:H.264/AAC | Source SD" */
static char *
describe (const KalturaProfile *profile)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < profile->encodes->len; i++) {
    const KalturaProfileEncode *encode = profile->encodes->pdata[i];
    g_string_append_printf (text, "%s:%s/%s ", encode->name, encode->video.codec, encode->audio.codec);
  }
  g_string_append (text, "|");
  for (guint i = 0; i < profile->groups->len; i++) {
    const KalturaProfileGroup *group = profile->groups->pdata[i];
    for (guint j = 0; j < group->members->len; j++)
      g_string_append_printf (text, " %s", (const char *) group->members->pdata[j]);
  }
  return g_string_free (text, FALSE);
}

static void
test_reduce (void)
{
  static const char *const expected[] = { "Source:PassThru/AAC SD:H.264/AAC Sound:Disable/PassThru | Source SD",
    "Source:PassThru/AAC SD:H.264/AAC Sound:Disable/PassThru | Source SD",
    "Source:PassThru/AAC Sound:Disable/PassThru | Source", "Source:PassThru/PassThru Sound:Disable/PassThru | Source" };
  KalturaProfile *profile = profile_new ();
  const KalturaProfileEncode *source;
  KlivePlanLevel level;

  for (level = KLIVE_PLAN_WHOLE; level < KLIVE_PLAN_PASSTHROUGH; level++) {
    g_autofree char *text = NULL;

    profile = klive_plan_reduce (profile, level, "0_abcd1234_1");
    text = describe (profile);
    g_assert_cmpstr (text, ==, expected[level]);
  }
  profile = klive_plan_reduce (profile, KLIVE_PLAN_PASSTHROUGH, "0_abcd1234_1");
  g_assert_cmpuint (profile->encodes->len, ==, 1);
  source = profile->encodes->pdata[0];
  g_assert_cmpstr (source->stream_name, ==, "mp4:${SourceStreamName}_32");
  kaltura_profile_free (profile);
}

/* An absent codec is PassThru; without any, the source has the stream's own name. */
static void
test_reduce_names (void)
{
  static const char *const codecs[][2] = { { "", "0_abcd1234_32" }, { "<Codec>H.264</Codec>", "0_abcd1234_1" } };

  for (guint i = 0; i < G_N_ELEMENTS (codecs); i++) {
    g_autofree char *xml = g_strdup_printf ("<Root><Transcode><Encodes><Encode><Name>Source</Name><StreamName>"
                                            "0_abcd1234_32</StreamName><Video>%s</Video></Encode></Encodes>"
                                            "</Transcode></Root>",
        codecs[i][0]);
    KalturaProfile *profile = kaltura_profile_parse (xml, strlen (xml), NULL);

    profile = klive_plan_reduce (profile, KLIVE_PLAN_COPIES, "0_abcd1234_1");
    g_assert_cmpuint (profile->encodes->len, ==, 1 - i);
    profile = klive_plan_reduce (profile, KLIVE_PLAN_PASSTHROUGH, "0_abcd1234_1");
    g_assert_cmpstr (((KalturaProfileEncode *) profile->encodes->pdata[0])->stream_name, ==, codecs[i][1]);
    kaltura_profile_free (profile);
  }
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  gst_init (&argc, &argv);
  g_test_add_func ("/hold/begin", test_begin);
  g_test_add_func ("/hold/tracks", test_tracks);
  g_test_add_func ("/hold/bounded-in-time", test_bounded_in_time);
  g_test_add_func ("/hold/bounded-in-bytes", test_bounded_in_bytes);
  g_test_add_func ("/plan/reduce", test_reduce);
  g_test_add_func ("/plan/reduce-names", test_reduce_names);
  result = g_test_run ();
  gst_deinit ();
  return result;
}
