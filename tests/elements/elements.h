/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/check/gstcheck.h>

G_BEGIN_DECLS

/*
 * The main of every element test: registers the elements of the static library, so that no plugin file is needed and
 * sanitizers see their code, and runs @make_suite's checks.
 */
int elements_run (int argc, char **argv, Suite *(*make_suite) (void), const char *file);

#define ELEMENTS_MAIN(make_suite) \
  int main (int argc, char **argv) \
  { \
    return elements_run (argc, argv, make_suite, __FILE__); \
  }

/* A new folder; its files and itself are removed by elements_remove_folder(). */
char *elements_make_folder (void);
void elements_remove_folder (char *folder);

/* Waits at most 10 s for an element message @name and takes it; other messages are dropped. Fails without one. */
GstMessage *elements_wait_message (GstBus *bus, const char *name);
/* The same for a message of a type. */
GstMessage *elements_wait_type (GstBus *bus, GstMessageType type);
/* Takes the next element message @name that is already there, NULL = none; others are left out. */
GstMessage *elements_pop_message (GstBus *bus, const char *name);

/* Fields of an element message; fail if they are missing. */
guint64 elements_get_uint64 (GstMessage *message, const char *field);
int elements_get_int (GstMessage *message, const char *field);
const char *elements_get_string (GstMessage *message, const char *field);
gboolean elements_get_boolean (GstMessage *message, const char *field);

/*
 * From now on GStreamer's whole debug log is looked through: elements_check_log() fails if any of @secrets (NULL at the
 * end, must outlive it) was in it.
 */
void elements_watch_log (const char *const *secrets);
void elements_check_log (void);

/* Fails if @message says any of @secrets, in its fields, its error or its details. */
void elements_check_secrets (GstMessage *message, const char *const *secrets);

/* Whether memory is watched by a sanitizer, which keeps what is freed. */
#ifdef __SANITIZE_ADDRESS__
#define ELEMENTS_SANITIZED TRUE
#elif defined(__has_feature)
#define ELEMENTS_SANITIZED __has_feature (address_sanitizer)
#else
#define ELEMENTS_SANITIZED FALSE
#endif

/* Resident memory of this process in KiB. */
guint64 elements_get_memory (void);

G_END_DECLS
