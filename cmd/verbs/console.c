/* SPDX-License-Identifier: Apache-2.0 */
/*
 * casemate console: this terminal becomes the guest's serial port. What the guest writes goes to
 * the terminal as it is, as it does for any serial console; keys go to the guest but the escape
 * key.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cmd/verbs/console.h"
#include "cmd/verbs/host.h"
#include "cmd/verbs/verbs.h"

#define ESCAPE 0x1d /* Ctrl-] */
#define CHUNK  4096

size_t console_keys(bool *escaped, const char *typed, size_t size, char *keys, bool *leave)
{
    size_t n = 0;

    *leave = false;
    for (size_t i = 0; i < size; i++) {
        if (!*escaped && typed[i] == ESCAPE) {
            *escaped = true;
            continue;
        }
        if (*escaped && typed[i] == 'q') {
            *escaped = false;
            *leave = true;
            return n;
        }
        if (*escaped && typed[i] != ESCAPE)
            keys[n++] = ESCAPE; /* it was not meant for us */
        *escaped = false;
        keys[n++] = typed[i];
    }
    return n;
}

struct relay {
    int guest, signals;
    bool typing; /* standard input is open */
    bool escaped, leave;
    int signal;           /* that ends it */
    char keys[2 * CHUNK]; /* to the guest, not sent yet */
    size_t waiting;
};

/* 0; 1 at the end; -errno. */
static int take_keys(struct relay *relay)
{
    char typed[CHUNK / 2];
    ssize_t n = read(STDIN_FILENO, typed, sizeof(typed));

    if (n < 0)
        return errno == EINTR || errno == EAGAIN ? 0 : -errno;
    if (n == 0)
        relay->typing = false; /* the guest may still have something to say */
    relay->waiting += console_keys(&relay->escaped, typed, (size_t)n, relay->keys + relay->waiting,
                                   &relay->leave);
    return 0;
}

static int send_keys(struct relay *relay)
{
    ssize_t n = send(relay->guest, relay->keys, relay->waiting, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n < 0)
        return errno == EINTR || errno == EAGAIN       ? 0
               : errno == EPIPE || errno == ECONNRESET ? 1
                                                       : -errno;
    relay->waiting -= (size_t)n;
    memmove(relay->keys, relay->keys + n, relay->waiting);
    return 0;
}

static int take_output(const struct relay *relay)
{
    char bytes[CHUNK];
    ssize_t n = recv(relay->guest, bytes, sizeof(bytes), MSG_DONTWAIT);

    if (n < 0)
        return errno == EINTR || errno == EAGAIN ? 0 : errno == ECONNRESET ? 1 : -errno;
    return n == 0 ? 1 : fd_write_full(STDOUT_FILENO, bytes, (size_t)n);
}

static int relay_bytes(struct relay *relay)
{
    int r = 0;

    while (r == 0 && !relay->leave) {
        struct pollfd polled[] = {
            {.fd = relay->guest, .events = POLLIN},
            {.fd = relay->typing && relay->waiting < CHUNK ? STDIN_FILENO : -1, .events = POLLIN},
            {.fd = relay->signals, .events = POLLIN},
        };
        struct signalfd_siginfo info;

        if (relay->waiting > 0)
            polled[0].events |= POLLOUT;
        if (poll(polled, 3, -1) < 0) {
            if (errno == EINTR)
                continue;
            return -errno;
        }
        if (polled[2].revents != 0 && read(relay->signals, &info, sizeof(info)) == sizeof(info)) {
            relay->signal = (int)info.ssi_signo;
            return 0;
        }
        if ((polled[0].revents & POLLOUT) != 0)
            r = send_keys(relay);
        if (r == 0 && (polled[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
            r = take_output(relay);
        if (r == 0 && polled[1].revents != 0)
            r = take_keys(relay);
    }
    return r;
}

/* The terminal is given back whatever ends us, so what would end us arrives as data. */
static int take_signals(sigset_t *set, sigset_t *before)
{
    if (sigemptyset(set) < 0 || sigaddset(set, SIGTERM) < 0 || sigaddset(set, SIGINT) < 0 ||
        sigaddset(set, SIGHUP) < 0 || sigaddset(set, SIGQUIT) < 0 ||
        sigprocmask(SIG_BLOCK, set, before) < 0)
        return -1;
    return signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int attach(int guest, const char *word)
{
    struct relay relay = {.guest = guest, .typing = true};
    struct termios before, raw;
    sigset_t set, mask;
    cleanup_fd int signals = take_signals(&set, &mask);
    const bool terminal = isatty(STDIN_FILENO) == 1 && tcgetattr(STDIN_FILENO, &before) == 0;
    int r;

    if (signals < 0) {
        complain("cannot receive signals: %s", strerror(errno));
        return VERB_SYSTEM;
    }
    relay.signals = signals;
    if (terminal) {
        complain("this is the console of %s; Ctrl-] q leaves it", word);
        raw = before;
        cfmakeraw(&raw);
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    r = relay_bytes(&relay);
    /* FLUSH: what a guest made the terminal answer is no command for the shell. */
    if (terminal) {
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        (void)fputc('\n', stderr);
        if (r == 1)
            complain("the console of %s is closed: the guest has ended, or casemated has", word);
    }
    (void)sigprocmask(SIG_SETMASK, &mask, NULL);
    if (relay.signal != 0)
        (void)raise(relay.signal);
    if (r >= 0)
        return VERB_OK;
    complain("the console of %s failed: %s", word, strerror(-r));
    return VERB_SYSTEM;
}

int verb_console(int argc, char **argv)
{
    static const struct verb_option options[] = {HOST_OPTIONS, HOST_END};
    static const struct verb_usage usage = {
        "console",
        "GUEST",
        "Connect this terminal to the guest's first serial port. Ctrl-] q leaves it; Ctrl-] twice\n"
        "sends one Ctrl-]. One at a time.",
        options,
        1,
        1};
    cleanup_fd int guest = -1;
    struct casemate *host = NULL;
    struct host_guest name;
    struct arguments a;
    int status, r;

    if (!host_arguments(&usage, argc, argv, &a, &name, &status))
        return status;
    status = host_open(&a, HOST_PATIENCE, &host);
    if (status == VERB_OK) {
        r = casemate_console(host, host_guest_tenant(&name), name.name, &guest);
        if (r != CASEMATE_OK)
            status = host_failed(host, r, "connect to the console");
    }
    casemate_free(host);
    return status == VERB_OK ? attach(guest, a.word[0]) : status;
}
