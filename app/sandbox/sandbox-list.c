/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lists and look-ups of what an entry's profile consists of: conversionProfileAssetParams, flavorAsset, flavorParams
 * (gst/kaltura/API.md "Lists of flavors"). 30 items a page unless the caller asks for more, 500 at most.
 */
#include "sandbox-services.h"

#include <string.h>

#define DEFAULT_PAGE 30
#define MAX_PAGE 500

void
sandbox_call_return_page (SandboxCall *call, const char *response_class, GPtrArray *objects, guint default_page)
{
  JsonObject *pager = sandbox_get_object (call->arguments, "pager");
  gint64 size = pager && !sandbox_is_null (pager, "pageSize") ? sandbox_get_int (pager, "pageSize") : default_page;
  gint64 index = pager && sandbox_get_int (pager, "pageIndex") > 0 ? sandbox_get_int (pager, "pageIndex") : 1;
  size = CLAMP (size, 0, MAX_PAGE);
  JsonArray *page = json_array_new ();
  for (gint64 i = (index - 1) * size; i < index * size && i < objects->len; i++)
    json_array_add_object_element (page, json_object_ref (g_ptr_array_index (objects, i)));
  g_autoptr (JsonObject) response = sandbox_object_new (response_class);
  json_object_set_array_member (response, "objects", page);
  json_object_set_int_member (response, "totalCount", objects->len);
  sandbox_call_return_object (call, response);
}

/* A comma-separated list, or one value, holds @value; both absent = no condition. */
static gboolean
filter_allows (JsonObject *filter, const char *equal, const char *in, const char *value)
{
  g_autofree char *one = filter ? sandbox_node_to_string (json_object_get_member (filter, equal)) : NULL;
  const char *many = filter ? sandbox_get_string (filter, in) : NULL;
  if (one && strcmp (one, value) != 0)
    return FALSE;
  g_auto (GStrv) list = g_strsplit (many ? many : "", ",", -1);
  return !many || g_strv_contains ((const char *const *) list, value);
}

static gboolean
may_see_partner (SandboxCall *call, gint partner_id)
{
  return call->ks->partner_id < 0 || partner_id == 0 || partner_id == call->partner_id;
}

void
sandbox_list_profile_params (SandboxCall *call)
{
  SandboxState *state = call->state;
  JsonObject *filter = sandbox_get_object (call->arguments, "filter");
  g_autoptr (GPtrArray) found = g_ptr_array_new ();
  for (guint p = 0; p < state->profiles->len; p++) {
    SandboxProfile *profile = g_ptr_array_index (state->profiles, p);
    g_autofree char *id = g_strdup_printf ("%d", profile->id);
    if (!may_see_partner (call, profile->partner_id) ||
        !filter_allows (filter, "conversionProfileIdEqual", "conversionProfileIdIn", id))
      continue;
    for (guint i = 0; i < profile->items->len; i++) {
      SandboxProfileItem *item = g_ptr_array_index (profile->items, i);
      g_autofree char *params = g_strdup_printf ("%d", item->live_params_id);
      g_autofree char *origin = sandbox_node_to_string (json_object_get_member (item->object, "origin"));
      if (filter_allows (filter, "assetParamsIdEqual", "assetParamsIdIn", params) &&
          filter_allows (filter, "originEqual", "originIn", origin))
        g_ptr_array_add (found, item->object);
    }
  }
  sandbox_call_return_page (call, "KalturaConversionProfileAssetParamsListResponse", found, DEFAULT_PAGE);
}

void
sandbox_list_assets (SandboxCall *call)
{
  JsonObject *filter = sandbox_get_object (call->arguments, "filter");
  const char *equal = filter ? sandbox_get_string (filter, "entryIdEqual") : NULL;
  const char *in = filter ? sandbox_get_string (filter, "entryIdIn") : NULL;
  if (!equal && !in) {
    const char *class_name = filter ? sandbox_get_string (filter, "objectType") : "KalturaAssetFilter";
    g_autofree char *names = g_strdup_printf ("%s::entryIdEqual/%s::entryIdIn", class_name, class_name);
    sandbox_call_fail (call, "PROPERTY_VALIDATION_CANNOT_BE_NULL", names, NULL);
    return;
  }
  g_auto (GStrv) ids = g_strsplit (equal ? equal : in, ",", -1);
  g_autoptr (GPtrArray) found = g_ptr_array_new ();
  for (guint e = 0; ids[e]; e++) {
    SandboxEntry *entry = sandbox_call_find_entry (call, ids[e]);
    if (!entry && equal) {
      sandbox_call_fail (call, "ENTRY_ID_NOT_FOUND", ids[e], NULL);
      return;
    }
    for (guint i = 0; entry && i < entry->assets->len; i++) {
      JsonObject *asset = g_ptr_array_index (entry->assets, i);
      g_autofree char *params = sandbox_node_to_string (json_object_get_member (asset, "flavorParamsId"));
      g_autofree char *status = sandbox_node_to_string (json_object_get_member (asset, "status"));
      if (filter_allows (filter, "flavorParamsIdEqual", "flavorParamsIdIn", params ? params : "") &&
          filter_allows (filter, "statusEqual", "statusIn", status ? status : ""))
        g_ptr_array_add (found, asset);
    }
  }
  sandbox_call_return_page (call, "KalturaFlavorAssetListResponse", found, DEFAULT_PAGE);
}

void
sandbox_list_params (SandboxCall *call)
{
  SandboxState *state = call->state;
  JsonObject *filter = sandbox_get_object (call->arguments, "filter");
  g_autoptr (GPtrArray) found = g_ptr_array_new ();
  for (guint i = 0; i < state->live_params->len; i++) {
    JsonObject *params = g_ptr_array_index (state->live_params, i);
    const char *system_name = sandbox_get_string (params, "systemName");
    if (may_see_partner (call, sandbox_get_int (params, "partnerId")) &&
        filter_allows (filter, "systemNameEqual", "systemNameIn", system_name ? system_name : ""))
      g_ptr_array_add (found, params);
  }
  sandbox_call_return_page (call, "KalturaFlavorParamsListResponse", found, DEFAULT_PAGE);
}

void
sandbox_list_get_params (SandboxCall *call)
{
  gint id = sandbox_get_int (call->arguments, "id");
  JsonObject *params = sandbox_state_find_live_params (call->state, id);
  if (params && may_see_partner (call, sandbox_get_int (params, "partnerId"))) {
    sandbox_call_return_object (call, params);
    return;
  }
  g_autofree char *text = g_strdup_printf ("%d", id);
  sandbox_call_fail (call, "FLAVOR_PARAMS_ID_NOT_FOUND", text, NULL);
}

void
sandbox_list_params_of_profile (SandboxCall *call)
{
  SandboxState *state = call->state;
  gint id = sandbox_get_int (call->arguments, "conversionProfileId");
  SandboxProfile *profile = sandbox_state_find_profile (state, id);
  if (!profile || !may_see_partner (call, profile->partner_id)) {
    g_autofree char *text = g_strdup_printf ("%d", id);
    sandbox_call_fail (call, "CONVERSION_PROFILE_ID_NOT_FOUND", text, NULL);
    return;
  }
  JsonArray *list = json_array_new ();
  for (guint i = 0; i < profile->items->len; i++) {
    SandboxProfileItem *item = g_ptr_array_index (profile->items, i);
    json_array_add_object_element (list,
        json_object_ref (sandbox_state_find_live_params (state, item->live_params_id)));
  }
  JsonNode *node = json_node_init_array (json_node_alloc (), list);
  json_array_unref (list);
  sandbox_call_return (call, node);
}
