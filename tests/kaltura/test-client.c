/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* kaltura-client against a scripted API: what it sends, how it renews the session string, and how calls fail. */

#include "kaltura-client.h"

#include <string.h>
#include <unistd.h>
#include "fake-api.h"
#include "kaltura-error.h"
#include "kaltura-ks.h"

#define SECRET "0123456789abcdef0123456789abcdef"

/* The end of a call. */
typedef struct {
  gboolean done;
  gboolean is_file;
  KalturaReply *reply;
  GBytes *file;
  GError *error;
} Outcome;

static void
clear_outcome (Outcome *outcome)
{
  g_clear_pointer (&outcome->reply, kaltura_reply_free);
  g_clear_pointer (&outcome->file, g_bytes_unref);
  g_clear_error (&outcome->error);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Outcome, clear_outcome)

static KalturaClient *
make_client_with_timeout (const char *url, const char *secret, guint timeout)
{
  KalturaClientSettings settings = { .service_url = url,
    .api = KALTURA_API_CURRENT,
    .timeout = timeout,
    .client_tag = "klive-test",
    .partner_id = -5,
    .secret = secret,
    .session_version = 2 };
  return kaltura_client_new (&settings);
}

static KalturaClient *
make_client (const char *url, const char *secret)
{
  return make_client_with_timeout (url, secret, 1);
}

static void
on_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Outcome *outcome = user_data;
  g_assert_null (source);
  g_assert_false (outcome->done);
  outcome->done = TRUE;
  if (outcome->is_file)
    outcome->file = kaltura_client_fetch_finish (result, &outcome->error);
  else
    outcome->reply = kaltura_client_call_finish (result, &outcome->error);
}

static void
wait_for (Outcome *outcome)
{
  while (!outcome->done)
    g_main_context_iteration (NULL, TRUE);
}

static void
call (KalturaClient *client, const char *const *params, Outcome *outcome)
{
  kaltura_client_call_async (client, "livestream", "get", 102, params, NULL, on_done, outcome);
  wait_for (outcome);
}

static void
fetch (KalturaClient *client, gsize max_bytes, Outcome *outcome)
{
  static const char *const params[] = { "streamName", "0_abcd1234_1", NULL };
  outcome->is_file = TRUE;
  kaltura_client_fetch_async (client, "wowza_liveconversionprofile", "serve", 102, params, max_bytes, NULL, on_done,
      outcome);
  wait_for (outcome);
}

static void
test_request (void)
{
  g_autoptr (FakeApi) api = fake_api_new ();
  g_autoptr (KalturaClient) client = make_client (fake_api_get_url (api), SECRET);
  g_auto (Outcome) outcome = { 0 };
  const char *const params[] = { "entryId", "0_abcd1234", "resource:objectType", "KalturaServerFileResource",
    "resource:localFilePath", "/a b/\xc3\xa4&=%+.mp4", NULL };
  fake_api_answer_result (api, "get", "<id>0_abcd1234</id>");
  call (client, params, &outcome);
  g_assert_no_error (outcome.error);
  g_assert_cmpstr (kaltura_reply_get_string (outcome.reply, "id"), ==, "0_abcd1234");

  const FakeRequest *request = fake_api_get_request (api, 0);
  g_assert_cmpstr (request->path, ==, "/api_v3/index.php");
  g_assert_cmpstr (g_hash_table_lookup (request->query, "service"), ==, "livestream");
  g_assert_cmpstr (g_hash_table_lookup (request->query, "action"), ==, "get");
  g_assert_true (g_str_has_prefix (request->agent, "klive/"));
  g_assert_cmpstr (fake_api_get_field (api, 0, "format"), ==, "2");
  g_assert_cmpstr (fake_api_get_field (api, 0, "clientTag"), ==, "klive-test");
  g_assert_cmpstr (fake_api_get_field (api, 0, "partnerId"), ==, "102");
  g_assert_cmpstr (fake_api_get_field (api, 0, "entryId"), ==, "0_abcd1234");
  g_assert_cmpstr (fake_api_get_field (api, 0, "resource:objectType"), ==, "KalturaServerFileResource");
  g_assert_cmpstr (fake_api_get_field (api, 0, "resource:localFilePath"), ==, "/a b/\xc3\xa4&=%+.mp4");
  g_autoptr (KalturaKs) ks = kaltura_ks_parse (fake_api_get_field (api, 0, "ks"), SECRET, NULL);
  g_assert_nonnull (ks);
  g_assert_cmpint (ks->partner_id, ==, -5);
  g_assert_cmpstr (ks->user, ==, "MediaServer");
  g_assert_cmpint (ks->type, ==, 2);
  g_assert_cmpstr (ks->privileges, ==, "disableentitlement");
  gint64 left = ks->expiry - g_get_real_time () / G_USEC_PER_SEC;
  g_assert_cmpint (left, >, 86000);
  g_assert_cmpint (left, <=, 86400);
}

static void
test_reuse (void)
{
  g_autoptr (FakeApi) api = fake_api_new ();
  g_autoptr (KalturaClient) client = make_client (fake_api_get_url (api), SECRET);
  for (guint i = 0; i < 3; i++) {
    g_auto (Outcome) outcome = { 0 };
    fake_api_answer_result (api, "get", "1");
    call (client, NULL, &outcome);
    g_assert_no_error (outcome.error);
  }
  g_assert_cmpuint (fake_api_get_request (api, 0)->port, ==, fake_api_get_request (api, 2)->port);
  g_assert_cmpstr (fake_api_get_field (api, 0, "ks"), ==, fake_api_get_field (api, 2, "ks"));
}

static void
test_v1 (void)
{
  g_autoptr (FakeApi) api = fake_api_new ();
  KalturaClientSettings settings = { .service_url = fake_api_get_url (api),
    .timeout = 1,
    .partner_id = 102,
    .secret = SECRET,
    .session_version = 1,
    .api = KALTURA_API_2014 };
  g_autoptr (KalturaClient) client = kaltura_client_new (&settings);
  g_assert_cmpint (kaltura_client_get_api (client), ==, KALTURA_API_2014);
  g_assert_cmpint (kaltura_client_get_partner_id (client), ==, 102);
  g_auto (Outcome) outcome = { 0 };
  fake_api_answer_result (api, "get", "1");
  kaltura_client_call_async (client, "livestream", "get", 0, NULL, NULL, on_done, &outcome);
  wait_for (&outcome);
  g_assert_no_error (outcome.error);
  g_assert_null (fake_api_get_field (api, 0, "partnerId"));
  const char *text = fake_api_get_field (api, 0, "ks");
  g_assert_false (g_str_has_prefix (text, "djJ8")); /* "v2|" */
  g_autoptr (KalturaKs) ks = kaltura_ks_parse (text, SECRET, NULL);
  g_assert_cmpint (ks->partner_id, ==, 102);
}

static void
test_many_at_once (void)
{
  g_autoptr (FakeApi) api = fake_api_new ();
  g_autoptr (KalturaClient) client = make_client_with_timeout (fake_api_get_url (api), SECRET, 20);
  Outcome outcomes[40] = { 0 };
  for (guint i = 0; i < G_N_ELEMENTS (outcomes); i++)
    fake_api_answer_result (api, "get", "1");
  for (guint i = 0; i < G_N_ELEMENTS (outcomes); i++)
    kaltura_client_call_async (client, "livestream", "get", 102, NULL, NULL, on_done, &outcomes[i]);
  for (guint i = 0; i < G_N_ELEMENTS (outcomes); i++) {
    wait_for (&outcomes[i]);
    g_assert_no_error (outcomes[i].error);
    clear_outcome (&outcomes[i]);
  }
}

static void
test_invalid_ks (void)
{
  g_autoptr (FakeApi) api = fake_api_new ();
  g_autoptr (KalturaClient) client = make_client (fake_api_get_url (api), SECRET);
  g_auto (Outcome) outcome = { 0 };
  const char *const params[] = { "entryId", "0_abcd1234", NULL };
  fake_api_answer_error (api, "get", "INVALID_KS", "Invalid KS \"x\". Error \"-5,EXPIRED\"");
  fake_api_answer_result (api, "get", "<id>0_abcd1234</id>");
  call (client, params, &outcome);
  g_assert_no_error (outcome.error);
  g_assert_cmpstr (kaltura_reply_get_string (outcome.reply, "id"), ==, "0_abcd1234");
  g_assert_cmpstr (fake_api_get_field (api, 0, "ks"), !=, fake_api_get_field (api, 1, "ks"));
  g_assert_cmpstr (fake_api_get_field (api, 1, "entryId"), ==, "0_abcd1234");

  /* The new one is kept. */
  g_auto (Outcome) next = { 0 };
  fake_api_answer_result (api, "get", "1");
  call (client, params, &next);
  g_assert_cmpstr (fake_api_get_field (api, 1, "ks"), ==, fake_api_get_field (api, 2, "ks"));
}

/* A wrong secret: twice and no more. The API repeats the session string in its message. */
static void
test_invalid_ks_again (void)
{
  g_autoptr (FakeApi) api = fake_api_new ();
  g_autoptr (KalturaClient) client = make_client (fake_api_get_url (api), SECRET);
  g_auto (Outcome) outcome = { 0 };
  fake_api_answer_error (api, "get", "INVALID_KS", "first");
  fake_api_answer_error (api, "get", "INVALID_KS", "second");
  call (client, NULL, &outcome);
  g_assert_true (kaltura_error_is_api_code (outcome.error, "INVALID_KS"));
  g_assert_cmpuint (fake_api_get_n_requests (api), ==, 2);
}

static void
test_without_secret (void)
{
  g_autoptr (FakeApi) api = fake_api_new ();
  g_autoptr (KalturaClient) client = make_client (fake_api_get_url (api), NULL);
  g_assert_null (kaltura_client_make_ks (client, 3600));
  g_auto (Outcome) bare = { 0 };
  fake_api_answer_error (api, "get", "MISSING_KS", "Missing KS, session not established");
  call (client, NULL, &bare);
  g_assert_true (kaltura_error_is_api_code (bare.error, "MISSING_KS"));
  g_assert_null (fake_api_get_field (api, 0, "ks"));

  /* The real message of the API repeats the session string. */
  kaltura_client_set_ks (client, "djJ8LTV8given-by-the-launcher==");
  g_auto (Outcome) outcome = { 0 };
  fake_api_answer_error (api, "get", "INVALID_KS",
      "Invalid KS \"djJ8LTV8given-by-the-launcher==\". Error \"-1,INVALID_STR\"");
  call (client, NULL, &outcome);
  g_assert_cmpstr (fake_api_get_field (api, 1, "ks"), ==, "djJ8LTV8given-by-the-launcher==");
  g_assert_error (outcome.error, KALTURA_ERROR, KALTURA_ERROR_API);
  g_assert_cmpstr (outcome.error->message, ==, "INVALID_KS: Invalid KS \"[ks]\". Error \"-1,INVALID_STR\"");
  g_assert_cmpuint (fake_api_get_n_requests (api), ==, 2);

  g_auto (Outcome) renewed = { 0 };
  kaltura_client_set_ks (client, "another");
  fake_api_answer_result (api, "get", "1");
  call (client, NULL, &renewed);
  g_assert_cmpstr (fake_api_get_field (api, 2, "ks"), ==, "another");
}

static void
test_make_ks (void)
{
  g_autoptr (KalturaClient) client = make_client ("http://127.0.0.1:1", SECRET);
  g_autofree char *text = kaltura_client_make_ks (client, 3600);
  g_autoptr (KalturaKs) ks = kaltura_ks_parse (text, SECRET, NULL);
  gint64 left = ks->expiry - g_get_real_time () / G_USEC_PER_SEC;
  g_assert_cmpint (left, >, 3500);
  g_assert_cmpint (left, <=, 3600);
  g_assert_cmpint (ks->partner_id, ==, -5);
}

static void
check_failure (const Outcome *outcome, gint code, const char *message)
{
  g_assert_error (outcome->error, KALTURA_ERROR, code);
  if (strstr (outcome->error->message, message) == NULL)
    g_error ("'%s' does not hold '%s'", outcome->error->message, message);
  g_assert_null (strstr (outcome->error->message, "djJ8")); /* no session string, ever */
  g_assert_null (strstr (outcome->error->message, SECRET));
}

static void
test_statuses (void)
{
  static const guint statuses[] = { 201, 204, 301, 302, 400, 401, 403, 404, 429, 500, 502, 503, 504 };
  g_autoptr (FakeApi) api = fake_api_new ();
  g_autoptr (KalturaClient) client = make_client (fake_api_get_url (api), SECRET);
  for (gsize i = 0; i < G_N_ELEMENTS (statuses); i++) {
    g_auto (Outcome) outcome = { 0 };
    g_autofree char *message = g_strdup_printf ("HTTP status %u", statuses[i]);
    fake_api_answer (api, "get", statuses[i], "text/xml", "Location: http://127.0.0.1:1/else",
        "<xml><result>1</result></xml>", -1);
    call (client, NULL, &outcome);
    check_failure (&outcome, KALTURA_ERROR_TRANSPORT, message);
    g_assert_true (kaltura_error_is_passing (outcome.error));
  }
}

static void
test_garbage (void)
{
  static const char *const bodies[] = { "", "<html><body>It works!</body></html>", "{\"id\":\"0_abcd1234\"}",
    "<?xml version=\"1.0\"?><!DOCTYPE xml [<!ENTITY a \"b\">]><xml><result>&a;</result></xml>", "<xml><result>" };
  g_autoptr (FakeApi) api = fake_api_new ();
  g_autoptr (KalturaClient) client = make_client (fake_api_get_url (api), SECRET);
  for (gsize i = 0; i < G_N_ELEMENTS (bodies); i++) {
    g_auto (Outcome) outcome = { 0 };
    fake_api_answer (api, "get", 200, "text/html", NULL, bodies[i], -1);
    call (client, NULL, &outcome);
    check_failure (&outcome, KALTURA_ERROR_GARBAGE, "not a reply of the API");
    g_assert_true (kaltura_error_is_passing (outcome.error));
  }
}

/* A debug page that repeats the request. */
static void
test_echo (void)
{
  g_autoptr (FakeApi) api = fake_api_new ();
  g_autoptr (KalturaClient) client = make_client (fake_api_get_url (api), NULL);
  kaltura_client_set_ks (client, "djJ8LTV8given-by-the-launcher==");
  const char *const params[] = { "token", "12ab34cd", NULL };
  g_auto (Outcome) with_ks = { 0 };
  fake_api_answer (api, "get", 200, "text/html", NULL, "<pre>ks=djJ8LTV8given-by-the-launcher%3D%3D", -1);
  call (client, params, &with_ks);
  check_failure (&with_ks, KALTURA_ERROR_GARBAGE, "it repeats the request");

  g_auto (Outcome) with_token = { 0 };
  fake_api_answer (api, "get", 200, "text/html", NULL, "token=12ab34cd", -1);
  call (client, params, &with_token);
  check_failure (&with_token, KALTURA_ERROR_GARBAGE, "it repeats the request");

  g_auto (Outcome) in_error = { 0 };
  fake_api_answer_error (api, "get", "LIVE_STREAM_INVALID_TOKEN", "Invalid token 12ab34cd");
  call (client, params, &in_error);
  g_assert_cmpstr (in_error.error->message, ==, "LIVE_STREAM_INVALID_TOKEN: Invalid token [token]");
}

static void
test_too_large (void)
{
  g_autoptr (FakeApi) api = fake_api_new ();
  g_autoptr (KalturaClient) client = make_client (fake_api_get_url (api), SECRET);
  g_autofree char *body = g_strnfill (9 * 1024 * 1024, 'x');
  g_auto (Outcome) outcome = { 0 };
  fake_api_answer (api, "get", 200, "text/xml", NULL, body, -1);
  call (client, NULL, &outcome);
  check_failure (&outcome, KALTURA_ERROR_GARBAGE, "larger than 8388608 bytes");
}

static void
test_dead (void)
{
  g_autofree char *url = dup_dead_url ();
  g_autoptr (KalturaClient) client = make_client (url, SECRET);
  g_auto (Outcome) outcome = { 0 };
  call (client, NULL, &outcome);
  check_failure (&outcome, KALTURA_ERROR_TRANSPORT, "livestream.get at http://127.0.0.1:");
}

static void
check_times_out (KalturaClient *client)
{
  g_auto (Outcome) outcome = { 0 };
  gint64 start = g_get_monotonic_time ();
  call (client, NULL, &outcome);
  check_failure (&outcome, KALTURA_ERROR_TRANSPORT, "no answer within 1 s");
  g_assert_cmpint (g_get_monotonic_time () - start, <, 5 * G_USEC_PER_SEC);
}

static void
test_slow (void)
{
  g_autoptr (FakeApi) api = fake_api_new ();
  g_autoptr (KalturaClient) client = make_client (fake_api_get_url (api), SECRET);
  fake_api_answer_never (api, "get");
  check_times_out (client);
}

static void
read_request (GInputStream *input, GCancellable *cancellable)
{
  char buffer[4096];
  g_input_stream_read (input, buffer, sizeof buffer, cancellable, NULL);
}

static void
write_text (GOutputStream *output, const char *text, GCancellable *cancellable)
{
  g_output_stream_write_all (output, text, strlen (text), NULL, cancellable, NULL);
}

/* RawServe: a byte every 50 ms for ever. */
static void
serve_drip (GInputStream *input, GOutputStream *output, GCancellable *cancellable)
{
  read_request (input, cancellable);
  write_text (output, "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n", cancellable);
  while (g_output_stream_write (output, "x", 1, cancellable, NULL) == 1)
    g_usleep (50000);
}

/* RawServe: connects and says nothing. */
static void
serve_silence (GInputStream *input, GOutputStream *output, GCancellable *cancellable)
{
  char byte;
  while (g_input_stream_read (input, &byte, 1, cancellable, NULL) == 1)
    ;
}

/* RawServe */
static void
serve_cut (GInputStream *input, GOutputStream *output, GCancellable *cancellable)
{
  read_request (input, cancellable);
  write_text (output, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n<xml><result>", cancellable);
}

/* RawServe */
static void
serve_close (GInputStream *input, GOutputStream *output, GCancellable *cancellable)
{
  read_request (input, cancellable);
}

/* RawServe */
static void
serve_noise (GInputStream *input, GOutputStream *output, GCancellable *cancellable)
{
  read_request (input, cancellable);
  write_text (output, "\x15\x03\x01 this is not HTTP\r\n\r\n", cancellable);
}

/* The time limit is that of the whole call, not of a pause. */
static void
test_drip (void)
{
  g_autoptr (RawServer) server = raw_server_new (serve_drip);
  g_autoptr (KalturaClient) client = make_client (raw_server_get_url (server), SECRET);
  check_times_out (client);
}

static void
test_silence (void)
{
  g_autoptr (RawServer) server = raw_server_new (serve_silence);
  g_autoptr (KalturaClient) client = make_client (raw_server_get_url (server), SECRET);
  check_times_out (client);
}

static void
test_broken (void)
{
  static const RawServe serves[] = { serve_cut, serve_close, serve_noise };
  for (gsize i = 0; i < G_N_ELEMENTS (serves); i++) {
    g_autoptr (RawServer) server = raw_server_new (serves[i]);
    g_autoptr (KalturaClient) client = make_client (raw_server_get_url (server), SECRET);
    g_auto (Outcome) outcome = { 0 };
    call (client, NULL, &outcome);
    g_assert_true (kaltura_error_is_passing (outcome.error));
    g_assert_cmpint (outcome.error->domain, ==, KALTURA_ERROR);
  }
}

/* Of serve_once, atomic. */
static gint n_connections;
static gint n_losses; /* requests that got no answer */

/* RawServe: answers one request, keeps the connection, and closes it when the next one comes. */
static void
serve_once (GInputStream *input, GOutputStream *output, GCancellable *cancellable)
{
  g_atomic_int_inc (&n_connections);
  read_request (input, cancellable);
  write_text (output, "HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n<xml><result>1</result></xml>\n", cancellable);
  char buffer[4096] = "";
  do { /* what is left of the first request, then the second */
    if (g_input_stream_read (input, buffer, sizeof buffer, cancellable, NULL) <= 0)
      return;
  } while (!g_str_has_prefix (buffer, "POST "));
  g_atomic_int_inc (&n_losses);
}

static void
test_closed_kept_connection (void)
{
  g_autoptr (RawServer) server = raw_server_new (serve_once);
  g_autoptr (KalturaClient) client = make_client (raw_server_get_url (server), SECRET);
  for (guint i = 0; i < 4; i++) {
    g_auto (Outcome) outcome = { 0 };
    call (client, NULL, &outcome);
    g_assert_no_error (outcome.error);
  }
  g_assert_cmpint (g_atomic_int_get (&n_connections), ==, 4);
  g_assert_cmpint (g_atomic_int_get (&n_losses), ==, 3);
}

/* The time limit holds for the call with its repetition. */
static void
test_slow_after_renewal (void)
{
  g_autoptr (FakeApi) api = fake_api_new ();
  g_autoptr (KalturaClient) client = make_client (fake_api_get_url (api), SECRET);
  fake_api_answer_error (api, "get", "INVALID_KS", "x");
  fake_api_answer_never (api, "get");
  check_times_out (client);
}

static gboolean
cancel (gpointer user_data)
{
  g_cancellable_cancel (user_data);
  return G_SOURCE_REMOVE;
}

static gpointer
cancel_in_thread (gpointer user_data)
{
  g_cancellable_cancel (user_data);
  return NULL;
}

static void
wait_for_request (FakeApi *api)
{
  while (fake_api_get_n_requests (api) == 0)
    if (!g_main_context_iteration (NULL, FALSE))
      g_thread_yield ();
}

static void
test_cancel (void)
{
  g_autoptr (FakeApi) api = fake_api_new ();
  g_autoptr (KalturaClient) client = make_client (fake_api_get_url (api), SECRET);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_auto (Outcome) outcome = { 0 };
  fake_api_answer_never (api, "get");
  kaltura_client_call_async (client, "livestream", "get", 102, NULL, cancellable, on_done, &outcome);
  wait_for_request (api);
  g_idle_add (cancel, cancellable);
  wait_for (&outcome);
  g_assert_error (outcome.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static void
test_cancel_from_thread (void)
{
  g_autoptr (FakeApi) api = fake_api_new ();
  g_autoptr (KalturaClient) client = make_client (fake_api_get_url (api), SECRET);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_auto (Outcome) outcome = { 0 };
  fake_api_answer_never (api, "get");
  kaltura_client_call_async (client, "livestream", "get", 102, NULL, cancellable, on_done, &outcome);
  wait_for_request (api);
  GThread *thread = g_thread_new ("cancel", cancel_in_thread, cancellable);
  wait_for (&outcome);
  g_thread_join (thread);
  g_assert_error (outcome.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static void
test_cancelled_before (void)
{
  g_autoptr (FakeApi) api = fake_api_new ();
  g_autoptr (KalturaClient) client = make_client (fake_api_get_url (api), SECRET);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_auto (Outcome) outcome = { 0 };
  g_cancellable_cancel (cancellable);
  kaltura_client_call_async (client, "livestream", "get", 102, NULL, cancellable, on_done, &outcome);
  g_assert_false (outcome.done);
  wait_for (&outcome);
  g_assert_error (outcome.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (fake_api_get_n_requests (api), ==, 0);
}

static void
test_unref_with_pending_calls (void)
{
  g_autoptr (FakeApi) api = fake_api_new ();
  KalturaClient *client = make_client (fake_api_get_url (api), SECRET);
  g_auto (Outcome) one = { 0 };
  g_auto (Outcome) two = { 0 };
  fake_api_answer_never (api, "get");
  fake_api_answer_never (api, "get");
  kaltura_client_call_async (client, "livestream", "get", 102, NULL, NULL, on_done, &one);
  kaltura_client_call_async (client, "livestream", "get", 102, NULL, NULL, on_done, &two);
  kaltura_client_unref (kaltura_client_ref (client));
  while (fake_api_get_n_requests (api) < 2)
    if (!g_main_context_iteration (NULL, FALSE))
      g_thread_yield ();
  kaltura_client_unref (client);
  wait_for (&one);
  wait_for (&two);
  g_assert_error (one.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_error (two.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

typedef struct {
  KalturaClient *client;
  gboolean done;
} LastCall;

static void
on_last_call (GObject *source, GAsyncResult *result, gpointer user_data)
{
  LastCall *last = user_data;
  g_autoptr (KalturaReply) reply = kaltura_client_call_finish (result, NULL);
  g_assert_nonnull (reply);
  g_clear_pointer (&last->client, kaltura_client_unref);
  last->done = TRUE;
}

static void
test_unref_in_callback (void)
{
  g_autoptr (FakeApi) api = fake_api_new ();
  LastCall last = { make_client (fake_api_get_url (api), SECRET), FALSE };
  fake_api_answer_result (api, "get", "1");
  kaltura_client_call_async (last.client, "livestream", "get", 102, NULL, NULL, on_last_call, &last);
  while (!last.done)
    g_main_context_iteration (NULL, TRUE);
}

static void
test_file (void)
{
  g_autoptr (FakeApi) api = fake_api_new ();
  g_autoptr (KalturaClient) client = make_client (fake_api_get_url (api), SECRET);
  g_auto (Outcome) outcome = { 0 };
  fake_api_answer (api, "serve", 200, "text/xml", NULL, "<?xml version=\"1.0\"?>\n<Root/>\n", -1);
  fetch (client, 100, &outcome);
  g_assert_no_error (outcome.error);
  g_assert_cmpmem (g_bytes_get_data (outcome.file, NULL), g_bytes_get_size (outcome.file),
      "<?xml version=\"1.0\"?>\n<Root/>\n", 30);
  g_assert_cmpstr (fake_api_get_field (api, 0, "streamName"), ==, "0_abcd1234_1");

  g_auto (Outcome) large = { 0 };
  g_autofree char *body = g_strnfill (101, 'x');
  fake_api_answer (api, "serve", 200, "text/xml", NULL, body, -1);
  fetch (client, 100, &large);
  check_failure (&large, KALTURA_ERROR_GARBAGE, "larger than 100 bytes");
}

static void
check_file_error (FakeApi *api, KalturaClient *client, const char *headers, const char *body, gint code,
    const char *message)
{
  g_auto (Outcome) outcome = { 0 };
  fake_api_answer (api, "serve", 200, "text/xml", headers, body, -1);
  fetch (client, 100000, &outcome);
  check_failure (&outcome, code, message);
}

static void
test_file_errors (void)
{
  g_autoptr (FakeApi) api = fake_api_new ();
  g_autoptr (KalturaClient) client = make_client (fake_api_get_url (api), SECRET);
  check_file_error (api, client,
      "X-Kaltura: error- INGEST_NOT_FOUND_IN_CONVERSION_PROFILE\n"
      "X-Kaltura-App: exiting on error INGEST_NOT_FOUND_IN_CONVERSION_PROFILE - No ingest [0_abcd1234_9]",
      "", KALTURA_ERROR_API, "INGEST_NOT_FOUND_IN_CONVERSION_PROFILE: No ingest [0_abcd1234_9]");
  check_file_error (api, client, "X-Kaltura:error- INVALID_STREAM_NAME", "", KALTURA_ERROR_API,
      "INVALID_STREAM_NAME: no message");
  check_file_error (api, client, "X-Kaltura-App: exiting on error 36 - The given entry is not broadcasting", "",
      KALTURA_ERROR_API, "36: The given entry is not broadcasting");
  check_file_error (api, client, "X-Kaltura-App: exiting on error ", "", KALTURA_ERROR_GARBAGE, "empty reply");
  check_file_error (api, client, "X-Kaltura-App: cached", "", KALTURA_ERROR_GARBAGE, "empty reply");
  check_file_error (api, client, NULL, "", KALTURA_ERROR_GARBAGE, "empty reply");
  check_file_error (api, client, NULL,
      "<xml><result><error><code>SERVICE_FORBIDDEN</code><message>no</message></error></result></xml>",
      KALTURA_ERROR_API, "SERVICE_FORBIDDEN: no");
}

static void
test_file_invalid_ks (void)
{
  g_autoptr (FakeApi) api = fake_api_new ();
  g_autoptr (KalturaClient) client = make_client (fake_api_get_url (api), SECRET);
  g_auto (Outcome) outcome = { 0 };
  fake_api_answer (api, "serve", 200, "text/xml", "X-Kaltura-App: exiting on error INVALID_KS - Invalid KS", "", 0);
  fake_api_answer (api, "serve", 200, "text/xml", NULL, "<Root/>", -1);
  fetch (client, 100, &outcome);
  g_assert_no_error (outcome.error);
  g_assert_cmpuint (g_bytes_get_size (outcome.file), ==, 7);
}

static void
test_bad_url (void)
{
  g_autoptr (KalturaClient) client = make_client ("no url", SECRET);
  g_auto (Outcome) outcome = { 0 };
  call (client, NULL, &outcome);
  check_failure (&outcome, KALTURA_ERROR_TRANSPORT, "not a URL");
}

int
main (int argc, char **argv)
{
  alarm (120);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/client/what-is-sent", test_request);
  g_test_add_func ("/client/connection-and-session-string-are-kept", test_reuse);
  g_test_add_func ("/client/session-string-version-1", test_v1);
  g_test_add_func ("/client/many-calls-at-once", test_many_at_once);
  g_test_add_func ("/client/invalid-ks-renews-and-repeats", test_invalid_ks);
  g_test_add_func ("/client/invalid-ks-repeats-only-once", test_invalid_ks_again);
  g_test_add_func ("/client/without-a-secret", test_without_secret);
  g_test_add_func ("/client/make-ks", test_make_ks);
  g_test_add_func ("/client/http-statuses", test_statuses);
  g_test_add_func ("/client/garbage", test_garbage);
  g_test_add_func ("/client/secrets-are-not-repeated", test_echo);
  g_test_add_func ("/client/reply-too-large", test_too_large);
  g_test_add_func ("/client/dead-server", test_dead);
  g_test_add_func ("/client/slow-server", test_slow);
  g_test_add_func ("/client/dripping-server", test_drip);
  g_test_add_func ("/client/silent-server", test_silence);
  g_test_add_func ("/client/broken-replies", test_broken);
  g_test_add_func ("/client/kept-connection-is-closed-by-the-server", test_closed_kept_connection);
  g_test_add_func ("/client/slow-after-renewal", test_slow_after_renewal);
  g_test_add_func ("/client/cancelled", test_cancel);
  g_test_add_func ("/client/cancelled-from-another-thread", test_cancel_from_thread);
  g_test_add_func ("/client/cancelled-before", test_cancelled_before);
  g_test_add_func ("/client/unref-cancels", test_unref_with_pending_calls);
  g_test_add_func ("/client/unref-in-the-callback", test_unref_in_callback);
  g_test_add_func ("/client/file", test_file);
  g_test_add_func ("/client/file-errors", test_file_errors);
  g_test_add_func ("/client/file-after-invalid-ks", test_file_invalid_ks);
  g_test_add_func ("/client/bad-url", test_bad_url);
  return g_test_run ();
}
