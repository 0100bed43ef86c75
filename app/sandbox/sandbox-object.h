/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/* The two vintages of the API that the sandbox plays; a mask in tables. */
typedef enum {
  SANDBOX_API_2014 = 1 << 0,
  SANDBOX_API_CURRENT = 1 << 1,
} SandboxApi;
#define SANDBOX_API_BOTH (SANDBOX_API_2014 | SANDBOX_API_CURRENT)

typedef enum {
  SANDBOX_TYPE_STRING,
  SANDBOX_TYPE_INT,
  SANDBOX_TYPE_FLOAT,
  SANDBOX_TYPE_BOOL,
  SANDBOX_TYPE_ARRAY,
  SANDBOX_TYPE_OBJECT,
} SandboxType;

typedef struct {
  char *name;
  SandboxType type;
  guint apis;       /* SandboxApi mask: vintages that have it */
  char *item_class; /* of an array or object; NULL otherwise */
} SandboxProperty;

/* A Kaltura class. An object of it is a JsonObject whose "objectType" member names the class. */
typedef struct {
  const char *name;
  gboolean abstract;
  GPtrArray *properties; /* of SandboxProperty, the parents' first */
} SandboxClass;

/* NULL when the API has no class of that name (exact spelling). */
const SandboxClass *sandbox_class_find (const char *name);
gboolean sandbox_class_is_a (const char *name, const char *ancestor);
const SandboxProperty *sandbox_class_find_property (const SandboxClass *klass, const char *name);
/* "a string", "an integer" ...: for messages. */
const char *sandbox_type_describe (SandboxType type);

/* A new object of @class_name, all properties null. */
JsonObject *sandbox_object_new (const char *class_name);
/*
 * Casts the request's @value to @type as PHP does: "12x" is the integer 12, "" and "0" are false, "false" in any case
 * is false. Arrays and objects give NULL. Caller owns the node.
 */
JsonNode *sandbox_cast (SandboxType type, JsonNode *value);
/*
 * Makes an object of @declared (or the subclass that tree's objectType names) out of request parameters: known
 * properties cast, "NAME__null" becomes an explicit null, unknown names ignored. NULL when the class is abstract.
 */
JsonObject *sandbox_object_build (const char *declared, JsonObject *tree, guint api);
/* A new object with the same members; nested objects and arrays are shared. */
JsonObject *sandbox_object_copy (JsonObject *object);
/* Copies what @from sets (explicit nulls too) into @to. */
void sandbox_object_update (JsonObject *to, JsonObject *from);

/* Members that may be absent, null or of another type. */
const char *sandbox_get_string (JsonObject *object, const char *name); /* (nullable), strings only */
gint64 sandbox_get_int (JsonObject *object, const char *name);         /* 0 when absent; casts */
double sandbox_get_float (JsonObject *object, const char *name);
gboolean sandbox_get_bool (JsonObject *object, const char *name);
JsonObject *sandbox_get_object (JsonObject *object, const char *name); /* (transfer none) (nullable) */
JsonArray *sandbox_get_array (JsonObject *object, const char *name);   /* (transfer none) (nullable) */
gboolean sandbox_is_null (JsonObject *object, const char *name);       /* absent or null */
/* The scalar as PHP turns it into a string. NULL for null, arrays, objects. */
char *sandbox_node_to_string (JsonNode *node);
JsonNode *sandbox_node_from_string (const char *text);

/* PHP's ==: two numeric strings compare as numbers. NULL equals only NULL and "". */
gboolean sandbox_php_equal (const char *a, const char *b);

G_END_DECLS
