/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_VERIFY_APPRAISING_H
#define CASEMATE_ATTEST_VERIFY_APPRAISING_H

/* One appraisal in progress, shared by the files that do it. */
#include "attest/log/grammar.h"
#include "attest/verify/appraise.h"
#include "attest/verify/tpm.h"

struct appraising {
    const struct evidence *evidence;
    const struct appraisal *with;
    const struct reference *reference;
    struct verdict *verdict;
    struct tpm_public ak, ek, host_ak, host_ek;
    struct tpm_quote_info quote, host_quote;
    bool ak_enrolled;
    struct measure_guest guest;          /* what the boot log says; after appraise_log */
    uint8_t start_digest[32];            /* of the data of its events of PCR 21 */
    uint8_t boot_digest[32];             /* of the whole log */
    uint8_t boot_pcr[EVIDENCE_PCRS][32]; /* that it leads to */
    bool recalled;                       /* all of these from an appraisal before */
    bool host_recalled;                  /* as the host's signature */
};

/*
 * All of these: 0 go on, 1 refused (the verdict says why), -ENOMEM, -EIO.
 */
#define REFUSED 1

/* Refuse, with a detail. Always REFUSED. */
int refuse(struct appraising *a, enum refusal refusal, enum claim claim, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The same after a function of OpenSSL or LOG returned r < 0: -ENOMEM and -EIO are passed on. */
int refuse_unless_failed(struct appraising *a, int r, enum refusal refusal, enum claim claim,
                         const char *detail);

/* State what a claim is: AFFIRMED if `asked`, else SHOWN. */
void claim(struct appraising *a, enum claim claim, bool asked, const char *bytes,
           const char *format, ...) __attribute__((format(printf, 5, 6)));

/* The quote and its keys of the guest (`host` false) or of its host. */
int appraise_quote(struct appraising *a, bool host);
/* Boot log and ledger against the quote. */
int appraise_log(struct appraising *a);
/* What an appraisal before made of the same boot log, if it is known; whether one has verified the
 * same quote of the same host; and, once nothing was wrong, to be known. */
bool recall_boot(struct appraising *a);
bool recall_host(struct appraising *a);
void recall_keep(const struct appraising *a);
/* What they say against the reference. */
int appraise_values(struct appraising *a);
int appraise_history(struct appraising *a);
/* The host's part. */
int appraise_host(struct appraising *a);
/* A host without a guest. */
int appraise_host_alone(struct appraising *a);
int appraise_ima(struct appraising *a);
int appraise_ledger(struct appraising *a);

#endif
