/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_LOG_GRAMMAR_H
#define CASEMATE_ATTEST_LOG_GRAMMAR_H

/*
 * The strict reader: logs that measure_guest and measure_event wrote, and no others. What they emit
 * has exactly one form, so it accepts a log if and only if writing again what it has read gives the
 * same bytes; everything else is refused with a reason and a place, never skipped. For whoever
 * rests anything on a log: its replay must still equal what a TPM has signed.
 */
#include "attest/log/measure.h"
#include "attest/log/reader.h"

/*
 * Read a guest's boot log, whole, with its start, into *guest (on failure its content is
 * undefined). Digests of what the log does not contain (programs' files, the kernel, ...) are the
 * log's word. 0; -EBADMSG with *problem filled; -ENOMEM, -EIO.
 */
int log_check_boot(const void *bytes, uint64_t size, struct measure_guest *guest,
                   struct log_problem *problem);

/* The same of a prediction: up to the last separator, nothing of PCR 21. */
int log_check_predicted(const void *bytes, uint64_t size, struct measure_guest *guest,
                        struct log_problem *problem);

/*
 * Read a ledger, calling `visit` (NULL: nobody) for each event in order until it returns other than
 * 0, which is returned. An empty ledger (`size` 0) is one. 0; -EBADMSG with *problem filled;
 * -ENOMEM, -EIO.
 */
int log_check_ledger(const void *bytes, uint64_t size,
                     int (*visit)(void *context, const struct measure_event *event), void *context,
                     struct log_problem *problem);

#endif
