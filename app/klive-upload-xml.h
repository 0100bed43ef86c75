/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kaltura-config.h"
#include "kaltura-job.h"
#include "klive-spool.h"

G_BEGIN_DECLS

/*
 * The files by which the media server of 2014 handed recordings to a script instead of the API (gst/kaltura/API.md
 * "Upload XML"), byte for byte.
 */

/* Seconds as Java prints a float: "900.0", "0.04", "1.2345679E7". */
char *klive_upload_xml_format_duration (double seconds);
/* The whole file. */
char *klive_upload_xml_render (const KalturaJob *job, KalturaWorkMode work_mode);

/*
 * Writes the file of @job into @directory, as ENTRY_MILLISECONDS.xml. Its name is noted in the job, which is saved in
 * @spool before: a job that is written twice has one file. Errors: G_FILE_ERROR.
 */
gboolean klive_upload_xml_write (KalturaJob *job, KliveSpool *spool, const char *directory, KalturaWorkMode work_mode,
    GError **error);

G_END_DECLS
