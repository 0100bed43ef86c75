/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What becomes of a value. Numbers outside the key's range are put at its end, with a note. */
typedef enum {
  KLIVE_IMPORT_TEXT,
  KLIVE_IMPORT_SECRET,       /* text that no message quotes */
  KLIVE_IMPORT_PATH,         /* text; empty or with a variable of Wowza's (${...}): left out */
  KLIVE_IMPORT_SECONDS,      /* a number as it is */
  KLIVE_IMPORT_MINUTES,      /* to seconds */
  KLIVE_IMPORT_MILLISECONDS, /* to seconds, rounded */
  KLIVE_IMPORT_PORTS,        /* "80,1935": 1935 if it is one of them, else the first */
  KLIVE_IMPORT_SOAP,         /* kept by its name; several make soap-listen */
  KLIVE_IMPORT_CLASSES,      /* Java classes: the module's vintage, and what else was loaded */
  KLIVE_IMPORT_PACKAGERS,    /* formats of playback: all but HLS is noted */
  KLIVE_IMPORT_NONE,         /* no equivalent */
} KliveImportKind;

typedef struct {
  const char *name; /* of a Property, or the path of an element below Root/Server, ..: "Streams/StorageDir" */
  KliveImportKind kind;
  const char *group, *key; /* in klive.conf; NULL: none */
  const char *reason;      /* of the note; NULL: there is none */
} KliveImportRule;

/* The rule of a property or element, NULL when there is none. */
const KliveImportRule *klive_import_find_rule (const char *name);

/* What is to be said about a class that Wowza loads: why klive has nothing like it. NULL: nothing is missing. */
const char *klive_import_explain_class (const char *name);

G_END_DECLS
