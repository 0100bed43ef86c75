/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox-state.h"

G_BEGIN_DECLS

/* Creates the recorded entry if the rules of gst/kaltura/API.md "liveStream.registerMediaServer" ask for one now. */
void sandbox_recorded_entry_ensure (SandboxState *state, SandboxEntry *entry, SandboxNodeStatus status);
/* The entry's recorded entry (transfer none) (nullable). */
SandboxRecordedEntry *sandbox_recorded_entry_find (SandboxState *state, SandboxEntry *entry);
/* Recording is on and the recorded entry has got nothing yet. */
gboolean sandbox_recorded_entry_is_empty (SandboxState *state, SandboxEntry *entry);

G_END_DECLS
