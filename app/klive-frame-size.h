/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "klive-ladder.h"

G_BEGIN_DECLS

typedef struct {
  guint width, height;
} KliveSize;

/*
 * The frame size that a profile's FrameSize asks for: even numbers, square pixels, never larger than the source is on
 * the screen, and in its shape but for letterbox, crop and stretch. A letterbox loses borders before its picture gets
 * smaller.
 *
 * @fit_mode: nullable; the size that is given decides when absent
 * @wanted: Width and Height of the profile, 0 = absent
 * @warning: (out): one sentence when the wish is not followed, else NULL; free with g_free()
 *
 * Returns: 0x0 when the source does not tell its size.
 */
KliveSize klive_frame_size_fit (const KliveTracks *source, const char *fit_mode, KliveSize wanted, char **warning);

/* Whether @fit_mode (nullable) makes frames of another shape than the source's: letterbox, crop, stretch. */
gboolean klive_frame_size_is_own_shape (const char *fit_mode);

G_END_DECLS
