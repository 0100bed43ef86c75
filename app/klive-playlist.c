/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One media playlist as data and as text. klive-hls-writer.c calls it on the worker's main thread.
 *
 * The text of every segment is formatted once, when it is appended, and kept in one growing string. Both windows are a
 * header and pieces of that string, so a list of hours costs no formatting for each new segment. The DVR list names the
 * pieces of its middle, which are files of their own; with those of KLIVE_PLAYLIST_PART segments a list of 24 hours is
 * 20 to 50 kB instead of 4 MB.
 */
#include "klive-playlist.h"

#include <string.h>

#include "klive-sync-point.h"

#define INCLUDE "<!--#include virtual=\""
#define PART_HEAD "dvr-"
#define PART_TAIL ".part"

typedef struct {
  KlivePlaylistSegment segment;
  gsize offset; /* of its text in all text that this list ever had */
  guint tags;   /* EXT-X-DISCONTINUITY tags in front of it */
} Item;

struct _KlivePlaylist {
  GArray *items; /* of Item; those before `head` have been dropped */
  guint head;
  GString *text;                /* of all items */
  gsize text_start;             /* the offset of text->str[0] */
  guint64 first_sequence;       /* of items[head] */
  const GPtrArray *sync_points; /* not owned; nullable */
};

G_DEFINE_QUARK (klive_hls_error_quark, klive_hls_error)

static Item *
get_item (const KlivePlaylist *list, guint position)
{
  return &g_array_index (list->items, Item, list->head + position);
}

KlivePlaylist *
klive_playlist_new (void)
{
  KlivePlaylist *list = g_new0 (KlivePlaylist, 1);

  list->items = g_array_new (FALSE, FALSE, sizeof (Item));
  list->text = g_string_new (NULL);
  return list;
}

void
klive_playlist_free (KlivePlaylist *list)
{
  if (!list)
    return;
  for (guint i = 0; i < klive_playlist_get_length (list); i++)
    g_free (get_item (list, i)->segment.uri);
  g_array_unref (list->items);
  g_string_free (list->text, TRUE);
  g_free (list);
}

guint
klive_playlist_get_length (const KlivePlaylist *list)
{
  return list->items->len - list->head;
}

guint64
klive_playlist_get_first_sequence (const KlivePlaylist *list)
{
  return list->first_sequence;
}

const KlivePlaylistSegment *
klive_playlist_get_segment (const KlivePlaylist *list, guint position)
{
  g_return_val_if_fail (position < klive_playlist_get_length (list), NULL);
  return &get_item (list, position)->segment;
}

const KlivePlaylistSegment *
klive_playlist_get_last (const KlivePlaylist *list)
{
  guint length = klive_playlist_get_length (list);

  return length > 0 ? &get_item (list, length - 1)->segment : NULL;
}

static void
append_date (GString *text, gint64 date)
{
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_utc (date / G_GINT64_CONSTANT (1000000000));
  g_autofree char *seconds = g_date_time_format (time, "%Y-%m-%dT%H:%M:%S");

  g_string_append_printf (text, "%s.%03uZ", seconds, (guint) (date / 1000000 % 1000));
}

static void
append_item (KlivePlaylist *list, const KlivePlaylistSegment *segment, guint tags)
{
  Item item = { *segment, list->text_start + list->text->len, tags };
  /* microseconds, rounded: no floating point, no locale */
  guint64 us = (segment->duration + 500) / 1000;

  item.segment.uri = g_strdup (segment->uri);
  for (guint i = 0; i < tags; i++)
    g_string_append (list->text, "#EXT-X-DISCONTINUITY\n");
  g_string_append (list->text, "#EXT-X-PROGRAM-DATE-TIME:");
  append_date (list->text, segment->date);
  g_string_append_printf (list->text, "\n#EXTINF:%" G_GUINT64_FORMAT ".%06u,\n%s\n", us / 1000000,
      (guint) (us % 1000000), segment->uri);
  g_array_append_val (list->items, item);
}

gboolean
klive_playlist_append (KlivePlaylist *list, const KlivePlaylistSegment *segment, guint64 first_sequence)
{
  const KlivePlaylistSegment *last = klive_playlist_get_last (list);
  KlivePlaylistSegment copy = *segment;

  g_return_val_if_fail (segment->duration > 0 && segment->date >= 0, FALSE);
  if (!last) {
    list->first_sequence = MAX (list->first_sequence, first_sequence);
    append_item (list, segment, 0);
    return TRUE;
  }
  if (segment->date <= last->date)
    return FALSE;
  copy.discontinuity = MAX (segment->discontinuity, last->discontinuity);
  append_item (list, &copy, copy.discontinuity - last->discontinuity);
  return TRUE;
}

static gint64
get_end (const KlivePlaylistSegment *segment)
{
  return segment->date + (gint64) segment->duration;
}

/* Position of the first segment of the plain window, and how long that window is. */
static guint
find_plain_start (const KlivePlaylist *list, guint plain_length, guint target_duration, guint64 *duration)
{
  guint64 least = (guint64) target_duration * 3 * G_GUINT64_CONSTANT (1000000000);
  guint start = klive_playlist_get_length (list);

  *duration = 0;
  for (guint n = 0; start > 0 && (n < plain_length || *duration < least); n++)
    *duration += get_item (list, --start)->segment.duration;
  return start;
}

static guint
find_dvr_start (const KlivePlaylist *list, guint64 dvr_window)
{
  guint length = klive_playlist_get_length (list);
  guint start = 0;

  if (dvr_window == 0)
    return length;
  while (start < length &&
      get_end (&get_item (list, start)->segment) <=
          get_end (&get_item (list, length - 1)->segment) - (gint64) dvr_window)
    start++;
  return start;
}

guint64
klive_playlist_get_plain_duration (const KlivePlaylist *list, guint plain_length, guint target_duration)
{
  guint64 duration;

  find_plain_start (list, plain_length, target_duration, &duration);
  return duration;
}

/* Gives back the memory of what was dropped once it is more than what is left. */
static void
compact (KlivePlaylist *list)
{
  gsize dead;

  if (list->head * 2 < list->items->len)
    return;
  dead = klive_playlist_get_length (list) > 0 ? get_item (list, 0)->offset - list->text_start : list->text->len;
  g_string_erase (list->text, 0, dead);
  list->text_start += dead;
  g_array_remove_range (list->items, 0, list->head);
  list->head = 0;
}

static GStrv
drop (KlivePlaylist *list, guint count)
{
  g_autoptr (GPtrArray) names = NULL;

  if (count == 0)
    return NULL;
  names = g_ptr_array_sized_new (count + 1);
  for (guint i = 0; i < count; i++)
    g_ptr_array_add (names, g_steal_pointer (&get_item (list, i)->segment.uri));
  g_ptr_array_add (names, NULL);
  list->head += count;
  list->first_sequence += count;
  compact (list);
  return (GStrv) g_ptr_array_free (g_steal_pointer (&names), FALSE);
}

GStrv
klive_playlist_trim (KlivePlaylist *list, guint plain_length, guint64 dvr_window, guint target_duration)
{
  guint64 duration;
  guint plain_start = find_plain_start (list, plain_length, target_duration, &duration);

  return drop (list, MIN (plain_start, find_dvr_start (list, dvr_window)));
}

guint
klive_playlist_count_spare (const KlivePlaylist *list, guint plain_length, guint target_duration)
{
  guint64 duration;

  return find_plain_start (list, plain_length, target_duration, &duration);
}

void
klive_playlist_renumber (KlivePlaylist *list, guint64 by)
{
  list->first_sequence += by;
}

void
klive_playlist_break_at (KlivePlaylist *list, guint position, guint number)
{
  g_autoptr (GString) tags = g_string_new (NULL);
  Item *item = get_item (list, position);
  guint count = MAX (number, item->segment.discontinuity + 1) - item->segment.discontinuity;

  for (guint i = 0; i < count; i++)
    g_string_append (tags, "#EXT-X-DISCONTINUITY\n");
  g_string_insert (list->text, (gssize) (item->offset - list->text_start), tags->str);
  item->tags += count;
  for (guint i = position; i < klive_playlist_get_length (list); i++) {
    Item *later = get_item (list, i);

    later->segment.discontinuity += count;
    if (i > position)
      later->offset += tags->len;
  }
}

GStrv
klive_playlist_drop_first (KlivePlaylist *list, guint count)
{
  return drop (list, MIN (count, klive_playlist_get_length (list)));
}

/* --- text --- */

/* Offset of @position's text in list->text; of the end for position = length. */
static gsize
get_offset (const KlivePlaylist *list, guint position)
{
  return position < klive_playlist_get_length (list) ? get_item (list, position)->offset - list->text_start
                                                     : list->text->len;
}

/* The text of the segments from @start up to but not @end. */
static void
append_segments (GString *text, const KlivePlaylist *list, guint start, guint end)
{
  gsize offset = get_offset (list, start);

  g_string_append_len (text, list->text->str + offset, get_offset (list, end) - offset);
}

void
klive_playlist_set_sync_points (KlivePlaylist *list, const GPtrArray *points)
{
  list->sync_points = points;
}

static void
append_sync_point (GString *text, const KliveSyncPoint *point)
{
  g_string_append_printf (text, "#EXT-X-DATERANGE:ID=\"%s\",CLASS=\"com.kaltura.syncpoint\",START-DATE=\"", point->id);
  append_date (text, point->timestamp * 1000000);
  g_string_append_printf (text,
      "\",DURATION=0,X-COM-KALTURA-OBJECT-TYPE=\"KalturaSyncPoint\",X-COM-KALTURA-OFFSET=%" G_GINT64_FORMAT
      ",X-COM-KALTURA-TIMESTAMP=%" G_GINT64_FORMAT "\n",
      point->offset, point->timestamp);
}

static void
append_sync_points (GString *text, const KlivePlaylist *list, gint64 from)
{
  for (guint i = 0; list->sync_points && i < list->sync_points->len; i++) {
    const KliveSyncPoint *point = list->sync_points->pdata[i];

    if (point->timestamp >= from / 1000000)
      append_sync_point (text, point);
  }
}

/* What stands in front of the segments from @start on. */
static GString *
format_header (const KlivePlaylist *list, guint start, guint target_duration)
{
  GString *text = g_string_sized_new (1024);

  g_string_append_printf (text,
      "#EXTM3U\n"
      "#EXT-X-VERSION:3\n"
      "#EXT-X-INDEPENDENT-SEGMENTS\n"
      "#EXT-X-TARGETDURATION:%u\n"
      "#EXT-X-MEDIA-SEQUENCE:%" G_GUINT64_FORMAT "\n",
      target_duration, list->first_sequence + start);
  if (start < klive_playlist_get_length (list)) {
    const Item *first = get_item (list, start);

    /* counts the tags that have left the list: those of the first segment are still in it */
    g_string_append_printf (text, "#EXT-X-DISCONTINUITY-SEQUENCE:%u\n", first->segment.discontinuity - first->tags);
    append_sync_points (text, list, first->segment.date);
  }
  return text;
}

static char *
close_text (GString *text, gboolean ended)
{
  if (ended)
    g_string_append (text, "#EXT-X-ENDLIST\n");
  return g_string_free (text, FALSE);
}

char *
klive_playlist_format (const KlivePlaylist *list, KlivePlaylistWindow window, guint plain_length, guint target_duration,
    gboolean ended)
{
  guint64 duration;
  guint start = window == KLIVE_PLAYLIST_DVR ? 0 : find_plain_start (list, plain_length, target_duration, &duration);
  GString *text = format_header (list, start, target_duration);

  append_segments (text, list, start, klive_playlist_get_length (list));
  return close_text (text, ended);
}

void
klive_playlist_get_parts (const KlivePlaylist *list, guint64 *first, guint64 *end)
{
  *first = (list->first_sequence + KLIVE_PLAYLIST_PART - 1) / KLIVE_PLAYLIST_PART;
  *end = MAX ((list->first_sequence + klive_playlist_get_length (list)) / KLIVE_PLAYLIST_PART, *first);
}

char *
klive_playlist_get_part_name (guint64 part)
{
  return g_strdup_printf (PART_HEAD "%" G_GUINT64_FORMAT PART_TAIL, part);
}

char *
klive_playlist_format_part (const KlivePlaylist *list, guint64 part)
{
  GString *text = g_string_new (NULL);
  guint start = part * KLIVE_PLAYLIST_PART - list->first_sequence;

  append_segments (text, list, start, start + KLIVE_PLAYLIST_PART);
  g_string_truncate (text, text->len - 1); /* the line that names it ends with one */
  return g_string_free (text, FALSE);
}

char *
klive_playlist_format_in_parts (const KlivePlaylist *list, const char *folder, guint target_duration, gboolean ended)
{
  GString *text = format_header (list, 0, target_duration);
  guint length = klive_playlist_get_length (list);
  guint64 first, end;

  klive_playlist_get_parts (list, &first, &end);
  if (first == end) {
    append_segments (text, list, 0, length);
    return close_text (text, ended);
  }
  append_segments (text, list, 0, first * KLIVE_PLAYLIST_PART - list->first_sequence);
  for (guint64 part = first; part < end; part++)
    g_string_append_printf (text, INCLUDE "%s/" PART_HEAD "%" G_GUINT64_FORMAT PART_TAIL "\" -->\n", folder, part);
  append_segments (text, list, end * KLIVE_PLAYLIST_PART - list->first_sequence, length);
  return close_text (text, ended);
}

/* --- reading --- */

/* What klive_playlist_parse() has read in front of the next name. */
typedef struct {
  guint64 target_duration; /* of the whole list, s */
  guint discontinuity, tags;
  gint64 date;
  guint64 duration;
  KlivePlaylistReadPart read_part;
  gpointer user_data;
} Pending;

static gboolean
parse_seconds (const char *text, guint64 *ns)
{
  g_auto (GStrv) parts = g_strsplit_set (text, ".,", 3);
  guint64 seconds, us;

  if (g_strv_length (parts) < 2 || strlen (parts[1]) != 6 ||
      !g_ascii_string_to_unsigned (parts[0], 10, 0, G_MAXUINT32, &seconds, NULL) ||
      !g_ascii_string_to_unsigned (parts[1], 10, 0, 999999, &us, NULL))
    return FALSE;
  *ns = seconds * G_GUINT64_CONSTANT (1000000000) + us * 1000;
  return TRUE;
}

static gboolean
parse_date (const char *text, gint64 *date)
{
  g_autoptr (GDateTime) time = g_date_time_new_from_iso8601 (text, NULL);

  if (!time)
    return FALSE;
  *date = g_date_time_to_unix (time) * G_GINT64_CONSTANT (1000000000) +
      g_date_time_get_microsecond (time) * G_GINT64_CONSTANT (1000);
  return *date > 0;
}

static void
forget_segment (Pending *pending)
{
  pending->tags = 0;
  pending->date = 0;
  pending->duration = 0;
}

static gboolean parse_line (KlivePlaylist *list, Pending *pending, const char *line);

/* "…/dvr-3444945.part" and what follows -> 3444945 */
static gboolean
parse_part_number (const char *line, guint64 *part)
{
  const char *name = strstr (line, "/" PART_HEAD);
  const char *tail = strstr (line, PART_TAIL);
  g_autofree char *number = NULL;

  if (!name || !tail || tail < name)
    return FALSE;
  name += strlen ("/" PART_HEAD);
  number = g_strndup (name, tail - name);
  return g_ascii_string_to_unsigned (number, 10, 0, G_MAXINT64 / KLIVE_PLAYLIST_PART - 1, part, NULL);
}

/* A part that is not there or not whole costs everything up to its end, so that the numbers behind it are right. */
static gboolean
parse_part (KlivePlaylist *list, Pending *pending, const char *line)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;
  guint64 part;

  if (!parse_part_number (line, &part) || !pending->read_part)
    return FALSE;
  text = pending->read_part (part, pending->user_data);
  lines = g_strsplit (text ? text : "", "\n", -1);
  for (guint i = 0; lines[i]; i++)
    if (!parse_line (list, pending, lines[i]))
      break;
  if (list->first_sequence + klive_playlist_get_length (list) == (part + 1) * KLIVE_PLAYLIST_PART)
    return TRUE;
  g_strfreev (klive_playlist_drop_first (list, G_MAXUINT));
  list->first_sequence = (part + 1) * KLIVE_PLAYLIST_PART;
  forget_segment (pending);
  return TRUE;
}

static gboolean
parse_line (KlivePlaylist *list, Pending *pending, const char *line)
{
  guint64 number;
  const char *colon = strchr (line, ':');
  const char *value = colon ? colon + 1 : "";

  if (g_str_has_prefix (line, "#EXT-X-MEDIA-SEQUENCE:"))
    return g_ascii_string_to_unsigned (value, 10, 0, G_MAXINT64, &list->first_sequence, NULL);
  if (g_str_has_prefix (line, "#EXT-X-TARGETDURATION:"))
    return g_ascii_string_to_unsigned (value, 10, 1, G_MAXINT, &pending->target_duration, NULL);
  if (g_str_has_prefix (line, "#EXT-X-DISCONTINUITY-SEQUENCE:")) {
    if (!g_ascii_string_to_unsigned (value, 10, 0, G_MAXUINT32, &number, NULL))
      return FALSE;
    pending->discontinuity = number;
    return TRUE;
  }
  if (strcmp (line, "#EXT-X-DISCONTINUITY") == 0) {
    pending->discontinuity++;
    pending->tags++;
    return TRUE;
  }
  if (g_str_has_prefix (line, "#EXT-X-PROGRAM-DATE-TIME:"))
    return parse_date (value, &pending->date);
  if (g_str_has_prefix (line, "#EXTINF:"))
    return parse_seconds (value, &pending->duration);
  if (g_str_has_prefix (line, INCLUDE))
    return parse_part (list, pending, line);
  if (line[0] == '\0' || line[0] == '#')
    return TRUE;
  if (pending->date == 0 || pending->duration == 0 || strchr (line, '/'))
    return FALSE;
  append_item (list,
      &(KlivePlaylistSegment){ (char *) line, pending->date, pending->duration, 0, pending->discontinuity },
      pending->tags);
  forget_segment (pending);
  return TRUE;
}

KlivePlaylist *
klive_playlist_parse (const char *text, guint *target_duration, KlivePlaylistReadPart read_part, gpointer user_data,
    GError **error)
{
  g_autoptr (KlivePlaylist) list = klive_playlist_new ();
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  Pending pending = { .read_part = read_part, .user_data = user_data };

  if (strcmp (lines[0] ? lines[0] : "", "#EXTM3U") != 0) {
    g_set_error_literal (error, KLIVE_HLS_ERROR, KLIVE_HLS_ERROR_SYNTAX, "no #EXTM3U in line 1");
    return NULL;
  }
  for (guint i = 1; lines[i]; i++) {
    if (!parse_line (list, &pending, lines[i])) {
      g_set_error (error, KLIVE_HLS_ERROR, KLIVE_HLS_ERROR_SYNTAX, "line %u of the playlist is not understood: %.80s",
          i + 1, lines[i]);
      return NULL;
    }
  }
  *target_duration = pending.target_duration;
  return g_steal_pointer (&list);
}

guint64
klive_playlist_get_recent_bitrate (const KlivePlaylist *list, guint target_duration)
{
  guint64 target = (guint64) target_duration * G_GUINT64_CONSTANT (1000000000);
  guint64 bytes = 0, duration = 0, best = 0;

  for (guint i = klive_playlist_get_length (list); i > 0; i--) {
    const KlivePlaylistSegment *segment = klive_playlist_get_segment (list, i - 1);

    if (segment->bytes == 0 || (duration > 0 && (duration + segment->duration) * 2 > target * 3))
      break;
    bytes += segment->bytes;
    duration += segment->duration;
    if (duration * 2 >= target)
      best = MAX (best, (guint64) ((double) bytes * 8e9 / duration));
  }
  return best;
}
