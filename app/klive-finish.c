/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * klive-launcher finish FILE: repairs a recording and puts its index in front. The uploader runs it as a child, because
 * it reads what a crash has left behind and waits for the disk; an operator may run it by hand, on any MP4 file.
 */
#include "klive-commands.h"

#include <json-glib/json-glib.h>
#include <stdio.h>

#include "mp4-finish.h"

static void
print_json (const char *path, const Mp4FinishResult *result)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "file");
  json_builder_add_string_value (builder, path);
  json_builder_set_member_name (builder, "duration");
  json_builder_add_double_value (builder, result->duration);
  json_builder_set_member_name (builder, "size");
  json_builder_add_int_value (builder, (gint64) result->size);
  json_builder_set_member_name (builder, "torn");
  json_builder_add_boolean_value (builder, result->torn);
  json_builder_set_member_name (builder, "changed");
  json_builder_add_boolean_value (builder, result->changed);
  json_builder_end_object (builder);
  g_autoptr (JsonNode) root = json_builder_get_root (builder);
  g_autofree char *text = json_to_string (root, FALSE);
  puts (text);
}

static void
print_text (const char *path, const Mp4FinishResult *result)
{
  printf ("%s: %.3f s, %" G_GUINT64_FORMAT " bytes%s%s\n", path, result->duration, result->size,
      result->torn ? ", an incomplete tail was dropped" : "", result->changed ? "" : ", was finished already");
}

/* What klive-repair.c tells apart. */
static const char *
get_error_name (const GError *error)
{
  switch (error->code) {
    case MP4_ERROR_FORMAT:
      return "format";
    case MP4_ERROR_BUSY:
      return "busy";
    case MP4_ERROR_SPACE:
      return "space";
    default:
      return "other";
  }
}

static void
print_json_error (const char *path, const GError *error)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "file");
  json_builder_add_string_value (builder, path);
  json_builder_set_member_name (builder, "error");
  json_builder_add_string_value (builder, get_error_name (error));
  json_builder_set_member_name (builder, "message");
  json_builder_add_string_value (builder, error->message);
  json_builder_end_object (builder);
  g_autoptr (JsonNode) root = json_builder_get_root (builder);
  g_autofree char *text = json_to_string (root, FALSE);
  puts (text);
}

int
klive_finish_main (int argc, char **argv)
{
  gboolean json = FALSE;
  const GOptionEntry entries[] = { { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print the result as JSON", NULL },
    { NULL } };
  g_autoptr (GOptionContext) context = g_option_context_new ("FILE");
  g_autoptr (GError) error = NULL;
  g_set_prgname ("klive-launcher finish");
  g_option_context_set_summary (context,
      "Makes an MP4 recording complete: keeps every whole fragment, drops a torn "
      "tail, and puts the\nindex in front. The file is replaced in one step; one "
      "that is being written is left alone.");
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error) || argc != 2) {
    fprintf (stderr, "klive-launcher finish: %s\n", error != NULL ? error->message : "one FILE expected; see --help");
    return KLIVE_EXIT_USAGE;
  }
  Mp4FinishResult result;
  if (!mp4_finish (argv[1], &result, &error)) {
    if (json)
      print_json_error (argv[1], error);
    else
      fprintf (stderr, "klive-launcher finish: %s: %s\n", argv[1], error->message);
    return KLIVE_EXIT_FAILED;
  }
  if (json)
    print_json (argv[1], &result);
  else
    print_text (argv[1], &result);
  return KLIVE_EXIT_DONE;
}
