/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_MERKLE_H
#define CASEMATE_ATTEST_MERKLE_H

/*
 * Merkle trees over SHA-256 as RFC 6962, section 2.1: a leaf is H(0x00 || data), a node is
 * H(0x01 || left || right), and a tree of n > 1 leaves splits at the largest power of two below n.
 * The prefixes keep a node from passing for a leaf. Pure; a proof is checked without allocation.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MERKLE_SIZE      32u /* bytes of a hash */
#define MERKLE_PROOF_MAX 32u /* nodes: for up to 2^32 - 1 leaves */

/* H(0x00 || data). 0, -ENOMEM or -EIO. */
int merkle_leaf(const void *data, size_t size, uint8_t hash[MERKLE_SIZE]);

/* H(0x01 || left || right). `hash` may be either of them. 0 or -EIO. */
int merkle_node(const uint8_t left[MERKLE_SIZE], const uint8_t right[MERKLE_SIZE],
                uint8_t hash[MERKLE_SIZE]);

/* The root of `count` leaf hashes; of none it is SHA-256 of nothing. 0, -ENOMEM or -EIO. */
int merkle_root(const uint8_t (*leaves)[MERKLE_SIZE], uint32_t count, uint8_t root[MERKLE_SIZE]);

/*
 * The proof that leaf `index` is in the tree of `count` leaf hashes: the siblings on its way up,
 * the lowest first (RFC 6962, 2.1.1). *size is their number. -EINVAL for index >= count, -ENOMEM,
 * -EIO. Costs as much as the root; who wants many of one tree takes merkle_tree_*.
 */
int merkle_proof(const uint8_t (*leaves)[MERKLE_SIZE], uint32_t count, uint32_t index,
                 uint8_t proof[MERKLE_PROOF_MAX][MERKLE_SIZE], uint32_t *size);

/*
 * The root that `leaf` as number `index` of `count` and its proof lead to. Everything may be
 * hostile: -EBADMSG for an index outside, or a proof of another length than the tree's shape
 * demands (RFC 9162, 2.1.3.2); -EIO. `root` may be `leaf`.
 */
int merkle_climb(const uint8_t leaf[MERKLE_SIZE], uint32_t index, uint32_t count,
                 const uint8_t (*proof)[MERKLE_SIZE], uint32_t size, uint8_t root[MERKLE_SIZE]);

/* True if that is `root`. */
bool merkle_verify(const uint8_t leaf[MERKLE_SIZE], uint32_t index, uint32_t count,
                   const uint8_t (*proof)[MERKLE_SIZE], uint32_t size,
                   const uint8_t root[MERKLE_SIZE]);

/* All nodes of one tree, so that each proof is a walk: opaque, released with merkle_tree_free. */
struct merkle_tree;

/* Of `count` leaf hashes, which are copied. 0, -ENOMEM, -EIO. */
int merkle_tree_make(const uint8_t (*leaves)[MERKLE_SIZE], uint32_t count,
                     struct merkle_tree **tree);
/* NULL is nothing. */
void merkle_tree_free(struct merkle_tree *tree);
/* Its root. */
void merkle_tree_root(const struct merkle_tree *tree, uint8_t root[MERKLE_SIZE]);
/* As merkle_proof. 0 or -EINVAL. */
int merkle_tree_proof(const struct merkle_tree *tree, uint32_t index,
                      uint8_t proof[MERKLE_PROOF_MAX][MERKLE_SIZE], uint32_t *size);

#endif
