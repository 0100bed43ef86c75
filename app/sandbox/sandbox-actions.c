/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every action that the sandbox answers: vintage, who may, parameters. gst/kaltura/API.md "Calls" in a table.
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

#define PUSH SANDBOX_ACCESS_PUSH_PUBLISH

#define INDEX_OLD "mediaServerIndex:KalturaMediaServerIndex"
#define INDEX_NEW "mediaServerIndex:KalturaEntryServerNodeType"

const SandboxAction sandbox_actions[] = {
  { "livestream", "get", BOTH, SERVER | USER, "entryId:string version:int=-1", sandbox_live_get },
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

  { "livestream", "appendRecording", OLD, SERVER | ECDN,
      "entryId:string assetId:string " INDEX_OLD " resource:KalturaDataCenterContentResource duration:float",
      sandbox_recording_append },
  { "livestream", "appendRecording", NEW, SERVER | ECDN,
      "entryId:string assetId:string " INDEX_NEW " resource:KalturaDataCenterContentResource duration:float "
      "isLastChunk:bool=0",
      sandbox_recording_append },
  { "livestream", "setRecordedContent", NEW, SERVER | ECDN,
      "entryId:string " INDEX_NEW " resource:KalturaDataCenterContentResource duration:float "
      "recordedEntryId:string=null flavorParamsId:int=null",
      sandbox_recording_set_content },
  { "livestream", "createRecordedEntry", NEW, SERVER | ECDN,
      "entryId:string " INDEX_NEW " liveEntryStatus:KalturaEntryServerNodeStatus", sandbox_recording_create_entry },
  { "livestream", "addLiveStreamPushPublishConfiguration", OLD, PUSH,
      "entryId:string protocol:KalturaPlaybackProtocol url:string", sandbox_push_publish_add },
  { "livestream", "addLiveStreamPushPublishConfiguration", NEW, SERVER | PUSH,
      "entryId:string protocol:KalturaPlaybackProtocol url:string=null "
      "liveStreamConfiguration:KalturaLiveStreamConfiguration=null",
      sandbox_push_publish_add },
  { "livestream", "removeLiveStreamPushPublishConfiguration", OLD, PUSH,
      "entryId:string protocol:KalturaPlaybackProtocol", sandbox_push_publish_remove },
  { "livestream", "removeLiveStreamPushPublishConfiguration", NEW, SERVER | PUSH,
      "entryId:string protocol:KalturaPlaybackProtocol", sandbox_push_publish_remove },

  { "uploadtoken", "add", BOTH, SERVER | USER, "uploadToken:KalturaUploadToken=null", sandbox_upload_add },
  { "uploadtoken", "upload", BOTH, SERVER | USER,
      "uploadTokenId:string fileData:file resume:bool=0 finalChunk:bool=1 resumeAt:float=-1", sandbox_upload_upload },

  { "conversionprofileassetparams", "list", BOTH, SERVER | USER,
      "filter:KalturaConversionProfileAssetParamsFilter=null pager:KalturaFilterPager=null",
      sandbox_list_profile_params },
  { "flavorasset", "list", BOTH, SERVER | USER, "filter:KalturaAssetFilter=null pager:KalturaFilterPager=null",
      sandbox_list_assets },
  { "flavorparams", "list", BOTH, SERVER | USER, "filter:KalturaFlavorParamsFilter=null pager:KalturaFilterPager=null",
      sandbox_list_params },
  { "flavorparams", "get", BOTH, SERVER | USER, "id:int", sandbox_list_get_params },
  { "flavorparams", "getByConversionProfileId", BOTH, ADMIN, "conversionProfileId:int",
      sandbox_list_params_of_profile },

  { "cuepoint_cuepoint", "add", BOTH, USER | BATCH, "cuePoint:KalturaCuePoint", sandbox_cue_point_add },
  { "cuepoint_cuepoint", "list", BOTH, SERVER | USER | BATCH,
      "filter:KalturaCuePointFilter=null pager:KalturaFilterPager=null", sandbox_cue_point_list },
  { "beacon_beacon", "add", NEW, SERVER | USER, "beacon:KalturaBeacon shouldLog:KalturaNullableBoolean=0",
      sandbox_beacon_add },
  { "permission", "get", OLD, ADMIN, "permissionName:string", sandbox_permission_get },
  { "permission", "get", NEW, SERVER | ADMIN, "permissionName:string", sandbox_permission_get },
  { "session", "start", BOTH, ANYONE | SANDBOX_ACCESS_KS_IGNORED,
      "secret:string userId:string= type:KalturaSessionType=0 partnerId:int=null expiry:int=86400 "
      "privileges:string=null",
      sandbox_session_start },

  { "mediaserver", "reportStatus", OLD, SERVER, "hostname:string mediaServerStatus:KalturaMediaServerStatus",
      sandbox_node_report_2014 },
  { "servernode", "reportStatus", NEW, SERVER | SANDBOX_ACCESS_SERVER_NODE,
      "hostName:string serverNode:KalturaServerNode=null serverNodeStatus:KalturaServerNodeStatus=1",
      sandbox_node_report },

  { "wowza_liveconversionprofile", "serve", OLD, SERVER | ECDN | SANDBOX_ACCESS_INTERNAL,
      "streamName:string hostname:string=null", sandbox_profile_serve, TRUE },
  { "wowza_liveconversionprofile", "serve", NEW, SERVER | ECDN | SANDBOX_ACCESS_INTERNAL,
      "streamName:string hostname:string=null extraParams:string=null", sandbox_profile_serve, TRUE },
  { NULL },
};
