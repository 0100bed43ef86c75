/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libsoup/soup.h>
#include "klive-status.h"

G_BEGIN_DECLS

/*
 * The control API for operators, JSON on the control port, for this machine and [server] control-allow. README.md of
 * this folder lists what there is.
 *
 *   GET  /control/entries        {"entries":[{"entry":"0_rkij47dr","index":0,"state":"on-air",...}]}
 *   POST /control/split          {"entry":"0_rkij47dr"}   ->   {"entry":"0_rkij47dr","workers":1}
 *                                                         or   {"error":"entry 0_rkij47dr is not on air here"}
 *
 * So that no web page in an operator's browser can ask: POST needs Content-Type application/json, which a page cannot
 * send elsewhere without being let (and nobody is), and Host has to be an address, localhost or this machine's name,
 * which a name that was bent to us (DNS rebinding) is not. Main thread.
 */

/* Before the body of @message, whose path begins with /control, is read: answers those who may not ask, or not so much.
 * What is not answered by then is for the next one. */
void klive_control_check (const KliveStatusSources *sources, SoupServerMessage *message);
/* Answers @message, whose @path begins with /control; its body has been read. */
void klive_control_answer (const KliveStatusSources *sources, SoupServerMessage *message, const char *path);

/* Which rows of a list are wanted. */
typedef struct {
  const char *entry_id;  /* NULL = all */
  gint index;            /* -1 = both */
  const char *rendition; /* NULL = all; of segments only */
} KliveControlFilter;

/*
 * The rows of a list, made of @status (klive_status_describe()): "entries", "sessions", "renditions", "registrations",
 * "recordings" or "spool". Each row of a part of a broadcast names its entry and index. (transfer full); NULL: there
 * is no such list.
 */
JsonArray *klive_control_list (JsonNode *status, const char *name, const KliveControlFilter *filter);

G_END_DECLS
