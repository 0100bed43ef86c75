/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The numbers in lists and masters that come from the media. klive-hls-writer.c calls it for each segment.
 */
#include "klive-hls-facts.h"

#define SECOND G_GUINT64_CONSTANT (1000000000)
#define GOP_TOLERANCE (50 * G_GUINT64_CONSTANT (1000000)) /* ns */

void
klive_hls_facts_add_gop (KliveHlsState *state, guint64 segment_duration, guint64 gop)
{
  guint64 count = gop > 0 ? (segment_duration + gop / 2) / gop : 0;
  guint64 sum = count * gop;

  state->longest_gop = MAX (state->longest_gop, gop);
  if (count == 0 || MAX (sum, segment_duration) - MIN (sum, segment_duration) > GOP_TOLERANCE)
    state->gops_divide = FALSE;
}

/* The longest segment to expect, s: cuts are at the first keyframe in each slot. */
static guint
expect_target (const KliveHlsState *state, guint64 segment_duration)
{
  guint64 longest = segment_duration + (state->gops_divide ? 0 : state->longest_gop);

  return (longest + SECOND - 1) / SECOND;
}

gboolean
klive_hls_facts_update_target (KliveHlsState *state, guint64 segment_duration, guint64 duration)
{
  guint rounded = (duration + SECOND / 2) / SECOND;

  if (state->target_duration > 0 && rounded <= state->target_duration)
    return FALSE;
  state->target_duration = MAX (MAX (expect_target (state, segment_duration), rounded), 1);
  return TRUE;
}

static gboolean
replace_string (char **string, const char *value)
{
  if (!value || g_strcmp0 (*string, value) == 0)
    return FALSE;
  g_free (*string);
  *string = g_strdup (value);
  return TRUE;
}

static gboolean
replace_pair (guint *a, guint *b, guint new_a, guint new_b)
{
  if (new_a == 0 || (*a == new_a && *b == new_b))
    return FALSE;
  *a = new_a;
  *b = new_b;
  return TRUE;
}

static gboolean
update_codec (KliveHlsRendition *rendition, const KliveHlsSegment *segment, const char *fingerprint)
{
  gboolean changed = replace_string (&rendition->fingerprint, fingerprint);

  if (changed)
    rendition->width = rendition->height = rendition->fps_n = rendition->fps_d = 0;
  changed |= replace_string (&rendition->codecs, segment->codecs);
  changed |= replace_pair (&rendition->width, &rendition->height, segment->width, segment->height);
  changed |= replace_pair (&rendition->fps_n, &rendition->fps_d, segment->fps_n, segment->fps_d);
  return changed;
}

static gboolean
update_bandwidth (KliveHlsRendition *rendition, guint target_duration)
{
  guint64 recent = klive_playlist_get_recent_bitrate (rendition->list, target_duration);
  guint64 bandwidth = MAX (rendition->bandwidth, rendition->estimate);

  if (recent > bandwidth)
    bandwidth = (recent * 21 / 20 / 1000 + 1) * 1000;
  if (bandwidth == rendition->bandwidth)
    return FALSE;
  rendition->bandwidth = bandwidth;
  return TRUE;
}

/* AVERAGE-BANDWIDTH is rewritten when it is off by more than a tenth. */
static gboolean
update_average (KliveHlsRendition *rendition)
{
  guint64 average = (double) rendition->bytes * 8e9 / rendition->duration;
  guint64 shown = rendition->average;

  if (MAX (average, shown) - MIN (average, shown) <= shown / 10)
    return FALSE;
  rendition->average = average;
  return TRUE;
}

gboolean
klive_hls_facts_update_rendition (KliveHlsRendition *rendition, const KliveHlsSegment *segment, const char *fingerprint,
    guint target_duration)
{
  gboolean changed = update_codec (rendition, segment, fingerprint);

  rendition->bytes += segment->bytes;
  rendition->duration += segment->duration;
  changed |= update_bandwidth (rendition, target_duration);
  changed |= update_average (rendition);
  return changed;
}
