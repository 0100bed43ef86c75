/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * FitMode, Width and Height of a conversion profile against the size of the source. Pure; klive-ladder.c calls it.
 *
 * The source counts as it is shown: coded width times pixel aspect ratio. Renditions have square pixels, as every
 * encoder of a ladder makes them and as 854x480 instead of 853.33x480 wants it.
 */
#include "klive-frame-size.h"

#include <string.h>

static guint
even_down (guint value)
{
  return MAX (value & ~1u, 2);
}

/* @value * @n / @d to the nearest even number, @limit at most */
static guint
scale_even (guint value, guint n, guint d, guint limit)
{
  guint64 doubled = ((guint64) value * n + d) / (2 * (guint64) d);

  return CLAMP (doubled * 2, 2, (guint64) even_down (limit));
}

gboolean
klive_frame_size_is_own_shape (const char *fit_mode)
{
  static const char *const modes[] = { "letterbox", "crop", "stretch", NULL };

  return fit_mode && g_strv_contains (modes, fit_mode);
}

static KliveSize
get_display_size (const KliveTracks *source)
{
  KliveSize size = { source->width, source->height };

  if (source->par_n > 0 && source->par_d > 0)
    size.width = ((guint64) source->width * source->par_n + source->par_d / 2) / source->par_d;
  return size;
}

static KliveSize
fit_width (KliveSize source, guint width)
{
  KliveSize size = { even_down (MIN (width, source.width)), 0 };

  size.height = scale_even (size.width, source.height, source.width, source.height);
  return size;
}

static KliveSize
fit_height (KliveSize source, guint height)
{
  KliveSize size = { 0, even_down (MIN (height, source.height)) };

  size.width = scale_even (size.height, source.width, source.height, source.width);
  return size;
}

static KliveSize
fit_inside (KliveSize source, KliveSize box)
{
  KliveSize size = fit_width (source, box.width);

  return size.height <= box.height ? size : fit_height (source, box.height);
}

/* @wanted made smaller in its own shape until it is not larger than @source. */
static KliveSize
shrink (KliveSize source, KliveSize wanted)
{
  guint64 by_width = (guint64) source.width * wanted.height, by_height = (guint64) source.height * wanted.width;
  KliveSize size = { even_down (wanted.width), even_down (wanted.height) };

  if (wanted.width <= source.width && wanted.height <= source.height)
    return size;
  if (by_width < by_height) {
    size.width = even_down (source.width);
    size.height = scale_even (source.width, wanted.height, wanted.width, source.height);
  } else {
    size.height = even_down (source.height);
    size.width = scale_even (source.height, wanted.width, wanted.height, source.width);
  }
  return size;
}

/* Of a frame around a picture borders go first: the picture in it stays as large as it can be. */
static KliveSize
clip (KliveSize source, KliveSize wanted)
{
  return (KliveSize){ even_down (MIN (wanted.width, source.width)), even_down (MIN (wanted.height, source.height)) };
}

static gboolean
is_larger (KliveSize wanted, KliveSize source, gboolean by_width, gboolean by_height)
{
  return (by_width && wanted.width > source.width) || (by_height && wanted.height > source.height);
}

/* letterbox, crop and stretch: a frame whose shape is not the source's. */
static KliveSize
fit_frame (KliveSize source, gboolean letterbox, KliveSize wanted, char **warning)
{
  if (is_larger (wanted, source, TRUE, TRUE))
    *warning = g_strdup_printf ("a size of %ux%u is larger than the source (%ux%u): it is not enlarged", wanted.width,
        wanted.height, source.width, source.height);
  return letterbox ? clip (source, wanted) : shrink (source, wanted);
}

KliveSize
klive_frame_size_fit (const KliveTracks *source, const char *fit_mode, KliveSize wanted, char **warning)
{
  KliveSize shown = get_display_size (source);
  gboolean by_width = g_strcmp0 (fit_mode, "fit-width") == 0;
  gboolean by_height = g_strcmp0 (fit_mode, "fit-height") == 0;
  gboolean match = g_strcmp0 (fit_mode, "match-source") == 0;

  *warning = NULL;
  if (shown.width == 0 || shown.height == 0)
    return (KliveSize){ 0, 0 };
  if (klive_frame_size_is_own_shape (fit_mode) && wanted.width > 0 && wanted.height > 0)
    return fit_frame (shown, strcmp (fit_mode, "letterbox") == 0, wanted, warning);
  if (!by_width && !by_height && !match) {
    by_height = wanted.height > 0;
    by_width = wanted.width > 0;
    if (klive_frame_size_is_own_shape (fit_mode))
      *warning = g_strdup_printf ("FitMode \"%s\" needs Width and Height: the picture keeps its shape", fit_mode);
    else if (fit_mode)
      *warning =
          g_strdup_printf ("FitMode \"%s\" is not known: the picture keeps its shape and fits into the size", fit_mode);
  }
  if ((by_width && wanted.width == 0) || (by_height && wanted.height == 0)) {
    *warning = g_strdup_printf ("FitMode \"%s\" without the size it needs: the size of the source is used", fit_mode);
    return (KliveSize){ even_down (shown.width), even_down (shown.height) };
  }
  if (is_larger (wanted, shown, by_width, by_height)) {
    g_free (*warning);
    *warning = g_strdup_printf ("a %s of %u is larger than the source (%ux%u): it is not enlarged",
        by_height ? "height" : "width", by_height ? wanted.height : wanted.width, shown.width, shown.height);
  }
  if (by_width && by_height)
    return fit_inside (shown, wanted);
  if (by_width)
    return fit_width (shown, wanted.width);
  if (by_height)
    return fit_height (shown, wanted.height);
  return (KliveSize){ even_down (shown.width), even_down (shown.height) };
}
