/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* klive-arrivals: requests run in the order of their connections, and nobody waits for ever. */
#include "klive-arrivals.h"

#include <string.h>

typedef struct {
  KliveArrivals *arrivals;
  GString *log;
} Fixture;

static GString *current;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->arrivals = klive_arrivals_new (20);
  fixture->log = current = g_string_new (NULL);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  klive_arrivals_free (fixture->arrivals);
  g_string_free (fixture->log, TRUE);
}

static void
run (gpointer data, gpointer unused)
{
  g_string_append (current, data);
}

static void
test_in_order (Fixture *fixture, gconstpointer data)
{
  KliveArrival *a = klive_arrivals_add (fixture->arrivals);
  KliveArrival *b = klive_arrivals_add (fixture->arrivals);
  klive_arrival_ready (a, run, (gpointer) "a");
  g_assert_cmpstr (current->str, ==, "a");
  klive_arrival_ready (b, run, (gpointer) "b");
  g_assert_cmpstr (current->str, ==, "ab");
}

static void
test_the_second_is_read_first (Fixture *fixture, gconstpointer data)
{
  KliveArrival *a = klive_arrivals_add (fixture->arrivals);
  KliveArrival *b = klive_arrivals_add (fixture->arrivals);
  KliveArrival *c = klive_arrivals_add (fixture->arrivals);
  klive_arrival_ready (c, run, (gpointer) "c");
  klive_arrival_ready (b, run, (gpointer) "b");
  g_assert_cmpstr (current->str, ==, "");
  klive_arrival_ready (a, run, (gpointer) "a");
  g_assert_cmpstr (current->str, ==, "abc");
}

static void
test_one_before_it_has_no_order (Fixture *fixture, gconstpointer data)
{
  KliveArrival *a = klive_arrivals_add (fixture->arrivals);
  KliveArrival *b = klive_arrivals_add (fixture->arrivals);
  klive_arrival_ready (b, run, (gpointer) "b");
  klive_arrival_free (a);
  g_assert_cmpstr (current->str, ==, "b");
}

static void
test_a_silent_one_does_not_stop_the_others (Fixture *fixture, gconstpointer data)
{
  KliveArrival *a = klive_arrivals_add (fixture->arrivals);
  KliveArrival *b = klive_arrivals_add (fixture->arrivals);
  KliveArrival *silent = klive_arrivals_add (fixture->arrivals);
  KliveArrival *d = klive_arrivals_add (fixture->arrivals);
  klive_arrival_ready (b, run, (gpointer) "b");
  klive_arrival_ready (d, run, (gpointer) "d");
  while (strlen (current->str) < 2)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpstr (current->str, ==, "bd");
  klive_arrival_ready (a, run, (gpointer) "a");
  g_assert_cmpstr (current->str, ==, "bda");
  klive_arrival_free (silent);
}

static gboolean
come_late (gpointer data)
{
  klive_arrival_ready (data, run, (gpointer) "a");
  return G_SOURCE_REMOVE;
}

/* However late we are ourselves: what is there to be read is read before patience ends. */
static void
test_a_slow_main_loop_keeps_the_order (Fixture *fixture, gconstpointer data)
{
  KliveArrival *a = klive_arrivals_add (fixture->arrivals);
  KliveArrival *b = klive_arrivals_add (fixture->arrivals);
  klive_arrival_ready (b, run, (gpointer) "b");
  g_usleep (50000);
  g_timeout_add (0, come_late, a);
  while (strlen (current->str) < 2)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpstr (current->str, ==, "ab");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/arrivals/" name, Fixture, NULL, set_up, func, tear_down)
  ADD ("in-order", test_in_order);
  ADD ("the-second-is-read-first", test_the_second_is_read_first);
  ADD ("one-before-it-has-no-order", test_one_before_it_has_no_order);
  ADD ("a-silent-one-does-not-stop-the-others", test_a_silent_one_does_not_stop_the_others);
  ADD ("a-slow-main-loop-keeps-the-order", test_a_slow_main_loop_keeps_the_order);
  return g_test_run ();
}
