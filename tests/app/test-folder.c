/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* klive-folder and klive-subset: records, links, removal, and playlists of some renditions. */
#include "klive-folder.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>
#include "klive-subset.h"

#define E "0_rkij47dr"

typedef struct {
  char *state;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->state = g_dir_make_tmp ("klive-test-XXXXXX", NULL);
  g_autofree char *workers = g_build_filename (fixture->state, "workers", NULL);
  g_autofree char *hls = g_build_filename (fixture->state, "hls", NULL);
  g_assert_cmpint (g_mkdir (workers, 0700) | g_mkdir (hls, 0755), ==, 0);
}

static void
remove_all (const char *path)
{
  g_autoptr (GDir) dir = g_file_test (path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open (path, 0, NULL);
  for (const char *name; dir && (name = g_dir_read_name (dir));) {
    g_autofree char *below = g_build_filename (path, name, NULL);
    remove_all (below);
  }
  g_remove (path);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  remove_all (fixture->state);
  g_free (fixture->state);
}

static char *
below (Fixture *fixture, const char *path)
{
  return g_build_filename (fixture->state, path, NULL);
}

static void
lay (Fixture *fixture, const char *path, const char *text)
{
  g_autofree char *full = below (fixture, path);
  g_autofree char *folder = g_path_get_dirname (full);
  g_assert_cmpint (g_mkdir_with_parents (folder, 0755), ==, 0);
  g_assert_true (g_file_set_contents (full, text, -1, NULL));
}

static gboolean
is_there (Fixture *fixture, const char *path)
{
  g_autofree char *full = below (fixture, path);
  return g_file_test (full, G_FILE_TEST_EXISTS);
}

static void
test_record (Fixture *fixture, gconstpointer data)
{
  g_autoptr (KliveRecord) record = klive_record_new (E, 1);
  record->pid = 4711;
  record->remove_at = 1763812345;
  record->info =
      kaltura_entry_new_from_json ("{\"id\":\"" E "\",\"partnerId\":102,\"dvrStatus\":1,\"dvrWindow\":5}", NULL);
  g_assert_nonnull (record->info);
  g_assert_true (klive_record_save (fixture->state, record, NULL));
  g_autoptr (GPtrArray) records = klive_record_load_all (fixture->state);
  g_assert_cmpuint (records->len, ==, 1);
  const KliveRecord *read = records->pdata[0];
  g_assert_cmpstr (read->entry_id, ==, E);
  g_assert_cmpint (read->index, ==, 1);
  g_assert_cmpint (read->pid, ==, 4711);
  g_assert_cmpint (read->remove_at, ==, 1763812345);
  g_assert_cmpint (read->info->partner_id, ==, 102);
  g_assert_cmpuint (kaltura_entry_get_dvr_seconds (read->info, 7200), ==, 300);
  klive_record_delete (fixture->state, record);
  g_assert_false (is_there (fixture, "workers/" E "-1.json"));
}

static void
test_bad_records_are_skipped (Fixture *fixture, gconstpointer data)
{
  lay (fixture, "workers/a.json", "");
  lay (fixture, "workers/b.json", "[]");
  lay (fixture, "workers/c.json", "{\"entry\":\"../../etc\",\"index\":0}");
  lay (fixture, "workers/d.json", "{\"entry\":\"" E "\",\"index\":7}");
  lay (fixture, "workers/e.json", "{\"entry\":\"" E "\",\"index\":0}");
  g_autoptr (GPtrArray) records = klive_record_load_all (fixture->state);
  g_assert_cmpuint (records->len, ==, 1);
}

/* As after a power failure: it will be removed in its time, like others. */
static void
test_folder_without_record (Fixture *fixture, gconstpointer data)
{
  lay (fixture, "workers/" E "-1.json", "");
  lay (fixture, "hls/" E "/1/all.m3u8", "x");
  lay (fixture, "hls/elsewhere/1/all.m3u8", "x");
  g_autoptr (GPtrArray) records = klive_record_load_all (fixture->state);
  g_assert_cmpuint (records->len, ==, 1);
  const KliveRecord *record = records->pdata[0];
  g_assert_cmpstr (record->entry_id, ==, E);
  g_assert_cmpint (record->index, ==, 1);
  g_assert_cmpint (record->remove_at, ==, 0);
}

static void
test_choice_of_the_plain_url (void)
{
  const struct {
    KliveIndexState primary, backup;
    gint current, expected;
  } cases[] = {
    { { TRUE, FALSE }, { FALSE, FALSE }, -1, 0 }, /* the first broadcast begins */
    { { FALSE, FALSE }, { TRUE, FALSE }, -1, 1 }, /* only the backup is here */
    { { FALSE, FALSE }, { TRUE, FALSE }, 0, 1 },  /* the primary is over, the backup begins */
    { { TRUE, TRUE }, { TRUE, TRUE }, 1, 0 },     /* the primary is back */
    { { TRUE, FALSE }, { TRUE, TRUE }, 0, 1 },    /* the primary has lost its encoder */
    { { TRUE, FALSE }, { TRUE, FALSE }, 1, 1 },   /* both have: nothing moves */
    { { FALSE, FALSE }, { FALSE, FALSE }, 1, 1 }, /* over: the last one stays readable */
    { { TRUE, FALSE }, { FALSE, FALSE }, 1, 0 },
    { { FALSE, FALSE }, { FALSE, FALSE }, -1, -1 },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    g_assert_cmpint (klive_folder_choose_live (&cases[i].primary, &cases[i].backup, cases[i].current), ==,
        cases[i].expected);
}

static void
test_link (Fixture *fixture, gconstpointer data)
{
  g_assert_cmpint (klive_folder_get_live (fixture->state, E), ==, -1);
  g_assert_true (klive_folder_set_live (fixture->state, E, 1, NULL));
  g_assert_cmpint (klive_folder_get_live (fixture->state, E), ==, 1);
  g_assert_true (klive_folder_set_live (fixture->state, E, 0, NULL));
  g_assert_cmpint (klive_folder_get_live (fixture->state, E), ==, 0);
}

static void
wait_until_empty (Fixture *fixture)
{
  g_autofree char *hls = below (fixture, "hls");
  while (TRUE) { /* the watchdog of the test ends this */
    g_autoptr (GDir) dir = g_dir_open (hls, 0, NULL);
    const char *name;
    gboolean trash = FALSE;
    while ((name = g_dir_read_name (dir)))
      trash |= name[0] == '.';
    if (!trash)
      return;
    g_usleep (1000);
  }
}

static void
test_removal (Fixture *fixture, gconstpointer data)
{
  lay (fixture, "hls/" E "/0/33/0-1-1.ts", "x");
  lay (fixture, "hls/" E "/1/33/1-1-1.ts", "x");
  lay (fixture, "precious", "x");
  g_autofree char *link = below (fixture, "hls/" E "/0/outside");
  g_assert_cmpint (symlink ("../../..", link), ==, 0);
  klive_folder_set_live (fixture->state, E, 0, NULL);
  klive_folder_remove (fixture->state, E, 0);
  g_assert_false (is_there (fixture, "hls/" E "/0"));
  g_assert_cmpint (klive_folder_get_live (fixture->state, E), ==, 1);
  klive_folder_remove (fixture->state, E, 1);
  g_assert_false (is_there (fixture, "hls/" E));
  wait_until_empty (fixture);
  g_assert_true (is_there (fixture, "precious"));
}

static void
test_removal_of_nothing (Fixture *fixture, gconstpointer data)
{
  klive_folder_remove (fixture->state, E, 0);
  g_assert_false (is_there (fixture, "hls/" E));
}

static void
test_trash_of_an_earlier_launcher (Fixture *fixture, gconstpointer data)
{
  lay (fixture, "hls/.trash-" E "-0-1/33/0-1-1.ts", "x");
  lay (fixture, "hls/" E "/0/all.m3u8", "x");
  klive_folder_empty_trash (fixture->state);
  wait_until_empty (fixture);
  g_assert_true (is_there (fixture, "hls/" E "/0/all.m3u8"));
}

#define MASTER \
  "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-STREAM-INF:BANDWIDTH=1\n32/chunklist.m3u8\n" \
  "#EXT-X-STREAM-INF:BANDWIDTH=2\n33/chunklist.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=3\n35/chunklist.m3u8\n"

static void
test_subset (Fixture *fixture, gconstpointer data)
{
  lay (fixture, "hls/" E "/0/all.m3u8", MASTER);
  klive_folder_set_live (fixture->state, E, 0, NULL);
  g_autoptr (KliveSubset) subset =
      klive_subset_parse ("kLive", "/kLive/smil:" E "_33_35.smil/playlist.m3u8", "DVR&flavorIds=33,35");
  g_assert_true (subset->dvr);
  g_assert_false (subset->backup);
  g_autofree char *text = klive_subset_read (subset, fixture->state);
  g_assert_cmpstr (text, ==,
      "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-STREAM-INF:BANDWIDTH=2\n33/chunklist.m3u8\n"
      "#EXT-X-STREAM-INF:BANDWIDTH=3\n35/chunklist.m3u8\n");
  lay (fixture, "hls/" E "/0/all_dvr.m3u8", "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=2\n33/chunklist_dvr.m3u8\n");
  g_autofree char *dvr = klive_subset_read (subset, fixture->state);
  g_assert_nonnull (strstr (dvr, "chunklist_dvr"));
  g_autoptr (KliveSubset) none = klive_subset_parse ("kLive", "/kLive/smil:" E "_99.smil/playlist.m3u8", NULL);
  g_autofree char *nothing = klive_subset_read (none, fixture->state);
  g_assert_null (nothing);
}

static void
test_subset_urls (void)
{
  const char *const bad[] = { "/kLive/smil:" E "_all.smil/playlist.m3u8", "/kLive/smil:" E "_.smil/playlist.m3u8",
    "/kLive/smil:" E "_33_.smil/playlist.m3u8", "/kLive/smil:" E ".smil/playlist.m3u8",
    "/kLive/smil:../x_33.smil/playlist.m3u8", "/kLive/smil:" E "_33/../x.smil/playlist.m3u8",
    "/other/smil:" E "_33.smil/playlist.m3u8", "/kLive/", "/", "", "/kLive/smil:" E "_12345678901.smil/playlist.m3u8",
    "/kLive/smil:.smil/playlist.m3u8" };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_null (klive_subset_parse ("kLive", bad[i], NULL));
  g_autoptr (KliveSubset) subset =
      klive_subset_parse ("kLive", "/kLive/backup/smil:" E "_33.smil/playlist.m3u8", "a=DVR");
  g_assert_true (subset->backup);
  g_assert_false (subset->dvr);
  g_assert_cmpstr (subset->entry_id, ==, E);
  g_assert_cmpstr (subset->ids[0], ==, "33");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/folder/" name, Fixture, NULL, set_up, func, tear_down)
  ADD ("record", test_record);
  ADD ("bad-records-are-skipped", test_bad_records_are_skipped);
  ADD ("folder-without-record", test_folder_without_record);
  ADD ("link", test_link);
  ADD ("removal", test_removal);
  ADD ("removal-of-nothing", test_removal_of_nothing);
  ADD ("trash-of-an-earlier-launcher", test_trash_of_an_earlier_launcher);
  ADD ("subset", test_subset);
  g_test_add_func ("/folder/choice-of-the-plain-url", test_choice_of_the_plain_url);
  g_test_add_func ("/folder/subset-urls", test_subset_urls);
  return g_test_run ();
}
