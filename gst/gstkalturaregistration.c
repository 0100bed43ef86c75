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

GST_DEBUG_CATEGORY_STATIC (gst_kaltura_registration_debug);
#define GST_CAT_DEFAULT gst_kaltura_registration_debug

#define BACKOFF_MIN (1 * G_USEC_PER_SEC)
#define BACKOFF_MAX (30 * G_USEC_PER_SEC)
#define BACKOFF_JITTER 0.2
#define KEEP_ALIVE_JITTER 0.1 /* earlier, so that entries that began together do not call together for ever */
/* Kaltura forgets what is not renewed for this long (kaltura/API.md "liveStream.registerMediaServer"). */
#define LEASE (70 * G_USEC_PER_SEC)
/* Between two register calls that tracks that begin ask for: one call does for tracks that begin together. */
#define FRESH (1 * G_USEC_PER_SEC)
#define NEVER G_MAXINT64

GMutex gst_kaltura_registration_lock;
GCond gst_kaltura_registration_changed;
static GHashTable *registrations; /* lock; by key; NULL = empty */

GstKalturaRegistration *
gst_kaltura_registration_ref (GstKalturaRegistration *registration)
{
  g_atomic_int_inc (&registration->refs);
  return registration;
}

void
gst_kaltura_registration_unref (gpointer data)
{
  GstKalturaRegistration *registration = data;
  if (g_atomic_int_dec_and_test (&registration->refs)) {
    g_free (registration->key);
    gst_kaltura_session_free (registration->session);
    g_clear_object (&registration->cancellable);
    g_free (registration);
  }
}

void
gst_kaltura_registration_wake (GstKalturaRegistration *registration)
{
  gst_kaltura_service_invoke (registration->service, gst_kaltura_registration_step,
      gst_kaltura_registration_ref (registration), gst_kaltura_registration_unref);
}

/* Messages */

/* Posts @structure (transfer full) from every element that posts. Without the lock. */
static void
post (GstKalturaRegistration *registration, GstStructure *structure)
{
  g_autoptr (GPtrArray) elements = g_ptr_array_new_with_free_func (gst_object_unref);
  g_mutex_lock (&gst_kaltura_registration_lock);
  for (GList *item = registration->members; item != NULL; item = item->next) {
    GstKalturaMember *member = item->data;
    if (member->kind == GST_KALTURA_MEMBER_POSTS) {
      g_ptr_array_add (elements, gst_object_ref (member->element));
    }
  }
  g_mutex_unlock (&gst_kaltura_registration_lock);
  for (guint i = 0; i < elements->len; i++) {
    GstElement *element = elements->pdata[i];
    gst_element_post_message (element, gst_message_new_element (GST_OBJECT (element), gst_structure_copy (structure)));
  }
  gst_structure_free (structure);
}

/* Remembers whether the entry is registered and tells a change. */
static void
set_registered (GstKalturaRegistration *registration, gboolean registered)
{
  g_mutex_lock (&gst_kaltura_registration_lock);
  gboolean same = registration->registered == registered;
  registration->registered = registered;
  g_mutex_unlock (&gst_kaltura_registration_lock);
  if (same) {
    return;
  }
  GST_INFO ("entry %s, index %d is %s", registration->session->entry_id, registration->session->server_index,
      registered ? "registered" : "not registered any more");
  post (registration,
      gst_structure_new (registered ? "kaltura-registered" : "kaltura-unregistered", "entry-id", G_TYPE_STRING,
          registration->session->entry_id, "server-index", G_TYPE_INT, registration->session->server_index, "hostname",
          G_TYPE_STRING, registration->session->hostname, NULL));
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
post_failure (GstKalturaRegistration *registration, const GError *error)
{
  g_autofree char *code = dup_code (error);
  GST_WARNING ("entry %s: %s", registration->session->entry_id, error->message);
  post (registration,
      gst_structure_new ("kaltura-register-failed", "entry-id", G_TYPE_STRING, registration->session->entry_id,
          "server-index", G_TYPE_INT, registration->session->server_index, "code", G_TYPE_STRING, code, "message",
          G_TYPE_STRING, error->message, "passing", G_TYPE_BOOLEAN, kaltura_error_is_passing (error), NULL));
}

/* Calls */

KalturaClient *
gst_kaltura_registration_get_client (GstKalturaRegistration *registration)
{
  if (registration->client == NULL) {
    const GstKalturaSession *session = registration->session;
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
    registration->client = kaltura_client_new (&settings);
    if (session->secret == NULL) {
      g_mutex_lock (&gst_kaltura_registration_lock);
      kaltura_client_set_ks (registration->client, session->ks);
      g_mutex_unlock (&gst_kaltura_registration_lock);
    }
  }
  return registration->client;
}

/* From 1 s, doubled each time, 20 % up or down. */
static void
back_off (GstKalturaRegistration *registration, gint64 now)
{
  registration->backoff = CLAMP (registration->backoff * 2, BACKOFF_MIN, BACKOFF_MAX);
  registration->again = NEVER;
  registration->next_call =
      now + (gint64) (registration->backoff * g_random_double_range (1 - BACKOFF_JITTER, 1 + BACKOFF_JITTER));
}

/* A clear no, which a new session string would not change. */
static gboolean
is_refusal (const GError *error)
{
  return !kaltura_error_is_passing (error) && !kaltura_error_is_api_code (error, "INVALID_KS") &&
      !kaltura_error_is_api_code (error, "MISSING_KS");
}

static guint get_keep_alive (const GstKalturaRegistration *registration);

static void
on_registered (GObject *source, GAsyncResult *result, gpointer data)
{
  GstKalturaRegistration *registration = data;
  g_autoptr (GError) error = NULL;
  gint64 now = g_get_monotonic_time ();
  gboolean done = kaltura_live_register_finish (result, &error);
  registration->call = GST_KALTURA_CALL_NONE;
  if (done) {
    g_mutex_lock (&gst_kaltura_registration_lock);
    gint64 keep_alive = get_keep_alive (registration) * G_USEC_PER_SEC;
    g_mutex_unlock (&gst_kaltura_registration_lock);
    registration->next_call =
        registration->call_began + (gint64) (keep_alive * g_random_double_range (1 - KEEP_ALIVE_JITTER, 1));
    registration->backoff = 0;
    registration->last_success = registration->call_began;
    set_registered (registration, TRUE);
  } else if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
    back_off (registration, now);
    post_failure (registration, error);
    if (is_refusal (error)) {
      set_registered (registration, FALSE);
      registration->told = FALSE;
    }
  }
  gst_kaltura_registration_step (registration);
  gst_kaltura_registration_unref (registration);
}

static void
on_unregistered (GObject *source, GAsyncResult *result, gpointer data)
{
  GstKalturaRegistration *registration = data;
  g_autoptr (GError) error = NULL;
  gint64 now = g_get_monotonic_time ();
  gboolean done = kaltura_live_unregister_finish (result, &error);
  registration->call = GST_KALTURA_CALL_NONE;
  if (!done && kaltura_error_is_passing (error) && now < registration->unregister_end) {
    back_off (registration, now);
    registration->unregister_failed = TRUE;
  } else {
    registration->told = FALSE;
    registration->backoff = 0;
    registration->next_call = 0;
  }
  if (!done && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
    GST_WARNING ("entry %s: %s", registration->session->entry_id, error->message);
  }
  if (!registration->told) {
    set_registered (registration, FALSE);
  }
  gst_kaltura_registration_step (registration);
  gst_kaltura_registration_unref (registration);
}

static void
start_call (GstKalturaRegistration *registration, GstKalturaCallKind kind)
{
  const GstKalturaSession *session = registration->session;
  registration->call = kind;
  registration->call_began = g_get_monotonic_time ();
  registration->again = NEVER;
  g_clear_object (&registration->cancellable);
  registration->cancellable = g_cancellable_new ();
  if (kind == GST_KALTURA_CALL_REGISTER) {
    registration->told = TRUE;
    registration->unregister_end = 0;
    registration->unregister_failed = FALSE;
    kaltura_live_register_async (gst_kaltura_registration_get_client (registration), session->partner_id,
        session->entry_id, session->hostname, session->server_index, session->application, registration->cancellable,
        on_registered, gst_kaltura_registration_ref (registration));
  } else {
    if (registration->unregister_end == 0) {
      registration->unregister_end = registration->call_began + LEASE;
      registration->backoff = 0;
    }
    kaltura_live_unregister_async (gst_kaltura_registration_get_client (registration), session->partner_id,
        session->entry_id, session->hostname, session->server_index, registration->cancellable, on_unregistered,
        gst_kaltura_registration_ref (registration));
  }
}

/* What should be */

/* Lock. */
static guint
get_keep_alive (const GstKalturaRegistration *registration)
{
  guint keep_alive = registration->session->keep_alive;
  for (GList *item = registration->members; item != NULL; item = item->next) {
    const GstKalturaMember *member = item->data;
    if (member->settings.keep_alive > 0) {
      keep_alive = MIN (keep_alive, member->settings.keep_alive);
    }
  }
  return MAX (keep_alive, 1);
}

/* Lock. When the state of the tracks will have lasted long enough to count. */
static gint64
get_track_deadline (const GstKalturaRegistration *registration)
{
  guint min_buffer_time = 0;
  guint linger = 0;
  for (GList *item = registration->members; item != NULL; item = item->next) {
    const GstKalturaMember *member = item->data;
    min_buffer_time = MAX (min_buffer_time, member->settings.min_buffer_time);
    linger = MAX (linger, member->settings.linger);
  }
  return registration->tracks > 0 ? registration->tracks_began + min_buffer_time * G_USEC_PER_SEC
                                  : registration->tracks_ended + linger * G_USEC_PER_SEC;
}

/* Lock. Brings wanted up to date; returns when to look again. */
static gint64
update_wanted (GstKalturaRegistration *registration, gint64 now)
{
  gboolean flows = registration->tracks > 0;
  if (registration->staying == 0) {
    registration->wanted = FALSE;
    return NEVER;
  }
  if (registration->wanted == flows) {
    return NEVER;
  }
  gint64 deadline = get_track_deadline (registration);
  if (now < deadline) {
    return deadline;
  }
  registration->wanted = flows;
  registration->again = NEVER;
  registration->next_call = 0;
  registration->backoff = 0;
  return NEVER;
}

/* Nothing more is to be done for a registration without members. Lock. */
static void
end_registration (GstKalturaRegistration *registration)
{
  registration->over = TRUE;
  if (registrations != NULL && g_hash_table_lookup (registrations, registration->key) == registration) {
    g_hash_table_remove (registrations, registration->key);
  }
  if (registrations != NULL && g_hash_table_size (registrations) == 0) {
    g_clear_pointer (&registrations, g_hash_table_unref);
  }
  g_cond_broadcast (&gst_kaltura_registration_changed);
}

static gboolean
on_timer (gpointer data)
{
  GstKalturaRegistration *registration = gst_kaltura_registration_ref (data);
  g_source_set_ready_time (registration->timer, -1);
  gst_kaltura_registration_step (registration);
  gst_kaltura_registration_unref (registration);
  return G_SOURCE_CONTINUE;
}

static gboolean
dispatch_timer (GSource *source, GSourceFunc callback, gpointer data)
{
  return callback (data);
}

static GSourceFuncs timer_funcs = { NULL, NULL, dispatch_timer, NULL, NULL, NULL };

static void
set_timer (GstKalturaRegistration *registration, gint64 when)
{
  if (registration->timer == NULL) {
    registration->timer = g_source_new (&timer_funcs, sizeof (GSource));
    g_source_set_callback (registration->timer, on_timer, registration, NULL);
    gst_kaltura_service_attach (registration->service, registration->timer);
  }
  g_source_set_ready_time (registration->timer, when == NEVER ? -1 : when);
}

static void
drop_resources (GstKalturaRegistration *registration)
{
  if (registration->timer != NULL) {
    g_source_destroy (registration->timer);
    g_clear_pointer (&registration->timer, g_source_unref);
  }
  g_clear_pointer (&registration->client, kaltura_client_unref);
  gst_kaltura_service_release (registration->service);
}

/* Lock. The session string that came last, once. */
static void
take_renewal (GstKalturaRegistration *registration)
{
  if (!registration->renewed) {
    return;
  }
  registration->renewed = FALSE;
  if (registration->client != NULL && registration->session->secret == NULL) {
    kaltura_client_set_ks (registration->client, registration->session->ks);
  }
  if (registration->backoff > 0) {
    registration->backoff = 0;
    registration->next_call = 0;
  }
}

/*
 * Lock. In the current API an authentication, which came before the track, sets a playable entry back to
 * AUTHENTICATED (see server: LiveEntry.setMediaServer): players see it live again only with the next register call.
 */
static void
take_begin (GstKalturaRegistration *registration, gint64 now)
{
  gboolean begun = registration->begun;
  registration->begun = FALSE;
  if (begun && registration->wanted && registration->backoff == 0) {
    registration->again = MAX (now, registration->call_began + FRESH); /* a younger call may have come before it */
  }
}

gboolean
gst_kaltura_registration_step (gpointer data)
{
  GstKalturaRegistration *registration = data;
  gint64 now = g_get_monotonic_time ();

  g_mutex_lock (&gst_kaltura_registration_lock);
  if (registration->over) {
    g_mutex_unlock (&gst_kaltura_registration_lock);
    return G_SOURCE_REMOVE;
  }
  take_renewal (registration);
  gint64 deadline = update_wanted (registration, now);
  take_begin (registration, now);
  gboolean leaving = registration->staying == 0;
  gboolean cancel = leaving && (registration->given_up || registration->call == GST_KALTURA_CALL_REGISTER);
  gboolean busy = registration->call != GST_KALTURA_CALL_NONE || registration->questions > 0;
  gboolean give_up = leaving && (registration->given_up || registration->unregister_failed);
  gboolean end = leaving && !busy && (!registration->told || give_up);
  if (end) {
    end_registration (registration);
  }
  g_mutex_unlock (&gst_kaltura_registration_lock);

  if (end) {
    drop_resources (registration);
    return G_SOURCE_REMOVE;
  }
  if (registration->registered && now - registration->last_success > LEASE) {
    set_registered (registration, FALSE);
  }
  if (registration->call != GST_KALTURA_CALL_NONE) {
    if (cancel) {
      g_cancellable_cancel (registration->cancellable);
    }
  } else if (registration->wanted || registration->told) {
    gint64 next_call = MIN (registration->next_call, registration->again);
    if (leaving || now >= next_call) {
      start_call (registration, registration->wanted ? GST_KALTURA_CALL_REGISTER : GST_KALTURA_CALL_UNREGISTER);
    } else {
      deadline = MIN (deadline, next_call);
    }
  }
  set_timer (registration, deadline);
  return G_SOURCE_REMOVE;
}

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
static GstKalturaRegistration *
add_registration (char *key, const GstKalturaSession *session, GstKalturaService *service)
{
  GstKalturaRegistration *registration = g_new0 (GstKalturaRegistration, 1);
  registration->refs = 1; /* the table's */
  registration->again = NEVER;
  registration->key = key;
  registration->service = service;
  registration->session = gst_kaltura_session_copy (session);
  if (registrations == NULL) {
    registrations = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, gst_kaltura_registration_unref);
  }
  g_hash_table_replace (registrations, registration->key, registration);
  gst_kaltura_service_hold (service);
  return registration;
}

GstKalturaRegistration *
gst_kaltura_registration_get (const GstKalturaSession *session, GstKalturaService *service)
{
  g_autofree char *key = gst_kaltura_session_make_key (session);
  ensure_debug_category ();
  GstKalturaRegistration *registration = registrations != NULL ? g_hash_table_lookup (registrations, key) : NULL;
  if (registration == NULL || registration->given_up) {
    registration = add_registration (g_steal_pointer (&key), session, service);
  }
  return gst_kaltura_registration_ref (registration);
}
