/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The bytes of a fragmented MP4 file: a header, then fragments of it. Pure functions. */

typedef enum { MP4_CODEC_AVC1, MP4_CODEC_AVC3, MP4_CODEC_AAC, MP4_CODEC_MP3 } Mp4Codec;

/* Track n of a file has the id n + 1. */
typedef struct {
  Mp4Codec codec;
  guint32 timescale;    /* units a second: of all times below */
  const guint8 *config; /* avcC payload or AudioSpecificConfig; NULL for MP3 */
  gsize config_size;
  guint width, height;  /* pixels, video only */
  guint par_n, par_d;   /* pixel aspect ratio, 0 = not known */
  guint channels, rate; /* audio only */
  guint64 media_time;   /* of this track when the movie begins: what comes before is not shown */
} Mp4Setup;

/*
 * ftyp, a free box in which mp4_close() can put the header of an mdat box, and a moov without samples.
 * @creation_time: Unix s.
 */
GByteArray *mp4_make_header (const Mp4Setup *tracks, guint n_tracks, gint64 creation_time);

typedef struct {
  guint32 size; /* bytes */
  guint32 duration;
  gint32 composition; /* PTS - DTS */
  gboolean sync;
} Mp4Frame;

/* Frames of one track that follow each other. */
typedef struct {
  guint track;  /* index */
  guint64 time; /* DTS of the first, in the track's timescale */
  const Mp4Frame *frames;
  guint n_frames;
} Mp4Run;

/* moof and the header of mdat; the bytes of the frames follow, run after run. @number: counts from 1 in each file. */
GByteArray *mp4_make_fragment (guint32 number, const Mp4Run *runs, guint n_runs);

G_END_DECLS
