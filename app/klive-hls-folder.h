/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The files of one HLS folder: names, atomic writes, aliases, and removal after a delay. Knows nothing of what is in
 * the lists. One thread; @now and @due are ns since 1970. Names are relative to the folder ("33/chunklist.m3u8"). */
typedef struct _KliveHlsFolder KliveHlsFolder;

/* Makes @directory if absent. Errors: G_FILE_ERROR. */
KliveHlsFolder *klive_hls_folder_new (const char *directory, GError **error);
void klive_hls_folder_free (KliveHlsFolder *folder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveHlsFolder, klive_hls_folder_free)

/* Replaces the file in one step: a reader sees the old text or the new one. Errors: G_FILE_ERROR. */
gboolean klive_hls_folder_write (KliveHlsFolder *folder, const char *name, const char *text, GError **error);
/* (transfer full) (nullable): NULL with @error set when it cannot be read. */
char *klive_hls_folder_read (KliveHlsFolder *folder, const char *name, GError **error);
/* Removes a file now; one that is not there is fine. */
void klive_hls_folder_remove (KliveHlsFolder *folder, const char *name);
/* Removes the playlists of rendition @id now, or with NULL those of the folder itself. */
void klive_hls_folder_remove_playlists (KliveHlsFolder *folder, const char *id);
gboolean klive_hls_folder_exists (KliveHlsFolder *folder, const char *name);

/* Whether @id can name the folder of a rendition: [A-Za-z0-9][A-Za-z0-9_-]{0,63}. */
gboolean klive_hls_folder_is_id (const char *id);
/* Makes the folder of rendition @id; an alias of that name gives way. */
gboolean klive_hls_folder_add_rendition (KliveHlsFolder *folder, const char *id, GError **error);
/* (transfer full): ids of the renditions that have a folder. */
GStrv klive_hls_folder_list_renditions (KliveHlsFolder *folder);

/* Points the link @alias to rendition @id; does nothing when @alias is a rendition itself. */
gboolean klive_hls_folder_set_alias (KliveHlsFolder *folder, const char *alias, const char *id, GError **error);

/* Moves everything of rendition @from into the folder of @to and leaves the link @from -> @to in its place. */
gboolean klive_hls_folder_merge_rendition (KliveHlsFolder *folder, const char *from, const char *to, GError **error);

/* Path of the segments of a session as a printf pattern for one number, absolute or as the folder's own path is. */
char *klive_hls_folder_get_pattern (KliveHlsFolder *folder, const char *id, guint index, gint64 serial);

/*
 * Goes through the folder of rendition @id. Segments and parts of lists that @listed (a set of names, nullable) lacks
 * are removed at @due, unfinished files at once, and *@last_number becomes the highest number in any segment's name
 * (unchanged if none).
 */
void klive_hls_folder_sweep (KliveHlsFolder *folder, const char *id, GHashTable *listed, gint64 due,
    guint64 *last_number);

/* Removes file @name of rendition @id when klive_hls_folder_expire() is called at @due or later. */
void klive_hls_folder_remove_later (KliveHlsFolder *folder, const char *id, const char *name, gint64 due);
void klive_hls_folder_expire (KliveHlsFolder *folder, gint64 now);
/* The same before its time, oldest first, until @bytes have been freed or nothing waits any more. Returns how many. */
guint64 klive_hls_folder_expire_early (KliveHlsFolder *folder, guint64 bytes);
/* What may still be written on the folder's file system, bytes; G_MAXUINT64 = not known. */
guint64 klive_hls_folder_get_free (const KliveHlsFolder *folder);

G_END_DECLS
