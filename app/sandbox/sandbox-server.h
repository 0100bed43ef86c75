/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox-state.h"

G_BEGIN_DECLS

/* The HTTP side. Lives in the thread-default main context of its maker. */
typedef struct _SandboxServer SandboxServer;

/* @listen: "127.0.0.1:PORT" or "[::1]:PORT", PORT 0 = any. Error: a bad or foreign address, a port in use. */
SandboxServer *sandbox_server_new (SandboxState *state, const char *listen, GError **error);
void sandbox_server_free (SandboxServer *server);
/* "http://127.0.0.1:PORT" with the real port. */
const char *sandbox_server_get_url (SandboxServer *server);

G_END_DECLS
