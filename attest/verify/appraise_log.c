/* SPDX-License-Identifier: Apache-2.0 */
/* Boot log and ledger: of the one form that is written, and leading to what was quoted. */
#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#include "attest/log/replay.h"
#include "attest/verify/appraising.h"

static enum refusal refusal_of(enum log_reason reason)
{
    switch (reason) {
    case LOG_HEADER:
        return REFUSE_LOG_HEADER;
    case LOG_PCR:
        return REFUSE_LOG_PCR;
    case LOG_TYPE:
        return REFUSE_LOG_TYPE;
    case LOG_UNKNOWN:
        return REFUSE_LOG_UNKNOWN;
    case LOG_DIFFERS:
        return REFUSE_LOG_DIFFERS;
    case LOG_TEXT:
        return REFUSE_LOG_TEXT;
    case LOG_DIGEST:
        return REFUSE_LOG_DIGEST;
    case LOG_DUPLICATE:
        return REFUSE_LOG_DUPLICATE;
    case LOG_ORDER:
        return REFUSE_LOG_ORDER;
    case LOG_MISSING:
        return REFUSE_LOG_MISSING;
    case LOG_TRAILING:
        return REFUSE_LOG_TRAILING;
    default:
        return REFUSE_LOG_FORM;
    }
}

/* What a host's statement names: the data of the events of PCR 21, one behind the other. */
static int digest_start(struct appraising *a)
{
    const struct evidence_bytes *log = &a->evidence->boot_log;
    struct log_problem problem;
    struct log_reader reader;
    struct log_entry entry;
    struct digest digest;
    int r = digest_begin(&digest), more;

    if (r < 0)
        return r;
    more = log_open(&reader, log->data, log->size, &problem);
    while (r == 0 && more >= 0 && (more = log_next(&reader, &entry, &problem)) > 0) {
        if (entry.pcr == MEASURE_PCR_START && entry.type != LOG_EV_NO_ACTION)
            r = digest_add(&digest, entry.data, entry.size);
    }
    return r < 0 ? r : digest_end(&digest, a->start_digest);
}

/* What the boot log is: of its bytes alone. */
static int read_boot(struct appraising *a)
{
    const struct evidence_bytes *log = &a->evidence->boot_log;
    struct log_problem problem = {.reason = LOG_WHOLE};
    struct log_pcrs pcrs;
    int r = log_check_boot(log->data, log->size, &a->guest, &problem);

    if (r == -EBADMSG)
        return refuse(a, refusal_of(problem.reason), CLAIM_PROGRAMS, "event %u, byte %llu: %s",
                      problem.event, (unsigned long long)problem.offset,
                      log_reason_text(problem.reason));
    if (r == 0)
        r = log_replay(log->data, log->size, LOG_ALG_SHA256, &pcrs, &problem);
    if (r < 0)
        return refuse_unless_failed(a, r, REFUSE_LOG_FORM, CLAIM_PROGRAMS, "");
    for (unsigned i = 0; i < EVIDENCE_PCRS; i++)
        memcpy(a->boot_pcr[i], pcrs.value[i], sizeof(a->boot_pcr[i]));
    r = digest_start(a);
    return r == 0 ? tpm_hash(TPM_ALG_ID_SHA256, log->data, log->size, a->boot_digest) : r;
}

/* What it leads to is what is quoted now. */
static int boot(struct appraising *a)
{
    int r = recall_boot(a) ? 0 : read_boot(a);

    if (r != 0)
        return r;
    for (unsigned i = 0; i < EVIDENCE_PCRS; i++) {
        if (i == MEASURE_PCR_LEDGER || (EVIDENCE_PCRS_GUEST & 1U << i) == 0 ||
            memcmp(a->boot_pcr[i], a->evidence->quote.pcr[i], 32) == 0)
            continue;
        return i == MEASURE_PCR_START ? refuse(a, REFUSE_START_REPLAY, CLAIM_CONFINEMENT, "%s", "")
                                      : refuse(a, REFUSE_LOG_REPLAY, CLAIM_PROGRAMS, "PCR %u", i);
    }
    return 0;
}

static int ledger(struct appraising *a)
{
    const struct evidence_bytes *log = &a->evidence->ledger_log;
    struct log_problem problem = {.reason = LOG_WHOLE};
    struct log_pcrs pcrs;
    int r = log_check_ledger(log->data, log->size, NULL, NULL, &problem);

    if (r == -EBADMSG)
        return refuse(a, REFUSE_LEDGER_FORM, CLAIM_LIFE, "event %u, byte %llu: %s", problem.event,
                      (unsigned long long)problem.offset, log_reason_text(problem.reason));
    if (r == 0)
        r = log->size == 0 ? log_pcrs_init(&pcrs, LOG_ALG_SHA256)
                           : log_replay(log->data, log->size, LOG_ALG_SHA256, &pcrs, &problem);
    if (r < 0)
        return refuse_unless_failed(a, r, REFUSE_LEDGER_FORM, CLAIM_LIFE, "");
    if (memcmp(pcrs.value[MEASURE_PCR_LEDGER], a->evidence->quote.pcr[MEASURE_PCR_LEDGER], 32) != 0)
        return refuse(a, REFUSE_LEDGER_REPLAY, CLAIM_LIFE, "%s", "");
    return 0;
}

int appraise_log(struct appraising *a)
{
    int r = boot(a);

    return r == 0 ? ledger(a) : r;
}
