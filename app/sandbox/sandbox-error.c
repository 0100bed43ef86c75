/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The errors of the API: code, names of the arguments, text. Called by the actions through sandbox_call_fail().
 */
#include "sandbox-call.h"

#include <string.h>

/* "CODE;ARG,NAMES;text with @ARG@" as the API writes them. */
static const char *const templates[] = {
  "ACTION_BLOCKED;ACTION_NAME,SERVICE_NAME;Action \"@ACTION_NAME@\" in service \"@SERVICE_NAME@\" is blocked",
  "ACTION_DOES_NOT_EXISTS;ACTION_NAME,SERVICE_NAME;Action \"@ACTION_NAME@\" does not exists for service "
  "\"@SERVICE_NAME@\"",
  "ACTION_NOT_SPECIFIED;;Action name was not specified, please specify one",
  "ASSET_ID_NOT_FOUND;ID;Asset id \"@ID@\" not found",
  "CONVERSION_PROFILE_ID_NOT_FOUND;ID;Conversion profile id \"@ID@\" not found",
  "CUE_POINT_SYSTEM_NAME_EXISTS;SYSTEM_NAME,ID;Cue point with system name \"@SYSTEM_NAME@\" already exists, id [@ID@]",
  "ENTRY_ID_NOT_FOUND;ENTRY_ID;Entry id \"@ENTRY_ID@\" not found",
  "ENTRY_SERVER_NODE_NOT_FOUND;ENTRY_ID,SERVER_TYPE;Entry server node with entry id [@ENTRY_ID@] and server type "
  "[@SERVER_TYPE@] not found",
  "FLAVOR_PARAMS_ID_NOT_FOUND;ID;Flavor params id \"@ID@\" not found",
  "INGEST_NOT_FOUND_IN_CONVERSION_PROFILE;STREAM_NAME;Ingest \"@STREAM_NAME@\" is not in conversion profile",
  "INTERNAL_DATABASE_ERROR;;Internal database error occurred",
  "INTERNAL_SERVERL_ERROR;;Internal server error occurred",
  "INVALID_ENTRY_ID;ID;Invalid entry id [\"@ID@\"]",
  "INVALID_ENUM_VALUE;ENUM_VAL,PARAM_NAME,ENUM_TYPE;Invalid enumeration value \"@ENUM_VAL@\" for parameter "
  "\"@PARAM_NAME@\", expecting enumeration type \"@ENUM_TYPE@\"",
  "INVALID_KS;KSID,ERR_CODE,ERR_DESC;Invalid KS \"@KSID@\", Error \"@ERR_CODE@,@ERR_DESC@\"",
  "INVALID_OBJECT_ID;ID;Invalid object id [@ID@]",
  "INVALID_STREAM_NAME;STREAM_NAME;Stream name [@STREAM_NAME@] is invalid",
  "KALTURA_RECORDING_DISABLED;PARTNER_ID;Kaltura recording is disabled for partner [@PARTNER_ID@] use "
  "liveStream->appendRecording to set the live recorded content",
  "KALTURA_RECORDING_ENABLED;PARTNER_ID;Kaltura recording is enabled for partner [@PARTNER_ID@] use "
  "liveStream->setRecordedContent to set the live recorded content",
  "LIVE_STREAM_ALREADY_BROADCASTING;ENTRY_ID,MEDIA_SERVER;Entry [@ENTRY_ID@] already broadcasting to server "
  "[@MEDIA_SERVER@]",
  "LIVE_STREAM_EXCEEDED_MAX_CONCURRENT_BY_ADMIN_TAG;ENTRY_ID,ADMIN_TAG,ALLOWED;entry [@ENTRY_ID@] exceeded max "
  "concurrent streams of tag [@ADMIN_TAG@] (allowed [@ALLOWED@])",
  "LIVE_STREAM_EXCEEDED_MAX_PASSTHRU;ENTRY_ID;Partner exceeded max pass-through live streams in entry[@ENTRY_ID@]",
  "LIVE_STREAM_EXCEEDED_MAX_RECORDED_DURATION;ENTRY_ID;Entry exceeded max recorded live stream duration in "
  "entry[@ENTRY_ID@]",
  "LIVE_STREAM_EXCEEDED_MAX_TRANSCODED;ENTRY_ID;Partner exceeded max concurrent transcoded live streams in "
  "entry[@ENTRY_ID@]",
  "LIVE_STREAM_INVALID_TOKEN;ENTRY_ID;Invalid token supplied for live entry [@ENTRY_ID@]",
  "LIVE_STREAM_STATUS_CANNOT_BE_DETERMINED;PROT;Status cannot be determined for live stream protocol [@PROT@]",
  "LOCAL_FILE_NOT_FOUND;FILE;Local file was not found \"@FILE@\"",
  "LOCK_TIMED_OUT;;Timed out while attempting to grab lock",
  "MEDIA_SERVER_NOT_FOUND;MEDIA_SERVER_ID;Media server [@MEDIA_SERVER_ID@] not found",
  "MISSING_KS;;Missing KS, session not established",
  "MISSING_MANDATORY_PARAMETER;PARAM_NAME;Missing parameter \"@PARAM_NAME@\"",
  "OBJECT_TYPE_ABSTRACT;OBJ_TYPE;The object type \"@OBJ_TYPE@\" is abstract, use one of the object implementations",
  "PARTNER_ACCESS_FORBIDDEN;ACCESSING_PID,ACCESSED_PID;Partner [@ACCESSING_PID@] cannot access partner "
  "[@ACCESSED_PID@]",
  "PROPERTY_VALIDATION_CANNOT_BE_NULL;PROP_NAME;The property \"@PROP_NAME@\" cannot be null",
  "RECORDED_ENTRY_LIVE_MISMATCH;LIVE_ENTRY_ID,RECORDED_ENTRY_ID;Live entry [@LIVE_ENTRY_ID@] does not match recorded "
  "entry [@RECORDED_ENTRY_ID@]",
  "SERVER_NODE_NOT_FOUND;HOST_NAME;server node with host name [@HOST_NAME@] not found",
  "SERVICE_DOES_NOT_EXISTS;SRV_NAME;Service \"@SRV_NAME@\" does not exists",
  "SERVICE_FORBIDDEN;SERVICE;The access to service [@SERVICE@] is forbidden",
  "SERVICE_FORBIDDEN_CONTENT_BLOCKED;;The access to this service is forbidden since the specified partner is blocked",
  "SERVICE_FORBIDDEN_FULLY_BLOCKED;;The access to this service is forbidden since the specified partner is fully "
  "blocked",
  "SERVICE_FORBIDDEN_PARTNER_DELETED;;The access to this service is forbidden since the specified partner is deleted",
  "SERVICE_NOT_SPECIFIED;;Service name was not specified, please specify one",
  "START_SESSION_ERROR;PID;Error while starting session for partner [@PID@]",
  "UNKNOWN_RESPONSE_FORMAT;FORMAT;Response format provided [@FORMAT@] is not supported",
  "UPLOAD_ERROR;;Upload failed",
  "UPLOAD_PARTIAL_ERROR;;File was uploaded partially",
  "UPLOAD_PASSED_MAX_RESUME_TIME_ALLOWED;MAX_RESUME_TIME;Max resume time of @MAX_RESUME_TIME@ seconds reached, "
  "cannot resume upload",
  "UPLOAD_TOKEN_CANNOT_MATCH_EXPECTED_SIZE;;Failed to match expected file size",
  "UPLOAD_TOKEN_CANNOT_RESUME;;Cannot resume the upload, original file was not found",
  "UPLOAD_TOKEN_FILE_TYPE_RESTRICTED_FOR_UPLOAD;;Upload token is restricted due to the file type",
  "UPLOAD_TOKEN_INVALID_STATUS_FOR_ADD_ENTRY;;Upload token is in an invalid status for adding entry, maybe the a "
  "file was not uploaded or the token was used",
  "UPLOAD_TOKEN_INVALID_STATUS_FOR_UPLOAD;;Upload token is in an invalid status for uploading a file, maybe the file "
  "was already uploaded",
  "UPLOAD_TOKEN_MISSING_FILE_SIZE;;FileSize is mandatory when enabling autoFinalize",
  "UPLOAD_TOKEN_NOT_FOUND;;Upload token not found",
  "UPLOAD_TOKEN_RESUMING_INVALID_POSITION;;Resuming not allowed after end of file",
};

static const char *
find_template (const char *code)
{
  gsize length = strlen (code);
  for (guint i = 0; i < G_N_ELEMENTS (templates); i++)
    if (strncmp (templates[i], code, length) == 0 && templates[i][length] == ';')
      return templates[i];
  return NULL;
}

/* PHP's strip_tags, which arguments pass through. */
static char *
strip_tags (const char *text)
{
  GString *out = g_string_new (NULL);
  gboolean inside = FALSE;
  for (; *text; text++) {
    if (*text == '<' && (g_ascii_isalpha (text[1]) || text[1] == '/' || text[1] == '!' || text[1] == '?'))
      inside = TRUE;
    if (!inside)
      g_string_append_c (out, *text);
    if (*text == '>')
      inside = FALSE;
  }
  return g_string_free (out, FALSE);
}

void
sandbox_error_fill (SandboxResult *result, const char *code, const char *const *values)
{
  sandbox_result_clear (result);
  result->code = g_strdup (code);
  result->args = g_ptr_array_new_with_free_func (g_free);
  const char *template = find_template (code);
  if (!template) { /* an error that a fault invents */
    result->message = g_strdup (code);
    return;
  }
  g_auto (GStrv) parts = g_strsplit (template, ";", 3);
  g_auto (GStrv) names = g_strsplit (parts[1], ",", -1);
  GString *message = g_string_new (parts[2]);
  gboolean ended = values == NULL;
  for (guint i = 0; names[i]; i++) {
    ended = ended || !values[i];
    g_autofree char *mark = g_strdup_printf ("@%s@", names[i]);
    g_autofree char *value = strip_tags (ended ? "" : values[i]);
    g_string_replace (message, mark, ended ? "N/A" : value, 0);
    if (ended)
      continue;
    g_ptr_array_add (result->args, g_strdup (names[i]));
    g_ptr_array_add (result->args, g_steal_pointer (&value));
  }
  result->message = g_string_free (message, FALSE);
}
