/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The packetiser of kalturahlssink: what it writes, read by a strict reader.
 */
#include <gstkalturats.h>

#include <string.h>

#include "ts-reader.h"

typedef struct {
  GstKalturaTs *ts;
  GByteArray *out;
  guint writes;
} Fixture;

static void
collect (const guint8 *packets, gsize size, gpointer user_data)
{
  Fixture *fixture = user_data;
  g_assert_cmpuint (size % GST_KALTURA_TS_PACKET_SIZE, ==, 0);
  g_byte_array_append (fixture->out, packets, size);
  fixture->writes++;
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->out = g_byte_array_new ();
  fixture->ts = gst_kaltura_ts_new (collect, fixture);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  gst_kaltura_ts_free (fixture->ts);
  g_byte_array_unref (fixture->out);
}

static void
write_pes (Fixture *fixture, GstKalturaTsTrack track, gint64 pts, gint64 dts, gsize size)
{
  g_autofree guint8 *payload = g_malloc (size);
  for (gsize i = 0; i < size; i++) {
    payload[i] = i * 7 + size;
  }
  struct iovec chunks[] = { { payload, size / 3 }, { payload, 0 }, { payload + size / 3, size - size / 3 } };
  gst_kaltura_ts_write_pes (fixture->ts, track, pts, dts, GST_KALTURA_TS_PLAIN, chunks, 3);
}

static TsFile *
finish (Fixture *fixture, TsState *state)
{
  gst_kaltura_ts_flush (fixture->ts);
  TsFile *file = ts_read (fixture->out->data, fixture->out->len, state);
  g_byte_array_set_size (fixture->out, 0);
  return file;
}

static void
begin (Fixture *fixture)
{
  gst_kaltura_ts_set_track (fixture->ts, GST_KALTURA_TS_VIDEO, GST_KALTURA_TS_H264);
  gst_kaltura_ts_set_track (fixture->ts, GST_KALTURA_TS_AUDIO, GST_KALTURA_TS_ADTS);
  gst_kaltura_ts_write_tables (fixture->ts);
}

/* Every size around the borders of packets: stuffing of 0, 1, 2 and more bytes, with and without a clock. */
static void
test_sizes (Fixture *fixture, gconstpointer data)
{
  g_autofree TsState *state = g_new0 (TsState, 1);
  begin (fixture);
  for (gsize size = 1; size < 600; size++) {
    gint64 time = TS_ORIGIN + size * 3000;
    write_pes (fixture, GST_KALTURA_TS_VIDEO, time + 3000, time, size);
    write_pes (fixture, GST_KALTURA_TS_AUDIO, time, time, size);
  }
  g_autoptr (TsFile) file = finish (fixture, state);
  g_assert_cmpuint (ts_count (file, TS_VIDEO), ==, 599);
  for (gsize size = 1; size < 600; size++) {
    for (guint track = 0; track < 2; track++) {
      const TsPes *pes = ts_get (file, TS_VIDEO + track, size - 1);
      g_assert_cmpuint (pes->payload->len, ==, size);
      for (gsize i = 0; i < size; i++) {
        g_assert_cmphex (pes->payload->data[i], ==, (guint8) (i * 7 + size));
      }
    }
  }
}

static void
test_large (Fixture *fixture, gconstpointer data)
{
  static const gsize sizes[] = { 65521, 65522, 65523, 65535, 65536, 200000, 1500000 };
  g_autofree TsState *state = g_new0 (TsState, 1);
  begin (fixture);
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    gint64 time = TS_ORIGIN + i * 3000;
    write_pes (fixture, GST_KALTURA_TS_VIDEO, time + 1, time, sizes[i]);
  }
  g_assert_cmpuint (fixture->writes, >, 10); /* does not hold it all */
  g_autoptr (TsFile) file = finish (fixture, state);
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    g_assert_cmpuint (ts_get (file, TS_VIDEO, i)->payload->len, ==, sizes[i]);
  }
}

static void
test_timestamps (Fixture *fixture, gconstpointer data)
{
  static const gint64 times[] = { 0, 1, 0x7fff, 0x8000, 0x3fffffff, 0x40000000, 0x1ffffffff, 0x200000000, 0x200000005 };
  g_autofree TsState *state = g_new0 (TsState, 1);
  begin (fixture);
  for (guint i = 0; i < G_N_ELEMENTS (times); i++) {
    write_pes (fixture, GST_KALTURA_TS_AUDIO, times[i], times[i], 10);
    write_pes (fixture, GST_KALTURA_TS_VIDEO, times[i] + 2, times[i], 10);
  }
  g_autoptr (TsFile) file = finish (fixture, state);
  for (guint i = 0; i < G_N_ELEMENTS (times); i++) {
    g_assert_cmpint (ts_get (file, TS_AUDIO, i)->pts, ==, times[i] & 0x1ffffffff);
    g_assert_cmpint (ts_get (file, TS_VIDEO, i)->pts, ==, (times[i] + 2) & 0x1ffffffff);
    g_assert_cmpint (ts_get (file, TS_VIDEO, i)->dts, ==, times[i] & 0x1ffffffff);
  }
}

/* The clock comes each 100 ms at least, whatever the frame rate, and runs ahead of decoding. */
static void
test_clock (Fixture *fixture, gconstpointer data)
{
  gint64 interval = GPOINTER_TO_INT (data);
  g_autofree TsState *state = g_new0 (TsState, 1);
  begin (fixture);
  gint64 audio = TS_ORIGIN;
  for (gint64 video = TS_ORIGIN; video < TS_ORIGIN + 10 * 90000; video += interval) {
    write_pes (fixture, GST_KALTURA_TS_VIDEO, video, video, 1000);
    for (; audio < video + interval; audio += 1920 * 5) {
      write_pes (fixture, GST_KALTURA_TS_AUDIO, audio, audio, 500);
    }
  }
  g_autoptr (TsFile) file = finish (fixture, state);
  for (guint i = 1; i < file->pcrs->len; i++) {
    gint64 step = g_array_index (file->pcrs, gint64, i) - g_array_index (file->pcrs, gint64, i - 1);
    g_assert_cmpint (step, >, 0);
    g_assert_cmpint (step, <=, 9000);
  }
  for (guint i = 0; i < file->pes->len; i++) {
    const TsPes *pes = file->pes->pdata[i];
    g_assert_cmpint (pes->dts - pes->clock, >=, 0);
    g_assert_cmpint (pes->dts - pes->clock, <, 90000);
  }
}

static void
test_audio_clock (Fixture *fixture, gconstpointer data)
{
  g_autofree TsState *state = g_new0 (TsState, 1);
  gst_kaltura_ts_set_track (fixture->ts, GST_KALTURA_TS_AUDIO, GST_KALTURA_TS_MPEG1_AUDIO);
  gst_kaltura_ts_write_tables (fixture->ts);
  for (guint i = 0; i < 50; i++) {
    write_pes (fixture, GST_KALTURA_TS_AUDIO, TS_ORIGIN + i * 9600, TS_ORIGIN + i * 9600, 400);
  }
  g_autoptr (TsFile) file = finish (fixture, state);
  g_assert_cmphex (file->pcr_pid, ==, TS_AUDIO);
  g_assert_cmphex (file->types[0], ==, 0);
  g_assert_cmphex (file->types[1], ==, 0x03);
  g_assert_cmpuint (file->pcrs->len, >=, 50);
}

/* A gap in the programme is not filled with clock packets. */
static void
test_gap (Fixture *fixture, gconstpointer data)
{
  g_autofree TsState *state = g_new0 (TsState, 1);
  begin (fixture);
  write_pes (fixture, GST_KALTURA_TS_VIDEO, TS_ORIGIN, TS_ORIGIN, 100);
  write_pes (fixture, GST_KALTURA_TS_VIDEO, TS_ORIGIN + 90000 * 3600, TS_ORIGIN + 90000 * 3600, 100);
  g_autoptr (TsFile) file = finish (fixture, state);
  g_assert_cmpuint (file->n_packets, ==, 4);
}

/* Counters go on from segment to segment; a discontinuity is told once for each PID. */
static void
test_segments (Fixture *fixture, gconstpointer data)
{
  g_autofree TsState *state = g_new0 (TsState, 1);
  gint64 time = TS_ORIGIN;
  begin (fixture);
  for (guint segment = 0; segment < 40; segment++) {
    if (segment > 0) {
      gst_kaltura_ts_write_tables (fixture->ts);
    }
    for (guint i = 0; i < 5; i++, time += 3000) {
      write_pes (fixture, GST_KALTURA_TS_VIDEO, time, time, 1000);
      write_pes (fixture, GST_KALTURA_TS_AUDIO, time, time, 100);
    }
    g_autoptr (TsFile) file = finish (fixture, state);
    g_assert_true (ts_get (file, TS_VIDEO, 0)->discontinuity == (segment == 0));
    g_assert_true (ts_get (file, TS_AUDIO, 0)->discontinuity == (segment == 0));
    g_assert_false (ts_get (file, TS_VIDEO, 1)->discontinuity);
    g_assert_cmpuint (file->version, ==, 0);
  }
}

static void
test_tracks_change (Fixture *fixture, gconstpointer data)
{
  g_autofree TsState *state = g_new0 (TsState, 1);
  g_assert_true (gst_kaltura_ts_set_track (fixture->ts, GST_KALTURA_TS_AUDIO, GST_KALTURA_TS_ADTS));
  g_assert_false (gst_kaltura_ts_set_track (fixture->ts, GST_KALTURA_TS_AUDIO, GST_KALTURA_TS_ADTS));
  gst_kaltura_ts_write_tables (fixture->ts);
  write_pes (fixture, GST_KALTURA_TS_AUDIO, TS_ORIGIN, TS_ORIGIN, 100);
  g_assert_true (gst_kaltura_ts_set_track (fixture->ts, GST_KALTURA_TS_VIDEO, GST_KALTURA_TS_H264));
  gst_kaltura_ts_write_tables (fixture->ts);
  write_pes (fixture, GST_KALTURA_TS_VIDEO, TS_ORIGIN + 9000, TS_ORIGIN + 9000, 100);
  g_autoptr (TsFile) file = finish (fixture, state);
  g_assert_cmpuint (file->n_tables, ==, 2);
  g_assert_cmpuint (file->version, ==, 1);
  g_assert_cmphex (file->pcr_pid, ==, TS_VIDEO);
  g_assert_cmphex (file->types[0], ==, 0x1b);
  g_assert_cmphex (file->types[1], ==, 0x0f);
}

static void
test_crc (void)
{
  /* the check value of CRC-32/MPEG-2 */
  g_assert_cmphex (gst_kaltura_ts_crc32 ((const guint8 *) "123456789", 9), ==, 0x0376e6e7);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/ts/payloads-of-any-size", Fixture, NULL, set_up, test_sizes, tear_down);
  g_test_add ("/ts/large-frames", Fixture, NULL, set_up, test_large, tear_down);
  g_test_add ("/ts/timestamps", Fixture, NULL, set_up, test_timestamps, tear_down);
  g_test_add ("/ts/clock-at-60-fps", Fixture, GINT_TO_POINTER (1500), set_up, test_clock, tear_down);
  g_test_add ("/ts/clock-at-5-fps", Fixture, GINT_TO_POINTER (18000), set_up, test_clock, tear_down);
  g_test_add ("/ts/clock-at-1-fps", Fixture, GINT_TO_POINTER (90000), set_up, test_clock, tear_down);
  g_test_add ("/ts/clock-of-audio-alone", Fixture, NULL, set_up, test_audio_clock, tear_down);
  g_test_add ("/ts/gap", Fixture, NULL, set_up, test_gap, tear_down);
  g_test_add ("/ts/segments-go-on", Fixture, NULL, set_up, test_segments, tear_down);
  g_test_add ("/ts/tracks-change", Fixture, NULL, set_up, test_tracks_change, tear_down);
  g_test_add_func ("/ts/crc", test_crc);
  return g_test_run ();
}
