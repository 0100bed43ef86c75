/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/base/gstbasetransform.h>

G_BEGIN_DECLS

#define GST_TYPE_KALTURA_REGISTER (gst_kaltura_register_get_type ())
G_DECLARE_FINAL_TYPE (GstKalturaRegister, gst_kaltura_register, GST, KALTURA_REGISTER, GstBaseTransform)

GST_ELEMENT_REGISTER_DECLARE (kalturaregister)

G_END_DECLS
