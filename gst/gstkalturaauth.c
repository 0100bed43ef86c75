/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * SECTION:element-kalturaauth
 * @title: kalturaauth
 * @short_description: lets media through when Kaltura says that the encoder may broadcast
 *
 * Stands behind the source. Holds the first data until liveStream.authenticate has accepted the entry and token; lets
 * everything through from then on. Without a yes nothing passes: a wrong token, an unknown entry, a server that does
 * not answer within the configured timeout all end in an element error of the domain GST_RESOURCE_ERROR, code
 * NOT_AUTHORIZED, with details `code` (string, of the API, or "TRANSPORT", "GARBAGE" or "INPUT") and `message`
 * (string).
 *
 * Entry, partner, index and token come from #GstKalturaAuth:broadcast-url or the four properties; the address of the
 * server and the secret from #GstKalturaAuth:config-file, never from a property. The element makes the context
 * `kaltura.session` for kalturaregister out of them. An application that has authenticated already sets such a
 * context with `authenticated` true; then data goes through at once.
 *
 * The element posts `kaltura-authenticated` when it has been told yes: `entry-id` (string), `partner-id` (int),
 * `server-index` (int), `conversion-profile-id` (int, 0 = none), `dvr` (boolean), `recording` (boolean).
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 filesrc location=input.flv ! \
 *     kalturaauth config-file=klive.conf broadcast-url="rtmp://host/kLive/?p=102&e=0_rkij47dr&i=0&t=dj94kfit" ! \
 *     fakesink
 * ]| Reads a file if Kaltura permits (needs a Kaltura server; run by the end-to-end tests).
 */
#include "gstkalturaauth.h"

#include <kaltura-error.h>
#include <kaltura-stream.h>

#include "gstkalturamember.h"

GST_DEBUG_CATEGORY_STATIC (gst_kaltura_auth_debug);
#define GST_CAT_DEFAULT gst_kaltura_auth_debug

#define DEFAULT_CONFIG_FILE NULL
#define DEFAULT_ENTRY_ID NULL
#define DEFAULT_PARTNER_ID 0
#define DEFAULT_SERVER_INDEX 0

enum {
  PROP_0,
  PROP_BROADCAST_URL,
  PROP_ENTRY_ID,
  PROP_PARTNER_ID,
  PROP_TOKEN,
  PROP_SERVER_INDEX,
  PROP_CONFIG_FILE,
  N_PROPERTIES
};

static GParamSpec *properties[N_PROPERTIES];

static GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE ("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);
static GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE ("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

struct _GstKalturaAuth {
  GstBaseTransform parent;

  /* object lock; secrets: the URL and the token */
  char *broadcast_url;
  char *entry_id;
  gint partner_id;
  char *token;
  gint server_index;
  char *config_file;

  GMutex lock;    /* guards the rest; never held while waiting or posting */
  gboolean ready; /* state is READY or more */
  gboolean flushing;
  GstKalturaSession *session; /* NULL = not known yet */
  GstKalturaMember *member;   /* keeps the client; NULL = an application does the talking */
  GCancellable *cancellable;  /* of the question under way; NULL = none */

  gboolean open; /* streaming thread: data goes through */
};

G_DEFINE_FINAL_TYPE (GstKalturaAuth, gst_kaltura_auth, GST_TYPE_BASE_TRANSFORM)
GST_ELEMENT_REGISTER_DEFINE (kalturaauth, "kalturaauth", GST_RANK_NONE, GST_TYPE_KALTURA_AUTH)

/* Settings */

/* Entry, partner, index and token, from the URL or the four properties. */
static KalturaBroadcast *
make_broadcast (GstKalturaAuth *self, GError **error)
{
  g_autoptr (KalturaBroadcast) broadcast = NULL;
  GST_OBJECT_LOCK (self);
  if (self->broadcast_url != NULL) {
    broadcast = kaltura_broadcast_parse (self->broadcast_url, error);
  } else if (self->entry_id == NULL || !kaltura_entry_id_is_valid (self->entry_id)) {
    g_set_error_literal (error, KALTURA_ERROR, KALTURA_ERROR_INPUT, "entry-id: expected an id as 0_rkij47dr");
  } else if (self->partner_id <= 0) {
    g_set_error_literal (error, KALTURA_ERROR, KALTURA_ERROR_INPUT, "partner-id: expected a number above 0");
  } else if (self->token == NULL || *self->token == '\0') {
    g_set_error_literal (error, KALTURA_ERROR, KALTURA_ERROR_INPUT, "token: expected the entry's token");
  } else {
    broadcast = g_new0 (KalturaBroadcast, 1);
    broadcast->partner_id = self->partner_id;
    broadcast->server_index = self->server_index;
    broadcast->token = g_strdup (self->token);
    g_strlcpy (broadcast->entry_id, self->entry_id, sizeof (broadcast->entry_id));
  }
  GST_OBJECT_UNLOCK (self);
  return g_steal_pointer (&broadcast);
}

static gboolean
has_settings (GstKalturaAuth *self)
{
  GST_OBJECT_LOCK (self);
  gboolean has = self->config_file != NULL;
  GST_OBJECT_UNLOCK (self);
  return has;
}

/* The session that properties and configuration file make. */
static GstKalturaSession *
make_session (GstKalturaAuth *self, GError **error)
{
  g_autoptr (KalturaBroadcast) broadcast = make_broadcast (self, error);
  if (broadcast == NULL) {
    return NULL;
  }
  GST_OBJECT_LOCK (self);
  g_autofree char *path = g_strdup (self->config_file);
  GST_OBJECT_UNLOCK (self);
  g_autoptr (KalturaConfig) config = kaltura_config_load (path, error);
  if (config == NULL) {
    return NULL;
  }
  return gst_kaltura_session_from_config (config, broadcast->partner_id, broadcast->entry_id, broadcast->server_index);
}

static void
publish_context (GstKalturaAuth *self, const GstKalturaSession *session)
{
  GstContext *context = gst_kaltura_session_to_context (session);
  gst_element_set_context (GST_ELEMENT (self), context);
  gst_element_post_message (GST_ELEMENT (self), gst_message_new_have_context (GST_OBJECT (self), context));
}

/* Reads the settings, if there are any. FALSE = they are wrong, and an error has been posted. */
static gboolean
become_ready (GstKalturaAuth *self)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GstKalturaSession) session = NULL;
  if (has_settings (self)) {
    session = make_session (self, &error);
    if (session == NULL) {
      GST_ELEMENT_ERROR (self, RESOURCE, SETTINGS, ("%s", error->message), (NULL));
      return FALSE;
    }
  }
  g_autoptr (GstContext) context = gst_element_get_context (GST_ELEMENT (self), GST_KALTURA_SESSION_CONTEXT);
  g_mutex_lock (&self->lock);
  self->ready = TRUE;
  if (session != NULL) {
    GstKalturaMemberSettings settings = { 0 };
    self->session = g_steal_pointer (&session);
    self->member = gst_kaltura_member_join (self->session, GST_KALTURA_MEMBER_SILENT, &settings, GST_ELEMENT (self));
  } else if (context != NULL) {
    self->session = gst_kaltura_session_from_context (context);
  }
  gboolean known = self->session != NULL;
  g_mutex_unlock (&self->lock);
  if (!known) {
    gst_element_post_message (GST_ELEMENT (self),
        gst_message_new_need_context (GST_OBJECT (self), GST_KALTURA_SESSION_CONTEXT));
  }
  return TRUE;
}

static void
become_null (GstKalturaAuth *self)
{
  g_mutex_lock (&self->lock);
  GstKalturaMember *member = g_steal_pointer (&self->member);
  g_clear_pointer (&self->session, gst_kaltura_session_free);
  self->ready = FALSE;
  g_mutex_unlock (&self->lock);
  if (member != NULL) {
    gst_kaltura_member_leave (member);
  }
}

/* An application's context. What this element has made of its own settings stays. */
static void
gst_kaltura_auth_set_context (GstElement *element, GstContext *context)
{
  GstKalturaAuth *self = GST_KALTURA_AUTH (element);
  GST_ELEMENT_CLASS (gst_kaltura_auth_parent_class)->set_context (element, context);
  g_autoptr (GstKalturaSession) session = gst_kaltura_session_from_context (context);
  if (session == NULL) {
    return;
  }
  g_mutex_lock (&self->lock);
  if (self->ready && self->member == NULL) {
    g_clear_pointer (&self->session, gst_kaltura_session_free);
    self->session = g_steal_pointer (&session);
  }
  g_mutex_unlock (&self->lock);
}

/* Authentication */

static char *
dup_code (const GError *error)
{
  if (error->domain != KALTURA_ERROR) {
    return g_strdup ("TRANSPORT");
  }
  char *code = kaltura_error_dup_api_code (error);
  if (code != NULL) {
    return code;
  }
  return g_strdup (error->code == KALTURA_ERROR_INPUT ? "INPUT"
          : error->code == KALTURA_ERROR_GARBAGE      ? "GARBAGE"
                                                      : "TRANSPORT");
}

static GstFlowReturn
refuse (GstKalturaAuth *self, const GError *error)
{
  g_autofree char *code = dup_code (error);
  GST_ELEMENT_ERROR_WITH_DETAILS (self, RESOURCE, NOT_AUTHORIZED, ("%s", error->message), (NULL),
      ("code", G_TYPE_STRING, code, "message", G_TYPE_STRING, error->message, NULL));
  return GST_FLOW_ERROR;
}

static void
post_authenticated (GstKalturaAuth *self, const GstKalturaSession *session, const KalturaEntry *entry)
{
  gst_element_post_message (GST_ELEMENT (self),
      gst_message_new_element (GST_OBJECT (self),
          gst_structure_new ("kaltura-authenticated", "entry-id", G_TYPE_STRING, session->entry_id, "partner-id",
              G_TYPE_INT, session->partner_id, "server-index", G_TYPE_INT, session->server_index,
              "conversion-profile-id", G_TYPE_INT, entry->conversion_profile_id, "dvr", G_TYPE_BOOLEAN,
              entry->dvr_enabled, "recording", G_TYPE_BOOLEAN, entry->record_status != KALTURA_RECORD_DISABLED, NULL)));
}

/* Asks and waits for the answer. NULL with an error, G_IO_ERROR_CANCELLED if it is not wanted any more. */
static KalturaEntry *
ask (GstKalturaAuth *self, GError **error)
{
  g_autoptr (KalturaBroadcast) broadcast = make_broadcast (self, error);
  if (broadcast == NULL) {
    return NULL;
  }
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_mutex_lock (&self->lock);
  if (self->flushing) {
    g_cancellable_cancel (cancellable);
  }
  self->cancellable = g_object_ref (cancellable);
  GstKalturaMember *member = self->member; /* stays until the streaming thread has ended */
  g_mutex_unlock (&self->lock);

  KalturaEntry *entry = gst_kaltura_member_authenticate (member, broadcast->token, cancellable, error);

  g_mutex_lock (&self->lock);
  g_clear_object (&self->cancellable);
  g_mutex_unlock (&self->lock);
  return entry;
}

/* Waits until data may go through. */
static GstFlowReturn
authenticate (GstKalturaAuth *self)
{
  g_mutex_lock (&self->lock);
  g_autoptr (GstKalturaSession) session = self->session != NULL ? gst_kaltura_session_copy (self->session) : NULL;
  gboolean can_ask = self->member != NULL;
  g_mutex_unlock (&self->lock);
  if (session != NULL && session->authenticated) {
    return GST_FLOW_OK;
  }
  g_autoptr (GError) error = NULL;
  if (!can_ask) {
    error = g_error_new (KALTURA_ERROR, KALTURA_ERROR_INPUT,
        "neither config-file nor a context %s with authenticated=true is set", GST_KALTURA_SESSION_CONTEXT);
    return refuse (self, error);
  }
  g_autoptr (KalturaEntry) entry = ask (self, &error);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
    return GST_FLOW_FLUSHING;
  }
  if (entry == NULL) {
    return refuse (self, error);
  }
  session->authenticated = TRUE;
  publish_context (self, session);
  post_authenticated (self, session, entry);
  return GST_FLOW_OK;
}

static GstFlowReturn
gst_kaltura_auth_transform_ip (GstBaseTransform *transform, GstBuffer *buffer)
{
  GstKalturaAuth *self = GST_KALTURA_AUTH (transform);
  if (G_LIKELY (self->open)) {
    return GST_FLOW_OK;
  }
  GstFlowReturn flow = authenticate (self);
  self->open = flow == GST_FLOW_OK;
  return flow;
}

static void
set_flushing (GstKalturaAuth *self, gboolean flushing)
{
  g_mutex_lock (&self->lock);
  self->flushing = flushing;
  g_autoptr (GCancellable) cancellable =
      flushing && self->cancellable != NULL ? g_object_ref (self->cancellable) : NULL;
  g_mutex_unlock (&self->lock);
  if (cancellable != NULL) {
    g_cancellable_cancel (cancellable);
  }
}

static gboolean
gst_kaltura_auth_sink_event (GstBaseTransform *transform, GstEvent *event)
{
  GstKalturaAuth *self = GST_KALTURA_AUTH (transform);
  if (GST_EVENT_TYPE (event) == GST_EVENT_FLUSH_START) {
    set_flushing (self, TRUE);
  } else if (GST_EVENT_TYPE (event) == GST_EVENT_FLUSH_STOP) {
    set_flushing (self, FALSE);
  }
  return GST_BASE_TRANSFORM_CLASS (gst_kaltura_auth_parent_class)->sink_event (transform, event);
}

/* Answers kalturaregister. */
static gboolean
gst_kaltura_auth_query (GstBaseTransform *transform, GstPadDirection direction, GstQuery *query)
{
  const char *type;
  if (GST_QUERY_TYPE (query) == GST_QUERY_CONTEXT && gst_query_parse_context_type (query, &type) &&
      g_strcmp0 (type, GST_KALTURA_SESSION_CONTEXT) == 0) {
    g_autoptr (GstContext) context = gst_element_get_context (GST_ELEMENT (transform), type);
    if (context != NULL) {
      gst_query_set_context (query, context);
      return TRUE;
    }
  }
  return GST_BASE_TRANSFORM_CLASS (gst_kaltura_auth_parent_class)->query (transform, direction, query);
}

/* State */

static GstStateChangeReturn
gst_kaltura_auth_change_state (GstElement *element, GstStateChange transition)
{
  GstKalturaAuth *self = GST_KALTURA_AUTH (element);
  switch (transition) {
    case GST_STATE_CHANGE_NULL_TO_READY:
      if (!become_ready (self)) {
        return GST_STATE_CHANGE_FAILURE;
      }
      break;
    case GST_STATE_CHANGE_READY_TO_PAUSED:
      self->open = FALSE;
      set_flushing (self, FALSE);
      break;
    case GST_STATE_CHANGE_PAUSED_TO_READY:
      set_flushing (self, TRUE);
      break;
    default:
      break;
  }
  GstStateChangeReturn result = GST_ELEMENT_CLASS (gst_kaltura_auth_parent_class)->change_state (element, transition);
  if (transition == GST_STATE_CHANGE_READY_TO_NULL ||
      (transition == GST_STATE_CHANGE_NULL_TO_READY && result == GST_STATE_CHANGE_FAILURE)) {
    become_null (self);
  }
  return result;
}

/* Properties */

static void
gst_kaltura_auth_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstKalturaAuth *self = GST_KALTURA_AUTH (object);
  GST_OBJECT_LOCK (self);
  switch (id) {
    case PROP_BROADCAST_URL:
      g_free (self->broadcast_url);
      self->broadcast_url = g_value_dup_string (value);
      break;
    case PROP_ENTRY_ID:
      g_free (self->entry_id);
      self->entry_id = g_value_dup_string (value);
      break;
    case PROP_PARTNER_ID:
      self->partner_id = g_value_get_int (value);
      break;
    case PROP_TOKEN:
      g_free (self->token);
      self->token = g_value_dup_string (value);
      break;
    case PROP_SERVER_INDEX:
      self->server_index = g_value_get_int (value);
      break;
    case PROP_CONFIG_FILE:
      g_free (self->config_file);
      self->config_file = g_value_dup_string (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      break;
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_kaltura_auth_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstKalturaAuth *self = GST_KALTURA_AUTH (object);
  GST_OBJECT_LOCK (self);
  switch (id) {
    case PROP_ENTRY_ID:
      g_value_set_string (value, self->entry_id);
      break;
    case PROP_PARTNER_ID:
      g_value_set_int (value, self->partner_id);
      break;
    case PROP_SERVER_INDEX:
      g_value_set_int (value, self->server_index);
      break;
    case PROP_CONFIG_FILE:
      g_value_set_string (value, self->config_file);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      break;
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_kaltura_auth_finalize (GObject *object)
{
  GstKalturaAuth *self = GST_KALTURA_AUTH (object);
  g_free (self->broadcast_url);
  g_free (self->entry_id);
  g_free (self->token);
  g_free (self->config_file);
  g_clear_pointer (&self->session, gst_kaltura_session_free);
  g_mutex_clear (&self->lock);
  G_OBJECT_CLASS (gst_kaltura_auth_parent_class)->finalize (object);
}

static void
gst_kaltura_auth_class_init (GstKalturaAuthClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  GstBaseTransformClass *transform_class = GST_BASE_TRANSFORM_CLASS (klass);
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY;
  const GParamFlags secret = G_PARAM_WRITABLE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY;

  GST_DEBUG_CATEGORY_INIT (gst_kaltura_auth_debug, "kalturaauth", 0, "Kaltura authentication");
  object_class->set_property = gst_kaltura_auth_set_property;
  object_class->get_property = gst_kaltura_auth_get_property;
  object_class->finalize = gst_kaltura_auth_finalize;

  properties[PROP_BROADCAST_URL] = g_param_spec_string ("broadcast-url", "Broadcast URL",
      "The encoder's URL or its query, \"p=102&e=0_rkij47dr&i=0&t=TOKEN\", in place of the next four; cannot be read",
      NULL, secret);
  properties[PROP_ENTRY_ID] =
      g_param_spec_string ("entry-id", "Entry id", "Live entry, as in 0_rkij47dr", DEFAULT_ENTRY_ID, flags);
  properties[PROP_PARTNER_ID] = g_param_spec_int ("partner-id", "Partner id",
      "Partner that the entry belongs to; 0 = not set", 0, G_MAXINT, DEFAULT_PARTNER_ID, flags);
  properties[PROP_TOKEN] = g_param_spec_string ("token", "Token", "Token of the entry; cannot be read", NULL, secret);
  properties[PROP_SERVER_INDEX] =
      g_param_spec_int ("server-index", "Server index", "0 = primary, 1 = backup", 0, 1, DEFAULT_SERVER_INDEX, flags);
  properties[PROP_CONFIG_FILE] = g_param_spec_string ("config-file", "Configuration file",
      "klive.conf, for the address of the server and the secret; not set = an application gives the session",
      DEFAULT_CONFIG_FILE, flags);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);

  element_class->change_state = gst_kaltura_auth_change_state;
  element_class->set_context = gst_kaltura_auth_set_context;
  transform_class->transform_ip = gst_kaltura_auth_transform_ip;
  transform_class->transform_ip_on_passthrough = TRUE;
  transform_class->passthrough_on_same_caps = TRUE;
  transform_class->sink_event = gst_kaltura_auth_sink_event;
  transform_class->query = gst_kaltura_auth_query;
  gst_element_class_add_static_pad_template (element_class, &sink_template);
  gst_element_class_add_static_pad_template (element_class, &src_template);
  gst_element_class_set_static_metadata (element_class, "Kaltura authentication", "Generic",
      "Holds a stream until Kaltura has accepted its entry and token", "klive developers");
}

static void
gst_kaltura_auth_init (GstKalturaAuth *self)
{
  g_mutex_init (&self->lock);
  self->partner_id = DEFAULT_PARTNER_ID;
  self->server_index = DEFAULT_SERVER_INDEX;
  gst_base_transform_set_passthrough (GST_BASE_TRANSFORM (self), TRUE);
  gst_base_transform_set_gap_aware (GST_BASE_TRANSFORM (self), TRUE);
}
