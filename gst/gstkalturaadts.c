/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ADTS headers for raw AAC (ISO/IEC 14496-3 1.A.2), which transport streams need, for kalturahlssink. Plain bytes.
 */
#include "gstkalturaadts.h"

#define OBJECT_ESCAPE 31
#define OBJECT_SBR 5
#define OBJECT_PS 29
#define FREQUENCY_ESCAPE 15
#define SYNC_SBR 0x2b7
#define SYNC_PS 0x548

static const guint rates[] = { 96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000,
  7350 };

typedef struct {
  const guint8 *data;
  gsize size; /* bits */
  gsize pos;  /* bits; past size = ran out */
} Bits;

static guint
read_bits (Bits *bits, guint count)
{
  guint value = 0;
  for (guint i = 0; i < count; i++, bits->pos++) {
    guint bit = bits->pos < bits->size ? (bits->data[bits->pos / 8] >> (7 - bits->pos % 8)) & 1 : 0;
    value = value << 1 | bit;
  }
  return value;
}

static guint
read_object_type (Bits *bits)
{
  guint type = read_bits (bits, 5);
  return type == OBJECT_ESCAPE ? 32 + read_bits (bits, 6) : type;
}

/* The index of a sampling frequency, also where it is written out but has one. */
static guint
read_frequency (Bits *bits)
{
  guint index = read_bits (bits, 4);
  if (index != FREQUENCY_ESCAPE) {
    return index;
  }
  guint rate = read_bits (bits, 24);
  for (guint i = 0; i < G_N_ELEMENTS (rates); i++) {
    if (rates[i] == rate) {
      return i;
    }
  }
  return FREQUENCY_ESCAPE;
}

/* The way of announcing SBR and PS that old decoders do not notice: behind the core's configuration (1.6.5). */
static guint
read_extension (Bits *bits, guint core)
{
  read_bits (bits, 1); /* frame length */
  if (read_bits (bits, 1)) {
    read_bits (bits, 14); /* delay of the core coder */
  }
  read_bits (bits, 1);
  if (bits->pos + 16 > bits->size || read_bits (bits, 11) != SYNC_SBR || read_object_type (bits) != OBJECT_SBR ||
      !read_bits (bits, 1)) {
    return core;
  }
  read_frequency (bits);
  if (bits->pos + 12 > bits->size || read_bits (bits, 11) != SYNC_PS || !read_bits (bits, 1)) {
    return OBJECT_SBR;
  }
  return OBJECT_PS;
}

gboolean
gst_kaltura_adts_parse (GstKalturaAdts *adts, const guint8 *config, gsize size)
{
  Bits bits = { config, size * 8, 0 };
  guint type = read_object_type (&bits);
  guint frequency = read_frequency (&bits);
  guint channels = read_bits (&bits, 4);
  guint core = type;
  if (type == OBJECT_SBR || type == OBJECT_PS) {
    read_frequency (&bits); /* what SBR makes of it */
    core = read_object_type (&bits);
  }
  if (bits.pos > bits.size || core < 1 || core > 4 || frequency >= G_N_ELEMENTS (rates) || channels < 1 ||
      channels > 7) {
    return FALSE;
  }
  adts->profile = core - 1;
  adts->frequency_index = frequency;
  adts->channels = channels;
  adts->object_type = type == core ? read_extension (&bits, core) : type;
  return TRUE;
}

void
gst_kaltura_adts_write_header (const GstKalturaAdts *adts, gsize frame_size,
    guint8 header[GST_KALTURA_ADTS_HEADER_SIZE])
{
  gsize size = frame_size + GST_KALTURA_ADTS_HEADER_SIZE;
  header[0] = 0xff;
  header[1] = 0xf1; /* MPEG-4, no CRC */
  header[2] = adts->profile << 6 | adts->frequency_index << 2 | adts->channels >> 2;
  header[3] = (adts->channels & 3) << 6 | size >> 11;
  header[4] = size >> 3;
  header[5] = (size & 7) << 5 | 0x1f; /* buffer fullness: variable rate */
  header[6] = 0xfc;                   /* one raw block */
}

guint
gst_kaltura_adts_get_rate (const GstKalturaAdts *adts)
{
  return rates[adts->frequency_index];
}
