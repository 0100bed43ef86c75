/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one thread of the plugin, on which clients of the Kaltura API live (libsoup wants one thread for a session), so
 * that no streaming thread ever waits for the network. Elements hold references from READY on.
 */
#include "gstkalturaservice.h"

struct _GstKalturaService {
  guint refs; /* lock */
  GThread *thread;
  GMainContext *context;
  gint held; /* atomic */
  gint quit; /* atomic */
};

static GMutex lock;
static GstKalturaService *shared; /* lock */

static gpointer
run (gpointer data)
{
  GstKalturaService *service = data;
  g_main_context_push_thread_default (service->context);
  while (!g_atomic_int_get (&service->quit) || g_atomic_int_get (&service->held) > 0) {
    g_main_context_iteration (service->context, TRUE);
  }
  while (g_main_context_iteration (service->context, FALSE)) {
    continue;
  }
  g_main_context_pop_thread_default (service->context);
  return NULL;
}

GstKalturaService *
gst_kaltura_service_get (void)
{
  g_mutex_lock (&lock);
  if (shared == NULL) {
    shared = g_new0 (GstKalturaService, 1);
    shared->context = g_main_context_new ();
    shared->thread = g_thread_new ("kaltura", run, shared);
  }
  GstKalturaService *service = shared;
  service->refs++;
  g_mutex_unlock (&lock);
  return service;
}

void
gst_kaltura_service_unref (GstKalturaService *service)
{
  g_mutex_lock (&lock);
  gboolean last = --service->refs == 0;
  if (last) {
    shared = NULL;
  }
  g_mutex_unlock (&lock);
  if (last) {
    g_atomic_int_set (&service->quit, TRUE);
    g_main_context_wakeup (service->context);
    g_thread_join (service->thread);
    g_main_context_unref (service->context);
    g_free (service);
  }
}

void
gst_kaltura_service_attach (GstKalturaService *service, GSource *source)
{
  g_source_attach (source, service->context);
}

void
gst_kaltura_service_invoke (GstKalturaService *service, GSourceFunc func, gpointer data, GDestroyNotify destroy)
{
  g_autoptr (GSource) source = g_idle_source_new ();
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, func, data, destroy);
  gst_kaltura_service_attach (service, source);
}

void
gst_kaltura_service_hold (GstKalturaService *service)
{
  g_atomic_int_inc (&service->held);
}

void
gst_kaltura_service_release (GstKalturaService *service)
{
  g_atomic_int_add (&service->held, -1);
}
