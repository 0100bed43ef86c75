/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kalturaauth against a scripted Kaltura API: what passes, what is refused and how that is told, how waiting ends.
 */
#include <fake-api.h>
#include <gst/check/gstharness.h>
#include <string.h>

#include "elements.h"

#define ENTRY "0_rkij47dr"
#define TOKEN "dj94kfit"
#define SECRET "0123456789abcdef0123456789abcdef"

#define ENTRY_REPLY \
  "<objectType>KalturaLiveStreamEntry</objectType><id>" ENTRY "</id><partnerId>102</partnerId>" \
  "<conversionProfileId>7</conversionProfileId><recordStatus>1</recordStatus><dvrStatus>1</dvrStatus>" \
  "<dvrWindow>120</dvrWindow>"

static const char *const secrets[] = { TOKEN, SECRET, "djJ8", NULL }; /* djJ8: how a session string begins */

typedef struct {
  FakeApi *api;
  char *folder;
  GstElement *auth;
  GstBus *bus;
  GstHarness *harness; /* NULL = not started */
} Fixture;

static void
write_config (Fixture *f, const char *url, gint partner)
{
  g_autofree char *path = g_build_filename (f->folder, "klive.conf", NULL);
  g_autofree char *text = g_strdup_printf ("[kaltura]\nservice-url=%s\npartner-id=%d\nadmin-secret=%s\ntimeout=1\n"
                                           "hostname=media-1\n",
      url, partner, SECRET);
  fail_unless (g_file_set_contents (path, text, -1, NULL));
  g_object_set (f->auth, "config-file", path, NULL);
}

static Fixture *
set_up (void)
{
  Fixture *f = g_new0 (Fixture, 1);
  f->api = fake_api_new ();
  f->folder = elements_make_folder ();
  f->auth = gst_element_factory_make ("kalturaauth", NULL);
  f->bus = gst_bus_new ();
  gst_element_set_bus (f->auth, f->bus);
  write_config (f, fake_api_get_url (f->api), -5);
  g_object_set (f->auth, "entry-id", ENTRY, "partner-id", 102, "token", TOKEN, NULL);
  return f;
}

static void
tear_down (Fixture *f)
{
  gst_element_set_state (f->auth, GST_STATE_NULL);
  if (f->harness != NULL) {
    gst_harness_teardown (f->harness);
  }
  gst_element_set_bus (f->auth, NULL);
  gst_object_unref (f->bus);
  gst_object_unref (f->auth);
  fake_api_free (f->api);
  elements_remove_folder (f->folder);
  g_free (f);
}

static void
start (Fixture *f)
{
  f->harness = gst_harness_new_with_element (f->auth, "sink", "src");
  gst_harness_set_src_caps_str (f->harness, "video/x-flv");
}

static GstFlowReturn
push (Fixture *f)
{
  return gst_harness_push (f->harness, gst_buffer_new_allocate (NULL, 10, NULL));
}

/* Pushes a buffer, which is refused; asserts the error's code. Returns its message. */
static char *
check_refused (Fixture *f, const char *code)
{
  fail_unless_equals_int (push (f), GST_FLOW_ERROR);
  fail_unless_equals_int (gst_harness_buffers_received (f->harness), 0);
  g_autoptr (GstMessage) message = elements_wait_type (f->bus, GST_MESSAGE_ERROR);
  g_autoptr (GError) error = NULL;
  const GstStructure *details;
  gst_message_parse_error (message, &error, NULL);
  gst_message_parse_error_details (message, &details);
  fail_unless (g_error_matches (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_AUTHORIZED));
  fail_unless (details != NULL);
  fail_unless_equals_string (gst_structure_get_string (details, "code"), code);
  fail_unless_equals_string (gst_structure_get_string (details, "message"), error->message);
  elements_check_secrets (message, secrets);
  return g_strdup (error->message);
}

GST_START_TEST (accepted_token_lets_data_through)
{
  Fixture *f = set_up ();
  fake_api_answer_result (f->api, "authenticate", ENTRY_REPLY);
  start (f);
  for (guint i = 0; i < 3; i++) {
    fail_unless_equals_int (push (f), GST_FLOW_OK);
  }
  fail_unless_equals_int (gst_harness_buffers_received (f->harness), 3);
  fail_unless_equals_int (fake_api_get_n_requests (f->api), 1);
  fail_unless_equals_string (fake_api_get_field (f->api, 0, "entryId"), ENTRY);
  fail_unless_equals_string (fake_api_get_field (f->api, 0, "token"), TOKEN);
  fail_unless_equals_string (fake_api_get_field (f->api, 0, "partnerId"), "102");
  fail_unless_equals_string (fake_api_get_field (f->api, 0, "hostname"), "media-1");
  fail_unless_equals_string (fake_api_get_field (f->api, 0, "mediaServerIndex"), "0");

  g_autoptr (GstMessage) have = elements_wait_type (f->bus, GST_MESSAGE_HAVE_CONTEXT);
  g_autoptr (GstContext) context = NULL;
  gboolean authenticated;
  gst_message_parse_have_context (have, &context);
  const GstStructure *fields = gst_context_get_structure (context);
  fail_unless_equals_string (gst_structure_get_string (fields, "entry-id"), ENTRY);
  fail_unless_equals_string (gst_structure_get_string (fields, "hostname"), "media-1");
  fail_unless (gst_structure_get_boolean (fields, "authenticated", &authenticated) && authenticated);
  fail_if (gst_structure_has_field (fields, "ks"));
  elements_check_secrets (have, secrets);

  g_autoptr (GstMessage) message = elements_wait_message (f->bus, "kaltura-authenticated");
  fail_unless_equals_string (elements_get_string (message, "entry-id"), ENTRY);
  fail_unless_equals_int (elements_get_int (message, "partner-id"), 102);
  fail_unless_equals_int (elements_get_int (message, "server-index"), 0);
  fail_unless_equals_int (elements_get_int (message, "conversion-profile-id"), 7);
  fail_unless (elements_get_boolean (message, "dvr") && elements_get_boolean (message, "recording"));
  elements_check_secrets (message, secrets);
  tear_down (f);
}
GST_END_TEST

GST_START_TEST (broadcast_url)
{
  Fixture *f = set_up ();
  g_object_set (f->auth, "entry-id", NULL, "token", NULL, "broadcast-url",
      "rtmp://host/kLive/?p=103&e=1_abcdefgh&i=1&t=x%20y/1_abcdefgh_1", NULL);
  fake_api_answer_result (f->api, "authenticate",
      "<objectType>KalturaLiveStreamEntry</objectType><id>1_abcdefgh</id>"
      "<partnerId>103</partnerId>");
  start (f);
  fail_unless_equals_int (push (f), GST_FLOW_OK);
  fail_unless_equals_string (fake_api_get_field (f->api, 0, "entryId"), "1_abcdefgh");
  fail_unless_equals_string (fake_api_get_field (f->api, 0, "token"), "x y");
  fail_unless_equals_string (fake_api_get_field (f->api, 0, "partnerId"), "103");
  fail_unless_equals_string (fake_api_get_field (f->api, 0, "mediaServerIndex"), "1");
  tear_down (f);
}
GST_END_TEST

GST_START_TEST (refused_token_posts_not_authorized)
{
  Fixture *f = set_up ();
  fake_api_answer_error (f->api, "authenticate", "LIVE_STREAM_INVALID_TOKEN",
      "Invalid token supplied for live entry [" ENTRY "]");
  start (f);
  g_autofree char *message = check_refused (f, "LIVE_STREAM_INVALID_TOKEN");
  fail_unless (strstr (message, "Invalid token supplied") != NULL);
  fail_unless (elements_pop_message (f->bus, "kaltura-authenticated") == NULL);
  tear_down (f);
}
GST_END_TEST

GST_START_TEST (dead_api)
{
  Fixture *f = set_up ();
  g_autofree char *url = dup_dead_url ();
  write_config (f, url, -5);
  start (f);
  g_free (check_refused (f, "TRANSPORT"));
  tear_down (f);
}
GST_END_TEST

GST_START_TEST (slow_api_ends_after_timeout)
{
  Fixture *f = set_up ();
  fake_api_answer_never (f->api, "authenticate");
  start (f);
  gint64 begin = g_get_monotonic_time ();
  g_free (check_refused (f, "TRANSPORT"));
  gint64 took = (g_get_monotonic_time () - begin) / G_TIME_SPAN_MILLISECOND;
  fail_unless (took >= 500 && took < 3000, "took %d ms", (int) took);
  tear_down (f);
}
GST_END_TEST

GST_START_TEST (garbage)
{
  Fixture *f = set_up ();
  fake_api_answer (f->api, "authenticate", 200, "text/html", NULL, "<html><body>Welcome</body></html>", -1);
  start (f);
  g_free (check_refused (f, "GARBAGE"));
  tear_down (f);
}
GST_END_TEST

GST_START_TEST (wrong_settings)
{
  static const struct {
    const char *property, *value;
  } cases[] = {
    { "config-file", "/nonexistent/klive.conf" },
    { "entry-id", "../../etc" },
    { "entry-id", NULL },
    { "token", NULL },
    { "token", "" },
    { "broadcast-url", "rtmp://host/kLive/?p=102&e=0_rkij47dr&i=0" },
    { "broadcast-url", "rtmp://host/kLive/?p=102&e=eu-0_rkij47dr&i=0&t=" TOKEN },
    { "broadcast-url", "" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    Fixture *f = set_up ();
    g_object_set (f->auth, cases[i].property, cases[i].value, NULL);
    fail_unless (gst_element_set_state (f->auth, GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE);
    g_autoptr (GstMessage) message = elements_wait_type (f->bus, GST_MESSAGE_ERROR);
    g_autoptr (GError) error = NULL;
    gst_message_parse_error (message, &error, NULL);
    fail_unless (g_error_matches (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS));
    elements_check_secrets (message, secrets);
    tear_down (f);
  }
}
GST_END_TEST

static GstContext *
make_context (gboolean authenticated)
{
  GstContext *context = gst_context_new ("kaltura.session", TRUE);
  gst_structure_set (gst_context_writable_structure (context), "service-url", G_TYPE_STRING, "http://127.0.0.1:1",
      "entry-id", G_TYPE_STRING, ENTRY, "authenticated", G_TYPE_BOOLEAN, authenticated, NULL);
  return context;
}

/* An application that has authenticated already says so; nobody is asked again. */
GST_START_TEST (authenticated_context)
{
  for (guint when = 0; when < 2; when++) {
    Fixture *f = set_up ();
    g_object_set (f->auth, "config-file", NULL, "entry-id", NULL, NULL);
    g_autoptr (GstContext) context = make_context (TRUE);
    if (when == 0) {
      gst_element_set_context (f->auth, context);
    }
    start (f);
    gst_element_set_context (f->auth, context);
    fail_unless_equals_int (push (f), GST_FLOW_OK);
    fail_unless_equals_int (fake_api_get_n_requests (f->api), 0);
    tear_down (f);
  }
}
GST_END_TEST

GST_START_TEST (nobody_has_authenticated)
{
  for (guint i = 0; i < 2; i++) {
    Fixture *f = set_up ();
    g_object_set (f->auth, "config-file", NULL, NULL);
    if (i == 1) {
      g_autoptr (GstContext) context = make_context (FALSE);
      gst_element_set_context (f->auth, context);
    }
    start (f);
    g_free (check_refused (f, "INPUT"));
    tear_down (f);
  }
}
GST_END_TEST

/* Waits until the API has been asked. */
static void
wait_for_request (Fixture *f)
{
  for (guint i = 0; fake_api_get_n_requests (f->api) == 0; i++) {
    fail_unless (i < 5000);
    g_usleep (1000);
  }
}

static gpointer
push_in_thread (gpointer data)
{
  return GINT_TO_POINTER (push (data));
}

GST_START_TEST (stop_unblocks)
{
  Fixture *f = set_up ();
  fake_api_answer_never (f->api, "authenticate");
  start (f);
  GThread *thread = g_thread_new ("push", push_in_thread, f);
  wait_for_request (f);
  gint64 begin = g_get_monotonic_time ();
  gst_element_set_state (f->auth, GST_STATE_NULL);
  fail_unless_equals_int (GPOINTER_TO_INT (g_thread_join (thread)), GST_FLOW_FLUSHING);
  fail_unless (g_get_monotonic_time () - begin < 500 * G_TIME_SPAN_MILLISECOND);
  fail_unless (gst_bus_pop_filtered (f->bus, GST_MESSAGE_ERROR) == NULL);
  tear_down (f);
}
GST_END_TEST

GST_START_TEST (flush_unblocks)
{
  Fixture *f = set_up ();
  fake_api_answer_never (f->api, "authenticate");
  fake_api_answer_result (f->api, "authenticate", ENTRY_REPLY);
  start (f);
  GThread *thread = g_thread_new ("push", push_in_thread, f);
  wait_for_request (f);
  fail_unless (gst_harness_push_event (f->harness, gst_event_new_flush_start ()));
  fail_unless_equals_int (GPOINTER_TO_INT (g_thread_join (thread)), GST_FLOW_FLUSHING);
  GstSegment segment;
  gst_segment_init (&segment, GST_FORMAT_BYTES);
  fail_unless (gst_harness_push_event (f->harness, gst_event_new_flush_stop (TRUE)));
  fail_unless (gst_harness_push_event (f->harness, gst_event_new_segment (&segment)));
  fail_unless_equals_int (push (f), GST_FLOW_OK); /* asks again */
  tear_down (f);
}
GST_END_TEST

GST_START_TEST (secrets_cannot_be_read)
{
  static const char *const names[] = { "token", "broadcast-url" };
  Fixture *f = set_up ();
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    GParamSpec *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (f->auth), names[i]);
    fail_unless (pspec != NULL && !(pspec->flags & G_PARAM_READABLE));
  }
  tear_down (f);
}
GST_END_TEST

GST_START_TEST (no_secret_in_debug_log)
{
  Fixture *f = set_up ();
  fake_api_answer_error (f->api, "authenticate", "LIVE_STREAM_INVALID_TOKEN", "token " TOKEN " is wrong");
  elements_watch_log (secrets);
  start (f);
  g_free (check_refused (f, "LIVE_STREAM_INVALID_TOKEN"));
  gst_element_set_state (f->auth, GST_STATE_NULL);
  elements_check_log ();
  tear_down (f);
}
GST_END_TEST

/* A customer's own server: its partner's session, nobody impersonated but itself. */
GST_START_TEST (own_partner)
{
  Fixture *f = set_up ();
  write_config (f, fake_api_get_url (f->api), 102);
  fake_api_answer_result (f->api, "authenticate", ENTRY_REPLY);
  start (f);
  fail_unless_equals_int (push (f), GST_FLOW_OK);
  tear_down (f);
}
GST_END_TEST

GST_START_TEST (restart_asks_again)
{
  Fixture *f = set_up ();
  fake_api_answer_result (f->api, "authenticate", ENTRY_REPLY);
  fake_api_answer_error (f->api, "authenticate", "ENTRY_ID_NOT_FOUND", "gone");
  start (f);
  fail_unless_equals_int (push (f), GST_FLOW_OK);
  gst_harness_teardown (f->harness);
  gst_element_set_state (f->auth, GST_STATE_NULL);
  gst_bus_set_flushing (f->bus, TRUE);
  gst_bus_set_flushing (f->bus, FALSE);
  start (f);
  g_free (check_refused (f, "ENTRY_ID_NOT_FOUND"));
  tear_down (f);
}
GST_END_TEST

static Suite *
make_suite (void)
{
  Suite *suite = suite_create ("kalturaauth");
  TCase *tcase = tcase_create ("general");
  suite_add_tcase (suite, tcase);
  tcase_set_timeout (tcase, 30);
  tcase_add_test (tcase, accepted_token_lets_data_through);
  tcase_add_test (tcase, broadcast_url);
  tcase_add_test (tcase, refused_token_posts_not_authorized);
  tcase_add_test (tcase, dead_api);
  tcase_add_test (tcase, slow_api_ends_after_timeout);
  tcase_add_test (tcase, garbage);
  tcase_add_test (tcase, wrong_settings);
  tcase_add_test (tcase, authenticated_context);
  tcase_add_test (tcase, nobody_has_authenticated);
  tcase_add_test (tcase, stop_unblocks);
  tcase_add_test (tcase, flush_unblocks);
  tcase_add_test (tcase, secrets_cannot_be_read);
  tcase_add_test (tcase, no_secret_in_debug_log);
  tcase_add_test (tcase, own_partner);
  tcase_add_test (tcase, restart_asks_again);
  return suite;
}

ELEMENTS_MAIN (make_suite)
