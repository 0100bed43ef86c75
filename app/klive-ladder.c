/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a conversion profile becomes for the tracks of one stream. Pure: the worker calls it when a stream's tracks and
 * profile are known, `klive-launcher render` from the command line. klive-studio-text.c makes the pipeline of it.
 *
 * Kaltura's two vintages write the same elements with other numbers (kaltura/server
 * serveAction of liveConversionProfile); what neither writes is read as Wowza's transcoder templates have it.
 */
#include "klive-ladder.h"

#include <string.h>

#include "klive-frame-size.h"

#define DEFAULT_AUDIO_BITRATE 96000 /* bps, as Kaltura's own default */
#define MIN_VIDEO_BITRATE 16000
#define MAX_VIDEO_BITRATE 200000000
#define MIN_AUDIO_BITRATE 8000
#define MAX_AUDIO_BITRATE 320000

static const char *const copied_video[] = { "h264", NULL }; /* what HLS players take as it is */
static const char *const decoded_video[] = { "h264", "h263", "vp6", "vp6-alpha", "screen", "screen2", NULL };
static const char *const copied_audio[] = { "aac", "mp3", NULL };

KliveGroup *
klive_group_new (const char *tag)
{
  KliveGroup *group = g_new0 (KliveGroup, 1);

  group->tag = g_strdup (tag);
  group->ids = g_ptr_array_new_with_free_func (g_free);
  return group;
}

KliveGroup *
klive_group_copy (const KliveGroup *group)
{
  KliveGroup *copy = klive_group_new (group->tag);

  for (guint i = 0; i < group->ids->len; i++)
    g_ptr_array_add (copy->ids, g_strdup (group->ids->pdata[i]));
  return copy;
}

void
klive_group_free (KliveGroup *group)
{
  if (!group)
    return;
  g_free (group->tag);
  g_ptr_array_unref (group->ids);
  g_free (group);
}

static void
rendition_free (KliveRendition *rendition)
{
  g_free (rendition->id);
  g_free (rendition->name);
  g_free (rendition->stream_name);
  g_free (rendition);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveRendition, rendition_free)

void
klive_ladder_free (KliveLadder *ladder)
{
  if (!ladder)
    return;
  g_ptr_array_unref (ladder->renditions);
  g_ptr_array_unref (ladder->groups);
  g_ptr_array_unref (ladder->warnings);
  g_free (ladder->source_id);
  g_free (ladder);
}

static void warn (KliveLadder *ladder, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
warn (KliveLadder *ladder, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_ptr_array_add (ladder->warnings, g_strdup_vprintf (format, args));
  va_end (args);
}

static gboolean
is_text (const char *text, const char *value)
{
  return text && g_ascii_strcasecmp (text, value) == 0;
}

/* --- names --- */

/* "mp4:${SourceStreamName}_33" -> "0_abcd1234_1_33" */
static char *
resolve_stream_name (const char *raw, const char *source)
{
  g_auto (GStrv) parts = g_strsplit (raw ? raw : "", "${SourceStreamName}", -1);
  g_autofree char *joined = g_strjoinv (source, parts);
  const char *colon = strchr (joined, ':');
  const char *name = colon ? colon + 1 : joined;

  return g_strstrip (g_strdup (name));
}

/* A form of @text that is safe as a folder and in an element's name; "" when nothing of it is. */
static char *
make_token (const char *text)
{
  GString *token = g_string_new (NULL);

  for (const char *c = text; *c && token->len < 64; c++) {
    if (g_ascii_isalnum (*c))
      g_string_append_c (token, *c);
    else if (token->len > 0 && token->str[token->len - 1] != '-')
      g_string_append_c (token, '-');
  }
  if (token->len > 0 && token->str[token->len - 1] == '-')
    g_string_truncate (token, token->len - 1);
  return g_string_free (token, FALSE);
}

/* The part behind the last '_' is the live params id; the name of the source itself gives its suffix. */
static char *
make_id (const char *stream_name, const char *name, guint position)
{
  const char *suffix = strrchr (stream_name, '_');
  g_autofree char *id = make_token (suffix ? suffix + 1 : stream_name);

  if (id[0] == '\0') {
    g_free (id);
    id = make_token (name);
  }
  return id[0] != '\0' ? g_steal_pointer (&id) : g_strdup_printf ("r%u", position + 1);
}

/* --- bit rates --- */

/* What an encode of the source's size is worth when nobody says: a tenth of a bit for each pixel. */
static guint
guess_video_bitrate (const KliveTracks *tracks)
{
  guint fps = tracks->fps_n > 0 && tracks->fps_d > 0 ? tracks->fps_n / tracks->fps_d : 30;

  return CLAMP ((guint64) tracks->width * tracks->height * MAX (fps, 1) / 10, 240000, 6000000);
}

/* Reads Bitrate: a number, or ${SourceVideoBitrate} and ${SourceAudioBitrate}. */
static guint
read_bitrate (KliveLadder *ladder, const char *name, const char *text, guint fallback, guint min, guint max)
{
  guint64 value = 0;

  if (!text)
    return fallback;
  if (g_strcmp0 (text, "${SourceVideoBitrate}") == 0)
    value = ladder->tracks.video_bitrate;
  else if (g_strcmp0 (text, "${SourceAudioBitrate}") == 0)
    value = ladder->tracks.audio_bitrate;
  else if (!g_ascii_string_to_unsigned (text, 10, 0, G_MAXINT64, &value, NULL))
    value = 0;
  if (value == 0) {
    warn (ladder, "encode \"%s\": bit rate \"%s\" is not known: %u is used", name, text, fallback);
    return fallback;
  }
  if (value < min || value > max)
    warn (ladder, "encode \"%s\": bit rate %s is outside %u to %u", name, text, min, max);
  return CLAMP (value, min, max);
}

/* Peak of the MPEG-TS: 4 bytes of header in 188, half a packet of stuffing and a header for each frame; rate control
 * may exceed its mean by 15 % within a segment. */
static guint
estimate_bandwidth (const KliveRendition *rendition)
{
  guint fps = rendition->fps_n > 0 && rendition->fps_d > 0 ? rendition->fps_n / rendition->fps_d : 30;
  double sum = 0;

  if (rendition->video != KLIVE_TRACK_NONE)
    sum += rendition->video_bitrate * 1.15 * 188 / 184 + fps * 110 * 8;
  if (rendition->audio != KLIVE_TRACK_NONE)
    sum += rendition->audio_bitrate * 1.05 * 188 / 184 + 16000;
  if ((rendition->video != KLIVE_TRACK_NONE && rendition->video_bitrate == 0) ||
      (rendition->audio != KLIVE_TRACK_NONE && rendition->audio_bitrate == 0))
    return 0;
  return (guint) MIN (sum, G_MAXINT);
}

/* --- video --- */

static const char *
read_profile (KliveLadder *ladder, const KalturaProfileEncode *encode)
{
  static const char *const profiles[] = { "baseline", "main", "high" };

  for (guint i = 0; i < G_N_ELEMENTS (profiles); i++)
    if (is_text (encode->video.profile, profiles[i]))
      return profiles[i];
  if (encode->video.profile)
    warn (ladder, "encode \"%s\": profile \"%s\" is not known: main is used", encode->name, encode->video.profile);
  return "main";
}

static void
read_parameters (KliveLadder *ladder, const KalturaProfileEncode *encode, KliveRendition *rendition)
{
  for (guint i = 0; encode->video.parameters && i < encode->video.parameters->len; i++) {
    const KalturaProfileParameter *parameter = encode->video.parameters->pdata[i];

    if (is_text (parameter->name, "mainconcept.bit_rate_mode"))
      rendition->constant_bitrate = g_strcmp0 (parameter->value, "0") == 0;
    else
      warn (ladder, "encode \"%s\": parameter \"%s\" is not known and is left out", encode->name, parameter->name);
  }
}

static void
set_size (KliveLadder *ladder, const KalturaProfileEncode *encode, KliveRendition *rendition)
{
  const KalturaProfileVideo *video = &encode->video;
  g_autofree char *warning = NULL;
  KliveSize size =
      klive_frame_size_fit (&ladder->tracks, video->fit_mode, (KliveSize){ video->width, video->height }, &warning);

  if (warning)
    warn (ladder, "encode \"%s\": %s", encode->name, warning);
  rendition->width = size.width;
  rendition->height = size.height;
  rendition->fit = "stretch";
  if (video->width > 0 && video->height > 0 && g_strcmp0 (video->fit_mode, "letterbox") == 0)
    rendition->fit = "letterbox";
  else if (video->width > 0 && video->height > 0 && g_strcmp0 (video->fit_mode, "crop") == 0)
    rendition->fit = "crop";
  else if (size.width == 0 && g_strcmp0 (video->fit_mode, "stretch") == 0)
    warn (ladder, "encode \"%s\": the size of the source is not known: the picture keeps its shape", encode->name);
  rendition->max_width = is_text (video->fit_mode, "fit-height") ? 0 : video->width;
  rendition->max_height = is_text (video->fit_mode, "fit-width") ? 0 : video->height;
}

static void
set_video_encode (KliveLadder *ladder, const KalturaProfileEncode *encode, KliveRendition *rendition)
{
  const KalturaProfileVideo *video = &encode->video;

  rendition->video = KLIVE_TRACK_ENCODE;
  set_size (ladder, encode, rendition);
  rendition->profile = read_profile (ladder, encode);
  rendition->video_bitrate = read_bitrate (ladder, encode->name, video->bitrate, guess_video_bitrate (&ladder->tracks),
      MIN_VIDEO_BITRATE, MAX_VIDEO_BITRATE);
  if (video->have_follow_source && !video->follow_source)
    rendition->keyframe_interval = video->interval;
  rendition->skip_frames = MAX (video->skip_frames, 0);
  rendition->fps_d *= rendition->skip_frames + 1;
  read_parameters (ladder, encode, rendition);
  rendition->implementation = g_intern_string (video->implementation);
  rendition->gpu_id = video->gpu_id;
}

static void
set_video_copy (KliveLadder *ladder, const KalturaProfileEncode *encode, KliveRendition *rendition)
{
  const KalturaProfileVideo *video = &encode->video;

  rendition->video = KLIVE_TRACK_COPY;
  rendition->width = ladder->tracks.width;
  rendition->height = ladder->tracks.height;
  rendition->video_bitrate = ladder->tracks.video_bitrate;
  if ((video->width > 0 || video->height > 0) && !is_text (video->fit_mode, "match-source"))
    warn (ladder, "encode \"%s\": the source is copied, its frame size stays as it is", encode->name);
}

static void
set_video (KliveLadder *ladder, const KalturaProfileEncode *encode, KliveRendition *rendition)
{
  const char *codec = encode->video.codec;
  const char *source = ladder->tracks.video_codec ? ladder->tracks.video_codec : "unknown";
  gboolean copy = !codec || is_text (codec, "PassThru");

  if (!ladder->tracks.has_video || is_text (codec, "Disable"))
    return;
  rendition->fps_n = ladder->tracks.fps_n;
  rendition->fps_d = ladder->tracks.fps_d;
  if (copy && g_strv_contains (copied_video, source)) {
    set_video_copy (ladder, encode, rendition);
    return;
  }
  if (!g_strv_contains (decoded_video, source)) {
    warn (ladder, "encode \"%s\": video of type %s cannot be decoded and is left out", encode->name, source);
    return;
  }
  if (copy)
    warn (ladder, "encode \"%s\": HLS cannot carry the source's video (%s): H.264 instead", encode->name, source);
  else if (!is_text (codec, "H.264"))
    warn (ladder, "encode \"%s\": HLS cannot carry %s: H.264 instead", encode->name, codec);
  set_video_encode (ladder, encode, rendition);
  if (is_text (codec, "H.263"))
    rendition->profile = "baseline";
  if (ladder->tracks.interlaced && !ladder->deinterlace && strcmp (rendition->profile, "baseline") == 0) {
    warn (ladder, "encode \"%s\": H.264 baseline has no interlaced pictures: main is used", encode->name);
    rendition->profile = "main";
  }
}

/* --- audio --- */

static void
set_audio (KliveLadder *ladder, const KalturaProfileEncode *encode, KliveRendition *rendition)
{
  const char *codec = encode->audio.codec;
  const char *source = ladder->tracks.audio_codec ? ladder->tracks.audio_codec : "unknown";
  gboolean copy = !codec || is_text (codec, "PassThru");

  if (!ladder->tracks.has_audio || is_text (codec, "Disable"))
    return;
  if (copy && g_strv_contains (copied_audio, source)) {
    rendition->audio = KLIVE_TRACK_COPY;
    rendition->audio_bitrate = ladder->tracks.audio_bitrate;
    return;
  }
  if (copy)
    warn (ladder, "encode \"%s\": HLS cannot carry the source's audio (%s): AAC instead", encode->name, source);
  else if (!is_text (codec, "AAC"))
    warn (ladder, "encode \"%s\": HLS cannot carry %s: AAC instead", encode->name, codec);
  rendition->audio = KLIVE_TRACK_ENCODE;
  rendition->audio_bitrate = read_bitrate (ladder, encode->name, encode->audio.bitrate, DEFAULT_AUDIO_BITRATE,
      MIN_AUDIO_BITRATE, MAX_AUDIO_BITRATE);
}

/* --- renditions and groups --- */

static gboolean
has_nothing (KliveLadder *ladder, const KalturaProfileEncode *encode, const KliveRendition *rendition)
{
  if (rendition->video != KLIVE_TRACK_NONE || rendition->audio != KLIVE_TRACK_NONE)
    return FALSE;
  warn (ladder, "encode \"%s\" is left out: the source has nothing for it", encode->name);
  return TRUE;
}

static void
add_rendition (KliveLadder *ladder, const KalturaProfileEncode *encode, const char *source)
{
  g_autoptr (KliveRendition) rendition = g_new0 (KliveRendition, 1);

  rendition->name = g_strdup (encode->name ? encode->name : "");
  rendition->stream_name = resolve_stream_name (encode->stream_name, source);
  rendition->id = make_id (rendition->stream_name, rendition->name, ladder->renditions->len);
  if (klive_ladder_find (ladder, rendition->id)) {
    warn (ladder, "encode \"%s\" is left out: another one has the stream name \"%s\" already", encode->name,
        rendition->stream_name);
    return;
  }
  set_video (ladder, encode, rendition);
  set_audio (ladder, encode, rendition);
  if (has_nothing (ladder, encode, rendition))
    return;
  rendition->bandwidth = estimate_bandwidth (rendition);
  if (!ladder->source_id && (!encode->video.codec || is_text (encode->video.codec, "PassThru")))
    ladder->source_id = g_strdup (rendition->id);
  g_ptr_array_add (ladder->renditions, g_steal_pointer (&rendition));
}

/* A tag becomes a part of a file name; _dvr at its end is what klive itself puts there. */
static gboolean
is_tag (const char *tag)
{
  gsize length = strlen (tag);

  return g_ascii_isalnum (tag[0]) && length <= 64 && !g_str_has_suffix (tag, "_dvr") &&
      strspn (tag, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS " ._+-") == length;
}

static void
add_members (const KliveLadder *ladder, KliveGroup *group, const char *name)
{
  for (guint i = 0; i < ladder->renditions->len; i++) {
    const KliveRendition *rendition = ladder->renditions->pdata[i];

    if (strcmp (rendition->name, name) == 0 &&
        !g_ptr_array_find_with_equal_func (group->ids, rendition->id, g_str_equal, NULL))
      g_ptr_array_add (group->ids, g_strdup (rendition->id));
  }
}

static const KliveGroup *
find_group (const KliveLadder *ladder, const char *tag)
{
  for (guint i = 0; i < ladder->groups->len; i++) {
    const KliveGroup *group = ladder->groups->pdata[i];

    if (strcmp (group->tag, tag) == 0)
      return group;
  }
  return NULL;
}

static void
add_group (KliveLadder *ladder, const KalturaProfileGroup *from)
{
  g_autofree char *tag = g_strstrip (g_strdup (from->name ? from->name : ""));
  g_autoptr (KliveGroup) group = klive_group_new (tag);

  if (!is_tag (tag)) {
    warn (ladder, "group \"%s\" is left out: its name cannot be part of an address", tag);
    return;
  }
  if (find_group (ladder, tag))
    return;
  for (guint i = 0; i < from->members->len; i++)
    add_members (ladder, group, from->members->pdata[i] ? from->members->pdata[i] : "");
  if (group->ids->len > 0)
    g_ptr_array_add (ladder->groups, g_steal_pointer (&group));
}

/* Players ask for group "all", whether the profile has one or not. */
static void
ensure_all (KliveLadder *ladder)
{
  KliveGroup *group;

  if (find_group (ladder, "all"))
    return;
  group = klive_group_new ("all");
  for (guint i = 0; i < ladder->renditions->len; i++)
    g_ptr_array_add (group->ids, g_strdup (((KliveRendition *) ladder->renditions->pdata[i])->id));
  g_ptr_array_add (ladder->groups, group);
}

/* sourceStreamFrameRate tells the frame rate of a source that does not tell it. */
static void
read_properties (KliveLadder *ladder, const KalturaProfile *profile)
{
  for (guint i = 0; i < profile->properties->len; i++) {
    const KalturaProfileParameter *property = profile->properties->pdata[i];
    const char *text = property->value ? property->value : "";
    char *end = NULL;
    double rate;

    if (!is_text (property->name, "sourceStreamFrameRate"))
      continue;
    rate = g_ascii_strtod (text, &end);
    if (end == text || *end != '\0' || !(rate >= 1 && rate <= 300)) {
      warn (ladder, "property sourceStreamFrameRate is \"%s\", expected frames per second from 1 to 300", text);
    } else if (ladder->tracks.fps_n == 0 || ladder->tracks.fps_d == 0) {
      ladder->tracks.fps_n = (guint) (rate * 1000 + 0.5);
      ladder->tracks.fps_d = 1000;
    }
  }
}

KliveLadder *
klive_ladder_new (const KalturaProfile *profile, const KliveTracks *tracks, const char *stream_name)
{
  KliveLadder *ladder = g_new0 (KliveLadder, 1);

  ladder->tracks = *tracks;
  ladder->renditions = g_ptr_array_new_with_free_func ((GDestroyNotify) rendition_free);
  ladder->groups = g_ptr_array_new_with_free_func ((GDestroyNotify) klive_group_free);
  ladder->warnings = g_ptr_array_new_with_free_func (g_free);
  ladder->deinterlace = profile->deinterlace;
  ladder->decode_implementation = g_intern_string (profile->decode_implementation);
  ladder->scale_implementation = g_intern_string (profile->scale_implementation);
  read_properties (ladder, profile);
  for (guint i = 0; i < profile->encodes->len; i++) {
    const KalturaProfileEncode *encode = profile->encodes->pdata[i];

    if (encode->enabled)
      add_rendition (ladder, encode, stream_name);
  }
  if (!ladder->source_id && ladder->renditions->len > 0)
    ladder->source_id = g_strdup (((KliveRendition *) ladder->renditions->pdata[0])->id);
  for (guint i = 0; i < profile->groups->len; i++)
    add_group (ladder, profile->groups->pdata[i]);
  ensure_all (ladder);
  return ladder;
}

const KliveRendition *
klive_ladder_find (const KliveLadder *ladder, const char *id)
{
  for (guint i = 0; i < ladder->renditions->len; i++) {
    const KliveRendition *rendition = ladder->renditions->pdata[i];

    if (strcmp (rendition->id, id) == 0)
      return rendition;
  }
  return NULL;
}

gboolean
klive_ladder_encodes_video (const KliveLadder *ladder)
{
  for (guint i = 0; i < ladder->renditions->len; i++)
    if (((KliveRendition *) ladder->renditions->pdata[i])->video == KLIVE_TRACK_ENCODE)
      return TRUE;
  return FALSE;
}
