/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* kaltura-live: the form that each call sends in either vintage, and what becomes of its answer. */

#include "kaltura-live.h"

#include <string.h>
#include <unistd.h>
#include "fake-api.h"
#include "kaltura-error.h"

#define ENTRY "<objectType>KalturaLiveStreamEntry</objectType><id>0_abcd1234</id><partnerId>102</partnerId>"

typedef struct {
  FakeApi *api;
  KalturaClient *client;
  GAsyncResult *result; /* of the last call */
  GError *error;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->api = fake_api_new ();
  KalturaClientSettings settings = { .service_url = fake_api_get_url (fixture->api),
    .api = GPOINTER_TO_INT (data),
    .timeout = 5,
    .client_tag = "klive-test",
    .partner_id = -5,
    .secret = "secret",
    .session_version = 2 };
  fixture->client = kaltura_client_new (&settings);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_clear_object (&fixture->result);
  g_clear_error (&fixture->error);
  kaltura_client_unref (fixture->client);
  fake_api_free (fixture->api);
}

static void
on_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Fixture *fixture = user_data;
  fixture->result = g_object_ref (result);
}

static GAsyncResult *
wait_for_result (Fixture *fixture)
{
  while (fixture->result == NULL)
    g_main_context_iteration (NULL, TRUE);
  return fixture->result;
}

static gint
compare_lines (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

/* That the only request has these fields besides the common ones, and no others: "name=value" lines. */
static void
check_fields (Fixture *fixture, const char *service, const char *expected)
{
  static const char *const common[] = { "format", "ignoreNull", "clientTag", "ks", NULL };
  const FakeRequest *request = fake_api_get_request (fixture->api, 0);
  g_assert_cmpstr (g_hash_table_lookup (request->query, "service"), ==, service);
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func (g_free);
  GHashTableIter iter;
  gpointer name = NULL;
  gpointer value = NULL;
  g_hash_table_iter_init (&iter, request->form);
  while (g_hash_table_iter_next (&iter, &name, &value))
    if (!g_strv_contains (common, name))
      g_ptr_array_add (lines, g_strdup_printf ("%s=%s", (char *) name, (char *) value));
  g_ptr_array_sort (lines, compare_lines);
  g_ptr_array_add (lines, NULL);
  g_autofree char *sent = g_strjoinv ("\n", (char **) lines->pdata);
  g_assert_cmpstr (sent, ==, expected);
}

static void
authenticate (Fixture *fixture)
{
  kaltura_live_authenticate_async (fixture->client, 102, "0_abcd1234", "12ab34cd", "ms1", 1, "kLive", NULL, on_done,
      fixture);
  wait_for_result (fixture);
}

static void
test_authenticate (Fixture *fixture, gconstpointer data)
{
  fake_api_answer_result (fixture->api, "authenticate", ENTRY);
  authenticate (fixture);
  g_autoptr (KalturaEntry) entry = kaltura_live_authenticate_finish (fixture->result, &fixture->error);
  g_assert_no_error (fixture->error);
  g_assert_cmpstr (entry->id, ==, "0_abcd1234");
  g_assert_cmpint (entry->partner_id, ==, 102);
  if (GPOINTER_TO_INT (data) == KALTURA_API_2014)
    check_fields (fixture, "livestream", "entryId=0_abcd1234\npartnerId=102\ntoken=12ab34cd");
  else
    check_fields (fixture, "livestream",
        "applicationName=kLive\nentryId=0_abcd1234\nhostname=ms1\nmediaServerIndex=1\npartnerId=102\ntoken=12ab34cd");
}

static void
test_refused (Fixture *fixture, gconstpointer data)
{
  fake_api_answer_error (fixture->api, "authenticate", "LIVE_STREAM_INVALID_TOKEN", "Invalid token supplied");
  authenticate (fixture);
  g_assert_null (kaltura_live_authenticate_finish (fixture->result, &fixture->error));
  g_assert_true (kaltura_error_is_api_code (fixture->error, "LIVE_STREAM_INVALID_TOKEN"));
}

/* Neither entry nor error: not to be let through. */
static void
test_no_entry (Fixture *fixture, gconstpointer data)
{
  fake_api_answer_result (fixture->api, "authenticate", "");
  authenticate (fixture);
  g_assert_null (kaltura_live_authenticate_finish (fixture->result, &fixture->error));
  g_assert_error (fixture->error, KALTURA_ERROR, KALTURA_ERROR_GARBAGE);
}

static void
test_get (Fixture *fixture, gconstpointer data)
{
  fake_api_answer_result (fixture->api, "get", ENTRY);
  kaltura_live_get_async (fixture->client, 102, "0_abcd1234", NULL, on_done, fixture);
  g_autoptr (KalturaEntry) entry = kaltura_live_get_finish (wait_for_result (fixture), &fixture->error);
  g_assert_no_error (fixture->error);
  g_assert_cmpstr (entry->id, ==, "0_abcd1234");
  check_fields (fixture, "livestream", "entryId=0_abcd1234\npartnerId=102");
}

static void
test_register (Fixture *fixture, gconstpointer data)
{
  fake_api_answer_result (fixture->api, "registerMediaServer", ENTRY);
  kaltura_live_register_async (fixture->client, 102, "0_abcd1234", "ms1", 0, "kLive", NULL, on_done, fixture);
  g_assert_true (kaltura_live_register_finish (wait_for_result (fixture), &fixture->error));
  if (GPOINTER_TO_INT (data) == KALTURA_API_2014)
    check_fields (fixture, "livestream", "entryId=0_abcd1234\nhostname=ms1\nmediaServerIndex=0\npartnerId=102");
  else
    check_fields (fixture, "livestream",
        "applicationName=kLive\nentryId=0_abcd1234\nhostname=ms1\nliveEntryStatus=1\nmediaServerIndex=0\n"
        "partnerId=102");
}

static void
test_unregister (Fixture *fixture, gconstpointer data)
{
  fake_api_answer_error (fixture->api, "unregisterMediaServer", "ENTRY_SERVER_NODE_NOT_FOUND", "gone");
  kaltura_live_unregister_async (fixture->client, 102, "0_abcd1234", "ms1", 1, NULL, on_done, fixture);
  g_assert_false (kaltura_live_unregister_finish (wait_for_result (fixture), &fixture->error));
  g_assert_true (kaltura_error_is_api_code (fixture->error, "ENTRY_SERVER_NODE_NOT_FOUND"));
  check_fields (fixture, "livestream", "entryId=0_abcd1234\nhostname=ms1\nmediaServerIndex=1\npartnerId=102");
}

static void
test_report_status (Fixture *fixture, gconstpointer data)
{
  fake_api_answer_result (fixture->api, "reportStatus", "<id>7</id>");
  kaltura_live_report_status_async (fixture->client, "ms1", "kLive", NULL, on_done, fixture);
  g_assert_true (kaltura_live_report_status_finish (wait_for_result (fixture), &fixture->error));
  if (GPOINTER_TO_INT (data) == KALTURA_API_2014)
    check_fields (fixture, "mediaserver", "hostname=ms1\nmediaServerStatus:objectType=KalturaMediaServerStatus");
  else
    check_fields (fixture, "servernode",
        "hostName=ms1\nserverNode:applicationName=kLive\nserverNode:hostName=ms1\nserverNode:name=ms1\n"
        "serverNode:objectType=KalturaWowzaMediaServerNode\nserverNodeStatus=1");
}

static void
test_profile (Fixture *fixture, gconstpointer data)
{
  const char *extra = "{\"width\":\"1280\",\"audiocodecidstring\":\"AAC\"}";
  fake_api_answer (fixture->api, "serve", 200, "text/xml", NULL, "<Root/>", -1);
  kaltura_live_serve_profile_async (fixture->client, 102, "0_abcd1234_1", "ms1", extra, NULL, on_done, fixture);
  g_autoptr (GBytes) bytes = kaltura_live_serve_profile_finish (wait_for_result (fixture), &fixture->error);
  g_assert_no_error (fixture->error);
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), "<Root/>", 7);
  if (GPOINTER_TO_INT (data) == KALTURA_API_2014)
    check_fields (fixture, "wowza_liveconversionprofile", "hostname=ms1\npartnerId=102\nstreamName=0_abcd1234_1");
  else
    check_fields (fixture, "wowza_liveconversionprofile",
        "extraParams={\"width\":\"1280\",\"audiocodecidstring\":\"AAC\"}\nhostname=ms1\npartnerId=102\n"
        "streamName=0_abcd1234_1");
}

static void
test_profile_too_large (Fixture *fixture, gconstpointer data)
{
  g_autofree char *body = g_strnfill (10 * 1024 * 1024, ' ');
  fake_api_answer (fixture->api, "serve", 200, "text/xml", NULL, body, -1);
  kaltura_live_serve_profile_async (fixture->client, 102, "0_abcd1234_1", "ms1", NULL, NULL, on_done, fixture);
  g_assert_null (kaltura_live_serve_profile_finish (wait_for_result (fixture), &fixture->error));
  g_assert_error (fixture->error, KALTURA_ERROR, KALTURA_ERROR_GARBAGE);
  g_assert_nonnull (strstr (fixture->error->message, "larger than 1048576 bytes"));
}

static void
add (const char *name, void (*func) (Fixture *, gconstpointer))
{
  g_autofree char *old = g_strconcat ("/live/2014/", name, NULL);
  g_autofree char *current = g_strconcat ("/live/current/", name, NULL);
  g_test_add (old, Fixture, GINT_TO_POINTER (KALTURA_API_2014), set_up, func, tear_down);
  g_test_add (current, Fixture, GINT_TO_POINTER (KALTURA_API_CURRENT), set_up, func, tear_down);
}

int
main (int argc, char **argv)
{
  alarm (60);
  g_test_init (&argc, &argv, NULL);
  add ("authenticate", test_authenticate);
  add ("refused-token", test_refused);
  add ("an-answer-without-entry-is-no-admission", test_no_entry);
  add ("get", test_get);
  add ("register", test_register);
  add ("unregister", test_unregister);
  add ("report-status", test_report_status);
  add ("profile", test_profile);
  add ("profile-of-10-mb", test_profile_too_large);
  return g_test_run ();
}
