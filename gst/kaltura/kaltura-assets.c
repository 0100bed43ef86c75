/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Which live asset belongs to which rendition (API.md "Lists of flavors"; the media server that klive replaces:
 * KalturaLiveManager.java, which asks without a pager and so sees 30 items). One listing is a chain of calls: each list
 * is read page by page, then the next one begins. Thread: that of the client.
 */

#include "kaltura-assets.h"

#include <string.h>
#include "kaltura-error.h"

#define PAGE_SIZE 500 /* the API's maximum */
#define MAX_PAGES 20  /* of one list: more is an API that does not turn pages */

/* The three lists in their order. The array of getByConversionProfileId takes the place of the second. */
typedef enum { LIST_ASSETS, LIST_LIVE_PARAMS, LIST_PROFILE, N_LISTS } List;

/* Live params, as far as they matter here. */
typedef struct {
  char *system_name;
  char *tags;
  char *suffix;
} LiveParams;

/* The data of the GTask. */
typedef struct {
  KalturaClient *client;
  gint partner_id;
  char *entry_id;
  gint profile_id; /* 0 = assets alone */
  List list;
  guint page;              /* of @list, from 1 */
  guint64 seen;            /* items of @list on the pages so far */
  gboolean bare;           /* the live params come as a bare array */
  GPtrArray *assets;       /* of KalturaAsset */
  GHashTable *live_params; /* id to LiveParams */
} Listing;

static void ask (GTask *task);

static void
free_live_params (gpointer data)
{
  LiveParams *params = data;
  g_free (params->system_name);
  g_free (params->tags);
  g_free (params->suffix);
  g_free (params);
}

static void
free_listing (gpointer data)
{
  Listing *listing = data;
  kaltura_client_unref (listing->client);
  g_free (listing->entry_id);
  g_clear_pointer (&listing->assets, g_ptr_array_unref);
  g_hash_table_unref (listing->live_params);
  g_free (listing);
}

void
kaltura_asset_free (KalturaAsset *asset)
{
  g_free (asset->id);
  g_free (asset->system_name);
  g_free (asset->tags);
  g_free (asset->suffix);
  g_free (asset);
}

/* Replies */

/* Item @index of the reply's list: its member @name, NULL when it is absent or empty. */
static const char *
get_text (const Listing *listing, const KalturaReply *reply, guint index, const char *name)
{
  g_autofree char *path = g_strdup_printf (listing->bare ? "%u/%s" : "objects/%u/%s", index, name);
  const char *text = kaltura_reply_get_string (reply, path);
  return text != NULL && text[0] != '\0' ? text : NULL;
}

/* The id that member @name of item @index holds, 0 when there is none. */
static gint
get_id (const Listing *listing, const KalturaReply *reply, guint index, const char *name)
{
  const char *text = get_text (listing, reply, index, name);
  guint64 id = 0;
  return text != NULL && g_ascii_string_to_unsigned (text, 10, 1, G_MAXINT, &id, NULL) ? (gint) id : 0;
}

static const KalturaAsset *
find_by_id (const GPtrArray *assets, const char *id)
{
  for (guint i = 0; i < assets->len; i++) {
    const KalturaAsset *asset = g_ptr_array_index (assets, i);
    if (strcmp (asset->id, id) == 0)
      return asset;
  }
  return NULL;
}

/* An asset that is made between two pages moves another one onto the second page too: it counts once. */
static void
take_asset (Listing *listing, const KalturaReply *reply, guint index)
{
  const char *id = get_text (listing, reply, index, "id");
  gint live_params_id = get_id (listing, reply, index, "flavorParamsId");
  if (id == NULL || live_params_id == 0 || find_by_id (listing->assets, id) != NULL)
    return;
  KalturaAsset *asset = g_new0 (KalturaAsset, 1);
  asset->id = g_strdup (id);
  asset->live_params_id = live_params_id;
  asset->tags = g_strdup (get_text (listing, reply, index, "tags"));
  g_ptr_array_add (listing->assets, asset);
}

static void
take_live_params (Listing *listing, const KalturaReply *reply, guint index)
{
  gint id = get_id (listing, reply, index, "id");
  if (id == 0)
    return;
  LiveParams *params = g_new0 (LiveParams, 1);
  params->system_name = g_strdup (get_text (listing, reply, index, "systemName"));
  params->tags = g_strdup (get_text (listing, reply, index, "tags"));
  params->suffix = g_strdup (get_text (listing, reply, index, "streamSuffix"));
  g_hash_table_replace (listing->live_params, GINT_TO_POINTER (id), params);
}

/* A profile may call live params otherwise than they call themselves. */
static void
take_profile_item (Listing *listing, const KalturaReply *reply, guint index)
{
  gint id = get_id (listing, reply, index, "assetParamsId");
  LiveParams *params = g_hash_table_lookup (listing->live_params, GINT_TO_POINTER (id));
  const char *system_name = get_text (listing, reply, index, "systemName");
  if (params != NULL && system_name != NULL) {
    g_free (params->system_name);
    params->system_name = g_strdup (system_name);
  }
}

/* Whether the list goes on behind this page. */
static gboolean
take_page (Listing *listing, const KalturaReply *reply)
{
  static void (*const take[N_LISTS]) (Listing *, const KalturaReply *, guint) = { take_asset, take_live_params,
    take_profile_item };
  guint length = kaltura_reply_get_length (reply, listing->bare ? "" : "objects");
  for (guint i = 0; i < length; i++)
    take[listing->list](listing, reply, i);
  listing->seen += length;
  gint64 total = kaltura_reply_get_int (reply, "totalCount", -1);
  return !listing->bare && length > 0 && (total < 0 ? length >= PAGE_SIZE : listing->seen < (guint64) total);
}

/* What the live params say goes into the assets. */
static void
describe_assets (Listing *listing)
{
  for (guint i = 0; i < listing->assets->len; i++) {
    KalturaAsset *asset = g_ptr_array_index (listing->assets, i);
    const LiveParams *params = g_hash_table_lookup (listing->live_params, GINT_TO_POINTER (asset->live_params_id));
    if (params == NULL)
      continue;
    asset->system_name = g_strdup (params->system_name);
    asset->suffix = g_strdup (params->suffix);
    if (asset->tags == NULL)
      asset->tags = g_strdup (params->tags);
  }
}

static void
finish (GTask *task)
{
  Listing *listing = g_task_get_task_data (task);
  describe_assets (listing);
  g_task_return_pointer (task, g_steal_pointer (&listing->assets), (GDestroyNotify) g_ptr_array_unref);
  g_object_unref (task);
}

static void
begin_list (Listing *listing, List list)
{
  listing->list = list;
  listing->page = 1;
  listing->seen = 0;
  listing->bare = list == LIST_LIVE_PARAMS && kaltura_client_get_partner_id (listing->client) > 0;
}

static void
next_list (GTask *task)
{
  Listing *listing = g_task_get_task_data (task);
  if (listing->profile_id <= 0 || listing->assets->len == 0 || listing->list + 1 == N_LISTS) {
    finish (task);
    return;
  }
  begin_list (listing, listing->list + 1);
  ask (task);
}

/* What the API says about live params decides nothing: nobody is to wait for it. */
static void
handle_error (GTask *task, GError *error)
{
  Listing *listing = g_task_get_task_data (task);
  if (listing->list == LIST_ASSETS || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
    g_task_return_error (task, error);
    g_object_unref (task);
    return;
  }
  g_error_free (error);
  if (listing->bare) {
    listing->bare = FALSE;
    ask (task);
  } else {
    next_list (task);
  }
}

static void
on_page (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GTask *task = user_data;
  Listing *listing = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr (KalturaReply) reply = kaltura_client_call_finish (result, &error);
  gboolean more = reply != NULL && take_page (listing, reply);
  if (more && listing->page == MAX_PAGES)
    error = g_error_new (KALTURA_ERROR, KALTURA_ERROR_GARBAGE, "flavors of %s: a list goes on behind %u items",
        listing->entry_id, (guint) listing->seen);
  if (error != NULL) {
    handle_error (task, error);
  } else if (more) {
    listing->page++;
    ask (task);
  } else {
    next_list (task);
  }
}

/* Requests */

/* Asks for the present page of the present list. */
static void
ask (GTask *task)
{
  Listing *listing = g_task_get_task_data (task);
  g_autofree char *profile = g_strdup_printf ("%d", listing->profile_id);
  if (listing->bare) {
    const char *params[] = { "conversionProfileId", profile, NULL };
    kaltura_client_call_async (listing->client, "flavorparams", "getByConversionProfileId", listing->partner_id, params,
        g_task_get_cancellable (task), on_page, task);
    return;
  }
  static const char *const services[N_LISTS] = { "flavorasset", "flavorparams", "conversionprofileassetparams" };
  g_autofree char *size = g_strdup_printf ("%d", PAGE_SIZE);
  g_autofree char *page = g_strdup_printf ("%u", listing->page);
  const char *pager[] = { "pager:objectType", "KalturaFilterPager", "pager:pageSize", size, "pager:pageIndex", page };
  const char *filters[N_LISTS][4] = {
    [LIST_ASSETS] = { "filter:objectType", "KalturaLiveAssetFilter", "filter:entryIdEqual", listing->entry_id },
    [LIST_LIVE_PARAMS] = { "filter:objectType", "KalturaFlavorParamsFilter" },
    [LIST_PROFILE] = { "filter:objectType", "KalturaConversionProfileAssetParamsFilter",
        "filter:conversionProfileIdEqual", profile },
  };
  const char *params[G_N_ELEMENTS (pager) + G_N_ELEMENTS (filters[0]) + 1] = { NULL };
  memcpy (params, pager, sizeof pager);
  memcpy (params + G_N_ELEMENTS (pager), filters[listing->list], sizeof filters[0]);
  kaltura_client_call_async (listing->client, services[listing->list], "list", listing->partner_id, params,
      g_task_get_cancellable (task), on_page, task);
}

void
kaltura_assets_list_async (KalturaClient *client, gint partner_id, const char *entry_id, gint profile_id,
    GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (NULL, cancellable, callback, user_data);
  Listing *listing = g_new0 (Listing, 1);
  listing->client = kaltura_client_ref (client);
  listing->partner_id = partner_id;
  listing->entry_id = g_strdup (entry_id);
  listing->profile_id = profile_id;
  listing->assets = g_ptr_array_new_with_free_func ((GDestroyNotify) kaltura_asset_free);
  listing->live_params = g_hash_table_new_full (NULL, NULL, NULL, free_live_params);
  begin_list (listing, LIST_ASSETS);
  g_task_set_task_data (task, listing, free_listing);
  ask (task);
}

GPtrArray *
kaltura_assets_list_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
