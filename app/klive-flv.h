/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

/*
 * FLV tags, which RTMP has as messages: what the first bytes of their payload say, and the names and values of script
 * tags (onMetaData, cue points). Everything here comes from strangers: bounded, and never trusted.
 */
typedef enum {
  KLIVE_FLV_AUDIO = 8,
  KLIVE_FLV_VIDEO = 9,
  KLIVE_FLV_SCRIPT = 18,
} KliveFlvType;

typedef struct {
  KliveFlvType type;
  guint32 timestamp;  /* ms, wraps after 2^32 */
  GstBuffer *payload; /* without the tag's header; may be empty */
} KliveFlvTag;

void klive_flv_tag_clear (KliveFlvTag *tag);

typedef enum {
  KLIVE_FLV_CODEC_UNKNOWN,
  KLIVE_FLV_CODEC_H264,
  KLIVE_FLV_CODEC_H263, /* Sorenson */
  KLIVE_FLV_CODEC_SCREEN,
  KLIVE_FLV_CODEC_VP6,
  KLIVE_FLV_CODEC_AAC,
  KLIVE_FLV_CODEC_MP3,
  KLIVE_FLV_CODEC_SPEEX,
  KLIVE_FLV_CODEC_PCM,
  KLIVE_FLV_CODEC_ADPCM,
  KLIVE_FLV_CODEC_NELLYMOSER,
} KliveFlvCodec;

/* As in KliveTracks: "h264", "aac" ...; "unknown" */
const char *klive_flv_codec_get_name (KliveFlvCodec codec);

typedef enum {
  KLIVE_FLV_FRAME,   /* a frame of audio or video */
  KLIVE_FLV_HEADER,  /* AVCDecoderConfigurationRecord or AudioSpecificConfig */
  KLIVE_FLV_NOTHING, /* end of sequence, command frame, an empty tag */
} KliveFlvContent;

/* What the first bytes of an audio or video payload say. */
typedef struct {
  KliveFlvContent content;
  KliveFlvCodec codec;
  guint codec_id;          /* as in the tag, for messages about an unknown one */
  gboolean keyframe;       /* video only */
  gint32 composition_time; /* ms, PTS - DTS; H.264 only */
  guint audio_rate;        /* Hz: 5512, 11025, 22050 or 44100; says nothing for AAC */
  guint audio_channels;    /* 1 or 2; says nothing for AAC */
  guint audio_bits;        /* 8 or 16: of a PCM sample */
  gsize offset;            /* of the frame or header in the payload */
} KliveFlvFrame;

void klive_flv_frame_parse (KliveFlvFrame *frame, KliveFlvType type, const guint8 *data, gsize size);

/*
 * Script data: the name of the handler ("onMetaData"; a leading "@setDataFrame" is skipped) and a dictionary of its
 * first object: member name to GVariant, boolean, double or string; what is nested, too deep (4) or too much (512
 * members) is left out. NULL when @data is not AMF0 that begins with a name.
 *
 * onMetaData of ffmpeg: duration=0.0 width=1280.0 height=720.0 videodatarate=2441.40625 framerate=30.0
 * videocodecid=7.0 audiodatarate=125.0 audiosamplerate=44100.0 audiosamplesize=16.0 stereo=true audiocodecid=10.0
 * encoder='Lavf59.27.100'
 */
GHashTable *klive_flv_script_parse (const guint8 *data, gsize size, char **name);

/* A number of such a dictionary, @fallback when there is none or it is not finite. */
double klive_flv_script_get_number (GHashTable *values, const char *name, double fallback);

G_END_DECLS
