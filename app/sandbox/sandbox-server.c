/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * HTTP: /api_v3/ for the API, /sandbox/ for tests. Bodies are read as they arrive (a recording of 10 GB is a normal
 * body), answers are written whole. Faults that concern the connection are played here.
 */
#include "sandbox-server.h"
#include "sandbox-control.h"
#include "sandbox-dispatch.h"
#include "sandbox-multipart.h"

#include <libsoup/soup.h>
#include <string.h>

#define MAX_BODY (16 * 1024 * 1024) /* of a form or JSON; files in a multipart body have no limit */
#define AGAIN_INTERVAL 50           /* ms */
#define API "/api_v3"

struct _SandboxServer {
  SandboxState *state;
  SoupServer *soup;
  char *url;
};

/* One request to the API while it arrives and until it is answered. */
typedef struct {
  SandboxServer *server;
  SoupServerMessage *message; /* not owned: this hangs on it */
  SandboxRequest *request;
  SandboxMultipart *multipart; /* nullable */
  GByteArray *body;            /* of anything else */
  gint64 received;             /* bytes of body */
  SandboxFault *upload_fault;  /* cuts after so many bytes; nullable */
  guint again;                 /* source: a call that was put off is made again; 0 = none */
  gboolean too_large;
  gboolean cut;
} Exchange;

static void
exchange_free (Exchange *exchange)
{
  g_clear_handle_id (&exchange->again, g_source_remove);
  g_clear_pointer (&exchange->multipart, sandbox_multipart_free);
  g_clear_pointer (&exchange->upload_fault, sandbox_fault_free);
  g_byte_array_unref (exchange->body);
  sandbox_request_free (exchange->request);
  g_free (exchange);
}

/* Ends the connection without an answer, or in the middle of one. */
static void
cut_connection (SoupServerMessage *message)
{
  GSocket *socket = soup_server_message_get_socket (message);
  if (socket)
    g_socket_shutdown (socket, TRUE, TRUE, NULL);
}

static void
on_got_chunk (SoupServerMessage *message, GBytes *chunk, Exchange *exchange)
{
  gsize length;
  const void *data = g_bytes_get_data (chunk, &length);
  exchange->received += length;
  if (exchange->cut)
    return;
  if (exchange->upload_fault && exchange->received >= exchange->upload_fault->after_bytes) {
    exchange->cut = TRUE;
    sandbox_state_log_call (exchange->server->state, exchange->upload_fault->service, exchange->upload_fault->action, 0,
        NULL, "cut", "cut");
    cut_connection (message);
    return;
  }
  if (exchange->multipart)
    sandbox_multipart_feed (exchange->multipart, data, length);
  else if (exchange->body->len + length <= MAX_BODY)
    g_byte_array_append (exchange->body, data, length);
  else
    exchange->too_large = TRUE;
}

static char *
get_remote_address (SoupServerMessage *message)
{
  GInetSocketAddress *address = G_INET_SOCKET_ADDRESS (soup_server_message_get_remote_address (message));
  return address ? g_inet_address_to_string (g_inet_socket_address_get_address (address)) : g_strdup ("");
}

/* Headers are here, the body is not: decide where the body goes. */
static void
on_api_headers (SoupServer *soup, SoupServerMessage *message, const char *path, GHashTable *query, gpointer data)
{
  SandboxServer *server = data;
  Exchange *exchange = g_new0 (Exchange, 1);
  exchange->server = server;
  exchange->message = message;
  exchange->body = g_byte_array_new ();
  exchange->request = sandbox_request_new (server->state->api);
  exchange->request->address = get_remote_address (message);
  g_object_set_data_full (G_OBJECT (message), "sandbox-exchange", exchange, (GDestroyNotify) exchange_free);

  GUri *uri = soup_server_message_get_uri (message);
  const char *raw_path = g_uri_get_path (uri);
  exchange->request->uri = g_strdup (raw_path);
  sandbox_request_add_path (exchange->request, raw_path + strlen (API));
  if (g_uri_get_query (uri))
    sandbox_request_add_form (exchange->request, SANDBOX_FROM_QUERY, g_uri_get_query (uri));

  const char *type = soup_message_headers_get_one (soup_server_message_get_request_headers (message), "Content-Type");
  if (type && g_ascii_strncasecmp (type, "multipart/form-data", 19) == 0)
    exchange->multipart = sandbox_multipart_new (exchange->request, type, server->state->directory);
  const char *service = sandbox_request_peek (exchange->request, "service");
  const char *action = sandbox_request_peek (exchange->request, "action");
  if (service)
    exchange->upload_fault = sandbox_faults_take (server->state->faults, service, action, NULL, TRUE);
  soup_message_body_set_accumulate (soup_server_message_get_request_body (message), FALSE);
  g_signal_connect (message, "got-chunk", G_CALLBACK (on_got_chunk), exchange);
}

static void
read_body (Exchange *exchange)
{
  const char *type =
      soup_message_headers_get_one (soup_server_message_get_request_headers (exchange->message), "Content-Type");
  SandboxRequest *request = exchange->request;
  if (exchange->multipart || exchange->body->len == 0 || !type)
    return;
  const char *text = (const char *) exchange->body->data;
  if (g_ascii_strcasecmp (type, "application/json") == 0) { /* exactly: a charset behind it spoils it */
    sandbox_request_add_json (request, text, exchange->body->len);
  } else if (g_ascii_strncasecmp (type, "application/x-www-form-urlencoded", 33) == 0) {
    g_autofree char *form = g_strndup (text, exchange->body->len);
    sandbox_request_add_form (request, SANDBOX_FROM_BODY, form);
  }
}

static void
set_headers (SandboxServer *server, SoupServerMessage *message, const SandboxReply *reply)
{
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (message);
  g_autofree char *session = server->state->api == SANDBOX_API_2014
      ? g_strdup_printf ("%u", g_random_int ())
      : g_strdup_printf ("%u, %" G_GINT64_FORMAT, g_random_int (), sandbox_state_now (server->state));
  soup_message_headers_append (headers, "X-Me", "kaltura-sandbox");
  soup_message_headers_append (headers, "X-Kaltura-Session", session);
  gboolean forbidden =
      server->state->api == SANDBOX_API_CURRENT && g_strcmp0 (reply->error_code, "SERVICE_FORBIDDEN") == 0;
  if (!reply->file_error && !forbidden)
    return;
  /* File actions write "error- CODE", a forbidden service "error-CODE": the server does so too. */
  g_autofree char *code = g_strconcat (reply->file_error ? "error- " : "error-", reply->error_code, NULL);
  g_autofree char *app = g_strdup_printf ("exiting on error %s - %s", reply->error_code, reply->error_message);
  soup_message_headers_append (headers, "X-Kaltura", code);
  soup_message_headers_append (headers, "X-Kaltura-App", g_strdelimit (app, "\r\n", ' '));
}

static void
respond (SoupServerMessage *message, guint status, const char *type, const char *body)
{
  soup_message_body_truncate (soup_server_message_get_response_body (message));
  soup_server_message_set_status (message, status, NULL);
  soup_server_message_set_response (message, type, SOUP_MEMORY_COPY, body, strlen (body));
}

static void
play_fault (SoupServerMessage *message, const SandboxFault *fault)
{
  static const char page[] =
      "<!DOCTYPE html>\n<html><head><title>Sign in</title></head>"
      "<body><h1>Please sign in</h1><form method=\"post\"><input name=\"user\"></form></body></html>\n";
  static const char failure[] =
      "<html>\r\n<head><title>Error</title></head>\r\n<body>\r\n<center><h1>Error</h1></center>\r\n"
      "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n";
  switch (fault->kind) {
    case SANDBOX_FAULT_GARBAGE:
      respond (message, 200, "text/xml", "\x01\x02<xml><result><id>0_\xff\xfe{\"trunc");
      break;
    case SANDBOX_FAULT_HTML:
      respond (message, 200, "text/html", page);
      break;
    case SANDBOX_FAULT_STATUS:
      respond (message, fault->status, "text/html", failure);
      break;
    case SANDBOX_FAULT_EMPTY:
      respond (message, 200, "text/xml", "");
      break;
    case SANDBOX_FAULT_CUT:
    case SANDBOX_FAULT_LOST_ANSWER:
      cut_connection (message);
      break;
    case SANDBOX_FAULT_ERROR:
    case SANDBOX_FAULT_DELAY:
      break;
  }
}

/* An answer that waits for its time. */
typedef struct {
  SoupServerMessage *message;
  SandboxFault *fault;
  guint source;
} Late;

static void
late_free (Late *late)
{
  g_signal_handlers_disconnect_by_data (late->message, late);
  g_clear_handle_id (&late->source, g_source_remove);
  g_object_unref (late->message);
  sandbox_fault_free (late->fault);
  g_free (late);
}

static gboolean
on_late (gpointer data)
{
  Late *late = data;
  late->source = 0;
  g_autoptr (SoupServerMessage) message = g_object_ref (late->message);
  play_fault (message, late->fault);
  late_free (late);
  soup_server_message_unpause (message);
  return G_SOURCE_REMOVE;
}

static void
on_client_gone (SoupServerMessage *message, Late *late)
{
  late_free (late);
}

/* TRUE: the answer is held back, the message paused. */
static gboolean
hold_back (SoupServerMessage *message, SandboxFault *fault)
{
  if (fault->seconds <= 0) {
    play_fault (message, fault);
    sandbox_fault_free (fault);
    return FALSE;
  }
  Late *late = g_new0 (Late, 1);
  late->message = g_object_ref (message);
  late->fault = fault;
  late->source = g_timeout_add ((guint) (fault->seconds * 1000), on_late, late);
  g_signal_connect (message, "disconnected", G_CALLBACK (on_client_gone), late);
  return TRUE;
}

typedef enum {
  ANSWERED,
  HELD_BACK, /* by a fault, which sends it later */
  PUT_OFF,   /* by the action: ask again */
} Answer;

static Answer
answer (Exchange *exchange)
{
  SandboxReply reply = { NULL };
  Answer done = ANSWERED;
  sandbox_dispatch (exchange->server->state, exchange->request, &reply);
  if (reply.wait) {
    done = PUT_OFF;
  } else {
    if (!reply.fault || reply.fault->kind == SANDBOX_FAULT_ERROR || reply.fault->kind == SANDBOX_FAULT_DELAY)
      set_headers (exchange->server, exchange->message, &reply);
    respond (exchange->message, SOUP_STATUS_OK, reply.content_type, reply.body);
    if (reply.fault && hold_back (exchange->message, g_steal_pointer (&reply.fault)))
      done = HELD_BACK;
  }
  sandbox_reply_clear (&reply);
  return done;
}

static gboolean
on_again (gpointer data)
{
  Exchange *exchange = data;
  Answer done = answer (exchange);
  if (done == PUT_OFF)
    return G_SOURCE_CONTINUE;
  exchange->again = 0;
  if (done == ANSWERED)
    soup_server_message_unpause (exchange->message);
  return G_SOURCE_REMOVE;
}

/* The whole request is here. */
static void
on_api (SoupServer *soup, SoupServerMessage *message, const char *path, GHashTable *query, gpointer data)
{
  Exchange *exchange = g_object_get_data (G_OBJECT (message), "sandbox-exchange");
  if (!exchange || exchange->cut)
    return;
  if (exchange->too_large) {
    respond (message, SOUP_STATUS_REQUEST_ENTITY_TOO_LARGE, "text/plain", "Request body too large\n");
    return;
  }
  const char *method = soup_server_message_get_method (message);
  if (strcmp (method, "GET") != 0 && strcmp (method, "POST") != 0 && strcmp (method, "HEAD") != 0) {
    respond (message, SOUP_STATUS_METHOD_NOT_ALLOWED, "text/plain", "GET and POST only\n");
    return;
  }
  read_body (exchange);
  sandbox_request_finish (exchange->request);
  Answer done = answer (exchange);
  if (done != ANSWERED)
    soup_server_message_pause (message);
  if (done == PUT_OFF)
    exchange->again = g_timeout_add (AGAIN_INTERVAL, on_again, exchange);
}

static void
on_control (SoupServer *soup, SoupServerMessage *message, const char *path, GHashTable *query, gpointer data)
{
  SandboxServer *server = data;
  SoupMessageBody *body = soup_server_message_get_request_body (message);
  g_autoptr (GBytes) bytes = soup_message_body_flatten (body);
  g_autofree char *answer = NULL;
  guint status = sandbox_control (server->state, soup_server_message_get_method (message), path, bytes, &answer);
  respond (message, status, "application/json", answer);
}

static void
on_other (SoupServer *soup, SoupServerMessage *message, const char *path, GHashTable *query, gpointer data)
{
  respond (message, SOUP_STATUS_NOT_FOUND, "text/plain", "kaltura-sandbox answers /api_v3/ and /sandbox/\n");
}

static GSocketAddress *
parse_listen (const char *listen, GError **error)
{
  g_autoptr (GSocketConnectable) parsed = g_network_address_parse (listen, 0, NULL);
  const char *host = parsed ? g_network_address_get_hostname (G_NETWORK_ADDRESS (parsed)) : NULL;
  g_autoptr (GInetAddress) address = host ? g_inet_address_new_from_string (host) : NULL;
  if (!address) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
        "--listen %s: expected ADDRESS:PORT, such as 127.0.0.1:0", listen);
    return NULL;
  }
  if (!g_inet_address_get_is_loopback (address)) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
        "--listen %s: the sandbox is for this machine only; expected a loopback address", listen);
    return NULL;
  }
  return g_inet_socket_address_new (address, g_network_address_get_port (G_NETWORK_ADDRESS (parsed)));
}

SandboxServer *
sandbox_server_new (SandboxState *state, const char *listen, GError **error)
{
  g_autoptr (GSocketAddress) address = parse_listen (listen, error);
  if (!address)
    return NULL;
  SandboxServer *server = g_new0 (SandboxServer, 1);
  server->state = state;
  server->soup = soup_server_new ("server-header", "kaltura-sandbox", "raw-paths", TRUE, NULL);
  soup_server_add_early_handler (server->soup, API, on_api_headers, server, NULL);
  soup_server_add_handler (server->soup, API, on_api, server, NULL);
  soup_server_add_handler (server->soup, "/sandbox", on_control, server, NULL);
  soup_server_add_handler (server->soup, NULL, on_other, server, NULL);
  if (!soup_server_listen (server->soup, address, 0, error)) {
    g_prefix_error (error, "cannot listen on %s: ", listen);
    sandbox_server_free (server);
    return NULL;
  }
  GSList *uris = soup_server_get_uris (server->soup);
  g_autoptr (GUri) uri = uris->data;
  g_slist_free_full (g_steal_pointer (&uris->next), (GDestroyNotify) g_uri_unref);
  g_slist_free_1 (uris);
  gboolean v6 = strchr (g_uri_get_host (uri), ':') != NULL;
  server->url =
      g_strdup_printf ("http://%s%s%s:%d", v6 ? "[" : "", g_uri_get_host (uri), v6 ? "]" : "", g_uri_get_port (uri));
  return server;
}

void
sandbox_server_free (SandboxServer *server)
{
  soup_server_disconnect (server->soup);
  g_object_unref (server->soup);
  g_free (server->url);
  g_free (server);
}

const char *
sandbox_server_get_url (SandboxServer *server)
{
  return server->url;
}
