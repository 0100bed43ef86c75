/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * liveStream: get, update, authenticate with its limits, isLive (gst/kaltura/API.md "liveStream.authenticate" ...).
 */
#include "sandbox-services.h"

#include <string.h>

/* Needs read permission that a plain user session lacks. */
static const char *const guarded[] = { "streamPassword", "primaryBroadcastingUrl", "secondaryBroadcastingUrl",
  "pushPublishEnabled", NULL };

/* The best of both indexes. */
static SandboxNodeStatus
get_live_status (const SandboxEntry *entry)
{
  static const SandboxNodeStatus order[] = { SANDBOX_NODE_PLAYABLE, SANDBOX_NODE_BROADCASTING,
    SANDBOX_NODE_AUTHENTICATED };
  for (guint o = 0; o < G_N_ELEMENTS (order); o++)
    for (guint i = 0; i < 2; i++)
      if (entry->registered[i] && entry->registered[i]->status == order[o])
        return order[o];
  return SANDBOX_NODE_STOPPED;
}

void
sandbox_live_return_entry (SandboxCall *call, SandboxEntry *entry)
{
  sandbox_call_return_object (call, entry->object);
  JsonObject *object = json_node_get_object (call->result.value);
  json_object_set_int_member (object, "liveStatus", get_live_status (entry));
  if (call->ks && !sandbox_call_is_media_server (call) && !sandbox_call_is_admin (call))
    for (guint i = 0; guarded[i]; i++)
      json_object_set_null_member (object, guarded[i]);
}

void
sandbox_live_get (SandboxCall *call)
{
  SandboxEntry *entry = sandbox_call_need_entry (call, sandbox_get_string (call->arguments, "entryId"));
  if (entry)
    sandbox_live_return_entry (call, entry);
}

void
sandbox_live_update (SandboxCall *call)
{
  static const char *const read_only[] = { "id", "partnerId", "status", "createdAt", "updatedAt", "version",
    "liveStatus", "firstBroadcast", "lastBroadcast", "lastBroadcastEndTime", "streamUsername", NULL };
  SandboxEntry *entry = sandbox_call_need_entry (call, sandbox_get_string (call->arguments, "entryId"));
  if (!entry)
    return;
  JsonObject *changes = sandbox_get_object (call->arguments, "liveStreamEntry");
  for (guint i = 0; read_only[i]; i++)
    if (json_object_has_member (changes, read_only[i]))
      json_object_remove_member (changes, read_only[i]);
  sandbox_object_update (entry->object, changes);
  json_object_set_int_member (entry->object, "updatedAt", sandbox_state_now (call->state));
  sandbox_state_make_assets (call->state, entry);
  sandbox_live_return_entry (call, entry);
}

static gboolean
params_have_tag (JsonObject *params, const char *tag)
{
  const char *tags = sandbox_get_string (params, "tags");
  g_auto (GStrv) list = g_strsplit (tags ? tags : "", ",", -1);
  return g_strv_contains ((const char *const *) list, tag);
}

/* 2014: any flavor that is not an ingest; current: any flavor of origin CONVERT. */
static gboolean
entry_is_transcoded (SandboxState *state, SandboxEntry *entry)
{
  SandboxProfile *profile = sandbox_state_find_profile (state, sandbox_get_int (entry->object, "conversionProfileId"));
  for (guint i = 0; profile && i < profile->items->len; i++) {
    SandboxProfileItem *item = g_ptr_array_index (profile->items, i);
    JsonObject *params = sandbox_state_find_live_params (state, item->live_params_id);
    if (state->api == SANDBOX_API_2014 ? !params_have_tag (params, "ingest")
                                       : sandbox_get_int (item->object, "origin") == 0)
      return TRUE;
  }
  return FALSE;
}

/* The first admin tag of the entry that its partner limits, or NULL. */
static char *
find_limited_tag (const SandboxPartner *partner, SandboxEntry *entry)
{
  const char *tags = sandbox_get_string (entry->object, "adminTags");
  g_auto (GStrv) list = g_strsplit (tags ? tags : "", ",", -1);
  for (guint i = 0; partner->admin_tag_limits && list[i]; i++)
    if (json_object_has_member (partner->admin_tag_limits, g_strstrip (list[i])))
      return g_strdup (list[i]);
  return NULL;
}

typedef struct {
  guint passthrough;
  guint transcoded;
  guint with_tag;
} LiveCount;

static gboolean
is_connected (const SandboxEntry *entry)
{
  for (guint i = 0; i < 2; i++)
    if (entry->registered[i] && entry->registered[i]->status != SANDBOX_NODE_MARKED_FOR_DELETION)
      return TRUE;
  return FALSE;
}

/* The partner's entries that are on air, @self counted as one of them. */
static LiveCount
count_live (SandboxState *state, const SandboxPartner *partner, SandboxEntry *self, const char *tag)
{
  LiveCount count = { 0 };
  for (guint i = 0; i < state->entries->len; i++) {
    SandboxEntry *entry = g_ptr_array_index (state->entries, i);
    if (sandbox_entry_get_partner_id (entry) != partner->id || (entry != self && !is_connected (entry)))
      continue;
    g_autofree char *limited = state->api == SANDBOX_API_CURRENT ? find_limited_tag (partner, entry) : NULL;
    if (limited)
      count.with_tag += g_strcmp0 (limited, tag) == 0;
    else if (entry_is_transcoded (state, entry))
      count.transcoded++;
    else
      count.passthrough++;
  }
  return count;
}

static gboolean
check_limits (SandboxCall *call, SandboxEntry *entry)
{
  SandboxState *state = call->state;
  const char *id = sandbox_entry_get_id (entry);
  SandboxPartner *partner = sandbox_state_find_partner (state, sandbox_entry_get_partner_id (entry));
  gint outputs = sandbox_partner_has (partner, "FEATURE_KALTURA_LIVE_STREAM_TRANSCODE") ? partner->max_outputs : 0;
  gint inputs = partner->max_inputs;
  g_autofree char *tag = state->api == SANDBOX_API_CURRENT ? find_limited_tag (partner, entry) : NULL;
  LiveCount live = count_live (state, partner, entry, tag);

  if (tag) {
    gint64 allowed = sandbox_get_int (partner->admin_tag_limits, tag);
    g_autofree char *text = g_strdup_printf ("%" G_GINT64_FORMAT, allowed);
    if (live.with_tag > allowed)
      sandbox_call_fail (call, "LIVE_STREAM_EXCEEDED_MAX_CONCURRENT_BY_ADMIN_TAG", id, tag, text, NULL);
    return live.with_tag <= allowed;
  }
  gboolean transcoded = entry_is_transcoded (state, entry);
  gboolean old = state->api == SANDBOX_API_2014;
  if (old && (gint) (live.passthrough + live.transcoded) > inputs + outputs) {
    sandbox_call_fail (call, "LIVE_STREAM_EXCEEDED_MAX_PASSTHRU", id, NULL);
    return FALSE;
  }
  if ((old || transcoded) && (gint) live.transcoded > outputs) {
    sandbox_call_fail (call, "LIVE_STREAM_EXCEEDED_MAX_TRANSCODED", id, NULL);
    return FALSE;
  }
  if (old)
    inputs += outputs - (gint) live.transcoded;
  if ((old || !transcoded) && (gint) live.passthrough > inputs) {
    sandbox_call_fail (call, "LIVE_STREAM_EXCEEDED_MAX_PASSTHRU", id, NULL);
    return FALSE;
  }
  return TRUE;
}

/* Current API: on air at this index on a node of another environment. */
static gboolean
check_environment (SandboxCall *call, SandboxEntry *entry, guint index, const char *hostname)
{
  const SandboxRegistration *registration = entry->registered[index];
  JsonObject *node = sandbox_call_find_node (call, hostname);
  if (!registration || !node ||
      (registration->status != SANDBOX_NODE_PLAYABLE && registration->status != SANDBOX_NODE_BROADCASTING) ||
      g_strcmp0 (registration->environment, sandbox_get_string (node, "environment")) == 0)
    return TRUE;
  sandbox_call_fail (call, "LIVE_STREAM_ALREADY_BROADCASTING", sandbox_entry_get_id (entry), registration->hostname,
      NULL);
  return FALSE;
}

void
sandbox_live_authenticate (SandboxCall *call)
{
  const char *id = sandbox_get_string (call->arguments, "entryId");
  const char *hostname = sandbox_get_string (call->arguments, "hostname");
  const char *index = sandbox_get_string (call->arguments, "mediaServerIndex");
  SandboxEntry *entry = sandbox_call_need_entry (call, id);
  if (!entry)
    return;
  if (g_strcmp0 (sandbox_get_string (entry->object, "type"), "7") != 0) {
    sandbox_call_fail (call, "ENTRY_ID_NOT_FOUND", id, NULL);
    return;
  }
  if (!sandbox_php_equal (sandbox_get_string (entry->object, "streamPassword"),
          sandbox_get_string (call->arguments, "token"))) {
    sandbox_call_fail (call, "LIVE_STREAM_INVALID_TOKEN", id, NULL);
    return;
  }
  SandboxPartner *partner = sandbox_state_find_partner (call->state, sandbox_entry_get_partner_id (entry));
  if (partner->status != SANDBOX_PARTNER_ACTIVE) {
    sandbox_call_fail (call, "SERVICE_FORBIDDEN_CONTENT_BLOCKED", NULL);
    return;
  }
  if (hostname && *hostname && index && index[0] <= '1') {
    guint slot = index[0] - '0';
    if (!check_environment (call, entry, slot, hostname) ||
        !sandbox_registration_set (call, entry, slot, hostname, sandbox_get_string (call->arguments, "applicationName"),
            SANDBOX_NODE_AUTHENTICATED))
      return;
  }
  if (check_limits (call, entry))
    sandbox_live_return_entry (call, entry);
}

void
sandbox_live_is_live (SandboxCall *call)
{
  const char *id = sandbox_get_string (call->arguments, "id");
  const char *protocol = sandbox_get_string (call->arguments, "protocol");
  SandboxEntry *entry = sandbox_call_find_entry (call, id);
  if (!entry || g_strcmp0 (sandbox_get_string (entry->object, "type"), "7") != 0) {
    sandbox_call_fail (call, "INVALID_ENTRY_ID", id, NULL);
    return;
  }
  const char *source = sandbox_get_string (entry->object, "sourceType");
  if (g_strcmp0 (source, "32") == 0 || g_strcmp0 (source, "42") == 0)
    sandbox_call_return_boolean (call, sandbox_entry_is_live (call->state, entry));
  else /* external sources: the sandbox fetches nothing */
    sandbox_call_fail (call, "LIVE_STREAM_STATUS_CANNOT_BE_DETERMINED", protocol ? protocol : "", NULL);
}
