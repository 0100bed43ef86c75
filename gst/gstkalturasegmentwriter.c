/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The writing half of kalturahlssink: frames in, segment files out. The segmenter (gstkalturasegmenter.c) decides
 * order and cuts and calls under its lock; this file knows codecs, the packetiser and the files.
 */
#include "gstkalturasegmentwriter.h"

#include <string.h>

#include "gstkalturaadts.h"
#include "gstkalturafile.h"
#include "gstkalturah264.h"
#include "gstkalturats.h"

GST_DEBUG_CATEGORY_STATIC (gst_kaltura_segment_writer_debug);
#define GST_CAT_DEFAULT gst_kaltura_segment_writer_debug

/* Timestamps in the files begin here, so that frames before running time 0 and the PCR's lead have room. */
#define TS_ORIGIN (10 * GST_SECOND)

/* Audio frames are collected into one PES for at most this long (ns) or this many bytes. */
#define BATCH_DURATION (100 * GST_MSECOND)
#define BATCH_BYTES 8192
/* RTMP has whole milliseconds: more than this away from where a frame is due begins a new PES. */
#define BATCH_TOLERANCE (4 * GST_MSECOND)

/* Timestamps that go back by less (ticks) are faults. */
#define REPAIRED_MAX GST_KALTURA_TS_HZ

#define MAX_METADATA 64 /* tags that wait for their time */

typedef struct {
  gint64 running_time;
  GBytes *tag;
} Metadata;

typedef struct {
  GstKalturaTsStreamType type;
  gboolean raw; /* frames get an ADTS header */
  GstKalturaAdts adts;
  GstClockTime frame_duration; /* ns, 0 = not known */
  const char *codec;
} Audio;

struct _GstKalturaSegmentWriter {
  char *pattern;
  const GstKalturaSegmentCallbacks *callbacks;
  gpointer user_data;
  GstKalturaTs *ts;
  gint64 last_ticks[GST_KALTURA_TS_N_TRACKS]; /* DTS of the last PES: they only grow */

  GstKalturaH264 *h264;
  gint width, height, fps_n, fps_d;
  GArray *chunks; /* of struct iovec, kept to save allocations */

  Audio audio;
  GByteArray *batch; /* ADTS or MP3 frames of the next PES */
  gint64 batch_pts;  /* ns */
  guint batch_frames;

  GQueue metadata; /* of Metadata, oldest first */

  guint64 index;        /* of the open segment, else of the next */
  GstKalturaFile *file; /* NULL = none open */
  char *location;
  gint64 start;              /* running time, ns */
  GstKalturaSegment segment; /* what is known of the open segment */
  char video_codec[16];      /* of the segment's first frame, empty = it has none */
  const char *audio_codec;   /* of the segment, empty = it has none */
  int fault;                 /* errno that has been told, 0 = all is well */
};

static void
write_packets (const guint8 *packets, gsize size, gpointer user_data)
{
  GstKalturaSegmentWriter *writer = user_data;
  if (writer->file != NULL) {
    gst_kaltura_file_write (writer->file, packets, size);
  }
}

static void
ensure_debug_category (void)
{
  static gsize done = 0;
  if (g_once_init_enter (&done)) {
    GST_DEBUG_CATEGORY_INIT (gst_kaltura_segment_writer_debug, "kalturasegmentwriter", 0, "Kaltura HLS segment writer");
    g_once_init_leave (&done, 1);
  }
}

GstKalturaSegmentWriter *
gst_kaltura_segment_writer_new (const char *pattern, guint64 start_index, const GstKalturaSegmentCallbacks *callbacks,
    gpointer user_data)
{
  g_autofree char *first = gst_kaltura_file_expand (pattern, start_index);
  if (first == NULL) {
    return NULL;
  }
  ensure_debug_category ();
  GstKalturaSegmentWriter *writer = g_new0 (GstKalturaSegmentWriter, 1);
  writer->pattern = g_strdup (pattern);
  writer->index = start_index;
  writer->callbacks = callbacks;
  writer->user_data = user_data;
  writer->ts = gst_kaltura_ts_new (write_packets, writer);
  writer->last_ticks[GST_KALTURA_TS_VIDEO] = -1;
  writer->last_ticks[GST_KALTURA_TS_AUDIO] = -1;
  writer->last_ticks[GST_KALTURA_TS_METADATA] = -1;
  g_queue_init (&writer->metadata);
  writer->h264 = gst_kaltura_h264_new ();
  writer->chunks = g_array_new (FALSE, FALSE, sizeof (struct iovec));
  writer->batch = g_byte_array_new ();
  writer->fps_d = 1;
  return writer;
}

static void
metadata_free (gpointer data)
{
  Metadata *metadata = data;
  g_bytes_unref (metadata->tag);
  g_free (metadata);
}

void
gst_kaltura_segment_writer_free (GstKalturaSegmentWriter *writer)
{
  g_queue_clear_full (&writer->metadata, metadata_free);
  g_clear_pointer (&writer->file, gst_kaltura_file_abort);
  gst_kaltura_ts_free (writer->ts);
  gst_kaltura_h264_free (writer->h264);
  g_array_unref (writer->chunks);
  g_byte_array_unref (writer->batch);
  g_free (writer->location);
  g_free (writer->pattern);
  g_free (writer);
}

static void
set_track (GstKalturaSegmentWriter *writer, GstKalturaTsTrack track, GstKalturaTsStreamType type)
{
  /* A track that begins inside a segment is announced there; one that ends, with the next segment. */
  if (gst_kaltura_ts_set_track (writer->ts, track, type) && writer->file != NULL && type != GST_KALTURA_TS_NONE) {
    gst_kaltura_ts_write_tables (writer->ts);
  }
}

/* The codec_data of @structure, mapped. Unmap with gst_buffer_unmap(). NULL = there is none. */
static GstBuffer *
map_codec_data (const GstStructure *structure, GstMapInfo *map)
{
  const GValue *value = gst_structure_get_value (structure, "codec_data");
  GstBuffer *buffer = value != NULL && GST_VALUE_HOLDS_BUFFER (value) ? gst_value_get_buffer (value) : NULL;
  return buffer != NULL && gst_buffer_map (buffer, map, GST_MAP_READ) ? buffer : NULL;
}

static gboolean
is_byte_stream (const GstStructure *structure)
{
  return g_strcmp0 (gst_structure_get_string (structure, "stream-format"), "byte-stream") == 0;
}

static gboolean
set_h264 (GstKalturaH264 *h264, const GstStructure *structure)
{
  if (is_byte_stream (structure)) {
    gst_kaltura_h264_set_byte_stream (h264);
    return TRUE;
  }
  GstMapInfo map;
  GstBuffer *codec_data = map_codec_data (structure, &map);
  if (codec_data == NULL) {
    return FALSE;
  }
  gboolean usable = gst_kaltura_h264_set_avcc (h264, map.data, map.size);
  gst_buffer_unmap (codec_data, &map);
  return usable;
}

void
gst_kaltura_segment_writer_set_video (GstKalturaSegmentWriter *writer, const GstCaps *caps)
{
  const GstStructure *structure = gst_caps_get_structure (caps, 0);
  set_h264 (writer->h264, structure);
  writer->width = writer->height = writer->fps_n = 0;
  writer->fps_d = 1;
  gst_structure_get_int (structure, "width", &writer->width);
  gst_structure_get_int (structure, "height", &writer->height);
  gst_structure_get_fraction (structure, "framerate", &writer->fps_n, &writer->fps_d);
  set_track (writer, GST_KALTURA_TS_VIDEO, GST_KALTURA_TS_H264);
}

static void write_batch (GstKalturaSegmentWriter *writer);

static gboolean
set_aac (Audio *audio, const GstStructure *structure)
{
  audio->type = GST_KALTURA_TS_ADTS;
  audio->codec = "mp4a.40.2";
  gint rate = 0;
  gst_structure_get_int (structure, "rate", &rate);
  GstMapInfo map;
  GstBuffer *codec_data = map_codec_data (structure, &map);
  if (codec_data != NULL) {
    gboolean usable = gst_kaltura_adts_parse (&audio->adts, map.data, map.size);
    gst_buffer_unmap (codec_data, &map);
    if (usable) {
      rate = gst_kaltura_adts_get_rate (&audio->adts);
      audio->codec = audio->adts.object_type == 5 ? "mp4a.40.5"
          : audio->adts.object_type == 29         ? "mp4a.40.29"
                                                  : "mp4a.40.2";
    } else {
      codec_data = NULL;
    }
  }
  audio->raw = g_strcmp0 (gst_structure_get_string (structure, "stream-format"), "raw") == 0;
  audio->frame_duration = rate > 0 ? gst_util_uint64_scale_round (1024, GST_SECOND, rate) : 0;
  return !audio->raw || codec_data != NULL;
}

static gboolean
set_mp3 (Audio *audio, const GstStructure *structure)
{
  gint version = 1, rate = 0;
  gst_structure_get_int (structure, "mpegaudioversion", &version);
  gst_structure_get_int (structure, "rate", &rate);
  gboolean low = version != 1 || (rate > 0 && rate < 32000); /* MPEG-2: half the samples in a frame */
  audio->type = low ? GST_KALTURA_TS_MPEG2_AUDIO : GST_KALTURA_TS_MPEG1_AUDIO;
  audio->codec = "mp4a.40.34";
  audio->raw = FALSE;
  audio->frame_duration = rate > 0 ? gst_util_uint64_scale_round (low ? 576 : 1152, GST_SECOND, rate) : 0;
  return TRUE;
}

static gboolean
set_audio (Audio *audio, const GstStructure *structure)
{
  gint version = 0;
  gst_structure_get_int (structure, "mpegversion", &version);
  return version == 1 ? set_mp3 (audio, structure) : set_aac (audio, structure);
}

void
gst_kaltura_segment_writer_set_audio (GstKalturaSegmentWriter *writer, const GstCaps *caps)
{
  write_batch (writer);
  Audio audio = { 0 };
  set_audio (&audio, gst_caps_get_structure (caps, 0));
  writer->audio = audio;
  set_track (writer, GST_KALTURA_TS_AUDIO, audio.type);
}

gboolean
gst_kaltura_segment_writer_check_caps (const GstCaps *caps, GstClockTime *frame_duration)
{
  const GstStructure *structure = gst_caps_get_structure (caps, 0);
  *frame_duration = 0;
  if (gst_structure_has_name (structure, "video/x-h264")) {
    g_autoptr (GstKalturaH264) h264 = gst_kaltura_h264_new ();
    gint fps_n, fps_d;
    if (gst_structure_get_fraction (structure, "framerate", &fps_n, &fps_d) && fps_n > 0) {
      *frame_duration = gst_util_uint64_scale (fps_d, GST_SECOND, fps_n);
    }
    return set_h264 (h264, structure);
  }
  Audio audio = { 0 };
  gboolean usable = set_audio (&audio, structure);
  *frame_duration = audio.frame_duration;
  return usable;
}

void
gst_kaltura_segment_writer_end_video (GstKalturaSegmentWriter *writer)
{
  set_track (writer, GST_KALTURA_TS_VIDEO, GST_KALTURA_TS_NONE);
}

void
gst_kaltura_segment_writer_end_audio (GstKalturaSegmentWriter *writer)
{
  write_batch (writer);
  set_track (writer, GST_KALTURA_TS_AUDIO, GST_KALTURA_TS_NONE);
}

gboolean
gst_kaltura_segment_writer_is_open (const GstKalturaSegmentWriter *writer)
{
  return writer->file != NULL;
}

gint64
gst_kaltura_segment_writer_get_start (const GstKalturaSegmentWriter *writer)
{
  return writer->start;
}

/* Tells a fault of the open segment the first time it is seen. */
static void
report_fault (GstKalturaSegmentWriter *writer, int error)
{
  if (error != writer->fault) {
    writer->fault = error;
    writer->callbacks->fault (writer->location, error, writer->user_data);
  }
}

static void
check_file (GstKalturaSegmentWriter *writer)
{
  int error = gst_kaltura_file_get_error (writer->file);
  if (G_UNLIKELY (error != 0)) {
    report_fault (writer, error);
  }
}

void
gst_kaltura_segment_writer_begin (GstKalturaSegmentWriter *writer, gint64 running_time)
{
  g_return_if_fail (writer->file == NULL);

  g_free (writer->location);
  writer->location = gst_kaltura_file_expand (writer->pattern, writer->index);
  writer->file = gst_kaltura_file_open (writer->location);
  writer->start = running_time;
  writer->segment = (GstKalturaSegment){ .fps_d = 1 };
  writer->video_codec[0] = '\0';
  writer->audio_codec = "";
  check_file (writer);
  gst_kaltura_ts_write_tables (writer->ts);
}

void
gst_kaltura_segment_writer_end (GstKalturaSegmentWriter *writer, gint64 running_time, GstKalturaSegmentEnd end)
{
  g_return_if_fail (writer->file != NULL);

  write_batch (writer);
  gst_kaltura_ts_flush (writer->ts);
  gboolean both = writer->video_codec[0] != '\0' && *writer->audio_codec != '\0';
  g_autofree char *codecs = g_strconcat (writer->video_codec, both ? "," : "", writer->audio_codec, NULL);
  GstKalturaSegment segment = writer->segment;
  segment.location = writer->location;
  segment.index = writer->index;
  segment.running_time = MAX (writer->start, 0);
  segment.duration = MAX (running_time - writer->start, 0);
  segment.bytes = gst_kaltura_file_get_size (writer->file);
  segment.codecs = codecs;
  segment.last = end == GST_KALTURA_SEGMENT_LAST;
  segment.error = gst_kaltura_file_finish (g_steal_pointer (&writer->file));
  if (segment.error != 0) {
    report_fault (writer, segment.error);
  } else {
    writer->fault = 0;
  }
  writer->index++;
  writer->callbacks->closed (&segment, writer->user_data);
}

static gint64
to_ticks (gint64 running_time)
{
  gint64 time = MAX (running_time + (gint64) TS_ORIGIN, 0);
  return gst_util_uint64_scale_round (time, GST_KALTURA_TS_HZ, GST_SECOND);
}

/* DTS must grow within a track: small faults of encoders are repaired here. What goes far back is another timeline. */
static gint64
make_dts (GstKalturaSegmentWriter *writer, GstKalturaTsTrack track, gint64 running_time)
{
  gint64 ticks = to_ticks (running_time);
  if (ticks + REPAIRED_MAX < writer->last_ticks[track]) {
    gst_kaltura_ts_mark_discontinuity (writer->ts);
  } else {
    ticks = MAX (ticks, writer->last_ticks[track] + 1);
  }
  writer->last_ticks[track] = ticks;
  return ticks;
}

static gint
compare_metadata (gconstpointer a, gconstpointer b, gpointer unused)
{
  const Metadata *left = a, *right = b;
  return left->running_time < right->running_time ? -1 : left->running_time > right->running_time;
}

void
gst_kaltura_segment_writer_add_metadata (GstKalturaSegmentWriter *writer, gint64 running_time, GBytes *tag)
{
  Metadata *metadata = g_new0 (Metadata, 1);
  metadata->running_time = running_time;
  metadata->tag = g_bytes_ref (tag);
  g_queue_insert_sorted (&writer->metadata, metadata, compare_metadata, NULL);
  if (writer->metadata.length > MAX_METADATA) {
    metadata_free (g_queue_pop_head (&writer->metadata));
  }
}

static gboolean
is_metadata_due (GstKalturaSegmentWriter *writer, gint64 running_time)
{
  const Metadata *head = g_queue_peek_head (&writer->metadata);
  return head != NULL && head->running_time <= running_time;
}

/* Tags that are due by @running_time, the decoding time of what has just been written. */
static void
write_metadata (GstKalturaSegmentWriter *writer, gint64 running_time)
{
  while (is_metadata_due (writer, running_time)) {
    const Metadata *head = g_queue_peek_head (&writer->metadata);
    gsize size = 0;
    gconstpointer data = g_bytes_get_data (head->tag, &size);
    struct iovec chunk = { (gpointer) data, size };
    set_track (writer, GST_KALTURA_TS_METADATA, GST_KALTURA_TS_ID3);
    /* One that is late belongs to the frame beside it: a player would not look back. */
    gint64 time = MAX (head->running_time, gst_kaltura_segment_writer_get_start (writer));
    gint64 *last = &writer->last_ticks[GST_KALTURA_TS_METADATA];
    gint64 ticks = to_ticks (time);
    if (ticks <= *last && *last - ticks < REPAIRED_MAX) {
      ticks = *last + 1;
    }
    *last = ticks;
    gst_kaltura_ts_write_pes (writer->ts, GST_KALTURA_TS_METADATA, ticks, ticks, GST_KALTURA_TS_PLAIN, &chunk, 1);
    metadata_free (g_queue_pop_head (&writer->metadata));
  }
}

/* What the segment's first video frame tells of all of it. */
static void
describe_video (GstKalturaSegmentWriter *writer)
{
  const char *codec = gst_kaltura_h264_get_codec (writer->h264);
  if (writer->video_codec[0] == '\0' && codec != NULL) {
    g_strlcpy (writer->video_codec, codec, sizeof (writer->video_codec));
    writer->segment.width = writer->width;
    writer->segment.height = writer->height;
    writer->segment.fps_n = writer->fps_n;
    writer->segment.fps_d = writer->fps_d;
  }
}

void
gst_kaltura_segment_writer_write_video (GstKalturaSegmentWriter *writer, GstBuffer *buffer, gint64 pts, gint64 dts)
{
  g_return_if_fail (writer->file != NULL);

  gboolean key = !GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DELTA_UNIT);
  GstMapInfo map;
  if (!gst_buffer_map (buffer, &map, GST_MAP_READ)) {
    return;
  }
  g_array_set_size (writer->chunks, 0);
  if (gst_kaltura_h264_frame (writer->h264, map.data, map.size,
          key ? GST_KALTURA_H264_KEYFRAME : GST_KALTURA_H264_DELTA, writer->chunks)) {
    gint64 dts_ticks = make_dts (writer, GST_KALTURA_TS_VIDEO, dts);
    gint64 pts_ticks = MAX (to_ticks (pts), dts_ticks);
    gst_kaltura_ts_write_pes (writer->ts, GST_KALTURA_TS_VIDEO, pts_ticks, dts_ticks,
        key ? GST_KALTURA_TS_RANDOM_ACCESS : GST_KALTURA_TS_PLAIN, (const struct iovec *) writer->chunks->data,
        writer->chunks->len);
    describe_video (writer);
    write_metadata (writer, dts);
  } else {
    GST_WARNING ("dropped a broken access unit of %" G_GSIZE_FORMAT " bytes", map.size);
  }
  gst_buffer_unmap (buffer, &map);
  check_file (writer);
}

static void
write_batch (GstKalturaSegmentWriter *writer)
{
  if (writer->batch->len == 0) {
    return;
  }
  if (writer->file != NULL) {
    gint64 pts = make_dts (writer, GST_KALTURA_TS_AUDIO, writer->batch_pts);
    struct iovec chunk = { writer->batch->data, writer->batch->len };
    gst_kaltura_ts_write_pes (writer->ts, GST_KALTURA_TS_AUDIO, pts, pts,
        writer->video_codec[0] != '\0' ? GST_KALTURA_TS_PLAIN : GST_KALTURA_TS_RANDOM_ACCESS, &chunk, 1);
    check_file (writer);
  }
  g_byte_array_set_size (writer->batch, 0);
  writer->batch_frames = 0;
}

/* Whether a frame of @pts goes on where the collected ones end. */
static gboolean
fits_batch (const GstKalturaSegmentWriter *writer, gint64 pts, gsize size)
{
  gint64 due = writer->batch_pts + writer->batch_frames * writer->audio.frame_duration;
  return writer->audio.frame_duration > 0 && ABS (pts - due) <= (gint64) BATCH_TOLERANCE &&
      due - writer->batch_pts < (gint64) BATCH_DURATION && writer->batch->len + size <= BATCH_BYTES;
}

void
gst_kaltura_segment_writer_write_audio (GstKalturaSegmentWriter *writer, GstBuffer *buffer, gint64 pts)
{
  g_return_if_fail (writer->file != NULL);

  GstMapInfo map;
  if (!gst_buffer_map (buffer, &map, GST_MAP_READ)) {
    return;
  }
  if (map.size == 0 || (writer->audio.raw && map.size > GST_KALTURA_ADTS_MAX_FRAME)) {
    GST_WARNING ("dropped an audio frame of %" G_GSIZE_FORMAT " bytes", map.size);
    gst_buffer_unmap (buffer, &map);
    return;
  }
  if (writer->batch->len > 0 && !fits_batch (writer, pts, map.size + GST_KALTURA_ADTS_HEADER_SIZE)) {
    write_batch (writer);
  }
  if (writer->batch->len == 0) {
    writer->batch_pts = pts;
  }
  if (writer->audio.raw) {
    guint8 header[GST_KALTURA_ADTS_HEADER_SIZE];
    gst_kaltura_adts_write_header (&writer->audio.adts, map.size, header);
    g_byte_array_append (writer->batch, header, sizeof (header));
  }
  g_byte_array_append (writer->batch, map.data, map.size);
  writer->batch_frames++;
  writer->audio_codec = writer->audio.codec;
  gst_buffer_unmap (buffer, &map);
  if (writer->video_codec[0] == '\0' && is_metadata_due (writer, pts)) { /* there is audio alone */
    write_batch (writer);
    write_metadata (writer, pts);
  }
}
