/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_TPM_REQUEST_H
#define CASEMATE_HV_TPM_REQUEST_H

/* What the guard may ask of its guest's TPM, and when: hv/tpm_wire.h. Checked, then done. */
#include <stdbool.h>

#include "attest/vtpm/vtpm.h"
#include "hv/tpm/foreign.h"

/* What is asked: ours, or a third party's; the other is NULL. */
struct tpm_asked {
    struct vtpm *ours;
    struct foreign *foreign;
};

/*
 * Is it a request, and may it be now? `go`: the guest runs. 0; -EINVAL: a type, PCR, selection or
 * nonce that there is not; -EPERM: what the guest was started from is measured before it runs, and
 * not once it can do the same.
 */
int request_check(const struct tpm_request *request, bool go);

/*
 * Check and do it. *reply is filled whole, with what it came to; -EOPNOTSUPP: a third party's TPM
 * says nothing of itself that anybody should believe.
 */
void request_answer(const struct tpm_asked *tpm, const struct tpm_request *request, bool go,
                    struct tpm_reply *reply);

#endif
