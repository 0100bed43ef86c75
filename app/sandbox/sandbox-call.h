/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kaltura-ks.h"

#include "sandbox-request.h"
#include "sandbox-state.h"

G_BEGIN_DECLS

typedef struct _SandboxCall SandboxCall;
typedef void (*SandboxRun) (SandboxCall *call);

/* Who may call an action; a mask. */
typedef enum {
  SANDBOX_ACCESS_ANYONE = 1 << 0,       /* no session needed */
  SANDBOX_ACCESS_MEDIA_SERVER = 1 << 1, /* partner -5, acting on any partner */
  SANDBOX_ACCESS_ECDN = 1 << 2,         /* own admin session, partner with FEATURE_HYBRID_ECDN */
  SANDBOX_ACCESS_USER = 1 << 3,         /* own partner, any session */
  SANDBOX_ACCESS_ADMIN = 1 << 4,        /* own partner, admin session */
  SANDBOX_ACCESS_BATCH = 1 << 5,        /* partner -1 */
  SANDBOX_ACCESS_PUSH_PUBLISH = 1 << 6, /* own partner with FEATURE_PUSH_PUBLISH */
  SANDBOX_ACCESS_SERVER_NODE = 1 << 7,  /* own partner with SERVER_NODE_BASE */
  SANDBOX_ACCESS_INTERNAL = 1 << 8,     /* no session, from an internal address */
  SANDBOX_ACCESS_KS_IGNORED = 1 << 9,   /* the session string is not even looked at */
} SandboxAccess;

/* An action of the API. One that both vintages have in different shape has two lines. */
typedef struct {
  const char *service; /* lower case as clients send it: "livestream", "cuepoint_cuepoint" */
  const char *action;  /* as the API spells it */
  guint apis;          /* SandboxApi mask */
  guint access;        /* SandboxAccess mask */
  /* "NAME:TYPE[=DEFAULT]" separated by blanks. TYPE: string int float bool file, a class, or an enum of
   * sandbox-arguments.c. Without a default the parameter is mandatory; "=null" is a null default. */
  const char *parameters;
  SandboxRun run;
  gboolean file; /* answers with a file */
} SandboxAction;

/* What a call ends in: a value, an API error or a file. */
typedef struct {
  JsonNode *value; /* NULL = void */
  char *code;      /* of an error */
  char *message;
  GPtrArray *args; /* of char *: name, value, name, value ... */
  char *file;      /* content */
  const char *file_type;
  gboolean wait;             /* not answered yet: the call is made again soon (uploadToken.upload) */
  gboolean from_file_action; /* an error of a file-returning action: empty body */
} SandboxResult;

struct _SandboxCall {
  SandboxState *state;
  SandboxRequest *request;
  const SandboxAction *action;
  JsonObject *params;      /* what the client sent for this call */
  char *prefix;            /* "" or "2:" in a multirequest, for file parts */
  JsonObject *arguments;   /* the action's parameters, cast and defaulted */
  KalturaKs *ks;           /* NULL without a session */
  gint partner_id;         /* acted on; 0 = none */
  SandboxPartner *partner; /* the same; NULL without a session */
  SandboxResult result;
};

void sandbox_result_clear (SandboxResult *result);

/* Ends the call with an error of sandbox-error.c; the values of its arguments follow, then NULL. */
void sandbox_call_fail (SandboxCall *call, const char *code, ...) G_GNUC_NULL_TERMINATED;
gboolean sandbox_call_failed (const SandboxCall *call);
void sandbox_call_return (SandboxCall *call, JsonNode *value);           /* takes @value */
void sandbox_call_return_object (SandboxCall *call, JsonObject *object); /* does not take it: copied */
void sandbox_call_return_boolean (SandboxCall *call, gboolean value);

/* The entry if the session may see it: a media server (-5) sees all, others their own partner's. (nullable) */
SandboxEntry *sandbox_call_find_entry (SandboxCall *call, const char *id);
/* The same; fails the call with ENTRY_ID_NOT_FOUND. */
SandboxEntry *sandbox_call_need_entry (SandboxCall *call, const char *id);
/* The active node of @hostname that the session may use: -5's own nodes, or the eCDN partner's. (nullable) */
JsonObject *sandbox_call_find_node (SandboxCall *call, const char *hostname);
gboolean sandbox_call_is_media_server (const SandboxCall *call);
gboolean sandbox_call_is_admin (const SandboxCall *call);

/* sandbox-error.c: fills code, message and args from the template table. */
void sandbox_error_fill (SandboxResult *result, const char *code, const char *const *values);

/* sandbox-arguments.c: checks and casts the parameters; fails the call otherwise. */
gboolean sandbox_call_read_arguments (SandboxCall *call);

/* sandbox-session.c */
gboolean sandbox_call_read_session (SandboxCall *call); /* the session string itself: INVALID_KS */
gboolean sandbox_call_check_access (SandboxCall *call); /* partner, permission: MISSING_KS, SERVICE_FORBIDDEN ... */

G_END_DECLS
