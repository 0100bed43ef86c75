/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gstkalturarecorder.h"
#include "gstkalturasession.h"

G_BEGIN_DECLS

/*
 * Whose recordings these are, and what becomes of them: a job in the spool from before the first byte on, or without a
 * spool a call of Kaltura's API at the end of each. The session may come late; all else runs on the writer thread and
 * may wait for the disk, never for the network.
 */
typedef struct _GstKalturaLedger GstKalturaLedger;

/* Nullable: @asset_id (the recordings belong to nobody), @spool, @session. @element is not referenced. */
GstKalturaLedger *gst_kaltura_ledger_new (GstElement *element, const char *asset_id, const char *spool,
    const GstKalturaSession *session);
GstKalturaLedger *gst_kaltura_ledger_ref (GstKalturaLedger *ledger);
void gst_kaltura_ledger_unref (GstKalturaLedger *ledger);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstKalturaLedger, gst_kaltura_ledger_unref)

void gst_kaltura_ledger_set_session (GstKalturaLedger *ledger, const GstKalturaSession *session);

/* A recording begins, nothing is in its file yet. Returns the errno that forbids it, 0 = none. */
int gst_kaltura_ledger_open (GstKalturaLedger *ledger, const char *location);
/* It has ended; the lock on its file is still held, so that nobody takes it for a crash's meanwhile. */
void gst_kaltura_ledger_close (GstKalturaLedger *ledger, const GstKalturaRecording *recording);
/* Nothing came into it, it is about to be removed. */
void gst_kaltura_ledger_discard (GstKalturaLedger *ledger);

/* Nothing more comes: waits for answers of the API, at most the session's timeout. */
void gst_kaltura_ledger_end (GstKalturaLedger *ledger);

G_END_DECLS
