/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "klive-ladder.h"
#include "klive-sync-point.h"

G_BEGIN_DECLS

/* The HLS folder of one (entry, index): media playlists, masters, aliases and state.json, and when which file goes.
 * One thread. Time is an argument everywhere: @now is ns since 1970, UTC. Nothing here fails the broadcast: a file
 * that cannot be written is warned about once and tried again at the next segment or tick. On a disk that fills up the
 * DVR window gets shorter, down to what the plain lists show.
 *
 *   DIR/all.m3u8, DIR/TAG.m3u8 (and …_dvr.m3u8)     masters, one for each group of the profiles
 *   DIR/ID/playlist.m3u8, chunklist.m3u8 (and _dvr)  master and media list of one rendition
 *   DIR/ID/dvr-NUMBER.part                           256 segments of a long DVR list, klive-playlist.h
 *   DIR/ID/INDEX-SERIAL-NUMBER.ts                    segments, written by kalturahlssink
 *   DIR/SUFFIX -> ID                                 alias of the source's rendition
 *   DIR/state.json                                   what a worker that starts again must know
 *
 * The order of use:
 *   writer = klive_hls_writer_new (…)
 *   for each studio: run = start_run (…), render with the run's number as start-index,
 *     add_segment() for each kaltura-segment message, end_run() after its EOS
 *   tick() every second, add_gop() for each source GOP
 *   end() when the broadcast is over, free() always
 */
typedef struct _KliveHlsWriter KliveHlsWriter;

/* One studio's output: all renditions of one ingest stream between two starts of its pipeline. Owned by the writer. */
typedef struct _KliveHlsRun KliveHlsRun;

typedef struct {
  const char *directory; /* STATE/hls/ENTRY/INDEX; made if absent */
  const char *entry;
  guint index;
  guint64 segment_duration; /* ns */
  guint playlist_length;    /* segments in the plain lists, >= 3 */
  guint64 dvr_window;       /* ns, 0 = no DVR lists */
} KliveHlsOptions;

/* @message: one sentence for the log, no newline */
typedef void (*KliveHlsWarningFunc) (const char *message, gpointer user_data);

/*
 * Opens the folder and goes on with what an earlier writer left there: lists, numbers, epoch. When that one had ended
 * its broadcast, a new one begins with empty lists and higher numbers. Files that no list names are removed later.
 *
 * @warning: (nullable)
 * Errors: G_FILE_ERROR when the folder cannot be made or read.
 */
KliveHlsWriter *klive_hls_writer_new (const KliveHlsOptions *options, KliveHlsWarningFunc warning, gpointer user_data,
    gint64 now, GError **error);
void klive_hls_writer_free (KliveHlsWriter *writer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveHlsWriter, klive_hls_writer_free)

/* Start of the entry on this machine, ns since 1970: running time 0 of every studio. -1 until it was set in this
 * broadcast; a writer that goes on after a crash knows it already, and set_epoch() leaves it as it is. */
gint64 klive_hls_writer_get_epoch (const KliveHlsWriter *writer);
void klive_hls_writer_set_epoch (KliveHlsWriter *writer, gint64 epoch);

typedef enum {
  KLIVE_HLS_RUN_DEFAULT = 0,
  KLIVE_HLS_RUN_DISCONTINUITY = 1 << 0 /* the timeline breaks here, whatever the codec headers say */
} KliveHlsRunFlags;

/*
 * Begins a run. The first segment of each of its renditions carries EXT-X-DISCONTINUITY when the last run of this
 * stream had another @fingerprint; the lists of the other streams get it at the first segment in the same slot or
 * later.
 *
 * @stream: "0_abcd1234_1"
 * @serial: of the session, names the files
 * @ladder: copied
 * @fingerprint: equal text = segments decode with the same codec headers: a hash of the headers and the studio text
 * @date: of its first frame, ns since 1970
 *
 * Returns: (transfer none): valid until klive_hls_writer_free().
 */
KliveHlsRun *klive_hls_writer_start_run (KliveHlsWriter *writer, const char *stream, gint64 serial,
    const KliveLadder *ladder, const char *fingerprint, KliveHlsRunFlags flags, gint64 date, gint64 now);

/* Number of the run's first segment, the start-index of all its sinks: max (last number + 1, slot). */
guint64 klive_hls_run_get_start_index (const KliveHlsRun *run);
/* (transfer full): printf pattern of the files of rendition @id, DIR/ID/INDEX-SERIAL-%05u.ts. The folder exists. */
char *klive_hls_run_get_location (const KliveHlsRun *run, const char *id);

/* The run's studio has ended: no segment comes any more. */
void klive_hls_writer_end_run (KliveHlsWriter *writer, KliveHlsRun *run);

typedef struct {
  const char *location; /* path of the file; its last component is what the list names */
  guint64 index;        /* as in the file name */
  guint64 running_time; /* ns, of the first frame */
  guint64 duration;     /* ns */
  guint64 bytes;
  const char *codecs;  /* RFC 6381: "avc1.4d401f,mp4a.40.2"; NULL = as before */
  guint width, height; /* 0 = as before, or no video */
  guint fps_n, fps_d;  /* 0 = as before */
} KliveHlsSegment;

/* Lists a finished segment of rendition @id and rewrites what changes by it. One that comes too late to be listed in
 * order (a straggler of an older run), or whose rendition is unknown, is warned about and its file removed later. */
void klive_hls_writer_add_segment (KliveHlsWriter *writer, KliveHlsRun *run, const char *id,
    const KliveHlsSegment *segment, gint64 now);

/*
 * A segment could not be written: @error is the errno. For want of space, the DVR window gives way to the next ones.
 * klive_hls_writer_tick() does the same before it comes to that.
 */
void klive_hls_writer_add_failure (KliveHlsWriter *writer, int error, gint64 now);

/* The distance of two source keyframes, ns, as soon as it is known. Decides EXT-X-TARGETDURATION before the first
 * list is written; later only together with a segment that does not fit. Cheap. */
void klive_hls_writer_add_gop (KliveHlsWriter *writer, guint64 duration);

/* Shows a sync point in all lists of the entry at once, for as long as they go back to it. (transfer full) */
void klive_hls_writer_add_sync_point (KliveHlsWriter *writer, KliveSyncPoint *point, gint64 now);

/* What waits for time: masters that lack a rendition for 15 s, files that may go, writes that failed. Once a second. */
void klive_hls_writer_tick (KliveHlsWriter *writer, gint64 now);

/* The stream is gone while others of the entry go on: its renditions leave the masters, its lists stay as they are. */
void klive_hls_writer_drop_stream (KliveHlsWriter *writer, const char *stream, gint64 now);

/*
 * The plain URLs, which have shown the entry's other index, are about to show this one: their players go on here behind
 * a discontinuity, with numbers that do not go back (klive-hls-follow.h).
 */
void klive_hls_writer_follow_other (KliveHlsWriter *writer, gint64 now);

/* The broadcast is over: EXT-X-ENDLIST in every list. Files stay: their owner removes them later. */
void klive_hls_writer_end (KliveHlsWriter *writer, gint64 now);

/* Whether a master playlist is there. */
gboolean klive_hls_writer_is_playable (const KliveHlsWriter *writer);

/* What the longest DVR list shows, ns; 0 without DVR. */
guint64 klive_hls_writer_get_window (const KliveHlsWriter *writer);
/* Whether the file system is so full that files had to go before their time. */
gboolean klive_hls_writer_is_short_of_space (const KliveHlsWriter *writer);

/* s; 0 until the first list was written. */
guint klive_hls_writer_get_target_duration (const KliveHlsWriter *writer);

G_END_DECLS
