/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox-state.h"

G_BEGIN_DECLS

/* Errors of all: SANDBOX_DATA_ERROR. */

/* Reads FILE.json into @state (README.md describes it). Errors name the file, the place and what was expected. */
gboolean sandbox_data_load (SandboxState *state, const char *file, GError **error);
/* Merges: objects with a known id are updated, others added. All or nothing is not promised. */
gboolean sandbox_data_merge (SandboxState *state, JsonNode *root, GError **error);

G_END_DECLS
