/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The order of an asset's recordings, and which of them is the last of its broadcast. */

#include "klive-lane.h"

static KalturaJob *
make_job (const char *name, gint64 created, KalturaJobState state, KalturaLast last)
{
  g_autofree char *file = g_strdup_printf ("/recordings/%s.mp4", name);
  KalturaJob *job = kaltura_job_new (file);
  job->entry_id = g_strdup ("0_rkij47dr");
  job->asset_id = g_strdup ("0_x8d2k1mn");
  job->created = created;
  job->state = state;
  job->last = last;
  return job;
}

static void
take (KliveLane *lane, const char *name, gint64 created, KalturaJobState state, KalturaLast last)
{
  klive_lane_take (lane, make_job (name, created, state, last), KLIVE_LANE_IDLE);
}

static KliveLane *
make_lane (void)
{
  g_autoptr (KalturaJob) job = make_job ("a", 1, KALTURA_JOB_CLOSED, KALTURA_LAST_NO);
  return klive_lane_new (job);
}

/* Names that begin with "e" are of jobs that have none. */
static gboolean
has_media (KalturaJob *job, gpointer data)
{
  return job->name[0] != 'e';
}

/* Takes the head and asserts what it is; LAST_UNKNOWN: it has to wait, and stays. */
static void
check_head (KliveLane *lane, const char *name, KalturaLast last)
{
  g_autofree char *job_name = g_strdup_printf ("%s.mp4.json", name);
  KalturaJob *head = klive_lane_get_head (lane);
  g_assert_nonnull (head);
  g_assert_cmpstr (head->name, ==, job_name);
  g_assert_cmpint (klive_lane_decide (lane, has_media, NULL), ==, last != KALTURA_LAST_UNKNOWN);
  g_assert_cmpint (head->last, ==, last);
  if (last != KALTURA_LAST_UNKNOWN)
    klive_lane_drop_head (lane);
}

static gboolean
is_not_c (KalturaJob *job, gpointer data)
{
  return !g_str_has_prefix (job->name, "c");
}

static gboolean
count_saved (KalturaJob *job, gpointer data)
{
  *(guint *) data += 1;
  return TRUE;
}

static void
test_order (void)
{
  KliveLane *lane = make_lane ();
  take (lane, "c", 30, KALTURA_JOB_CLOSED, KALTURA_LAST_NO);
  take (lane, "a", 10, KALTURA_JOB_CLOSED, KALTURA_LAST_NO);
  take (lane, "b2", 20, KALTURA_JOB_CLOSED, KALTURA_LAST_NO);
  take (lane, "b1", 20, KALTURA_JOB_CLOSED, KALTURA_LAST_NO);
  g_assert_cmpuint (klive_lane_get_length (lane), ==, 4);
  check_head (lane, "a", KALTURA_LAST_NO);
  check_head (lane, "b1", KALTURA_LAST_NO);
  check_head (lane, "b2", KALTURA_LAST_NO);
  check_head (lane, "c", KALTURA_LAST_NO);
  g_assert_null (klive_lane_get_head (lane));
  g_assert_false (klive_lane_decide (lane, has_media, NULL));
  klive_lane_free (lane);
}

/* A job that was being written is closed; the one that is on its way stays where and what it is. */
static void
test_refreshed (void)
{
  KliveLane *lane = make_lane ();
  take (lane, "b", 20, KALTURA_JOB_RECORDING, KALTURA_LAST_UNKNOWN);
  KalturaJob *head = klive_lane_get_head (lane);
  klive_lane_take (lane, make_job ("b", 20, KALTURA_JOB_CLOSED, KALTURA_LAST_NO), KLIVE_LANE_BUSY);
  klive_lane_take (lane, make_job ("a", 10, KALTURA_JOB_CLOSED, KALTURA_LAST_NO), KLIVE_LANE_BUSY);
  g_assert_true (klive_lane_get_head (lane) == head);
  g_assert_cmpuint (klive_lane_get_length (lane), ==, 2);
  klive_lane_take (lane, make_job ("b", 20, KALTURA_JOB_CLOSED, KALTURA_LAST_NO), KLIVE_LANE_IDLE);
  g_assert_cmpint (klive_lane_get_head (lane)->state, ==, KALTURA_JOB_CLOSED);
  klive_lane_free (lane);
}

static void
test_waits (void)
{
  KliveLane *lane = make_lane ();
  take (lane, "a", 10, KALTURA_JOB_CLOSED, KALTURA_LAST_UNKNOWN);
  check_head (lane, "a", KALTURA_LAST_UNKNOWN);
  take (lane, "b", 20, KALTURA_JOB_RECORDING, KALTURA_LAST_UNKNOWN); /* a later one: that was not the last */
  check_head (lane, "a", KALTURA_LAST_NO);
  klive_lane_free (lane);
}

static void
test_over (void)
{
  KliveLane *lane = make_lane ();
  take (lane, "a", 10, KALTURA_JOB_CLOSED, KALTURA_LAST_UNKNOWN);
  take (lane, "b", 20, KALTURA_JOB_CLOSED, KALTURA_LAST_UNKNOWN);
  klive_lane_is_over (lane, has_media, NULL);
  take (lane, "c", 30, KALTURA_JOB_RECORDING, KALTURA_LAST_UNKNOWN); /* the next broadcast's */
  check_head (lane, "a", KALTURA_LAST_NO);
  check_head (lane, "b", KALTURA_LAST_YES);
  check_head (lane, "c", KALTURA_LAST_UNKNOWN);
  klive_lane_free (lane);
}

/* What is said while a recording is still being closed, or repaired, holds for it afterwards. */
static void
test_over_while_recording (void)
{
  KliveLane *lane = make_lane ();
  take (lane, "a", 10, KALTURA_JOB_RECORDING, KALTURA_LAST_UNKNOWN);
  klive_lane_is_over (lane, has_media, NULL);
  take (lane, "a", 10, KALTURA_JOB_CLOSED, KALTURA_LAST_UNKNOWN);
  check_head (lane, "a", KALTURA_LAST_YES);
  klive_lane_free (lane);
}

/* An encoder that came back with nothing, and one that did not come back: the end decides alone. */
static void
test_vanished (void)
{
  KliveLane *lane = make_lane ();
  take (lane, "a", 10, KALTURA_JOB_CLOSED, KALTURA_LAST_UNKNOWN);
  take (lane, "c", 20, KALTURA_JOB_RECORDING, KALTURA_LAST_UNKNOWN);
  klive_lane_keep (lane, KLIVE_LANE_IDLE, is_not_c, NULL);
  check_head (lane, "a", KALTURA_LAST_UNKNOWN);
  klive_lane_is_over (lane, has_media, NULL);
  check_head (lane, "a", KALTURA_LAST_YES);
  take (lane, "c", 20, KALTURA_JOB_RECORDING, KALTURA_LAST_UNKNOWN);
  klive_lane_keep (lane, KLIVE_LANE_BUSY, is_not_c, NULL); /* it is under way */
  g_assert_cmpuint (klive_lane_get_length (lane), ==, 1);
  klive_lane_free (lane);
}

/* A full disk, or a kill: files that nothing came into follow the last chunk. */
static void
test_empty_ones (void)
{
  KliveLane *lane = make_lane ();
  take (lane, "a", 10, KALTURA_JOB_CLOSED, KALTURA_LAST_UNKNOWN);
  take (lane, "e1", 20, KALTURA_JOB_RECORDING, KALTURA_LAST_UNKNOWN);
  check_head (lane, "a", KALTURA_LAST_UNKNOWN);
  klive_lane_is_over (lane, has_media, NULL);
  take (lane, "f", 30, KALTURA_JOB_RECORDING, KALTURA_LAST_UNKNOWN); /* the next broadcast's */
  check_head (lane, "a", KALTURA_LAST_YES);
  check_head (lane, "e1", KALTURA_LAST_NO);
  klive_lane_free (lane);
}

/* What was decided stands in the jobs, for whoever reads them with the next broadcast's behind. */
static void
test_written_down (void)
{
  KliveLane *lane = make_lane ();
  guint saved = 0;
  take (lane, "a", 10, KALTURA_JOB_CLOSED, KALTURA_LAST_UNKNOWN);
  take (lane, "b", 20, KALTURA_JOB_CLOSED, KALTURA_LAST_NO);
  take (lane, "c", 30, KALTURA_JOB_RECORDING, KALTURA_LAST_UNKNOWN);
  klive_lane_write_down (lane, count_saved, &saved);
  g_assert_cmpuint (saved, ==, 0);
  klive_lane_is_over (lane, has_media, NULL);
  klive_lane_write_down (lane, count_saved, &saved);
  klive_lane_write_down (lane, count_saved, &saved);
  g_assert_cmpuint (saved, ==, 1);
  g_assert_cmpint (klive_lane_get (lane, 0)->last, ==, KALTURA_LAST_NO);
  take (lane, "c", 30, KALTURA_JOB_CLOSED, KALTURA_LAST_UNKNOWN);
  take (lane, "d", 40, KALTURA_JOB_RECORDING, KALTURA_LAST_UNKNOWN);
  klive_lane_write_down (lane, count_saved, &saved);
  g_assert_cmpuint (saved, ==, 2);
  g_assert_cmpint (klive_lane_get (lane, 2)->last, ==, KALTURA_LAST_YES);
  g_assert_cmpint (klive_lane_get (lane, 3)->last, ==, KALTURA_LAST_UNKNOWN);
  klive_lane_free (lane);
}

/* What the recorder knows itself counts most: the end of a chunk is not the end. */
static void
test_known (void)
{
  KliveLane *lane = make_lane ();
  take (lane, "a", 10, KALTURA_JOB_CLOSED, KALTURA_LAST_NO);
  klive_lane_is_over (lane, has_media, NULL);
  check_head (lane, "a", KALTURA_LAST_NO);
  klive_lane_free (lane);
}

static void
test_keys (void)
{
  g_autoptr (KalturaJob) job = make_job ("a", 1, KALTURA_JOB_CLOSED, KALTURA_LAST_NO);
  g_autofree char *key = klive_lane_make_key (job);
  KliveLane *lane = klive_lane_new (job);
  g_assert_cmpstr (key, ==, klive_lane_get_key (lane));
  klive_lane_free (lane);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/lane/order", test_order);
  g_test_add_func ("/lane/refreshed", test_refreshed);
  g_test_add_func ("/lane/waits", test_waits);
  g_test_add_func ("/lane/over", test_over);
  g_test_add_func ("/lane/over-while-recording", test_over_while_recording);
  g_test_add_func ("/lane/vanished", test_vanished);
  g_test_add_func ("/lane/empty-ones", test_empty_ones);
  g_test_add_func ("/lane/written-down", test_written_down);
  g_test_add_func ("/lane/known", test_known);
  g_test_add_func ("/lane/keys", test_keys);
  return g_test_run ();
}
