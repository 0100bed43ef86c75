/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* kaltura-job: what is saved is there and complete, or as it was; what is no job is refused. */

#include "kaltura-job.h"

#include <glib/gstdio.h>
#include <string.h>
#include "kaltura-error.h"

#define NAME "0_rkij47dr.0_x8d2k1mn_0-1763812345678-00000.mp4"

typedef struct {
  char *folder, *path;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->folder = g_dir_make_tmp ("klive-job-XXXXXX", NULL);
  f->path = g_build_filename (f->folder, NAME ".json", NULL);
}

static guint
count_files (const Fixture *f)
{
  g_autoptr (GDir) dir = g_dir_open (f->folder, 0, NULL);
  guint count = 0;
  while (g_dir_read_name (dir) != NULL)
    count++;
  return count;
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_remove (f->path);
  g_assert_cmpint (g_rmdir (f->folder), ==, 0);
  g_free (f->path);
  g_free (f->folder);
}

static KalturaJob *
make_job (void)
{
  KalturaJob *job = kaltura_job_new ("/recordings/" NAME);
  job->entry_id = g_strdup ("0_rkij47dr");
  job->partner_id = 102;
  job->server_index = 1;
  job->asset_id = g_strdup ("0_x8d2k1mn");
  return job;
}

static void
test_round (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (KalturaJob) job = make_job ();
  job->state = KALTURA_JOB_CLOSED;
  job->duration = 3600.0401;
  job->last = KALTURA_LAST_YES;
  job->finished = TRUE;
  job->attempts = 3;
  job->token = g_strdup ("0_2b3c4d5e6f708192a3b4c5d6e7f80910");
  job->uploaded = G_GUINT64_CONSTANT (10737418240);
  job->marker = g_strdup ("0_a");
  job->asked = TRUE;
  job->asked_at = G_GINT64_CONSTANT (1763812345678);
  job->missing_since = G_GINT64_CONSTANT (1763812345679);
  job->xml = g_strdup ("0_rkij47dr_1763812345678.xml");
  job->reason = g_strdup ("no \"answer\"\nwithin 5 s");
  g_assert_true (kaltura_job_save (job, f->folder, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (count_files (f), ==, 1);

  g_autoptr (KalturaJob) again = kaltura_job_load (f->path, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (again->name, ==, NAME ".json");
  g_assert_cmpint (again->state, ==, KALTURA_JOB_CLOSED);
  g_assert_cmpstr (again->entry_id, ==, "0_rkij47dr");
  g_assert_cmpint (again->partner_id, ==, 102);
  g_assert_cmpint (again->server_index, ==, 1);
  g_assert_cmpstr (again->asset_id, ==, "0_x8d2k1mn");
  g_assert_cmpstr (again->file, ==, "/recordings/" NAME);
  g_assert_cmpint (again->created, ==, job->created);
  g_assert_cmpfloat (again->duration, ==, job->duration);
  g_assert_cmpint (again->last, ==, KALTURA_LAST_YES);
  g_assert_true (again->finished);
  g_assert_cmpuint (again->attempts, ==, 3);
  g_assert_cmpstr (again->token, ==, job->token);
  g_assert_cmpuint (again->uploaded, ==, job->uploaded);
  g_assert_cmpstr (again->marker, ==, "0_a");
  g_assert_true (again->asked);
  g_assert_cmpint (again->asked_at, ==, job->asked_at);
  g_assert_cmpint (again->missing_since, ==, job->missing_since);
  g_assert_cmpstr (again->xml, ==, job->xml);
  g_assert_cmpstr (again->reason, ==, job->reason);
}

static void
test_defaults (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (KalturaJob) job = make_job ();
  g_assert_true (kaltura_job_save (job, f->folder, &error));
  g_autoptr (KalturaJob) again = kaltura_job_load (f->path, &error);
  g_assert_no_error (error);
  g_assert_cmpint (again->state, ==, KALTURA_JOB_RECORDING);
  g_assert_cmpint (again->last, ==, KALTURA_LAST_UNKNOWN);
  g_assert_null (again->xml);
  g_assert_null (again->token);
  g_assert_null (again->reason);
  g_assert_cmpint (ABS (again->created - g_get_real_time () / 1000), <, 60000);
}

static void
test_remove (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (KalturaJob) job = make_job ();
  g_assert_true (kaltura_job_save (job, f->folder, &error));
  g_assert_true (kaltura_job_remove (job, f->folder, &error));
  g_assert_cmpuint (count_files (f), ==, 0);
  g_assert_true (kaltura_job_remove (job, f->folder, &error)); /* twice is no fault */
  g_assert_no_error (error);
}

static void
test_no_folder (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (KalturaJob) job = make_job ();
  g_assert_false (kaltura_job_save (job, "/nonexistent", &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
}

static void
test_refused (Fixture *f, gconstpointer data)
{
#define HEAD "{\"version\": 1, \"state\": \"closed\", \"last\": \"no\", "
  static const char *const texts[] = { "", "{", "[]", "{}", HEAD "\"file\": \"/a.mp4\"}",
    HEAD "\"file\": \"a.mp4\", \"entryId\": \"0_rkij47dr\", \"assetId\": \"0_x\"}",
    HEAD "\"file\": \"/a.mp4\", \"entryId\": \"../../etc\", \"assetId\": \"0_x\"}",
    HEAD "\"file\": \"/a.mp4\", \"entryId\": \"0_rkij47dr\", \"assetId\": \"a/b\"}",
    "{\"version\": 2, \"state\": \"closed\", \"last\": \"no\", \"file\": \"/a.mp4\", \"entryId\": \"0_rkij47dr\", "
    "\"assetId\": \"0_x\"}",
    "{\"version\": 1, \"state\": \"open\", \"last\": \"no\", \"file\": \"/a.mp4\", \"entryId\": \"0_rkij47dr\", "
    "\"assetId\": \"0_x\"}" };
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_autoptr (GError) error = NULL;
    g_assert_true (g_file_set_contents (f->path, texts[i], -1, NULL));
    g_assert_null (kaltura_job_load (f->path, &error));
    g_assert_error (error, KALTURA_ERROR, KALTURA_ERROR_INPUT);
  }
  g_assert_true (g_file_set_contents (f->path,
      HEAD "\"file\": \"/a.mp4\", \"entryId\": \"0_rkij47dr\", \"assetId\": \"0_x-1\"}", -1, NULL));
  g_autoptr (KalturaJob) job = kaltura_job_load (f->path, NULL);
  g_assert_nonnull (job);
}

static void
add (const char *name, void (*test) (Fixture *, gconstpointer))
{
  g_test_add (name, Fixture, NULL, set_up, test, tear_down);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add ("/job/round", test_round);
  add ("/job/defaults", test_defaults);
  add ("/job/remove", test_remove);
  add ("/job/no-folder", test_no_folder);
  add ("/job/refused", test_refused);
  return g_test_run ();
}
