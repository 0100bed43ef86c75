/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * `klive-launcher import-server-xml`: Wowza's settings as a klive.conf on stdout, and on stderr what could not be taken
 * over. Called by main().
 */
#include <stdio.h>

#include "klive-commands.h"
#include "klive-import.h"

static int
fail (const char *message, int exit_code)
{
  fprintf (stderr, "klive-launcher import-server-xml: %s\n", message);
  return exit_code;
}

int
klive_import_main (int argc, char **argv)
{
  g_auto (GStrv) files = NULL;
  const GOptionEntry entries[] = { { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &files, NULL, NULL },
    { NULL } };
  g_autoptr (GOptionContext) context =
      g_option_context_new ("FILE... - Wowza's Server.xml, and its Application.xml and VHost.xml");
  g_autoptr (GError) error = NULL;
  g_set_prgname ("klive-launcher import-server-xml");
  g_option_context_set_summary (context,
      "Prints the settings of Kaltura's module for Wowza as a klive.conf, with the admin secret in it:\n"
      "  umask 077; klive-launcher import-server-xml conf/Server.xml conf/kLive/Application.xml > klive.conf\n"
      "What klive has nothing like stands at its end and on stderr, with the reason.");
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    return fail (error->message, KLIVE_EXIT_USAGE);
  if (!files)
    return fail ("which files? See --help", KLIVE_EXIT_USAGE);

  g_autoptr (KliveImport) import = klive_import_new ();
  for (guint i = 0; files[i]; i++)
    if (!klive_import_read (import, files[i], &error))
      return fail (error->message, KLIVE_EXIT_CONFIG);
  g_autofree char *text = klive_import_render (import, &error);
  if (!text)
    return fail (error->message, KLIVE_EXIT_CONFIG);
  for (const char *const *note = klive_import_get_notes (import); *note; note++)
    fprintf (stderr, "%s\n", *note);
  return fputs (text, stdout) >= 0 && fflush (stdout) == 0 ? KLIVE_EXIT_DONE : fail ("cannot write", KLIVE_EXIT_FAILED);
}
