/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "klive-source.h"

G_BEGIN_DECLS

/*
 * Frames that wait for a studio: until tracks and profile are known, and from one studio to the next. Holds at most
 * 10 s and 32 MB; what is too much goes from the front, a GOP at a time. One thread.
 */
typedef struct _KliveHold KliveHold;

#define KLIVE_HOLD_MAX_TIME (10 * GST_SECOND)
#define KLIVE_HOLD_MAX_BYTES (32 * 1024 * 1024)

KliveHold *klive_hold_new (void);
void klive_hold_free (KliveHold *hold);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveHold, klive_hold_free)

/* Takes @frame (transfer full). Returns: how many frames had to go for it. */
guint klive_hold_push (KliveHold *hold, KliveFrame *frame);
/* The oldest frame (transfer full), NULL when there is none. */
KliveFrame *klive_hold_pop (KliveHold *hold);
/* (transfer none) (nullable) */
const KliveFrame *klive_hold_peek (const KliveHold *hold);

/* The oldest frame of a track. (transfer none) (nullable) */
const KliveFrame *klive_hold_peek_track (const KliveHold *hold, KliveTimelineTrack track);

/*
 * Makes the front a place where a decoder can begin: a video keyframe if @video, and no sound that ends before it is
 * shown. FALSE: there is no such place yet; nothing is dropped.
 */
gboolean klive_hold_begin (KliveHold *hold, gboolean video);

G_END_DECLS
