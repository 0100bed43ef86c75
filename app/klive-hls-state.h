/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "klive-hls-writer.h"
#include "klive-ladder.h"
#include "klive-playlist.h"

G_BEGIN_DECLS

/* What a KliveHlsWriter knows, and its form on disk, state.json:
 *
 *   {"version": 1, "epoch": 1763812345678000000, "ended": false, "targetDuration": 6, "longestGop": 2000000000,
 *    "gopsDivide": true, "discontinuity": 1, "discontinuitySlot": 293968727,
 *    "renditions": [{"id": "33", "name": "SD_360", "stream": "0_abcd1234_1", "fingerprint": "5f…", "width": 640,
 *      "height": 360, "fpsN": 30, "fpsD": 1, "codecs": "avc1.42c01e,mp4a.40.2", "estimate": 560000,
 *      "bandwidth": 612000,
 *      "bytes": 8123456, "duration": 120000000000}],
 *    "streams": [{"name": "0_abcd1234_1", "ready": true, "firstListed": 1763812351678000000, "sourceId": "32",
 *      "ids": ["32", "33"], "groups": [{"tag": "all", "ids": ["32", "33"]}]}],
 *    "syncPoints": [{"id": "0_abcd1234-1763812405678", "offset": 60000, "timestamp": 1763812405678}]}
 *
 * The lists themselves are not in it: the playlist files tell them. */

typedef struct {
  char *id;
  char *name;
  char *stream;                      /* whose run may append; nullable */
  char *fingerprint;                 /* of the codec headers of the newest segment; nullable */
  guint width, height, fps_n, fps_d; /* 0 = none or not known */
  char *codecs;                      /* nullable */
  guint64 estimate;                  /* bps, what the ladder expects; 0 = not known */
  guint64 bandwidth;                 /* bps, what masters have shown; never falls */
  guint64 bytes, duration;           /* of all segments so far; ns */
  /* not saved */
  KlivePlaylist *list;
  guint64 last_number;            /* highest number in a file name so far */
  guint64 average;                /* bps, as last shown */
  gboolean changed;               /* the list files are older than `list` */
  guint64 parts_first, parts_end; /* of the DVR list: those that this writer has written; 0, 0 = none yet */
} KliveHlsRendition;

typedef struct {
  char *name;          /* "0_abcd1234_1" */
  gboolean ready;      /* in the masters */
  gint64 first_listed; /* ns since 1970, when its first segment was listed; 0 = none yet */
  char *source_id;     /* nullable */
  GPtrArray *ids;      /* of char *: renditions that masters wait for */
  GPtrArray *groups;   /* of KliveGroup */
  /* not saved */
  KliveHlsRun *run; /* the newest; nullable */
} KliveHlsStream;

typedef struct {
  gint64 epoch; /* ns since 1970; -1 = not set */
  gboolean ended;
  guint target_duration;     /* s; 0 = no list written yet */
  guint64 longest_gop;       /* ns */
  gboolean gops_divide;      /* every GOP so far divides the segment duration */
  guint discontinuity;       /* number of the newest one of the entry */
  gint64 discontinuity_slot; /* slot from which on it counts */
  GPtrArray *renditions;     /* of KliveHlsRendition */
  GPtrArray *streams;        /* of KliveHlsStream, in the order of their names' suffixes */
  GPtrArray *sync_points;    /* of KliveSyncPoint, oldest first */
} KliveHlsState;

KliveHlsState *klive_hls_state_new (void);
void klive_hls_state_free (KliveHlsState *state);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveHlsState, klive_hls_state_free)

/* (transfer none) (nullable) */
KliveHlsRendition *klive_hls_state_find_rendition (const KliveHlsState *state, const char *id);
KliveHlsStream *klive_hls_state_find_stream (const KliveHlsState *state, const char *name);
/* Find or add. */
KliveHlsRendition *klive_hls_state_ensure_rendition (KliveHlsState *state, const char *id);
KliveHlsStream *klive_hls_state_ensure_stream (KliveHlsState *state, const char *name);

/* Rendition @from goes on as @to, in the streams' lists, too. If there is a @to already, @from is forgotten. */
void klive_hls_state_rename_rendition (KliveHlsState *state, const char *from, const char *to);

char *klive_hls_state_to_json (const KliveHlsState *state);
/* Error KLIVE_HLS_ERROR_SYNTAX: no such JSON, or of another version. Fields that are absent keep their defaults. */
KliveHlsState *klive_hls_state_new_from_json (const char *json, GError **error);

G_END_DECLS
