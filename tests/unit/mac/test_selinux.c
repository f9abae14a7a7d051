/* SPDX-License-Identifier: Apache-2.0 */
/* What can be said of mac/selinux without a kernel that has it; the rest is in tests/live. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include <cmocka.h>

#include "mac/enforcing.h"
#include "mac/selinux.h"
#include "tests/unit/mac/child.h"

static void test_contexts(void **state)
{
    const struct selinux_label pair = {0, "c1,c1023"}, triple = {63, "c0,c10,c999"},
                               range = {7, "c1.c3"}, mixed = {42, "c0.c2,c5,c7.c9"};
    char context[SELINUX_CONTEXT_MAX];

    (void)state;
    assert_int_equal(selinux_process_context(PROCESS_BLK, &pair, context), 0);
    assert_string_equal(context, "system_u:system_r:casemate_tenant_0000.blk_t:s0:c1,c1023");
    assert_int_equal(selinux_process_context(PROCESS_CONSOLE, &triple, context), 0);
    assert_string_equal(context, "system_u:system_r:casemate_tenant_0063.console_t:s0:c0,c10,c999");
    assert_int_equal(selinux_object_context(SELINUX_IMAGE_READONLY, &range, context), 0);
    assert_string_equal(context, "system_u:object_r:casemate_tenant_0007.image_ro_t:s0:c1.c3");
    assert_int_equal(selinux_object_context(SELINUX_RAM, &mixed, context), 0);
    assert_string_equal(context, "system_u:object_r:casemate_tenant_0042.ram_t:s0:c0.c2,c5,c7.c9");
    /* One label for whoever has it: the label store keeps it only then for several guests. */
    assert_int_equal(selinux_object_context(SELINUX_IMAGE_SHARED, &pair, context), 0);
    assert_string_equal(context, "system_u:object_r:casemate_shared_t:s0");
    assert_int_equal(selinux_object_context(SELINUX_IMAGE_SHARED, &mixed, context), 0);
    assert_string_equal(context, "system_u:object_r:casemate_shared_t:s0");
}

static void test_same_type(void **state)
{
    static const char service[] = "system_u:system_r:casemated_t:s0";
    static const char *const same[] = {"unconfined_u:system_r:casemated_t:s0",
                                       "system_u:sysadm_r:casemated_t:s0-s0:c0.c1023",
                                       "system_u:system_r:casemated_t"};
    static const char *const others[] = {
        "",    "system_u",    "system_u:system_r",
        ":::", "casemated_t", "system_u:casemated_t:s0",
        "::",  "a:b:",        "system_u:system_r:casemated_t2:s0",
        ":",   "a::s0",       "system_u:system_r:casemated_:s0",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
        assert_true(selinux_same_type(service, same[i]) && selinux_same_type(same[i], service));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_false(selinux_same_type(service, others[i]));
        assert_false(selinux_same_type(others[i], service));
        assert_false(selinux_same_type(others[i], "a:b:"));
    }
}

/*
 * The text goes into a context: never one that says something else than one set of two or more
 * categories, and never one category alone, which every pair that contains it dominates.
 */
static void test_bad_categories(void **state)
{
    static const struct selinux_label bad[] = {
        {0, ""},
        {0, "c1"},
        {0, "c5,c5"},
        {0, "c6,c5"},
        {0, "c0,c1024"},
        {0, "c0,c65537"},
        {0, "c0,c4294967297"},
        {0, "c00,c1"},
        {0, "c0,c01"},
        {0, "c0,"},
        {0, ",c0"},
        {0, "c0,,c1"},
        {0, "c0.c1.c2"},
        {0, "c3.c1"},
        {0, "c0 ,c1"},
        {0, "c0,c1 "},
        {0, "c0,c-1"},
        {0, "c0,c+1"},
        {0, "c0,c"},
        {0, "c,c1"},
        {0, "0,1"},
        {0, "C0,C1"},
        {0, "c0,c1:s0"},
        {0, "c0,c1-s0:c0.c1023"},
        {0, "c0,c1\n"},
        {4096, "c0,c1"},
        {10000, "c0,c1"},
        {UINT32_MAX, "c0,c1"},
    };
    const struct selinux_label good = {0, "c0,c1"};
    struct selinux_label endless = {.tenant = 0};
    char context[SELINUX_CONTEXT_MAX] = "untouched";

    (void)state;
    memcpy(endless.categories, "c0,c1,c2,c3,c4,c5,c6,c7,c8,c9,c10,c11,c12,c13,c14", 48);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(selinux_process_context(PROCESS_VMM, &bad[i], context), -EINVAL);
        assert_int_equal(selinux_object_context(SELINUX_IMAGE, &bad[i], context), -EINVAL);
    }
    assert_int_equal(selinux_process_context(PROCESS_VMM, &endless, context), -EINVAL);
    assert_int_equal(selinux_process_context(PROCESS_KINDS, &good, context), -EINVAL);
    assert_int_equal(selinux_object_context(SELINUX_OBJECTS, &good, context), -EINVAL);
    assert_int_equal(selinux_object_context((enum selinux_object) - 1, &good, context), -EINVAL);
    assert_string_equal(context, "untouched");
}

/*
 * Without SELinux root may write security.selinux on any file, and a context for exec would be
 * lost: nothing of it may look like success.
 */
static void test_nothing_succeeds_without_selinux(void **state)
{
    struct enforcing *watch = NULL;
    const char *const label = "system_u:object_r:casemate_tenant_0000.image_t:s0:c0,c1";
    char path[] = "/var/tmp/selinux-XXXXXX", context[SELINUX_CONTEXT_MAX] = "untouched";
    int fd;

    (void)state;
    if (selinux_state() != SELINUX_ABSENT) {
        print_message("skipped: this machine has SELinux\n");
        skip();
    }
    fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(selinux_set_exec(label), -EOPNOTSUPP);
    assert_int_equal(selinux_set_exec(NULL), -EOPNOTSUPP);
    assert_int_equal(selinux_set_socket(label), -EOPNOTSUPP);
    assert_int_equal(selinux_set_file(fd, label), -EOPNOTSUPP);
    assert_int_equal(selinux_get_file(fd, context), -EOPNOTSUPP);
    assert_int_equal(selinux_get_process(getpid(), context), -EOPNOTSUPP);
    assert_string_equal(context, "untouched");
    /* and no attribute was left on the file */
    assert_true(fgetxattr(fd, "security.selinux", context, sizeof(context)) < 0);
    (void)close(fd);
    assert_int_equal(enforcing_open(&watch), -EOPNOTSUPP);
    assert_null(watch);
    assert_int_equal(enforcing_fd(watch), -1);
    enforcing_close(watch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contexts),
        cmocka_unit_test(test_same_type),
        cmocka_unit_test(test_bad_categories),
        cmocka_unit_test(test_nothing_succeeds_without_selinux),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
