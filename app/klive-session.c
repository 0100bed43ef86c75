/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A session's life: what the reader brings becomes frames and goes to the stage; what the stage needs to know first
 * (tracks, conversion profile) is found out here, each with its deadline. Everything runs on the main thread.
 */
#include "klive-session.h"

#include "klive-encoders.h"
#include "klive-log.h"
#include "klive-reader.h"

#define READY_DEADLINE 2000            /* ms */
#define TRACKS_DEADLINE 1000           /* ms, from the first frame on */
#define PROFILE_DEADLINE 5000          /* ms */
#define RECORDINGS_DEADLINE 3000       /* ms, from the profile on; later, recording begins with another studio */
#define DRAIN_DEADLINE 1000            /* ms */
#define END_DEADLINE 7000              /* ms */
#define FRAME_PAUSE (40 * GST_MSECOND) /* between the last frame of a session and the first of the next */
#define NO_MEDIA (10 * G_TIME_SPAN_SECOND)
#define REPAIRS_PAUSE (10 * GST_SECOND) /* between two log lines about repaired timestamps */

struct _KliveSession {
  KliveShow *show;
  KliveSessionCallbacks callbacks;
  gpointer user_data;
  char *stream, *name, *app, *address;
  gint64 serial, client_id;
  gint64 opened; /* monotonic us */

  KliveReader *reader; /* NULL once nothing more is read */
  KliveSource *source; /* NULL before the first tag, like the stage */
  KliveStage *stage;
  gint64 *floor; /* of show->floors */
  guint ready_source, tracks_source, profile_source, recordings_source;
  gboolean told_ready, live, tracks_known, asked_for_profile, warned_no_media, blocked;
  gboolean seen[2];        /* frames of each track */
  gboolean pull_lost;      /* no tag since a pull ended */
  gint64 last_frame;       /* ns since 1970: arrival; 0 = none */
  guint64 repairs_told;    /* timestamps repaired, as far as the log tells */
  gint64 repairs_time;     /* ns since 1970: of that log line; 0 = none */
  KalturaProfile *profile; /* until the stage has it; nullable */
  gboolean has_profile;
  gboolean waits_no_more; /* for what is to be recorded */

  gboolean ending;
  gboolean hurry; /* KLIVE_SESSION_END_NOW */
  guint drain_source, end_source;
};


static void
log_event (KliveSession *session, KliveLogLevel level, const char *event, const char *message)
{
  klive_show_log (session->show, level, event, session->stream, session->serial, message);
}

static void
on_source_warning (const char *message, gpointer user_data)
{
  log_event (user_data, KLIVE_LOG_WARNING, "source-warning", message);
}

/* What the stage's first studio waits for */

static void open_stage (KliveSession *session);

static gboolean
on_recordings_deadline (gpointer user_data)
{
  KliveSession *session = user_data;

  session->recordings_source = 0;
  session->waits_no_more = TRUE;
  log_event (session, KLIVE_LOG_WARNING, "recording-late", "Kaltura has not told yet what to record; live goes on");
  open_stage (session);
  return G_SOURCE_REMOVE;
}

static void
open_stage (KliveSession *session)
{
  gboolean waits = session->reader != NULL && !session->waits_no_more && !klive_show_knows_recordings (session->show);

  if (!session->tracks_known || session->profile == NULL)
    return;
  if (waits && session->recordings_source == 0)
    session->recordings_source = g_timeout_add (RECORDINGS_DEADLINE, on_recordings_deadline, session);
  if (waits)
    return;
  g_clear_handle_id (&session->recordings_source, g_source_remove);
  klive_stage_open (session->stage, g_steal_pointer (&session->profile));
}

static void
add_number (JsonObject *params, const char *name, double value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  if (value > 0)
    json_object_set_string_member (params, name, g_ascii_formatd (text, sizeof text, "%.6g", value));
}

static void
add_codec (JsonObject *params, const char *name, const char *codec)
{
  g_autofree char *upper = codec != NULL ? g_ascii_strup (codec, -1) : NULL;

  if (upper != NULL)
    json_object_set_string_member (params, name, upper);
}

/* Kaltura wants to know what comes (gst/kaltura/API.md "wowza_liveConversionProfile.serve"): all values are strings. */
static JsonObject *
make_extra_params (KliveSession *session)
{
  JsonObject *params = json_object_new ();
  KliveTracks tracks;

  klive_source_get_tracks (session->source, klive_source_get_format (session->source, KLIVE_TIMELINE_VIDEO),
      klive_source_get_format (session->source, KLIVE_TIMELINE_AUDIO), &tracks);
  add_number (params, "width", tracks.width);
  add_number (params, "height", tracks.height);
  add_number (params, "framerate", tracks.fps_d > 0 ? (double) tracks.fps_n / tracks.fps_d : 0);
  add_number (params, "videodatarate", tracks.video_bitrate / 1000);
  add_number (params, "audiodatarate", tracks.audio_bitrate / 1000);
  add_codec (params, "videocodecidstring", tracks.video_codec);
  add_codec (params, "audiocodecidstring", tracks.audio_codec);
  if (klive_encoders_has_gpu (session->show->video_encoder))
    json_object_set_string_member (params, "gpu", "true");
  return params;
}

static gboolean
on_profile_deadline (gpointer user_data)
{
  KliveSession *session = user_data;

  session->profile_source = 0;
  klive_session_set_profile (session, NULL, "no conversion profile within 5 s");
  return G_SOURCE_REMOVE;
}

static void
ask_for_profile (KliveSession *session)
{
  JsonObject *params;

  if (session->asked_for_profile)
    return;
  session->asked_for_profile = TRUE;
  session->profile_source = g_timeout_add (PROFILE_DEADLINE, on_profile_deadline, session);
  params = make_extra_params (session);
  session->callbacks.wants_profile (session, params, session->user_data);
  json_object_unref (params);
}

static void
set_tracks_known (KliveSession *session)
{
  session->tracks_known = TRUE;
  g_clear_handle_id (&session->tracks_source, g_source_remove);
  ask_for_profile (session);
  open_stage (session);
}

static gboolean
on_tracks_deadline (gpointer user_data)
{
  KliveSession *session = user_data;

  session->tracks_source = 0;
  set_tracks_known (session);
  return G_SOURCE_REMOVE;
}

/* Tracks are what frames have come of; codec headers alone are no track. */
static void
look_for_tracks (KliveSession *session, KliveTimelineTrack track)
{
  session->seen[track] = TRUE;
  if (session->tracks_known)
    return;
  if (session->tracks_source == 0)
    session->tracks_source = g_timeout_add (TRACKS_DEADLINE, on_tracks_deadline, session);
  if (klive_source_get_format (session->source, KLIVE_TIMELINE_VIDEO) != NULL &&
      klive_source_get_format (session->source, KLIVE_TIMELINE_AUDIO) != NULL)
    ask_for_profile (session);
  if (session->seen[KLIVE_TIMELINE_VIDEO] && session->seen[KLIVE_TIMELINE_AUDIO])
    set_tracks_known (session);
}

/* The reader */

static void
on_stage_changed (KliveStage *stage, gpointer user_data)
{
  KliveSession *session = user_data;

  session->callbacks.changed (session, session->user_data);
}

static void
end_now (KliveSession *session)
{
  g_clear_handle_id (&session->end_source, g_source_remove);
  g_clear_handle_id (&session->profile_source, g_source_remove);
  g_clear_handle_id (&session->recordings_source, g_source_remove);
  session->callbacks.ended (session, session->user_data);
}

static void
on_stage_ended (KliveStage *stage, gpointer user_data)
{
  end_now (user_data);
}

static const KliveStageCallbacks stage_callbacks = { on_stage_changed, on_stage_ended };

static void
begin (KliveSession *session)
{
  session->source =
      klive_source_new (session->show->timelines, session->show->epoch, *session->floor, on_source_warning, session);
  session->stage =
      klive_stage_new (session->show, session->stream, session->serial, session->source, &stage_callbacks, session);
  klive_stage_set_blocked (session->stage, session->blocked);
}

/* The first repair is told at once, later ones together. */
static void
log_repairs (KliveSession *session)
{
  guint64 repairs = klive_timeline_get_repairs (klive_source_get_timeline (session->source));
  g_autofree char *message = NULL;

  if (repairs == session->repairs_told)
    return;
  message = g_strdup_printf ("%" G_GUINT64_FORMAT " timestamps of the encoder were put right, %" G_GUINT64_FORMAT
                             " since it came",
      repairs - session->repairs_told, repairs);
  log_event (session, KLIVE_LOG_WARNING, "timestamps-repaired", message);
  session->repairs_told = repairs;
  session->repairs_time = session->last_frame;
}

static void
on_reader_tag (KliveReader *reader, KliveFlvTag *tag, gint64 arrival, gpointer user_data)
{
  KliveSession *session = user_data;
  KliveTimelineTrack track;
  KliveFrame *frame;

  session->pull_lost = FALSE;
  if (session->hurry) /* another session of this stream is live, and its frames begin behind the last one of here */
    return;
  if (session->source == NULL)
    begin (session);
  frame = klive_source_take (session->source, tag, arrival);
  if (frame == NULL)
    return;
  session->last_frame = arrival;
  if (arrival - session->repairs_time >= REPAIRS_PAUSE)
    log_repairs (session);
  *session->floor =
      MAX (*session->floor, klive_timeline_get_latest (klive_source_get_timeline (session->source)) + FRAME_PAUSE);
  if (!session->live) {
    session->live = TRUE;
    log_event (session, KLIVE_LOG_INFO, "session-live", NULL);
    session->callbacks.live (session, session->user_data);
  }
  track = frame->track;
  klive_stage_take (session->stage, frame);
  look_for_tracks (session, track);
}

static void
tell_ready (KliveSession *session)
{
  g_clear_handle_id (&session->ready_source, g_source_remove);
  if (session->told_ready)
    return;
  session->told_ready = TRUE;
  session->callbacks.ready (session, session->user_data);
}

static void
on_reader_ready (KliveReader *reader, gpointer user_data)
{
  tell_ready (user_data);
}

static gboolean
on_ready_deadline (gpointer user_data)
{
  KliveSession *session = user_data;

  session->ready_source = 0;
  log_event (session, KLIVE_LOG_WARNING, "pull-late",
      "nginx has not answered the play within 2 s; the first frames may be lost");
  tell_ready (session);
  return G_SOURCE_REMOVE;
}

/* Nothing more is read: the stage writes out what it has. */
static void
close_reader (KliveSession *session)
{
  g_clear_handle_id (&session->drain_source, g_source_remove);
  g_clear_pointer (&session->reader, klive_reader_free);
  if (session->source != NULL)
    log_repairs (session);
  if (session->live && !session->tracks_known)
    set_tracks_known (session);
  open_stage (session);
  if (session->live && !session->has_profile && !session->hurry)
    return; /* a short broadcast waits for its profile, which has a deadline */
  if (session->stage != NULL)
    klive_stage_end (session->stage);
  else
    end_now (session);
}

static void
on_reader_ended (KliveReader *reader, const GError *error, gpointer user_data)
{
  KliveSession *session = user_data;

  if (session->ending) {
    close_reader (session);
    return;
  }
  if (!session->pull_lost) /* not at each of the next tries */
    log_event (session, KLIVE_LOG_INFO, "pull-ended", error != NULL ? error->message : NULL);
  session->pull_lost = TRUE;
  if (session->source != NULL)
    klive_source_resync (session->source);
}

static const KliveReaderCallbacks reader_callbacks = { on_reader_ready, on_reader_tag, on_reader_ended };

/* Life */

static gint64 *
get_floor (KliveShow *show, const char *stream)
{
  gint64 *floor = g_hash_table_lookup (show->floors, stream);

  if (floor == NULL) {
    floor = g_new0 (gint64, 1);
    g_hash_table_insert (show->floors, g_strdup (stream), floor);
  }
  return floor;
}

KliveSession *
klive_session_new (KliveShow *show, const KliveSessionInfo *info, const KliveSessionCallbacks *callbacks,
    gpointer user_data)
{
  KliveSession *session = g_new0 (KliveSession, 1);
  KliveReaderOptions options = { info->host, info->port, info->app, info->name };

  session->show = show;
  session->callbacks = *callbacks;
  session->user_data = user_data;
  session->stream = g_strdup (info->stream);
  session->name = g_strdup (info->name);
  session->app = g_strdup (info->app);
  session->address = g_strdup (info->address);
  session->serial = info->serial;
  session->client_id = info->client_id;
  session->opened = g_get_monotonic_time ();
  session->floor = get_floor (show, info->stream);
  session->reader = klive_reader_new (&options, &reader_callbacks, session);
  session->ready_source = g_timeout_add (READY_DEADLINE, on_ready_deadline, session);
  return session;
}

void
klive_session_free (KliveSession *session)
{
  g_clear_handle_id (&session->ready_source, g_source_remove);
  g_clear_handle_id (&session->tracks_source, g_source_remove);
  g_clear_handle_id (&session->profile_source, g_source_remove);
  g_clear_handle_id (&session->recordings_source, g_source_remove);
  g_clear_handle_id (&session->drain_source, g_source_remove);
  g_clear_handle_id (&session->end_source, g_source_remove);
  klive_reader_free (session->reader);
  g_clear_pointer (&session->stage, klive_stage_free);
  g_clear_pointer (&session->source, klive_source_free);
  g_clear_pointer (&session->profile, kaltura_profile_free);
  g_free (session->stream);
  g_free (session->name);
  g_free (session->app);
  g_free (session->address);
  g_free (session);
}

void
klive_session_set_profile (KliveSession *session, KalturaProfile *profile, const char *reason)
{
  g_clear_handle_id (&session->profile_source, g_source_remove);
  if (session->has_profile) {
    g_clear_pointer (&profile, kaltura_profile_free);
    return;
  }
  session->has_profile = TRUE;
  if (profile == NULL)
    log_event (session, KLIVE_LOG_WARNING, "passthrough", reason);
  session->profile = profile != NULL ? profile : kaltura_profile_new_passthrough (session->stream);
  for (guint i = 0; i < session->profile->warnings->len; i++)
    log_event (session, KLIVE_LOG_WARNING, "profile-warning", session->profile->warnings->pdata[i]);
  open_stage (session);
  if (session->reader == NULL)
    klive_stage_end (session->stage);
}

void
klive_session_update_recordings (KliveSession *session)
{
  if (session->profile != NULL)
    open_stage (session);
  else if (session->stage != NULL)
    klive_stage_change_recordings (session->stage);
}

GstClockTime
klive_session_get_newest (const KliveSession *session)
{
  return session->stage != NULL ? klive_stage_get_newest (session->stage) : GST_CLOCK_TIME_NONE;
}

void
klive_session_split_recordings (KliveSession *session, GstClockTime running_time)
{
  if (session->stage != NULL)
    klive_stage_split_recordings (session->stage, running_time);
}

void
klive_session_add_metadata (KliveSession *session, GstClockTime running_time, GBytes *tag)
{
  if (session->stage != NULL)
    klive_stage_add_metadata (session->stage, running_time, tag);
}

void
klive_session_describe_recordings (KliveSession *session, JsonArray *array)
{
  if (session->stage != NULL)
    klive_stage_describe_recordings (session->stage, array);
}

void
klive_session_set_blocked (KliveSession *session, gboolean blocked)
{
  session->blocked = blocked;
  if (session->stage != NULL)
    klive_stage_set_blocked (session->stage, blocked);
}

static gboolean
on_end_deadline (gpointer user_data)
{
  KliveSession *session = user_data;

  session->end_source = 0;
  log_event (session, KLIVE_LOG_WARNING, "session-cut", "the session did not end in time");
  end_now (session);
  return G_SOURCE_REMOVE;
}

static gboolean
on_drained (gpointer user_data)
{
  KliveSession *session = user_data;

  session->drain_source = 0;
  close_reader (session);
  return G_SOURCE_REMOVE;
}

void
klive_session_end (KliveSession *session, KliveSessionEnd how)
{
  gboolean at_once = how == KLIVE_SESSION_END_NOW;

  session->hurry |= at_once;
  if (!session->ending) {
    session->ending = TRUE;
    tell_ready (session);
    session->end_source = g_timeout_add (END_DEADLINE, on_end_deadline, session);
    at_once |= !klive_reader_stop_pulling (session->reader);
    session->drain_source = g_timeout_add (DRAIN_DEADLINE, on_drained, session);
  }
  /* from the main loop: the caller is not to find itself in `ended` */
  if (at_once && session->drain_source != 0) {
    g_clear_handle_id (&session->drain_source, g_source_remove);
    session->drain_source = g_idle_add_full (G_PRIORITY_DEFAULT, on_drained, session, NULL);
  }
}

gboolean
klive_session_is_ending (const KliveSession *session)
{
  return session->ending;
}

void
klive_session_tick (KliveSession *session)
{
  if (!session->live && !session->warned_no_media && g_get_monotonic_time () - session->opened > NO_MEDIA) {
    session->warned_no_media = TRUE;
    log_event (session, KLIVE_LOG_WARNING, "no-media", "the encoder is connected and has sent nothing for 10 s");
  }
  if (session->stage != NULL)
    klive_stage_tick (session->stage);
}

void
klive_session_update_context (KliveSession *session)
{
  if (session->stage != NULL)
    klive_stage_update_context (session->stage);
}

const char *
klive_session_get_stream (const KliveSession *session)
{
  return session->stream;
}

gint64
klive_session_get_serial (const KliveSession *session)
{
  return session->serial;
}

gboolean
klive_session_is_live (const KliveSession *session)
{
  return session->live;
}

static const char *
get_state (const KliveSession *session)
{
  if (session->ending)
    return "ending";
  if (session->stage != NULL)
    return klive_stage_get_state (session->stage);
  return session->told_ready ? "ready" : "opening";
}

JsonObject *
klive_session_introduce (const KliveSession *session)
{
  JsonObject *object = json_object_new ();

  json_object_set_string_member (object, "stream", session->stream);
  json_object_set_int_member (object, "serial", session->serial);
  json_object_set_string_member (object, "name", session->name);
  json_object_set_string_member (object, "app", session->app);
  json_object_set_int_member (object, "clientId", session->client_id);
  json_object_set_string_member (object, "state", get_state (session));
  return object;
}

static JsonObject *
describe_video (const KliveFormat *format)
{
  JsonObject *object = json_object_new ();

  json_object_set_string_member (object, "codec", klive_flv_codec_get_name (format->codec));
  json_object_set_int_member (object, "width", format->width);
  json_object_set_int_member (object, "height", format->height);
  json_object_set_double_member (object, "fps", (double) format->fps_n / format->fps_d);
  return object;
}

static JsonObject *
describe_audio (const KliveFormat *format)
{
  JsonObject *object = json_object_new ();

  json_object_set_string_member (object, "codec", klive_flv_codec_get_name (format->codec));
  json_object_set_int_member (object, "rate", format->rate);
  json_object_set_int_member (object, "channels", format->channels);
  return object;
}

JsonObject *
klive_session_describe (KliveSession *session)
{
  JsonObject *object = klive_session_introduce (session);
  const KliveFormat *video =
      session->stage != NULL ? klive_stage_get_format (session->stage, KLIVE_TIMELINE_VIDEO) : NULL;
  const KliveFormat *audio =
      session->stage != NULL ? klive_stage_get_format (session->stage, KLIVE_TIMELINE_AUDIO) : NULL;
  gint64 now = g_get_real_time () * 1000;

  if (session->address != NULL)
    json_object_set_string_member (object, "address", session->address);
  if (video != NULL)
    json_object_set_object_member (object, "video", describe_video (video));
  if (audio != NULL)
    json_object_set_object_member (object, "audio", describe_audio (audio));
  if (session->source != NULL) {
    KliveTimeline *timeline = klive_source_get_timeline (session->source);

    json_object_set_int_member (object, "bitrate", klive_source_get_bitrate (session->source, now));
    json_object_set_int_member (object, "timestampRepairs", (gint64) klive_timeline_get_repairs (timeline));
    json_object_set_double_member (object, "skew", (double) klive_timeline_get_skew (timeline) / GST_SECOND);
  }
  if (session->last_frame > 0)
    json_object_set_double_member (object, "lastTagAge", (double) (now - session->last_frame) / GST_SECOND);
  return object;
}

void
klive_session_describe_renditions (KliveSession *session, JsonArray *renditions)
{
  if (session->stage != NULL)
    klive_stage_describe_renditions (session->stage, renditions);
}
