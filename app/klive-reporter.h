/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kaltura-client.h"
#include "kaltura-config.h"

G_BEGIN_DECLS

/*
 * Tells Kaltura that this media server is here: at start, every status-interval, and when the API does not know us
 * (MEDIA_SERVER_NOT_FOUND). Main thread.
 */
typedef struct _KliveReporter KliveReporter;

KliveReporter *klive_reporter_new (const KalturaConfig *config, KalturaClient *client);
void klive_reporter_free (KliveReporter *reporter);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveReporter, klive_reporter_free)

/* The first report now, the others on time. */
void klive_reporter_start (KliveReporter *reporter);

/*
 * One report out of turn; calls at the same time share one, and none goes out within 1 s of a good one. @callback
 * (nullable) comes when it is done, well or not; never after klive_reporter_free().
 */
void klive_reporter_report_now (KliveReporter *reporter, GSourceFunc callback, gpointer user_data);
/* The caller of klive_reporter_report_now() with @user_data does not wait any longer. */
void klive_reporter_forget (KliveReporter *reporter, gpointer user_data);

/* (transfer none) (nullable): what the last report failed with. */
const GError *klive_reporter_get_error (const KliveReporter *reporter);

G_END_DECLS
