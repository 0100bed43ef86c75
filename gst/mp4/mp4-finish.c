/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Plain files out of recordings. mp4_close() is the cheap way, in place, of an element that closes its own file;
 * mp4_finish() writes a new file, with the index in front, and repairs what a crash has left. Both block on the disk.
 */
#include "mp4-finish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mp4-box.h"
#include "mp4-source.h"
#include "mp4-table.h"

#define MDAT_HEADER 16 /* bytes, of an mdat box with a 64-bit size */

static gboolean
fail (GError **error, int code, const char *what)
{
  g_set_error (error, MP4_ERROR, code == ENOSPC || code == EDQUOT ? MP4_ERROR_SPACE : MP4_ERROR_IO, "%s: %s", what,
      g_strerror (code));
  return FALSE;
}

/* Pieces of the old file in the order in which they stand in the new one: offset and size. */
typedef struct {
  Mp4Table *pieces;
  guint64 offset, size; /* of the last one */
  guint64 total;
} Plan;

static void
end_piece (Plan *plan)
{
  if (plan->size > 0) {
    mp4_table_put_u64 (plan->pieces, plan->offset);
    mp4_table_put_u64 (plan->pieces, plan->size);
  }
}

static void
add_piece (Plan *plan, const Mp4Sample *sample)
{
  if (sample->offset != plan->offset + plan->size) {
    end_piece (plan);
    plan->offset = sample->offset;
    plan->size = 0;
  }
  plan->size += sample->size;
  plan->total += sample->size;
}

/* Reads all samples. @plan: nullable; without it the samples stay where they are. */
static Mp4Movie *
read_movie (Mp4Reader *reader, const char *directory, Plan *plan, GError **error)
{
  g_autoptr (Mp4Movie) movie = mp4_movie_new (mp4_reader_get_mvhd (reader), mp4_reader_get_tracks (reader),
      mp4_reader_is_fragmented (reader) ? MP4_EDITS_STRETCHED : MP4_EDITS_KEPT, directory);
  g_autoptr (GError) cause = NULL;
  guint64 count = 0;
  Mp4Sample sample;
  while (mp4_reader_next (reader, &sample, &cause)) {
    mp4_movie_add_sample (movie, &sample, plan != NULL ? plan->total : sample.offset);
    if (plan != NULL) {
      add_piece (plan, &sample);
    }
    count++;
  }
  mp4_movie_end (movie);
  if (plan != NULL) {
    end_piece (plan);
  }
  if (cause != NULL) {
    g_propagate_error (error, g_steal_pointer (&cause));
    return NULL;
  }
  if (count == 0) {
    g_set_error_literal (error, MP4_ERROR, MP4_ERROR_FORMAT, "no complete fragment in the file");
    return NULL;
  }
  return g_steal_pointer (&movie);
}

/* The new file */

static GByteArray *
make_ftyp (void)
{
  GByteArray *bytes = g_byte_array_new ();
  guint start = mp4_begin_box (bytes, "ftyp");
  mp4_put_data (bytes, "isom", 4);
  mp4_put_u32 (bytes, 512);
  mp4_put_data (bytes, "isomiso2iso4avc1mp41", 20);
  mp4_end_box (bytes, start);
  return bytes;
}

static void
write_mdat_header (Mp4Output *output, guint64 size)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  mp4_put_u32 (bytes, 1);
  mp4_put_data (bytes, "mdat", 4);
  mp4_put_u64 (bytes, MDAT_HEADER + size);
  mp4_output_write_array (output, bytes);
}

static int
write_file (Mp4Movie *movie, Plan *plan, int from, int to, guint64 *size)
{
  g_auto (Mp4Output) output;
  g_autoptr (GByteArray) ftyp = make_ftyp ();
  mp4_output_init (&output, to, 0);
  /* The index grows once offsets need 64 bits, and never shrinks when it lies further back. */
  guint64 shift = ftyp->len + mp4_movie_get_size (movie, 0) + MDAT_HEADER;
  shift = ftyp->len + mp4_movie_get_size (movie, shift) + MDAT_HEADER;
  mp4_output_write_array (&output, ftyp);
  int error = mp4_movie_write (movie, shift, &output);
  write_mdat_header (&output, plan->total);
  guint64 offset, length;
  mp4_table_rewind (plan->pieces);
  while (error == 0 && mp4_table_read_u64 (plan->pieces, &offset) && mp4_table_read_u64 (plan->pieces, &length)) {
    mp4_output_copy (&output, from, offset, length);
  }
  int flushed = mp4_output_flush (&output);
  *size = output.position;
  return error != 0 ? error : flushed != 0 ? flushed : mp4_table_get_error (plan->pieces);
}

static int
sync_directory (const char *directory)
{
  int fd = open (directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    return errno;
  }
  int error = fsync (fd) != 0 ? errno : 0;
  close (fd);
  return error;
}

/* Owner and group need rights that the caller may not have: as far as possible. */
static int
take_over_rights (int from, int to)
{
  struct stat info;
  if (fstat (from, &info) != 0) {
    return errno;
  }
  if (fchown (to, info.st_uid, info.st_gid) != 0 && fchown (to, (uid_t) -1, info.st_gid) != 0 && errno != EPERM) {
    return errno;
  }
  return fchmod (to, info.st_mode & 07777) != 0 ? errno : 0;
}

/* Writes and syncs the file @temporary. Returns an errno; after one there is no file. */
static int
make_file (Mp4Movie *movie, Plan *plan, int from, const char *temporary, guint64 *size)
{
  unlink (temporary); /* of somebody who was killed: the lock is ours */
  int to = open (temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (to < 0) {
    return errno;
  }
  int error = write_file (movie, plan, from, to, size);
  if (error == 0) {
    error = take_over_rights (from, to);
  }
  if (error == 0 && fsync (to) != 0) {
    error = errno;
  }
  posix_fadvise (to, 0, 0, POSIX_FADV_DONTNEED);
  if (close (to) != 0 && error == 0) {
    error = errno;
  }
  if (error != 0) {
    unlink (temporary);
  }
  return error;
}

static gboolean
replace (Mp4Movie *movie, Plan *plan, int fd, const char *path, const char *directory, guint64 *size, GError **error)
{
  g_autofree char *name = g_path_get_basename (path);
  g_autofree char *temporary = g_strdup_printf ("%s/.%s.finish", directory, name);
  int code = make_file (movie, plan, fd, temporary, size);
  if (code != 0) {
    return fail (error, code, "cannot write the new file");
  }
  if (rename (temporary, path) != 0) {
    code = errno;
    unlink (temporary);
    return fail (error, code, "cannot put the new file in place");
  }
  code = sync_directory (directory);
  return code == 0 || fail (error, code, "cannot sync the directory");
}

/* Opens @path and holds its lock; -1 = error. */
static int
open_locked (const char *path, GError **error)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    fail (error, errno, "cannot open");
    return -1;
  }
  /* A file system without locks has no recorder that holds one either. */
  if (flock (fd, LOCK_EX | LOCK_NB) != 0 && errno != ENOLCK && errno != EOPNOTSUPP) {
    int code = errno;
    close (fd);
    if (code == EWOULDBLOCK) {
      g_set_error_literal (error, MP4_ERROR, MP4_ERROR_BUSY, "somebody is writing the file");
    } else {
      fail (error, code, "cannot lock");
    }
    return -1;
  }
  struct stat held, named;
  if (fstat (fd, &held) != 0 || stat (path, &named) != 0 || held.st_ino != named.st_ino) {
    close (fd);
    g_set_error_literal (error, MP4_ERROR, MP4_ERROR_BUSY, "somebody has just replaced the file");
    return -1;
  }
  return fd;
}

static gboolean
finish_locked (int fd, const char *path, const char *directory, Mp4FinishResult *result, GError **error)
{
  g_autoptr (Mp4Reader) reader = mp4_reader_new (fd, error);
  if (reader == NULL) {
    return FALSE;
  }
  g_autoptr (Mp4Table) pieces = mp4_table_new (directory);
  Plan plan = { .pieces = pieces };
  g_autoptr (Mp4Movie) movie = read_movie (reader, directory, &plan, error);
  if (movie == NULL) {
    return FALSE;
  }
  struct stat info;
  result->duration = mp4_movie_get_duration (movie);
  result->torn = mp4_reader_is_torn (reader);
  result->changed = mp4_reader_is_fragmented (reader) || !mp4_reader_is_in_front (reader) || result->torn;
  result->size = fstat (fd, &info) == 0 ? (guint64) info.st_size : 0;
  return !result->changed || replace (movie, &plan, fd, path, directory, &result->size, error);
}

gboolean
mp4_finish (const char *path, Mp4FinishResult *result, GError **error)
{
  g_autofree char *directory = g_path_get_dirname (path);
  *result = (Mp4FinishResult){ 0 };
  int fd = open_locked (path, error);
  if (fd < 0) {
    return FALSE;
  }
  posix_fadvise (fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  gboolean done = finish_locked (fd, path, directory, result, error);
  posix_fadvise (fd, 0, 0, POSIX_FADV_DONTNEED);
  close (fd);
  return done;
}

/* Closing in place */

/* The box that mp4_make_header() leaves free for the header of an mdat box. */
static gboolean
find_free_box (int fd, guint64 size, guint64 *offset)
{
  Mp4Source source = { fd, size, 0 };
  Mp4Place place;
  guint64 pos = 0;
  if (!mp4_source_next (&source, &pos, size, &place) || !mp4_source_next (&source, &pos, size, &place) ||
      place.type != MP4_TYPE ('f', 'r', 'e', 'e') || place.end - place.start != MDAT_HEADER) {
    return FALSE;
  }
  *offset = place.start;
  return TRUE;
}

static int
wrap (int fd, guint64 start, guint64 end)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  mp4_put_u32 (bytes, 1);
  mp4_put_data (bytes, "mdat", 4);
  mp4_put_u64 (bytes, end - start);
  gssize written;
  do {
    written = pwrite (fd, bytes->data, bytes->len, (off_t) start);
  } while (written < 0 && errno == EINTR);
  return written == (gssize) bytes->len ? 0 : written < 0 ? errno : EIO;
}

gboolean
mp4_close (int fd, const char *directory, Mp4FinishResult *result, GError **error)
{
  struct stat info;
  guint64 start;
  *result = (Mp4FinishResult){ 0 };
  if (fstat (fd, &info) != 0 || !find_free_box (fd, (guint64) info.st_size, &start)) {
    g_set_error_literal (error, MP4_ERROR, MP4_ERROR_FORMAT, "not a recording that can be closed in place");
    return FALSE;
  }
  guint64 end = (guint64) info.st_size;
  g_autoptr (Mp4Reader) reader = mp4_reader_new (fd, error);
  g_autoptr (Mp4Movie) movie = reader != NULL ? read_movie (reader, directory, NULL, error) : NULL;
  if (movie == NULL) {
    return FALSE;
  }
  result->duration = mp4_movie_get_duration (movie);
  result->torn = mp4_reader_is_torn (reader);
  result->size = end;
  g_auto (Mp4Output) output;
  mp4_output_init (&output, fd, end);
  int code = mp4_movie_write (movie, 0, &output);
  int flushed = mp4_output_flush (&output);
  code = code != 0 ? code : flushed;
  if (code == 0) {
    code = wrap (fd, start, end);
  }
  if (code != 0) {
    if (ftruncate (fd, (off_t) end) != 0) {
      result->torn = TRUE;
    }
    return fail (error, code, "cannot write the index");
  }
  result->changed = TRUE;
  result->size = output.position;
  return TRUE;
}
