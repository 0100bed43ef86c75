/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The file under mp4-reader. Every offset and size that comes out of the file is checked against the file's size here.
 */
#include "mp4-source.h"

#include <errno.h>
#include <unistd.h>

#include "mp4-box.h"

#define HEADER 8

gboolean
mp4_source_read (Mp4Source *source, guint64 offset, gpointer data, gsize size)
{
  guint8 *to = data;
  if (offset > source->size || source->size - offset < size) {
    return FALSE;
  }
  while (size > 0) {
    gssize got = pread (source->fd, to, size, (off_t) offset);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      source->error = got < 0 ? errno : EIO;
      return FALSE;
    }
    to += got;
    offset += (guint64) got;
    size -= (gsize) got;
  }
  return TRUE;
}

gboolean
mp4_source_next (Mp4Source *source, guint64 *pos, guint64 end, Mp4Place *place)
{
  guint8 data[HEADER + 8];
  guint64 start = *pos;
  if (start >= end || end - start < HEADER || !mp4_source_read (source, start, data, HEADER)) {
    return FALSE;
  }
  guint64 size = mp4_get_u32 (data);
  guint header = HEADER;
  if (size == 1) {
    header += 8;
    if (end - start < header || !mp4_source_read (source, start + HEADER, data + HEADER, 8)) {
      return FALSE;
    }
    size = mp4_get_u64 (data + HEADER);
  } else if (size == 0 && mp4_get_u32 (data + 4) != 0) {
    size = end - start; /* up to the end, but for a file that ends in zeros */
  }
  if (size < header || size > end - start) {
    return FALSE;
  }
  *place = (Mp4Place){ mp4_get_u32 (data + 4), start, start + size, start + header };
  *pos = start + size;
  return TRUE;
}

gboolean
mp4_source_find (Mp4Source *source, const Mp4Place *parent, guint32 type, Mp4Place *place)
{
  guint64 pos = parent->payload;
  while (mp4_source_next (source, &pos, parent->end, place)) {
    if (place->type == type) {
      return TRUE;
    }
  }
  return FALSE;
}

GBytes *
mp4_source_load (Mp4Source *source, const Mp4Place *place, gsize max)
{
  guint64 size = place->end - place->start;
  if (size > max) {
    return NULL;
  }
  g_autofree guint8 *data = g_malloc (size);
  if (!mp4_source_read (source, place->start, data, size)) {
    return NULL;
  }
  return g_bytes_new_take (g_steal_pointer (&data), size);
}

void
mp4_entries_init (Mp4Entries *entries, Mp4Source *source, guint64 offset, guint64 end, guint32 count, guint width)
{
  entries->source = source;
  entries->next = offset;
  entries->width = width;
  entries->entries = offset < end ? (guint32) MIN (count, (end - offset) / width) : 0;
  entries->filled = entries->used = 0;
}

const guint8 *
mp4_entries_next (Mp4Entries *entries)
{
  if (entries->entries == 0) {
    return NULL;
  }
  if (entries->used == entries->filled) {
    gsize room = sizeof entries->buffer / entries->width;
    gsize size = MIN (room, entries->entries) * entries->width;
    if (!mp4_source_read (entries->source, entries->next, entries->buffer, size)) {
      entries->entries = 0;
      return NULL;
    }
    entries->next += size;
    entries->filled = size;
    entries->used = 0;
  }
  const guint8 *entry = entries->buffer + entries->used;
  entries->used += entries->width;
  entries->entries--;
  return entry;
}
