/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * list-assets URL API KS-PARTNER SECRET PARTNER ENTRY PROFILE: what kaltura_assets_list_async() tells, a line of JSON
 * for each asset, or "error: MESSAGE" and exit code 1. API: 2014 or current.
 */

#include "kaltura-assets.h"

#include <json-glib/json-glib.h>
#include <stdlib.h>
#include <string.h>

static void
print_asset (gpointer data, gpointer user_data)
{
  const KalturaAsset *asset = data;
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  const char *texts[] = { "id", asset->id, "systemName", asset->system_name, "tags", asset->tags, "suffix",
    asset->suffix };
  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "liveParamsId");
  json_builder_add_int_value (builder, asset->live_params_id);
  for (guint i = 0; i < G_N_ELEMENTS (texts); i += 2) {
    json_builder_set_member_name (builder, texts[i]);
    json_builder_add_string_value (builder, texts[i + 1]);
  }
  json_builder_end_object (builder);
  g_autoptr (JsonNode) root = json_builder_get_root (builder);
  g_autofree char *line = json_to_string (root, FALSE);
  g_print ("%s\n", line);
}

static void
on_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

int
main (int argc, char **argv)
{
  if (argc != 8) {
    g_printerr ("usage: list-assets URL API KS-PARTNER SECRET PARTNER ENTRY PROFILE\n");
    return 2;
  }
  KalturaClientSettings settings = { .service_url = argv[1],
    .api = strcmp (argv[2], "2014") == 0 ? KALTURA_API_2014 : KALTURA_API_CURRENT,
    .timeout = 30,
    .client_tag = "list-assets",
    .partner_id = atoi (argv[3]),
    .secret = argv[4],
    .session_version = 1 };
  g_autoptr (KalturaClient) client = kaltura_client_new (&settings);
  g_autoptr (GAsyncResult) result = NULL;
  kaltura_assets_list_async (client, atoi (argv[5]), argv[6], atoi (argv[7]), NULL, on_done, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) assets = kaltura_assets_list_finish (result, &error);
  if (assets == NULL) {
    g_print ("error: %s\n", error->message);
    return 1;
  }
  g_ptr_array_foreach (assets, print_asset, NULL);
  return 0;
}
