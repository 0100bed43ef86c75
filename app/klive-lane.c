/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lists of jobs. Owned by the uploader, on its thread.
 */
#include "klive-lane.h"

#include <string.h>

typedef struct {
  KalturaJob *job;
  KalturaLast decided; /* before the job knows it: its recording may still have to be closed */
} Item;

struct _KliveLane {
  char *key;
  GPtrArray *items; /* of Item, by creation */
};

static void
free_item (gpointer data)
{
  Item *item = data;
  kaltura_job_free (item->job);
  g_free (item);
}

char *
klive_lane_make_key (const KalturaJob *job)
{
  return g_strdup_printf ("%s/%d/%s", job->entry_id, job->server_index, job->asset_id);
}

KliveLane *
klive_lane_new (const KalturaJob *job)
{
  KliveLane *lane = g_new0 (KliveLane, 1);
  lane->key = klive_lane_make_key (job);
  lane->items = g_ptr_array_new_with_free_func (free_item);
  return lane;
}

void
klive_lane_free (KliveLane *lane)
{
  g_ptr_array_unref (lane->items);
  g_free (lane->key);
  g_free (lane);
}

const char *
klive_lane_get_key (const KliveLane *lane)
{
  return lane->key;
}

static gint
compare (gconstpointer a, gconstpointer b)
{
  const KalturaJob *left = (*(Item *const *) a)->job;
  const KalturaJob *right = (*(Item *const *) b)->job;
  if (left->created != right->created)
    return left->created < right->created ? -1 : 1;
  return strcmp (left->name, right->name);
}

void
klive_lane_take (KliveLane *lane, KalturaJob *job, KliveLaneState state)
{
  for (guint i = 0; i < lane->items->len; i++) {
    Item *item = lane->items->pdata[i];
    if (strcmp (item->job->name, job->name) != 0)
      continue;
    if (i == 0 && state == KLIVE_LANE_BUSY) {
      kaltura_job_free (job);
    } else {
      if (job->state == KALTURA_JOB_RECORDING) { /* such jobs are not saved while their file is missing */
        job->attempts = MAX (job->attempts, item->job->attempts);
        job->missing_since = item->job->missing_since;
      }
      kaltura_job_free (item->job);
      item->job = job;
    }
    return;
  }
  Item *item = g_new0 (Item, 1);
  Item *head = state == KLIVE_LANE_BUSY ? lane->items->pdata[0] : NULL;
  item->job = job;
  g_ptr_array_add (lane->items, item);
  g_ptr_array_sort (lane->items, compare);
  if (head && lane->items->pdata[0] != head) { /* what is under way stays the head */
    guint index = 0;
    g_ptr_array_find (lane->items, head, &index);
    memmove (lane->items->pdata + 1, lane->items->pdata, index * sizeof (gpointer));
    lane->items->pdata[0] = head;
  }
}

KalturaJob *
klive_lane_get (const KliveLane *lane, guint index)
{
  return index < lane->items->len ? ((Item *) lane->items->pdata[index])->job : NULL;
}

KalturaJob *
klive_lane_get_head (const KliveLane *lane)
{
  return klive_lane_get (lane, 0);
}

void
klive_lane_drop_head (KliveLane *lane)
{
  g_ptr_array_remove_index (lane->items, 0);
}

guint
klive_lane_get_length (const KliveLane *lane)
{
  return lane->items->len;
}

void
klive_lane_keep (KliveLane *lane, KliveLaneState state, KliveLaneFunc is_there, gpointer user_data)
{
  guint first = state == KLIVE_LANE_BUSY ? 1 : 0;
  for (guint i = lane->items->len; i > first; i--) {
    const Item *item = lane->items->pdata[i - 1];
    if (!is_there (item->job, user_data))
      g_ptr_array_remove_index (lane->items, i - 1);
  }
}

/* The index of the newest job with media; 0 if none of the later ones has any. */
static guint
find_newest (const KliveLane *lane, KliveLaneFunc has_media, gpointer user_data)
{
  for (guint i = lane->items->len; i > 1; i--) {
    const Item *item = lane->items->pdata[i - 1];
    if (has_media (item->job, user_data))
      return i - 1;
  }
  return 0;
}

void
klive_lane_is_over (KliveLane *lane, KliveLaneFunc has_media, gpointer user_data)
{
  guint newest = find_newest (lane, has_media, user_data);
  for (guint i = 0; i < lane->items->len; i++) {
    Item *item = lane->items->pdata[i];
    if (item->decided == KALTURA_LAST_UNKNOWN)
      item->decided = i == newest ? KALTURA_LAST_YES : KALTURA_LAST_NO;
  }
}

void
klive_lane_write_down (KliveLane *lane, KliveLaneFunc save, gpointer user_data)
{
  for (guint i = 0; i < lane->items->len; i++) {
    const Item *item = lane->items->pdata[i];
    if (item->job->state == KALTURA_JOB_RECORDING || item->job->last != KALTURA_LAST_UNKNOWN ||
        item->decided == KALTURA_LAST_UNKNOWN)
      continue;
    item->job->last = item->decided;
    save (item->job, user_data);
  }
}

gboolean
klive_lane_decide (KliveLane *lane, KliveLaneFunc has_media, gpointer user_data)
{
  Item *head = lane->items->len > 0 ? lane->items->pdata[0] : NULL;
  if (!head)
    return FALSE;
  if (head->job->last == KALTURA_LAST_UNKNOWN)
    head->job->last = head->decided != KALTURA_LAST_UNKNOWN ? head->decided
        : find_newest (lane, has_media, user_data) > 0      ? KALTURA_LAST_NO
                                                            : KALTURA_LAST_UNKNOWN;
  return head->job->last != KALTURA_LAST_UNKNOWN;
}
