/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * An encoder's RTMP timestamps onto the timeline of the entry, which is Unix time in ns. One offset for audio and video
 * alike, taken at the first tag; it follows the server clock slowly, so that dates do not drift. What is wrong with the
 * timestamps is repaired and counted, and the publisher never notices. Pure: time is an argument. One thread.
 */
typedef struct _KliveTimeline KliveTimeline;

/* The timelines of one (entry, index) that run at the same time and may share an offset. */
typedef struct _KliveTimelineGroup KliveTimelineGroup;

typedef enum { KLIVE_TIMELINE_VIDEO, KLIVE_TIMELINE_AUDIO } KliveTimelineTrack;

KliveTimelineGroup *klive_timeline_group_new (void);
/* After the last timeline of the group. */
void klive_timeline_group_free (KliveTimelineGroup *group);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveTimelineGroup, klive_timeline_group_free)

/* @floor: ns since 1970; nothing is put before it: the end of what this stream has shown already. 0 = none. */
KliveTimeline *klive_timeline_new (KliveTimelineGroup *group, gint64 floor);
void klive_timeline_free (KliveTimeline *timeline);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveTimeline, klive_timeline_free)

/* Every audio tag holds one frame of @samples at @rate Hz: audio is put on that grid. 0 = it is not. */
void klive_timeline_set_audio_frame (KliveTimeline *timeline, guint samples, guint rate);

/*
 * Where a frame lies. The first call decides the offset: @now, or that of another timeline of the group when the two
 * differ by at most 1 s. Codec headers and script tags must stay out: encoders give them any timestamp.
 *
 * @timestamp: ms as in the tag, wraps after 2^32 (or after 2^24 or 2^31 with some senders)
 * @composition_time: ms, PTS - DTS; 0 for audio
 * @now: when it arrived, ns since 1970
 * @dts, @pts: (out): ns since 1970; the DTS of a track always rise, and no PTS is less than its DTS
 */
void klive_timeline_stamp (KliveTimeline *timeline, KliveTimelineTrack track, guint32 timestamp,
    gint32 composition_time, gint64 now, gint64 *dts, gint64 *pts);

/* The latest DTS given, 0 before the first. */
gint64 klive_timeline_get_latest (const KliveTimeline *timeline);
/* How many timestamps had to be repaired. */
guint64 klive_timeline_get_repairs (const KliveTimeline *timeline);
/* By how many ns audio arrives later than video of the same time: what an encoder or a network does to lip sync. */
gint64 klive_timeline_get_skew (const KliveTimeline *timeline);

G_END_DECLS
