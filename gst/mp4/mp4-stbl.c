/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads the six tables of a track (stts, ctts, stsz, stsc, stco or co64, stss) side by side, so that none has to be in
 * memory.
 */
#include "mp4-stbl.h"

#include "mp4-box.h"

#define FULL_BOX 4 /* version and flags, in front of a box's fields */

struct _Mp4Stbl {
  guint track;
  Mp4Entries durations, compositions, sizes, runs, chunks, syncs;
  gboolean has_syncs;
  guint32 common_size;             /* of all samples, 0 = each has its own */
  guint32 samples;                 /* left */
  guint32 number;                  /* of the sample last returned, 1-based */
  guint32 duration, duration_left; /* of the run; samples that it still counts for */
  guint32 composition, composition_left;
  guint32 sync;                                       /* number of the next one, 0 = none */
  guint32 chunk;                                      /* number of the current one, 1-based */
  guint32 in_chunk;                                   /* samples left in it */
  guint64 offset;                                     /* of the next sample */
  guint32 per_chunk, description;                     /* by the current run */
  guint32 next_run, next_per_chunk, next_description; /* next_run: its first chunk, 0 = no more */
  guint64 dts;
};

/* A table whose number of entries stands at @skip bytes behind version and flags. */
static gboolean
open_table (Mp4Source *source, const Mp4Place *parent, guint32 type, guint skip, guint width, Mp4Entries *entries)
{
  Mp4Place place;
  guint8 count[4];
  mp4_entries_init (entries, source, 0, 0, 0, width);
  if (!mp4_source_find (source, parent, type, &place) || place.end - place.payload < FULL_BOX + skip + 4 ||
      !mp4_source_read (source, place.payload + FULL_BOX + skip, count, sizeof count)) {
    return FALSE;
  }
  mp4_entries_init (entries, source, place.payload + FULL_BOX + skip + 4, place.end, mp4_get_u32 (count), width);
  return TRUE;
}

static void
open_sizes (Mp4Stbl *stbl, Mp4Source *source, const Mp4Place *parent)
{
  Mp4Place place;
  guint8 fields[8];
  mp4_entries_init (&stbl->sizes, source, 0, 0, 0, 4);
  if (!mp4_source_find (source, parent, MP4_TYPE ('s', 't', 's', 'z'), &place) ||
      place.end - place.payload < FULL_BOX + sizeof fields ||
      !mp4_source_read (source, place.payload + FULL_BOX, fields, sizeof fields)) {
    return;
  }
  stbl->common_size = mp4_get_u32 (fields);
  stbl->samples = mp4_get_u32 (fields + 4);
  if (stbl->common_size == 0) {
    mp4_entries_init (&stbl->sizes, source, place.payload + FULL_BOX + 8, place.end, stbl->samples, 4);
    stbl->samples = stbl->sizes.entries;
  }
}

static void
load_run (Mp4Stbl *stbl)
{
  const guint8 *entry = mp4_entries_next (&stbl->runs);
  stbl->next_run = entry != NULL ? mp4_get_u32 (entry) : 0;
  stbl->next_per_chunk = entry != NULL ? mp4_get_u32 (entry + 4) : 0;
  stbl->next_description = entry != NULL ? mp4_get_u32 (entry + 8) : 0;
}

static void
load_sync (Mp4Stbl *stbl)
{
  const guint8 *entry = mp4_entries_next (&stbl->syncs);
  stbl->sync = entry != NULL ? mp4_get_u32 (entry) : 0;
}

Mp4Stbl *
mp4_stbl_new (Mp4Source *source, const Mp4Place *place, guint track)
{
  Mp4Stbl *stbl = g_new0 (Mp4Stbl, 1);
  stbl->track = track;
  stbl->per_chunk = stbl->description = 1;
  open_table (source, place, MP4_TYPE ('s', 't', 't', 's'), 0, 8, &stbl->durations);
  open_table (source, place, MP4_TYPE ('c', 't', 't', 's'), 0, 8, &stbl->compositions);
  open_table (source, place, MP4_TYPE ('s', 't', 's', 'c'), 0, 12, &stbl->runs);
  stbl->has_syncs = open_table (source, place, MP4_TYPE ('s', 't', 's', 's'), 0, 4, &stbl->syncs);
  if (!open_table (source, place, MP4_TYPE ('c', 'o', '6', '4'), 0, 8, &stbl->chunks)) {
    open_table (source, place, MP4_TYPE ('s', 't', 'c', 'o'), 0, 4, &stbl->chunks);
  }
  open_sizes (stbl, source, place);
  load_run (stbl);
  load_sync (stbl);
  return stbl;
}

void
mp4_stbl_free (Mp4Stbl *stbl)
{
  g_free (stbl);
}

/* Goes to the next chunk that has samples. */
static gboolean
next_chunk (Mp4Stbl *stbl)
{
  while (stbl->in_chunk == 0) {
    const guint8 *entry = mp4_entries_next (&stbl->chunks);
    if (entry == NULL) {
      return FALSE;
    }
    stbl->offset = stbl->chunks.width == 8 ? mp4_get_u64 (entry) : mp4_get_u32 (entry);
    stbl->chunk++;
    while (stbl->next_run != 0 && stbl->next_run <= stbl->chunk) {
      stbl->per_chunk = stbl->next_per_chunk;
      stbl->description = stbl->next_description;
      load_run (stbl);
    }
    stbl->in_chunk = stbl->per_chunk;
  }
  return TRUE;
}

/* The value of the next sample in a table of runs; when the table has ended, the last one goes on. */
static void
step_run (Mp4Entries *entries, guint32 *left, guint32 *value)
{
  while (*left == 0) {
    const guint8 *entry = mp4_entries_next (entries);
    if (entry == NULL) {
      *left = G_MAXUINT32;
      break;
    }
    *left = mp4_get_u32 (entry);
    *value = mp4_get_u32 (entry + 4);
  }
  (*left)--;
}

gboolean
mp4_stbl_next (Mp4Stbl *stbl, Mp4Sample *sample)
{
  if (stbl->samples == 0 || !next_chunk (stbl)) {
    return FALSE;
  }
  guint32 size = stbl->common_size;
  if (size == 0) {
    const guint8 *entry = mp4_entries_next (&stbl->sizes);
    if (entry == NULL) {
      return FALSE;
    }
    size = mp4_get_u32 (entry);
  }
  stbl->samples--;
  stbl->in_chunk--;
  stbl->number++;
  step_run (&stbl->durations, &stbl->duration_left, &stbl->duration);
  step_run (&stbl->compositions, &stbl->composition_left, &stbl->composition);
  while (stbl->sync != 0 && stbl->sync < stbl->number) {
    load_sync (stbl);
  }
  *sample = (Mp4Sample){
    .track = stbl->track,
    .description = MAX (stbl->description, 1),
    .offset = stbl->offset,
    .size = size,
    .dts = stbl->dts,
    .duration = stbl->duration,
    .composition = (gint32) stbl->composition,
    .sync = !stbl->has_syncs || stbl->sync == stbl->number,
  };
  stbl->offset += size;
  stbl->dts += stbl->duration;
  return TRUE;
}
