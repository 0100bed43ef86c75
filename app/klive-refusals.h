/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "klive-hook.h"

G_BEGIN_DECLS

/* Why a publish is refused. */
typedef struct {
  char *code; /* of the API, or one of klive-admission.h */
  char *message;
  gboolean cached; /* answered from memory, nobody was asked */
} KliveRefusal;

KliveRefusal *klive_refusal_new (const char *code, const char *message);
KliveRefusal *klive_refusal_copy (const KliveRefusal *refusal);
void klive_refusal_free (KliveRefusal *refusal);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveRefusal, klive_refusal_free)

/*
 * What the launcher remembers of refusals, so that a wrong key that is tried again every two seconds costs nothing: the
 * questions that the API has answered with no, entries that are blocked for a while, and publishers that throw each
 * other out. Pure: all times are arguments, monotonic, in us. Bounded.
 */
typedef struct _KliveRefusals KliveRefusals;

KliveRefusals *klive_refusals_new (void);
void klive_refusals_free (KliveRefusals *refusals);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveRefusals, klive_refusals_free)

/* The question is all of (address, p, e, i, t, name). It is answered from memory for 30 s. */
void klive_refusals_remember (KliveRefusals *refusals, const KliveHook *hook, const KliveRefusal *refusal, gint64 now);
/* Refuses every stream of @entry_id for @seconds. */
void klive_refusals_block (KliveRefusals *refusals, const char *entry_id, const KliveRefusal *refusal, guint seconds,
    gint64 now);
/* Lifts that. FALSE: there was no block. */
gboolean klive_refusals_unblock (KliveRefusals *refusals, const char *entry_id);
/* (transfer none) (nullable): the answer to @hook, valid until the next call. */
const KliveRefusal *klive_refusals_find (KliveRefusals *refusals, const KliveHook *hook, gint64 now);
guint klive_refusals_get_size (const KliveRefusals *refusals);

/*
 * A publisher of @stream ("0_rkij47dr_1@0") has thrown out another. Four times within 30 s, and two are fighting: for
 * 30 s klive_refusals_is_fought_over() is TRUE, and the one that is on air should stay.
 */
void klive_refusals_note_replacement (KliveRefusals *refusals, const char *stream, gint64 now);
gboolean klive_refusals_is_fought_over (KliveRefusals *refusals, const char *stream, gint64 now);

G_END_DECLS
