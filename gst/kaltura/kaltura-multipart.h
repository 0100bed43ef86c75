/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* A file, or a piece of one, that goes with a call. */
typedef struct {
  const char *name;      /* of the parameter: "fileData" */
  const char *file_name; /* as the server sees it */
  GBytes *data;
} KalturaPart;

/*
 * Makes the body of a multipart/form-data request: @fields (names and values by turns, NULL at the end), then @part,
 * whose bytes are not copied. *@content_type and *@length (bytes) are set.
 */
GInputStream *kaltura_multipart_new (const char *const *fields, const KalturaPart *part, char **content_type,
    goffset *length);

G_END_DECLS
