/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * JSON lines over a stream, for both ends of the socket between launcher and worker. Runs on the main context of its
 * maker. Reading is asynchronous into one growing, bounded buffer; writing goes straight to the stream while that takes
 * it and into a bounded queue otherwise, so that a message sent right before an exit is on its way.
 */

#include "klive-wire.h"
#include "klive-log.h"

#include <stdarg.h>
#include <string.h>

#define READ_SIZE (64 * 1024)

struct _KliveWire {
  gint refs; /* one of the owner, one of each pending read or write */
  GIOStream *stream;
  KliveWireMessageFunc on_message;
  KliveWireClosedFunc on_closed;
  gpointer user_data;
  GCancellable *cancellable;
  guint8 *read_buffer;   /* READ_SIZE bytes */
  GByteArray *line;      /* what was read of lines not complete yet */
  GByteArray *pending;   /* what waits to be sent */
  GBytes *writing;       /* handed to the stream, nullable */
  GSource *close_source; /* nullable: reports a failure of sending from the main loop */
  GError *close_error;
  gboolean closed;
};

static void read_more (KliveWire *wire);
static void write_more (KliveWire *wire);

static KliveWire *
ref (KliveWire *wire)
{
  wire->refs++;
  return wire;
}

static void
unref (KliveWire *wire)
{
  if (--wire->refs > 0)
    return;
  g_object_unref (wire->stream);
  g_object_unref (wire->cancellable);
  g_free (wire->read_buffer);
  g_byte_array_unref (wire->line);
  g_byte_array_unref (wire->pending);
  g_clear_pointer (&wire->writing, g_bytes_unref);
  g_clear_error (&wire->close_error);
  g_free (wire);
}

static void
shut (KliveWire *wire)
{
  wire->closed = TRUE;
  if (wire->close_source != NULL) {
    g_source_destroy (wire->close_source);
    g_clear_pointer (&wire->close_source, g_source_unref);
  }
  g_cancellable_cancel (wire->cancellable);
}

static void
report_closed (KliveWire *wire, const GError *error)
{
  if (wire->closed)
    return;
  shut (wire);
  wire->on_closed (wire, error, wire->user_data);
}

static gboolean
report_closed_cb (gpointer user_data)
{
  KliveWire *wire = user_data;
  g_autoptr (GError) error = g_steal_pointer (&wire->close_error);

  ref (wire);
  report_closed (wire, error);
  unref (wire);
  return G_SOURCE_REMOVE;
}

/* For failures seen inside klive_wire_send(), whose caller must not find itself in on_closed. Takes @error. */
static void
report_closed_later (KliveWire *wire, GError *error)
{
  if (wire->closed || wire->close_source != NULL) {
    g_error_free (error);
    return;
  }
  wire->close_error = error;
  wire->close_source = g_idle_source_new ();
  g_source_set_priority (wire->close_source, G_PRIORITY_DEFAULT);
  g_source_set_callback (wire->close_source, report_closed_cb, wire, NULL);
  g_source_attach (wire->close_source, g_main_context_get_thread_default ());
}

static void
handle_line (KliveWire *wire, const char *text, gsize length)
{
  g_autoptr (JsonParser) parser = json_parser_new_immutable ();
  g_autoptr (GError) error = NULL;
  JsonNode *root = NULL;

  if (length > 0 && text[length - 1] == '\r')
    length--;
  if (length == 0)
    return;
  if (json_parser_load_from_data (parser, text, (gssize) length, &error))
    root = json_parser_get_root (parser);
  if (root == NULL || !JSON_NODE_HOLDS_OBJECT (root) || klive_message_get_type (json_node_get_object (root)) == NULL) {
    klive_log (KLIVE_LOG_WARNING, "wire-bad-line", NULL, NULL, "message",
        error != NULL ? error->message : "no JSON object with a \"type\"", NULL);
    return;
  }
  wire->on_message (wire, json_node_get_object (root), wire->user_data);
}

/* Every complete line of wire->line; the rest moves to its front. FALSE when the rest is too long. */
static gboolean
handle_lines (KliveWire *wire)
{
  g_autoptr (GByteArray) data = g_steal_pointer (&wire->line);
  gsize done = 0;

  wire->line = g_byte_array_new ();
  while (!wire->closed) {
    const guint8 *start = data->data + done;
    const guint8 *end = memchr (start, '\n', data->len - done);

    if (end == NULL)
      break;
    handle_line (wire, (const char *) start, (gsize) (end - start));
    done += (gsize) (end - start) + 1;
  }
  if (wire->closed)
    return TRUE;
  g_byte_array_append (wire->line, data->data + done, data->len - (guint) done);
  return wire->line->len <= KLIVE_WIRE_MAX_LINE;
}

static void
on_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  KliveWire *wire = user_data;
  g_autoptr (GError) error = NULL;
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (source), result, &error);

  if (wire->closed) {
    unref (wire);
    return;
  }
  if (n <= 0) {
    report_closed (wire, error);
  } else {
    g_byte_array_append (wire->line, wire->read_buffer, (guint) n);
    if (handle_lines (wire)) {
      read_more (wire);
    } else {
      error = g_error_new (G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "a line is longer than %d bytes", KLIVE_WIRE_MAX_LINE);
      report_closed (wire, error);
    }
  }
  unref (wire);
}

static void
read_more (KliveWire *wire)
{
  if (wire->closed)
    return;
  g_input_stream_read_async (g_io_stream_get_input_stream (wire->stream), wire->read_buffer, READ_SIZE,
      G_PRIORITY_DEFAULT, wire->cancellable, on_read, ref (wire));
}

static void
on_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  KliveWire *wire = user_data;
  g_autoptr (GError) error = NULL;
  gboolean ok = g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, &error);

  g_clear_pointer (&wire->writing, g_bytes_unref);
  if (!wire->closed) {
    if (ok)
      write_more (wire);
    else
      report_closed (wire, error);
  }
  unref (wire);
}

static void
write_more (KliveWire *wire)
{
  gsize size;
  gconstpointer data;

  if (wire->closed || wire->writing != NULL || wire->pending->len == 0)
    return;
  wire->writing = g_byte_array_free_to_bytes (g_steal_pointer (&wire->pending));
  wire->pending = g_byte_array_new ();
  data = g_bytes_get_data (wire->writing, &size);
  g_output_stream_write_all_async (g_io_stream_get_output_stream (wire->stream), data, size, G_PRIORITY_DEFAULT,
      wire->cancellable, on_written, ref (wire));
}

/* Number of bytes that the stream took at once; 0 when it must be asked again later. FALSE on failure. */
static gboolean
write_now (KliveWire *wire, const char *data, gsize size, gsize *taken, GError **error)
{
  GOutputStream *out = g_io_stream_get_output_stream (wire->stream);
  g_autoptr (GError) local = NULL;
  gssize n;

  *taken = 0;
  if (!G_IS_POLLABLE_OUTPUT_STREAM (out) || !g_pollable_output_stream_can_poll (G_POLLABLE_OUTPUT_STREAM (out)))
    return TRUE;
  while (*taken < size) {
    n = g_pollable_output_stream_write_nonblocking (G_POLLABLE_OUTPUT_STREAM (out), data + *taken, size - *taken,
        wire->cancellable, &local);
    if (n < 0) {
      if (g_error_matches (local, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
        return TRUE;
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
    *taken += (gsize) n;
  }
  return TRUE;
}

KliveWire *
klive_wire_new (GIOStream *stream, KliveWireMessageFunc on_message, KliveWireClosedFunc on_closed, gpointer user_data)
{
  KliveWire *wire = g_new0 (KliveWire, 1);

  wire->refs = 1;
  wire->stream = g_object_ref (stream);
  wire->on_message = on_message;
  wire->on_closed = on_closed;
  wire->user_data = user_data;
  wire->cancellable = g_cancellable_new ();
  wire->read_buffer = g_malloc (READ_SIZE);
  wire->line = g_byte_array_new ();
  wire->pending = g_byte_array_new ();
  read_more (wire);
  return wire;
}

void
klive_wire_free (KliveWire *wire)
{
  if (wire == NULL)
    return;
  shut (wire);
  g_io_stream_close (wire->stream, NULL, NULL);
  unref (wire);
}

void
klive_wire_send (KliveWire *wire, JsonObject *message)
{
  g_autoptr (JsonNode) node = json_node_init_object (json_node_alloc (), message);
  g_autofree char *json = json_to_string (node, FALSE);
  g_autofree char *text = g_strconcat (json, "\n", NULL);
  gsize size = strlen (text), taken = 0;
  GError *error = NULL;

  json_object_unref (message);
  if (wire->closed || wire->close_source != NULL)
    return;
  if (wire->writing == NULL && wire->pending->len == 0 && !write_now (wire, text, size, &taken, &error)) {
    report_closed_later (wire, error);
    return;
  }
  if (taken == size)
    return;
  if (wire->pending->len + (size - taken) > KLIVE_WIRE_MAX_PENDING) {
    report_closed_later (wire,
        g_error_new (G_IO_ERROR, G_IO_ERROR_BUSY,
            "the peer does not read: more than %d bytes "
            "wait to be sent",
            KLIVE_WIRE_MAX_PENDING));
    return;
  }
  g_byte_array_append (wire->pending, (const guint8 *) text + taken, (guint) (size - taken));
  write_more (wire);
}

static gboolean
on_flush_timeout (gpointer user_data)
{
  *(gboolean *) user_data = TRUE;
  return G_SOURCE_REMOVE;
}

gboolean
klive_wire_flush (KliveWire *wire, guint timeout_ms)
{
  GMainContext *context = g_main_context_get_thread_default ();
  GSource *timeout = g_timeout_source_new (timeout_ms);
  gboolean timed_out = FALSE;
  gboolean done;

  g_source_set_callback (timeout, on_flush_timeout, &timed_out, NULL);
  g_source_attach (timeout, context);
  ref (wire);
  while (!wire->closed && !timed_out && (wire->writing != NULL || wire->pending->len > 0))
    g_main_context_iteration (context, TRUE);
  done = !wire->closed && !timed_out;
  unref (wire);
  g_source_destroy (timeout);
  g_source_unref (timeout);
  return done;
}

JsonObject *
klive_message_new (const char *type)
{
  JsonObject *message = json_object_new ();

  json_object_set_string_member (message, "type", type);
  return message;
}

JsonObject *
klive_message_new_strings (const char *type, const char *name, ...)
{
  JsonObject *message = klive_message_new (type);
  va_list args;

  va_start (args, name);
  for (; name != NULL; name = va_arg (args, const char *)) {
    const char *value = va_arg (args, const char *);
    if (value != NULL)
      json_object_set_string_member (message, name, value);
  }
  va_end (args);
  return message;
}

static JsonNode *
get_value (JsonObject *message, const char *name)
{
  JsonNode *node = json_object_get_member (message, name);

  return node != NULL && JSON_NODE_HOLDS_VALUE (node) ? node : NULL;
}

const char *
klive_message_get_type (JsonObject *message)
{
  return klive_message_get_string (message, "type", NULL);
}

const char *
klive_message_get_string (JsonObject *message, const char *name, const char *fallback)
{
  JsonNode *node = get_value (message, name);

  return node != NULL && json_node_get_value_type (node) == G_TYPE_STRING ? json_node_get_string (node) : fallback;
}

gint64
klive_message_get_int (JsonObject *message, const char *name, gint64 fallback)
{
  JsonNode *node = get_value (message, name);

  return node != NULL && json_node_get_value_type (node) == G_TYPE_INT64 ? json_node_get_int (node) : fallback;
}

double
klive_message_get_double (JsonObject *message, const char *name, double fallback)
{
  JsonNode *node = get_value (message, name);

  if (node == NULL)
    return fallback;
  if (json_node_get_value_type (node) == G_TYPE_INT64)
    return (double) json_node_get_int (node);
  return json_node_get_value_type (node) == G_TYPE_DOUBLE ? json_node_get_double (node) : fallback;
}

gboolean
klive_message_get_boolean (JsonObject *message, const char *name, gboolean fallback)
{
  JsonNode *node = get_value (message, name);

  return node != NULL && json_node_get_value_type (node) == G_TYPE_BOOLEAN ? json_node_get_boolean (node) : fallback;
}

JsonObject *
klive_message_get_object (JsonObject *message, const char *name)
{
  JsonNode *node = json_object_get_member (message, name);

  return node != NULL && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

JsonArray *
klive_message_get_array (JsonObject *message, const char *name)
{
  JsonNode *node = json_object_get_member (message, name);

  return node != NULL && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
}
