/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A live playlist for kalturahlssink under gst-launch: one rendition, a sliding window, segments next to it. No dates,
 * no discontinuities, no memory of an earlier run. Runs under the sink's lock.
 */
#include "gstkalturahlsplaylist.h"

#include <glib/gstdio.h>
#include <string.h>

#include "gstkalturafile.h"

#define NS_PER_SECOND G_GUINT64_CONSTANT (1000000000)
/* A player may still be fetching a segment that has just left the list. */
#define KEPT_UNLISTED 3

typedef struct {
  char *location;
  guint64 index;
  guint64 duration; /* ns */
} Segment;

struct _GstKalturaHlsPlaylist {
  char *path;
  guint target; /* s, the largest rounded duration so far */
  guint max_files;
  GQueue segments; /* of Segment; those listed are at the tail */
  gboolean ended;
};

static void
segment_free (Segment *segment)
{
  g_free (segment->location);
  g_free (segment);
}

GstKalturaHlsPlaylist *
gst_kaltura_hls_playlist_new (const char *path, guint target, guint max_files)
{
  GstKalturaHlsPlaylist *playlist = g_new0 (GstKalturaHlsPlaylist, 1);
  playlist->path = g_strdup (path);
  playlist->target = target;
  playlist->max_files = max_files;
  g_queue_init (&playlist->segments);
  return playlist;
}

void
gst_kaltura_hls_playlist_free (GstKalturaHlsPlaylist *playlist)
{
  g_queue_clear_full (&playlist->segments, (GDestroyNotify) segment_free);
  g_free (playlist->path);
  g_free (playlist);
}

/* Segments lie next to the playlist as a rule; then the name is enough. */
static char *
make_uri (const GstKalturaHlsPlaylist *playlist, const char *location)
{
  g_autofree char *here = g_path_get_dirname (playlist->path);
  g_autofree char *there = g_path_get_dirname (location);
  return g_str_equal (here, there) ? g_path_get_basename (location) : g_strdup (location);
}

static int
write_playlist (const GstKalturaHlsPlaylist *playlist)
{
  guint length = playlist->segments.length;
  guint skip = playlist->max_files > 0 && length > playlist->max_files ? length - playlist->max_files : 0;
  const Segment *first = g_queue_peek_nth ((GQueue *) &playlist->segments, skip);
  g_autoptr (GString) text = g_string_new ("#EXTM3U\n#EXT-X-VERSION:3\n");
  g_string_append_printf (text, "#EXT-X-TARGETDURATION:%u\n", MAX (playlist->target, 1));
  g_string_append_printf (text, "#EXT-X-MEDIA-SEQUENCE:%" G_GUINT64_FORMAT "\n", first != NULL ? first->index : 0);
  for (GList *link = g_queue_peek_nth_link ((GQueue *) &playlist->segments, skip); link != NULL; link = link->next) {
    const Segment *segment = link->data;
    g_autofree char *uri = make_uri (playlist, segment->location);
    guint64 ms = (segment->duration + 500000) / 1000000;
    g_string_append_printf (text, "#EXTINF:%" G_GUINT64_FORMAT ".%03u,\n%s\n", ms / 1000, (guint) (ms % 1000), uri);
  }
  if (playlist->ended) {
    g_string_append (text, "#EXT-X-ENDLIST\n");
  }
  GstKalturaFile *file = gst_kaltura_file_open (playlist->path);
  gst_kaltura_file_write (file, (const guint8 *) text->str, text->len);
  return gst_kaltura_file_finish (file);
}

int
gst_kaltura_hls_playlist_add (GstKalturaHlsPlaylist *playlist, const char *location, guint64 index, guint64 duration)
{
  Segment *segment = g_new (Segment, 1);
  *segment = (Segment){ g_strdup (location), index, duration };
  g_queue_push_tail (&playlist->segments, segment);
  playlist->target = MAX (playlist->target, (duration + NS_PER_SECOND / 2) / NS_PER_SECOND);
  int error = write_playlist (playlist);
  while (playlist->max_files > 0 && playlist->segments.length > playlist->max_files + KEPT_UNLISTED) {
    Segment *old = g_queue_pop_head (&playlist->segments);
    g_unlink (old->location);
    segment_free (old);
  }
  return error;
}

int
gst_kaltura_hls_playlist_end (GstKalturaHlsPlaylist *playlist)
{
  playlist->ended = TRUE;
  return write_playlist (playlist);
}
