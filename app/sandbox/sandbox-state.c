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
  state->restricted_extensions = g_ptr_array_new_with_free_func (g_free);
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
  g_ptr_array_unref (state->restricted_extensions);
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
