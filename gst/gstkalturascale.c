/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * SECTION:element-kalturascale
 * @title: kalturascale
 * @short_description: scales raw video with libswscale
 *
 * Makes planar 4:2:0 pictures of even size with square pixels out of what decoders give, at about a fifth of the price
 * of videoscale and videoconvert. It never mixes lines of the two fields of interlaced video.
 *
 * Where the caps behind it leave width or height open, the picture keeps its display aspect ratio: one that is given
 * decides the other; with ranges for both it is the largest that is not larger than the source. Pictures that fit
 * already pass untouched. Where the caps give both, #GstKalturaScale:fit decides what becomes of a picture of another
 * shape; with letterbox and crop, ranges give the frame, too, as far as the source is not smaller.
 *
 * The plugin is a file of its own, because libswscale brings libavutil and with that libraries of X11, VA and OpenCL
 * into a process; one that scales nothing does without them.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 videotestsrc num-buffers=60 ! video/x-raw,format=I420,width=720,height=576,pixel-aspect-ratio=64/45 ! \
 *     kalturascale ! video/x-raw,height=360 ! fakesink
 * ]| A wide test card in 640x360.
 */
#include "gstkalturascale.h"

#include <libavutil/opt.h>
#include <libavutil/pixfmt.h>
#include <libswscale/swscale.h>

#include "gstkalturafit.h"

GST_DEBUG_CATEGORY_STATIC (gst_kaltura_scale_debug);
#define GST_CAT_DEFAULT gst_kaltura_scale_debug

typedef enum {
  GST_KALTURA_SCALE_FAST_BILINEAR,
  GST_KALTURA_SCALE_BILINEAR,
  GST_KALTURA_SCALE_BICUBIC,
  GST_KALTURA_SCALE_LANCZOS,
} GstKalturaScaleMethod;

#define DEFAULT_METHOD GST_KALTURA_SCALE_BILINEAR
#define DEFAULT_FIT GST_KALTURA_FIT_STRETCH

/* libswscale reads and writes up to this many bytes at once, also at the end of a line. */
#define LINE_ALIGN 64

enum { PROP_0, PROP_METHOD, PROP_FIT, N_PROPERTIES };

static GParamSpec *properties[N_PROPERTIES];

#define RATE "framerate = (fraction) [ 0/1, 2147483647/1 ]"
#define FORMATS "{ I420, NV12, NV21, Y42B, YUY2, UYVY, Y444, GRAY8, I420_10LE, P010_10LE, I422_10LE, Y444_10LE }"

static const struct {
  GstVideoFormat format;
  enum AVPixelFormat pixel_format;
} formats[] = {
  { GST_VIDEO_FORMAT_I420, AV_PIX_FMT_YUV420P },
  { GST_VIDEO_FORMAT_NV12, AV_PIX_FMT_NV12 },
  { GST_VIDEO_FORMAT_NV21, AV_PIX_FMT_NV21 },
  { GST_VIDEO_FORMAT_Y42B, AV_PIX_FMT_YUV422P },
  { GST_VIDEO_FORMAT_YUY2, AV_PIX_FMT_YUYV422 },
  { GST_VIDEO_FORMAT_UYVY, AV_PIX_FMT_UYVY422 },
  { GST_VIDEO_FORMAT_Y444, AV_PIX_FMT_YUV444P },
  { GST_VIDEO_FORMAT_GRAY8, AV_PIX_FMT_GRAY8 },
  { GST_VIDEO_FORMAT_I420_10LE, AV_PIX_FMT_YUV420P10LE },
  { GST_VIDEO_FORMAT_P010_10LE, AV_PIX_FMT_P010LE },
  { GST_VIDEO_FORMAT_I422_10LE, AV_PIX_FMT_YUV422P10LE },
  { GST_VIDEO_FORMAT_Y444_10LE, AV_PIX_FMT_YUV444P10LE },
};

static GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE ("sink", GST_PAD_SINK, GST_PAD_ALWAYS,
    GST_STATIC_CAPS ("video/x-raw, format = (string) " FORMATS ", width = (int) [ 1, 16384 ], "
                     "height = (int) [ 1, 16384 ], " RATE));
static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE ("src", GST_PAD_SRC, GST_PAD_ALWAYS,
    GST_STATIC_CAPS ("video/x-raw, format = (string) I420, width = (int) [ 2, 16384, 2 ], "
                     "height = (int) [ 2, 16384, 2 ], pixel-aspect-ratio = (fraction) 1/1, " RATE));

struct _GstKalturaScale {
  GstVideoFilter parent;

  GstKalturaScaleMethod method; /* object lock */
  GstKalturaFit fit;            /* object lock */

  /* streaming thread */
  struct SwsContext *context; /* NULL = pictures pass untouched */
  guint fields;               /* 2 = each field is scaled by itself */
  GstVideoRectangle from;     /* the part of the picture that is scaled */
  GstVideoRectangle to;       /* where it goes in the frame */
  GstVideoInfo inner;         /* of a picture that fills @to */
  GstBuffer *scratch_in;      /* NULL = not needed so far */
  GstBuffer *scratch_out;     /* the same */
};

G_DEFINE_FINAL_TYPE (GstKalturaScale, gst_kaltura_scale, GST_TYPE_VIDEO_FILTER)
GST_ELEMENT_REGISTER_DEFINE (kalturascale, "kalturascale", GST_RANK_NONE, GST_TYPE_KALTURA_SCALE)

static GType
gst_kaltura_scale_method_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    { GST_KALTURA_SCALE_FAST_BILINEAR, "Bilinear, less exact", "fast-bilinear" },
    { GST_KALTURA_SCALE_BILINEAR, "Bilinear; averages all pixels when it makes a picture smaller", "bilinear" },
    { GST_KALTURA_SCALE_BICUBIC, "Bicubic", "bicubic" },
    { GST_KALTURA_SCALE_LANCZOS, "Lanczos", "lanczos" },
    { 0, NULL, NULL },
  };
  if (g_once_init_enter (&type)) {
    GType registered = g_enum_register_static ("GstKalturaScaleMethod", values);
    g_once_init_leave (&type, registered);
  }
  return type;
}

static int
get_flags (GstKalturaScaleMethod method)
{
  switch (method) {
    case GST_KALTURA_SCALE_FAST_BILINEAR:
      return SWS_FAST_BILINEAR;
    case GST_KALTURA_SCALE_BICUBIC:
      return SWS_BICUBIC;
    case GST_KALTURA_SCALE_LANCZOS:
      return SWS_LANCZOS;
    case GST_KALTURA_SCALE_BILINEAR:
    default:
      return SWS_BILINEAR;
  }
}

/* Caps */

static gboolean
is_420 (const GstStructure *structure)
{
  const char *format = gst_structure_get_string (structure, "format");
  return format != NULL && (g_str_equal (format, "I420") || g_str_equal (format, "NV12"));
}

/* What may come out for @structure. Colours stay as they are: neither matrix nor range is converted. */
static void
open_up_src (GstStructure *structure)
{
  if (!is_420 (structure)) {
    gst_structure_remove_field (structure, "chroma-site");
  }
  gst_structure_remove_fields (structure, "format", "width", "height", "pixel-aspect-ratio", NULL);
}

/* What may come in for @structure. */
static void
open_up_sink (GstStructure *structure)
{
  gst_structure_remove_fields (structure, "format", "width", "height", "pixel-aspect-ratio", "chroma-site", NULL);
}

static GstCaps *
gst_kaltura_scale_transform_caps (GstBaseTransform *transform, GstPadDirection direction, GstCaps *caps,
    GstCaps *filter)
{
  gboolean to_src = direction == GST_PAD_SINK;
  g_autoptr (GstCaps) opened = gst_caps_copy (caps);
  for (guint i = 0; i < gst_caps_get_size (opened); i++) {
    GstStructure *structure = gst_caps_get_structure (opened, i);
    if (to_src) {
      open_up_src (structure);
    } else {
      open_up_sink (structure);
    }
  }
  g_autoptr (GstCaps) template = gst_static_pad_template_get_caps (to_src ? &src_template : &sink_template);
  GstCaps *result = gst_caps_intersect_full (opened, template, GST_CAPS_INTERSECT_FIRST);
  if (filter != NULL) {
    g_autoptr (GstCaps) all = result;
    result = gst_caps_intersect_full (filter, all, GST_CAPS_INTERSECT_FIRST);
  }
  return result;
}

/* The largest value that @structure allows for @field, at most @limit. */
static int
get_largest (const GstStructure *structure, const char *field, int limit)
{
  g_autoptr (GstStructure) copy = gst_structure_copy (structure);
  int value = limit;
  gst_structure_fixate_field_nearest_int (copy, field, limit);
  gst_structure_get_int (copy, field, &value);
  return MIN (value, limit);
}

static int
to_even (double value)
{
  return MAX (2 * (int) (value / 2 + 0.5), 2);
}

/* A frame whose shape is not the source's; both sizes are ranges. A letterbox loses borders before its picture. */
static void
fixate_frame (GstStructure *structure, GstKalturaFit fit, double width, int height)
{
  int wanted_width = get_largest (structure, "width", G_MAXINT),
      wanted_height = get_largest (structure, "height", G_MAXINT);
  double factor = MAX (MAX (wanted_width / width, (double) wanted_height / height), 1.0);
  if (fit == GST_KALTURA_FIT_CROP) {
    wanted_width = to_even (wanted_width / factor);
    wanted_height = to_even (wanted_height / factor);
  }
  gst_structure_fixate_field_nearest_int (structure, "width", MIN (wanted_width, MAX ((int) width & ~1, 2)));
  gst_structure_fixate_field_nearest_int (structure, "height", MIN (wanted_height, MAX (height & ~1, 2)));
}

/* @width and @height: the source as square pixels. */
static void
fixate_size (GstStructure *structure, GstKalturaFit fit, double width, int height)
{
  int given;
  if (fit != GST_KALTURA_FIT_STRETCH && !gst_structure_get_int (structure, "height", &given) &&
      !gst_structure_get_int (structure, "width", &given)) {
    fixate_frame (structure, fit, width, height);
    return;
  }
  if (gst_structure_get_int (structure, "height", &given)) {
    gst_structure_fixate_field_nearest_int (structure, "width", to_even (given * width / height));
    return;
  }
  if (!gst_structure_get_int (structure, "width", &given)) {
    int most_width = get_largest (structure, "width", MAX ((int) width & ~1, 2));
    int most_height = get_largest (structure, "height", MAX (height & ~1, 2));
    double factor = MIN (MIN (most_width / width, (double) most_height / height), 1.0);
    given = to_even (width * factor);
    gst_structure_fixate_field_nearest_int (structure, "width", given);
    gst_structure_get_int (structure, "width", &given);
  }
  gst_structure_fixate_field_nearest_int (structure, "height", to_even (given * height / width));
}

static GstCaps *
gst_kaltura_scale_fixate_caps (GstBaseTransform *transform, GstPadDirection direction, GstCaps *caps, GstCaps *others)
{
  const GstStructure *given = gst_caps_get_structure (caps, 0);
  GstCaps *fixed = gst_caps_make_writable (gst_caps_truncate (others));
  GstStructure *structure = gst_caps_get_structure (fixed, 0);
  int width, height, par_n = 1, par_d = 1;
  gst_structure_get_int (given, "width", &width);
  gst_structure_get_int (given, "height", &height);
  gst_structure_get_fraction (given, "pixel-aspect-ratio", &par_n, &par_d);
  if (direction == GST_PAD_SINK) {
    GstKalturaScale *self = GST_KALTURA_SCALE (transform);
    GST_OBJECT_LOCK (self);
    GstKalturaFit fit = self->fit;
    GST_OBJECT_UNLOCK (self);
    fixate_size (structure, fit, (double) width * par_n / par_d, height);
  } else {
    gst_structure_fixate_field_nearest_int (structure, "width", width);
    gst_structure_fixate_field_nearest_int (structure, "height", height);
  }
  return gst_caps_fixate (fixed);
}

static enum AVPixelFormat
get_pixel_format (GstVideoFormat format)
{
  for (guint i = 0; i < G_N_ELEMENTS (formats); i++) {
    if (formats[i].format == format) {
      return formats[i].pixel_format;
    }
  }
  return AV_PIX_FMT_NONE;
}

/* Where chroma stands between the luma pixels, in 1/256 of one; libswscale takes the middle by itself. */
static int
get_horizontal_position (const GstVideoInfo *info)
{
  GstVideoChromaSite site = GST_VIDEO_INFO_CHROMA_SITE (info);
  return site & GST_VIDEO_CHROMA_SITE_H_COSITED || site == GST_VIDEO_CHROMA_SITE_UNKNOWN ? 0 : 128;
}

static struct SwsContext *
make_context (GstKalturaScale *self, const GstVideoInfo *in, const GstVideoInfo *out, int flags)
{
  struct SwsContext *context = sws_alloc_context ();
  av_opt_set_int (context, "srcw", self->from.w, 0);
  av_opt_set_int (context, "srch", self->from.h / self->fields, 0);
  av_opt_set_int (context, "src_format", get_pixel_format (GST_VIDEO_INFO_FORMAT (in)), 0);
  av_opt_set_int (context, "src_h_chr_pos", get_horizontal_position (in), 0);
  av_opt_set_int (context, "dstw", self->to.w, 0);
  av_opt_set_int (context, "dsth", self->to.h / self->fields, 0);
  av_opt_set_int (context, "dst_format", AV_PIX_FMT_YUV420P, 0);
  av_opt_set_int (context, "dst_h_chr_pos", get_horizontal_position (out), 0);
  av_opt_set_int (context, "sws_flags", flags, 0);
  if (sws_init_context (context, NULL, NULL) < 0) {
    g_clear_pointer (&context, sws_freeContext);
  }
  return context;
}

/* Whether @rectangle is all of a picture of @info. */
static gboolean
is_whole (const GstVideoRectangle *rectangle, const GstVideoInfo *info)
{
  return rectangle->w == info->width && rectangle->h == info->height;
}

/* Whether both fields have full lines of chroma. */
static gboolean
has_fields (const GstVideoRectangle *rectangle)
{
  return rectangle->h % 4 == 0 && rectangle->y % 4 == 0;
}

static gboolean
gst_kaltura_scale_set_info (GstVideoFilter *filter, GstCaps *in_caps, GstVideoInfo *in, GstCaps *out_caps,
    GstVideoInfo *out)
{
  GstKalturaScale *self = GST_KALTURA_SCALE (filter);
  GST_OBJECT_LOCK (self);
  int flags = get_flags (self->method);
  GstKalturaFit fit = self->fit;
  GST_OBJECT_UNLOCK (self);
  gst_kaltura_fit_place (fit, in, out, &self->from, &self->to);
  gboolean same = is_whole (&self->from, in) && is_whole (&self->to, out) && in->width == out->width &&
      in->height == out->height && GST_VIDEO_INFO_FORMAT (in) == GST_VIDEO_INFO_FORMAT (out);
  g_clear_pointer (&self->context, sws_freeContext);
  gst_clear_buffer (&self->scratch_in);
  gst_clear_buffer (&self->scratch_out);
  gst_base_transform_set_passthrough (GST_BASE_TRANSFORM (self), same);
  if (same) {
    return TRUE;
  }
  self->fields = GST_VIDEO_INFO_IS_INTERLACED (in) && has_fields (&self->from) && has_fields (&self->to) ? 2 : 1;
  gst_video_info_set_format (&self->inner, GST_VIDEO_FORMAT_I420, self->to.w, self->to.h);
  self->context = make_context (self, in, out, flags);
  if (self->context == NULL) {
    GST_ERROR_OBJECT (self, "libswscale does not go from %" GST_PTR_FORMAT " to %" GST_PTR_FORMAT, in_caps, out_caps);
  }
  return self->context != NULL;
}

/* Buffers */

static void
set_alignment (GstVideoAlignment *alignment)
{
  gst_video_alignment_reset (alignment);
  for (guint i = 0; i < GST_VIDEO_MAX_PLANES; i++) {
    alignment->stride_align[i] = LINE_ALIGN - 1;
  }
}

/* A pool of pictures whose lines have the room that libswscale needs. */
static GstBufferPool *
make_pool (GstCaps *caps, guint size)
{
  GstBufferPool *pool = gst_video_buffer_pool_new ();
  GstStructure *config = gst_buffer_pool_get_config (pool);
  GstVideoAlignment alignment;
  set_alignment (&alignment);
  gst_buffer_pool_config_set_params (config, caps, size, 0, 0);
  gst_buffer_pool_config_add_option (config, GST_BUFFER_POOL_OPTION_VIDEO_META);
  gst_buffer_pool_config_add_option (config, GST_BUFFER_POOL_OPTION_VIDEO_ALIGNMENT);
  gst_buffer_pool_config_set_video_alignment (config, &alignment);
  gst_buffer_pool_set_config (pool, config);
  return pool;
}

/* The pools that sinks offer make lines without that room, so ours goes first wherever lines may have it. */
static gboolean
gst_kaltura_scale_decide_allocation (GstBaseTransform *transform, GstQuery *query)
{
  GstCaps *caps;
  gst_query_parse_allocation (query, &caps, NULL);
  if (caps != NULL && gst_query_find_allocation_meta (query, GST_VIDEO_META_API_TYPE, NULL)) {
    GstVideoInfo info;
    gst_video_info_from_caps (&info, caps);
    guint size = GST_VIDEO_INFO_SIZE (&info);
    g_autoptr (GstBufferPool) pool = make_pool (caps, size);
    if (gst_query_get_n_allocation_pools (query) == 0) {
      gst_query_add_allocation_pool (query, pool, size, 0, 0);
    } else {
      gst_query_set_nth_allocation_pool (query, 0, pool, size, 0, 0);
    }
  }
  return GST_BASE_TRANSFORM_CLASS (gst_kaltura_scale_parent_class)->decide_allocation (transform, query);
}

/* Whether blocks may be written to the end of each line. */
static gboolean
has_room (const GstVideoFrame *frame)
{
  for (guint i = 0; i < GST_VIDEO_FRAME_N_PLANES (frame); i++) {
    if (GST_VIDEO_FRAME_PLANE_STRIDE (frame, i) % LINE_ALIGN != 0) {
      return FALSE;
    }
  }
  return TRUE;
}

/* Whether blocks may be read to the end of each line of @part: behind the last one memory may end. */
static gboolean
is_readable (const GstVideoFrame *frame, const GstVideoRectangle *part)
{
  const GstVideoFormatInfo *format = frame->info.finfo;
  guint last = GST_VIDEO_FRAME_N_COMPONENTS (frame) - 1;
  guint plane = GST_VIDEO_FRAME_N_PLANES (frame) - 1;
  const GstMapInfo *map = &frame->map[gst_buffer_n_memory (frame->buffer) > plane ? plane : 0];
  gsize line = GST_VIDEO_FORMAT_INFO_SCALE_WIDTH (format, last, part->w) * GST_VIDEO_FRAME_COMP_PSTRIDE (frame, last);
  int lines = GST_VIDEO_FORMAT_INFO_SCALE_HEIGHT (format, last, part->h);
  const guint8 *end = gst_kaltura_fit_locate (frame, plane, part->x, part->y) +
      (gssize) GST_VIDEO_FRAME_PLANE_STRIDE (frame, plane) * (lines - 1) + line;
  return line % LINE_ALIGN == 0 || end + LINE_ALIGN <= map->data + map->size;
}

/* A picture with room behind each line. */
static GstBuffer *
make_scratch (const GstVideoInfo *format)
{
  GstVideoInfo info = *format;
  GstVideoAlignment alignment;
  set_alignment (&alignment);
  gst_video_info_align (&info, &alignment);
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, info.size, NULL);
  gst_buffer_add_video_meta_full (buffer, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_INFO_FORMAT (&info), info.width,
      info.height, info.finfo->n_planes, info.offset, info.stride);
  return buffer;
}

static gboolean
map_scratch (GstVideoFrame *frame, GstBuffer **buffer, const GstVideoInfo *info)
{
  if (*buffer == NULL) {
    *buffer = make_scratch (info);
  }
  return gst_video_frame_map (frame, (GstVideoInfo *) info, *buffer, GST_MAP_READWRITE);
}

/* Scaling */

/* @out has the size of self->to. */
static void
scale (GstKalturaScale *self, const GstVideoFrame *in, const GstVideoFrame *out)
{
  for (guint field = 0; field < self->fields; field++) {
    const uint8_t *from[4] = { NULL };
    uint8_t *to[4] = { NULL };
    int from_stride[4] = { 0 }, to_stride[4] = { 0 };
    for (guint i = 0; i < GST_VIDEO_FRAME_N_PLANES (in); i++) {
      int stride = GST_VIDEO_FRAME_PLANE_STRIDE (in, i);
      from[i] = gst_kaltura_fit_locate (in, i, self->from.x, self->from.y) + field * stride;
      from_stride[i] = stride * self->fields;
    }
    for (guint i = 0; i < GST_VIDEO_FRAME_N_PLANES (out); i++) {
      int stride = GST_VIDEO_FRAME_PLANE_STRIDE (out, i);
      to[i] = (uint8_t *) GST_VIDEO_FRAME_PLANE_DATA (out, i) + field * stride;
      to_stride[i] = stride * self->fields;
    }
    sws_scale (self->context, from, from_stride, 0, self->from.h / self->fields, to, to_stride);
  }
}

/* For a frame with borders, and for a sink that does not know GstVideoMeta and therefore gets lines without room. */
static gboolean
scale_to_copy (GstKalturaScale *self, const GstVideoFrame *in, GstVideoFrame *out)
{
  GstVideoFrame scratch;
  if (!map_scratch (&scratch, &self->scratch_out, &self->inner)) {
    return FALSE;
  }
  scale (self, in, &scratch);
  gst_kaltura_fit_put (out, &scratch, &self->to);
  gst_video_frame_unmap (&scratch);
  return TRUE;
}

static gboolean
scale_to (GstKalturaScale *self, const GstVideoFrame *in, GstVideoFrame *out)
{
  if (G_UNLIKELY (!has_room (out)) || !is_whole (&self->to, &out->info)) {
    return scale_to_copy (self, in, out);
  }
  scale (self, in, out);
  return TRUE;
}

static gboolean
scale_from_copy (GstKalturaScale *self, const GstVideoFrame *in, GstVideoFrame *out)
{
  GstVideoFrame scratch;
  if (!map_scratch (&scratch, &self->scratch_in, &in->info)) {
    return FALSE;
  }
  gboolean scaled = gst_video_frame_copy (&scratch, in) && scale_to (self, &scratch, out);
  gst_video_frame_unmap (&scratch);
  return scaled;
}

static GstFlowReturn
gst_kaltura_scale_transform_frame (GstVideoFilter *filter, GstVideoFrame *in, GstVideoFrame *out)
{
  GstKalturaScale *self = GST_KALTURA_SCALE (filter);
  gboolean scaled = is_readable (in, &self->from) ? scale_to (self, in, out) : scale_from_copy (self, in, out);
  return scaled ? GST_FLOW_OK : GST_FLOW_ERROR;
}

static gboolean
gst_kaltura_scale_stop (GstBaseTransform *transform)
{
  GstKalturaScale *self = GST_KALTURA_SCALE (transform);
  g_clear_pointer (&self->context, sws_freeContext);
  gst_clear_buffer (&self->scratch_in);
  gst_clear_buffer (&self->scratch_out);
  return TRUE;
}

/* Properties */

static void
gst_kaltura_scale_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstKalturaScale *self = GST_KALTURA_SCALE (object);
  GST_OBJECT_LOCK (self);
  if (id == PROP_METHOD) {
    self->method = g_value_get_enum (value);
  } else if (id == PROP_FIT) {
    self->fit = g_value_get_enum (value);
  } else {
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_kaltura_scale_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstKalturaScale *self = GST_KALTURA_SCALE (object);
  GST_OBJECT_LOCK (self);
  if (id == PROP_METHOD) {
    g_value_set_enum (value, self->method);
  } else if (id == PROP_FIT) {
    g_value_set_enum (value, self->fit);
  } else {
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_kaltura_scale_class_init (GstKalturaScaleClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  GstBaseTransformClass *transform_class = GST_BASE_TRANSFORM_CLASS (klass);
  GstVideoFilterClass *filter_class = GST_VIDEO_FILTER_CLASS (klass);

  GST_DEBUG_CATEGORY_INIT (gst_kaltura_scale_debug, "kalturascale", 0, "Kaltura scaler");
  object_class->set_property = gst_kaltura_scale_set_property;
  object_class->get_property = gst_kaltura_scale_get_property;

  properties[PROP_METHOD] =
      g_param_spec_enum ("method", "Method", "How pixels are weighed", gst_kaltura_scale_method_get_type (),
          DEFAULT_METHOD, G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY);
  properties[PROP_FIT] = g_param_spec_enum ("fit", "Fit", "What becomes of a picture whose shape is not the frame's",
      gst_kaltura_fit_get_type (), DEFAULT_FIT, G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
  gst_type_mark_as_plugin_api (gst_kaltura_scale_method_get_type (), 0);
  gst_type_mark_as_plugin_api (gst_kaltura_fit_get_type (), 0);

  transform_class->transform_caps = gst_kaltura_scale_transform_caps;
  transform_class->fixate_caps = gst_kaltura_scale_fixate_caps;
  transform_class->decide_allocation = gst_kaltura_scale_decide_allocation;
  transform_class->stop = gst_kaltura_scale_stop;
  transform_class->transform_ip_on_passthrough = FALSE;
  filter_class->set_info = gst_kaltura_scale_set_info;
  filter_class->transform_frame = gst_kaltura_scale_transform_frame;
  gst_element_class_add_static_pad_template (element_class, &sink_template);
  gst_element_class_add_static_pad_template (element_class, &src_template);
  gst_element_class_set_static_metadata (element_class, "Kaltura scaler", "Filter/Converter/Video/Scaler",
      "Scales raw video with libswscale", "klive developers");
}

static void
gst_kaltura_scale_init (GstKalturaScale *self)
{
  self->method = DEFAULT_METHOD;
  self->fit = DEFAULT_FIT;
}
