/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kaltura-job.h"

G_BEGIN_DECLS

/*
 * The recordings of one asset and server index, oldest first: they reach Kaltura in this order. Decides which of them
 * is the last of its broadcast. Knows neither disk nor network nor clock.
 */
typedef struct _KliveLane KliveLane;

KliveLane *klive_lane_new (const KalturaJob *job);
void klive_lane_free (KliveLane *lane);

/* The same for all jobs of one lane. (transfer full) */
char *klive_lane_make_key (const KalturaJob *job);
const char *klive_lane_get_key (const KliveLane *lane);
gboolean klive_lane_is_of (const KliveLane *lane, const char *entry_id, gint server_index);

/*
 * Takes @job: new, or what its file says now. The head is not replaced while it is being handed over (@busy).
 */
typedef enum { KLIVE_LANE_IDLE, KLIVE_LANE_BUSY } KliveLaneState;
void klive_lane_take (KliveLane *lane, KalturaJob *job, KliveLaneState state);
/* The oldest job, NULL = none. (transfer none) */
KalturaJob *klive_lane_get_head (const KliveLane *lane);
/* The head is done with. */
void klive_lane_drop_head (KliveLane *lane);
guint klive_lane_get_length (const KliveLane *lane);
/* The jobs, oldest first, for status pages. */
KalturaJob *klive_lane_get (const KliveLane *lane, guint index);

/* Whether somebody writes the recording of @job right now. */
typedef gboolean (*KliveIsRecordingFunc) (const KalturaJob *job);
/*
 * The broadcast goes on, with a new session: nothing that has been recorded so far is its last chunk; what is being
 * written may be the new session's. The broadcast is over: the newest job is its last chunk, written still or not.
 */
void klive_lane_goes_on (KliveLane *lane, KliveIsRecordingFunc is_recording);
void klive_lane_is_over (KliveLane *lane);

/*
 * Writes into the head what is known of it being the last; FALSE if that has to be waited for. A chunk that a later one
 * follows is not the last.
 */
gboolean klive_lane_decide (KliveLane *lane);

G_END_DECLS
