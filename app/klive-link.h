/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "klive-wire.h"

G_BEGIN_DECLS

/*
 * A worker's connection to its launcher: made, and made again with backoff (0.2 to 2 s) when the launcher is gone, for
 * as long as the worker lives. Main thread.
 */
typedef struct _KliveLink KliveLink;

typedef struct {
  /* The wire is there: say hello. Again after each connection. */
  void (*up) (KliveLink *link, gpointer user_data);
  void (*message) (KliveLink *link, JsonObject *message, gpointer user_data);
  /* The launcher is gone. */
  void (*down) (KliveLink *link, gpointer user_data);
} KliveLinkCallbacks;

/* @socket: path of a Unix socket; "-" is stdin and stdout, which are connected once only. */
KliveLink *klive_link_new (const char *socket, const KliveLinkCallbacks *callbacks, gpointer user_data);
void klive_link_free (KliveLink *link);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveLink, klive_link_free)

gboolean klive_link_is_up (const KliveLink *link);
/* Sends @message (transfer full); dropped while the launcher is gone: the next hello says all. */
void klive_link_send (KliveLink *link, JsonObject *message);
/* Waits until everything is sent, at most @timeout_ms. */
void klive_link_flush (KliveLink *link, guint timeout_ms);

G_END_DECLS
