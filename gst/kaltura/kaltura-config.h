/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum { KALTURA_WORK_MODE_KALTURA, KALTURA_WORK_MODE_REMOTE } KalturaWorkMode;
typedef enum { KALTURA_API_2014, KALTURA_API_CURRENT } KalturaApi;

/* klive.conf, read once, every key typed, defaulted and checked. Times in seconds unless said otherwise. */
typedef struct {
  char *path;        /* of the file; NULL when made from defaults */
  GHashTable *lines; /* "group/key" -> line of the file, for kaltura_config_get_line() */

  /* [kaltura] */
  char *service_url;     /* "http://127.0.0.1:19352", without a trailing slash */
  gint partner_id;       /* -5 SaaS, > 0 eCDN; default -5 */
  char *admin_secret;    /* from admin-secret or the first line of admin-secret-file; never log it */
  guint session_version; /* 1 or 2, default 2 */
  guint timeout;         /* one call, 1..60, default 5 */
  char *hostname;        /* default: the machine's name */
  KalturaWorkMode work_mode;
  KalturaApi api;            /* "2014" or "current", default current */
  guint keep_alive_interval; /* 1..65, default 60 */
  guint registration_delay;  /* 0..60, default 5 */
  guint status_interval;     /* 1..3600, default 300 */

  /* [server] */
  char *application;    /* default kLive */
  char *state_dir;      /* absolute, at most 90 bytes (sockets lie in it); default /var/lib/klive */
  char *control_listen; /* host:port, default 127.0.0.1:8889 */
  char *soap_listen;    /* host:port, NULL = off */
  char **soap_allow;    /* addresses or CIDR besides loopback; default none; never NULL */
  char **control_allow;
  char **status_allow;
  guint grace;          /* default 20 */
  guint stop_grace;     /* default 3 */
  guint orphan_timeout; /* default 60 */
  guint max_entries;    /* 0 = no limit */

  /* [nginx] */
  gboolean managed;  /* default true */
  guint rtmp_port;   /* from rtmp-listen, "1935" or "addr:port" */
  char *rtmp_listen; /* as given to nginx */
  char *http_listen;
  gboolean shared_port;
  char *tls_certificate; /* nullable path, like the three below */
  char *tls_key;
  char *rtmps_listen;
  char *https_listen;

  /* [hls] */
  guint segment_duration; /* 1..20, default 6 */
  guint playlist_length;  /* segments, 3..100, default 10 */
  guint max_dvr_window;   /* default 7200 */

  /* [recording] */
  char *recording_directory;  /* default STATE/recordings */
  char *spool_directory;      /* default STATE/spool */
  guint chunk_duration;       /* 60..86400, default 3600 */
  char *recorded_file_group;  /* default kaltura; NULL = leave it */
  char *upload_xml_directory; /* nullable */
  gboolean keep_files;

  /* [transcode] */
  char *video_encoder; /* auto or an element name */
  char *audio_encoder; /* auto or an element name */
  char *speed_preset;  /* x264 preset name, default veryfast */
  char *templates;     /* nullable directory of replaced templates */
  guint threads;       /* of each video encoder, 0 = automatic */
} KalturaConfig;

KalturaConfig *kaltura_config_new_default (void);
/*
 * Reads @path strictly. Error: KALTURA_ERROR_CONFIG, "FILE:LINE: [group] key: what is wrong, what was expected": an
 * unknown group or key, a value out of range, a missing admin secret or service-url, an unreadable admin-secret-file.
 */
KalturaConfig *kaltura_config_load (const char *path, GError **error);
void kaltura_config_free (KalturaConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KalturaConfig, kaltura_config_free)

/* The line of a key in the file, for errors that are found later; 0 = it is not there and has its default. */
guint kaltura_config_get_line (const KalturaConfig *config, const char *group, const char *key);

/* Every key that there is, as "group/key". */
char **kaltura_config_list_keys (void);

/*
 * Whether a key may hold @value, by the same rules as kaltura_config_load(). FALSE sets @expected (optional), to be
 * freed, to what would be right.
 */
gboolean kaltura_config_check_value (const char *group, const char *key, const char *value, char **expected);
/* The smallest and the largest value of a key that holds a number; FALSE: it holds something else. */
gboolean kaltura_config_get_range (const char *group, const char *key, gint64 *min, gint64 *max);

G_END_DECLS
