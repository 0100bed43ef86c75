/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * The transcoder template that wowza_liveConversionProfile.serve answers with (API.md "Conversion profile"). Strings
 * hold what the XML says, before any substitution; NULL or the have_ flag FALSE = the element is absent.
 */
typedef struct {
  char *codec;          /* "PassThru", "H.264", "H.263", "Disable" */
  char *implementation; /* "default", "NVENC", "QuickSync" ...; from Implementation, else Transcoder */
  char *fit_mode;       /* "match-source", "fit-width", "fit-height", "letterbox", "crop", "stretch" */
  guint width, height;  /* pixels, 0 = absent */
  char *profile;        /* "baseline", "main", "high" */
  char *bitrate;        /* bps as text, may be "${SourceVideoBitrate}" */
  gboolean have_follow_source;
  gboolean follow_source;
  guint interval;   /* frames, 0 = absent */
  gint skip_frames; /* 0 or -1 = none; both spellings of SkipFrameCount */
  gboolean have_skip_frames;
  gint gpu_id;
  GPtrArray *parameters; /* of KalturaProfileParameter */
} KalturaProfileVideo;

typedef struct {
  char *codec;   /* "PassThru", "AAC", "Disable" */
  char *bitrate; /* bps as text, may be "${SourceAudioBitrate}" */
} KalturaProfileAudio;

typedef struct {
  char *name, *value, *type;
} KalturaProfileParameter;

typedef struct {
  char *name;
  char *stream_name; /* raw: "0_abcd1234_33", "mp4:${SourceStreamName}_33" */
  gboolean enabled;
  KalturaProfileVideo video;
  KalturaProfileAudio audio;
} KalturaProfileEncode;

typedef struct {
  char *name;         /* "all" */
  char *stream_name;  /* raw: "${SourceStreamName}_all" */
  GPtrArray *members; /* of char *, Encode names */
} KalturaProfileGroup;

typedef struct {
  GPtrArray *encodes;    /* of KalturaProfileEncode, all of them, in the order of the file */
  GPtrArray *groups;     /* of KalturaProfileGroup */
  GPtrArray *properties; /* of KalturaProfileParameter */
  gboolean deinterlace;
  char *decode_implementation; /* nullable */
  char *scale_implementation;  /* nullable */
  GPtrArray *warnings;         /* of char *: unknown elements and values, one sentence each */
} KalturaProfile;

/*
 * Parses at most 1 MiB of XML, no network, no entity expansion (a document type declaration is refused).
 * Error KALTURA_ERROR_PROFILE: empty, too large, broken XML (with line), DTD, no Root/Transcode/Encodes/Encode.
 */
KalturaProfile *kaltura_profile_parse (const char *xml, gsize length, GError **error);
void kaltura_profile_free (KalturaProfile *profile);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KalturaProfile, kaltura_profile_free)

/* The profile of a stream that has none: one PassThru encode "source" with StreamName @stream_name, group "all". */
KalturaProfile *kaltura_profile_new_passthrough (const char *stream_name);

/* What `klive-launcher render --json` prints. */
char *kaltura_profile_to_json (const KalturaProfile *profile);

G_END_DECLS
