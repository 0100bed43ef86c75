/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A plugin of hardware encoders as they are on machines that we do not have: vah264enc works (openh264enc is in it),
 * nvh264enc has no device, qsvh264enc hangs. They have the properties that the templates set.
 */
#include <gst/gst.h>

#define PACKAGE "klive"

typedef struct {
  GstBin parent;
} FakeEncoder;

typedef struct {
  GstBinClass parent_class;
  GstStateChangeReturn (*start) (GstElement *element); /* what becomes of READY */
} FakeEncoderClass;

enum { PROP_0, PROP_BITRATE, PROP_RATE_CONTROL, PROP_RC_MODE, PROP_GOP_SIZE, PROP_KEY_INT_MAX };

GType fake_encoder_get_type (void);
G_DEFINE_TYPE (FakeEncoder, fake_encoder, GST_TYPE_BIN)

static void
set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  if (id == PROP_BITRATE) {
    gst_child_proxy_set (GST_CHILD_PROXY (object), "encoder::bitrate", g_value_get_uint (value) * 1000, NULL);
  } else if (id == PROP_GOP_SIZE || id == PROP_KEY_INT_MAX) {
    gst_child_proxy_set (GST_CHILD_PROXY (object), "encoder::gop-size", g_value_get_uint (value), NULL);
  }
}

static GstStateChangeReturn
change_state (GstElement *element, GstStateChange transition)
{
  FakeEncoderClass *klass = (FakeEncoderClass *) G_OBJECT_GET_CLASS (element);
  if (transition == GST_STATE_CHANGE_NULL_TO_READY && klass->start (element) == GST_STATE_CHANGE_FAILURE) {
    return GST_STATE_CHANGE_FAILURE;
  }
  return GST_ELEMENT_CLASS (fake_encoder_parent_class)->change_state (element, transition);
}

static GstStateChangeReturn
start_well (GstElement *element)
{
  return GST_STATE_CHANGE_SUCCESS;
}

static GstStateChangeReturn
start_without_device (GstElement *element)
{
  GST_ELEMENT_ERROR (element, RESOURCE, OPEN_WRITE, ("no capable device"), (NULL));
  return GST_STATE_CHANGE_FAILURE;
}

static GstStateChangeReturn
start_and_hang (GstElement *element)
{
  g_usleep (60 * G_USEC_PER_SEC);
  return GST_STATE_CHANGE_FAILURE;
}

static void
add_text (GObjectClass *klass, guint id, const char *name)
{
  g_object_class_install_property (klass, id, g_param_spec_string (name, name, name, NULL, G_PARAM_WRITABLE));
}

static void
add_number (GObjectClass *klass, guint id, const char *name)
{
  g_object_class_install_property (klass, id, g_param_spec_uint (name, name, name, 0, G_MAXINT, 0, G_PARAM_WRITABLE));
}

static void
fake_encoder_class_init (FakeEncoderClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  object_class->set_property = set_property;
  element_class->change_state = change_state;
  add_number (object_class, PROP_BITRATE, "bitrate");
  add_number (object_class, PROP_GOP_SIZE, "gop-size");
  add_number (object_class, PROP_KEY_INT_MAX, "key-int-max");
  add_text (object_class, PROP_RATE_CONTROL, "rate-control");
  add_text (object_class, PROP_RC_MODE, "rc-mode");
  gst_element_class_add_pad_template (element_class,
      gst_pad_template_new ("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_CAPS_ANY));
  gst_element_class_add_pad_template (element_class,
      gst_pad_template_new ("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_CAPS_ANY));
  gst_element_class_set_static_metadata (element_class, "Fake encoder", "Codec/Encoder/Video", "For tests", "klive");
}

static void
fake_encoder_init (FakeEncoder *self)
{
  GstElement *encoder = gst_element_factory_make ("openh264enc", "encoder");
  for (guint i = 0; encoder != NULL && i < 2; i++) {
    const char *name = i == 0 ? "sink" : "src";
    g_autoptr (GstPad) pad = gst_element_get_static_pad (encoder, name);
    if (i == 0) {
      gst_bin_add (GST_BIN (self), encoder);
    }
    gst_element_add_pad (GST_ELEMENT (self), gst_ghost_pad_new (name, pad));
  }
}

static void
init_well (FakeEncoderClass *klass)
{
  klass->start = start_well;
}

static void
init_without_device (FakeEncoderClass *klass)
{
  klass->start = start_without_device;
}

static void
init_to_hang (FakeEncoderClass *klass)
{
  klass->start = start_and_hang;
}

static gboolean
plugin_init (GstPlugin *plugin)
{
  static const struct {
    const char *element, *type;
    void (*class_init) (FakeEncoderClass *klass);
  } kinds[] = { { "vah264enc", "FakeVa", init_well }, { "nvh264enc", "FakeNv", init_without_device },
    { "qsvh264enc", "FakeQsv", init_to_hang } };
  gboolean any = FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++) {
    GType type = g_type_register_static_simple (fake_encoder_get_type (), kinds[i].type, sizeof (FakeEncoderClass),
        (GClassInitFunc) (void (*) (void)) kinds[i].class_init, sizeof (FakeEncoder), NULL, 0);
    any |= gst_element_register (plugin, kinds[i].element, GST_RANK_NONE, type);
  }
  return any;
}

GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, fakehardware, "Fake hardware encoders", plugin_init,
    KLIVE_VERSION, "LGPL", "klive", "klive")
