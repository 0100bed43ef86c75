/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Buffered writing for whoever makes files here. An error is kept, so that callers ask once, at the end.
 */
#include "mp4-output.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_SIZE (512 * 1024)

void
mp4_output_init (Mp4Output *output, int fd, guint64 position)
{
  *output = (Mp4Output){ .fd = fd, .position = position, .buffer = g_malloc (BUFFER_SIZE) };
}

void
mp4_output_clear (Mp4Output *output)
{
  g_clear_pointer (&output->buffer, g_free);
}

static void
drain (Mp4Output *output)
{
  guint64 start = output->position - output->used;
  gsize done = 0;
  while (output->error == 0 && done < output->used) {
    gssize written = pwrite (output->fd, output->buffer + done, output->used - done, (off_t) (start + done));
    if (written < 0 && errno != EINTR) {
      output->error = errno;
    }
    done += written > 0 ? (gsize) written : 0;
  }
  output->used = 0;
}

void
mp4_output_write (Mp4Output *output, gconstpointer data, gsize size)
{
  const guint8 *from = data;
  while (size > 0 && output->error == 0) {
    gsize count = MIN (size, BUFFER_SIZE - output->used);
    memcpy (output->buffer + output->used, from, count);
    output->used += count;
    output->position += count;
    from += count;
    size -= count;
    if (output->used == BUFFER_SIZE) {
      drain (output);
    }
  }
}

void
mp4_output_write_array (Mp4Output *output, const GByteArray *bytes)
{
  mp4_output_write (output, bytes->data, bytes->len);
}

void
mp4_output_copy (Mp4Output *output, int from, guint64 offset, guint64 size)
{
  while (size > 0 && output->error == 0) {
    gsize wanted = MIN (size, BUFFER_SIZE - output->used);
    gssize got = pread (from, output->buffer + output->used, wanted, (off_t) offset);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      output->error = got < 0 ? errno : EIO;
      return;
    }
    output->used += (gsize) got;
    output->position += (guint64) got;
    offset += (guint64) got;
    size -= (guint64) got;
    if (output->used == BUFFER_SIZE) {
      drain (output);
    }
  }
}

int
mp4_output_flush (Mp4Output *output)
{
  drain (output);
  return output->error;
}
