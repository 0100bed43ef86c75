/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * SOAP 1.1 as the API of 2014 speaks it (NuSOAP 0.9.5) and JAX-WS answered it on Wowza: document/literal, wrapped, one
 * operation for each service. Pure text in, text out.
 *
 *   <SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/" ...><SOAP-ENV:Body>
 *     <SplitRecordingNowRequest xmlns="http://services.api.server.media.kaltura.com/">
 *       <liveEntryId xmlns="">0_abcd1234</liveEntryId></SplitRecordingNowRequest></SOAP-ENV:Body></SOAP-ENV:Envelope>
 */

#define KLIVE_SOAP_NAMESPACE "http://services.api.server.media.kaltura.com/"
#define KLIVE_SOAP_MAX_PARAMETERS 3

typedef enum { KLIVE_SOAP_STRING, KLIVE_SOAP_INT } KliveSoapType;

typedef struct {
  const char *name; /* "liveEntryId"; NULL ends the list */
  KliveSoapType type;
} KliveSoapParameter;

/* A service with its one operation, which returns a boolean. */
typedef struct {
  const char *name;      /* "live": port type, and the path of its URL */
  const char *service;   /* "KalturaLiveServiceService", of the WSDL */
  const char *operation; /* "splitRecordingNow": SOAPAction, and in the WSDL messages and types */
  const char *element;   /* "SplitRecordingNow", in front of Request and Response */
  KliveSoapParameter parameters[KLIVE_SOAP_MAX_PARAMETERS + 1];
} KliveSoapService;

/* Whose fault it is: the fault code's name in SOAP 1.1. Errors of any other domain are the server's. */
#define KLIVE_SOAP_ERROR (klive_soap_error_quark ())
GQuark klive_soap_error_quark (void);
typedef enum {
  KLIVE_SOAP_ERROR_CLIENT,           /* the request cannot be understood, or asks for what is not there */
  KLIVE_SOAP_ERROR_VERSION_MISMATCH, /* an envelope of another SOAP */
  KLIVE_SOAP_ERROR_MUST_UNDERSTAND,  /* a header that has to be understood */
} KliveSoapError;

/* A request as values, in the order of the service's parameters. */
typedef struct {
  char *strings[KLIVE_SOAP_MAX_PARAMETERS]; /* without blanks around; never NULL where a parameter is */
  gint ints[KLIVE_SOAP_MAX_PARAMETERS];     /* of KLIVE_SOAP_INT */
} KliveSoapCall;

/*
 * Reads a request for @service. Elements count by namespace and local name, whatever their prefix; parameters may
 * be in no namespace or in the service's. Errors, KLIVE_SOAP_ERROR: XML that is broken or has a document type
 * declaration, no envelope, another operation, a parameter that is missing, there twice, or no number.
 */
KliveSoapCall *klive_soap_call_parse (const KliveSoapService *service, const char *data, gsize length, GError **error);
void klive_soap_call_free (KliveSoapCall *call);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveSoapCall, klive_soap_call_free)

/* The WSDL with its schema inside, so that a client fetches one file. @location: where requests are to be posted. */
char *klive_soap_format_wsdl (const KliveSoapService *service, const char *location);
/* The answer "true". */
char *klive_soap_format_response (const KliveSoapService *service);
/* @error as a fault; control characters, which XML cannot hold, become blanks. */
char *klive_soap_format_fault (const GError *error);

G_END_DECLS
