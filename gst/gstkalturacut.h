/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_TYPE_KALTURA_CUT (gst_kaltura_cut_get_type ())
G_DECLARE_FINAL_TYPE (GstKalturaCut, gst_kaltura_cut, GST, KALTURA_CUT, GstElement)

GST_ELEMENT_REGISTER_DECLARE (kalturacut)

G_END_DECLS
