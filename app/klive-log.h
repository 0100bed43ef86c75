/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * The log of klive-launcher and its workers: one line for one event on stderr, in logfmt, made for journald and grep:
 *
 *   time=2025-11-22T12:30:01.123Z level=info event=publish-refused entry=0_rkij47dr stream=0_rkij47dr_1
 *       code=LIVE_STREAM_INVALID_TOKEN message="Invalid token supplied for live entry [0_rkij47dr]"
 *
 * (one line in truth). When stderr is the journal, "<priority>" takes the place of the time.
 */
typedef enum { KLIVE_LOG_ERROR, KLIVE_LOG_WARNING, KLIVE_LOG_INFO, KLIVE_LOG_DEBUG } KliveLogLevel;

/*
 * Writes one event; any thread. @event: a name in kebab-case. @entry, @stream: nullable, "-" is written then. Behind
 * them a NULL-terminated list of name, value pairs of strings; a pair whose value is NULL is left out. Values are
 * quoted as needed, cut at 1024 bytes, and what looks like a token or session string in an URL becomes "***".
 * Callers never pass a secret all the same. KLIVE_LOG_DEBUG lines appear with KLIVE_DEBUG=1 in the environment only.
 */
void klive_log (KliveLogLevel level, const char *event, const char *entry, const char *stream,
    ...) G_GNUC_NULL_TERMINATED;

/* The line that klive_log() writes, without time, priority and newline. */
char *klive_log_format (KliveLogLevel level, const char *event, const char *entry, const char *stream,
    ...) G_GNUC_NULL_TERMINATED;

/*
 * @text with the value of each query parameter t, token, ks and secret replaced by "***", percent-coded or not
 * ("?p=102&t=***", "%26t=***").
 */
char *klive_log_scrub (const char *text);

/* Sends the messages of GLib and libraries (g_warning() ...) the same way, as event=log, and ignores SIGPIPE: a
 * reader of stderr that goes does not take us along. Call once, early in main(). */
void klive_log_init (void);

G_END_DECLS
