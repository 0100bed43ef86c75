/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

/* Writes frames, in the order in which they are to stand, into one segment file after the other. */
typedef struct _GstKalturaSegmentWriter GstKalturaSegmentWriter;

/* A closed segment. Strings belong to the writer. */
typedef struct {
  const char *location;
  guint64 index;
  GstClockTime running_time; /* of its first frame */
  GstClockTime duration;     /* ns */
  guint64 bytes;
  const char *codecs; /* RFC 6381: "avc1.4d401f,mp4a.40.2" */
  gint width, height; /* pixels, 0 = no video or not known */
  gint fps_n, fps_d;  /* 0/1 = not known */
  gboolean last;
  int error; /* errno; not 0 = there is no file */
} GstKalturaSegment;

typedef struct {
  /* @error: errno of a fault that begins now, told once until a segment has succeeded. */
  void (*fault) (const char *location, int error, gpointer user_data);
  void (*closed) (const GstKalturaSegment *segment, gpointer user_data);
} GstKalturaSegmentCallbacks;

/* @pattern: as gst_kaltura_file_expand() takes it; NULL return for another. @callbacks must outlive the writer. */
GstKalturaSegmentWriter *gst_kaltura_segment_writer_new (const char *pattern, guint64 start_index,
    const GstKalturaSegmentCallbacks *callbacks, gpointer user_data);
/* An open segment is thrown away. */
void gst_kaltura_segment_writer_free (GstKalturaSegmentWriter *writer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstKalturaSegmentWriter, gst_kaltura_segment_writer_free)

/* Whether @caps can be written: codec_data may be missing or unusable. Sets @frame_duration (ns, 0 = not known). */
gboolean gst_kaltura_segment_writer_check_caps (const GstCaps *caps, GstClockTime *frame_duration);

/* @caps have been checked. */
void gst_kaltura_segment_writer_set_video (GstKalturaSegmentWriter *writer, const GstCaps *caps);
void gst_kaltura_segment_writer_set_audio (GstKalturaSegmentWriter *writer, const GstCaps *caps);
/* The tracks are over: later segments do not list them. */
void gst_kaltura_segment_writer_end_video (GstKalturaSegmentWriter *writer);
void gst_kaltura_segment_writer_end_audio (GstKalturaSegmentWriter *writer);

gboolean gst_kaltura_segment_writer_is_open (const GstKalturaSegmentWriter *writer);
/* Running time of the open segment's first frame. */
gint64 gst_kaltura_segment_writer_get_start (const GstKalturaSegmentWriter *writer);

typedef enum { GST_KALTURA_SEGMENT_GOES_ON, GST_KALTURA_SEGMENT_LAST } GstKalturaSegmentEnd;

/* All times: ns of running time, may be negative before the first keyframe. */
void gst_kaltura_segment_writer_begin (GstKalturaSegmentWriter *writer, gint64 running_time);
void gst_kaltura_segment_writer_end (GstKalturaSegmentWriter *writer, gint64 running_time, GstKalturaSegmentEnd end);
void gst_kaltura_segment_writer_write_video (GstKalturaSegmentWriter *writer, GstBuffer *buffer, gint64 pts,
    gint64 dts);
/*
 * Puts @tag, a whole ID3 tag, into the stream behind the first frame of @running_time or later. A stream lists its
 * metadata track from the first tag on. At most 64 wait; then the oldest is left out.
 */
void gst_kaltura_segment_writer_add_metadata (GstKalturaSegmentWriter *writer, gint64 running_time, GBytes *tag);
void gst_kaltura_segment_writer_write_audio (GstKalturaSegmentWriter *writer, GstBuffer *buffer, gint64 pts);

G_END_DECLS
