/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox-object.h"

G_BEGIN_DECLS

/* The one error domain of input files and control requests; messages begin with the JSON path: "$.entries[0].id:". */
#define SANDBOX_DATA_ERROR (sandbox_data_error_quark ())
GQuark sandbox_data_error_quark (void);

/* "$.a[0].b" and what was expected there: sets @error and returns FALSE. */
gboolean sandbox_data_fail (GError **error, const char *path, const char *format, ...) G_GNUC_PRINTF (3, 4);

gboolean sandbox_node_is (JsonNode *node, SandboxType type);
gboolean sandbox_check_type (JsonNode *node, SandboxType type, const char *path, GError **error);
/* @members: what the object may have, "name:s" (letters as in sandbox-classes.h; may be null), or must, "id:i!". */
gboolean sandbox_check_object (JsonNode *node, const char *const *members, const char *path, GError **error);
/* Checks against an API class. @required: a property that must be there. @extra: one beside the class's, or NULL. */
gboolean sandbox_check_class (JsonNode *node, const char *class_name, const char *required, const char *extra,
    const char *path, GError **error);

G_END_DECLS
