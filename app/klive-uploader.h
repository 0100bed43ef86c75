/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>
#include "kaltura-config.h"

G_BEGIN_DECLS

/*
 * Brings recordings to Kaltura: finds their jobs in the spool, repairs what a crash has left, hands over one after the
 * other, tries again what may pass, puts aside what never will. Works on a thread of its own, with a client of its own,
 * because it waits for the disk; the functions here never do. Main thread.
 */
typedef struct _KliveUploader KliveUploader;

/* Makes the folders of recordings and spool. Error: G_FILE_ERROR. */
KliveUploader *klive_uploader_new (const KalturaConfig *config, GError **error);
/* Leaves what is under way; the next uploader goes on with it. At most 0.7 s. */
void klive_uploader_free (KliveUploader *uploader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveUploader, klive_uploader_free)

/* Looks into the spool now; otherwise it does when a file there changes, and every 30 s. */
void klive_uploader_scan (KliveUploader *uploader);

/*
 * What an asset's newest recording waits for, because Kaltura is told which chunk is a broadcast's last one (not by the
 * API of 2014: nothing waits there). runs: it is not over; a later recording of the same asset tells that this was not
 * the last. over: the broadcast has ended, and its worker with it.
 */
void klive_uploader_broadcast_runs (KliveUploader *uploader, const char *entry_id, gint server_index);
void klive_uploader_broadcast_is_over (KliveUploader *uploader, const char *entry_id, gint server_index);
/* All broadcasts that none of these was called for are over: some time after a start. */
void klive_uploader_others_are_over (KliveUploader *uploader);

/* Figures since the start, and of now. */
typedef struct {
  guint recording; /* recordings that are being written */
  guint pending;   /* closed ones that Kaltura has not got */
  guint failed;    /* in failed/ */
  guint64 handed_over;
  guint64 retries;
} KliveUploaderFigures;

void klive_uploader_get_figures (KliveUploader *uploader, KliveUploaderFigures *figures);
/*
 * For the status page: {"recording", "pending", "failed", "handedOver", "retries", "jobs": [{"file", "entry", "asset",
 * "index", "duration", "step", "size", "uploaded", "attempts", "reason"}]}. (transfer full)
 */
JsonObject *klive_uploader_describe (KliveUploader *uploader);

/* For tests. */
typedef struct {
  const char *launcher; /* the program that finishes files */
  guint64 piece_size;   /* bytes, 0 = as usual */
  guint backoff;        /* ms, of the first retry, 0 = as usual */
  guint settle_time;    /* ms, as in klive-handover.h, 0 = as usual */
  guint missing_time;   /* ms, as in klive-handover.h, 0 = as usual */
} KliveUploaderOptions;

KliveUploader *klive_uploader_new_full (const KalturaConfig *config, const KliveUploaderOptions *options,
    GError **error);

G_END_DECLS
