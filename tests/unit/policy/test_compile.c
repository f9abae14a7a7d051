/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the golden corpus (tests/golden/host) is no place for: sources that are huge or hostile,
 * images as somebody else might write them, and that the same policy is always the same bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "policy/language/compile.h"

#define TEXT_MAX (40u << 20)

static uint8_t *memory;
static struct arena arena;
static struct compile_result result;
static char *text; /* TEXT_MAX bytes */

static int setup(void **state)
{
    (void)state;
    memory = mmap(NULL, COMPILE_ARENA_SIZE, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    text = malloc(TEXT_MAX);
    return memory != MAP_FAILED && text != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    free(text);
    return munmap(memory, COMPILE_ARENA_SIZE);
}

static int compile_bytes(const char *source, size_t size)
{
    assert_int_equal(madvise(memory, COMPILE_ARENA_SIZE, MADV_DONTNEED), 0);
    arena_init(&arena, memory, COMPILE_ARENA_SIZE);
    return compile_text(source, size, &arena, &result);
}

/* Refused, with one message that says so. */
static void refused(const char *source, size_t size, uint32_t messages, const char *why)
{
    assert_int_equal(compile_bytes(source, size), -EINVAL);
    assert_null(result.image);
    if (messages > 0)
        assert_int_equal(result.messages, messages);
    if (strstr(result.message[0].message, why) == NULL)
        fail_msg("%s", result.message[0].message);
}

static void test_hostile(void **state)
{
    size_t size;

    (void)state;
    memset(text, 'x', 10u << 20);
    refused(text, 10u << 20, 1, "a word of 10485760 characters");
    memset(text, ' ', 10u << 20);
    assert_int_equal(compile_bytes(text, 10u << 20), 0);
    memset(text, '"', 10u << 20);
    refused(text, 10u << 20, 0, "expected host, object");
    memset(text, '{', 10u << 20);
    refused(text, 10u << 20, 0, "expected host, object");
    memset(text, 0, 10u << 20);
    refused(text, 10u << 20, 0, "control character 0x00");
    memset(text, 0xff, 10u << 20);
    refused(text, 10u << 20, 0, "byte 0xff is not UTF-8");
    refused("tenant a { disk \"/srv/\xc0\xaf/**\"; }", 31, 0, "is not UTF-8");
    refused("tenant a\0 { }", 13, 0, "control character 0x00");
    refused(text, COMPILE_SOURCE_MAX + 1, 1, "the file is too long: at most 16 MiB are read");
    size = 0;
    for (unsigned i = 0; i < 100000; i++)
        size += (size_t)sprintf(text + size, "tenant t%u { }\n", i);
    refused(text, size, 1, "more than 4095 tenants");
    size = (size_t)sprintf(text, "tenant a { memory 99999999999999999999999999T; cpus "
                                 "18446744073709551617; guests 4294967297; }");
    refused(text, size, 3, "is not a size");
}

/* Loops and strings that double: bounded by what may be read, and by the arena. */
static void test_expansion(void **state)
{
    size_t size;

    (void)state;
    size = (size_t)sprintf(text, "template t0(a) { tap ${a}; }\n");
    for (unsigned i = 1; i < 15; i++)
        size += (size_t)sprintf(
            text + size, "template t%u(a) { use t%u(\"${a}${a}${a}${a}${a}${a}\"); }\n", i, i - 1);
    size += (size_t)sprintf(text + size, "tenant a { use t14(\"0123456789\"); }");
    assert_int_equal(compile_bytes(text, size), -EINVAL);
    assert_int_not_equal(result.messages, 0);
    size = (size_t)sprintf(text, "for a in 1..65536 { for b in 1..65536 { } }");
    refused(text, size, 1, "templates and loops make more than 4194304 statements");
    size = (size_t)sprintf(text, "for a in 1..65536 { # ");
    memset(text + size, 'x', 1 << 16);
    size += 1 << 16;
    size += (size_t)sprintf(text + size, "\n}");
    refused(text, size, 1, "templates and loops make too much of this");
}

/* A small arena is a message, too, wherever it ends. */
static void test_little_memory(void **state)
{
    static const char source[] = "template t(n) { guest g${n} { kernel \"/srv/a/k\"; } }\n"
                                 "tenant a { disk \"/srv/a/**\"; for n in 1..50 { use t(${n}); } }";
    size_t need;

    (void)state;
    assert_int_equal(compile_bytes(source, sizeof(source) - 1), 0);
    need = arena.used;
    /* A source is read into what is left, and gives back what it does not need. */
    for (size_t size = 0; size < need; size += 1009) {
        assert_int_equal(madvise(memory, COMPILE_ARENA_SIZE, MADV_DONTNEED), 0);
        arena_init(&arena, memory, size + COMPILE_SOURCE_MAX);
        arena.used = COMPILE_SOURCE_MAX;
        arena.size = size + COMPILE_SOURCE_MAX;
        if (compile_text(source, sizeof(source) - 1, &arena, &result) == 0)
            fail_msg("%zu bytes are enough, and %zu were used", size, need);
        assert_null(result.image);
    }
}

static const char source[] =
    "host { kernel \"/boot/**\"; audit \"/var/log/casemate\"; trusted a_t \"x\"; stateless b_t "
    "\"y\"; }\n"
    "object g { disk \"/srv/golden/g.img\"; readonly; }\n"
    "object h { disk \"/srv/golden/h.img\"; readonly; }\n"
    "tenant acme { guests 2; cpus 4; memory 2G; attest required; operators a \"@b\";\n"
    "  disk \"/srv/acme/**\" \"/srv/acme/deep/er/*\"; bridge br0; tap t0 t1; share g h;\n"
    "  guest web { kernel \"/boot/k\"; initrd \"/srv/acme/i\"; disk \"/srv/acme/x\"; net t0;\n"
    "    disk \"/srv/golden/g.img\" readonly; tpm; }\n"
    "  guest db { kernel \"/boot/k\"; disk \"/srv/acme/db\"; net t1 mac \"52:54:00:00:00:01\"; }\n"
    "  channel web -> db vsock 5432; }\n"
    "tenant initech { disk \"/srv/ini/**\"; tap t2; operators a;\n"
    "  guest web { kernel \"/srv/ini/k\"; disk \"/srv/ini/w\"; } }\n"
    "tenant umbrella { share g; quarantine after 20 denials within 60 seconds; }\n"
    "conflict initech acme on host; assert no flow acme <-> initech;\n";

/* An image by whose bytes somebody changed one bit is refused, or says something else canonically.
 */
static void test_bits(void **state)
{
    struct guest_diagnostic d;
    size_t size, accepted = 0;
    uint64_t *image, *again;
    struct buf out;

    (void)state;
    assert_int_equal(compile_bytes(source, sizeof(source) - 1), 0);
    size = result.image->size;
    image = malloc(size);
    again = malloc(size);
    assert_non_null(image);
    assert_non_null(again);
    memcpy(image, result.image, size);
    assert_int_equal(image_check(image, size, &d), 0);
    for (size_t i = 0; i < size * 8; i++) {
        ((uint8_t *)image)[i / 8] ^= (uint8_t)(1u << i % 8);
        memcpy(again, image, size);
        if (image_check(again, size, &d) == 0) {
            buf_init(&out, 1 << 20);
            image_format((const struct image *)(void *)again, &out);
            assert_int_equal(buf_status(&out), 0);
            if (compile_bytes((const char *)out.data, out.size) < 0)
                fail_msg("bit %zu: %s", i, result.message[0].message);
            assert_int_equal(result.image->size, size);
            assert_memory_equal(result.image, again, size);
            buf_release(&out);
            accepted++;
        }
        ((uint8_t *)image)[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    assert_true(accepted > 0); /* a number, a letter of a name */
    assert_true(accepted < size * 8 / 4);
    /* Cut anywhere, or with something behind it. */
    for (size_t i = 0; i < size; i++) {
        uint64_t *cut = malloc(i + 8);

        assert_non_null(cut);
        memcpy(cut, image, i);
        assert_int_equal(image_check(cut, i, &d), -EINVAL);
        free(cut);
    }
    assert_int_equal(image_check(image_none(), image_none()->size, &d), 0);
    free(image);
    free(again);
}

/* The order of statements, quotes, templates and blanks say nothing: the bytes are the same. */
static void test_canonical(void **state)
{
    static const char one[] = "tenant b { tap x y; }\n"
                              "tenant a { disk \"/srv/a/1\" \"/srv/a/2\"; operators u \"@g\"; }\n"
                              "conflict b a; assert no flow b -> a; assert no flow a -> b;";
    static const char other[] =
        "assert no flow a <-> b;template t(n){operators \"${n}\";disk "
        "\"/srv/a/2\";}conflict a b;tenant a{use t(\"@g\");operators u;disk "
        "\"/srv/a/1\";}tenant b{for i in y x{tap ${i};}}host{mac selinux;}";
    uint8_t first[2048];
    size_t size;

    (void)state;
    assert_int_equal(compile_bytes(one, sizeof(one) - 1), 0);
    size = result.image->size;
    assert_true(size <= sizeof(first));
    memcpy(first, result.image, size);
    assert_int_equal(compile_bytes(other, sizeof(other) - 1), 0);
    assert_int_equal(result.image->size, size);
    assert_memory_equal(result.image, first, size);
    assert_int_equal(compile_bytes("", 0), 0);
    assert_int_equal(result.image->size, image_none()->size);
    assert_memory_equal(result.image, image_none(), image_none()->size);
}

static void test_find(void **state)
{
    struct guest_spec *spec = malloc(sizeof(*spec));
    uint8_t shared[GUEST_DISKS_MAX];
    const struct image *image;

    (void)state;
    assert_non_null(spec);
    assert_int_equal(compile_bytes(source, sizeof(source) - 1), 0);
    image = result.image;
    assert_int_equal(image_find_tenant(image, "acme"), 0);
    assert_int_equal(image_find_tenant(image, "umbrella"), 2);
    assert_int_equal(image_find_tenant(image, "host"), -ENOENT);
    assert_int_equal(image_find_tenant(image, ""), -ENOENT);
    assert_int_equal(image_find_guest(image, "acme", "web"), 1);
    assert_int_equal(image_find_guest(image, "initech", "web"), 2);
    assert_int_equal(image_find_guest(image, "umbrella", "web"), -ENOENT);
    assert_int_equal(image_find_guest(image, "", "db"), 0);
    assert_int_equal(image_find_guest(image, NULL, "web"), -EEXIST);
    assert_int_equal(image_find_guest(image, "", "we"), -ENOENT);
    image_guest(image, 1, spec, shared);
    assert_string_equal(spec->name, "web");
    assert_string_equal(spec->disk[1].path, "/srv/golden/g.img");
    assert_true(spec->disk[1].readonly);
    assert_int_equal(shared[0], 0);
    assert_int_equal(shared[1], 1);
    assert_int_equal(image_conflict_scope(image, 1, 0), IMAGE_CONFLICT_HOST);
    assert_int_equal(image_conflict_scope(image, 2, 0), -ENOENT);
    assert_true(image_file_allowed(image, 0, true, "/boot/x"));
    assert_false(image_file_allowed(image, 0, false, "/boot/x"));
    assert_false(image_file_allowed(image, 1, false, "/srv/acme/x"));
    assert_false(image_file_allowed(image, 0, false, "/srv/acme/../ini/x"));
    free(spec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hostile),       cmocka_unit_test(test_expansion),
        cmocka_unit_test(test_little_memory), cmocka_unit_test(test_bits),
        cmocka_unit_test(test_canonical),     cmocka_unit_test(test_find),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
