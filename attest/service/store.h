/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_SERVICE_STORE_H
#define CASEMATE_ATTEST_SERVICE_STORE_H

/*
 * What an attestation service remembers: the nonces that it gave out, its last result about each
 * guest, and how far each guest's TPM has come. SQLite in WAL mode with synchronous=FULL: what was
 * committed survives kill -9 and power loss, so that a nonce is never good twice.
 *
 * Time is the host's clock, but never less than the latest that the store has seen: a clock that is
 * set back makes no nonce and no result live longer.
 */
#include <stddef.h>
#include <stdint.h>

#include "attest/verify/appraise.h"

#define SERVICE_NONCE_SIZE   32u     /* bytes */
#define SERVICE_NONCES_MAX   100000u /* given out and neither used nor expired */
#define SERVICE_NONCE_LIFE   120u    /* seconds */
#define SERVICE_ERROR_MAX    256u
#define SERVICE_CLIENT_MAX   64u  /* with NUL: who asked, an address or a certificate's name */
#define SERVICE_CLIENT_NONCE 256u /* of one client, of those above */

struct service_store;

struct service_result {
    uint64_t at;      /* seconds since 1970 */
    uint64_t expires; /* from then on it says nothing any more */
    uint32_t refusal; /* enum refusal */
    char detail[160];
    uint8_t uuid[16];
};

/*
 * Open the database `path`, or make it (mode 0600). 0, with *store the caller's; -EBADMSG: it is
 * none of ours, or of another version; -EIO, -ENOMEM. With any error `error` says what for people.
 */
int service_store_open(const char *path, struct service_store **store,
                       char error[SERVICE_ERROR_MAX]);
/* NULL is nothing. */
void service_store_close(struct service_store *store);

/* The time that counts when the clock says `clock`: seconds since 1970. 0, or as below. */
int service_store_time(struct service_store *store, uint64_t clock, uint64_t *now);

/*
 * A new nonce for `client`, known over a restart when this returns; good until *expires. 0;
 * -EDQUOT: that client has too many; -ENOSPC: all have; -EIO.
 */
int service_store_nonce(struct service_store *store, const char *client, uint64_t clock,
                        uint8_t nonce[SERVICE_NONCE_SIZE], uint64_t *expires);

/*
 * Take a verdict. Its nonce is used up, whatever the verdict says: durably, and before anybody is
 * told. What was seen of the guest's TPM before is compared and, if nothing was refused, moved on.
 * *verdict is refused if it goes back behind what was seen, or if neither an enrolled key nor a
 * host vouches for it; what they vouch for is kept in place of the last result. 0, with *result
 * what came of it; -ENOENT: its nonce is not one of ours, or forgotten since; -EALREADY: it was
 * used before; -ETIME: it comes too late; -EIO. On failure the verdict must not be used.
 */
int service_store_accept(struct service_store *store, struct verdict *verdict, uint64_t clock,
                         struct service_result *result);

/* The last result about a guest. 0; -ENOENT; -EIO. */
int service_store_result(struct service_store *store, const char *tenant, const char *name,
                         struct service_result *result);

/*
 * Record that the key of a verdict's guest is released, to which TPM (its AK), for which nonce:
 * durably. Never forgotten. 0; -EIO.
 */
int service_store_released(struct service_store *store, const struct verdict *verdict,
                           uint64_t clock);

/*
 * Forget a guest: its last result, and what was seen of its TPM, so that one which goes back behind
 * that is no longer refused. For an administrator, beside a service that runs. What was released to
 * it stays on record. 0; -ENOENT: nothing is known of it; -EIO.
 */
int service_store_forget(struct service_store *store, const char *tenant, const char *name);

struct service_counts {
    uint64_t guests, nonces, releases;
};
/* How much there is, for the metrics. 0; -EIO. */
int service_store_counts(struct service_store *store, struct service_counts *counts);

#endif
