/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Folders and group of recordings, looked at before anything is recorded. Called by the commands that read klive.conf,
 * and by klive-serve.c.
 */
#include "klive-record-setup.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER_MODE 0755
#define SPOOL_MODE 0770
#define MAX_GROUPS 65536

/* FALSE: there is none. */
static gboolean
find_group (const char *name, gid_t *gid)
{
  struct group entry, *found = NULL;
  char buffer[65536];
  if (getgrnam_r (name, &entry, buffer, sizeof buffer, &found) != 0 || !found)
    return FALSE;
  *gid = entry.gr_gid;
  return TRUE;
}

gboolean
klive_record_setup_check (KalturaConfig *config, GError **error)
{
  gid_t gid;
  if (!config->recorded_file_group || find_group (config->recorded_file_group, &gid))
    return TRUE;
  if (kaltura_config_get_line (config, "recording", "group") == 0) {
    g_clear_pointer (&config->recorded_file_group, g_free);
    return TRUE;
  }
  g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
      "[recording] group: this system has no group \"%s\"; expected one that exists, or nothing",
      config->recorded_file_group);
  return FALSE;
}

static gboolean
may_give (gid_t gid)
{
  if (geteuid () == 0 || getegid () == gid)
    return TRUE;
  int count = getgroups (0, NULL);
  g_autofree gid_t *groups = g_new0 (gid_t, CLAMP (count, 1, MAX_GROUPS));
  count = getgroups (CLAMP (count, 0, MAX_GROUPS), groups);
  for (int i = 0; i < count; i++)
    if (groups[i] == gid)
      return TRUE;
  return FALSE;
}

static gboolean
make_folder (const char *key, const char *path, int mode, GError **error)
{
  if (g_mkdir_with_parents (path, mode) == 0 && g_access (path, W_OK | X_OK) == 0)
    return TRUE;
  int code = errno;
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (code), "[recording] %s: cannot make or write %s: %s", key,
      path, g_strerror (code));
  return FALSE;
}

gboolean
klive_record_setup_prepare (const KalturaConfig *config, GError **error)
{
  gid_t gid = 0;
  if (config->recorded_file_group && find_group (config->recorded_file_group, &gid) && !may_give (gid)) {
    g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_PERM,
        "[recording] group: %s may not give files to the group \"%s\"; expected a group that it belongs to",
        g_get_user_name (), config->recorded_file_group);
    return FALSE;
  }
  return make_folder ("directory", config->recording_directory, FOLDER_MODE, error) &&
      make_folder ("spool-directory", config->spool_directory, SPOOL_MODE, error) &&
      (!config->upload_xml_directory ||
          make_folder ("upload-xml-directory", config->upload_xml_directory, FOLDER_MODE, error));
}
