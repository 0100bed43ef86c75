/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Recordings on their way to Kaltura, as files that outlive every process and the machine. Called by kalturarecordsink
 * (on its writer thread) and by the uploader (main thread); each job belongs to one of them at a time.
 */

#include "kaltura-job.h"

#include <errno.h>
#include <fcntl.h>
#include <json-glib/json-glib.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kaltura-error.h"
#include "kaltura-stream.h"

#define VERSION 1
#define MAX_SIZE 65536 /* bytes of a job */

static const char *const state_names[] = { "recording", "closed", "done" };
static const char *const last_names[] = { "unknown", "no", "yes" };

KalturaJob *
kaltura_job_new (const char *file)
{
  KalturaJob *job = g_new0 (KalturaJob, 1);
  g_autofree char *base = g_path_get_basename (file);
  job->name = g_strconcat (base, ".json", NULL);
  job->file = g_strdup (file);
  job->created = g_get_real_time () / 1000;
  return job;
}

void
kaltura_job_free (KalturaJob *job)
{
  if (job == NULL)
    return;
  g_free (job->name);
  g_free (job->entry_id);
  g_free (job->asset_id);
  g_free (job->file);
  g_free (job->token);
  g_free (job->marker);
  g_free (job->xml);
  g_free (job->reason);
  g_free (job);
}

/* JSON */

static void
add_string (JsonObject *object, const char *name, const char *value)
{
  if (value != NULL)
    json_object_set_string_member (object, name, value);
}

static char *
make_text (const KalturaJob *job)
{
  g_autoptr (JsonNode) root = json_node_new (JSON_NODE_OBJECT);
  g_autoptr (JsonObject) object = json_object_new ();
  json_object_set_int_member (object, "version", VERSION);
  json_object_set_string_member (object, "state", state_names[job->state]);
  add_string (object, "entryId", job->entry_id);
  json_object_set_int_member (object, "partnerId", job->partner_id);
  json_object_set_int_member (object, "serverIndex", job->server_index);
  add_string (object, "assetId", job->asset_id);
  json_object_set_string_member (object, "file", job->file);
  json_object_set_int_member (object, "created", job->created);
  json_object_set_double_member (object, "duration", job->duration);
  json_object_set_string_member (object, "last", last_names[job->last]);
  json_object_set_boolean_member (object, "finished", job->finished);
  json_object_set_int_member (object, "attempts", job->attempts);
  add_string (object, "token", job->token);
  json_object_set_int_member (object, "uploaded", (gint64) job->uploaded);
  add_string (object, "marker", job->marker);
  json_object_set_boolean_member (object, "asked", job->asked);
  json_object_set_int_member (object, "askedAt", job->asked_at);
  json_object_set_int_member (object, "missingSince", job->missing_since);
  add_string (object, "xml", job->xml);
  add_string (object, "reason", job->reason);
  json_node_set_object (root, object);
  return json_to_string (root, TRUE);
}

static gboolean
read_choice (JsonObject *object, const char *name, const char *const *names, guint n_names, guint *choice)
{
  const char *text = json_object_get_string_member_with_default (object, name, NULL);
  for (guint i = 0; i < n_names; i++) {
    if (g_strcmp0 (text, names[i]) == 0) {
      *choice = i;
      return TRUE;
    }
  }
  return FALSE;
}

static char *
dup_string (JsonObject *object, const char *name)
{
  return g_strdup (json_object_get_string_member_with_default (object, name, NULL));
}

static KalturaJob *
parse_text (const char *text, gsize size)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  guint state = 0, last = 0;
  JsonNode *root =
      json_parser_load_from_data (parser, text, (gssize) size, NULL) ? json_parser_get_root (parser) : NULL;
  if (root == NULL || !JSON_NODE_HOLDS_OBJECT (root))
    return NULL;
  JsonObject *object = json_node_get_object (root);
  const char *file = json_object_get_string_member_with_default (object, "file", NULL);
  if (json_object_get_int_member_with_default (object, "version", 0) != VERSION || file == NULL ||
      !g_path_is_absolute (file) || !read_choice (object, "state", state_names, G_N_ELEMENTS (state_names), &state) ||
      !read_choice (object, "last", last_names, G_N_ELEMENTS (last_names), &last))
    return NULL;
  g_autoptr (KalturaJob) job = kaltura_job_new (file);
  job->state = state;
  job->last = last;
  job->entry_id = dup_string (object, "entryId");
  job->partner_id = (gint) json_object_get_int_member_with_default (object, "partnerId", 0);
  job->server_index = json_object_get_int_member_with_default (object, "serverIndex", 0) != 0;
  job->asset_id = dup_string (object, "assetId");
  job->created = json_object_get_int_member_with_default (object, "created", 0);
  job->duration = json_object_get_double_member_with_default (object, "duration", 0);
  job->finished = json_object_get_boolean_member_with_default (object, "finished", FALSE);
  job->attempts = (guint) CLAMP (json_object_get_int_member_with_default (object, "attempts", 0), 0, G_MAXINT);
  job->token = dup_string (object, "token");
  job->uploaded = (guint64) MAX (json_object_get_int_member_with_default (object, "uploaded", 0), 0);
  job->marker = dup_string (object, "marker");
  job->asked = json_object_get_boolean_member_with_default (object, "asked", FALSE);
  job->asked_at = json_object_get_int_member_with_default (object, "askedAt", 0);
  job->missing_since = json_object_get_int_member_with_default (object, "missingSince", 0);
  job->xml = dup_string (object, "xml");
  job->reason = dup_string (object, "reason");
  if (job->entry_id == NULL || !kaltura_entry_id_is_valid (job->entry_id) || job->asset_id == NULL ||
      !kaltura_asset_id_is_valid (job->asset_id))
    return NULL;
  return g_steal_pointer (&job);
}

/* Files */

static gboolean
fail (GError **error, const char *what, const char *path)
{
  int code = errno;
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (code), "%s %s: %s", what, path, g_strerror (code));
  return FALSE;
}

static gboolean
sync_directory (const char *directory, GError **error)
{
  int fd = open (directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  gboolean done = fd >= 0 && fsync (fd) == 0;
  if (!done)
    fail (error, "cannot sync", directory);
  if (fd >= 0)
    close (fd);
  return done;
}

static gboolean
write_all (int fd, const char *text)
{
  gsize left = strlen (text);
  while (left > 0) {
    gssize written = write (fd, text, left);
    if (written < 0 && errno != EINTR)
      return FALSE;
    if (written > 0) {
      text += written;
      left -= (gsize) written;
    }
  }
  return TRUE;
}

static gboolean
write_file (const char *path, const char *text, GError **error)
{
  int fd = open (path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
  if (fd < 0)
    return fail (error, "cannot create", path);
  gboolean done = write_all (fd, text) && fsync (fd) == 0;
  if (!done)
    fail (error, "cannot write", path);
  close (fd);
  return done;
}

gboolean
kaltura_job_save (const KalturaJob *job, const char *directory, GError **error)
{
  g_autofree char *text = make_text (job);
  g_autofree char *path = g_build_filename (directory, job->name, NULL);
  g_autofree char *temporary = g_strdup_printf ("%s/.%s.new", directory, job->name);
  if (!write_file (temporary, text, error)) {
    unlink (temporary);
    return FALSE;
  }
  if (rename (temporary, path) != 0) {
    fail (error, "cannot put in place", path);
    unlink (temporary);
    return FALSE;
  }
  return sync_directory (directory, error);
}

KalturaJob *
kaltura_job_load (const char *path, GError **error)
{
  g_autofree char *text = NULL;
  gsize size = 0;
  struct stat info;
  if (stat (path, &info) == 0 && info.st_size > MAX_SIZE) {
    g_set_error (error, KALTURA_ERROR, KALTURA_ERROR_INPUT, "%s: too large for a job", path);
    return NULL;
  }
  if (!g_file_get_contents (path, &text, &size, error))
    return NULL;
  KalturaJob *job = parse_text (text, size);
  if (job == NULL) {
    g_set_error (error, KALTURA_ERROR, KALTURA_ERROR_INPUT, "%s: not a job", path);
    return NULL;
  }
  g_free (job->name);
  job->name = g_path_get_basename (path);
  return job;
}

gboolean
kaltura_job_remove (const KalturaJob *job, const char *directory, GError **error)
{
  g_autofree char *path = g_build_filename (directory, job->name, NULL);
  if (unlink (path) != 0 && errno != ENOENT)
    return fail (error, "cannot remove", path);
  return sync_directory (directory, error);
}
