/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* kaltura-reply and kaltura-entry: replies of the API as trees, live entries made of them and of JSON. */

#include "kaltura-entry.h"
#include "kaltura-reply.h"

#include <string.h>
#include "kaltura-error.h"

#define ENTRY \
  "<objectType>KalturaLiveStreamEntry</objectType><id>0_abcd1234</id><name>My &lt;live&gt; &amp; more</name>" \
  "<partnerId>102</partnerId><tags></tags><conversionProfileId>555</conversionProfileId>" \
  "<recordStatus>2</recordStatus><dvrStatus>1</dvrStatus><dvrWindow>120</dvrWindow>" \
  "<recordedEntryId>0_rec12345</recordedEntryId>" \
  "<bitrates><item><bitrate>900</bitrate><tags>source,ingest</tags></item>" \
  "<item><bitrate>400</bitrate></item></bitrates>" \
  "<segmentDuration>6000</segmentDuration><explicitLive>1</explicitLive>"

static KalturaReply *
parse (const char *result, GError **error)
{
  g_autofree char *xml = g_strdup_printf ("<?xml version=\"1.0\" encoding=\"utf-8\"?><xml><result>%s</result>"
                                          "<executionTime>0.042</executionTime></xml>",
      result);
  return kaltura_reply_parse (xml, strlen (xml), error);
}

static KalturaReply *
parse_good (const char *result)
{
  g_autoptr (GError) error = NULL;
  KalturaReply *reply = parse (result, &error);
  g_assert_no_error (error);
  g_assert_nonnull (reply);
  return reply;
}

static void
test_paths (void)
{
  g_autoptr (KalturaReply) reply = parse_good (ENTRY);
  g_assert_cmpstr (kaltura_reply_get_string (reply, "id"), ==, "0_abcd1234");
  g_assert_cmpstr (kaltura_reply_get_string (reply, "name"), ==, "My <live> & more");
  g_assert_cmpstr (kaltura_reply_get_string (reply, "tags"), ==, "");
  g_assert_cmpstr (kaltura_reply_get_string (reply, "bitrates/0/tags"), ==, "source,ingest");
  g_assert_cmpint (kaltura_reply_get_int (reply, "bitrates/1/bitrate", 0), ==, 400);
  g_assert_cmpuint (kaltura_reply_get_length (reply, "bitrates"), ==, 2);

  g_assert_null (kaltura_reply_get_string (reply, "bitrates"));
  g_assert_null (kaltura_reply_get_string (reply, "bitrates/2/bitrate"));
  g_assert_null (kaltura_reply_get_string (reply, "bitrates/-1/bitrate"));
  g_assert_null (kaltura_reply_get_string (reply, "bitrates/99999999999999999999/bitrate"));
  g_assert_null (kaltura_reply_get_string (reply, "id/x"));
  g_assert_null (kaltura_reply_get_string (reply, "0"));
  g_assert_null (kaltura_reply_get_string (reply, "//"));
  g_assert_cmpint (kaltura_reply_get_int (reply, "name", 7), ==, 7);
  g_assert_cmpint (kaltura_reply_get_int (reply, "missing", 7), ==, 7);
  g_assert_cmpuint (kaltura_reply_get_length (reply, "id"), ==, 0);
  g_assert_cmpuint (kaltura_reply_get_length (reply, "missing"), ==, 0);
  g_assert_cmpuint (kaltura_reply_get_length (reply, ""), ==, 0);
}

static void
test_scalars (void)
{
  g_autoptr (KalturaReply) yes = parse_good ("1");
  g_autoptr (KalturaReply) no = parse_good ("0");
  g_autoptr (KalturaReply) nothing = parse_good ("");
  g_autoptr (KalturaReply) text = parse_good ("true");
  g_assert_true (kaltura_reply_get_boolean (yes, "", FALSE));
  g_assert_false (kaltura_reply_get_boolean (no, "", TRUE));
  g_assert_true (kaltura_reply_get_boolean (nothing, "", TRUE));
  g_assert_true (kaltura_reply_get_boolean (text, "", FALSE));
  g_assert_cmpstr (kaltura_reply_get_string (nothing, ""), ==, "");
  g_assert_cmpint (kaltura_reply_get_int (yes, "", 0), ==, 1);
}

static void
test_multirequest (void)
{
  g_autoptr (KalturaReply) reply = parse_good ("<item><id>t1</id></item><item><error><code>X</code></error></item>");
  g_assert_cmpuint (kaltura_reply_get_length (reply, ""), ==, 2);
  g_assert_cmpstr (kaltura_reply_get_string (reply, "0/id"), ==, "t1");
  g_assert_cmpstr (kaltura_reply_get_string (reply, "1/error/code"), ==, "X");
}

static void
test_api_error (void)
{
  g_autoptr (GError) error = NULL;
  g_assert_null (parse ("<error><code>LIVE_STREAM_INVALID_TOKEN</code><message>Invalid token supplied for live entry "
                        "[0_abcd1234]</message><objectType>KalturaAPIException</objectType><args><item><name>ENTRY_ID"
                        "</name><value>0_abcd1234</value></item></args></error>",
      &error));
  g_assert_error (error, KALTURA_ERROR, KALTURA_ERROR_API);
  g_assert_cmpstr (error->message, ==, "LIVE_STREAM_INVALID_TOKEN: Invalid token supplied for live entry [0_abcd1234]");
}

static void
test_odd_api_errors (void)
{
  g_autoptr (GError) bare = NULL;
  g_assert_null (parse ("<error><code>X</code></error>", &bare));
  g_assert_error (bare, KALTURA_ERROR, KALTURA_ERROR_API);
  g_assert_cmpstr (bare->message, ==, "X: ");

  g_autoptr (GError) control = NULL;
  g_assert_null (parse ("<error><code>X</code><message>a&#10;b&#9;c</message></error>", &control));
  g_assert_cmpstr (control->message, ==, "X: a b c");

  g_autoptr (GError) code = NULL;
  g_assert_null (parse ("<error><code>a: b</code><message>m</message></error>", &code));
  g_assert_error (code, KALTURA_ERROR, KALTURA_ERROR_GARBAGE);

  g_autofree char *filler = g_strnfill (5000, 'm');
  g_autofree char *longer = g_strdup_printf ("<error><code>X</code><message>%s</message></error>", filler);
  g_autoptr (GError) cut = NULL;
  g_assert_null (parse (longer, &cut));
  g_assert_cmpuint (strlen (cut->message), <, 400);
}

static void
check_garbage (const char *body, gsize length)
{
  g_autoptr (GError) error = NULL;
  KalturaReply *reply = kaltura_reply_parse (body, length, &error);
  g_assert_null (reply);
  g_assert_error (error, KALTURA_ERROR, KALTURA_ERROR_GARBAGE);
  g_assert_cmpuint (strlen (error->message), <, 700);
  g_assert_true (g_str_is_ascii (error->message));
}

static void
test_garbage (void)
{
  static const char *const bodies[] = { "", " ", "true", "null", "{\"id\":\"0_abcd1234\"}",
    "<html><body>Bad</body></html>", "<!DOCTYPE html><html></html>",
    "<!doctype html>\n<html><head><title>502</title></head></html>", "<xml></xml>", "<xml><result>",
    "<xml><result><id>1</id></xml>", "<result>1</result>", "<XML><RESULT>1</RESULT></XML>",
    "<xml><result>\xff\xfe</result></xml>", "<xml><result>&nbsp;</result></xml>", "a:1:{s:2:\"id\";i:1;}",
    "\x1f\x8b\x08 gzip", "<?xml version=\"1.0\" encoding=\"nonsense\"?><xml><result>\xe9</result></xml>" };
  for (gsize i = 0; i < G_N_ELEMENTS (bodies); i++)
    check_garbage (bodies[i], strlen (bodies[i]));
  check_garbage ("<xml>\0<result>1</result></xml>", 30);
}

static void
test_entities (void)
{
  static const char *const laughs =
      "<?xml version=\"1.0\"?><!DOCTYPE xml [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">"
      "<!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\">]><xml><result>&c;</result></xml>";
  static const char *const outside = "<?xml version=\"1.0\"?><!DOCTYPE xml [<!ENTITY f SYSTEM \"file:///etc/passwd\">]>"
                                     "<xml><result>&f;</result></xml>";
  check_garbage (laughs, strlen (laughs));
  check_garbage (outside, strlen (outside));
}

static void
test_depth (void)
{
  g_autoptr (GString) deep = g_string_new ("<xml><result>");
  for (guint i = 0; i < 100000; i++)
    g_string_append (deep, "<a>");
  check_garbage (deep->str, deep->len);
}

/* libxml2 prints its errors unless it is told not to. */
static void
test_silence (void)
{
  if (g_test_subprocess ()) {
    test_garbage ();
    test_entities ();
    return;
  }
  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
  g_test_trap_assert_passed ();
  g_test_trap_assert_stderr ("");
}

static void
test_entry (void)
{
  g_autoptr (KalturaReply) reply = parse_good (ENTRY);
  g_autoptr (GError) error = NULL;
  g_autoptr (KalturaEntry) entry = kaltura_entry_new_from_reply (reply, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (entry->id, ==, "0_abcd1234");
  g_assert_cmpint (entry->partner_id, ==, 102);
  g_assert_cmpint (entry->conversion_profile_id, ==, 555);
  g_assert_cmpint (entry->record_status, ==, KALTURA_RECORD_PER_SESSION);
  g_assert_true (entry->dvr_enabled);
  g_assert_cmpuint (entry->dvr_window, ==, 120);
  g_assert_cmpuint (entry->segment_duration, ==, 6000);
  g_assert_cmpstr (entry->recorded_entry_id, ==, "0_rec12345");
  g_assert_true (entry->explicit_live);

  g_autofree char *json = kaltura_entry_to_json (entry);
  g_assert_null (strchr (json, '\n'));
  g_autoptr (KalturaEntry) again = kaltura_entry_new_from_json (json, &error);
  g_assert_no_error (error);
  g_autofree char *json_again = kaltura_entry_to_json (again);
  g_assert_cmpstr (json, ==, json_again);
  g_assert_cmpint (again->record_status, ==, KALTURA_RECORD_PER_SESSION);
  g_assert_cmpstr (again->recorded_entry_id, ==, "0_rec12345");
  g_assert_cmpuint (again->dvr_window, ==, 120);
}

/* IX has no segmentDuration, no explicitLive; null properties are left out. */
static void
test_entry_with_little (void)
{
  g_autoptr (KalturaReply) reply = parse_good ("<id>1_abcd1234</id><partnerId>99</partnerId><dvrWindow>-1</dvrWindow>"
                                               "<recordStatus>7</recordStatus><recordedEntryId></recordedEntryId>");
  g_autoptr (GError) error = NULL;
  g_autoptr (KalturaEntry) entry = kaltura_entry_new_from_reply (reply, &error);
  g_assert_no_error (error);
  g_assert_cmpint (entry->conversion_profile_id, ==, 0);
  g_assert_cmpint (entry->record_status, ==, KALTURA_RECORD_DISABLED);
  g_assert_false (entry->dvr_enabled);
  g_assert_cmpuint (entry->dvr_window, ==, 0);
  g_assert_cmpuint (entry->segment_duration, ==, 0);
  g_assert_null (entry->recorded_entry_id);
  g_assert_false (entry->explicit_live);
  g_autofree char *json = kaltura_entry_to_json (entry);
  g_autoptr (KalturaEntry) again = kaltura_entry_new_from_json (json, &error);
  g_assert_no_error (error);
  g_assert_null (again->recorded_entry_id);
}

static void
test_bad_entries (void)
{
  static const char *const results[] = { "", "1", "<partnerId>102</partnerId>", "<id>0_abcd1234</id>",
    "<id>../../x</id><partnerId>102</partnerId>", "<id>0_abcd1234</id><partnerId>x</partnerId>",
    "<id>0_abcd1234</id><partnerId>99999999999</partnerId>" };
  for (gsize i = 0; i < G_N_ELEMENTS (results); i++) {
    g_autoptr (KalturaReply) reply = parse_good (results[i]);
    g_autoptr (GError) error = NULL;
    g_assert_null (kaltura_entry_new_from_reply (reply, &error));
    g_assert_error (error, KALTURA_ERROR, KALTURA_ERROR_GARBAGE);
  }
  static const char *const texts[] = { "", "x", "[]", "null", "{}", "{\"id\":1}", "{\"id\":\"0_abcd1234\"}",
    "{\"id\":\"0_abcd1234\",\"partnerId\":\"102\"}", "{\"id\":{},\"partnerId\":102}", "{\"id\":null,\"partnerId\":1}" };
  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_autoptr (GError) error = NULL;
    g_assert_null (kaltura_entry_new_from_json (texts[i], &error));
    g_assert_error (error, KALTURA_ERROR, KALTURA_ERROR_GARBAGE);
  }
}

static void
test_dvr (void)
{
  KalturaEntry entry = { .dvr_enabled = TRUE, .dvr_window = 120 };
  g_assert_cmpuint (kaltura_entry_get_dvr_seconds (&entry, 86400), ==, 7200);
  g_assert_cmpuint (kaltura_entry_get_dvr_seconds (&entry, 3600), ==, 3600);
  g_assert_cmpuint (kaltura_entry_get_dvr_seconds (&entry, 0), ==, 0);
  entry.dvr_window = 0;
  g_assert_cmpuint (kaltura_entry_get_dvr_seconds (&entry, 3600), ==, 3600);
  entry.dvr_window = G_MAXUINT;
  g_assert_cmpuint (kaltura_entry_get_dvr_seconds (&entry, 3600), ==, 3600);
  entry.dvr_enabled = FALSE;
  g_assert_cmpuint (kaltura_entry_get_dvr_seconds (&entry, 3600), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/reply/paths", test_paths);
  g_test_add_func ("/reply/scalars", test_scalars);
  g_test_add_func ("/reply/multirequest", test_multirequest);
  g_test_add_func ("/reply/api-error", test_api_error);
  g_test_add_func ("/reply/odd-api-errors", test_odd_api_errors);
  g_test_add_func ("/reply/garbage", test_garbage);
  g_test_add_func ("/reply/entities-are-refused", test_entities);
  g_test_add_func ("/reply/depth-is-bounded", test_depth);
  g_test_add_func ("/reply/nothing-on-stderr", test_silence);
  g_test_add_func ("/entry/from-reply-and-json", test_entry);
  g_test_add_func ("/entry/what-is-absent", test_entry_with_little);
  g_test_add_func ("/entry/bad", test_bad_entries);
  g_test_add_func ("/entry/dvr-window", test_dvr);
  return g_test_run ();
}
