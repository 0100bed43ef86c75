/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>

#include "klive-plan.h"

G_BEGIN_DECLS

/*
 * Where frames of one session become segments: one studio after the other, and the frames that wait in between. A
 * track that appears later, changes its codec or vanishes, and a studio that fails, all lead to the same: a fresh
 * studio. Main thread.
 */
typedef struct _KliveStage KliveStage;

typedef struct {
  /* A studio has begun or ended. */
  void (*changed) (KliveStage *stage, gpointer user_data);
  /* After klive_stage_end(): all is written. */
  void (*ended) (KliveStage *stage, gpointer user_data);
} KliveStageCallbacks;

/* @source: of the session, must outlive the stage. */
KliveStage *klive_stage_new (KliveShow *show, const char *stream, gint64 serial, KliveSource *source,
    const KliveStageCallbacks *callbacks, gpointer user_data);
/* NULL is fine. */
void klive_stage_free (KliveStage *stage);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveStage, klive_stage_free)

/* Takes @frame (transfer full): into the studio, or among those that wait for one. */
void klive_stage_take (KliveStage *stage, KliveFrame *frame);

/* Tracks and @profile (transfer full) are known: the first studio may begin. Once. */
void klive_stage_open (KliveStage *stage, KalturaProfile *profile);
/* Somebody else still writes the same stream: no studio begins while @blocked. */
void klive_stage_set_blocked (KliveStage *stage, gboolean blocked);
/* No more frames come: what is there is written out, then `ended` is called. */
void klive_stage_end (KliveStage *stage);

/* Once a second. */
void klive_stage_tick (KliveStage *stage);
/* A renewed session string; takes it from the show. */
void klive_stage_update_context (KliveStage *stage);

/* What is to be recorded has changed: a fresh studio at the next keyframe. */
void klive_stage_change_recordings (KliveStage *stage);
/* DTS of the newest frame that has come, running time; NONE = no frame yet. */
GstClockTime klive_stage_get_newest (const KliveStage *stage);
/* As for klive_studio_split_recordings() and klive_recordings_describe(). */
void klive_stage_split_recordings (KliveStage *stage, GstClockTime running_time);
/* Timed metadata, an ID3 tag, into all renditions; @running_time: ns. */
void klive_stage_add_metadata (KliveStage *stage, GstClockTime running_time, GBytes *tag);
void klive_stage_describe_recordings (KliveStage *stage, JsonArray *array);

/* "waiting", "on-air" or "changing" */
const char *klive_stage_get_state (const KliveStage *stage);
/* The format of a track of the studio, or of the last one. (transfer none) (nullable) */
const KliveFormat *klive_stage_get_format (const KliveStage *stage, KliveTimelineTrack track);
/* An object for each rendition of the studio, for the status. */
void klive_stage_describe_renditions (KliveStage *stage, JsonArray *renditions);

G_END_DECLS
