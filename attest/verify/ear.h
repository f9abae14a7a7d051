/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_VERIFY_EAR_H
#define CASEMATE_ATTEST_VERIFY_EAR_H

/*
 * The result of an appraisal as a token: an EAT attestation result (draft-ietf-rats-ear), a JWT
 * (RFC 7519) signed with ES256 through libjose. Whoever holds a key here parses nothing but its own
 * key and verdicts of fixed size.
 */
#include <jansson.h>

#include "attest/verify/appraise.h"

#define EAR_TOKEN_MAX 65536u

/*
 * The claims of the token; also what --json prints. `now`: seconds since 1970. The caller releases
 * it; NULL without memory.
 */
json_t *ear_claims(const struct verdict *verdict, uint64_t now);

/*
 * The token, which the caller frees with free(). `jwk`: a private key on P-256 (RFC 7517). 0;
 * -EINVAL: the key is none; -ENOMEM.
 */
int ear_sign(const struct verdict *verdict, const json_t *jwk, uint64_t now, char **token);

/* What a token must be about; NULL: anything. */
struct ear_expected {
    const char *tenant, *name;
    const uint8_t *nonce;
    size_t nonce_size;
};

/*
 * What is wrong with a token that somebody presents: REFUSE_NONE, or a REFUSE_TOKEN_*. `jwk`: the
 * verifier's public key. Of hostile text; without memory it is REFUSE_TOKEN_FORM, too.
 */
enum refusal ear_check(const char *token, size_t size, const json_t *jwk,
                       const struct ear_expected *expected, uint64_t now);

#endif
