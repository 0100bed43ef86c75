/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From a parsed request to a reply: finds the action, checks session, parameters and permission in the server's order,
 * runs it, serializes. Multirequests run call after call with {N:result:path} replaced. Every call is logged for
 * /sandbox/state and may meet a fault.
 */
#include "sandbox-dispatch.h"
#include "sandbox-serialize.h"

#include <string.h>

static void
result_free (SandboxResult *result)
{
  sandbox_result_clear (result);
  g_free (result);
}

void
sandbox_reply_clear (SandboxReply *reply)
{
  g_free (reply->body);
  g_free (reply->error_code);
  g_free (reply->error_message);
  g_clear_pointer (&reply->fault, sandbox_fault_free);
  memset (reply, 0, sizeof *reply);
}

static SandboxFormat
get_format (JsonObject *params, char **text)
{
  JsonNode *node = json_object_get_member (params, "format");
  *text = sandbox_node_to_string (node);
  if (!*text)
    return SANDBOX_FORMAT_XML;
  for (SandboxFormat format = SANDBOX_FORMAT_JSON; format <= SANDBOX_FORMAT_PHP; format++) {
    char number[2] = { (char) ('0' + format), '\0' };
    if (sandbox_php_equal (*text, number))
      return format;
  }
  return SANDBOX_FORMAT_UNKNOWN;
}

static const SandboxAction *
find_action (SandboxCall *call, const char *service, const char *action)
{
  gboolean known = FALSE;
  if (!service || !*service) {
    sandbox_call_fail (call, "SERVICE_NOT_SPECIFIED", NULL);
    return NULL;
  }
  for (const SandboxAction *a = sandbox_actions; a->service; a++) {
    if (!(a->apis & call->state->api) || g_ascii_strcasecmp (a->service, service) != 0)
      continue;
    known = TRUE;
    if (action && g_ascii_strcasecmp (a->action, action) == 0)
      return a;
  }
  g_autofree char *lower_service = g_ascii_strdown (service, -1);
  g_autofree char *lower_action = g_ascii_strdown (action ? action : "", -1);
  if (!known)
    sandbox_call_fail (call, "SERVICE_DOES_NOT_EXISTS", lower_service, NULL);
  else if (!*lower_action)
    sandbox_call_fail (call, "ACTION_NOT_SPECIFIED", NULL);
  else
    sandbox_call_fail (call, "ACTION_DOES_NOT_EXISTS", lower_action, lower_service, NULL);
  return NULL;
}

/* The entry that a call is about, wherever the action has it. */
static char *
guess_entry_id (JsonObject *params)
{
  JsonObject *filter = sandbox_get_object (params, "filter");
  JsonObject *cue_point = sandbox_get_object (params, "cuePoint");
  JsonObject *beacon = sandbox_get_object (params, "beacon");
  const char *stream = sandbox_get_string (params, "streamName");
  if (stream)
    return g_strndup (stream, MIN (strlen (stream), 10));
  const char *id = sandbox_get_string (params, "entryId");
  id = id ? id : filter ? sandbox_get_string (filter, "entryIdEqual") : NULL;
  id = id ? id : cue_point ? sandbox_get_string (cue_point, "entryId") : NULL;
  id = id ? id : beacon ? sandbox_get_string (beacon, "objectId") : NULL;
  return g_strdup (id ? id : sandbox_get_string (params, "id"));
}

static void
run_action (SandboxCall *call)
{
  if (sandbox_call_read_session (call) && sandbox_call_read_arguments (call) && sandbox_call_check_access (call))
    call->action->run (call);
}

static gboolean
fault_prevents_action (const SandboxFault *fault)
{
  return fault && fault->kind != SANDBOX_FAULT_DELAY && fault->kind != SANDBOX_FAULT_LOST_ANSWER;
}

static void
log_call (SandboxCall *call, const char *service, const char *action, const char *entry_id, const SandboxFault *fault)
{
  g_autofree char *lower = g_ascii_strdown (service ? service : "", -1);
  const char *result = call->result.code ? call->result.code : "OK";
  const char *kind = fault ? sandbox_fault_kind_name (fault->kind) : NULL;
  if (fault_prevents_action (fault) && fault->kind != SANDBOX_FAULT_ERROR)
    result = kind;
  sandbox_state_log_call (call->state, lower,
      call->action ? call->action->action
          : action ? action
                   : "",
      call->partner_id, entry_id, result, kind);
}

/* One call. A fault that concerns the connection ends in @fault. */
static SandboxResult *
run_call (SandboxState *state, SandboxRequest *request, JsonObject *params, const char *prefix, SandboxFault **fault)
{
  SandboxCall call = { .state = state, .request = request, .params = params };
  const char *service = sandbox_get_string (params, "service");
  const char *action = sandbox_get_string (params, "action");
  g_autofree char *entry_id = guess_entry_id (params);
  call.prefix = g_strdup (prefix);
  call.arguments = json_object_new ();
  call.action = find_action (&call, service, action);
  call.result.from_file_action = call.action && call.action->file;

  SandboxFault *hit = sandbox_faults_take (state->faults, service, action, entry_id, FALSE);
  if (fault_prevents_action (hit)) {
    const char *code = hit->kind == SANDBOX_FAULT_ERROR ? hit->code : "INTERNAL_SERVERL_ERROR";
    sandbox_error_fill (&call.result, code, (const char *[]){ entry_id, NULL });
    if (hit->message) {
      g_free (call.result.message);
      call.result.message = g_strdup (hit->message);
    }
  } else if (call.action) {
    run_action (&call);
  }
  if (!call.partner_id)
    call.partner_id = sandbox_get_int (params, "partnerId");
  if (!call.result.wait)
    log_call (&call, service, action, entry_id, hit);

  if (hit && *fault == NULL)
    *fault = g_steal_pointer (&hit);
  g_clear_pointer (&hit, sandbox_fault_free);
  SandboxResult *result = g_memdup2 (&call.result, sizeof call.result);
  g_clear_pointer (&call.ks, kaltura_ks_free);
  json_object_unref (call.arguments);
  g_free (call.prefix);
  return result;
}

/* The value at @path ("objects:0:id") of an earlier result, as text; "" for a failed call or a wrong path. */
static char *
find_in_result (const SandboxResult *result, const char *path)
{
  JsonNode *node = result->value;
  g_auto (GStrv) parts = g_strsplit (path, ":", -1);
  for (guint i = 0; parts[i] && node; i++) {
    if (JSON_NODE_HOLDS_OBJECT (node)) {
      node = json_object_get_member (json_node_get_object (node), parts[i]);
    } else if (JSON_NODE_HOLDS_ARRAY (node)) {
      guint64 index = g_ascii_strtoull (parts[i], NULL, 10);
      JsonArray *array = json_node_get_array (node);
      node = index < json_array_get_length (array) ? json_array_get_element (array, index) : NULL;
    } else {
      node = NULL;
    }
  }
  char *text = sandbox_node_to_string (node);
  return text ? text : g_strdup ("");
}

static void
replace_results (JsonObject *tree, GPtrArray *results)
{
  g_autoptr (GRegex) regex = g_regex_new ("^\\{([0-9]+):result(?::(.*))?\\}$", G_REGEX_DOLLAR_ENDONLY, 0, NULL);
  g_autoptr (GList) names = json_object_get_members (tree);
  for (GList *n = names; n; n = n->next) {
    JsonNode *node = json_object_get_member (tree, n->data);
    if (JSON_NODE_HOLDS_OBJECT (node)) {
      replace_results (json_node_get_object (node), results);
      continue;
    }
    const char *text = sandbox_get_string (tree, n->data);
    g_autoptr (GMatchInfo) match = NULL;
    if (!text || !g_regex_match (regex, text, 0, &match))
      continue;
    g_autofree char *number = g_match_info_fetch (match, 1);
    g_autofree char *path = g_match_info_fetch (match, 2);
    guint64 index = g_ascii_strtoull (number, NULL, 10);
    if (index < 1 || index > results->len)
      continue;
    g_autofree char *value = find_in_result (g_ptr_array_index (results, index - 1), path ? path : "");
    json_object_set_member (tree, n->data, sandbox_node_from_string (value));
  }
}

static void
inherit (JsonObject *call, JsonObject *common, const char *name)
{
  if (sandbox_is_null (call, name) && !sandbox_is_null (common, name))
    json_object_set_member (call, name, json_node_copy (json_object_get_member (common, name)));
}

static void
run_multirequest (SandboxState *state, SandboxRequest *request, GPtrArray *results, SandboxFault **fault)
{
  for (guint i = 1;; i++) {
    g_autofree char *number = g_strdup_printf ("%u", i);
    g_autofree char *prefix = g_strdup_printf ("%u:", i);
    JsonObject *params = sandbox_get_object (request->params, number);
    if (!params || !sandbox_get_string (params, "service") || !sandbox_get_string (params, "action"))
      return;
    inherit (params, request->params, "ks");
    inherit (params, request->params, "partnerId");
    inherit (params, request->params, "clientTag");
    replace_results (params, results);
    SandboxResult *result = run_call (state, request, params, prefix, fault);
    g_ptr_array_add (results, result);
    if (result->from_file_action)
      return;
  }
}

static void
fill_reply (SandboxReply *reply, const SandboxSerializer *serializer, GPtrArray *results)
{
  const SandboxResult *last = results->len ? g_ptr_array_index (results, results->len - 1) : NULL;
  if (last && last->wait) {
    reply->wait = TRUE;
    return;
  }
  if (last && last->code) {
    reply->error_code = g_strdup (last->code);
    reply->error_message = g_strdup (last->message);
  }
  if (last && last->from_file_action) {
    reply->file_error = last->code != NULL;
    reply->body = g_strdup (last->file ? last->file : "");
    reply->content_type = last->file ? last->file_type : "text/html";
    return;
  }
  reply->body = sandbox_serialize (serializer, results);
  reply->content_type = sandbox_format_content_type (serializer->format);
}

static gboolean
wants_ignore_null (JsonObject *params)
{
  JsonNode *node = json_object_get_member (params, "ignoreNull");
  g_autofree char *text = sandbox_node_to_string (node);
  return text && (strcmp (text, "1") == 0 || strcmp (text, "true") == 0);
}

void
sandbox_dispatch (SandboxState *state, SandboxRequest *request, SandboxReply *reply)
{
  gint64 begin = g_get_monotonic_time ();
  g_autofree char *format_text = NULL;
  SandboxSerializer serializer = { .api = state->api, .format = get_format (request->params, &format_text) };
  if (serializer.format == SANDBOX_FORMAT_UNKNOWN) {
    SandboxResult result = { NULL };
    sandbox_error_fill (&result, "UNKNOWN_RESPONSE_FORMAT", (const char *[]){ format_text, NULL });
    reply->error_code = g_steal_pointer (&result.code);
    reply->error_message = g_steal_pointer (&result.message);
    reply->file_error = TRUE;
    reply->body = g_strdup ("");
    reply->content_type = "text/html";
    sandbox_result_clear (&result);
    return;
  }

  g_autoptr (GPtrArray) results = g_ptr_array_new_with_free_func ((GDestroyNotify) result_free);
  const char *service = sandbox_get_string (request->params, "service");
  serializer.multirequest = service && g_ascii_strcasecmp (service, "multirequest") == 0;
  serializer.ignore_null = wants_ignore_null (request->params);
  if (serializer.multirequest)
    run_multirequest (state, request, results, &reply->fault);
  else
    g_ptr_array_add (results, run_call (state, request, request->params, "", &reply->fault));
  serializer.execution_time = (g_get_monotonic_time () - begin) / (double) G_USEC_PER_SEC;
  fill_reply (reply, &serializer, results);
}
