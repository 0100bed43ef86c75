/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Recordings between their end and Kaltura, on disk. Called by the uploader, on its thread.
 */
#include "klive-spool.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/file.h>
#include <unistd.h>
#include "klive-log.h"

#define SUFFIX ".json"

struct _KliveSpool {
  char *directory, *failed;
};

static gboolean
make_folder (const char *path, GError **error)
{
  if (g_mkdir_with_parents (path, 0770) == 0 && g_access (path, W_OK | X_OK) == 0)
    return TRUE;
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno), "cannot make or write %s: %s", path,
      g_strerror (errno));
  return FALSE;
}

KliveSpool *
klive_spool_new (const char *directory, GError **error)
{
  g_autoptr (KliveSpool) spool = g_new0 (KliveSpool, 1);
  spool->directory = g_strdup (directory);
  spool->failed = g_build_filename (directory, "failed", NULL);
  if (!make_folder (spool->directory, error) || !make_folder (spool->failed, error))
    return NULL;
  return g_steal_pointer (&spool);
}

void
klive_spool_free (KliveSpool *spool)
{
  g_free (spool->directory);
  g_free (spool->failed);
  g_free (spool);
}

const char *
klive_spool_get_directory (const KliveSpool *spool)
{
  return spool->directory;
}

static void
log_fault (const char *event, const char *name, const char *message)
{
  klive_log (KLIVE_LOG_ERROR, event, NULL, NULL, "job", name, "message", message, NULL);
}

static gboolean
is_job_name (const char *name)
{
  return name[0] != '.' && g_str_has_suffix (name, SUFFIX);
}

GPtrArray *
klive_spool_list (KliveSpool *spool)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDir) dir = g_dir_open (spool->directory, 0, &error);
  const char *name;
  if (!dir) {
    log_fault ("spool-not-read", spool->directory, error->message);
    return NULL;
  }
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  while ((name = g_dir_read_name (dir)))
    if (is_job_name (name))
      g_ptr_array_add (names, g_strdup (name));
  return names;
}

/* What nobody understands must not be looked at for ever, nor be lost. */
static void
put_aside (KliveSpool *spool, const char *name, const char *message)
{
  g_autofree char *from = g_build_filename (spool->directory, name, NULL);
  g_autofree char *to = g_build_filename (spool->failed, name, NULL);
  log_fault ("recording-job-bad", name, message);
  if (g_rename (from, to) != 0)
    log_fault ("recording-job-not-moved", name, g_strerror (errno));
}

KalturaJob *
klive_spool_load (KliveSpool *spool, const char *name)
{
  g_autofree char *path = g_build_filename (spool->directory, name, NULL);
  g_autoptr (GError) error = NULL;
  KalturaJob *job = kaltura_job_load (path, &error);
  if (!job && !g_error_matches (error, G_FILE_ERROR, G_FILE_ERROR_NOENT)) {
    if (error->domain == G_FILE_ERROR)
      log_fault ("recording-job-not-read", name, error->message); /* the disk may have a better moment */
    else
      put_aside (spool, name, error->message);
  }
  return job;
}

gboolean
klive_spool_has (KliveSpool *spool, const char *name)
{
  g_autofree char *path = g_build_filename (spool->directory, name, NULL);
  return g_access (path, F_OK) == 0 || errno != ENOENT;
}

gboolean
klive_spool_save (KliveSpool *spool, const KalturaJob *job)
{
  g_autoptr (GError) error = NULL;
  gboolean done = kaltura_job_save (job, spool->directory, &error);
  if (!done)
    log_fault ("recording-job-not-written", job->name, error->message);
  return done;
}

gboolean
klive_spool_remove (KliveSpool *spool, const KalturaJob *job)
{
  g_autoptr (GError) error = NULL;
  gboolean done = kaltura_job_remove (job, spool->directory, &error);
  if (!done)
    log_fault ("recording-job-not-removed", job->name, error->message);
  return done;
}

gboolean
klive_spool_fail (KliveSpool *spool, KalturaJob *job, const char *reason)
{
  g_autoptr (GError) error = NULL;
  g_free (job->reason);
  job->reason = g_strdup (reason);
  if (!kaltura_job_save (job, spool->failed, &error)) {
    log_fault ("recording-job-not-written", job->name, error->message);
    return FALSE;
  }
  return klive_spool_remove (spool, job);
}

guint
klive_spool_count_failed (KliveSpool *spool)
{
  g_autoptr (GDir) dir = g_dir_open (spool->failed, 0, NULL);
  const char *name;
  guint count = 0;
  while (dir && (name = g_dir_read_name (dir)))
    count += is_job_name (name);
  return count;
}

gboolean
klive_spool_is_recording (const KalturaJob *job)
{
  int fd = g_open (job->file, O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0)
    return FALSE;
  gboolean locked = flock (fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  close (fd);
  return locked;
}
