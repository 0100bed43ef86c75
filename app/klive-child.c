/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One worker process. Owned by klive-supervisor.c, main thread.
 *
 * A worker that we have forked is watched by its exit; an adopted one belongs to init and is looked at twice a second.
 */
#include "klive-child.h"

#include "klive-log.h"
#include "klive-process.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#define HELLO_DEADLINE 15                /* s, from the start or the loss of the wire to a hello */
#define POLL_MS 500                      /* between two looks at an adopted worker */
#define BACKOFF_MIN 100                  /* ms */
#define BACKOFF_MAX 10000                /* ms */
#define STABLE (20 * G_TIME_SPAN_SECOND) /* up for so long, and the backoff starts anew */

struct _KliveChild {
  const KalturaConfig *config; /* not owned */
  char *entry_id;
  gint index;
  const KliveChildEvents *events;
  gpointer user_data;
  GPid pid;      /* 0 = no worker runs */
  gboolean ours; /* forked by us */
  gboolean ending;
  KliveWire *wire; /* NULL = not connected */
  gint64 started;  /* monotonic, us */
  guint watch;     /* source: exit of ours, or the look at an adopted one */
  guint deadline;  /* source: hello, or the end */
  guint later;     /* source: start */
  guint backoff;   /* ms */
  guint restarts;
};

static void
forget (KliveChild *child)
{
  g_clear_handle_id (&child->watch, g_source_remove);
  g_clear_handle_id (&child->deadline, g_source_remove);
  g_clear_pointer (&child->wire, klive_wire_free);
  child->pid = 0;
  child->ours = FALSE;
  child->ending = FALSE;
}

static void
on_gone (KliveChild *child, KliveChildEnd end)
{
  gint64 up = g_get_monotonic_time () - child->started;
  if (up > STABLE)
    child->backoff = BACKOFF_MIN;
  forget (child);
  child->events->exited (child, end, child->user_data);
}

static void
on_exit_status (GPid pid, int status, gpointer data)
{
  KliveChild *child = data;
  child->watch = 0;
  g_spawn_close_pid (pid);
  gboolean clean = WIFEXITED (status) && WEXITSTATUS (status) == 0;
  g_autofree char *how = WIFSIGNALED (status) ? g_strdup_printf ("signal %d", WTERMSIG (status))
                                              : g_strdup_printf ("exit code %d", WEXITSTATUS (status));
  klive_log (clean ? KLIVE_LOG_INFO : KLIVE_LOG_ERROR, clean ? "worker-ended" : "worker-died", child->entry_id, NULL,
      "index", child->index == 0 ? "0" : "1", "how", how, NULL);
  on_gone (child, clean ? KLIVE_CHILD_ENDED : KLIVE_CHILD_DIED);
}

/* An adopted worker cannot be waited for. */
static gboolean
look_at_adopted (gpointer data)
{
  KliveChild *child = data;
  if (klive_process_is_alive (child->pid))
    return G_SOURCE_CONTINUE;
  child->watch = 0;
  klive_log (KLIVE_LOG_INFO, "worker-ended", child->entry_id, NULL, "index", child->index == 0 ? "0" : "1", NULL);
  on_gone (child, KLIVE_CHILD_UNKNOWN);
  return G_SOURCE_REMOVE;
}

static gboolean
on_deadline (gpointer data)
{
  KliveChild *child = data;
  child->deadline = 0;
  klive_log (KLIVE_LOG_ERROR, "worker-killed", child->entry_id, NULL, "index", child->index == 0 ? "0" : "1", "message",
      child->ending ? "it has not ended in time" : "it has not connected in time", NULL);
  if (child->pid)
    kill (child->pid, SIGKILL);
  return G_SOURCE_REMOVE;
}

static void
set_deadline (KliveChild *child, guint ms)
{
  g_clear_handle_id (&child->deadline, g_source_remove);
  child->deadline = g_timeout_add (ms, on_deadline, child);
}

gboolean
klive_child_start (KliveChild *child, GError **error)
{
  if (child->pid || child->later)
    return TRUE;
  g_autofree char *socket = g_build_filename (child->config->state_dir, "launcher.sock", NULL);
  const char *const argv[] = { "klive-launcher", "worker", "--socket", socket, "--entry", child->entry_id, "--index",
    child->index == 0 ? "0" : "1", "--state-dir", child->config->state_dir, NULL };
  child->pid = klive_process_spawn_self (argv, error);
  if (!child->pid)
    return FALSE;
  child->ours = TRUE;
  child->started = g_get_monotonic_time ();
  child->watch = g_child_watch_add (child->pid, on_exit_status, child);
  set_deadline (child, HELLO_DEADLINE * 1000);
  return TRUE;
}

static gboolean
on_later (gpointer data)
{
  KliveChild *child = data;
  g_autoptr (GError) error = NULL;
  child->later = 0;
  child->restarts++;
  if (!klive_child_start (child, &error)) {
    klive_log (KLIVE_LOG_ERROR, "worker-not-started", child->entry_id, NULL, "message", error->message, NULL);
    klive_child_start_later (child);
  }
  return G_SOURCE_REMOVE;
}

void
klive_child_start_later (KliveChild *child)
{
  if (child->pid || child->later)
    return;
  child->later = g_timeout_add (child->backoff, on_later, child);
  child->backoff = MIN (child->backoff * 2, BACKOFF_MAX);
}

gboolean
klive_child_is_worker (const char *entry_id, gint index, GPid pid)
{
  g_auto (GStrv) argv = klive_process_is_alive (pid) ? klive_process_get_argv (pid) : NULL;
  if (!argv || g_strv_length (argv) < 2 || strcmp (argv[1], "worker") != 0)
    return FALSE;
  gboolean entry = FALSE, right_index = FALSE;
  for (guint i = 2; argv[i] && argv[i + 1]; i++) {
    entry |= strcmp (argv[i], "--entry") == 0 && strcmp (argv[i + 1], entry_id) == 0;
    right_index |= strcmp (argv[i], "--index") == 0 && strcmp (argv[i + 1], index == 0 ? "0" : "1") == 0;
  }
  return entry && right_index;
}

static void
adopt (KliveChild *child, GPid pid)
{
  child->pid = pid;
  child->ours = FALSE;
  child->started = g_get_monotonic_time ();
  child->watch = g_timeout_add (POLL_MS, look_at_adopted, child);
}

void
klive_child_expect (KliveChild *child, GPid pid)
{
  g_return_if_fail (!child->pid);
  adopt (child, pid);
  set_deadline (child, HELLO_DEADLINE * 1000);
}

gboolean
klive_child_connect (KliveChild *child, KliveWire *wire, GPid pid)
{
  if (child->pid && child->pid != pid)
    return FALSE;
  if (!child->pid)
    adopt (child, pid);
  g_clear_handle_id (&child->later, g_source_remove);
  if (!child->ending)
    g_clear_handle_id (&child->deadline, g_source_remove);
  g_clear_pointer (&child->wire, klive_wire_free);
  child->wire = wire;
  return TRUE;
}

void
klive_child_disconnect (KliveChild *child)
{
  g_clear_pointer (&child->wire, klive_wire_free);
  if (child->pid && !child->ending)
    set_deadline (child, HELLO_DEADLINE * 1000);
}

void
klive_child_send (KliveChild *child, JsonObject *message)
{
  if (child->wire)
    klive_wire_send (child->wire, message);
  else
    json_object_unref (message);
}

void
klive_child_end (KliveChild *child, const char *reason, guint timeout_ms)
{
  g_clear_handle_id (&child->later, g_source_remove);
  if (!child->pid)
    return;
  child->ending = TRUE;
  if (child->wire)
    klive_wire_send (child->wire, klive_message_new_strings ("end", "reason", reason, NULL));
  else
    kill (child->pid, SIGTERM);
  set_deadline (child, timeout_ms);
}

GPid
klive_child_get_pid (const KliveChild *child)
{
  return child->pid;
}

gboolean
klive_child_is_connected (const KliveChild *child)
{
  return child->wire != NULL;
}

gboolean
klive_child_is_ending (const KliveChild *child)
{
  return child->ending;
}

guint
klive_child_get_restarts (const KliveChild *child)
{
  return child->restarts;
}

KliveChild *
klive_child_new (const KalturaConfig *config, const char *entry_id, gint index, const KliveChildEvents *events,
    gpointer user_data)
{
  KliveChild *child = g_new0 (KliveChild, 1);
  child->config = config;
  child->entry_id = g_strdup (entry_id);
  child->index = index;
  child->events = events;
  child->user_data = user_data;
  child->backoff = BACKOFF_MIN;
  return child;
}

void
klive_child_free (KliveChild *child)
{
  forget (child);
  g_clear_handle_id (&child->later, g_source_remove);
  g_free (child->entry_id);
  g_free (child);
}
