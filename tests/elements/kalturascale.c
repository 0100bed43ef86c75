/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kalturascale: sizes, caps, what is in the pictures, and buffers of every stride.
 */
#include <gst/check/gstcheck.h>
#include <gst/check/gstharness.h>
#include <gst/video/video.h>
#include <gstkalturascale.h>
#include <math.h>
#include <string.h>

#define RATE ",framerate=30/1"

static GstHarness *
set_up (const char *in, const char *out)
{
  GstHarness *harness = gst_harness_new ("kalturascale");
  g_autofree char *in_caps = g_strconcat ("video/x-raw,", in, RATE, NULL);
  g_autofree char *out_caps = g_strconcat ("video/x-raw,", out, NULL);
  gst_harness_set_caps_str (harness, in_caps, out_caps);
  return harness;
}

static GstVideoInfo
get_info (GstPad *pad)
{
  GstVideoInfo info;
  g_autoptr (GstCaps) caps = gst_pad_get_current_caps (pad);
  fail_unless (caps != NULL && gst_video_info_from_caps (&info, caps));
  return info;
}

typedef guint8 (*Pattern) (guint plane, double x, double y); /* of 0 to 1 */

static guint8
get_gradient (guint plane, double x, double y)
{
  return plane == 0 ? 16 + 200 * x : plane == 1 ? 40 + 100 * y : 240 - 120 * x;
}

static void
fill (GstVideoFrame *frame, Pattern pattern)
{
  for (guint i = 0; i < GST_VIDEO_FRAME_N_COMPONENTS (frame); i++) {
    int width = GST_VIDEO_FRAME_COMP_WIDTH (frame, i), height = GST_VIDEO_FRAME_COMP_HEIGHT (frame, i);
    for (int y = 0; y < height; y++) {
      guint8 *line = (guint8 *) GST_VIDEO_FRAME_COMP_DATA (frame, i) + y * GST_VIDEO_FRAME_COMP_STRIDE (frame, i);
      for (int x = 0; x < width; x++) {
        line[x * GST_VIDEO_FRAME_COMP_PSTRIDE (frame, i)] = pattern (i, (x + 0.5) / width, (y + 0.5) / height);
      }
    }
  }
}

static GstBuffer *
make_picture (const GstVideoInfo *info, Pattern pattern)
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, info->size, NULL);
  GstVideoFrame frame;
  fail_unless (gst_video_frame_map (&frame, (GstVideoInfo *) info, buffer, GST_MAP_WRITE));
  fill (&frame, pattern);
  gst_video_frame_unmap (&frame);
  GST_BUFFER_PTS (buffer) = GST_SECOND;
  return buffer;
}

/* The largest difference between @buffer and @pattern, a few pixels at the edges left out. */
static int
compare (GstBuffer *buffer, const GstVideoInfo *info, Pattern pattern)
{
  GstVideoFrame frame;
  int most = 0;
  fail_unless (gst_video_frame_map (&frame, (GstVideoInfo *) info, buffer, GST_MAP_READ));
  for (guint i = 0; i < GST_VIDEO_FRAME_N_COMPONENTS (&frame); i++) {
    int width = GST_VIDEO_FRAME_COMP_WIDTH (&frame, i), height = GST_VIDEO_FRAME_COMP_HEIGHT (&frame, i);
    for (int y = 2; y < height - 2; y++) {
      const guint8 *line =
          (guint8 *) GST_VIDEO_FRAME_COMP_DATA (&frame, i) + y * GST_VIDEO_FRAME_COMP_STRIDE (&frame, i);
      for (int x = 2; x < width - 2; x++) {
        most = MAX (most, ABS (line[x] - pattern (i, (x + 0.5) / width, (y + 0.5) / height)));
      }
    }
  }
  gst_video_frame_unmap (&frame);
  return most;
}

/* Scales one picture and checks what comes out. */
static void
check_scaling (const char *in, const char *out, int width, int height)
{
  GstHarness *harness = set_up (in, out);
  GstVideoInfo info = get_info (harness->srcpad);
  GstBuffer *scaled = gst_harness_push_and_pull (harness, make_picture (&info, get_gradient));
  fail_unless (scaled != NULL, "%s to %s", in, out);
  GstVideoInfo got = get_info (harness->sinkpad);
  fail_unless_equals_int (got.width, width);
  fail_unless_equals_int (got.height, height);
  fail_unless_equals_int (got.par_n, 1);
  fail_unless_equals_int (got.par_d, 1);
  fail_unless_equals_int (GST_VIDEO_INFO_FORMAT (&got), GST_VIDEO_FORMAT_I420);
  fail_unless_equals_uint64 (GST_BUFFER_PTS (scaled), GST_SECOND);
  int difference = compare (scaled, &got, get_gradient);
  fail_unless (difference <= 3, "%s to %s: %d", in, out, difference);
  gst_buffer_unref (scaled);
  gst_harness_teardown (harness);
}

#define HD "format=I420,width=1280,height=720,pixel-aspect-ratio=1/1"

GST_START_TEST (scales_to_sizes_of_a_ladder)
{
  check_scaling (HD, "width=854,height=480,pixel-aspect-ratio=1/1", 854, 480);
  check_scaling (HD, "width=640,height=360,pixel-aspect-ratio=1/1", 640, 360);
  check_scaling (HD, "width=426,height=240", 426, 240);
  check_scaling (HD, "width=2,height=2", 2, 2);
  check_scaling ("format=I420,width=640,height=360", "width=1280,height=720", 1280, 720);
}
GST_END_TEST;

GST_START_TEST (takes_what_decoders_give)
{
  check_scaling ("format=NV12,width=1280,height=720", "width=640,height=360", 640, 360);
  check_scaling ("format=NV12,width=1280,height=720", "width=1280,height=720", 1280, 720);
  check_scaling ("format=Y42B,width=1280,height=720", "width=640,height=360", 640, 360);
  check_scaling ("format=Y444,width=1280,height=720", "width=640,height=360", 640, 360);
  check_scaling ("format=NV21,width=1280,height=720", "width=640,height=360", 640, 360);
  check_scaling ("format=YUY2,width=1280,height=720", "width=640,height=360", 640, 360);
  check_scaling ("format=UYVY,width=1280,height=720", "width=640,height=360", 640, 360);
}
GST_END_TEST;

/* Odd sizes come in, even ones go out; no line has room for more than its pixels. */
GST_START_TEST (takes_odd_sizes)
{
  check_scaling ("format=I420,width=853,height=479", "format=I420", 852, 478);
  check_scaling ("format=I420,width=321,height=241", "width=298,height=222", 298, 222);
  static const char *const formats[] = { "I420", "NV12", "Y42B", "Y444" };
  for (guint i = 0; i < 40; i++) {
    g_autofree char *in = g_strdup_printf ("format=%s,width=%u,height=%u", formats[i % 4], 21 + i * 7, 19 + i * 3);
    check_scaling (in, "width=22,height=14", 22, 14);
  }
  check_scaling ("format=I420,width=37,height=19", "width=62,height=34", 62, 34);
}
GST_END_TEST;

/* What is left open follows the display aspect ratio, without enlarging. */
GST_START_TEST (keeps_the_aspect_ratio)
{
  const char *anamorphic = "format=I420,width=720,height=576,pixel-aspect-ratio=64/45";
  check_scaling (anamorphic, "height=360", 640, 360);
  check_scaling (anamorphic, "width=512", 512, 288);
  check_scaling (anamorphic, "format=I420", 1024, 576);
  check_scaling (anamorphic, "width=640,height=360", 640, 360);
  check_scaling (HD, "width=(int)[2,854,2],height=(int)[2,480,2]", 854, 480);
  check_scaling (HD, "width=(int)[2,1920,2],height=(int)[2,1080,2]", 1280, 720);
  check_scaling ("format=I420,width=720,height=1280", "width=(int)[2,854,2],height=(int)[2,480,2]", 270, 480);
  check_scaling ("format=I420,width=480,height=480,pixel-aspect-ratio=8/9", "format=I420", 426, 480);
}
GST_END_TEST;

static gboolean
is_accepted (const char *in, const char *out)
{
  GstHarness *harness = set_up ("format=I420,width=64,height=64", out);
  g_autofree char *text = g_strconcat ("video/x-raw,", in, RATE, NULL);
  g_autoptr (GstCaps) caps = gst_caps_from_string (text);
  g_autoptr (GstCaps) possible = gst_pad_peer_query_caps (harness->srcpad, NULL);
  gboolean accepted = gst_caps_is_subset (caps, possible);
  gst_harness_teardown (harness);
  return accepted;
}

GST_START_TEST (refuses_what_it_cannot_do)
{
  fail_unless (is_accepted (HD, "width=854,height=480"));
  fail_if (is_accepted ("format=RGB,width=64,height=64", "width=64,height=64"));
  fail_if (is_accepted (HD, "width=853,height=480"));
  fail_if (is_accepted (HD, "width=854,height=480,pixel-aspect-ratio=2/1"));
  fail_if (is_accepted (HD, "format=NV12,width=640,height=360"));
}
GST_END_TEST;

/* A picture that fits is the same picture. */
GST_START_TEST (passes_what_fits)
{
  GstHarness *harness = set_up (HD, "width=1280,height=720,pixel-aspect-ratio=1/1");
  GstVideoInfo info = get_info (harness->srcpad);
  GstBuffer *buffer = make_picture (&info, get_gradient);
  GstBuffer *passed = gst_harness_push_and_pull (harness, gst_buffer_ref (buffer));
  fail_unless (passed == buffer);
  gst_buffer_unref (passed);
  gst_buffer_unref (buffer);
  gst_harness_teardown (harness);
}
GST_END_TEST;

/* Another size of source in mid-stream. */
GST_START_TEST (follows_new_caps)
{
  GstHarness *harness = set_up (HD, "width=640,height=360");
  static const char *const sizes[] = { "1280", "640", "320", "1280" };
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    g_autofree char *caps =
        g_strdup_printf ("video/x-raw,format=I420,width=%s,height=%d" RATE, sizes[i], atoi (sizes[i]) * 9 / 16);
    gst_harness_set_src_caps_str (harness, caps);
    GstVideoInfo info = get_info (harness->srcpad);
    GstBuffer *scaled = gst_harness_push_and_pull (harness, make_picture (&info, get_gradient));
    GstVideoInfo got = get_info (harness->sinkpad);
    fail_unless (compare (scaled, &got, get_gradient) <= 3);
    gst_buffer_unref (scaled);
  }
  gst_harness_teardown (harness);
}
GST_END_TEST;

/* Colour is not converted: what the source says of it goes on. */
GST_START_TEST (keeps_the_colorimetry)
{
  GstHarness *harness =
      set_up ("format=I420,width=1280,height=720,colorimetry=(string)bt601,chroma-site=(string)jpeg", "width=640");
  GstVideoInfo info = get_info (harness->srcpad);
  gst_buffer_unref (gst_harness_push_and_pull (harness, make_picture (&info, get_gradient)));
  GstVideoInfo got = get_info (harness->sinkpad);
  fail_unless (gst_video_colorimetry_is_equal (&got.colorimetry, &info.colorimetry));
  fail_unless_equals_int (got.chroma_site, GST_VIDEO_CHROMA_SITE_JPEG);
  gst_harness_teardown (harness);
}
GST_END_TEST;

static guint8
get_stripes (guint plane, double x, double y)
{
  return plane > 0 ? 128 : (int) (y * 96) % 2 == 0 ? 40 : 200; /* lines of a picture that is 96 high */
}

/* One field of this picture is dark, the other bright; so they are in the smaller one. */
GST_START_TEST (keeps_fields_apart)
{
  GstHarness *harness = set_up ("format=I420,width=128,height=96,interlace-mode=(string)interleaved", "height=48");
  GstVideoInfo info = get_info (harness->srcpad);
  GstBuffer *scaled = gst_harness_push_and_pull (harness, make_picture (&info, get_stripes));
  GstVideoInfo got = get_info (harness->sinkpad);
  GstVideoFrame frame;
  fail_unless (gst_video_frame_map (&frame, &got, scaled, GST_MAP_READ));
  for (guint y = 0; y < 48; y++) {
    const guint8 *line =
        (guint8 *) GST_VIDEO_FRAME_PLANE_DATA (&frame, 0) + y * GST_VIDEO_FRAME_PLANE_STRIDE (&frame, 0);
    fail_unless_equals_int (line[30], y % 2 == 0 ? 40 : 200);
  }
  gst_video_frame_unmap (&frame);
  gst_buffer_unref (scaled);
  gst_harness_teardown (harness);
}
GST_END_TEST;

/* The pictures in front of the sink of @text. */
static GList *
collect (const char *text)
{
  GList *pictures = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *full = g_strconcat (text, " ! appsink name=sink sync=false", NULL);
  g_autoptr (GstElement) pipeline = gst_parse_launch_full (full, NULL, GST_PARSE_FLAG_FATAL_ERRORS, &error);
  fail_unless (error == NULL && pipeline != NULL, "%s: %s", text, error ? error->message : "");
  g_autoptr (GstElement) sink = gst_bin_get_by_name (GST_BIN (pipeline), "sink");
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  for (;;) {
    GstSample *sample = NULL;
    g_signal_emit_by_name (sink, "try-pull-sample", 10 * GST_SECOND, &sample);
    if (sample == NULL) {
      break;
    }
    pictures = g_list_append (pictures, gst_buffer_ref (gst_sample_get_buffer (sample)));
    gst_sample_unref (sample);
  }
  gst_element_set_state (pipeline, GST_STATE_NULL);
  return pictures;
}

static double
get_psnr (GstBuffer *one, GstBuffer *other, const GstVideoInfo *info)
{
  GstVideoFrame a, b;
  double sum = 0;
  fail_unless (gst_video_frame_map (&a, (GstVideoInfo *) info, one, GST_MAP_READ));
  fail_unless (gst_video_frame_map (&b, (GstVideoInfo *) info, other, GST_MAP_READ));
  for (int y = 0; y < info->height; y++) {
    const guint8 *p = (guint8 *) GST_VIDEO_FRAME_PLANE_DATA (&a, 0) + y * GST_VIDEO_FRAME_PLANE_STRIDE (&a, 0);
    const guint8 *q = (guint8 *) GST_VIDEO_FRAME_PLANE_DATA (&b, 0) + y * GST_VIDEO_FRAME_PLANE_STRIDE (&b, 0);
    for (int x = 0; x < info->width; x++) {
      sum += (p[x] - q[x]) * (p[x] - q[x]);
    }
  }
  gst_video_frame_unmap (&a);
  gst_video_frame_unmap (&b);
  return 10 * log10 (255.0 * 255.0 * info->width * info->height / MAX (sum, 1));
}

#define TEST_CARD "videotestsrc pattern=zone-plate kx2=4 ky2=4 kt=2 num-buffers=4 ! video/x-raw," HD RATE " ! "
#define SMALL "video/x-raw,format=I420,width=854,height=480,pixel-aspect-ratio=1/1"

/* The same picture from formats of other depths, which videoconvert makes. */
GST_START_TEST (takes_every_depth)
{
  static const char *const formats[] = { "I420_10LE", "P010_10LE", "I422_10LE", "Y444_10LE", "GRAY8" };
  GstVideoInfo info;
  gst_video_info_set_format (&info, GST_VIDEO_FORMAT_I420, 854, 480);
  g_autolist (GstBuffer) expected = collect (TEST_CARD "kalturascale ! " SMALL);
  for (guint i = 0; i < G_N_ELEMENTS (formats); i++) {
    g_autofree char *text =
        g_strdup_printf (TEST_CARD "videoconvert dither=none ! video/x-raw,format=%s ! kalturascale ! " SMALL,
            formats[i]);
    g_autolist (GstBuffer) got = collect (text);
    fail_unless_equals_int (g_list_length (got), 4);
    double psnr = get_psnr (got->data, expected->data, &info);
    fail_unless (psnr > 40, "%s: PSNR %f", formats[i], psnr);
  }
}
GST_END_TEST;

/* The same picture as videoscale makes. */
GST_START_TEST (agrees_with_videoscale)
{
  GstVideoInfo info;
  gst_video_info_set_format (&info, GST_VIDEO_FORMAT_I420, 854, 480);
  g_autolist (GstBuffer) theirs = collect (TEST_CARD "videoscale method=2 ! " SMALL);
  static const char *const methods[] = { "fast-bilinear", "bilinear", "bicubic", "lanczos" };
  for (guint i = 0; i < G_N_ELEMENTS (methods); i++) {
    g_autofree char *text = g_strdup_printf (TEST_CARD "kalturascale method=%s ! " SMALL, methods[i]);
    g_autolist (GstBuffer) ours = collect (text);
    fail_unless_equals_int (g_list_length (ours), 4);
    for (GList *a = ours, *b = theirs; a != NULL; a = a->next, b = b->next) {
      double psnr = get_psnr (a->data, b->data, &info);
      fail_unless (psnr > 34, "%s: PSNR %f", methods[i], psnr);
    }
  }
}
GST_END_TEST;

/* The line of the element's documentation. */
GST_START_TEST (runs_its_documentation)
{
  g_autolist (GstBuffer) pictures =
      collect ("videotestsrc num-buffers=60 ! video/x-raw,format=I420,width=720,height=576,pixel-aspect-ratio=64/45 ! "
               "kalturascale ! video/x-raw,height=360");
  fail_unless_equals_int (g_list_length (pictures), 60);
  const GstVideoMeta *meta = gst_buffer_get_video_meta (pictures->data);
  gsize size = gst_buffer_get_size (pictures->data);
  fail_unless (meta != NULL ? meta->width == 640 : size == 640 * 360 * 3 / 2);
}
GST_END_TEST;

/* Answers an allocation query as encoders do: they know GstVideoMeta and offer a pool of pictures without room. */
static GstPadProbeReturn
offer_pool (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  GstQuery *query = GST_PAD_PROBE_INFO_QUERY (info);
  if (GST_QUERY_TYPE (query) != GST_QUERY_ALLOCATION) {
    return GST_PAD_PROBE_OK;
  }
  g_autoptr (GstBufferPool) pool = gst_video_buffer_pool_new ();
  gst_query_add_allocation_pool (query, pool, 426 * 240 * 3 / 2, 0, 0);
  gst_query_add_allocation_meta (query, GST_VIDEO_META_API_TYPE, NULL);
  return GST_PAD_PROBE_HANDLED;
}

/* Pictures for an encoder come from a pool whose lines have room. */
GST_START_TEST (uses_padded_lines_where_they_are_known)
{
  GstHarness *harness = gst_harness_new ("kalturascale");
  gst_pad_add_probe (harness->sinkpad, GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM, offer_pool, NULL, NULL);
  gst_harness_set_caps_str (harness, "video/x-raw," HD RATE, "video/x-raw,width=426,height=240");
  GstVideoInfo info = get_info (harness->srcpad);
  GstBuffer *scaled = gst_harness_push_and_pull (harness, make_picture (&info, get_gradient));
  const GstVideoMeta *meta = gst_buffer_get_video_meta (scaled);
  fail_unless (meta != NULL && meta->stride[0] % 64 == 0 && meta->stride[1] % 64 == 0);
  GstVideoInfo got = get_info (harness->sinkpad);
  fail_unless (compare (scaled, &got, get_gradient) <= 3);
  gst_buffer_unref (scaled);
  gst_harness_teardown (harness);
}
GST_END_TEST;

typedef struct {
  const char *in, *fit, *out;
  int x, y, width, height;         /* of the picture in the frame; borders are around it */
  double left, top, right, bottom; /* the part of the source that is to be seen, 0 to 1 */
} Fit;

#define HD_OF(format) "format=" format ",width=1280,height=720,pixel-aspect-ratio=1/1"
#define SD "format=I420,width=720,height=576,pixel-aspect-ratio=64/45"

static const Fit fits[] = {
  { HD, "letterbox", "width=640,height=480", 0, 60, 640, 360, 0, 0, 1, 1 },
  { HD, "letterbox", "width=640,height=240", 106, 0, 426, 240, 0, 0, 1, 1 },
  { HD, "letterbox", "width=854,height=480", 0, 0, 854, 480, 0, 0, 1, 1 },
  { HD, "letterbox", "width=1280,height=960", 0, 120, 1280, 720, 0, 0, 1, 1 },
  { "format=I420,width=480,height=854", "letterbox", "width=640,height=360", 218, 0, 202, 360, 0, 0, 1, 1 },
  { "format=I420,width=853,height=481", "letterbox", "width=320,height=320", 0, 70, 320, 180, 0, 0, 1, 1 },
  { SD, "letterbox", "width=640,height=480", 0, 60, 640, 360, 0, 0, 1, 1 },
  { HD, "crop", "width=480,height=480", 0, 0, 480, 480, 280 / 1280.0, 0, 1000 / 1280.0, 1 },
  { HD_OF ("NV12"), "crop", "width=480,height=480", 0, 0, 480, 480, 280 / 1280.0, 0, 1000 / 1280.0, 1 },
  { HD_OF ("YUY2"), "crop", "width=480,height=480", 0, 0, 480, 480, 280 / 1280.0, 0, 1000 / 1280.0, 1 },
  { HD_OF ("Y444"), "crop", "width=480,height=480", 0, 0, 480, 480, 280 / 1280.0, 0, 1000 / 1280.0, 1 },
  { HD, "crop", "width=640,height=240", 0, 0, 640, 240, 0, 120 / 720.0, 1, 600 / 720.0 },
  { SD, "crop", "width=480,height=360", 0, 0, 480, 360, 90 / 720.0, 0, 630 / 720.0, 1 },
  { "format=I420,width=480,height=854", "crop", "width=480,height=270", 0, 0, 480, 270, 0, 292 / 854.0, 1,
      562 / 854.0 },
  { HD, "stretch", "width=480,height=480", 0, 0, 480, 480, 0, 0, 1, 1 },
  /* the frame as far as the source is not smaller */
  { HD, "letterbox", "width=[2,640,2],height=[2,480,2]", 0, 60, 640, 360, 0, 0, 1, 1 },
  { HD, "letterbox", "width=[2,1024,2],height=[2,768,2]", 0, 72, 1024, 576, 0, 0, 1, 1 },
  { HD, "crop", "width=[2,480,2],height=[2,480,2]", 0, 0, 480, 480, 280 / 1280.0, 0, 1000 / 1280.0, 1 },
  { HD, "crop", "width=[2,1440,2],height=[2,1440,2]", 0, 0, 720, 720, 280 / 1280.0, 0, 1000 / 1280.0, 1 },
};

/* The value that belongs at @x, @y of a plane. */
static int
get_fitted (const Fit *fit, guint plane, int x, int y)
{
  guint sub = plane > 0;
  double px = (x - (fit->x >> sub) + 0.5) / (fit->width >> sub),
         py = (y - (fit->y >> sub) + 0.5) / (fit->height >> sub);
  if (px < 0 || px > 1 || py < 0 || py > 1) {
    return plane == 0 ? 16 : 128;
  }
  return get_gradient (plane, fit->left + px * (fit->right - fit->left), fit->top + py * (fit->bottom - fit->top));
}

static void
check_fitted (GstBuffer *buffer, const GstVideoInfo *info, const Fit *fit)
{
  GstVideoFrame frame;
  fail_unless (gst_video_frame_map (&frame, (GstVideoInfo *) info, buffer, GST_MAP_READ));
  for (guint i = 0; i < 3; i++) {
    for (int y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT (&frame, i); y++) {
      const guint8 *line =
          (guint8 *) GST_VIDEO_FRAME_PLANE_DATA (&frame, i) + y * GST_VIDEO_FRAME_PLANE_STRIDE (&frame, i);
      for (int x = 0; x < GST_VIDEO_FRAME_COMP_WIDTH (&frame, i); x++) {
        int expected = get_fitted (fit, i, x, y);
        if (ABS (line[x] - expected) > 3) {
          ck_abort_msg ("%s %s %s: plane %u at %d, %d: %d, not %d", fit->in, fit->fit, fit->out, i, x, y, line[x],
              expected);
        }
      }
    }
  }
  gst_video_frame_unmap (&frame);
}

GST_START_TEST (fits_pictures_into_frames)
{
  const Fit *fit = &fits[__i__];
  GstElement *element = gst_element_factory_make ("kalturascale", NULL);
  gst_util_set_object_arg (G_OBJECT (element), "fit", fit->fit);
  GstHarness *harness = gst_harness_new_with_element (element, "sink", "src");
  gst_object_unref (element);
  g_autofree char *in_caps = g_strconcat ("video/x-raw,", fit->in, RATE, NULL);
  g_autofree char *out_caps = g_strconcat ("video/x-raw,", fit->out, NULL);
  gst_harness_set_caps_str (harness, in_caps, out_caps);
  GstVideoInfo info = get_info (harness->srcpad);
  for (guint i = 0; i < 2; i++) {
    GstBuffer *scaled = gst_harness_push_and_pull (harness, make_picture (&info, get_gradient));
    GstVideoInfo got = get_info (harness->sinkpad);
    fail_unless_equals_int (got.par_n, got.par_d);
    check_fitted (scaled, &got, fit);
    gst_buffer_unref (scaled);
  }
  gst_harness_teardown (harness);
}
GST_END_TEST;

static Suite *
make_suite (void)
{
  Suite *suite = suite_create ("kalturascale");
  TCase *tests = tcase_create ("all");
  suite_add_tcase (suite, tests);
  tcase_set_timeout (tests, 60);
  tcase_add_test (tests, scales_to_sizes_of_a_ladder);
  tcase_add_test (tests, takes_what_decoders_give);
  tcase_add_test (tests, takes_odd_sizes);
  tcase_add_test (tests, keeps_the_aspect_ratio);
  tcase_add_test (tests, refuses_what_it_cannot_do);
  tcase_add_test (tests, passes_what_fits);
  tcase_add_test (tests, follows_new_caps);
  tcase_add_test (tests, keeps_the_colorimetry);
  tcase_add_test (tests, keeps_fields_apart);
  tcase_add_test (tests, takes_every_depth);
  tcase_add_test (tests, agrees_with_videoscale);
  tcase_add_test (tests, runs_its_documentation);
  tcase_add_test (tests, uses_padded_lines_where_they_are_known);
  tcase_add_loop_test (tests, fits_pictures_into_frames, 0, G_N_ELEMENTS (fits));
  return suite;
}

int
main (int argc, char **argv)
{
  gst_check_init (&argc, &argv);
  GST_ELEMENT_REGISTER (kalturascale, NULL);
  return gst_check_run_suite (make_suite (), "elements", __FILE__);
}
