/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "klive-ladder.h"

G_BEGIN_DECLS

/*
 * How many threads the video encoders and the decoder of a ladder get when nobody has said it. More than are needed
 * cost CPU and memory: x264 keeps frames for each, and its threads wait for each other many times in a frame.
 */

/*
 * Of @rendition's encoder: its share, by pixels, of @cores (1 and up), and no less than what real time takes with
 * @speed_preset (of x264; nullable). 1 to 16.
 */
guint klive_threads_for_encoder (const KliveLadder *ladder, const KliveRendition *rendition, const char *speed_preset,
    guint cores);

/* Of the decoder, for a source like @tracks: 1 to 4. */
guint klive_threads_for_decoder (const KliveTracks *tracks);

G_END_DECLS
