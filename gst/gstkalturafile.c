/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The files that kalturahlssink writes: a temporary name in the same directory, one write per 128 KiB, a rename.
 * Plain POSIX. Runs on the streaming thread under the sink's lock; a file system that hangs, hangs that thread.
 */
#include "gstkalturafile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct _GstKalturaFile {
  char *path, *temporary;
  int fd;       /* -1 = not open */
  int error;    /* errno of the first fault */
  guint64 size; /* bytes written */
};

GstKalturaFile *
gst_kaltura_file_open (const char *path)
{
  g_autofree char *directory = g_path_get_dirname (path);
  g_autofree char *name = g_path_get_basename (path);
  GstKalturaFile *file = g_new0 (GstKalturaFile, 1);
  file->path = g_strdup (path);
  file->temporary = g_strdup_printf ("%s/.%s.part", directory, name);
  file->fd = open (file->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (file->fd < 0) {
    file->error = errno;
  }
  return file;
}

void
gst_kaltura_file_write (GstKalturaFile *file, const guint8 *data, gsize size)
{
  while (file->error == 0 && size > 0) {
    gssize written = write (file->fd, data, size);
    if (written < 0) {
      file->error = errno == EINTR ? 0 : errno;
      continue;
    }
    data += written;
    size -= written;
    file->size += written;
  }
}

guint64
gst_kaltura_file_get_size (const GstKalturaFile *file)
{
  return file->size;
}

int
gst_kaltura_file_get_error (const GstKalturaFile *file)
{
  return file->error;
}

static void
file_free (GstKalturaFile *file)
{
  g_free (file->path);
  g_free (file->temporary);
  g_free (file);
}

int
gst_kaltura_file_finish (GstKalturaFile *file)
{
  if (file->fd >= 0 && close (file->fd) != 0 && file->error == 0) {
    file->error = errno;
  }
  if (file->error == 0 && rename (file->temporary, file->path) != 0) {
    file->error = errno;
  }
  if (file->error != 0 && file->fd >= 0) {
    unlink (file->temporary);
  }
  int error = file->error;
  file_free (file);
  return error;
}

void
gst_kaltura_file_abort (GstKalturaFile *file)
{
  if (file->fd >= 0) {
    close (file->fd);
    unlink (file->temporary);
  }
  file_free (file);
}

/* Reads "05lu" behind a percent sign. Returns what follows, NULL if it is no integer conversion. */
static const char *
parse_conversion (const char *text, gboolean *zeros, guint *width)
{
  *zeros = *text == '0';
  *width = 0;
  while (g_ascii_isdigit (*text) && *width < 20) {
    *width = *width * 10 + (*text++ - '0');
  }
  while (*text == 'l') {
    text++;
  }
  return *width <= 20 && (*text == 'u' || *text == 'd' || *text == 'i') ? text + 1 : NULL;
}

char *
gst_kaltura_file_expand (const char *pattern, guint64 number)
{
  g_autoptr (GString) name = g_string_new (NULL);
  guint conversions = 0;
  while (*pattern != '\0') {
    if (*pattern != '%') {
      g_string_append_c (name, *pattern++);
    } else if (pattern[1] == '%') {
      g_string_append_c (name, '%');
      pattern += 2;
    } else {
      gboolean zeros;
      guint width;
      pattern = parse_conversion (pattern + 1, &zeros, &width);
      if (pattern == NULL) {
        return NULL;
      }
      g_string_append_printf (name, zeros ? "%0*" G_GUINT64_FORMAT : "%*" G_GUINT64_FORMAT, (int) width, number);
      conversions++;
    }
  }
  return conversions == 1 ? g_string_free (g_steal_pointer (&name), FALSE) : NULL;
}
