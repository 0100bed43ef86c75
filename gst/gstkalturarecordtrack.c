/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From running time in ns to the time of a file. Each time is computed from the file's beginning, so nothing adds up.
 * A frame lasts until the next one comes, therefore the last one is held back until then.
 *
 * RTMP tells times in ms. Audio frames are put back on the grid of their samples as long as they are not more than
 * SNAP away from it: players make a tick out of each gap of a millisecond. What is further away is a gap or a drift
 * between two clocks, and stays where it is.
 *
 * The movie begins with the PTS of a keyframe. What of a track lies in front of that - the time by which video is
 * decoded ahead, the part of an audio frame that lasts over that point - is cut off by an edit.
 */
#include "gstkalturarecordtrack.h"

#include "gstkalturaadts.h"

#define VIDEO_TIMESCALE 90000
#define SNAP (3 * GST_MSECOND)
#define AAC_SAMPLES 1024 /* of a frame */

struct _GstKalturaRecordTrack {
  GstKalturaMergeKind kind;
  GstCaps *caps; /* NULL = none yet */

  /* as the caps say */
  Mp4Codec codec;
  guint32 timescale;
  GBytes *config; /* NULL = none is needed */
  gint width, height, par_n, par_d, channels, rate;
  guint32 frame_length; /* in timescale, 0 = not known */

  /* of the file; times in timescale, from the first frame on */
  gint64 start;   /* ns */
  gboolean begun; /* there was a frame */
  gint64 origin;  /* ns, of time 0 */
  guint64 media_time;
  GstBuffer *last; /* not in the run yet, NULL = none */
  Mp4Frame last_frame;
  guint64 last_dts;
  guint32 last_length; /* of the frame before the last */
  GArray *frames;      /* of Mp4Frame: the run */
  GPtrArray *buffers;  /* the same */
  guint64 run_dts;     /* of the run's first frame */
};

GstKalturaRecordTrack *
gst_kaltura_record_track_new (GstKalturaMergeKind kind)
{
  GstKalturaRecordTrack *track = g_new0 (GstKalturaRecordTrack, 1);
  track->kind = kind;
  track->frames = g_array_new (FALSE, FALSE, sizeof (Mp4Frame));
  track->buffers = g_ptr_array_new_with_free_func ((GDestroyNotify) gst_buffer_unref);
  return track;
}

void
gst_kaltura_record_track_free (GstKalturaRecordTrack *track)
{
  g_clear_pointer (&track->caps, gst_caps_unref);
  g_clear_pointer (&track->config, g_bytes_unref);
  g_clear_pointer (&track->last, gst_buffer_unref);
  g_array_unref (track->frames);
  g_ptr_array_unref (track->buffers);
  g_free (track);
}

/* Caps */

static GBytes *
dup_codec_data (const GstStructure *structure)
{
  const GValue *value = gst_structure_get_value (structure, "codec_data");
  GstBuffer *buffer = value != NULL && GST_VALUE_HOLDS_BUFFER (value) ? gst_value_get_buffer (value) : NULL;
  GstMapInfo map;
  if (buffer == NULL || !gst_buffer_map (buffer, &map, GST_MAP_READ)) {
    return NULL;
  }
  GBytes *bytes = g_bytes_new (map.data, map.size);
  gst_buffer_unmap (buffer, &map);
  return bytes;
}

static void
read_video (GstKalturaRecordTrack *track, const GstStructure *structure)
{
  gint fps_n = 0, fps_d = 1;
  gboolean avc3 = g_strcmp0 (gst_structure_get_string (structure, "stream-format"), "avc3") == 0;
  track->codec = avc3 ? MP4_CODEC_AVC3 : MP4_CODEC_AVC1;
  track->timescale = VIDEO_TIMESCALE;
  gst_structure_get_int (structure, "width", &track->width);
  gst_structure_get_int (structure, "height", &track->height);
  gst_structure_get_fraction (structure, "pixel-aspect-ratio", &track->par_n, &track->par_d);
  gst_structure_get_fraction (structure, "framerate", &fps_n, &fps_d);
  track->frame_length = fps_n > 0 ? (guint32) gst_util_uint64_scale (VIDEO_TIMESCALE, fps_d, fps_n) : 0;
}

static void
read_mp3 (GstKalturaRecordTrack *track, const GstStructure *structure)
{
  gint version = 1;
  gst_structure_get_int (structure, "mpegaudioversion", &version);
  track->codec = MP4_CODEC_MP3;
  track->frame_length = version != 1 || track->rate < 32000 ? 576 : 1152;
}

static void
read_audio (GstKalturaRecordTrack *track, const GstStructure *structure)
{
  gint version = 4;
  gst_structure_get_int (structure, "mpegversion", &version);
  gst_structure_get_int (structure, "channels", &track->channels);
  gst_structure_get_int (structure, "rate", &track->rate);
  if (version == 1) {
    read_mp3 (track, structure);
  } else {
    GstKalturaAdts adts;
    gsize size = 0;
    const guint8 *data = track->config != NULL ? g_bytes_get_data (track->config, &size) : NULL;
    /* HE-AAC counts in samples of its core, of which a frame has as many as without SBR. */
    if (data != NULL && gst_kaltura_adts_parse (&adts, data, size)) {
      track->rate = (gint) gst_kaltura_adts_get_rate (&adts);
    }
    track->codec = MP4_CODEC_AAC;
    track->frame_length = AAC_SAMPLES;
  }
  track->timescale = (guint32) track->rate;
}

/* Reads @caps into the fields of @track that are about them, which are empty. */
static gboolean
read_caps (GstKalturaRecordTrack *track, const GstCaps *caps)
{
  const GstStructure *structure = gst_caps_get_structure (caps, 0);
  track->config = dup_codec_data (structure);
  if (gst_structure_has_name (structure, "video/x-h264")) {
    read_video (track, structure);
    return track->config != NULL && g_bytes_get_size (track->config) >= 7;
  }
  read_audio (track, structure);
  return track->timescale != 0 && (track->codec == MP4_CODEC_MP3 || track->config != NULL);
}

gboolean
gst_kaltura_record_track_check_caps (const GstCaps *caps)
{
  GstKalturaRecordTrack track = { 0 };
  gboolean usable = read_caps (&track, caps);
  g_clear_pointer (&track.config, g_bytes_unref);
  return usable;
}

static gboolean
is_same (const GstKalturaRecordTrack *a, const GstKalturaRecordTrack *b)
{
  gboolean same_config =
      a->config == b->config || (a->config != NULL && b->config != NULL && g_bytes_equal (a->config, b->config));
  return same_config && a->codec == b->codec && a->timescale == b->timescale && a->width == b->width &&
      a->height == b->height && a->par_n == b->par_n && a->par_d == b->par_d && a->channels == b->channels &&
      a->rate == b->rate;
}

gboolean
gst_kaltura_record_track_is_changed (const GstKalturaRecordTrack *track, const GstCaps *caps)
{
  GstKalturaRecordTrack other = { 0 };
  read_caps (&other, caps);
  gboolean same = track->caps != NULL && is_same (track, &other);
  g_clear_pointer (&other.config, g_bytes_unref);
  return !same;
}

void
gst_kaltura_record_track_set_caps (GstKalturaRecordTrack *track, GstCaps *caps)
{
  g_clear_pointer (&track->config, g_bytes_unref);
  track->width = track->height = track->par_n = track->par_d = track->channels = track->rate = 0;
  read_caps (track, caps);
  gst_caps_replace (&track->caps, caps);
}

gboolean
gst_kaltura_record_track_has_caps (const GstKalturaRecordTrack *track)
{
  return track->caps != NULL;
}

void
gst_kaltura_record_track_get_setup (const GstKalturaRecordTrack *track, Mp4Setup *setup)
{
  *setup = (Mp4Setup){
    .codec = track->codec,
    .timescale = track->timescale,
    .width = (guint) track->width,
    .height = (guint) track->height,
    .par_n = (guint) track->par_n,
    .par_d = (guint) track->par_d,
    .channels = (guint) track->channels,
    .rate = (guint) track->rate,
    .media_time = track->media_time,
  };
  if (track->config != NULL && track->codec != MP4_CODEC_MP3) {
    setup->config = g_bytes_get_data (track->config, &setup->config_size);
  }
}

/* Frames */

void
gst_kaltura_record_track_begin (GstKalturaRecordTrack *track, gint64 start)
{
  gst_kaltura_record_track_clear_run (track);
  g_clear_pointer (&track->last, gst_buffer_unref);
  track->begun = FALSE;
  track->start = start;
  track->media_time = track->last_dts = track->run_dts = 0;
  track->last_length = 0;
}

/* ns from the origin in the track's timescale. */
static gint64
to_units (const GstKalturaRecordTrack *track, gint64 time)
{
  gint64 distance = time - track->origin;
  gint64 units = (gint64) gst_util_uint64_scale_round ((guint64) ABS (distance), track->timescale, GST_SECOND);
  return distance < 0 ? -units : units;
}

static void
begin_with (GstKalturaRecordTrack *track, const GstKalturaFrame *frame)
{
  track->begun = TRUE;
  track->origin = MIN (frame->dts, track->start);
  track->media_time = (guint64) to_units (track, track->start);
}

/* Ends the last frame at @dts and puts it into the run. */
static void
end_last (GstKalturaRecordTrack *track, guint64 dts)
{
  if (track->frames->len == 0) {
    track->run_dts = track->last_dts;
  }
  track->last_length = track->last_frame.duration = (guint32) (dts - track->last_dts);
  g_array_append_val (track->frames, track->last_frame);
  g_ptr_array_add (track->buffers, g_steal_pointer (&track->last));
}

static guint64
get_dts (const GstKalturaRecordTrack *track, const GstKalturaFrame *frame)
{
  guint64 dts = (guint64) MAX (to_units (track, frame->dts), 0);
  if (track->last == NULL) {
    return dts;
  }
  if (track->kind == GST_KALTURA_MERGE_AUDIO) {
    guint64 due = track->last_dts + track->frame_length;
    guint64 distance = due > dts ? due - dts : dts - due;
    if (distance * GST_SECOND <= (guint64) SNAP * track->timescale) {
      dts = due;
    }
  }
  return MAX (dts, track->last_dts + 1);
}

gboolean
gst_kaltura_record_track_add (GstKalturaRecordTrack *track, GstKalturaFrame *frame)
{
  gboolean too_early = frame->end <= track->start && frame->pts < track->start;
  gboolean undecodable = !track->begun && track->kind == GST_KALTURA_MERGE_VIDEO && !frame->sync;
  if (too_early || undecodable) {
    g_clear_pointer (&frame->buffer, gst_buffer_unref);
    return FALSE;
  }
  if (!track->begun) {
    begin_with (track, frame);
  }
  guint64 dts = get_dts (track, frame);
  if (track->last != NULL) {
    end_last (track, dts);
  }
  gboolean video = track->kind == GST_KALTURA_MERGE_VIDEO;
  track->last_dts = dts;
  track->last_frame = (Mp4Frame){
    .size = (guint32) gst_buffer_get_size (frame->buffer),
    .composition = video ? (gint32) (to_units (track, frame->pts) - (gint64) dts) : 0,
    .sync = frame->sync || !video,
  };
  track->last = g_steal_pointer (&frame->buffer);
  return TRUE;
}

void
gst_kaltura_record_track_end (GstKalturaRecordTrack *track, gint64 next_dts)
{
  if (track->last == NULL) {
    return;
  }
  guint32 length = track->frame_length != 0 ? track->frame_length : track->last_length;
  gint64 end = (gint64) track->last_dts + MAX (length, 1);
  if (next_dts != GST_KALTURA_RECORD_TRACK_NO_DTS) {
    end = MAX (to_units (track, next_dts), (gint64) track->last_dts + 1);
  }
  end_last (track, (guint64) end);
}

gboolean
gst_kaltura_record_track_get_run (const GstKalturaRecordTrack *track, Mp4Run *run)
{
  run->time = track->run_dts;
  run->frames = (const Mp4Frame *) track->frames->data;
  run->n_frames = track->frames->len;
  return run->n_frames > 0;
}

GPtrArray *
gst_kaltura_record_track_get_buffers (const GstKalturaRecordTrack *track)
{
  return track->buffers;
}

void
gst_kaltura_record_track_clear_run (GstKalturaRecordTrack *track)
{
  g_array_set_size (track->frames, 0);
  g_ptr_array_set_size (track->buffers, 0);
}

GstClockTime
gst_kaltura_record_track_get_run_time (const GstKalturaRecordTrack *track)
{
  return track->frames->len == 0
      ? 0
      : gst_util_uint64_scale (track->last_dts - track->run_dts, GST_SECOND, track->timescale);
}
