/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Structured log lines on stderr. Used by every part of klive-launcher, from any thread: a line is one write().
 */
#include "klive-log.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define VALUE_MAX 1024 /* bytes of one value */

static const struct {
  const char *name;
  int priority; /* of syslog */
} levels[] = { { "error", 3 }, { "warning", 4 }, { "info", 6 }, { "debug", 7 } };

static gboolean
is_delimiter (const char *text, const char *at)
{
  if (at == text)
    return TRUE;
  if (strchr ("?&;, \"'", at[-1]))
    return TRUE;
  return at - text >= 3 && (g_ascii_strncasecmp (at - 3, "%26", 3) == 0 || g_ascii_strncasecmp (at - 3, "%3F", 3) == 0);
}

/* Where the value of a secret parameter that begins at @at starts; NULL when none begins here. */
static const char *
secret_value (const char *text, const char *at)
{
  static const char *const names[] = { "t", "token", "ks", "secret", NULL };
  for (guint i = 0; names[i]; i++) {
    gsize length = strlen (names[i]);
    if (strncmp (at, names[i], length) != 0 || !is_delimiter (text, at))
      continue;
    if (at[length] == '=')
      return at + length + 1;
    if (g_ascii_strncasecmp (at + length, "%3D", 3) == 0)
      return at + length + 3;
  }
  return NULL;
}

static const char *
secret_end (const char *at)
{
  while (*at && !strchr ("&; \"'/\n", *at) && g_ascii_strncasecmp (at, "%26", 3) != 0)
    at++;
  return at;
}

char *
klive_log_scrub (const char *text)
{
  GString *out = g_string_new (NULL);
  for (const char *at = text; *at;) {
    const char *value = secret_value (text, at);
    if (value) {
      g_string_append_len (out, at, value - at);
      g_string_append (out, "***");
      at = secret_end (value);
    } else {
      g_string_append_c (out, *at++);
    }
  }
  return g_string_free (out, FALSE);
}

static gboolean
needs_quotes (const char *value)
{
  if (!*value)
    return TRUE;
  for (const guchar *c = (const guchar *) value; *c; c++)
    if (*c <= ' ' || *c == '"' || *c == '=' || *c == '\\' || *c >= 0x7f)
      return TRUE;
  return FALSE;
}

/* Quoted, one line, valid UTF-8 whatever came in. */
static void
append_value (GString *line, const char *value)
{
  g_autofree char *valid = g_utf8_make_valid (value, -1);
  g_autofree char *clean = klive_log_scrub (valid);
  if (strlen (clean) > VALUE_MAX) {
    char *end = g_utf8_find_prev_char (clean, clean + VALUE_MAX);
    if (end)
      strcpy (end, "...");
  }
  if (!needs_quotes (clean)) {
    g_string_append (line, clean);
    return;
  }
  g_string_append_c (line, '"');
  for (const char *c = clean; *c; c++) {
    if (*c == '"' || *c == '\\')
      g_string_append_printf (line, "\\%c", *c);
    else if (*c == '\n')
      g_string_append (line, "\\n");
    else if (*c == '\t')
      g_string_append (line, "\\t");
    else if ((guchar) *c < ' ' || *c == 0x7f)
      g_string_append_printf (line, "\\x%02x", (guchar) *c);
    else
      g_string_append_c (line, *c);
  }
  g_string_append_c (line, '"');
}

static void
append_pair (GString *line, const char *name, const char *value)
{
  if (line->len)
    g_string_append_c (line, ' ');
  g_string_append_printf (line, "%s=", name);
  append_value (line, value);
}

static GString *
format_line (KliveLogLevel level, const char *event, const char *entry, const char *stream, va_list pairs)
{
  GString *line = g_string_sized_new (160);
  append_pair (line, "level", levels[level].name);
  append_pair (line, "event", event);
  append_pair (line, "entry", entry && *entry ? entry : "-");
  append_pair (line, "stream", stream && *stream ? stream : "-");
  for (const char *name = va_arg (pairs, const char *); name; name = va_arg (pairs, const char *)) {
    const char *value = va_arg (pairs, const char *);
    if (value)
      append_pair (line, name, value);
  }
  return line;
}

static gboolean
stderr_is_journal (void)
{
  static gsize known; /* 1 = no, 2 = yes */
  if (g_once_init_enter (&known)) {
    const char *where = g_getenv ("JOURNAL_STREAM");
    struct stat st;
    unsigned long long device = 0, inode = 0;
    gboolean yes = where && sscanf (where, "%llu:%llu", &device, &inode) == 2 && fstat (STDERR_FILENO, &st) == 0 &&
        st.st_dev == device && st.st_ino == inode;
    g_once_init_leave (&known, yes ? 2 : 1);
  }
  return known == 2;
}

static void
write_line (KliveLogLevel level, GString *line)
{
  if (stderr_is_journal ()) {
    char prefix[8];
    g_snprintf (prefix, sizeof prefix, "<%d>", levels[level].priority);
    g_string_prepend (line, prefix);
  } else {
    g_autoptr (GDateTime) now = g_date_time_new_now_utc ();
    g_autofree char *seconds = g_date_time_format (now, "%Y-%m-%dT%H:%M:%S");
    g_autofree char *stamp = g_strdup_printf ("time=%s.%03dZ ", seconds, g_date_time_get_microsecond (now) / 1000);
    g_string_prepend (line, stamp);
  }
  g_string_append_c (line, '\n');
  gssize done;
  do {
    done = write (STDERR_FILENO, line->str, line->len);
  } while (done < 0 && errno == EINTR);
}

static gboolean
debug_wanted (void)
{
  static gsize known; /* 1 = no, 2 = yes */
  if (g_once_init_enter (&known)) {
    const char *value = g_getenv ("KLIVE_DEBUG");
    g_once_init_leave (&known, value && *value && strcmp (value, "0") != 0 ? 2 : 1);
  }
  return known == 2;
}

void
klive_log (KliveLogLevel level, const char *event, const char *entry, const char *stream, ...)
{
  if (level == KLIVE_LOG_DEBUG && !debug_wanted ())
    return;
  va_list pairs;
  va_start (pairs, stream);
  g_autoptr (GString) line = format_line (level, event, entry, stream, pairs);
  va_end (pairs);
  write_line (level, line);
}

char *
klive_log_format (KliveLogLevel level, const char *event, const char *entry, const char *stream, ...)
{
  va_list pairs;
  va_start (pairs, stream);
  GString *line = format_line (level, event, entry, stream, pairs);
  va_end (pairs);
  return g_string_free (line, FALSE);
}

static GLogWriterOutput
write_glib_message (GLogLevelFlags flags, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  if (g_log_writer_default_would_drop (flags, NULL))
    return G_LOG_WRITER_HANDLED;
  g_autofree char *message = NULL;
  g_autofree char *domain = NULL;
  for (gsize i = 0; i < n_fields; i++) {
    const char *value = fields[i].value;
    char **target = strcmp (fields[i].key, "MESSAGE") == 0 ? &message
        : strcmp (fields[i].key, "GLIB_DOMAIN") == 0       ? &domain
                                                           : NULL;
    if (target && value && !*target)
      *target = fields[i].length < 0 ? g_strdup (value) : g_strndup (value, fields[i].length);
  }
  KliveLogLevel level = flags & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL) ? KLIVE_LOG_ERROR
      : flags & G_LOG_LEVEL_WARNING                                        ? KLIVE_LOG_WARNING
                                                                           : KLIVE_LOG_INFO;
  klive_log (level, "log", NULL, NULL, "domain", domain, "message", message ? message : "", NULL);
  return G_LOG_WRITER_HANDLED;
}

void
klive_log_init (void)
{
  signal (SIGPIPE, SIG_IGN); /* whoever reads our lines may go before us */
  g_log_set_writer_func (write_glib_message, NULL, NULL);
}
