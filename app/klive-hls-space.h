/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "klive-hls-folder.h"
#include "klive-hls-state.h"

G_BEGIN_DECLS

/* Bytes that are to be free so that the next segments of all renditions and their lists find room. */
guint64 klive_hls_space_get_reserve (const KliveHlsState *state);

/*
 * Takes the oldest segments of all renditions alike out of their lists, so that about @bytes become free, and marks the
 * lists as changed. What the plain lists (of @plain_length segments) show stays. The files are left for
 * klive_hls_folder_expire_early(), to be called when the lists have been written.
 *
 * Returns: the number of segments.
 */
guint klive_hls_space_shorten (KliveHlsState *state, KliveHlsFolder *folder, guint plain_length, guint64 bytes,
    gint64 now);

G_END_DECLS
