/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SOAP envelopes and WSDL as text. Called by klive-services.c; pure.
 *
 * The forms are those that NuSOAP and PHP's SoapClient were seen to accept (kaltura/server vendor/nusoap); names and
 * namespace are the annotations' of kaltura/media-server (KalturaLiveService.java, KalturaCuePointsService.java).
 */
#include "klive-soap.h"

#include <string.h>
#include "kaltura-error.h"
#include "kaltura-xml.h"

#define ENVELOPE "http://schemas.xmlsoap.org/soap/envelope/"
#define MAX_QUOTED 64 /* bytes of foreign text in a message */

G_DEFINE_QUARK (klive_soap_error_quark, klive_soap_error)

static void fail (GError **error, KliveSoapError code, const char *format, ...) G_GNUC_PRINTF (3, 4);

static void
fail (GError **error, KliveSoapError code, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error_literal (error, KLIVE_SOAP_ERROR, code, message);
}

static char *
quote (const char *text)
{
  return kaltura_error_quote (text, -1, MAX_QUOTED);
}

/* --- requests --- */

static gboolean
has_name (const xmlNode *node, const char *name)
{
  return strcmp ((const char *) node->name, name) == 0;
}

static gboolean
is_in (const xmlNode *node, const char *uri)
{
  return node->ns && strcmp ((const char *) node->ns->href, uri) == 0;
}

/* SOAP 1.1, 4.2.3: a header that has to be understood, and is not, is a fault. We understand none. */
static gboolean
check_header (xmlNode *header, GError **error)
{
  for (xmlNode *node = kaltura_xml_child (header, NULL); node; node = kaltura_xml_next (node, NULL)) {
    xmlChar *value = xmlGetNsProp (node, (const xmlChar *) "mustUnderstand", (const xmlChar *) ENVELOPE);
    gboolean must = value && strcmp ((const char *) value, "1") == 0;
    xmlFree (value);
    if (!must)
      continue;
    g_autofree char *name = quote ((const char *) node->name);
    fail (error, KLIVE_SOAP_ERROR_MUST_UNDERSTAND, "the header %s is not understood", name);
    return FALSE;
  }
  return TRUE;
}

/* The first element of the body. */
static xmlNode *
find_request (xmlNode *root, GError **error)
{
  if (!has_name (root, "Envelope")) {
    g_autofree char *name = quote ((const char *) root->name);
    fail (error, KLIVE_SOAP_ERROR_CLIENT, "%s is no SOAP envelope", name);
    return NULL;
  }
  if (!is_in (root, ENVELOPE)) {
    fail (error, KLIVE_SOAP_ERROR_VERSION_MISMATCH, "the envelope is not one of SOAP 1.1 (" ENVELOPE ")");
    return NULL;
  }
  xmlNode *child = kaltura_xml_child (root, NULL);
  if (child && is_in (child, ENVELOPE) && has_name (child, "Header")) {
    if (!check_header (child, error))
      return NULL;
    child = kaltura_xml_next (child, NULL);
  }
  if (!child || !is_in (child, ENVELOPE) || !has_name (child, "Body")) {
    fail (error, KLIVE_SOAP_ERROR_CLIENT, "the envelope has no body");
    return NULL;
  }
  xmlNode *request = kaltura_xml_child (child, NULL);
  if (!request)
    fail (error, KLIVE_SOAP_ERROR_CLIENT, "the body is empty");
  return request;
}

static gboolean
check_operation (const KliveSoapService *service, const xmlNode *request, GError **error)
{
  g_autofree char *wanted = g_strconcat (service->element, "Request", NULL);
  if (has_name (request, wanted) && is_in (request, KLIVE_SOAP_NAMESPACE))
    return TRUE;
  g_autofree char *name = quote ((const char *) request->name);
  fail (error, KLIVE_SOAP_ERROR_CLIENT, "the service %s has no operation %s, expected {" KLIVE_SOAP_NAMESPACE "}%s",
      service->name, name, wanted);
  return FALSE;
}

static xmlNode *
find_parameter (xmlNode *request, const KliveSoapParameter *parameter, GError **error)
{
  xmlNode *found = NULL;
  for (xmlNode *node = kaltura_xml_child (request, parameter->name); node;
       node = kaltura_xml_next (node, parameter->name)) {
    if (node->ns && !is_in (node, KLIVE_SOAP_NAMESPACE))
      continue;
    if (found) {
      fail (error, KLIVE_SOAP_ERROR_CLIENT, "%s stands there twice", parameter->name);
      return NULL;
    }
    found = node;
  }
  if (!found)
    fail (error, KLIVE_SOAP_ERROR_CLIENT, "%s is missing", parameter->name);
  return found;
}

static gboolean
read_parameter (KliveSoapCall *call, guint i, const KliveSoapParameter *parameter, xmlNode *request, GError **error)
{
  xmlNode *node = find_parameter (request, parameter, error);
  if (!node)
    return FALSE;
  gint64 number = 0;
  call->strings[i] = kaltura_xml_dup_text (node);
  if (parameter->type == KLIVE_SOAP_STRING)
    return TRUE;
  if (!g_ascii_string_to_signed (call->strings[i], 10, G_MININT32, G_MAXINT32, &number, NULL)) {
    g_autofree char *value = quote (call->strings[i]);
    fail (error, KLIVE_SOAP_ERROR_CLIENT, "%s is %s, expected a number", parameter->name, value);
    return FALSE;
  }
  call->ints[i] = (gint) number;
  return TRUE;
}

KliveSoapCall *
klive_soap_call_parse (const KliveSoapService *service, const char *data, gsize length, GError **error)
{
  g_autoptr (GError) broken = NULL;
  g_autoptr (xmlDoc) document = kaltura_xml_parse (data, length, KALTURA_ERROR_INPUT, &broken);
  if (!document) {
    fail (error, KLIVE_SOAP_ERROR_CLIENT, "%s", broken->message);
    return NULL;
  }
  xmlNode *request = find_request (xmlDocGetRootElement (document), error);
  if (!request || !check_operation (service, request, error))
    return NULL;
  g_autoptr (KliveSoapCall) call = g_new0 (KliveSoapCall, 1);
  for (guint i = 0; service->parameters[i].name; i++)
    if (!read_parameter (call, i, &service->parameters[i], request, error))
      return NULL;
  return g_steal_pointer (&call);
}

void
klive_soap_call_free (KliveSoapCall *call)
{
  for (guint i = 0; i < KLIVE_SOAP_MAX_PARAMETERS; i++)
    g_free (call->strings[i]);
  g_free (call);
}

/* --- WSDL --- */

/* @name is the service's, @operation its operation, @Element and @Service as in KliveSoapService. */
static const char wsdl[] =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?><definitions "
    "xmlns:wsu=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd\" "
    "xmlns:wsp=\"http://www.w3.org/ns/ws-policy\" xmlns:wsp1_2=\"http://schemas.xmlsoap.org/ws/2004/09/policy\" "
    "xmlns:wsam=\"http://www.w3.org/2007/05/addressing/metadata\" "
    "xmlns:soap=\"http://schemas.xmlsoap.org/wsdl/soap/\" xmlns:tns=\"" KLIVE_SOAP_NAMESPACE "\" "
    "xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" xmlns=\"http://schemas.xmlsoap.org/wsdl/\" "
    "targetNamespace=\"" KLIVE_SOAP_NAMESPACE "\" name=\"@Service\">\n"
    "<types><xs:schema xmlns:tns=\"" KLIVE_SOAP_NAMESPACE "\" xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" "
    "version=\"1.0\" targetNamespace=\"" KLIVE_SOAP_NAMESPACE "\">"
    "<xs:element name=\"@ElementRequest\" type=\"tns:@operation\"/>"
    "<xs:element name=\"@ElementResponse\" type=\"tns:@operationResponse\"/>"
    "<xs:complexType name=\"@operation\"><xs:sequence>@parameters</xs:sequence></xs:complexType>"
    "<xs:complexType name=\"@operationResponse\"><xs:sequence><xs:element name=\"return\" type=\"xs:boolean\"/>"
    "</xs:sequence></xs:complexType></xs:schema></types>\n"
    "<message name=\"@operation\"><part name=\"parameters\" element=\"tns:@ElementRequest\"/></message>\n"
    "<message name=\"@operationResponse\"><part name=\"parameters\" element=\"tns:@ElementResponse\"/></message>\n"
    "<portType name=\"@name\"><operation name=\"@operation\">"
    "<input wsam:Action=\"@operation\" message=\"tns:@operation\"/>"
    "<output wsam:Action=\"" KLIVE_SOAP_NAMESPACE "@name/@operationResponse\" message=\"tns:@operationResponse\"/>"
    "</operation></portType>\n"
    "<binding name=\"@namePortBinding\" type=\"tns:@name\">"
    "<soap:binding transport=\"http://schemas.xmlsoap.org/soap/http\" style=\"document\"/>"
    "<operation name=\"@operation\"><soap:operation soapAction=\"@operation\"/>"
    "<input><soap:body use=\"literal\"/></input><output><soap:body use=\"literal\"/></output></operation></binding>\n"
    "<service name=\"@Service\"><port name=\"@namePort\" binding=\"tns:@namePortBinding\">"
    "<soap:address location=\"@location\"/></port></service>\n"
    "</definitions>";

static char *
format_parameters (const KliveSoapService *service)
{
  GString *text = g_string_new (NULL);
  for (const KliveSoapParameter *parameter = service->parameters; parameter->name; parameter++)
    g_string_append_printf (text, "<xs:element name=\"%s\" type=\"%s/>", parameter->name,
        parameter->type == KLIVE_SOAP_INT ? "xs:int\"" : "xs:string\" minOccurs=\"0\"");
  return g_string_free (text, FALSE);
}

char *
klive_soap_format_wsdl (const KliveSoapService *service, const char *location)
{
  g_autofree char *parameters = format_parameters (service);
  g_autofree char *escaped = g_markup_escape_text (location, -1);
  const char *const values[][2] = { { "@operation", service->operation }, { "@parameters", parameters },
    { "@name", service->name }, { "@Element", service->element }, { "@Service", service->service },
    { "@location", escaped } }; /* last, as it is the one that comes from outside */
  GString *text = g_string_new (wsdl);
  for (guint i = 0; i < G_N_ELEMENTS (values); i++)
    g_string_replace (text, values[i][0], values[i][1], 0);
  return g_string_free (text, FALSE);
}

/* --- answers --- */

static char *
wrap (const char *body)
{
  return g_strconcat ("<S:Envelope xmlns:S=\"" ENVELOPE "\"><S:Body>", body, "</S:Body></S:Envelope>", NULL);
}

char *
klive_soap_format_response (const KliveSoapService *service)
{
  g_autofree char *body =
      g_strdup_printf ("<ns2:%sResponse xmlns:ns2=\"" KLIVE_SOAP_NAMESPACE "\"><return>true</return></ns2:%sResponse>",
          service->element, service->element);
  return wrap (body);
}

static const char *
get_fault_code (const GError *error)
{
  static const char *const names[] = { "S:Client", "S:VersionMismatch", "S:MustUnderstand" };
  return error->domain == KLIVE_SOAP_ERROR ? names[error->code] : "S:Server";
}

char *
klive_soap_format_fault (const GError *error)
{
  g_autofree char *valid = g_utf8_make_valid (error->message, -1);
  for (char *at = valid; *at; at++)
    if (g_ascii_iscntrl (*at))
      *at = ' ';
  g_autofree char *text = g_markup_escape_text (valid, -1);
  g_autofree char *body = g_strdup_printf ("<S:Fault><faultcode>%s</faultcode><faultstring>%s</faultstring></S:Fault>",
      get_fault_code (error), text);
  return wrap (body);
}
