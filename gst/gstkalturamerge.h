/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

/* A frame of a track, or caps at their place between frames. Times: ns of running time, may be negative. */
typedef struct {
  guint track;
  GstBuffer *buffer; /* NULL for caps */
  GstCaps *caps;
  gint64 pts, dts, end; /* end: of presentation */
  gboolean sync;        /* no delta unit */
  gboolean marked;      /* a force-key-unit event came right before it */
} GstKalturaFrame;

void gst_kaltura_frame_clear (GstKalturaFrame *frame);

typedef enum { GST_KALTURA_MERGE_VIDEO, GST_KALTURA_MERGE_AUDIO } GstKalturaMergeKind;

/*
 * Puts the frames of several tracks into one order: audio that ends at or before a video keyframe in front of it, all
 * else behind it. Not thread-safe: its owner has a lock.
 */
typedef struct _GstKalturaMerge GstKalturaMerge;

/* @max_wait: ns, how long a silent track is waited for. */
GstKalturaMerge *gst_kaltura_merge_new (GstClockTime max_wait);
void gst_kaltura_merge_free (GstKalturaMerge *merge);

/* Returns the number of the new track. */
guint gst_kaltura_merge_add_track (GstKalturaMerge *merge, GstKalturaMergeKind kind);
/* No more frames of @track will come. */
void gst_kaltura_merge_end_track (GstKalturaMerge *merge, guint track);
/* Forgets the frames of @track, which is not at its end any more. */
void gst_kaltura_merge_flush_track (GstKalturaMerge *merge, guint track);
/* Forgets all frames. Returns how many there were. */
guint gst_kaltura_merge_clear (GstKalturaMerge *merge);

/* Takes the contents of @frame. @now: us, monotonic. */
void gst_kaltura_merge_push (GstKalturaMerge *merge, GstKalturaFrame *frame, gint64 now);
/* The next frame in order (the caller clears it), or FALSE when it is not known yet. */
gboolean gst_kaltura_merge_pop (GstKalturaMerge *merge, GstKalturaFrame *frame, gint64 now);

/* Whether a video track is there to decide for all: it has not ended and is not silent. */
gboolean gst_kaltura_merge_has_video (const GstKalturaMerge *merge);
/* Whether all tracks are at their end and no frame is left. */
gboolean gst_kaltura_merge_is_over (const GstKalturaMerge *merge);
/* Bytes of all frames that are held. */
gsize gst_kaltura_merge_get_held (const GstKalturaMerge *merge);
/* ns between the first and the last frame held of @track. */
GstClockTime gst_kaltura_merge_get_held_time (const GstKalturaMerge *merge, guint track);

G_END_DECLS
