/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define GST_KALTURA_ADTS_HEADER_SIZE 7
/* The largest AAC frame that a header can describe, in bytes without the header. */
#define GST_KALTURA_ADTS_MAX_FRAME (8191 - GST_KALTURA_ADTS_HEADER_SIZE)

/* What an ADTS header says of every frame of a track. */
typedef struct {
  guint8 profile;         /* audio object type less one: 1 = LC */
  guint8 frequency_index; /* of the core, without SBR */
  guint8 channels;        /* channel configuration 1 to 7 */
  guint8 object_type;     /* as signalled: 2 LC, 5 HE-AAC, 29 HE-AAC v2 */
} GstKalturaAdts;

/*
 * Reads an AudioSpecificConfig (ISO/IEC 14496-3), codec_data of raw AAC. HE-AAC is told of its core, SBR is then
 * implicit. FALSE if it is malformed or cannot be said in an ADTS header (no main, LC, SSR, LTP core; free frequency;
 * channels in a programme config element).
 */
gboolean gst_kaltura_adts_parse (GstKalturaAdts *adts, const guint8 *config, gsize size);

/* @frame_size: bytes of the raw frame, GST_KALTURA_ADTS_MAX_FRAME at most. */
void gst_kaltura_adts_write_header (const GstKalturaAdts *adts, gsize frame_size,
    guint8 header[GST_KALTURA_ADTS_HEADER_SIZE]);

/* Samples per second of the core. */
guint gst_kaltura_adts_get_rate (const GstKalturaAdts *adts);

G_END_DECLS
