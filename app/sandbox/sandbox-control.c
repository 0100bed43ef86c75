/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What tests ask the sandbox itself: its state, faults, data, clock, the batch job. Called by sandbox-server.c.
 */
#include "sandbox-control.h"
#include "sandbox-data.h"
#include "sandbox-fault.h"
#include "sandbox-services.h"

#include <string.h>

typedef guint (*Control) (SandboxState *state, JsonNode *body, char **answer);

static char *
to_text (JsonNode *node)
{
  g_autoptr (JsonNode) owned = node;
  return json_to_string (owned, TRUE);
}

static guint
done (char **answer)
{
  *answer = g_strdup ("{}");
  return 200;
}

static guint
refuse (guint status, const char *message, char **answer)
{
  JsonObject *object = json_object_new ();
  json_object_set_string_member (object, "error", message);
  JsonNode *node = json_node_init_object (json_node_alloc (), object);
  json_object_unref (object);
  *answer = to_text (node);
  return status;
}

static guint
get_state (SandboxState *state, JsonNode *body, char **answer)
{
  *answer = to_text (sandbox_state_to_json (state));
  return 200;
}

static guint
get_faults (SandboxState *state, JsonNode *body, char **answer)
{
  *answer = to_text (sandbox_faults_to_json (state->faults));
  return 200;
}

static guint
add_faults (SandboxState *state, JsonNode *body, char **answer)
{
  g_autoptr (GError) error = NULL;
  return sandbox_faults_add (state->faults, body, &error) ? done (answer) : refuse (400, error->message, answer);
}

static guint
clear_faults (SandboxState *state, JsonNode *body, char **answer)
{
  g_ptr_array_set_size (state->faults, 0);
  return done (answer);
}

static guint
clear_calls (SandboxState *state, JsonNode *body, char **answer)
{
  sandbox_state_forget_calls (state);
  return done (answer);
}

static guint
merge_data (SandboxState *state, JsonNode *body, char **answer)
{
  g_autoptr (GError) error = NULL;
  return sandbox_data_merge (state, body, &error) ? done (answer) : refuse (400, error->message, answer);
}

/* {"advance": seconds, "batch": true}: the batch job runs once afterwards, as it would have by then. */
static guint
advance_clock (SandboxState *state, JsonNode *body, char **answer)
{
  JsonObject *object = body && JSON_NODE_HOLDS_OBJECT (body) ? json_node_get_object (body) : NULL;
  if (!object || sandbox_is_null (object, "advance"))
    return refuse (400, "$.advance: expected a number of seconds", answer);
  state->clock_offset += (gint64) (sandbox_get_float (object, "advance") * G_USEC_PER_SEC);
  if (sandbox_is_null (object, "batch") || sandbox_get_bool (object, "batch"))
    sandbox_registration_expire (state);
  return done (answer);
}

static guint
run_batch (SandboxState *state, JsonNode *body, char **answer)
{
  sandbox_registration_expire (state);
  return done (answer);
}

static const struct {
  const char *method;
  const char *path;
  Control run;
} controls[] = {
  { "GET", "/sandbox/state", get_state },
  { "GET", "/sandbox/faults", get_faults },
  { "POST", "/sandbox/faults", add_faults },
  { "DELETE", "/sandbox/faults", clear_faults },
  { "DELETE", "/sandbox/calls", clear_calls },
  { "POST", "/sandbox/data", merge_data },
  { "POST", "/sandbox/clock", advance_clock },
  { "POST", "/sandbox/batch", run_batch },
};

guint
sandbox_control (SandboxState *state, const char *method, const char *path, GBytes *body, char **answer)
{
  gboolean known = FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (controls); i++) {
    if (strcmp (controls[i].path, path) != 0)
      continue;
    known = TRUE;
    if (strcmp (controls[i].method, method) != 0)
      continue;
    gsize length;
    const char *text = g_bytes_get_data (body, &length);
    g_autoptr (JsonParser) parser = json_parser_new ();
    g_autoptr (GError) error = NULL;
    if (length > 0 && !json_parser_load_from_data (parser, text, length, &error))
      return refuse (400, error->message, answer);
    return controls[i].run (state, length > 0 ? json_parser_get_root (parser) : NULL, answer);
  }
  return known ? refuse (405, "this path has no such method", answer)
               : refuse (404, "known: /sandbox/state, faults, calls, data, clock, batch", answer);
}
