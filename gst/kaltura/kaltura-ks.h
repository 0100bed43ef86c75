/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A session string ("KS"), API.md "Session strings". */
typedef struct {
  gint partner_id;
  char *user;       /* nullable: NULL leaves _u out in v2 and is empty in v1 */
  gint type;        /* 0 user, 2 admin */
  gint64 expiry;    /* unix s; expired when expiry <= now */
  char *privileges; /* comma-separated, as made or as parsed */
} KalturaKs;

void kaltura_ks_free (KalturaKs *ks);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KalturaKs, kaltura_ks_free)

/*
 * @rand: text in the v1 field, NULL = a fresh random number 0..32000 as the clients make. Error: KALTURA_ERROR_INPUT
 * when user or privileges hold a ';'.
 */
char *kaltura_ks_make_v1 (const KalturaKs *ks, const char *secret, const char *rand, GError **error);
/* @rand16: 16 bytes, NULL = fresh from the kernel. Error: KALTURA_ERROR_INPUT when a privilege begins with '_'. */
char *kaltura_ks_make_v2 (const KalturaKs *ks, const char *secret, const guint8 *rand16, GError **error);

/* The partner that @text claims, before its secret can be looked up. Error: KALTURA_ERROR_INPUT. */
gboolean kaltura_ks_peek_partner (const char *text, gint *partner_id, GError **error);
/* Decodes and verifies v1 or v2, whatever the expiry. Error: KALTURA_ERROR_INPUT (malformed, wrong signature). */
KalturaKs *kaltura_ks_parse (const char *text, const char *secret, GError **error);

/*
 * Whether a session string that was made for @lifetime s and expires at @expiry has less than half of its life left at
 * @now (both unix s), or more than all of it: the clock was set back.
 */
gboolean kaltura_ks_is_stale (gint64 expiry, gint64 lifetime, gint64 now);

G_END_DECLS
