/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * `klive-launcher serve`: builds the daemon's parts, runs them, takes them down. One thread, one main loop.
 *
 *   klive-http ──▶ klive-publish ──▶ klive-admission ──▶ Kaltura API
 *                       └──────────▶ klive-supervisor ──▶ workers
 *   klive-services (SOAP) ─▶ klive-sync-schedule ─▶ klive-supervisor
 *   klive-nginx (the private instance) ──events──▶ klive-supervisor
 *
 * SIGTERM, SIGINT: workers end in order, then nginx, 10 s at most in all. SIGUSR2: we leave, workers stay.
 */
#include "klive-commands.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>
#include "klive-http.h"
#include "klive-log.h"
#include "klive-record-setup.h"
#include "klive-services.h"

#define WORKERS_TIMEOUT 8000 /* ms, for the workers to end in order */
#define NGINX_TIMEOUT 1200   /* ms, after that */

typedef struct {
  KalturaConfig *config;
  KalturaClient *client;
  KliveReporter *reporter;
  KliveRefusals *refusals;
  KliveNginx *nginx;
  KliveUploader *uploader;
  KliveSupervisor *supervisor;
  KliveAdmission *admission;
  KlivePublish *publish;
  KliveHttp *http;
  KliveSyncSchedule *schedule;
  KliveServices *services; /* NULL without soap-listen */
  KliveStatusSources sources;
  GMainLoop *loop;
  int lock; /* file descriptor, -1 = none */
  gboolean was_ready;
  int exit_code;
} Serve;

/* --- the state directory --- */

static gboolean
make_folder (const char *state_dir, const char *name, int mode, GError **error)
{
  g_autofree char *path = g_build_filename (state_dir, name, NULL);
  if (g_mkdir_with_parents (path, mode) == 0 && access (path, W_OK | X_OK) == 0)
    return TRUE;
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "[server] state-dir: cannot make or write %s: %s",
      path, g_strerror (errno));
  return FALSE;
}

/* Two launchers must not share a state directory. The lock ends with the process. */
static gboolean
lock_state (Serve *serve, GError **error)
{
  g_autofree char *path = g_build_filename (serve->config->state_dir, "launcher.lock", NULL);
  serve->lock = g_open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (serve->lock < 0) {
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "[server] state-dir: cannot write %s: %s", path,
        g_strerror (errno));
    return FALSE;
  }
  if (flock (serve->lock, LOCK_EX | LOCK_NB) != 0) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_BUSY,
        "[server] state-dir: another launcher runs in %s (it holds the lock)", serve->config->state_dir);
    return FALSE;
  }
  g_autofree char *pid = g_strdup_printf ("%d\n", (int) getpid ());
  if (ftruncate (serve->lock, 0) != 0 || write (serve->lock, pid, strlen (pid)) < 0)
    klive_log (KLIVE_LOG_WARNING, "lock-not-written", NULL, NULL, "message", g_strerror (errno), NULL);
  return TRUE;
}

static gboolean
prepare_state (Serve *serve, GError **error)
{
  const char *state_dir = serve->config->state_dir;
  return make_folder (state_dir, "", 0755, error) && lock_state (serve, error) &&
      make_folder (state_dir, "hls", 0755, error) && make_folder (state_dir, "workers", 0700, error) &&
      make_folder (state_dir, "nginx", 0700, error) && klive_record_setup_prepare (serve->config, error);
}

/* nginx has a connection for each viewer. A limit on the size of files is an error of the disk like any other. */
static void
raise_limits (void)
{
  signal (SIGXFSZ, SIG_IGN);
  struct rlimit limit;
  if (getrlimit (RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = MIN (limit.rlim_max, 65536);
    setrlimit (RLIMIT_NOFILE, &limit);
  }
}

/* --- nginx --- */

static void
on_nginx (KliveNginxEvent event, const GError *error, gpointer data)
{
  Serve *serve = data;
  switch (event) {
    case KLIVE_NGINX_READY:
      klive_log (KLIVE_LOG_INFO, serve->was_ready ? "nginx-ready-again" : "ready", NULL, NULL, "rtmp",
          serve->config->rtmp_listen, "http", serve->config->http_listen, "control", serve->config->control_listen,
          NULL);
      serve->was_ready = TRUE;
      klive_supervisor_nginx_ready (serve->supervisor);
      break;
    case KLIVE_NGINX_LOST:
      klive_supervisor_nginx_lost (serve->supervisor);
      break;
    case KLIVE_NGINX_FAILED:
      klive_log (KLIVE_LOG_ERROR, "nginx-not-started", NULL, NULL, "message", error->message, NULL);
      if (!serve->was_ready) {
        serve->exit_code = KLIVE_EXIT_FAILED;
        g_main_loop_quit (serve->loop);
      }
      break;
  }
}

/* --- end --- */

static gboolean
on_nginx_stopped (gpointer data)
{
  Serve *serve = data;
  g_main_loop_quit (serve->loop);
  return G_SOURCE_REMOVE;
}

static gboolean
on_workers_ended (gpointer data)
{
  Serve *serve = data;
  klive_nginx_stop (serve->nginx, NGINX_TIMEOUT, on_nginx_stopped, serve);
  return G_SOURCE_REMOVE;
}

static gboolean
on_end_signal (gpointer data)
{
  Serve *serve = data;
  if (serve->sources.stopping)
    return G_SOURCE_CONTINUE;
  klive_log (KLIVE_LOG_INFO, "stopping", NULL, NULL, NULL, NULL);
  serve->sources.stopping = TRUE;
  klive_supervisor_end (serve->supervisor, WORKERS_TIMEOUT, on_workers_ended, serve);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_leave_signal (gpointer data)
{
  Serve *serve = data;
  if (serve->sources.stopping)
    return G_SOURCE_CONTINUE;
  klive_log (KLIVE_LOG_INFO, "leaving", NULL, NULL, "message", "the workers go on", NULL);
  serve->sources.stopping = TRUE;
  klive_nginx_stop (serve->nginx, NGINX_TIMEOUT, on_nginx_stopped, serve);
  return G_SOURCE_CONTINUE;
}

/* The end of a terminal, or somebody who expects the configuration to be read again. */
static gboolean
on_hangup_signal (gpointer data)
{
  klive_log (KLIVE_LOG_INFO, "hangup-ignored", NULL, NULL, "message",
      "SIGHUP changes nothing; a new configuration needs a restart, which SIGUSR2 makes without an end of broadcasts",
      NULL);
  return G_SOURCE_CONTINUE;
}

/* --- start --- */

static gboolean
make_parts (Serve *serve, GError **error)
{
  const KalturaConfig *config = serve->config;
  g_autofree char *tag = g_strconcat ("klive-", config->hostname, NULL);
  const KalturaClientSettings settings = { config->service_url, config->api, config->timeout, tag, config->partner_id,
    config->admin_secret, config->session_version };
  serve->client = kaltura_client_new (&settings);
  serve->reporter = klive_reporter_new (config, serve->client);
  serve->refusals = klive_refusals_new ();
  serve->nginx = klive_nginx_new (config, on_nginx, serve);
  serve->uploader = klive_uploader_new (config, error);
  if (!serve->uploader)
    return FALSE;
  serve->supervisor =
      klive_supervisor_new (config, serve->client, serve->nginx, serve->refusals, serve->reporter, serve->uploader);
  serve->admission = klive_admission_new (config, serve->client, serve->refusals, serve->reporter);
  serve->publish = klive_publish_new (serve->admission, serve->supervisor);
  const KliveStatusSources sources = { config, serve->nginx, serve->admission, serve->refusals, serve->publish,
    serve->supervisor, serve->reporter, serve->uploader, g_get_real_time () / G_USEC_PER_SEC, FALSE };
  serve->sources = sources;
  return TRUE;
}

static gboolean
start_parts (Serve *serve, GError **error)
{
  serve->http = klive_http_new (&serve->sources, error);
  if (!serve->http || !klive_supervisor_start (serve->supervisor, error))
    return FALSE;
  serve->schedule = klive_sync_schedule_new (serve->supervisor, serve->config->state_dir);
  if (serve->config->soap_listen) {
    serve->services = klive_services_new (serve->config, serve->supervisor, serve->schedule, error);
    if (!serve->services)
      return FALSE;
  }
  klive_reporter_start (serve->reporter);
  klive_nginx_start (serve->nginx);
  return TRUE;
}

static void
run (Serve *serve)
{
  serve->loop = g_main_loop_new (NULL, FALSE);
  guint sources[] = { g_unix_signal_add (SIGTERM, on_end_signal, serve),
    g_unix_signal_add (SIGINT, on_end_signal, serve), g_unix_signal_add (SIGUSR2, on_leave_signal, serve),
    g_unix_signal_add (SIGHUP, on_hangup_signal, serve) };
  g_main_loop_run (serve->loop);
  for (guint i = 0; i < G_N_ELEMENTS (sources); i++)
    g_source_remove (sources[i]);
  g_main_loop_unref (serve->loop);
}

static void
free_parts (Serve *serve)
{
  g_clear_pointer (&serve->services, klive_services_free);
  g_clear_pointer (&serve->schedule, klive_sync_schedule_free);
  g_clear_pointer (&serve->http, klive_http_free);
  g_clear_pointer (&serve->admission, klive_admission_free);
  g_clear_pointer (&serve->supervisor, klive_supervisor_free);
  g_clear_pointer (&serve->uploader, klive_uploader_free);
  g_clear_pointer (&serve->publish, klive_publish_free);
  g_clear_pointer (&serve->nginx, klive_nginx_free);
  g_clear_pointer (&serve->refusals, klive_refusals_free);
  g_clear_pointer (&serve->reporter, klive_reporter_free);
  g_clear_pointer (&serve->client, kaltura_client_unref);
  if (serve->lock >= 0)
    close (serve->lock);
}

int
klive_serve_main (int argc, char **argv)
{
  Serve serve = { .lock = -1 };
  g_autoptr (KalturaConfig) config = klive_command_read_config (argc, argv,
      "Serves: takes publishers in, starts a worker for each broadcast, runs nginx.", NULL, &serve.exit_code);
  g_autoptr (GError) error = NULL;
  if (!config)
    return serve.exit_code;
  serve.config = config;
  umask (022);
  raise_limits ();
  if (!prepare_state (&serve, &error)) {
    klive_log (KLIVE_LOG_ERROR, "start-failed", NULL, NULL, "message", error->message, NULL);
    free_parts (&serve);
    return KLIVE_EXIT_CONFIG;
  }
  klive_log (KLIVE_LOG_INFO, "starting", NULL, NULL, "version", KLIVE_VERSION, "config", config->path, "state-dir",
      config->state_dir, NULL);
  if (!config->recorded_file_group && !kaltura_config_get_line (config, "recording", "group"))
    klive_log (KLIVE_LOG_WARNING, "recording-group", NULL, NULL, "message",
        "there is no group kaltura, and [recording] group names no other: recordings keep the group of this process",
        NULL);
  if (make_parts (&serve, &error) && start_parts (&serve, &error)) {
    run (&serve);
    klive_log (KLIVE_LOG_INFO, "stopped", NULL, NULL, NULL, NULL);
  } else {
    klive_log (KLIVE_LOG_ERROR, "start-failed", NULL, NULL, "message", error->message, NULL);
    serve.exit_code = KLIVE_EXIT_FAILED;
  }
  free_parts (&serve);
  return serve.exit_code;
}
