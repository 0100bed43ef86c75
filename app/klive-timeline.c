/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Timestamps of an encoder onto Unix time. The session calls this on the main thread, tag by tag.
 *
 * A *base* is an offset: time = offset + unwrapped timestamp. A timeline begins with one base for both tracks. When a
 * track's timestamps jump, a new base puts them where they belong by the clock, and the other track changes over to it
 * when its own timestamps make the same jump; until then it goes on with the old one. Timelines of a group share a
 * base, drift correction included, so that the ingests of one encoder stay aligned to the frame.
 */
#include "klive-timeline.h"

#include <stdlib.h>

#define MS ((gint64) 1000000)
#define SECOND (1000 * MS)

#define SHARE_WINDOW SECOND       /* offsets that differ by less are the same encoder's */
#define STEP_BACK (100 * MS)      /* a smaller step back is a fault of one stamp, a larger one a jump */
#define STEP_FORWARD (2 * SECOND) /* a larger one must agree with the clock */
#define WRAP_STEP (10 * SECOND)   /* the longest step over a wrap */
#define WRAP_ZONE (60 * SECOND)   /* a wrap happens this near to the limit */
#define FIRST_STEP (10 * SECOND)  /* the other track's first timestamp is no farther away */
#define MAX_COMPOSITION 5000      /* ms */
#define MAX_REORDER 16            /* pictures of H.264 that may be shown in another order */

#define DRIFT_WINDOW (10 * SECOND)
#define DRIFT_TOLERANCE (50 * MS)
#define DRIFT_PPM 300
#define MAX_LATENESS (500 * MS) /* of the first tag, which may have been on its way for longer or shorter than usual */

#define GRID_TOLERANCE (2 * MS) /* RTMP's ms, rounded either way */
#define GRID_NUDGE 10000        /* ns a frame: less than a tick of the 90 kHz clock */
#define GRID_MARGIN (50 * MS)

typedef struct {
  gint refs;
  gint64 offset;     /* ns */
  gint64 window_end; /* of the present drift window, ns since 1970 */
  gint64 least_late; /* ns, of the tags in the window */
  gint64 usual;      /* ns: least_late of the first window; what it is later, beyond this, is drift */
  gboolean measured; /* usual is set */
  gint64 correction; /* ns, still to be given to the offset */
  gint64 corrected;  /* when that was done last, ns since 1970 */
} Base;

/* A timestamp and what it is without the wraps. */
typedef struct {
  guint32 raw;      /* ms */
  gint64 unwrapped; /* ns */
} Stamp;

typedef struct {
  Base *base; /* NULL before the first tag */
  Stamp last;
  gint64 dts;      /* ns since 1970, the last one given */
  gint64 interval; /* ns between frames */
  gint64 lateness; /* ns, smoothed: arrival minus time */
} Track;

struct _KliveTimeline {
  KliveTimelineGroup *group;
  gint64 floor;
  Track tracks[2];
  Base *newest; /* nullable */
  Stamp latest; /* last timestamp of any track in the newest base */
  guint64 repairs;
  guint samples, rate;       /* of an audio frame; 0 = no grid */
  gint64 shown[MAX_REORDER]; /* PTS of the last pictures, ns since 1970 */
  guint n_shown;
  gint64 grid_start;   /* ns since 1970, 0 = not set */
  guint64 grid_frames; /* since grid_start */
};

struct _KliveTimelineGroup {
  GPtrArray *timelines; /* not owned */
};

static Base *
base_new (gint64 offset, gint64 now)
{
  Base *base = g_new0 (Base, 1);

  base->refs = 1;
  base->offset = offset;
  base->window_end = now + DRIFT_WINDOW;
  base->least_late = G_MAXINT64;
  base->corrected = now;
  return base;
}

static void
base_unref (Base *base)
{
  if (base != NULL && --base->refs == 0)
    g_free (base);
}

static void
base_set (Base **place, Base *base)
{
  base->refs++;
  base_unref (*place);
  *place = base;
}

/* The clock says by how much this base has gone wrong; it is put right by 0.3 ms in a second at most. */
static void
base_follow_clock (Base *base, gint64 late, gint64 now)
{
  gint64 most = (now - base->corrected) / 1000000 * DRIFT_PPM;
  gint64 step = CLAMP (base->correction, -MAX (most, 0), MAX (most, 0));
  gint64 drift;

  base->corrected = now;
  base->offset += step;
  base->correction -= step;
  base->least_late = MIN (base->least_late, late);
  if (now < base->window_end && now > base->window_end - 2 * DRIFT_WINDOW)
    return;
  if (!base->measured) {
    base->measured = TRUE;
    base->usual = CLAMP (base->least_late, -MAX_LATENESS, MAX_LATENESS);
  }
  drift = base->least_late - base->usual;
  base->correction = ABS (drift) > DRIFT_TOLERANCE ? drift : 0;
  base->least_late = G_MAXINT64;
  base->window_end = now + DRIFT_WINDOW;
}

KliveTimelineGroup *
klive_timeline_group_new (void)
{
  KliveTimelineGroup *group = g_new0 (KliveTimelineGroup, 1);

  group->timelines = g_ptr_array_new ();
  return group;
}

void
klive_timeline_group_free (KliveTimelineGroup *group)
{
  g_ptr_array_unref (group->timelines);
  g_free (group);
}

KliveTimeline *
klive_timeline_new (KliveTimelineGroup *group, gint64 floor)
{
  KliveTimeline *timeline = g_new0 (KliveTimeline, 1);

  timeline->group = group;
  timeline->floor = floor;
  timeline->tracks[KLIVE_TIMELINE_VIDEO].interval = 40 * MS;
  timeline->tracks[KLIVE_TIMELINE_AUDIO].interval = 23 * MS;
  g_ptr_array_add (group->timelines, timeline);
  return timeline;
}

void
klive_timeline_free (KliveTimeline *timeline)
{
  g_ptr_array_remove (timeline->group->timelines, timeline);
  base_unref (timeline->tracks[0].base);
  base_unref (timeline->tracks[1].base);
  base_unref (timeline->newest);
  g_free (timeline);
}

void
klive_timeline_set_audio_frame (KliveTimeline *timeline, guint samples, guint rate)
{
  if (timeline->samples == samples && timeline->rate == rate)
    return;
  timeline->samples = rate > 0 ? samples : 0;
  timeline->rate = rate;
  timeline->grid_start = 0;
  if (timeline->samples > 0)
    timeline->tracks[KLIVE_TIMELINE_AUDIO].interval = samples * SECOND / rate;
}

gint64
klive_timeline_get_latest (const KliveTimeline *timeline)
{
  return MAX (timeline->tracks[0].dts, timeline->tracks[1].dts);
}

guint64
klive_timeline_get_repairs (const KliveTimeline *timeline)
{
  return timeline->repairs;
}

gint64
klive_timeline_get_skew (const KliveTimeline *timeline)
{
  if (timeline->tracks[0].base == NULL || timeline->tracks[1].base == NULL)
    return 0;
  return timeline->tracks[KLIVE_TIMELINE_AUDIO].lateness - timeline->tracks[KLIVE_TIMELINE_VIDEO].lateness;
}

/* @raw next to @reference, in ns: over the wrap of 32 bits, or of a sender that has fewer, or passes MPEG-TS on. */
static gint64
unwrap (const Stamp *reference, guint32 raw)
{
  static const gint64 limits[] = { (gint64) 1 << 24, ((gint64) 1 << 33) / 90 + 1, (gint64) 1 << 31 };
  gint64 step = (gint32) (raw - reference->raw);
  gint64 low = MIN (raw, reference->raw), high = MAX (raw, reference->raw);
  guint i;

  if (ABS (step) <= WRAP_STEP / MS)
    return reference->unwrapped + step * MS;
  for (i = 0; i < G_N_ELEMENTS (limits); i++) {
    gint64 around = low + limits[i] - high;

    if (high < limits[i] && around <= WRAP_STEP / MS && limits[i] - high <= WRAP_ZONE / MS && low <= WRAP_ZONE / MS)
      return reference->unwrapped + (raw == low ? around : -around) * MS;
  }
  return reference->unwrapped + step * MS;
}

/* A base of another timeline in the group that puts @raw where @time is, nearly. */
static Base *
find_shared (KliveTimeline *timeline, guint32 raw, gint64 time, gint64 *unwrapped)
{
  guint i;

  for (i = 0; i < timeline->group->timelines->len; i++) {
    KliveTimeline *other = timeline->group->timelines->pdata[i];

    if (other == timeline || other->newest == NULL)
      continue;
    *unwrapped = unwrap (&other->latest, raw);
    if (ABS (other->newest->offset + *unwrapped - time) <= SHARE_WINDOW)
      return other->newest;
  }
  return NULL;
}

/* A new base for @track, which has @raw now. */
static void
rebase (KliveTimeline *timeline, Track *track, guint32 raw, gint64 now)
{
  gint64 latest = klive_timeline_get_latest (timeline);
  gint64 least = MAX (timeline->floor, latest > 0 ? latest + track->interval : 0);
  gint64 time = MAX (now, least);
  gint64 unwrapped;
  Base *base = find_shared (timeline, raw, time, &unwrapped);

  if (base != NULL && base->offset + unwrapped >= least) {
    base->refs++;
  } else {
    unwrapped = raw * MS;
    base = base_new (time - unwrapped, now);
  }
  base_set (&track->base, base);
  base_set (&timeline->newest, base);
  base_unref (base);
  timeline->latest.raw = raw;
  timeline->latest.unwrapped = unwrapped;
}

/* Whether @raw belongs to the newest base, going by the other track. */
static gboolean
is_near_newest (const KliveTimeline *timeline, guint32 raw, gint64 most)
{
  gint64 step = unwrap (&timeline->latest, raw) - timeline->latest.unwrapped;

  return ABS (step) <= most;
}

/* Chooses the base of @track for @raw. Returns the timestamp without the wraps. */
static gint64
place (KliveTimeline *timeline, Track *track, guint32 raw, gint64 now)
{
  gint64 unwrapped, step;

  if (track->base == NULL) {
    if (timeline->newest != NULL && is_near_newest (timeline, raw, FIRST_STEP)) {
      base_set (&track->base, timeline->newest);
      return unwrap (&timeline->latest, raw);
    }
    timeline->repairs += timeline->newest != NULL;
    rebase (timeline, track, raw, now);
    return timeline->latest.unwrapped;
  }
  unwrapped = unwrap (&track->last, raw);
  step = unwrapped - track->last.unwrapped;
  if (step >= -STEP_BACK && step <= STEP_FORWARD)
    return unwrapped;
  if (is_near_newest (timeline, raw, STEP_FORWARD) && (step > 0 || track->base != timeline->newest)) {
    base_set (&track->base, timeline->newest);
    return unwrap (&timeline->latest, raw);
  }
  if (step > 0 && track->base->offset + unwrapped <= now + STEP_FORWARD)
    return unwrapped; /* nothing came for a while: a gap stays a gap */
  timeline->repairs++;
  rebase (timeline, track, raw, now);
  return timeline->latest.unwrapped;
}

static gint64
grid_time (const KliveTimeline *timeline)
{
  /* split, so that it does not overflow: whole seconds and the rest */
  guint64 samples = timeline->grid_frames * timeline->samples;

  return timeline->grid_start + (gint64) (samples / timeline->rate) * SECOND +
      (gint64) (samples % timeline->rate) * SECOND / timeline->rate;
}

/* Audio frames lie side by side; @time, which jitters by RTMP's ms and more, only says where roughly. */
static gint64
snap (KliveTimeline *timeline, const Track *track, gint64 time)
{
  gint64 margin = MAX (GRID_MARGIN, track->interval * 3 / 2);
  gint64 error;

  if (timeline->samples == 0)
    return time;
  error = timeline->grid_start != 0 ? time - grid_time (timeline) : G_MAXINT64;
  if (error > margin || error < -margin) {
    timeline->repairs += error < 0;
    timeline->grid_start = error < 0 ? MAX (time, track->dts + MS) : time;
    timeline->grid_frames = 0;
  } else if (ABS (error) > GRID_TOLERANCE) {
    timeline->grid_start += CLAMP (error, -GRID_NUDGE, GRID_NUDGE);
  }
  time = grid_time (timeline);
  timeline->grid_frames++;
  return time;
}

/* No picture is shown in place of another one: encoders that repeat a DTS repeat the PTS with it. */
static gint64
find_free_pts (KliveTimeline *timeline, gint64 pts)
{
  for (guint i = 0; i < G_N_ELEMENTS (timeline->shown); i++) {
    if (ABS (timeline->shown[i] - pts) < MS) {
      pts = timeline->shown[i] + MS;
      i = (guint) -1;
    }
  }
  timeline->shown[timeline->n_shown++ % G_N_ELEMENTS (timeline->shown)] = pts;
  return pts;
}

void
klive_timeline_stamp (KliveTimeline *timeline, KliveTimelineTrack which, guint32 timestamp, gint32 composition_time,
    gint64 now, gint64 *dts, gint64 *pts)
{
  Track *track = &timeline->tracks[which];
  gboolean first = track->base == NULL;
  gint64 unwrapped = place (timeline, track, timestamp, now);
  gint64 step = unwrapped - track->last.unwrapped;
  gint64 time = track->base->offset + unwrapped;

  track->lateness += (now - time - track->lateness) / (first ? 1 : 32);
  base_follow_clock (track->base, now - time, now);
  track->last.raw = timestamp;
  track->last.unwrapped = unwrapped;
  if (track->base == timeline->newest)
    timeline->latest = track->last;
  if (which == KLIVE_TIMELINE_AUDIO)
    time = snap (timeline, track, time);
  else if (!first && step > 0 && step < SECOND)
    track->interval += (step - track->interval) / 8;

  *dts = time > track->dts ? time : track->dts + MS;
  *pts = time + composition_time * MS;
  if (composition_time > MAX_COMPOSITION || *pts < *dts)
    *pts = *dts;
  if (which == KLIVE_TIMELINE_VIDEO)
    *pts = find_free_pts (timeline, *pts);
  timeline->repairs += *dts != time || *pts != time + composition_time * MS;
  track->dts = *dts;
}
