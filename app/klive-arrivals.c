/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The order of hooks. Used by klive-http.c.
 *
 * What nginx has written earlier is in the kernel before what it writes later, so it is enough to let the main loop
   read
 * everything that is there: patience ends in a source of low priority, which runs when nothing else is to be read.
 */
#include "klive-arrivals.h"

struct _KliveArrival {
  KliveArrivals *arrivals; /* NULL: out of the order */
  GFunc run;               /* NULL: its request has not come yet */
  gpointer data;
  gint64 time; /* of the connection, monotonic, us */
};

struct _KliveArrivals {
  GQueue queue;   /* of KliveArrival, by time */
  guint patience; /* ms */
  guint timer;
};

static gboolean lose_patience (gpointer data);

static void
remove_link (KliveArrivals *arrivals, GList *link)
{
  g_free (link->data);
  g_queue_delete_link (&arrivals->queue, link);
}

/* Runs what is ready and has nobody before it. */
static void
run_in_turn (KliveArrivals *arrivals)
{
  KliveArrival *first;
  while ((first = g_queue_peek_head (&arrivals->queue)) && first->run) {
    GFunc run = first->run;
    gpointer data = first->data;
    remove_link (arrivals, arrivals->queue.head);
    run (data, NULL);
  }
  gboolean waiting = FALSE;
  for (GList *link = arrivals->queue.head; link && !waiting; link = link->next)
    waiting = ((KliveArrival *) link->data)->run != NULL;
  if (waiting && !arrivals->timer)
    arrivals->timer = g_timeout_add_full (G_PRIORITY_LOW, arrivals->patience, lose_patience, arrivals, NULL);
}

static gboolean
lose_patience (gpointer data)
{
  KliveArrivals *arrivals = data;
  gint64 since = g_get_monotonic_time () - arrivals->patience * G_TIME_SPAN_MILLISECOND;
  arrivals->timer = 0;
  for (GList *link = arrivals->queue.head, *next; link; link = next) {
    KliveArrival *arrival = link->data;
    next = link->next;
    if (!arrival->run && arrival->time <= since) {
      g_queue_unlink (&arrivals->queue, link);
      g_list_free_1 (link);
      arrival->arrivals = NULL; /* whoever has it may still use it */
    }
  }
  run_in_turn (arrivals);
  return G_SOURCE_REMOVE;
}

KliveArrival *
klive_arrivals_add (KliveArrivals *arrivals)
{
  KliveArrival *arrival = g_new0 (KliveArrival, 1);
  arrival->arrivals = arrivals;
  arrival->time = g_get_monotonic_time ();
  g_queue_push_tail (&arrivals->queue, arrival);
  return arrival;
}

void
klive_arrival_ready (KliveArrival *arrival, GFunc run, gpointer data)
{
  if (!arrival->arrivals) {
    g_free (arrival);
    run (data, NULL);
    return;
  }
  arrival->run = run;
  arrival->data = data;
  run_in_turn (arrival->arrivals);
}

void
klive_arrival_free (KliveArrival *arrival)
{
  KliveArrivals *arrivals = arrival->arrivals;
  if (arrivals)
    g_queue_remove (&arrivals->queue, arrival);
  g_free (arrival);
  if (arrivals)
    run_in_turn (arrivals);
}

KliveArrivals *
klive_arrivals_new (guint patience)
{
  KliveArrivals *arrivals = g_new0 (KliveArrivals, 1);
  g_queue_init (&arrivals->queue);
  arrivals->patience = patience;
  return arrivals;
}

void
klive_arrivals_free (KliveArrivals *arrivals)
{
  g_clear_handle_id (&arrivals->timer, g_source_remove);
  KliveArrival *arrival;
  while ((arrival = g_queue_pop_head (&arrivals->queue))) {
    arrival->arrivals = NULL;
    if (arrival->run)
      g_free (arrival);
  }
  g_free (arrivals);
}
