/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gst/mp4: recordings that are closed, torn at each of their bytes, made of garbage, finished twice. Each frame is told
 * by its bytes: track, number, and a length of its own. That ffmpeg and GStreamer read the same is tested end to end.
 */
#include "mp4-finish.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mp4-box.h"
#include "mp4-writer.h"

#define FRAGMENTS 4
#define VIDEO_FRAMES 5 /* of a fragment */
#define AUDIO_FRAMES 3
#define VIDEO_DURATION 3600 /* 25 frames a second */
#define AUDIO_DURATION 1024
#define REORDER 7200 /* PTS - DTS of keyframes */

typedef struct {
  char *folder, *path;
  GByteArray *whole;           /* the file as it is written */
  guint64 ends[FRAGMENTS + 1]; /* bytes up to the end of fragment n - 1; 0 = of the header */
} Fixture;

static guint32
get_frame_size (guint track, guint number)
{
  return 20 + (track * 7 + number * 3) % 11;
}

static gint32
get_composition (guint frame)
{
  return frame % 2 == 0 ? REORDER : REORDER / 2;
}

static void
put_frame (GByteArray *bytes, guint track, guint number)
{
  guint start = bytes->len;
  mp4_put_u32 (bytes, track);
  mp4_put_u32 (bytes, number);
  mp4_put_zeros (bytes, get_frame_size (track, number) - (bytes->len - start));
}

static void
put_fragment (GByteArray *bytes, guint number)
{
  Mp4Frame video[VIDEO_FRAMES], audio[AUDIO_FRAMES];
  for (guint i = 0; i < VIDEO_FRAMES; i++) {
    guint frame = number * VIDEO_FRAMES + i;
    video[i] = (Mp4Frame){ get_frame_size (0, frame), VIDEO_DURATION, get_composition (i), i == 0 };
  }
  for (guint i = 0; i < AUDIO_FRAMES; i++) {
    audio[i] = (Mp4Frame){ get_frame_size (1, number * AUDIO_FRAMES + i), AUDIO_DURATION, 0, TRUE };
  }
  Mp4Run runs[] = { { 0, (guint64) number * VIDEO_FRAMES * VIDEO_DURATION, video, VIDEO_FRAMES },
    { 1, (guint64) number * AUDIO_FRAMES * AUDIO_DURATION, audio, AUDIO_FRAMES } };
  g_autoptr (GByteArray) fragment = mp4_make_fragment (number + 1, runs, G_N_ELEMENTS (runs));
  mp4_put_data (bytes, fragment->data, fragment->len);
  for (guint i = 0; i < VIDEO_FRAMES; i++) {
    put_frame (bytes, 0, number * VIDEO_FRAMES + i);
  }
  for (guint i = 0; i < AUDIO_FRAMES; i++) {
    put_frame (bytes, 1, number * AUDIO_FRAMES + i);
  }
}

static GByteArray *
make_header (void)
{
  static const guint8 avcc[] = { 1, 0x4d, 0x40, 0x1f, 0xff, 0xe1, 0, 5, 0x67, 0x4d, 0x40, 0x1f, 0x95, 1, 0, 3, 0x68,
    0xee, 0x3c };
  static const guint8 asc[] = { 0x11, 0x90 };
  Mp4Setup setups[] = {
    { .codec = MP4_CODEC_AVC1,
        .timescale = 90000,
        .config = avcc,
        .config_size = sizeof avcc,
        .width = 640,
        .height = 360,
        .media_time = REORDER },
    { .codec = MP4_CODEC_AAC,
        .timescale = 48000,
        .config = asc,
        .config_size = sizeof asc,
        .channels = 2,
        .rate = 48000 },
  };
  return mp4_make_header (setups, G_N_ELEMENTS (setups), 1763812345);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  /* In memory if possible: the tests sync some thousand files. */
  const char *parent = g_access ("/dev/shm", W_OK) == 0 ? "/dev/shm" : g_get_tmp_dir ();
  f->folder = g_mkdtemp (g_build_filename (parent, "klive-mp4-XXXXXX", NULL));
  f->path = g_build_filename (f->folder, "recording.mp4", NULL);
  f->whole = make_header ();
  f->ends[0] = f->whole->len;
  for (guint i = 0; i < FRAGMENTS; i++) {
    put_fragment (f->whole, i);
    f->ends[i + 1] = f->whole->len;
  }
}

/* Whatever a test did, nothing else is left in the folder. */
static void
tear_down (Fixture *f, gconstpointer data)
{
  g_unlink (f->path);
  g_assert_cmpint (g_rmdir (f->folder), ==, 0);
  g_byte_array_unref (f->whole);
  g_free (f->path);
  g_free (f->folder);
}

static void
write_file (Fixture *f, const guint8 *bytes, gsize size)
{
  g_autoptr (GError) error = NULL;
  g_file_set_contents (f->path, (const char *) bytes, (gssize) size, &error);
  g_assert_no_error (error);
}

/* Reads all samples, whose bytes must be those of the frames in order. */
static void
count_frames (Fixture *f, guint counts[2])
{
  int fd = g_open (f->path, O_RDONLY, 0);
  g_autoptr (GError) error = NULL;
  g_autoptr (Mp4Reader) reader = mp4_reader_new (fd, &error);
  g_assert_no_error (error);
  Mp4Sample sample;
  counts[0] = counts[1] = 0;
  while (mp4_reader_next (reader, &sample, &error)) {
    guint8 bytes[8];
    guint number = counts[sample.track]++;
    g_assert_cmpuint (sample.size, ==, get_frame_size (sample.track, number));
    g_assert_cmpint (pread (fd, bytes, sizeof bytes, (off_t) sample.offset), ==, sizeof bytes);
    g_assert_cmpuint (mp4_get_u32 (bytes), ==, sample.track);
    g_assert_cmpuint (mp4_get_u32 (bytes + 4), ==, number);
    g_assert_cmpuint (sample.dts, ==, number * (sample.track == 0 ? VIDEO_DURATION : AUDIO_DURATION));
    g_assert_cmpint (sample.sync, ==, sample.track == 1 || number % VIDEO_FRAMES == 0);
    if (sample.track == 0) {
      g_assert_cmpint (sample.composition, ==, get_composition (number % VIDEO_FRAMES));
    }
  }
  g_assert_no_error (error);
  g_assert_false (mp4_reader_is_torn (reader));
  close (fd);
}

/* The file is plain, its index in front, and has the frames of @fragments. */
static void
check_finished (Fixture *f, guint fragments)
{
  guint counts[2];
  int fd = g_open (f->path, O_RDONLY, 0);
  g_autoptr (Mp4Reader) reader = mp4_reader_new (fd, NULL);
  g_assert_nonnull (reader);
  g_assert_false (mp4_reader_is_fragmented (reader));
  g_assert_true (mp4_reader_is_in_front (reader));
  close (fd);
  count_frames (f, counts);
  g_assert_cmpuint (counts[0], ==, fragments * VIDEO_FRAMES);
  g_assert_cmpuint (counts[1], ==, fragments * AUDIO_FRAMES);
}

static void
finish (Fixture *f, Mp4FinishResult *result)
{
  g_autoptr (GError) error = NULL;
  gboolean done = mp4_finish (f->path, result, &error);
  g_assert_no_error (error);
  g_assert_true (done);
}

static void
test_complete (Fixture *f, gconstpointer data)
{
  Mp4FinishResult result;
  write_file (f, f->whole->data, f->whole->len);
  finish (f, &result);
  g_assert_true (result.changed);
  g_assert_false (result.torn);
  g_assert_cmpfloat_with_epsilon (result.duration, FRAGMENTS * VIDEO_FRAMES / 25.0, 0.0001);
  check_finished (f, FRAGMENTS);
}

static void
test_twice (Fixture *f, gconstpointer data)
{
  Mp4FinishResult first, second;
  write_file (f, f->whole->data, f->whole->len);
  finish (f, &first);
  finish (f, &second);
  g_assert_false (second.changed);
  g_assert_cmpuint (second.size, ==, first.size);
  g_assert_cmpfloat (second.duration, ==, first.duration);
  check_finished (f, FRAGMENTS);
}

/* A kill may come behind each byte. */
static void
test_torn (Fixture *f, gconstpointer data)
{
  for (guint64 size = 0; size <= f->whole->len; size++) {
    Mp4FinishResult result;
    g_autoptr (GError) error = NULL;
    guint complete = 0;
    while (complete < FRAGMENTS && f->ends[complete + 1] <= size) {
      complete++;
    }
    write_file (f, f->whole->data, size);
    gboolean done = mp4_finish (f->path, &result, &error);
    if (complete == 0) {
      g_assert_error (error, MP4_ERROR, MP4_ERROR_FORMAT);
      continue;
    }
    g_assert_no_error (error);
    g_assert_true (done);
    g_assert_cmpint (result.torn, ==, size != f->ends[complete]);
    check_finished (f, complete);
  }
}

/* After a power failure a file may end in zeros, or in what was on the disk before. */
static void
test_bad_tail (Fixture *f, gconstpointer data)
{
  Mp4FinishResult result;
  for (guint round = 0; round < 2; round++) {
    g_autoptr (GByteArray) bytes = g_byte_array_new ();
    mp4_put_data (bytes, f->whole->data, f->ends[2]);
    mp4_put_zeros (bytes, 5000);
    memset (bytes->data + f->ends[2], round == 0 ? 0 : 0xa7, 5000);
    write_file (f, bytes->data, bytes->len);
    finish (f, &result);
    g_assert_true (result.torn);
    check_finished (f, 2);
  }
}

static void
close_in_place (Fixture *f, Mp4FinishResult *result)
{
  g_autoptr (GError) error = NULL;
  int fd = g_open (f->path, O_RDWR, 0);
  gboolean done = mp4_close (fd, f->folder, result, &error);
  g_assert_no_error (error);
  g_assert_true (done);
  close (fd);
}

static void
test_close (Fixture *f, gconstpointer data)
{
  Mp4FinishResult result;
  guint counts[2];
  write_file (f, f->whole->data, f->whole->len);
  close_in_place (f, &result);
  g_assert_cmpfloat_with_epsilon (result.duration, FRAGMENTS * VIDEO_FRAMES / 25.0, 0.0001);
  count_frames (f, counts);
  g_assert_cmpuint (counts[0], ==, FRAGMENTS * VIDEO_FRAMES);
  g_assert_cmpuint (counts[1], ==, FRAGMENTS * AUDIO_FRAMES);

  g_autofree char *bytes = NULL;
  gsize size;
  g_assert_true (g_file_get_contents (f->path, &bytes, &size, NULL));
  Mp4Span rest = { (const guint8 *) bytes, size };
  Mp4Box box;
  const guint32 types[] = { MP4_TYPE ('f', 't', 'y', 'p'), MP4_TYPE ('m', 'd', 'a', 't'),
    MP4_TYPE ('m', 'o', 'o', 'v') };
  for (guint i = 0; i < G_N_ELEMENTS (types); i++) {
    g_assert_true (mp4_next_box (&rest, &box));
    g_assert_cmpuint (box.type, ==, types[i]);
  }
  g_assert_cmpuint (rest.size, ==, 0);

  finish (f, &result);
  g_assert_true (result.changed);
  check_finished (f, FRAGMENTS);
}

/* A kill while the file is being closed: each state between the two writes gives the same recording. */
static void
test_killed_while_closing (Fixture *f, gconstpointer data)
{
  Mp4FinishResult result;
  g_autofree char *bytes = NULL;
  gsize size;
  write_file (f, f->whole->data, f->whole->len);
  close_in_place (f, &result);
  g_assert_true (g_file_get_contents (f->path, &bytes, &size, NULL));

  for (gsize end = f->whole->len; end <= size; end += 13) {
    g_autofree guint8 *copy = g_memdup2 (bytes, size);
    memcpy (copy, f->whole->data, f->whole->len); /* the header of the mdat is not written yet */
    write_file (f, copy, end);
    finish (f, &result);
    check_finished (f, FRAGMENTS);
  }
  write_file (f, (const guint8 *) bytes, f->whole->len); /* it is, but the index did not reach the disk */
  finish (f, &result);
  check_finished (f, FRAGMENTS);
}

static void
test_busy (Fixture *f, gconstpointer data)
{
  Mp4FinishResult result;
  g_autoptr (GError) error = NULL;
  write_file (f, f->whole->data, f->whole->len);
  int fd = g_open (f->path, O_RDWR, 0);
  g_assert_cmpint (flock (fd, LOCK_EX), ==, 0);
  g_assert_false (mp4_finish (f->path, &result, &error));
  g_assert_error (error, MP4_ERROR, MP4_ERROR_BUSY);
  close (fd);
  finish (f, &result);
}

static void
test_rights (Fixture *f, gconstpointer data)
{
  Mp4FinishResult result;
  struct stat before, after;
  write_file (f, f->whole->data, f->whole->len);
  g_assert_cmpint (g_chmod (f->path, 0660), ==, 0);
  if (geteuid () == 0) {
    g_assert_cmpint (chown (f->path, 12, 34), ==, 0);
  }
  g_assert_cmpint (stat (f->path, &before), ==, 0);
  finish (f, &result);
  g_assert_cmpint (stat (f->path, &after), ==, 0);
  g_assert_cmpuint (after.st_mode, ==, before.st_mode);
  g_assert_cmpuint (after.st_uid, ==, before.st_uid);
  g_assert_cmpuint (after.st_gid, ==, before.st_gid);
  g_assert_cmpuint (after.st_ino, !=, before.st_ino);
}

static void
test_no_file (Fixture *f, gconstpointer data)
{
  Mp4FinishResult result;
  g_autoptr (GError) error = NULL;
  g_assert_false (mp4_finish (f->path, &result, &error));
  g_assert_error (error, MP4_ERROR, MP4_ERROR_IO);
}

/* No room for the new file: the old one stays, nothing else does. */
static void
test_no_room (Fixture *f, gconstpointer data)
{
  Mp4FinishResult result;
  g_autoptr (GError) error = NULL;
  struct rlimit limit = { 1000, RLIM_INFINITY }, old;
  write_file (f, f->whole->data, f->whole->len);
  signal (SIGXFSZ, SIG_IGN);
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &old), ==, 0);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &limit), ==, 0);
  gboolean done = mp4_finish (f->path, &result, &error);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &old), ==, 0);
  g_assert_false (done);
  g_assert_error (error, MP4_ERROR, MP4_ERROR_IO); /* EFBIG; ENOSPC would be MP4_ERROR_SPACE */
  finish (f, &result);
  check_finished (f, FRAGMENTS);
}

/* Nothing that is in a file makes the reader crash, hang, or read what is not there. */
static void
test_garbage (Fixture *f, gconstpointer data)
{
  Mp4FinishResult result;
  g_autofree char *closed = NULL;
  gsize closed_size;
  g_autoptr (GRand) rand = g_rand_new_with_seed (20251122);
  write_file (f, f->whole->data, f->whole->len);
  close_in_place (f, &result);
  g_assert_true (g_file_get_contents (f->path, &closed, &closed_size, NULL));
  for (guint round = 0; round < 1500; round++) {
    gboolean plain = round % 2;
    gsize size = plain ? closed_size : f->whole->len;
    g_autofree guint8 *bytes = g_memdup2 (plain ? (const guint8 *) closed : f->whole->data, size);
    gint first = plain ? (gint) f->whole->len : 0; /* the index of the plain file is at its end */
    for (gint i = g_rand_int_range (rand, 1, 6); i > 0; i--) {
      guint at = (guint) g_rand_int_range (rand, first, (gint) size);
      bytes[at] = g_rand_boolean (rand) ? (guint8) g_rand_int (rand) : (guint8[]){ 0, 1, 0x7f, 0xff }[round % 4];
    }
    write_file (f, bytes, size);
    g_autoptr (GError) error = NULL;
    if (!mp4_finish (f->path, &result, &error)) {
      g_assert_nonnull (error);
      g_assert_cmpuint (error->domain, ==, MP4_ERROR);
    }
  }
}

/* A long recording's index needs no memory: a day of video has two million frames. */
static void
test_long (Fixture *f, gconstpointer data)
{
  enum { ROUNDS = 3000, FRAMES = 300 };
  g_autofree Mp4Frame *frames = g_new0 (Mp4Frame, FRAMES);
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  struct rusage usage;
  FILE *file = g_fopen (f->path, "wb");
  fwrite (f->whole->data, 1, f->ends[0], file);
  guint64 time = 0;
  for (guint round = 0; round < ROUNDS; round++) {
    Mp4Run run = { 0, time, frames, FRAMES };
    guint64 size = 0;
    for (guint i = 0; i < FRAMES; i++) {
      frames[i] = (Mp4Frame){ 1 + i % 3, 3000 + (i * 7 + round) % 11, (gint32) (i % 4) * 3000, i == 0 };
      time += frames[i].duration;
      size += frames[i].size;
    }
    g_autoptr (GByteArray) fragment = mp4_make_fragment (round + 1, &run, 1);
    fwrite (fragment->data, 1, fragment->len, file);
    g_byte_array_set_size (bytes, 0);
    mp4_put_zeros (bytes, (guint) size);
    fwrite (bytes->data, 1, bytes->len, file);
  }
  fclose (file);
  Mp4FinishResult result;
  getrusage (RUSAGE_SELF, &usage);
  glong before = usage.ru_maxrss;
  finish (f, &result);
  getrusage (RUSAGE_SELF, &usage);
  g_test_message ("%d samples: %ld KiB", ROUNDS * FRAMES, usage.ru_maxrss - before);
#ifndef __SANITIZE_ADDRESS__ /* which keeps what is freed */
  g_assert_cmpint (usage.ru_maxrss - before, <, 16 * 1024);
#endif
  g_assert_cmpfloat_with_epsilon (result.duration, (double) time / 90000, 0.2);
}

/* Where offsets need 64 bits they have them. */
static void
test_large (Fixture *f, gconstpointer data)
{
  write_file (f, f->whole->data, f->whole->len);
  int fd = g_open (f->path, O_RDONLY, 0);
  g_autoptr (Mp4Reader) reader = mp4_reader_new (fd, NULL);
  g_autoptr (Mp4Movie) movie =
      mp4_movie_new (mp4_reader_get_mvhd (reader), mp4_reader_get_tracks (reader), MP4_EDITS_STRETCHED, f->folder);
  Mp4Sample sample = { .track = 0, .description = 1, .size = 10, .duration = 3600, .sync = TRUE };
  mp4_movie_add_sample (movie, &sample, 0);
  mp4_movie_add_sample (movie, &sample, G_GUINT64_CONSTANT (0xfffffff0));
  mp4_movie_end (movie);
  g_assert_cmpuint (mp4_movie_get_size (movie, 16) - mp4_movie_get_size (movie, 15), ==, 2 * 4);
  close (fd);
}

static void
add (const char *name, void (*test) (Fixture *, gconstpointer))
{
  g_test_add (name, Fixture, NULL, set_up, test, tear_down);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add ("/mp4/complete", test_complete);
  add ("/mp4/twice", test_twice);
  add ("/mp4/torn-at-each-byte", test_torn);
  add ("/mp4/bad-tail", test_bad_tail);
  add ("/mp4/close-in-place", test_close);
  add ("/mp4/killed-while-closing", test_killed_while_closing);
  add ("/mp4/busy", test_busy);
  add ("/mp4/rights", test_rights);
  add ("/mp4/no-file", test_no_file);
  add ("/mp4/no-room", test_no_room);
  add ("/mp4/garbage", test_garbage);
  add ("/mp4/long", test_long);
  add ("/mp4/large", test_large);
  return g_test_run ();
}
