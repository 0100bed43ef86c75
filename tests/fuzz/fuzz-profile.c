/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Fuzzes conversion profiles: what is accepted has an Encode and prints as JSON. */

#include "kaltura-profile.h"

#include <json-glib/json-glib.h>
#include <stdint.h>
#include "kaltura-error.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (KalturaProfile) profile = kaltura_profile_parse ((const char *) data, size, &error);
  if (profile == NULL) {
    g_assert_error (error, KALTURA_ERROR, KALTURA_ERROR_PROFILE);
    g_assert_true (g_str_is_ascii (error->message));
    return 0;
  }
  g_assert_no_error (error);
  g_assert_cmpuint (profile->encodes->len, >=, 1);
  g_assert_cmpuint (profile->encodes->len, <=, 100);
  g_assert_cmpuint (profile->warnings->len, <=, 51);
  for (guint i = 0; i < profile->warnings->len; i++)
    g_assert_true (g_utf8_validate (profile->warnings->pdata[i], -1, NULL));

  g_autofree char *json = kaltura_profile_to_json (profile);
  g_autoptr (JsonNode) root = json_from_string (json, &error);
  g_assert_no_error (error);
  g_assert_nonnull (root);
  return 0;
}
