/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Upload XML. Called by the hand-over, on the uploader's thread; blocks on the disk.
 */
#include "klive-upload-xml.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_DIGITS 9 /* that tell a float from all others */

/* The fewest digits that tell @value from its neighbours, without the point, and the decimal exponent of the first. */
static gint
get_digits (float value, char digits[MAX_DIGITS + 1])
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  for (gint count = 1; count <= MAX_DIGITS; count++) {
    char format[8];
    g_snprintf (format, sizeof format, "%%.%de", count - 1);
    g_ascii_formatd (text, sizeof text, format, value);
    if ((float) g_ascii_strtod (text, NULL) == value)
      break;
  }
  guint length = 0;
  const char *at = text;
  for (; *at != 'e'; at++)
    if (g_ascii_isdigit (*at))
      digits[length++] = *at;
  digits[length] = '\0';
  return atoi (at + 1);
}

static char *
format_plain (const char *digits, gint exponent)
{
  gint length = (gint) strlen (digits);
  GString *text = g_string_new (NULL);
  for (gint i = MIN (exponent, 0); i < MAX (length, exponent + 2); i++) {
    g_string_append_c (text, i >= 0 && i < length ? digits[i] : '0');
    if (i == exponent || (exponent < 0 && i == exponent))
      g_string_append_c (text, '.');
  }
  return g_string_free (text, FALSE);
}

char *
klive_upload_xml_format_duration (double seconds)
{
  float value = (float) seconds;
  char digits[MAX_DIGITS + 1];
  if (value <= 0)
    return g_strdup ("0.0");
  gint exponent = get_digits (value, digits);
  if (value >= 1e-3f && value < 1e7f)
    return format_plain (digits, exponent);
  return g_strdup_printf ("%c.%sE%d", digits[0], digits[1] != '\0' ? digits + 1 : "0", exponent);
}

/* As Java's serializer does: apostrophes and quotes stay. */
static char *
escape (const char *text)
{
  GString *escaped = g_string_new (NULL);
  for (; *text != '\0'; text++) {
    if (*text == '&')
      g_string_append (escaped, "&amp;");
    else if (*text == '<')
      g_string_append (escaped, "&lt;");
    else if (*text == '>')
      g_string_append (escaped, "&gt;");
    else
      g_string_append_c (escaped, *text);
  }
  return g_string_free (escaped, FALSE);
}

char *
klive_upload_xml_render (const KalturaJob *job, KalturaWorkMode work_mode)
{
  g_autofree char *duration = klive_upload_xml_format_duration (job->duration);
  g_autofree char *file = escape (job->file);
  return g_strdup_printf ("<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?><upload><entryId>%s</entryId>"
                          "<assetId>%s</assetId><partnerId>%d</partnerId><index>%d</index><duration>%s</duration>"
                          "<filepath>%s</filepath><workMode>%s</workMode></upload>",
      job->entry_id, job->asset_id, job->partner_id, job->server_index, duration, file,
      work_mode == KALTURA_WORK_MODE_KALTURA ? "kaltura" : "remote");
}

static gboolean
fail (const char *what, const char *path, GError **error)
{
  int code = errno;
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (code), "cannot %s %s: %s", what, path, g_strerror (code));
  return FALSE;
}

static gboolean
is_there (const char *path, const char *text)
{
  g_autofree char *found = NULL;
  return g_file_get_contents (path, &found, NULL, NULL) && strcmp (found, text) == 0;
}

static gboolean
sync_directory (const char *directory, GError **error)
{
  int fd = g_open (directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  gboolean done = fd >= 0 && fsync (fd) == 0;
  if (!done)
    fail ("sync", directory, error);
  if (fd >= 0)
    close (fd);
  return done;
}

/* Puts the file @temporary under a name that nobody has, which is noted in the job first. */
static gboolean
link_file (KalturaJob *job, KliveSpool *spool, const char *directory, const char *temporary, const char *text,
    GError **error)
{
  for (gint64 number = job->created;; number++) {
    if (!job->xml) {
      job->xml = g_strdup_printf ("%s_%" G_GINT64_FORMAT ".xml", job->entry_id, number);
      if (!klive_spool_save (spool, job)) {
        g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_IO, "cannot save the job");
        return FALSE;
      }
    }
    g_autofree char *path = g_build_filename (directory, job->xml, NULL);
    if (link (temporary, path) == 0 || (errno == EEXIST && is_there (path, text)))
      return sync_directory (directory, error);
    if (errno != EEXIST)
      return fail ("make", path, error);
    g_clear_pointer (&job->xml, g_free);
  }
}

gboolean
klive_upload_xml_write (KalturaJob *job, KliveSpool *spool, const char *directory, KalturaWorkMode work_mode,
    GError **error)
{
  g_autofree char *text = klive_upload_xml_render (job, work_mode);
  g_autofree char *temporary = g_strdup_printf ("%s/.%s.new", directory, job->name);
  if (g_mkdir_with_parents (directory, 0770) != 0)
    return fail ("make", directory, error);
  if (!g_file_set_contents_full (temporary, text, -1, G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE,
          0660, error))
    return FALSE;
  gboolean done = link_file (job, spool, directory, temporary, text, error);
  g_unlink (temporary);
  return done;
}
