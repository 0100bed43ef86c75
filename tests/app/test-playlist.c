/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One media playlist: its text, its windows, its numbers. */
#include "klive-playlist.h"

#include <locale.h>
#include <string.h>

#define SECOND G_GUINT64_CONSTANT (1000000000)
#define START (G_GINT64_CONSTANT (1763812345) * (gint64) SECOND) /* 2025-11-22T11:52:25Z */

static gboolean
append (KlivePlaylist *list, guint n, double at, double duration, guint discontinuity)
{
  g_autofree char *uri = g_strdup_printf ("0-1-%05u.ts", n);
  KlivePlaylistSegment segment = { uri, START + (gint64) (at * SECOND), (guint64) (duration * SECOND), 1000,
    discontinuity };

  return klive_playlist_append (list, &segment, n);
}

/* @count segments of 2 s, numbers from 100 on */
static KlivePlaylist *
make_list (guint count)
{
  KlivePlaylist *list = klive_playlist_new ();

  for (guint i = 0; i < count; i++)
    g_assert_true (append (list, 100 + i, i * 2, 2, 0));
  return list;
}

static void
test_text (void)
{
  g_autoptr (KlivePlaylist) list = klive_playlist_new ();
  g_autofree char *text = NULL;

  append (list, 100, 0.1239, 1.9999996, 0);
  append (list, 101, 2.1239, 2.002, 1);
  text = klive_playlist_format (list, KLIVE_PLAYLIST_PLAIN, 10, 2, FALSE);
  g_assert_cmpstr (text, ==,
      "#EXTM3U\n"
      "#EXT-X-VERSION:3\n"
      "#EXT-X-INDEPENDENT-SEGMENTS\n"
      "#EXT-X-TARGETDURATION:2\n"
      "#EXT-X-MEDIA-SEQUENCE:100\n"
      "#EXT-X-DISCONTINUITY-SEQUENCE:0\n"
      "#EXT-X-PROGRAM-DATE-TIME:2025-11-22T11:52:25.123Z\n"
      "#EXTINF:2.000000,\n"
      "0-1-00100.ts\n"
      "#EXT-X-DISCONTINUITY\n"
      "#EXT-X-PROGRAM-DATE-TIME:2025-11-22T11:52:27.123Z\n"
      "#EXTINF:2.002000,\n"
      "0-1-00101.ts\n");
}

static void
test_endlist_is_last (void)
{
  g_autoptr (KlivePlaylist) list = make_list (3);
  g_autofree char *text = klive_playlist_format (list, KLIVE_PLAYLIST_PLAIN, 10, 2, TRUE);

  g_assert_true (g_str_has_suffix (text, "0-1-00102.ts\n#EXT-X-ENDLIST\n"));
}

static void
test_plain_window (void)
{
  g_autoptr (KlivePlaylist) list = make_list (12);
  g_autofree char *text = klive_playlist_format (list, KLIVE_PLAYLIST_PLAIN, 5, 2, FALSE);

  g_assert_nonnull (strstr (text, "#EXT-X-MEDIA-SEQUENCE:107\n"));
  g_assert_nonnull (strstr (text, "0-1-00107.ts"));
  g_assert_null (strstr (text, "0-1-00106.ts"));
  g_assert_cmpuint (klive_playlist_get_plain_duration (list, 5, 2), ==, 10 * SECOND);
}

/* RFC 8216 6.2.2: never shorter than three target durations. */
static void
test_plain_window_of_short_segments (void)
{
  g_autoptr (KlivePlaylist) list = make_list (12);
  g_autofree char *text = klive_playlist_format (list, KLIVE_PLAYLIST_PLAIN, 3, 6, FALSE);

  g_assert_nonnull (strstr (text, "#EXT-X-MEDIA-SEQUENCE:103\n"));
}

static void
test_trim_returns_what_left (void)
{
  g_autoptr (KlivePlaylist) list = make_list (12);
  g_auto (GStrv) names = klive_playlist_trim (list, 10, 0, 2);

  g_assert_cmpuint (g_strv_length (names), ==, 2);
  g_assert_cmpstr (names[0], ==, "0-1-00100.ts");
  g_assert_cmpuint (klive_playlist_get_length (list), ==, 10);
  g_assert_cmpuint (klive_playlist_get_first_sequence (list), ==, 102);
  g_assert_null (klive_playlist_trim (list, 10, 0, 2));
}

static void
test_dvr_window (void)
{
  g_autoptr (KlivePlaylist) list = make_list (100);
  g_auto (GStrv) dropped = klive_playlist_trim (list, 5, 60 * SECOND, 2);
  g_autofree char *dvr = klive_playlist_format (list, KLIVE_PLAYLIST_DVR, 5, 2, FALSE);
  g_autofree char *plain = klive_playlist_format (list, KLIVE_PLAYLIST_PLAIN, 5, 2, FALSE);

  /* exact to a segment */
  g_assert_cmpuint (g_strv_length (dropped), ==, 70);
  g_assert_cmpuint (klive_playlist_get_length (list), ==, 30);
  g_assert_nonnull (strstr (dvr, "#EXT-X-MEDIA-SEQUENCE:170\n"));
  g_assert_nonnull (strstr (plain, "#EXT-X-MEDIA-SEQUENCE:195\n"));
}

/* The DVR window is a time: one that is mostly a hole keeps few segments, but what the plain list needs. */
static void
test_dvr_window_with_hole (void)
{
  g_autoptr (KlivePlaylist) list = make_list (10);
  g_auto (GStrv) names = NULL;

  append (list, 200, 1000, 2, 0);
  names = klive_playlist_trim (list, 3, 60 * SECOND, 2);
  g_assert_cmpuint (g_strv_length (names), ==, 8);
  g_assert_cmpuint (klive_playlist_get_length (list), ==, 3);
}

static void
test_discontinuity_sequence (void)
{
  g_autoptr (KlivePlaylist) list = klive_playlist_new ();
  g_autofree char *with_tag = NULL;
  g_autofree char *without_tag = NULL;

  append (list, 100, 0, 2, 3);
  append (list, 101, 2, 2, 3);
  append (list, 102, 4, 2, 5);
  append (list, 103, 6, 2, 5);
  append (list, 104, 8, 2, 4); /* never back */
  g_assert_cmpuint (klive_playlist_get_last (list)->discontinuity, ==, 5);
  g_strfreev (klive_playlist_drop_first (list, 2));
  with_tag = klive_playlist_format (list, KLIVE_PLAYLIST_DVR, 3, 2, FALSE);
  g_assert_nonnull (
      strstr (with_tag, "#EXT-X-DISCONTINUITY-SEQUENCE:3\n#EXT-X-DISCONTINUITY\n#EXT-X-DISCONTINUITY\n#EXT-X-P"));
  g_strfreev (klive_playlist_drop_first (list, 1));
  without_tag = klive_playlist_format (list, KLIVE_PLAYLIST_DVR, 3, 2, FALSE);
  g_assert_nonnull (strstr (without_tag, "#EXT-X-DISCONTINUITY-SEQUENCE:5\n#EXT-X-PROGRAM"));
}

/* The numbers of a list have no holes, whatever the files are called. */
static void
test_sequence_counts_by_one (void)
{
  g_autoptr (KlivePlaylist) list = make_list (3);
  g_autofree char *text = NULL;

  g_assert_true (append (list, 150, 100, 2, 0));
  g_strfreev (klive_playlist_drop_first (list, 3));
  text = klive_playlist_format (list, KLIVE_PLAYLIST_PLAIN, 10, 2, FALSE);
  g_assert_nonnull (strstr (text, "#EXT-X-MEDIA-SEQUENCE:103\n"));
  /* empty: from the slot on, never back */
  g_strfreev (klive_playlist_drop_first (list, 1));
  append (list, 50, 200, 2, 0);
  g_assert_cmpuint (klive_playlist_get_first_sequence (list), ==, 104);
  g_strfreev (klive_playlist_drop_first (list, 1));
  append (list, 300, 300, 2, 0);
  g_assert_cmpuint (klive_playlist_get_first_sequence (list), ==, 300);
}

static void
test_straggler_is_refused (void)
{
  g_autoptr (KlivePlaylist) list = make_list (3);

  g_assert_false (append (list, 103, 4, 2, 0));
  g_assert_false (append (list, 103, 1, 2, 0));
  g_assert_cmpuint (klive_playlist_get_length (list), ==, 3);
}

static void
test_parse_gives_the_same_text (void)
{
  g_autoptr (KlivePlaylist) list = klive_playlist_new ();
  g_autoptr (KlivePlaylist) parsed = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  g_autofree char *again = NULL;
  guint target;

  append (list, 100, 0, 2.002, 2);
  append (list, 101, 2.002, 1.5, 3);
  append (list, 102, 4, 2, 3);
  g_strfreev (klive_playlist_drop_first (list, 1));
  text = klive_playlist_format (list, KLIVE_PLAYLIST_DVR, 10, 7, FALSE);
  parsed = klive_playlist_parse (text, &target, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (target, ==, 7);
  again = klive_playlist_format (parsed, KLIVE_PLAYLIST_DVR, 10, 7, FALSE);
  g_assert_cmpstr (again, ==, text);
  /* and it goes on with the right numbers */
  g_assert_true (append (parsed, 110, 6, 2, 4));
  g_assert_cmpuint (klive_playlist_get_first_sequence (parsed), ==, 101);
}

/* What nginx makes of a list that names parts. */
static char *
include_parts (const KlivePlaylist *list, const char *text)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

  for (guint i = 0; lines[i]; i++) {
    const char *number = strstr (lines[i], "/0_abcd1234/0/33/dvr-");

    if (!g_str_has_prefix (lines[i], "<!--#include virtual=\"/") || !number)
      continue;
    g_assert_true (g_str_has_suffix (lines[i], ".part\" -->"));
    guint64 part = g_ascii_strtoull (number + 21, NULL, 10);

    g_free (lines[i]);
    lines[i] = klive_playlist_format_part (list, part);
  }
  return g_strjoinv ("\n", lines);
}

typedef struct {
  const KlivePlaylist *list;
  guint64 missing;
} Parts;

static char *
read_part (guint64 part, gpointer user_data)
{
  const Parts *parts = user_data;

  return part == parts->missing ? NULL : klive_playlist_format_part (parts->list, part);
}

/* A list of hours is a few lines that name files of which each is written once; together they are the list. */
static void
test_parts (void)
{
  g_autoptr (KlivePlaylist) list = klive_playlist_new ();
  g_autoptr (KlivePlaylist) parsed = NULL;
  g_autoptr (GError) error = NULL;
  guint64 first, end;
  guint target;

  for (guint i = 0; i < 5 * KLIVE_PLAYLIST_PART; i++) {
    g_autofree char *whole = NULL;
    g_autofree char *short_text = NULL;
    g_autofree char *included = NULL;

    append (list, 1000 + i, i * 2, 2, i / 300);
    g_strfreev (klive_playlist_trim (list, 3, 3 * KLIVE_PLAYLIST_PART * 2 * SECOND, 2));
    if (i % 37 > 0 && i % KLIVE_PLAYLIST_PART > 1)
      continue;
    whole = klive_playlist_format (list, KLIVE_PLAYLIST_DVR, 3, 2, FALSE);
    short_text = klive_playlist_format_in_parts (list, "/0_abcd1234/0/33", 2, FALSE);
    included = include_parts (list, short_text);
    g_assert_cmpstr (included, ==, whole);
    g_assert_cmpuint (strlen (short_text), <, 2 * KLIVE_PLAYLIST_PART * 100);
  }
  klive_playlist_get_parts (list, &first, &end);
  g_assert_cmpuint (first, ==, (1000 + 2 * KLIVE_PLAYLIST_PART) / KLIVE_PLAYLIST_PART + 1);
  g_assert_cmpuint (end, ==, (1000 + 5 * KLIVE_PLAYLIST_PART) / KLIVE_PLAYLIST_PART);
  {
    Parts parts = { list, G_MAXUINT64 };
    g_autofree char *text = klive_playlist_format_in_parts (list, "/0_abcd1234/0/33", 2, TRUE);
    g_autofree char *before = klive_playlist_format (list, KLIVE_PLAYLIST_DVR, 3, 2, FALSE);
    g_autofree char *after = NULL;

    parsed = klive_playlist_parse (text, &target, read_part, &parts, &error);
    g_assert_no_error (error);
    after = klive_playlist_format (parsed, KLIVE_PLAYLIST_DVR, 3, 2, FALSE);
    g_assert_cmpstr (after, ==, before);
  }
}

/* Then the list begins behind it, with the right numbers. */
static void
test_parse_without_a_part (void)
{
  g_autoptr (KlivePlaylist) list = make_list (4 * KLIVE_PLAYLIST_PART);
  g_autoptr (KlivePlaylist) parsed = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *text = klive_playlist_format_in_parts (list, "/0_abcd1234/0/33", 2, FALSE);
  Parts parts = { list, 2 };
  guint target;

  parsed = klive_playlist_parse (text, &target, read_part, &parts, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (klive_playlist_get_first_sequence (parsed), ==, 3 * KLIVE_PLAYLIST_PART);
  g_assert_cmpuint (klive_playlist_get_length (parsed), ==, KLIVE_PLAYLIST_PART + 100);
  g_assert_cmpstr (klive_playlist_get_segment (parsed, 0)->uri, ==, "0-1-00768.ts");
}

static void
test_parse_refuses (gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  guint target;

  g_assert_null (klive_playlist_parse (data, &target, NULL, NULL, &error));
  g_assert_error (error, KLIVE_HLS_ERROR, KLIVE_HLS_ERROR_SYNTAX);
}

static void
test_recent_bitrate (void)
{
  g_autoptr (KlivePlaylist) list = klive_playlist_new ();

  /* 0.2 s alone is no peak for a target of 2 s; 1000 bytes each */
  append (list, 100, 0, 0.2, 0);
  g_assert_cmpuint (klive_playlist_get_recent_bitrate (list, 2), ==, 0);
  append (list, 101, 0.2, 0.8, 0);
  g_assert_cmpuint (klive_playlist_get_recent_bitrate (list, 2), ==, 16000);
  append (list, 102, 1, 4, 0);
  g_assert_cmpuint (klive_playlist_get_recent_bitrate (list, 2), ==, 2000);
}

/* Hours of DVR: appending and trimming must not get slower with the length of the list. */
static void
test_long_list (void)
{
  g_autoptr (KlivePlaylist) list = klive_playlist_new ();
  g_autofree char *text = NULL;
  gint64 start = g_get_monotonic_time ();

  for (guint i = 0; i < 100000; i++) {
    append (list, i, i * 2, 2, 0);
    g_strfreev (klive_playlist_trim (list, 10, 86400 * SECOND, 2));
  }
  g_assert_cmpuint (klive_playlist_get_length (list), ==, 43200);
  text = klive_playlist_format (list, KLIVE_PLAYLIST_DVR, 10, 2, FALSE);
  g_assert_nonnull (strstr (text, "#EXT-X-MEDIA-SEQUENCE:56800\n"));
  g_assert_cmpint (g_get_monotonic_time () - start, <, 30 * G_USEC_PER_SEC);
}

int
main (int argc, char **argv)
{
  setlocale (LC_ALL, "");
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/playlist/text", test_text);
  g_test_add_func ("/playlist/endlist-is-last", test_endlist_is_last);
  g_test_add_func ("/playlist/plain-window", test_plain_window);
  g_test_add_func ("/playlist/plain-window-of-short-segments", test_plain_window_of_short_segments);
  g_test_add_func ("/playlist/trim-returns-what-left", test_trim_returns_what_left);
  g_test_add_func ("/playlist/dvr-window", test_dvr_window);
  g_test_add_func ("/playlist/dvr-window-with-hole", test_dvr_window_with_hole);
  g_test_add_func ("/playlist/discontinuity-sequence", test_discontinuity_sequence);
  g_test_add_func ("/playlist/sequence-counts-by-one", test_sequence_counts_by_one);
  g_test_add_func ("/playlist/straggler-is-refused", test_straggler_is_refused);
  g_test_add_func ("/playlist/parse-gives-the-same-text", test_parse_gives_the_same_text);
  g_test_add_func ("/playlist/parts", test_parts);
  g_test_add_func ("/playlist/parse-without-a-part", test_parse_without_a_part);
  g_test_add_data_func ("/playlist/parse-refuses-part", "#EXTM3U\n<!--#include virtual=\"/x/0/33/dvr-1.part\" -->\n",
      test_parse_refuses);
  g_test_add_data_func ("/playlist/parse-refuses-empty", "", test_parse_refuses);
  g_test_add_data_func ("/playlist/parse-refuses-other-text", "hello\n", test_parse_refuses);
  g_test_add_data_func ("/playlist/parse-refuses-no-date", "#EXTM3U\n#EXTINF:2.000000,\nx.ts\n", test_parse_refuses);
  g_test_add_data_func ("/playlist/parse-refuses-cut", "#EXTM3U\n#EXTINF:2.00", test_parse_refuses);
  g_test_add_data_func ("/playlist/parse-refuses-path",
      "#EXTM3U\n#EXT-X-PROGRAM-DATE-TIME:2025-11-22T11:52:25.123Z\n#EXTINF:2.000000,\n../x.ts\n", test_parse_refuses);
  g_test_add_func ("/playlist/recent-bitrate", test_recent_bitrate);
  g_test_add_func ("/playlist/long-list", test_long_list);
  return g_test_run ();
}
