/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include "kaltura-config.h"

G_BEGIN_DECLS

/* Exit codes of every command. */
enum {
  KLIVE_EXIT_DONE = 0,
  KLIVE_EXIT_FAILED = 1,
  KLIVE_EXIT_USAGE = 2,
  KLIVE_EXIT_CONFIG = 3,
  KLIVE_EXIT_REFUSED = 4, /* by Kaltura: of check-config --ask-kaltura; serve goes on and tries again */
};

/* The configuration that commands read without --config. */
#define KLIVE_DEFAULT_CONFIG "/etc/klive/klive.conf"

/* The commands of klive-launcher, each in the file of its noun. argv[0] is the command's name. */
int klive_serve_main (int argc, char **argv);        /* klive-serve.c */
int klive_worker_main (int argc, char **argv);       /* klive-worker-main.c */
int klive_render_main (int argc, char **argv);       /* klive-render.c */
int klive_check_config_main (int argc, char **argv); /* klive-commands.c */
int klive_nginx_config_main (int argc, char **argv); /* klive-commands.c */
int klive_status_main (int argc, char **argv);       /* klive-control-command.c, and so the next three */
int klive_kick_main (int argc, char **argv);
int klive_split_main (int argc, char **argv);
int klive_drain_main (int argc, char **argv);
int klive_finish_main (int argc, char **argv); /* klive-finish.c */
int klive_import_main (int argc, char **argv); /* klive-import-main.c */

/*
 * Reads the options of a command: --config FILE and those of @entries (nullable), with @summary for its --help; then
 * the configuration, checked. NULL = end now with *@exit_code, everything is said.
 */
KalturaConfig *klive_command_read_config (int argc, char **argv, const char *summary, const GOptionEntry *entries,
    int *exit_code);

G_END_DECLS
