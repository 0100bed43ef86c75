/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The plugin "kalturascale": kalturascale alone. It is not in the plugin "kaltura", because libswscale brings libavutil
 * and with that libraries of X11, VA and OpenCL: 2.3 MB in every process, wanted or not.
 */
#include <gst/gst.h>

#include "gstkalturascale.h"

#define PACKAGE "klive"

static gboolean
plugin_init (GstPlugin *plugin)
{
  return GST_ELEMENT_REGISTER (kalturascale, plugin);
}

GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, kalturascale, "Scaling with libswscale", plugin_init,
    KLIVE_VERSION, "LGPL", "klive", "klive")
