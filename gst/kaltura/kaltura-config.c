/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * klive.conf: read once at start by the launcher, by check-config, and by kalturaauth under gst-launch. One table says
 * which keys there are and what each may hold; app/data/klive.conf documents them for operators. Any thread.
 */

#include "kaltura-config.h"

#include <string.h>
#include "kaltura-error.h"
#include "kaltura-keyfile.h"
#include "kaltura-value.h"

#define MAX_STATE_DIR 90 /* bytes: sockets lie in it, and the path of a socket has 107 */
#define MAX_QUOTED 64    /* bytes of a value in a message */

typedef struct _KeySpec KeySpec;

/* Stores @value (without blanks around, maybe empty) in the field of @config, or fails with what was expected. */
typedef gboolean (*StoreFunc) (const KeySpec *spec, const char *value, gpointer field);

struct _KeySpec {
  const char *group;
  const char *key;
  StoreFunc store;
  gsize offset;             /* of the field in KalturaConfig */
  gint64 min, max;          /* of numbers */
  const char *const *names; /* of enums, in the order of their values */
  const char *expected;     /* for the message; numbers make it from min and max */
};

static const char *const work_modes[] = { "kaltura", "remote", NULL };
static const char *const apis[] = { "2014", "current", NULL };
static const char *const presets[] = { "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow",
  "slower", "veryslow", "placebo", NULL };

/* values */

static void
replace_string (gpointer field, const char *value)
{
  char **string = field;
  g_free (*string);
  *string = value[0] != '\0' ? g_strdup (value) : NULL;
}

static gboolean
store_uint (const KeySpec *spec, const char *value, gpointer field)
{
  gint64 number = 0;
  if (!g_ascii_string_to_signed (value, 10, spec->min, spec->max, &number, NULL))
    return FALSE;
  *(guint *) field = (guint) number;
  return TRUE;
}

static gboolean
store_partner (const KeySpec *spec, const char *value, gpointer field)
{
  gint64 number = 0;
  if (!g_ascii_string_to_signed (value, 10, -5, G_MAXINT32, &number, NULL) || (number <= 0 && number != -5))
    return FALSE;
  *(gint *) field = (gint) number;
  return TRUE;
}

static gboolean
store_boolean (const KeySpec *spec, const char *value, gpointer field)
{
  if (!g_str_equal (value, "true") && !g_str_equal (value, "false"))
    return FALSE;
  *(gboolean *) field = value[0] == 't';
  return TRUE;
}

static gboolean
store_enum (const KeySpec *spec, const char *value, gpointer field)
{
  for (gint i = 0; spec->names[i] != NULL; i++) {
    if (g_str_equal (value, spec->names[i])) {
      *(gint *) field = i;
      return TRUE;
    }
  }
  return FALSE;
}

static gboolean
store_name (const KeySpec *spec, const char *value, gpointer field)
{
  if (!g_strv_contains (spec->names, value))
    return FALSE;
  replace_string (field, value);
  return TRUE;
}

static gboolean
store_token (const KeySpec *spec, const char *value, gpointer field)
{
  if (!kaltura_value_is_token (value))
    return FALSE;
  replace_string (field, value);
  return TRUE;
}

/* The launcher has these paths for itself, beside that of the application. */
static gboolean
store_application (const KeySpec *spec, const char *value, gpointer field)
{
  static const char *const taken[] = { "hook", "control", "status", "metrics", "healthz", NULL };
  return !g_strv_contains (taken, value) && store_token (spec, value, field);
}

static gboolean
store_optional_token (const KeySpec *spec, const char *value, gpointer field)
{
  if (value[0] != '\0' && !kaltura_value_is_token (value))
    return FALSE;
  replace_string (field, value);
  return TRUE;
}

/* Empty: the machine's name. */
static gboolean
store_host (const KeySpec *spec, const char *value, gpointer field)
{
  if (value[0] != '\0' && !kaltura_value_is_host (value))
    return FALSE;
  replace_string (field, value[0] != '\0' ? value : g_get_host_name ());
  return TRUE;
}

/* An absolute path, or nothing. */
static gboolean
store_path (const KeySpec *spec, const char *value, gpointer field)
{
  if (value[0] != '\0' && !kaltura_value_is_path (value))
    return FALSE;
  g_autofree char *path = g_strdup (value);
  for (gsize length = strlen (path); length > 1 && path[length - 1] == '/'; length--)
    path[length - 1] = '\0';
  replace_string (field, path);
  return TRUE;
}

static gboolean
store_state_dir (const KeySpec *spec, const char *value, gpointer field)
{
  return strlen (value) > 1 && strlen (value) <= MAX_STATE_DIR && store_path (spec, value, field);
}

static gboolean
store_address (const KeySpec *spec, const char *value, gpointer field)
{
  guint port = 0;
  if (!kaltura_value_parse_address (value, &port))
    return FALSE;
  replace_string (field, value);
  return TRUE;
}

static gboolean
store_optional_address (const KeySpec *spec, const char *value, gpointer field)
{
  if (value[0] != '\0')
    return store_address (spec, value, field);
  replace_string (field, "");
  return TRUE;
}

/* What nginx's listen takes: "1935" or an address with a port. */
static gboolean
store_listen (const KeySpec *spec, const char *value, gpointer field)
{
  guint port = 0;
  if (!kaltura_value_parse_port (value, &port) && !kaltura_value_parse_address (value, &port))
    return FALSE;
  replace_string (field, value);
  return TRUE;
}

static gboolean
store_optional_listen (const KeySpec *spec, const char *value, gpointer field)
{
  if (value[0] != '\0')
    return store_listen (spec, value, field);
  replace_string (field, "");
  return TRUE;
}

static gboolean
store_networks (const KeySpec *spec, const char *value, gpointer field)
{
  char **networks = kaltura_value_split_networks (value);
  if (networks == NULL)
    return FALSE;
  g_strfreev (*(char ***) field);
  *(char ***) field = networks;
  return TRUE;
}

static gboolean
store_url (const KeySpec *spec, const char *value, gpointer field)
{
  if (!kaltura_value_is_url (value))
    return FALSE;
  g_autofree char *url = g_strdup (value);
  for (gsize length = strlen (url); url[length - 1] == '/'; length--)
    url[length - 1] = '\0';
  replace_string (field, url);
  return TRUE;
}

static gboolean
store_secret (const KeySpec *spec, const char *value, gpointer field)
{
  if (value[0] == '\0' || strlen (value) > 256)
    return FALSE;
  replace_string (field, value);
  return TRUE;
}

/* admin-secret-file is no field: load_secret_file() reads it. */
static gboolean
store_nothing (const KeySpec *spec, const char *value, gpointer field)
{
  return kaltura_value_is_path (value);
}

/* the table */

#define FIELD(field) offsetof (KalturaConfig, field)
#define NUMBER(group, key, field, min, max) \
  { \
    group, key, store_uint, FIELD (field), min, max, NULL, NULL \
  }
#define VALUE(group, key, store, field, expected) \
  { \
    group, key, store, FIELD (field), 0, 0, NULL, expected \
  }
#define NAMES(group, key, store, field, names) \
  { \
    group, key, store, FIELD (field), 0, 0, names, NULL \
  }

#define AN_ADDRESS "host:port"
#define A_LISTEN "a port or address:port"
#define A_PATH "an absolute path"
#define A_TOKEN "letters, digits, _ and -"
#define NETWORKS "addresses or networks such as 10.0.0.0/8, with commas between"
#define BOOLEAN "true or false"

static const KeySpec specs[] = {
  VALUE ("kaltura", "service-url", store_url, service_url, "http://host or https://host, without user or query"),
  VALUE ("kaltura", "partner-id", store_partner, partner_id, "-5 or a partner id above 0"),
  VALUE ("kaltura", "admin-secret", store_secret, admin_secret, "1 to 256 characters"),
  VALUE ("kaltura", "admin-secret-file", store_nothing, admin_secret, A_PATH),
  NUMBER ("kaltura", "session-version", session_version, 1, 2),
  NUMBER ("kaltura", "timeout", timeout, 1, 60),
  VALUE ("kaltura", "hostname", store_host, hostname, "a host name"),
  NAMES ("kaltura", "work-mode", store_enum, work_mode, work_modes),
  NAMES ("kaltura", "api", store_enum, api, apis),
  NUMBER ("kaltura", "keep-alive-interval", keep_alive_interval, 1, 65),
  NUMBER ("kaltura", "registration-delay", registration_delay, 0, 60),
  NUMBER ("kaltura", "status-interval", status_interval, 1, 3600),

  VALUE ("server", "application", store_application, application,
      A_TOKEN "; not hook, control, status, metrics or healthz"),
  VALUE ("server", "state-dir", store_state_dir, state_dir, "an absolute path of at most 90 bytes"),
  VALUE ("server", "control-listen", store_address, control_listen, AN_ADDRESS),
  VALUE ("server", "soap-listen", store_optional_address, soap_listen, AN_ADDRESS " or nothing"),
  VALUE ("server", "soap-allow", store_networks, soap_allow, NETWORKS),
  VALUE ("server", "control-allow", store_networks, control_allow, NETWORKS),
  VALUE ("server", "status-allow", store_networks, status_allow, NETWORKS),
  NUMBER ("server", "grace", grace, 0, 3600),
  NUMBER ("server", "stop-grace", stop_grace, 0, 3600),
  NUMBER ("server", "orphan-timeout", orphan_timeout, 1, 86400),
  NUMBER ("server", "max-entries", max_entries, 0, 10000),

  VALUE ("nginx", "managed", store_boolean, managed, BOOLEAN),
  VALUE ("nginx", "rtmp-listen", store_listen, rtmp_listen, A_LISTEN),
  VALUE ("nginx", "http-listen", store_listen, http_listen, A_LISTEN),
  VALUE ("nginx", "shared-port", store_boolean, shared_port, BOOLEAN),
  VALUE ("nginx", "tls-certificate", store_path, tls_certificate, A_PATH),
  VALUE ("nginx", "tls-key", store_path, tls_key, A_PATH),
  VALUE ("nginx", "rtmps-listen", store_optional_listen, rtmps_listen, A_LISTEN " or nothing"),
  VALUE ("nginx", "https-listen", store_optional_listen, https_listen, A_LISTEN " or nothing"),

  NUMBER ("hls", "segment-duration", segment_duration, 1, 20),
  NUMBER ("hls", "playlist-length", playlist_length, 3, 100),
  NUMBER ("hls", "max-dvr-window", max_dvr_window, 0, 604800),

  VALUE ("recording", "directory", store_path, recording_directory, A_PATH),
  VALUE ("recording", "spool-directory", store_path, spool_directory, A_PATH),
  NUMBER ("recording", "chunk-duration", chunk_duration, 60, 86400),
  VALUE ("recording", "group", store_optional_token, recorded_file_group, "a group name or nothing"),
  VALUE ("recording", "upload-xml-directory", store_path, upload_xml_directory, A_PATH),
  VALUE ("recording", "keep-files", store_boolean, keep_files, BOOLEAN),

  VALUE ("transcode", "video-encoder", store_token, video_encoder, "auto or the name of an element"),
  VALUE ("transcode", "audio-encoder", store_token, audio_encoder, "auto or the name of an element"),
  NAMES ("transcode", "speed-preset", store_name, speed_preset, presets),
  VALUE ("transcode", "templates", store_path, templates, A_PATH),
  NUMBER ("transcode", "threads", threads, 0, 64),
};

/* loading */

static char *
describe_expected (const KeySpec *spec)
{
  if (spec->expected != NULL)
    return g_strdup (spec->expected);
  if (spec->names != NULL)
    return g_strjoinv (", ", (char **) spec->names);
  return g_strdup_printf ("a number from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT, spec->min, spec->max);
}

static const KeySpec *
find_spec (const char *group, const char *key, gboolean *group_known)
{
  for (gsize i = 0; i < G_N_ELEMENTS (specs); i++) {
    if (!g_str_equal (specs[i].group, group))
      continue;
    *group_known = TRUE;
    if (g_str_equal (specs[i].key, key))
      return &specs[i];
  }
  return NULL;
}

/* KalturaKeyfileFunc */
static gboolean
load_key (KalturaKeyfile *keyfile, const char *group, const char *key, guint line, gpointer user_data, GError **error)
{
  KalturaConfig *config = user_data;
  gboolean group_known = FALSE;
  const KeySpec *spec = find_spec (group, key, &group_known);
  if (spec == NULL)
    return kaltura_keyfile_fail (keyfile, group, key, error, group_known ? "unknown key" : "unknown group");
  g_hash_table_insert (config->lines, g_strconcat (group, "/", key, NULL), GUINT_TO_POINTER (line));
  g_autofree char *value = kaltura_keyfile_dup_value (keyfile, group, key);
  if (value == NULL)
    return kaltura_keyfile_fail (keyfile, group, key, error, "bad escape in the value");
  if (spec->store (spec, value, (char *) config + spec->offset))
    return TRUE;

  g_autofree char *expected = describe_expected (spec);
  if (spec->store == store_secret || (spec->store == store_url && strchr (value, '@') != NULL)) /* with a password */
    return kaltura_keyfile_fail (keyfile, group, key, error, "unusable, expected %s", expected);
  g_autofree char *quoted = kaltura_error_quote (value, -1, MAX_QUOTED);
  return kaltura_keyfile_fail (keyfile, group, key, error, "%s, expected %s", quoted, expected);
}

static gboolean
load_secret_file (KalturaConfig *config, KalturaKeyfile *keyfile, GError **error)
{
  const char *key = "admin-secret-file";
  g_autofree char *path = kaltura_keyfile_dup_value (keyfile, "kaltura", key);
  g_autofree char *text = NULL;
  g_autoptr (GError) cause = NULL;
  if (path == NULL)
    return TRUE;
  if (config->admin_secret != NULL)
    return kaltura_keyfile_fail (keyfile, "kaltura", key, error,
        "admin-secret is given too, expected only one of them");
  if (!g_file_get_contents (path, &text, NULL, &cause))
    return kaltura_keyfile_fail (keyfile, "kaltura", key, error, "cannot be read: %s", cause->message);
  text[strcspn (text, "\r\n")] = '\0';
  if (!store_secret (NULL, g_strstrip (text), &config->admin_secret))
    return kaltura_keyfile_fail (keyfile, "kaltura", key, error,
        "the first line of %s is no secret, expected 1 to 256 characters", path);
  return TRUE;
}

static gboolean
check_required (KalturaConfig *config, KalturaKeyfile *keyfile, GError **error)
{
  if (config->service_url == NULL)
    return kaltura_keyfile_fail (keyfile, "kaltura", "service-url", error,
        "missing, expected the URL of the Kaltura API");
  if (config->admin_secret == NULL)
    return kaltura_keyfile_fail (keyfile, "kaltura", "admin-secret", error,
        "missing, expected it or admin-secret-file");
  return TRUE;
}

static gboolean
check_tls (KalturaConfig *config, KalturaKeyfile *keyfile, GError **error)
{
  if ((config->tls_certificate == NULL) != (config->tls_key == NULL))
    return kaltura_keyfile_fail (keyfile, "nginx", config->tls_key == NULL ? "tls-certificate" : "tls-key", error,
        "needs %s too", config->tls_key == NULL ? "tls-key" : "tls-certificate");
  if (config->tls_certificate == NULL && (config->rtmps_listen != NULL || config->https_listen != NULL))
    return kaltura_keyfile_fail (keyfile, "nginx", config->rtmps_listen != NULL ? "rtmps-listen" : "https-listen",
        error, "needs tls-certificate and tls-key");
  return TRUE;
}

static gboolean
check_ports (KalturaConfig *config, KalturaKeyfile *keyfile, GError **error)
{
  if (!config->shared_port && g_str_equal (config->rtmp_listen, config->http_listen))
    return kaltura_keyfile_fail (keyfile, "nginx", "http-listen", error,
        "\"%s\" is that of rtmp-listen, expected another or shared-port=true", config->http_listen);
  return TRUE;
}

/* What follows from other keys. */
static void
derive (KalturaConfig *config)
{
  if (!kaltura_value_parse_port (config->rtmp_listen, &config->rtmp_port))
    kaltura_value_parse_address (config->rtmp_listen, &config->rtmp_port);
  if (config->recording_directory == NULL)
    config->recording_directory = g_build_filename (config->state_dir, "recordings", NULL);
  if (config->spool_directory == NULL)
    config->spool_directory = g_build_filename (config->state_dir, "spool", NULL);
}

static KalturaConfig *
make_default (void)
{
  KalturaConfig *config = g_new0 (KalturaConfig, 1);
  config->lines = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  config->partner_id = -5;
  config->session_version = 2;
  config->timeout = 5;
  config->hostname = g_strdup (g_get_host_name ());
  config->work_mode = KALTURA_WORK_MODE_KALTURA;
  config->api = KALTURA_API_CURRENT;
  config->keep_alive_interval = 60;
  config->registration_delay = 5;
  config->status_interval = 300;
  config->application = g_strdup ("kLive");
  config->state_dir = g_strdup ("/var/lib/klive");
  config->control_listen = g_strdup ("127.0.0.1:8889");
  config->soap_allow = g_new0 (char *, 1);
  config->control_allow = g_new0 (char *, 1);
  config->status_allow = g_new0 (char *, 1);
  config->grace = 20;
  config->stop_grace = 3;
  config->orphan_timeout = 60;
  config->managed = TRUE;
  config->rtmp_listen = g_strdup ("1935");
  config->http_listen = g_strdup ("8080");
  config->segment_duration = 6;
  config->playlist_length = 10;
  config->max_dvr_window = 7200;
  config->chunk_duration = 3600;
  config->recorded_file_group = g_strdup ("kaltura");
  config->video_encoder = g_strdup ("auto");
  config->audio_encoder = g_strdup ("auto");
  config->speed_preset = g_strdup ("veryfast");
  return config;
}

KalturaConfig *
kaltura_config_new_default (void)
{
  KalturaConfig *config = make_default ();
  derive (config);
  return config;
}

guint
kaltura_config_get_line (const KalturaConfig *config, const char *group, const char *key)
{
  g_autofree char *name = g_strconcat (group, "/", key, NULL);
  return GPOINTER_TO_UINT (g_hash_table_lookup (config->lines, name));
}

char **
kaltura_config_list_keys (void)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  for (gsize i = 0; i < G_N_ELEMENTS (specs); i++) {
    g_autofree char *name = g_strconcat (specs[i].group, "/", specs[i].key, NULL);
    g_strv_builder_add (builder, name);
  }
  return g_strv_builder_end (builder);
}

gboolean
kaltura_config_check_value (const char *group, const char *key, const char *value, char **expected)
{
  gboolean group_known = FALSE;
  const KeySpec *spec = find_spec (group, key, &group_known);
  g_return_val_if_fail (spec != NULL, FALSE);
  g_autoptr (KalturaConfig) scratch = make_default ();
  if (spec->store (spec, value, (char *) scratch + spec->offset))
    return TRUE;
  if (expected != NULL)
    *expected = describe_expected (spec);
  return FALSE;
}

gboolean
kaltura_config_get_range (const char *group, const char *key, gint64 *min, gint64 *max)
{
  gboolean group_known = FALSE;
  const KeySpec *spec = find_spec (group, key, &group_known);
  if (spec == NULL || spec->store != store_uint)
    return FALSE;
  *min = spec->min;
  *max = spec->max;
  return TRUE;
}

KalturaConfig *
kaltura_config_load (const char *path, GError **error)
{
  g_autoptr (KalturaConfig) config = make_default ();
  config->path = g_strdup (path);
  g_autoptr (KalturaKeyfile) keyfile = kaltura_keyfile_load (path, load_key, config, error);
  if (keyfile == NULL || !load_secret_file (config, keyfile, error) || !check_required (config, keyfile, error) ||
      !check_tls (config, keyfile, error) || !check_ports (config, keyfile, error))
    return NULL;
  derive (config);
  return g_steal_pointer (&config);
}

void
kaltura_config_free (KalturaConfig *config)
{
  if (config == NULL)
    return;
  g_free (config->path);
  g_hash_table_unref (config->lines);
  g_free (config->service_url);
  g_free (config->admin_secret);
  g_free (config->hostname);
  g_free (config->application);
  g_free (config->state_dir);
  g_free (config->control_listen);
  g_free (config->soap_listen);
  g_strfreev (config->soap_allow);
  g_strfreev (config->control_allow);
  g_strfreev (config->status_allow);
  g_free (config->rtmp_listen);
  g_free (config->http_listen);
  g_free (config->tls_certificate);
  g_free (config->tls_key);
  g_free (config->rtmps_listen);
  g_free (config->https_listen);
  g_free (config->recording_directory);
  g_free (config->spool_directory);
  g_free (config->recorded_file_group);
  g_free (config->upload_xml_directory);
  g_free (config->video_encoder);
  g_free (config->audio_encoder);
  g_free (config->speed_preset);
  g_free (config->templates);
  g_free (config);
}
