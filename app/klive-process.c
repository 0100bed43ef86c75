/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Child processes: spawning with a process group and a parent-death signal, and looking at /proc. Used by klive-nginx.c
 * and klive-supervisor.c, in the main thread.
 */
#include "klive-process.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Between fork and exec: async-signal-safe calls only. @data: our pid for a tied child, NULL for a free one. */
static void
set_up_child (gpointer data)
{
  setpgid (0, 0);
  if (!data)
    return;
  prctl (PR_SET_PDEATHSIG, SIGTERM);
  if (getppid () != GPOINTER_TO_INT (data)) /* we died before that */
    _exit (127);
}

GSubprocess *
klive_process_spawn (const char *const *argv, const char *cwd, KliveProcessTie tie, GSubprocessFlags flags,
    GError **error)
{
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (flags);
  if (cwd)
    g_subprocess_launcher_set_cwd (launcher, cwd);
  g_subprocess_launcher_set_child_setup (launcher, set_up_child,
      tie == KLIVE_PROCESS_TIED ? GINT_TO_POINTER (getpid ()) : NULL, NULL);
  return g_subprocess_launcher_spawnv (launcher, argv, error);
}

char *
klive_process_dup_program (void)
{
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  if (program && g_file_test (program, G_FILE_TEST_IS_EXECUTABLE)) /* not "... (deleted)" */
    return g_steal_pointer (&program);
  return g_strdup_printf ("/proc/%d/exe", (int) getpid ());
}

GPid
klive_process_spawn_self (const char *const *argv, GError **error)
{
  g_autoptr (GPtrArray) all = g_ptr_array_new ();
  g_autofree char *program = klive_process_dup_program ();
  GPid pid = 0;
  g_ptr_array_add (all, program);
  for (guint i = 0; argv[i]; i++)
    g_ptr_array_add (all, (char *) argv[i]);
  g_ptr_array_add (all, NULL);
  if (!g_spawn_async ("/", (char **) all->pdata, NULL,
          G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_FILE_AND_ARGV_ZERO | G_SPAWN_STDOUT_TO_DEV_NULL, set_up_child, NULL, &pid,
          error))
    return 0;
  return pid;
}

GPid
klive_process_get_pid (GSubprocess *process)
{
  const char *text = g_subprocess_get_identifier (process);
  return text ? (GPid) g_ascii_strtoll (text, NULL, 10) : 0;
}

gboolean
klive_process_is_alive (GPid pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/stat", (int) pid);
  g_autofree char *stat = NULL;
  if (pid <= 0 || !g_file_get_contents (path, &stat, NULL, NULL))
    return FALSE;
  const char *state = strrchr (stat, ')'); /* the name in front may hold anything */
  return state && strlen (state) > 2 && state[2] != 'Z' && state[2] != 'X';
}

char **
klive_process_get_argv (GPid pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/cmdline", (int) pid);
  g_autofree char *text = NULL;
  gsize length;
  if (pid <= 0 || !g_file_get_contents (path, &text, &length, NULL) || length == 0)
    return NULL;
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  for (const char *at = text; at < text + length; at += strlen (at) + 1)
    g_strv_builder_add (builder, at);
  return g_strv_builder_end (builder);
}

static gboolean
matches (const char *pid, const char *comm, const char *cwd)
{
  g_autofree char *comm_path = g_build_filename ("/proc", pid, "comm", NULL);
  g_autofree char *cwd_path = g_build_filename ("/proc", pid, "cwd", NULL);
  g_autofree char *name = NULL;
  if (!g_ascii_isdigit (pid[0]) || !g_file_get_contents (comm_path, &name, NULL, NULL) ||
      strcmp (g_strchomp (name), comm) != 0)
    return FALSE;
  g_autofree char *where = g_file_read_link (cwd_path, NULL);
  return g_strcmp0 (where, cwd) == 0;
}

GArray *
klive_process_find (const char *comm, const char *cwd)
{
  GArray *found = g_array_new (FALSE, FALSE, sizeof (GPid));
  g_autofree char *real = realpath (cwd, NULL); /* as /proc has it */
  g_autoptr (GDir) dir = g_dir_open ("/proc", 0, NULL);
  for (const char *name; dir && (name = g_dir_read_name (dir));) {
    GPid pid = (GPid) g_ascii_strtoll (name, NULL, 10);
    if (pid > 0 && matches (name, comm, real) && klive_process_is_alive (pid))
      g_array_append_val (found, pid);
  }
  return found;
}
