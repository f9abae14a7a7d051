/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_VERIFY_WITNESS_H
#define CASEMATE_ATTEST_VERIFY_WITNESS_H

/*
 * What of evidence a second process can check again, that does not trust the one which parsed it:
 * numbers, digests, points and signatures in fixed size. Nothing is parsed for it. What a TPM
 * signed is written anew from its fields, in the only form that they have, and the signature must
 * be over that; a key's public area is written anew from its point, and must have the name that is
 * enrolled; a host's statement is written anew from the verdict, and must be in the tree that the
 * host signed.
 *
 * Only what Casemate's own TPMs and host TPMs make has this form: keys on P-256 with SHA-256.
 */
#include "attest/verify/appraise.h"
#include "attest/verify/tpm.h"

#define WITNESS_POINT 32u /* bytes of a coordinate on P-256 */

/* A TPMT_PUBLIC on P-256 and named with SHA-256. Which: an attestation or an endorsement key. */
struct witness_key {
    uint32_t attributes;
    uint32_t policy_size; /* 0 or 32 */
    uint8_t policy[32];
    uint8_t x[WITNESS_POINT], y[WITNESS_POINT]; /* padded on the left */
    uint32_t x_size, y_size;                    /* as they stand in it: 1..32 */
};

/* A quote of the SHA-256 bank, its signature, and the values that it is over. */
struct witness_quote {
    struct tpm_quote_info info;
    uint8_t r[WITNESS_POINT], s[WITNESS_POINT];
    uint8_t pcr[EVIDENCE_PCRS][32]; /* of info.pcrs */
};

struct witness {
    struct witness_key ak, ek;
    struct witness_quote quote;
    uint32_t has_host; /* 0: the rest is zero */
    struct witness_key host_ak;
    struct witness_quote host_quote;
    /* Of the host's statement what is not in the verdict. */
    uint8_t start[32], policy[32];
    uint64_t generation;
    uint32_t leaf, leaves, path_count;
    uint8_t path[EVIDENCE_PATH_MAX][32];
};

/*
 * The witness of evidence. 0; -EINVAL: something in it is not decoded; -EOPNOTSUPP: a key, a
 * signature or a quote of another form than ours; -EIO.
 */
int witness_of(const struct evidence *evidence, struct witness *witness);

/*
 * Does a witness bear a verdict (one that is verdict_valid) out? *refusal is REFUSE_NONE if
 *
 * - the verdict's AK signed a quote of the guest's PCRs for the verdict's nonce, and the values in
 *   the witness hash to what it signed;
 * - that AK is enrolled as this guest's, with this EK; or, where it is not enrolled, an enrolled
 *   host's quote is over a statement that names guest, nonce, both keys and these PCR values;
 * - whatever the verdict says of a host rests on such a quote; and clock and counts of
 * verdict->seen are those that were signed.
 *
 * Else REFUSE_AK_UNKNOWN, REFUSE_AK_REVOKED, REFUSE_HOST_AK_UNKNOWN or _REVOKED if it is a key that
 * is not ours to believe, or REFUSE_WITNESS. Everything in both may be hostile. 0, or -ENOMEM,
 * -EIO.
 */
int witness_check(const struct witness *witness, const struct verdict *verdict,
                  const struct keys *keys, enum refusal *refusal);

/*
 * True if a verdict that was borne out, and that nothing was refused in, can satisfy the reference
 * as far as the witness shows: each PCR value that is asked for, of the guest and of its host; the
 * host's selection and that there is one; UUID and lifetime; the generation, where a host states
 * it. What else a reference asks for is in logs.
 */
bool witness_satisfies(const struct witness *witness, const struct verdict *verdict,
                       const struct reference *reference);

/* The TPM's name of a key: its area written, and hashed. 0; -EINVAL: no area; -EIO. */
int witness_ak_name(const struct witness_key *ak, uint8_t name[TPM_NAME_BYTES]);
int witness_ek_name(const struct witness_key *ek, uint8_t name[TPM_NAME_BYTES]);

#define WITNESS_NAME 34u /* bytes of these names */

#endif
