/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Wowza's XML files, one after the other, as one klive.conf. */
typedef struct _KliveImport KliveImport;

KliveImport *klive_import_new (void);
void klive_import_free (KliveImport *import);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveImport, klive_import_free)

/*
 * Takes in a Server.xml, Application.xml or VHost.xml; what it is, its root element tells. Errors, all with file and
 * line: KALTURA_ERROR_CONFIG for broken XML, another kind of file, a second file of a kind, a value that klive cannot
 * use; G_FILE_ERROR when it cannot be read.
 */
gboolean klive_import_read (KliveImport *import, const char *path, GError **error);

/*
 * The whole klive.conf, the admin secret in it. NULL with KALTURA_ERROR_CONFIG when what klive cannot do without was
 * in no file: KalturaServerURL, KalturaServerAdminSecret.
 */
char *klive_import_render (KliveImport *import, GError **error);

/*
 * "Server.xml:12: MulticastIP: why klive has nothing like it", in the order of the files, NULL at the end. Never a
 * secret. Complete after klive_import_render().
 */
const char *const *klive_import_get_notes (KliveImport *import);

G_END_DECLS
