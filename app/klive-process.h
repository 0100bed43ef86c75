/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* What the launcher needs of child processes beyond GSubprocess. */

typedef enum {
  KLIVE_PROCESS_TIED, /* gets SIGTERM when the thread that spawned it ends (the main thread: when we die) */
  KLIVE_PROCESS_FREE, /* outlives us */
} KliveProcessTie;

/*
 * Starts @argv in @cwd, in a process group of its own (a Ctrl-C at our terminal is for us alone), without our open
 * files. A tied child belongs to the thread that calls this, because the parent-death signal does.
 */
GSubprocess *klive_process_spawn (const char *const *argv, const char *cwd, KliveProcessTie tie, GSubprocessFlags flags,
    GError **error);

/* The path of this very program, one that works also when its file has been replaced since. */
char *klive_process_dup_program (void);

/*
 * Starts this very program (also when its file has been replaced since) with @argv, in "/", in a process group of its
 * own, to outlive us; stdin and stdout closed to /dev/null, stderr shared. Returns its pid, to be watched with
 * g_child_watch_add(); 0 with @error.
 */
GPid klive_process_spawn_self (const char *const *argv, GError **error);

/* The pid of a running child, 0 once it has ended. */
GPid klive_process_get_pid (GSubprocess *process);

/* Whether @pid is there and no zombie. */
gboolean klive_process_is_alive (GPid pid);

/* The arguments of @pid, NULL when it is not there. */
char **klive_process_get_argv (GPid pid);

/* Pids (GPid) of processes with program name @comm (at most 15 bytes) and working directory @cwd. (transfer full) */
GArray *klive_process_find (const char *comm, const char *cwd);

G_END_DECLS
