/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which encoder a rendition gets, whatever the profile and klive.conf ask for and whatever of it works. */
#include "klive-encoders.h"

#include <gst/gst.h>
#include <string.h>

static const KliveTracks hd = { TRUE, "h264", 1280, 720, 1, 1, 30, 1, 2500000, TRUE, "aac", 48000, 2, 128000 };

static const char *working; /* elements that encode, in blanks */
static guint asked;

static gboolean
try_encoder (const char *element, const char *template, const char *templates, char **reason)
{
  g_auto (GStrv) list = g_strsplit (working, " ", -1);

  asked++;
  g_assert_true (g_str_has_prefix (template, "encode-") && g_str_has_suffix (template, "enc.gst"));
  if (g_strv_contains ((const char *const *) list, element))
    return TRUE;
  *reason = g_strdup ("no device");
  return FALSE;
}

static KliveLadder *
make (const char *implementation, gint gpu_id, const char *more)
{
  g_autofree char *video = g_strdup_printf ("<Implementation>%s</Implementation><GPUID>%d</GPUID><Codec>H.264</Codec>"
                                            "<Bitrate>400000</Bitrate>",
      implementation, gpu_id);
  g_autofree char *xml =
      g_strdup_printf ("<Root><Transcode><Encodes><Encode><StreamName>x_32</StreamName><Video>"
                       "<Codec>PassThru</Codec></Video></Encode><Encode><StreamName>x_33</StreamName>"
                       "<Video>%s</Video></Encode><Encode><StreamName>x_34</StreamName><Video>%s"
                       "</Video></Encode></Encodes>%s</Transcode></Root>",
          video, video, more);
  g_autoptr (GError) error = NULL;
  g_autoptr (KalturaProfile) profile = kaltura_profile_parse (xml, strlen (xml), &error);

  g_assert_no_error (error);
  return klive_ladder_new (profile, &hd, "0_abcd1234_1");
}

typedef struct {
  const char *implementation;
  gint gpu_id;
  const char *configured, *working;
  const char *encoder, *template; /* that it gets; NULL = software */
  const char *warning;            /* a part of the only one; NULL = there is none */
} Case;

static const Case cases[] = {
  { "default", -1, NULL, "nvh264enc", NULL, NULL, NULL },
  { "NVENC", -1, NULL, "nvh264enc", "nvh264enc", "nvh264enc", NULL },
  { "nvenc", 0, "auto", "nvh264enc", "nvh264enc", "nvh264enc", NULL },
  { "NVENC", 1, "auto", "nvh264enc nvh264device1enc", "nvh264device1enc", "nvh264enc", NULL },
  { "NVENC", 2, "auto", "nvh264enc", "nvh264enc", "nvh264enc", "GPU 2: there is no element nvh264device2enc" },
  { "NVENC", -1, "auto", "", NULL, NULL, "encoder NVENC: nvh264enc does not work: no device, the software" },
  { "QuickSync", -1, "auto", "qsvh264enc vah264enc", "qsvh264enc", "qsvh264enc", NULL },
  { "QuickSync", -1, "auto", "vah264enc", "vah264enc", "vah264enc", NULL },
  { "QuickSync", -1, "auto", "", NULL, NULL, "there is no element msdkh264enc" },
  { "VA", 1, "auto", "vah264enc varenderD129h264enc", "varenderD129h264enc", "vah264enc", NULL },
  { "V4L2", -1, "auto", "", NULL, NULL, "there is no element v4l2h264enc" },
  { "Abacus", -1, "auto", "", NULL, NULL, "encoder Abacus: expected default, NVENC, QuickSync, VA or V4L2" },
  /* klive.conf is stronger than the profile */
  { "NVENC", -1, "x264enc", "nvh264enc", NULL, NULL, NULL },
  { "default", -1, "vah264enc", "vah264enc", "vah264enc", "vah264enc", NULL },
  { "NVENC", -1, "vah264enc", "nvh264enc", NULL, NULL, "encoder vah264enc: vah264enc does not work" },
  { KLIVE_ENCODERS_SOFTWARE, -1, "vah264enc", "vah264enc", NULL, NULL, NULL },
};

static void
test_choice (gconstpointer data)
{
  const Case *c = data;
  g_autoptr (KliveLadder) ladder = make (c->implementation, c->gpu_id, "");

  working = c->working;
  klive_encoders_choose (ladder, c->configured, NULL, try_encoder);
  g_assert_cmpuint (ladder->renditions->len, ==, 3);
  for (guint i = 0; i < 3; i++) {
    const KliveRendition *rendition = ladder->renditions->pdata[i];

    g_assert_cmpstr (rendition->encoder, ==, i == 0 ? NULL : c->encoder);
    g_assert_cmpstr (rendition->encoder_template, ==, i == 0 ? NULL : c->template);
  }
  g_assert_cmpuint (ladder->warnings->len, ==, c->warning ? 1 : 0);
  if (c->warning && !strstr (ladder->warnings->pdata[0], c->warning))
    g_error ("%s", (char *) ladder->warnings->pdata[0]);
}

/* Encoders, decoder and scaler that are not there: one warning for all. */
static void
test_one_warning (void)
{
  g_autoptr (KliveLadder) ladder = make ("NVENC", -1,
      "<Decode><Video><Implementation>NVCUVID</Implementation></Video></Decode>"
      "<Scale><Implementation>CUDA</Implementation></Scale>");
  const char *warning;

  working = "";
  klive_encoders_choose (ladder, "auto", NULL, try_encoder);
  g_assert_cmpuint (ladder->warnings->len, ==, 1);
  warning = ladder->warnings->pdata[0];
  g_assert_true (strstr (warning, "NVENC") && strstr (warning, "NVCUVID") && strstr (warning, "CUDA"));
}

static void
test_nothing_is_asked_without_need (void)
{
  g_autoptr (KliveLadder) software = make ("default", -1, ""), forced = make ("NVENC", -1, "");

  asked = 0;
  klive_encoders_choose (software, "auto", NULL, try_encoder);
  klive_encoders_choose (forced, "x264enc", NULL, try_encoder);
  g_assert_cmpuint (asked, ==, 0);
}

static void
test_software (void)
{
  g_assert_cmpstr (klive_encoders_get_software ("nvh264enc"), ==, "auto");
  g_assert_cmpstr (klive_encoders_get_software ("openh264enc"), ==, "openh264enc");
  g_assert_cmpstr (klive_encoders_get_software (NULL), ==, NULL);
}

/* This machine has "nvh264enc" in its registry. */
static void
test_gpu (void)
{
  g_assert_true (klive_encoders_has_gpu (NULL));
  g_assert_true (klive_encoders_has_gpu ("auto"));
  g_assert_true (klive_encoders_has_gpu ("nvh264enc"));
  g_assert_false (klive_encoders_has_gpu ("x264enc"));
  g_assert_false (klive_encoders_has_gpu ("vah264enc"));
}

int
main (int argc, char **argv)
{
  static const char *const elements[] = { "nvh264enc", "nvh264device1enc", "qsvh264enc", "vah264enc",
    "varenderD129h264enc" };

  g_test_init (&argc, &argv, NULL);
  gst_init (&argc, &argv);
  for (guint i = 0; i < G_N_ELEMENTS (elements); i++)
    gst_element_register (NULL, elements[i], GST_RANK_NONE, GST_TYPE_BIN);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *path = g_strdup_printf ("/encoders/choice/%u", i);

    g_test_add_data_func (path, &cases[i], test_choice);
  }
  g_test_add_func ("/encoders/one-warning", test_one_warning);
  g_test_add_func ("/encoders/nothing-is-asked-without-need", test_nothing_is_asked_without_need);
  g_test_add_func ("/encoders/software", test_software);
  g_test_add_func ("/encoders/gpu", test_gpu);
  return g_test_run ();
}
