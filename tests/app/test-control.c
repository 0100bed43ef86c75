/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* klive-control: rows made of the status, and the names by which a browser may not ask. */
#include "klive-control.h"
#include "klive-http-message.h"

static const char status[] =
    "{\"hostname\":\"live1\",\"entries\":["
    "{\"entry\":\"0_abcd1234\",\"index\":0,\"registered\":true,\"status\":{"
    "\"sessions\":[{\"stream\":\"0_abcd1234_1\",\"index\":7},\"x\"],"
    "\"renditions\":[{\"id\":\"32\"},{\"id\":\"33\"}],\"recordings\":[{\"id\":\"32\",\"bytes\":5}]}},"
    "{\"entry\":\"0_abcd1234\",\"index\":1,\"registered\":false},"
    "{\"entry\":\"0_other123\",\"index\":0,\"status\":{\"renditions\":[{\"id\":\"32\"}]}}],"
    "\"recordings\":{\"jobs\":[{\"entry\":\"0_abcd1234\",\"index\":0,\"file\":\"a.mp4\"},{\"entry\":\"0_gone1234\"}]}}";

static void
assert_rows (const char *name, const char *entry_id, gint index, const char *expected)
{
  const KliveControlFilter filter = { entry_id, index, NULL };
  g_autoptr (JsonNode) root = json_from_string (status, NULL);
  JsonArray *rows = klive_control_list (root, name, &filter);
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_ARRAY);
  g_assert_nonnull (rows);
  json_node_take_array (node, rows);
  g_autofree char *text = json_to_string (node, FALSE);
  g_assert_cmpstr (text, ==, expected);
}

static void
test_lists (void)
{
  assert_rows ("sessions", NULL, -1, "[{\"entry\":\"0_abcd1234\",\"index\":0,\"stream\":\"0_abcd1234_1\"}]");
  assert_rows ("renditions", "0_abcd1234", -1,
      "[{\"entry\":\"0_abcd1234\",\"index\":0,\"id\":\"32\"},{\"entry\":\"0_abcd1234\",\"index\":0,\"id\":\"33\"}]");
  assert_rows ("recordings", NULL, 0, "[{\"entry\":\"0_abcd1234\",\"index\":0,\"id\":\"32\",\"bytes\":5}]");
  assert_rows ("registrations", "0_abcd1234", 1,
      "[{\"entry\":\"0_abcd1234\",\"index\":1,\"hostname\":\"live1\",\"registered\":false}]");
  assert_rows ("entries", NULL, 1, "[{\"entry\":\"0_abcd1234\",\"index\":1,\"registered\":false}]");
  assert_rows ("spool", "0_gone1234", -1, "[{\"entry\":\"0_gone1234\"}]");
  assert_rows ("renditions", "0_nowhere0", -1, "[]");
}

static void
test_unknown_list (void)
{
  const KliveControlFilter filter = { NULL, -1, NULL };
  g_autoptr (JsonNode) root = json_from_string (status, NULL);
  g_assert_null (klive_control_list (root, "hostname", &filter));
  g_assert_null (klive_control_list (root, "", &filter));
}

static void
test_hosts (void)
{
  static const char *const own[] = { NULL, "127.0.0.1", "127.0.0.1:8889", "10.0.0.9", "[::1]", "[::1]:8889",
    "localhost", "LOCALHOST:8889", "live1.example.com", "live1.example.com:80" };
  static const char *const others[] = { "", "evil.example", "evil.example:8889", "127.0.0.1.evil.example",
    "localhost.evil.example", "[evil]", "live1.example.com.", "127.0.0.1:8889@evil.example", "live1.example.com:x" };
  for (guint i = 0; i < G_N_ELEMENTS (own); i++)
    g_assert_true (klive_http_is_own_host (own[i], "live1.example.com"));
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    g_assert_false (klive_http_is_own_host (others[i], "live1.example.com"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/control/lists", test_lists);
  g_test_add_func ("/control/unknown-list", test_unknown_list);
  g_test_add_func ("/control/hosts", test_hosts);
  return g_test_run ();
}
