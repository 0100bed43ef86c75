/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From tags to frames. The session calls this on the main thread for each tag that its reader has got.
 */
#include "klive-source.h"

#define BITRATE_WINDOW ((gint64) 4 * GST_SECOND)

typedef enum {
  WARNED_VIDEO_CODEC = 1 << 0,
  WARNED_AUDIO_CODEC = 1 << 1,
  WARNED_NO_HEADER = 1 << 2,
  WARNED_VIDEO_HEADER = 1 << 3,
  WARNED_AUDIO_HEADER = 1 << 4,
} Warned;

struct _KliveSource {
  KliveTimeline *timeline;
  gint64 epoch; /* ns since 1970 */
  KliveSourceWarningFunc warning;
  gpointer user_data;
  Warned warned;
  KliveFormat *formats[2]; /* by KliveTimelineTrack; nullable */
  GHashTable *metadata;    /* the newest; nullable */
  gboolean wait_for_keyframe;
  guint64 window_bytes, last_bytes; /* of the present and of the last window */
  gint64 window_start, last_length; /* ns since 1970; ns */
};

void
klive_frame_free (KliveFrame *frame)
{
  klive_format_unref (frame->format);
  gst_buffer_unref (frame->buffer);
  g_free (frame);
}

gboolean
klive_frame_is_keyframe (const KliveFrame *frame)
{
  return frame->track == KLIVE_TIMELINE_VIDEO && !GST_BUFFER_FLAG_IS_SET (frame->buffer, GST_BUFFER_FLAG_DELTA_UNIT);
}

KliveSource *
klive_source_new (KliveTimelineGroup *group, gint64 epoch, gint64 floor, KliveSourceWarningFunc warning,
    gpointer user_data)
{
  KliveSource *source = g_new0 (KliveSource, 1);

  source->timeline = klive_timeline_new (group, floor);
  source->epoch = epoch;
  source->warning = warning;
  source->user_data = user_data;
  source->wait_for_keyframe = TRUE;
  return source;
}

void
klive_source_free (KliveSource *source)
{
  klive_timeline_free (source->timeline);
  g_clear_pointer (&source->formats[0], klive_format_unref);
  g_clear_pointer (&source->formats[1], klive_format_unref);
  g_clear_pointer (&source->metadata, g_hash_table_unref);
  g_free (source);
}

static void warn (KliveSource *source, Warned kind, const char *format, ...) G_GNUC_PRINTF (3, 4);

static void
warn (KliveSource *source, Warned kind, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  if (source->warned & kind)
    return;
  source->warned |= kind;
  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  source->warning (message, source->user_data);
}

/* Takes @format, nullable: a header that cannot be read leaves the track as it was. */
static void
set_format (KliveSource *source, KliveTimelineTrack track, KliveFormat *format)
{
  if (format == NULL) {
    warn (source, track == KLIVE_TIMELINE_VIDEO ? WARNED_VIDEO_HEADER : WARNED_AUDIO_HEADER,
        "the codec header of the %s track cannot be read", track == KLIVE_TIMELINE_VIDEO ? "video" : "audio");
    return;
  }
  g_clear_pointer (&source->formats[track], klive_format_unref);
  source->formats[track] = format;
  if (track == KLIVE_TIMELINE_VIDEO)
    source->wait_for_keyframe = TRUE;
  else
    klive_timeline_set_audio_frame (source->timeline, format->frame_samples, format->frame_rate);
}

static void
take_header (KliveSource *source, KliveTimelineTrack track, const KliveFlvFrame *frame, const guint8 *data, gsize size)
{
  const KliveFormat *old = source->formats[track];

  if (old != NULL && old->codec == frame->codec && klive_format_has_header (old, data, size))
    return;
  set_format (source, track,
      track == KLIVE_TIMELINE_VIDEO ? klive_format_new_video (frame->codec, data, size, source->metadata)
                                    : klive_format_new_audio (frame, data, size));
}

/* Whether frames of this tag have a format; codecs without a header get one from their first frame. */
static gboolean
check_format (KliveSource *source, KliveTimelineTrack track, const KliveFlvFrame *frame, const guint8 *data, gsize size)
{
  const KliveFormat *format = source->formats[track];

  if (format != NULL && klive_format_has_frame (format, frame))
    return TRUE;
  if (frame->codec == KLIVE_FLV_CODEC_H264 || frame->codec == KLIVE_FLV_CODEC_AAC) {
    warn (source, WARNED_NO_HEADER, "%s frames come without a codec header and are left out",
        klive_flv_codec_get_name (frame->codec));
    return FALSE;
  }
  if (track == KLIVE_TIMELINE_VIDEO)
    set_format (source, track, klive_format_new_video (frame->codec, NULL, 0, source->metadata));
  else
    set_format (source, track, klive_format_new_audio (frame, data, size));
  format = source->formats[track];
  return format != NULL && klive_format_has_frame (format, frame);
}

static void
take_script (KliveSource *source, const guint8 *data, gsize size)
{
  g_autofree char *name = NULL;
  g_autoptr (GHashTable) values = klive_flv_script_parse (data, size, &name);

  if (values == NULL || !g_str_equal (name, "onMetaData") || g_hash_table_size (values) == 0)
    return;
  g_clear_pointer (&source->metadata, g_hash_table_unref);
  source->metadata = g_steal_pointer (&values);
}

static void
count_bytes (KliveSource *source, gsize size, gint64 now)
{
  if (now - source->window_start >= BITRATE_WINDOW || now < source->window_start) {
    source->last_bytes = source->window_bytes;
    source->last_length = now - source->window_start;
    source->window_bytes = 0;
    source->window_start = now;
  }
  source->window_bytes += size;
}

static KliveFrame *
frame_new (KliveSource *source, KliveTimelineTrack track, const KliveFlvFrame *info, GstBuffer *payload,
    guint32 timestamp, gint64 arrival)
{
  KliveFrame *frame = g_new0 (KliveFrame, 1);
  gint64 dts, pts;

  klive_timeline_stamp (source->timeline, track, timestamp, info->composition_time, arrival, &dts, &pts);
  frame->track = track;
  frame->format = klive_format_ref (source->formats[track]);
  frame->buffer = gst_buffer_copy_region (payload, GST_BUFFER_COPY_MEMORY, info->offset, (gsize) -1);
  /* A clock that was set back while nothing was on air would give times before the entry's start. */
  GST_BUFFER_DTS (frame->buffer) = (GstClockTime) MAX (dts - source->epoch, 0);
  GST_BUFFER_PTS (frame->buffer) = (GstClockTime) MAX (pts - source->epoch, 0);
  if (track == KLIVE_TIMELINE_VIDEO && !info->keyframe)
    GST_BUFFER_FLAG_SET (frame->buffer, GST_BUFFER_FLAG_DELTA_UNIT);
  if (track == KLIVE_TIMELINE_AUDIO && source->formats[track]->frame_samples > 0)
    GST_BUFFER_DURATION (frame->buffer) = gst_util_uint64_scale_int (GST_SECOND,
        (gint) source->formats[track]->frame_samples, (gint) source->formats[track]->frame_rate);
  return frame;
}

static KliveFrame *
take_frame (KliveSource *source, KliveFlvTag *tag, const guint8 *data, gsize size, gint64 arrival)
{
  KliveTimelineTrack track = tag->type == KLIVE_FLV_VIDEO ? KLIVE_TIMELINE_VIDEO : KLIVE_TIMELINE_AUDIO;
  KliveFlvFrame info;

  klive_flv_frame_parse (&info, tag->type, data, size);
  if (info.codec == KLIVE_FLV_CODEC_UNKNOWN && size > 0)
    warn (source, track == KLIVE_TIMELINE_VIDEO ? WARNED_VIDEO_CODEC : WARNED_AUDIO_CODEC,
        "the %s track is left out: codec %u is not supported", track == KLIVE_TIMELINE_VIDEO ? "video" : "audio",
        info.codec_id);
  if (info.codec == KLIVE_FLV_CODEC_UNKNOWN || info.content == KLIVE_FLV_NOTHING)
    return NULL;
  data += info.offset;
  size -= info.offset;
  if (info.content == KLIVE_FLV_HEADER) {
    take_header (source, track, &info, data, size);
    return NULL;
  }
  if (!check_format (source, track, &info, data, size))
    return NULL;
  if (track == KLIVE_TIMELINE_VIDEO) {
    if (source->wait_for_keyframe && !info.keyframe)
      return NULL;
    source->wait_for_keyframe = FALSE;
  }
  return frame_new (source, track, &info, tag->payload, tag->timestamp, arrival);
}

KliveFrame *
klive_source_take (KliveSource *source, KliveFlvTag *tag, gint64 arrival)
{
  KliveFrame *frame = NULL;
  GstMapInfo map;

  if (gst_buffer_map (tag->payload, &map, GST_MAP_READ)) {
    count_bytes (source, map.size, arrival);
    if (tag->type == KLIVE_FLV_SCRIPT)
      take_script (source, map.data, map.size);
    else
      frame = take_frame (source, tag, map.data, map.size, arrival);
    gst_buffer_unmap (tag->payload, &map);
  }
  klive_flv_tag_clear (tag);
  return frame;
}

void
klive_source_resync (KliveSource *source)
{
  source->wait_for_keyframe = TRUE;
}

KliveFormat *
klive_source_get_format (KliveSource *source, KliveTimelineTrack track)
{
  return source->formats[track];
}

KliveTimeline *
klive_source_get_timeline (KliveSource *source)
{
  return source->timeline;
}

guint
klive_source_get_bitrate (const KliveSource *source, gint64 now)
{
  gint64 length = now - source->window_start;

  if (length < BITRATE_WINDOW / 4 && source->last_length >= BITRATE_WINDOW)
    return (guint) MIN (source->last_bytes * 8 * GST_SECOND / (guint64) source->last_length, G_MAXUINT);
  if (length <= 0)
    return 0;
  return (guint) MIN (source->window_bytes * 8 * GST_SECOND / (guint64) length, G_MAXUINT);
}

/* kbit/s of the metadata in bps. */
static guint
get_rate (const KliveSource *source, const char *name)
{
  double rate = klive_flv_script_get_number (source->metadata, name, 0);

  return rate > 0 && rate < 1e6 ? (guint) (rate * 1000 + 0.5) : 0;
}

void
klive_source_get_tracks (const KliveSource *source, const KliveFormat *video, const KliveFormat *audio,
    KliveTracks *tracks)
{
  *tracks = (KliveTracks){ .has_video = video != NULL, .has_audio = audio != NULL };
  if (video != NULL) {
    tracks->video_codec = klive_flv_codec_get_name (video->codec);
    tracks->width = video->width;
    tracks->height = video->height;
    tracks->interlaced = video->interlaced;
    tracks->par_n = video->par_n;
    tracks->par_d = video->par_d;
    tracks->fps_n = video->fps_n;
    tracks->fps_d = video->fps_d;
    tracks->video_bitrate = get_rate (source, "videodatarate");
  }
  if (audio != NULL) {
    tracks->audio_codec = klive_flv_codec_get_name (audio->codec);
    tracks->rate = audio->rate;
    tracks->channels = audio->channels;
    tracks->audio_bitrate = get_rate (source, "audiodatarate");
  }
}
