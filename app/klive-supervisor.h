/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "klive-admission.h"
#include "klive-broadcast.h"
#include "klive-nginx.h"
#include "klive-uploader.h"

G_BEGIN_DECLS

/*
 * All broadcasts of this machine: who is on air, their workers' wires, the plain URLs, the folders of what has ended;
 * adoption after a restart. Main thread.
 */
typedef struct _KliveSupervisor KliveSupervisor;

/* Nothing but @client is owned; all must outlive the supervisor. */
KliveSupervisor *klive_supervisor_new (const KalturaConfig *config, KalturaClient *client, KliveNginx *nginx,
    KliveRefusals *refusals, KliveReporter *reporter, KliveUploader *uploader);
/* Workers that run go on. */
void klive_supervisor_free (KliveSupervisor *supervisor);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveSupervisor, klive_supervisor_free)

/* Listens for workers, looks for those of an earlier launcher and for folders that are due. */
gboolean klive_supervisor_start (KliveSupervisor *supervisor, GError **error);

/*
 * Draining: new broadcasts are refused, those that are here go on, their encoders may come back. Not kept over a
 * restart.
 */
void klive_supervisor_set_draining (KliveSupervisor *supervisor, gboolean draining);
gboolean klive_supervisor_is_draining (const KliveSupervisor *supervisor);

/* NULL when @hook, a proper publish, may come in as far as this machine is concerned; else why not. */
KliveRefusal *klive_supervisor_refuse (KliveSupervisor *supervisor, const KliveHook *hook);
/*
 * An admitted publisher: its broadcast is made when it is not there, its worker started, the session opened. @info
 * (transfer full). @on_open comes once, later, unless klive_supervisor_let_in() comes first; it gets @user_data.
 * Returns the new name for nginx, NULL with @error when no worker can be started.
 */
const char *klive_supervisor_open (KliveSupervisor *supervisor, const KliveHook *hook, KalturaEntry *info,
    KliveOpenFunc on_open, gpointer user_data, GError **error);
/* nginx gets its 302 with @name. */
void klive_supervisor_let_in (KliveSupervisor *supervisor, const char *name);
/* publish_done or disconnect of a connection; most are nobody's. */
void klive_supervisor_gone (KliveSupervisor *supervisor, const KliveHook *hook);

/* From klive-nginx.c: it listens (again); it died. */
void klive_supervisor_nginx_ready (KliveSupervisor *supervisor);
void klive_supervisor_nginx_lost (KliveSupervisor *supervisor);

/* Ends every worker, in order, each killed after @timeout_ms. @done from the main loop when none is left. */
void klive_supervisor_end (KliveSupervisor *supervisor, guint timeout_ms, GSourceFunc done, gpointer user_data);

/*
 * The recordings of the entry, of both indexes, begin new files: all renditions of an index at the same keyframe.
 * Returns how many workers have been told, 0 when the entry is not on air here.
 */
guint klive_supervisor_split (KliveSupervisor *supervisor, const char *entry_id);

/* (nullable): the broadcast of this entry and index (0 or 1), valid until the main loop runs again. */
KliveBroadcast *klive_supervisor_find (KliveSupervisor *supervisor, const char *entry_id, gint index);
/* For the status page: every broadcast, by entry and index. (transfer full) array of objects. */
JsonArray *klive_supervisor_describe (KliveSupervisor *supervisor);
const KliveBroadcastCounters *klive_supervisor_get_counters (const KliveSupervisor *supervisor);

G_END_DECLS
