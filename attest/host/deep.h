/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_HOST_DEEP_H
#define CASEMATE_ATTEST_HOST_DEEP_H

/*
 * Deep quotes: what the host's TPM signs is a Merkle root over many guests' statements, because it
 * signs a few times a second and guests are thousands. Pure: no TPM, no clock.
 */
#include <stdint.h>

#include "attest/merkle.h"

/*
 * Verifier's half: 0 if `statement` is leaf `index` of `leaves` and the quote with the qualifying
 * data `extra` (TPMS_ATTEST.extraData) is over that tree, its root being exactly that; -EBADMSG if
 * not; -ENOMEM, -EIO. The quote's signature is somebody else's to check.
 */
int deep_check(const void *statement, size_t size, uint32_t index, uint32_t leaves,
               const uint8_t (*proof)[MERKLE_SIZE], uint32_t proof_size, const void *extra,
               size_t extra_size);

/* A batch that is being collected. */
struct deep_batch;

/* For at most `most` (1..65536) statements. 0, -EINVAL, -ENOMEM. */
int deep_batch_new(uint32_t most, struct deep_batch **batch);
/* NULL is nothing. */
void deep_batch_free(struct deep_batch *batch);
/* Take a statement in; *index is its leaf. -ENOSPC when it is full, -EIO. */
int deep_batch_add(struct deep_batch *batch, const void *statement, size_t size, uint32_t *index);
/* How many it has. */
uint32_t deep_batch_count(const struct deep_batch *batch);
/* No more are taken: the root, which is what the quote
 * signs. -EINVAL if it is empty, -ENOMEM, -EIO. */
int deep_batch_close(struct deep_batch *batch, uint8_t root[MERKLE_SIZE]);
/* The proof of one leaf of a closed batch. 0 or -EINVAL. */
int deep_batch_proof(const struct deep_batch *batch, uint32_t index,
                     uint8_t proof[MERKLE_PROOF_MAX][MERKLE_SIZE], uint32_t *size);
/* Empty again. */
void deep_batch_reset(struct deep_batch *batch);

#endif
