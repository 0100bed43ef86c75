/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include "sandbox-object.h"

G_BEGIN_DECLS

#define SANDBOX_MEDIA_SERVER_PARTNER (-5)
#define SANDBOX_BATCH_PARTNER (-1)

typedef enum {
  SANDBOX_PARTNER_ACTIVE,
  SANDBOX_PARTNER_BLOCKED, /* content block */
  SANDBOX_PARTNER_FULLY_BLOCKED,
  SANDBOX_PARTNER_DELETED,
} SandboxPartnerStatus;

typedef struct {
  gint id;
  char *name;
  char *admin_secret; /* current API: a comma-separated list, each is tried */
  char *secret;       /* of user sessions (session.start); nullable */
  SandboxPartnerStatus status;
  GPtrArray *permissions;       /* of char *, "FEATURE_LIVE_STREAM" ... */
  gint max_inputs;              /* live passthrough streams */
  gint max_outputs;             /* live transcoded streams, with FEATURE_KALTURA_LIVE_STREAM_TRANSCODE */
  JsonObject *admin_tag_limits; /* {"tag": number}; nullable */
  gint max_session;             /* s, cap of session.start's expiry; 0 = none */
  gint ks_version;              /* of session.start: 1 or 2 */
} SandboxPartner;

/* A live params of a conversion profile. */
typedef struct {
  gint live_params_id;
  JsonObject *object; /* KalturaConversionProfileAssetParams */
} SandboxProfileItem;

typedef struct {
  gint id;
  gint partner_id;
  GPtrArray *items; /* of SandboxProfileItem, in profile order */
} SandboxProfile;

/* EntryServerNode.status of the current API; 2014 knows PLAYABLE only. */
typedef enum {
  SANDBOX_NODE_STOPPED = 0,
  SANDBOX_NODE_PLAYABLE = 1,
  SANDBOX_NODE_BROADCASTING = 2,
  SANDBOX_NODE_AUTHENTICATED = 3,
  SANDBOX_NODE_MARKED_FOR_DELETION = 4,
} SandboxNodeStatus;

/* A media server at an (entry, index). */
typedef struct {
  char *hostname;
  char *application; /* nullable */
  char *environment; /* of the node; nullable */
  SandboxNodeStatus status;
  gint64 updated; /* unix s: when status or host last changed */
  gint64 created;
  gint64 key_expiry; /* unix s: the 70 s key that each registration renews; 0 = never registered */
} SandboxRegistration;

typedef struct {
  char *asset_id;
  char *path;   /* where the file is now */
  char *source; /* "file" or "uploadToken" */
  gint index;
  double duration; /* s */
  gboolean last_chunk;
  gint64 time; /* unix s */
} SandboxRecording;

typedef struct {
  JsonObject *object; /* KalturaLiveStreamEntry, as the current API knows it */
  SandboxRegistration *registered[2];
  GPtrArray *assets;     /* of JsonObject, KalturaLiveAsset */
  GPtrArray *recordings; /* of SandboxRecording */
  double recorded;       /* s, sum of what counts against the limit */
} SandboxEntry;

/* The recorded entry of the current API. */
typedef struct {
  char *id;
  char *live_id;
  gint64 created;  /* unix s */
  double duration; /* s */
} SandboxRecordedEntry;

typedef struct {
  JsonObject *object; /* KalturaUploadToken */
  char *path;         /* nullable until the first byte came */
  GArray *ranges;     /* of gint64 pairs [begin, end): what has arrived */
  gint64 touched;     /* unix s */
} SandboxToken;

/* One call, as /sandbox/state shows it. */
typedef struct {
  gint64 time;         /* unix us on the sandbox's clock */
  const char *service; /* interned */
  const char *action;  /* interned */
  gint partner_id;
  char *entry_id;     /* nullable */
  const char *result; /* "OK" or the error code, interned */
  const char *fault;  /* kind, interned; nullable */
} SandboxCallRecord;

typedef struct {
  SandboxApi api;
  char *directory;     /* uploads and moved recordings live here */
  gint64 clock_offset; /* us */

  GPtrArray *partners;         /* of SandboxPartner */
  GPtrArray *entries;          /* of SandboxEntry */
  GPtrArray *recorded_entries; /* of SandboxRecordedEntry */
  GPtrArray *live_params;      /* of JsonObject, KalturaLiveParams */
  GPtrArray *profiles;         /* of SandboxProfile */
  GPtrArray *nodes;            /* of JsonObject, KalturaWowzaMediaServerNode; 2014's media servers too */
  GPtrArray *tokens;           /* of SandboxToken */
  GPtrArray *cue_points;       /* of JsonObject */
  GPtrArray *beacons;          /* of JsonObject */
  GPtrArray *faults;           /* of SandboxFault */
  GQueue calls;                /* of SandboxCallRecord */
  GHashTable *ks_uses;         /* session string -> number of calls, for actionslimit */

  /* settings of the data file */
  GPtrArray *internal_addresses; /* of char *: may call serve without a session */
  char *broadcast_domain;        /* host of the broadcast URLs */
  gint max_recorded_hours;
  GPtrArray *restricted_extensions; /* of char *: refused by uploadToken.upload of the current API */
  gboolean list_cue_points;         /* cuePoint.list tells what was added */
  guint asset_sequence;
  guint id_sequence;
} SandboxState;

SandboxState *sandbox_state_new (SandboxApi api, const char *directory);
void sandbox_state_free (SandboxState *state);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SandboxState, sandbox_state_free)

/* The sandbox's clock: real time plus what POST /sandbox/clock added. */
gint64 sandbox_state_now (const SandboxState *state); /* unix s */
gint64 sandbox_state_now_us (const SandboxState *state);

/* All (transfer none) (nullable). */
SandboxPartner *sandbox_state_find_partner (SandboxState *state, gint id);
SandboxEntry *sandbox_state_find_entry (SandboxState *state, const char *id);
SandboxProfile *sandbox_state_find_profile (SandboxState *state, gint id);
JsonObject *sandbox_state_find_live_params (SandboxState *state, gint id);
JsonObject *sandbox_state_find_node (SandboxState *state, const char *hostname, gint partner_id);
JsonObject *sandbox_state_find_node_any_partner (SandboxState *state, const char *hostname);
SandboxToken *sandbox_state_find_token (SandboxState *state, const char *id);
JsonObject *sandbox_entry_find_asset (SandboxEntry *entry, const char *asset_id);

gboolean sandbox_partner_has (const SandboxPartner *partner, const char *permission);
const char *sandbox_entry_get_id (const SandboxEntry *entry);
gint sandbox_entry_get_partner_id (const SandboxEntry *entry);
/* Whether players may watch: a media server is registered (2014), a node is PLAYABLE (current). */
gboolean sandbox_entry_is_live (const SandboxState *state, const SandboxEntry *entry);
/* "0_" and eight characters that no object of the sandbox has. */
char *sandbox_state_new_id (SandboxState *state);
/* One asset for each live params of the entry's profile that has none yet. */
void sandbox_state_make_assets (SandboxState *state, SandboxEntry *entry);

void sandbox_registration_free (SandboxRegistration *registration);
void sandbox_recording_free (SandboxRecording *recording);
void sandbox_token_free (SandboxToken *token);
void sandbox_partner_free (SandboxPartner *partner);
void sandbox_profile_free (SandboxProfile *profile);
void sandbox_profile_item_free (SandboxProfileItem *item);
SandboxEntry *sandbox_entry_new (JsonObject *object); /* takes @object */
void sandbox_entry_free (SandboxEntry *entry);

void sandbox_state_log_call (SandboxState *state, const char *service, const char *action, gint partner_id,
    const char *entry_id, const char *result, const char *fault);
void sandbox_state_forget_calls (SandboxState *state);
/* sandbox-report.c: what GET /sandbox/state answers. */
JsonNode *sandbox_state_to_json (SandboxState *state);

G_END_DECLS
