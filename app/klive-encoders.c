/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Hardware encoders for the renditions of a ladder. Called by klive-plan and klive-render on the main thread, before
 * the studio's text is made.
 */
#include "klive-encoders.h"

#include <string.h>

#include "klive-plugins.h"

/* An element, and how its twins for further GPUs are called: GStreamer 1.22 makes them of the devices that it finds. */
typedef struct {
  const char *implementation; /* of the profile */
  const char *element;        /* also that of the template: encode-ELEMENT.gst */
  const char *device_prefix, *device_suffix;
  guint device_base;
} Family;

/* Wowza knows the first two names; the first that works counts. */
static const Family families[] = {
  { "NVENC", "nvh264enc", "nvh264device", "enc", 0 },
  { "QuickSync", "qsvh264enc", "qsvh264device", "enc", 0 },
  { "QuickSync", "msdkh264enc", NULL, NULL, 0 },
  { "QuickSync", "vah264enc", "varenderD", "h264enc", 128 },
  { "VA", "vah264enc", "varenderD", "h264enc", 128 },
  { "V4L2", "v4l2h264enc", NULL, NULL, 0 },
};

static gboolean
is_text (const char *text, const char *value)
{
  return text && g_ascii_strcasecmp (text, value) == 0;
}

static gboolean
is_software (const char *implementation)
{
  return !implementation || implementation[0] == '\0' || is_text (implementation, "default") ||
      is_text (implementation, KLIVE_ENCODERS_SOFTWARE);
}

static const Family *
find_element (const char *element)
{
  for (guint i = 0; element && i < G_N_ELEMENTS (families); i++)
    if (strcmp (families[i].element, element) == 0)
      return &families[i];
  return NULL;
}

const char *
klive_encoders_get_software (const char *configured)
{
  return find_element (configured) ? "auto" : configured;
}

gboolean
klive_encoders_has_gpu (const char *configured)
{
  const Family *family = find_element (configured);

  if (configured && strcmp (configured, "auto") != 0 && !(family && is_text (family->implementation, "NVENC")))
    return FALSE;
  return klive_plugins_has ("nvh264enc"); /* only there with a driver and a GPU */
}

/* What klive_encoders_choose() works with. */
typedef struct {
  KliveLadder *ladder;
  const char *templates;
  KliveEncoderTest test;
  GPtrArray *missing; /* of char *: wishes that are not followed, each once */
} Choice;

static void
note_missing (Choice *choice, char *text)
{
  if (g_ptr_array_find_with_equal_func (choice->missing, text, g_str_equal, NULL))
    g_free (text);
  else
    g_ptr_array_add (choice->missing, text);
}

/* Whether @element is there and works; else @reason, which replaces what it was. */
static gboolean
works (Choice *choice, const Family *family, const char *element, char **reason)
{
  g_autofree char *template = g_strdup_printf ("encode-%s.gst", family->element);
  g_autofree char *fault = NULL;
  g_autofree char *why = NULL;

  if (!klive_plugins_has (element))
    why = g_strdup_printf ("there is no element %s", element);
  else if (choice->test (element, template, choice->templates, &fault))
    return TRUE;
  else
    why = g_strdup_printf ("%s does not work: %s", element, fault);
  if (*reason) {
    g_autofree char *before = *reason;

    *reason = g_strdup_printf ("%s; %s", before, why);
  } else {
    *reason = g_steal_pointer (&why);
  }
  return FALSE;
}

static gboolean
take (Choice *choice, KliveRendition *rendition, const Family *family, const char *element, char **reason)
{
  if (!works (choice, family, element, reason))
    return FALSE;
  rendition->encoder = g_intern_string (element);
  rendition->encoder_template = family->element;
  return TRUE;
}

static gboolean
take_family (Choice *choice, KliveRendition *rendition, const Family *family, char **reason)
{
  if (rendition->gpu_id > 0 && family->device_prefix) {
    g_autofree char *element = g_strdup_printf ("%s%u%s", family->device_prefix,
        family->device_base + (guint) rendition->gpu_id, family->device_suffix);

    if (take (choice, rendition, family, element, reason)) {
      g_clear_pointer (reason, g_free);
      return TRUE;
    }
    if (!take (choice, rendition, family, family->element, reason))
      return FALSE;
    note_missing (choice, g_strdup_printf ("GPU %d: %s, %s is used", rendition->gpu_id, *reason, family->element));
    g_clear_pointer (reason, g_free);
    return TRUE;
  }
  if (!take (choice, rendition, family, family->element, reason))
    return FALSE;
  g_clear_pointer (reason, g_free);
  return TRUE;
}

static void
choose (Choice *choice, KliveRendition *rendition, const Family *configured)
{
  const char *wish = configured ? configured->element : rendition->implementation;
  g_autofree char *reason = NULL;
  gboolean known = FALSE;

  if (configured) {
    if (take_family (choice, rendition, configured, &reason))
      return;
  } else {
    for (guint i = 0; i < G_N_ELEMENTS (families); i++) {
      if (!is_text (wish, families[i].implementation))
        continue;
      known = TRUE;
      if (take_family (choice, rendition, &families[i], &reason))
        return;
    }
    if (!known)
      reason = g_strdup ("expected default, NVENC, QuickSync, VA or V4L2");
  }
  note_missing (choice, g_strdup_printf ("encoder %s: %s, the software encoder is used", wish, reason));
}

/* Frames are in main memory between decoder, scaler and encoders: there is nothing that another one would spare. */
static void
check_decode_and_scale (Choice *choice)
{
  const KliveLadder *ladder = choice->ladder;

  if (!is_software (ladder->decode_implementation))
    note_missing (choice, g_strdup_printf ("decoder %s: the software decoder is used", ladder->decode_implementation));
  if (!is_software (ladder->scale_implementation))
    note_missing (choice, g_strdup_printf ("scaler %s: the software scaler is used", ladder->scale_implementation));
}

void
klive_encoders_choose (KliveLadder *ladder, const char *configured, const char *templates, KliveEncoderTest test)
{
  g_autoptr (GPtrArray) missing = g_ptr_array_new_with_free_func (g_free);
  Choice choice = { ladder, templates, test, missing };
  const Family *family = find_element (configured);
  gboolean automatic = !configured || configured[0] == '\0' || strcmp (configured, "auto") == 0;

  if (!klive_ladder_encodes_video (ladder) || (!automatic && !family))
    return;
  for (guint i = 0; i < ladder->renditions->len; i++) {
    KliveRendition *rendition = ladder->renditions->pdata[i];

    if (rendition->video == KLIVE_TRACK_ENCODE && !is_text (rendition->implementation, KLIVE_ENCODERS_SOFTWARE) &&
        (family || !is_software (rendition->implementation)))
      choose (&choice, rendition, family);
  }
  check_decode_and_scale (&choice);
  if (missing->len > 0) {
    g_autofree char *text = NULL;

    g_ptr_array_add (missing, NULL);
    text = g_strjoinv ("; ", (char **) missing->pdata);
    g_ptr_array_add (ladder->warnings, g_strconcat ("not all of the hardware that is asked for is used: ", text, NULL));
  }
}
