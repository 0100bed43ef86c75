/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How the plain URLs get from one index of an entry to the other. Both write lists of their own; their slots agree, but
 * each counts its own segments, and an encoder that was away for a while is behind. klive-hls-writer.c calls this when
 * the launcher is about to turn the plain URLs to its index. Reads the other's files, changes the lists of its own.
 *
 *   the other's, up to now    100 101 102 103
 *   own, by date               98  99 100  .. 101     (the encoder was away for a slot)
 *   own afterwards            101 102 103  |  104     (| EXT-X-DISCONTINUITY)
 */
#include "klive-hls-follow.h"

#include "klive-hls-folder.h"
#include "klive-playlist.h"

/* What players of the other index have seen of one rendition. */
typedef struct {
  KliveHlsRendition *own;
  guint64 next;        /* the media sequence after its last one */
  guint discontinuity; /* of its last segment */
  guint position;      /* in the own list: the first segment that they lack; the length when it is still to come */
} Seen;

/*
 * The first segment from @date on. One that is being made stands for what comes: players may see a part of a segment
 * again, but no number goes back.
 */
static guint
find_missing (const KlivePlaylist *list, gint64 date)
{
  guint position = klive_playlist_get_length (list);

  while (position > 0 && klive_playlist_get_segment (list, position - 1)->date >= date)
    position--;
  return position;
}

/* FALSE: the other index has no list of this rendition. */
static gboolean
look (KliveHlsFolder *folder, KliveHlsRendition *own, gint64 segment_duration, Seen *seen)
{
  g_autofree char *name = g_build_filename (own->id, "chunklist.m3u8", NULL);
  g_autofree char *text = klive_hls_folder_read (folder, name, NULL);
  guint target_duration;
  g_autoptr (KlivePlaylist) list = text ? klive_playlist_parse (text, &target_duration, NULL, NULL, NULL) : NULL;
  const KlivePlaylistSegment *last = list ? klive_playlist_get_last (list) : NULL;

  if (!last)
    return FALSE;
  seen->own = own;
  seen->next = klive_playlist_get_first_sequence (list) + klive_playlist_get_length (list);
  seen->discontinuity = last->discontinuity;
  seen->position = find_missing (own->list, last->date + (gint64) last->duration - segment_duration / 2);
  return TRUE;
}

/* @number: of the discontinuity. */
static void
apply (KliveHlsState *state, const Seen *seen, guint64 by, guint number, gint64 segment_duration)
{
  KlivePlaylist *list = seen->own->list;
  guint64 first;
  guint position;

  klive_playlist_renumber (list, by);
  first = klive_playlist_get_first_sequence (list);
  position = seen->next > first ? (guint) MIN (seen->next - first, klive_playlist_get_length (list)) : 0;
  if (position < klive_playlist_get_length (list)) {
    klive_playlist_break_at (list, position, number);
    state->discontinuity = MAX (state->discontinuity, klive_playlist_get_last (list)->discontinuity);
  } else if (position > 0) { /* with the segment after the last one */
    gint64 slot = klive_playlist_get_last (list)->date / segment_duration + 1;

    state->discontinuity_slot = MAX (state->discontinuity_slot, slot);
  }
  seen->own->changed = TRUE;
}

gboolean
klive_hls_follow (KliveHlsState *state, const char *directory, guint64 segment_duration)
{
  g_autoptr (GArray) all = g_array_new (FALSE, TRUE, sizeof (Seen));
  KliveHlsFolder *folder = NULL;
  guint64 by = 0;

  if (g_file_test (directory, G_FILE_TEST_IS_DIR))
    folder = klive_hls_folder_new (directory, NULL);
  for (guint i = 0; folder && i < state->renditions->len; i++) {
    Seen seen = { 0 };

    if (!look (folder, state->renditions->pdata[i], (gint64) segment_duration, &seen))
      continue;
    guint64 number = klive_playlist_get_first_sequence (seen.own->list) + seen.position;

    by = MAX (by, seen.next > number ? seen.next - number : 0);
    state->discontinuity = MAX (state->discontinuity, seen.discontinuity);
    g_array_append_val (all, seen);
  }
  g_clear_pointer (&folder, klive_hls_folder_free);
  if (all->len == 0)
    return FALSE;
  guint number = ++state->discontinuity;
  state->discontinuity_slot = 0;
  for (guint i = 0; i < all->len; i++)
    apply (state, &g_array_index (all, Seen, i), by, number, (gint64) segment_duration);
  return TRUE;
}
