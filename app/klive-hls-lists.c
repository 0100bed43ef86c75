/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The files of one rendition's media playlists, and in which order they change. klive-hls-writer.c calls this.
 *
 * Parts are on disk before a list names them, and stay for a while after the last list that did.
 */
#include "klive-hls-lists.h"

#define SECOND G_GINT64_CONSTANT (1000000000)

gint64
klive_hls_lists_get_margin (const KliveHlsOptions *options, const KliveHlsState *state,
    const KliveHlsRendition *rendition)
{
  guint target = state->target_duration;

  return (gint64) klive_playlist_get_plain_duration (rendition->list, options->playlist_length, target) +
      2 * target * SECOND;
}

/* Writes the parts that the DVR list is going to name. After a restart all of them, as they may be gone or damaged. */
static gboolean
write_parts (KliveHlsFolder *folder, KliveHlsRendition *rendition, GError **error)
{
  guint64 first, end;

  klive_playlist_get_parts (rendition->list, &first, &end);
  if (rendition->parts_end == 0)
    rendition->parts_first = rendition->parts_end = first;
  for (guint64 part = MAX (rendition->parts_end, first); part < end; part++) {
    g_autofree char *part_name = klive_playlist_get_part_name (part);
    g_autofree char *name = g_build_filename (rendition->id, part_name, NULL);
    g_autofree char *text = klive_playlist_format_part (rendition->list, part);

    if (!klive_hls_folder_write (folder, name, text, error))
      return FALSE;
    rendition->parts_end = part + 1;
  }
  return TRUE;
}

/* Of parts that the DVR list on disk does not name any more. */
static void
remove_parts (KliveHlsFolder *folder, KliveHlsRendition *rendition, gint64 due)
{
  guint64 first, end;

  klive_playlist_get_parts (rendition->list, &first, &end);
  while (rendition->parts_first < MIN (first, rendition->parts_end)) {
    g_autofree char *name = klive_playlist_get_part_name (rendition->parts_first++);

    klive_hls_folder_remove_later (folder, rendition->id, name, due);
  }
}

void
klive_hls_lists_renumber (KliveHlsFolder *folder, const KliveHlsOptions *options, const KliveHlsState *state,
    KliveHlsRendition *rendition, gint64 now)
{
  remove_parts (folder, rendition, now + klive_hls_lists_get_margin (options, state, rendition));
  rendition->parts_first = rendition->parts_end = 0;
}

static gboolean
write_dvr_list (KliveHlsFolder *folder, const KliveHlsOptions *options, const KliveHlsState *state,
    KliveHlsRendition *rendition, gint64 now, GError **error)
{
  g_autofree char *name = g_build_filename (rendition->id, "chunklist_dvr.m3u8", NULL);
  g_autofree char *place = g_strdup_printf ("/%s/%u/%s", options->entry, options->index, rendition->id);
  g_autofree char *text = NULL;

  if (!write_parts (folder, rendition, error))
    return FALSE;
  text = klive_playlist_format_in_parts (rendition->list, place, state->target_duration, state->ended);
  if (!klive_hls_folder_write (folder, name, text, error))
    return FALSE;
  remove_parts (folder, rendition, now + klive_hls_lists_get_margin (options, state, rendition));
  return TRUE;
}

/* The DVR list first: it is the one that is read after a crash, and must not be behind the plain one. */
gboolean
klive_hls_lists_write (KliveHlsFolder *folder, const KliveHlsOptions *options, const KliveHlsState *state,
    KliveHlsRendition *rendition, gint64 now, GError **error)
{
  g_autofree char *name = g_build_filename (rendition->id, "chunklist.m3u8", NULL);
  g_autofree char *text = NULL;

  klive_playlist_set_sync_points (rendition->list, state->sync_points);
  if (options->dvr_window > 0 && !write_dvr_list (folder, options, state, rendition, now, error))
    return FALSE;
  text = klive_playlist_format (rendition->list, KLIVE_PLAYLIST_PLAIN, options->playlist_length, state->target_duration,
      state->ended);
  rendition->changed = !klive_hls_folder_write (folder, name, text, error);
  return !rendition->changed;
}
