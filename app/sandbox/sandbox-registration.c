/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which media server an entry is on: registerMediaServer, unregisterMediaServer, the key that must be renewed every
 * 70 s and the batch job that drops who does not (gst/kaltura/API.md "liveStream.registerMediaServer").
 */
#include "sandbox-recorded-entry.h"
#include "sandbox-services.h"

#define KEY_LIFETIME 70  /* s, media_server_cache_expiry */
#define NODE_MIN_AGE 120 /* s: the current API's job leaves younger ones alone */

static gboolean
is_on_air (SandboxNodeStatus status)
{
  return status == SANDBOX_NODE_PLAYABLE || status == SANDBOX_NODE_BROADCASTING;
}

/* Times of the broadcast on the entry (current API). */
static void
note_broadcast (SandboxState *state, SandboxEntry *entry, guint index, SandboxNodeStatus status)
{
  gint64 now = sandbox_state_now (state);
  if (index == 0 && sandbox_get_float (entry->object, "currentBroadcastStartTime") == 0)
    json_object_set_double_member (entry->object, "currentBroadcastStartTime", now);
  if (status != SANDBOX_NODE_PLAYABLE)
    return;
  if (index == 0 && !sandbox_get_int (entry->object, "firstBroadcast"))
    json_object_set_int_member (entry->object, "firstBroadcast", now);
  json_object_set_int_member (entry->object, "lastBroadcast", now);
  if (sandbox_get_int (entry->object, "viewMode"))
    json_object_set_null_member (entry->object, "redirectEntryId");
}

gboolean
sandbox_registration_set (SandboxCall *call, SandboxEntry *entry, guint index, const char *hostname,
    const char *application, SandboxNodeStatus status)
{
  SandboxState *state = call->state;
  gboolean current = state->api == SANDBOX_API_CURRENT;
  JsonObject *node = current ? sandbox_call_find_node (call, hostname) : NULL;
  if (current && !node) {
    sandbox_call_fail (call, "MEDIA_SERVER_NOT_FOUND", hostname, NULL);
    return FALSE;
  }
  SandboxRegistration *registration = entry->registered[index];
  if (!registration) {
    registration = entry->registered[index] = g_new0 (SandboxRegistration, 1);
    registration->created = registration->updated = sandbox_state_now (state);
    registration->application = g_strdup (application);
  }
  if (registration->status != status || g_strcmp0 (registration->hostname, hostname) != 0)
    registration->updated = sandbox_state_now (state);
  g_free (registration->hostname);
  g_free (registration->environment);
  registration->hostname = g_strdup (hostname);
  registration->environment = g_strdup (node ? sandbox_get_string (node, "environment") : NULL);
  registration->status = status;
  if (!current || status == SANDBOX_NODE_PLAYABLE)
    registration->key_expiry = sandbox_state_now (state) + KEY_LIFETIME;
  if (current)
    note_broadcast (state, entry, index, status);
  return TRUE;
}

/* The batch job and unregister end here. */
static void
drop (SandboxState *state, SandboxEntry *entry, guint index)
{
  SandboxRegistration *registration = entry->registered[index];
  gboolean current = state->api == SANDBOX_API_CURRENT;
  if (current && index == 0 && is_on_air (registration->status))
    json_object_set_int_member (entry->object, "lastBroadcastEndTime", sandbox_state_now (state));
  if (current && index == 0 && sandbox_recorded_entry_is_empty (state, entry)) {
    registration->status = SANDBOX_NODE_MARKED_FOR_DELETION;
  } else {
    g_clear_pointer (&entry->registered[index], sandbox_registration_free);
  }
  for (guint i = 0; i < 2; i++)
    if (entry->registered[i] && entry->registered[i]->status == SANDBOX_NODE_PLAYABLE)
      return;
  if (!current)
    return;
  if (sandbox_get_string (entry->object, "recordedEntryId"))
    json_object_set_string_member (entry->object, "redirectEntryId",
        sandbox_get_string (entry->object, "recordedEntryId"));
  json_object_set_double_member (entry->object, "currentBroadcastStartTime", 0);
  if (sandbox_get_int (entry->object, "explicitLive"))
    json_object_set_int_member (entry->object, "viewMode", 0);
}

static guint
get_index (SandboxCall *call)
{
  return sandbox_get_int (call->arguments, "mediaServerIndex") == 1;
}

void
sandbox_live_register (SandboxCall *call)
{
  SandboxEntry *entry = sandbox_call_need_entry (call, sandbox_get_string (call->arguments, "entryId"));
  if (!entry)
    return;
  SandboxNodeStatus status = SANDBOX_NODE_PLAYABLE;
  if (call->state->api == SANDBOX_API_CURRENT)
    status = sandbox_get_int (call->arguments, "liveEntryStatus");
  guint index = get_index (call);
  if (!sandbox_registration_set (call, entry, index, sandbox_get_string (call->arguments, "hostname"),
          sandbox_get_string (call->arguments, "applicationName"), status))
    return;
  if (call->state->api == SANDBOX_API_CURRENT && sandbox_get_bool (call->arguments, "shouldCreateRecordedEntry") &&
      index == 0)
    sandbox_recorded_entry_ensure (call->state, entry, status);
  sandbox_live_return_entry (call, entry);
}

void
sandbox_live_unregister (SandboxCall *call)
{
  const char *id = sandbox_get_string (call->arguments, "entryId");
  const char *hostname = sandbox_get_string (call->arguments, "hostname");
  SandboxEntry *entry = sandbox_call_need_entry (call, id);
  if (!entry)
    return;
  guint index = get_index (call);
  SandboxRegistration *registration = entry->registered[index];
  if (call->state->api == SANDBOX_API_2014) { /* silent when the stored server is another one */
    if (registration && g_strcmp0 (registration->hostname, hostname) == 0)
      drop (call->state, entry, index);
  } else if (!sandbox_call_find_node (call, hostname)) {
    sandbox_call_fail (call, "SERVER_NODE_NOT_FOUND", hostname, NULL);
    return;
  } else if (!registration) {
    sandbox_call_fail (call, "ENTRY_SERVER_NODE_NOT_FOUND", id, index ? "1" : "0", NULL);
    return;
  } else {
    drop (call->state, entry, index);
  }
  sandbox_live_return_entry (call, entry);
}

/* Whether the key is gone and, for the current API's batch job (@patient), the node has had time to register. */
static gboolean
has_expired (SandboxState *state, const SandboxRegistration *registration, gboolean patient)
{
  gint64 now = sandbox_state_now (state);
  if (registration->status == SANDBOX_NODE_MARKED_FOR_DELETION || registration->key_expiry > now)
    return FALSE;
  return !patient || (registration->created <= now - NODE_MIN_AGE && registration->updated < now - KEY_LIFETIME);
}

static void
validate (SandboxState *state, SandboxEntry *entry, gboolean patient)
{
  for (guint i = 0; i < 2; i++)
    if (entry->registered[i] && has_expired (state, entry->registered[i], patient))
      drop (state, entry, i);
}

void
sandbox_live_validate (SandboxCall *call)
{
  SandboxEntry *entry = sandbox_call_need_entry (call, sandbox_get_string (call->arguments, "entryId"));
  if (entry)
    validate (call->state, entry, FALSE);
}

void
sandbox_registration_expire (SandboxState *state)
{
  for (guint i = 0; i < state->entries->len; i++)
    validate (state, g_ptr_array_index (state->entries, i), state->api == SANDBOX_API_CURRENT);
}
