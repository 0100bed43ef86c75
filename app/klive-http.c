/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The HTTP server of the launcher. Hooks are handed to klive-publish.c, whose answer may take seconds; the message
 * waits for it. Owned by klive-serve.c, main thread.
 */
#include "klive-http.h"

#include <libsoup/soup.h>
#include <string.h>
#include "klive-arrivals.h"
#include "klive-log.h"
#include "klive-nginx-config.h"
#include "klive-subset.h"

#define MAX_BODY 65536          /* bytes */
#define PATIENCE 100            /* ms, see klive-arrivals.h */
#define ARRIVAL "klive-arrival" /* data of a SoupServerMessage: its KliveArrival */

struct _KliveHttp {
  const KliveStatusSources *sources;
  SoupServer *server;
  KliveArrivals *arrivals;
};

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

/* --- hooks --- */

/* A hook on its way: it waits for its turn, and a publish for its answer. */
typedef struct {
  KliveHttp *http;
  SoupServerMessage *message;
  KliveHook *hook;
} Waiting;

static void
end_waiting (Waiting *waiting, guint status)
{
  answer_status (waiting->message, status);
  soup_server_message_unpause (waiting->message);
  g_object_unref (waiting->message);
  g_clear_pointer (&waiting->hook, klive_hook_free);
  g_free (waiting);
}

/* nginx takes a relative Location as the new name of the stream. */
static void
on_answer (const char *name, gpointer data)
{
  Waiting *waiting = data;
  if (name)
    soup_message_headers_replace (soup_server_message_get_response_headers (waiting->message), "Location", name);
  end_waiting (waiting, name ? SOUP_STATUS_FOUND : SOUP_STATUS_FORBIDDEN);
}

static void
handle_hook (gpointer data, gpointer unused)
{
  Waiting *waiting = data;
  KlivePublish *publish = waiting->http->sources->publish;
  if (waiting->hook->call == KLIVE_HOOK_PUBLISH) {
    klive_publish_answer (publish, g_steal_pointer (&waiting->hook), on_answer, waiting);
  } else {
    klive_publish_gone (publish, waiting->hook);
    end_waiting (waiting, SOUP_STATUS_OK);
  }
}

static KliveHook *
parse_hook (SoupServerMessage *message, const char *path)
{
  static const char *const paths[] = { "/hook/publish", "/hook/publish_done", "/hook/disconnect" };
  g_autoptr (GError) error = NULL;
  SoupMessageBody *body = soup_server_message_get_request_body (message);
  g_autoptr (KliveHook) hook = klive_hook_parse (body->data ? body->data : "", (gsize) body->length, &error);
  if (hook && strcmp (path, paths[hook->call]) == 0)
    return g_steal_pointer (&hook);
  klive_log (KLIVE_LOG_WARNING, "hook-unreadable", NULL, NULL, "path", path, "message",
      error ? error->message : "a call of another kind", NULL);
  return NULL;
}

static void
on_hook (SoupServer *server, SoupServerMessage *message, const char *path, GHashTable *query, gpointer data)
{
  KliveHttp *http = data;
  if (!is_from_here (message) || strcmp (soup_server_message_get_method (message), "POST") != 0) {
    answer_status (message, SOUP_STATUS_FORBIDDEN);
    return;
  }
  KliveHook *hook = parse_hook (message, path);
  if (!hook) {
    answer_status (message, SOUP_STATUS_BAD_REQUEST);
    return;
  }
  Waiting *waiting = g_new0 (Waiting, 1);
  waiting->http = http;
  waiting->message = g_object_ref (message);
  waiting->hook = hook;
  soup_server_message_pause (message);
  klive_arrivals_ready (http->arrivals, g_object_steal_data (G_OBJECT (message), ARRIVAL), handle_hook, waiting);
}

/* A connection was accepted; nothing of its request has come yet. */
static void
on_started (SoupServer *server, SoupServerMessage *message, gpointer data)
{
  KliveHttp *http = data;
  g_object_set_data (G_OBJECT (message), ARRIVAL, klive_arrivals_add (http->arrivals));
}

static void
leave_order (KliveHttp *http, SoupServerMessage *message)
{
  KliveArrival *arrival = g_object_steal_data (G_OBJECT (message), ARRIVAL);
  if (arrival)
    klive_arrivals_remove (http->arrivals, arrival);
}

/* Read, and before any handler: only hooks have an order. */
static void
on_read (SoupServer *server, SoupServerMessage *message, gpointer data)
{
  if (!g_str_has_prefix (g_uri_get_path (soup_server_message_get_uri (message)), "/hook/"))
    leave_order (data, message);
}

static void
on_finished (SoupServer *server, SoupServerMessage *message, gpointer data)
{
  leave_order (data, message);
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

/* --- control --- */

static gboolean
may_control (KliveHttp *http, SoupServerMessage *message)
{
  GInetAddress *remote = inet_address (soup_server_message_get_remote_address (message));
  return is_from_here (message) ||
      (remote && klive_http_is_allowed ((const char *const *) http->sources->config->control_allow, remote));
}

/* POST /control/split?entry=0_abcd1234: its recordings go on in new files. */
static void
split (KliveHttp *http, SoupServerMessage *message, GHashTable *query)
{
  const char *entry = query ? g_hash_table_lookup (query, "entry") : NULL;
  if (!entry || !kaltura_entry_id_is_valid (entry)) {
    answer_status (message, SOUP_STATUS_BAD_REQUEST);
    return;
  }
  guint workers = klive_supervisor_split (http->sources->supervisor, entry);
  g_autofree char *text = g_strdup_printf ("{\"entry\":\"%s\",\"workers\":%u}\n", entry, workers);
  answer_text (message, workers ? SOUP_STATUS_OK : SOUP_STATUS_NOT_FOUND, "application/json", text);
}

static void
on_control (SoupServer *server, SoupServerMessage *message, const char *path, GHashTable *query, gpointer data)
{
  KliveHttp *http = data;
  if (!may_control (http, message))
    answer_status (message, SOUP_STATUS_FORBIDDEN);
  else if (strcmp (path, "/control/split") != 0)
    answer_status (message, SOUP_STATUS_NOT_FOUND);
  else if (strcmp (soup_server_message_get_method (message), "POST") != 0)
    answer_status (message, SOUP_STATUS_METHOD_NOT_ALLOWED);
  else
    split (http, message, query);
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
  http->arrivals = klive_arrivals_new (PATIENCE);
  http->server = soup_server_new ("server-header", "klive", NULL);
  g_signal_connect (http->server, "request-started", G_CALLBACK (on_started), http);
  g_signal_connect (http->server, "request-read", G_CALLBACK (on_read), http);
  g_signal_connect (http->server, "request-finished", G_CALLBACK (on_finished), http);
  g_signal_connect (http->server, "request-aborted", G_CALLBACK (on_finished), http);
  add_handler (http, NULL, on_page);
  add_handler (http, "/hook", on_hook);
  add_handler (http, "/control", on_control);
  add_handler (http, application, on_playlist);
  if (!listen_on (http->server, sources->config->control_listen, error))
    return NULL;
  return g_steal_pointer (&http);
}

void
klive_http_free (KliveHttp *http)
{
  soup_server_disconnect (http->server);
  g_object_unref (http->server);
  klive_arrivals_free (http->arrivals);
  g_free (http);
}
