/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* kaltura-error and kaltura-redact: what callers ask of an error, and foreign text in messages. */

#include "kaltura-error.h"
#include "kaltura-redact.h"

static void
test_api_code (void)
{
  g_autoptr (GError) error = g_error_new_literal (KALTURA_ERROR, KALTURA_ERROR_API,
      "LIVE_STREAM_INVALID_TOKEN: Invalid token supplied for live entry [0_abcd1234]");
  g_autofree char *code = kaltura_error_dup_api_code (error);
  g_assert_cmpstr (code, ==, "LIVE_STREAM_INVALID_TOKEN");
  g_assert_true (kaltura_error_is_api_code (error, "LIVE_STREAM_INVALID_TOKEN"));
  g_assert_false (kaltura_error_is_api_code (error, "LIVE_STREAM_INVALID"));
  g_assert_false (kaltura_error_is_passing (error));
}

static void
test_no_api_code (void)
{
  g_autoptr (GError) error = g_error_new_literal (KALTURA_ERROR, KALTURA_ERROR_TRANSPORT, "X: y");
  g_assert_null (kaltura_error_dup_api_code (error));
  g_assert_false (kaltura_error_is_api_code (error, "X"));
  g_assert_null (kaltura_error_dup_api_code (NULL));
  g_assert_false (kaltura_error_is_passing (NULL));
}

static void
test_passing (void)
{
  static const struct {
    gint code;
    const char *message;
    gboolean passing;
  } cases[] = {
    { KALTURA_ERROR_TRANSPORT, "no connection", TRUE },
    { KALTURA_ERROR_GARBAGE, "HTML", TRUE },
    { KALTURA_ERROR_CONFIG, "x", FALSE },
    { KALTURA_ERROR_INPUT, "x", FALSE },
    { KALTURA_ERROR_PROFILE, "x", FALSE },
    { KALTURA_ERROR_API, "INTERNAL_SERVERL_ERROR: x", TRUE },
    { KALTURA_ERROR_API, "INTERNAL_DATABASE_ERROR: x", TRUE },
    { KALTURA_ERROR_API, "LOCK_TIMED_OUT: x", TRUE },
    { KALTURA_ERROR_API, "ACTION_BLOCKED: x", TRUE },
    { KALTURA_ERROR_API, "UPLOAD_TOKEN_CANNOT_MATCH_EXPECTED_SIZE: x", TRUE },
    { KALTURA_ERROR_API, "UPLOAD_ERROR: x", TRUE },
    { KALTURA_ERROR_API, "UPLOAD_PARTIAL_ERROR: x", TRUE },
    { KALTURA_ERROR_API, "ENTRY_ID_NOT_FOUND: x", FALSE },
    { KALTURA_ERROR_API, "SERVICE_FORBIDDEN_CONTENT_BLOCKED: x", FALSE },
    { KALTURA_ERROR_API, "INVALID_KS: x", FALSE },
    { KALTURA_ERROR_API, "MEDIA_SERVER_NOT_FOUND: x", FALSE },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = g_error_new_literal (KALTURA_ERROR, cases[i].code, cases[i].message);
    g_assert_cmpint (kaltura_error_is_passing (error), ==, cases[i].passing);
  }
  g_autoptr (GError) foreign = g_error_new_literal (G_FILE_ERROR, KALTURA_ERROR_TRANSPORT, "x");
  g_assert_false (kaltura_error_is_passing (foreign));
}

static void
check_quote (const char *text, gssize length, gsize max, const char *expected)
{
  g_autofree char *quoted = kaltura_error_quote (text, length, max);
  g_assert_cmpstr (quoted, ==, expected);
}

static void
test_quote (void)
{
  check_quote ("", -1, 10, "\"\"");
  check_quote ("plain text", -1, 64, "\"plain text\"");
  check_quote ("a\"b\\c", -1, 64, "\"a\\\"b\\\\c\"");
  check_quote ("line\nbreak\x1b[31m", -1, 64, "\"line\\x0abreak\\x1b[31m\"");
  check_quote ("\xc3\xa9", -1, 64, "\"\\xc3\\xa9\"");
  check_quote ("a\0b", 3, 64, "\"a\\x00b\"");
  check_quote ("0123456789", -1, 4, "\"0123\"...");
  check_quote ("0123", -1, 4, "\"0123\"");
}

static void
check_redact (const char *text, const char *secret, const char *expected)
{
  g_autofree char *clean = kaltura_redact (text, secret, "[x]");
  g_assert_cmpstr (clean, ==, expected);
  g_assert_cmpint (kaltura_redact_is_needed (text, secret), ==, !g_str_equal (text, expected));
}

static void
test_redact (void)
{
  check_redact ("Invalid KS \"djJ8LTV8vVNNvwM9\".", "djJ8LTV8vVNNvwM9", "Invalid KS \"[x]\".");
  check_redact ("djJ8LTV8vVNNvwM9djJ8LTV8vVNNvwM9", "djJ8LTV8vVNNvwM9", "[x][x]");
  check_redact ("cut: djJ8LTV8vVNNv", "djJ8LTV8vVNNvwM9", "cut: [x]");
  check_redact ("token 12ab34cd here", "12ab34cd", "token [x] here");
  check_redact ("abc", "abc", "abc"); /* too short to be told from other text */
  check_redact ("nothing", NULL, "nothing");
  check_redact ("", "12ab34cd", "");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/error/api-code-is-what-stands-before-the-colon", test_api_code);
  g_test_add_func ("/error/other-errors-have-no-api-code", test_no_api_code);
  g_test_add_func ("/error/passing", test_passing);
  g_test_add_func ("/error/quote", test_quote);
  g_test_add_func ("/redact/cuts-secrets-out", test_redact);
  return g_test_run ();
}
