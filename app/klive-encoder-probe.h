/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * A KliveEncoderTest: encodes some frames in a process of its own, as drivers crash and hang. Blocks for 2 s at most,
 * and for 4 s in all the time that this process lives, whatever the drivers do; answers are kept as long. Main thread.
 * gst_init() must have been called.
 */
gboolean klive_encoder_probe (const char *element, const char *template, const char *templates, char **reason);

/* `klive-launcher probe-encoder ELEMENT TEMPLATE [DIR]`: that process; says what is wrong on stdout, exit code 1. */
int klive_probe_encoder_main (int argc, char **argv);

G_END_DECLS
