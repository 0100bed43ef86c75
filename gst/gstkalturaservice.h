/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* The thread "kaltura", on which all calls of the plugin are made: one per process, while anybody needs it. */
typedef struct _GstKalturaService GstKalturaService;

/* Starts the thread if it does not run. */
GstKalturaService *gst_kaltura_service_get (void);
/* The last one waits for the thread to end what is held. Not on the thread itself. */
void gst_kaltura_service_unref (GstKalturaService *service);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstKalturaService, gst_kaltura_service_unref)

/* Calls @func on the thread, soon, in order. @destroy (nullable) frees @data there. */
void gst_kaltura_service_invoke (GstKalturaService *service, GSourceFunc func, gpointer data, GDestroyNotify destroy);
/* Attaches to the thread's context. */
void gst_kaltura_service_attach (GstKalturaService *service, GSource *source);

/* While something is held, the thread goes on even when nobody needs it: calls that are being cancelled. */
void gst_kaltura_service_hold (GstKalturaService *service);
void gst_kaltura_service_release (GstKalturaService *service);

G_END_DECLS
