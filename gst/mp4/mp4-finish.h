/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "mp4-reader.h"

G_BEGIN_DECLS

typedef struct {
  double duration; /* s, of the longest track */
  guint64 size;    /* bytes of the file as it is now */
  gboolean torn;   /* something at the end could not be kept */
  gboolean changed;
} Mp4FinishResult;

/*
 * Makes the MP4 file @path a plain one with its index in front of the media, whatever it was: fragmented, torn in the
 * middle of a fragment, closed with the index behind. All complete fragments are kept. The new file takes the place of
 * the old one, with its owner, group and mode, in one step, and only when it is on the disk; a file that is plain
 * already is left alone. Memory does not grow with the file. On an error the file is as it was.
 *
 * Errors: MP4_ERROR_FORMAT (no index, no complete sample), MP4_ERROR_BUSY (somebody holds a lock on it, as a recorder
 * does), MP4_ERROR_SPACE (no room for the new file), MP4_ERROR_IO.
 */
gboolean mp4_finish (const char *path, Mp4FinishResult *result, GError **error);

/*
 * Closes a file that mp4_make_header() began: appends the index of all fragments and turns the box that was left free
 * into an mdat box around everything in front of it. Until that last write, one of 16 bytes, the file is as good a
 * fragmented one as before. @fd: open for reading and writing. @directory: for temporary files.
 */
gboolean mp4_close (int fd, const char *directory, Mp4FinishResult *result, GError **error);

G_END_DECLS
