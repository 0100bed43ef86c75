/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What the API answered, taken out of its XML into a plain tree, and the paths by which callers read it. The client
 * makes replies in its own thread; a reply that is made never changes and can be read from any thread.
 */

#include "kaltura-reply.h"

#include <string.h>
#include "kaltura-error.h"
#include "kaltura-xml.h"

#define MAX_QUOTED 80   /* bytes of an unusable reply in the message */
#define MAX_MESSAGE 300 /* bytes of the API's own message */

struct _KalturaReply {
  char *name;          /* of the element */
  char *text;          /* of a leaf, NULL when there are children */
  GPtrArray *children; /* of KalturaReply, NULL for a leaf */
};

void
kaltura_reply_free (KalturaReply *reply)
{
  if (reply == NULL)
    return;
  g_free (reply->name);
  g_free (reply->text);
  g_clear_pointer (&reply->children, g_ptr_array_unref);
  g_free (reply);
}

/* Recursion is bounded by libxml2's limit of 256 levels. */
static KalturaReply *
make_node (xmlNode *element)
{
  KalturaReply *node = g_new0 (KalturaReply, 1);
  node->name = g_strdup ((const char *) element->name);
  for (xmlNode *child = kaltura_xml_child (element, NULL); child != NULL; child = kaltura_xml_next (child, NULL)) {
    if (node->children == NULL)
      node->children = g_ptr_array_new_with_free_func ((GDestroyNotify) kaltura_reply_free);
    g_ptr_array_add (node->children, make_node (child));
  }
  if (node->children == NULL)
    node->text = kaltura_xml_dup_text (element);
  return node;
}

static void
set_garbage (GError **error, const char *why, const char *xml, gsize length)
{
  g_autofree char *quoted = kaltura_error_quote (xml, (gssize) length, MAX_QUOTED);
  g_set_error (error, KALTURA_ERROR, KALTURA_ERROR_GARBAGE, "not a reply of the API (%s): %s", why, quoted);
}

static gboolean
is_code (const char *text)
{
  const char *const allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
  return text[0] != '\0' && text[strspn (text, allowed)] == '\0';
}

/* The API's message: foreign text, but meant to be read, so UTF-8 stays. */
static char *
clean_message (const char *message)
{
  g_autofree char *valid = g_utf8_make_valid (message, (gssize) strnlen (message, MAX_MESSAGE));
  for (char *at = valid; *at != '\0'; at++)
    if (g_ascii_iscntrl (*at))
      *at = ' ';
  return g_steal_pointer (&valid);
}

KalturaReply *
kaltura_reply_parse (const char *xml, gsize length, GError **error)
{
  g_autoptr (GError) cause = NULL;
  g_autoptr (xmlDoc) document = kaltura_xml_parse (xml, length, KALTURA_ERROR_GARBAGE, &cause);
  if (document == NULL) {
    set_garbage (error, cause->message, xml, length);
    return NULL;
  }
  xmlNode *root = xmlDocGetRootElement (document);
  xmlNode *result = strcmp ((const char *) root->name, "xml") == 0 ? kaltura_xml_child (root, "result") : NULL;
  if (result == NULL) {
    set_garbage (error, "no <xml><result>", xml, length);
    return NULL;
  }

  g_autoptr (KalturaReply) reply = make_node (result);
  const char *code = kaltura_reply_get_string (reply, "error/code");
  if (code != NULL && !is_code (code)) {
    set_garbage (error, "odd error code", xml, length);
    return NULL;
  }
  return kaltura_reply_get_error (reply, "", error) ? NULL : g_steal_pointer (&reply);
}

static const KalturaReply *
find_child (const KalturaReply *node, const char *step)
{
  guint64 index = 0;
  if (node->children == NULL)
    return NULL;
  if (g_ascii_string_to_unsigned (step, 10, 0, G_MAXUINT, &index, NULL)) {
    if (index >= node->children->len)
      return NULL;
    const KalturaReply *item = node->children->pdata[index];
    return g_str_equal (item->name, "item") ? item : NULL;
  }
  for (guint i = 0; i < node->children->len; i++) {
    const KalturaReply *child = node->children->pdata[i];
    if (g_str_equal (child->name, step))
      return child;
  }
  return NULL;
}

static const KalturaReply *
find_node (const KalturaReply *reply, const char *path)
{
  if (path[0] == '\0')
    return reply;
  g_auto (GStrv) steps = g_strsplit (path, "/", -1);
  const KalturaReply *node = reply;
  for (guint i = 0; steps[i] != NULL && node != NULL; i++)
    node = find_child (node, steps[i]);
  return node;
}

const char *
kaltura_reply_get_string (const KalturaReply *reply, const char *path)
{
  const KalturaReply *node = find_node (reply, path);
  return node != NULL ? node->text : NULL;
}

gint64
kaltura_reply_get_int (const KalturaReply *reply, const char *path, gint64 fallback)
{
  const char *text = kaltura_reply_get_string (reply, path);
  gint64 number = 0;
  if (text == NULL || !g_ascii_string_to_signed (text, 10, G_MININT64, G_MAXINT64, &number, NULL))
    return fallback;
  return number;
}

gboolean
kaltura_reply_get_boolean (const KalturaReply *reply, const char *path, gboolean fallback)
{
  const char *text = kaltura_reply_get_string (reply, path);
  if (text == NULL)
    return fallback;
  if (g_str_equal (text, "1") || g_ascii_strcasecmp (text, "true") == 0)
    return TRUE;
  if (g_str_equal (text, "0") || g_ascii_strcasecmp (text, "false") == 0)
    return FALSE;
  return fallback;
}

guint
kaltura_reply_get_length (const KalturaReply *reply, const char *path)
{
  const KalturaReply *node = find_node (reply, path);
  if (node == NULL || node->children == NULL)
    return 0;
  const KalturaReply *first = node->children->pdata[0];
  return g_str_equal (first->name, "item") ? node->children->len : 0;
}

gboolean
kaltura_reply_get_error (const KalturaReply *reply, const char *path, GError **error)
{
  const KalturaReply *node = find_node (reply, path);
  const char *code = node != NULL ? kaltura_reply_get_string (node, "error/code") : NULL;
  if (code == NULL || !is_code (code))
    return FALSE;
  const char *message = kaltura_reply_get_string (node, "error/message");
  g_autofree char *clean = clean_message (message != NULL ? message : "");
  g_set_error (error, KALTURA_ERROR, KALTURA_ERROR_API, "%s: %s", code, clean);
  return TRUE;
}
