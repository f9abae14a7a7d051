/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_CMD_VERBS_REFERENCE_H
#define CASEMATE_CMD_VERBS_REFERENCE_H

/*
 * From a policy to what a verifier demands: the `attest` blocks of a guest and its tenant, and what
 * the policy says of the guest itself, as the reference of doc/attestation.md.
 */
#include <jansson.h>

#include "attest/log/measure.h"
#include "policy/image.h"

struct reference_inputs {
    const struct image *image;
    uint32_t guest;        /* by index */
    const uint8_t *policy; /* SHA-256 of the image */
    const uint8_t *proof;  /* of the certificate of its proof; NULL: there is none at hand */
    /* SHA-256 of a file, which is opened as a guest's is. 0; -errno, and why has been said. */
    int (*hash)(void *context, const char *what, const char *path, uint8_t digest[32]);
    void *context;
    /* NULL: no prediction is asked for. Its programs, filters and PCRs 0 to 9 are demanded, too. */
    const struct measure_guest *predicted;
    const struct measured *measured;
};

/*
 * Make it. 0, and *reference is a new one; -ENODATA: a proof is required, and there is none at
 * hand; -ENODEV: the guest has no TPM; -ENOMEM; what `hash` returned.
 */
int reference_make(const struct reference_inputs *inputs, json_t **reference);

#endif
