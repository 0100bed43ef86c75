/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The broadcast of one (entry, index), as the worker has it.
 */
#include "klive-show.h"

#include "klive-pipeline.h"

#define HEAD_START GST_SECOND /* a session that takes another's offset may begin before its own arrival */
#define MAX_WARNINGS 10
#define LINGER 3600 /* s, the most: the worker decides when the registration ends, not the elements */

KliveShow *
klive_show_new (const char *entry, guint index, const char *state_dir)
{
  KliveShow *show = g_new0 (KliveShow, 1);
  g_autofree char *number = g_strdup_printf ("%u", index);

  show->entry = g_strdup (entry);
  show->index = index;
  show->directory = g_build_filename (state_dir, "hls", entry, number, NULL);
  show->timeout = 5;
  show->keep_alive = 60;
  show->registration_delay = 5;
  show->grace = 20;
  show->stop_grace = 3;
  show->orphan_timeout = 60;
  show->playlist_length = 10;
  show->timelines = klive_timeline_group_new ();
  show->floors = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  return show;
}

void
klive_show_free (KliveShow *show)
{
  g_clear_pointer (&show->registration, klive_registration_free);
  g_clear_pointer (&show->writer, klive_hls_writer_free);
  g_clear_pointer (&show->context, gst_context_unref);
  g_queue_clear_full (&show->warnings, g_free);
  klive_timeline_group_free (show->timelines);
  g_hash_table_unref (show->floors);
  g_free (show->speed_preset);
  g_free (show->video_encoder);
  g_free (show->audio_encoder);
  g_free (show->templates);
  g_free (show->record_directory);
  g_free (show->spool);
  g_free (show->record_group);
  g_clear_pointer (&show->assets, g_hash_table_unref);
  g_free (show->service_url);
  g_free (show->api);
  g_free (show->ks);
  g_free (show->hostname);
  g_free (show->application);
  g_free (show->entry);
  g_free (show->directory);
  g_free (show);
}

static void
read_string (char **place, JsonObject *message, const char *name)
{
  const char *value = klive_message_get_string (message, name, NULL);

  if (value == NULL)
    return;
  g_free (*place);
  *place = g_strdup (value);
}

static void
read_uint (guint *place, JsonObject *message, const char *name, guint least, guint most)
{
  *place = (guint) CLAMP (klive_message_get_int (message, name, *place), (gint64) least, (gint64) most);
}

static void
make_context (KliveShow *show)
{
  KlivePipelineSession session = {
    .service_url = show->service_url,
    .api = show->api,
    .entry_id = show->entry,
    .ks = show->ks,
    .hostname = show->hostname,
    .application = show->application,
    .timeout = show->timeout,
    .keep_alive = show->keep_alive,
    .partner_id = show->partner_id,
    .ks_partner_id = show->ks_partner_id,
    .server_index = (gint) show->index,
  };

  g_clear_pointer (&show->context, gst_context_unref);
  show->context = klive_pipeline_context_new (&session);
  if (show->registration != NULL)
    klive_registration_set_context (show->registration, show->context);
}

/* {"32":"0_x8d2k1mn", ...} */
static void
read_assets (KliveShow *show, JsonObject *assets)
{
  JsonObjectIter iter;
  const char *id;
  JsonNode *node;

  g_clear_pointer (&show->assets, g_hash_table_unref);
  show->assets = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  json_object_iter_init (&iter, assets);
  while (json_object_iter_next (&iter, &id, &node))
    if (JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING)
      g_hash_table_insert (show->assets, g_strdup (id), json_node_dup_string (node));
}

/* {"directory":"/..", "spool":"/..", "group":"kaltura", "chunkDuration":3600, "assets":{..}}; assets: once known. */
static void
read_recording (KliveShow *show, JsonObject *message)
{
  JsonObject *assets = klive_message_get_object (message, "assets");

  read_string (&show->record_directory, message, "directory");
  read_string (&show->spool, message, "spool");
  read_string (&show->record_group, message, "group");
  read_uint (&show->chunk_duration, message, "chunkDuration", 1, 7 * 86400);
  if (assets != NULL)
    read_assets (show, assets);
}

gboolean
klive_show_knows_recordings (const KliveShow *show)
{
  return show->record_directory == NULL || show->assets != NULL;
}

void
klive_show_read_welcome (KliveShow *show, JsonObject *message)
{
  read_string (&show->service_url, message, "serviceUrl");
  read_string (&show->api, message, "api");
  read_string (&show->ks, message, "ks");
  read_string (&show->hostname, message, "hostname");
  read_string (&show->application, message, "application");
  read_string (&show->speed_preset, message, "speedPreset");
  read_string (&show->video_encoder, message, "videoEncoder");
  read_string (&show->audio_encoder, message, "audioEncoder");
  read_string (&show->templates, message, "templates");
  show->partner_id = (gint) klive_message_get_int (message, "partnerId", show->partner_id);
  show->ks_partner_id = (gint) klive_message_get_int (message, "ksPartnerId", show->ks_partner_id);
  read_uint (&show->timeout, message, "timeout", 1, 60);
  read_uint (&show->keep_alive, message, "keepAlive", 1, 3600);
  read_uint (&show->registration_delay, message, "registrationDelay", 0, 3600);
  read_uint (&show->grace, message, "grace", 0, 86400);
  read_uint (&show->stop_grace, message, "stopGrace", 0, 86400);
  read_uint (&show->orphan_timeout, message, "orphanTimeout", 0, 86400);
  read_uint (&show->playlist_length, message, "playlistLength", 3, 1000);
  read_uint (&show->dvr_window, message, "dvrWindow", 0, 7 * 86400);
  read_uint (&show->threads, message, "threads", 0, 64);
  if (klive_message_get_object (message, "recording") != NULL)
    read_recording (show, klive_message_get_object (message, "recording"));
  if (show->segment_duration == 0) {
    double seconds = klive_message_get_double (message, "segmentDuration", 6);
    show->segment_duration = (guint64) (CLAMP (seconds, 0.5, 60) * GST_SECOND);
  }
  make_context (show);
}

void
klive_show_read_ks (KliveShow *show, JsonObject *message)
{
  read_string (&show->ks, message, "ks");
  if (show->context != NULL)
    make_context (show);
}

void
klive_show_log (KliveShow *show, KliveLogLevel level, const char *event, const char *stream, gint64 serial,
    const char *message)
{
  g_autofree char *number = serial != 0 ? g_strdup_printf ("%" G_GINT64_FORMAT, serial) : NULL;

  klive_log (level, event, show->entry, stream, "serial", number, "message", message, NULL);
  if (level != KLIVE_LOG_WARNING && level != KLIVE_LOG_ERROR)
    return;
  g_queue_push_tail (&show->warnings, klive_log_format (level, event, show->entry, stream, "message", message, NULL));
  if (show->warnings.length > MAX_WARNINGS)
    g_free (g_queue_pop_head (&show->warnings));
}

static void
on_hls_warning (const char *message, gpointer user_data)
{
  klive_show_log (user_data, KLIVE_LOG_WARNING, "hls-warning", NULL, 0, message);
}

static gboolean
open_folder (KliveShow *show, KliveShowOrigin *origin, GError **error)
{
  KliveHlsOptions options = {
    .directory = show->directory,
    .entry = show->entry,
    .index = show->index,
    .segment_duration = show->segment_duration,
    .playlist_length = show->playlist_length,
    .dvr_window = show->dvr_window * GST_SECOND,
  };
  gint64 now = g_get_real_time () * 1000;

  show->writer = klive_hls_writer_new (&options, on_hls_warning, show, now, error);
  if (show->writer == NULL)
    return FALSE;
  *origin = klive_hls_writer_get_epoch (show->writer) != -1 ? KLIVE_SHOW_RESTORED : KLIVE_SHOW_NEW;
  if (*origin == KLIVE_SHOW_NEW)
    klive_hls_writer_set_epoch (show->writer, now - (gint64) HEAD_START);
  show->epoch = klive_hls_writer_get_epoch (show->writer);
  return TRUE;
}

gboolean
klive_show_open (KliveShow *show, const KliveRegistrationCallbacks *callbacks, gpointer user_data,
    KliveShowOrigin *origin, GError **error)
{
  if (!open_folder (show, origin, error))
    return FALSE;
  show->registration =
      klive_registration_new (show->context, show->registration_delay, LINGER, callbacks, user_data, error);
  return show->registration != NULL;
}

gboolean
klive_show_is_registered (const KliveShow *show)
{
  return show->registration != NULL && klive_registration_is_registered (show->registration);
}

void
klive_show_end (KliveShow *show)
{
  if (show->writer != NULL)
    klive_hls_writer_end (show->writer, g_get_real_time () * 1000);
  g_clear_pointer (&show->registration, klive_registration_free);
}
