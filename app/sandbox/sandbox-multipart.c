/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An incremental parser of multipart/form-data. sandbox-server.c feeds it with what the socket brings. Writes files in
 * the calling thread: the sandbox serves tests, not users.
 */
#include "sandbox-multipart.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <libsoup/soup.h>
#include <string.h>
#include <unistd.h>

#define MAX_HEADER (16 * 1024)
#define MAX_SCALAR (4 * 1024 * 1024)

typedef enum { AT_PREAMBLE, AT_DELIMITER, AT_HEADERS, AT_CONTENT, AT_END } Position;

struct _SandboxMultipart {
  SandboxRequest *request;
  char *directory;
  char *delimiter;     /* CR LF "--" boundary */
  GByteArray *pending; /* read, not yet consumed: at most a chunk and a header */
  Position position;

  /* the part at hand */
  char *name;
  SandboxFile *file; /* NULL for a scalar */
  int fd;
  GString *scalar;
};

SandboxMultipart *
sandbox_multipart_new (SandboxRequest *request, const char *content_type, const char *directory)
{
  g_autoptr (GHashTable) parameters = NULL;
  const char *rest = strchr (content_type, ';');
  parameters = rest ? soup_header_parse_semi_param_list (rest + 1) : NULL;
  const char *boundary = parameters ? g_hash_table_lookup (parameters, "boundary") : NULL;
  if (!boundary || !*boundary)
    return NULL;

  SandboxMultipart *multipart = g_new0 (SandboxMultipart, 1);
  multipart->request = request;
  multipart->directory = g_strdup (directory);
  multipart->delimiter = g_strconcat ("\r\n--", boundary, NULL);
  multipart->pending = g_byte_array_new ();
  multipart->fd = -1;
  g_byte_array_append (multipart->pending, (const guint8 *) "\r\n", 2); /* the first delimiter may come at once */
  return multipart;
}

static void
end_part (SandboxMultipart *multipart)
{
  if (multipart->fd >= 0)
    close (multipart->fd);
  multipart->fd = -1;
  if (multipart->file)
    g_ptr_array_add (multipart->request->files, g_steal_pointer (&multipart->file));
  else if (multipart->name && strcmp (multipart->name, "json") == 0)
    sandbox_request_add_json (multipart->request, multipart->scalar->str, multipart->scalar->len);
  if (multipart->name && multipart->scalar)
    sandbox_request_add (multipart->request, SANDBOX_FROM_BODY, multipart->name,
        sandbox_node_from_string (multipart->scalar->str));
  g_clear_pointer (&multipart->name, g_free);
  if (multipart->scalar)
    g_string_free (multipart->scalar, TRUE);
  multipart->scalar = NULL;
}

void
sandbox_multipart_free (SandboxMultipart *multipart)
{
  if (multipart->fd >= 0)
    close (multipart->fd);
  g_clear_pointer (&multipart->file, sandbox_file_free);
  if (multipart->scalar)
    g_string_free (multipart->scalar, TRUE);
  g_free (multipart->name);
  g_free (multipart->directory);
  g_free (multipart->delimiter);
  g_byte_array_unref (multipart->pending);
  g_free (multipart);
}

static void
fail_file (SandboxMultipart *multipart)
{
  g_printerr ("kaltura-sandbox: cannot write %s: %s\n", multipart->file->path, g_strerror (errno));
  multipart->file->failed = TRUE;
}

static void
begin_file (SandboxMultipart *multipart, const char *filename)
{
  multipart->file = g_new0 (SandboxFile, 1);
  multipart->file->name = g_strdup (multipart->name);
  multipart->file->filename = g_strdup (filename);
  g_autofree char *unique = g_uuid_string_random ();
  g_autofree char *base = g_strconcat ("incoming-", unique, NULL);
  multipart->file->path = g_build_filename (multipart->directory, base, NULL);
  multipart->fd = g_open (multipart->file->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (multipart->fd < 0)
    fail_file (multipart);
}

/* @headers ends with CR LF. A part without a name is skipped. */
static void
begin_part (SandboxMultipart *multipart, const char *headers, gsize length)
{
  g_autofree char *text = g_strndup (headers, length);
  g_auto (GStrv) lines = g_strsplit (text, "\r\n", -1);
  for (guint i = 0; lines[i]; i++) {
    if (g_ascii_strncasecmp (lines[i], "content-disposition:", 20) != 0)
      continue;
    const char *rest = strchr (lines[i], ';');
    g_autoptr (GHashTable) parameters = rest ? soup_header_parse_semi_param_list (rest + 1) : NULL;
    const char *name = parameters ? g_hash_table_lookup (parameters, "name") : NULL;
    const char *filename = parameters ? g_hash_table_lookup (parameters, "filename") : NULL;
    multipart->name = g_strdup (name);
    if (name && filename)
      begin_file (multipart, filename);
  }
  if (!multipart->file)
    multipart->scalar = g_string_new (NULL);
}

static void
write_content (SandboxMultipart *multipart, const guint8 *data, gsize length)
{
  if (multipart->scalar && multipart->scalar->len + length <= MAX_SCALAR)
    g_string_append_len (multipart->scalar, (const char *) data, length);
  if (!multipart->file || multipart->fd < 0)
    return;
  multipart->file->size += length;
  while (length > 0) {
    ssize_t written = write (multipart->fd, data, length);
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0) {
      fail_file (multipart);
      return;
    }
    data += written;
    length -= written;
  }
}

static void
consume (SandboxMultipart *multipart, gsize length)
{
  g_byte_array_remove_range (multipart->pending, 0, length);
}

/* Each step eats what it can of pending and says whether it got anywhere. */
static gboolean
step_content (SandboxMultipart *multipart)
{
  GByteArray *pending = multipart->pending;
  gsize size = strlen (multipart->delimiter);
  guint8 *found = pending->len ? memmem (pending->data, pending->len, multipart->delimiter, size) : NULL;
  gboolean content = multipart->position == AT_CONTENT;
  if (found) {
    gsize before = found - pending->data;
    if (content) {
      write_content (multipart, pending->data, before);
      end_part (multipart);
    }
    consume (multipart, before + size);
    multipart->position = AT_DELIMITER;
    return TRUE;
  }
  if (pending->len >= size) { /* all but what may be the beginning of the delimiter */
    gsize safe = pending->len - (size - 1);
    if (content)
      write_content (multipart, pending->data, safe);
    consume (multipart, safe);
  }
  return FALSE;
}

static gboolean
step_delimiter (SandboxMultipart *multipart)
{
  GByteArray *pending = multipart->pending;
  if (pending->len >= 2 && memcmp (pending->data, "--", 2) == 0) {
    multipart->position = AT_END;
    return TRUE;
  }
  guint8 *end = pending->len ? memmem (pending->data, pending->len, "\r\n", 2) : NULL;
  if (!end) {
    if (pending->len > MAX_HEADER)
      multipart->position = AT_END;
    return FALSE;
  }
  consume (multipart, end - pending->data); /* keeps CR LF: a part may have no header at all */
  multipart->position = AT_HEADERS;
  return TRUE;
}

static gboolean
step_headers (SandboxMultipart *multipart)
{
  GByteArray *pending = multipart->pending;
  guint8 *end = pending->len ? memmem (pending->data, pending->len, "\r\n\r\n", 4) : NULL;
  if (!end) {
    if (pending->len > MAX_HEADER)
      multipart->position = AT_END;
    return FALSE;
  }
  begin_part (multipart, (const char *) pending->data, end - pending->data);
  consume (multipart, end - pending->data + 4);
  multipart->position = AT_CONTENT;
  return TRUE;
}

void
sandbox_multipart_feed (SandboxMultipart *multipart, const void *data, gsize length)
{
  g_byte_array_append (multipart->pending, data, length);
  gboolean more = TRUE;
  while (more) {
    switch (multipart->position) {
      case AT_PREAMBLE:
      case AT_CONTENT:
        more = step_content (multipart);
        break;
      case AT_DELIMITER:
        more = step_delimiter (multipart);
        break;
      case AT_HEADERS:
        more = step_headers (multipart);
        break;
      case AT_END:
        g_byte_array_set_size (multipart->pending, 0);
        more = FALSE;
        break;
    }
  }
}
