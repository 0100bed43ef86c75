/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON lines over a socket pair: what is sent arrives, and what a peer may do wrong harms nobody. */

#include <gio/gio.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>

#include "klive-wire.h"

typedef struct {
  KliveWire *wire;
  int peer;         /* the other end of the socket pair */
  GPtrArray *lines; /* of char *: messages as text */
  gboolean closed;
  GError *error;
  gboolean free_in_callback;
} Fixture;

static void
on_message (KliveWire *wire, JsonObject *message, gpointer user_data)
{
  Fixture *f = user_data;
  g_autoptr (JsonNode) node = json_node_init_object (json_node_alloc (), message);

  g_ptr_array_add (f->lines, json_to_string (node, FALSE));
  if (f->free_in_callback)
    g_clear_pointer (&f->wire, klive_wire_free);
}

static void
on_closed (KliveWire *wire, const GError *error, gpointer user_data)
{
  Fixture *f = user_data;

  g_assert_false (f->closed);
  f->closed = TRUE;
  f->error = error != NULL ? g_error_copy (error) : NULL;
}

static void
set_up (Fixture *f, gconstpointer data)
{
  int fds[2];
  g_autoptr (GSocket) socket = NULL;
  g_autoptr (GSocketConnection) connection = NULL;

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
  socket = g_socket_new_from_fd (fds[0], NULL);
  connection = g_socket_connection_factory_create_connection (socket);
  f->peer = fds[1];
  f->lines = g_ptr_array_new_with_free_func (g_free);
  f->wire = klive_wire_new (G_IO_STREAM (connection), on_message, on_closed, f);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  klive_wire_free (f->wire);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  if (f->peer >= 0)
    close (f->peer);
  g_ptr_array_unref (f->lines);
  g_clear_error (&f->error);
}

static void
peer_write (Fixture *f, const char *text)
{
  g_assert_cmpint (write (f->peer, text, strlen (text)), ==, (gssize) strlen (text));
}

static void
test_split_lines (Fixture *f, gconstpointer data)
{
  peer_write (f, "{\"type\":\"a\",\"serial\":17638123");
  while (g_main_context_iteration (NULL, FALSE))
    ;
  peer_write (f, "45678}\n{\"type\":\"b\"}\r\n\n");
  while (f->lines->len < 2)
    g_main_context_iteration (NULL, TRUE);

  g_assert_cmpstr (f->lines->pdata[0], ==, "{\"type\":\"a\",\"serial\":1763812345678}");
  g_assert_cmpstr (f->lines->pdata[1], ==, "{\"type\":\"b\"}");
}

static void
test_bad_lines_are_skipped (Fixture *f, gconstpointer data)
{
  peer_write (f, "hello\n[1]\n{\"type\":7}\n{\"type\":\"good\"}\n");
  while (f->lines->len < 1)
    g_main_context_iteration (NULL, TRUE);

  g_assert_cmpstr (f->lines->pdata[0], ==, "{\"type\":\"good\"}");
  g_assert_false (f->closed);
}

static void
test_long_line_closes (Fixture *f, gconstpointer data)
{
  g_autofree char *junk = g_strnfill (65536, 'x');
  guint i;

  for (i = 0; i < 20 && !f->closed; i++) {
    peer_write (f, junk);
    while (g_main_context_iteration (NULL, FALSE))
      ;
  }
  while (!f->closed)
    g_main_context_iteration (NULL, TRUE);
  g_assert_error (f->error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
}

static void
test_peer_closes (Fixture *f, gconstpointer data)
{
  peer_write (f, "{\"type\":\"last\"}\n");
  close (f->peer);
  f->peer = -1;
  while (!f->closed)
    g_main_context_iteration (NULL, TRUE);

  g_assert_no_error (f->error);
  g_assert_cmpuint (f->lines->len, ==, 1);
  klive_wire_send (f->wire, klive_message_new ("dropped"));
}

static void
test_free_in_callback (Fixture *f, gconstpointer data)
{
  f->free_in_callback = TRUE;
  peer_write (f, "{\"type\":\"a\"}\n{\"type\":\"b\"}\n");
  while (f->wire != NULL)
    g_main_context_iteration (NULL, TRUE);
  while (g_main_context_iteration (NULL, FALSE))
    ;

  g_assert_cmpuint (f->lines->len, ==, 1);
  g_assert_false (f->closed);
}

static void
test_send (Fixture *f, gconstpointer data)
{
  JsonObject *message = klive_message_new_strings ("session-failed", "message", "a \"b\"\n", "absent", NULL, NULL);
  char buffer[200] = "";

  json_object_set_int_member (message, "serial", 1763812345678);
  klive_wire_send (f->wire, message);
  g_assert_true (klive_wire_flush (f->wire, 1000));
  g_assert_cmpint (read (f->peer, buffer, sizeof buffer - 1), >, 0);
  g_assert_cmpstr (buffer, ==,
      "{\"type\":\"session-failed\",\"message\":\"a \\\"b\\\"\\n\",\"serial\":1763812345678}\n");
}

static void
test_slow_reader_closes (Fixture *f, gconstpointer data)
{
  g_autofree char *junk = g_strnfill (500000, 'x');
  guint i;

  for (i = 0; i < 30; i++)
    klive_wire_send (f->wire, klive_message_new_strings ("junk", "text", junk, NULL));
  g_assert_false (f->closed);
  while (!f->closed)
    g_main_context_iteration (NULL, TRUE);
  g_assert_error (f->error, G_IO_ERROR, G_IO_ERROR_BUSY);
}

static void
test_large_message_arrives_whole (Fixture *f, gconstpointer data)
{
  g_autofree char *junk = g_strnfill (900000, 'x');
  g_autofree char *buffer = g_malloc (1000000);
  gsize total = 0;

  g_unix_set_fd_nonblocking (f->peer, TRUE, NULL);
  klive_wire_send (f->wire, klive_message_new_strings ("junk", "text", junk, NULL));
  while (total == 0 || buffer[total - 1] != '\n') {
    gssize n = read (f->peer, buffer + total, 1000000 - total);
    if (n > 0)
      total += (gsize) n;
    g_main_context_iteration (NULL, FALSE);
  }
  g_assert_cmpuint (total, ==, strlen ("{\"type\":\"junk\",\"text\":\"\"}\n") + 900000);
}

static void
test_getters (void)
{
  g_autoptr (JsonNode) node =
      json_from_string ("{\"type\":\"t\",\"i\":5,\"d\":1.5,\"s\":\"x\",\"b\":true,\"o\":{},\"a\":[],\"n\":null}", NULL);
  JsonObject *m = json_node_get_object (node);

  g_assert_cmpint (klive_message_get_int (m, "i", 0), ==, 5);
  g_assert_cmpint (klive_message_get_int (m, "s", 7), ==, 7);
  g_assert_cmpint (klive_message_get_int (m, "o", 7), ==, 7);
  g_assert_cmpfloat (klive_message_get_double (m, "d", 0), ==, 1.5);
  g_assert_cmpfloat (klive_message_get_double (m, "i", 0), ==, 5);
  g_assert_cmpstr (klive_message_get_string (m, "s", NULL), ==, "x");
  g_assert_null (klive_message_get_string (m, "i", NULL));
  g_assert_null (klive_message_get_string (m, "n", NULL));
  g_assert_true (klive_message_get_boolean (m, "b", FALSE));
  g_assert_true (klive_message_get_boolean (m, "none", TRUE));
  g_assert_nonnull (klive_message_get_object (m, "o"));
  g_assert_null (klive_message_get_object (m, "a"));
  g_assert_nonnull (klive_message_get_array (m, "a"));
  g_assert_null (klive_message_get_array (m, "o"));
}

#define ADD(path, function) g_test_add (path, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/wire/split-lines", test_split_lines);
  ADD ("/wire/bad-lines-are-skipped", test_bad_lines_are_skipped);
  ADD ("/wire/long-line-closes", test_long_line_closes);
  ADD ("/wire/peer-closes", test_peer_closes);
  ADD ("/wire/free-in-callback", test_free_in_callback);
  ADD ("/wire/send", test_send);
  ADD ("/wire/slow-reader-closes", test_slow_reader_closes);
  ADD ("/wire/large-message-arrives-whole", test_large_message_arrives_whole);
  g_test_add_func ("/wire/getters", test_getters);
  return g_test_run ();
}
