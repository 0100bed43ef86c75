/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a media server has recorded: liveStream.appendRecording, setRecordedContent, createRecordedEntry
 * (gst/kaltura/API.md "liveStream.appendRecording").
 */
#include "sandbox-recorded-entry.h"
#include "sandbox-services.h"

#include <glib/gstdio.h>
#include <string.h>

enum { TOKEN_FULL = 2, TOKEN_CLOSED = 3 };

#define KALTURA_RECORDING "FEATURE_LIVE_STREAM_KALTURA_RECORDING"

/* Fails when the server cannot see the file. Otherwise @token is the upload token of the resource, or NULL. */
static gboolean
check_resource (SandboxCall *call, JsonObject *resource, SandboxToken **token)
{
  *token = NULL;
  if (strcmp (sandbox_get_string (resource, "objectType"), "KalturaServerFileResource") == 0) {
    const char *path = sandbox_get_string (resource, "localFilePath");
    if (!path)
      sandbox_call_fail (call, "PROPERTY_VALIDATION_CANNOT_BE_NULL", "KalturaServerFileResource::localFilePath", NULL);
    else if (!g_file_test (path, G_FILE_TEST_IS_REGULAR))
      sandbox_call_fail (call, "LOCAL_FILE_NOT_FOUND", path, NULL);
    return !sandbox_call_failed (call);
  }
  const char *id = sandbox_get_string (resource, "token");
  *token = id ? sandbox_upload_find (call, id) : NULL;
  if (!id)
    sandbox_call_fail (call, "PROPERTY_VALIDATION_CANNOT_BE_NULL", "KalturaUploadedFileTokenResource::token", NULL);
  else if (!*token)
    sandbox_call_fail (call, "UPLOAD_TOKEN_NOT_FOUND", NULL);
  else if (sandbox_get_int ((*token)->object, "status") != TOKEN_FULL)
    sandbox_call_fail (call, "UPLOAD_TOKEN_INVALID_STATUS_FOR_ADD_ENTRY", NULL);
  return !sandbox_call_failed (call);
}

/* An uploaded file moves to where segments are converted; its token serves once. */
static char *
take_file (SandboxState *state, JsonObject *resource, SandboxToken *token)
{
  if (!token)
    return g_strdup (sandbox_get_string (resource, "localFilePath"));
  const char *name = sandbox_get_string (token->object, "fileName");
  const char *dot = name ? strrchr (name, '.') : NULL;
  gboolean plain = dot && strlen (dot) < 16 && !strchr (dot, '/');
  g_autofree char *base = g_strconcat ("segment-", sandbox_get_string (token->object, "id"), plain ? dot : "", NULL);
  char *path = g_build_filename (state->directory, base, NULL);
  if (g_rename (token->path, path) != 0 || g_chmod (path, 0640) != 0)
    g_printerr ("kaltura-sandbox: cannot move %s to %s\n", token->path, path);
  json_object_set_int_member (token->object, "status", TOKEN_CLOSED);
  g_clear_pointer (&token->path, g_free);
  return path;
}

static gboolean
has_tag (JsonObject *asset, const char *tag)
{
  const char *tags = sandbox_get_string (asset, "tags");
  g_auto (GStrv) list = g_strsplit (tags ? tags : "", ",", -1);
  return g_strv_contains ((const char *const *) list, tag);
}

static void
count_duration (SandboxCall *call, SandboxEntry *entry, JsonObject *asset, guint index, double duration)
{
  SandboxState *state = call->state;
  gboolean current = state->api == SANDBOX_API_CURRENT;
  if (current && (index != 0 || !has_tag (asset, "recording_anchor")))
    return;
  gint64 total = sandbox_get_int (entry->object, "msDuration") + (gint64) (duration * 1000);
  json_object_set_int_member (entry->object, "msDuration", total);
  json_object_set_int_member (entry->object, "duration", total / 1000);
  if (current && sandbox_get_bool (call->arguments, "isLastChunk"))
    json_object_set_int_member (entry->object, "lastElapsedRecordingTime", total);
  SandboxRecordedEntry *recorded = sandbox_recorded_entry_find (state, entry);
  if (recorded)
    recorded->duration += duration;
}

static void
add_recording (SandboxCall *call, SandboxEntry *entry, const char *asset_id, guint index, JsonObject *resource,
    SandboxToken *token)
{
  SandboxRecording *recording = g_new0 (SandboxRecording, 1);
  recording->asset_id = g_strdup (asset_id);
  recording->index = index;
  recording->duration = sandbox_get_float (call->arguments, "duration");
  recording->last_chunk = sandbox_get_bool (call->arguments, "isLastChunk");
  recording->source = g_strdup (token ? "uploadToken" : "file");
  recording->path = take_file (call->state, resource, token);
  recording->time = sandbox_state_now (call->state);
  g_ptr_array_add (entry->recordings, recording);
}

void
sandbox_recording_append (SandboxCall *call)
{
  SandboxState *state = call->state;
  gboolean current = state->api == SANDBOX_API_CURRENT;
  const char *asset_id = sandbox_get_string (call->arguments, "assetId");
  double duration = sandbox_get_float (call->arguments, "duration");
  guint index = sandbox_get_int (call->arguments, "mediaServerIndex") == 1;
  JsonObject *resource = sandbox_get_object (call->arguments, "resource");
  SandboxEntry *entry = sandbox_call_need_entry (call, sandbox_get_string (call->arguments, "entryId"));
  if (!entry)
    return;
  gint partner_id = sandbox_entry_get_partner_id (entry);
  if (current && sandbox_partner_has (sandbox_state_find_partner (state, partner_id), KALTURA_RECORDING)) {
    g_autofree char *partner = g_strdup_printf ("%d", partner_id);
    sandbox_call_fail (call, "KALTURA_RECORDING_ENABLED", partner, NULL);
    return;
  }
  JsonObject *asset = sandbox_entry_find_asset (entry, asset_id);
  if (!asset) {
    sandbox_call_fail (call, "ASSET_ID_NOT_FOUND", asset_id, NULL);
    return;
  }
  double total = sandbox_get_int (entry->object, "msDuration") / 1000. + duration;
  if (total > state->max_recorded_hours * 3600.) {
    sandbox_call_fail (call, "LIVE_STREAM_EXCEEDED_MAX_RECORDED_DURATION", sandbox_entry_get_id (entry), NULL);
    return;
  }
  SandboxToken *token;
  if (!resource || !check_resource (call, resource, &token))
    return;
  if (current && index == 0 && sandbox_get_int (entry->object, "recordStatus"))
    sandbox_recorded_entry_ensure (state, entry, SANDBOX_NODE_PLAYABLE);
  add_recording (call, entry, asset_id, index, resource, token);
  count_duration (call, entry, asset, index, duration);
  sandbox_live_return_entry (call, entry);
}

void
sandbox_recording_set_content (SandboxCall *call)
{
  SandboxState *state = call->state;
  const char *recorded_id = sandbox_get_string (call->arguments, "recordedEntryId");
  double duration = sandbox_get_float (call->arguments, "duration");
  guint index = sandbox_get_int (call->arguments, "mediaServerIndex");
  JsonObject *resource = sandbox_get_object (call->arguments, "resource");
  SandboxEntry *entry = sandbox_call_need_entry (call, sandbox_get_string (call->arguments, "entryId"));
  if (!entry)
    return;
  gint partner_id = sandbox_entry_get_partner_id (entry);
  if (!sandbox_partner_has (sandbox_state_find_partner (state, partner_id), KALTURA_RECORDING)) {
    g_autofree char *partner = g_strdup_printf ("%d", partner_id);
    sandbox_call_fail (call, "KALTURA_RECORDING_DISABLED", partner, NULL);
    return;
  }
  if (index != 0) { /* a no-op for the backup */
    sandbox_live_return_entry (call, entry);
    return;
  }
  const char *own = sandbox_get_string (entry->object, "recordedEntryId");
  if (recorded_id && g_strcmp0 (recorded_id, own) != 0) {
    sandbox_call_fail (call, "RECORDED_ENTRY_LIVE_MISMATCH", sandbox_entry_get_id (entry), recorded_id, NULL);
    return;
  }
  if (!sandbox_is_null (call->arguments, "flavorParamsId") &&
      !sandbox_state_find_live_params (state, sandbox_get_int (call->arguments, "flavorParamsId"))) {
    g_autofree char *id = sandbox_node_to_string (json_object_get_member (call->arguments, "flavorParamsId"));
    sandbox_call_fail (call, "FLAVOR_PARAMS_ID_NOT_FOUND", id, NULL);
    return;
  }
  SandboxToken *token;
  if (!resource || !check_resource (call, resource, &token))
    return;
  add_recording (call, entry, NULL, index, resource, token);
  json_object_set_int_member (entry->object, "msDuration", (gint64) (duration * 1000));
  json_object_set_int_member (entry->object, "duration", (gint64) duration);
  SandboxRecordedEntry *recorded = sandbox_recorded_entry_find (state, entry);
  if (recorded)
    recorded->duration = duration;
  sandbox_live_return_entry (call, entry);
}

void
sandbox_recording_create_entry (SandboxCall *call)
{
  SandboxEntry *entry = sandbox_call_need_entry (call, sandbox_get_string (call->arguments, "entryId"));
  if (!entry)
    return;
  sandbox_recorded_entry_ensure (call->state, entry, sandbox_get_int (call->arguments, "liveEntryStatus"));
  sandbox_live_return_entry (call, entry);
}
