/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The error domain of the library, the questions that callers ask of an error, and the quoting of foreign text for
 * messages. Pure functions, any thread.
 */

#include "kaltura-error.h"

#include <string.h>

/* API.md "Errors that may pass". INTERNAL_SERVERL_ERROR is spelled so. */
static const char *const passing_codes[] = { "ACTION_BLOCKED", "INTERNAL_DATABASE_ERROR", "INTERNAL_SERVERL_ERROR",
  "LOCK_TIMED_OUT", "UPLOAD_ERROR", "UPLOAD_PARTIAL_ERROR", "UPLOAD_TOKEN_CANNOT_MATCH_EXPECTED_SIZE", NULL };

G_DEFINE_QUARK (kaltura - error - quark, kaltura_error);

char *
kaltura_error_dup_api_code (const GError *error)
{
  if (!g_error_matches (error, KALTURA_ERROR, KALTURA_ERROR_API))
    return NULL;
  return g_strndup (error->message, strcspn (error->message, ":"));
}

gboolean
kaltura_error_is_api_code (const GError *error, const char *api_code)
{
  g_autofree char *code = kaltura_error_dup_api_code (error);
  return code != NULL && g_str_equal (code, api_code);
}

gboolean
kaltura_error_is_passing (const GError *error)
{
  if (g_error_matches (error, KALTURA_ERROR, KALTURA_ERROR_TRANSPORT) ||
      g_error_matches (error, KALTURA_ERROR, KALTURA_ERROR_GARBAGE))
    return TRUE;
  g_autofree char *code = kaltura_error_dup_api_code (error);
  return code != NULL && g_strv_contains (passing_codes, code);
}

char *
kaltura_error_quote (const char *text, gssize length, gsize max)
{
  gsize given = length < 0 ? strlen (text) : (gsize) length;
  gsize used = MIN (given, max);
  GString *quoted = g_string_new ("\"");
  for (gsize i = 0; i < used; i++) {
    guchar c = (guchar) text[i];
    if (c == '"' || c == '\\')
      g_string_append_printf (quoted, "\\%c", c);
    else if (g_ascii_isprint (c))
      g_string_append_c (quoted, (char) c);
    else
      g_string_append_printf (quoted, "\\x%02x", c);
  }
  g_string_append (quoted, given > used ? "\"..." : "\"");
  return g_string_free (quoted, FALSE);
}
