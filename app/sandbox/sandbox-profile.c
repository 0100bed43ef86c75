/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * wowza_liveConversionProfile.serve: writes the transcoder template from an entry's live params, in both vintages, by
 * the rules of gst/kaltura/API.md "How Kaltura fills it". The golden files in tests/data/golden hold it to them byte by
 * byte.
 */
#include "sandbox-services.h"

#include <libxml/tree.h>
#include <libxml/xmlerror.h>
#include <math.h>
#include <string.h>

#define MIN_FRAME_RATE 12.5
#define DEFAULT_VIDEO_BITRATE 240000
#define DEFAULT_AUDIO_BITRATE 96000

typedef struct {
  gboolean current; /* vintage */
  SandboxEntry *entry;
  JsonObject *ingest;       /* what the encoder sends (extraParams); never NULL */
  JsonObject *node;         /* nullable */
  double source_frame_rate; /* of the source flavor when it is worth telling, else 0 */
  xmlNode *encodes;
  xmlNode *groups;
} Template;

/* As SimpleXML's addChild does: a bad entity reference ("a & b") leaves the element empty. */
static xmlNode *
add (xmlNode *parent, const char *name, const char *content)
{
  return xmlNewChild (parent, NULL, BAD_CAST name, content ? BAD_CAST content : NULL);
}

static void
add_int (xmlNode *parent, const char *name, gint64 value)
{
  g_autofree char *text = g_strdup_printf ("%" G_GINT64_FORMAT, value);
  add (parent, name, text);
}

/* Tags are compared without trimming: "source, ingest" does not hold "ingest". */
static gboolean
has_tag (JsonObject *params, const char *tag)
{
  const char *tags = sandbox_get_string (params, "tags");
  g_auto (GStrv) list = g_strsplit (tags ? tags : "", ",", -1);
  return g_strv_contains ((const char *const *) list, tag);
}

static char *
get_name (JsonObject *params)
{
  const char *system_name = sandbox_get_string (params, "systemName");
  if (system_name && *system_name && strcmp (system_name, "0") != 0)
    return g_strdup (system_name);
  return g_strdup_printf ("%" G_GINT64_FORMAT, sandbox_get_int (params, "id"));
}

static gint64
get_bitrate (const Template *t, JsonObject *params, const char *name, gint64 fallback)
{
  gint64 kilobits = sandbox_get_int (params, name);
  return kilobits ? kilobits * (t->current ? 1000 : 1024) : fallback;
}

/* --- which live params --- */

static JsonObject *
find_input (SandboxState *state, SandboxProfile *profile, const char *suffix)
{
  for (guint i = 0; i < profile->items->len; i++) {
    SandboxProfileItem *item = g_ptr_array_index (profile->items, i);
    JsonObject *params = sandbox_state_find_live_params (state, item->live_params_id);
    const char *own = sandbox_get_string (params, "streamSuffix");
    if (own && sandbox_php_equal (own, suffix))
      return params;
  }
  return NULL;
}

/* Of type JsonObject. @input: NULL = an unknown suffix, which 2014 takes for the source. */
static GPtrArray *
choose_params (SandboxState *state, SandboxProfile *profile, JsonObject *input)
{
  GPtrArray *chosen = g_ptr_array_new ();
  if (input && !has_tag (input, "source")) {
    g_ptr_array_add (chosen, input);
    return chosen;
  }
  for (guint i = 0; i < profile->items->len; i++) {
    SandboxProfileItem *item = g_ptr_array_index (profile->items, i);
    JsonObject *params = sandbox_state_find_live_params (state, item->live_params_id);
    gboolean ingest = sandbox_get_int (item->object, "origin") == 1;
    if (!ingest || has_tag (params, "source"))
      g_ptr_array_add (chosen, params);
  }
  return chosen;
}

/* --- one Encode --- */

static const char *
get_fit_mode (JsonObject *params)
{
  if (sandbox_get_int (params, "height"))
    return "fit-height";
  return sandbox_get_int (params, "width") ? "fit-width" : "match-source";
}

/* Current API: an optional flavor that asks for more than the encoder sends is left out. */
static gboolean
exceeds_ingest (const Template *t, JsonObject *params)
{
  double width = sandbox_get_float (t->ingest, "width"), height = sandbox_get_float (t->ingest, "height");
  double wanted = 0;
  if (strcmp (get_fit_mode (params), "fit-height") == 0)
    wanted = sandbox_get_float (params, "height");
  else if (strcmp (get_fit_mode (params), "fit-width") == 0 && width != 0)
    wanted = sandbox_get_float (params, "width") * height / width;

  /* The server tests !== 0: the integer 0 and no height skip the test, the string "0" does not. */
  JsonNode *node = json_object_get_member (t->ingest, "height");
  gboolean known = node &&
      !(JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_INT64 &&
          json_node_get_int (node) == 0);
  if (known && height < wanted)
    return TRUE;
  double rate = sandbox_get_float (t->ingest, "videodatarate");
  return rate != 0 && rate * 1000 < get_bitrate (t, params, "videoBitrate", DEFAULT_VIDEO_BITRATE) * 1.4;
}

static void
choose_video_codec (JsonObject *params, const char **codec, const char **profile)
{
  const char *wanted = sandbox_get_string (params, "videoCodec");
  static const char *const h263[] = { "flv", "vp6", "h263", NULL };
  static const char *const h264_baseline[] = { "h264", "h264b", NULL };
  static const char *const h264_main[] = { "h264m", "h264h", NULL };
  if (!wanted)
    return;
  if (g_strv_contains (h263, wanted) || g_strv_contains (h264_baseline, wanted))
    *profile = "baseline";
  if (g_strv_contains (h263, wanted))
    *codec = "H.263";
  else if (g_strv_contains (h264_baseline, wanted) || g_strv_contains (h264_main, wanted))
    *codec = "H.264";
  else if (strcmp (wanted, "copy") == 0)
    *codec = "PassThru";
}

/* Frames to skip after each one that is kept, as text; NULL = none. */
static char *
get_skip_frames (const Template *t, JsonObject *params, JsonObject *extra)
{
  gint64 limit = sandbox_get_int (params, "maxFrameRate");
  double rate = sandbox_get_float (t->ingest, "framerate");
  if (rate == 0)
    rate = t->source_frame_rate;
  gint64 skip = limit ? (gint64) ceil (rate / limit - 1.05) : 0;
  if (skip)
    return g_strdup_printf ("%" G_GINT64_FORMAT, skip);
  return sandbox_get_bool (extra, "skipFrameCount")
      ? sandbox_node_to_string (json_object_get_member (extra, "skipFrameCount"))
      : NULL;
}

/* conversionEnginesExtraParams, a JSON text; never NULL. */
static JsonObject *
parse_json_object (const char *text)
{
  g_autoptr (JsonNode) node = text ? json_from_string (text, NULL) : NULL;
  return node && JSON_NODE_HOLDS_OBJECT (node) ? json_node_dup_object (node) : json_object_new ();
}

static void
add_transcoded_video (const Template *t, xmlNode *video, JsonObject *params, const char *codec, const char *profile)
{
  gint64 width = sandbox_get_int (params, "width"), height = sandbox_get_int (params, "height");
  const char *transcoder = t->node ? sandbox_get_string (t->node, "transcoder") : NULL;
  gboolean gpu = t->current && g_strcmp0 (sandbox_get_string (t->ingest, "gpu"), "true") == 0;
  add (video, "Transcoder", transcoder ? transcoder : "default");
  if (gpu)
    add (video, "Implementation", "NVENC");
  add_int (video, "GPUID", t->node && !sandbox_is_null (t->node, "GPUID") ? sandbox_get_int (t->node, "GPUID") : -1);
  xmlNode *size = add (video, "FrameSize", NULL);
  add (size, "FitMode", get_fit_mode (params));
  if (width)
    add_int (size, "Width", width);
  if (height)
    add_int (size, "Height", height);
  add (video, "Codec", codec);
  add (video, "Profile", profile);
  add_int (video, "Bitrate", get_bitrate (t, params, "videoBitrate", DEFAULT_VIDEO_BITRATE));
  xmlNode *interval = add (video, "KeyFrameInterval", NULL);
  add (interval, "FollowSource", "true");
  add (interval, "Interval", "60");
  if (!t->current)
    return;

  g_autoptr (JsonObject) extra = parse_json_object (sandbox_get_string (params, "conversionEnginesExtraParams"));
  g_autofree char *skip = get_skip_frames (t, params, extra);
  if (skip)
    add (add (video, "SkipFrameCount", NULL), "Value", skip);
  if (sandbox_get_bool (extra, "constantBitrate")) {
    xmlNode *parameter = add (add (video, "Parameters", NULL), "Parameter", NULL);
    add (parameter, "Name", "mainconcept.bit_rate_mode");
    add (parameter, "Value", "0");
    add (parameter, "Type", "Long");
  }
}

/* A flavor that the encoder itself sends. FALSE: it is none, transcode it. */
static gboolean
add_ingest (const Template *t, xmlNode *video, xmlNode *audio, JsonObject *params, const char *audio_codec)
{
  if (!t->current && has_tag (params, "source")) {
    add (video, "Codec", "PassThru");
    add (audio, "Codec", "AAC");
    add_int (audio, "Bitrate", DEFAULT_AUDIO_BITRATE);
    return TRUE;
  }
  if (!has_tag (params, "ingest"))
    return FALSE;
  add (video, "Codec", t->current && has_tag (params, "audio_only") ? "Disable" : "PassThru");
  add (audio, "Codec", t->current ? audio_codec : "PassThru");
  if (t->current && strcmp (audio_codec, "PassThru") != 0)
    add_int (audio, "Bitrate", get_bitrate (t, params, "audioBitrate", DEFAULT_AUDIO_BITRATE));
  return TRUE;
}

static void
add_encode (const Template *t, JsonObject *params)
{
  const char *video_codec = t->current && has_tag (params, "audio_only") ? "Disable" : "PassThru";
  const char *audio_codec = "AAC", *profile = "main";
  if (t->current && g_strcmp0 (sandbox_get_string (t->ingest, "audiocodecidstring"), "AAC") == 0)
    audio_codec = "PassThru";

  g_autofree char *name = get_name (params);
  g_autofree char *stream =
      g_strdup_printf ("%s_%" G_GINT64_FORMAT, sandbox_entry_get_id (t->entry), sandbox_get_int (params, "id"));
  xmlNode *encode = add (t->encodes, "Encode", NULL);
  add (encode, "Enable", "true");
  add (encode, "Name", name);
  add (encode, "StreamName", stream);
  xmlNode *video = add (encode, "Video", NULL);
  xmlNode *audio = add (encode, "Audio", NULL);
  if (add_ingest (t, video, audio, params, audio_codec))
    return;

  if (sandbox_get_int (params, "width") || sandbox_get_int (params, "height") ||
      sandbox_get_float (params, "frameRate")) {
    const char *wanted = sandbox_get_string (params, "audioCodec");
    choose_video_codec (params, &video_codec, &profile);
    if ((sandbox_get_int (params, "audioSampleRate") || sandbox_get_int (params, "audioChannels")) &&
        (g_strcmp0 (wanted, "aac") == 0 || g_strcmp0 (wanted, "aache") == 0))
      audio_codec = "AAC";
  }
  add_transcoded_video (t, video, params, video_codec, profile);
  add (audio, "Codec", audio_codec);
  add_int (audio, "Bitrate", get_bitrate (t, params, "audioBitrate", DEFAULT_AUDIO_BITRATE));
}

/* --- groups --- */

static xmlNode *
find_group_members (xmlNode *groups, const char *name)
{
  for (xmlNode *group = groups->children; group; group = group->next) {
    xmlChar *content = xmlNodeGetContent (group->children);
    gboolean same = strcmp ((const char *) content, name) == 0;
    xmlFree (content);
    if (same)
      return group->last;
  }
  g_autofree char *stream = g_strconcat ("${SourceStreamName}_", name, NULL);
  xmlNode *group = add (groups, "StreamNameGroup", NULL);
  add (group, "Name", name);
  add (group, "StreamName", stream);
  return add (group, "Members", NULL);
}

/* 2014 has a group for each tag and "all" after the first flavor's tags; the current API only "all". */
static void
add_to_groups (const Template *t, JsonObject *params)
{
  const char *tags = sandbox_get_string (params, "tags");
  g_autofree char *name = get_name (params);
  g_autofree char *names = t->current || !tags || !*tags ? g_strdup ("all") : g_strconcat (tags, ",all", NULL);
  g_auto (GStrv) list = g_strsplit (names, ",", -1);
  for (guint i = 0; list[i]; i++)
    add (add (find_group_members (t->groups, list[i]), "Member", NULL), "EncodeName", name);
}

/* --- the document --- */

static void
ignore_xml_error (void *data, xmlErrorPtr error)
{
  /* The bad entities of add() are meant. */
}

static void
add_decode (const Template *t, xmlNode *transcode, gboolean gpu)
{
  xmlNode *video = add (add (transcode, "Decode", NULL), "Video", NULL);
  add (video, "Deinterlace", "false");
  if (!gpu)
    return;
  add (video, "Implementation", "NVCUVID");
  xmlNode *scale = add (transcode, "Scale", NULL);
  add (scale, "Implementation", "CUDA");
  add (scale, "Parameters", NULL);
  add (scale, "Properties", NULL);
}

static void
add_properties (const Template *t, xmlNode *transcode)
{
  xmlNode *properties = add (transcode, "Properties", NULL);
  if (!t->current || t->source_frame_rate == 0)
    return;
  g_autoptr (JsonNode) rate = json_node_init_double (json_node_alloc (), t->source_frame_rate);
  g_autofree char *text = sandbox_node_to_string (rate);
  xmlNode *property = add (properties, "Property", NULL);
  add (property, "Name", "sourceStreamFrameRate");
  add (property, "Value", text);
  add (property, "Type", "Double");
}

static char *
write_template (Template *t, GPtrArray *chosen)
{
  xmlSetStructuredErrorFunc (NULL, ignore_xml_error);
  xmlDoc *doc = xmlNewDoc (BAD_CAST "1.0");
  xmlNode *root = xmlNewDocNode (doc, NULL, BAD_CAST "Root", NULL);
  xmlDocSetRootElement (doc, root);
  xmlNode *transcode = add (root, "Transcode", NULL);
  t->encodes = add (transcode, "Encodes", NULL);
  add_decode (t, transcode, t->current && g_strcmp0 (sandbox_get_string (t->ingest, "gpu"), "true") == 0);
  t->groups = add (transcode, "StreamNameGroups", NULL);
  for (guint i = 0; i < chosen->len; i++) {
    JsonObject *params = g_ptr_array_index (chosen, i);
    if (has_tag (params, "source") && sandbox_get_float (params, "frameRate") >= MIN_FRAME_RATE)
      t->source_frame_rate = sandbox_get_float (params, "frameRate");
    if (t->current && has_tag (params, "optional_flavor") && !has_tag (params, "ingest") && exceeds_ingest (t, params))
      continue;
    add_encode (t, params);
    add_to_groups (t, params);
  }
  add_properties (t, transcode);

  xmlChar *text = NULL;
  int length;
  xmlDocDumpFormatMemory (doc, &text, &length, 1);
  char *copy = g_strndup ((const char *) text, length);
  xmlFree (text);
  xmlFreeDoc (doc);
  xmlSetStructuredErrorFunc (NULL, NULL);
  return copy;
}

/* "0_abcd1234_1" to entry and suffix; 2014 takes any suffix, the current API digits. */
static gboolean
split_stream_name (SandboxCall *call, const char *name, char **entry_id, char **suffix)
{
  gboolean current = call->state->api == SANDBOX_API_CURRENT;
  g_autoptr (GRegex) regex = g_regex_new (current ? "^(\\d_.{8})_(\\d+)$" : "^(\\d_.{8})_(.+)$", 0, 0, NULL);
  g_autoptr (GMatchInfo) match = NULL;
  if (!g_regex_match (regex, name, 0, &match)) {
    sandbox_call_fail (call, "INVALID_STREAM_NAME", name, NULL);
    return FALSE;
  }
  *entry_id = g_match_info_fetch (match, 1);
  *suffix = g_match_info_fetch (match, 2);
  return TRUE;
}

static gboolean
is_live_stream (SandboxEntry *entry)
{
  const char *source = sandbox_get_string (entry->object, "sourceType");
  return g_strcmp0 (sandbox_get_string (entry->object, "type"), "7") == 0 &&
      (g_strcmp0 (source, "32") == 0 || g_strcmp0 (source, "42") == 0);
}

void
sandbox_profile_serve (SandboxCall *call)
{
  SandboxState *state = call->state;
  const char *stream = sandbox_get_string (call->arguments, "streamName");
  const char *hostname = sandbox_get_string (call->arguments, "hostname");
  g_autofree char *entry_id = NULL, *suffix = NULL;
  if (!split_stream_name (call, stream, &entry_id, &suffix))
    return;
  SandboxEntry *entry = sandbox_call_find_entry (call, entry_id);
  if (!entry || !is_live_stream (entry)) {
    sandbox_call_fail (call, "ENTRY_ID_NOT_FOUND", entry_id, NULL);
    return;
  }
  SandboxProfile *profile = sandbox_state_find_profile (state, sandbox_get_int (entry->object, "conversionProfileId"));
  JsonObject *input = profile ? find_input (state, profile, suffix) : NULL;
  if (!input && state->api == SANDBOX_API_CURRENT) {
    sandbox_call_fail (call, "INGEST_NOT_FOUND_IN_CONVERSION_PROFILE", stream, NULL);
    return;
  }

  SandboxPartner *partner = sandbox_state_find_partner (state, sandbox_entry_get_partner_id (entry));
  gboolean smart = !sandbox_partner_has (partner, "FEATURE_KALTURA_LIVE_DISABLE_SMART_TRANSCODING");
  g_autoptr (JsonObject) ingest =
      parse_json_object (smart ? sandbox_get_string (call->arguments, "extraParams") : NULL);
  g_autoptr (GPtrArray) chosen = profile ? choose_params (state, profile, input) : g_ptr_array_new ();
  Template t = { .current = state->api == SANDBOX_API_CURRENT, .entry = entry, .ingest = ingest };
  t.node = hostname ? sandbox_state_find_node_any_partner (state, hostname) : NULL;
  call->result.file = write_template (&t, chosen);
  call->result.file_type = "text/xml";
}
