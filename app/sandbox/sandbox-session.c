/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sessions and permissions (gst/kaltura/API.md "Session strings", "Who may call"): who calls, on
 * whose behalf, and whether he may.
 */
#include "sandbox-call.h"

#include <string.h>

typedef struct {
  const char *code;
  const char *text;
} KsStatus;

static const KsStatus ks_invalid_string = { "-1", "INVALID_STR" };
static const KsStatus ks_invalid_partner = { "-2", "INVALID_PARTNER" };
static const KsStatus ks_expired = { "-5", "EXPIRED" };
static const KsStatus ks_actions_limit = { "-8", "EXCEEDED_ACTIONS_LIMIT" };
static const KsStatus ks_restricted_ip = { "-9", "EXCEEDED_RESTRICTED_IP" };
static const KsStatus ks_restricted_uri = { "-11", "EXCEEDED_RESTRICTED_URI" };

static gboolean
fail_ks (SandboxCall *call, const char *text, const KsStatus *status)
{
  sandbox_call_fail (call, "INVALID_KS", text, status->code, status->text, NULL);
  return FALSE;
}

/* The current API takes a comma-separated list of secrets, 2014 one secret. */
static KalturaKs *
parse_with_secrets (SandboxCall *call, const char *text, const SandboxPartner *partner)
{
  if (call->state->api == SANDBOX_API_2014)
    return kaltura_ks_parse (text, partner->admin_secret, NULL);
  g_auto (GStrv) secrets = g_strsplit (partner->admin_secret, ",", -1);
  KalturaKs *ks = NULL;
  for (guint i = 0; secrets[i] && !ks; i++)
    ks = kaltura_ks_parse (text, g_strstrip (secrets[i]), NULL);
  return ks;
}

/* The value of a privilege "NAME:VALUE", NULL when the session has none of that name. */
static char *
find_privilege (const KalturaKs *ks, const char *name)
{
  g_auto (GStrv) privileges = g_strsplit (ks->privileges ? ks->privileges : "", ",", -1);
  for (guint i = 0; privileges[i]; i++) {
    const char *privilege = g_strstrip (privileges[i]);
    if (g_str_has_prefix (privilege, name) && privilege[strlen (name)] == ':')
      return g_strdup (privilege + strlen (name) + 1);
  }
  return NULL;
}

static gboolean
matches_list (const char *list, const char *separator, const char *value, gboolean wildcard)
{
  g_auto (GStrv) items = g_strsplit (list, separator, -1);
  for (guint i = 0; items[i]; i++)
    if (wildcard ? g_pattern_match_simple (items[i], value) : strcmp (items[i], value) == 0)
      return TRUE;
  return FALSE;
}

static const KsStatus *
check_privileges (SandboxCall *call, const char *text)
{
  g_autofree char *addresses = find_privilege (call->ks, "iprestrict");
  g_autofree char *uris = find_privilege (call->ks, "urirestrict");
  g_autofree char *limit = find_privilege (call->ks, "actionslimit");
  if (addresses && !matches_list (addresses, "/", call->request->address, FALSE))
    return &ks_restricted_ip;
  if (uris && !matches_list (uris, "|", call->request->uri, TRUE))
    return &ks_restricted_uri;
  if (limit) {
    guint used = GPOINTER_TO_UINT (g_hash_table_lookup (call->state->ks_uses, text));
    if (used >= g_ascii_strtoull (limit, NULL, 10))
      return &ks_actions_limit;
    g_hash_table_insert (call->state->ks_uses, g_strdup (text), GUINT_TO_POINTER (used + 1));
  }
  return NULL;
}

gboolean
sandbox_call_read_session (SandboxCall *call)
{
  const char *text = sandbox_get_string (call->params, "ks");
  if (!text || !*text || call->action->access & SANDBOX_ACCESS_KS_IGNORED)
    return TRUE;

  gint partner_id;
  if (!kaltura_ks_peek_partner (text, &partner_id, NULL))
    return fail_ks (call, text, &ks_invalid_string);
  const SandboxPartner *partner = sandbox_state_find_partner (call->state, partner_id);
  if (!partner)
    return fail_ks (call, text, &ks_invalid_partner);
  call->ks = parse_with_secrets (call, text, partner);
  if (!call->ks)
    return fail_ks (call, text, &ks_invalid_string);
  if (call->ks->expiry <= sandbox_state_now (call->state))
    return fail_ks (call, text, &ks_expired);
  const KsStatus *broken = check_privileges (call, text);
  return !broken || fail_ks (call, text, broken);
}

/* "p" wins over "partnerId"; 0 counts as not given. */
static gint
get_requested_partner (SandboxCall *call)
{
  gint id = sandbox_get_int (call->params, "p");
  return id ? id : sandbox_get_int (call->params, "partnerId");
}

static gboolean
forbid (SandboxCall *call)
{
  g_autofree char *name = g_strdup_printf ("%s->%s", call->action->service, call->action->action);
  sandbox_call_fail (call, "SERVICE_FORBIDDEN", name, NULL);
  return FALSE;
}

static gboolean
check_status (SandboxCall *call, const SandboxPartner *partner)
{
  static const char *const codes[] = { NULL, "SERVICE_FORBIDDEN_CONTENT_BLOCKED", "SERVICE_FORBIDDEN_FULLY_BLOCKED",
    "SERVICE_FORBIDDEN_PARTNER_DELETED" };
  if (!partner || !codes[partner->status])
    return TRUE;
  sandbox_call_fail (call, codes[partner->status], NULL);
  return FALSE;
}

static gboolean
is_internal (SandboxCall *call)
{
  return g_ptr_array_find_with_equal_func (call->state->internal_addresses, call->request->address, g_str_equal, NULL);
}

/* Whether a session of an ordinary partner has the permission. */
static gboolean
partner_may (SandboxCall *call, guint access)
{
  gboolean admin = sandbox_call_is_admin (call);
  if (access & SANDBOX_ACCESS_USER || (access & SANDBOX_ACCESS_ADMIN && admin))
    return TRUE;
  if (access & SANDBOX_ACCESS_ECDN && admin && sandbox_partner_has (call->partner, "FEATURE_HYBRID_ECDN"))
    return TRUE;
  if (access & SANDBOX_ACCESS_PUSH_PUBLISH && sandbox_partner_has (call->partner, "FEATURE_PUSH_PUBLISH"))
    return TRUE;
  return access & SANDBOX_ACCESS_SERVER_NODE && admin && sandbox_partner_has (call->partner, "SERVER_NODE_BASE");
}

static gboolean
check_without_session (SandboxCall *call)
{
  guint access = call->action->access;
  if (access & SANDBOX_ACCESS_ANYONE || (access & SANDBOX_ACCESS_INTERNAL && is_internal (call)))
    return TRUE;
  sandbox_call_fail (call, "MISSING_KS", NULL);
  return FALSE;
}

gboolean
sandbox_call_check_access (SandboxCall *call)
{
  if (!call->ks)
    return check_without_session (call);

  guint access = call->action->access;
  gint own = call->ks->partner_id;
  gint requested = get_requested_partner (call);
  call->partner_id = requested ? requested : own;
  call->partner = sandbox_state_find_partner (call->state, call->partner_id);
  if (!check_status (call, sandbox_state_find_partner (call->state, own)) || !check_status (call, call->partner))
    return FALSE;
  if (own > 0 && call->partner_id != own)
    return forbid (call);
  if (!call->partner) {
    sandbox_call_fail (call, "MISSING_KS", NULL); /* what the server says of a partner that does not exist */
    return FALSE;
  }

  gboolean may = access & SANDBOX_ACCESS_ANYONE;
  if (own == SANDBOX_MEDIA_SERVER_PARTNER)
    may = may || access & SANDBOX_ACCESS_MEDIA_SERVER;
  else if (own == SANDBOX_BATCH_PARTNER)
    may = may || access & SANDBOX_ACCESS_BATCH;
  else
    may = may || partner_may (call, access);
  if (!may)
    return forbid (call);
  if (strcmp (call->action->service, "livestream") == 0 && call->partner_id > 0 &&
      !sandbox_partner_has (call->partner, "FEATURE_LIVE_STREAM"))
    return forbid (call);
  return TRUE;
}
