/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * SECTION:element-kalturahlssink
 * @title: kalturahlssink
 * @short_description: writes HLS segments that are cut where the stream says
 *
 * Writes H.264 and AAC or MP3 as MPEG-TS segments. A segment ends at the keyframe behind a downstream GstForceKeyUnit
 * event with all-headers=TRUE on the video pad, as kalturacut sends it; the same event through a decoder and several
 * encoders cuts all renditions at the same frame. Without video, or while it is silent, the events on the audio pad
 * count. With #GstKalturaHlsSink:target-duration it also cuts by itself.
 *
 * A segment is complete when its file appears, and it appears at once, not a GOP later. It begins with PAT, PMT, access
 * unit delimiter, SPS, PPS and a keyframe. Audio goes with the video that it belongs to; a track that is silent for
 * #GstKalturaHlsSink:max-wait does not stop the other.
 *
 * Both H.264 stream formats and raw, ADTS and MP3 audio are taken as they are; anything else that H.264 or AAC
 * can be gets a parser inside the bin.
 *
 * The element posts
 *
 * * `kaltura-segment` for each segment: `location` (string), `index` (guint64), `running-time` (guint64, ns, of its
 *   first frame), `duration` (guint64, ns), `bytes` (guint64), `codecs` (string, RFC 6381, "avc1.4d401f,mp4a.40.2"),
 *   `width`, `height` (int, 0 without video), `framerate` (fraction, 0/1 = not known), `last` (boolean, closed by the
 *   end of the stream).
 * * `kaltura-segment-failed` in place of it for a segment that could not be written: `location`, `index`,
 *   `running-time`, `duration` as above, `errno` (int). A warning on the bus tells each fault once. The stream goes on.
 *
 * The action signal `add-metadata` (guint64 running time in ns, GBytes of one ID3 tag) puts timed metadata into the
 * stream: a PES on a track of its own (PID 0x102, stream type 0x15), which the stream has from the first tag on, with
 * that time, or that of the segment when it is late. Returns FALSE when the element does not run.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 -e kalturacut name=cut segment-duration=2000000000 \
 *     kalturahlssink name=hls location=/tmp/hls-%05u.ts playlist-location=/tmp/hls.m3u8 \
 *     videotestsrc num-buffers=300 ! x264enc key-int-max=60 ! cut.video cut.src_video ! hls.video \
 *     audiotestsrc num-buffers=430 ! audioconvert ! avenc_aac ! cut.audio cut.src_audio ! hls.audio
 * ]| A test card of 10 s as segments of 2 s and a playlist.
 */
#include "gstkalturahlssink.h"

#include <errno.h>
#include <gst/pbutils/missing-plugins.h>

#include "gstkalturahlsplaylist.h"
#include "gstkalturasegmenter.h"

GST_DEBUG_CATEGORY_STATIC (gst_kaltura_hls_sink_debug);
#define GST_CAT_DEFAULT gst_kaltura_hls_sink_debug

#define DEFAULT_LOCATION "segment-%05u.ts"
#define DEFAULT_START_INDEX 0
#define DEFAULT_PLAYLIST_LOCATION NULL
#define DEFAULT_TARGET_DURATION 0
#define DEFAULT_MAX_FILES 10
#define DEFAULT_MAX_WAIT (2 * GST_SECOND)

enum {
  PROP_0,
  PROP_LOCATION,
  PROP_START_INDEX,
  PROP_PLAYLIST_LOCATION,
  PROP_TARGET_DURATION,
  PROP_MAX_FILES,
  PROP_MAX_WAIT,
  N_PROPERTIES
};

static GParamSpec *properties[N_PROPERTIES];

enum { SIGNAL_ADD_METADATA, N_SIGNALS };

static guint signals[N_SIGNALS];

#define VIDEO_CAPS GST_KALTURA_SEGMENTER_VIDEO_CAPS "; video/x-h264"
#define AUDIO_CAPS \
  GST_KALTURA_SEGMENTER_AUDIO_CAPS "; audio/mpeg, mpegversion=(int){ 2, 4 }; " \
                                   "audio/mpeg, mpegversion=(int)1, layer=(int)3"

static GstStaticPadTemplate video_template =
    GST_STATIC_PAD_TEMPLATE ("video", GST_PAD_SINK, GST_PAD_REQUEST, GST_STATIC_CAPS (VIDEO_CAPS));
static GstStaticPadTemplate audio_template =
    GST_STATIC_PAD_TEMPLATE ("audio", GST_PAD_SINK, GST_PAD_REQUEST, GST_STATIC_CAPS (AUDIO_CAPS));

typedef struct {
  GstPad *ghost;      /* NULL = not requested; owned by the bin */
  GstPad *target;     /* of the segmenter; owned by it */
  GstElement *parser; /* own reference; NULL = none is needed; streaming thread of the pad */
} Input;

struct _GstKalturaHlsSink {
  GstBin parent;

  /* object lock */
  char *location;
  guint64 start_index;
  char *playlist_location; /* NULL = no playlist */
  guint target_duration;   /* s, 0 = off */
  guint max_files;         /* 0 = all */
  GstClockTime max_wait;   /* ns */

  GstKalturaSegmenter *segmenter;     /* own reference: pads are released after the bin has lost its children */
  Input inputs[GST_KALTURA_N_TRACKS]; /* state lock */

  GstKalturaHlsPlaylist *playlist; /* the segmenter's lock; NULL = none */
};

G_DEFINE_FINAL_TYPE (GstKalturaHlsSink, gst_kaltura_hls_sink, GST_TYPE_BIN)
GST_ELEMENT_REGISTER_DEFINE (kalturahlssink, "kalturahlssink", GST_RANK_NONE, GST_TYPE_KALTURA_HLS_SINK)

/* What the segmenter has to tell. Called with its lock, on a streaming thread. */

static void
on_fault (const char *location, int error, gpointer user_data)
{
  GstKalturaHlsSink *self = user_data;
  GST_ELEMENT_WARNING (self, RESOURCE, WRITE, ("Cannot write segment %s: %s", location, g_strerror (error)),
      ("errno %d; the segment is dropped, the stream goes on", error));
}

static GstStructure *
make_segment_structure (const GstKalturaSegment *segment)
{
  if (segment->error != 0) {
    return gst_structure_new ("kaltura-segment-failed", "location", G_TYPE_STRING, segment->location, "index",
        G_TYPE_UINT64, segment->index, "running-time", G_TYPE_UINT64, segment->running_time, "duration", G_TYPE_UINT64,
        segment->duration, "errno", G_TYPE_INT, segment->error, NULL);
  }
  return gst_structure_new ("kaltura-segment", "location", G_TYPE_STRING, segment->location, "index", G_TYPE_UINT64,
      segment->index, "running-time", G_TYPE_UINT64, segment->running_time, "duration", G_TYPE_UINT64,
      segment->duration, "bytes", G_TYPE_UINT64, segment->bytes, "codecs", G_TYPE_STRING, segment->codecs, "width",
      G_TYPE_INT, segment->width, "height", G_TYPE_INT, segment->height, "framerate", GST_TYPE_FRACTION, segment->fps_n,
      segment->fps_d, "last", G_TYPE_BOOLEAN, segment->last, NULL);
}

static void
on_closed (const GstKalturaSegment *segment, gpointer user_data)
{
  GstKalturaHlsSink *self = user_data;
  if (self->playlist != NULL) {
    int error = segment->error == 0
        ? gst_kaltura_hls_playlist_add (self->playlist, segment->location, segment->index, segment->duration)
        : 0;
    if (segment->last && error == 0) {
      error = gst_kaltura_hls_playlist_end (self->playlist);
    }
    if (error != 0) {
      GST_ELEMENT_WARNING (self, RESOURCE, WRITE, ("Cannot write the playlist: %s", g_strerror (error)), (NULL));
    }
  }
  gst_element_post_message (GST_ELEMENT (self),
      gst_message_new_element (GST_OBJECT (self), make_segment_structure (segment)));
}

static const GstKalturaSegmentCallbacks segment_callbacks = { on_fault, on_closed };

/* Parsers */

static gboolean
has_fields (const GstStructure *structure, const char *first, const char *second)
{
  return gst_structure_has_field (structure, first) && gst_structure_has_field (structure, second);
}

/* The parser that data of @caps need before the segmenter can take them, NULL = none. */
static const char *
get_parser_name (const GstCaps *caps)
{
  const GstStructure *structure = gst_caps_get_structure (caps, 0);
  const char *format = gst_structure_get_string (structure, "stream-format");
  if (gst_structure_has_name (structure, "video/x-h264")) {
    const char *alignment = gst_structure_get_string (structure, "alignment");
    gboolean avc = g_strcmp0 (format, "avc") == 0 || g_strcmp0 (format, "avc3") == 0;
    gboolean whole = g_strcmp0 (alignment, "au") == 0 || (avc && alignment == NULL);
    gboolean known = avc ? gst_structure_has_field (structure, "codec_data") : g_strcmp0 (format, "byte-stream") == 0;
    return whole && known && has_fields (structure, "width", "height") ? NULL : "h264parse";
  }
  gint version = 0;
  gboolean framed = FALSE;
  gst_structure_get_int (structure, "mpegversion", &version);
  if (version == 1) {
    gst_structure_get_boolean (structure, "parsed", &framed);
    return framed ? NULL : "mpegaudioparse";
  }
  gst_structure_get_boolean (structure, "framed", &framed);
  gboolean raw = g_strcmp0 (format, "raw") == 0 && gst_structure_has_field (structure, "codec_data");
  return raw || (framed && g_strcmp0 (format, "adts") == 0) ? NULL : "aacparse";
}

static void
add_parser (GstKalturaHlsSink *self, Input *input, const char *name)
{
  GstElement *parser = gst_element_factory_make (name, NULL);
  if (parser == NULL) {
    gst_element_post_message (GST_ELEMENT (self), gst_missing_element_message_new (GST_ELEMENT (self), name));
    GST_ELEMENT_ERROR (self, CORE, MISSING_PLUGIN, ("Element %s is missing", name), (NULL));
    return;
  }
  GST_DEBUG_OBJECT (self, "%s in front of %" GST_PTR_FORMAT, name, input->target);
  gst_bin_add (GST_BIN (self), parser);
  gst_element_sync_state_with_parent (parser);
  gst_ghost_pad_set_target (GST_GHOST_PAD (input->ghost), NULL);
  g_autoptr (GstPad) source = gst_element_get_static_pad (parser, "src");
  g_autoptr (GstPad) sink = gst_element_get_static_pad (parser, "sink");
  gst_pad_link (source, input->target);
  gst_ghost_pad_set_target (GST_GHOST_PAD (input->ghost), sink);
  input->parser = gst_object_ref (parser);
}

/* Sees caps before anybody asks whether they are accepted. */
static GstPadProbeReturn
on_caps (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  Input *input = user_data;
  GstEvent *event = GST_PAD_PROBE_INFO_EVENT (info);
  if (GST_EVENT_TYPE (event) == GST_EVENT_CAPS && input->parser == NULL) {
    GstCaps *caps;
    gst_event_parse_caps (event, &caps);
    const char *name = get_parser_name (caps);
    if (name != NULL) {
      g_autoptr (GstElement) self = gst_pad_get_parent_element (pad);
      if (self != NULL) {
        add_parser (GST_KALTURA_HLS_SINK (self), input, name);
      }
    }
  }
  return GST_PAD_PROBE_OK;
}

/* The template counts, not what the segmenter alone can take: a parser is put in only when caps have come. */
static gboolean
on_query (GstPad *pad, GstObject *parent, GstQuery *query)
{
  g_autoptr (GstCaps) caps = gst_pad_get_pad_template_caps (pad);
  switch (GST_QUERY_TYPE (query)) {
    case GST_QUERY_CAPS: {
      GstCaps *filter;
      gst_query_parse_caps (query, &filter);
      g_autoptr (GstCaps) result =
          filter != NULL ? gst_caps_intersect_full (caps, filter, GST_CAPS_INTERSECT_FIRST) : gst_caps_ref (caps);
      gst_query_set_caps_result (query, result);
      return TRUE;
    }
    case GST_QUERY_ACCEPT_CAPS: {
      GstCaps *asked;
      gst_query_parse_accept_caps (query, &asked);
      gst_query_set_accept_caps_result (query, gst_caps_is_subset (asked, caps));
      return TRUE;
    }
    default:
      return gst_pad_query_default (pad, parent, query);
  }
}

/* Pads */

static GstPad *
gst_kaltura_hls_sink_request_new_pad (GstElement *element, GstPadTemplate *template, const char *name,
    const GstCaps *caps)
{
  GstKalturaHlsSink *self = GST_KALTURA_HLS_SINK (element);
  gboolean video = g_str_equal (GST_PAD_TEMPLATE_NAME_TEMPLATE (template), "video");
  GstKalturaTrackKind kind = video ? GST_KALTURA_TRACK_VIDEO : GST_KALTURA_TRACK_AUDIO;
  Input *input = &self->inputs[kind];
  if (input->ghost != NULL) {
    GST_WARNING_OBJECT (self, "there is one %s pad only", video ? "video" : "audio");
    return NULL;
  }
  input->target = gst_kaltura_segmenter_add_track (self->segmenter, kind);
  input->ghost = gst_ghost_pad_new_from_template (video ? "video" : "audio", input->target, template);
  gst_pad_set_query_function (input->ghost, on_query);
  gst_pad_add_probe (input->ghost, GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, on_caps, input, NULL);
  gst_pad_set_active (input->ghost, GST_STATE (self) > GST_STATE_READY);
  gst_element_add_pad (element, input->ghost);
  return input->ghost;
}

static void
gst_kaltura_hls_sink_release_pad (GstElement *element, GstPad *pad)
{
  GstKalturaHlsSink *self = GST_KALTURA_HLS_SINK (element);
  for (guint kind = 0; kind < GST_KALTURA_N_TRACKS; kind++) {
    Input *input = &self->inputs[kind];
    if (input->ghost != pad) {
      continue;
    }
    gst_pad_set_active (pad, FALSE);
    gst_ghost_pad_set_target (GST_GHOST_PAD (pad), NULL);
    if (input->parser != NULL) {
      if (gst_object_has_as_parent (GST_OBJECT (input->parser), GST_OBJECT (self))) {
        gst_element_set_state (input->parser, GST_STATE_NULL);
        gst_bin_remove (GST_BIN (self), input->parser);
      }
      gst_object_unref (input->parser);
    }
    gst_kaltura_segmenter_remove_track (self->segmenter, kind);
    *input = (Input){ NULL };
    gst_element_remove_pad (element, pad);
    return;
  }
}

/* State */

/* Hands the settings to the segmenter. FALSE = they are wrong, and an error has been posted. */
static gboolean
prepare (GstKalturaHlsSink *self)
{
  GST_OBJECT_LOCK (self);
  g_autofree char *location = g_strdup (self->location);
  g_autofree char *playlist_location = g_strdup (self->playlist_location);
  guint64 start_index = self->start_index;
  guint target = self->target_duration;
  guint max_files = self->max_files;
  GstClockTime max_wait = self->max_wait;
  GST_OBJECT_UNLOCK (self);

  GstKalturaSegmentWriter *writer =
      location == NULL ? NULL : gst_kaltura_segment_writer_new (location, start_index, &segment_callbacks, self);
  if (writer == NULL) {
    GST_ELEMENT_ERROR (self, RESOURCE, SETTINGS,
        ("The location \"%s\" needs one integer conversion, as in segment-%%05u.ts", GST_STR_NULL (location)), (NULL));
    return FALSE;
  }
  gst_kaltura_segmenter_set_writer (self->segmenter, writer, target * GST_SECOND, max_wait);
  g_clear_pointer (&self->playlist, gst_kaltura_hls_playlist_free);
  if (playlist_location != NULL && *playlist_location != '\0') {
    self->playlist = gst_kaltura_hls_playlist_new (playlist_location, target, max_files);
  }
  return TRUE;
}

static GstStateChangeReturn
gst_kaltura_hls_sink_change_state (GstElement *element, GstStateChange transition)
{
  GstKalturaHlsSink *self = GST_KALTURA_HLS_SINK (element);
  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED && !prepare (self)) {
    return GST_STATE_CHANGE_FAILURE;
  }
  return GST_ELEMENT_CLASS (gst_kaltura_hls_sink_parent_class)->change_state (element, transition);
}

/* Metadata */

static gboolean
gst_kaltura_hls_sink_add_metadata (GstKalturaHlsSink *self, guint64 running_time, GBytes *tag)
{
  return tag != NULL && gst_kaltura_segmenter_add_metadata (self->segmenter, running_time, tag);
}

/* Properties */

static void
gst_kaltura_hls_sink_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstKalturaHlsSink *self = GST_KALTURA_HLS_SINK (object);
  GST_OBJECT_LOCK (self);
  switch (id) {
    case PROP_LOCATION:
      g_free (self->location);
      self->location = g_value_dup_string (value);
      break;
    case PROP_START_INDEX:
      self->start_index = g_value_get_uint64 (value);
      break;
    case PROP_PLAYLIST_LOCATION:
      g_free (self->playlist_location);
      self->playlist_location = g_value_dup_string (value);
      break;
    case PROP_TARGET_DURATION:
      self->target_duration = g_value_get_uint (value);
      break;
    case PROP_MAX_FILES:
      self->max_files = g_value_get_uint (value);
      break;
    case PROP_MAX_WAIT:
      self->max_wait = g_value_get_uint64 (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      break;
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_kaltura_hls_sink_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstKalturaHlsSink *self = GST_KALTURA_HLS_SINK (object);
  GST_OBJECT_LOCK (self);
  switch (id) {
    case PROP_LOCATION:
      g_value_set_string (value, self->location);
      break;
    case PROP_START_INDEX:
      g_value_set_uint64 (value, self->start_index);
      break;
    case PROP_PLAYLIST_LOCATION:
      g_value_set_string (value, self->playlist_location);
      break;
    case PROP_TARGET_DURATION:
      g_value_set_uint (value, self->target_duration);
      break;
    case PROP_MAX_FILES:
      g_value_set_uint (value, self->max_files);
      break;
    case PROP_MAX_WAIT:
      g_value_set_uint64 (value, self->max_wait);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      break;
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_kaltura_hls_sink_finalize (GObject *object)
{
  GstKalturaHlsSink *self = GST_KALTURA_HLS_SINK (object);
  g_free (self->location);
  g_free (self->playlist_location);
  g_clear_pointer (&self->playlist, gst_kaltura_hls_playlist_free);
  gst_object_unref (self->segmenter);
  G_OBJECT_CLASS (gst_kaltura_hls_sink_parent_class)->finalize (object);
}

static void
gst_kaltura_hls_sink_class_init (GstKalturaHlsSinkClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY;

  GST_DEBUG_CATEGORY_INIT (gst_kaltura_hls_sink_debug, "kalturahlssink", 0, "Kaltura HLS sink");
  object_class->set_property = gst_kaltura_hls_sink_set_property;
  object_class->get_property = gst_kaltura_hls_sink_get_property;
  object_class->finalize = gst_kaltura_hls_sink_finalize;

  properties[PROP_LOCATION] = g_param_spec_string ("location", "Location",
      "File names of the segments: a path with one printf conversion for the index, as in /dir/0-17-%05u.ts; "
      "the directory must be there",
      DEFAULT_LOCATION, flags);
  properties[PROP_START_INDEX] = g_param_spec_uint64 ("start-index", "Start index", "Index of the first segment", 0,
      G_MAXUINT64, DEFAULT_START_INDEX, flags);
  properties[PROP_PLAYLIST_LOCATION] = g_param_spec_string ("playlist-location", "Playlist location",
      "File name of a simple live playlist; empty = none", DEFAULT_PLAYLIST_LOCATION, flags);
  properties[PROP_TARGET_DURATION] = g_param_spec_uint ("target-duration", "Target duration",
      "Also cut at the first keyframe at which a segment is this long, in seconds; 0 = cut on events only", 0, 3600,
      DEFAULT_TARGET_DURATION, flags);
  properties[PROP_MAX_FILES] = g_param_spec_uint ("max-files", "Maximum files",
      "Segments in the simple playlist; files are removed some time after they have left it. 0 = all", 0, G_MAXUINT,
      DEFAULT_MAX_FILES, flags);
  properties[PROP_MAX_WAIT] = g_param_spec_uint64 ("max-wait", "Maximum wait",
      "How long one track is held for another that is silent, in ns of media and of real time", 0, 10 * GST_SECOND,
      DEFAULT_MAX_WAIT, flags);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);

  signals[SIGNAL_ADD_METADATA] = g_signal_new_class_handler ("add-metadata", G_TYPE_FROM_CLASS (klass),
      G_SIGNAL_RUN_LAST | G_SIGNAL_ACTION, G_CALLBACK (gst_kaltura_hls_sink_add_metadata), NULL, NULL, NULL,
      G_TYPE_BOOLEAN, 2, G_TYPE_UINT64, G_TYPE_BYTES);

  element_class->change_state = gst_kaltura_hls_sink_change_state;
  element_class->request_new_pad = gst_kaltura_hls_sink_request_new_pad;
  element_class->release_pad = gst_kaltura_hls_sink_release_pad;
  gst_element_class_add_static_pad_template (element_class, &video_template);
  gst_element_class_add_static_pad_template (element_class, &audio_template);
  gst_element_class_set_static_metadata (element_class, "Kaltura HLS sink", "Sink/Muxer",
      "Writes HLS segments, cut where force-key-unit events say", "klive developers");
}

static void
gst_kaltura_hls_sink_init (GstKalturaHlsSink *self)
{
  self->location = g_strdup (DEFAULT_LOCATION);
  self->start_index = DEFAULT_START_INDEX;
  self->target_duration = DEFAULT_TARGET_DURATION;
  self->max_files = DEFAULT_MAX_FILES;
  self->max_wait = DEFAULT_MAX_WAIT;
  self->segmenter = g_object_new (GST_TYPE_KALTURA_SEGMENTER, "name", "segmenter", NULL);
  gst_object_ref_sink (self->segmenter);
  gst_bin_add (GST_BIN (self), GST_ELEMENT (self->segmenter));
  GST_OBJECT_FLAG_SET (self, GST_ELEMENT_FLAG_SINK);
}
