/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kaltura-client.h"
#include "klive-spool.h"

G_BEGIN_DECLS

/* What all hand-overs share. Nothing is owned; all outlives them. */
typedef struct {
  const KalturaConfig *config;
  KalturaClient *client;
  KliveSpool *spool;
  const char *launcher; /* the program that finishes files, NULL = this one */
  guint64 piece_size;   /* bytes of a file that are uploaded at a time */
  guint settle_time;    /* ms: a call without an answer may still be carried out so long after it was made */
  guint missing_time;   /* ms: a file that is not there is waited for so long, as disks get mounted again */
  gboolean no_markers;  /* set once Kaltura has refused to make them */
} KliveHandoverContext;

typedef enum {
  KLIVE_HANDOVER_DONE,     /* Kaltura has it; the job is gone */
  KLIVE_HANDOVER_REPAIRED, /* the job was that of a crash: it is closed now */
  KLIVE_HANDOVER_LATER,    /* may work later */
  KLIVE_HANDOVER_FAILED,   /* never will; the job is in failed/ */
} KliveHandoverEnd;

/* @reason: NULL when it has worked. The hand-over may be freed from here. */
typedef void (*KliveHandoverFunc) (KliveHandoverEnd end, const char *reason, gpointer user_data);

/*
 * One attempt to bring one recording to Kaltura, or to find out what has become of an earlier attempt. The job is saved
 * before each step that must not be taken twice. Uploader's thread; waits for the network only by callbacks.
 */
typedef struct _KliveHandover KliveHandover;

/* Begins at once; @func comes later, once. @job is used until then. A job in the state RECORDING is repaired only. */
KliveHandover *klive_handover_new (KliveHandoverContext *context, KalturaJob *job, KliveHandoverFunc func,
    gpointer user_data);
/* Before its end: what is under way is cancelled, @func does not come. */
void klive_handover_free (KliveHandover *handover);

/* What it is doing: "finish", "upload", "append" ... */
const char *klive_handover_get_step (const KliveHandover *handover);
/* Bytes of the file, 0 = not known yet. */
guint64 klive_handover_get_size (const KliveHandover *handover);

G_END_DECLS
