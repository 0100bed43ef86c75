/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>
#include "kaltura-entry.h"
#include "klive-hook.h"

G_BEGIN_DECLS

/*
 * One broadcast as the launcher sees it: an entry and its index (0 primary, 1 backup), who publishes, and what its
 * worker has said. A state machine without I/O: events come in as calls, wishes go out through KliveEntryActions. Every
 * event may come twice, late, or for somebody long gone.
 *
 * A publisher is known by its serial (ours, strictly increasing) and by nginx's client id. nginx gives it the name
 * "ENTRY_N@INDEX-SERIAL", so two of one stream can be there at a time; once the newer gives data, the older is dropped.
 */
typedef struct _KliveEntry KliveEntry;

/* How a publisher came to its end, as the worker is told: "stop", "lost", "kick", "replaced". */
typedef enum { KLIVE_CAUSE_STOP, KLIVE_CAUSE_LOST, KLIVE_CAUSE_KICK, KLIVE_CAUSE_REPLACED } KliveCause;

/* What becomes of a publisher that waits for its answer. */
typedef enum {
  KLIVE_OPEN_READY,  /* the worker reads: answer nginx now */
  KLIVE_OPEN_FAILED, /* the worker cannot read it */
  KLIVE_OPEN_GONE,   /* the encoder left, or the entry ended */
} KliveOpenResult;

typedef void (*KliveOpenFunc) (KliveOpenResult result, gpointer user_data);

typedef struct {
  gint64 serial; /* Unix ms, or a little more: never the same twice */
  char *stream;  /* "0_rkij47dr_1" */
  char *name;    /* "0_rkij47dr_1@0-1763812345678" */
  char *app;     /* "kLive/" */
  char *address; /* of the encoder; NULL when unknown (adopted) */
  guint64 client_id;
  gint64 since;      /* Unix s */
  gboolean answered; /* nginx has let it in */
  gboolean live;     /* media has come */
  gboolean dropping; /* nginx was told to end it; @cause is set */
  KliveCause cause;
  KliveOpenFunc on_open; /* waits for its answer; NULL afterwards */
  gpointer user_data;
} KlivePublisher;

typedef struct {
  /* @message (transfer full) is for the worker; only while it is connected. */
  void (*send) (KliveEntry *entry, JsonObject *message, gpointer user_data);
  /* nginx is to end this publisher. The answer is klive_entry_dropped(). */
  void (*drop) (KliveEntry *entry, const KlivePublisher *publisher, gpointer user_data);
  /* @publisher has thrown out an older one. */
  void (*replaced) (KliveEntry *entry, const KlivePublisher *publisher, gpointer user_data);
} KliveEntryActions;

/* @info (transfer full): what liveStream.authenticate answered; NULL for an adopted worker until it is known. */
KliveEntry *klive_entry_new (const char *id, gint index, KalturaEntry *info, const KliveEntryActions *actions,
    gpointer user_data);
/* Publishers that still wait get KLIVE_OPEN_GONE. */
void klive_entry_free (KliveEntry *entry);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveEntry, klive_entry_free)

const char *klive_entry_get_id (const KliveEntry *entry);
gint klive_entry_get_index (const KliveEntry *entry);
const KalturaEntry *klive_entry_get_info (const KliveEntry *entry); /* (nullable) */
/* A later answer of the API, (transfer full); the worker is told when it is connected. */
void klive_entry_set_info (KliveEntry *entry, KalturaEntry *info);

/* --- publishers, from nginx --- */

/* A publisher was admitted. @on_open comes once, unless klive_entry_let_in() comes first. */
const KlivePublisher *klive_entry_open (KliveEntry *entry, const KliveHook *hook, gint64 serial, KliveOpenFunc on_open,
    gpointer user_data);
/* nginx gets its 302 for @serial; @on_open does not come any more. */
void klive_entry_let_in (KliveEntry *entry, gint64 serial);
/* The one of this connection is gone. done: it was stopped; disconnect first: it was lost. FALSE: none is known. */
gboolean klive_entry_gone (KliveEntry *entry, guint64 client_id, KliveHookCall call);
/* The answer to a drop: how many nginx has dropped; 0 = it was gone already. */
void klive_entry_dropped (KliveEntry *entry, gint64 serial, guint count);
/* nginx died, and everybody with it. */
void klive_entry_lose_all (KliveEntry *entry);
/* nginx published @names (a set) when it was asked: whoever had been let in by then (serial up to @last) and is not
 * among them is lost. */
void klive_entry_keep (KliveEntry *entry, GHashTable *names, gint64 last);
/* Drops everybody, or who publishes @stream (nullable). Returns how many. */
guint klive_entry_kick (KliveEntry *entry, const char *stream);

/* --- the worker --- */

/* Its hello: sessions that it does not know are opened, those that are over for us are ended, and with @adopt those
 * that we do not know are taken over. Send "welcome" before. */
void klive_entry_worker_connected (KliveEntry *entry, JsonObject *hello, gboolean adopt);
void klive_entry_worker_disconnected (KliveEntry *entry);
/* session-ready, session-failed, session-live, registered, unregistered, status. Others are not for this. */
void klive_entry_worker_message (KliveEntry *entry, JsonObject *message);

/* --- what is known --- */

guint klive_entry_count_publishers (const KliveEntry *entry);
const KlivePublisher *klive_entry_get_publisher (const KliveEntry *entry, guint n);
/* (nullable): the newest one of @stream that is let in. */
const KlivePublisher *klive_entry_find_stream (const KliveEntry *entry, const char *stream);
gint64 klive_entry_get_last_serial (const KliveEntry *entry);
/* "starting", "idle", "on-air", "grace": the worker's word. */
const char *klive_entry_get_state (const KliveEntry *entry);
gboolean klive_entry_is_registered (const KliveEntry *entry);
/* On air with a master playlist. */
gboolean klive_entry_is_playing (const KliveEntry *entry);
JsonObject *klive_entry_get_status (const KliveEntry *entry); /* (transfer none) (nullable): the worker's last */

G_END_DECLS
