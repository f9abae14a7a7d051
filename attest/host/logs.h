/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_HOST_LOGS_H
#define CASEMATE_ATTEST_HOST_LOGS_H

/* What the host's firmware and kernel have measured, from the descriptors of wire.h. */
#include "attest/host/wire.h"
#include "base/buf.h"

struct host_logs {
    struct buf boot, ima; /* empty: there is none, or it is larger than may be told */
};

/*
 * Read both. With `hide` the IMA log is what may be told to a tenant (attest/log/ima.h), and else
 * only if it would be too large. 0, with *logs the caller's (host_logs_release); -ENOMEM, -errno.
 * A log that cannot be taken apart is left out.
 */
int host_logs_read(int boot, int ima, bool hide, struct host_logs *logs);
void host_logs_release(struct host_logs *logs);

#endif
