/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The simple live playlist that kalturahlssink writes under gst-launch; the worker writes its own. */
typedef struct _GstKalturaHlsPlaylist GstKalturaHlsPlaylist;

/* @target: s, 0 = by the first segment. @max_files: segments listed, 0 = all, then none is removed either. */
GstKalturaHlsPlaylist *gst_kaltura_hls_playlist_new (const char *path, guint target, guint max_files);
void gst_kaltura_hls_playlist_free (GstKalturaHlsPlaylist *playlist);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstKalturaHlsPlaylist, gst_kaltura_hls_playlist_free)

/* Lists a segment of @duration ns and removes files that have left the list long ago. Returns an errno, 0 = written. */
int gst_kaltura_hls_playlist_add (GstKalturaHlsPlaylist *playlist, const char *location, guint64 index,
    guint64 duration);
/* Writes that no more segments follow. */
int gst_kaltura_hls_playlist_end (GstKalturaHlsPlaylist *playlist);

G_END_DECLS
