/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * H.264 access units on their way into a transport stream (ITU-T H.264 annex B, ISO/IEC 14496-15 avcC), for
 * kalturahlssink. Plain bytes; reads no further into an access unit than to its first slice. Not thread-safe.
 */
#include "gstkalturah264.h"

#include <string.h>

#define NAL_SLICE 1
#define NAL_SLICE_IDR 5
#define NAL_SPS 7
#define NAL_PPS 8
#define NAL_AUD 9

#define MAX_HEADERS 65536 /* bytes; more is not a parameter set but an attack */

static const guint8 start_code[] = { 0, 0, 0, 1 };
static const guint8 delimiter[] = { 0, 0, 0, 1, NAL_AUD, 0xf0 }; /* any slice type may follow */

struct _GstKalturaH264 {
  guint length_size;     /* bytes of a NAL unit's length field; 0 = byte-stream */
  GByteArray *sps, *pps; /* with start codes, as they go in front of a keyframe */
  char codec[sizeof ("avc1.PPCCLL")];
};

GstKalturaH264 *
gst_kaltura_h264_new (void)
{
  GstKalturaH264 *h264 = g_new0 (GstKalturaH264, 1);
  h264->sps = g_byte_array_new ();
  h264->pps = g_byte_array_new ();
  return h264;
}

void
gst_kaltura_h264_free (GstKalturaH264 *h264)
{
  g_byte_array_unref (h264->sps);
  g_byte_array_unref (h264->pps);
  g_free (h264);
}

const char *
gst_kaltura_h264_get_codec (const GstKalturaH264 *h264)
{
  return h264->codec[0] != '\0' ? h264->codec : NULL;
}

/* Whether parameter sets go to those that are there, or are the first of a new set. */
typedef struct {
  gboolean sps, pps;
} Seen;

static void
add_header (GstKalturaH264 *h264, const guint8 *nal, gsize size, Seen *seen)
{
  gboolean sps = (nal[0] & 0x1f) == NAL_SPS;
  GByteArray *headers = sps ? h264->sps : h264->pps;
  gboolean *more = sps ? &seen->sps : &seen->pps;
  if (!*more) {
    g_byte_array_set_size (headers, 0);
    *more = TRUE;
  }
  if (size < (sps ? 4 : 2) || headers->len + size > MAX_HEADERS) {
    return;
  }
  if (sps) {
    g_snprintf (h264->codec, sizeof (h264->codec), "avc1.%02x%02x%02x", nal[1], nal[2], nal[3]);
  }
  g_byte_array_append (headers, start_code, sizeof (start_code));
  g_byte_array_append (headers, nal, size);
}

void
gst_kaltura_h264_set_byte_stream (GstKalturaH264 *h264)
{
  h264->length_size = 0;
  g_byte_array_set_size (h264->sps, 0);
  g_byte_array_set_size (h264->pps, 0);
}

/* @count parameter sets, each behind a 16-bit length. Returns where they end, NULL if they do not fit. */
static const guint8 *
add_avcc_sets (GstKalturaH264 *h264, const guint8 *pos, const guint8 *end, guint count)
{
  Seen seen = { FALSE, FALSE };
  for (guint i = 0; i < count; i++) {
    if (end - pos < 2) {
      return NULL;
    }
    gsize size = pos[0] << 8 | pos[1];
    pos += 2;
    if ((gsize) (end - pos) < size) {
      return NULL;
    }
    if (size > 0) {
      add_header (h264, pos, size, &seen);
    }
    pos += size;
  }
  return pos;
}

gboolean
gst_kaltura_h264_set_avcc (GstKalturaH264 *h264, const guint8 *data, gsize size)
{
  if (size < 7 || data[0] != 1) {
    return FALSE;
  }
  const guint8 *end = data + size;
  const guint8 *pos = add_avcc_sets (h264, data + 6, end, data[5] & 0x1f);
  if (pos == NULL || pos == end || add_avcc_sets (h264, pos + 1, end, pos[0]) == NULL) {
    return FALSE;
  }
  h264->length_size = (data[4] & 0x03) + 1;
  return h264->length_size != 3;
}

static void
append_chunk (GArray *chunks, const guint8 *data, gsize size)
{
  struct iovec chunk = { (gpointer) data, size };
  g_array_append_val (chunks, chunk);
}

/* The next 00 00 01 in [pos, end), or @end. */
static const guint8 *
find_start_code (const guint8 *pos, const guint8 *end)
{
  while (end - pos >= 3) {
    const guint8 *one = memchr (pos + 2, 1, end - pos - 2);
    if (one == NULL) {
      return end;
    }
    if (one[-1] == 0 && one[-2] == 0) {
      return one - 2;
    }
    pos = one - 1;
  }
  return end;
}

/* What stands in front of the first slice of an access unit. */
typedef struct {
  gsize delimiter_size; /* of an AUD at the very beginning with its start code, 0 = none */
  Seen seen;
} Preamble;

static gsize
trim_zeros (const guint8 *nal, const guint8 *end)
{
  while (end > nal && end[-1] == 0) {
    end--;
  }
  return end - nal;
}

static gboolean
is_slice (guint8 type)
{
  return type >= NAL_SLICE && type <= NAL_SLICE_IDR;
}

/* Reads the byte-stream up to its first slice and remembers the parameter sets. FALSE if there is no NAL unit. */
static gboolean
read_preamble (GstKalturaH264 *h264, const guint8 *data, gsize size, Preamble *preamble)
{
  const guint8 *end = data + size;
  const guint8 *start = find_start_code (data, end);
  const guint8 *first = start;
  gboolean any = FALSE;
  while (end - start > 3) {
    const guint8 *nal = start + 3;
    guint8 type = nal[0] & 0x1f;
    any = TRUE;
    if (is_slice (type)) {
      break;
    }
    const guint8 *next = find_start_code (nal, end);
    if (type == NAL_AUD && start == first) {
      preamble->delimiter_size = (nal - data) + trim_zeros (nal, next);
    } else if (type == NAL_SPS || type == NAL_PPS) {
      add_header (h264, nal, trim_zeros (nal, next), &preamble->seen);
    }
    start = next;
  }
  return any;
}

static void
append_headers (const GstKalturaH264 *h264, const Seen *seen, GArray *chunks)
{
  if (seen->sps && seen->pps) {
    return;
  }
  append_chunk (chunks, h264->sps->data, h264->sps->len);
  append_chunk (chunks, h264->pps->data, h264->pps->len);
}

static gboolean
frame_byte_stream (GstKalturaH264 *h264, const guint8 *data, gsize size, GstKalturaH264Frame frame, GArray *chunks)
{
  Preamble preamble = { 0 };
  if (!read_preamble (h264, data, size, &preamble)) {
    return FALSE;
  }
  if (preamble.delimiter_size > 0) {
    append_chunk (chunks, data, preamble.delimiter_size);
  } else {
    append_chunk (chunks, delimiter, sizeof (delimiter));
  }
  if (frame == GST_KALTURA_H264_KEYFRAME) {
    append_headers (h264, &preamble.seen, chunks);
  }
  append_chunk (chunks, data + preamble.delimiter_size, size - preamble.delimiter_size);
  return TRUE;
}

/* The NAL unit at *pos, and *pos behind it. NULL if its length does not fit. */
static const guint8 *
next_avc_nal (const GstKalturaH264 *h264, const guint8 **pos, const guint8 *end, gsize *size)
{
  if ((gsize) (end - *pos) < h264->length_size) {
    return NULL;
  }
  *size = 0;
  for (guint i = 0; i < h264->length_size; i++) {
    *size = *size << 8 | (*pos)[i];
  }
  const guint8 *nal = *pos + h264->length_size;
  if ((gsize) (end - nal) < *size) {
    return NULL;
  }
  *pos = nal + *size;
  return nal;
}

/* Whether all lengths fit; remembers parameter sets. */
static gboolean
read_avc (GstKalturaH264 *h264, const guint8 *data, gsize length, Seen *seen)
{
  const guint8 *pos = data;
  const guint8 *end = data + length;
  while (pos < end) {
    gsize size = 0;
    const guint8 *nal = next_avc_nal (h264, &pos, end, &size);
    if (nal == NULL) {
      return FALSE;
    }
    guint8 type = size > 0 ? nal[0] & 0x1f : 0;
    if (type == NAL_SPS || type == NAL_PPS) {
      add_header (h264, nal, size, seen);
    }
  }
  return length > 0;
}

static gboolean
frame_avc (GstKalturaH264 *h264, const guint8 *data, gsize length, GstKalturaH264Frame frame, GArray *chunks)
{
  Seen seen = { FALSE, FALSE };
  if (!read_avc (h264, data, length, &seen)) {
    return FALSE;
  }
  append_chunk (chunks, delimiter, sizeof (delimiter));
  if (frame == GST_KALTURA_H264_KEYFRAME) {
    append_headers (h264, &seen, chunks);
  }
  const guint8 *pos = data;
  while (pos < data + length) {
    gsize size = 0;
    const guint8 *nal = next_avc_nal (h264, &pos, data + length, &size);
    if (size > 0 && (nal[0] & 0x1f) != NAL_AUD) {
      append_chunk (chunks, start_code, sizeof (start_code));
      append_chunk (chunks, nal, size);
    }
  }
  return TRUE;
}

gboolean
gst_kaltura_h264_frame (GstKalturaH264 *h264, const guint8 *data, gsize size, GstKalturaH264Frame frame, GArray *chunks)
{
  return h264->length_size == 0 ? frame_byte_stream (h264, data, size, frame, chunks)
                                : frame_avc (h264, data, size, frame, chunks);
}
