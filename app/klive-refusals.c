/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The memory of refusals. Pure and bounded; used by klive-admission.c and klive-supervisor.c.
 */
#include "klive-refusals.h"

#include <string.h>

#define REMEMBER_TIME (30 * G_TIME_SPAN_SECOND)
#define MAX_ANSWERS 4096 /* of each kind; what would be one more is not remembered */
#define FIGHT_WINDOW (30 * G_TIME_SPAN_SECOND)
#define FIGHT_TIME (30 * G_TIME_SPAN_SECOND)
#define FIGHT_COUNT 4 /* replacements within the window */

typedef struct {
  KliveRefusal *refusal;
  gint64 until; /* monotonic, us */
} Answer;

typedef struct {
  gint64 replaced[FIGHT_COUNT]; /* the last times, oldest first; 0 = none */
  gint64 until;                 /* fought over until then; 0 = not */
} Fight;

struct _KliveRefusals {
  GHashTable *answers; /* digest of the question -> Answer */
  GHashTable *blocks;  /* entry id -> Answer */
  GHashTable *fights;  /* stream -> Fight */
};

KliveRefusal *
klive_refusal_new (const char *code, const char *message)
{
  KliveRefusal *refusal = g_new0 (KliveRefusal, 1);
  refusal->code = g_strdup (code);
  refusal->message = g_strdup (message);
  return refusal;
}

KliveRefusal *
klive_refusal_copy (const KliveRefusal *refusal)
{
  KliveRefusal *copy = klive_refusal_new (refusal->code, refusal->message);
  copy->cached = refusal->cached;
  return copy;
}

void
klive_refusal_free (KliveRefusal *refusal)
{
  if (!refusal)
    return;
  g_free (refusal->code);
  g_free (refusal->message);
  g_free (refusal);
}

static void
answer_free (gpointer data)
{
  Answer *answer = data;
  klive_refusal_free (answer->refusal);
  g_free (answer);
}

KliveRefusals *
klive_refusals_new (void)
{
  KliveRefusals *refusals = g_new0 (KliveRefusals, 1);
  refusals->answers = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, answer_free);
  refusals->blocks = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, answer_free);
  refusals->fights = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  return refusals;
}

void
klive_refusals_free (KliveRefusals *refusals)
{
  g_hash_table_unref (refusals->answers);
  g_hash_table_unref (refusals->blocks);
  g_hash_table_unref (refusals->fights);
  g_free (refusals);
}

/* The token is part of the question but is not kept. */
static char *
digest (const KliveHook *hook)
{
  g_autofree char *numbers = g_strdup_printf ("%d %d", hook->broadcast->partner_id, hook->broadcast->server_index);
  const char *const parts[] = { hook->address, numbers, hook->broadcast->entry_id, hook->broadcast->token, hook->name };
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    g_checksum_update (sum, (const guchar *) parts[i], (gssize) strlen (parts[i]) + 1);
  return g_strdup (g_checksum_get_string (sum));
}

static gboolean
is_over (gpointer key, gpointer value, gpointer data)
{
  return ((Answer *) value)->until <= *(gint64 *) data;
}

static gboolean
is_fight_over (gpointer key, gpointer value, gpointer data)
{
  gint64 now = *(gint64 *) data;
  const Fight *fight = value;
  return fight->until <= now && fight->replaced[FIGHT_COUNT - 1] + FIGHT_WINDOW <= now;
}

/* Takes @key. */
static void
put (GHashTable *table, char *key, const KliveRefusal *refusal, gint64 until, gint64 now)
{
  g_hash_table_foreach_remove (table, is_over, &now);
  if (g_hash_table_size (table) >= MAX_ANSWERS && !g_hash_table_contains (table, key)) {
    g_free (key);
    return;
  }
  Answer *answer = g_new0 (Answer, 1);
  answer->refusal = klive_refusal_copy (refusal);
  answer->refusal->cached = TRUE;
  answer->until = until;
  g_hash_table_replace (table, key, answer);
}

void
klive_refusals_remember (KliveRefusals *refusals, const KliveHook *hook, const KliveRefusal *refusal, gint64 now)
{
  put (refusals->answers, digest (hook), refusal, now + REMEMBER_TIME, now);
}

void
klive_refusals_block (KliveRefusals *refusals, const char *entry_id, const KliveRefusal *refusal, guint seconds,
    gint64 now)
{
  put (refusals->blocks, g_strdup (entry_id), refusal, now + seconds * G_TIME_SPAN_SECOND, now);
}

gboolean
klive_refusals_unblock (KliveRefusals *refusals, const char *entry_id)
{
  return g_hash_table_remove (refusals->blocks, entry_id);
}

const KliveRefusal *
klive_refusals_find (KliveRefusals *refusals, const KliveHook *hook, gint64 now)
{
  const Answer *answer = g_hash_table_lookup (refusals->blocks, hook->broadcast->entry_id);
  if (answer && answer->until > now)
    return answer->refusal;
  g_autofree char *key = digest (hook);
  answer = g_hash_table_lookup (refusals->answers, key);
  return answer && answer->until > now ? answer->refusal : NULL;
}

guint
klive_refusals_get_size (const KliveRefusals *refusals)
{
  return g_hash_table_size (refusals->answers) + g_hash_table_size (refusals->blocks);
}

void
klive_refusals_note_replacement (KliveRefusals *refusals, const char *stream, gint64 now)
{
  g_hash_table_foreach_remove (refusals->fights, is_fight_over, &now);
  Fight *fight = g_hash_table_lookup (refusals->fights, stream);
  if (!fight) {
    if (g_hash_table_size (refusals->fights) >= MAX_ANSWERS)
      return;
    fight = g_new0 (Fight, 1);
    g_hash_table_insert (refusals->fights, g_strdup (stream), fight);
  }
  memmove (fight->replaced, fight->replaced + 1, sizeof fight->replaced - sizeof fight->replaced[0]);
  fight->replaced[FIGHT_COUNT - 1] = now;
  if (fight->replaced[0] && now - fight->replaced[0] < FIGHT_WINDOW)
    fight->until = now + FIGHT_TIME;
}

gboolean
klive_refusals_is_fought_over (KliveRefusals *refusals, const char *stream, gint64 now)
{
  const Fight *fight = g_hash_table_lookup (refusals->fights, stream);
  return fight && fight->until > now;
}
