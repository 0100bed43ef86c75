/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Status reports (gst/kaltura/API.md "serverNode.reportStatus"). Owned by klive-serve.c; klive-admission.c and
 * klive-supervisor.c ask for one out of turn. A failure that lasts is logged once.
 */
#include "klive-reporter.h"

#include "kaltura-error.h"
#include "kaltura-live.h"
#include "klive-log.h"

#include <string.h>

#define REST G_TIME_SPAN_SECOND /* after a good report */

typedef struct {
  GSourceFunc callback;
  gpointer user_data;
} Waiter;

struct _KliveReporter {
  const KalturaConfig *config; /* not owned */
  KalturaClient *client;
  GCancellable *cancellable;
  GArray *waiters;  /* of Waiter */
  GError *error;    /* of the last report */
  gint64 succeeded; /* monotonic, us; 0 = never */
  guint timer;
  gboolean running;
};

static gboolean
is_forbidden (const GError *error)
{
  g_autofree char *code = kaltura_error_dup_api_code (error);
  return code && g_str_has_prefix (code, "SERVICE_FORBIDDEN");
}

/* What a report that this partner may not make means (gst/kaltura/API.md "serverNode.reportStatus"). */
static const char *
explain_forbidden (const KliveReporter *reporter)
{
  return reporter->config->api == KALTURA_API_2014
      ? "with the 2014 API only partner -5 may report status; registrations work without"
      : "this partner may not report status: Kaltura has to know the hostname as a server node already";
}

static void
log_result (KliveReporter *reporter, const GError *error)
{
  if (error && (!reporter->error || strcmp (error->message, reporter->error->message) != 0))
    klive_log (KLIVE_LOG_WARNING, "status-report-failed", NULL, NULL, "hostname", reporter->config->hostname, "message",
        error->message, "hint", is_forbidden (error) ? explain_forbidden (reporter) : NULL, NULL);
  else if (!error && (reporter->error || !reporter->succeeded))
    klive_log (KLIVE_LOG_INFO, "status-reported", NULL, NULL, "hostname", reporter->config->hostname, NULL);
}

static void
on_reported (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  gboolean done = kaltura_live_report_status_finish (result, &error);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  KliveReporter *reporter = data;
  log_result (reporter, error);
  g_clear_error (&reporter->error);
  reporter->error = g_steal_pointer (&error);
  reporter->running = FALSE;
  if (done)
    reporter->succeeded = g_get_monotonic_time ();
  g_autoptr (GArray) waiters = g_steal_pointer (&reporter->waiters);
  reporter->waiters = g_array_new (FALSE, FALSE, sizeof (Waiter));
  for (guint i = 0; i < waiters->len; i++) {
    Waiter *waiter = &g_array_index (waiters, Waiter, i);
    if (waiter->callback)
      waiter->callback (waiter->user_data);
  }
}

static void
report (KliveReporter *reporter)
{
  if (reporter->running)
    return;
  reporter->running = TRUE;
  kaltura_live_report_status_async (reporter->client, reporter->config->hostname, reporter->config->application,
      reporter->cancellable, on_reported, reporter);
}

static gboolean
on_time (gpointer data)
{
  report (data);
  return G_SOURCE_CONTINUE;
}

void
klive_reporter_start (KliveReporter *reporter)
{
  report (reporter);
  if (!reporter->timer)
    reporter->timer = g_timeout_add_seconds (reporter->config->status_interval, on_time, reporter);
}

void
klive_reporter_report_now (KliveReporter *reporter, GSourceFunc callback, gpointer user_data)
{
  if (!reporter->running && reporter->succeeded && g_get_monotonic_time () - reporter->succeeded < REST) {
    if (callback)
      callback (user_data);
    return;
  }
  Waiter waiter = { callback, user_data };
  g_array_append_val (reporter->waiters, waiter);
  report (reporter);
}

void
klive_reporter_forget (KliveReporter *reporter, gpointer user_data)
{
  for (guint i = reporter->waiters->len; i > 0; i--)
    if (g_array_index (reporter->waiters, Waiter, i - 1).user_data == user_data)
      g_array_remove_index (reporter->waiters, i - 1);
}

const GError *
klive_reporter_get_error (const KliveReporter *reporter)
{
  return reporter->error;
}

KliveReporter *
klive_reporter_new (const KalturaConfig *config, KalturaClient *client)
{
  KliveReporter *reporter = g_new0 (KliveReporter, 1);
  reporter->config = config;
  reporter->client = kaltura_client_ref (client);
  reporter->cancellable = g_cancellable_new ();
  reporter->waiters = g_array_new (FALSE, FALSE, sizeof (Waiter));
  return reporter;
}

void
klive_reporter_free (KliveReporter *reporter)
{
  g_cancellable_cancel (reporter->cancellable);
  g_object_unref (reporter->cancellable);
  g_clear_handle_id (&reporter->timer, g_source_remove);
  kaltura_client_unref (reporter->client);
  g_array_unref (reporter->waiters);
  g_clear_error (&reporter->error);
  g_free (reporter);
}
