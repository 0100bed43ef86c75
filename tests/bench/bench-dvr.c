/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bench-dvr FOLDER SEGMENTS: feeds klive-hls-writer.c with segments of 2 s of four renditions until a DVR window of so
 * many is full, then 200 more, and prints what one of those costs. tests/bench/dvr runs it.
 */
#include "klive-hls-writer.h"
#include "klive-playlist.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND G_GINT64_CONSTANT (1000000000)
#define EPOCH (G_GINT64_CONSTANT (1763812344) * SECOND)
#define DURATION (2 * SECOND)
#define SAMPLES 200

static const char *const ids[] = { "32", "33", "34", "35" };

static double
get_cpu_ms (void)
{
  struct timespec now;

  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &now);
  return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

/* A line "name: number" of a file in /proc/self. */
static guint64
read_figure (const char *path, const char *name)
{
  g_autofree char *text = NULL;
  const char *line;

  if (!g_file_get_contents (path, &text, NULL, NULL) || !(line = strstr (text, name)))
    return 0;
  return g_ascii_strtoull (line + strlen (name) + 1, NULL, 10);
}

static guint64
get_bytes_written (void)
{
  return read_figure ("/proc/self/io", "wchar:");
}

static void
on_warning (const char *message, gpointer user_data)
{
  fprintf (stderr, "%s\n", message);
}

static KliveHlsWriter *
open_writer (const char *folder, guint64 window, gint64 now)
{
  KliveHlsOptions options = { folder, "0_abcd1234", 0, DURATION, 10, window };
  g_autoptr (GError) error = NULL;
  KliveHlsWriter *writer = klive_hls_writer_new (&options, on_warning, NULL, now, &error);

  if (!writer) {
    fprintf (stderr, "bench-dvr: %s\n", error->message);
    exit (1);
  }
  return writer;
}

static KliveLadder *
make_ladder (void)
{
  static const char head[] = "<Root><Transcode><Encodes>";
  static const char tail[] = "</Encodes></Transcode></Root>";
  g_autoptr (GString) xml = g_string_new (head);
  g_autoptr (KalturaProfile) profile = NULL;
  KliveTracks tracks = { TRUE, "h264", 1280, 720, 1, 1, 30, 1, 0, TRUE, "aac", 48000, 2, 0 };

  for (guint i = 0; i < G_N_ELEMENTS (ids); i++)
    g_string_append_printf (xml,
        "<Encode><Enable>true</Enable><Name>R%s</Name><StreamName>0_abcd1234_%s</StreamName><Video>"
        "<Codec>PassThru</Codec></Video><Audio><Codec>PassThru</Codec></Audio></Encode>",
        ids[i], ids[i]);
  g_string_append (xml, tail);
  profile = kaltura_profile_parse (xml->str, xml->len, NULL);
  return klive_ladder_new (profile, &tracks, "0_abcd1234_1");
}

/* Segment @n of all renditions. */
static void
add (KliveHlsWriter *writer, KliveHlsRun *run, guint n)
{
  for (guint i = 0; i < G_N_ELEMENTS (ids); i++) {
    guint64 index = klive_hls_run_get_start_index (run) + n;
    g_autofree char *pattern = klive_hls_run_get_location (run, ids[i]);
    g_autofree char *stem = g_strndup (pattern, strlen (pattern) - strlen ("%05u.ts"));
    g_autofree char *location = g_strdup_printf ("%s%05" G_GUINT64_FORMAT ".ts", stem, index);
    KliveHlsSegment segment = { location, index, n * (guint64) DURATION, DURATION, 125000, "avc1.4d401f,mp4a.40.2", 640,
      360, 30, 1 };
    FILE *file = fopen (location, "w");

    if (file)
      fclose (file);
    klive_hls_writer_add_segment (writer, run, ids[i], &segment, EPOCH + (n + 1) * DURATION);
  }
  klive_hls_writer_tick (writer, EPOCH + (n + 1) * DURATION);
}

/* What each segment would cost if the list of @count segments was one file. */
static void
measure_whole (const char *folder, guint count, double *ms, guint64 *bytes)
{
  g_autoptr (KlivePlaylist) list = klive_playlist_new ();
  g_autofree char *path = g_build_filename (folder, "whole.m3u8", NULL);
  double begin;

  for (guint n = 0; n < count; n++) {
    g_autofree char *uri = g_strdup_printf ("0-1763812345678-%u.ts", 881906172 + n);
    KlivePlaylistSegment segment = { uri, EPOCH + n * DURATION, DURATION, 125000, 0 };

    klive_playlist_append (list, &segment, 881906172);
  }
  begin = get_cpu_ms ();
  for (guint i = 0; i < 20; i++) {
    g_autofree char *text = klive_playlist_format (list, KLIVE_PLAYLIST_DVR, 10, 2, FALSE);

    *bytes = strlen (text);
    g_file_set_contents_full (path, text, *bytes, G_FILE_SET_CONTENTS_NONE, 0644, NULL);
  }
  *ms = (get_cpu_ms () - begin) / 20;
}

int
main (int argc, char **argv)
{
  guint count = argc == 3 ? atoi (argv[2]) : 0;
  g_autofree char *folder = argc == 3 ? g_build_filename (argv[1], "hls", NULL) : NULL;
  g_autoptr (KliveHlsWriter) writer = NULL;
  g_autoptr (KliveLadder) ladder = NULL;
  KliveHlsRun *run;
  double begin, ms, worst = 0, whole, restart;
  guint64 written, whole_bytes;

  if (count == 0) {
    fprintf (stderr, "usage: bench-dvr FOLDER SEGMENTS\n");
    return 2;
  }
  writer = open_writer (folder, count * DURATION, EPOCH);
  ladder = make_ladder ();
  klive_hls_writer_set_epoch (writer, EPOCH);
  run = klive_hls_writer_start_run (writer, "0_abcd1234_1", 1763812345678, ladder, "x", KLIVE_HLS_RUN_DEFAULT, EPOCH,
      EPOCH);
  for (guint n = 0; n < count; n++)
    add (writer, run, n);
  begin = get_cpu_ms ();
  written = get_bytes_written ();
  for (guint n = 0; n < SAMPLES; n++) {
    double before = get_cpu_ms ();

    add (writer, run, count + n);
    worst = MAX (worst, get_cpu_ms () - before);
  }
  ms = (get_cpu_ms () - begin) / SAMPLES;
  written = (get_bytes_written () - written) / SAMPLES;
  g_clear_pointer (&writer, klive_hls_writer_free);
  begin = get_cpu_ms ();
  writer = open_writer (folder, count * DURATION, EPOCH + (count + SAMPLES) * DURATION);
  restart = get_cpu_ms () - begin;
  measure_whole (argv[1], count, &whole, &whole_bytes);
  printf ("%6u segments: %6.3f ms CPU (at most %.1f) and %4" G_GUINT64_FORMAT
          " kB written for a segment of %u renditions; ",
      count, ms, worst, written / 1000, (guint) G_N_ELEMENTS (ids));
  printf ("as one file %.1f ms, %" G_GUINT64_FORMAT " kB; restart %.0f ms CPU; memory %" G_GUINT64_FORMAT " MB\n",
      whole * G_N_ELEMENTS (ids), whole_bytes * G_N_ELEMENTS (ids) / 1000, restart,
      read_figure ("/proc/self/status", "VmRSS:") / 1024);
  return 0;
}
