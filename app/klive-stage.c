/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One studio after the other. The session calls this on the main thread with every frame that it gets.
 *
 *   WAITING ──▶ ON AIR ──▶ CHANGING: a track has changed, the old studio writes out, frames are held ──▶ ON AIR
 *      ▲          │
 *      └──────────┘ the studio has failed: frames are held for a pause that grows
 */
#include "klive-stage.h"

#include "klive-hold.h"
#include "klive-log.h"
#include "klive-studio.h"

#define TRACK_LOST (5 * GST_SECOND) /* silent while the other goes on */
#define BACKOFF_FIRST 500           /* ms */
#define BACKOFF_MOST 10000
#define GOOD_STUDIO (60 * G_TIME_SPAN_SECOND) /* then its failure is the first one again */
#define FAILURES_TO_REDUCE 4


typedef enum { WAITING, ON_AIR, CHANGING } Phase;

struct _KliveStage {
  KliveShow *show;
  KliveStageCallbacks callbacks;
  gpointer user_data;
  char *stream;
  gint64 serial;
  KliveSource *source;
  KalturaProfile *profile; /* NULL: not open yet */
  KlivePlanLevel level;    /* what is left of the profile */
  gboolean blocked, ending;

  Phase phase;
  KliveHold *hold;
  gboolean warned_hold;
  GstClockTime newest_dts[2]; /* of each track: that came; NONE = no frame yet */
  GstClockTime last_dts[2];   /* of each track: that a studio was to get; the same */
  GstClockTime last_keyframe; /* PTS; NONE = no GOP measured from here */

  KliveStudio *studio;
  KliveHlsRun *run;            /* of the studio */
  KlivePlan *plan;             /* of the studio, or of the last one; nullable */
  KliveFormat *formats[2];     /* of the studio, or of the last one; nullable */
  gint64 started;              /* monotonic us: the studio */
  gboolean change_at_keyframe; /* the studio is to be replaced there */
  gboolean other_recordings;   /* that is why */
  guint failures;              /* of studios in a row */
  guint retry_source;
};

static void try_start (KliveStage *stage);
static void drain (KliveStage *stage);

static void
log_event (KliveStage *stage, KliveLogLevel level, const char *event, const char *message)
{
  klive_show_log (stage->show, level, event, stage->stream, stage->serial, message);
}

/* Of a studio that has ended or failed, or never was. */
static void
drop_studio (KliveStage *stage)
{
  g_clear_pointer (&stage->studio, klive_studio_free);
  if (stage->run != NULL)
    klive_hls_writer_end_run (stage->show->writer, g_steal_pointer (&stage->run));
  stage->change_at_keyframe = stage->other_recordings = FALSE;
  stage->phase = WAITING;
}

static void
finish_if_done (KliveStage *stage)
{
  if (stage->ending && stage->phase == WAITING)
    stage->callbacks.ended (stage, stage->user_data);
}

static gboolean
on_retry (gpointer user_data)
{
  KliveStage *stage = user_data;

  stage->retry_source = 0;
  try_start (stage);
  return G_SOURCE_REMOVE;
}

/* The pause before the next studio grows while they fail. */
static void
retry_later (KliveStage *stage)
{
  guint pause = BACKOFF_FIRST << MIN (stage->failures, 5);

  stage->failures++;
  g_clear_handle_id (&stage->retry_source, g_source_remove);
  stage->retry_source = g_timeout_add (MIN (pause, BACKOFF_MOST), on_retry, stage);
}

/* What the studio says */

static void
on_segment (KliveStudio *studio, const char *id, const KliveHlsSegment *segment, gpointer user_data)
{
  KliveStage *stage = user_data;

  klive_hls_writer_add_segment (stage->show->writer, stage->run, id, segment, g_get_real_time () * 1000);
}

static void
on_lost_segment (KliveStudio *studio, int error, gpointer user_data)
{
  KliveStage *stage = user_data;

  klive_hls_writer_add_failure (stage->show->writer, error, g_get_real_time () * 1000);
}

static void
on_warning (KliveStudio *studio, const char *message, gpointer user_data)
{
  log_event (user_data, KLIVE_LOG_WARNING, "studio-warning", message);
}

static void
on_failed (KliveStudio *studio, const char *message, gpointer user_data)
{
  KliveStage *stage = user_data;

  log_event (stage, KLIVE_LOG_ERROR, "studio-failed", message);
  if (g_get_monotonic_time () - stage->started > GOOD_STUDIO)
    stage->failures = 0;
  drop_studio (stage);
  if (stage->ending) {
    finish_if_done (stage);
    return;
  }
  retry_later (stage);
  stage->callbacks.changed (stage, stage->user_data);
}

static void
on_ended (KliveStudio *studio, gpointer user_data)
{
  KliveStage *stage = user_data;

  log_event (stage, KLIVE_LOG_INFO, "studio-ended", NULL);
  drop_studio (stage);
  try_start (stage);
  finish_if_done (stage);
}

static const KliveStudioCallbacks studio_callbacks = { on_segment, on_lost_segment, on_warning, on_failed, on_ended };

/* The next studio */

/* FALSE: there is nothing left to leave out. */
static gboolean
reduce (KliveStage *stage, const char *reason)
{
  static const char *const left[] = { NULL, "hardware encoders are given up",
    "only the renditions that pass the picture through are left",
    "only renditions that pass everything through are left", "the source passes through" };
  g_autofree char *text = NULL;

  if (stage->level == KLIVE_PLAN_PASSTHROUGH)
    return FALSE;
  stage->level++;
  if (stage->level == KLIVE_PLAN_SOFTWARE && (stage->plan == NULL || !klive_plan_uses_hardware (stage->plan)))
    stage->level++;
  stage->profile = klive_plan_reduce (stage->profile, stage->level, stage->stream);
  text = g_strdup_printf ("%s: %s", reason, left[stage->level]);
  log_event (stage, KLIVE_LOG_WARNING, "ladder-reduced", text);
  return TRUE;
}

static gboolean
make_plan (KliveStage *stage, const KliveTracks *tracks, GError **error)
{
  g_clear_pointer (&stage->plan, klive_plan_free);
  stage->plan = klive_plan_new (stage->show, stage->profile, stage->stream, tracks,
      stage->formats[KLIVE_TIMELINE_VIDEO], stage->formats[KLIVE_TIMELINE_AUDIO], error);
  if (stage->plan == NULL)
    return FALSE;
  for (guint i = 0; i < stage->plan->ladder->warnings->len; i++)
    log_event (stage, KLIVE_LOG_WARNING, "ladder-warning", stage->plan->ladder->warnings->pdata[i]);
  return TRUE;
}

/* The ladder of the profile, or what can be had of it here: the show goes on. */
static gboolean
choose_plan (KliveStage *stage, GError **error)
{
  KliveTracks tracks;

  klive_source_get_tracks (stage->source, stage->formats[KLIVE_TIMELINE_VIDEO], stage->formats[KLIVE_TIMELINE_AUDIO],
      &tracks);
  if (stage->failures >= FAILURES_TO_REDUCE && stage->plan != NULL && klive_plan_encodes (stage->plan))
    reduce (stage, "the ladder fails again and again");
  for (;;) {
    g_autoptr (GError) local = NULL;

    if (make_plan (stage, &tracks, &local))
      return TRUE;
    if (!reduce (stage, local->message)) {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  }
}

/* Whether @track has come lately: what the other one has had since then is not much. */
static gboolean
is_alive (const KliveStage *stage, KliveTimelineTrack track)
{
  GstClockTime own = stage->newest_dts[track], other = stage->newest_dts[1 - track];

  return GST_CLOCK_TIME_IS_VALID (own) && (!GST_CLOCK_TIME_IS_VALID (other) || other <= own + TRACK_LOST);
}

/* A track belongs to the next studio if frames of it are held, or if it is alive. */
static void
choose_formats (KliveStage *stage)
{
  for (guint i = 0; i < G_N_ELEMENTS (stage->formats); i++) {
    const KliveFrame *held = klive_hold_peek_track (stage->hold, i);
    KliveFormat *format = held != NULL ? held->format : NULL;

    if (held == NULL && is_alive (stage, i))
      format = klive_source_get_format (stage->source, i);
    if (format != NULL)
      klive_format_ref (format);
    g_clear_pointer (&stage->formats[i], klive_format_unref);
    stage->formats[i] = format;
  }
}

/* Of the first segment, ns since 1970: the first picture's if there are any. */
static gint64
get_date (const KliveStage *stage)
{
  const KliveFrame *picture = klive_hold_peek_track (stage->hold, KLIVE_TIMELINE_VIDEO);
  const KliveFrame *first = picture != NULL ? picture : klive_hold_peek (stage->hold);

  return stage->show->epoch + (gint64) GST_BUFFER_PTS (first->buffer);
}

static gboolean
start_studio (KliveStage *stage, GError **error)
{
  KliveShow *show = stage->show;
  KliveStudioSetup setup = { NULL, show->entry, stage->stream, stage->formats[KLIVE_TIMELINE_VIDEO],
    stage->formats[KLIVE_TIMELINE_AUDIO], show->context, show->registration_delay };
  g_autofree char *text = NULL;

  if (!choose_plan (stage, error))
    return FALSE;
  stage->run = klive_hls_writer_start_run (show->writer, stage->stream, stage->serial, stage->plan->ladder,
      stage->plan->fingerprint, KLIVE_HLS_RUN_DEFAULT, get_date (stage), g_get_real_time () * 1000);
  text = klive_plan_make_text (stage->plan, stage->serial, klive_hls_run_get_start_index (stage->run), error);
  if (text == NULL)
    return FALSE;
  setup.text = text;
  stage->studio = klive_studio_new (&setup, &studio_callbacks, stage, error);
  return stage->studio != NULL;
}

static void
log_start (KliveStage *stage)
{
  const KliveFormat *video = stage->formats[KLIVE_TIMELINE_VIDEO], *audio = stage->formats[KLIVE_TIMELINE_AUDIO];
  g_autofree char *renditions = g_strdup_printf ("%u", stage->plan->ladder->renditions->len);
  g_autofree char *size = video != NULL ? g_strdup_printf ("%ux%u", video->width, video->height) : NULL;

  klive_log (KLIVE_LOG_INFO, "studio-started", stage->show->entry, stage->stream, "video",
      video != NULL ? klive_flv_codec_get_name (video->codec) : "none", "audio",
      audio != NULL ? klive_flv_codec_get_name (audio->codec) : "none", "size", size, "renditions", renditions, NULL);
}

static void
feed (KliveStage *stage, KliveFrame *frame)
{
  GstClockTime pts = GST_BUFFER_PTS (frame->buffer);

  if (klive_frame_is_keyframe (frame)) {
    if (GST_CLOCK_TIME_IS_VALID (stage->last_keyframe) && pts > stage->last_keyframe)
      klive_hls_writer_add_gop (stage->show->writer, pts - stage->last_keyframe);
    stage->last_keyframe = pts;
  }
  klive_studio_feed (stage->studio, frame);
}

/* Whether a track of the studio is silent while @frame's goes on. */
static gboolean
has_lost_track (const KliveStage *stage, const KliveFrame *frame)
{
  KliveTimelineTrack other = 1 - frame->track;

  return stage->formats[other] != NULL && GST_CLOCK_TIME_IS_VALID (stage->last_dts[other]) &&
      GST_BUFFER_DTS (frame->buffer) > stage->last_dts[other] + TRACK_LOST;
}

static void
hold_frame (KliveStage *stage, KliveFrame *frame)
{
  if (klive_hold_push (stage->hold, frame) > 0 && !stage->warned_hold) {
    stage->warned_hold = TRUE;
    log_event (stage, KLIVE_LOG_WARNING, "hold-full", "frames are lost, because no studio takes them");
  }
}

/* A fresh studio; this one writes out what it has. */
static void
change_studio (KliveStage *stage, const char *why)
{
  log_event (stage, KLIVE_LOG_INFO, "studio-changes", why);
  stage->phase = CHANGING;
  klive_studio_end (stage->studio);
}

typedef enum { FEED, SKIP, CHANGE } Verdict;

/*
 * What becomes of the next frame. Changes of the sound wait for the next keyframe while the video goes on as it was, so
 * that no picture is lost; sound of another kind is left out until then.
 */
static Verdict
judge (KliveStage *stage, const KliveFrame *frame)
{
  gboolean fits = klive_studio_takes (stage->studio, frame);
  gboolean lost = has_lost_track (stage, frame);

  if (frame->track == KLIVE_TIMELINE_AUDIO) {
    if (fits)
      return lost || (stage->other_recordings && stage->formats[KLIVE_TIMELINE_VIDEO] == NULL) ? CHANGE : FEED;
    if (stage->formats[KLIVE_TIMELINE_VIDEO] == NULL || lost)
      return CHANGE;
    stage->change_at_keyframe = TRUE;
    return SKIP;
  }
  stage->change_at_keyframe |= lost;
  return !fits || (stage->change_at_keyframe && klive_frame_is_keyframe (frame)) ? CHANGE : FEED;
}

/* From the hold into the studio, until a frame asks for another studio. */
static void
drain (KliveStage *stage)
{
  const KliveFrame *next;

  while (stage->phase == ON_AIR && (next = klive_hold_peek (stage->hold)) != NULL) {
    KliveTimelineTrack track = next->track;
    GstClockTime dts = GST_BUFFER_DTS (next->buffer);
    Verdict verdict = judge (stage, next);

    stage->last_dts[track] = dts;
    if (verdict == CHANGE) {
      change_studio (stage,
          stage->other_recordings                        ? "it is known what to record"
              : klive_studio_takes (stage->studio, next) ? "a track has come or gone"
                                                         : "a track has come or changed its codec");
      return;
    }
    if (verdict == FEED)
      feed (stage, klive_hold_pop (stage->hold));
    else
      klive_frame_free (klive_hold_pop (stage->hold));
  }
  if (stage->phase == ON_AIR && stage->ending)
    klive_studio_end (stage->studio);
}

/* A studio, if everything that it needs is there. */
static void
try_start (KliveStage *stage)
{
  g_autoptr (GError) error = NULL;

  if (stage->phase != WAITING || stage->blocked || stage->retry_source != 0 || stage->profile == NULL ||
      klive_hold_peek (stage->hold) == NULL)
    return;
  choose_formats (stage);
  if (!klive_hold_begin (stage->hold, stage->formats[KLIVE_TIMELINE_VIDEO] != NULL))
    return;
  stage->last_keyframe = GST_CLOCK_TIME_NONE;
  stage->started = g_get_monotonic_time ();
  if (!start_studio (stage, &error)) {
    log_event (stage, KLIVE_LOG_ERROR, "studio-failed", error->message);
    drop_studio (stage);
    retry_later (stage);
    return;
  }
  stage->phase = ON_AIR;
  log_start (stage);
  drain (stage);
  stage->callbacks.changed (stage, stage->user_data);
}

KliveStage *
klive_stage_new (KliveShow *show, const char *stream, gint64 serial, KliveSource *source,
    const KliveStageCallbacks *callbacks, gpointer user_data)
{
  KliveStage *stage = g_new0 (KliveStage, 1);

  stage->show = show;
  stage->stream = g_strdup (stream);
  stage->serial = serial;
  stage->source = source;
  stage->callbacks = *callbacks;
  stage->user_data = user_data;
  stage->hold = klive_hold_new ();
  stage->newest_dts[0] = stage->newest_dts[1] = GST_CLOCK_TIME_NONE;
  stage->last_dts[0] = stage->last_dts[1] = stage->last_keyframe = GST_CLOCK_TIME_NONE;
  return stage;
}

void
klive_stage_free (KliveStage *stage)
{
  if (stage == NULL)
    return;
  g_clear_handle_id (&stage->retry_source, g_source_remove);
  drop_studio (stage);
  klive_hold_free (stage->hold);
  g_clear_pointer (&stage->profile, kaltura_profile_free);
  g_clear_pointer (&stage->plan, klive_plan_free);
  g_clear_pointer (&stage->formats[0], klive_format_unref);
  g_clear_pointer (&stage->formats[1], klive_format_unref);
  g_free (stage->stream);
  g_free (stage);
}

void
klive_stage_take (KliveStage *stage, KliveFrame *frame)
{
  stage->newest_dts[frame->track] = GST_BUFFER_DTS (frame->buffer);
  hold_frame (stage, frame);
  if (stage->phase == ON_AIR)
    drain (stage);
  else
    try_start (stage);
}

void
klive_stage_open (KliveStage *stage, KalturaProfile *profile)
{
  g_return_if_fail (stage->profile == NULL);
  stage->profile = profile;
  try_start (stage);
}

void
klive_stage_set_blocked (KliveStage *stage, gboolean blocked)
{
  stage->blocked = blocked;
  try_start (stage);
}

void
klive_stage_end (KliveStage *stage)
{
  stage->ending = TRUE;
  g_clear_handle_id (&stage->retry_source, g_source_remove);
  try_start (stage); /* a short broadcast: what was held still is one */
  if (stage->phase == ON_AIR)
    drain (stage);
  finish_if_done (stage);
}

void
klive_stage_tick (KliveStage *stage)
{
  if (stage->studio != NULL)
    klive_studio_tick (stage->studio);
}

void
klive_stage_update_context (KliveStage *stage)
{
  if (stage->studio != NULL)
    klive_studio_set_context (stage->studio, stage->show->context);
}

void
klive_stage_change_recordings (KliveStage *stage)
{
  if (stage->phase == ON_AIR)
    stage->change_at_keyframe = stage->other_recordings = TRUE;
}

GstClockTime
klive_stage_get_newest (const KliveStage *stage)
{
  GstClockTime video = stage->newest_dts[KLIVE_TIMELINE_VIDEO], audio = stage->newest_dts[KLIVE_TIMELINE_AUDIO];

  return !GST_CLOCK_TIME_IS_VALID (video) ? audio : !GST_CLOCK_TIME_IS_VALID (audio) ? video : MAX (video, audio);
}

void
klive_stage_split_recordings (KliveStage *stage, GstClockTime running_time)
{
  if (stage->studio != NULL)
    klive_studio_split_recordings (stage->studio, running_time);
}

void
klive_stage_add_metadata (KliveStage *stage, GstClockTime running_time, GBytes *tag)
{
  if (stage->studio != NULL)
    klive_studio_add_metadata (stage->studio, running_time, tag);
}

void
klive_stage_describe_recordings (KliveStage *stage, JsonArray *array)
{
  if (stage->studio != NULL)
    klive_studio_describe_recordings (stage->studio, array);
}

const char *
klive_stage_get_state (const KliveStage *stage)
{
  static const char *const names[] = { "waiting", "on-air", "changing" };

  return names[stage->phase];
}

const KliveFormat *
klive_stage_get_format (const KliveStage *stage, KliveTimelineTrack track)
{
  return stage->formats[track];
}

void
klive_stage_describe_renditions (KliveStage *stage, JsonArray *renditions)
{
  gint64 now = g_get_monotonic_time ();

  if (stage->studio == NULL)
    return;
  for (guint i = 0; i < stage->plan->ladder->renditions->len; i++) {
    const KliveRendition *rendition = stage->plan->ladder->renditions->pdata[i];
    JsonObject *object = json_object_new ();
    KliveStudioRendition state = { 0 };

    klive_studio_get_rendition (stage->studio, rendition->id, &state);
    json_object_set_string_member (object, "id", rendition->id);
    json_object_set_string_member (object, "name", rendition->name);
    json_object_set_string_member (object, "stream", stage->stream);
    json_object_set_int_member (object, "serial", stage->serial);
    json_object_set_int_member (object, "width", rendition->width);
    json_object_set_int_member (object, "height", rendition->height);
    json_object_set_int_member (object, "bitrate", rendition->bandwidth);
    json_object_set_int_member (object, "segments", (gint64) state.segments);
    json_object_set_int_member (object, "lostSegments", (gint64) state.lost);
    if (state.last_segment > 0)
      json_object_set_double_member (object, "lastSegmentAge", (double) (now - state.last_segment) / G_USEC_PER_SEC);
    json_object_set_int_member (object, "shed", (gint64) state.shed);
    json_object_set_boolean_member (object, "halfRate", state.half_rate);
    json_array_add_object_element (renditions, object);
  }
}
