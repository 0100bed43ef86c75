/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Boxes of ISO base media files (ISO/IEC 14496-12): big-endian bytes in and out. */

#define MP4_TYPE(a, b, c, d) ((guint32) (a) << 24 | (guint32) (b) << 16 | (guint32) (c) << 8 | (guint32) (d))

/* Building. Values are appended to @bytes. */

void mp4_put_u8 (GByteArray *bytes, guint value);
void mp4_put_u16 (GByteArray *bytes, guint value);
void mp4_put_u24 (GByteArray *bytes, guint32 value);
void mp4_put_u32 (GByteArray *bytes, guint32 value);
void mp4_put_u64 (GByteArray *bytes, guint64 value);
void mp4_put_zeros (GByteArray *bytes, guint count);
void mp4_put_data (GByteArray *bytes, gconstpointer data, gsize size);

/* Between begin and end lies the box's payload. Returns what mp4_end_box() wants. */
guint mp4_begin_box (GByteArray *bytes, const char *type);
guint mp4_begin_full_box (GByteArray *bytes, const char *type, guint version, guint32 flags);
void mp4_end_box (GByteArray *bytes, guint start);

/* Reading */

typedef struct {
  const guint8 *data;
  gsize size;
} Mp4Span;

typedef struct {
  guint32 type;
  Mp4Span whole;   /* with its header */
  Mp4Span payload; /* behind the header */
} Mp4Box;

/* Takes the next box off @rest. FALSE at the end and for a box that does not fit. */
gboolean mp4_next_box (Mp4Span *rest, Mp4Box *box);
/* The first box of @type in @parent (the payload of a container). */
gboolean mp4_find_box (Mp4Span parent, guint32 type, Mp4Box *box);

/* Reads numbers one after the other. Past the end all are 0, and @over tells. */
typedef struct {
  Mp4Span span;
  gsize pos;
  gboolean over;
} Mp4Cursor;

/* @count: bytes, 1 to 8. */
guint64 mp4_read (Mp4Cursor *cursor, guint count);
void mp4_skip (Mp4Cursor *cursor, gsize count);

guint32 mp4_get_u32 (const guint8 *data);
guint64 mp4_get_u64 (const guint8 *data);

G_END_DECLS
