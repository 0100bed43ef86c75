/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Bodies of requests that carry a file, in the form in which Kaltura's own clients send them (RFC 7578): scalars first,
 * then the file. Called by kaltura-client.
 */

#include "kaltura-multipart.h"

#include <string.h>

static void
add_field (GString *text, const char *boundary, const char *name, const char *value)
{
  g_string_append_printf (text, "--%s\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n%s\r\n", boundary, name,
      value);
}

/* Names that other people chose must not end the header that they stand in. */
static char *
clean_name (const char *name)
{
  char *clean = g_strdup (name);
  for (char *at = clean; *at != '\0'; at++)
    if (g_ascii_iscntrl (*at) || *at == '"' || *at == '\\')
      *at = '_';
  return clean;
}

static GBytes *
make_head (const char *const *fields, const KalturaPart *part, const char *boundary)
{
  g_autofree char *file_name = clean_name (part->file_name);
  GString *text = g_string_new (NULL);
  for (guint i = 0; fields[i] != NULL; i += 2)
    add_field (text, boundary, fields[i], fields[i + 1]);
  g_string_append_printf (text,
      "--%s\r\nContent-Disposition: form-data; name=\"%s\"; filename=\"%s\"\r\n"
      "Content-Type: application/octet-stream\r\n\r\n",
      boundary, part->name, file_name);
  return g_string_free_to_bytes (text);
}

GInputStream *
kaltura_multipart_new (const char *const *fields, const KalturaPart *part, char **content_type, goffset *length)
{
  g_autofree char *unique = g_uuid_string_random ();
  g_autofree char *boundary = g_strconcat ("klive-", unique, NULL);
  g_autofree char *tail_text = g_strdup_printf ("\r\n--%s--\r\n", boundary);
  g_autoptr (GBytes) head = make_head (fields, part, boundary);
  g_autoptr (GBytes) tail = g_bytes_new (tail_text, strlen (tail_text));

  GInputStream *stream = g_memory_input_stream_new ();
  g_memory_input_stream_add_bytes (G_MEMORY_INPUT_STREAM (stream), head);
  g_memory_input_stream_add_bytes (G_MEMORY_INPUT_STREAM (stream), part->data);
  g_memory_input_stream_add_bytes (G_MEMORY_INPUT_STREAM (stream), tail);
  *content_type = g_strdup_printf ("multipart/form-data; boundary=%s", boundary);
  *length = (goffset) (g_bytes_get_size (head) + g_bytes_get_size (part->data) + g_bytes_get_size (tail));
  return stream;
}
