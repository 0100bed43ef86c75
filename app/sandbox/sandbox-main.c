/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kaltura-sandbox: a stand-in for the Kaltura API, for the demo, the tests and for prototypes of pipelines. README.md
 * tells what it keeps, what it answers and what a test may ask of it.
 */
#include "sandbox-data.h"
#include "sandbox-server.h"
#include "sandbox-services.h"

#include <glib-unix.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_DATA = 3 };

typedef struct {
  char *listen;
  char *data;
  char *directory;
  char *api;
  gint batch_interval; /* s */
  gboolean version;
} Options;

static gboolean
parse_options (Options *options, int *argc, char ***argv, GError **error)
{
  const GOptionEntry entries[] = { { "listen", 'l', 0, G_OPTION_ARG_STRING, &options->listen,
                                       "Loopback address and port, port 0 picks one", "127.0.0.1:PORT" },
    { "data", 'd', 0, G_OPTION_ARG_FILENAME, &options->data, "Partners, entries, live params, profiles, nodes",
        "FILE.json" },
    { "state", 's', 0, G_OPTION_ARG_FILENAME, &options->directory,
        "Where uploads are kept (default: a temporary directory)", "DIR" },
    { "api", 'a', 0, G_OPTION_ARG_STRING, &options->api, "Vintage of the API (default current)", "2014|current" },
    { "batch-interval", 0, 0, G_OPTION_ARG_INT, &options->batch_interval,
        "Seconds between runs of the job that drops expired registrations, 0 = never (default 30)", "S" },
    { "version", 0, 0, G_OPTION_ARG_NONE, &options->version, "Print the version", NULL }, { NULL } };
  g_autoptr (GOptionContext) context = g_option_context_new ("- a stand-in for the Kaltura API");
  g_option_context_add_main_entries (context, entries, NULL);
  return g_option_context_parse (context, argc, argv, error);
}

static gboolean
on_signal (gpointer loop)
{
  g_main_loop_quit (loop);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_batch (gpointer state)
{
  sandbox_registration_expire (state);
  return G_SOURCE_CONTINUE;
}

static void
serve (SandboxState *state, SandboxServer *server, const Options *options)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  guint term = g_unix_signal_add (SIGTERM, on_signal, loop);
  guint interrupt = g_unix_signal_add (SIGINT, on_signal, loop);
  guint batch = options->batch_interval > 0 ? g_timeout_add_seconds (options->batch_interval, on_batch, state) : 0;
  printf ("listening: %s\n", sandbox_server_get_url (server));
  fflush (stdout);
  g_main_loop_run (loop);
  g_source_remove (term);
  g_source_remove (interrupt);
  if (batch)
    g_source_remove (batch);
}

static void
remove_directory (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;
  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree char *file = g_build_filename (path, name, NULL);
    g_unlink (file);
  }
  g_rmdir (path);
}

static int
run (const Options *options, const char *directory)
{
  g_autoptr (GError) error = NULL;
  SandboxApi api = g_strcmp0 (options->api, "2014") == 0 ? SANDBOX_API_2014 : SANDBOX_API_CURRENT;
  g_autoptr (SandboxState) state = sandbox_state_new (api, directory);
  if (!sandbox_data_load (state, options->data, &error)) {
    fprintf (stderr, "kaltura-sandbox: %s\n", error->message);
    return EXIT_DATA;
  }
  SandboxServer *server = sandbox_server_new (state, options->listen, &error);
  if (!server) {
    fprintf (stderr, "kaltura-sandbox: %s\n", error->message);
    return EXIT_FAILED;
  }
  serve (state, server, options);
  sandbox_server_free (server);
  return EXIT_DONE;
}

static int
usage (const char *message)
{
  fprintf (stderr, "kaltura-sandbox: %s; see kaltura-sandbox --help\n", message);
  return EXIT_USAGE;
}

static gboolean
check_options (const Options *options, const char **problem)
{
  *problem = NULL;
  if (!options->listen || !options->data)
    *problem = "--listen and --data are needed";
  else if (options->api && strcmp (options->api, "2014") != 0 && strcmp (options->api, "current") != 0)
    *problem = "--api: expected 2014 or current";
  else if (options->batch_interval < 0)
    *problem = "--batch-interval: expected seconds, 0 or more";
  return *problem == NULL;
}

static void
clear_options (Options *options)
{
  g_free (options->listen);
  g_free (options->data);
  g_free (options->directory);
  g_free (options->api);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, clear_options)

int
main (int argc, char **argv)
{
  g_auto (Options) options = { .batch_interval = 30 };
  g_autoptr (GError) error = NULL;
  const char *problem;
  if (!parse_options (&options, &argc, &argv, &error))
    return usage (error->message);
  if (options.version) {
    puts ("kaltura-sandbox " KLIVE_VERSION);
    return EXIT_DONE;
  }
  if (argc > 1)
    return usage ("unexpected argument");
  if (!check_options (&options, &problem))
    return usage (problem);

  g_autofree char *temporary = NULL;
  if (!options.directory)
    temporary = g_dir_make_tmp (NULL, &error);
  else if (g_mkdir_with_parents (options.directory, 0700) != 0)
    g_set_error (&error, G_FILE_ERROR, 0, "cannot make the directory %s", options.directory);
  if (error) {
    fprintf (stderr, "kaltura-sandbox: %s\n", error->message);
    return EXIT_FAILED;
  }
  int result = run (&options, temporary ? temporary : options.directory);
  if (temporary)
    remove_directory (temporary);
  return result;
}
