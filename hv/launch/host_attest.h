/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_LAUNCH_HOST_ATTEST_H
#define CASEMATE_HV_LAUNCH_HOST_ATTEST_H

/* What the host's TPM says of a guest, for its evidence (doc/evidence.md). */
#include "hv/attest_wire.h"
#include "hv/launch/tpm.h"

/*
 * With `file` filled but for `host`: the guest's part of the host's next quote (it waits for that)
 * and the host's keys. Not the host's ledger: it names the guests of other tenants, and this goes
 * to a tenant. Sets file->host. 0, also on a host without a TPM (then file->host is 0); -ESTALE:
 * the host's map has another generation; what attest/host/client.h says; -ENOMEM, -EIO.
 */
int host_attest(struct guard *guard, struct attest_file *file, struct attest_host *host);

/*
 * After host_attest with file->host set: append the host's boot log and what of its IMA log may be
 * told to a tenant, and set host->logs. 0; what attest/host/client.h says; -errno.
 */
int host_attest_logs(const struct guard *guard, struct attest_host *host, struct buf *out);

#endif
