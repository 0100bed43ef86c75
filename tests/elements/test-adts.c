/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ADTS headers out of codec headers of AAC.
 */
#include <gstkalturaadts.h>

#define BYTES(...) (const guint8[]){ __VA_ARGS__ }, sizeof ((const guint8[]){ __VA_ARGS__ })

static void
check_header (const GstKalturaAdts *adts, gsize size, const guint8 *expected)
{
  guint8 header[GST_KALTURA_ADTS_HEADER_SIZE];
  gst_kaltura_adts_write_header (adts, size, header);
  for (guint i = 0; i < sizeof (header); i++) {
    g_assert_cmphex (header[i], ==, expected[i]);
  }
}

static void
test_lc (void)
{
  GstKalturaAdts adts;
  g_assert_true (gst_kaltura_adts_parse (&adts, BYTES (0x11, 0x90))); /* LC, 48 kHz, stereo */
  g_assert_cmpuint (adts.object_type, ==, 2);
  g_assert_cmpuint (gst_kaltura_adts_get_rate (&adts), ==, 48000);
  check_header (&adts, 371 - 7, (const guint8[]){ 0xff, 0xf1, 0x4c, 0x80, 0x2e, 0x7f, 0xfc });
  g_assert_true (gst_kaltura_adts_parse (&adts, BYTES (0x12, 0x08))); /* LC, 44.1 kHz, mono */
  g_assert_cmpuint (gst_kaltura_adts_get_rate (&adts), ==, 44100);
  check_header (&adts, GST_KALTURA_ADTS_MAX_FRAME, (const guint8[]){ 0xff, 0xf1, 0x50, 0x43, 0xff, 0xff, 0xfc });
}

static void
test_he (void)
{
  GstKalturaAdts adts;
  /* SBR over LC: core 24 kHz stereo, 48 kHz in all */
  g_assert_true (gst_kaltura_adts_parse (&adts, BYTES (0x2b, 0x11, 0x88, 0x00)));
  g_assert_cmpuint (adts.object_type, ==, 5);
  g_assert_cmpuint (adts.profile, ==, 1);
  g_assert_cmpuint (gst_kaltura_adts_get_rate (&adts), ==, 24000);
  /* parametric stereo: 22.05 kHz mono core */
  g_assert_true (gst_kaltura_adts_parse (&adts, BYTES (0xeb, 0x8a, 0x08, 0x00)));
  g_assert_cmpuint (adts.object_type, ==, 29);
  g_assert_cmpuint (adts.channels, ==, 1);
}

/* SBR and PS told behind a core that says LC; the header of ffmpeg's encoder, which tells that there is none. */
static void
test_he_behind_the_core (void)
{
  GstKalturaAdts adts;
  g_assert_true (gst_kaltura_adts_parse (&adts, BYTES (0x13, 0x90, 0x56, 0xe5, 0xa0)));
  g_assert_cmpuint (adts.object_type, ==, 5);
  g_assert_cmpuint (adts.profile, ==, 1);
  g_assert_cmpuint (gst_kaltura_adts_get_rate (&adts), ==, 22050);
  g_assert_true (gst_kaltura_adts_parse (&adts, BYTES (0x13, 0x88, 0x56, 0xe5, 0xa5, 0x48, 0x80)));
  g_assert_cmpuint (adts.object_type, ==, 29);
  g_assert_true (gst_kaltura_adts_parse (&adts, BYTES (0x12, 0x08, 0x56, 0xe5, 0x00)));
  g_assert_cmpuint (adts.object_type, ==, 2);
}

static void
test_written_out_rate (void)
{
  GstKalturaAdts adts;
  /* LC, escape 15, 44100 in 24 bits, stereo */
  g_assert_true (gst_kaltura_adts_parse (&adts, BYTES (0x17, 0x80, 0x56, 0x22, 0x10)));
  g_assert_cmpuint (adts.frequency_index, ==, 4);
  g_assert_false (gst_kaltura_adts_parse (&adts, BYTES (0x17, 0x80, 0x56, 0x24, 0x10)));
}

static void
test_refused (void)
{
  GstKalturaAdts adts;
  g_assert_false (gst_kaltura_adts_parse (&adts, NULL, 0));
  g_assert_false (gst_kaltura_adts_parse (&adts, BYTES (0x11)));
  g_assert_false (gst_kaltura_adts_parse (&adts, BYTES (0x11, 0x80)));             /* no channels: a programme config */
  g_assert_false (gst_kaltura_adts_parse (&adts, BYTES (0x16, 0x90)));             /* frequency 13 */
  g_assert_false (gst_kaltura_adts_parse (&adts, BYTES (0xb9, 0x90, 0x00, 0x00))); /* object type 23, low delay */
  g_assert_false (gst_kaltura_adts_parse (&adts, BYTES (0xff, 0xff, 0xff, 0xff)));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/adts/lc", test_lc);
  g_test_add_func ("/adts/he", test_he);
  g_test_add_func ("/adts/he-behind-the-core", test_he_behind_the_core);
  g_test_add_func ("/adts/written-out-rate", test_written_out_rate);
  g_test_add_func ("/adts/refused", test_refused);
  return g_test_run ();
}
