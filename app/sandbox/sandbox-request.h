/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox-object.h"

G_BEGIN_DECLS

/* A file part of a multipart body, kept on disk. */
typedef struct {
  char *name;     /* "fileData", "2:fileData" */
  char *filename; /* as the client named it; "" = the client sent none */
  char *path;     /* owned: removed with the part unless stolen */
  gint64 size;
  gboolean failed; /* could not be written */
} SandboxFile;

void sandbox_file_free (SandboxFile *file);

/* Where a parameter came from; the precedence depends on the vintage (gst/kaltura/API.md "Address and parameters"). */
typedef enum {
  SANDBOX_FROM_PATH,
  SANDBOX_FROM_QUERY,
  SANDBOX_FROM_BODY,
} SandboxOrigin;

/* One HTTP request to the API, whatever encoding it came in. */
typedef struct {
  SandboxApi api;
  JsonObject *origins[3]; /* a parameter tree for each SandboxOrigin */
  JsonObject *params;     /* the merged tree, after sandbox_request_finish() */
  GPtrArray *files;       /* of SandboxFile */
  char *address;          /* of the client */
  char *uri;              /* path and query, for urirestrict */
  gint64 wait_until;      /* us: how long a call of it may be put off; 0 = not put off yet */
} SandboxRequest;

SandboxRequest *sandbox_request_new (SandboxApi api);
void sandbox_request_free (SandboxRequest *request);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SandboxRequest, sandbox_request_free)

/* "a:b:c" = @value, nested; "a:-" makes an empty array. Takes @value. */
void sandbox_request_add (SandboxRequest *request, SandboxOrigin origin, const char *name, JsonNode *value);
/* @path: what follows /api_v3/ (undecoded), with or without index.php. */
void sandbox_request_add_path (SandboxRequest *request, const char *path);
/* A query string or an application/x-www-form-urlencoded body. */
void sandbox_request_add_form (SandboxRequest *request, SandboxOrigin origin, const char *text);
/* A JSON object: the body of the current API, or the part "json" of a multipart body. Anything else is ignored. */
void sandbox_request_add_json (SandboxRequest *request, const char *text, gsize length);
/* Merges the origins by the vintage's precedence. */
void sandbox_request_finish (SandboxRequest *request);

/* The service or action that path and query name, before the body is there; NULL when they do not. */
const char *sandbox_request_peek (SandboxRequest *request, const char *name);
/* (transfer none) (nullable) */
SandboxFile *sandbox_request_find_file (SandboxRequest *request, const char *name);

G_END_DECLS
