/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The way to the Kaltura API: one SoupSession, one session string, any number of calls at a time. A call is a GTask
 * that goes through these steps, all of them in the thread that made the client:
 *
 *   start_call -> send_request -> on_headers -> on_read ... on_read -> end_call
 *                   ^  ^  kept connection |                                |
 *                   |  '- closed: once ---'                                |
 *                   '------------- INVALID_KS: once, with a new KS --------'
 *
 * Whatever ends a call early (its caller's cancellable, its timer, the client's end) cancels call->cancellable and
 * nothing else; fail_call tells which it was. Secrets sent in a call are cut out of whatever the server repeats of
 * them.
 */

#include "kaltura-client.h"

#include <libsoup/soup.h>
#include <string.h>
#include "kaltura-error.h"
#include "kaltura-ks.h"
#include "kaltura-redact.h"

#define KS_LIFETIME (24 * 60 * 60)  /* s, as the media server that klive replaces */
#define MAX_REPLY (8 * 1024 * 1024) /* bytes, unpacked */
#define READ_SIZE 16384             /* bytes */
#define MAX_CONNECTIONS 16          /* so that slow calls do not queue up those of other entries */
#define IDLE_TIMEOUT 90             /* s; the keep-alive calls come every 60 */

struct _KalturaClient {
  guint refs;
  gboolean closed; /* refs is 0; lives on until its last call has ended */
  SoupSession *session;
  char *service_url;
  KalturaApi api;
  guint timeout; /* s */
  char *client_tag;
  gint partner_id;
  char *secret; /* nullable */
  guint session_version;
  char *ks;         /* nullable */
  gint64 ks_expiry; /* unix s, of a session string made here */
  GList *calls;     /* of Call, none of them owned */
};

typedef struct {
  KalturaClient *client;
  char *service;
  char *action;      /* nullable: several calls in one */
  GPtrArray *fields; /* of char *: names and values of the request but for the session string */
  KalturaPart part;  /* data is NULL: none */
  guint timeout;     /* s */
  char *token;       /* parameter "token", nullable */
  char *ks;          /* as sent, nullable */
  gboolean is_file;  /* the reply is a file, not a KalturaReply */
  gsize max_bytes;
  SoupMessage *message;
  GInputStream *stream;
  GByteArray *body;
  guint8 buffer[READ_SIZE];
  GCancellable *cancellable;
  GCancellable *caller; /* nullable */
  gulong caller_handler;
  GSource *timer;
  gboolean timed_out;
  gboolean repeated;    /* with a new session string */
  gboolean reconnected; /* sent again because the server had closed a kept connection */
} Call;

static void send_request (GTask *task);
static void read_more (GTask *task);

/* client */

KalturaClient *
kaltura_client_new (const KalturaClientSettings *settings)
{
  KalturaClient *client = g_new0 (KalturaClient, 1);
  client->refs = 1;
  client->service_url = g_strdup (settings->service_url);
  client->api = settings->api;
  client->timeout = settings->timeout;
  client->client_tag = g_strdup (settings->client_tag);
  client->partner_id = settings->partner_id;
  client->secret = g_strdup (settings->secret);
  client->session_version = settings->session_version;
  client->session = soup_session_new_with_options ("user-agent", "klive/" KLIVE_VERSION, "timeout", 0, "idle-timeout",
      IDLE_TIMEOUT, "max-conns", 4 * MAX_CONNECTIONS, "max-conns-per-host", MAX_CONNECTIONS, NULL);
  return client;
}

static void
free_client (KalturaClient *client)
{
  g_clear_object (&client->session);
  g_free (client->service_url);
  g_free (client->client_tag);
  g_free (client->secret);
  g_free (client->ks);
  g_free (client);
}

KalturaClient *
kaltura_client_ref (KalturaClient *client)
{
  client->refs++;
  return client;
}

void
kaltura_client_unref (KalturaClient *client)
{
  if (client == NULL || --client->refs > 0)
    return;
  client->closed = TRUE;
  if (client->calls == NULL) {
    free_client (client);
    return;
  }
  g_autoptr (GPtrArray) cancellables = g_ptr_array_new_with_free_func (g_object_unref);
  for (GList *item = client->calls; item != NULL; item = item->next)
    g_ptr_array_add (cancellables, g_object_ref (((Call *) item->data)->cancellable));
  for (guint i = 0; i < cancellables->len; i++)
    g_cancellable_cancel (cancellables->pdata[i]);
}

KalturaApi
kaltura_client_get_api (const KalturaClient *client)
{
  return client->api;
}

gint
kaltura_client_get_partner_id (const KalturaClient *client)
{
  return client->partner_id;
}

/* session string */

void
kaltura_client_set_ks (KalturaClient *client, const char *ks)
{
  g_return_if_fail (client->secret == NULL);
  g_free (client->ks);
  client->ks = g_strdup (ks);
}

char *
kaltura_client_make_ks (KalturaClient *client, guint lifetime)
{
  if (client->secret == NULL)
    return NULL;
  KalturaKs ks = {
    .partner_id = client->partner_id,
    .user = (char *) "MediaServer",
    .type = 2,
    .expiry = g_get_real_time () / G_USEC_PER_SEC + lifetime,
    .privileges = (char *) "disableentitlement",
  };
  if (client->session_version == 1)
    return kaltura_ks_make_v1 (&ks, client->secret, NULL, NULL);
  return kaltura_ks_make_v2 (&ks, client->secret, NULL, NULL);
}

static void
renew_ks (KalturaClient *client)
{
  g_free (client->ks);
  client->ks = kaltura_client_make_ks (client, KS_LIFETIME);
  client->ks_expiry = g_get_real_time () / G_USEC_PER_SEC + KS_LIFETIME;
}

static const char *
get_ks (KalturaClient *client)
{
  gint64 now = g_get_real_time () / G_USEC_PER_SEC;
  if (client->secret != NULL && (client->ks == NULL || kaltura_ks_is_stale (client->ks_expiry, KS_LIFETIME, now)))
    renew_ks (client);
  return client->ks;
}

/* calls */

static gboolean
repeats_secret (const Call *call)
{
  if (call->body->len == 0)
    return FALSE;
  g_autofree char *head = g_strndup ((const char *) call->body->data, MIN (call->body->len, 4096));
  return kaltura_redact_is_needed (head, call->ks) || kaltura_redact_is_needed (head, call->token);
}

static void
redact_error (const Call *call, GError *error)
{
  g_autofree char *without_ks = kaltura_redact (error->message, call->ks, "[ks]");
  g_free (error->message);
  error->message = kaltura_redact (without_ks, call->token, "[token]");
}

static void
free_call (Call *call)
{
  KalturaClient *client = call->client;
  client->calls = g_list_remove (client->calls, call);
  if (client->closed && client->calls == NULL)
    free_client (client);
  if (call->caller_handler != 0)
    g_signal_handler_disconnect (call->caller, call->caller_handler);
  g_clear_object (&call->caller);
  g_source_destroy (call->timer);
  g_source_unref (call->timer);
  g_object_unref (call->cancellable);
  g_clear_object (&call->message);
  g_clear_object (&call->stream);
  g_byte_array_unref (call->body);
  g_ptr_array_unref (call->fields);
  g_clear_pointer (&call->part.data, g_bytes_unref);
  g_free ((char *) call->part.name);
  g_free ((char *) call->part.file_name);
  g_free (call->service);
  g_free (call->action);
  g_free (call->token);
  g_free (call->ks);
  g_free (call);
}

static const char *
get_action (const Call *call)
{
  return call->action != NULL ? call->action : "call";
}

/* Ends the call with @error (transfer full), made into one of the library's domain. Consumes @task. */
static void
fail_call (GTask *task, GError *error)
{
  Call *call = g_task_get_task_data (task);
  g_autoptr (GTask) done = task;
  g_autoptr (GError) cause = error;

  g_source_destroy (call->timer);
  if (call->caller != NULL && g_cancellable_is_cancelled (call->caller)) {
    g_task_return_new_error (done, G_IO_ERROR, G_IO_ERROR_CANCELLED, "%s.%s: cancelled", call->service,
        get_action (call));
  } else if (call->client->closed) {
    g_task_return_new_error (done, G_IO_ERROR, G_IO_ERROR_CANCELLED, "%s.%s: the client was closed", call->service,
        get_action (call));
  } else if (call->timed_out) {
    g_task_return_new_error (done, KALTURA_ERROR, KALTURA_ERROR_TRANSPORT, "%s.%s at %s: no answer within %u s",
        call->service, get_action (call), call->client->service_url, call->timeout);
  } else if (g_error_matches (cause, KALTURA_ERROR, KALTURA_ERROR_API)) {
    redact_error (call, cause);
    g_task_return_error (done, g_steal_pointer (&cause));
  } else {
    gint code = cause->domain == KALTURA_ERROR ? cause->code : KALTURA_ERROR_TRANSPORT;
    redact_error (call, cause);
    g_task_return_new_error (done, KALTURA_ERROR, code, "%s.%s at %s: %s", call->service, get_action (call),
        call->client->service_url, cause->message);
  }
}

static gboolean
on_timeout (gpointer user_data)
{
  Call *call = user_data;
  call->timed_out = TRUE;
  g_cancellable_cancel (call->cancellable);
  return G_SOURCE_REMOVE;
}

/* Any thread. */
static void
on_caller_cancelled (GCancellable *caller, gpointer user_data)
{
  g_cancellable_cancel (G_CANCELLABLE (user_data));
}

static gboolean
wants_new_ks (const Call *call, const GError *error)
{
  return call->client->secret != NULL && !call->repeated && !call->client->closed &&
      (kaltura_error_is_api_code (error, "INVALID_KS") || kaltura_error_is_api_code (error, "MISSING_KS"));
}

/* The error that the headers of an empty file reply tell: "X-Kaltura-App: exiting on error CODE - MESSAGE". */
static GError *
make_file_error (const Call *call)
{
  static const char *const opening = "exiting on error ";
  SoupMessageHeaders *headers = soup_message_get_response_headers (call->message);
  const char *text = soup_message_headers_get_one (headers, "X-Kaltura-App");
  if (text != NULL && g_str_has_prefix (text, opening)) {
    g_autofree char *code = g_strdup (text + strlen (opening));
    char *message = strstr (code, " - ");
    if (message != NULL) {
      *message = '\0';
      message += strlen (" - ");
    }
    g_strstrip (code);
    if (code[0] != '\0' && strpbrk (code, ": ") == NULL)
      return g_error_new (KALTURA_ERROR, KALTURA_ERROR_API, "%s: %.300s", code, message != NULL ? message : "");
  }
  text = soup_message_headers_get_one (headers, "X-Kaltura");
  if (text != NULL && g_str_has_prefix (text, "error-")) {
    g_autofree char *code = g_strstrip (g_strdup (text + strlen ("error-")));
    if (code[0] != '\0' && strpbrk (code, ": ") == NULL)
      return g_error_new (KALTURA_ERROR, KALTURA_ERROR_API, "%s: no message", code);
  }
  return g_error_new_literal (KALTURA_ERROR, KALTURA_ERROR_GARBAGE, "empty reply");
}

/* A file, unless it is empty or the API's way to tell an error. */
static GBytes *
take_file (Call *call, GError **error)
{
  if (call->body->len == 0) {
    g_propagate_error (error, make_file_error (call));
    return NULL;
  }
  if (g_strstr_len ((const char *) call->body->data, MIN (call->body->len, 1024), "<result><error>") != NULL) {
    g_autoptr (GError) cause = NULL;
    kaltura_reply_free (kaltura_reply_parse ((const char *) call->body->data, call->body->len, &cause));
    if (g_error_matches (cause, KALTURA_ERROR, KALTURA_ERROR_API)) {
      g_propagate_error (error, g_steal_pointer (&cause));
      return NULL;
    }
  }
  return g_byte_array_free_to_bytes (g_byte_array_ref (call->body));
}

static KalturaReply *
take_reply (Call *call, GError **error)
{
  KalturaReply *reply = kaltura_reply_parse ((const char *) call->body->data, call->body->len, error);
  if (reply == NULL && error != NULL && g_error_matches (*error, KALTURA_ERROR, KALTURA_ERROR_GARBAGE) &&
      repeats_secret (call)) {
    g_clear_error (error);
    g_set_error_literal (error, KALTURA_ERROR, KALTURA_ERROR_GARBAGE, "not a reply of the API, it repeats the request");
  }
  return reply;
}

/* The whole body is there. Consumes @task. */
static void
end_call (GTask *task)
{
  Call *call = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;
  GBytes *file = call->is_file ? take_file (call, &error) : NULL;
  KalturaReply *reply = call->is_file ? NULL : take_reply (call, &error);

  if (error != NULL && wants_new_ks (call, error)) {
    call->repeated = TRUE;
    if (g_strcmp0 (call->ks, call->client->ks) == 0) /* else another call has renewed it meanwhile */
      renew_ks (call->client);
    send_request (task);
    return;
  }
  if (error != NULL) {
    fail_call (task, g_steal_pointer (&error));
    return;
  }
  g_source_destroy (call->timer);
  if (call->is_file)
    g_task_return_pointer (task, file, (GDestroyNotify) g_bytes_unref);
  else
    g_task_return_pointer (task, reply, (GDestroyNotify) kaltura_reply_free);
  g_object_unref (task);
}

static void
on_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GTask *task = user_data;
  Call *call = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;
  gssize size = g_input_stream_read_finish (G_INPUT_STREAM (source), result, &error);
  if (size < 0) {
    fail_call (task, g_steal_pointer (&error));
    return;
  }
  if (size == 0) {
    end_call (task);
    return;
  }
  if (call->body->len + (gsize) size > call->max_bytes) {
    fail_call (task,
        g_error_new (KALTURA_ERROR, KALTURA_ERROR_GARBAGE, "reply larger than %" G_GSIZE_FORMAT " bytes",
            call->max_bytes));
    return;
  }
  g_byte_array_append (call->body, call->buffer, (guint) size);
  read_more (task);
}

static void
read_more (GTask *task)
{
  Call *call = g_task_get_task_data (task);
  g_input_stream_read_async (call->stream, call->buffer, sizeof call->buffer, G_PRIORITY_DEFAULT, call->cancellable,
      on_read, task);
}

/* Whether a request may go over a kept connection, where it can get lost and has to be sent again. */
static gboolean
is_repeatable (const char *action)
{
  return action != NULL && !g_str_has_prefix (action, "append") && !g_str_has_prefix (action, "add") &&
      !g_str_has_prefix (action, "upload");
}

/* A server closes a kept connection whenever it likes, also while the next request is on its way. */
static gboolean
wants_new_connection (const Call *call, const GError *error)
{
  gboolean closed = g_error_matches (error, G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT) ||
      g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED) ||
      g_error_matches (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE);
  return closed && is_repeatable (call->action) && !call->reconnected && !call->client->closed;
}

static void
on_headers (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GTask *task = user_data;
  Call *call = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;
  call->stream = soup_session_send_finish (SOUP_SESSION (source), result, &error);
  if (call->stream == NULL && wants_new_connection (call, error)) {
    call->reconnected = TRUE;
    send_request (task);
    return;
  }
  if (call->stream == NULL) {
    fail_call (task, g_steal_pointer (&error));
    return;
  }
  guint status = soup_message_get_status (call->message);
  if (status != SOUP_STATUS_OK) {
    fail_call (task, g_error_new (KALTURA_ERROR, KALTURA_ERROR_TRANSPORT, "HTTP status %u", status));
    return;
  }
  read_more (task);
}

static char *
make_uri (const Call *call)
{
  g_autofree char *action = call->action != NULL ? g_strconcat ("&action=", call->action, NULL) : g_strdup ("");
  return g_strdup_printf ("%s/api_v3/index.php?service=%s%s", call->client->service_url, call->service, action);
}

static void
append_parameter (GString *form, const char *name, const char *value)
{
  g_autofree char *escaped_name = g_uri_escape_string (name, NULL, FALSE);
  g_autofree char *escaped_value = g_uri_escape_string (value, NULL, FALSE);
  g_string_append_printf (form, "%s%s=%s", form->len > 0 ? "&" : "", escaped_name, escaped_value);
}

static void
set_form_body (SoupMessage *message, const char *const *fields)
{
  GString *form = g_string_new (NULL);
  for (guint i = 0; fields[i] != NULL; i += 2)
    append_parameter (form, fields[i], fields[i + 1]);
  g_autoptr (GBytes) bytes = g_string_free_to_bytes (form);
  soup_message_set_request_body_from_bytes (message, "application/x-www-form-urlencoded", bytes);
}

static void
set_multipart_body (SoupMessage *message, const char *const *fields, const KalturaPart *part)
{
  g_autofree char *content_type = NULL;
  goffset length;
  g_autoptr (GInputStream) stream = kaltura_multipart_new (fields, part, &content_type, &length);
  soup_message_set_request_body (message, content_type, stream, length);
}

static void
set_body (Call *call)
{
  g_autoptr (GPtrArray) fields = g_ptr_array_copy (call->fields, NULL, NULL);
  g_ptr_array_set_free_func (fields, NULL);
  if (call->ks != NULL) {
    g_ptr_array_add (fields, (char *) "ks");
    g_ptr_array_add (fields, call->ks);
  }
  g_ptr_array_add (fields, NULL);
  if (call->part.data != NULL)
    set_multipart_body (call->message, (const char *const *) fields->pdata, &call->part);
  else
    set_form_body (call->message, (const char *const *) fields->pdata);
}

static void
send_request (GTask *task)
{
  Call *call = g_task_get_task_data (task);
  g_autofree char *uri = make_uri (call);

  g_free (call->ks);
  call->ks = g_strdup (get_ks (call->client));
  g_clear_object (&call->stream);
  g_clear_object (&call->message);
  g_byte_array_set_size (call->body, 0);
  call->message = soup_message_new (SOUP_METHOD_POST, uri);
  if (call->message == NULL) {
    fail_call (task, g_error_new_literal (KALTURA_ERROR, KALTURA_ERROR_TRANSPORT, "not a URL"));
    return;
  }
  soup_message_add_flags (call->message, SOUP_MESSAGE_NO_REDIRECT);
  if (call->reconnected)
    soup_message_add_flags (call->message, SOUP_MESSAGE_NEW_CONNECTION);
  else if (is_repeatable (call->action))
    soup_message_add_flags (call->message, SOUP_MESSAGE_IDEMPOTENT);
  set_body (call);
  soup_session_send_async (call->client->session, call->message, G_PRIORITY_DEFAULT, call->cancellable, on_headers,
      task);
}

static void
add_field (GPtrArray *fields, const char *name, const char *value)
{
  g_ptr_array_add (fields, g_strdup (name));
  g_ptr_array_add (fields, g_strdup (value));
}

static GPtrArray *
make_fields (KalturaClient *client, gint partner_id, const char *const *params)
{
  GPtrArray *fields = g_ptr_array_new_with_free_func (g_free);
  add_field (fields, "format", "2");
  add_field (fields, "ignoreNull", "1");
  add_field (fields, "clientTag", client->client_tag != NULL ? client->client_tag : "klive");
  for (guint i = 0; params != NULL && params[i] != NULL; i += 2)
    add_field (fields, params[i], params[i + 1]);
  if (partner_id != 0) {
    g_autofree char *partner = g_strdup_printf ("%d", partner_id);
    add_field (fields, "partnerId", partner);
  }
  return fields;
}

static char *
dup_token (const char *const *params)
{
  for (guint i = 0; params != NULL && params[i] != NULL; i += 2)
    if (g_str_equal (params[i], "token"))
      return g_strdup (params[i + 1]);
  return NULL;
}

static Call *
make_call (KalturaClient *client, const char *service, const char *action, gint partner_id, const char *const *params)
{
  Call *call = g_new0 (Call, 1);
  call->client = client;
  call->service = g_strdup (service);
  call->action = g_strdup (action);
  call->fields = make_fields (client, partner_id, params);
  call->token = dup_token (params);
  call->max_bytes = MAX_REPLY;
  call->timeout = client->timeout;
  return call;
}

/* Takes @call. */
static void
start_call (Call *call, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  call->body = g_byte_array_new ();
  call->cancellable = g_cancellable_new ();
  call->timer = g_timeout_source_new_seconds (call->timeout);
  g_source_set_callback (call->timer, on_timeout, call, NULL);
  g_source_attach (call->timer, g_main_context_get_thread_default ());
  call->client->calls = g_list_prepend (call->client->calls, call);

  GTask *task = g_task_new (NULL, cancellable, callback, user_data);
  g_task_set_task_data (task, call, (GDestroyNotify) free_call);
  if (cancellable != NULL) {
    call->caller = g_object_ref (cancellable);
    call->caller_handler = g_cancellable_connect (cancellable, G_CALLBACK (on_caller_cancelled),
        g_object_ref (call->cancellable), g_object_unref);
  }
  send_request (task);
}

void
kaltura_client_call_async (KalturaClient *client, const char *service, const char *action, gint partner_id,
    const char *const *params, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  start_call (make_call (client, service, action, partner_id, params), cancellable, callback, user_data);
}

void
kaltura_client_send_async (KalturaClient *client, const char *service, const char *action, gint partner_id,
    const char *const *params, const KalturaPart *part, guint timeout, GCancellable *cancellable,
    GAsyncReadyCallback callback, gpointer user_data)
{
  Call *call = make_call (client, service, action, partner_id, params);
  call->timeout = timeout;
  if (part != NULL)
    call->part = (KalturaPart){ g_strdup (part->name), g_strdup (part->file_name), g_bytes_ref (part->data) };
  start_call (call, cancellable, callback, user_data);
}

KalturaReply *
kaltura_client_call_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

void
kaltura_client_fetch_async (KalturaClient *client, const char *service, const char *action, gint partner_id,
    const char *const *params, gsize max_bytes, GCancellable *cancellable, GAsyncReadyCallback callback,
    gpointer user_data)
{
  Call *call = make_call (client, service, action, partner_id, params);
  call->is_file = TRUE;
  call->max_bytes = max_bytes;
  start_call (call, cancellable, callback, user_data);
}

GBytes *
kaltura_client_fetch_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
