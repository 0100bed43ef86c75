/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Letterbox, crop and stretch as geometry, and what puts a picture into a frame. Called by kalturascale on the
 * streaming thread; no state.
 */
#include "gstkalturafit.h"

#include <string.h>

GType
gst_kaltura_fit_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    { GST_KALTURA_FIT_STRETCH, "The whole picture fills the frame", "stretch" },
    { GST_KALTURA_FIT_LETTERBOX, "The whole picture keeps its shape and gets black borders", "letterbox" },
    { GST_KALTURA_FIT_CROP, "The middle of the picture keeps its shape and fills the frame", "crop" },
    { 0, NULL, NULL },
  };
  if (g_once_init_enter (&type)) {
    GType registered = g_enum_register_static ("GstKalturaFit", values);
    g_once_init_leave (&type, registered);
  }
  return type;
}

/* @value to the nearest multiple of @step, from @step to @most; one that misses @most by less than that is @most. */
static int
round_to (double value, int step, int most)
{
  int rounded = step * (int) (value / step + 0.5);
  return rounded + step > most ? most : MAX (rounded, step);
}

/* Where something of @size begins in the middle of @whole. */
static int
centre (int whole, int size, int step)
{
  return (whole - size) / 2 / step * step;
}

void
gst_kaltura_fit_place (GstKalturaFit fit, const GstVideoInfo *in, const GstVideoInfo *out, GstVideoRectangle *from,
    GstVideoRectangle *to)
{
  int step = GST_VIDEO_INFO_IS_INTERLACED (in) ? 4 : 2; /* of heights */
  double shape = (double) in->width * in->par_n / in->par_d / in->height;
  double wanted = (double) out->width / out->height;
  *from = (GstVideoRectangle){ 0, 0, in->width, in->height };
  *to = (GstVideoRectangle){ 0, 0, out->width, out->height };
  if (fit == GST_KALTURA_FIT_LETTERBOX && shape > wanted) {
    to->h = round_to (out->width / shape, step, out->height);
    to->y = centre (out->height, to->h, step);
  } else if (fit == GST_KALTURA_FIT_LETTERBOX) {
    to->w = round_to (out->height * shape, 2, out->width);
    to->x = centre (out->width, to->w, 2);
  } else if (fit == GST_KALTURA_FIT_CROP && shape > wanted) {
    from->w = round_to (in->width * wanted / shape, 2, in->width);
    from->x = centre (in->width, from->w, 2);
  } else if (fit == GST_KALTURA_FIT_CROP) {
    from->h = round_to (in->height * shape / wanted, step, in->height);
    from->y = centre (in->height, from->h, step);
  }
}

guint8 *
gst_kaltura_fit_locate (const GstVideoFrame *frame, guint plane, int x, int y)
{
  /* Of the formats here a plane begins with the component of its number. */
  const GstVideoFormatInfo *format = frame->info.finfo;
  return (guint8 *) GST_VIDEO_FRAME_PLANE_DATA (frame, plane) +
      (gssize) GST_VIDEO_FRAME_PLANE_STRIDE (frame, plane) * (y >> GST_VIDEO_FORMAT_INFO_H_SUB (format, plane)) +
      (gssize) GST_VIDEO_FORMAT_INFO_PSTRIDE (format, plane) * (x >> GST_VIDEO_FORMAT_INFO_W_SUB (format, plane));
}

static guint8
get_black (const GstVideoFrame *frame, guint plane)
{
  if (plane > 0) {
    return 128;
  }
  return frame->info.colorimetry.range == GST_VIDEO_COLOR_RANGE_0_255 ? 0 : 16;
}

static void
put_plane (GstVideoFrame *frame, const GstVideoFrame *picture, const GstVideoRectangle *to, guint plane)
{
  int sub = plane > 0;
  int width = GST_VIDEO_FRAME_COMP_WIDTH (frame, plane), height = GST_VIDEO_FRAME_COMP_HEIGHT (frame, plane);
  int left = to->x >> sub, top = to->y >> sub;
  int inner = GST_VIDEO_FRAME_COMP_WIDTH (picture, plane), lines = GST_VIDEO_FRAME_COMP_HEIGHT (picture, plane);
  guint8 black = get_black (frame, plane);
  for (int y = 0; y < height; y++) {
    guint8 *line =
        (guint8 *) GST_VIDEO_FRAME_PLANE_DATA (frame, plane) + (gssize) GST_VIDEO_FRAME_PLANE_STRIDE (frame, plane) * y;
    if (y < top || y >= top + lines) {
      memset (line, black, width);
      continue;
    }
    memset (line, black, left);
    memcpy (line + left,
        (guint8 *) GST_VIDEO_FRAME_PLANE_DATA (picture, plane) +
            (gssize) GST_VIDEO_FRAME_PLANE_STRIDE (picture, plane) * (y - top),
        inner);
    memset (line + left + inner, black, width - left - inner);
  }
}

void
gst_kaltura_fit_put (GstVideoFrame *frame, const GstVideoFrame *picture, const GstVideoRectangle *to)
{
  for (guint plane = 0; plane < GST_VIDEO_FRAME_N_PLANES (frame); plane++) {
    put_plane (frame, picture, to, plane);
  }
}
