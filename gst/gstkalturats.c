/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The MPEG transport stream packetiser (ISO/IEC 13818-1) of kalturahlssink. Plain bytes and ticks in, packets out: it
 * knows neither GStreamer nor files nor clocks. Not thread-safe: the caller's lock guards it.
 *
 * Written because mpegtsmux handles each packet as a buffer, waits for silent tracks, and cannot cut where it is told.
 */
#include "gstkalturats.h"

#include <string.h>

#define PAYLOAD_SIZE (GST_KALTURA_TS_PACKET_SIZE - 4)
#define BUFFER_PACKETS 697 /* 128 KiB less a few bytes */

#define PAT_PID 0x0000
#define PMT_PID 0x1000
#define PROGRAMME 1
#define TRANSPORT_STREAM 1

/* How far the PCR runs ahead of decoding: room for a keyframe and for audio that is collected for 100 ms. */
#define PCR_LEAD (GST_KALTURA_TS_HZ / 2)
#define PCR_INTERVAL (GST_KALTURA_TS_HZ * 90 / 1000)
/* A longer silence is a gap of the programme, not to be filled with PCRs. */
#define PCR_FILL_MAX (2 * GST_KALTURA_TS_HZ)

/*
 * ID3 in a transport stream as Apple's "Timed Metadata for HTTP Live Streaming" has it: a
 * metadata_pointer_descriptor of the programme and a metadata_descriptor of the track (ISO/IEC 13818-1, 2.6.58 and
 * 2.6.60), both with the format "ID3 ", service 0.
 */
#define ID3_FORMAT 0xff, 0xff, 'I', 'D', '3', ' ', 0xff, 'I', 'D', '3', ' ', 0x00
static const guint8 id3_pointer[] = { 0x25, 15, ID3_FORMAT, 0x1f, PROGRAMME >> 8, PROGRAMME & 0xff };
static const guint8 id3_descriptor[] = { 0x26, 13, ID3_FORMAT, 0x0f };

#define AF_DISCONTINUITY 0x80
#define AF_RANDOM_ACCESS 0x40
#define AF_PCR 0x10

typedef struct {
  guint16 pid;
  guint8 stream_id;
  GstKalturaTsStreamType type;
} Track;

typedef struct {
  guint8 counter; /* continuity_counter of the next packet with a payload */
  gboolean begun; /* a first packet, which says "discontinuity", has been written */
} Pid;

typedef enum { PID_PAT, PID_PMT, PID_FIRST_TRACK, N_PIDS = PID_FIRST_TRACK + GST_KALTURA_TS_N_TRACKS } PidIndex;

struct _GstKalturaTs {
  GstKalturaTsOutput output;
  gpointer user_data;

  Track tracks[GST_KALTURA_TS_N_TRACKS];
  GstKalturaTsTrack pcr_track; /* by the last PMT */
  Pid pids[N_PIDS];
  gboolean has_tables;
  guint8 pmt_version; /* 5 bits */
  gboolean fresh;     /* nothing has been written since the tables */
  gint64 last_pcr;    /* ticks, G_MININT64 = none yet */

  gsize fill; /* bytes used in buffer */
  guint8 buffer[BUFFER_PACKETS * GST_KALTURA_TS_PACKET_SIZE];
};

/* Reads the chunks of a payload in order. */
typedef struct {
  const struct iovec *chunk;
  gsize offset; /* in *chunk */
} Cursor;

GstKalturaTs *
gst_kaltura_ts_new (GstKalturaTsOutput output, gpointer user_data)
{
  GstKalturaTs *ts = g_new (GstKalturaTs, 1);
  ts->output = output;
  ts->user_data = user_data;
  ts->tracks[GST_KALTURA_TS_VIDEO] = (Track){ .pid = 0x100, .stream_id = 0xe0 };
  ts->tracks[GST_KALTURA_TS_AUDIO] = (Track){ .pid = 0x101, .stream_id = 0xc0 };
  ts->tracks[GST_KALTURA_TS_METADATA] = (Track){ .pid = 0x102, .stream_id = 0xbd }; /* private_stream_1 */
  memset (ts->pids, 0, sizeof (ts->pids));
  ts->pcr_track = GST_KALTURA_TS_VIDEO;
  ts->pmt_version = 0;
  ts->fresh = ts->has_tables = FALSE;
  ts->last_pcr = G_MININT64;
  ts->fill = 0;
  return ts;
}

void
gst_kaltura_ts_free (GstKalturaTs *ts)
{
  g_free (ts);
}

gboolean
gst_kaltura_ts_set_track (GstKalturaTs *ts, GstKalturaTsTrack track, GstKalturaTsStreamType type)
{
  g_return_val_if_fail (track < GST_KALTURA_TS_N_TRACKS, FALSE);

  if (ts->tracks[track].type == type) {
    return FALSE;
  }
  ts->tracks[track].type = type;
  if (ts->has_tables) {
    ts->pmt_version = (ts->pmt_version + 1) & 0x1f;
  }
  return TRUE;
}

void
gst_kaltura_ts_mark_discontinuity (GstKalturaTs *ts)
{
  for (guint i = 0; i < N_PIDS; i++) {
    ts->pids[i].begun = FALSE;
  }
  ts->last_pcr = G_MININT64;
}

void
gst_kaltura_ts_flush (GstKalturaTs *ts)
{
  if (ts->fill > 0) {
    gsize size = ts->fill;
    ts->fill = 0;
    ts->output (ts->buffer, size, ts->user_data);
  }
}

guint32
gst_kaltura_ts_crc32 (const guint8 *data, gsize size)
{
  guint32 crc = 0xffffffff;
  for (gsize i = 0; i < size; i++) {
    crc ^= (guint32) data[i] << 24;
    for (guint bit = 0; bit < 8; bit++) {
      crc = (crc & 0x80000000) ? (crc << 1) ^ 0x04c11db7 : crc << 1;
    }
  }
  return crc;
}

static guint8 *
next_packet (GstKalturaTs *ts)
{
  if (ts->fill == sizeof (ts->buffer)) {
    gst_kaltura_ts_flush (ts);
  }
  guint8 *packet = ts->buffer + ts->fill;
  ts->fill += GST_KALTURA_TS_PACKET_SIZE;
  return packet;
}

/* The first packet of each PID says that what a player knows of its counter and clock no longer holds. */
static guint8
take_discontinuity (GstKalturaTs *ts, PidIndex pid)
{
  if (ts->pids[pid].begun) {
    return 0;
  }
  ts->pids[pid].begun = TRUE;
  return AF_DISCONTINUITY;
}

static void
put_pcr (guint8 *out, gint64 pcr)
{
  guint64 base = (guint64) pcr & G_GUINT64_CONSTANT (0x1ffffffff);
  out[0] = base >> 25;
  out[1] = base >> 17;
  out[2] = base >> 9;
  out[3] = base >> 1;
  out[4] = ((base & 1) << 7) | 0x7e; /* reserved bits set, extension 0 */
  out[5] = 0;
}

/*
 * Writes the header of a packet, and an adaptation field as far as @flags ask or @payload bytes leave room.
 * Returns where the payload begins; all the rest of the packet is payload.
 */
static guint8 *
put_header (GstKalturaTs *ts, PidIndex index, guint16 pid, gboolean start, guint8 flags, gint64 pcr, gsize payload)
{
  guint8 *packet = next_packet (ts);
  guint adaptation = 0; /* bytes of the whole field, its length byte too */
  if (flags != 0) {
    adaptation = (flags & AF_PCR) ? 8 : 2;
  }
  if (payload < PAYLOAD_SIZE - adaptation) {
    adaptation = PAYLOAD_SIZE - payload;
  }

  packet[0] = 0x47;
  packet[1] = (start ? 0x40 : 0x00) | (pid >> 8);
  packet[2] = pid & 0xff;
  packet[3] = (adaptation > 0 ? 0x20 : 0x00) | (payload > 0 ? 0x10 : 0x00) | ts->pids[index].counter;
  if (payload > 0) {
    ts->pids[index].counter = (ts->pids[index].counter + 1) & 0x0f;
  } else {
    packet[3] = (packet[3] & 0xf0) | ((ts->pids[index].counter + 15) & 0x0f); /* without payload it repeats */
  }
  if (adaptation > 0) {
    guint8 *field = packet + 4;
    field[0] = adaptation - 1;
    if (adaptation > 1) {
      field[1] = flags;
      guint used = 2;
      if (flags & AF_PCR) {
        put_pcr (field + 2, pcr);
        used = 8;
      }
      memset (field + used, 0xff, adaptation - used);
    }
  }
  return packet + 4 + adaptation;
}

/* @section: from table_id on, without its CRC, with room for it. At most one packet. */
static void
write_section (GstKalturaTs *ts, PidIndex index, guint16 pid, guint8 *section, gsize size)
{
  guint32 crc = gst_kaltura_ts_crc32 (section, size);
  section[size] = crc >> 24;
  section[size + 1] = crc >> 16;
  section[size + 2] = crc >> 8;
  section[size + 3] = crc;
  size += 4;

  guint8 flags = take_discontinuity (ts, index);
  gsize room = PAYLOAD_SIZE - (flags != 0 ? 2 : 0);
  guint8 *payload = put_header (ts, index, pid, TRUE, flags, 0, room);
  payload[0] = 0; /* pointer_field */
  memcpy (payload + 1, section, size);
  memset (payload + 1 + size, 0xff, room - 1 - size);
}

static void
write_pat (GstKalturaTs *ts)
{
  guint8 section[32] = { 0x00, 0xb0, 13,                        /* table_id, section_length */
    TRANSPORT_STREAM >> 8, TRANSPORT_STREAM & 0xff, 0xc1, 0, 0, /* version 0, current; the only section */
    PROGRAMME >> 8, PROGRAMME & 0xff, 0xe0 | (PMT_PID >> 8), PMT_PID & 0xff };
  write_section (ts, PID_PAT, PAT_PID, section, 12);
}

static void
write_pmt (GstKalturaTs *ts)
{
  gboolean video = ts->tracks[GST_KALTURA_TS_VIDEO].type != GST_KALTURA_TS_NONE;
  ts->pcr_track = video ? GST_KALTURA_TS_VIDEO : GST_KALTURA_TS_AUDIO;
  guint16 pcr_pid = ts->tracks[ts->pcr_track].pid;
  gboolean id3 = ts->tracks[GST_KALTURA_TS_METADATA].type == GST_KALTURA_TS_ID3;
  guint8 section[96] = {
    0x02, 0xb0, 0, /* section_length below */
    PROGRAMME >> 8, PROGRAMME & 0xff, 0xc1 | (ts->pmt_version << 1), 0, 0, 0xe0 | (pcr_pid >> 8), pcr_pid & 0xff, 0xf0,
    0 /* programme descriptors: none, or the pointer */
  };
  gsize size = 12;
  if (id3) {
    section[11] = sizeof (id3_pointer);
    memcpy (section + size, id3_pointer, sizeof (id3_pointer));
    size += sizeof (id3_pointer);
  }
  for (guint i = 0; i < GST_KALTURA_TS_N_TRACKS; i++) {
    const Track *track = &ts->tracks[i];
    if (track->type != GST_KALTURA_TS_NONE) {
      const guint8 stream[] = { track->type, 0xe0 | (track->pid >> 8), track->pid & 0xff, 0xf0, 0 };
      memcpy (section + size, stream, sizeof (stream));
      size += sizeof (stream);
    }
    if (track->type == GST_KALTURA_TS_ID3) {
      section[size - 1] = sizeof (id3_descriptor);
      memcpy (section + size, id3_descriptor, sizeof (id3_descriptor));
      size += sizeof (id3_descriptor);
    }
  }
  section[2] = size + 4 - 3;
  write_section (ts, PID_PMT, PMT_PID, section, size);
}

void
gst_kaltura_ts_write_tables (GstKalturaTs *ts)
{
  write_pat (ts);
  write_pmt (ts);
  ts->fresh = TRUE;
  ts->has_tables = TRUE;
}

static void
write_pcr_packet (GstKalturaTs *ts, gint64 pcr)
{
  PidIndex index = PID_FIRST_TRACK + ts->pcr_track;
  guint8 flags = AF_PCR | take_discontinuity (ts, index);
  put_header (ts, index, ts->tracks[ts->pcr_track].pid, FALSE, flags, pcr, 0);
  ts->last_pcr = pcr;
}

/* Low frame rates and silent video leave holes in the clock: packets that hold nothing but a PCR close them. */
static void
fill_pcr (GstKalturaTs *ts, gint64 until)
{
  if (ts->last_pcr == G_MININT64 || until - ts->last_pcr > PCR_FILL_MAX) {
    return;
  }
  while (until - ts->last_pcr > PCR_INTERVAL) {
    write_pcr_packet (ts, ts->last_pcr + PCR_INTERVAL);
  }
}

static guint8 *
put_timestamp (guint8 *out, guint8 prefix, gint64 ticks)
{
  guint64 t = (guint64) ticks & G_GUINT64_CONSTANT (0x1ffffffff);
  out[0] = (prefix << 4) | (((t >> 30) & 0x07) << 1) | 1;
  out[1] = t >> 22;
  out[2] = (((t >> 15) & 0x7f) << 1) | 1;
  out[3] = t >> 7;
  out[4] = ((t & 0x7f) << 1) | 1;
  return out + 5;
}

/* Returns the size of the header in @out, which has room for 19 bytes. */
static gsize
put_pes_header (guint8 *out, const Track *track, gint64 pts, gint64 dts, gsize payload)
{
  gsize timestamps = pts != dts ? 10 : 5;
  gsize length = 3 + timestamps + payload;
  out[0] = 0;
  out[1] = 0;
  out[2] = 1;
  out[3] = track->stream_id;
  if (length > G_MAXUINT16) {
    length = 0; /* unbounded: allowed for video */
  }
  out[4] = length >> 8;
  out[5] = length & 0xff;
  out[6] = 0x84; /* the payload begins with an access unit */
  out[7] = pts != dts ? 0xc0 : 0x80;
  out[8] = timestamps;
  guint8 *end = put_timestamp (out + 9, pts != dts ? 3 : 2, pts);
  if (pts != dts) {
    end = put_timestamp (end, 1, dts);
  }
  return end - out;
}

static void
copy_payload (guint8 *out, Cursor *cursor, gsize size)
{
  while (size > 0) {
    gsize left = cursor->chunk->iov_len - cursor->offset;
    if (left == 0) {
      cursor->chunk++;
      cursor->offset = 0;
      continue;
    }
    gsize part = MIN (left, size);
    memcpy (out, (const guint8 *) cursor->chunk->iov_base + cursor->offset, part);
    cursor->offset += part;
    out += part;
    size -= part;
  }
}

/* The clock that the first packet of a PES carries, if it is the PES's to carry it. */
static guint8
take_pcr (GstKalturaTs *ts, GstKalturaTsTrack track, gint64 pcr)
{
  gboolean carries = track == ts->pcr_track;
  gboolean fresh = ts->fresh;
  ts->fresh = FALSE;
  if (!fresh) {
    fill_pcr (ts, pcr);
  } else if (!carries && pcr > ts->last_pcr) {
    write_pcr_packet (ts, pcr);
  }
  if (!carries) {
    if (ts->last_pcr == G_MININT64 || pcr - ts->last_pcr > PCR_INTERVAL) {
      write_pcr_packet (ts, pcr);
    }
    return 0;
  }
  ts->last_pcr = pcr;
  return AF_PCR;
}

void
gst_kaltura_ts_write_pes (GstKalturaTs *ts, GstKalturaTsTrack track, gint64 pts, gint64 dts, GstKalturaTsAccess access,
    const struct iovec *chunks, guint n_chunks)
{
  g_return_if_fail (track < GST_KALTURA_TS_N_TRACKS && ts->tracks[track].type != GST_KALTURA_TS_NONE);

  gsize payload = 0;
  for (guint i = 0; i < n_chunks; i++) {
    payload += chunks[i].iov_len;
  }
  gint64 pcr = dts - PCR_LEAD;
  guint8 flags = take_pcr (ts, track, pcr);
  PidIndex index = PID_FIRST_TRACK + track;
  flags |= take_discontinuity (ts, index);
  flags |= access == GST_KALTURA_TS_RANDOM_ACCESS ? AF_RANDOM_ACCESS : 0;

  guint8 header[19];
  struct iovec first = { header, put_pes_header (header, &ts->tracks[track], pts, dts, payload) };
  gsize left = first.iov_len + payload;
  gsize room = PAYLOAD_SIZE - (flags == 0 ? 0 : (flags & AF_PCR) ? 8 : 2);
  gsize size = MIN (left, room);
  guint8 *out = put_header (ts, index, ts->tracks[track].pid, TRUE, flags, pcr, size);
  memcpy (out, header, first.iov_len);
  Cursor cursor = { chunks, 0 };
  copy_payload (out + first.iov_len, &cursor, size - first.iov_len);
  left -= size;

  while (left > 0) {
    size = MIN (left, PAYLOAD_SIZE);
    out = put_header (ts, index, ts->tracks[track].pid, FALSE, 0, 0, size);
    copy_payload (out, &cursor, size);
    left -= size;
  }
}
