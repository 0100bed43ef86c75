/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Movie fragments (ISO/IEC 14496-12 8.8) with all the ways in which they may leave something out. Pure functions over
 * the bytes of one moof box.
 */
#include "mp4-moof.h"

#define TFHD_BASE_OFFSET 0x1
#define TFHD_DESCRIPTION 0x2
#define TFHD_DURATION 0x8
#define TFHD_SIZE 0x10
#define TFHD_FLAGS 0x20
#define TFHD_BASE_IS_MOOF 0x20000
#define TRUN_OFFSET 0x1
#define TRUN_FIRST_FLAGS 0x4
#define TRUN_DURATION 0x100
#define TRUN_SIZE 0x200
#define TRUN_FLAGS 0x400
#define TRUN_COMPOSITION 0x800
#define SAMPLE_IS_NOT_SYNC 0x10000

void
mp4_moof_init (Mp4Moof *moof, Mp4Span whole, guint64 start, GArray *tracks)
{
  Mp4Span rest = whole;
  Mp4Box box;
  *moof = (Mp4Moof){ .moof = whole, .start = start, .tracks = tracks, .track = -1, .offset = start };
  if (mp4_next_box (&rest, &box)) {
    moof->boxes = box.payload;
  } else {
    moof->malformed = TRUE;
  }
}

static gint
find_track (const GArray *tracks, guint32 id)
{
  for (guint i = 0; i < tracks->len; i++) {
    if (g_array_index (tracks, Mp4FragmentTrack, i).id == id) {
      return (gint) i;
    }
  }
  return -1;
}

static void
begin_traf (Mp4Moof *moof, Mp4Span traf)
{
  Mp4Box box;
  if (!mp4_find_box (traf, MP4_TYPE ('t', 'f', 'h', 'd'), &box)) {
    moof->malformed = TRUE;
    return;
  }
  Mp4Cursor cursor = { box.payload, 0, FALSE };
  guint32 flags = (guint32) mp4_read (&cursor, 4) & 0xffffff;
  moof->track = find_track (moof->tracks, (guint32) mp4_read (&cursor, 4));
  moof->now = (Mp4FragmentTrack){ 0 };
  if (moof->track >= 0) {
    moof->now = g_array_index (moof->tracks, Mp4FragmentTrack, moof->track);
  }
  moof->base = flags & TFHD_BASE_IS_MOOF ? moof->start : moof->offset;
  if (flags & TFHD_BASE_OFFSET) {
    moof->base = mp4_read (&cursor, 8);
  }
  if (flags & TFHD_DESCRIPTION) {
    moof->now.description = (guint32) mp4_read (&cursor, 4);
  }
  if (flags & TFHD_DURATION) {
    moof->now.duration = (guint32) mp4_read (&cursor, 4);
  }
  if (flags & TFHD_SIZE) {
    moof->now.size = (guint32) mp4_read (&cursor, 4);
  }
  if (flags & TFHD_FLAGS) {
    moof->now.flags = (guint32) mp4_read (&cursor, 4);
  }
  moof->malformed |= cursor.over;
  moof->offset = moof->base;
  moof->dts = moof->now.next_dts;
  if (mp4_find_box (traf, MP4_TYPE ('t', 'f', 'd', 't'), &box)) {
    Mp4Cursor time = { box.payload, 0, FALSE };
    guint width = mp4_read (&time, 4) >> 24 == 1 ? 8 : 4;
    guint64 dts = mp4_read (&time, width);
    /* A time that lies behind what has come, or centuries ahead, is taken for a mistake. */
    if (!time.over && dts > moof->dts && dts < G_MAXINT64 / 2) {
      moof->dts = dts;
    }
  }
  moof->traf = traf;
}

static void
begin_run (Mp4Moof *moof, Mp4Span trun)
{
  moof->run = (Mp4Cursor){ trun, 0, FALSE };
  moof->run_flags = (guint32) mp4_read (&moof->run, 4) & 0xffffff;
  moof->left = (guint32) mp4_read (&moof->run, 4);
  if (moof->run_flags & TRUN_OFFSET) {
    moof->offset = moof->base + (guint64) (gint64) (gint32) mp4_read (&moof->run, 4);
  }
  if (moof->run_flags & TRUN_FIRST_FLAGS) {
    moof->first_flags = (guint32) mp4_read (&moof->run, 4);
  }
  moof->first = TRUE;
  moof->malformed |= moof->run.over;
}

/* Goes to the next run that has samples. */
static gboolean
next_run (Mp4Moof *moof)
{
  Mp4Box box;
  while (moof->left == 0 && !moof->malformed) {
    if (mp4_next_box (&moof->traf, &box)) {
      if (box.type == MP4_TYPE ('t', 'r', 'u', 'n')) {
        begin_run (moof, box.payload);
      }
    } else if (mp4_next_box (&moof->boxes, &box)) {
      if (box.type == MP4_TYPE ('t', 'r', 'a', 'f')) {
        begin_traf (moof, box.payload);
      }
    } else {
      return FALSE;
    }
  }
  return !moof->malformed;
}

/* A field of a sample, if the run has it. */
static guint32
read_field (Mp4Moof *moof, guint32 flag, guint32 fallback)
{
  return moof->run_flags & flag ? (guint32) mp4_read (&moof->run, 4) : fallback;
}

static void
read_sample (Mp4Moof *moof, Mp4Sample *sample)
{
  guint32 flags = moof->now.flags;
  guint32 duration = read_field (moof, TRUN_DURATION, moof->now.duration);
  guint32 size = read_field (moof, TRUN_SIZE, moof->now.size);
  if (moof->run_flags & TRUN_FLAGS) {
    flags = (guint32) mp4_read (&moof->run, 4);
  } else if (moof->first && moof->run_flags & TRUN_FIRST_FLAGS) {
    flags = moof->first_flags;
  }
  *sample = (Mp4Sample){
    .track = (guint) moof->track,
    .description = MAX (moof->now.description, 1),
    .offset = moof->offset,
    .size = size,
    .dts = moof->dts,
    .duration = duration,
    .composition = (gint32) read_field (moof, TRUN_COMPOSITION, 0),
    .sync = !(flags & SAMPLE_IS_NOT_SYNC),
  };
  moof->first = FALSE;
  moof->left--;
  moof->offset += size;
  moof->dts += duration;
  moof->malformed |= moof->run.over;
}

gboolean
mp4_moof_next (Mp4Moof *moof, Mp4Sample *sample)
{
  while (next_run (moof)) {
    if (moof->track < 0 || moof->run_flags == 0) {
      moof->left = 0; /* nobody's, or a run without any field: nothing to go by */
      continue;
    }
    read_sample (moof, sample);
    return !moof->malformed;
  }
  return FALSE;
}
