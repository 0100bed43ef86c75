/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox-state.h"

G_BEGIN_DECLS

/* The one error domain of input files and control requests; messages begin with the JSON path: "$.entries[0].id: ...". */
#define SANDBOX_DATA_ERROR (sandbox_data_error_quark ())
GQuark sandbox_data_error_quark (void);

/* "$.a[0].b" and what was expected there: sets @error and returns FALSE. */
gboolean sandbox_data_fail (GError **error, const char *path, const char *format, ...) G_GNUC_PRINTF (3, 4);

/* Reads FILE.json into @state (README.md describes it). Errors name the file, the place and what was expected. */
gboolean sandbox_data_load (SandboxState *state, const char *file, GError **error);
/* Merges: objects with a known id are updated, others added. All or nothing is not promised. */
gboolean sandbox_data_merge (SandboxState *state, JsonNode *root, GError **error);

G_END_DECLS
