/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Objects of the Kaltura API: JsonObjects whose "objectType" names a class of sandbox-classes.c. Casting follows PHP,
 * because that is what the real server does with everything that it is sent. Main thread only.
 */
#include "sandbox-object.h"
#include "sandbox-classes.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
  SandboxClass public;
  const char *parent;
} ClassEntry;

static SandboxType
type_from_letter (char letter)
{
  switch (letter) {
    case 's':
      return SANDBOX_TYPE_STRING;
    case 'i':
      return SANDBOX_TYPE_INT;
    case 'f':
      return SANDBOX_TYPE_FLOAT;
    case 'b':
      return SANDBOX_TYPE_BOOL;
    case 'a':
      return SANDBOX_TYPE_ARRAY;
    default:
      return SANDBOX_TYPE_OBJECT;
  }
}

static SandboxProperty *
property_from_spec (const char *spec)
{
  SandboxProperty *property = g_new0 (SandboxProperty, 1);
  const char *colon = strchr (spec, ':');
  const char *slash = strchr (colon, '/');
  const char *vintage = strchr (colon, '!');

  property->name = g_strndup (spec, colon - spec);
  property->type = type_from_letter (colon[1]);
  property->apis = SANDBOX_API_BOTH;
  if (vintage)
    property->apis = vintage[1] == 'C' ? SANDBOX_API_CURRENT : SANDBOX_API_2014;
  if (slash)
    property->item_class = vintage ? g_strndup (slash + 1, vintage - slash - 1) : g_strdup (slash + 1);
  return property;
}

static void
add_class (GHashTable *classes, const SandboxClassSpec *spec)
{
  ClassEntry *entry = g_new0 (ClassEntry, 1);
  entry->public.name = spec->name;
  entry->public.abstract = spec->abstract;
  entry->public.properties = g_ptr_array_new ();
  entry->parent = spec->parent;
  if (spec->parent) {
    ClassEntry *parent = g_hash_table_lookup (classes, spec->parent);
    g_ptr_array_extend (entry->public.properties, parent->public.properties, NULL, NULL);
  }
  g_auto (GStrv) words = g_strsplit (spec->properties, " ", -1);
  for (guint i = 0; words[i]; i++)
    if (*words[i])
      g_ptr_array_add (entry->public.properties, property_from_spec (words[i]));
  g_hash_table_insert (classes, (gpointer) spec->name, entry);
}

/* The constant table, parsed at its first use. */
static GHashTable *
get_classes (void)
{
  static GHashTable *classes;
  if (!classes) {
    classes = g_hash_table_new (g_str_hash, g_str_equal);
    for (const SandboxClassSpec *spec = sandbox_class_specs; spec->name; spec++)
      add_class (classes, spec);
  }
  return classes;
}

const SandboxClass *
sandbox_class_find (const char *name)
{
  return name ? g_hash_table_lookup (get_classes (), name) : NULL;
}

gboolean
sandbox_class_is_a (const char *name, const char *ancestor)
{
  while (name && strcmp (name, ancestor) != 0) {
    ClassEntry *entry = g_hash_table_lookup (get_classes (), name);
    name = entry ? entry->parent : NULL;
  }
  return name != NULL;
}

const SandboxProperty *
sandbox_class_find_property (const SandboxClass *klass, const char *name)
{
  for (guint i = 0; i < klass->properties->len; i++) {
    const SandboxProperty *property = g_ptr_array_index (klass->properties, i);
    if (strcmp (property->name, name) == 0)
      return property;
  }
  return NULL;
}

const char *
sandbox_type_describe (SandboxType type)
{
  static const char *const names[] = { "a string", "an integer", "a number", "true or false", "an array", "an object" };
  return names[type];
}

JsonObject *
sandbox_object_new (const char *class_name)
{
  JsonObject *object = json_object_new ();
  json_object_set_string_member (object, "objectType", class_name);
  return object;
}

char *
sandbox_node_to_string (JsonNode *node)
{
  if (!node || !JSON_NODE_HOLDS_VALUE (node))
    return NULL;
  switch (json_node_get_value_type (node)) {
    case G_TYPE_STRING:
      return json_node_dup_string (node);
    case G_TYPE_BOOLEAN:
      return g_strdup (json_node_get_boolean (node) ? "1" : "");
    case G_TYPE_DOUBLE: {
      char buffer[G_ASCII_DTOSTR_BUF_SIZE];
      for (int digits = 14; digits <= 17; digits++) {
        char format[8];
        g_snprintf (format, sizeof format, "%%.%dg", digits);
        g_ascii_formatd (buffer, sizeof buffer, format, json_node_get_double (node));
        if (g_ascii_strtod (buffer, NULL) == json_node_get_double (node))
          break;
      }
      return g_strdup (buffer);
    }
    default:
      return g_strdup_printf ("%" G_GINT64_FORMAT, json_node_get_int (node));
  }
}

JsonNode *
sandbox_node_from_string (const char *text)
{
  return text ? json_node_init_string (json_node_alloc (), text) : json_node_init_null (json_node_alloc ());
}

static gint64
cast_int (JsonNode *value)
{
  if (json_node_get_value_type (value) == G_TYPE_DOUBLE) {
    double number = json_node_get_double (value);
    return number > -9.2e18 && number < 9.2e18 ? (gint64) number : 0;
  }
  g_autofree char *text = sandbox_node_to_string (value);
  double number = g_ascii_strtod (text, NULL); /* PHP takes "1e3" and "12.9" too */
  if (strpbrk (text, ".eE") && number > -9.2e18 && number < 9.2e18)
    return (gint64) number;
  return g_ascii_strtoll (text, NULL, 10);
}

static gboolean
cast_bool (JsonNode *value)
{
  g_autofree char *text = sandbox_node_to_string (value);
  return *text && strcmp (text, "0") != 0 && g_ascii_strcasecmp (text, "false") != 0;
}

JsonNode *
sandbox_cast (SandboxType type, JsonNode *value)
{
  if (type == SANDBOX_TYPE_ARRAY || type == SANDBOX_TYPE_OBJECT)
    return NULL;
  if (!JSON_NODE_HOLDS_VALUE (value)) /* a nested value in place of a scalar: PHP would say "Array" */
    return json_node_init_null (json_node_alloc ());

  JsonNode *node = json_node_alloc ();
  g_autofree char *text = sandbox_node_to_string (value);
  switch (type) {
    case SANDBOX_TYPE_INT:
      return json_node_init_int (node, cast_int (value));
    case SANDBOX_TYPE_FLOAT:
      return json_node_init_double (node, g_ascii_strtod (text, NULL));
    case SANDBOX_TYPE_BOOL:
      return json_node_init_boolean (node, cast_bool (value));
    default: {
      g_autofree char *valid = g_utf8_make_valid (text, -1);
      return json_node_init_string (node, valid);
    }
  }
}

static int
compare_keys (gconstpointer a, gconstpointer b)
{
  gint64 left = g_ascii_strtoll (a, NULL, 10), right = g_ascii_strtoll (b, NULL, 10);
  return left < right ? -1 : left > right;
}

/* Items come as {"0": ..., "1": ...} from a form, as an array from JSON. */
static JsonArray *
build_array (const char *item_class, JsonNode *value, guint api)
{
  JsonArray *array = json_array_new ();
  g_autoptr (GList) items = NULL;
  if (JSON_NODE_HOLDS_ARRAY (value)) {
    items = json_array_get_elements (json_node_get_array (value));
  } else if (JSON_NODE_HOLDS_OBJECT (value)) {
    g_autoptr (GList) keys = json_object_get_members (json_node_get_object (value));
    keys = g_list_sort (keys, compare_keys);
    for (GList *k = keys; k; k = k->next)
      items = g_list_append (items, json_object_get_member (json_node_get_object (value), k->data));
  }
  for (GList *i = items; i; i = i->next) {
    JsonNode *item = i->data;
    if (JSON_NODE_HOLDS_OBJECT (item) && item_class) {
      JsonObject *object = sandbox_object_build (item_class, json_node_get_object (item), api);
      if (object)
        json_array_add_object_element (array, object);
    }
  }
  return array;
}

static void
build_property (JsonObject *object, const SandboxProperty *property, JsonNode *value, guint api)
{
  if (property->type == SANDBOX_TYPE_ARRAY) {
    json_object_set_array_member (object, property->name, build_array (property->item_class, value, api));
  } else if (property->type == SANDBOX_TYPE_OBJECT) {
    if (property->item_class && JSON_NODE_HOLDS_OBJECT (value)) {
      JsonObject *member = sandbox_object_build (property->item_class, json_node_get_object (value), api);
      if (member)
        json_object_set_object_member (object, property->name, member);
    }
  } else if (!JSON_NODE_HOLDS_NULL (value)) {
    json_object_set_member (object, property->name, sandbox_cast (property->type, value));
  }
}

JsonObject *
sandbox_object_build (const char *declared, JsonObject *tree, guint api)
{
  const char *wanted = sandbox_get_string (tree, "objectType");
  const SandboxClass *klass = sandbox_class_find (declared);
  if (wanted && sandbox_class_find (wanted) && sandbox_class_is_a (wanted, declared))
    klass = sandbox_class_find (wanted);
  g_return_val_if_fail (klass, NULL);
  if (klass->abstract)
    return NULL;

  JsonObject *object = sandbox_object_new (klass->name);
  JsonObjectIter iter;
  const char *name;
  JsonNode *value;
  json_object_iter_init (&iter, tree);
  while (json_object_iter_next (&iter, &name, &value)) {
    g_autofree char *plain = g_strdup (name);
    gboolean null = g_str_has_suffix (plain, "__null");
    if (null)
      plain[strlen (plain) - strlen ("__null")] = '\0';
    const SandboxProperty *property = sandbox_class_find_property (klass, plain);
    if (!property || !(property->apis & api))
      continue;
    if (null && property->type != SANDBOX_TYPE_ARRAY)
      json_object_set_null_member (object, plain);
    else
      build_property (object, property, value, api);
  }
  return object;
}

JsonObject *
sandbox_object_copy (JsonObject *object)
{
  JsonObject *copy = sandbox_object_new (sandbox_get_string (object, "objectType"));
  sandbox_object_update (copy, object);
  return copy;
}

void
sandbox_object_update (JsonObject *to, JsonObject *from)
{
  JsonObjectIter iter;
  const char *name;
  JsonNode *value;
  json_object_iter_init (&iter, from);
  while (json_object_iter_next (&iter, &name, &value))
    if (strcmp (name, "objectType") != 0)
      json_object_set_member (to, name, json_node_copy (value));
}

static JsonNode *
get_value (JsonObject *object, const char *name)
{
  JsonNode *node = object ? json_object_get_member (object, name) : NULL;
  return node && JSON_NODE_HOLDS_VALUE (node) ? node : NULL;
}

const char *
sandbox_get_string (JsonObject *object, const char *name)
{
  JsonNode *node = get_value (object, name);
  return node ? json_node_get_string (node) : NULL;
}

gint64
sandbox_get_int (JsonObject *object, const char *name)
{
  JsonNode *node = get_value (object, name);
  return node ? cast_int (node) : 0;
}

double
sandbox_get_float (JsonObject *object, const char *name)
{
  JsonNode *node = get_value (object, name);
  if (!node)
    return 0;
  g_autofree char *text = sandbox_node_to_string (node);
  return g_ascii_strtod (text, NULL);
}

gboolean
sandbox_get_bool (JsonObject *object, const char *name)
{
  JsonNode *node = get_value (object, name);
  return node && cast_bool (node);
}

JsonObject *
sandbox_get_object (JsonObject *object, const char *name)
{
  JsonNode *node = object ? json_object_get_member (object, name) : NULL;
  return node && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

JsonArray *
sandbox_get_array (JsonObject *object, const char *name)
{
  JsonNode *node = object ? json_object_get_member (object, name) : NULL;
  return node && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
}

gboolean
sandbox_is_null (JsonObject *object, const char *name)
{
  JsonNode *node = object ? json_object_get_member (object, name) : NULL;
  return !node || JSON_NODE_HOLDS_NULL (node);
}

static gboolean
is_numeric (const char *text, double *number)
{
  char *end;
  text += strspn (text, " \t\n\r\v\f");
  if (!*text || !strchr ("+-.0123456789", *text) || strpbrk (text, "xXnNpP"))
    return FALSE;
  *number = g_ascii_strtod (text, &end);
  return end != text && !*end;
}

gboolean
sandbox_php_equal (const char *a, const char *b)
{
  double left, right;
  if (!a || !b)
    return (!a || !*a) && (!b || !*b);
  if (is_numeric (a, &left) && is_numeric (b, &right))
    return left == right;
  return strcmp (a, b) == 0;
}
