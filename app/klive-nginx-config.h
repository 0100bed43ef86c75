/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kaltura-config.h"

G_BEGIN_DECLS

/* What of nginx's configuration to render. The last three are what a system nginx includes. */
typedef enum { KLIVE_NGINX_WHOLE, KLIVE_NGINX_RTMP, KLIVE_NGINX_HTTP, KLIVE_NGINX_STREAM } KliveNginxPart;

/*
 * The text of @part. Where nginx is looked for (its modules) is the machine's, all else comes from @config.
 * Error KALTURA_ERROR_CONFIG: what cannot be put into nginx's configuration (a path with quotes, TLS without a key), or
 * a missing module, with the Debian package that has it.
 */
char *klive_nginx_config_render (const KalturaConfig *config, KliveNginxPart part, GError **error);

/* Whether @config can be served: what klive_nginx_config_render() would say, without the text. */
gboolean klive_nginx_config_check (const KalturaConfig *config, GError **error);

/* The folder of the private instance, STATE/nginx. */
char *klive_nginx_config_directory (const KalturaConfig *config);

/* Path of the nginx program; NULL when it is not there. */
char *klive_nginx_config_find_program (void);

/*
 * Where nginx answers control requests: "unix:STATE/nginx/sock" for the private instance, the control port on 127.0.0.2
 * for a system nginx, where a socket file could outlive a power cut.
 */
char *klive_nginx_config_control (const KalturaConfig *config);

/* Where workers on this machine pull streams from nginx. @host is static. */
void klive_nginx_config_workers_door (const KalturaConfig *config, const char **host, guint *port);

/* "8080", "*:8080", "10.0.0.1:8080", "[::]:8080" (both families) to host (NULL = every IPv4 address) and port; FALSE if
 * it is none of them. */
gboolean klive_nginx_split_listen (const char *listen, char **host, guint *port);

G_END_DECLS
