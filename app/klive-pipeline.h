/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

/* What reader, studio and registration do alike with a pipeline: find klive's own elements, and let go of a pipeline
 * without blocking the main loop. */

#define KLIVE_PIPELINE_ERROR (klive_pipeline_error_quark ())
GQuark klive_pipeline_error_quark (void);
typedef enum { KLIVE_PIPELINE_ERROR_MISSING_ELEMENT } KlivePipelineError;

/*
 * Makes klive's elements available: through GStreamer's registry (GST_PLUGIN_PATH, an installed plugin), else from the
 * build tree beside the executable. Call once, after gst_init().
 * Error KLIVE_PIPELINE_ERROR_MISSING_ELEMENT: names the elements and where they were looked for.
 */
gboolean klive_pipeline_load_plugin (GError **error);

/* A new element, floating. Error KLIVE_PLUGINS_ERROR_MISSING. */
GstElement *klive_pipeline_make_element (const char *factory, const char *name, GError **error);

/* Takes @pipeline (transfer full) to NULL and unrefs it, in a thread of GStreamer's. Its bus has no watch left. */
void klive_pipeline_dispose (GstElement *pipeline);
/* Waits for all of these, at most @timeout_ms. FALSE: some still hang. */
gboolean klive_pipeline_wait_disposed (guint timeout_ms);

/* What the GstContext "kaltura.session" tells klive's elements of the entry. @ks is nullable. */
typedef struct {
  const char *service_url;
  const char *api; /* "2014" or "current" */
  const char *entry_id;
  const char *ks; /* a secret */
  const char *hostname;
  const char *application;
  guint timeout;      /* s, of one call */
  guint keep_alive;   /* s */
  gint partner_id;    /* of the entry */
  gint ks_partner_id; /* of the session string */
  gint server_index;
} KlivePipelineSession;

/* Of an entry that the launcher has authenticated already. (transfer full) */
GstContext *klive_pipeline_context_new (const KlivePipelineSession *session);

G_END_DECLS
