/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "klive-ladder.h"

G_BEGIN_DECLS

/* The launch text of a studio: ingest + decoders (if anything is encoded) + audio encoders + one text for each
 * rendition, from the templates of pipelines/. Element names that the caller may rely on, as far as they are there:
 * appsrc `video_in` and `audio_in`, `cut` (kalturacut), `register_video` and `register_audio` (kalturaregister),
 * `queue_decode`, `decoder`, and for rendition ID `queue_ID` (in front of its encoder), `enc_ID`, `hls_ID`, `rec_ID`
 * (if it is recorded). Tracks that the source has are always there, whether a rendition uses them or not. */

typedef enum {
  KLIVE_INGEST_APPSRC, /* the worker: appsrc name=video_in and name=audio_in */
  KLIVE_INGEST_RTMP,   /* rtmp2src ! flvdemux */
  KLIVE_INGEST_FLV,    /* a local FLV file */
  KLIVE_INGEST_MP4,    /* a local MP4 or MOV file */
} KliveIngest;

typedef enum {
  KLIVE_SINK_KALTURA,  /* kalturahlssink; the caller writes the playlists */
  KLIVE_SINK_PLAYLIST, /* kalturahlssink with a simple playlist of its own: OUTPUT/ID.m3u8, OUTPUT/ID-NUMBER.ts */
  KLIVE_SINK_STOCK,    /* GStreamer's own elements only: hlssink2, no kalturacut; files as above */
} KliveSink;

/* What is recorded, and where to. */
typedef struct {
  const char *entry;
  GHashTable *assets;    /* rendition id -> live asset id (both char *); renditions without one are not recorded */
  gint64 begun;          /* Unix ms: in the names of the files, so that no two studios use the same */
  const char *directory; /* of the files: ENTRY.ASSET_INDEX-BEGUN-NUMBER.mp4 */
  const char *spool;     /* of their jobs */
  const char *group;     /* of the files; nullable */
  guint chunk_duration;  /* s */
} KliveRecordOptions;

typedef struct {
  KliveIngest ingest;
  const char *source;        /* URL or path; NULL with KLIVE_INGEST_APPSRC */
  const char *broadcast_url; /* RTMP: goes on air with Kaltura as this URL says; nullable */
  const char *config_file;   /* klive.conf for that; nullable */
  KliveSink sink;
  const char *output;        /* folder; with KLIVE_SINK_KALTURA each rendition has its folder ID in it */
  guint index;               /* server index, 0 or 1: begins the file names of KLIVE_SINK_KALTURA */
  gint64 serial;             /* of the session: in the file names of KLIVE_SINK_KALTURA */
  guint64 start_index;       /* number of the first segment */
  guint64 segment_duration;  /* ns */
  gint64 epoch;              /* ns since 1970 of running time 0; -1 = the clock at the first buffer */
  guint playlist_length;     /* segments in a playlist of the sink's own; 0 = 10 */
  const char *video_encoder; /* of renditions without one of their own: "x264enc", "openh264enc", "auto"; NULL = auto */
  const char *audio_encoder; /* "fdkaacenc", "avenc_aac", "voaacenc" or "auto": the first of these; NULL = auto */
  const char *speed_preset;  /* of x264; NULL = veryfast */
  guint threads;             /* of each video decoder and encoder; 0 = as klive-threads.h says */
  const char *templates;     /* folder whose files replace those of the same name; nullable */
  const KliveRecordOptions *record; /* NULL = nothing is recorded; with KLIVE_INGEST_APPSRC and KLIVE_SINK_KALTURA */
} KliveStudioOptions;

/*
 * gst_init() must have been called, as encoders are chosen among those that are installed.
 *
 * Errors: KLIVE_PLUGINS_ERROR_MISSING when an element is not installed (the message names it and its Debian package);
 * those of klive_template_render_file(); KLIVE_STUDIO_TEXT_ERROR_EMPTY when @ladder has no rendition.
 */
char *klive_studio_text_new (const KliveLadder *ladder, const KliveStudioOptions *options, GError **error);

#define KLIVE_STUDIO_TEXT_ERROR (klive_studio_text_error_quark ())
typedef enum { KLIVE_STUDIO_TEXT_ERROR_EMPTY } KliveStudioTextError;
GQuark klive_studio_text_error_quark (void);

G_END_DECLS
