/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What a URL of some renditions asks for: "/kLive/backup/smil:0_rkij47dr_33_35.smil/playlist.m3u8" with query "DVR". */
typedef struct {
  char entry_id[11];
  gboolean backup;
  gboolean dvr;
  char **ids; /* live params ids, as asked */
} KliveSubset;

/* @path decoded, @query (nullable) not. NULL when the path is none of that kind. */
KliveSubset *klive_subset_parse (const char *application, const char *path, const char *query);
void klive_subset_free (KliveSubset *subset);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveSubset, klive_subset_free)

/* Whether @query has DVR or dvr as one of its parameters. */
gboolean klive_subset_query_has_dvr (const char *query);

/*
 * The master playlist @text with the variants of @ids only ("33/chunklist.m3u8" is one of 33), everything else kept.
 * NULL when no variant is left.
 */
char *klive_subset_filter (const char *text, const char *const *ids);

/* The same from STATE/hls; falls back to the playlist without DVR. NULL when the entry or the renditions are not
 * there. */
char *klive_subset_read (const KliveSubset *subset, const char *state_dir);

G_END_DECLS
