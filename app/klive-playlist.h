/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* One HLS media playlist: the segments of one rendition, oldest first, and the two windows over them that are written:
 * the plain list (a number of segments) and the DVR list (a time). Pure: no file, no clock. RFC 8216, version 3.
 *
 * Segments are numbered without holes (EXT-X-MEDIA-SEQUENCE counts what has left the list), whatever their files are
 * called: a rendition that lost a segment has one entry less than its siblings, and players align by date. */
typedef struct _KlivePlaylist KlivePlaylist;

typedef struct {
  char *uri;        /* name of the file, relative to the list */
  gint64 date;      /* of the first frame: ns since 1970, UTC */
  guint64 duration; /* ns, > 0 */
  guint64 bytes;
  guint discontinuity; /* discontinuity sequence number; the list shows each step as EXT-X-DISCONTINUITY */
} KlivePlaylistSegment;

typedef enum { KLIVE_PLAYLIST_PLAIN, KLIVE_PLAYLIST_DVR } KlivePlaylistWindow;

KlivePlaylist *klive_playlist_new (void);
void klive_playlist_free (KlivePlaylist *list);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KlivePlaylist, klive_playlist_free)

/*
 * The sync points (KliveSyncPoint, oldest first) of the broadcast: each window shows as EXT-X-DATERANGE those that are
 * not older than its first segment. Not copied: they have to outlive the list, or be set anew. NULL = none.
 *
 *   #EXT-X-DATERANGE:ID="0_abcd1234-1763812345678",CLASS="com.kaltura.syncpoint",
 *     START-DATE="2025-11-22T11:52:25.678Z",DURATION=0,X-COM-KALTURA-OBJECT-TYPE="KalturaSyncPoint",
 *     X-COM-KALTURA-OFFSET=60000,X-COM-KALTURA-TIMESTAMP=1763812345678        (all on one line; RFC 8216, 4.3.2.7)
 */
void klive_playlist_set_sync_points (KlivePlaylist *list, const GPtrArray *points);

/* Number of segments, the oldest one being 0; and the media sequence of the oldest. */
guint klive_playlist_get_length (const KlivePlaylist *list);
guint64 klive_playlist_get_first_sequence (const KlivePlaylist *list);
/* (transfer none) @position < length */
const KlivePlaylistSegment *klive_playlist_get_segment (const KlivePlaylist *list, guint position);
/* (transfer none) (nullable): the newest */
const KlivePlaylistSegment *klive_playlist_get_last (const KlivePlaylist *list);

/*
 * Appends a copy of @segment. A list that is empty takes max (its next number, @first_sequence) as its first media
 * sequence, one that is not counts on. A discontinuity number below the last one is raised to it.
 *
 * Returns: FALSE, nothing appended, when it does not begin after the last one began (a late straggler).
 */
gboolean klive_playlist_append (KlivePlaylist *list, const KlivePlaylistSegment *segment, guint64 first_sequence);

/*
 * Drops what neither window needs: the plain one keeps @plain_length segments and at least three target durations,
 * the DVR one everything that ends within @dvr_window ns (0 = no DVR) of the end of the list.
 *
 * Returns: (transfer full): the names of the dropped files, oldest first; NULL = none.
 */
GStrv klive_playlist_trim (KlivePlaylist *list, guint plain_length, guint64 dvr_window, guint target_duration);

/* Raises all media sequences by @by. Players that follow the list see segments again that they have had. */
void klive_playlist_renumber (KlivePlaylist *list, guint64 by);

/*
 * Puts EXT-X-DISCONTINUITY in front of the segment at @position and raises the discontinuity numbers from there on, so
 * that its becomes at least @number.
 */
void klive_playlist_break_at (KlivePlaylist *list, guint position, guint number);

/* How many of the oldest segments the plain window does not show. */
guint klive_playlist_count_spare (const KlivePlaylist *list, guint plain_length, guint target_duration);

/* Drops the oldest @count segments, whatever the windows say; returns their names as klive_playlist_trim() does. */
GStrv klive_playlist_drop_first (KlivePlaylist *list, guint count);

/*
 * The text of the list.
 *
 * @plain_length: as in klive_playlist_trim(); ignored for the DVR window, which shows all
 * @target_duration: s
 * @ended: whether EXT-X-ENDLIST closes it
 */
char *klive_playlist_format (const KlivePlaylist *list, KlivePlaylistWindow window, guint plain_length,
    guint target_duration, gboolean ended);

/* A DVR list of hours is not written anew for each segment. Its middle stands in files of KLIVE_PLAYLIST_PART segments
 * that never change: part N has the media sequences from N * KLIVE_PLAYLIST_PART. The list names them in lines that
 * nginx (SSI) replaces by their content, so that clients see one plain list:
 *
 *   <!--#include virtual="/0_abcd1234/0/33/dvr-3444945.part" -->
 *
 * So no text of strangers may enter a list with "<!--#" in it.
 */
#define KLIVE_PLAYLIST_PART 256

/* The parts whose segments are all in the list: *@first ... *@end - 1; none if equal. */
void klive_playlist_get_parts (const KlivePlaylist *list, guint64 *first, guint64 *end);
/* "dvr-3444945.part" */
char *klive_playlist_get_part_name (guint64 part);
/* The text of a part that is in the list. */
char *klive_playlist_format_part (const KlivePlaylist *list, guint64 part);
/*
 * The DVR list with its parts named instead of written out.
 *
 * @folder: of the list, below nginx's root: "/0_abcd1234/0/33"
 */
char *klive_playlist_format_in_parts (const KlivePlaylist *list, const char *folder, guint target_duration,
    gboolean ended);

/* (transfer full) (nullable): the text of a part, NULL when it cannot be read */
typedef char *(*KlivePlaylistReadPart) (guint64 part, gpointer user_data);

/*
 * Reads a list that klive_playlist_format() or klive_playlist_format_in_parts() wrote. Sizes of files are not in it
 * (0). When a part cannot be had, the list begins behind it.
 *
 * @target_duration: (out): s
 * @read_part: (nullable): for lists that name no parts
 * Error KLIVE_HLS_ERROR_SYNTAX: not such a list.
 */
KlivePlaylist *klive_playlist_parse (const char *text, guint *target_duration, KlivePlaylistReadPart read_part,
    gpointer user_data, GError **error);

/* Seconds of the segments that the plain window shows, for how long files stay after they left it. In ns. */
guint64 klive_playlist_get_plain_duration (const KlivePlaylist *list, guint plain_length, guint target_duration);

/*
 * The highest bit rate (bps) of the newest segments together that RFC 8216 counts as a peak: sets of neighbours, the
 * newest one among them, that last 0.5 to 1.5 target durations (a longer segment counts by itself). 0 = too short yet.
 */
guint64 klive_playlist_get_recent_bitrate (const KlivePlaylist *list, guint target_duration);

#define KLIVE_HLS_ERROR (klive_hls_error_quark ())
typedef enum { KLIVE_HLS_ERROR_SYNTAX } KliveHlsError;
GQuark klive_hls_error_quark (void);

G_END_DECLS
