/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Removes the folders of ended broadcasts when their time has come. Owned by klive-supervisor.c, main thread.
 */
#include "klive-retention.h"

#include <string.h>
#include "klive-log.h"

#define LONGEST_WAIT 60 /* s, until the next look at the clock, which may be set */

struct _KliveRetention {
  char *state_dir;
  GPtrArray *records; /* of KliveRecord */
  guint timer;
};

static gboolean
remove_due (gpointer data)
{
  KliveRetention *retention = data;
  gint64 now = g_get_real_time () / G_USEC_PER_SEC;
  gint64 next = G_MAXINT64;
  for (guint i = retention->records->len; i > 0; i--) {
    KliveRecord *record = retention->records->pdata[i - 1];
    if (record->remove_at > now) {
      next = MIN (next, record->remove_at);
      continue;
    }
    klive_log (KLIVE_LOG_INFO, "folder-removed", record->entry_id, NULL, "index", record->index == 0 ? "0" : "1", NULL);
    klive_folder_remove (retention->state_dir, record->entry_id, record->index);
    klive_record_delete (retention->state_dir, record);
    g_ptr_array_remove_index (retention->records, i - 1);
  }
  retention->timer =
      next < G_MAXINT64 ? g_timeout_add_seconds (CLAMP (next - now, 1, LONGEST_WAIT), remove_due, retention) : 0;
  return G_SOURCE_REMOVE;
}

void
klive_retention_add (KliveRetention *retention, KliveRecord *record)
{
  g_autoptr (GError) error = NULL;
  if (!klive_record_save (retention->state_dir, record, &error))
    klive_log (KLIVE_LOG_WARNING, "record-not-saved", record->entry_id, NULL, "message", error->message, NULL);
  g_ptr_array_add (retention->records, record);
  g_clear_handle_id (&retention->timer, g_source_remove);
  retention->timer = g_timeout_add (0, remove_due, retention);
}

KliveRecord *
klive_retention_take (KliveRetention *retention, const char *entry_id, gint index)
{
  for (guint i = 0; i < retention->records->len; i++) {
    KliveRecord *record = retention->records->pdata[i];
    if (record->index == index && strcmp (record->entry_id, entry_id) == 0)
      return g_ptr_array_steal_index (retention->records, i);
  }
  return NULL;
}

KliveRetention *
klive_retention_new (const char *state_dir)
{
  KliveRetention *retention = g_new0 (KliveRetention, 1);
  retention->state_dir = g_strdup (state_dir);
  retention->records = g_ptr_array_new_with_free_func ((GDestroyNotify) klive_record_free);
  return retention;
}

void
klive_retention_free (KliveRetention *retention)
{
  g_clear_handle_id (&retention->timer, g_source_remove);
  g_ptr_array_unref (retention->records);
  g_free (retention->state_dir);
  g_free (retention);
}
