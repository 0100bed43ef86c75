/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <libxml/tree.h>

G_BEGIN_DECLS

/* For the library, and for what else reads XML of a stranger (app/klive-import). */

G_DEFINE_AUTOPTR_CLEANUP_FUNC (xmlDoc, xmlFreeDoc)

/*
 * Parses XML of a stranger: no network, no entity expansion, nothing on stderr. A document type declaration is refused
 * before libxml2 reads any entity of it. Returns a document that has a root element, or NULL with an error of the
 * domain KALTURA_ERROR and the given @code: empty, broken (with the line), a declaration.
 */
xmlDoc *kaltura_xml_parse (const char *data, gsize length, gint code, GError **error);

/* The first child element called @name, or NULL; any element when @name is NULL. */
xmlNode *kaltura_xml_child (xmlNode *parent, const char *name);
/* The next sibling element called @name, or NULL; any element when @name is NULL. */
xmlNode *kaltura_xml_next (xmlNode *node, const char *name);
/* The element's text without leading and trailing blanks; "" when there is none. */
char *kaltura_xml_dup_text (xmlNode *node);

G_END_DECLS
