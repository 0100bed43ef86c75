/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Reading boxes of a file that may be larger than memory. Private to mp4-reader and mp4-stbl. */

typedef struct {
  int fd;
  guint64 size; /* bytes */
  int error;    /* errno of the first fault, 0 = none */
} Mp4Source;

/* A box in the file. */
typedef struct {
  guint32 type;
  guint64 start, end; /* of the whole box */
  guint64 payload;    /* where it begins */
} Mp4Place;

/* FALSE if it is not all there. */
gboolean mp4_source_read (Mp4Source *source, guint64 offset, gpointer data, gsize size);

/*
 * The box at *@pos, which moves behind it. FALSE at @end, and for a box that does not fit in front of @end; *@pos stays
 * then.
 */
gboolean mp4_source_next (Mp4Source *source, guint64 *pos, guint64 end, Mp4Place *place);
/* The first box of @type in @parent. */
gboolean mp4_source_find (Mp4Source *source, const Mp4Place *parent, guint32 type, Mp4Place *place);
/* The whole box; NULL if it is larger than @max. */
GBytes *mp4_source_load (Mp4Source *source, const Mp4Place *place, gsize max);

/* A table in a file: entries of one width, read from the first to the last. */
typedef struct {
  Mp4Source *source;
  guint64 next;    /* offset of the next entry */
  guint32 entries; /* left */
  guint width;     /* bytes, 4 to 12 */
  guint8 buffer[4096];
  gsize filled, used; /* bytes of the buffer */
} Mp4Entries;

/* @count is cut to what fits in front of @end. */
void mp4_entries_init (Mp4Entries *entries, Mp4Source *source, guint64 offset, guint64 end, guint32 count, guint width);
/* The bytes of the next entry, NULL at the end. They hold until the next call. */
const guint8 *mp4_entries_next (Mp4Entries *entries);

G_END_DECLS
