/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kaltura-client.h"

G_BEGIN_DECLS

/*
 * The calls that hand recordings over, in the words of either API vintage. None of them renews what it asks for by
 * itself: kaltura_client_call_async() tells the errors, and KALTURA_ERROR_TRANSPORT or _GARBAGE mean that nobody knows
 * whether a call was carried out.
 */

/* A recording, and how Kaltura gets at its file: by @path (shared disk) or by upload @token, one of them is NULL. */
typedef struct {
  gint partner_id;
  const char *entry_id;
  const char *asset_id;
  gint server_index;
  const char *path;
  const char *token;
  double duration; /* s */
  gboolean last;   /* last chunk of the broadcast; the API of 2014 is not told */
  const char *marker;
} KalturaChunk;

/*
 * liveStream.appendRecording. Sent twice it counts twice, and Kaltura does not tell what it has got. So that a lost
 * answer can be cleared up later, @marker (nullable: an upload token that nothing else uses) goes into the same request
 * behind it: Kaltura carries out the calls of one request in order, and the marker is completed if, and only if,
 * appendRecording has succeeded. A chunk by token needs none: Kaltura takes the file away, so the token serves once.
 */
void kaltura_recording_append_async (KalturaClient *client, const KalturaChunk *chunk, GCancellable *cancellable,
    GAsyncReadyCallback callback, gpointer user_data);
gboolean kaltura_recording_append_finish (GAsyncResult *result, GError **error);

typedef enum { KALTURA_MARKER_UNTOUCHED, KALTURA_MARKER_COMPLETED } KalturaMarker;

/* Whether the appendRecording that @marker went with has succeeded. May be asked again and again. */
void kaltura_recording_ask_marker_async (KalturaClient *client, gint partner_id, const char *marker,
    GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
gboolean kaltura_recording_ask_marker_finish (GAsyncResult *result, KalturaMarker *marker, GError **error);

/* uploadToken.add. @file_name as Kaltura is to see it, @size: bytes. */
void kaltura_recording_add_token_async (KalturaClient *client, gint partner_id, const char *file_name, guint64 size,
    GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
/* The new token's id. */
char *kaltura_recording_add_token_finish (GAsyncResult *result, GError **error);

/* A piece of a file on its way: @data stands at @offset of @size bytes. */
typedef struct {
  gint partner_id;
  const char *token;
  const char *file_name;
  GBytes *data;
  guint64 offset;
  guint64 size;
} KalturaPiece;

/* uploadToken.upload. The same piece may be sent again; pieces go in order. */
void kaltura_recording_upload_async (KalturaClient *client, const KalturaPiece *piece, GCancellable *cancellable,
    GAsyncReadyCallback callback, gpointer user_data);
gboolean kaltura_recording_upload_finish (GAsyncResult *result, GError **error);

G_END_DECLS
