/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "klive-hls-state.h"

G_BEGIN_DECLS

/*
 * Every master playlist that @state asks for: one for each rendition with a segment ("33/playlist.m3u8") and one for
 * each group of the streams that are ready ("all.m3u8"), with their _dvr forms if @dvr. A group's master holds the
 * group's members of every ready stream, in the streams' order and each group's own. Pure.
 *
 * Returns: (transfer full): name of the file -> its text
 */
GHashTable *klive_hls_master_compose (const KliveHlsState *state, gboolean dvr);

G_END_DECLS
