/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* kaltura-stream: broadcast URLs in every form that encoders and nginx-rtmp bring, stream names, entry ids. */

#include "kaltura-stream.h"

#include <string.h>
#include "kaltura-error.h"

static void
check_good (const char *text, gint partner, const char *entry, gint index, const char *token)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (KalturaBroadcast) broadcast = kaltura_broadcast_parse (text, &error);
  g_assert_no_error (error);
  g_assert_nonnull (broadcast);
  g_assert_cmpint (broadcast->partner_id, ==, partner);
  g_assert_cmpstr (broadcast->entry_id, ==, entry);
  g_assert_cmpint (broadcast->server_index, ==, index);
  g_assert_cmpstr (broadcast->token, ==, token);
}

/* @message: what the error must hold. */
static void
check_bad (const char *text, const char *message)
{
  g_autoptr (GError) error = NULL;
  KalturaBroadcast *broadcast = kaltura_broadcast_parse (text, &error);
  g_assert_null (broadcast);
  g_assert_error (error, KALTURA_ERROR, KALTURA_ERROR_INPUT);
  if (strstr (error->message, message) == NULL)
    g_error ("'%s' does not hold '%s'", error->message, message);
}

static void
test_publishers (void)
{
  static const char *const forms[] = {
    "rtmp://127.0.0.1:19350/kLive/?p=102&e=0_rkij47dr&i=0&t=dj94kfit",
    "rtmp://ms0.example.com:1935/kLive?p=102&e=0_rkij47dr&i=0&t=dj94kfit",
    "rtmps://ms0.example.com:443/kLive?p=102&e=0_rkij47dr&i=0&t=dj94kfit",
    /* ffmpeg with the stream behind the query, as it writes tcUrl too */
    "rtmp://127.0.0.1/kLive/?p=102&e=0_rkij47dr&i=0&t=dj94kfit/0_rkij47dr_1",
    "rtmp://127.0.0.1/kLive?p=102&e=0_rkij47dr&i=0&t=dj94kfit/0_rkij47dr_1",
    /* query on the key */
    "rtmp://h/kLive/0_rkij47dr_1?p=102&e=0_rkij47dr&i=0&t=dj94kfit",
    /* eCDN RTSP form */
    "rtsp://h:554/kLive/0_rkij47dr_1/?p=102&e=0_rkij47dr&i=0&t=dj94kfit",
    /* nginx-rtmp's escaping of tcurl, before and after the hook's body is decoded */
    "rtmp://127.0.0.1:19350/kLive/%3Fp=102%26e=0_rkij47dr%26i=0%26t=dj94kfit",
    "rtmp://127.0.0.1:19350/kLive/%3fp=102%26e=0_rkij47dr%26i=0%26t=dj94kfit",
    "rtmp://127.0.0.1:19350/kLive/%3Fp=102%26e=0_rkij47dr%26i=0%26t=dj94kfit/0_rkij47dr_1",
    /* bare queries */
    "p=102&e=0_rkij47dr&i=0&t=dj94kfit",
    "?p=102&e=0_rkij47dr&i=0&t=dj94kfit",
    "kLive/?p=102&e=0_rkij47dr&i=0&t=dj94kfit",
    /* any order, unknown names, empty parts */
    "t=dj94kfit&i=0&e=0_rkij47dr&p=102",
    "x=1&p=102&&e=0_rkij47dr&pp=3&i=0&t=dj94kfit&backup=1&",
    /* percent coding inside values */
    "p=%31%302&e=0%5Frkij47dr&i=%30&t=%64j94kfit",
  };
  for (gsize i = 0; i < G_N_ELEMENTS (forms); i++)
    check_good (forms[i], 102, "0_rkij47dr", 0, "dj94kfit");
}

static void
test_values (void)
{
  check_good ("p=2147483647&e=9_ZZzz0099&i=1&t=x", G_MAXINT32, "9_ZZzz0099", 1, "x");
  check_good ("p=1&e=0_abcd1234&i=0&t=a%2Fb%26c%3Dd", 1, "0_abcd1234", 0, "a/b&c=d");
  check_good ("p=1&e=0_abcd1234&i=0&t=a=b+c", 1, "0_abcd1234", 0, "a=b+c");
  check_good ("p=1&e=0_abcd1234&i=0&t=a?b%3Fc", 1, "0_abcd1234", 0, "a?b?c");
  check_good ("rtmp://h/kLive?p=1&e=0_abcd1234&i=0&t=a?b:", 1, "0_abcd1234", 0, "a?b:");
  check_good ("p=1&e=0_abcd1234&i=0&t=%C3%A9", 1, "0_abcd1234", 0, "\xc3\xa9");
  /* coded twice by nginx: once by the encoder, once by tcurl's escaping */
  check_good ("rtmp://h/kLive/%3Fp=1%26e=0_abcd1234%26i=0%26t=a%252Fb", 1, "0_abcd1234", 0, "a/b");

  g_autofree char *longest = g_strnfill (128, 'k');
  g_autofree char *text = g_strconcat ("p=1&e=0_abcd1234&i=0&t=", longest, NULL);
  check_good (text, 1, "0_abcd1234", 0, longest);
}

static void
test_first_wins (void)
{
  check_good ("p=102&e=0_rkij47dr&i=0&t=good&p=103&e=1_evil1234&i=1&t=bad", 102, "0_rkij47dr", 0, "good");
  check_good ("rtmp://h/kLive/?p=102&e=0_rkij47dr&i=0&t=good/0_x_1?p=7", 102, "0_rkij47dr", 0, "good");
  check_bad ("p=&p=102&e=0_rkij47dr&i=0&t=x", "parameter p");
}

/* What somebody writes who wants nginx's own fields to be read twice. */
static void
test_hook_mimicry (void)
{
  check_good ("p=102&e=0_rkij47dr&i=0&t=tok&name=0_other123_1&call=publish_done&clientid=1&addr=127.0.0.1", 102,
      "0_rkij47dr", 0, "tok");
  check_bad ("name=x&call=publish&app=kLive", "parameter p is missing");
}

static void
test_missing (void)
{
  check_bad ("", "parameter p is missing");
  check_bad ("rtmp://h/kLive/", "parameter p is missing");
  check_bad ("rtmp://h/kLive/?", "parameter p is missing");
  check_bad ("rtmp://p=1&e=0_abcd1234&i=0&t=x", "parameter p is missing");
  check_bad ("e=0_rkij47dr&i=0&t=x", "parameter p is missing");
  check_bad ("p=102&i=0&t=x", "parameter e is missing");
  check_bad ("p=102&e=0_rkij47dr&t=x", "parameter i is missing");
  check_bad ("p=102&e=0_rkij47dr&i=0", "parameter t is missing");
  check_bad ("p=102&e=0_rkij47dr&i=0/&t=x", "parameter t is missing");
  check_bad ("P=102&E=0_rkij47dr&I=0&T=x", "parameter p is missing");
}

static void
test_malformed (void)
{
  static const char *const partners[] = { "0", "-5", "+1", "01", "1x", "", " 1", "1 ", "2147483648", "0x10", "1.5",
    "99999999999999999999999" };
  for (gsize i = 0; i < G_N_ELEMENTS (partners); i++) {
    g_autofree char *text = g_strdup_printf ("p=%s&e=0_rkij47dr&i=0&t=x", partners[i]);
    check_bad (text, "parameter p is");
  }
  static const char *const entries[] = { "", "0_rkij47d", "0_rkij47drx", "x_rkij47dr", "00_rkij47dr", "0-rkij47dr",
    "0_rkij47d%2e", "0_rkij47d%c3%a9", "0_rkij%00dr", "..", "0_rkij47dr_1", "%20_rkij47dr" };
  for (gsize i = 0; i < G_N_ELEMENTS (entries); i++) {
    g_autofree char *text = g_strdup_printf ("p=102&e=%s&i=0&t=x", entries[i]);
    check_bad (text, "parameter e");
  }
  static const char *const indexes[] = { "", "2", "-1", "00", "01", "primary", "0%00", "+0" };
  for (gsize i = 0; i < G_N_ELEMENTS (indexes); i++) {
    g_autofree char *text = g_strdup_printf ("p=102&e=0_rkij47dr&i=%s&t=x", indexes[i]);
    check_bad (text, "parameter i");
  }
}

/* A bad token is refused without being repeated. */
static void
test_bad_token (void)
{
  g_autofree char *longer = g_strnfill (129, 'k');
  const char *const tokens[] = { "", "se%00cret", "se%0acret", "se%7fcret", "se%ffcret", "se%cret", "secret%", longer };
  for (gsize i = 0; i < G_N_ELEMENTS (tokens); i++) {
    g_autofree char *text = g_strdup_printf ("p=102&e=0_rkij47dr&i=0&t=%s", tokens[i]);
    g_autoptr (GError) error = NULL;
    g_assert_null (kaltura_broadcast_parse (text, &error));
    g_assert_error (error, KALTURA_ERROR, KALTURA_ERROR_INPUT);
    g_assert_nonnull (strstr (error->message, "parameter t"));
    g_assert_null (strstr (error->message, "cret"));
    g_assert_null (strstr (error->message, "kkk"));
  }
}

static void
test_unsupported (void)
{
  check_bad ("rtmp://102.0.ms.example.com/kLive/p/102/e/0_rkij47dr/i/0/t/dj94kfit", "parameters in the path");
  check_bad ("/kLive/p/102/e/0_rkij47dr/i/0/t/dj94kfit", "parameters in the path");
  check_bad ("rtmp://h/kLive/?p=102&e=eu-0_rkij47dr&i=0&t=x", "backend prefix");
  check_bad ("rtmp://h/kLive?t=dj94kfit", "parameter p is missing");
}

static void
test_length (void)
{
  g_autofree char *filler = g_strnfill (5000, 'x');
  g_autofree char *text = g_strconcat ("p=102&e=0_rkij47dr&i=0&t=x&y=", filler, NULL);
  check_bad (text, "longer than");

  /* A bad value of any length or content gives a short, printable message. */
  g_autofree char *bad = g_strnfill (300, '\x01');
  g_autofree char *entry = g_strconcat ("p=102&e=", bad, "&i=0&t=x", NULL);
  g_autoptr (GError) error = NULL;
  g_assert_null (kaltura_broadcast_parse (entry, &error));
  g_assert_cmpuint (strlen (error->message), <, 400);
  for (const char *at = error->message; *at != '\0'; at++)
    g_assert_true (g_ascii_isprint (*at));
}

static void
test_clear (void)
{
  KalturaBroadcast broadcast = { .partner_id = 1, .entry_id = "0_abcd1234", .token = g_strdup ("x") };
  kaltura_broadcast_clear (&broadcast);
  g_assert_null (broadcast.token);
  g_assert_cmpint (broadcast.partner_id, ==, 0);
  kaltura_broadcast_free (NULL);
}

static void
test_good_names (void)
{
  static const struct {
    const char *text;
    const char *entry;
    guint suffix;
  } cases[] = {
    { "0_rkij47dr_1", "0_rkij47dr", 1 },
    { "1_ABCdef09_37", "1_ABCdef09", 37 },
    { "9_00000000_9999", "9_00000000", 9999 },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    KalturaStreamName name = { 0 };
    g_autoptr (GError) error = NULL;
    g_assert_true (kaltura_stream_name_parse (cases[i].text, &name, &error));
    g_assert_no_error (error);
    g_assert_cmpstr (name.entry_id, ==, cases[i].entry);
    g_assert_cmpuint (name.suffix, ==, cases[i].suffix);
  }
}

static void
test_bad_names (void)
{
  static const char *const names[] = { "", "0", "0_", "0_rkij47dr", "0_rkij47dr_", "0_rkij47dr_0", "0_rkij47dr_01",
    "0_rkij47dr_10000", "0_rkij47dr_x", "0_rkij47dr_1x", "0_rkij47dr_1 ", " 0_rkij47dr_1", "0_rkij47dr_-1",
    "0_rkij47dr__1", "0_rkij47d_1", "0_rkij47drr_1", "x_rkij47dr_1", "00_rkij47dr_1", "0_rkij47d/_1", "0_rkij47d._1",
    "../../etc/passwd", "0_rkij47dr_1/..", "0_rkij47dr_1&name=x", "0_rkij47dr_1\n", "0_rkij47dr_1%00",
    "0_rkij4\xc3\xa9r_1", "0_rkij47dr_1@0-1763812345678", "live" };
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++) {
    KalturaStreamName name = { 0 };
    g_autoptr (GError) error = NULL;
    g_assert_false (kaltura_stream_name_parse (names[i], &name, &error));
    g_assert_error (error, KALTURA_ERROR, KALTURA_ERROR_INPUT);
    g_assert_cmpstr (name.entry_id, ==, "");
  }

  g_autofree char *longer = g_strnfill (300, 'a');
  KalturaStreamName name = { 0 };
  g_autoptr (GError) error = NULL;
  g_assert_false (kaltura_stream_name_parse (longer, &name, &error));
  g_assert_cmpuint (strlen (error->message), <, 180);
  g_assert_nonnull (strstr (error->message, "\"..."));
}

static void
test_entry_ids (void)
{
  g_assert_true (kaltura_entry_id_is_valid ("0_rkij47dr"));
  g_assert_true (kaltura_entry_id_is_valid ("1_00ZZzz99"));
  static const char *const bad[] = { "", "0", "0_", "0_rkij47d", "0_rkij47dr_", "a_rkij47dr", "0_rkij47d-",
    "eu-0_rkij47" };
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_false (kaltura_entry_id_is_valid (bad[i]));
}

static void
test_asset_ids (void)
{
  g_autofree char *longest = g_strnfill (64, 'a');
  g_autofree char *too_long = g_strnfill (65, 'a');
  const char *const good[] = { "0_x8d2k1mn", "1-2_Z", longest };
  const char *const bad[] = { "", "a/b", "..", "a b", "a\n", "\303\244", too_long };
  for (gsize i = 0; i < G_N_ELEMENTS (good); i++)
    g_assert_true (kaltura_asset_id_is_valid (good[i]));
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_false (kaltura_asset_id_is_valid (bad[i]));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/broadcast/every-publisher-form", test_publishers);
  g_test_add_func ("/broadcast/values", test_values);
  g_test_add_func ("/broadcast/first-occurrence-wins", test_first_wins);
  g_test_add_func ("/broadcast/hook-fields-in-the-query-are-ignored", test_hook_mimicry);
  g_test_add_func ("/broadcast/missing-parameter-is-named", test_missing);
  g_test_add_func ("/broadcast/malformed-parameter-is-named", test_malformed);
  g_test_add_func ("/broadcast/bad-token-is-not-repeated", test_bad_token);
  g_test_add_func ("/broadcast/unsupported-forms", test_unsupported);
  g_test_add_func ("/broadcast/length", test_length);
  g_test_add_func ("/broadcast/clear", test_clear);
  g_test_add_func ("/stream-name/good", test_good_names);
  g_test_add_func ("/stream-name/bad", test_bad_names);
  g_test_add_func ("/entry-id", test_entry_ids);
  g_test_add_func ("/asset-id", test_asset_ids);
  return g_test_run ();
}
