/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bytes of boxes, for everything else in this folder. Pure functions; what is read may be anybody's garbage.
 */
#include "mp4-box.h"

#include <string.h>

#define HEADER 8 /* bytes: size and type */

static void
put (GByteArray *bytes, guint64 value, guint count)
{
  guint8 data[8];
  for (guint i = 0; i < count; i++) {
    data[i] = (guint8) (value >> (8 * (count - 1 - i)));
  }
  g_byte_array_append (bytes, data, count);
}

void
mp4_put_u8 (GByteArray *bytes, guint value)
{
  put (bytes, value, 1);
}

void
mp4_put_u16 (GByteArray *bytes, guint value)
{
  put (bytes, value, 2);
}

void
mp4_put_u24 (GByteArray *bytes, guint32 value)
{
  put (bytes, value, 3);
}

void
mp4_put_u32 (GByteArray *bytes, guint32 value)
{
  put (bytes, value, 4);
}

void
mp4_put_u64 (GByteArray *bytes, guint64 value)
{
  put (bytes, value, 8);
}

void
mp4_put_zeros (GByteArray *bytes, guint count)
{
  guint old = bytes->len;
  g_byte_array_set_size (bytes, old + count);
  memset (bytes->data + old, 0, count);
}

void
mp4_put_data (GByteArray *bytes, gconstpointer data, gsize size)
{
  if (size > 0) {
    g_byte_array_append (bytes, data, (guint) size);
  }
}

guint
mp4_begin_box (GByteArray *bytes, const char *type)
{
  guint start = bytes->len;
  mp4_put_u32 (bytes, 0);
  mp4_put_data (bytes, type, 4);
  return start;
}

guint
mp4_begin_full_box (GByteArray *bytes, const char *type, guint version, guint32 flags)
{
  guint start = mp4_begin_box (bytes, type);
  mp4_put_u8 (bytes, version);
  mp4_put_u24 (bytes, flags);
  return start;
}

void
mp4_end_box (GByteArray *bytes, guint start)
{
  guint32 size = GUINT32_TO_BE (bytes->len - start);
  memcpy (bytes->data + start, &size, sizeof size);
}

guint32
mp4_get_u32 (const guint8 *data)
{
  return (guint32) data[0] << 24 | (guint32) data[1] << 16 | (guint32) data[2] << 8 | data[3];
}

guint64
mp4_get_u64 (const guint8 *data)
{
  return (guint64) mp4_get_u32 (data) << 32 | mp4_get_u32 (data + 4);
}

gboolean
mp4_next_box (Mp4Span *rest, Mp4Box *box)
{
  if (rest->size < HEADER) {
    return FALSE;
  }
  guint64 size = mp4_get_u32 (rest->data);
  gsize header = HEADER;
  if (size == 1 && rest->size >= HEADER + 8) {
    header += 8;
    size = mp4_get_u64 (rest->data + HEADER);
  } else if (size == 0) {
    size = rest->size;
  }
  if (size < header || size > rest->size) {
    return FALSE;
  }
  box->type = mp4_get_u32 (rest->data + 4);
  box->whole = (Mp4Span){ rest->data, size };
  box->payload = (Mp4Span){ rest->data + header, size - header };
  rest->data += size;
  rest->size -= size;
  return TRUE;
}

gboolean
mp4_find_box (Mp4Span parent, guint32 type, Mp4Box *box)
{
  while (mp4_next_box (&parent, box)) {
    if (box->type == type) {
      return TRUE;
    }
  }
  return FALSE;
}

guint64
mp4_read (Mp4Cursor *cursor, guint count)
{
  guint64 value = 0;
  if (cursor->over || cursor->span.size - cursor->pos < count) {
    cursor->over = TRUE;
    return 0;
  }
  for (guint i = 0; i < count; i++) {
    value = value << 8 | cursor->span.data[cursor->pos++];
  }
  return value;
}

void
mp4_skip (Mp4Cursor *cursor, gsize count)
{
  if (cursor->over || cursor->span.size - cursor->pos < count) {
    cursor->over = TRUE;
    return;
  }
  cursor->pos += count;
}
