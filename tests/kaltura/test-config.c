/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* kaltura-config: defaults, every key, every kind of mistake with its place, and app/data/klive.conf. */

#include "kaltura-config.h"

#include <glib/gstdio.h>
#include <string.h>
#include "kaltura-error.h"

#define REQUIRED "[kaltura]\nservice-url=http://api\nadmin-secret=s3cret\n"

typedef struct {
  char *dir;
  char *path; /* of klive.conf */
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->dir = g_dir_make_tmp (NULL, NULL);
  fixture->path = g_build_filename (fixture->dir, "klive.conf", NULL);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_remove (fixture->path);
  g_rmdir (fixture->dir);
  g_free (fixture->path);
  g_free (fixture->dir);
}

static KalturaConfig *
load (Fixture *fixture, const char *text, GError **error)
{
  g_assert_true (g_file_set_contents (fixture->path, text, -1, NULL));
  return kaltura_config_load (fixture->path, error);
}

static KalturaConfig *
load_good (Fixture *fixture, const char *text)
{
  g_autoptr (GError) error = NULL;
  KalturaConfig *config = load (fixture, text, &error);
  g_assert_no_error (error);
  return config;
}

/* The error must be "PATH:LINE: ..." and hold @message. */
static void
check_bad (Fixture *fixture, const char *text, guint line, const char *message)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (KalturaConfig) config = load (fixture, text, &error);
  if (config != NULL)
    g_error ("accepted: %s", text);
  g_assert_error (error, KALTURA_ERROR, KALTURA_ERROR_CONFIG);
  g_autofree char *place = g_strdup_printf ("%s:%u: ", fixture->path, line);
  if (!g_str_has_prefix (error->message, place) || strstr (error->message, message) == NULL)
    g_error ("'%s' is not '%s%s'", error->message, place, message);
  g_assert_null (strstr (error->message, "s3cret"));
}

static void
test_defaults (Fixture *fixture, gconstpointer data)
{
  g_autoptr (KalturaConfig) config = load_good (fixture, REQUIRED);
  g_assert_cmpstr (config->path, ==, fixture->path);
  g_assert_cmpstr (config->service_url, ==, "http://api");
  g_assert_cmpint (config->partner_id, ==, -5);
  g_assert_cmpstr (config->admin_secret, ==, "s3cret");
  g_assert_cmpuint (config->session_version, ==, 2);
  g_assert_cmpuint (config->timeout, ==, 5);
  g_assert_cmpstr (config->hostname, ==, g_get_host_name ());
  g_assert_cmpint (config->work_mode, ==, KALTURA_WORK_MODE_KALTURA);
  g_assert_cmpint (config->api, ==, KALTURA_API_CURRENT);
  g_assert_cmpuint (config->keep_alive_interval, ==, 60);
  g_assert_cmpuint (config->registration_delay, ==, 5);
  g_assert_cmpuint (config->status_interval, ==, 300);
  g_assert_cmpstr (config->application, ==, "kLive");
  g_assert_cmpstr (config->state_dir, ==, "/var/lib/klive");
  g_assert_cmpstr (config->control_listen, ==, "127.0.0.1:8889");
  g_assert_null (config->soap_listen);
  g_assert_nonnull (config->soap_allow);
  g_assert_null (config->soap_allow[0]);
  g_assert_null (config->control_allow[0]);
  g_assert_null (config->status_allow[0]);
  g_assert_cmpuint (config->grace, ==, 20);
  g_assert_cmpuint (config->stop_grace, ==, 3);
  g_assert_cmpuint (config->orphan_timeout, ==, 60);
  g_assert_cmpuint (config->max_entries, ==, 0);
  g_assert_true (config->managed);
  g_assert_cmpuint (config->rtmp_port, ==, 1935);
  g_assert_cmpstr (config->rtmp_listen, ==, "1935");
  g_assert_cmpstr (config->http_listen, ==, "8080");
  g_assert_false (config->shared_port);
  g_assert_null (config->tls_certificate);
  g_assert_cmpuint (config->segment_duration, ==, 6);
  g_assert_cmpuint (config->playlist_length, ==, 10);
  g_assert_cmpuint (config->max_dvr_window, ==, 7200);
  g_assert_cmpstr (config->recording_directory, ==, "/var/lib/klive/recordings");
  g_assert_cmpstr (config->spool_directory, ==, "/var/lib/klive/spool");
  g_assert_cmpuint (config->chunk_duration, ==, 3600);
  g_assert_cmpstr (config->recorded_file_group, ==, "kaltura");
  g_assert_null (config->upload_xml_directory);
  g_assert_false (config->keep_files);
  g_assert_cmpstr (config->video_encoder, ==, "auto");
  g_assert_cmpstr (config->audio_encoder, ==, "auto");
  g_assert_cmpstr (config->speed_preset, ==, "veryfast");
  g_assert_null (config->templates);
  g_assert_cmpuint (config->threads, ==, 0);
}

static void
test_every_key (Fixture *fixture, gconstpointer data)
{
  g_autoptr (KalturaConfig) config = load_good (fixture,
      "# a comment\n"
      "\n"
      "[kaltura]\n"
      "service-url = https://api.example.com:8443/prefix/\n"
      "partner-id=102\n"
      "admin-secret=s3cret with blanks\n"
      "session-version=1\n"
      "timeout=60\n"
      "hostname=ms1.example.com\n"
      "work-mode=remote\n"
      "api=2014\n"
      "keep-alive-interval=1\n"
      "registration-delay=0\n"
      "status-interval=3600\n"
      "[server]\n"
      "application=my_Live-2\n"
      "state-dir=/srv/klive/\n"
      "control-listen=[::1]:1\n"
      "soap-listen=0.0.0.0:888\n"
      "soap-allow=10.0.0.0/8, 192.168.1.7;fd00::/8\n"
      "control-allow=::1\n"
      "status-allow=\n"
      "grace=0\n"
      "stop-grace=3600\n"
      "orphan-timeout=86400\n"
      "max-entries=10000\n"
      "[nginx]\n"
      "managed=false\n"
      "rtmp-listen=10.1.2.3:19350\n"
      "http-listen=[::]:80\n"
      "shared-port=true\n"
      "tls-certificate=/etc/ssl/cert.pem\n"
      "tls-key=/etc/ssl/key.pem\n"
      "rtmps-listen=443\n"
      "https-listen=0.0.0.0:8443\n"
      "[hls]\n"
      "segment-duration=20\n"
      "playlist-length=100\n"
      "max-dvr-window=0\n"
      "[recording]\n"
      "directory=/srv/recordings\n"
      "spool-directory=/srv/spool\n"
      "chunk-duration=60\n"
      "group=\n"
      "upload-xml-directory=/srv/xml dir\n"
      "keep-files=true\n"
      "[transcode]\n"
      "video-encoder=openh264enc\n"
      "audio-encoder=voaacenc\n"
      "speed-preset=ultrafast\n"
      "templates=/etc/klive/templates\n"
      "threads=64\n");
  g_assert_cmpstr (config->service_url, ==, "https://api.example.com:8443/prefix");
  g_assert_cmpint (config->partner_id, ==, 102);
  g_assert_cmpstr (config->admin_secret, ==, "s3cret with blanks");
  g_assert_cmpuint (config->session_version, ==, 1);
  g_assert_cmpuint (config->timeout, ==, 60);
  g_assert_cmpstr (config->hostname, ==, "ms1.example.com");
  g_assert_cmpint (config->work_mode, ==, KALTURA_WORK_MODE_REMOTE);
  g_assert_cmpint (config->api, ==, KALTURA_API_2014);
  g_assert_cmpuint (config->keep_alive_interval, ==, 1);
  g_assert_cmpuint (config->registration_delay, ==, 0);
  g_assert_cmpuint (config->status_interval, ==, 3600);
  g_assert_cmpstr (config->application, ==, "my_Live-2");
  g_assert_cmpstr (config->state_dir, ==, "/srv/klive");
  g_assert_cmpstr (config->control_listen, ==, "[::1]:1");
  g_assert_cmpstr (config->soap_listen, ==, "0.0.0.0:888");
  g_assert_cmpstr (config->soap_allow[0], ==, "10.0.0.0/8");
  g_assert_cmpstr (config->soap_allow[1], ==, "192.168.1.7");
  g_assert_cmpstr (config->soap_allow[2], ==, "fd00::/8");
  g_assert_null (config->soap_allow[3]);
  g_assert_cmpstr (config->control_allow[0], ==, "::1");
  g_assert_null (config->status_allow[0]);
  g_assert_cmpuint (config->grace, ==, 0);
  g_assert_cmpuint (config->stop_grace, ==, 3600);
  g_assert_cmpuint (config->orphan_timeout, ==, 86400);
  g_assert_cmpuint (config->max_entries, ==, 10000);
  g_assert_false (config->managed);
  g_assert_cmpstr (config->rtmp_listen, ==, "10.1.2.3:19350");
  g_assert_cmpuint (config->rtmp_port, ==, 19350);
  g_assert_cmpstr (config->http_listen, ==, "[::]:80");
  g_assert_true (config->shared_port);
  g_assert_cmpstr (config->tls_certificate, ==, "/etc/ssl/cert.pem");
  g_assert_cmpstr (config->tls_key, ==, "/etc/ssl/key.pem");
  g_assert_cmpstr (config->rtmps_listen, ==, "443");
  g_assert_cmpstr (config->https_listen, ==, "0.0.0.0:8443");
  g_assert_cmpuint (config->segment_duration, ==, 20);
  g_assert_cmpuint (config->playlist_length, ==, 100);
  g_assert_cmpuint (config->max_dvr_window, ==, 0);
  g_assert_cmpstr (config->recording_directory, ==, "/srv/recordings");
  g_assert_cmpstr (config->spool_directory, ==, "/srv/spool");
  g_assert_cmpuint (config->chunk_duration, ==, 60);
  g_assert_null (config->recorded_file_group);
  g_assert_cmpstr (config->upload_xml_directory, ==, "/srv/xml dir");
  g_assert_true (config->keep_files);
  g_assert_cmpstr (config->video_encoder, ==, "openh264enc");
  g_assert_cmpstr (config->audio_encoder, ==, "voaacenc");
  g_assert_cmpstr (config->speed_preset, ==, "ultrafast");
  g_assert_cmpstr (config->templates, ==, "/etc/klive/templates");
  g_assert_cmpuint (config->threads, ==, 64);
}

static void
test_bad_values (Fixture *fixture, gconstpointer data)
{
  static const struct {
    const char *group;
    const char *line;
  } cases[] = {
    { "kaltura", "partner-id=0" },
    { "kaltura", "partner-id=-4" },
    { "kaltura", "partner-id=x" },
    { "kaltura", "session-version=3" },
    { "kaltura", "timeout=0" },
    { "kaltura", "timeout=61" },
    { "kaltura", "timeout=5 # seconds" },
    { "kaltura", "timeout=5s" },
    { "kaltura", "timeout=" },
    { "kaltura", "hostname=a b" },
    { "kaltura", "work-mode=Kaltura" },
    { "kaltura", "api=IX" },
    { "kaltura", "keep-alive-interval=66" },
    { "kaltura", "registration-delay=61" },
    { "kaltura", "status-interval=0" },
    { "server", "application=" },
    { "server", "application=kLive/" },
    { "server", "application=hook" },
    { "server", "application=healthz" },
    { "server", "application=k;return 200" },
    { "server", "state-dir=" },
    { "server", "state-dir=/" },
    { "server", "state-dir=relative/path" },
    { "server", "state-dir=~/klive" },
    { "server", "state-dir=/a\\nb" },
    { "server",
        "state-dir=/0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567"
        "890" },
    { "server", "control-listen=8889" },
    { "server", "control-listen=127.0.0.1" },
    { "server", "control-listen=127.0.0.1:0" },
    { "server", "control-listen=127.0.0.1:65536" },
    { "server", "control-listen=::1:8889" },
    { "server", "control-listen=[127.0.0.1]:8889" },
    { "server", "soap-listen=888" },
    { "server", "soap-allow=10.0.0.0/33" },
    { "server", "soap-allow=example.com" },
    { "server", "grace=3601" },
    { "server", "grace=-1" },
    { "server", "max-entries=10001" },
    { "nginx", "managed=yes" },
    { "nginx", "managed=1" },
    { "nginx", "rtmp-listen=" },
    { "nginx", "rtmp-listen=0" },
    { "nginx", "rtmp-listen=+1935" },
    { "nginx", "rtmp-listen=*:1935" },
    { "nginx", "http-listen=unix:/tmp" },
    { "nginx", "http-listen=80;" },
    { "nginx", "tls-certificate=cert.pem" },
    { "hls", "segment-duration=0" },
    { "hls", "segment-duration=21" },
    { "hls", "segment-duration=6.0" },
    { "hls", "playlist-length=2" },
    { "hls", "playlist-length=101" },
    { "hls", "max-dvr-window=604801" },
    { "recording", "chunk-duration=59" },
    { "recording", "chunk-duration=86401" },
    { "recording", "group=a b" },
    { "recording", "keep-files=TRUE" },
    { "transcode", "video-encoder=" },
    { "transcode", "video-encoder=x264enc ! filesink" },
    { "transcode", "speed-preset=warp" },
    { "transcode", "threads=65" },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *text = g_strdup_printf (REQUIRED "[%s]\n%s\n", cases[i].group, cases[i].line);
    g_autofree char *key = g_strndup (cases[i].line, strcspn (cases[i].line, "="));
    g_autofree char *expected = g_strdup_printf ("[%s] %s: ", cases[i].group, key);
    check_bad (fixture, text, 5, expected);
    check_bad (fixture, text, 5, "expected ");
  }
}

static void
test_bad_urls (Fixture *fixture, gconstpointer data)
{
  static const char *const urls[] = { "", "api.example.com", "ftp://api", "http://", "http:///x", "//api", "http://a b",
    "http://user@api", "http://user:s3cret2@api", "http://api/?x=1", "http://api/#x" };
  for (gsize i = 0; i < G_N_ELEMENTS (urls); i++) {
    g_autofree char *text = g_strdup_printf ("[kaltura]\nadmin-secret=s3cret\nservice-url=%s\n", urls[i]);
    check_bad (fixture, text, 3, "[kaltura] service-url: ");
  }
}

static void
test_unknown (Fixture *fixture, gconstpointer data)
{
  check_bad (fixture, REQUIRED "timeoot=5\n", 4, "[kaltura] timeoot: unknown key");
  check_bad (fixture, REQUIRED "\n# comment\n[hls]\ntimeout=5\n", 7, "[hls] timeout: unknown key");
  check_bad (fixture, REQUIRED "[hsl]\nsegment-duration=5\n", 5, "[hsl] segment-duration: unknown group");
  check_bad (fixture, REQUIRED "timeout[de]=5\n", 4, "unknown key");
  check_bad (fixture, REQUIRED "Timeout=5\n", 4, "[kaltura] Timeout: unknown key");
}

static void
test_syntax (Fixture *fixture, gconstpointer data)
{
  check_bad (fixture, "timeout=5\n" REQUIRED, 1, "key before the first [group]");
  check_bad (fixture, REQUIRED "timeout\n", 4, "expected [group], key=value or a # comment");
  check_bad (fixture, REQUIRED "=5\n", 4, "expected [group], key=value or a # comment");
  check_bad (fixture, REQUIRED "; comment\n", 4, "expected [group], key=value or a # comment");
  check_bad (fixture, REQUIRED "[hls\n", 4, "bad group");
  check_bad (fixture, REQUIRED "[]\n", 4, "bad group");
  check_bad (fixture, REQUIRED "[hls] x\n", 4, "bad group");
  check_bad (fixture, REQUIRED "timeout=5\ntimeout=6\n", 5, "[kaltura] timeout: given twice, first in line 4");
  check_bad (fixture, REQUIRED "[hls]\n[kaltura]\nservice-url=http://b\n", 6, "given twice, first in line 2");
  check_bad (fixture, REQUIRED "[recording]\ndirectory=/a\\qb\n", 5, "[recording] directory: bad escape");
}

static void
test_required (Fixture *fixture, gconstpointer data)
{
  check_bad (fixture, "", 1, "[kaltura] service-url: missing");
  check_bad (fixture, "[hls]\n[kaltura]\nadmin-secret=s3cret\n", 2, "[kaltura] service-url: missing");
  check_bad (fixture, "[kaltura]\nservice-url=http://api\n", 1, "[kaltura] admin-secret: missing");
  check_bad (fixture, "[kaltura]\nservice-url=http://api\nadmin-secret=\n", 3, "[kaltura] admin-secret: unusable");
}

static void
test_unreadable (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_assert_null (kaltura_config_load (fixture->path, &error));
  g_assert_error (error, KALTURA_ERROR, KALTURA_ERROR_CONFIG);
  g_assert_nonnull (strstr (error->message, fixture->path));
  g_clear_error (&error);
  g_assert_null (load (fixture, REQUIRED "[hls]\n#\xff\n", &error));
  g_assert_error (error, KALTURA_ERROR, KALTURA_ERROR_CONFIG);
  g_clear_error (&error);
  g_assert_null (kaltura_config_load (fixture->dir, &error));
  g_assert_error (error, KALTURA_ERROR, KALTURA_ERROR_CONFIG);
}

static void
test_together (Fixture *fixture, gconstpointer data)
{
  check_bad (fixture, REQUIRED "[nginx]\ntls-key=/k\n", 5, "[nginx] tls-key: needs tls-certificate too");
  check_bad (fixture, REQUIRED "[nginx]\ntls-certificate=/c\n", 5, "[nginx] tls-certificate: needs tls-key too");
  check_bad (fixture, REQUIRED "[nginx]\nrtmps-listen=443\n", 5, "[nginx] rtmps-listen: needs tls-certificate");
  check_bad (fixture, REQUIRED "[nginx]\nhttps-listen=443\n", 5, "[nginx] https-listen: needs tls-certificate");
  check_bad (fixture, REQUIRED "[nginx]\nhttp-listen=1935\n", 5, "[nginx] http-listen: \"1935\" is that of rtmp");
}

static void
test_secret_file (Fixture *fixture, gconstpointer data)
{
  g_autofree char *secret_path = g_build_filename (fixture->dir, "secret", NULL);
  g_autofree char *text = g_strdup_printf ("[kaltura]\nservice-url=http://api\nadmin-secret-file=%s\n", secret_path);
  check_bad (fixture, text, 3, "[kaltura] admin-secret-file: cannot be read");

  g_assert_true (g_file_set_contents (secret_path, "  s3cret \r\nsecond line\n", -1, NULL));
  g_autoptr (KalturaConfig) config = load_good (fixture, text);
  g_assert_cmpstr (config->admin_secret, ==, "s3cret");

  g_autofree char *both = g_strconcat (text, "admin-secret=s3cret\n", NULL);
  check_bad (fixture, both, 3, "[kaltura] admin-secret-file: admin-secret is given too");
  g_assert_true (g_file_set_contents (secret_path, "\nsecond line\n", -1, NULL));
  check_bad (fixture, text, 3, "is no secret");
  g_remove (secret_path);
  check_bad (fixture, "[kaltura]\nservice-url=http://api\nadmin-secret-file=secret\n", 3, "an absolute path");
}

/* app/data/klive.conf: its keys are those that there are, and what stands behind a # is the default. */
static void
test_default_file (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_build_filename (g_getenv ("KLIVE_DEFAULT_CONFIG"), NULL);
  g_autofree char *text = NULL;
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_autoptr (GString) used = g_string_new (NULL);
  g_autoptr (GHashTable) found = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autofree char *group = NULL;
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  g_autoptr (GRegex) key = g_regex_new ("^#?([a-z0-9-]+)=(.*)$", 0, 0, NULL);

  for (guint i = 0; lines[i] != NULL; i++) {
    g_autoptr (GMatchInfo) match = NULL;
    if (lines[i][0] == '[') {
      g_free (group);
      group = g_strndup (lines[i] + 1, strcspn (lines[i], "]") - 1);
      g_string_append_printf (used, "%s\n", lines[i]);
    } else if (g_regex_match (key, lines[i], 0, &match)) {
      g_autofree char *name = g_match_info_fetch (match, 1);
      g_assert_true (g_hash_table_add (found, g_strconcat (group, "/", name, NULL)));
      if (!g_str_has_prefix (name, "admin-secret"))
        g_string_append_printf (used, "%s\n", lines[i][0] == '#' ? lines[i] + 1 : lines[i]);
    }
  }
  g_auto (GStrv) keys = kaltura_config_list_keys ();
  for (guint i = 0; keys[i] != NULL; i++)
    if (!g_hash_table_contains (found, keys[i]))
      g_error ("%s does not document %s", path, keys[i]);
  g_assert_cmpuint (g_hash_table_size (found), ==, g_strv_length (keys));

  char *with_secret = strstr (used->str, "[kaltura]\n") + strlen ("[kaltura]\n");
  g_string_insert (used, with_secret - used->str, "admin-secret=s3cret\n");
  g_autoptr (KalturaConfig) config = load_good (fixture, used->str);
  g_autoptr (KalturaConfig) defaults = load_good (fixture, REQUIRED);
  g_assert_cmpuint (config->timeout, ==, defaults->timeout);
  g_assert_cmpuint (config->keep_alive_interval, ==, defaults->keep_alive_interval);
  g_assert_cmpuint (config->registration_delay, ==, defaults->registration_delay);
  g_assert_cmpuint (config->status_interval, ==, defaults->status_interval);
  g_assert_cmpuint (config->session_version, ==, defaults->session_version);
  g_assert_cmpint (config->partner_id, ==, defaults->partner_id);
  g_assert_cmpint (config->work_mode, ==, defaults->work_mode);
  g_assert_cmpint (config->api, ==, defaults->api);
  g_assert_cmpstr (config->hostname, ==, defaults->hostname);
  g_assert_cmpstr (config->application, ==, defaults->application);
  g_assert_cmpstr (config->state_dir, ==, defaults->state_dir);
  g_assert_cmpstr (config->control_listen, ==, defaults->control_listen);
  g_assert_cmpstr (config->soap_listen, ==, defaults->soap_listen);
  g_assert_cmpuint (config->grace, ==, defaults->grace);
  g_assert_cmpuint (config->stop_grace, ==, defaults->stop_grace);
  g_assert_cmpuint (config->orphan_timeout, ==, defaults->orphan_timeout);
  g_assert_cmpuint (config->max_entries, ==, defaults->max_entries);
  g_assert_cmpint (config->managed, ==, defaults->managed);
  g_assert_cmpstr (config->rtmp_listen, ==, defaults->rtmp_listen);
  g_assert_cmpstr (config->http_listen, ==, defaults->http_listen);
  g_assert_cmpint (config->shared_port, ==, defaults->shared_port);
  g_assert_cmpuint (config->segment_duration, ==, defaults->segment_duration);
  g_assert_cmpuint (config->playlist_length, ==, defaults->playlist_length);
  g_assert_cmpuint (config->max_dvr_window, ==, defaults->max_dvr_window);
  g_assert_cmpstr (config->recording_directory, ==, defaults->recording_directory);
  g_assert_cmpstr (config->spool_directory, ==, defaults->spool_directory);
  g_assert_cmpuint (config->chunk_duration, ==, defaults->chunk_duration);
  g_assert_cmpstr (config->recorded_file_group, ==, defaults->recorded_file_group);
  g_assert_cmpint (config->keep_files, ==, defaults->keep_files);
  g_assert_cmpstr (config->video_encoder, ==, defaults->video_encoder);
  g_assert_cmpstr (config->audio_encoder, ==, defaults->audio_encoder);
  g_assert_cmpstr (config->speed_preset, ==, defaults->speed_preset);
  g_assert_cmpuint (config->threads, ==, defaults->threads);
}

static void
test_line_of_a_key (Fixture *fixture, gconstpointer data)
{
  g_autoptr (KalturaConfig) config = load_good (fixture, REQUIRED "\n[hls]\n# six\nsegment-duration=6\n");
  g_assert_cmpuint (kaltura_config_get_line (config, "kaltura", "service-url"), ==, 2);
  g_assert_cmpuint (kaltura_config_get_line (config, "hls", "segment-duration"), ==, 7);
  g_assert_cmpuint (kaltura_config_get_line (config, "hls", "playlist-length"), ==, 0);
}

static void
test_without_file (void)
{
  g_autoptr (KalturaConfig) config = kaltura_config_new_default ();
  g_assert_null (config->path);
  g_assert_null (config->service_url);
  g_assert_null (config->admin_secret);
  g_assert_cmpuint (config->rtmp_port, ==, 1935);
  g_assert_cmpstr (config->spool_directory, ==, "/var/lib/klive/spool");
  kaltura_config_free (NULL);
}

#define ADD(path, func) g_test_add (path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/config/defaults", test_defaults);
  ADD ("/config/every-key", test_every_key);
  ADD ("/config/bad-value-is-named-with-its-line", test_bad_values);
  ADD ("/config/bad-service-url", test_bad_urls);
  ADD ("/config/unknown-group-or-key", test_unknown);
  ADD ("/config/syntax", test_syntax);
  ADD ("/config/required", test_required);
  ADD ("/config/unreadable", test_unreadable);
  ADD ("/config/keys-that-belong-together", test_together);
  ADD ("/config/admin-secret-file", test_secret_file);
  ADD ("/config/default-file-documents-every-key", test_default_file);
  ADD ("/config/line-of-a-key", test_line_of_a_key);
  g_test_add_func ("/config/without-file", test_without_file);
  return g_test_run ();
}
