/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum {
  KALTURA_JOB_RECORDING, /* somebody writes the file, or died while writing it */
  KALTURA_JOB_CLOSED,    /* the file is complete and may be handed over once it is known whether it is the last one */
  KALTURA_JOB_DONE       /* nobody needs the file any more: it is to be removed, then the job */
} KalturaJobState;

/* Whether a recording is the last chunk of its broadcast: nobody knows before the broadcast is over or goes on. */
typedef enum { KALTURA_LAST_UNKNOWN, KALTURA_LAST_NO, KALTURA_LAST_YES } KalturaLast;

/*
 * A recording on its way to Kaltura: one JSON file in the spool, written when the recording begins, before any media,
 * so that nothing is forgotten whoever dies when. Its name is that of the recording with ".json" behind:
 *
 *   {"version": 1, "state": "closed", "entryId": "0_abcd1234", "partnerId": 102, "serverIndex": 0,
 *    "assetId": "0_x8d2k1mn", "file": "/var/lib/klive/recordings/0_abcd1234.0_x8d2k1mn_0-1763812345678-00000.mp4",
 *    "created": 1763812345678, "duration": 3600.04, "last": "no", "finished": true, "attempts": 2, ...}
 *
 * kalturarecordsink writes it twice, at the beginning and the end of the file; afterwards it is the uploader's.
 */
typedef struct {
  char *name; /* of the job's file, without directory */
  KalturaJobState state;
  char *entry_id;
  gint partner_id;
  gint server_index;
  char *asset_id;
  char *file;      /* absolute */
  gint64 created;  /* Unix ms; order of an asset's chunks */
  double duration; /* s of media, once closed */
  KalturaLast last;

  /* uploader */
  gboolean finished; /* the file is a plain MP4 with its index in front */
  guint attempts;    /* failed ones in a row */
  char *token;       /* nullable: upload token of the file */
  guint64 uploaded;  /* bytes of the file behind that token */
  char *marker;      /* nullable: upload token that tells whether appendRecording was carried out */
  gboolean asked;    /* appendRecording was sent; no answer is known */
  gint64 asked_at;   /* Unix ms: when that was */
  char *xml;         /* nullable: name of the upload XML, if that is the way */
  char *reason;      /* nullable: why the last attempt failed */

  gint64 missing_since; /* Unix ms: when the file was not found first, 0 = it was there */
} KalturaJob;

/* A job in the state RECORDING, created now, for the recording @file (absolute). */
KalturaJob *kaltura_job_new (const char *file);
void kaltura_job_free (KalturaJob *job);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KalturaJob, kaltura_job_free)

/*
 * Puts the job into @directory; when this returns, it is there even if the power fails. Error: G_FILE_ERROR, of the
 * file system.
 */
gboolean kaltura_job_save (const KalturaJob *job, const char *directory, GError **error);
/* Errors: G_FILE_ERROR, KALTURA_ERROR_INPUT (not a job; the message tells the file). */
KalturaJob *kaltura_job_load (const char *path, GError **error);
/* Removes it from @directory for good. */
gboolean kaltura_job_remove (const KalturaJob *job, const char *directory, GError **error);

G_END_DECLS
