/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The jobs of kalturarecordsink. A writer thread that hangs in the disk may come back when its element has stopped long
 * ago, so this is counted by references, and what has ended does nothing any more.
 */
#include "gstkalturaledger.h"

#include <errno.h>
#include <kaltura-job.h>

#include "gstkalturaappender.h"

struct _GstKalturaLedger {
  gint refs;      /* atomic */
  char *asset_id; /* nullable */
  char *spool;    /* nullable */

  GMutex lock;
  GstElement *element;          /* (unowned) lock; NULL = it has ended */
  GstKalturaSession *session;   /* lock; NULL = not known */
  GstKalturaAppender *appender; /* lock; NULL = none is needed yet */

  /* writer thread */
  KalturaJob *job; /* of the recording that is open, NULL = none */
};

GstKalturaLedger *
gst_kaltura_ledger_new (GstElement *element, const char *asset_id, const char *spool, const GstKalturaSession *session)
{
  GstKalturaLedger *ledger = g_new0 (GstKalturaLedger, 1);
  ledger->refs = 1;
  ledger->element = element;
  ledger->asset_id = g_strdup (asset_id);
  ledger->spool = g_strdup (spool);
  ledger->session = session != NULL ? gst_kaltura_session_copy (session) : NULL;
  g_mutex_init (&ledger->lock);
  return ledger;
}

GstKalturaLedger *
gst_kaltura_ledger_ref (GstKalturaLedger *ledger)
{
  g_atomic_int_inc (&ledger->refs);
  return ledger;
}

void
gst_kaltura_ledger_unref (GstKalturaLedger *ledger)
{
  if (!g_atomic_int_dec_and_test (&ledger->refs)) {
    return;
  }
  g_clear_pointer (&ledger->session, gst_kaltura_session_free);
  g_clear_pointer (&ledger->job, kaltura_job_free);
  g_mutex_clear (&ledger->lock);
  g_free (ledger->asset_id);
  g_free (ledger->spool);
  g_free (ledger);
}

void
gst_kaltura_ledger_set_session (GstKalturaLedger *ledger, const GstKalturaSession *session)
{
  g_mutex_lock (&ledger->lock);
  g_clear_pointer (&ledger->session, gst_kaltura_session_free);
  ledger->session = gst_kaltura_session_copy (session);
  g_mutex_unlock (&ledger->lock);
}

/* A job for the recording @location; NULL if none is to be made: nobody knows where it belongs. */
static KalturaJob *
make_job (GstKalturaLedger *ledger, const char *location)
{
  g_autofree char *absolute = g_canonicalize_filename (location, NULL);
  g_autoptr (KalturaJob) job = kaltura_job_new (absolute);
  g_mutex_lock (&ledger->lock);
  gboolean known = ledger->session != NULL && ledger->asset_id != NULL;
  if (known) {
    job->entry_id = g_strdup (ledger->session->entry_id);
    job->partner_id = ledger->session->partner_id;
    job->server_index = ledger->session->server_index;
    job->asset_id = g_strdup (ledger->asset_id);
  }
  g_mutex_unlock (&ledger->lock);
  return known ? g_steal_pointer (&job) : NULL;
}

/* Without a spool there is nothing to fail. */
static int
save_job (GstKalturaLedger *ledger)
{
  g_autoptr (GError) error = NULL;
  if (ledger->spool == NULL || kaltura_job_save (ledger->job, ledger->spool, &error)) {
    return 0;
  }
  GST_WARNING ("%s", error->message);
  return error->code == G_FILE_ERROR_NOSPC ? ENOSPC : EIO;
}

int
gst_kaltura_ledger_open (GstKalturaLedger *ledger, const char *location)
{
  g_clear_pointer (&ledger->job, kaltura_job_free);
  ledger->job = make_job (ledger, location);
  int error = ledger->job != NULL ? save_job (ledger) : 0;
  if (error != 0) {
    g_clear_pointer (&ledger->job, kaltura_job_free);
  }
  return error;
}

/* Kaltura is told by the element itself. Takes @job. */
static void
append (GstKalturaLedger *ledger, KalturaJob *job)
{
  g_mutex_lock (&ledger->lock);
  if (ledger->appender == NULL && ledger->element != NULL) {
    ledger->appender = gst_kaltura_appender_new (ledger->session, ledger->element);
  }
  if (ledger->appender != NULL) {
    gst_kaltura_appender_add (ledger->appender, g_steal_pointer (&job));
  }
  g_mutex_unlock (&ledger->lock);
  g_clear_pointer (&job, kaltura_job_free);
}

void
gst_kaltura_ledger_close (GstKalturaLedger *ledger, const GstKalturaRecording *recording)
{
  KalturaJob *job = ledger->job;
  if (job == NULL) {
    return;
  }
  job->state = KALTURA_JOB_CLOSED;
  job->duration = recording->duration;
  if (ledger->spool == NULL) {
    job->last = recording->last ? KALTURA_LAST_YES : KALTURA_LAST_NO;
    append (ledger, g_steal_pointer (&ledger->job));
    return;
  }
  /* Whether it is the last one shows when another begins, or the broadcast is over: nothing may come behind any. If the
   * job cannot be saved, that from the beginning is still there: whoever finds it sees that nobody writes the file. */
  save_job (ledger);
  g_clear_pointer (&ledger->job, kaltura_job_free);
}

void
gst_kaltura_ledger_discard (GstKalturaLedger *ledger)
{
  g_autoptr (GError) error = NULL;
  if (ledger->spool != NULL && ledger->job != NULL && !kaltura_job_remove (ledger->job, ledger->spool, &error)) {
    GST_WARNING ("%s", error->message);
  }
  g_clear_pointer (&ledger->job, kaltura_job_free);
}

void
gst_kaltura_ledger_end (GstKalturaLedger *ledger)
{
  g_mutex_lock (&ledger->lock);
  GstKalturaAppender *appender = g_steal_pointer (&ledger->appender);
  ledger->element = NULL;
  g_mutex_unlock (&ledger->lock);
  if (appender != NULL) {
    gst_kaltura_appender_end (appender);
  }
}
