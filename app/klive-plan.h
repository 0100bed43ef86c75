/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kaltura-profile.h"
#include "klive-show.h"
#include "klive-source.h"

G_BEGIN_DECLS

/* What one studio is to be: the ladder for the tracks that there are, and its pipeline. */
typedef struct {
  const KliveShow *show;
  KliveLadder *ladder;
  char *fingerprint; /* equal: segments decode with the same codec headers */
} KlivePlan;

/*
 * @video, @audio: of the tracks, nullable
 * Error: those of klive_studio_text_new(): an encoder that is not installed, a template that is broken.
 */
KlivePlan *klive_plan_new (const KliveShow *show, const KalturaProfile *profile, const char *stream,
    const KliveTracks *tracks, const KliveFormat *video, const KliveFormat *audio, GError **error);
void klive_plan_free (KlivePlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KlivePlan, klive_plan_free)

/* What is left of a profile that cannot be had: less and less of it, so that the show goes on. */
typedef enum {
  KLIVE_PLAN_WHOLE,
  KLIVE_PLAN_SOFTWARE,    /* all of it, by software */
  KLIVE_PLAN_COPIES,      /* only the renditions that pass the picture through */
  KLIVE_PLAN_PURE_COPIES, /* the same with their sound passed through too */
  KLIVE_PLAN_PASSTHROUGH, /* none of the profile: the source as it is */
} KlivePlanLevel;

/* Takes @profile (transfer full) one level down to @level. (transfer full)
 * @stream: the name that the source has with KLIVE_PLAN_PASSTHROUGH if no encode of @profile passes it through */
KalturaProfile *klive_plan_reduce (KalturaProfile *profile, KlivePlanLevel level, const char *stream);

/* Whether anything is encoded: passing through is something else. */
gboolean klive_plan_encodes (const KlivePlan *plan);
/* Whether a hardware encoder is used. */
gboolean klive_plan_uses_hardware (const KlivePlan *plan);

/* (transfer full): the launch text, with the session's @serial and the number of the first segment. */
char *klive_plan_make_text (const KlivePlan *plan, gint64 serial, guint64 start_index, GError **error);

G_END_DECLS
