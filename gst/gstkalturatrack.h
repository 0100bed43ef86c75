/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/base/gstqueuearray.h>
#include <gst/gst.h>

G_BEGIN_DECLS

/* A time (ns of running time) that is not known yet. */
#define GST_KALTURA_NOT_YET G_MININT64

/* What waits in the queue of a track: a frame, or caps, which have a place there but no time. */
typedef struct {
  GstBuffer *buffer;    /* NULL for caps */
  GstCaps *caps;        /* NULL for a frame */
  gint64 pts, dts, end; /* ns of running time; end of presentation */
  gint64 arrival;       /* us, monotonic */
  gboolean cut;         /* a cut event came in front of it */
  guint count;          /* of that event */
} GstKalturaItem;

typedef enum { GST_KALTURA_TRACK_VIDEO, GST_KALTURA_TRACK_AUDIO, GST_KALTURA_N_TRACKS } GstKalturaTrackKind;

/* One track on its way into segments, and what is known of it. The segmenter's lock guards all of it. */
typedef struct {
  GstKalturaTrackKind kind;
  GstPad *pad;          /* NULL = no such track */
  GstQueueArray *queue; /* of GstKalturaItem */
  gsize held;           /* bytes in queue */
  GstSegment segment;
  gboolean have_caps;
  gboolean eos;
  gboolean ended;       /* EOS, and the writer knows */
  gboolean cut_pending; /* a cut event waits for its frame */
  guint cut_count;
  gint64 position;             /* ns: no later frame of this track sorts before it */
  gint64 last_end;             /* ns, of the frame last received */
  gint64 first;                /* ns, DTS of the frame first received */
  GstClockTime frame_duration; /* ns, by the caps; 0 = not known */
  gboolean silent;             /* given up until its next frame */
  gint64 heard_position;       /* ns: the other track's position when this one last had a frame */
  gint64 heard_time;           /* us, monotonic, of then */
} GstKalturaTrack;

void gst_kaltura_track_init (GstKalturaTrack *track, GstKalturaTrackKind kind);
void gst_kaltura_track_clear (GstKalturaTrack *track);
/* Forgets all but the pad. */
void gst_kaltura_track_reset (GstKalturaTrack *track);
/* Forgets what has come; what is known of the format stays. */
void gst_kaltura_track_flush (GstKalturaTrack *track);

/* The next item, NULL = none. It belongs to the track. */
const GstKalturaItem *gst_kaltura_track_peek (const GstKalturaTrack *track);
/* Takes it: clear it with gst_kaltura_item_clear(). There must be one. */
GstKalturaItem gst_kaltura_track_pop (GstKalturaTrack *track);
void gst_kaltura_item_clear (GstKalturaItem *item);
gboolean gst_kaltura_item_is_key (const GstKalturaItem *item);

/* Takes @buffer; @other is the other track of the sink. */
void gst_kaltura_track_push_buffer (GstKalturaTrack *track, GstKalturaTrack *other, GstBuffer *buffer);
void gst_kaltura_track_push_caps (GstKalturaTrack *track, GstCaps *caps, GstClockTime frame_duration);
void gst_kaltura_track_take_cut (GstKalturaTrack *track, GstEvent *event);
void gst_kaltura_track_take_gap (GstKalturaTrack *track, GstEvent *event);

/* Whether the track has gone back in time behind its next frame: nothing else belongs in front of that one. */
gboolean gst_kaltura_track_has_gone_back (const GstKalturaTrack *track);

/*
 * Whether @track, which has nothing queued, need not be waited for by @other, which has. @max_wait: ns of media and of
 * the clock on the wall.
 */
gboolean gst_kaltura_track_is_given_up (GstKalturaTrack *track, const GstKalturaTrack *other, GstClockTime max_wait);

G_END_DECLS
