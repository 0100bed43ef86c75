/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "mp4-box.h"
#include "mp4-movie.h"

G_BEGIN_DECLS

/* The samples of one fragment. Private to mp4-reader. */

/* What the header says of a track's samples where a fragment does not (box trex), and where the track stands. */
typedef struct {
  guint32 id;
  guint32 description, duration, size, flags;
  guint64 next_dts; /* of the next sample */
} Mp4FragmentTrack;

/* Goes through a moof box; copy it to come back to where it was. */
typedef struct {
  Mp4Span moof;         /* whole box, unowned */
  guint64 start;        /* of the moof in the file */
  GArray *tracks;       /* of Mp4FragmentTrack, unowned */
  Mp4Span boxes;        /* left in the moof */
  Mp4Span traf;         /* left in the current traf */
  gint track;           /* index, -1 = of a track that is not known */
  Mp4FragmentTrack now; /* defaults of the current traf */
  guint64 base;         /* offset that the current traf's runs count from */
  guint64 offset;       /* of the next sample */
  guint64 dts;          /* of the next sample */
  guint32 run_flags;    /* of the current trun */
  guint32 first_flags;  /* of the sample that comes first in it */
  gboolean first;
  guint32 left; /* samples of the current run */
  Mp4Cursor run;
  gboolean malformed;
} Mp4Moof;

void mp4_moof_init (Mp4Moof *moof, Mp4Span whole, guint64 start, GArray *tracks);
/* FALSE at the end, or when @malformed. Moves no track on: the caller does, for samples that it takes. */
gboolean mp4_moof_next (Mp4Moof *moof, Mp4Sample *sample);

G_END_DECLS
