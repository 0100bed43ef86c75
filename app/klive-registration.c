/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The anchor of the registration. klive-worker.c owns it, from the first welcome to the end of the broadcast. All work
 * is done in the plugin, on a thread of its own.
 */
#include "klive-registration.h"

#include "klive-pipeline.h"

struct _KliveRegistration {
  KliveRegistrationCallbacks callbacks;
  gpointer user_data;
  GstElement *pipeline;
  GSource *bus_source;
  gboolean registered;
};

static void
set_registered (KliveRegistration *registration, gboolean registered)
{
  registration->registered = registered;
  registration->callbacks.registered (registration, registered, registration->user_data);
}

static gboolean
on_message (GstBus *bus, GstMessage *message, gpointer user_data)
{
  KliveRegistration *registration = user_data;
  const GstStructure *structure = gst_message_get_structure (message);

  if (GST_MESSAGE_TYPE (message) != GST_MESSAGE_ELEMENT)
    return G_SOURCE_CONTINUE;
  if (gst_structure_has_name (structure, "kaltura-registered"))
    set_registered (registration, TRUE);
  else if (gst_structure_has_name (structure, "kaltura-unregistered"))
    set_registered (registration, FALSE);
  else if (gst_structure_has_name (structure, "kaltura-register-failed"))
    registration->callbacks.failed (registration, gst_structure_get_string (structure, "code"),
        gst_structure_get_string (structure, "message"), registration->user_data);
  return G_SOURCE_CONTINUE;
}

KliveRegistration *
klive_registration_new (GstContext *context, guint delay, guint linger, const KliveRegistrationCallbacks *callbacks,
    gpointer user_data, GError **error)
{
  GstElement *element = klive_pipeline_make_element ("kalturaregister", "anchor", error);
  KliveRegistration *registration;
  g_autoptr (GstBus) bus = NULL;

  if (element == NULL)
    return NULL;
  g_object_set (element, "min-buffer-time", delay, "linger", linger, NULL);
  registration = g_new0 (KliveRegistration, 1);
  registration->callbacks = *callbacks;
  registration->user_data = user_data;
  registration->pipeline = gst_object_ref_sink (gst_pipeline_new ("registration"));
  gst_bin_add (GST_BIN (registration->pipeline), element);
  bus = gst_element_get_bus (registration->pipeline);
  registration->bus_source = gst_bus_create_watch (bus);
  g_source_set_callback (registration->bus_source, G_SOURCE_FUNC (on_message), registration, NULL);
  g_source_attach (registration->bus_source, g_main_context_get_thread_default ());
  gst_element_set_context (registration->pipeline, context);
  gst_element_set_state (registration->pipeline, GST_STATE_READY);
  return registration;
}

void
klive_registration_free (KliveRegistration *registration)
{
  if (registration == NULL)
    return;
  g_source_destroy (registration->bus_source);
  g_source_unref (registration->bus_source);
  klive_pipeline_dispose (registration->pipeline);
  g_free (registration);
}

void
klive_registration_set_context (KliveRegistration *registration, GstContext *context)
{
  gst_element_set_context (registration->pipeline, context);
}

gboolean
klive_registration_is_registered (const KliveRegistration *registration)
{
  return registration->registered;
}
