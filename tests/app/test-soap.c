/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* klive-soap: the requests of the real client (NuSOAP 0.9.5, raw), answers and WSDL byte for byte, and garbage. */
#include "klive-soap.h"

#include <gio/gio.h>
#include <string.h>

#define HEAD "<E:Envelope xmlns:E=\"http://schemas.xmlsoap.org/soap/envelope/\">"
#define ENVELOPE(body) HEAD "<E:Body>" body "</E:Body></E:Envelope>"
#define SPLIT(content) \
  ENVELOPE ("<SplitRecordingNowRequest xmlns=\"" KLIVE_SOAP_NAMESPACE "\">" content "</SplitRecordingNowRequest>")
#define CUES(content) \
  ENVELOPE ("<CreateTimeCuePointsRequest xmlns=\"" KLIVE_SOAP_NAMESPACE "\">" content "</CreateTimeCuePointsRequest>")

static const KliveSoapService live = { "live", "KalturaLiveServiceService", "splitRecordingNow", "SplitRecordingNow",
  { { "liveEntryId", KLIVE_SOAP_STRING }, { NULL, 0 } } };
static const KliveSoapService cue_points = {
  "cuePoints", "KalturaCuePointsServiceService", "createTimeCuePoints", "CreateTimeCuePoints",
  { { "liveEntryId", KLIVE_SOAP_STRING }, { "interval", KLIVE_SOAP_INT }, { "duration", KLIVE_SOAP_INT }, { NULL, 0 } }
};

static char *
read_data (const char *name)
{
  g_autofree char *path = g_build_filename (g_getenv ("KLIVE_TEST_DATA"), "soap", name, NULL);
  g_autoptr (GError) error = NULL;
  char *text = NULL;
  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  return text;
}

/* The body of a raw HTTP request. */
static char *
read_request (const char *name)
{
  g_autofree char *text = read_data (name);
  const char *body = strstr (text, "<?xml");
  g_assert_nonnull (body);
  return g_strdup (body);
}

static KliveSoapCall *
parse (const KliveSoapService *service, const char *text)
{
  g_autoptr (GError) error = NULL;
  KliveSoapCall *call = klive_soap_call_parse (service, text, strlen (text), &error);
  g_assert_no_error (error);
  return call;
}

static void
assert_fault (const KliveSoapService *service, const char *text, const char *expected)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (KliveSoapCall) call = klive_soap_call_parse (service, text, strlen (text), &error);
  g_assert_null (call);
  g_assert_nonnull (error);
  g_autofree char *fault = klive_soap_format_fault (error);
  if (!strstr (fault, expected))
    g_error ("expected \"%s\" in %s", expected, fault);
}

static void
test_real_requests (void)
{
  g_autofree char *split = read_request ("splitRecordingNow.request");
  g_autofree char *cues = read_request ("createTimeCuePoints.request");
  g_autoptr (KliveSoapCall) first = parse (&live, split);
  g_autoptr (KliveSoapCall) second = parse (&cue_points, cues);
  g_assert_cmpstr (first->strings[0], ==, "0_abcd1234");
  g_assert_cmpstr (second->strings[0], ==, "0_abcd1234");
  g_assert_cmpint (second->ints[1], ==, 30);
  g_assert_cmpint (second->ints[2], ==, 3600);
}

/* PHP's SoapClient has a prefix and an unqualified child; others qualify the child. Blanks and order do not count. */
static void
test_other_forms (void)
{
  g_autoptr (KliveSoapCall) prefixed = parse (&live,
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<S:Envelope xmlns:S=\"http://schemas.xmlsoap.org/soap/envelope/\" "
      "xmlns:ns1=\"" KLIVE_SOAP_NAMESPACE "\"><S:Header/><S:Body><ns1:SplitRecordingNowRequest>"
      "<liveEntryId>0_abcd1234</liveEntryId></ns1:SplitRecordingNowRequest></S:Body></S:Envelope>\n");
  g_autoptr (KliveSoapCall) qualified = parse (&cue_points,
      CUES ("<duration> 60 </duration>\n<interval>\t5\n</interval>"
            "<liveEntryId>\n0_abcd1234 </liveEntryId>"));
  g_assert_cmpstr (prefixed->strings[0], ==, "0_abcd1234");
  g_assert_cmpstr (qualified->strings[0], ==, "0_abcd1234");
  g_assert_cmpint (qualified->ints[1], ==, 5);
  g_assert_cmpint (qualified->ints[2], ==, 60);
}

static void
test_wsdl (void)
{
  g_autofree char *expected_live = read_data ("live.wsdl");
  g_autofree char *expected_cues = read_data ("cuePoints.wsdl");
  g_autofree char *made_live = klive_soap_format_wsdl (&live, "http://127.0.0.1:28918/live");
  g_autofree char *made_cues = klive_soap_format_wsdl (&cue_points, "http://127.0.0.1:28918/cuePoints");
  g_assert_cmpstr (made_live, ==, expected_live);
  g_assert_cmpstr (made_cues, ==, expected_cues);
  g_autofree char *hostile = klive_soap_format_wsdl (&live, "http://a\"/><b @name=\"/live");
  g_assert_nonnull (strstr (hostile, "location=\"http://a&quot;/&gt;&lt;b @name=&quot;/live\"/>"));
}

static void
test_answers (void)
{
  g_autofree char *response = klive_soap_format_response (&live);
  g_autoptr (GError) server = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, "a <b> & \"c\"\n\x01 \xff");
  g_autofree char *fault = klive_soap_format_fault (server);
  g_assert_cmpstr (response, ==,
      "<S:Envelope xmlns:S=\"http://schemas.xmlsoap.org/soap/envelope/\"><S:Body><ns2:SplitRecordingNowResponse "
      "xmlns:ns2=\"http://services.api.server.media.kaltura.com/\"><return>true</return>"
      "</ns2:SplitRecordingNowResponse></S:Body></S:Envelope>");
  g_assert_cmpstr (fault, ==,
      "<S:Envelope xmlns:S=\"http://schemas.xmlsoap.org/soap/envelope/\"><S:Body><S:Fault>"
      "<faultcode>S:Server</faultcode><faultstring>a &lt;b&gt; &amp; &quot;c&quot;   \xef\xbf\xbd</faultstring>"
      "</S:Fault></S:Body></S:Envelope>");
}

static void
test_faults (void)
{
  assert_fault (&live, "", "S:Client");
  assert_fault (&live, "POST", "broken XML");
  assert_fault (&live, HEAD, "broken XML");
  assert_fault (&live, "<html/>", "&quot;html&quot; is no SOAP envelope");
  assert_fault (&live, HEAD "</E:Envelope>", "has no body");
  assert_fault (&live, ENVELOPE (""), "the body is empty");
  assert_fault (&live, ENVELOPE ("<SplitRecordingNowRequest/>"), "no operation &quot;SplitRecordingNowRequest&quot;");
  assert_fault (&live, CUES ("<liveEntryId>0_abcd1234</liveEntryId>"), "has no operation");
  assert_fault (&live, SPLIT (""), "liveEntryId is missing");
  assert_fault (&live, SPLIT ("<x:liveEntryId xmlns:x=\"urn:x\">0_abcd1234</x:liveEntryId>"), "liveEntryId is missing");
  assert_fault (&live, SPLIT ("<liveEntryId>a</liveEntryId><liveEntryId>b</liveEntryId>"), "stands there twice");
  assert_fault (&cue_points,
      CUES ("<liveEntryId>0_abcd1234</liveEntryId><interval>Null</interval><duration>5</duration>"),
      "interval is &quot;Null&quot;, expected a number");
  assert_fault (&cue_points,
      CUES ("<liveEntryId>0_abcd1234</liveEntryId><interval>5</interval><duration>2147483648</duration>"),
      "duration is &quot;2147483648&quot;, expected a number");
  assert_fault (&live, "<E:Envelope xmlns:E=\"http://www.w3.org/2003/05/soap-envelope\"><E:Body/></E:Envelope>",
      "S:VersionMismatch");
  assert_fault (&live, HEAD "<E:Header><t E:mustUnderstand=\"1\"/></E:Header><E:Body/></E:Envelope>",
      "S:MustUnderstand");
}

/* Neither files nor entities of a stranger are looked at. */
static void
test_declarations (void)
{
  assert_fault (&live,
      "<!DOCTYPE x [<!ENTITY f SYSTEM \"file:///etc/passwd\">]>" SPLIT ("<liveEntryId>&f;</liveEntryId>"),
      "declaration is refused");
  assert_fault (&live,
      "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c "
      "\"&b;&b;&b;&b;&b;&b;&b;&b;\">]>" SPLIT ("<liveEntryId>&c;&c;&c;&c;</liveEntryId>"),
      "declaration is refused");
  assert_fault (&live, "<!DOCTYPE x SYSTEM \"http://127.0.0.1:1/x.dtd\">" SPLIT (""), "declaration is refused");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/soap/real-requests", test_real_requests);
  g_test_add_func ("/soap/other-forms", test_other_forms);
  g_test_add_func ("/soap/wsdl", test_wsdl);
  g_test_add_func ("/soap/answers", test_answers);
  g_test_add_func ("/soap/faults", test_faults);
  g_test_add_func ("/soap/declarations", test_declarations);
  return g_test_run ();
}
