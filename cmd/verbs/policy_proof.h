/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_CMD_VERBS_POLICY_PROOF_H
#define CASEMATE_CMD_VERBS_POLICY_PROOF_H

/* What proving and checking a proof have in common: reading the policy, the source, the store. */
#include "cmd/verbs/policy_compile.h"
#include "cmd/verbs/policy_tenants.h"
#include "policy/flow/flow.h"

#define PROOF_KERNEL_POLICY "/sys/fs/selinux/policy"

struct proof_inputs {
    const char *policy_path;
    char *policy; /* owned: the compiled policy's bytes */
    size_t policy_size;
    char source_path[4096];    /* `compiled` refers to it */
    struct compiled *compiled; /* owned: the source, or NULL */
    bool source_digest_known;
    uint8_t source_digest[KERNEL_DIGEST_SIZE]; /* of the image */
    struct policy_tenants tenants;             /* owned */
    const char *trusted, *stateless; /* the caller's: of the command line, with commas; or NULL */
};

/*
 * Read the policy (NULL: the running kernel's), compile the source and read the store (NULL: none,
 * and the host's own). VERB_OK, or what is wrong has been said.
 */
int proof_inputs_read(const char *policy, const char *source, const char *store,
                      struct proof_inputs *inputs);
/* Release what it holds. */
void proof_inputs_release(struct proof_inputs *inputs);

/*
 * Trusted and stateless types of source and command line, into the options; they stay allocated and
 * live as long as the inputs. -ENOMEM.
 */
int proof_cuts(const struct proof_inputs *inputs, struct flow_options *options);

/*
 * Check a certificate against the kernel's policy, in a process that can do nothing else: it must
 * hold, be of this image, and trust nobody whom the image does not. VERB_OK, and *text are its
 * bytes, which the caller frees; or what is wrong has been said.
 */
int policy_verify_for(const char *path, const struct image *image, char **text, size_t *size);

#endif
