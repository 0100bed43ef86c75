/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "klive-format.h"
#include "klive-ladder.h"
#include "klive-timeline.h"

G_BEGIN_DECLS

/*
 * What an encoder sends, tag by tag: codec headers and metadata are read and kept, frames come out with their format
 * and their place on the timeline. One for each session, main thread.
 */
typedef struct _KliveSource KliveSource;

typedef struct {
  KliveTimelineTrack track;
  KliveFormat *format; /* (owned) */
  GstBuffer *buffer;   /* (owned) with PTS and DTS in running time, and DELTA_UNIT */
} KliveFrame;

void klive_frame_free (KliveFrame *frame);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveFrame, klive_frame_free)
gboolean klive_frame_is_keyframe (const KliveFrame *frame);

/* @message: one sentence for the log about something that is left out; each kind is said once. */
typedef void (*KliveSourceWarningFunc) (const char *message, gpointer user_data);

/*
 * @group: for the timeline
 * @epoch: ns since 1970 of running time 0
 * @floor: ns since 1970: where the stream's last session has ended; 0 = none
 */
KliveSource *klive_source_new (KliveTimelineGroup *group, gint64 epoch, gint64 floor, KliveSourceWarningFunc warning,
    gpointer user_data);
void klive_source_free (KliveSource *source);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveSource, klive_source_free)

/*
 * Reads @tag; takes its payload. @arrival: ns since 1970.
 * Returns: (transfer full): its frame; NULL when it holds none (headers, metadata) or none that can be used: unknown
 * codecs, frames in front of their codec header, frames in front of the first keyframe after klive_source_resync().
 */
KliveFrame *klive_source_take (KliveSource *source, KliveFlvTag *tag, gint64 arrival);

/* Tags may be missing here: video begins again at a keyframe. */
void klive_source_resync (KliveSource *source);

/* The newest format of a track; NULL: not seen (yet). (transfer none) */
KliveFormat *klive_source_get_format (KliveSource *source, KliveTimelineTrack track);
KliveTimeline *klive_source_get_timeline (KliveSource *source);
/* bps over the last seconds of both tracks, by arrival at @now (ns since 1970). */
guint klive_source_get_bitrate (const KliveSource *source, gint64 now);

/* What the ladder is made for: tracks with these formats (nullable), and what onMetaData says of their bit rates. */
void klive_source_get_tracks (const KliveSource *source, const KliveFormat *video, const KliveFormat *audio,
    KliveTracks *tracks);

G_END_DECLS
