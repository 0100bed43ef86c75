/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * kaltura-ks: the vectors of tests/data/ks-vectors.json, all of them accepted by Kaltura's own code, made and parsed;
 * and what must not be accepted.
 */

#include "kaltura-ks.h"

#include <json-glib/json-glib.h>
#include <string.h>
#include "kaltura-error.h"

#define SECRET "0123456789abcdef0123456789abcdef"

typedef void (*VectorFunc) (JsonObject *vector, const KalturaKs *ks);

static void
for_each_vector (VectorFunc func)
{
  g_autofree char *path = g_build_filename (g_getenv ("KLIVE_TEST_DATA"), "ks-vectors.json", NULL);
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) error = NULL;
  json_parser_load_from_file (parser, path, &error);
  g_assert_no_error (error);
  JsonArray *vectors = json_node_get_array (json_parser_get_root (parser));
  g_assert_cmpuint (json_array_get_length (vectors), ==, 10);

  for (guint i = 0; i < json_array_get_length (vectors); i++) {
    JsonObject *vector = json_array_get_object_element (vectors, i);
    KalturaKs ks = {
      .partner_id = (gint) json_object_get_int_member (vector, "partner"),
      .user = (char *) json_object_get_string_member_with_default (vector, "user", NULL),
      .type = (gint) json_object_get_int_member (vector, "type"),
      .expiry = json_object_get_int_member (vector, "expiry"),
      .privileges = (char *) json_object_get_string_member (vector, "privileges"),
    };
    g_test_message ("%s", json_object_get_string_member (vector, "name"));
    func (vector, &ks);
  }
}

static void
read_hex (const char *hex, guint8 *bytes)
{
  for (gsize i = 0; hex[2 * i] != '\0'; i++)
    bytes[i] = (guint8) (g_ascii_xdigit_value (hex[2 * i]) << 4 | g_ascii_xdigit_value (hex[2 * i + 1]));
}

static void
check_made (JsonObject *vector, const KalturaKs *ks)
{
  const char *secret = json_object_get_string_member (vector, "secret");
  const char *hex = json_object_get_string_member_with_default (vector, "random_hex", NULL);
  const char *rand = json_object_get_string_member_with_default (vector, "rand", NULL);
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  if (hex != NULL) {
    guint8 rand16[16];
    read_hex (hex, rand16);
    text = kaltura_ks_make_v2 (ks, secret, rand16, &error);
  } else if (json_object_has_member (vector, "note")) {
    return; /* with the two fields that only the server adds */
  } else {
    text = kaltura_ks_make_v1 (ks, secret, rand, &error);
  }
  g_assert_no_error (error);
  g_assert_cmpstr (text, ==, json_object_get_string_member (vector, "ks"));
}

/* What privileges look like after parsing: no blanks. */
static char *
normalize (const char *privileges)
{
  g_auto (GStrv) items = g_strsplit (privileges, ",", -1);
  for (guint i = 0; items[i] != NULL; i++)
    g_strstrip (items[i]);
  return g_strjoinv (",", items);
}

static void
check_parsed (JsonObject *vector, const KalturaKs *expected)
{
  const char *text = json_object_get_string_member (vector, "ks");
  const char *secret = json_object_get_string_member (vector, "secret");
  g_autofree char *privileges = normalize (expected->privileges);
  g_autoptr (GError) error = NULL;
  gint partner_id = 0;
  g_assert_true (kaltura_ks_peek_partner (text, &partner_id, &error));
  g_assert_no_error (error);
  g_assert_cmpint (partner_id, ==, expected->partner_id);

  g_autoptr (KalturaKs) ks = kaltura_ks_parse (text, secret, &error);
  g_assert_no_error (error);
  g_assert_cmpint (ks->partner_id, ==, expected->partner_id);
  g_assert_cmpstr (ks->user, ==, expected->user);
  g_assert_cmpint (ks->type, ==, expected->type);
  g_assert_cmpint (ks->expiry, ==, expected->expiry);
  g_assert_cmpstr (ks->privileges, ==, privileges);
}

/* PHP's strict base64_decode lets these pass. */
static void
check_loose (JsonObject *vector, const KalturaKs *expected)
{
  const char *secret = json_object_get_string_member (vector, "secret");
  g_autofree char *bare = g_strdup (json_object_get_string_member (vector, "ks"));
  bare[strcspn (bare, "=")] = '\0';
  g_autofree char *blanks = g_strconcat (bare, " \n", NULL);
  g_autoptr (KalturaKs) from_bare = kaltura_ks_parse (bare, secret, NULL);
  g_autoptr (KalturaKs) from_blanks = kaltura_ks_parse (blanks, secret, NULL);
  g_assert_nonnull (from_bare);
  g_assert_nonnull (from_blanks);
}

static void
check_refused (const char *text, const char *secret)
{
  g_autoptr (GError) error = NULL;
  KalturaKs *ks = kaltura_ks_parse (text, secret, &error);
  g_assert_null (ks);
  g_assert_error (error, KALTURA_ERROR, KALTURA_ERROR_INPUT);
  g_assert_null (strstr (error->message, secret));
}

static void
check_damaged (JsonObject *vector, const KalturaKs *expected)
{
  const char *text = json_object_get_string_member (vector, "ks");
  const char *secret = json_object_get_string_member (vector, "secret");
  g_autofree char *other = g_strconcat (secret, "x", NULL);
  check_refused (text, other);

  gsize length = strcspn (text, "=");
  for (gsize i = 0; i + 1 < length; i += 3) {
    g_autofree char *changed = g_strdup (text);
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    check_refused (changed, secret);
    changed[i] = '\x01';
    check_refused (changed, secret);
    changed[i] = '\0';
    check_refused (changed, secret);
  }
}

static void
test_make (void)
{
  for_each_vector (check_made);
}

static void
test_parse (void)
{
  for_each_vector (check_parsed);
}

static void
test_loose (void)
{
  for_each_vector (check_loose);
}

static void
test_damaged (void)
{
  for_each_vector (check_damaged);
}

static void
test_garbage (void)
{
  static const char *const texts[] = { "", " ", "=", "====", "x", "abc", "djJ8", "djJ8LTV8", "djJ8MTAy", "djJ8eHh8AAAA",
    "MTIz", "\xc3\xa9", "djJ8LTV8 vVNN", "fHx8fHx8", "djJ8OTk5OTk5OTk5OTk5OTk5OTl8AAAAAAAAAAAAAAAAAAAAAAAA",
    "djJ8LTV8AAAAAAAAAAAAAAAAAAAAAA==" };
  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    check_refused (texts[i], SECRET);
  g_autofree char *huge = g_strnfill (1000000, 'A');
  check_refused (huge, SECRET);
}

/* Fresh randomness: never the same twice, and parsed again. */
static void
test_fresh (void)
{
  KalturaKs ks = { -5, (char *) "MediaServer", 2, 2000000000, (char *) "disableentitlement" };
  g_autofree char *one = kaltura_ks_make_v2 (&ks, SECRET, NULL, NULL);
  g_autofree char *two = kaltura_ks_make_v2 (&ks, SECRET, NULL, NULL);
  g_assert_cmpstr (one, !=, two);
  g_autoptr (KalturaKs) parsed = kaltura_ks_parse (one, SECRET, NULL);
  g_assert_cmpstr (parsed->user, ==, "MediaServer");

  g_autofree char *old = kaltura_ks_make_v1 (&ks, SECRET, NULL, NULL);
  g_autoptr (KalturaKs) parsed_old = kaltura_ks_parse (old, SECRET, NULL);
  g_assert_cmpint (parsed_old->expiry, ==, 2000000000);
  g_assert_cmpstr (parsed_old->privileges, ==, "disableentitlement");
}

static void
test_v1_semicolon (void)
{
  KalturaKs user = { 102, (char *) "a;b", 0, 1, NULL };
  KalturaKs privileges = { 102, NULL, 0, 1, (char *) "a;b" };
  g_autoptr (GError) error = NULL;
  g_assert_null (kaltura_ks_make_v1 (&user, SECRET, NULL, &error));
  g_assert_error (error, KALTURA_ERROR, KALTURA_ERROR_INPUT);
  g_clear_error (&error);
  g_assert_null (kaltura_ks_make_v1 (&privileges, SECRET, NULL, &error));
  g_assert_error (error, KALTURA_ERROR, KALTURA_ERROR_INPUT);
}

static void
test_v2_reserved_names (void)
{
  static const char *const privileges[] = { "_e", "_e:1", "edit:*, _u:admin", "a,_" };
  for (gsize i = 0; i < G_N_ELEMENTS (privileges); i++) {
    KalturaKs ks = { 102, NULL, 0, 1, (char *) privileges[i] };
    g_autoptr (GError) error = NULL;
    g_assert_null (kaltura_ks_make_v2 (&ks, SECRET, NULL, &error));
    g_assert_error (error, KALTURA_ERROR, KALTURA_ERROR_INPUT);
  }
}

static void
check_privileges (const char *given, const char *expected)
{
  KalturaKs ks = { 102, NULL, 2, 2000000000, (char *) given };
  g_autofree char *text = kaltura_ks_make_v2 (&ks, SECRET, NULL, NULL);
  g_autoptr (KalturaKs) parsed = kaltura_ks_parse (text, SECRET, NULL);
  g_assert_cmpstr (parsed->privileges, ==, expected);
}

static void
test_privileges (void)
{
  check_privileges (NULL, "");
  check_privileges (" , ,", "");
  check_privileges ("*", "*");
  check_privileges ("*,edit:*", "all:*,edit:*");
  check_privileges ("a:1,b,a:2", "a:2,b"); /* the last value at the first place */
  check_privileges ("sview:0_a:b", "sview:0_a:b");
  check_privileges ("x:a b&c=d%e", "x:a b&c=d%e");
}

static void
test_stale (void)
{
  g_assert_false (kaltura_ks_is_stale (1000, 1000, 0));
  g_assert_false (kaltura_ks_is_stale (1000, 1000, 500));
  g_assert_true (kaltura_ks_is_stale (1000, 1000, 501));
  g_assert_true (kaltura_ks_is_stale (1000, 1000, 2000));
  g_assert_true (kaltura_ks_is_stale (1000, 1000, -1)); /* the clock was set back */
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ks/vectors-are-made", test_make);
  g_test_add_func ("/ks/vectors-are-parsed", test_parse);
  g_test_add_func ("/ks/missing-padding-and-trailing-blanks", test_loose);
  g_test_add_func ("/ks/damaged-or-wrong-secret", test_damaged);
  g_test_add_func ("/ks/garbage", test_garbage);
  g_test_add_func ("/ks/fresh-randomness", test_fresh);
  g_test_add_func ("/ks/v1-refuses-semicolons", test_v1_semicolon);
  g_test_add_func ("/ks/v2-refuses-reserved-names", test_v2_reserved_names);
  g_test_add_func ("/ks/privileges", test_privileges);
  g_test_add_func ("/ks/stale", test_stale);
  return g_test_run ();
}
