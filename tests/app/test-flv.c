/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* klive-flv: first bytes, script data; and that broken input is an error, never a crash. */
#include "klive-flv.h"

#include <math.h>
#include <string.h>

static void
test_video_frames (void)
{
  static const struct {
    guint8 data[8];
    gsize size;
    KliveFlvContent content;
    KliveFlvCodec codec;
    gboolean keyframe;
    gint32 composition_time;
    gsize offset;
  } cases[] = {
    { { 0x17, 0, 0, 0, 0, 1 }, 6, KLIVE_FLV_HEADER, KLIVE_FLV_CODEC_H264, TRUE, 0, 5 },
    { { 0x17, 1, 0, 0, 80, 1 }, 6, KLIVE_FLV_FRAME, KLIVE_FLV_CODEC_H264, TRUE, 80, 5 },
    { { 0x27, 1, 0xff, 0xff, 0xd8, 1 }, 6, KLIVE_FLV_FRAME, KLIVE_FLV_CODEC_H264, FALSE, -40, 5 },
    { { 0x17, 2, 0, 0, 0, 0 }, 6, KLIVE_FLV_NOTHING, KLIVE_FLV_CODEC_H264, TRUE, 0, 5 },
    { { 0x57, 1, 0, 0, 0, 1 }, 6, KLIVE_FLV_NOTHING, KLIVE_FLV_CODEC_H264, FALSE, 0, 0 },
    { { 0x17, 1, 0 }, 3, KLIVE_FLV_NOTHING, KLIVE_FLV_CODEC_H264, TRUE, 0, 0 },
    { { 0x12, 1, 0 }, 3, KLIVE_FLV_FRAME, KLIVE_FLV_CODEC_H263, TRUE, 0, 1 },
    { { 0x14, 1, 0 }, 3, KLIVE_FLV_FRAME, KLIVE_FLV_CODEC_VP6, TRUE, 0, 1 },
    { { 0x90, 'h', 'v', 'c', '1' }, 5, KLIVE_FLV_NOTHING, KLIVE_FLV_CODEC_UNKNOWN, FALSE, 0, 0 },
    { { 0x00 }, 0, KLIVE_FLV_NOTHING, KLIVE_FLV_CODEC_UNKNOWN, FALSE, 0, 0 },
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (cases); i++) {
    KliveFlvFrame frame;

    klive_flv_frame_parse (&frame, KLIVE_FLV_VIDEO, cases[i].data, cases[i].size);
    g_assert_cmpint (frame.content, ==, cases[i].content);
    g_assert_cmpint (frame.codec, ==, cases[i].codec);
    g_assert_cmpint (frame.keyframe, ==, cases[i].keyframe);
    g_assert_cmpint (frame.composition_time, ==, cases[i].composition_time);
    g_assert_cmpuint (frame.offset, ==, cases[i].offset);
  }
}

static void
test_audio_frames (void)
{
  KliveFlvFrame frame;

  klive_flv_frame_parse (&frame, KLIVE_FLV_AUDIO, (const guint8 *) "\xaf\x00\x12\x08", 4);
  g_assert_cmpint (frame.content, ==, KLIVE_FLV_HEADER);
  g_assert_cmpint (frame.codec, ==, KLIVE_FLV_CODEC_AAC);
  g_assert_cmpuint (frame.offset, ==, 2);
  klive_flv_frame_parse (&frame, KLIVE_FLV_AUDIO, (const guint8 *) "\xaf\x01\xde", 3);
  g_assert_cmpint (frame.content, ==, KLIVE_FLV_FRAME);
  klive_flv_frame_parse (&frame, KLIVE_FLV_AUDIO, (const guint8 *) "\xaf\x01", 2);
  g_assert_cmpint (frame.content, ==, KLIVE_FLV_NOTHING);
  klive_flv_frame_parse (&frame, KLIVE_FLV_AUDIO, (const guint8 *) "\x2b\xff\xf3\x80\x64", 5);
  g_assert_cmpint (frame.content, ==, KLIVE_FLV_FRAME);
  g_assert_cmpint (frame.codec, ==, KLIVE_FLV_CODEC_MP3);
  g_assert_cmpuint (frame.audio_rate, ==, 22050);
  g_assert_cmpuint (frame.audio_channels, ==, 2);
  klive_flv_frame_parse (&frame, KLIVE_FLV_AUDIO, (const guint8 *) "\xb2\x00\x01", 3);
  g_assert_cmpint (frame.codec, ==, KLIVE_FLV_CODEC_SPEEX);
  g_assert_cmpuint (frame.audio_rate, ==, 16000);
  g_assert_cmpuint (frame.audio_channels, ==, 1);
}

static guint8 *
from_hex (const char *hex, gsize *size)
{
  guint8 *data = g_malloc (strlen (hex) / 2 + 1);
  gsize i;

  for (i = 0; hex[2 * i] != '\0'; i++)
    data[i] = (guint8) (g_ascii_xdigit_value (hex[2 * i]) << 4 | g_ascii_xdigit_value (hex[2 * i + 1]));
  *size = i;
  return data;
}

/* ffmpeg 5.1: 1280x720, 30 fps, mono AAC */
#define META \
  "02000a6f6e4d65746144617461080000000d00086475726174696f6e003fd4ac083126e979000577696474680040940000000000000006686" \
  "569676874004086800000000000000d766964656f646174617261746500000000000000000000096672616d657261746500403e0000000000" \
  "00000c766964656f636f646563696400401c000000000000000d617564696f6461746172617465004050d88000000000000f617564696f736" \
  "16d706c65726174650040e5888000000000000f617564696f73616d706c6573697a65004030000000000000000673746572656f0100000c61" \
  "7564696f636f64656369640040240000000000000007656e636f64657202000d4c61766635392e32372e313030000866696c6573697a65004" \
  "0de590000000000000009"

static void
test_metadata (void)
{
  gsize size;
  g_autofree guint8 *data = from_hex (META, &size);
  g_autofree char *name = NULL;
  g_autoptr (GHashTable) values = klive_flv_script_parse (data, size, &name);

  g_assert_cmpstr (name, ==, "onMetaData");
  g_assert_cmpfloat (klive_flv_script_get_number (values, "width", 0), ==, 1280);
  g_assert_cmpfloat (klive_flv_script_get_number (values, "framerate", 0), ==, 30);
  g_assert_cmpfloat (klive_flv_script_get_number (values, "audiosamplerate", 0), ==, 44100);
  g_assert_cmpfloat (klive_flv_script_get_number (values, "encoder", 7), ==, 7);
  g_assert_cmpstr (g_variant_get_string (g_hash_table_lookup (values, "encoder"), NULL), ==, "Lavf59.27.100");
  g_assert_false (g_variant_get_boolean (g_hash_table_lookup (values, "stereo")));
}

static void
test_metadata_cut_anywhere (void)
{
  gsize size, cut;
  g_autofree guint8 *data = from_hex (META, &size);

  for (cut = 0; cut < size; cut++) {
    g_autofree guint8 *copy = g_memdup2 (data, cut); /* its own block: valgrind and ASan see a step too far */
    g_autofree char *name = NULL;
    g_autoptr (GHashTable) values = klive_flv_script_parse (copy, cut, &name);

    g_assert_true ((values == NULL) == (name == NULL));
  }
}

static void
test_script_forms (void)
{
  static const struct {
    const char *hex;
    const char *name;
    guint members;
  } cases[] = {
    /* @setDataFrame, onX, object {a: 1.0} with its end */
    { "02000d40736574446174614672616d65"
      "0200036f6e58"
      "03000161003ff0000000000000000009",
        "onX", 1 },
    /* object in an object; the outer one goes on behind it */
    { "0200036f6e58"
      "030001610300016200400000000000000000000900016301010000"
      "09",
        "onX", 1 },
    /* strict array, null, undefined, date: passed over */
    { "0200036f6e58"
      "0300016"
      "10a00000002010005"
      "00016206"
      "0001630b00000000000000000000"
      "00016402000178"
      "000009",
        "onX", 1 },
    /* a name that comes twice: the first counts */
    { "0200036f6e58"
      "0300016101010001610100000009",
        "onX", 1 },
    /* a name without an object */
    { "0200036f6e58", "onX", 0 },
    { "0200036f6e58"
      "02000161",
        "onX", 0 },
    /* no name */
    { "003ff0000000000000", NULL, 0 },
    { "", NULL, 0 },
    /* an array that says that it has 2^32 - 1 items */
    { "0200036f6e58"
      "030001610affffffff",
        "onX", 0 },
    /* a string longer than the data */
    { "0200036f6e58"
      "030001610cffffffff61",
        "onX", 0 },
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (cases); i++) {
    gsize size;
    g_autofree guint8 *data = from_hex (cases[i].hex, &size);
    g_autofree char *name = NULL;
    g_autoptr (GHashTable) values = klive_flv_script_parse (data, size, &name);

    g_assert_cmpstr (name, ==, cases[i].name);
    if (values != NULL)
      g_assert_cmpuint (g_hash_table_size (values), ==, cases[i].members);
  }
}

static void
test_script_bombs (void)
{
  g_autoptr (GByteArray) deep = g_byte_array_append (g_byte_array_new (), (const guint8 *) "\x02\0\1x", 4);
  g_autoptr (GByteArray) wide = g_byte_array_append (g_byte_array_new (), (const guint8 *) "\x02\0\1x\x03", 5);
  g_autofree char *name1 = NULL, *name2 = NULL;
  g_autoptr (GHashTable) values1 = NULL, values2 = NULL;
  guint i;

  for (i = 0; i < 100000; i++) {
    guint8 member[7] = { 0, 3, (guint8) ('a' + i % 26), (guint8) ('a' + i / 26 % 26), (guint8) ('a' + i / 676 % 26), 1,
      1 };

    g_byte_array_append (deep, (const guint8 *) "\x03\0\1a", 4);
    g_byte_array_append (wide, member, 7);
  }
  values1 = klive_flv_script_parse (deep->data, deep->len, &name1);
  values2 = klive_flv_script_parse (wide->data, wide->len, &name2);
  g_assert_cmpuint (g_hash_table_size (values1), ==, 0);
  g_assert_cmpuint (g_hash_table_size (values2), ==, 512);
}

static void
test_numbers (void)
{
  g_autoptr (GHashTable) values =
      g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) g_variant_unref);

  g_hash_table_insert (values, (char *) "nan", g_variant_ref_sink (g_variant_new_double (NAN)));
  g_hash_table_insert (values, (char *) "inf", g_variant_ref_sink (g_variant_new_double (INFINITY)));
  g_hash_table_insert (values, (char *) "one", g_variant_ref_sink (g_variant_new_double (1)));
  g_assert_cmpfloat (klive_flv_script_get_number (values, "nan", 5), ==, 5);
  g_assert_cmpfloat (klive_flv_script_get_number (values, "inf", 5), ==, 5);
  g_assert_cmpfloat (klive_flv_script_get_number (values, "one", 5), ==, 1);
  g_assert_cmpfloat (klive_flv_script_get_number (NULL, "one", 5), ==, 5);
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  gst_init (&argc, &argv);
  g_test_add_func ("/flv/video-frames", test_video_frames);
  g_test_add_func ("/flv/audio-frames", test_audio_frames);
  g_test_add_func ("/flv/metadata", test_metadata);
  g_test_add_func ("/flv/metadata-cut-anywhere", test_metadata_cut_anywhere);
  g_test_add_func ("/flv/script-forms", test_script_forms);
  g_test_add_func ("/flv/script-bombs", test_script_bombs);
  g_test_add_func ("/flv/numbers", test_numbers);
  result = g_test_run ();
  gst_deinit ();
  return result;
}
