/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Fuzzes what an RTMP server sends behind its handshake, in pieces of whatever size: tags, a wish for more, an end or
 * an error, and no more memory than the bytes and two messages ask for.
 */

#include "klive-rtmp.h"

#include <stdint.h>
#include <string.h>

#define HANDSHAKE 1536

int LLVMFuzzerInitialize (int *argc, char ***argv);
int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  gst_init (argc, argv);
  return 0;
}

/* FALSE: broken, or refused. @received: bytes of tags so far. */
static gboolean
feed (KliveRtmp *rtmp, const uint8_t *data, size_t size, gsize *received)
{
  g_autoptr (GError) error = NULL;
  KliveFlvTag tag = { 0 };

  memcpy (klive_rtmp_get_room (rtmp, size), data, size);
  klive_rtmp_received (rtmp, size);
  while (klive_rtmp_next (rtmp, &tag, &error)) {
    g_assert_true (tag.type == KLIVE_FLV_AUDIO || tag.type == KLIVE_FLV_VIDEO || tag.type == KLIVE_FLV_SCRIPT);
    *received += gst_buffer_get_size (tag.payload);
    klive_flv_tag_clear (&tag);
  }
  if (error != NULL)
    g_assert_true (error->domain == klive_rtmp_error_quark ());
  return error == NULL;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static const guint8 handshake[1 + 2 * HANDSHAKE] = { 3 };
  g_autoptr (KliveRtmp) rtmp = klive_rtmp_new ("rtmp://127.0.0.1:1935/kLive", "kLive", "0_rkij47dr_1");
  gsize piece = size > 0 ? 1 + data[0] * 8 : 1, received = 0;

  g_assert_true (feed (rtmp, handshake, sizeof handshake, &received));
  for (gsize at = 1; at < size; at += piece)
    if (!feed (rtmp, data + at, MIN (piece, size - at), &received))
      break;
  g_assert_cmpuint (received, <=, size);
  g_assert_cmpuint (klive_rtmp_get_output (rtmp)->len, <=, 128 * 1024);
  return 0;
}
