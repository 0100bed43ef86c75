/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Renders the texts of pipelines/. Pure but for the loading of files; klive-studio-text.c puts the pieces together.
 *
 * Stream names and addresses come from strangers, and gst_parse_launch() takes ` ! filesink location=…` in a value for
 * two elements: so no value gets into a text but through this table and its quoting.
 */
#include "klive-template.h"

#include <gio/gio.h>
#include <string.h>

#define NS_PER_S G_GINT64_CONSTANT (1000000000)

#define UINT(name, min, max, fallback, sample) \
  { \
    name, KLIVE_VARIABLE_UINT, min, max, NULL, fallback, sample \
  }
#define ENUM(name, choices, fallback, sample) \
  { \
    name, KLIVE_VARIABLE_ENUM, 0, 0, choices, fallback, sample \
  }
#define TEXT(name, type, sample) \
  { \
    name, KLIVE_VARIABLE_##type, 0, 0, NULL, NULL, sample \
  }

/* pipelines/README.md says what each is for. */
/* clang-format off */
static const KliveVariable table[] = {
  /* input */
  TEXT ("source_url", URL, "rtmp://127.0.0.1:1935/live/test"),
  TEXT ("source_path", PATH, "/var/tmp/a film.flv"),
  TEXT ("broadcast_url", URL, "rtmp://127.0.0.1/kLive/?p=102&e=0_abcd1234&i=0&t=12ab34cd"),
  TEXT ("config_file", PATH, "/etc/klive/klive.conf"),
  ENUM ("video_pad", "video|video_0", "video", "video"),
  ENUM ("audio_pad", "audio|audio_0", "audio", "audio"),
  ENUM ("video_parser", "h264parse|identity", "h264parse", "h264parse"),
  UINT ("input_bytes", 65536, 1 << 30, "16777216", "16777216"),
  /* cutting */
  UINT ("segment_duration", NS_PER_S / 10, 60 * NS_PER_S, "6000000000", "6000000000"),
  UINT ("segment_seconds", 1, 60, "6", "6"),
  { "epoch", KLIVE_VARIABLE_INT, -1, G_MAXINT64, NULL, "-1", "1763812344000000000" },
  /* decoding and encoding */
  UINT ("queue_time", NS_PER_S / 100, 60 * NS_PER_S, "1000000000", "1000000000"),
  UINT ("threads", 0, 64, "0", "2"),
  ENUM ("video_decoder", "avdec_flv|avdec_vp6f|avdec_flashsv", "avdec_flv", "avdec_flv"),
  UINT ("width", 2, 8192, NULL, "640"),
  UINT ("height", 2, 8192, NULL, "360"),
  ENUM ("fit", "stretch|letterbox|crop", "stretch", "letterbox"),
  ENUM ("add_borders", "true|false", "false", "true"),
  UINT ("max_width", 2, 8192, "8192", "640"),
  UINT ("max_height", 2, 8192, "8192", "360"),
  { "frames", KLIVE_VARIABLE_TOKEN, 0, 0, NULL, "r", "r" },
  UINT ("skip_frames", 0, 100000, "0", "1"),
  ENUM ("follow_keyframes", "true|false", "true", "true"),
  UINT ("fps_n", 1, G_MAXINT, NULL, "30"),
  UINT ("fps_d", 1, G_MAXINT, "1", "1"),
  ENUM ("profile", "baseline|main|high", "main", "main"),
  UINT ("video_bitrate", 1000, 2000000000, NULL, "400000"),
  UINT ("video_kbps", 1, 2000000, NULL, "400"),
  UINT ("vbv_ms", 1, 10000, "2000", "2000"),
  UINT ("keyframe_interval", 1, G_MAXINT, "600", "600"),
  { "video_encoder", KLIVE_VARIABLE_TOKEN, 0, 0, NULL, NULL, "vah264enc" },
  ENUM ("rate_control", "cbr|vbr", "vbr", "vbr"),
  ENUM ("hardware_profile", "constrained-baseline|main|high", "main", "main"),
  ENUM ("speed_preset", "ultrafast|superfast|veryfast|faster|fast|medium|slow|slower|veryslow|placebo", "veryfast",
      "veryfast"),
  ENUM ("audio_decoder", "avdec_aac|avdec_mp3|speexdec|identity|avdec_adpcm_swf|avdec_nellymoser", "avdec_aac",
      "avdec_aac"),
  ENUM ("audio_encoder", "fdkaacenc|avenc_aac|voaacenc", "avenc_aac", "avenc_aac"),
  UINT ("audio_bitrate", 8000, 320000, NULL, "64000"),
  /* output */
  TEXT ("id", TOKEN, "33"),
  TEXT ("audio_tee", TOKEN, "a64000"),
  ENUM ("audio_parser", "aacparse|mpegaudioparse", "aacparse", "aacparse"),
  TEXT ("location", PATH, "/var/tmp/33/0-1763812345678-%05u.ts"),
  TEXT ("playlist_location", PATH, "/var/tmp/33.m3u8"),
  TEXT ("asset_id", TOKEN, "0_x8d2k1mn"),
  TEXT ("recording_location", PATH, "/var/tmp/0_abcd1234.0_x8d2k1mn_0-1763812345678-%05u.mp4"),
  UINT ("chunk_duration", 0, 7 * 86400, "3600", "3600"),
  TEXT ("group", STRING, "kaltura"),
  TEXT ("spool", PATH, "/var/tmp/spool"),
  UINT ("start_index", 0, G_MAXINT64, "0", "293968727"),
  UINT ("playlist_length", 1, 100000, "10", "10"),
  UINT ("max_files", 1, 200000, "20", "20"),
  { NULL }
};
/* clang-format on */

struct _KliveVariables {
  GHashTable *values; /* char * -> char * */
};

G_DEFINE_QUARK (klive_template_error_quark, klive_template_error)

const KliveVariable *
klive_template_variables (void)
{
  return table;
}

KliveVariables *
klive_variables_new (void)
{
  KliveVariables *variables = g_new0 (KliveVariables, 1);

  variables->values = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  return variables;
}

KliveVariables *
klive_variables_new_samples (void)
{
  KliveVariables *variables = klive_variables_new ();

  for (const KliveVariable *variable = table; variable->name; variable++)
    klive_variables_set (variables, variable->name, variable->sample);
  return variables;
}

void
klive_variables_free (KliveVariables *variables)
{
  if (!variables)
    return;
  g_hash_table_unref (variables->values);
  g_free (variables);
}

void
klive_variables_set (KliveVariables *variables, const char *name, const char *value)
{
  if (value)
    g_hash_table_insert (variables->values, g_strdup (name), g_strdup (value));
  else
    g_hash_table_remove (variables->values, name);
}

void
klive_variables_set_uint (KliveVariables *variables, const char *name, guint64 value)
{
  g_hash_table_insert (variables->values, g_strdup (name), g_strdup_printf ("%" G_GUINT64_FORMAT, value));
}

void
klive_variables_set_int (KliveVariables *variables, const char *name, gint64 value)
{
  g_hash_table_insert (variables->values, g_strdup (name), g_strdup_printf ("%" G_GINT64_FORMAT, value));
}

const KliveVariable *
klive_template_find_variable (const char *name)
{
  for (const KliveVariable *variable = table; variable->name; variable++)
    if (strcmp (variable->name, name) == 0)
      return variable;
  return NULL;
}

static gboolean
is_choice (const char *choices, const char *value)
{
  g_auto (GStrv) list = g_strsplit (choices, "|", -1);

  return g_strv_contains ((const char *const *) list, value);
}

static gboolean
is_text (const char *value)
{
  if (!g_utf8_validate (value, -1, NULL))
    return FALSE;
  for (const char *c = value; *c; c++)
    if (g_ascii_iscntrl (*c))
      return FALSE;
  return TRUE;
}

static gboolean
is_url (const char *value)
{
  const char *rest = strstr (value, "://");
  gsize length = strspn (value, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "+.-");

  return rest && length > 0 && value + length == rest && rest[3] != '\0' && !strchr (value, ' ') && is_text (value);
}

static gboolean
fits (const KliveVariable *variable, const char *value)
{
  gint64 number;
  guint64 positive;

  switch (variable->type) {
    case KLIVE_VARIABLE_UINT:
      return g_ascii_string_to_unsigned (value, 10, variable->min, variable->max, &positive, NULL);
    case KLIVE_VARIABLE_INT:
      return g_ascii_string_to_signed (value, 10, variable->min, variable->max, &number, NULL);
    case KLIVE_VARIABLE_ENUM:
      return is_choice (variable->choices, value);
    case KLIVE_VARIABLE_TOKEN:
      return value[0] != '\0' && value[strspn (value, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_-")] == '\0';
    case KLIVE_VARIABLE_STRING:
      return is_text (value);
    case KLIVE_VARIABLE_PATH:
      return value[0] != '\0' && is_text (value);
    case KLIVE_VARIABLE_URL:
      return is_url (value);
  }
  return FALSE;
}

static gboolean
needs_quotes (const KliveVariable *variable)
{
  return variable->type == KLIVE_VARIABLE_STRING || variable->type == KLIVE_VARIABLE_PATH ||
      variable->type == KLIVE_VARIABLE_URL;
}

/* "a ! b\"c": one value to gst_parse_launch() */
static void
append_quoted (GString *text, const char *value)
{
  g_string_append_c (text, '"');
  for (const char *c = value; *c; c++) {
    if (*c == '"' || *c == '\\')
      g_string_append_c (text, '\\');
    g_string_append_c (text, *c);
  }
  g_string_append_c (text, '"');
}

static gboolean
append_value (GString *text, const char *template, guint line, const char *name, const KliveVariables *variables,
    GError **error)
{
  const KliveVariable *variable = klive_template_find_variable (name);
  const char *value = g_hash_table_lookup (variables->values, name);

  if (!variable) {
    g_set_error (error, KLIVE_TEMPLATE_ERROR, KLIVE_TEMPLATE_ERROR_UNKNOWN, "%s, line %u: unknown variable ${%s}",
        template, line, name);
    return FALSE;
  }
  if (!value)
    value = variable->fallback;
  if (!value) {
    g_set_error (error, KLIVE_TEMPLATE_ERROR, KLIVE_TEMPLATE_ERROR_UNSET, "%s, line %u: variable ${%s} has no value",
        template, line, name);
    return FALSE;
  }
  if (!fits (variable, value)) {
    g_autofree char *escaped = g_strescape (value, NULL);

    g_set_error (error, KLIVE_TEMPLATE_ERROR, KLIVE_TEMPLATE_ERROR_VALUE,
        "%s, line %u: \"%s\" is no value for variable ${%s}", template, line, escaped, name);
    return FALSE;
  }
  if (needs_quotes (variable))
    append_quoted (text, value);
  else
    g_string_append (text, value);
  return TRUE;
}

static gboolean
append_line (GString *text, const char *template, guint line, const char *source, const KliveVariables *variables,
    GError **error)
{
  const char *rest = source;
  const char *start;

  while ((start = strstr (rest, "${"))) {
    const char *end = strchr (start, '}');
    g_autofree char *name = NULL;

    if (!end) {
      g_set_error (error, KLIVE_TEMPLATE_ERROR, KLIVE_TEMPLATE_ERROR_SYNTAX, "%s, line %u: \"${\" without \"}\"",
          template, line);
      return FALSE;
    }
    g_string_append_len (text, rest, start - rest);
    name = g_strndup (start + 2, end - start - 2);
    if (!append_value (text, template, line, name, variables, error))
      return FALSE;
    rest = end + 1;
  }
  g_string_append (text, rest);
  g_string_append_c (text, '\n');
  return TRUE;
}

char *
klive_template_render (const char *name, const char *text, const KliveVariables *variables, GError **error)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  g_autoptr (GString) rendered = g_string_new (NULL);

  for (guint i = 0; lines[i]; i++) {
    g_strchomp (lines[i]);
    if (lines[i][0] == '#' || lines[i][0] == '\0')
      continue;
    if (!append_line (rendered, name, i + 1, lines[i], variables, error))
      return NULL;
  }
  return g_string_free (g_steal_pointer (&rendered), FALSE);
}

static const char *
find_directory (void)
{
  const char *set = g_getenv ("KLIVE_PIPELINES");
  g_autofree char *executable = g_file_read_link ("/proc/self/exe", NULL);

  if (set && set[0] != '\0')
    return g_strdup (set);
  if (executable && g_str_has_prefix (executable, KLIVE_BUILD_ROOT "/"))
    return KLIVE_SOURCE_PIPELINES;
  return KLIVE_PIPELINES_DIR;
}

const char *
klive_template_directory (void)
{
  static gsize once = 0;
  static const char *directory;

  if (g_once_init_enter (&once)) {
    directory = find_directory ();
    g_once_init_leave (&once, 1);
  }
  return directory;
}

char *
klive_template_render_file (const char *directory, const char *name, const KliveVariables *variables, GError **error)
{
  g_autofree char *own = directory && directory[0] != '\0' ? g_build_filename (directory, name, NULL) : NULL;
  g_autofree char *path = g_build_filename (klive_template_directory (), name, NULL);
  g_autofree char *text = NULL;
  gboolean replaced = own && g_file_test (own, G_FILE_TEST_EXISTS);

  if (!g_file_get_contents (replaced ? own : path, &text, NULL, error))
    return NULL;
  return klive_template_render (replaced ? own : name, text, variables, error);
}

gboolean
klive_template_check_directory (const char *directory, GError **error)
{
  g_autoptr (GDir) dir = g_dir_open (directory, 0, error);
  g_autoptr (KliveVariables) samples = klive_variables_new_samples ();
  const char *name;

  if (!dir)
    return FALSE;
  while ((name = g_dir_read_name (dir))) {
    g_autofree char *brought = g_build_filename (klive_template_directory (), name, NULL);
    g_autofree char *text = NULL;

    if (!g_str_has_suffix (name, ".gst"))
      continue;
    if (!g_file_test (brought, G_FILE_TEST_EXISTS)) {
      g_set_error (error, KLIVE_TEMPLATE_ERROR, KLIVE_TEMPLATE_ERROR_UNKNOWN,
          "%s/%s replaces nothing: there is no such template in %s", directory, name, klive_template_directory ());
      return FALSE;
    }
    text = klive_template_render_file (directory, name, samples, error);
    if (!text)
      return FALSE;
  }
  return TRUE;
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

char **
klive_template_list_video_encoders (void)
{
  g_autoptr (GDir) dir = g_dir_open (klive_template_directory (), 0, NULL);
  GPtrArray *names = g_ptr_array_new ();
  const char *name;

  while (dir && (name = g_dir_read_name (dir)))
    if (g_str_has_prefix (name, "encode-") && g_str_has_suffix (name, "enc.gst"))
      g_ptr_array_add (names, g_strndup (name + 7, strlen (name) - 7 - 4));
  g_ptr_array_sort (names, compare_names);
  g_ptr_array_add (names, NULL);
  return (char **) g_ptr_array_free (names, FALSE);
}
