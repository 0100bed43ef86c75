/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "klive-supervisor.h"
#include "klive-sync-schedule.h"

G_BEGIN_DECLS

/*
 * The SOAP services that Kaltura calls on its media servers ([server] soap-listen; port 888 by custom):
 *
 *   live.splitRecordingNow (liveEntryId)                          ends the recorded files of the entry here and now
 *   cuePoints.createTimeCuePoints (liveEntryId, interval, duration)   sync points from now on, times in s
 *
 *   GET  /live?wsdl   /cuePoints?wsdl    the description
 *   POST /live        /cuePoints         a call; the answer is "true" or, with status 500, a fault
 *
 * For this machine and [server] soap-allow; there is no other authentication. Main thread.
 */
typedef struct _KliveServices KliveServices;

/* Nothing is owned. Error: soap-listen cannot be had; the message names it. */
KliveServices *klive_services_new (const KalturaConfig *config, KliveSupervisor *supervisor,
    KliveSyncSchedule *schedule, GError **error);
void klive_services_free (KliveServices *services);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveServices, klive_services_free)

G_END_DECLS
