/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_VERIFY_ENROLL_H
#define CASEMATE_ATTEST_VERIFY_ENROLL_H

/*
 * Enrolling a host: that its attestation key lives in the TPM that a manufacturer has certified, or
 * that somebody knows. Three texts go between verifier and host, JSON of one form each:
 *
 *   evidence of the host (doc/evidence.md)  ->  its keys, the EK's certificates
 *   challenge  <-  a secret that only that TPM opens, and only if it has that AK
 *   answer     ->  the secret
 *
 * The verifier keeps, beside the challenge, what it waits for (struct enrollment): the secret's
 * digest, once, for ENROLL_LIFE seconds.
 */
#include <jansson.h>

#include "attest/evidence/evidence.h"
#include "attest/verify/chain.h"
#include "attest/verify/keys.h"

#define ENROLL_LIFE     3600u
#define ENROLL_TEXT_MAX 65536u /* bytes of a challenge, of an answer, of what is waited for */
#define ENROLL_SECRET   32u

/* The keys of evidence, of fixed size: it crosses from the process that parses. */
struct enroll_keys {
    struct tpm_public ak, ek;
    bool certified; /* the EK's certificate leads to a root */
};

/*
 * From evidence of a host: its AK and EK are fit for it (tpm_public_attests, _endorses), and the
 * EK's certificates, if there are any and `roots` (PEM) is not NULL, lead to a root at `now`. 0;
 * -EACCES or -EINVAL (error->text): they are not, or do not; -ENOMEM, -EIO.
 */
int enroll_keys_of(const struct evidence *evidence, const char *roots, size_t roots_size,
                   uint64_t now, struct enroll_keys *keys, struct chain_error *error);

/* True if what another process wrote is within its sizes, and its keys are fit. */
bool enroll_keys_valid(const struct enroll_keys *keys);

/* What is waited for. */
struct enrollment {
    char owner[KEYS_OWNER_MAX];
    uint8_t ak[TPM_NAME_BYTES], ek[TPM_NAME_BYTES];
    uint32_t ak_size, ek_size;
    uint8_t digest[32]; /* SHA-256 of the secret */
    uint64_t expires;   /* seconds since 1970 */
};

/*
 * Draw a secret and wrap it for `keys`: *challenge is the JSON for the host, which the caller
 * releases. 0; -EINVAL: `owner` is no name, or the EK none that a secret can be wrapped for;
 * -ENOMEM, -EIO.
 */
int enroll_challenge(const struct enroll_keys *keys, const char *owner, uint64_t now,
                     struct enrollment *waited, json_t **challenge);

/* Its JSON and back. -EINVAL: another form. */
json_t *enrollment_json(const struct enrollment *waited);
int enrollment_read(const char *text, size_t size, struct enrollment *waited);

/* A challenge's two halves and the AK's name, in hexadecimal as they stand in it. */
struct enroll_wrapped {
    char ak[2 * TPM_NAME_BYTES + 1];
    char credential[641], secret[641];
};
/* From hostile text. 0; -EINVAL: another form. */
int enroll_wrapped_read(const char *text, size_t size, struct enroll_wrapped *wrapped);
/* The host's answer with the opened secret, in hexadecimal. NULL without memory. */
json_t *enroll_answer(const struct enroll_wrapped *wrapped, const char *secret);

struct enroll_answered {
    uint8_t ak[TPM_NAME_BYTES];
    uint32_t ak_size;
    uint8_t secret[ENROLL_SECRET];
};
/* From hostile text. 0; -EINVAL: another form. */
int enroll_answer_read(const char *text, size_t size, struct enroll_answered *answered);

/*
 * Take the answer: the key is in `keys` then. 0, also if it was there as just this one; -ETIME: it
 * comes too late; -EACCES: another secret, or another AK; -EEXIST: the AK is enrolled otherwise, or
 * revoked; -EFBIG, -ENOMEM, -EIO.
 */
int enroll_finish(const struct enrollment *waited, const struct enroll_answered *answered,
                  uint64_t now, struct keys *keys);

#endif
