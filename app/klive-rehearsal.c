/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A studio's pipeline as a worker would make it, to see whether it can be made: a template may render and still be
 * nothing that GStreamer understands, or lack the names by which its neighbours call it. Called by check-config.
 */
#include "klive-rehearsal.h"

#include <gst/gst.h>
#include <string.h>

#include "klive-ladder.h"
#include "klive-pipeline.h"
#include "klive-studio-text.h"

static const char profile_xml[] =
    "<Root><Transcode><Encodes>"
    "<Encode><Name>source</Name><StreamName>0_abcd1234_1</StreamName><Video><Codec>PassThru</Codec></Video>"
    "<Audio><Codec>PassThru</Codec></Audio></Encode>"
    "<Encode><Name>small</Name><StreamName>0_abcd1234_2</StreamName><Video><FrameSize><FitMode>fit-height</FitMode>"
    "<Height>180</Height></FrameSize><Codec>H.264</Codec><Bitrate>400000</Bitrate><SkipFrameCount>1</SkipFrameCount>"
    "</Video><Audio><Codec>AAC</Codec><Bitrate>64000</Bitrate></Audio></Encode>"
    "</Encodes></Transcode></Root>";

static const KliveTracks tracks = { TRUE, "h264", 640, 360, 1, 1, 30, 1, 0, TRUE, "aac", 48000, 2, 0 };

gboolean
klive_rehearse_templates (const char *directory, GError **error)
{
  KliveStudioOptions options = {
    .ingest = KLIVE_INGEST_APPSRC,
    .sink = KLIVE_SINK_KALTURA,
    .output = "/nonexistent",
    .segment_duration = 6 * GST_SECOND,
    .epoch = -1,
    .templates = directory,
  };
  g_autoptr (KalturaProfile) profile = kaltura_profile_parse (profile_xml, strlen (profile_xml), error);
  g_autoptr (KliveLadder) ladder = NULL;
  g_autoptr (GstElement) pipeline = NULL;
  g_autofree char *text = NULL;
  GError *fault = NULL;

  if (!profile)
    return FALSE;
  gst_init (NULL, NULL);
  if (!klive_pipeline_load_plugin (error))
    return FALSE;
  ladder = klive_ladder_new (profile, &tracks, "0_abcd1234_1");
  text = klive_studio_text_new (ladder, &options, error);
  if (!text)
    return FALSE;
  pipeline = gst_parse_launch_full (text, NULL, GST_PARSE_FLAG_FATAL_ERRORS, &fault);
  if (!fault)
    return TRUE;
  g_propagate_prefixed_error (error, fault, "the pipeline of the templates in %s: ", directory);
  return FALSE;
}
