/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "klive-ladder.h"

G_BEGIN_DECLS

/*
 * What a local media file carries. Blocks for some seconds at most; gst_init() must have been called.
 * Error GST_STREAM_ERROR, GST_RESOURCE_ERROR or G_IO_ERROR: it cannot be read, or has neither video nor audio.
 */
gboolean klive_probe_file (const char *path, KliveTracks *tracks, GError **error);

G_END_DECLS
