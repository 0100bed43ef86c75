/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>
#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/* The longest line that is read, without its newline, and the most that waits to be sent. */
#define KLIVE_WIRE_MAX_LINE (1024 * 1024)
#define KLIVE_WIRE_MAX_PENDING (8 * 1024 * 1024)

/*
 * Messages between launcher and worker: one JSON object a line, both ways, over any GIOStream. Belongs to the thread
 * (thread-default main context) that made it; nothing here blocks on a peer that is slow.
 *
 * {"type":"session-ready","serial":1763812345678}
 */
typedef struct _KliveWire KliveWire;

/* @message (transfer none) always has a string member "type". */
typedef void (*KliveWireMessageFunc) (KliveWire *wire, JsonObject *message, gpointer user_data);

/*
 * Called once, from the main loop: the peer closed (@error is NULL), or the stream failed, a line was too long
 * (G_IO_ERROR_INVALID_DATA), the peer reads too slowly (G_IO_ERROR_BUSY). Never after klive_wire_free(), which may be
 * called from either function.
 */
typedef void (*KliveWireClosedFunc) (KliveWire *wire, const GError *error, gpointer user_data);

/* Takes a reference on @stream and begins to read. A line that is no object with a "type" is logged and skipped. */
KliveWire *klive_wire_new (GIOStream *stream, KliveWireMessageFunc on_message, KliveWireClosedFunc on_closed,
    gpointer user_data);
/* Closes the stream; what is not sent yet is lost, see klive_wire_flush(). NULL is fine. */
void klive_wire_free (KliveWire *wire);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveWire, klive_wire_free)

/* Sends @message (transfer full). After the wire has closed it is dropped. */
void klive_wire_send (KliveWire *wire, JsonObject *message);
/* Waits, blocking, until everything is sent, at most @timeout_ms. For the last message before an end. */
gboolean klive_wire_flush (KliveWire *wire, guint timeout_ms);

/* {"type": @type}. Complete it with json_object_set_*_member(). */
JsonObject *klive_message_new (const char *type);
/* The same with members: NULL-terminated pairs of name and string; a pair whose string is NULL is left out. */
JsonObject *klive_message_new_strings (const char *type, const char *name, ...) G_GNUC_NULL_TERMINATED;

/* Members of a message that may be absent or of another JSON type: then the fallback, without a warning. */
const char *klive_message_get_type (JsonObject *message);
const char *klive_message_get_string (JsonObject *message, const char *name, const char *fallback);
gint64 klive_message_get_int (JsonObject *message, const char *name, gint64 fallback);
double klive_message_get_double (JsonObject *message, const char *name, double fallback);
gboolean klive_message_get_boolean (JsonObject *message, const char *name, gboolean fallback);
JsonObject *klive_message_get_object (JsonObject *message, const char *name); /* (transfer none) (nullable) */
JsonArray *klive_message_get_array (JsonObject *message, const char *name);   /* (transfer none) (nullable) */

G_END_DECLS
