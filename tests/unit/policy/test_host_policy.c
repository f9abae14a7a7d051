/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the golden corpus (tests/golden/host) is no place for: the struct as a confined child that
 * was taken over might write it, exact room, time.
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
#include <time.h>

#include "policy/host.h"

#define ROOM     8
#define CAPACITY host_policy_size(HOST_GUESTS_MAX)

static struct guest_diagnostic messages[ROOM];
static struct host_policy *policy, *good; /* CAPACITY bytes each; `good` is SOURCE's */

static const char source[] = "host { mac selinux; kernel \"/boot/**\"; }\n"
                             "object g { disk \"/srv/golden/g.img\"; readonly; }\n"
                             "object h { disk \"/srv/golden/h.img\"; readonly; }\n"
                             "tenant acme {\n"
                             "    guests 2; cpus 4; memory 2G;\n"
                             "    disk \"/srv/acme/**\" \"/srv/acme/deep/er/*\";\n"
                             "    bridge br0; tap t0 t1; share g h; operators \"a\" \"@b\";\n"
                             "    guest web { kernel \"/boot/k\"; initrd \"/srv/acme/i\";\n"
                             "        disk \"/srv/acme/deep/er/x\"; net t0;\n"
                             "        disk \"/srv/golden/g.img\" readonly; }\n"
                             "    guest db { kernel \"/boot/k\"; disk \"/srv/acme/db\"; net t1; }\n"
                             "}\n"
                             "tenant initech { disk \"/srv/ini/**\"; tap t2; operators \"a\";\n"
                             "    guest web { kernel \"/srv/ini/k\"; disk \"/srv/ini/w\"; } }\n"
                             "tenant umbrella { share g; }\n"
                             "conflict initech acme;\n";

static int parse(const char *text, size_t size, size_t capacity, size_t *count)
{
    *count = ROOM;
    return host_policy_parse(text, size, policy, capacity, messages, count);
}

static int setup(void **state)
{
    size_t count;

    (void)state;
    policy = calloc(1, CAPACITY);
    good = calloc(1, CAPACITY);
    if (policy == NULL || good == NULL || parse(source, strlen(source), CAPACITY, &count) < 0)
        return -1;
    memcpy(good, policy, CAPACITY);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(policy);
    free(good);
    return 0;
}

static void test_content(void **state)
{
    const struct host_guest *web = &good->guest[0];
    struct guest_diagnostic d;

    (void)state;
    assert_int_equal(host_policy_check(good, CAPACITY, &d), 0);
    assert_int_equal(host_policy_check(good, host_policy_size(3), &d), 0);
    assert_int_equal(good->tenants, 3);
    assert_int_equal(good->guests, 3);
    assert_int_equal(good->tenant[0].memory, 2ULL << 30);
    assert_int_equal(good->conflict[0].first, 0);
    assert_int_equal(good->conflict[0].second, 1);
    assert_string_equal(good->operator[1].name, "@b");
    assert_int_equal(web->shared[0], 0);
    assert_int_equal(web->shared[1], 1);
}

static void test_find(void **state)
{
    (void)state;
    assert_int_equal(host_policy_find_tenant(good, "initech"), 1);
    assert_int_equal(host_policy_find_tenant(good, "host"), -ENOENT);
    assert_int_equal(host_policy_find_tenant(good, ""), -ENOENT);
    assert_int_equal(host_policy_find_guest(good, "acme", "web"), 0);
    assert_int_equal(host_policy_find_guest(good, "initech", "web"), 2);
    assert_int_equal(host_policy_find_guest(good, "initech", "db"), -ENOENT);
    assert_int_equal(host_policy_find_guest(good, "umbrella", "web"), -ENOENT);
    assert_int_equal(host_policy_find_guest(good, "acm", "web"), -ENOENT);
    assert_int_equal(host_policy_find_guest(good, "", "db"), 1);
    assert_int_equal(host_policy_find_guest(good, NULL, "web"), -EEXIST);
    assert_int_equal(host_policy_find_guest(good, "", "x"), -ENOENT);
    assert_int_equal(host_policy_find_guest(good, "", ""), -ENOENT);
}

/* One wrong value of a field that was right. */
#define LIE(field, value)                                                                          \
    do {                                                                                           \
        memcpy(policy, good, CAPACITY);                                                            \
        policy->field = (value);                                                                   \
        if (host_policy_check(policy, CAPACITY, &d) != -EINVAL)                                    \
            fail_msg("%s = %s is believed", #field, #value);                                       \
        assert_non_null(memchr(d.message, '\0', sizeof(d.message)));                               \
    } while (0)

/* A string without an end, and one that is not allowed. */
#define LIE_TEXT(field, text)                                                                      \
    do {                                                                                           \
        memcpy(policy, good, CAPACITY);                                                            \
        memset(policy->field, 'a', sizeof(policy->field));                                         \
        if (host_policy_check(policy, CAPACITY, &d) != -EINVAL)                                    \
            fail_msg("%s without an end is believed", #field);                                     \
        memcpy(policy, good, CAPACITY);                                                            \
        memcpy(policy->field, (text), strlen(text) + 1);                                           \
        if (host_policy_check(policy, CAPACITY, &d) != -EINVAL)                                    \
            fail_msg("%s = %s is believed", #field, (text));                                       \
    } while (0)

static void test_lies_of_the_whole(void **state)
{
    struct guest_diagnostic d;

    (void)state;
    LIE(magic, 0);
    LIE(version, HOST_POLICY_VERSION + 1);
    LIE(size, host_policy_size(2));
    LIE(size, UINT64_MAX);
    LIE(mac, 2);
    LIE(mac, GUEST_MAC_LANDLOCK);
    LIE(reserved, 1);
    LIE(tenants, 2);
    LIE(tenants, 0);
    LIE(tenants, HOST_TENANTS_MAX + 1);
    LIE(tenants, 4); /* a tenant without a name */
    LIE(objects, 1);
    LIE(objects, HOST_OBJECTS_MAX + 1);
    LIE(patterns, 1);
    LIE(patterns, HOST_PATTERNS_MAX + 1);
    LIE(shares, 0);
    LIE(shares, HOST_SHARES_MAX + 1);
    LIE(links, 0);
    LIE(links, UINT32_MAX);
    LIE(operators, HOST_OPERATORS_MAX + 1);
    LIE(operators, 4);
    LIE(conflicts, HOST_CONFLICTS_MAX + 1);
    LIE(conflicts, 2);
    LIE(guests, 2);
    LIE(guests, HOST_GUESTS_MAX + 1);
    LIE(guests, UINT32_MAX);
    for (size_t size = 0; size < host_policy_size(3); size += 997)
        assert_int_equal(host_policy_check(good, size, &d), -EINVAL);
    assert_int_equal(host_policy_check(good, host_policy_size(3) - 1, &d), -EINVAL);
}

static void test_lies_of_tenants(void **state)
{
    struct guest_diagnostic d;

    (void)state;
    LIE_TEXT(tenant[1].name, "host");
    LIE_TEXT(tenant[1].name, "acme");
    LIE_TEXT(tenant[1].name, "../x");
    LIE(tenant[0].guests, 1);
    LIE(tenant[0].guests, HOST_GUESTS_MAX + 1);
    LIE(tenant[0].cpus, 1);
    LIE(tenant[0].cpus, HOST_CPUS_MAX + 1);
    LIE(tenant[0].memory, 1);
    LIE(tenant[0].memory, UINT64_MAX);
    LIE(tenant[0].memory, 512ULL << 20);
    LIE_TEXT(object[0].name, "h");
    LIE_TEXT(object[0].name, "");
    LIE_TEXT(object[0].path, "/srv/golden/h.img");
    LIE_TEXT(object[1].path, "/srv/acme/h.img");
    LIE_TEXT(object[1].path, "/srv/x/../acme/h.img");
    LIE(pattern[1].tenant, 3);
    LIE(pattern[1].tenant, HOST_EVERY_TENANT);
    LIE(pattern[1].tenant, 1);
    LIE(pattern[1].use, HOST_PATTERN_USES);
    LIE(pattern[1].use, HOST_PATTERN_KERNEL);
    LIE(pattern[0].use, HOST_PATTERN_DISK);
    LIE_TEXT(pattern[1].text, "/srv/**");
    LIE_TEXT(pattern[1].text, "/srv/acme/../**");
    LIE_TEXT(pattern[1].text, "/srv/acme/**/..");
    LIE_TEXT(pattern[1].text, "");
    LIE(share[0].tenant, 3);
    LIE(share[0].tenant, 1);
    LIE(share[0].object, 2);
    LIE(share[0].object, UINT32_MAX);
    LIE(share[0].object, 1);
    LIE(link[1].tenant, 3);
    LIE(link[1].tenant, 1);
    LIE(link[1].kind, HOST_LINK_KINDS);
    LIE(link[1].kind, HOST_LINK_BRIDGE);
    LIE_TEXT(link[1].name, "t2");
    LIE_TEXT(link[1].name, "t%d");
    LIE(operator[0].tenant, 3);
    LIE(operator[0].reserved, 1);
    LIE_TEXT(operator[0].name, "0");
    LIE_TEXT(operator[0].name, "@b");
    LIE(conflict[0].first, 1);
    LIE(conflict[0].first, 2);
    LIE(conflict[0].second, 3);
    LIE(conflict[0].second, 2); /* acme and umbrella share g */
}

static void set_byte(void *at, unsigned char byte)
{
    memcpy(at, &byte, 1);
}

static void test_lies_of_guests(void **state)
{
    struct guest_diagnostic d;

    (void)state;
    LIE(guest[0].tenant, 3);
    LIE(guest[0].tenant, 1);
    LIE(guest[0].reserved, 1);
    LIE(guest[0].shared[0], 1);
    LIE(guest[0].shared[1], 0);
    LIE(guest[0].shared[1], 2);
    LIE(guest[0].shared[2], 1);
    LIE(guest[0].spec.mac, GUEST_MAC_LANDLOCK);
    LIE(guest[0].spec.cpus, 4);
    LIE(guest[0].spec.cpus, 0);
    LIE(guest[0].spec.memory, 2ULL << 30);
    LIE(guest[0].spec.disks, GUEST_DISKS_MAX + 1);
    LIE(guest[0].spec.disk[1].readonly, false);
    LIE(guest[1].spec.nets, 2);
    LIE_TEXT(guest[1].spec.name, "web");
    LIE_TEXT(guest[0].spec.kernel, "/etc/shadow");
    LIE_TEXT(guest[0].spec.kernel, "/boot/../etc/shadow");
    LIE_TEXT(guest[0].spec.initrd, "/srv/ini/w");
    LIE_TEXT(guest[0].spec.disk[0].path, "/srv/acme/db");
    LIE_TEXT(guest[0].spec.disk[0].path, "/srv/ini/w");
    LIE_TEXT(guest[0].spec.disk[0].path, "/srv/golden/h.img");
    LIE_TEXT(guest[0].spec.disk[0].path, "/srv/acme/deep/er/../../../ini/w");
    LIE_TEXT(guest[0].spec.net[0].tap, "t1");
    LIE_TEXT(guest[0].spec.net[0].tap, "t2");
    LIE_TEXT(guest[0].spec.net[0].tap, "br0");
    memcpy(policy, good, CAPACITY);
    set_byte(&policy->guest[2].spec.disk[0].readonly, 2);
    assert_int_equal(host_policy_check(policy, CAPACITY, &d), -EINVAL);
}

/* Positions are for messages only: no value of theirs matters. */
static void test_positions(void **state)
{
    struct guest_diagnostic d;

    (void)state;
    memcpy(policy, good, CAPACITY);
    memset(&policy->tenant[0].at, 0xff, sizeof(policy->tenant[0].at));
    memset(&policy->guest[0].at, 0xff, sizeof(policy->guest[0].at));
    memset(policy->guest[0].disk_at, 0xff, sizeof(policy->guest[0].disk_at));
    assert_int_equal(host_policy_check(policy, CAPACITY, &d), 0);
}

static void test_room(void **state)
{
    struct guest_diagnostic d;
    size_t count;

    (void)state;
    assert_int_equal(parse(source, strlen(source), host_policy_size(3), &count), 0);
    assert_int_equal(parse(source, strlen(source), host_policy_size(3) - 1, &count), -ENOSPC);
    assert_int_equal(count, 1);
    assert_int_equal(host_policy_check(policy, CAPACITY, &d), -EINVAL);
    assert_int_equal(parse(source, strlen(source), host_policy_size(0), &count), -ENOSPC);
    assert_int_equal(parse(source, strlen(source), host_policy_size(0) - 1, &count), -ENOSPC);
    assert_int_equal(parse(source, strlen(source), 0, &count), -ENOSPC);
    assert_int_equal(parse("", 0, host_policy_size(0), &count), 0);
    assert_int_equal(parse(NULL, 0, host_policy_size(0), &count), 0);
    assert_int_equal(host_policy_check(policy, host_policy_size(0), &d), 0);
}

/* A refused source leaves nothing that could be taken for a policy, not even the one before. */
static void test_refused_is_no_policy(void **state)
{
    static const char bad[] = "tenant a { disk \"/a/../b\"; }";
    struct guest_diagnostic d;
    size_t count;

    (void)state;
    memcpy(policy, good, CAPACITY);
    assert_int_equal(parse(bad, strlen(bad), CAPACITY, &count), -EINVAL);
    assert_int_equal(count, 1);
    assert_int_equal(host_policy_check(policy, CAPACITY, &d), -EINVAL);
}

static void test_too_large(void **state)
{
    char *text = malloc(HOST_SOURCE_MAX + 1);
    clock_t start = clock();
    size_t count;

    (void)state;
    assert_non_null(text);
    memset(text, ' ', HOST_SOURCE_MAX + 1);
    assert_int_equal(parse(text, HOST_SOURCE_MAX + 1, CAPACITY, &count), -EFBIG);
    assert_int_equal(count, 1);
    assert_int_equal(parse(text, HOST_SOURCE_MAX, CAPACITY, &count), 0);
    for (const char *unit = "{};\"#a/\\1\xff"; *unit != '\0'; unit++) {
        memset(text, *unit, HOST_SOURCE_MAX);
        assert_int_equal(parse(text, HOST_SOURCE_MAX, CAPACITY, &count),
                         *unit == '#' ? 0 : -EINVAL);
    }
    assert_true(clock() - start < 5 * CLOCKS_PER_SEC);
    free(text);
}

/*
 * The most expensive struct: as many patterns as there may be, alike up to their last byte, each to
 * be compared with all others. casemated's check must not stand still over it.
 */
static void test_time(void **state)
{
    struct guest_diagnostic d;
    clock_t start;
    int r;

    (void)state;
    memset(policy, 0, sizeof(*policy));
    policy->magic = HOST_MAGIC_POLICY;
    policy->version = HOST_POLICY_VERSION;
    policy->size = host_policy_size(0);
    policy->tenants = 2;
    memcpy(policy->tenant[0].name, "a", 2);
    memcpy(policy->tenant[1].name, "b", 2);
    policy->patterns = HOST_PATTERNS_MAX;
    for (uint32_t i = 0; i < HOST_PATTERNS_MAX; i++) {
        char *text = policy->pattern[i].text;

        policy->pattern[i].tenant = i % 2;
        memcpy(text, "/a/", 3);
        for (size_t at = 3; at < HOST_PATTERN_MAX - 1; at++)
            text[at] = i % 2 == 0 && at % 2 == 1 ? '*' : 'a';
        (void)snprintf(text + 240, 16, "a%cx%u", i % 2 == 0 ? '*' : 'a', i);
    }
    start = clock();
    r = host_policy_check(policy, CAPACITY, &d);
    print_message("%d %s: %.2f s\n", r, r < 0 ? d.message : "",
                  (double)(clock() - start) / CLOCKS_PER_SEC);
    assert_int_equal(r, 0);
    assert_true(clock() - start < 5 * CLOCKS_PER_SEC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_content),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_lies_of_the_whole),
        cmocka_unit_test(test_lies_of_tenants),
        cmocka_unit_test(test_lies_of_guests),
        cmocka_unit_test(test_positions),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_refused_is_no_policy),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_time),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
