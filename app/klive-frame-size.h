/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "klive-ladder.h"

G_BEGIN_DECLS

typedef struct {
  guint width, height;
} KliveSize;

/*
 * The frame size that a profile's FrameSize asks for: even numbers, square pixels, the shape of the source, never
 * larger than it is on the screen.
 *
 * @fit_mode: nullable; the size that is given decides when absent
 * @wanted: Width and Height of the profile, 0 = absent
 * @warning: (out): one sentence when the wish is not followed, else NULL; free with g_free()
 *
 * Returns: 0x0 when the source does not tell its size.
 */
KliveSize klive_frame_size_fit (const KliveTracks *source, const char *fit_mode, KliveSize wanted, char **warning);

G_END_DECLS
