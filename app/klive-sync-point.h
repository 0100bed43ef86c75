/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/*
 * Kaltura's KalturaSyncPoint: tells a player which moment of the broadcast a place in the stream is, so that it can
 * fire cue points in time. A value, made by the launcher, shown by the worker. Pure.
 *
 * {"objectType":"KalturaSyncPoint","id":"0_abcd1234-1763812345678","offset":60000,"timestamp":1763812345678}
 */
typedef struct {
  char *id;         /* 1 to 64 letters, digits, '_' and '-'; the same in all renditions and indexes */
  gint64 offset;    /* ms since the broadcast began */
  gint64 timestamp; /* Unix ms */
} KliveSyncPoint;

KliveSyncPoint *klive_sync_point_new (const char *id, gint64 offset, gint64 timestamp);
KliveSyncPoint *klive_sync_point_copy (const KliveSyncPoint *point);
void klive_sync_point_free (KliveSyncPoint *point);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveSyncPoint, klive_sync_point_free)

/* The members id, offset and timestamp of @object; NULL when one is missing or cannot be. */
void klive_sync_point_write (const KliveSyncPoint *point, JsonObject *object);
KliveSyncPoint *klive_sync_point_read (JsonObject *object);

/*
 * The point as an ID3v2.4 tag of one frame TEXT, whose text is the JSON above: what the module for Wowza wrote (a
 * player of Kaltura's reads the key TEXT).
 */
GBytes *klive_sync_point_make_id3 (const KliveSyncPoint *point);

/* The sync points of a broadcast, oldest first. (transfer full) */
GPtrArray *klive_sync_points_new (void);
/*
 * Adds @point, (transfer full); one whose id is there already is left out. There are never more than
 * KLIVE_SYNC_POINTS_MAX: the oldest goes.
 */
gboolean klive_sync_points_add (GPtrArray *points, KliveSyncPoint *point);
/* Removes those before @timestamp (Unix ms). TRUE: there were some. */
gboolean klive_sync_points_trim (GPtrArray *points, gint64 timestamp);
#define KLIVE_SYNC_POINTS_MAX 2000

G_END_DECLS
