/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * H.264 access units on their way into a transport stream.
 */
#include <gstkalturah264.h>

#include <string.h>

#define SPS 0x67, 0x4d, 0x40, 0x1f, 0x95
#define PPS 0x68, 0xee, 0x3c
#define AUD 0, 0, 0, 1, 0x09, 0xf0
#define IDR 0x65, 0x88, 0x00, 0x00, 0x03, 0x00
#define DELTA 0x41, 0x9a, 0x22
#define SEI 0x06, 0x05, 0x01, 0xaa, 0x80
#define LONG 0, 0, 0, 1
#define SHORT 0, 0, 1

#define BYTES(...) (const guint8[]){ __VA_ARGS__ }, sizeof ((const guint8[]){ __VA_ARGS__ })

static char *
to_hex (const guint8 *data, gsize size)
{
  GString *text = g_string_new (NULL);
  for (gsize i = 0; i < size; i++) {
    g_string_append_printf (text, "%02x ", data[i]);
  }
  return g_string_free (text, FALSE);
}

/* Asserts what becomes of an access unit. */
static void
check (GstKalturaH264 *h264, GstKalturaH264Frame frame, const guint8 *in, gsize in_size, const guint8 *out,
    gsize out_size)
{
  g_autoptr (GArray) chunks = g_array_new (FALSE, FALSE, sizeof (struct iovec));
  g_autoptr (GByteArray) joined = g_byte_array_new ();
  g_assert_true (gst_kaltura_h264_frame (h264, in, in_size, frame, chunks));
  for (guint i = 0; i < chunks->len; i++) {
    struct iovec *chunk = &g_array_index (chunks, struct iovec, i);
    g_byte_array_append (joined, chunk->iov_base, chunk->iov_len);
  }
  g_autofree char *got = to_hex (joined->data, joined->len);
  g_autofree char *expected = to_hex (out, out_size);
  g_assert_cmpstr (got, ==, expected);
}

static void
check_refused (GstKalturaH264 *h264, const guint8 *in, gsize size)
{
  g_autoptr (GArray) chunks = g_array_new (FALSE, FALSE, sizeof (struct iovec));
  g_assert_false (gst_kaltura_h264_frame (h264, in, size, GST_KALTURA_H264_KEYFRAME, chunks));
  g_assert_cmpuint (chunks->len, ==, 0);
}

static void
test_byte_stream (void)
{
  g_autoptr (GstKalturaH264) h264 = gst_kaltura_h264_new ();
  g_assert_null (gst_kaltura_h264_get_codec (h264));
  /* complete: a delimiter is all that is added */
  check (h264, GST_KALTURA_H264_KEYFRAME, BYTES (LONG, SPS, LONG, PPS, SHORT, IDR),
      BYTES (AUD, LONG, SPS, LONG, PPS, SHORT, IDR));
  g_assert_cmpstr (gst_kaltura_h264_get_codec (h264), ==, "avc1.4d401f");
  check (h264, GST_KALTURA_H264_DELTA, BYTES (SHORT, DELTA), BYTES (AUD, SHORT, DELTA));
  /* a keyframe without headers gets the last ones */
  check (h264, GST_KALTURA_H264_KEYFRAME, BYTES (LONG, SEI, SHORT, IDR),
      BYTES (AUD, LONG, SPS, LONG, PPS, LONG, SEI, SHORT, IDR));
  /* its own delimiter stays the first thing */
  check (h264, GST_KALTURA_H264_KEYFRAME, BYTES (LONG, 0x09, 0x10, LONG, IDR),
      BYTES (LONG, 0x09, 0x10, LONG, SPS, LONG, PPS, LONG, IDR));
  check (h264, GST_KALTURA_H264_DELTA, BYTES (LONG, 0x09, 0x30, SHORT, DELTA), BYTES (LONG, 0x09, 0x30, SHORT, DELTA));
}

static void
test_headers_change (void)
{
  g_autoptr (GstKalturaH264) h264 = gst_kaltura_h264_new ();
  check (h264, GST_KALTURA_H264_KEYFRAME, BYTES (LONG, SPS, LONG, PPS, LONG, IDR),
      BYTES (AUD, LONG, SPS, LONG, PPS, LONG, IDR));
  /* zeros that belong to the next start code are no part of the SPS */
  check (h264, GST_KALTURA_H264_KEYFRAME, BYTES (LONG, 0x67, 0x64, 0x00, 0x28, 0x77, LONG, 0x68, 0x11, LONG, IDR),
      BYTES (AUD, LONG, 0x67, 0x64, 0x00, 0x28, 0x77, LONG, 0x68, 0x11, LONG, IDR));
  g_assert_cmpstr (gst_kaltura_h264_get_codec (h264), ==, "avc1.640028");
  check (h264, GST_KALTURA_H264_KEYFRAME, BYTES (LONG, IDR),
      BYTES (AUD, LONG, 0x67, 0x64, 0x00, 0x28, 0x77, LONG, 0x68, 0x11, LONG, IDR));
  /* many PPS in many frames do not pile up */
  for (guint i = 0; i < 1000; i++) {
    check (h264, GST_KALTURA_H264_DELTA, BYTES (LONG, 0x68, 0x22, LONG, DELTA),
        BYTES (AUD, LONG, 0x68, 0x22, LONG, DELTA));
  }
  check (h264, GST_KALTURA_H264_KEYFRAME, BYTES (LONG, IDR),
      BYTES (AUD, LONG, 0x67, 0x64, 0x00, 0x28, 0x77, LONG, 0x68, 0x22, LONG, IDR));
}

static void
test_avcc (void)
{
  g_autoptr (GstKalturaH264) h264 = gst_kaltura_h264_new ();
  g_assert_true (gst_kaltura_h264_set_avcc (h264, BYTES (1, 0x4d, 0x40, 0x1f, 0xff, 0xe1, 0, 5, SPS, 1, 0, 3, PPS)));
  g_assert_cmpstr (gst_kaltura_h264_get_codec (h264), ==, "avc1.4d401f");
  check (h264, GST_KALTURA_H264_KEYFRAME, BYTES (0, 0, 0, 5, SEI, 0, 0, 0, 6, IDR),
      BYTES (AUD, LONG, SPS, LONG, PPS, LONG, SEI, LONG, IDR));
  check (h264, GST_KALTURA_H264_DELTA, BYTES (0, 0, 0, 2, 0x09, 0x10, 0, 0, 0, 3, DELTA), BYTES (AUD, LONG, DELTA));
  /* headers in the stream replace those of the box */
  check (h264, GST_KALTURA_H264_KEYFRAME,
      BYTES (0, 0, 0, 4, 0x67, 0x42, 0xc0, 0x1e, 0, 0, 0, 2, 0x68, 0x11, 0, 0, 0, 6, IDR),
      BYTES (AUD, LONG, 0x67, 0x42, 0xc0, 0x1e, LONG, 0x68, 0x11, LONG, IDR));
  check (h264, GST_KALTURA_H264_KEYFRAME, BYTES (0, 0, 0, 6, IDR),
      BYTES (AUD, LONG, 0x67, 0x42, 0xc0, 0x1e, LONG, 0x68, 0x11, LONG, IDR));
}

static void
test_short_lengths (void)
{
  g_autoptr (GstKalturaH264) h264 = gst_kaltura_h264_new ();
  g_assert_true (gst_kaltura_h264_set_avcc (h264, BYTES (1, 0x4d, 0x40, 0x1f, 0xfd, 0xe1, 0, 5, SPS, 1, 0, 3, PPS)));
  check (h264, GST_KALTURA_H264_DELTA, BYTES (0, 3, DELTA), BYTES (AUD, LONG, DELTA));
  g_assert_true (gst_kaltura_h264_set_avcc (h264, BYTES (1, 0x4d, 0x40, 0x1f, 0xfc, 0xe1, 0, 5, SPS, 1, 0, 3, PPS)));
  check (h264, GST_KALTURA_H264_DELTA, BYTES (3, DELTA), BYTES (AUD, LONG, DELTA));
}

static void
test_broken (void)
{
  static const guint8 good[] = { 1, 0x4d, 0x40, 0x1f, 0xff, 0xe1, 0, 5, SPS, 1, 0, 3, PPS };
  g_autoptr (GstKalturaH264) h264 = gst_kaltura_h264_new ();
  check_refused (h264, NULL, 0);
  check_refused (h264, BYTES (1, 2, 3, 4, 5));
  check_refused (h264, BYTES (0, 0, 1));
  for (gsize size = 0; size < sizeof (good); size++) {
    g_autofree guint8 *part = g_memdup2 (good, size);
    g_assert_false (gst_kaltura_h264_set_avcc (h264, part, size));
  }
  g_assert_false (gst_kaltura_h264_set_avcc (h264, BYTES (1, 0x4d, 0x40, 0x1f, 0xfe, 0xe1, 0, 5, SPS, 1, 0, 3, PPS)));
  g_assert_true (gst_kaltura_h264_set_avcc (h264, good, sizeof (good)));
  check_refused (h264, BYTES (0, 0, 0, 9, DELTA));
  check_refused (h264, BYTES (0xff, 0xff, 0xff, 0xff, DELTA));
  check_refused (h264, BYTES (0, 0, 0, 3, DELTA, 0, 0));
  check_refused (h264, NULL, 0);
}

/* Noise neither crashes nor reads beyond its end (the sanitizers watch). */
static void
test_noise (void)
{
  g_autoptr (GstKalturaH264) h264 = gst_kaltura_h264_new ();
  g_autoptr (GArray) chunks = g_array_new (FALSE, FALSE, sizeof (struct iovec));
  g_autoptr (GRand) random = g_rand_new_with_seed (1);
  for (guint round = 0; round < 20000; round++) {
    gsize size = g_rand_int_range (random, 0, 40);
    g_autofree guint8 *data = g_malloc (size);
    for (gsize i = 0; i < size; i++) {
      data[i] =
          g_rand_int_range (random, 0, 3) > 0 ? g_rand_int_range (random, 0, 2) : g_rand_int_range (random, 0, 256);
    }
    if (round % 100 == 50) {
      gst_kaltura_h264_set_avcc (h264, data, size);
    } else if (round % 100 == 0) {
      gst_kaltura_h264_set_byte_stream (h264);
    }
    g_array_set_size (chunks, 0);
    gst_kaltura_h264_frame (h264, data, size, round % 2 ? GST_KALTURA_H264_KEYFRAME : GST_KALTURA_H264_DELTA, chunks);
    gsize sum = 0;
    for (guint i = 0; i < chunks->len; i++) {
      struct iovec *chunk = &g_array_index (chunks, struct iovec, i);
      for (gsize k = 0; k < chunk->iov_len; k++) {
        sum += ((const guint8 *) chunk->iov_base)[k];
      }
    }
    g_assert_cmpuint (sum, <, G_MAXUINT32);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/h264/byte-stream", test_byte_stream);
  g_test_add_func ("/h264/headers-change", test_headers_change);
  g_test_add_func ("/h264/avcc", test_avcc);
  g_test_add_func ("/h264/short-lengths", test_short_lengths);
  g_test_add_func ("/h264/broken", test_broken);
  g_test_add_func ("/h264/noise", test_noise);
  return g_test_run ();
}
