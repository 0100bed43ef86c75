/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Fuzzes broadcast URLs and stream names: what is accepted is well-formed, what is refused is told in plain text. */

#include "kaltura-stream.h"

#include <stdint.h>
#include <string.h>
#include "kaltura-error.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
check_error (const GError *error)
{
  g_assert_error (error, KALTURA_ERROR, KALTURA_ERROR_INPUT);
  g_assert_cmpuint (strlen (error->message), <, 500);
  for (const char *at = error->message; *at != '\0'; at++)
    g_assert_true (g_ascii_isprint (*at));
}

static void
check_broadcast (const char *text)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (KalturaBroadcast) broadcast = kaltura_broadcast_parse (text, &error);
  if (broadcast == NULL) {
    check_error (error);
    return;
  }
  g_assert_no_error (error);
  g_assert_cmpint (broadcast->partner_id, >, 0);
  g_assert_true (kaltura_entry_id_is_valid (broadcast->entry_id));
  g_assert_true (broadcast->server_index == 0 || broadcast->server_index == 1);
  g_assert_cmpuint (strlen (broadcast->token), >=, 1);
  g_assert_cmpuint (strlen (broadcast->token), <=, 128);
  g_assert_true (g_utf8_validate (broadcast->token, -1, NULL));

  /* What was understood is understood again. */
  g_autofree char *token = g_uri_escape_string (broadcast->token, NULL, FALSE);
  g_autofree char *query = g_strdup_printf ("p=%d&e=%s&i=%d&t=%s", broadcast->partner_id, broadcast->entry_id,
      broadcast->server_index, token);
  g_autoptr (KalturaBroadcast) again = kaltura_broadcast_parse (query, NULL);
  g_assert_cmpstr (again->token, ==, broadcast->token);
}

static void
check_stream_name (const char *text)
{
  g_autoptr (GError) error = NULL;
  KalturaStreamName name = { 0 };
  if (!kaltura_stream_name_parse (text, &name, &error)) {
    check_error (error);
    return;
  }
  g_autofree char *again = g_strdup_printf ("%s_%u", name.entry_id, name.suffix);
  g_assert_cmpstr (again, ==, text);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *text = g_strndup ((const char *) data, size);
  check_broadcast (text);
  check_stream_name (text);
  return 0;
}
