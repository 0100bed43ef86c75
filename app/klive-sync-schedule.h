/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "klive-supervisor.h"

G_BEGIN_DECLS

/*
 * The entries that get sync points at an interval, and until when. Kept in STATE/sync-points.json, so that the next
 * launcher goes on with them. Main thread.
 */
typedef struct _KliveSyncSchedule KliveSyncSchedule;

#define KLIVE_SYNC_MAX_INTERVAL 3600   /* s */
#define KLIVE_SYNC_MAX_DURATION 604800 /* s */

/* Goes on with what an earlier launcher has left. @supervisor must outlive it, and have been started. */
KliveSyncSchedule *klive_sync_schedule_new (KliveSupervisor *supervisor, const char *state_dir);
void klive_sync_schedule_free (KliveSyncSchedule *schedule);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveSyncSchedule, klive_sync_schedule_free)

/*
 * A sync point now, and one every @interval s for @duration s, in place of what was going on for the entry.
 * Error G_IO_ERROR_NOT_FOUND: nothing of the entry is on air here, or no worker of it is connected; nothing is planned.
 */
gboolean klive_sync_schedule_start (KliveSyncSchedule *schedule, const char *entry_id, guint interval, guint duration,
    GError **error);

G_END_DECLS
