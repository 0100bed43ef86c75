/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The settings of a Wowza Streaming Engine with Kaltura's module as a klive.conf: every Property, and the elements that
 * klive-import-rules.c names, each with where it was found. What else is in those files is Wowza's own business (thread
 * pools, JMX, logging). Called by klive-import-main.c; one thread, nothing but the files is read.
 */
#include "klive-import.h"

#include <string.h>
#include "kaltura-config.h"
#include "kaltura-error.h"
#include "kaltura-xml.h"
#include "klive-import-rules.h"

#define MAX_QUOTED 64 /* bytes of a value in a message */
#define MAX_DEPTH 32  /* elements inside each other; Wowza's have 6 */
#define RTMP_PORT "1935"
#define SOAP_HOST "0.0.0.0"
#define SOAP_PORT "888"

/* A value and where it stands. */
typedef struct {
  char *file;
  glong line;
  char *name; /* of the property or element */
  char *text;
} Setting;

/* A key of klive.conf. */
typedef struct {
  const KliveImportRule *rule; /* static */
  char *value;
  char *origin; /* "Server.xml:12: KalturaServerURL" */
} Key;

struct _KliveImport {
  GPtrArray *keys;   /* of Key */
  GPtrArray *notes;  /* of char *, NULL at the end */
  GHashTable *kinds; /* char * root element -> char * file that had it */
  GHashTable *soap;  /* char * name -> Setting */
};

static void
setting_free (Setting *setting)
{
  g_free (setting->file);
  g_free (setting->name);
  g_free (setting->text);
  g_free (setting);
}

static Setting *
setting_new (const char *file, xmlNode *node, const char *name, xmlNode *value)
{
  Setting *setting = g_new0 (Setting, 1);
  setting->file = g_strdup (file);
  setting->line = xmlGetLineNo (node);
  setting->name = g_strdup (name);
  setting->text = value ? kaltura_xml_dup_text (value) : g_strdup ("");
  return setting;
}

static Setting *
setting_copy (const Setting *setting)
{
  Setting *copy = g_new0 (Setting, 1);
  copy->file = g_strdup (setting->file);
  copy->line = setting->line;
  copy->name = g_strdup (setting->name);
  copy->text = g_strdup (setting->text);
  return copy;
}

static void
key_free (gpointer data)
{
  Key *key = data;
  g_free (key->value);
  g_free (key->origin);
  g_free (key);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Setting, setting_free)

static void G_GNUC_PRINTF (3, 4) note (KliveImport *import, const Setting *setting, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  g_autofree char *why = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  char *text = g_strdup_printf ("%s:%ld: %s: %s", setting->file, setting->line, setting->name, why);
  g_ptr_array_insert (import->notes, (gint) import->notes->len - 1, text);
}

static gboolean G_GNUC_PRINTF (3, 4) fail (const Setting *setting, GError **error, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  g_autofree char *why = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error (error, KALTURA_ERROR, KALTURA_ERROR_CONFIG, "%s:%ld: %s: %s", setting->file, setting->line,
      setting->name, why);
  return FALSE;
}

static Key *
find_key (KliveImport *import, const char *group, const char *key)
{
  for (guint i = 0; i < import->keys->len; i++) {
    Key *found = import->keys->pdata[i];
    if (strcmp (found->rule->group, group) == 0 && strcmp (found->rule->key, key) == 0)
      return found;
  }
  return NULL;
}

/* Whether klive can hold @value. A URL with an @ has a password in it, or so it seems: kaltura-config.c tells none. */
static gboolean
check (const KliveImportRule *rule, const Setting *setting, const char *value, GError **error)
{
  g_autofree char *expected = NULL;
  if (kaltura_config_check_value (rule->group, rule->key, value, &expected))
    return TRUE;
  gboolean secret =
      rule->kind == KLIVE_IMPORT_SECRET || (strcmp (rule->key, "service-url") == 0 && strchr (setting->text, '@'));
  g_autofree char *quoted = kaltura_error_quote (setting->text, -1, MAX_QUOTED);
  return fail (setting, error, "%s, expected %s (%s in klive.conf)", secret ? "unusable" : quoted, expected, rule->key);
}

/* Puts @value into klive.conf if klive can hold it. */
static gboolean
store (KliveImport *import, const KliveImportRule *rule, const Setting *setting, const char *value, GError **error)
{
  if (!check (rule, setting, value, error))
    return FALSE;
  Key *before = find_key (import, rule->group, rule->key);
  if (before && strcmp (before->value, value) != 0)
    return fail (setting, error, "another value stands at %s", before->origin);
  if (before)
    return TRUE;
  Key *key = g_new0 (Key, 1);
  key->rule = rule;
  key->value = g_strdup (value);
  key->origin = g_strdup_printf ("%s:%ld: %s", setting->file, setting->line, setting->name);
  g_ptr_array_add (import->keys, key);
  return TRUE;
}

/* One unit of Wowza's is @factor / @divisor of klive's. */
static gboolean
store_number (KliveImport *import, const KliveImportRule *rule, const Setting *setting, gint64 factor, gint64 divisor,
    GError **error)
{
  gint64 number, min = 0, max = 0;
  if (!g_ascii_string_to_signed (setting->text, 10, G_MININT32, G_MAXINT32, &number, NULL)) {
    g_autofree char *quoted = kaltura_error_quote (setting->text, -1, MAX_QUOTED);
    return fail (setting, error, "%s, expected a number", quoted);
  }
  kaltura_config_get_range (rule->group, rule->key, &min, &max);
  gint64 wanted = (number * factor + divisor / 2) / divisor;
  gint64 taken = CLAMP (wanted, min, max);
  if (taken != wanted)
    note (import, setting,
        "%" G_GINT64_FORMAT " is outside what %s may be, %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT
        "; %" G_GINT64_FORMAT " taken",
        wanted, rule->key, min, max, taken);
  g_autofree char *value = g_strdup_printf ("%" G_GINT64_FORMAT, taken);
  return store (import, rule, setting, value, error);
}

static gboolean
store_path (KliveImport *import, const KliveImportRule *rule, const Setting *setting, GError **error)
{
  if (strstr (setting->text, "${")) {
    note (import, setting, "a variable of Wowza's; %s keeps its default", rule->key);
    return TRUE;
  }
  return setting->text[0] == '\0' || store (import, rule, setting, setting->text, error);
}

/* Wowza answers RTMP and HTTP on all of them, klive on one: 1935 if it is among them, else the first. */
static gboolean
store_port (KliveImport *import, const KliveImportRule *rule, const Setting *setting, GError **error)
{
  g_auto (GStrv) ports = g_strsplit (setting->text, ",", -1);
  const char *chosen = ports[0] ? ports[0] : "";
  for (guint i = 0; ports[i]; i++)
    if (strcmp (g_strstrip (ports[i]), RTMP_PORT) == 0)
      chosen = ports[i];
  if (g_strv_length (ports) > 1)
    note (import, setting, "klive listens on one port for all; %s taken", chosen);
  Key *before = find_key (import, rule->group, rule->key);
  if (!before || strcmp (before->value, chosen) == 0)
    return store (import, rule, setting, chosen, error);
  if (!check (rule, setting, chosen, error))
    return FALSE;
  gboolean better = strcmp (chosen, RTMP_PORT) == 0;
  note (import, setting, "klive listens on one port for all; %s taken, not %s (%s)", better ? chosen : before->value,
      better ? before->value : chosen, before->origin);
  if (!better)
    return TRUE;
  g_ptr_array_remove (import->keys, before);
  return store (import, rule, setting, chosen, error);
}

static gboolean
take_classes (KliveImport *import, const KliveImportRule *rule, const Setting *setting, GError **error)
{
  g_auto (GStrv) names = g_strsplit_set (setting->text, ", \t\r\n", -1);
  for (guint i = 0; names[i]; i++) {
    const char *why = *names[i] ? klive_import_explain_class (names[i]) : NULL;
    g_autofree char *quoted = kaltura_error_quote (names[i], -1, MAX_QUOTED * 2);
    if (why)
      note (import, setting, "%s: %s", quoted, why);
    /* 3.x has com.kaltura.media.server.wowza.*, 4.x com.kaltura.media_server.*, which calls the current API */
    if (g_str_has_prefix (names[i], "com.kaltura.media.server.wowza.") && !find_key (import, "kaltura", "api") &&
        !store (import, rule, setting, "2014", error))
      return FALSE;
  }
  return TRUE;
}

static void
note_packagers (KliveImport *import, const KliveImportRule *rule, const Setting *setting)
{
  g_auto (GStrv) names = g_strsplit_set (setting->text, ", \t\r\n", -1);
  g_autoptr (GString) others = g_string_new (NULL);
  for (guint i = 0; names[i]; i++)
    if (*names[i] && !g_str_has_prefix (names[i], "cupertino") && !g_str_has_prefix (names[i], "dvr"))
      g_string_append_printf (others, "%s%s", others->len ? ", " : "", names[i]);
  g_autofree char *quoted = kaltura_error_quote (others->str, -1, MAX_QUOTED * 4);
  if (others->len)
    note (import, setting, "%s: %s", quoted, rule->reason);
}

static gboolean
apply (KliveImport *import, const KliveImportRule *rule, const Setting *setting, GError **error)
{
  switch (rule->kind) {
    case KLIVE_IMPORT_TEXT:
    case KLIVE_IMPORT_SECRET:
      return store (import, rule, setting, setting->text, error);
    case KLIVE_IMPORT_PATH:
      return store_path (import, rule, setting, error);
    case KLIVE_IMPORT_SECONDS:
      return store_number (import, rule, setting, 1, 1, error);
    case KLIVE_IMPORT_MINUTES:
      return store_number (import, rule, setting, 60, 1, error);
    case KLIVE_IMPORT_MILLISECONDS:
      return store_number (import, rule, setting, 1, 1000, error);
    case KLIVE_IMPORT_PORTS:
      return store_port (import, rule, setting, error);
    case KLIVE_IMPORT_SOAP:
      g_hash_table_replace (import->soap, g_strdup (rule->name), setting_copy (setting));
      return TRUE;
    case KLIVE_IMPORT_CLASSES:
      return take_classes (import, rule, setting, error);
    case KLIVE_IMPORT_PACKAGERS:
      note_packagers (import, rule, setting);
      return TRUE;
    case KLIVE_IMPORT_NONE:
    default:
      if (setting->text[0] != '\0')
        note (import, setting, "%s", rule->reason);
      return TRUE;
  }
}

/* --- the XML --- */

static gboolean
take_property (KliveImport *import, const char *file, xmlNode *node, GError **error)
{
  xmlNode *name_node = kaltura_xml_child (node, "Name");
  g_autofree char *name = name_node ? kaltura_xml_dup_text (name_node) : g_strdup ("");
  const KliveImportRule *rule = klive_import_find_rule (name);
  g_autofree char *shown = rule ? g_strdup (name) : kaltura_error_quote (name, -1, MAX_QUOTED);
  g_autoptr (Setting) setting = setting_new (file, node, shown, kaltura_xml_child (node, "Value"));
  if (!*name)
    return fail (setting, error, "a Property without a Name");
  if (rule)
    return apply (import, rule, setting, error);
  note (import, setting, "klive knows no such property");
  return TRUE;
}

/* TLS needs other files here than in Java, so nothing of such a port can be taken over as it is. */
static gboolean
skip_port (KliveImport *import, const char *file, xmlNode *node)
{
  xmlNode *type = kaltura_xml_child (node, "Type");
  xmlNode *tls = kaltura_xml_child (node, "SSLConfig");
  g_autofree char *text = type ? kaltura_xml_dup_text (type) : NULL;
  gboolean admin = text && strcmp (text, "Streaming") != 0;
  if (admin) {
    Setting place = { (char *) file, xmlGetLineNo (node), (char *) "HostPort", NULL };
    note (import, &place, "no port for streaming; klive's own for status and control is control-listen");
  }
  if (!admin && tls) {
    Setting place = { (char *) file, xmlGetLineNo (tls), (char *) "SSLConfig", NULL };
    note (import, &place,
        "Java's keystore is no PEM file; export it and set tls-certificate, tls-key, https-listen and rtmps-listen");
  }
  return admin || tls;
}

/* @path: of @parent below the file's kind, "" for that itself. */
static gboolean
walk (KliveImport *import, const char *file, xmlNode *parent, const char *path, guint depth, GError **error)
{
  for (xmlNode *node = kaltura_xml_child (parent, NULL); node && depth < MAX_DEPTH;
       node = kaltura_xml_next (node, NULL)) {
    const char *name = (const char *) node->name;
    g_autofree char *below = g_strconcat (path, *path ? "/" : "", name, NULL);
    if (strcmp (name, "Property") == 0) {
      if (!take_property (import, file, node, error))
        return FALSE;
      continue;
    }
    if (strcmp (name, "HostPort") == 0 && skip_port (import, file, node))
      continue;
    const KliveImportRule *rule = kaltura_xml_child (node, NULL) ? NULL : klive_import_find_rule (below);
    if (rule && strcmp (rule->name, "Name") == 0 && strcmp ((const char *) parent->name, "Application") != 0)
      rule = NULL; /* Server has a Name, too, which says nothing */
    g_autoptr (Setting) setting = setting_new (file, node, below, node);
    if (rule && !apply (import, rule, setting, error))
      return FALSE;
    if (!walk (import, file, node, below, depth + 1, error))
      return FALSE;
  }
  return TRUE;
}

/* Root/Server, Root/Application or Root/VHost. */
static xmlNode *
find_kind (KliveImport *import, const char *file, xmlDoc *document, GError **error)
{
  static const char *const kinds[] = { "Server", "Application", "VHost" };
  xmlNode *root = xmlDocGetRootElement (document);
  for (guint i = 0; i < G_N_ELEMENTS (kinds) && strcmp ((const char *) root->name, "Root") == 0; i++) {
    xmlNode *node = kaltura_xml_child (root, kinds[i]);
    if (!node)
      continue;
    const char *before = g_hash_table_lookup (import->kinds, kinds[i]);
    if (before) {
      g_set_error (error, KALTURA_ERROR, KALTURA_ERROR_CONFIG, "%s:%ld: a second %s, after that of %s", file,
          xmlGetLineNo (node), kinds[i], before);
      return NULL;
    }
    g_hash_table_insert (import->kinds, g_strdup (kinds[i]), g_strdup (file));
    return node;
  }
  g_set_error (error, KALTURA_ERROR, KALTURA_ERROR_CONFIG,
      "%s:%ld: no file of Wowza's that is known here, expected Root with Server, Application or VHost in it", file,
      xmlGetLineNo (root));
  return NULL;
}

gboolean
klive_import_read (KliveImport *import, const char *path, GError **error)
{
  g_autofree char *text = NULL;
  gsize length;
  if (!g_file_get_contents (path, &text, &length, error))
    return FALSE;
  g_autoptr (xmlDoc) document = kaltura_xml_parse (text, length, KALTURA_ERROR_CONFIG, error);
  if (!document) {
    g_prefix_error (error, "%s: ", path);
    return FALSE;
  }
  xmlNode *kind = find_kind (import, path, document, error);
  return kind && walk (import, path, kind, "", 0, error);
}

/* --- klive.conf --- */

/* The address to listen on: klive takes numbers only. */
static char *
dup_soap_host (KliveImport *import, const Setting *host)
{
  if (!host || !*host->text)
    return g_strdup (SOAP_HOST);
  if (g_hostname_is_ip_address (host->text))
    return g_strdup_printf (strchr (host->text, ':') ? "[%s]" : "%s", host->text);
  note (import, host, "a name, and soap-listen takes an address in numbers; %s taken", SOAP_HOST);
  return g_strdup (SOAP_HOST);
}

static gboolean
resolve_soap (KliveImport *import, GError **error)
{
  const Setting *services = g_hash_table_lookup (import->soap, "KalturaServerWebServices");
  const Setting *host = g_hash_table_lookup (import->soap, "KalturaServerWebServicesHost");
  const Setting *port = g_hash_table_lookup (import->soap, "KalturaServerWebServicesPort");
  if (!services || !*services->text || find_key (import, "server", "soap-listen"))
    return TRUE;
  g_autofree char *address = dup_soap_host (import, host);
  g_autofree char *value = g_strdup_printf ("%s:%s", address, port ? port->text : SOAP_PORT);
  const Setting *place = port ? port : host ? host : services;
  if (!store (import, klive_import_find_rule (services->name), place, value, error))
    return FALSE;
  note (import, services, "Wowza answered everybody; add the addresses of Kaltura's API servers to soap-allow");
  return TRUE;
}

static gboolean
check_required (KliveImport *import, GError **error)
{
  static const char *const required[] = { "service-url", "admin-secret" };
  static const char *const names[] = { "KalturaServerURL", "KalturaServerAdminSecret" };
  for (guint i = 0; i < G_N_ELEMENTS (required); i++)
    if (!find_key (import, "kaltura", required[i])) {
      g_set_error (error, KALTURA_ERROR, KALTURA_ERROR_CONFIG,
          "no file has the property %s, without which klive cannot work; it is in Wowza's Server.xml", names[i]);
      return FALSE;
    }
  return TRUE;
}

static void
append_group (KliveImport *import, const char *group, GString *out)
{
  g_autoptr (GKeyFile) escaper = g_key_file_new ();
  g_string_append_printf (out, "\n[%s]\n", group);
  for (guint i = 0; i < import->keys->len; i++) {
    const Key *key = import->keys->pdata[i];
    if (strcmp (key->rule->group, group) != 0)
      continue;
    g_key_file_set_string (escaper, group, key->rule->key, key->value);
    g_autofree char *escaped = g_key_file_get_value (escaper, group, key->rule->key, NULL);
    g_string_append_printf (out, "# %s\n%s=%s\n", key->origin, key->rule->key, escaped);
  }
}

char *
klive_import_render (KliveImport *import, GError **error)
{
  static const char *const groups[] = { "kaltura", "server", "nginx", "hls", "recording" };
  if (!resolve_soap (import, error) || !check_required (import, error))
    return NULL;
  g_autoptr (GString) out = g_string_new (
      "# klive.conf, made of Wowza's settings. A key that is not here has its default; app/data/klive.conf of klive\n"
      "# lists them all. The host name that klive tells Kaltura is the machine's own, as with Wowza; set hostname if\n"
      "# Kaltura knows it by another.\n");
  for (guint i = 0; i < G_N_ELEMENTS (groups); i++) {
    append_group (import, groups[i], out);
    if (strcmp (groups[i], "nginx") == 0)
      g_string_append (out, "# as Wowza's ports, which answer RTMP and HTTP\nshared-port=true\n");
  }
  if (import->notes->len > 1)
    g_string_append (out, "\n# Not taken over as it was:\n");
  for (guint i = 0; i + 1 < import->notes->len; i++)
    g_string_append_printf (out, "# %s\n", (const char *) import->notes->pdata[i]);
  return g_strdup (out->str);
}

const char *const *
klive_import_get_notes (KliveImport *import)
{
  return (const char *const *) import->notes->pdata;
}

KliveImport *
klive_import_new (void)
{
  KliveImport *import = g_new0 (KliveImport, 1);
  import->keys = g_ptr_array_new_with_free_func (key_free);
  import->notes = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_add (import->notes, NULL);
  import->kinds = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  import->soap = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) setting_free);
  return import;
}

void
klive_import_free (KliveImport *import)
{
  g_ptr_array_unref (import->keys);
  g_ptr_array_unref (import->notes);
  g_hash_table_unref (import->kinds);
  g_hash_table_unref (import->soap);
  g_free (import);
}
