/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* klive-callers: how many may be connected, how long they may take, and that nothing of a body is kept unasked. */
#include "klive-callers.h"

#include <string.h>

typedef struct {
  SoupServer *server;
  KliveCallers *callers;
  KliveCallerKind kind; /* of whoever connects next */
  guint16 port;
  guint finished;
  goffset kept; /* bytes of the last body */
} Fixture;

static KliveCallerKind
classify (SoupServerMessage *message, gconstpointer data)
{
  return ((const Fixture *) data)->kind;
}

static void
on_finished (SoupServer *server, SoupServerMessage *message, gpointer data)
{
  Fixture *fixture = data;
  fixture->kept = soup_server_message_get_request_body (message)->length;
  fixture->finished++;
}

static void
on_request (SoupServer *server, SoupServerMessage *message, const char *path, GHashTable *query, gpointer data)
{
  soup_server_message_set_status (message, SOUP_STATUS_OK, NULL);
}

static void
set_up (Fixture *fixture, gconstpointer read_time)
{
  const KliveCallersLimits limits = { 2, 1, GPOINTER_TO_UINT (read_time), 60000 };
  g_autoptr (GError) error = NULL;
  fixture->server = soup_server_new (NULL, NULL);
  fixture->callers = klive_callers_new (fixture->server, &limits, classify, fixture);
  g_signal_connect (fixture->server, "request-finished", G_CALLBACK (on_finished), fixture);
  soup_server_add_handler (fixture->server, NULL, on_request, fixture, NULL);
  soup_server_listen_local (fixture->server, 0, SOUP_SERVER_LISTEN_IPV4_ONLY, &error);
  g_assert_no_error (error);
  GSList *uris = soup_server_get_uris (fixture->server);
  fixture->port = (guint16) g_uri_get_port (uris->data);
  g_slist_free_full (uris, (GDestroyNotify) g_uri_unref);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  soup_server_disconnect (fixture->server);
  klive_callers_free (fixture->callers);
  g_object_unref (fixture->server);
}

static guint
count (Fixture *fixture)
{
  return klive_callers_count (fixture->callers, fixture->kind);
}

static void
wait_count (Fixture *fixture, guint expected)
{
  while (count (fixture) != expected)
    g_main_context_iteration (NULL, TRUE);
}

/* Connects, sends @text; the connection. */
static GSocket *
send_text (Fixture *fixture, const char *text)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new_from_string ("127.0.0.1", fixture->port);
  GSocket *client = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, &error);
  g_assert_no_error (error);
  g_assert_true (g_socket_connect (client, address, NULL, &error));
  if (text[0])
    g_assert_cmpint (g_socket_send (client, text, strlen (text), NULL, &error), ==, strlen (text));
  g_socket_set_blocking (client, FALSE);
  return client;
}

/* Runs the server until it has closed the connection. */
static void
assert_closed (GSocket *client)
{
  char bytes[256];
  gssize size;
  do {
    g_autoptr (GError) error = NULL;
    g_main_context_iteration (NULL, FALSE);
    size = g_socket_receive (client, bytes, sizeof bytes, NULL, &error);
    if (size < 0 && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
      size = 0; /* a reset is an end, too */
  } while (size != 0);
}

static void
test_one_too_many (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GSocket) first = send_text (fixture, "");
  g_autoptr (GSocket) second = send_text (fixture, "GET / HT");
  wait_count (fixture, 2);
  g_autoptr (GSocket) third = send_text (fixture, "");
  assert_closed (third);
  wait_count (fixture, 2);
  fixture->kind = KLIVE_CALLER_ALLOWED; /* strangers do not shut these out */
  g_autoptr (GSocket) other = send_text (fixture, "");
  wait_count (fixture, 1);
  fixture->kind = KLIVE_CALLER_HERE;
  g_autoptr (GPtrArray) ours = g_ptr_array_new_with_free_func (g_object_unref);
  while (ours->len < 10)
    g_ptr_array_add (ours, send_text (fixture, ""));
  wait_count (fixture, 10);
  fixture->kind = KLIVE_CALLER_STRANGER;
  g_socket_close (first, NULL);
  wait_count (fixture, 1);
  g_clear_object (&second);
  wait_count (fixture, 0);
  g_clear_object (&other);
}

/* Says nothing, half a line, sends its body too slowly. One that is answered is closed at once. */
static void
test_too_slow (Fixture *fixture, gconstpointer data)
{
  static const char *const texts[] = { "", "GET / HT", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n1234",
    "GET / HTTP/1.1\r\nHost: h\r\n\r\n" };
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_autoptr (GSocket) client = send_text (fixture, texts[i]);
    assert_closed (client);
    wait_count (fixture, 0);
  }
  g_assert_cmpuint (fixture->finished, >=, 1);
}

/* The second is a request that libsoup refuses by itself, without asking any handler. */
static void
test_bodies_are_not_kept (Fixture *fixture, gconstpointer data)
{
  static const char *const lines[] = { "POST / HTTP/1.1", "POST https://h/ HTTP/1.1" };
  for (guint i = 0; i < G_N_ELEMENTS (lines); i++) {
    g_autofree char *text = g_strconcat (lines[i], "\r\nHost: h\r\nContent-Length: 5\r\n\r\n12345", NULL);
    GSocket *client = send_text (fixture, text);
    fixture->kept = -1;
    while (fixture->kept < 0)
      g_main_context_iteration (NULL, TRUE);
    g_assert_cmpint (fixture->kept, ==, 0);
    g_object_unref (client);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/callers/one-too-many", Fixture, GUINT_TO_POINTER (60000), set_up, test_one_too_many, tear_down);
  g_test_add ("/callers/too-slow", Fixture, GUINT_TO_POINTER (50), set_up, test_too_slow, tear_down);
  g_test_add ("/callers/bodies-are-not-kept", Fixture, GUINT_TO_POINTER (60000), set_up, test_bodies_are_not_kept,
      tear_down);
  return g_test_run ();
}
