/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files of kalturarecordsink. Plain POSIX; runs on the element's writer thread, which may wait for the disk. Whatever
 * happens, a file ends behind a whole fragment.
 */
#include "gstkalturarecordfile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "gstkalturafile.h"

#define MAX_CHUNKS 256 /* of one writev(), below IOV_MAX */
#define MAX_SHARE 32   /* of a small disk: recordings leave no more than a 32nd of it to others */
#define MODE 0640
#define GROUP_MODE 0660

struct _GstKalturaRecordFile {
  char *location;
  int fd;
  guint64 size;     /* bytes; the file has no more */
  guint64 min_free; /* bytes of the disk that are left to others */
};

static int
open_new (const char *pattern, guint64 *number, char **location)
{
  for (;;) {
    g_autofree char *name = gst_kaltura_file_expand (pattern, *number);
    int fd = open (name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, MODE);
    if (fd >= 0 || errno == EEXIST) {
      (*number)++;
    }
    if (fd >= 0) {
      *location = g_steal_pointer (&name);
    }
    if (fd >= 0 || errno != EEXIST) {
      return fd;
    }
  }
}

/* The name, too, must outlive a crash of the machine. */
static int
sync_directory (const char *location)
{
  g_autofree char *directory = g_path_get_dirname (location);
  int fd = open (directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int error = fd < 0 || fsync (fd) != 0 ? errno : 0;
  if (fd >= 0) {
    close (fd);
  }
  return error;
}

/* Whether @times what recordings leave to others is free. A disk that does not tell may be filled. */
static gboolean
has_space (int fd, guint64 min_free, guint times)
{
  struct statvfs info;
  if (min_free == 0 || fstatvfs (fd, &info) != 0 || info.f_blocks == 0) {
    return TRUE;
  }
  guint64 least = MIN (min_free, (guint64) info.f_blocks * info.f_frsize / MAX_SHARE);
  return (guint64) info.f_bavail * info.f_frsize >= times * least;
}

static int
prepare (int fd, const char *location, gid_t group, guint64 min_free)
{
  if (!has_space (fd, min_free, 2)) {
    return ENOSPC;
  }
  if (flock (fd, LOCK_EX | LOCK_NB) != 0 && errno != ENOLCK && errno != EOPNOTSUPP) {
    return errno;
  }
  if (group != GST_KALTURA_NO_GROUP && (fchown (fd, (uid_t) -1, group) != 0 || fchmod (fd, GROUP_MODE) != 0)) {
    return errno;
  }
  return sync_directory (location);
}

GstKalturaRecordFile *
gst_kaltura_record_file_open (const char *pattern, guint64 *number, gid_t group, guint64 min_free, int *error)
{
  g_autofree char *location = NULL;
  int fd = open_new (pattern, number, &location);
  if (fd < 0) {
    *error = errno;
    return NULL;
  }
  *error = prepare (fd, location, group, min_free);
  if (*error != 0) {
    unlink (location);
    close (fd);
    (*number)--; /* it is free again */
    return NULL;
  }
  GstKalturaRecordFile *file = g_new0 (GstKalturaRecordFile, 1);
  file->fd = fd;
  file->min_free = min_free;
  file->location = g_steal_pointer (&location);
  return file;
}

const char *
gst_kaltura_record_file_get_location (const GstKalturaRecordFile *file)
{
  return file->location;
}

guint64
gst_kaltura_record_file_get_size (const GstKalturaRecordFile *file)
{
  return file->size;
}

/* Takes @size bytes off the front of @chunks. */
static void
advance (struct iovec **chunks, guint *n_chunks, gsize size)
{
  while (*n_chunks > 0 && size >= (*chunks)->iov_len) {
    size -= (*chunks)->iov_len;
    (*chunks)++;
    (*n_chunks)--;
  }
  if (size > 0) {
    (*chunks)->iov_base = (guint8 *) (*chunks)->iov_base + size;
    (*chunks)->iov_len -= size;
  }
}

int
gst_kaltura_record_file_append (GstKalturaRecordFile *file, struct iovec *chunks, guint n_chunks)
{
  guint64 size = file->size;
  if (!has_space (file->fd, file->min_free, 1)) {
    return ENOSPC;
  }
  advance (&chunks, &n_chunks, 0); /* empty ones */
  while (n_chunks > 0) {
    gssize written = pwritev (file->fd, chunks, (int) MIN (n_chunks, MAX_CHUNKS), (off_t) size);
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      int error = written < 0 ? errno : EIO;
      if (ftruncate (file->fd, (off_t) file->size) != 0) {
        return errno; /* mp4_finish() will drop what is too much */
      }
      return error;
    }
    size += (guint64) written;
    advance (&chunks, &n_chunks, (gsize) written);
  }
  file->size = size;
  return 0;
}

void
gst_kaltura_record_file_complete (GstKalturaRecordFile *file, Mp4FinishResult *result)
{
  g_autofree char *directory = g_path_get_dirname (file->location);
  mp4_close (file->fd, directory, result, NULL);
  result->size = MAX (result->size, file->size);
}

void
gst_kaltura_record_file_free (GstKalturaRecordFile *file)
{
  close (file->fd);
  g_free (file->location);
  g_free (file);
}

void
gst_kaltura_record_file_discard (GstKalturaRecordFile *file)
{
  unlink (file->location);
  gst_kaltura_record_file_free (file);
}
