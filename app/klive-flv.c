/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The first bytes of FLV tags and their script data (Adobe Flash Video File Format 10.1, annex E; AMF0). klive-source
 * calls this on the main thread.
 */

#include "klive-flv.h"

#include <gst/base/gstbytereader.h>
#include <math.h>
#include <string.h>

#define AMF_MAX_DEPTH 4
#define AMF_MAX_MEMBERS 512

enum {
  AMF_NUMBER = 0x00,
  AMF_BOOLEAN = 0x01,
  AMF_STRING = 0x02,
  AMF_OBJECT = 0x03,
  AMF_NULL = 0x05,
  AMF_UNDEFINED = 0x06,
  AMF_REFERENCE = 0x07,
  AMF_ECMA_ARRAY = 0x08,
  AMF_OBJECT_END = 0x09,
  AMF_STRICT_ARRAY = 0x0a,
  AMF_DATE = 0x0b,
  AMF_LONG_STRING = 0x0c,
  AMF_UNSUPPORTED = 0x0d,
  AMF_XML = 0x0f,
};

void
klive_flv_tag_clear (KliveFlvTag *tag)
{
  gst_clear_buffer (&tag->payload);
}

const char *
klive_flv_codec_get_name (KliveFlvCodec codec)
{
  static const char *const names[] = { "unknown", "h264", "h263", "screen", "vp6", "aac", "mp3", "speex", "pcm",
    "adpcm", "nellymoser" };

  return names[codec];
}

static KliveFlvCodec
video_codec (guint id)
{
  switch (id) {
    case 2:
      return KLIVE_FLV_CODEC_H263;
    case 3:
      return KLIVE_FLV_CODEC_SCREEN;
    case 4:
      return KLIVE_FLV_CODEC_VP6;
    case 7:
      return KLIVE_FLV_CODEC_H264;
    default:
      return KLIVE_FLV_CODEC_UNKNOWN;
  }
}

static KliveFlvCodec
audio_codec (guint id)
{
  switch (id) {
    case 0:
    case 3:
      return KLIVE_FLV_CODEC_PCM;
    case 1:
      return KLIVE_FLV_CODEC_ADPCM;
    case 2:
    case 14:
      return KLIVE_FLV_CODEC_MP3;
    case 4:
    case 5:
    case 6:
      return KLIVE_FLV_CODEC_NELLYMOSER;
    case 10:
      return KLIVE_FLV_CODEC_AAC;
    case 11:
      return KLIVE_FLV_CODEC_SPEEX;
    default:
      return KLIVE_FLV_CODEC_UNKNOWN;
  }
}

static KliveFlvContent
packet_content (guint8 packet_type)
{
  if (packet_type == 0)
    return KLIVE_FLV_HEADER;
  return packet_type == 1 ? KLIVE_FLV_FRAME : KLIVE_FLV_NOTHING;
}

static void
parse_video (KliveFlvFrame *frame, const guint8 *data, gsize size)
{
  guint frame_type = data[0] >> 4;

  frame->codec_id = data[0] & 0x0f;
  if (frame_type & 8) /* Enhanced RTMP: a FourCC follows, HEVC or AV1; the bits of the codec mean something else */
    return;
  frame->codec = video_codec (frame->codec_id);
  frame->keyframe = frame_type == 1;
  if (frame_type == 5)
    return;
  if (frame->codec != KLIVE_FLV_CODEC_H264) {
    frame->offset = 1;
    frame->content = size > 1 ? KLIVE_FLV_FRAME : KLIVE_FLV_NOTHING;
  } else if (size > 5) {
    frame->offset = 5;
    frame->content = packet_content (data[1]);
    frame->composition_time = (gint32) ((guint32) GST_READ_UINT24_BE (data + 2) << 8) / 256;
  }
}

static void
parse_audio (KliveFlvFrame *frame, const guint8 *data, gsize size)
{
  frame->codec_id = data[0] >> 4;
  frame->codec = audio_codec (frame->codec_id);
  frame->audio_rate = 44100u >> (3 - ((data[0] >> 2) & 3));
  if (frame->codec_id == 4 || frame->codec_id == 11)
    frame->audio_rate = 16000;
  else if (frame->codec_id == 5 || frame->codec_id == 14)
    frame->audio_rate = 8000;
  frame->audio_channels = (data[0] & 1) + 1;
  frame->audio_bits = (data[0] & 2) ? 16 : 8;
  if (frame->codec != KLIVE_FLV_CODEC_AAC) {
    frame->offset = 1;
    frame->content = size > 1 ? KLIVE_FLV_FRAME : KLIVE_FLV_NOTHING;
  } else if (size > 2) {
    frame->offset = 2;
    frame->content = packet_content (data[1]);
  }
}

void
klive_flv_frame_parse (KliveFlvFrame *frame, KliveFlvType type, const guint8 *data, gsize size)
{
  memset (frame, 0, sizeof *frame);
  frame->content = KLIVE_FLV_NOTHING;
  if (size == 0)
    return;
  if (type == KLIVE_FLV_VIDEO)
    parse_video (frame, data, size);
  else if (type == KLIVE_FLV_AUDIO)
    parse_audio (frame, data, size);
}

/* Text of strangers: valid UTF-8 or made so. */
static char *
read_text (GstByteReader *reader, gsize length)
{
  const guint8 *data;

  if (!gst_byte_reader_get_data (reader, (guint) length, &data))
    return NULL;
  return g_utf8_make_valid ((const char *) data, (gssize) length);
}

static char *
read_short_string (GstByteReader *reader)
{
  guint16 length;

  return gst_byte_reader_get_uint16_be (reader, &length) ? read_text (reader, length) : NULL;
}

static char *
read_long_string (GstByteReader *reader)
{
  guint32 length;

  return gst_byte_reader_get_uint32_be (reader, &length) ? read_text (reader, length) : NULL;
}

static gboolean read_members (GstByteReader *reader, GHashTable *values, guint *left, guint depth);

static gboolean read_strict_array (GstByteReader *reader, guint *left, guint depth);

/*
 * One value. *value: a floating GVariant or NULL when the value is none that is kept. FALSE: broken, stop.
 * @left: members that may still come.
 */
static gboolean
read_value (GstByteReader *reader, GVariant **value, guint *left, guint depth)
{
  g_autofree char *text = NULL;
  double number;
  guint8 type, byte;

  *value = NULL;
  if (depth > AMF_MAX_DEPTH || !gst_byte_reader_get_uint8 (reader, &type))
    return FALSE;
  switch (type) {
    case AMF_NUMBER:
      if (!gst_byte_reader_get_float64_be (reader, &number))
        return FALSE;
      *value = g_variant_new_double (number);
      return TRUE;
    case AMF_BOOLEAN:
      if (!gst_byte_reader_get_uint8 (reader, &byte))
        return FALSE;
      *value = g_variant_new_boolean (byte != 0);
      return TRUE;
    case AMF_STRING:
    case AMF_LONG_STRING:
    case AMF_XML:
      text = type == AMF_STRING ? read_short_string (reader) : read_long_string (reader);
      if (text == NULL)
        return FALSE;
      *value = g_variant_new_string (text);
      return TRUE;
    case AMF_OBJECT:
      return read_members (reader, NULL, left, depth + 1);
    case AMF_ECMA_ARRAY:
      return gst_byte_reader_skip (reader, 4) && read_members (reader, NULL, left, depth + 1);
    case AMF_STRICT_ARRAY:
      return read_strict_array (reader, left, depth + 1);
    case AMF_DATE:
      return gst_byte_reader_skip (reader, 10);
    case AMF_REFERENCE:
      return gst_byte_reader_skip (reader, 2);
    case AMF_NULL:
    case AMF_UNDEFINED:
    case AMF_UNSUPPORTED:
      return TRUE;
    default:
      return FALSE;
  }
}

static gboolean
read_strict_array (GstByteReader *reader, guint *left, guint depth)
{
  guint32 n;
  GVariant *value;

  if (!gst_byte_reader_get_uint32_be (reader, &n))
    return FALSE;
  for (; n > 0; n--) {
    if (*left == 0 || !read_value (reader, &value, left, depth))
      return FALSE;
    (*left)--;
    if (value != NULL)
      g_variant_unref (g_variant_ref_sink (value));
  }
  return TRUE;
}

/* Name and value pairs up to the end marker or the end of the data. @values NULL: only walk over them. */
static gboolean
read_members (GstByteReader *reader, GHashTable *values, guint *left, guint depth)
{
  while (gst_byte_reader_get_remaining (reader) > 0) {
    g_autofree char *name = NULL;
    GVariant *value;
    guint8 end;

    if (gst_byte_reader_get_remaining (reader) >= 3 &&
        gst_byte_reader_peek_uint24_be_unchecked (reader) == AMF_OBJECT_END)
      return gst_byte_reader_skip (reader, 3);
    /* Some encoders end an ECMA array with nothing, some with a bare marker. */
    if (gst_byte_reader_get_remaining (reader) == 1 && gst_byte_reader_peek_uint8 (reader, &end) &&
        end == AMF_OBJECT_END)
      return gst_byte_reader_skip (reader, 1);
    if (*left == 0 || (name = read_short_string (reader)) == NULL || !read_value (reader, &value, left, depth))
      return FALSE;
    (*left)--;
    if (value == NULL)
      continue;
    g_variant_ref_sink (value);
    if (values != NULL && !g_hash_table_contains (values, name))
      g_hash_table_insert (values, g_steal_pointer (&name), value);
    else
      g_variant_unref (value);
  }
  return TRUE;
}

static char *
read_name (GstByteReader *reader)
{
  guint8 type;

  return gst_byte_reader_get_uint8 (reader, &type) && type == AMF_STRING ? read_short_string (reader) : NULL;
}

GHashTable *
klive_flv_script_parse (const guint8 *data, gsize size, char **name)
{
  GstByteReader reader = GST_BYTE_READER_INIT (data, (guint) size);
  g_autofree char *handler = read_name (&reader);
  g_autoptr (GHashTable) values =
      g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_variant_unref);
  guint left = AMF_MAX_MEMBERS;
  guint8 type;

  if (g_strcmp0 (handler, "@setDataFrame") == 0) {
    g_free (handler);
    handler = read_name (&reader);
  }
  if (handler == NULL)
    return NULL;
  /* What follows may be cut or odd: keep what could be read. */
  if (gst_byte_reader_get_uint8 (&reader, &type) &&
      (type == AMF_OBJECT || (type == AMF_ECMA_ARRAY && gst_byte_reader_skip (&reader, 4))))
    read_members (&reader, values, &left, 0);
  *name = g_steal_pointer (&handler);
  return g_steal_pointer (&values);
}

double
klive_flv_script_get_number (GHashTable *values, const char *name, double fallback)
{
  GVariant *value = values != NULL ? g_hash_table_lookup (values, name) : NULL;

  if (value == NULL || !g_variant_is_of_type (value, G_VARIANT_TYPE_DOUBLE) || !isfinite (g_variant_get_double (value)))
    return fallback;
  return g_variant_get_double (value);
}
