/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>
#include "kaltura-entry.h"
#include "klive-hook.h"
#include "klive-refusals.h"
#include "klive-reporter.h"

G_BEGIN_DECLS

/* The codes of refusals that do not come from the API. */
#define KLIVE_REFUSED_INPUT "BAD_PUBLISH"           /* parameters or name malformed, or of two entries */
#define KLIVE_REFUSED_PARTNER "WRONG_PARTNER"       /* p is not the partner of the entry, or not ours (eCDN) */
#define KLIVE_REFUSED_UNREACHABLE "API_UNREACHABLE" /* no answer, or an HTTP error */
#define KLIVE_REFUSED_GARBAGE "API_GARBAGE"         /* an answer that is none */
#define KLIVE_REFUSED_TIMEOUT "API_TIMEOUT"
#define KLIVE_REFUSED_BUSY "TOO_MANY_REQUESTS"   /* too many publishers wait for the API already */
#define KLIVE_REFUSED_ENTRIES "TOO_MANY_ENTRIES" /* max-entries */
#define KLIVE_REFUSED_FIGHT "TWO_PUBLISHERS"     /* two throw each other out; the one on air stays */
#define KLIVE_REFUSED_WORKER "NO_WORKER"         /* ours cannot be started, or cannot read the stream */
#define KLIVE_REFUSED_GONE "PUBLISHER_GONE"      /* left before it was answered */
#define KLIVE_REFUSED_STOPPING "SHUTTING_DOWN"
#define KLIVE_REFUSED_DRAINING "DRAINING" /* no new broadcasts, see klive-control.h */

/*
 * Decides by the Kaltura API who may publish. Fails closed, and in KLIVE_ADMISSION_DEADLINE at the latest. Main thread.
 */
typedef struct _KliveAdmission KliveAdmission;

#define KLIVE_ADMISSION_DEADLINE 5500 /* ms, for all calls of one question; nginx waits 10 s for the whole answer */

/* @refusals, @reporter: not owned, outlive the admission. */
KliveAdmission *klive_admission_new (const KalturaConfig *config, KalturaClient *client, KliveRefusals *refusals,
    KliveReporter *reporter);
/* No callback comes after that. */
void klive_admission_free (KliveAdmission *admission);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveAdmission, klive_admission_free)

/*
 * The answer: @entry (transfer full) when the API has accepted, else @refusal (transfer none).
 */
typedef void (*KliveAdmissionFunc) (KalturaEntry *entry, const KliveRefusal *refusal, gpointer user_data);

/* Asks about @hook, a publish, which must live until the answer. The answer may come at once. */
void klive_admission_ask (KliveAdmission *admission, const KliveHook *hook, KliveAdmissionFunc callback,
    gpointer user_data);

guint klive_admission_get_pending (const KliveAdmission *admission);

G_END_DECLS
