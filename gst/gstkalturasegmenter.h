/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gstkalturasegmentwriter.h"
#include "gstkalturatrack.h"

G_BEGIN_DECLS

/* The sink element inside kalturahlssink; it has no factory. */
#define GST_TYPE_KALTURA_SEGMENTER (gst_kaltura_segmenter_get_type ())
G_DECLARE_FINAL_TYPE (GstKalturaSegmenter, gst_kaltura_segmenter, GST, KALTURA_SEGMENTER, GstElement)

#define GST_KALTURA_SEGMENTER_VIDEO_CAPS \
  "video/x-h264, stream-format=(string)byte-stream, alignment=(string)au; " \
  "video/x-h264, stream-format=(string){ avc, avc3 }"
#define GST_KALTURA_SEGMENTER_AUDIO_CAPS \
  "audio/mpeg, mpegversion=(int){ 2, 4 }, stream-format=(string){ raw, adts }, framed=(boolean)true; " \
  "audio/mpeg, mpegversion=(int)4, stream-format=(string)raw; " \
  "audio/mpeg, mpegversion=(int)1, layer=(int)3, parsed=(boolean)true"

/* Before the element leaves READY. Takes @writer; @target: ns, 0 = cuts on events only; @max_wait: ns. */
void gst_kaltura_segmenter_set_writer (GstKalturaSegmenter *segmenter, GstKalturaSegmentWriter *writer,
    GstClockTime target, GstClockTime max_wait);

/* As gst_kaltura_segment_writer_add_metadata(). Any thread; FALSE: nothing is being written. */
gboolean gst_kaltura_segmenter_add_metadata (GstKalturaSegmenter *segmenter, GstClockTime running_time, GBytes *tag);

/* A new pad for @kind, at most one of each. (transfer none) */
GstPad *gst_kaltura_segmenter_add_track (GstKalturaSegmenter *segmenter, GstKalturaTrackKind kind);
void gst_kaltura_segmenter_remove_track (GstKalturaSegmenter *segmenter, GstKalturaTrackKind kind);

G_END_DECLS
