/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Faults that a test asks for: which calls they hit and how often. sandbox-dispatch.c takes them, sandbox-server.c
 * plays those that concern the connection.
 */
#include "sandbox-fault.h"
#include "sandbox-check.h"

#include <string.h>

static const char *const kind_names[] = { "error", "delay", "garbage", "html", "cut", "status", "empty",
  "lost-answer" };

void
sandbox_fault_free (SandboxFault *fault)
{
  g_free (fault->service);
  g_free (fault->action);
  g_free (fault->entry_id);
  g_free (fault->code);
  g_free (fault->message);
  g_free (fault);
}

const char *
sandbox_fault_kind_name (SandboxFaultKind kind)
{
  return kind_names[kind];
}

static char *
dup_lower (JsonObject *object, const char *name)
{
  const char *text = sandbox_get_string (object, name);
  return text ? g_ascii_strdown (text, -1) : NULL;
}

static gboolean
check_members (JsonObject *object, const char *path, GError **error)
{
  static const char *const strings[] = { "service", "action", "kind", "code", "message", "entryId", NULL };
  static const char *const numbers[] = { "seconds", "status", "times", "afterBytes", NULL };
  g_autoptr (GList) names = json_object_get_members (object);
  for (GList *n = names; n; n = n->next) {
    const char *name = n->data;
    JsonNode *node = json_object_get_member (object, name);
    g_autofree char *member = g_strdup_printf ("%s.%s", path, name);
    if (g_strv_contains (strings, name)) {
      if (json_node_get_value_type (node) != G_TYPE_STRING)
        return sandbox_data_fail (error, member, "expected a string");
    } else if (g_strv_contains (numbers, name)) {
      if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) == G_TYPE_STRING ||
          sandbox_get_float (object, name) < 0)
        return sandbox_data_fail (error, member, "expected a number, 0 or more");
    } else {
      return sandbox_data_fail (error, member, "unknown member of a fault");
    }
  }
  return TRUE;
}

static SandboxFault *
fault_from_json (JsonNode *node, const char *path, GError **error)
{
  if (!JSON_NODE_HOLDS_OBJECT (node)) {
    sandbox_data_fail (error, path, "expected an object");
    return NULL;
  }
  JsonObject *object = json_node_get_object (node);
  if (!check_members (object, path, error))
    return NULL;

  const char *kind = sandbox_get_string (object, "kind");
  guint k = 0;
  while (k < G_N_ELEMENTS (kind_names) && g_strcmp0 (kind, kind_names[k]) != 0)
    k++;
  if (k == G_N_ELEMENTS (kind_names)) {
    g_autofree char *known = g_strjoinv (", ",
        (char **) (const char *[]){ "error", "delay", "garbage", "html", "cut", "status", "empty", "lost-answer",
            NULL });
    sandbox_data_fail (error, path, "kind: expected one of %s", known);
    return NULL;
  }
  if (k == SANDBOX_FAULT_ERROR && !sandbox_get_string (object, "code")) {
    sandbox_data_fail (error, path, "a fault of kind error needs a code");
    return NULL;
  }

  SandboxFault *fault = g_new0 (SandboxFault, 1);
  fault->kind = k;
  fault->service = dup_lower (object, "service");
  fault->action = dup_lower (object, "action");
  fault->entry_id = g_strdup (sandbox_get_string (object, "entryId"));
  fault->code = g_strdup (sandbox_get_string (object, "code"));
  fault->message = g_strdup (sandbox_get_string (object, "message"));
  fault->seconds = sandbox_get_float (object, "seconds");
  fault->status = json_object_has_member (object, "status") ? sandbox_get_int (object, "status") : 500;
  fault->after_bytes = sandbox_get_int (object, "afterBytes");
  fault->times = sandbox_get_int (object, "times");
  return fault;
}

gboolean
sandbox_faults_add (GPtrArray *faults, JsonNode *root, GError **error)
{
  JsonArray *list =
      root && JSON_NODE_HOLDS_OBJECT (root) ? sandbox_get_array (json_node_get_object (root), "faults") : NULL;
  if (!list)
    return sandbox_data_fail (error, "$", "expected an object with an array \"faults\"");
  g_autoptr (GPtrArray) added = g_ptr_array_new ();
  for (guint i = 0; i < json_array_get_length (list); i++) {
    g_autofree char *path = g_strdup_printf ("$.faults[%u]", i);
    SandboxFault *fault = fault_from_json (json_array_get_element (list, i), path, error);
    if (!fault) {
      g_ptr_array_set_free_func (added, (GDestroyNotify) sandbox_fault_free);
      return FALSE;
    }
    g_ptr_array_add (added, fault);
  }
  g_ptr_array_extend (faults, added, NULL, NULL);
  return TRUE;
}

static void
set_optional (JsonObject *object, const char *name, const char *value)
{
  if (value)
    json_object_set_string_member (object, name, value);
}

JsonNode *
sandbox_faults_to_json (GPtrArray *faults)
{
  JsonArray *list = json_array_new ();
  for (guint i = 0; i < faults->len; i++) {
    const SandboxFault *fault = g_ptr_array_index (faults, i);
    JsonObject *object = json_object_new ();
    json_object_set_string_member (object, "kind", kind_names[fault->kind]);
    set_optional (object, "service", fault->service);
    set_optional (object, "action", fault->action);
    set_optional (object, "entryId", fault->entry_id);
    set_optional (object, "code", fault->code);
    json_object_set_double_member (object, "seconds", fault->seconds);
    json_object_set_int_member (object, "times", fault->times);
    json_array_add_object_element (list, object);
  }
  JsonNode *node = json_node_alloc ();
  json_node_init_array (node, list);
  json_array_unref (list);
  return node;
}

static gboolean
matches (const char *wanted, const char *given)
{
  return !wanted || (given && g_ascii_strcasecmp (wanted, given) == 0);
}

SandboxFault *
sandbox_faults_take (GPtrArray *faults, const char *service, const char *action, const char *entry_id,
    gboolean uploading)
{
  for (guint i = 0; i < faults->len; i++) {
    SandboxFault *fault = g_ptr_array_index (faults, i);
    if (uploading != (fault->kind == SANDBOX_FAULT_CUT && fault->after_bytes > 0))
      continue;
    if (!matches (fault->service, service) || !matches (fault->action, action) ||
        (fault->entry_id && g_strcmp0 (fault->entry_id, entry_id) != 0))
      continue;

    SandboxFault *taken = g_memdup2 (fault, sizeof *fault);
    taken->service = g_strdup (fault->service);
    taken->action = g_strdup (fault->action);
    taken->entry_id = g_strdup (fault->entry_id);
    taken->code = g_strdup (fault->code);
    taken->message = g_strdup (fault->message);
    if (fault->times > 0 && --fault->times == 0)
      g_ptr_array_remove_index (faults, i);
    return taken;
  }
  return NULL;
}
