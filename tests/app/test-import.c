/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Wowza's settings as a klive.conf: the golden file of tests/data/wowza, and what is refused. */
#include "klive-import.h"

#include <glib/gstdio.h>
#include <string.h>
#include "kaltura-config.h"
#include "kaltura-error.h"

#define SECRET "0123456789abcdef\\0123456789abcdef"
#define SERVER(properties) "<Root><Server><Properties>\n" properties "</Properties></Server></Root>"
#define PROPERTY(name, value) "<Property><Name>" name "</Name><Value>" value "</Value></Property>\n"
#define REQUIRED PROPERTY ("KalturaServerURL", "http://api") PROPERTY ("KalturaServerAdminSecret", "s3cret")

static void
test_golden (void)
{
  static const char *const files[] = { "Server.xml", "Application.xml", "VHost.xml" };
  g_autoptr (KliveImport) import = klive_import_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = g_build_filename (g_getenv ("KLIVE_TEST_DATA"), "wowza", NULL);
  g_autofree char *expected = NULL;
  g_assert_cmpint (g_chdir (folder), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    klive_import_read (import, files[i], &error);
    g_assert_no_error (error);
  }
  g_autofree char *text = klive_import_render (import, &error);
  g_assert_no_error (error);
  g_assert_true (g_file_get_contents ("klive.conf", &expected, NULL, NULL));
  g_assert_cmpstr (text, ==, expected);
  for (const char *const *note = klive_import_get_notes (import); *note; note++) {
    g_assert_null (strstr (*note, "s3cret"));
    g_assert_null (strstr (*note, "0123456789abcdef"));
  }

  g_autoptr (KalturaConfig) config = kaltura_config_load ("klive.conf", &error);
  g_assert_no_error (error);
  g_assert_cmpstr (config->admin_secret, ==, SECRET);
  g_assert_cmpint (config->api, ==, KALTURA_API_2014);
}

/* What @xml becomes; the caller frees it. */
static char *
import_text (const char *xml, GError **error)
{
  g_autofree char *path = NULL;
  g_autofree char *text = NULL;
  g_autoptr (KliveImport) import = klive_import_new ();
  int fd = g_file_open_tmp ("klive-import-XXXXXX", &path, NULL);
  g_assert_cmpint (fd, >=, 0);
  g_close (fd, NULL);
  g_assert_true (g_file_set_contents (path, xml, -1, NULL));
  if (klive_import_read (import, path, error))
    text = klive_import_render (import, error);
  if (!text && *error && strstr (xml, "Root") && !strstr (xml, "nothing"))
    g_assert_nonnull (strstr ((*error)->message, path));
  g_remove (path);
  return g_steal_pointer (&text);
}

static void
test_refused (void)
{
  static const struct {
    const char *xml, *message;
  } cases[] = {
    { "", "empty" },
    { "<Root><Server></Root>", "line 1" },
    { "<!DOCTYPE x [<!ENTITY a \"b\">]><Root><Server/></Root>", "document type" },
    { "<Other/>", ":1: no file of Wowza's" },
    { "<Root>\n<Streams/></Root>", ":1: no file of Wowza's" },
    { "<Root><Server>nothing</Server></Root>", "KalturaServerURL" },
    { SERVER (PROPERTY ("KalturaServerURL", "http://api") "<!-- nothing -->"), "KalturaServerAdminSecret" },
    { SERVER (PROPERTY ("KalturaServerURL", "KALTURA_SERVICE_URL")), ":2: KalturaServerURL: \"KALTURA" },
    { SERVER (PROPERTY ("KalturaServerURL", "@KALTURA_SERVICE_URL@")), ":2: KalturaServerURL: unusable" },
    { SERVER (REQUIRED PROPERTY ("KalturaServerTimeout", "soon")), ":4: KalturaServerTimeout: \"soon\", expected a" },
    { SERVER (REQUIRED PROPERTY ("KalturaPartnerId", "0")), ":4: KalturaPartnerId: \"0\", expected -5" },
    { SERVER (REQUIRED PROPERTY ("KalturaWorkMode", "disk")),
        ":4: KalturaWorkMode: \"disk\", expected kaltura, remote" },
    { SERVER (REQUIRED PROPERTY ("KalturaServerURL", "http://other")),
        ":4: KalturaServerURL: another value stands at" },
    { SERVER (REQUIRED "<Property><Value>1</Value></Property>"), ":4: " },
    { SERVER (REQUIRED PROPERTY ("KalturaServerWebServices", "a") PROPERTY ("KalturaServerWebServicesPort", "http")),
        ":5: KalturaServerWebServicesPort: \"http\", expected host:port" },
    { SERVER (PROPERTY ("KalturaServerAdminSecret", "")), ":2: KalturaServerAdminSecret: unusable" },
    { "<Root><VHost><HostPortList><HostPort><Port>many</Port></HostPort></HostPortList></VHost></Root>",
        "HostPortList/HostPort/Port: \"many\", expected a port" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = NULL;
    g_autofree char *text = import_text (cases[i].xml, &error);
    g_assert_null (text);
    g_assert_error (error, KALTURA_ERROR, KALTURA_ERROR_CONFIG);
    if (!strstr (error->message, cases[i].message))
      g_error ("%s: %s", cases[i].xml, error->message);
  }
}

/* A secret that klive cannot hold is not told. */
static void
test_secret_is_not_quoted (void)
{
  g_autofree char *secret = g_strnfill (300, 'x');
  g_autofree char *xml = g_strdup_printf (SERVER (PROPERTY ("KalturaServerAdminSecret", "%s")), secret);
  g_autoptr (GError) error = NULL;
  g_assert_null (import_text (xml, &error));
  g_assert_error (error, KALTURA_ERROR, KALTURA_ERROR_CONFIG);
  g_assert_null (strstr (error->message, "xxx"));
}

/* Nor is a password that stands in a URL. */
static void
test_password_is_not_quoted (void)
{
  g_autoptr (GError) error = NULL;
  g_assert_null (import_text (SERVER (PROPERTY ("KalturaServerURL", "http://user:pass@host")), &error));
  g_assert_error (error, KALTURA_ERROR, KALTURA_ERROR_CONFIG);
  g_assert_null (strstr (error->message, "pass@"));
  g_assert_nonnull (strstr (error->message, ":2: KalturaServerURL: unusable, expected "));
}

#define HOST_PORT(type, port) "<HostPort><Type>" type "</Type><Port>" port "</Port></HostPort>\n"

/* What klive.conf says of Wowza's ports in @host_ports, with the notes about them. */
static char *
import_ports (const char *host_ports)
{
  g_autofree char *path = NULL;
  g_autofree char *xml = g_strdup_printf ("<Root><VHost><HostPortList>\n%s</HostPortList></VHost></Root>", host_ports);
  g_autofree char *server = g_build_filename (g_getenv ("KLIVE_TEST_DATA"), "wowza", "Server.xml", NULL);
  g_autoptr (KliveImport) import = klive_import_new ();
  g_autoptr (GError) error = NULL;
  int fd = g_file_open_tmp ("klive-import-XXXXXX", &path, NULL);
  g_assert_cmpint (fd, >=, 0);
  g_close (fd, NULL);
  g_assert_true (g_file_set_contents (path, xml, -1, NULL));
  gboolean taken = klive_import_read (import, server, &error) && klive_import_read (import, path, &error);
  g_remove (path);
  g_assert_no_error (error);
  g_assert_true (taken);
  char *text = klive_import_render (import, &error);
  g_assert_no_error (error);
  return text;
}

/* klive has one port: 1935, wherever it stands, else the first. */
static void
test_several_ports (void)
{
  g_autofree char *first = import_ports (HOST_PORT ("Streaming", "1935") HOST_PORT ("Streaming", "80"));
  g_autofree char *second = import_ports (HOST_PORT ("Streaming", "80") HOST_PORT ("Streaming", "1935"));
  g_autofree char *others =
      import_ports (HOST_PORT ("Streaming", "80") HOST_PORT ("Admin", "8086") HOST_PORT ("Streaming", "81"));

  g_assert_nonnull (strstr (first, "\nrtmp-listen=1935\n"));
  g_assert_nonnull (
      strstr (first, ":3: HostPortList/HostPort/Port: klive listens on one port for all; 1935 taken, not 80"));
  g_assert_nonnull (strstr (second, "\nrtmp-listen=1935\n"));
  g_assert_null (strstr (second, "\nrtmp-listen=80\n"));
  g_assert_nonnull (
      strstr (second, ":3: HostPortList/HostPort/Port: klive listens on one port for all; 1935 taken, not 80"));
  g_assert_nonnull (strstr (others, "\nrtmp-listen=80\n"));
  g_assert_nonnull (
      strstr (others, ":4: HostPortList/HostPort/Port: klive listens on one port for all; 80 taken, not 81"));
  g_assert_nonnull (strstr (others, ":3: HostPort: no port for streaming"));
}

/* Wowza takes a name to listen on, klive does not. */
static void
test_soap_host (void)
{
  static const struct {
    const char *host, *listen;
    gboolean noted;
  } cases[] = { { "live1.example.com", "0.0.0.0:888", TRUE }, { "", "0.0.0.0:888", FALSE },
    { "127.0.0.1", "127.0.0.1:888", FALSE }, { "::1", "[::1]:888", FALSE } };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *xml = g_strdup_printf (SERVER (REQUIRED PROPERTY ("KalturaServerWebServices", "a")
                                                    PROPERTY ("KalturaServerWebServicesHost", "%s")),
        cases[i].host);
    g_autofree char *expected = g_strdup_printf ("\nsoap-listen=%s\n", cases[i].listen);
    g_autoptr (GError) error = NULL;
    g_autofree char *text = import_text (xml, &error);
    g_assert_no_error (error);
    g_assert_nonnull (strstr (text, expected));
    g_assert_cmpint (strstr (text, "KalturaServerWebServicesHost: a name") != NULL, ==, cases[i].noted);
  }
}

static void
test_second_of_a_kind (void)
{
  g_autoptr (KliveImport) import = klive_import_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_build_filename (g_getenv ("KLIVE_TEST_DATA"), "wowza", "Server.xml", NULL);
  g_assert_true (klive_import_read (import, path, NULL));
  g_assert_false (klive_import_read (import, path, &error));
  g_assert_error (error, KALTURA_ERROR, KALTURA_ERROR_CONFIG);
  g_assert_nonnull (strstr (error->message, "a second Server"));
  g_clear_error (&error);
  g_assert_false (klive_import_read (import, "/nonexistent/Server.xml", &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
}

/* Of the module 4.x, on a customer's own server; what is out of range comes to its end. */
static void
test_other_values (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *text =
      import_text ("<Root><Server><ServerListeners><ServerListener>"
                   "<BaseClass>com.kaltura.media_server.listeners.ServerListener</BaseClass>"
                   "</ServerListener></ServerListeners><Properties>" REQUIRED PROPERTY ("KalturaPartnerId", "102")
                       PROPERTY ("KalturaLiveStreamKeepAliveInterval", "90")
                           PROPERTY ("KalturaRecordedChunckMaxDuration", "0") PROPERTY ("uploadXMLSavePath",
                               "${com.wowza.wms.AppHome}/xml") "</Properties></Server></Root>",
          &error);
  g_assert_no_error (error);
  g_assert_nonnull (strstr (text, "\npartner-id=102\n"));
  g_assert_nonnull (strstr (text, "\nkeep-alive-interval=65\n"));
  g_assert_nonnull (strstr (text, "\nchunk-duration=60\n"));
  g_assert_nonnull (strstr (text, "\nshared-port=true\n"));
  g_assert_nonnull (strstr (text, "uploadXMLSavePath: a variable of Wowza's; upload-xml-directory keeps its default"));
  g_assert_null (strstr (text, "\nupload-xml-directory"));
  g_assert_null (strstr (text, "api="));
  g_assert_null (strstr (text, "soap-listen"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/import/password-is-not-quoted", test_password_is_not_quoted);
  g_test_add_func ("/import/several-ports", test_several_ports);
  g_test_add_func ("/import/soap-host", test_soap_host);
  g_test_add_func ("/import/golden", test_golden);
  g_test_add_func ("/import/refused", test_refused);
  g_test_add_func ("/import/secret-is-not-quoted", test_secret_is_not_quoted);
  g_test_add_func ("/import/second-of-a-kind", test_second_of_a_kind);
  g_test_add_func ("/import/other-values", test_other_values);
  return g_test_run ();
}
