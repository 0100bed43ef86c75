/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "kaltura-profile.h"

G_BEGIN_DECLS

/* What a published stream carries, as its codec headers and its onMetaData tell. Codec names are those of GStreamer's
 * caps without their type: "h264", "h263", "vp6", "screen"; "aac", "mp3", "speex", "pcm", "adpcm", "nellymoser". */
typedef struct {
  gboolean has_video;
  const char *video_codec; /* static or interned string */
  guint width, height;     /* coded pixels; 0 = not known */
  guint par_n, par_d;      /* pixel aspect ratio; 0 = square */
  guint fps_n, fps_d;      /* frames per second; 0 = not known */
  guint video_bitrate;     /* bps, 0 = not known */
  gboolean has_audio;
  const char *audio_codec; /* static or interned string */
  guint rate;              /* Hz, 0 = not known */
  guint channels;          /* 0 = not known */
  guint audio_bitrate;     /* bps, 0 = not known */
  gboolean interlaced;     /* the video, or it may be */
} KliveTracks;

typedef enum { KLIVE_TRACK_NONE, KLIVE_TRACK_COPY, KLIVE_TRACK_ENCODE } KliveTrackMode;

/* One output of the ladder. */
typedef struct {
  char *id;          /* live params id as text ("33"), a folder and a part of element names: [A-Za-z0-9_-]{1,64} */
  char *name;        /* Encode Name, free text, may be "" */
  char *stream_name; /* after substitution, without "mp4:": "0_abcd1234_33" */
  KliveTrackMode video;
  guint width, height;         /* pixels of the output; 0 = not known (the source does not tell its size) */
  guint max_width, max_height; /* encode, size not known: what the profile asks for at most; 0 = any */
  const char *fit;             /* encode: "stretch", "letterbox" or "crop": how the source gets into that size */
  guint fps_n, fps_d;          /* of the output; 0 = not known */
  guint video_bitrate;         /* bps, 0 = not known (copy) */
  const char *profile;         /* of H.264: "baseline", "main" or "high"; NULL unless encoded */
  gboolean constant_bitrate;
  const char *implementation; /* encode: that of the profile, interned; NULL = default */
  gint gpu_id;                /* -1 = any */
  const char *encoder;        /* hardware: its element, interned; NULL = software. klive_encoders_choose() sets both: */
  const char *encoder_template; /* of pipelines/encode-NAME.gst */
  guint keyframe_interval;      /* frames; 0 = a keyframe where the source has one */
  guint skip_frames;            /* encode: of the source, after each one that is encoded; fps knows it */
  KliveTrackMode audio;
  guint audio_bitrate; /* bps, 0 = not known (copy) */
  guint bandwidth;     /* bps of the whole MPEG-TS at its expected peak; 0 = not known */
} KliveRendition;

/* A master playlist of its own. */
typedef struct {
  char *tag;      /* "all", "mbr": a part of a file name: [A-Za-z0-9][A-Za-z0-9 ._+-]{0,63} */
  GPtrArray *ids; /* of char *, rendition ids in the order of the profile */
} KliveGroup;

KliveGroup *klive_group_new (const char *tag);
KliveGroup *klive_group_copy (const KliveGroup *group);
void klive_group_free (KliveGroup *group);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveGroup, klive_group_free)

typedef struct {
  KliveTracks tracks;    /* what it was made for */
  GPtrArray *renditions; /* of KliveRendition, enabled ones in the order of the profile; may be empty */
  GPtrArray *groups;     /* of KliveGroup; "all" is always there */
  gboolean deinterlace;  /* what is encoded, if it is interlaced */
  const char *decode_implementation, *scale_implementation; /* of the profile, interned; NULL = default */
  char *source_id;     /* the rendition that a stream suffix is an alias of; NULL when there is none */
  GPtrArray *warnings; /* of char *, one sentence each: what the profile asked for and does not get */
} KliveLadder;

/*
 * What @profile becomes for a stream with @tracks. Pure: same input, same ladder.
 *
 * @stream_name: name of the published stream, ENTRY_SUFFIX; the value of ${SourceStreamName}
 *
 * Never fails: what cannot be had is replaced or left out, with a warning. Returns: (transfer full).
 */
KliveLadder *klive_ladder_new (const KalturaProfile *profile, const KliveTracks *tracks, const char *stream_name);
void klive_ladder_free (KliveLadder *ladder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveLadder, klive_ladder_free)

/* The rendition with @id; NULL when there is none. (transfer none) */
const KliveRendition *klive_ladder_find (const KliveLadder *ladder, const char *id);

/* Whether any rendition encodes its video. */
gboolean klive_ladder_encodes_video (const KliveLadder *ladder);

G_END_DECLS
