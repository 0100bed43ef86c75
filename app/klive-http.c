/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The HTTP server of the launcher. Hooks are handed to klive-publish.c, whose answer may take seconds; the message
 * waits for it. Owned by klive-serve.c, main thread.
 */
#include "klive-http.h"

#include <libsoup/soup.h>
#include <string.h>
#include "klive-log.h"
#include "klive-nginx-config.h"
#include "klive-subset.h"

#define MAX_BODY 65536                           /* bytes */
#define MAX_WAIT (200 * G_TIME_SPAN_MILLISECOND) /* for a connection that came before a hook's */

struct _KliveHttp {
  const KliveStatusSources *sources;
  SoupServer *server;
  guint64 turns;
  GQueue unread; /* of Turn, by number */
  GQueue held;   /* of Held, by number */
  guint timer;
};

/* nginx connects once for each hook, in the order of what happens; libsoup reads the requests in any order. */
typedef struct {
  KliveHttp *http; /* NULL once it has been read, or is not waited for any more */
  guint64 number;
  gint64 began; /* monotonic, us */
} Turn;

/* An end of a publish that waits for its turn: whether publish_done or disconnect came first makes the difference. */
typedef struct {
  guint64 number;
  KliveHook *hook;
} Held;

/* --- who may --- */

gboolean
klive_http_is_allowed (const char *const *allow, GInetAddress *address)
{
  for (guint i = 0; allow && allow[i]; i++) {
    g_autoptr (GInetAddressMask) mask = g_inet_address_mask_new_from_string (allow[i], NULL);
    if (mask && g_inet_address_mask_matches (mask, address))
      return TRUE;
  }
  return FALSE;
}

static GInetAddress *
inet_address (GSocketAddress *address)
{
  return G_IS_INET_SOCKET_ADDRESS (address) ? g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (address))
                                            : NULL;
}

/* From loopback, or from the very address that it came to: control-listen may be another one than 127.0.0.1. */
static gboolean
is_from_here (SoupServerMessage *message)
{
  GInetAddress *remote = inet_address (soup_server_message_get_remote_address (message));
  GInetAddress *local = inet_address (soup_server_message_get_local_address (message));
  return remote && (g_inet_address_get_is_loopback (remote) || (local && g_inet_address_equal (remote, local)));
}

static gboolean
may_see_status (KliveHttp *http, SoupServerMessage *message)
{
  GInetAddress *remote = inet_address (soup_server_message_get_remote_address (message));
  return is_from_here (message) ||
      (remote && klive_http_is_allowed ((const char *const *) http->sources->config->status_allow, remote));
}

/* --- answers --- */

static void
answer_text (SoupServerMessage *message, guint status, const char *type, const char *text)
{
  soup_message_headers_replace (soup_server_message_get_response_headers (message), "Cache-Control", "no-store");
  soup_server_message_set_status (message, status, NULL);
  soup_server_message_set_response (message, type, SOUP_MEMORY_COPY, text, strlen (text));
}

static void
answer_status (SoupServerMessage *message, guint status)
{
  g_autofree char *text = g_strdup_printf ("%u %s\n", status, soup_status_get_phrase (status));
  answer_text (message, status, "text/plain", text);
}

/* --- the order of hooks --- */

#define TURN "klive-turn"

static gint
compare_held (gconstpointer a, gconstpointer b, gpointer data)
{
  const Held *left = a, *right = b;
  return left->number < right->number ? -1 : left->number > right->number;
}

static void
held_free (gpointer data)
{
  Held *held = data;
  klive_hook_free (held->hook);
  g_free (held);
}

static void
end_turn (Turn *turn)
{
  g_queue_remove (&turn->http->unread, turn);
  turn->http = NULL;
}

static gboolean tell_held (gpointer data);

/* Tells of every end that nothing older can come before, and looks again when something may. */
static void
update_held (KliveHttp *http)
{
  Held *next;
  while ((next = g_queue_peek_head (&http->held))) {
    Turn *oldest = g_queue_peek_head (&http->unread);
    gint64 now = g_get_monotonic_time ();
    if (oldest && oldest->number < next->number && now - oldest->began >= MAX_WAIT) {
      end_turn (oldest);
    } else if (oldest && oldest->number < next->number) {
      if (!http->timer)
        http->timer = g_timeout_add (1 + (oldest->began + MAX_WAIT - now) / 1000, tell_held, http);
      return;
    } else {
      g_queue_pop_head (&http->held);
      klive_publish_gone (http->sources->publish, next->hook);
      held_free (next);
    }
  }
}

static gboolean
tell_held (gpointer data)
{
  KliveHttp *http = data;
  http->timer = 0;
  update_held (http);
  return G_SOURCE_REMOVE;
}

static void
turn_free (gpointer data)
{
  Turn *turn = data;
  KliveHttp *http = turn->http;
  if (http) {
    end_turn (turn);
    update_held (http);
  }
  g_free (turn);
}

static void
on_started (SoupServer *server, SoupServerMessage *message, gpointer data)
{
  KliveHttp *http = data;
  Turn *turn = g_new0 (Turn, 1);
  turn->http = http;
  turn->number = ++http->turns;
  turn->began = g_get_monotonic_time ();
  g_queue_push_tail (&http->unread, turn);
  g_object_set_data_full (G_OBJECT (message), TURN, turn, turn_free);
}

/* The request of @message has been read. */
static guint64
take_turn (SoupServerMessage *message)
{
  Turn *turn = g_object_get_data (G_OBJECT (message), TURN);
  if (turn->http)
    end_turn (turn);
  return turn->number;
}

/* --- hooks --- */

typedef struct {
  KliveHttp *http;
  SoupServerMessage *message;
} Waiting;

/* nginx takes a relative Location as the new name of the stream. */
static void
on_answer (const char *name, gpointer data)
{
  Waiting *waiting = data;
  if (name)
    soup_message_headers_replace (soup_server_message_get_response_headers (waiting->message), "Location", name);
  answer_status (waiting->message, name ? SOUP_STATUS_FOUND : SOUP_STATUS_FORBIDDEN);
  soup_server_message_unpause (waiting->message);
  g_object_unref (waiting->message);
  g_free (waiting);
}

static void
answer_publish (KliveHttp *http, SoupServerMessage *message, KliveHook *hook)
{
  Waiting *waiting = g_new0 (Waiting, 1);
  waiting->http = http;
  waiting->message = g_object_ref (message);
  soup_server_message_pause (message);
  klive_publish_answer (http->sources->publish, hook, on_answer, waiting);
}

static void
on_hook (SoupServer *server, SoupServerMessage *message, const char *path, GHashTable *query, gpointer data)
{
  static const char *const paths[] = { "/hook/publish", "/hook/publish_done", "/hook/disconnect" };
  KliveHttp *http = data;
  if (!is_from_here (message) || strcmp (soup_server_message_get_method (message), "POST") != 0) {
    answer_status (message, SOUP_STATUS_FORBIDDEN);
    return;
  }
  g_autoptr (GError) error = NULL;
  SoupMessageBody *body = soup_server_message_get_request_body (message);
  g_autoptr (KliveHook) hook = klive_hook_parse (body->data ? body->data : "", (gsize) body->length, &error);
  if (!hook || strcmp (path, paths[hook->call]) != 0) {
    klive_log (KLIVE_LOG_WARNING, "hook-unreadable", NULL, NULL, "path", path, "message",
        error ? error->message : "a call of another kind", NULL);
    answer_status (message, SOUP_STATUS_BAD_REQUEST);
    return;
  }
  guint64 number = take_turn (message);
  if (hook->call == KLIVE_HOOK_PUBLISH) {
    answer_publish (http, message, g_steal_pointer (&hook));
  } else {
    Held *held = g_new0 (Held, 1);
    held->number = number;
    held->hook = g_steal_pointer (&hook);
    g_queue_insert_sorted (&http->held, held, compare_held, NULL);
    answer_status (message, SOUP_STATUS_OK);
  }
  update_held (http);
}

/* --- pages --- */

static gboolean
is_get (SoupServerMessage *message)
{
  const char *method = soup_server_message_get_method (message);
  return strcmp (method, "GET") == 0 || strcmp (method, "HEAD") == 0;
}

static void
answer_page (KliveHttp *http, SoupServerMessage *message, const char *path)
{
  const KliveStatusSources *sources = http->sources;
  if (strcmp (path, "/healthz") == 0) {
    const char *fault = klive_status_find_fault (sources);
    g_autofree char *text = g_strconcat (fault ? fault : "ok", "\n", NULL);
    answer_text (message, fault ? SOUP_STATUS_SERVICE_UNAVAILABLE : SOUP_STATUS_OK, "text/plain", text);
    return;
  }
  g_autoptr (JsonNode) status = klive_status_describe (sources);
  if (strcmp (path, "/status") == 0) {
    g_autofree char *text = json_to_string (status, FALSE);
    answer_text (message, SOUP_STATUS_OK, "application/json", text);
    return;
  }
  g_autofree char *text = klive_status_format_metrics (status, klive_supervisor_get_counters (sources->supervisor));
  answer_text (message, SOUP_STATUS_OK, "text/plain; version=0.0.4", text);
}

static void
on_page (SoupServer *server, SoupServerMessage *message, const char *path, GHashTable *query, gpointer data)
{
  KliveHttp *http = data;
  if (strcmp (path, "/status") != 0 && strcmp (path, "/metrics") != 0 && strcmp (path, "/healthz") != 0)
    answer_status (message, SOUP_STATUS_NOT_FOUND);
  else if (!is_get (message))
    answer_status (message, SOUP_STATUS_METHOD_NOT_ALLOWED);
  else if (!may_see_status (http, message))
    answer_status (message, SOUP_STATUS_FORBIDDEN);
  else
    answer_page (http, message, path);
}

static void
on_playlist (SoupServer *server, SoupServerMessage *message, const char *path, GHashTable *query, gpointer data)
{
  KliveHttp *http = data;
  const KalturaConfig *config = http->sources->config;
  if (!is_from_here (message) || !is_get (message)) {
    answer_status (message, SOUP_STATUS_FORBIDDEN);
    return;
  }
  g_autoptr (KliveSubset) subset =
      klive_subset_parse (config->application, path, g_uri_get_query (soup_server_message_get_uri (message)));
  g_autofree char *text = subset ? klive_subset_read (subset, config->state_dir) : NULL;
  if (text)
    answer_text (message, SOUP_STATUS_OK, "application/vnd.apple.mpegurl", text);
  else
    answer_status (message, SOUP_STATUS_NOT_FOUND);
}

/* Nobody may fill our memory. */
static void
on_headers (SoupServer *server, SoupServerMessage *message, const char *path, GHashTable *query, gpointer data)
{
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (message);
  if (soup_message_headers_get_encoding (headers) == SOUP_ENCODING_CONTENT_LENGTH &&
      soup_message_headers_get_content_length (headers) <= MAX_BODY)
    return;
  if (soup_message_headers_get_encoding (headers) == SOUP_ENCODING_NONE)
    return;
  soup_message_body_set_accumulate (soup_server_message_get_request_body (message), FALSE);
  answer_status (message, SOUP_STATUS_REQUEST_ENTITY_TOO_LARGE);
}

/* --- the port --- */

static gboolean
listen_on (SoupServer *server, const char *listen, GError **error)
{
  g_autofree char *host = NULL;
  guint port = 0;
  klive_nginx_split_listen (listen, &host, &port);
  g_autofree char *bare = g_strdup (host ? host + (host[0] == '[') : "0.0.0.0");
  g_strdelimit (bare, "]", '\0');
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new_from_string (bare, port);
  g_autoptr (GError) why = NULL;
  if (address && soup_server_listen (server, address, 0, &why))
    return TRUE;
  g_set_error (error, G_IO_ERROR, why ? why->code : G_IO_ERROR_INVALID_ARGUMENT,
      "[server] control-listen: port %u cannot be used: %s", port, why ? why->message : "no address");
  return FALSE;
}

/* libsoup asks the handler of the longest path only, the early one too. */
static void
add_handler (KliveHttp *http, const char *path, SoupServerCallback handler)
{
  soup_server_add_early_handler (http->server, path, on_headers, http, NULL);
  soup_server_add_handler (http->server, path, handler, http, NULL);
}

KliveHttp *
klive_http_new (const KliveStatusSources *sources, GError **error)
{
  g_autoptr (KliveHttp) http = g_new0 (KliveHttp, 1);
  g_autofree char *application = g_strconcat ("/", sources->config->application, NULL);
  http->sources = sources;
  http->server = soup_server_new ("server-header", "klive", NULL);
  g_signal_connect (http->server, "request-started", G_CALLBACK (on_started), http);
  add_handler (http, NULL, on_page);
  add_handler (http, "/hook", on_hook);
  add_handler (http, application, on_playlist);
  if (!listen_on (http->server, sources->config->control_listen, error))
    return NULL;
  return g_steal_pointer (&http);
}

void
klive_http_free (KliveHttp *http)
{
  g_signal_handlers_disconnect_by_data (http->server, http); /* before its messages go */
  g_queue_clear_full (&http->held, held_free);
  soup_server_disconnect (http->server);
  g_object_unref (http->server);
  g_clear_handle_id (&http->timer, g_source_remove);
  while (!g_queue_is_empty (&http->unread))
    end_turn (g_queue_peek_head (&http->unread));
  g_free (http);
}
