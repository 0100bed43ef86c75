/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * A list of numbers that may grow without taking memory: what is more than 256 KiB lies in a file without a name.
 * Filled first, read afterwards.
 */
typedef struct _Mp4Table Mp4Table;

/* @directory: where to put the file if one is needed; a failure there is told by mp4_table_get_error(). */
Mp4Table *mp4_table_new (const char *directory);
void mp4_table_free (Mp4Table *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Mp4Table, mp4_table_free)

void mp4_table_put_u32 (Mp4Table *table, guint32 value);
void mp4_table_put_u64 (Mp4Table *table, guint64 value);

/* Bytes put so far. */
guint64 mp4_table_get_size (const Mp4Table *table);
/* errno of the first fault, 0 = none. */
int mp4_table_get_error (const Mp4Table *table);

/* Goes back to the first number. */
void mp4_table_rewind (Mp4Table *table);
/* Copies the next bytes, at most @size, numbers in big-endian. Returns how many, 0 at the end or after a fault. */
gsize mp4_table_read (Mp4Table *table, guint8 *data, gsize size);
/* Reads the next number that mp4_table_put_u64() has put. FALSE at the end or after a fault. */
gboolean mp4_table_read_u64 (Mp4Table *table, guint64 *value);

G_END_DECLS
