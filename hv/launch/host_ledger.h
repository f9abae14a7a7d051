/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_LAUNCH_HOST_LEDGER_H
#define CASEMATE_HV_LAUNCH_HOST_LEDGER_H

/* What happens to a guest, in the ledger of a host that has a TPM (doc/host-tpm.md). */
#include "attest/host/wire.h"
#include "attest/log/measure.h"
#include "hv/launch/guard.h"

/*
 * Say whose guest this is, once the label store has said it, and before any other request to
 * casemate-hosttpm. 0, also without a TPM, and if it was said already; -errno.
 */
int host_ledger_bind(struct guard *guard);

/* The ledger's PCR as it is now; without a TPM, or an answer, it is not known. */
void host_ledger_head(struct guard *guard, struct measure_reference *head);

/*
 * Durable in the ledger and extended into the host's TPM when it returns. 0, also on a host without
 * one. For HOSTTPM_START a failure is the start's (-ECANCELED, the error filled): a guest that the
 * ledger does not know never runs. What cannot be written later is lost, and shows: the guest's
 * start has no stop.
 */
int host_ledger(struct guard *guard, enum hosttpm_event event);

#endif
