/* SPDX-License-Identifier: Apache-2.0 */
/* bin/casemate-hosttpm itself, confined as it confines itself, with a real TPM. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "attest/host/client.h"
#include "base/buf.h"
#include "base/fd.h"
#include "base/fdpass.h"
#include "base/text.h"
#include "tests/unit/hosttpm/swtpm.h"

#define UID 1999999743u

static struct swtpm swtpm;
static char program[512];
static int state_fd = -1, ledger_fd = -1, boot_fd = -1, ima_fd = -1;

static struct hosttpm_config good_config(void)
{
    return (struct hosttpm_config){.magic = HOSTTPM_CONFIG_MAGIC,
                                   .version = 1,
                                   .uid = geteuid() == 0 ? UID : 0,
                                   .ledger_pcr = 15,
                                   .quote_pcrs = 0x4ff,
                                   .interval = 5,
                                   .advance = 3600};
}

/* The program on these descriptors; its control socket. */
static int start(int tpm, int config, pid_t *pid)
{
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    *pid = fork();
    assert_true(*pid >= 0);
    if (*pid == 0) {
        const int from[] = {ends[1], tpm, state_fd, ledger_fd, config, boot_fd, ima_fd};
        char name[] = "casemate-hosttpm", *argv[] = {name, NULL}, *environment[] = {NULL};
        int parked[7];

        for (int i = 0; i < 7; i++)
            parked[i] = fcntl(from[i], F_DUPFD_CLOEXEC, 20);
        for (int i = 0; i < 7; i++)
            if (parked[i] >= 0 && dup2(parked[i], HOSTTPM_FD_CONTROL + i) < 0)
                _exit(126);
        (void)execve(program, argv, environment);
        _exit(127);
    }
    (void)close(ends[1]);
    return ends[0];
}

static int start_good(pid_t *pid)
{
    const struct hosttpm_config config = good_config();
    int fd = fd_sealed_memfd("config", &config, sizeof(config)), control;

    assert_true(fd >= 0);
    control = start(swtpm.fd, fd, pid);
    (void)close(fd);
    return control;
}

static int end(int control, pid_t pid)
{
    int status = 0;

    (void)close(control);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

/* A kernel's list: an event of SELinux's, and a file that is nobody's business. */
static void ima_append(struct buf *list, const char *template, const char *event, const char *text)
{
    static const uint8_t sha1[20] = {7}, digest[40] = "sha256:";
    const uint32_t pcr = 10,
                   sizes[] = {sizeof(digest), (uint32_t)strlen(event) + 1, (uint32_t)strlen(text)};
    const uint32_t name = (uint32_t)strlen(template);
    const uint32_t data = sizes[0] + sizes[1] + 8 + (*text != '\0' ? sizes[2] + 4 : 0);

    buf_append(list, &pcr, 4);
    buf_append(list, sha1, sizeof(sha1));
    buf_append(list, &name, 4);
    buf_append(list, template, name);
    buf_append(list, &data, 4);
    buf_append(list, &sizes[0], 4);
    buf_append(list, digest, sizes[0]);
    buf_append(list, &sizes[1], 4);
    buf_append(list, event, sizes[1]);
    if (*text == '\0')
        return;
    buf_append(list, &sizes[2], 4);
    buf_append(list, text, sizes[2]);
}

static int setup(void **state)
{
    struct buf list;

    (void)state;
    (void)swtpm_new_host(&swtpm, &state_fd, &ledger_fd);
    buf_init(&list, 65536);
    ima_append(&list, "ima-buf", "selinux-state", "enforcing=1;");
    ima_append(&list, "ima-ng", "/srv/initech/secret-plan", "");
    ima_fd = fd_sealed_memfd("ima", list.data, list.size);
    boot_fd = fd_sealed_memfd("boot", "booted", 6);
    buf_release(&list);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    swtpm_remove_host(&swtpm, state_fd, ledger_fd);
    fd_close(&boot_fd);
    fd_close(&ima_fd);
    return 0;
}

#define NEEDS_BOTH                                                                                 \
    do {                                                                                           \
        (void)state;                                                                               \
        if (!swtpm_is_installed() || access(program, X_OK) != 0) {                                 \
            print_message("no swtpm, or the program is not built\n");                              \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

static void status_line(pid_t pid, const char *key, char value[128])
{
    char path[64], line[256];
    FILE *status;

    value[0] = '\0';
    (void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
    status = fopen(path, "re");
    assert_non_null(status);
    while (fgets(line, sizeof(line), status) != NULL)
        if (strncmp(line, key, strlen(key)) == 0)
            (void)sscanf(line + strlen(key), "%127s", value);
    (void)fclose(status);
}

/* The host's verifier is told all, a guest's tenant no name of a file; the quote is the nonce's. */
static void what_is_told(int host, int guard, const uint8_t nonce[32])
{
    struct hosttpm_evidence *evidence;
    struct hosttpm_reply reply;
    struct hosttpm_logs logs;
    uint8_t bytes[32768];
    struct stat st;
    int fd = -1;

    assert_int_equal(hosttpm_logs(guard, &logs, &fd), 0);
    assert_int_equal(fd_require_seals(fd, F_SEAL_WRITE), 0);
    assert_int_equal(logs.boot_size, 6);
    assert_true(logs.ima_size > 64);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, 6 + logs.ima_size);
    assert_int_equal(fd_pread_full(fd, bytes, (size_t)st.st_size, 0), 0);
    assert_memory_equal(bytes, "booted", 6);
    assert_non_null(memmem(bytes, (size_t)st.st_size, "enforcing=1;", 12));
    assert_null(memmem(bytes, (size_t)st.st_size, "initech", 7));
    (void)close(fd);
    assert_int_equal(hosttpm_ask_evidence(guard, nonce, 32), 0);
    while (hosttpm_take(guard, &reply, &fd) == -EAGAIN)
        (void)usleep(1000);
    assert_int_equal(reply.result, -EPERM);
    assert_int_equal(hosttpm_ask_evidence(host, nonce, 15), -EINVAL);
    assert_int_equal(hosttpm_ask_evidence(host, nonce, 32), 0);
    while (hosttpm_take(host, &reply, &fd) == -EAGAIN)
        (void)usleep(1000);
    assert_int_equal(reply.type, HOSTTPM_EVIDENCE);
    assert_int_equal(reply.result, 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_true(st.st_size < (off_t)sizeof(bytes));
    assert_int_equal(fd_pread_full(fd, bytes, (size_t)st.st_size, 0), 0);
    evidence = malloc(sizeof(*evidence));
    assert_non_null(evidence);
    memcpy(evidence, bytes, sizeof(*evidence));
    assert_int_equal(evidence->magic, HOSTTPM_EVIDENCE_MAGIC);
    assert_int_equal(st.st_size, sizeof(*evidence) + evidence->logs.boot_size +
                                     evidence->logs.ima_size + evidence->ledger_size);
    assert_true(evidence->ledger_size > 0 && evidence->quote.attest_size > 0);
    assert_non_null(memmem(bytes, (size_t)st.st_size, "/srv/initech/secret-plan", 24));
    free(evidence);
    (void)close(fd);
}

/* Every request, under the real filter: a system call that it lacks would kill the process. */
static void everything_it_can(void **state)
{
    const uint8_t uuid[16] = {1}, host_uuid[16] = {0}, nonce[32] = {5};
    const struct hosttpm_entry entry = {
        .event = HOSTTPM_START, .tenant = "acme", .guest = "web", .generation = 1};
    struct statement statement = {.tenant = "acme",
                                  .name = "web",
                                  .nonce_size = 32,
                                  .ek_name_size = 34,
                                  .ak_name_size = 34,
                                  .generation = 1};
    struct hosttpm_activate activate = {.blob_size = 60, .secret_size = 70};
    struct hosttpm_identity identity;
    struct hosttpm_counter counter;
    struct hosttpm_secret secret;
    struct hosttpm_quote quote;
    struct tpm_keys keys;
    bool again;
    int control, guard, host, log;
    uint32_t code = 0;
    char value[128];
    pid_t pid;

    NEEDS_BOTH;
    control = start_good(&pid);
    assert_int_equal(hosttpm_ready(control, &code), 0);
    status_line(pid, "Seccomp:", value);
    assert_string_equal(value, "2");
    status_line(pid, "NoNewPrivs:", value);
    assert_string_equal(value, "1");
    if (geteuid() == 0) {
        status_line(pid, "Uid:", value);
        assert_string_equal(value, "1999999743");
        status_line(pid, "CapEff:", value);
        assert_string_equal(value, "0000000000000000");
        status_line(pid, "CapBnd:", value);
        assert_string_equal(value, "0000000000000000");
    }
    assert_int_equal(hosttpm_connect(control, uuid, &guard), 0);
    assert_int_equal(hosttpm_connect(control, host_uuid, &host), 0);
    assert_int_equal(hosttpm_identity(host, &identity), 0);
    assert_int_equal(hosttpm_keys_begin(guard, uuid, &keys, &again), 0);
    assert_int_equal(hosttpm_keys_commit(guard, 1), 0);
    assert_int_equal(hosttpm_ledger(guard, &entry, NULL), 0);
    assert_int_equal(hosttpm_quote(guard, &statement, &quote), 0);
    assert_int_equal(hosttpm_host_quote(host, nonce, sizeof(nonce), &quote), 0);
    assert_int_equal(hosttpm_activate(host, &activate, &secret), -EBADMSG);
    assert_int_equal(hosttpm_log(host, &log), 0);
    assert_int_equal(fd_require_seals(log, F_SEAL_WRITE), 0);
    (void)close(log);
    assert_int_equal(hosttpm_counter(host, &counter), 0);
    assert_int_equal(counter.guests, 1);
    what_is_told(host, guard, nonce);
    (void)close(guard);
    (void)close(host);
    assert_int_equal(end(control, pid), 0);
    /* again: now store and ledger are read */
    control = start_good(&pid);
    assert_int_equal(hosttpm_ready(control, &code), 0);
    assert_int_equal(end(control, pid), 0);
}

static void what_it_refuses(void **state)
{
    struct hosttpm_config config = good_config();
    int control, second, fd, ends[2];
    char path[64];
    uint32_t code = 0;
    pid_t pid, other;

    NEEDS_BOTH;
    /* a configuration that could still be changed */
    fd = memfd_create("config", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_int_equal(write(fd, &config, sizeof(config)), sizeof(config));
    control = start(swtpm.fd, fd, &pid);
    assert_int_equal(hosttpm_ready(control, &code), -EPERM);
    assert_int_equal(end(control, pid), 3);
    (void)close(fd);
    config.ledger_pcr = 24;
    fd = fd_sealed_memfd("config", &config, sizeof(config));
    control = start(swtpm.fd, fd, &pid);
    assert_int_equal(hosttpm_ready(control, &code), -EINVAL);
    assert_int_equal(end(control, pid), 3);
    (void)close(fd);
    /* two at a time */
    control = start_good(&pid);
    assert_int_equal(hosttpm_ready(control, &code), 0);
    fd = state_fd;
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    state_fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(state_fd >= 0);
    second = start_good(&other);
    assert_int_equal(hosttpm_ready(second, &code), -EBUSY);
    assert_int_equal(end(second, other), 3);
    (void)close(state_fd);
    state_fd = fd;
    assert_int_equal(end(control, pid), 0);
    /* a TPM that says nothing */
    config = good_config();
    fd = fd_sealed_memfd("config", &config, sizeof(config));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    (void)close(ends[1]);
    control = start(ends[0], fd, &pid);
    assert_int_equal(hosttpm_ready(control, &code), -EIO);
    assert_true(code != 0);
    assert_int_equal(end(control, pid), 3);
    (void)close(ends[0]);
    (void)close(fd);
}

/*
 * Killed at any moment, by a signal: what it had answered holds, what it had not is either. A TPM
 * behind a socket may then have an answer that nobody takes; the kernel's device drops it, and so
 * does this test.
 */
static void killed_anywhere(void **state)
{
    const unsigned rounds = getenv("CASEMATE_SOAK") != NULL ? 400 : 12;
    const uint8_t uuid[16] = {9};
    uint64_t committed = 0;

    NEEDS_BOTH;
    for (unsigned i = 0; i < rounds; i++) {
        struct tpm_keys keys;
        bool again;
        uint32_t code = 0;
        int control, guard = -1, status;
        pid_t pid, killer;

        control = start_good(&pid);
        assert_int_equal(hosttpm_ready(control, &code), 0);
        assert_int_equal(hosttpm_connect(control, uuid, &guard), 0);
        killer = fork();
        if (killer == 0) {
            (void)usleep(i * 977 % 12000);
            (void)kill(pid, SIGKILL);
            _exit(0);
        }
        for (;;) {
            if (hosttpm_keys_begin(guard, uuid, &keys, &again) < 0)
                break;
            assert_in_range(keys.generation, committed + 1, committed + 2);
            committed = keys.generation - 1;
            if (hosttpm_keys_commit(guard, keys.generation) < 0)
                break;
            committed = keys.generation;
        }
        (void)close(guard);
        (void)close(control);
        assert_int_equal(waitpid(killer, &status, 0), killer);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        swtpm_settle(&swtpm);
    }
    assert_true(committed > 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(everything_it_can, setup, teardown),
        cmocka_unit_test_setup_teardown(what_it_refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(killed_anywhere, setup, teardown),
    };

    (void)argc;
    /* build/tests/hosttpm/test_program: the programs are in build/bin */
    (void)text_format(program, sizeof(program), "%.*s/../../bin/casemate-hosttpm",
                      (int)(strrchr(argv[0], '/') - argv[0]), argv[0]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
