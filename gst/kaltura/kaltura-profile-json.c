/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The conversion profile as `klive-launcher render --json` prints it: an element that is absent in the XML is an absent
 * key. Pure function, any thread.
 *
 *   {"encodes": [{"name": "SD_360", "streamName": "0_abcd1234_33", "enabled": true,
 *                 "video": {"codec": "H.264", "fitMode": "fit-height", "height": 360, "profile": "baseline",
 *                           "bitrate": 400000, "followSource": true, "interval": 60},
 *                 "audio": {"codec": "AAC", "bitrate": 64000}}],
 *    "groups": [{"name": "all", "members": ["SD_360"]}]}
 */

#include "kaltura-profile.h"

#include <json-glib/json-glib.h>

static void
add_string (JsonBuilder *builder, const char *name, const char *value)
{
  if (value == NULL)
    return;
  json_builder_set_member_name (builder, name);
  json_builder_add_string_value (builder, value);
}

static void
add_int (JsonBuilder *builder, const char *name, gint64 value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_int_value (builder, value);
}

static void
add_positive (JsonBuilder *builder, const char *name, guint value)
{
  if (value != 0)
    add_int (builder, name, value);
}

static void
add_boolean (JsonBuilder *builder, const char *name, gboolean value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_boolean_value (builder, value);
}

/* A number where it is one, else the variable as text. */
static void
add_bitrate (JsonBuilder *builder, const char *bitrate)
{
  guint64 number = 0;
  if (bitrate != NULL && g_ascii_string_to_unsigned (bitrate, 10, 0, G_MAXINT64, &number, NULL))
    add_int (builder, "bitrate", (gint64) number);
  else
    add_string (builder, "bitrate", bitrate);
}

static void
add_video (JsonBuilder *builder, const KalturaProfileVideo *video)
{
  json_builder_set_member_name (builder, "video");
  json_builder_begin_object (builder);
  add_string (builder, "codec", video->codec);
  add_string (builder, "fitMode", video->fit_mode);
  add_positive (builder, "width", video->width);
  add_positive (builder, "height", video->height);
  add_string (builder, "profile", video->profile);
  add_bitrate (builder, video->bitrate);
  if (video->have_follow_source)
    add_boolean (builder, "followSource", video->follow_source);
  add_positive (builder, "interval", video->interval);
  if (video->have_skip_frames)
    add_int (builder, "skipFrames", video->skip_frames);
  json_builder_end_object (builder);
}

static void
add_encode (JsonBuilder *builder, const KalturaProfileEncode *encode)
{
  json_builder_begin_object (builder);
  add_string (builder, "name", encode->name);
  add_string (builder, "streamName", encode->stream_name);
  add_boolean (builder, "enabled", encode->enabled);
  add_video (builder, &encode->video);
  json_builder_set_member_name (builder, "audio");
  json_builder_begin_object (builder);
  add_string (builder, "codec", encode->audio.codec);
  add_bitrate (builder, encode->audio.bitrate);
  json_builder_end_object (builder);
  json_builder_end_object (builder);
}

static void
add_group (JsonBuilder *builder, const KalturaProfileGroup *group)
{
  json_builder_begin_object (builder);
  add_string (builder, "name", group->name);
  json_builder_set_member_name (builder, "members");
  json_builder_begin_array (builder);
  for (guint i = 0; i < group->members->len; i++)
    json_builder_add_string_value (builder, group->members->pdata[i]);
  json_builder_end_array (builder);
  json_builder_end_object (builder);
}

char *
kaltura_profile_to_json (const KalturaProfile *profile)
{
  g_autoptr (JsonBuilder) builder = json_builder_new_immutable ();
  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "encodes");
  json_builder_begin_array (builder);
  for (guint i = 0; i < profile->encodes->len; i++)
    add_encode (builder, profile->encodes->pdata[i]);
  json_builder_end_array (builder);
  json_builder_set_member_name (builder, "groups");
  json_builder_begin_array (builder);
  for (guint i = 0; i < profile->groups->len; i++)
    add_group (builder, profile->groups->pdata[i]);
  json_builder_end_array (builder);
  json_builder_end_object (builder);
  g_autoptr (JsonNode) root = json_builder_get_root (builder);
  return json_to_string (root, TRUE);
}
