/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The calls that a media server makes, put into the words of either API vintage (API.md "Calls"; the media
 * server that klive replaces: KalturaLiveManager.java, KalturaStatusManager.java). Thread: that of the client.
 */

#include "kaltura-live.h"

#define MAX_PROFILE (1024 * 1024) /* bytes */
#define MAX_PARAMS 16             /* names and values of one call, with the NULL */

/* Names and values on their way to kaltura_client_call_async(), which copies them. */
typedef struct {
  const char *items[MAX_PARAMS];
  guint length;
} Params;

static void
add (Params *params, const char *name, const char *value)
{
  g_return_if_fail (params->length + 2 < MAX_PARAMS);
  params->items[params->length++] = name;
  params->items[params->length++] = value;
}

static const char *
index_text (gint server_index)
{
  return server_index == 0 ? "0" : "1";
}

void
kaltura_live_authenticate_async (KalturaClient *client, gint partner_id, const char *entry_id, const char *token,
    const char *hostname, gint server_index, const char *application, GCancellable *cancellable,
    GAsyncReadyCallback callback, gpointer user_data)
{
  Params params = { 0 };
  add (&params, "entryId", entry_id);
  add (&params, "token", token);
  if (kaltura_client_get_api (client) == KALTURA_API_CURRENT) {
    add (&params, "hostname", hostname);
    add (&params, "mediaServerIndex", index_text (server_index));
    add (&params, "applicationName", application);
  }
  kaltura_client_call_async (client, "livestream", "authenticate", partner_id, params.items, cancellable, callback,
      user_data);
}

static KalturaEntry *
finish_entry (GAsyncResult *result, GError **error)
{
  g_autoptr (KalturaReply) reply = kaltura_client_call_finish (result, error);
  return reply != NULL ? kaltura_entry_new_from_reply (reply, error) : NULL;
}

static gboolean
finish_nothing (GAsyncResult *result, GError **error)
{
  g_autoptr (KalturaReply) reply = kaltura_client_call_finish (result, error);
  return reply != NULL;
}

KalturaEntry *
kaltura_live_authenticate_finish (GAsyncResult *result, GError **error)
{
  return finish_entry (result, error);
}

void
kaltura_live_get_async (KalturaClient *client, gint partner_id, const char *entry_id, GCancellable *cancellable,
    GAsyncReadyCallback callback, gpointer user_data)
{
  Params params = { 0 };
  add (&params, "entryId", entry_id);
  kaltura_client_call_async (client, "livestream", "get", partner_id, params.items, cancellable, callback, user_data);
}

KalturaEntry *
kaltura_live_get_finish (GAsyncResult *result, GError **error)
{
  return finish_entry (result, error);
}

static void
add_server (Params *params, const char *entry_id, const char *hostname, gint server_index)
{
  add (params, "entryId", entry_id);
  add (params, "hostname", hostname);
  add (params, "mediaServerIndex", index_text (server_index));
}

void
kaltura_live_register_async (KalturaClient *client, gint partner_id, const char *entry_id, const char *hostname,
    gint server_index, const char *application, GCancellable *cancellable, GAsyncReadyCallback callback,
    gpointer user_data)
{
  Params params = { 0 };
  add_server (&params, entry_id, hostname, server_index);
  if (kaltura_client_get_api (client) == KALTURA_API_CURRENT) {
    add (&params, "applicationName", application);
    add (&params, "liveEntryStatus", "1"); /* PLAYABLE */
  }
  kaltura_client_call_async (client, "livestream", "registerMediaServer", partner_id, params.items, cancellable,
      callback, user_data);
}

gboolean
kaltura_live_register_finish (GAsyncResult *result, GError **error)
{
  return finish_nothing (result, error);
}

void
kaltura_live_unregister_async (KalturaClient *client, gint partner_id, const char *entry_id, const char *hostname,
    gint server_index, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  Params params = { 0 };
  add_server (&params, entry_id, hostname, server_index);
  kaltura_client_call_async (client, "livestream", "unregisterMediaServer", partner_id, params.items, cancellable,
      callback, user_data);
}

gboolean
kaltura_live_unregister_finish (GAsyncResult *result, GError **error)
{
  return finish_nothing (result, error);
}

void
kaltura_live_report_status_async (KalturaClient *client, const char *hostname, const char *application,
    GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  Params params = { 0 };
  const char *service = "mediaserver";
  if (kaltura_client_get_api (client) == KALTURA_API_CURRENT) {
    service = "servernode";
    add (&params, "hostName", hostname);
    add (&params, "serverNode:objectType", "KalturaWowzaMediaServerNode");
    add (&params, "serverNode:name", hostname);
    add (&params, "serverNode:hostName", hostname);
    add (&params, "serverNode:applicationName", application);
    add (&params, "serverNodeStatus", "1"); /* ACTIVE */
  } else {
    add (&params, "hostname", hostname);
    add (&params, "mediaServerStatus:objectType", "KalturaMediaServerStatus");
  }
  kaltura_client_call_async (client, service, "reportStatus", 0, params.items, cancellable, callback, user_data);
}

gboolean
kaltura_live_report_status_finish (GAsyncResult *result, GError **error)
{
  return finish_nothing (result, error);
}

void
kaltura_live_serve_profile_async (KalturaClient *client, gint partner_id, const char *stream_name, const char *hostname,
    const char *extra_params, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  Params params = { 0 };
  add (&params, "streamName", stream_name);
  add (&params, "hostname", hostname);
  if (extra_params != NULL && kaltura_client_get_api (client) == KALTURA_API_CURRENT)
    add (&params, "extraParams", extra_params);
  kaltura_client_fetch_async (client, "wowza_liveconversionprofile", "serve", partner_id, params.items, MAX_PROFILE,
      cancellable, callback, user_data);
}

GBytes *
kaltura_live_serve_profile_finish (GAsyncResult *result, GError **error)
{
  return kaltura_client_fetch_finish (result, error);
}
