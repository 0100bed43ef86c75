/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kaltura-stream.h"

G_BEGIN_DECLS

typedef enum { KLIVE_HOOK_PUBLISH, KLIVE_HOOK_PUBLISH_DONE, KLIVE_HOOK_DISCONNECT } KliveHookCall;

/*
 * A call of nginx's rtmp module, as a form in the body of a POST:
 *
 *   app=kLive/&flashver=FMLE/3.0&swfurl=&tcurl=rtmp://h/kLive/%3Fp=102%26e=0_rkij47dr%26i=0%26t=12ab34cd&pageurl=
 *   &addr=10.0.0.9&clientid=25&call=publish&name=0_rkij47dr_1&type=live
 *
 * Behind the fields nginx appends, raw, what an encoder wrote behind a '?' in its stream key; so the first occurrence
 * of a name is the true one.
 */
typedef struct {
  KliveHookCall call;
  guint64 client_id; /* of the connection, while this nginx runs */
  char *address;     /* of the encoder */
  char *app;         /* "kLive" or "kLive/": streams of the two are apart */
  char *name;        /* as the encoder gave it, decoded, any bytes but NUL; "" for KLIVE_HOOK_DISCONNECT */

  /* KLIVE_HOOK_PUBLISH only */
  KalturaBroadcast *broadcast; /* NULL: @refusal says why */
  KalturaStreamName stream;    /* valid when @refusal is NULL */
  GError *refusal;             /* KALTURA_ERROR_INPUT: parameters or name are malformed, or not of one entry */
} KliveHook;

/*
 * Parses the @length bytes of @body. Publish parameters come from the stream key when it has any of p, e, i, t, else
 * from the URL of the connection (tcurl). Error KALTURA_ERROR_INPUT: this is no call of nginx's. A publish that must be
 * refused is a hook with @refusal.
 */
KliveHook *klive_hook_parse (const char *body, gsize length, GError **error);
void klive_hook_free (KliveHook *hook);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveHook, klive_hook_free)

G_END_DECLS
