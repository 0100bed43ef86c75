/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Puts the templates of pipelines/ together to one launch text. The worker calls it for each studio, `klive-launcher
 * render` from the command line.
 *
 *   cut, ingest, tracks     -> tees v and a: the source as it came, with cut events in it
 *   decode-video            -> tee r: raw frames                 (if a rendition encodes video)
 *   decode-audio            -> tee s: raw samples                (if a rendition encodes audio)
 *   encode-audio per rate   -> tee a64000 …
 *   each rendition: sink, then copy-video from v, or thin (if frames are left out), scale and encode from r; audio from
 *                   a or a64000; recorded: record, and the same once more to it
 */
#include "klive-studio-text.h"

#include <string.h>

#include "klive-plugins.h"
#include "klive-template.h"
#include "klive-threads.h"

#define NS_PER_S G_GUINT64_CONSTANT (1000000000)
#define DEFAULT_PLAYLIST_LENGTH 10
#define MAX_INTERVAL 65535 /* frames; all encoders take that */
#define KEPT_UNLISTED 10   /* files that hlssink2 keeps beside those that it lists */

typedef struct {
  const char *codec, *decoder;
} Decoder;

static const Decoder video_decoders[] = {
  { "h264", "avdec_h264" },
  { "h263", "avdec_flv" },
  { "vp6", "avdec_vp6f" },
  { "screen", "avdec_flashsv" },
};

static const Decoder audio_decoders[] = {
  { "aac", "avdec_aac" },
  { "mp3", "avdec_mp3" },
  { "speex", "speexdec" },
  { "pcm", "identity" },
  { "adpcm", "avdec_adpcm_swf" },
  { "nellymoser", "avdec_nellymoser" },
};

/* What klive_studio_text_new() works with. */
typedef struct {
  const KliveLadder *ladder;
  const KliveStudioOptions *options;
  KliveVariables *variables;
  GString *text;
  const char *video_encoder, *audio_encoder;
  GError *error; /* the first; nothing is added after it */
} Composer;

G_DEFINE_QUARK (klive_studio_text_error_quark, klive_studio_text_error)

static void
add (Composer *composer, const char *template)
{
  g_autofree char *text = NULL;

  if (composer->error)
    return;
  text = klive_template_render_file (composer->options->templates, template, composer->variables, &composer->error);
  if (text)
    g_string_append (composer->text, text);
}

static const char *
find_decoder (const Decoder *decoders, guint n, const char *codec)
{
  for (guint i = 0; i < n; i++)
    if (strcmp (decoders[i].codec, codec) == 0)
      return decoders[i].decoder;
  return decoders[0].decoder;
}

static gboolean
encodes_audio (const KliveLadder *ladder)
{
  for (guint i = 0; i < ladder->renditions->len; i++)
    if (((KliveRendition *) ladder->renditions->pdata[i])->audio == KLIVE_TRACK_ENCODE)
      return TRUE;
  return FALSE;
}

/* --- input --- */

static void
add_track (Composer *composer, const char *track)
{
  const KliveStudioOptions *options = composer->options;
  const char *kind = options->sink == KLIVE_SINK_STOCK ? "-stock" : options->broadcast_url ? "-kaltura" : "";
  g_autofree char *template = options->ingest == KLIVE_INGEST_APPSRC ? g_strdup_printf ("ingest-appsrc-%s.gst", track)
                                                                     : g_strdup_printf ("track-%s%s.gst", track, kind);

  add (composer, template);
}

static void
add_ingest (Composer *composer)
{
  const KliveStudioOptions *options = composer->options;
  gboolean mp4 = options->ingest == KLIVE_INGEST_MP4;

  klive_variables_set (composer->variables, "video_pad", mp4 ? "video_0" : "video");
  klive_variables_set (composer->variables, "audio_pad", mp4 ? "audio_0" : "audio");
  klive_variables_set (composer->variables, "video_parser",
      g_strcmp0 (composer->ladder->tracks.video_codec, "h264") == 0 ? "h264parse" : "identity");
  klive_variables_set (composer->variables, options->ingest == KLIVE_INGEST_RTMP ? "source_url" : "source_path",
      options->source);
  klive_variables_set (composer->variables, "broadcast_url", options->broadcast_url);
  klive_variables_set (composer->variables, "config_file", options->config_file);
  if (options->sink != KLIVE_SINK_STOCK)
    add (composer, "cut.gst");
  if (options->ingest == KLIVE_INGEST_RTMP)
    add (composer, options->broadcast_url ? "ingest-rtmp-kaltura.gst" : "ingest-rtmp.gst");
  else if (options->ingest != KLIVE_INGEST_APPSRC)
    add (composer, mp4 ? "ingest-mp4.gst" : "ingest-flv.gst");
  if (composer->ladder->tracks.has_video)
    add_track (composer, "video");
  if (composer->ladder->tracks.has_audio)
    add_track (composer, "audio");
}

/* --- decoders and audio encoders --- */

static const char *
get_video_decoder_template (const KliveLadder *ladder)
{
  if (strcmp (ladder->tracks.video_codec, "h264") != 0)
    return "decode-video.gst"; /* none of these codecs is ever interlaced */
  return ladder->deinterlace ? "decode-h264-deinterlace.gst" : "decode-h264.gst";
}

/* @best: unless the operator has said how many. */
static void
set_threads (Composer *composer, guint best)
{
  guint wanted = composer->options->threads;

  klive_variables_set_uint (composer->variables, "threads", wanted > 0 ? wanted : best);
}

static void
add_decoders (Composer *composer)
{
  const KliveTracks *tracks = &composer->ladder->tracks;

  if (klive_ladder_encodes_video (composer->ladder)) {
    set_threads (composer, klive_threads_for_decoder (tracks));
    klive_variables_set (composer->variables, "video_decoder",
        find_decoder (video_decoders, G_N_ELEMENTS (video_decoders), tracks->video_codec));
    add (composer, get_video_decoder_template (composer->ladder));
  }
  if (encodes_audio (composer->ladder)) {
    klive_variables_set (composer->variables, "audio_decoder",
        find_decoder (audio_decoders, G_N_ELEMENTS (audio_decoders), tracks->audio_codec));
    add (composer, "decode-audio.gst");
  }
}

/* One encoder for each bit rate that any rendition wants. */
static void
add_audio_encoders (Composer *composer)
{
  g_autoptr (GHashTable) done = g_hash_table_new (NULL, NULL);

  for (guint i = 0; i < composer->ladder->renditions->len; i++) {
    const KliveRendition *rendition = composer->ladder->renditions->pdata[i];

    if (rendition->audio != KLIVE_TRACK_ENCODE || !g_hash_table_add (done, GUINT_TO_POINTER (rendition->audio_bitrate)))
      continue;
    klive_variables_set (composer->variables, "audio_encoder", composer->audio_encoder);
    klive_variables_set_uint (composer->variables, "audio_bitrate", rendition->audio_bitrate);
    add (composer, "encode-audio.gst");
  }
}

/* --- renditions --- */

/* A printf pattern: @name in the folder @output, whose own % mean nothing. */
static void
set_pattern (Composer *composer, const char *variable, const char *output, const char *name)
{
  g_auto (GStrv) parts = g_strsplit (output, "%", -1);
  g_autofree char *escaped = g_strjoinv ("%%", parts);
  g_autofree char *location = g_build_filename (escaped, name, NULL);

  klive_variables_set (composer->variables, variable, location);
}

static void
set_files (Composer *composer, const KliveRendition *rendition)
{
  const KliveStudioOptions *options = composer->options;
  g_autofree char *name = NULL;

  if (options->sink == KLIVE_SINK_KALTURA)
    name = g_strdup_printf ("%s/%u-%" G_GINT64_FORMAT "-%%05u.ts", rendition->id, options->index, options->serial);
  else
    name = g_strdup_printf ("%s-%%05%c.ts", rendition->id, options->sink == KLIVE_SINK_STOCK ? 'd' : 'u');
  set_pattern (composer, "location", options->output, name);
}

static void
set_playlist (Composer *composer, const KliveRendition *rendition)
{
  guint length = composer->options->playlist_length > 0 ? composer->options->playlist_length : DEFAULT_PLAYLIST_LENGTH;
  g_autofree char *name = g_strdup_printf ("%s.m3u8", rendition->id);
  g_autofree char *location = g_build_filename (composer->options->output, name, NULL);

  klive_variables_set (composer->variables, "playlist_location", location);
  klive_variables_set_uint (composer->variables, "playlist_length", length);
  klive_variables_set_uint (composer->variables, "max_files", length + KEPT_UNLISTED);
}

/* NULL = it is not recorded. */
static const char *
find_asset (const Composer *composer, const KliveRendition *rendition)
{
  const KliveRecordOptions *record = composer->options->record;

  return record != NULL ? g_hash_table_lookup (record->assets, rendition->id) : NULL;
}

static void
add_recording (Composer *composer, const KliveRendition *rendition)
{
  const KliveRecordOptions *record = composer->options->record;
  const char *asset = find_asset (composer, rendition);
  g_autofree char *name = NULL;

  if (asset == NULL)
    return;
  name = g_strdup_printf ("%s.%s_%u-%" G_GINT64_FORMAT "-%%05u.mp4", record->entry, asset, composer->options->index,
      record->begun);
  set_pattern (composer, "recording_location", record->directory, name);
  klive_variables_set (composer->variables, "asset_id", asset);
  klive_variables_set (composer->variables, "spool", record->spool);
  klive_variables_set (composer->variables, "group", record->group != NULL ? record->group : "");
  klive_variables_set_uint (composer->variables, "chunk_duration", record->chunk_duration);
  add (composer, "record.gst");
}

static void
add_sink (Composer *composer, const KliveRendition *rendition)
{
  static const char *const templates[] = { "sink.gst", "sink-playlist.gst", "sink-stock.gst" };

  klive_variables_set (composer->variables, "id", rendition->id);
  set_files (composer, rendition);
  set_playlist (composer, rendition);
  add (composer, templates[composer->options->sink]);
}

static void
set_max_size (Composer *composer, const char *name, guint value)
{
  if (value > 0)
    klive_variables_set_uint (composer->variables, name, MAX (value & ~1u, 2));
  else
    klive_variables_set (composer->variables, name, NULL);
}

/* Frames come from tee r or, if not all of them are wanted, from behind it. */
static void
add_thinner (Composer *composer, const KliveRendition *rendition)
{
  gboolean stock = composer->options->sink == KLIVE_SINK_STOCK;
  gboolean thin = stock ? rendition->skip_frames > 0 && rendition->fps_n > 0 && rendition->fps_d > 0
                        : rendition->skip_frames > 0 || rendition->keyframe_interval > 0;
  g_autofree char *name = g_strdup_printf ("thin_%s", rendition->id);

  klive_variables_set (composer->variables, "frames", thin ? name : "r");
  if (!thin)
    return;
  klive_variables_set_uint (composer->variables, "skip_frames", rendition->skip_frames);
  klive_variables_set (composer->variables, "follow_keyframes", rendition->keyframe_interval > 0 ? "false" : "true");
  klive_variables_set_uint (composer->variables, "fps_n", rendition->fps_n);
  klive_variables_set_uint (composer->variables, "fps_d", rendition->fps_d);
  add (composer, stock ? "thin-stock.gst" : "thin.gst");
}

static void
add_scaler (Composer *composer, const KliveRendition *rendition)
{
  gboolean known = rendition->width > 0;
  gboolean crop = strcmp (rendition->fit, "crop") == 0;

  klive_variables_set (composer->variables, "fit", rendition->fit);
  klive_variables_set (composer->variables, "add_borders",
      strcmp (rendition->fit, "letterbox") == 0 ? "true" : "false");
  if (composer->options->sink == KLIVE_SINK_STOCK && known && crop)
    add (composer, "scale-crop-stock.gst");
  else if (composer->options->sink == KLIVE_SINK_STOCK)
    add (composer, known ? "scale-stock.gst" : "scale-unknown-stock.gst");
  else
    add (composer, known ? "scale.gst" : "scale-unknown.gst");
}

static void
add_video_encoder (Composer *composer, const KliveRendition *rendition)
{
  g_autofree char *template =
      g_strdup_printf ("encode-%s.gst", rendition->encoder ? rendition->encoder_template : composer->video_encoder);

  klive_variables_set_uint (composer->variables, "width", rendition->width);
  klive_variables_set_uint (composer->variables, "height", rendition->height);
  set_max_size (composer, "max_width", rendition->max_width);
  set_max_size (composer, "max_height", rendition->max_height);
  add_thinner (composer, rendition);
  add_scaler (composer, rendition);
  klive_variables_set_uint (composer->variables, "video_bitrate", rendition->video_bitrate);
  klive_variables_set_uint (composer->variables, "video_kbps", MAX ((rendition->video_bitrate + 500) / 1000, 1));
  klive_variables_set_uint (composer->variables, "vbv_ms", rendition->constant_bitrate ? 1000 : 2000);
  klive_variables_set (composer->variables, "keyframe_interval", NULL);
  if (rendition->keyframe_interval > 0)
    klive_variables_set_uint (composer->variables, "keyframe_interval",
        MIN (rendition->keyframe_interval, MAX_INTERVAL));
  klive_variables_set (composer->variables, "profile", rendition->profile);
  klive_variables_set (composer->variables, "video_encoder", rendition->encoder);
  klive_variables_set (composer->variables, "rate_control", rendition->constant_bitrate ? "cbr" : "vbr");
  klive_variables_set (composer->variables, "hardware_profile",
      strcmp (rendition->profile, "baseline") == 0 ? "constrained-baseline" : rendition->profile);
  set_threads (composer,
      klive_threads_for_encoder (composer->ladder, rendition, composer->options->speed_preset,
          g_get_num_processors ()));
  add (composer, template);
  if (find_asset (composer, rendition) != NULL)
    add (composer, "record-encoded-video.gst");
  else
    add (composer, composer->options->sink == KLIVE_SINK_STOCK ? "encoded-video-stock.gst" : "encoded-video.gst");
}

static void
add_video (Composer *composer, const KliveRendition *rendition)
{
  if (rendition->video == KLIVE_TRACK_ENCODE)
    add_video_encoder (composer, rendition);
  else if (rendition->video == KLIVE_TRACK_COPY)
    add (composer, composer->options->sink == KLIVE_SINK_STOCK ? "copy-video-stock.gst" : "copy-video.gst");
  if (rendition->video == KLIVE_TRACK_COPY && find_asset (composer, rendition) != NULL)
    add (composer, "record-copy-video.gst");
}

static void
add_audio (Composer *composer, const KliveRendition *rendition)
{
  gboolean copy = rendition->audio == KLIVE_TRACK_COPY;
  gboolean mp3 = copy && g_strcmp0 (composer->ladder->tracks.audio_codec, "mp3") == 0;
  g_autofree char *tee = copy ? g_strdup ("a") : g_strdup_printf ("a%u", rendition->audio_bitrate);

  if (rendition->audio == KLIVE_TRACK_NONE)
    return;
  klive_variables_set (composer->variables, "audio_tee", tee);
  klive_variables_set (composer->variables, "audio_parser", mp3 ? "mpegaudioparse" : "aacparse");
  add (composer, composer->options->sink == KLIVE_SINK_STOCK ? "audio-stock.gst" : "audio.gst");
  if (find_asset (composer, rendition) != NULL)
    add (composer, "record-audio.gst");
}

/* --- which elements --- */

static const char *
choose (const char *wanted, const char *const *best, GError **error)
{
  if (!wanted || wanted[0] == '\0' || strcmp (wanted, "auto") == 0)
    return klive_plugins_choose (best, error);
  return klive_plugins_check ((const char *[]){ wanted, NULL }, error) ? wanted : NULL;
}

static gboolean
needs_software_encoder (const KliveLadder *ladder)
{
  for (guint i = 0; i < ladder->renditions->len; i++) {
    const KliveRendition *rendition = ladder->renditions->pdata[i];

    if (rendition->video == KLIVE_TRACK_ENCODE && !rendition->encoder)
      return TRUE;
  }
  return FALSE;
}

static gboolean
check_elements (Composer *composer)
{
  static const char *const own[] = { "kalturacut", "kalturahlssink", "kalturaregister", "kalturathin", NULL };
  static const char *const raw_video[] = { "videoconvert", "kalturascale", NULL };
  static const char *const raw_video_stock[] = { "videoconvert", "videoscale", NULL };
  static const char *const interlaced[] = { "deinterlace", NULL };
  static const char *const raw_audio[] = { "audioconvert", "audioresample", NULL };
  static const char *const video_encoders[] = { "x264enc", NULL };
  static const char *const audio_encoders[] = { "fdkaacenc", "avenc_aac", "voaacenc", NULL };
  static const char *const recording[] = { "kalturarecordsink", "h264parse", NULL };
  static const char *const stock[] = { "hlssink2", "h264parse", "aacparse", NULL };
  const KliveTracks *tracks = &composer->ladder->tracks;
  const char *decoder[] = { NULL, NULL };
  gboolean stock_only = composer->options->sink == KLIVE_SINK_STOCK;

  if (!klive_plugins_check (stock_only ? stock : own, &composer->error) ||
      (composer->options->record != NULL && !klive_plugins_check (recording, &composer->error)))
    return FALSE;
  if (klive_ladder_encodes_video (composer->ladder)) {
    decoder[0] = find_decoder (video_decoders, G_N_ELEMENTS (video_decoders), tracks->video_codec);
    if (needs_software_encoder (composer->ladder))
      composer->video_encoder = choose (composer->options->video_encoder, video_encoders, &composer->error);
    if (composer->error || !klive_plugins_check (stock_only ? raw_video_stock : raw_video, &composer->error) ||
        !klive_plugins_check (decoder, &composer->error) ||
        (composer->ladder->deinterlace && !klive_plugins_check (interlaced, &composer->error)))
      return FALSE;
  }
  if (encodes_audio (composer->ladder)) {
    decoder[0] = find_decoder (audio_decoders, G_N_ELEMENTS (audio_decoders), tracks->audio_codec);
    composer->audio_encoder = choose (composer->options->audio_encoder, audio_encoders, &composer->error);
    if (!composer->audio_encoder || !klive_plugins_check (raw_audio, &composer->error) ||
        !klive_plugins_check (decoder, &composer->error))
      return FALSE;
  }
  return TRUE;
}

static void
set_common (Composer *composer)
{
  const KliveStudioOptions *options = composer->options;

  klive_variables_set_uint (composer->variables, "segment_duration", options->segment_duration);
  klive_variables_set_uint (composer->variables, "segment_seconds",
      MAX ((options->segment_duration + NS_PER_S - 1) / NS_PER_S, 1));
  klive_variables_set_int (composer->variables, "epoch", options->epoch);
  klive_variables_set_uint (composer->variables, "start_index", options->start_index);
  klive_variables_set (composer->variables, "speed_preset", options->speed_preset);
}

static void
compose (Composer *composer)
{
  set_common (composer);
  add_ingest (composer);
  add_decoders (composer);
  add_audio_encoders (composer);
  for (guint i = 0; i < composer->ladder->renditions->len; i++) {
    const KliveRendition *rendition = composer->ladder->renditions->pdata[i];

    add_sink (composer, rendition);
    add_recording (composer, rendition);
    add_video (composer, rendition);
    add_audio (composer, rendition);
  }
}

char *
klive_studio_text_new (const KliveLadder *ladder, const KliveStudioOptions *options, GError **error)
{
  Composer composer = { ladder, options, NULL, NULL, NULL, NULL, NULL };

  if (ladder->renditions->len == 0) {
    g_set_error_literal (error, KLIVE_STUDIO_TEXT_ERROR, KLIVE_STUDIO_TEXT_ERROR_EMPTY,
        "the profile has no rendition for this stream");
    return NULL;
  }
  composer.variables = klive_variables_new ();
  composer.text = g_string_new (NULL);
  if (check_elements (&composer))
    compose (&composer);
  klive_variables_free (composer.variables);
  if (composer.error) {
    g_propagate_error (error, composer.error);
    g_string_free (composer.text, TRUE);
    return NULL;
  }
  return g_string_free (composer.text, FALSE);
}
