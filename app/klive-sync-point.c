/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A sync point as a value and as JSON. Used by the launcher (klive-sync-schedule.c) and by the worker's playlists.
 */
#include "klive-sync-point.h"

#include <string.h>
#include "klive-wire.h"

#define MAX_ID 64

KliveSyncPoint *
klive_sync_point_new (const char *id, gint64 offset, gint64 timestamp)
{
  KliveSyncPoint *point = g_new0 (KliveSyncPoint, 1);
  point->id = g_strdup (id);
  point->offset = offset;
  point->timestamp = timestamp;
  return point;
}

KliveSyncPoint *
klive_sync_point_copy (const KliveSyncPoint *point)
{
  return klive_sync_point_new (point->id, point->offset, point->timestamp);
}

void
klive_sync_point_free (KliveSyncPoint *point)
{
  g_free (point->id);
  g_free (point);
}

void
klive_sync_point_write (const KliveSyncPoint *point, JsonObject *object)
{
  json_object_set_string_member (object, "id", point->id);
  json_object_set_int_member (object, "offset", point->offset);
  json_object_set_int_member (object, "timestamp", point->timestamp);
}

KliveSyncPoint *
klive_sync_point_read (JsonObject *object)
{
  const char *id = klive_message_get_string (object, "id", "");
  gint64 offset = klive_message_get_int (object, "offset", -1);
  gint64 timestamp = klive_message_get_int (object, "timestamp", -1);
  gsize length = strspn (id, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "_-");
  if (length == 0 || length > MAX_ID || id[length] || offset < 0 || timestamp <= 0 || timestamp > G_MAXINT64 / 1000000)
    return NULL;
  return klive_sync_point_new (id, offset, timestamp);
}

/* ID3v2.4.0, 3.1 and 4: sizes have 7 bits in a byte. */
static void
append_size (GByteArray *bytes, gsize size)
{
  const guint8 out[] = { size >> 21 & 0x7f, size >> 14 & 0x7f, size >> 7 & 0x7f, size & 0x7f };
  g_byte_array_append (bytes, out, sizeof out);
}

GBytes *
klive_sync_point_make_id3 (const KliveSyncPoint *point)
{
  static const guint8 header[] = { 'I', 'D', '3', 4, 0, 0 }; /* version 2.4.0, no flags */
  static const guint8 flags_and_encoding[] = { 0, 0, 3 };    /* of the frame; UTF-8 */
  g_autofree char *json =
      g_strdup_printf ("{\"objectType\":\"KalturaSyncPoint\",\"id\":\"%s\",\"offset\":%" G_GINT64_FORMAT
                       ",\"timestamp\":%" G_GINT64_FORMAT "}",
          point->id, point->offset, point->timestamp);
  gsize text = strlen (json);
  GByteArray *bytes = g_byte_array_new ();
  g_byte_array_append (bytes, header, sizeof header);
  append_size (bytes, 10 + 1 + text);
  g_byte_array_append (bytes, (const guint8 *) "TEXT", 4);
  append_size (bytes, 1 + text);
  g_byte_array_append (bytes, flags_and_encoding, sizeof flags_and_encoding);
  g_byte_array_append (bytes, (const guint8 *) json, text);
  return g_byte_array_free_to_bytes (bytes);
}

GPtrArray *
klive_sync_points_new (void)
{
  return g_ptr_array_new_with_free_func ((GDestroyNotify) klive_sync_point_free);
}

gboolean
klive_sync_points_add (GPtrArray *points, KliveSyncPoint *point)
{
  guint place = points->len;
  for (guint i = 0; i < points->len; i++) {
    const KliveSyncPoint *other = points->pdata[i];
    if (strcmp (other->id, point->id) == 0) {
      klive_sync_point_free (point);
      return FALSE;
    }
    if (other->timestamp > point->timestamp)
      place = MIN (place, i);
  }
  g_ptr_array_insert (points, (gint) place, point);
  if (points->len > KLIVE_SYNC_POINTS_MAX)
    g_ptr_array_remove_index (points, 0);
  return TRUE;
}

gboolean
klive_sync_points_trim (GPtrArray *points, gint64 timestamp)
{
  guint count = 0;
  while (count < points->len && ((const KliveSyncPoint *) points->pdata[count])->timestamp < timestamp)
    count++;
  if (count > 0)
    g_ptr_array_remove_range (points, 0, count);
  return count > 0;
}
