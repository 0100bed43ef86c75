/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

#include "klive-flv.h"

G_BEGIN_DECLS

/* What the frames of one track are: codec, codec header and the numbers in it. Immutable, reference-counted; frames
 * with the same format are decoded by the same decoder, a new header makes a new format. Any thread. */
typedef struct {
  KliveFlvType type; /* KLIVE_FLV_VIDEO or KLIVE_FLV_AUDIO */
  KliveFlvCodec codec;
  GBytes *header;      /* AVCDecoderConfigurationRecord or AudioSpecificConfig; nullable */
  GstCaps *caps;       /* of an appsrc */
  guint width, height; /* pixels, 0 = not known */
  guint par_n, par_d;  /* 1/1 when not known */
  gboolean interlaced; /* or may be */
  guint fps_n, fps_d;  /* 0/1 when not known */
  guint rate;          /* Hz, of the decoded sound; 0 = not known */
  guint channels;      /* 0 = not known */
  guint frame_samples; /* of one tag's frame at frame_rate; 0 = tags hold anything */
  guint frame_rate;    /* Hz; half of rate with spectral band replication */
  /*< private >*/
  gatomicrefcount refs;
  guint8 tag_bits; /* first byte of the tag, without the kind of frame */
} KliveFormat;

/*
 * @metadata: of klive_flv_script_parse(), nullable: fills in what a header does not say.
 * Returns: (transfer full) NULL: @header is broken, or the codec is unknown.
 */
KliveFormat *klive_format_new_video (KliveFlvCodec codec, const guint8 *header, gsize size, GHashTable *metadata);
/* @frame: of the tag; @data: the codec header of AAC, the frame itself of any other codec. */
KliveFormat *klive_format_new_audio (const KliveFlvFrame *frame, const guint8 *data, gsize size);
KliveFormat *klive_format_ref (KliveFormat *format);
void klive_format_unref (KliveFormat *format);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveFormat, klive_format_unref)

/* Whether @header is the one that @format was made of. */
gboolean klive_format_has_header (const KliveFormat *format, const guint8 *header, gsize size);
/* Whether a tag without a codec header still is of this format, going by its first byte. */
gboolean klive_format_has_frame (const KliveFormat *format, const KliveFlvFrame *frame);

G_END_DECLS
