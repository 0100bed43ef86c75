/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every action that the sandbox answers: vintage, who may, parameters. kaltura-api.md part c in a table.
 */
#include "sandbox-dispatch.h"
#include "sandbox-services.h"

#define OLD SANDBOX_API_2014
#define NEW SANDBOX_API_CURRENT
#define BOTH SANDBOX_API_BOTH

#define ANYONE SANDBOX_ACCESS_ANYONE
#define SERVER SANDBOX_ACCESS_MEDIA_SERVER
#define ECDN SANDBOX_ACCESS_ECDN
#define USER SANDBOX_ACCESS_USER
#define ADMIN SANDBOX_ACCESS_ADMIN
#define BATCH SANDBOX_ACCESS_BATCH

#define INDEX_OLD "mediaServerIndex:KalturaMediaServerIndex"
#define INDEX_NEW "mediaServerIndex:KalturaEntryServerNodeType"

const SandboxAction sandbox_actions[] = { { "livestream", "get", BOTH, SERVER | USER, "entryId:string version:int=-1",
                                              sandbox_live_get },
  { "livestream", "update", BOTH, SERVER | ADMIN, "entryId:string liveStreamEntry:KalturaLiveStreamEntry",
      sandbox_live_update },
  { "livestream", "authenticate", OLD, SERVER | ECDN, "entryId:string token:string", sandbox_live_authenticate },
  { "livestream", "authenticate", NEW, SERVER | ECDN,
      "entryId:string token:string hostname:string=null " INDEX_NEW "=null applicationName:string=null",
      sandbox_live_authenticate },
  { "livestream", "registerMediaServer", OLD, SERVER | ECDN, "entryId:string hostname:string " INDEX_OLD,
      sandbox_live_register },
  { "livestream", "registerMediaServer", NEW, SERVER | ECDN,
      "entryId:string hostname:string " INDEX_NEW " applicationName:string=null "
      "liveEntryStatus:KalturaEntryServerNodeStatus=1 shouldCreateRecordedEntry:bool=1",
      sandbox_live_register },
  { "livestream", "unregisterMediaServer", OLD, SERVER | ECDN, "entryId:string hostname:string " INDEX_OLD,
      sandbox_live_unregister },
  { "livestream", "unregisterMediaServer", NEW, SERVER | ECDN, "entryId:string hostname:string " INDEX_NEW,
      sandbox_live_unregister },
  { "livestream", "isLive", OLD, ANYONE, "id:string protocol:KalturaPlaybackProtocol", sandbox_live_is_live },
  { "livestream", "isLive", NEW, ANYONE, "id:string protocol:KalturaPlaybackProtocol=null", sandbox_live_is_live },
  { "livestream", "validateRegisteredMediaServers", BOTH, BATCH, "entryId:string", sandbox_live_validate },

  { "mediaserver", "reportStatus", OLD, SERVER, "hostname:string mediaServerStatus:KalturaMediaServerStatus",
      sandbox_node_report_2014 },
  { "servernode", "reportStatus", NEW, SERVER | SANDBOX_ACCESS_SERVER_NODE,
      "hostName:string serverNode:KalturaServerNode=null serverNodeStatus:KalturaServerNodeStatus=1",
      sandbox_node_report },

  { "wowza_liveconversionprofile", "serve", OLD, SERVER | ECDN | SANDBOX_ACCESS_INTERNAL,
      "streamName:string hostname:string=null", sandbox_profile_serve, TRUE },
  { "wowza_liveconversionprofile", "serve", NEW, SERVER | ECDN | SANDBOX_ACCESS_INTERNAL,
      "streamName:string hostname:string=null extraParams:string=null", sandbox_profile_serve, TRUE },
  { NULL } };
