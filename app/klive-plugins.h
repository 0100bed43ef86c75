/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Which elements are installed, and where Debian has those that are not. gst_init() must have been called. */

#define KLIVE_PLUGINS_ERROR (klive_plugins_error_quark ())
typedef enum { KLIVE_PLUGINS_ERROR_MISSING } KlivePluginsError;
GQuark klive_plugins_error_quark (void);

/* The Debian package of @element; NULL when not known. */
const char *klive_plugins_get_package (const char *element);

gboolean klive_plugins_has (const char *element);

/* Error KLIVE_PLUGINS_ERROR_MISSING: names the first of @elements (ends with NULL) that is not installed. */
gboolean klive_plugins_check (const char *const *elements, GError **error);

/* Of @elements, the best first, the first that is installed; else an error that names the first. (transfer none) */
const char *klive_plugins_choose (const char *const *elements, GError **error);

G_END_DECLS
