/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/verify/enroll.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <string.h>

#include "attest/verify/credential.h"
#include "base/hex.h"
#include "base/text.h"

static int say(struct chain_error *error, int r, const char *text)
{
    (void)text_escape(error->text, sizeof(error->text), text);
    return r;
}

static int decode(const struct evidence_bytes *bytes, const char *what, struct tpm_public *key,
                  struct chain_error *error)
{
    enum tpm_fault fault = TPM_FAULT_NONE;
    int r = tpm_public_decode(bytes->data, bytes->size, key, &fault);

    if (r == -EINVAL)
        (void)text_format(error->text, sizeof(error->text), "the %s key: %s", what,
                          tpm_fault_text(fault));
    return r;
}

int enroll_keys_of(const struct evidence *evidence, const char *roots, size_t roots_size,
                   uint64_t now, struct enroll_keys *keys, struct chain_error *error)
{
    const struct evidence_host *host = &evidence->host;
    struct enroll_keys made = {.certified = false};
    int r;

    if (!evidence->has_host)
        return say(error, -EINVAL, "it is of no host");
    r = decode(&host->key.ak, "attestation", &made.ak, error);
    if (r == 0)
        r = decode(&host->key.ek, "endorsement", &made.ek, error);
    if (r < 0)
        return r;
    if (!tpm_public_attests(&made.ak))
        return say(error, -EACCES,
                   "the attestation key may sign more than its TPM's own statements");
    if (!tpm_public_endorses(&made.ek))
        return say(error, -EACCES, "the endorsement key is no restricted decryption key");
    if (roots != NULL && host->chain_count > 0) {
        r = chain_check(host->chain, host->chain_count, roots, roots_size, &made.ek, now, error);
        made.certified = r == 0;
    }
    if (r == 0)
        *keys = made;
    return r;
}

static bool name_size(uint32_t size)
{
    return size == 34 || size == 50 || size == 66;
}

static bool within(const struct tpm_public *key)
{
    return key->n_size <= sizeof(key->n) && key->point_size <= sizeof(key->x) &&
           key->policy_size <= sizeof(key->policy) && name_size(key->name_size);
}

bool enroll_keys_valid(const struct enroll_keys *keys)
{
    return within(&keys->ak) && within(&keys->ek) && tpm_public_attests(&keys->ak) &&
           tpm_public_endorses(&keys->ek) && *(const uint8_t *)&keys->certified <= 1;
}

static json_t *hex(const uint8_t *data, size_t size)
{
    char text[2 * CREDENTIAL_BLOB_MAX + 1];

    hex_encode(text, data, size);
    return json_string(text);
}

int enroll_challenge(const struct enroll_keys *keys, const char *owner, uint64_t now,
                     struct enrollment *waited, json_t **challenge)
{
    struct enrollment made = {
        .ak_size = keys->ak.name_size, .ek_size = keys->ek.name_size, .expires = now + ENROLL_LIFE};
    uint8_t secret[ENROLL_SECRET];
    struct credential credential;
    json_t *object = NULL;
    int r;

    if (!evidence_name_valid(owner) || text_copy(made.owner, sizeof(made.owner), owner) < 0)
        return -EINVAL;
    memcpy(made.ak, keys->ak.name, made.ak_size);
    memcpy(made.ek, keys->ek.name, made.ek_size);
    r = RAND_bytes(secret, sizeof(secret)) == 1 ? 0 : -EIO;
    if (r == 0)
        r = tpm_hash(TPM_ALG_ID_SHA256, secret, sizeof(secret), made.digest);
    if (r == 0)
        r = credential_make(&keys->ek, made.ak, made.ak_size, secret, sizeof(secret), &credential);
    OPENSSL_cleanse(secret, sizeof(secret));
    if (r < 0)
        return r;
    object = json_pack("{s:i, s:s, s:o, s:o, s:o}", "version", 1, "kind", "challenge", "ak",
                       hex(made.ak, made.ak_size), "credential",
                       hex(credential.blob, credential.blob_size), "secret",
                       hex(credential.secret, credential.secret_size));
    if (object == NULL)
        return -ENOMEM;
    *waited = made;
    *challenge = object;
    return 0;
}

json_t *enrollment_json(const struct enrollment *waited)
{
    return json_pack("{s:i, s:s, s:s, s:o, s:o, s:o, s:I}", "version", 1, "kind", "enrollment",
                     "owner", waited->owner, "ak", hex(waited->ak, waited->ak_size), "ek",
                     hex(waited->ek, waited->ek_size), "digest",
                     hex(waited->digest, sizeof(waited->digest)), "expires",
                     (json_int_t)waited->expires);
}

/* An object of `members` members, version 1 and this kind; NULL: it is none. */
static json_t *object_of(const char *text, size_t size, const char *kind, size_t members)
{
    json_t *object =
        size <= ENROLL_TEXT_MAX ? json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL) : NULL;
    const json_t *version = json_object_get(object, "version");
    const char *word = json_string_value(json_object_get(object, "kind"));

    if (json_is_integer(version) && json_integer_value(version) == 1 && word != NULL &&
        strcmp(word, kind) == 0 && json_object_size(object) == members)
        return object;
    json_decref(object);
    return NULL;
}

static bool bytes_of(const json_t *object, const char *member, uint8_t *to, size_t least,
                     size_t most, uint32_t *size)
{
    const json_t *value = json_object_get(object, member);
    const size_t bytes = json_string_length(value) / 2;

    if (!json_is_string(value) || bytes < least || bytes > most ||
        hex_decode(to, bytes, json_string_value(value), json_string_length(value)) < 0)
        return false;
    if (size != NULL)
        *size = (uint32_t)bytes;
    return true;
}

static bool name_of(const json_t *object, const char *member, uint8_t to[TPM_NAME_BYTES],
                    uint32_t *size)
{
    return bytes_of(object, member, to, 34, TPM_NAME_BYTES, size) && name_size(*size);
}

int enrollment_read(const char *text, size_t size, struct enrollment *waited)
{
    json_t *object = object_of(text, size, "enrollment", 7);
    const json_t *expires = json_object_get(object, "expires");
    const char *owner = json_string_value(json_object_get(object, "owner"));
    struct enrollment made = {.owner = ""};
    const bool good = owner != NULL && evidence_name_valid(owner) &&
                      text_copy(made.owner, sizeof(made.owner), owner) == 0 &&
                      name_of(object, "ak", made.ak, &made.ak_size) &&
                      name_of(object, "ek", made.ek, &made.ek_size) &&
                      bytes_of(object, "digest", made.digest, 32, 32, NULL) &&
                      json_is_integer(expires) && json_integer_value(expires) > 0;

    if (good) {
        made.expires = (uint64_t)json_integer_value(expires);
        *waited = made;
    }
    json_decref(object);
    return good ? 0 : -EINVAL;
}

int enroll_wrapped_read(const char *text, size_t size, struct enroll_wrapped *wrapped)
{
    json_t *object = object_of(text, size, "challenge", 5);
    uint8_t ak[TPM_NAME_BYTES], credential[320], secret[320];
    uint32_t ak_size = 0, credential_size = 0, secret_size = 0;
    const bool good =
        name_of(object, "ak", ak, &ak_size) &&
        bytes_of(object, "credential", credential, 1, sizeof(credential), &credential_size) &&
        bytes_of(object, "secret", secret, 1, sizeof(secret), &secret_size);

    json_decref(object);
    if (!good)
        return -EINVAL;
    hex_encode(wrapped->ak, ak, ak_size);
    hex_encode(wrapped->credential, credential, credential_size);
    hex_encode(wrapped->secret, secret, secret_size);
    return 0;
}

json_t *enroll_answer(const struct enroll_wrapped *wrapped, const char *secret)
{
    return json_pack("{s:i, s:s, s:s, s:s}", "version", 1, "kind", "answer", "ak", wrapped->ak,
                     "secret", secret);
}

int enroll_answer_read(const char *text, size_t size, struct enroll_answered *answered)
{
    json_t *object = object_of(text, size, "answer", 4);
    struct enroll_answered made = {.ak_size = 0};
    const bool good = name_of(object, "ak", made.ak, &made.ak_size) &&
                      bytes_of(object, "secret", made.secret, ENROLL_SECRET, ENROLL_SECRET, NULL);

    json_decref(object);
    if (good)
        *answered = made;
    return good ? 0 : -EINVAL;
}

/* -EEXIST unless what is there is just this. */
static int add(const struct enrollment *waited, struct keys *keys)
{
    const struct enrolled_key *found = keys_find(keys, waited->ak, waited->ak_size);
    struct enrolled_key key = {
        .host = true, .ak_size = waited->ak_size, .ek_size = waited->ek_size};

    if (found != NULL)
        return found->host && !found->is_revoked && strcmp(found->owner, waited->owner) == 0 &&
                       found->ek_size == waited->ek_size &&
                       memcmp(found->ek, waited->ek, waited->ek_size) == 0
                   ? 0
                   : -EEXIST;
    memcpy(key.owner, waited->owner, sizeof(key.owner));
    memcpy(key.ak, waited->ak, sizeof(key.ak));
    memcpy(key.ek, waited->ek, sizeof(key.ek));
    return keys_add(keys, &key);
}

int enroll_finish(const struct enrollment *waited, const struct enroll_answered *answered,
                  uint64_t now, struct keys *keys)
{
    uint8_t digest[32];
    int r;

    if (now >= waited->expires || now + ENROLL_LIFE < waited->expires)
        return -ETIME;
    r = tpm_hash(TPM_ALG_ID_SHA256, answered->secret, sizeof(answered->secret), digest);
    if (r < 0)
        return r;
    if (answered->ak_size != waited->ak_size ||
        memcmp(answered->ak, waited->ak, waited->ak_size) != 0 ||
        CRYPTO_memcmp(digest, waited->digest, sizeof(digest)) != 0)
        return -EACCES;
    return add(waited, keys);
}
