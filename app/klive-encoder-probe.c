/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether a hardware encoder works here: both ends of the process that finds out. An element in GStreamer's registry
 * says only that a driver was there once.
 */
#include "klive-encoder-probe.h"

#include <gst/gst.h>
#include <stdio.h>
#include <string.h>

#include "klive-commands.h"
#include "klive-process.h"
#include "klive-template.h"

#define DEADLINE 4 /* s */
#define FRAMES 10

/* --- the process that asks --- */

typedef struct {
  GMainLoop *loop;
  GSubprocess *process;
  char *output;
  gboolean late;
} Question;

static gboolean
on_deadline (gpointer user_data)
{
  Question *question = user_data;

  question->late = TRUE;
  g_subprocess_force_exit (question->process);
  return G_SOURCE_REMOVE;
}

static void
on_answer (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Question *question = user_data;

  g_subprocess_communicate_utf8_finish (question->process, result, &question->output, NULL, NULL);
  g_main_loop_quit (question->loop);
}

/* NULL: it works. */
static char *
ask (const char *element, const char *template, const char *templates)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GMainLoop) loop = g_main_loop_new (context, FALSE);
  g_autofree char *program = klive_process_dup_program ();
  const char *argv[] = { program, "probe-encoder", element, template, templates, NULL };
  Question question = { loop, NULL, NULL, FALSE };
  g_autoptr (GSource) deadline = g_timeout_source_new_seconds (DEADLINE);
  g_autoptr (GError) error = NULL;
  gboolean worked;

  g_main_context_push_thread_default (context);
  question.process = klive_process_spawn (argv, "/", KLIVE_PROCESS_TIED,
      G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_SILENCE, &error);
  if (question.process) {
    g_source_set_callback (deadline, on_deadline, &question, NULL);
    g_source_attach (deadline, context);
    g_subprocess_communicate_utf8_async (question.process, NULL, NULL, on_answer, &question);
    g_main_loop_run (loop);
    g_source_destroy (deadline);
  }
  g_main_context_pop_thread_default (context);
  if (!question.process)
    return g_strdup (error->message);
  worked = g_subprocess_get_if_exited (question.process) && g_subprocess_get_exit_status (question.process) == 0;
  g_object_unref (question.process);
  if (worked || question.late || !question.output || question.output[0] == '\0') {
    g_free (question.output);
    return worked ? NULL : g_strdup (question.late ? "it encodes nothing" : "it crashes");
  }
  return g_strstrip (question.output);
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
    char *wrong = ask (element, template, templates);

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

    g_signal_emit_by_name (sink, "try-pull-sample", DEADLINE * GST_SECOND, &sample);
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
