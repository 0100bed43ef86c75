/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>
#include <kaltura-config.h>

G_BEGIN_DECLS

/*
 * The type of the GstContext by which elements learn on whose behalf they talk to Kaltura. Its fields are plain, so
 * that an application can make it without any header of the plugin:
 *
 *   service-url (string), api (string, "2014" or "current"), timeout (uint, s, of one call), partner-id (int, of the
 *   entry), ks-partner-id (int, of the session string), entry-id (string), server-index (int, 0 or 1),
 *   ks (GVariant of a string, so that debug logs of GStreamer do not show it; a plain string is taken too; absent in
 *   the context that kalturaauth makes), hostname (string), application (string), keep-alive (uint, s),
 *   authenticated (boolean, the encoder has been let in).
 */
#define GST_KALTURA_SESSION_CONTEXT "kaltura.session"

/* What such a context says. */
typedef struct {
  char *service_url;
  KalturaApi api;
  guint timeout; /* s */
  gint partner_id;
  gint ks_partner_id;
  char *entry_id;
  gint server_index;
  char *ks; /* nullable; never log it */
  char *hostname;
  char *application;
  guint keep_alive; /* s */
  gboolean authenticated;

  /* Not in the context: under gst-launch the session string is made here. */
  char *secret; /* nullable; never log it */
  guint session_version;
} GstKalturaSession;

GstKalturaSession *gst_kaltura_session_copy (const GstKalturaSession *session);
void gst_kaltura_session_free (GstKalturaSession *session);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstKalturaSession, gst_kaltura_session_free)

/* NULL if @context is another's or lacks service-url or a proper entry-id. */
GstKalturaSession *gst_kaltura_session_from_context (GstContext *context);
/* Without session string and secret: who finds this context in a pipeline of this process finds the client too. */
GstContext *gst_kaltura_session_to_context (const GstKalturaSession *session);

/* Of klive.conf, for one entry. */
GstKalturaSession *gst_kaltura_session_from_config (const KalturaConfig *config, gint partner_id, const char *entry_id,
    gint server_index);

/* What sessions of one registration have in common, as text. */
char *gst_kaltura_session_make_key (const GstKalturaSession *session);

G_END_DECLS
