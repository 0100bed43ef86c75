/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kaltura-config.h"
#include "klive-wire.h"

G_BEGIN_DECLS

/*
 * The worker process of one entry and index, and the wire to it: started, or found running and adopted; watched; ended.
 * Main thread.
 */
typedef struct _KliveChild KliveChild;

typedef enum {
  KLIVE_CHILD_ENDED,   /* exit code 0 */
  KLIVE_CHILD_DIED,    /* anything else, also a worker that had to be killed */
  KLIVE_CHILD_UNKNOWN, /* an adopted one is gone: it was another's child, nobody knows its exit code */
} KliveChildEnd;

typedef struct {
  /* The worker is gone. klive_child_start_later() or klive_child_free() are fine from here. */
  void (*exited) (KliveChild *child, KliveChildEnd end, gpointer user_data);
} KliveChildEvents;

KliveChild *klive_child_new (const KalturaConfig *config, const char *entry_id, gint index,
    const KliveChildEvents *events, gpointer user_data);
/* A worker that runs goes on. */
void klive_child_free (KliveChild *child);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveChild, klive_child_free)

/* Starts the worker. Nothing happens while one runs or is about to be started. */
gboolean klive_child_start (KliveChild *child, GError **error);
/* The same after the backoff of a worker that has died; failures are logged and tried again. */
void klive_child_start_later (KliveChild *child);
/* A worker of an earlier launcher runs as @pid and is to connect soon; killed if it does not. */
void klive_child_expect (KliveChild *child, GPid pid);
/* Whether @pid runs and is the worker of this entry, by its arguments. */
gboolean klive_child_is_worker (const char *entry_id, gint index, GPid pid);

/* Takes @wire, on which the hello of this worker has come. FALSE: another worker is in charge, the wire was not taken.
 * */
gboolean klive_child_connect (KliveChild *child, KliveWire *wire, GPid pid);
/* The wire has closed. The worker is to connect again, or to end. */
void klive_child_disconnect (KliveChild *child);

/* Sends @message (transfer full); dropped while no worker is connected. */
void klive_child_send (KliveChild *child, JsonObject *message);
/* Asks the worker to end in order; killed after @timeout_ms. */
void klive_child_end (KliveChild *child, const char *reason, guint timeout_ms);

GPid klive_child_get_pid (const KliveChild *child); /* 0 = none */
gboolean klive_child_is_connected (const KliveChild *child);
gboolean klive_child_is_ending (const KliveChild *child);
guint klive_child_get_restarts (const KliveChild *child);

G_END_DECLS
