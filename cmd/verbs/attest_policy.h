/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_CMD_VERBS_ATTEST_POLICY_H
#define CASEMATE_CMD_VERBS_ATTEST_POLICY_H

/* The policy that `casemate attest` speaks of: the one in force, or a source's. */
#include <stdbool.h>
#include <stdint.h>

#include "attest/digest.h"
#include "cmd/verbs/policy_compile.h"
#include "policy/image.h"

struct attest_policy {
    const struct image *image;
    uint8_t digest[DIGEST_SIZE]; /* of the image */
    bool proven;                 /* a certificate of its proof is in force with it */
    uint8_t proof[DIGEST_SIZE];
    struct compiled *compiled; /* owned, or NULL */
    char *bytes;               /* owned, or NULL */
};

/*
 * Compile a source, or read what is in force (NULL). VERB_OK, and the policy is the caller's
 * (attest_policy_release); or what is wrong has been said.
 */
int attest_policy_take(const char *source, struct attest_policy *policy);
void attest_policy_release(struct attest_policy *policy);

/* Of "TENANT/NAME", or "NAME" where one tenant has it, the index. VERB_OK, or it has been said. */
int attest_policy_find(const struct attest_policy *policy, const char *word, uint32_t *index);

#endif
