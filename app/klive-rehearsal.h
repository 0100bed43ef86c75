/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "kaltura-config.h"

G_BEGIN_DECLS

/*
 * Whether GStreamer takes the pipelines of a ladder of copies and encodes, recorded, that are made with the templates
 * of @config and with its encoders. Its templates is not NULL, and each of them renders
 * (klive_template_check_directory()). Nothing is started. For check-config, which has no pipelines of its own; calls
 * gst_init().
 *
 * Errors: those of klive_pipeline_load_plugin() and klive_studio_text_new(); GST_PARSE_ERROR, as GStreamer says it.
 */
gboolean klive_rehearse_templates (const KalturaConfig *config, GError **error);

G_END_DECLS
