/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sync points at an interval. Owned by klive-serve.c, asked for by klive-services.c; main thread.
 *
 * The times are Unix time, which is that of the playlists, and are counted from the first point on, so they do not
 * drift. A point that is late by more than an interval (the machine slept) is left out. The end of a broadcast ends its
 * sync points, a pause of its worker does not.
 */
#include "klive-sync-schedule.h"

#include <string.h>
#include "kaltura-entry.h"
#include "klive-log.h"
#include "klive-sync-point.h"
#include "klive-wire.h"

typedef struct {
  KliveSyncSchedule *schedule;
  char *entry_id;
  gint64 interval; /* ms */
  gint64 next;     /* Unix ms */
  gint64 end;      /* Unix ms, not included */
  guint timer;
} Plan;

struct _KliveSyncSchedule {
  KliveSupervisor *supervisor;
  char *path;
  GHashTable *plans; /* entry id -> Plan */
};

static gboolean on_due (gpointer data);

static gint64
get_now (void)
{
  return g_get_real_time () / 1000;
}

static void
plan_free (gpointer data)
{
  Plan *plan = data;
  g_clear_handle_id (&plan->timer, g_source_remove);
  g_free (plan->entry_id);
  g_free (plan);
}

/* --- on disk --- */

static void
save (KliveSyncSchedule *schedule)
{
  g_autoptr (JsonNode) root = json_node_new (JSON_NODE_ARRAY);
  JsonArray *array = json_array_new ();
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init (&iter, schedule->plans);
  while (g_hash_table_iter_next (&iter, NULL, &value)) {
    const Plan *plan = value;
    JsonObject *object = json_object_new ();
    json_object_set_string_member (object, "entry", plan->entry_id);
    json_object_set_int_member (object, "interval", plan->interval);
    json_object_set_int_member (object, "next", plan->next);
    json_object_set_int_member (object, "end", plan->end);
    json_array_add_object_element (array, object);
  }
  json_node_take_array (root, array);
  g_autofree char *text = json_to_string (root, FALSE);
  g_autoptr (GError) error = NULL;
  if (!g_file_set_contents (schedule->path, text, -1, &error))
    klive_log (KLIVE_LOG_WARNING, "sync-points-not-saved", NULL, NULL, "message", error->message, NULL);
}

/* --- points --- */

/* ns since 1970: when the broadcast began here, on either index; 0 = no worker has told. */
static gint64
get_start (KliveBroadcast *const *broadcasts)
{
  gint64 start = 0;
  for (guint i = 0; i < 2; i++) {
    JsonObject *status = broadcasts[i] ? klive_entry_get_status (klive_broadcast_get_entry (broadcasts[i])) : NULL;
    gint64 epoch = status ? klive_message_get_int (status, "epoch", 0) : 0;
    if (epoch > 0 && (start == 0 || epoch < start))
      start = epoch;
  }
  return start;
}

/*
 * Puts one into the playlists of primary and backup, the same into both: a player may go from one to the other.
 * @told: (out): how many workers were there to hear it.
 */
static gboolean
mark (KliveSyncSchedule *schedule, const char *entry_id, gint64 timestamp, guint *told, GError **error)
{
  KliveBroadcast *broadcasts[] = { klive_supervisor_find (schedule->supervisor, entry_id, 0),
    klive_supervisor_find (schedule->supervisor, entry_id, 1) };
  if (!broadcasts[0] && !broadcasts[1]) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "entry %s is not on air here", entry_id);
    return FALSE;
  }
  *told = 0;
  gint64 start = get_start (broadcasts);
  g_autofree char *id = g_strdup_printf ("%s-%" G_GINT64_FORMAT, entry_id, timestamp);
  g_autoptr (KliveSyncPoint) point =
      klive_sync_point_new (id, start > 0 ? MAX (timestamp - start / 1000000, 0) : 0, timestamp);
  for (guint i = 0; i < G_N_ELEMENTS (broadcasts); i++) {
    if (!broadcasts[i])
      continue;
    JsonObject *message = klive_message_new ("sync-point");
    klive_sync_point_write (point, message);
    *told += klive_broadcast_send (broadcasts[i], message);
  }
  return TRUE;
}

/* --- plans --- */

static void
arm (Plan *plan)
{
  gint64 now = get_now ();
  while (plan->next < now - plan->interval)
    plan->next += plan->interval;
  plan->timer = g_timeout_add ((guint) MAX (plan->next - now, 0), on_due, plan);
}

/* Takes the place of what was planned for the entry. */
static void
add (KliveSyncSchedule *schedule, const char *entry_id, gint64 interval, gint64 next, gint64 end)
{
  Plan *plan = g_new0 (Plan, 1);
  plan->schedule = schedule;
  plan->entry_id = g_strdup (entry_id);
  plan->interval = interval;
  plan->next = next;
  plan->end = end;
  g_hash_table_replace (schedule->plans, plan->entry_id, plan);
  if (next < end)
    arm (plan);
  else
    g_hash_table_remove (schedule->plans, entry_id);
}

static gboolean
on_due (gpointer data)
{
  Plan *plan = data;
  KliveSyncSchedule *schedule = plan->schedule;
  g_autoptr (GError) error = NULL;
  guint told = 0;
  plan->timer = 0;
  gboolean there = mark (schedule, plan->entry_id, plan->next, &told, &error);
  if (there && told == 0)
    klive_log (KLIVE_LOG_WARNING, "sync-point-lost", plan->entry_id, NULL, "message",
        "the entry's worker was not there; the next points follow", NULL);
  plan->next += plan->interval;
  if (there && plan->next < plan->end) {
    arm (plan);
  } else {
    klive_log (KLIVE_LOG_INFO, "sync-points-over", plan->entry_id, NULL, "message", there ? NULL : error->message,
        NULL);
    g_hash_table_remove (schedule->plans, plan->entry_id);
    save (schedule);
  }
  return G_SOURCE_REMOVE;
}

static void
load_plan (KliveSyncSchedule *schedule, JsonObject *object)
{
  const char *entry_id = klive_message_get_string (object, "entry", "");
  gint64 interval = klive_message_get_int (object, "interval", 0);
  gint64 next = klive_message_get_int (object, "next", 0);
  gint64 end = klive_message_get_int (object, "end", 0);
  gint64 now = get_now ();
  if (!kaltura_entry_id_is_valid (entry_id) || interval < 1000 || interval > KLIVE_SYNC_MAX_INTERVAL * 1000 ||
      next <= 0 || end > now + KLIVE_SYNC_MAX_DURATION * G_GINT64_CONSTANT (1000))
    return;
  add (schedule, entry_id, interval, next + MAX (now - next + interval - 1, 0) / interval * interval, end);
}

static void
load (KliveSyncSchedule *schedule)
{
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  if (!g_file_get_contents (schedule->path, &text, NULL, NULL))
    return;
  g_autoptr (JsonNode) root = json_from_string (text, &error);
  if (!root || !JSON_NODE_HOLDS_ARRAY (root)) {
    klive_log (KLIVE_LOG_WARNING, "sync-points-not-read", NULL, NULL, "message",
        error ? error->message : "sync-points.json is no list", NULL);
    return;
  }
  JsonArray *array = json_node_get_array (root);
  for (guint i = 0; i < json_array_get_length (array); i++)
    if (JSON_NODE_HOLDS_OBJECT (json_array_get_element (array, i)))
      load_plan (schedule, json_array_get_object_element (array, i));
}

gboolean
klive_sync_schedule_start (KliveSyncSchedule *schedule, const char *entry_id, guint interval, guint duration,
    GError **error)
{
  gint64 now = get_now ();
  guint told = 0;
  if (!mark (schedule, entry_id, now, &told, error))
    return FALSE;
  if (told == 0) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "the worker of entry %s is not there, try again", entry_id);
    return FALSE;
  }
  add (schedule, entry_id, interval * G_GINT64_CONSTANT (1000), now + interval * G_GINT64_CONSTANT (1000),
      now + duration * G_GINT64_CONSTANT (1000));
  save (schedule);
  return TRUE;
}

KliveSyncSchedule *
klive_sync_schedule_new (KliveSupervisor *supervisor, const char *state_dir)
{
  KliveSyncSchedule *schedule = g_new0 (KliveSyncSchedule, 1);
  schedule->supervisor = supervisor;
  schedule->path = g_build_filename (state_dir, "sync-points.json", NULL);
  schedule->plans = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, plan_free);
  load (schedule);
  return schedule;
}

void
klive_sync_schedule_free (KliveSyncSchedule *schedule)
{
  g_hash_table_unref (schedule->plans);
  g_free (schedule->path);
  g_free (schedule);
}
