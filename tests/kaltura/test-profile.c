/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * kaltura-profile: every golden file of Kaltura's own generator, compared value by value with what XPath finds in it;
 * some of them with what a reader of the XML writes down; and XML that is wrong.
 */

#include "kaltura-profile.h"

#include <json-glib/json-glib.h>
#include <libxml/parser.h>
#include <libxml/xpath.h>
#include <string.h>
#include "kaltura-error.h"

#define ENCODES "/Root/Transcode/Encodes/Encode"
#define GROUPS "/Root/Transcode/StreamNameGroups/StreamNameGroup"

static char *
read_golden (const char *name, gsize *length)
{
  g_autofree char *path = g_build_filename (g_getenv ("KLIVE_TEST_DATA"), "golden", name, NULL);
  char *text = NULL;
  g_autoptr (GError) error = NULL;
  g_file_get_contents (path, &text, length, &error);
  g_assert_no_error (error);
  return text;
}

static KalturaProfile *
load_golden (const char *name)
{
  gsize length = 0;
  g_autofree char *text = read_golden (name, &length);
  g_autoptr (GError) error = NULL;
  KalturaProfile *profile = kaltura_profile_parse (text, length, &error);
  g_assert_no_error (error);
  return profile;
}

/* the independent path */

static char *
find_text (xmlXPathContext *context, const char *place, const char *rest)
{
  g_autofree char *count = g_strdup_printf ("count(%s%s)", place, rest);
  g_autofree char *string = g_strdup_printf ("normalize-space(%s%s)", place, rest);
  xmlXPathObject *number = xmlXPathEvalExpression (BAD_CAST count, context);
  gboolean found = number->floatval > 0;
  xmlXPathFreeObject (number);
  if (!found)
    return NULL;
  xmlXPathObject *object = xmlXPathEvalExpression (BAD_CAST string, context);
  char *text = g_strdup ((const char *) object->stringval);
  xmlXPathFreeObject (object);
  return text;
}

static guint
count_nodes (xmlXPathContext *context, const char *place, const char *rest)
{
  g_autofree char *expression = g_strdup_printf ("count(%s%s)", place, rest);
  xmlXPathObject *number = xmlXPathEvalExpression (BAD_CAST expression, context);
  guint count = (guint) number->floatval;
  xmlXPathFreeObject (number);
  return count;
}

/* A JSON member as text, NULL when it is absent. */
static char *
member_text (JsonObject *object, const char *name)
{
  if (!json_object_has_member (object, name))
    return NULL;
  JsonNode *node = json_object_get_member (object, name);
  GType type = json_node_get_value_type (node);
  if (type == G_TYPE_STRING)
    return json_node_dup_string (node);
  if (type == G_TYPE_BOOLEAN)
    return g_strdup (json_node_get_boolean (node) ? "true" : "false");
  return g_strdup_printf ("%" G_GINT64_FORMAT, json_node_get_int (node));
}

static void
compare (xmlXPathContext *context, const char *place, const char *rest, JsonObject *object, const char *name)
{
  g_autofree char *expected = find_text (context, place, rest);
  g_autofree char *found = member_text (object, name);
  if (g_strcmp0 (expected, found) != 0)
    g_error ("%s%s: '%s' in the XML, '%s' in the JSON", place, rest, expected, found);
}

static void
compare_encode (xmlXPathContext *context, guint index, JsonObject *encode)
{
  g_autofree char *place = g_strdup_printf (ENCODES "[%u]", index);
  JsonObject *video = json_object_get_object_member (encode, "video");
  JsonObject *audio = json_object_get_object_member (encode, "audio");
  compare (context, place, "/Name", encode, "name");
  compare (context, place, "/StreamName", encode, "streamName");
  compare (context, place, "/Enable", encode, "enabled");
  compare (context, place, "/Video/Codec", video, "codec");
  compare (context, place, "/Video/FrameSize/FitMode", video, "fitMode");
  compare (context, place, "/Video/FrameSize/Width", video, "width");
  compare (context, place, "/Video/FrameSize/Height", video, "height");
  compare (context, place, "/Video/Profile", video, "profile");
  compare (context, place, "/Video/Bitrate", video, "bitrate");
  compare (context, place, "/Video/KeyFrameInterval/FollowSource", video, "followSource");
  compare (context, place, "/Video/KeyFrameInterval/Interval", video, "interval");
  compare (context, place, "/Video/SkipFrameCount", video, "skipFrames");
  compare (context, place, "/Audio/Codec", audio, "codec");
  compare (context, place, "/Audio/Bitrate", audio, "bitrate");
}

static void
compare_group (xmlXPathContext *context, guint index, JsonObject *group)
{
  g_autofree char *place = g_strdup_printf (GROUPS "[%u]", index);
  compare (context, place, "/Name", group, "name");
  JsonArray *members = json_object_get_array_member (group, "members");
  g_assert_cmpuint (json_array_get_length (members), ==, count_nodes (context, place, "/Members/Member"));
  for (guint i = 0; i < json_array_get_length (members); i++) {
    g_autofree char *rest = g_strdup_printf ("/Members/Member[%u]/EncodeName", i + 1);
    g_autofree char *expected = find_text (context, place, rest);
    g_assert_cmpstr (json_array_get_string_element (members, i), ==, expected);
  }
}

static void
test_golden (gconstpointer data)
{
  const char *name = data;
  gsize length = 0;
  g_autofree char *text = read_golden (name, &length);
  g_autoptr (GError) error = NULL;
  g_autoptr (KalturaProfile) profile = kaltura_profile_parse (text, length, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < profile->warnings->len; i++)
    g_error ("%s: %s", name, (char *) profile->warnings->pdata[i]);

  g_autofree char *json = kaltura_profile_to_json (profile);
  g_autoptr (JsonNode) root = json_from_string (json, &error);
  g_assert_no_error (error);
  JsonArray *encodes = json_object_get_array_member (json_node_get_object (root), "encodes");
  JsonArray *groups = json_object_get_array_member (json_node_get_object (root), "groups");

  xmlDoc *document = xmlReadMemory (text, (int) length, NULL, NULL, XML_PARSE_NONET);
  xmlXPathContext *context = xmlXPathNewContext (document);
  g_assert_cmpuint (json_array_get_length (encodes), ==, count_nodes (context, ENCODES, ""));
  g_assert_cmpuint (json_array_get_length (groups), ==, count_nodes (context, GROUPS, ""));
  for (guint i = 0; i < json_array_get_length (encodes); i++)
    compare_encode (context, i + 1, json_array_get_object_element (encodes, i));
  for (guint i = 0; i < json_array_get_length (groups); i++)
    compare_group (context, i + 1, json_array_get_object_element (groups, i));
  xmlXPathFreeContext (context);
  xmlFreeDoc (document);
}

static void
add_golden_tests (GPtrArray *names)
{
  g_autofree char *path = g_build_filename (g_getenv ("KLIVE_TEST_DATA"), "golden", NULL);
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  g_assert_nonnull (dir);
  for (const char *name = g_dir_read_name (dir); name != NULL; name = g_dir_read_name (dir)) {
    if (!g_str_has_suffix (name, ".xml"))
      continue;
    char *copy = g_strdup (name);
    g_ptr_array_add (names, copy);
    g_autofree char *test = g_strconcat ("/profile/golden/", name, NULL);
    g_test_add_data_func (test, copy, test_golden);
  }
  g_assert_cmpuint (names->len, ==, 48);
}

/* what a reader writes down */

static const KalturaProfileEncode *
encode_at (const KalturaProfile *profile, guint index)
{
  g_assert_cmpuint (index, <, profile->encodes->len);
  return profile->encodes->pdata[index];
}

static void
test_source_and_three (void)
{
  g_autoptr (KalturaProfile) profile = load_golden ("01-source-plus-3-h264.HEAD.xml");
  g_assert_cmpuint (profile->encodes->len, ==, 4);
  const KalturaProfileEncode *source = encode_at (profile, 0);
  g_assert_cmpstr (source->name, ==, "Source");
  g_assert_cmpstr (source->stream_name, ==, "0_abcd1234_32");
  g_assert_true (source->enabled);
  g_assert_cmpstr (source->video.codec, ==, "PassThru");
  g_assert_null (source->video.fit_mode);
  g_assert_null (source->video.bitrate);
  g_assert_null (source->video.implementation);
  g_assert_false (source->video.have_follow_source);
  g_assert_false (source->video.have_skip_frames);
  g_assert_cmpint (source->video.gpu_id, ==, -1);
  g_assert_cmpstr (source->audio.codec, ==, "AAC");
  g_assert_cmpstr (source->audio.bitrate, ==, "96000");

  const KalturaProfileEncode *small = encode_at (profile, 1);
  g_assert_cmpstr (small->name, ==, "SD_360");
  g_assert_cmpstr (small->stream_name, ==, "0_abcd1234_33");
  g_assert_cmpstr (small->video.codec, ==, "H.264");
  g_assert_cmpstr (small->video.implementation, ==, "default");
  g_assert_cmpstr (small->video.fit_mode, ==, "fit-height");
  g_assert_cmpuint (small->video.width, ==, 0);
  g_assert_cmpuint (small->video.height, ==, 360);
  g_assert_cmpstr (small->video.profile, ==, "baseline");
  g_assert_cmpstr (small->video.bitrate, ==, "400000");
  g_assert_true (small->video.have_follow_source);
  g_assert_true (small->video.follow_source);
  g_assert_cmpuint (small->video.interval, ==, 60);
  g_assert_cmpstr (small->audio.bitrate, ==, "64000");
  g_assert_cmpstr (encode_at (profile, 3)->video.profile, ==, "main");
  g_assert_cmpstr (encode_at (profile, 3)->video.bitrate, ==, "1700000");

  g_assert_cmpuint (profile->groups->len, ==, 1);
  const KalturaProfileGroup *group = profile->groups->pdata[0];
  g_assert_cmpstr (group->name, ==, "all");
  g_assert_cmpstr (group->stream_name, ==, "${SourceStreamName}_all");
  g_assert_cmpuint (group->members->len, ==, 4);
  g_assert_cmpstr (group->members->pdata[3], ==, "HD_720");
  g_assert_false (profile->deinterlace);
}

/* The 2014 generator multiplies by 1024 and makes a group of each tag. */
static void
test_source_and_three_2014 (void)
{
  g_autoptr (KalturaProfile) profile = load_golden ("01-source-plus-3-h264.IX.xml");
  g_assert_cmpuint (profile->encodes->len, ==, 4);
  g_assert_cmpstr (encode_at (profile, 1)->video.bitrate, ==, "409600");
  g_assert_cmpstr (encode_at (profile, 1)->audio.bitrate, ==, "65536");
  g_autoptr (GHashTable) groups = g_hash_table_new (g_str_hash, g_str_equal);
  for (guint i = 0; i < profile->groups->len; i++) {
    const KalturaProfileGroup *group = profile->groups->pdata[i];
    g_hash_table_insert (groups, group->name, GUINT_TO_POINTER (group->members->len));
  }
  g_assert_cmpuint (g_hash_table_size (groups), ==, 5);
  g_assert_cmpuint (GPOINTER_TO_UINT (g_hash_table_lookup (groups, "all")), ==, 4);
  g_assert_cmpuint (GPOINTER_TO_UINT (g_hash_table_lookup (groups, "mbr")), ==, 3);
  g_assert_cmpuint (GPOINTER_TO_UINT (g_hash_table_lookup (groups, "ipadnew")), ==, 3);
  g_assert_cmpuint (GPOINTER_TO_UINT (g_hash_table_lookup (groups, "source")), ==, 1);
  g_assert_cmpuint (GPOINTER_TO_UINT (g_hash_table_lookup (groups, "ingest")), ==, 1);
}

static void
test_gpu (void)
{
  g_autoptr (KalturaProfile) profile = load_golden ("16-gpu.HEAD.xml");
  g_assert_cmpstr (encode_at (profile, 1)->video.implementation, ==, "NVENC");
  g_assert_cmpint (encode_at (profile, 1)->video.gpu_id, ==, 0);
  g_assert_cmpstr (profile->decode_implementation, ==, "NVCUVID");
  g_assert_cmpstr (profile->scale_implementation, ==, "CUDA");
}

static void
test_skip_frames (void)
{
  g_autoptr (KalturaProfile) profile = load_golden ("17-skip-frame-max-frame-rate.HEAD.xml");
  g_assert_false (encode_at (profile, 0)->video.have_skip_frames);
  g_assert_true (encode_at (profile, 1)->video.have_skip_frames);
  g_assert_cmpint (encode_at (profile, 1)->video.skip_frames, ==, 1);
  g_assert_cmpint (encode_at (profile, 2)->video.skip_frames, ==, 2);
}

/* What Kaltura's formula gives for an encoder that is far below the largest rate; in both spellings. */
static void
test_skip_frames_below_zero (void)
{
  static const char *const spellings[] = { "<SkipFrameCount><Value>-1</Value></SkipFrameCount>",
    "<SkipFrameCount>-1</SkipFrameCount>" };
  for (guint i = 0; i < G_N_ELEMENTS (spellings); i++) {
    g_autofree char *xml = g_strconcat ("<Root><Transcode><Encodes><Encode><Video>", spellings[i],
        "</Video></Encode></Encodes></Transcode></Root>", NULL);
    g_autoptr (GError) error = NULL;
    g_autoptr (KalturaProfile) profile = kaltura_profile_parse (xml, strlen (xml), &error);
    g_assert_no_error (error);
    g_assert_true (encode_at (profile, 0)->video.have_skip_frames);
    g_assert_cmpint (encode_at (profile, 0)->video.skip_frames, ==, -1);
    g_assert_cmpuint (profile->warnings->len, ==, 0);
    g_autofree char *json = kaltura_profile_to_json (profile);
    g_assert_nonnull (strstr (json, "\"skipFrames\" : -1"));
  }
}

static void
test_constant_bitrate (void)
{
  g_autoptr (KalturaProfile) profile = load_golden ("19-constant-bitrate.HEAD.xml");
  guint found = 0;
  for (guint i = 0; i < profile->encodes->len; i++) {
    GPtrArray *parameters = encode_at (profile, i)->video.parameters;
    for (guint k = 0; k < parameters->len; k++) {
      const KalturaProfileParameter *parameter = parameters->pdata[k];
      g_assert_cmpstr (parameter->name, ==, "mainconcept.bit_rate_mode");
      g_assert_cmpstr (parameter->value, ==, "0");
      g_assert_cmpstr (parameter->type, ==, "Long");
      found++;
    }
  }
  g_assert_cmpuint (found, ==, 1);
}

static void
test_odd_names (void)
{
  g_autoptr (KalturaProfile) profile = load_golden ("27-systemname-odd.HEAD.xml");
  g_assert_cmpstr (encode_at (profile, 0)->name, ==, "");
  g_assert_cmpstr (encode_at (profile, 1)->name, ==, "HD/720 - WEB/MBL (H264/1700)");
  g_assert_cmpstr (encode_at (profile, 2)->name, ==, "\xc5\x81\xc3\xb3\x64\xc5\xba \"x\" <b>");
  const KalturaProfileGroup *group = profile->groups->pdata[0];
  for (guint i = 0; i < profile->encodes->len; i++)
    g_assert_cmpstr (group->members->pdata[i], ==, encode_at (profile, i)->name);
}

static void
test_sizes (void)
{
  g_autoptr (KalturaProfile) width = load_golden ("12-fit-width.HEAD.xml");
  const KalturaProfileEncode *last = encode_at (width, width->encodes->len - 1);
  g_assert_cmpstr (last->video.fit_mode, ==, "fit-width");
  g_assert_cmpuint (last->video.width, >, 0);
  g_assert_cmpuint (last->video.height, ==, 0);
  g_autoptr (KalturaProfile) match = load_golden ("15-match-source.HEAD.xml");
  last = encode_at (match, match->encodes->len - 1);
  g_assert_cmpuint (last->video.width, ==, 0);
  g_assert_cmpuint (last->video.height, ==, 0);
}

/* what else Wowza's own templates hold */

static KalturaProfile *
parse_encode (const char *inside)
{
  g_autofree char *xml =
      g_strdup_printf ("<Root><Transcode><Encodes><Encode>%s</Encode></Encodes></Transcode></Root>", inside);
  g_autoptr (GError) error = NULL;
  KalturaProfile *profile = kaltura_profile_parse (xml, strlen (xml), &error);
  g_assert_no_error (error);
  return profile;
}

static void
test_wowza_template (void)
{
  g_autoptr (KalturaProfile) profile = parse_encode (
      "<!-- Example --><Enable>TRUE</Enable><Name> aac </Name><StreamName>mp4:${SourceStreamName}_a</StreamName>"
      "<Video><Codec><![CDATA[PassThru]]></Codec><Bitrate>${SourceVideoBitrate}</Bitrate>"
      "<SkipFrameCount>3</SkipFrameCount><Parameters>\n</Parameters></Video>"
      "<Audio><Codec>AAC</Codec><Bitrate>${SourceAudioBitrate}</Bitrate></Audio><Properties></Properties>");
  const KalturaProfileEncode *encode = encode_at (profile, 0);
  g_assert_cmpuint (profile->warnings->len, ==, 0);
  g_assert_true (encode->enabled);
  g_assert_cmpstr (encode->name, ==, "aac");
  g_assert_cmpstr (encode->stream_name, ==, "mp4:${SourceStreamName}_a");
  g_assert_cmpstr (encode->video.codec, ==, "PassThru");
  g_assert_cmpstr (encode->video.bitrate, ==, "${SourceVideoBitrate}");
  g_assert_cmpuint (encode->video.skip_frames, ==, 3);
  g_assert_cmpstr (encode->audio.bitrate, ==, "${SourceAudioBitrate}");
  g_autofree char *json = kaltura_profile_to_json (profile);
  g_assert_nonnull (strstr (json, "\"${SourceVideoBitrate}\""));
}

static void
test_absent (void)
{
  g_autoptr (KalturaProfile) profile = parse_encode ("");
  const KalturaProfileEncode *encode = encode_at (profile, 0);
  g_assert_true (encode->enabled);
  g_assert_null (encode->name);
  g_assert_null (encode->stream_name);
  g_assert_null (encode->video.codec);
  g_assert_null (encode->audio.codec);
  g_autofree char *json = kaltura_profile_to_json (profile);
  g_autoptr (JsonNode) expected =
      json_from_string ("{\"encodes\":[{\"enabled\":true,\"video\":{},\"audio\":{}}],\"groups\":[]}", NULL);
  g_autoptr (JsonNode) found = json_from_string (json, NULL);
  g_assert_true (json_node_equal (expected, found));
}

/* @warning: what the only warning must hold. */
static KalturaProfile *
parse_with_warning (const char *inside, const char *warning)
{
  KalturaProfile *profile = parse_encode (inside);
  g_assert_cmpuint (profile->warnings->len, ==, 1);
  if (strstr (profile->warnings->pdata[0], warning) == NULL)
    g_error ("'%s' does not hold '%s'", (char *) profile->warnings->pdata[0], warning);
  return profile;
}

static void
check_warning (const char *inside, const char *warning)
{
  kaltura_profile_free (parse_with_warning (inside, warning));
}

static void
test_warnings (void)
{
  check_warning ("<Overlays><Overlay/></Overlays>", "unknown element \"Overlays\" in Encode");
  check_warning ("<Video><Hologram/></Video>", "unknown element \"Hologram\" in Video");
  check_warning ("<Name>a</Name>\n\n<Name>b</Name>", "line 3: second Name in Encode");
  check_warning ("<Enable>maybe</Enable>", "Enable is \"maybe\", expected one of true, false");
  check_warning ("<Video><Codec>VP9</Codec></Video>", "Codec is \"VP9\", expected one of PassThru, H.264");
  check_warning ("<Audio><Codec>MP3</Codec></Audio>", "Codec is \"MP3\", expected one of PassThru, AAC");
  check_warning ("<Video><Profile>ultra</Profile></Video>", "Profile is \"ultra\"");
  check_warning ("<Video><FrameSize><FitMode>x</FitMode></FrameSize></Video>", "FitMode is \"x\"");
  check_warning ("<Video><Bitrate>-1</Bitrate></Video>", "Bitrate is \"-1\"");
  check_warning ("<Video><GPUID>many</GPUID></Video>", "GPUID is \"many\"");

  g_autoptr (KalturaProfile) size =
      parse_with_warning ("<Video><FrameSize><Width>99999</Width><Height>360</Height></FrameSize></Video>",
          "Width is \"99999\"");
  g_assert_cmpuint (encode_at (size, 0)->video.width, ==, 0);
  g_assert_cmpuint (encode_at (size, 0)->video.height, ==, 360);
  g_autoptr (KalturaProfile) skip =
      parse_with_warning ("<Video><SkipFrameCount><Value>x</Value></SkipFrameCount></Video>", "Value is \"x\"");
  g_assert_false (encode_at (skip, 0)->video.have_skip_frames);
  g_autoptr (KalturaProfile) codec = parse_with_warning ("<Video><Codec>VP9</Codec></Video>", "VP9");
  g_assert_cmpstr (encode_at (codec, 0)->video.codec, ==, "VP9");
}

static void
test_many_warnings (void)
{
  g_autoptr (GString) inside = g_string_new (NULL);
  for (guint i = 0; i < 20000; i++)
    g_string_append (inside, "<x/>");
  for (guint i = 0; i < 20000; i++)
    g_string_append (inside, "<Name>a</Name>");
  g_autoptr (KalturaProfile) profile = parse_encode (inside->str);
  g_assert_cmpuint (profile->warnings->len, ==, 51);
  g_assert_cmpstr (encode_at (profile, 0)->name, ==, "a");
}

/* what cannot be used */

static void
check_bad (const char *xml, gssize length, const char *message)
{
  g_autoptr (GError) error = NULL;
  KalturaProfile *profile = kaltura_profile_parse (xml, length < 0 ? strlen (xml) : (gsize) length, &error);
  g_assert_null (profile);
  g_assert_error (error, KALTURA_ERROR, KALTURA_ERROR_PROFILE);
  g_assert_true (g_str_has_prefix (error->message, "conversion profile: "));
  g_assert_cmpuint (strlen (error->message), <, 700);
  if (strstr (error->message, message) == NULL)
    g_error ("'%s' does not hold '%s'", error->message, message);
}

static void
test_no_encodes (void)
{
  check_bad ("<Root/>", -1, "no Root/Transcode");
  check_bad ("<root><Transcode/></root>", -1, "no Root/Transcode");
  check_bad ("<Root><Transcode/></Root>", -1, "no Encode in Encodes");
  check_bad ("<Root><Transcode><Encodes/></Transcode></Root>", -1, "no Encode in Encodes");
  check_bad ("<Root><Transcode><Encodes><Encod/></Encodes></Transcode></Root>", -1, "no Encode in Encodes");
  check_bad ("<html><body>It works!</body></html>", -1, "no Root/Transcode");
  check_bad ("<xml><result><error><code>X</code></error></result></xml>", -1, "no Root/Transcode");
}

static void
test_broken (void)
{
  check_bad ("", 0, "empty");
  check_bad ("   \n", -1, "broken XML");
  check_bad ("no XML", -1, "broken XML, line 1");
  check_bad ("<Root>\n<Transcode>\n</Root>", -1, "broken XML, line 3");
  check_bad ("<Root><Transcode>", -1, "broken XML");
  check_bad ("<Root><Transcode>&nbsp;</Transcode></Root>", -1, "broken XML");
  check_bad ("<Root>\xff</Root>", -1, "broken XML");
  check_bad ("<Root>\0</Root>", 14, "broken XML");

  /* Cut short: never more than an error. */
  gsize length = 0;
  g_autofree char *text = read_golden ("16-gpu.HEAD.xml", &length);
  while (length > 0 && g_ascii_isspace (text[length - 1]))
    length--;
  for (gsize i = 0; i < length; i += 11)
    check_bad (text, (gssize) i, "");
}

static void
test_declarations (void)
{
  check_bad ("<?xml version=\"1.0\"?><!DOCTYPE Root><Root/>", -1, "document type declaration");
  check_bad ("<!DOCTYPE Root SYSTEM \"http://127.0.0.1:1/x.dtd\"><Root/>", -1, "document type declaration");
  check_bad ("<!DOCTYPE Root [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><Root><Transcode><Encodes><Encode>"
             "<Name>&x;</Name></Encode></Encodes></Transcode></Root>",
      -1, "document type declaration");

  g_autoptr (GString) laughs = g_string_new ("<!DOCTYPE Root [<!ENTITY e0 \"lol\">");
  for (guint i = 1; i < 30; i++)
    g_string_append_printf (laughs, "<!ENTITY e%u \"&e%u;&e%u;&e%u;&e%u;\">", i, i - 1, i - 1, i - 1, i - 1);
  g_string_append (laughs, "]><Root><Transcode>&e29;</Transcode></Root>");
  gint64 start = g_get_monotonic_time ();
  check_bad (laughs->str, -1, "document type declaration");
  g_assert_cmpint (g_get_monotonic_time () - start, <, G_USEC_PER_SEC);
}

static void
test_large (void)
{
  g_autofree char *filler = g_strnfill (10 * 1024 * 1024, ' ');
  g_autofree char *xml = g_strconcat ("<Root><Transcode>", filler, "</Transcode></Root>", NULL);
  check_bad (xml, -1, "larger than 1048576 bytes");

  g_autoptr (GString) many = g_string_new ("<Root><Transcode><Encodes>");
  for (guint i = 0; i < 101; i++)
    g_string_append (many, "<Encode/>");
  g_string_append (many, "</Encodes></Transcode></Root>");
  check_bad (many->str, -1, "more than 100 Encodes");

  g_autoptr (GString) deep = g_string_new (NULL);
  for (guint i = 0; i < 100000; i++)
    g_string_append (deep, "<Root>");
  check_bad (deep->str, -1, "broken XML");
}

static void
test_passthrough (void)
{
  g_autoptr (KalturaProfile) profile = kaltura_profile_new_passthrough ("0_abcd1234_32");
  g_assert_cmpuint (profile->encodes->len, ==, 1);
  g_assert_cmpstr (encode_at (profile, 0)->stream_name, ==, "0_abcd1234_32");
  g_assert_cmpstr (encode_at (profile, 0)->video.codec, ==, "PassThru");
  g_assert_cmpstr (encode_at (profile, 0)->audio.codec, ==, "PassThru");
  g_assert_true (encode_at (profile, 0)->enabled);
  const KalturaProfileGroup *group = profile->groups->pdata[0];
  g_assert_cmpstr (group->name, ==, "all");
  g_assert_cmpstr (group->members->pdata[0], ==, encode_at (profile, 0)->name);
  kaltura_profile_free (NULL);
}

/* libxml2 prints its errors unless it is told not to. */
static void
test_silence (void)
{
  if (g_test_subprocess ()) {
    test_broken ();
    test_declarations ();
    return;
  }
  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
  g_test_trap_assert_passed ();
  g_test_trap_assert_stderr ("");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  add_golden_tests (names);
  g_test_add_func ("/profile/source-and-three", test_source_and_three);
  g_test_add_func ("/profile/source-and-three-2014", test_source_and_three_2014);
  g_test_add_func ("/profile/gpu", test_gpu);
  g_test_add_func ("/profile/skip-frames", test_skip_frames);
  g_test_add_func ("/profile/skip-frames-below-zero", test_skip_frames_below_zero);
  g_test_add_func ("/profile/constant-bitrate", test_constant_bitrate);
  g_test_add_func ("/profile/odd-names", test_odd_names);
  g_test_add_func ("/profile/sizes", test_sizes);
  g_test_add_func ("/profile/wowza-template", test_wowza_template);
  g_test_add_func ("/profile/absent-elements-are-absent-keys", test_absent);
  g_test_add_func ("/profile/warnings", test_warnings);
  g_test_add_func ("/profile/warnings-are-bounded", test_many_warnings);
  g_test_add_func ("/profile/no-encodes", test_no_encodes);
  g_test_add_func ("/profile/broken", test_broken);
  g_test_add_func ("/profile/declarations-are-refused", test_declarations);
  g_test_add_func ("/profile/large", test_large);
  g_test_add_func ("/profile/passthrough", test_passthrough);
  g_test_add_func ("/profile/nothing-on-stderr", test_silence);
  return g_test_run ();
}
