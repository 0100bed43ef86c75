/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * RTMP 1.0 as a player speaks it: handshake, then
 *
 *   connect ─▶ _result, createStream ─▶ _result, play ─▶ onStatus NetStream.Play.Start, media …, StreamEOF
 *
 * Why not rtmp2src: it takes two threads and four wakeups for each frame, which is most of what passing a stream
 * through costs. Here the reader decides when bytes are read, and how many frames that are.
 */
#include "klive-rtmp.h"

#include <gst/base/gstbytereader.h>
#include <string.h>

#define HANDSHAKE_SIZE 1536
#define CHUNK_SIZE_DEFAULT 128
#define MAX_CHUNK_STREAMS 64
#define MAX_MESSAGE (16 * 1024 * 1024 - 1) /* what the length field can say */
#define MAX_PENDING (2 * MAX_MESSAGE)      /* bytes of all messages that have begun and not ended */
#define MAX_OUTPUT (64 * 1024)             /* bytes that a server may cause and not read */
#define EXTENDED 0xffffff                  /* the timestamp stands behind the header */
#define FLASH_VERSION "LNX 9,0,124,2"

enum {
  MESSAGE_SET_CHUNK_SIZE = 1,
  MESSAGE_ABORT = 2,
  MESSAGE_ACKNOWLEDGEMENT = 3,
  MESSAGE_USER_CONTROL = 4,
  MESSAGE_WINDOW_SIZE = 5,
  MESSAGE_COMMAND_AMF3 = 17,
  MESSAGE_COMMAND = 20,
};

enum { CONTROL_STREAM_EOF = 1, CONTROL_BUFFER_LENGTH = 3, CONTROL_PING = 6, CONTROL_PONG = 7 };

enum { CHUNK_STREAM_CONTROL = 2, CHUNK_STREAM_COMMAND = 3, CHUNK_STREAM_PLAY = 8 };

enum { TRANSACTION_CONNECT = 1, TRANSACTION_CREATE = 2, TRANSACTION_PLAY = 3 };

enum {
  AMF_NUMBER = 0x00,
  AMF_BOOLEAN = 0x01,
  AMF_STRING = 0x02,
  AMF_OBJECT = 0x03,
  AMF_NULL = 0x05,
  AMF_UNDEFINED = 0x06,
};

typedef struct {
  guint32 timestamp, delta; /* ms */
  guint32 length;           /* of the message, bytes */
  guint8 type;
  gboolean extended;
  guint8 *message; /* NULL = the next chunk begins one */
  gsize filled;
} ChunkStream;

typedef enum { STATE_HANDSHAKE, STATE_CONNECTING, STATE_PLAYING, STATE_OVER } State;

struct _KliveRtmp {
  char *url, *app, *stream;
  State state;
  GByteArray *output;
  GByteArray *input;
  gsize read;           /* bytes at the front of input that are done with */
  gsize filled;         /* bytes of input that are not just room */
  GHashTable *chunks;   /* id -> ChunkStream */
  gsize pending;        /* bytes reserved for messages that have not ended */
  guint32 chunk_size;   /* the server's */
  guint32 window;       /* it wants to hear after so many bytes; 0 = never */
  guint32 received;     /* bytes, wraps */
  guint32 acknowledged; /* of them, told */
};

G_DEFINE_QUARK (klive_rtmp_error_quark, klive_rtmp_error)

static void
chunk_stream_free (gpointer data)
{
  ChunkStream *chunks = data;

  g_free (chunks->message);
  g_free (chunks);
}

KliveRtmp *
klive_rtmp_new (const char *url, const char *app, const char *stream)
{
  KliveRtmp *rtmp = g_new0 (KliveRtmp, 1);
  static const guint8 version = 3;

  rtmp->url = g_strdup (url);
  rtmp->app = g_strdup (app);
  rtmp->stream = g_strdup (stream);
  rtmp->output = g_byte_array_new ();
  rtmp->input = g_byte_array_new ();
  rtmp->chunks = g_hash_table_new_full (NULL, NULL, NULL, chunk_stream_free);
  rtmp->chunk_size = CHUNK_SIZE_DEFAULT;
  /* Time and zero, then bytes that nobody looks at. */
  g_byte_array_append (rtmp->output, &version, 1);
  g_byte_array_set_size (rtmp->output, 1 + HANDSHAKE_SIZE);
  memset (rtmp->output->data + 1, 0, HANDSHAKE_SIZE);
  return rtmp;
}

void
klive_rtmp_free (KliveRtmp *rtmp)
{
  g_hash_table_unref (rtmp->chunks);
  g_byte_array_unref (rtmp->input);
  g_byte_array_unref (rtmp->output);
  g_free (rtmp->stream);
  g_free (rtmp->app);
  g_free (rtmp->url);
  g_free (rtmp);
}

GByteArray *
klive_rtmp_get_output (KliveRtmp *rtmp)
{
  return rtmp->output;
}

gboolean
klive_rtmp_is_playing (const KliveRtmp *rtmp)
{
  return rtmp->state >= STATE_PLAYING;
}

gboolean
klive_rtmp_is_over (const KliveRtmp *rtmp)
{
  return rtmp->state == STATE_OVER;
}

/* --- what is sent --- */

static void
put_number (GByteArray *array, double value)
{
  guint8 bytes[9] = { AMF_NUMBER };

  GST_WRITE_DOUBLE_BE (bytes + 1, value);
  g_byte_array_append (array, bytes, sizeof bytes);
}

static void
put_name (GByteArray *array, const char *text)
{
  gsize length = MIN (strlen (text), G_MAXUINT16);
  guint8 bytes[2];

  GST_WRITE_UINT16_BE (bytes, length);
  g_byte_array_append (array, bytes, sizeof bytes);
  g_byte_array_append (array, (const guint8 *) text, length);
}

static void
put_byte (GByteArray *array, guint8 byte)
{
  g_byte_array_append (array, &byte, 1);
}

static void
put_string (GByteArray *array, const char *text)
{
  put_byte (array, AMF_STRING);
  put_name (array, text);
}

static GByteArray *
command_new (const char *name, guint transaction)
{
  GByteArray *command = g_byte_array_new ();

  put_string (command, name);
  put_number (command, transaction);
  return command;
}

/* In chunks of the size that the server expects, as nobody has told it another one. */
static void
put_message (KliveRtmp *rtmp, guint8 chunk_stream, guint8 type, guint32 stream, const guint8 *data, gsize size)
{
  guint8 header[12] = { chunk_stream, 0, 0, 0, (guint8) (size >> 16), (guint8) (size >> 8), (guint8) size, type };

  GST_WRITE_UINT32_LE (header + 8, stream);
  g_byte_array_append (rtmp->output, header, sizeof header);
  for (gsize at = 0; at < size; at += CHUNK_SIZE_DEFAULT) {
    if (at > 0)
      put_byte (rtmp->output, 0xc0 | chunk_stream);
    g_byte_array_append (rtmp->output, data + at, MIN (size - at, CHUNK_SIZE_DEFAULT));
  }
}

static void
put_command (KliveRtmp *rtmp, guint8 chunk_stream, guint32 stream, GByteArray *command)
{
  put_message (rtmp, chunk_stream, MESSAGE_COMMAND, stream, command->data, command->len);
  g_byte_array_unref (command);
}

static void
send_connect (KliveRtmp *rtmp)
{
  GByteArray *command = command_new ("connect", TRANSACTION_CONNECT);

  put_byte (command, AMF_OBJECT);
  put_name (command, "app");
  put_string (command, rtmp->app);
  put_name (command, "flashVer");
  put_string (command, FLASH_VERSION);
  put_name (command, "tcUrl");
  put_string (command, rtmp->url);
  put_name (command, "");
  put_byte (command, 0x09); /* end of the object */
  put_command (rtmp, CHUNK_STREAM_COMMAND, 0, command);
}

static void
send_create_stream (KliveRtmp *rtmp)
{
  GByteArray *command = command_new ("createStream", TRANSACTION_CREATE);

  put_byte (command, AMF_NULL);
  put_command (rtmp, CHUNK_STREAM_COMMAND, 0, command);
}

static void
send_play (KliveRtmp *rtmp, guint32 stream)
{
  GByteArray *command = command_new ("play", TRANSACTION_PLAY);

  put_byte (command, AMF_NULL);
  put_string (command, rtmp->stream);
  put_number (command, -1000); /* live only */
  put_command (rtmp, CHUNK_STREAM_PLAY, stream, command);
}

static void
send_uint32 (KliveRtmp *rtmp, guint8 type, guint32 value)
{
  guint8 bytes[4];

  GST_WRITE_UINT32_BE (bytes, value);
  put_message (rtmp, CHUNK_STREAM_CONTROL, type, 0, bytes, sizeof bytes);
}

static void
send_pong (KliveRtmp *rtmp, guint32 time)
{
  guint8 bytes[6];

  GST_WRITE_UINT16_BE (bytes, CONTROL_PONG);
  GST_WRITE_UINT32_BE (bytes + 2, time);
  put_message (rtmp, CHUNK_STREAM_CONTROL, MESSAGE_USER_CONTROL, 0, bytes, sizeof bytes);
}

/* --- commands of the server --- */

/* What the rest of a command says: the last number outside of its objects, and some strings inside. */
typedef struct {
  double number;
  char *level, *code, *description;
} Answer;

static void
answer_clear (Answer *answer)
{
  g_free (answer->level);
  g_free (answer->code);
  g_free (answer->description);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Answer, answer_clear)

static char *
read_string (GstByteReader *reader)
{
  guint16 length;
  const guint8 *data;

  if (!gst_byte_reader_get_uint16_be (reader, &length) || !gst_byte_reader_get_data (reader, length, &data))
    return NULL;
  return g_utf8_make_valid ((const char *) data, length);
}

/* Takes @text if it is wanted and the first of its name. */
static void
keep_member (Answer *answer, const char *name, char **text)
{
  if (strcmp (name, "level") == 0 && answer->level == NULL)
    answer->level = g_steal_pointer (text);
  else if (strcmp (name, "code") == 0 && answer->code == NULL)
    answer->code = g_steal_pointer (text);
  else if (strcmp (name, "description") == 0 && answer->description == NULL)
    answer->description = g_steal_pointer (text);
}

/* FALSE: the end of the object, or what no answer that matters has. */
static gboolean
read_member (GstByteReader *reader, Answer *answer)
{
  g_autofree char *name = read_string (reader);
  g_autofree char *text = NULL;
  guint8 type;

  if (name == NULL || !gst_byte_reader_get_uint8 (reader, &type))
    return FALSE;
  switch (type) {
    case AMF_NUMBER:
      return gst_byte_reader_skip (reader, 8);
    case AMF_BOOLEAN:
      return gst_byte_reader_skip (reader, 1);
    case AMF_STRING:
      text = read_string (reader);
      keep_member (answer, name, &text);
      return TRUE;
    case AMF_NULL:
    case AMF_UNDEFINED:
      return TRUE;
    default:
      return FALSE;
  }
}

static void
read_answer (GstByteReader *reader, Answer *answer)
{
  guint8 type;

  while (gst_byte_reader_get_uint8 (reader, &type)) {
    if (type == AMF_NUMBER) {
      if (!gst_byte_reader_get_float64_be (reader, &answer->number))
        return;
    } else if (type == AMF_OBJECT) {
      while (read_member (reader, answer))
        continue;
    } else if (type != AMF_NULL && type != AMF_UNDEFINED) {
      return;
    }
  }
}

static gboolean
refuse (const Answer *answer, GError **error)
{
  g_set_error (error, KLIVE_RTMP_ERROR, KLIVE_RTMP_ERROR_REFUSED, "%s: %s", answer->code ? answer->code : "refused",
      answer->description ? answer->description : "no reason given");
  return FALSE;
}

static gboolean
handle_status (KliveRtmp *rtmp, const Answer *answer, GError **error)
{
  if (g_strcmp0 (answer->level, "error") == 0)
    return refuse (answer, error);
  if (g_strcmp0 (answer->code, "NetStream.Play.Start") == 0)
    rtmp->state = STATE_PLAYING;
  else if (g_strcmp0 (answer->code, "NetStream.Play.UnpublishNotify") == 0)
    rtmp->state = STATE_OVER;
  return TRUE;
}

static gboolean
handle_result (KliveRtmp *rtmp, double transaction, const Answer *answer)
{
  if (transaction == TRANSACTION_CONNECT)
    send_create_stream (rtmp);
  else if (transaction == TRANSACTION_CREATE)
    send_play (rtmp, answer->number >= 0 && answer->number <= G_MAXUINT32 ? (guint32) answer->number : 1);
  return TRUE;
}

static gboolean
handle_command (KliveRtmp *rtmp, const guint8 *data, gsize size, GError **error)
{
  GstByteReader reader = GST_BYTE_READER_INIT (data, (guint) size);
  g_auto (Answer) answer = { 0 };
  g_autofree char *name = NULL;
  guint8 type;
  double transaction;

  if (!gst_byte_reader_get_uint8 (&reader, &type) || type != AMF_STRING || (name = read_string (&reader)) == NULL ||
      !gst_byte_reader_get_uint8 (&reader, &type) || type != AMF_NUMBER ||
      !gst_byte_reader_get_float64_be (&reader, &transaction)) {
    g_set_error (error, KLIVE_RTMP_ERROR, KLIVE_RTMP_ERROR_BROKEN, "a command that is none");
    return FALSE;
  }
  read_answer (&reader, &answer);
  if (strcmp (name, "_error") == 0)
    return refuse (&answer, error);
  if (strcmp (name, "onStatus") == 0)
    return handle_status (rtmp, &answer, error);
  return strcmp (name, "_result") != 0 || handle_result (rtmp, transaction, &answer);
}

static void
handle_user_control (KliveRtmp *rtmp, const guint8 *data, gsize size)
{
  guint event = size >= 6 ? GST_READ_UINT16_BE (data) : 0;

  if (event == CONTROL_PING)
    send_pong (rtmp, GST_READ_UINT32_BE (data + 2));
  else if (event == CONTROL_STREAM_EOF && rtmp->state == STATE_PLAYING)
    rtmp->state = STATE_OVER;
}

static gboolean
set_chunk_size (KliveRtmp *rtmp, const guint8 *data, gsize size, GError **error)
{
  guint32 chunk_size = size >= 4 ? GST_READ_UINT32_BE (data) : 0;

  if (chunk_size == 0 || chunk_size > G_MAXINT32) {
    g_set_error (error, KLIVE_RTMP_ERROR, KLIVE_RTMP_ERROR_BROKEN, "a chunk size of %u", chunk_size);
    return FALSE;
  }
  rtmp->chunk_size = MIN (chunk_size, MAX_MESSAGE);
  return TRUE;
}

static void
abort_message (KliveRtmp *rtmp, const guint8 *data, gsize size)
{
  ChunkStream *chunks =
      size >= 4 ? g_hash_table_lookup (rtmp->chunks, GUINT_TO_POINTER (GST_READ_UINT32_BE (data))) : NULL;

  if (chunks == NULL || chunks->message == NULL)
    return;
  rtmp->pending -= chunks->length;
  g_clear_pointer (&chunks->message, g_free);
}

/* What is no media. */
static gboolean
handle_message (KliveRtmp *rtmp, guint8 type, const guint8 *data, gsize size, GError **error)
{
  switch (type) {
    case MESSAGE_SET_CHUNK_SIZE:
      return set_chunk_size (rtmp, data, size, error);
    case MESSAGE_ABORT:
      abort_message (rtmp, data, size);
      return TRUE;
    case MESSAGE_USER_CONTROL:
      handle_user_control (rtmp, data, size);
      return TRUE;
    case MESSAGE_WINDOW_SIZE:
      rtmp->window = size >= 4 ? GST_READ_UINT32_BE (data) : 0;
      return TRUE;
    case MESSAGE_COMMAND_AMF3:
      return size > 0 ? handle_command (rtmp, data + 1, size - 1, error) : TRUE;
    case MESSAGE_COMMAND:
      return handle_command (rtmp, data, size, error);
    default:
      return TRUE;
  }
}

/* --- chunks --- */

guint8 *
klive_rtmp_get_room (KliveRtmp *rtmp, gsize size)
{
  if (rtmp->read > 0) {
    memmove (rtmp->input->data, rtmp->input->data + rtmp->read, rtmp->filled - rtmp->read);
    rtmp->filled -= rtmp->read;
    rtmp->read = 0;
  }
  if (rtmp->input->len < rtmp->filled + size)
    g_byte_array_set_size (rtmp->input, rtmp->filled + size);
  return rtmp->input->data + rtmp->filled;
}

void
klive_rtmp_received (KliveRtmp *rtmp, gsize size)
{
  rtmp->filled += size;
  rtmp->received += size;
  if (rtmp->window > 0 && rtmp->received - rtmp->acknowledged >= rtmp->window / 2) {
    rtmp->acknowledged = rtmp->received;
    send_uint32 (rtmp, MESSAGE_ACKNOWLEDGEMENT, rtmp->received);
  }
}

/* The server's version, time and echo: FALSE when they are not all there. */
static gboolean
take_handshake (KliveRtmp *rtmp, GError **error)
{
  const guint8 *data = rtmp->input->data + rtmp->read;
  gsize size = rtmp->filled - rtmp->read;

  if (size >= 1 && data[0] != 3) {
    g_set_error (error, KLIVE_RTMP_ERROR, KLIVE_RTMP_ERROR_BROKEN, "not an RTMP server: version %u", data[0]);
    return FALSE;
  }
  if (size < 1 + 2 * HANDSHAKE_SIZE)
    return FALSE;
  g_byte_array_append (rtmp->output, data + 1, HANDSHAKE_SIZE);
  rtmp->read += 1 + 2 * HANDSHAKE_SIZE;
  rtmp->state = STATE_CONNECTING;
  send_connect (rtmp);
  return TRUE;
}

/* The id in the first one to three bytes. FALSE: not all there. */
static gboolean
read_basic_header (GstByteReader *reader, guint *format, guint *id)
{
  guint8 first, low, high;

  if (!gst_byte_reader_get_uint8 (reader, &first))
    return FALSE;
  *format = first >> 6;
  *id = first & 0x3f;
  if (*id > 1)
    return TRUE;
  if (!gst_byte_reader_get_uint8 (reader, &low))
    return FALSE;
  if (*id == 0) {
    *id = 64 + low;
    return TRUE;
  }
  if (!gst_byte_reader_get_uint8 (reader, &high))
    return FALSE;
  *id = 64 + low + 256 * high;
  return TRUE;
}

/* The message header of @format; what it leaves out stays as it was. FALSE: not all there. */
static gboolean
read_message_header (GstByteReader *reader, guint format, ChunkStream *chunks)
{
  static const guint sizes[] = { 11, 7, 3, 0 };
  guint32 time = chunks->extended ? EXTENDED : chunks->delta;
  guint32 stream;

  if (gst_byte_reader_get_remaining (reader) < sizes[format])
    return FALSE;
  if (format <= 2)
    gst_byte_reader_get_uint24_be (reader, &time);
  if (format <= 1) {
    gst_byte_reader_get_uint24_be (reader, &chunks->length);
    gst_byte_reader_get_uint8 (reader, &chunks->type);
  }
  if (format == 0)
    gst_byte_reader_get_uint32_le (reader, &stream);
  chunks->extended = time == EXTENDED;
  if (chunks->extended && !gst_byte_reader_get_uint32_be (reader, &time))
    return FALSE;
  chunks->delta = time;
  chunks->timestamp = format == 0 ? time : chunks->timestamp + time;
  return TRUE;
}

/* In front of the rest of a message most servers repeat the extended timestamp, as the standard wants; some do not. */
static gboolean
skip_repeated_timestamp (GstByteReader *reader, const ChunkStream *chunks)
{
  guint32 time;

  if (!chunks->extended)
    return TRUE;
  if (!gst_byte_reader_peek_uint32_be (reader, &time))
    return FALSE;
  return time != chunks->delta || gst_byte_reader_skip (reader, 4);
}

static ChunkStream *
find_chunk_stream (KliveRtmp *rtmp, guint id, GError **error)
{
  ChunkStream *chunks = g_hash_table_lookup (rtmp->chunks, GUINT_TO_POINTER (id));

  if (chunks != NULL)
    return chunks;
  if (g_hash_table_size (rtmp->chunks) >= MAX_CHUNK_STREAMS) {
    g_set_error (error, KLIVE_RTMP_ERROR, KLIVE_RTMP_ERROR_BROKEN, "more than %u chunk streams", MAX_CHUNK_STREAMS);
    return NULL;
  }
  chunks = g_new0 (ChunkStream, 1);
  g_hash_table_insert (rtmp->chunks, GUINT_TO_POINTER (id), chunks);
  return chunks;
}

static gboolean
begin_message (KliveRtmp *rtmp, ChunkStream *chunks, GError **error)
{
  if (rtmp->pending + chunks->length > MAX_PENDING) {
    g_set_error (error, KLIVE_RTMP_ERROR, KLIVE_RTMP_ERROR_BROKEN, "messages of more than %u bytes without an end",
        MAX_PENDING);
    return FALSE;
  }
  rtmp->pending += chunks->length;
  chunks->message = g_malloc (MAX (chunks->length, 1));
  chunks->filled = 0;
  return TRUE;
}

/* One chunk, if all of it is there. Returns: the stream that it belongs to. */
static ChunkStream *
take_chunk (KliveRtmp *rtmp, GError **error)
{
  GstByteReader reader = GST_BYTE_READER_INIT (rtmp->input->data + rtmp->read, (guint) (rtmp->filled - rtmp->read));
  ChunkStream *chunks, next;
  const guint8 *data;
  guint format, id, size;

  if (!read_basic_header (&reader, &format, &id) || (chunks = find_chunk_stream (rtmp, id, error)) == NULL)
    return NULL;
  next = *chunks;
  if (next.message == NULL ? !read_message_header (&reader, format, &next) : !skip_repeated_timestamp (&reader, &next))
    return NULL;
  if (next.message != NULL && format != 3) {
    g_set_error (error, KLIVE_RTMP_ERROR, KLIVE_RTMP_ERROR_BROKEN, "a message begins inside another");
    return NULL;
  }
  size = (guint) MIN (next.length - (next.message != NULL ? next.filled : 0), rtmp->chunk_size);
  if (!gst_byte_reader_get_data (&reader, size, &data))
    return NULL;
  if (next.message == NULL && !begin_message (rtmp, &next, error))
    return NULL;
  memcpy (next.message + next.filled, data, size);
  next.filled += size;
  *chunks = next;
  rtmp->read += gst_byte_reader_get_pos (&reader);
  return chunks;
}

/* Answers to pings pile up while the server does not read them. */
static gboolean
check_output (const KliveRtmp *rtmp, GError **error)
{
  if (rtmp->output->len <= MAX_OUTPUT)
    return TRUE;
  g_set_error (error, KLIVE_RTMP_ERROR, KLIVE_RTMP_ERROR_BROKEN, "%u bytes that the server asked for and does not read",
      rtmp->output->len);
  return FALSE;
}

static gboolean
is_media (guint8 type)
{
  return type == KLIVE_FLV_AUDIO || type == KLIVE_FLV_VIDEO || type == KLIVE_FLV_SCRIPT;
}

gboolean
klive_rtmp_next (KliveRtmp *rtmp, KliveFlvTag *tag, GError **error)
{
  ChunkStream *chunks;

  if (rtmp->state == STATE_HANDSHAKE && !take_handshake (rtmp, error))
    return FALSE;
  while (rtmp->state != STATE_OVER && (chunks = take_chunk (rtmp, error)) != NULL) {
    g_autofree guint8 *message = NULL;

    if (chunks->filled < chunks->length)
      continue;
    message = g_steal_pointer (&chunks->message);
    rtmp->pending -= chunks->length;
    if (is_media (chunks->type)) {
      tag->type = chunks->type;
      tag->timestamp = chunks->timestamp;
      tag->payload = gst_buffer_new_wrapped (g_steal_pointer (&message), chunks->length);
      return TRUE;
    }
    if (!handle_message (rtmp, chunks->type, message, chunks->length, error) || !check_output (rtmp, error))
      return FALSE;
  }
  return FALSE;
}
