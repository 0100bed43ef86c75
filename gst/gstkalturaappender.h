/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <kaltura-job.h>

#include "gstkalturasession.h"

G_BEGIN_DECLS

/*
 * Tells Kaltura of recordings, one appendRecording for each, in order, on the thread "kaltura", by the client that all
 * elements of the entry share. For pipelines without a spool: what fails is told by a warning and not tried again.
 */
typedef struct _GstKalturaAppender GstKalturaAppender;

/* @element posts `kaltura-recording-appended` {location (string), duration (double, s)}, or a warning. */
GstKalturaAppender *gst_kaltura_appender_new (const GstKalturaSession *session, GstElement *element);
/* Takes @job; never waits. */
void gst_kaltura_appender_add (GstKalturaAppender *appender, KalturaJob *job);
/* Waits for the answers, at most the session's timeout, and frees it. What has none then is told by a warning for each.
 * Not on the thread itself. */
void gst_kaltura_appender_end (GstKalturaAppender *appender);

G_END_DECLS
