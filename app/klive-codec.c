/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The headers of H.264, AAC and MP3, as far as ladder and timeline need them. Called by the session on the main thread;
 * pure functions. Every read is checked by the bit reader, every loop is bounded by the standard's own limit.
 */

#include "klive-codec.h"

#include <gst/base/gstbitreader.h>
#include <string.h>

#define MAX_PIXELS 8192
#define MAX_SPS_SIZE 4096

/* Exp-Golomb; the reader is set to its end when a code is broken, so that all that follows fails too. */
static gboolean
get_ue (GstBitReader *reader, guint32 *value)
{
  guint zeros = 0;
  guint8 bit = 0;
  guint32 rest = 0;

  while (gst_bit_reader_get_bits_uint8 (reader, &bit, 1) && bit == 0)
    if (++zeros > 31)
      return FALSE;
  if (bit == 0 || (zeros > 0 && !gst_bit_reader_get_bits_uint32 (reader, &rest, zeros)))
    return FALSE;
  *value = (1u << zeros) - 1 + rest;
  return TRUE;
}

static gboolean
get_se (GstBitReader *reader, gint32 *value)
{
  guint32 code;

  if (!get_ue (reader, &code))
    return FALSE;
  *value = (code & 1) ? (gint32) (code / 2 + 1) : -(gint32) (code / 2);
  return TRUE;
}

static gboolean
skip_ue (GstBitReader *reader)
{
  guint32 ignored;

  return get_ue (reader, &ignored);
}

static gboolean
get_flag (GstBitReader *reader, gboolean *flag)
{
  guint8 bit = 0;

  if (!gst_bit_reader_get_bits_uint8 (reader, &bit, 1))
    return FALSE;
  *flag = bit;
  return TRUE;
}

static gboolean
skip_scaling_list (GstBitReader *reader, guint size)
{
  gint32 last = 8, next = 8, delta;
  guint i;

  for (i = 0; i < size; i++) {
    if (next != 0) {
      if (!get_se (reader, &delta))
        return FALSE;
      next = (last + delta) & 255;
    }
    if (next != 0)
      last = next;
  }
  return TRUE;
}

/* What only the high profiles have. */
static gboolean
parse_chroma (GstBitReader *reader, guint32 *chroma_format, gboolean *separate_planes)
{
  gboolean present, listed;
  guint i;

  if (!get_ue (reader, chroma_format) || *chroma_format > 3)
    return FALSE;
  if (*chroma_format == 3 && !get_flag (reader, separate_planes))
    return FALSE;
  if (!skip_ue (reader) || !skip_ue (reader) || !gst_bit_reader_skip (reader, 1) || !get_flag (reader, &present))
    return FALSE;
  for (i = 0; present && i < (*chroma_format == 3 ? 12u : 8u); i++)
    if (!get_flag (reader, &listed) || (listed && !skip_scaling_list (reader, i < 6 ? 16 : 64)))
      return FALSE;
  return TRUE;
}

static gboolean
skip_picture_order (GstBitReader *reader)
{
  guint32 type, cycle;
  gint32 ignored;

  if (!get_ue (reader, &type))
    return FALSE;
  if (type == 0)
    return skip_ue (reader);
  if (type != 1)
    return type == 2;
  if (!gst_bit_reader_skip (reader, 1) || !get_se (reader, &ignored) || !get_se (reader, &ignored) ||
      !get_ue (reader, &cycle) || cycle > 255)
    return FALSE;
  for (; cycle > 0; cycle--)
    if (!get_se (reader, &ignored))
      return FALSE;
  return TRUE;
}

static gboolean
parse_aspect_ratio (GstBitReader *reader, KliveAvcHeader *header)
{
  /* table E-1 */
  static const guint8 ratios[][2] = { { 0, 0 }, { 1, 1 }, { 12, 11 }, { 10, 11 }, { 16, 11 }, { 40, 33 }, { 24, 11 },
    { 20, 11 }, { 32, 11 }, { 80, 33 }, { 18, 11 }, { 15, 11 }, { 64, 33 }, { 160, 99 }, { 4, 3 }, { 3, 2 }, { 2, 1 } };
  guint8 idc;
  guint16 n = 0, d = 0;

  if (!gst_bit_reader_get_bits_uint8 (reader, &idc, 8))
    return FALSE;
  if (idc == 255) {
    if (!gst_bit_reader_get_bits_uint16 (reader, &n, 16) || !gst_bit_reader_get_bits_uint16 (reader, &d, 16))
      return FALSE;
  } else if (idc < G_N_ELEMENTS (ratios)) {
    n = ratios[idc][0];
    d = ratios[idc][1];
  }
  if (n > 0 && d > 0) {
    header->par_n = n;
    header->par_d = d;
  }
  return TRUE;
}

/* A broken VUI is no reason to refuse a stream: what was read until there counts. */
static void
parse_vui (GstBitReader *reader, KliveAvcHeader *header)
{
  gboolean present;
  guint32 units, scale;

  if (!get_flag (reader, &present) || (present && !parse_aspect_ratio (reader, header)))
    return;
  if (!get_flag (reader, &present) || (present && !gst_bit_reader_skip (reader, 1))) /* overscan */
    return;
  if (!get_flag (reader, &present))
    return;
  if (present) { /* video signal type */
    if (!gst_bit_reader_skip (reader, 4) || !get_flag (reader, &present) ||
        (present && !gst_bit_reader_skip (reader, 24)))
      return;
  }
  if (!get_flag (reader, &present) || (present && (!skip_ue (reader) || !skip_ue (reader)))) /* chroma location */
    return;
  if (!get_flag (reader, &present) || !present || !gst_bit_reader_get_bits_uint32 (reader, &units, 32) ||
      !gst_bit_reader_get_bits_uint32 (reader, &scale, 32))
    return;
  /* Two ticks a frame. Times that nobody films in are left out. */
  if (units == 0 || scale / 2 / units > 300 || scale < units)
    return;
  if (scale % 2 == 0) {
    header->fps_n = scale / 2;
    header->fps_d = units;
  } else if (units <= G_MAXUINT32 / 2) {
    header->fps_n = scale;
    header->fps_d = units * 2;
  }
}

static gboolean
parse_size (GstBitReader *reader, KliveAvcHeader *header, guint32 chroma_format, gboolean separate_planes)
{
  guint32 width, height, crop[4] = { 0 };
  gboolean frames_only, present;
  guint unit_x = chroma_format == 1 || chroma_format == 2 ? 2 : 1;
  guint unit_y = chroma_format == 1 ? 2 : 1;
  guint i;

  if (separate_planes)
    unit_x = unit_y = 1;
  if (!get_ue (reader, &width) || !get_ue (reader, &height) || !get_flag (reader, &frames_only))
    return FALSE;
  if (width >= MAX_PIXELS / 16 || height >= MAX_PIXELS / 16)
    return FALSE;
  if (!frames_only && !gst_bit_reader_skip (reader, 1))
    return FALSE;
  if (!gst_bit_reader_skip (reader, 1) || !get_flag (reader, &present))
    return FALSE;
  for (i = 0; present && i < 4; i++) /* left, right, top, bottom */
    if (!get_ue (reader, &crop[i]) || crop[i] > MAX_PIXELS)
      return FALSE;
  width = (width + 1) * 16;
  height = (height + 1) * 16 * (frames_only ? 1 : 2);
  if (!frames_only)
    unit_y *= 2;
  if ((crop[0] + crop[1]) * unit_x >= width || (crop[2] + crop[3]) * unit_y >= height)
    return FALSE;
  header->width = width - (crop[0] + crop[1]) * unit_x;
  header->height = height - (crop[2] + crop[3]) * unit_y;
  header->interlaced = !frames_only;
  return header->height <= MAX_PIXELS;
}

static gboolean
has_chroma (guint8 profile)
{
  static const guint8 profiles[] = { 100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135 };

  return memchr (profiles, profile, sizeof profiles) != NULL;
}

static gboolean
parse_sps (const guint8 *data, gsize size, KliveAvcHeader *header)
{
  g_autofree guint8 *plain = g_malloc (size);
  gsize n = 0, i;
  GstBitReader reader;
  guint32 chroma_format = 1, frames;
  gboolean separate_planes = FALSE, present;

  for (i = 1; i < size; i++) /* without the NAL header and the emulation prevention bytes */
    if (i < 3 || data[i] != 3 || data[i - 1] != 0 || data[i - 2] != 0)
      plain[n++] = data[i];
  if (n < 4)
    return FALSE;
  header->profile = plain[0];
  header->constraints = plain[1];
  header->level = plain[2];
  gst_bit_reader_init (&reader, plain + 3, (guint) n - 3);
  if (!skip_ue (&reader) || (has_chroma (header->profile) && !parse_chroma (&reader, &chroma_format, &separate_planes)))
    return FALSE;
  if (!skip_ue (&reader) || !skip_picture_order (&reader) || !get_ue (&reader, &frames) || frames > 16 ||
      !gst_bit_reader_skip (&reader, 1) || !parse_size (&reader, header, chroma_format, separate_planes))
    return FALSE;
  if (get_flag (&reader, &present) && present)
    parse_vui (&reader, header);
  return TRUE;
}

gboolean
klive_avc_header_parse (KliveAvcHeader *header, const guint8 *data, gsize size)
{
  gsize length;

  memset (header, 0, sizeof *header);
  header->par_n = header->par_d = 1;
  header->fps_d = 1;
  /* version, profile, compatibility, level, length size, number of SPS, length of the first SPS */
  if (size < 8 || data[0] != 1 || (data[5] & 0x1f) == 0)
    return FALSE;
  length = GST_READ_UINT16_BE (data + 6);
  if (length < 5 || length > size - 8 || length > MAX_SPS_SIZE || (data[8] & 0x1f) != 7)
    return FALSE;
  return parse_sps (data + 8, length, header);
}

static gboolean
get_object_type (GstBitReader *reader, guint *type)
{
  guint8 bits, more;

  if (!gst_bit_reader_get_bits_uint8 (reader, &bits, 5))
    return FALSE;
  *type = bits;
  if (bits == 31) {
    if (!gst_bit_reader_get_bits_uint8 (reader, &more, 6))
      return FALSE;
    *type = 32u + more;
  }
  return TRUE;
}

static gboolean
get_rate (GstBitReader *reader, guint *rate)
{
  static const guint rates[] = { 96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000,
    7350 };
  guint8 index;
  guint32 explicit_rate;

  if (!gst_bit_reader_get_bits_uint8 (reader, &index, 4))
    return FALSE;
  if (index == 15) {
    if (!gst_bit_reader_get_bits_uint32 (reader, &explicit_rate, 24))
      return FALSE;
    *rate = explicit_rate;
    return explicit_rate >= 7350 && explicit_rate <= 192000;
  }
  if (index >= G_N_ELEMENTS (rates))
    return FALSE;
  *rate = rates[index];
  return TRUE;
}

/* The backward compatible way to announce SBR and PS: behind the core's configuration. */
static void
parse_sync_extension (GstBitReader *reader, KliveAacHeader *header)
{
  guint16 sync;
  guint type, rate;
  gboolean present;

  if (header->sbr || !gst_bit_reader_get_bits_uint16 (reader, &sync, 11) || sync != 0x2b7 ||
      !get_object_type (reader, &type) || type != 5 || !get_flag (reader, &present) || !present ||
      !get_rate (reader, &rate))
    return;
  header->sbr = TRUE;
  header->output_rate = rate;
  if (gst_bit_reader_get_bits_uint16 (reader, &sync, 11) && sync == 0x548 && get_flag (reader, &present))
    header->ps = present;
}

gboolean
klive_aac_header_parse (KliveAacHeader *header, const guint8 *data, gsize size)
{
  static const guint8 channels[] = { 0, 1, 2, 3, 4, 5, 6, 8, 0, 0, 0, 7, 8, 0, 8, 0 };
  GstBitReader reader;
  guint8 configuration;
  gboolean flag;

  memset (header, 0, sizeof *header);
  gst_bit_reader_init (&reader, data, (guint) size);
  if (!get_object_type (&reader, &header->object_type) || !get_rate (&reader, &header->rate) ||
      !gst_bit_reader_get_bits_uint8 (&reader, &configuration, 4))
    return FALSE;
  header->output_rate = header->rate;
  if (header->object_type == 5 || header->object_type == 29) {
    header->sbr = TRUE;
    header->ps = header->object_type == 29;
    if (!get_rate (&reader, &header->output_rate) || !get_object_type (&reader, &header->object_type))
      return FALSE;
  }
  /* Main, LC, SSR, LTP: the others have other frames */
  if (header->object_type < 1 || header->object_type > 4 || !get_flag (&reader, &flag))
    return FALSE;
  header->frame_samples = flag ? 960 : 1024;
  if (get_flag (&reader, &flag) && (!flag || gst_bit_reader_skip (&reader, 14)) && gst_bit_reader_skip (&reader, 1) &&
      configuration != 0)
    parse_sync_extension (&reader, header);
  header->channels = channels[configuration];
  if (header->ps && header->channels == 1)
    header->channels = 2;
  return TRUE;
}

gboolean
klive_mp3_header_parse (KliveMp3Header *header, const guint8 *data, gsize size)
{
  static const guint rates[] = { 44100, 48000, 32000 };
  guint version, layer, rate;

  memset (header, 0, sizeof *header);
  if (size < 4 || data[0] != 0xff || (data[1] & 0xe0) != 0xe0)
    return FALSE;
  version = (data[1] >> 3) & 3; /* 0 = 2.5, 2 = 2, 3 = 1 */
  layer = (data[1] >> 1) & 3;
  rate = (data[2] >> 2) & 3;
  if (version == 1 || layer != 1 || rate == 3)
    return FALSE;
  header->rate = rates[rate] >> (version == 3 ? 0 : version == 2 ? 1 : 2);
  header->channels = (data[3] >> 6) == 3 ? 1 : 2;
  header->frame_samples = version == 3 ? 1152 : 576;
  return TRUE;
}
