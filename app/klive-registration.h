/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

/*
 * The registration of the entry with Kaltura as long as the broadcast lives. Studios come and go; one kalturaregister
 * without data, in a pipeline of its own that stays in READY, keeps what they share, and tells what becomes of it. When
 * it goes, the entry is unregistered. Main thread.
 */
typedef struct _KliveRegistration KliveRegistration;

typedef struct {
  void (*registered) (KliveRegistration *registration, gboolean registered, gpointer user_data);
  /* @code: of the API, "TRANSPORT" or "GARBAGE" */
  void (*failed) (KliveRegistration *registration, const char *code, const char *message, gpointer user_data);
} KliveRegistrationCallbacks;

/* @delay, @linger: s. Error KLIVE_PLUGINS_ERROR_MISSING. */
KliveRegistration *klive_registration_new (GstContext *context, guint delay, guint linger,
    const KliveRegistrationCallbacks *callbacks, gpointer user_data, GError **error);
/* Begins to unregister; klive_pipeline_wait_disposed() waits for it. NULL is fine. */
void klive_registration_free (KliveRegistration *registration);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveRegistration, klive_registration_free)

/* A renewed session string. */
void klive_registration_set_context (KliveRegistration *registration, GstContext *context);
gboolean klive_registration_is_registered (const KliveRegistration *registration);

G_END_DECLS
