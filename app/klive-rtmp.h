/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "klive-flv.h"

G_BEGIN_DECLS

/*
 * The playing side of an RTMP connection, without the connection: bytes from the server in, bytes for the server and
 * tags out. klive-reader has the socket. Speaks with nginx-rtmp on the same machine, and trusts nobody.
 */
#define KLIVE_RTMP_ERROR (klive_rtmp_error_quark ())
GQuark klive_rtmp_error_quark (void);

typedef enum {
  KLIVE_RTMP_ERROR_BROKEN,  /* not RTMP */
  KLIVE_RTMP_ERROR_REFUSED, /* the server said no: the message is its own */
} KliveRtmpError;

typedef struct _KliveRtmp KliveRtmp;

/*
 * Plays @stream of @app, "kLive/" with "0_rkij47dr_1@0-1763812345678"; @url is the application's address, which the
 * server gets to see.
 */
KliveRtmp *klive_rtmp_new (const char *url, const char *app, const char *stream);
void klive_rtmp_free (KliveRtmp *rtmp);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveRtmp, klive_rtmp_free)

/* What the server is to get next, whoever sends it takes it out at the front. (transfer none) */
GByteArray *klive_rtmp_get_output (KliveRtmp *rtmp);

/* @size bytes of room for what the server sends, of which klive_rtmp_received() tells how many there are. */
guint8 *klive_rtmp_get_room (KliveRtmp *rtmp, gsize size);
void klive_rtmp_received (KliveRtmp *rtmp, gsize size);

/*
 * The next complete tag into @tag (payload: owned by the caller). FALSE without @error: not enough bytes yet, or the
 * stream is over. After an error the connection is of no more use.
 */
gboolean klive_rtmp_next (KliveRtmp *rtmp, KliveFlvTag *tag, GError **error);

/* The server has answered the play: nothing that is published from now on is lost. */
gboolean klive_rtmp_is_playing (const KliveRtmp *rtmp);
/* The publisher has gone; there are no more tags. */
gboolean klive_rtmp_is_over (const KliveRtmp *rtmp);

G_END_DECLS
