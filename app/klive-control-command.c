/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The commands that ask a running launcher at its control port: status, kick, split, drain. Called by main().
 */
#include "klive-commands.h"

#include <libsoup/soup.h>
#include <stdio.h>
#include <string.h>
#include "klive-http-message.h"
#include "klive-status.h"
#include "klive-wire.h"

#define TIMEOUT 10 /* s */

/* The launcher's answer to GET, or to POST with @order (transfer full); what it does not do is an error. */
static JsonNode *
ask (const KalturaConfig *config, const char *path, JsonObject *order, GError **error)
{
  g_autofree char *url = klive_http_make_url (config->control_listen, path);
  g_autoptr (SoupSession) session = soup_session_new_with_options ("timeout", TIMEOUT, "proxy-resolver", NULL, NULL);
  g_autoptr (SoupMessage) message = soup_message_new (order ? "POST" : "GET", url);
  if (order) {
    g_autoptr (JsonNode) node = json_node_init_object (json_node_alloc (), order);
    g_autofree char *text = json_to_string (node, FALSE);
    g_autoptr (GBytes) bytes = g_bytes_new (text, strlen (text));
    json_object_unref (order);
    soup_message_set_request_body_from_bytes (message, "application/json", bytes);
  }
  g_autoptr (GBytes) body = soup_session_send_and_read (session, message, NULL, error);
  if (!body) {
    g_prefix_error (error, "%s: ", url);
    return NULL;
  }
  guint status = soup_message_get_status (message);
  g_autofree char *text = g_strndup (g_bytes_get_data (body, NULL), g_bytes_get_size (body));
  g_autoptr (JsonNode) node = json_from_string (text, NULL);
  if (status == SOUP_STATUS_OK && node && JSON_NODE_HOLDS_OBJECT (node))
    return g_steal_pointer (&node);
  const char *why = node && JSON_NODE_HOLDS_OBJECT (node)
      ? klive_message_get_string (json_node_get_object (node), "error", "no answer of klive")
      : "no answer of klive";
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s: HTTP %u: %s", url, status, why);
  return NULL;
}

/* Exit code. */
static int
report (const char *command, const JsonNode *reply, const GError *error)
{
  if (reply)
    return KLIVE_EXIT_DONE;
  fprintf (stderr, "klive-launcher %s: %s\n", command, error->message);
  return KLIVE_EXIT_FAILED;
}

int
klive_status_main (int argc, char **argv)
{
  gboolean as_json = FALSE;
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &as_json, "Print the JSON as it is", NULL },
    { NULL },
  };
  int exit_code;
  g_autoptr (KalturaConfig) config = klive_command_read_config (argc, argv,
      "Prints what the running launcher of this configuration does.", entries, &exit_code);
  if (!config)
    return exit_code;
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) status = ask (config, "/status", NULL, &error);
  if (!status)
    return report ("status", NULL, error);
  g_autofree char *text = as_json ? json_to_string (status, TRUE) : klive_status_format_table (status);
  fputs (text, stdout);
  if (as_json)
    putchar ('\n');
  return KLIVE_EXIT_DONE;
}

/* What @argv names behind the options has to be one entry. */
static const char *
get_entry (const char *command, char **names, int *exit_code)
{
  if (names && names[0] && !names[1])
    return names[0];
  fprintf (stderr, "klive-launcher %s: one entry id expected, such as 0_abcd1234; see --help\n", command);
  *exit_code = KLIVE_EXIT_USAGE;
  return NULL;
}

int
klive_kick_main (int argc, char **argv)
{
  g_auto (GStrv) names = NULL;
  g_autofree char *stream = NULL;
  int index = -1, block = -1, exit_code;
  const GOptionEntry entries[] = {
    { "index", 0, 0, G_OPTION_ARG_INT, &index, "Only the primary (0) or the backup (1)", "N" },
    { "stream", 0, 0, G_OPTION_ARG_STRING, &stream, "Only this stream, such as 0_abcd1234_1", "NAME" },
    { "block", 0, 0, G_OPTION_ARG_INT, &block, "Refuse the entry for so long, s; 0 lifts that", "S" },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &names, NULL, "ENTRY" },
    { NULL },
  };
  g_autoptr (KalturaConfig) config =
      klive_command_read_config (argc, argv, "Throws the encoders of an entry out.", entries, &exit_code);
  const char *entry = config ? get_entry ("kick", names, &exit_code) : NULL;
  if (!entry)
    return exit_code;
  g_autoptr (GError) error = NULL;
  JsonObject *order = json_object_new ();
  json_object_set_string_member (order, "entry", entry);
  if (index != -1)
    json_object_set_int_member (order, "index", index);
  if (stream)
    json_object_set_string_member (order, "stream", stream);
  if (block >= 0)
    json_object_set_int_member (order, "block", block);
  g_autoptr (JsonNode) reply = ask (config, "/control/kick", order, &error);
  if (reply)
    printf ("%" G_GINT64_FORMAT " thrown out\n", klive_message_get_int (json_node_get_object (reply), "publishers", 0));
  return report ("kick", reply, error);
}

int
klive_split_main (int argc, char **argv)
{
  g_auto (GStrv) names = NULL;
  int exit_code;
  const GOptionEntry entries[] = {
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &names, NULL, "ENTRY" },
    { NULL },
  };
  g_autoptr (KalturaConfig) config = klive_command_read_config (argc, argv,
      "Lets the recordings of an entry go on in new files.", entries, &exit_code);
  const char *entry = config ? get_entry ("split", names, &exit_code) : NULL;
  if (!entry)
    return exit_code;
  g_autoptr (GError) error = NULL;
  JsonObject *order = json_object_new ();
  json_object_set_string_member (order, "entry", entry);
  g_autoptr (JsonNode) reply = ask (config, "/control/split", order, &error);
  return report ("split", reply, error);
}

int
klive_drain_main (int argc, char **argv)
{
  gboolean undo = FALSE;
  int exit_code;
  const GOptionEntry entries[] = {
    { "undo", 0, 0, G_OPTION_ARG_NONE, &undo, "Let new broadcasts in again", NULL },
    { NULL },
  };
  g_autoptr (KalturaConfig) config = klive_command_read_config (argc, argv,
      "Lets no new broadcast in; those that are there go on. Until --undo or the launcher's end.", entries, &exit_code);
  if (!config)
    return exit_code;
  g_autoptr (GError) error = NULL;
  JsonObject *order = json_object_new ();
  json_object_set_boolean_member (order, "drain", !undo);
  g_autoptr (JsonNode) reply = ask (config, "/control/drain", order, &error);
  return report ("drain", reply, error);
}
