/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one place where a hook body of nginx-rtmp becomes values. Pure; called by klive-http.c.
 */
#include "klive-hook.h"

#include <string.h>
#include "kaltura-error.h"

#define MAX_BODY 16384 /* bytes; nginx-rtmp sends seven fields of at most 255, percent-coded */
#define MAX_QUOTED 64  /* bytes of foreign text in a message */

/* Decodes @length bytes of a form value. NUL bytes and bad percent coding make it NULL. */
static char *
decode (const char *value, gsize length)
{
  g_autofree char *text = g_strndup (value, length);
  for (char *c = text; *c; c++)
    if (*c == '+')
      *c = ' ';
  return g_uri_unescape_string (text, NULL);
}

/* The first field called @name: its value in @value and @length, undecoded. */
static gboolean
find_field (const char *body, const char *name, const char **value, gsize *length)
{
  gsize name_length = strlen (name);
  for (const char *at = body; *at;) {
    gsize field = strcspn (at, "&");
    if (field > name_length && at[name_length] == '=' && strncmp (at, name, name_length) == 0) {
      *value = at + name_length + 1;
      *length = field - name_length - 1;
      return TRUE;
    }
    at += field + (at[field] == '&');
  }
  return FALSE;
}

static char *
dup_field (const char *body, const char *name, GError **error)
{
  const char *value;
  gsize length;
  char *text = find_field (body, name, &value, &length) ? decode (value, length) : NULL;
  if (!text)
    g_set_error (error, KALTURA_ERROR, KALTURA_ERROR_INPUT, "hook without a proper field \"%s\"", name);
  return text;
}

static gboolean
parse_call (const char *body, KliveHookCall *call, GError **error)
{
  static const char *const names[] = { "publish", "publish_done", "disconnect" };
  g_autofree char *text = dup_field (body, "call", error);
  if (!text)
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    if (strcmp (text, names[i]) == 0) {
      *call = (KliveHookCall) i;
      return TRUE;
    }
  }
  g_autofree char *quoted = kaltura_error_quote (text, -1, MAX_QUOTED);
  g_set_error (error, KALTURA_ERROR, KALTURA_ERROR_INPUT, "hook with the unknown call %s", quoted);
  return FALSE;
}

static gboolean
parse_client_id (const char *body, guint64 *client_id, GError **error)
{
  g_autofree char *text = dup_field (body, "clientid", error);
  if (!text || g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT64, client_id, NULL))
    return text != NULL;
  g_set_error (error, KALTURA_ERROR, KALTURA_ERROR_INPUT, "hook whose clientid is no number");
  return FALSE;
}

/* What nginx appended behind its last own field (type): the query of the stream key, raw. "" when there is none. */
static const char *
key_query (const char *body)
{
  const char *value;
  gsize length;
  if (!find_field (body, "type", &value, &length) || value[length] != '&')
    return "";
  return value + length + 1;
}

static gboolean
has_parameters (const char *query)
{
  const char *value;
  gsize length;
  return find_field (query, "p", &value, &length) || find_field (query, "e", &value, &length) ||
      find_field (query, "i", &value, &length) || find_field (query, "t", &value, &length);
}

static KalturaBroadcast *
parse_broadcast (const char *body, GError **error)
{
  const char *query = key_query (body);
  if (has_parameters (query))
    return kaltura_broadcast_parse (query, error);
  g_autofree char *url = dup_field (body, "tcurl", error);
  return url ? kaltura_broadcast_parse (url, error) : NULL;
}

static void
parse_publish (KliveHook *hook, const char *body)
{
  hook->broadcast = parse_broadcast (body, &hook->refusal);
  if (!hook->broadcast || !kaltura_stream_name_parse (hook->name, &hook->stream, &hook->refusal))
    return;
  if (strcmp (hook->broadcast->entry_id, hook->stream.entry_id) != 0)
    g_set_error (&hook->refusal, KALTURA_ERROR, KALTURA_ERROR_INPUT,
        "stream name \"%s\" is not of entry %s, which the parameter e names", hook->name, hook->broadcast->entry_id);
}

KliveHook *
klive_hook_parse (const char *body, gsize length, GError **error)
{
  if (length > MAX_BODY || memchr (body, '\0', length)) {
    g_set_error (error, KALTURA_ERROR, KALTURA_ERROR_INPUT, "hook of %" G_GSIZE_FORMAT " bytes, or with a NUL", length);
    return NULL;
  }
  g_autofree char *text = g_strndup (body, length);
  g_autoptr (KliveHook) hook = g_new0 (KliveHook, 1);
  if (!parse_call (text, &hook->call, error) || !parse_client_id (text, &hook->client_id, error))
    return NULL;
  hook->address = dup_field (text, "addr", error);
  hook->app = hook->address ? dup_field (text, "app", error) : NULL;
  if (!hook->app)
    return NULL;
  hook->name = dup_field (text, "name", NULL);
  if (!hook->name)
    hook->name = g_strdup ("");
  if (hook->call == KLIVE_HOOK_PUBLISH)
    parse_publish (hook, text);
  return g_steal_pointer (&hook);
}

void
klive_hook_free (KliveHook *hook)
{
  g_free (hook->address);
  g_free (hook->app);
  g_free (hook->name);
  g_clear_pointer (&hook->broadcast, kaltura_broadcast_free);
  g_clear_error (&hook->refusal);
  g_free (hook);
}
