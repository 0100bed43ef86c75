/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The reader of a session. A streaming thread parses the FLV bytes into tags and puts them into a bounded queue; the
 * main thread takes them out and calls the session. Each pull is a Pull with a pipeline of its own: it may outlive the
 * reader by as long as its streaming thread needs to notice.
 */
#include "klive-reader.h"

#include <gst/app/app.h>
#include <string.h>

#include "klive-pipeline.h"

#define MAX_QUEUED (32 * 1024 * 1024) /* bytes; then the streaming thread waits, and nginx with it */
#define BACKOFF_FIRST 200             /* ms */
#define BACKOFF_MOST 2000

typedef struct {
  KliveFlvTag tag;
  gint64 arrival; /* ns since 1970 */
} Item;

/* What is known to the streaming thread. */
typedef struct {
  gatomicrefcount refs;   /* the reader, and the appsink's callbacks */
  KliveFlvParser *parser; /* streaming thread */
  GMutex lock;
  GCond room;
  GQueue items;       /* lock; of Item */
  gsize bytes;        /* lock */
  gboolean header;    /* lock: the play has reached nginx */
  gboolean eos;       /* lock: nothing follows the items */
  GError *error;      /* lock; nullable: why */
  gboolean abandoned; /* lock: the reader is not interested any more */
  GSource *wakeup;    /* of the main loop */
} Pull;

struct _KliveReader {
  KliveReaderCallbacks callbacks;
  gpointer user_data;
  char *host, *app, *stream;
  guint port;
  GstContext *context;
  GstElement *pipeline; /* nullable: between two pulls */
  GSource *bus_source;
  Pull *pull;          /* of the pipeline */
  gboolean told_ready; /* of this pull */
  gboolean stop;
  guint backoff; /* ms */
  guint retry_source;
  guint depth;    /* callbacks under way */
  gboolean freed; /* in one of them */
};

static gboolean start_pull (KliveReader *reader, GError **error);

static void
item_free (gpointer data)
{
  Item *item = data;

  klive_flv_tag_clear (&item->tag);
  g_free (item);
}

static Pull *
pull_ref (Pull *pull)
{
  g_atomic_ref_count_inc (&pull->refs);
  return pull;
}

static void
pull_unref (gpointer data)
{
  Pull *pull = data;

  if (!g_atomic_ref_count_dec (&pull->refs))
    return;
  klive_flv_parser_free (pull->parser);
  g_mutex_clear (&pull->lock);
  g_cond_clear (&pull->room);
  g_queue_clear_full (&pull->items, item_free);
  g_clear_error (&pull->error);
  g_source_unref (pull->wakeup);
  g_free (pull);
}

/* Streaming thread. FALSE: nobody wants it any more. */
static gboolean
queue_tag (Pull *pull, KliveFlvTag *tag, gint64 arrival)
{
  Item *item;
  gsize size = gst_buffer_get_size (tag->payload);

  g_mutex_lock (&pull->lock);
  while (pull->bytes > MAX_QUEUED && !pull->abandoned)
    g_cond_wait (&pull->room, &pull->lock);
  if (pull->abandoned) {
    g_mutex_unlock (&pull->lock);
    klive_flv_tag_clear (tag);
    return FALSE;
  }
  item = g_new (Item, 1);
  item->tag = *tag;
  item->arrival = arrival;
  g_queue_push_tail (&pull->items, item);
  pull->bytes += size;
  g_mutex_unlock (&pull->lock);
  return TRUE;
}

/* Any thread. */
static void
wake (Pull *pull)
{
  g_source_set_ready_time (pull->wakeup, 0);
}

static void
finish_pull (Pull *pull, GError *error)
{
  g_mutex_lock (&pull->lock);
  pull->eos = TRUE;
  if (pull->error == NULL)
    pull->error = error;
  else
    g_clear_error (&error);
  g_mutex_unlock (&pull->lock);
  wake (pull);
}

static GstFlowReturn
on_new_sample (GstAppSink *sink, gpointer user_data)
{
  Pull *pull = user_data;
  g_autoptr (GstSample) sample = gst_app_sink_pull_sample (sink);
  GError *error = NULL;
  KliveFlvTag tag;
  gint64 now = g_get_real_time () * 1000;

  if (sample == NULL)
    return GST_FLOW_EOS;
  klive_flv_parser_push (pull->parser, gst_buffer_ref (gst_sample_get_buffer (sample)));
  while (klive_flv_parser_next (pull->parser, &tag, &error))
    if (!queue_tag (pull, &tag, now))
      return GST_FLOW_FLUSHING;
  if (error != NULL) {
    finish_pull (pull, error);
    return GST_FLOW_EOS;
  }
  g_mutex_lock (&pull->lock);
  pull->header = klive_flv_parser_has_header (pull->parser);
  g_mutex_unlock (&pull->lock);
  wake (pull);
  return GST_FLOW_OK;
}

static void
on_eos (GstAppSink *sink, gpointer user_data)
{
  finish_pull (user_data, NULL);
}

static void
drop_pull (KliveReader *reader)
{
  if (reader->pipeline == NULL)
    return;
  g_mutex_lock (&reader->pull->lock);
  reader->pull->abandoned = TRUE;
  g_cond_broadcast (&reader->pull->room);
  g_mutex_unlock (&reader->pull->lock);
  g_source_destroy (reader->bus_source);
  g_clear_pointer (&reader->bus_source, g_source_unref);
  g_source_destroy (reader->pull->wakeup);
  g_clear_pointer (&reader->pull, pull_unref);
  klive_pipeline_dispose (g_steal_pointer (&reader->pipeline));
}

static void
free_now (KliveReader *reader)
{
  drop_pull (reader);
  g_clear_handle_id (&reader->retry_source, g_source_remove);
  gst_context_unref (reader->context);
  g_free (reader->host);
  g_free (reader->app);
  g_free (reader->stream);
  g_free (reader);
}

/* Callbacks may free the reader: FALSE when one did. */
static gboolean
leave_callback (KliveReader *reader)
{
  reader->depth--;
  if (!reader->freed)
    return TRUE;
  if (reader->depth == 0)
    free_now (reader);
  return FALSE;
}

static gboolean
on_retry (gpointer user_data)
{
  KliveReader *reader = user_data;
  g_autoptr (GError) error = NULL;

  reader->retry_source = 0;
  if (!reader->stop)
    start_pull (reader, &error); /* its elements were there the first time */
  return G_SOURCE_REMOVE;
}

static void
end_pull (KliveReader *reader, const GError *error)
{
  drop_pull (reader);
  reader->depth++;
  reader->callbacks.ended (reader, error, reader->user_data);
  if (!leave_callback (reader) || reader->stop)
    return;
  reader->retry_source = g_timeout_add (reader->backoff, on_retry, reader);
  reader->backoff = MIN (reader->backoff * 2, BACKOFF_MOST);
}

static void
give_tag (KliveReader *reader, Item *item)
{
  reader->backoff = BACKOFF_FIRST;
  reader->callbacks.tag (reader, &item->tag, item->arrival, reader->user_data);
  item_free (item);
}

/* Main thread: everything that the streaming thread has left. */
static gboolean
on_wakeup (gpointer user_data)
{
  KliveReader *reader = user_data;
  Pull *pull = pull_ref (reader->pull);
  g_autoptr (GError) error = NULL;
  GQueue items = G_QUEUE_INIT;
  Item *item;
  gboolean header, eos;

  g_source_set_ready_time (pull->wakeup, -1);
  g_mutex_lock (&pull->lock);
  items = pull->items;
  g_queue_init (&pull->items);
  pull->bytes = 0;
  g_cond_signal (&pull->room);
  header = pull->header;
  eos = pull->eos;
  if (eos && pull->error != NULL)
    error = g_error_copy (pull->error);
  g_mutex_unlock (&pull->lock);

  reader->depth++;
  if (header && !reader->told_ready) {
    reader->told_ready = TRUE;
    reader->callbacks.ready (reader, reader->user_data);
  }
  while (!reader->freed && (item = g_queue_pop_head (&items)) != NULL)
    give_tag (reader, item);
  g_queue_clear_full (&items, item_free);
  if (leave_callback (reader) && eos && reader->pull == pull)
    end_pull (reader, error);
  pull_unref (pull);
  return G_SOURCE_CONTINUE;
}

static gboolean
wakeup_dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  return callback (user_data);
}

static GSourceFuncs wakeup_funcs = { NULL, NULL, wakeup_dispatch, NULL, NULL, NULL };

static gboolean
on_message (GstBus *bus, GstMessage *message, gpointer user_data)
{
  KliveReader *reader = user_data;
  GError *error = NULL;

  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR) {
    gst_message_parse_error (message, &error, NULL);
    finish_pull (reader->pull, error);
  }
  return G_SOURCE_CONTINUE;
}

static Pull *
pull_new (KliveReader *reader)
{
  Pull *pull = g_new0 (Pull, 1);

  g_atomic_ref_count_init (&pull->refs);
  pull->parser = klive_flv_parser_new ();
  g_mutex_init (&pull->lock);
  g_cond_init (&pull->room);
  g_queue_init (&pull->items);
  pull->wakeup = g_source_new (&wakeup_funcs, sizeof (GSource));
  g_source_set_callback (pull->wakeup, on_wakeup, reader, NULL);
  g_source_attach (pull->wakeup, g_main_context_get_thread_default ());
  return pull;
}

static GstElement *
make_source (KliveReader *reader, GError **error)
{
  GstElement *source = klive_pipeline_make_element ("rtmp2src", NULL, error);
  g_autofree char *app = NULL;

  if (source == NULL)
    return NULL;
  /* nginx cuts one slash at the end of an application without a query */
  app = g_str_has_suffix (reader->app, "/") ? g_strconcat (reader->app, "?pull", NULL) : g_strdup (reader->app);
  g_object_set (source, "host", reader->host, "port", (gint) reader->port, "application", app, "stream", reader->stream,
      NULL);
  return source;
}

static gboolean
start_pull (KliveReader *reader, GError **error)
{
  GstAppSinkCallbacks callbacks = { .new_sample = on_new_sample, .eos = on_eos };
  g_autoptr (GstElement) pipeline = gst_object_ref_sink (gst_pipeline_new (NULL));
  g_autoptr (GstBus) bus = NULL;
  GstElement *source, *auth, *sink;

  if ((source = make_source (reader, error)) == NULL)
    return FALSE;
  gst_bin_add (GST_BIN (pipeline), source);
  if ((auth = klive_pipeline_make_element ("kalturaauth", NULL, error)) == NULL)
    return FALSE;
  gst_bin_add (GST_BIN (pipeline), auth);
  if ((sink = klive_pipeline_make_element ("appsink", NULL, error)) == NULL)
    return FALSE;
  gst_bin_add (GST_BIN (pipeline), sink);
  gst_element_link_many (source, auth, sink, NULL);
  g_object_set (sink, "sync", FALSE, "async", FALSE, "enable-last-sample", FALSE, NULL);
  gst_element_set_context (pipeline, reader->context);

  reader->pull = pull_new (reader);
  reader->told_ready = FALSE;
  gst_app_sink_set_callbacks (GST_APP_SINK (sink), &callbacks, pull_ref (reader->pull), pull_unref);
  bus = gst_element_get_bus (pipeline);
  reader->bus_source = gst_bus_create_watch (bus);
  g_source_set_callback (reader->bus_source, G_SOURCE_FUNC (on_message), reader, NULL);
  g_source_attach (reader->bus_source, g_main_context_get_thread_default ());
  reader->pipeline = g_steal_pointer (&pipeline);
  gst_element_set_state (reader->pipeline, GST_STATE_PLAYING); /* a failure comes as a message */
  return TRUE;
}

KliveReader *
klive_reader_new (const KliveReaderOptions *options, const KliveReaderCallbacks *callbacks, gpointer user_data,
    GError **error)
{
  KliveReader *reader = g_new0 (KliveReader, 1);

  reader->callbacks = *callbacks;
  reader->user_data = user_data;
  reader->host = g_strdup (options->host);
  reader->port = options->port;
  reader->app = g_strdup (options->app);
  reader->stream = g_strdup (options->stream);
  reader->context = gst_context_ref (options->context);
  reader->backoff = BACKOFF_FIRST;
  if (!start_pull (reader, error))
    g_clear_pointer (&reader, free_now);
  return reader;
}

void
klive_reader_free (KliveReader *reader)
{
  if (reader == NULL)
    return;
  if (reader->depth > 0)
    reader->freed = TRUE;
  else
    free_now (reader);
}

gboolean
klive_reader_stop_pulling (KliveReader *reader)
{
  reader->stop = TRUE;
  g_clear_handle_id (&reader->retry_source, g_source_remove);
  return reader->pipeline != NULL;
}

void
klive_reader_set_context (KliveReader *reader, GstContext *context)
{
  gst_context_unref (reader->context);
  reader->context = gst_context_ref (context);
  if (reader->pipeline != NULL)
    gst_element_set_context (reader->pipeline, context);
}
