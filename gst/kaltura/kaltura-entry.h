/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include "kaltura-client.h"
#include "kaltura-stream.h"

G_BEGIN_DECLS

typedef enum {
  KALTURA_RECORD_DISABLED = 0,
  KALTURA_RECORD_APPENDED = 1,
  KALTURA_RECORD_PER_SESSION = 2
} KalturaRecordStatus;

/* What a media server needs of a KalturaLiveStreamEntry (API.md "Live entry"). */
typedef struct {
  char id[KALTURA_ENTRY_ID_LENGTH + 1];
  gint partner_id;
  gint conversion_profile_id;
  KalturaRecordStatus record_status; /* IX has 0 and 1 only */
  gboolean dvr_enabled;
  guint dvr_window;        /* minutes; 0 = not given */
  guint segment_duration;  /* ms, 0 = not given (IX has none) */
  char *recorded_entry_id; /* nullable */
  gboolean explicit_live;
} KalturaEntry;

KalturaEntry *kaltura_entry_new_from_reply (const KalturaReply *reply, GError **error);
/*
 * One JSON object with the field names of the API (id, partnerId, dvrStatus ...), for the way from launcher to worker.
 */
char *kaltura_entry_to_json (const KalturaEntry *entry);
KalturaEntry *kaltura_entry_new_from_json (const char *json, GError **error);
void kaltura_entry_free (KalturaEntry *entry);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KalturaEntry, kaltura_entry_free)

/*
 * The DVR window in seconds: min (dvrWindow * 60, @max_dvr_window), @max_dvr_window when not given, 0 when DVR is off.
 */
guint kaltura_entry_get_dvr_seconds (const KalturaEntry *entry, guint max_dvr_window);

G_END_DECLS
