/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox-object.h"

G_BEGIN_DECLS

typedef enum {
  SANDBOX_FAULT_ERROR,       /* an API error of the caller's choice; the action is not carried out */
  SANDBOX_FAULT_DELAY,       /* carried out at once, answered late */
  SANDBOX_FAULT_GARBAGE,     /* HTTP 200 and bytes that are no reply */
  SANDBOX_FAULT_HTML,        /* HTTP 200 and a web page, as a proxy or a captive portal sends */
  SANDBOX_FAULT_CUT,         /* connection cut instead of an answer; not carried out */
  SANDBOX_FAULT_STATUS,      /* an HTTP error status; not carried out */
  SANDBOX_FAULT_EMPTY,       /* HTTP 200 and nothing */
  SANDBOX_FAULT_LOST_ANSWER, /* carried out, then the connection is cut */
} SandboxFaultKind;

typedef struct {
  SandboxFaultKind kind;
  char *service;      /* lower case; NULL = any */
  char *action;       /* lower case; NULL = any */
  char *entry_id;     /* NULL = any */
  char *code;         /* of ERROR */
  char *message;      /* of ERROR; NULL = the API's own text */
  double seconds;     /* of DELAY; a pause in front of any other kind */
  guint status;       /* of STATUS */
  gint64 after_bytes; /* of CUT: cut while the request body arrives, after so many bytes; 0 = at the answer */
  guint times;        /* matches left; 0 = until removed */
} SandboxFault;

void sandbox_fault_free (SandboxFault *fault);
const char *sandbox_fault_kind_name (SandboxFaultKind kind);

/* Reads {"faults": [...]} (README.md) and appends to @faults. Error: SANDBOX_DATA_ERROR with the JSON path. */
gboolean sandbox_faults_add (GPtrArray *faults, JsonNode *root, GError **error);
JsonNode *sandbox_faults_to_json (GPtrArray *faults);
/*
 * The first fault for a call, counted down; the caller owns it. @uploading: only those with after_bytes (the body is
 * still arriving), else only the others.
 */
SandboxFault *sandbox_faults_take (GPtrArray *faults, const char *service, const char *action, const char *entry_id,
    gboolean uploading);

G_END_DECLS
