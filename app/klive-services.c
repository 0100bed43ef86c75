/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The HTTP side of the SOAP services, and what their operations do. Owned by klive-serve.c, main thread.
 *
 * The client is NuSOAP 0.9.5 of kaltura/server: HTTP/1.1 for the WSDL, HTTP/1.0 for calls (libsoup answers each in its
 * own version, with a Content-Length), "Authorization: Basic Og==" with neither user nor password. 3.0.8 answered true
 * before it did anything; here a fault tells what cannot be done, which the API makes an error of.
 */
#include "klive-services.h"

#include <string.h>
#include "kaltura-entry.h"
#include "kaltura-error.h"
#include "klive-callers.h"
#include "klive-http-message.h"
#include "klive-log.h"
#include "klive-soap.h"

#define MAX_BODY 65536 /* bytes; a request has some 600 */
#define XML_TYPE "text/xml;charset=utf-8"

typedef struct {
  KliveSoapService service;
  gboolean (*run) (KliveServices *services, const KliveSoapCall *call, GError **error);
} Operation;

struct _KliveServices {
  const KalturaConfig *config;
  KliveSupervisor *supervisor;
  KliveSyncSchedule *schedule;
  SoupServer *server;
  KliveCallers *callers;
};

/* --- operations --- */

static gboolean
check_entry_id (const char *entry_id, GError **error)
{
  if (kaltura_entry_id_is_valid (entry_id))
    return TRUE;
  g_autofree char *quoted = kaltura_error_quote (entry_id, -1, 32);
  g_set_error (error, KLIVE_SOAP_ERROR, KLIVE_SOAP_ERROR_CLIENT,
      "liveEntryId is %s, expected an entry id such as 0_abcd1234", quoted);
  return FALSE;
}

static gboolean
split_recording_now (KliveServices *services, const KliveSoapCall *call, GError **error)
{
  const char *entry_id = call->strings[0];
  if (!check_entry_id (entry_id, error))
    return FALSE;
  if (klive_supervisor_split (services->supervisor, entry_id) == 0) {
    g_set_error (error, KLIVE_SOAP_ERROR, KLIVE_SOAP_ERROR_CLIENT, "entry %s is not on air here", entry_id);
    return FALSE;
  }
  return TRUE;
}

static gboolean
check_seconds (const char *name, gint value, gint most, GError **error)
{
  if (value >= 1 && value <= most)
    return TRUE;
  g_set_error (error, KLIVE_SOAP_ERROR, KLIVE_SOAP_ERROR_CLIENT, "%s is %d, expected 1 to %d s", name, value, most);
  return FALSE;
}

static gboolean
create_time_cue_points (KliveServices *services, const KliveSoapCall *call, GError **error)
{
  return check_entry_id (call->strings[0], error) &&
      check_seconds ("interval", call->ints[1], KLIVE_SYNC_MAX_INTERVAL, error) &&
      check_seconds ("duration", call->ints[2], KLIVE_SYNC_MAX_DURATION, error) &&
      klive_sync_schedule_start (services->schedule, call->strings[0], (guint) call->ints[1], (guint) call->ints[2],
          error);
}

static const Operation operations[] = {
  { { "live", "KalturaLiveServiceService", "splitRecordingNow", "SplitRecordingNow",
        { { "liveEntryId", KLIVE_SOAP_STRING }, { NULL } } },
      split_recording_now },
  { { "cuePoints", "KalturaCuePointsServiceService", "createTimeCuePoints", "CreateTimeCuePoints",
        { { "liveEntryId", KLIVE_SOAP_STRING }, { "interval", KLIVE_SOAP_INT }, { "duration", KLIVE_SOAP_INT },
            { NULL } } },
      create_time_cue_points },
};

static const Operation *
find_operation (const char *path)
{
  for (guint i = 0; i < G_N_ELEMENTS (operations); i++)
    if (path[0] == '/' && strcmp (path + 1, operations[i].service.name) == 0)
      return &operations[i];
  return NULL;
}

/* --- answers --- */

static void
answer_xml (SoupServerMessage *message, guint status, const char *xml)
{
  klive_http_message_answer (message, status, XML_TYPE, xml);
}

static void
log_fault (SoupServerMessage *message, const char *path, const GError *error)
{
  g_autofree char *address = klive_http_message_dup_address (message);
  klive_log (KLIVE_LOG_WARNING, "soap-fault", NULL, NULL, "path", path, "address", address, "message", error->message,
      NULL);
}

static void
answer_fault (SoupServerMessage *message, const char *path, guint status, const GError *error)
{
  g_autofree char *xml = klive_soap_format_fault (error);
  log_fault (message, path, error);
  answer_xml (message, status, xml);
}

/* Of strangers the log takes no more than a line a minute. */
static void
answer_stranger (KliveServices *services, SoupServerMessage *message, const char *path)
{
  g_autoptr (GError) error =
      g_error_new_literal (KLIVE_SOAP_ERROR, KLIVE_SOAP_ERROR_CLIENT, "the caller is not in [server] soap-allow");
  g_autofree char *xml = klive_soap_format_fault (error);
  if (klive_callers_may_log (services->callers, message))
    log_fault (message, path, error);
  answer_xml (message, SOUP_STATUS_FORBIDDEN, xml);
}

static void answer_client_fault (SoupServerMessage *message, const char *path, guint status, const char *format, ...)
    G_GNUC_PRINTF (4, 5);

/* A request that does not get as far as its envelope. */
static void
answer_client_fault (SoupServerMessage *message, const char *path, guint status, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autoptr (GError) error = g_error_new_valist (KLIVE_SOAP_ERROR, KLIVE_SOAP_ERROR_CLIENT, format, args);
  va_end (args);
  answer_fault (message, path, status, error);
}

/* --- requests --- */

/* Where the caller has found us is where the call is to go, too. */
static char *
make_location (SoupServerMessage *message, const char *name)
{
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (message);
  const char *host = soup_message_headers_get_one (headers, "Host");
  if (host && host[0] && strlen (host) <= 255 && !host[strspn (host, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "-._:[]")])
    return g_strdup_printf ("http://%s/%s", host, name);
  GSocketAddress *local = soup_server_message_get_local_address (message);
  g_autofree char *address = g_socket_connectable_to_string (G_SOCKET_CONNECTABLE (local));
  return g_strdup_printf ("http://%s/%s", address, name);
}

static void
answer_wsdl (SoupServerMessage *message, const Operation *operation)
{
  const char *query = g_uri_get_query (soup_server_message_get_uri (message));
  if (!query || g_ascii_strcasecmp (query, "wsdl") != 0) {
    klive_http_message_answer_status (message, SOUP_STATUS_NOT_FOUND);
    return;
  }
  g_autofree char *location = make_location (message, operation->service.name);
  g_autofree char *xml = klive_soap_format_wsdl (&operation->service, location);
  answer_xml (message, SOUP_STATUS_OK, xml);
}

static void
answer_call (KliveServices *services, SoupServerMessage *message, const char *path, const Operation *operation)
{
  SoupMessageBody *body = soup_server_message_get_request_body (message);
  g_autoptr (GError) error = NULL;
  g_autoptr (KliveSoapCall) call =
      klive_soap_call_parse (&operation->service, body->data ? body->data : "", (gsize) body->length, &error);
  if (!call || !operation->run (services, call, &error)) {
    answer_fault (message, path, SOUP_STATUS_INTERNAL_SERVER_ERROR, error);
    return;
  }
  g_autofree char *address = klive_http_message_dup_address (message);
  g_autofree char *xml = klive_soap_format_response (&operation->service);
  klive_log (KLIVE_LOG_INFO, "soap-call", call->strings[0], NULL, "operation", operation->service.operation, "address",
      address, NULL);
  answer_xml (message, SOUP_STATUS_OK, xml);
}

static gboolean
is_xml (SoupServerMessage *message)
{
  const char *type = soup_message_headers_get_content_type (soup_server_message_get_request_headers (message), NULL);
  return type && g_ascii_strcasecmp (type, "text/xml") == 0;
}

/* KliveCallerFunc */
static KliveCallerKind
classify (SoupServerMessage *message, gconstpointer data)
{
  const KliveServices *services = data;
  if (klive_http_message_is_from_here (message))
    return KLIVE_CALLER_HERE;
  return klive_http_message_is_allowed (message, (const char *const *) services->config->soap_allow)
      ? KLIVE_CALLER_ALLOWED
      : KLIVE_CALLER_STRANGER;
}

/* Before the body: whoever may not call does not get to send one. */
static void
on_headers (SoupServer *server, SoupServerMessage *message, const char *path, GHashTable *query, gpointer data)
{
  KliveServices *services = data;
  if (classify (message, services) == KLIVE_CALLER_STRANGER)
    answer_stranger (services, message, path);
  else if (!find_operation (path))
    answer_client_fault (message, path, SOUP_STATUS_NOT_FOUND,
        "there is no such service, expected /live or /cuePoints");
  else if (!klive_http_message_keep_body (message, MAX_BODY))
    answer_client_fault (message, path, SOUP_STATUS_REQUEST_ENTITY_TOO_LARGE,
        "the request is too large or without a length, expected at most %d bytes", MAX_BODY);
  else if (klive_http_message_is_post (message) && !is_xml (message))
    answer_client_fault (message, path, SOUP_STATUS_UNSUPPORTED_MEDIA_TYPE,
        "the request has another Content-Type than text/xml");
}

static void
on_request (SoupServer *server, SoupServerMessage *message, const char *path, GHashTable *query, gpointer data)
{
  const Operation *operation = find_operation (path);
  if (klive_http_message_is_get (message)) {
    answer_wsdl (message, operation);
  } else if (klive_http_message_is_post (message)) {
    answer_call (data, message, path, operation);
  } else {
    soup_message_headers_replace (soup_server_message_get_response_headers (message), "Allow", "GET, HEAD, POST");
    klive_http_message_answer_status (message, SOUP_STATUS_METHOD_NOT_ALLOWED);
  }
}

KliveServices *
klive_services_new (const KalturaConfig *config, KliveSupervisor *supervisor, KliveSyncSchedule *schedule,
    GError **error)
{
  g_autoptr (KliveServices) services = g_new0 (KliveServices, 1);
  services->config = config;
  services->supervisor = supervisor;
  services->schedule = schedule;
  services->server = soup_server_new ("server-header", "klive", NULL);
  services->callers = klive_callers_new (services->server, &klive_callers_limits, classify, services);
  soup_server_add_early_handler (services->server, NULL, on_headers, services, NULL);
  soup_server_add_handler (services->server, NULL, on_request, services, NULL);
  if (!klive_http_listen (services->server, config->soap_listen, "soap-listen", error))
    return NULL;
  return g_steal_pointer (&services);
}

void
klive_services_free (KliveServices *services)
{
  soup_server_disconnect (services->server);
  klive_callers_free (services->callers);
  g_object_unref (services->server);
  g_free (services);
}
