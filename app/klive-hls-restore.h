/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "klive-hls-folder.h"
#include "klive-hls-state.h"

G_BEGIN_DECLS

/*
 * What an earlier writer left in @folder: state.json, the lists, and the numbers of all files. When it had ended its
 * broadcast, or its state cannot be read, a new broadcast begins: lists are empty, numbers go on, its playlists are
 * removed. Files that no list names any more are removed later.
 *
 * @warnings: of char *, what could not be restored is added
 * Returns: (transfer full)
 */
KliveHlsState *klive_hls_restore (KliveHlsFolder *folder, const KliveHlsOptions *options, gint64 now,
    GPtrArray *warnings);

G_END_DECLS
