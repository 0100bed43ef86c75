/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Fuzzes SOAP requests: what is accepted has all its parameters; what is not becomes a fault that is XML. */

#include "klive-soap.h"

#include <libxml/tree.h>
#include <stdint.h>
#include <string.h>
#include "kaltura-xml.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static const KliveSoapService service = {
  "cuePoints", "KalturaCuePointsServiceService", "createTimeCuePoints", "CreateTimeCuePoints",
  { { "liveEntryId", KLIVE_SOAP_STRING }, { "interval", KLIVE_SOAP_INT }, { "duration", KLIVE_SOAP_INT }, { NULL, 0 } }
};

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (KliveSoapCall) call = klive_soap_call_parse (&service, (const char *) data, size, &error);
  if (call) {
    g_assert_no_error (error);
    for (guint i = 0; i < 3; i++)
      g_assert_true (g_utf8_validate (call->strings[i], -1, NULL));
    return 0;
  }
  g_assert_true (error->domain == KLIVE_SOAP_ERROR);
  g_autofree char *fault = klive_soap_format_fault (error);
  g_autoptr (GError) broken = NULL;
  g_autoptr (xmlDoc) document = kaltura_xml_parse (fault, strlen (fault), 0, &broken);
  g_assert_no_error (broken);
  g_assert_nonnull (document);
  return 0;
}
