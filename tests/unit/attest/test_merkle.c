/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/sha.h>

#include "attest/host/deep.h"
#include "attest/merkle.h"

#define MOST 70u /* leaves: every shape up to 64, and some beyond */

static uint8_t leaves[MOST][MERKLE_SIZE];

static void make_leaves(void)
{
    for (uint32_t i = 0; i < MOST; i++)
        assert_int_equal(merkle_leaf(&i, sizeof(i), leaves[i]), 0);
}

/* RFC 6962, 2.1, word by word: the other implementation. */
static void root_by_the_book(uint32_t first, uint32_t count, uint8_t root[MERKLE_SIZE])
{
    uint8_t joined[1 + 2 * MERKLE_SIZE] = {0x01};
    uint32_t k = 1;

    if (count == 0) {
        assert_non_null(SHA256(joined, 0, root));
        return;
    }
    if (count == 1) {
        memcpy(root, leaves[first], MERKLE_SIZE);
        return;
    }
    while (k * 2 < count)
        k *= 2;
    root_by_the_book(first, k, joined + 1);
    root_by_the_book(first + k, count - k, joined + 1 + MERKLE_SIZE);
    assert_non_null(SHA256(joined, sizeof(joined), root));
}

static uint32_t path_by_the_book(uint32_t first, uint32_t count, uint32_t index,
                                 uint8_t (*proof)[MERKLE_SIZE])
{
    uint32_t k = 1, n;

    if (count == 1)
        return 0;
    while (k * 2 < count)
        k *= 2;
    if (index < k) {
        n = path_by_the_book(first, k, index, proof);
        root_by_the_book(first + k, count - k, proof[n]);
    } else {
        n = path_by_the_book(first + k, count - k, index - k, proof);
        root_by_the_book(first, k, proof[n]);
    }
    return n + 1;
}

#define LEAVES       ((const uint8_t(*)[MERKLE_SIZE])leaves)
#define CONST(proof) ((const uint8_t(*)[MERKLE_SIZE])(proof))

/* Values that anybody can have from `printf '\0' | sha256sum` and the like. */
static void known_values(void **state)
{
    static const uint8_t empty[] = {0xe3, 0xb0, 0xc4, 0x42}, zero_leaf[] = {0x6e, 0x34, 0x0b, 0x9c};
    uint8_t root[MERKLE_SIZE], expected[MERKLE_SIZE];
    uint8_t node[1 + 2 * MERKLE_SIZE] = {1};

    (void)state;
    assert_int_equal(merkle_root(NULL, 0, root), 0);
    assert_memory_equal(root, empty, 4);
    assert_int_equal(merkle_leaf("", 0, root), 0);
    assert_memory_equal(root, zero_leaf, 4); /* RFC 6962's own test vector for an empty leaf */
    memcpy(node + 1, leaves[0], MERKLE_SIZE);
    memcpy(node + 1 + MERKLE_SIZE, leaves[1], MERKLE_SIZE);
    assert_non_null(SHA256(node, sizeof(node), expected));
    assert_int_equal(merkle_root(LEAVES, 2, root), 0);
    assert_memory_equal(root, expected, MERKLE_SIZE);
}

static void large_leaf(void **state)
{
    uint8_t *data = calloc(1, 5001), hash[MERKLE_SIZE], expected[MERKLE_SIZE];

    (void)state;
    memset(data + 1, 'x', 5000);
    assert_int_equal(merkle_leaf(data + 1, 5000, hash), 0);
    assert_non_null(SHA256(data, 5001, expected));
    assert_memory_equal(hash, expected, MERKLE_SIZE);
    free(data);
}

static void every_tree_and_every_proof(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= MOST; n++) {
        struct merkle_tree *tree = NULL;
        uint8_t root[MERKLE_SIZE], expected[MERKLE_SIZE];

        root_by_the_book(0, n, expected);
        assert_int_equal(merkle_root(LEAVES, n, root), 0);
        assert_memory_equal(root, expected, MERKLE_SIZE);
        assert_int_equal(merkle_tree_make(LEAVES, n, &tree), 0);
        merkle_tree_root(tree, root);
        assert_memory_equal(root, expected, MERKLE_SIZE);
        for (uint32_t i = 0; i < n; i++) {
            uint8_t proof[MERKLE_PROOF_MAX][MERKLE_SIZE], book[MERKLE_PROOF_MAX][MERKLE_SIZE];
            uint32_t size = 99;

            assert_int_equal(merkle_tree_proof(tree, i, proof, &size), 0);
            assert_int_equal(size, path_by_the_book(0, n, i, book));
            assert_memory_equal(proof, book, size * MERKLE_SIZE);
            assert_true(merkle_verify(leaves[i], i, n, CONST(proof), size, root));
        }
        merkle_tree_free(tree);
    }
}

/* All indices, counts and lengths near the true ones: only the true triple may pass. */
static void other_places_are_refused(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= 33; n++) {
        uint8_t root[MERKLE_SIZE];

        assert_int_equal(merkle_root(LEAVES, n, root), 0);
        for (uint32_t i = 0; i < n; i++) {
            uint8_t proof[MERKLE_PROOF_MAX][MERKLE_SIZE] = {{0}};
            uint32_t size;

            assert_int_equal(merkle_proof(LEAVES, n, i, proof, &size), 0);
            for (uint32_t j = 0; j < n + 3; j++)
                if (j != i)
                    assert_false(merkle_verify(leaves[i], j, n, CONST(proof), size, root));
            if (size > 0)
                assert_false(merkle_verify(leaves[i], i, n, CONST(proof), size - 1, root));
            assert_false(merkle_verify(leaves[i], i, n, CONST(proof), size + 1, root));
            if (n < MOST)
                assert_false(
                    merkle_verify(leaves[(i + 1) % (n + 1)], i, n, CONST(proof), size, root));
        }
    }
}

static void every_bit_counts(void **state)
{
    uint8_t proof[MERKLE_PROOF_MAX][MERKLE_SIZE], root[MERKLE_SIZE], leaf[MERKLE_SIZE];
    const uint32_t n = 21, i = 13;
    uint32_t size;

    (void)state;
    assert_int_equal(merkle_root(LEAVES, n, root), 0);
    assert_int_equal(merkle_proof(LEAVES, n, i, proof, &size), 0);
    memcpy(leaf, leaves[i], sizeof(leaf));
    for (uint32_t bit = 0; bit < size * MERKLE_SIZE * 8; bit++) {
        uint8_t *byte = &proof[bit / 8 / MERKLE_SIZE][bit / 8 % MERKLE_SIZE];

        *byte ^= (uint8_t)(1u << bit % 8);
        assert_false(merkle_verify(leaf, i, n, CONST(proof), size, root));
        *byte ^= (uint8_t)(1u << bit % 8);
    }
    for (uint32_t bit = 0; bit < MERKLE_SIZE * 8; bit++) {
        leaf[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(merkle_verify(leaf, i, n, CONST(proof), size, root));
        leaf[bit / 8] ^= (uint8_t)(1u << bit % 8);
        root[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(merkle_verify(leaf, i, n, CONST(proof), size, root));
        root[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(merkle_verify(leaf, i, n, CONST(proof), size, root));
}

/* Without the prefixes an inner node, given as data, would pass for a leaf one level up. */
static void a_node_is_no_leaf(void **state)
{
    uint8_t proof[MERKLE_PROOF_MAX][MERKLE_SIZE], root[MERKLE_SIZE], node[2 * MERKLE_SIZE],
        forged[MERKLE_SIZE];
    uint32_t size;

    (void)state;
    assert_int_equal(merkle_root(LEAVES, 4, root), 0);
    assert_int_equal(merkle_proof(LEAVES, 4, 0, proof, &size), 0);
    memcpy(node, leaves[0], MERKLE_SIZE);
    memcpy(node + MERKLE_SIZE, leaves[1], MERKLE_SIZE);
    assert_int_equal(merkle_leaf(node, sizeof(node), forged), 0);
    assert_false(merkle_verify(forged, 0, 2, CONST(proof + 1), 1, root));
}

static void largest_numbers(void **state)
{
    uint8_t proof[MERKLE_PROOF_MAX][MERKLE_SIZE] = {{0}}, root[MERKLE_SIZE] = {0};

    (void)state;
    assert_false(merkle_verify(leaves[0], 0, 0, CONST(proof), 0, root));
    assert_false(merkle_verify(leaves[0], UINT32_MAX, UINT32_MAX, CONST(proof), 32, root));
    assert_int_equal(merkle_climb(leaves[0], UINT32_MAX - 1, UINT32_MAX, CONST(proof), 32, root),
                     -EBADMSG); /* the last leaf of an odd tree has fewer siblings */
    assert_int_equal(merkle_climb(leaves[0], 0, UINT32_MAX, CONST(proof), 32, root), 0);
    assert_int_equal(merkle_proof(LEAVES, 3, 3, proof, &(uint32_t){0}), -EINVAL);
    assert_int_equal(merkle_proof(LEAVES, 0, 0, proof, &(uint32_t){0}), -EINVAL);
}

static void batch(void **state)
{
    static const char text[3][8] = {"first", "second", "third"};
    uint8_t root[MERKLE_SIZE], proof[MERKLE_PROOF_MAX][MERKLE_SIZE];
    struct deep_batch *batch = NULL;
    uint32_t index, size;

    (void)state;
    assert_int_equal(deep_batch_new(0, &batch), -EINVAL);
    assert_int_equal(deep_batch_new(65537, &batch), -EINVAL);
    assert_int_equal(deep_batch_new(3, &batch), 0);
    assert_int_equal(deep_batch_close(batch, root), -EINVAL);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(deep_batch_add(batch, text[i], strlen(text[i]), &index), 0);
        assert_int_equal(index, i);
    }
    assert_int_equal(deep_batch_add(batch, "more", 4, &index), -ENOSPC);
    assert_int_equal(deep_batch_proof(batch, 0, proof, &size), -EINVAL);
    assert_int_equal(deep_batch_close(batch, root), 0);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(deep_batch_proof(batch, i, proof, &size), 0);
        assert_int_equal(
            deep_check(text[i], strlen(text[i]), i, 3, CONST(proof), size, root, sizeof(root)), 0);
        /* another's proof, another's text, a quote over something else */
        assert_int_equal(deep_check(text[(i + 1) % 3], strlen(text[(i + 1) % 3]), i, 3,
                                    CONST(proof), size, root, sizeof(root)),
                         -EBADMSG);
        assert_int_equal(
            deep_check(text[i], strlen(text[i]) - 1, i, 3, CONST(proof), size, root, sizeof(root)),
            -EBADMSG);
        assert_int_equal(
            deep_check(text[i], strlen(text[i]), i, 3, CONST(proof), size, leaves[0], sizeof(root)),
            -EBADMSG);
        assert_int_equal(deep_check(text[i], strlen(text[i]), i, 3, CONST(proof), size, root, 31),
                         -EBADMSG);
    }
    deep_batch_reset(batch);
    assert_int_equal(deep_batch_count(batch), 0);
    assert_int_equal(deep_batch_add(batch, "again", 5, &index), 0);
    assert_int_equal(deep_batch_close(batch, root), 0);
    assert_int_equal(deep_check("again", 5, 0, 1, CONST(proof), 0, root, sizeof(root)), 0);
    assert_int_equal(deep_batch_add(batch, "late", 4, &index), -ENOSPC);
    deep_batch_free(batch);
    deep_batch_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values),
        cmocka_unit_test(large_leaf),
        cmocka_unit_test(every_tree_and_every_proof),
        cmocka_unit_test(other_places_are_refused),
        cmocka_unit_test(every_bit_counts),
        cmocka_unit_test(a_node_is_no_leaf),
        cmocka_unit_test(largest_numbers),
        cmocka_unit_test(batch),
    };

    make_leaves();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
