/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Servers repeat what they were sent: the message of INVALID_KS holds the session string. This keeps such text out of
 * messages and logs. Pure functions, any thread.
 */

#include "kaltura-redact.h"

#include <string.h>

#define MIN_LENGTH 4     /* bytes; what is shorter cannot be told from other text */
#define PREFIX_LENGTH 12 /* bytes */

/* Where @secret or a beginning of it stands in @text, NULL = nowhere; @length: how many bytes of it. */
static const char *
find_secret (const char *text, const char *secret, gsize *length)
{
  if (secret == NULL || strlen (secret) < MIN_LENGTH)
    return NULL;
  g_autofree char *prefix = g_strndup (secret, PREFIX_LENGTH);
  const char *at = strstr (text, prefix);
  if (at == NULL)
    return NULL;
  *length = strlen (prefix);
  while (at[*length] != '\0' && at[*length] == secret[*length])
    ++*length;
  return at;
}

char *
kaltura_redact (const char *text, const char *secret, const char *label)
{
  GString *clean = g_string_new (NULL);
  const char *at = NULL;
  gsize length = 0;
  while ((at = find_secret (text, secret, &length)) != NULL) {
    g_string_append_len (clean, text, at - text);
    g_string_append (clean, label);
    text = at + length;
  }
  g_string_append (clean, text);
  return g_string_free (clean, FALSE);
}

gboolean
kaltura_redact_is_needed (const char *text, const char *secret)
{
  gsize length = 0;
  return find_secret (text, secret, &length) != NULL;
}
