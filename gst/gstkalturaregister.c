/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * SECTION:element-kalturaregister
 * @title: kalturaregister
 * @short_description: tells Kaltura that an entry is on air
 *
 * Lets everything through and never waits. Once media has flowed for #GstKalturaRegister:min-buffer-time the entry is
 * registered with Kaltura (liveStream.registerMediaServer), and again every #GstKalturaRegister:keep-alive. It is
 * unregistered #GstKalturaRegister:linger after the last track has ended, or at once when the last element of the
 * entry goes to NULL. One element stands on every track; all of a process that belong to the same entry and index share
 * one registration. What fails is tried again, after 1 s at first, then less and less often down to every 30 s.
 *
 * Which entry it is, the element learns from the context `kaltura.session`: from kalturaauth in the same pipeline, or
 * from the application. Its fields are described in gstkalturasession.h. Without one the element warns on the bus and
 * does nothing.
 *
 * The element posts
 *
 * * `kaltura-registered` and `kaltura-unregistered`: `entry-id` (string), `server-index` (int), `hostname` (string);
 * * `kaltura-register-failed`: `entry-id`, `server-index`, `code` (string, of the API, or "TRANSPORT" or "GARBAGE"),
 *   `message` (string), `passing` (boolean, the same call may succeed later without anybody doing anything).
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 -e rtmp2src location=rtmp://127.0.0.1/kLive/0_rkij47dr_1 ! \
 *     kalturaauth config-file=klive.conf entry-id=0_rkij47dr partner-id=102 token=dj94kfit ! flvdemux name=demux \
 *     demux.video ! queue ! kalturaregister ! h264parse ! hls.video \
 *     demux.audio ! queue ! kalturaregister ! aacparse ! hls.audio \
 *     hlssink2 name=hls location=segment-%05d.ts
 * ]| Puts a stream on air (needs an RTMP server and a Kaltura server; run by the end-to-end tests).
 */
#include "gstkalturaregister.h"

#include "gstkalturamember.h"

GST_DEBUG_CATEGORY_STATIC (gst_kaltura_register_debug);
#define GST_CAT_DEFAULT gst_kaltura_register_debug

#define DEFAULT_APPLICATION NULL
#define DEFAULT_MIN_BUFFER_TIME 5
#define DEFAULT_KEEP_ALIVE 0
#define DEFAULT_LINGER 0

enum { PROP_0, PROP_APPLICATION, PROP_MIN_BUFFER_TIME, PROP_KEEP_ALIVE, PROP_LINGER, PROP_REGISTERED, N_PROPERTIES };

static GParamSpec *properties[N_PROPERTIES];

static GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE ("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);
static GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE ("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

struct _GstKalturaRegister {
  GstBaseTransform parent;

  /* object lock */
  char *application;                         /* NULL = as the session says */
  guint min_buffer_time, keep_alive, linger; /* s */

  GMutex lock;              /* guards the rest; never held while waiting or posting */
  gboolean ready;           /* state is READY or more */
  gboolean flowing;         /* the track is live */
  GstKalturaMember *member; /* NULL = no session known, or not ready */

  gboolean seen; /* streaming thread: flowing has been set, so that nothing is locked for each buffer */
};

G_DEFINE_FINAL_TYPE (GstKalturaRegister, gst_kaltura_register, GST_TYPE_BASE_TRANSFORM)
GST_ELEMENT_REGISTER_DEFINE (kalturaregister, "kalturaregister", GST_RANK_NONE, GST_TYPE_KALTURA_REGISTER)

/* Session */

/* Joins the registration of @context's entry, or hands a new session string to it. */
static void
take_context (GstKalturaRegister *self, GstContext *context)
{
  g_autoptr (GstKalturaSession) session = gst_kaltura_session_from_context (context);
  if (session == NULL) {
    return;
  }
  GST_OBJECT_LOCK (self);
  GstKalturaMemberSettings settings = { self->min_buffer_time, self->keep_alive, self->linger };
  if (self->application != NULL) {
    g_free (session->application);
    session->application = g_strdup (self->application);
  }
  GST_OBJECT_UNLOCK (self);

  g_mutex_lock (&self->lock);
  if (self->member != NULL) {
    gst_kaltura_member_renew (self->member, session);
  } else if (self->ready) {
    self->member = gst_kaltura_member_join (session, GST_KALTURA_MEMBER_POSTS, &settings, GST_ELEMENT (self));
    if (self->flowing) {
      gst_kaltura_member_begin_track (self->member);
    }
  }
  g_mutex_unlock (&self->lock);
}

static void
gst_kaltura_register_set_context (GstElement *element, GstContext *context)
{
  GST_ELEMENT_CLASS (gst_kaltura_register_parent_class)->set_context (element, context);
  take_context (GST_KALTURA_REGISTER (element), context);
}

static gboolean
is_member (GstKalturaRegister *self)
{
  g_mutex_lock (&self->lock);
  gboolean member = self->member != NULL;
  g_mutex_unlock (&self->lock);
  return member;
}

/* Asks upstream, then the application, for a session, unless there is one. */
static void
find_session (GstKalturaRegister *self)
{
  g_autoptr (GstContext) known = gst_element_get_context (GST_ELEMENT (self), GST_KALTURA_SESSION_CONTEXT);
  if (known != NULL) {
    take_context (self, known);
    return;
  }
  g_autoptr (GstQuery) query = gst_query_new_context (GST_KALTURA_SESSION_CONTEXT);
  if (gst_pad_peer_query (GST_BASE_TRANSFORM_SINK_PAD (self), query)) {
    GstContext *context = NULL;
    gst_query_parse_context (query, &context);
    if (context != NULL) {
      gst_element_set_context (GST_ELEMENT (self), context);
      return;
    }
  }
  gst_element_post_message (GST_ELEMENT (self),
      gst_message_new_need_context (GST_OBJECT (self), GST_KALTURA_SESSION_CONTEXT));
}

/* Track */

static void
begin_track (GstKalturaRegister *self)
{
  if (!is_member (self)) {
    find_session (self);
  }
  g_mutex_lock (&self->lock);
  gboolean began = !self->flowing;
  self->flowing = TRUE;
  if (began && self->member != NULL) {
    gst_kaltura_member_begin_track (self->member);
  }
  gboolean lost = self->member == NULL;
  g_mutex_unlock (&self->lock);
  if (lost) {
    GST_ELEMENT_WARNING (self, RESOURCE, SETTINGS, ("Nobody says which Kaltura entry this is: nothing is registered"),
        ("no context %s: put kalturaauth in front", GST_KALTURA_SESSION_CONTEXT));
  }
}

static void
end_track (GstKalturaRegister *self)
{
  g_mutex_lock (&self->lock);
  if (self->flowing && self->member != NULL) {
    gst_kaltura_member_end_track (self->member);
  }
  self->flowing = FALSE;
  g_mutex_unlock (&self->lock);
  self->seen = FALSE;
}

static GstFlowReturn
gst_kaltura_register_transform_ip (GstBaseTransform *transform, GstBuffer *buffer)
{
  GstKalturaRegister *self = GST_KALTURA_REGISTER (transform);
  if (G_UNLIKELY (!self->seen)) {
    self->seen = TRUE;
    begin_track (self);
  }
  return GST_FLOW_OK;
}

static gboolean
gst_kaltura_register_sink_event (GstBaseTransform *transform, GstEvent *event)
{
  if (GST_EVENT_TYPE (event) == GST_EVENT_EOS) {
    end_track (GST_KALTURA_REGISTER (transform));
  }
  return GST_BASE_TRANSFORM_CLASS (gst_kaltura_register_parent_class)->sink_event (transform, event);
}

/* State */

static void
become_ready (GstKalturaRegister *self)
{
  g_mutex_lock (&self->lock);
  self->ready = TRUE;
  g_mutex_unlock (&self->lock);
  find_session (self);
}

static void
leave (GstKalturaRegister *self)
{
  g_mutex_lock (&self->lock);
  GstKalturaMember *member = g_steal_pointer (&self->member);
  self->ready = FALSE;
  g_mutex_unlock (&self->lock);
  if (member != NULL) {
    gst_kaltura_member_leave (member);
  }
}

static GstStateChangeReturn
gst_kaltura_register_change_state (GstElement *element, GstStateChange transition)
{
  GstKalturaRegister *self = GST_KALTURA_REGISTER (element);
  if (transition == GST_STATE_CHANGE_NULL_TO_READY) {
    become_ready (self);
  }
  GstStateChangeReturn result =
      GST_ELEMENT_CLASS (gst_kaltura_register_parent_class)->change_state (element, transition);
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY) {
    end_track (self);
  } else if (transition == GST_STATE_CHANGE_READY_TO_NULL) {
    leave (self);
  }
  return result;
}

/* Properties */

static void
gst_kaltura_register_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstKalturaRegister *self = GST_KALTURA_REGISTER (object);
  GST_OBJECT_LOCK (self);
  switch (id) {
    case PROP_APPLICATION:
      g_free (self->application);
      self->application = g_value_dup_string (value);
      break;
    case PROP_MIN_BUFFER_TIME:
      self->min_buffer_time = g_value_get_uint (value);
      break;
    case PROP_KEEP_ALIVE:
      self->keep_alive = g_value_get_uint (value);
      break;
    case PROP_LINGER:
      self->linger = g_value_get_uint (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      break;
  }
  GST_OBJECT_UNLOCK (self);
}

static gboolean
is_registered (GstKalturaRegister *self)
{
  g_mutex_lock (&self->lock);
  gboolean registered = self->member != NULL && gst_kaltura_member_is_registered (self->member);
  g_mutex_unlock (&self->lock);
  return registered;
}

static void
gst_kaltura_register_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstKalturaRegister *self = GST_KALTURA_REGISTER (object);
  if (id == PROP_REGISTERED) {
    g_value_set_boolean (value, is_registered (self));
    return;
  }
  GST_OBJECT_LOCK (self);
  switch (id) {
    case PROP_APPLICATION:
      g_value_set_string (value, self->application);
      break;
    case PROP_MIN_BUFFER_TIME:
      g_value_set_uint (value, self->min_buffer_time);
      break;
    case PROP_KEEP_ALIVE:
      g_value_set_uint (value, self->keep_alive);
      break;
    case PROP_LINGER:
      g_value_set_uint (value, self->linger);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      break;
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_kaltura_register_finalize (GObject *object)
{
  GstKalturaRegister *self = GST_KALTURA_REGISTER (object);
  g_free (self->application);
  g_mutex_clear (&self->lock);
  G_OBJECT_CLASS (gst_kaltura_register_parent_class)->finalize (object);
}

static void
gst_kaltura_register_class_init (GstKalturaRegisterClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  GstBaseTransformClass *transform_class = GST_BASE_TRANSFORM_CLASS (klass);
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY;

  GST_DEBUG_CATEGORY_INIT (gst_kaltura_register_debug, "kalturaregister", 0, "Kaltura registration");
  object_class->set_property = gst_kaltura_register_set_property;
  object_class->get_property = gst_kaltura_register_get_property;
  object_class->finalize = gst_kaltura_register_finalize;

  properties[PROP_APPLICATION] = g_param_spec_string ("application", "Application",
      "Name of the application that serves the entry; not set = as the session says", DEFAULT_APPLICATION, flags);
  properties[PROP_MIN_BUFFER_TIME] = g_param_spec_uint ("min-buffer-time", "Minimum buffer time",
      "How long media flows before the entry is registered, in seconds", 0, 3600, DEFAULT_MIN_BUFFER_TIME, flags);
  properties[PROP_KEEP_ALIVE] = g_param_spec_uint ("keep-alive", "Keep alive",
      "The entry is registered again this often, in seconds, up to a tenth earlier; Kaltura forgets it after 70. "
      "0 = as the session says",
      0, 3600, DEFAULT_KEEP_ALIVE, flags);
  properties[PROP_LINGER] = g_param_spec_uint ("linger", "Linger",
      "How long after the last track's end the entry stays registered, in seconds", 0, 3600, DEFAULT_LINGER, flags);
  properties[PROP_REGISTERED] = g_param_spec_boolean ("registered", "Registered",
      "Whether Kaltura knows that the entry is on air", FALSE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);

  element_class->change_state = gst_kaltura_register_change_state;
  element_class->set_context = gst_kaltura_register_set_context;
  transform_class->transform_ip = gst_kaltura_register_transform_ip;
  transform_class->transform_ip_on_passthrough = TRUE;
  transform_class->passthrough_on_same_caps = TRUE;
  transform_class->sink_event = gst_kaltura_register_sink_event;
  gst_element_class_add_static_pad_template (element_class, &sink_template);
  gst_element_class_add_static_pad_template (element_class, &src_template);
  gst_element_class_set_static_metadata (element_class, "Kaltura registration", "Generic",
      "Tells Kaltura that a live entry is on air, and when that is over", "klive developers");
}

static void
gst_kaltura_register_init (GstKalturaRegister *self)
{
  g_mutex_init (&self->lock);
  self->min_buffer_time = DEFAULT_MIN_BUFFER_TIME;
  self->keep_alive = DEFAULT_KEEP_ALIVE;
  self->linger = DEFAULT_LINGER;
  gst_base_transform_set_passthrough (GST_BASE_TRANSFORM (self), TRUE);
  gst_base_transform_set_gap_aware (GST_BASE_TRANSFORM (self), TRUE);
}
