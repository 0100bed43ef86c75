/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The launcher's services to its workers. Used by klive-supervisor.c, main thread.
 */
#include "klive-requests.h"

#include "kaltura-error.h"
#include "kaltura-live.h"
#include "kaltura-profile.h"
#include "klive-log.h"
#include "klive-wire.h"

#include <string.h>

#define PROFILE_DEADLINE 5000    /* ms */
#define PROFILE_PATIENCE 2500    /* ms, when an earlier one is remembered */
#define MAX_PROFILE (384 * 1024) /* bytes; escaped it still fits a line of the wire */
#define MAX_EXTRA 4096           /* bytes of extraParams */
#define MAX_PENDING 16           /* profile requests of one worker */

typedef struct {
  KliveRequests *requests;
  gint64 serial;
  char *stream;
  GCancellable *cancellable;
  guint deadline;
} Profile;

struct _KliveRequests {
  const KalturaConfig *config;
  KalturaClient *client;
  const KliveEntry *entry;
  KliveReplyFunc reply;
  gpointer user_data;
  GPtrArray *profiles;    /* of Profile, not owned */
  JsonObject *remembered; /* stream name -> XML of its last profile */
};

static gint
get_partner (const KliveRequests *requests)
{
  const KalturaEntry *info = klive_entry_get_info (requests->entry);
  return info ? info->partner_id : 0;
}

static JsonNode *
entry_node (const KliveEntry *entry)
{
  const KalturaEntry *info = klive_entry_get_info (entry);
  g_autofree char *text = info ? kaltura_entry_to_json (info) : g_strdup ("{}");
  return json_from_string (text, NULL);
}

static guint
dvr_seconds (const KliveRequests *requests)
{
  const KalturaEntry *info = klive_entry_get_info (requests->entry);
  return info ? kaltura_entry_get_dvr_seconds (info, requests->config->max_dvr_window) : 0;
}

static double
segment_seconds (const KliveRequests *requests)
{
  const KalturaEntry *info = klive_entry_get_info (requests->entry);
  guint ms = info && requests->config->api == KALTURA_API_CURRENT ? info->segment_duration : 0;
  return ms ? CLAMP (ms, 1000, 20000) / 1000.0 : requests->config->segment_duration;
}

char *
klive_requests_make_ks (KliveRequests *requests)
{
  return kaltura_client_make_ks (requests->client, KLIVE_KS_LIFETIME);
}

JsonObject *
klive_requests_make_welcome (KliveRequests *requests)
{
  const KalturaConfig *config = requests->config;
  g_autofree char *ks = klive_requests_make_ks (requests);
  JsonObject *message = klive_message_new_strings ("welcome", "serviceUrl", config->service_url, "api",
      config->api == KALTURA_API_2014 ? "2014" : "current", "ks", ks, "hostname", config->hostname, "application",
      config->application, "speedPreset", config->speed_preset, "videoEncoder", config->video_encoder, "audioEncoder",
      config->audio_encoder, "templates", config->templates, NULL);
  const struct {
    const char *name;
    gint64 value;
  } numbers[] = {
    { "partnerId", get_partner (requests) },
    { "ksPartnerId", config->partner_id },
    { "timeout", config->timeout },
    { "registrationDelay", config->registration_delay },
    { "keepAlive", config->keep_alive_interval },
    { "grace", config->grace },
    { "stopGrace", config->stop_grace },
    { "orphanTimeout", config->orphan_timeout },
    { "playlistLength", config->playlist_length },
    { "dvrWindow", dvr_seconds (requests) },
    { "threads", config->threads },
  };
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    json_object_set_int_member (message, numbers[i].name, numbers[i].value);
  json_object_set_double_member (message, "segmentDuration", segment_seconds (requests));
  json_object_set_member (message, "entry", entry_node (requests->entry));
  return message;
}

/* --- profiles --- */

static void
profile_free (Profile *profile)
{
  g_ptr_array_remove_fast (profile->requests->profiles, profile);
  g_clear_handle_id (&profile->deadline, g_source_remove);
  g_cancellable_cancel (profile->cancellable);
  g_object_unref (profile->cancellable);
  g_free (profile->stream);
  g_free (profile);
}

/* Replies with either, and frees @profile. */
static void
reply_profile (Profile *profile, const char *xml, const char *error)
{
  KliveRequests *requests = profile->requests;
  JsonObject *message = klive_message_new_strings ("profile", "xml", xml, "error", error, NULL);
  json_object_set_int_member (message, "serial", profile->serial);
  if (error)
    klive_log (KLIVE_LOG_WARNING, "profile-failed", klive_entry_get_id (requests->entry), profile->stream, "message",
        error, NULL);
  profile_free (profile);
  requests->reply (message, requests->user_data);
}

/* The API may not tell now: what it has told before still holds, so that an outage takes no rendition off the air. */
static void
reply_remembered (Profile *profile, const char *error)
{
  JsonObject *remembered = profile->requests->remembered;
  const char *xml = klive_message_get_string (remembered, profile->stream, NULL);
  if (xml)
    klive_log (KLIVE_LOG_WARNING, "profile-remembered", klive_entry_get_id (profile->requests->entry), profile->stream,
        "message", error, NULL);
  reply_profile (profile, xml, xml ? NULL : error);
}

/* Not what is no profile: the worker will say so. */
static void
remember (Profile *profile, const char *xml, gsize size)
{
  g_autoptr (KalturaProfile) parsed = kaltura_profile_parse (xml, size, NULL);
  if (parsed)
    json_object_set_string_member (profile->requests->remembered, profile->stream, xml);
}

static void
on_profile (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = kaltura_live_serve_profile_finish (result, &error);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  Profile *profile = data;
  gsize size = 0;
  const char *xml = bytes ? g_bytes_get_data (bytes, &size) : NULL;
  if (!bytes && kaltura_error_is_passing (error)) {
    reply_remembered (profile, error->message);
  } else if (!bytes) {
    reply_profile (profile, NULL, error->message);
  } else if (size > MAX_PROFILE || !g_utf8_validate (xml, (gssize) size, NULL)) {
    g_autofree char *text = g_strdup_printf ("conversion profile of %" G_GSIZE_FORMAT " bytes: %s", size,
        size > MAX_PROFILE ? "too large" : "not UTF-8");
    reply_profile (profile, NULL, text);
  } else {
    g_autofree char *text = g_strndup (xml, size);
    remember (profile, text, size);
    reply_profile (profile, text, NULL);
  }
}

static gboolean
on_profile_deadline (gpointer data)
{
  Profile *profile = data;
  profile->deadline = 0;
  reply_remembered (profile, "conversion profile: the API has not answered in time");
  return G_SOURCE_REMOVE;
}

/* {"width":"1280", ...} as text; NULL when there is nothing, or too much. */
static char *
extra_params (JsonObject *message)
{
  JsonObject *extra = klive_message_get_object (message, "extraParams");
  if (!extra || json_object_get_size (extra) == 0)
    return NULL;
  g_autoptr (JsonNode) node = json_node_init_object (json_node_alloc (), extra);
  g_autofree char *text = json_to_string (node, FALSE);
  return strlen (text) <= MAX_EXTRA ? g_steal_pointer (&text) : NULL;
}

void
klive_requests_profile (KliveRequests *requests, JsonObject *message)
{
  const char *stream = klive_message_get_string (message, "stream", "");
  KalturaStreamName name;
  if (requests->profiles->len >= MAX_PENDING || !kaltura_stream_name_parse (stream, &name, NULL) ||
      strcmp (name.entry_id, klive_entry_get_id (requests->entry)) != 0)
    return;
  g_autofree char *extra = extra_params (message);
  Profile *profile = g_new0 (Profile, 1);
  profile->requests = requests;
  profile->serial = klive_message_get_int (message, "serial", 0);
  profile->stream = g_strdup (stream);
  profile->cancellable = g_cancellable_new ();
  profile->deadline =
      g_timeout_add (json_object_has_member (requests->remembered, stream) ? PROFILE_PATIENCE : PROFILE_DEADLINE,
          on_profile_deadline, profile);
  g_ptr_array_add (requests->profiles, profile);
  kaltura_live_serve_profile_async (requests->client, get_partner (requests), stream, requests->config->hostname, extra,
      profile->cancellable, on_profile, profile);
}

/* --- the registration of a dead worker --- */

static void
on_unregistered (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autofree char *entry_id = data;
  g_autoptr (GError) error = NULL;
  if (kaltura_live_unregister_finish (result, &error))
    klive_log (KLIVE_LOG_INFO, "unregistered", entry_id, NULL, NULL, NULL);
  else
    klive_log (KLIVE_LOG_WARNING, "unregister-failed", entry_id, NULL, "message", error->message, NULL);
}

void
klive_requests_unregister (KliveRequests *requests)
{
  const char *entry_id = klive_entry_get_id (requests->entry);
  kaltura_live_unregister_async (requests->client, get_partner (requests), entry_id, requests->config->hostname,
      klive_entry_get_index (requests->entry), NULL, on_unregistered, g_strdup (entry_id));
}

KliveRequests *
klive_requests_new (const KalturaConfig *config, KalturaClient *client, const KliveEntry *entry, JsonObject *remembered,
    KliveReplyFunc reply, gpointer user_data)
{
  KliveRequests *requests = g_new0 (KliveRequests, 1);
  requests->config = config;
  requests->client = kaltura_client_ref (client);
  requests->entry = entry;
  requests->remembered = json_object_ref (remembered);
  requests->reply = reply;
  requests->user_data = user_data;
  requests->profiles = g_ptr_array_new ();
  return requests;
}

void
klive_requests_free (KliveRequests *requests)
{
  while (requests->profiles->len)
    profile_free (requests->profiles->pdata[0]);
  g_ptr_array_unref (requests->profiles);
  json_object_unref (requests->remembered);
  kaltura_client_unref (requests->client);
  g_free (requests);
}
