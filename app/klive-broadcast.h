/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kaltura-client.h"
#include "klive-child.h"
#include "klive-entry.h"
#include "klive-folder.h"
#include "klive-refusals.h"
#include "klive-reporter.h"

G_BEGIN_DECLS

/*
 * One broadcast with all that belongs to it: the state machine (KliveEntry), the worker (KliveChild), what the worker
 * asks for (KliveRequests), the record on disk. It lives from the first admitted publisher, or from the record of an
 * earlier launcher's worker, until its worker has ended and nobody publishes. Main thread.
 */
typedef struct _KliveBroadcast KliveBroadcast;

/* Counters since the start, of all broadcasts. */
typedef struct {
  guint64 started; /* workers */
  guint64 died;    /* workers that ended otherwise than in order */
  guint64 adopted;
  guint64 profiles; /* fetched */
  guint64 profile_failures;
} KliveBroadcastCounters;

/* What all broadcasts share. Nothing is owned; all outlives them. */
typedef struct {
  const KalturaConfig *config;
  KalturaClient *client;
  KliveRefusals *refusals;
  KliveReporter *reporter;
  KliveBroadcastCounters *counters;
  /* nginx is to end @publisher; the answer is klive_entry_dropped(). */
  void (*drop) (KliveBroadcast *broadcast, const KlivePublisher *publisher, gpointer user_data);
  /* It is on air, off air, known again: the plain URL may have to move. */
  void (*changed) (KliveBroadcast *broadcast, gpointer user_data);
  /* Its end: free it. Its record says when its folder is to go; klive_broadcast_steal_record() has it. */
  void (*over) (KliveBroadcast *broadcast, gpointer user_data);
  gpointer user_data;
} KliveBroadcastContext;

/* @record: (transfer full). @info: (transfer full) (nullable): the answer of liveStream.authenticate. */
KliveBroadcast *klive_broadcast_new (const KliveBroadcastContext *context, KliveRecord *record, KalturaEntry *info);
/* A worker that runs goes on. */
void klive_broadcast_free (KliveBroadcast *broadcast);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveBroadcast, klive_broadcast_free)

KliveEntry *klive_broadcast_get_entry (KliveBroadcast *broadcast);
KliveRecord *klive_broadcast_steal_record (KliveBroadcast *broadcast);

/* How long an ended broadcast stays readable, s: as long as the window that its playlists show. */
gint64 klive_broadcast_get_window (const KalturaConfig *config, const KalturaEntry *info);

/* The worker of the record runs, and is to connect soon. */
void klive_broadcast_expect_worker (KliveBroadcast *broadcast);
/*
 * A publisher was admitted: @info (transfer full) replaces what was known. Returns its new name, NULL with @error when
 * no worker can be started; then klive_broadcast_is_idle() may be true. @on_open as for klive_entry_open().
 */
const char *klive_broadcast_open (KliveBroadcast *broadcast, const KliveHook *hook, KalturaEntry *info, gint64 serial,
    KliveOpenFunc on_open, gpointer user_data, GError **error);
/* Nobody publishes, and no worker runs. */
gboolean klive_broadcast_is_idle (const KliveBroadcast *broadcast);

/* @hello came on @wire from process @pid. FALSE: another worker is in charge. TRUE: the wire is taken. */
gboolean klive_broadcast_connect (KliveBroadcast *broadcast, KliveWire *wire, GPid pid, JsonObject *hello);
void klive_broadcast_disconnect (KliveBroadcast *broadcast);
void klive_broadcast_message (KliveBroadcast *broadcast, JsonObject *message);

/* @message (transfer full) for the worker. FALSE: it is lost, there is no worker. */
gboolean klive_broadcast_send (KliveBroadcast *broadcast, JsonObject *message);
/*
 * Whether the plain URLs, which show the other index, may show this one: its worker has prepared its lists for players
 * that come from there. Asks it to if need be; its answer is context->changed(). A worker that does not answer is not
 * waited for longer than 10 s.
 */
gboolean klive_broadcast_take_plain (KliveBroadcast *broadcast);
/* The plain URLs stay where they are, or have moved. */
void klive_broadcast_forget_plain (KliveBroadcast *broadcast);
/* A fresh session string for the worker. */
void klive_broadcast_renew_ks (KliveBroadcast *broadcast);
/* Ends the worker, now or as soon as it connects; killed after @timeout_ms. Then it is over. */
void klive_broadcast_end (KliveBroadcast *broadcast, guint timeout_ms);

/* For the status page. (transfer full) */
JsonObject *klive_broadcast_describe (KliveBroadcast *broadcast);

G_END_DECLS
