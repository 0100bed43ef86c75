/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kaltura-config.h"

G_BEGIN_DECLS

/* Whether this machine has what [recording] asks for. Errors: G_FILE_ERROR, "[recording] KEY: what is wrong". */

/*
 * The group must exist. That of the default, which nobody has asked for, need not: then the group in @config becomes
 * NULL, and files keep the one that they are made with.
 */
gboolean klive_record_setup_check (KalturaConfig *config, GError **error);

/* For who records: makes the folders; they must be writable, and the group be one that this process may give. */
gboolean klive_record_setup_prepare (const KalturaConfig *config, GError **error);

G_END_DECLS
