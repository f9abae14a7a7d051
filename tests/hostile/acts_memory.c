/* SPDX-License-Identifier: Apache-2.0 */
/* Another guest's memory, and the memory of its processes. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/kcmp.h>

#include "tests/hostile/hostile.h"

static int ram_by_proc(const struct hostile_world *w, long flags)
{
    char path[32];
    uint64_t value = 0;
    int fd;

    (void)snprintf(path, sizeof(path), "fd/%d", HOSTILE_FD_RAM);
    fd = open_proc(w->victim, path, (int)flags);
    if (fd < 0)
        return fd;
    if (pread(fd, &value, sizeof(value), 0) != (ssize_t)sizeof(value))
        return -errno;
    return value == w->secret ? 0 : -ENOMSG;
}

static int mem_file(const struct hostile_world *w, long write)
{
    int fd = open_proc(w->victim, "mem", write ? O_RDWR : O_RDONLY);
    uint64_t value = 0;

    if (fd < 0)
        return fd;
    if (pread(fd, &value, sizeof(value), (off_t)w->secret_address) != (ssize_t)sizeof(value))
        return -errno;
    if (write)
        return outcome(pwrite(fd, &value, sizeof(value), (off_t)w->secret_address));
    return value == w->secret ? 0 : -ENOMSG;
}

static int vm_transfer(const struct hostile_world *w, long write)
{
    uint64_t value = w->secret;
    struct iovec here = {&value, sizeof(value)};
    struct iovec there = {(void *)(uintptr_t)w->secret_address, sizeof(value)}; /* NOLINT */

    return outcome(syscall(write ? SYS_process_vm_writev : SYS_process_vm_readv, w->victim, &here,
                           1, &there, 1, 0));
}

static int trace(const struct hostile_world *w, long request)
{
    if (syscall(SYS_ptrace, request, w->victim, NULL, NULL) < 0)
        return -errno;
    if (request == PTRACE_ATTACH)
        (void)waitpid(w->victim, NULL, __WALL);
    (void)syscall(SYS_ptrace, PTRACE_DETACH, w->victim, NULL, NULL);
    return 0;
}

static int read_proc(const struct hostile_world *w, const char *name)
{
    char bytes[256];
    int fd = open_proc(w->victim, name, O_RDONLY);

    return fd < 0 ? fd : outcome(read(fd, bytes, sizeof(bytes)));
}

static int maps(const struct hostile_world *w, long unused)
{
    (void)unused;
    return read_proc(w, "maps");
}

static int environment(const struct hostile_world *w, long unused)
{
    (void)unused;
    return read_proc(w, "auxv");
}

static int registers(const struct hostile_world *w, long unused)
{
    (void)unused;
    return read_proc(w, "syscall");
}

static int page_map(const struct hostile_world *w, long unused)
{
    (void)unused;
    return read_proc(w, "pagemap");
}

static int clear_refs(const struct hostile_world *w, long unused)
{
    int fd = open_proc(w->victim, "clear_refs", O_WRONLY);

    (void)unused;
    return fd < 0 ? fd : outcome(write(fd, "1", 1));
}

static int pidfd_of(const struct hostile_world *w)
{
    int fd = (int)syscall(SYS_pidfd_open, w->victim, 0);

    return fd < 0 ? -errno : fd;
}

static int take_descriptor(const struct hostile_world *w, long number)
{
    int pidfd = pidfd_of(w);

    return pidfd < 0 ? pidfd : outcome(syscall(SYS_pidfd_getfd, pidfd, (int)number, 0));
}

static int advise(const struct hostile_world *w, long unused)
{
    struct iovec there = {(void *)(uintptr_t)(w->secret_address & ~4095ULL), 4096}; /* NOLINT */
    int pidfd = pidfd_of(w);

    (void)unused;
    if (pidfd < 0)
        return pidfd;
    return outcome(syscall(SYS_process_madvise, pidfd, &there, 1, MADV_COLD, 0));
}

static int compare(const struct hostile_world *w, long unused)
{
    (void)unused;
    return outcome(syscall(SYS_kcmp, getpid(), w->victim, KCMP_VM, 0, 0));
}

static int where_pages(const struct hostile_world *w, long unused)
{
    void *page = (void *)(uintptr_t)(w->secret_address & ~4095ULL); /* NOLINT */
    int status = 0;

    (void)unused;
    return outcome(syscall(SYS_move_pages, w->victim, 1, &page, NULL, &status, 0));
}

static int migrate(const struct hostile_world *w, long unused)
{
    unsigned long from = 1, to = 1;

    (void)unused;
    return outcome(syscall(SYS_migrate_pages, w->victim, 64, &from, &to));
}

#define GUEST REACH_GUEST
static const struct act rows[] = {
    {"ram-proc-read", "reads guest memory in /proc/PID/fd", GUEST, ram_by_proc, NULL, O_RDONLY, 0,
     0},
    {"ram-proc-write", "opens it to write", GUEST, ram_by_proc, NULL, O_RDWR, 0, 0},
    {"mem-read", "reads /proc/PID/mem", GUEST, mem_file, NULL, 0, 0, 0},
    {"mem-write", "writes /proc/PID/mem", GUEST, mem_file, NULL, 1, 0, 0},
    {"vm-readv", "process_vm_readv", GUEST, vm_transfer, NULL, 0, 0, 0},
    {"vm-writev", "process_vm_writev", GUEST, vm_transfer, NULL, 1, 0, 0},
    {"ptrace-attach", "stops it with ptrace", GUEST, trace, NULL, PTRACE_ATTACH, 0, 0},
    {"ptrace-seize", "traces it without a stop", GUEST, trace, NULL, PTRACE_SEIZE, 0, 0},
    {"proc-maps", "reads its memory map", GUEST, maps, NULL, 0, 0, 0},
    {"proc-auxv", "reads where it was loaded", GUEST, environment, NULL, 0, 0, 0},
    {"proc-syscall", "reads its registers", GUEST, registers, NULL, 0, 0, 0},
    {"proc-pagemap", "reads where its pages are", GUEST, page_map, NULL, 0, 0, 0},
    {"proc-clear-refs", "resets which pages it used", GUEST, clear_refs, NULL, 0, 0, 0},
    {"getfd-ram", "takes its memory by pidfd_getfd", GUEST, take_descriptor, NULL, HOSTILE_FD_RAM,
     0, 0},
    {"getfd-control", "takes its control socket", GUEST, take_descriptor, NULL, HANDOFF_FD_CONTROL,
     0, 0},
    {"getfd-event", "takes its eventfd", GUEST, take_descriptor, NULL, HOSTILE_FD_EVENT, 0, 0},
    {"madvise", "pages its memory out", GUEST, advise, NULL, 0, 0, 0},
    {"kcmp", "compares memory with it", GUEST, compare, NULL, 0, 0, 0},
    {"move-pages", "asks where its pages are", GUEST, where_pages, NULL, 0, 0, 0},
    {"migrate-pages", "moves its pages", GUEST, migrate, NULL, 0, 0, 0},
};
ACT_THEME(acts_memory, "Another guest's memory", rows);
