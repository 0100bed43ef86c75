/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Requests to nginx-rtmp's control and stat handlers. Used by klive-nginx.c (is it ready?) and klive-supervisor.c
   (drop,
 * list). Main thread.
 */
#include "klive-nginx-control.h"

#include <gio/gunixsocketaddress.h>
#include <libsoup/soup.h>
#include <string.h>
#include "klive-nginx-config.h"

#define TIMEOUT 2 /* s, one request */

struct _KliveNginxControl {
  SoupSession *session;
  char *host; /* for the URL; of no meaning with a socket file */
  GCancellable *cancellable;
};

static GBytes *
request_finish (SoupSession *session, GAsyncResult *result, GError **error)
{
  g_autoptr (GBytes) body = soup_session_send_and_read_finish (session, result, error);
  if (!body)
    return NULL;
  SoupMessage *message = soup_session_get_async_result_message (session, result);
  guint status = soup_message_get_status (message);
  if (status >= 200 && status < 300)
    return g_steal_pointer (&body);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "nginx answered %u to %s", status,
      g_uri_get_path (soup_message_get_uri (message)));
  return NULL;
}

static void
request_async (KliveNginxControl *control, const char *path_and_query, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autofree char *uri = g_strdup_printf ("http://%s%s", control->host, path_and_query);
  g_autoptr (SoupMessage) message = soup_message_new ("GET", uri);
  soup_session_send_and_read_async (control->session, message, G_PRIORITY_DEFAULT, control->cancellable, callback,
      user_data);
}

static void
on_dropped (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  GError *error = NULL;
  g_autoptr (GBytes) body = request_finish (SOUP_SESSION (source), result, &error);
  if (!body) {
    g_task_return_error (task, error);
    return;
  }
  g_autofree char *text = g_strndup (g_bytes_get_data (body, NULL), MIN (g_bytes_get_size (body), 16));
  g_task_return_int (task, (gssize) g_ascii_strtoull (text, NULL, 10));
}

void
klive_nginx_control_drop_async (KliveNginxControl *control, const char *app, const char *name,
    GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (NULL, NULL, callback, user_data);
  /* nginx-rtmp does not decode its arguments: "/" must stay as it is. Names are ours: [0-9A-Za-z_@-]. */
  g_autofree char *path = g_strdup_printf ("/control/drop/publisher?app=%s&name=%s", app, name);
  request_async (control, path, on_dropped, task);
}

gint
klive_nginx_control_drop_finish (GAsyncResult *result, GError **error)
{
  return (gint) g_task_propagate_int (G_TASK (result), error);
}

typedef struct {
  GHashTable *names;
  GString *name; /* of the stream that is being read */
  gboolean publishing;
} StatReader;

/* rtmp/server/application/live/stream: {name, publishing} */
static void
on_stat_start (GMarkupParseContext *context, const char *element, const char **names, const char **values,
    gpointer data, GError **error)
{
  StatReader *reader = data;
  const GSList *stack = g_markup_parse_context_get_element_stack (context);
  const char *parent = stack->next ? stack->next->data : "";
  if (strcmp (element, "stream") == 0) {
    g_string_truncate (reader->name, 0);
    reader->publishing = FALSE;
  } else if (strcmp (element, "publishing") == 0 && strcmp (parent, "stream") == 0) {
    reader->publishing = TRUE;
  }
}

static void
on_stat_text (GMarkupParseContext *context, const char *text, gsize length, gpointer data, GError **error)
{
  StatReader *reader = data;
  const GSList *stack = g_markup_parse_context_get_element_stack (context);
  if (stack && stack->next && strcmp (stack->data, "name") == 0 && strcmp (stack->next->data, "stream") == 0)
    g_string_append_len (reader->name, text, length);
}

static void
on_stat_end (GMarkupParseContext *context, const char *element, gpointer data, GError **error)
{
  StatReader *reader = data;
  if (strcmp (element, "stream") == 0 && reader->publishing && reader->name->len)
    g_hash_table_add (reader->names, g_strdup (reader->name->str));
}

GHashTable *
klive_nginx_control_parse_streams (const char *xml, gsize length, GError **error)
{
  static const GMarkupParser parser = { on_stat_start, on_stat_end, on_stat_text, NULL, NULL };
  g_autoptr (GHashTable) names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GString) name = g_string_new (NULL);
  StatReader reader = { names, name, FALSE };
  g_autoptr (GMarkupParseContext) context = g_markup_parse_context_new (&parser, 0, &reader, NULL);
  if (!g_markup_parse_context_parse (context, xml, length, error) || !g_markup_parse_context_end_parse (context, error))
    return NULL;
  return g_steal_pointer (&names);
}

static void
on_listed (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  GError *error = NULL;
  g_autoptr (GBytes) body = request_finish (SOUP_SESSION (source), result, &error);
  GHashTable *names =
      body ? klive_nginx_control_parse_streams (g_bytes_get_data (body, NULL), g_bytes_get_size (body), &error) : NULL;
  if (names)
    g_task_return_pointer (task, names, (GDestroyNotify) g_hash_table_unref);
  else
    g_task_return_error (task, error);
}

void
klive_nginx_control_list_async (KliveNginxControl *control, GAsyncReadyCallback callback, gpointer user_data)
{
  request_async (control, "/stat", on_listed, g_task_new (NULL, NULL, callback, user_data));
}

GHashTable *
klive_nginx_control_list_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
on_ready (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  GError *error = NULL;
  g_autoptr (GBytes) body = request_finish (SOUP_SESSION (source), result, &error);
  if (body)
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

void
klive_nginx_control_ask_ready_async (KliveNginxControl *control, GAsyncReadyCallback callback, gpointer user_data)
{
  request_async (control, "/ready", on_ready, g_task_new (NULL, NULL, callback, user_data));
}

gboolean
klive_nginx_control_ask_ready_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

KliveNginxControl *
klive_nginx_control_new (const KalturaConfig *config)
{
  KliveNginxControl *control = g_new0 (KliveNginxControl, 1);
  g_autofree char *place = klive_nginx_config_control (config);
  gboolean is_file = g_str_has_prefix (place, "unix:");
  g_autoptr (GSocketAddress) address = is_file ? g_unix_socket_address_new (place + strlen ("unix:")) : NULL;
  control->session =
      soup_session_new_with_options ("timeout", TIMEOUT, "proxy-resolver", NULL, "remote-connectable", address, NULL);
  control->host = g_strdup (is_file ? "nginx" : place);
  control->cancellable = g_cancellable_new ();
  return control;
}

void
klive_nginx_control_free (KliveNginxControl *control)
{
  g_cancellable_cancel (control->cancellable);
  soup_session_abort (control->session);
  g_object_unref (control->session);
  g_object_unref (control->cancellable);
  g_free (control->host);
  g_free (control);
}
