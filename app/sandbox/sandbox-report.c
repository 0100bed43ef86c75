/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GET /sandbox/state: the state as JSON (README.md "Control").
 */
#include "sandbox-fault.h"
#include "sandbox-state.h"

static void
add_string (JsonBuilder *builder, const char *name, const char *value)
{
  json_builder_set_member_name (builder, name);
  if (value)
    json_builder_add_string_value (builder, value);
  else
    json_builder_add_null_value (builder);
}

static void
add_int (JsonBuilder *builder, const char *name, gint64 value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_int_value (builder, value);
}

/* The host that players would be sent to; one that has only authenticated is not registered yet. */
static const char *
get_registered_host (const SandboxRegistration *registration)
{
  gboolean on_air = registration &&
      (registration->status == SANDBOX_NODE_PLAYABLE || registration->status == SANDBOX_NODE_BROADCASTING);
  return on_air ? registration->hostname : NULL;
}

static void
add_entry (JsonBuilder *builder, SandboxState *state, SandboxEntry *entry)
{
  json_builder_set_member_name (builder, sandbox_entry_get_id (entry));
  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "registered");
  json_builder_begin_object (builder);
  add_string (builder, "0", get_registered_host (entry->registered[0]));
  add_string (builder, "1", get_registered_host (entry->registered[1]));
  json_builder_end_object (builder);
  json_builder_set_member_name (builder, "live");
  json_builder_add_boolean_value (builder, sandbox_entry_is_live (state, entry));
  json_builder_set_member_name (builder, "nodes");
  json_builder_begin_object (builder);
  for (guint i = 0; i < 2; i++) {
    const SandboxRegistration *registration = entry->registered[i];
    if (!registration)
      continue;
    json_builder_set_member_name (builder, i ? "1" : "0");
    json_builder_begin_object (builder);
    add_string (builder, "hostname", registration->hostname);
    add_string (builder, "applicationName", registration->application);
    add_int (builder, "status", registration->status);
    add_int (builder, "keyExpiry", registration->key_expiry);
    json_builder_end_object (builder);
  }
  json_builder_end_object (builder);
  add_string (builder, "recordedEntryId", sandbox_get_string (entry->object, "recordedEntryId"));
  add_int (builder, "msDuration", sandbox_get_int (entry->object, "msDuration"));
  json_builder_set_member_name (builder, "recordings");
  json_builder_begin_array (builder);
  for (guint i = 0; i < entry->recordings->len; i++) {
    const SandboxRecording *recording = g_ptr_array_index (entry->recordings, i);
    json_builder_begin_object (builder);
    add_string (builder, "assetId", recording->asset_id);
    add_int (builder, "index", recording->index);
    json_builder_set_member_name (builder, "duration");
    json_builder_add_double_value (builder, recording->duration);
    add_string (builder, "path", recording->path);
    add_string (builder, "resource", recording->source);
    json_builder_set_member_name (builder, "isLastChunk");
    json_builder_add_boolean_value (builder, recording->last_chunk);
    add_int (builder, "time", recording->time);
    json_builder_end_object (builder);
  }
  json_builder_end_array (builder);
  json_builder_end_object (builder);
}

static void
add_token (JsonBuilder *builder, SandboxToken *token)
{
  json_builder_begin_object (builder);
  add_string (builder, "id", sandbox_get_string (token->object, "id"));
  add_int (builder, "partnerId", sandbox_get_int (token->object, "partnerId"));
  add_int (builder, "status", sandbox_get_int (token->object, "status"));
  add_string (builder, "fileName", sandbox_get_string (token->object, "fileName"));
  add_int (builder, "fileSize", sandbox_get_int (token->object, "fileSize"));
  add_int (builder, "uploadedFileSize", sandbox_get_int (token->object, "uploadedFileSize"));
  const gint64 *last = token->ranges->len ? &g_array_index (token->ranges, gint64, 2 * token->ranges->len - 1) : NULL;
  add_int (builder, "receivedTo", last ? *last : 0);
  add_string (builder, "path", token->path);
  json_builder_end_object (builder);
}

static void
add_call (JsonBuilder *builder, const SandboxCallRecord *record)
{
  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "time");
  json_builder_add_double_value (builder, record->time / (double) G_USEC_PER_SEC);
  add_string (builder, "service", record->service);
  add_string (builder, "action", record->action);
  add_int (builder, "partnerId", record->partner_id);
  add_string (builder, "entryId", record->entry_id);
  add_string (builder, "result", record->result);
  if (record->fault)
    add_string (builder, "fault", record->fault);
  json_builder_end_object (builder);
}

static void
add_objects (JsonBuilder *builder, const char *name, GPtrArray *objects)
{
  json_builder_set_member_name (builder, name);
  json_builder_begin_array (builder);
  for (guint i = 0; i < objects->len; i++) {
    JsonNode *node = json_node_alloc ();
    json_builder_add_value (builder, json_node_init_object (node, g_ptr_array_index (objects, i)));
  }
  json_builder_end_array (builder);
}

JsonNode *
sandbox_state_to_json (SandboxState *state)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "entries");
  json_builder_begin_object (builder);
  for (guint i = 0; i < state->entries->len; i++)
    add_entry (builder, state, g_ptr_array_index (state->entries, i));
  json_builder_end_object (builder);
  json_builder_set_member_name (builder, "uploadTokens");
  json_builder_begin_array (builder);
  for (guint i = 0; i < state->tokens->len; i++)
    add_token (builder, g_ptr_array_index (state->tokens, i));
  json_builder_end_array (builder);
  json_builder_set_member_name (builder, "calls");
  json_builder_begin_array (builder);
  for (GList *link = state->calls.head; link; link = link->next)
    add_call (builder, link->data);
  json_builder_end_array (builder);
  add_objects (builder, "serverNodes", state->nodes);
  add_objects (builder, "cuePoints", state->cue_points);
  add_objects (builder, "beacons", state->beacons);
  json_builder_set_member_name (builder, "faults");
  json_builder_add_value (builder, sandbox_faults_to_json (state->faults));
  add_string (builder, "api", state->api == SANDBOX_API_2014 ? "2014" : "current");
  json_builder_set_member_name (builder, "time");
  json_builder_add_double_value (builder, sandbox_state_now_us (state) / (double) G_USEC_PER_SEC);
  json_builder_end_object (builder);
  return json_builder_get_root (builder);
}
