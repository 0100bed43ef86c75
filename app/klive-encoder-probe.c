/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether a hardware encoder works here: both ends of the process that finds out. An element in GStreamer's registry
 * says only that a driver was there once.
 */
#include "klive-encoder-probe.h"

#include <gst/gst.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "klive-commands.h"
#include "klive-process.h"
#include "klive-template.h"

#define DEADLINE 2000 /* ms: for one element */
#define BUDGET 4000   /* ms: for all elements that this process ever asks about, as its main thread waits */
#define FRAMES 10

/* --- the process that asks --- */

typedef struct {
  GMainLoop *loop;
  GSubprocess *process;
  GCancellable *cancellable;
  GPid group;
  char *output; /* NULL: late */
  gboolean late;
} Question;

/* A process that hangs in a driver does not even heed SIGKILL, and what it has started may hold its stdout: neither is
 * waited for. */
static gboolean
on_deadline (gpointer user_data)
{
  Question *question = user_data;

  question->late = TRUE;
  if (question->group > 0)
    kill (-question->group, SIGKILL);
  g_cancellable_cancel (question->cancellable);
  return G_SOURCE_REMOVE;
}

static void
on_answer (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Question *question = user_data;

  g_subprocess_communicate_utf8_finish (question->process, result, &question->output, NULL, NULL);
  g_main_loop_quit (question->loop);
}

/* Waits for the answer, @deadline ms at most. */
static void
wait_for_answer (Question *question, GMainContext *context, guint deadline)
{
  g_autoptr (GSource) source = g_timeout_source_new (deadline);

  question->group = klive_process_get_pid (question->process);
  g_source_set_callback (source, on_deadline, question, NULL);
  g_source_attach (source, context);
  g_subprocess_communicate_utf8_async (question->process, NULL, question->cancellable, on_answer, question);
  g_main_loop_run (question->loop);
  g_source_destroy (source);
  while (g_main_context_iteration (context, FALSE)) /* what was cancelled with it */
    continue;
}

/* Only of a process that has ended and been reaped is an exit code known. */
static gboolean
has_succeeded (GSubprocess *process)
{
  return klive_process_get_pid (process) == 0 && g_subprocess_get_if_exited (process) &&
      g_subprocess_get_exit_status (process) == 0;
}

/* NULL: it works. */
static char *
ask (const char *element, const char *template, const char *templates, guint deadline)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GMainLoop) loop = g_main_loop_new (context, FALSE);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GSubprocess) process = NULL;
  g_autofree char *program = klive_process_dup_program ();
  g_autofree char *output = NULL;
  g_autoptr (GError) error = NULL;
  const char *argv[] = { program, "probe-encoder", element, template, templates, NULL };
  Question question = { loop, NULL, cancellable, 0, NULL, FALSE };

  g_main_context_push_thread_default (context);
  process = klive_process_spawn (argv, "/", KLIVE_PROCESS_TIED,
      G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_SILENCE, &error);
  question.process = process;
  if (process)
    wait_for_answer (&question, context, deadline);
  g_main_context_pop_thread_default (context);
  output = question.output;
  if (!process)
    return g_strdup (error->message);
  if (has_succeeded (process))
    return NULL;
  if (question.late)
    return g_strdup ("it encodes nothing");
  return output && output[0] != '\0' ? g_strdup (g_strstrip (output)) : g_strdup ("it crashes");
}

/* The same, within what is left of the time that all of them have. */
static char *
ask_in_time (const char *element, const char *template, const char *templates)
{
  static gint64 spent; /* us */
  gint64 left = BUDGET - spent / 1000;
  gint64 begun = g_get_monotonic_time ();
  char *wrong;

  if (left <= 0)
    return g_strdup ("not tried, as others have hung");
  wrong = ask (element, template, templates, (guint) MIN (left, DEADLINE));
  spent += g_get_monotonic_time () - begun;
  return wrong;
}

gboolean
klive_encoder_probe (const char *element, const char *template, const char *templates, char **reason)
{
  static GHashTable *answers; /* element -> char *: what is wrong; "" = it works */
  const char *answer;

  if (!answers)
    answers = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  answer = g_hash_table_lookup (answers, element);
  if (!answer) {
    char *wrong = ask_in_time (element, template, templates);

    g_hash_table_insert (answers, g_strdup (element), wrong ? wrong : g_strdup (""));
    answer = g_hash_table_lookup (answers, element);
  }
  if (answer[0] != '\0')
    *reason = g_strdup (answer);
  return answer[0] == '\0';
}

/* --- the process that answers --- */

static char *
make_pipeline (const char *element, const char *template, const char *templates, GError **error)
{
  g_autoptr (KliveVariables) variables = klive_variables_new_samples ();
  g_autofree char *encoder = NULL;

  klive_variables_set (variables, "video_encoder", element);
  encoder = klive_template_render_file (templates, template, variables, error);
  if (!encoder)
    return NULL;
  return g_strdup_printf ("videotestsrc num-buffers=%u ! video/x-raw,format=I420,width=640,height=360,framerate=30/1,"
                          "pixel-aspect-ratio=1/1 ! %s appsink name=sink sync=false",
      FRAMES, encoder);
}

/* Frames that come out until the end or an error. */
static guint
count_frames (GstElement *pipeline)
{
  g_autoptr (GstElement) sink = gst_bin_get_by_name (GST_BIN (pipeline), "sink");
  guint count = 0;

  for (;;) {
    GstSample *sample = NULL;

    g_signal_emit_by_name (sink, "try-pull-sample", DEADLINE * GST_MSECOND, &sample);
    if (!sample)
      return count;
    gst_sample_unref (sample);
    count++;
  }
}

static gboolean
run (const char *text, GError **error)
{
  g_autoptr (GstElement) pipeline = gst_parse_launch_full (text, NULL, GST_PARSE_FLAG_FATAL_ERRORS, error);
  g_autoptr (GstBus) bus = pipeline ? gst_element_get_bus (pipeline) : NULL;
  g_autoptr (GstMessage) message = NULL;
  guint frames;

  if (!pipeline)
    return FALSE;
  frames =
      gst_element_set_state (pipeline, GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE ? 0 : count_frames (pipeline);
  message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  if (message) {
    gst_message_parse_error (message, error, NULL);
    return FALSE;
  }
  if (frames == FRAMES)
    return TRUE;
  g_set_error (error, GST_STREAM_ERROR, GST_STREAM_ERROR_ENCODE, "%u of %u frames came out", frames, FRAMES);
  return FALSE;
}

int
klive_probe_encoder_main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;

  if (argc < 3)
    return KLIVE_EXIT_USAGE;
  gst_init (NULL, NULL);
  text = make_pipeline (argv[1], argv[2], argc > 3 ? argv[3] : NULL, &error);
  if (text && run (text, &error))
    return KLIVE_EXIT_DONE;
  puts (error->message);
  return KLIVE_EXIT_FAILED;
}
