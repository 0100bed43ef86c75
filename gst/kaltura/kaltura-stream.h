/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Length of an entry id without its terminating NUL: "0_rkij47dr". */
#define KALTURA_ENTRY_ID_LENGTH 10

/* What an encoder says of itself when it publishes: the query of the RTMP URL. */
typedef struct {
  gint partner_id;                            /* p, > 0 */
  char entry_id[KALTURA_ENTRY_ID_LENGTH + 1]; /* e */
  gint server_index;                          /* i: 0 primary, 1 backup */
  char *token;                                /* t, 1 to 128 bytes after URL decoding; a secret: never log it */
} KalturaBroadcast;

void kaltura_broadcast_clear (KalturaBroadcast *broadcast);
void kaltura_broadcast_free (KalturaBroadcast *broadcast);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KalturaBroadcast, kaltura_broadcast_free)

/*
 * Parses the publish parameters p, e, i, t. @text is a whole URL ("rtmp://host/kLive/?p=102&e=...", percent-coded query
 * as nginx-rtmp's tcurl too: "%3Fp=102%26e=...") or a bare query ("p=102&e=..."). The first occurrence of a name wins;
 * unknown names are ignored; a trailing "/stream" behind the query is cut (the Wowza module cut the query at the first
 * '/'). Errors: KALTURA_ERROR_INPUT naming the parameter and what was expected: missing or bad p/e/i/t, path-style
 * parameters (".../p/102/e/..."), "e=eu-..." (refused by design).
 */
KalturaBroadcast *kaltura_broadcast_parse (const char *text, GError **error);

/* A stream name "0_rkij47dr_1": entry and suffix. */
typedef struct {
  char entry_id[KALTURA_ENTRY_ID_LENGTH + 1];
  guint suffix; /* 1 to 9999 */
} KalturaStreamName;

/* ^[0-9]_[A-Za-z0-9]{8}_[1-9][0-9]{0,3}$ and nothing else. Error: KALTURA_ERROR_INPUT, the name quoted with control
 * and non-ASCII bytes escaped and cut at 64 characters. */
gboolean kaltura_stream_name_parse (const char *text, KalturaStreamName *name, GError **error);

/* ^[0-9]_[A-Za-z0-9]{8}$ */
gboolean kaltura_entry_id_is_valid (const char *text);

/* ^[A-Za-z0-9_-]{1,64}$: Kaltura's look like entry ids, but it promises no form. They become parts of file names. */
gboolean kaltura_asset_id_is_valid (const char *text);

G_END_DECLS
