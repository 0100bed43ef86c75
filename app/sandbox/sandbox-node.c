/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Status reports of media servers: gst/kaltura/API.md "mediaServer.reportStatus" (2014) and "serverNode.reportStatus".
 */
#include "sandbox-services.h"

#define NOT_OPERATIONAL 5

static JsonObject *
add_node (SandboxState *state, const char *class_name, const char *hostname, gint partner_id)
{
  JsonObject *node = sandbox_object_new (class_name);
  json_object_set_int_member (node, "id", state->nodes->len + 1);
  json_object_set_int_member (node, "partnerId", partner_id);
  json_object_set_int_member (node, "createdAt", sandbox_state_now (state));
  json_object_set_int_member (node, "updatedAt", sandbox_state_now (state));
  json_object_set_string_member (node, "hostName", hostname);
  json_object_set_int_member (node, "dc", 0);
  g_ptr_array_add (state->nodes, node);
  return node;
}

void
sandbox_node_report_2014 (SandboxCall *call)
{
  const char *hostname = sandbox_get_string (call->arguments, "hostname");
  JsonObject *node = sandbox_state_find_node_any_partner (call->state, hostname);
  if (!node)
    node = add_node (call->state, "KalturaWowzaMediaServerNode", hostname, SANDBOX_MEDIA_SERVER_PARTNER);
  json_object_set_int_member (node, "updatedAt", sandbox_state_now (call->state));

  g_autoptr (JsonObject) server = sandbox_object_new ("KalturaMediaServer");
  json_object_set_int_member (server, "id", sandbox_get_int (node, "id"));
  json_object_set_int_member (server, "dc", sandbox_get_int (node, "dc"));
  json_object_set_string_member (server, "hostname", hostname);
  json_object_set_int_member (server, "createdAt", sandbox_get_int (node, "createdAt"));
  json_object_set_int_member (server, "updatedAt", sandbox_get_int (node, "updatedAt"));
  sandbox_call_return_object (call, server);
}

void
sandbox_node_report (SandboxCall *call)
{
  const char *hostname = sandbox_get_string (call->arguments, "hostName");
  JsonObject *given = sandbox_get_object (call->arguments, "serverNode");
  gint owner = call->ks->partner_id;
  gint64 now = sandbox_state_now (call->state);
  JsonObject *node = sandbox_state_find_node (call->state, hostname, owner);
  if (!node && !given) {
    sandbox_call_fail (call, "SERVER_NODE_NOT_FOUND", hostname, NULL);
    return;
  }
  if (!node) {
    const char *class_name = sandbox_get_string (given, "objectType");
    node = add_node (call->state, class_name, hostname, owner);
    sandbox_object_update (node, given);
    json_object_set_string_member (node, "hostName", hostname);
    json_object_set_int_member (node, "partnerId", owner);
    if (sandbox_class_is_a (class_name, "KalturaWowzaMediaServerNode"))
      json_object_set_string_member (node, "type", "wowza.WOWZA_MEDIA_SERVER");
    if (sandbox_is_null (node, "name"))
      json_object_set_string_member (node, "name", hostname);
  }
  gint64 status = sandbox_get_int (call->arguments, "serverNodeStatus");
  json_object_set_int_member (node, "status", status == NOT_OPERATIONAL ? 1 : status);
  json_object_set_int_member (node, "heartbeatTime", now);
  json_object_set_int_member (node, "updatedAt", now);
  sandbox_call_return_object (call, node);
}
