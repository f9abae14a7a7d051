/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/guest.h"

static struct guest_spec good(void)
{
    struct guest_spec spec;

    guest_spec_init(&spec);
    strcpy(spec.kernel, "/k");
    spec.disks = 2;
    strcpy(spec.disk[0].path, "/d0");
    strcpy(spec.disk[1].path, "/d1");
    spec.disk[0].queues = 1;
    spec.disk[1].queues = GUEST_QUEUES_MAX;
    spec.nets = 2;
    strcpy(spec.net[0].tap, "t0");
    strcpy(spec.net[1].tap, "t1");
    spec.net[0].pairs = 1;
    spec.net[1].pairs = GUEST_PAIRS_MAX;
    return spec;
}

static void assert_bad(const struct guest_spec *spec, const char *says)
{
    struct guest_diagnostic d;

    memset(&d, 'x', sizeof(d));
    assert_int_equal(guest_spec_check(spec, &d), -EINVAL);
    assert_int_equal(d.line, 0);
    assert_int_equal(d.column, 0);
    if (strstr(d.message, says) == NULL)
        fail_msg("'%s' does not say '%s'", d.message, says);
}

static void test_defaults(void **state)
{
    struct guest_spec spec;

    (void)state;
    guest_spec_init(&spec);
    assert_string_equal(spec.name, "guest");
    assert_int_equal(spec.cpus, 1);
    assert_int_equal(spec.memory, 512ULL << 20);
    assert_int_equal(spec.mac, GUEST_MAC_SELINUX);
    assert_int_equal(spec.cpu, GUEST_CPU_HOST);
    assert_bad(&spec, "has no kernel");
}

static void test_good(void **state)
{
    struct guest_spec spec = good();
    struct guest_diagnostic d;

    (void)state;
    assert_int_equal(guest_spec_check(&spec, &d), 0);
    /* Entries behind the count are nobody's business. */
    memset(&spec.disk[2], 0xff, sizeof(spec.disk[2]));
    memset(&spec.net[2], 0xff, sizeof(spec.net[2]));
    assert_int_equal(guest_spec_check(&spec, &d), 0);
}

/* Everything set to one value, as a compromised front would try. */
static void test_filled(void **state)
{
    struct guest_spec spec;
    struct guest_diagnostic d;

    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        memset(&spec, byte, sizeof(spec));
        assert_int_equal(guest_spec_check(&spec, &d), -EINVAL);
    }
}

static void test_unterminated(void **state)
{
    struct guest_spec spec = good();

    (void)state;
    memset(spec.name, 'a', sizeof(spec.name));
    assert_bad(&spec, "malformed");
    spec = good();
    memset(spec.kernel, 'a', sizeof(spec.kernel));
    assert_bad(&spec, "malformed");
    spec = good();
    memset(spec.initrd, 'a', sizeof(spec.initrd));
    assert_bad(&spec, "malformed");
    spec = good();
    memset(spec.cmdline, 'a', sizeof(spec.cmdline));
    assert_bad(&spec, "malformed");
    spec = good();
    memset(spec.disk[1].path, 'a', sizeof(spec.disk[1].path));
    assert_bad(&spec, "malformed");
    spec = good();
    memset(spec.net[1].tap, 'a', sizeof(spec.net[1].tap));
    assert_bad(&spec, "malformed");
}

static void test_counts(void **state)
{
    struct guest_spec spec = good();

    (void)state;
    spec.disks = GUEST_DISKS_MAX + 1;
    assert_bad(&spec, "malformed");
    spec.disks = UINT32_MAX;
    assert_bad(&spec, "malformed");
    spec = good();
    spec.nets = GUEST_NETS_MAX + 1;
    assert_bad(&spec, "malformed");
    spec.nets = 0x80000000;
    assert_bad(&spec, "malformed");
    spec = good();
    spec.disks = 3; /* the third has no path and no queue */
    assert_bad(&spec, "queues");
}

/* A bool with another byte in it: whoever branches on it later must never meet one. */
static void test_flags(void **state)
{
    struct guest_spec spec;

    (void)state;
    spec = good();
    memset(&spec.tpm, 2, 1);
    assert_bad(&spec, "malformed");
    spec = good();
    memset(&spec.no_reboot, 255, 1);
    assert_bad(&spec, "malformed");
    spec = good();
    memset(&spec.huge_pages, 128, 1);
    assert_bad(&spec, "malformed");
    spec = good();
    memset(&spec.disk[0].readonly, 2, 1);
    assert_bad(&spec, "malformed");
    spec = good();
    memset(&spec.net[0].has_mac, 3, 1);
    assert_bad(&spec, "malformed");
}

static void test_numbers(void **state)
{
    static const uint64_t memories[] = {0,
                                        1,
                                        GUEST_MEMORY_MIN - GUEST_MEMORY_STEP,
                                        GUEST_MEMORY_MAX + GUEST_MEMORY_STEP,
                                        GUEST_MEMORY_MIN + 1,
                                        GUEST_MEMORY_MIN + 4096,
                                        UINT64_MAX,
                                        1ULL << 63};
    struct guest_spec spec = good();

    (void)state;
    for (size_t i = 0; i < sizeof(memories) / sizeof(memories[0]); i++) {
        spec.memory = memories[i];
        assert_bad(&spec, "memory");
    }
    spec = good();
    spec.cpus = 0;
    assert_bad(&spec, "cpus");
    spec.cpus = 65;
    assert_bad(&spec, "cpus");
    spec.cpus = UINT32_MAX;
    assert_bad(&spec, "cpus");
    spec = good();
    spec.cpu = GUEST_CPU_V4 + 1;
    assert_bad(&spec, "no known value");
    spec.cpu = UINT32_MAX;
    assert_bad(&spec, "no known value");
    spec = good();
    spec.mac = GUEST_MAC_LANDLOCK + 1;
    assert_bad(&spec, "no known value");
    spec = good();
    spec.disk[1].queues = 0;
    assert_bad(&spec, "queues");
    spec.disk[1].queues = 255;
    assert_bad(&spec, "queues");
    spec = good();
    spec.net[0].pairs = 0;
    assert_bad(&spec, "pairs");
    spec.net[0].pairs = GUEST_PAIRS_MAX + 1;
    assert_bad(&spec, "pairs");
}

static void test_names(void **state)
{
    static const char *const bad[] = {"",    "A",   "-a",  "_a", "a b", "a/b",
                                      "a.b", "../", "a\n", "é",  "a%d", "a;"};
    struct guest_spec spec = good();

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        strcpy(spec.name, bad[i]);
        assert_bad(&spec, "guest name");
    }
}

static void test_paths(void **state)
{
    struct guest_spec spec = good();

    (void)state;
    strcpy(spec.kernel, "/k\n");
    assert_bad(&spec, "\\x0a");
    spec = good();
    strcpy(spec.initrd, "\x1b[2J");
    assert_bad(&spec, "\\x1b[2J");
    spec = good();
    strcpy(spec.cmdline, "a\x7f");
    assert_bad(&spec, "cmdline");
    spec = good();
    spec.disk[0].path[0] = '\0';
    assert_bad(&spec, "empty");
}

static void test_taps(void **state)
{
    static const char *const bad[] = {"",     "tap%d", ".",   "..",  "a/b",     "a b",
                                      "a\tb", "a:b",   "é",   "a\n", "\x01",    "a'b",
                                      "a\"b", "a;b",   "a,b", "a=b", "tap0\x7f"};
    struct guest_spec spec = good();

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        strcpy(spec.net[1].tap, bad[i]);
        assert_bad(&spec, "tap name");
    }
}

static void test_twice(void **state)
{
    struct guest_spec spec = good();
    struct guest_diagnostic d;

    (void)state;
    strcpy(spec.disk[1].path, "/d0");
    assert_bad(&spec, "twice");
    /* The rest of the field is not part of the path. */
    memset(spec.disk[1].path + 4, 'z', 10);
    assert_bad(&spec, "twice");
    spec = good();
    strcpy(spec.net[1].tap, "t0");
    assert_bad(&spec, "twice");
    spec = good();
    for (int i = 0; i < 2; i++) {
        spec.net[i].has_mac = true;
        spec.net[i].mac[0] = 2;
    }
    assert_bad(&spec, "same mac");
    spec.net[0].has_mac = false;
    assert_int_equal(guest_spec_check(&spec, &d), 0);
    spec.net[1].mac[0] = 3;
    assert_bad(&spec, "group address");
    spec.net[1].mac[0] = 0;
    assert_bad(&spec, "00:00:00:00:00:00");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults), cmocka_unit_test(test_good),
        cmocka_unit_test(test_filled),   cmocka_unit_test(test_unterminated),
        cmocka_unit_test(test_counts),   cmocka_unit_test(test_flags),
        cmocka_unit_test(test_numbers),  cmocka_unit_test(test_names),
        cmocka_unit_test(test_paths),    cmocka_unit_test(test_taps),
        cmocka_unit_test(test_twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
