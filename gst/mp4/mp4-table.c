/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The sample tables of a file while it is being finished. A day of video has millions of samples; the tables must not
 * take memory in proportion to that. One buffer is written to an unlinked file whenever it is full, and read back
 * through the same buffer.
 */
#include "mp4-table.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "mp4-box.h"

#define BUFFER_SIZE (256 * 1024) /* a multiple of 8 */

struct _Mp4Table {
  char *directory;
  guint8 *buffer;
  gsize used;        /* bytes in buffer */
  guint64 spilled;   /* bytes in the file */
  int fd;            /* -1 = none yet */
  int error;         /* errno */
  guint64 read_at;   /* offset of the next byte to read */
  guint64 loaded_at; /* offset of the file's part that is in window */
  guint8 *window;    /* for reading the file; NULL = not needed */
  gsize window_size;
};

Mp4Table *
mp4_table_new (const char *directory)
{
  Mp4Table *table = g_new0 (Mp4Table, 1);
  table->directory = g_strdup (directory);
  table->fd = -1;
  return table;
}

void
mp4_table_free (Mp4Table *table)
{
  if (table->fd >= 0) {
    close (table->fd);
  }
  g_free (table->directory);
  g_free (table->buffer);
  g_free (table->window);
  g_free (table);
}

/* A file without a name, also on file systems that cannot make one. */
static int
open_nameless (const char *directory)
{
  int fd = open (directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT && errno != EINVAL)) {
    return fd;
  }
  g_autofree char *name = g_build_filename (directory, ".mp4-table-XXXXXX", NULL);
  fd = g_mkstemp_full (name, O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0) {
    unlink (name);
  }
  return fd;
}

static void
spill (Mp4Table *table)
{
  gsize done = 0;
  if (table->fd < 0 && table->error == 0) {
    table->fd = open_nameless (table->directory);
    table->error = table->fd < 0 ? errno : 0;
  }
  while (table->error == 0 && done < table->used) {
    gssize written = pwrite (table->fd, table->buffer + done, table->used - done, (off_t) (table->spilled + done));
    if (written < 0 && errno != EINTR) {
      table->error = errno;
    }
    done += written > 0 ? (gsize) written : 0;
  }
  table->spilled += table->used;
  table->used = 0;
}

static guint8 *
make_room (Mp4Table *table, gsize size)
{
  if (table->buffer == NULL) {
    table->buffer = g_malloc (BUFFER_SIZE);
  }
  if (table->used + size > BUFFER_SIZE) {
    spill (table);
  }
  guint8 *room = table->buffer + table->used;
  table->used += size;
  return room;
}

void
mp4_table_put_u32 (Mp4Table *table, guint32 value)
{
  guint32 big = GUINT32_TO_BE (value);
  memcpy (make_room (table, sizeof big), &big, sizeof big);
}

void
mp4_table_put_u64 (Mp4Table *table, guint64 value)
{
  guint64 big = GUINT64_TO_BE (value);
  memcpy (make_room (table, sizeof big), &big, sizeof big);
}

guint64
mp4_table_get_size (const Mp4Table *table)
{
  return table->spilled + table->used;
}

int
mp4_table_get_error (const Mp4Table *table)
{
  return table->error;
}

void
mp4_table_rewind (Mp4Table *table)
{
  table->read_at = 0;
  table->window_size = 0;
}

/* Has the part of the file that begins at read_at in the window. */
static gboolean
load (Mp4Table *table)
{
  if (table->window == NULL) {
    table->window = g_malloc (BUFFER_SIZE);
  }
  gsize wanted = MIN (BUFFER_SIZE, table->spilled - table->read_at);
  gssize got;
  do {
    got = pread (table->fd, table->window, wanted, (off_t) table->read_at);
  } while (got < 0 && errno == EINTR);
  if (got <= 0) {
    table->error = got < 0 ? errno : EIO;
    return FALSE;
  }
  table->loaded_at = table->read_at;
  table->window_size = (gsize) got;
  return TRUE;
}

gsize
mp4_table_read (Mp4Table *table, guint8 *data, gsize size)
{
  const guint8 *from;
  gsize there;
  if (table->error != 0) {
    return 0;
  }
  if (table->read_at >= table->spilled) {
    gsize offset = table->read_at - table->spilled;
    from = table->buffer != NULL ? table->buffer + offset : NULL;
    there = table->used - offset;
  } else {
    gboolean loaded = table->window_size > 0 && table->read_at >= table->loaded_at &&
        table->read_at < table->loaded_at + table->window_size;
    if (!loaded && !load (table)) {
      return 0;
    }
    from = table->window + (table->read_at - table->loaded_at);
    there = table->window_size - (table->read_at - table->loaded_at);
  }
  gsize count = MIN (size, there);
  if (count > 0) {
    memcpy (data, from, count);
    table->read_at += count;
  }
  return count;
}

gboolean
mp4_table_read_u64 (Mp4Table *table, guint64 *value)
{
  guint8 data[8];
  gsize done = 0;
  while (done < sizeof data) {
    gsize count = mp4_table_read (table, data + done, sizeof data - done);
    if (count == 0) {
      return FALSE;
    }
    done += count;
  }
  *value = mp4_get_u64 (data);
  return TRUE;
}
