/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_VTPM_STATE_H
#define CASEMATE_ATTEST_VTPM_STATE_H

/*
 * What a virtual TPM keeps from one start to the next, in one descriptor and without a rename: two
 * slots, written in turn, each followed by fdatasync. A write that is cut short, wherever, leaves
 * the other slot as it was, which is then what loads.
 *
 * A slot is a header and the content under AES-256-GCM, with the header as associated data. The key
 * is another at each start (struct tpm_keys): what an earlier start left behind cannot be opened
 * by a later one's key, so a copy put back is refused. Within one start a copy of a slot that this
 * start itself wrote does load: doc/vtpm.md says what that means.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hv/tpm_wire.h"

#define STATE_HEADER_SIZE 80u
#define STATE_SLOT_SIZE   (TPM_STATE_SIZE / 2)
#define STATE_CONTENT_MAX (STATE_SLOT_SIZE - STATE_HEADER_SIZE)

/* A slot's header, little-endian in this order, as it is in the file before the ciphertext. */
struct state_header {
    uint64_t sequence;   /* one more at each write: the higher one of two is the newer */
    uint64_t generation; /* of the start that wrote it */
    uint8_t uuid[16];
    uint32_t size; /* of the ciphertext, 1..STATE_CONTENT_MAX */
    uint8_t nonce[12];
    uint8_t tag[16];
};

/*
 * Decode the header at the start of a slot. 0; -ENODATA: nothing was ever written there (zeroes, or
 * no bytes at all); -EBADMSG: not a header of ours, or cut short.
 */
int state_header_decode(const uint8_t *bytes, size_t size, struct state_header *header);

struct state;

/*
 * Open the state in `fd`, which stays the caller's, and store its content: *content of *size bytes,
 * to be released with state_content_free. With keys->fresh the file must hold no state, *content
 * is NULL and *size 0. Else a slot is taken that is of this guest and either was written under
 * old_key by the generation before this one, or under new_key by this generation: then this start
 * was begun before, and the guest did not run. From now on state_store writes under new_key.
 *
 * -EINVAL: keys out of range; -EEXIST: fresh, but there is a state; -ENODATA: there is none;
 * -EXDEV: another guest's; -ESTALE: of another generation: an old copy, or the keys are old;
 * -EKEYREJECTED: another key's, or altered; -EBADMSG: no state of ours; -ENOMEM; -EIO; -errno. Of
 * two slots that are both refused, the newer one gives the reason.
 */
int state_open(int fd, const struct tpm_keys *keys, struct state **state, uint8_t **content,
               size_t *size);

/* Erase and release what state_open gave. */
void state_content_free(uint8_t *content, size_t size);

/*
 * Write the content, which is `head` and then `body`, into the older slot, and wait until it is
 * stored. 0; -EFBIG: more than STATE_CONTENT_MAX; -EIO; -errno. After an error the slot that was
 * current still is.
 */
int state_store(struct state *state, const void *head, size_t head_size, const void *body,
                size_t body_size);

/* Erase the key. NULL is allowed. */
void state_close(struct state *state);

#endif
