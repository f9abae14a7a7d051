/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_VTPM_STATE_PRIVATE_H
#define CASEMATE_ATTEST_VTPM_STATE_PRIVATE_H

/* For tests and fuzzing: one slot, without a file. */
#include "attest/vtpm/state.h"

/*
 * Decode, check and open `size` bytes of a slot: its header, and header->size bytes of content into
 * `plain`, which has room for STATE_CONTENT_MAX. Errors as state_open; with those that come after a
 * header was found (-EXDEV, -ESTALE, -EKEYREJECTED) *header is that one.
 */
int state_slot_read(const uint8_t *slot, size_t size, const struct tpm_keys *keys,
                    struct state_header *header, uint8_t *plain);

#endif
