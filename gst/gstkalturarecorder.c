/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The deciding half of kalturarecordsink: which frame begins a recording, when a fragment is written, what happens when
 * the disk says no. Runs on the element's writer thread.
 *
 *   take -> [close, open] -> track -> ... half a second of media ... -> write one fragment
 *
 * A recording begins with a video keyframe; once force-key-unit events have been seen, only keyframes behind one count,
 * because those are the ones that all renditions have in common. What a fault of the disk cuts off ends behind its last
 * whole fragment, and recording is tried again at a later keyframe.
 */
#include "gstkalturarecorder.h"

#include <errno.h>
#include <string.h>

#include "gstkalturarecordtrack.h"

GST_DEBUG_CATEGORY_STATIC (gst_kaltura_recorder_debug);
#define GST_CAT_DEFAULT gst_kaltura_recorder_debug

#define FRAGMENT (GST_SECOND / 2)    /* media in one fragment; a kill costs no more */
#define RETRY (5 * GST_SECOND)       /* media between two tries after a fault */
#define TOLERANCE (10 * GST_MSECOND) /* a recording that is this much too short is long enough */
#define NEVER G_MAXINT64

typedef struct {
  GstKalturaMergeKind kind;
  GstKalturaRecordTrack *track;
  gint index;     /* in the file, -1 = not in it */
  gboolean stale; /* the file's header does not fit its frames any more */
} Track;

/* A buffer while its bytes are being written. */
typedef struct {
  GstBuffer *buffer; /* (unowned) */
  GstMapInfo info;
} Map;

struct _GstKalturaRecorder {
  char *pattern;
  guint64 number; /* of the next file */
  gid_t group;
  guint64 min_free;      /* bytes of the disk */
  gint64 chunk_duration; /* ns, 0 = no limit */
  const GstKalturaRecorderCallbacks *callbacks;
  gpointer user_data;

  GArray *tracks;             /* of Track */
  GstKalturaRecordFile *file; /* NULL = none is open */
  gboolean header_written;
  guint32 fragments;     /* written into the file */
  gint64 start;          /* ns, where the file begins */
  gint64 split_time;     /* ns, NEVER = no split is wanted */
  gboolean caps_changed; /* the header does not fit any more */
  gboolean marks;        /* there are force-key-unit events */
  gint64 retry_time;     /* ns, not before; of the next file after a fault */
  int error;             /* errno of the fault that was told last, 0 = all is well */
  GArray *chunks;        /* of struct iovec */
  GArray *maps;          /* of Map */
  GstKalturaRecorderStats stats;
};

static void
ensure_debug_category (void)
{
  static gsize done = 0;
  if (g_once_init_enter (&done)) {
    GST_DEBUG_CATEGORY_INIT (gst_kaltura_recorder_debug, "kalturarecorder", 0, "Kaltura recorder");
    g_once_init_leave (&done, 1);
  }
}

GstKalturaRecorder *
gst_kaltura_recorder_new (const char *pattern, gid_t group, guint64 min_free, GstClockTime chunk_duration,
    const GstKalturaRecorderCallbacks *callbacks, gpointer user_data)
{
  ensure_debug_category ();
  GstKalturaRecorder *recorder = g_new0 (GstKalturaRecorder, 1);
  recorder->pattern = g_strdup (pattern);
  recorder->group = group;
  recorder->min_free = min_free;
  recorder->chunk_duration = (gint64) chunk_duration;
  recorder->callbacks = callbacks;
  recorder->user_data = user_data;
  recorder->tracks = g_array_new (FALSE, TRUE, sizeof (Track));
  recorder->chunks = g_array_new (FALSE, FALSE, sizeof (struct iovec));
  recorder->maps = g_array_new (FALSE, FALSE, sizeof (Map));
  recorder->split_time = NEVER;
  recorder->retry_time = G_MININT64;
  return recorder;
}

static Track *
get_track (GstKalturaRecorder *recorder, guint number)
{
  return &g_array_index (recorder->tracks, Track, number);
}

void
gst_kaltura_recorder_add_track (GstKalturaRecorder *recorder, guint number, GstKalturaMergeKind kind)
{
  Track track = { kind, gst_kaltura_record_track_new (kind), -1 };
  g_return_if_fail (number == recorder->tracks->len);
  g_array_append_val (recorder->tracks, track);
}

void
gst_kaltura_recorder_free (GstKalturaRecorder *recorder)
{
  gst_kaltura_recorder_end (recorder);
  for (guint i = 0; i < recorder->tracks->len; i++) {
    gst_kaltura_record_track_free (get_track (recorder, i)->track);
  }
  g_array_unref (recorder->tracks);
  g_array_unref (recorder->chunks);
  g_array_unref (recorder->maps);
  g_free (recorder->pattern);
  g_free (recorder);
}

void
gst_kaltura_recorder_get_stats (const GstKalturaRecorder *recorder, GstKalturaRecorderStats *stats)
{
  *stats = recorder->stats;
  stats->recording = recorder->file != NULL;
}

static void
tell_fault (GstKalturaRecorder *recorder, const char *location, int error)
{
  recorder->stats.faults++;
  GST_WARNING ("%s: %s", location != NULL ? location : recorder->pattern, g_strerror (error));
  if (recorder->error != error) {
    recorder->error = error;
    recorder->callbacks->fault (location, error, recorder->user_data);
  }
}

/* Writing */

static void
add_chunk (GstKalturaRecorder *recorder, gpointer data, gsize size)
{
  struct iovec chunk = { data, size };
  g_array_append_val (recorder->chunks, chunk);
}

/* Adds the bytes of @buffers. FALSE if one cannot be read. */
static gboolean
add_buffers (GstKalturaRecorder *recorder, GPtrArray *buffers)
{
  for (guint i = 0; i < buffers->len; i++) {
    Map map = { .buffer = buffers->pdata[i] };
    if (!gst_buffer_map (map.buffer, &map.info, GST_MAP_READ)) {
      return FALSE;
    }
    g_array_append_val (recorder->maps, map);
    add_chunk (recorder, map.info.data, map.info.size);
  }
  return TRUE;
}

static void
unmap_buffers (GstKalturaRecorder *recorder)
{
  for (guint i = 0; i < recorder->maps->len; i++) {
    Map *map = &g_array_index (recorder->maps, Map, i);
    gst_buffer_unmap (map->buffer, &map->info);
  }
  g_array_set_size (recorder->maps, 0);
  g_array_set_size (recorder->chunks, 0);
}

static GByteArray *
make_header (GstKalturaRecorder *recorder)
{
  g_autofree Mp4Setup *setups = g_new0 (Mp4Setup, recorder->tracks->len);
  guint count = 0;
  for (guint i = 0; i < recorder->tracks->len; i++) {
    const Track *track = get_track (recorder, i);
    if (track->index >= 0) {
      gst_kaltura_record_track_get_setup (track->track, &setups[track->index]);
      count++;
    }
  }
  return mp4_make_header (setups, count, g_get_real_time () / G_USEC_PER_SEC);
}

static GByteArray *
make_fragment (GstKalturaRecorder *recorder)
{
  g_autofree Mp4Run *runs = g_new0 (Mp4Run, recorder->tracks->len);
  guint count = 0;
  for (guint i = 0; i < recorder->tracks->len; i++) {
    const Track *track = get_track (recorder, i);
    if (track->index >= 0 && gst_kaltura_record_track_get_run (track->track, &runs[count])) {
      runs[count++].track = (guint) track->index;
    }
  }
  return count > 0 ? mp4_make_fragment (recorder->fragments + 1, runs, count) : NULL;
}

/* Writes all frames whose duration is known as one fragment. Returns an errno. */
static int
write_fragment (GstKalturaRecorder *recorder)
{
  g_autoptr (GByteArray) fragment = make_fragment (recorder);
  if (fragment == NULL) {
    return 0;
  }
  g_autoptr (GByteArray) header = recorder->header_written ? NULL : make_header (recorder);
  if (header != NULL) {
    add_chunk (recorder, header->data, header->len);
  }
  add_chunk (recorder, fragment->data, fragment->len);
  gboolean readable = TRUE;
  for (guint i = 0; i < recorder->tracks->len && readable; i++) {
    readable = add_buffers (recorder, gst_kaltura_record_track_get_buffers (get_track (recorder, i)->track));
  }
  guint64 before = gst_kaltura_record_file_get_size (recorder->file);
  int error = !readable
      ? EFAULT
      : gst_kaltura_record_file_append (recorder->file, (struct iovec *) recorder->chunks->data, recorder->chunks->len);
  unmap_buffers (recorder);
  for (guint i = 0; i < recorder->tracks->len; i++) {
    gst_kaltura_record_track_clear_run (get_track (recorder, i)->track);
  }
  if (error == 0) {
    recorder->stats.bytes += gst_kaltura_record_file_get_size (recorder->file) - before;
    recorder->header_written = TRUE;
    recorder->fragments++;
    recorder->error = 0;
  }
  return error;
}

typedef enum { END_OF_CHUNK, END_OF_STREAM } End;

/* Closes the file with what is in it. */
static void
close_file (GstKalturaRecorder *recorder, End end)
{
  GstKalturaRecordFile *file = g_steal_pointer (&recorder->file);
  g_autofree char *location = g_strdup (gst_kaltura_record_file_get_location (file));
  for (guint i = 0; i < recorder->tracks->len; i++) {
    Track *track = get_track (recorder, i);
    gst_kaltura_record_track_begin (track->track, 0); /* drops what could not be written */
    track->index = -1;
    track->stale = FALSE;
  }
  if (recorder->fragments == 0) {
    recorder->callbacks->discarded (location, recorder->user_data);
    gst_kaltura_record_file_discard (file);
    return;
  }
  Mp4FinishResult result;
  gst_kaltura_record_file_complete (file, &result);
  recorder->stats.recordings++;
  GstKalturaRecording recording = {
    .location = location,
    .running_time = recorder->start,
    .duration = result.duration,
    .size = result.size,
    .last = end == END_OF_STREAM,
    .plain = result.changed,
  };
  recorder->callbacks->completed (&recording, recorder->user_data);
  gst_kaltura_record_file_free (file);
  GST_INFO ("%s: %.3f s, %" G_GUINT64_FORMAT " bytes", location, recording.duration, recording.size);
  recorder->callbacks->closed (&recording, recorder->user_data);
}

/* The disk has failed. @now: ns of running time. */
static void
give_up_file (GstKalturaRecorder *recorder, int error, gint64 now, End end)
{
  g_autofree char *location = g_strdup (gst_kaltura_record_file_get_location (recorder->file));
  tell_fault (recorder, location, error);
  recorder->retry_time = now + (gint64) RETRY;
  close_file (recorder, end);
}

/* Ends the file properly. @next_dts: of the video frame that the next one begins with, if there is one. */
static void
end_file (GstKalturaRecorder *recorder, gint64 next_dts, gint64 now, End end)
{
  for (guint i = 0; i < recorder->tracks->len; i++) {
    Track *track = get_track (recorder, i);
    if (track->index >= 0) {
      gst_kaltura_record_track_end (track->track,
          track->kind == GST_KALTURA_MERGE_VIDEO ? next_dts : GST_KALTURA_RECORD_TRACK_NO_DTS);
    }
  }
  int error = write_fragment (recorder);
  if (error != 0) {
    give_up_file (recorder, error, now, end);
  } else {
    close_file (recorder, end);
  }
}

static void
open_file (GstKalturaRecorder *recorder, gint64 start)
{
  int error = 0;
  if (start >= recorder->split_time) {
    recorder->split_time = NEVER;
  }
  recorder->caps_changed = FALSE;
  recorder->file =
      gst_kaltura_record_file_open (recorder->pattern, &recorder->number, recorder->group, recorder->min_free, &error);
  if (recorder->file != NULL) {
    const char *location = gst_kaltura_record_file_get_location (recorder->file);
    error = recorder->callbacks->opened (location, start, recorder->user_data);
    if (error != 0) {
      g_clear_pointer (&recorder->file, gst_kaltura_record_file_discard);
    }
  }
  if (recorder->file == NULL) {
    tell_fault (recorder, NULL, error);
    recorder->retry_time = start + (gint64) RETRY;
    return;
  }
  recorder->start = start;
  recorder->fragments = 0;
  recorder->header_written = FALSE;
  gint index = 0;
  for (guint i = 0; i < recorder->tracks->len; i++) {
    Track *track = get_track (recorder, i);
    if (gst_kaltura_record_track_has_caps (track->track)) {
      gst_kaltura_record_track_begin (track->track, start);
      track->index = index++;
    }
  }
}

/* Decisions */

/* Whether a recording may begin with @frame. */
static gboolean
may_begin (const GstKalturaRecorder *recorder, const Track *track, const GstKalturaFrame *frame,
    GstKalturaDecider decider)
{
  if (track->kind == GST_KALTURA_MERGE_AUDIO) {
    return decider == GST_KALTURA_AUDIO_DECIDES;
  }
  return frame->sync && (recorder->file == NULL || recorder->caps_changed || !recorder->marks || frame->marked);
}

static gboolean
is_split_due (const GstKalturaRecorder *recorder, const GstKalturaFrame *frame)
{
  gboolean long_enough =
      recorder->chunk_duration > 0 && frame->pts - recorder->start >= recorder->chunk_duration - (gint64) TOLERANCE;
  return recorder->caps_changed || long_enough || frame->pts >= recorder->split_time;
}

/* New caps come with a keyframe, so video ends the file. Audio waits for the next keyframe, video goes on. */
static void
take_caps (GstKalturaRecorder *recorder, Track *track, GstCaps *caps)
{
  if (!gst_kaltura_record_track_is_changed (track->track, caps)) {
    return;
  }
  if (recorder->file != NULL && track->index >= 0 && track->kind == GST_KALTURA_MERGE_VIDEO) {
    end_file (recorder, GST_KALTURA_RECORD_TRACK_NO_DTS, recorder->start, END_OF_CHUNK);
  } else if (recorder->file != NULL && track->index >= 0) {
    gst_kaltura_record_track_end (track->track, GST_KALTURA_RECORD_TRACK_NO_DTS);
    int error = write_fragment (recorder); /* the header, too, of the old caps */
    if (error != 0) {
      give_up_file (recorder, error, recorder->start, END_OF_CHUNK);
    }
  }
  if (recorder->file != NULL) {
    track->stale = TRUE;
    recorder->caps_changed = TRUE;
  }
  gst_kaltura_record_track_set_caps (track->track, caps);
}

static gboolean
is_fragment_due (GstKalturaRecorder *recorder)
{
  for (guint i = 0; i < recorder->tracks->len; i++) {
    const Track *track = get_track (recorder, i);
    if (track->index >= 0 && gst_kaltura_record_track_get_run_time (track->track) >= FRAGMENT) {
      return TRUE;
    }
  }
  return FALSE;
}

static void
add_frame (GstKalturaRecorder *recorder, Track *track, GstKalturaFrame *frame)
{
  gint64 now = frame->pts;
  if (!gst_kaltura_record_track_add (track->track, frame) || !is_fragment_due (recorder)) {
    return;
  }
  int error = write_fragment (recorder);
  if (error != 0) {
    give_up_file (recorder, error, now, END_OF_CHUNK);
  }
}

void
gst_kaltura_recorder_take (GstKalturaRecorder *recorder, GstKalturaFrame *frame, GstKalturaDecider decider)
{
  Track *track = get_track (recorder, frame->track);
  if (frame->caps != NULL) {
    take_caps (recorder, track, frame->caps);
    gst_kaltura_frame_clear (frame);
    return;
  }
  recorder->marks |= frame->marked;
  if (may_begin (recorder, track, frame, decider)) {
    if (recorder->file != NULL && is_split_due (recorder, frame)) {
      gint64 next_dts = track->kind == GST_KALTURA_MERGE_VIDEO ? frame->dts : GST_KALTURA_RECORD_TRACK_NO_DTS;
      end_file (recorder, next_dts, frame->pts, END_OF_CHUNK);
    }
    if (recorder->file == NULL && frame->pts >= recorder->retry_time) {
      open_file (recorder, frame->pts);
    }
  }
  if (recorder->file != NULL && track->index >= 0 && !track->stale) {
    add_frame (recorder, track, frame);
  } else {
    recorder->stats.dropped += recorder->error != 0 || recorder->file != NULL;
  }
  gst_kaltura_frame_clear (frame);
}

void
gst_kaltura_recorder_split (GstKalturaRecorder *recorder, gint64 running_time)
{
  recorder->split_time = MIN (recorder->split_time, running_time);
}

void
gst_kaltura_recorder_interrupt (GstKalturaRecorder *recorder)
{
  if (recorder->file != NULL) {
    end_file (recorder, GST_KALTURA_RECORD_TRACK_NO_DTS, recorder->start, END_OF_CHUNK);
  }
}

void
gst_kaltura_recorder_end (GstKalturaRecorder *recorder)
{
  if (recorder->file != NULL) {
    end_file (recorder, GST_KALTURA_RECORD_TRACK_NO_DTS, recorder->start, END_OF_STREAM);
  }
}
