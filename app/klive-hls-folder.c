/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files of an HLS folder. klive-hls-writer.c calls it on the worker's main thread. Writing is "temporary file, rename"
 * without fsync: kill -9 loses nothing by that, and lists are rewritten every few seconds anyway.
 */
#include "klive-hls-folder.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

typedef struct {
  char *path;
  gint64 due; /* ns since 1970 */
} Doomed;

struct _KliveHlsFolder {
  char *directory;
  GQueue doomed; /* of Doomed, about in order of their time */
};

static void
doomed_free (Doomed *doomed)
{
  g_free (doomed->path);
  g_free (doomed);
}

static gboolean
make_folder (const char *path, GError **error)
{
  if (g_mkdir_with_parents (path, 0755) == 0)
    return TRUE;
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno), "cannot make folder %s: %s", path,
      g_strerror (errno));
  return FALSE;
}

KliveHlsFolder *
klive_hls_folder_new (const char *directory, GError **error)
{
  KliveHlsFolder *folder;

  if (!make_folder (directory, error))
    return NULL;
  folder = g_new0 (KliveHlsFolder, 1);
  folder->directory = g_strdup (directory);
  g_queue_init (&folder->doomed);
  return folder;
}

void
klive_hls_folder_free (KliveHlsFolder *folder)
{
  if (!folder)
    return;
  g_queue_clear_full (&folder->doomed, (GDestroyNotify) doomed_free);
  g_free (folder->directory);
  g_free (folder);
}

static char *
build_path (KliveHlsFolder *folder, const char *name)
{
  return g_build_filename (folder->directory, name, NULL);
}

/* The name under which @path is written before it is renamed: hidden, in the same folder. */
static char *
get_temporary_path (const char *path)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *name = g_path_get_basename (path);

  return g_strdup_printf ("%s/.%s.tmp", folder, name);
}

static gboolean
write_all (int fd, const char *text, gsize length)
{
  while (length > 0) {
    gssize n = write (fd, text, length);

    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return FALSE;
    text += n;
    length -= n;
  }
  return TRUE;
}

gboolean
klive_hls_folder_write (KliveHlsFolder *folder, const char *name, const char *text, GError **error)
{
  g_autofree char *path = build_path (folder, name);
  g_autofree char *temporary = get_temporary_path (path);
  int fd = g_open (temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  gboolean written = fd >= 0 && write_all (fd, text, strlen (text));
  int saved = errno;

  if (fd >= 0 && close (fd) != 0 && written) {
    written = FALSE;
    saved = errno;
  }
  if (written && g_rename (temporary, path) == 0)
    return TRUE;
  if (written)
    saved = errno;
  g_unlink (temporary);
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (saved), "cannot write %s: %s", path, g_strerror (saved));
  return FALSE;
}

char *
klive_hls_folder_read (KliveHlsFolder *folder, const char *name, GError **error)
{
  g_autofree char *path = build_path (folder, name);
  char *text = NULL;

  return g_file_get_contents (path, &text, NULL, error) ? text : NULL;
}

void
klive_hls_folder_remove (KliveHlsFolder *folder, const char *name)
{
  g_autofree char *path = build_path (folder, name);

  g_unlink (path);
}

void
klive_hls_folder_remove_playlists (KliveHlsFolder *folder, const char *id)
{
  g_autofree char *path = build_path (folder, id ? id : "");
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree char *file = g_build_filename (path, name, NULL);

    if (g_str_has_suffix (name, ".m3u8"))
      g_unlink (file);
  }
}

gboolean
klive_hls_folder_exists (KliveHlsFolder *folder, const char *name)
{
  g_autofree char *path = build_path (folder, name);

  return g_file_test (path, G_FILE_TEST_EXISTS);
}

gboolean
klive_hls_folder_is_id (const char *id)
{
  gsize length = strlen (id);

  return g_ascii_isalnum (id[0]) && length <= 64 && strspn (id, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_-") == length;
}

static gboolean
is_link (const char *path)
{
  return g_file_test (path, G_FILE_TEST_IS_SYMLINK);
}

gboolean
klive_hls_folder_add_rendition (KliveHlsFolder *folder, const char *id, GError **error)
{
  g_autofree char *path = build_path (folder, id);

  if (is_link (path))
    g_unlink (path);
  return make_folder (path, error);
}

GStrv
klive_hls_folder_list_renditions (KliveHlsFolder *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder->directory, 0, NULL);
  GPtrArray *ids = g_ptr_array_new ();
  const char *name;

  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree char *path = build_path (folder, name);

    if (klive_hls_folder_is_id (name) && !is_link (path) && g_file_test (path, G_FILE_TEST_IS_DIR))
      g_ptr_array_add (ids, g_strdup (name));
  }
  g_ptr_array_add (ids, NULL);
  return (GStrv) g_ptr_array_free (ids, FALSE);
}

gboolean
klive_hls_folder_set_alias (KliveHlsFolder *folder, const char *alias, const char *id, GError **error)
{
  g_autofree char *path = build_path (folder, alias);
  g_autofree char *temporary = get_temporary_path (path);

  if (!is_link (path) && g_file_test (path, G_FILE_TEST_EXISTS))
    return TRUE;
  g_unlink (temporary);
  if (symlink (id, temporary) == 0 && g_rename (temporary, path) == 0)
    return TRUE;
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno), "cannot link %s to %s: %s", path, id,
      g_strerror (errno));
  return FALSE;
}

static gboolean
move_files (const char *from, const char *to)
{
  g_autoptr (GDir) dir = g_dir_open (from, 0, NULL);
  const char *name;

  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree char *old = g_build_filename (from, name, NULL);
    g_autofree char *path = g_build_filename (to, name, NULL);

    if (g_rename (old, path) != 0)
      return FALSE;
  }
  return g_rmdir (from) == 0;
}

gboolean
klive_hls_folder_merge_rendition (KliveHlsFolder *folder, const char *from, const char *to, GError **error)
{
  g_autofree char *old = build_path (folder, from);
  g_autofree char *path = build_path (folder, to);

  if (is_link (path))
    g_unlink (path);
  /* in one step if there is no such folder yet */
  if (g_rename (old, path) == 0 || move_files (old, path))
    return klive_hls_folder_set_alias (folder, from, to, error);
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno), "cannot move %s to %s: %s", old, path,
      g_strerror (errno));
  return FALSE;
}

char *
klive_hls_folder_get_pattern (KliveHlsFolder *folder, const char *id, guint index, gint64 serial)
{
  g_autofree char *path = build_path (folder, id);
  g_auto (GStrv) parts = g_strsplit (path, "%", -1);
  g_autofree char *escaped = g_strjoinv ("%%", parts);

  return g_strdup_printf ("%s/%u-%" G_GINT64_FORMAT "-%%05u.ts", escaped, index, serial);
}

/* "0-1763812345678-00017.ts" -> 17 */
static gboolean
parse_number (const char *name, guint64 *number)
{
  g_autofree char *stem = g_strndup (name, strlen (name) - strlen (".ts"));
  const char *dash = strrchr (stem, '-');

  return dash && g_ascii_string_to_unsigned (dash + 1, 10, 0, G_MAXINT64, number, NULL);
}

void
klive_hls_folder_sweep (KliveHlsFolder *folder, const char *id, GHashTable *listed, gint64 due, guint64 *last_number)
{
  g_autofree char *path = build_path (folder, id);
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir && (name = g_dir_read_name (dir))) {
    guint64 number;

    if (g_str_has_suffix (name, ".m3u8"))
      continue;
    if (name[0] == '.' || !(g_str_has_suffix (name, ".ts") || g_str_has_suffix (name, ".part"))) {
      g_autofree char *unfinished = g_build_filename (path, name, NULL);

      g_unlink (unfinished);
      continue;
    }
    if (g_str_has_suffix (name, ".ts") && parse_number (name, &number))
      *last_number = MAX (*last_number, number);
    if (!listed || !g_hash_table_contains (listed, name))
      klive_hls_folder_remove_later (folder, id, name, due);
  }
}

void
klive_hls_folder_remove_later (KliveHlsFolder *folder, const char *id, const char *name, gint64 due)
{
  Doomed *doomed = g_new0 (Doomed, 1);

  doomed->path = g_build_filename (folder->directory, id, name, NULL);
  doomed->due = due;
  g_queue_push_tail (&folder->doomed, doomed);
}

void
klive_hls_folder_expire (KliveHlsFolder *folder, gint64 now)
{
  Doomed *doomed;

  while ((doomed = g_queue_peek_head (&folder->doomed)) && doomed->due <= now) {
    g_unlink (doomed->path);
    doomed_free (g_queue_pop_head (&folder->doomed));
  }
}

guint64
klive_hls_folder_expire_early (KliveHlsFolder *folder, guint64 bytes)
{
  guint64 freed = 0;
  Doomed *doomed;

  while (freed < bytes && (doomed = g_queue_pop_head (&folder->doomed))) {
    struct stat info;

    if (stat (doomed->path, &info) == 0 && g_unlink (doomed->path) == 0)
      freed += (guint64) info.st_blocks * 512; /* POSIX leaves the unit open, Linux does not */
    doomed_free (doomed);
  }
  return freed;
}

guint64
klive_hls_folder_get_free (const KliveHlsFolder *folder)
{
  struct statvfs info;

  if (statvfs (folder->directory, &info) != 0)
    return G_MAXUINT64;
  return (guint64) info.f_frsize * (geteuid () == 0 ? info.f_bfree : info.f_bavail);
}
