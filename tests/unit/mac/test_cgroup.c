/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include <cmocka.h>

#include "mac/cgroup.h"
#include "mac/cgroup_files.h"
#include "tests/unit/mac/child.h"

static char name[64]; /* unique among test runs side by side */

static const struct cgroup_limits limits = {.memory = 64 << 20, .cpu_percent = 50, .pids = 8};

/* A group, or NULL with the reason printed where this host lets us make none. */
static struct cgroup *make(unsigned *missing)
{
    struct cgroup *group = NULL;
    int r;

    (void)snprintf(name, sizeof(name), "unit-test-%d", (int)getpid());
    r = cgroup_create(name, &limits, &group, missing);
    if (r == -EACCES || r == -EPERM || r == -EROFS || r == -ENOTSUP) {
        print_message("skipped: no cgroup can be made here: %s\n", strerror(-r));
        return NULL;
    }
    assert_int_equal(r, 0);
    return group;
}

static pid_t sleeper(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        (void)pause();
        _exit(0);
    }
    assert_true(pid > 0);
    return pid;
}

/* No effective capability, CAP_DAC_OVERRIDE among them. */
static int drop_effective(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

    return (int)syscall(SYS_capset, &header, none);
}

static void read_limit(const struct cgroup *group, unsigned controller, const char *v2,
                       const char *v1, char text[64])
{
    text[0] = '\0';
    for (unsigned i = 0; i < group->count; i++) {
        const struct cgroup_hierarchy *h = &group->hierarchy[i];
        ssize_t n;
        int fd;

        if ((h->controllers & controller) == 0)
            continue;
        fd = openat(h->group, h->v2 ? v2 : v1, O_RDONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        n = read(fd, text, 63);
        assert_true(n > 0);
        text[n] = '\0';
        (void)close(fd);
    }
}

static void test_limits(void **state)
{
    unsigned missing = 0;
    struct cgroup *group = make(&missing);
    char text[64];

    (void)state;
    if (!group)
        skip();
    read_limit(group, CGROUP_NO_MEMORY, "memory.max", "memory.limit_in_bytes", text);
    assert_true((missing & CGROUP_NO_MEMORY) != 0 || atoll(text) == 64 << 20);
    read_limit(group, CGROUP_NO_PIDS, "pids.max", "pids.max", text);
    assert_true((missing & CGROUP_NO_PIDS) != 0 || atoll(text) == 8);
    read_limit(group, CGROUP_NO_CPU, "cpu.max", "cpu.cfs_quota_us", text);
    assert_true((missing & CGROUP_NO_CPU) != 0 || atoll(text) == 50000);
    assert_int_equal(cgroup_destroy(group), 0);
    assert_int_equal(cgroup_destroy(group), 0); /* idempotent */
    cgroup_free(group);
}

static void test_holds_and_kills(void **state)
{
    unsigned missing = 0;
    struct cgroup *group = make(&missing), *other = NULL;
    pid_t a, b;
    bool in = true;
    int status;

    (void)state;
    if (!group)
        skip();
    a = sleeper();
    b = sleeper();
    assert_int_equal(cgroup_contains(group, "vmm", a, &in), 0);
    assert_false(in);
    assert_int_equal(cgroup_add(group, "vmm", a), 0);
    assert_int_equal(cgroup_add(group, "blk0", b), 0);
    assert_int_equal(cgroup_contains(group, "vmm", a, &in), 0);
    assert_true(in);
    assert_int_equal(cgroup_contains(group, "vmm", b, &in), 0);
    assert_false(in);
    assert_int_equal(cgroup_contains(group, "blk0", b, &in), 0);
    assert_true(in);
    assert_int_equal(cgroup_contains(group, "blk0", getpid(), &in), 0);
    assert_false(in);

    /* somebody lives there: a second guest of the name must not start */
    assert_int_equal(cgroup_create(name, &limits, &other, &missing), -EBUSY);
    assert_null(other);

    assert_int_equal(cgroup_destroy(group), 0);
    assert_int_equal(waitpid(a, &status, 0), a);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_int_equal(waitpid(b, &status, 0), b);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_int_equal(cgroup_add(group, "vmm", getpid()), -ENOENT);
    cgroup_free(group);
}

/* What a launcher that died leaves behind does not keep the guest from starting again. */
static void test_stale_group(void **state)
{
    unsigned missing = 0;
    struct cgroup *dead = make(&missing), *group;
    pid_t pid;

    (void)state;
    if (!dead)
        skip();
    pid = sleeper();
    assert_int_equal(cgroup_add(dead, "vmm", pid), 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    cgroup_free(dead);
    group = make(&missing);
    assert_non_null(group);
    assert_int_equal(cgroup_destroy(group), 0);
    cgroup_free(group);
}

static void test_io_limit(void **state)
{
    unsigned missing = 0;
    struct cgroup *group = make(&missing);
    int r;

    (void)state;
    if (!group)
        skip();
    /* No such device: the kernel says so, or there is no controller to ask. */
    r = cgroup_limit_io(group, makedev(4095, 77), 1 << 20, 0);
    assert_int_equal(r, (missing & CGROUP_NO_IO) != 0 ? -ENOTSUP : -ENODEV);
    assert_int_equal(cgroup_destroy(group), 0);
    cgroup_free(group);
}

/* The janitor of a guard that has cleaned up itself: nothing to do, and no harm to a successor. */
static void test_destroyed_twice(void **state)
{
    unsigned missing = 0;
    struct cgroup *group = make(&missing), *successor;
    struct cgroup copy;

    (void)state;
    if (!group)
        skip();
    copy = *group; /* as a fork has it: the same descriptors */
    for (unsigned i = 0; i < copy.count; i++) {
        copy.hierarchy[i].root = dup(copy.hierarchy[i].root);
        copy.hierarchy[i].base = dup(copy.hierarchy[i].base);
        copy.hierarchy[i].group = dup(copy.hierarchy[i].group);
    }
    assert_int_equal(cgroup_destroy(group), 0);
    cgroup_free(group);
    successor = make(&missing);
    assert_non_null(successor);
    assert_int_equal(cgroup_destroy(&copy), 0);
    for (unsigned i = 0; i < successor->count; i++)
        assert_int_equal(
            faccessat(successor->hierarchy[i].base, successor->name, F_OK, AT_SYMLINK_NOFOLLOW), 0);
    cgroup_hierarchies_close(copy.hierarchy, copy.count);
    assert_int_equal(cgroup_destroy(successor), 0);
    cgroup_free(successor);
}

/* As the guard does it: root, but without the right to override modes. */
static int destroys_without_capabilities(const void *argument)
{
    struct cgroup *group = NULL;
    unsigned missing;

    (void)argument;
    (void)snprintf(name, sizeof(name), "unit-test-%d", (int)getpid());
    CHILD_CHECK(cgroup_create(name, &limits, &group, &missing) == 0, 1);
    CHILD_CHECK(setresuid(0, 0, 0) == 0 && prctl(PR_SET_SECUREBITS, SECBIT_NOROOT, 0, 0, 0) == 0,
                2);
    CHILD_CHECK(drop_effective() == 0, 3);
    CHILD_CHECK(cgroup_destroy(group) == 0, 4);
    for (unsigned i = 0; i < group->count; i++)
        CHILD_CHECK(faccessat(group->hierarchy[i].root, "casemate", F_OK, 0) < 0, 5);
    return 0;
}

static void test_without_capabilities(void **state)
{
    unsigned missing = 0;
    struct cgroup *group = make(&missing);

    (void)state;
    if (!group || geteuid() != 0)
        skip();
    assert_int_equal(cgroup_destroy(group), 0);
    for (unsigned i = 0; i < group->count; i++) {
        if (faccessat(group->hierarchy[i].root, "casemate", F_OK, 0) == 0) {
            cgroup_free(group);
            print_message("skipped: other guests run on this machine\n");
            skip();
        }
    }
    cgroup_free(group);
    assert_int_equal(child_run(destroys_without_capabilities, NULL), 0);
}

static void test_names(void **state)
{
    static const char *const bad[] = {
        "",
        ".",
        "..",
        ".x",
        "a/b",
        "../x",
        "A",
        "a b",
        "a\n",
        "\xff",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    };
    struct cgroup *group = NULL;
    unsigned missing;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(cgroup_create(bad[i], &limits, &group, &missing), -EINVAL);
    assert_null(group);
    assert_true(cgroup_name_ok("guest-1_a.b"));
    group = make(&missing);
    if (!group)
        skip();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(cgroup_add(group, bad[i], getpid()), -EINVAL);
    assert_int_equal(cgroup_add(group, "vmm", 0), -EINVAL); /* 0 would mean ourselves */
    assert_int_equal(cgroup_add(group, "vmm", -1), -EINVAL);
    assert_int_equal(cgroup_add(group, "vmm", 0x7ffffffe), -ESRCH);
    assert_int_equal(cgroup_destroy(group), 0);
    cgroup_free(group);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits),          cmocka_unit_test(test_holds_and_kills),
        cmocka_unit_test(test_stale_group),     cmocka_unit_test(test_io_limit),
        cmocka_unit_test(test_destroyed_twice), cmocka_unit_test(test_without_capabilities),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
