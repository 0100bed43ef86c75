/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "klive-ladder.h"

G_BEGIN_DECLS

/* The launch text of a studio: ingest + decoder (if anything is encoded) + audio encodes + one text for each rendition,
 * from the templates of pipelines/. Element names that the caller may rely on, as far as they are there: appsrc
 * `video_in` and `audio_in`, `cut` (kalturacut), `register_video` and `register_audio` (kalturaregister), `queue_decode`,
 * `decoder`, and for rendition ID `queue_ID` (in front of its encoder), `enc_ID`, `hls_ID` (kalturahlssink). */

typedef enum {
  KLIVE_INGEST_APPSRC, /* the worker: appsrc name=video_in and name=audio_in */
  KLIVE_INGEST_RTMP,   /* rtmp2src ! kalturaauth ! flvdemux */
  KLIVE_INGEST_FLV,    /* a local FLV file */
  KLIVE_INGEST_MP4,    /* a local MP4 or MOV file */
} KliveIngest;

typedef enum { KLIVE_SINK_KALTURA, KLIVE_SINK_HLSSINK2 } KliveSink;

typedef struct {
  KliveIngest ingest;
  const char *source; /* URL or path; NULL with KLIVE_INGEST_APPSRC */
  KliveSink sink;
  const char *output;        /* folder in which each rendition has its folder ID */
  guint index;               /* server index, 0 or 1: begins the file names */
  gint64 serial;             /* of the session: names the files */
  guint64 start_index;       /* number of the first segment */
  guint64 segment_duration;  /* ns */
  gint64 epoch;              /* ns since 1970 of running time 0; -1 = the clock at the first buffer */
  gboolean own_playlists;    /* sinks write simple playlists by themselves (gst-launch) */
  guint playlist_length;     /* segments, for own_playlists */
  const char *video_encoder; /* "auto" or the name of an element; NULL = auto */
  const char *audio_encoder; /* the same */
  const char *speed_preset;  /* of x264; NULL = "veryfast" */
  guint threads;             /* for each encoder and decoder; 0 = as many as it likes */
  const char *templates;     /* folder whose files replace those of the same name; nullable */
} KliveStudioOptions;

/*
 * Errors: those of klive_template_render_file(); KLIVE_STUDIO_ERROR_MISSING_PLUGIN when an element is not installed (the
 * message names the element and its Debian package); KLIVE_STUDIO_ERROR_EMPTY when @ladder has no rendition.
 */
char *klive_studio_text_new (const KliveLadder *ladder, const KliveStudioOptions *options, GError **error);

/*
 * Whether every element that @ladder would need under @options is installed. gst_init() must have been called.
 * Errors: KLIVE_STUDIO_ERROR_MISSING_PLUGIN.
 */
gboolean klive_studio_text_check_plugins (const KliveLadder *ladder, const KliveStudioOptions *options, GError **error);

#define KLIVE_STUDIO_ERROR (klive_studio_error_quark ())
typedef enum { KLIVE_STUDIO_ERROR_MISSING_PLUGIN, KLIVE_STUDIO_ERROR_EMPTY } KliveStudioError;
GQuark klive_studio_error_quark (void);

G_END_DECLS
