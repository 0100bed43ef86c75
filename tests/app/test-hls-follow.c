/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The plain URLs go from one index to the other: what their players find there. */
#include "klive-hls-follow.h"

#include <glib/gstdio.h>
#include <string.h>

#define SECOND G_GUINT64_CONSTANT (1000000000)
#define SLOT (2 * SECOND)
#define START (G_GINT64_CONSTANT (1763812346) * (gint64) SECOND)

/* Segments of 2 s: @count from slot @slot on, the first with media sequence @sequence. */
static void
fill (KlivePlaylist *list, const char *index, guint64 sequence, guint slot, guint count, guint discontinuity)
{
  for (guint i = 0; i < count; i++) {
    g_autofree char *uri = g_strdup_printf ("%s-1-%05u.ts", index, slot + i);
    KlivePlaylistSegment segment = { uri, START + (gint64) ((slot + i) * SLOT), SLOT, 1000, discontinuity };

    g_assert_true (klive_playlist_append (list, &segment, sequence));
  }
}

typedef struct {
  char *directory;
  KliveHlsState *state;
  KlivePlaylist *own;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->directory = g_dir_make_tmp ("klive-follow-XXXXXX", NULL);
  fixture->state = klive_hls_state_new ();
  fixture->own = klive_hls_state_ensure_rendition (fixture->state, "32")->list;
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_autofree char *folder = g_build_filename (fixture->directory, "32", NULL);
  g_autofree char *file = g_build_filename (folder, "chunklist.m3u8", NULL);
  g_remove (file);
  g_rmdir (folder);
  g_rmdir (fixture->directory);
  g_free (fixture->directory);
  klive_hls_state_free (fixture->state);
}

/* The other index: media sequences 100 to 105 in slots 0 to 5, discontinuity number 3. */
static void
write_other (Fixture *fixture)
{
  g_autoptr (KlivePlaylist) list = klive_playlist_new ();
  g_autofree char *folder = g_build_filename (fixture->directory, "32", NULL);
  g_autofree char *file = g_build_filename (folder, "chunklist.m3u8", NULL);
  g_autofree char *text = NULL;
  fill (list, "1", 100, 0, 6, 3);
  text = klive_playlist_format (list, KLIVE_PLAYLIST_PLAIN, 10, 2, FALSE);
  g_assert_cmpint (g_mkdir_with_parents (folder, 0755), ==, 0);
  g_assert_true (g_file_set_contents (file, text, -1, NULL));
}

static char *
follow (Fixture *fixture)
{
  g_assert_true (klive_hls_follow (fixture->state, fixture->directory, SLOT));
  g_assert_true (klive_hls_state_find_rendition (fixture->state, "32")->changed);
  return klive_playlist_format (fixture->own, KLIVE_PLAYLIST_DVR, 10, 2, FALSE);
}

static void
assert_has (const char *text, const char *part)
{
  if (!strstr (text, part))
    g_error ("no %s in\n%s", part, text);
}

/* Own numbers are two behind: they are raised, and what is new stands behind the break. */
static void
test_behind (Fixture *fixture, gconstpointer data)
{
  write_other (fixture);
  fill (fixture->own, "0", 100, 2, 6, 0);
  g_autofree char *text = follow (fixture);
  assert_has (text, "#EXT-X-MEDIA-SEQUENCE:102\n#EXT-X-DISCONTINUITY-SEQUENCE:0\n");
  assert_has (text,
      "0-1-00005.ts\n#EXT-X-DISCONTINUITY\n#EXT-X-DISCONTINUITY\n#EXT-X-DISCONTINUITY\n"
      "#EXT-X-DISCONTINUITY\n#EXT-X-PROGRAM-DATE-TIME:2025-11-22T11:52:38.000Z\n");
  g_assert_cmpuint (klive_playlist_get_segment (fixture->own, 4)->discontinuity, ==, 4);
  g_assert_cmpuint (fixture->state->discontinuity, ==, 4);
}

/* Nothing new yet: the break comes with the next segment, whose number the other index has not used. */
static void
test_level (Fixture *fixture, gconstpointer data)
{
  write_other (fixture);
  fill (fixture->own, "0", 90, 0, 6, 0);
  g_autofree char *text = follow (fixture);
  assert_has (text, "#EXT-X-MEDIA-SEQUENCE:100\n");
  g_assert_null (strstr (text, "#EXT-X-DISCONTINUITY\n"));
  g_assert_cmpuint (fixture->state->discontinuity, ==, 4);
  g_assert_cmpint (fixture->state->discontinuity_slot, ==, START / (gint64) SLOT + 6);
}

/* Numbers that are ahead stay; the break is where players of the other index go on. */
static void
test_ahead (Fixture *fixture, gconstpointer data)
{
  write_other (fixture);
  fill (fixture->own, "0", 103, 1, 6, 0);
  g_autofree char *text = follow (fixture);
  assert_has (text, "#EXT-X-MEDIA-SEQUENCE:103\n");
  assert_has (text, "0-1-00003.ts\n#EXT-X-DISCONTINUITY\n");
  g_assert_cmpuint (klive_playlist_get_segment (fixture->own, 2)->discontinuity, ==, 0);
  g_assert_cmpuint (klive_playlist_get_segment (fixture->own, 3)->discontinuity, ==, 4);
}

/* Own breaks that come later stay, behind the new one, and numbers go on from the highest. */
static void
test_own_breaks (Fixture *fixture, gconstpointer data)
{
  write_other (fixture);
  fill (fixture->own, "0", 100, 4, 3, 0);
  fill (fixture->own, "0", 0, 7, 2, 1);
  fixture->state->discontinuity = 1;
  g_autofree char *text = follow (fixture);
  assert_has (text, "0-1-00006.ts\n#EXT-X-DISCONTINUITY\n#EXT-X-PROGRAM");
  g_assert_cmpuint (klive_playlist_get_last (fixture->own)->discontinuity, ==, 5);
  g_assert_cmpuint (fixture->state->discontinuity, ==, 5);
  g_autofree char *plain = klive_playlist_format (fixture->own, KLIVE_PLAYLIST_PLAIN, 3, 2, FALSE);
  assert_has (plain, "0-1-00007.ts");
}

static void
test_nothing_there (Fixture *fixture, gconstpointer data)
{
  fill (fixture->own, "0", 100, 0, 3, 0);
  g_assert_false (klive_hls_follow (fixture->state, fixture->directory, SLOT));
  g_assert_false (klive_hls_follow (fixture->state, "/nonexistent", SLOT));
  g_assert_cmpuint (klive_playlist_get_first_sequence (fixture->own), ==, 100);
}

#define ADD(path, func) g_test_add (path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/hls-follow/behind", test_behind);
  ADD ("/hls-follow/level", test_level);
  ADD ("/hls-follow/ahead", test_ahead);
  ADD ("/hls-follow/own-breaks", test_own_breaks);
  ADD ("/hls-follow/nothing-there", test_nothing_there);
  return g_test_run ();
}
