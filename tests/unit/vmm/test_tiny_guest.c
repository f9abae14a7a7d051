/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guests of a few instructions in the real casemate-vmm on the real /dev/kvm, under filters of the
 * very system calls that it lists: each way to end, both interrupt controllers, and the console.
 */
#include "tests/unit/vmm/harness.h"

static char output[65536];

/* Run the harness; what it printed is in `output`. Its exit status. */
static int run(const char *const *arguments)
{
    const char *argv[32] = {harness, "--vmm", vmm, "--timeout", "20", FILTERS};
    size_t have = 0, n = FIXED;
    int pipes[2], status;
    pid_t pid;

    while (*arguments != NULL && n < 31)
        argv[n++] = *arguments++;
    assert_int_equal(pipe(pipes), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)dup2(pipes[1], 1);
        (void)dup2(pipes[1], 2);
        (void)close(pipes[0]);
        (void)close(pipes[1]);
        (void)execv(harness, (char *const *)(void *)argv);
        _exit(127);
    }
    (void)close(pipes[1]);
    for (;;) {
        ssize_t got = read(pipes[0], output + have, sizeof(output) - 1 - have);

        if (got <= 0)
            break;
        have += (size_t)got;
    }
    output[have] = '\0';
    (void)close(pipes[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

#define RUN(...) run((const char *const[]){__VA_ARGS__, NULL})

static void test_ends(void **state)
{
    static const struct {
        const char *payload;
        int status;
        const char *says;
    } cases[] = {
        {"off", 0, "off after"},
        {"reset", 10, "reset after"},
        {"bios", 10, "reset after"},
        {"crash", 4, "crash: reason 1 "},
    };

    (void)state;
    need_kvm();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(RUN("--payload", cases[i].payload), cases[i].status);
        assert_non_null(strstr(output, "hello from the guest\n"));
        assert_non_null(strstr(output, cases[i].says));
        assert_int_equal(RUN("--payload", cases[i].payload, "--split"), cases[i].status);
        assert_non_null(strstr(output, "hello from the guest\n"));
    }
}

static void test_sizes(void **state)
{
    (void)state;
    need_kvm();
    assert_int_equal(RUN("--payload", "off", "--memory", "32"), 0);
    assert_int_equal(RUN("--payload", "off", "--memory", "8192", "--vcpus", "64"), 0);
    assert_int_equal(RUN("--payload", "off", "--memory", "33"), 3);
    assert_int_equal(RUN("--payload", "off", "--vcpus", "65"), 3);
    assert_non_null(strstr(output, "failed: failure 1 "));
}

static void test_console(void **state)
{
    (void)state;
    need_kvm();
    assert_int_equal(RUN("--payload", "echo", "--input", "The input comes back.q"), 0);
    assert_non_null(strstr(output, "The input comes back.q"));
}

static void test_power_button(void **state)
{
    (void)state;
    need_kvm();
    assert_int_equal(RUN("--payload", "button", "--button-after", "hello"), 0);
    assert_int_equal(RUN("--payload", "button", "--button-after", "hello", "--split"), 0);
}

/* The harness closes the control socket under a guest that never ends. */
static void test_launcher_gone(void **state)
{
    (void)state;
    need_kvm();
    assert_int_equal(RUN("--payload", "spin", "--timeout", "1"), 6);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ends),          cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_console),       cmocka_unit_test(test_power_button),
        cmocka_unit_test(test_launcher_gone),
    };

    if (argc < 1 || find_programs(argv[0]) < 0)
        return 3;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
