/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Recordings on their way into Kaltura ("liveStream.appendRecording" and "uploadToken" in API.md; the media server that
 * klive replaces: KalturaLiveManager.java appendRecording). Thread: that of the client.
 */

#include "kaltura-recording.h"

#include "kaltura-error.h"

#define APPEND_TIMEOUT 60  /* s: the API may hand the call on to another data centre */
#define UPLOAD_TIMEOUT 180 /* s, for one piece */
#define MAX_PARAMS 40      /* names and values of one call, with the NULL */

/* Names and values on their way to the client, which copies them. */
typedef struct {
  const char *items[MAX_PARAMS];
  guint length;
} Params;

static void
add (Params *params, const char *name, const char *value)
{
  g_return_if_fail (params->length + 2 < MAX_PARAMS);
  params->items[params->length++] = name;
  params->items[params->length++] = value;
}

/* Appending */

/* The parameters of appendRecording, their names with @prefix. @names keeps them. */
static void
add_chunk (Params *params, KalturaApi api, const KalturaChunk *chunk, const char *prefix, const char *duration,
    GPtrArray *names)
{
  const char *pairs[] = { "entryId", chunk->entry_id, "assetId", chunk->asset_id, "mediaServerIndex",
    chunk->server_index == 0 ? "0" : "1", "resource:objectType",
    chunk->path != NULL ? "KalturaServerFileResource" : "KalturaUploadedFileTokenResource",
    chunk->path != NULL ? "resource:localFilePath" : "resource:token", chunk->path != NULL ? chunk->path : chunk->token,
    "duration", duration, api == KALTURA_API_CURRENT ? "isLastChunk" : NULL, chunk->last ? "1" : "0" };
  for (guint i = 0; i < G_N_ELEMENTS (pairs); i += 2) {
    if (pairs[i] != NULL) {
      char *name = g_strconcat (prefix, pairs[i], NULL);
      g_ptr_array_add (names, name);
      add (params, name, pairs[i + 1]);
    }
  }
}

/* Nothing but a sign: one byte, and only the last of its file if appendRecording has returned an entry. */
static void
append_with_marker (KalturaClient *client, const KalturaChunk *chunk, const char *duration, GCancellable *cancellable,
    GTask *task, GAsyncReadyCallback callback)
{
  Params params = { 0 };
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GBytes) byte = g_bytes_new_static ("1", 1);
  KalturaPart part = { "2:fileData", "marker.txt", byte };
  add (&params, "1:service", "livestream");
  add (&params, "1:action", "appendRecording");
  add_chunk (&params, kaltura_client_get_api (client), chunk, "1:", duration, names);
  add (&params, "2:service", "uploadtoken");
  add (&params, "2:action", "upload");
  add (&params, "2:uploadTokenId", chunk->marker);
  add (&params, "2:resume", "0");
  add (&params, "2:finalChunk", "{1:result:id}");
  add (&params, "2:resumeAt", "-1");
  kaltura_client_send_async (client, "multirequest", NULL, chunk->partner_id, params.items, &part, APPEND_TIMEOUT,
      cancellable, callback, task);
}

static void
on_appended (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;
  g_autoptr (KalturaReply) reply = kaltura_client_call_finish (result, &error);
  gboolean marked = GPOINTER_TO_INT (g_task_get_task_data (task));
  if (reply != NULL && marked && kaltura_reply_get_length (reply, "") == 0)
    error =
        g_error_new_literal (KALTURA_ERROR, KALTURA_ERROR_GARBAGE, "livestream.appendRecording: no list of results");
  if (reply != NULL && marked && error == NULL)
    kaltura_reply_get_error (reply, "0", &error);
  if (error != NULL)
    g_task_return_error (task, error);
  else
    g_task_return_boolean (task, TRUE);
}

void
kaltura_recording_append_async (KalturaClient *client, const KalturaChunk *chunk, GCancellable *cancellable,
    GAsyncReadyCallback callback, gpointer user_data)
{
  char duration[G_ASCII_DTOSTR_BUF_SIZE];
  g_ascii_formatd (duration, sizeof duration, "%.3f", chunk->duration);
  GTask *task = g_task_new (NULL, cancellable, callback, user_data);
  g_task_set_check_cancellable (task, FALSE);
  g_task_set_task_data (task, GINT_TO_POINTER (chunk->marker != NULL), NULL);
  if (chunk->marker != NULL) {
    append_with_marker (client, chunk, duration, cancellable, task, on_appended);
    return;
  }
  Params params = { 0 };
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  add_chunk (&params, kaltura_client_get_api (client), chunk, "", duration, names);
  kaltura_client_send_async (client, "livestream", "appendRecording", chunk->partner_id, params.items, NULL,
      APPEND_TIMEOUT, cancellable, on_appended, task);
}

gboolean
kaltura_recording_append_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

/* A byte that does not complete the marker is taken, unless it has been completed. */
void
kaltura_recording_ask_marker_async (KalturaClient *client, gint partner_id, const char *marker,
    GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  Params params = { 0 };
  g_autoptr (GBytes) byte = g_bytes_new_static ("0", 1);
  KalturaPart part = { "fileData", "marker.txt", byte };
  add (&params, "uploadTokenId", marker);
  add (&params, "resume", "0");
  add (&params, "finalChunk", "0");
  add (&params, "resumeAt", "-1");
  kaltura_client_send_async (client, "uploadtoken", "upload", partner_id, params.items, &part, APPEND_TIMEOUT,
      cancellable, callback, user_data);
}

gboolean
kaltura_recording_ask_marker_finish (GAsyncResult *result, KalturaMarker *marker, GError **error)
{
  g_autoptr (GError) cause = NULL;
  g_autoptr (KalturaReply) reply = kaltura_client_call_finish (result, &cause);
  if (reply == NULL && !kaltura_error_is_api_code (cause, "UPLOAD_TOKEN_INVALID_STATUS_FOR_UPLOAD")) {
    g_propagate_error (error, g_steal_pointer (&cause));
    return FALSE;
  }
  *marker = reply != NULL ? KALTURA_MARKER_UNTOUCHED : KALTURA_MARKER_COMPLETED;
  return TRUE;
}

/* Uploading */

void
kaltura_recording_add_token_async (KalturaClient *client, gint partner_id, const char *file_name, guint64 size,
    GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  Params params = { 0 };
  g_autofree char *size_text = g_strdup_printf ("%" G_GUINT64_FORMAT, size);
  add (&params, "uploadToken:objectType", "KalturaUploadToken");
  add (&params, "uploadToken:fileName", file_name);
  add (&params, "uploadToken:fileSize", size_text);
  kaltura_client_call_async (client, "uploadtoken", "add", partner_id, params.items, cancellable, callback, user_data);
}

char *
kaltura_recording_add_token_finish (GAsyncResult *result, GError **error)
{
  g_autoptr (KalturaReply) reply = kaltura_client_call_finish (result, error);
  if (reply == NULL)
    return NULL;
  const char *id = kaltura_reply_get_string (reply, "id");
  if (id == NULL || id[0] == '\0') {
    g_set_error_literal (error, KALTURA_ERROR, KALTURA_ERROR_GARBAGE, "uploadtoken.add: no id in the reply");
    return NULL;
  }
  return g_strdup (id);
}

void
kaltura_recording_upload_async (KalturaClient *client, const KalturaPiece *piece, GCancellable *cancellable,
    GAsyncReadyCallback callback, gpointer user_data)
{
  Params params = { 0 };
  gboolean final = piece->offset + g_bytes_get_size (piece->data) >= piece->size;
  g_autofree char *offset =
      piece->offset == 0 ? g_strdup ("-1") : g_strdup_printf ("%" G_GUINT64_FORMAT, piece->offset);
  KalturaPart part = { "fileData", piece->file_name, piece->data };
  add (&params, "uploadTokenId", piece->token);
  add (&params, "resume", piece->offset == 0 ? "0" : "1");
  add (&params, "finalChunk", final ? "1" : "0");
  add (&params, "resumeAt", offset);
  kaltura_client_send_async (client, "uploadtoken", "upload", piece->partner_id, params.items, &part, UPLOAD_TIMEOUT,
      cancellable, callback, user_data);
}

gboolean
kaltura_recording_upload_finish (GAsyncResult *result, GError **error)
{
  g_autoptr (KalturaReply) reply = kaltura_client_call_finish (result, error);
  return reply != NULL;
}
