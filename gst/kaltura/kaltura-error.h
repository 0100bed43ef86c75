/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * KALTURA_ERROR:
 *
 * The one error domain of the library. Messages name what was tried and with what; never a token, a secret or a
 * session string. The message of a KALTURA_ERROR_API error begins with the API's own code and a colon:
 * "LIVE_STREAM_INVALID_TOKEN: Invalid token supplied for live entry [0_abcd1234]".
 */
#define KALTURA_ERROR (kaltura_error_quark ())
GQuark kaltura_error_quark (void);

typedef enum {
  KALTURA_ERROR_CONFIG,    /* configuration file: names file, line, group and key */
  KALTURA_ERROR_INPUT,     /* broadcast URL, stream name, session string: malformed */
  KALTURA_ERROR_TRANSPORT, /* no connection, timeout, HTTP status other than 200: may pass */
  KALTURA_ERROR_GARBAGE,   /* the reply is not what the API sends (HTML, broken XML, empty): may pass */
  KALTURA_ERROR_API,       /* the API answered with an error code; see kaltura_error_get_api_code() */
  KALTURA_ERROR_PROFILE,   /* conversion profile XML that cannot be used */
} KalturaErrorCode;

/*
 * The API's code ("LIVE_STREAM_INVALID_TOKEN") of a KALTURA_ERROR_API error, newly allocated; NULL for any other error.
 */
char *kaltura_error_dup_api_code (const GError *error);

/* Whether @error is a KALTURA_ERROR_API error with exactly this @api_code. */
gboolean kaltura_error_is_api_code (const GError *error, const char *api_code);

/*
 * Whether the same call may succeed later without anybody changing anything: transport, garbage, and the API codes that
 * API.md "Errors that may pass" lists (INTERNAL_SERVERL_ERROR, LOCK_TIMED_OUT, ACTION_BLOCKED ...).
 */
gboolean kaltura_error_is_passing (const GError *error);

/*
 * Foreign text made fit for a message: in double quotes, control and non-ASCII bytes as \xNN, cut after @max bytes
 * ("..." behind the quote tells). @length: bytes, -1 = up to the NUL.
 */
char *kaltura_error_quote (const char *text, gssize length, gsize max);

G_END_DECLS
