/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <kaltura-entry.h>

#include "gstkalturasession.h"

G_BEGIN_DECLS

/*
 * What an element has to do with the registration of an entry and index at Kaltura. All members of the process with the
 * same service URL, entry and index share one client and one registration.
 */
typedef struct _GstKalturaMember GstKalturaMember;

typedef enum {
  GST_KALTURA_MEMBER_SILENT, /* keeps the client; nothing is posted */
  GST_KALTURA_MEMBER_POSTS   /* its element posts what happens to the registration */
} GstKalturaMemberKind;

/* All in seconds. The largest of all members' counts, keep_alive: the smallest. */
typedef struct {
  guint min_buffer_time;
  guint keep_alive; /* 0 = as the session says */
  guint linger;
} GstKalturaMemberSettings;

/* @element is not referenced: it must leave before it goes. */
GstKalturaMember *gst_kaltura_member_join (const GstKalturaSession *session, GstKalturaMemberKind kind,
    const GstKalturaMemberSettings *settings, GstElement *element);

/*
 * Frees @member. The last one of a registered entry unregisters it and waits for that, at most the session's timeout.
 * Not with a lock that a handler of the element's messages takes.
 */
void gst_kaltura_member_leave (GstKalturaMember *member);

/* A new session string (nullable: unchanged); a call that has failed is tried again at once. */
void gst_kaltura_member_renew (GstKalturaMember *member, const GstKalturaSession *session);

/* Media flows on one more track; no more on one. */
void gst_kaltura_member_begin_track (GstKalturaMember *member);
void gst_kaltura_member_end_track (GstKalturaMember *member);

/* Whether Kaltura has been told and knows it still. */
gboolean gst_kaltura_member_is_registered (GstKalturaMember *member);

/*
 * Asks the API whether a broadcast with @token may begin; blocks until the answer, at most the session's timeout, or
 * until @cancellable. Errors: as kaltura_live_authenticate_finish().
 */
KalturaEntry *gst_kaltura_member_authenticate (GstKalturaMember *member, const char *token, GCancellable *cancellable,
    GError **error);

G_END_DECLS
