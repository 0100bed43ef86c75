/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "mp4-movie.h"
#include "mp4-source.h"

G_BEGIN_DECLS

/* The samples that the index of a plain file lists for one track. Private to mp4-reader. */
typedef struct _Mp4Stbl Mp4Stbl;

/* @stbl: the box in @source, which must live as long. */
Mp4Stbl *mp4_stbl_new (Mp4Source *source, const Mp4Place *stbl, guint track);
void mp4_stbl_free (Mp4Stbl *stbl);

/* The next sample, as listed: it need not be within the file. FALSE at the end. */
gboolean mp4_stbl_next (Mp4Stbl *stbl, Mp4Sample *sample);

G_END_DECLS
