/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "klive-status.h"

G_BEGIN_DECLS

/*
 * The control port ([server] control-listen): nginx's hooks, the status pages, and the playlists that nginx asks for.
 *
 *   POST /hook/publish /hook/publish_done /hook/disconnect     from this machine only
 *   GET  /APPLICATION/smil:ENTRY_33_35.smil/playlist.m3u8      from this machine only
 *   GET, POST /control/...                                     see klive-control.h
 *   GET  /status /metrics /healthz                             from this machine and [server] status-allow
 *
 * Main thread.
 */
typedef struct _KliveHttp KliveHttp;

/* @sources: not owned. Error: the port cannot be had; the message names it and its key. */
KliveHttp *klive_http_new (const KliveStatusSources *sources, GError **error);
void klive_http_free (KliveHttp *http);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveHttp, klive_http_free)

G_END_DECLS
