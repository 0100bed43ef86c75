/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>
#include <gst/video/gstvideofilter.h>

G_BEGIN_DECLS

#define GST_TYPE_KALTURA_SCALE (gst_kaltura_scale_get_type ())
G_DECLARE_FINAL_TYPE (GstKalturaScale, gst_kaltura_scale, GST, KALTURA_SCALE, GstVideoFilter)

GST_ELEMENT_REGISTER_DECLARE (kalturascale)

G_END_DECLS
