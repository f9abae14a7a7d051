/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/verbs/attest_policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "cmd/verbs/arguments.h"
#include "cmd/verbs/policy.h"
#include "cmd/verbs/policy_confined.h"
#include "hv/host_proof.h"

#define IN_FORCE       HOST_IMAGE_DIRECTORY "/" HOST_IMAGE_NAME
#define PROOF_IN_FORCE HOST_IMAGE_DIRECTORY "/" HOST_PROOF_NAME

/* As casemated reads it: one that is not of this image is none. */
static int take_proof(struct attest_policy *policy)
{
    cleanup_free char *bytes = NULL;
    struct host_proof head;
    size_t size;
    int r = policy_read_file(PROOF_IN_FORCE, sizeof(head) + HOST_PROOF_SIZE_MAX, &bytes, &size);

    if (r == -ENOENT)
        return VERB_OK;
    if (r < 0) {
        complain("cannot read the certificate of the policy in force, " PROOF_IN_FORCE ": %s",
                 strerror(-r));
        return VERB_SYSTEM;
    }
    if (size <= sizeof(head))
        return VERB_OK;
    memcpy(&head, bytes, sizeof(head));
    if (head.magic != HOST_PROOF_MAGIC || head.version != HOST_PROOF_VERSION ||
        head.size != size - sizeof(head) ||
        memcmp(head.image, policy->digest, sizeof(head.image)) != 0)
        return VERB_OK;
    policy->proven = digest_of(bytes + sizeof(head), head.size, policy->proof) == 0;
    return policy->proven ? VERB_OK : VERB_SYSTEM;
}

static int take_in_force(struct attest_policy *policy)
{
    struct guest_diagnostic diagnostic;
    size_t size;
    int r = policy_read_file(IN_FORCE, IMAGE_SIZE_MAX, &policy->bytes, &size);

    if (r < 0) {
        complain("cannot read the policy in force, " IN_FORCE ": %s%s", strerror(-r),
                 r == -EACCES   ? "; only root can: give its source with --source FILE"
                 : r == -ENOENT ? "; load one with `casemate policy load`, or give a source with "
                                  "--source FILE"
                                : "");
        return VERB_SYSTEM;
    }
    r = image_check(policy->bytes, size, &diagnostic);
    if (r < 0) {
        complain("%s cannot be used: %s", IN_FORCE,
                 r == -EINVAL ? diagnostic.message : strerror(-r));
        return VERB_SYSTEM;
    }
    policy->image = (const struct image *)(const void *)policy->bytes;
    return VERB_OK;
}

int attest_policy_take(const char *source, struct attest_policy *policy)
{
    int status;

    *policy = (struct attest_policy){.proven = false};
    if (source != NULL) {
        status = policy_take_file(source, &policy->compiled);
        if (status == VERB_OK)
            policy->image = compiled_image(policy->compiled);
    } else {
        status = take_in_force(policy);
    }
    if (status == VERB_OK && digest_of(policy->image, policy->image->size, policy->digest) < 0) {
        complain("cannot hash the policy");
        status = VERB_SYSTEM;
    }
    if (status == VERB_OK && source == NULL)
        status = take_proof(policy);
    if (status != VERB_OK)
        attest_policy_release(policy);
    return status;
}

void attest_policy_release(struct attest_policy *policy)
{
    compiled_free(policy->compiled);
    free(policy->bytes);
    *policy = (struct attest_policy){.proven = false};
}

int attest_policy_find(const struct attest_policy *policy, const char *word, uint32_t *index)
{
    const char *slash = strchr(word, '/'), *name = slash != NULL ? slash + 1 : word;
    char tenant[GUEST_NAME_MAX] = "", shown[256];
    int found = -ENOENT;

    if (slash == NULL ||
        text_format(tenant, sizeof(tenant), "%.*s", (int)(slash - word), word) == 0)
        found = image_find_guest(policy->image, tenant, name);
    if (found < 0) {
        complain(found == -EEXIST
                     ? "several tenants have a guest '%s': say which, as TENANT/NAME"
                     : "the policy has no guest '%s'; a file has a dot in its name or begins with "
                       "a slash",
                 text_escape(shown, sizeof(shown), word));
        return VERB_USAGE;
    }
    *index = (uint32_t)found;
    return VERB_OK;
}
