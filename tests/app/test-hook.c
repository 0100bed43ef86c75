/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* klive-hook: bodies as nginx-rtmp 1.2.2 sent them, for every publisher form that works, and hostile ones. */
#include "klive-hook.h"

#include <string.h>
#include "kaltura-error.h"

#define HEAD "flashver=FMLE/3.0%20(compatible%3B%20Lavf59.27&swfurl=&"
#define TCURL "tcurl=rtmp://127.0.0.1:19350/kLive/%3Fp=102%26e=0_rkij47dr%26i=0%26t=12ab34cd&pageurl=&"
#define PUBLISH "app=kLive/&" HEAD TCURL "addr=10.0.0.9&clientid=25&call=publish&name="

static KliveHook *
parse (const char *body)
{
  g_autoptr (GError) error = NULL;
  KliveHook *hook = klive_hook_parse (body, strlen (body), &error);
  g_assert_no_error (error);
  return hook;
}

static void
assert_demo (const KliveHook *hook)
{
  g_assert_no_error (hook->refusal);
  g_assert_cmpint (hook->call, ==, KLIVE_HOOK_PUBLISH);
  g_assert_cmpint (hook->broadcast->partner_id, ==, 102);
  g_assert_cmpstr (hook->broadcast->entry_id, ==, "0_rkij47dr");
  g_assert_cmpint (hook->broadcast->server_index, ==, 0);
  g_assert_cmpstr (hook->broadcast->token, ==, "12ab34cd");
  g_assert_cmpuint (hook->stream.suffix, ==, 1);
  g_assert_cmpstr (hook->name, ==, "0_rkij47dr_1");
}

static void
test_url_form (void)
{
  g_autoptr (KliveHook) hook = parse (PUBLISH "0_rkij47dr_1&type=live");
  assert_demo (hook);
  g_assert_cmpuint (hook->client_id, ==, 25);
  g_assert_cmpstr (hook->address, ==, "10.0.0.9");
  g_assert_cmpstr (hook->app, ==, "kLive/");
}

static void
test_query_on_key (void)
{
  g_autoptr (KliveHook) hook =
      parse ("app=kLive&" HEAD "tcurl=rtmp://127.0.0.1:19350/kLive&pageurl=&addr=::1&clientid=3&"
             "call=publish&name=0_rkij47dr_1&type=live&p=102&e=0_rkij47dr&i=0&t=12ab34cd");
  assert_demo (hook);
  g_assert_cmpstr (hook->app, ==, "kLive");
}

static void
test_key_beats_url (void)
{
  g_autoptr (KliveHook) hook = parse (PUBLISH "0_rkij47dr_1&type=live&p=102&e=0_rkij47dr&i=1&t=other");
  g_assert_no_error (hook->refusal);
  g_assert_cmpint (hook->broadcast->server_index, ==, 1);
  g_assert_cmpstr (hook->broadcast->token, ==, "other");
}

static void
test_other_arguments_on_key (void)
{
  g_autoptr (KliveHook) hook = parse (PUBLISH "0_rkij47dr_1&type=live&bandwidth=5");
  assert_demo (hook);
}

/* key "0_rkij47dr_1?name=evil&call=publish_done&clientid=1": nginx appends it raw */
static void
test_first_occurrence_wins (void)
{
  g_autoptr (KliveHook) hook =
      parse (PUBLISH "0_rkij47dr_1&type=live&name=0_aaaaaaaa_1&call=publish_done&clientid=1"
                     "&addr=127.0.0.1&app=evil&tcurl=rtmp://x/kLive/%3Fp=1%26e=0_aaaaaaaa%26i=1%26t=x");
  assert_demo (hook);
  g_assert_cmpuint (hook->client_id, ==, 25);
  g_assert_cmpstr (hook->address, ==, "10.0.0.9");
  g_assert_cmpstr (hook->app, ==, "kLive/");
}

static void
test_done (void)
{
  g_autoptr (KliveHook) hook =
      parse ("app=kLive/&" HEAD TCURL "addr=10.0.0.9&clientid=4&call=publish_done&name=0_rkij47dr_1");
  g_assert_cmpint (hook->call, ==, KLIVE_HOOK_PUBLISH_DONE);
  g_assert_cmpuint (hook->client_id, ==, 4);
  g_assert_null (hook->broadcast);
  g_assert_no_error (hook->refusal);
}

static void
test_disconnect (void)
{
  g_autoptr (KliveHook) hook = parse ("app=kLive/&" HEAD TCURL "addr=10.0.0.9&clientid=4&call=disconnect&app=kLive/"
                                      "&p=102&e=0_rkij47dr&i=0&t=12ab34cd");
  g_assert_cmpint (hook->call, ==, KLIVE_HOOK_DISCONNECT);
  g_assert_cmpstr (hook->name, ==, "");
}

/* A connection that never got as far as an application. */
static void
test_disconnect_of_nobody (void)
{
  g_autoptr (KliveHook) hook =
      parse ("app=&flashver=&swfurl=&tcurl=&pageurl=&addr=127.0.0.1&clientid=2&call=disconnect&app=");
  g_assert_cmpuint (hook->client_id, ==, 2);
}

static void
test_refusals (void)
{
  g_autofree char *long_name = g_strnfill (255, 'a');
  g_autofree char *with_long_name = g_strconcat (PUBLISH, long_name, "&type=live", NULL);
  const struct {
    const char *body, *message;
  } cases[] = {
    { PUBLISH "&type=live", "stream name \"\"" },
    { PUBLISH "0_rkij47dr&type=live", "stream name" },
    { PUBLISH "0_rkij47dr_01&type=live", "stream name" },
    { PUBLISH "0_rkij47dr_1%2F..%2F..%2Fetc&type=live", "stream name" },
    { PUBLISH "..%2F..%2Fetc%2Fpasswd&type=live", "stream name" },
    { PUBLISH "a%26name=b%2526c/../d%20e%2Bf&type=live", "stream name" },
    { PUBLISH "0_rkij47dr_1%20&type=live", "stream name" },
    { PUBLISH "0_rkij47dr_1%0A&type=live", "stream name" },
    { PUBLISH "0_rkij47dr_1%ff&type=live", "stream name" },
    { PUBLISH "0_aaaaaaaa_1&type=live", "not of entry 0_rkij47dr" },
    { with_long_name, "stream name" },
    { "app=kLive/&tcurl=rtmp://h/kLive/&addr=1.1.1.1&clientid=1&call=publish&name=0_rkij47dr_1&type=live",
        "parameter p" },
    { "app=kLive/&tcurl=&addr=1.1.1.1&clientid=1&call=publish&name=0_rkij47dr_1&type=live", "parameter p" },
    { "app=kLive/&addr=1.1.1.1&clientid=1&call=publish&name=0_rkij47dr_1&type=live", "tcurl" },
    { PUBLISH "0_rkij47dr_1&type=live&e=0_rkij47dr", "parameter p" },
    { PUBLISH "0_rkij47dr_1&type=live&p=102&e=0_rkij47dr&i=0", "parameter t" },
    { PUBLISH "0_rkij47dr_1&type=live&p=102&e=eu-0_rkij47dr&i=0&t=x", "backend prefix" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (KliveHook) hook = parse (cases[i].body);
    g_test_message ("%s", cases[i].body);
    g_assert_error (hook->refusal, KALTURA_ERROR, KALTURA_ERROR_INPUT);
    g_assert_nonnull (strstr (hook->refusal->message, cases[i].message));
    g_assert_null (strstr (hook->refusal->message, "12ab34cd"));
    g_assert_cmpuint (strlen (hook->refusal->message), <, 400);
  }
}

static void
test_no_hook (void)
{
  g_autofree char *huge = g_strnfill (100000, 'a');
  const char *const bodies[] = { "", "x", "call=publish", "call=play&clientid=1&addr=a&app=b",
    "call=publish&clientid=x&addr=a&app=b", "call=publish&clientid=-1&addr=a&app=b", "call=publish&clientid=1&app=b",
    "call=%zz&clientid=1&addr=a&app=b", "call=publish&clientid=99999999999999999999&addr=a&app=b", "<xml/>", huge };
  for (guint i = 0; i < G_N_ELEMENTS (bodies); i++) {
    g_autoptr (GError) error = NULL;
    g_assert_null (klive_hook_parse (bodies[i], strlen (bodies[i]), &error));
    g_assert_error (error, KALTURA_ERROR, KALTURA_ERROR_INPUT);
  }
  g_autoptr (GError) error = NULL;
  g_assert_null (klive_hook_parse ("call=publish\0&x", 15, &error));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/hook/url-form", test_url_form);
  g_test_add_func ("/hook/query-on-key", test_query_on_key);
  g_test_add_func ("/hook/key-beats-url", test_key_beats_url);
  g_test_add_func ("/hook/other-arguments-on-key", test_other_arguments_on_key);
  g_test_add_func ("/hook/first-occurrence-wins", test_first_occurrence_wins);
  g_test_add_func ("/hook/done", test_done);
  g_test_add_func ("/hook/disconnect", test_disconnect);
  g_test_add_func ("/hook/disconnect-of-nobody", test_disconnect_of_nobody);
  g_test_add_func ("/hook/refusals", test_refusals);
  g_test_add_func ("/hook/no-hook", test_no_hook);
  return g_test_run ();
}
