/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_TYPE_KALTURA_HLS_SINK (gst_kaltura_hls_sink_get_type ())
G_DECLARE_FINAL_TYPE (GstKalturaHlsSink, gst_kaltura_hls_sink, GST, KALTURA_HLS_SINK, GstBin)

GST_ELEMENT_REGISTER_DECLARE (kalturahlssink)

G_END_DECLS
