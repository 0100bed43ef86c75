/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <mp4-writer.h>

#include "gstkalturamerge.h"

G_BEGIN_DECLS

/* One track of a recording: what its caps say, and its frames on the way into a fragment, in the file's own time. */
typedef struct _GstKalturaRecordTrack GstKalturaRecordTrack;

GstKalturaRecordTrack *gst_kaltura_record_track_new (GstKalturaMergeKind kind);
void gst_kaltura_record_track_free (GstKalturaRecordTrack *track);

/* Whether a recording can be made of @caps. */
gboolean gst_kaltura_record_track_check_caps (const GstCaps *caps);
/* Whether a header made for the caps of now does not fit @caps, which have been checked. */
gboolean gst_kaltura_record_track_is_changed (const GstKalturaRecordTrack *track, const GstCaps *caps);
void gst_kaltura_record_track_set_caps (GstKalturaRecordTrack *track, GstCaps *caps);
gboolean gst_kaltura_record_track_has_caps (const GstKalturaRecordTrack *track);

/* A new file begins, at @start (ns of running time). The caps of now are those of the file. */
void gst_kaltura_record_track_begin (GstKalturaRecordTrack *track, gint64 start);
/* For the header of that file. The bytes belong to the track. */
void gst_kaltura_record_track_get_setup (const GstKalturaRecordTrack *track, Mp4Setup *setup);

/* Takes the buffer of @frame. FALSE, and it is dropped, if it belongs in front of the file. */
gboolean gst_kaltura_record_track_add (GstKalturaRecordTrack *track, GstKalturaFrame *frame);
/* The file ends: the last frame lasts until @next_dts (ns), or as long as a frame does when that is not known. */
void gst_kaltura_record_track_end (GstKalturaRecordTrack *track, gint64 next_dts);
#define GST_KALTURA_RECORD_TRACK_NO_DTS G_MININT64

/* The frames whose duration is known; FALSE = none. */
gboolean gst_kaltura_record_track_get_run (const GstKalturaRecordTrack *track, Mp4Run *run);
/* The buffers of that run, of GstBuffer. (transfer none) */
GPtrArray *gst_kaltura_record_track_get_buffers (const GstKalturaRecordTrack *track);
/* They are written. */
void gst_kaltura_record_track_clear_run (GstKalturaRecordTrack *track);

/* ns of the frames in the run. */
GstClockTime gst_kaltura_record_track_get_run_time (const GstKalturaRecordTrack *track);

G_END_DECLS
