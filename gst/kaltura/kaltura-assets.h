/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kaltura-client.h"

G_BEGIN_DECLS

/* A live asset of an entry: what a recording of one flavor is appended to, and the live params that it was made for. */
typedef struct {
  char *id;
  gint live_params_id;
  char *system_name; /* of the live params, or what the conversion profile calls them; NULL = not known */
  char *tags;        /* "mbr,ipadnew": of the asset, of the live params if it has none; NULL = not known */
  char *suffix;      /* "1" of an ingest; NULL = none or not known */
} KalturaAsset;

void kaltura_asset_free (KalturaAsset *asset);

/*
 * The live assets of @entry_id, in the API's order, with what their live params say (API.md "Lists of flavors"):
 * flavorAsset.list; then what conversion profile @profile_id consists of. The customer's own session string (eCDN) asks
 * flavorParams.getByConversionProfileId for that, which partner -5 may not; -5, and whoever is refused, ask
 * flavorParams.list. conversionProfileAssetParams.list adds the names that the profile gives. Lists are read to their
 * end, page by page.
 *
 * @partner_id: of the entry. @profile_id: 0 = the assets alone, as flavorAsset.list tells them. What cannot be had of
 * live params, for whatever reason, is left out: recordings can do with their numbers.
 */
void kaltura_assets_list_async (KalturaClient *client, gint partner_id, const char *entry_id, gint profile_id,
    GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
/*
 * Of KalturaAsset, which may be empty. Errors: those of kaltura_client_call_finish(); KALTURA_ERROR_GARBAGE also for a
 * list that does not end.
 */
GPtrArray *kaltura_assets_list_finish (GAsyncResult *result, GError **error);

G_END_DECLS
