/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox-call.h"
#include "sandbox-fault.h"

G_BEGIN_DECLS

/* What goes back over HTTP. */
typedef struct {
  char *body;
  const char *content_type;
  char *error_code; /* for the X-Kaltura headers; nullable */
  char *error_message;
  gboolean file_error; /* empty body: the error is in the headers only */
  gboolean wait;       /* nothing to send yet: dispatch the same request again in a while */
  SandboxFault *fault; /* what to do to the connection; nullable */
} SandboxReply;

/* Carries out a finished request: one action, or the calls of a multirequest in their order. */
void sandbox_dispatch (SandboxState *state, SandboxRequest *request, SandboxReply *reply);
void sandbox_reply_clear (SandboxReply *reply);

/* sandbox-actions.c: the table of all actions, ends with a NULL service. */
extern const SandboxAction sandbox_actions[];

G_END_DECLS
