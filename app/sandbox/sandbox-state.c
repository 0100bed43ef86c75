/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Everything that the sandbox knows: what came from the data file and what calls have changed since. Lists are short,
 * so they are searched from front to back. Main thread only.
 */
#include "sandbox-state.h"
#include "sandbox-fault.h"

#include <string.h>

/* More calls than this are forgotten, oldest first. */
#define MAX_CALLS 200000

void
sandbox_registration_free (SandboxRegistration *registration)
{
  if (!registration)
    return;
  g_free (registration->hostname);
  g_free (registration->application);
  g_free (registration->environment);
  g_free (registration);
}

void
sandbox_recording_free (SandboxRecording *recording)
{
  g_free (recording->asset_id);
  g_free (recording->path);
  g_free (recording->source);
  g_free (recording);
}

void
sandbox_token_free (SandboxToken *token)
{
  json_object_unref (token->object);
  g_free (token->path);
  g_array_unref (token->ranges);
  g_free (token);
}

void
sandbox_partner_free (SandboxPartner *partner)
{
  g_free (partner->name);
  g_free (partner->admin_secret);
  g_free (partner->secret);
  g_ptr_array_unref (partner->permissions);
  g_clear_pointer (&partner->admin_tag_limits, json_object_unref);
  g_free (partner);
}

void
sandbox_profile_item_free (SandboxProfileItem *item)
{
  json_object_unref (item->object);
  g_free (item);
}

void
sandbox_profile_free (SandboxProfile *profile)
{
  g_ptr_array_unref (profile->items);
  g_free (profile);
}

SandboxEntry *
sandbox_entry_new (JsonObject *object)
{
  SandboxEntry *entry = g_new0 (SandboxEntry, 1);
  entry->object = object;
  entry->assets = g_ptr_array_new_with_free_func ((GDestroyNotify) json_object_unref);
  entry->recordings = g_ptr_array_new_with_free_func ((GDestroyNotify) sandbox_recording_free);
  return entry;
}

void
sandbox_entry_free (SandboxEntry *entry)
{
  json_object_unref (entry->object);
  sandbox_registration_free (entry->registered[0]);
  sandbox_registration_free (entry->registered[1]);
  g_ptr_array_unref (entry->assets);
  g_ptr_array_unref (entry->recordings);
  g_free (entry);
}

static void
recorded_entry_free (SandboxRecordedEntry *recorded)
{
  g_free (recorded->id);
  g_free (recorded->live_id);
  g_free (recorded);
}

static void
call_record_free (SandboxCallRecord *record)
{
  g_free (record->entry_id);
  g_free (record);
}

SandboxState *
sandbox_state_new (SandboxApi api, const char *directory)
{
  SandboxState *state = g_new0 (SandboxState, 1);
  state->api = api;
  state->directory = g_strdup (directory);
  state->partners = g_ptr_array_new_with_free_func ((GDestroyNotify) sandbox_partner_free);
  state->entries = g_ptr_array_new_with_free_func ((GDestroyNotify) sandbox_entry_free);
  state->recorded_entries = g_ptr_array_new_with_free_func ((GDestroyNotify) recorded_entry_free);
  state->live_params = g_ptr_array_new_with_free_func ((GDestroyNotify) json_object_unref);
  state->profiles = g_ptr_array_new_with_free_func ((GDestroyNotify) sandbox_profile_free);
  state->nodes = g_ptr_array_new_with_free_func ((GDestroyNotify) json_object_unref);
  state->tokens = g_ptr_array_new_with_free_func ((GDestroyNotify) sandbox_token_free);
  state->cue_points = g_ptr_array_new_with_free_func ((GDestroyNotify) json_object_unref);
  state->beacons = g_ptr_array_new_with_free_func ((GDestroyNotify) json_object_unref);
  state->faults = g_ptr_array_new_with_free_func ((GDestroyNotify) sandbox_fault_free);
  state->internal_addresses = g_ptr_array_new_with_free_func (g_free);
  state->ks_uses = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  state->broadcast_domain = g_strdup ("localhost");
  state->max_recorded_hours = api == SANDBOX_API_2014 ? 4 : 25;
  g_queue_init (&state->calls);
  return state;
}

void
sandbox_state_free (SandboxState *state)
{
  g_ptr_array_unref (state->partners);
  g_ptr_array_unref (state->entries);
  g_ptr_array_unref (state->recorded_entries);
  g_ptr_array_unref (state->live_params);
  g_ptr_array_unref (state->profiles);
  g_ptr_array_unref (state->nodes);
  g_ptr_array_unref (state->tokens);
  g_ptr_array_unref (state->cue_points);
  g_ptr_array_unref (state->beacons);
  g_ptr_array_unref (state->faults);
  g_ptr_array_unref (state->internal_addresses);
  g_hash_table_unref (state->ks_uses);
  g_queue_clear_full (&state->calls, (GDestroyNotify) call_record_free);
  g_free (state->broadcast_domain);
  g_free (state->directory);
  g_free (state);
}

gint64
sandbox_state_now_us (const SandboxState *state)
{
  return g_get_real_time () + state->clock_offset;
}

gint64
sandbox_state_now (const SandboxState *state)
{
  return sandbox_state_now_us (state) / G_USEC_PER_SEC;
}

SandboxPartner *
sandbox_state_find_partner (SandboxState *state, gint id)
{
  for (guint i = 0; i < state->partners->len; i++) {
    SandboxPartner *partner = g_ptr_array_index (state->partners, i);
    if (partner->id == id)
      return partner;
  }
  return NULL;
}

SandboxEntry *
sandbox_state_find_entry (SandboxState *state, const char *id)
{
  for (guint i = 0; i < state->entries->len; i++) {
    SandboxEntry *entry = g_ptr_array_index (state->entries, i);
    if (g_strcmp0 (sandbox_entry_get_id (entry), id) == 0)
      return entry;
  }
  return NULL;
}

SandboxProfile *
sandbox_state_find_profile (SandboxState *state, gint id)
{
  for (guint i = 0; i < state->profiles->len; i++) {
    SandboxProfile *profile = g_ptr_array_index (state->profiles, i);
    if (profile->id == id)
      return profile;
  }
  return NULL;
}

JsonObject *
sandbox_state_find_live_params (SandboxState *state, gint id)
{
  for (guint i = 0; i < state->live_params->len; i++) {
    JsonObject *object = g_ptr_array_index (state->live_params, i);
    if (sandbox_get_int (object, "id") == id)
      return object;
  }
  return NULL;
}

JsonObject *
sandbox_state_find_node (SandboxState *state, const char *hostname, gint partner_id)
{
  for (guint i = 0; i < state->nodes->len; i++) {
    JsonObject *node = g_ptr_array_index (state->nodes, i);
    if (g_strcmp0 (sandbox_get_string (node, "hostName"), hostname) == 0 &&
        sandbox_get_int (node, "partnerId") == partner_id)
      return node;
  }
  return NULL;
}

JsonObject *
sandbox_state_find_node_any_partner (SandboxState *state, const char *hostname)
{
  for (guint i = 0; i < state->nodes->len; i++) {
    JsonObject *node = g_ptr_array_index (state->nodes, i);
    if (g_strcmp0 (sandbox_get_string (node, "hostName"), hostname) == 0)
      return node;
  }
  return NULL;
}

SandboxToken *
sandbox_state_find_token (SandboxState *state, const char *id)
{
  for (guint i = 0; i < state->tokens->len; i++) {
    SandboxToken *token = g_ptr_array_index (state->tokens, i);
    if (g_strcmp0 (sandbox_get_string (token->object, "id"), id) == 0)
      return token;
  }
  return NULL;
}

JsonObject *
sandbox_entry_find_asset (SandboxEntry *entry, const char *asset_id)
{
  for (guint i = 0; i < entry->assets->len; i++) {
    JsonObject *asset = g_ptr_array_index (entry->assets, i);
    if (g_strcmp0 (sandbox_get_string (asset, "id"), asset_id) == 0)
      return asset;
  }
  return NULL;
}

gboolean
sandbox_partner_has (const SandboxPartner *partner, const char *permission)
{
  return partner && g_ptr_array_find_with_equal_func (partner->permissions, permission, g_str_equal, NULL);
}

const char *
sandbox_entry_get_id (const SandboxEntry *entry)
{
  return sandbox_get_string (entry->object, "id");
}

gint
sandbox_entry_get_partner_id (const SandboxEntry *entry)
{
  return sandbox_get_int (entry->object, "partnerId");
}

gboolean
sandbox_entry_is_live (const SandboxState *state, const SandboxEntry *entry)
{
  if (state->api == SANDBOX_API_2014)
    return entry->registered[0] || entry->registered[1];
  if (sandbox_get_int (entry->object, "explicitLive") && !sandbox_get_int (entry->object, "viewMode"))
    return FALSE;
  for (guint i = 0; i < 2; i++)
    if (entry->registered[i] && entry->registered[i]->status == SANDBOX_NODE_PLAYABLE)
      return TRUE;
  return FALSE;
}

char *
sandbox_state_new_id (SandboxState *state)
{
  return g_strdup_printf ("0_sb%06x", ++state->id_sequence);
}

static gboolean
has_asset_of (SandboxEntry *entry, gint live_params_id)
{
  for (guint i = 0; i < entry->assets->len; i++)
    if (sandbox_get_int (g_ptr_array_index (entry->assets, i), "flavorParamsId") == live_params_id)
      return TRUE;
  return FALSE;
}

void
sandbox_state_make_assets (SandboxState *state, SandboxEntry *entry)
{
  SandboxProfile *profile = sandbox_state_find_profile (state, sandbox_get_int (entry->object, "conversionProfileId"));
  for (guint i = 0; profile && i < profile->items->len; i++) {
    SandboxProfileItem *item = g_ptr_array_index (profile->items, i);
    JsonObject *params = sandbox_state_find_live_params (state, item->live_params_id);
    if (!params || has_asset_of (entry, item->live_params_id))
      continue;
    const char *tags = sandbox_get_string (params, "tags");
    gboolean anchor = entry->assets->len == 0 && sandbox_get_int (entry->object, "recordStatus") != 0;
    g_autofree char *id = g_strdup_printf ("0_as%06u", ++state->asset_sequence);
    g_autofree char *asset_tags =
        anchor ? g_strconcat (tags ? tags : "", tags && *tags ? "," : "", "recording_anchor", NULL) : g_strdup (tags);
    JsonObject *asset = sandbox_object_new ("KalturaLiveAsset");
    json_object_set_string_member (asset, "id", id);
    json_object_set_string_member (asset, "entryId", sandbox_entry_get_id (entry));
    json_object_set_int_member (asset, "partnerId", sandbox_entry_get_partner_id (entry));
    json_object_set_string_member (asset, "version", "1");
    if (asset_tags)
      json_object_set_string_member (asset, "tags", asset_tags);
    json_object_set_int_member (asset, "createdAt", sandbox_state_now (state));
    json_object_set_int_member (asset, "updatedAt", sandbox_state_now (state));
    json_object_set_int_member (asset, "flavorParamsId", item->live_params_id);
    json_object_set_int_member (asset, "width", 0);
    json_object_set_int_member (asset, "height", 0);
    json_object_set_int_member (asset, "bitrate", 0);
    json_object_set_int_member (asset, "frameRate", 0);
    json_object_set_boolean_member (asset, "isOriginal", FALSE);
    json_object_set_boolean_member (asset, "isWeb", FALSE);
    json_object_set_int_member (asset, "status", 2); /* READY */
    g_ptr_array_add (entry->assets, asset);
  }
}

void
sandbox_state_log_call (SandboxState *state, const char *service, const char *action, gint partner_id,
    const char *entry_id, const char *result, const char *fault)
{
  SandboxCallRecord *record = g_new0 (SandboxCallRecord, 1);
  record->time = sandbox_state_now_us (state);
  record->service = g_intern_string (service);
  record->action = g_intern_string (action);
  record->partner_id = partner_id;
  record->entry_id = g_strdup (entry_id);
  record->result = g_intern_string (result);
  record->fault = g_intern_string (fault);
  g_queue_push_tail (&state->calls, record);
  if (state->calls.length > MAX_CALLS)
    call_record_free (g_queue_pop_head (&state->calls));
}

void
sandbox_state_forget_calls (SandboxState *state)
{
  g_queue_clear_full (&state->calls, (GDestroyNotify) call_record_free);
}

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
