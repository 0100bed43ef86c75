/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How elements take part in a registration (gstkalturaregistration.c): each of these changes what is the case and wakes
 * the thread "kaltura". Called from any thread; only leaving and asking wait, and both for a time only.
 */
#include "gstkalturamember.h"

#include <kaltura-live.h>

#include "gstkalturaregistration.h"

GstKalturaMember *
gst_kaltura_member_join (const GstKalturaSession *session, GstKalturaMemberKind kind,
    const GstKalturaMemberSettings *settings, GstElement *element)
{
  GstKalturaMember *member = g_new0 (GstKalturaMember, 1);
  member->service = gst_kaltura_service_get ();
  member->kind = kind;
  member->settings = *settings;
  member->element = element;

  g_mutex_lock (&gst_kaltura_registration_lock);
  GstKalturaRegistration *registration = gst_kaltura_registration_get (session, member->service);
  member->registration = registration;
  registration->members = g_list_prepend (registration->members, member);
  registration->staying++;
  g_mutex_unlock (&gst_kaltura_registration_lock);

  gst_kaltura_member_renew (member, session);
  return member;
}

/* Lock. Waits for the end of an entry that nobody is left in, or for somebody who comes. */
static void
wait_for_end (GstKalturaRegistration *registration, gint64 timeout)
{
  gint64 end = g_get_monotonic_time () + timeout;
  while (!registration->over && registration->staying == 0 &&
      g_cond_wait_until (&gst_kaltura_registration_changed, &gst_kaltura_registration_lock, end)) {
    continue;
  }
}

void
gst_kaltura_member_leave (GstKalturaMember *member)
{
  GstKalturaRegistration *registration = member->registration;
  while (member->tracks > 0) {
    gst_kaltura_member_end_track (member);
  }
  g_mutex_lock (&gst_kaltura_registration_lock);
  if (--registration->staying == 0) {
    gst_kaltura_registration_wake (registration);
    wait_for_end (registration, registration->session->timeout * G_USEC_PER_SEC);
  }
  if (registration->staying == 0 && !registration->over) {
    GST_WARNING ("entry %s: no answer in time, leaving", registration->session->entry_id);
    registration->given_up = TRUE;
    gst_kaltura_registration_wake (registration);
  }
  registration->members = g_list_remove (registration->members, member);
  g_mutex_unlock (&gst_kaltura_registration_lock);

  gst_kaltura_registration_unref (registration);
  gst_kaltura_service_unref (member->service);
  g_free (member);
}

void
gst_kaltura_member_renew (GstKalturaMember *member, const GstKalturaSession *session)
{
  GstKalturaRegistration *registration = member->registration;
  g_mutex_lock (&gst_kaltura_registration_lock);
  if (session->ks != NULL && g_strcmp0 (session->ks, registration->session->ks) != 0) {
    g_free (registration->session->ks);
    registration->session->ks = g_strdup (session->ks);
    registration->renewed = TRUE;
  }
  g_mutex_unlock (&gst_kaltura_registration_lock);
  gst_kaltura_registration_wake (registration);
}

void
gst_kaltura_member_begin_track (GstKalturaMember *member)
{
  GstKalturaRegistration *registration = member->registration;
  g_mutex_lock (&gst_kaltura_registration_lock);
  member->tracks++;
  if (registration->tracks++ == 0) {
    registration->tracks_began = g_get_monotonic_time ();
  }
  registration->begun = registration->registered && registration->session->api == KALTURA_API_CURRENT;
  g_mutex_unlock (&gst_kaltura_registration_lock);
  gst_kaltura_registration_wake (registration);
}

void
gst_kaltura_member_end_track (GstKalturaMember *member)
{
  GstKalturaRegistration *registration = member->registration;
  g_mutex_lock (&gst_kaltura_registration_lock);
  if (member->tracks > 0) {
    member->tracks--;
    if (--registration->tracks == 0) {
      registration->tracks_ended = g_get_monotonic_time ();
    }
  }
  g_mutex_unlock (&gst_kaltura_registration_lock);
  gst_kaltura_registration_wake (registration);
}

gboolean
gst_kaltura_member_is_registered (GstKalturaMember *member)
{
  g_mutex_lock (&gst_kaltura_registration_lock);
  gboolean registered = member->registration->registered;
  g_mutex_unlock (&gst_kaltura_registration_lock);
  return registered;
}

/* Authentication */

/* A question of a streaming thread. */
typedef struct {
  gint refs; /* atomic */
  GstKalturaRegistration *registration;
  char *token;
  GCancellable *cancellable;

  GMutex lock;
  GCond answered;
  gboolean done;
  KalturaEntry *answer;
  GError *error;
} Question;

static void
question_unref (gpointer data)
{
  Question *question = data;
  if (!g_atomic_int_dec_and_test (&question->refs)) {
    return;
  }
  gst_kaltura_registration_unref (question->registration);
  g_free (question->token);
  g_object_unref (question->cancellable);
  g_mutex_clear (&question->lock);
  g_cond_clear (&question->answered);
  g_clear_pointer (&question->answer, kaltura_entry_free);
  g_clear_error (&question->error);
  g_free (question);
}

static void
on_authenticated (GObject *source, GAsyncResult *result, gpointer data)
{
  Question *question = data;
  GstKalturaRegistration *registration = gst_kaltura_registration_ref (question->registration);
  g_mutex_lock (&question->lock);
  question->answer = kaltura_live_authenticate_finish (result, &question->error);
  question->done = TRUE;
  g_cond_signal (&question->answered);
  g_mutex_unlock (&question->lock);
  question_unref (question);
  registration->questions--;
  gst_kaltura_registration_step (registration);
  gst_kaltura_registration_unref (registration);
}

static gboolean
ask (gpointer data)
{
  Question *question = data;
  GstKalturaRegistration *registration = question->registration;
  const GstKalturaSession *session = registration->session;
  registration->questions++;
  g_atomic_int_inc (&question->refs);
  kaltura_live_authenticate_async (gst_kaltura_registration_get_client (registration), session->partner_id,
      session->entry_id, question->token, session->hostname, session->server_index, session->application,
      question->cancellable, on_authenticated, question);
  return G_SOURCE_REMOVE;
}

/* Cancelling belongs to the thread of the call: GLib 2.74 leaks sources that are cancelled while they are destroyed. */
static gboolean
cancel_question (gpointer data)
{
  g_cancellable_cancel (((Question *) data)->cancellable);
  return G_SOURCE_REMOVE;
}

/* Any thread. */
static void
on_question_cancelled (GCancellable *cancellable, gpointer data)
{
  Question *question = data;
  g_mutex_lock (&question->lock);
  g_cond_signal (&question->answered);
  g_mutex_unlock (&question->lock);
}

KalturaEntry *
gst_kaltura_member_authenticate (GstKalturaMember *member, const char *token, GCancellable *cancellable, GError **error)
{
  Question *question = g_new0 (Question, 1);
  question->refs = 2;
  question->registration = gst_kaltura_registration_ref (member->registration);
  question->token = g_strdup (token);
  question->cancellable = g_cancellable_new ();
  g_mutex_init (&question->lock);
  g_cond_init (&question->answered);
  gst_kaltura_service_invoke (member->service, ask, question, question_unref);

  gulong handler = g_cancellable_connect (cancellable, G_CALLBACK (on_question_cancelled), question, NULL);
  g_mutex_lock (&question->lock);
  while (!question->done && !g_cancellable_is_cancelled (cancellable)) {
    g_cond_wait (&question->answered, &question->lock);
  }
  KalturaEntry *answer = g_steal_pointer (&question->answer);
  if (answer == NULL && !(question->done && question->error != NULL)) {
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "cancelled");
  } else if (answer == NULL) {
    g_propagate_error (error, g_steal_pointer (&question->error));
  }
  gboolean open = !question->done;
  g_mutex_unlock (&question->lock);
  g_cancellable_disconnect (cancellable, handler);
  if (open) {
    gst_kaltura_service_invoke (member->service, cancel_question, question, question_unref);
  } else {
    question_unref (question);
  }
  return answer;
}
