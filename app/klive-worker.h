/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "klive-link.h"

G_BEGIN_DECLS

/*
 * The worker: the studio house of one (entry, index). Does what the launcher says on the wire, tells it what happens,
 * and decides when the broadcast is over: when no encoder has sent anything for the grace. Main thread.
 *
 *   IDLE ──▶ ON AIR ◀──▶ GRACE ──▶ ENDING ──▶ OVER
 */
typedef struct _KliveWorker KliveWorker;

typedef struct {
  const char *socket; /* path, or "-" */
  const char *entry;
  guint index;
  const char *state_dir;
} KliveWorkerOptions;

/* @loop is quit when the worker is over. */
KliveWorker *klive_worker_new (const KliveWorkerOptions *options, GMainLoop *loop);
void klive_worker_free (KliveWorker *worker);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveWorker, klive_worker_free)

/* Ends in order, within 8 s. */
void klive_worker_end (KliveWorker *worker, const char *reason);
/* Of the process: 0 after an orderly end. */
int klive_worker_get_exit_code (const KliveWorker *worker);

G_END_DECLS
