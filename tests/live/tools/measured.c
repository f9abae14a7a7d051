/* SPDX-License-Identifier: Apache-2.0 */
/*
 * measured DIRECTORY COMMAND [ARGUMENT...]: a guest of a hundred bytes says what was measured of
 * it. Writes the guest's kernel to DIRECTORY/monitor.elf and starts the command, which boots it
 * with a TPM and its console on standard input and output. Of the guest's first boot and, after a
 * reset, of its second: the event log in DIRECTORY/1.log and 2.log; in 1.pcrs and 2.pcrs a line for
 * each PCR, "N HEX", and one for each of 16, 21 and 22, "change N EXTEND RESET", with the response
 * codes of a guest that tries. Then it powers off. Exit status: the command's; 99 when the guest
 * does not do what it is told.
 *
 * Trust: a test tool; it trusts what it starts.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/monitor.h"
#include "tests/vmm-payload.h"

#define GIVEN_UP 99
#define BOOTS    2
#define CHUNK    512u
#define PATIENCE 240 /* seconds */

static _Noreturn void give_up(const char *what, int error)
{
    fprintf(stderr, "measured: %s: %s\n", what, strerror(-error));
    exit(GIVEN_UP);
}

static FILE *create(const char *directory, int boot, const char *suffix)
{
    char path[4096];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%d.%s", directory, boot, suffix);
    file = fopen(path, "we");
    if (file == NULL)
        give_up(path, -errno);
    return file;
}

static void write_kernel(const char *directory)
{
    uint8_t kernel[PAYLOAD_SIZE];
    char path[4096];
    FILE *file;

    payload_build(PAYLOAD_MONITOR, kernel);
    (void)snprintf(path, sizeof(path), "%s/monitor.elf", directory);
    file = fopen(path, "we");
    if (file == NULL || fwrite(kernel, sizeof(kernel), 1, file) != 1 || fclose(file) != 0)
        give_up(path, -errno);
}

/* The log's last byte is a line feed, so what is zero behind it is not the log's. */
static void keep_log(const struct monitor *m, FILE *file)
{
    static uint8_t log[LAYOUT_TPM_LOG_END - LAYOUT_TPM_LOG];
    size_t size = 0, last = 0;
    int r;

    do {
        r = monitor_read(m, LAYOUT_TPM_LOG + size, log + size, CHUNK);
        if (r < 0)
            give_up("log", r);
        size += CHUNK;
        for (size_t i = size - CHUNK; i < size; i++)
            last = log[i] != 0 ? i + 1 : last;
    } while (last + CHUNK > size && size < sizeof(log));
    if (fwrite(log, 1, last, file) != last || fclose(file) != 0)
        give_up("log", -errno);
}

static void keep_pcrs(const struct monitor *m, FILE *file)
{
    static const unsigned tried[] = {16, TPM_PCR_START, TPM_PCR_LEDGER};
    uint8_t response[TPM_COMMAND_MAX];
    uint32_t code = 0;
    int tested = monitor_command(m, false, "0000014301", response, &code);

    if (tested < 0)
        give_up("self-test", tested);
    fprintf(file, "selftest %x\n", code);
    for (unsigned pcr = 0; pcr < TPM_PCRS; pcr++) {
        uint8_t value[32];
        int r = monitor_pcr(m, pcr, value);

        if (r < 0)
            give_up("PCR", r);
        fprintf(file, "%u ", pcr);
        for (size_t i = 0; i < sizeof(value); i++)
            fprintf(file, "%02x", value[i]);
        fprintf(file, "\n");
    }
    for (size_t i = 0; i < sizeof(tried) / sizeof(tried[0]); i++) {
        uint32_t codes[2] = {0};
        int r = monitor_change_pcr(m, tried[i], codes);

        if (r < 0)
            give_up("change", r);
        fprintf(file, "change %u %x %x\n", tried[i], codes[0], codes[1]);
    }
    if (fclose(file) != 0)
        give_up("PCRs", -errno);
}

static void hear_greeting(const struct monitor *m)
{
    char heard[sizeof(MONITOR_GREETING)] = "";
    int r = fd_read_full(m->in, heard, sizeof(heard) - 1);

    if (r < 0)
        give_up("greeting", r);
    if (strcmp(heard, MONITOR_GREETING) != 0)
        give_up("greeting", -EPROTO);
}

int main(int argc, char **argv)
{
    int down[2], up[2], status;
    struct monitor monitor;
    pid_t pid;

    if (argc < 3) {
        fprintf(stderr, "usage: measured DIRECTORY COMMAND [ARGUMENT...]\n");
        return GIVEN_UP;
    }
    write_kernel(argv[1]);
    if (pipe2(down, O_CLOEXEC) < 0 || pipe2(up, O_CLOEXEC) < 0)
        give_up("pipe", -errno);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)alarm(PATIENCE);
    pid = fork();
    if (pid == 0) {
        (void)signal(SIGPIPE, SIG_DFL);
        (void)dup2(down[0], 0);
        (void)dup2(up[1], 1);
        (void)execvp(argv[2], argv + 2);
        _exit(127);
    }
    if (pid < 0)
        give_up("fork", -errno);
    (void)close(down[0]);
    (void)close(up[1]);
    monitor = (struct monitor){.in = up[0], .out = down[1], .escaping = true};
    for (int boot = 1; boot <= BOOTS; boot++) {
        int r;

        hear_greeting(&monitor);
        keep_log(&monitor, create(argv[1], boot, "log"));
        keep_pcrs(&monitor, create(argv[1], boot, "pcrs"));
        r = monitor_type(&monitor, boot < BOOTS ? "z" : "q", 1);
        if (r < 0)
            give_up("end", r);
    }
    if (waitpid(pid, &status, 0) != pid)
        give_up("wait", -errno);
    return WIFEXITED(status) ? WEXITSTATUS(status) : GIVEN_UP;
}
