/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kalturaregister against a scripted Kaltura API: when it registers and unregisters, what it posts, that it never
 * waits.
 */
#include <fake-api.h>
#include <string.h>

#include "elements.h"

#define ENTRY "0_rkij47dr"
#define KS "SessionStringOne"
#define OTHER_KS "SessionStringTwo"

static const char *const secrets[] = { KS, OTHER_KS, NULL };

/* An element with something in front and nothing behind. */
typedef struct {
  GstElement *element;
  GstBus *bus;
  GstPad *pad; /* in front of it */
} Track;

static FakeApi *api;

static GstStaticPadTemplate source_template =
    GST_STATIC_PAD_TEMPLATE ("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

static void
set_up (void)
{
  api = fake_api_new ();
}

static void
tear_down (void)
{
  fake_api_free (api);
}

static GstContext *
make_context (const char *url, const char *ks)
{
  GstContext *context = gst_context_new ("kaltura.session", TRUE);
  gst_structure_set (gst_context_writable_structure (context), "service-url", G_TYPE_STRING, url, "api", G_TYPE_STRING,
      "current", "timeout", G_TYPE_UINT, 1, "partner-id", G_TYPE_INT, 102, "ks-partner-id", G_TYPE_INT, -5, "entry-id",
      G_TYPE_STRING, ENTRY, "server-index", G_TYPE_INT, 1, "ks", G_TYPE_VARIANT, g_variant_new_string (ks), "hostname",
      G_TYPE_STRING, "media-1", "application", G_TYPE_STRING, "kLive", "keep-alive", G_TYPE_UINT, 60, "authenticated",
      G_TYPE_BOOLEAN, TRUE, NULL);
  return context;
}

static void
set_context (Track *track, const char *url, const char *ks)
{
  g_autoptr (GstContext) context = make_context (url, ks);
  gst_element_set_context (track->element, context);
}

/* A pad that takes everything. */
static GstFlowReturn
swallow (GstPad *pad, GstObject *parent, GstBuffer *buffer)
{
  gst_buffer_unref (buffer);
  return GST_FLOW_OK;
}

/* @settings: properties as launch text. The session is known if @known. */
static Track *
track_new (const char *settings, gboolean known)
{
  Track *track = g_new0 (Track, 1);
  g_autofree char *text = g_strconcat ("kalturaregister ", settings, NULL);
  track->element = gst_parse_launch (text, NULL);
  gst_object_ref_sink (track->element);
  track->bus = gst_bus_new ();
  gst_element_set_bus (track->element, track->bus);
  if (known) {
    set_context (track, fake_api_get_url (api), KS);
  }
  track->pad = gst_check_setup_src_pad (track->element, &source_template);
  g_autoptr (GstPad) src = gst_element_get_static_pad (track->element, "src");
  GstPad *sink = gst_pad_new ("sink", GST_PAD_SINK);
  gst_pad_set_chain_function (sink, swallow);
  gst_pad_set_active (sink, TRUE);
  gst_pad_link (src, sink);
  return track;
}

static void
track_start (Track *track)
{
  fail_unless (gst_element_set_state (track->element, GST_STATE_PLAYING) == GST_STATE_CHANGE_SUCCESS);
  gst_pad_set_active (track->pad, TRUE);
  g_autoptr (GstCaps) caps = gst_caps_from_string ("video/x-h264");
  gst_check_setup_events (track->pad, track->element, caps, GST_FORMAT_TIME);
}

static void
track_push (Track *track)
{
  fail_unless_equals_int (gst_pad_push (track->pad, gst_buffer_new_allocate (NULL, 10, NULL)), GST_FLOW_OK);
}

static void
track_free (Track *track)
{
  gst_element_set_state (track->element, GST_STATE_NULL);
  g_autoptr (GstPad) src = gst_element_get_static_pad (track->element, "src");
  g_autoptr (GstPad) sink = gst_pad_get_peer (src);
  gst_pad_unlink (src, sink);
  gst_object_unref (sink);
  gst_check_teardown_src_pad (track->element);
  gst_element_set_bus (track->element, NULL);
  gst_object_unref (track->bus);
  gst_object_unref (track->element);
  g_free (track);
}

static Track *
track_new_flowing (const char *settings)
{
  Track *track = track_new (settings, TRUE);
  track_start (track);
  track_push (track);
  return track;
}

static void
check_message (Track *track, const char *name)
{
  g_autoptr (GstMessage) message = elements_wait_message (track->bus, name);
  fail_unless (GST_MESSAGE_SRC (message) == GST_OBJECT (track->element));
  fail_unless_equals_string (elements_get_string (message, "entry-id"), ENTRY);
  fail_unless_equals_int (elements_get_int (message, "server-index"), 1);
  fail_unless_equals_string (elements_get_string (message, "hostname"), "media-1");
  elements_check_secrets (message, secrets);
}

static gboolean
is_registered (Track *track)
{
  gboolean registered;
  g_object_get (track->element, "registered", &registered, NULL);
  return registered;
}

static void
wait_for_requests (guint count)
{
  for (guint i = 0; fake_api_get_n_requests (api) < count; i++) {
    fail_unless (i < 5000, "%u requests", fake_api_get_n_requests (api));
    g_usleep (1000);
  }
}

static void
pass_ms (guint ms)
{
  g_usleep (ms * G_TIME_SPAN_MILLISECOND);
}

GST_START_TEST (registers_and_unregisters)
{
  fake_api_answer_result (api, "registerMediaServer", "");
  fake_api_answer_result (api, "unregisterMediaServer", "");
  Track *track = track_new_flowing ("min-buffer-time=0");
  check_message (track, "kaltura-registered");
  fail_unless (is_registered (track));
  fail_unless_equals_string (fake_api_get_field (api, 0, "entryId"), ENTRY);
  fail_unless_equals_string (fake_api_get_field (api, 0, "hostname"), "media-1");
  fail_unless_equals_string (fake_api_get_field (api, 0, "mediaServerIndex"), "1");
  fail_unless_equals_string (fake_api_get_field (api, 0, "applicationName"), "kLive");
  fail_unless_equals_string (fake_api_get_field (api, 0, "partnerId"), "102");
  fail_unless_equals_string (fake_api_get_field (api, 0, "ks"), KS);
  gst_pad_push_event (track->pad, gst_event_new_eos ());
  check_message (track, "kaltura-unregistered");
  fail_if (is_registered (track));
  track_free (track);
}
GST_END_TEST

GST_START_TEST (waits_for_media_to_flow)
{
  fake_api_answer_result (api, "registerMediaServer", "");
  fake_api_answer_result (api, "unregisterMediaServer", "");
  Track *track = track_new ("min-buffer-time=1", TRUE);
  track_start (track);
  pass_ms (300);
  track_push (track);
  gint64 begin = g_get_monotonic_time ();
  check_message (track, "kaltura-registered");
  gint64 took = (g_get_monotonic_time () - begin) / G_TIME_SPAN_MILLISECOND;
  fail_unless (took >= 950 && took < 1500, "took %d ms", (int) took);
  track_free (track);
}
GST_END_TEST

GST_START_TEST (short_stream_is_never_registered)
{
  Track *track = track_new_flowing ("min-buffer-time=1");
  pass_ms (200);
  gst_pad_push_event (track->pad, gst_event_new_eos ());
  pass_ms (1200);
  track_free (track);
  fail_unless_equals_int (fake_api_get_n_requests (api), 0);
}
GST_END_TEST

GST_START_TEST (keeps_alive)
{
  for (guint i = 0; i < 3; i++) {
    fake_api_answer_result (api, "registerMediaServer", "");
  }
  fake_api_answer_result (api, "unregisterMediaServer", "");
  Track *track = track_new_flowing ("min-buffer-time=0 keep-alive=1");
  gint64 begin = g_get_monotonic_time ();
  wait_for_requests (3);
  gint64 took = (g_get_monotonic_time () - begin) / G_TIME_SPAN_MILLISECOND;
  fail_unless (took >= 1750 && took < 2600, /* each up to a tenth early */
      "took %d ms", (int) took);
  check_message (track, "kaltura-registered");
  fail_unless (elements_pop_message (track->bus, "kaltura-registered") == NULL); /* once */
  track_free (track);
}
GST_END_TEST

/* The last element that goes takes the entry off the air, and its state change waits for that. */
GST_START_TEST (null_unregisters)
{
  fake_api_answer_result (api, "registerMediaServer", "");
  fake_api_answer_result (api, "unregisterMediaServer", "");
  Track *track = track_new_flowing ("min-buffer-time=0 linger=100");
  check_message (track, "kaltura-registered");
  gst_element_set_state (track->element, GST_STATE_NULL);
  fail_unless_equals_int (fake_api_get_n_requests (api), 2);
  check_message (track, "kaltura-unregistered");
  track_free (track);
}
GST_END_TEST

GST_START_TEST (null_waits_no_longer_than_timeout)
{
  fake_api_answer_result (api, "registerMediaServer", "");
  fake_api_answer_never (api, "unregisterMediaServer");
  Track *track = track_new_flowing ("min-buffer-time=0");
  check_message (track, "kaltura-registered");
  gint64 begin = g_get_monotonic_time ();
  gst_element_set_state (track->element, GST_STATE_NULL);
  gint64 took = (g_get_monotonic_time () - begin) / G_TIME_SPAN_MILLISECOND;
  fail_unless (took >= 500 && took < 1500, "took %d ms", (int) took);
  track_free (track);
}
GST_END_TEST

/* A register call that hangs when all is over is given up for the unregister call. */
GST_START_TEST (null_while_registering)
{
  fake_api_answer_never (api, "registerMediaServer");
  fake_api_answer_result (api, "unregisterMediaServer", "");
  Track *track = track_new_flowing ("min-buffer-time=0");
  wait_for_requests (1);
  gint64 begin = g_get_monotonic_time ();
  gst_element_set_state (track->element, GST_STATE_NULL);
  fail_unless (g_get_monotonic_time () - begin < 800 * G_TIME_SPAN_MILLISECOND);
  fail_unless_equals_int (fake_api_get_n_requests (api), 2);
  track_free (track);
}
GST_END_TEST

GST_START_TEST (tracks_share_one_registration)
{
  fake_api_answer_result (api, "registerMediaServer", "");
  fake_api_answer_result (api, "unregisterMediaServer", "");
  Track *video = track_new_flowing ("min-buffer-time=0");
  Track *audio = track_new_flowing ("min-buffer-time=0");
  check_message (video, "kaltura-registered");
  track_push (video);
  gst_pad_push_event (video->pad, gst_event_new_eos ());
  pass_ms (200);
  fail_unless_equals_int (fake_api_get_n_requests (api), 1);
  track_free (video);
  fail_unless_equals_int (fake_api_get_n_requests (api), 1);
  gst_pad_push_event (audio->pad, gst_event_new_eos ());
  check_message (audio, "kaltura-unregistered");
  track_free (audio);
}
GST_END_TEST

/* What a worker does: an element that only stands there keeps the entry; studios come and go within linger. */
GST_START_TEST (anchor)
{
  fake_api_answer_result (api, "registerMediaServer", "");
  fake_api_answer_result (api, "registerMediaServer", "");
  fake_api_answer_result (api, "unregisterMediaServer", "");
  Track *anchor = track_new ("min-buffer-time=0 linger=1", TRUE);
  gst_element_set_state (anchor->element, GST_STATE_READY);
  pass_ms (100);
  fail_unless_equals_int (fake_api_get_n_requests (api), 0);
  for (guint i = 0; i < 3; i++) {
    Track *studio = track_new_flowing ("min-buffer-time=0");
    if (i == 0) {
      check_message (anchor, "kaltura-registered");
    }
    fail_unless (is_registered (studio));
    track_free (studio);
    pass_ms (200);
    fail_unless (fake_api_get_n_requests (api) <= 2);
  }
  check_message (anchor, "kaltura-unregistered");
  fail_unless_equals_int (fake_api_get_n_requests (api), 3); /* one more a second after the first */
  track_free (anchor);
}
GST_END_TEST

/* The encoder has come back: its authentication took the entry off the players' list, in the current API. */
GST_START_TEST (new_session_registers_again)
{
  fake_api_answer_result (api, "registerMediaServer", "");
  fake_api_answer_result (api, "registerMediaServer", "");
  fake_api_answer_result (api, "unregisterMediaServer", "");
  Track *studio = track_new_flowing ("min-buffer-time=0");
  check_message (studio, "kaltura-registered");
  pass_ms (1200);
  fail_unless_equals_int (fake_api_get_n_requests (api), 1);
  Track *next = track_new_flowing ("min-buffer-time=0");
  wait_for_requests (2);
  track_free (next);
  track_free (studio);
}
GST_END_TEST

/* Its authentication may have come after the call that was made a moment ago. */
GST_START_TEST (new_session_after_a_fresh_call_registers_again)
{
  fake_api_answer_result (api, "registerMediaServer", "");
  fake_api_answer_result (api, "registerMediaServer", "");
  fake_api_answer_result (api, "unregisterMediaServer", "");
  Track *studio = track_new_flowing ("min-buffer-time=0");
  check_message (studio, "kaltura-registered");
  Track *next = track_new_flowing ("min-buffer-time=0");
  wait_for_requests (2);
  track_free (next);
  track_free (studio);
}
GST_END_TEST

GST_START_TEST (failure_is_told_and_tried_again)
{
  fake_api_answer_error (api, "registerMediaServer", "MEDIA_SERVER_NOT_FOUND", "Media server [media-1] not found");
  fake_api_answer_result (api, "registerMediaServer", "");
  fake_api_answer_result (api, "unregisterMediaServer", "");
  Track *track = track_new_flowing ("min-buffer-time=0");
  g_autoptr (GstMessage) message = elements_wait_message (track->bus, "kaltura-register-failed");
  gint64 begin = g_get_monotonic_time ();
  fail_unless_equals_string (elements_get_string (message, "code"), "MEDIA_SERVER_NOT_FOUND");
  fail_unless (strstr (elements_get_string (message, "message"), "not found") != NULL);
  fail_if (elements_get_boolean (message, "passing"));
  fail_if (is_registered (track));
  check_message (track, "kaltura-registered");
  gint64 took = (g_get_monotonic_time () - begin) / G_TIME_SPAN_MILLISECOND;
  fail_unless (took >= 700 && took < 1600, "took %d ms", (int) took);
  track_free (track);
}
GST_END_TEST

GST_START_TEST (dead_api_is_passing)
{
  Track *track = track_new ("min-buffer-time=0", FALSE);
  g_autofree char *url = dup_dead_url ();
  set_context (track, url, KS);
  track_start (track);
  track_push (track);
  g_autoptr (GstMessage) message = elements_wait_message (track->bus, "kaltura-register-failed");
  fail_unless_equals_string (elements_get_string (message, "code"), "TRANSPORT");
  fail_unless (elements_get_boolean (message, "passing"));
  gint64 begin = g_get_monotonic_time ();
  track_free (track);
  fail_unless (g_get_monotonic_time () - begin < 900 * G_TIME_SPAN_MILLISECOND);
}
GST_END_TEST

/* A registration that was there stays there when one renewal fails. */
GST_START_TEST (passing_failure_keeps_registration)
{
  fake_api_answer_result (api, "registerMediaServer", "");
  fake_api_answer (api, "registerMediaServer", 500, "text/html", NULL, "oops", -1);
  fake_api_answer_result (api, "registerMediaServer", "");
  fake_api_answer_result (api, "unregisterMediaServer", "");
  Track *track = track_new_flowing ("min-buffer-time=0 keep-alive=1");
  check_message (track, "kaltura-registered");
  gst_message_unref (elements_wait_message (track->bus, "kaltura-register-failed"));
  fail_unless (is_registered (track));
  wait_for_requests (3);
  pass_ms (50);
  fail_unless (elements_pop_message (track->bus, "kaltura-registered") == NULL);
  track_free (track);
}
GST_END_TEST

/* Kaltura still believes what it was told when the session string has expired since. */
GST_START_TEST (expired_session_keeps_registration)
{
  fake_api_answer_result (api, "registerMediaServer", "");
  fake_api_answer_error (api, "registerMediaServer", "INVALID_KS", "Invalid KS, error -5 EXPIRED");
  fake_api_answer_result (api, "unregisterMediaServer", "");
  Track *track = track_new_flowing ("min-buffer-time=0 keep-alive=1");
  check_message (track, "kaltura-registered");
  gst_message_unref (elements_wait_message (track->bus, "kaltura-register-failed"));
  fail_unless (is_registered (track));
  track_free (track);
}
GST_END_TEST

/* A new session string is used at once for what has failed with the old one. */
GST_START_TEST (renewed_session)
{
  fake_api_answer_error (api, "registerMediaServer", "INVALID_KS", "Invalid KS, error -5 EXPIRED");
  fake_api_answer_result (api, "registerMediaServer", "");
  fake_api_answer_result (api, "unregisterMediaServer", "");
  Track *track = track_new_flowing ("min-buffer-time=0");
  g_autoptr (GstMessage) message = elements_wait_message (track->bus, "kaltura-register-failed");
  fail_unless_equals_string (elements_get_string (message, "code"), "INVALID_KS");
  elements_check_secrets (message, secrets);
  gint64 begin = g_get_monotonic_time ();
  set_context (track, fake_api_get_url (api), OTHER_KS);
  check_message (track, "kaltura-registered");
  fail_unless (g_get_monotonic_time () - begin < 500 * G_TIME_SPAN_MILLISECOND);
  fail_unless_equals_string (fake_api_get_field (api, 1, "ks"), OTHER_KS);
  track_free (track);
}
GST_END_TEST

GST_START_TEST (session_known_late)
{
  fake_api_answer_result (api, "registerMediaServer", "");
  fake_api_answer_result (api, "unregisterMediaServer", "");
  Track *track = track_new ("min-buffer-time=0", FALSE);
  track_start (track);
  gst_message_unref (elements_wait_type (track->bus, GST_MESSAGE_NEED_CONTEXT));
  track_push (track);
  gst_message_unref (elements_wait_type (track->bus, GST_MESSAGE_WARNING));
  set_context (track, fake_api_get_url (api), KS);
  check_message (track, "kaltura-registered");
  track_free (track);
}
GST_END_TEST

GST_START_TEST (never_waits)
{
  fake_api_answer_never (api, "registerMediaServer");
  fake_api_answer_result (api, "unregisterMediaServer", "");
  Track *track = track_new_flowing ("min-buffer-time=0");
  wait_for_requests (1);
  gint64 begin = g_get_monotonic_time ();
  for (guint i = 0; i < 1000; i++) {
    track_push (track);
  }
  fail_unless (g_get_monotonic_time () - begin < 900 * G_TIME_SPAN_MILLISECOND);
  gst_element_set_state (track->element, GST_STATE_NULL);
  track_free (track);
}
GST_END_TEST

GST_START_TEST (no_secret_in_debug_log)
{
  fake_api_answer_result (api, "registerMediaServer", "");
  fake_api_answer_result (api, "unregisterMediaServer", "");
  elements_watch_log (secrets);
  Track *track = track_new_flowing ("min-buffer-time=0");
  check_message (track, "kaltura-registered");
  set_context (track, fake_api_get_url (api), OTHER_KS);
  gst_element_set_state (track->element, GST_STATE_NULL);
  elements_check_log ();
  track_free (track);
}
GST_END_TEST

/* Under gst-launch kalturaauth makes the session and kalturaregister finds it, with the client that has the secret. */
GST_START_TEST (with_kalturaauth)
{
  fake_api_answer_result (api, "authenticate",
      "<objectType>KalturaLiveStreamEntry</objectType><id>" ENTRY "</id><partnerId>102</partnerId>");
  fake_api_answer_result (api, "registerMediaServer", "");
  fake_api_answer_result (api, "unregisterMediaServer", "");
  char *folder = elements_make_folder ();
  g_autofree char *path = g_build_filename (folder, "klive.conf", NULL);
  g_autofree char *config =
      g_strdup_printf ("[kaltura]\nservice-url=%s\npartner-id=-5\nadmin-secret=0123456789abcdef0123456789abcdef\n"
                       "hostname=media-1\n",
          fake_api_get_url (api));
  fail_unless (g_file_set_contents (path, config, -1, NULL));
  g_autofree char *text = g_strdup_printf (
      "fakesrc num-buffers=200 datarate=10000 sizetype=fixed sizemax=100 is-live=true do-timestamp=true sync=true ! "
      "kalturaauth config-file=%s broadcast-url=\"p=102&e=" ENTRY "&i=1&t=dj94kfit\" ! "
      "kalturaregister min-buffer-time=0 ! fakesink",
      path);
  GstElement *pipeline = gst_parse_launch (text, NULL);
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  gst_message_unref (elements_wait_message (bus, "kaltura-authenticated"));
  gst_message_unref (elements_wait_message (bus, "kaltura-registered"));
  gst_message_unref (elements_wait_message (bus, "kaltura-unregistered"));
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
  fail_unless (strlen (fake_api_get_field (api, 1, "ks")) > 20);
  elements_remove_folder (folder);
}
GST_END_TEST

/* Answers every call with yes, whatever it is. */
static void
say_yes (GInputStream *input, GOutputStream *output, GCancellable *cancellable)
{
  static const char reply[] =
      "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 31\r\nConnection: close\r\n\r\n"
      "<xml><result></result></xml>   ";
  char buffer[4096];
  g_input_stream_read (input, buffer, sizeof (buffer), cancellable, NULL);
  g_output_stream_write_all (output, reply, sizeof (reply) - 1, NULL, cancellable, NULL);
}

/* Three elements of one entry change state at random, each on a thread of its own. */
static gpointer
change_states (gpointer data)
{
  Track *track = data;
  g_autoptr (GRand) random = g_rand_new ();
  for (guint i = 0; i < 60; i++) {
    static const GstState states[] = { GST_STATE_NULL, GST_STATE_READY, GST_STATE_PLAYING, GST_STATE_PLAYING };
    GstState state = states[g_rand_int_range (random, 0, G_N_ELEMENTS (states))];
    gst_element_set_state (track->element, state);
    if (state == GST_STATE_PLAYING) {
      g_autoptr (GstCaps) caps = gst_caps_from_string ("video/x-h264");
      gst_pad_set_active (track->pad, FALSE);
      gst_pad_set_active (track->pad, TRUE);
      gst_check_setup_events (track->pad, track->element, caps, GST_FORMAT_TIME);
      gst_pad_push (track->pad, gst_buffer_new_allocate (NULL, 10, NULL));
    }
    g_usleep (g_rand_int_range (random, 0, 5000));
    gst_bus_set_flushing (track->bus, TRUE);
    gst_bus_set_flushing (track->bus, FALSE);
  }
  gst_element_set_state (track->element, GST_STATE_NULL);
  return NULL;
}

GST_START_TEST (state_changes_at_random)
{
  g_autoptr (RawServer) server = raw_server_new (say_yes);
  Track *tracks[3];
  GThread *threads[3];
  for (guint i = 0; i < G_N_ELEMENTS (tracks); i++) {
    tracks[i] = track_new (i == 0 ? "min-buffer-time=0" : "min-buffer-time=0 linger=1", FALSE);
    set_context (tracks[i], raw_server_get_url (server), KS);
    threads[i] = g_thread_new ("states", change_states, tracks[i]);
  }
  for (guint i = 0; i < G_N_ELEMENTS (tracks); i++) {
    g_thread_join (threads[i]);
    track_free (tracks[i]);
  }
}
GST_END_TEST

static Suite *
make_suite (void)
{
  Suite *suite = suite_create ("kalturaregister");
  TCase *tcase = tcase_create ("general");
  suite_add_tcase (suite, tcase);
  tcase_set_timeout (tcase, 60);
  tcase_add_checked_fixture (tcase, set_up, tear_down);
  tcase_add_test (tcase, registers_and_unregisters);
  tcase_add_test (tcase, waits_for_media_to_flow);
  tcase_add_test (tcase, short_stream_is_never_registered);
  tcase_add_test (tcase, keeps_alive);
  tcase_add_test (tcase, null_unregisters);
  tcase_add_test (tcase, null_waits_no_longer_than_timeout);
  tcase_add_test (tcase, null_while_registering);
  tcase_add_test (tcase, tracks_share_one_registration);
  tcase_add_test (tcase, anchor);
  tcase_add_test (tcase, new_session_registers_again);
  tcase_add_test (tcase, new_session_after_a_fresh_call_registers_again);
  tcase_add_test (tcase, failure_is_told_and_tried_again);
  tcase_add_test (tcase, dead_api_is_passing);
  tcase_add_test (tcase, passing_failure_keeps_registration);
  tcase_add_test (tcase, expired_session_keeps_registration);
  tcase_add_test (tcase, renewed_session);
  tcase_add_test (tcase, session_known_late);
  tcase_add_test (tcase, never_waits);
  tcase_add_test (tcase, no_secret_in_debug_log);
  tcase_add_test (tcase, with_kalturaauth);
  tcase_add_test (tcase, state_changes_at_random);
  return suite;
}

ELEMENTS_MAIN (make_suite)
