/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One call of one action: what every action needs to answer it. Made by sandbox-dispatch.c, used by the services.
 */
#include "sandbox-call.h"

#include <stdarg.h>
#include <string.h>

void
sandbox_result_clear (SandboxResult *result)
{
  gboolean from_file_action = result->from_file_action;
  g_clear_pointer (&result->value, json_node_unref);
  g_clear_pointer (&result->code, g_free);
  g_clear_pointer (&result->message, g_free);
  g_clear_pointer (&result->args, g_ptr_array_unref);
  g_clear_pointer (&result->file, g_free);
  memset (result, 0, sizeof *result);
  result->from_file_action = from_file_action;
}

void
sandbox_call_fail (SandboxCall *call, const char *code, ...)
{
  const char *values[8] = { NULL };
  va_list arguments;
  va_start (arguments, code);
  for (guint i = 0; i < G_N_ELEMENTS (values) - 1; i++)
    if (!(values[i] = va_arg (arguments, const char *)))
      break;
  va_end (arguments);
  sandbox_error_fill (&call->result, code, values);
}

gboolean
sandbox_call_failed (const SandboxCall *call)
{
  return call->result.code != NULL;
}

void
sandbox_call_return (SandboxCall *call, JsonNode *value)
{
  g_clear_pointer (&call->result.value, json_node_unref);
  call->result.value = value;
}

void
sandbox_call_return_object (SandboxCall *call, JsonObject *object)
{
  JsonNode *node = json_node_alloc ();
  g_autoptr (JsonObject) copy = sandbox_object_copy (object);
  sandbox_call_return (call, json_node_init_object (node, copy));
}

void
sandbox_call_return_boolean (SandboxCall *call, gboolean value)
{
  sandbox_call_return (call, json_node_init_boolean (json_node_alloc (), value));
}

gboolean
sandbox_call_is_media_server (const SandboxCall *call)
{
  return call->ks && call->ks->partner_id == SANDBOX_MEDIA_SERVER_PARTNER;
}

gboolean
sandbox_call_is_admin (const SandboxCall *call)
{
  return call->ks && call->ks->type >= 1;
}

SandboxEntry *
sandbox_call_find_entry (SandboxCall *call, const char *id)
{
  SandboxEntry *entry = sandbox_state_find_entry (call->state, id);
  if (!entry || g_strcmp0 (sandbox_get_string (entry->object, "status"), "3") == 0) /* DELETED */
    return NULL;
  /* Partners -5 and -1 have the partner group "*"; without a session the entry itself tells the partner. */
  gboolean any = !call->ks || call->ks->partner_id < 0;
  return any || sandbox_entry_get_partner_id (entry) == call->partner_id ? entry : NULL;
}

SandboxEntry *
sandbox_call_need_entry (SandboxCall *call, const char *id)
{
  SandboxEntry *entry = sandbox_call_find_entry (call, id);
  if (!entry)
    sandbox_call_fail (call, "ENTRY_ID_NOT_FOUND", id, NULL);
  return entry;
}

JsonObject *
sandbox_call_find_node (SandboxCall *call, const char *hostname)
{
  gint owner = call->ks ? call->ks->partner_id : SANDBOX_MEDIA_SERVER_PARTNER;
  JsonObject *node = sandbox_state_find_node (call->state, hostname, owner);
  return node && sandbox_get_int (node, "status") == 1 ? node : NULL; /* ACTIVE */
}
