/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The state machine of a broadcast. No I/O, no clock but the wall's for display; owned and fed by klive-supervisor.c in
 * the main thread.
 */
#include "klive-entry.h"

#include "klive-log.h"
#include "klive-wire.h"

#include <string.h>

struct _KliveEntry {
  char *id;
  gint index;
  KalturaEntry *info;
  const KliveEntryActions *actions;
  gpointer user_data;
  GPtrArray *publishers; /* of KlivePublisher, by serial */
  GHashTable *ended;     /* gint64 serial -> KliveCause: ended while no worker was connected */
  gint64 last_serial;
  gboolean connected;
  gboolean registered;
  char *state;        /* the worker's; NULL = it has not said */
  JsonObject *status; /* the worker's last */
};

static const char *const cause_names[] = { "stop", "lost", "kick", "replaced" };

static void
publisher_free (gpointer data)
{
  KlivePublisher *publisher = data;
  g_free (publisher->stream);
  g_free (publisher->name);
  g_free (publisher->app);
  g_free (publisher->address);
  g_free (publisher);
}

/* The waiting caller hears of it, once. It may not free the entry from there. */
static void
answer (KlivePublisher *publisher, KliveOpenResult result)
{
  KliveOpenFunc on_open = g_steal_pointer (&publisher->on_open);
  if (on_open)
    on_open (result, publisher->user_data);
}

static void
send (KliveEntry *entry, JsonObject *message)
{
  if (entry->connected)
    entry->actions->send (entry, message, entry->user_data);
  else
    json_object_unref (message);
}

static void
send_open (KliveEntry *entry, const KlivePublisher *publisher)
{
  JsonObject *message = klive_message_new_strings ("session-open", "stream", publisher->stream, "name", publisher->name,
      "app", publisher->app, "address", publisher->address, NULL);
  json_object_set_int_member (message, "serial", publisher->serial);
  json_object_set_int_member (message, "clientId", (gint64) publisher->client_id);
  send (entry, message);
}

static void
send_end (KliveEntry *entry, gint64 serial, KliveCause cause)
{
  JsonObject *message = klive_message_new_strings ("session-end", "cause", cause_names[cause], NULL);
  json_object_set_int_member (message, "serial", serial);
  send (entry, message);
}

static KlivePublisher *
find_serial (const KliveEntry *entry, gint64 serial)
{
  for (guint i = 0; i < entry->publishers->len; i++) {
    KlivePublisher *publisher = entry->publishers->pdata[i];
    if (publisher->serial == serial)
      return publisher;
  }
  return NULL;
}

static KlivePublisher *
find_client (const KliveEntry *entry, guint64 client_id)
{
  for (guint i = 0; i < entry->publishers->len; i++) {
    KlivePublisher *publisher = entry->publishers->pdata[i];
    if (publisher->client_id == client_id)
      return publisher;
  }
  return NULL;
}

/* Frees @publisher. A cause that was set when it was dropped beats @cause. */
static void
end_publisher (KliveEntry *entry, KlivePublisher *publisher, KliveCause cause)
{
  if (publisher->dropping)
    cause = publisher->cause;
  klive_log (KLIVE_LOG_INFO, "publish-ended", entry->id, publisher->stream, "cause", cause_names[cause], "name",
      publisher->name, NULL);
  answer (publisher, KLIVE_OPEN_GONE);
  if (entry->connected)
    send_end (entry, publisher->serial, cause);
  else
    g_hash_table_insert (entry->ended, g_memdup2 (&publisher->serial, sizeof publisher->serial),
        GINT_TO_POINTER (cause));
  g_ptr_array_remove (entry->publishers, publisher);
}

static void
drop_publisher (KliveEntry *entry, KlivePublisher *publisher, KliveCause cause)
{
  if (publisher->dropping)
    return;
  publisher->dropping = TRUE;
  publisher->cause = cause;
  entry->actions->drop (entry, publisher, entry->user_data);
}

/* --- publishers --- */

static KlivePublisher *
add_publisher (KliveEntry *entry, gint64 serial, const char *stream, const char *app, guint64 client_id)
{
  KlivePublisher *publisher = g_new0 (KlivePublisher, 1);
  publisher->serial = serial;
  publisher->stream = g_strdup (stream);
  publisher->name = g_strdup_printf ("%s@%d-%" G_GINT64_FORMAT, stream, entry->index, serial);
  publisher->app = g_strdup (app);
  publisher->client_id = client_id;
  publisher->since = g_get_real_time () / G_USEC_PER_SEC;
  g_ptr_array_add (entry->publishers, publisher);
  entry->last_serial = MAX (entry->last_serial, serial);
  return publisher;
}

const KlivePublisher *
klive_entry_open (KliveEntry *entry, const KliveHook *hook, gint64 serial, KliveOpenFunc on_open, gpointer user_data)
{
  KlivePublisher *old = find_client (entry, hook->client_id);
  if (old) /* nginx was started anew, or published twice on one connection */
    end_publisher (entry, old, KLIVE_CAUSE_LOST);
  KlivePublisher *publisher = add_publisher (entry, serial, hook->name, hook->app, hook->client_id);
  publisher->address = g_strdup (hook->address);
  publisher->on_open = on_open;
  publisher->user_data = user_data;
  send_open (entry, publisher);
  return publisher;
}

/* Once a newer publisher of the same stream gives data, the older ones go. */
static void
drop_older (KliveEntry *entry, const KlivePublisher *newer)
{
  for (guint i = 0; i < entry->publishers->len; i++) {
    KlivePublisher *older = entry->publishers->pdata[i];
    if (older->serial >= newer->serial || strcmp (older->stream, newer->stream) != 0 || !older->answered ||
        older->dropping)
      continue;
    klive_log (KLIVE_LOG_INFO, "publish-replaced", entry->id, older->stream, "name", older->name, "address",
        older->address, "by", newer->address, NULL);
    entry->actions->replaced (entry, newer, entry->user_data);
    drop_publisher (entry, older, KLIVE_CAUSE_REPLACED);
  }
}

void
klive_entry_let_in (KliveEntry *entry, gint64 serial)
{
  KlivePublisher *publisher = find_serial (entry, serial);
  if (!publisher)
    return;
  publisher->answered = TRUE;
  publisher->on_open = NULL;
  for (guint i = 0; i < entry->publishers->len; i++) {
    const KlivePublisher *other = entry->publishers->pdata[i];
    if (other->live)
      drop_older (entry, other);
  }
}

gboolean
klive_entry_gone (KliveEntry *entry, guint64 client_id, KliveHookCall call)
{
  KlivePublisher *publisher = find_client (entry, client_id);
  if (!publisher)
    return FALSE;
  end_publisher (entry, publisher, call == KLIVE_HOOK_PUBLISH_DONE ? KLIVE_CAUSE_STOP : KLIVE_CAUSE_LOST);
  return TRUE;
}

void
klive_entry_dropped (KliveEntry *entry, gint64 serial, guint count)
{
  KlivePublisher *publisher = find_serial (entry, serial);
  if (publisher && count == 0)
    end_publisher (entry, publisher, KLIVE_CAUSE_LOST);
}

void
klive_entry_lose_all (KliveEntry *entry)
{
  while (entry->publishers->len)
    end_publisher (entry, entry->publishers->pdata[0], KLIVE_CAUSE_LOST);
}

void
klive_entry_keep (KliveEntry *entry, GHashTable *names, gint64 last)
{
  for (guint i = entry->publishers->len; i > 0; i--) {
    KlivePublisher *publisher = entry->publishers->pdata[i - 1];
    if (publisher->answered && publisher->serial <= last && !g_hash_table_contains (names, publisher->name))
      end_publisher (entry, publisher, KLIVE_CAUSE_LOST);
  }
}

guint
klive_entry_kick (KliveEntry *entry, const char *stream)
{
  guint count = 0;
  for (guint i = entry->publishers->len; i > 0; i--) {
    KlivePublisher *publisher = entry->publishers->pdata[i - 1];
    if (stream && strcmp (publisher->stream, stream) != 0)
      continue;
    count++;
    if (publisher->answered)
      drop_publisher (entry, publisher, KLIVE_CAUSE_KICK);
    else
      end_publisher (entry, publisher, KLIVE_CAUSE_KICK);
  }
  return count;
}

/* --- the worker --- */

static void
take_state (KliveEntry *entry, JsonObject *message)
{
  const char *state = klive_message_get_string (message, "state", NULL);
  if (state) {
    g_free (entry->state);
    entry->state = g_strdup (state);
  }
  entry->registered = klive_message_get_boolean (message, "registered", entry->registered);
}

/* Our own form of a name, nothing else may become an argument of nginx's control. */
static gboolean
is_own_session (const KliveEntry *entry, gint64 serial, const char *stream, const char *name)
{
  KalturaStreamName parsed;
  g_autofree char *expected = g_strdup_printf ("%s@%d-%" G_GINT64_FORMAT, stream, entry->index, serial);
  return serial > 0 && kaltura_stream_name_parse (stream, &parsed, NULL) && strcmp (parsed.entry_id, entry->id) == 0 &&
      strcmp (name, expected) == 0;
}

/* One session of a hello. */
static void
compare_session (KliveEntry *entry, JsonObject *session, gboolean adopt, GHashTable *known)
{
  gint64 serial = klive_message_get_int (session, "serial", 0);
  const char *stream = klive_message_get_string (session, "stream", "");
  const char *app = klive_message_get_string (session, "app", "");
  g_hash_table_add (known, g_memdup2 (&serial, sizeof serial));
  if (find_serial (entry, serial))
    return;
  gpointer known_cause = NULL;
  gboolean over = g_hash_table_lookup_extended (entry->ended, &serial, NULL, &known_cause);
  KliveCause cause = over ? (KliveCause) GPOINTER_TO_INT (known_cause) : KLIVE_CAUSE_LOST;
  if (!adopt || over || !is_own_session (entry, serial, stream, klive_message_get_string (session, "name", ""))) {
    send_end (entry, serial, cause);
    return;
  }
  KlivePublisher *publisher =
      add_publisher (entry, serial, stream, app, (guint64) klive_message_get_int (session, "clientId", 0));
  publisher->answered = TRUE;
  publisher->live = TRUE;
}

void
klive_entry_worker_connected (KliveEntry *entry, JsonObject *hello, gboolean adopt)
{
  entry->connected = TRUE;
  take_state (entry, hello);
  g_autoptr (GHashTable) known = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  JsonArray *sessions = klive_message_get_array (hello, "sessions");
  for (guint i = 0; sessions && i < json_array_get_length (sessions); i++) {
    JsonNode *node = json_array_get_element (sessions, i);
    if (JSON_NODE_HOLDS_OBJECT (node))
      compare_session (entry, json_node_get_object (node), adopt, known);
  }
  g_hash_table_remove_all (entry->ended);
  for (guint i = 0; i < entry->publishers->len; i++) {
    const KlivePublisher *publisher = entry->publishers->pdata[i];
    if (!g_hash_table_contains (known, &publisher->serial))
      send_open (entry, publisher);
  }
}

void
klive_entry_worker_disconnected (KliveEntry *entry)
{
  entry->connected = FALSE;
}

static void
on_session_failed (KliveEntry *entry, KlivePublisher *publisher, JsonObject *message)
{
  klive_log (KLIVE_LOG_WARNING, "session-failed", entry->id, publisher->stream, "message",
      klive_message_get_string (message, "message", NULL), NULL);
  if (publisher->answered) {
    drop_publisher (entry, publisher, KLIVE_CAUSE_KICK);
    return;
  }
  answer (publisher, KLIVE_OPEN_FAILED);
  g_ptr_array_remove (entry->publishers, publisher);
}

static void
on_session_live (KliveEntry *entry, KlivePublisher *publisher)
{
  if (!publisher->live)
    klive_log (KLIVE_LOG_INFO, "publish-live", entry->id, publisher->stream, "name", publisher->name, NULL);
  publisher->live = TRUE;
  drop_older (entry, publisher);
}

void
klive_entry_worker_message (KliveEntry *entry, JsonObject *message)
{
  const char *type = klive_message_get_type (message);
  KlivePublisher *publisher = find_serial (entry, klive_message_get_int (message, "serial", 0));
  if (strcmp (type, "status") == 0) {
    take_state (entry, message);
    g_clear_pointer (&entry->status, json_object_unref);
    entry->status = json_object_ref (message);
  } else if (strcmp (type, "registered") == 0) {
    entry->registered = TRUE;
  } else if (strcmp (type, "unregistered") == 0) {
    entry->registered = FALSE;
  } else if (!publisher) {
    return;
  } else if (strcmp (type, "session-ready") == 0) {
    answer (publisher, KLIVE_OPEN_READY);
  } else if (strcmp (type, "session-failed") == 0) {
    on_session_failed (entry, publisher, message);
  } else if (strcmp (type, "session-live") == 0) {
    on_session_live (entry, publisher);
  }
}

/* --- what is known --- */

guint
klive_entry_count_publishers (const KliveEntry *entry)
{
  return entry->publishers->len;
}

const KlivePublisher *
klive_entry_get_publisher (const KliveEntry *entry, guint n)
{
  return entry->publishers->pdata[n];
}

const KlivePublisher *
klive_entry_find_stream (const KliveEntry *entry, const char *stream)
{
  for (guint i = entry->publishers->len; i > 0; i--) {
    const KlivePublisher *publisher = entry->publishers->pdata[i - 1];
    if (publisher->answered && strcmp (publisher->stream, stream) == 0)
      return publisher;
  }
  return NULL;
}

gint64
klive_entry_get_last_serial (const KliveEntry *entry)
{
  return entry->last_serial;
}

const char *
klive_entry_get_state (const KliveEntry *entry)
{
  return entry->state ? entry->state : "starting";
}

gboolean
klive_entry_is_registered (const KliveEntry *entry)
{
  return entry->registered;
}

gboolean
klive_entry_is_playing (const KliveEntry *entry)
{
  return entry->status && strcmp (klive_entry_get_state (entry), "on-air") == 0 &&
      klive_message_get_boolean (entry->status, "playable", FALSE);
}

JsonObject *
klive_entry_get_status (const KliveEntry *entry)
{
  return entry->status;
}

const char *
klive_entry_get_id (const KliveEntry *entry)
{
  return entry->id;
}

gint
klive_entry_get_index (const KliveEntry *entry)
{
  return entry->index;
}

const KalturaEntry *
klive_entry_get_info (const KliveEntry *entry)
{
  return entry->info;
}

static JsonNode *
info_to_node (const KalturaEntry *info)
{
  g_autofree char *text = kaltura_entry_to_json (info);
  return json_from_string (text, NULL);
}

void
klive_entry_set_info (KliveEntry *entry, KalturaEntry *info)
{
  g_clear_pointer (&entry->info, kaltura_entry_free);
  entry->info = info;
  JsonObject *message = klive_message_new ("entry");
  json_object_set_member (message, "entry", info_to_node (info));
  send (entry, message);
}

KliveEntry *
klive_entry_new (const char *id, gint index, KalturaEntry *info, const KliveEntryActions *actions, gpointer user_data)
{
  KliveEntry *entry = g_new0 (KliveEntry, 1);
  entry->id = g_strdup (id);
  entry->index = index;
  entry->info = info;
  entry->actions = actions;
  entry->user_data = user_data;
  entry->publishers = g_ptr_array_new_with_free_func (publisher_free);
  entry->ended = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  return entry;
}

void
klive_entry_free (KliveEntry *entry)
{
  for (guint i = 0; i < entry->publishers->len; i++)
    answer (entry->publishers->pdata[i], KLIVE_OPEN_GONE);
  g_ptr_array_unref (entry->publishers);
  g_hash_table_unref (entry->ended);
  g_clear_pointer (&entry->info, kaltura_entry_free);
  g_clear_pointer (&entry->status, json_object_unref);
  g_free (entry->state);
  g_free (entry->id);
  g_free (entry);
}
