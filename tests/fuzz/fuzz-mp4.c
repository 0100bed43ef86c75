/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Fuzzes MP4 files: whatever is in one, reading it ends, stays inside the file, and what is made of it is a plain file
 * with the same samples.
 */

#include "mp4-reader.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static int
make_file (const uint8_t *data, size_t size)
{
  int fd = memfd_create ("mp4", MFD_CLOEXEC);
  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (pwrite (fd, data, size, 0), ==, (gssize) size);
  return fd;
}

/* Puts an index for the samples of @fd behind them; returns how many there are. */
static guint64
append_index (int fd, size_t size, guint64 *bytes)
{
  g_autoptr (Mp4Reader) reader = mp4_reader_new (fd, NULL);
  if (reader == NULL)
    return 0;
  g_autoptr (Mp4Movie) movie =
      mp4_movie_new (mp4_reader_get_mvhd (reader), mp4_reader_get_tracks (reader), MP4_EDITS_STRETCHED, "/nonexistent");
  Mp4Sample sample;
  guint64 count = 0;
  while (mp4_reader_next (reader, &sample, NULL)) {
    g_assert_cmpuint (sample.offset, <=, size);
    g_assert_cmpuint (sample.size, <=, size - sample.offset);
    *bytes += sample.size;
    count++;
    mp4_movie_add_sample (movie, &sample, sample.offset);
  }
  mp4_movie_end (movie);
  g_assert_cmpuint (*bytes, <=, size + 1024 * 1024);
  g_auto (Mp4Output) output;
  mp4_output_init (&output, fd, size);
  int error = mp4_movie_write (movie, 0, &output);
  g_assert_cmpint (mp4_output_flush (&output), ==, 0);
  if (error == 0)
    g_assert_cmpuint (output.position, ==, size + mp4_movie_get_size (movie, 0));
  return count;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  guint64 bytes = 0;
  int fd = make_file (data, size);
  append_index (fd, size, &bytes);
  close (fd);
  return 0;
}
