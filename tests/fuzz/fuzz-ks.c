/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Fuzzes session strings. The input is tried as a whole string; and, because no fuzzer finds a signature, also as the
 * fields of one that is made, parsed, damaged by a byte and parsed again.
 */

#include "kaltura-ks.h"

#include <stdint.h>
#include <string.h>
#include "kaltura-error.h"

#define SECRET "0123456789abcdef0123456789abcdef"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
check_text (const char *text)
{
  g_autoptr (GError) error = NULL;
  gint partner_id = 0;
  gboolean peeked = kaltura_ks_peek_partner (text, &partner_id, NULL);
  g_autoptr (KalturaKs) ks = kaltura_ks_parse (text, SECRET, &error);
  g_assert_true ((ks == NULL) == (error != NULL));
  if (ks == NULL)
    return;
  g_assert_true (peeked);
  g_assert_cmpint (ks->partner_id, ==, partner_id);
}

/* "user\nprivileges" */
static void
check_fields (const char *text, gsize at)
{
  g_auto (GStrv) parts = g_strsplit (text, "\n", 2);
  KalturaKs ks = { 102, parts[0], 2, 2000000000, parts[0] != NULL ? parts[1] : NULL };
  g_autoptr (GError) error = NULL;
  g_autofree char *made = kaltura_ks_make_v2 (&ks, SECRET, (const guint8 *) "0123456789abcdef", &error);
  if (made == NULL) {
    g_assert_error (error, KALTURA_ERROR, KALTURA_ERROR_INPUT);
    g_assert_nonnull (strchr (ks.privileges, '_'));
    return;
  }
  if (strlen (made) > 8192)
    return;
  g_autoptr (KalturaKs) parsed = kaltura_ks_parse (made, SECRET, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (parsed->user, ==, ks.user);
  g_assert_cmpint (parsed->expiry, ==, ks.expiry);

  /* "v2|102|" takes 10 characters. The partner in it is not signed: its secret is what speaks for it. */
  gsize length = strcspn (made, "=");
  gsize place = 10 + at % (length - 11);
  made[place] = made[place] == 'A' ? 'B' : 'A';
  g_autoptr (KalturaKs) damaged = kaltura_ks_parse (made, SECRET, NULL);
  g_assert_null (damaged);

  g_autofree char *old = kaltura_ks_make_v1 (&ks, SECRET, "1", NULL);
  if (old != NULL && strlen (old) <= 8192) {
    g_autoptr (KalturaKs) parsed_old = kaltura_ks_parse (old, SECRET, &error);
    g_assert_no_error (error);
    g_assert_cmpstr (parsed_old->user, ==, ks.user != NULL ? ks.user : "");
  }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *text = g_strndup ((const char *) data, size);
  check_text (text);
  check_fields (text, size > 0 ? data[0] : 0);
  return 0;
}
