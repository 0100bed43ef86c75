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
