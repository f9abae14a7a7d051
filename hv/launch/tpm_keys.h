/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_LAUNCH_TPM_KEYS_H
#define CASEMATE_HV_LAUNCH_TPM_KEYS_H

/*
 * The keys under which a virtual TPM's state is stored: another one at each start, which is one
 * generation later than the last. Where the host has a TPM they are its to keep
 * (attest/host/client.h); here is what there is without one: memory, for a guest whose state is
 * gone at its end, or a file of root's. A file and a state of the same age pass for new ones, which
 * only a counter in a host's TPM could tell.
 *
 * begin, then casemate-tpm stores its state under the new key and says READY, then commit; a crash
 * in between leaves both keys, and the next begin gives the same ones again.
 */
#include <stdbool.h>
#include <stdint.h>

#include "hv/tpm_wire.h"

#define TPM_DIRECTORY "/var/lib/casemate/tpm" /* states of TPMs, by uuid, and their key files */

#define TPM_KEYRING_NAME_MAX 48 /* "UUID.key", with NUL */

/* Secret: tpm_keyring_close erases it. */
struct tpm_keyring {
    int directory; /* borrowed; -1: in memory alone */
    char name[TPM_KEYRING_NAME_MAX];
    uint8_t uuid[16];
    bool begun;          /* `next` has been given out for generation + 1 */
    uint64_t generation; /* of the last start that was committed; 0: there was none */
    uint8_t key[32], next[32];
};

/* For a state that is in memory alone. */
void tpm_keyring_memory(struct tpm_keyring *ring, const uint8_t uuid[16]);

/*
 * The file `name` in `directory`, which is root's alone, stays the caller's and must outlive the
 * ring. A file that is not there is a TPM that was never started. 0; -EBADMSG: not a file of ours,
 * or another guest's; -EPERM: somebody but root could read or write it; -errno.
 */
int tpm_keyring_open(struct tpm_keyring *ring, int directory, const char *name,
                     const uint8_t uuid[16]);

/*
 * Keys of the next start. With keys->fresh what the state file holds, if anything, was never used
 * by a guest and must go. Durable when it returns. 0 or -errno.
 */
int tpm_keyring_begin(struct tpm_keyring *ring, struct tpm_keys *keys);

/* What was begun is what counts from now on; durable when it returns. 0 or -errno. */
int tpm_keyring_commit(struct tpm_keyring *ring);

/*
 * Remove what the TPM of a guest, which does not run, has stored, its key file first: a state
 * without a key never starts. Durable when it returns. 0; -ENOENT: nothing was; -errno.
 */
int tpm_forget(const uint8_t uuid[16]);

/* Erase the keys from memory. */
void tpm_keyring_close(struct tpm_keyring *ring);

#endif
