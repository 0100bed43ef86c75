/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The scripted Kaltura API of the unit tests. The server runs in a thread with a main context of its own; the script
 * and the list of requests are shared with the test's thread under a lock.
 */

#include "fake-api.h"

#include <libsoup/soup.h>
#include <string.h>

typedef struct {
  char *action;
  guint status; /* 0 = never answer */
  char *content_type;
  char *headers;
  GBytes *body;
} Answer;

struct _FakeApi {
  GThread *thread;
  GMainContext *context;
  GMainLoop *loop;
  SoupServer *server;
  char *url;
  GMutex lock;
  GQueue answers;      /* of Answer, lock */
  GPtrArray *requests; /* of FakeRequest, lock */
  char *complaint;     /* first thing that was wrong, lock */
};

static void
free_answer (gpointer data)
{
  Answer *answer = data;
  g_free (answer->action);
  g_free (answer->content_type);
  g_free (answer->headers);
  g_clear_pointer (&answer->body, g_bytes_unref);
  g_free (answer);
}

static void
free_request (gpointer data)
{
  FakeRequest *request = data;
  g_free (request->path);
  g_clear_pointer (&request->query, g_hash_table_unref);
  g_clear_pointer (&request->form, g_hash_table_unref);
  g_free (request->agent);
  g_free (request);
}

/* Scalars and files alike: name to text. */
static GHashTable *
decode_multipart (SoupMessageHeaders *headers, GBytes *body)
{
  GHashTable *form = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  SoupMultipart *multipart = soup_multipart_new_from_message (headers, body);
  for (gint i = 0; multipart != NULL && i < soup_multipart_get_length (multipart); i++) {
    SoupMessageHeaders *part_headers;
    GBytes *part;
    g_autofree char *disposition = NULL;
    g_autoptr (GHashTable) params = NULL;
    if (soup_multipart_get_part (multipart, i, &part_headers, &part) &&
        soup_message_headers_get_content_disposition (part_headers, &disposition, &params))
      g_hash_table_insert (form, g_strdup (g_hash_table_lookup (params, "name")),
          g_strndup (g_bytes_get_data (part, NULL), g_bytes_get_size (part)));
  }
  g_clear_pointer (&multipart, soup_multipart_free);
  return form;
}

static FakeRequest *
make_request (SoupServerMessage *message, const char *path, GHashTable *query)
{
  FakeRequest *request = g_new0 (FakeRequest, 1);
  SoupMessageBody *body = soup_server_message_get_request_body (message);
  g_autoptr (GBytes) bytes = soup_message_body_flatten (body);
  g_autofree char *text = g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  GSocketAddress *address = soup_server_message_get_remote_address (message);
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (message);
  request->path = g_strdup (path);
  request->query = query != NULL ? g_hash_table_ref (query) : g_hash_table_new (g_str_hash, g_str_equal);
  const char *type = soup_message_headers_get_content_type (headers, NULL);
  request->form =
      g_strcmp0 (type, "multipart/form-data") == 0 ? decode_multipart (headers, bytes) : soup_form_decode (text);
  request->agent = g_strdup (soup_message_headers_get_one (headers, "User-Agent"));
  request->port = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (address));
  return request;
}

static void
complain (FakeApi *api, const char *format, const char *detail)
{
  if (api->complaint == NULL)
    api->complaint = g_strdup_printf ("%s%s", format, detail);
}

static void
send_answer (SoupServerMessage *message, const Answer *answer)
{
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (message);
  g_auto (GStrv) lines = g_strsplit (answer->headers != NULL ? answer->headers : "", "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++) {
    char *colon = strchr (lines[i], ':');
    if (colon == NULL)
      continue;
    *colon = '\0';
    soup_message_headers_append (headers, lines[i], g_strstrip (colon + 1));
  }
  if (answer->content_type != NULL)
    soup_message_headers_set_content_type (headers, answer->content_type, NULL);
  soup_server_message_set_status (message, answer->status, NULL);
  if (g_bytes_get_size (answer->body) > 0)
    soup_message_body_append_bytes (soup_server_message_get_response_body (message), answer->body);
}

/* SoupServerCallback */
static void
on_request (SoupServer *server, SoupServerMessage *message, const char *path, GHashTable *query, gpointer user_data)
{
  FakeApi *api = user_data;
  FakeRequest *request = make_request (message, path, query);
  const char *action = g_hash_table_lookup (request->query, "action");
  g_mutex_lock (&api->lock);
  g_ptr_array_add (api->requests, request);
  Answer *answer = g_queue_pop_head (&api->answers);
  if (answer == NULL)
    complain (api, "unexpected request: ", action);
  else if (g_strcmp0 (answer->action, action) != 0)
    complain (api, "another action: ", action);
  g_mutex_unlock (&api->lock);

  if (answer == NULL)
    soup_server_message_set_status (message, 500, NULL);
  else if (answer->status == 0)
    soup_server_message_pause (message);
  else
    send_answer (message, answer);
  g_clear_pointer (&answer, free_answer);
}

static gpointer
run (gpointer data)
{
  FakeApi *api = data;
  g_main_context_push_thread_default (api->context);
  api->server = soup_server_new (NULL, NULL);
  soup_server_add_handler (api->server, NULL, on_request, api, NULL);
  g_autoptr (GError) error = NULL;
  soup_server_listen_local (api->server, 0, SOUP_SERVER_LISTEN_IPV4_ONLY, &error);
  g_assert_no_error (error);
  GSList *uris = soup_server_get_uris (api->server);
  g_autofree char *url = g_uri_to_string (uris->data);
  g_slist_free_full (uris, (GDestroyNotify) g_uri_unref);
  url[strlen (url) - 1] = '\0';
  g_mutex_lock (&api->lock);
  api->url = g_steal_pointer (&url);
  g_mutex_unlock (&api->lock);
  g_main_loop_run (api->loop);
  soup_server_disconnect (api->server);
  g_clear_object (&api->server);
  while (g_main_context_iteration (api->context, FALSE))
    ;
  g_main_context_pop_thread_default (api->context);
  return NULL;
}

FakeApi *
fake_api_new (void)
{
  FakeApi *api = g_new0 (FakeApi, 1);
  g_mutex_init (&api->lock);
  g_queue_init (&api->answers);
  api->requests = g_ptr_array_new_with_free_func (free_request);
  api->context = g_main_context_new ();
  api->loop = g_main_loop_new (api->context, FALSE);
  api->thread = g_thread_new ("fake-api", run, api);
  for (;;) {
    g_mutex_lock (&api->lock);
    gboolean ready = api->url != NULL;
    g_mutex_unlock (&api->lock);
    if (ready && g_main_loop_is_running (api->loop))
      return api;
    g_thread_yield ();
  }
}

void
fake_api_free (FakeApi *api)
{
  g_main_loop_quit (api->loop);
  g_thread_join (api->thread);
  g_main_loop_unref (api->loop);
  g_main_context_unref (api->context);
  if (api->complaint != NULL)
    g_error ("fake API: %s", api->complaint);
  if (!g_queue_is_empty (&api->answers))
    g_error ("fake API: %u answers left", g_queue_get_length (&api->answers));
  g_ptr_array_unref (api->requests);
  g_free (api->url);
  g_mutex_clear (&api->lock);
  g_free (api);
}

const char *
fake_api_get_url (FakeApi *api)
{
  return api->url;
}

void
fake_api_answer (FakeApi *api, const char *action, guint status, const char *content_type, const char *headers,
    const char *body, gssize length)
{
  Answer *answer = g_new0 (Answer, 1);
  answer->action = g_strdup (action);
  answer->status = status;
  answer->content_type = g_strdup (content_type);
  answer->headers = g_strdup (headers);
  answer->body = g_bytes_new (body, length < 0 ? strlen (body) : (gsize) length);
  g_mutex_lock (&api->lock);
  g_queue_push_tail (&api->answers, answer);
  g_mutex_unlock (&api->lock);
}

void
fake_api_answer_result (FakeApi *api, const char *action, const char *result)
{
  g_autofree char *body = g_strdup_printf ("<?xml version=\"1.0\" encoding=\"utf-8\"?><xml><result>%s</result>"
                                           "<executionTime>0.01</executionTime></xml>",
      result);
  fake_api_answer (api, action, 200, "text/xml", "X-Me: fake\nX-Kaltura-Session: 1", body, -1);
}

void
fake_api_answer_error (FakeApi *api, const char *action, const char *code, const char *message)
{
  g_autofree char *result =
      g_markup_printf_escaped ("<error><code>%s</code><message>%s</message>"
                               "<objectType>KalturaAPIException</objectType><args></args></error>",
          code, message);
  fake_api_answer_result (api, action, result);
}

void
fake_api_answer_never (FakeApi *api, const char *action)
{
  fake_api_answer (api, action, 0, NULL, NULL, "", 0);
}

guint
fake_api_get_n_requests (FakeApi *api)
{
  g_mutex_lock (&api->lock);
  guint length = api->requests->len;
  g_mutex_unlock (&api->lock);
  return length;
}

const FakeRequest *
fake_api_get_request (FakeApi *api, guint index)
{
  g_mutex_lock (&api->lock);
  g_assert_cmpuint (index, <, api->requests->len);
  const FakeRequest *request = api->requests->pdata[index];
  g_mutex_unlock (&api->lock);
  return request;
}

const char *
fake_api_get_field (FakeApi *api, guint index, const char *name)
{
  return g_hash_table_lookup (fake_api_get_request (api, index)->form, name);
}

/* bare sockets */

struct _RawServer {
  GSocketService *service;
  RawServe serve;
  GCancellable *cancellable;
  char *url;
  gint running; /* connections, atomic */
};

/* GThreadedSocketService::run */
static gboolean
on_run (GThreadedSocketService *service, GSocketConnection *connection, GObject *source, gpointer user_data)
{
  RawServer *server = user_data;
  g_atomic_int_inc (&server->running);
  GIOStream *stream = G_IO_STREAM (connection);
  server->serve (g_io_stream_get_input_stream (stream), g_io_stream_get_output_stream (stream), server->cancellable);
  g_io_stream_close (stream, NULL, NULL);
  g_atomic_int_add (&server->running, -1);
  return TRUE;
}

RawServer *
raw_server_new (RawServe serve)
{
  RawServer *server = g_new0 (RawServer, 1);
  g_autoptr (GSocketAddress) any = g_inet_socket_address_new_from_string ("127.0.0.1", 0);
  g_autoptr (GSocketAddress) bound = NULL;
  g_autoptr (GError) error = NULL;
  server->serve = serve;
  server->cancellable = g_cancellable_new ();
  server->service = g_threaded_socket_service_new (4);
  g_socket_listener_add_address (G_SOCKET_LISTENER (server->service), any, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP,
      NULL, &bound, &error);
  g_assert_no_error (error);
  server->url = g_strdup_printf ("http://127.0.0.1:%u", g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (bound)));
  g_signal_connect (server->service, "run", G_CALLBACK (on_run), server);
  return server;
}

void
raw_server_free (RawServer *server)
{
  g_cancellable_cancel (server->cancellable);
  g_socket_service_stop (server->service);
  g_socket_listener_close (G_SOCKET_LISTENER (server->service));
  while (g_atomic_int_get (&server->running) > 0)
    g_usleep (1000);
  g_object_unref (server->service);
  g_object_unref (server->cancellable);
  g_free (server->url);
  g_free (server);
}

const char *
raw_server_get_url (RawServer *server)
{
  return server->url;
}

char *
dup_dead_url (void)
{
  g_autoptr (GSocket) socket = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, NULL);
  g_autoptr (GSocketAddress) any = g_inet_socket_address_new_from_string ("127.0.0.1", 0);
  g_assert_true (g_socket_bind (socket, any, FALSE, NULL));
  g_autoptr (GSocketAddress) bound = g_socket_get_local_address (socket, NULL);
  return g_strdup_printf ("http://127.0.0.1:%u", g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (bound)));
}
