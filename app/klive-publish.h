/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "klive-admission.h"
#include "klive-supervisor.h"

G_BEGIN_DECLS

/*
 * One on_publish from the hook to nginx's answer: what this machine says, what the API says, a worker that reads. The
 * answer comes within 8 s, always. Main thread.
 */
typedef struct _KlivePublish KlivePublish;

/* @name: how nginx is to call the stream from now on; NULL = refused. */
typedef void (*KlivePublishFunc) (const char *name, gpointer user_data);

/* How many publishes were answered, by outcome. */
typedef struct {
  guint64 accepted;
  GHashTable *refused; /* code -> GINT_TO_POINTER (count); at most 64 codes */
} KlivePublishCounters;

KlivePublish *klive_publish_new (KliveAdmission *admission, KliveSupervisor *supervisor);
void klive_publish_free (KlivePublish *publish);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KlivePublish, klive_publish_free)

/* @hook: (transfer full). @callback comes once, maybe at once. */
void klive_publish_answer (KlivePublish *publish, KliveHook *hook, KlivePublishFunc callback, gpointer user_data);
/* publish_done or disconnect: also for a publisher that still waits for its answer. */
void klive_publish_gone (KlivePublish *publish, const KliveHook *hook);
const KlivePublishCounters *klive_publish_get_counters (const KlivePublish *publish);

G_END_DECLS
