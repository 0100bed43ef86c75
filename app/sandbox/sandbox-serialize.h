/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox-call.h"

G_BEGIN_DECLS

/* The request's "format". */
typedef enum {
  SANDBOX_FORMAT_UNKNOWN = 0,
  SANDBOX_FORMAT_JSON = 1,
  SANDBOX_FORMAT_XML = 2,
  SANDBOX_FORMAT_PHP = 3,
} SandboxFormat;

typedef struct {
  SandboxFormat format;
  SandboxApi api;
  gboolean ignore_null;  /* XML only */
  gboolean multirequest; /* the body is a list, even of one */
  double execution_time; /* s, XML only */
} SandboxSerializer;

/* @results: of SandboxResult *. Without multirequest exactly one. */
char *sandbox_serialize (const SandboxSerializer *serializer, GPtrArray *results);
const char *sandbox_format_content_type (SandboxFormat format);

G_END_DECLS
