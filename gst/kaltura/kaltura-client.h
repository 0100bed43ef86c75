/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>
#include "kaltura-config.h"
#include "kaltura-multipart.h"
#include "kaltura-reply.h"

G_BEGIN_DECLS

/*
 * One connection pool to one Kaltura API. Belongs to the thread (thread-default main context) that made it: libsoup's
 * rule. Every call is asynchronous, bounded by the timeout, and can be cancelled.
 */
typedef struct _KalturaClient KalturaClient;

typedef struct {
  const char *service_url; /* "http://host[:port]" */
  KalturaApi api;
  guint timeout;          /* s, for one call */
  const char *client_tag; /* "klive-<hostname>" */
  gint partner_id;        /* of the session string: -5 or the customer's own */
  const char *secret;     /* nullable: then kaltura_client_set_ks() gives the session string */
  guint session_version;  /* 1 or 2 */
} KalturaClientSettings;

KalturaClient *kaltura_client_new (const KalturaClientSettings *settings);
KalturaClient *kaltura_client_ref (KalturaClient *client);
void kaltura_client_unref (KalturaClient *client); /* pending calls end with G_IO_ERROR_CANCELLED */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KalturaClient, kaltura_client_unref)

/* Replaces the session string of a client without a secret. */
void kaltura_client_set_ks (KalturaClient *client, const char *ks);
/* A fresh session string of @lifetime seconds for somebody else (a worker). NULL without a secret. */
char *kaltura_client_make_ks (KalturaClient *client, guint lifetime);
KalturaApi kaltura_client_get_api (const KalturaClient *client);
gint kaltura_client_get_partner_id (const KalturaClient *client);

/*
 * Calls @service.@action as @partner_id (impersonation; 0 = leave partnerId out). @params: flat names in the API's
 * colon notation ("resource:objectType") to values, consumed in order: NULL-terminated name, value pairs.
 * On INVALID_KS a client that has the secret renews its session string and repeats the call once.
 */
void kaltura_client_call_async (KalturaClient *client, const char *service, const char *action, gint partner_id,
    const char *const *params, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
/* Errors: KALTURA_ERROR_TRANSPORT, _GARBAGE, _API; G_IO_ERROR_CANCELLED. The async source object is NULL. */
KalturaReply *kaltura_client_call_finish (GAsyncResult *result, GError **error);

/*
 * A call that may take long, or carries a file: with a time limit of its own (@timeout, s), and with @part (nullable).
 * @action may be NULL: several calls in one request (@service "multirequest", names of parameters "1:service" ...), of
 * which each has a result or an error of its own in the reply.
 */
void kaltura_client_send_async (KalturaClient *client, const char *service, const char *action, gint partner_id,
    const char *const *params, const KalturaPart *part, guint timeout, GCancellable *cancellable,
    GAsyncReadyCallback callback, gpointer user_data); /* ends with kaltura_client_call_finish() */

/* The same for actions that answer with a file: at most @max_bytes. An empty 200 body is an API error made of the
 * X-Kaltura-App header (API.md "Files as replies"). */
void kaltura_client_fetch_async (KalturaClient *client, const char *service, const char *action, gint partner_id,
    const char *const *params, gsize max_bytes, GCancellable *cancellable, GAsyncReadyCallback callback,
    gpointer user_data);
GBytes *kaltura_client_fetch_finish (GAsyncResult *result, GError **error);

G_END_DECLS
