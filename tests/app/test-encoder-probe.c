/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The end of the probe that asks. This very program is what it starts, so main() answers, well or badly. */
#include "klive-encoder-probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LONG 30 /* s: what hangs, compared with the 4 s in which all has to be known */

static void
test_answers (void)
{
  g_autofree char *reason = NULL;

  g_assert_true (klive_encoder_probe ("works", "x.gst", NULL, &reason));
  g_assert_null (reason);
  g_assert_false (klive_encoder_probe ("refuses", "x.gst", NULL, &reason));
  g_assert_cmpstr (reason, ==, "no device");
  g_clear_pointer (&reason, g_free);
  g_assert_false (klive_encoder_probe ("crashes", "x.gst", NULL, &reason));
  g_assert_cmpstr (reason, ==, "it crashes");
}

/* Nobody waits for the end of a pipe that another process holds, and all that hangs costs 4 s. */
static void
test_bounded (void)
{
  static const char *const elements[] = { "holds-and-hangs", "hangs", "hangs-too" };
  gint64 begun = g_get_monotonic_time ();

  for (guint i = 0; i < G_N_ELEMENTS (elements); i++) {
    g_autofree char *reason = NULL;

    g_assert_false (klive_encoder_probe (elements[i], "x.gst", NULL, &reason));
    g_assert_nonnull (reason);
  }
  g_assert_cmpint (g_get_monotonic_time () - begun, <, LONG / 2 * G_USEC_PER_SEC);
}

/* In a test program of its own run, as the time above is spent. */
static void
test_left_behind (void)
{
  if (g_test_subprocess ()) {
    g_assert_true (klive_encoder_probe ("holds", "x.gst", NULL, NULL));
    return;
  }
  g_test_trap_subprocess (NULL, LONG / 2 * G_USEC_PER_SEC, G_TEST_SUBPROCESS_DEFAULT);
  g_test_trap_assert_passed ();
}

static int
answer (const char *element)
{
  if (g_str_has_prefix (element, "holds") && fork () == 0) {
    setsid (); /* out of reach */
    sleep (LONG);
    _exit (0);
  }
  if (strstr (element, "hangs"))
    sleep (LONG);
  if (strcmp (element, "crashes") == 0)
    abort ();
  if (strcmp (element, "refuses") == 0)
    puts ("no device");
  return strcmp (element, "refuses") == 0;
}

int
main (int argc, char **argv)
{
  if (argc > 2 && strcmp (argv[1], "probe-encoder") == 0)
    return answer (argv[2]);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/encoder-probe/answers", test_answers);
  g_test_add_func ("/encoder-probe/left-behind", test_left_behind);
  g_test_add_func ("/encoder-probe/bounded", test_bounded);
  return g_test_run ();
}
