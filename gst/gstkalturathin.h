/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_TYPE_KALTURA_THIN (gst_kaltura_thin_get_type ())
G_DECLARE_FINAL_TYPE (GstKalturaThin, gst_kaltura_thin, GST, KALTURA_THIN, GstElement)

GST_ELEMENT_REGISTER_DECLARE (kalturathin)

G_END_DECLS
