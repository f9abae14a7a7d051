/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/labeling/label_fixture.h"

#include "labeling/process_scan.h"

static bool parse(const char *text, uid_t *uid)
{
    return process_scan_uid(text, strlen(text), uid);
}

static void test_uid(void **state)
{
    uid_t uid = 7;

    (void)state;
    assert_true(parse("Name:\tx\nUid:\t5\t5\t5\t5\nGid:\t1\t1\t1\t1\n", &uid));
    assert_int_equal(uid, 5);
    assert_true(parse("\nUid:\t4294967295\t4294967295\t4294967295\t4294967295\n", &uid));
    assert_int_equal(uid, UINT32_MAX);
}

static void test_uid_hostile(void **state)
{
    static const char *const bad[] = {
        "",
        "Uid:",
        "\nUid:\t",
        "\nUid:\t5\t5\t5\t5",
        "\nUid:\t5\t5\t5\n",
        "\nUid:\t5\t5\t5\t6\n",
        "\nUid:\t6\t5\t5\t5\n",
        "\nUid:\t5\t5\t5\t5\t5\n",
        "\nUid:\t-5\t-5\t-5\t-5\n",
        "\nUid:\t5 5 5 5\n",
        "\nUid:\t4294967296\t4294967296\t4294967296\t4294967296\n",
        "\nUid:\t99999999999999999999999\t5\t5\t5\n",
        "\nUid:\t5\t5\t5\t5\nUid:\t0\t0\t0\t0\n",
        /* a process chooses its name; the kernel escapes the line end */
        "Name:\tUid:\t5\t5\t5\t5\nState:\tR\n",
    };
    uid_t uid = 7;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(parse(bad[i], &uid));
    assert_int_equal(uid, 7);
    assert_false(process_scan_uid("\nUid:\t5\t5\t5\t5\n", 12, &uid));
}

static void test_kind(void **state)
{
    (void)state;
    assert_int_equal(process_scan_kind("/usr/libexec/casemate/casemate-blk"), PROCESS_BLK);
    assert_int_equal(process_scan_kind("casemate-vmm (deleted)"), PROCESS_VMM);
    assert_int_equal(process_scan_kind("/x/casemate-blk2"), PROCESS_KINDS);
    assert_int_equal(process_scan_kind("/casemate-blk/x"), PROCESS_KINDS);
    assert_int_equal(process_scan_kind("/x/casemate-"), PROCESS_KINDS);
    assert_int_equal(process_scan_kind("/x/casemate-vm"), PROCESS_KINDS);
    assert_int_equal(process_scan_kind(""), PROCESS_KINDS);
    assert_int_equal(process_scan_kind("casemate-rng (deleted) (deleted)"), PROCESS_KINDS);
    for (unsigned i = 0; i < PROCESS_FINDINGS; i++)
        assert_non_null(process_finding_name((enum process_finding_kind)i));
    assert_null(process_finding_name(PROCESS_FINDINGS));
}

/* ---- real processes */

struct seen {
    pid_t wanted;
    unsigned count[PROCESS_FINDINGS]; /* of that process */
    int64_t guest;
};

static void note(void *context, const struct process_finding *finding)
{
    struct seen *seen = context;

    if (finding->pid != seen->wanted)
        return;
    seen->count[finding->kind]++;
    seen->guest = finding->guest != NULL ? finding->guest->id : 0;
}

/* What no process has. */
static int impossible(void *context, const struct label_guest *guest, enum process_kind kind,
                      char expected[SELINUX_CONTEXT_MAX])
{
    (void)context;
    assert_int_equal(kind, PROCESS_BLK);
    assert_int_equal(guest->id, 1);
    (void)snprintf(expected, SELINUX_CONTEXT_MAX, "a_u:b_r:c_t:s0:c1,c2");
    return 0;
}

static struct seen look(const struct fixture *f, pid_t pid)
{
    struct seen seen = {.wanted = pid};
    int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const struct process_scan_options options = {
        .proc = proc, .expected = impossible, .report = note, .context = &seen};
    struct process_scan_counts counts;

    assert_true(proc >= 0);
    assert_int_equal(process_scan(f->store, &options, &counts), 0);
    close(proc);
    return seen;
}

static void copy_program(const char *to)
{
    char buffer[65536];
    int in = open("/bin/sleep", O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    ssize_t n;

    assert_true(in >= 0 && out >= 0);
    while ((n = read(in, buffer, sizeof(buffer))) > 0)
        assert_int_equal(write(out, buffer, (size_t)n), n);
    assert_int_equal(n, 0);
    assert_int_equal(fchmod(out, 0755), 0);
    close(in);
    close(out);
}

/* A process with the uid, which runs `program`; it is there when this returns. */
static pid_t start(const char *program, uid_t uid)
{
    int ready[2];
    char byte;
    pid_t pid;

    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        CHILD_CHECK(setresgid(uid, uid, uid) == 0 && setresuid(uid, uid, uid) == 0);
        CHILD_CHECK(execl(program, program, "60", (char *)NULL) == 0);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 0); /* closed by execve */
    close(ready[0]);
    return pid;
}

static void end(pid_t pid)
{
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_processes(void **state)
{
    struct fixture *f = *state;
    struct label_guest guest = fixture_guest(f->store, 1);
    char program[128];
    struct seen seen;
    int place;
    pid_t pid;

    if (geteuid() != 0) {
        print_message("only root can start a process with a guest's uid\n");
        skip();
    }
    assert_int_equal(chmod(f->directory, 0711), 0);
    (void)snprintf(program, sizeof(program), "%s/casemate-blk", f->directory);
    copy_program(program);

    /* The guest does not live: whatever has its uid is a stray. */
    pid = start(program, guest.uid_first + 3);
    seen = look(f, pid);
    assert_int_equal(seen.count[PROCESS_FOUND_STRAY], 1);
    assert_int_equal(seen.guest, guest.id);

    /* Ended, and not yet waited for: it can do nothing any more. */
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitid(P_PID, (id_t)pid, &(siginfo_t){0}, WEXITED | WNOWAIT), 0);
    seen = look(f, pid);
    assert_int_equal(seen.count[PROCESS_FOUND_STRAY], 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    pid = start(program, guest.uid_first + 3);

    /* It lives: then its context is compared (a kernel without SELinux has none to read). */
    place = fixture_hold(f->store, guest.id);
    seen = look(f, pid);
    assert_int_equal(seen.count[PROCESS_FOUND_STRAY], 0);
    assert_int_equal(seen.count[PROCESS_FOUND_CONTEXT] + seen.count[PROCESS_FOUND_UNREADABLE], 1);
    end(pid);

    /* Its uid, and a program that is not ours. */
    pid = start("/bin/sleep", guest.uid_first + 63);
    seen = look(f, pid);
    assert_int_equal(seen.count[PROCESS_FOUND_FOREIGN], 1);
    end(pid);

    /* A program of ours under a uid of no guest. */
    pid = start(program, 65534);
    seen = look(f, pid);
    assert_int_equal(seen.count[PROCESS_FOUND_STRAY], 1);
    assert_int_equal(seen.guest, 0);
    end(pid);

    /* Neither: none of our business. */
    pid = start("/bin/sleep", 65534);
    seen = look(f, pid);
    for (unsigned i = 0; i < PROCESS_FINDINGS; i++)
        assert_int_equal(seen.count[i], 0);
    end(pid);
    close(place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_uid),
        cmocka_unit_test(test_uid_hostile),
        cmocka_unit_test(test_kind),
        cmocka_unit_test_setup_teardown(test_processes, fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
