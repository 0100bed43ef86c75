/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The HLS folder of an entry: what appears when, what goes on after a crash, what is removed. Time is made up. */
#include "klive-hls-writer.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <locale.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECOND G_GINT64_CONSTANT (1000000000)
#define EPOCH (G_GINT64_CONSTANT (1763812344) * SECOND) /* divisible by 2 and by 6 */
#define FIRST_SLOT (EPOCH / SECOND / 2)

#define ENCODE(name, id, height) \
  "<Encode><Enable>true</Enable><Name>" name "</Name><StreamName>0_abcd1234_" id \
  "</StreamName><Video><FrameSize><FitMode>fit-height</FitMode><Height>" height "</Height></FrameSize>" \
  "<Codec>H.264</Codec><Profile>main</Profile><Bitrate>400000</Bitrate></Video>" \
  "<Audio><Codec>AAC</Codec><Bitrate>64000</Bitrate></Audio></Encode>"
#define SOURCE \
  "<Encode><Enable>true</Enable><Name>Source</Name><StreamName>0_abcd1234_32</StreamName>" \
  "<Video><Codec>PassThru</Codec></Video><Audio><Codec>PassThru</Codec></Audio></Encode>"
#define PROFILE(encodes, groups) \
  "<Root><Transcode><Encodes>" encodes "</Encodes><StreamNameGroups>" groups "</StreamNameGroups></Transcode></Root>"
#define GROUP(name, members) "<StreamNameGroup><Name>" name "</Name><Members>" members "</Members></StreamNameGroup>"
#define MEMBER(name) "<Member><EncodeName>" name "</EncodeName></Member>"

static const char two[] = PROFILE (SOURCE ENCODE ("SD", "33", "360"),
    GROUP ("all", MEMBER ("SD") MEMBER ("Source")) GROUP ("mbr", MEMBER ("SD")));

typedef struct {
  char *directory;
  KliveHlsWriter *writer;
  KliveHlsRun *run;
  GPtrArray *warnings;
  gint64 now;
  guint64 dvr_window;
  guint made; /* segment files made so far */
} Fixture;

static void
on_warning (const char *message, gpointer user_data)
{
  g_ptr_array_add (user_data, g_strdup (message));
}

static void
open_writer (Fixture *f)
{
  g_autofree char *directory = g_build_filename (f->directory, "hls", "0_abcd1234", "0", NULL);
  KliveHlsOptions options = { directory, "0_abcd1234", 0, 2 * SECOND, 3, f->dvr_window };
  g_autoptr (GError) error = NULL;

  f->writer = klive_hls_writer_new (&options, on_warning, f->warnings, f->now, &error);
  g_assert_no_error (error);
}

static void
crash (Fixture *f)
{
  g_clear_pointer (&f->writer, klive_hls_writer_free);
  open_writer (f);
}

static void
set_up (Fixture *f, gconstpointer dvr_window)
{
  f->directory = g_dir_make_tmp (NULL, NULL);
  f->warnings = g_ptr_array_new_with_free_func (g_free);
  f->now = EPOCH;
  f->dvr_window = GPOINTER_TO_UINT (dvr_window) * (guint64) SECOND;
  open_writer (f);
  klive_hls_writer_set_epoch (f->writer, EPOCH);
}

static void
remove_tree (const char *path)
{
  g_autoptr (GDir) dir = g_file_test (path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open (path, 0, NULL);
  const char *name;

  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree char *child = g_build_filename (path, name, NULL);

    remove_tree (child);
  }
  g_remove (path);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  klive_hls_writer_free (f->writer);
  g_ptr_array_unref (f->warnings);
  remove_tree (f->directory);
  g_free (f->directory);
}

static KliveHlsRun *
start_full (Fixture *f, const char *stream, gint64 serial, const char *xml, const char *fingerprint, gint64 date)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (KalturaProfile) profile = kaltura_profile_parse (xml, strlen (xml), &error);
  KliveTracks tracks = { TRUE, "h264", 1280, 720, 1, 1, 30, 1, 0, TRUE, "aac", 48000, 2, 0 };
  g_autoptr (KliveLadder) ladder = NULL;

  g_assert_no_error (error);
  ladder = klive_ladder_new (profile, &tracks, stream);
  return klive_hls_writer_start_run (f->writer, stream, serial, ladder, fingerprint, KLIVE_HLS_RUN_DEFAULT, date,
      f->now);
}

static void
start (Fixture *f, const char *fingerprint, double at)
{
  f->run = start_full (f, "0_abcd1234_1", 17, two, fingerprint, EPOCH + (gint64) (at * SECOND));
}

/* Segment @n of the run for rendition @id, at @at s, with a real file. */
static void
add_to (Fixture *f, KliveHlsRun *run, const char *id, guint n, double at, double duration)
{
  g_autofree char *pattern = klive_hls_run_get_location (run, id);
  guint64 index = klive_hls_run_get_start_index (run) + n;
  g_autofree char *stem = g_strndup (pattern, strlen (pattern) - strlen ("%05u.ts"));
  g_autofree char *location = g_strdup_printf ("%s%05" G_GUINT64_FORMAT ".ts", stem, index);
  KliveHlsSegment segment = { location, index, (guint64) (at * SECOND), (guint64) (duration * SECOND), 125000,
    "avc1.4d401f,mp4a.40.2", 640, 360, 30, 1 };

  g_assert_true (g_file_set_contents (location, "x", 1, NULL));
  f->made++;
  f->now = EPOCH + (gint64) ((at + duration) * SECOND);
  klive_hls_writer_add_segment (f->writer, run, id, &segment, f->now);
}

/* Segment @n of both renditions, 2 s each, the run having begun at 0. */
static void
add (Fixture *f, guint n)
{
  add_to (f, f->run, "32", n, n * 2, 2);
  add_to (f, f->run, "33", n, n * 2, 2);
}

static char *
read_file (Fixture *f, const char *name)
{
  g_autofree char *path = g_build_filename (f->directory, "hls", "0_abcd1234", "0", name, NULL);
  char *text = NULL;

  g_file_get_contents (path, &text, NULL, NULL);
  return text;
}

static void
assert_has (Fixture *f, const char *name, const char *part)
{
  g_autofree char *text = read_file (f, name);

  if (!text)
    g_error ("%s is not there", name);
  if (!strstr (text, part))
    g_error ("%s lacks \"%s\":\n%s", name, part, text);
}

static void
assert_lacks (Fixture *f, const char *name, const char *part)
{
  g_autofree char *text = read_file (f, name);

  if (text && strstr (text, part))
    g_error ("%s has \"%s\":\n%s", name, part, text);
}

static gboolean
exists (Fixture *f, const char *name)
{
  g_autofree char *path = g_build_filename (f->directory, "hls", "0_abcd1234", "0", name, NULL);

  return g_file_test (path, G_FILE_TEST_EXISTS);
}

static guint
count_files (Fixture *f, const char *id, const char *suffix)
{
  g_autofree char *path = g_build_filename (f->directory, "hls", "0_abcd1234", "0", id, NULL);
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;
  guint n = 0;

  while (dir && (name = g_dir_read_name (dir)))
    n += g_str_has_suffix (name, suffix);
  return n;
}

static guint
count_segments (Fixture *f, const char *id)
{
  return count_files (f, id, ".ts");
}

static void
test_first_segment (Fixture *f, gconstpointer data)
{
  g_autofree char *sequence = g_strdup_printf ("#EXT-X-MEDIA-SEQUENCE:%" G_GINT64_FORMAT "\n", (gint64) FIRST_SLOT);
  g_autofree char *name = g_strdup_printf ("\n0-17-%" G_GINT64_FORMAT ".ts\n", (gint64) FIRST_SLOT);

  start (f, "x", 0);
  g_assert_cmpuint (klive_hls_run_get_start_index (f->run), ==, FIRST_SLOT);
  add_to (f, f->run, "32", 0, 0, 2);
  assert_has (f, "32/chunklist.m3u8", sequence);
  assert_has (f, "32/chunklist.m3u8", name);
  assert_has (f, "32/chunklist.m3u8", "#EXT-X-PROGRAM-DATE-TIME:2025-11-22T11:52:24.000Z\n");
  assert_has (f, "32/playlist.m3u8", "RESOLUTION=640x360,FRAME-RATE=30.000\nchunklist.m3u8\n");
  g_assert_false (exists (f, "all.m3u8"));
  g_assert_false (exists (f, "32/chunklist_dvr.m3u8"));
  g_assert_cmpuint (f->warnings->len, ==, 0);
}

static void
test_master_waits_for_all (Fixture *f, gconstpointer data)
{
  start (f, "x", 0);
  add_to (f, f->run, "32", 0, 0, 2);
  klive_hls_writer_tick (f->writer, f->now + 14 * SECOND);
  g_assert_false (klive_hls_writer_is_playable (f->writer));
  add_to (f, f->run, "33", 0, 0, 2);
  g_assert_true (klive_hls_writer_is_playable (f->writer));
  /* in the order of the profile's group */
  assert_has (f, "all.m3u8", "33/chunklist.m3u8\n#EXT-X-STREAM-INF:");
  assert_has (f, "all.m3u8", "\n32/chunklist.m3u8\n");
  assert_has (f, "all.m3u8", "CODECS=\"avc1.4d401f,mp4a.40.2\",RESOLUTION=640x360,FRAME-RATE=30.000\n");
  assert_has (f, "mbr.m3u8", "33/chunklist.m3u8\n");
  assert_lacks (f, "mbr.m3u8", "32/");
  g_assert_cmpuint (f->warnings->len, ==, 0);
}

static void
test_master_after_15_seconds (Fixture *f, gconstpointer data)
{
  start (f, "x", 0);
  add_to (f, f->run, "32", 0, 0, 2);
  klive_hls_writer_tick (f->writer, f->now + 15 * SECOND);
  assert_has (f, "all.m3u8", "32/chunklist.m3u8");
  assert_lacks (f, "all.m3u8", "33/");
  g_assert_cmpuint (f->warnings->len, ==, 1);
  g_assert_nonnull (strstr (f->warnings->pdata[0], "33"));
  /* it comes after all */
  add_to (f, f->run, "33", 7, 14, 2);
  assert_has (f, "all.m3u8", "33/chunklist.m3u8");
}

static void
test_later_ingest_is_added_whole (Fixture *f, gconstpointer data)
{
  static const char other[] = PROFILE (ENCODE ("A", "36", "240") ENCODE ("B", "37", "180"), "");
  KliveHlsRun *run;

  start (f, "x", 0);
  add (f, 0);
  run = start_full (f, "0_abcd1234_2", 18, other, "y", EPOCH + 2 * SECOND);
  add_to (f, run, "36", 0, 2, 2);
  assert_lacks (f, "all.m3u8", "36/");
  add_to (f, run, "37", 0, 2, 2);
  assert_has (f, "all.m3u8", "32/chunklist.m3u8\n#EXT-X-STREAM-INF:");
  assert_has (f, "all.m3u8", "36/chunklist.m3u8\n#EXT-X-STREAM-INF:");
  assert_lacks (f, "mbr.m3u8", "36/");
  /* and leaves whole */
  klive_hls_writer_drop_stream (f->writer, "0_abcd1234_2", f->now);
  assert_lacks (f, "all.m3u8", "36/");
  assert_has (f, "all.m3u8", "32/");
  g_assert_true (exists (f, "36/chunklist.m3u8"));
}

static void
test_window_and_removal (Fixture *f, gconstpointer data)
{
  start (f, "x", 0);
  for (guint i = 0; i < 4; i++)
    add (f, i);
  /* three listed, the fourth has left the list and stays for 6 s + 2 * 2 s */
  assert_lacks (f, "32/chunklist.m3u8", "0-17-881906172.ts");
  g_assert_cmpuint (count_segments (f, "32"), ==, 4);
  klive_hls_writer_tick (f->writer, f->now + 9 * SECOND);
  g_assert_cmpuint (count_segments (f, "32"), ==, 4);
  klive_hls_writer_tick (f->writer, f->now + 11 * SECOND);
  g_assert_cmpuint (count_segments (f, "32"), ==, 3);
  g_assert_cmpuint (count_segments (f, "33"), ==, 3);
}

static void
test_dvr (Fixture *f, gconstpointer data)
{
  start (f, "x", 0);
  for (guint i = 0; i < 20; i++)
    add (f, i);
  klive_hls_writer_tick (f->writer, f->now + 100 * SECOND);
  g_assert_cmpuint (count_segments (f, "32"), ==, 10);
  assert_has (f, "32/chunklist_dvr.m3u8", "0-17-881906182.ts");
  assert_lacks (f, "32/chunklist_dvr.m3u8", "0-17-881906181.ts");
  assert_lacks (f, "32/chunklist.m3u8", "0-17-881906188.ts");
  assert_has (f, "all_dvr.m3u8", "33/chunklist_dvr.m3u8\n");
  assert_has (f, "32/playlist_dvr.m3u8", "\nchunklist_dvr.m3u8\n");
}

/* What nginx sends of the DVR list of 32: the parts that it names are put in. */
static GStrv
read_dvr_lines (Fixture *f)
{
  g_autofree char *list = read_file (f, "32/chunklist_dvr.m3u8");
  g_auto (GStrv) lines = g_strsplit (list, "\n", -1);
  g_autofree char *whole = NULL;

  for (guint i = 0; lines[i]; i++) {
    const char *path = strstr (lines[i], "virtual=\"/0_abcd1234/0/");
    g_autofree char *name = NULL;

    if (!path)
      continue;
    name = g_strndup (path + 23, strcspn (path + 23, "\""));
    g_free (lines[i]);
    lines[i] = read_file (f, name);
    g_assert_nonnull (lines[i]);
  }
  whole = g_strjoinv ("\n", lines);
  return g_strsplit (whole, "\n", -1);
}

static guint64
get_number (const char *line, const char *tag)
{
  g_assert_true (g_str_has_prefix (line, tag));
  return g_ascii_strtoull (line + strlen (tag), NULL, 10);
}

/* Checks the DVR list after @made segments of 2 s with a discontinuity at each multiple of 500; 900 are the window. */
static void
check_window (Fixture *f, guint made)
{
  g_auto (GStrv) lines = read_dvr_lines (f);
  guint n = made - MIN (made, 900);
  guint line = 6;

  g_assert_cmpuint (get_number (lines[4], "#EXT-X-MEDIA-SEQUENCE:"), ==, FIRST_SLOT + n);
  g_assert_cmpuint (get_number (lines[5], "#EXT-X-DISCONTINUITY-SEQUENCE:"), ==, n > 0 ? (n - 1) / 500 : 0);
  for (; n < made; n++) {
    g_autoptr (GDateTime) time = g_date_time_new_from_unix_utc (EPOCH / SECOND + n * 2);
    g_autofree char *date = g_date_time_format (time, "#EXT-X-PROGRAM-DATE-TIME:%Y-%m-%dT%H:%M:%S.000Z");
    g_autofree char *tail = g_strdup_printf ("-%" G_GINT64_FORMAT ".ts", (gint64) FIRST_SLOT + n);
    g_autofree char *file = NULL;

    if (n > 0 && n % 500 == 0)
      g_assert_cmpstr (lines[line++], ==, "#EXT-X-DISCONTINUITY");
    g_assert_cmpstr (lines[line++], ==, date);
    g_assert_cmpstr (lines[line++], ==, "#EXTINF:2.000000,");
    g_assert_true (g_str_has_suffix (lines[line], tail));
    file = g_build_filename ("32", lines[line++], NULL);
    g_assert_true (exists (f, file));
  }
  g_assert_cmpstr (lines[line], ==, "");
  g_assert_null (lines[line + 1]);
}

/* 75 minutes at 2 s with a window of 30, codecs that change and workers that die: nothing is missing, nothing stays. */
static void
test_dvr_of_hours (Fixture *f, gconstpointer data)
{
  for (guint n = 0; n < 2250; n++) {
    g_autofree char *fingerprint = g_strdup_printf ("codec %u", n / 500);

    if (n == 700 || n == 1777)
      crash (f);
    if (n % 500 == 0 || n == 700 || n == 1777) {
      f->run = start_full (f, "0_abcd1234_1", 17 + n, two, fingerprint, EPOCH + n * 2 * SECOND);
      g_assert_cmpuint (klive_hls_run_get_start_index (f->run), ==, FIRST_SLOT + n);
    }
    add_to (f, f->run, "32", FIRST_SLOT + n - klive_hls_run_get_start_index (f->run), n * 2, 2);
    klive_hls_writer_tick (f->writer, f->now);
    if (n % 97 == 0 || n % 500 < 2 || (n > 690 && n < 710) || n > 2245)
      check_window (f, n + 1);
  }
  /* the window, and what left it within the last 6 s + 2 * 2 s */
  g_assert_cmpuint (count_files (f, "32", ".ts"), ==, 900 + 5);
  g_assert_cmpuint (count_files (f, "32", ".part"), <=, 900 / 256 + 1);
  g_assert_cmpuint (count_files (f, "32", ".part"), >=, 900 / 256 - 1);
  assert_has (f, "32/chunklist.m3u8", "#EXT-X-MEDIA-SEQUENCE:881908419\n"); /* three of them in the plain one */
}

/* A segment that found no space: the oldest of all renditions make room, lists first; what plays live stays. */
static void
test_full_disk_shortens_the_window (Fixture *f, gconstpointer data)
{
  guint64 before;

  start (f, "x", 0);
  for (guint i = 0; i < 20; i++)
    add (f, i);
  klive_hls_writer_tick (f->writer, f->now + 100 * SECOND);
  before = klive_hls_writer_get_window (f->writer);
  g_assert_cmpuint (before, ==, 40 * SECOND);
  klive_hls_writer_add_failure (f->writer, EIO, f->now);
  g_assert_cmpuint (count_segments (f, "32"), ==, 20);
  g_assert_false (klive_hls_writer_is_short_of_space (f->writer));

  klive_hls_writer_add_failure (f->writer, ENOSPC, f->now);
  g_assert_true (klive_hls_writer_is_short_of_space (f->writer));
  g_assert_cmpuint (klive_hls_writer_get_window (f->writer), <, before);
  g_assert_cmpuint (count_segments (f, "32") * 2 * SECOND, ==, klive_hls_writer_get_window (f->writer));
  g_assert_cmpuint (count_segments (f, "33"), ==, count_segments (f, "32"));
  assert_lacks (f, "32/chunklist_dvr.m3u8", "0-17-881906172.ts");
  g_assert_cmpuint (f->warnings->len, ==, 1);
  for (guint i = 0; i < 10; i++)
    klive_hls_writer_add_failure (f->writer, ENOSPC, f->now);
  g_assert_cmpuint (f->warnings->len, ==, 1);
  g_assert_cmpuint (count_segments (f, "32"), ==, 3);
  g_assert_cmpuint (count_segments (f, "33"), ==, 3);
  assert_has (f, "33/chunklist.m3u8", "0-17-881906189.ts");
  add (f, 20);
  assert_has (f, "33/chunklist_dvr.m3u8", "#EXT-X-MEDIA-SEQUENCE:881906189\n");
  assert_has (f, "33/chunklist_dvr.m3u8", "0-17-881906192.ts\n");
  /* the disk of this test has space */
  klive_hls_writer_tick (f->writer, f->now);
  g_assert_false (klive_hls_writer_is_short_of_space (f->writer));
  g_assert_cmpuint (f->warnings->len, ==, 2);
}

static void
test_same_codec_goes_on (Fixture *f, gconstpointer data)
{
  start (f, "x", 0);
  add (f, 0);
  klive_hls_writer_end_run (f->writer, f->run);
  f->run = start_full (f, "0_abcd1234_1", 18, two, "x", EPOCH + 21 * SECOND);
  g_assert_cmpuint (klive_hls_run_get_start_index (f->run), ==, FIRST_SLOT + 10);
  add_to (f, f->run, "32", 0, 21, 1);
  assert_lacks (f, "32/chunklist.m3u8", "#EXT-X-DISCONTINUITY\n");
  assert_has (f, "32/chunklist.m3u8", "11:52:45.000Z\n#EXTINF:1.000000,\n0-18-881906182.ts\n");
}

static void
test_other_codec_breaks_all_lists (Fixture *f, gconstpointer data)
{
  static const char other[] = PROFILE (ENCODE ("A", "36", "240"), "");
  KliveHlsRun *run;

  start (f, "x", 0);
  run = start_full (f, "0_abcd1234_2", 18, other, "y", EPOCH);
  add (f, 0);
  add_to (f, run, "36", 0, 0, 2);
  klive_hls_writer_end_run (f->writer, f->run);
  start (f, "z", 4.5);
  add_to (f, run, "36", 1, 2, 2);
  assert_lacks (f, "36/chunklist.m3u8", "#EXT-X-DISCONTINUITY\n");
  add_to (f, run, "36", 2, 4, 2);
  add_to (f, f->run, "32", 0, 4.5, 1.5);
  assert_has (f, "36/chunklist.m3u8", "#EXT-X-DISCONTINUITY\n#EXT-X-PROGRAM-DATE-TIME:2025-11-22T11:52:28.000Z\n");
  assert_has (f, "32/chunklist.m3u8", "#EXT-X-DISCONTINUITY\n#EXT-X-PROGRAM-DATE-TIME:2025-11-22T11:52:28.500Z\n");
  add_to (f, run, "36", 3, 6, 2);
  assert_lacks (f, "36/chunklist.m3u8", "11:52:30.000Z\n#EXTINF:2.000000,\n#EXT-X-DISCONTINUITY\n");
}

/* The last segment of a studio that was replaced belongs before the break. */
static void
test_straggler_of_old_run (Fixture *f, gconstpointer data)
{
  KliveHlsRun *old;

  start (f, "x", 0);
  old = f->run;
  add_to (f, old, "32", 0, 0, 2);
  start (f, "y", 3);
  /* numbers of what is still under way are not used twice */
  g_assert_cmpuint (klive_hls_run_get_start_index (f->run), >, FIRST_SLOT + 2);
  add_to (f, old, "32", 1, 2, 1);
  assert_lacks (f, "32/chunklist.m3u8", "#EXT-X-DISCONTINUITY\n");
  add_to (f, f->run, "32", 0, 3, 1);
  assert_has (f, "32/chunklist.m3u8", "#EXT-X-DISCONTINUITY\n#EXT-X-PROGRAM-DATE-TIME:2025-11-22T11:52:27.000Z\n");
  g_assert_cmpuint (f->warnings->len, ==, 0);
  add_to (f, old, "32", 2, 2.5, 1);
  g_assert_cmpuint (f->warnings->len, ==, 1);
}

static void
test_target_duration_of_regular_gop (Fixture *f, gconstpointer data)
{
  klive_hls_writer_add_gop (f->writer, SECOND);
  klive_hls_writer_add_gop (f->writer, SECOND + 20 * 1000000);
  start (f, "x", 0);
  add_to (f, f->run, "32", 0, 0, 2.04);
  assert_has (f, "32/chunklist.m3u8", "#EXT-X-TARGETDURATION:2\n");
  g_assert_cmpuint (klive_hls_writer_get_target_duration (f->writer), ==, 2);
}

static void
test_target_duration_of_other_gop (Fixture *f, gconstpointer data)
{
  klive_hls_writer_add_gop (f->writer, 3 * SECOND / 2);
  start (f, "x", 0);
  add_to (f, f->run, "32", 0, 0, 1.5);
  assert_has (f, "32/chunklist.m3u8", "#EXT-X-TARGETDURATION:4\n");
  add_to (f, f->run, "32", 1, 1.5, 3);
  g_assert_cmpuint (f->warnings->len, ==, 0);
  /* only a segment that does not fit raises it, in all lists */
  klive_hls_writer_add_gop (f->writer, 5 * SECOND);
  add_to (f, f->run, "33", 0, 0, 1.5);
  assert_has (f, "33/chunklist.m3u8", "#EXT-X-TARGETDURATION:4\n");
  add_to (f, f->run, "32", 2, 4.5, 5);
  assert_has (f, "33/chunklist.m3u8", "#EXT-X-TARGETDURATION:7\n");
  assert_has (f, "32/chunklist.m3u8", "#EXT-X-TARGETDURATION:7\n");
  g_assert_cmpuint (f->warnings->len, ==, 1);
}

static void
test_crash (Fixture *f, gconstpointer data)
{
  start (f, "x", 0);
  for (guint i = 0; i < 3; i++)
    add (f, i);
  {
    g_autofree char *before = read_file (f, "32/chunklist.m3u8");
    g_autofree char *unlisted =
        g_build_filename (f->directory, "hls", "0_abcd1234", "0", "32", "0-17-881906180.ts", NULL);
    g_autofree char *unfinished = g_build_filename (f->directory, "hls", "0_abcd1234", "0", "32", ".x.tmp", NULL);
    g_autofree char *after = NULL;

    g_file_set_contents (unlisted, "x", 1, NULL);
    g_file_set_contents (unfinished, "x", 1, NULL);
    crash (f);
    after = read_file (f, "32/chunklist.m3u8");
    g_assert_cmpstr (after, ==, before);
    g_assert_false (g_file_test (unfinished, G_FILE_TEST_EXISTS));
  }
  g_assert_cmpint (klive_hls_writer_get_epoch (f->writer), ==, EPOCH);
  g_assert_true (klive_hls_writer_is_playable (f->writer));
  g_assert_cmpuint (klive_hls_writer_get_target_duration (f->writer), ==, 2);
  /* goes on: no discontinuity, numbers of all files that were ever there are left alone */
  start (f, "x", 8);
  g_assert_cmpuint (klive_hls_run_get_start_index (f->run), ==, 881906181);
  add_to (f, f->run, "32", 0, 8, 2);
  assert_has (f, "32/chunklist.m3u8", "0-17-881906174.ts\n#EXT-X-PROGRAM-DATE-TIME:2025-11-22T11:52:32.000Z\n");
  assert_has (f, "32/chunklist.m3u8", "#EXT-X-MEDIA-SEQUENCE:881906173\n");
  assert_has (f, "all.m3u8", "32/chunklist.m3u8");
  klive_hls_writer_tick (f->writer, f->now + 20 * SECOND);
  g_assert_cmpuint (count_segments (f, "32"), ==, 3);
}

static void
test_crash_and_other_codec (Fixture *f, gconstpointer data)
{
  start (f, "x", 0);
  add (f, 0);
  crash (f);
  start (f, "y", 4);
  add_to (f, f->run, "32", 0, 4, 2);
  assert_has (f, "32/chunklist.m3u8", "#EXT-X-DISCONTINUITY\n");
  crash (f);
  start (f, "y", 8);
  for (guint i = 0; i < 3; i++)
    add_to (f, f->run, "32", i, 8 + i * 2, 2);
  assert_lacks (f, "32/chunklist.m3u8", "#EXT-X-DISCONTINUITY\n");
  assert_has (f, "32/chunklist.m3u8", "#EXT-X-DISCONTINUITY-SEQUENCE:1\n");
}

/* The entry has lost its DVR in between: only what plays live is listed and kept. */
static void
test_crash_and_no_dvr (Fixture *f, gconstpointer data)
{
  start (f, "x", 0);
  for (guint i = 0; i < 6; i++)
    add (f, i);
  f->dvr_window = 0;
  crash (f);
  g_assert_false (exists (f, "all_dvr.m3u8"));
  g_assert_false (exists (f, "32/chunklist_dvr.m3u8"));
  assert_has (f, "all.m3u8", "32/chunklist.m3u8");
  assert_has (f, "32/chunklist.m3u8", "#EXT-X-MEDIA-SEQUENCE:881906175\n");
  start (f, "x", 12);
  add_to (f, f->run, "32", 0, 12, 2);
  klive_hls_writer_tick (f->writer, f->now + 20 * SECOND);
  g_assert_cmpuint (count_segments (f, "32"), ==, 3);
}

static void
test_crash_with_files_gone (Fixture *f, gconstpointer data)
{
  g_autofree char *path = g_build_filename (f->directory, "hls", "0_abcd1234", "0", "32", "0-17-881906173.ts", NULL);

  start (f, "x", 0);
  for (guint i = 0; i < 3; i++)
    add (f, i);
  g_unlink (path);
  crash (f);
  assert_lacks (f, "32/chunklist.m3u8", "0-17-881906173.ts");
  assert_lacks (f, "32/chunklist.m3u8", "0-17-881906172.ts");
  assert_has (f, "32/chunklist.m3u8", "#EXT-X-MEDIA-SEQUENCE:881906174\n");
}

static void
test_broken_state_begins_anew (Fixture *f, gconstpointer data)
{
  g_autofree char *path = g_build_filename (f->directory, "hls", "0_abcd1234", "0", "state.json", NULL);

  start (f, "x", 0);
  add (f, 0);
  g_file_set_contents (path, "{\"version\": 1, \"epoch\"", -1, NULL);
  crash (f);
  g_assert_cmpuint (f->warnings->len, ==, 1);
  g_assert_cmpint (klive_hls_writer_get_epoch (f->writer), ==, -1);
  g_assert_false (exists (f, "all.m3u8"));
  klive_hls_writer_set_epoch (f->writer, EPOCH);
  start (f, "x", 0);
  g_assert_cmpuint (klive_hls_run_get_start_index (f->run), ==, FIRST_SLOT + 1);
}

static void
test_end (Fixture *f, gconstpointer data)
{
  start (f, "x", 0);
  add (f, 0);
  klive_hls_writer_end (f->writer, f->now);
  assert_has (f, "32/chunklist.m3u8", ".ts\n#EXT-X-ENDLIST\n");
  assert_has (f, "33/chunklist.m3u8", ".ts\n#EXT-X-ENDLIST\n");
  g_assert_true (exists (f, "all.m3u8"));
}

static void
test_broadcast_after_end (Fixture *f, gconstpointer data)
{
  start (f, "x", 0);
  add (f, 0);
  add (f, 1);
  klive_hls_writer_end (f->writer, f->now);
  crash (f);
  g_assert_false (exists (f, "all.m3u8"));
  g_assert_false (exists (f, "32/chunklist.m3u8"));
  g_assert_false (klive_hls_writer_is_playable (f->writer));
  g_assert_cmpuint (count_segments (f, "32"), ==, 2);
  g_assert_cmpint (klive_hls_writer_get_epoch (f->writer), ==, -1);
  klive_hls_writer_set_epoch (f->writer, EPOCH);
  start (f, "y", 2.5); /* the slot is taken */
  add_to (f, f->run, "32", 0, 2.5, 1.5);
  assert_has (f, "32/chunklist.m3u8", "#EXT-X-MEDIA-SEQUENCE:881906174\n");
  assert_lacks (f, "32/chunklist.m3u8", "#EXT-X-DISCONTINUITY\n");
  assert_lacks (f, "32/chunklist.m3u8", "ENDLIST");
  klive_hls_writer_tick (f->writer, f->now + 30 * SECOND);
  g_assert_cmpuint (count_segments (f, "32"), ==, 1);
}

static char *
read_alias (Fixture *f, const char *name)
{
  g_autofree char *path = g_build_filename (f->directory, "hls", "0_abcd1234", "0", name, NULL);

  return g_file_read_link (path, NULL);
}

static void
test_alias (Fixture *f, gconstpointer data)
{
  static const char other[] = PROFILE (ENCODE ("A", "1", "240"), "");
  g_autofree char *target = NULL;
  g_autofree char *gone = NULL;

  start (f, "x", 0);
  add (f, 0);
  target = read_alias (f, "1");
  g_assert_cmpstr (target, ==, "32");
  /* live params of that number take it over */
  start_full (f, "0_abcd1234_2", 18, other, "y", EPOCH);
  gone = read_alias (f, "1");
  g_assert_null (gone);
}

/* The profile came too late for the first session: its rendition "1" goes on as the "32" of the profile. */
static void
test_alias_of_a_late_profile (Fixture *f, gconstpointer data)
{
  static const char bare[] = PROFILE ("<Encode><Enable>true</Enable><Name>Source</Name><StreamName>0_abcd1234_1"
                                      "</StreamName><Video><Codec>PassThru</Codec></Video><Audio><Codec>PassThru"
                                      "</Codec></Audio></Encode>",
      GROUP ("all", MEMBER ("Source")));
  g_autofree char *target = NULL;

  f->run = start_full (f, "0_abcd1234_1", 17, bare, "x", EPOCH);
  for (guint i = 0; i < 4; i++)
    add_to (f, f->run, "1", i, i * 2, 2);
  klive_hls_writer_end_run (f->writer, f->run);
  f->run = start_full (f, "0_abcd1234_1", 18, two, "y", EPOCH + 8 * SECOND);
  g_assert_cmpuint (klive_hls_run_get_start_index (f->run), ==, FIRST_SLOT + 4);
  klive_hls_writer_tick (f->writer, f->now);
  target = read_alias (f, "1");
  g_assert_cmpstr (target, ==, "32");
  assert_has (f, "all.m3u8", "32/chunklist.m3u8");
  assert_has (f, "1/playlist.m3u8", "chunklist.m3u8");
  add_to (f, f->run, "32", 0, 8, 2);
  add_to (f, f->run, "33", 0, 8, 2);
  assert_has (f, "1/chunklist_dvr.m3u8", "#EXT-X-MEDIA-SEQUENCE:881906172\n");
  assert_has (f, "1/chunklist_dvr.m3u8", "0-17-881906175.ts\n#EXT-X-DISCONTINUITY\n");
  assert_has (f, "1/chunklist_dvr.m3u8", "0-18-881906176.ts\n");
  g_assert_cmpuint (count_segments (f, "1"), ==, 5);
  crash (f);
  g_assert_cmpuint (f->warnings->len, ==, 0);
  assert_has (f, "all.m3u8", "33/chunklist.m3u8");
  assert_lacks (f, "state.json", "\"id\":\"1\"");
}

/* The same when the folder of the next broadcast has both. */
static void
test_alias_of_the_next_broadcast (Fixture *f, gconstpointer data)
{
  g_autofree char *folder = g_build_filename (f->directory, "hls", "0_abcd1234", "0", "1", NULL);
  g_autofree char *old = g_build_filename (folder, "0-17-881906172.ts", NULL);
  g_autofree char *target = NULL;

  start (f, "x", 0);
  add (f, 0);
  klive_hls_writer_end (f->writer, f->now);
  g_assert_cmpint (g_unlink (folder), ==, 0);
  g_assert_cmpint (g_mkdir_with_parents (folder, 0755), ==, 0);
  g_assert_true (g_file_set_contents (old, "x", 1, NULL));
  crash (f);
  klive_hls_writer_set_epoch (f->writer, EPOCH);
  start (f, "y", 2);
  add_to (f, f->run, "32", 0, 2, 2);
  target = read_alias (f, "1");
  g_assert_cmpstr (target, ==, "32");
  assert_has (f, "1/chunklist.m3u8", "#EXT-X-MEDIA-SEQUENCE:881906173\n");
  klive_hls_writer_tick (f->writer, f->now + 30 * SECOND);
  g_assert_cmpuint (count_segments (f, "32"), ==, 1);
}

static void
test_same_rendition_twice (Fixture *f, gconstpointer data)
{
  KliveHlsRun *second;

  start (f, "x", 0);
  second = start_full (f, "0_abcd1234_2", 18, two, "x", EPOCH);
  g_assert_cmpuint (f->warnings->len, ==, 2);
  add (f, 0);
  add_to (f, second, "33", 1, 2, 2);
  assert_lacks (f, "33/chunklist.m3u8", "0-18-");
  /* once the first is gone, the second may have it */
  klive_hls_writer_end_run (f->writer, f->run);
  second = start_full (f, "0_abcd1234_2", 19, two, "x", EPOCH + 4 * SECOND);
  add_to (f, second, "33", 0, 4, 2);
  assert_has (f, "33/chunklist.m3u8", "0-19-");
}

static void
test_bandwidth_follows_peaks (Fixture *f, gconstpointer data)
{
  start (f, "x", 0);
  /* 125000 bytes in 0.2 s say nothing yet about the peak of the source, of which nothing is known */
  add_to (f, f->run, "32", 0, 0, 0.2);
  add_to (f, f->run, "33", 0, 0, 2);
  assert_has (f, "32/playlist.m3u8", "BANDWIDTH=5000000,");
  assert_has (f, "33/playlist.m3u8", "BANDWIDTH=581060,"); /* the estimate */
  add_to (f, f->run, "32", 1, 0.2, 2);
  assert_has (f, "32/playlist.m3u8", "BANDWIDTH=955000,AVERAGE-BANDWIDTH=909090,");
  add_to (f, f->run, "33", 1, 2, 1);
  assert_has (f, "33/playlist.m3u8", "BANDWIDTH=1051000,");
  add_to (f, f->run, "33", 2, 3, 2);
  assert_has (f, "33/playlist.m3u8", "BANDWIDTH=1051000,");
}

/* A path that cannot be written is warned about once; everything is there as soon as it can. */
static void
test_write_failure_is_retried (Fixture *f, gconstpointer data)
{
  g_autofree char *blocker = g_build_filename (f->directory, "hls", "0_abcd1234", "0", "all.m3u8", NULL);

  start (f, "x", 0);
  g_assert_cmpint (g_mkdir_with_parents (blocker, 0755), ==, 0);
  add (f, 0);
  add (f, 1);
  g_assert_cmpuint (f->warnings->len, >=, 1);
  g_assert_false (klive_hls_writer_is_playable (f->writer));
  g_assert_cmpint (g_rmdir (blocker), ==, 0);
  klive_hls_writer_tick (f->writer, f->now);
  g_assert_true (klive_hls_writer_is_playable (f->writer));
  assert_has (f, "all.m3u8", "32/chunklist.m3u8");
}

static void
test_folder_that_cannot_be_made (void)
{
  KliveHlsOptions options = { "/proc/nowhere/hls", "0_abcd1234", 0, 2 * SECOND, 3, 0 };
  g_autoptr (GError) error = NULL;

  g_assert_null (klive_hls_writer_new (&options, NULL, NULL, EPOCH, &error));
  g_assert_nonnull (error);
  g_assert_true (error->domain == G_FILE_ERROR);
}

/* A sync point at @at s. */
static void
add_sync_point (Fixture *f, const char *id, double at)
{
  klive_hls_writer_add_sync_point (f->writer,
      klive_sync_point_new (id, (gint64) (at * 1000), (EPOCH + (gint64) (at * SECOND)) / 1000000), f->now);
}

/* In all lists at once, before anything else is written; gone from each when its window has passed; known after a
 * crash until the longest has. */
static void
test_sync_points (Fixture *f, gconstpointer data)
{
  static const char tag[] =
      "#EXT-X-DATERANGE:ID=\"a-1\",CLASS=\"com.kaltura.syncpoint\",START-DATE=\"2025-11-22T11:52:28.500Z\","
      "DURATION=0,X-COM-KALTURA-OBJECT-TYPE=\"KalturaSyncPoint\",X-COM-KALTURA-OFFSET=4500,"
      "X-COM-KALTURA-TIMESTAMP=1763812348500\n";

  start (f, "x", 0);
  for (guint n = 0; n < 3; n++)
    add (f, n);
  add_sync_point (f, "a-1", 4.5);
  add_sync_point (f, "a-1", 9);
  add_sync_point (f, "a-0", 1);
  for (guint i = 0; i < 4; i++) {
    static const char *const lists[] = { "32/chunklist.m3u8", "33/chunklist.m3u8", "32/chunklist_dvr.m3u8",
      "33/chunklist_dvr.m3u8" };

    assert_has (f, lists[i], tag);
    assert_has (f, lists[i], "#EXT-X-DATERANGE:ID=\"a-0\"");
    assert_lacks (f, lists[i], "OFFSET=9000");
  }
  crash (f);
  start (f, "x", 6);
  add_to (f, f->run, "32", 0, 6, 2);
  add_to (f, f->run, "33", 0, 6, 2);
  assert_lacks (f, "33/chunklist.m3u8", "ID=\"a-0\"");
  assert_has (f, "33/chunklist.m3u8", tag);
  assert_has (f, "33/chunklist_dvr.m3u8", "ID=\"a-0\"");
  assert_has (f, "state.json", "\"syncPoints\":[{\"id\":\"a-0\",\"offset\":1000,\"timestamp\":1763812345000},");
  for (guint n = 1; n < 20; n++) {
    add_to (f, f->run, "32", n, 6 + n * 2, 2);
    add_to (f, f->run, "33", n, 6 + n * 2, 2);
  }
  assert_lacks (f, "33/chunklist.m3u8", "DATERANGE");
  assert_lacks (f, "33/chunklist_dvr.m3u8", "DATERANGE");
  assert_has (f, "state.json", "\"syncPoints\":[]");
  klive_hls_writer_end (f->writer, f->now);
  add_sync_point (f, "a-2", 44);
  assert_lacks (f, "33/chunklist.m3u8", "DATERANGE");
}

int
main (int argc, char **argv)
{
  setlocale (LC_ALL, "");
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function, dvr) \
  g_test_add ("/hls-writer/" name, Fixture, GUINT_TO_POINTER (dvr), set_up, function, tear_down)
  ADD ("first-segment", test_first_segment, 0);
  ADD ("master-waits-for-all", test_master_waits_for_all, 0);
  ADD ("master-after-15-seconds", test_master_after_15_seconds, 0);
  ADD ("later-ingest-is-added-whole", test_later_ingest_is_added_whole, 0);
  ADD ("window-and-removal", test_window_and_removal, 0);
  ADD ("dvr", test_dvr, 20);
  ADD ("full-disk-shortens-the-window", test_full_disk_shortens_the_window, 1000);
  ADD ("dvr-of-hours", test_dvr_of_hours, 1800);
  ADD ("same-codec-goes-on", test_same_codec_goes_on, 0);
  ADD ("other-codec-breaks-all-lists", test_other_codec_breaks_all_lists, 0);
  ADD ("straggler-of-old-run", test_straggler_of_old_run, 0);
  ADD ("target-duration-of-regular-gop", test_target_duration_of_regular_gop, 0);
  ADD ("target-duration-of-other-gop", test_target_duration_of_other_gop, 0);
  ADD ("crash", test_crash, 0);
  ADD ("crash-with-dvr", test_crash, 6);
  ADD ("crash-and-other-codec", test_crash_and_other_codec, 0);
  ADD ("crash-and-no-dvr", test_crash_and_no_dvr, 1000);
  ADD ("crash-with-files-gone", test_crash_with_files_gone, 0);
  ADD ("broken-state-begins-anew", test_broken_state_begins_anew, 0);
  ADD ("end", test_end, 0);
  ADD ("broadcast-after-end", test_broadcast_after_end, 0);
  ADD ("alias", test_alias, 0);
  ADD ("alias-of-a-late-profile", test_alias_of_a_late_profile, 100);
  ADD ("alias-of-the-next-broadcast", test_alias_of_the_next_broadcast, 0);
  ADD ("same-rendition-twice", test_same_rendition_twice, 0);
  ADD ("bandwidth-follows-peaks", test_bandwidth_follows_peaks, 0);
  ADD ("write-failure-is-retried", test_write_failure_is_retried, 0);
  ADD ("sync-points", test_sync_points, 20);
  g_test_add_func ("/hls-writer/folder-that-cannot-be-made", test_folder_that_cannot_be_made);
  return g_test_run ();
}
