/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files that appear when they are complete, their names, and the simple playlist that is one of them.
 */
#include <gstkalturafile.h>
#include <gstkalturahlsplaylist.h>

#include <errno.h>
#include <glib/gstdio.h>
#include <unistd.h>

#define SECOND G_GUINT64_CONSTANT (1000000000)

typedef struct {
  char *folder;
  char *path;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->folder = g_dir_make_tmp ("klive-file-XXXXXX", NULL);
  fixture->path = g_build_filename (fixture->folder, "file", NULL);
}

static guint
count_files (const Fixture *fixture)
{
  g_autoptr (GDir) folder = g_dir_open (fixture->folder, 0, NULL);
  guint count = 0;
  while (g_dir_read_name (folder) != NULL) {
    count++;
  }
  return count;
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GDir) folder = g_dir_open (fixture->folder, 0, NULL);
  const char *name;
  while ((name = g_dir_read_name (folder)) != NULL) {
    g_autofree char *path = g_build_filename (fixture->folder, name, NULL);
    g_unlink (path);
  }
  g_rmdir (fixture->folder);
  g_free (fixture->folder);
  g_free (fixture->path);
}

static void
check_content (const char *path, const char *expected)
{
  g_autofree char *text = NULL;
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, expected);
}

static void
test_appears_complete (Fixture *fixture, gconstpointer data)
{
  GstKalturaFile *file = gst_kaltura_file_open (fixture->path);
  gst_kaltura_file_write (file, (const guint8 *) "one ", 4);
  g_assert_false (g_file_test (fixture->path, G_FILE_TEST_EXISTS));
  gst_kaltura_file_write (file, (const guint8 *) "two", 3);
  g_assert_cmpuint (gst_kaltura_file_get_size (file), ==, 7);
  g_assert_cmpint (gst_kaltura_file_finish (file), ==, 0);
  check_content (fixture->path, "one two");
  g_assert_cmpuint (count_files (fixture), ==, 1);
}

static void
test_abort (Fixture *fixture, gconstpointer data)
{
  GstKalturaFile *file = gst_kaltura_file_open (fixture->path);
  gst_kaltura_file_write (file, (const guint8 *) "one", 3);
  gst_kaltura_file_abort (file);
  g_assert_cmpuint (count_files (fixture), ==, 0);
}

static void
test_no_folder (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->folder, "none", "file", NULL);
  GstKalturaFile *file = gst_kaltura_file_open (path);
  g_assert_cmpint (gst_kaltura_file_get_error (file), ==, ENOENT);
  gst_kaltura_file_write (file, (const guint8 *) "one", 3);
  g_assert_cmpint (gst_kaltura_file_finish (file), ==, ENOENT);
}

/* The temporary file is not written through a link that somebody has put there. */
static void
test_link (Fixture *fixture, gconstpointer data)
{
  g_autofree char *temporary = g_build_filename (fixture->folder, ".file.part", NULL);
  g_assert_cmpint (symlink ("/dev/full", temporary), ==, 0);
  GstKalturaFile *file = gst_kaltura_file_open (fixture->path);
  g_assert_cmpint (gst_kaltura_file_finish (file), ==, ELOOP);
}

static void
test_name_is_folder (Fixture *fixture, gconstpointer data)
{
  g_assert_cmpint (g_mkdir (fixture->path, 0700), ==, 0);
  GstKalturaFile *file = gst_kaltura_file_open (fixture->path);
  gst_kaltura_file_write (file, (const guint8 *) "one", 3);
  g_assert_cmpint (gst_kaltura_file_finish (file), ==, EISDIR);
  g_assert_cmpuint (count_files (fixture), ==, 1);
  g_rmdir (fixture->path);
}

static void
test_names (void)
{
  static const struct {
    const char *pattern;
    guint64 number;
    const char *name;
  } cases[] = {
    { "a-%u.ts", 7, "a-7.ts" },
    { "a-%05u.ts", 7, "a-00007.ts" },
    { "a-%05d.ts", 1234567, "a-1234567.ts" },
    { "%lu", G_MAXUINT64, "18446744073709551615" },
    { "%llu", 1, "1" },
    { "%3i", 1, "  1" },
    { "100%%-%u", 1, "100%-1" },
    { "none", 1, NULL },
    { "%u-%u", 1, NULL },
    { "%s", 1, NULL },
    { "%n", 1, NULL },
    { "%", 1, NULL },
    { "%-5u", 1, NULL },
    { "%*u", 1, NULL },
    { "%99999999999u", 1, NULL },
    { "", 1, NULL },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *name = gst_kaltura_file_expand (cases[i].pattern, cases[i].number);
    g_assert_cmpstr (name, ==, cases[i].name);
  }
}

static void
test_playlist (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GstKalturaHlsPlaylist) playlist = gst_kaltura_hls_playlist_new (fixture->path, 2, 3);
  for (guint i = 0; i < 9; i++) {
    g_autofree char *name = g_strdup_printf ("%u.ts", i);
    g_autofree char *path = g_build_filename (fixture->folder, name, NULL);
    g_assert_true (g_file_set_contents (path, "x", 1, NULL));
    guint64 duration = i == 7 ? 3400 * SECOND / 1000 : 2 * SECOND + i;
    g_assert_cmpint (gst_kaltura_hls_playlist_add (playlist, path, i, duration), ==, 0);
  }
  check_content (fixture->path,
      "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:3\n#EXT-X-MEDIA-SEQUENCE:6\n"
      "#EXTINF:2.000,\n6.ts\n#EXTINF:3.400,\n7.ts\n#EXTINF:2.000,\n8.ts\n");
  g_assert_cmpuint (count_files (fixture), ==, 1 + 3 + 3); /* three that a player may still be at */
  g_assert_cmpint (gst_kaltura_hls_playlist_end (playlist), ==, 0);
  g_autofree char *text = NULL;
  g_assert_true (g_file_get_contents (fixture->path, &text, NULL, NULL));
  g_assert_true (g_str_has_suffix (text, "8.ts\n#EXT-X-ENDLIST\n"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/file/appears-complete", Fixture, NULL, set_up, test_appears_complete, tear_down);
  g_test_add ("/file/abort", Fixture, NULL, set_up, test_abort, tear_down);
  g_test_add ("/file/no-folder", Fixture, NULL, set_up, test_no_folder, tear_down);
  g_test_add ("/file/link-in-the-way", Fixture, NULL, set_up, test_link, tear_down);
  g_test_add ("/file/folder-in-the-way", Fixture, NULL, set_up, test_name_is_folder, tear_down);
  g_test_add_func ("/file/names", test_names);
  g_test_add ("/file/playlist", Fixture, NULL, set_up, test_playlist, tear_down);
  return g_test_run ();
}
