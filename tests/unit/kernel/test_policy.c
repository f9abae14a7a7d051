/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of kernel policies: what it gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/sha.h>

#include "tests/unit/kernel/small_policy.h"

static bool among(struct kernel_types list, uint32_t value)
{
    for (uint32_t i = 0; i < list.count; i++) {
        if (list.items[i] == value)
            return true;
    }
    return false;
}

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_version), cmocka_unit_test(test_digest),
        cmocka_unit_test(test_names),         cmocka_unit_test(test_classes),
        cmocka_unit_test(test_types),         cmocka_unit_test(test_rules),
        cmocka_unit_test(test_conditions),    cmocka_unit_test(test_transitions),
        cmocka_unit_test(test_labels),        cmocka_unit_test(test_sets),
    };

    return cmocka_run_group_tests(tests, compile_all, free_all);
}
