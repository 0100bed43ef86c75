/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gstkalturarecorder.h"

G_BEGIN_DECLS

/* A recorder on a thread of its own, with a queue in front of it that keeps nobody waiting who has no time. */
typedef struct _GstKalturaRecordThread GstKalturaRecordThread;

typedef struct {
  const char *pattern;
  gid_t group;
  GstClockTime chunk_duration; /* ns, 0 = no limit */
  GstClockTime max_wait;       /* ns, for a silent track */
  guint64 min_free;            /* bytes of the disk that are left to others */
} GstKalturaRecordSettings;

/* As those of the recorder, on the thread, and: */
typedef struct {
  GstKalturaRecorderCallbacks recorder;
  /* All tracks are over and everything is written. On the thread. */
  void (*over) (gpointer user_data);
  /* Frames are being dropped, because the disk is too slow or hangs. On a streaming thread, once until it goes on. */
  void (*stuck) (gpointer user_data);
} GstKalturaRecordCallbacks;

/* @callbacks must live for ever, @owner until gst_kaltura_record_thread_stop(). */
GstKalturaRecordThread *gst_kaltura_record_thread_new (const GstKalturaRecordSettings *settings,
    const GstKalturaRecordCallbacks *callbacks, GstObject *owner);
/* Nobody waits in gst_kaltura_record_thread_push() any more. */
void gst_kaltura_record_thread_unblock (GstKalturaRecordThread *thread);
/*
 * Writes what is there, closes the file, ends the thread and frees it. Waits at most 5 s: a thread that hangs in the
 * disk is left behind and ends by itself.
 */
void gst_kaltura_record_thread_stop (GstKalturaRecordThread *thread);

guint gst_kaltura_record_thread_add_track (GstKalturaRecordThread *thread, GstKalturaMergeKind kind);
void gst_kaltura_record_thread_end_track (GstKalturaRecordThread *thread, guint track);
void gst_kaltura_record_thread_flush_track (GstKalturaRecordThread *thread, guint track);

/*
 * Takes the contents of @frame. Waits only for as long as the frames come faster than real time, and not when the disk
 * hangs: a live stream is never held up. FALSE after gst_kaltura_record_thread_unblock().
 */
gboolean gst_kaltura_record_thread_push (GstKalturaRecordThread *thread, GstKalturaFrame *frame);

/* As gst_kaltura_recorder_split(), soon. */
void gst_kaltura_record_thread_split (GstKalturaRecordThread *thread, gint64 running_time);
/* The same at the first such frame behind all that have been pushed. */
void gst_kaltura_record_thread_split_now (GstKalturaRecordThread *thread);

typedef struct {
  GstKalturaRecorderStats recorder;
  guint64 dropped; /* frames that did not fit into the queue */
  gsize held;      /* bytes in the queue */
  gboolean stuck;
} GstKalturaRecordStats;

void gst_kaltura_record_thread_get_stats (GstKalturaRecordThread *thread, GstKalturaRecordStats *stats);

G_END_DECLS
