/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Bytes on their way into a file, in order. */
typedef struct {
  int fd;
  guint64 position; /* in the file, of the next byte given */
  guint8 *buffer;
  gsize used; /* bytes in buffer */
  int error;  /* errno of the first fault, 0 = none; nothing is written after one */
} Mp4Output;

/* Writes to @fd from @position on. */
void mp4_output_init (Mp4Output *output, int fd, guint64 position);
/* What is in the buffer is thrown away. */
void mp4_output_clear (Mp4Output *output);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Mp4Output, mp4_output_clear)

void mp4_output_write (Mp4Output *output, gconstpointer data, gsize size);
void mp4_output_write_array (Mp4Output *output, const GByteArray *bytes);
/* Copies @size bytes of @from, in constant memory. A file that ends earlier is the error EIO. */
void mp4_output_copy (Mp4Output *output, int from, guint64 offset, guint64 size);
/* Returns the errno of the first fault, 0 = everything is in the file. */
int mp4_output_flush (Mp4Output *output);

G_END_DECLS
