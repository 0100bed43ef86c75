/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* klive-threads: encoders share the cores by pixels, and none gets less than real time takes. */
#include "klive-threads.h"

static KliveLadder *
ladder_new (void)
{
  KliveLadder *ladder = g_new0 (KliveLadder, 1);

  ladder->renditions = g_ptr_array_new_with_free_func (g_free);
  return ladder;
}

static void
ladder_end (KliveLadder *ladder)
{
  g_ptr_array_unref (ladder->renditions);
  g_free (ladder);
}

static const KliveRendition *
add (KliveLadder *ladder, KliveTrackMode video, guint width, guint height, guint fps)
{
  KliveRendition *rendition = g_new0 (KliveRendition, 1);

  rendition->video = video;
  rendition->width = width;
  rendition->height = height;
  rendition->fps_n = fps;
  rendition->fps_d = 1;
  g_ptr_array_add (ladder->renditions, rendition);
  return rendition;
}

static void
test_share (void)
{
  KliveLadder *ladder = ladder_new ();
  const KliveRendition *large, *middle, *small;

  add (ladder, KLIVE_TRACK_COPY, 1280, 720, 30); /* costs nothing */
  large = add (ladder, KLIVE_TRACK_ENCODE, 1280, 720, 30);
  middle = add (ladder, KLIVE_TRACK_ENCODE, 854, 480, 30);
  small = add (ladder, KLIVE_TRACK_ENCODE, 640, 360, 30);
  g_assert_cmpuint (klive_threads_for_encoder (ladder, large, NULL, 1), ==, 1);
  g_assert_cmpuint (klive_threads_for_encoder (ladder, large, NULL, 2), ==, 1);
  g_assert_cmpuint (klive_threads_for_encoder (ladder, small, NULL, 2), ==, 1);
  g_assert_cmpuint (klive_threads_for_encoder (ladder, large, NULL, 8), ==, 5);
  g_assert_cmpuint (klive_threads_for_encoder (ladder, middle, NULL, 8), ==, 2);
  g_assert_cmpuint (klive_threads_for_encoder (ladder, small, NULL, 8), ==, 1);
  g_assert_cmpuint (klive_threads_for_encoder (ladder, large, NULL, 128), ==, 16);
  ladder_end (ladder);
}

static void
test_alone (void)
{
  KliveLadder *ladder = ladder_new ();
  const KliveRendition *unknown = add (ladder, KLIVE_TRACK_ENCODE, 0, 0, 0);

  g_assert_cmpuint (klive_threads_for_encoder (ladder, unknown, "veryfast", 4), ==, 4);
  ladder_end (ladder);
}

static void
test_real_time (void)
{
  KliveLadder *ladder = ladder_new ();
  const KliveRendition *large = add (ladder, KLIVE_TRACK_ENCODE, 1920, 1080, 60);

  for (guint i = 0; i < 4; i++) /* its share of four cores is one */
    add (ladder, KLIVE_TRACK_ENCODE, 1920, 1080, 50);
  g_assert_cmpuint (klive_threads_for_encoder (ladder, large, "veryfast", 4), ==, 4);
  g_assert_cmpuint (klive_threads_for_encoder (ladder, large, "fast", 8), ==, 7);
  g_assert_cmpuint (klive_threads_for_encoder (ladder, large, "slow", 8), ==, 8); /* there are no more */
  ladder_end (ladder);
}

static void
test_decoder (void)
{
  KliveTracks tracks = { .width = 1280, .height = 720, .fps_n = 30, .fps_d = 1 };

  g_assert_cmpuint (klive_threads_for_decoder (&tracks), ==, 1);
  tracks.width = 3840;
  tracks.height = 2160;
  g_assert_cmpuint (klive_threads_for_decoder (&tracks), ==, 2);
  tracks.fps_n = 240;
  g_assert_cmpuint (klive_threads_for_decoder (&tracks), ==, 4);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/threads/share", test_share);
  g_test_add_func ("/threads/alone", test_alone);
  g_test_add_func ("/threads/real-time", test_real_time);
  g_test_add_func ("/threads/decoder", test_decoder);
  return g_test_run ();
}
