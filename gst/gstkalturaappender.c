/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Hand-over for kalturarecordsink without a spool. Added to on its writer thread, ended by its state change.
 *
 *   add ──▶ queue ──▶ appendRecording (thread "kaltura") ──▶ message, next
 */
#include "gstkalturaappender.h"

#include <kaltura-recording.h>

#include "gstkalturaregistration.h"

#define TELL_TIME 2 /* s, for what was cancelled to be told; the thread waits for nobody */

struct _GstKalturaAppender {
  gint refs; /* atomic: the owner's, and those of what is on its way to the thread or under way there */
  GstKalturaMember *member;
  GstKalturaRegistration *registration;
  GstKalturaService *service;
  GstElement *element;
  guint timeout; /* s */
  GCancellable *cancellable;

  GMutex lock;
  GCond empty;
  guint waiting; /* lock: jobs that have no answer yet */

  /* thread "kaltura" */
  GQueue jobs; /* of KalturaJob; the first one is under way */
};

static void
appender_unref (gpointer data)
{
  GstKalturaAppender *appender = data;
  if (!g_atomic_int_dec_and_test (&appender->refs)) {
    return;
  }
  g_queue_clear_full (&appender->jobs, (GDestroyNotify) kaltura_job_free);
  gst_kaltura_registration_unref (appender->registration);
  g_object_unref (appender->cancellable);
  gst_object_unref (appender->element);
  g_mutex_clear (&appender->lock);
  g_cond_clear (&appender->empty);
  g_free (appender);
}

static GstKalturaAppender *
appender_ref (GstKalturaAppender *appender)
{
  g_atomic_int_inc (&appender->refs);
  return appender;
}

GstKalturaAppender *
gst_kaltura_appender_new (const GstKalturaSession *session, GstElement *element)
{
  const GstKalturaMemberSettings settings = { 0 };
  GstKalturaAppender *appender = g_new0 (GstKalturaAppender, 1);
  appender->refs = 1;
  appender->element = gst_object_ref (element);
  appender->timeout = session->timeout;
  appender->member = gst_kaltura_member_join (session, GST_KALTURA_MEMBER_SILENT, &settings, element);
  appender->registration = gst_kaltura_registration_ref (appender->member->registration);
  appender->service = appender->member->service;
  appender->cancellable = g_cancellable_new ();
  g_mutex_init (&appender->lock);
  g_cond_init (&appender->empty);
  return appender;
}

/* Thread "kaltura" */

static void call_next (GstKalturaAppender *appender);

static void
tell (GstKalturaAppender *appender, const KalturaJob *job, const GError *error)
{
  if (error != NULL) {
    GST_ELEMENT_WARNING (appender->element, RESOURCE, FAILED, ("%s has not reached Kaltura", job->file),
        ("%s; the file stays, and is not tried again: a spool and klive-launcher would", error->message));
    return;
  }
  gst_element_post_message (appender->element,
      gst_message_new_element (GST_OBJECT (appender->element),
          gst_structure_new ("kaltura-recording-appended", "asset-id", G_TYPE_STRING, job->asset_id, "location",
              G_TYPE_STRING, job->file, "duration", G_TYPE_DOUBLE, job->duration, NULL)));
}

/* The end has waited for long enough. */
static void
give_up (GstKalturaAppender *appender, const KalturaJob *job)
{
  g_autoptr (GError) error = g_error_new (G_IO_ERROR, G_IO_ERROR_CANCELLED,
      "the end came before it was its turn, and was not put off for longer than %u s", appender->timeout);
  tell (appender, job, error);
}

static void
count_down (GstKalturaAppender *appender, guint count)
{
  g_mutex_lock (&appender->lock);
  appender->waiting -= count;
  g_cond_signal (&appender->empty);
  g_mutex_unlock (&appender->lock);
}

static void
on_appended (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GstKalturaAppender *appender = user_data;
  GstKalturaService *service = appender->service;
  g_autoptr (GError) error = NULL;
  kaltura_recording_append_finish (result, &error);
  g_autoptr (KalturaJob) job = g_queue_pop_head (&appender->jobs);
  tell (appender, job, error);
  guint count = 1;
  if (!g_cancellable_is_cancelled (appender->cancellable)) {
    call_next (appender);
  } else {
    for (; !g_queue_is_empty (&appender->jobs); count++) {
      g_autoptr (KalturaJob) left = g_queue_pop_head (&appender->jobs);
      give_up (appender, left);
    }
  }
  count_down (appender, count);
  appender_unref (appender);
  gst_kaltura_service_release (service);
}

static void
call_next (GstKalturaAppender *appender)
{
  const KalturaJob *job = g_queue_peek_head (&appender->jobs);
  if (job == NULL) {
    return;
  }
  const KalturaChunk chunk = {
    .partner_id = job->partner_id,
    .entry_id = job->entry_id,
    .asset_id = job->asset_id,
    .server_index = job->server_index,
    .path = job->file,
    .duration = job->duration,
    .last = job->last == KALTURA_LAST_YES,
  };
  gst_kaltura_service_hold (appender->service);
  kaltura_recording_append_async (gst_kaltura_registration_get_client (appender->registration), &chunk,
      appender->cancellable, on_appended, appender_ref (appender));
}

typedef struct {
  GstKalturaAppender *appender;
  KalturaJob *job;
} Addition;

static void
addition_free (gpointer data)
{
  Addition *addition = data;
  kaltura_job_free (addition->job);
  appender_unref (addition->appender);
  g_free (addition);
}

static gboolean
take (gpointer data)
{
  Addition *addition = data;
  GQueue *jobs = &addition->appender->jobs;
  if (g_queue_is_empty (jobs) && g_cancellable_is_cancelled (addition->appender->cancellable)) {
    give_up (addition->appender, addition->job);
    count_down (addition->appender, 1);
    return G_SOURCE_REMOVE;
  }
  g_queue_push_tail (jobs, g_steal_pointer (&addition->job));
  if (jobs->length == 1) {
    call_next (addition->appender);
  }
  return G_SOURCE_REMOVE;
}

/* On the thread that the call's sources are of: GLib 2.74 leaks one that ends while another thread cancels it. */
static gboolean
cancel (gpointer data)
{
  GstKalturaAppender *appender = data;
  g_cancellable_cancel (appender->cancellable);
  return G_SOURCE_REMOVE;
}

/* Any thread */

void
gst_kaltura_appender_add (GstKalturaAppender *appender, KalturaJob *job)
{
  Addition *addition = g_new (Addition, 1);
  *addition = (Addition){ appender_ref (appender), job };
  g_mutex_lock (&appender->lock);
  appender->waiting++;
  g_mutex_unlock (&appender->lock);
  gst_kaltura_service_invoke (appender->service, take, addition, addition_free);
}

static void
wait_for_answers (GstKalturaAppender *appender, guint seconds)
{
  gint64 end = g_get_monotonic_time () + seconds * G_USEC_PER_SEC;
  g_mutex_lock (&appender->lock);
  while (appender->waiting > 0 && g_cond_wait_until (&appender->empty, &appender->lock, end)) {
    continue;
  }
  g_mutex_unlock (&appender->lock);
}

void
gst_kaltura_appender_end (GstKalturaAppender *appender)
{
  wait_for_answers (appender, appender->timeout);
  gst_kaltura_service_invoke (appender->service, cancel, appender_ref (appender), appender_unref);
  wait_for_answers (appender, TELL_TIME);
  gst_kaltura_member_leave (appender->member);
  appender_unref (appender);
}
