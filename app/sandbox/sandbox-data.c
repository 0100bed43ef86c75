/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads the sandbox's data (README.md): strict, so that a typing error in a test's data is told with its place instead
 * of showing as odd behaviour. Used at start for the file and at run time for POST /sandbox/data.
 */
#include "sandbox-data.h"
#include "sandbox-check.h"

#include <string.h>

/* A copy with objectType in front. */
static JsonObject *
copy_as (JsonNode *node, const char *class_name)
{
  JsonObject *object = sandbox_object_new (class_name);
  sandbox_object_update (object, json_node_get_object (node));
  return object;
}

static void
set_default_string (JsonObject *object, const char *name, const char *value)
{
  if (sandbox_is_null (object, name))
    json_object_set_string_member (object, name, value);
}

static void
set_default_int (JsonObject *object, const char *name, gint64 value)
{
  if (sandbox_is_null (object, name))
    json_object_set_int_member (object, name, value);
}

static gboolean
read_strings (JsonArray *array, GPtrArray *into, const char *path, GError **error)
{
  g_ptr_array_set_size (into, 0);
  for (guint i = 0; array && i < json_array_get_length (array); i++) {
    g_autofree char *item = g_strdup_printf ("%s[%u]", path, i);
    if (!sandbox_check_type (json_array_get_element (array, i), SANDBOX_TYPE_STRING, item, error))
      return FALSE;
    g_ptr_array_add (into, g_strdup (json_array_get_string_element (array, i)));
  }
  return TRUE;
}

static void
replace_string (char **string, JsonObject *object, const char *name)
{
  if (!json_object_has_member (object, name))
    return;
  g_free (*string);
  *string = g_strdup (sandbox_get_string (object, name));
}

static void
replace_int (gint *number, JsonObject *object, const char *name)
{
  if (!sandbox_is_null (object, name))
    *number = sandbox_get_int (object, name);
}

static gboolean
read_partner_status (SandboxPartner *partner, JsonObject *object, const char *path, GError **error)
{
  static const char *const statuses[] = { "active", "blocked", "fullyBlocked", "deleted" };
  const char *status = sandbox_get_string (object, "status");
  for (guint i = 0; status && i < G_N_ELEMENTS (statuses); i++) {
    if (strcmp (status, statuses[i]) == 0) {
      partner->status = i;
      return TRUE;
    }
  }
  return !status || sandbox_data_fail (error, path, "status: expected active, blocked, fullyBlocked or deleted");
}

static gboolean
read_partner (SandboxState *state, JsonNode *node, const char *path, GError **error)
{
  static const char *const members[] = { "id:i!", "name:s", "adminSecret:s", "secret:s", "status:s", "permissions:a",
    "maxLiveStreamInputs:i", "maxLiveStreamOutputs:i", "maxConcurrentLiveByAdminTag:o", "maxSessionExpiry:i",
    "ksVersion:i", NULL };
  if (!sandbox_check_object (node, members, path, error))
    return FALSE;
  JsonObject *object = json_node_get_object (node);
  SandboxPartner *partner = sandbox_state_find_partner (state, sandbox_get_int (object, "id"));
  if (!partner) {
    if (!sandbox_get_string (object, "adminSecret"))
      return sandbox_data_fail (error, path, "\"adminSecret\" is missing");
    partner = g_new0 (SandboxPartner, 1);
    partner->id = sandbox_get_int (object, "id");
    partner->permissions = g_ptr_array_new_with_free_func (g_free);
    partner->max_inputs = partner->max_outputs = 10;
    partner->ks_version = 2;
    g_ptr_array_add (state->partners, partner);
  }
  if (!read_partner_status (partner, object, path, error))
    return FALSE;
  replace_int (&partner->max_inputs, object, "maxLiveStreamInputs");
  replace_int (&partner->max_outputs, object, "maxLiveStreamOutputs");
  replace_int (&partner->max_session, object, "maxSessionExpiry");
  replace_int (&partner->ks_version, object, "ksVersion");
  replace_string (&partner->name, object, "name");
  replace_string (&partner->admin_secret, object, "adminSecret");
  replace_string (&partner->secret, object, "secret");
  if (json_object_has_member (object, "maxConcurrentLiveByAdminTag")) {
    JsonObject *limits = sandbox_get_object (object, "maxConcurrentLiveByAdminTag");
    g_clear_pointer (&partner->admin_tag_limits, json_object_unref);
    partner->admin_tag_limits = limits ? json_object_ref (limits) : NULL;
  }
  if (!json_object_has_member (object, "permissions"))
    return TRUE;
  g_autofree char *permissions = g_strconcat (path, ".permissions", NULL);
  return read_strings (sandbox_get_array (object, "permissions"), partner->permissions, permissions, error);
}

static gboolean
read_live_params (SandboxState *state, JsonNode *node, const char *path, GError **error)
{
  if (!sandbox_check_class (node, "KalturaLiveParams", "id", NULL, path, error))
    return FALSE;
  JsonObject *object = json_node_get_object (node);
  JsonObject *known = sandbox_state_find_live_params (state, sandbox_get_int (object, "id"));
  if (known) {
    sandbox_object_update (known, object);
    return TRUE;
  }
  known = copy_as (node, "KalturaLiveParams");
  set_default_int (known, "partnerId", 0);
  g_ptr_array_add (state->live_params, known);
  return TRUE;
}

static gboolean
read_profile_item (SandboxProfile *profile, JsonNode *node, const char *path, GError **error)
{
  JsonObject *object;
  if (sandbox_node_is (node, SANDBOX_TYPE_INT)) {
    object = sandbox_object_new ("KalturaConversionProfileAssetParams");
    json_object_set_int_member (object, "assetParamsId", json_node_get_int (node));
  } else {
    if (!sandbox_check_class (node, "KalturaConversionProfileAssetParams", "assetParamsId", NULL, path, error))
      return FALSE;
    object = copy_as (node, "KalturaConversionProfileAssetParams");
  }
  json_object_set_int_member (object, "conversionProfileId", profile->id);
  set_default_int (object, "readyBehavior", 0);
  set_default_int (object, "origin", 0);
  set_default_int (object, "forceNoneComplied", 0);
  set_default_int (object, "deletePolicy", 0);
  SandboxProfileItem *item = g_new0 (SandboxProfileItem, 1);
  item->object = object;
  item->live_params_id = sandbox_get_int (object, "assetParamsId");
  g_ptr_array_add (profile->items, item);
  return TRUE;
}

static gboolean
read_profile (SandboxState *state, JsonNode *node, const char *path, GError **error)
{
  static const char *const members[] = { "id:i!", "partnerId:i", "name:s", "liveParams:a!", NULL };
  if (!sandbox_check_object (node, members, path, error))
    return FALSE;
  JsonObject *object = json_node_get_object (node);
  SandboxProfile *profile = sandbox_state_find_profile (state, sandbox_get_int (object, "id"));
  if (!profile) {
    profile = g_new0 (SandboxProfile, 1);
    profile->id = sandbox_get_int (object, "id");
    profile->items = g_ptr_array_new_with_free_func ((GDestroyNotify) sandbox_profile_item_free);
    g_ptr_array_add (state->profiles, profile);
  }
  profile->partner_id = sandbox_get_int (object, "partnerId");
  g_ptr_array_set_size (profile->items, 0);
  JsonArray *items = sandbox_get_array (object, "liveParams");
  for (guint i = 0; i < json_array_get_length (items); i++) {
    g_autofree char *item = g_strdup_printf ("%s.liveParams[%u]", path, i);
    if (!read_profile_item (profile, json_array_get_element (items, i), item, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
read_node (SandboxState *state, JsonNode *node, const char *path, GError **error)
{
  if (!sandbox_check_class (node, "KalturaWowzaMediaServerNode", "hostName", NULL, path, error))
    return FALSE;
  JsonObject *object = json_node_get_object (node);
  gint partner_id = json_object_get_int_member_with_default (object, "partnerId", SANDBOX_MEDIA_SERVER_PARTNER);
  JsonObject *known = sandbox_state_find_node (state, sandbox_get_string (object, "hostName"), partner_id);
  if (known) {
    sandbox_object_update (known, object);
    return TRUE;
  }
  known = copy_as (node, "KalturaWowzaMediaServerNode");
  set_default_int (known, "id", state->nodes->len + 1);
  set_default_int (known, "partnerId", partner_id);
  set_default_int (known, "createdAt", sandbox_state_now (state));
  set_default_int (known, "updatedAt", sandbox_state_now (state));
  set_default_string (known, "name", sandbox_get_string (known, "hostName"));
  set_default_int (known, "status", 1);
  set_default_string (known, "type", "wowza.WOWZA_MEDIA_SERVER");
  set_default_int (known, "dc", 0);
  set_default_string (known, "environment", "prod");
  set_default_string (known, "applicationName", "kLive");
  set_default_string (known, "transcoder", "default");
  set_default_int (known, "GPUID", -1);
  set_default_int (known, "liveServicePort", 888);
  set_default_string (known, "liveServiceProtocol", "http");
  g_ptr_array_add (state->nodes, known);
  return TRUE;
}

/* What encoders are told to publish to, in each vintage's form (gst/kaltura/API.md "Broadcast URLs"). */
static void
set_broadcast_url (SandboxState *state, JsonObject *entry, const char *name, guint index)
{
  SandboxPartner *partner = sandbox_state_find_partner (state, sandbox_get_int (entry, "partnerId"));
  const char *port = state->api == SANDBOX_API_2014 ? "" : ":1935";
  const char *slash = state->api == SANDBOX_API_2014 || sandbox_partner_has (partner, "FEATURE_HYBRID_ECDN") ? "/" : "";
  g_autofree char *url = g_strdup_printf ("rtmp://%s%s/kLive%s?p=%d&e=%s&i=%u&t=%s", state->broadcast_domain, port,
      slash, (int) sandbox_get_int (entry, "partnerId"), sandbox_get_string (entry, "id"), index,
      sandbox_get_string (entry, "streamPassword"));
  set_default_string (entry, name, url);
}

static gboolean
read_assets (SandboxState *state, SandboxEntry *entry, JsonNode *node, const char *path, GError **error)
{
  if (!sandbox_check_type (node, SANDBOX_TYPE_ARRAY, path, error))
    return FALSE;
  g_ptr_array_set_size (entry->assets, 0);
  JsonArray *assets = json_node_get_array (node);
  for (guint i = 0; i < json_array_get_length (assets); i++) {
    g_autofree char *item = g_strdup_printf ("%s[%u]", path, i);
    if (!sandbox_check_class (json_array_get_element (assets, i), "KalturaLiveAsset", "id", NULL, item, error))
      return FALSE;
    JsonObject *asset = copy_as (json_array_get_element (assets, i), "KalturaLiveAsset");
    set_default_string (asset, "entryId", sandbox_entry_get_id (entry));
    set_default_int (asset, "partnerId", sandbox_entry_get_partner_id (entry));
    set_default_int (asset, "status", 2);
    g_ptr_array_add (entry->assets, asset);
  }
  return TRUE;
}

static void
complete_entry (SandboxState *state, JsonObject *entry)
{
  g_autofree char *stream_name = g_strconcat (sandbox_get_string (entry, "id"), "_%i", NULL);
  set_default_string (entry, "name", sandbox_get_string (entry, "id"));
  set_default_string (entry, "userId", "sandbox");
  set_default_string (entry, "status", "2");
  set_default_string (entry, "type", "7");
  set_default_int (entry, "createdAt", sandbox_state_now (state));
  set_default_int (entry, "updatedAt", sandbox_state_now (state));
  set_default_int (entry, "version", 0);
  set_default_int (entry, "duration", 0);
  set_default_int (entry, "msDuration", 0);
  set_default_int (entry, "mediaType", 201);
  set_default_string (entry, "sourceType", "32");
  set_default_int (entry, "recordStatus", 0);
  set_default_int (entry, "dvrStatus", 0);
  set_default_int (entry, "pushPublishEnabled", 0);
  set_default_int (entry, "segmentDuration", 6000);
  set_default_int (entry, "explicitLive", 0);
  set_default_int (entry, "viewMode", 1);
  set_default_int (entry, "recordingStatus", 2);
  set_default_string (entry, "streamName", stream_name);
  set_default_string (entry, "streamPassword", "12ab34cd");
  set_broadcast_url (state, entry, "primaryBroadcastingUrl", 0);
  set_broadcast_url (state, entry, "secondaryBroadcastingUrl", 1);
}

static gboolean
read_entry (SandboxState *state, JsonNode *node, const char *path, GError **error)
{
  if (!sandbox_check_class (node, "KalturaLiveStreamEntry", "id", "assets", path, error))
    return FALSE;
  JsonObject *object = json_node_get_object (node);
  SandboxEntry *entry = sandbox_state_find_entry (state, sandbox_get_string (object, "id"));
  if (!entry && sandbox_is_null (object, "partnerId"))
    return sandbox_data_fail (error, path, "\"partnerId\" is missing");
  if (entry) {
    sandbox_object_update (entry->object, object);
  } else {
    entry = sandbox_entry_new (copy_as (node, "KalturaLiveStreamEntry"));
    g_ptr_array_add (state->entries, entry);
  }
  json_object_remove_member (entry->object, "assets");
  complete_entry (state, entry->object);
  if (!json_object_has_member (object, "assets"))
    return TRUE;
  g_autofree char *assets = g_strconcat (path, ".assets", NULL);
  return read_assets (state, entry, json_object_get_member (object, "assets"), assets, error);
}

static gboolean
read_settings (SandboxState *state, JsonNode *node, const char *path, GError **error)
{
  static const char *const members[] = { "internalAddresses:a", "broadcastDomain:s", "maxRecordedHours:i",
    "restrictedExtensions:a", "listCuePoints:b", NULL };
  if (!sandbox_check_object (node, members, path, error))
    return FALSE;
  JsonObject *object = json_node_get_object (node);
  if (sandbox_get_string (object, "broadcastDomain"))
    replace_string (&state->broadcast_domain, object, "broadcastDomain");
  replace_int (&state->max_recorded_hours, object, "maxRecordedHours");
  replace_int (&state->list_cue_points, object, "listCuePoints");
  const struct {
    const char *name;
    GPtrArray *into;
  } lists[] = { { "internalAddresses", state->internal_addresses },
    { "restrictedExtensions", state->restricted_extensions } };
  for (guint i = 0; i < G_N_ELEMENTS (lists); i++) {
    g_autofree char *member = g_strconcat (path, ".", lists[i].name, NULL);
    if (json_object_has_member (object, lists[i].name) &&
        !read_strings (sandbox_get_array (object, lists[i].name), lists[i].into, member, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
read_list (SandboxState *state, JsonObject *root, const char *name,
    gboolean (*read) (SandboxState *, JsonNode *, const char *, GError **), GError **error)
{
  JsonArray *list = sandbox_get_array (root, name);
  for (guint i = 0; list && i < json_array_get_length (list); i++) {
    g_autofree char *path = g_strdup_printf ("$.%s[%u]", name, i);
    if (!read (state, json_array_get_element (list, i), path, error))
      return FALSE;
  }
  return TRUE;
}

/* References between objects, once all are there. */
static gboolean
check_references (SandboxState *state, GError **error)
{
  for (guint i = 0; i < state->entries->len; i++) {
    SandboxEntry *entry = g_ptr_array_index (state->entries, i);
    g_autofree char *path = g_strdup_printf ("entry %s", sandbox_entry_get_id (entry));
    if (!sandbox_state_find_partner (state, sandbox_entry_get_partner_id (entry)))
      return sandbox_data_fail (error, path, "partnerId: no partner has the id %d",
          sandbox_entry_get_partner_id (entry));
    gint profile = sandbox_get_int (entry->object, "conversionProfileId");
    if (profile && !sandbox_state_find_profile (state, profile))
      return sandbox_data_fail (error, path, "conversionProfileId: no conversion profile has the id %d", profile);
  }
  for (guint p = 0; p < state->profiles->len; p++) {
    SandboxProfile *profile = g_ptr_array_index (state->profiles, p);
    for (guint i = 0; i < profile->items->len; i++) {
      SandboxProfileItem *item = g_ptr_array_index (profile->items, i);
      g_autofree char *path = g_strdup_printf ("conversion profile %d", profile->id);
      if (!sandbox_state_find_live_params (state, item->live_params_id))
        return sandbox_data_fail (error, path, "liveParams: no live params have the id %d", item->live_params_id);
    }
  }
  return TRUE;
}

gboolean
sandbox_data_merge (SandboxState *state, JsonNode *root, GError **error)
{
  static const char *const members[] = { "comment:s", "settings:o", "partners:a", "liveParams:a",
    "conversionProfiles:a", "serverNodes:a", "entries:a", NULL };
  if (!root)
    return sandbox_data_fail (error, "$", "expected an object, found nothing");
  if (!sandbox_check_object (root, members, "$", error))
    return FALSE;
  JsonObject *object = json_node_get_object (root);
  if (json_object_has_member (object, "settings") &&
      !read_settings (state, json_object_get_member (object, "settings"), "$.settings", error))
    return FALSE;
  if (!read_list (state, object, "partners", read_partner, error) ||
      !read_list (state, object, "liveParams", read_live_params, error) ||
      !read_list (state, object, "conversionProfiles", read_profile, error) ||
      !read_list (state, object, "serverNodes", read_node, error) ||
      !read_list (state, object, "entries", read_entry, error) || !check_references (state, error))
    return FALSE;
  for (guint i = 0; i < state->entries->len; i++)
    sandbox_state_make_assets (state, g_ptr_array_index (state->entries, i));
  return TRUE;
}

gboolean
sandbox_data_load (SandboxState *state, const char *file, GError **error)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) reason = NULL;
  if (!json_parser_load_from_file (parser, file, &reason)) {
    g_set_error (error, SANDBOX_DATA_ERROR, 0, "%s%s%s", g_str_has_prefix (reason->message, file) ? "" : file,
        g_str_has_prefix (reason->message, file) ? "" : ": ", reason->message);
    return FALSE;
  }
  if (!sandbox_data_merge (state, json_parser_get_root (parser), &reason)) {
    g_set_error (error, SANDBOX_DATA_ERROR, 0, "%s: %s", file, reason->message);
    return FALSE;
  }
  return TRUE;
}
