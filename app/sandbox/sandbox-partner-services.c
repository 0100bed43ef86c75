/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The small services: session.start, permission.get, cuePoint, beacon.add, push publish configurations
 * (gst/kaltura/API.md "Calls").
 */
#include "sandbox-services.h"

#include <string.h>

#define CUE_POINTS_PAGE 500 /* cuePoint.list without a pager gives the maximum */

static gboolean
secret_matches (SandboxCall *call, const char *list, const char *secret)
{
  if (!list)
    return FALSE;
  if (call->state->api == SANDBOX_API_2014)
    return strcmp (list, secret) == 0;
  g_auto (GStrv) secrets = g_strsplit (list, ",", -1);
  for (guint i = 0; secrets[i]; i++)
    if (strcmp (g_strstrip (secrets[i]), secret) == 0)
      return TRUE;
  return FALSE;
}

void
sandbox_session_start (SandboxCall *call)
{
  const char *secret = sandbox_get_string (call->arguments, "secret");
  gint type = sandbox_get_int (call->arguments, "type");
  gint id = sandbox_get_int (call->arguments, "partnerId");
  gint64 lifetime = sandbox_get_int (call->arguments, "expiry");
  SandboxPartner *partner = sandbox_state_find_partner (call->state, id);
  gboolean admin = partner && secret_matches (call, partner->admin_secret, secret);
  gboolean user = partner && type == 0 && secret_matches (call, partner->secret, secret);
  if ((!admin && !user) || partner->status != SANDBOX_PARTNER_ACTIVE) {
    g_autofree char *text = g_strdup_printf ("%d", id);
    sandbox_call_fail (call, "START_SESSION_ERROR", text, NULL);
    return;
  }
  if (partner->max_session && lifetime > partner->max_session)
    lifetime = partner->max_session;
  g_auto (GStrv) secrets = g_strsplit (partner->admin_secret, call->state->api == SANDBOX_API_2014 ? "\n" : ",", 2);
  const char *privileges = sandbox_get_string (call->arguments, "privileges");
  KalturaKs ks = { .partner_id = id,
    .user = (char *) sandbox_get_string (call->arguments, "userId"),
    .type = type,
    .expiry = sandbox_state_now (call->state) + lifetime,
    .privileges = (char *) (privileges ? privileges : "") };
  g_autofree char *text = partner->ks_version == 1 ? kaltura_ks_make_v1 (&ks, g_strstrip (secrets[0]), NULL, NULL)
                                                   : kaltura_ks_make_v2 (&ks, g_strstrip (secrets[0]), NULL, NULL);
  if (text)
    sandbox_call_return (call, sandbox_node_from_string (text));
  else
    sandbox_call_fail (call, "START_SESSION_ERROR", "", NULL);
}

void
sandbox_permission_get (SandboxCall *call)
{
  const char *name = sandbox_get_string (call->arguments, "permissionName");
  guint index;
  if (!g_ptr_array_find_with_equal_func (call->partner->permissions, name, g_str_equal, &index)) {
    sandbox_call_fail (call, "INVALID_OBJECT_ID", name, NULL);
    return;
  }
  g_autoptr (JsonObject) permission = sandbox_object_new ("KalturaPermission");
  json_object_set_int_member (permission, "id", 900 + index);
  json_object_set_int_member (permission, "type", g_str_has_prefix (name, "FEATURE_") ? 2 : 1);
  json_object_set_string_member (permission, "name", name);
  json_object_set_string_member (permission, "friendlyName", name);
  json_object_set_int_member (permission, "status", 1); /* ACTIVE */
  json_object_set_int_member (permission, "partnerId", call->partner_id);
  json_object_set_int_member (permission, "createdAt", 1400000000);
  json_object_set_int_member (permission, "updatedAt", 1400000000);
  sandbox_call_return_object (call, permission);
}

static const char *
get_cue_point_type (JsonObject *cue_point)
{
  static const char *const types[][2] = {
    { "KalturaAdCuePoint", "adCuePoint.Ad" },
    { "KalturaCodeCuePoint", "codeCuePoint.Code" },
    { "KalturaThumbCuePoint", "thumbCuePoint.Thumb" },
    { "KalturaAnnotation", "annotation.Annotation" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    if (strcmp (types[i][0], sandbox_get_string (cue_point, "objectType")) == 0)
      return types[i][1];
  return "";
}

static JsonObject *
find_cue_point_by_name (SandboxState *state, const char *entry_id, const char *system_name)
{
  for (guint i = 0; system_name && i < state->cue_points->len; i++) {
    JsonObject *known = g_ptr_array_index (state->cue_points, i);
    if (g_strcmp0 (sandbox_get_string (known, "systemName"), system_name) == 0 &&
        g_strcmp0 (sandbox_get_string (known, "entryId"), entry_id) == 0)
      return known;
  }
  return NULL;
}

void
sandbox_cue_point_add (SandboxCall *call)
{
  SandboxState *state = call->state;
  JsonObject *cue_point = sandbox_get_object (call->arguments, "cuePoint");
  const char *entry_id = cue_point ? sandbox_get_string (cue_point, "entryId") : NULL;
  if (!entry_id) {
    g_autofree char *name =
        g_strconcat (cue_point ? sandbox_get_string (cue_point, "objectType") : "KalturaCuePoint", "::entryId", NULL);
    sandbox_call_fail (call, "PROPERTY_VALIDATION_CANNOT_BE_NULL", name, NULL);
    return;
  }
  if (!sandbox_call_need_entry (call, entry_id))
    return;
  JsonObject *known = find_cue_point_by_name (state, entry_id, sandbox_get_string (cue_point, "systemName"));
  if (known && state->api == SANDBOX_API_CURRENT) {
    sandbox_call_fail (call, "CUE_POINT_SYSTEM_NAME_EXISTS", sandbox_get_string (known, "systemName"),
        sandbox_get_string (known, "id"), NULL);
    return;
  }
  g_autofree char *id = sandbox_state_new_id (state);
  gint64 now = sandbox_state_now (state);
  JsonObject *stored = sandbox_object_copy (cue_point);
  json_object_set_string_member (stored, "id", id);
  json_object_set_string_member (stored, "cuePointType", get_cue_point_type (cue_point));
  json_object_set_int_member (stored, "status", 1); /* READY */
  json_object_set_int_member (stored, "partnerId", call->partner_id);
  json_object_set_int_member (stored, "createdAt", now);
  json_object_set_int_member (stored, "updatedAt", now);
  if (sandbox_is_null (stored, "userId"))
    json_object_set_string_member (stored, "userId", call->ks->user ? call->ks->user : "");
  g_ptr_array_add (state->cue_points, stored);
  sandbox_call_return_object (call, stored);
}

/* Empty unless the data asks for more: the 2014 client loops for ever over a list that is not. */
void
sandbox_cue_point_list (SandboxCall *call)
{
  JsonObject *filter = sandbox_get_object (call->arguments, "filter");
  const char *wanted = filter ? sandbox_get_string (filter, "entryIdEqual") : NULL;
  g_auto (GStrv) ids = g_strsplit (wanted ? wanted : "", ",", -1);
  g_autoptr (GPtrArray) found = g_ptr_array_new ();
  for (guint i = 0; call->state->list_cue_points && i < call->state->cue_points->len; i++) {
    JsonObject *cue_point = g_ptr_array_index (call->state->cue_points, i);
    if (!wanted || g_strv_contains ((const char *const *) ids, sandbox_get_string (cue_point, "entryId")))
      g_ptr_array_add (found, cue_point);
  }
  sandbox_call_return_page (call, "KalturaCuePointListResponse", found, CUE_POINTS_PAGE);
}

void
sandbox_beacon_add (SandboxCall *call)
{
  JsonObject *beacon = sandbox_get_object (call->arguments, "beacon");
  static const char *const needed[] = { "relatedObjectType", "eventType", "objectId" };
  for (guint i = 0; i < G_N_ELEMENTS (needed); i++) {
    if (!beacon || sandbox_is_null (beacon, needed[i])) {
      g_autofree char *name = g_strconcat ("KalturaBeacon::", needed[i], NULL);
      sandbox_call_fail (call, "PROPERTY_VALIDATION_CANNOT_BE_NULL", name, NULL);
      return;
    }
  }
  g_ptr_array_add (call->state->beacons, json_object_ref (beacon));
  sandbox_call_return_boolean (call, TRUE);
}

static JsonArray *
copy_configurations (SandboxEntry *entry, const char *without_protocol)
{
  JsonArray *old = sandbox_get_array (entry->object, "liveStreamConfigurations");
  JsonArray *copy = json_array_new ();
  for (guint i = 0; old && i < json_array_get_length (old); i++) {
    JsonObject *item = json_array_get_object_element (old, i);
    if (!without_protocol || g_strcmp0 (sandbox_get_string (item, "protocol"), without_protocol) != 0)
      json_array_add_object_element (copy, json_object_ref (item));
  }
  return copy;
}

/* INVALID_ENTRY_ID comes without its argument here: "Invalid entry id ["N/A"]". */
static SandboxEntry *
need_entry_silently (SandboxCall *call)
{
  SandboxEntry *entry = sandbox_call_find_entry (call, sandbox_get_string (call->arguments, "entryId"));
  if (!entry)
    sandbox_call_fail (call, "INVALID_ENTRY_ID", NULL);
  return entry;
}

void
sandbox_push_publish_add (SandboxCall *call)
{
  const char *url = sandbox_get_string (call->arguments, "url");
  JsonObject *given = sandbox_get_object (call->arguments, "liveStreamConfiguration");
  SandboxEntry *entry = need_entry_silently (call);
  if (!entry)
    return;
  if (url && *url && given) {
    sandbox_call_fail (call, "SERVICE_FORBIDDEN", NULL);
    return;
  }
  if ((url && *url) || given) {
    JsonObject *item = given ? sandbox_object_copy (given) : sandbox_object_new ("KalturaLiveStreamConfiguration");
    json_object_set_string_member (item, "protocol", sandbox_get_string (call->arguments, "protocol"));
    if (url && *url)
      json_object_set_string_member (item, "url", url);
    JsonArray *list = copy_configurations (entry, NULL);
    json_array_add_object_element (list, item);
    json_object_set_array_member (entry->object, "liveStreamConfigurations", list);
  }
  sandbox_live_return_entry (call, entry);
}

void
sandbox_push_publish_remove (SandboxCall *call)
{
  SandboxEntry *entry = need_entry_silently (call);
  if (!entry)
    return;
  json_object_set_array_member (entry->object, "liveStreamConfigurations",
      copy_configurations (entry, sandbox_get_string (call->arguments, "protocol")));
  sandbox_live_return_entry (call, entry);
}
