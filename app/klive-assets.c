/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a broadcast's recordings need of Kaltura. Owned by klive-broadcast.c, main thread.
 */
#include "klive-assets.h"

#include <string.h>
#include "kaltura-assets.h"
#include "kaltura-stream.h"
#include "klive-log.h"

#define BACKOFF_MIN 1000 /* ms */
#define BACKOFF_MAX 60000

struct _KliveAssets {
  KalturaClient *client;
  char *entry_id;
  gint partner_id, profile_id;
  KliveAssetsFunc changed;
  gpointer user_data;
  GHashTable *ids;           /* live params id as text -> asset id; NULL = not known */
  GPtrArray *list;           /* of KalturaAsset, as Kaltura has told it; NULL = not yet */
  GCancellable *cancellable; /* of the question under way, NULL = none */
  guint retry;               /* source */
  guint backoff;             /* ms */
};

static void ask (KliveAssets *assets);

static gboolean
on_retry (gpointer data)
{
  KliveAssets *assets = data;
  assets->retry = 0;
  ask (assets);
  return G_SOURCE_REMOVE;
}

static void
retry_later (KliveAssets *assets, const GError *error)
{
  klive_log (KLIVE_LOG_WARNING, "assets-failed", assets->entry_id, NULL, "message", error->message, NULL);
  assets->retry = g_timeout_add ((guint) (assets->backoff * g_random_double_range (0.8, 1.2)), on_retry, assets);
  assets->backoff = MIN (assets->backoff * 2, BACKOFF_MAX);
}

/* An asset id becomes part of a file's name. The first asset of a live params counts. */
static GHashTable *
take_ids (const KliveAssets *assets, GPtrArray *list)
{
  GHashTable *ids = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  for (guint i = 0; i < list->len; i++) {
    const KalturaAsset *asset = list->pdata[i];
    g_autofree char *key = g_strdup_printf ("%d", asset->live_params_id);
    if (!kaltura_asset_id_is_valid (asset->id))
      klive_log (KLIVE_LOG_WARNING, "asset-ignored", assets->entry_id, NULL, "asset", asset->id, NULL);
    else if (!g_hash_table_contains (ids, key))
      g_hash_table_insert (ids, g_steal_pointer (&key), g_strdup (asset->id));
  }
  return ids;
}

static gboolean
is_same (GHashTable *a, GHashTable *b)
{
  GHashTableIter iter;
  gpointer key, value;
  if (!a || g_hash_table_size (a) != g_hash_table_size (b))
    return FALSE;
  g_hash_table_iter_init (&iter, b);
  while (g_hash_table_iter_next (&iter, &key, &value))
    if (g_strcmp0 (g_hash_table_lookup (a, key), value) != 0)
      return FALSE;
  return TRUE;
}

static void
on_listed (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  GPtrArray *list = kaltura_assets_list_finish (result, &error);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  KliveAssets *assets = data;
  g_clear_object (&assets->cancellable);
  if (!list) {
    retry_later (assets, error);
    return;
  }
  g_clear_pointer (&assets->list, g_ptr_array_unref);
  assets->list = list;
  GHashTable *ids = take_ids (assets, list);
  gboolean same = is_same (assets->ids, ids);
  g_clear_pointer (&assets->ids, g_hash_table_unref);
  assets->ids = ids;
  if (!same)
    assets->changed (assets->user_data);
}

static void
ask (KliveAssets *assets)
{
  assets->cancellable = g_cancellable_new ();
  kaltura_assets_list_async (assets->client, assets->partner_id, assets->entry_id, assets->profile_id,
      assets->cancellable, on_listed, assets);
}

void
klive_assets_fetch (KliveAssets *assets, gint partner_id, gint profile_id)
{
  if (assets->cancellable)
    return;
  g_clear_handle_id (&assets->retry, g_source_remove);
  assets->partner_id = partner_id;
  assets->profile_id = profile_id;
  assets->backoff = BACKOFF_MIN;
  ask (assets);
}

void
klive_assets_restore (KliveAssets *assets, JsonObject *ids)
{
  JsonObjectIter iter;
  const char *key;
  JsonNode *node;
  g_clear_pointer (&assets->ids, g_hash_table_unref);
  assets->ids = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  json_object_iter_init (&iter, ids);
  while (json_object_iter_next (&iter, &key, &node))
    if (JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING)
      g_hash_table_insert (assets->ids, g_strdup (key), json_node_dup_string (node));
}

JsonObject *
klive_assets_describe (const KliveAssets *assets)
{
  if (!assets->ids)
    return NULL;
  JsonObject *object = json_object_new ();
  GHashTableIter iter;
  gpointer key, value;
  g_hash_table_iter_init (&iter, assets->ids);
  while (g_hash_table_iter_next (&iter, &key, &value))
    json_object_set_string_member (object, key, value);
  return object;
}

static JsonObject *
describe_asset (const KalturaAsset *asset)
{
  JsonObject *object = json_object_new ();
  json_object_set_string_member (object, "id", asset->id);
  json_object_set_int_member (object, "liveParamsId", asset->live_params_id);
  json_object_set_string_member (object, "systemName", asset->system_name);
  json_object_set_string_member (object, "tags", asset->tags);
  json_object_set_string_member (object, "suffix", asset->suffix);
  return object;
}

JsonArray *
klive_assets_list (const KliveAssets *assets)
{
  if (!assets->list)
    return NULL;
  JsonArray *array = json_array_new ();
  for (guint i = 0; i < assets->list->len; i++)
    json_array_add_object_element (array, describe_asset (assets->list->pdata[i]));
  return array;
}

KliveAssets *
klive_assets_new (KalturaClient *client, const char *entry_id, KliveAssetsFunc changed, gpointer user_data)
{
  KliveAssets *assets = g_new0 (KliveAssets, 1);
  assets->client = kaltura_client_ref (client);
  assets->entry_id = g_strdup (entry_id);
  assets->changed = changed;
  assets->user_data = user_data;
  return assets;
}

void
klive_assets_free (KliveAssets *assets)
{
  g_clear_handle_id (&assets->retry, g_source_remove);
  g_cancellable_cancel (assets->cancellable);
  g_clear_object (&assets->cancellable);
  g_clear_pointer (&assets->ids, g_hash_table_unref);
  g_clear_pointer (&assets->list, g_ptr_array_unref);
  kaltura_client_unref (assets->client);
  g_free (assets->entry_id);
  g_free (assets);
}
