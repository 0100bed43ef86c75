/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writes results as the API does (gst/kaltura/API.md "Replies"): JSON, XML, PHP's serialize(), each in both vintages.
 * Which properties an object has, and in which order, comes from its class.
 */
#include "sandbox-serialize.h"

#include <string.h>

typedef struct {
  const SandboxSerializer *config;
  GString *out;
} Writer;

static void write_json (Writer *w, JsonNode *node);
static void write_xml (Writer *w, JsonNode *node);
static void write_php (Writer *w, JsonNode *node);

static gboolean
is_null (JsonNode *node)
{
  return !node || JSON_NODE_HOLDS_NULL (node);
}

/* The names of what @object shows in this vintage, in order, without objectType. */
static GPtrArray *
list_members (Writer *w, JsonObject *object)
{
  GPtrArray *names = g_ptr_array_new ();
  const SandboxClass *klass = sandbox_class_find (sandbox_get_string (object, "objectType"));
  for (guint i = 0; klass && i < klass->properties->len; i++) {
    const SandboxProperty *property = g_ptr_array_index (klass->properties, i);
    if (property->apis & w->config->api)
      g_ptr_array_add (names, property->name);
  }
  return names;
}

/* --- JSON: as PHP's json_encode, so "/" and non-ASCII are escaped --- */

static void
write_json_string (Writer *w, const char *text)
{
  g_string_append_c (w->out, '"');
  for (const char *p = text; *p; p = g_utf8_next_char (p)) {
    gunichar c = g_utf8_get_char (p);
    switch (c) {
      case '"':
      case '\\':
      case '/':
        g_string_append_c (w->out, '\\');
        g_string_append_c (w->out, (char) c);
        break;
      case '\n':
        g_string_append (w->out, "\\n");
        break;
      case '\r':
        g_string_append (w->out, "\\r");
        break;
      case '\t':
        g_string_append (w->out, "\\t");
        break;
      default:
        if (c >= 0x10000)
          g_string_append_printf (w->out, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10),
              0xdc00 + ((c - 0x10000) & 0x3ff));
        else if (c < 0x20 || c >= 0x7f)
          g_string_append_printf (w->out, "\\u%04x", c);
        else
          g_string_append_c (w->out, (char) c);
    }
  }
  g_string_append_c (w->out, '"');
}

static void
write_json_scalar (Writer *w, JsonNode *node)
{
  g_autofree char *text = sandbox_node_to_string (node);
  if (json_node_get_value_type (node) == G_TYPE_STRING)
    write_json_string (w, text);
  else if (json_node_get_value_type (node) == G_TYPE_BOOLEAN)
    g_string_append (w->out, json_node_get_boolean (node) ? "true" : "false");
  else
    g_string_append (w->out, text);
}

/* 2014 keeps nulls and has no objectType; the current API drops nulls and ends with objectType. */
static void
write_json_object (Writer *w, JsonObject *object)
{
  gboolean current = w->config->api == SANDBOX_API_CURRENT, first = TRUE;
  g_autoptr (GPtrArray) names = list_members (w, object);
  g_string_append_c (w->out, '{');
  for (guint i = 0; i < names->len; i++) {
    const char *name = g_ptr_array_index (names, i);
    JsonNode *value = json_object_get_member (object, name);
    if (current && is_null (value))
      continue;
    g_string_append (w->out, first ? "" : ",");
    write_json_string (w, name);
    g_string_append_c (w->out, ':');
    write_json (w, value);
    first = FALSE;
  }
  if (current) {
    g_string_append (w->out, first ? "\"objectType\":" : ",\"objectType\":");
    write_json_string (w, sandbox_get_string (object, "objectType"));
  }
  g_string_append_c (w->out, '}');
}

static void
write_json (Writer *w, JsonNode *node)
{
  if (is_null (node)) {
    g_string_append (w->out, "null");
  } else if (JSON_NODE_HOLDS_OBJECT (node)) {
    write_json_object (w, json_node_get_object (node));
  } else if (JSON_NODE_HOLDS_ARRAY (node)) {
    JsonArray *array = json_node_get_array (node);
    g_string_append_c (w->out, '[');
    for (guint i = 0; i < json_array_get_length (array); i++) {
      g_string_append (w->out, i ? "," : "");
      write_json (w, json_array_get_element (array, i));
    }
    g_string_append_c (w->out, ']');
  } else {
    write_json_scalar (w, node);
  }
}

static void
write_json_error (Writer *w, const SandboxResult *result)
{
  g_string_append (w->out, "{\"code\":");
  write_json_string (w, result->code);
  g_string_append (w->out, ",\"message\":");
  write_json_string (w, result->message);
  g_string_append (w->out, ",\"objectType\":\"KalturaAPIException\",\"args\":");
  g_string_append (w->out, result->args->len ? "{" : "[");
  for (guint i = 0; i + 1 < result->args->len; i += 2) {
    g_string_append (w->out, i ? "," : "");
    write_json_string (w, g_ptr_array_index (result->args, i));
    g_string_append_c (w->out, ':');
    write_json_string (w, g_ptr_array_index (result->args, i + 1));
  }
  g_string_append (w->out, result->args->len ? "}}" : "]}");
}

/* --- XML --- */

static void
write_xml_text (Writer *w, const char *text)
{
  for (; *text; text++) {
    switch (*text) {
      case '&':
        g_string_append (w->out, "&amp;");
        break;
      case '<':
        g_string_append (w->out, "&lt;");
        break;
      case '>':
        g_string_append (w->out, "&gt;");
        break;
      case '"':
        g_string_append (w->out, "&quot;");
        break;
      case '\'':
        g_string_append (w->out, "&apos;");
        break;
      default:
        if ((guchar) *text >= 0x20 || strchr ("\t\n\r", *text))
          g_string_append_c (w->out, *text);
    }
  }
}

static void
write_xml_object (Writer *w, JsonObject *object)
{
  g_autoptr (GPtrArray) names = list_members (w, object);
  g_string_append_printf (w->out, "<objectType>%s</objectType>", sandbox_get_string (object, "objectType"));
  for (guint i = 0; i < names->len; i++) {
    const char *name = g_ptr_array_index (names, i);
    JsonNode *value = json_object_get_member (object, name);
    if (w->config->ignore_null && is_null (value))
      continue;
    g_string_append_printf (w->out, "<%s>", name);
    write_xml (w, value);
    g_string_append_printf (w->out, "</%s>", name);
  }
}

static void
write_xml (Writer *w, JsonNode *node)
{
  if (is_null (node))
    return;
  if (JSON_NODE_HOLDS_OBJECT (node)) {
    write_xml_object (w, json_node_get_object (node));
  } else if (JSON_NODE_HOLDS_ARRAY (node)) {
    JsonArray *array = json_node_get_array (node);
    for (guint i = 0; i < json_array_get_length (array); i++) {
      g_string_append (w->out, "<item>");
      write_xml (w, json_array_get_element (array, i));
      g_string_append (w->out, "</item>");
    }
  } else if (json_node_get_value_type (node) == G_TYPE_BOOLEAN) {
    g_string_append_c (w->out, json_node_get_boolean (node) ? '1' : '0');
  } else {
    g_autofree char *text = sandbox_node_to_string (node);
    write_xml_text (w, text);
  }
}

static void
write_xml_element (Writer *w, const char *name, const char *text)
{
  g_string_append_printf (w->out, "<%s>", name);
  write_xml_text (w, text);
  g_string_append_printf (w->out, "</%s>", name);
}

static void
write_xml_error (Writer *w, const SandboxResult *result)
{
  g_string_append (w->out, "<error>");
  write_xml_element (w, "code", result->code);
  write_xml_element (w, "message", result->message);
  write_xml_element (w, "objectType", "KalturaAPIException");
  g_string_append (w->out, "<args>");
  for (guint i = 0; i + 1 < result->args->len; i += 2) {
    g_string_append (w->out, "<item>");
    write_xml_element (w, "objectType",
        w->config->api == SANDBOX_API_2014 ? "KalturaAPIExceptionArg" : "KalturaApiExceptionArg");
    write_xml_element (w, "name", g_ptr_array_index (result->args, i));
    write_xml_element (w, "value", g_ptr_array_index (result->args, i + 1));
    g_string_append (w->out, "</item>");
  }
  g_string_append (w->out, "</args></error>");
}

/* --- PHP's serialize() --- */

static void
write_php_string (Writer *w, const char *text)
{
  g_string_append_printf (w->out, "s:%zu:\"%s\";", strlen (text), text);
}

static void
write_php_object (Writer *w, JsonObject *object)
{
  const char *class_name = sandbox_get_string (object, "objectType");
  g_autoptr (GPtrArray) names = list_members (w, object);
  g_string_append_printf (w->out, "O:%zu:\"%s\":%u:{", strlen (class_name), class_name, names->len);
  for (guint i = 0; i < names->len; i++) {
    write_php_string (w, g_ptr_array_index (names, i));
    write_php (w, json_object_get_member (object, g_ptr_array_index (names, i)));
  }
  g_string_append_c (w->out, '}');
}

static void
write_php (Writer *w, JsonNode *node)
{
  if (is_null (node)) {
    g_string_append (w->out, "N;");
    return;
  }
  if (JSON_NODE_HOLDS_OBJECT (node)) {
    write_php_object (w, json_node_get_object (node));
    return;
  }
  if (JSON_NODE_HOLDS_ARRAY (node)) {
    JsonArray *array = json_node_get_array (node);
    g_string_append_printf (w->out, "a:%u:{", json_array_get_length (array));
    for (guint i = 0; i < json_array_get_length (array); i++) {
      g_string_append_printf (w->out, "i:%u;", i);
      write_php (w, json_array_get_element (array, i));
    }
    g_string_append_c (w->out, '}');
    return;
  }
  g_autofree char *text = sandbox_node_to_string (node);
  switch (json_node_get_value_type (node)) {
    case G_TYPE_STRING:
      write_php_string (w, text);
      break;
    case G_TYPE_BOOLEAN:
      g_string_append_printf (w->out, "b:%d;", json_node_get_boolean (node));
      break;
    case G_TYPE_DOUBLE:
      g_string_append_printf (w->out, "d:%s;", text);
      break;
    default:
      g_string_append_printf (w->out, "i:%s;", text);
  }
}

static void
write_php_error (Writer *w, const SandboxResult *result)
{
  g_string_append (w->out, "a:4:{");
  write_php_string (w, "code");
  write_php_string (w, result->code);
  write_php_string (w, "message");
  write_php_string (w, result->message);
  write_php_string (w, "objectType");
  write_php_string (w, "KalturaAPIException");
  write_php_string (w, "args");
  g_string_append_printf (w->out, "a:%u:{", result->args->len / 2);
  for (guint i = 0; i < result->args->len; i++)
    write_php_string (w, g_ptr_array_index (result->args, i));
  g_string_append (w->out, "}}");
}

/* --- bodies --- */

static void
write_result (Writer *w, const SandboxResult *result)
{
  switch (w->config->format) {
    case SANDBOX_FORMAT_JSON:
      if (result->code)
        write_json_error (w, result);
      else
        write_json (w, result->value);
      break;
    case SANDBOX_FORMAT_PHP:
      if (result->code)
        write_php_error (w, result);
      else
        write_php (w, result->value);
      break;
    default:
      if (result->code)
        write_xml_error (w, result);
      else
        write_xml (w, result->value);
  }
}

static void
write_list (Writer *w, GPtrArray *results)
{
  SandboxFormat format = w->config->format;
  if (format == SANDBOX_FORMAT_JSON)
    g_string_append_c (w->out, '[');
  else if (format == SANDBOX_FORMAT_PHP)
    g_string_append_printf (w->out, "a:%u:{", results->len);
  for (guint i = 0; i < results->len; i++) {
    if (format == SANDBOX_FORMAT_JSON)
      g_string_append (w->out, i ? "," : "");
    else if (format == SANDBOX_FORMAT_PHP)
      g_string_append_printf (w->out, "i:%u;", i);
    else
      g_string_append (w->out, "<item>");
    write_result (w, g_ptr_array_index (results, i));
    if (format == SANDBOX_FORMAT_XML)
      g_string_append (w->out, "</item>");
  }
  if (format == SANDBOX_FORMAT_JSON)
    g_string_append_c (w->out, ']');
  else if (format == SANDBOX_FORMAT_PHP)
    g_string_append_c (w->out, '}');
}

char *
sandbox_serialize (const SandboxSerializer *serializer, GPtrArray *results)
{
  Writer w = { serializer, g_string_new (NULL) };
  if (serializer->format == SANDBOX_FORMAT_XML)
    g_string_append (w.out, "<?xml version=\"1.0\" encoding=\"utf-8\"?><xml><result>");
  if (serializer->multirequest)
    write_list (&w, results);
  else
    write_result (&w, g_ptr_array_index (results, 0));
  if (serializer->format == SANDBOX_FORMAT_XML) {
    char buffer[G_ASCII_DTOSTR_BUF_SIZE];
    g_ascii_formatd (buffer, sizeof buffer, "%.12g", serializer->execution_time);
    g_string_append_printf (w.out, "</result><executionTime>%s</executionTime></xml>", buffer);
  }
  return g_string_free (w.out, FALSE);
}

const char *
sandbox_format_content_type (SandboxFormat format)
{
  switch (format) {
    case SANDBOX_FORMAT_JSON:
      return "application/json";
    case SANDBOX_FORMAT_PHP:
      return "text/html"; /* PHP's default: the serializer sets none */
    default:
      return "text/xml";
  }
}
