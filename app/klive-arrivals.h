/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * Brings requests into the order in which their connections came. nginx makes a connection for each hook and what tells
   a
 * stop from a loss is the order of two of them, one millisecond apart; but a server under load may read the second one
 * first. Main thread.
 */
typedef struct _KliveArrivals KliveArrivals;
typedef struct _KliveArrival KliveArrival;

/* @patience: ms that a request which has come may wait for earlier connections that say nothing. */
KliveArrivals *klive_arrivals_new (guint patience);
/* Nothing more runs. */
void klive_arrivals_free (KliveArrivals *arrivals);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveArrivals, klive_arrivals_free)

/* A connection was accepted. (transfer full): to one of the two below; @arrivals may be freed before. */
KliveArrival *klive_arrivals_add (KliveArrivals *arrivals);
/* Its request has come: @run is called in its turn, now or later. */
void klive_arrival_ready (KliveArrival *arrival, GFunc run, gpointer data);
/* It is not of those that have an order, or is gone. */
void klive_arrival_free (KliveArrival *arrival);

G_END_DECLS
