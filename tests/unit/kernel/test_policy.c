/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader of kernel policies: what it gives, and that no bytes whatever get past it.
 * Long because each objection of the reader is made by changing one policy, compiled for them all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <openssl/sha.h>

#include "tests/unit/kernel/sepol_build.h"
#include "tests/unit/kernel/walk.h"

#define SMALL "tests/unit/kernel/small.cil"

/* Compiled once: libsepol takes a fifth of a second for each. */
static struct policy_bytes compiled[4];

static int compile_all(void **state)
{
    (void)state;
    for (int v = 0; v < 4; v++) {
        compiled[v] = policy_compile_file(SMALL, 30 + v, NULL, NULL);
        if (compiled[v].data == NULL)
            return -1;
    }
    return 0;
}

static int free_all(void **state)
{
    (void)state;
    for (int v = 0; v < 4; v++)
        policy_bytes_free(&compiled[v]);
    return 0;
}

/* A copy of the small policy, to be changed. */
static struct policy_bytes small_bytes(int version)
{
    struct policy_bytes bytes = {.size = compiled[version - 30].size};

    bytes.data = malloc(bytes.size);
    assert_non_null(bytes.data);
    memcpy(bytes.data, compiled[version - 30].data, bytes.size);
    return bytes;
}

static struct kernel_policy *small_policy(int version)
{
    struct policy_bytes bytes = small_bytes(version);
    struct kernel_policy *policy = NULL;
    struct kernel_error error;

    if (kernel_policy_read(bytes.data, bytes.size, &policy, &error) != 0)
        fail_msg("version %d, byte %zu: %s", version, error.offset, error.text);
    assert_int_equal(kernel_policy_size(policy), bytes.size);
    policy_bytes_free(&bytes);
    return policy;
}

static uint32_t type(const struct kernel_policy *policy, const char *name)
{
    uint32_t value = kernel_find(policy, KERNEL_TYPE, name);

    assert_int_not_equal(value, 0);
    return value;
}

static bool among(struct kernel_types list, uint32_t value)
{
    for (uint32_t i = 0; i < list.count; i++) {
        if (list.items[i] == value)
            return true;
    }
    return false;
}

/* ---------------------------------------------------------------- what it gives */

static void test_every_version(void **state)
{
    (void)state;
    for (int version = 30; version <= 33; version++) {
        struct kernel_policy *policy = small_policy(version);
        const char *broken = walk_policy(policy);
        size_t count;

        if (broken != NULL)
            fail_msg("version %d: %s", version, broken);
        assert_int_equal(kernel_policy_version(policy), version);
        assert_int_equal(kernel_policy_handle_unknown(policy), KERNEL_UNKNOWN_DENY);
        kernel_labels(policy, &count);
        assert_int_equal(count, version < 31 ? 12 : 14);
        kernel_policy_free(policy);
    }
}

static void test_digest(void **state)
{
    struct policy_bytes bytes = small_bytes(33);
    struct kernel_policy *policy;
    uint8_t digest[KERNEL_DIGEST_SIZE];

    (void)state;
    assert_int_equal(kernel_policy_read(bytes.data, bytes.size, &policy, NULL), 0);
    SHA256(bytes.data, bytes.size, digest);
    assert_memory_equal(kernel_policy_digest(policy), digest, sizeof(digest));
    kernel_policy_free(policy);
    policy_bytes_free(&bytes);
}

static void test_names(void **state)
{
    struct kernel_policy *policy = small_policy(33);
    struct kernel_bits capabilities = kernel_policy_capabilities(policy);

    (void)state;
    assert_int_equal(kernel_count(policy, KERNEL_TYPE), 14);
    assert_int_equal(type(policy, "old_web_t"), type(policy, "web_t"));
    assert_string_equal(kernel_name(policy, KERNEL_TYPE, type(policy, "old_web_t")), "web_t");
    assert_int_equal(kernel_find(policy, KERNEL_TYPE, "nobody_t"), 0);
    assert_int_equal(kernel_find(policy, KERNEL_TYPE, ""), 0);
    assert_null(kernel_name(policy, KERNEL_TYPE, 0));
    assert_null(kernel_name(policy, KERNEL_TYPE, 15));
    assert_null(kernel_name(policy, KERNEL_TYPE, UINT32_MAX));
    assert_int_equal(kernel_find(policy, KERNEL_CATEGORY, "c7"), 8);
    assert_int_equal(kernel_find(policy, KERNEL_CATEGORY, "first"), 1);
    assert_int_equal(kernel_find(policy, KERNEL_SENSITIVITY, "low"), 1);
    assert_true(kernel_bits_has(&capabilities, 2));
    assert_string_equal(kernel_capability_name(2), "open_perms");
    assert_false(kernel_bits_has(&capabilities, 1));
    assert_null(kernel_capability_name(0));
    assert_null(kernel_capability_name(1000));
    kernel_policy_free(policy);
}

static void test_classes(void **state)
{
    struct kernel_policy *policy = small_policy(33);
    uint32_t value = kernel_find(policy, KERNEL_CLASS, "file");
    const struct kernel_class *file = kernel_class(policy, value);
    const struct kernel_class *dir = kernel_class(policy, kernel_find(policy, KERNEL_CLASS, "dir"));
    const struct kernel_class *device =
        kernel_class(policy, kernel_find(policy, KERNEL_CLASS, "chr_file"));

    (void)state;
    assert_int_equal(file->permission_count, 8);
    assert_string_equal(file->permissions[0], "ioctl");
    assert_string_equal(file->permissions[6], "execute");
    assert_int_equal(kernel_permission(policy, value, "ioctl"), 1);
    assert_int_equal(kernel_permission(policy, value, "execute"), 1 << 6);
    assert_int_equal(kernel_permission(policy, value, "fork"), 0);
    assert_int_equal(kernel_permission(policy, 99, "fork"), 0);
    assert_int_equal(file->constraint_count, 2);
    assert_int_equal(file->validatetrans_count, 1);
    assert_int_equal(file->default_role, KERNEL_DEFAULT_SOURCE);
    assert_int_equal(file->default_user, KERNEL_DEFAULT_TARGET);
    assert_int_equal(file->default_range, KERNEL_RANGE_NONE);
    assert_int_equal(dir->default_range, KERNEL_RANGE_TARGET_LOW_HIGH);
    assert_int_equal(device->default_type, KERNEL_DEFAULT_SOURCE);
    assert_null(kernel_class(policy, 0));
    assert_null(kernel_class(policy, kernel_count(policy, KERNEL_CLASS) + 1));
    kernel_policy_free(policy);
}

static void test_types(void **state)
{
    struct kernel_policy *policy = small_policy(33);
    uint32_t web = type(policy, "web_t"), domain = type(policy, "domain");
    uint32_t tenant = type(policy, "tenant");

    (void)state;
    assert_true(kernel_is_attribute(policy, domain));
    assert_false(kernel_is_attribute(policy, web));
    assert_int_equal(kernel_types_of(policy, domain).count, 6);
    assert_int_equal(kernel_types_of(policy, tenant).count, 2);
    assert_true(among(kernel_types_of(policy, tenant), web));
    assert_true(among(kernel_types_of(policy, tenant), type(policy, "db_t")));
    assert_int_equal(kernel_types_of(policy, web).count, 1);
    assert_int_equal(kernel_types_of(policy, 0).count, 0);
    assert_int_equal(kernel_types_of(policy, 15).count, 0);
    assert_int_equal(kernel_attributes_of(policy, web).count, 3);
    assert_true(among(kernel_attributes_of(policy, web), domain));
    assert_true(among(kernel_attributes_of(policy, web), web));
    assert_int_equal(kernel_type_bounds(policy, type(policy, "web_child_t")), web);
    assert_int_equal(kernel_type_bounds(policy, web), 0);
    assert_true(kernel_is_permissive(policy, type(policy, "staff_t")));
    assert_false(kernel_is_permissive(policy, web));
    kernel_policy_free(policy);
}

static void test_rules(void **state)
{
    struct kernel_policy *policy = small_policy(33);
    uint32_t web = type(policy, "web_t"), target = type(policy, "db_file_t");
    uint32_t class = kernel_find(policy, KERNEL_CLASS, "file");
    const struct kernel_rule *rules;
    size_t count, all;

    (void)state;
    rules = kernel_rules_find(policy, web, target, class, &count);
    /* Both branches of a condition. */
    assert_int_equal(count, 2);
    assert_int_equal(rules[0].kind, KERNEL_RULE_ALLOW);
    assert_int_equal(rules[0].condition, rules[1].condition);
    assert_int_not_equal(rules[0].when, rules[1].when);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(rules[i].data,
                         kernel_permission(policy, class, rules[i].when ? "read" : "getattr"));
    kernel_rules_find(policy, web, web, class, &count);
    assert_int_equal(count, 0);
    kernel_rules_find(policy, 0, UINT32_MAX, UINT32_MAX, &count);
    assert_int_equal(count, 0);
    kernel_rules_of(policy, 0, &count);
    assert_int_equal(count, 0);
    kernel_rules_of(policy, UINT32_MAX, &count);
    assert_int_equal(count, 0);
    rules = kernel_rules(policy, &all);
    for (size_t i = 1; i < all; i++) {
        const struct kernel_rule *a = &rules[i - 1], *b = &rules[i];
        uint64_t left = (uint64_t)a->source << 48 | (uint64_t)a->target << 32 |
                        (uint64_t)a->class << 16 | a->kind;
        uint64_t right = (uint64_t)b->source << 48 | (uint64_t)b->target << 32 |
                         (uint64_t)b->class << 16 | b->kind;

        assert_true(left <= right);
    }
    kernel_policy_free(policy);
}

static void test_conditions(void **state)
{
    struct kernel_policy *policy = small_policy(33);

    (void)state;
    assert_int_equal(kernel_condition_count(policy), 3);
    assert_null(kernel_condition(policy, 3));
    assert_true(kernel_boolean_state(policy, kernel_find(policy, KERNEL_BOOLEAN, "maintenance")));
    assert_false(kernel_boolean_state(policy, kernel_find(policy, KERNEL_BOOLEAN, "strict")));
    assert_false(kernel_boolean_state(policy, 0));
    assert_false(kernel_boolean_state(policy, 99));
    for (uint32_t i = 0; i < 3; i++) {
        const struct kernel_condition *condition = kernel_condition(policy, i);

        for (uint32_t n = 0; n < condition->count; n++) {
            if (condition->nodes[n].kind == KERNEL_COND_BOOLEAN)
                assert_non_null(kernel_name(policy, KERNEL_BOOLEAN, condition->nodes[n].boolean));
            else
                assert_true(condition->nodes[n].left < n);
        }
    }
    kernel_policy_free(policy);
}

static void test_transitions(void **state)
{
    (void)state;
    for (int version = 32; version <= 33; version++) {
        struct kernel_policy *policy = small_policy(version);
        const struct kernel_name_transition *names;
        const struct kernel_range_transition *ranges;
        const struct kernel_role_transition *roles;
        const struct kernel_role_allow *allows;
        size_t count, shared = 0;

        names = kernel_name_transitions(policy, &count);
        assert_int_equal(count, 3);
        for (size_t i = 0; i < count; i++) {
            uint32_t source = kernel_bits_next(&names[i].sources, 0);

            assert_int_equal(kernel_bits_size(&names[i].sources), 1);
            assert_int_equal(names[i].target, type(policy, "file_t"));
            if (strcmp(names[i].name, "shared name") == 0) {
                shared++;
                assert_int_equal(names[i].to, source == type(policy, "web_t")
                                                  ? type(policy, "web_file_t")
                                                  : type(policy, "db_file_t"));
            }
        }
        assert_int_equal(shared, 2);
        ranges = kernel_range_transitions(policy, &count);
        assert_int_equal(count, 1);
        assert_int_equal(ranges[0].source, type(policy, "init_t"));
        assert_int_equal(kernel_bits_size(&ranges[0].range.low.categories), 1);
        assert_int_equal(kernel_bits_size(&ranges[0].range.high.categories), 2);
        roles = kernel_role_transitions(policy, &count);
        assert_int_equal(count, 1);
        assert_int_equal(roles[0].to, kernel_find(policy, KERNEL_ROLE, "staff_r"));
        allows = kernel_role_allows(policy, &count);
        assert_int_equal(count, 1);
        assert_int_equal(allows[0].from, kernel_find(policy, KERNEL_ROLE, "system_r"));
        kernel_policy_free(policy);
    }
}

static void test_labels(void **state)
{
    struct kernel_policy *policy = small_policy(33);
    char context[KERNEL_CONTEXT_MAX];
    const struct kernel_label *labels;
    size_t count, seen[KERNEL_LABEL_KINDS] = {0};

    (void)state;
    labels = kernel_labels(policy, &count);
    for (size_t i = 0; i < count; i++) {
        seen[labels[i].kind]++;
        assert_true(i == 0 || labels[i].kind >= labels[i - 1].kind);
        assert_int_equal(
            kernel_context_format(policy, &labels[i].context, context, sizeof(context)), 0);
        if (labels[i].kind == KERNEL_LABEL_INITIAL_SID && labels[i].number == 1)
            assert_string_equal(context, "system_u:system_r:kernel_t:s0-s1:c0.c7");
        if (labels[i].kind == KERNEL_LABEL_GENFS && strcmp(labels[i].path, "/kcore") == 0)
            assert_string_equal(context, "system_u:object_r:null_device_t:s0");
        if (labels[i].kind == KERNEL_LABEL_PORT && labels[i].high != labels[i].low)
            assert_int_equal(labels[i].high, 2048);
    }
    assert_int_equal(seen[KERNEL_LABEL_INITIAL_SID], 2);
    assert_int_equal(seen[KERNEL_LABEL_PORT], 2);
    assert_int_equal(seen[KERNEL_LABEL_NODE6], 1);
    assert_int_equal(seen[KERNEL_LABEL_FS_USE], 2);
    assert_int_equal(seen[KERNEL_LABEL_IBPKEY], 1);
    assert_int_equal(seen[KERNEL_LABEL_GENFS], 3);
    kernel_policy_free(policy);
}

static void test_sets(void **state)
{
    static const struct kernel_word words[] = {{.bits = 1ULL << 63, .first = 1},
                                               {.bits = 3, .first = 129}};
    static const struct kernel_word part[] = {{.bits = 2, .first = 129}};
    static const struct kernel_word apart[] = {{.bits = 1, .first = 65}};
    struct kernel_bits set = {.words = words, .count = 2}, none = {0};
    struct kernel_bits some = {.words = part, .count = 1}, other = {.words = apart, .count = 1};

    (void)state;
    assert_int_equal(kernel_bits_size(&set), 3);
    assert_int_equal(kernel_bits_next(&set, 0), 64);
    assert_int_equal(kernel_bits_next(&set, 64), 129);
    assert_int_equal(kernel_bits_next(&set, 129), 130);
    assert_int_equal(kernel_bits_next(&set, 130), 0);
    assert_int_equal(kernel_bits_next(&set, UINT32_MAX), 0);
    assert_int_equal(kernel_bits_next(&none, 0), 0);
    assert_false(kernel_bits_has(&set, 0));
    assert_false(kernel_bits_has(&set, 65));
    assert_true(kernel_bits_has(&set, 64));
    assert_true(kernel_bits_contains(&set, &some));
    assert_true(kernel_bits_contains(&set, &none));
    assert_false(kernel_bits_contains(&some, &set));
    assert_false(kernel_bits_contains(&set, &other));
    assert_true(kernel_bits_equal(&set, &set));
    assert_false(kernel_bits_equal(&set, &some));
    assert_true(kernel_bits_meet(&set, &some));
    assert_false(kernel_bits_meet(&set, &other));
    assert_false(kernel_bits_meet(&none, &set));
}

/* ---------------------------------------------------------------- hostile bytes */

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
        cmocka_unit_test(test_every_version), cmocka_unit_test(test_digest),
        cmocka_unit_test(test_names),         cmocka_unit_test(test_classes),
        cmocka_unit_test(test_types),         cmocka_unit_test(test_rules),
        cmocka_unit_test(test_conditions),    cmocka_unit_test(test_transitions),
        cmocka_unit_test(test_labels),        cmocka_unit_test(test_sets),
        cmocka_unit_test(test_every_prefix),  cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_every_number),  cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_says_why),      cmocka_unit_test(test_bounded_by_attribute),
    };

    return cmocka_run_group_tests(tests, compile_all, free_all);
}
