/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

#include "klive-hls-writer.h"
#include "klive-log.h"
#include "klive-registration.h"
#include "klive-timeline.h"
#include "klive-wire.h"

G_BEGIN_DECLS

/*
 * What of a broadcast outlives its sessions: what the launcher's welcome says, the HLS folder, the registration, the
 * timeline. Belongs to the worker; sessions, stages and plans read it. Main thread.
 */
typedef struct {
  char *entry;
  guint index;
  char *directory; /* STATE/hls/ENTRY/INDEX */

  /* of the welcome; times in s */
  char *service_url, *api, *ks, *hostname, *application; /* ks is a secret */
  gint partner_id, ks_partner_id;
  guint timeout, keep_alive, registration_delay;
  guint grace, stop_grace, orphan_timeout;
  guint playlist_length; /* segments */
  guint dvr_window;
  /* Of recordings; directory NULL: nothing is recorded. */
  char *record_directory, *spool, *record_group; /* group: nullable */
  guint chunk_duration;
  GHashTable *assets;       /* rendition id -> live asset id (char *); NULL: not known yet */
  guint64 segment_duration; /* ns; 0 before the first welcome */
  char *speed_preset, *video_encoder, *audio_encoder, *templates; /* nullable */
  guint threads;

  KliveTimelineGroup *timelines;
  GHashTable *floors;  /* stream name -> gint64 *: ns since 1970, where its last session has ended */
  GstContext *context; /* "kaltura.session"; NULL before the first welcome */

  /* NULL until klive_show_open() */
  KliveHlsWriter *writer;
  KliveRegistration *registration;
  gint64 epoch; /* ns since 1970: running time 0 of every studio */

  GQueue warnings; /* of char *: the last ones, for the status */
} KliveShow;

KliveShow *klive_show_new (const char *entry, guint index, const char *state_dir);
/* Begins to unregister. */
void klive_show_free (KliveShow *show);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveShow, klive_show_free)

/* Takes what @message, a welcome or a ks, says; makes the context new. Segment duration: the first time only. */
void klive_show_read_welcome (KliveShow *show, JsonObject *message);
void klive_show_read_ks (KliveShow *show, JsonObject *message);

typedef enum { KLIVE_SHOW_NEW, KLIVE_SHOW_RESTORED } KliveShowOrigin;

/*
 * Opens the folder, going on with the broadcast of a worker that has died (@origin), and the registration.
 * Errors: the folder cannot be made or read; KLIVE_PLUGINS_ERROR_MISSING.
 */
gboolean klive_show_open (KliveShow *show, const KliveRegistrationCallbacks *callbacks, gpointer user_data,
    KliveShowOrigin *origin, GError **error);
gboolean klive_show_is_registered (const KliveShow *show);
/* Logs what happened to @stream (nullable: to all), and keeps it for the status if it is a warning or worse. */
void klive_show_log (KliveShow *show, KliveLogLevel level, const char *event, const char *stream, gint64 serial,
    const char *message);

/* Whether nothing that is to be recorded is still to be found out. */
gboolean klive_show_knows_recordings (const KliveShow *show);

/* ENDLIST, and the unregistration begins: klive_pipeline_wait_disposed() waits for it. */
void klive_show_end (KliveShow *show);

G_END_DECLS
