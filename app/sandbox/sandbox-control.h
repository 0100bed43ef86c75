/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox-state.h"

G_BEGIN_DECLS

/* Answers a request below /sandbox/ (README.md "Control"): returns the HTTP status, @answer is JSON text. */
guint sandbox_control (SandboxState *state, const char *method, const char *path, GBytes *body, char **answer);

G_END_DECLS
