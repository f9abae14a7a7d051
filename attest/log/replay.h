/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_LOG_REPLAY_H
#define CASEMATE_ATTEST_LOG_REPLAY_H

/* What PCRs are after a log's events: TPM 2.0 Library, part 1, 17 (extend), and the PC Client
 * profile's rules for PCR 0 after an H-CRTM. */
#include "attest/log/reader.h"

struct log_pcrs {
    uint16_t algorithm;                      /* LOG_ALG_*: the bank */
    uint32_t touched;                        /* a bit a PCR that the log extends */
    uint8_t value[LOG_PCRS][LOG_DIGEST_MAX]; /* log_algorithm_size bytes each are used */
};

/*
 * As TPM2_Startup(CLEAR) leaves them: 0, 17 to 22 all ones (PC Client profile, 4.6.2). -EINVAL for
 * an algorithm that we cannot compute.
 */
int log_pcrs_init(struct log_pcrs *pcrs, uint16_t algorithm);

/* PCR = H(PCR || digest), `digest` of the bank's size. 0; -EINVAL for no such PCR; -EIO, -ENOMEM.
 */
int log_pcrs_extend(struct log_pcrs *pcrs, uint32_t pcr, const uint8_t *digest);

/*
 * Replay a whole log, of anybody. It starts with the locality that a StartupLocality event names,
 * and with the H-CRTM, if there was one. 0; -EBADMSG with *problem filled; -ENOENT: the log has no
 * digests of that algorithm; -EINVAL: we cannot compute them; -EIO, -ENOMEM.
 */
int log_replay(const void *bytes, uint64_t size, uint16_t algorithm, struct log_pcrs *pcrs,
               struct log_problem *problem);

#endif
