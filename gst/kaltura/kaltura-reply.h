/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The reply of a call, as a tree whatever its wire format was. */
typedef struct _KalturaReply KalturaReply;

/*
 * Reads a whole reply body in XML (API.md "Replies"):
 *
 *   <xml><result><objectType>KalturaLiveStreamEntry</objectType><id>0_abcd1234</id>...</result><executionTime>..</xml>
 *
 * Errors: KALTURA_ERROR_GARBAGE (anything else than that; the first bytes quoted), KALTURA_ERROR_API (an <error> in the
 * result).
 */
KalturaReply *kaltura_reply_parse (const char *xml, gsize length, GError **error);
void kaltura_reply_free (KalturaReply *reply);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KalturaReply, kaltura_reply_free)

/*
 * @path: names and 0-based indexes with '/' between ("objects/0/id"); "" = the reply itself. (transfer none)
 * (nullable): NULL when there is nothing at @path or it is an object or array.
 */
const char *kaltura_reply_get_string (const KalturaReply *reply, const char *path);
/* @fallback when there is nothing at @path or it is no whole number. */
gint64 kaltura_reply_get_int (const KalturaReply *reply, const char *path, gint64 fallback);
/* XML has 1 and 0, JSON true and false: both are read. @fallback for anything else. */
gboolean kaltura_reply_get_boolean (const KalturaReply *reply, const char *path, gboolean fallback);
/*
 * Whether the result at @path ("0": that of the first call of a multirequest) is none, but an error: then TRUE, with
 * the KALTURA_ERROR_API that it tells.
 */
gboolean kaltura_reply_get_error (const KalturaReply *reply, const char *path, GError **error);
/* Number of items of the array at @path, 0 when there is none. */
guint kaltura_reply_get_length (const KalturaReply *reply, const char *path);

G_END_DECLS
