/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Decides what stands in the lists and masters of one (entry, index), and when. The worker calls it from its main
 * thread.
 * Below it: klive-playlist.c (one list), klive-hls-lists.c (its files), klive-hls-master.c (masters),
 * klive-hls-facts.c (their numbers), klive-hls-space.c (what gives way on a full disk),
 * klive-hls-state.c (the model, state.json), klive-hls-restore.c (going on after a crash), klive-hls-folder.c (files).
 *
 * Order of writing: lists, state.json, masters. A crash in between leaves lists that are newer than the state, which
 * costs a needless discontinuity at worst; and no master ever names a list that is not there.
 *
 * A file leaves the disk when it has been out of every list for as long as the plain list plays, plus two target
 * durations: a player that holds the list of then has had its time. For a DVR list RFC 8216 6.2.2 would have it stay as
 * long as the whole window plays, twice the disk; a player that sits at the very tail of the window loses that instead.
 *
 * A segment that a rendition misses (disk full) is left out, without EXT-X-GAP, which needs version 8 and makes older
 * players ask for a file that is not there. The dates tell that time is missing.
 */
#include "klive-hls-writer.h"

#include "klive-hls-facts.h"
#include "klive-hls-folder.h"
#include "klive-hls-follow.h"
#include "klive-hls-lists.h"
#include "klive-hls-master.h"
#include "klive-hls-restore.h"
#include "klive-hls-space.h"
#include "klive-hls-state.h"

#include <errno.h>
#include <string.h>

#define SECOND G_GUINT64_CONSTANT (1000000000)
#define READY_TIMEOUT (15 * (gint64) SECOND) /* a master waits so long for its slowest rendition */
#define IN_FLIGHT 16                         /* numbers left for a run that has not ended when the next one begins */

struct _KliveHlsRun {
  KliveHlsWriter *writer;
  char *stream;
  gint64 serial;
  char *fingerprint;
  guint64 start_index;
  guint discontinuity; /* its segments have this discontinuity number or a later one */
  gboolean listed;     /* has a listed segment: its ids and groups are those of the stream */
  gboolean ended;
  GPtrArray *ids;    /* of char *, those that it may write */
  GPtrArray *groups; /* of KliveGroup */
  char *source_id;
};

struct _KliveHlsWriter {
  KliveHlsOptions options; /* strings owned */
  KliveHlsWarningFunc warning;
  gpointer user_data;
  KliveHlsFolder *folder;
  KliveHlsState *state;
  GPtrArray *runs;     /* of KliveHlsRun */
  GHashTable *masters; /* name of a master file -> its text */
  gboolean state_changed, masters_changed;
  gboolean failing;        /* the last write failed */
  gboolean no_space;       /* since the last look something could not be written for want of space */
  gboolean short_of_space; /* files had to go before their time; stays until there is enough again */
  gboolean playable;
};

static void
run_free (KliveHlsRun *run)
{
  g_free (run->stream);
  g_free (run->fingerprint);
  g_free (run->source_id);
  g_ptr_array_unref (run->ids);
  g_ptr_array_unref (run->groups);
  g_free (run);
}

static void warn (KliveHlsWriter *writer, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
warn (KliveHlsWriter *writer, const char *format, ...)
{
  va_list args;
  g_autofree char *message = NULL;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  if (writer->warning)
    writer->warning (message, writer->user_data);
}

static gint64
get_slot (const KliveHlsWriter *writer, gint64 date)
{
  return date / (gint64) writer->options.segment_duration;
}

/* --- writing --- */

/* Warns about the first of a row of failures; @error is NULL when something has been written. */
static void
note_result (KliveHlsWriter *writer, const GError *error)
{
  if (error && !writer->failing)
    warn (writer, "%s; trying again", error->message);
  writer->failing = error != NULL;
  if (g_error_matches (error, G_FILE_ERROR, G_FILE_ERROR_NOSPC))
    writer->no_space = TRUE;
}

static gboolean
write_file (KliveHlsWriter *writer, const char *name, const char *text)
{
  g_autoptr (GError) error = NULL;

  klive_hls_folder_write (writer->folder, name, text, &error);
  note_result (writer, error);
  return error == NULL;
}

static gint64
get_margin (const KliveHlsWriter *writer, const KliveHlsRendition *rendition)
{
  return klive_hls_lists_get_margin (&writer->options, writer->state, rendition);
}

static void
write_lists (KliveHlsWriter *writer, KliveHlsRendition *rendition, gint64 now)
{
  g_autoptr (GError) error = NULL;

  if (!rendition->changed || klive_playlist_get_length (rendition->list) == 0)
    return;
  klive_hls_lists_write (writer->folder, &writer->options, writer->state, rendition, now, &error);
  note_result (writer, error);
}

static void
write_state (KliveHlsWriter *writer)
{
  g_autofree char *json = klive_hls_state_to_json (writer->state);

  writer->state_changed = !write_file (writer, "state.json", json);
}

/* Writes the masters that say something new and removes those that nothing asks for any more. */
static void
write_masters (KliveHlsWriter *writer)
{
  g_autoptr (GHashTable) masters = klive_hls_master_compose (writer->state, writer->options.dvr_window > 0);
  GHashTableIter iter;
  gpointer name, text;

  writer->masters_changed = FALSE;
  g_hash_table_iter_init (&iter, masters);
  while (g_hash_table_iter_next (&iter, &name, &text)) {
    if (g_strcmp0 (g_hash_table_lookup (writer->masters, name), text) == 0)
      continue;
    if (write_file (writer, name, text))
      g_hash_table_insert (writer->masters, g_strdup (name), g_strdup (text));
    else
      writer->masters_changed = TRUE;
  }
  g_hash_table_iter_init (&iter, writer->masters);
  while (g_hash_table_iter_next (&iter, &name, NULL)) {
    if (g_hash_table_contains (masters, name))
      continue;
    klive_hls_folder_remove (writer->folder, name);
    g_hash_table_iter_remove (&iter);
  }
  writer->playable = g_hash_table_contains (writer->masters, "all.m3u8");
}

/* A stream enters the masters when all its renditions can be played, or after a while without the ones that cannot. */
static void
update_ready (KliveHlsWriter *writer, KliveHlsStream *stream, gint64 now)
{
  g_autoptr (GString) missing = g_string_new (NULL);

  if (stream->ready || stream->first_listed == 0)
    return;
  for (guint i = 0; i < stream->ids->len; i++) {
    const KliveHlsRendition *rendition = klive_hls_state_find_rendition (writer->state, stream->ids->pdata[i]);

    if (!rendition || klive_playlist_get_length (rendition->list) == 0)
      g_string_append_printf (missing, "%s%s", missing->len > 0 ? ", " : "", (const char *) stream->ids->pdata[i]);
  }
  if (missing->len > 0) {
    if (now - stream->first_listed < READY_TIMEOUT)
      return;
    warn (writer, "the master playlist of %s appears without rendition %s, which has no segment yet", stream->name,
        missing->str);
  }
  stream->ready = TRUE;
  writer->state_changed = writer->masters_changed = TRUE;
}

static void
flush_lists (KliveHlsWriter *writer, gint64 now)
{
  for (guint i = 0; i < writer->state->renditions->len; i++)
    write_lists (writer, writer->state->renditions->pdata[i], now);
}

static void
flush (KliveHlsWriter *writer, gint64 now)
{
  flush_lists (writer, now);
  for (guint i = 0; i < writer->state->streams->len; i++)
    update_ready (writer, writer->state->streams->pdata[i], now);
  if (writer->state_changed)
    write_state (writer);
  if (writer->masters_changed)
    write_masters (writer);
}

/* --- space --- */

static void
set_short_of_space (KliveHlsWriter *writer, gboolean is_short)
{
  if (writer->short_of_space == is_short)
    return;
  writer->short_of_space = is_short;
  if (is_short)
    warn (writer, "the disk of %s is full: the DVR window is cut down from its old end, so that the live lists go on",
        writer->options.directory);
  else
    warn (writer, "there is space again on the disk of %s: the DVR window grows to its length",
        writer->options.directory);
}

/*
 * Keeps a reserve free for the next segments: by the files that no list names any more, then by the oldest ones of the
 * DVR lists, which are written before those files go. Frees twice the reserve, so that this is not needed each time.
 */
static void
keep_space (KliveHlsWriter *writer, gint64 now)
{
  guint64 reserve = klive_hls_space_get_reserve (writer->state);
  guint64 available = writer->no_space ? 0 : klive_hls_folder_get_free (writer->folder);
  guint64 wanted, freed;

  writer->no_space = FALSE;
  if (available >= 4 * reserve)
    set_short_of_space (writer, FALSE);
  if (available >= reserve)
    return;
  set_short_of_space (writer, TRUE);
  wanted = 2 * reserve - available;
  freed = klive_hls_folder_expire_early (writer->folder, wanted);
  if (freed >= wanted ||
      klive_hls_space_shorten (writer->state, writer->folder, writer->options.playlist_length, wanted - freed, now) ==
          0)
    return;
  flush_lists (writer, now);
  klive_hls_folder_expire_early (writer->folder, wanted - freed);
  writer->no_space = FALSE; /* lists that found no space do so now, at the next tick */
}

void
klive_hls_writer_add_failure (KliveHlsWriter *writer, int error, gint64 now)
{
  if (error != ENOSPC && error != EDQUOT)
    return;
  writer->no_space = TRUE;
  keep_space (writer, now);
}

guint64
klive_hls_writer_get_window (const KliveHlsWriter *writer)
{
  gint64 window = 0;

  for (guint i = 0; writer->options.dvr_window > 0 && i < writer->state->renditions->len; i++) {
    const KliveHlsRendition *rendition = writer->state->renditions->pdata[i];
    const KlivePlaylistSegment *last = klive_playlist_get_last (rendition->list);

    if (last)
      window =
          MAX (window, last->date + (gint64) last->duration - klive_playlist_get_segment (rendition->list, 0)->date);
  }
  return window;
}

gboolean
klive_hls_writer_is_short_of_space (const KliveHlsWriter *writer)
{
  return writer->short_of_space;
}

/* --- opening --- */

/* Of a broadcast whose entry has lost its DVR since the last worker: nobody keeps these lists up to date any more. */
static void
remove_dvr_lists (KliveHlsWriter *writer)
{
  for (guint i = 0; i < writer->state->renditions->len; i++) {
    KliveHlsRendition *rendition = writer->state->renditions->pdata[i];

    klive_hls_folder_remove_playlists (writer->folder, rendition->id);
    rendition->changed = TRUE;
  }
  klive_hls_folder_remove_playlists (writer->folder, NULL);
}

KliveHlsWriter *
klive_hls_writer_new (const KliveHlsOptions *options, KliveHlsWarningFunc warning, gpointer user_data, gint64 now,
    GError **error)
{
  g_autoptr (GPtrArray) warnings = g_ptr_array_new_with_free_func (g_free);
  KliveHlsFolder *folder;
  KliveHlsWriter *writer;

  g_return_val_if_fail (options->segment_duration > 0, NULL);
  folder = klive_hls_folder_new (options->directory, error);
  if (!folder)
    return NULL;
  writer = g_new0 (KliveHlsWriter, 1);
  writer->options = *options;
  writer->options.directory = g_strdup (options->directory);
  writer->options.entry = g_strdup (options->entry);
  writer->warning = warning;
  writer->user_data = user_data;
  writer->folder = folder;
  writer->runs = g_ptr_array_new_with_free_func ((GDestroyNotify) run_free);
  writer->masters = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  writer->state = klive_hls_restore (folder, options, now, warnings);
  for (guint i = 0; i < warnings->len; i++)
    warn (writer, "%s", (const char *) warnings->pdata[i]);
  writer->state_changed = writer->masters_changed = TRUE;
  if (options->dvr_window == 0 && klive_hls_folder_exists (folder, "all_dvr.m3u8"))
    remove_dvr_lists (writer);
  flush (writer, now);
  return writer;
}

void
klive_hls_writer_free (KliveHlsWriter *writer)
{
  if (!writer)
    return;
  g_ptr_array_unref (writer->runs);
  g_hash_table_unref (writer->masters);
  klive_hls_state_free (writer->state);
  klive_hls_folder_free (writer->folder);
  g_free ((char *) writer->options.directory);
  g_free ((char *) writer->options.entry);
  g_free (writer);
}

gint64
klive_hls_writer_get_epoch (const KliveHlsWriter *writer)
{
  return writer->state->epoch;
}

void
klive_hls_writer_set_epoch (KliveHlsWriter *writer, gint64 epoch)
{
  if (writer->state->epoch >= 0)
    return;
  writer->state->epoch = epoch;
  writer->state_changed = TRUE;
}

/* --- runs --- */

/* "0_abcd1234_1" -> "1", under which players find the source's rendition, too; (nullable) */
static const char *
get_alias (const char *stream, const char *source_id)
{
  const char *suffix = strrchr (stream, '_');

  if (!source_id || !suffix || !klive_hls_folder_is_id (suffix + 1) || strcmp (suffix + 1, source_id) == 0)
    return NULL;
  return suffix + 1;
}

/* Unless live params 1 are a rendition themselves. */
static void
set_alias (KliveHlsWriter *writer, const KliveHlsRun *run)
{
  const char *alias = get_alias (run->stream, run->source_id);
  g_autoptr (GError) error = NULL;

  if (alias && !klive_hls_folder_set_alias (writer->folder, alias, run->source_id, &error))
    warn (writer, "%s", error->message);
}

static gboolean
is_written (const KliveHlsWriter *writer, const char *id)
{
  for (guint i = 0; i < writer->runs->len; i++) {
    const KliveHlsRun *run = writer->runs->pdata[i];

    if (!run->ended && g_ptr_array_find_with_equal_func (run->ids, id, g_str_equal, NULL))
      return TRUE;
  }
  return FALSE;
}

static gboolean
has_rendition (const KliveLadder *ladder, const char *id)
{
  for (guint i = 0; i < ladder->renditions->len; i++)
    if (strcmp (((const KliveRendition *) ladder->renditions->pdata[i])->id, id) == 0)
      return TRUE;
  return FALSE;
}

static gboolean
is_below (gpointer name, gpointer text, gpointer id)
{
  return g_str_has_prefix (name, id) && ((const char *) name)[strlen (id)] == '/';
}

/*
 * A stream that began without its profile was a rendition by its suffix ("1"). Once the profile says what the source is
 * called ("32"), that rendition goes on under this name, list and files, and its old name becomes the alias that it
 * would have been. If there has been a list of that name before, the one of the suffix ends.
 */
static void
adopt_alias (KliveHlsWriter *writer, const char *stream, const KliveLadder *ladder, gint64 now)
{
  const char *alias = get_alias (stream, ladder->source_id);
  KliveHlsRendition *from = alias ? klive_hls_state_find_rendition (writer->state, alias) : NULL;
  KliveHlsRendition *to;
  g_autoptr (GError) error = NULL;

  if (!from || has_rendition (ladder, alias) || is_written (writer, alias))
    return;
  if (!klive_hls_folder_merge_rendition (writer->folder, alias, ladder->source_id, &error)) {
    warn (writer, "%s", error->message);
    return;
  }
  to = klive_hls_state_find_rendition (writer->state, ladder->source_id);
  if (to && klive_playlist_get_length (to->list) == 0) {
    from->last_number = MAX (from->last_number, to->last_number);
    g_ptr_array_remove (writer->state->renditions, to);
  } else if (to) {
    g_auto (GStrv) names = klive_playlist_drop_first (from->list, G_MAXUINT);

    to->last_number = MAX (from->last_number, to->last_number);
    for (guint i = 0; names && names[i]; i++)
      klive_hls_folder_remove_later (writer->folder, to->id, names[i], now + get_margin (writer, to));
  }
  klive_hls_state_rename_rendition (writer->state, alias, ladder->source_id);
  klive_hls_state_find_rendition (writer->state, ladder->source_id)->changed = TRUE;
  g_hash_table_foreach_remove (writer->masters, is_below, (gpointer) alias); /* their files are those of @to now */
  writer->state_changed = writer->masters_changed = TRUE;
}

/* Whether another stream's studio writes this rendition just now. */
static gboolean
is_taken (const KliveHlsWriter *writer, const KliveHlsRendition *rendition, const char *stream)
{
  KliveHlsStream *owner = NULL;

  if (rendition->stream && strcmp (rendition->stream, stream) != 0)
    owner = klive_hls_state_find_stream (writer->state, rendition->stream);
  return owner && owner->run && !owner->run->ended;
}

/* Takes @wanted into the run: folder, owner, what the ladder knows. */
static void
add_rendition (KliveHlsWriter *writer, KliveHlsRun *run, const KliveRendition *wanted)
{
  g_autoptr (GError) error = NULL;
  KliveHlsRendition *rendition = klive_hls_state_ensure_rendition (writer->state, wanted->id);

  if (is_taken (writer, rendition, run->stream)) {
    warn (writer, "rendition %s of %s is left out of the playlists: %s makes it already", wanted->id, run->stream,
        rendition->stream);
    return;
  }
  if (!klive_hls_folder_add_rendition (writer->folder, wanted->id, &error))
    warn (writer, "%s", error->message);
  g_free (rendition->stream);
  rendition->stream = g_strdup (run->stream);
  g_free (rendition->name);
  rendition->name = g_strdup (wanted->name);
  rendition->estimate = wanted->bandwidth;
  g_ptr_array_add (run->ids, g_strdup (wanted->id));
}

/* Whether a list that the run goes on with cannot do so without a new discontinuity. One that lags behind the newest
 * gets that with its next segment anyway: so two streams that return together share one. */
static gboolean
needs_discontinuity (const KliveHlsWriter *writer, const KliveHlsRun *run, KliveHlsRunFlags flags)
{
  for (guint i = 0; i < run->ids->len; i++) {
    const KliveHlsRendition *rendition = klive_hls_state_find_rendition (writer->state, run->ids->pdata[i]);
    const KlivePlaylistSegment *last = klive_playlist_get_last (rendition->list);

    if (last && last->discontinuity == writer->state->discontinuity &&
        ((flags & KLIVE_HLS_RUN_DISCONTINUITY) || g_strcmp0 (rendition->fingerprint, run->fingerprint) != 0))
      return TRUE;
  }
  return FALSE;
}

static void
begin_discontinuity (KliveHlsWriter *writer, gint64 slot)
{
  writer->state->discontinuity++;
  writer->state->discontinuity_slot = slot;
  writer->state_changed = TRUE;
}

static guint64
choose_start_index (const KliveHlsWriter *writer, const KliveHlsRun *run, const KliveHlsStream *stream, gint64 slot)
{
  guint64 next = slot;

  for (guint i = 0; i < run->ids->len; i++) {
    const KliveHlsRendition *rendition = klive_hls_state_find_rendition (writer->state, run->ids->pdata[i]);

    next = MAX (next, rendition->last_number + 1);
  }
  if (stream->run && !stream->run->ended && stream->run->serial == run->serial)
    next = MAX (next, stream->run->start_index) + IN_FLIGHT;
  return next;
}

KliveHlsRun *
klive_hls_writer_start_run (KliveHlsWriter *writer, const char *stream, gint64 serial, const KliveLadder *ladder,
    const char *fingerprint, KliveHlsRunFlags flags, gint64 date, gint64 now)
{
  KliveHlsStream *of = klive_hls_state_ensure_stream (writer->state, stream);
  KliveHlsRun *run = g_new0 (KliveHlsRun, 1);

  run->writer = writer;
  run->stream = g_strdup (stream);
  run->serial = serial;
  run->fingerprint = g_strdup (fingerprint);
  run->source_id = g_strdup (ladder->source_id);
  run->ids = g_ptr_array_new_with_free_func (g_free);
  run->groups = g_ptr_array_new_with_free_func ((GDestroyNotify) klive_group_free);
  adopt_alias (writer, stream, ladder, now);
  for (guint i = 0; i < ladder->renditions->len; i++)
    add_rendition (writer, run, ladder->renditions->pdata[i]);
  for (guint i = 0; i < ladder->groups->len; i++)
    g_ptr_array_add (run->groups, klive_group_copy (ladder->groups->pdata[i]));
  if (needs_discontinuity (writer, run, flags))
    begin_discontinuity (writer, get_slot (writer, date));
  run->discontinuity = writer->state->discontinuity;
  run->start_index = choose_start_index (writer, run, of, get_slot (writer, date));
  of->run = run;
  g_ptr_array_add (writer->runs, run);
  return run;
}

guint64
klive_hls_run_get_start_index (const KliveHlsRun *run)
{
  return run->start_index;
}

char *
klive_hls_run_get_location (const KliveHlsRun *run, const char *id)
{
  return klive_hls_folder_get_pattern (run->writer->folder, id, run->writer->options.index, run->serial);
}

void
klive_hls_writer_end_run (KliveHlsWriter *writer, KliveHlsRun *run)
{
  run->ended = TRUE;
}

/* With its first listed segment a run takes over its stream: from now on masters show its ladder. */
static void
take_over (KliveHlsWriter *writer, KliveHlsRun *run, gint64 now)
{
  KliveHlsStream *stream = klive_hls_state_ensure_stream (writer->state, run->stream);

  if (run->listed)
    return;
  run->listed = TRUE;
  g_ptr_array_set_size (stream->ids, 0);
  g_ptr_array_set_size (stream->groups, 0);
  for (guint i = 0; i < run->ids->len; i++)
    g_ptr_array_add (stream->ids, g_strdup (run->ids->pdata[i]));
  for (guint i = 0; i < run->groups->len; i++)
    g_ptr_array_add (stream->groups, klive_group_copy (run->groups->pdata[i]));
  g_free (stream->source_id);
  stream->source_id = g_strdup (run->source_id);
  if (stream->first_listed == 0)
    stream->first_listed = now;
  set_alias (writer, run);
  writer->state_changed = writer->masters_changed = TRUE;
}

/* --- segments --- */

void
klive_hls_writer_add_gop (KliveHlsWriter *writer, guint64 duration)
{
  klive_hls_facts_add_gop (writer->state, writer->options.segment_duration, duration);
}

static void
mark_all_changed (KliveHlsWriter *writer)
{
  for (guint i = 0; i < writer->state->renditions->len; i++)
    ((KliveHlsRendition *) writer->state->renditions->pdata[i])->changed = TRUE;
}

static void
update_target_duration (KliveHlsWriter *writer, guint64 duration)
{
  guint old = writer->state->target_duration;

  if (!klive_hls_facts_update_target (writer->state, writer->options.segment_duration, duration))
    return;
  writer->state_changed = TRUE;
  if (old == 0)
    return;
  mark_all_changed (writer);
  warn (writer, "a segment of %.3f s raises the target duration from %u to %u s: keyframes come later than before",
      duration / 1e9, old, writer->state->target_duration);
}

static guint
choose_discontinuity (const KliveHlsWriter *writer, const KliveHlsRun *run, const KliveHlsRendition *rendition,
    gint64 date)
{
  const KliveHlsStream *stream = klive_hls_state_find_stream (writer->state, run->stream);
  const KlivePlaylistSegment *last = klive_playlist_get_last (rendition->list);
  guint newest = writer->state->discontinuity;

  if (stream && stream->run != run) /* the last segment of a studio that was replaced */
    return last ? last->discontinuity : run->discontinuity;
  if (get_slot (writer, date) < writer->state->discontinuity_slot && newest > 0)
    newest--;
  return MAX (run->discontinuity, newest);
}

static void
trim (KliveHlsWriter *writer, KliveHlsRendition *rendition, gint64 now)
{
  g_auto (GStrv) names = klive_playlist_trim (rendition->list, writer->options.playlist_length,
      writer->options.dvr_window, writer->state->target_duration);
  gint64 due = now + get_margin (writer, rendition);

  for (guint i = 0; names && names[i]; i++)
    klive_hls_folder_remove_later (writer->folder, rendition->id, names[i], due);
}

static gboolean
list_segment (KliveHlsWriter *writer, const KliveHlsRun *run, KliveHlsRendition *rendition,
    const KliveHlsSegment *segment, const char *name, gint64 now)
{
  gint64 date = writer->state->epoch + (gint64) segment->running_time;
  KlivePlaylistSegment entry = { (char *) name, date, segment->duration, segment->bytes,
    choose_discontinuity (writer, run, rendition, date) };

  if (segment->duration == 0 || !klive_playlist_append (rendition->list, &entry, segment->index))
    return FALSE;
  rendition->changed = TRUE;
  if (klive_playlist_get_length (rendition->list) == 1)
    writer->masters_changed = TRUE;
  update_target_duration (writer, segment->duration);
  if (klive_hls_facts_update_rendition (rendition, segment, run->fingerprint, writer->state->target_duration))
    writer->state_changed = writer->masters_changed = TRUE;
  trim (writer, rendition, now);
  return TRUE;
}

static gboolean
is_own (const KliveHlsRun *run, const char *id)
{
  return g_ptr_array_find_with_equal_func (run->ids, id, g_str_equal, NULL);
}

/* A sync point goes when the last list that is written has left it behind. */
static void
trim_sync_points (KliveHlsWriter *writer)
{
  gint64 oldest = G_MAXINT64;

  for (guint i = 0; i < writer->state->renditions->len; i++) {
    const KliveHlsRendition *rendition = writer->state->renditions->pdata[i];

    if (rendition->stream && klive_playlist_get_length (rendition->list) > 0)
      oldest = MIN (oldest, klive_playlist_get_segment (rendition->list, 0)->date);
  }
  writer->state_changed |= klive_sync_points_trim (writer->state->sync_points, oldest / 1000000);
}

void
klive_hls_writer_add_segment (KliveHlsWriter *writer, KliveHlsRun *run, const char *id, const KliveHlsSegment *segment,
    gint64 now)
{
  KliveHlsRendition *rendition = is_own (run, id) ? klive_hls_state_find_rendition (writer->state, id) : NULL;
  g_autofree char *name = g_path_get_basename (segment->location);

  g_return_if_fail (writer->state->epoch >= 0);
  if (!rendition) {
    klive_hls_folder_remove_later (writer->folder, id, name, now);
    return;
  }
  rendition->last_number = MAX (rendition->last_number, segment->index);
  if (writer->state->ended || g_strcmp0 (rendition->stream, run->stream) != 0 ||
      !list_segment (writer, run, rendition, segment, name, now)) {
    warn (writer, "segment %s of rendition %s comes too late for its list and is left out", name, id);
    klive_hls_folder_remove_later (writer->folder, id, name, now);
    return;
  }
  take_over (writer, run, now);
  trim_sync_points (writer);
  flush (writer, now);
}

void
klive_hls_writer_add_sync_point (KliveHlsWriter *writer, KliveSyncPoint *point, gint64 now)
{
  if (writer->state->ended) {
    klive_sync_point_free (point);
    return;
  }
  if (!klive_sync_points_add (writer->state->sync_points, point))
    return;
  writer->state_changed = TRUE;
  mark_all_changed (writer);
  flush (writer, now);
}

void
klive_hls_writer_tick (KliveHlsWriter *writer, gint64 now)
{
  keep_space (writer, now);
  flush (writer, now);
  klive_hls_folder_expire (writer->folder, now);
}

void
klive_hls_writer_drop_stream (KliveHlsWriter *writer, const char *stream, gint64 now)
{
  KliveHlsStream *of = klive_hls_state_find_stream (writer->state, stream);

  if (!of || writer->state->streams->len == 1)
    return;
  for (guint i = 0; i < writer->state->renditions->len; i++) {
    KliveHlsRendition *rendition = writer->state->renditions->pdata[i];

    if (g_strcmp0 (rendition->stream, stream) == 0)
      g_clear_pointer (&rendition->stream, g_free);
  }
  g_ptr_array_remove (writer->state->streams, of);
  writer->state_changed = writer->masters_changed = TRUE;
  flush (writer, now);
}

void
klive_hls_writer_follow_other (KliveHlsWriter *writer, gint64 now)
{
  g_autofree char *parent = g_path_get_dirname (writer->options.directory);
  g_autofree char *other = g_build_filename (parent, writer->options.index == 0 ? "1" : "0", NULL);

  if (!klive_hls_follow (writer->state, other, writer->options.segment_duration))
    return;
  for (guint i = 0; i < writer->state->renditions->len; i++) {
    KliveHlsRendition *rendition = writer->state->renditions->pdata[i];

    klive_hls_lists_renumber (writer->folder, &writer->options, writer->state, rendition, now);
  }
  writer->state_changed = TRUE;
  flush (writer, now);
}

void
klive_hls_writer_end (KliveHlsWriter *writer, gint64 now)
{
  if (writer->state->ended)
    return;
  writer->state->ended = TRUE;
  writer->state_changed = TRUE;
  mark_all_changed (writer);
  flush (writer, now);
}

gboolean
klive_hls_writer_is_playable (const KliveHlsWriter *writer)
{
  return writer->playable;
}

guint
klive_hls_writer_get_target_duration (const KliveHlsWriter *writer)
{
  return writer->state->target_duration;
}
