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

#include "labeling/relabel.h"
#include "mac/selinux.h"
#include "tests/unit/mac/child.h"

static void test_contexts(void **state)
{
    const struct selinux_categories pair = {1, 1023};
    char context[SELINUX_CONTEXT_MAX];

    (void)state;
    assert_int_equal(selinux_process_context(PROCESS_BLK, &pair, context), 0);
    assert_string_equal(context, "system_u:system_r:casemate_blk_t:s0:c1,c1023");
    assert_int_equal(selinux_process_context(PROCESS_CONSOLE, &pair, context), 0);
    assert_string_equal(context, "system_u:system_r:casemate_console_t:s0:c1,c1023");
    assert_int_equal(selinux_object_context(SELINUX_IMAGE_READONLY, &pair, context), 0);
    assert_string_equal(context, "system_u:object_r:casemate_image_ro_t:s0:c1,c1023");
    assert_int_equal(selinux_object_context(SELINUX_RAM, &pair, context), 0);
    assert_string_equal(context, "system_u:object_r:casemate_ram_t:s0:c1,c1023");
}

/* Never a context that fewer or more categories than two would make: one dominates the other. */
static void test_bad_categories(void **state)
{
    static const struct selinux_categories bad[] = {
        {5, 5}, {6, 5}, {0, 0}, {0, 1024}, {1023, 1024}, {65535, 65535}, {1, 65535},
    };
    const struct selinux_categories good = {0, 1};
    char context[SELINUX_CONTEXT_MAX] = "untouched";

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(selinux_process_context(PROCESS_VMM, &bad[i], context), -EINVAL);
        assert_int_equal(selinux_object_context(SELINUX_IMAGE, &bad[i], context), -EINVAL);
    }
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
    const char *const label = "system_u:object_r:casemate_image_t:s0:c0,c1";
    char path[] = "/var/tmp/selinux-XXXXXX", context[SELINUX_CONTEXT_MAX] = "untouched";
    struct relabel note;
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
    assert_int_equal(relabel_prepare(fd, label, &note), -EOPNOTSUPP);
    assert_string_equal(context, "untouched");
    /* and no attribute was left on the file */
    assert_true(fgetxattr(fd, "security.selinux", context, sizeof(context)) < 0);
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contexts),
        cmocka_unit_test(test_bad_categories),
        cmocka_unit_test(test_nothing_succeeds_without_selinux),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
