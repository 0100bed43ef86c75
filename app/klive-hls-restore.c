/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a worker that starts again finds its playlists: klive-hls-writer.c calls this once, when it opens its folder.
 */
#include "klive-hls-restore.h"

#include "klive-playlist.h"

static void warn (GPtrArray *warnings, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
warn (GPtrArray *warnings, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_ptr_array_add (warnings, g_strdup_vprintf (format, args));
  va_end (args);
}

/* Drops the oldest segments of a list up to the last one whose file is gone. */
static void
drop_missing (KliveHlsFolder *folder, KliveHlsRendition *rendition, GPtrArray *warnings)
{
  guint count = 0;

  for (guint i = 0; i < klive_playlist_get_length (rendition->list); i++) {
    g_autofree char *name =
        g_build_filename (rendition->id, klive_playlist_get_segment (rendition->list, i)->uri, NULL);

    if (!klive_hls_folder_exists (folder, name))
      count = i + 1;
  }
  if (count == 0)
    return;
  g_strfreev (klive_playlist_drop_first (rendition->list, count));
  rendition->changed = TRUE;
  warn (warnings, "the list of rendition %s begins %u segments later: files of it are gone", rendition->id, count);
}

typedef struct {
  KliveHlsFolder *folder;
  const char *id;
  GPtrArray *warnings;
} PartReader;

static char *
read_part (guint64 part, gpointer user_data)
{
  PartReader *reader = user_data;
  g_autofree char *part_name = klive_playlist_get_part_name (part);
  g_autofree char *name = g_build_filename (reader->id, part_name, NULL);
  g_autoptr (GError) error = NULL;
  char *text = klive_hls_folder_read (reader->folder, name, &error);

  if (!text)
    warn (reader->warnings, "the list of rendition %s begins later: %s", reader->id, error->message);
  return text;
}

/* A list that cannot be read is an empty one. */
static void
load_list (KliveHlsFolder *folder, KliveHlsState *state, KliveHlsRendition *rendition, GPtrArray *warnings)
{
  g_autofree char *dvr_name = g_build_filename (rendition->id, "chunklist_dvr.m3u8", NULL);
  g_autofree char *plain_name = g_build_filename (rendition->id, "chunklist.m3u8", NULL);
  g_autofree char *text = klive_hls_folder_read (folder, dvr_name, NULL);
  g_autoptr (GError) error = NULL;
  PartReader reader = { folder, rendition->id, warnings };
  KlivePlaylist *list;
  guint target_duration = 0;

  if (!text)
    text = klive_hls_folder_read (folder, plain_name, NULL);
  if (!text)
    return;
  list = klive_playlist_parse (text, &target_duration, read_part, &reader, &error);
  if (!list) {
    warn (warnings, "the old list of rendition %s is left out: %s", rendition->id, error->message);
    return;
  }
  klive_playlist_free (rendition->list);
  rendition->list = list;
  state->target_duration = MAX (state->target_duration, target_duration);
  drop_missing (folder, rendition, warnings);
}

static void
sweep (KliveHlsFolder *folder, KliveHlsRendition *rendition, gint64 due)
{
  g_autoptr (GHashTable) listed = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  guint64 part, end;

  for (guint i = 0; i < klive_playlist_get_length (rendition->list); i++)
    g_hash_table_add (listed, g_strdup (klive_playlist_get_segment (rendition->list, i)->uri));
  klive_playlist_get_parts (rendition->list, &part, &end);
  for (; part < end; part++)
    g_hash_table_add (listed, klive_playlist_get_part_name (part));
  klive_hls_folder_sweep (folder, rendition->id, listed, due, &rendition->last_number);
}

/* The state of a new broadcast: nobody finds the last show under the address of the next one. */
static KliveHlsState *
begin_broadcast (KliveHlsFolder *folder, const KliveHlsState *old)
{
  KliveHlsState *state = klive_hls_state_new ();

  klive_hls_folder_remove_playlists (folder, NULL);
  state->discontinuity = old->discontinuity;
  for (guint i = 0; i < old->renditions->len; i++) {
    KliveHlsRendition *from = old->renditions->pdata[i];
    KliveHlsRendition *to = klive_hls_state_ensure_rendition (state, from->id);

    klive_hls_folder_remove_playlists (folder, from->id);
    g_strfreev (klive_playlist_drop_first (from->list, G_MAXUINT));
    klive_playlist_free (to->list);
    to->list = g_steal_pointer (&from->list);
  }
  return state;
}

static KliveHlsState *
load_state (KliveHlsFolder *folder, GPtrArray *warnings)
{
  g_autofree char *json = klive_hls_folder_read (folder, "state.json", NULL);
  g_autoptr (GError) error = NULL;
  KliveHlsState *state = json ? klive_hls_state_new_from_json (json, &error) : NULL;

  if (error)
    warn (warnings, "state.json is left out, a new broadcast begins: %s", error->message);
  if (state)
    return state;
  state = klive_hls_state_new ();
  state->ended = TRUE;
  return state;
}

KliveHlsState *
klive_hls_restore (KliveHlsFolder *folder, const KliveHlsOptions *options, gint64 now, GPtrArray *warnings)
{
  g_autoptr (KliveHlsState) state = load_state (folder, warnings);
  g_auto (GStrv) ids = klive_hls_folder_list_renditions (folder);
  gint64 due = now + (gint64) ((options->playlist_length + 2) * options->segment_duration);

  for (guint i = 0; ids[i]; i++)
    load_list (folder, state, klive_hls_state_ensure_rendition (state, ids[i]), warnings);
  if (state->ended) {
    KliveHlsState *fresh = begin_broadcast (folder, state);

    klive_hls_state_free (state);
    state = fresh;
  }
  for (guint i = 0; i < state->renditions->len; i++)
    sweep (folder, state->renditions->pdata[i], due);
  return g_steal_pointer (&state);
}
