/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The command `klive-launcher worker`: options, signals, GStreamer, and the main loop around a KliveWorker. The
 * launcher starts it; by hand it talks JSON lines with a terminal (--socket -).
 */
#include <glib-unix.h>
#include <gst/gst.h>
#include <signal.h>

#include "kaltura-stream.h"
#include "klive-commands.h"
#include "klive-log.h"
#include "klive-pipeline.h"
#include "klive-worker.h"

static gboolean
on_signal (gpointer user_data)
{
  klive_worker_end (user_data, "told by a signal");
  return G_SOURCE_CONTINUE;
}

static gboolean
check_options (const KliveWorkerOptions *options, GError **error)
{
  if (options->socket == NULL || options->entry == NULL || options->state_dir == NULL) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--socket, --entry and --state-dir must be given");
    return FALSE;
  }
  if (!kaltura_entry_id_is_valid (options->entry)) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--entry \"%s\" is no entry id", options->entry);
    return FALSE;
  }
  if (options->index > 1) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--index is 0 or 1");
    return FALSE;
  }
  return TRUE;
}

static int
run (const KliveWorkerOptions *options)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (KliveWorker) worker = klive_worker_new (options, loop);
  guint term = g_unix_signal_add (SIGTERM, on_signal, worker);
  guint interrupt = g_unix_signal_add (SIGINT, on_signal, worker);

  g_main_loop_run (loop);
  g_source_remove (term);
  g_source_remove (interrupt);
  return klive_worker_get_exit_code (worker);
}

int
klive_worker_main (int argc, char **argv)
{
  g_autofree char *socket = NULL, *entry = NULL, *state_dir = NULL;
  gint index = 0;
  const GOptionEntry entries[] = {
    { "socket", 0, 0, G_OPTION_ARG_FILENAME, &socket, "The launcher's socket; - is stdin and stdout", "PATH" },
    { "entry", 0, 0, G_OPTION_ARG_STRING, &entry, "The entry on air", "ID" },
    { "index", 0, 0, G_OPTION_ARG_INT, &index, "0 primary, 1 backup", "N" },
    { "state-dir", 0, 0, G_OPTION_ARG_FILENAME, &state_dir, "Segments go below DIR/hls/ID/N", "DIR" },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  KliveWorkerOptions options;
  g_autoptr (GError) error = NULL;

  g_set_prgname ("klive-launcher worker");
  g_option_context_set_summary (context, "Carries the broadcast of one entry. Started by klive-launcher serve.");
  g_option_context_add_main_entries (context, entries, NULL);
  options = (KliveWorkerOptions){ NULL };
  if (g_option_context_parse (context, &argc, &argv, &error)) {
    options = (KliveWorkerOptions){ socket, entry, (guint) index, state_dir };
    check_options (&options, &error);
  }
  if (error != NULL) {
    g_printerr ("klive-launcher worker: %s\n", error->message);
    return KLIVE_EXIT_USAGE;
  }
  /* The launcher's own signals, and the end of a terminal or of a socket, are none of ours. */
  signal (SIGPIPE, SIG_IGN);
  signal (SIGHUP, SIG_IGN);
  signal (SIGUSR2, SIG_IGN);
  signal (SIGXFSZ, SIG_IGN); /* a disk's limit ends recordings, not the broadcast */
  gst_init (NULL, NULL);
  if (!klive_pipeline_load_plugin (&error)) {
    klive_log (KLIVE_LOG_ERROR, "worker-failed", entry, NULL, "message", error->message, NULL);
    return KLIVE_EXIT_FAILED;
  }
  return run (&options);
}
