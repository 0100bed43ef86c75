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

/* sandbox-recording.c */
void sandbox_recording_append (SandboxCall *call);
void sandbox_recording_set_content (SandboxCall *call);
void sandbox_recording_create_entry (SandboxCall *call);

/* sandbox-upload.c */
void sandbox_upload_add (SandboxCall *call);
void sandbox_upload_upload (SandboxCall *call);
/* The token if the session may use it. (transfer none) (nullable) */
SandboxToken *sandbox_upload_find (SandboxCall *call, const char *id);

/* sandbox-list.c */
void sandbox_list_profile_params (SandboxCall *call);
void sandbox_list_assets (SandboxCall *call);
void sandbox_list_params (SandboxCall *call);
void sandbox_list_get_params (SandboxCall *call);
void sandbox_list_params_of_profile (SandboxCall *call);
/* Answers with the page of @objects (of JsonObject) that the argument "pager" asks for. */
void sandbox_call_return_page (SandboxCall *call, const char *response_class, GPtrArray *objects, guint default_page);

/* sandbox-partner-services.c */
void sandbox_session_start (SandboxCall *call);
void sandbox_permission_get (SandboxCall *call);
void sandbox_cue_point_add (SandboxCall *call);
void sandbox_cue_point_list (SandboxCall *call);
void sandbox_beacon_add (SandboxCall *call);
void sandbox_push_publish_add (SandboxCall *call);
void sandbox_push_publish_remove (SandboxCall *call);

G_END_DECLS
