/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gstkalturamerge.h"
#include "gstkalturarecordfile.h"

G_BEGIN_DECLS

/* Frames in order, made into one recording after the other. Everything runs on one thread and may wait for the disk. */
typedef struct _GstKalturaRecorder GstKalturaRecorder;

/* A recording that has ended. */
typedef struct {
  const char *location;
  gint64 running_time; /* ns, of its first frame */
  double duration;     /* s, of the media */
  guint64 size;        /* bytes */
  gboolean last;       /* by the end of the stream */
  gboolean plain;      /* a plain MP4; else it is left as fragments */
} GstKalturaRecording;

typedef struct {
  /* A new file is there, empty. An errno forbids it: it is removed. */
  int (*opened) (const char *location, gint64 running_time, gpointer user_data);
  /* A file has all its bytes. The lock on it goes when this returns: who must know that it is complete is told here. */
  void (*completed) (const GstKalturaRecording *recording, gpointer user_data);
  /* The lock is gone. */
  void (*closed) (const GstKalturaRecording *recording, gpointer user_data);
  /* Nothing came into a file: it goes, with its lock, when this returns. */
  void (*discarded) (const char *location, gpointer user_data);
  /* @location: nullable. Told once, until something has been written again. */
  void (*fault) (const char *location, int error, gpointer user_data);
} GstKalturaRecorderCallbacks;

/* @pattern, @group, @min_free: see gst_kaltura_record_file_open(). @chunk_duration: ns, 0 = no limit. @callbacks must
 * live as long. */
GstKalturaRecorder *gst_kaltura_recorder_new (const char *pattern, gid_t group, guint64 min_free,
    GstClockTime chunk_duration, const GstKalturaRecorderCallbacks *callbacks, gpointer user_data);
/* A file that is open is closed as it is. */
void gst_kaltura_recorder_free (GstKalturaRecorder *recorder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstKalturaRecorder, gst_kaltura_recorder_free)

/* Tracks have the numbers that the merge gives them. */
void gst_kaltura_recorder_add_track (GstKalturaRecorder *recorder, guint track, GstKalturaMergeKind kind);

typedef enum {
  GST_KALTURA_VIDEO_DECIDES, /* a recording begins with a keyframe */
  GST_KALTURA_AUDIO_DECIDES  /* there is no video, or it is silent */
} GstKalturaDecider;

/* Takes the contents of @frame. */
void gst_kaltura_recorder_take (GstKalturaRecorder *recorder, GstKalturaFrame *frame, GstKalturaDecider decider);
/* A new recording begins at the first frame at or after @running_time (ns) with which one may begin. */
void gst_kaltura_recorder_split (GstKalturaRecorder *recorder, gint64 running_time);
/* Frames have been lost: the recording ends, the next one begins where it can. */
void gst_kaltura_recorder_interrupt (GstKalturaRecorder *recorder);
/* Nothing more comes. */
void gst_kaltura_recorder_end (GstKalturaRecorder *recorder);

/* Figures of everything since the beginning. */
typedef struct {
  guint64 recordings; /* that have ended */
  guint64 bytes;      /* written */
  guint64 dropped;    /* frames that could not be written, without those in front of the first keyframe */
  guint64 faults;
  gboolean recording; /* a file is open */
} GstKalturaRecorderStats;

void gst_kaltura_recorder_get_stats (const GstKalturaRecorder *recorder, GstKalturaRecorderStats *stats);

G_END_DECLS
