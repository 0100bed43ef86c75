/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Checks of JSON that people write: data files and requests to /sandbox/. Used by sandbox-data.c and sandbox-fault.c.
 */
#include "sandbox-check.h"

#include <stdarg.h>
#include <string.h>

G_DEFINE_QUARK (sandbox - data - error - quark, sandbox_data_error)

gboolean
sandbox_data_fail (GError **error, const char *path, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  g_autofree char *text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error (error, SANDBOX_DATA_ERROR, 0, "%s: %s", path, text);
  return FALSE;
}

static const char *
describe_node (JsonNode *node)
{
  if (JSON_NODE_HOLDS_NULL (node))
    return "null";
  if (JSON_NODE_HOLDS_OBJECT (node))
    return "an object";
  if (JSON_NODE_HOLDS_ARRAY (node))
    return "an array";
  switch (json_node_get_value_type (node)) {
    case G_TYPE_STRING:
      return "a string";
    case G_TYPE_BOOLEAN:
      return "true or false";
    case G_TYPE_DOUBLE:
      return "a number with a fraction";
    default:
      return "an integer";
  }
}

gboolean
sandbox_node_is (JsonNode *node, SandboxType type)
{
  if (type == SANDBOX_TYPE_ARRAY || type == SANDBOX_TYPE_OBJECT)
    return type == SANDBOX_TYPE_ARRAY ? JSON_NODE_HOLDS_ARRAY (node) : JSON_NODE_HOLDS_OBJECT (node);
  if (!JSON_NODE_HOLDS_VALUE (node))
    return FALSE;
  GType value = json_node_get_value_type (node);
  switch (type) {
    case SANDBOX_TYPE_STRING:
      return value == G_TYPE_STRING;
    case SANDBOX_TYPE_INT:
      return value == G_TYPE_INT64;
    case SANDBOX_TYPE_FLOAT:
      return value == G_TYPE_INT64 || value == G_TYPE_DOUBLE;
    default:
      return value == G_TYPE_BOOLEAN;
  }
}

gboolean
sandbox_check_type (JsonNode *node, SandboxType type, const char *path, GError **error)
{
  return sandbox_node_is (node, type) ||
      sandbox_data_fail (error, path, "expected %s, found %s", sandbox_type_describe (type), describe_node (node));
}

gboolean
sandbox_check_object (JsonNode *node, const char *const *members, const char *path, GError **error)
{
  if (!sandbox_check_type (node, SANDBOX_TYPE_OBJECT, path, error))
    return FALSE;
  JsonObject *object = json_node_get_object (node);
  g_autoptr (GList) names = json_object_get_members (object);
  for (GList *n = names; n; n = n->next) {
    const char *name = n->data, *spec = NULL;
    for (guint i = 0; members[i] && !spec; i++)
      if (strncmp (members[i], name, strlen (name)) == 0 && members[i][strlen (name)] == ':')
        spec = members[i] + strlen (name) + 1;
    g_autofree char *member = g_strdup_printf ("%s.%s", path, name);
    if (!spec) {
      g_autofree char *known = g_strjoinv (" ", (char **) members);
      return sandbox_data_fail (error, member, "unknown member; known (name:type): %s", known);
    }
    JsonNode *value = json_object_get_member (object, name);
    if (JSON_NODE_HOLDS_NULL (value) && spec[1] != '!')
      continue;
    SandboxType type = *spec == 's' ? SANDBOX_TYPE_STRING
        : *spec == 'i'              ? SANDBOX_TYPE_INT
        : *spec == 'a'              ? SANDBOX_TYPE_ARRAY
        : *spec == 'o'              ? SANDBOX_TYPE_OBJECT
                                    : SANDBOX_TYPE_BOOL;
    if (!sandbox_check_type (value, type, member, error))
      return FALSE;
  }
  for (guint i = 0; members[i]; i++) {
    if (!g_str_has_suffix (members[i], "!"))
      continue;
    g_autofree char *name = g_strndup (members[i], strchr (members[i], ':') - members[i]);
    if (!json_object_has_member (object, name))
      return sandbox_data_fail (error, path, "\"%s\" is missing", name);
  }
  return TRUE;
}

gboolean
sandbox_check_class (JsonNode *node, const char *class_name, const char *required, const char *extra, const char *path,
    GError **error)
{
  if (!sandbox_check_type (node, SANDBOX_TYPE_OBJECT, path, error))
    return FALSE;
  const SandboxClass *klass = sandbox_class_find (class_name);
  JsonObject *object = json_node_get_object (node);
  g_autoptr (GList) names = json_object_get_members (object);
  for (GList *n = names; n; n = n->next) {
    const char *name = n->data;
    const SandboxProperty *property = sandbox_class_find_property (klass, name);
    JsonNode *value = json_object_get_member (object, name);
    g_autofree char *member = g_strdup_printf ("%s.%s", path, name);
    if (strcmp (name, "objectType") == 0 || g_strcmp0 (name, extra) == 0)
      continue;
    if (!property)
      return sandbox_data_fail (error, member, "%s has no such property", class_name);
    if (!JSON_NODE_HOLDS_NULL (value) && !sandbox_check_type (value, property->type, member, error))
      return FALSE;
  }
  if (!json_object_has_member (object, required) || json_object_get_null_member (object, required))
    return sandbox_data_fail (error, path, "\"%s\" is missing", required);
  return TRUE;
}
