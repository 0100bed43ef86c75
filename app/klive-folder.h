/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>
#include "kaltura-entry.h"

G_BEGIN_DECLS

/*
 * What of a broadcast outlives its worker, on disk: a record of it (STATE/workers/ENTRY-I.json), its folder
 * (STATE/hls/ENTRY/I), and the link that the plain URLs follow (STATE/hls/ENTRY/live -> "0" or "1").
 */
typedef struct {
  char entry_id[KALTURA_ENTRY_ID_LENGTH + 1];
  gint index;
  gint pid;             /* of the worker; 0 = none */
  gint64 remove_at;     /* Unix s; 0 = the broadcast is not over */
  KalturaEntry *info;   /* (nullable) */
  JsonObject *assets;   /* (nullable) as of klive_assets_describe(): recording begins at once, API or not */
  JsonObject *profiles; /* stream name -> XML: its last conversion profile, for the same reason */
} KliveRecord;

KliveRecord *klive_record_new (const char *entry_id, gint index);
void klive_record_free (KliveRecord *record);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveRecord, klive_record_free)

/* {"entry":"0_rkij47dr","index":0,"pid":4711,"removeAt":0,"info":{...},"assets":{...},
 * "profiles":{"0_rkij47dr_1":"<Root>..."}}, replaced
 * in one step. Without fsync, which would keep the main thread waiting for a busy disk just when an encoder waits for
 * its answer: what a power failure takes, klive_record_load_all() makes up for. */
gboolean klive_record_save (const char *state_dir, const KliveRecord *record, GError **error);
void klive_record_delete (const char *state_dir, const KliveRecord *record);
/* All that can be read (KliveRecord); the others are logged. Folders without a record have one with nothing in it. */
GPtrArray *klive_record_load_all (const char *state_dir);

/* Which index the plain URLs are to show; @current: which they show now, -1 = none. */
typedef struct {
  gboolean there;   /* has a worker */
  gboolean playing; /* is on air with segments */
} KliveIndexState;
gint klive_folder_choose_live (const KliveIndexState *primary, const KliveIndexState *backup, gint current);

gint klive_folder_get_live (const char *state_dir, const char *entry_id);
gboolean klive_folder_set_live (const char *state_dir, const char *entry_id, gint index, GError **error);

/* Takes the folder of @index out of sight at once and deletes it in a thread. A link to it goes to the other index. */
void klive_folder_remove (const char *state_dir, const char *entry_id, gint index);
/* Deletes, in a thread, what was out of sight but not deleted when the launcher ended. */
void klive_folder_empty_trash (const char *state_dir);

G_END_DECLS
