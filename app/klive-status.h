/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>
#include "klive-admission.h"
#include "klive-nginx.h"
#include "klive-publish.h"
#include "klive-supervisor.h"

G_BEGIN_DECLS

/* Everything that the status pages look at. Nothing is owned. */
typedef struct {
  const KalturaConfig *config;
  KliveNginx *nginx;
  KliveAdmission *admission;
  KliveRefusals *refusals;
  KlivePublish *publish;
  KliveSupervisor *supervisor;
  KliveReporter *reporter;
  KliveUploader *uploader;
  gint64 started; /* Unix s */
  gboolean stopping;
} KliveStatusSources;

/*
 * GET /status, for operators and `klive-launcher status`:
 *
 * {"version":"0.1.0","hostname":"live1","application":"kLive","started":1763812345,"stopping":false,"draining":false,
 *  "nginx":{"managed":true,"ready":true,"pid":4711,"restarts":0},
 *  "api":{"serviceUrl":"http://...","reportError":null},
 *  "publishes":{"accepted":3,"pending":0,"remembered":1,"refused":{"LIVE_STREAM_INVALID_TOKEN":2}},
 *  "entries":[{"entry":"0_rkij47dr","index":0,"partnerId":102,"state":"on-air","registered":true,"plainUrl":true,
 *    "publishers":[{"stream":"0_rkij47dr_1","serial":..,"name":"..","app":"kLive/","address":"10.0.0.9","since":..,
 *      "state":"live"}],"worker":{"pid":4712,"connected":true,"restarts":0},"status":{what the worker says}}],
 *  "recordings":{as klive_uploader_describe() tells}}
 */
JsonNode *klive_status_describe (const KliveStatusSources *sources);

/* GET /metrics, in Prometheus' text format. @status: as klive_status_describe() gives it. */
char *klive_status_format_metrics (JsonNode *status, const KliveBroadcastCounters *counters);

/* GET /healthz: NULL = healthy, else a word on what is wrong. */
const char *klive_status_find_fault (const KliveStatusSources *sources);

/* What `klive-launcher status` prints of @status. */
char *klive_status_format_table (JsonNode *status);

G_END_DECLS
