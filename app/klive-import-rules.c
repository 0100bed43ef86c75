/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What each setting of Wowza and of Kaltura's module becomes in klive.conf, or why nothing. The names are those of the
 * module's installation page and sources (kaltura/media-server, 3.0.8 and 4.x). Called by klive-import.c; pure.
 */
#include "klive-import-rules.h"

#include <string.h>

#define NO_MULTICAST "klive sends no multicast"
#define ONLY_HLS "klive serves HLS only"
#define IN_ORDER "RTMP brings packets in order, klive sorts none"
#define FIXED_CACHE "fixed in klive: 3 s for playlists, a day for segments"
#define HTTP_CACHES "playlists and segments are plain files; any HTTP cache repeats them"
#define UNIQUE_NAMES "always so in klive: no name of a segment is used twice"
#define DVR_FILES "klive's DVR window is the segments themselves; the entry in Kaltura says how long it is"
#define SLOTS "always so in klive: segments are cut and numbered by the clock, primary and backup alike"

static const KliveImportRule rules[] = {
  /* Server.xml: Kaltura's module */
  { "KalturaServerURL", KLIVE_IMPORT_TEXT, "kaltura", "service-url", NULL },
  { "KalturaServerAdminSecret", KLIVE_IMPORT_SECRET, "kaltura", "admin-secret", NULL },
  { "KalturaPartnerId", KLIVE_IMPORT_TEXT, "kaltura", "partner-id", NULL },
  { "KalturaServerTimeout", KLIVE_IMPORT_SECONDS, "kaltura", "timeout", NULL },
  { "KalturaServerStatusInterval", KLIVE_IMPORT_SECONDS, "kaltura", "status-interval", NULL },
  { "KalturaLiveStreamKeepAliveInterval", KLIVE_IMPORT_SECONDS, "kaltura", "keep-alive-interval", NULL },
  { "KalturaIsLiveRegistrationMinBufferTime", KLIVE_IMPORT_SECONDS, "kaltura", "registration-delay", NULL },
  { "KalturaWorkMode", KLIVE_IMPORT_TEXT, "kaltura", "work-mode", NULL },
  { "KalturaLiveStreamMaxDvrWindow", KLIVE_IMPORT_SECONDS, "hls", "max-dvr-window", NULL },
  { "KalturaRecordedChunckMaxDuration", KLIVE_IMPORT_MINUTES, "recording", "chunk-duration", NULL },
  { "KalturaRecordedFileGroup", KLIVE_IMPORT_TEXT, "recording", "group", NULL },
  { "uploadXMLSavePath", KLIVE_IMPORT_PATH, "recording", "upload-xml-directory", NULL },
  { "KalturaServerWebServices", KLIVE_IMPORT_SOAP, "server", "soap-listen", NULL },
  { "KalturaServerWebServicesHost", KLIVE_IMPORT_SOAP, "server", "soap-listen", NULL },
  { "KalturaServerWebServicesPort", KLIVE_IMPORT_SOAP, "server", "soap-listen", NULL },
  { "KalturaServerManagers", KLIVE_IMPORT_CLASSES, "kaltura", "api", NULL },
  { "ApplicationManagers", KLIVE_IMPORT_CLASSES, "kaltura", "api", NULL },
  { "ServerListeners/ServerListener/BaseClass", KLIVE_IMPORT_CLASSES, "kaltura", "api", NULL },
  { "Modules/Module/Class", KLIVE_IMPORT_CLASSES, "kaltura", "api", NULL },
  { "KalturaServerSecretKey", KLIVE_IMPORT_NONE, NULL, NULL, "klive makes session strings of the admin secret alone" },
  { "KalturaSyncEntryids", KLIVE_IMPORT_NONE, NULL, NULL, SLOTS },
  { "KalturaSyncPointsInterval", KLIVE_IMPORT_NONE, NULL, NULL,
      "klive puts in sync points when Kaltura asks (createTimeCuePoints), not by itself" },
  { "MulticastIP", KLIVE_IMPORT_NONE, NULL, NULL, NO_MULTICAST },
  { "MulticastPortRange", KLIVE_IMPORT_NONE, NULL, NULL, NO_MULTICAST },
  { "MulticastTag", KLIVE_IMPORT_NONE, NULL, NULL, NO_MULTICAST },
  { "multicastStreamTimeout", KLIVE_IMPORT_NONE, NULL, NULL, NO_MULTICAST },
  { "silverlightMulticastAuthorizerList", KLIVE_IMPORT_NONE, NULL, NULL, NO_MULTICAST },

  /* Application.xml */
  { "Name", KLIVE_IMPORT_TEXT, "server", "application", NULL },
  { "Streams/StorageDir", KLIVE_IMPORT_PATH, "recording", "directory", NULL },
  { "Streams/LiveStreamPacketizers", KLIVE_IMPORT_PACKAGERS, NULL, NULL, ONLY_HLS },
  { "HTTPStreamers", KLIVE_IMPORT_PACKAGERS, NULL, NULL, ONLY_HLS },
  { "cupertinoPlaylistChunkCount", KLIVE_IMPORT_SECONDS, "hls", "playlist-length", NULL },
  { "cupertinoChunkDurationTarget", KLIVE_IMPORT_MILLISECONDS, "hls", "segment-duration", NULL },
  { "cupertinoMaxChunkCount", KLIVE_IMPORT_NONE, NULL, NULL, "segments stay for as long as a player may ask for them" },
  { "cupertinoRepeaterChunkCount", KLIVE_IMPORT_NONE, NULL, NULL, HTTP_CACHES },
  { "httpOriginMode", KLIVE_IMPORT_NONE, NULL, NULL, HTTP_CACHES },
  { "cupertinoCacheControlPlaylist", KLIVE_IMPORT_NONE, NULL, NULL, FIXED_CACHE },
  { "cupertinoCacheControlMediaChunk", KLIVE_IMPORT_NONE, NULL, NULL, FIXED_CACHE },
  { "httpRandomizeMediaName", KLIVE_IMPORT_NONE, NULL, NULL, UNIQUE_NAMES },
  { "cupertinoOnChunkStartResetCounter", KLIVE_IMPORT_NONE, NULL, NULL,
      "numbers of segments go on over restarts, for players and caches" },
  { "cupertinoCalculateChunkIDBasedOnTimecode", KLIVE_IMPORT_NONE, NULL, NULL, SLOTS },
  { "calculateChunkIDBasedOnTimecode", KLIVE_IMPORT_NONE, NULL, NULL, SLOTS },
  { "cupertinoPacketizeAllStreamsAsTS", KLIVE_IMPORT_NONE, NULL, NULL, "always so in klive: all segments are MPEG-TS" },
  { "cupertinoCalculateCodecs", KLIVE_IMPORT_NONE, NULL, NULL, "klive always tells the codecs" },
  { "sortPackets", KLIVE_IMPORT_NONE, NULL, NULL, IN_ORDER },
  { "sortBufferSize", KLIVE_IMPORT_NONE, NULL, NULL, IN_ORDER },
  { "sanjoseChunkDurationTarget", KLIVE_IMPORT_NONE, NULL, NULL, ONLY_HLS },
  { "sanjoseMaxChunkCount", KLIVE_IMPORT_NONE, NULL, NULL, ONLY_HLS },
  { "sanjosePlaylistChunkCount", KLIVE_IMPORT_NONE, NULL, NULL, ONLY_HLS },
  { "sanjoseRepeaterChunkCount", KLIVE_IMPORT_NONE, NULL, NULL, ONLY_HLS },
  { "sanjoseCacheControlPlaylist", KLIVE_IMPORT_NONE, NULL, NULL, ONLY_HLS },
  { "sanjoseCacheControlMediaChunk", KLIVE_IMPORT_NONE, NULL, NULL, ONLY_HLS },
  { "smoothCacheControlPlaylist", KLIVE_IMPORT_NONE, NULL, NULL, ONLY_HLS },
  { "smoothCacheControlMediaChunk", KLIVE_IMPORT_NONE, NULL, NULL, ONLY_HLS },
  { "smoothCacheControlDataChunk", KLIVE_IMPORT_NONE, NULL, NULL, ONLY_HLS },
  { "DVR/StorageDir", KLIVE_IMPORT_NONE, NULL, NULL, DVR_FILES },
  { "DVR/WindowDuration", KLIVE_IMPORT_NONE, NULL, NULL, DVR_FILES },
  { "DVREnable", KLIVE_IMPORT_NONE, NULL, NULL, DVR_FILES },
  { "dvrAudioOnlyChunkTargetDuration", KLIVE_IMPORT_NONE, NULL, NULL, DVR_FILES },
  { "dvrChunkDurationMinimum", KLIVE_IMPORT_NONE, NULL, NULL, DVR_FILES },
  { "dvrMinimumAvailableChunks", KLIVE_IMPORT_NONE, NULL, NULL, DVR_FILES },
  { "Transcoder/Templates", KLIVE_IMPORT_NONE, NULL, NULL,
      "klive asks the API at service-url for each stream's conversion profile" },
  { "Transcoder/TemplateDir", KLIVE_IMPORT_NONE, NULL, NULL,
      "klive understands no transcoder templates of Wowza's; its own are pipelines, see templates" },
  { "streamTimeout", KLIVE_IMPORT_NONE, NULL, NULL,
      "a silent publisher is dropped after 10 s; grace says how long its entry stays on air" },
  { "securityPublishRequirePassword", KLIVE_IMPORT_NONE, NULL, NULL, "Kaltura's token decides who may publish" },
  { "securityPublishBlockDuplicateStreamNames", KLIVE_IMPORT_NONE, NULL, NULL,
      "a second publisher of a stream takes the first one's place; two that fight are held apart" },

  /* VHost.xml */
  { "HostPortList/HostPort/Port", KLIVE_IMPORT_PORTS, "nginx", "rtmp-listen", NULL },
};

const KliveImportRule *
klive_import_find_rule (const char *name)
{
  for (gsize i = 0; i < G_N_ELEMENTS (rules); i++)
    if (strcmp (rules[i].name, name) == 0)
      return &rules[i];
  return NULL;
}

static const struct {
  const char *suffix; /* of the class */
  const char *reason;
} classes[] = {
  { ".PushPublishManager", NO_MULTICAST },
  { ".LiveChannelManager", "klive has no linear channels" },
  { ".KalturaLiveChannelManager", "klive has no linear channels" },
  { ".ServerListenerSilverlightMulticastAuthorizer", NO_MULTICAST },
  { ".TemplateControlModule", "klive asks for no template on a graphics processor" },
};

const char *
klive_import_explain_class (const char *name)
{
  for (gsize i = 0; i < G_N_ELEMENTS (classes); i++)
    if (g_str_has_suffix (name, classes[i].suffix))
      return classes[i].reason;
  return g_str_has_prefix (name, "com.kaltura.") || g_str_has_prefix (name, "com.wowza.")
      ? NULL
      : "code of your own for Wowza does not run in klive";
}
