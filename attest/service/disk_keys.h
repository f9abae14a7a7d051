/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_SERVICE_DISK_KEYS_H
#define CASEMATE_ATTEST_SERVICE_DISK_KEYS_H

/*
 * The keys of guests' disks that the service keeps to release: files of a directory, which the
 * administrator fills, and which the signer alone has in its memory. No client can store one: who
 * speaks with the network never sees a key that is not wrapped.
 *
 *   TENANT.GUEST.key   the key, RELEASE_SECRET_MIN to _MAX bytes of anything
 *   TENANT.GUEST.ek    for which TPM alone: the name of its EK in hexadecimal; may be absent
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/evidence/evidence.h"
#include "attest/verify/refusal.h"
#include "attest/verify/release.h"

#define DISK_KEYS_MAX 100000u

struct disk_key {
    char tenant[EVIDENCE_NAME_MAX], name[EVIDENCE_NAME_MAX];
    uint32_t size; /* 0: there is none, only whose it would be */
    uint8_t key[RELEASE_SECRET_MAX];
    bool pinned;
    uint8_t ek[WITNESS_NAME];
};

struct disk_keys {
    struct disk_key *list; /* owned */
    size_t count, room;
};

/*
 * Take the file `file` (its name, without a directory) of `size` bytes. 0; -EINVAL, with *why a
 * constant text: its name or its contents are of no such file; -ENOMEM, -EFBIG.
 */
int disk_keys_take(struct disk_keys *keys, const char *file, const void *data, size_t size,
                   const char **why);
/* Wiped. */
void disk_keys_free(struct disk_keys *keys);

/* The one of this guest; NULL: none. */
const struct disk_key *disk_keys_find(const struct disk_keys *keys, const char *tenant,
                                      const char *name);

/*
 * What stands against releasing this guest's key to the TPM of `witness`, under a reference that
 * its evidence satisfies: REFUSE_NONE, or a REFUSE_RELEASE_*. NULL are a key or a reference that
 * there is not. -EIO.
 */
int disk_key_refusal(const struct disk_key *key, const struct reference *reference,
                     const struct witness *witness, enum refusal *refusal);

#endif
