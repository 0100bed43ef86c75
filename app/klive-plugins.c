/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Turns "no element" into what an operator can do about it. klive-studio-text.c asks before a text is parsed.
 */
#include "klive-plugins.h"

#include <gst/gst.h>

typedef struct {
  const char *prefix; /* of the element's name */
  const char *package;
} Origin;

/* The first prefix that fits counts. */
static const Origin origins[] = {
  { "kalturascale", "klive's own plugin; GST_PLUGIN_PATH is the folder of libgstkalturascale.so" },
  { "kaltura", "klive's own plugin; GST_PLUGIN_PATH is the folder of libgstkaltura.so" },
  { "x264enc", "gstreamer1.0-plugins-ugly" },
  { "avdec_", "gstreamer1.0-libav" },
  { "avenc_", "gstreamer1.0-libav" },
  { "fdkaacenc", "gstreamer1.0-fdkaac" },
  { "voaacenc", "gstreamer1.0-plugins-bad" },
  { "nvh264", "gstreamer1.0-plugins-bad, and needs Nvidia's driver" },
  { "openh264enc", "gstreamer1.0-plugins-bad" },
  { "rtmp2src", "gstreamer1.0-plugins-bad" },
  { "hlssink2", "gstreamer1.0-plugins-bad" },
  { "h264parse", "gstreamer1.0-plugins-bad" },
  { "deinterlace", "gstreamer1.0-plugins-good" },
  { "flvdemux", "gstreamer1.0-plugins-good" },
  { "qtdemux", "gstreamer1.0-plugins-good" },
  { "aacparse", "gstreamer1.0-plugins-good" },
  { "mpegaudioparse", "gstreamer1.0-plugins-good" },
  { "speexdec", "gstreamer1.0-plugins-good" },
  { "app", "gstreamer1.0-plugins-base" },
  { "video", "gstreamer1.0-plugins-base" },
  { "audio", "gstreamer1.0-plugins-base" },
};

G_DEFINE_QUARK (klive_plugins_error_quark, klive_plugins_error)

const char *
klive_plugins_get_package (const char *element)
{
  for (guint i = 0; i < G_N_ELEMENTS (origins); i++)
    if (g_str_has_prefix (element, origins[i].prefix))
      return origins[i].package;
  return NULL;
}

gboolean
klive_plugins_has (const char *element)
{
  g_autoptr (GstElementFactory) factory = gst_element_factory_find (element);

  return factory != NULL;
}

gboolean
klive_plugins_check (const char *const *elements, GError **error)
{
  for (; *elements; elements++) {
    const char *package = klive_plugins_get_package (*elements);

    if (klive_plugins_has (*elements))
      continue;
    g_set_error (error, KLIVE_PLUGINS_ERROR, KLIVE_PLUGINS_ERROR_MISSING,
        "the GStreamer element %s is not installed; it is in %s", *elements, package ? package : "no known package");
    return FALSE;
  }
  return TRUE;
}

const char *
klive_plugins_choose (const char *const *elements, GError **error)
{
  for (guint i = 0; elements[i]; i++)
    if (klive_plugins_has (elements[i]))
      return elements[i];
  klive_plugins_check ((const char *[]){ elements[0], NULL }, error);
  return NULL;
}
