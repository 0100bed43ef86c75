/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>

#include "kaltura-profile.h"
#include "klive-stage.h"

G_BEGIN_DECLS

/*
 * One published stream: a reader and a stage. The reader begins at once; the stage's first studio when the tracks are
 * known (the first frame plus 1 s, no longer) and the conversion profile is there. Main thread.
 */
typedef struct _KliveSession KliveSession;

/* From the launcher's session-open. */
typedef struct {
  const char *stream; /* "0_rkij47dr_1" */
  gint64 serial;      /* never used twice */
  const char *name;   /* in nginx: "0_rkij47dr_1@0-1763812345678" */
  const char *host;
  guint port;
  const char *app; /* "kLive/" */
  gint64 client_id;
  const char *address; /* of the encoder; nullable */
} KliveSessionInfo;

typedef struct {
  /* The play has reached nginx, or 2 s have passed: the publish may be answered. Once. */
  void (*ready) (KliveSession *session, gpointer user_data);
  /* The first frame is there. Once. */
  void (*live) (KliveSession *session, gpointer user_data);
  /* The tracks are known: answer with klive_session_set_profile(). Once. @extra_params: what the encoder sends. */
  void (*wants_profile) (KliveSession *session, JsonObject *extra_params, gpointer user_data);
  /* Something worth a status message has changed. */
  void (*changed) (KliveSession *session, gpointer user_data);
  /* After klive_session_end(): all is written. Free it. */
  void (*ended) (KliveSession *session, gpointer user_data);
} KliveSessionCallbacks;

/* Begins to pull at once. */
KliveSession *klive_session_new (KliveShow *show, const KliveSessionInfo *info, const KliveSessionCallbacks *callbacks,
    gpointer user_data);
void klive_session_free (KliveSession *session);

/*
 * The conversion profile (transfer full). NULL: it cannot be had, the source passes through; @reason is for the log.
 * Only the first answer counts; without one for 5 s the source passes through.
 */
void klive_session_set_profile (KliveSession *session, KalturaProfile *profile, const char *reason);

/*
 * A session of the same stream that is still writing: no studio begins while @blocked. The reader goes on.
 */
void klive_session_set_blocked (KliveSession *session, gboolean blocked);

/* The show has learned what is to be recorded: now if the first studio waits for it, else with a fresh studio. */
void klive_session_update_recordings (KliveSession *session);
/* DTS of the newest frame that has come, running time; NONE = no frame yet. */
GstClockTime klive_session_get_newest (const KliveSession *session);
/* As for klive_studio_split_recordings() and klive_recordings_describe(). */
void klive_session_split_recordings (KliveSession *session, GstClockTime running_time);
/* Timed metadata, an ID3 tag, into all renditions; @running_time: ns. */
void klive_session_add_metadata (KliveSession *session, GstClockTime running_time, GBytes *tag);
void klive_session_describe_recordings (KliveSession *session, JsonArray *array);

typedef enum {
  KLIVE_SESSION_END_DRAIN, /* what has been published before is still read, at most 1 s */
  KLIVE_SESSION_END_NOW,
} KliveSessionEnd;

/* The publisher is gone, or has to go: `ended` follows within 7 s. */
void klive_session_end (KliveSession *session, KliveSessionEnd how);
gboolean klive_session_is_ending (const KliveSession *session);

/* Once a second. */
void klive_session_tick (KliveSession *session);
/* A renewed session string; takes it from the show. */
void klive_session_update_context (KliveSession *session);

const char *klive_session_get_stream (const KliveSession *session);
gint64 klive_session_get_serial (const KliveSession *session);
/* Whether a frame has come. */
gboolean klive_session_is_live (const KliveSession *session);
/* For hello: who it is; for status also how it is, and its renditions. */
JsonObject *klive_session_introduce (const KliveSession *session);
JsonObject *klive_session_describe (KliveSession *session);
void klive_session_describe_renditions (KliveSession *session, JsonArray *renditions);

G_END_DECLS
