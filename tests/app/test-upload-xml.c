/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Upload XML: byte for byte what the media server of 2014 wrote, one file for each recording. */

#include "klive-upload-xml.h"

#include <glib/gstdio.h>
#include <string.h>

static void
test_durations (void)
{
  static const struct {
    double seconds;
    const char *text;
  } cases[] = { { 900, "900.0" }, { 900.123, "900.123" }, { 0.04, "0.04" }, { 12345679, "1.2345679E7" },
    { 1e-4, "1.0E-4" }, { 0, "0.0" }, { 1, "1.0" }, { 0.001, "0.001" }, { 0.00099, "9.9E-4" }, { 9999999, "9999999.0" },
    { 1e7, "1.0E7" }, { 3600.04, "3600.04" }, { 0.1, "0.1" }, { 10, "10.0" }, { 123456.789, "123456.79" },
    { 1.0 / 3, "0.33333334" }, { 100.5, "100.5" }, { 1.5e-5, "1.5E-5" }, { 14400, "14400.0" } };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *text = klive_upload_xml_format_duration (cases[i].seconds);
    g_assert_cmpstr (text, ==, cases[i].text);
  }
}

static KalturaJob *
make_job (const char *file)
{
  KalturaJob *job = kaltura_job_new (file);
  job->entry_id = g_strdup ("0_abcd1234");
  job->asset_id = g_strdup ("0_asset123");
  job->partner_id = 102;
  job->duration = 900.123;
  job->created = G_GINT64_CONSTANT (1400000000000);
  return job;
}

/* The file that the Java calls of the original made. */
static void
test_sample (void)
{
  g_autofree char *path =
      g_build_filename (g_getenv ("KLIVE_TEST_DATA"), "upload-xml", "0_abcd1234_1400000000000.xml", NULL);
  g_autofree char *expected = NULL;
  g_autoptr (KalturaJob) job = make_job ("/web/content/recorded/0_abcd1234_0_asset123_0 & x.mp4");
  g_autofree char *text = klive_upload_xml_render (job, KALTURA_WORK_MODE_KALTURA);
  g_assert_true (g_file_get_contents (path, &expected, NULL, NULL));
  g_assert_cmpstr (text, ==, expected);
}

static void
test_remote (void)
{
  g_autoptr (KalturaJob) job = make_job ("/a/<b>\"'.mp4");
  job->server_index = 1;
  g_autofree char *text = klive_upload_xml_render (job, KALTURA_WORK_MODE_REMOTE);
  g_assert_nonnull (strstr (text, "<index>1</index>"));
  g_assert_nonnull (strstr (text, "<filepath>/a/&lt;b&gt;\"'.mp4</filepath><workMode>remote</workMode></upload>"));
}

static void
remove_folder (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;
  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree char *path = g_build_filename (folder, name, NULL);
    if (g_file_test (path, G_FILE_TEST_IS_DIR))
      remove_folder (path);
    else
      g_unlink (path);
  }
  g_assert_cmpint (g_rmdir (folder), ==, 0);
}

static void
write_job (KalturaJob *job, KliveSpool *spool, const char *folder, const char *expected_name)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_build_filename (folder, expected_name, NULL);
  g_autofree char *text = NULL;
  g_autofree char *expected = klive_upload_xml_render (job, KALTURA_WORK_MODE_KALTURA);
  g_assert_true (klive_upload_xml_write (job, spool, folder, KALTURA_WORK_MODE_KALTURA, &error));
  g_assert_no_error (error);
  g_assert_cmpstr (job->xml, ==, expected_name);
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, expected);
}

/* Renditions begin in the same millisecond; a job that is written again has the file that it had. */
static void
test_names (void)
{
  g_autofree char *base = g_dir_make_tmp ("klive-xml-XXXXXX", NULL);
  g_autofree char *spool_folder = g_build_filename (base, "spool", NULL);
  g_autofree char *folder = g_build_filename (base, "xml", NULL);
  g_autoptr (KliveSpool) spool = klive_spool_new (spool_folder, NULL);
  g_autoptr (KalturaJob) first = make_job ("/a.mp4");
  g_autoptr (KalturaJob) second = make_job ("/b.mp4");
  write_job (first, spool, folder, "0_abcd1234_1400000000000.xml");
  write_job (second, spool, folder, "0_abcd1234_1400000000001.xml");
  write_job (first, spool, folder, "0_abcd1234_1400000000000.xml");

  g_autofree char *path = g_build_filename (spool_folder, second->name, NULL);
  g_autoptr (KalturaJob) after_crash = kaltura_job_load (path, NULL);
  write_job (after_crash, spool, folder, "0_abcd1234_1400000000001.xml");
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  guint count = 0;
  while (g_dir_read_name (dir))
    count++;
  g_assert_cmpuint (count, ==, 2);
  remove_folder (base);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/upload-xml/durations", test_durations);
  g_test_add_func ("/upload-xml/sample", test_sample);
  g_test_add_func ("/upload-xml/remote", test_remote);
  g_test_add_func ("/upload-xml/names", test_names);
  return g_test_run ();
}
