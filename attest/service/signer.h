/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_SERVICE_SIGNER_H
#define CASEMATE_ATTEST_SERVICE_SIGNER_H

/*
 * The process of casemate-attestd that has the key and the memory: it gives out nonces, takes
 * verdicts from the appraiser, and signs what came of them. Of the network it gets requests of
 * fixed size, of evidence nothing.
 */
#include <jansson.h>

#include "attest/service/appraiser.h"
#include "attest/service/disk_keys.h"
#include "attest/service/store.h"
#include "attest/service/wire.h"

/* A new private key on P-256 as a JWK; NULL without memory. The caller releases it. */
json_t *signer_key_new(void);
/* Of a private key its public part, with a key id (RFC 7638). NULL: it is none. */
json_t *signer_key_public(const json_t *key);

/*
 * Check what the appraiser says against its witness and the signer's own registry and references:
 * what is not borne out is refused in place, and vouched for by nobody. 0, or -ENOMEM, -EIO.
 */
int signer_confirm(struct service_verdict *said, const struct references *references);

/*
 * After a good result: wrap the key of this guest's disk for the TPM and the PCRs of its witness,
 * and record that, before anybody has it. *refusal says why not. 0, or -ENOMEM, -EIO.
 */
int signer_release(struct service_store *store, const struct service_verdict *said,
                   const struct references *references, const struct disk_keys *disks,
                   uint64_t clock, enum refusal *refusal, struct release_object *object);

/*
 * Serve requests from `http` and verdicts from `appraiser` until `http` is closed. Returns an exit
 * status.
 */
int signer_run(int http, int appraiser, struct service_store *store, const json_t *key,
               const struct references *references, const struct disk_keys *disks);

#endif
