/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>
#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/*
 * The kalturarecordsinks of one studio, by their names rec_ID: what they say, how they are, and their common splits.
 * Owned by the studio, main thread.
 */
typedef struct _KliveRecordings KliveRecordings;

/* Of @pipeline, which may have none. @entry and @stream are for the log. */
KliveRecordings *klive_recordings_new (GstElement *pipeline, const char *entry, const char *stream);
void klive_recordings_free (KliveRecordings *recordings);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveRecordings, klive_recordings_free)

/* An element message of the pipeline; those of others are nobody's here. */
void klive_recordings_handle (KliveRecordings *recordings, GstMessage *message);

/* All begin a new file at the same keyframe, the first one at or after @running_time, which none has reached yet. */
void klive_recordings_split (KliveRecordings *recordings, GstClockTime running_time);

/*
 * Adds an object for each to @array, for the status: {"id":"32", "stream":"0_abcd1234_1", "asset":"0_x8d2k1mn",
 * "state":"recording", "file":"/...mp4", "chunks":1, "bytes":123, "faults":0, "droppedFrames":0, "failing":false,
 * "reason":"..."}. state: "waiting" (for a keyframe), "recording", "failing" (the disk is full, unwritable, hangs:
 * @reason says which).
 */
void klive_recordings_describe (KliveRecordings *recordings, JsonArray *array);

G_END_DECLS
