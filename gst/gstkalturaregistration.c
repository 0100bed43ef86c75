/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tells Kaltura that an entry is on air, keeps telling it, and tells it when that is over.
 *
 * Elements say what is the case (members come and go, tracks begin and end); each of these changes fields under one
 * lock and wakes the thread "kaltura". There step() compares what is with what should be and does the next thing: it
 * starts a call, ends one, or sets the timer for the next look. So the order in which things happen does not matter,
 * and no element ever waits, but for the last one that leaves.
 *
 *   wanted      media has flowed for min-buffer-time, and has not been gone for longer than linger
 *   told        Kaltura may believe that the entry is on air: a register call was sent and nothing has undone it
 *   registered  Kaltura has said yes, and that answer is not too old
 */
#include "gstkalturaregistration.h"

#include <kaltura-error.h>
#include <kaltura-live.h>

#include "gstkalturaservice.h"

GST_DEBUG_CATEGORY_STATIC (gst_kaltura_registration_debug);
#define GST_CAT_DEFAULT gst_kaltura_registration_debug

#define BACKOFF_MIN (1 * G_USEC_PER_SEC)
#define BACKOFF_MAX (30 * G_USEC_PER_SEC)
#define BACKOFF_JITTER 0.2
/* Kaltura forgets what is not renewed for this long (kaltura/API.md "liveStream.registerMediaServer"). */
#define LEASE (70 * G_USEC_PER_SEC)
/* A register call that is younger than this has followed the authentication of any track that begins now. */
#define FRESH (1 * G_USEC_PER_SEC)
#define NEVER G_MAXINT64

typedef enum { CALL_NONE, CALL_REGISTER, CALL_UNREGISTER } CallKind;

/* One entry and index. Times: us, monotonic. */
typedef struct {
  gint refs; /* atomic */
  char *key;
  GstKalturaService *service; /* of a member; held while the entry is in the table */

  /* lock */
  GstKalturaSession *session;
  GList *members; /* of GstKalturaMember */
  guint staying;  /* members that are not leaving */
  guint tracks;   /* that flow */
  gint64 tracks_began, tracks_ended;
  gboolean renewed;  /* there is a new session string */
  gboolean begun;    /* a track has begun while the entry was registered */
  gboolean given_up; /* nobody waits for the end any more */
  gboolean over;     /* out of the table */
  gboolean registered;

  /* thread "kaltura" */
  KalturaClient *client;
  GSource *timer;
  gboolean wanted, told;
  CallKind call;
  GCancellable *cancellable; /* of the call */
  gint64 call_began;
  guint questions;       /* authenticate calls that are under way */
  gint64 next_call;      /* not before; NEVER never */
  gint64 last_success;   /* of a register call */
  gint64 backoff;        /* us, 0 = the last call succeeded */
  gint64 unregister_end; /* when trying to unregister makes no sense any more, 0 = not trying */
  gboolean unregister_failed;
} Entry;

struct _GstKalturaMember {
  Entry *entry;
  GstKalturaService *service;
  GstKalturaMemberKind kind;
  GstKalturaMemberSettings settings;
  GstElement *element; /* (unowned) */
  guint tracks;        /* lock */
};

static GMutex lock;
static GCond changed;       /* an entry is over */
static GHashTable *entries; /* lock; of Entry by key, none referenced; NULL = empty */

static gboolean step (gpointer data);

static Entry *
entry_ref (Entry *entry)
{
  g_atomic_int_inc (&entry->refs);
  return entry;
}

static void
entry_unref (gpointer data)
{
  Entry *entry = data;
  if (g_atomic_int_dec_and_test (&entry->refs)) {
    g_free (entry->key);
    gst_kaltura_session_free (entry->session);
    g_clear_object (&entry->cancellable);
    g_free (entry);
  }
}

static void
wake (Entry *entry)
{
  gst_kaltura_service_invoke (entry->service, step, entry_ref (entry), entry_unref);
}

/* Messages */

/* Posts @structure (transfer full) from every element that posts. Without the lock. */
static void
post (Entry *entry, GstStructure *structure)
{
  g_autoptr (GPtrArray) elements = g_ptr_array_new_with_free_func (gst_object_unref);
  g_mutex_lock (&lock);
  for (GList *item = entry->members; item != NULL; item = item->next) {
    GstKalturaMember *member = item->data;
    if (member->kind == GST_KALTURA_MEMBER_POSTS) {
      g_ptr_array_add (elements, gst_object_ref (member->element));
    }
  }
  g_mutex_unlock (&lock);
  for (guint i = 0; i < elements->len; i++) {
    GstElement *element = elements->pdata[i];
    gst_element_post_message (element, gst_message_new_element (GST_OBJECT (element), gst_structure_copy (structure)));
  }
  gst_structure_free (structure);
}

/* Remembers whether the entry is registered and tells a change. */
static void
set_registered (Entry *entry, gboolean registered)
{
  g_mutex_lock (&lock);
  gboolean same = entry->registered == registered;
  entry->registered = registered;
  g_mutex_unlock (&lock);
  if (same) {
    return;
  }
  GST_INFO ("entry %s, index %d is %s", entry->session->entry_id, entry->session->server_index,
      registered ? "registered" : "not registered any more");
  post (entry,
      gst_structure_new (registered ? "kaltura-registered" : "kaltura-unregistered", "entry-id", G_TYPE_STRING,
          entry->session->entry_id, "server-index", G_TYPE_INT, entry->session->server_index, "hostname", G_TYPE_STRING,
          entry->session->hostname, NULL));
}

/* The API's code, or what else went wrong in one word. */
static char *
dup_code (const GError *error)
{
  char *code = kaltura_error_dup_api_code (error);
  if (code != NULL) {
    return code;
  }
  return g_strdup (g_error_matches (error, KALTURA_ERROR, KALTURA_ERROR_GARBAGE) ? "GARBAGE" : "TRANSPORT");
}

static void
post_failure (Entry *entry, const GError *error)
{
  g_autofree char *code = dup_code (error);
  GST_WARNING ("entry %s: %s", entry->session->entry_id, error->message);
  post (entry,
      gst_structure_new ("kaltura-register-failed", "entry-id", G_TYPE_STRING, entry->session->entry_id, "server-index",
          G_TYPE_INT, entry->session->server_index, "code", G_TYPE_STRING, code, "message", G_TYPE_STRING,
          error->message, "passing", G_TYPE_BOOLEAN, kaltura_error_is_passing (error), NULL));
}

/* Calls */

static KalturaClient *
get_client (Entry *entry)
{
  if (entry->client == NULL) {
    const GstKalturaSession *session = entry->session;
    g_autofree char *tag = g_strconcat ("klive-", session->hostname, NULL);
    KalturaClientSettings settings = {
      .service_url = session->service_url,
      .api = session->api,
      .timeout = session->timeout,
      .client_tag = tag,
      .partner_id = session->ks_partner_id,
      .secret = session->secret,
      .session_version = session->session_version,
    };
    entry->client = kaltura_client_new (&settings);
    if (session->secret == NULL) {
      g_mutex_lock (&lock);
      kaltura_client_set_ks (entry->client, session->ks);
      g_mutex_unlock (&lock);
    }
  }
  return entry->client;
}

/* From 1 s, doubled each time, 20 % up or down. */
static void
back_off (Entry *entry, gint64 now)
{
  entry->backoff = CLAMP (entry->backoff * 2, BACKOFF_MIN, BACKOFF_MAX);
  entry->next_call = now + (gint64) (entry->backoff * g_random_double_range (1 - BACKOFF_JITTER, 1 + BACKOFF_JITTER));
}

static guint get_keep_alive (const Entry *entry);

static void
on_registered (GObject *source, GAsyncResult *result, gpointer data)
{
  Entry *entry = data;
  g_autoptr (GError) error = NULL;
  gint64 now = g_get_monotonic_time ();
  gboolean done = kaltura_live_register_finish (result, &error);
  entry->call = CALL_NONE;
  if (done) {
    g_mutex_lock (&lock);
    entry->next_call = entry->call_began + get_keep_alive (entry) * G_USEC_PER_SEC;
    g_mutex_unlock (&lock);
    entry->backoff = 0;
    entry->last_success = entry->call_began;
    set_registered (entry, TRUE);
  } else if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
    back_off (entry, now);
    post_failure (entry, error);
    if (!kaltura_error_is_passing (error)) {
      set_registered (entry, FALSE);
      entry->told = FALSE; /* a clear no */
    }
  }
  step (entry);
  entry_unref (entry);
}

static void
on_unregistered (GObject *source, GAsyncResult *result, gpointer data)
{
  Entry *entry = data;
  g_autoptr (GError) error = NULL;
  gint64 now = g_get_monotonic_time ();
  gboolean done = kaltura_live_unregister_finish (result, &error);
  entry->call = CALL_NONE;
  if (!done && kaltura_error_is_passing (error) && now < entry->unregister_end) {
    back_off (entry, now);
    entry->unregister_failed = TRUE;
  } else {
    entry->told = FALSE;
    entry->backoff = 0;
    entry->next_call = 0;
  }
  if (!done && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
    GST_WARNING ("entry %s: %s", entry->session->entry_id, error->message);
  }
  if (!entry->told) {
    set_registered (entry, FALSE);
  }
  step (entry);
  entry_unref (entry);
}

static void
start_call (Entry *entry, CallKind kind)
{
  const GstKalturaSession *session = entry->session;
  entry->call = kind;
  entry->call_began = g_get_monotonic_time ();
  g_clear_object (&entry->cancellable);
  entry->cancellable = g_cancellable_new ();
  if (kind == CALL_REGISTER) {
    entry->told = TRUE;
    entry->unregister_end = 0;
    entry->unregister_failed = FALSE;
    kaltura_live_register_async (get_client (entry), session->partner_id, session->entry_id, session->hostname,
        session->server_index, session->application, entry->cancellable, on_registered, entry_ref (entry));
  } else {
    if (entry->unregister_end == 0) {
      entry->unregister_end = entry->call_began + LEASE;
      entry->backoff = 0;
    }
    kaltura_live_unregister_async (get_client (entry), session->partner_id, session->entry_id, session->hostname,
        session->server_index, entry->cancellable, on_unregistered, entry_ref (entry));
  }
}

/* What should be */

/* Lock. */
static guint
get_keep_alive (const Entry *entry)
{
  guint keep_alive = entry->session->keep_alive;
  for (GList *item = entry->members; item != NULL; item = item->next) {
    const GstKalturaMember *member = item->data;
    if (member->settings.keep_alive > 0) {
      keep_alive = MIN (keep_alive, member->settings.keep_alive);
    }
  }
  return MAX (keep_alive, 1);
}

/* Lock. When the state of the tracks will have lasted long enough to count. */
static gint64
get_track_deadline (const Entry *entry)
{
  guint min_buffer_time = 0;
  guint linger = 0;
  for (GList *item = entry->members; item != NULL; item = item->next) {
    const GstKalturaMember *member = item->data;
    min_buffer_time = MAX (min_buffer_time, member->settings.min_buffer_time);
    linger = MAX (linger, member->settings.linger);
  }
  return entry->tracks > 0 ? entry->tracks_began + min_buffer_time * G_USEC_PER_SEC
                           : entry->tracks_ended + linger * G_USEC_PER_SEC;
}

/* Lock. Brings wanted up to date; returns when to look again. */
static gint64
update_wanted (Entry *entry, gint64 now)
{
  gboolean flows = entry->tracks > 0;
  if (entry->staying == 0) {
    entry->wanted = FALSE;
    return NEVER;
  }
  if (entry->wanted == flows) {
    return NEVER;
  }
  gint64 deadline = get_track_deadline (entry);
  if (now < deadline) {
    return deadline;
  }
  entry->wanted = flows;
  entry->next_call = 0;
  entry->backoff = 0;
  return NEVER;
}

/* Nothing more is to be done for an entry without members. Lock. */
static void
end_entry (Entry *entry)
{
  entry->over = TRUE;
  if (entries != NULL && g_hash_table_lookup (entries, entry->key) == entry) {
    g_hash_table_remove (entries, entry->key);
  }
  if (entries != NULL && g_hash_table_size (entries) == 0) {
    g_clear_pointer (&entries, g_hash_table_unref);
  }
  g_cond_broadcast (&changed);
}

static gboolean
on_timer (gpointer data)
{
  Entry *entry = entry_ref (data);
  g_source_set_ready_time (entry->timer, -1);
  step (entry);
  entry_unref (entry);
  return G_SOURCE_CONTINUE;
}

static gboolean
dispatch_timer (GSource *source, GSourceFunc callback, gpointer data)
{
  return callback (data);
}

static GSourceFuncs timer_funcs = { NULL, NULL, dispatch_timer, NULL, NULL, NULL };

static void
set_timer (Entry *entry, gint64 when)
{
  if (entry->timer == NULL) {
    entry->timer = g_source_new (&timer_funcs, sizeof (GSource));
    g_source_set_callback (entry->timer, on_timer, entry, NULL);
    gst_kaltura_service_attach (entry->service, entry->timer);
  }
  g_source_set_ready_time (entry->timer, when == NEVER ? -1 : when);
}

static void
drop_resources (Entry *entry)
{
  if (entry->timer != NULL) {
    g_source_destroy (entry->timer);
    g_clear_pointer (&entry->timer, g_source_unref);
  }
  g_clear_pointer (&entry->client, kaltura_client_unref);
  gst_kaltura_service_release (entry->service);
}

/* Lock. The session string that came last, once. */
static void
take_renewal (Entry *entry)
{
  if (!entry->renewed) {
    return;
  }
  entry->renewed = FALSE;
  if (entry->client != NULL && entry->session->secret == NULL) {
    kaltura_client_set_ks (entry->client, entry->session->ks);
  }
  if (entry->backoff > 0) {
    entry->backoff = 0;
    entry->next_call = 0;
  }
}

/*
 * Lock. In the current API an authentication, which came before the track, sets a playable entry back to
 * AUTHENTICATED (see server: LiveEntry.setMediaServer): players see it live again only with the next register call.
 */
static void
take_begin (Entry *entry, gint64 now)
{
  gboolean begun = entry->begun;
  entry->begun = FALSE;
  if (begun && entry->wanted && entry->backoff == 0 && now - entry->call_began >= FRESH) {
    entry->next_call = 0;
  }
}

static gboolean
step (gpointer data)
{
  Entry *entry = data;
  gint64 now = g_get_monotonic_time ();

  g_mutex_lock (&lock);
  if (entry->over) {
    g_mutex_unlock (&lock);
    return G_SOURCE_REMOVE;
  }
  take_renewal (entry);
  gint64 deadline = update_wanted (entry, now);
  take_begin (entry, now);
  gboolean leaving = entry->staying == 0;
  gboolean cancel = leaving && (entry->given_up || entry->call == CALL_REGISTER);
  gboolean busy = entry->call != CALL_NONE || entry->questions > 0;
  gboolean give_up = leaving && (entry->given_up || entry->unregister_failed);
  gboolean end = leaving && !busy && (!entry->told || give_up);
  if (end) {
    end_entry (entry);
  }
  g_mutex_unlock (&lock);

  if (end) {
    drop_resources (entry);
    return G_SOURCE_REMOVE;
  }
  if (entry->registered && now - entry->last_success > LEASE) {
    set_registered (entry, FALSE);
  }
  if (entry->call != CALL_NONE) {
    if (cancel) {
      g_cancellable_cancel (entry->cancellable);
    }
  } else if (entry->wanted || entry->told) {
    if (leaving || now >= entry->next_call) {
      start_call (entry, entry->wanted ? CALL_REGISTER : CALL_UNREGISTER);
    } else {
      deadline = MIN (deadline, entry->next_call);
    }
  }
  set_timer (entry, deadline);
  return G_SOURCE_REMOVE;
}

/* Members */

static void
ensure_debug_category (void)
{
  static gsize done = 0;
  if (g_once_init_enter (&done)) {
    GST_DEBUG_CATEGORY_INIT (gst_kaltura_registration_debug, "kalturaregistration", 0, "Kaltura registration");
    g_once_init_leave (&done, 1);
  }
}

/* Lock. Takes @key. */
static Entry *
add_entry (char *key, const GstKalturaSession *session, GstKalturaService *service)
{
  Entry *entry = g_new0 (Entry, 1);
  entry->refs = 1; /* the table's */
  entry->key = key;
  entry->service = service;
  entry->session = gst_kaltura_session_copy (session);
  if (entries == NULL) {
    entries = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, entry_unref);
  }
  g_hash_table_replace (entries, entry->key, entry);
  gst_kaltura_service_hold (service);
  return entry;
}

GstKalturaMember *
gst_kaltura_member_join (const GstKalturaSession *session, GstKalturaMemberKind kind,
    const GstKalturaMemberSettings *settings, GstElement *element)
{
  ensure_debug_category ();
  GstKalturaMember *member = g_new0 (GstKalturaMember, 1);
  member->service = gst_kaltura_service_get ();
  member->kind = kind;
  member->settings = *settings;
  member->element = element;
  g_autofree char *key = gst_kaltura_session_make_key (session);

  g_mutex_lock (&lock);
  Entry *entry = entries != NULL ? g_hash_table_lookup (entries, key) : NULL;
  if (entry == NULL || entry->given_up) {
    entry = add_entry (g_steal_pointer (&key), session, member->service);
  }
  member->entry = entry_ref (entry);
  entry->members = g_list_prepend (entry->members, member);
  entry->staying++;
  g_mutex_unlock (&lock);

  gst_kaltura_member_renew (member, session);
  return member;
}

/* Lock. Waits for the end of an entry that nobody is left in, or for somebody who comes. */
static void
wait_for_end (Entry *entry, gint64 timeout)
{
  gint64 end = g_get_monotonic_time () + timeout;
  while (!entry->over && entry->staying == 0 && g_cond_wait_until (&changed, &lock, end)) {
    continue;
  }
}

void
gst_kaltura_member_leave (GstKalturaMember *member)
{
  Entry *entry = member->entry;
  while (member->tracks > 0) {
    gst_kaltura_member_end_track (member);
  }
  g_mutex_lock (&lock);
  if (--entry->staying == 0) {
    wake (entry);
    wait_for_end (entry, entry->session->timeout * G_USEC_PER_SEC);
  }
  if (entry->staying == 0 && !entry->over) {
    GST_WARNING ("entry %s: no answer in time, leaving", entry->session->entry_id);
    entry->given_up = TRUE;
    wake (entry);
  }
  entry->members = g_list_remove (entry->members, member);
  g_mutex_unlock (&lock);

  entry_unref (entry);
  gst_kaltura_service_unref (member->service);
  g_free (member);
}

void
gst_kaltura_member_renew (GstKalturaMember *member, const GstKalturaSession *session)
{
  Entry *entry = member->entry;
  g_mutex_lock (&lock);
  if (session->ks != NULL && g_strcmp0 (session->ks, entry->session->ks) != 0) {
    g_free (entry->session->ks);
    entry->session->ks = g_strdup (session->ks);
    entry->renewed = TRUE;
  }
  g_mutex_unlock (&lock);
  wake (entry);
}

void
gst_kaltura_member_begin_track (GstKalturaMember *member)
{
  Entry *entry = member->entry;
  g_mutex_lock (&lock);
  member->tracks++;
  if (entry->tracks++ == 0) {
    entry->tracks_began = g_get_monotonic_time ();
  }
  entry->begun = entry->registered && entry->session->api == KALTURA_API_CURRENT;
  g_mutex_unlock (&lock);
  wake (entry);
}

void
gst_kaltura_member_end_track (GstKalturaMember *member)
{
  Entry *entry = member->entry;
  g_mutex_lock (&lock);
  if (member->tracks > 0) {
    member->tracks--;
    if (--entry->tracks == 0) {
      entry->tracks_ended = g_get_monotonic_time ();
    }
  }
  g_mutex_unlock (&lock);
  wake (entry);
}

gboolean
gst_kaltura_member_is_registered (GstKalturaMember *member)
{
  g_mutex_lock (&lock);
  gboolean registered = member->entry->registered;
  g_mutex_unlock (&lock);
  return registered;
}

/* Authentication */

/* A question of a streaming thread. */
typedef struct {
  gint refs; /* atomic */
  Entry *entry;
  char *token;
  GCancellable *cancellable;

  GMutex lock;
  GCond answered;
  gboolean done;
  KalturaEntry *answer;
  GError *error;
} Question;

static void
question_unref (gpointer data)
{
  Question *question = data;
  if (!g_atomic_int_dec_and_test (&question->refs)) {
    return;
  }
  entry_unref (question->entry);
  g_free (question->token);
  g_object_unref (question->cancellable);
  g_mutex_clear (&question->lock);
  g_cond_clear (&question->answered);
  g_clear_pointer (&question->answer, kaltura_entry_free);
  g_clear_error (&question->error);
  g_free (question);
}

static void
on_authenticated (GObject *source, GAsyncResult *result, gpointer data)
{
  Question *question = data;
  Entry *entry = entry_ref (question->entry);
  g_mutex_lock (&question->lock);
  question->answer = kaltura_live_authenticate_finish (result, &question->error);
  question->done = TRUE;
  g_cond_signal (&question->answered);
  g_mutex_unlock (&question->lock);
  question_unref (question);
  entry->questions--;
  step (entry);
  entry_unref (entry);
}

static gboolean
ask (gpointer data)
{
  Question *question = data;
  Entry *entry = question->entry;
  const GstKalturaSession *session = entry->session;
  entry->questions++;
  g_atomic_int_inc (&question->refs);
  kaltura_live_authenticate_async (get_client (entry), session->partner_id, session->entry_id, question->token,
      session->hostname, session->server_index, session->application, question->cancellable, on_authenticated,
      question);
  return G_SOURCE_REMOVE;
}

/* Cancelling belongs to the thread of the call: GLib 2.74 leaks sources that are cancelled while they are destroyed. */
static gboolean
cancel_question (gpointer data)
{
  g_cancellable_cancel (((Question *) data)->cancellable);
  return G_SOURCE_REMOVE;
}

/* Any thread. */
static void
on_question_cancelled (GCancellable *cancellable, gpointer data)
{
  Question *question = data;
  g_mutex_lock (&question->lock);
  g_cond_signal (&question->answered);
  g_mutex_unlock (&question->lock);
}

KalturaEntry *
gst_kaltura_member_authenticate (GstKalturaMember *member, const char *token, GCancellable *cancellable, GError **error)
{
  Question *question = g_new0 (Question, 1);
  question->refs = 2;
  question->entry = entry_ref (member->entry);
  question->token = g_strdup (token);
  question->cancellable = g_cancellable_new ();
  g_mutex_init (&question->lock);
  g_cond_init (&question->answered);
  gst_kaltura_service_invoke (member->service, ask, question, question_unref);

  gulong handler = g_cancellable_connect (cancellable, G_CALLBACK (on_question_cancelled), question, NULL);
  g_mutex_lock (&question->lock);
  while (!question->done && !g_cancellable_is_cancelled (cancellable)) {
    g_cond_wait (&question->answered, &question->lock);
  }
  KalturaEntry *answer = g_steal_pointer (&question->answer);
  if (answer == NULL && !(question->done && question->error != NULL)) {
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "cancelled");
  } else if (answer == NULL) {
    g_propagate_error (error, g_steal_pointer (&question->error));
  }
  gboolean open = !question->done;
  g_mutex_unlock (&question->lock);
  g_cancellable_disconnect (cancellable, handler);
  if (open) {
    gst_kaltura_service_invoke (member->service, cancel_question, question, question_unref);
  } else {
    question_unref (question);
  }
  return answer;
}
