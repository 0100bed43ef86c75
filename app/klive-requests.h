/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>
#include "kaltura-client.h"
#include "kaltura-config.h"
#include "klive-entry.h"

G_BEGIN_DECLS

/* Life of the session strings that workers get, s; they are renewed at half. */
#define KLIVE_KS_LIFETIME 3600

/*
 * What the launcher does for one worker because the worker has no secret: its settings, session strings, conversion
 * profiles. Main thread.
 */
typedef struct _KliveRequests KliveRequests;

/* @message: (transfer full), for the worker. */
typedef void (*KliveReplyFunc) (JsonObject *message, gpointer user_data);

/* @entry is not owned. @remembered: {"0_abcd1234_1": XML}, the last profiles; what comes is added. */
KliveRequests *klive_requests_new (const KalturaConfig *config, KalturaClient *client, const KliveEntry *entry,
    JsonObject *remembered, KliveReplyFunc reply, gpointer user_data);
/* Requests under way end without a reply. */
void klive_requests_free (KliveRequests *requests);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveRequests, klive_requests_free)

/* {"type":"welcome", ...}: all that the worker has to know. (transfer full) */
JsonObject *klive_requests_make_welcome (KliveRequests *requests);
/* A fresh session string. */
char *klive_requests_make_ks (KliveRequests *requests);
/*
 * Answers "profile-request" with "profile": its XML, or the one that is remembered of the stream when the API cannot
 * tell within 2.5 s, or an error text after 5 s at the latest.
 */
void klive_requests_profile (KliveRequests *requests, JsonObject *message);
/* Takes the registration of a worker back that died before it could; goes on after klive_requests_free(). */
void klive_requests_unregister (KliveRequests *requests);

G_END_DECLS
