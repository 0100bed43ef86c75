/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The classes of the Kaltura API that a media server meets, with their properties in both vintages. String enums
 * (status, type, sourceType of an entry ...) are strings. Read by sandbox-object.c only.
 */
#include "sandbox-classes.h"

#define FILTER_BASE "orderBy:s advancedSearch:o"
#define LIST_OF(item) "objects:a/" item " totalCount:i"

const SandboxClassSpec sandbox_class_specs[] = {
  { "KalturaBaseEntry", NULL, FALSE,
      "id:s name:s description:s partnerId:i userId:s creatorId:s tags:s adminTags:s categories:s categoriesIds:s "
      "status:s moderationStatus:i moderationCount:i type:s createdAt:i updatedAt:i rank:f totalRank:i votes:i "
      "groupId:i "
      "partnerData:s downloadUrl:s searchText:s licenseType:i version:i thumbnailUrl:s accessControlId:i startDate:i "
      "endDate:i referenceId:s replacingEntryId:s replacedEntryId:s replacementStatus:s partnerSortValue:i "
      "conversionProfileId:i redirectEntryId:s rootEntryId:s parentEntryId:s!C operationAttributes:a "
      "entitledUsersEdit:s entitledUsersPublish:s entitledUsersView:s!C capabilities:s!C templateEntryId:s!C "
      "displayInSearch:i!C application:s!C applicationVersion:s!C blockAutoTranscript:b!C defaultLanguage:s!C "
      "responseLanguage:s!C" },
  { "KalturaPlayableEntry", "KalturaBaseEntry", FALSE,
      "plays:i views:i lastPlayedAt:i width:i height:i duration:i msDuration:i durationType:s" },
  { "KalturaMediaEntry", "KalturaPlayableEntry", FALSE,
      "mediaType:i conversionQuality:s sourceType:s sourceVersion:s!C searchProviderType:i searchProviderId:s "
      "creditUserName:s creditUrl:s mediaDate:i dataUrl:s flavorParamsIds:s isTrimDisabled:b!C streams:a!C" },
  { "KalturaLiveEntry", "KalturaMediaEntry", TRUE,
      "offlineMessage:s recordStatus:i dvrStatus:i dvrWindow:i lastElapsedRecordingTime:i!C "
      "liveStreamConfigurations:a/KalturaLiveStreamConfiguration recordedEntryId:s pushPublishEnabled:i "
      "publishConfigurations:a/KalturaLiveStreamPushPublishConfiguration!C firstBroadcast:i!C lastBroadcast:i!C "
      "lastBroadcastEndTime:i!C currentBroadcastStartTime:f!C recordingOptions:o!C liveStatus:i!C "
      "segmentDuration:i!C explicitLive:i!C viewMode:i!C recordingStatus:i!C broadcastTime:i!C" },
  { "KalturaLiveStreamEntry", "KalturaLiveEntry", FALSE,
      "streamRemoteId:s streamRemoteBackupId:s bitrates:a/KalturaLiveStreamBitrate primaryBroadcastingUrl:s "
      "secondaryBroadcastingUrl:s primarySecuredBroadcastingUrl:s!C secondarySecuredBroadcastingUrl:s!C "
      "primaryRtspBroadcastingUrl:s!C secondaryRtspBroadcastingUrl:s!C primarySrtBroadcastingUrl:s!C "
      "primarySrtStreamId:s!C secondarySrtBroadcastingUrl:s!C secondarySrtStreamId:s!C streamName:s streamUrl:s "
      "hlsStreamUrl:s urlManager:s encodingIP1:s encodingIP2:s streamPassword:s streamUsername:s srtPass:s!C "
      "primaryServerNodeId:i!C sipToken:s!C sipSourceType:i!C" },
  { "KalturaLiveStreamBitrate", NULL, FALSE, "bitrate:i width:i height:i tags:s" },
  { "KalturaLiveStreamConfiguration", NULL, FALSE, "protocol:s url:s publishUrl:s backupUrl:s!C streamName:s!C" },
  { "KalturaLiveStreamPushPublishConfiguration", NULL, FALSE, "publishUrl:s backupPublishUrl:s port:s" },
  { "KalturaLiveStreamPushPublishRTMPConfiguration", "KalturaLiveStreamPushPublishConfiguration", FALSE,
      "userId:s password:s streamName:s applicationName:s" },

  { "KalturaAsset", NULL, FALSE,
      "id:s entryId:s partnerId:i version:s size:i tags:s fileExt:s createdAt:i updatedAt:i deletedAt:i description:s "
      "partnerData:s partnerDescription:s actualSourceAssetParamsIds:s sizeInBytes:f!C" },
  { "KalturaFlavorAsset", "KalturaAsset", FALSE,
      "flavorParamsId:i width:i height:i bitrate:i frameRate:f isOriginal:b isWeb:b containerFormat:s videoCodecId:s "
      "status:i language:s!C label:s!C isDefault:i!C" },
  { "KalturaLiveAsset", "KalturaFlavorAsset", FALSE, "multicastIP:s multicastPort:i" },
  { "KalturaAssetParams", NULL, FALSE,
      "id:i partnerId:i name:s systemName:s description:s createdAt:i isSystemDefault:i tags:s "
      "requiredPermissions:a sourceRemoteStorageProfileId:i remoteStorageProfileIds:i mediaParserType:s "
      "sourceAssetParamsIds:s" },
  { "KalturaFlavorParams", "KalturaAssetParams", FALSE,
      "videoCodec:s videoBitrate:i audioCodec:s audioBitrate:i audioChannels:i audioSampleRate:i width:i height:i "
      "frameRate:f gopSize:i conversionEngines:s conversionEnginesExtraParams:s twoPass:b deinterlice:i rotate:i "
      "operators:s engineVersion:i format:s aspectRatioProcessingMode:i forceFrameToMultiplication16:i isGopInSec:i "
      "isAvoidVideoShrinkFramesizeToSource:i isAvoidVideoShrinkBitrateToSource:i isVideoFrameRateForLowBrAppleHls:i "
      "anamorphicPixels:f isAvoidForcedKeyFrames:i isCropIMX:i optimizationPolicy:i maxFrameRate:i "
      "videoConstantBitrate:i videoBitrateTolerance:i clipOffset:i clipDuration:i" },
  { "KalturaLiveParams", "KalturaFlavorParams", FALSE, "streamSuffix:s" },
  { "KalturaConversionProfileAssetParams", NULL, FALSE,
      "conversionProfileId:i assetParamsId:i readyBehavior:i origin:i systemName:s forceNoneComplied:i deletePolicy:i "
      "isEncrypted:i!C contentAwareness:f!C chunkedEncodeMode:i!C twoPass:i!C tags:s!C overloadParams:s!C" },

  { "KalturaResource", NULL, TRUE, "" }, { "KalturaContentResource", "KalturaResource", TRUE, "" },
  { "KalturaDataCenterContentResource", "KalturaContentResource", TRUE, "" },
  { "KalturaServerFileResource", "KalturaDataCenterContentResource", FALSE, "localFilePath:s keepOriginalFile:b!C" },
  { "KalturaUploadedFileTokenResource", "KalturaDataCenterContentResource", FALSE, "token:s" },
  { "KalturaUploadToken", NULL, FALSE,
      "id:s partnerId:i userId:s status:i fileName:s fileSize:f uploadedFileSize:f createdAt:i updatedAt:i "
      "uploadUrl:s!C autoFinalize:i!C attachedObjectType:s!C attachedObjectId:s!C" },

  { "KalturaMediaServer", NULL, FALSE, "id:i dc:i hostname:s createdAt:i updatedAt:i" },
  { "KalturaMediaServerStatus", NULL, FALSE, "" }, { "KalturaKeyValue", NULL, FALSE, "key:s value:s" },
  { "KalturaServerNode", NULL, TRUE,
      "id:i partnerId:i createdAt:i updatedAt:i heartbeatTime:i name:s systemName:s description:s hostName:s status:i "
      "type:s tags:s dc:i parentId:s environment:s" },
  { "KalturaDeliveryServerNode", "KalturaServerNode", TRUE, "deliveryProfileIds:a/KalturaKeyValue config:s" },
  { "KalturaEdgeServerNode", "KalturaDeliveryServerNode", FALSE, "playbackDomain:s" },
  { "KalturaMediaServerNode", "KalturaDeliveryServerNode", TRUE,
      "applicationName:s mediaServerPortConfig:a/KalturaKeyValue mediaServerPlaybackDomainConfig:a/KalturaKeyValue" },
  { "KalturaWowzaMediaServerNode", "KalturaMediaServerNode", FALSE,
      "appPrefix:s transcoder:s GPUID:i liveServicePort:i liveServiceProtocol:s liveServiceInternalDomain:s" },

  { "KalturaCuePoint", NULL, TRUE,
      "id:s intId:i!C cuePointType:s status:i entryId:s partnerId:i createdAt:i updatedAt:i triggeredAt:i!C tags:s "
      "startTime:i userId:s partnerData:s partnerSortValue:i forceStop:i thumbOffset:i systemName:s isMomentary:b!C "
      "copiedFrom:s!C" },
  { "KalturaAdCuePoint", "KalturaCuePoint", FALSE, "protocolType:s sourceUrl:s adType:s title:s endTime:i duration:i" },
  { "KalturaCodeCuePoint", "KalturaCuePoint", FALSE, "code:s description:s endTime:i duration:i" },
  { "KalturaThumbCuePoint", "KalturaCuePoint", FALSE, "assetId:s description:s title:s subType:i" },
  { "KalturaAnnotation", "KalturaCuePoint", FALSE, "parentId:s text:s endTime:i duration:i" },
  { "KalturaBeacon", NULL, FALSE,
      "id:s indexType:s updatedAt:i relatedObjectType:i eventType:s objectId:s privateData:s rawData:s" },
  { "KalturaPermission", NULL, FALSE,
      "id:i type:i name:s friendlyName:s description:s status:i partnerId:i dependsOnPermissionNames:s tags:s "
      "permissionItemsIds:s createdAt:i updatedAt:i partnerGroup:s" },

  { "KalturaFilterPager", NULL, FALSE, "pageSize:i pageIndex:i" }, { "KalturaFilter", NULL, TRUE, FILTER_BASE },
  { "KalturaConversionProfileAssetParamsFilter", "KalturaFilter", FALSE,
      "conversionProfileIdEqual:i conversionProfileIdIn:s assetParamsIdEqual:i assetParamsIdIn:s originEqual:i "
      "originIn:s systemNameEqual:s systemNameIn:s" },
  { "KalturaAssetFilter", "KalturaFilter", FALSE,
      "idEqual:s idIn:s entryIdEqual:s entryIdIn:s partnerIdEqual:i partnerIdIn:s tagsLike:s "
      "createdAtGreaterThanOrEqual:i createdAtLessThanOrEqual:i" },
  { "KalturaFlavorAssetFilter", "KalturaAssetFilter", FALSE,
      "flavorParamsIdEqual:i flavorParamsIdIn:s statusEqual:i statusIn:s statusNotIn:s" },
  { "KalturaLiveAssetFilter", "KalturaFlavorAssetFilter", FALSE, "" },
  { "KalturaThumbAssetFilter", "KalturaAssetFilter", FALSE, "thumbParamsIdEqual:i statusEqual:i statusIn:s" },
  { "KalturaAssetParamsFilter", "KalturaFilter", FALSE,
      "systemNameEqual:s systemNameIn:s isSystemDefaultEqual:i tagsEqual:s" },
  { "KalturaFlavorParamsFilter", "KalturaAssetParamsFilter", FALSE, "formatEqual:s" },
  { "KalturaLiveParamsFilter", "KalturaFlavorParamsFilter", FALSE, "" },
  { "KalturaCuePointFilter", "KalturaFilter", FALSE,
      "idEqual:s idIn:s cuePointTypeEqual:s cuePointTypeIn:s statusEqual:i statusIn:s entryIdEqual:s entryIdIn:s "
      "createdAtGreaterThanOrEqual:i createdAtLessThanOrEqual:i updatedAtGreaterThanOrEqual:i "
      "updatedAtLessThanOrEqual:i triggeredAtGreaterThanOrEqual:i triggeredAtLessThanOrEqual:i" },
  { "KalturaConversionProfileAssetParamsListResponse", NULL, FALSE, LIST_OF ("KalturaConversionProfileAssetParams") },
  { "KalturaFlavorAssetListResponse", NULL, FALSE, LIST_OF ("KalturaFlavorAsset") },
  { "KalturaFlavorParamsListResponse", NULL, FALSE, LIST_OF ("KalturaFlavorParams") },
  { "KalturaCuePointListResponse", NULL, FALSE, LIST_OF ("KalturaCuePoint") }, { NULL }
};
