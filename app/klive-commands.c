/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the commands that read klive.conf share, and the two small ones that only look at it: check-config and
 * nginx-config. Called by main().
 */
#include "klive-commands.h"

#include "kaltura-client.h"
#include "kaltura-error.h"
#include "kaltura-live.h"
#include "klive-http-message.h"
#include "klive-nginx-config.h"
#include "klive-record-setup.h"
#include "klive-rehearsal.h"
#include "klive-template.h"

#include <stdio.h>
#include <string.h>

/* "[nginx] tls-key: cannot read it" -> "klive.conf:12: [nginx] tls-key: cannot read it" */
static char *
place_fault (const KalturaConfig *config, const char *message)
{
  char group[32] = "", key[64] = "";
  if (sscanf (message, "[%31[^]]] %63[^:]:", group, key) != 2 || !kaltura_config_get_line (config, group, key))
    return g_strdup_printf ("%s: %s", config->path, message);
  return g_strdup_printf ("%s:%u: %s", config->path, kaltura_config_get_line (config, group, key), message);
}

static gboolean
check_listen (const KalturaConfig *config, GError **error)
{
  return klive_http_check_listen (config->control_listen, "control-listen", error) &&
      (!config->soap_listen || klive_http_check_listen (config->soap_listen, "soap-listen", error));
}

static gboolean
check_name (const char *key, const char *name, const char *const *known, GError **error)
{
  if (strcmp (name, "auto") == 0 || g_strv_contains (known, name))
    return TRUE;
  g_autofree char *list = g_strjoinv (", ", (char **) known);
  g_set_error (error, KALTURA_ERROR, KALTURA_ERROR_CONFIG, "[transcode] %s: \"%s\" is none of auto, %s", key, name,
      list);
  return FALSE;
}

/* What kaltura_config_load() cannot know: which encoders and templates there are. */
static gboolean
check_transcode (const KalturaConfig *config, GError **error)
{
  g_auto (GStrv) video = klive_template_list_video_encoders ();
  g_auto (GStrv) audio = g_strsplit (klive_template_find_variable ("audio_encoder")->choices, "|", -1);
  if (!check_name ("video-encoder", config->video_encoder, (const char *const *) video, error) ||
      !check_name ("audio-encoder", config->audio_encoder, (const char *const *) audio, error))
    return FALSE;
  if (!config->templates || klive_template_check_directory (config->templates, error))
    return TRUE;
  g_prefix_error (error, "[transcode] templates: ");
  return FALSE;
}

KalturaConfig *
klive_command_read_config (int argc, char **argv, const char *summary, const GOptionEntry *entries, int *exit_code)
{
  g_autofree char *path = NULL;
  const GOptionEntry own[] = {
    { "config", 'c', 0, G_OPTION_ARG_FILENAME, &path, "Configuration, default " KLIVE_DEFAULT_CONFIG, "FILE" }, { NULL }
  };
  g_autofree char *name = g_strconcat ("klive-launcher ", argv[0], NULL);
  g_set_prgname (name);
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_option_context_set_summary (context, summary);
  g_option_context_add_main_entries (context, own, NULL);
  if (entries)
    g_option_context_add_main_entries (context, entries, NULL);
  g_autoptr (GError) error = NULL;
  if (!g_option_context_parse (context, &argc, &argv, &error) || argc > 1) {
    fprintf (stderr, "%s: %s\n", name, error ? error->message : "an argument too many; see --help");
    *exit_code = KLIVE_EXIT_USAGE;
    return NULL;
  }
  g_autoptr (KalturaConfig) config = kaltura_config_load (path ? path : KLIVE_DEFAULT_CONFIG, &error);
  if (!config || !klive_nginx_config_check (config, &error) || !check_listen (config, &error) ||
      !check_transcode (config, &error) || !klive_record_setup_check (config, &error)) {
    g_autofree char *fault = config ? place_fault (config, error->message) : g_strdup (error->message);
    fprintf (stderr, "%s: %s\n", name, fault);
    *exit_code = KLIVE_EXIT_CONFIG;
    return NULL;
  }
  return g_steal_pointer (&config);
}

typedef struct {
  GMainLoop *loop;
  GError *error;
} Question;

static void
on_reported (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Question *question = user_data;
  kaltura_live_report_status_finish (result, &question->error);
  g_main_loop_quit (question->loop);
}

/* What serve asks first: whether Kaltura takes the secret, and the hostname as one of its servers. */
static int
ask_kaltura (const KalturaConfig *config)
{
  const KalturaClientSettings settings = { config->service_url, config->api, config->timeout, "klive-check-config",
    config->partner_id, config->admin_secret, config->session_version };
  g_autoptr (KalturaClient) client = kaltura_client_new (&settings);
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  Question question = { loop, NULL };
  kaltura_live_report_status_async (client, config->hostname, config->application, NULL, on_reported, &question);
  g_main_loop_run (loop);
  g_autoptr (GError) error = question.error;
  if (!error) {
    printf ("%s: takes the status of %s\n", config->service_url, config->hostname);
    return KLIVE_EXIT_DONE;
  }
  fprintf (stderr, "klive-launcher check-config: %s: %s\n", config->service_url, error->message);
  return kaltura_error_is_passing (error) ? KLIVE_EXIT_FAILED : KLIVE_EXIT_REFUSED;
}

int
klive_check_config_main (int argc, char **argv)
{
  gboolean ask = FALSE;
  const GOptionEntry entries[] = { { "ask-kaltura", 0, 0, G_OPTION_ARG_NONE, &ask,
                                       "Also report the server's status, as serve does: exit code 4 when refused",
                                       NULL },
    { NULL } };
  int exit_code;
  g_autoptr (KalturaConfig) config = klive_command_read_config (argc, argv,
      "Checks the configuration: keys, values, files, templates, and whether nginx has what it needs.", entries,
      &exit_code);
  if (!config)
    return exit_code;
  g_autoptr (GError) error = NULL;
  if (config->templates && !klive_rehearse_templates (config, &error)) {
    g_autofree char *message = g_strdup_printf ("[transcode] templates: %s", error->message);
    g_autofree char *fault = place_fault (config, message);
    fprintf (stderr, "klive-launcher check-config: %s\n", fault);
    return KLIVE_EXIT_CONFIG;
  }
  printf ("%s: ok\n", config->path);
  return ask ? ask_kaltura (config) : KLIVE_EXIT_DONE;
}

static gboolean
print_part (const KalturaConfig *config, KliveNginxPart part, const char *head, GError **error)
{
  g_autofree char *text = klive_nginx_config_render (config, part, error);
  if (!text)
    return FALSE;
  if (*text)
    printf ("%s%s", head, text);
  return TRUE;
}

static gboolean
print_parts (const KalturaConfig *config, const char *part, GError **error)
{
  static const struct {
    const char *name;
    KliveNginxPart part;
    const char *head;
  } parts[] = {
    { "rtmp", KLIVE_NGINX_RTMP,
        "# For the top level of nginx.conf (--part rtmp). Needs libnginx-mod-rtmp, and\n"
        "# worker_processes 1; error_log at level warn or above, as info writes the encoders' tokens.\n" },
    { "http", KLIVE_NGINX_HTTP,
        "\n# For http {}, such as a file in conf.d (--part http). nginx's user must be able to read\n"
        "# the hls folder and to write the nginx folder of the state directory.\n" },
    { "stream", KLIVE_NGINX_STREAM,
        "\n# For the top level of nginx.conf (--part stream). Needs libnginx-mod-stream and, for shared-port,\n"
        "# libnginx-mod-stream-js.\n" },
  };
  gboolean found = FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++) {
    if (part && strcmp (part, parts[i].name) != 0)
      continue;
    found = TRUE;
    if (!print_part (config, parts[i].part, part ? "" : parts[i].head, error))
      return FALSE;
  }
  if (!found)
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--part: rtmp, http or stream expected");
  return found;
}

int
klive_nginx_config_main (int argc, char **argv)
{
  g_autofree char *part = NULL;
  const GOptionEntry entries[] = { { "part", 0, 0, G_OPTION_ARG_STRING, &part,
                                       "Only one part for a system nginx: rtmp, http or stream", "PART" },
    { NULL } };
  int exit_code;
  g_autoptr (KalturaConfig) config = klive_command_read_config (argc, argv,
      "Prints nginx's configuration: the whole of the private instance, or, with [nginx] managed=false or --part,\n"
      "what a system nginx has to include.",
      entries, &exit_code);
  if (!config)
    return exit_code;
  g_autoptr (GError) error = NULL;
  gboolean done = config->managed && !part ? print_part (config, KLIVE_NGINX_WHOLE, "", &error)
                                           : print_parts (config, part, &error);
  if (!done)
    fprintf (stderr, "klive-launcher nginx-config: %s\n", error->message);
  return done ? KLIVE_EXIT_DONE : error->domain == G_OPTION_ERROR ? KLIVE_EXIT_USAGE : KLIVE_EXIT_CONFIG;
}
