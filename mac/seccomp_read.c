/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/ptrace.h>

#include "mac/seccomp.h"

/* ptrace(2), PTRACE_SECCOMP_GET_FILTER; libc's declaration hides it behind an enum. */
static long get_filter(pid_t tid, unsigned index, struct sock_filter *insn)
{
    return ptrace(PTRACE_SECCOMP_GET_FILTER, tid, (void *)(uintptr_t)index, insn);
}

/* How many filters the thread has; the kernel counts them from the oldest, which is 0. */
static int count_filters(pid_t tid)
{
    int count = 0;

    while (get_filter(tid, (unsigned)count, NULL) >= 0) {
        if (count == INT_MAX)
            return -E2BIG;
        count++;
    }
    return errno == ENOENT ? count : -errno;
}

int seccomp_read_back(pid_t tid, unsigned index, struct seccomp_program *program)
{
    struct seccomp_program found;
    int filters = count_filters(tid);
    unsigned oldest_first;
    long size;

    if (filters < 0)
        return filters;
    if (index >= (unsigned)filters)
        return -ENOENT;
    oldest_first = (unsigned)filters - 1 - index;
    size = get_filter(tid, oldest_first, NULL);
    if (size < 0)
        return -errno;
    if (size == 0 || size > SECCOMP_INSNS_MAX)
        return -E2BIG;
    memset(&found, 0, sizeof(found));
    /* The thread is stopped, and a filter never changes: the second answer has the same length. */
    if (get_filter(tid, oldest_first, found.insn) != size)
        return -EPROTO;
    found.size = (uint16_t)size;
    *program = found;
    return 0;
}
