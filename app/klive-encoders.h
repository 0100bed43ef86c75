/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "klive-ladder.h"

G_BEGIN_DECLS

/* Which renditions a hardware encoder makes: what the profile's Implementation and GPUID ask for, or [transcode]
 * video-encoder, as far as it is there and works. */

/*
 * Whether @element really encodes; asked of elements that are installed only.
 * @template: name of its template, "encode-nvh264enc.gst"; @templates: folder of an operator's own, nullable
 * @reason: (out): one sentence when it does not, to be freed
 */
typedef gboolean (*KliveEncoderTest) (const char *element, const char *template, const char *templates, char **reason);

/*
 * Sets encoder and encoder_template of each rendition that a hardware encoder makes; the others get the software
 * encoder, for which both stay NULL. All that is asked for and not to be had is one warning of @ladder.
 *
 * @configured: [transcode] video-encoder; NULL or "auto" = as the profile says, a name = whatever the profile says
 */
void klive_encoders_choose (KliveLadder *ladder, const char *configured, const char *templates, KliveEncoderTest test);

/* The software encoder beside or in place of the hardware: @configured, "auto" if that is hardware. */
const char *klive_encoders_get_software (const char *configured);

/* Whether Kaltura is to be told that there is a GPU: it answers with a profile of NVENC encodes then. */
gboolean klive_encoders_has_gpu (const char *configured);

/* What Implementation is in a profile whose hardware has failed: nothing is tried again. */
#define KLIVE_ENCODERS_SOFTWARE "software"

G_END_DECLS
