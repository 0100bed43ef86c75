/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The samples of a whole file: first those that the index lists, of all tracks in the order of their offsets, then
 * fragment after fragment for as long as they are complete. Called by mp4-finish, in any one thread.
 *
 * A file that kalturarecordsink was killed in between the two steps of closing has all of itself, index included, in
 * one mdat box: then the index inside that box counts.
 */
#include "mp4-reader.h"

#include <string.h>
#include <sys/stat.h>

#include "mp4-moof.h"
#include "mp4-stbl.h"

#define MAX_SMALL_BOX (1024 * 1024) /* bytes of a header that is kept */
#define MAX_MOOF (32 * 1024 * 1024) /* bytes */
#define MAX_TRACKS 32
#define EMPTY_SAMPLES (1024 * 1024) /* samples without bytes, in all */

#define MOOV MP4_TYPE ('m', 'o', 'o', 'v')
#define MOOF MP4_TYPE ('m', 'o', 'o', 'f')
#define MDAT MP4_TYPE ('m', 'd', 'a', 't')

G_DEFINE_QUARK (mp4 - error - quark, mp4_error)

typedef struct {
  Mp4Stbl *stbl;  /* NULL = at its end */
  Mp4Sample next; /* of stbl */
  guint64 length; /* DTS behind the last sample of stbl */
} Listed;

struct _Mp4Reader {
  Mp4Source source;
  GBytes *mvhd;      /* nullable */
  GPtrArray *tracks; /* of Mp4Track */
  GArray *fragments; /* of Mp4FragmentTrack */
  Listed *listed;    /* one for each track */
  gboolean fragmented, in_front, torn;
  guint64 budget;     /* bytes and empty samples that may still come: the file has no more */
  guint64 pos, end;   /* of what is not walked through yet, at the top level */
  GBytes *moof_bytes; /* the current one, NULL = none */
  Mp4Moof moof;
};

/* Header */

static GBytes *
load_child (Mp4Reader *reader, const Mp4Place *parent, guint32 type)
{
  Mp4Place place;
  return mp4_source_find (&reader->source, parent, type, &place)
      ? mp4_source_load (&reader->source, &place, MAX_SMALL_BOX)
      : NULL;
}

/* Fields of a box that is in memory, from behind version and flags. */
static Mp4Cursor
open_fields (GBytes *bytes, guint *version)
{
  gsize size = 0;
  const guint8 *data = g_bytes_get_data (bytes, &size);
  Mp4Span rest = { data, size };
  Mp4Box box = { 0 };
  mp4_next_box (&rest, &box);
  Mp4Cursor cursor = { box.payload, 0, FALSE };
  *version = (guint) (mp4_read (&cursor, 4) >> 24);
  return cursor;
}

static gboolean
read_mdhd (Mp4Track *track, GBytes *mdhd)
{
  guint version;
  Mp4Cursor cursor = open_fields (mdhd, &version);
  guint width = version == 1 ? 8 : 4;
  track->creation_time = mp4_read (&cursor, width);
  track->modification_time = mp4_read (&cursor, width);
  track->timescale = (guint32) mp4_read (&cursor, 4);
  mp4_skip (&cursor, width);
  track->language = (guint16) mp4_read (&cursor, 2);
  return !cursor.over && track->timescale != 0;
}

static void
read_edits (Mp4Reader *reader, Mp4Track *track, const Mp4Place *trak)
{
  Mp4Place edts;
  g_autoptr (GBytes) elst = mp4_source_find (&reader->source, trak, MP4_TYPE ('e', 'd', 't', 's'), &edts)
      ? load_child (reader, &edts, MP4_TYPE ('e', 'l', 's', 't'))
      : NULL;
  if (elst == NULL) {
    return;
  }
  guint version;
  Mp4Cursor cursor = open_fields (elst, &version);
  guint32 count = (guint32) mp4_read (&cursor, 4);
  for (guint32 i = 0; i < count; i++) {
    Mp4Edit edit = { 0 };
    edit.duration = mp4_read (&cursor, version == 1 ? 8 : 4);
    edit.media_time = version == 1 ? (gint64) mp4_read (&cursor, 8) : (gint32) mp4_read (&cursor, 4);
    edit.rate = (guint32) mp4_read (&cursor, 4);
    if (cursor.over || edit.duration > G_MAXINT64 / 2 || edit.media_time > G_MAXINT64 / 2) {
      break;
    }
    g_array_append_val (track->edits, edit);
  }
}

static guint32
read_track_id (GBytes *tkhd)
{
  guint version;
  Mp4Cursor cursor = open_fields (tkhd, &version);
  mp4_skip (&cursor, version == 1 ? 16 : 8);
  return (guint32) mp4_read (&cursor, 4);
}

/* The box with what is special to the kind of media: vmhd, smhd, nmhd ... */
static GBytes *
load_media_header (Mp4Reader *reader, const Mp4Place *minf)
{
  static const guint32 types[] = { MP4_TYPE ('v', 'm', 'h', 'd'), MP4_TYPE ('s', 'm', 'h', 'd'),
    MP4_TYPE ('n', 'm', 'h', 'd'), MP4_TYPE ('h', 'm', 'h', 'd'), MP4_TYPE ('s', 't', 'h', 'd'),
    MP4_TYPE ('g', 'm', 'h', 'd') };
  for (guint i = 0; i < G_N_ELEMENTS (types); i++) {
    GBytes *box = load_child (reader, minf, types[i]);
    if (box != NULL) {
      return box;
    }
  }
  return NULL;
}

/* A track without what it needs to be played is left out. */
static void
read_trak (Mp4Reader *reader, const Mp4Place *trak)
{
  Mp4Source *source = &reader->source;
  Mp4Place mdia, minf, stbl;
  if (reader->tracks->len >= MAX_TRACKS || !mp4_source_find (source, trak, MP4_TYPE ('m', 'd', 'i', 'a'), &mdia) ||
      !mp4_source_find (source, &mdia, MP4_TYPE ('m', 'i', 'n', 'f'), &minf) ||
      !mp4_source_find (source, &minf, MP4_TYPE ('s', 't', 'b', 'l'), &stbl)) {
    return;
  }
  g_autoptr (Mp4Track) track = mp4_track_new ();
  g_autoptr (GBytes) mdhd = load_child (reader, &mdia, MP4_TYPE ('m', 'd', 'h', 'd'));
  track->tkhd = load_child (reader, trak, MP4_TYPE ('t', 'k', 'h', 'd'));
  track->udta = load_child (reader, trak, MP4_TYPE ('u', 'd', 't', 'a'));
  track->hdlr = load_child (reader, &mdia, MP4_TYPE ('h', 'd', 'l', 'r'));
  track->media_header = load_media_header (reader, &minf);
  track->dinf = load_child (reader, &minf, MP4_TYPE ('d', 'i', 'n', 'f'));
  track->stsd = load_child (reader, &stbl, MP4_TYPE ('s', 't', 's', 'd'));
  if (mdhd == NULL || !read_mdhd (track, mdhd) || track->tkhd == NULL || track->hdlr == NULL ||
      track->media_header == NULL || track->dinf == NULL || track->stsd == NULL) {
    return;
  }
  read_edits (reader, track, trak);
  Mp4FragmentTrack fragment = { .id = read_track_id (track->tkhd), .description = 1 };
  g_array_append_val (reader->fragments, fragment);
  reader->listed[reader->tracks->len].stbl = mp4_stbl_new (source, &stbl, reader->tracks->len);
  g_ptr_array_add (reader->tracks, g_steal_pointer (&track));
}

static void
read_trex (Mp4Reader *reader, GBytes *trex)
{
  guint version;
  Mp4Cursor cursor = open_fields (trex, &version);
  guint32 id = (guint32) mp4_read (&cursor, 4);
  for (guint i = 0; i < reader->fragments->len; i++) {
    Mp4FragmentTrack *track = &g_array_index (reader->fragments, Mp4FragmentTrack, i);
    if (track->id == id) {
      track->description = (guint32) mp4_read (&cursor, 4);
      track->duration = (guint32) mp4_read (&cursor, 4);
      track->size = (guint32) mp4_read (&cursor, 4);
      track->flags = (guint32) mp4_read (&cursor, 4);
    }
  }
}

static void
read_moov (Mp4Reader *reader, const Mp4Place *moov)
{
  Mp4Place place, mvex = { 0 };
  guint64 pos = moov->payload;
  reader->mvhd = load_child (reader, moov, MP4_TYPE ('m', 'v', 'h', 'd'));
  while (mp4_source_next (&reader->source, &pos, moov->end, &place)) {
    if (place.type == MP4_TYPE ('t', 'r', 'a', 'k')) {
      read_trak (reader, &place);
    } else if (place.type == MP4_TYPE ('m', 'v', 'e', 'x')) {
      mvex = place;
      reader->fragmented = TRUE;
    }
  }
  pos = mvex.payload;
  while (mp4_source_next (&reader->source, &pos, mvex.end, &place)) {
    g_autoptr (GBytes) trex =
        place.type == MP4_TYPE ('t', 'r', 'e', 'x') ? mp4_source_load (&reader->source, &place, MAX_SMALL_BOX) : NULL;
    if (trex != NULL) {
      read_trex (reader, trex);
    }
  }
}

/* Looks for the index. An mdat that begins with one is taken for a file that was being closed. */
static gboolean
find_moov (Mp4Reader *reader, Mp4Place *moov)
{
  Mp4Source *source = &reader->source;
  Mp4Place place, inner;
  guint64 pos = 0;
  gboolean wrapped = FALSE;
  reader->end = source->size;
  reader->in_front = TRUE;
  while (mp4_source_next (source, &pos, source->size, &place)) {
    if (place.type == MOOV) {
      *moov = place;
      return TRUE;
    }
    guint64 inside = place.payload;
    if (place.type == MDAT) {
      reader->in_front = FALSE;
      if (!wrapped && mp4_source_next (source, &inside, place.end, &inner) && inner.type == MOOV) {
        *moov = inner;
        reader->end = place.end;
        wrapped = TRUE;
      }
    }
  }
  return wrapped;
}

Mp4Reader *
mp4_reader_new (int fd, GError **error)
{
  struct stat info;
  if (fstat (fd, &info) != 0 || !S_ISREG (info.st_mode)) {
    g_set_error_literal (error, MP4_ERROR, MP4_ERROR_IO, "not a regular file");
    return NULL;
  }
  g_autoptr (Mp4Reader) reader = g_new0 (Mp4Reader, 1);
  Mp4Place moov;
  reader->source = (Mp4Source){ fd, (guint64) info.st_size, 0 };
  reader->budget = reader->source.size + EMPTY_SAMPLES;
  reader->tracks = g_ptr_array_new_with_free_func ((GDestroyNotify) mp4_track_free);
  reader->fragments = g_array_new (FALSE, TRUE, sizeof (Mp4FragmentTrack));
  reader->listed = g_new0 (Listed, MAX_TRACKS);
  if (!find_moov (reader, &moov)) {
    g_set_error_literal (error, MP4_ERROR, reader->source.error != 0 ? MP4_ERROR_IO : MP4_ERROR_FORMAT,
        reader->source.error != 0 ? g_strerror (reader->source.error) : "no index (moov) in the file");
    return NULL;
  }
  read_moov (reader, &moov);
  if (reader->tracks->len == 0) {
    g_set_error_literal (error, MP4_ERROR, MP4_ERROR_FORMAT, "no track in the file");
    return NULL;
  }
  reader->pos = moov.end;
  for (guint i = 0; i < reader->tracks->len; i++) {
    Listed *listed = &reader->listed[i];
    if (!mp4_stbl_next (listed->stbl, &listed->next)) {
      g_clear_pointer (&listed->stbl, mp4_stbl_free);
    }
  }
  return g_steal_pointer (&reader);
}

void
mp4_reader_free (Mp4Reader *reader)
{
  for (guint i = 0; i < MAX_TRACKS; i++) {
    g_clear_pointer (&reader->listed[i].stbl, mp4_stbl_free);
  }
  g_clear_pointer (&reader->mvhd, g_bytes_unref);
  g_clear_pointer (&reader->moof_bytes, g_bytes_unref);
  g_ptr_array_unref (reader->tracks);
  g_array_unref (reader->fragments);
  g_free (reader->listed);
  g_free (reader);
}

GBytes *
mp4_reader_get_mvhd (const Mp4Reader *reader)
{
  return reader->mvhd;
}

GPtrArray *
mp4_reader_get_tracks (const Mp4Reader *reader)
{
  return reader->tracks;
}

gboolean
mp4_reader_is_fragmented (const Mp4Reader *reader)
{
  return reader->fragmented;
}

gboolean
mp4_reader_is_in_front (const Mp4Reader *reader)
{
  return reader->in_front;
}

gboolean
mp4_reader_is_torn (const Mp4Reader *reader)
{
  return reader->torn;
}

/* Samples */

static gboolean
is_inside (const Mp4Reader *reader, const Mp4Sample *sample)
{
  return sample->offset <= reader->source.size && reader->source.size - sample->offset >= sample->size;
}

static guint64
get_cost (const Mp4Sample *sample)
{
  return MAX (sample->size, 1);
}

/* The listed sample with the lowest offset. */
static gboolean
next_listed (Mp4Reader *reader, Mp4Sample *sample)
{
  Listed *first = NULL;
  for (guint i = 0; i < reader->tracks->len; i++) {
    Listed *listed = &reader->listed[i];
    if (listed->stbl != NULL && (!is_inside (reader, &listed->next) || get_cost (&listed->next) > reader->budget)) {
      reader->torn = TRUE;
      g_clear_pointer (&listed->stbl, mp4_stbl_free);
    }
    if (listed->stbl != NULL && (first == NULL || listed->next.offset < first->next.offset)) {
      first = listed;
    }
  }
  if (first == NULL) {
    return FALSE;
  }
  *sample = first->next;
  reader->budget -= get_cost (sample);
  g_array_index (reader->fragments, Mp4FragmentTrack, sample->track).next_dts = sample->dts + sample->duration;
  if (!mp4_stbl_next (first->stbl, &first->next)) {
    g_clear_pointer (&first->stbl, mp4_stbl_free);
  }
  return TRUE;
}

/* Whether all samples of a fragment are there. */
static gboolean
is_complete (const Mp4Reader *reader, const Mp4Moof *moof)
{
  Mp4Moof copy = *moof;
  Mp4Sample sample;
  guint64 cost = 0;
  while (mp4_moof_next (&copy, &sample)) {
    cost += get_cost (&sample);
    if (!is_inside (reader, &sample) || cost > reader->budget) {
      return FALSE;
    }
  }
  return !copy.malformed;
}

/* FALSE if the fragment in moof_bytes is torn. */
static gboolean
open_moof (Mp4Reader *reader, guint64 start)
{
  gsize size;
  const guint8 *data = g_bytes_get_data (reader->moof_bytes, &size);
  mp4_moof_init (&reader->moof, (Mp4Span){ data, size }, start, reader->fragments);
  return is_complete (reader, &reader->moof);
}

/* Goes to the next fragment. FALSE when there is none, or it is torn. */
static gboolean
next_moof (Mp4Reader *reader)
{
  Mp4Place place;
  g_clear_pointer (&reader->moof_bytes, g_bytes_unref);
  while (mp4_source_next (&reader->source, &reader->pos, reader->end, &place)) {
    if (place.type != MOOF) {
      continue;
    }
    reader->moof_bytes = mp4_source_load (&reader->source, &place, MAX_MOOF);
    if (reader->moof_bytes != NULL && open_moof (reader, place.start)) {
      return TRUE;
    }
    g_clear_pointer (&reader->moof_bytes, g_bytes_unref);
    reader->pos = place.start;
    break;
  }
  reader->torn |= reader->pos < reader->end;
  reader->pos = reader->end;
  return FALSE;
}

static gboolean
next_in_fragments (Mp4Reader *reader, Mp4Sample *sample)
{
  while (reader->moof_bytes != NULL || next_moof (reader)) {
    if (mp4_moof_next (&reader->moof, sample)) {
      reader->budget -= MIN (get_cost (sample), reader->budget);
      g_array_index (reader->fragments, Mp4FragmentTrack, sample->track).next_dts = sample->dts + sample->duration;
      return TRUE;
    }
    g_clear_pointer (&reader->moof_bytes, g_bytes_unref);
  }
  return FALSE;
}

gboolean
mp4_reader_next (Mp4Reader *reader, Mp4Sample *sample, GError **error)
{
  if (next_listed (reader, sample) || (reader->fragmented && next_in_fragments (reader, sample))) {
    return TRUE;
  }
  if (reader->source.error != 0) {
    g_set_error_literal (error, MP4_ERROR, MP4_ERROR_IO, g_strerror (reader->source.error));
  }
  return FALSE;
}
