/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "klive-hls-folder.h"
#include "klive-hls-state.h"

G_BEGIN_DECLS

/*
 * Writes the media playlists of @rendition, whose list has segments: with DVR the parts that are complete now, the DVR
 * list, and the plain list. Once that is done the rendition is not marked as changed any more.
 *
 * Errors: G_FILE_ERROR, at the first file that cannot be written; what comes behind it is left as it is.
 */
gboolean klive_hls_lists_write (KliveHlsFolder *folder, const KliveHlsOptions *options, const KliveHlsState *state,
    KliveHlsRendition *rendition, gint64 now, GError **error);

/* The list's numbers have changed, and parts are named after numbers: all are written anew with the next
 * klive_hls_lists_write(), those that no number is left for go. */
void klive_hls_lists_renumber (KliveHlsFolder *folder, const KliveHlsOptions *options, const KliveHlsState *state,
    KliveHlsRendition *rendition, gint64 now);

/* How long a file stays after it has left the lists: the plain list's time and two target durations, ns. */
gint64 klive_hls_lists_get_margin (const KliveHlsOptions *options, const KliveHlsState *state,
    const KliveHlsRendition *rendition);

G_END_DECLS
