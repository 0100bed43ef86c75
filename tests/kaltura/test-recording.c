/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* kaltura-recording: the form that each call sends in either vintage, and what becomes of its answer. */

#include "kaltura-recording.h"

#include <string.h>
#include "fake-api.h"
#include "kaltura-error.h"

typedef struct {
  FakeApi *api;
  KalturaClient *client;
  GAsyncResult *result; /* of the last call */
  GError *error;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->api = fake_api_new ();
  KalturaClientSettings settings = { .service_url = fake_api_get_url (f->api),
    .api = GPOINTER_TO_INT (data),
    .timeout = 5,
    .client_tag = "klive-test",
    .partner_id = -5,
    .secret = "secret",
    .session_version = 2 };
  f->client = kaltura_client_new (&settings);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_clear_object (&f->result);
  g_clear_error (&f->error);
  kaltura_client_unref (f->client);
  fake_api_free (f->api);
}

static void
on_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Fixture *f = user_data;
  f->result = g_object_ref (result);
}

static GAsyncResult *
wait_for_result (Fixture *f)
{
  while (f->result == NULL)
    g_main_context_iteration (NULL, TRUE);
  return f->result;
}

static gint
compare_lines (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

/* That the only request has these fields besides the common ones, and no others: "name=value" lines in order. */
static void
check_fields (Fixture *f, const char *service, const char *action, const char *expected)
{
  static const char *const common[] = { "format", "ignoreNull", "clientTag", "ks", NULL };
  const FakeRequest *request = fake_api_get_request (f->api, 0);
  g_assert_cmpstr (g_hash_table_lookup (request->query, "service"), ==, service);
  g_assert_cmpstr (g_hash_table_lookup (request->query, "action"), ==, action);
  g_assert_nonnull (g_hash_table_lookup (request->form, "ks"));
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func (g_free);
  GHashTableIter iter;
  gpointer name = NULL;
  gpointer value = NULL;
  g_hash_table_iter_init (&iter, request->form);
  while (g_hash_table_iter_next (&iter, &name, &value))
    if (!g_strv_contains (common, name))
      g_ptr_array_add (lines, g_strdup_printf ("%s=%s", (char *) name, (char *) value));
  g_ptr_array_sort (lines, compare_lines);
  g_ptr_array_add (lines, NULL);
  g_autofree char *text = g_strjoinv ("\n", (char **) lines->pdata);
  g_assert_cmpstr (text, ==, expected);
}

/* Appending */

static const KalturaChunk by_path = { .partner_id = 102,
  .entry_id = "0_abcd1234",
  .asset_id = "0_asset123",
  .server_index = 0,
  .path = "/a & b/c.mp4",
  .duration = 900.1234,
  .last = TRUE };

static const KalturaChunk by_token = { .partner_id = 102,
  .entry_id = "0_abcd1234",
  .asset_id = "0_asset123",
  .server_index = 1,
  .token = "0_2b3c",
  .duration = 900 };

static const KalturaChunk with_marker = { .partner_id = 102,
  .entry_id = "0_abcd1234",
  .asset_id = "0_asset123",
  .path = "/c.mp4",
  .duration = 0.04,
  .marker = "0_mark" };

#define ENTRY "<objectType>KalturaLiveStreamEntry</objectType><id>0_abcd1234</id><partnerId>102</partnerId>"
#define TOKEN "<objectType>KalturaUploadToken</objectType><id>0_mark</id><status>2</status>"
#define ERROR \
  "<error><code>ASSET_ID_NOT_FOUND</code><message>no</message><objectType>KalturaAPIException</objectType></error>"

static void
append (Fixture *f, const KalturaChunk *chunk)
{
  kaltura_recording_append_async (f->client, chunk, NULL, on_done, f);
  gboolean done = kaltura_recording_append_finish (wait_for_result (f), &f->error);
  g_assert_cmpint (done, ==, f->error == NULL);
}

static void
test_append_current (Fixture *f, gconstpointer data)
{
  fake_api_answer_result (f->api, "appendRecording", ENTRY);
  append (f, &by_path);
  g_assert_no_error (f->error);
  check_fields (f, "livestream", "appendRecording",
      "assetId=0_asset123\nduration=900.123\nentryId=0_abcd1234\nisLastChunk=1\nmediaServerIndex=0\npartnerId=102\n"
      "resource:localFilePath=/a & b/c.mp4\nresource:objectType=KalturaServerFileResource");
}

static void
test_append_2014 (Fixture *f, gconstpointer data)
{
  fake_api_answer_result (f->api, "appendRecording", ENTRY);
  append (f, &by_token);
  g_assert_no_error (f->error);
  check_fields (f, "livestream", "appendRecording",
      "assetId=0_asset123\nduration=900.000\nentryId=0_abcd1234\nmediaServerIndex=1\npartnerId=102\n"
      "resource:objectType=KalturaUploadedFileTokenResource\nresource:token=0_2b3c");
}

static void
test_append_refused (Fixture *f, gconstpointer data)
{
  fake_api_answer_error (f->api, "appendRecording", "LIVE_STREAM_EXCEEDED_MAX_RECORDED_DURATION", "too long");
  append (f, &by_path);
  g_assert_true (kaltura_error_is_api_code (f->error, "LIVE_STREAM_EXCEEDED_MAX_RECORDED_DURATION"));
}

static void
test_marker (Fixture *f, gconstpointer data)
{
  fake_api_answer_result (f->api, NULL, "<item>" ENTRY "</item><item>" TOKEN "</item>");
  append (f, &with_marker);
  g_assert_no_error (f->error);
  check_fields (f, "multirequest", NULL,
      "1:action=appendRecording\n1:assetId=0_asset123\n1:duration=0.040\n1:entryId=0_abcd1234\n1:isLastChunk=0\n"
      "1:mediaServerIndex=0\n1:resource:localFilePath=/c.mp4\n1:resource:objectType=KalturaServerFileResource\n"
      "1:service=livestream\n2:action=upload\n2:fileData=1\n2:finalChunk={1:result:id}\n2:resume=0\n2:resumeAt=-1\n"
      "2:service=uploadtoken\n2:uploadTokenId=0_mark\npartnerId=102");
}

/* What counts is appendRecording, not what became of the marker. */
static void
test_marker_results (Fixture *f, gconstpointer data)
{
  static const struct {
    const char *result;
    gint code; /* -1 = success */
  } cases[] = { { "<item>" ERROR "</item><item>" TOKEN "</item>", KALTURA_ERROR_API },
    { "<item>" ENTRY "</item><item>" ERROR "</item>", -1 }, { "<item>" ENTRY "</item>", -1 },
    { "<error><code>INVALID_KS</code><message>no</message></error>", KALTURA_ERROR_API },
    { ENTRY, KALTURA_ERROR_GARBAGE }, { "", KALTURA_ERROR_GARBAGE } };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    fake_api_answer_result (f->api, NULL, cases[i].result);
    if (strstr (cases[i].result, "INVALID_KS") != NULL)
      fake_api_answer_result (f->api, NULL, cases[i].result); /* asked again with a new session string */
    append (f, &with_marker);
    if (cases[i].code < 0)
      g_assert_no_error (f->error);
    else
      g_assert_error (f->error, KALTURA_ERROR, cases[i].code);
    g_clear_error (&f->error);
    g_clear_object (&f->result);
  }
}

static void
test_ask_marker (Fixture *f, gconstpointer data)
{
  KalturaMarker marker = KALTURA_MARKER_COMPLETED;
  fake_api_answer_result (f->api, "upload", TOKEN);
  kaltura_recording_ask_marker_async (f->client, 102, "0_mark", NULL, on_done, f);
  g_assert_true (kaltura_recording_ask_marker_finish (wait_for_result (f), &marker, &f->error));
  g_assert_cmpint (marker, ==, KALTURA_MARKER_UNTOUCHED);
  check_fields (f, "uploadtoken", "upload",
      "fileData=0\nfinalChunk=0\npartnerId=102\nresume=0\nresumeAt=-1\nuploadTokenId=0_mark");
  g_clear_object (&f->result);

  fake_api_answer_error (f->api, "upload", "UPLOAD_TOKEN_INVALID_STATUS_FOR_UPLOAD", "full");
  kaltura_recording_ask_marker_async (f->client, 102, "0_mark", NULL, on_done, f);
  g_assert_true (kaltura_recording_ask_marker_finish (wait_for_result (f), &marker, &f->error));
  g_assert_cmpint (marker, ==, KALTURA_MARKER_COMPLETED);
  g_clear_object (&f->result);

  fake_api_answer_error (f->api, "upload", "UPLOAD_TOKEN_NOT_FOUND", "gone");
  kaltura_recording_ask_marker_async (f->client, 102, "0_mark", NULL, on_done, f);
  g_assert_false (kaltura_recording_ask_marker_finish (wait_for_result (f), &marker, &f->error));
  g_assert_true (kaltura_error_is_api_code (f->error, "UPLOAD_TOKEN_NOT_FOUND"));
}

/* Uploading */

static void
test_add_token (Fixture *f, gconstpointer data)
{
  fake_api_answer_result (f->api, "add", "<objectType>KalturaUploadToken</objectType><id>0_2b3c</id>");
  kaltura_recording_add_token_async (f->client, 102, "a.mp4", G_GUINT64_CONSTANT (10737418240), NULL, on_done, f);
  g_autofree char *token = kaltura_recording_add_token_finish (wait_for_result (f), &f->error);
  g_assert_no_error (f->error);
  g_assert_cmpstr (token, ==, "0_2b3c");
  check_fields (f, "uploadtoken", "add",
      "partnerId=102\nuploadToken:fileName=a.mp4\nuploadToken:fileSize=10737418240\n"
      "uploadToken:objectType=KalturaUploadToken");
  g_clear_object (&f->result);

  fake_api_answer_result (f->api, "add", "<objectType>KalturaUploadToken</objectType>");
  kaltura_recording_add_token_async (f->client, 102, "a.mp4", 1, NULL, on_done, f);
  g_assert_null (kaltura_recording_add_token_finish (wait_for_result (f), &f->error));
  g_assert_error (f->error, KALTURA_ERROR, KALTURA_ERROR_GARBAGE);
}

static void
check_upload (Fixture *f, const char *bytes, guint64 offset, guint64 size, const char *expected)
{
  g_autoptr (GBytes) piece_bytes = g_bytes_new (bytes, strlen (bytes));
  KalturaPiece piece = { 102, "0_2b3c", "a\"\r\n.mp4", piece_bytes, offset, size };
  fake_api_answer_result (f->api, "upload", TOKEN);
  kaltura_recording_upload_async (f->client, &piece, NULL, on_done, f);
  g_assert_true (kaltura_recording_upload_finish (wait_for_result (f), &f->error));
  check_fields (f, "uploadtoken", "upload", expected);
}

static void
test_upload_whole (Fixture *f, gconstpointer data)
{
  check_upload (f, "HELLO", 0, 5,
      "fileData=HELLO\nfinalChunk=1\npartnerId=102\nresume=0\nresumeAt=-1\nuploadTokenId=0_2b3c");
}

static void
test_upload_first (Fixture *f, gconstpointer data)
{
  check_upload (f, "HELLO", 0, 12,
      "fileData=HELLO\nfinalChunk=0\npartnerId=102\nresume=0\nresumeAt=-1\nuploadTokenId=0_2b3c");
}

static void
test_upload_middle (Fixture *f, gconstpointer data)
{
  check_upload (f, "HELLO", 5, 12,
      "fileData=HELLO\nfinalChunk=0\npartnerId=102\nresume=1\nresumeAt=5\nuploadTokenId=0_2b3c");
}

static void
test_upload_last (Fixture *f, gconstpointer data)
{
  check_upload (f, "LO", G_GUINT64_CONSTANT (10737418240), G_GUINT64_CONSTANT (10737418242),
      "fileData=LO\nfinalChunk=1\npartnerId=102\nresume=1\nresumeAt=10737418240\nuploadTokenId=0_2b3c");
}

static void
add (const char *name, KalturaApi api, void (*test) (Fixture *, gconstpointer))
{
  g_test_add (name, Fixture, GINT_TO_POINTER (api), set_up, test, tear_down);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add ("/recording/append/current", KALTURA_API_CURRENT, test_append_current);
  add ("/recording/append/2014", KALTURA_API_2014, test_append_2014);
  add ("/recording/append/refused", KALTURA_API_CURRENT, test_append_refused);
  add ("/recording/append/marker", KALTURA_API_CURRENT, test_marker);
  add ("/recording/append/marker-results", KALTURA_API_CURRENT, test_marker_results);
  add ("/recording/ask-marker", KALTURA_API_CURRENT, test_ask_marker);
  add ("/recording/add-token", KALTURA_API_CURRENT, test_add_token);
  add ("/recording/upload/whole", KALTURA_API_CURRENT, test_upload_whole);
  add ("/recording/upload/first", KALTURA_API_CURRENT, test_upload_first);
  add ("/recording/upload/middle", KALTURA_API_CURRENT, test_upload_middle);
  add ("/recording/upload/last", KALTURA_API_CURRENT, test_upload_last);
  return g_test_run ();
}
