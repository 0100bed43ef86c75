/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The texts of all master playlists. klive-hls-writer.c writes those that say something new. An audio-only variant has
 * neither RESOLUTION nor FRAME-RATE, which is how players know it.
 */
#include "klive-hls-master.h"

#include <string.h>

#define HEADER "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-INDEPENDENT-SEGMENTS\n"

static gboolean
is_listed (const KliveHlsRendition *rendition)
{
  return rendition && klive_playlist_get_length (rendition->list) > 0;
}

/* The highest peak so far, or what the ladder expects; a short first segment alone only until better is known. */
static guint64
get_bandwidth (const KliveHlsRendition *rendition)
{
  if (rendition->bandwidth == 0 && rendition->duration > 0)
    return MAX ((guint64) ((double) rendition->bytes * 8e9 / rendition->duration), 1);
  return MAX (rendition->bandwidth, 1);
}

static void
append_variant (GString *text, const KliveHlsRendition *rendition, const char *uri)
{
  guint64 bandwidth = get_bandwidth (rendition);

  g_string_append_printf (text, "#EXT-X-STREAM-INF:BANDWIDTH=%" G_GUINT64_FORMAT, bandwidth);
  if (rendition->average > 0)
    g_string_append_printf (text, ",AVERAGE-BANDWIDTH=%" G_GUINT64_FORMAT, MIN (rendition->average, bandwidth));
  if (rendition->codecs)
    g_string_append_printf (text, ",CODECS=\"%s\"", rendition->codecs);
  if (rendition->width > 0 && rendition->height > 0) {
    g_string_append_printf (text, ",RESOLUTION=%ux%u", rendition->width, rendition->height);
    if (rendition->fps_n > 0 && rendition->fps_d > 0) {
      guint64 millis = ((guint64) rendition->fps_n * 1000 + rendition->fps_d / 2) / rendition->fps_d;

      g_string_append_printf (text, ",FRAME-RATE=%u.%03u", (guint) (millis / 1000), (guint) (millis % 1000));
    }
  }
  g_string_append_printf (text, "\n%s\n", uri);
}

static void
add_rendition_master (GHashTable *masters, const KliveHlsRendition *rendition, const char *suffix)
{
  GString *text = g_string_new (HEADER);
  g_autofree char *uri = g_strdup_printf ("chunklist%s.m3u8", suffix);

  append_variant (text, rendition, uri);
  g_hash_table_insert (masters, g_strdup_printf ("%s/playlist%s.m3u8", rendition->id, suffix),
      g_string_free (text, FALSE));
}

/* The text of group @tag's master so far, which a stream before may have begun. */
static GString *
ensure_text (GHashTable *texts, const char *tag)
{
  GString *text = g_hash_table_lookup (texts, tag);

  if (!text) {
    text = g_string_new (NULL);
    g_hash_table_insert (texts, g_strdup (tag), text);
  }
  return text;
}

static void
append_group (GString *text, const KliveHlsState *state, const KliveHlsStream *stream, const KliveGroup *group,
    const char *suffix)
{
  for (guint i = 0; i < group->ids->len; i++) {
    const KliveHlsRendition *rendition = klive_hls_state_find_rendition (state, group->ids->pdata[i]);
    g_autofree char *uri = NULL;

    if (!is_listed (rendition) || g_strcmp0 (rendition->stream, stream->name) != 0)
      continue;
    uri = g_strdup_printf ("%s/chunklist%s.m3u8", rendition->id, suffix);
    append_variant (text, rendition, uri);
  }
}

static void
free_string (gpointer string)
{
  g_string_free (string, TRUE);
}

static void
add_group_masters (GHashTable *masters, const KliveHlsState *state, const char *suffix)
{
  g_autoptr (GHashTable) texts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, free_string);
  GHashTableIter iter;
  gpointer tag, text;

  for (guint i = 0; i < state->streams->len; i++) {
    const KliveHlsStream *stream = state->streams->pdata[i];

    for (guint j = 0; stream->ready && j < stream->groups->len; j++) {
      const KliveGroup *group = stream->groups->pdata[j];

      append_group (ensure_text (texts, group->tag), state, stream, group, suffix);
    }
  }
  g_hash_table_iter_init (&iter, texts);
  while (g_hash_table_iter_next (&iter, &tag, &text))
    if (((GString *) text)->len > 0)
      g_hash_table_insert (masters, g_strdup_printf ("%s%s.m3u8", (char *) tag, suffix),
          g_strconcat (HEADER, ((GString *) text)->str, NULL));
}

GHashTable *
klive_hls_master_compose (const KliveHlsState *state, gboolean dvr)
{
  static const char *const suffixes[] = { "", "_dvr" };
  GHashTable *masters = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);

  for (guint s = 0; s < (dvr ? 2 : 1); s++) {
    for (guint i = 0; i < state->renditions->len; i++)
      if (is_listed (state->renditions->pdata[i]))
        add_rendition_master (masters, state->renditions->pdata[i], suffixes[s]);
    add_group_masters (masters, state, suffixes[s]);
  }
  return masters;
}
