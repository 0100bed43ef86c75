/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * uploadToken: add, upload in one piece or in chunks (gst/kaltura/API.md "uploadToken"). 2014 wants the chunks in
 * order; the current API takes them in any order, and a final chunk waits for those that are still on their way.
 */
#include "sandbox-services.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

enum { TOKEN_PENDING, TOKEN_PARTIAL, TOKEN_FULL, TOKEN_CLOSED };

#define FINAL_CHUNK_WAIT 45    /* s */
#define MAX_RESUME_TIME 604800 /* s */
#define COPY_SIZE (256 * 1024)

typedef struct {
  gint64 begin, end;
} Range;

void
sandbox_upload_add (SandboxCall *call)
{
  SandboxState *state = call->state;
  JsonObject *given = sandbox_get_object (call->arguments, "uploadToken");
  if (given && state->api == SANDBOX_API_CURRENT && sandbox_get_int (given, "autoFinalize") == 1 &&
      sandbox_is_null (given, "fileSize")) {
    sandbox_call_fail (call, "UPLOAD_TOKEN_MISSING_FILE_SIZE", NULL);
    return;
  }
  g_autofree char *unique = g_uuid_string_random ();
  g_auto (GStrv) parts = g_strsplit (unique, "-", -1);
  g_autofree char *hex = g_strjoinv ("", parts);
  g_autofree char *id = g_strconcat ("0_", hex, NULL);

  SandboxToken *token = g_new0 (SandboxToken, 1);
  token->ranges = g_array_new (FALSE, FALSE, sizeof (Range));
  token->touched = sandbox_state_now (state);
  token->object = sandbox_object_new ("KalturaUploadToken");
  json_object_set_string_member (token->object, "id", id);
  json_object_set_int_member (token->object, "partnerId", call->partner_id);
  json_object_set_string_member (token->object, "userId", call->ks->user ? call->ks->user : "");
  json_object_set_int_member (token->object, "status", TOKEN_PENDING);
  static const char *const settable[] = { "fileName", "fileSize", "autoFinalize" };
  for (guint i = 0; given && i < G_N_ELEMENTS (settable); i++)
    if (!sandbox_is_null (given, settable[i]))
      json_object_set_member (token->object, settable[i], json_node_copy (json_object_get_member (given, settable[i])));
  json_object_set_int_member (token->object, "createdAt", token->touched);
  json_object_set_int_member (token->object, "updatedAt", token->touched);
  g_ptr_array_add (state->tokens, token);
  sandbox_call_return_object (call, token->object);
}

SandboxToken *
sandbox_upload_find (SandboxCall *call, const char *id)
{
  SandboxToken *token = sandbox_state_find_token (call->state, id);
  gboolean any = call->ks && call->ks->partner_id < 0;
  return token && (any || sandbox_get_int (token->object, "partnerId") == call->partner_id) ? token : NULL;
}

/* Bytes from the beginning without a hole. */
static gint64
get_size (const SandboxToken *token)
{
  const Range *first = token->ranges->len ? &g_array_index (token->ranges, Range, 0) : NULL;
  return first && first->begin == 0 ? first->end : 0;
}

static gint
compare_ranges (gconstpointer a, gconstpointer b)
{
  const Range *left = a, *right = b;
  return left->begin < right->begin ? -1 : left->begin > right->begin;
}

static void
add_range (SandboxToken *token, gint64 begin, gint64 end)
{
  Range range = { begin, end };
  g_array_append_val (token->ranges, range);
  g_array_sort (token->ranges, compare_ranges);
  for (guint i = 1; i < token->ranges->len;) {
    Range *before = &g_array_index (token->ranges, Range, i - 1);
    const Range *here = &g_array_index (token->ranges, Range, i);
    if (here->begin > before->end) {
      i++;
      continue;
    }
    before->end = MAX (before->end, here->end);
    g_array_remove_index (token->ranges, i);
  }
}

static gboolean
copy_bytes (int from, int to, gint64 offset)
{
  g_autofree char *buffer = g_malloc (COPY_SIZE);
  gint64 done = 0;
  ssize_t got;
  while ((got = pread (from, buffer, COPY_SIZE, done)) > 0) {
    for (ssize_t written = 0; written < got;) {
      ssize_t part = pwrite (to, buffer + written, got - written, offset + done + written);
      if (part <= 0)
        return FALSE;
      written += part;
    }
    done += got;
  }
  return got == 0;
}

static gboolean
write_chunk (SandboxToken *token, const SandboxFile *file, gint64 offset)
{
  int from = g_open (file->path, O_RDONLY | O_CLOEXEC, 0);
  int to = g_open (token->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  gboolean written = from >= 0 && to >= 0 && copy_bytes (from, to, offset);
  if (from >= 0)
    close (from);
  if (to >= 0)
    close (to);
  if (written)
    add_range (token, offset, offset + file->size);
  return written;
}

/* The whole file, or the first chunk: what was there before is replaced. */
static gboolean
replace_file (SandboxToken *token, SandboxFile *file)
{
  if (g_rename (file->path, token->path) != 0)
    return FALSE;
  g_clear_pointer (&file->path, g_free);
  g_array_set_size (token->ranges, 0);
  add_range (token, 0, file->size);
  return TRUE;
}

static gboolean
check_resume (SandboxCall *call, SandboxToken *token, gint64 resume_at)
{
  if (call->state->api == SANDBOX_API_2014) {
    if (token->ranges->len == 0)
      sandbox_call_fail (call, "UPLOAD_TOKEN_CANNOT_RESUME", NULL);
    else if (resume_at > get_size (token))
      sandbox_call_fail (call, "UPLOAD_TOKEN_RESUMING_INVALID_POSITION", NULL);
  } else if (sandbox_get_int (token->object, "status") == TOKEN_PARTIAL &&
      sandbox_state_now (call->state) - token->touched > MAX_RESUME_TIME) {
    g_autofree char *seconds = g_strdup_printf ("%d", MAX_RESUME_TIME);
    sandbox_call_fail (call, "UPLOAD_PASSED_MAX_RESUME_TIME_ALLOWED", seconds, NULL);
  }
  return !sandbox_call_failed (call);
}

/* Whether a final chunk of the current API may end the upload. It does not: the call has failed or waits. */
static gboolean
matches_expected_size (SandboxCall *call, SandboxToken *token, gint64 resume_at, gint64 size)
{
  SandboxRequest *request = call->request;
  if (call->state->api == SANDBOX_API_2014 || resume_at <= 0 || get_size (token) == resume_at + size)
    return TRUE;
  gint64 now = sandbox_state_now_us (call->state);
  if (!request->wait_until)
    request->wait_until = now + FINAL_CHUNK_WAIT * G_USEC_PER_SEC;
  if (now < request->wait_until && !*call->prefix)
    call->result.wait = TRUE;
  else
    sandbox_call_fail (call, "UPLOAD_TOKEN_CANNOT_MATCH_EXPECTED_SIZE", NULL);
  return FALSE;
}

static gboolean
is_restricted (SandboxCall *call, const SandboxFile *file)
{
  const char *dot = strrchr (file->filename, '.');
  return call->state->api == SANDBOX_API_CURRENT && dot &&
      g_ptr_array_find_with_equal_func (call->state->restricted_extensions, dot + 1, g_str_equal, NULL);
}

static void
set_status (SandboxCall *call, SandboxToken *token, const SandboxFile *file, gboolean final)
{
  JsonObject *object = token->object;
  gint64 size = get_size (token);
  gboolean complete = call->state->api == SANDBOX_API_CURRENT && sandbox_get_int (object, "autoFinalize") == 1 &&
      size >= sandbox_get_int (object, "fileSize");
  g_autofree char *base = g_path_get_basename (file->filename);
  token->touched = sandbox_state_now (call->state);
  json_object_set_int_member (object, "status", final || complete ? TOKEN_FULL : TOKEN_PARTIAL);
  json_object_set_int_member (object, "uploadedFileSize", size);
  json_object_set_int_member (object, "updatedAt", token->touched);
  if (sandbox_is_null (object, "fileName"))
    json_object_set_string_member (object, "fileName", base);
}

void
sandbox_upload_upload (SandboxCall *call)
{
  SandboxState *state = call->state;
  SandboxToken *token = sandbox_upload_find (call, sandbox_get_string (call->arguments, "uploadTokenId"));
  if (!token) {
    sandbox_call_fail (call, "UPLOAD_TOKEN_NOT_FOUND", NULL);
    return;
  }
  if (sandbox_get_int (token->object, "status") > TOKEN_PARTIAL) {
    sandbox_call_fail (call, "UPLOAD_TOKEN_INVALID_STATUS_FOR_UPLOAD", NULL);
    return;
  }
  g_autofree char *part = g_strconcat (call->prefix, "fileData", NULL);
  SandboxFile *file = sandbox_request_find_file (call->request, part);
  gboolean resume = sandbox_get_bool (call->arguments, "resume");
  gboolean final = sandbox_get_bool (call->arguments, "finalChunk");
  gint64 resume_at = (gint64) sandbox_get_float (call->arguments, "resumeAt");
  if (is_restricted (call, file)) {
    sandbox_call_fail (call, "UPLOAD_TOKEN_FILE_TYPE_RESTRICTED_FOR_UPLOAD", NULL);
    return;
  }
  if (!token->path) {
    const char *id = sandbox_get_string (token->object, "id");
    g_autofree char *name = g_strconcat ("upload-", id, NULL);
    token->path = g_build_filename (state->directory, name, NULL);
  }
  if (resume && !check_resume (call, token, resume_at))
    return;
  gint64 offset = resume_at < 0 ? get_size (token) : resume_at;
  if (file->failed || !(resume ? write_chunk (token, file, offset) : replace_file (token, file))) {
    sandbox_call_fail (call, "UPLOAD_ERROR", NULL);
    return;
  }
  gboolean matched = !resume || !final || matches_expected_size (call, token, resume_at, file->size);
  if (final && matched && truncate (token->path, get_size (token)) != 0) /* what lies behind a hole */
    g_printerr ("kaltura-sandbox: cannot truncate %s: %s\n", token->path, g_strerror (errno));
  set_status (call, token, file, final && matched);
  if (matched)
    sandbox_call_return_object (call, token->object);
}
