/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the launcher's HTTP servers have in common. Main thread.
 */
#include "klive-http-message.h"

#include <string.h>
#include "klive-nginx-config.h"

/* --- listening --- */

static GSocketAddress *
parse_listen (const char *listen, guint *port)
{
  g_autofree char *host = NULL;
  g_autofree char *numeric = g_str_has_prefix (listen, "localhost:")
      ? g_strconcat ("127.0.0.1", listen + strlen ("localhost"), NULL)
      : g_strdup (listen);
  if (!klive_nginx_split_listen (numeric, &host, port))
    return NULL;
  g_autofree char *bare = g_strdup (host ? host + (host[0] == '[') : "0.0.0.0");
  g_strdelimit (bare, "]", '\0');
  return g_inet_socket_address_new_from_string (bare, *port);
}

gboolean
klive_http_check_listen (const char *listen, const char *key, GError **error)
{
  guint port = 0;
  g_autoptr (GSocketAddress) address = parse_listen (listen, &port);
  if (!address)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
        "[server] %s: \"%s\", expected an address and a port such as 127.0.0.1:8889 or [::]:888", key, listen);
  return address != NULL;
}

gboolean
klive_http_listen (SoupServer *server, const char *listen, const char *key, GError **error)
{
  guint port = 0;
  g_autoptr (GSocketAddress) address = parse_listen (listen, &port);
  g_autoptr (GError) why = NULL;
  if (!address)
    return klive_http_check_listen (listen, key, error);
  if (soup_server_listen (server, address, 0, &why))
    return TRUE;
  g_set_error (error, G_IO_ERROR, why->code, "[server] %s: port %u cannot be used: %s", key, port, why->message);
  return FALSE;
}

char *
klive_http_make_url (const char *listen, const char *path)
{
  guint port = 0;
  g_autoptr (GSocketAddress) address = parse_listen (listen, &port);
  if (!address)
    return NULL;
  GInetAddress *host = g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (address));
  gboolean six = g_inet_address_get_family (host) == G_SOCKET_FAMILY_IPV6;
  g_autofree char *text =
      g_inet_address_get_is_any (host) ? g_strdup (six ? "::1" : "127.0.0.1") : g_inet_address_to_string (host);
  return g_strdup_printf (six ? "http://[%s]:%u%s" : "http://%s:%u%s", text, port, path);
}

/* --- who may --- */

static GInetAddress *
get_inet_address (GSocketAddress *address)
{
  return G_IS_INET_SOCKET_ADDRESS (address) ? g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (address))
                                            : NULL;
}

/* ::ffff:10.0.0.9 is 10.0.0.9. (transfer full) (nullable) */
static GInetAddress *
unmap (GInetAddress *address)
{
  static const guint8 mapped[12] = { [10] = 0xff, [11] = 0xff };
  const guint8 *bytes = address ? g_inet_address_to_bytes (address) : NULL;
  if (!address || g_inet_address_get_family (address) != G_SOCKET_FAMILY_IPV6 ||
      memcmp (bytes, mapped, sizeof mapped) != 0)
    return address ? g_object_ref (address) : NULL;
  return g_inet_address_new_from_bytes (bytes + sizeof mapped, G_SOCKET_FAMILY_IPV4);
}

gboolean
klive_http_is_allowed (const char *const *allow, GInetAddress *address)
{
  g_autoptr (GInetAddress) plain = unmap (address);
  for (guint i = 0; allow && allow[i]; i++) {
    g_autoptr (GInetAddressMask) mask = g_inet_address_mask_new_from_string (allow[i], NULL);
    if (mask && g_inet_address_mask_matches (mask, plain))
      return TRUE;
  }
  return FALSE;
}

gboolean
klive_http_message_is_from_here (SoupServerMessage *message)
{
  g_autoptr (GInetAddress) remote = unmap (get_inet_address (soup_server_message_get_remote_address (message)));
  g_autoptr (GInetAddress) local = unmap (get_inet_address (soup_server_message_get_local_address (message)));
  return remote && (g_inet_address_get_is_loopback (remote) || (local && g_inet_address_equal (remote, local)));
}

gboolean
klive_http_message_is_allowed (SoupServerMessage *message, const char *const *allow)
{
  GInetAddress *remote = get_inet_address (soup_server_message_get_remote_address (message));
  return klive_http_message_is_from_here (message) || (remote && klive_http_is_allowed (allow, remote));
}

char *
klive_http_message_dup_address (SoupServerMessage *message)
{
  g_autoptr (GInetAddress) remote = unmap (get_inet_address (soup_server_message_get_remote_address (message)));
  return remote ? g_inet_address_to_string (remote) : g_strdup ("?");
}

/* --- what is asked --- */

gboolean
klive_http_message_is_get (SoupServerMessage *message)
{
  const char *method = soup_server_message_get_method (message);
  return strcmp (method, "GET") == 0 || strcmp (method, "HEAD") == 0;
}

gboolean
klive_http_message_is_post (SoupServerMessage *message)
{
  return strcmp (soup_server_message_get_method (message), "POST") == 0;
}

gboolean
klive_http_message_keep_body (SoupServerMessage *message, goffset most)
{
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (message);
  SoupEncoding encoding = soup_message_headers_get_encoding (headers);
  gboolean bounded = encoding == SOUP_ENCODING_NONE ||
      (encoding == SOUP_ENCODING_CONTENT_LENGTH && soup_message_headers_get_content_length (headers) <= most);
  soup_message_body_set_accumulate (soup_server_message_get_request_body (message), bounded);
  return bounded;
}

gboolean
klive_http_is_own_host (const char *host, const char *hostname)
{
  if (!host)
    return TRUE; /* a browser always has one */
  const char *colon = strrchr (host, ':');
  gboolean has_port = colon && colon[1 + strspn (colon + 1, "0123456789")] == '\0' && !strchr (colon, ']');
  g_autofree char *bare = g_strndup (host, has_port ? (gsize) (colon - host) : strlen (host));
  gsize length = strlen (bare);
  if (length > 2 && bare[0] == '[' && bare[length - 1] == ']') {
    bare[length - 1] = '\0';
    return g_hostname_is_ip_address (bare + 1);
  }
  return g_hostname_is_ip_address (bare) || g_ascii_strcasecmp (bare, "localhost") == 0 ||
      g_ascii_strcasecmp (bare, hostname) == 0 || g_ascii_strcasecmp (bare, g_get_host_name ()) == 0;
}

gboolean
klive_http_message_has_own_host (SoupServerMessage *message, const char *hostname)
{
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (message);
  return klive_http_is_own_host (soup_message_headers_get_one (headers, "Host"), hostname);
}

/* --- answers --- */

void
klive_http_message_answer (SoupServerMessage *message, guint status, const char *type, const char *text)
{
  soup_message_headers_replace (soup_server_message_get_response_headers (message), "Cache-Control", "no-store");
  soup_server_message_set_status (message, status, NULL);
  soup_server_message_set_response (message, type, SOUP_MEMORY_COPY, text, strlen (text));
}

void
klive_http_message_answer_status (SoupServerMessage *message, guint status)
{
  g_autofree char *text = g_strdup_printf ("%u %s\n", status, soup_status_get_phrase (status));
  klive_http_message_answer (message, status, "text/plain", text);
}
