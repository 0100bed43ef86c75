/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Private to the library: the forms that values in klive.conf can have. */

/* 1 to 64 letters, digits, '_' and '-'. */
gboolean kaltura_value_is_token (const char *value);
/* A host name or IPv4 address. */
gboolean kaltura_value_is_host (const char *value);
/* An absolute path of at most 1024 bytes without control characters. */
gboolean kaltura_value_is_path (const char *value);
/* http or https with a host, without user (a password in it would get into messages), query or fragment. */
gboolean kaltura_value_is_url (const char *value);
/* "1935" */
gboolean kaltura_value_parse_port (const char *value, guint *port);
/* "127.0.0.1:8889", "[::1]:8889", "localhost:8889" */
gboolean kaltura_value_parse_address (const char *value, guint *port);
/* "10.0.0.0/8, ::1" to a list that can be empty, NULL when an item is neither address nor network. */
char **kaltura_value_split_networks (const char *value);

G_END_DECLS
