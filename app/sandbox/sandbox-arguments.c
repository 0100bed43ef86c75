/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads an action's parameters out of the request by the action's specification: mandatory or defaulted, cast as PHP
 * casts, enums checked, objects built.
 */
#include "sandbox-call.h"

#include <string.h>

typedef struct {
  const char *name;
  gboolean string;    /* string enum: compared and kept as text */
  const char *values; /* separated by blanks */
} Enum;

static const Enum enums[] = {
  { "KalturaMediaServerIndex", FALSE, "0 1" },
  { "KalturaEntryServerNodeType", TRUE, "0 1 2" },
  { "KalturaEntryServerNodeStatus", FALSE, "-1 0 1 2 3 4 5 6 7 8 9" },
  { "KalturaServerNodeStatus", FALSE, "1 2 3 4 5" },
  { "KalturaSessionType", FALSE, "0 2" },
  { "KalturaNullableBoolean", FALSE, "-1 0 1" },
  { "KalturaPlaybackProtocol", TRUE,
      "http rtmp sl applehttp rtsp auto hds hls hdnetworkmanifest hdnetwork mpegdash "
      "multicast_silverlight applehttp_to_mc url download" },
};

static const Enum *
find_enum (const char *type)
{
  for (guint i = 0; i < G_N_ELEMENTS (enums); i++)
    if (strcmp (enums[i].name, type) == 0)
      return &enums[i];
  return NULL;
}

static gboolean
enum_has (const Enum *e, const char *value)
{
  g_auto (GStrv) values = g_strsplit (e->values, " ", -1);
  for (guint i = 0; values[i]; i++)
    if (e->string ? strcmp (values[i], value) == 0 : *value && sandbox_php_equal (values[i], value))
      return TRUE;
  return FALSE;
}

static JsonNode *
read_enum (SandboxCall *call, const Enum *e, const char *name, JsonNode *given)
{
  g_autofree char *text = sandbox_node_to_string (given);
  if (text && g_ascii_strcasecmp (text, "true") == 0)
    strcpy (text, "1");
  else if (text && g_ascii_strcasecmp (text, "false") == 0)
    strcpy (text, "0");
  if (!text || !enum_has (e, text)) {
    sandbox_call_fail (call, "INVALID_ENUM_VALUE", text ? text : "", name, e->name, NULL);
    return NULL;
  }
  return e->string ? sandbox_node_from_string (text)
                   : json_node_init_int (json_node_alloc (), g_ascii_strtoll (text, NULL, 10));
}

static gboolean
find_scalar (const char *type, SandboxType *scalar)
{
  static const char *const names[] = { "string", "int", "float", "bool" };
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    if (strcmp (names[i], type) == 0) {
      *scalar = i;
      return TRUE;
    }
  }
  return FALSE;
}

/* NULL when the call has failed. */
static JsonNode *
read_given (SandboxCall *call, const char *name, const char *type, JsonNode *given)
{
  SandboxType scalar;
  const Enum *e = find_enum (type);
  if (e)
    return read_enum (call, e, name, given);
  if (find_scalar (type, &scalar))
    return sandbox_cast (scalar, given);
  if (!JSON_NODE_HOLDS_OBJECT (given))
    return json_node_init_null (json_node_alloc ());
  JsonObject *object = sandbox_object_build (type, json_node_get_object (given), call->state->api);
  if (!object) {
    sandbox_call_fail (call, "OBJECT_TYPE_ABSTRACT", type, NULL);
    return NULL;
  }
  JsonNode *node = json_node_init_object (json_node_alloc (), object);
  json_object_unref (object);
  return node;
}

static JsonNode *
read_default (const char *type, const char *text)
{
  SandboxType scalar;
  if (strcmp (text, "null") == 0)
    return json_node_init_null (json_node_alloc ());
  g_autoptr (JsonNode) given = sandbox_node_from_string (text);
  const Enum *e = find_enum (type);
  if (e)
    return e->string ? g_steal_pointer (&given)
                     : json_node_init_int (json_node_alloc (), g_ascii_strtoll (text, NULL, 10));
  return find_scalar (type, &scalar) ? sandbox_cast (scalar, given) : json_node_init_null (json_node_alloc ());
}

static gboolean
read_file (SandboxCall *call, const char *name)
{
  g_autofree char *part = g_strconcat (call->prefix, name, NULL);
  const SandboxFile *file = sandbox_request_find_file (call->request, part);
  if (file && *file->filename)
    return TRUE;
  if (file || json_object_has_member (call->params, name)) /* a part that is no file, or an empty one */
    sandbox_call_fail (call, "UPLOAD_ERROR", NULL);
  else
    sandbox_call_fail (call, "MISSING_MANDATORY_PARAMETER", name, NULL);
  return FALSE;
}

static gboolean
read_argument (SandboxCall *call, const char *name, const char *type, const char *fallback)
{
  if (strcmp (type, "file") == 0)
    return read_file (call, name);
  JsonNode *given = json_object_get_member (call->params, name);
  JsonNode *node;
  if (given && !JSON_NODE_HOLDS_NULL (given)) {
    node = read_given (call, name, type, given);
  } else if (fallback) {
    node = read_default (type, fallback);
  } else {
    sandbox_call_fail (call, "MISSING_MANDATORY_PARAMETER", name, NULL);
    node = NULL;
  }
  if (node)
    json_object_set_member (call->arguments, name, node);
  return node != NULL;
}

gboolean
sandbox_call_read_arguments (SandboxCall *call)
{
  g_auto (GStrv) specs = g_strsplit (call->action->parameters, " ", -1);
  for (guint i = 0; specs[i]; i++) {
    if (!*specs[i])
      continue;
    g_auto (GStrv) parts = g_strsplit (specs[i], ":", 2);
    char *fallback = strchr (parts[1], '=');
    if (fallback)
      *fallback++ = '\0';
    if (!read_argument (call, parts[0], parts[1], fallback))
      return FALSE;
  }
  return TRUE;
}
