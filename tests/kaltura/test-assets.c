/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* kaltura-assets: what each session string asks, pages, and what becomes of answers that are missing or odd. */

#include "kaltura-assets.h"

#include <string.h>
#include "fake-api.h"
#include "kaltura-error.h"

typedef struct {
  FakeApi *api;
  KalturaClient *client;
  GAsyncResult *result;
  GPtrArray *assets;
  GError *error;
} Fixture;

/* @data: partner of the session string. */
static void
set_up (Fixture *f, gconstpointer data)
{
  f->api = fake_api_new ();
  KalturaClientSettings settings = { .service_url = fake_api_get_url (f->api),
    .api = KALTURA_API_CURRENT,
    .timeout = 5,
    .client_tag = "klive-test",
    .partner_id = GPOINTER_TO_INT (data),
    .secret = "secret",
    .session_version = 2 };
  f->client = kaltura_client_new (&settings);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_clear_object (&f->result);
  g_clear_pointer (&f->assets, g_ptr_array_unref);
  g_clear_error (&f->error);
  kaltura_client_unref (f->client);
  fake_api_free (f->api);
}

static void
on_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Fixture *f = user_data;
  f->result = g_object_ref (result);
}

static void
list (Fixture *f, gint profile_id)
{
  kaltura_assets_list_async (f->client, 102, "0_abcd1234", profile_id, NULL, on_done, f);
  while (f->result == NULL)
    g_main_context_iteration (NULL, TRUE);
  f->assets = kaltura_assets_list_finish (f->result, &f->error);
  g_assert_true ((f->assets != NULL) == (f->error == NULL));
}

/* Answers with @items, and @total as totalCount unless it is negative. */
static void
answer_list (Fixture *f, const char *items, gint total)
{
  g_autofree char *count = total < 0 ? g_strdup ("") : g_strdup_printf ("<totalCount>%d</totalCount>", total);
  g_autofree char *result = g_strdup_printf ("<objects>%s</objects>%s", items, count);
  fake_api_answer_result (f->api, "list", result);
}

/* Assets @first to @last: asset N is of live params N. */
static char *
make_assets (guint first, guint last)
{
  GString *text = g_string_new (NULL);
  for (guint i = first; i <= last; i++)
    g_string_append_printf (text, "<item><id>0_asset%u</id><flavorParamsId>%u</flavorParamsId></item>", i, i);
  return g_string_free (text, FALSE);
}

static const KalturaAsset *
asset_at (Fixture *f, guint index)
{
  g_assert_cmpuint (index, <, f->assets->len);
  return f->assets->pdata[index];
}

static void
check_request (Fixture *f, guint index, const char *service, const char *filter, const char *value, const char *page)
{
  const FakeRequest *request = fake_api_get_request (f->api, index);
  g_assert_cmpstr (g_hash_table_lookup (request->query, "service"), ==, service);
  g_assert_cmpstr (fake_api_get_field (f->api, index, filter), ==, value);
  g_assert_cmpstr (fake_api_get_field (f->api, index, "pager:pageIndex"), ==, page);
  g_assert_cmpstr (fake_api_get_field (f->api, index, "pager:pageSize"), ==, page != NULL ? "500" : NULL);
  g_assert_cmpstr (fake_api_get_field (f->api, index, "partnerId"), ==, "102");
}

#define SOURCE_ASSET \
  "<item><objectType>KalturaLiveAsset</objectType><id>0_x8d2k1mn</id><tags>source,ingest</tags>" \
  "<flavorParamsId>32</flavorParamsId></item>"
#define SMALL_ASSET "<item><id>0_y7c3b2ap</id><tags></tags><flavorParamsId>33</flavorParamsId></item>"
#define LIVE_PARAMS \
  "<item><id>32</id><systemName>Source</systemName><tags>web</tags><streamSuffix>1</streamSuffix></item>" \
  "<item><id>33</id><systemName>SD_360</systemName><tags>mbr,ipadnew</tags><streamSuffix></streamSuffix></item>" \
  "<item><id>99</id><systemName>Another</systemName></item>"
#define PROFILE_ITEMS \
  "<item><assetParamsId>32</assetParamsId><systemName></systemName></item>" \
  "<item><assetParamsId>33</assetParamsId><systemName>Small</systemName></item>" \
  "<item><assetParamsId>7</assetParamsId><systemName>Unknown</systemName></item>"

/* Items without an id or live params are none. */
static void
test_assets_alone (Fixture *f, gconstpointer data)
{
  answer_list (f,
      SOURCE_ASSET "<item><id>0_odd</id></item><item><id>0_bad</id><flavorParamsId>-1</flavorParamsId></item>"
                   "<item><flavorParamsId>34</flavorParamsId></item>" SMALL_ASSET,
      5);
  list (f, 0);
  g_assert_no_error (f->error);
  g_assert_cmpuint (f->assets->len, ==, 2);
  g_assert_cmpstr (asset_at (f, 0)->tags, ==, "source,ingest");
  g_assert_cmpstr (asset_at (f, 1)->id, ==, "0_y7c3b2ap");
  g_assert_cmpint (asset_at (f, 1)->live_params_id, ==, 33);
  g_assert_null (asset_at (f, 1)->tags);
  g_assert_null (asset_at (f, 1)->system_name);
  check_request (f, 0, "flavorasset", "filter:entryIdEqual", "0_abcd1234", "1");
  g_assert_cmpstr (fake_api_get_field (f->api, 0, "filter:objectType"), ==, "KalturaLiveAssetFilter");
  g_assert_cmpuint (fake_api_get_n_requests (f->api), ==, 1);
}

static void
check_described (Fixture *f)
{
  g_assert_no_error (f->error);
  g_assert_cmpuint (f->assets->len, ==, 2);
  g_assert_cmpstr (asset_at (f, 0)->system_name, ==, "Source");
  g_assert_cmpstr (asset_at (f, 0)->tags, ==, "source,ingest");
  g_assert_cmpstr (asset_at (f, 0)->suffix, ==, "1");
  g_assert_cmpstr (asset_at (f, 1)->system_name, ==, "Small");
  g_assert_cmpstr (asset_at (f, 1)->tags, ==, "mbr,ipadnew");
  g_assert_null (asset_at (f, 1)->suffix);
}

/* Partner -5 may not ask for the live params of a profile. */
static void
test_media_server (Fixture *f, gconstpointer data)
{
  answer_list (f, SOURCE_ASSET SMALL_ASSET, 2);
  answer_list (f, LIVE_PARAMS, 3);
  answer_list (f, PROFILE_ITEMS, 3);
  list (f, 555);
  check_described (f);
  check_request (f, 1, "flavorparams", "filter:objectType", "KalturaFlavorParamsFilter", "1");
  check_request (f, 2, "conversionprofileassetparams", "filter:conversionProfileIdEqual", "555", "1");
}

static void
test_own_partner (Fixture *f, gconstpointer data)
{
  answer_list (f, SOURCE_ASSET SMALL_ASSET, 2);
  fake_api_answer_result (f->api, "getByConversionProfileId", LIVE_PARAMS);
  answer_list (f, PROFILE_ITEMS, 3);
  list (f, 555);
  check_described (f);
  check_request (f, 1, "flavorparams", "conversionProfileId", "555", NULL);
}

static void
test_own_partner_refused (Fixture *f, gconstpointer data)
{
  answer_list (f, SOURCE_ASSET SMALL_ASSET, 2);
  fake_api_answer_error (f->api, "getByConversionProfileId", "SERVICE_FORBIDDEN", "not for you");
  answer_list (f, LIVE_PARAMS, 3);
  answer_list (f, PROFILE_ITEMS, 3);
  list (f, 555);
  check_described (f);
}

/* Recordings need the assets only. */
static void
test_live_params_refused (Fixture *f, gconstpointer data)
{
  answer_list (f, SOURCE_ASSET SMALL_ASSET, 2);
  fake_api_answer_error (f->api, "list", "SERVICE_FORBIDDEN", "not for you");
  fake_api_answer_error (f->api, "list", "SERVICE_FORBIDDEN", "not for you");
  list (f, 555);
  g_assert_no_error (f->error);
  g_assert_cmpuint (f->assets->len, ==, 2);
  g_assert_null (asset_at (f, 0)->system_name);
}

static void
test_assets_refused (Fixture *f, gconstpointer data)
{
  fake_api_answer_error (f->api, "list", "ENTRY_ID_NOT_FOUND", "no such entry");
  list (f, 555);
  g_assert_true (kaltura_error_is_api_code (f->error, "ENTRY_ID_NOT_FOUND"));
}

/* What comes behind the assets is not waited for; they themselves are. */
static void
test_passing_error (Fixture *f, gconstpointer data)
{
  answer_list (f, SOURCE_ASSET SMALL_ASSET, 2);
  answer_list (f, LIVE_PARAMS, 3);
  fake_api_answer (f->api, "list", 502, "text/html", NULL, "Bad Gateway", -1);
  list (f, 555);
  g_assert_no_error (f->error);
  g_assert_cmpuint (f->assets->len, ==, 2);
  g_assert_cmpstr (asset_at (f, 1)->system_name, ==, "SD_360");
  g_clear_object (&f->result);
  g_clear_pointer (&f->assets, g_ptr_array_unref);

  fake_api_answer (f->api, "list", 502, "text/html", NULL, "Bad Gateway", -1);
  list (f, 555);
  g_assert_error (f->error, KALTURA_ERROR, KALTURA_ERROR_TRANSPORT);
}

/* Assets 499 and 500 come on both pages: somebody has added two in between. */
static void
test_pages (Fixture *f, gconstpointer data)
{
  g_autofree char *first = make_assets (1, 500);
  g_autofree char *second = make_assets (499, 510);
  answer_list (f, first, 512);
  answer_list (f, second, 512);
  list (f, 0);
  g_assert_no_error (f->error);
  g_assert_cmpuint (f->assets->len, ==, 510);
  g_assert_cmpint (asset_at (f, 509)->live_params_id, ==, 510);
  check_request (f, 1, "flavorasset", "filter:entryIdEqual", "0_abcd1234", "2");
}

/* Without totalCount a page that is not full is the last one. */
static void
test_pages_without_total (Fixture *f, gconstpointer data)
{
  g_autofree char *first = make_assets (1, 500);
  answer_list (f, first, -1);
  answer_list (f, SOURCE_ASSET, -1);
  list (f, 0);
  g_assert_no_error (f->error);
  g_assert_cmpuint (f->assets->len, ==, 501);
}

/* A server may hold its pages smaller than asked for, and its total may count what it does not show. */
static void
test_small_pages (Fixture *f, gconstpointer data)
{
  g_autofree char *first = make_assets (1, 30);
  g_autofree char *second = make_assets (31, 38);
  answer_list (f, first, 40);
  answer_list (f, second, 40);
  answer_list (f, "", 40);
  list (f, 0);
  g_assert_no_error (f->error);
  g_assert_cmpuint (f->assets->len, ==, 38);
}

/* A server that does not turn pages is not asked for ever. */
static void
test_endless (Fixture *f, gconstpointer data)
{
  for (guint i = 0; i < 20; i++)
    answer_list (f, SOURCE_ASSET, 1000);
  list (f, 0);
  g_assert_error (f->error, KALTURA_ERROR, KALTURA_ERROR_GARBAGE);
  g_assert_nonnull (strstr (f->error->message, "0_abcd1234"));
}

static void
test_empty (Fixture *f, gconstpointer data)
{
  answer_list (f, "", 0);
  list (f, 555);
  g_assert_no_error (f->error);
  g_assert_cmpuint (f->assets->len, ==, 0);
}

static void
test_cancel (Fixture *f, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  fake_api_answer_never (f->api, "list");
  kaltura_assets_list_async (f->client, 102, "0_abcd1234", 555, cancellable, on_done, f);
  while (fake_api_get_n_requests (f->api) == 0)
    g_main_context_iteration (NULL, FALSE);
  g_cancellable_cancel (cancellable);
  while (f->result == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_null (kaltura_assets_list_finish (f->result, &f->error));
  g_assert_error (f->error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

#define SERVER GINT_TO_POINTER (-5)
#define OWN GINT_TO_POINTER (102)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/assets/alone", Fixture, SERVER, set_up, test_assets_alone, tear_down);
  g_test_add ("/assets/media-server", Fixture, SERVER, set_up, test_media_server, tear_down);
  g_test_add ("/assets/own-partner", Fixture, OWN, set_up, test_own_partner, tear_down);
  g_test_add ("/assets/own-partner/refused", Fixture, OWN, set_up, test_own_partner_refused, tear_down);
  g_test_add ("/assets/live-params-refused", Fixture, SERVER, set_up, test_live_params_refused, tear_down);
  g_test_add ("/assets/refused", Fixture, SERVER, set_up, test_assets_refused, tear_down);
  g_test_add ("/assets/passing-error", Fixture, SERVER, set_up, test_passing_error, tear_down);
  g_test_add ("/assets/pages", Fixture, SERVER, set_up, test_pages, tear_down);
  g_test_add ("/assets/pages/without-total", Fixture, SERVER, set_up, test_pages_without_total, tear_down);
  g_test_add ("/assets/pages/small", Fixture, SERVER, set_up, test_small_pages, tear_down);
  g_test_add ("/assets/pages/endless", Fixture, SERVER, set_up, test_endless, tear_down);
  g_test_add ("/assets/empty", Fixture, SERVER, set_up, test_empty, tear_down);
  g_test_add ("/assets/cancel", Fixture, SERVER, set_up, test_cancel, tear_down);
  return g_test_run ();
}
