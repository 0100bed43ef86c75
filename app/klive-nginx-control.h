/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>
#include "kaltura-config.h"

G_BEGIN_DECLS

/* Requests to nginx, the private or a system one, on the port that is for us alone. Main thread. */
typedef struct _KliveNginxControl KliveNginxControl;

KliveNginxControl *klive_nginx_control_new (const KalturaConfig *config);
/* Requests under way end with G_IO_ERROR_CANCELLED. */
void klive_nginx_control_free (KliveNginxControl *control);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveNginxControl, klive_nginx_control_free)

/* Whether it answers at all. */
void klive_nginx_control_ask_ready_async (KliveNginxControl *control, GAsyncReadyCallback callback, gpointer user_data);
gboolean klive_nginx_control_ask_ready_finish (GAsyncResult *result, GError **error);

/* Drops the publisher called @name (its name after the rename) in application block @app ("kLive" or "kLive/"). */
void klive_nginx_control_drop_async (KliveNginxControl *control, const char *app, const char *name,
    GAsyncReadyCallback callback, gpointer user_data);
/* Number of publishers dropped, 0 when there is none of that name; -1 with @error when nginx does not answer. */
gint klive_nginx_control_drop_finish (GAsyncResult *result, GError **error);

/* The names of all streams that are being published. */
void klive_nginx_control_list_async (KliveNginxControl *control, GAsyncReadyCallback callback, gpointer user_data);
/* A set of names (char *), or NULL with @error. */
GHashTable *klive_nginx_control_list_finish (GAsyncResult *result, GError **error);

/* The published names in the XML of nginx-rtmp's /stat. For klive_nginx_control_list_async() and its test. */
GHashTable *klive_nginx_control_parse_streams (const char *xml, gsize length, GError **error);

G_END_DECLS
