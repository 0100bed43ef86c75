/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/base/gstbasetransform.h>

G_BEGIN_DECLS

#define GST_TYPE_KALTURA_AUTH (gst_kaltura_auth_get_type ())
G_DECLARE_FINAL_TYPE (GstKalturaAuth, gst_kaltura_auth, GST, KALTURA_AUTH, GstBaseTransform)

GST_ELEMENT_REGISTER_DECLARE (kalturaauth)

G_END_DECLS
