/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader of kernel policies: no bytes whatever get past it, and each of its objections is made
 * once at least.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "tests/unit/kernel/small_policy.h"

/* What the reader has to object to at least once when every number of the small policy is made
 * another. */
static struct {
    const char *text;
    bool seen;
} objections[] = {
    {"the file ends here", false},
    {"do not fit in what is left", false},
    {"behind the end", false},
    {"words of a set that are empty or not in order", false},
    {"a set whose highest value is not", false},
    {"a set in words of", false},
    {"a set has values above", false},
    {"is defined twice", false},
    {"have the same value", false},
    {"an empty name", false},
    {"more than there can be", false},
    {"more than 32", false},
    {"or another's", false},
    {"fewer permissions than its common", false},
    {"an unknown default", false},
    {"a constraint's operator lacks an operand", false},
    {"a constraint names what is no user", false},
    {"a constraint names fields of nobody", false},
    {"a constraint names the third context", false},
    {"a constraint is not one expression", false},
    {"a constraint has an unknown operator", false},
    {"a constraint compares unknown fields", false},
    {"a constraint compares fields in an unknown way", false},
    {"a constraint compares names in an unknown way", false},
    {"has unknown properties", false},
    {"is an attribute", false},
    {"is another name of nothing", false},
    {"is bounded by what is not there", false},
    {"the range or the level of user", false},
    {"a range of", false},
    {"a range that is not valid", false},
    {"has state", false},
    {"a rule of an unknown kind", false},
    {"a rule about types", false},
    {"a rule gives type", false},
    {"the same rule twice", false},
    {"extended permissions of an unknown kind", false},
    {"a conditional rule is in force against", false},
    {"a condition has a state", false},
    {"a condition has an unknown operator", false},
    {"a condition names boolean", false},
    {"a condition's operator lacks an operand", false},
    {"a condition is not one expression", false},
    {"as the type of an object", false},
    {"a file's name without a new type", false},
    {"a context for the SID 0", false},
    {"a context that is not valid", false},
    {"has behaviour", false},
    {"ports from", false},
    {"a path of a class", false},
    {"there is no", false},
};

static void note_objection(const char *text)
{
    for (size_t i = 0; i < sizeof(objections) / sizeof(objections[0]); i++)
        objections[i].seen = objections[i].seen || strstr(text, objections[i].text) != NULL;
}

/* `bytes` end where they end: a read behind them is seen by a sanitizer. */
static int read_exactly(const unsigned char *bytes, size_t size, struct kernel_error *error)
{
    struct kernel_policy *const untouched = (struct kernel_policy *)error;
    struct kernel_policy *policy = untouched;
    unsigned char *copy = malloc(size == 0 ? 1 : size);
    int r;

    assert_non_null(copy);
    memcpy(copy, bytes, size);
    *error = (struct kernel_error){0};
    r = kernel_policy_read(copy, size, &policy, error);
    free(copy);
    if (r == 0) {
        const char *broken = walk_policy(policy);

        if (broken != NULL)
            fail_msg("%s", broken);
        kernel_policy_free(policy);
        return 0;
    }
    assert_int_equal(r, -EPROTO);
    assert_ptr_equal(policy, untouched);
    assert_true(error->offset <= size);
    assert_true(strlen(error->text) > 0);
    note_objection(error->text);
    return r;
}

/* A type that an attribute bounds: the kernel loads no such policy. */
static void test_bounded_by_attribute(void **state)
{
    static const char name[] = "web_child_t";
    struct kernel_policy *policy = small_policy(33);
    const uint32_t wrong[] = {type(policy, "domain"), type(policy, "object"),
                              type(policy, "tenant")};
    const uint32_t head[] = {sizeof(name) - 1, type(policy, name), 1, type(policy, "web_t")};
    struct policy_bytes bytes = small_bytes(33);
    unsigned char record[sizeof(head) + sizeof(name) - 1], *at;
    struct kernel_error error;

    (void)state;
    /* Length, value, properties and bounds stand before a type's name (struct type_datum). */
    memcpy(record, head, sizeof(head));
    memcpy(record + sizeof(head), name, sizeof(name) - 1);
    at = memmem(bytes.data, bytes.size, record, sizeof(record));
    assert_non_null(at);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        memcpy(at + 3 * sizeof(uint32_t), &wrong[i], sizeof(wrong[i]));
        assert_int_equal(read_exactly(bytes.data, bytes.size, &error), -EPROTO);
        assert_non_null(strstr(error.text, "web_child_t is bounded by what is not there"));
    }
    policy_bytes_free(&bytes);
    kernel_policy_free(policy);
}

static void test_every_prefix(void **state)
{
    struct kernel_error error;

    (void)state;
    for (int version = 30; version <= 33; version += 3) {
        struct policy_bytes bytes = small_bytes(version);

        for (size_t size = 0; size < bytes.size; size++) {
            if (read_exactly(bytes.data, size, &error) == 0)
                fail_msg("%zu of %zu bytes were taken for a policy", size, bytes.size);
        }
        assert_int_equal(read_exactly(bytes.data, bytes.size, &error), 0);
        /* The NUL behind the last one is one too many. */
        bytes.data = realloc(bytes.data, bytes.size + 1);
        assert_non_null(bytes.data);
        bytes.data[bytes.size] = 0;
        assert_int_equal(read_exactly(bytes.data, bytes.size + 1, &error), -EPROTO);
        policy_bytes_free(&bytes);
    }
}

/* Whatever one byte is made: refused, or a policy that keeps its promises. */
static void test_every_byte(void **state)
{
    static const unsigned char flips[] = {0x01, 0x02, 0x40, 0x80, 0xff};
    struct policy_bytes bytes = small_bytes(33);
    struct kernel_error error;
    size_t refused = 0;

    (void)state;
    for (size_t at = 0; at < bytes.size; at++) {
        for (size_t f = 0; f < sizeof(flips); f++) {
            bytes.data[at] ^= flips[f];
            refused += read_exactly(bytes.data, bytes.size, &error) != 0;
            bytes.data[at] ^= flips[f];
        }
    }
    /* Most of a policy is numbers that must fit each other. */
    assert_true(refused > bytes.size * sizeof(flips) / 3);
    policy_bytes_free(&bytes);
}

/* Numbers that break sums, products and tables, at every place where a number can be. */
static void test_every_number(void **state)
{
    static const uint32_t numbers[] = {0, 1, 2, 3, 13, 64, 0xffff, 0x7fffffff, 0xffffffff};
    struct policy_bytes bytes = small_bytes(33);
    struct kernel_error error;

    (void)state;
    for (size_t at = 0; at + 4 <= bytes.size; at++) {
        unsigned char kept[4];

        memcpy(kept, bytes.data + at, 4);
        for (size_t n = 0; n < sizeof(numbers) / sizeof(numbers[0]); n++) {
            memcpy(bytes.data + at, &numbers[n], 4);
            read_exactly(bytes.data, bytes.size, &error);
        }
        memcpy(bytes.data + at, kept, 4);
    }
    policy_bytes_free(&bytes);
    for (size_t i = 0; i < sizeof(objections) / sizeof(objections[0]); i++) {
        if (!objections[i].seen)
            fail_msg("nothing made the reader say \"%s\"", objections[i].text);
    }
}

static void test_too_large(void **state)
{
    struct kernel_policy *policy;
    struct kernel_error error;
    static const char byte;

    (void)state;
    assert_int_equal(kernel_policy_read(&byte, (size_t)KERNEL_POLICY_SIZE_MAX + 1, &policy, &error),
                     -EFBIG);
    assert_int_equal(kernel_policy_read(&byte, SIZE_MAX, &policy, NULL), -EFBIG);
}

/* One change of a file that is fine otherwise, and what is said about it. */
static void refuse(const char *from, const char *to, size_t length, const char *why)
{
    struct policy_bytes bytes = small_bytes(33);
    unsigned char *at = memmem(bytes.data, bytes.size, from, length);
    struct kernel_error error;

    assert_non_null(at);
    memcpy(at, to, length);
    if (read_exactly(bytes.data, bytes.size, &error) != -EPROTO)
        fail_msg("taken, instead of \"%s\"", why);
    if (strstr(error.text, why) == NULL)
        fail_msg("instead of \"%s\": %s", why, error.text);
    policy_bytes_free(&bytes);
}

static void test_says_why(void **state)
{
    (void)state;
    refuse("\x8c\xff\x7c\xf9", "\x8d\xff\x7c\xf9", 4, "not a kernel policy");
    refuse("SE Linux", "XenFlask", 8, "not a policy for Linux");
    refuse("SE Linux\x21", "SE Linux\x22", 9, "version 34");
    refuse("SE Linux\x21", "SE Linux\x1d", 9, "version 29");
    refuse("web_file_t", "web\nfile_t", 10, "byte 0x0a in a name");
    refuse("web_file_t", "web:file_t", 10, "byte 0x3a in a name");
    refuse("web_t", "web\0t", 5, "byte 0x00 in a name");
    refuse("web_file_t",
           "web_file\x9b"
           "4",
           10, "byte 0x9b in a name");
    refuse("kernel_t", "staff_t\0", 8, "byte 0x00 in a name");
    refuse("process", "procexx", 7, "no class process");
    refuse("dyntransition", "dyntransitiox", 13, "no class process");
    refuse("object_r", "object_s", 8, "role object_s");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_prefix), cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_every_number), cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_says_why),     cmocka_unit_test(test_bounded_by_attribute),
    };

    return cmocka_run_group_tests(tests, compile_all, free_all);
}
