/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the tests of elements share: their main, folders, messages.
 */
#include "elements.h"

#include <glib/gstdio.h>
#include <gstkalturaauth.h>
#include <gstkalturacut.h>
#include <gstkalturahlssink.h>
#include <gstkalturarecordsink.h>
#include <gstkalturaregister.h>
#include <gstkalturathin.h>
#include <string.h>

#define PATIENCE (10 * GST_SECOND)

int
elements_run (int argc, char **argv, Suite *(*make_suite) (void), const char *file)
{
  gst_check_init (&argc, &argv);
  GST_ELEMENT_REGISTER (kalturaauth, NULL);
  GST_ELEMENT_REGISTER (kalturacut, NULL);
  GST_ELEMENT_REGISTER (kalturahlssink, NULL);
  GST_ELEMENT_REGISTER (kalturarecordsink, NULL);
  GST_ELEMENT_REGISTER (kalturaregister, NULL);
  GST_ELEMENT_REGISTER (kalturathin, NULL);
  Suite *suite = make_suite ();
  return gst_check_run_suite (suite, "elements", file);
}

char *
elements_make_folder (void)
{
  char *folder = g_dir_make_tmp ("klive-elements-XXXXXX", NULL);
  fail_unless (folder != NULL);
  return folder;
}

void
elements_remove_folder (char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *path = g_build_filename (folder, name, NULL);
    g_remove (path);
  }
  g_rmdir (folder);
  g_free (folder);
}

GstMessage *
elements_wait_message (GstBus *bus, const char *name)
{
  gint64 end = g_get_monotonic_time () + PATIENCE / GST_USECOND;
  for (;;) {
    gint64 left = (end - g_get_monotonic_time ()) * GST_USECOND;
    GstMessage *message = left > 0 ? gst_bus_timed_pop_filtered (bus, left, GST_MESSAGE_ELEMENT) : NULL;
    fail_unless (message != NULL, "no message %s", name);
    if (gst_message_has_name (message, name)) {
      return message;
    }
    gst_message_unref (message);
  }
}

GstMessage *
elements_wait_type (GstBus *bus, GstMessageType type)
{
  GstMessage *message = gst_bus_timed_pop_filtered (bus, PATIENCE, type);
  fail_unless (message != NULL, "no message %s", gst_message_type_get_name (type));
  return message;
}

GstMessage *
elements_pop_message (GstBus *bus, const char *name)
{
  GstMessage *message;
  while ((message = gst_bus_pop_filtered (bus, GST_MESSAGE_ELEMENT)) != NULL) {
    if (gst_message_has_name (message, name)) {
      return message;
    }
    gst_message_unref (message);
  }
  return NULL;
}

guint64
elements_get_uint64 (GstMessage *message, const char *field)
{
  guint64 value;
  fail_unless (gst_structure_get_uint64 (gst_message_get_structure (message), field, &value), "no %s", field);
  return value;
}

int
elements_get_int (GstMessage *message, const char *field)
{
  int value;
  fail_unless (gst_structure_get_int (gst_message_get_structure (message), field, &value), "no %s", field);
  return value;
}

const char *
elements_get_string (GstMessage *message, const char *field)
{
  const char *value = gst_structure_get_string (gst_message_get_structure (message), field);
  fail_unless (value != NULL, "no %s", field);
  return value;
}

gboolean
elements_get_boolean (GstMessage *message, const char *field)
{
  gboolean value;
  fail_unless (gst_structure_get_boolean (gst_message_get_structure (message), field, &value), "no %s", field);
  return value;
}

static const char *const *watched;
static gint leaked; /* atomic */
static gint looked; /* atomic: lines */

static void
look_through (GstDebugCategory *category, GstDebugLevel level, const char *file, const char *function, gint line,
    GObject *object, GstDebugMessage *message, gpointer data)
{
  const char *text = gst_debug_message_get (message);
  g_atomic_int_inc (&looked);
  for (guint i = 0; watched[i] != NULL; i++) {
    if (text != NULL && strstr (text, watched[i]) != NULL) {
      g_atomic_int_inc (&leaked);
      g_printerr ("%s:%d: %s\n", file, line, text);
    }
  }
}

void
elements_watch_log (const char *const *secrets)
{
  watched = secrets;
  gst_debug_remove_log_function (gst_debug_log_default);
  gst_debug_add_log_function (look_through, NULL, NULL);
  gst_debug_set_active (TRUE);
  gst_debug_set_default_threshold (GST_LEVEL_LOG);
}

void
elements_check_log (void)
{
  gst_debug_set_default_threshold (GST_LEVEL_NONE);
  gst_debug_remove_log_function (look_through);
  fail_unless (g_atomic_int_get (&looked) > 100);
  fail_unless_equals_int (g_atomic_int_get (&leaked), 0);
}

void
elements_check_secrets (GstMessage *message, const char *const *secrets)
{
  g_autoptr (GString) text = g_string_new (NULL);
  const GstStructure *structure = gst_message_get_structure (message);
  if (structure != NULL) {
    g_autofree char *fields = gst_structure_to_string (structure);
    g_string_append (text, fields);
  }
  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR) {
    g_autoptr (GError) error = NULL;
    g_autofree char *debug = NULL;
    gst_message_parse_error (message, &error, &debug);
    g_string_append_printf (text, " %s %s", error->message, debug);
  }
  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_HAVE_CONTEXT) {
    GstContext *context = NULL;
    gst_message_parse_have_context (message, &context);
    g_autofree char *fields = gst_structure_to_string (gst_context_get_structure (context));
    g_string_append (text, fields);
    gst_context_unref (context);
  }
  for (guint i = 0; secrets[i] != NULL; i++) {
    fail_if (strstr (text->str, secrets[i]) != NULL, "%s", text->str);
  }
}

guint64
elements_get_memory (void)
{
  g_autofree char *text = NULL;
  guint64 size, resident;
  fail_unless (g_file_get_contents ("/proc/self/statm", &text, NULL, NULL));
  fail_unless (sscanf (text, "%" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT, &size, &resident) == 2);
  return resident * 4;
}
