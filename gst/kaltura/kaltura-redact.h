/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * Cuts every occurrence of @secret (nullable) out of foreign text and puts @label in its place. What is left of a
 * secret that was cut short counts from its first 12 bytes on. A secret of less than 4 bytes is not looked for.
 */
char *kaltura_redact (const char *text, const char *secret, const char *label);

/* Whether kaltura_redact() would find something. */
gboolean kaltura_redact_is_needed (const char *text, const char *secret);

G_END_DECLS
