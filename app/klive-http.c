/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The HTTP server of the launcher. Hooks are handed to klive-publish.c, whose answer may take seconds; the message
 * waits for it. Owned by klive-serve.c, main thread.
 */
#include "klive-http.h"

#include <string.h>
#include "klive-arrivals.h"
#include "klive-callers.h"
#include "klive-control.h"
#include "klive-http-message.h"
#include "klive-log.h"
#include "klive-subset.h"

#define MAX_BODY 65536          /* bytes */
#define PATIENCE 100            /* ms, see klive-arrivals.h */
#define ARRIVAL "klive-arrival" /* data of a SoupServerMessage: its KliveArrival */

struct _KliveHttp {
  const KliveStatusSources *sources;
  SoupServer *server;
  KliveCallers *callers;
  KliveArrivals *arrivals;
};

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
  klive_http_message_answer_status (waiting->message, status);
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
  if (!klive_http_message_is_from_here (message) || !klive_http_message_is_post (message)) {
    klive_http_message_answer_status (message, SOUP_STATUS_FORBIDDEN);
    return;
  }
  KliveHook *hook = parse_hook (message, path);
  if (!hook) {
    klive_http_message_answer_status (message, SOUP_STATUS_BAD_REQUEST);
    return;
  }
  Waiting *waiting = g_new0 (Waiting, 1);
  waiting->http = http;
  waiting->message = g_object_ref (message);
  waiting->hook = hook;
  soup_server_message_pause (message);
  klive_arrival_ready (g_object_steal_data (G_OBJECT (message), ARRIVAL), handle_hook, waiting);
}

/* A connection was accepted; nothing of its request has come yet, and perhaps nothing ever will. */
static void
on_started (SoupServer *server, SoupServerMessage *message, gpointer data)
{
  KliveHttp *http = data;
  g_object_set_data_full (G_OBJECT (message), ARRIVAL, klive_arrivals_add (http->arrivals),
      (GDestroyNotify) klive_arrival_free);
}

static void
leave_order (SoupServerMessage *message)
{
  g_object_set_data (G_OBJECT (message), ARRIVAL, NULL);
}

/* Read, and before any handler: only hooks have an order. */
static void
on_read (SoupServer *server, SoupServerMessage *message, gpointer data)
{
  if (!g_str_has_prefix (g_uri_get_path (soup_server_message_get_uri (message)), "/hook/"))
    leave_order (message);
}

static void
on_finished (SoupServer *server, SoupServerMessage *message, gpointer data)
{
  leave_order (message);
}

/* --- pages --- */

static void
answer_page (KliveHttp *http, SoupServerMessage *message, const char *path)
{
  const KliveStatusSources *sources = http->sources;
  if (strcmp (path, "/healthz") == 0) {
    const char *fault = klive_status_find_fault (sources);
    g_autofree char *text = g_strconcat (fault ? fault : "ok", "\n", NULL);
    klive_http_message_answer (message, fault ? SOUP_STATUS_SERVICE_UNAVAILABLE : SOUP_STATUS_OK, "text/plain", text);
    return;
  }
  g_autoptr (JsonNode) status = klive_status_describe (sources);
  if (strcmp (path, "/status") == 0) {
    g_autofree char *text = json_to_string (status, FALSE);
    klive_http_message_answer (message, SOUP_STATUS_OK, "application/json", text);
    return;
  }
  g_autofree char *text = klive_status_format_metrics (status, klive_supervisor_get_counters (sources->supervisor));
  klive_http_message_answer (message, SOUP_STATUS_OK, "text/plain; version=0.0.4", text);
}

static void
on_page (SoupServer *server, SoupServerMessage *message, const char *path, GHashTable *query, gpointer data)
{
  KliveHttp *http = data;
  if (strcmp (path, "/status") != 0 && strcmp (path, "/metrics") != 0 && strcmp (path, "/healthz") != 0)
    klive_http_message_answer_status (message, SOUP_STATUS_NOT_FOUND);
  else if (!klive_http_message_is_get (message))
    klive_http_message_answer_status (message, SOUP_STATUS_METHOD_NOT_ALLOWED);
  else if (!klive_http_message_is_allowed (message, (const char *const *) http->sources->config->status_allow))
    klive_http_message_answer_status (message, SOUP_STATUS_FORBIDDEN);
  else if (strcmp (path, "/healthz") != 0 &&
      !klive_http_message_has_own_host (message, http->sources->config->hostname))
    klive_http_message_answer_status (message, SOUP_STATUS_FORBIDDEN);
  else
    answer_page (http, message, path);
}

static void
on_playlist (SoupServer *server, SoupServerMessage *message, const char *path, GHashTable *query, gpointer data)
{
  KliveHttp *http = data;
  const KalturaConfig *config = http->sources->config;
  if (!klive_http_message_is_from_here (message) || !klive_http_message_is_get (message)) {
    klive_http_message_answer_status (message, SOUP_STATUS_FORBIDDEN);
    return;
  }
  g_autoptr (KliveSubset) subset =
      klive_subset_parse (config->application, path, g_uri_get_query (soup_server_message_get_uri (message)));
  g_autofree char *text = subset ? klive_subset_read (subset, config->state_dir) : NULL;
  if (text)
    klive_http_message_answer (message, SOUP_STATUS_OK, "application/vnd.apple.mpegurl", text);
  else
    klive_http_message_answer_status (message, SOUP_STATUS_NOT_FOUND);
}

static void
on_control (SoupServer *server, SoupServerMessage *message, const char *path, GHashTable *query, gpointer data)
{
  KliveHttp *http = data;
  klive_control_answer (http->sources, message, path);
}

/* --- before the body --- */

/* Only hooks have one, and they come from here. */
static void
on_hook_headers (SoupServer *server, SoupServerMessage *message, const char *path, GHashTable *query, gpointer data)
{
  if (!klive_http_message_is_from_here (message))
    klive_http_message_answer_status (message, SOUP_STATUS_FORBIDDEN);
  else if (!klive_http_message_keep_body (message, MAX_BODY))
    klive_http_message_answer_status (message, SOUP_STATUS_REQUEST_ENTITY_TOO_LARGE);
}

static void
on_control_headers (SoupServer *server, SoupServerMessage *message, const char *path, GHashTable *query, gpointer data)
{
  KliveHttp *http = data;
  klive_control_check (http->sources, message);
}

/* KliveCallerFunc */
static KliveCallerKind
classify (SoupServerMessage *message, gconstpointer data)
{
  const KliveHttp *http = data;
  const KalturaConfig *config = http->sources->config;
  if (klive_http_message_is_from_here (message))
    return KLIVE_CALLER_HERE;
  return klive_http_message_is_allowed (message, (const char *const *) config->control_allow) ||
          klive_http_message_is_allowed (message, (const char *const *) config->status_allow)
      ? KLIVE_CALLER_ALLOWED
      : KLIVE_CALLER_STRANGER;
}

/* --- the port --- */

/* libsoup asks the handler of the longest path only, the early one too. */
static void
add_handler (KliveHttp *http, const char *path, SoupServerCallback early, SoupServerCallback handler)
{
  if (early)
    soup_server_add_early_handler (http->server, path, early, http, NULL);
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
  http->callers = klive_callers_new (http->server, &klive_callers_limits, classify, http);
  g_signal_connect (http->server, "request-started", G_CALLBACK (on_started), http);
  g_signal_connect (http->server, "request-read", G_CALLBACK (on_read), http);
  g_signal_connect (http->server, "request-finished", G_CALLBACK (on_finished), http);
  g_signal_connect (http->server, "request-aborted", G_CALLBACK (on_finished), http);
  add_handler (http, NULL, NULL, on_page);
  add_handler (http, "/hook", on_hook_headers, on_hook);
  add_handler (http, "/control", on_control_headers, on_control);
  add_handler (http, application, NULL, on_playlist);
  if (!klive_http_listen (http->server, sources->config->control_listen, "control-listen", error))
    return NULL;
  return g_steal_pointer (&http);
}

void
klive_http_free (KliveHttp *http)
{
  soup_server_disconnect (http->server);
  klive_callers_free (http->callers);
  g_object_unref (http->server);
  klive_arrivals_free (http->arrivals);
  g_free (http);
}
