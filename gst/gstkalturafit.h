/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/video/video.h>

G_BEGIN_DECLS

/* Which part of a picture goes to which part of a frame of another shape. For kalturascale. */

typedef enum {
  GST_KALTURA_FIT_STRETCH,   /* all of it to all of it, whatever that does to its shape */
  GST_KALTURA_FIT_LETTERBOX, /* all of it, in its shape, with black borders */
  GST_KALTURA_FIT_CROP,      /* its middle, in its shape, without borders */
} GstKalturaFit;

GType gst_kaltura_fit_get_type (void);

/*
 * @from: (out): the part of @in that is used, in its pixels
 * @to: (out): where it goes in @out, which has square pixels
 *
 * Even numbers, multiples of 4 in the height of interlaced video, so that chroma and fields stay where they are.
 */
void gst_kaltura_fit_place (GstKalturaFit fit, const GstVideoInfo *in, const GstVideoInfo *out, GstVideoRectangle *from,
    GstVideoRectangle *to);

/* Where @plane of @frame has the pixel @x, @y (even numbers). */
guint8 *gst_kaltura_fit_locate (const GstVideoFrame *frame, guint plane, int x, int y);

/* Copies @picture (I420) to @to in @frame (I420), which has its size, and makes the rest of @frame black. */
void gst_kaltura_fit_put (GstVideoFrame *frame, const GstVideoFrame *picture, const GstVideoRectangle *to);

G_END_DECLS
