/* SPDX-License-Identifier: Apache-2.0 */
/* The map of generations and its slots: pure, so every hostile byte can be tried. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "attest/host/slot.h"
#include "attest/host/store.h"

static const uint8_t master[GENERATIONS_KEY_SIZE] = "the key of the store, unsealed";

static void name(uint8_t uuid[16], unsigned number)
{
    memset(uuid, 0, 16);
    uuid[0] = (uint8_t)(number * 37);
    uuid[8] = (uint8_t)(number >> 8);
    uuid[15] = (uint8_t)number;
}

static void draw(uint8_t key[GENERATIONS_KEY_SIZE], unsigned number)
{
    memset(key, (int)(number % 255 + 1), GENERATIONS_KEY_SIZE);
}

static struct generations *with_guests(unsigned count)
{
    struct generations *map = NULL;

    assert_int_equal(generations_new(&map), 0);
    for (unsigned i = 0; i < count; i++) {
        uint8_t uuid[16], key[GENERATIONS_KEY_SIZE];
        struct generation row;

        name(uuid, i);
        draw(key, i);
        assert_int_equal(generations_begin(map, uuid, key, &row), 0);
        if (i % 3 != 0)
            assert_int_equal(generations_commit(map, uuid, 1), 0);
    }
    return map;
}

static void a_guests_life(void **state)
{
    uint8_t uuid[16], a[GENERATIONS_KEY_SIZE], b[GENERATIONS_KEY_SIZE], c[GENERATIONS_KEY_SIZE];
    struct generations *map = with_guests(5);
    struct generation row;

    (void)state;
    name(uuid, 77);
    draw(a, 1);
    draw(b, 2);
    draw(c, 3);
    assert_null(generations_find(map, uuid));
    assert_int_equal(generations_commit(map, uuid, 1), -ENOENT);
    assert_int_equal(generations_forget(map, uuid), -ENOENT);
    assert_int_equal(generations_begin(map, uuid, a, &row), 0);
    assert_int_equal(row.number, 0);
    assert_true(row.pending);
    assert_memory_equal(row.next, a, sizeof(a));
    /* the crash before the commit: the same keys again, not new ones */
    assert_int_equal(generations_begin(map, uuid, b, &row), 0);
    assert_memory_equal(row.next, a, sizeof(a));
    assert_int_equal(generations_commit(map, uuid, 2), -ESTALE);
    assert_int_equal(generations_commit(map, uuid, 0), -ESTALE);
    assert_int_equal(generations_commit(map, uuid, 1), 0);
    assert_int_equal(generations_commit(map, uuid, 1), -ESTALE);
    assert_int_equal(generations_begin(map, uuid, c, &row), 0);
    assert_int_equal(row.number, 1);
    assert_memory_equal(row.key, a, sizeof(a));
    assert_memory_equal(row.next, c, sizeof(c));
    assert_int_equal(generations_commit(map, uuid, 2), 0);
    assert_int_equal(generations_find(map, uuid)->number, 2);
    assert_memory_equal(generations_find(map, uuid)->key, c, sizeof(c));
    assert_int_equal(generations_forget(map, uuid), 0);
    assert_int_equal(generations_forget(map, uuid), -ENOENT);
    /* Its number is not given again: what is made for it now is later than all that there was. */
    assert_true(generation_is_forgotten(generations_find(map, uuid)));
    assert_int_equal(generations_commit(map, uuid, 3), -ESTALE);
    assert_int_equal(generations_begin(map, uuid, b, &row), 0);
    assert_int_equal(row.number, 2);
    assert_true(generation_is_fresh(&row));
    assert_false(generation_is_forgotten(&row));
    assert_int_equal(generations_commit(map, uuid, 3), 0);
    assert_false(generation_is_fresh(generations_find(map, uuid)));
    assert_int_equal(generations_forget(map, uuid), 0);
    assert_int_equal(generations_count(map), 6);
    /* One that never ran has nothing to keep. */
    name(uuid, 201);
    assert_int_equal(generations_begin(map, uuid, a, &row), 0);
    assert_int_equal(generations_forget(map, uuid), 0);
    assert_null(generations_find(map, uuid));
    generations_free(map);
}

static void every_change_moves_the_root(void **state)
{
    uint8_t roots[6][MERKLE_SIZE], uuid[16], key[GENERATIONS_KEY_SIZE];
    struct generations *map = with_guests(9);
    struct generation row;

    (void)state;
    name(uuid, 4); /* committed: 4 % 3 != 0 */
    draw(key, 99);
    assert_int_equal(generations_root(map, roots[0]), 0);
    assert_int_equal(generations_begin(map, uuid, key, &row), 0);
    assert_int_equal(generations_root(map, roots[1]), 0);
    assert_int_equal(generations_commit(map, uuid, 2), 0);
    assert_int_equal(generations_root(map, roots[2]), 0);
    assert_int_equal(generations_forget(map, uuid), 0);
    assert_int_equal(generations_root(map, roots[3]), 0);
    name(uuid, 200);
    assert_int_equal(generations_begin(map, uuid, key, &row), 0);
    assert_int_equal(generations_root(map, roots[4]), 0);
    name(uuid, 201);
    assert_int_equal(generations_begin(map, uuid, key, &row), 0);
    assert_int_equal(generations_root(map, roots[5]), 0);
    for (unsigned i = 0; i < 6; i++)
        for (unsigned j = 0; j < i; j++)
            assert_memory_not_equal(roots[i], roots[j], MERKLE_SIZE);
    generations_free(map);
}

static void rows_come_back(void **state)
{
    (void)state;
    for (unsigned count = 0; count < 40; count += 13) {
        struct generations *map = with_guests(count), *again = NULL;
        size_t size = (size_t)count * GENERATIONS_ROW_SIZE;
        uint8_t *bytes = malloc(size + 1), *more = malloc(size + 1);

        generations_write(map, bytes);
        assert_int_equal(generations_read(bytes, size, &again), 0);
        assert_int_equal(generations_count(again), count);
        generations_write(again, more);
        assert_memory_equal(bytes, more, size);
        if (size > 0)
            assert_int_equal(generations_read(bytes, size - 1, &again), -EBADMSG);
        generations_free(map);
        generations_free(again);
        free(bytes);
        free(more);
    }
}

static void hostile_rows(void **state)
{
    struct generations *map = with_guests(2), *again = NULL;
    uint8_t bytes[3 * GENERATIONS_ROW_SIZE], good[2 * GENERATIONS_ROW_SIZE], uuid[16];

    (void)state;
    generations_write(map, good);
    generations_free(map);
#define REFUSED(...)                                                                               \
    do {                                                                                           \
        memcpy(bytes, good, sizeof(good));                                                         \
        __VA_ARGS__;                                                                               \
        assert_int_equal(generations_read(bytes, sizeof(good), &again), -EBADMSG);                 \
        assert_null(again);                                                                        \
    } while (0)
    REFUSED(memcpy(bytes, good + 96, 96), memcpy(bytes + 96, good, 96)); /* order */
    REFUSED(memcpy(bytes + 96, bytes, 96));                              /* twice */
    REFUSED(bytes[24] = 2);                                              /* no bool */
    REFUSED(bytes[25] = 1);
    REFUSED(bytes[31] = 1);
    REFUSED(bytes[24] = 0);                 /* a guest without any start */
    REFUSED(memset(bytes + 64, 0, 32));     /* pending, without a key */
    REFUSED(bytes[32] = 1);                 /* a key of no start */
    REFUSED(bytes[96 + 64] = 1);            /* a next key, nothing pending */
    REFUSED(memset(bytes + 96 + 16, 0, 8)); /* number lost */
#undef REFUSED
    /* Started, and then forgotten; and begun anew. */
    memcpy(bytes, good, sizeof(good));
    memset(bytes + 96 + 32, 0, 32);
    bytes[16] = 1;
    assert_int_equal(generations_read(bytes, sizeof(good), &again), 0);
    name(uuid, 1);
    assert_true(generation_is_forgotten(generations_find(again, uuid)));
    name(uuid, 0);
    assert_true(generation_is_fresh(generations_find(again, uuid)));
    assert_false(generation_is_forgotten(generations_find(again, uuid)));
    generations_free(again);
}

static struct slot example_slot(void)
{
    struct slot slot = {.counter = 41,
                        .reset_count = 7,
                        .sealed = {.pcrs = 0x81, .public_size = 70, .private_size = 130}};

    memset(slot.sealed.public_area, 0xaa, 70);
    memset(slot.sealed.private_area, 0xbb, 130);
    return slot;
}

static void a_slot_comes_back(void **state)
{
    struct slot slot = example_slot(), header;
    struct generations *map = with_guests(7), *again = NULL;
    uint8_t wrong[GENERATIONS_KEY_SIZE] = {0}, *bytes = NULL;

    (void)state;
    assert_int_equal(slot_make(&slot, map, master, &bytes), 0);
    assert_int_equal(slot_read_header(bytes, &header), 0);
    assert_memory_equal(&header, &slot, sizeof(slot));
    assert_int_equal(slot_size(&header), SLOT_HEADER_SIZE + 7 * GENERATIONS_ROW_SIZE);
    assert_int_equal(slot_open(bytes, &header, wrong, &again), -EBADMSG);
    assert_int_equal(slot_open(bytes, &header, master, &again), 0);
    assert_int_equal(generations_count(again), 7);
    generations_free(again);
    again = NULL;
    /* every bit of header and rows is either of no form or not authentic */
    for (size_t i = 0; i < slot_size(&slot); i++) {
        bytes[i] ^= 1;
        if (slot_read_header(bytes, &header) == 0) {
            if (header.rows == slot.rows)
                assert_int_equal(slot_open(bytes, &header, master, &again), -EBADMSG);
            assert_null(again);
        }
        bytes[i] ^= 1;
    }
    free(bytes);
    generations_free(map);
}

static void hostile_headers(void **state)
{
    uint8_t bytes[SLOT_HEADER_SIZE] = {0}, good[SLOT_HEADER_SIZE], *made = NULL;
    struct generations *map = with_guests(0);
    struct slot slot = example_slot();

    (void)state;
    assert_int_equal(slot_read_header(bytes, &slot), -ENOENT);
    assert_int_equal(slot.counter, 41);
    assert_int_equal(slot_make(&slot, map, master, &made), 0);
    memcpy(good, made, sizeof(good));
    free(made);
    generations_free(map);
#define REFUSED(...)                                                                               \
    do {                                                                                           \
        memcpy(bytes, good, sizeof(good));                                                         \
        __VA_ARGS__;                                                                               \
        assert_int_equal(slot_read_header(bytes, &slot), -EBADMSG);                                \
    } while (0)
    REFUSED(bytes[0] = 'X');
    REFUSED(bytes[8] = 2);
    REFUSED(bytes[14] = 2); /* more rows than may be */
    REFUSED(bytes[15] = 0xff);
    REFUSED(memset(bytes + 16, 0, 8)); /* a counter is never 0 */
    REFUSED(bytes[31] = 1);            /* PCR 24 */
    REFUSED(bytes[32] = 0);
    REFUSED(bytes[33] = 2);
    REFUSED(bytes[34] = 0);
    REFUSED(bytes[35] = 0xff);
    REFUSED(bytes[36] = 1);
    REFUSED(bytes[40 + 71] = 1); /* behind the public area */
    REFUSED(bytes[296 + 255] = 1);
#undef REFUSED
}

/* doc/host-tpm.md's table, row by row. */
static void which_slot_belongs(void **state)
{
    const struct host_tpm_clock same = {.reset_count = 5, .orderly = false, .orderly_lost = 255};
    const struct host_tpm_clock told = {.reset_count = 6, .orderly = true, .orderly_lost = 255};
    const struct host_tpm_clock lost = {.reset_count = 6, .orderly = false, .orderly_lost = 255};

    (void)state;
    assert_int_equal(genstore_belongs(100, 5, 100, &same), 1);
    assert_int_equal(genstore_belongs(100, 5, 100, &told), 1);
    assert_int_equal(genstore_belongs(101, 5, 100, &same), 2);
    assert_int_equal(genstore_belongs(101, 5, 100, &lost), 2);
    assert_int_equal(genstore_belongs(102, 5, 100, &same), 0);
    assert_int_equal(genstore_belongs(UINT64_MAX, 5, 100, &lost), 0);
    assert_int_equal(genstore_belongs(99, 5, 100, &same), 0); /* this boot: nothing was lost */
    assert_int_equal(genstore_belongs(99, 5, 100, &told), 0);
    assert_int_equal(genstore_belongs(100, 5, 255, &lost), 3);
    assert_int_equal(genstore_belongs(254, 5, 255, &lost), 3);
    assert_int_equal(genstore_belongs(256, 5, 511, &lost), 3);
    assert_int_equal(genstore_belongs(255, 5, 511, &lost), 0); /* older than any crash explains */
    assert_int_equal(genstore_belongs(1, 5, UINT64_MAX, &lost), 0);
    assert_int_equal(genstore_belongs(100, 5, 256, &lost), 0); /* opened since the crash */
    assert_int_equal(genstore_belongs(99, 5, 100, &lost), 0);
    assert_int_equal(genstore_belongs(254, 6, 255, &lost), 0); /* written since the crash */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_guests_life),      cmocka_unit_test(every_change_moves_the_root),
        cmocka_unit_test(rows_come_back),     cmocka_unit_test(hostile_rows),
        cmocka_unit_test(a_slot_comes_back),  cmocka_unit_test(hostile_headers),
        cmocka_unit_test(which_slot_belongs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
