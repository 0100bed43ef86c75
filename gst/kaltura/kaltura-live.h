/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kaltura-client.h"
#include "kaltura-entry.h"

G_BEGIN_DECLS

/*
 * The calls of a media server (API.md "Calls"), each in the form of the client's API vintage. @partner_id is the
 * entry's partner (impersonated by -5, the own one in eCDN). Errors: see kaltura_client_call_finish().
 */

/* liveStream.authenticate; current API: with hostname, index and application. */
void kaltura_live_authenticate_async (KalturaClient *client, gint partner_id, const char *entry_id, const char *token,
    const char *hostname, gint server_index, const char *application, GCancellable *cancellable,
    GAsyncReadyCallback callback, gpointer user_data);
KalturaEntry *kaltura_live_authenticate_finish (GAsyncResult *result, GError **error);

/* liveStream.get */
void kaltura_live_get_async (KalturaClient *client, gint partner_id, const char *entry_id, GCancellable *cancellable,
    GAsyncReadyCallback callback, gpointer user_data);
KalturaEntry *kaltura_live_get_finish (GAsyncResult *result, GError **error);

/* liveStream.registerMediaServer; current API: status PLAYABLE, @application. */
void kaltura_live_register_async (KalturaClient *client, gint partner_id, const char *entry_id, const char *hostname,
    gint server_index, const char *application, GCancellable *cancellable, GAsyncReadyCallback callback,
    gpointer user_data);
gboolean kaltura_live_register_finish (GAsyncResult *result, GError **error);

/* liveStream.unregisterMediaServer */
void kaltura_live_unregister_async (KalturaClient *client, gint partner_id, const char *entry_id, const char *hostname,
    gint server_index, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
gboolean kaltura_live_unregister_finish (GAsyncResult *result, GError **error);

/* mediaServer.reportStatus (2014) or serverNode.reportStatus with a node object (current). */
void kaltura_live_report_status_async (KalturaClient *client, const char *hostname, const char *application,
    GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
gboolean kaltura_live_report_status_finish (GAsyncResult *result, GError **error);

/*
 * wowza_liveConversionProfile.serve for @stream_name "ENTRY_SUFFIX"; @extra_params is JSON text or NULL, sent
 * with the current API only. At most 1 MiB.
 */
void kaltura_live_serve_profile_async (KalturaClient *client, gint partner_id, const char *stream_name,
    const char *hostname, const char *extra_params, GCancellable *cancellable, GAsyncReadyCallback callback,
    gpointer user_data);
GBytes *kaltura_live_serve_profile_finish (GAsyncResult *result, GError **error);

G_END_DECLS
