/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox-request.h"

G_BEGIN_DECLS

/* Reads a multipart/form-data body as it arrives: scalars into the request, files onto the disk. Constant memory. */
typedef struct _SandboxMultipart SandboxMultipart;

/* @directory: for the files. NULL when @content_type names no boundary. */
SandboxMultipart *sandbox_multipart_new (SandboxRequest *request, const char *content_type, const char *directory);
void sandbox_multipart_free (SandboxMultipart *multipart);
void sandbox_multipart_feed (SandboxMultipart *multipart, const void *data, gsize length);

G_END_DECLS
