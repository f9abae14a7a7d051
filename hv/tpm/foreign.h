/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_TPM_FOREIGN_H
#define CASEMATE_HV_TPM_FOREIGN_H

/*
 * A third party's TPM in place of ours: swtpm, over the two stream sockets that it speaks, control
 * and data. It is not ours to believe: whoever runs it can make it say anything, which is why
 * nothing here signs. What it says is bounded and checked for its size, and then the guest's to
 * judge; a silent one costs the guest its TPM and so its life, and nobody a hang.
 *
 * One that has failed once, in whatever way, fails from then on: foreign_failed says how.
 * System calls: ppoll, recvmsg, sendmsg, clock_gettime.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hv/tpm_wire.h"

#define FOREIGN_PATIENCE_MS 15000 /* for one answer: it may be making an RSA key */

struct foreign {
    int control, data; /* borrowed */
    unsigned locality; /* that it was last told */
    int failed;        /* 0 or -errno */
};

/*
 * Initialise it and send TPM2_Startup(CLEAR), unless it did so by itself: PCRs begin anew. `first`:
 * its reply to SET_DATAFD, which the launcher has sent with the other end of `data`, is still to
 * come. 0; -ETIMEDOUT; -ECONNRESET: it is gone; -EPROTO: what it said is no reply, or is a refusal;
 * -EIO with *code: its TPM_RC.
 */
int foreign_start(struct foreign *foreign, int control, int data, bool first, uint32_t *code);

/* As vtpm_command and vtpm_extend (attest/vtpm/vtpm.h), with the errors of foreign_start. */
int foreign_command(struct foreign *foreign, const uint8_t *command, size_t size,
                    uint8_t response[TPM_COMMAND_MAX], size_t *response_size);
int foreign_extend(struct foreign *foreign, uint32_t pcr, const uint8_t sha256[32],
                   const uint8_t sha384[48], uint32_t *code);

/* One of its sockets became readable while nothing had been asked: it is gone, or talks unasked. */
void foreign_spoke(struct foreign *foreign);

static inline int foreign_failed(const struct foreign *foreign)
{
    return foreign->failed;
}

#endif
