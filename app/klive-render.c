/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * `klive-launcher render`: the launch text that a conversion profile becomes, for people who prototype, and with --json
 * the profile as it was parsed. Called by main().
 */
#include <errno.h>
#include <gio/gio.h>
#include <gst/gst.h>
#include <stdio.h>
#include <string.h>

#include "kaltura-profile.h"
#include "klive-commands.h"
#include "klive-encoder-probe.h"
#include "klive-encoders.h"
#include "klive-ladder.h"
#include "klive-pipeline.h"
#include "klive-probe.h"
#include "klive-studio-text.h"

#define DEFAULT_SOURCE "rtmp://127.0.0.1:1935/live/test"

typedef struct {
  gboolean json, stock;
  char *source, *output, *stream, *templates, *broadcast_url, *config_file, *speed_preset, *video_encoder,
      *audio_encoder;
  double segment_duration; /* s */
  gint playlist_length;
  gint threads;
} Arguments;

static void
arguments_clear (Arguments *arguments)
{
  g_free (arguments->source);
  g_free (arguments->output);
  g_free (arguments->stream);
  g_free (arguments->templates);
  g_free (arguments->broadcast_url);
  g_free (arguments->config_file);
  g_free (arguments->speed_preset);
  g_free (arguments->video_encoder);
  g_free (arguments->audio_encoder);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Arguments, arguments_clear)

static gboolean
parse_arguments (int *argc, char ***argv, Arguments *arguments, GError **error)
{
  const GOptionEntry entries[] = { { "json", 0, 0, G_OPTION_ARG_NONE, &arguments->json,
                                       "Print the profile as JSON instead", NULL },
    { "source", 0, 0, G_OPTION_ARG_FILENAME, &arguments->source,
        "RTMP URL, FLV, MP4 or MOV file; default " DEFAULT_SOURCE, "URL" },
    { "output", 0, 0, G_OPTION_ARG_FILENAME, &arguments->output, "Folder of playlists and segments; default .", "DIR" },
    { "stream", 0, 0, G_OPTION_ARG_STRING, &arguments->stream, "Name of the published stream, ${SourceStreamName}",
        "NAME" },
    { "segment-duration", 0, 0, G_OPTION_ARG_DOUBLE, &arguments->segment_duration, "Seconds, default 6", "S" },
    { "playlist-length", 0, 0, G_OPTION_ARG_INT, &arguments->playlist_length, "Segments, default 10", "N" },
    { "hlssink2", 0, 0, G_OPTION_ARG_NONE, &arguments->stock, "Only GStreamer's own elements", NULL },
    { "broadcast-url", 0, 0, G_OPTION_ARG_STRING, &arguments->broadcast_url,
        "Go on air with Kaltura (kalturaauth, kalturaregister); the source is an RTMP URL", "URL" },
    { "config", 0, 0, G_OPTION_ARG_FILENAME, &arguments->config_file, "klive.conf for --broadcast-url", "FILE" },
    { "video-encoder", 0, 0, G_OPTION_ARG_STRING, &arguments->video_encoder,
        "x264enc, openh264enc, nvh264enc, qsvh264enc, msdkh264enc, vah264enc, v4l2h264enc or auto: as the profile says",
        "NAME" },
    { "audio-encoder", 0, 0, G_OPTION_ARG_STRING, &arguments->audio_encoder, "fdkaacenc, avenc_aac or voaacenc",
        "NAME" },
    { "speed-preset", 0, 0, G_OPTION_ARG_STRING, &arguments->speed_preset, "Of x264, default veryfast", "NAME" },
    { "threads", 0, 0, G_OPTION_ARG_INT, &arguments->threads, "Of each encoder and decoder, default 0: automatic",
        "N" },
    { "templates", 0, 0, G_OPTION_ARG_FILENAME, &arguments->templates, "Folder of templates that replace klive's own",
        "DIR" },
    { NULL } };
  g_autoptr (GOptionContext) context = g_option_context_new ("PROFILE.xml");

  g_option_context_set_summary (context,
      "Prints the launch text that a conversion profile becomes. To play it:\n"
      "  klive-launcher render PROFILE.xml | xargs gst-launch-1.0 -e");
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;
  if (*argc == 2 && arguments->segment_duration >= 0.1 && arguments->segment_duration <= 60 &&
      arguments->playlist_length > 0 && arguments->threads >= 0)
    return TRUE;
  g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
      *argc == 2 ? "a number is out of range; see --help" : "exactly one PROFILE.xml is needed; see --help");
  return FALSE;
}

static KalturaProfile *
load_profile (const char *path, GError **error)
{
  g_autofree char *xml = NULL;
  gsize length;
  KalturaProfile *profile;

  if (!g_file_get_contents (path, &xml, &length, error))
    return NULL;
  profile = kaltura_profile_parse (xml, length, error);
  if (!profile)
    g_prefix_error (error, "%s: ", path);
  return profile;
}

/* Without --stream the profile's own names tell the entry: "0_abcd1234_32" -> "0_abcd1234_1". */
static char *
guess_stream (const KalturaProfile *profile)
{
  for (guint i = 0; i < profile->encodes->len; i++) {
    const char *name = ((KalturaProfileEncode *) profile->encodes->pdata[i])->stream_name;
    const char *end = name ? strrchr (name, '_') : NULL;

    if (end && end > name && !strchr (name, '$') && !strchr (name, ':'))
      return g_strdup_printf ("%.*s_1", (int) (end - name), name);
  }
  return g_strdup ("0_00000000_1");
}

static gboolean
is_url (const char *source)
{
  return g_str_has_prefix (source, "rtmp://") || g_str_has_prefix (source, "rtmps://");
}

/* A file is looked into; of a URL the usual is assumed, as asking it would take the stream from its players. */
static gboolean
find_tracks (const char *source, KliveTracks *tracks, GError **error)
{
  if (!is_url (source))
    return klive_probe_file (source, tracks, error);
  *tracks = (KliveTracks){ .has_video = TRUE, .video_codec = "h264", .has_audio = TRUE, .audio_codec = "aac" };
  return TRUE;
}

static KliveIngest
choose_ingest (const char *source)
{
  g_autofree char *lower = g_ascii_strdown (source, -1);

  if (is_url (source))
    return KLIVE_INGEST_RTMP;
  return g_str_has_suffix (lower, ".flv") ? KLIVE_INGEST_FLV : KLIVE_INGEST_MP4;
}

/* xargs and gst-launch-1.0 each read the text once more: what both would have to be told differently is refused. */
static gboolean
check_quotable (const char *value, GError **error)
{
  if (!value || !strpbrk (value, "\"'\\\n"))
    return TRUE;
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
      "quotes and backslashes cannot be passed through xargs and gst-launch-1.0: %s", value);
  return FALSE;
}

static gboolean
check_values (const Arguments *arguments, const char *source, const char *output, GError **error)
{
  if (arguments->broadcast_url && !is_url (source)) {
    g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
        "--broadcast-url needs an RTMP URL as source");
    return FALSE;
  }
  return check_quotable (source, error) && check_quotable (output, error) &&
      check_quotable (arguments->broadcast_url, error) && check_quotable (arguments->config_file, error);
}

static char *
make_absolute (const char *path)
{
  return g_canonicalize_filename (path, NULL);
}

static char *
render (const Arguments *arguments, const KalturaProfile *profile, GError **error)
{
  const char *given = arguments->source ? arguments->source : DEFAULT_SOURCE;
  g_autofree char *source = is_url (given) ? g_strdup (given) : make_absolute (given);
  g_autofree char *output = make_absolute (arguments->output ? arguments->output : ".");
  g_autofree char *stream = arguments->stream ? g_strdup (arguments->stream) : guess_stream (profile);
  g_autoptr (KliveLadder) ladder = NULL;
  KliveTracks tracks;
  KliveStudioOptions options = {
    .ingest = choose_ingest (source),
    .source = source,
    .broadcast_url = arguments->broadcast_url,
    .config_file = arguments->config_file ? arguments->config_file : KLIVE_DEFAULT_CONFIG,
    .sink = arguments->stock ? KLIVE_SINK_STOCK : KLIVE_SINK_PLAYLIST,
    .output = output,
    .segment_duration = (guint64) (arguments->segment_duration * GST_SECOND),
    .epoch = is_url (source) ? -1 : 0,
    .playlist_length = arguments->playlist_length,
    .video_encoder = klive_encoders_get_software (arguments->video_encoder),
    .audio_encoder = arguments->audio_encoder,
    .speed_preset = arguments->speed_preset,
    .threads = arguments->threads,
    .templates = arguments->templates,
  };

  if (!check_values (arguments, source, output, error) || !find_tracks (source, &tracks, error))
    return NULL;
  if (!arguments->stock && !klive_pipeline_load_plugin (error))
    return NULL;
  if (g_mkdir_with_parents (output, 0755) != 0) {
    g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno), "cannot make folder %s: %s", output,
        g_strerror (errno));
    return NULL;
  }
  ladder = klive_ladder_new (profile, &tracks, stream);
  klive_encoders_choose (ladder, arguments->video_encoder, arguments->templates, klive_encoder_probe);
  for (guint i = 0; i < ladder->warnings->len; i++)
    fprintf (stderr, "klive-launcher render: %s\n", (const char *) ladder->warnings->pdata[i]);
  return klive_studio_text_new (ladder, &options, error);
}

int
klive_render_main (int argc, char **argv)
{
  g_auto (Arguments) arguments = { .segment_duration = 6, .playlist_length = 10 };
  g_autoptr (GError) error = NULL;
  g_autoptr (KalturaProfile) profile = NULL;
  g_autofree char *text = NULL;

  g_set_prgname ("klive-launcher render");
  if (!parse_arguments (&argc, &argv, &arguments, &error)) {
    fprintf (stderr, "klive-launcher render: %s\n", error->message);
    return KLIVE_EXIT_USAGE;
  }
  profile = load_profile (argv[1], &error);
  for (guint i = 0; profile && i < profile->warnings->len; i++)
    fprintf (stderr, "klive-launcher render: %s\n", (const char *) profile->warnings->pdata[i]);
  if (profile && arguments.json) {
    text = kaltura_profile_to_json (profile);
  } else if (profile) {
    gst_init (NULL, NULL);
    text = render (&arguments, profile, &error);
  }
  if (!text) {
    fprintf (stderr, "klive-launcher render: %s\n", error->message);
    return g_error_matches (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE) ? KLIVE_EXIT_USAGE : KLIVE_EXIT_FAILED;
  }
  fputs (text, stdout);
  if (!g_str_has_suffix (text, "\n"))
    fputc ('\n', stdout);
  return KLIVE_EXIT_DONE;
}
