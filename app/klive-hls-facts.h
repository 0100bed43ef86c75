/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "klive-hls-state.h"

G_BEGIN_DECLS

/* What keyframes and segments tell about the lists: target duration, bandwidth, codecs, sizes. Pure. */

/* @segment_duration: ns, the slots'; @gop: ns between two source keyframes */
void klive_hls_facts_add_gop (KliveHlsState *state, guint64 segment_duration, guint64 gop);

/*
 * Sets the target duration with the first segment and raises it for one that does not fit: RFC 8216 wants EXTINF,
 * rounded, at most that, and the same target in all lists of a master. @duration: ns, of the new segment.
 * Returns: whether it has changed.
 */
gboolean klive_hls_facts_update_target (KliveHlsState *state, guint64 segment_duration, guint64 duration);

/*
 * Takes in a segment that is the last of the rendition's list already: codecs and size, and how much it is in a second.
 * BANDWIDTH begins as the ladder's estimate and follows every higher peak, 5 % ahead so that masters seldom change.
 *
 * @fingerprint: of the segment's codec headers
 * Returns: whether masters have to say something else.
 */
gboolean klive_hls_facts_update_rendition (KliveHlsRendition *rendition, const KliveHlsSegment *segment,
    const char *fingerprint, guint target_duration);

G_END_DECLS
