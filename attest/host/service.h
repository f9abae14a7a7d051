/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_HOST_SERVICE_H
#define CASEMATE_ATTEST_HOST_SERVICE_H

/*
 * casemate-hosttpm at work: requests of wire.h over the connections that its parent hands in. All
 * that arrived by the same time is one round: the map of generations is saved once, the ledger
 * extended once, and then everybody is answered, so that a TPM of tens of milliseconds a command is
 * asked as often for many guests as for one.
 */
#include "attest/host/ledger.h"
#include "attest/host/store.h"
#include "attest/host/wire.h"

#define SERVICE_CLIENTS_MAX 4160u /* connections: a guest each, and some */

struct host_service_parts {
    int control; /* the parent's connection */
    struct host_tpm *tpm;
    struct genstore *store;
    struct ledger *ledger;
};

/* 0 if every number of the configuration is in its range, else -EINVAL. */
int host_service_check_config(const struct hosttpm_config *config);

/*
 * Open store and ledger in the descriptors of wire.h with a prepared TPM, and see that they agree.
 * -EUCLEAN: the ledger of this boot names another map than the store has; else as genstore_open and
 * ledger_open. Nothing is left open on failure.
 */
int host_service_open(struct host_service_parts *parts, int state, int ledger,
                      const struct hosttpm_config *config);
/* What host_service_open has opened. */
void host_service_close(struct host_service_parts *parts);

/*
 * Serve until the parent closes its connection: 0. -EIO, -EUCLEAN, -errno: something could not be
 * made durable; what was asked for in that round has been refused, and whoever starts this process
 * again finds out what holds. -ENOMEM.
 */
int host_service_run(const struct host_service_parts *parts, const struct hosttpm_config *config);

#endif
