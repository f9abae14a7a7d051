/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest that does what the test tells it, in the real casemate-vmm, with a real TPM behind it:
 * what it finds from its ACPI tables on, as a kernel does, and what it cannot do.
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "tests/unit/vmm/harness.h"

#include "attest/log/replay.h"
#include "attest/vtpm/vtpm.h"
#include "base/fd.h"
#include "hv/failure.h"
#include "tests/monitor.h"

#define BAD_LOCALITY 0x907u /* TPM_RC_LOCALITY */

static const struct {
    uint32_t pcr, type;
    const char *data;
    uint32_t size;
} measured[] = {
    {0, LOG_EV_NONHOST_CODE, "the VMM", 7},        {4, LOG_EV_IPL, "kernel", 6},
    {8, LOG_EV_IPL, "console=ttyS0", 13},          {0, LOG_EV_SEPARATOR, "\0\0\0\0", 4},
    {7, LOG_EV_SEPARATOR, "\0\0\0\0", 4},          {21, LOG_EV_ACTION, "tenant acme\n", 12},
    {21, LOG_EV_ACTION, "context a:b:c:s0\n", 17},
};

#define EVENTS (sizeof(measured) / sizeof(measured[0]))

static struct buf event_log;
static pid_t machine = -1, tpm = -1; /* vmm-harness; who has the TPM */
static int console = -1, said = -1;  /* the guest's; what the harness says */

/* ---- the launcher's part ---- */

static int measure(struct digests digests[EVENTS])
{
    buf_init(&event_log, LOG_SIZE_MAX);
    log_begin(&event_log);
    for (size_t i = 0; i < EVENTS; i++) {
        struct log_event event = {
            .pcr = measured[i].pcr,
            .type = measured[i].type,
            .data = measured[i].data,
            .size = measured[i].size,
        };
        int r = digests_of(event.data, event.size, &event.digests);

        if (r < 0)
            return r;
        digests[i] = event.digests;
        log_append(&event_log, &event);
    }
    return buf_status(&event_log);
}

/* A TPM of its own, told what was measured, until nobody is at the other end. */
static _Noreturn void be_tpm(int socket, const struct digests digests[EVENTS])
{
    struct tpm_keys keys = {.magic = TPM_KEYS_MAGIC, .version = 1, .fresh = 1, .generation = 1};
    uint8_t command[TPM_COMMAND_MAX], response[TPM_COMMAND_MAX];
    int state = memfd_create("tpm", MFD_CLOEXEC);
    struct vtpm *vtpm;
    uint32_t code;
    ssize_t n;

    keys.new_key[0] = 1;
    if (state < 0 || vtpm_start(state, &keys, &vtpm, &code) < 0)
        _exit(1);
    for (size_t i = 0; i < EVENTS; i++) {
        if (vtpm_extend(vtpm, measured[i].pcr, digests[i].sha256, digests[i].sha384, &code) < 0)
            _exit(2);
    }
    while ((n = recv(socket, command, sizeof(command), 0)) > 0) {
        size_t size;

        if (vtpm_command(vtpm, command, (size_t)n, response, &size) < 0 ||
            send(socket, response, size, MSG_NOSIGNAL) < 0)
            _exit(3);
    }
    vtpm_end(vtpm);
    _exit(0);
}

static pid_t run_machine(int console_fd, int tpm_fd, int log_fd, int output)
{
    char number[3][32], path[64];
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    for (int i = 0; i < 3; i++) {
        const int fds[3] = {console_fd, tpm_fd, log_fd};

        (void)snprintf(number[i], sizeof(number[i]), "%d", fds[i]);
        (void)fcntl(fds[i], F_SETFD, 0);
    }
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", log_fd);
    (void)dup2(output, 2);
    (void)execl(harness, harness, "--vmm", vmm, "--payload", "monitor", "--timeout", "60",
                "--console", number[0], "--tpm", number[1], "--log", path, FILTERS, (char *)NULL);
    _exit(127);
}

static int setup(void **state)
{
    struct digests digests[EVENTS];
    int consoles[2], tpms[2], pipes[2], log_fd;
    char greeting[sizeof(MONITOR_GREETING)] = "";

    (void)state;
    need_kvm();
    if (measure(digests) < 0 || pipe2(pipes, O_CLOEXEC) < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, consoles) < 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, tpms) < 0)
        return -1;
    log_fd = fd_sealed_memfd("log", event_log.data, event_log.size);
    tpm = fork();
    if (tpm == 0) {
        (void)close(tpms[0]);
        (void)close(consoles[0]);
        be_tpm(tpms[1], digests);
    }
    machine = run_machine(consoles[1], tpms[0], log_fd, pipes[1]);
    (void)close(log_fd);
    (void)close(tpms[0]);
    (void)close(tpms[1]);
    (void)close(consoles[1]);
    (void)close(pipes[1]);
    console = consoles[0];
    said = pipes[0];
    assert_int_equal(fd_read_full(console, greeting, sizeof(greeting) - 1), 0);
    assert_string_equal(greeting, MONITOR_GREETING);
    return 0;
}

/* Exit status of the harness, which ends with the VMM; what it said. */
static int ended(char *text, size_t size)
{
    ssize_t n;
    size_t have = 0;
    int status;

    while (have < size - 1 && (n = read(said, text + have, size - 1 - have)) > 0)
        have += (size_t)n;
    text[have] = '\0';
    assert_int_equal(waitpid(machine, &status, 0), machine);
    machine = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int teardown(void **state)
{
    pid_t *const both[] = {&machine, &tpm};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        if (*both[i] <= 0)
            continue;
        (void)kill(*both[i], SIGKILL);
        (void)waitpid(*both[i], NULL, 0);
        *both[i] = -1;
    }
    fd_close(&console);
    fd_close(&said);
    buf_release(&event_log);
    return 0;
}

/* ---- the guest's part ---- */

static const struct monitor *guest(void)
{
    static struct monitor monitor;

    monitor = (struct monitor){.in = console, .out = console};
    return &monitor;
}

static void peek(uint64_t address, void *to, uint32_t size)
{
    assert_int_equal(monitor_read(guest(), address, to, size), 0);
}

static void read_pcr(unsigned pcr, uint8_t value[32])
{
    assert_int_equal(monitor_pcr(guest(), pcr, value), 0);
}

static void change_pcr(unsigned pcr, uint32_t codes[2])
{
    assert_int_equal(monitor_change_pcr(guest(), pcr, codes), 0);
}

/* ---- tests ---- */

/* As a kernel looks for it: root pointer, XSDT, TPM2, log. */
static void test_finds_log(void **state)
{
    uint8_t rsdp[36], xsdt[36 + 8 * 8], table[76] = {0}, *log;
    uint32_t tables;

    (void)state;
    peek(LAYOUT_ACPI, rsdp, sizeof(rsdp));
    assert_memory_equal(rsdp, "RSD PTR ", 8);
    peek(bytes_get64(rsdp + 24), xsdt, sizeof(xsdt));
    tables = (bytes_get32(xsdt + 4) - 36) / 8;
    assert_in_range(tables, 1, 8);
    for (uint32_t i = 0; i < tables && memcmp(table, "TPM2", 4) != 0; i++)
        peek(bytes_get64(xsdt + 36 + 8ul * i), table, sizeof(table));
    assert_memory_equal(table, "TPM2", 4);
    assert_int_equal(bytes_get64(table + 40), LAYOUT_TPM + 0x40);
    assert_true(bytes_get32(table + 64) > event_log.size);
    log = malloc(event_log.size + 16);
    assert_non_null(log);
    peek(bytes_get64(table + 68), log, (uint32_t)event_log.size + 16);
    assert_memory_equal(log, event_log.data, event_log.size);
    for (size_t i = 0; i < 16; i++)
        assert_int_equal(log[event_log.size + i], 0);
    free(log);
}

/* What it reads of its PCRs is what the log says. */
static void test_log_replays(void **state)
{
    static const unsigned pcrs[] = {0, 1, 4, 7, 8, 21, 22};
    struct log_problem problem;
    struct log_pcrs replayed;

    (void)state;
    assert_int_equal(
        log_replay(event_log.data, event_log.size, LOG_ALG_SHA256, &replayed, &problem), 0);
    for (size_t i = 0; i < sizeof(pcrs) / sizeof(pcrs[0]); i++) {
        uint8_t value[32];

        read_pcr(pcrs[i], value);
        assert_memory_equal(value, replayed.value[pcrs[i]], 32);
    }
}

/* What is ours it can neither extend nor reset; the rest is its own. */
static void test_locality(void **state)
{
    uint8_t before[32], after[32];
    uint32_t codes[2];

    (void)state;
    for (unsigned pcr = TPM_PCR_START; pcr <= TPM_PCR_LEDGER; pcr++) {
        read_pcr(pcr, before);
        change_pcr(pcr, codes);
        assert_int_equal(codes[0], BAD_LOCALITY);
        assert_int_equal(codes[1], BAD_LOCALITY);
        read_pcr(pcr, after);
        assert_memory_equal(after, before, 32);
    }
    read_pcr(10, before);
    change_pcr(10, codes);
    assert_int_equal(codes[0], 0);
    assert_int_equal(codes[1], BAD_LOCALITY);
    read_pcr(10, after);
    assert_memory_not_equal(after, before, 32);
}

/* Everything written everywhere; it works as before. */
static void test_survives(void **state)
{
    uint8_t bytes[LAYOUT_TPM_SIZE], response[TPM_COMMAND_MAX];

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        uint32_t code = 1;

        memset(bytes, i == 0 ? 0xff : 0x01, sizeof(bytes));
        assert_int_equal(monitor_write(guest(), LAYOUT_TPM, bytes, 0x200), 0);
        assert_int_equal(monitor_set(guest(), 0x48, 0), 0);
        assert_int_equal(monitor_command(guest(), false, "0000017b0008", response, &code), 0);
        assert_int_equal(code, 0);
        assert_int_equal(monitor_be32(response + 2), 20);
    }
    peek(LAYOUT_TPM, bytes, 4);
    assert_int_equal(bytes_get32(bytes), 0x81);
    assert_int_equal(fd_write_full(console, "q", 1), 0);
    assert_int_equal(ended((char *)bytes, sizeof(bytes)), 0);
}

/* A guest whose TPM is gone cannot go on without it. */
static void test_tpm_dies(void **state)
{
    char text[1024], wanted[64];

    (void)state;
    (void)kill(tpm, SIGKILL);
    (void)snprintf(wanted, sizeof(wanted), "failed: failure %u detail", FAILURE_TPM_PEER);
    assert_int_equal(ended(text, sizeof(text)), 3);
    assert_non_null(strstr(text, wanted));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(test_finds_log), TEST(test_log_replays), TEST(test_locality),
        TEST(test_survives),  TEST(test_tpm_dies),
    };

    if (argc < 1 || find_programs(argv[0]) < 0)
        return 3;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
