/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* klive-nginx-config, the streams of /stat, and the status page's texts. What nginx does with it: e2e/test_nginx.py. */
#include "klive-nginx.h"

#include <string.h>
#include "kaltura-error.h"
#include "klive-http-message.h"
#include "klive-nginx-config.h"
#include "klive-status.h"

static KalturaConfig *
make_config (void)
{
  KalturaConfig *config = kaltura_config_new_default ();
  g_free (config->state_dir);
  config->state_dir = g_strdup ("/var/lib/klive");
  return config;
}

static void
set (char **field, const char *value)
{
  g_free (*field);
  *field = g_strdup (value);
}

static char *
render (const KalturaConfig *config, KliveNginxPart part)
{
  g_autoptr (GError) error = NULL;
  char *text = klive_nginx_config_render (config, part, &error);
  g_assert_no_error (error);
  g_assert_null (strstr (text, "${"));
  return text;
}

static guint
count (const char *text, const char *part)
{
  guint found = 0;
  for (const char *at = text; (at = strstr (at, part)); at += strlen (part))
    found++;
  return found;
}

static void
test_rtmp (void)
{
  g_autoptr (KalturaConfig) config = make_config ();
  g_autofree char *text = render (config, KLIVE_NGINX_RTMP);
  g_assert_nonnull (strstr (text, "application \"kLive\" {"));
  g_assert_nonnull (strstr (text, "application \"kLive/\" {"));
  g_assert_cmpuint (count (text, "deny play all;"), ==, 2);
  g_assert_cmpuint (count (text, "on_publish http://127.0.0.1:8889/hook/publish;"), ==, 2);
  g_assert_cmpuint (count (text, "        listen "), ==, 1);
  g_assert_null (strstr (text, "on_connect"));
  g_assert_null (strstr (text, "on_update"));
}

/* The workers come by 127.0.0.1, wherever encoders come in. */
static void
test_rtmp_on_one_address (void)
{
  g_autoptr (KalturaConfig) config = make_config ();
  set (&config->rtmp_listen, "10.0.0.1:1935");
  g_autofree char *text = render (config, KLIVE_NGINX_RTMP);
  g_assert_nonnull (strstr (text, "listen 10.0.0.1:1935;"));
  g_assert_nonnull (strstr (text, "listen 127.0.0.1:1935;"));
}

static void
test_rtmps (void)
{
  g_autoptr (KalturaConfig) config = make_config ();
  set (&config->rtmps_listen, "443");
  set (&config->tls_certificate, "/dev/null");
  set (&config->tls_key, "/dev/null");
  g_autofree char *rtmp = render (config, KLIVE_NGINX_RTMP);
  g_autofree char *stream = render (config, KLIVE_NGINX_STREAM);
  g_assert_nonnull (strstr (rtmp, "listen 127.0.0.2:1935 proxy_protocol;"));
  g_assert_nonnull (strstr (stream, "proxy_protocol on;"));
  g_assert_nonnull (strstr (stream, "listen 443 ssl"));
}

/* Nobody but the stream module is on the shared port, and what comes from there brings its address with it. */
static void
test_shared_port (void)
{
  g_autoptr (KalturaConfig) config = make_config ();
  const char *host;
  guint port;
  klive_nginx_config_workers_door (config, &host, &port);
  g_assert_cmpstr (host, ==, "127.0.0.1");
  g_assert_cmpuint (port, ==, 1935);
  config->shared_port = TRUE;
  g_autofree char *rtmp = render (config, KLIVE_NGINX_RTMP);
  g_autofree char *http = render (config, KLIVE_NGINX_HTTP);
  g_autofree char *stream = render (config, KLIVE_NGINX_STREAM);
  g_assert_null (strstr (rtmp, "listen 1935"));
  g_assert_nonnull (strstr (rtmp, "listen 127.0.0.3:8889 proxy_protocol;"));
  g_assert_nonnull (strstr (http, "listen 127.0.0.4:8889 proxy_protocol;"));
  g_assert_nonnull (strstr (http, "real_ip_header proxy_protocol;"));
  g_assert_nonnull (strstr (http, "listen 8080;"));
  g_assert_cmpuint (count (stream, "        listen "), ==, 1);
  g_assert_nonnull (strstr (stream, "listen 1935 so_keepalive=on;"));
  g_assert_nonnull (strstr (stream, "proxy_protocol on;"));
  klive_nginx_config_workers_door (config, &host, &port);
  g_autofree char *door = g_strdup_printf ("listen %s:%u;", host, port);
  g_assert_nonnull (strstr (rtmp, door));

  set (&config->http_listen, "1935");
  g_autofree char *alone = render (config, KLIVE_NGINX_HTTP);
  g_assert_null (strstr (alone, "listen 1935"));
}

static void
test_system_nginx (void)
{
  g_autoptr (KalturaConfig) config = make_config ();
  config->managed = FALSE;
  g_autofree char *http = render (config, KLIVE_NGINX_HTTP);
  g_autofree char *stream = render (config, KLIVE_NGINX_STREAM);
  g_assert_nonnull (strstr (http, "listen \"127.0.0.2:8889\";"));
  g_assert_cmpstr (stream, ==, "");
}

static void
assert_refused (const KalturaConfig *config, const char *message)
{
  g_autoptr (GError) error = NULL;
  g_assert_null (klive_nginx_config_render (config, KLIVE_NGINX_RTMP, &error));
  g_assert_error (error, KALTURA_ERROR, KALTURA_ERROR_CONFIG);
  g_assert_nonnull (strstr (error->message, message));
}

static void
test_what_cannot_be_served (void)
{
  g_autoptr (KalturaConfig) config = make_config ();
  config->shared_port = TRUE;
  set (&config->control_listen, "8889");
  assert_refused (config, "control-listen: with [nginx] shared-port=true one address is expected");
  set (&config->control_listen, "127.0.0.1:8889");
  config->shared_port = FALSE;
  set (&config->https_listen, "8443");
  assert_refused (config, "tls-certificate");
  set (&config->tls_certificate, "/nonexistent/cert.pem");
  set (&config->tls_key, "/dev/null");
  assert_refused (config, "cannot read /nonexistent/cert.pem");
  set (&config->https_listen, NULL);
  set (&config->state_dir, "/var/lib/\"; user root; #");
  assert_refused (config, "state-dir");
  set (&config->state_dir, "/var/lib/$uri");
  assert_refused (config, "state-dir");
  set (&config->state_dir, "/var/lib/klive");
  config->managed = FALSE;
  set (&config->control_listen, "0.0.0.0:8889");
  assert_refused (config, "control-listen");
  config->managed = TRUE;
  set (&config->rtmp_listen, "here");
  assert_refused (config, "rtmp-listen");
}

static void
test_listen (void)
{
  const struct {
    const char *text, *host;
    guint port; /* 0 = refused */
  } cases[] = {
    { "1935", NULL, 1935 },
    { "*:1935", NULL, 1935 },
    { "0.0.0.0:80", NULL, 80 },
    { "127.0.0.1:8080", "127.0.0.1", 8080 },
    { "[::]:8080", "[::]", 8080 },
    { "[::1]:8080", "[::1]", 8080 },
    { "", NULL, 0 },
    { "0", NULL, 0 },
    { "65536", NULL, 0 },
    { "host:80", NULL, 0 },
    { "::1:80", NULL, 0 },
    { "[127.0.0.1]:80", NULL, 0 },
    { "80;", NULL, 0 },
    { "-1", NULL, 0 },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *host = NULL;
    guint port = 0;
    g_assert_cmpint (klive_nginx_split_listen (cases[i].text, &host, &port), ==, cases[i].port != 0);
    g_assert_cmpuint (port, ==, cases[i].port);
    g_assert_cmpstr (host, ==, cases[i].host);
  }
}

/* As nginx-rtmp 1.2.2 writes it, shortened. */
#define STAT \
  "<?xml version=\"1.0\" encoding=\"utf-8\" ?>\n<rtmp><nginx_version>1.22.1</nginx_version><server>" \
  "<application><name>kLive</name><live><nclients>0</nclients></live></application>" \
  "<application><name>kLive/</name><live>" \
  "<stream><name>0_rkij47dr_1@0-1763812345678</name><time>3</time><client><id>4</id><publishing/><active/></client>" \
  "<meta><video><width>320</width></video></meta><publishing/><active/></stream>" \
  "<stream><name>0_rkij47dr_2@0-1763812345679</name><client><id>5</id><active/></client></stream>" \
  "</live></application></server></rtmp>"

static void
test_stat (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GHashTable) names = klive_nginx_control_parse_streams (STAT, strlen (STAT), &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_hash_table_size (names), ==, 1);
  g_assert_true (g_hash_table_contains (names, "0_rkij47dr_1@0-1763812345678"));
}

static void
test_broken_stat (void)
{
  g_autoptr (GError) error = NULL;
  g_assert_null (klive_nginx_control_parse_streams (STAT, strlen (STAT) - 20, &error));
  g_assert_nonnull (error);
}

static void
test_allow_list (void)
{
  const char *const allow[] = { "10.0.0.0/8", "192.0.2.7", "2001:db8::/32", NULL };
  const struct {
    const char *address;
    gboolean allowed;
  } cases[] = { { "10.1.2.3", TRUE }, { "11.1.2.3", FALSE }, { "192.0.2.7", TRUE }, { "192.0.2.8", FALSE },
    { "2001:db8:1::1", TRUE }, { "2001:db9::1", FALSE }, { "::ffff:10.1.2.3", TRUE }, { "::ffff:11.1.2.3", FALSE } };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GInetAddress) address = g_inet_address_new_from_string (cases[i].address);
    g_assert_cmpint (klive_http_is_allowed (allow, address), ==, cases[i].allowed);
    g_assert_false (klive_http_is_allowed (NULL, address));
  }
}

#define STATUS \
  "{\"version\":\"0.1.0\",\"hostname\":\"live1\",\"application\":\"kLive\",\"started\":1763812345,\"stopping\":false," \
  "\"nginx\":{\"managed\":true,\"ready\":true,\"pid\":1,\"restarts\":2},\"api\":{\"serviceUrl\":\"http://a\"}," \
  "\"publishes\":{\"accepted\":3,\"pending\":0,\"remembered\":1,\"refused\":{\"LIVE_STREAM_INVALID_TOKEN\":2}}," \
  "\"entries\":[{\"entry\":\"0_rkij47dr\",\"index\":0,\"partnerId\":102,\"state\":\"on-air\",\"registered\":true," \
  "\"plainUrl\":true,\"publishers\":[{\"stream\":\"0_rkij47dr_1\",\"state\":\"live\",\"address\":\"10.0.0.9\"," \
  "\"since\":1}]," \
  "\"worker\":{\"pid\":2,\"connected\":true,\"restarts\":0},\"status\":{\"diskFull\":true," \
  "\"dvrListed\":60.5,\"renditions\":[{\"id\":33,\"name\":\"360p\"," \
  "\"width\":640,\"height\":360,\"bitrate\":600000,\"segments\":7,\"serial\":17,\"halfRate\":false}]," \
  "\"sessions\":[{\"stream\":\"0_rkij47dr_1\",\"serial\":17,\"bitrate\":2500000}]}}]}"

static void
test_metrics (void)
{
  g_autoptr (JsonNode) status = json_from_string (STATUS, NULL);
  const KliveBroadcastCounters counters = { .died = 1 };
  g_autofree char *text = klive_status_format_metrics (status, &counters);
  const char *const lines[] = { "klive_entries 1\n", "klive_publishers 1\n", "klive_workers_died_total 1\n",
    "klive_publishes_refused_total{code=\"LIVE_STREAM_INVALID_TOKEN\"} 2\n",
    "klive_entry_registered{entry=\"0_rkij47dr\",index=\"0\"} 1\n",
    "klive_rendition_segments_total{entry=\"0_rkij47dr\",index=\"0\",rendition=\"33\",serial=\"17\"} 7\n",
    "klive_entry_dvr_window_seconds{entry=\"0_rkij47dr\",index=\"0\"} 60.5\n",
    "klive_entry_disk_full{entry=\"0_rkij47dr\",index=\"0\"} 1\n",
    "klive_rendition_half_rate{entry=\"0_rkij47dr\",index=\"0\",rendition=\"33\",serial=\"17\"} 0\n",
    "klive_session_bitrate_bps{entry=\"0_rkij47dr\",index=\"0\",stream=\"0_rkij47dr_1\",serial=\"17\"} 2500000\n" };
  for (guint i = 0; i < G_N_ELEMENTS (lines); i++)
    g_assert_nonnull (strstr (text, lines[i]));
}

static void
test_table (void)
{
  g_autoptr (JsonNode) status = json_from_string (STATUS, NULL);
  g_autofree char *text = klive_status_format_table (status);
  g_assert_nonnull (strstr (text, "live1"));
  g_assert_nonnull (strstr (text, "0_rkij47dr index 0  on-air, registered, plain URL\n"));
  g_assert_nonnull (strstr (text, "10.0.0.9"));
  g_assert_nonnull (strstr (text, "640x360"));
  g_autoptr (JsonNode) nothing = json_from_string ("{}", NULL);
  g_autofree char *empty = klive_status_format_table (nothing);
  g_assert_nonnull (strstr (empty, "0 broadcasts"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/nginx/rtmp", test_rtmp);
  g_test_add_func ("/nginx/rtmp-on-one-address", test_rtmp_on_one_address);
  g_test_add_func ("/nginx/rtmps", test_rtmps);
  g_test_add_func ("/nginx/shared-port", test_shared_port);
  g_test_add_func ("/nginx/system-nginx", test_system_nginx);
  g_test_add_func ("/nginx/what-cannot-be-served", test_what_cannot_be_served);
  g_test_add_func ("/nginx/listen", test_listen);
  g_test_add_func ("/nginx/stat", test_stat);
  g_test_add_func ("/nginx/broken-stat", test_broken_stat);
  g_test_add_func ("/http/allow-list", test_allow_list);
  g_test_add_func ("/status/metrics", test_metrics);
  g_test_add_func ("/status/table", test_table);
  return g_test_run ();
}
