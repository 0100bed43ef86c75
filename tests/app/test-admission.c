/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* klive-admission and klive-refusals: what is asked, what is remembered, and that there is always an answer in time. */
#include "klive-admission.h"

#include <string.h>
#include "fake-api.h"
#include "kaltura-error.h"

#define SECOND G_TIME_SPAN_SECOND
#define ENTRY "<objectType>KalturaLiveStreamEntry</objectType><id>0_rkij47dr</id><partnerId>102</partnerId>"

static KliveHook *
make_hook (const char *address, const char *parameters, const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *escaped = g_uri_escape_string (parameters, "=", FALSE);
  g_autofree char *body = g_strdup_printf ("app=kLive/&tcurl=rtmp://h/kLive/%%3F%s&pageurl=&addr=%s&clientid=25&"
                                           "call=publish&name=%s&type=live",
      escaped, address, name);
  KliveHook *hook = klive_hook_parse (body, strlen (body), &error);
  g_assert_no_error (error);
  return hook;
}

static KliveHook *
demo_hook (void)
{
  return make_hook ("10.0.0.9", "p=102&e=0_rkij47dr&i=0&t=12ab34cd", "0_rkij47dr_1");
}

/* --- memory --- */

static void
test_question_is_remembered (void)
{
  g_autoptr (KliveRefusals) refusals = klive_refusals_new ();
  g_autoptr (KliveRefusal) refusal = klive_refusal_new ("LIVE_STREAM_INVALID_TOKEN", "Invalid token");
  g_autoptr (KliveHook) hook = demo_hook ();
  klive_refusals_remember (refusals, hook, refusal, SECOND);
  const KliveRefusal *found = klive_refusals_find (refusals, hook, 30 * SECOND);
  g_assert_nonnull (found);
  g_assert_cmpstr (found->code, ==, "LIVE_STREAM_INVALID_TOKEN");
  g_assert_true (found->cached);
  g_assert_null (klive_refusals_find (refusals, hook, 31 * SECOND));
}

static void
test_another_question_is_not (void)
{
  g_autoptr (KliveRefusals) refusals = klive_refusals_new ();
  g_autoptr (KliveRefusal) refusal = klive_refusal_new ("X", "x");
  g_autoptr (KliveHook) hook = demo_hook ();
  const char *const others[][3] = {
    { "10.0.0.8", "p=102&e=0_rkij47dr&i=0&t=12ab34cd", "0_rkij47dr_1" },
    { "10.0.0.9", "p=103&e=0_rkij47dr&i=0&t=12ab34cd", "0_rkij47dr_1" },
    { "10.0.0.9", "p=102&e=0_rkij47ds&i=0&t=12ab34cd", "0_rkij47ds_1" },
    { "10.0.0.9", "p=102&e=0_rkij47dr&i=1&t=12ab34cd", "0_rkij47dr_1" },
    { "10.0.0.9", "p=102&e=0_rkij47dr&i=0&t=12ab34ce", "0_rkij47dr_1" },
    { "10.0.0.9", "p=102&e=0_rkij47dr&i=0&t=12ab34cd", "0_rkij47dr_2" },
  };
  klive_refusals_remember (refusals, hook, refusal, 0);
  for (guint i = 0; i < G_N_ELEMENTS (others); i++) {
    g_autoptr (KliveHook) other = make_hook (others[i][0], others[i][1], others[i][2]);
    g_assert_null (klive_refusals_find (refusals, other, SECOND));
  }
}

static void
test_blocked_entry (void)
{
  g_autoptr (KliveRefusals) refusals = klive_refusals_new ();
  g_autoptr (KliveRefusal) refusal = klive_refusal_new ("SERVICE_FORBIDDEN_CONTENT_BLOCKED", "blocked");
  g_autoptr (KliveHook) other = make_hook ("1.1.1.1", "p=1&e=0_rkij47dr&i=1&t=other", "0_rkij47dr_2");
  klive_refusals_block (refusals, "0_rkij47dr", refusal, 60, 0);
  g_assert_nonnull (klive_refusals_find (refusals, other, 59 * SECOND));
  g_assert_null (klive_refusals_find (refusals, other, 60 * SECOND));
}

static void
test_memory_is_bounded (void)
{
  g_autoptr (KliveRefusals) refusals = klive_refusals_new ();
  g_autoptr (KliveRefusal) refusal = klive_refusal_new ("X", "x");
  for (guint i = 0; i < 5000; i++) {
    g_autofree char *parameters = g_strdup_printf ("p=102&e=0_rkij47dr&i=0&t=%u", i);
    g_autoptr (KliveHook) hook = make_hook ("10.0.0.9", parameters, "0_rkij47dr_1");
    klive_refusals_remember (refusals, hook, refusal, 0);
  }
  g_assert_cmpuint (klive_refusals_get_size (refusals), <=, 4096);
  g_autoptr (KliveHook) hook = demo_hook ();
  klive_refusals_remember (refusals, hook, refusal, 40 * SECOND);
  g_assert_cmpuint (klive_refusals_get_size (refusals), ==, 1);
}

static void
test_fight (void)
{
  g_autoptr (KliveRefusals) refusals = klive_refusals_new ();
  for (gint64 i = 0; i < 4; i++) {
    g_assert_false (klive_refusals_is_fought_over (refusals, "a", i * 5 * SECOND));
    klive_refusals_note_replacement (refusals, "a", SECOND + i * 5 * SECOND);
  }
  g_assert_true (klive_refusals_is_fought_over (refusals, "a", 17 * SECOND));
  g_assert_false (klive_refusals_is_fought_over (refusals, "b", 17 * SECOND));
  g_assert_false (klive_refusals_is_fought_over (refusals, "a", 47 * SECOND));
}

/* One reconnect that leaves its old connection hanging every 12 s is no fight. */
static void
test_reconnects_are_no_fight (void)
{
  g_autoptr (KliveRefusals) refusals = klive_refusals_new ();
  for (gint64 i = 1; i < 20; i++) {
    klive_refusals_note_replacement (refusals, "a", i * 12 * SECOND);
    g_assert_false (klive_refusals_is_fought_over (refusals, "a", i * 12 * SECOND));
  }
}

/* --- asking --- */

typedef struct {
  FakeApi *api;
  KalturaConfig *config;
  KalturaClient *client;
  KliveRefusals *refusals;
  KliveReporter *reporter;
  KliveAdmission *admission;
  gboolean answered;
  KalturaEntry *entry;
  KliveRefusal *refusal;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->api = fake_api_new ();
  fixture->config = kaltura_config_new_default ();
  fixture->config->partner_id = data ? GPOINTER_TO_INT (data) : -5;
  g_free (fixture->config->hostname);
  fixture->config->hostname = g_strdup ("live1");
  const KalturaClientSettings settings = { fake_api_get_url (fixture->api), KALTURA_API_CURRENT, 20, "klive-test",
    fixture->config->partner_id, "secret", 2 };
  fixture->client = kaltura_client_new (&settings);
  fixture->refusals = klive_refusals_new ();
  fixture->reporter = klive_reporter_new (fixture->config, fixture->client);
  fixture->admission = klive_admission_new (fixture->config, fixture->client, fixture->refusals, fixture->reporter);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  klive_admission_free (fixture->admission);
  klive_reporter_free (fixture->reporter);
  klive_refusals_free (fixture->refusals);
  kaltura_client_unref (fixture->client);
  kaltura_config_free (fixture->config);
  fake_api_free (fixture->api);
  g_clear_pointer (&fixture->entry, kaltura_entry_free);
  g_clear_pointer (&fixture->refusal, klive_refusal_free);
}

static void
on_answer (KalturaEntry *entry, const KliveRefusal *refusal, gpointer data)
{
  Fixture *fixture = data;
  g_assert_false (fixture->answered);
  fixture->answered = TRUE;
  fixture->entry = entry;
  fixture->refusal = refusal ? klive_refusal_copy (refusal) : NULL;
}

static void
ask (Fixture *fixture, const KliveHook *hook)
{
  fixture->answered = FALSE;
  g_clear_pointer (&fixture->entry, kaltura_entry_free);
  g_clear_pointer (&fixture->refusal, klive_refusal_free);
  klive_admission_ask (fixture->admission, hook, on_answer, fixture);
  while (!fixture->answered)
    g_main_context_iteration (NULL, TRUE);
}

static void
test_accepted (Fixture *fixture, gconstpointer data)
{
  g_autoptr (KliveHook) hook = demo_hook ();
  fake_api_answer_result (fixture->api, "authenticate", ENTRY);
  ask (fixture, hook);
  g_assert_nonnull (fixture->entry);
  g_assert_null (fixture->refusal);
  g_assert_cmpstr (fake_api_get_field (fixture->api, 0, "partnerId"), ==, "102");
  g_assert_cmpstr (fake_api_get_field (fixture->api, 0, "token"), ==, "12ab34cd");
  g_assert_cmpuint (klive_admission_get_pending (fixture->admission), ==, 0);
}

static void
test_refused_and_remembered (Fixture *fixture, gconstpointer data)
{
  g_autoptr (KliveHook) hook = demo_hook ();
  fake_api_answer_error (fixture->api, "authenticate", "LIVE_STREAM_INVALID_TOKEN", "Invalid token supplied");
  ask (fixture, hook);
  g_assert_cmpstr (fixture->refusal->code, ==, "LIVE_STREAM_INVALID_TOKEN");
  g_assert_cmpstr (fixture->refusal->message, ==, "Invalid token supplied");
  g_assert_false (fixture->refusal->cached);
  ask (fixture, hook);
  g_assert_true (fixture->refusal->cached);
  g_assert_cmpuint (fake_api_get_n_requests (fixture->api), ==, 1);
}

static void
test_failures_are_not_remembered (Fixture *fixture, gconstpointer data)
{
  g_autoptr (KliveHook) hook = demo_hook ();
  fake_api_answer (fixture->api, "authenticate", 500, "text/plain", NULL, "no", -1);
  ask (fixture, hook);
  g_assert_cmpstr (fixture->refusal->code, ==, KLIVE_REFUSED_UNREACHABLE);
  fake_api_answer (fixture->api, "authenticate", 200, "text/html", NULL, "<html>gateway</html>", -1);
  ask (fixture, hook);
  g_assert_cmpstr (fixture->refusal->code, ==, KLIVE_REFUSED_GARBAGE);
  fake_api_answer_error (fixture->api, "authenticate", "INTERNAL_SERVERL_ERROR", "x");
  ask (fixture, hook);
  g_assert_cmpstr (fixture->refusal->code, ==, "INTERNAL_SERVERL_ERROR");
  fake_api_answer_result (fixture->api, "authenticate", ENTRY);
  ask (fixture, hook);
  g_assert_nonnull (fixture->entry);
}

static void
test_deadline (Fixture *fixture, gconstpointer data)
{
  g_autoptr (KliveHook) hook = demo_hook ();
  gint64 begin = g_get_monotonic_time ();
  fake_api_answer_never (fixture->api, "authenticate");
  ask (fixture, hook);
  g_assert_cmpstr (fixture->refusal->code, ==, KLIVE_REFUSED_TIMEOUT);
  g_assert_cmpint (g_get_monotonic_time () - begin, <, 7 * SECOND);
  g_assert_cmpuint (klive_refusals_get_size (fixture->refusals), ==, 0);
}

static void
test_unknown_server_reports_and_asks_again (Fixture *fixture, gconstpointer data)
{
  g_autoptr (KliveHook) hook = demo_hook ();
  fake_api_answer_error (fixture->api, "authenticate", "MEDIA_SERVER_NOT_FOUND", "live1");
  fake_api_answer_result (fixture->api, "reportStatus", "<objectType>KalturaServerNode</objectType><id>1</id>");
  fake_api_answer_result (fixture->api, "authenticate", ENTRY);
  ask (fixture, hook);
  g_assert_nonnull (fixture->entry);
}

static void
test_unknown_server_asks_again_once (Fixture *fixture, gconstpointer data)
{
  g_autoptr (KliveHook) hook = demo_hook ();
  fake_api_answer_error (fixture->api, "authenticate", "MEDIA_SERVER_NOT_FOUND", "live1");
  fake_api_answer_error (fixture->api, "reportStatus", "SERVICE_FORBIDDEN", "no");
  fake_api_answer_error (fixture->api, "authenticate", "MEDIA_SERVER_NOT_FOUND", "live1");
  ask (fixture, hook);
  g_assert_cmpstr (fixture->refusal->code, ==, "MEDIA_SERVER_NOT_FOUND");
  g_assert_cmpuint (klive_refusals_get_size (fixture->refusals), ==, 0);
}

static void
test_other_partners_entry (Fixture *fixture, gconstpointer data)
{
  g_autoptr (KliveHook) hook = make_hook ("10.0.0.9", "p=103&e=0_rkij47dr&i=0&t=12ab34cd", "0_rkij47dr_1");
  fake_api_answer_result (fixture->api, "authenticate", ENTRY);
  ask (fixture, hook);
  g_assert_cmpstr (fixture->refusal->code, ==, KLIVE_REFUSED_PARTNER);
}

static void
test_other_entry (Fixture *fixture, gconstpointer data)
{
  g_autoptr (KliveHook) hook = make_hook ("10.0.0.9", "p=102&e=0_other000&i=0&t=12ab34cd", "0_other000_1");
  fake_api_answer_result (fixture->api, "authenticate", ENTRY);
  ask (fixture, hook);
  g_assert_cmpstr (fixture->refusal->code, ==, KLIVE_REFUSED_GARBAGE);
}

static void
test_bad_input_asks_nobody (Fixture *fixture, gconstpointer data)
{
  g_autoptr (KliveHook) hook = make_hook ("10.0.0.9", "p=102&e=0_rkij47dr&i=7&t=x", "0_rkij47dr_1");
  ask (fixture, hook);
  g_assert_cmpstr (fixture->refusal->code, ==, KLIVE_REFUSED_INPUT);
  g_assert_cmpuint (fake_api_get_n_requests (fixture->api), ==, 0);
}

static void
test_ecdn_takes_its_own_partner_only (Fixture *fixture, gconstpointer data)
{
  g_autoptr (KliveHook) hook = demo_hook ();
  ask (fixture, hook);
  g_assert_cmpstr (fixture->refusal->code, ==, KLIVE_REFUSED_PARTNER);
  g_assert_cmpuint (fake_api_get_n_requests (fixture->api), ==, 0);
}

static void
test_too_many_at_once (Fixture *fixture, gconstpointer data)
{
  g_autoptr (KliveHook) hook = demo_hook ();
  Fixture others = { 0 };
  for (guint i = 0; i < 64; i++)
    klive_admission_ask (fixture->admission, hook, on_answer, &others);
  g_assert_cmpuint (klive_admission_get_pending (fixture->admission), ==, 64);
  ask (fixture, hook);
  g_assert_cmpstr (fixture->refusal->code, ==, KLIVE_REFUSED_BUSY);
  g_assert_false (others.answered);
  klive_admission_free (fixture->admission);
  fixture->admission = klive_admission_new (fixture->config, fixture->client, fixture->refusals, fixture->reporter);
  for (guint i = 0; i < 20; i++)
    g_main_context_iteration (NULL, FALSE);
  g_assert_false (others.answered); /* nobody hears after the end */
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/refusals/question-is-remembered", test_question_is_remembered);
  g_test_add_func ("/refusals/another-question-is-not", test_another_question_is_not);
  g_test_add_func ("/refusals/blocked-entry", test_blocked_entry);
  g_test_add_func ("/refusals/memory-is-bounded", test_memory_is_bounded);
  g_test_add_func ("/refusals/fight", test_fight);
  g_test_add_func ("/refusals/reconnects-are-no-fight", test_reconnects_are_no_fight);
#define ADD(name, func) g_test_add ("/admission/" name, Fixture, NULL, set_up, func, tear_down)
  ADD ("accepted", test_accepted);
  ADD ("refused-and-remembered", test_refused_and_remembered);
  ADD ("failures-are-not-remembered", test_failures_are_not_remembered);
  ADD ("deadline", test_deadline);
  ADD ("unknown-server-reports-and-asks-again", test_unknown_server_reports_and_asks_again);
  ADD ("unknown-server-asks-again-once", test_unknown_server_asks_again_once);
  ADD ("other-partners-entry", test_other_partners_entry);
  ADD ("other-entry", test_other_entry);
  ADD ("bad-input-asks-nobody", test_bad_input_asks_nobody);
  ADD ("too-many-at-once", test_too_many_at_once);
  g_test_add ("/admission/ecdn-takes-its-own-partner-only", Fixture, GINT_TO_POINTER (77), set_up,
      test_ecdn_takes_its_own_partner_only, tear_down);
  return g_test_run ();
}
