/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors that come from another guest: handed over at the start by a launcher's mistake, or
 * sent by an accomplice over a socket that should not join the two. What then decides is whether
 * the kernel looks again when a descriptor arrives and when it is used.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/kvm.h>
#include <sys/ioctl.h>

#include "base/fdpass.h"
#include "tests/hostile/hostile.h"

static int leak_read(const struct hostile_world *w, long number)
{
    uint64_t value = 0;

    if (pread((int)number, &value, sizeof(value), 0) != (ssize_t)sizeof(value))
        return errno ? -errno : -ENODATA;
    return value == w->secret ? 0 : -ENOMSG;
}

/* With the call that the worker's own filter knows. */
static int leak_preadv(const struct hostile_world *w, long number)
{
    uint64_t value = 0;
    struct iovec iov = {&value, sizeof(value)};

    if (preadv((int)number, &iov, 1, 0) != (ssize_t)sizeof(value))
        return errno ? -errno : -ENODATA;
    return value == w->secret ? 0 : -ENOMSG;
}

static int leak_write(const struct hostile_world *w, long number)
{
    (void)w;
    return outcome(pwrite((int)number, "hostile!", 8, 4096));
}

static int leak_map(const struct hostile_world *w, long number)
{
    volatile uint64_t *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, (int)number, 0);

    if (at == MAP_FAILED)
        return -errno;
    return *at == w->secret ? 0 : -ENOMSG;
}

static int leak_event(const struct hostile_world *w, long number)
{
    uint64_t one = 1;

    (void)w;
    return outcome(write((int)number, &one, sizeof(one)));
}

static int leak_socket(const struct hostile_world *w, long number)
{
    struct iovec iov = {(char[]){"x"}, 1};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

    (void)w;
    return outcome(sendmsg((int)number, &message, MSG_NOSIGNAL));
}

static int leak_signal(const struct hostile_world *w, long number)
{
    (void)w;
    return outcome(syscall(SYS_pidfd_send_signal, (int)number, 0, NULL, 0));
}

static int leak_reopen(const struct hostile_world *w, long number)
{
    char path[32] = "/proc/self/fd/00";

    (void)w;
    path[14] = (char)('0' + number / 10);
    path[15] = (char)('0' + number % 10);
    return outcome(open(path, O_RDWR));
}

static int leak_vm(const struct hostile_world *w, long number)
{
    (void)w;
    return outcome(ioctl((int)number, KVM_CHECK_EXTENSION, KVM_CAP_IRQFD));
}

static int smuggle_socket(const struct hostile_world *w)
{
    return w->kind == PROCESS_VMM ? HOSTILE_FD_SMUGGLE_VMM : HOSTILE_FD_SMUGGLE;
}

enum {
    SEND_EVENT,
    SEND_MEMORY,
    SEND_PIPE,
    SEND_TIMER,
    SEND_EPOLL,
    SEND_DISK,
    SEND_RAM,
    SEND_SOCKET,
    SEND_VM
};

static int make_gift(const struct hostile_world *w, long what)
{
    int pair[2], fd;

    switch (what) {
    case SEND_EVENT:
        return HOSTILE_FD_EVENT; /* made before the filter, as the real VMM makes its own */
    case SEND_MEMORY:
        fd = (int)syscall(SYS_memfd_create, "gift", MFD_CLOEXEC);
        if (fd >= 0 && write(fd, &w->secret, sizeof(w->secret)) < 0)
            return -1;
        return fd;
    case SEND_PIPE:
        return pipe2(pair, O_NONBLOCK) < 0 ? -1 : pair[0];
    case SEND_TIMER:
        return timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    case SEND_EPOLL:
        return epoll_create1(0);
    case SEND_SOCKET:
        return socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 ? -1 : pair[0];
    case SEND_VM:
        return HOSTILE_FD_VM;
    default:
        return what == SEND_DISK ? HOSTILE_FD_DISK : HOSTILE_FD_RAM;
    }
}

static int send_gift(const struct hostile_world *w, long what)
{
    int fd = make_gift(w, what);

    if (fd < 0)
        return -errno;
    return fdpass_send(smuggle_socket(w), "gift", 4, &fd, 1);
}

/* EBADMSG: the message came and the kernel took the descriptor out. */
static int take_gift(const struct hostile_world *w, long what)
{
    struct pollfd ready = {.fd = smuggle_socket(w), .events = POLLIN};
    const struct timespec patience = {.tv_sec = 1};
    char text[8];
    size_t count = 1;
    int fd = -1, r;

    (void)what;
    r = (int)syscall(SYS_ppoll, &ready, 1, &patience, NULL, 8);
    if (r < 1)
        return r < 0 ? -errno : -ETIMEDOUT;
    r = fdpass_receive(ready.fd, text, sizeof(text), &fd, &count, MSG_DONTWAIT);
    if (r < 0)
        return r;
    return count == 1 ? 0 : -EBADMSG;
}

#define GUEST REACH_GUEST
#define VMM   KIND(PROCESS_VMM)
static const struct act rows[] = {
    {"leak-disk-read", "reads a leaked disk", GUEST, leak_read, NULL, HOSTILE_FD_LEAK_IMAGE, 0,
     ACT_LEAK},
    {"leak-disk-preadv", "the same as casemate-blk reads", GUEST, leak_preadv, NULL,
     HOSTILE_FD_LEAK_IMAGE, 0, ACT_LEAK},
    {"leak-disk-write", "writes it", GUEST, leak_write, NULL, HOSTILE_FD_LEAK_IMAGE, 0, ACT_LEAK},
    {"leak-disk-map", "maps it", GUEST, leak_map, NULL, HOSTILE_FD_LEAK_IMAGE, 0, ACT_LEAK},
    {"leak-disk-reopen", "opens it once more by /proc/self/fd", GUEST, leak_reopen, NULL,
     HOSTILE_FD_LEAK_IMAGE, 0, ACT_LEAK},
    {"leak-ram-read", "reads leaked guest memory", GUEST, leak_read, NULL, HOSTILE_FD_LEAK_RAM, 0,
     ACT_LEAK},
    {"leak-ram-map", "maps it as a worker maps its own", GUEST, leak_map, NULL, HOSTILE_FD_LEAK_RAM,
     0, ACT_LEAK},
    {"leak-tpm-read", "reads what a virtual TPM has stored", GUEST, leak_read, NULL,
     HOSTILE_FD_LEAK_TPM, 0, ACT_LEAK},
    {"leak-tpm-write", "writes it", GUEST, leak_write, NULL, HOSTILE_FD_LEAK_TPM, 0, ACT_LEAK},
    {"leak-tpm-map", "maps it", GUEST, leak_map, NULL, HOSTILE_FD_LEAK_TPM, 0, ACT_LEAK},
    {"leak-event", "kicks a leaked eventfd", GUEST, leak_event, NULL, HOSTILE_FD_LEAK_EVENT, 0,
     ACT_LEAK},
    {"leak-socket", "writes to a leaked control socket", GUEST, leak_socket, NULL,
     HOSTILE_FD_LEAK_SOCKET, 0, ACT_LEAK},
    {"leak-pidfd", "signals by a leaked pidfd", GUEST, leak_signal, NULL, HOSTILE_FD_LEAK_PIDFD, 0,
     ACT_LEAK},
    {"leak-vm", "speaks to a leaked VM", GUEST, leak_vm, NULL, HOSTILE_FD_LEAK_VM, VMM, ACT_LEAK},
    {"sent-event", "receives an eventfd", GUEST, take_gift, send_gift, SEND_EVENT, 0, ACT_SENT},
    {"sent-memory", "receives a memory file", GUEST, take_gift, send_gift, SEND_MEMORY, 0,
     ACT_SENT},
    {"sent-pipe", "receives a pipe", GUEST, take_gift, send_gift, SEND_PIPE, 0, ACT_SENT},
    {"sent-timer", "receives a timer", GUEST, take_gift, send_gift, SEND_TIMER, 0, ACT_SENT},
    {"sent-epoll", "receives an epoll descriptor", GUEST, take_gift, send_gift, SEND_EPOLL, 0,
     ACT_SENT},
    {"sent-socket", "receives a socket", GUEST, take_gift, send_gift, SEND_SOCKET, 0, ACT_SENT},
    {"sent-disk", "receives the other's disk", GUEST, take_gift, send_gift, SEND_DISK, 0, ACT_SENT},
    {"sent-ram", "receives the other's memory", GUEST, take_gift, send_gift, SEND_RAM, 0, ACT_SENT},
    {"sent-vm", "receives the other's VM", GUEST, take_gift, send_gift, SEND_VM, VMM, ACT_SENT},
};
ACT_THEME(acts_passed, "Descriptors of another guest's", rows);
