/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* One line of the class table: what kaltura-sandbox knows of the API's types. */
typedef struct {
  const char *name;
  const char *parent; /* NULL = none */
  gboolean abstract;
  /*
   * Properties in the order of the API, separated by blanks: NAME:TYPE[/ITEM_CLASS][!VINTAGE]. TYPE is s string,
   * i int, f float, b bool, a array, o object; !2 = only in 2014, !C = only in the current API.
   */
  const char *properties;
} SandboxClassSpec;

extern const SandboxClassSpec sandbox_class_specs[]; /* parents before children, ends with a NULL name */

G_END_DECLS
