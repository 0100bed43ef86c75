/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* klive-codec: headers that real encoders wrote (x264, ffmpeg's AAC, hand-made HE-AAC), and every way to cut them. */
#include "klive-codec.h"

#include <string.h>

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

static const struct {
  const char *hex;
  guint8 profile, level;
  guint width, height, par_n, par_d, fps_n, fps_d;
  gboolean interlaced;
} avc_cases[] = {
  { "014d401fffe10019674d401feca02802dd8088000003000800000301e078c18cb001000568eae3cb20", 77, 31, 1280, 720, 1, 1, 30,
      1, FALSE },
  { "01640028ffe1001967640028acd940780227e5c04400000fa40003a9803c60c65801000668eae3cb22c0fdf8f800", 100, 40, 1920, 1080,
      1, 1, 30000, 1001, FALSE },
  { "014d4028ffe10019674d4028f403c0227ef011000003000100000300321f162ea001000468de0fc8", 77, 40, 1920, 1080, 1, 1, 25, 1,
      TRUE },
  { "0142c01effe100196742c01eda0290bf8893011000000300100000030300f162ea01000468ce0fc8", 66, 30, 642, 362, 1, 1, 24, 1,
      FALSE },
  { "0142c01effe1001c6742c01eda02d049bff0040002d1000003000100000300320f162ea001000468ce0fc8", 66, 30, 720, 576, 64, 45,
      25, 1, FALSE },
  { "01f40015ffe1001967f40015919b28283f6022000003000200000300f01e2c5b2c01000668ebe3c44844fff8f800", 244, 21, 320, 240,
      1, 1, 60, 1, FALSE },
  { "01640015ffe1001867640015acd94141fb0110000003001000000640f162d96001000768eae3cb3002c0fdf8f800", 100, 21, 320, 240,
      1, 1, 50, 1, FALSE },
};

static void
test_avc (void)
{
  guint i;

  for (i = 0; i < G_N_ELEMENTS (avc_cases); i++) {
    gsize size;
    g_autofree guint8 *data = from_hex (avc_cases[i].hex, &size);
    KliveAvcHeader header;

    g_test_message ("%s", avc_cases[i].hex);
    g_assert_true (klive_avc_header_parse (&header, data, size));
    g_assert_cmpuint (header.profile, ==, avc_cases[i].profile);
    g_assert_cmpuint (header.level, ==, avc_cases[i].level);
    g_assert_cmpuint (header.width, ==, avc_cases[i].width);
    g_assert_cmpuint (header.height, ==, avc_cases[i].height);
    g_assert_cmpuint (header.par_n, ==, avc_cases[i].par_n);
    g_assert_cmpuint (header.par_d, ==, avc_cases[i].par_d);
    g_assert_cmpuint (header.fps_n * avc_cases[i].fps_d, ==, avc_cases[i].fps_n * header.fps_d);
    g_assert_cmpint (header.interlaced, ==, avc_cases[i].interlaced);
  }
}

/* Whatever is cut off or turned over: an answer, and no step outside (each copy is a block of its own for ASan). */
static void
test_avc_damaged (void)
{
  guint i, bit;
  gsize cut;

  for (i = 0; i < G_N_ELEMENTS (avc_cases); i++) {
    gsize size;
    g_autofree guint8 *data = from_hex (avc_cases[i].hex, &size);
    KliveAvcHeader header;

    for (cut = 0; cut < size; cut++) {
      g_autofree guint8 *copy = g_memdup2 (data, cut);
      klive_avc_header_parse (&header, copy, cut);
    }
    for (bit = 0; bit < size * 8; bit++) {
      g_autofree guint8 *copy = g_memdup2 (data, size);

      copy[bit / 8] ^= (guint8) (1 << (bit % 8));
      if (klive_avc_header_parse (&header, copy, size)) {
        g_assert_cmpuint (header.width, >, 0);
        g_assert_cmpuint (header.width, <=, 8192);
        g_assert_cmpuint (header.height, >, 0);
        g_assert_cmpuint (header.height, <=, 8192);
      }
    }
  }
}

static void
test_aac (void)
{
  static const struct {
    const char *hex;
    guint rate, output_rate, channels, samples;
    gboolean sbr, ps;
  } cases[] = {
    { "1208", 44100, 44100, 1, 1024, FALSE, FALSE },
    { "120856e500", 44100, 44100, 1, 1024, FALSE, FALSE },
    { "1190", 48000, 48000, 2, 1024, FALSE, FALSE },
    { "1194", 48000, 48000, 2, 960, FALSE, FALSE },
    { "11b0", 48000, 48000, 6, 1024, FALSE, FALSE },
    { "2b920800", 22050, 44100, 2, 1024, TRUE, FALSE },
    { "eb8a0800", 22050, 44100, 2, 1024, TRUE, TRUE },
    { "139056e5a0", 22050, 44100, 2, 1024, TRUE, FALSE },
    { "138856e5a54880", 22050, 44100, 2, 1024, TRUE, TRUE },
    { "17802ee010", 24000, 24000, 2, 1024, FALSE, FALSE },
  };
  guint i;
  gsize cut;

  for (i = 0; i < G_N_ELEMENTS (cases); i++) {
    gsize size;
    g_autofree guint8 *data = from_hex (cases[i].hex, &size);
    KliveAacHeader header;

    g_test_message ("%s", cases[i].hex);
    g_assert_true (klive_aac_header_parse (&header, data, size));
    g_assert_cmpuint (header.object_type, ==, 2);
    g_assert_cmpuint (header.rate, ==, cases[i].rate);
    g_assert_cmpuint (header.output_rate, ==, cases[i].output_rate);
    g_assert_cmpuint (header.channels, ==, cases[i].channels);
    g_assert_cmpuint (header.frame_samples, ==, cases[i].samples);
    g_assert_cmpint (header.sbr, ==, cases[i].sbr);
    g_assert_cmpint (header.ps, ==, cases[i].ps);
    for (cut = 0; cut < size; cut++) {
      g_autofree guint8 *copy = g_memdup2 (data, cut);
      klive_aac_header_parse (&header, copy, cut);
    }
  }
}

static void
test_not_aac (void)
{
  KliveAacHeader header;

  g_assert_false (klive_aac_header_parse (&header, (const guint8 *) "", 0));
  g_assert_false (klive_aac_header_parse (&header, (const guint8 *) "\xde\x02\x00\x4c", 4)); /* a raw frame */
  g_assert_false (klive_aac_header_parse (&header, (const guint8 *) "\x00\x00\x00\x00", 4));
}

static void
test_mp3 (void)
{
  KliveMp3Header header;

  g_assert_true (klive_mp3_header_parse (&header, (const guint8 *) "\xff\xfb\x50\xc4", 4));
  g_assert_cmpuint (header.rate, ==, 44100);
  g_assert_cmpuint (header.channels, ==, 1);
  g_assert_cmpuint (header.frame_samples, ==, 1152);
  g_assert_true (klive_mp3_header_parse (&header, (const guint8 *) "\xff\xf3\x80\x64", 4));
  g_assert_cmpuint (header.rate, ==, 22050);
  g_assert_cmpuint (header.channels, ==, 2);
  g_assert_cmpuint (header.frame_samples, ==, 576);
  g_assert_false (klive_mp3_header_parse (&header, (const guint8 *) "\xff\xff\xff\xff", 4));
  g_assert_false (klive_mp3_header_parse (&header, (const guint8 *) "\xff\xfb\x50", 3));
  g_assert_false (klive_mp3_header_parse (&header, (const guint8 *) "ID3\x04", 4));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/codec/avc", test_avc);
  g_test_add_func ("/codec/avc-damaged", test_avc_damaged);
  g_test_add_func ("/codec/aac", test_aac);
  g_test_add_func ("/codec/not-aac", test_not_aac);
  g_test_add_func ("/codec/mp3", test_mp3);
  return g_test_run ();
}
