/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_TESTS_UNIT_HOSTTPM_SWTPM_H
#define CASEMATE_TESTS_UNIT_HOSTTPM_SWTPM_H

/*
 * A real TPM 2.0 in a process of its own: swtpm on one end of a socket pair, its state in a
 * directory of the test's. Starting it again on the same directory is the host's next boot.
 */
#include <fcntl.h>
#include <ftw.h>
#include <linux/sockios.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct swtpm {
    char directory[64];
    pid_t pid;
    int fd;
};

static inline bool swtpm_is_installed(void)
{
    return access("/usr/bin/swtpm", X_OK) == 0;
}

static inline void swtpm_boot(struct swtpm *swtpm)
{
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    swtpm->pid = fork();
    assert_true(swtpm->pid >= 0);
    if (swtpm->pid == 0) {
        char state[96], number[16], log[96];

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)fcntl(ends[1], F_SETFD, 0);
        (void)snprintf(state, sizeof(state), "dir=%s", swtpm->directory);
        (void)snprintf(log, sizeof(log), "file=%s/log", swtpm->directory);
        (void)snprintf(number, sizeof(number), "%d", ends[1]);
        (void)execl("/usr/bin/swtpm", "swtpm", "socket", "--tpm2", "--tpmstate", state, "--fd",
                    number, "--flags", "not-need-init,startup-clear", "--log", log, (char *)NULL);
        _exit(127);
    }
    (void)close(ends[1]);
    swtpm->fd = ends[0];
}

/* The host's power fails: the TPM hears nothing of it. */
static inline void swtpm_crash(struct swtpm *swtpm)
{
    (void)kill(swtpm->pid, SIGKILL);
    (void)waitpid(swtpm->pid, NULL, 0);
    (void)close(swtpm->fd);
}

/* The kernel tells the TPM, and the host goes down. */
static inline void swtpm_shutdown(struct swtpm *swtpm)
{
    static const uint8_t command[] = {0x80, 0x01, 0, 0, 0, 12, 0, 0, 0x01, 0x45, 0, 0};
    uint8_t response[10];

    assert_int_equal(write(swtpm->fd, command, sizeof(command)), sizeof(command));
    assert_int_equal(read(swtpm->fd, response, sizeof(response)), sizeof(response));
    assert_int_equal(response[9], 0);
    swtpm_crash(swtpm);
}

/*
 * Whoever spoke with it was killed, perhaps before all of a response was read: wait until the TPM
 * has ended that command, by one that no TPM knows, and take what it has said until then. It takes
 * all that lies in its socket for one command: so nothing is sent before it took the last one.
 */
static inline void swtpm_settle(struct swtpm *swtpm)
{
    static const uint8_t command[] = {0x80, 0x01, 0, 0, 0, 10, 0x20, 0, 0x0f, 0xff};
    static const uint8_t unknown[] = {0x80, 0x01, 0, 0, 0, 10, 0, 0, 0x01, 0x43};
    uint8_t said[8192];
    size_t size = 0;
    int untaken;

    do {
        (void)sched_yield();
        assert_int_equal(ioctl(swtpm->fd, SIOCOUTQ, &untaken), 0);
    } while (untaken > 0);
    assert_int_equal(write(swtpm->fd, command, sizeof(command)), sizeof(command));
    do {
        ssize_t n = read(swtpm->fd, said + size, sizeof(said) - size);

        assert_true(n > 0);
        size += (size_t)n;
    } while (size < sizeof(unknown) ||
             memcmp(said + size - sizeof(unknown), unknown, sizeof(unknown)) != 0);
}

static inline void swtpm_new(struct swtpm *swtpm)
{
    (void)snprintf(swtpm->directory, sizeof(swtpm->directory), "/tmp/casemate-swtpm-XXXXXX");
    assert_non_null(mkdtemp(swtpm->directory));
    swtpm_boot(swtpm);
}

static inline int swtpm_remove_one(const char *path, const struct stat *st, int type,
                                   struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static inline void swtpm_remove(struct swtpm *swtpm)
{
    swtpm_crash(swtpm);
    (void)nftw(swtpm->directory, swtpm_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* A file of its directory, empty; open for both. */
static inline int swtpm_file(const struct swtpm *swtpm, const char *name)
{
    char path[128];
    int fd;

    (void)snprintf(path, sizeof(path), "%s/%s", swtpm->directory, name);
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    return fd;
}

/* A TPM and the two files that casemate-hosttpm keeps; false where there can be no TPM. */
static inline bool swtpm_new_host(struct swtpm *swtpm, int *state_fd, int *ledger_fd)
{
    if (!swtpm_is_installed())
        return false;
    swtpm_new(swtpm);
    *state_fd = swtpm_file(swtpm, "state");
    *ledger_fd = swtpm_file(swtpm, "ledger");
    return true;
}

static inline void swtpm_remove_host(struct swtpm *swtpm, int state_fd, int ledger_fd)
{
    if (!swtpm_is_installed())
        return;
    (void)close(state_fd);
    (void)close(ledger_fd);
    swtpm_remove(swtpm);
}

#define NEEDS_SWTPM                                                                                \
    do {                                                                                           \
        (void)state;                                                                               \
        if (!swtpm_is_installed()) {                                                               \
            print_message("swtpm is not installed: there is no TPM to ask\n");                     \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

#endif
