/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Strict readings of what an operator writes. Many of these values go on into nginx's configuration, into URLs and into
 * paths. Pure functions, any thread.
 */

#include "kaltura-value.h"

#include <gio/gio.h>
#include <string.h>

#define ALPHANUMERIC "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static gboolean
consists_of (const char *value, const char *allowed, gsize max)
{
  gsize length = strspn (value, allowed);
  return length > 0 && length <= max && value[length] == '\0';
}

gboolean
kaltura_value_is_token (const char *value)
{
  return consists_of (value, ALPHANUMERIC "_-", 64);
}

gboolean
kaltura_value_is_host (const char *value)
{
  return consists_of (value, ALPHANUMERIC "_.-", 253);
}

gboolean
kaltura_value_is_path (const char *value)
{
  if (value[0] != '/' || strlen (value) > 1024)
    return FALSE;
  for (const char *at = value; *at != '\0'; at++)
    if (g_ascii_iscntrl (*at))
      return FALSE;
  return TRUE;
}

gboolean
kaltura_value_is_url (const char *value)
{
  if (value[strspn (value, ALPHANUMERIC "-._~:/?#[]@!$&'()*+,;=%")] != '\0')
    return FALSE;
  g_autoptr (GUri) uri = g_uri_parse (value, G_URI_FLAGS_HAS_PASSWORD, NULL);
  if (uri == NULL)
    return FALSE;
  const char *scheme = g_uri_get_scheme (uri);
  const char *host = g_uri_get_host (uri);
  if (!g_str_equal (scheme, "http") && !g_str_equal (scheme, "https"))
    return FALSE;
  return host != NULL && (kaltura_value_is_host (host) || g_hostname_is_ip_address (host)) &&
      g_uri_get_userinfo (uri) == NULL && g_uri_get_query (uri) == NULL && g_uri_get_fragment (uri) == NULL;
}

gboolean
kaltura_value_parse_port (const char *value, guint *port)
{
  guint64 number = 0;
  if (!g_ascii_isdigit (value[0]) || !g_ascii_string_to_unsigned (value, 10, 1, 65535, &number, NULL))
    return FALSE;
  *port = (guint) number;
  return TRUE;
}

gboolean
kaltura_value_parse_address (const char *value, guint *port)
{
  const char *colon = strrchr (value, ':');
  if (colon == NULL || !kaltura_value_parse_port (colon + 1, port))
    return FALSE;
  gsize length = (gsize) (colon - value);
  if (value[0] != '[') {
    g_autofree char *host = g_strndup (value, length);
    return kaltura_value_is_host (host);
  }
  if (length < 4 || value[length - 1] != ']')
    return FALSE;
  g_autofree char *inner = g_strndup (value + 1, length - 2);
  return g_hostname_is_ip_address (inner) && strchr (inner, ':') != NULL;
}

char **
kaltura_value_split_networks (const char *value)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv) items = g_strsplit_set (value, ",; \t", -1);
  for (guint i = 0; items[i] != NULL; i++) {
    if (items[i][0] == '\0')
      continue;
    g_autoptr (GInetAddressMask) mask = g_inet_address_mask_new_from_string (items[i], NULL);
    if (mask == NULL)
      return NULL;
    g_strv_builder_add (builder, items[i]);
  }
  return g_strv_builder_end (builder);
}
