/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/host/deep.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_MAX 65536u

struct deep_batch {
    uint32_t most, count;
    struct merkle_tree *tree; /* once it is closed */
    uint8_t (*leaves)[MERKLE_SIZE];
};

int deep_check(const void *statement, size_t size, uint32_t index, uint32_t leaves,
               const uint8_t (*proof)[MERKLE_SIZE], uint32_t proof_size, const void *extra,
               size_t extra_size)
{
    uint8_t hash[MERKLE_SIZE];
    int r = merkle_leaf(statement, size, hash);

    if (r == 0)
        r = merkle_climb(hash, index, leaves, proof, proof_size, hash);
    if (r < 0)
        return r;
    return extra_size == sizeof(hash) && memcmp(extra, hash, sizeof(hash)) == 0 ? 0 : -EBADMSG;
}

int deep_batch_new(uint32_t most, struct deep_batch **batch)
{
    struct deep_batch *b;

    if (most == 0 || most > BATCH_MAX)
        return -EINVAL;
    b = calloc(1, sizeof(*b));
    if (b == NULL)
        return -ENOMEM;
    b->most = most;
    b->leaves = calloc(most, sizeof(b->leaves[0]));
    if (b->leaves == NULL) {
        free(b);
        return -ENOMEM;
    }
    *batch = b;
    return 0;
}

void deep_batch_free(struct deep_batch *batch)
{
    if (batch == NULL)
        return;
    merkle_tree_free(batch->tree);
    free(batch->leaves);
    free(batch);
}

int deep_batch_add(struct deep_batch *batch, const void *statement, size_t size, uint32_t *index)
{
    int r;

    if (batch->tree != NULL || batch->count == batch->most)
        return -ENOSPC;
    r = merkle_leaf(statement, size, batch->leaves[batch->count]);
    if (r < 0)
        return r;
    *index = batch->count++;
    return 0;
}

uint32_t deep_batch_count(const struct deep_batch *batch)
{
    return batch->count;
}

int deep_batch_close(struct deep_batch *batch, uint8_t root[MERKLE_SIZE])
{
    int r = 0;

    if (batch->count == 0)
        return -EINVAL;
    if (batch->tree == NULL)
        r = merkle_tree_make((const uint8_t(*)[MERKLE_SIZE])batch->leaves, batch->count,
                             &batch->tree);
    if (r < 0)
        return r;
    merkle_tree_root(batch->tree, root);
    return 0;
}

int deep_batch_proof(const struct deep_batch *batch, uint32_t index,
                     uint8_t proof[MERKLE_PROOF_MAX][MERKLE_SIZE], uint32_t *size)
{
    return batch->tree == NULL ? -EINVAL : merkle_tree_proof(batch->tree, index, proof, size);
}

void deep_batch_reset(struct deep_batch *batch)
{
    merkle_tree_free(batch->tree);
    batch->tree = NULL;
    batch->count = 0;
}
