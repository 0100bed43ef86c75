/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* klive-rtmp: the talk with a server, chunks of every kind in whatever pieces, and that broken input is an error. */
#include "klive-rtmp.h"

#include <string.h>

#define HANDSHAKE 1536

/* --- what a server sends --- */

static GByteArray *
bytes_new (void)
{
  return g_byte_array_new ();
}

static void
add_handshake (GByteArray *bytes)
{
  g_byte_array_set_size (bytes, 1 + 2 * HANDSHAKE);
  memset (bytes->data, 0, bytes->len);
  bytes->data[0] = 3;
  memcpy (bytes->data + 1, "server's time", 13);
}

/* A chunk of @format; @head: what its header has behind the first byte. */
static void
add_chunk (GByteArray *bytes, guint format, guint id, const void *head, gsize head_size, const void *payload,
    gsize size)
{
  guint8 first = (guint8) (format << 6 | id);

  g_byte_array_append (bytes, &first, 1);
  g_byte_array_append (bytes, head, (guint) head_size);
  g_byte_array_append (bytes, payload, (guint) size);
}

/* A whole message in chunks of @chunk_size. */
static void
add_message (GByteArray *bytes, guint id, guint8 type, guint32 timestamp, const void *payload, guint32 size,
    guint32 chunk_size)
{
  guint32 time = MIN (timestamp, 0xffffff);
  guint8 head[15] = { (guint8) (time >> 16), (guint8) (time >> 8), (guint8) time, (guint8) (size >> 16),
    (guint8) (size >> 8), (guint8) size, type, 1, 0, 0, 0 };
  gsize extended = time == 0xffffff ? 4 : 0;

  GST_WRITE_UINT32_BE (head + 11, timestamp);
  add_chunk (bytes, 0, id, head, 11 + extended, payload, MIN (size, chunk_size));
  for (guint32 at = chunk_size; at < size; at += chunk_size)
    add_chunk (bytes, 3, id, head + 11, extended, (const guint8 *) payload + at, MIN (size - at, chunk_size));
}

static void
add_command (GByteArray *bytes, const char *command, gsize size)
{
  add_message (bytes, 3, 20, 0, command, (guint32) size, 128);
}

#define TEXT(bytes, text) add_command (bytes, text, sizeof (text) - 1)
#define ONE "\0\x3f\xf0\0\0\0\0\0\0"
#define TWO "\0\x40\0\0\0\0\0\0\0"
#define NOTHING "\0\0\0\0\0\0\0\0\0"

static void
add_start (GByteArray *bytes)
{
  add_handshake (bytes);
  TEXT (bytes,
      "\2\0\7_result" ONE "\3\0\6fmsVer\2\0\3FMS\0\xc"
      "capabilities" ONE "\0\0\x9\3\0\5level\2\0\6status\0\0\x9");
  TEXT (bytes, "\2\0\7_result" TWO "\5" ONE);
  TEXT (bytes, "\2\0\x8onStatus" NOTHING "\5\3\0\5level\2\0\6status\0\4code\2\0\x14NetStream.Play.Start\0\0\x9");
}

/* --- the player --- */

/* Feeds @bytes in pieces of @piece; "TYPE@TIMESTAMP:PAYLOAD ..." */
static char *
play (KliveRtmp *rtmp, const GByteArray *bytes, gsize piece, GError **error)
{
  GString *text = g_string_new (NULL);
  KliveFlvTag tag = { 0 };

  for (gsize at = 0; at < bytes->len; at += piece) {
    gsize n = MIN (piece, bytes->len - at);

    memcpy (klive_rtmp_get_room (rtmp, n), bytes->data + at, n);
    klive_rtmp_received (rtmp, n);
    while (klive_rtmp_next (rtmp, &tag, error)) {
      g_autofree char *payload = g_malloc0 (gst_buffer_get_size (tag.payload) + 1);

      gst_buffer_extract (tag.payload, 0, payload, gst_buffer_get_size (tag.payload));
      g_string_append_printf (text, "%d@%u:%s ", tag.type, tag.timestamp, payload);
      klive_flv_tag_clear (&tag);
    }
    if (error != NULL && *error != NULL)
      break;
  }
  return g_string_free (text, FALSE);
}

static KliveRtmp *
player_new (void)
{
  return klive_rtmp_new ("rtmp://127.0.0.1:1935/kLive/?pull", "kLive/?pull", "0_rkij47dr_1@0-1763812345678");
}

static gboolean
has_sent (KliveRtmp *rtmp, const char *text, gsize size)
{
  const GByteArray *output = klive_rtmp_get_output (rtmp);

  return memmem (output->data, output->len, text, size) != NULL;
}

#define HAS_SENT(rtmp, text) has_sent (rtmp, text, sizeof (text) - 1)

static void
test_talk (void)
{
  g_autoptr (KliveRtmp) rtmp = player_new ();
  g_autoptr (GByteArray) bytes = bytes_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *tags = NULL;

  g_assert_cmpuint (klive_rtmp_get_output (rtmp)->len, ==, 1 + HANDSHAKE);
  g_assert_false (HAS_SENT (rtmp, "connect"));
  add_start (bytes);
  tags = play (rtmp, bytes, bytes->len, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (tags, ==, "");
  g_assert_true (klive_rtmp_is_playing (rtmp));
  g_assert_false (klive_rtmp_is_over (rtmp));
  g_assert_true (HAS_SENT (rtmp, "server's time")); /* its echo */
  g_assert_true (HAS_SENT (rtmp, "connect" ONE "\3\0\3app\2\0\xbkLive/?pull"));
  g_assert_true (HAS_SENT (rtmp, "createStream" TWO "\5"));
  g_assert_true (HAS_SENT (rtmp, "\0\4play")); /* with the stream that was created, 1 */
  g_assert_true (HAS_SENT (rtmp, "0_rkij47dr_1@0-1763812345678"));
}

static void
test_tags_in_any_pieces (void)
{
  g_autoptr (GByteArray) bytes = bytes_new ();
  g_autofree char *big = g_strnfill (300, 'x');
  g_autofree char *expected = NULL;

  add_start (bytes);
  add_message (bytes, 5, 18, 0, "meta", 4, 128);
  add_message (bytes, 6, 8, 16777216, "audio", 5, 128);
  add_message (bytes, 7, 9, 0xfffffff0u, big, 300, 128);
  add_message (bytes, 6, 8, 3, "", 0, 128);
  expected = g_strdup_printf ("18@0:meta 8@16777216:audio 9@4294967280:%s 8@3: ", big);
  for (gsize piece = 1; piece < 40; piece++) {
    g_autoptr (KliveRtmp) rtmp = player_new ();
    g_autoptr (GError) error = NULL;
    g_autofree char *tags = play (rtmp, bytes, piece, &error);

    g_assert_no_error (error);
    g_assert_cmpstr (tags, ==, expected);
  }
}

static void
test_short_headers (void)
{
  g_autoptr (KliveRtmp) rtmp = player_new ();
  g_autoptr (GByteArray) bytes = bytes_new ();
  g_autofree char *tags = NULL;

  add_start (bytes);
  add_message (bytes, 6, 8, 1000, "a", 1, 128);
  add_chunk (bytes, 1, 6, "\0\0\x17\0\0\2\x8", 7, "bb", 2); /* 23 ms later, of another length */
  add_chunk (bytes, 2, 6, "\0\0\x18", 3, "cc", 2);          /* 24 ms later */
  add_chunk (bytes, 3, 6, "", 0, "dd", 2);                  /* the same again */
  tags = play (rtmp, bytes, bytes->len, NULL);
  g_assert_cmpstr (tags, ==, "8@1000:a 8@1023:bb 8@1047:cc 8@1071:dd ");
}

static void
test_mixed_chunks (void)
{
  g_autoptr (KliveRtmp) rtmp = player_new ();
  g_autoptr (GByteArray) bytes = bytes_new ();
  g_autofree char *big = g_strnfill (200, 'v');
  g_autofree char *tags = NULL, *expected = g_strdup_printf ("8@7:a 9@5:%s ", big);

  add_start (bytes);
  add_chunk (bytes, 0, 7, "\0\0\5\0\0\xc8\x9\1\0\0\0", 11, big, 128);
  add_message (bytes, 6, 8, 7, "a", 1, 128);
  add_chunk (bytes, 3, 7, "", 0, big, 72);
  tags = play (rtmp, bytes, bytes->len, NULL);
  g_assert_cmpstr (tags, ==, expected);
}

/* In front of continued chunks some servers leave the extended timestamp out. */
static void
test_timestamp_not_repeated (void)
{
  g_autoptr (KliveRtmp) rtmp = player_new ();
  g_autoptr (GByteArray) bytes = bytes_new ();
  g_autofree char *big = g_strnfill (200, 'v');
  g_autofree char *tags = NULL, *expected = g_strdup_printf ("9@16777217:%s ", big);

  add_start (bytes);
  add_chunk (bytes, 0, 7, "\xff\xff\xff\0\0\xc8\x9\1\0\0\0\1\0\0\1", 15, big, 128);
  add_chunk (bytes, 3, 7, "", 0, big, 72);
  tags = play (rtmp, bytes, bytes->len, NULL);
  g_assert_cmpstr (tags, ==, expected);
}

static void
test_chunk_size_and_long_ids (void)
{
  g_autoptr (KliveRtmp) rtmp = player_new ();
  g_autoptr (GByteArray) bytes = bytes_new ();
  g_autofree char *big = g_strnfill (4000, 'x');
  g_autofree char *tags = NULL, *expected = g_strdup_printf ("9@1:%s 8@2:b 8@3:c ", big);

  add_start (bytes);
  add_message (bytes, 2, 1, 0, "\0\0\x10\0", 4, 128); /* 4096 */
  add_message (bytes, 7, 9, 1, big, 4000, 4096);
  add_chunk (bytes, 0, 0, "\6\0\0\2\0\0\1\x8\1\0\0\0", 12, "b", 1);   /* 70 */
  add_chunk (bytes, 0, 1, "\6\1\0\0\3\0\0\1\x8\1\0\0\0", 13, "c", 1); /* 326 */
  tags = play (rtmp, bytes, bytes->len, NULL);
  g_assert_cmpstr (tags, ==, expected);
}

static void
test_control (void)
{
  g_autoptr (KliveRtmp) rtmp = player_new ();
  g_autoptr (GByteArray) bytes = bytes_new ();
  g_autofree char *tags = NULL;

  add_start (bytes);
  add_message (bytes, 2, 5, 0, "\0\0\0\x64", 4, 128);   /* wants to hear after 100 bytes */
  add_message (bytes, 2, 4, 0, "\0\6\1\2\3\4", 6, 128); /* ping */
  add_chunk (bytes, 0, 7, "\0\0\5\0\0\xc8\x9\1\0\0\0", 11, bytes->data, 128);
  add_message (bytes, 2, 2, 0, "\0\0\0\7", 4, 128); /* the rest of that does not come */
  add_message (bytes, 7, 9, 6, "next", 4, 128);
  tags = play (rtmp, bytes, 60, NULL);
  g_assert_cmpstr (tags, ==, "9@6:next ");
  g_assert_true (HAS_SENT (rtmp, "\0\0\6\4\0\0\0\0\0\7\1\2\3\4")); /* pong */
  g_assert_true (HAS_SENT (rtmp, "\2\0\0\0\0\0\4\3\0\0\0\0\0\0")); /* acknowledgement */
}

static void
test_end_of_stream (void)
{
  g_autoptr (KliveRtmp) rtmp = player_new ();
  g_autoptr (GByteArray) bytes = bytes_new ();
  g_autofree char *tags = NULL;

  add_start (bytes);
  add_message (bytes, 6, 8, 1, "last", 4, 128);
  add_message (bytes, 2, 4, 0, "\0\1\0\0\0\1", 6, 128);
  add_message (bytes, 6, 8, 2, "too late", 8, 128);
  tags = play (rtmp, bytes, bytes->len, NULL);
  g_assert_cmpstr (tags, ==, "8@1:last ");
  g_assert_true (klive_rtmp_is_over (rtmp));
}

static void
test_refusals (void)
{
  static const struct {
    const char *command;
    gsize size;
    const char *message;
  } cases[] = {
#define CASE(text, message) { text, sizeof (text) - 1, message }
    CASE ("\2\0\6_error" ONE "\5\3\0\4code\2\0\x1eNetConnection.Connect.Rejected\0\xb"
          "description\2\0\2no\0\0\x9",
        "NetConnection.Connect.Rejected: no"),
    CASE ("\2\0\x8onStatus" NOTHING "\5\3\0\5level\2\0\5"
          "error\0\4code\2\0\x1dNetStream.Play.StreamNotFound\0\0\x9",
        "NetStream.Play.StreamNotFound: no reason given"),
    CASE ("\2\0\6_error" ONE, "refused: no reason given"),
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (KliveRtmp) rtmp = player_new ();
    g_autoptr (GByteArray) bytes = bytes_new ();
    g_autoptr (GError) error = NULL;
    g_autofree char *tags = NULL;

    add_handshake (bytes);
    add_command (bytes, cases[i].command, cases[i].size);
    tags = play (rtmp, bytes, bytes->len, &error);
    g_assert_error (error, KLIVE_RTMP_ERROR, KLIVE_RTMP_ERROR_REFUSED);
    g_assert_cmpstr (error->message, ==, cases[i].message);
  }
}

static void
check_broken (const GByteArray *bytes)
{
  g_autoptr (KliveRtmp) rtmp = player_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *tags = play (rtmp, bytes, 50, &error);

  g_assert_error (error, KLIVE_RTMP_ERROR, KLIVE_RTMP_ERROR_BROKEN);
  g_assert_cmpstr (tags, ==, "");
}

static void
test_broken (void)
{
  g_autoptr (GByteArray) http = g_byte_array_append (bytes_new (), (const guint8 *) "HTTP/1.1 200 OK", 15);
  g_autoptr (GByteArray) no_command = bytes_new ();
  g_autoptr (GByteArray) no_size = bytes_new ();
  g_autoptr (GByteArray) inside = bytes_new ();
  g_autoptr (GByteArray) many = bytes_new ();

  check_broken (http);
  add_start (no_command);
  add_command (no_command, "\3\0\0", 3);
  check_broken (no_command);
  add_start (no_size);
  add_message (no_size, 2, 1, 0, "\0\0\0\0", 4, 128);
  check_broken (no_size);
  add_start (inside);
  add_chunk (inside, 0, 7, "\0\0\5\0\0\xc8\x9\1\0\0\0", 11, inside->data, 128);
  add_message (inside, 7, 9, 6, "next", 4, 128);
  check_broken (inside);
  add_start (many);
  for (guint id = 2; id < 63; id++)
    add_chunk (many, 0, id, "\0\0\5\0\1\xc8\x9\1\0\0\0", 11, inside->data, 128);
  for (guint8 id = 0; id < 10; id++) {
    add_chunk (many, 0, 0, &id, 1, "\0\0\5\0\1\xc8\x9\1\0\0\0", 11);
    g_byte_array_append (many, inside->data, 128);
  }
  check_broken (many);
}

static void
test_bounds (void)
{
  g_autoptr (GByteArray) pings = bytes_new ();
  g_autoptr (GByteArray) endless = bytes_new ();

  add_start (pings);
  for (guint i = 0; i < 5000; i++)
    add_message (pings, 2, 4, 0, "\0\6\1\2\3\4", 6, 128);
  check_broken (pings);
  add_start (endless); /* three messages of 16 MB */
  for (guint id = 5; id < 8; id++)
    add_chunk (endless, 0, id, "\0\0\5\xff\xff\xff\x9\1\0\0\0", 11, endless->data, 128);
  check_broken (endless);
}

/* Whatever follows the handshake: an end, a wish for more, or an error. */
static void
test_noise (void)
{
  for (guint round = 0; round < 200; round++) {
    g_autoptr (KliveRtmp) rtmp = player_new ();
    g_autoptr (GByteArray) bytes = bytes_new ();
    g_autoptr (GError) error = NULL;
    g_autofree char *tags = NULL;

    add_start (bytes);
    for (guint i = 0; i < 2000; i++) {
      guint8 byte = (guint8) g_test_rand_int ();

      g_byte_array_append (bytes, &byte, 1);
    }
    tags = play (rtmp, bytes, 100, &error);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  gst_init (NULL, NULL);
  g_test_add_func ("/rtmp/talk", test_talk);
  g_test_add_func ("/rtmp/tags-in-any-pieces", test_tags_in_any_pieces);
  g_test_add_func ("/rtmp/short-headers", test_short_headers);
  g_test_add_func ("/rtmp/mixed-chunks", test_mixed_chunks);
  g_test_add_func ("/rtmp/timestamp-not-repeated", test_timestamp_not_repeated);
  g_test_add_func ("/rtmp/chunk-size-and-long-ids", test_chunk_size_and_long_ids);
  g_test_add_func ("/rtmp/control", test_control);
  g_test_add_func ("/rtmp/end-of-stream", test_end_of_stream);
  g_test_add_func ("/rtmp/refusals", test_refusals);
  g_test_add_func ("/rtmp/broken", test_broken);
  g_test_add_func ("/rtmp/bounds", test_bounds);
  g_test_add_func ("/rtmp/noise", test_noise);
  return g_test_run ();
}
