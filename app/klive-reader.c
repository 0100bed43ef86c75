/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The reader of a session: a socket, and klive-rtmp, which makes tags of its bytes. Everything runs on the main thread.
 *
 * Once media flow, the socket is not read whenever something has come, but every 40 ms: waking up is what passing
 * a stream through costs, and a segment may be listed that much later. The kernel and nginx hold what comes meanwhile.
 */
#include "klive-reader.h"

#include <errno.h>
#include <gio/gio.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "klive-rtmp.h"

#define READ_SIZE (64 * 1024)
#define READS_AT_ONCE 16 /* then others have their turn */
#define READ_PAUSE (40 * G_TIME_SPAN_MILLISECOND)
#define BACKOFF_FIRST 200 /* ms */
#define BACKOFF_MOST 2000

typedef struct {
  GSource source;
  KliveReader *reader;
  gpointer tag; /* of the socket */
} SocketSource;

struct _KliveReader {
  KliveReaderCallbacks callbacks;
  gpointer user_data;
  char *host, *app, *stream;
  guint port;

  GSocket *socket; /* nullable: between two pulls; all of the pull */
  SocketSource *source;
  KliveRtmp *rtmp;
  gboolean connected, told_ready, flowing;

  gboolean stop;
  guint backoff; /* ms */
  guint start_source;
  guint depth;    /* callbacks under way */
  gboolean freed; /* in one of them */
};

static void start_pull (KliveReader *reader);

static void
drop_pull (KliveReader *reader)
{
  if (reader->source != NULL) {
    g_source_destroy (&reader->source->source);
    g_source_unref (&reader->source->source);
    reader->source = NULL;
  }
  g_clear_object (&reader->socket);
  g_clear_pointer (&reader->rtmp, klive_rtmp_free);
}

static void
free_now (KliveReader *reader)
{
  drop_pull (reader);
  g_clear_handle_id (&reader->start_source, g_source_remove);
  g_free (reader->host);
  g_free (reader->app);
  g_free (reader->stream);
  g_free (reader);
}

/* Callbacks may free the reader: FALSE when one did. */
static gboolean
leave_callback (KliveReader *reader)
{
  reader->depth--;
  if (!reader->freed)
    return TRUE;
  if (reader->depth == 0)
    free_now (reader);
  return FALSE;
}

/* The first pull, too, begins in the main loop: nothing is called before klive_reader_new() has returned. */
static gboolean
on_start (gpointer user_data)
{
  KliveReader *reader = user_data;

  reader->start_source = 0;
  start_pull (reader);
  return G_SOURCE_REMOVE;
}

static void
end_pull (KliveReader *reader, const GError *error)
{
  drop_pull (reader);
  reader->depth++;
  reader->callbacks.ended (reader, error, reader->user_data);
  if (!leave_callback (reader) || reader->stop)
    return;
  reader->start_source = g_timeout_add (reader->backoff, on_start, reader);
  reader->backoff = MIN (reader->backoff * 2, BACKOFF_MOST);
}

static void
give_tag (KliveReader *reader, KliveFlvTag *tag, gint64 arrival)
{
  reader->backoff = BACKOFF_FIRST;
  reader->flowing = TRUE;
  reader->callbacks.tag (reader, tag, arrival, reader->user_data);
  klive_flv_tag_clear (tag);
}

static void
give_ready (KliveReader *reader)
{
  if (klive_rtmp_is_playing (reader->rtmp) && !reader->told_ready) {
    reader->told_ready = TRUE;
    reader->callbacks.ready (reader, reader->user_data);
  }
}

/* All that is complete. FALSE: the reader is gone, or the pull has ended. */
static gboolean
give_all (KliveReader *reader)
{
  gint64 arrival = g_get_real_time () * 1000;
  g_autoptr (GError) error = NULL;
  KliveFlvTag tag;

  reader->depth++;
  while (!reader->freed && klive_rtmp_next (reader->rtmp, &tag, &error)) {
    give_ready (reader);
    if (reader->freed)
      klive_flv_tag_clear (&tag);
    else
      give_tag (reader, &tag, arrival);
  }
  if (!reader->freed)
    give_ready (reader);
  if (!leave_callback (reader))
    return FALSE;
  if (error == NULL && !klive_rtmp_is_over (reader->rtmp))
    return TRUE;
  end_pull (reader, error);
  return FALSE;
}

/* --- the socket --- */

static gboolean
is_passing (int error)
{
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

static gboolean
fail (KliveReader *reader, const char *what, int number)
{
  g_autoptr (GError) error = g_error_new (G_IO_ERROR, (gint) g_io_error_from_errno (number), "%s nginx at %s:%u: %s",
      what, reader->host, reader->port, g_strerror (number));

  end_pull (reader, error);
  return FALSE;
}

static gboolean
finish_connecting (KliveReader *reader)
{
  g_autoptr (GError) error = NULL;

  if (reader->connected)
    return TRUE;
  if (g_socket_condition_check (reader->socket, G_IO_OUT | G_IO_ERR | G_IO_HUP) == 0)
    return TRUE;
  if (!g_socket_check_connect_result (reader->socket, &error)) {
    end_pull (reader, error);
    return FALSE;
  }
  reader->connected = TRUE;
  return TRUE;
}

static gboolean
send_output (KliveReader *reader)
{
  GByteArray *output = klive_rtmp_get_output (reader->rtmp);
  gssize sent;

  if (!reader->connected || output->len == 0)
    return TRUE;
  sent = send (g_socket_get_fd (reader->socket), output->data, output->len, MSG_NOSIGNAL);
  if (sent < 0 && !is_passing (errno))
    return fail (reader, "cannot write to", errno);
  if (sent > 0)
    g_byte_array_remove_range (output, 0, (guint) sent);
  return TRUE;
}

typedef enum { READ_NOTHING, READ_ALL, READ_SOME } Progress;

/* @progress: whether there was something, and is more. FALSE: the reader is gone, or the pull has ended. */
static gboolean
receive (KliveReader *reader, Progress *progress)
{
  for (guint reads = 0; reads < READS_AT_ONCE; reads++) {
    guint8 *room = klive_rtmp_get_room (reader->rtmp, READ_SIZE);
    gssize received = recv (g_socket_get_fd (reader->socket), room, READ_SIZE, 0);

    if (received < 0)
      return is_passing (errno) || fail (reader, "cannot read from", errno);
    if (received == 0) {
      end_pull (reader, NULL);
      return FALSE;
    }
    *progress = received < READ_SIZE ? READ_ALL : READ_SOME;
    klive_rtmp_received (reader->rtmp, (gsize) received);
    if (!give_all (reader))
      return FALSE;
    if (*progress == READ_ALL)
      return TRUE;
  }
  return TRUE;
}

/* While media flow, for the time to read again; otherwise for the socket. */
static void
wait_for_more (KliveReader *reader, Progress progress)
{
  gboolean pause = reader->flowing && progress == READ_ALL;
  GIOCondition condition = 0;

  if (!reader->connected || klive_rtmp_get_output (reader->rtmp)->len > 0)
    condition |= G_IO_OUT;
  if (reader->connected && !pause)
    condition |= G_IO_IN;
  g_source_modify_unix_fd (&reader->source->source, reader->source->tag, condition);
  g_source_set_ready_time (&reader->source->source, pause ? g_get_monotonic_time () + READ_PAUSE : -1);
}

static gboolean
dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  KliveReader *reader = ((SocketSource *) source)->reader;
  Progress progress = READ_NOTHING;

  if (!finish_connecting (reader) || !send_output (reader))
    return G_SOURCE_REMOVE;
  if (reader->connected && (!receive (reader, &progress) || !send_output (reader)))
    return G_SOURCE_REMOVE;
  wait_for_more (reader, progress);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs source_funcs = { NULL, NULL, dispatch, NULL, NULL, NULL };

static GSocket *
open_socket (const KliveReader *reader, GError **error)
{
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new_from_string (reader->host, reader->port);
  g_autoptr (GSocket) socket = NULL;
  g_autoptr (GError) connect_error = NULL;

  if (address == NULL) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "\"%s\" is no address", reader->host);
    return NULL;
  }
  socket = g_socket_new (g_socket_address_get_family (address), G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, error);
  if (socket == NULL)
    return NULL;
  g_socket_set_blocking (socket, FALSE);
  g_socket_set_option (socket, IPPROTO_TCP, TCP_NODELAY, 1, NULL);
  if (!g_socket_connect (socket, address, NULL, &connect_error) &&
      !g_error_matches (connect_error, G_IO_ERROR, G_IO_ERROR_PENDING)) {
    g_propagate_error (error, g_steal_pointer (&connect_error));
    return NULL;
  }
  return g_steal_pointer (&socket);
}

static void
start_pull (KliveReader *reader)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *app = NULL, *url = NULL;

  reader->socket = open_socket (reader, &error);
  if (reader->socket == NULL) {
    end_pull (reader, error);
    return;
  }
  /* nginx cuts one slash at the end of an application without a query */
  app = g_strconcat (reader->app, g_str_has_suffix (reader->app, "/") ? "?pull" : "", NULL);
  url = g_strdup_printf ("rtmp://%s:%u/%s", reader->host, reader->port, app);
  reader->rtmp = klive_rtmp_new (url, app, reader->stream);
  reader->connected = reader->told_ready = reader->flowing = FALSE;
  reader->source = (SocketSource *) g_source_new (&source_funcs, sizeof (SocketSource));
  reader->source->reader = reader;
  reader->source->tag = g_source_add_unix_fd (&reader->source->source, g_socket_get_fd (reader->socket), G_IO_OUT);
  g_source_attach (&reader->source->source, g_main_context_get_thread_default ());
}

KliveReader *
klive_reader_new (const KliveReaderOptions *options, const KliveReaderCallbacks *callbacks, gpointer user_data)
{
  KliveReader *reader = g_new0 (KliveReader, 1);

  reader->callbacks = *callbacks;
  reader->user_data = user_data;
  reader->host = g_strdup (options->host);
  reader->port = options->port;
  reader->app = g_strdup (options->app);
  reader->stream = g_strdup (options->stream);
  reader->backoff = BACKOFF_FIRST;
  reader->start_source = g_idle_add_full (G_PRIORITY_DEFAULT, on_start, reader, NULL);
  return reader;
}

void
klive_reader_free (KliveReader *reader)
{
  if (reader == NULL)
    return;
  if (reader->depth > 0)
    reader->freed = TRUE;
  else
    free_now (reader);
}

gboolean
klive_reader_stop_pulling (KliveReader *reader)
{
  reader->stop = TRUE;
  g_clear_handle_id (&reader->start_source, g_source_remove);
  return reader->socket != NULL;
}
