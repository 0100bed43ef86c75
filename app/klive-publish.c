/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The steps of an on_publish: klive_admission_ask() (5.5 s at most), klive_supervisor_open(), the worker's
 * session-ready (4 s at most, 7.5 s in all; then the publisher is let in all the same). Used by klive-http.c. Every
   refusal is
 * logged here, once.
 */
#include "klive-publish.h"

#include "kaltura-error.h"
#include "klive-log.h"

#include <string.h>

#define READY_DEADLINE 4000  /* ms, from the API's yes to the worker's, if there is time for it */
#define ANSWER_DEADLINE 7500 /* ms, from the hook to our answer, in any case */
#define MAX_CODES 64

typedef struct {
  KlivePublish *publish;
  KliveHook *hook;
  KlivePublishFunc callback;
  gpointer user_data;
  char *name;    /* the new one, once admitted */
  gint64 began;  /* monotonic, us */
  gboolean gone; /* the encoder left while the API was asked */
  guint deadline;
} Step;

struct _KlivePublish {
  KliveAdmission *admission;
  KliveSupervisor *supervisor;
  GPtrArray *steps; /* of Step, not owned */
  KlivePublishCounters counters;
};

/* The entry to log is a checked one, nullable; the stream may be whatever a stranger claims. */
static void
log_refusal (const KliveHook *hook, const KliveRefusal *refusal)
{
  KalturaStreamName name = { 0 };
  const char *entry = hook->broadcast ? hook->broadcast->entry_id : NULL;
  if (!entry && kaltura_stream_name_parse (hook->name, &name, NULL))
    entry = name.entry_id;
  klive_log (KLIVE_LOG_WARNING, "publish-refused", entry, hook->name, "address", hook->address, "code", refusal->code,
      "message", refusal->message, "cached", refusal->cached ? "yes" : NULL, NULL);
}

static void
count_refusal (KlivePublish *publish, const char *code)
{
  GHashTable *refused = publish->counters.refused;
  if (g_hash_table_size (refused) >= MAX_CODES && !g_hash_table_contains (refused, code))
    code = "OTHER";
  guint count = GPOINTER_TO_UINT (g_hash_table_lookup (refused, code));
  g_hash_table_replace (refused, g_strdup (code), GUINT_TO_POINTER (count + 1));
}

/* Answers nginx and frees @step. */
static void
end_step (Step *step, const char *name)
{
  g_clear_handle_id (&step->deadline, g_source_remove);
  g_ptr_array_remove_fast (step->publish->steps, step);
  step->callback (name, step->user_data);
  klive_hook_free (step->hook);
  g_free (step->name);
  g_free (step);
}

static void
refuse (Step *step, const KliveRefusal *refusal)
{
  log_refusal (step->hook, refusal);
  count_refusal (step->publish, refusal->code);
  end_step (step, NULL);
}

static void
refuse_with (Step *step, const char *code, const char *message)
{
  g_autoptr (KliveRefusal) refusal = klive_refusal_new (code, message);
  refuse (step, refusal);
}

static void
let_in (Step *step, const char *warning)
{
  klive_log (warning ? KLIVE_LOG_WARNING : KLIVE_LOG_INFO, "publish-accepted", step->hook->broadcast->entry_id,
      step->hook->name, "index", step->hook->broadcast->server_index == 0 ? "0" : "1", "address", step->hook->address,
      "name", step->name, "message", warning, NULL);
  step->publish->counters.accepted++;
  klive_supervisor_let_in (step->publish->supervisor, step->name);
  end_step (step, step->name);
}

static gboolean
on_ready_deadline (gpointer data)
{
  Step *step = data;
  step->deadline = 0;
  let_in (step, "the worker is late; first frames may be lost");
  return G_SOURCE_REMOVE;
}

static void
on_open (KliveOpenResult result, gpointer data)
{
  Step *step = data;
  if (result == KLIVE_OPEN_READY)
    let_in (step, NULL);
  else if (result == KLIVE_OPEN_FAILED)
    refuse_with (step, KLIVE_REFUSED_WORKER, "the worker cannot read the stream");
  else
    refuse_with (step, KLIVE_REFUSED_GONE, "the encoder left before it was answered");
}

/* ms; a machine under load starts a worker slowly, and a frame lost is worse than an encoder that waits */
static guint
get_ready_deadline (const Step *step)
{
  gint64 spent = (g_get_monotonic_time () - step->began) / 1000;
  return (guint) CLAMP (ANSWER_DEADLINE - spent, 0, READY_DEADLINE);
}

static void
on_admitted (KalturaEntry *entry, const KliveRefusal *refusal, gpointer data)
{
  Step *step = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (KliveRefusal) late = NULL;
  if (!entry) {
    refuse (step, refusal);
    return;
  }
  /* Things may have changed meanwhile. */
  late = step->gone ? klive_refusal_new (KLIVE_REFUSED_GONE, "the encoder left before it was answered")
                    : klive_supervisor_refuse (step->publish->supervisor, step->hook);
  if (late) {
    kaltura_entry_free (entry);
    refuse (step, late);
    return;
  }
  const char *name = klive_supervisor_open (step->publish->supervisor, step->hook, entry, on_open, step, &error);
  if (!name) {
    refuse_with (step, KLIVE_REFUSED_WORKER, error->message);
    return;
  }
  step->name = g_strdup (name);
  step->deadline = g_timeout_add (get_ready_deadline (step), on_ready_deadline, step);
}

void
klive_publish_answer (KlivePublish *publish, KliveHook *hook, KlivePublishFunc callback, gpointer user_data)
{
  Step *step = g_new0 (Step, 1);
  step->publish = publish;
  step->hook = hook;
  step->began = g_get_monotonic_time ();
  step->callback = callback;
  step->user_data = user_data;
  g_ptr_array_add (publish->steps, step);
  g_autoptr (KliveRefusal) refusal = hook->refusal ? NULL : klive_supervisor_refuse (publish->supervisor, hook);
  if (refusal)
    refuse (step, refusal);
  else
    klive_admission_ask (publish->admission, hook, on_admitted, step);
}

void
klive_publish_gone (KlivePublish *publish, const KliveHook *hook)
{
  for (guint i = 0; i < publish->steps->len; i++) {
    Step *step = publish->steps->pdata[i];
    step->gone |= step->hook->client_id == hook->client_id;
  }
  klive_supervisor_gone (publish->supervisor, hook);
}

const KlivePublishCounters *
klive_publish_get_counters (const KlivePublish *publish)
{
  return &publish->counters;
}

KlivePublish *
klive_publish_new (KliveAdmission *admission, KliveSupervisor *supervisor)
{
  KlivePublish *publish = g_new0 (KlivePublish, 1);
  publish->admission = admission;
  publish->supervisor = supervisor;
  publish->steps = g_ptr_array_new ();
  publish->counters.refused = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  return publish;
}

void
klive_publish_free (KlivePublish *publish)
{
  g_ptr_array_unref (publish->steps);
  g_hash_table_unref (publish->counters.refused);
  g_free (publish);
}
