/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "klive-hls-state.h"

G_BEGIN_DECLS

/*
 * Makes the lists of @state ready for players that have come as far as those in @directory, the folder of the entry's
 * other index: raises media sequences so that what those players lack has numbers that they have not seen yet, and
 * puts a discontinuity in front of it, with a number that they have not seen either.
 *
 * @segment_duration: ns
 *
 * Returns: whether anything changed: FALSE when the other index has no list that @state has too.
 */
gboolean klive_hls_follow (KliveHlsState *state, const char *directory, guint64 segment_duration);

G_END_DECLS
