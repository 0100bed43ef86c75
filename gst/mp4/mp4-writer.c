/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Headers and fragments of recordings (ISO/IEC 14496-12, -14, -15), for kalturarecordsink. What is written is read
 * again by mp4-reader, by ffmpeg and by GStreamer.
 */
#include "mp4-writer.h"

#include <string.h>

#include "mp4-box.h"

#define MOVIE_TIMESCALE 90000
#define MP4_EPOCH G_GINT64_CONSTANT (2082844800) /* Unix time 0 in s since 1904 */
#define FLAGS_SYNC 0x02000000                    /* depends on no other */
#define FLAGS_NOT_SYNC 0x01010000                /* depends on others, no sync sample */
#define TRACK_ENABLED 3                          /* and in the movie */

static gboolean
is_video (const Mp4Setup *track)
{
  return track->codec == MP4_CODEC_AVC1 || track->codec == MP4_CODEC_AVC3;
}

static void
put_matrix (GByteArray *bytes)
{
  static const guint32 unity[9] = { 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30 };
  for (guint i = 0; i < G_N_ELEMENTS (unity); i++) {
    mp4_put_u32 (bytes, unity[i]);
  }
}

static void
put_ftyp (GByteArray *bytes)
{
  guint start = mp4_begin_box (bytes, "ftyp");
  mp4_put_data (bytes, "isom", 4);
  mp4_put_u32 (bytes, 512);
  mp4_put_data (bytes, "isomiso2iso5avc1mp41", 20);
  mp4_end_box (bytes, start);
}

static void
put_mvhd (GByteArray *bytes, guint32 time, guint n_tracks)
{
  guint start = mp4_begin_full_box (bytes, "mvhd", 0, 0);
  mp4_put_u32 (bytes, time);
  mp4_put_u32 (bytes, time);
  mp4_put_u32 (bytes, MOVIE_TIMESCALE);
  mp4_put_u32 (bytes, 0); /* duration: the fragments tell */
  mp4_put_u32 (bytes, 1 << 16);
  mp4_put_u16 (bytes, 1 << 8);
  mp4_put_zeros (bytes, 10);
  put_matrix (bytes);
  mp4_put_zeros (bytes, 24);
  mp4_put_u32 (bytes, n_tracks + 1);
  mp4_end_box (bytes, start);
}

static void
put_tkhd (GByteArray *bytes, const Mp4Setup *track, guint id, guint32 time)
{
  guint64 width = track->width;
  if (track->par_n > 0 && track->par_d > 0) {
    width = width * track->par_n / track->par_d;
  }
  guint start = mp4_begin_full_box (bytes, "tkhd", 0, TRACK_ENABLED);
  mp4_put_u32 (bytes, time);
  mp4_put_u32 (bytes, time);
  mp4_put_u32 (bytes, id);
  mp4_put_zeros (bytes, 8);                           /* reserved, duration */
  mp4_put_zeros (bytes, 8);                           /* reserved */
  mp4_put_u16 (bytes, 0);                             /* layer */
  mp4_put_u16 (bytes, is_video (track) ? 0 : 1);      /* alternate group */
  mp4_put_u16 (bytes, is_video (track) ? 0 : 1 << 8); /* volume */
  mp4_put_u16 (bytes, 0);
  put_matrix (bytes);
  mp4_put_u32 (bytes, is_video (track) ? (guint32) (MIN (width, G_MAXUINT16) << 16) : 0);
  mp4_put_u32 (bytes, is_video (track) ? track->height << 16 : 0);
  mp4_end_box (bytes, start);
}

static void
put_edts (GByteArray *bytes, const Mp4Setup *track)
{
  if (track->media_time == 0) {
    return;
  }
  guint edts = mp4_begin_box (bytes, "edts");
  guint elst = mp4_begin_full_box (bytes, "elst", 1, 0);
  mp4_put_u32 (bytes, 1);
  mp4_put_u64 (bytes, 0); /* up to the end */
  mp4_put_u64 (bytes, track->media_time);
  mp4_put_u32 (bytes, 1 << 16);
  mp4_end_box (bytes, elst);
  mp4_end_box (bytes, edts);
}

static void
put_mdhd (GByteArray *bytes, const Mp4Setup *track, guint32 time)
{
  guint start = mp4_begin_full_box (bytes, "mdhd", 0, 0);
  mp4_put_u32 (bytes, time);
  mp4_put_u32 (bytes, time);
  mp4_put_u32 (bytes, track->timescale);
  mp4_put_u32 (bytes, 0);
  mp4_put_u16 (bytes, 0x55c4); /* und */
  mp4_put_u16 (bytes, 0);
  mp4_end_box (bytes, start);
}

static void
put_hdlr (GByteArray *bytes, const Mp4Setup *track)
{
  guint start = mp4_begin_full_box (bytes, "hdlr", 0, 0);
  mp4_put_u32 (bytes, 0);
  mp4_put_data (bytes, is_video (track) ? "vide" : "soun", 4);
  mp4_put_zeros (bytes, 12);
  mp4_put_data (bytes, is_video (track) ? "VideoHandler" : "SoundHandler", 13); /* with its NUL */
  mp4_end_box (bytes, start);
}

/* vmhd or smhd, and a dinf box that says: in this file. */
static void
put_media_headers (GByteArray *bytes, const Mp4Setup *track)
{
  guint start = is_video (track) ? mp4_begin_full_box (bytes, "vmhd", 0, 1) : mp4_begin_full_box (bytes, "smhd", 0, 0);
  mp4_put_zeros (bytes, is_video (track) ? 8 : 4);
  mp4_end_box (bytes, start);
  guint dinf = mp4_begin_box (bytes, "dinf");
  guint dref = mp4_begin_full_box (bytes, "dref", 0, 0);
  mp4_put_u32 (bytes, 1);
  mp4_end_box (bytes, mp4_begin_full_box (bytes, "url ", 0, 1));
  mp4_end_box (bytes, dref);
  mp4_end_box (bytes, dinf);
}

static void
put_video_entry (GByteArray *bytes, const Mp4Setup *track)
{
  guint start = mp4_begin_box (bytes, track->codec == MP4_CODEC_AVC3 ? "avc3" : "avc1");
  mp4_put_zeros (bytes, 6);
  mp4_put_u16 (bytes, 1); /* data reference */
  mp4_put_zeros (bytes, 16);
  mp4_put_u16 (bytes, track->width);
  mp4_put_u16 (bytes, track->height);
  mp4_put_u32 (bytes, 72 << 16);
  mp4_put_u32 (bytes, 72 << 16);
  mp4_put_u32 (bytes, 0);
  mp4_put_u16 (bytes, 1);    /* frames per sample */
  mp4_put_zeros (bytes, 32); /* name */
  mp4_put_u16 (bytes, 24);   /* depth */
  mp4_put_u16 (bytes, 0xffff);
  guint config = mp4_begin_box (bytes, "avcC");
  mp4_put_data (bytes, track->config, track->config_size);
  mp4_end_box (bytes, config);
  if (track->par_n > 0 && track->par_d > 0 && track->par_n != track->par_d) {
    guint pasp = mp4_begin_box (bytes, "pasp");
    mp4_put_u32 (bytes, track->par_n);
    mp4_put_u32 (bytes, track->par_d);
    mp4_end_box (bytes, pasp);
  }
  mp4_end_box (bytes, start);
}

/* A descriptor of ISO/IEC 14496-1: tag, and its size in four bytes. */
static void
put_descriptor (GByteArray *bytes, guint tag, gsize size)
{
  mp4_put_u8 (bytes, tag);
  for (gint shift = 21; shift > 0; shift -= 7) {
    mp4_put_u8 (bytes, 0x80 | ((size >> shift) & 0x7f));
  }
  mp4_put_u8 (bytes, size & 0x7f);
}

#define DESCRIPTOR 5 /* bytes that put_descriptor() makes */

static void
put_esds (GByteArray *bytes, const Mp4Setup *track)
{
  gsize specific = track->config_size > 0 ? DESCRIPTOR + track->config_size : 0;
  gsize decoder = 13 + specific;
  guint start = mp4_begin_full_box (bytes, "esds", 0, 0);
  put_descriptor (bytes, 0x03, 3 + DESCRIPTOR + decoder + DESCRIPTOR + 1);
  mp4_put_u16 (bytes, 0); /* ES id */
  mp4_put_u8 (bytes, 0);
  put_descriptor (bytes, 0x04, decoder);
  mp4_put_u8 (bytes, track->codec == MP4_CODEC_AAC ? 0x40 : track->rate < 32000 ? 0x69 : 0x6b);
  mp4_put_u8 (bytes, 0x15); /* audio stream */
  mp4_put_u24 (bytes, 0);   /* buffer size */
  mp4_put_u32 (bytes, 0);   /* bitrates: not known */
  mp4_put_u32 (bytes, 0);
  if (specific > 0) {
    put_descriptor (bytes, 0x05, track->config_size);
    mp4_put_data (bytes, track->config, track->config_size);
  }
  put_descriptor (bytes, 0x06, 1);
  mp4_put_u8 (bytes, 0x02);
  mp4_end_box (bytes, start);
}

static void
put_audio_entry (GByteArray *bytes, const Mp4Setup *track)
{
  guint start = mp4_begin_box (bytes, "mp4a");
  mp4_put_zeros (bytes, 6);
  mp4_put_u16 (bytes, 1); /* data reference */
  mp4_put_zeros (bytes, 8);
  mp4_put_u16 (bytes, track->channels);
  mp4_put_u16 (bytes, 16);
  mp4_put_u32 (bytes, 0);
  mp4_put_u32 (bytes, track->rate <= G_MAXUINT16 ? track->rate << 16 : 0);
  put_esds (bytes, track);
  mp4_end_box (bytes, start);
}

static void
put_empty_table (GByteArray *bytes, const char *type, guint zeros)
{
  guint start = mp4_begin_full_box (bytes, type, 0, 0);
  mp4_put_zeros (bytes, zeros);
  mp4_end_box (bytes, start);
}

static void
put_stbl (GByteArray *bytes, const Mp4Setup *track)
{
  guint stbl = mp4_begin_box (bytes, "stbl");
  guint stsd = mp4_begin_full_box (bytes, "stsd", 0, 0);
  mp4_put_u32 (bytes, 1);
  if (is_video (track)) {
    put_video_entry (bytes, track);
  } else {
    put_audio_entry (bytes, track);
  }
  mp4_end_box (bytes, stsd);
  put_empty_table (bytes, "stts", 4);
  put_empty_table (bytes, "stsc", 4);
  put_empty_table (bytes, "stsz", 8);
  put_empty_table (bytes, "stco", 4);
  mp4_end_box (bytes, stbl);
}

static void
put_trak (GByteArray *bytes, const Mp4Setup *track, guint id, guint32 time)
{
  guint trak = mp4_begin_box (bytes, "trak");
  put_tkhd (bytes, track, id, time);
  put_edts (bytes, track);
  guint mdia = mp4_begin_box (bytes, "mdia");
  put_mdhd (bytes, track, time);
  put_hdlr (bytes, track);
  guint minf = mp4_begin_box (bytes, "minf");
  put_media_headers (bytes, track);
  put_stbl (bytes, track);
  mp4_end_box (bytes, minf);
  mp4_end_box (bytes, mdia);
  mp4_end_box (bytes, trak);
}

static void
put_mvex (GByteArray *bytes, guint n_tracks)
{
  guint mvex = mp4_begin_box (bytes, "mvex");
  for (guint i = 0; i < n_tracks; i++) {
    guint trex = mp4_begin_full_box (bytes, "trex", 0, 0);
    mp4_put_u32 (bytes, i + 1);
    mp4_put_u32 (bytes, 1); /* sample entry */
    mp4_put_zeros (bytes, 12);
    mp4_end_box (bytes, trex);
  }
  mp4_end_box (bytes, mvex);
}

GByteArray *
mp4_make_header (const Mp4Setup *tracks, guint n_tracks, gint64 creation_time)
{
  GByteArray *bytes = g_byte_array_new ();
  guint32 time = (guint32) CLAMP (creation_time + MP4_EPOCH, 0, G_MAXUINT32);
  put_ftyp (bytes);
  guint box = mp4_begin_box (bytes, "free");
  mp4_put_zeros (bytes, 8);
  mp4_end_box (bytes, box);
  guint moov = mp4_begin_box (bytes, "moov");
  put_mvhd (bytes, time, n_tracks);
  for (guint i = 0; i < n_tracks; i++) {
    put_trak (bytes, &tracks[i], i + 1, time);
  }
  put_mvex (bytes, n_tracks);
  mp4_end_box (bytes, moov);
  return bytes;
}

/* Fragments */

static guint64
get_size (const Mp4Run *run)
{
  guint64 size = 0;
  for (guint i = 0; i < run->n_frames; i++) {
    size += run->frames[i].size;
  }
  return size;
}

/* Returns where the offset of the data is to be filled in. */
static guint
put_trun (GByteArray *bytes, const Mp4Run *run)
{
  /* offset, and for each sample duration, size, flags, composition */
  guint start = mp4_begin_full_box (bytes, "trun", 1, 0x000001 | 0x000100 | 0x000200 | 0x000400 | 0x000800);
  mp4_put_u32 (bytes, run->n_frames);
  guint offset = bytes->len;
  mp4_put_u32 (bytes, 0);
  for (guint i = 0; i < run->n_frames; i++) {
    const Mp4Frame *frame = &run->frames[i];
    mp4_put_u32 (bytes, frame->duration);
    mp4_put_u32 (bytes, frame->size);
    mp4_put_u32 (bytes, frame->sync ? FLAGS_SYNC : FLAGS_NOT_SYNC);
    mp4_put_u32 (bytes, (guint32) frame->composition);
  }
  mp4_end_box (bytes, start);
  return offset;
}

static guint
put_traf (GByteArray *bytes, const Mp4Run *run)
{
  guint traf = mp4_begin_box (bytes, "traf");
  guint tfhd = mp4_begin_full_box (bytes, "tfhd", 0, 0x020000); /* offsets count from the moof */
  mp4_put_u32 (bytes, run->track + 1);
  mp4_end_box (bytes, tfhd);
  guint tfdt = mp4_begin_full_box (bytes, "tfdt", 1, 0);
  mp4_put_u64 (bytes, run->time);
  mp4_end_box (bytes, tfdt);
  guint offset = put_trun (bytes, run);
  mp4_end_box (bytes, traf);
  return offset;
}

GByteArray *
mp4_make_fragment (guint32 number, const Mp4Run *runs, guint n_runs)
{
  GByteArray *bytes = g_byte_array_new ();
  g_autofree guint *offsets = g_new0 (guint, n_runs);
  guint moof = mp4_begin_box (bytes, "moof");
  guint mfhd = mp4_begin_full_box (bytes, "mfhd", 0, 0);
  mp4_put_u32 (bytes, number);
  mp4_end_box (bytes, mfhd);
  for (guint i = 0; i < n_runs; i++) {
    offsets[i] = put_traf (bytes, &runs[i]);
  }
  mp4_end_box (bytes, moof);

  guint mdat = mp4_begin_box (bytes, "mdat");
  guint64 total = 0;
  for (guint i = 0; i < n_runs; i++) {
    guint32 offset = GUINT32_TO_BE ((guint32) (bytes->len + total));
    memcpy (bytes->data + offsets[i], &offset, sizeof offset);
    total += get_size (&runs[i]);
  }
  guint32 size = GUINT32_TO_BE ((guint32) (bytes->len - mdat + total));
  memcpy (bytes->data + mdat, &size, sizeof size);
  return bytes;
}
