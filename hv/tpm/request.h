/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_TPM_REQUEST_H
#define CASEMATE_HV_TPM_REQUEST_H

/* What the guard may ask of its guest's TPM, and when: hv/tpm_wire.h. Checked, then done. */
#include <stdbool.h>

#include "attest/vtpm/vtpm.h"

/*
 * Is it a request, and may it be now? `go`: the guest runs. 0; -EINVAL: a type, PCR, selection or
 * nonce that there is not; -EPERM: what the guest was started from is measured before it runs, and
 * not once it can do the same.
 */
int request_check(const struct tpm_request *request, bool go);

/* Check and do it. *reply is filled whole, with what it came to. */
void request_answer(struct vtpm *vtpm, const struct tpm_request *request, bool go,
                    struct tpm_reply *reply);

#endif
