/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Fuzzes replies of the API, and live entries from the XML and from the JSON that goes to a worker. */

#include "kaltura-entry.h"
#include "kaltura-reply.h"

#include <stdint.h>
#include "kaltura-error.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
check_entry (KalturaEntry *entry, const GError *error)
{
  g_assert_true ((entry == NULL) == (error != NULL));
  if (entry == NULL)
    return;
  g_assert_true (kaltura_entry_id_is_valid (entry->id));
  kaltura_entry_get_dvr_seconds (entry, 7200);
  g_autofree char *json = kaltura_entry_to_json (entry);
  g_autoptr (KalturaEntry) again = kaltura_entry_new_from_json (json, NULL);
  g_autofree char *json_again = kaltura_entry_to_json (again);
  g_assert_cmpstr (json, ==, json_again);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (KalturaReply) reply = kaltura_reply_parse ((const char *) data, size, &error);
  if (reply != NULL) {
    g_autoptr (GError) entry_error = NULL;
    g_autoptr (KalturaEntry) entry = kaltura_entry_new_from_reply (reply, &entry_error);
    check_entry (entry, entry_error);
    guint length = kaltura_reply_get_length (reply, "objects");
    g_assert_true (length == 0 || kaltura_reply_get_string (reply, "objects") == NULL);
    kaltura_reply_get_boolean (reply, "", FALSE);
  } else {
    g_assert_nonnull (error);
    g_assert_true (g_utf8_validate (error->message, -1, NULL));
    g_assert_true (error->code == KALTURA_ERROR_GARBAGE || error->code == KALTURA_ERROR_API);
  }

  g_autofree char *text = g_strndup ((const char *) data, size);
  g_autoptr (GError) json_error = NULL;
  g_autoptr (KalturaEntry) from_json = kaltura_entry_new_from_json (text, &json_error);
  check_entry (from_json, json_error);
  return 0;
}
