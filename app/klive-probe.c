/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The tracks of a local file, for `klive-launcher render`. A worker learns them from its stream instead.
 */
#include "klive-probe.h"

#include <gio/gio.h>
#include <gst/pbutils/pbutils.h>
#include <string.h>

#define TIMEOUT (10 * GST_SECOND)

typedef struct {
  const char *media_type, *codec;
} Codec;

static const Codec codecs[] = {
  { "video/x-h264", "h264" },
  { "video/x-flash-video", "h263" },
  { "video/x-vp6-flash", "vp6" },
  { "video/x-flash-screen", "screen" },
  { "audio/x-speex", "speex" },
  { "audio/x-raw", "pcm" },
  { "audio/x-adpcm", "adpcm" },
  { "audio/x-nellymoser", "nellymoser" },
};

static const char *
get_codec (GstDiscovererStreamInfo *info)
{
  g_autoptr (GstCaps) caps = gst_discoverer_stream_info_get_caps (info);
  const GstStructure *structure = caps && gst_caps_get_size (caps) > 0 ? gst_caps_get_structure (caps, 0) : NULL;
  const char *media_type = structure ? gst_structure_get_name (structure) : "unknown";
  gint version = 0;

  for (guint i = 0; i < G_N_ELEMENTS (codecs); i++)
    if (strcmp (codecs[i].media_type, media_type) == 0)
      return codecs[i].codec;
  if (strcmp (media_type, "audio/mpeg") == 0 && gst_structure_get_int (structure, "mpegversion", &version))
    return version == 1 ? "mp3" : "aac";
  return g_intern_string (media_type);
}

static void
read_video (GstDiscovererVideoInfo *info, KliveTracks *tracks)
{
  tracks->has_video = TRUE;
  tracks->video_codec = get_codec (GST_DISCOVERER_STREAM_INFO (info));
  tracks->width = gst_discoverer_video_info_get_width (info);
  tracks->height = gst_discoverer_video_info_get_height (info);
  tracks->interlaced = gst_discoverer_video_info_is_interlaced (info);
  tracks->par_n = gst_discoverer_video_info_get_par_num (info);
  tracks->par_d = gst_discoverer_video_info_get_par_denom (info);
  tracks->fps_n = gst_discoverer_video_info_get_framerate_num (info);
  tracks->fps_d = gst_discoverer_video_info_get_framerate_denom (info);
  tracks->video_bitrate = gst_discoverer_video_info_get_bitrate (info);
}

static void
read_audio (GstDiscovererAudioInfo *info, KliveTracks *tracks)
{
  tracks->has_audio = TRUE;
  tracks->audio_codec = get_codec (GST_DISCOVERER_STREAM_INFO (info));
  tracks->rate = gst_discoverer_audio_info_get_sample_rate (info);
  tracks->channels = gst_discoverer_audio_info_get_channels (info);
  tracks->audio_bitrate = gst_discoverer_audio_info_get_bitrate (info);
}

gboolean
klive_probe_file (const char *path, KliveTracks *tracks, GError **error)
{
  g_autoptr (GstDiscoverer) discoverer = gst_discoverer_new (TIMEOUT, error);
  g_autofree char *uri = discoverer ? gst_filename_to_uri (path, error) : NULL;
  g_autoptr (GstDiscovererInfo) info = uri ? gst_discoverer_discover_uri (discoverer, uri, error) : NULL;
  GList *videos, *audios;

  if (!info)
    return FALSE;
  *tracks = (KliveTracks){ 0 };
  videos = gst_discoverer_info_get_video_streams (info);
  audios = gst_discoverer_info_get_audio_streams (info);
  if (videos)
    read_video (videos->data, tracks);
  if (audios)
    read_audio (audios->data, tracks);
  gst_discoverer_stream_info_list_free (videos);
  gst_discoverer_stream_info_list_free (audios);
  if (tracks->has_video || tracks->has_audio)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s has neither video nor audio", path);
  return FALSE;
}
