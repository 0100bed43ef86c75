/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Records, folders and links of broadcasts. Used by klive-supervisor.c in the main thread; deleting runs in threads of
 * GTask. Entry ids are checked before they come here.
 */
#include "klive-folder.h"

#include "klive-log.h"
#include "klive-wire.h"

#include <errno.h>
#include <ftw.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TRASH ".trash-"

/* --- records --- */

KliveRecord *
klive_record_new (const char *entry_id, gint index)
{
  KliveRecord *record = g_new0 (KliveRecord, 1);
  g_strlcpy (record->entry_id, entry_id, sizeof record->entry_id);
  record->index = index;
  record->profiles = json_object_new ();
  return record;
}

void
klive_record_free (KliveRecord *record)
{
  g_clear_pointer (&record->info, kaltura_entry_free);
  g_clear_pointer (&record->assets, json_object_unref);
  json_object_unref (record->profiles);
  g_free (record);
}

static char *
record_path (const char *state_dir, const KliveRecord *record)
{
  g_autofree char *name = g_strdup_printf ("%s-%d.json", record->entry_id, record->index);
  return g_build_filename (state_dir, "workers", name, NULL);
}

gboolean
klive_record_save (const char *state_dir, const KliveRecord *record, GError **error)
{
  g_autoptr (JsonObject) object = json_object_new ();
  json_object_set_string_member (object, "entry", record->entry_id);
  json_object_set_int_member (object, "index", record->index);
  json_object_set_int_member (object, "pid", record->pid);
  json_object_set_int_member (object, "removeAt", record->remove_at);
  if (record->info) {
    g_autofree char *info = kaltura_entry_to_json (record->info);
    json_object_set_member (object, "info", json_from_string (info, NULL));
  }
  if (record->assets)
    json_object_set_object_member (object, "assets", json_object_ref (record->assets));
  json_object_set_object_member (object, "profiles", json_object_ref (record->profiles));
  g_autoptr (JsonNode) node = json_node_init_object (json_node_alloc (), object);
  g_autofree char *text = json_to_string (node, FALSE);
  g_autofree char *path = record_path (state_dir, record);
  g_autofree char *temporary = g_strconcat (path, ".new", NULL);
  if (!g_file_set_contents_full (temporary, text, -1, G_FILE_SET_CONTENTS_NONE, 0600, error))
    return FALSE;
  if (rename (temporary, path) == 0)
    return TRUE;
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno), "cannot write %s: %s", path, g_strerror (errno));
  return FALSE;
}

void
klive_record_delete (const char *state_dir, const KliveRecord *record)
{
  g_autofree char *path = record_path (state_dir, record);
  unlink (path);
}

static KalturaEntry *
read_info (JsonObject *object)
{
  JsonObject *info = klive_message_get_object (object, "info");
  if (!info)
    return NULL;
  g_autoptr (JsonNode) node = json_node_init_object (json_node_alloc (), info);
  g_autofree char *text = json_to_string (node, FALSE);
  return kaltura_entry_new_from_json (text, NULL);
}

static KliveRecord *
load_record (const char *path, GError **error)
{
  g_autofree char *text = NULL;
  if (!g_file_get_contents (path, &text, NULL, error))
    return NULL;
  g_autoptr (JsonNode) node = json_from_string (text, NULL); /* empty text gives neither node nor error */
  JsonObject *object = node && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
  const char *id = object ? klive_message_get_string (object, "entry", "") : "";
  gint64 index = object ? klive_message_get_int (object, "index", -1) : -1;
  if (!kaltura_entry_id_is_valid (id) || index < 0 || index > 1) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "no record of a worker");
    return NULL;
  }
  KliveRecord *record = klive_record_new (id, (gint) index);
  record->pid = (gint) klive_message_get_int (object, "pid", 0);
  record->remove_at = klive_message_get_int (object, "removeAt", 0);
  record->info = read_info (object);
  JsonObject *assets = klive_message_get_object (object, "assets");
  record->assets = assets ? json_object_ref (assets) : NULL;
  JsonObject *profiles = klive_message_get_object (object, "profiles");
  if (profiles) {
    json_object_unref (record->profiles);
    record->profiles = json_object_ref (profiles);
  }
  return record;
}

static gboolean
has_record (const GPtrArray *records, const char *entry_id, gint index)
{
  for (guint i = 0; i < records->len; i++) {
    const KliveRecord *record = records->pdata[i];
    if (record->index == index && strcmp (record->entry_id, entry_id) == 0)
      return TRUE;
  }
  return FALSE;
}

/* Folders whose record is lost or damaged, as after a power failure: they are to go like any other. */
static void
add_unrecorded (GPtrArray *records, const char *state_dir)
{
  g_autofree char *folder = g_build_filename (state_dir, "hls", NULL);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  for (const char *name; dir && (name = g_dir_read_name (dir));) {
    for (gint index = 0; index <= 1 && kaltura_entry_id_is_valid (name); index++) {
      g_autofree char *path = g_build_filename (folder, name, index == 0 ? "0" : "1", NULL);
      if (g_file_test (path, G_FILE_TEST_IS_DIR) && !has_record (records, name, index))
        g_ptr_array_add (records, klive_record_new (name, index));
    }
  }
}

GPtrArray *
klive_record_load_all (const char *state_dir)
{
  GPtrArray *records = g_ptr_array_new_with_free_func ((GDestroyNotify) klive_record_free);
  g_autofree char *folder = g_build_filename (state_dir, "workers", NULL);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  for (const char *name; dir && (name = g_dir_read_name (dir));) {
    if (!g_str_has_suffix (name, ".json"))
      continue;
    g_autofree char *path = g_build_filename (folder, name, NULL);
    g_autoptr (GError) error = NULL;
    KliveRecord *record = load_record (path, &error);
    if (record)
      g_ptr_array_add (records, record);
    else
      klive_log (KLIVE_LOG_WARNING, "record-unreadable", NULL, NULL, "file", path, "message", error->message, NULL);
  }
  add_unrecorded (records, state_dir);
  return records;
}

/* --- the link --- */

gint
klive_folder_choose_live (const KliveIndexState *primary, const KliveIndexState *backup, gint current)
{
  if (primary->playing)
    return 0;
  if (backup->playing)
    return 1;
  if (primary->there && backup->there)
    return current >= 0 ? current : 0;
  if (primary->there)
    return 0;
  if (backup->there)
    return 1;
  return current;
}

static char *
entry_path (const char *state_dir, const char *entry_id, const char *name)
{
  return g_build_filename (state_dir, "hls", entry_id, name, NULL);
}

gint
klive_folder_get_live (const char *state_dir, const char *entry_id)
{
  g_autofree char *path = entry_path (state_dir, entry_id, "live");
  g_autofree char *target = g_file_read_link (path, NULL);
  return g_strcmp0 (target, "0") == 0 ? 0 : g_strcmp0 (target, "1") == 0 ? 1 : -1;
}

gboolean
klive_folder_set_live (const char *state_dir, const char *entry_id, gint index, GError **error)
{
  g_autofree char *folder = entry_path (state_dir, entry_id, NULL);
  g_autofree char *path = entry_path (state_dir, entry_id, "live");
  g_autofree char *temporary = entry_path (state_dir, entry_id, ".live");
  const char *target = index == 0 ? "0" : "1";
  g_mkdir_with_parents (folder, 0755);
  unlink (temporary);
  if (symlink (target, temporary) == 0 && rename (temporary, path) == 0)
    return TRUE;
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "cannot make the link %s: %s", path,
      g_strerror (errno));
  return FALSE;
}

/* --- removing --- */

static int
remove_one (const char *path, const struct stat *st, int type, struct FTW *where)
{
  return remove (path) == 0 || errno == ENOENT ? 0 : -1;
}

static void
remove_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  const char *path = data;
  if (nftw (path, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT)
    klive_log (KLIVE_LOG_WARNING, "folder-not-removed", NULL, NULL, "path", path, "message", g_strerror (errno), NULL);
  g_task_return_boolean (task, TRUE);
}

/* Takes @path. */
static void
remove_tree (char *path)
{
  g_autoptr (GTask) task = g_task_new (NULL, NULL, NULL, NULL);
  g_task_set_task_data (task, path, g_free);
  g_task_run_in_thread (task, remove_in_thread);
}

static void
mend_link (const char *state_dir, const char *entry_id, gint removed)
{
  g_autofree char *other = entry_path (state_dir, entry_id, removed == 0 ? "1" : "0");
  if (g_file_test (other, G_FILE_TEST_IS_DIR)) {
    if (klive_folder_get_live (state_dir, entry_id) == removed)
      klive_folder_set_live (state_dir, entry_id, 1 - removed, NULL);
    return;
  }
  g_autofree char *link = entry_path (state_dir, entry_id, "live");
  g_autofree char *folder = entry_path (state_dir, entry_id, NULL);
  unlink (link);
  rmdir (folder);
}

void
klive_folder_remove (const char *state_dir, const char *entry_id, gint index)
{
  g_autofree char *path = entry_path (state_dir, entry_id, index == 0 ? "0" : "1");
  g_autofree char *name = g_strdup_printf (TRASH "%s-%d-%" G_GINT64_FORMAT, entry_id, index, g_get_real_time ());
  g_autofree char *trash = g_build_filename (state_dir, "hls", name, NULL);
  if (rename (path, trash) == 0)
    remove_tree (g_steal_pointer (&trash));
  else if (errno != ENOENT)
    klive_log (KLIVE_LOG_WARNING, "folder-not-removed", entry_id, NULL, "path", path, "message", g_strerror (errno),
        NULL);
  mend_link (state_dir, entry_id, index);
}

void
klive_folder_empty_trash (const char *state_dir)
{
  g_autofree char *folder = g_build_filename (state_dir, "hls", NULL);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  for (const char *name; dir && (name = g_dir_read_name (dir));)
    if (g_str_has_prefix (name, TRASH))
      remove_tree (g_build_filename (folder, name, NULL));
}
