/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A file that appears under its name only when it is complete. */
typedef struct _GstKalturaFile GstKalturaFile;

/* Never fails: an error is kept and told by gst_kaltura_file_get_error(). The directory of @path must be there. */
GstKalturaFile *gst_kaltura_file_open (const char *path);

/* Does nothing after an error. */
void gst_kaltura_file_write (GstKalturaFile *file, const guint8 *data, gsize size);

/* Bytes written so far. */
guint64 gst_kaltura_file_get_size (const GstKalturaFile *file);
/* The errno of the first fault, 0 = none. */
int gst_kaltura_file_get_error (const GstKalturaFile *file);

/* Puts the file under its name and frees it. Returns an errno, 0 = done; after an error nothing is left behind. */
int gst_kaltura_file_finish (GstKalturaFile *file);
/* Removes what was written and frees it. */
void gst_kaltura_file_abort (GstKalturaFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstKalturaFile, gst_kaltura_file_abort)

/*
 * Expands a file name pattern with exactly one conversion "%u", "%05u", "%d", "%lu" ...; "%%" is a percent sign.
 * NULL for any other pattern.
 */
char *gst_kaltura_file_expand (const char *pattern, guint64 number);

G_END_DECLS
