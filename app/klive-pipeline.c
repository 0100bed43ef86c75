/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pipelines without their content: the plugin beside the executable, the context of the entry, and the end of a
 * pipeline, which joins threads and may wait for the network and therefore never happens on the main thread.
 */
#include "klive-pipeline.h"

#include <gio/gio.h>

#include "klive-plugins.h"

static const char *const build_tree_plugins[] = { "libgstkaltura.so", "libgstkalturascale.so", NULL };

static const char *const own_elements[] = { "kalturaauth", "kalturacut", "kalturahlssink", "kalturaregister",
  "kalturathin", "kalturascale", NULL };

G_DEFINE_QUARK (klive - pipeline - error - quark, klive_pipeline_error)

static GMutex lock;
static GCond changed;
static guint disposing; /* lock */

static char *
list_missing (void)
{
  GString *missing = g_string_new (NULL);
  guint i;

  for (i = 0; own_elements[i] != NULL; i++) {
    g_autoptr (GstElementFactory) factory = gst_element_factory_find (own_elements[i]);
    if (factory == NULL)
      g_string_append_printf (missing, "%s%s", missing->len > 0 ? ", " : "", own_elements[i]);
  }
  return g_string_free (missing, FALSE);
}

/* Loads the plugins of the tree that this program was built in. What goes wrong is said by what is missing then. */
static void
load_from_build_tree (const char *directory)
{
  for (guint i = 0; build_tree_plugins[i] != NULL; i++) {
    g_autofree char *path = g_build_filename (directory, build_tree_plugins[i], NULL);
    GstPlugin *plugin = gst_plugin_load_file (path, NULL);

    gst_clear_object (&plugin);
  }
}

gboolean
klive_pipeline_load_plugin (GError **error)
{
  g_autofree char *missing = list_missing ();
  g_autofree char *still_missing = NULL, *executable = NULL, *directory = NULL, *folder = NULL;

  if (*missing == '\0')
    return TRUE;
  executable = g_file_read_link ("/proc/self/exe", NULL);
  directory = g_path_get_dirname (executable != NULL ? executable : ".");
  folder = g_build_filename (directory, "..", "gst", NULL);
  load_from_build_tree (folder);
  still_missing = list_missing ();
  if (*still_missing == '\0')
    return TRUE;
  g_set_error (error, KLIVE_PIPELINE_ERROR, KLIVE_PIPELINE_ERROR_MISSING_ELEMENT,
      "klive's GStreamer elements %s are not installed, and not in %s, or of an older version; set GST_PLUGIN_PATH to the "
      "folder of libgstkaltura.so",
      still_missing, folder);
  return FALSE;
}

GstElement *
klive_pipeline_make_element (const char *factory, const char *name, GError **error)
{
  return klive_plugins_check ((const char *[]){ factory, NULL }, error) ? gst_element_factory_make (factory, name)
                                                                        : NULL;
}

static void
dispose_now (GstElement *pipeline, gpointer user_data)
{
  gst_element_set_state (pipeline, GST_STATE_NULL);
}

static void
disposed (gpointer user_data)
{
  g_mutex_lock (&lock);
  disposing--;
  g_cond_broadcast (&changed);
  g_mutex_unlock (&lock);
}

void
klive_pipeline_dispose (GstElement *pipeline)
{
  g_mutex_lock (&lock);
  disposing++;
  g_mutex_unlock (&lock);
  gst_element_call_async (pipeline, dispose_now, NULL, disposed);
  gst_object_unref (pipeline);
}

gboolean
klive_pipeline_wait_disposed (guint timeout_ms)
{
  gint64 deadline = g_get_monotonic_time () + timeout_ms * G_TIME_SPAN_MILLISECOND;
  gboolean done;

  g_mutex_lock (&lock);
  while (disposing > 0 && g_cond_wait_until (&changed, &lock, deadline))
    continue;
  done = disposing == 0;
  g_mutex_unlock (&lock);
  return done;
}

GstContext *
klive_pipeline_context_new (const KlivePipelineSession *session)
{
  GstContext *context = gst_context_new ("kaltura.session", TRUE);
  GstStructure *fields = gst_context_writable_structure (context);

  gst_structure_set (fields, "service-url", G_TYPE_STRING, session->service_url, "api", G_TYPE_STRING, session->api,
      "entry-id", G_TYPE_STRING, session->entry_id, "hostname", G_TYPE_STRING, session->hostname, "application",
      G_TYPE_STRING, session->application, "timeout", G_TYPE_UINT, session->timeout, "keep-alive", G_TYPE_UINT,
      session->keep_alive, "partner-id", G_TYPE_INT, session->partner_id, "ks-partner-id", G_TYPE_INT,
      session->ks_partner_id, "server-index", G_TYPE_INT, session->server_index, "authenticated", G_TYPE_BOOLEAN, TRUE,
      NULL);
  /* A variant, which GStreamer's debug log does not print. */
  if (session->ks != NULL)
    gst_structure_set (fields, "ks", G_TYPE_VARIANT, g_variant_new_string (session->ks), NULL);
  return context;
}
