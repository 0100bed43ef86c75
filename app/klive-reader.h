/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "klive-flv.h"

G_BEGIN_DECLS

/*
 * Pulls one published stream from nginx. A pull that ends is begun again, with backoff, until the reader is freed: only
 * the launcher knows whether the publisher is gone.
 */
typedef struct _KliveReader KliveReader;

typedef struct {
  const char *host; /* of nginx: an address, "127.0.0.1" */
  guint port;
  const char *app;    /* as the publisher named it: "kLive/" or "kLive" */
  const char *stream; /* "0_rkij47dr_1@0-1763812345678" */
} KliveReaderOptions;

/* All are called from the main loop that the reader was made on. */
typedef struct {
  /* The play has reached nginx: no frame that is published from now on is lost. Once for each pull. */
  void (*ready) (KliveReader *reader, gpointer user_data);
  /* A tag, with @arrival in ns since 1970. Takes @payload of the tag if it sets it to NULL. */
  void (*tag) (KliveReader *reader, KliveFlvTag *tag, gint64 arrival, gpointer user_data);
  /* A pull has ended, after its last tag: @error is NULL at an orderly end of the stream. */
  void (*ended) (KliveReader *reader, const GError *error, gpointer user_data);
} KliveReaderCallbacks;

/* Begins at once. */
KliveReader *klive_reader_new (const KliveReaderOptions *options, const KliveReaderCallbacks *callbacks,
    gpointer user_data);
/* May be called from a callback. NULL is fine. */
void klive_reader_free (KliveReader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveReader, klive_reader_free)

/* No further pull: the publisher is gone. FALSE: none is under way; TRUE: `ended` comes when it is. */
gboolean klive_reader_stop_pulling (KliveReader *reader);

G_END_DECLS
