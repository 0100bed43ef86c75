/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The conversion profile of a stream: the transcoder template that Kaltura generates (API.md "Conversion profile") and
 * that Wowza reads, taken as it is, without a substitution. What the ladder makes of it is the app's affair. Called by
 * the launcher and the worker; pure functions, any thread.
 *
 *   <Root><Transcode>
 *     <Encodes><Encode>
 *       <Enable>true</Enable><Name>SD_360</Name><StreamName>0_abcd1234_33</StreamName>
 *       <Video><FrameSize><FitMode>fit-height</FitMode><Height>360</Height></FrameSize><Codec>H.264</Codec> ...</Video>
 *       <Audio><Codec>AAC</Codec><Bitrate>64000</Bitrate></Audio>
 *     </Encode></Encodes>
 *     <StreamNameGroups><StreamNameGroup>
 *       <Name>all</Name><StreamName>${SourceStreamName}_all</StreamName>
 *       <Members><Member><EncodeName>SD_360</EncodeName></Member></Members>
 *     </StreamNameGroup></StreamNameGroups>
 *   </Transcode></Root>
 */

#include "kaltura-profile.h"

#include "kaltura-error.h"
#include "kaltura-xml.h"

#define MAX_XML (1024 * 1024) /* bytes */
#define MAX_ENCODES 100       /* an installation starts with 38 live params */
#define MAX_WARNINGS 50
#define MAX_SIZE 16384    /* pixels */
#define MAX_FRAMES 100000 /* of an interval or to skip */

static const char *const true_or_false[] = { "true", "false", NULL };
static const char *const video_codecs[] = { "PassThru", "H.264", "H.263", "Disable", NULL };
static const char *const audio_codecs[] = { "PassThru", "AAC", "Disable", NULL };
static const char *const fit_modes[] = { "match-source", "fit-width", "fit-height", "letterbox", "crop", "stretch",
  NULL };
static const char *const profiles[] = { "baseline", "main", "high", NULL };

/* The elements that are known at each place. Those that only hold what klive has no use for are known too. */
static const char *const root_elements[] = { "Transcode", NULL };
static const char *const transcode_elements[] = { "Encodes", "Decode", "Scale", "StreamNameGroups", "Properties",
  "Description", NULL };
static const char *const encodes_elements[] = { "Encode", NULL };
static const char *const encode_elements[] = { "Enable", "Name", "StreamName", "Video", "Audio", "Properties",
  "Description", NULL };
static const char *const video_elements[] = { "Transcoder", "Implementation", "GPUID", "FrameSize", "Codec", "Profile",
  "Bitrate", "KeyFrameInterval", "SkipFrameCount", "Parameters", NULL };
static const char *const frame_size_elements[] = { "FitMode", "Width", "Height", NULL };
static const char *const interval_elements[] = { "FollowSource", "Interval", NULL };
static const char *const skip_elements[] = { "Value", NULL };
static const char *const audio_elements[] = { "Codec", "Bitrate", "Parameters", NULL };
static const char *const decode_elements[] = { "Video", "Audio", "Properties", NULL };
static const char *const decode_video_elements[] = { "Deinterlace", "Implementation", "Parameters", NULL };
static const char *const scale_elements[] = { "Implementation", "Parameters", "Properties", NULL };
static const char *const groups_elements[] = { "StreamNameGroup", NULL };
static const char *const group_elements[] = { "Name", "StreamName", "Members", NULL };
static const char *const members_elements[] = { "Member", NULL };
static const char *const member_elements[] = { "EncodeName", NULL };

/* freeing */

static void
free_parameter (gpointer data)
{
  KalturaProfileParameter *parameter = data;
  g_free (parameter->name);
  g_free (parameter->value);
  g_free (parameter->type);
  g_free (parameter);
}

static void
free_encode (gpointer data)
{
  KalturaProfileEncode *encode = data;
  g_free (encode->name);
  g_free (encode->stream_name);
  g_free (encode->video.codec);
  g_free (encode->video.implementation);
  g_free (encode->video.fit_mode);
  g_free (encode->video.profile);
  g_free (encode->video.bitrate);
  g_ptr_array_unref (encode->video.parameters);
  g_free (encode->audio.codec);
  g_free (encode->audio.bitrate);
  g_free (encode);
}

static void
free_group (gpointer data)
{
  KalturaProfileGroup *group = data;
  g_free (group->name);
  g_free (group->stream_name);
  g_ptr_array_unref (group->members);
  g_free (group);
}

void
kaltura_profile_free (KalturaProfile *profile)
{
  if (profile == NULL)
    return;
  g_ptr_array_unref (profile->encodes);
  g_ptr_array_unref (profile->groups);
  g_ptr_array_unref (profile->properties);
  g_free (profile->decode_implementation);
  g_free (profile->scale_implementation);
  g_ptr_array_unref (profile->warnings);
  g_free (profile);
}

/* making */

static KalturaProfile *
make_profile (void)
{
  KalturaProfile *profile = g_new0 (KalturaProfile, 1);
  profile->encodes = g_ptr_array_new_with_free_func (free_encode);
  profile->groups = g_ptr_array_new_with_free_func (free_group);
  profile->properties = g_ptr_array_new_with_free_func (free_parameter);
  profile->warnings = g_ptr_array_new_with_free_func (g_free);
  return profile;
}

static KalturaProfileEncode *
add_encode (KalturaProfile *profile)
{
  KalturaProfileEncode *encode = g_new0 (KalturaProfileEncode, 1);
  encode->enabled = TRUE;
  encode->video.gpu_id = -1;
  encode->video.parameters = g_ptr_array_new_with_free_func (free_parameter);
  g_ptr_array_add (profile->encodes, encode);
  return encode;
}

static KalturaProfileGroup *
add_group (KalturaProfile *profile)
{
  KalturaProfileGroup *group = g_new0 (KalturaProfileGroup, 1);
  group->members = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_add (profile->groups, group);
  return group;
}

KalturaProfile *
kaltura_profile_new_passthrough (const char *stream_name)
{
  KalturaProfile *profile = make_profile ();
  KalturaProfileEncode *encode = add_encode (profile);
  encode->name = g_strdup ("source");
  encode->stream_name = g_strdup (stream_name);
  encode->video.codec = g_strdup ("PassThru");
  encode->audio.codec = g_strdup ("PassThru");
  KalturaProfileGroup *group = add_group (profile);
  group->name = g_strdup ("all");
  group->stream_name = g_strdup ("${SourceStreamName}_all");
  g_ptr_array_add (group->members, g_strdup ("source"));
  return profile;
}

/* reading values: what is wrong becomes a warning and counts as absent */

static void G_GNUC_PRINTF (2, 3) warn (KalturaProfile *profile, const char *format, ...)
{
  if (profile->warnings->len > MAX_WARNINGS)
    return;
  if (profile->warnings->len == MAX_WARNINGS) {
    g_ptr_array_add (profile->warnings, g_strdup ("more warnings are left out"));
    return;
  }
  va_list args;
  va_start (args, format);
  g_ptr_array_add (profile->warnings, g_strdup_vprintf (format, args));
  va_end (args);
}

static char *
quote (const char *text)
{
  return kaltura_error_quote (text, -1, 64);
}

/* Warns of children of @node that are not @known (at most 32 names), and of known ones that come twice when @single. */
static void
check_children (KalturaProfile *profile, xmlNode *node, const char *const *known, gboolean single)
{
  guint32 seen = 0;
  for (xmlNode *child = kaltura_xml_child (node, NULL); child != NULL; child = kaltura_xml_next (child, NULL)) {
    guint index = 0;
    while (known[index] != NULL && !g_str_equal (known[index], child->name))
      index++;
    if (known[index] == NULL) {
      g_autofree char *quoted = quote ((const char *) child->name);
      warn (profile, "line %ld: unknown element %s in %s is ignored", xmlGetLineNo (child), quoted, node->name);
      continue;
    }
    if (single && (seen & (1u << index)) != 0)
      warn (profile, "line %ld: second %s in %s is ignored", xmlGetLineNo (child), known[index], node->name);
    seen |= 1u << index;
  }
}

/* The text of the child called @name, NULL when there is none. */
static char *
read_text (xmlNode *node, const char *name)
{
  xmlNode *child = kaltura_xml_child (node, name);
  return child != NULL ? kaltura_xml_dup_text (child) : NULL;
}

/* The same; warns when it is not one of @names, but keeps it: the ladder decides. */
static char *
read_name (KalturaProfile *profile, xmlNode *node, const char *name, const char *const *names)
{
  char *text = read_text (node, name);
  if (text != NULL && !g_strv_contains (names, text)) {
    g_autofree char *quoted = quote (text);
    g_autofree char *expected = g_strjoinv (", ", (char **) names);
    warn (profile, "line %ld: %s is %s, expected one of %s", xmlGetLineNo (node), name, quoted, expected);
  }
  return text;
}

static gboolean
read_boolean (KalturaProfile *profile, xmlNode *node, const char *name, gboolean fallback)
{
  g_autofree char *text = read_text (node, name);
  if (text == NULL)
    return fallback;
  if (g_ascii_strcasecmp (text, "true") == 0)
    return TRUE;
  if (g_ascii_strcasecmp (text, "false") == 0)
    return FALSE;
  g_free (read_name (profile, node, name, true_or_false));
  return fallback;
}

static gint64
read_number (KalturaProfile *profile, xmlNode *node, const char *name, gint64 min, gint64 max, gint64 fallback)
{
  g_autofree char *text = read_text (node, name);
  gint64 number = fallback;
  if (text != NULL && !g_ascii_string_to_signed (text, 10, min, max, &number, NULL)) {
    g_autofree char *quoted = quote (text);
    warn (profile, "line %ld: %s is %s, expected a number from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT,
        xmlGetLineNo (node), name, quoted, min, max);
    return fallback;
  }
  return number;
}

/* "400000" or "${SourceVideoBitrate}"; bits per second. */
static char *
read_bitrate (KalturaProfile *profile, xmlNode *node)
{
  g_autofree char *text = read_text (node, "Bitrate");
  if (text == NULL || (g_str_has_prefix (text, "${") && g_str_has_suffix (text, "}")) ||
      g_ascii_string_to_unsigned (text, 10, 1, G_MAXINT32, NULL, NULL))
    return g_steal_pointer (&text);
  g_autofree char *quoted = quote (text);
  warn (profile, "line %ld: Bitrate is %s, expected bits per second or a variable", xmlGetLineNo (node), quoted);
  return NULL;
}

/* <Parameters> of <Parameter> or <Properties> of <Property>: both hold Name, Value, Type. */
static void
read_parameters (xmlNode *node, const char *list_name, const char *item_name, GPtrArray *parameters)
{
  xmlNode *list = kaltura_xml_child (node, list_name);
  if (list == NULL)
    return;
  for (xmlNode *item = kaltura_xml_child (list, item_name); item != NULL; item = kaltura_xml_next (item, item_name)) {
    KalturaProfileParameter *parameter = g_new0 (KalturaProfileParameter, 1);
    parameter->name = read_text (item, "Name");
    parameter->value = read_text (item, "Value");
    parameter->type = read_text (item, "Type");
    g_ptr_array_add (parameters, parameter);
  }
}

/* reading the parts */

static void
read_frame_size (KalturaProfile *profile, xmlNode *node, KalturaProfileVideo *video)
{
  check_children (profile, node, frame_size_elements, TRUE);
  video->fit_mode = read_name (profile, node, "FitMode", fit_modes);
  video->width = (guint) read_number (profile, node, "Width", 0, MAX_SIZE, 0);
  video->height = (guint) read_number (profile, node, "Height", 0, MAX_SIZE, 0);
}

static void
read_key_frame_interval (KalturaProfile *profile, xmlNode *node, KalturaProfileVideo *video)
{
  check_children (profile, node, interval_elements, TRUE);
  video->have_follow_source = kaltura_xml_child (node, "FollowSource") != NULL;
  video->follow_source = read_boolean (profile, node, "FollowSource", FALSE);
  video->interval = (guint) read_number (profile, node, "Interval", 0, MAX_FRAMES, 0);
}

/*
 * Kaltura writes <SkipFrameCount><Value>1</Value></SkipFrameCount>, Wowza's pages <SkipFrameCount>1</SkipFrameCount>.
 * Its formula, ceil (frame rate / largest rate - 1.05), gives -1 for an encoder that is far below the largest rate.
 */
static void
read_skip_frame_count (KalturaProfile *profile, xmlNode *video_node, xmlNode *node, KalturaProfileVideo *video)
{
  gboolean has_value = kaltura_xml_child (node, "Value") != NULL;
  check_children (profile, node, skip_elements, TRUE);
  gint64 count = has_value ? read_number (profile, node, "Value", -1, MAX_FRAMES, G_MININT64)
                           : read_number (profile, video_node, "SkipFrameCount", -1, MAX_FRAMES, G_MININT64);
  video->have_skip_frames = count != G_MININT64;
  video->skip_frames = video->have_skip_frames ? (gint) count : 0;
}

static void
read_video (KalturaProfile *profile, xmlNode *node, KalturaProfileVideo *video)
{
  check_children (profile, node, video_elements, TRUE);
  video->codec = read_name (profile, node, "Codec", video_codecs);
  video->implementation = read_text (node, "Implementation");
  if (video->implementation == NULL)
    video->implementation = read_text (node, "Transcoder");
  video->gpu_id = (gint) read_number (profile, node, "GPUID", -1, 255, -1);
  video->profile = read_name (profile, node, "Profile", profiles);
  video->bitrate = read_bitrate (profile, node);
  xmlNode *part = kaltura_xml_child (node, "FrameSize");
  if (part != NULL)
    read_frame_size (profile, part, video);
  part = kaltura_xml_child (node, "KeyFrameInterval");
  if (part != NULL)
    read_key_frame_interval (profile, part, video);
  part = kaltura_xml_child (node, "SkipFrameCount");
  if (part != NULL)
    read_skip_frame_count (profile, node, part, video);
  read_parameters (node, "Parameters", "Parameter", video->parameters);
}

static void
read_audio (KalturaProfile *profile, xmlNode *node, KalturaProfileAudio *audio)
{
  check_children (profile, node, audio_elements, TRUE);
  audio->codec = read_name (profile, node, "Codec", audio_codecs);
  audio->bitrate = read_bitrate (profile, node);
}

static void
read_encode (KalturaProfile *profile, xmlNode *node)
{
  KalturaProfileEncode *encode = add_encode (profile);
  check_children (profile, node, encode_elements, TRUE);
  encode->enabled = read_boolean (profile, node, "Enable", TRUE);
  encode->name = read_text (node, "Name");
  encode->stream_name = read_text (node, "StreamName");
  xmlNode *video = kaltura_xml_child (node, "Video");
  if (video != NULL)
    read_video (profile, video, &encode->video);
  xmlNode *audio = kaltura_xml_child (node, "Audio");
  if (audio != NULL)
    read_audio (profile, audio, &encode->audio);
}

static gboolean
read_encodes (KalturaProfile *profile, xmlNode *transcode, GError **error)
{
  xmlNode *list = kaltura_xml_child (transcode, "Encodes");
  if (list == NULL || kaltura_xml_child (list, "Encode") == NULL) {
    g_set_error_literal (error, KALTURA_ERROR, KALTURA_ERROR_PROFILE, "conversion profile: no Encode in Encodes");
    return FALSE;
  }
  check_children (profile, list, encodes_elements, FALSE);
  for (xmlNode *node = kaltura_xml_child (list, "Encode"); node != NULL; node = kaltura_xml_next (node, "Encode")) {
    if (profile->encodes->len == MAX_ENCODES) {
      g_set_error (error, KALTURA_ERROR, KALTURA_ERROR_PROFILE, "conversion profile: more than %d Encodes",
          MAX_ENCODES);
      return FALSE;
    }
    read_encode (profile, node);
  }
  return TRUE;
}

static void
read_decode (KalturaProfile *profile, xmlNode *node)
{
  check_children (profile, node, decode_elements, TRUE);
  xmlNode *video = kaltura_xml_child (node, "Video");
  if (video == NULL)
    return;
  check_children (profile, video, decode_video_elements, TRUE);
  profile->deinterlace = read_boolean (profile, video, "Deinterlace", FALSE);
  profile->decode_implementation = read_text (video, "Implementation");
}

static void
read_group (KalturaProfile *profile, xmlNode *node)
{
  KalturaProfileGroup *group = add_group (profile);
  check_children (profile, node, group_elements, TRUE);
  group->name = read_text (node, "Name");
  group->stream_name = read_text (node, "StreamName");
  xmlNode *members = kaltura_xml_child (node, "Members");
  if (members == NULL)
    return;
  check_children (profile, members, members_elements, FALSE);
  for (xmlNode *item = kaltura_xml_child (members, "Member"); item != NULL; item = kaltura_xml_next (item, "Member")) {
    check_children (profile, item, member_elements, TRUE);
    char *name = read_text (item, "EncodeName");
    if (name != NULL)
      g_ptr_array_add (group->members, name);
    else
      warn (profile, "line %ld: Member without EncodeName is ignored", xmlGetLineNo (item));
  }
}

static void
read_groups (KalturaProfile *profile, xmlNode *list)
{
  check_children (profile, list, groups_elements, FALSE);
  for (xmlNode *node = kaltura_xml_child (list, "StreamNameGroup"); node != NULL;
       node = kaltura_xml_next (node, "StreamNameGroup"))
    read_group (profile, node);
}

static gboolean
read_transcode (KalturaProfile *profile, xmlNode *transcode, GError **error)
{
  check_children (profile, transcode, transcode_elements, TRUE);
  if (!read_encodes (profile, transcode, error))
    return FALSE;
  xmlNode *part = kaltura_xml_child (transcode, "Decode");
  if (part != NULL)
    read_decode (profile, part);
  part = kaltura_xml_child (transcode, "Scale");
  if (part != NULL) {
    check_children (profile, part, scale_elements, TRUE);
    profile->scale_implementation = read_text (part, "Implementation");
  }
  part = kaltura_xml_child (transcode, "StreamNameGroups");
  if (part != NULL)
    read_groups (profile, part);
  read_parameters (transcode, "Properties", "Property", profile->properties);
  return TRUE;
}

KalturaProfile *
kaltura_profile_parse (const char *xml, gsize length, GError **error)
{
  if (length > MAX_XML) {
    g_set_error (error, KALTURA_ERROR, KALTURA_ERROR_PROFILE, "conversion profile: larger than %d bytes", MAX_XML);
    return NULL;
  }
  g_autoptr (xmlDoc) document = kaltura_xml_parse (xml, length, KALTURA_ERROR_PROFILE, error);
  if (document == NULL) {
    g_prefix_error (error, "conversion profile: ");
    return NULL;
  }
  xmlNode *root = xmlDocGetRootElement (document);
  xmlNode *transcode = kaltura_xml_child (root, "Transcode");
  if (xmlStrcmp (root->name, BAD_CAST "Root") != 0 || transcode == NULL) {
    g_set_error_literal (error, KALTURA_ERROR, KALTURA_ERROR_PROFILE, "conversion profile: no Root/Transcode");
    return NULL;
  }
  g_autoptr (KalturaProfile) profile = make_profile ();
  check_children (profile, root, root_elements, TRUE);
  if (!read_transcode (profile, transcode, error))
    return NULL;
  return g_steal_pointer (&profile);
}
