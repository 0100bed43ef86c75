/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A strict reader of transport streams for tests: whatever it does not expect fails the test. It shares no code with
 * the packetiser that it checks.
 */
#include "ts-reader.h"

#include <string.h>

#define PACKET 188

typedef struct {
  TsFile *file;
  TsState *state;
  TsPes *open[3]; /* of PIDs 0x100 to 0x102 */
  guint packet;
  gint64 clock; /* the last PCR, -1 = none */
} Reader;

static void
pes_free (gpointer data)
{
  TsPes *pes = data;
  g_byte_array_unref (pes->payload);
  g_free (pes);
}

void
ts_file_free (TsFile *file)
{
  g_ptr_array_unref (file->pes);
  g_array_unref (file->pcrs);
  g_free (file);
}

/* A table-driven CRC, unlike the packetiser's. */
static guint32
crc (const guint8 *data, gsize size)
{
  static guint32 table[256];
  if (table[1] == 0) {
    for (guint32 i = 0; i < 256; i++) {
      guint32 value = i << 24;
      for (guint bit = 0; bit < 8; bit++) {
        value = value & 0x80000000 ? value << 1 ^ 0x04c11db7 : value << 1;
      }
      table[i] = value;
    }
  }
  guint32 value = 0xffffffff;
  for (gsize i = 0; i < size; i++) {
    value = value << 8 ^ table[(value >> 24 ^ data[i]) & 0xff];
  }
  return value;
}

/* Returns the section from table_id on. */
static const guint8 *
check_section (const guint8 *payload, gsize size, guint8 table, gsize *length)
{
  g_assert_cmpuint (payload[0], ==, 0);
  const guint8 *section = payload + 1;
  g_assert_cmphex (section[0], ==, table);
  g_assert_cmphex (section[1] & 0xf0, ==, 0xb0);
  *length = ((section[1] & 0x0f) << 8 | section[2]) + 3;
  g_assert_cmpuint (*length + 1, <=, size);
  g_assert_cmphex (crc (section, *length), ==, 0);
  for (gsize i = *length + 1; i < size; i++) {
    g_assert_cmphex (payload[i], ==, 0xff);
  }
  g_assert_cmphex (section[5] & 0xc1, ==, 0xc1);
  return section;
}

/* "Timed Metadata for HTTP Live Streaming" (Apple): the programme's pointer and the track's descriptor. */
static const guint8 id3_pointer[] = { 0x25, 15, 0xff, 0xff, 'I', 'D', '3', ' ', 0xff, 'I', 'D', '3', ' ', 0, 0x1f, 0,
  1 };
static const guint8 id3_descriptor[] = { 0x26, 13, 0xff, 0xff, 'I', 'D', '3', ' ', 0xff, 'I', 'D', '3', ' ', 0, 0x0f };

static void
read_pmt (Reader *reader, const guint8 *payload, gsize size)
{
  gsize length;
  const guint8 *section = check_section (payload, size, 0x02, &length);
  TsFile *file = reader->file;
  file->n_tables++;
  file->version = section[5] >> 1 & 0x1f;
  file->pcr_pid = (section[8] & 0x1f) << 8 | section[9];
  memset (file->types, 0, sizeof (file->types));
  gsize pointer = (section[10] & 0x0f) << 8 | section[11];
  gsize descriptor = 0;
  for (gsize i = 12 + pointer; i < length - 4; i += 5 + descriptor) {
    guint pid = (section[i + 1] & 0x1f) << 8 | section[i + 2];
    g_assert_true (pid >= TS_VIDEO && pid <= TS_METADATA);
    file->types[pid - TS_VIDEO] = section[i];
    descriptor = (section[i + 3] & 0x0f) << 8 | section[i + 4];
    g_assert_cmpmem (section + i + 5, descriptor, id3_descriptor, pid == TS_METADATA ? sizeof (id3_descriptor) : 0);
  }
  g_assert_cmpmem (section + 12, pointer, id3_pointer, file->types[2] != 0 ? sizeof (id3_pointer) : 0);
}

static void
read_pat (Reader *reader, const guint8 *payload, gsize size)
{
  gsize length;
  const guint8 *section = check_section (payload, size, 0x00, &length);
  g_assert_cmpuint (length, ==, 16);
  g_assert_cmphex ((section[10] & 0x1f) << 8 | section[11], ==, 0x1000);
}

static gint64
read_timestamp (const guint8 *in, guint8 prefix)
{
  g_assert_cmphex (in[0] >> 4, ==, prefix);
  g_assert_true ((in[0] & 1) && (in[2] & 1) && (in[4] & 1));
  return (gint64) (in[0] >> 1 & 0x07) << 30 | in[1] << 22 | in[2] >> 1 << 15 | in[3] << 7 | in[4] >> 1;
}

/* Takes the header off a PES that is complete. */
static void
close_pes (Reader *reader, guint which)
{
  TsPes *pes = reader->open[which];
  reader->open[which] = NULL;
  if (pes == NULL) {
    return;
  }
  const guint8 *data = pes->payload->data;
  g_assert_cmpuint (pes->payload->len, >, 14);
  g_assert_cmphex (data[0] << 16 | data[1] << 8 | data[2], ==, 1);
  g_assert_cmphex (data[3], ==, which == 0 ? 0xe0 : which == 1 ? 0xc0 : 0xbd);
  guint length = data[4] << 8 | data[5];
  g_assert_true (length == pes->payload->len - 6 || (length == 0 && which == 0 && pes->payload->len - 6 > 65535));
  g_assert_cmphex (data[6] & 0xf0, ==, 0x80);
  gboolean both = data[7] >> 6 == 3;
  g_assert_cmpuint (data[8], ==, both ? 10 : 5);
  pes->pts = read_timestamp (data + 9, both ? 3 : 2);
  pes->dts = both ? read_timestamp (data + 14, 1) : pes->pts;
  g_byte_array_remove_range (pes->payload, 0, 9 + data[8]);
}

static gint64
read_pcr (const guint8 *in)
{
  g_assert_cmphex (in[4] & 0x7e, ==, 0x7e);
  g_assert_cmphex ((in[4] & 1) << 8 | in[5], ==, 0);
  return (gint64) in[0] << 25 | in[1] << 17 | in[2] << 9 | in[3] << 1 | in[4] >> 7;
}

static void
read_packet (Reader *reader, const guint8 *packet)
{
  g_assert_cmphex (packet[0], ==, 0x47);
  g_assert_cmphex (packet[1] & 0xa0, ==, 0); /* no error, no priority */
  gboolean start = (packet[1] & 0x40) != 0;
  guint pid = (packet[1] & 0x1f) << 8 | packet[2];
  g_assert_true (pid == 0 || pid == 0x1000 || (pid >= TS_VIDEO && pid <= TS_METADATA));
  g_assert_cmphex (packet[3] & 0xc0, ==, 0); /* not scrambled */
  gboolean has_field = (packet[3] & 0x20) != 0;
  gboolean has_payload = (packet[3] & 0x10) != 0;
  g_assert_true (has_field || has_payload);
  guint8 flags = 0;
  gsize offset = 4;
  if (has_field) {
    offset += 1 + packet[4];
    g_assert_cmpuint (packet[4], <=, has_payload ? 182 : 183);
    flags = packet[4] > 0 ? packet[5] : 0;
    g_assert_cmphex (flags & 0x2f, ==, 0);
    if (flags & 0x10) {
      g_assert_cmphex (pid, ==, reader->file->pcr_pid);
      gint64 pcr = read_pcr (packet + 6);
      g_array_append_val (reader->file->pcrs, pcr);
      reader->clock = pcr;
    }
    for (gsize i = packet[4] == 0 ? 5 : flags & 0x10 ? 12 : 6; i < offset; i++) {
      g_assert_cmphex (packet[i], ==, 0xff);
    }
  }
  gint *counter = &reader->state->counters[pid];
  if (*counter == 0) {
    g_assert_true (flags & 0x80);
    *counter = (packet[3] & 0x0f) + (has_payload ? 0 : 1) + 16;
  }
  g_assert_cmphex (packet[3] & 0x0f, ==, (*counter - (has_payload ? 0 : 1)) & 0x0f);
  if (!has_payload) {
    return;
  }
  *counter = ((*counter + 1) & 0x0f) + 16;

  if (pid == 0) {
    read_pat (reader, packet + offset, PACKET - offset);
  } else if (pid == 0x1000) {
    read_pmt (reader, packet + offset, PACKET - offset);
  } else {
    guint which = pid - TS_VIDEO;
    g_assert_cmphex (reader->file->types[which], !=, 0);
    if (start) {
      close_pes (reader, which);
      TsPes *pes = g_new0 (TsPes, 1);
      pes->pid = pid;
      pes->clock = reader->clock;
      pes->random_access = (flags & 0x40) != 0;
      pes->discontinuity = (flags & 0x80) != 0;
      pes->first_packet = reader->packet;
      pes->payload = g_byte_array_new ();
      g_ptr_array_add (reader->file->pes, pes);
      reader->open[which] = pes;
    }
    g_assert_nonnull (reader->open[which]);
    g_byte_array_append (reader->open[which]->payload, packet + offset, PACKET - offset);
  }
}

TsFile *
ts_read (const guint8 *data, gsize size, TsState *state)
{
  TsFile *file = g_new0 (TsFile, 1);
  file->pes = g_ptr_array_new_with_free_func (pes_free);
  file->pcrs = g_array_new (FALSE, FALSE, sizeof (gint64));
  file->n_packets = size / PACKET;
  Reader reader = { .file = file, .state = state, .clock = -1 };
  g_assert_cmpuint (size % PACKET, ==, 0);
  g_assert_cmpuint (file->n_packets, >=, 2);
  g_assert_cmphex (data[1] & 0x1f, ==, 0);
  g_assert_cmphex ((data[PACKET + 1] & 0x1f) << 8 | data[PACKET + 2], ==, 0x1000);
  for (reader.packet = 0; reader.packet < file->n_packets; reader.packet++) {
    read_packet (&reader, data + reader.packet * PACKET);
  }
  close_pes (&reader, 0);
  close_pes (&reader, 1);
  close_pes (&reader, 2);
  return file;
}

TsFile *
ts_read_file (const char *path, TsState *state)
{
  g_autofree char *data = NULL;
  gsize size;
  g_assert_true (g_file_get_contents (path, &data, &size, NULL));
  return ts_read ((const guint8 *) data, size, state);
}

const TsPes *
ts_get (const TsFile *file, guint16 pid, guint index)
{
  for (guint i = 0; i < file->pes->len; i++) {
    const TsPes *pes = file->pes->pdata[i];
    if (pes->pid == pid && index-- == 0) {
      return pes;
    }
  }
  g_assert_not_reached ();
}

guint
ts_count (const TsFile *file, guint16 pid)
{
  guint count = 0;
  for (guint i = 0; i < file->pes->len; i++) {
    count += ((const TsPes *) file->pes->pdata[i])->pid == pid;
  }
  return count;
}
