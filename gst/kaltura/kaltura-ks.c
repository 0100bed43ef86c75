/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Session strings ("KS") of both versions, made and verified with the partner's secret (API.md "Session strings"; the
 * server's own code is kSessionBase). Pure functions, any thread; called by KalturaClient and by kaltura-sandbox.
 *
 *   v1  base64 (hex sha1 (secret + info) "|" info), info = "partner;partner;expiry;type;rand;user;privileges"
 *   v2  base64url ("v2|" partner "|" aes-128-cbc (sha1 (rand + body) rand body)),
 *       body = "privilege=value&_e=...&_t=...&_u=..."
 */

#include "kaltura-ks.h"

#include <nettle/aes.h>
#include <nettle/cbc.h>
#include <nettle/memops.h>
#include <nettle/sha1.h>
#include <string.h>
#include <sys/random.h>
#include "kaltura-error.h"

#define RAND_SIZE 16
#define MAX_LENGTH 8192 /* bytes of text; real ones have 100 to 500 */

void
kaltura_ks_free (KalturaKs *ks)
{
  if (ks == NULL)
    return;
  g_free (ks->user);
  g_free (ks->privileges);
  g_free (ks);
}

static gpointer
fail (GError **error, const char *what)
{
  g_set_error (error, KALTURA_ERROR, KALTURA_ERROR_INPUT, "session string: %s", what);
  return NULL;
}

static void
hash (guint8 digest[SHA1_DIGEST_SIZE], const void *first, gsize first_size, const void *second, gsize second_size)
{
  struct sha1_ctx sha1;
  sha1_init (&sha1);
  sha1_update (&sha1, first_size, first);
  sha1_update (&sha1, second_size, second);
  sha1_digest (&sha1, SHA1_DIGEST_SIZE, digest);
}

/* making */

static char *
sign_v1 (const char *secret, const char *info, gsize info_size)
{
  guint8 digest[SHA1_DIGEST_SIZE];
  hash (digest, secret, strlen (secret), info, info_size);
  GString *hex = g_string_sized_new (2 * SHA1_DIGEST_SIZE);
  for (gsize i = 0; i < SHA1_DIGEST_SIZE; i++)
    g_string_append_printf (hex, "%02x", digest[i]);
  return g_string_free (hex, FALSE);
}

char *
kaltura_ks_make_v1 (const KalturaKs *ks, const char *secret, const char *rand, GError **error)
{
  const char *user = ks->user != NULL ? ks->user : "";
  const char *privileges = ks->privileges != NULL ? ks->privileges : "";
  if (strchr (user, ';') != NULL || strchr (privileges, ';') != NULL)
    return fail (error, "user and privileges of version 1 cannot hold a ;");

  g_autofree char *fresh = NULL;
  if (rand == NULL)
    rand = fresh = g_strdup_printf ("%d", g_random_int_range (0, 32001));
  g_autofree char *info = g_strdup_printf ("%d;%d;%" G_GINT64_FORMAT ";%d;%s;%s;%s", ks->partner_id, ks->partner_id,
      ks->expiry, ks->type, rand, user, privileges);
  g_autofree char *signature = sign_v1 (secret, info, strlen (info));
  g_autofree char *text = g_strconcat (signature, "|", info, NULL);
  return g_base64_encode ((const guchar *) text, strlen (text));
}

/* PHP's urlencode: blank as '+', everything but letters, digits, '-', '_', '.' as %XX. */
static void
append_form_encoded (GString *body, const char *text)
{
  for (const char *at = text; *at != '\0'; at++) {
    if (g_ascii_isalnum (*at) || strchr ("-_.", *at) != NULL)
      g_string_append_c (body, *at);
    else if (*at == ' ')
      g_string_append_c (body, '+');
    else
      g_string_append_printf (body, "%%%02X", (guchar) *at);
  }
}

static void
append_field (GString *body, const char *name, const char *value)
{
  if (body->len > 0)
    g_string_append_c (body, '&');
  append_form_encoded (body, name);
  g_string_append_c (body, '=');
  append_form_encoded (body, value);
}

/* "sview:0_abc, edit:*" to names and values; of a repeated name the last value counts, at the place of the first. */
static void
append_privileges (GString *body, const char *privileges)
{
  g_auto (GStrv) items = g_strsplit (privileges, ",", -1);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GHashTable) values = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);

  for (guint i = 0; items[i] != NULL; i++) {
    const char *item = g_strstrip (items[i]);
    if (item[0] == '\0')
      continue;
    if (g_str_equal (item, "*"))
      item = "all:*";
    gsize length = strcspn (item, ":");
    char *name = g_strndup (item, length);
    if (!g_hash_table_contains (values, name))
      g_ptr_array_add (names, g_strdup (name));
    g_hash_table_replace (values, name, g_strdup (item[length] == ':' ? item + length + 1 : ""));
  }
  for (guint i = 0; i < names->len; i++)
    append_field (body, names->pdata[i], g_hash_table_lookup (values, names->pdata[i]));
}

static GString *
make_body (const KalturaKs *ks)
{
  GString *body = g_string_new (NULL);
  g_autofree char *expiry = g_strdup_printf ("%" G_GINT64_FORMAT, ks->expiry);
  g_autofree char *type = g_strdup_printf ("%d", ks->type);

  append_privileges (body, ks->privileges != NULL ? ks->privileges : "");
  append_field (body, "_e", expiry);
  append_field (body, "_t", type);
  if (ks->user != NULL)
    append_field (body, "_u", ks->user);
  return body;
}

static void
make_key (const char *secret, guint8 key[AES128_KEY_SIZE])
{
  guint8 digest[SHA1_DIGEST_SIZE];
  hash (digest, secret, strlen (secret), "", 0);
  memcpy (key, digest, AES128_KEY_SIZE);
}

/* Encrypts @text in place after filling it with zero bytes up to the block size. */
static void
encrypt (GByteArray *text, const char *secret)
{
  static const guint8 zeros[AES_BLOCK_SIZE] = { 0 };
  guint8 key[AES128_KEY_SIZE];
  guint8 iv[AES_BLOCK_SIZE] = { 0 };
  struct aes128_ctx aes;

  g_byte_array_append (text, zeros, (AES_BLOCK_SIZE - text->len % AES_BLOCK_SIZE) % AES_BLOCK_SIZE);
  make_key (secret, key);
  aes128_set_encrypt_key (&aes, key);
  cbc_encrypt (&aes, (nettle_cipher_func *) aes128_encrypt, AES_BLOCK_SIZE, iv, text->len, text->data, text->data);
}

/* Names that begin with '_' are those of expiry, type and user. */
static gboolean
has_reserved_privilege (const char *privileges)
{
  g_auto (GStrv) items = g_strsplit (privileges, ",", -1);
  for (guint i = 0; items[i] != NULL; i++)
    if (g_strstrip (items[i])[0] == '_')
      return TRUE;
  return FALSE;
}

char *
kaltura_ks_make_v2 (const KalturaKs *ks, const char *secret, const guint8 *rand16, GError **error)
{
  if (ks->privileges != NULL && has_reserved_privilege (ks->privileges))
    return fail (error, "privileges of version 2 cannot begin with a _");
  guint8 fresh[RAND_SIZE];
  if (rand16 == NULL) {
    if (getrandom (fresh, sizeof fresh, 0) != sizeof fresh)
      return fail (error, "the kernel gives no random bytes");
    rand16 = fresh;
  }

  g_autoptr (GString) body = make_body (ks);
  guint8 digest[SHA1_DIGEST_SIZE];
  hash (digest, rand16, RAND_SIZE, body->str, body->len);
  g_autoptr (GByteArray) message = g_byte_array_new ();
  g_byte_array_append (message, digest, sizeof digest);
  g_byte_array_append (message, rand16, RAND_SIZE);
  g_byte_array_append (message, (const guint8 *) body->str, (guint) body->len);
  encrypt (message, secret);

  g_autofree char *prefix = g_strdup_printf ("v2|%d|", ks->partner_id);
  g_byte_array_prepend (message, (const guint8 *) prefix, (guint) strlen (prefix));
  char *text = g_base64_encode (message->data, message->len);
  return g_strdelimit (g_strdelimit (text, "+", '-'), "/", '_');
}

/* parsing */

/*
 * PHP's strict base64_decode of both alphabets: trailing blanks and missing padding pass, any other character does not.
 * The result has a NUL behind its last byte.
 */
static GByteArray *
decode_base64 (const char *text, GError **error)
{
  gsize length = strnlen (text, MAX_LENGTH + 1);
  if (length > MAX_LENGTH)
    return fail (error, "too long");
  while (length > 0 && g_ascii_isspace (text[length - 1]))
    length--;
  while (length > 0 && text[length - 1] == '=')
    length--;
  if (length == 0 || length % 4 == 1)
    return fail (error, "not base64");

  g_autoptr (GString) clean = g_string_new_len (text, (gssize) length);
  g_strdelimit (g_strdelimit (clean->str, "-", '+'), "_", '/');
  for (gsize i = 0; i < length; i++)
    if (!g_ascii_isalnum (clean->str[i]) && clean->str[i] != '+' && clean->str[i] != '/')
      return fail (error, "not base64");
  while (clean->len % 4 != 0)
    g_string_append_c (clean, '=');

  gsize size = 0;
  g_autofree guchar *data = g_base64_decode (clean->str, &size);
  GByteArray *bytes = g_byte_array_sized_new ((guint) size + 1);
  g_byte_array_append (bytes, data, (guint) size);
  g_byte_array_append (bytes, (const guint8 *) "", 1);
  g_byte_array_set_size (bytes, (guint) size);
  return bytes;
}

static gboolean
is_v2 (const GByteArray *bytes)
{
  return bytes->len > 3 && memcmp (bytes->data, "v2|", 3) == 0;
}

static gboolean
parse_int (const char *text, gsize length, gint64 min, gint64 max, gint64 *number)
{
  g_autofree char *copy = g_strndup (text, length);
  return g_ascii_string_to_signed (copy, 10, min, max, number, NULL);
}

/*
 * The partner in the clear part, and where the part behind it begins: the ciphertext in v2, the info in v1 (whose first
 * field the partner is).
 */
static gboolean
parse_head (const GByteArray *bytes, gint *partner_id, gsize *rest, GError **error)
{
  const char *text = (const char *) bytes->data;
  gsize from = 3;
  char delimiter = '|';
  if (!is_v2 (bytes)) {
    const char *bar = memchr (text, '|', bytes->len);
    if (bar == NULL || bar - text != 2 * SHA1_DIGEST_SIZE) {
      fail (error, "neither version 1 nor version 2");
      return FALSE;
    }
    from = (gsize) (bar - text) + 1;
    delimiter = ';';
  }
  const char *end = memchr (text + from, delimiter, bytes->len - from);
  gint64 number = 0;
  if (end == NULL || !parse_int (text + from, (gsize) (end - text) - from, G_MININT32, G_MAXINT32, &number)) {
    fail (error, "no partner id");
    return FALSE;
  }
  *partner_id = (gint) number;
  *rest = is_v2 (bytes) ? (gsize) (end - text) + 1 : from;
  return TRUE;
}

static KalturaKs *
parse_v1 (const char *text, const char *info, gsize info_size, gint partner_id, const char *secret, GError **error)
{
  g_autofree char *signature = sign_v1 (secret, info, info_size);
  if (!memeql_sec (signature, text, 2 * SHA1_DIGEST_SIZE))
    return fail (error, "wrong signature");

  g_auto (GStrv) fields = g_strsplit (info, ";", -1);
  guint n_fields = g_strv_length (fields);
  gint64 expiry = 0;
  gint64 type = 0;
  if (n_fields < 3 || !parse_int (fields[2], strlen (fields[2]), 0, G_MAXINT64, &expiry) ||
      (n_fields > 3 && !parse_int (fields[3], strlen (fields[3]), G_MININT32, G_MAXINT32, &type)))
    return fail (error, "bad fields");

  KalturaKs *ks = g_new0 (KalturaKs, 1);
  ks->partner_id = partner_id;
  ks->expiry = expiry;
  ks->type = (gint) type;
  ks->user = g_strdup (n_fields > 5 ? fields[5] : "");
  ks->privileges = g_strdup (n_fields > 6 ? fields[6] : "");
  return ks;
}

static char *
form_decode (const char *text)
{
  g_autofree char *blanks = g_strdelimit (g_strdup (text), "+", ' ');
  return g_uri_unescape_string (blanks, NULL);
}

static gboolean
parse_field (KalturaKs *ks, GString *privileges, char *field)
{
  char *equals = strchr (field, '=');
  if (equals != NULL)
    *equals = '\0';
  g_autofree char *name = form_decode (field);
  g_autofree char *value = form_decode (equals != NULL ? equals + 1 : "");
  gint64 number = 0;
  if (name == NULL || value == NULL)
    return FALSE;

  if (g_str_equal (name, "_e")) {
    gboolean good = parse_int (value, strlen (value), 0, G_MAXINT64, &number);
    ks->expiry = number;
    return good;
  }
  if (g_str_equal (name, "_t")) {
    gboolean good = parse_int (value, strlen (value), G_MININT32, G_MAXINT32, &number);
    ks->type = (gint) number;
    return good;
  }
  if (g_str_equal (name, "_u")) {
    g_free (ks->user);
    ks->user = g_steal_pointer (&value);
    return TRUE;
  }
  if (name[0] == '_' || name[0] == '\0') /* _m, _d: the server's own */
    return TRUE;
  g_string_append_printf (privileges, "%s%s%s%s", privileges->len > 0 ? "," : "", name, value[0] != '\0' ? ":" : "",
      value);
  return TRUE;
}

static KalturaKs *
parse_body (char *body, gint partner_id, GError **error)
{
  g_autoptr (KalturaKs) ks = g_new0 (KalturaKs, 1);
  g_autoptr (GString) privileges = g_string_new (NULL);
  g_auto (GStrv) fields = g_strsplit (body, "&", -1);

  ks->partner_id = partner_id;
  for (guint i = 0; fields[i] != NULL; i++)
    if (!parse_field (ks, privileges, fields[i]))
      return fail (error, "bad fields");
  ks->privileges = g_strdup (g_str_equal (privileges->str, "all:*") ? "*" : privileges->str);
  return g_steal_pointer (&ks);
}

static KalturaKs *
parse_v2 (const guint8 *cipher, gsize size, gint partner_id, const char *secret, GError **error)
{
  if (size == 0 || size % AES_BLOCK_SIZE != 0)
    return fail (error, "bad length");

  guint8 key[AES128_KEY_SIZE];
  guint8 iv[AES_BLOCK_SIZE] = { 0 };
  struct aes128_ctx aes;
  g_autofree guint8 *message = g_malloc0 (size + 1);
  make_key (secret, key);
  aes128_set_decrypt_key (&aes, key);
  cbc_decrypt (&aes, (nettle_cipher_func *) aes128_decrypt, AES_BLOCK_SIZE, iv, size, message, cipher);
  while (size > 0 && message[size - 1] == 0)
    size--;

  guint8 digest[SHA1_DIGEST_SIZE];
  if (size <= sizeof digest + RAND_SIZE)
    return fail (error, "wrong signature");
  hash (digest, message + sizeof digest, size - sizeof digest, "", 0);
  if (!memeql_sec (digest, message, sizeof digest))
    return fail (error, "wrong signature");
  return parse_body ((char *) message + sizeof digest + RAND_SIZE, partner_id, error);
}

gboolean
kaltura_ks_peek_partner (const char *text, gint *partner_id, GError **error)
{
  g_autoptr (GByteArray) bytes = decode_base64 (text, error);
  gsize rest = 0;
  return bytes != NULL && parse_head (bytes, partner_id, &rest, error);
}

KalturaKs *
kaltura_ks_parse (const char *text, const char *secret, GError **error)
{
  g_autoptr (GByteArray) bytes = decode_base64 (text, error);
  gint partner_id = 0;
  gsize rest = 0;
  if (bytes == NULL || !parse_head (bytes, &partner_id, &rest, error))
    return NULL;
  if (is_v2 (bytes))
    return parse_v2 (bytes->data + rest, bytes->len - rest, partner_id, secret, error);
  const char *info = (const char *) bytes->data + rest;
  return parse_v1 ((const char *) bytes->data, info, bytes->len - rest, partner_id, secret, error);
}

gboolean
kaltura_ks_is_stale (gint64 expiry, gint64 lifetime, gint64 now)
{
  gint64 left = expiry - now;
  return left < lifetime / 2 || left > lifetime;
}
