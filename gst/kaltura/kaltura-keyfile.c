/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * GKeyFile takes most mistakes in silence and knows no lines. This reads the lines itself, so that each mistake has a
 * place, and leaves to GKeyFile what it does well: groups, and the escapes in values. Any thread.
 */

#include "kaltura-keyfile.h"

#include <string.h>
#include "kaltura-error.h"

#define MAX_FILE (1024 * 1024) /* bytes */

struct _KalturaKeyfile {
  char *path;
  GKeyFile *file;
  GHashTable *lines; /* "group" and "group\nkey" to their line */
};

void
kaltura_keyfile_free (KalturaKeyfile *keyfile)
{
  if (keyfile == NULL)
    return;
  g_free (keyfile->path);
  g_key_file_unref (keyfile->file);
  g_hash_table_unref (keyfile->lines);
  g_free (keyfile);
}

static guint
lookup_line (KalturaKeyfile *keyfile, const char *group, const char *key)
{
  g_autofree char *name = key != NULL ? g_strconcat (group, "\n", key, NULL) : g_strdup (group);
  return GPOINTER_TO_UINT (g_hash_table_lookup (keyfile->lines, name));
}

static void
remember_line (KalturaKeyfile *keyfile, const char *group, const char *key, guint line)
{
  char *name = key != NULL ? g_strconcat (group, "\n", key, NULL) : g_strdup (group);
  g_hash_table_insert (keyfile->lines, name, GUINT_TO_POINTER (line));
}

static gboolean
fail_line (KalturaKeyfile *keyfile, guint line, GError **error, const char *message)
{
  g_set_error (error, KALTURA_ERROR, KALTURA_ERROR_CONFIG, "%s:%u: %s", keyfile->path, line, message);
  return FALSE;
}

/* "[server]" to "server". */
static gboolean
read_group (KalturaKeyfile *keyfile, const char *text, guint line, char **group, GError **error)
{
  gsize length = strlen (text);
  if (length < 3 || text[length - 1] != ']' || strcspn (text + 1, "[]") != length - 2)
    return fail_line (keyfile, line, error, "bad group, expected [name]");
  g_free (*group);
  *group = g_strndup (text + 1, length - 2);
  if (lookup_line (keyfile, *group, NULL) == 0)
    remember_line (keyfile, *group, NULL, line);
  return TRUE;
}

static gboolean
read_key (KalturaKeyfile *keyfile, const char *text, guint line, const char *group, GError **error)
{
  const char *equals = strchr (text, '=');
  if (equals == NULL || equals == text)
    return fail_line (keyfile, line, error, "expected [group], key=value or a # comment");
  g_autofree char *key = g_strchomp (g_strndup (text, (gsize) (equals - text)));
  if (group == NULL)
    return fail_line (keyfile, line, error, "key before the first [group]");
  guint earlier = lookup_line (keyfile, group, key);
  remember_line (keyfile, group, key, line);
  if (earlier != 0)
    return kaltura_keyfile_fail (keyfile, group, key, error, "given twice, first in line %u", earlier);
  return TRUE;
}

static gboolean
read_lines (KalturaKeyfile *keyfile, const char *text, GError **error)
{
  g_autofree char *group = NULL;
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++) {
    const char *line = g_strstrip (lines[i]);
    if (line[0] == '\0' || line[0] == '#')
      continue;
    if (line[0] == '[') {
      if (!read_group (keyfile, line, i + 1, &group, error))
        return FALSE;
    } else if (!read_key (keyfile, line, i + 1, group, error)) {
      return FALSE;
    }
  }
  return TRUE;
}

static char *
read_file (const char *path, gsize *length, GError **error)
{
  g_autofree char *text = NULL;
  g_autoptr (GError) cause = NULL;
  if (!g_file_get_contents (path, &text, length, &cause))
    g_set_error (error, KALTURA_ERROR, KALTURA_ERROR_CONFIG, "%s: cannot be read: %s", path, cause->message);
  else if (*length > MAX_FILE)
    g_set_error (error, KALTURA_ERROR, KALTURA_ERROR_CONFIG, "%s: larger than %d bytes", path, MAX_FILE);
  else if (!g_utf8_validate (text, (gssize) *length, NULL))
    g_set_error (error, KALTURA_ERROR, KALTURA_ERROR_CONFIG, "%s: not UTF-8 text", path);
  else
    return g_steal_pointer (&text);
  return NULL;
}

static gint
compare_lines (gconstpointer a, gconstpointer b, gpointer lines)
{
  guint line_a = GPOINTER_TO_UINT (g_hash_table_lookup (lines, *(char *const *) a));
  guint line_b = GPOINTER_TO_UINT (g_hash_table_lookup (lines, *(char *const *) b));
  return line_a < line_b ? -1 : line_a > line_b;
}

static gboolean
visit_keys (KalturaKeyfile *keyfile, KalturaKeyfileFunc func, gpointer user_data, GError **error)
{
  guint length = 0;
  g_autofree char **names = (char **) g_hash_table_get_keys_as_array (keyfile->lines, &length);
  g_qsort_with_data (names, (gint) length, sizeof *names, compare_lines, keyfile->lines);
  for (guint i = 0; i < length; i++) {
    const char *break_at = strchr (names[i], '\n');
    if (break_at == NULL)
      continue;
    g_autofree char *group = g_strndup (names[i], (gsize) (break_at - names[i]));
    guint line = lookup_line (keyfile, group, break_at + 1);
    if (!func (keyfile, group, break_at + 1, line, user_data, error))
      return FALSE;
  }
  return TRUE;
}

KalturaKeyfile *
kaltura_keyfile_load (const char *path, KalturaKeyfileFunc func, gpointer user_data, GError **error)
{
  gsize length = 0;
  g_autofree char *text = read_file (path, &length, error);
  if (text == NULL)
    return NULL;

  g_autoptr (KalturaKeyfile) keyfile = g_new0 (KalturaKeyfile, 1);
  g_autoptr (GError) cause = NULL;
  keyfile->path = g_strdup (path);
  keyfile->file = g_key_file_new ();
  keyfile->lines = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  if (!read_lines (keyfile, text, error))
    return NULL;
  if (!g_key_file_load_from_data (keyfile->file, text, length, G_KEY_FILE_NONE, &cause)) {
    g_set_error (error, KALTURA_ERROR, KALTURA_ERROR_CONFIG, "%s: %s", path, cause->message);
    return NULL;
  }
  if (!visit_keys (keyfile, func, user_data, error))
    return NULL;
  return g_steal_pointer (&keyfile);
}

char *
kaltura_keyfile_dup_value (KalturaKeyfile *keyfile, const char *group, const char *key)
{
  g_autoptr (GError) error = NULL; /* GKeyFile can give both a value and an error */
  g_autofree char *value = g_key_file_get_string (keyfile->file, group, key, &error);
  return error == NULL ? g_strstrip (g_steal_pointer (&value)) : NULL;
}

guint
kaltura_keyfile_get_line (KalturaKeyfile *keyfile, const char *group, const char *key)
{
  guint line = lookup_line (keyfile, group, key);
  if (line == 0)
    line = lookup_line (keyfile, group, NULL);
  return line != 0 ? line : 1;
}

gboolean
kaltura_keyfile_fail (KalturaKeyfile *keyfile, const char *group, const char *key, GError **error, const char *format,
    ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, KALTURA_ERROR, KALTURA_ERROR_CONFIG, "%s:%u: [%s] %s: %s", keyfile->path,
      kaltura_keyfile_get_line (keyfile, group, key), group, key, message);
  return FALSE;
}
