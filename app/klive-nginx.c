/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The private nginx: configuration, start, watch, restart, end. Main thread only: the kernel ties the parent-death
 * signal to the thread that forks. Control requests are in klive-nginx-control.c.
 *
 * An attempt to start: end leftovers of an earlier instance, see that the ports are free, write nginx.conf, spawn, ask
 * /ready until it answers. Every attempt has a deadline; attempts after the first failure back off.
 */
#include "klive-nginx.h"

#include "kaltura-error.h"
#include "klive-log.h"
#include "klive-nginx-config.h"
#include "klive-process.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>

#define POLL_MS 50              /* between two looks at ports or /ready */
#define START_DEADLINE_MS 10000 /* of one attempt */
#define PORT_DEADLINE_MS 3000   /* how long a port may stay taken (an instance that is just ending) */
#define BACKOFF_MIN_MS 200
#define BACKOFF_MAX_MS 10000
#define STABLE_MS 10000 /* up for so long, and the backoff starts anew */
#define ERROR_LOG_MAX (8 * 1024 * 1024)
#define LOG_CHECK_INTERVAL 600 /* s */

typedef enum { STATE_DOWN, STATE_STARTING, STATE_READY, STATE_STOPPING } State;

struct _KliveNginx {
  const KalturaConfig *config; /* not owned */
  KliveNginxEventFunc on_event;
  gpointer user_data;
  char *directory;
  KliveNginxControl *control;
  GCancellable *cancellable; /* of everything asynchronous */
  GSubprocess *process;      /* NULL: none runs */
  GPid pid;                  /* of @process, and its process group */
  char *emergency;           /* the last line that nginx wrote to stderr */
  State state;
  gint64 attempt_began; /* monotonic, us */
  gint64 ready_since;   /* monotonic, us */
  guint timer;
  guint log_timer;
  guint backoff; /* ms */
  guint restarts;
  GSourceFunc stopped;
  gpointer stopped_data;
};

static void begin_attempt (KliveNginx *nginx);
static gboolean check_ports (gpointer data);
static gboolean ask_ready (gpointer data);

static void
set_timer (KliveNginx *nginx, guint ms, GSourceFunc func)
{
  g_clear_handle_id (&nginx->timer, g_source_remove);
  nginx->timer = g_timeout_add (ms, func, nginx);
}

static guint
attempt_ms (const KliveNginx *nginx)
{
  return (g_get_monotonic_time () - nginx->attempt_began) / 1000;
}

/* --- leftovers and ports --- */

/* Master and workers of an instance that runs in our folder; its launcher may be long gone. */
static void
kill_leftovers (KliveNginx *nginx, int signal_number)
{
  g_autoptr (GArray) pids = klive_process_find ("nginx", nginx->directory);
  for (guint i = 0; i < pids->len; i++)
    kill (g_array_index (pids, GPid, i), signal_number);
}

static gboolean
has_leftovers (KliveNginx *nginx)
{
  g_autoptr (GArray) pids = klive_process_find ("nginx", nginx->directory);
  return pids->len > 0;
}

static gboolean
try_port (const char *key, const char *listen, GError **error)
{
  g_autofree char *host = NULL;
  guint port;
  if (!listen || !klive_nginx_split_listen (listen, &host, &port))
    return TRUE;
  g_autofree char *bare = g_strdup (host ? host + (host[0] == '[') : "0.0.0.0");
  g_strdelimit (bare, "]", '\0');
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new_from_string (bare, port);
  g_autoptr (GError) why = NULL;
  g_autoptr (GSocket) socket =
      g_socket_new (g_socket_address_get_family (address), G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, &why);
  if (socket && g_socket_bind (socket, address, TRUE, &why) && g_socket_listen (socket, &why))
    return TRUE;
  const char *text = strstr (why->message, ": "); /* GLib: "Error binding to address 127.0.0.1:1935: Address …" */
  const char *next;
  while (text && (next = strstr (text + 2, ": ")))
    text = next;
  g_set_error (error, G_IO_ERROR, why->code, "[nginx] %s: port %u cannot be used: %s", key, port,
      text ? text + 2 : why->message);
  return FALSE;
}

static gboolean
try_ports (const KalturaConfig *config, GError **error)
{
  return try_port ("rtmp-listen", config->rtmp_listen, error) && try_port ("http-listen", config->http_listen, error) &&
      try_port ("https-listen", config->https_listen, error) && try_port ("rtmps-listen", config->rtmps_listen, error);
}

/* --- the process --- */

static gboolean
retry (gpointer data)
{
  KliveNginx *nginx = data;
  nginx->timer = 0;
  begin_attempt (nginx);
  return G_SOURCE_REMOVE;
}

static void
schedule_retry (KliveNginx *nginx)
{
  nginx->state = STATE_DOWN;
  set_timer (nginx, nginx->backoff, retry);
  nginx->backoff = MIN (nginx->backoff * 2, BACKOFF_MAX_MS);
}

static void
forget_process (KliveNginx *nginx)
{
  if (nginx->pid)
    kill (-nginx->pid, SIGKILL); /* a worker whose master was killed keeps the ports */
  g_clear_object (&nginx->process);
  nginx->pid = 0;
}

/* Takes @error. */
static void
fail_attempt (KliveNginx *nginx, GError *error)
{
  g_autoptr (GError) owned = error;
  forget_process (nginx);
  schedule_retry (nginx);
  nginx->on_event (KLIVE_NGINX_FAILED, owned, nginx->user_data);
}

static void
on_process_exit (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_subprocess_wait_finish (G_SUBPROCESS (source), result, &error);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  KliveNginx *nginx = data;
  if (G_SUBPROCESS (source) != nginx->process)
    return;
  State state = nginx->state;
  if (state == STATE_STARTING) {
    fail_attempt (nginx,
        g_error_new (G_IO_ERROR, G_IO_ERROR_FAILED, "nginx ended at its start: %s",
            nginx->emergency ? nginx->emergency : "no message; see error.log in its folder"));
    return;
  }
  forget_process (nginx);
  if (state == STATE_STOPPING) {
    nginx->state = STATE_DOWN;
    g_clear_handle_id (&nginx->timer, g_source_remove);
    if (nginx->stopped)
      g_idle_add (nginx->stopped, nginx->stopped_data);
    return;
  }
  klive_log (KLIVE_LOG_ERROR, "nginx-died", NULL, NULL, "message", nginx->emergency, NULL);
  nginx->restarts++;
  if (g_get_monotonic_time () - nginx->ready_since > STABLE_MS * G_TIME_SPAN_MILLISECOND)
    nginx->backoff = BACKOFF_MIN_MS;
  schedule_retry (nginx);
  nginx->on_event (KLIVE_NGINX_LOST, NULL, nginx->user_data);
}

static void
on_stderr_line (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *line =
      g_data_input_stream_read_line_finish_utf8 (G_DATA_INPUT_STREAM (source), result, NULL, &error);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED) || !line)
    return;
  KliveNginx *nginx = data;
  klive_log (KLIVE_LOG_WARNING, "nginx", NULL, NULL, "message", line, NULL);
  g_free (nginx->emergency);
  nginx->emergency = g_steal_pointer (&line);
  g_data_input_stream_read_line_async (G_DATA_INPUT_STREAM (source), G_PRIORITY_DEFAULT, nginx->cancellable,
      on_stderr_line, nginx);
}

static void
watch_process (KliveNginx *nginx)
{
  nginx->pid = klive_process_get_pid (nginx->process);
  g_clear_pointer (&nginx->emergency, g_free);
  g_subprocess_wait_async (nginx->process, nginx->cancellable, on_process_exit, nginx);
  g_autoptr (GDataInputStream) lines = g_data_input_stream_new (g_subprocess_get_stderr_pipe (nginx->process));
  g_data_input_stream_read_line_async (lines, G_PRIORITY_DEFAULT, nginx->cancellable, on_stderr_line, nginx);
}

/* nginx is to make none of its files in places that it was compiled for. */
static gboolean
write_config (KliveNginx *nginx, GError **error)
{
  g_autofree char *text = klive_nginx_config_render (nginx->config, KLIVE_NGINX_WHOLE, error);
  g_autofree char *path = g_build_filename (nginx->directory, "nginx.conf", NULL);
  g_autofree char *temp = g_build_filename (nginx->directory, "temp", NULL);
  g_autofree char *socket = klive_nginx_config_control (nginx->config);
  if (!text)
    return FALSE;
  if (g_mkdir_with_parents (temp, 0700) != 0) {
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "cannot make %s: %s", temp, g_strerror (errno));
    return FALSE;
  }
  unlink (socket + strlen ("unix:")); /* nginx does not start over an old one */
  return g_file_set_contents (path, text, -1, error);
}

static gboolean
spawn (KliveNginx *nginx, GError **error)
{
  g_autofree char *program = klive_nginx_config_find_program ();
  if (!program) {
    g_set_error (error, KALTURA_ERROR, KALTURA_ERROR_CONFIG,
        "nginx is not here; the Debian packages nginx and "
        "libnginx-mod-rtmp have it");
    return FALSE;
  }
  g_autofree char *path = g_build_filename (nginx->directory, "nginx.conf", NULL);
  const char *const argv[] = { program, "-e", "stderr", "-p", nginx->directory, "-c", path, NULL };
  nginx->process = klive_process_spawn (argv, nginx->directory, KLIVE_PROCESS_TIED,
      G_SUBPROCESS_FLAGS_STDOUT_SILENCE | G_SUBPROCESS_FLAGS_STDERR_PIPE, error);
  if (!nginx->process)
    return FALSE;
  watch_process (nginx);
  return TRUE;
}

static void
begin_attempt (KliveNginx *nginx)
{
  nginx->state = STATE_STARTING;
  nginx->attempt_began = g_get_monotonic_time ();
  kill_leftovers (nginx, SIGTERM);
  set_timer (nginx, 0, check_ports);
}

static gboolean
check_ports (gpointer data)
{
  KliveNginx *nginx = data;
  g_autoptr (GError) error = NULL;
  nginx->timer = 0;
  gboolean busy = has_leftovers (nginx);
  if (!busy && !try_ports (nginx->config, &error))
    busy = g_error_matches (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE);
  if (busy && attempt_ms (nginx) < PORT_DEADLINE_MS) {
    set_timer (nginx, POLL_MS, check_ports);
    return G_SOURCE_REMOVE;
  }
  kill_leftovers (nginx, SIGKILL);
  if (!error && write_config (nginx, &error) && spawn (nginx, &error))
    set_timer (nginx, POLL_MS, ask_ready);
  else
    fail_attempt (nginx, g_steal_pointer (&error));
  return G_SOURCE_REMOVE;
}

/* --- is it ready? --- */

static void
on_ready_answer (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  gboolean ready = klive_nginx_control_ask_ready_finish (result, &error);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  KliveNginx *nginx = data;
  if (nginx->state != STATE_STARTING || !nginx->process)
    return;
  if (ready) {
    nginx->state = STATE_READY;
    nginx->ready_since = g_get_monotonic_time ();
    nginx->on_event (KLIVE_NGINX_READY, NULL, nginx->user_data);
  } else if (attempt_ms (nginx) < START_DEADLINE_MS) {
    set_timer (nginx, POLL_MS, ask_ready);
  } else {
    fail_attempt (nginx, g_error_new (G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "nginx does not answer: %s", error->message));
  }
}

static gboolean
ask_ready (gpointer data)
{
  KliveNginx *nginx = data;
  nginx->timer = 0;
  klive_nginx_control_ask_ready_async (nginx->control, on_ready_answer, nginx);
  return G_SOURCE_REMOVE;
}

/* --- start and stop --- */

/* nginx writes its log for ever: past a size it becomes error.log.1, and nginx opens a new one. */
static gboolean
check_log (gpointer data)
{
  KliveNginx *nginx = data;
  g_autofree char *path = g_build_filename (nginx->directory, "error.log", NULL);
  g_autofree char *old = g_strconcat (path, ".1", NULL);
  GStatBuf st;
  if (nginx->pid && g_stat (path, &st) == 0 && st.st_size > ERROR_LOG_MAX && g_rename (path, old) == 0)
    kill (nginx->pid, SIGUSR1);
  return G_SOURCE_CONTINUE;
}

KliveNginx *
klive_nginx_new (const KalturaConfig *config, KliveNginxEventFunc on_event, gpointer user_data)
{
  KliveNginx *nginx = g_new0 (KliveNginx, 1);
  nginx->config = config;
  nginx->on_event = on_event;
  nginx->user_data = user_data;
  nginx->directory = klive_nginx_config_directory (config);
  nginx->control = klive_nginx_control_new (config);
  nginx->cancellable = g_cancellable_new ();
  nginx->backoff = BACKOFF_MIN_MS;
  nginx->log_timer = g_timeout_add_seconds (LOG_CHECK_INTERVAL, check_log, nginx);
  return nginx;
}

void
klive_nginx_free (KliveNginx *nginx)
{
  g_cancellable_cancel (nginx->cancellable);
  forget_process (nginx);
  g_clear_handle_id (&nginx->timer, g_source_remove);
  g_clear_handle_id (&nginx->log_timer, g_source_remove);
  klive_nginx_control_free (nginx->control);
  g_object_unref (nginx->cancellable);
  g_free (nginx->directory);
  g_free (nginx->emergency);
  g_free (nginx);
}

static gboolean
announce_system (gpointer data)
{
  KliveNginx *nginx = data;
  nginx->timer = 0;
  nginx->state = STATE_READY;
  nginx->on_event (KLIVE_NGINX_READY, NULL, nginx->user_data);
  return G_SOURCE_REMOVE;
}

void
klive_nginx_start (KliveNginx *nginx)
{
  if (nginx->config->managed)
    begin_attempt (nginx);
  else
    set_timer (nginx, 0, announce_system);
}

static gboolean
kill_late (gpointer data)
{
  KliveNginx *nginx = data;
  nginx->timer = 0;
  if (nginx->pid)
    kill (-nginx->pid, SIGKILL);
  return G_SOURCE_REMOVE;
}

void
klive_nginx_stop (KliveNginx *nginx, guint timeout_ms, GSourceFunc done, gpointer user_data)
{
  nginx->stopped = done;
  nginx->stopped_data = user_data;
  nginx->state = STATE_STOPPING;
  g_clear_handle_id (&nginx->timer, g_source_remove);
  if (!nginx->process) {
    g_idle_add (done, user_data);
    return;
  }
  kill (nginx->pid, SIGTERM);
  set_timer (nginx, timeout_ms, kill_late);
}

KliveNginxControl *
klive_nginx_get_control (KliveNginx *nginx)
{
  return nginx->control;
}

gboolean
klive_nginx_is_ready (const KliveNginx *nginx)
{
  return nginx->state == STATE_READY;
}

GPid
klive_nginx_get_pid (const KliveNginx *nginx)
{
  return nginx->pid;
}

guint
klive_nginx_get_restarts (const KliveNginx *nginx)
{
  return nginx->restarts;
}
