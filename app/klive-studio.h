/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>

#include "klive-hls-writer.h"
#include "klive-source.h"

G_BEGIN_DECLS

/*
 * One pipeline from frames to segments, made of the text of klive_studio_text_new() for the tracks that there are. It
 * lives as long as nothing changes; then a fresh one takes its place. Main thread; its callbacks come from the main
 * loop.
 */
typedef struct _KliveStudio KliveStudio;

typedef struct {
  /* A segment of rendition @id is complete. */
  void (*segment) (KliveStudio *studio, const char *id, const KliveHlsSegment *segment, gpointer user_data);
  /* A segment could not be written; @error is the errno. A warning tells it, too. */
  void (*lost_segment) (KliveStudio *studio, int error, gpointer user_data);
  /* Something is wrong that the studio survives: a segment that could not be written, overload. One sentence. */
  void (*warning) (KliveStudio *studio, const char *message, gpointer user_data);
  /* It does not work any more; free it. Nothing is called behind this. */
  void (*failed) (KliveStudio *studio, const char *message, gpointer user_data);
  /* After klive_studio_end(): every segment has been reported, or the deadline has passed. Free it. */
  void (*ended) (KliveStudio *studio, gpointer user_data);
} KliveStudioCallbacks;

typedef struct {
  const char *text;           /* launch text */
  const char *entry, *stream; /* whose frames these are, for the log */
  KliveFormat *video, *audio; /* of the tracks; nullable */
  GstContext *context;        /* "kaltura.session" */
  guint registration_delay;   /* s, of media before the entry is registered */
} KliveStudioSetup;

/* Error: of gst_parse_launch(), or an element that the text must have is not there. */
KliveStudio *klive_studio_new (const KliveStudioSetup *options, const KliveStudioCallbacks *callbacks,
    gpointer user_data, GError **error);
/* May be called from a callback. What is under way is lost. NULL is fine. */
void klive_studio_free (KliveStudio *studio);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveStudio, klive_studio_free)

/* Whether @frame is of a format that this studio was made for. */
gboolean klive_studio_takes (const KliveStudio *studio, const KliveFrame *frame);
/* Hands over @frame (transfer full). Never blocks: one that does not keep up loses frames, a whole GOP at a time. */
void klive_studio_feed (KliveStudio *studio, KliveFrame *frame);

/* No more frames: everything is written out; `ended` comes within 5 s. */
void klive_studio_end (KliveStudio *studio);

/* Once a second: notices a studio that stands still. */
void klive_studio_tick (KliveStudio *studio);

/* A renewed session string. */
void klive_studio_set_context (KliveStudio *studio, GstContext *context);

/* For the status. */
typedef struct {
  guint64 segments;    /* number of them */
  guint64 lost;        /* segments that could not be written */
  gint64 last_segment; /* monotonic us; 0 = none yet */
  guint64 shed;        /* frames left out */
  gboolean half_rate;
} KliveStudioRendition;

/* All recordings begin a new file at the first keyframe at or after @running_time, which no frame has reached yet. */
void klive_studio_split_recordings (KliveStudio *studio, GstClockTime running_time);
/* Timed metadata, an ID3 tag, into all renditions; @running_time: ns. */
void klive_studio_add_metadata (KliveStudio *studio, GstClockTime running_time, GBytes *tag);
/* As klive_recordings_describe(). */
void klive_studio_describe_recordings (KliveStudio *studio, JsonArray *array);

/* FALSE: no such rendition. */
gboolean klive_studio_get_rendition (const KliveStudio *studio, const char *id, KliveStudioRendition *rendition);

G_END_DECLS
