/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "mp4-movie.h"

G_BEGIN_DECLS

#define MP4_ERROR (mp4_error_quark ())
GQuark mp4_error_quark (void);

typedef enum {
  MP4_ERROR_FORMAT, /* no movie, or nothing of it can be kept */
  MP4_ERROR_IO,     /* the message tells errno */
  MP4_ERROR_SPACE,  /* the disk is full */
  MP4_ERROR_BUSY,   /* somebody is still writing the file */
} Mp4ErrorCode;

/*
 * Walks through all samples of an MP4 file, plain or fragmented or both, complete or torn. Whatever is in the file, it
 * reads only within it, needs a constant amount of memory, and ends.
 */
typedef struct _Mp4Reader Mp4Reader;

/* @fd stays open and belongs to the caller. Errors: MP4_ERROR_FORMAT (no index, no track), MP4_ERROR_IO. */
Mp4Reader *mp4_reader_new (int fd, GError **error);
void mp4_reader_free (Mp4Reader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Mp4Reader, mp4_reader_free)

/* The movie's header box (nullable) and tracks: of Mp4Track. (transfer none) */
GBytes *mp4_reader_get_mvhd (const Mp4Reader *reader);
GPtrArray *mp4_reader_get_tracks (const Mp4Reader *reader);
/* Whether the header announces fragments. */
gboolean mp4_reader_is_fragmented (const Mp4Reader *reader);
/* Whether the index is in front of all media, so that a player can begin before it has the whole file. */
gboolean mp4_reader_is_in_front (const Mp4Reader *reader);

/*
 * The next sample, in the order of their bytes in the file for each part of it. FALSE after the last one that is
 * complete; then @error tells a fault of the disk.
 */
gboolean mp4_reader_next (Mp4Reader *reader, Mp4Sample *sample, GError **error);

/* After the last sample. Whether something of the file could not be kept: a torn tail, samples that are not there. */
gboolean mp4_reader_is_torn (const Mp4Reader *reader);

G_END_DECLS
