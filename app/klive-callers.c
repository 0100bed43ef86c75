/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The connections of the launcher's HTTP servers. Used by klive-http.c and klive-services.c, main thread.
 *
 * A connection has one request: libsoup tells nothing of one that waits for the next. It emits request-started when it
 * was accepted; but request-finished or request-aborted only if the first line came. So the message, which goes with
 * its connection, carries what is known of the caller.
 */
#include "klive-callers.h"

#include "klive-http-message.h"
#include "klive-log.h"

#define CALLER "klive-caller" /* data of a SoupServerMessage: its Caller */
#define LOG_PAUSE (60 * G_TIME_SPAN_SECOND)
#define MAX_LOGGED 256 /* addresses; of one more nothing is logged */

const KliveCallersLimits klive_callers_limits = { 64, 256, 10000, 60000 };

typedef struct {
  KliveCallers *callers; /* a reference */
  KliveCallerKind kind;
  GSocket *socket;
  guint timer;
} Caller;

struct _KliveCallers {
  KliveCallersLimits limits;
  KliveCallerFunc classify;
  gconstpointer user_data;
  SoupServer *server;
  guint open[KLIVE_CALLER_HERE + 1];
  GHashTable *logged; /* address -> gint64, monotonic us of its last log line */
};

static void
clear (gpointer data)
{
  KliveCallers *callers = data;
  g_hash_table_unref (callers->logged);
}

static void
caller_free (gpointer data)
{
  Caller *caller = data;
  g_clear_handle_id (&caller->timer, g_source_remove);
  caller->callers->open[caller->kind]--;
  g_rc_box_release_full (caller->callers, clear);
  g_object_unref (caller->socket);
  g_free (caller);
}

/* libsoup reads the end, and lets go of the connection in its own way. */
static gboolean
hang_up (gpointer data)
{
  Caller *caller = data;
  caller->timer = 0;
  g_socket_shutdown (caller->socket, TRUE, TRUE, NULL);
  return G_SOURCE_REMOVE;
}

static gboolean
are_too_many (const KliveCallers *callers, KliveCallerKind kind)
{
  return (kind == KLIVE_CALLER_STRANGER && callers->open[kind] > callers->limits.strangers) ||
      (kind == KLIVE_CALLER_ALLOWED && callers->open[kind] > callers->limits.allowed);
}

static void
arm (Caller *caller, guint timeout_ms)
{
  g_clear_handle_id (&caller->timer, g_source_remove);
  caller->timer = g_timeout_add (timeout_ms, hang_up, caller);
}

static void
on_started (SoupServer *server, SoupServerMessage *message, gpointer data)
{
  KliveCallers *callers = data;
  Caller *caller = g_new0 (Caller, 1);
  caller->callers = g_rc_box_acquire (callers);
  caller->kind = callers->classify (message, callers->user_data);
  caller->socket = g_object_ref (soup_server_message_get_socket (message));
  callers->open[caller->kind]++;
  g_object_set_data_full (G_OBJECT (message), CALLER, caller, caller_free);
  soup_message_body_set_accumulate (soup_server_message_get_request_body (message), FALSE);
  soup_message_headers_append (soup_server_message_get_response_headers (message), "Connection", "close");
  arm (caller, callers->limits.read_time);
  if (!are_too_many (callers, caller->kind))
    return;
  if (klive_callers_may_log (callers, message)) {
    g_autofree char *address = klive_http_message_dup_address (message);
    klive_log (KLIVE_LOG_WARNING, "too-many-callers", NULL, NULL, "address", address, NULL);
  }
  g_clear_handle_id (&caller->timer, g_source_remove);
  hang_up (caller);
}

static void
on_read (SoupServer *server, SoupServerMessage *message, gpointer data)
{
  KliveCallers *callers = data;
  Caller *caller = g_object_get_data (G_OBJECT (message), CALLER);
  if (caller)
    arm (caller, callers->limits.reply_time);
}

/* Others may have a reference to the message still. */
static void
on_finished (SoupServer *server, SoupServerMessage *message, gpointer data)
{
  g_object_set_data (G_OBJECT (message), CALLER, NULL);
}

guint
klive_callers_count (const KliveCallers *callers, KliveCallerKind kind)
{
  return callers->open[kind];
}

static gboolean
is_long_ago (gpointer address, gpointer time, gpointer now)
{
  return *(gint64 *) now - *(gint64 *) time >= LOG_PAUSE;
}

gboolean
klive_callers_may_log (KliveCallers *callers, SoupServerMessage *message)
{
  gint64 now = g_get_monotonic_time ();
  g_autofree char *address = klive_http_message_dup_address (message);
  g_hash_table_foreach_remove (callers->logged, is_long_ago, &now);
  if (g_hash_table_contains (callers->logged, address) || g_hash_table_size (callers->logged) >= MAX_LOGGED)
    return FALSE;
  g_hash_table_insert (callers->logged, g_steal_pointer (&address), g_memdup2 (&now, sizeof now));
  return TRUE;
}

KliveCallers *
klive_callers_new (SoupServer *server, const KliveCallersLimits *limits, KliveCallerFunc classify,
    gconstpointer user_data)
{
  KliveCallers *callers = g_rc_box_new0 (KliveCallers);
  callers->limits = *limits;
  callers->classify = classify;
  callers->user_data = user_data;
  callers->server = g_object_ref (server);
  callers->logged = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_signal_connect (server, "request-started", G_CALLBACK (on_started), callers);
  g_signal_connect (server, "request-read", G_CALLBACK (on_read), callers);
  g_signal_connect (server, "request-finished", G_CALLBACK (on_finished), callers);
  g_signal_connect (server, "request-aborted", G_CALLBACK (on_finished), callers);
  return callers;
}

void
klive_callers_free (KliveCallers *callers)
{
  g_signal_handlers_disconnect_by_data (callers->server, callers);
  g_clear_object (&callers->server);
  g_rc_box_release_full (callers, clear);
}
