/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * libxml2 with its doors shut, for what klive reads as XML: replies of the API, conversion profiles, Wowza's settings.
 * Each parse has a context of its own; any thread.
 */

#include "kaltura-xml.h"

#include <libxml/parser.h>
#include <string.h>
#include "kaltura-error.h"

#define OPTIONS (XML_PARSE_NONET | XML_PARSE_NOCDATA | XML_PARSE_NOERROR | XML_PARSE_NOWARNING)

/* SAX: called at "<!DOCTYPE name", before what the declaration holds is read. */
static void
refuse_declaration (void *context, const xmlChar *name, const xmlChar *external_id, const xmlChar *system_id)
{
  xmlParserCtxt *parser = context;
  *(gboolean *) parser->_private = TRUE;
  xmlStopParser (parser);
}

static void
ignore_error (void *user_data, xmlErrorPtr xml_error)
{
}

static void
set_parse_error (xmlParserCtxt *parser, gint code, GError **error)
{
  const xmlError *last = xmlCtxtGetLastError (parser);
  if (last == NULL || last->message == NULL) {
    g_set_error_literal (error, KALTURA_ERROR, code, "broken XML");
    return;
  }
  g_autofree char *message = g_strchomp (g_strdup (last->message));
  g_autofree char *quoted = kaltura_error_quote (message, -1, 120);
  g_set_error (error, KALTURA_ERROR, code, "broken XML, line %d: %s", last->line, quoted);
}

xmlDoc *
kaltura_xml_parse (const char *data, gsize length, gint code, GError **error)
{
  if (length == 0 || length > G_MAXINT) {
    g_set_error_literal (error, KALTURA_ERROR, code, length == 0 ? "empty, expected XML" : "too large");
    return NULL;
  }

  gboolean refused = FALSE;
  xmlParserCtxt *parser = xmlNewParserCtxt ();
  parser->_private = &refused;
  parser->sax->internalSubset = refuse_declaration;
  parser->sax->serror = ignore_error;
  xmlDoc *document = xmlCtxtReadMemory (parser, data, (int) length, NULL, NULL, OPTIONS);
  if (refused)
    g_set_error_literal (error, KALTURA_ERROR, code, "XML with a document type declaration is refused");
  else if (document == NULL || xmlDocGetRootElement (document) == NULL)
    set_parse_error (parser, code, error);
  if (document != NULL && (refused || xmlDocGetRootElement (document) == NULL)) {
    xmlFreeDoc (document);
    document = NULL;
  }
  xmlFreeParserCtxt (parser);
  return document;
}

static xmlNode *
find_element (xmlNode *from, const char *name)
{
  for (xmlNode *node = from; node != NULL; node = node->next)
    if (node->type == XML_ELEMENT_NODE && (name == NULL || strcmp ((const char *) node->name, name) == 0))
      return node;
  return NULL;
}

xmlNode *
kaltura_xml_child (xmlNode *parent, const char *name)
{
  return find_element (parent->children, name);
}

xmlNode *
kaltura_xml_next (xmlNode *node, const char *name)
{
  return find_element (node->next, name);
}

char *
kaltura_xml_dup_text (xmlNode *node)
{
  GString *text = g_string_new (NULL);
  for (xmlNode *child = node->children; child != NULL; child = child->next)
    if ((child->type == XML_TEXT_NODE || child->type == XML_CDATA_SECTION_NODE) && child->content != NULL)
      g_string_append (text, (const char *) child->content);
  return g_strstrip (g_string_free (text, FALSE));
}
