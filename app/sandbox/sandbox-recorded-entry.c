/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The entry that a live entry is recorded into (current API): when a new one is begun.
 */
#include "sandbox-recorded-entry.h"

#include <string.h>

#define RECONNECT_TIMEOUT 180        /* s, live_session_reconnect_timeout */
#define MAX_APPENDED_AGE (7 * 86400) /* s */
#define MAX_APPENDED_LENGTH 86400.   /* s, recording_limit_length */

enum { RECORD_DISABLED, RECORD_APPENDED, RECORD_PER_SESSION };

SandboxRecordedEntry *
sandbox_recorded_entry_find (SandboxState *state, SandboxEntry *entry)
{
  const char *id = sandbox_get_string (entry->object, "recordedEntryId");
  for (guint i = 0; id && i < state->recorded_entries->len; i++) {
    SandboxRecordedEntry *recorded = g_ptr_array_index (state->recorded_entries, i);
    if (strcmp (recorded->id, id) == 0)
      return recorded;
  }
  return NULL;
}

gboolean
sandbox_recorded_entry_is_empty (SandboxState *state, SandboxEntry *entry)
{
  SandboxRecordedEntry *recorded = sandbox_recorded_entry_find (state, entry);
  return sandbox_get_int (entry->object, "recordStatus") != RECORD_DISABLED && recorded && recorded->duration == 0;
}

static gboolean
needs_new (SandboxState *state, SandboxEntry *entry, const SandboxRecordedEntry *recorded)
{
  if (!recorded)
    return TRUE;
  double start = sandbox_get_float (entry->object, "currentBroadcastStartTime");
  double end = sandbox_get_float (entry->object, "lastBroadcastEndTime");
  if (sandbox_get_int (entry->object, "recordStatus") == RECORD_PER_SESSION)
    return end + RECONNECT_TIMEOUT < start && recorded->created < start - RECONNECT_TIMEOUT;
  return recorded->created < sandbox_state_now (state) - MAX_APPENDED_AGE || recorded->duration > MAX_APPENDED_LENGTH;
}

void
sandbox_recorded_entry_ensure (SandboxState *state, SandboxEntry *entry, SandboxNodeStatus status)
{
  if (sandbox_get_int (entry->object, "recordStatus") == RECORD_DISABLED ||
      (status != SANDBOX_NODE_PLAYABLE && status != SANDBOX_NODE_BROADCASTING) ||
      !needs_new (state, entry, sandbox_recorded_entry_find (state, entry)))
    return;
  SandboxRecordedEntry *recorded = g_new0 (SandboxRecordedEntry, 1);
  recorded->id = sandbox_state_new_id (state);
  recorded->live_id = g_strdup (sandbox_entry_get_id (entry));
  recorded->created = sandbox_state_now (state);
  g_ptr_array_add (state->recorded_entries, recorded);
  json_object_set_string_member (entry->object, "recordedEntryId", recorded->id);
}
