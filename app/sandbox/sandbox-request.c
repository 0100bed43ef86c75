/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Turns the forms in which clients send parameters (path pairs, query, form, JSON, multipart) into one tree. The server
 * feeds it as the request arrives; the dispatcher reads the tree.
 */
#include "sandbox-request.h"

#include <glib/gstdio.h>
#include <string.h>

void
sandbox_file_free (SandboxFile *file)
{
  if (file->path)
    g_unlink (file->path);
  g_free (file->name);
  g_free (file->filename);
  g_free (file->path);
  g_free (file);
}

SandboxRequest *
sandbox_request_new (SandboxApi api)
{
  SandboxRequest *request = g_new0 (SandboxRequest, 1);
  request->api = api;
  for (guint i = 0; i < G_N_ELEMENTS (request->origins); i++)
    request->origins[i] = json_object_new ();
  request->files = g_ptr_array_new_with_free_func ((GDestroyNotify) sandbox_file_free);
  return request;
}

void
sandbox_request_free (SandboxRequest *request)
{
  for (guint i = 0; i < G_N_ELEMENTS (request->origins); i++)
    json_object_unref (request->origins[i]);
  g_clear_pointer (&request->params, json_object_unref);
  g_ptr_array_unref (request->files);
  g_free (request->address);
  g_free (request->uri);
  g_free (request);
}

static JsonObject *
ensure_object (JsonObject *parent, const char *name)
{
  JsonObject *child = sandbox_get_object (parent, name);
  if (!child) {
    child = json_object_new ();
    json_object_set_object_member (parent, name, child);
  }
  return child;
}

static void
set_by_path (JsonObject *tree, const char *name, JsonNode *value)
{
  g_auto (GStrv) parts = g_strsplit (name, ":", -1);
  guint last = g_strv_length (parts);
  if (last == 0) {
    json_node_unref (value);
    return;
  }
  for (guint i = 0; i + 1 < last; i++) {
    if (i + 2 == last && strcmp (parts[i + 1], "-") == 0) /* "bitrates:-": an empty array */
      break;
    tree = ensure_object (tree, parts[i]);
  }
  if (last > 1 && strcmp (parts[last - 1], "-") == 0) {
    ensure_object (tree, parts[last - 2]);
    json_node_unref (value);
  } else {
    json_object_set_member (tree, parts[last - 1], value);
  }
}

void
sandbox_request_add (SandboxRequest *request, SandboxOrigin origin, const char *name, JsonNode *value)
{
  set_by_path (request->origins[origin], name, value);
}

void
sandbox_request_add_path (SandboxRequest *request, const char *path)
{
  g_auto (GStrv) parts = g_strsplit (path, "/", -1);
  g_autoptr (GPtrArray) words = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; parts[i]; i++) {
    char *word = *parts[i] ? g_uri_unescape_string (parts[i], NULL) : NULL;
    if (word && !(words->len == 0 && strcmp (word, "index.php") == 0))
      g_ptr_array_add (words, word);
    else
      g_free (word);
  }
  for (guint i = 0; i < words->len; i += 2) {
    const char *key = g_ptr_array_index (words, i);
    const char *value = i + 1 < words->len ? g_ptr_array_index (words, i + 1) : "";
    gboolean known = json_object_has_member (request->origins[SANDBOX_FROM_PATH], key);
    if (known && request->api == SANDBOX_API_CURRENT) /* the current API keeps the first, 2014 the last */
      continue;
    sandbox_request_add (request, SANDBOX_FROM_PATH, key, sandbox_node_from_string (value));
  }
}

static char *
decode_form (const char *text, gsize length)
{
  GString *out = g_string_sized_new (length);
  for (gsize i = 0; i < length; i++) {
    if (text[i] == '+')
      g_string_append_c (out, ' ');
    else if (text[i] == '%' && i + 2 < length && g_ascii_isxdigit (text[i + 1]) && g_ascii_isxdigit (text[i + 2])) {
      g_string_append_c (out, (char) (g_ascii_xdigit_value (text[i + 1]) << 4 | g_ascii_xdigit_value (text[i + 2])));
      i += 2;
    } else
      g_string_append_c (out, text[i]);
  }
  return g_string_free (out, FALSE);
}

void
sandbox_request_add_form (SandboxRequest *request, SandboxOrigin origin, const char *text)
{
  g_auto (GStrv) pairs = g_strsplit (text, "&", -1);
  for (guint i = 0; pairs[i]; i++) {
    const char *equal = strchr (pairs[i], '=');
    if (!*pairs[i] || equal == pairs[i])
      continue;
    g_autofree char *name = decode_form (pairs[i], equal ? (gsize) (equal - pairs[i]) : strlen (pairs[i]));
    g_autofree char *value = equal ? decode_form (equal + 1, strlen (equal + 1)) : g_strdup ("");
    sandbox_request_add (request, origin, name, sandbox_node_from_string (value));
  }
}

static void
merge_tree (JsonObject *to, JsonObject *from)
{
  JsonObjectIter iter;
  const char *name;
  JsonNode *value;
  json_object_iter_init (&iter, from);
  while (json_object_iter_next (&iter, &name, &value)) {
    JsonObject *known = sandbox_get_object (to, name);
    if (known && JSON_NODE_HOLDS_OBJECT (value))
      merge_tree (known, json_node_get_object (value));
    else
      json_object_set_member (to, name, json_node_copy (value));
  }
}

void
sandbox_request_add_json (SandboxRequest *request, const char *text, gsize length)
{
  if (request->api != SANDBOX_API_CURRENT)
    return;
  g_autofree char *copy = g_strstrip (g_strndup (text, length));
  gsize used = strlen (copy);
  g_autoptr (JsonParser) parser = json_parser_new ();
  if (used < 2 || copy[0] != '{' || copy[used - 1] != '}' || !json_parser_load_from_data (parser, copy, used, NULL) ||
      !JSON_NODE_HOLDS_OBJECT (json_parser_get_root (parser)))
    return;
  JsonObjectIter iter;
  const char *name;
  JsonNode *value;
  json_object_iter_init (&iter, json_node_get_object (json_parser_get_root (parser)));
  while (json_object_iter_next (&iter, &name, &value))
    sandbox_request_add (request, SANDBOX_FROM_BODY, name, json_node_copy (value));
}

void
sandbox_request_finish (SandboxRequest *request)
{
  static const SandboxOrigin body_wins[] = { SANDBOX_FROM_PATH, SANDBOX_FROM_QUERY, SANDBOX_FROM_BODY };
  static const SandboxOrigin url_wins[] = { SANDBOX_FROM_BODY, SANDBOX_FROM_QUERY, SANDBOX_FROM_PATH };
  const SandboxOrigin *order = request->api == SANDBOX_API_2014 ? body_wins : url_wins;
  g_clear_pointer (&request->params, json_object_unref);
  request->params = json_object_new ();
  for (guint i = 0; i < G_N_ELEMENTS (body_wins); i++)
    merge_tree (request->params, request->origins[order[i]]);
}

const char *
sandbox_request_peek (SandboxRequest *request, const char *name)
{
  const char *value = sandbox_get_string (request->origins[SANDBOX_FROM_PATH], name);
  return value ? value : sandbox_get_string (request->origins[SANDBOX_FROM_QUERY], name);
}

SandboxFile *
sandbox_request_find_file (SandboxRequest *request, const char *name)
{
  for (guint i = 0; i < request->files->len; i++) {
    SandboxFile *file = g_ptr_array_index (request->files, i);
    if (strcmp (file->name, name) == 0)
      return file;
  }
  return NULL;
}
