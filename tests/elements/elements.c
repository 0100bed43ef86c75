/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the tests of elements share: their main, folders, messages.
 */
#include "elements.h"

#include <glib/gstdio.h>
#include <gstkalturaauth.h>
#include <gstkalturacut.h>
#include <gstkalturahlssink.h>
#include <gstkalturaregister.h>

#define PATIENCE (10 * GST_SECOND)

int
elements_run (int argc, char **argv, Suite *(*make_suite) (void), const char *file)
{
  gst_check_init (&argc, &argv);
  GST_ELEMENT_REGISTER (kalturaauth, NULL);
  GST_ELEMENT_REGISTER (kalturacut, NULL);
  GST_ELEMENT_REGISTER (kalturahlssink, NULL);
  GST_ELEMENT_REGISTER (kalturaregister, NULL);
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

guint64
elements_get_memory (void)
{
  g_autofree char *text = NULL;
  guint64 size, resident;
  fail_unless (g_file_get_contents ("/proc/self/statm", &text, NULL, NULL));
  fail_unless (sscanf (text, "%" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT, &size, &resident) == 2);
  return resident * 4;
}
