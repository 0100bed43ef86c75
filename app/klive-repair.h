/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Recordings made complete by a child process (`klive-launcher finish`), which may crash on them or take its time. */

#define KLIVE_REPAIR_ERROR (klive_repair_error_quark ())
GQuark klive_repair_error_quark (void);

typedef enum {
  KLIVE_REPAIR_ERROR_FORMAT, /* nothing in the file can be played */
  KLIVE_REPAIR_ERROR_BUSY,   /* somebody writes it */
  KLIVE_REPAIR_ERROR_SPACE,  /* no room for the new file */
  KLIVE_REPAIR_ERROR_OTHER,  /* the disk, the child */
} KliveRepairErrorCode;

/*
 * @launcher: (nullable) the program to run instead of this one. The child ends when @cancellable is cancelled. Callback
 * in the thread's default main context.
 */
void klive_repair_async (const char *launcher, const char *path, GCancellable *cancellable,
    GAsyncReadyCallback callback, gpointer user_data);
/* *@duration: s of media. */
gboolean klive_repair_finish (GAsyncResult *result, double *duration, GError **error);

G_END_DECLS
