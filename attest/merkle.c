/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/merkle.h"

#include <errno.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

/*
 * A tree is kept as levels: level 0 are the leaves, each further one half of the one below; a node
 * without a sibling moves up as it is. That is the shape of RFC 6962's recursion: the split at the
 * largest power of two makes every left subtree full, so the odd one out is always the last.
 */
#define LEVELS_MAX 33u

struct merkle_tree {
    uint32_t levels;
    uint32_t count[LEVELS_MAX];
    uint8_t (*level[LEVELS_MAX])[MERKLE_SIZE]; /* all within `nodes` */
    uint8_t nodes[][MERKLE_SIZE];
};

static int hash_prefixed(uint8_t prefix, const void *a, size_t a_size, const void *b, size_t b_size,
                         uint8_t hash[MERKLE_SIZE])
{
    uint8_t joined[1 + 2 * MERKLE_SIZE];
    uint8_t *heap = NULL, *bytes = joined;

    if (a_size + b_size > sizeof(joined) - 1) {
        heap = malloc(1 + a_size + b_size);
        if (heap == NULL)
            return -ENOMEM;
        bytes = heap;
    }
    bytes[0] = prefix;
    if (a_size > 0)
        memcpy(bytes + 1, a, a_size);
    if (b_size > 0)
        memcpy(bytes + 1 + a_size, b, b_size);
    if (SHA256(bytes, 1 + a_size + b_size, hash) == NULL) {
        free(heap);
        return -EIO;
    }
    free(heap);
    return 0;
}

int merkle_leaf(const void *data, size_t size, uint8_t hash[MERKLE_SIZE])
{
    return hash_prefixed(0x00, data, size, NULL, 0, hash);
}

int merkle_node(const uint8_t left[MERKLE_SIZE], const uint8_t right[MERKLE_SIZE],
                uint8_t hash[MERKLE_SIZE])
{
    return hash_prefixed(0x01, left, MERKLE_SIZE, right, MERKLE_SIZE, hash);
}

/* The nodes of one level from those below. */
static int raise_level(const uint8_t (*below)[MERKLE_SIZE], uint32_t count,
                       uint8_t (*above)[MERKLE_SIZE])
{
    uint32_t i;

    for (i = 0; i + 1 < count; i += 2) {
        int r = merkle_node(below[i], below[i + 1], above[i / 2]);

        if (r < 0)
            return r;
    }
    if (i < count)
        memmove(above[i / 2], below[i], MERKLE_SIZE);
    return 0;
}

static uint32_t half(uint32_t count)
{
    return count / 2 + count % 2;
}

int merkle_tree_make(const uint8_t (*leaves)[MERKLE_SIZE], uint32_t count,
                     struct merkle_tree **tree)
{
    size_t nodes = count > 0 ? count : 1, at = 0;
    struct merkle_tree *t;
    int r = 0;

    for (uint32_t n = count; n > 1; n = half(n))
        nodes += half(n);
    if (nodes > (SIZE_MAX - sizeof(*t)) / MERKLE_SIZE)
        return -ENOMEM;
    t = calloc(1, sizeof(*t) + nodes * MERKLE_SIZE);
    if (t == NULL)
        return -ENOMEM;
    t->levels = 1;
    t->count[0] = count;
    t->level[0] = t->nodes;
    if (count == 0)
        r = SHA256((const uint8_t *)"", 0, t->nodes[0]) != NULL ? 0 : -EIO;
    else
        memcpy(t->nodes, leaves, (size_t)count * MERKLE_SIZE);
    for (uint32_t n = count; r == 0 && n > 1; n = half(n)) {
        at += n;
        t->level[t->levels] = t->nodes + at;
        t->count[t->levels] = half(n);
        r = raise_level((const uint8_t(*)[MERKLE_SIZE])t->level[t->levels - 1], n,
                        t->level[t->levels]);
        t->levels++;
    }
    if (r < 0) {
        free(t);
        return r;
    }
    *tree = t;
    return 0;
}

void merkle_tree_free(struct merkle_tree *tree)
{
    free(tree);
}

void merkle_tree_root(const struct merkle_tree *tree, uint8_t root[MERKLE_SIZE])
{
    memcpy(root, tree->level[tree->levels - 1][0], MERKLE_SIZE);
}

int merkle_tree_proof(const struct merkle_tree *tree, uint32_t index,
                      uint8_t proof[MERKLE_PROOF_MAX][MERKLE_SIZE], uint32_t *size)
{
    uint32_t n = 0;

    if (index >= tree->count[0])
        return -EINVAL;
    for (uint32_t level = 0; level + 1 < tree->levels; level++, index /= 2) {
        uint32_t sibling = index ^ 1u;

        if (sibling < tree->count[level])
            memcpy(proof[n++], tree->level[level][sibling], MERKLE_SIZE);
    }
    *size = n;
    return 0;
}

int merkle_root(const uint8_t (*leaves)[MERKLE_SIZE], uint32_t count, uint8_t root[MERKLE_SIZE])
{
    struct merkle_tree *tree = NULL;
    int r = merkle_tree_make(leaves, count, &tree);

    if (r < 0)
        return r;
    merkle_tree_root(tree, root);
    merkle_tree_free(tree);
    return 0;
}

int merkle_proof(const uint8_t (*leaves)[MERKLE_SIZE], uint32_t count, uint32_t index,
                 uint8_t proof[MERKLE_PROOF_MAX][MERKLE_SIZE], uint32_t *size)
{
    struct merkle_tree *tree = NULL;
    int r;

    if (index >= count)
        return -EINVAL;
    r = merkle_tree_make(leaves, count, &tree);
    if (r < 0)
        return r;
    r = merkle_tree_proof(tree, index, proof, size);
    merkle_tree_free(tree);
    return r;
}

int merkle_climb(const uint8_t leaf[MERKLE_SIZE], uint32_t index, uint32_t count,
                 const uint8_t (*proof)[MERKLE_SIZE], uint32_t size, uint8_t root[MERKLE_SIZE])
{
    uint8_t hash[MERKLE_SIZE];
    uint32_t used = 0;

    if (index >= count)
        return -EBADMSG;
    memcpy(hash, leaf, MERKLE_SIZE);
    /* The shape of the tree, and not the proof, says where a sibling stands. */
    for (uint32_t n = count; n > 1; n = half(n), index /= 2) {
        uint32_t sibling = index ^ 1u;
        int r;

        if (sibling >= n)
            continue;
        if (used == size)
            return -EBADMSG;
        r = sibling < index ? merkle_node(proof[used], hash, hash)
                            : merkle_node(hash, proof[used], hash);
        if (r < 0)
            return r;
        used++;
    }
    if (used != size)
        return -EBADMSG;
    memcpy(root, hash, MERKLE_SIZE);
    return 0;
}

bool merkle_verify(const uint8_t leaf[MERKLE_SIZE], uint32_t index, uint32_t count,
                   const uint8_t (*proof)[MERKLE_SIZE], uint32_t size,
                   const uint8_t root[MERKLE_SIZE])
{
    uint8_t reached[MERKLE_SIZE];

    return merkle_climb(leaf, index, count, proof, size, reached) == 0 &&
           memcmp(reached, root, MERKLE_SIZE) == 0;
}
