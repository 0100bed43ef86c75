/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The thread of kalturarecordsink, and what lies between it and the streaming threads.
 *
 * Disks stop: they are full, slow, on the other side of a network. A live stream must not notice. So streaming threads
 * only put frames into a queue, and when that is full, frames are dropped, all of them, the recording ends, and goes on
 * with a new file at the first keyframe that fits again. A source that is faster than real time (a file) can wait, and
 * does: as long as it has a lead over the clock, of which it has at most LEAD_MAX.
 */
#include "gstkalturarecordthread.h"

#include <errno.h>

GST_DEBUG_CATEGORY_STATIC (gst_kaltura_record_thread_debug);
#define GST_CAT_DEFAULT gst_kaltura_record_thread_debug

#define HELD_SOFT (16 * 1024 * 1024)     /* bytes: whoever can wait, waits */
#define HELD_SOFT_TIME (8 * GST_SECOND)  /* of one track: the same */
#define HELD_HARD (64 * 1024 * 1024)     /* bytes: frames are dropped */
#define STUCK_TIME (10 * G_USEC_PER_SEC) /* the disk has not answered for this long: the same */
#define LEAD_MAX (2 * G_USEC_PER_SEC)
#define STOP_TIME (5 * G_USEC_PER_SEC)

typedef struct {
  GstKalturaMergeKind kind;
  gint64 last;      /* ns, end of the frame last pushed */
  gint64 last_time; /* us, monotonic, of then; 0 = none yet */
  gint64 lead;      /* us that this track is ahead of the clock */
} Track;

struct _GstKalturaRecordThread {
  gint refs; /* atomic: the owner's and the thread's */
  const GstKalturaRecordCallbacks *callbacks;
  GThread *thread;

  GMutex lock;      /* guards all below; never held while anything waits for the disk */
  GCond wake;       /* of the thread: there is something to do */
  GCond space;      /* of the streaming threads: the queue is shorter; and of the owner: the thread has ended */
  GstObject *owner; /* (unowned) NULL = gone */
  GstKalturaMerge *merge;
  GArray *tracks; /* of Track */
  gboolean unblocked, stopping, ended;
  gboolean interrupted; /* frames were dropped; the recorder does not know yet */
  gboolean stuck;
  gboolean over_told;
  gint64 busy_since; /* us, monotonic, when the thread has last gone to the recorder; 0 = it has come back */
  gint64 split_time; /* ns, G_MAXINT64 = none is wanted */
  gint64 latest;     /* ns, latest PTS of all frames pushed */
  guint64 dropped;
  GstKalturaRecorderStats stats; /* of the recorder when the thread came back last */

  /* thread */
  GstKalturaRecorder *recorder;
  guint known_tracks;
};

static void
ensure_debug_category (void)
{
  static gsize done = 0;
  if (g_once_init_enter (&done)) {
    GST_DEBUG_CATEGORY_INIT (gst_kaltura_record_thread_debug, "kalturarecordthread", 0, "Kaltura recording thread");
    g_once_init_leave (&done, 1);
  }
}

static void
thread_unref (GstKalturaRecordThread *self)
{
  if (!g_atomic_int_dec_and_test (&self->refs)) {
    return;
  }
  gst_kaltura_merge_free (self->merge);
  g_array_unref (self->tracks);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->wake);
  g_cond_clear (&self->space);
  g_free (self);
}

/* Callbacks of the recorder, handed on as long as there is an owner. */

static GstObject *
ref_owner (GstKalturaRecordThread *self)
{
  g_mutex_lock (&self->lock);
  GstObject *owner = self->owner != NULL ? gst_object_ref (self->owner) : NULL;
  g_mutex_unlock (&self->lock);
  return owner;
}

static int
on_opened (const char *location, gint64 running_time, gpointer user_data)
{
  GstKalturaRecordThread *self = user_data;
  g_autoptr (GstObject) owner = ref_owner (self);
  return owner != NULL ? self->callbacks->recorder.opened (location, running_time, owner) : ECANCELED;
}

static void
on_completed (const GstKalturaRecording *recording, gpointer user_data)
{
  GstKalturaRecordThread *self = user_data;
  g_autoptr (GstObject) owner = ref_owner (self);
  if (owner != NULL) {
    self->callbacks->recorder.completed (recording, owner);
  }
}

static void
on_closed (const GstKalturaRecording *recording, gpointer user_data)
{
  GstKalturaRecordThread *self = user_data;
  g_autoptr (GstObject) owner = ref_owner (self);
  if (owner != NULL) {
    self->callbacks->recorder.closed (recording, owner);
  }
}

static void
on_discarded (const char *location, gpointer user_data)
{
  GstKalturaRecordThread *self = user_data;
  g_autoptr (GstObject) owner = ref_owner (self);
  if (owner != NULL) {
    self->callbacks->recorder.discarded (location, owner);
  }
}

static void
on_fault (const char *location, int error, gpointer user_data)
{
  GstKalturaRecordThread *self = user_data;
  g_autoptr (GstObject) owner = ref_owner (self);
  if (owner != NULL) {
    self->callbacks->recorder.fault (location, error, owner);
  }
}

static const GstKalturaRecorderCallbacks recorder_callbacks = { on_opened, on_completed, on_closed, on_discarded,
  on_fault };

/* Thread */

/* Lock. */
static void
leave (GstKalturaRecordThread *self)
{
  self->busy_since = g_get_monotonic_time ();
  g_mutex_unlock (&self->lock);
}

static void
come_back (GstKalturaRecordThread *self)
{
  g_mutex_lock (&self->lock);
  self->busy_since = 0;
  self->stuck = FALSE;
  gst_kaltura_recorder_get_stats (self->recorder, &self->stats);
  g_cond_broadcast (&self->space);
}

/* Lock. What the recorder must hear before the next frame. */
static void
bring_up_to_date (GstKalturaRecordThread *self)
{
  for (; self->known_tracks < self->tracks->len; self->known_tracks++) {
    gst_kaltura_recorder_add_track (self->recorder, self->known_tracks,
        g_array_index (self->tracks, Track, self->known_tracks).kind);
  }
  if (self->split_time != G_MAXINT64) {
    gst_kaltura_recorder_split (self->recorder, self->split_time);
    self->split_time = G_MAXINT64;
  }
  if (self->interrupted) {
    self->interrupted = FALSE;
    leave (self);
    gst_kaltura_recorder_interrupt (self->recorder);
    come_back (self);
  }
}

/* Lock. */
static gboolean
write_next (GstKalturaRecordThread *self)
{
  GstKalturaFrame frame;
  if (!gst_kaltura_merge_pop (self->merge, &frame, g_get_monotonic_time ())) {
    return FALSE;
  }
  GstKalturaDecider decider =
      gst_kaltura_merge_has_video (self->merge) ? GST_KALTURA_VIDEO_DECIDES : GST_KALTURA_AUDIO_DECIDES;
  leave (self);
  gst_kaltura_recorder_take (self->recorder, &frame, decider);
  come_back (self);
  return TRUE;
}

/* Lock. */
static gboolean
is_over (const GstKalturaRecordThread *self)
{
  return self->tracks->len > 0 && gst_kaltura_merge_is_over (self->merge);
}

/* Lock. */
static void
end_recording (GstKalturaRecordThread *self)
{
  leave (self);
  gst_kaltura_recorder_end (self->recorder);
  come_back (self);
}

/* Lock. */
static void
tell_over (GstKalturaRecordThread *self)
{
  self->over_told = TRUE;
  g_mutex_unlock (&self->lock);
  g_autoptr (GstObject) owner = ref_owner (self);
  if (owner != NULL) {
    self->callbacks->over (owner);
  }
  g_mutex_lock (&self->lock);
}

/* Lock. Nothing more will be pushed: what is held is written, whatever it waits for. */
static void
write_rest (GstKalturaRecordThread *self)
{
  for (guint i = 0; i < self->tracks->len; i++) {
    gst_kaltura_merge_end_track (self->merge, i);
  }
  do {
    bring_up_to_date (self);
  } while (write_next (self));
}

static gpointer
run (gpointer data)
{
  GstKalturaRecordThread *self = data;
  g_mutex_lock (&self->lock);
  while (!self->stopping) {
    bring_up_to_date (self);
    if (write_next (self)) {
      continue;
    }
    if (is_over (self) && !self->over_told) {
      end_recording (self);
      tell_over (self);
      continue;
    }
    if (!self->stopping && !self->interrupted) {
      g_cond_wait (&self->wake, &self->lock);
    }
  }
  write_rest (self);
  end_recording (self);
  self->ended = TRUE;
  g_cond_broadcast (&self->space);
  g_mutex_unlock (&self->lock);
  gst_kaltura_recorder_free (self->recorder);
  thread_unref (self);
  return NULL;
}

GstKalturaRecordThread *
gst_kaltura_record_thread_new (const GstKalturaRecordSettings *settings, const GstKalturaRecordCallbacks *callbacks,
    GstObject *owner)
{
  ensure_debug_category ();
  GstKalturaRecordThread *self = g_new0 (GstKalturaRecordThread, 1);
  self->refs = 2;
  self->callbacks = callbacks;
  g_mutex_init (&self->lock);
  g_cond_init (&self->wake);
  g_cond_init (&self->space);
  self->owner = owner;
  self->merge = gst_kaltura_merge_new (settings->max_wait);
  self->tracks = g_array_new (FALSE, TRUE, sizeof (Track));
  self->split_time = G_MAXINT64;
  self->latest = G_MININT64;
  self->recorder = gst_kaltura_recorder_new (settings->pattern, settings->group, settings->min_free,
      settings->chunk_duration, &recorder_callbacks, self);
  self->thread = g_thread_new ("kaltura-record", run, self);
  return self;
}

void
gst_kaltura_record_thread_unblock (GstKalturaRecordThread *self)
{
  g_mutex_lock (&self->lock);
  self->unblocked = TRUE;
  g_cond_broadcast (&self->space);
  g_mutex_unlock (&self->lock);
}

void
gst_kaltura_record_thread_stop (GstKalturaRecordThread *self)
{
  gint64 deadline = g_get_monotonic_time () + STOP_TIME;
  g_mutex_lock (&self->lock);
  self->unblocked = self->stopping = TRUE;
  g_cond_signal (&self->wake);
  while (!self->ended && g_cond_wait_until (&self->space, &self->lock, deadline)) {
    continue;
  }
  gboolean ended = self->ended;
  self->owner = NULL;
  g_mutex_unlock (&self->lock);
  if (ended) {
    g_thread_join (self->thread);
  } else {
    GST_WARNING ("the disk hangs, a recording is left as it is");
    g_thread_unref (self->thread);
  }
  thread_unref (self);
}

/* Tracks */

guint
gst_kaltura_record_thread_add_track (GstKalturaRecordThread *self, GstKalturaMergeKind kind)
{
  Track track = { .kind = kind };
  g_mutex_lock (&self->lock);
  guint number = gst_kaltura_merge_add_track (self->merge, kind);
  g_array_append_val (self->tracks, track);
  g_mutex_unlock (&self->lock);
  return number;
}

void
gst_kaltura_record_thread_end_track (GstKalturaRecordThread *self, guint track)
{
  g_mutex_lock (&self->lock);
  gst_kaltura_merge_end_track (self->merge, track);
  g_cond_signal (&self->wake);
  g_mutex_unlock (&self->lock);
}

void
gst_kaltura_record_thread_flush_track (GstKalturaRecordThread *self, guint track)
{
  g_mutex_lock (&self->lock);
  gst_kaltura_merge_flush_track (self->merge, track);
  g_array_index (self->tracks, Track, track).last_time = 0;
  self->over_told = FALSE;
  g_cond_broadcast (&self->space);
  g_mutex_unlock (&self->lock);
}

void
gst_kaltura_record_thread_split (GstKalturaRecordThread *self, gint64 running_time)
{
  g_mutex_lock (&self->lock);
  self->split_time = MIN (self->split_time, running_time);
  g_cond_signal (&self->wake);
  g_mutex_unlock (&self->lock);
}

void
gst_kaltura_record_thread_split_now (GstKalturaRecordThread *self)
{
  g_mutex_lock (&self->lock);
  gint64 next = self->latest + 1;
  g_mutex_unlock (&self->lock);
  gst_kaltura_record_thread_split (self, next);
}

void
gst_kaltura_record_thread_get_stats (GstKalturaRecordThread *self, GstKalturaRecordStats *stats)
{
  g_mutex_lock (&self->lock);
  stats->recorder = self->stats;
  stats->dropped = self->dropped;
  stats->held = gst_kaltura_merge_get_held (self->merge);
  stats->stuck = self->stuck;
  g_mutex_unlock (&self->lock);
}

/* Frames */

/* Lock. How far ahead of the clock the track is, with @frame. */
static void
update_lead (Track *track, const GstKalturaFrame *frame, gint64 now)
{
  if (track->last_time != 0) {
    gint64 media = MAX (frame->end - track->last, 0) / 1000;
    track->lead = CLAMP (track->lead + media - (now - track->last_time), 0, LEAD_MAX);
  }
  track->last = frame->end;
  track->last_time = now;
}

/* Lock. */
static gboolean
is_full (GstKalturaRecordThread *self, guint track)
{
  return gst_kaltura_merge_get_held (self->merge) >= HELD_SOFT ||
      gst_kaltura_merge_get_held_time (self->merge, track) >= HELD_SOFT_TIME;
}

/* Lock. */
static gboolean
hangs (const GstKalturaRecordThread *self, gint64 now)
{
  return self->busy_since != 0 && now - self->busy_since >= STUCK_TIME;
}

/* Lock. A source that has a lead spends it on waiting until there is room. */
static void
wait_for_room (GstKalturaRecordThread *self, guint number)
{
  gint64 begin = g_get_monotonic_time ();
  gint64 end = begin + g_array_index (self->tracks, Track, number).lead;
  while (!self->unblocked && is_full (self, number) && !hangs (self, g_get_monotonic_time ()) &&
      g_cond_wait_until (&self->space, &self->lock, end)) {
    continue;
  }
  Track *track = &g_array_index (self->tracks, Track, number);
  gint64 now = g_get_monotonic_time ();
  track->lead = MAX (track->lead - (now - begin), 0);
  track->last_time = now;
}

/* Lock. Returns whether frames have to be dropped now, and whether that is to be told. */
static gboolean
drops (GstKalturaRecordThread *self, gboolean *tell)
{
  gboolean was_stuck = self->stuck;
  if (gst_kaltura_merge_get_held (self->merge) >= HELD_HARD || hangs (self, g_get_monotonic_time ())) {
    self->stuck = TRUE;
  }
  if (self->stuck) {
    self->dropped += gst_kaltura_merge_clear (self->merge) + 1;
    self->interrupted = TRUE;
  }
  *tell = self->stuck && !was_stuck;
  return self->stuck;
}

gboolean
gst_kaltura_record_thread_push (GstKalturaRecordThread *self, GstKalturaFrame *frame)
{
  gboolean tell = FALSE;
  guint number = frame->track;
  g_mutex_lock (&self->lock);
  if (frame->buffer != NULL) {
    update_lead (&g_array_index (self->tracks, Track, number), frame, g_get_monotonic_time ());
    self->latest = MAX (self->latest, frame->pts);
    if (is_full (self, number)) {
      wait_for_room (self, number);
    }
  }
  gboolean taken = !self->unblocked;
  if (!taken || (frame->buffer != NULL && drops (self, &tell))) {
    gst_kaltura_frame_clear (frame);
  } else {
    gst_kaltura_merge_push (self->merge, frame, g_get_monotonic_time ());
    g_cond_signal (&self->wake);
  }
  g_mutex_unlock (&self->lock);
  if (tell) {
    g_autoptr (GstObject) owner = ref_owner (self);
    if (owner != NULL) {
      self->callbacks->stuck (owner);
    }
  }
  return taken;
}
