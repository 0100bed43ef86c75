/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The program klive-launcher: chooses the command. Each command lives in a file of its own and gets what follows its
 * name (argv[0] is the name). Everything but this file is the static library `klive`, which the tests link.
 */
#include "klive-commands.h"
#include "klive-encoder-probe.h"
#include "klive-log.h"

#include <stdio.h>
#include <string.h>

typedef struct {
  const char *name;
  const char *help; /* NULL = not shown */
  int (*run) (int argc, char **argv);
} Command;

static const Command commands[] = {
  { "serve", "takes publishers in and puts them on air", klive_serve_main },
  { "check-config", "checks klive.conf", klive_check_config_main },
  { "nginx-config", "prints nginx's configuration", klive_nginx_config_main },
  { "finish", "repairs a recording and puts its index in front", klive_finish_main },
  { "render", "prints the pipeline that a conversion profile becomes", klive_render_main },
  { "import-server-xml", "prints Wowza's settings as a klive.conf", klive_import_main },
  { "status", "prints what a running launcher does", klive_status_main },
  { "kick", "throws the encoders of an entry out", klive_kick_main },
  { "split", "lets the recordings of an entry go on in new files", klive_split_main },
  { "drain", "lets no new broadcast in, or does again", klive_drain_main },
  { "worker", NULL, klive_worker_main },
  { "probe-encoder", NULL, klive_probe_encoder_main },
  { NULL },
};

static void
print_help (FILE *to)
{
  fputs ("Usage: klive-launcher COMMAND [OPTION...]\n\nLive media server for Kaltura.\n\nCommands:\n", to);
  for (const Command *c = commands; c->name; c++)
    if (c->help)
      fprintf (to, "  %-17s %s\n", c->name, c->help);
  fputs ("\n`klive-launcher COMMAND --help` explains a command. --version prints the version.\n"
         "Exit codes: 0 done, 2 usage, 3 configuration, 4 refused by Kaltura, 1 otherwise.\n",
      to);
}

int
main (int argc, char **argv)
{
  klive_log_init ();
  if (argc < 2) {
    print_help (stderr);
    return KLIVE_EXIT_USAGE;
  }
  if (strcmp (argv[1], "--help") == 0 || strcmp (argv[1], "-h") == 0 || strcmp (argv[1], "help") == 0) {
    print_help (stdout);
    return KLIVE_EXIT_DONE;
  }
  if (strcmp (argv[1], "--version") == 0) {
    puts ("klive-launcher " KLIVE_VERSION);
    return KLIVE_EXIT_DONE;
  }
  for (const Command *c = commands; c->name; c++)
    if (strcmp (argv[1], c->name) == 0)
      return c->run (argc - 1, argv + 1);
  fprintf (stderr, "klive-launcher: unknown command \"%s\"; see klive-launcher --help\n", argv[1]);
  return KLIVE_EXIT_USAGE;
}
