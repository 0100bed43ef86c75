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

/* Of every job: whether it is still wanted. */
typedef gboolean (*KliveLaneFunc) (KalturaJob *job, gpointer user_data);
/* Takes out the jobs that @is_there denies, but not the head while it is being handed over (@state). */
void klive_lane_keep (KliveLane *lane, KliveLaneState state, KliveLaneFunc is_there, gpointer user_data);

/*
 * The broadcast is over: the newest job of which @has_media is true is its last chunk, written still or not. A recorder
 * that could not write, or was killed early, leaves jobs without media.
 */
void klive_lane_is_over (KliveLane *lane, KliveLaneFunc has_media, gpointer user_data);
/*
 * What klive_lane_is_over() has said is written into the closed jobs, and @save called for each: the next broadcast's
 * jobs may stand behind them when somebody reads them again.
 */
void klive_lane_write_down (KliveLane *lane, KliveLaneFunc save, gpointer user_data);

/*
 * Writes into the head what is known of it being the last; FALSE if that has to be waited for. A chunk that a later one
 * follows, of which @has_media is true, is not the last.
 */
gboolean klive_lane_decide (KliveLane *lane, KliveLaneFunc has_media, gpointer user_data);

G_END_DECLS
