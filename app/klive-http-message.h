/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libsoup/soup.h>

G_BEGIN_DECLS

/*
 * What the launcher's HTTP servers (klive-http.c, klive-control.c, klive-services.c) have in common: where they listen,
 * who may ask, how much may be sent, plain answers. Main thread.
 */

/*
 * Where a server listens, as klive.conf has it: an address and a port, "localhost" or "*" (every IPv4 address) for the
 * address. Error G_IO_ERROR_INVALID_ARGUMENT: something else, such as a host name. @key ("control-listen") is for the
 * message.
 */
gboolean klive_http_check_listen (const char *listen, const char *key, GError **error);
/* Binds @server to it. Errors: as above, or G_IO_ERROR, the port cannot be had. */
gboolean klive_http_listen (SoupServer *server, const char *listen, const char *key, GError **error);

/* Where this machine reaches a server that listens so: "http://127.0.0.1:8889" and @path. (transfer full) (nullable) */
char *klive_http_make_url (const char *listen, const char *path);

/* Whether @address is in one of the networks of @allow (NULL-terminated, nullable). An IPv4 address counts as such also
 * where it came in on a socket of IPv6 (::ffff:10.0.0.9). */
gboolean klive_http_is_allowed (const char *const *allow, GInetAddress *address);
/* From loopback, or from the very address that it was sent to: we may listen on another one than 127.0.0.1. */
gboolean klive_http_message_is_from_here (SoupServerMessage *message);
/* From here, or from one of the networks of @allow. */
gboolean klive_http_message_is_allowed (SoupServerMessage *message, const char *const *allow);
/* The caller's address for the log. (transfer full) */
char *klive_http_message_dup_address (SoupServerMessage *message);

/* GET or HEAD. */
gboolean klive_http_message_is_get (SoupServerMessage *message);
gboolean klive_http_message_is_post (SoupServerMessage *message);

/*
 * To be called before the body is read, for those who may send one: keeps it if it is announced to have at most @most
 * bytes. FALSE: none of it is kept (as klive-callers.h has it for all); the caller answers with 413.
 */
gboolean klive_http_message_keep_body (SoupServerMessage *message, goffset most);

/*
 * Whether @host, the header Host, is a name by which we may be asked: an address, localhost, @hostname or the machine's
 * name. A name that was bent to us (DNS rebinding), so that a web page may read what we answer, is none.
 */
gboolean klive_http_is_own_host (const char *host, const char *hostname);
gboolean klive_http_message_has_own_host (SoupServerMessage *message, const char *hostname);

/* Answers with @text, or with the status alone. Nothing of it may be stored. */
void klive_http_message_answer (SoupServerMessage *message, guint status, const char *type, const char *text);
void klive_http_message_answer_status (SoupServerMessage *message, guint status);

G_END_DECLS
