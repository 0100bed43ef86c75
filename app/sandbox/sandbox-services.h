/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox-call.h"

G_BEGIN_DECLS

/*
 * The actions, each in the file of its service; sandbox-actions.c lists them with parameters and permissions. They get
 * a call whose session, parameters and permission are checked, and end with sandbox_call_return...() or
 * sandbox_call_fail().
 */

/* sandbox-live.c */
void sandbox_live_get (SandboxCall *call);
void sandbox_live_update (SandboxCall *call);
void sandbox_live_authenticate (SandboxCall *call);
void sandbox_live_is_live (SandboxCall *call);

/* sandbox-registration.c */
void sandbox_live_register (SandboxCall *call);
void sandbox_live_unregister (SandboxCall *call);
void sandbox_live_validate (SandboxCall *call);
/* Sets the node of (entry, index). FALSE: the call has failed with MEDIA_SERVER_NOT_FOUND. */
gboolean sandbox_registration_set (SandboxCall *call, SandboxEntry *entry, guint index, const char *hostname,
    const char *application, SandboxNodeStatus status);
/* What the batch job does every 30 s: drops registrations whose key has expired. */
void sandbox_registration_expire (SandboxState *state);
/* The entry as result, without what the session may not read. */
void sandbox_live_return_entry (SandboxCall *call, SandboxEntry *entry);

/* sandbox-profile.c */
void sandbox_profile_serve (SandboxCall *call);

/* sandbox-node.c */
void sandbox_node_report_2014 (SandboxCall *call);
void sandbox_node_report (SandboxCall *call);

G_END_DECLS
