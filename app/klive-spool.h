/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kaltura-job.h"

G_BEGIN_DECLS

/*
 * The folder of recordings that are on their way to Kaltura: a job file for each (kaltura-job.h), and the folder
 * failed/ for those that Kaltura will never take, with the reason in the job. Blocks on the disk; one thread.
 */
typedef struct _KliveSpool KliveSpool;

/* Makes the folders. Error: G_FILE_ERROR. */
KliveSpool *klive_spool_new (const char *directory, GError **error);
void klive_spool_free (KliveSpool *spool);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveSpool, klive_spool_free)

const char *klive_spool_get_directory (const KliveSpool *spool);

/* The names of all jobs, in no order; NULL when the folder cannot be read, which is logged. */
GPtrArray *klive_spool_list (KliveSpool *spool);
/* NULL when it is not there, or no job: then it has been moved to failed/ and logged. */
KalturaJob *klive_spool_load (KliveSpool *spool, const char *name);

/* FALSE: somebody has removed the job @name. */
gboolean klive_spool_has (KliveSpool *spool, const char *name);

/* Failures are logged; FALSE then. */
gboolean klive_spool_save (KliveSpool *spool, const KalturaJob *job);
gboolean klive_spool_remove (KliveSpool *spool, const KalturaJob *job);
/* Sets the job's reason and puts it into failed/. */
gboolean klive_spool_fail (KliveSpool *spool, KalturaJob *job, const char *reason);
guint klive_spool_count_failed (KliveSpool *spool);

/* Whether somebody writes the recording of @job right now. */
gboolean klive_spool_is_recording (const KalturaJob *job);

G_END_DECLS
