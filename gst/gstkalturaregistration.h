/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <kaltura-client.h>

#include "gstkalturamember.h"
#include "gstkalturaservice.h"

G_BEGIN_DECLS

/* Shared by gstkalturaregistration.c, which makes the calls, and gstkalturamember.c, which elements use. */
typedef struct _GstKalturaRegistration GstKalturaRegistration;

typedef enum { GST_KALTURA_CALL_NONE, GST_KALTURA_CALL_REGISTER, GST_KALTURA_CALL_UNREGISTER } GstKalturaCallKind;

/* One entry and index. Times: us, monotonic. */
struct _GstKalturaRegistration {
  gint refs; /* atomic */
  char *key;
  GstKalturaService *service; /* of a member; held while the entry is in the table */

  /* lock */
  GstKalturaSession *session;
  GList *members; /* of GstKalturaMember */
  guint staying;  /* members that are not leaving */
  guint tracks;   /* that flow */
  gint64 tracks_began, tracks_ended;
  gboolean renewed;  /* there is a new session string */
  gboolean begun;    /* a track has begun while the entry was registered */
  gboolean given_up; /* nobody waits for the end any more */
  gboolean over;     /* out of the table */
  gboolean registered;

  /* thread "kaltura" */
  KalturaClient *client;
  GSource *timer;
  gboolean wanted, told;
  GstKalturaCallKind call;
  GCancellable *cancellable; /* of the call */
  gint64 call_began;
  guint questions;       /* authenticate calls that are under way */
  gint64 next_call;      /* not before; NEVER never */
  gint64 again;          /* a register call that comes before that, as tracks have begun; NEVER = none */
  gint64 last_success;   /* of a register call */
  gint64 backoff;        /* us, 0 = the last call succeeded */
  gint64 unregister_end; /* when trying to unregister makes no sense any more, 0 = not trying */
  gboolean unregister_failed;
};

struct _GstKalturaMember {
  GstKalturaRegistration *registration;
  GstKalturaService *service;
  GstKalturaMemberKind kind;
  GstKalturaMemberSettings settings;
  GstElement *element; /* (unowned) */
  guint tracks;        /* lock */
};


/* Guards the table of registrations and the fields that say so. Never held across a call or a message. */
extern GMutex gst_kaltura_registration_lock;
/* Signalled when a registration is over. */
extern GCond gst_kaltura_registration_changed;

/* Lock. The registration of @session's entry and index, a new one if need be. A reference for the caller. */
GstKalturaRegistration *gst_kaltura_registration_get (const GstKalturaSession *session, GstKalturaService *service);
GstKalturaRegistration *gst_kaltura_registration_ref (GstKalturaRegistration *registration);
void gst_kaltura_registration_unref (gpointer registration);

/* Any thread: something has changed. */
void gst_kaltura_registration_wake (GstKalturaRegistration *registration);
/* Thread "kaltura": does the next thing. A GSourceFunc. */
gboolean gst_kaltura_registration_step (gpointer registration);
/* Thread "kaltura". (transfer none) */
KalturaClient *gst_kaltura_registration_get_client (GstKalturaRegistration *registration);

G_END_DECLS
