/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_VERIFY_KEYS_H
#define CASEMATE_ATTEST_VERIFY_KEYS_H

/*
 * The registry of enrolled attestation keys: which is whose, with which endorsement key, and which
 * was revoked. A JSON file (doc/attestation.md), sorted by name in memory: a search is log n.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/verify/tpm.h"

#define KEYS_MAX         1000000u
#define KEYS_TEXT_MAX    (512u << 20) /* bytes of the file */
#define KEYS_OWNER_MAX   64u
#define KEYS_REVOKED_MAX 128u

struct enrolled_key {
    bool host;                                      /* a host's; else a guest's */
    char owner[KEYS_OWNER_MAX];                     /* host: its name; guest: tenant, for people */
    uint8_t uuid[16];                               /* guest */
    uint8_t ak[TPM_NAME_BYTES], ek[TPM_NAME_BYTES]; /* names */
    uint32_t ak_size, ek_size;
    bool is_revoked;
    char revoked[KEYS_REVOKED_MAX]; /* why */
};

struct keys;

struct keys_error {
    char text[160]; /* one line, printable */
};

/* An empty registry; NULL without memory. NULL is also an empty one to keys_find and keys_free. */
struct keys *keys_new(void);
void keys_free(struct keys *keys);

/* From hostile text. 0; -EINVAL (error->text): another form, an AK twice; -EFBIG; -ENOMEM. */
int keys_read(const char *text, size_t size, struct keys **keys, struct keys_error *error);

/* Its JSON, which the caller releases; NULL without memory. */
json_t *keys_json(const struct keys *keys);

/* The key with this AK's name; NULL: not enrolled. Valid until the registry changes. */
const struct enrolled_key *keys_find(const struct keys *keys, const uint8_t *ak, size_t size);

/* Add one. 0; -EEXIST: its AK is there (a revoked one stays so); -EINVAL; -EFBIG; -ENOMEM. */
int keys_add(struct keys *keys, const struct enrolled_key *key);

/* Revoke for a reason, which is made printable and cut to fit. 0; -ENOENT. */
int keys_revoke(struct keys *keys, const uint8_t *ak, size_t size, const char *reason);

/* How many there are, and each of them: NULL behind the last. */
size_t keys_count(const struct keys *keys);
const struct enrolled_key *keys_at(const struct keys *keys, size_t index);

#endif
