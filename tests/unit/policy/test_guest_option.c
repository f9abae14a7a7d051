/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "policy/guest.h"

static struct guest_spec spec;
static struct guest_options *options;
static struct guest_diagnostic d;

static int setup(void **state)
{
    (void)state;
    guest_spec_init(&spec);
    memset(&d, 0, sizeof(d));
    return guest_options_new(&spec, &options);
}

static int teardown(void **state)
{
    (void)state;
    guest_options_free(options);
    return 0;
}

static void give(const char *option, const char *value)
{
    if (guest_option(options, option, value, &d) != 0)
        fail_msg("--%s %s: %s", option, value != NULL ? value : "", d.message);
}

/* Refused, with a message that says `says`, and nothing changed. */
static void refuse(const char *option, const char *value, const char *says)
{
    struct guest_spec before = spec;
    int r = guest_option(options, option, value, &d);

    if (r != -EINVAL || strstr(d.message, says) == NULL)
        fail_msg("--%s %s: %d, '%s' does not say '%s'", option, value != NULL ? value : "(none)", r,
                 d.message, says);
    assert_memory_equal(&before, &spec, sizeof(spec));
}

static void test_everything(void **state)
{
    (void)state;
    give("name", "web");
    give("kernel", "/boot/vmlinuz");
    give("initrd", "initrd.img");
    give("cmdline", "console=ttyS0 a=\"b, c\"");
    give("disk", "/srv/a.img");
    give("disk", "/srv/b.img,ro,queues=4");
    give("disk", "/srv/c,,d.img,queues=16,ro");
    give("net", "tap=tap0");
    give("net", "mac=52:54:00:AB:cd:01,pairs=2,tap=tap1");
    give("rng", NULL);
    give("tpm", NULL);
    give("cpus", "64");
    give("memory", "2G");
    give("cpu", "v3");
    give("no-reboot", NULL);
    give("huge-pages", NULL);
    give("mac", "landlock");
    assert_int_equal(guest_spec_check(&spec, &d), 0);
    assert_string_equal(spec.name, "web");
    assert_string_equal(spec.kernel, "/boot/vmlinuz");
    assert_string_equal(spec.cmdline, "console=ttyS0 a=\"b, c\"");
    assert_int_equal(spec.disks, 3);
    assert_false(spec.disk[0].readonly);
    assert_int_equal(spec.disk[0].queues, 1);
    assert_true(spec.disk[1].readonly);
    assert_int_equal(spec.disk[1].queues, 4);
    assert_string_equal(spec.disk[2].path, "/srv/c,d.img");
    assert_int_equal(spec.nets, 2);
    assert_false(spec.net[0].has_mac);
    assert_memory_equal(spec.net[1].mac, "\x52\x54\x00\xab\xcd\x01", 6);
    assert_int_equal(spec.net[1].pairs, 2);
    assert_true(spec.rng && spec.tpm && spec.no_reboot && spec.huge_pages);
    assert_int_equal(spec.cpus, 64);
    assert_int_equal(spec.memory, 2ULL << 30);
    assert_int_equal(spec.cpu, GUEST_CPU_V3);
    assert_int_equal(spec.mac, GUEST_MAC_LANDLOCK);
}

static void test_unknown(void **state)
{
    static const struct {
        const char *option, *says;
    } cases[] = {
        {"memroy", "did you mean '--memory'?"},
        {"hugepages", "did you mean '--huge-pages'?"},
        {"dsik", "did you mean '--disk'?"},
        {"frobnicate", "--help"},
        {"", "--help"},
        {"kernel=x", "did you mean '--kernel'?"},
        {"\x1b[2J", "\\x1b[2J"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(guest_option(options, cases[i].option, "x", &d), -ENOENT);
        if (strstr(d.message, cases[i].says) == NULL)
            fail_msg("'%s' does not say '%s'", d.message, cases[i].says);
    }
}

static void test_values_and_switches(void **state)
{
    (void)state;
    for (size_t i = 0; guest_option_at(i) != NULL; i++) {
        const struct guest_option_info *info = guest_option_at(i);

        assert_ptr_equal(guest_option_find(info->name), info);
        if (info->argument != NULL && info->argument[0] == '[')
            refuse(info->name, "", "has no ''");
        else if (info->argument != NULL)
            refuse(info->name, NULL, "needs a value");
        else
            refuse(info->name, "yes", "takes no value");
    }
    assert_null(guest_option_at(1000));
    assert_null(guest_option_find("disks"));
}

/* A value that may be left out is told from what stands behind the option. */
static void test_a_tpm_of_a_third_party(void **state)
{
    const struct guest_option_info *tpm = guest_option_find("tpm");
    char longest[16 + GUEST_SOCKET_MAX] = "swtpm,socket=/";

    (void)state;
    assert_true(guest_option_takes(tpm, "swtpm,socket=/run/x"));
    assert_true(guest_option_takes(tpm, "swtpm,"));
    assert_false(guest_option_takes(tpm, "swtpm"));
    assert_false(guest_option_takes(tpm, "swtpm.conf"));
    assert_false(guest_option_takes(tpm, "--rng"));
    assert_false(guest_option_takes(tpm, ""));
    assert_true(guest_option_takes(guest_option_find("disk"), "--rng"));
    assert_false(guest_option_takes(guest_option_find("rng"), "swtpm,"));
    refuse("tpm", "qemu", "has no 'qemu'");
    refuse("tpm", "swtpm", "takes the path");
    refuse("tpm", "swtpm,", "takes the path");
    refuse("tpm", "swtpm,path=/x", "takes the path");
    refuse("tpm", "swtpm,socket=/x,locality=2", "takes the path");
    refuse("tpm", "swtpm,socket=", "empty");
    refuse("tpm", "swtpm,socket=/\x1b", "control character");
    memset(longest + 14, 'a', GUEST_SOCKET_MAX - 1);
    refuse("tpm", longest, "at most 107");
    longest[14 + GUEST_SOCKET_MAX - 2] = '\0';
    give("tpm", longest);
    assert_true(spec.tpm);
    assert_int_equal(strlen(spec.tpm_socket), GUEST_SOCKET_MAX - 1);
    refuse("tpm", NULL, "given twice");
}

static void test_twice(void **state)
{
    (void)state;
    give("kernel", "/k");
    refuse("kernel", "/k", "given twice");
    give("rng", NULL);
    refuse("rng", NULL, "given twice");
    /* A refused value does not count. */
    refuse("cpus", "0", "out of range");
    give("cpus", "2");
    refuse("cpus", "2", "given twice");
}

static void test_numbers(void **state)
{
    (void)state;
    refuse("cpus", "", "not a number");
    refuse("cpus", "65", "out of range");
    refuse("cpus", "-1", "not a number");
    refuse("cpus", "18446744073709551617", "out of range");
    refuse("cpus", "1,2", "not a number");
    refuse("memory", "", "not a size");
    refuse("memory", "512m", "not a size");
    refuse("memory", "31M", "too little");
    refuse("memory", "513G", "too much");
    refuse("memory", "33M", "32M would be one");
    refuse("memory", "99999999999999999999T", "too much");
    refuse("cpu", "", "choose host, v2, v3 or v4");
    refuse("cpu", "V3", "did you mean 'v3'?");
    refuse("mac", "none", "choose selinux or landlock");
    refuse("mac", "se-linux", "did you mean 'selinux'?");
    refuse("name", "../x", "cannot be used");
}

static void test_disks(void **state)
{
    (void)state;
    refuse("disk", "", "empty");
    refuse("disk", ",ro", "empty");
    refuse("disk", "/a,", "has no ''");
    refuse("disk", "/a,rw", "has no 'rw'");
    refuse("disk", "/a,ro,ro", "'ro' is given twice");
    refuse("disk", "/a,ro=1", "has no 'ro=1'");
    refuse("disk", "/a,queues", "has no 'queues'");
    refuse("disk", "/a,queues=", "not a number");
    refuse("disk", "/a,queues=0", "out of range");
    refuse("disk", "/a,queues=17", "out of range");
    refuse("disk", "/a,queues=1,queues=2", "'queues' is given twice");
    refuse("disk", "/a,format=qcow2", "has no 'format=qcow2'");
    refuse("disk", "/a\n", "control character");
    give("disk", "/a");
    refuse("disk", "/a,ro", "given twice");
    for (char path[] = "/0"; spec.disks < GUEST_DISKS_MAX; path[1]++)
        give("disk", path);
    refuse("disk", "/one-more", "more than 16 disks");
}

static void test_nets(void **state)
{
    (void)state;
    refuse("net", "", "has no ''");
    refuse("net", "tap0", "has no 'tap0'");
    refuse("net", "mac=52:54:00:00:00:01", "names no tap");
    refuse("net", "tap=", "cannot be an interface's");
    refuse("net", "tap=a,tap=b", "'tap' is given twice");
    refuse("net", "tap=tap%d", "cannot be an interface's");
    refuse("net", "tap=abcdefghijklmnop", "too long");
    refuse("net", "tap=a,mac=", "not an Ethernet address");
    refuse("net", "tap=a,mac=52:54:00:00:00:0", "not an Ethernet address");
    refuse("net", "tap=a,mac=52:54:00:00:00:01:", "not an Ethernet address");
    refuse("net", "tap=a,mac=52:54:00:00:00:0x", "not an Ethernet address");
    refuse("net", "tap=a,mac=33:33:00:00:00:01", "group address");
    refuse("net", "tap=a,mac=52:54:00:00:00:01,mac=52:54:00:00:00:01", "'mac' is given twice");
    refuse("net", "tap=a,pairs=9", "out of range");
    refuse("net", "tap=a,pairs=1,pairs=1", "'pairs' is given twice");
    give("net", "tap=a,mac=52:54:00:00:00:01");
    refuse("net", "tap=a", "given twice");
    refuse("net", "tap=b,mac=52:54:00:00:00:01", "same mac");
}

static void test_long(void **state)
{
    static char text[1 << 20];

    (void)state;
    memset(text, 'a', sizeof(text) - 1);
    refuse("kernel", text, "1048575 bytes long");
    refuse("initrd", text, "at most 1023");
    refuse("cmdline", text, "at most 2047");
    refuse("disk", text, "too long");
    refuse("net", text, "too long");
    refuse("name", text, "cannot be used");
    refuse("cpus", text, "not a number");
    refuse("memory", text, "not a size");
    refuse("cpu", text, "unknown cpu");
    memset(text, '9', sizeof(text) - 1);
    refuse("cpus", text, "out of range");
    refuse("memory", text, "too much");
    assert_int_equal(guest_option(options, text, text, &d), -ENOENT);
    memcpy(text, "/a,", 3);
    refuse("disk", text, "too long");
    memcpy(text, "tap=", 4);
    refuse("net", text, "too long");
}

/* Around the last byte that fits. */
static void test_exact(void **state)
{
    char text[GUEST_PATH_MAX + 8];

    (void)state;
    for (size_t size = GUEST_PATH_MAX - 2; size <= GUEST_PATH_MAX + 2; size++) {
        memset(text, 'a', size);
        memcpy(text + size, ",ro", 4);
        if (size < GUEST_PATH_MAX)
            give("disk", text);
        else
            refuse("disk", text, "too long");
    }
    assert_int_equal(strlen(spec.disk[1].path), GUEST_PATH_MAX - 1);
    for (size_t size = GUEST_PATH_MAX - 1; size <= GUEST_PATH_MAX + 1; size++) {
        memset(text, 'a', size);
        text[size] = '\0';
        memcpy(text, "tap=", 4);
        refuse("net", text, "too long");
    }
}

static void test_suggest(void **state)
{
    static const char *const names[] = {"memory", "cpus", "cpu", "rng",
                                        "a-very-long-name-that-goes-on-and-on-and-on-and-on"};

    (void)state;
    assert_string_equal(guest_suggest("memory", names, 5), "memory");
    assert_string_equal(guest_suggest("emmory", names, 5), "memory");
    assert_string_equal(guest_suggest("mory", names, 5), "memory");
    assert_string_equal(guest_suggest("cpuss", names, 5), "cpus");
    assert_string_equal(guest_suggest("rgn", names, 5), "rng");
    assert_null(guest_suggest("mem", names, 5));
    assert_null(guest_suggest("x", names, 5));
    assert_null(guest_suggest("rx", names, 5));
    assert_null(guest_suggest("", names, 5));
    assert_null(guest_suggest("memory", names, 0));
    assert_null(guest_suggest("a-very-long-name-that-goes-on-and-on-and-on-and-o", names, 5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_everything, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unknown, setup, teardown),
        cmocka_unit_test_setup_teardown(test_values_and_switches, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_tpm_of_a_third_party, setup, teardown),
        cmocka_unit_test_setup_teardown(test_twice, setup, teardown),
        cmocka_unit_test_setup_teardown(test_numbers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_disks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nets, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long, setup, teardown),
        cmocka_unit_test_setup_teardown(test_exact, setup, teardown),
        cmocka_unit_test(test_suggest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
