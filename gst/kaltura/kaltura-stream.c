/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Reads what an encoder says when it publishes: the parameters of its broadcast URL and the name of its stream. Both
 * come from strangers and end up in paths, queries and messages, so whatever is not plainly right is refused. Pure
 * functions, any thread; called by the launcher's hooks and by kalturaauth.
 *
 * Forms of the URL that encoders and nginx-rtmp bring (API.md "Broadcast URLs", app/README.md "What encoders send"):
 *
 *   rtmp://host/kLive/?p=102&e=0_rkij47dr&i=0&t=12ab34cd                  2014, eCDN
 *   rtmp://host:1935/kLive?p=102&e=0_rkij47dr&i=0&t=12ab34cd              current
 *   rtmp://host/kLive/?p=102&e=0_rkij47dr&i=0&t=12ab34cd/0_rkij47dr_1     with the stream behind the query
 *   rtmp://host/kLive/0_rkij47dr_1?p=102&e=0_rkij47dr&i=0&t=12ab34cd      query on the key
 *   rtmp://host/kLive/%3Fp=102%26e=0_rkij47dr%26i=0%26t=12ab34cd          tcurl as nginx-rtmp escapes it
 */

#include "kaltura-stream.h"

#include <string.h>
#include "kaltura-error.h"

#define MAX_TEXT 4096 /* bytes; nginx-rtmp passes on 255 of each of its fields */
#define MAX_TOKEN 128 /* bytes after decoding; Kaltura's stream passwords have 8 */
#define MAX_ASSET_ID 64
#define MAX_QUOTED 64 /* bytes of foreign text in a message */

void
kaltura_broadcast_clear (KalturaBroadcast *broadcast)
{
  g_free (broadcast->token);
  memset (broadcast, 0, sizeof *broadcast);
}

void
kaltura_broadcast_free (KalturaBroadcast *broadcast)
{
  if (broadcast == NULL)
    return;
  kaltura_broadcast_clear (broadcast);
  g_free (broadcast);
}

/* The value of the first @name in @query, undecoded, or NULL. */
static char *
find_parameter (const char *query, char name)
{
  for (const char *at = query; at != NULL; at = strchr (at, '&')) {
    if (*at == '&')
      at++;
    if (at[0] != name || (at[1] != '=' && at[1] != '&' && at[1] != '\0'))
      continue;
    const char *value = at[1] == '=' ? at + 2 : at + 1;
    return g_strndup (value, strcspn (value, "&"));
  }
  return NULL;
}

static gboolean
is_path_style (const char *text)
{
  const char *p = strstr (text, "/p/");
  return p != NULL && strstr (p, "/e/") != NULL;
}

/*
 * The query of @text, not yet decoded, without what stands behind its first '/'. It begins at the '?' in front of the
 * first '=': a later one belongs to a value.
 */
static char *
cut_query (const char *text, GError **error)
{
  g_autofree char *head = g_strndup (text, strcspn (text, "="));
  g_autofree char *decoded = NULL;
  const char *query = text;

  if (strchr (head, '?') == NULL && (strstr (head, "%3F") != NULL || strstr (head, "%3f") != NULL)) {
    decoded = g_uri_unescape_string (text, NULL);
    if (decoded == NULL) {
      g_set_error_literal (error, KALTURA_ERROR, KALTURA_ERROR_INPUT, "broadcast URL: bad percent coding");
      return NULL;
    }
    query = strchr (decoded, '?') + 1;
  } else if (strchr (head, '?') != NULL) {
    query = strchr (text, '?') + 1;
  } else if (strchr (head, '/') != NULL) {
    query = ""; /* a URL without a query */
  }
  return g_strndup (query, strcspn (query, "/"));
}

/* The decoded value of @name; NULL with an error when it is absent or badly coded. */
static char *
get_parameter (const char *text, const char *query, char name, const char *expected, GError **error)
{
  g_autofree char *raw = find_parameter (query, name);
  if (raw == NULL) {
    if (is_path_style (text))
      g_set_error (error, KALTURA_ERROR, KALTURA_ERROR_INPUT,
          "broadcast URL: parameters in the path (.../p/.../e/...) are not supported, "
          "expected ?p=...&e=...&i=...&t=...");
    else
      g_set_error (error, KALTURA_ERROR, KALTURA_ERROR_INPUT, "broadcast URL: parameter %c is missing, expected %s",
          name, expected);
    return NULL;
  }
  char *value = g_uri_unescape_string (raw, NULL);
  if (value == NULL)
    g_set_error (error, KALTURA_ERROR, KALTURA_ERROR_INPUT, "broadcast URL: parameter %c has bad percent coding", name);
  return value;
}

static gboolean
fail_parameter (GError **error, char name, const char *value, const char *expected)
{
  g_autofree char *quoted = kaltura_error_quote (value, -1, MAX_QUOTED);
  g_set_error (error, KALTURA_ERROR, KALTURA_ERROR_INPUT, "broadcast URL: parameter %c is %s, expected %s", name,
      quoted, expected);
  return FALSE;
}

static gboolean
parse_partner (KalturaBroadcast *broadcast, const char *text, const char *query, GError **error)
{
  const char *expected = "a partner id such as 102";
  g_autofree char *value = get_parameter (text, query, 'p', expected, error);
  if (value == NULL)
    return FALSE;
  guint64 number = 0;
  if (value[0] < '1' || value[0] > '9' || !g_ascii_string_to_unsigned (value, 10, 1, G_MAXINT32, &number, NULL))
    return fail_parameter (error, 'p', value, expected);
  broadcast->partner_id = (gint) number;
  return TRUE;
}

/* "eu-0_abcd1234": an entry of another installation, named by its backend id (API.md "Broadcast URLs"). */
static gboolean
has_backend_prefix (const char *value)
{
  gsize length = strlen (value);
  return length > KALTURA_ENTRY_ID_LENGTH + 1 && value[length - KALTURA_ENTRY_ID_LENGTH - 1] == '-' &&
      kaltura_entry_id_is_valid (value + length - KALTURA_ENTRY_ID_LENGTH);
}

static gboolean
parse_entry (KalturaBroadcast *broadcast, const char *text, const char *query, GError **error)
{
  const char *expected = "an entry id such as 0_rkij47dr";
  g_autofree char *value = get_parameter (text, query, 'e', expected, error);
  if (value == NULL)
    return FALSE;
  if (has_backend_prefix (value))
    return fail_parameter (error, 'e', value, "an entry id without a backend prefix such as 0_rkij47dr");
  if (!kaltura_entry_id_is_valid (value))
    return fail_parameter (error, 'e', value, expected);
  g_strlcpy (broadcast->entry_id, value, sizeof broadcast->entry_id);
  return TRUE;
}

static gboolean
parse_index (KalturaBroadcast *broadcast, const char *text, const char *query, GError **error)
{
  const char *expected = "0 (primary) or 1 (backup)";
  g_autofree char *value = get_parameter (text, query, 'i', expected, error);
  if (value == NULL)
    return FALSE;
  if (!g_str_equal (value, "0") && !g_str_equal (value, "1"))
    return fail_parameter (error, 'i', value, expected);
  broadcast->server_index = value[0] - '0';
  return TRUE;
}

static gboolean
is_token (const char *value)
{
  gsize length = strlen (value);
  if (length == 0 || length > MAX_TOKEN || !g_utf8_validate (value, (gssize) length, NULL))
    return FALSE;
  for (const char *at = value; *at != '\0'; at++)
    if (g_ascii_iscntrl (*at))
      return FALSE;
  return TRUE;
}

static gboolean
parse_token (KalturaBroadcast *broadcast, const char *text, const char *query, GError **error)
{
  g_autofree char *value = get_parameter (text, query, 't', "the stream's token", error);
  if (value == NULL)
    return FALSE;
  if (!is_token (value)) {
    g_set_error (error, KALTURA_ERROR, KALTURA_ERROR_INPUT,
        "broadcast URL: parameter t is no token, expected 1 to %d printable characters", MAX_TOKEN);
    return FALSE;
  }
  broadcast->token = g_steal_pointer (&value);
  return TRUE;
}

KalturaBroadcast *
kaltura_broadcast_parse (const char *text, GError **error)
{
  g_return_val_if_fail (text != NULL, NULL);

  if (strnlen (text, MAX_TEXT + 1) > MAX_TEXT) {
    g_set_error (error, KALTURA_ERROR, KALTURA_ERROR_INPUT, "broadcast URL: longer than %d bytes", MAX_TEXT);
    return NULL;
  }
  g_autofree char *query = cut_query (text, error);
  if (query == NULL)
    return NULL;
  g_autoptr (KalturaBroadcast) broadcast = g_new0 (KalturaBroadcast, 1);
  if (!parse_partner (broadcast, text, query, error) || !parse_entry (broadcast, text, query, error) ||
      !parse_index (broadcast, text, query, error) || !parse_token (broadcast, text, query, error))
    return NULL;
  return g_steal_pointer (&broadcast);
}

/* Whether @text begins with an entry id; reads no further than its NUL. */
static gboolean
begins_with_entry_id (const char *text)
{
  if (!g_ascii_isdigit (text[0]) || text[1] != '_')
    return FALSE;
  for (gsize i = 2; i < KALTURA_ENTRY_ID_LENGTH; i++)
    if (!g_ascii_isalnum (text[i]))
      return FALSE;
  return TRUE;
}

gboolean
kaltura_entry_id_is_valid (const char *text)
{
  return begins_with_entry_id (text) && text[KALTURA_ENTRY_ID_LENGTH] == '\0';
}

gboolean
kaltura_asset_id_is_valid (const char *text)
{
  gsize length = strspn (text, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_-");
  return length > 0 && length <= MAX_ASSET_ID && text[length] == '\0';
}

gboolean
kaltura_stream_name_parse (const char *text, KalturaStreamName *name, GError **error)
{
  g_return_val_if_fail (text != NULL, FALSE);

  if (begins_with_entry_id (text) && text[KALTURA_ENTRY_ID_LENGTH] == '_') {
    const char *suffix = text + KALTURA_ENTRY_ID_LENGTH + 1;
    gsize digits = strspn (suffix, "0123456789");
    if (digits >= 1 && digits <= 4 && suffix[digits] == '\0' && suffix[0] != '0') {
      g_strlcpy (name->entry_id, text, sizeof name->entry_id);
      name->suffix = (guint) g_ascii_strtoull (suffix, NULL, 10);
      return TRUE;
    }
  }
  g_autofree char *quoted = kaltura_error_quote (text, -1, MAX_QUOTED);
  g_set_error (error, KALTURA_ERROR, KALTURA_ERROR_INPUT,
      "stream name %s, expected an entry id and a number such as 0_rkij47dr_1", quoted);
  return FALSE;
}
