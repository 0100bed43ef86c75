/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_TYPE_KALTURA_RECORD_SINK (gst_kaltura_record_sink_get_type ())
G_DECLARE_FINAL_TYPE (GstKalturaRecordSink, gst_kaltura_record_sink, GST, KALTURA_RECORD_SINK, GstElement)
GST_ELEMENT_REGISTER_DECLARE (kalturarecordsink);

G_END_DECLS
