/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Admission of a publisher: memory, then liveStream.authenticate; on MEDIA_SERVER_NOT_FOUND a status report and the
 * same call once more. All within one deadline. Used by klive-publish.c, in the main thread.
 */
#include "klive-admission.h"

#include "kaltura-error.h"
#include "kaltura-live.h"

#include <string.h>

#define MAX_PENDING 64 /* questions under way; encoders try again by themselves */

typedef struct {
  KliveAdmission *admission;
  const KliveHook *hook;
  KliveAdmissionFunc callback;
  gpointer user_data;
  GCancellable *cancellable;
  guint deadline;    /* source */
  gboolean reported; /* the status report was made, the next refusal is final */
} Question;

struct _KliveAdmission {
  const KalturaConfig *config; /* not owned, like the two below */
  KliveRefusals *refusals;
  KliveReporter *reporter;
  KalturaClient *client;
  GPtrArray *questions; /* of Question, not owned */
};

static void
question_free (Question *question)
{
  g_ptr_array_remove_fast (question->admission->questions, question);
  klive_reporter_forget (question->admission->reporter, question);
  g_clear_handle_id (&question->deadline, g_source_remove);
  g_cancellable_cancel (question->cancellable);
  g_object_unref (question->cancellable);
  g_free (question);
}

/* Answers and frees @question. */
static void
accept_question (Question *question, KalturaEntry *entry)
{
  KliveAdmissionFunc callback = question->callback;
  gpointer user_data = question->user_data;
  question_free (question);
  callback (entry, NULL, user_data);
}

static void
refuse_question (Question *question, const char *code, const char *message)
{
  KliveAdmissionFunc callback = question->callback;
  gpointer user_data = question->user_data;
  g_autoptr (KliveRefusal) refusal = klive_refusal_new (code, message);
  question_free (question);
  callback (NULL, refusal, user_data);
}

/* Whether the API will say the same to the same question for a while: about this publisher, not about us or itself. */
static gboolean
is_worth_remembering (const GError *error, const char *code)
{
  static const char *const about_us[] = { "INVALID_KS", "MISSING_KS", "MEDIA_SERVER_NOT_FOUND", NULL };
  return !kaltura_error_is_passing (error) && !g_strv_contains (about_us, code);
}

/* "CODE: message" without its code. */
static const char *
message_of (const GError *error, const char *code)
{
  gsize length = strlen (code);
  if (strncmp (error->message, code, length) == 0 && g_str_has_prefix (error->message + length, ": "))
    return error->message + length + 2;
  return error->message;
}

static void
refuse_with_error (Question *question, const GError *error)
{
  g_autofree char *code = kaltura_error_dup_api_code (error);
  if (!code) {
    refuse_question (question,
        g_error_matches (error, KALTURA_ERROR, KALTURA_ERROR_GARBAGE) ? KLIVE_REFUSED_GARBAGE
                                                                      : KLIVE_REFUSED_UNREACHABLE,
        error->message);
    return;
  }
  if (is_worth_remembering (error, code)) {
    g_autoptr (KliveRefusal) refusal = klive_refusal_new (code, message_of (error, code));
    klive_refusals_remember (question->admission->refusals, question->hook, refusal, g_get_monotonic_time ());
  }
  refuse_question (question, code, message_of (error, code));
}

static void authenticate (Question *question);

static gboolean
on_reported (gpointer data)
{
  authenticate (data);
  return G_SOURCE_REMOVE;
}

/* With the session string of partner -5 the API reads any partner's entry, so p is checked here. */
static gboolean
check_entry (Question *question, const KalturaEntry *entry)
{
  gint claimed = question->hook->broadcast->partner_id;
  if (strcmp (entry->id, question->hook->broadcast->entry_id) != 0) {
    refuse_question (question, KLIVE_REFUSED_GARBAGE, "liveStream.authenticate answered with another entry");
    return FALSE;
  }
  if (entry->partner_id && entry->partner_id != claimed) {
    g_autofree char *message = g_strdup_printf ("the entry is not of partner %d, which the parameter p names", claimed);
    g_autoptr (KliveRefusal) refusal = klive_refusal_new (KLIVE_REFUSED_PARTNER, message);
    klive_refusals_remember (question->admission->refusals, question->hook, refusal, g_get_monotonic_time ());
    refuse_question (question, KLIVE_REFUSED_PARTNER, message);
    return FALSE;
  }
  return TRUE;
}

static void
on_authenticated (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (KalturaEntry) entry = kaltura_live_authenticate_finish (result, &error);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return; /* the question is answered already */
  Question *question = data;
  if (entry) {
    if (check_entry (question, entry))
      accept_question (question, g_steal_pointer (&entry));
  } else if (!question->reported && kaltura_error_is_api_code (error, "MEDIA_SERVER_NOT_FOUND")) {
    question->reported = TRUE;
    klive_reporter_report_now (question->admission->reporter, on_reported, question);
  } else {
    refuse_with_error (question, error);
  }
}

static void
authenticate (Question *question)
{
  const KalturaConfig *config = question->admission->config;
  const KalturaBroadcast *broadcast = question->hook->broadcast;
  kaltura_live_authenticate_async (question->admission->client, broadcast->partner_id, broadcast->entry_id,
      broadcast->token, config->hostname, broadcast->server_index, config->application, question->cancellable,
      on_authenticated, question);
}

static gboolean
on_deadline (gpointer data)
{
  Question *question = data;
  question->deadline = 0;
  refuse_question (question, KLIVE_REFUSED_TIMEOUT, "the API has not answered in time");
  return G_SOURCE_REMOVE;
}

static void
ask_api (KliveAdmission *admission, const KliveHook *hook, KliveAdmissionFunc callback, gpointer user_data)
{
  Question *question = g_new0 (Question, 1);
  question->admission = admission;
  question->hook = hook;
  question->callback = callback;
  question->user_data = user_data;
  question->cancellable = g_cancellable_new ();
  question->deadline = g_timeout_add (KLIVE_ADMISSION_DEADLINE, on_deadline, question);
  g_ptr_array_add (admission->questions, question);
  authenticate (question);
}

/* What can be said without the API. */
static KliveRefusal *
refuse_by_ourselves (KliveAdmission *admission, const KliveHook *hook)
{
  if (hook->refusal)
    return klive_refusal_new (KLIVE_REFUSED_INPUT, hook->refusal->message);
  gint own = admission->config->partner_id;
  if (own > 0 && hook->broadcast->partner_id != own) {
    g_autofree char *message = g_strdup_printf ("partner %d expected in p, as klive is set up for it", own);
    return klive_refusal_new (KLIVE_REFUSED_PARTNER, message);
  }
  const KliveRefusal *known = klive_refusals_find (admission->refusals, hook, g_get_monotonic_time ());
  if (known)
    return klive_refusal_copy (known);
  if (admission->questions->len >= MAX_PENDING)
    return klive_refusal_new (KLIVE_REFUSED_BUSY, "too many publishers wait for the API");
  return NULL;
}

void
klive_admission_ask (KliveAdmission *admission, const KliveHook *hook, KliveAdmissionFunc callback, gpointer user_data)
{
  g_autoptr (KliveRefusal) refusal = refuse_by_ourselves (admission, hook);
  if (refusal)
    callback (NULL, refusal, user_data);
  else
    ask_api (admission, hook, callback, user_data);
}

guint
klive_admission_get_pending (const KliveAdmission *admission)
{
  return admission->questions->len;
}

KliveAdmission *
klive_admission_new (const KalturaConfig *config, KalturaClient *client, KliveRefusals *refusals,
    KliveReporter *reporter)
{
  KliveAdmission *admission = g_new0 (KliveAdmission, 1);
  admission->config = config;
  admission->client = kaltura_client_ref (client);
  admission->refusals = refusals;
  admission->reporter = reporter;
  admission->questions = g_ptr_array_new ();
  return admission;
}

void
klive_admission_free (KliveAdmission *admission)
{
  while (admission->questions->len)
    question_free (admission->questions->pdata[0]);
  g_ptr_array_unref (admission->questions);
  kaltura_client_unref (admission->client);
  g_free (admission);
}
