/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* klive-entry: the state machine, fed with hooks and worker messages in orders that happen and orders that should not.
 * */
#include "klive-entry.h"

#include <string.h>
#include "klive-wire.h"

typedef struct {
  KliveEntry *entry;
  GString *log; /* what it wanted, one word after another */
  gint64 serial;
  KliveOpenResult result;
  guint answers;
} Fixture;

static void
on_send (KliveEntry *entry, JsonObject *message, gpointer data)
{
  Fixture *fixture = data;
  g_string_append_printf (fixture->log, "%s", klive_message_get_type (message));
  if (json_object_has_member (message, "serial"))
    g_string_append_printf (fixture->log, ":%d", (int) klive_message_get_int (message, "serial", 0));
  if (json_object_has_member (message, "cause"))
    g_string_append_printf (fixture->log, ":%s", klive_message_get_string (message, "cause", ""));
  g_string_append_c (fixture->log, ' ');
  json_object_unref (message);
}

static void
on_drop (KliveEntry *entry, const KlivePublisher *publisher, gpointer data)
{
  Fixture *fixture = data;
  g_string_append_printf (fixture->log, "drop:%s:%s ", publisher->app, publisher->name);
}

static void
on_replaced (KliveEntry *entry, const KlivePublisher *publisher, gpointer data)
{
  Fixture *fixture = data;
  g_string_append_printf (fixture->log, "replaced-by:%d ", (int) publisher->serial);
}

static const KliveEntryActions actions = { on_send, on_drop, on_replaced };

static void
on_open (KliveOpenResult result, gpointer data)
{
  Fixture *fixture = data;
  fixture->result = result;
  fixture->answers++;
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->entry = klive_entry_new ("0_rkij47dr", 0, NULL, &actions, fixture);
  fixture->log = g_string_new (NULL);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  klive_entry_free (fixture->entry);
  g_string_free (fixture->log, TRUE);
}

#define assert_log(fixture, expected) \
  G_STMT_START \
  { \
    g_assert_cmpstr ((fixture)->log->str, ==, expected); \
    g_string_truncate ((fixture)->log, 0); \
  } \
  G_STMT_END

/* A publisher of suffix @suffix on connection @client; its serial is @serial. */
static void
open_publisher (Fixture *fixture, guint client, guint suffix, gint64 serial)
{
  g_autofree char *body = g_strdup_printf ("app=kLive/&tcurl=rtmp://h/kLive/%%3Fp=102%%26e=0_rkij47dr%%26i=0%%26t=x&"
                                           "addr=10.0.0.%u&clientid=%u&call=publish&name=0_rkij47dr_%u&type=live",
      client, client, suffix);
  g_autoptr (KliveHook) hook = klive_hook_parse (body, strlen (body), NULL);
  klive_entry_open (fixture->entry, hook, serial, on_open, fixture);
}

static void
say (Fixture *fixture, const char *json)
{
  g_autoptr (JsonNode) node = json_from_string (json, NULL);
  JsonObject *message = json_node_get_object (node);
  if (strcmp (klive_message_get_type (message), "hello") == 0)
    klive_entry_worker_connected (fixture->entry, message, FALSE);
  else
    klive_entry_worker_message (fixture->entry, message);
}

static void
connect_worker (Fixture *fixture)
{
  say (fixture, "{\"type\":\"hello\",\"sessions\":[],\"state\":\"idle\"}");
}

static void
let_in (Fixture *fixture, guint client, gint64 serial)
{
  g_autofree char *ready = g_strdup_printf ("{\"type\":\"session-ready\",\"serial\":%d}", (int) serial);
  open_publisher (fixture, client, 1, serial);
  say (fixture, ready);
  klive_entry_let_in (fixture->entry, serial);
}

static void
test_first_publisher_waits_for_its_worker (Fixture *fixture, gconstpointer data)
{
  open_publisher (fixture, 25, 1, 1000);
  assert_log (fixture, "");
  connect_worker (fixture);
  assert_log (fixture, "session-open:1000 ");
  g_assert_cmpuint (fixture->answers, ==, 0);
  say (fixture, "{\"type\":\"session-ready\",\"serial\":1000}");
  g_assert_cmpint (fixture->result, ==, KLIVE_OPEN_READY);
  say (fixture, "{\"type\":\"session-ready\",\"serial\":1000}");
  g_assert_cmpuint (fixture->answers, ==, 1);
  g_assert_cmpstr (klive_entry_get_publisher (fixture->entry, 0)->name, ==, "0_rkij47dr_1@0-1000");
}

static void
test_done_first_is_a_stop (Fixture *fixture, gconstpointer data)
{
  connect_worker (fixture);
  let_in (fixture, 25, 1000);
  g_string_truncate (fixture->log, 0);
  g_assert_true (klive_entry_gone (fixture->entry, 25, KLIVE_HOOK_PUBLISH_DONE));
  g_assert_false (klive_entry_gone (fixture->entry, 25, KLIVE_HOOK_DISCONNECT));
  assert_log (fixture, "session-end:1000:stop ");
}

static void
test_disconnect_first_is_a_loss (Fixture *fixture, gconstpointer data)
{
  connect_worker (fixture);
  let_in (fixture, 25, 1000);
  g_string_truncate (fixture->log, 0);
  g_assert_true (klive_entry_gone (fixture->entry, 25, KLIVE_HOOK_DISCONNECT));
  g_assert_false (klive_entry_gone (fixture->entry, 25, KLIVE_HOOK_PUBLISH_DONE));
  assert_log (fixture, "session-end:1000:lost ");
}

static void
test_somebody_elses_end (Fixture *fixture, gconstpointer data)
{
  connect_worker (fixture);
  let_in (fixture, 25, 1000);
  g_string_truncate (fixture->log, 0);
  g_assert_false (klive_entry_gone (fixture->entry, 26, KLIVE_HOOK_DISCONNECT));
  assert_log (fixture, "");
}

static void
test_leaves_while_it_waits (Fixture *fixture, gconstpointer data)
{
  connect_worker (fixture);
  open_publisher (fixture, 25, 1, 1000);
  klive_entry_gone (fixture->entry, 25, KLIVE_HOOK_DISCONNECT);
  g_assert_cmpint (fixture->result, ==, KLIVE_OPEN_GONE);
  assert_log (fixture, "session-open:1000 session-end:1000:lost ");
  klive_entry_let_in (fixture->entry, 1000);
  say (fixture, "{\"type\":\"session-live\",\"serial\":1000}");
  assert_log (fixture, "");
}

static void
test_replacement (Fixture *fixture, gconstpointer data)
{
  connect_worker (fixture);
  let_in (fixture, 25, 1000);
  say (fixture, "{\"type\":\"session-live\",\"serial\":1000}");
  let_in (fixture, 26, 2000);
  assert_log (fixture, "session-open:1000 session-open:2000 "); /* the old one stays until the new one gives data */
  say (fixture, "{\"type\":\"session-live\",\"serial\":2000}");
  assert_log (fixture, "replaced-by:2000 drop:kLive/:0_rkij47dr_1@0-1000 ");
  say (fixture, "{\"type\":\"session-live\",\"serial\":2000}");
  assert_log (fixture, "");
  klive_entry_gone (fixture->entry, 25, KLIVE_HOOK_PUBLISH_DONE);
  assert_log (fixture, "session-end:1000:replaced ");
  klive_entry_dropped (fixture->entry, 1000, 1);
  assert_log (fixture, "");
  g_assert_cmpuint (klive_entry_count_publishers (fixture->entry), ==, 1);
}

static void
test_replaced_one_is_gone_already (Fixture *fixture, gconstpointer data)
{
  connect_worker (fixture);
  let_in (fixture, 25, 1000);
  let_in (fixture, 26, 2000);
  say (fixture, "{\"type\":\"session-live\",\"serial\":2000}");
  g_string_truncate (fixture->log, 0);
  klive_entry_dropped (fixture->entry, 1000, 0);
  assert_log (fixture, "session-end:1000:replaced ");
}

static void
test_new_one_leaves_before_its_data (Fixture *fixture, gconstpointer data)
{
  connect_worker (fixture);
  let_in (fixture, 25, 1000);
  say (fixture, "{\"type\":\"session-live\",\"serial\":1000}");
  let_in (fixture, 26, 2000);
  klive_entry_gone (fixture->entry, 26, KLIVE_HOOK_DISCONNECT);
  g_string_truncate (fixture->log, 0);
  g_assert_cmpuint (klive_entry_count_publishers (fixture->entry), ==, 1);
  g_assert_cmpint (klive_entry_get_publisher (fixture->entry, 0)->serial, ==, 1000);
}

static void
test_other_stream_is_not_replaced (Fixture *fixture, gconstpointer data)
{
  connect_worker (fixture);
  let_in (fixture, 25, 1000);
  open_publisher (fixture, 26, 2, 2000);
  klive_entry_let_in (fixture->entry, 2000);
  say (fixture, "{\"type\":\"session-live\",\"serial\":2000}");
  assert_log (fixture, "session-open:1000 session-open:2000 ");
}

static void
test_worker_dies_and_comes_back (Fixture *fixture, gconstpointer data)
{
  connect_worker (fixture);
  let_in (fixture, 25, 1000);
  g_string_truncate (fixture->log, 0);
  klive_entry_worker_disconnected (fixture->entry);
  connect_worker (fixture);
  assert_log (fixture, "session-open:1000 ");
}

static void
test_ends_while_the_wire_is_down (Fixture *fixture, gconstpointer data)
{
  connect_worker (fixture);
  let_in (fixture, 25, 1000);
  let_in (fixture, 26, 2000);
  klive_entry_worker_disconnected (fixture->entry);
  g_string_truncate (fixture->log, 0);
  klive_entry_gone (fixture->entry, 25, KLIVE_HOOK_PUBLISH_DONE);
  assert_log (fixture, "");
  say (fixture,
      "{\"type\":\"hello\",\"sessions\":[{\"serial\":1000,\"stream\":\"0_rkij47dr_1\"},"
      "{\"serial\":2000,\"stream\":\"0_rkij47dr_1\"}]}");
  assert_log (fixture, "session-end:1000:stop ");
}

static void
adopt (Fixture *fixture, const char *json)
{
  g_autoptr (JsonNode) node = json_from_string (json, NULL);
  klive_entry_worker_connected (fixture->entry, json_node_get_object (node), TRUE);
}

static void
test_adoption (Fixture *fixture, gconstpointer data)
{
  adopt (fixture,
      "{\"type\":\"hello\",\"state\":\"on-air\",\"registered\":true,\"sessions\":[{\"serial\":1000,"
      "\"stream\":\"0_rkij47dr_1\",\"name\":\"0_rkij47dr_1@0-1000\",\"app\":\"kLive\",\"clientId\":7}]}");
  assert_log (fixture, "");
  g_assert_cmpuint (klive_entry_count_publishers (fixture->entry), ==, 1);
  g_assert_cmpint (klive_entry_get_last_serial (fixture->entry), ==, 1000);
  g_assert_true (klive_entry_is_registered (fixture->entry));
  g_assert_cmpstr (klive_entry_get_state (fixture->entry), ==, "on-air");
  klive_entry_gone (fixture->entry, 7, KLIVE_HOOK_PUBLISH_DONE);
  assert_log (fixture, "session-end:1000:stop ");
}

/* nginx has restarted meanwhile: nobody of its streams is left. */
static void
test_adopted_and_gone (Fixture *fixture, gconstpointer data)
{
  adopt (fixture,
      "{\"type\":\"hello\",\"sessions\":[{\"serial\":1000,\"stream\":\"0_rkij47dr_1\","
      "\"name\":\"0_rkij47dr_1@0-1000\",\"app\":\"kLive\",\"clientId\":7},{\"serial\":1001,\"stream\":\"0_rkij47dr_2\","
      "\"name\":\"0_rkij47dr_2@0-1001\",\"app\":\"kLive\",\"clientId\":8}]}");
  g_autoptr (GHashTable) names = g_hash_table_new (g_str_hash, g_str_equal);
  g_hash_table_add (names, (gpointer) "0_rkij47dr_2@0-1001");
  open_publisher (fixture, 9, 1, 2000);
  klive_entry_let_in (fixture->entry, 2000);
  g_string_truncate (fixture->log, 0);
  klive_entry_keep (fixture->entry, names, 1999); /* 2000 came after nginx was asked */
  assert_log (fixture, "session-end:1000:lost ");
  g_assert_cmpuint (klive_entry_count_publishers (fixture->entry), ==, 2);
}

/* What a worker says goes into a request to nginx: only our own names do. */
static void
test_strange_sessions_are_not_adopted (Fixture *fixture, gconstpointer data)
{
  adopt (fixture,
      "{\"type\":\"hello\",\"sessions\":[{\"serial\":1000,\"stream\":\"0_rkij47dr_1\",\"name\":\"x&y\"},"
      "{\"serial\":1001,\"stream\":\"0_other000_1\",\"name\":\"0_other000_1@0-1001\"},{\"serial\":-1},17,{}]}");
  g_assert_cmpuint (klive_entry_count_publishers (fixture->entry), ==, 0);
  assert_log (fixture, "session-end:1000:lost session-end:1001:lost session-end:-1:lost session-end:0:lost ");
}

static void
test_reader_fails (Fixture *fixture, gconstpointer data)
{
  connect_worker (fixture);
  open_publisher (fixture, 25, 1, 1000);
  say (fixture, "{\"type\":\"session-failed\",\"serial\":1000,\"message\":\"no\"}");
  g_assert_cmpint (fixture->result, ==, KLIVE_OPEN_FAILED);
  g_assert_cmpuint (klive_entry_count_publishers (fixture->entry), ==, 0);
  let_in (fixture, 26, 2000);
  g_string_truncate (fixture->log, 0);
  say (fixture, "{\"type\":\"session-failed\",\"serial\":2000,\"message\":\"no\"}");
  assert_log (fixture, "drop:kLive/:0_rkij47dr_1@0-2000 ");
}

static void
test_kick (Fixture *fixture, gconstpointer data)
{
  connect_worker (fixture);
  let_in (fixture, 25, 1000);
  open_publisher (fixture, 26, 2, 2000);
  g_string_truncate (fixture->log, 0);
  klive_entry_kick (fixture->entry, NULL);
  g_assert_cmpint (fixture->result, ==, KLIVE_OPEN_GONE);
  assert_log (fixture, "session-end:2000:kick drop:kLive/:0_rkij47dr_1@0-1000 ");
  klive_entry_gone (fixture->entry, 25, KLIVE_HOOK_PUBLISH_DONE);
  assert_log (fixture, "session-end:1000:kick ");
}

static void
test_nginx_dies (Fixture *fixture, gconstpointer data)
{
  connect_worker (fixture);
  let_in (fixture, 25, 1000);
  open_publisher (fixture, 26, 1, 2000);
  g_string_truncate (fixture->log, 0);
  klive_entry_lose_all (fixture->entry);
  assert_log (fixture, "session-end:1000:lost session-end:2000:lost ");
  g_assert_cmpint (fixture->result, ==, KLIVE_OPEN_GONE);
}

/* nginx counts its connections from 1 again after a restart. */
static void
test_client_id_comes_again (Fixture *fixture, gconstpointer data)
{
  connect_worker (fixture);
  let_in (fixture, 25, 1000);
  g_string_truncate (fixture->log, 0);
  open_publisher (fixture, 25, 1, 2000);
  assert_log (fixture, "session-end:1000:lost session-open:2000 ");
}

static void
test_playing (Fixture *fixture, gconstpointer data)
{
  connect_worker (fixture);
  g_assert_false (klive_entry_is_playing (fixture->entry));
  say (fixture, "{\"type\":\"status\",\"state\":\"on-air\",\"playable\":false}");
  g_assert_false (klive_entry_is_playing (fixture->entry));
  say (fixture, "{\"type\":\"status\",\"state\":\"on-air\",\"playable\":true}");
  g_assert_true (klive_entry_is_playing (fixture->entry));
  say (fixture, "{\"type\":\"status\",\"state\":\"grace\",\"playable\":true}");
  g_assert_false (klive_entry_is_playing (fixture->entry));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/entry/" name, Fixture, NULL, set_up, func, tear_down)
  ADD ("first-publisher-waits-for-its-worker", test_first_publisher_waits_for_its_worker);
  ADD ("done-first-is-a-stop", test_done_first_is_a_stop);
  ADD ("disconnect-first-is-a-loss", test_disconnect_first_is_a_loss);
  ADD ("somebody-elses-end", test_somebody_elses_end);
  ADD ("leaves-while-it-waits", test_leaves_while_it_waits);
  ADD ("replacement", test_replacement);
  ADD ("replaced-one-is-gone-already", test_replaced_one_is_gone_already);
  ADD ("new-one-leaves-before-its-data", test_new_one_leaves_before_its_data);
  ADD ("other-stream-is-not-replaced", test_other_stream_is_not_replaced);
  ADD ("worker-dies-and-comes-back", test_worker_dies_and_comes_back);
  ADD ("ends-while-the-wire-is-down", test_ends_while_the_wire_is_down);
  ADD ("adoption", test_adoption);
  ADD ("adopted-and-gone", test_adopted_and_gone);
  ADD ("strange-sessions-are-not-adopted", test_strange_sessions_are_not_adopted);
  ADD ("reader-fails", test_reader_fails);
  ADD ("kick", test_kick);
  ADD ("nginx-dies", test_nginx_dies);
  ADD ("client-id-comes-again", test_client_id_comes_again);
  ADD ("playing", test_playing);
  return g_test_run ();
}
