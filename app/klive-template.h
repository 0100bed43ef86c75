/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Launch texts with typed ${variables} (pipelines/README.md). The type of each variable stands in one table; a value
 * that does not fit is an error. Numbers and tokens are written as they are, everything else quoted and escaped for
 * gst_parse_launch(), so that text from outside stays one value. Lines that begin with '#' are comments. */

/* name -> value, as text */
typedef struct _KliveVariables KliveVariables;

KliveVariables *klive_variables_new (void);
void klive_variables_free (KliveVariables *variables);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveVariables, klive_variables_free)

/* Sets @name; both are checked when a template uses it. A @value of NULL unsets. */
void klive_variables_set (KliveVariables *variables, const char *name, const char *value);
void klive_variables_set_uint (KliveVariables *variables, const char *name, guint64 value);
void klive_variables_set_int (KliveVariables *variables, const char *name, gint64 value);

/*
 * Renders @text, which is called @name in messages.
 *
 * Returns: (transfer full): the text without comment lines, every ${variable} replaced.
 * Errors of KLIVE_TEMPLATE_ERROR: UNKNOWN a variable that is not in the table; UNSET one that has neither value nor
 * default; VALUE one that does not fit its type; SYNTAX a "${" that is never closed. Messages name template, line and
 * variable.
 */
char *klive_template_render (const char *name, const char *text, const KliveVariables *variables, GError **error);

/*
 * Loads template @name ("ingest-flv.gst") from @directory (nullable) if it is there, else from
 * klive_template_directory(), and renders it. Errors: as above, or G_FILE_ERROR.
 */
char *klive_template_render_file (const char *directory, const char *name, const KliveVariables *variables,
    GError **error);

/* The folder of the templates that klive brings: $KLIVE_PIPELINES, else that of the source tree when the program runs
 * from its build folder, else that of the installation. */
const char *klive_template_directory (void);

/*
 * Checks a folder of an operator's own templates: every *.gst in it must have the name of one that klive brings, and
 * render. Errors: as of klive_template_render(), or G_FILE_ERROR; KLIVE_TEMPLATE_ERROR_UNKNOWN for an unknown name.
 */
gboolean klive_template_check_directory (const char *directory, GError **error);

/* The video encoders that there are templates for (encode-NAME.gst), sorted: "openh264enc", "x264enc" ... */
char **klive_template_list_video_encoders (void);

typedef enum {
  KLIVE_VARIABLE_UINT,   /* decimal, between min and max */
  KLIVE_VARIABLE_INT,    /* the same, may be negative */
  KLIVE_VARIABLE_ENUM,   /* one of choices, separated by '|' */
  KLIVE_VARIABLE_TOKEN,  /* [A-Za-z0-9_-]+ */
  KLIVE_VARIABLE_STRING, /* UTF-8 without control characters */
  KLIVE_VARIABLE_PATH,   /* the same, not empty */
  KLIVE_VARIABLE_URL,    /* SCHEME://..., no blanks or control characters */
} KliveVariableType;

/* A row of the table. */
typedef struct {
  const char *name;
  KliveVariableType type;
  gint64 min, max;
  const char *choices;  /* ENUM only */
  const char *fallback; /* default; NULL = must be set */
  const char *sample;   /* a value that fits, for tests */
} KliveVariable;

/* The table; the last row has no name. */
const KliveVariable *klive_template_variables (void);
/* The row of @name; NULL when there is none. */
const KliveVariable *klive_template_find_variable (const char *name);
/* Every variable set to its sample. */
KliveVariables *klive_variables_new_samples (void);

#define KLIVE_TEMPLATE_ERROR (klive_template_error_quark ())
typedef enum {
  KLIVE_TEMPLATE_ERROR_SYNTAX,
  KLIVE_TEMPLATE_ERROR_UNKNOWN,
  KLIVE_TEMPLATE_ERROR_UNSET,
  KLIVE_TEMPLATE_ERROR_VALUE,
} KliveTemplateError;
GQuark klive_template_error_quark (void);

G_END_DECLS
