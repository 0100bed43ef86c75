/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The worker's end of the socket. Owned by klive-worker.c, on its main thread.
 */
#include "klive-link.h"

#include <gio/gunixinputstream.h>
#include <gio/gunixoutputstream.h>
#include <gio/gunixsocketaddress.h>
#include <unistd.h>

#define BACKOFF_FIRST 200 /* ms */
#define BACKOFF_MOST 2000

struct _KliveLink {
  char *socket; /* NULL: stdin and stdout */
  KliveLinkCallbacks callbacks;
  gpointer user_data;
  GSocketClient *client;
  GCancellable *cancellable;
  KliveWire *wire; /* NULL: down */
  guint retry_source;
  guint backoff; /* ms */
};

static gboolean connect_now (gpointer user_data);

static void
retry_later (KliveLink *link)
{
  link->retry_source = g_timeout_add (link->backoff, connect_now, link);
  link->backoff = MIN (link->backoff * 2, BACKOFF_MOST);
}

static void
on_message (KliveWire *wire, JsonObject *message, gpointer user_data)
{
  KliveLink *link = user_data;

  link->backoff = BACKOFF_FIRST;
  link->callbacks.message (link, message, link->user_data);
}

static void
on_closed (KliveWire *wire, const GError *error, gpointer user_data)
{
  KliveLink *link = user_data;

  g_clear_pointer (&link->wire, klive_wire_free);
  if (link->socket != NULL)
    retry_later (link);
  link->callbacks.down (link, link->user_data);
}

static void
take_stream (KliveLink *link, GIOStream *stream)
{
  link->wire = klive_wire_new (stream, on_message, on_closed, link);
  link->callbacks.up (link, link->user_data);
}

static void
on_connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocketConnection) connection = g_socket_client_connect_finish (G_SOCKET_CLIENT (source), result, &error);
  KliveLink *link = user_data;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return; /* the link is gone */
  if (connection != NULL)
    take_stream (link, G_IO_STREAM (connection));
  else
    retry_later (link);
}

static gboolean
connect_now (gpointer user_data)
{
  KliveLink *link = user_data;
  g_autoptr (GSocketAddress) address = NULL;

  link->retry_source = 0;
  if (link->socket == NULL) {
    g_autoptr (GInputStream) in = g_unix_input_stream_new (STDIN_FILENO, FALSE);
    g_autoptr (GOutputStream) out = g_unix_output_stream_new (STDOUT_FILENO, FALSE);
    g_autoptr (GIOStream) stream = g_simple_io_stream_new (in, out);

    take_stream (link, stream);
    return G_SOURCE_REMOVE;
  }
  address = g_unix_socket_address_new (link->socket);
  g_socket_client_connect_async (link->client, G_SOCKET_CONNECTABLE (address), link->cancellable, on_connected, link);
  return G_SOURCE_REMOVE;
}

KliveLink *
klive_link_new (const char *socket, const KliveLinkCallbacks *callbacks, gpointer user_data)
{
  KliveLink *link = g_new0 (KliveLink, 1);

  link->socket = g_str_equal (socket, "-") ? NULL : g_strdup (socket);
  link->callbacks = *callbacks;
  link->user_data = user_data;
  link->client = g_socket_client_new ();
  link->cancellable = g_cancellable_new ();
  link->backoff = BACKOFF_FIRST;
  link->retry_source = g_idle_add (connect_now, link);
  return link;
}

void
klive_link_free (KliveLink *link)
{
  g_cancellable_cancel (link->cancellable);
  g_clear_handle_id (&link->retry_source, g_source_remove);
  g_clear_pointer (&link->wire, klive_wire_free);
  g_object_unref (link->client);
  g_object_unref (link->cancellable);
  g_free (link->socket);
  g_free (link);
}

gboolean
klive_link_is_up (const KliveLink *link)
{
  return link->wire != NULL;
}

void
klive_link_send (KliveLink *link, JsonObject *message)
{
  if (link->wire != NULL)
    klive_wire_send (link->wire, message);
  else
    json_object_unref (message);
}

void
klive_link_flush (KliveLink *link, guint timeout_ms)
{
  if (link->wire != NULL)
    klive_wire_flush (link->wire, timeout_ms);
}
