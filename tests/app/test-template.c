/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Launch texts with typed variables: what a value may be, and that it stays one value. */
#include "klive-template.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <gst/gst.h>
#include <string.h>

static char *
render (const char *text, const char *name, const char *value, GError **error)
{
  g_autoptr (KliveVariables) variables = klive_variables_new ();

  if (name)
    klive_variables_set (variables, name, value);
  return klive_template_render ("test.gst", text, variables, error);
}

static void
test_plain_text (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *text =
      render ("# a comment with ${nothing}\n\nfakesrc !\n  fakesink # not a comment\n", NULL, NULL, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (text, ==, "fakesrc !\n  fakesink # not a comment\n");
}

static void
test_values (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *text = render ("hls_${id}.video ${start_index} ${speed_preset} ${epoch}", "id", "a-B_9", &error);

  g_assert_no_error (error);
  g_assert_cmpstr (text, ==, "hls_a-B_9.video 0 veryfast -1\n");
}

static void
test_path_is_quoted (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *text = render ("filesrc location=${source_path}", "source_path", "/a ! b\"c\\d.flv", &error);

  g_assert_no_error (error);
  g_assert_cmpstr (text, ==, "filesrc location=\"/a ! b\\\"c\\\\d.flv\"\n");
}

/* Whatever a value says, gst_parse_launch() gives it back as the one property, and makes no other element. */
static void
test_value_stays_one_value (gconstpointer data)
{
  g_autofree char *value = g_strconcat ("/", data, NULL);
  g_autoptr (GError) error = NULL;
  g_autofree char *text = render ("filesrc name=f location=${source_path} ! fakesink", "source_path", value, &error);
  g_autoptr (GstElement) pipeline = NULL;
  g_autoptr (GstElement) source = NULL;
  g_autofree char *location = NULL;

  g_assert_no_error (error);
  pipeline = gst_parse_launch_full (text, NULL, GST_PARSE_FLAG_FATAL_ERRORS, &error);
  g_assert_no_error (error);
  g_assert_cmpint (GST_BIN_NUMCHILDREN (pipeline), ==, 2);
  source = gst_bin_get_by_name (GST_BIN (pipeline), "f");
  g_object_get (source, "location", &location, NULL);
  g_assert_cmpstr (location, ==, value);
}

typedef struct {
  const char *name, *value;
} Pair;

static const Pair good[] = {
  { "id", "33" },
  { "width", "2" },
  { "width", "8192" },
  { "epoch", "-1" },
  { "epoch", "1763812344000000000" },
  { "profile", "high" },
  { "source_url", "rtmp://h/kLive/?p=102&e=0_abcd1234&i=0&t=12ab34cd/0_abcd1234_1" },
  { "source_path", "\303\244 b.flv" },
};

static const Pair bad[] = {
  { "id", "" },
  { "id", "3 3" },
  { "id", "33 ! filesink location=x" },
  { "id", "33." },
  { "width", "" },
  { "width", "1" },
  { "width", "8193" },
  { "width", "-2" },
  { "width", "+2" },
  { "width", " 2" },
  { "width", "0x10" },
  { "width", "99999999999999999999999" },
  { "epoch", "-2" },
  { "profile", "Main" },
  { "profile", "baseline|main" },
  { "profile", "" },
  { "source_url", "/a/path" },
  { "source_url", "rtmp://" },
  { "source_url", "://x" },
  { "source_url", "rtmp://h/a b" },
  { "source_url", "rtmp://h/a\nb" },
  { "source_path", "" },
  { "source_path", "a\nb" },
  { "source_path", "a\177" },
  { "source_path", "a\377b" },
};

static void
test_types (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (good); i++) {
    g_autofree char *template = g_strdup_printf ("x=${%s}", good[i].name);
    g_autoptr (GError) error = NULL;
    g_autofree char *text = render (template, good[i].name, good[i].value, &error);

    g_assert_no_error (error);
    g_assert_nonnull (text);
  }
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_autofree char *template = g_strdup_printf ("x=${%s}", bad[i].name);
    g_autoptr (GError) error = NULL;
    g_autofree char *text = render (template, bad[i].name, bad[i].value, &error);

    g_assert_error (error, KLIVE_TEMPLATE_ERROR, KLIVE_TEMPLATE_ERROR_VALUE);
    g_assert_null (text);
    g_assert_nonnull (strstr (error->message, bad[i].name));
  }
}

static void
test_errors_name_the_place (void)
{
  static const struct {
    const char *text;
    KliveTemplateError code;
    const char *message;
  } cases[] = {
    { "#\na ${width}", KLIVE_TEMPLATE_ERROR_UNSET, "test.gst, line 2: variable ${width} has no value" },
    { "a\nb ${oops}", KLIVE_TEMPLATE_ERROR_UNKNOWN, "test.gst, line 2: unknown variable ${oops}" },
    { "a ${}", KLIVE_TEMPLATE_ERROR_UNKNOWN, "test.gst, line 1: unknown variable ${}" },
    { "a ${width", KLIVE_TEMPLATE_ERROR_SYNTAX, "test.gst, line 1: \"${\" without \"}\"" },
    { "a ${wid\nth}", KLIVE_TEMPLATE_ERROR_SYNTAX, "test.gst, line 1: \"${\" without \"}\"" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = NULL;
    g_autofree char *text = render (cases[i].text, NULL, NULL, &error);

    g_assert_null (text);
    g_assert_error (error, KLIVE_TEMPLATE_ERROR, (int) cases[i].code);
    g_assert_cmpstr (error->message, ==, cases[i].message);
  }
}

/* A value is not looked at again: "${id}" in it stays what it is. */
static void
test_values_are_not_rendered (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *text = render ("x=${source_path}", "source_path", "/${id}/$ {id", &error);

  g_assert_no_error (error);
  g_assert_cmpstr (text, ==, "x=\"/${id}/$ {id\"\n");
}

static void
test_samples_fit (void)
{
  g_autoptr (KliveVariables) samples = klive_variables_new_samples ();

  for (const KliveVariable *variable = klive_template_variables (); variable->name; variable++) {
    g_autofree char *template = g_strdup_printf ("${%s}", variable->name);
    g_autoptr (GError) error = NULL;
    g_autofree char *text = klive_template_render ("sample", template, samples, &error);
    g_autofree char *fallback = variable->fallback ? render (template, variable->name, variable->fallback, NULL) : NULL;

    g_assert_no_error (error);
    g_assert_nonnull (text);
    g_assert_true (!variable->fallback || fallback);
  }
}

/* The columns of pipelines/README.md that the table decides: name, type, default. */
static char *
describe_row (const KliveVariable *variable)
{
  static const char *const types[] = { "uint", "int", "", "token", "string", "path", "url" };
  GString *row = g_string_new (NULL);

  g_string_append_printf (row, "| `%s` | %s", variable->name, types[variable->type]);
  if (variable->type == KLIVE_VARIABLE_UINT || variable->type == KLIVE_VARIABLE_INT)
    g_string_append_printf (row, " %" G_GINT64_FORMAT "\342\200\246%" G_GINT64_FORMAT, variable->min, variable->max);
  for (const char *c = variable->choices; c && *c; c++)
    if (*c == '|')
      g_string_append (row, ", ");
    else
      g_string_append_c (row, *c);
  g_string_append_printf (row, " | %s | ", variable->fallback ? variable->fallback : "-");
  return g_string_free (row, FALSE);
}

static void
test_readme_lists_all (void)
{
  g_autofree char *path = g_build_filename (klive_template_directory (), "README.md", NULL);
  g_autoptr (GDir) dir = g_dir_open (klive_template_directory (), 0, NULL);
  g_autofree char *readme = NULL;
  const char *name;

  g_assert_true (g_file_get_contents (path, &readme, NULL, NULL));
  for (const KliveVariable *variable = klive_template_variables (); variable->name; variable++) {
    g_autofree char *row = describe_row (variable);

    if (!strstr (readme, row))
      g_error ("README.md lacks: %s", row);
  }
  while ((name = g_dir_read_name (dir))) {
    g_autofree char *cell = g_strdup_printf ("| `%s` | ", name);

    if (g_str_has_suffix (name, ".gst") && !strstr (readme, cell))
      g_error ("README.md lacks: %s", cell);
  }
}

static void
test_every_template_renders (void)
{
  g_autoptr (GDir) dir = g_dir_open (klive_template_directory (), 0, NULL);
  g_autoptr (KliveVariables) samples = klive_variables_new_samples ();
  const char *name;
  guint n = 0;

  g_assert_nonnull (dir);
  while ((name = g_dir_read_name (dir))) {
    g_autoptr (GError) error = NULL;
    g_autofree char *text = NULL;

    if (!g_str_has_suffix (name, ".gst"))
      continue;
    text = klive_template_render_file (NULL, name, samples, &error);
    g_assert_no_error (error);
    g_assert_null (strstr (text, "${"));
    n++;
  }
  g_assert_cmpuint (n, >, 20);
}

static void
test_own_templates (void)
{
  g_autofree char *directory = g_dir_make_tmp (NULL, NULL);
  g_autofree char *own = g_build_filename (directory, "copy-video.gst", NULL);
  g_autofree char *unknown = g_build_filename (directory, "copy-vidoe.gst", NULL);
  g_autoptr (KliveVariables) samples = klive_variables_new_samples ();
  g_autoptr (GError) error = NULL;
  g_autofree char *replaced = NULL;
  g_autofree char *brought = NULL;

  g_file_set_contents (own, "v. ! queue ! hls_${id}.video", -1, NULL);
  replaced = klive_template_render_file (directory, "copy-video.gst", samples, &error);
  g_assert_cmpstr (replaced, ==, "v. ! queue ! hls_33.video\n");
  brought = klive_template_render_file (directory, "audio.gst", samples, &error);
  g_assert_cmpstr (brought, ==, "a64000. ! hls_33.audio\n");
  g_assert_true (klive_template_check_directory (directory, &error));
  g_assert_no_error (error);
  /* a misspelt name replaces nothing, and an error in a text names the file */
  g_file_set_contents (unknown, "v.", -1, NULL);
  g_assert_false (klive_template_check_directory (directory, &error));
  g_assert_error (error, KLIVE_TEMPLATE_ERROR, KLIVE_TEMPLATE_ERROR_UNKNOWN);
  g_clear_error (&error);
  g_unlink (unknown);
  g_file_set_contents (own, "v. ! ${hls}.video", -1, NULL);
  g_assert_false (klive_template_check_directory (directory, &error));
  g_assert_nonnull (strstr (error->message, own));
  g_unlink (own);
  g_rmdir (directory);
  g_clear_error (&error);
  g_assert_false (klive_template_check_directory (directory, &error));
  g_assert_nonnull (error);
}

static void
test_missing_template (void)
{
  g_autoptr (KliveVariables) samples = klive_variables_new_samples ();
  g_autoptr (GError) error = NULL;

  g_assert_null (klive_template_render_file (NULL, "no-such.gst", samples, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  gst_init (&argc, &argv);
  g_test_add_func ("/template/plain-text", test_plain_text);
  g_test_add_func ("/template/values", test_values);
  g_test_add_func ("/template/path-is-quoted", test_path_is_quoted);
  g_test_add_data_func ("/template/injection-element", "x ! filesink location=y", test_value_stays_one_value);
  g_test_add_data_func ("/template/injection-quote", "x\" ! filesink location=\"y", test_value_stays_one_value);
  g_test_add_data_func ("/template/injection-backslash", "x\\\" ! fakesink \\", test_value_stays_one_value);
  g_test_add_data_func ("/template/injection-reference", "x. ! y.z name=w", test_value_stays_one_value);
  g_test_add_data_func ("/template/injection-blanks", " a  b ", test_value_stays_one_value);
  g_test_add_data_func ("/template/injection-utf8", "\303\244\342\202\254 'x'", test_value_stays_one_value);
  g_test_add_func ("/template/types", test_types);
  g_test_add_func ("/template/errors-name-the-place", test_errors_name_the_place);
  g_test_add_func ("/template/values-are-not-rendered", test_values_are_not_rendered);
  g_test_add_func ("/template/samples-fit", test_samples_fit);
  g_test_add_func ("/template/readme-lists-all", test_readme_lists_all);
  g_test_add_func ("/template/every-template-renders", test_every_template_renders);
  g_test_add_func ("/template/own-templates", test_own_templates);
  g_test_add_func ("/template/missing-template", test_missing_template);
  return g_test_run ();
}
