/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include "mac/privilege.h"
#include "tests/unit/mac/child.h"

#define ID 61234

static int drops(const void *argument)
{
    struct privilege_state s;

    (void)argument;
    CHILD_CHECK(personality(READ_IMPLIES_EXEC | ADDR_NO_RANDOMIZE) >= 0, 13);
    CHILD_CHECK(privilege_drop(ID, ID + 1) == 0, 1);
    CHILD_CHECK(personality(0xffffffff) == PER_LINUX, 14);
    CHILD_CHECK(privilege_read(getpid(), gettid(), &s) == 0, 2);
    for (int i = 0; i < 4; i++)
        CHILD_CHECK(s.uid[i] == ID && s.gid[i] == ID + 1, 3);
    CHILD_CHECK(s.groups == 0, 4);
    CHILD_CHECK(s.cap_inheritable == 0 && s.cap_permitted == 0 && s.cap_effective == 0, 5);
    CHILD_CHECK(s.cap_bounding == 0 && s.cap_ambient == 0, 6);
    CHILD_CHECK(s.no_new_privs, 7);
    CHILD_CHECK(s.seccomp_mode == 0 && s.seccomp_filters == 0, 8);
    /* no way back */
    CHILD_CHECK(setuid(0) < 0 && errno == EPERM, 9);
    CHILD_CHECK(prctl(PR_SET_SECUREBITS, 0, 0, 0, 0) < 0, 10);
    CHILD_CHECK(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0, 11);
    CHILD_CHECK(privilege_drop(ID + 2, ID + 2) < 0, 12);
    return 0;
}

static int oom_score(void)
{
    char text[16] = "";
    int fd = open("/proc/self/oom_score_adj", O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, text, sizeof(text) - 1);

    (void)close(fd);
    return n > 0 ? atoi(text) : INT32_MIN;
}

static bool set_oom_score(const char *value)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    ssize_t n = write(fd, value, strlen(value));

    (void)close(fd);
    return n == (ssize_t)strlen(value);
}

static int can_be_spared(const void *argument)
{
    (void)argument;
    return set_oom_score("-900") ? 0 : 1;
}

/* What guests inherit of casemated is not that the kernel ends everybody else first. */
static int drops_oom_favour(const void *argument)
{
    (void)argument;
    CHILD_CHECK(set_oom_score("-900"), 1);
    CHILD_CHECK(privilege_drop_oom_favour() == 0 && oom_score() == 0, 2);
    CHILD_CHECK(privilege_drop_oom_favour() == 0 && oom_score() == 0, 3);
    CHILD_CHECK(set_oom_score("300"), 4);
    CHILD_CHECK(privilege_drop_oom_favour() == 0 && oom_score() == 300, 5);
    return 0;
}

static void test_oom_favour(void **state)
{
    (void)state;
    if (geteuid() != 0 || child_run(can_be_spared, NULL) != 0) {
        print_message("the kernel spares nobody's process here: needs CAP_SYS_RESOURCE\n");
        skip();
    }
    assert_int_equal(child_run(drops_oom_favour, NULL), 0);
}

static int drops_to_root(const void *argument)
{
    (void)argument;
    CHILD_CHECK(privilege_drop(0, ID) == -EINVAL, 1);
    CHILD_CHECK(privilege_drop(ID, 0) == -EINVAL, 2);
    CHILD_CHECK(privilege_drop((uid_t)-1, ID) == -EINVAL, 3);
    CHILD_CHECK(privilege_drop(ID, (gid_t)-1) == -EINVAL, 4);
    CHILD_CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0, 5); /* nothing was done */
    return 0;
}

static void test_drop(void **state)
{
    (void)state;
    assert_int_equal(child_run(drops_to_root, NULL), 0);
    if (geteuid() != 0) {
        print_message("skipped: needs root\n");
        skip();
    }
    assert_int_equal(child_run(drops, NULL), 0);
}

static int limits(const void *argument)
{
    struct rlimit l;
    int fd;

    (void)argument;
    CHILD_CHECK(privilege_limits(20) == 0, 1);
    CHILD_CHECK(privilege_limit_writes(0) == 0, 2);
    CHILD_CHECK(getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur == 20 && l.rlim_max == 20, 3);
    CHILD_CHECK(getrlimit(RLIMIT_CORE, &l) == 0 && l.rlim_max == 0, 4);
    CHILD_CHECK(dup2(0, 20) < 0 && errno == EBADF, 5);
    fd = open("/tmp", O_TMPFILE | O_RDWR, 0600);
    CHILD_CHECK(fd >= 0, 6);
    (void)signal(SIGXFSZ, SIG_IGN);
    CHILD_CHECK(write(fd, "x", 1) < 0 && errno == EFBIG, 7);
    return 0;
}

static void test_limits(void **state)
{
    (void)state;
    assert_int_equal(child_run(limits, NULL), 0);
}

static const char good[] = "Name:\tcasemate-blk\n"
                           "Uid:\t1\t2\t3\t4\n"
                           "Gid:\t5\t6\t7\t4294967295\n"
                           "Groups:\t10 20 30 \n"
                           "CapInh:\t0000000000000000\n"
                           "CapPrm:\t000001ffffffffff\n"
                           "CapEff:\tffffffffffffffff\n"
                           "CapBnd:\t0000000000000001\n"
                           "CapAmb:\t0000000000000002\n"
                           "NoNewPrivs:\t1\n"
                           "Seccomp:\t2\n"
                           "Seccomp_filters:\t3\n";

static void test_parse(void **state)
{
    struct privilege_state s;

    (void)state;
    assert_int_equal(privilege_parse(good, strlen(good), &s), 0);
    assert_int_equal(s.uid[0], 1);
    assert_int_equal(s.uid[3], 4);
    assert_int_equal(s.gid[3], UINT32_MAX);
    assert_int_equal(s.groups, 3);
    assert_true(s.cap_effective == UINT64_MAX);
    assert_int_equal(s.cap_bounding, 1);
    assert_int_equal(s.cap_ambient, 2);
    assert_true(s.no_new_privs);
    assert_int_equal(s.seccomp_mode, 2);
    assert_int_equal(s.seccomp_filters, 3);
    assert_int_equal(privilege_read(getpid(), gettid(), &s), 0);
    assert_int_equal(s.uid[1], geteuid());
}

/* `good` with the first `from` replaced by `to` must be refused, and *state left alone. */
static void refused(const char *from, const char *to)
{
    struct privilege_state s;
    char text[sizeof(good) + 256];
    const char *at = strstr(good, from);

    assert_non_null(at);
    (void)snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
    memset(&s, 0x5a, sizeof(s));
    if (privilege_parse(text, strlen(text), &s) != -EPROTO)
        fail_msg("accepted with '%s' in place of '%s'", to, from);
    assert_int_equal(s.uid[0], 0x5a5a5a5a);
}

static void test_hostile_status(void **state)
{
    static const struct {
        const char *from, *to;
    } rows[] = {
        {"Uid:\t1\t2\t3\t4\n", ""},                               /* missing */
        {"NoNewPrivs:\t1\n", ""},                                 /* missing */
        {"Seccomp_filters:\t3\n", ""},                            /* missing */
        {"\t1\t2\t3\t4", "\t1\t2\t3"},                            /* short */
        {"\t1\t2\t3\t4", "\t1\t2\t3\t4\t5"},                      /* long */
        {"\t1\t2\t3\t4", "\t1\t2\t3\t4294967296"},                /* overflow */
        {"\t1\t2\t3\t4", "\t-1\t2\t3\t4"},                        /* sign */
        {"\t1\t2\t3\t4", "\t1x\t2\t3\t4"},                        /* junk */
        {"\t1\t2\t3\t4", "\t"},                                   /* nothing */
        {"10 20 30", "10 20 z"},                                  /* junk in a list */
        {"000001ffffffffff", "1000001ffffffffff0"},               /* overflow, 72 bits */
        {"000001ffffffffff", "000001fffffffffg"},                 /* not hexadecimal */
        {"000001ffffffffff", "000001FFFFFFFFFF"},                 /* not as the kernel writes */
        {"000001ffffffffff", ""},                                 /* empty */
        {"NoNewPrivs:\t1", "NoNewPrivs:\t2"},                     /* not a flag */
        {"NoNewPrivs:\t1\n", "NoNewPrivs:\t0\nNoNewPrivs:\t1\n"}, /* twice */
        {"Name:\tcasemate-blk", "Name:\tx\nSeccomp:\t2"},         /* a name that injects a line */
        {"Seccomp_filters:\t3\n", "Seccomp_filters:\t3"},         /* last line cut */
        {"Seccomp:\t2", "Seccomp:\t"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        refused(rows[i].from, rows[i].to);
}

static void test_every_truncation(void **state)
{
    struct privilege_state s;

    (void)state;
    for (size_t size = 0; size < strlen(good); size++)
        assert_int_equal(privilege_parse(good, size, &s), -EPROTO);
}

static void test_nobody(void **state)
{
    struct privilege_state s;

    (void)state;
    assert_int_equal(privilege_read(0x7ffffffe, 0x7ffffffe, &s), -ENOENT);
    assert_true(privilege_read(getpid(), 1, &s) < 0 || getpid() == 1); /* not a thread of ours */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_drop),           cmocka_unit_test(test_oom_favour),
        cmocka_unit_test(test_limits),         cmocka_unit_test(test_parse),
        cmocka_unit_test(test_hostile_status), cmocka_unit_test(test_every_truncation),
        cmocka_unit_test(test_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
