/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Master playlists of some renditions of an entry (gst/kaltura/API.md "Playback URLs"), made by leaving variants out
 * of the one of all. nginx asks klive-http.c for them and keeps them for 3 s. Pure but for reading the playlist.
 */
#include "klive-subset.h"

#include <string.h>
#include "kaltura-stream.h"

#define MAX_IDS 32
#define MAX_PLAYLIST (256 * 1024) /* bytes */

gboolean
klive_subset_query_has_dvr (const char *query)
{
  g_auto (GStrv) parts = g_strsplit (query ? query : "", "&", 64);
  for (guint i = 0; parts[i]; i++) {
    parts[i][strcspn (parts[i], "=")] = '\0';
    if (g_ascii_strcasecmp (parts[i], "dvr") == 0)
      return TRUE;
  }
  return FALSE;
}

static gboolean
are_ids (char **ids)
{
  guint count = g_strv_length (ids);
  for (guint i = 0; i < count; i++)
    if (!*ids[i] || strlen (ids[i]) > 10 || ids[i][strspn (ids[i], "0123456789")])
      return FALSE;
  return count > 0 && count <= MAX_IDS;
}

/* Cuts @head from the front of @at. */
static gboolean
skip (const char **at, const char *head)
{
  if (!g_str_has_prefix (*at, head))
    return FALSE;
  *at += strlen (head);
  return TRUE;
}

KliveSubset *
klive_subset_parse (const char *application, const char *path, const char *query)
{
  static const char tail[] = ".smil/playlist.m3u8";
  g_autoptr (KliveSubset) subset = g_new0 (KliveSubset, 1);
  const char *at = path;
  if (!skip (&at, "/") || !skip (&at, application) || !skip (&at, "/"))
    return NULL;
  subset->backup = skip (&at, "backup/");
  if (!skip (&at, "smil:") || !g_str_has_suffix (at, tail) || strlen (at) < sizeof subset->entry_id + sizeof tail)
    return NULL;
  g_strlcpy (subset->entry_id, at, sizeof subset->entry_id);
  at += sizeof subset->entry_id - 1;
  if (!kaltura_entry_id_is_valid (subset->entry_id) || !skip (&at, "_"))
    return NULL;
  g_autofree char *list = g_strndup (at, strlen (at) - strlen (tail));
  subset->ids = g_strsplit (list, "_", MAX_IDS + 1);
  if (!are_ids (subset->ids))
    return NULL;
  subset->dvr = klive_subset_query_has_dvr (query);
  return g_steal_pointer (&subset);
}

void
klive_subset_free (KliveSubset *subset)
{
  g_strfreev (subset->ids);
  g_free (subset);
}

static gboolean
is_wanted (const char *uri, const char *const *ids)
{
  const char *slash = strchr (uri, '/');
  if (!slash)
    return FALSE;
  g_autofree char *id = g_strndup (uri, slash - uri);
  return g_strv_contains (ids, id);
}

char *
klive_subset_filter (const char *text, const char *const *ids)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  g_autoptr (GString) out = g_string_sized_new (strlen (text));
  const char *pending = NULL; /* the #EXT-X-STREAM-INF whose URI has not come yet */
  guint variants = 0;
  for (guint i = 0; lines[i]; i++) {
    const char *line = g_strchomp (lines[i]);
    if (g_str_has_prefix (line, "#EXT-X-STREAM-INF:")) {
      pending = line;
    } else if (*line && *line != '#') {
      if (pending && is_wanted (line, ids)) {
        g_string_append_printf (out, "%s\n%s\n", pending, line);
        variants++;
      }
      pending = NULL;
    } else if (*line) {
      g_string_append_printf (out, "%s\n", line);
    }
  }
  return variants ? g_string_free (g_steal_pointer (&out), FALSE) : NULL;
}

static char *
read_playlist (const KliveSubset *subset, const char *state_dir, const char *name)
{
  g_autofree char *path =
      g_build_filename (state_dir, "hls", subset->entry_id, subset->backup ? "1" : "live", name, NULL);
  g_autofree char *text = NULL;
  gsize length;
  if (!g_file_get_contents (path, &text, &length, NULL) || length > MAX_PLAYLIST)
    return NULL;
  return g_steal_pointer (&text);
}

char *
klive_subset_read (const KliveSubset *subset, const char *state_dir)
{
  g_autofree char *text = subset->dvr ? read_playlist (subset, state_dir, "all_dvr.m3u8") : NULL;
  if (!text)
    text = read_playlist (subset, state_dir, "all.m3u8");
  return text ? klive_subset_filter (text, (const char *const *) subset->ids) : NULL;
}
