/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nginx's configuration, rendered from the templates in app/data. Pure but for the look at the machine's modules.
 * Used by klive-nginx.c (the private instance), by check-config and by nginx-config.
 */
#include "klive-nginx-config.h"

#include "kaltura-error.h"
#include "klive-resources.h"

#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Patterns of nginx (PCRE) that the templates share; they whitelist what may become part of a path. */
#define ENTRY_PATTERN "(?<klive_entry>[0-9]_[A-Za-z0-9]{8})"
#define ID_PATTERN "(?<klive_id>[A-Za-z0-9][A-Za-z0-9_-]{0,63})" /* as klive-ladder.h has them */
#define TAG_PATTERN "[A-Za-z0-9][A-Za-z0-9 ._+-]{0,63}"

/* The address on which proxied RTMP and a system nginx's control port listen: loopback, but not where clients go. */
#define SECOND_LOOPBACK "127.0.0.2"

/*
 * Behind a shared port nobody but nginx's stream module listens on rtmp-listen. The doors inside take the number of
 * control-listen, on addresses of the loopback that nothing else uses: RTMP and HTTP of the shared port, with the
 * PROXY protocol, and the workers'.
 */
#define SHARED_RTMP "127.0.0.3"
#define SHARED_HTTP "127.0.0.4"
#define SHARED_WORKERS "127.0.0.5"

typedef GHashTable Variables; /* char * -> char * */

static void
set (Variables *variables, const char *name, char *value)
{
  g_hash_table_insert (variables, (char *) name, value);
}

static gboolean
append_variable (GString *out, const char *name, gsize length, Variables *variables, const char *file, GError **error)
{
  g_autofree char *key = g_strndup (name, length);
  const char *value = g_hash_table_lookup (variables, key);
  if (!value) {
    g_set_error (error, KALTURA_ERROR, KALTURA_ERROR_CONFIG, "%s: unknown variable ${%s}", file, key);
    return FALSE;
  }
  g_string_append (out, value);
  return TRUE;
}

/* @file with every ${variable} replaced. */
static char *
render_template (const char *file, Variables *variables, GError **error)
{
  g_autofree char *path = g_strconcat ("/klive/", file, NULL);
  g_autoptr (GBytes) data = g_resource_lookup_data (klive_get_resource (), path, G_RESOURCE_LOOKUP_FLAGS_NONE, error);
  if (!data)
    return NULL;
  g_autofree char *text = g_strndup (g_bytes_get_data (data, NULL), g_bytes_get_size (data));
  g_autoptr (GString) out = g_string_new (NULL);
  const char *at = text;
  for (const char *mark; (mark = strstr (at, "${"));) {
    const char *end = strchr (mark, '}');
    g_string_append_len (out, at, mark - at);
    if (!end || !append_variable (out, mark + 2, end - mark - 2, variables, file, error))
      return NULL;
    at = end + 1;
  }
  g_string_append (out, at);
  return g_strdup (out->str);
}

static gboolean
check_path (const char *name, const char *path, GError **error)
{
  for (const char *c = path; *c; c++)
    if (strchr ("\"$\\'{}:;\n\r\t", *c) || (guchar) *c < ' ') {
      g_set_error (error, KALTURA_ERROR, KALTURA_ERROR_CONFIG,
          "%s: a path without quotes, braces, backslash, \"$\", \":\" and \";\" expected, for nginx", name);
      return FALSE;
    }
  return TRUE;
}

gboolean
klive_nginx_split_listen (const char *listen, char **host, guint *port)
{
  const char *colon = strrchr (listen, ':');
  const char *digits = colon ? colon + 1 : listen;
  guint64 number;
  if (!g_ascii_string_to_unsigned (digits, 10, 1, 65535, &number, NULL))
    return FALSE;
  g_autofree char *address = colon ? g_strndup (listen, colon - listen) : g_strdup ("*");
  gboolean wildcard = strcmp (address, "*") == 0 || strcmp (address, "0.0.0.0") == 0;
  if (!wildcard) {
    gsize length = strlen (address);
    gboolean bracketed = length > 2 && address[0] == '[' && address[length - 1] == ']';
    g_autofree char *bare = bracketed ? g_strndup (address + 1, length - 2) : g_strdup (address);
    g_autoptr (GInetAddress) parsed = g_inet_address_new_from_string (bare);
    if (!parsed || (g_inet_address_get_family (parsed) == G_SOCKET_FAMILY_IPV6) != bracketed)
      return FALSE;
  }
  if (host)
    *host = wildcard ? NULL : g_steal_pointer (&address);
  if (port)
    *port = number;
  return TRUE;
}

static gboolean
check_listen (const char *key, const char *value, GError **error)
{
  if (klive_nginx_split_listen (value, NULL, NULL))
    return TRUE;
  g_set_error (error, KALTURA_ERROR, KALTURA_ERROR_CONFIG,
      "[nginx] %s: \"%s\" is no place to listen; PORT, ADDRESS:PORT or [IPV6]:PORT expected", key, value);
  return FALSE;
}

static char *
find_module (const char *name)
{
  static const char *const folders[] = { "/usr/lib/nginx/modules", "/usr/lib64/nginx/modules",
    "/usr/local/lib/nginx/modules", "/etc/nginx/modules", NULL };
  for (guint i = 0; folders[i]; i++) {
    g_autofree char *path = g_build_filename (folders[i], name, NULL);
    if (g_file_test (path, G_FILE_TEST_EXISTS))
      return g_steal_pointer (&path);
  }
  return NULL;
}

static char *
need_module (const char *name, const char *package, GError **error)
{
  char *path = find_module (name);
  if (!path)
    g_set_error (error, KALTURA_ERROR, KALTURA_ERROR_CONFIG, "nginx has no %s here; the Debian package %s has it", name,
        package);
  return path;
}

char *
klive_nginx_config_find_program (void)
{
  char *path = g_find_program_in_path ("nginx");
  for (guint i = 0; !path && i < 2; i++) {
    static const char *const places[] = { "/usr/sbin/nginx", "/usr/local/sbin/nginx" };
    if (g_file_test (places[i], G_FILE_TEST_IS_EXECUTABLE))
      path = g_strdup (places[i]);
  }
  return path;
}

char *
klive_nginx_config_directory (const KalturaConfig *config)
{
  return g_build_filename (config->state_dir, "nginx", NULL);
}

char *
klive_nginx_config_control (const KalturaConfig *config)
{
  guint port = 0;
  if (config->managed)
    return g_strdup_printf ("unix:%s/nginx/sock", config->state_dir);
  klive_nginx_split_listen (config->control_listen, NULL, &port);
  return g_strdup_printf (SECOND_LOOPBACK ":%u", port);
}

static gboolean
check_tls (const KalturaConfig *config, GError **error)
{
  const char *key = config->https_listen ? "https-listen" : config->rtmps_listen ? "rtmps-listen" : NULL;
  if (!key)
    return TRUE;
  if (!config->tls_certificate || !config->tls_key) {
    g_set_error (error, KALTURA_ERROR, KALTURA_ERROR_CONFIG, "[nginx] %s: needs tls-certificate and tls-key", key);
    return FALSE;
  }
  const char *const files[][2] = { { "tls-certificate", config->tls_certificate }, { "tls-key", config->tls_key } };
  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autofree char *name = g_strdup_printf ("[nginx] %s", files[i][0]);
    if (!check_path (name, files[i][1], error))
      return FALSE;
    if (access (files[i][1], R_OK) != 0) {
      g_set_error (error, KALTURA_ERROR, KALTURA_ERROR_CONFIG, "%s: cannot read %s", name, files[i][1]);
      return FALSE;
    }
  }
  return (!config->https_listen || check_listen ("https-listen", config->https_listen, error)) &&
      (!config->rtmps_listen || check_listen ("rtmps-listen", config->rtmps_listen, error));
}

static gboolean
listens_everywhere (const char *listen)
{
  g_autofree char *host = NULL;
  return klive_nginx_split_listen (listen, &host, NULL) && (!host || strcmp (host, "[::]") == 0);
}

static gboolean
check (const KalturaConfig *config, GError **error)
{
  if (!klive_nginx_split_listen (config->control_listen, NULL, NULL)) {
    g_set_error (error, KALTURA_ERROR, KALTURA_ERROR_CONFIG,
        "[server] control-listen: \"%s\" is no place to listen; ADDRESS:PORT expected", config->control_listen);
    return FALSE;
  }
  if ((!config->managed || config->shared_port) && listens_everywhere (config->control_listen)) {
    g_set_error (error, KALTURA_ERROR, KALTURA_ERROR_CONFIG,
        "[server] control-listen: with [nginx] %s one address is expected, such as 127.0.0.1:8889, as nginx needs the "
        "same port on other addresses of the loopback",
        config->managed ? "shared-port=true" : "managed=false");
    return FALSE;
  }
  return check_path ("[server] state-dir", config->state_dir, error) &&
      check_listen ("rtmp-listen", config->rtmp_listen, error) &&
      check_listen ("http-listen", config->http_listen, error) && check_tls (config, error);
}

/* Where nginx reaches the launcher's hooks. */
static char *
hooks_address (const KalturaConfig *config)
{
  g_autofree char *host = NULL;
  guint port;
  klive_nginx_split_listen (config->control_listen, &host, &port);
  return g_strdup_printf ("%s:%u", host ? host : "127.0.0.1", port);
}

/* "[::]" is every address of both families here; to nginx it is IPv6 alone, to its RTMP module both on one socket. */
static void
append_listen (GString *lines, const char *listen, const char *options)
{
  g_autofree char *host = NULL;
  guint port;
  klive_nginx_split_listen (listen, &host, &port);
  if (g_strcmp0 (host, "[::]") == 0)
    g_string_append_printf (lines, "        listen [::]:%u ipv6only=on%s;\n        listen %u%s;\n", port, options, port,
        options);
  else
    g_string_append_printf (lines, "        listen %s%s;\n", listen, options);
}

static guint
control_port (const KalturaConfig *config)
{
  guint port = 0;
  klive_nginx_split_listen (config->control_listen, NULL, &port);
  return port;
}

void
klive_nginx_config_workers_door (const KalturaConfig *config, const char **host, guint *port)
{
  *host = config->shared_port ? SHARED_WORKERS : "127.0.0.1";
  *port = config->shared_port ? control_port (config) : config->rtmp_port;
}

static char *
rtmp_proxied (const KalturaConfig *config)
{
  return config->shared_port ? g_strdup_printf (SHARED_RTMP ":%u", control_port (config))
                             : g_strdup_printf (SECOND_LOOPBACK ":%u", config->rtmp_port);
}

static char *
http_proxied (const KalturaConfig *config)
{
  return g_strdup_printf (SHARED_HTTP ":%u", control_port (config));
}

/* The encoders' door, the workers' (127.0.0.1, which the first may be already), and the one of proxied RTMP. */
static char *
rtmp_listens (const KalturaConfig *config)
{
  g_autofree char *host = NULL;
  g_autofree char *proxied = rtmp_proxied (config);
  const char *door_host;
  guint door_port;
  klive_nginx_split_listen (config->rtmp_listen, &host, NULL);
  klive_nginx_config_workers_door (config, &door_host, &door_port);
  g_autoptr (GString) lines = g_string_new (NULL);
  if (!config->shared_port)
    append_listen (lines, config->rtmp_listen, "");
  if (config->shared_port || (host && strcmp (host, "[::]") != 0 && strcmp (host, "127.0.0.1") != 0))
    g_string_append_printf (lines, "        listen %s:%u;            # the workers' door\n", door_host, door_port);
  if (config->shared_port || config->rtmps_listen)
    g_string_append_printf (lines, "        listen %s proxy_protocol;   # from the stream module\n", proxied);
  return g_strdup (lines->str);
}

/* With rtmp-listen in both, the shared port is the only one of HTTP. */
static gboolean
has_http_port (const KalturaConfig *config)
{
  return !config->shared_port || strcmp (config->rtmp_listen, config->http_listen) != 0;
}

static char *
http_listens (const KalturaConfig *config)
{
  g_autoptr (GString) lines = g_string_new (NULL);
  g_autofree char *proxied = http_proxied (config);
  if (has_http_port (config))
    append_listen (lines, config->http_listen, "");
  if (config->shared_port)
    g_string_append_printf (lines, "        listen %s proxy_protocol;\n", proxied);
  if (config->https_listen) {
    append_listen (lines, config->https_listen, " ssl");
    g_string_append_printf (lines,
        "        ssl_certificate \"%s\";\n        ssl_certificate_key \"%s\";\n"
        "        ssl_protocols TLSv1.2 TLSv1.3;\n        ssl_session_cache shared:klive_tls:2m;\n",
        config->tls_certificate, config->tls_key);
  }
  return g_strdup (lines->str);
}

/* Who may see /status is asked by the client's address, not the stream module's. */
static const char *
http_real_address (const KalturaConfig *config)
{
  return config->shared_port ? "        set_real_ip_from 127.0.0.1;\n        real_ip_header proxy_protocol;\n" : "";
}

static char *
stream_listens (const char *listen, const char *options)
{
  g_autoptr (GString) lines = g_string_new (NULL);
  if (listen)
    append_listen (lines, listen, options);
  return g_strdup (lines->str);
}

/* The script of the shared port, from the source tree when klive-launcher runs from its build. */
static char *
find_script (void)
{
  g_autofree char *executable = g_file_read_link ("/proc/self/exe", NULL);
  gboolean built = executable && g_str_has_prefix (executable, KLIVE_BUILD_ROOT "/");
  return g_build_filename (built ? KLIVE_SOURCE_DATA : KLIVE_DATA_DIR, "nginx-shared-port.js", NULL);
}

static char *
status_allows (const KalturaConfig *config)
{
  g_autoptr (GString) lines = g_string_new ("            allow 127.0.0.0/8;\n            allow ::1;\n");
  for (guint i = 0; config->status_allow && config->status_allow[i]; i++)
    g_string_append_printf (lines, "            allow %s;\n", config->status_allow[i]);
  return g_strdup (lines->str);
}

static void
set_limits (Variables *variables)
{
  struct rlimit limit = { 1024, 1024 };
  getrlimit (RLIMIT_NOFILE, &limit);
  guint files = limit.rlim_max == RLIM_INFINITY ? 65536 : MIN (limit.rlim_max, 65536);
  set (variables, "files", g_strdup_printf ("%u", files));
  set (variables, "connections", g_strdup_printf ("%u", MAX (files / 3, 64)));
  set (variables, "rtmp_connections", g_strdup_printf ("%u", MAX (files / 6, 64)));
}

static Variables *
make_variables (const KalturaConfig *config)
{
  Variables *variables = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_free);
  g_autofree char *pattern = g_regex_escape_string (config->application, -1);
  set (variables, "application", g_strdup (config->application));
  set (variables, "application_pattern", g_strdup (pattern));
  set (variables, "base", g_strdup_printf ("/%s/(?:backup/)?", pattern));
  set (variables, "entry", g_strdup (ENTRY_PATTERN));
  set (variables, "rendition", g_strdup ("(?:smil:)?" ENTRY_PATTERN "_(?:" TAG_PATTERN "\\.smil/)?" ID_PATTERN));
  set (variables, "tag", g_strdup (TAG_PATTERN));
  set (variables, "directory", klive_nginx_config_directory (config));
  set (variables, "hls", g_build_filename (config->state_dir, "hls", NULL));
  set (variables, "hooks", hooks_address (config));
  set (variables, "control", klive_nginx_config_control (config));
  set (variables, "rtmp_listens", rtmp_listens (config));
  set (variables, "rtmp_proxied", rtmp_proxied (config));
  set (variables, "http_listens", http_listens (config));
  set (variables, "http_proxied", http_proxied (config));
  set (variables, "http_real_address", g_strdup (http_real_address (config)));
  set (variables, "rtmps_listens", stream_listens (config->rtmps_listen, " ssl so_keepalive=on"));
  set (variables, "shared_listens", stream_listens (config->rtmp_listen, " so_keepalive=on"));
  set (variables, "shared_script", find_script ());
  set (variables, "tls_certificate", g_strdup (config->tls_certificate ? config->tls_certificate : ""));
  set (variables, "tls_key", g_strdup (config->tls_key ? config->tls_key : ""));
  set (variables, "status_allows", status_allows (config));
  set_limits (variables);
  return variables;
}

static char *
render_rtmp (Variables *variables, GError **error)
{
  char *application = render_template ("nginx-rtmp-application.conf.in", variables, error);
  if (!application)
    return NULL;
  set (variables, "rtmp_application", g_strchomp (application));
  return render_template ("nginx-rtmp.conf.in", variables, error);
}

static gboolean
needs_stream (const KalturaConfig *config)
{
  return config->rtmps_listen || config->shared_port;
}

/* "" when nothing needs it. */
static char *
render_stream (const KalturaConfig *config, Variables *variables, GError **error)
{
  g_autofree char *rtmps = NULL, *shared = NULL;
  if (!needs_stream (config))
    return g_strdup ("");
  if (config->rtmps_listen && !(rtmps = render_template ("nginx-stream-rtmps.conf.in", variables, error)))
    return NULL;
  if (config->shared_port && !(shared = render_template ("nginx-stream-shared.conf.in", variables, error)))
    return NULL;
  set (variables, "stream_servers", g_strconcat (rtmps ? rtmps : "", shared ? shared : "", NULL));
  return render_template ("nginx-stream.conf.in", variables, error);
}

/* The lines that load what the stream part needs. NULL: it is not installed. */
static char *
load_stream (const KalturaConfig *config, GError **error)
{
  if (!needs_stream (config))
    return g_strdup ("");
  g_autofree char *stream = need_module ("ngx_stream_module.so", "libnginx-mod-stream", error);
  if (!stream)
    return NULL;
  if (!config->shared_port)
    return g_strdup_printf ("load_module \"%s\";", stream);
  g_autofree char *script = need_module ("ngx_stream_js_module.so", "libnginx-mod-stream-js", error);
  return script ? g_strdup_printf ("load_module \"%s\";\nload_module \"%s\";", stream, script) : NULL;
}

static char *
render_whole (const KalturaConfig *config, Variables *variables, GError **error)
{
  char *rtmp_module = need_module ("ngx_rtmp_module.so", "libnginx-mod-rtmp", error);
  if (!rtmp_module)
    return NULL;
  set (variables, "rtmp_module", rtmp_module);
  char *stream_modules = load_stream (config, error);
  if (!stream_modules)
    return NULL;
  set (variables, "load_stream", stream_modules);
  set (variables, "user", g_strdup (geteuid () == 0 ? "user root;" : ""));
  char *rtmp = render_rtmp (variables, error);
  char *http = rtmp ? render_template ("nginx-http.conf.in", variables, error) : NULL;
  char *stream = http ? render_stream (config, variables, error) : NULL;
  set (variables, "rtmp", rtmp);
  set (variables, "http", http);
  set (variables, "stream", stream);
  return rtmp && http && stream ? render_template ("nginx.conf.in", variables, error) : NULL;
}

char *
klive_nginx_config_render (const KalturaConfig *config, KliveNginxPart part, GError **error)
{
  if (!check (config, error))
    return NULL;
  g_autoptr (GHashTable) variables = make_variables (config);
  switch (part) {
    case KLIVE_NGINX_RTMP:
      return render_rtmp (variables, error);
    case KLIVE_NGINX_HTTP:
      return render_template ("nginx-http.conf.in", variables, error);
    case KLIVE_NGINX_STREAM:
      return render_stream (config, variables, error);
    case KLIVE_NGINX_WHOLE:
    default:
      return render_whole (config, variables, error);
  }
}

gboolean
klive_nginx_config_check (const KalturaConfig *config, GError **error)
{
  g_autofree char *text =
      klive_nginx_config_render (config, config->managed ? KLIVE_NGINX_WHOLE : KLIVE_NGINX_RTMP, error);
  return text != NULL;
}
