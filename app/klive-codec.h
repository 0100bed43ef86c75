/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * What codec headers say about a track before a single frame is decoded. Pure; input comes from strangers.
 */

/* An AVCDecoderConfigurationRecord (ISO/IEC 14496-15) and the first SPS in it. */
typedef struct {
  guint8 profile, constraints, level; /* 77, 0x40, 31: codec string avc1.4D401F */
  guint width, height;                /* pixels, after cropping */
  guint par_n, par_d;                 /* 1/1 when not said */
  guint fps_n, fps_d;                 /* 0/1 when not said */
  gboolean interlaced;                /* fields may be coded */
} KliveAvcHeader;

/* FALSE: broken, or a size that cannot be (0, more than 8192 pixels). */
gboolean klive_avc_header_parse (KliveAvcHeader *header, const guint8 *data, gsize size);

/* An AudioSpecificConfig (ISO/IEC 14496-3). */
typedef struct {
  guint object_type;   /* of the core: 2 = AAC-LC */
  guint rate;          /* Hz, of the core: what one frame's samples count in */
  guint output_rate;   /* Hz, with spectral band replication twice the core's */
  guint channels;      /* of the output; parametric stereo makes one channel two */
  guint frame_samples; /* per frame, at rate: 1024 or 960 */
  gboolean sbr, ps;
} KliveAacHeader;

/* FALSE: broken, or no AAC. */
gboolean klive_aac_header_parse (KliveAacHeader *header, const guint8 *data, gsize size);

/* The header of an MPEG-1/2/2.5 layer III frame. FALSE: @data does not begin with one. */
typedef struct {
  guint rate; /* Hz */
  guint channels;
  guint frame_samples; /* 1152 or 576 */
} KliveMp3Header;

gboolean klive_mp3_header_parse (KliveMp3Header *header, const guint8 *data, gsize size);

G_END_DECLS
