/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_LOG_EVENT_H
#define CASEMATE_ATTEST_LOG_EVENT_H

/*
 * Events of a TCG crypto-agile event log (TCG PC Client Platform Firmware Profile 1.06, 10) and
 * the writer of ours: banks SHA-256 and SHA-384, in that order. Little-endian.
 */
#include <stdint.h>

#include "attest/digest.h"
#include "base/buf.h"

/* TPM_ALG_ID (TCG Algorithm Registry). */
#define LOG_ALG_SHA1   0x0004u
#define LOG_ALG_SHA256 0x000bu
#define LOG_ALG_SHA384 0x000cu
#define LOG_ALG_SHA512 0x000du

/* TCG_EVENTTYPE (10.4.1): those that we write, or that change how a log is replayed. */
#define LOG_EV_NO_ACTION             0x00000003u
#define LOG_EV_SEPARATOR             0x00000004u
#define LOG_EV_ACTION                0x00000005u
#define LOG_EV_PLATFORM_CONFIG_FLAGS 0x0000000au
#define LOG_EV_IPL                   0x0000000du
#define LOG_EV_NONHOST_CODE          0x0000000fu
#define LOG_EV_EFI_HCRTM_EVENT       0x80000010u

#define LOG_PCRS 24u

/* All of one boot's log; the place for it in a guest (LAYOUT_TPM_LOG) is larger. */
#define LOG_SIZE_MAX 65536u

struct log_event {
    uint32_t pcr, type;
    struct digests digests; /* what is extended: not always that of the data */
    const void *data;       /* borrowed; NULL with a size of 0 */
    uint32_t size;
};

/* The word of an event type ("EV_IPL"), NULL for one that is in no list of TCG's. */
const char *log_type_name(uint32_t type);

/* The word of a digest algorithm ("sha256"), NULL for one that we cannot compute. */
const char *log_algorithm_name(uint16_t algorithm);
/* Bytes of its digests; 0 likewise. */
unsigned log_algorithm_size(uint16_t algorithm);

/*
 * Begin a log in `out`, which is empty: its first event, TCG_EfiSpecIDEvent (10.4.5.1), which is
 * never extended. Errors stick in `out`.
 */
void log_begin(struct buf *out);

/* Append one event (TCG_PCR_EVENT2, 10.2.2). Errors stick in `out`. */
void log_append(struct buf *out, const struct log_event *event);

#endif
