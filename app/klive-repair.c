/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The child that finishes a recording. Called by the uploader, on its thread; never blocks.
 */
#include "klive-repair.h"

#include <json-glib/json-glib.h>
#include <string.h>
#include "klive-process.h"

G_DEFINE_QUARK (klive - repair - error - quark, klive_repair_error)

/* As klive-finish.c prints them. */
static const char *const error_names[] = { "format", "busy", "space", "other" };

static GSubprocess *
spawn (const char *launcher, const char *path, GError **error)
{
  g_autofree char *self = launcher != NULL ? g_strdup (launcher) : klive_process_dup_program ();
  const char *const argv[] = { self, "finish", "--json", path, NULL };
  return klive_process_spawn (argv, "/", KLIVE_PROCESS_TIED, G_SUBPROCESS_FLAGS_STDOUT_PIPE, error);
}

/* One line of JSON, or what else has become of the child. */
static gboolean
read_result (GSubprocess *child, const char *text, double *duration, GError **error)
{
  g_autoptr (JsonNode) root = text != NULL ? json_from_string (text, NULL) : NULL;
  JsonObject *object = root != NULL && JSON_NODE_HOLDS_OBJECT (root) ? json_node_get_object (root) : NULL;
  const char *kind = object != NULL ? json_object_get_string_member_with_default (object, "error", NULL) : NULL;
  if (object != NULL && kind == NULL && g_subprocess_get_successful (child)) {
    *duration = json_object_get_double_member_with_default (object, "duration", 0);
    return TRUE;
  }
  KliveRepairErrorCode code = KLIVE_REPAIR_ERROR_OTHER;
  for (guint i = 0; i < G_N_ELEMENTS (error_names); i++)
    if (g_strcmp0 (kind, error_names[i]) == 0)
      code = i;
  g_set_error (error, KLIVE_REPAIR_ERROR, code, "finish: %s",
      kind != NULL ? json_object_get_string_member_with_default (object, "message", kind) : "the child has failed");
  return FALSE;
}

static void
on_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GSubprocess *child = G_SUBPROCESS (source);
  g_autofree char *text = NULL;
  GError *error = NULL;
  double *duration = g_new0 (double, 1);
  if (!g_subprocess_communicate_utf8_finish (child, result, &text, NULL, &error)) {
    g_subprocess_force_exit (child);
    g_free (duration);
    g_task_return_error (task, error);
  } else if (!read_result (child, text, duration, &error)) {
    g_free (duration);
    g_task_return_error (task, error);
  } else {
    g_task_return_pointer (task, duration, g_free);
  }
}

void
klive_repair_async (const char *launcher, const char *path, GCancellable *cancellable, GAsyncReadyCallback callback,
    gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);
  GError *error = NULL;
  g_autoptr (GSubprocess) child = spawn (launcher, path, &error);
  if (child == NULL) {
    g_task_return_error (task, error);
    return;
  }
  g_subprocess_communicate_utf8_async (child, NULL, cancellable, on_done, g_steal_pointer (&task));
}

gboolean
klive_repair_finish (GAsyncResult *result, double *duration, GError **error)
{
  g_autofree double *value = g_task_propagate_pointer (G_TASK (result), error);
  if (value != NULL)
    *duration = *value;
  return value != NULL;
}
