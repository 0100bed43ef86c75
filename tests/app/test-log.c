/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* klive-log: the form of a line, quoting, and that secrets do not get through. */
#include "klive-log.h"

#include <string.h>

static void
test_line (void)
{
  g_autofree char *line = klive_log_format (KLIVE_LOG_INFO, "publish-refused", "0_rkij47dr", "0_rkij47dr_1", "code",
      "LIVE_STREAM_INVALID_TOKEN", "message", "Invalid token supplied", NULL);
  g_assert_cmpstr (line, ==,
      "level=info event=publish-refused entry=0_rkij47dr stream=0_rkij47dr_1 "
      "code=LIVE_STREAM_INVALID_TOKEN message=\"Invalid token supplied\"");
}

static void
test_nothing_known (void)
{
  g_autofree char *line = klive_log_format (KLIVE_LOG_WARNING, "x", NULL, "", "a", NULL, "b", "", NULL);
  g_assert_cmpstr (line, ==, "level=warning event=x entry=- stream=- b=\"\"");
}

static void
test_escapes (void)
{
  g_autofree char *line =
      klive_log_format (KLIVE_LOG_ERROR, "x", "e", "s", "v", "a\"b\\c\nlevel=info event=forged \x01\xff", NULL);
  g_assert_cmpstr (line, ==,
      "level=error event=x entry=e stream=s v=\"a\\\"b\\\\c\\nlevel=info event=forged \\x01"
      "\xef\xbf\xbd\"");
}

static void
test_long_value_is_cut (void)
{
  g_autofree char *value = g_strnfill (5000, 'a');
  g_autofree char *line = klive_log_format (KLIVE_LOG_ERROR, "x", NULL, NULL, "v", value, NULL);
  g_assert_cmpuint (strlen (line), <, 1200);
  g_assert_true (g_str_has_suffix (line, "aaa..."));
}

static void
test_scrub (void)
{
  static const struct {
    const char *in, *out;
  } cases[] = {
    { "rtmp://h/kLive/?p=102&e=0_rkij47dr&i=0&t=12ab34cd", "rtmp://h/kLive/?p=102&e=0_rkij47dr&i=0&t=***" },
    { "rtmp://h/kLive/?t=12ab34cd&p=102/0_rkij47dr_1", "rtmp://h/kLive/?t=***&p=102/0_rkij47dr_1" },
    { "rtmp://h/kLive/%3Fp=102%26t=12ab34cd%26i=0", "rtmp://h/kLive/%3Fp=102%26t=***%26i=0" },
    { "rtmp://h/kLive/%3Fp%3D102%26t%3D12ab34cd%26i=0", "rtmp://h/kLive/%3Fp%3D102%26t%3D***%26i=0" },
    { "POST ks=djJ8LTV8&service=x", "POST ks=***&service=x" },
    { "first=1 start=2 token=abc, left", "first=1 start=2 token=*** left" },
    { "t=", "t=***" },
    { "", "" },
    { "nothing here", "nothing here" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *out = klive_log_scrub (cases[i].in);
    g_assert_cmpstr (out, ==, cases[i].out);
  }
}

static void
test_values_are_scrubbed (void)
{
  g_autofree char *line = klive_log_format (KLIVE_LOG_INFO, "x", NULL, NULL, "url", "rtmp://h/kLive/?t=12ab34cd", NULL);
  g_assert_null (strstr (line, "12ab34cd"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/log/line", test_line);
  g_test_add_func ("/log/nothing-known", test_nothing_known);
  g_test_add_func ("/log/escapes", test_escapes);
  g_test_add_func ("/log/long-value-is-cut", test_long_value_is_cut);
  g_test_add_func ("/log/scrub", test_scrub);
  g_test_add_func ("/log/values-are-scrubbed", test_values_are_scrubbed);
  return g_test_run ();
}
