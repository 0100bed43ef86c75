/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

/*
 * Live never falls behind: frames are left out in front of a queue that fills up, before it blocks. Whole frames only,
 * never an event and never the frame behind a force-key-unit event, which begins a segment or a GOP. In front of an
 * encoder any other frame may go; in front of a decoder all go up to the next keyframe. An encoder that stays behind for
 * 10 s gets every second frame only, until it has been in time for a while.
 */
typedef struct _KliveShed KliveShed;

typedef enum { KLIVE_SHED_ENCODER, KLIVE_SHED_DECODER } KliveShedKind;

/* @queue: a GstQueue; frames are left out once it is filled by half of any of its limits. */
KliveShed *klive_shed_new (GstElement *queue, KliveShedKind kind);
void klive_shed_free (KliveShed *shed);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveShed, klive_shed_free)

/* Any thread. */
guint64 klive_shed_get_count (KliveShed *shed); /* frames that were left out because the queue was full */
gboolean klive_shed_is_half_rate (KliveShed *shed);

G_END_DECLS
