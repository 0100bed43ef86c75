/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* klive-timeline: what encoders do to RTMP timestamps, and what comes out all the same. Time is made up. */
#include "klive-timeline.h"

#define MS ((gint64) 1000000)
#define SECOND (1000 * MS)
#define NOW ((gint64) 1763812345 * SECOND)

#define VIDEO KLIVE_TIMELINE_VIDEO
#define AUDIO KLIVE_TIMELINE_AUDIO

typedef struct {
  KliveTimelineGroup *group;
  KliveTimeline *timeline;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->group = klive_timeline_group_new ();
  f->timeline = klive_timeline_new (f->group, 0);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  klive_timeline_free (f->timeline);
  klive_timeline_group_free (f->group);
}

static gint64
stamp (KliveTimeline *timeline, KliveTimelineTrack track, guint32 timestamp, gint64 now)
{
  gint64 dts, pts;

  klive_timeline_stamp (timeline, track, timestamp, 0, now, &dts, &pts);
  g_assert_cmpint (pts, >=, dts);
  return dts;
}

static void
test_one_offset_for_both (Fixture *f, gconstpointer data)
{
  g_assert_cmpint (stamp (f->timeline, AUDIO, 5000, NOW), ==, NOW);
  /* arrives late: still by its timestamp */
  g_assert_cmpint (stamp (f->timeline, VIDEO, 5040, NOW + 700 * MS), ==, NOW + 40 * MS);
  g_assert_cmpint (stamp (f->timeline, AUDIO, 5023, NOW + 701 * MS), ==, NOW + 23 * MS);
  g_assert_cmpuint (klive_timeline_get_repairs (f->timeline), ==, 0);
  g_assert_cmpint (klive_timeline_get_latest (f->timeline), ==, NOW + 40 * MS);
}

/* 20 s of 25 fps video and audio every 20 ms from @first on, in ms modulo @modulus; audio is 300 ms behind. */
static void
run_over_wrap (KliveTimeline *timeline, guint64 first, guint64 modulus)
{
  guint64 ms;

  for (ms = 0; ms < 20000; ms += 20) {
    gint64 now = NOW + (gint64) ms * MS;

    if (ms % 40 == 0)
      g_assert_cmpint (stamp (timeline, VIDEO, (guint32) ((first + ms) % modulus), now), ==, NOW + (gint64) ms * MS);
    if (ms >= 300)
      g_assert_cmpint (stamp (timeline, AUDIO, (guint32) ((first + ms - 300) % modulus), now), ==,
          NOW + (gint64) (ms - 300) * MS);
  }
  g_assert_cmpuint (klive_timeline_get_repairs (timeline), ==, 0);
}

static void
test_wraps (void)
{
  static const struct {
    guint64 first, modulus;
  } cases[] = {
    { 0, (guint64) 1 << 32 }, { 0xffffff - 5000, (guint64) 1 << 32 }, /* no wrap, only more than 24 bits */
    { 0xffffff - 5000, (guint64) 1 << 24 }, { 0x7fffffff - 5000, (guint64) 1 << 32 },
    { 0x7fffffff - 5000, (guint64) 1 << 31 }, { 0xffffffff - 5000, (guint64) 1 << 32 },
    { 95443717 - 5000, (guint64) 1 << 32 }, { 95443718 - 5000, 95443718 }, /* 2^33 ticks of 90 kHz */
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (cases); i++) {
    Fixture f;

    set_up (&f, NULL);
    run_over_wrap (f.timeline, cases[i].first, cases[i].modulus);
    tear_down (&f, NULL);
  }
}

/* @before until 10 s, then @after: the encoder's clock is set. Both tracks, audio changes over 3 frames later. */
static void
check_jump (KliveTimeline *timeline, guint32 before, guint32 after)
{
  gint64 video = 0, audio = 0, last_video = 0, last_audio = 0;
  guint ms;

  for (ms = 0; ms < 20000; ms += 40) {
    gint64 now = NOW + ms * MS;

    video = stamp (timeline, VIDEO, ms < 10000 ? before + ms : after + ms - 10000, now);
    audio = stamp (timeline, AUDIO, ms < 10120 ? before + ms : after + ms - 10000, now);
    g_assert_cmpint (video, >, last_video);
    g_assert_cmpint (audio, >, last_audio);
    if (ms > 0) {
      g_assert_cmpint (video - last_video, <=, 100 * MS);
      g_assert_cmpint (audio - last_audio, <=, 100 * MS);
    }
    last_video = video;
    last_audio = audio;
  }
  g_assert_cmpint (video, ==, audio);
  g_assert_cmpint (ABS (video - (NOW + 19960 * MS)), <=, 50 * MS);
  g_assert_cmpuint (klive_timeline_get_repairs (timeline), ==, 1);
}

static void
test_jump_forward (Fixture *f, gconstpointer data)
{
  check_jump (f->timeline, 1000, 3600000);
}

static void
test_jump_back (Fixture *f, gconstpointer data)
{
  check_jump (f->timeline, 7200000, 0);
}

static void
test_step_back (Fixture *f, gconstpointer data)
{
  check_jump (f->timeline, 1000, 10000); /* by 1 s */
}

static void
test_gap_stays_a_gap (Fixture *f, gconstpointer data)
{
  stamp (f->timeline, VIDEO, 1000, NOW);
  stamp (f->timeline, AUDIO, 1000, NOW);
  g_assert_cmpint (stamp (f->timeline, VIDEO, 31000, NOW + 30 * SECOND), ==, NOW + 30 * SECOND);
  g_assert_cmpint (stamp (f->timeline, AUDIO, 31010, NOW + 30 * SECOND), ==, NOW + 30 * SECOND + 10 * MS);
  g_assert_cmpuint (klive_timeline_get_repairs (f->timeline), ==, 0);
}

/* A stalled network, then all at once. */
static void
test_burst (Fixture *f, gconstpointer data)
{
  guint ms;

  for (ms = 0; ms < 8000; ms += 40)
    g_assert_cmpint (stamp (f->timeline, VIDEO, ms, ms == 0 ? NOW : NOW + 8 * SECOND), ==, NOW + ms * MS);
  g_assert_cmpuint (klive_timeline_get_repairs (f->timeline), ==, 0);
}

static void
test_small_faults (Fixture *f, gconstpointer data)
{
  gint64 dts, pts;

  stamp (f->timeline, VIDEO, 1000, NOW);
  stamp (f->timeline, VIDEO, 1040, NOW);
  g_assert_cmpint (stamp (f->timeline, VIDEO, 1020, NOW), ==, NOW + 41 * MS);
  g_assert_cmpint (stamp (f->timeline, VIDEO, 1020, NOW), ==, NOW + 42 * MS);
  g_assert_cmpint (stamp (f->timeline, VIDEO, 1080, NOW), ==, NOW + 80 * MS);
  g_assert_cmpuint (klive_timeline_get_repairs (f->timeline), ==, 2);
  /* a PTS in front of its DTS, one far away, and a good one */
  klive_timeline_stamp (f->timeline, VIDEO, 1120, -40, NOW, &dts, &pts);
  g_assert_cmpint (pts, ==, dts);
  klive_timeline_stamp (f->timeline, VIDEO, 1160, 1000000, NOW, &dts, &pts);
  g_assert_cmpint (pts, ==, dts);
  g_assert_cmpuint (klive_timeline_get_repairs (f->timeline), ==, 4);
  klive_timeline_stamp (f->timeline, VIDEO, 1200, 80, NOW, &dts, &pts);
  g_assert_cmpint (pts, ==, dts + 80 * MS);
  g_assert_cmpuint (klive_timeline_get_repairs (f->timeline), ==, 4);
}

/* An encoder that wants two pictures, then three, shown at one time. */
static void
test_pictures_shown_at_once (Fixture *f, gconstpointer data)
{
  static const struct {
    guint32 timestamp;
    gint32 composition_time;
    gint64 shown;
  } pictures[] = { { 1000, 80, 80 }, { 1040, 120, 160 }, { 1080, 0, 81 }, { 1120, 40, 161 }, { 1160, 0, 162 } };
  gint64 dts, pts;

  for (guint i = 0; i < G_N_ELEMENTS (pictures); i++) {
    klive_timeline_stamp (f->timeline, VIDEO, pictures[i].timestamp, pictures[i].composition_time, NOW, &dts, &pts);
    g_assert_cmpint (pts, ==, NOW + pictures[i].shown * MS);
    g_assert_cmpint (pts, >=, dts);
  }
  g_assert_cmpuint (klive_timeline_get_repairs (f->timeline), ==, 3);
}

static void
test_tracks_that_never_met (Fixture *f, gconstpointer data)
{
  gint64 audio;
  guint ms;

  for (ms = 0; ms < 5000; ms += 40) {
    g_assert_cmpint (stamp (f->timeline, VIDEO, 5000000 + ms, NOW + ms * MS), ==, NOW + ms * MS);
    audio = stamp (f->timeline, AUDIO, ms, NOW + ms * MS);
    g_assert_cmpint (ABS (audio - NOW - ms * MS), <=, 50 * MS);
  }
  g_assert_cmpuint (klive_timeline_get_repairs (f->timeline), ==, 1);
}

static void
test_audio_on_the_grid (Fixture *f, gconstpointer data)
{
  guint64 n;

  klive_timeline_set_audio_frame (f->timeline, 1024, 44100);
  for (n = 0; n < 200000; n++) {                   /* 77 minutes */
    guint64 exact = n * 1024 * 1000000000 / 44100; /* good for 5 h */
    gint64 dts = stamp (f->timeline, AUDIO, (guint32) (exact / 1000000), NOW + (gint64) exact);

    g_assert_cmpint (ABS (dts - NOW - (gint64) exact), <=, 1);
  }
  g_assert_cmpuint (klive_timeline_get_repairs (f->timeline), ==, 0);
}

static void
test_audio_gap_leaves_the_grid (Fixture *f, gconstpointer data)
{
  guint n;
  gint64 last = 0;

  klive_timeline_set_audio_frame (f->timeline, 1024, 48000);
  for (n = 0; n < 100; n++)
    last = stamp (f->timeline, AUDIO, n * 1024 / 48, NOW);
  g_assert_cmpint (stamp (f->timeline, AUDIO, 100 * 1024 / 48 + 400, NOW + 3 * SECOND), >, last + 400 * MS);
  g_assert_cmpuint (klive_timeline_get_repairs (f->timeline), ==, 0);
}

/* 44.1 kHz in the header, 48 kHz in truth: time wins, it never goes back, and stays with the video. */
static void
test_audio_rate_that_lies (Fixture *f, gconstpointer data)
{
  gint64 last = 0;
  guint n;

  klive_timeline_set_audio_frame (f->timeline, 1024, 44100);
  for (n = 0; n < 10000; n++) {
    gint64 exact = (gint64) n * 1024 * SECOND / 48000;
    gint64 dts = stamp (f->timeline, AUDIO, (guint32) (exact / MS), NOW + exact);

    g_assert_cmpint (dts, >, last);
    g_assert_cmpint (ABS (dts - NOW - exact), <, 100 * MS);
    last = dts;
  }
}

/* An encoder's clock that runs 150 ppm too fast for a day: dates follow the server, the grid keeps within a tick. */
static void
test_drift (Fixture *f, gconstpointer data)
{
  gint64 last_audio = 0;
  gint64 n;

  klive_timeline_set_audio_frame (f->timeline, 1024, 48000);
  for (n = 0; n < (gint64) 86400 * 48000 / 1024; n++) {
    gint64 exact = n * 64 * SECOND / 3000;
    gint64 now = NOW + exact + (n * 7919 % 30) * MS; /* the network jitters */
    gint64 encoder = exact + exact / 1000000 * 150;
    gint64 video = stamp (f->timeline, VIDEO, (guint32) (encoder / MS), now);
    gint64 audio = stamp (f->timeline, AUDIO, (guint32) (encoder / MS), now);

    g_assert_cmpint (ABS (video - now), <, 200 * MS);
    g_assert_cmpint (ABS (video - audio), <, 15 * MS);
    if (last_audio != 0)
      g_assert_cmpint (ABS (audio - last_audio - 64 * SECOND / 3000), <=, 11112);
    last_audio = audio;
  }
  g_assert_cmpuint (klive_timeline_get_repairs (f->timeline), ==, 0);
}

static void
test_sessions_share (Fixture *f, gconstpointer data)
{
  KliveTimeline *second = klive_timeline_new (f->group, 0);
  KliveTimeline *third = klive_timeline_new (f->group, 0);
  KliveTimeline *fourth = klive_timeline_new (f->group, 0);

  stamp (f->timeline, VIDEO, 0xffffff00u, NOW);
  stamp (f->timeline, VIDEO, 0x00000100u, NOW + 512 * MS);
  /* 600 ms late, behind the wrap: the same encoder */
  g_assert_cmpint (stamp (second, VIDEO, 0x00000100u, NOW + 1112 * MS), ==, NOW + 512 * MS);
  /* 1.5 s off: another one */
  g_assert_cmpint (stamp (third, VIDEO, 0x00000100u, NOW + 2012 * MS), ==, NOW + 2012 * MS);
  /* all restart their clocks: they meet again */
  g_assert_cmpint (stamp (f->timeline, VIDEO, 0x10000000u, NOW + 3 * SECOND), ==, NOW + 3 * SECOND);
  g_assert_cmpint (stamp (second, VIDEO, 0x10000000u, NOW + 3300 * MS), ==, NOW + 3 * SECOND);
  /* the first one ends, its base lives on */
  klive_timeline_free (f->timeline);
  g_assert_cmpint (stamp (fourth, VIDEO, 0x10000064u, NOW + 3900 * MS), ==, NOW + 3100 * MS);
  f->timeline = fourth;
  klive_timeline_free (second);
  klive_timeline_free (third);
}

static void
test_floor (Fixture *f, gconstpointer data)
{
  KliveTimeline *next = klive_timeline_new (f->group, NOW + 5 * SECOND);

  g_assert_cmpint (stamp (next, VIDEO, 0, NOW), ==, NOW + 5 * SECOND);
  g_assert_cmpint (stamp (next, VIDEO, 40, NOW), ==, NOW + 5 * SECOND + 40 * MS);
  klive_timeline_free (next);
}

static void
test_skew (Fixture *f, gconstpointer data)
{
  guint ms;

  for (ms = 0; ms < 20000; ms += 40) {
    stamp (f->timeline, VIDEO, ms, NOW + ms * MS);
    if (ms >= 200)
      stamp (f->timeline, AUDIO, ms - 200, NOW + ms * MS);
  }
  g_assert_cmpint (ABS (klive_timeline_get_skew (f->timeline) - 200 * MS), <, 5 * MS);
}

/* Whatever comes: DTS rise, PTS are not less, and nothing runs far ahead of the clock. */
static void
test_noise (Fixture *f, gconstpointer data)
{
  gint64 last[2] = { 0, 0 };
  guint32 timestamp = 0;
  gint64 now = NOW;
  guint n;

  klive_timeline_set_audio_frame (f->timeline, 1024, 44100);
  for (n = 0; n < 200000; n++) {
    guint track = (guint) g_test_rand_int_range (0, 2);
    gint64 dts, pts;

    now += 40 * MS;
    switch (g_test_rand_int_range (0, 20)) {
      case 0:
        timestamp = (guint32) g_test_rand_int ();
        break;
      case 1:
        timestamp -= (guint32) g_test_rand_int_range (0, 3000);
        break;
      case 2:
        timestamp += (guint32) g_test_rand_int_range (0, 30000);
        break;
      default:
        timestamp += 40;
    }
    klive_timeline_stamp (f->timeline, track, timestamp, g_test_rand_int_range (-100, 100), now, &dts, &pts);
    g_assert_cmpint (dts, >, last[track]);
    g_assert_cmpint (pts, >=, dts);
    last[track] = dts;
  }
  g_test_message ("ended %" G_GINT64_FORMAT " ms from the clock", (klive_timeline_get_latest (f->timeline) - now) / MS);
}

#define ADD(path, function) g_test_add (path, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/timeline/one-offset-for-both", test_one_offset_for_both);
  g_test_add_func ("/timeline/wraps", test_wraps);
  ADD ("/timeline/jump-forward", test_jump_forward);
  ADD ("/timeline/jump-back", test_jump_back);
  ADD ("/timeline/step-back", test_step_back);
  ADD ("/timeline/gap-stays-a-gap", test_gap_stays_a_gap);
  ADD ("/timeline/burst", test_burst);
  ADD ("/timeline/small-faults", test_small_faults);
  ADD ("/timeline/pictures-shown-at-once", test_pictures_shown_at_once);
  ADD ("/timeline/tracks-that-never-met", test_tracks_that_never_met);
  ADD ("/timeline/audio-on-the-grid", test_audio_on_the_grid);
  ADD ("/timeline/audio-gap-leaves-the-grid", test_audio_gap_leaves_the_grid);
  ADD ("/timeline/audio-rate-that-lies", test_audio_rate_that_lies);
  ADD ("/timeline/drift", test_drift);
  ADD ("/timeline/sessions-share", test_sessions_share);
  ADD ("/timeline/floor", test_floor);
  ADD ("/timeline/skew", test_skew);
  ADD ("/timeline/noise", test_noise);
  return g_test_run ();
}
