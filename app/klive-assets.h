/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>
#include "kaltura-client.h"

G_BEGIN_DECLS

/*
 * The live assets of one entry, which recordings belong to: asked of Kaltura until it has answered, however long that
 * takes. Main thread.
 */
typedef struct _KliveAssets KliveAssets;

/* The assets are known, or others than before. */
typedef void (*KliveAssetsFunc) (gpointer user_data);

KliveAssets *klive_assets_new (KalturaClient *client, const char *entry_id, KliveAssetsFunc changed,
    gpointer user_data);
void klive_assets_free (KliveAssets *assets);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveAssets, klive_assets_free)

/*
 * Asks now, unless it is being asked; tries again after 1 s, doubled up to 60 s. @partner_id, @profile_id (conversion
 * profile): the entry's.
 */
void klive_assets_fetch (KliveAssets *assets, gint partner_id, gint profile_id);

/* What klive_assets_describe() has told an earlier launcher; holds until Kaltura says otherwise. */
void klive_assets_restore (KliveAssets *assets, JsonObject *ids);
/* {"32":"0_x8d2k1mn", ...}, live params id -> asset id; NULL while not known. (transfer full) */
JsonObject *klive_assets_describe (const KliveAssets *assets);
/*
 * For people: [{"id":"0_x8d2k1mn","liveParamsId":32,"systemName":"Source","tags":"source,ingest","suffix":"1"}, ...],
 * null where nothing is known. NULL until Kaltura has answered. (transfer full)
 */
JsonArray *klive_assets_list (const KliveAssets *assets);

G_END_DECLS
