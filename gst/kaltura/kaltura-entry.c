/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The live entry: read from the API's reply in the launcher (or in kalturaauth), handed to the worker as JSON. Pure
 * functions, any thread.
 */

#include "kaltura-entry.h"

#include <json-glib/json-glib.h>
#include "kaltura-error.h"

void
kaltura_entry_free (KalturaEntry *entry)
{
  if (entry == NULL)
    return;
  g_free (entry->recorded_entry_id);
  g_free (entry);
}

static guint
to_unsigned (gint64 number)
{
  return (guint) CLAMP (number, 0, G_MAXINT32);
}

static KalturaRecordStatus
to_record_status (gint64 number)
{
  return number == KALTURA_RECORD_APPENDED || number == KALTURA_RECORD_PER_SESSION ? (KalturaRecordStatus) number
                                                                                   : KALTURA_RECORD_DISABLED;
}

static char *
to_recorded_entry (const char *id)
{
  return id != NULL && kaltura_entry_id_is_valid (id) ? g_strdup (id) : NULL;
}

/* Takes @id and @partner_id into a new entry, or NULL with an error: without these two nothing can be done. */
static KalturaEntry *
make_entry (const char *id, gint64 partner_id, GError **error)
{
  if (id == NULL || !kaltura_entry_id_is_valid (id)) {
    g_autofree char *quoted = kaltura_error_quote (id != NULL ? id : "", -1, 64);
    g_set_error (error, KALTURA_ERROR, KALTURA_ERROR_GARBAGE, "live entry with the id %s", quoted);
    return NULL;
  }
  if (partner_id < G_MININT32 || partner_id > G_MAXINT32 || partner_id == 0) {
    g_set_error (error, KALTURA_ERROR, KALTURA_ERROR_GARBAGE, "live entry %s without a partner id", id);
    return NULL;
  }
  KalturaEntry *entry = g_new0 (KalturaEntry, 1);
  g_strlcpy (entry->id, id, sizeof entry->id);
  entry->partner_id = (gint) partner_id;
  return entry;
}

KalturaEntry *
kaltura_entry_new_from_reply (const KalturaReply *reply, GError **error)
{
  KalturaEntry *entry =
      make_entry (kaltura_reply_get_string (reply, "id"), kaltura_reply_get_int (reply, "partnerId", 0), error);
  if (entry == NULL)
    return NULL;
  entry->conversion_profile_id = (gint) to_unsigned (kaltura_reply_get_int (reply, "conversionProfileId", 0));
  entry->record_status = to_record_status (kaltura_reply_get_int (reply, "recordStatus", 0));
  entry->dvr_enabled = kaltura_reply_get_int (reply, "dvrStatus", 0) == 1;
  entry->dvr_window = to_unsigned (kaltura_reply_get_int (reply, "dvrWindow", 0));
  entry->segment_duration = to_unsigned (kaltura_reply_get_int (reply, "segmentDuration", 0));
  entry->recorded_entry_id = to_recorded_entry (kaltura_reply_get_string (reply, "recordedEntryId"));
  entry->explicit_live = kaltura_reply_get_int (reply, "explicitLive", 0) == 1;
  return entry;
}

static void
add_int (JsonBuilder *builder, const char *name, gint64 value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_int_value (builder, value);
}

static void
add_string (JsonBuilder *builder, const char *name, const char *value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_string_value (builder, value);
}

char *
kaltura_entry_to_json (const KalturaEntry *entry)
{
  g_autoptr (JsonBuilder) builder = json_builder_new_immutable ();
  json_builder_begin_object (builder);
  add_string (builder, "id", entry->id);
  add_int (builder, "partnerId", entry->partner_id);
  add_int (builder, "conversionProfileId", entry->conversion_profile_id);
  add_int (builder, "recordStatus", entry->record_status);
  add_int (builder, "dvrStatus", entry->dvr_enabled);
  add_int (builder, "dvrWindow", entry->dvr_window);
  add_int (builder, "segmentDuration", entry->segment_duration);
  if (entry->recorded_entry_id != NULL)
    add_string (builder, "recordedEntryId", entry->recorded_entry_id);
  add_int (builder, "explicitLive", entry->explicit_live);
  json_builder_end_object (builder);
  g_autoptr (JsonNode) root = json_builder_get_root (builder);
  return json_to_string (root, FALSE);
}

static gint64
get_json_int (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);
  return node != NULL && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_INT64
      ? json_node_get_int (node)
      : 0;
}

static const char *
get_json_string (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);
  return node != NULL && JSON_NODE_HOLDS_VALUE (node) ? json_node_get_string (node) : NULL;
}

KalturaEntry *
kaltura_entry_new_from_json (const char *json, GError **error)
{
  g_autoptr (GError) cause = NULL;
  g_autoptr (JsonNode) root = json_from_string (json, &cause);
  if (root == NULL || !JSON_NODE_HOLDS_OBJECT (root)) {
    g_set_error_literal (error, KALTURA_ERROR, KALTURA_ERROR_GARBAGE, "live entry: not a JSON object");
    return NULL;
  }
  JsonObject *object = json_node_get_object (root);
  KalturaEntry *entry = make_entry (get_json_string (object, "id"), get_json_int (object, "partnerId"), error);
  if (entry == NULL)
    return NULL;
  entry->conversion_profile_id = (gint) to_unsigned (get_json_int (object, "conversionProfileId"));
  entry->record_status = to_record_status (get_json_int (object, "recordStatus"));
  entry->dvr_enabled = get_json_int (object, "dvrStatus") == 1;
  entry->dvr_window = to_unsigned (get_json_int (object, "dvrWindow"));
  entry->segment_duration = to_unsigned (get_json_int (object, "segmentDuration"));
  entry->recorded_entry_id = to_recorded_entry (get_json_string (object, "recordedEntryId"));
  entry->explicit_live = get_json_int (object, "explicitLive") == 1;
  return entry;
}

guint
kaltura_entry_get_dvr_seconds (const KalturaEntry *entry, guint max_dvr_window)
{
  if (!entry->dvr_enabled)
    return 0;
  guint64 wanted = (guint64) entry->dvr_window * 60;
  return wanted == 0 || wanted > max_dvr_window ? max_dvr_window : (guint) wanted;
}
