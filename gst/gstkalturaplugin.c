/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The plugin "kaltura": registers its elements. Tests link the static library and register what they need by hand.
 */
#include <gst/gst.h>

#include "gstkalturaauth.h"
#include "gstkalturacut.h"
#include "gstkalturahlssink.h"
#include "gstkalturarecordsink.h"
#include "gstkalturaregister.h"
#include "gstkalturathin.h"

#define PACKAGE "klive"

static gboolean
plugin_init (GstPlugin *plugin)
{
  gboolean any = FALSE;
  any |= GST_ELEMENT_REGISTER (kalturaauth, plugin);
  any |= GST_ELEMENT_REGISTER (kalturacut, plugin);
  any |= GST_ELEMENT_REGISTER (kalturahlssink, plugin);
  any |= GST_ELEMENT_REGISTER (kalturarecordsink, plugin);
  any |= GST_ELEMENT_REGISTER (kalturaregister, plugin);
  any |= GST_ELEMENT_REGISTER (kalturathin, plugin);
  return any;
}

GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, kaltura, "Live streams of a Kaltura server", plugin_init,
    KLIVE_VERSION, "LGPL", "klive", "klive")
