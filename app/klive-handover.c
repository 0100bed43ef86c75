/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One recording, from its file to Kaltura:
 *
 *   finish ──▶ upload XML: write it ──────────────────────────────────────────▶ done
 *          ├─▶ shared disk: [ask marker ──▶ done] add marker ──▶ append ──────▶ done
 *          └─▶ remote: add token ──▶ upload, piece by piece ──▶ append ───────▶ done
 *
 * Exactly once. Kaltura counts an appendRecording that is sent twice twice, and tells nobody what it has got. So each
 * recording has an upload token of its own whose state says what has become of the call:
 *
 * - remote: the token of the uploaded file. Kaltura takes the file away with the call, so the same token never serves
 *   twice: the call is simply sent again, and being refused for the token's sake means that it was carried out before.
 * - shared disk: a marker, completed in the same request, behind the call and only if it has succeeded
 *   (kaltura-recording.h). Once an answer is lost, the marker is asked before anything else is done. A completed one is
 *   an answer at any time. An untouched one is none before settle_time has passed: PHP goes on with a call whose caller
 *   has left, and would complete the marker behind our back while we send the call again.
 *
 * "asked" is saved in the job before the call is sent, so all this holds also when we are killed in between. Where
 * Kaltura refuses to make markers, a recording whose answer is lost goes to failed/ for somebody to look at; the job
 * there has forgotten the call, so that moving it back sends it again.
 */
#include "klive-handover.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "kaltura-error.h"
#include "kaltura-recording.h"
#include "klive-log.h"
#include "klive-repair.h"
#include "klive-upload-xml.h"

#define EMPTY_SIZE 4096  /* bytes: a file that is no larger than its header never had any media */
#define SPACE_ATTEMPTS 3 /* without room for a finished file, it is handed over as it is after so many tries */

struct _KliveHandover {
  guint refs; /* the owner's and that of the call under way */
  KliveHandoverContext *context;
  KalturaJob *job;
  KliveHandoverFunc func; /* NULL = its end was told, or nobody wants to know */
  gpointer user_data;
  GCancellable *cancellable;
  const char *step;
  guint64 size;          /* bytes of the file */
  guint64 piece;         /* bytes of the piece under way */
  gboolean asked_before; /* an earlier attempt has sent appendRecording and got no answer */
};

static void go_on (KliveHandover *handover);

static KliveHandover *
handover_ref (KliveHandover *handover)
{
  handover->refs++;
  return handover;
}

static void
handover_unref (KliveHandover *handover)
{
  if (--handover->refs > 0)
    return;
  g_object_unref (handover->cancellable);
  g_free (handover);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KliveHandover, handover_unref)

/* Unix ms: outlives us, in the job. */
static gint64
now (void)
{
  return g_get_real_time () / 1000;
}

/* Whether @ms have passed since @time. A clock that was put back has passed nothing, nor will it for long. */
static gboolean
has_passed (gint64 time, guint ms)
{
  gint64 elapsed = now () - time;
  return elapsed >= (gint64) ms || elapsed < -(gint64) ms;
}

/* --- ends --- */

static void
end (KliveHandover *handover, KliveHandoverEnd how, const char *reason)
{
  KliveHandoverFunc func = g_steal_pointer (&handover->func);
  if (func)
    func (how, reason, handover->user_data);
}

static void
end_later (KliveHandover *handover, const char *reason)
{
  KalturaJob *job = handover->job;
  job->attempts++;
  g_free (job->reason);
  job->reason = g_strdup (reason);
  klive_spool_save (handover->context->spool, job);
  end (handover, KLIVE_HANDOVER_LATER, reason);
}

static void
end_failed (KliveHandover *handover, const char *reason)
{
  if (klive_spool_fail (handover->context->spool, handover->job, reason))
    end (handover, KLIVE_HANDOVER_FAILED, reason);
  else
    end_later (handover, reason);
}

/* Nobody can tell whether the call was carried out. Whoever moves the job back has looked: it begins anew then. */
static void
end_unknown (KliveHandover *handover, const char *reason)
{
  KalturaJob *job = handover->job;
  char *token = g_steal_pointer (&job->token);
  guint64 uploaded = job->uploaded;
  job->asked = FALSE;
  job->uploaded = 0;
  gboolean moved = klive_spool_fail (handover->context->spool, job, reason);
  job->token = token;
  job->uploaded = uploaded;
  job->asked = TRUE;
  if (moved)
    end (handover, KLIVE_HANDOVER_FAILED, reason);
  else
    end_later (handover, reason);
}

/* Saves the job; FALSE and the end when that fails: what is not on disk must not be begun. */
static gboolean
save (KliveHandover *handover)
{
  if (klive_spool_save (handover->context->spool, handover->job))
    return TRUE;
  handover->job->attempts++;
  end (handover, KLIVE_HANDOVER_LATER, "cannot save the job");
  return FALSE;
}

static void
remove_job (KliveHandover *handover)
{
  /* If it stays, it comes again; its state, token or marker tells that it was done. */
  if (klive_spool_remove (handover->context->spool, handover->job))
    end (handover, KLIVE_HANDOVER_DONE, NULL);
  else
    end_later (handover, "cannot remove the job");
}

/* The file goes before its job: what no job names would stay for ever. */
static void
clean_up (KliveHandover *handover)
{
  if (g_unlink (handover->job->file) != 0 && errno != ENOENT)
    klive_log (KLIVE_LOG_WARNING, "recording-not-removed", handover->job->entry_id, NULL, "file", handover->job->file,
        "message", g_strerror (errno), NULL);
  remove_job (handover);
}

/* Nobody needs the file any more. */
static void
drop_file (KliveHandover *handover)
{
  handover->job->state = KALTURA_JOB_DONE;
  if (save (handover))
    clean_up (handover);
}

static void
end_done (KliveHandover *handover)
{
  const KalturaConfig *config = handover->context->config;
  gboolean uploaded = config->work_mode == KALTURA_WORK_MODE_REMOTE && !config->upload_xml_directory;
  if (uploaded && !config->keep_files)
    drop_file (handover);
  else
    remove_job (handover);
}

/* A wrong session string may be the configuration's fault, which somebody may mend. */
static gboolean
may_pass (const GError *error)
{
  return kaltura_error_is_passing (error) || kaltura_error_is_api_code (error, "INVALID_KS") ||
      kaltura_error_is_api_code (error, "MISSING_KS") || error->domain != KALTURA_ERROR;
}

static void
end_by (KliveHandover *handover, const GError *error)
{
  if (may_pass (error))
    end_later (handover, error->message);
  else
    end_failed (handover, error->message);
}

/* --- finish --- */

static void
drop_empty (KliveHandover *handover)
{
  klive_log (KLIVE_LOG_INFO, "recording-empty", handover->job->entry_id, NULL, "file", handover->job->file, NULL);
  drop_file (handover);
}

static void
end_repaired (KliveHandover *handover, double duration)
{
  KalturaJob *job = handover->job;
  KalturaJobState before = job->state;
  job->state = KALTURA_JOB_CLOSED;
  job->duration = duration;
  job->finished = TRUE;
  if (!save (handover))
    return;
  job->attempts = 0;
  if (before == KALTURA_JOB_RECORDING)
    end (handover, KLIVE_HANDOVER_REPAIRED, NULL);
  else
    go_on (handover);
}

static void
on_finished (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (KliveHandover) handover = user_data;
  g_autoptr (GError) error = NULL;
  double duration = 0;
  KalturaJob *job = handover->job;
  gboolean done = klive_repair_finish (result, &duration, &error);
  if (!handover->func)
    return;
  if (done) {
    end_repaired (handover, duration);
  } else if (g_error_matches (error, KLIVE_REPAIR_ERROR, KLIVE_REPAIR_ERROR_FORMAT)) {
    if (handover->size <= EMPTY_SIZE)
      drop_empty (handover);
    else
      end_failed (handover, error->message);
  } else if (g_error_matches (error, KLIVE_REPAIR_ERROR, KLIVE_REPAIR_ERROR_SPACE) &&
      job->state == KALTURA_JOB_CLOSED && job->attempts + 1 >= SPACE_ATTEMPTS) {
    /* What it holds matters more than where its index stands, and the disk gets free only by handing over. */
    klive_log (KLIVE_LOG_WARNING, "recording-not-finished", job->entry_id, NULL, "file", job->file, "message",
        error->message, NULL);
    end_repaired (handover, job->duration);
  } else {
    end_later (handover, error->message);
  }
}

static void
finish (KliveHandover *handover)
{
  handover->step = "finish";
  klive_repair_async (handover->context->launcher, handover->job->file, handover->cancellable, on_finished,
      handover_ref (handover));
}

/* --- append --- */

static gboolean
is_used_token (const GError *error)
{
  return kaltura_error_is_api_code (error, "UPLOADED_FILE_NOT_FOUND_BY_TOKEN") ||
      kaltura_error_is_api_code (error, "UPLOAD_TOKEN_INVALID_STATUS_FOR_ADD_ENTRY");
}

/* The answer is known: nothing was appended. */
static void
forget_question (KalturaJob *job)
{
  job->asked = FALSE;
  g_clear_pointer (&job->marker, g_free);
}

/* Begins the upload again, with another token, at the next attempt. */
static void
upload_again_later (KliveHandover *handover, const char *reason)
{
  g_clear_pointer (&handover->job->token, g_free);
  handover->job->uploaded = 0;
  end_later (handover, reason);
}

static void
on_append_refused (KliveHandover *handover, const GError *error)
{
  gboolean used = handover->job->token && is_used_token (error);
  gboolean gone = handover->job->token && kaltura_error_is_api_code (error, "UPLOAD_TOKEN_NOT_FOUND");
  if (used && handover->asked_before) {
    end_done (handover);
    return;
  }
  if (gone && handover->asked_before) {
    g_autofree char *reason = g_strdup_printf ("an answer was lost, and the token is gone: %s", error->message);
    end_unknown (handover, reason);
    return;
  }
  forget_question (handover->job);
  if (used || gone)
    upload_again_later (handover, error->message);
  else
    end_by (handover, error);
}

static void
on_appended (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (KliveHandover) handover = user_data;
  g_autoptr (GError) error = NULL;
  gboolean done = kaltura_recording_append_finish (result, &error);
  if (!handover->func)
    return;
  if (g_error_matches (error, KALTURA_ERROR, KALTURA_ERROR_GARBAGE))
    handover->job->asked_at = 0; /* whatever it was, the call has come to its end */
  if (done)
    end_done (handover);
  else if (g_error_matches (error, KALTURA_ERROR, KALTURA_ERROR_API))
    on_append_refused (handover, error);
  else if (!handover->job->token && !handover->job->marker)
    end_unknown (handover, "no answer to appendRecording, and Kaltura does not tell whether it was carried out");
  else
    end_later (handover, error->message);
}

static void
append (KliveHandover *handover)
{
  KalturaJob *job = handover->job;
  KalturaChunk chunk = { .partner_id = job->partner_id,
    .entry_id = job->entry_id,
    .asset_id = job->asset_id,
    .server_index = job->server_index,
    .path = job->token ? NULL : job->file,
    .token = job->token,
    .duration = job->duration,
    .last = job->last == KALTURA_LAST_YES,
    .marker = job->marker };
  handover->step = "append";
  handover->asked_before = job->asked;
  gint64 asked_at = job->asked_at;
  job->asked = TRUE;
  job->asked_at = now ();
  if (!save (handover)) { /* the call is not made */
    job->asked = handover->asked_before;
    job->asked_at = asked_at;
    return;
  }
  kaltura_recording_append_async (handover->context->client, &chunk, handover->cancellable, on_appended,
      handover_ref (handover));
}

/* --- shared disk --- */

static void
on_marker_asked (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (KliveHandover) handover = user_data;
  g_autoptr (GError) error = NULL;
  KalturaMarker marker;
  gboolean known = kaltura_recording_ask_marker_finish (result, &marker, &error);
  if (!handover->func)
    return;
  if (known && marker == KALTURA_MARKER_COMPLETED) {
    end_done (handover);
  } else if (known && !has_passed (handover->job->asked_at, handover->context->settle_time)) {
    end_later (handover, "no answer to appendRecording, which Kaltura may still be at");
  } else if (known) {
    forget_question (handover->job);
    if (save (handover))
      go_on (handover);
  } else {
    end_by (handover, error);
  }
}

static void
ask_marker (KliveHandover *handover)
{
  handover->step = "ask";
  kaltura_recording_ask_marker_async (handover->context->client, handover->job->partner_id, handover->job->marker,
      handover->cancellable, on_marker_asked, handover_ref (handover));
}

static void
on_marker_added (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (KliveHandover) handover = user_data;
  g_autoptr (GError) error = NULL;
  g_autofree char *id = kaltura_recording_add_token_finish (result, &error);
  if (!handover->func)
    return;
  if (!id && may_pass (error)) {
    end_later (handover, error->message);
    return;
  }
  if (!id) {
    klive_log (KLIVE_LOG_WARNING, "no-markers", handover->job->entry_id, NULL, "message", error->message, NULL);
    handover->context->no_markers = TRUE;
  }
  g_free (handover->job->marker);
  handover->job->marker = g_steal_pointer (&id);
  append (handover);
}

static void
add_marker (KliveHandover *handover)
{
  g_autofree char *name = g_strdup_printf ("%s.marker", handover->job->name);
  handover->step = "mark";
  kaltura_recording_add_token_async (handover->context->client, handover->job->partner_id, name, 1,
      handover->cancellable, on_marker_added, handover_ref (handover));
}

static void
go_on_by_path (KliveHandover *handover)
{
  const KalturaJob *job = handover->job;
  if (job->asked && !job->marker)
    end_unknown (handover, "no answer to appendRecording, and Kaltura does not tell whether it was carried out");
  else if (job->asked)
    ask_marker (handover);
  else if (job->marker || handover->context->no_markers) /* a marker that no call went with */
    append (handover);
  else
    add_marker (handover);
}

/* --- remote --- */

static void
on_token_added (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (KliveHandover) handover = user_data;
  g_autoptr (GError) error = NULL;
  g_autofree char *id = kaltura_recording_add_token_finish (result, &error);
  if (!handover->func)
    return;
  if (!id) {
    end_by (handover, error);
    return;
  }
  handover->job->token = g_steal_pointer (&id);
  handover->job->uploaded = 0;
  if (save (handover))
    go_on (handover);
}

static void
add_token (KliveHandover *handover)
{
  g_autofree char *name = g_path_get_basename (handover->job->file);
  handover->step = "token";
  kaltura_recording_add_token_async (handover->context->client, handover->job->partner_id, name, handover->size,
      handover->cancellable, on_token_added, handover_ref (handover));
}

/* Kaltura has lost what was uploaded, or its idea of it is another. */
static gboolean
is_broken_upload (const GError *error)
{
  static const char *const codes[] = { "UPLOAD_TOKEN_NOT_FOUND", "UPLOAD_TOKEN_CANNOT_RESUME",
    "UPLOAD_TOKEN_RESUMING_INVALID_POSITION", "UPLOAD_TOKEN_RESUMING_NOT_ALLOWED",
    "UPLOAD_PASSED_MAX_RESUME_TIME_ALLOWED", "UPLOAD_TOKEN_INVALID_STATUS_FOR_UPLOAD" };
  for (guint i = 0; i < G_N_ELEMENTS (codes); i++)
    if (kaltura_error_is_api_code (error, codes[i]))
      return TRUE;
  return FALSE;
}

static void
on_uploaded (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (KliveHandover) handover = user_data;
  g_autoptr (GError) error = NULL;
  KalturaJob *job = handover->job;
  gboolean done = kaltura_recording_upload_finish (result, &error);
  if (!handover->func)
    return;
  /* A token that is complete already has got its last piece before, only the answer was lost. */
  gboolean final = job->uploaded + handover->piece >= handover->size;
  done |= final && kaltura_error_is_api_code (error, "UPLOAD_TOKEN_INVALID_STATUS_FOR_UPLOAD");
  if (done) {
    job->uploaded += handover->piece;
    if (save (handover)) {
      job->attempts = 0;
      go_on (handover);
    }
  } else if (is_broken_upload (error)) {
    upload_again_later (handover, error->message);
  } else {
    end_by (handover, error);
  }
}

/* Errors: G_FILE_ERROR_INVAL when the file is too short, others may pass. */
static GBytes *
read_piece (const char *path, guint64 offset, guint64 size, GError **error)
{
  g_autofree guint8 *data = g_malloc (size);
  gsize done = 0;
  gssize got = 1;
  int fd = g_open (path, O_RDONLY | O_CLOEXEC, 0);
  while (fd >= 0 && done < size) {
    got = pread (fd, data + done, size - done, (off_t) (offset + done));
    if (got == 0 || (got < 0 && errno != EINTR))
      break;
    done += got > 0 ? (gsize) got : 0;
  }
  int code = errno;
  if (fd >= 0) {
    posix_fadvise (fd, (off_t) offset, (off_t) size, POSIX_FADV_DONTNEED);
    close (fd);
  }
  if (got == 0) {
    g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s is shorter than %" G_GUINT64_FORMAT " bytes", path,
        offset + size);
    return NULL;
  }
  if (fd < 0 || done < size) {
    g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_IO, "cannot read %s: %s", path, g_strerror (code));
    return NULL;
  }
  return g_bytes_new_take (g_steal_pointer (&data), size);
}

static void
upload (KliveHandover *handover)
{
  KalturaJob *job = handover->job;
  g_autoptr (GError) error = NULL;
  handover->step = "upload";
  handover->piece = MIN (handover->context->piece_size, handover->size - job->uploaded);
  g_autoptr (GBytes) bytes = read_piece (job->file, job->uploaded, handover->piece, &error);
  if (!bytes) {
    if (g_error_matches (error, G_FILE_ERROR, G_FILE_ERROR_INVAL))
      end_failed (handover, error->message);
    else
      end_later (handover, error->message);
    return;
  }
  g_autofree char *name = g_path_get_basename (job->file);
  KalturaPiece piece = { job->partner_id, job->token, name, bytes, job->uploaded, handover->size };
  kaltura_recording_upload_async (handover->context->client, &piece, handover->cancellable, on_uploaded,
      handover_ref (handover));
}

static void
go_on_by_token (KliveHandover *handover)
{
  const KalturaJob *job = handover->job;
  if (!job->token)
    add_token (handover);
  else if (job->uploaded < handover->size)
    upload (handover);
  else
    append (handover);
}

/* --- upload XML --- */

static void
write_xml (KliveHandover *handover)
{
  const KalturaConfig *config = handover->context->config;
  g_autoptr (GError) error = NULL;
  handover->step = "xml";
  if (klive_upload_xml_write (handover->job, handover->context->spool, config->upload_xml_directory, config->work_mode,
          &error))
    end_done (handover);
  else
    end_later (handover, error->message);
}

/* --- all --- */

/* The disk may be mounted again. */
static void
on_no_file (KliveHandover *handover, int error)
{
  KalturaJob *job = handover->job;
  g_autofree char *reason = g_strdup_printf ("%s: %s", job->file, g_strerror (error));
  if (error == ENOENT && job->missing_since == 0)
    job->missing_since = now ();
  if (error == ENOENT && has_passed (job->missing_since, handover->context->missing_time)) {
    end_failed (handover, reason);
  } else if (job->state == KALTURA_JOB_RECORDING) { /* its writer may be removing it: must not come back by a save */
    job->attempts++;
    end (handover, KLIVE_HANDOVER_LATER, reason);
  } else {
    end_later (handover, reason);
  }
}

/* The next step, by what the job says has been done. */
static void
go_on (KliveHandover *handover)
{
  const KalturaConfig *config = handover->context->config;
  struct stat info;
  if (handover->job->state == KALTURA_JOB_DONE) {
    clean_up (handover);
    return;
  }
  if (g_stat (handover->job->file, &info) != 0) {
    on_no_file (handover, errno);
    return;
  }
  handover->job->missing_since = 0;
  handover->size = (guint64) info.st_size;
  if (!handover->job->finished)
    finish (handover);
  else if (config->upload_xml_directory)
    write_xml (handover);
  else if (config->work_mode == KALTURA_WORK_MODE_KALTURA)
    go_on_by_path (handover);
  else
    go_on_by_token (handover);
}

static gboolean
begin (gpointer user_data)
{
  KliveHandover *handover = user_data;
  if (handover->func)
    go_on (handover);
  handover_unref (handover);
  return G_SOURCE_REMOVE;
}

KliveHandover *
klive_handover_new (KliveHandoverContext *context, KalturaJob *job, KliveHandoverFunc func, gpointer user_data)
{
  KliveHandover *handover = g_new0 (KliveHandover, 1);
  handover->refs = 1;
  handover->context = context;
  handover->job = job;
  handover->func = func;
  handover->user_data = user_data;
  handover->cancellable = g_cancellable_new ();
  handover->step = "begin";
  g_autoptr (GSource) source = g_idle_source_new ();
  g_source_set_callback (source, begin, handover_ref (handover), NULL);
  g_source_attach (source, g_main_context_get_thread_default ());
  return handover;
}

void
klive_handover_free (KliveHandover *handover)
{
  handover->func = NULL;
  g_cancellable_cancel (handover->cancellable);
  handover_unref (handover);
}

const char *
klive_handover_get_step (const KliveHandover *handover)
{
  return handover->step;
}

guint64
klive_handover_get_size (const KliveHandover *handover)
{
  return handover->size;
}
