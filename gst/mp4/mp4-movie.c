/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The index of a plain MP4 file, made of samples that come one after the other. The sizes of all boxes are known before
 * the first is written, because each table knows how long it is; so the index can stand in front of the media and is
 * never in memory as a whole.
 */
#include "mp4-movie.h"

#include <string.h>

#include "mp4-box.h"
#include "mp4-table.h"

#define BOX 8                /* bytes of a box header */
#define FULL_BOX 12          /* with version and flags */
#define LIST (FULL_BOX + 4)  /* with the number of entries */
#define MVHD_REST 80         /* bytes behind the duration */
#define TKHD_REST 60         /* the same */
#define NEW_TIMESCALE 90000  /* units a second */
#define MAX_DELTA (1u << 31) /* a longer sample is taken for a wrong timestamp */

/* Numbers that come in runs: count and value, as stts and ctts store them. */
typedef struct {
  Mp4Table *table;
  guint32 count, value;
} Runs;

typedef struct {
  Mp4Track *info; /* (unowned) */
  Runs durations, compositions;
  Mp4Table *sizes, *syncs, *chunks, *chunk_runs;
  guint32 samples;
  gboolean all_sync, composed, negative; /* composed: not all compositions are 0 */
  Mp4Sample last;
  guint64 next_offset;                  /* right behind the last sample */
  guint32 in_chunk;                     /* samples of the last chunk */
  guint32 run_samples, run_description; /* of the last entry of chunk_runs */
  guint32 chunk_count;
  guint64 max_offset;
  guint64 first_dts; /* all below in the track's timescale */
  guint64 length;    /* of all samples but the last */
  gint64 max_end;    /* latest end of presentation, from the first DTS on */
  /* after the end */
  GArray *edits;    /* of Mp4Edit, empty = none */
  guint64 duration; /* in the movie's timescale */
} Track;

struct _Mp4Movie {
  GBytes *mvhd;
  GPtrArray *infos;
  Mp4Edits edits;
  Track *tracks;
  guint n_tracks;
  guint32 timescale;
  guint64 duration; /* in timescale */
  int error;        /* errno of a table */
};

Mp4Track *
mp4_track_new (void)
{
  Mp4Track *track = g_new0 (Mp4Track, 1);
  track->edits = g_array_new (FALSE, TRUE, sizeof (Mp4Edit));
  return track;
}

void
mp4_track_free (Mp4Track *track)
{
  g_clear_pointer (&track->tkhd, g_bytes_unref);
  g_clear_pointer (&track->hdlr, g_bytes_unref);
  g_clear_pointer (&track->media_header, g_bytes_unref);
  g_clear_pointer (&track->dinf, g_bytes_unref);
  g_clear_pointer (&track->stsd, g_bytes_unref);
  g_clear_pointer (&track->udta, g_bytes_unref);
  g_array_unref (track->edits);
  g_free (track);
}

/* A movie or track header in parts: times, track id (tracks only), and all behind the duration. */
typedef struct {
  guint64 creation_time, modification_time;
  guint32 number;     /* timescale or track id */
  const guint8 *rest; /* NULL = the box is malformed */
  guint32 flags;
} Header;

static Header
parse_header (GBytes *box, gboolean is_track, gsize rest_size)
{
  gsize size = 0;
  const guint8 *data = box != NULL ? g_bytes_get_data (box, &size) : NULL;
  Mp4Cursor cursor = { { data, size }, 0, FALSE };
  Header header = { 0 };
  mp4_skip (&cursor, BOX);
  guint width = mp4_read (&cursor, 1) == 1 ? 8 : 4;
  header.flags = (guint32) mp4_read (&cursor, 3);
  header.creation_time = mp4_read (&cursor, width);
  header.modification_time = mp4_read (&cursor, width);
  header.number = (guint32) mp4_read (&cursor, 4);
  mp4_skip (&cursor, (is_track ? 4 : 0) + width); /* reserved, duration */
  gsize pos = cursor.pos;
  mp4_skip (&cursor, rest_size);
  header.rest = cursor.over ? NULL : data + pos;
  return header;
}

Mp4Movie *
mp4_movie_new (GBytes *mvhd, GPtrArray *tracks, Mp4Edits edits, const char *directory)
{
  Mp4Movie *movie = g_new0 (Mp4Movie, 1);
  Header header = parse_header (mvhd, FALSE, MVHD_REST);
  movie->mvhd = mvhd != NULL ? g_bytes_ref (mvhd) : NULL;
  movie->timescale = header.rest != NULL && header.number != 0 ? header.number : NEW_TIMESCALE;
  movie->infos = g_ptr_array_ref (tracks);
  movie->edits = edits;
  movie->n_tracks = tracks->len;
  movie->tracks = g_new0 (Track, tracks->len);
  for (guint i = 0; i < tracks->len; i++) {
    Track *track = &movie->tracks[i];
    track->info = tracks->pdata[i];
    track->durations.table = mp4_table_new (directory);
    track->compositions.table = mp4_table_new (directory);
    track->sizes = mp4_table_new (directory);
    track->syncs = mp4_table_new (directory);
    track->chunks = mp4_table_new (directory);
    track->chunk_runs = mp4_table_new (directory);
    track->all_sync = TRUE;
    track->edits = g_array_new (FALSE, TRUE, sizeof (Mp4Edit));
  }
  return movie;
}

void
mp4_movie_free (Mp4Movie *movie)
{
  for (guint i = 0; i < movie->n_tracks; i++) {
    Track *track = &movie->tracks[i];
    mp4_table_free (track->durations.table);
    mp4_table_free (track->compositions.table);
    mp4_table_free (track->sizes);
    mp4_table_free (track->syncs);
    mp4_table_free (track->chunks);
    mp4_table_free (track->chunk_runs);
    g_array_unref (track->edits);
  }
  g_clear_pointer (&movie->mvhd, g_bytes_unref);
  g_ptr_array_unref (movie->infos);
  g_free (movie->tracks);
  g_free (movie);
}

/* Samples */

static void
end_run (Runs *runs)
{
  if (runs->count > 0) {
    mp4_table_put_u32 (runs->table, runs->count);
    mp4_table_put_u32 (runs->table, runs->value);
    runs->count = 0;
  }
}

static void
add_to_run (Runs *runs, guint32 value)
{
  if (runs->count > 0 && runs->value != value) {
    end_run (runs);
  }
  runs->value = value;
  runs->count++;
}

static void
end_chunk (Track *track)
{
  if (track->in_chunk == 0) {
    return;
  }
  if (track->in_chunk != track->run_samples || track->last.description != track->run_description) {
    mp4_table_put_u32 (track->chunk_runs, track->chunk_count);
    mp4_table_put_u32 (track->chunk_runs, track->in_chunk);
    mp4_table_put_u32 (track->chunk_runs, track->last.description);
    track->run_samples = track->in_chunk;
    track->run_description = track->last.description;
  }
  track->in_chunk = 0;
}

static void
end_sample (Track *track, guint64 next_dts)
{
  guint64 delta = next_dts > track->last.dts ? next_dts - track->last.dts : 0;
  if (delta >= MAX_DELTA) {
    delta = track->last.duration;
  }
  add_to_run (&track->durations, (guint32) delta);
  track->length += delta;
}

void
mp4_movie_add_sample (Mp4Movie *movie, const Mp4Sample *sample, guint64 offset)
{
  Track *track = &movie->tracks[sample->track];
  if (track->samples == 0) {
    track->first_dts = sample->dts;
    track->max_end = G_MININT64;
  } else {
    end_sample (track, sample->dts);
  }
  if (track->samples == 0 || offset != track->next_offset || sample->description != track->last.description) {
    end_chunk (track);
    mp4_table_put_u64 (track->chunks, offset);
    track->chunk_count++;
    track->max_offset = MAX (track->max_offset, offset);
  }
  track->in_chunk++;
  track->samples++;
  track->last = *sample;
  track->next_offset = offset + sample->size;
  track->max_end = MAX (track->max_end, (gint64) track->length + sample->composition + (gint64) sample->duration);
  add_to_run (&track->compositions, (guint32) sample->composition);
  track->composed |= sample->composition != 0;
  track->negative |= sample->composition < 0;
  mp4_table_put_u32 (track->sizes, sample->size);
  if (sample->sync) {
    mp4_table_put_u32 (track->syncs, track->samples);
  } else {
    track->all_sync = FALSE;
  }
}

/* Times at the end */

/* @value units of 1/@from s in units of 1/@to s. */
static guint64
rescale (guint64 value, guint32 to, guint32 from)
{
  return (guint64) (((__uint128_t) value * to + from / 2) / from);
}

/* The same, not less: an edit that ends a fraction too early would cut the last sample. */
static guint64
rescale_up (guint64 value, guint32 to, guint32 from)
{
  return (guint64) (((__uint128_t) value * to + from - 1) / from);
}

static void
add_edit (Track *track, guint64 duration, gint64 media_time, guint32 rate)
{
  Mp4Edit edit = { duration, media_time, rate };
  g_array_append_val (track->edits, edit);
  track->duration += duration;
}

/* The time, in the movie's timescale, at which the earliest track begins: files cut out of a longer one begin late. */
static guint64
find_start (const Mp4Movie *movie)
{
  guint64 start = G_MAXUINT64;
  for (guint i = 0; i < movie->n_tracks; i++) {
    const Track *track = &movie->tracks[i];
    if (track->samples > 0) {
      guint64 begin = (guint64) ((__uint128_t) track->first_dts * movie->timescale / track->info->timescale);
      start = MIN (start, begin);
    }
  }
  return start;
}

/*
 * Plain files have no decode time of their first sample: what is later than @start becomes an empty edit. Sets the
 * track's edits and duration.
 */
static void
make_edits (const Mp4Movie *movie, Track *track, guint64 start)
{
  const GArray *old = track->info->edits;
  guint32 timescale = track->info->timescale;
  guint64 start_here = rescale (start, timescale, movie->timescale);
  gint64 lead = track->first_dts > start_here ? (gint64) (track->first_dts - start_here) : 0;
  guint last = old->len;
  while (last > 0 && g_array_index (old, Mp4Edit, last - 1).media_time < 0) {
    last--;
  }
  gboolean first = TRUE;
  for (guint i = 0; i < MAX (last, 1); i++) {
    Mp4Edit edit = last > 0 ? g_array_index (old, Mp4Edit, i) : (Mp4Edit){ 0, 0, 1 << 16 };
    if (edit.media_time < 0) {
      add_edit (track, edit.duration, -1, edit.rate);
      continue;
    }
    if (first && lead > edit.media_time) {
      add_edit (track, rescale ((guint64) (lead - edit.media_time), movie->timescale, timescale), -1, 1 << 16);
    }
    edit.media_time = MAX (edit.media_time - lead, 0);
    first = FALSE;
    guint64 rest = track->max_end > edit.media_time
        ? rescale_up ((guint64) (track->max_end - edit.media_time), movie->timescale, timescale)
        : 0;
    gboolean stretch = i + 1 >= last && (movie->edits == MP4_EDITS_STRETCHED || edit.duration == 0);
    add_edit (track, stretch ? rest : MIN (edit.duration, rest), edit.media_time, edit.rate);
  }
  const Mp4Edit *only = &g_array_index (track->edits, Mp4Edit, 0);
  if (old->len == 0 && track->edits->len == 1 && only->media_time == 0) {
    g_array_set_size (track->edits, 0);
  }
}

static void
take_error (Mp4Movie *movie, const Mp4Table *table)
{
  if (movie->error == 0) {
    movie->error = mp4_table_get_error (table);
  }
}

void
mp4_movie_end (Mp4Movie *movie)
{
  guint64 start = find_start (movie);
  for (guint i = 0; i < movie->n_tracks; i++) {
    Track *track = &movie->tracks[i];
    if (track->samples > 0) {
      end_chunk (track);
      end_sample (track, track->last.dts + track->last.duration);
      make_edits (movie, track, start);
      movie->duration = MAX (movie->duration, track->duration);
    }
    end_run (&track->durations);
    end_run (&track->compositions);
    take_error (movie, track->durations.table);
    take_error (movie, track->compositions.table);
    take_error (movie, track->sizes);
    take_error (movie, track->syncs);
    take_error (movie, track->chunks);
    take_error (movie, track->chunk_runs);
  }
}

double
mp4_movie_get_duration (const Mp4Movie *movie)
{
  return (double) movie->duration / movie->timescale;
}

/* Sizes */

typedef struct {
  guint64 tkhd, edts, head, stbl, minf, media, trak;
  gboolean large; /* 64-bit chunk offsets */
} Sizes;

static gboolean
is_long (guint64 duration)
{
  return duration > G_MAXUINT32;
}

static guint64
get_list_size (const Mp4Table *table)
{
  return LIST + mp4_table_get_size (table);
}

static guint64
get_edts_size (const Track *track)
{
  if (track->edits->len == 0) {
    return 0;
  }
  return BOX + LIST + track->edits->len * 20; /* version 1 entries */
}

static Sizes
measure (const Track *track, guint64 shift)
{
  const Mp4Track *info = track->info;
  Sizes sizes = { .large = is_long (track->max_offset + shift) };
  sizes.tkhd = (is_long (track->duration) ? FULL_BOX + 32 : FULL_BOX + 20) + TKHD_REST;
  sizes.edts = get_edts_size (track);
  sizes.head = (is_long (track->length) ? FULL_BOX + 28 : FULL_BOX + 16) + 4;
  sizes.stbl = BOX + g_bytes_get_size (info->stsd) + get_list_size (track->durations.table) +
      get_list_size (track->chunk_runs) + LIST + 4 + mp4_table_get_size (track->sizes) + LIST +
      (guint64) track->chunk_count * (sizes.large ? 8 : 4);
  if (track->composed) {
    sizes.stbl += get_list_size (track->compositions.table);
  }
  if (!track->all_sync) {
    sizes.stbl += get_list_size (track->syncs);
  }
  sizes.minf = BOX + g_bytes_get_size (info->media_header) + g_bytes_get_size (info->dinf) + sizes.stbl;
  sizes.media = BOX + sizes.head + g_bytes_get_size (info->hdlr) + sizes.minf;
  sizes.trak = BOX + sizes.tkhd + sizes.edts + sizes.media + (info->udta != NULL ? g_bytes_get_size (info->udta) : 0);
  return sizes;
}

guint64
mp4_movie_get_size (const Mp4Movie *movie, guint64 shift)
{
  guint64 size = BOX + (is_long (movie->duration) ? FULL_BOX + 28 : FULL_BOX + 16) + MVHD_REST;
  for (guint i = 0; i < movie->n_tracks; i++) {
    if (movie->tracks[i].samples > 0) {
      size += measure (&movie->tracks[i], shift).trak;
    }
  }
  return size;
}

/* Writing */

static void
put_time (GByteArray *bytes, guint64 value, gboolean large)
{
  if (large) {
    mp4_put_u64 (bytes, value);
  } else {
    mp4_put_u32 (bytes, (guint32) MIN (value, G_MAXUINT32));
  }
}

static void
put_matrix (GByteArray *bytes)
{
  static const guint32 unity[9] = { 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30 };
  for (guint i = 0; i < G_N_ELEMENTS (unity); i++) {
    mp4_put_u32 (bytes, unity[i]);
  }
}

static void
put_new_mvhd_rest (GByteArray *bytes, guint n_tracks)
{
  mp4_put_u32 (bytes, 1 << 16); /* rate */
  mp4_put_u16 (bytes, 1 << 8);  /* volume */
  mp4_put_zeros (bytes, 10);
  put_matrix (bytes);
  mp4_put_zeros (bytes, 24);
  mp4_put_u32 (bytes, n_tracks + 1);
}

static void
put_mvhd (const Mp4Movie *movie, GByteArray *bytes)
{
  Header header = parse_header (movie->mvhd, FALSE, MVHD_REST);
  gboolean large = is_long (movie->duration);
  guint start = mp4_begin_full_box (bytes, "mvhd", large ? 1 : 0, 0);
  put_time (bytes, header.creation_time, large);
  put_time (bytes, header.modification_time, large);
  mp4_put_u32 (bytes, movie->timescale);
  put_time (bytes, movie->duration, large);
  if (header.rest != NULL) {
    mp4_put_data (bytes, header.rest, MVHD_REST);
  } else {
    put_new_mvhd_rest (bytes, movie->n_tracks);
  }
  mp4_end_box (bytes, start);
}

static void
put_tkhd (const Track *track, guint number, GByteArray *bytes)
{
  Header header = parse_header (track->info->tkhd, TRUE, TKHD_REST);
  gboolean large = is_long (track->duration);
  guint start = mp4_begin_full_box (bytes, "tkhd", large ? 1 : 0, header.rest != NULL ? header.flags : 3);
  put_time (bytes, header.creation_time, large);
  put_time (bytes, header.modification_time, large);
  mp4_put_u32 (bytes, header.rest != NULL ? header.number : number);
  mp4_put_u32 (bytes, 0);
  put_time (bytes, track->duration, large);
  if (header.rest != NULL) {
    mp4_put_data (bytes, header.rest, TKHD_REST);
  } else {
    mp4_put_zeros (bytes, 16);
    put_matrix (bytes);
    mp4_put_zeros (bytes, 8);
  }
  mp4_end_box (bytes, start);
}

static void
put_edts (const Track *track, GByteArray *bytes)
{
  if (track->edits->len == 0) {
    return;
  }
  guint edts = mp4_begin_box (bytes, "edts");
  guint elst = mp4_begin_full_box (bytes, "elst", 1, 0);
  mp4_put_u32 (bytes, track->edits->len);
  for (guint i = 0; i < track->edits->len; i++) {
    const Mp4Edit *edit = &g_array_index (track->edits, Mp4Edit, i);
    mp4_put_u64 (bytes, edit->duration);
    mp4_put_u64 (bytes, (guint64) edit->media_time);
    mp4_put_u32 (bytes, edit->rate);
  }
  mp4_end_box (bytes, elst);
  mp4_end_box (bytes, edts);
}

static void
put_mdhd (const Track *track, GByteArray *bytes)
{
  const Mp4Track *info = track->info;
  gboolean large = is_long (track->length);
  guint start = mp4_begin_full_box (bytes, "mdhd", large ? 1 : 0, 0);
  put_time (bytes, info->creation_time, large);
  put_time (bytes, info->modification_time, large);
  mp4_put_u32 (bytes, info->timescale);
  put_time (bytes, track->length, large);
  mp4_put_u16 (bytes, info->language);
  mp4_put_u16 (bytes, 0);
  mp4_end_box (bytes, start);
}

static void
put_header (GByteArray *bytes, guint64 size, const char *type)
{
  mp4_put_u32 (bytes, (guint32) size);
  mp4_put_data (bytes, type, 4);
}

static void
put_bytes (GByteArray *bytes, GBytes *box)
{
  gsize size;
  gconstpointer data = g_bytes_get_data (box, &size);
  mp4_put_data (bytes, data, size);
}

static void
write_table (Mp4Movie *movie, Mp4Table *table, Mp4Output *output)
{
  guint8 data[4096];
  gsize count;
  mp4_table_rewind (table);
  while ((count = mp4_table_read (table, data, sizeof data)) > 0) {
    mp4_output_write (output, data, count);
  }
  take_error (movie, table);
}

/* A box that is version, flags, @first (a number of four bytes, NULL = none), the number of entries, the entries. */
static void
write_list (Mp4Movie *movie, const char *type, guint version, const guint32 *first, guint32 count, Mp4Table *table,
    Mp4Output *output)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  put_header (bytes, get_list_size (table) + (first != NULL ? 4 : 0), type);
  mp4_put_u8 (bytes, version);
  mp4_put_u24 (bytes, 0);
  if (first != NULL) {
    mp4_put_u32 (bytes, *first);
  }
  mp4_put_u32 (bytes, count);
  mp4_output_write_array (output, bytes);
  write_table (movie, table, output);
}

static void
write_offsets (Mp4Movie *movie, Track *track, gboolean large, guint64 shift, Mp4Output *output)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  put_header (bytes, LIST + (guint64) track->chunk_count * (large ? 8 : 4), large ? "co64" : "stco");
  mp4_put_u32 (bytes, 0);
  mp4_put_u32 (bytes, track->chunk_count);
  guint64 offset;
  mp4_table_rewind (track->chunks);
  while (mp4_table_read_u64 (track->chunks, &offset)) {
    put_time (bytes, offset + shift, large);
    if (bytes->len >= 4096) {
      mp4_output_write_array (output, bytes);
      g_byte_array_set_size (bytes, 0);
    }
  }
  mp4_output_write_array (output, bytes);
  take_error (movie, track->chunks);
}

static guint32
count_entries (const Mp4Table *table, guint entry_size)
{
  return (guint32) (mp4_table_get_size (table) / entry_size);
}

static void
write_track (Mp4Movie *movie, guint index, guint64 shift, Mp4Output *output)
{
  Track *track = &movie->tracks[index];
  const Mp4Track *info = track->info;
  Sizes sizes = measure (track, shift);
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  put_header (bytes, sizes.trak, "trak");
  put_tkhd (track, index + 1, bytes);
  put_edts (track, bytes);
  put_header (bytes, sizes.media, "mdia");
  put_mdhd (track, bytes);
  put_bytes (bytes, info->hdlr);
  put_header (bytes, sizes.minf, "minf");
  put_bytes (bytes, info->media_header);
  put_bytes (bytes, info->dinf);
  put_header (bytes, sizes.stbl, "stbl");
  put_bytes (bytes, info->stsd);
  mp4_output_write_array (output, bytes);

  const guint32 no_common_size = 0;
  write_list (movie, "stts", 0, NULL, count_entries (track->durations.table, 8), track->durations.table, output);
  if (track->composed) {
    write_list (movie, "ctts", track->negative ? 1 : 0, NULL, count_entries (track->compositions.table, 8),
        track->compositions.table, output);
  }
  if (!track->all_sync) {
    write_list (movie, "stss", 0, NULL, count_entries (track->syncs, 4), track->syncs, output);
  }
  write_list (movie, "stsc", 0, NULL, count_entries (track->chunk_runs, 12), track->chunk_runs, output);
  write_list (movie, "stsz", 0, &no_common_size, track->samples, track->sizes, output);
  write_offsets (movie, track, sizes.large, shift, output);
  if (info->udta != NULL) {
    gsize size;
    gconstpointer data = g_bytes_get_data (info->udta, &size);
    mp4_output_write (output, data, size);
  }
}

int
mp4_movie_write (Mp4Movie *movie, guint64 shift, Mp4Output *output)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  put_header (bytes, mp4_movie_get_size (movie, shift), "moov");
  put_mvhd (movie, bytes);
  mp4_output_write_array (output, bytes);
  for (guint i = 0; i < movie->n_tracks; i++) {
    if (movie->tracks[i].samples > 0) {
      write_track (movie, i, shift, output);
    }
  }
  return movie->error;
}
