/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A transport stream as a strict reader sees it. */
typedef struct {
  guint16 pid;
  gint64 pts, dts; /* ticks of 90 kHz; dts is pts where there is none of its own */
  gint64 clock;    /* the last PCR in or in front of its first packet, -1 = none */
  gboolean random_access;
  gboolean discontinuity; /* of its first packet */
  guint first_packet;     /* index in the file */
  GByteArray *payload;
} TsPes;

typedef struct {
  GPtrArray *pes;  /* of TsPes, in the order of their first packets */
  GArray *pcrs;    /* of gint64, in order */
  guint8 types[3]; /* stream_type of PID 0x100 to 0x102 by the last PMT, 0 = not listed */
  guint pcr_pid;
  guint n_tables; /* PMTs */
  guint8 version; /* of the last PMT */
  guint n_packets;
} TsFile;

/* What goes on from one segment to the next. Zeroed at first. */
typedef struct {
  gint counters[0x2000]; /* continuity counter of the last packet with payload, plus one; 0 = none yet */
} TsState;

/*
 * Reads @data and asserts all that holds for any stream: whole packets, sync bytes, counters, section checksums, PES
 * lengths, known PIDs only, PAT and PMT first.
 */
TsFile *ts_read (const guint8 *data, gsize size, TsState *state);
TsFile *ts_read_file (const char *path, TsState *state);
void ts_file_free (TsFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsFile, ts_file_free)

/* The @index-th PES of @pid. */
const TsPes *ts_get (const TsFile *file, guint16 pid, guint index);
guint ts_count (const TsFile *file, guint16 pid);

#define TS_VIDEO 0x100
#define TS_AUDIO 0x101
#define TS_METADATA 0x102
#define TS_ORIGIN (10 * 90000)

G_END_DECLS
