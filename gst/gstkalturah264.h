/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <sys/uio.h>

G_BEGIN_DECLS

/*
 * Turns access units of one H.264 track into what a transport stream holds: start codes, an access unit delimiter (AUD)
 * first, SPS and PPS at keyframes.
 */
typedef struct _GstKalturaH264 GstKalturaH264;

typedef enum {
  GST_KALTURA_H264_DELTA,
  GST_KALTURA_H264_KEYFRAME /* gets SPS and PPS where the access unit has none */
} GstKalturaH264Frame;

GstKalturaH264 *gst_kaltura_h264_new (void);
void gst_kaltura_h264_free (GstKalturaH264 *h264);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstKalturaH264, gst_kaltura_h264_free)

/* From now on access units are a byte-stream with start codes. Forgets the headers. */
void gst_kaltura_h264_set_byte_stream (GstKalturaH264 *h264);

/* From now on access units are NAL units with length fields, as the avcC box @data says. FALSE if that is malformed. */
gboolean gst_kaltura_h264_set_avcc (GstKalturaH264 *h264, const guint8 *data, gsize size);

/*
 * Appends to @chunks (of struct iovec) what to write for the access unit @data; the chunks point into @data and @h264
 * and hold until the next call. FALSE, and nothing appended, for an access unit that is empty or whose length fields
 * are broken.
 */
gboolean gst_kaltura_h264_frame (GstKalturaH264 *h264, const guint8 *data, gsize size, GstKalturaH264Frame frame,
    GArray *chunks);

/* RFC 6381 name made of the last SPS, "avc1.4d401f"; NULL before any was seen. */
const char *gst_kaltura_h264_get_codec (const GstKalturaH264 *h264);

G_END_DECLS
