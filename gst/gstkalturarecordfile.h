/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <mp4-finish.h>
#include <sys/types.h>
#include <sys/uio.h>

G_BEGIN_DECLS

/* The file of one recording, from its first byte to its last. Each function blocks on the disk. */
typedef struct _GstKalturaRecordFile GstKalturaRecordFile;

#define GST_KALTURA_NO_GROUP ((gid_t) -1)

/*
 * Recordings leave @min_free bytes of the disk to others, but at most a 32nd of it; 0 = they may fill it. A new file
 * begins only when twice as much is free, so that a disk that is nearly full does not get one small file after the
 * other.
 *
 * Makes a file that was not there. @pattern: as gst_kaltura_file_expand() takes it, for *@number, which is counted up
 * over names that exist and then behind this one. Holds a lock on the file: nobody finishes what is being written.
 * NULL: *@error is the errno.
 */
GstKalturaRecordFile *gst_kaltura_record_file_open (const char *pattern, guint64 *number, gid_t group, guint64 min_free,
    int *error);
const char *gst_kaltura_record_file_get_location (const GstKalturaRecordFile *file);

/* Appends all of @chunks (which are changed) or, after a fault, nothing. Returns an errno, 0 = done; ENOSPC also when
 * less than the least space is free. */
int gst_kaltura_record_file_append (GstKalturaRecordFile *file, struct iovec *chunks, guint n_chunks);
/* Bytes appended. */
guint64 gst_kaltura_record_file_get_size (const GstKalturaRecordFile *file);

/*
 * Makes the file a plain MP4, as far as possible: without room for the index it stays fragmented, which is told by
 * result->changed being FALSE. Nothing is appended any more.
 */
void gst_kaltura_record_file_complete (GstKalturaRecordFile *file, Mp4FinishResult *result);
/* Closes the file, which unlocks it. */
void gst_kaltura_record_file_free (GstKalturaRecordFile *file);
/* Removes the file and frees it. */
void gst_kaltura_record_file_discard (GstKalturaRecordFile *file);

G_END_DECLS
