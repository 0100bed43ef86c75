/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The format of a track: caps for the studio's appsrc, and the numbers that ladder, timeline and status want. Made by
 * klive-source on the main thread. The caps are those of flvdemux.
 */
#include "klive-format.h"

#include <string.h>

#include "klive-codec.h"

/* A Speex packet in FLV is always wideband mono (Adobe's specification, E.4.2.1): what a .spx file would begin with. */
static GstBuffer *
speex_header (void)
{
  static const guint32 fields[] = { 1, 80, 16000, 1, 4, 1, G_MAXUINT32, 320, 0, 1, 0, 0, 0 };
  guint8 *data = g_malloc0 (80);
  guint i;

  memcpy (data, "Speex   1.1.12", 14);
  for (i = 0; i < G_N_ELEMENTS (fields); i++)
    GST_WRITE_UINT32_LE (data + 28 + 4 * i, fields[i]);
  return gst_buffer_new_wrapped (data, 80);
}

static GstCaps *
speex_caps (void)
{
  static const guint8 comment[] = { 5, 0, 0, 0, 'k', 'l', 'i', 'v', 'e', 0, 0, 0, 0, 1 };
  g_autoptr (GstBuffer) header = speex_header ();
  g_autoptr (GstBuffer) comments = gst_buffer_new_memdup (comment, sizeof comment);
  GstCaps *caps = gst_caps_new_simple ("audio/x-speex", "rate", G_TYPE_INT, 16000, "channels", G_TYPE_INT, 1, NULL);
  GValue array = G_VALUE_INIT, value = G_VALUE_INIT;

  g_value_init (&array, GST_TYPE_ARRAY);
  g_value_init (&value, GST_TYPE_BUFFER);
  gst_value_set_buffer (&value, header);
  gst_value_array_append_value (&array, &value);
  gst_value_set_buffer (&value, comments);
  gst_value_array_append_value (&array, &value);
  gst_structure_take_value (gst_caps_get_structure (caps, 0), "streamheader", &array);
  g_value_unset (&value);
  return caps;
}

static KliveFormat *
format_new (KliveFlvType type, KliveFlvCodec codec)
{
  KliveFormat *format = g_new0 (KliveFormat, 1);

  g_atomic_ref_count_init (&format->refs);
  format->type = type;
  format->codec = codec;
  format->par_n = format->par_d = 1;
  format->fps_d = 1;
  return format;
}

KliveFormat *
klive_format_ref (KliveFormat *format)
{
  g_atomic_ref_count_inc (&format->refs);
  return format;
}

void
klive_format_unref (KliveFormat *format)
{
  if (!g_atomic_ref_count_dec (&format->refs))
    return;
  g_clear_pointer (&format->header, g_bytes_unref);
  gst_clear_caps (&format->caps);
  g_free (format);
}

static void
set_header (KliveFormat *format, const guint8 *data, gsize size)
{
  g_autoptr (GstBuffer) buffer = gst_buffer_new_memdup (data, size);

  format->header = g_bytes_new (data, size);
  gst_caps_set_simple (format->caps, "codec_data", GST_TYPE_BUFFER, buffer, NULL);
}

/* What SPS and metadata do not agree on is in no caps: the SPS counts. */
static void
fill_from_metadata (KliveFormat *format, GHashTable *metadata)
{
  double width = klive_flv_script_get_number (metadata, "width", 0);
  double height = klive_flv_script_get_number (metadata, "height", 0);
  double fps = klive_flv_script_get_number (metadata, "framerate", 0);

  if (format->width == 0 && width >= 16 && width <= 8192 && height >= 16 && height <= 8192) {
    format->width = (guint) width;
    format->height = (guint) height;
  }
  if (format->fps_n == 0 && fps >= 1 && fps <= 300) {
    gint n, d;

    gst_util_double_to_fraction (fps, &n, &d);
    format->fps_n = (guint) n;
    format->fps_d = (guint) d;
  }
}

static gboolean
read_avc (KliveFormat *format, const guint8 *data, gsize size)
{
  KliveAvcHeader header;

  if (!klive_avc_header_parse (&header, data, size))
    return FALSE;
  format->width = header.width;
  format->height = header.height;
  format->interlaced = header.interlaced;
  format->par_n = header.par_n;
  format->par_d = header.par_d;
  format->fps_n = header.fps_n;
  format->fps_d = header.fps_d;
  format->caps = gst_caps_new_simple ("video/x-h264", "stream-format", G_TYPE_STRING, "avc", "alignment", G_TYPE_STRING,
      "au", NULL);
  set_header (format, data, size);
  return TRUE;
}

static void
set_video_caps (KliveFormat *format)
{
  if (format->width > 0)
    gst_caps_set_simple (format->caps, "width", G_TYPE_INT, (gint) format->width, "height", G_TYPE_INT,
        (gint) format->height, NULL);
  if (format->codec == KLIVE_FLV_CODEC_H264)
    gst_caps_set_simple (format->caps, "pixel-aspect-ratio", GST_TYPE_FRACTION, (gint) format->par_n,
        (gint) format->par_d, NULL);
  if (format->fps_n > 0 && format->fps_n <= G_MAXINT && format->fps_d <= G_MAXINT)
    gst_caps_set_simple (format->caps, "framerate", GST_TYPE_FRACTION, (gint) format->fps_n, (gint) format->fps_d,
        NULL);
}

KliveFormat *
klive_format_new_video (KliveFlvCodec codec, const guint8 *header, gsize size, GHashTable *metadata)
{
  g_autoptr (KliveFormat) format = format_new (KLIVE_FLV_VIDEO, codec);

  switch (codec) {
    case KLIVE_FLV_CODEC_H264:
      if (!read_avc (format, header, size))
        return NULL;
      break;
    case KLIVE_FLV_CODEC_H263:
      format->caps = gst_caps_new_simple ("video/x-flash-video", "flvversion", G_TYPE_INT, 1, NULL);
      break;
    case KLIVE_FLV_CODEC_SCREEN:
      format->caps = gst_caps_new_empty_simple ("video/x-flash-screen");
      break;
    case KLIVE_FLV_CODEC_VP6:
      format->caps = gst_caps_new_empty_simple ("video/x-vp6-flash");
      break;
    default:
      return NULL;
  }
  fill_from_metadata (format, metadata);
  set_video_caps (format);
  return g_steal_pointer (&format);
}

static gboolean
read_aac (KliveFormat *format, const guint8 *data, gsize size)
{
  KliveAacHeader header;

  if (!klive_aac_header_parse (&header, data, size))
    return FALSE;
  format->rate = header.output_rate;
  format->channels = header.channels;
  format->frame_samples = header.frame_samples;
  format->frame_rate = header.rate;
  format->caps = gst_caps_new_simple ("audio/mpeg", "mpegversion", G_TYPE_INT, 4, "framed", G_TYPE_BOOLEAN, TRUE,
      "stream-format", G_TYPE_STRING, "raw", NULL);
  set_header (format, data, size);
  return TRUE;
}

static gboolean
read_mp3 (KliveFormat *format, const guint8 *data, gsize size)
{
  KliveMp3Header header;

  if (!klive_mp3_header_parse (&header, data, size))
    return FALSE;
  format->rate = format->frame_rate = header.rate;
  format->channels = header.channels;
  format->frame_samples = header.frame_samples;
  format->caps = gst_caps_new_simple ("audio/mpeg", "mpegversion", G_TYPE_INT, 1, "layer", G_TYPE_INT, 3, "parsed",
      G_TYPE_BOOLEAN, TRUE, NULL);
  return TRUE;
}

static gboolean
read_audio (KliveFormat *format, const KliveFlvFrame *frame, const guint8 *data, gsize size)
{
  format->rate = frame->audio_rate;
  format->channels = frame->audio_channels;
  switch (frame->codec) {
    case KLIVE_FLV_CODEC_AAC:
      return read_aac (format, data, size);
    case KLIVE_FLV_CODEC_MP3:
      return read_mp3 (format, data, size);
    case KLIVE_FLV_CODEC_SPEEX:
      format->channels = 1;
      format->caps = speex_caps ();
      return TRUE;
    case KLIVE_FLV_CODEC_NELLYMOSER:
      format->caps = gst_caps_new_empty_simple ("audio/x-nellymoser");
      break;
    case KLIVE_FLV_CODEC_ADPCM:
      format->caps = gst_caps_new_simple ("audio/x-adpcm", "layout", G_TYPE_STRING, "swf", NULL);
      break;
    case KLIVE_FLV_CODEC_PCM:
      format->caps = gst_caps_new_simple ("audio/x-raw", "format", G_TYPE_STRING,
          frame->audio_bits == 16 ? "S16LE" : "U8", "layout", G_TYPE_STRING, "interleaved", NULL);
      break;
    default:
      return FALSE;
  }
  gst_caps_set_simple (format->caps, "rate", G_TYPE_INT, (gint) format->rate, "channels", G_TYPE_INT,
      (gint) format->channels, NULL);
  return TRUE;
}

static guint8
audio_bits (const KliveFlvFrame *frame)
{
  return (guint8) (frame->codec_id << 4 | (frame->audio_channels & 3) << 2 | (frame->audio_bits == 16));
}

KliveFormat *
klive_format_new_audio (const KliveFlvFrame *frame, const guint8 *data, gsize size)
{
  g_autoptr (KliveFormat) format = format_new (KLIVE_FLV_AUDIO, frame->codec);

  if (!read_audio (format, frame, data, size))
    return NULL;
  format->tag_bits = audio_bits (frame);
  return g_steal_pointer (&format);
}

gboolean
klive_format_has_header (const KliveFormat *format, const guint8 *header, gsize size)
{
  gsize own_size;
  gconstpointer own;

  if (format->header == NULL)
    return FALSE;
  own = g_bytes_get_data (format->header, &own_size);
  return own_size == size && memcmp (own, header, size) == 0;
}

gboolean
klive_format_has_frame (const KliveFormat *format, const KliveFlvFrame *frame)
{
  if (format->codec != frame->codec)
    return FALSE;
  /* The bits of an AAC tag say nothing, and video has none. */
  return format->type == KLIVE_FLV_VIDEO || format->codec == KLIVE_FLV_CODEC_AAC ||
      format->tag_bits == audio_bits (frame);
}
