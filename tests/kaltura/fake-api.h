/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* A Kaltura API that answers from a script, in a thread of its own, on 127.0.0.1 and a port of the kernel's choice. */
typedef struct _FakeApi FakeApi;

/* One request as it came. */
typedef struct {
  char *path;        /* "/api_v3/index.php" */
  GHashTable *query; /* name to value */
  GHashTable *form;  /* name to value, decoded; of a multipart body too, files as text */
  char *agent;       /* User-Agent */
  guint16 port;      /* of the client: tells connections apart */
} FakeRequest;

FakeApi *fake_api_new (void);
/* Stops the server. Fails the test when a scripted answer was never asked for. */
void fake_api_free (FakeApi *api);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (FakeApi, fake_api_free)

/* "http://127.0.0.1:PORT" */
const char *fake_api_get_url (FakeApi *api);

/*
 * The answer to the next request that has none yet. @action must be its action. @headers: "Name: value" lines or NULL.
 * Without a script left a request is answered by 500.
 */
void fake_api_answer (FakeApi *api, const char *action, guint status, const char *content_type, const char *headers,
    const char *body, gssize length);
/* 200 text/xml with <result>@result</result>. */
void fake_api_answer_result (FakeApi *api, const char *action, const char *result);
/* The error that the real API sends. */
void fake_api_answer_error (FakeApi *api, const char *action, const char *code, const char *message);
/* The request is taken and never answered. */
void fake_api_answer_never (FakeApi *api, const char *action);

guint fake_api_get_n_requests (FakeApi *api);
/* (transfer none): valid as long as the API. */
const FakeRequest *fake_api_get_request (FakeApi *api, guint index);
/* The value of a form field of request @index, NULL = not sent. */
const char *fake_api_get_field (FakeApi *api, guint index, const char *name);

/*
 * A server of bare sockets: @serve runs in a thread for each connection and writes whatever it wants; the connection is
 * closed when it returns. It gets @cancellable, which is cancelled when the server is freed.
 */
typedef void (*RawServe) (GInputStream *input, GOutputStream *output, GCancellable *cancellable);
typedef struct _RawServer RawServer;
RawServer *raw_server_new (RawServe serve);
void raw_server_free (RawServer *server);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (RawServer, raw_server_free)
const char *raw_server_get_url (RawServer *server);

/* A URL where nothing listens. */
char *dup_dead_url (void);

G_END_DECLS
