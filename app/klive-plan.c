/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From a conversion profile and tracks to a studio's text. Used by the stage; knows settings, no pipeline.
 */
#include "klive-plan.h"

#include "klive-encoder-probe.h"
#include "klive-encoders.h"
#include "klive-studio-text.h"

/* @record: NULL for what does not depend on recordings. */
static char *
make_text (const KlivePlan *plan, gint64 serial, guint64 start_index, const KliveRecordOptions *record, GError **error)
{
  const KliveShow *show = plan->show;
  KliveStudioOptions options = {
    .ingest = KLIVE_INGEST_APPSRC,
    .sink = KLIVE_SINK_KALTURA,
    .output = show->directory,
    .index = show->index,
    .serial = serial,
    .start_index = start_index,
    .segment_duration = show->segment_duration,
    .epoch = show->epoch,
    .video_encoder = klive_encoders_get_software (show->video_encoder),
    .audio_encoder = show->audio_encoder,
    .speed_preset = show->speed_preset,
    .threads = show->threads,
    .templates = show->templates,
    .record = record,
  };

  return klive_studio_text_new (plan->ladder, &options, error);
}

char *
klive_plan_make_text (const KlivePlan *plan, gint64 serial, guint64 start_index, GError **error)
{
  const KliveShow *show = plan->show;
  KliveRecordOptions record = {
    .entry = show->entry,
    .assets = show->assets,
    .begun = MAX (serial, g_get_real_time () / 1000),
    .directory = show->record_directory,
    .spool = show->spool,
    .group = show->record_group,
    .chunk_duration = show->chunk_duration,
  };
  gboolean records = record.directory != NULL && record.spool != NULL && record.assets != NULL;

  return make_text (plan, serial, start_index, records ? &record : NULL, error);
}

static void
add_header (GChecksum *checksum, const KliveFormat *format)
{
  gsize size;
  gconstpointer data;

  if (format == NULL || format->header == NULL)
    return;
  data = g_bytes_get_data (format->header, &size);
  g_checksum_update (checksum, data, (gssize) size);
}

/* The text without its numbers tells one ladder from another, the codec headers one source from another. */
static char *
make_fingerprint (const char *text, const KliveFormat *video, const KliveFormat *audio)
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);

  g_checksum_update (checksum, (const guchar *) text, -1);
  add_header (checksum, video);
  add_header (checksum, audio);
  return g_strdup (g_checksum_get_string (checksum));
}

KlivePlan *
klive_plan_new (const KliveShow *show, const KalturaProfile *profile, const char *stream, const KliveTracks *tracks,
    const KliveFormat *video, const KliveFormat *audio, GError **error)
{
  g_autoptr (KlivePlan) plan = g_new0 (KlivePlan, 1);
  g_autofree char *text = NULL;

  plan->show = show;
  plan->ladder = klive_ladder_new (profile, tracks, stream);
  klive_encoders_choose (plan->ladder, show->video_encoder, show->templates, klive_encoder_probe);
  text = make_text (plan, 0, 0, NULL, error);
  if (text == NULL)
    return NULL;
  plan->fingerprint = make_fingerprint (text, video, audio);
  return g_steal_pointer (&plan);
}

void
klive_plan_free (KlivePlan *plan)
{
  klive_ladder_free (plan->ladder);
  g_free (plan->fingerprint);
  g_free (plan);
}

static void
remove_member (KalturaProfile *profile, const char *name)
{
  for (guint i = 0; i < profile->groups->len; i++) {
    KalturaProfileGroup *group = profile->groups->pdata[i];
    guint index;

    while (name != NULL && g_ptr_array_find_with_equal_func (group->members, name, g_str_equal, &index))
      g_ptr_array_remove_index (group->members, index);
  }
}

static gboolean
is_codec (const char *codec, const char *name)
{
  return codec != NULL && g_ascii_strcasecmp (codec, name) == 0;
}

static gboolean
encodes_video (const KalturaProfileEncode *encode)
{
  const char *codec = encode->video.codec;

  return codec != NULL && !is_codec (codec, "PassThru") && !is_codec (codec, "Disable");
}

static void
give_up_hardware (KalturaProfile *profile)
{
  for (guint i = 0; i < profile->encodes->len; i++) {
    KalturaProfileEncode *encode = profile->encodes->pdata[i];

    g_free (encode->video.implementation);
    encode->video.implementation = g_strdup (KLIVE_ENCODERS_SOFTWARE);
  }
  g_clear_pointer (&profile->decode_implementation, g_free);
  g_clear_pointer (&profile->scale_implementation, g_free);
}

static void
keep_copies (KalturaProfile *profile)
{
  for (guint i = profile->encodes->len; i > 0; i--) {
    KalturaProfileEncode *encode = profile->encodes->pdata[i - 1];

    if (!encode->enabled || !encodes_video (encode))
      continue;
    remove_member (profile, encode->name);
    g_ptr_array_remove_index (profile->encodes, i - 1);
  }
}

static void
copy_audio (KalturaProfile *profile)
{
  for (guint i = 0; i < profile->encodes->len; i++) {
    KalturaProfileEncode *encode = profile->encodes->pdata[i];

    if (is_codec (encode->audio.codec, "Disable"))
      continue;
    g_free (encode->audio.codec);
    encode->audio.codec = g_strdup ("PassThru");
  }
}

/* The source has the rendition id that the profile gives it: players and recordings know it by that. */
static KalturaProfile *
make_passthrough (KalturaProfile *profile, const char *stream)
{
  const KalturaProfileEncode *source = NULL;
  KalturaProfile *passthrough;

  for (guint i = 0; i < profile->encodes->len && source == NULL; i++) {
    const KalturaProfileEncode *encode = profile->encodes->pdata[i];

    if (encode->enabled && encode->stream_name != NULL && !encodes_video (encode) &&
        !is_codec (encode->video.codec, "Disable"))
      source = encode;
  }
  passthrough = kaltura_profile_new_passthrough (source != NULL ? source->stream_name : stream);
  kaltura_profile_free (profile);
  return passthrough;
}

KalturaProfile *
klive_plan_reduce (KalturaProfile *profile, KlivePlanLevel level, const char *stream)
{
  switch (level) {
    case KLIVE_PLAN_WHOLE:
      break;
    case KLIVE_PLAN_SOFTWARE:
      give_up_hardware (profile);
      break;
    case KLIVE_PLAN_COPIES:
      keep_copies (profile);
      break;
    case KLIVE_PLAN_PURE_COPIES:
      copy_audio (profile);
      break;
    case KLIVE_PLAN_PASSTHROUGH:
      return make_passthrough (profile, stream);
  }
  return profile;
}

gboolean
klive_plan_encodes (const KlivePlan *plan)
{
  for (guint i = 0; i < plan->ladder->renditions->len; i++) {
    const KliveRendition *rendition = plan->ladder->renditions->pdata[i];

    if (rendition->video == KLIVE_TRACK_ENCODE || rendition->audio == KLIVE_TRACK_ENCODE)
      return TRUE;
  }
  return FALSE;
}

gboolean
klive_plan_uses_hardware (const KlivePlan *plan)
{
  for (guint i = 0; i < plan->ladder->renditions->len; i++)
    if (((KliveRendition *) plan->ladder->renditions->pdata[i])->encoder)
      return TRUE;
  return FALSE;
}
