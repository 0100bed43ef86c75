/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Private to the library: a key file of which every line is accounted for. */

typedef struct _KalturaKeyfile KalturaKeyfile;

/* Called once for each key, in the order of the file. FALSE with @error set ends the reading. */
typedef gboolean (*KalturaKeyfileFunc) (KalturaKeyfile *keyfile, const char *group, const char *key, guint line,
    gpointer user_data, GError **error);

/*
 * Reads @path and calls @func for each key. Error KALTURA_ERROR_CONFIG with file and line: unreadable, not UTF-8, a
 * line that is neither [group], key=value, comment nor empty, a key outside a group, a key given twice.
 */
KalturaKeyfile *kaltura_keyfile_load (const char *path, KalturaKeyfileFunc func, gpointer user_data, GError **error);
void kaltura_keyfile_free (KalturaKeyfile *keyfile);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KalturaKeyfile, kaltura_keyfile_free)

/*
 * The value with GKeyFile's escapes undone and without blanks around it; NULL when it is not there or has a bad escape.
 */
char *kaltura_keyfile_dup_value (KalturaKeyfile *keyfile, const char *group, const char *key);
/* The line of the key, else of its group, else 1. */
guint kaltura_keyfile_get_line (KalturaKeyfile *keyfile, const char *group, const char *key);
/* Sets KALTURA_ERROR_CONFIG "FILE:LINE: [group] key: message"; always FALSE. */
gboolean kaltura_keyfile_fail (KalturaKeyfile *keyfile, const char *group, const char *key, GError **error,
    const char *format, ...) G_GNUC_PRINTF (5, 6);

G_END_DECLS
