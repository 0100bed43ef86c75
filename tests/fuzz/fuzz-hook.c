/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Fuzzes hook bodies of nginx-rtmp: what is let through names one entry; nothing behind nginx's own fields matters. */

#include "klive-hook.h"

#include <stdint.h>
#include <string.h>
#include "kaltura-error.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
check_hook (const KliveHook *hook)
{
  g_assert_nonnull (hook->address);
  g_assert_nonnull (hook->app);
  g_assert_nonnull (hook->name);
  if (hook->call != KLIVE_HOOK_PUBLISH) {
    g_assert_null (hook->broadcast);
    return;
  }
  if (hook->refusal) {
    g_assert_error (hook->refusal, KALTURA_ERROR, KALTURA_ERROR_INPUT);
    return;
  }
  g_autofree char *name = g_strdup_printf ("%s_%u", hook->broadcast->entry_id, hook->stream.suffix);
  g_assert_cmpstr (name, ==, hook->name);
}

/* A second set of nginx's fields behind the first changes nothing of them. */
static void
check_first_wins (const KliveHook *hook, const char *body, gsize size)
{
  g_autofree char *text = g_strndup (body, size);
  g_autofree char *more = g_strconcat (text, "&call=disconnect&clientid=1&addr=x&app=x&name=x", NULL);
  g_autoptr (KliveHook) again = klive_hook_parse (more, strlen (more), NULL);
  if (!again) /* too long by now */
    return;
  g_assert_cmpint (again->call, ==, hook->call);
  g_assert_cmpuint (again->client_id, ==, hook->client_id);
  g_assert_cmpstr (again->address, ==, hook->address);
  g_assert_cmpstr (again->app, ==, hook->app);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (KliveHook) hook = klive_hook_parse ((const char *) data, size, &error);
  if (!hook) {
    g_assert_error (error, KALTURA_ERROR, KALTURA_ERROR_INPUT);
    return 0;
  }
  check_hook (hook);
  check_first_wins (hook, (const char *) data, size);
  return 0;
}
