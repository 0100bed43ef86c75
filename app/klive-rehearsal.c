/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Studios' pipelines as a worker would make them, to see whether they can be made: a template may render and still be
 * nothing that GStreamer understands, or lack the names by which its neighbours call it. Called by check-config.
 *
 * Between them they use each template that a worker uses, but for encoders that are not installed: the one that is
 * configured, and each that the operator has an own template of. Three renditions: the source and an encoded one that
 * are recorded, and one that is not.
 */
#include "klive-rehearsal.h"

#include <gst/gst.h>
#include <string.h>

#include "klive-encoders.h"
#include "klive-ladder.h"
#include "klive-pipeline.h"
#include "klive-plugins.h"
#include "klive-studio-text.h"

static const char profile_xml[] =
    "<Root><Transcode><Encodes>"
    "<Encode><Name>source</Name><StreamName>0_abcd1234_1</StreamName><Video><Codec>PassThru</Codec></Video>"
    "<Audio><Codec>PassThru</Codec></Audio></Encode>"
    "<Encode><Name>small</Name><StreamName>0_abcd1234_2</StreamName><Video><FrameSize><FitMode>fit-height</FitMode>"
    "<Height>180</Height></FrameSize><Codec>H.264</Codec><Bitrate>400000</Bitrate><SkipFrameCount>1</SkipFrameCount>"
    "</Video><Audio><Codec>AAC</Codec><Bitrate>64000</Bitrate></Audio></Encode>"
    "<Encode><Name>smaller</Name><StreamName>0_abcd1234_3</StreamName><Video><FrameSize><FitMode>fit-height</FitMode>"
    "<Height>90</Height></FrameSize><Codec>H.264</Codec><Bitrate>200000</Bitrate></Video>"
    "<Audio><Codec>AAC</Codec><Bitrate>64000</Bitrate></Audio></Encode>"
    "</Encodes></Transcode></Root>";

#define TRACKS(codec, width, height) \
  { \
    TRUE, codec, width, height, 1, 1, 30, 1, 0, TRUE, "aac", 48000, 2, 0 \
  }

/* What encoders send, and which of klive's templates that takes. */
static const struct {
  KliveTracks tracks;
  gboolean interlaced;
} sources[] = {
  { TRACKS ("h264", 640, 360), FALSE }, /* decode-h264, scale */
  { TRACKS ("h264", 0, 0), TRUE },      /* decode-h264-deinterlace, scale-unknown */
  { TRACKS ("h263", 320, 240), FALSE }, /* decode-video */
};

/* One pipeline. @encoder: an element for the encoded renditions; NULL: what is configured. */
static gboolean
rehearse (const KalturaConfig *config, const KalturaProfile *profile, guint source, const char *encoder,
    const KliveRecordOptions *record, GError **error)
{
  gboolean software = encoder == NULL || g_strcmp0 (klive_encoders_get_software (encoder), encoder) == 0;
  KliveStudioOptions options = {
    .ingest = KLIVE_INGEST_APPSRC,
    .sink = KLIVE_SINK_KALTURA,
    .output = "/nonexistent",
    .segment_duration = 6 * GST_SECOND,
    .epoch = -1,
    .video_encoder = klive_encoders_get_software (software && encoder ? encoder : config->video_encoder),
    .audio_encoder = config->audio_encoder,
    .speed_preset = config->speed_preset,
    .threads = config->threads,
    .templates = config->templates,
    .record = record,
  };
  g_autoptr (KliveLadder) ladder = klive_ladder_new (profile, &sources[source].tracks, "0_abcd1234_1");
  g_autoptr (GstElement) pipeline = NULL;
  g_autofree char *text = NULL;
  GError *fault = NULL;

  ladder->deinterlace = sources[source].interlaced;
  for (guint i = 0; !software && i < ladder->renditions->len; i++) {
    KliveRendition *rendition = ladder->renditions->pdata[i];

    if (rendition->video == KLIVE_TRACK_ENCODE)
      rendition->encoder = rendition->encoder_template = g_intern_string (encoder);
  }
  text = klive_studio_text_new (ladder, &options, error);
  if (!text)
    return FALSE;
  pipeline = gst_parse_launch_full (text, NULL, GST_PARSE_FLAG_FATAL_ERRORS, &fault);
  if (!fault)
    return TRUE;
  g_propagate_prefixed_error (error, fault, "the pipeline of the templates in %s: ", config->templates);
  return FALSE;
}

/* The element of an own template encode-ELEMENT.gst, if it is a video encoder that is installed; else NULL. */
static char *
dup_encoder (const char *file)
{
  g_autofree char *element = NULL;

  if (!g_str_has_prefix (file, "encode-") || !g_str_has_suffix (file, ".gst") || strcmp (file, "encode-audio.gst") == 0)
    return NULL;
  element = g_strndup (file + strlen ("encode-"), strlen (file) - strlen ("encode-.gst"));
  return klive_plugins_has (element) ? g_steal_pointer (&element) : NULL;
}

static gboolean
rehearse_encoders (const KalturaConfig *config, const KalturaProfile *profile, const KliveRecordOptions *record,
    GError **error)
{
  g_autoptr (GDir) folder = g_dir_open (config->templates, 0, error);

  if (!folder)
    return FALSE;
  for (const char *file; (file = g_dir_read_name (folder)) != NULL;) {
    g_autofree char *encoder = dup_encoder (file);

    if (encoder && !rehearse (config, profile, 0, encoder, record, error))
      return FALSE;
  }
  return TRUE;
}

gboolean
klive_rehearse_templates (const KalturaConfig *config, GError **error)
{
  g_autoptr (KalturaProfile) profile = kaltura_profile_parse (profile_xml, strlen (profile_xml), error);
  g_autoptr (GHashTable) assets = g_hash_table_new (g_str_hash, g_str_equal);
  KliveRecordOptions record = { "0_abcd1234", assets, 0, "/nonexistent", "/nonexistent", NULL, 3600 };

  if (!profile)
    return FALSE;
  g_hash_table_insert (assets, (char *) "1", (char *) "0_asset001");
  g_hash_table_insert (assets, (char *) "2", (char *) "0_asset002");
  gst_init (NULL, NULL);
  if (!klive_pipeline_load_plugin (error))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (sources); i++)
    if (!rehearse (config, profile, i, NULL, &record, error))
      return FALSE;
  return rehearse_encoders (config, profile, &record, error);
}
