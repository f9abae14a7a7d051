/* SPDX-License-Identifier: Apache-2.0 */
#include "mac/confine_self.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int confine_self_begin(void)
{
    /*
     * Set here and not before exec: the kernel forgets it in an exec that changes the security
     * context (begin_new_exec, secureexec), which ours does.
     */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
        return -errno;
    /*
     * No core dump with guest memory in it, and /proc/self belongs to root: a neighbour with the
     * same uid cannot look in. The launcher can, by CAP_SYS_PTRACE.
     */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return -errno;
    return 0;
}

int confine_self_filter(const struct sock_filter *insns, size_t count)
{
    struct sock_fprog program;
    long result;

    if (count == 0 || count > BPF_MAXINSNS)
        return -EINVAL;
    program.len = (unsigned short)count;
    /* The kernel only reads it; the field lacks const. */
    program.filter = (struct sock_filter *)(uintptr_t)insns;

    result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
    if (result < 0)
        return -errno;
    /* A positive result is the thread that has diverged; nothing was installed anywhere. */
    return result == 0 ? 0 : -EBUSY;
}
