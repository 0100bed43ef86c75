/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

/*
 * Live never falls behind. Raw frames are large, so the queues in front of the encoders are short, and a slow encoder
 * first makes the decoder wait: what is late gathers, still compressed, in front of the decoder. So a burst (the
 * frames that were held while the profile was fetched, a network that had stalled, a busy machine) costs nothing. Only
 * when more than 2 s have been waiting for 15 s are frames left out, in front of the encoders whose queue is full:
 * whole frames only, never an event and never the frame behind a force-key-unit event, which begins a segment or a
 * GOP. An encoder that stays behind for 10 s gets every second frame only, until it has been in time for a while. A
 * decoder that cannot keep up loses GOPs.
 */
typedef struct _KliveShed KliveShed;

/* Takes over the limits of @queue, a GstQueue in front of the decoder. */
KliveShed *klive_shed_new_decoder (GstElement *queue);
/* The same for a queue in front of an encoder. @decoder: (nullable) whose backlog counts; NULL = there is no decoder,
 * the frames are never left out. */
KliveShed *klive_shed_new_encoder (GstElement *queue, KliveShed *decoder);
void klive_shed_free (KliveShed *shed);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveShed, klive_shed_free)

/* Any thread. */
guint64 klive_shed_get_count (KliveShed *shed); /* frames that were left out */
gboolean klive_shed_is_half_rate (KliveShed *shed);
guint64 klive_shed_get_backlog (KliveShed *shed); /* ns of media that wait in the queue */

G_END_DECLS
