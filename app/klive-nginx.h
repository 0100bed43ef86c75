/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>
#include "kaltura-config.h"
#include "klive-nginx-control.h"

G_BEGIN_DECLS

/*
 * nginx as the launcher sees it: the private instance that it starts and watches (managed=true), or a system nginx that
 * somebody else runs. Main thread.
 */
typedef struct _KliveNginx KliveNginx;

typedef enum {
  KLIVE_NGINX_READY,  /* it listens; again after each restart */
  KLIVE_NGINX_LOST,   /* it died, and every publisher with it; a restart is on its way */
  KLIVE_NGINX_FAILED, /* it cannot be started: @error says why; tried again with backoff */
} KliveNginxEvent;

typedef void (*KliveNginxEventFunc) (KliveNginxEvent event, const GError *error, gpointer user_data);

KliveNginx *klive_nginx_new (const KalturaConfig *config, KliveNginxEventFunc on_event, gpointer user_data);
/* Kills what still runs of a private instance. */
void klive_nginx_free (KliveNginx *nginx);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveNginx, klive_nginx_free)

/* Writes the configuration and starts the private instance; events tell what becomes of it. A system nginx is READY. */
void klive_nginx_start (KliveNginx *nginx);
/* Ends the private instance: SIGTERM, SIGKILL after @timeout_ms. @done from the main loop. */
void klive_nginx_stop (KliveNginx *nginx, guint timeout_ms, GSourceFunc done, gpointer user_data);

gboolean klive_nginx_is_ready (const KliveNginx *nginx);
/* Of the private instance's master; 0 = none. */
GPid klive_nginx_get_pid (const KliveNginx *nginx);
guint klive_nginx_get_restarts (const KliveNginx *nginx);

/* (transfer none) */
KliveNginxControl *klive_nginx_get_control (KliveNginx *nginx);

G_END_DECLS
