/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libsoup/soup.h>

G_BEGIN_DECLS

/*
 * Who is connected to one of the launcher's HTTP servers, so that nobody fills its memory or takes all of its file
 * descriptors. From the very beginning of a request, before any handler: its body is not kept until
 * klive_http_message_keep_body() says so, and its connection is closed when there are too many of its kind or when it
 * takes too long. libsoup has none of this, and reads the whole body also of what it refuses by itself. Main thread.
 */
typedef struct _KliveCallers KliveCallers;

typedef enum {
  KLIVE_CALLER_STRANGER, /* may ask for nothing that is not for everybody */
  KLIVE_CALLER_ALLOWED,  /* is in one of the allow-lists */
  KLIVE_CALLER_HERE,     /* this machine, as nginx is: never too many */
} KliveCallerKind;

/* What the sender of @message, of which nothing but the addresses is known yet, is. */
typedef KliveCallerKind (*KliveCallerFunc) (SoupServerMessage *message, gconstpointer user_data);

typedef struct {
  guint strangers;  /* open connections of all of them together */
  guint allowed;    /* the same of these: strangers cannot shut them out */
  guint read_time;  /* ms from the connection until its request, there is but one, has been read */
  guint reply_time; /* ms from then on until the answer has been taken */
} KliveCallersLimits;

extern const KliveCallersLimits klive_callers_limits; /* of the launcher */

/* Watches @server, to be called before it listens. @user_data is that of @classify. */
KliveCallers *klive_callers_new (SoupServer *server, const KliveCallersLimits *limits, KliveCallerFunc classify,
    gconstpointer user_data);
/* After soup_server_disconnect(). */
void klive_callers_free (KliveCallers *callers);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveCallers, klive_callers_free)

/* How many connections are open. */
guint klive_callers_count (const KliveCallers *callers, KliveCallerKind kind);

/* Whether what the sender of @message does wrong may be logged: once a minute for an address. */
gboolean klive_callers_may_log (KliveCallers *callers, SoupServerMessage *message);

G_END_DECLS
