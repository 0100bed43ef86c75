/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "mp4-output.h"

G_BEGIN_DECLS

/* A frame where it lies in a file. */
typedef struct {
  guint track;         /* index of its track */
  guint32 description; /* 1-based index of its sample entry */
  guint64 offset;      /* bytes from the start of the file */
  guint32 size;        /* bytes */
  guint64 dts;         /* in the track's timescale, never less than that of the sample before */
  guint32 duration;    /* the same; counts for the last sample only: others last until the next one */
  gint32 composition;  /* PTS - DTS, the same */
  gboolean sync;
} Mp4Sample;

typedef struct {
  guint64 duration;  /* in the movie's timescale */
  gint64 media_time; /* in the track's timescale, -1 = nothing is shown */
  guint32 rate;      /* 16.16 */
} Mp4Edit;

/* A track but for its samples. Boxes are whole, with their headers, as another file had them. */
typedef struct {
  guint32 timescale; /* units a second, not 0 */
  guint16 language;
  guint64 creation_time, modification_time; /* s since 1904 */
  GBytes *tkhd, *hdlr, *media_header, *dinf, *stsd;
  GBytes *udta;  /* nullable */
  GArray *edits; /* of Mp4Edit; empty = none */
} Mp4Track;

Mp4Track *mp4_track_new (void);
void mp4_track_free (Mp4Track *track);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Mp4Track, mp4_track_free)

/*
 * A plain movie in the making: the index (moov) of samples that are told one by one. Memory does not grow with them.
 */
typedef struct _Mp4Movie Mp4Movie;

typedef enum {
  MP4_EDITS_KEPT,     /* edits last as long as they say, if there is media for that */
  MP4_EDITS_STRETCHED /* the last edit lasts as long as the media: fragments have no duration in their header */
} Mp4Edits;

/*
 * @mvhd: whole box of another file, (nullable: a new one with the timescale 90000). @tracks: of Mp4Track, referenced.
 * @directory: for temporary files. A malformed @mvhd or tkhd is replaced by a sensible one.
 */
Mp4Movie *mp4_movie_new (GBytes *mvhd, GPtrArray *tracks, Mp4Edits edits, const char *directory);
void mp4_movie_free (Mp4Movie *movie);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Mp4Movie, mp4_movie_free)

/* In the order of their bytes in the file; @offset: where the sample lies in the file that is made. */
void mp4_movie_add_sample (Mp4Movie *movie, const Mp4Sample *sample, guint64 offset);
/* No more samples. Tracks without any are left out. */
void mp4_movie_end (Mp4Movie *movie);

/* All three after the end. */

/* s, of the longest track. */
double mp4_movie_get_duration (const Mp4Movie *movie);
/* Of the moov box if each sample lay @shift bytes further back than told. */
guint64 mp4_movie_get_size (const Mp4Movie *movie, guint64 shift);
/* Writes the moov box. Faults: see @output, and the return value: errno of the tables, 0 = none. */
int mp4_movie_write (Mp4Movie *movie, guint64 shift, Mp4Output *output);

G_END_DECLS
