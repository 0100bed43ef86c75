/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The GstContext "kaltura.session" and what it says. Called by the elements, from any thread.
 */
#include "gstkalturasession.h"

#include <kaltura-stream.h>

#define DEFAULT_TIMEOUT 5     /* s */
#define DEFAULT_KEEP_ALIVE 60 /* s */

GstKalturaSession *
gst_kaltura_session_copy (const GstKalturaSession *session)
{
  GstKalturaSession *copy = g_new (GstKalturaSession, 1);
  *copy = *session;
  copy->service_url = g_strdup (session->service_url);
  copy->entry_id = g_strdup (session->entry_id);
  copy->ks = g_strdup (session->ks);
  copy->hostname = g_strdup (session->hostname);
  copy->application = g_strdup (session->application);
  copy->secret = g_strdup (session->secret);
  return copy;
}

void
gst_kaltura_session_free (GstKalturaSession *session)
{
  g_free (session->service_url);
  g_free (session->entry_id);
  g_free (session->ks);
  g_free (session->hostname);
  g_free (session->application);
  g_free (session->secret);
  g_free (session);
}

static char *
dup_string (const GstStructure *structure, const char *field, const char *fallback)
{
  const char *value = gst_structure_get_string (structure, field);
  return g_strdup (value != NULL ? value : fallback);
}

static guint
get_seconds (const GstStructure *structure, const char *field, guint fallback)
{
  guint value;
  return gst_structure_get_uint (structure, field, &value) && value > 0 ? value : fallback;
}

static char *
dup_ks (const GstStructure *structure)
{
  const GValue *value = gst_structure_get_value (structure, "ks");
  if (value != NULL && G_VALUE_HOLDS_STRING (value)) {
    return g_value_dup_string (value);
  }
  GVariant *variant = value != NULL && G_VALUE_HOLDS_VARIANT (value) ? g_value_get_variant (value) : NULL;
  return variant != NULL && g_variant_is_of_type (variant, G_VARIANT_TYPE_STRING) ? g_variant_dup_string (variant, NULL)
                                                                                  : NULL;
}

GstKalturaSession *
gst_kaltura_session_from_context (GstContext *context)
{
  if (!gst_context_has_context_type (context, GST_KALTURA_SESSION_CONTEXT)) {
    return NULL;
  }
  const GstStructure *structure = gst_context_get_structure (context);
  const char *entry_id = gst_structure_get_string (structure, "entry-id");
  const char *service_url = gst_structure_get_string (structure, "service-url");
  if (service_url == NULL || entry_id == NULL || !kaltura_entry_id_is_valid (entry_id)) {
    return NULL;
  }
  GstKalturaSession *session = g_new0 (GstKalturaSession, 1);
  session->service_url = g_strdup (service_url);
  session->api =
      g_strcmp0 (gst_structure_get_string (structure, "api"), "2014") == 0 ? KALTURA_API_2014 : KALTURA_API_CURRENT;
  session->timeout = get_seconds (structure, "timeout", DEFAULT_TIMEOUT);
  gst_structure_get_int (structure, "partner-id", &session->partner_id);
  gst_structure_get_int (structure, "ks-partner-id", &session->ks_partner_id);
  session->entry_id = g_strdup (entry_id);
  gst_structure_get_int (structure, "server-index", &session->server_index);
  session->ks = dup_ks (structure);
  session->hostname = dup_string (structure, "hostname", g_get_host_name ());
  session->application = dup_string (structure, "application", "kLive");
  session->keep_alive = get_seconds (structure, "keep-alive", DEFAULT_KEEP_ALIVE);
  gst_structure_get_boolean (structure, "authenticated", &session->authenticated);
  return session;
}

GstContext *
gst_kaltura_session_to_context (const GstKalturaSession *session)
{
  GstContext *context = gst_context_new (GST_KALTURA_SESSION_CONTEXT, TRUE);
  gst_structure_set (gst_context_writable_structure (context), "service-url", G_TYPE_STRING, session->service_url,
      "api", G_TYPE_STRING, session->api == KALTURA_API_2014 ? "2014" : "current", "timeout", G_TYPE_UINT,
      session->timeout, "partner-id", G_TYPE_INT, session->partner_id, "ks-partner-id", G_TYPE_INT,
      session->ks_partner_id, "entry-id", G_TYPE_STRING, session->entry_id, "server-index", G_TYPE_INT,
      session->server_index, "hostname", G_TYPE_STRING, session->hostname, "application", G_TYPE_STRING,
      session->application, "keep-alive", G_TYPE_UINT, session->keep_alive, "authenticated", G_TYPE_BOOLEAN,
      session->authenticated, NULL);
  return context;
}

GstKalturaSession *
gst_kaltura_session_from_config (const KalturaConfig *config, gint partner_id, const char *entry_id, gint server_index)
{
  GstKalturaSession *session = g_new0 (GstKalturaSession, 1);
  session->service_url = g_strdup (config->service_url);
  session->api = config->api;
  session->timeout = config->timeout;
  session->partner_id = partner_id;
  session->ks_partner_id = config->partner_id;
  session->entry_id = g_strdup (entry_id);
  session->server_index = server_index;
  session->hostname = g_strdup (config->hostname);
  session->application = g_strdup (config->application);
  session->keep_alive = config->keep_alive_interval;
  session->secret = g_strdup (config->admin_secret);
  session->session_version = config->session_version;
  return session;
}

char *
gst_kaltura_session_make_key (const GstKalturaSession *session)
{
  return g_strdup_printf ("%s\n%s\n%d", session->service_url, session->entry_id, session->server_index);
}
