/* SPDX-License-Identifier: Apache-2.0 */
/* The module's text: the slots, what asserts that they are apart, the labels of our own files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/emit/module.h"

#define SLOTS_FILE "mac/selinux/casemate-slots.cil"

static struct buf made(unsigned slots)
{
    struct buf out;

    buf_init(&out, 16U << 20);
    emit_slots(slots, &out);
    assert_int_equal(buf_status(&out), 0);
    return out;
}

/* Packages and the test host take the modules from their folder: it is what we make. */
static void test_file_in_the_tree(void **state)
{
    struct buf out = made(EMIT_SLOTS_MIN);
    char *text = calloc(1, out.size + 2);
    FILE *f = fopen(SLOTS_FILE, getenv("CASEMATE_GOLDEN_UPDATE") ? "w+" : "r");

    (void)state;
    assert_non_null(f);
    assert_non_null(text);
    if (getenv("CASEMATE_GOLDEN_UPDATE")) {
        assert_int_equal(fwrite(out.data, 1, out.size, f), out.size);
        rewind(f);
    }
    assert_int_equal(fread(text, 1, out.size + 1, f), out.size);
    assert_memory_equal(text, out.data, out.size);
    assert_int_equal(fclose(f), 0);
    free(text);
    buf_release(&out);
}

/* Where the list of `attribute` begins and ends, or NULL. */
static const char *list_of(const struct buf *out, const char *attribute, const char **end)
{
    char head[96];
    const char *at;

    (void)snprintf(head, sizeof(head), "(typeattributeset %s (", attribute);
    at = strstr((const char *)out->data, head);
    *end = at ? strstr(at, "))\n") : NULL;
    return at;
}

static bool listed(const struct buf *out, const char *kind, unsigned digit, unsigned value,
                   unsigned slot)
{
    char attribute[64], name[64];
    const char *from, *end, *found;

    (void)snprintf(attribute, sizeof(attribute), "casemate_%s_%u_%u", kind, digit, value);
    (void)snprintf(name, sizeof(name), "casemate_tenant_%04u.%s", slot, kind);
    from = list_of(out, attribute, &end);
    if (from == NULL || end == NULL)
        return false;
    found = strstr(from, name);
    return found != NULL && found < end;
}

/* For every two slots there is an assertion with one as who acts and the other as what is meant. */
static void every_two_are_apart(unsigned slots)
{
    struct buf out = made(slots);
    bool *in = calloc((size_t)slots * 12 * 2, sizeof(*in));

    assert_non_null(in);
    for (unsigned s = 0; s < slots; s++) {
        for (unsigned d = 0; d < 12; d++) {
            for (unsigned v = 0; v < 2; v++) {
                bool own = listed(&out, "own", d, v, s);

                assert_int_equal(own, listed(&out, "operator", d, v, s));
                in[(s * 12 + d) * 2 + v] = own;
            }
        }
    }
    for (unsigned a = 0; a < slots; a++) {
        for (unsigned b = 0; b < slots; b++) {
            bool apart = false;

            for (unsigned d = 0; d < 12; d++) {
                for (unsigned v = 0; v < 2; v++)
                    apart |= in[(a * 12 + d) * 2 + 1 - v] && in[(b * 12 + d) * 2 + v];
                /* and nobody is on both sides, or rules of its own would be refused */
                assert_false(in[(a * 12 + d) * 2] && in[(a * 12 + d) * 2 + 1]);
            }
            assert_int_equal(apart, a != b);
        }
    }
    free(in);
    buf_release(&out);
}

static void test_slots_are_apart(void **state)
{
    (void)state;
    every_two_are_apart(2);
    every_two_are_apart(3);
    every_two_are_apart(EMIT_SLOTS_MIN);
    every_two_are_apart(97);
}

static size_t count(const struct buf *out, const char *word)
{
    size_t n = 0;

    for (const char *at = (const char *)out->data; (at = strstr(at, word)) != NULL; at++)
        n++;
    return n;
}

static void test_assertions_grow_slowly(void **state)
{
    struct buf out = made(EMIT_SLOTS_MAX);

    (void)state;
    assert_int_equal(count(&out, "(block casemate_tenant_"), EMIT_SLOTS_MAX);
    assert_int_equal(count(&out, "(neverallow "), 24);
    assert_non_null(strstr((const char *)out.data, "(block casemate_tenant_4095 ("));
    buf_release(&out);
}

static void test_bad_numbers(void **state)
{
    static const unsigned bad[] = {0, 1, EMIT_SLOTS_MAX + 1, 10000, UINT32_MAX};
    struct buf out;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        buf_init(&out, 1U << 20);
        emit_slots(bad[i], &out);
        assert_int_equal(buf_status(&out), -EINVAL);
        assert_int_equal(out.size, 0);
        buf_release(&out);
    }
    buf_init(&out, 1000);
    emit_module(64, &out);
    assert_int_equal(buf_status(&out), -EFBIG);
    buf_release(&out);
}

static void test_slots_for(void **state)
{
    (void)state;
    assert_int_equal(emit_slots_for(0), 64);
    assert_int_equal(emit_slots_for(63), 64);
    assert_int_equal(emit_slots_for(64), 256);
    assert_int_equal(emit_slots_for(255), 256);
    assert_int_equal(emit_slots_for(256), 512);
    assert_int_equal(emit_slots_for(1000), 1024);
    assert_int_equal(emit_slots_for(4095), 4096);
    assert_int_equal(emit_slots_for(4096), 0);
    assert_int_equal(emit_slots_for(SIZE_MAX), 0);
}

static void test_module_is_its_parts(void **state)
{
    struct emit_part part;
    struct buf whole, slots = made(64);
    size_t at = 0, i = 0;

    (void)state;
    buf_init(&whole, 1U << 20);
    emit_module(64, &whole);
    assert_int_equal(buf_status(&whole), 0);
    for (const char *last = ""; emit_part(i, &part) == 0; i++, last = part.name) {
        const char *text = part.text ? part.text : (const char *)slots.data;
        size_t size = part.text ? part.size : slots.size;

        assert_true(strcmp(last, part.name) < 0);
        assert_true(at + size <= whole.size);
        assert_memory_equal(whole.data + at, text, size);
        assert_int_equal(text[size - 1], '\n');
        assert_int_equal(strlen(text), size);
        at += size;
    }
    assert_int_equal(i, 5);
    assert_int_equal(at, whole.size);
    assert_int_equal(emit_part(i, &part), -ENOENT);
    assert_int_equal(emit_part(SIZE_MAX, &part), -ENOENT);
    buf_release(&whole);
    buf_release(&slots);
}

static void test_contexts(void **state)
{
    struct buf out;
    struct emit_part part;
    size_t filecons = 0, lines = 0;

    (void)state;
    buf_init(&out, 1U << 16);
    emit_contexts(&out);
    assert_int_equal(buf_status(&out), 0);
    for (size_t i = 0; emit_part(i, &part) == 0; i++) {
        for (const char *at = part.text; at && (at = strstr(at, "(filecon ")) != NULL; at++)
            filecons++;
    }
    for (size_t i = 0; i < out.size; i++)
        lines += out.data[i] == '\n';
    assert_int_equal(lines, filecons);
    assert_non_null(strstr((const char *)out.data,
                           "/var/lib/casemate(/.*)?\tsystem_u:object_r:casemate_state_t:s0\n"));
    assert_non_null(strstr((const char *)out.data,
                           "/run/casemate/org\\.casemate\\.Host\t-s\tsystem_u:object_r:"
                           "casemate_socket_t:s0\n"));
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file_in_the_tree),
        cmocka_unit_test(test_slots_are_apart),
        cmocka_unit_test(test_assertions_grow_slowly),
        cmocka_unit_test(test_bad_numbers),
        cmocka_unit_test(test_slots_for),
        cmocka_unit_test(test_module_is_its_parts),
        cmocka_unit_test(test_contexts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
