/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What gives way when the disk is full: the oldest part of the DVR window. klive-hls-writer.c calls this.
 */
#include "klive-hls-space.h"

#define SEGMENTS_IN_RESERVE 3
#define LEAST_RESERVE (256 * G_GUINT64_CONSTANT (1024)) /* lists and state */

guint64
klive_hls_space_get_reserve (const KliveHlsState *state)
{
  guint64 bytes = LEAST_RESERVE;

  for (guint i = 0; i < state->renditions->len; i++) {
    const KliveHlsRendition *rendition = state->renditions->pdata[i];
    const KlivePlaylistSegment *last = klive_playlist_get_last (rendition->list);

    if (last)
      bytes += SEGMENTS_IN_RESERVE * last->bytes;
  }
  return bytes;
}

/* (nullable): the rendition with the oldest segment that no plain list shows */
static KliveHlsRendition *
find_oldest (const KliveHlsState *state, guint plain_length, gint64 *date)
{
  KliveHlsRendition *oldest = NULL;

  for (guint i = 0; i < state->renditions->len; i++) {
    KliveHlsRendition *rendition = state->renditions->pdata[i];

    if (klive_playlist_count_spare (rendition->list, plain_length, state->target_duration) == 0)
      continue;
    if (oldest && klive_playlist_get_segment (rendition->list, 0)->date >= *date)
      continue;
    oldest = rendition;
    *date = klive_playlist_get_segment (rendition->list, 0)->date;
  }
  return oldest;
}

/* Bytes that went: what a list that was read back from disk does not know is taken from the average. */
static guint64
drop_first (KliveHlsRendition *rendition, KliveHlsFolder *folder, gint64 now)
{
  const KlivePlaylistSegment *first = klive_playlist_get_segment (rendition->list, 0);
  guint64 bytes = first->bytes;
  g_auto (GStrv) names = NULL;

  if (bytes == 0 && rendition->duration > 0)
    bytes = (guint64) ((double) rendition->bytes / rendition->duration * first->duration);
  names = klive_playlist_drop_first (rendition->list, 1);
  klive_hls_folder_remove_later (folder, rendition->id, names[0], now);
  rendition->changed = TRUE;
  return bytes;
}

guint
klive_hls_space_shorten (KliveHlsState *state, KliveHlsFolder *folder, guint plain_length, guint64 bytes, gint64 now)
{
  gint64 date = 0, last_date = 0;
  KliveHlsRendition *oldest;
  guint64 freed = 0;
  guint count = 0;

  while ((oldest = find_oldest (state, plain_length, &date)) && (freed < bytes || date == last_date)) {
    last_date = date;
    freed += drop_first (oldest, folder, now);
    count++;
  }
  return count;
}
