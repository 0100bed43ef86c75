/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "klive-folder.h"

G_BEGIN_DECLS

/*
 * The folders of ended broadcasts: each stays until the time in its record, then it is removed. The clock is the
 * wall's, as the records survive the launcher. Main thread.
 */
typedef struct _KliveRetention KliveRetention;

/* @state_dir: copied. */
KliveRetention *klive_retention_new (const char *state_dir);
/* Records and folders stay on disk, for the next launcher. */
void klive_retention_free (KliveRetention *retention);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveRetention, klive_retention_free)

/* Takes @record, whose remove_at is set, and saves it. */
void klive_retention_add (KliveRetention *retention, KliveRecord *record);
/* A new broadcast takes the folder over: its record (transfer full), or NULL. */
KliveRecord *klive_retention_take (KliveRetention *retention, const char *entry_id, gint index);

G_END_DECLS
