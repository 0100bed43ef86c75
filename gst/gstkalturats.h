/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <sys/uio.h>

G_BEGIN_DECLS

/* Ticks of the MPEG system clock for timestamps. */
#define GST_KALTURA_TS_HZ 90000
#define GST_KALTURA_TS_PACKET_SIZE 188

/* Writes the packets of one MPEG transport stream: one programme, one video, one audio and one metadata track. */
typedef struct _GstKalturaTs GstKalturaTs;

typedef enum {
  GST_KALTURA_TS_VIDEO,
  GST_KALTURA_TS_AUDIO,
  GST_KALTURA_TS_METADATA,
  GST_KALTURA_TS_N_TRACKS
} GstKalturaTsTrack;

/* stream_type of ISO/IEC 13818-1 table 2-34 */
typedef enum {
  GST_KALTURA_TS_NONE = 0,
  GST_KALTURA_TS_MPEG1_AUDIO = 0x03,
  GST_KALTURA_TS_MPEG2_AUDIO = 0x04,
  GST_KALTURA_TS_ADTS = 0x0f,
  GST_KALTURA_TS_ID3 = 0x15, /* of the metadata track: ID3 tags in PES */
  GST_KALTURA_TS_H264 = 0x1b
} GstKalturaTsStreamType;

typedef enum {
  GST_KALTURA_TS_PLAIN,
  GST_KALTURA_TS_RANDOM_ACCESS /* decoding can start here */
} GstKalturaTsAccess;

/* Takes @size bytes, a whole number of packets. */
typedef void (*GstKalturaTsOutput) (const guint8 *packets, gsize size, gpointer user_data);

GstKalturaTs *gst_kaltura_ts_new (GstKalturaTsOutput output, gpointer user_data);
/* Does not flush. */
void gst_kaltura_ts_free (GstKalturaTs *ts);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstKalturaTs, gst_kaltura_ts_free)

/*
 * Says what the next tables list; GST_KALTURA_TS_NONE takes the track out. TRUE if that changes anything, which
 * begins a new version of the PMT.
 */
gboolean gst_kaltura_ts_set_track (GstKalturaTs *ts, GstKalturaTsTrack track, GstKalturaTsStreamType type);

/* PAT and PMT: where each segment begins, and where the tracks change. */
void gst_kaltura_ts_write_tables (GstKalturaTs *ts);

/*
 * One PES of @track: @chunks are joined to its payload. @pts and @dts in ticks of GST_KALTURA_TS_HZ, not wrapped, not
 * negative. The PCR goes along by itself, each 90 ms at least; it is @dts less half a second.
 */
void gst_kaltura_ts_write_pes (GstKalturaTs *ts, GstKalturaTsTrack track, gint64 pts, gint64 dts,
    GstKalturaTsAccess access, const struct iovec *chunks, guint n_chunks);

/* The times of what follows have nothing to do with those before: the next packets say so. */
void gst_kaltura_ts_mark_discontinuity (GstKalturaTs *ts);

/* Hands what is still held to the output: at most 128 KiB are ever held. */
void gst_kaltura_ts_flush (GstKalturaTs *ts);

/* MPEG-2 CRC of tables, most significant bit first, start value all ones. */
guint32 gst_kaltura_ts_crc32 (const guint8 *data, gsize size);

G_END_DECLS
