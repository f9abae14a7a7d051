/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/verbs/confine.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "mac/privilege.h"

#define NOBODY 65534

int confine_limit(int resource, uint64_t most)
{
    const __rlimit_resource_t which = (__rlimit_resource_t)resource;
    struct rlimit limit;

    if (getrlimit(which, &limit) < 0)
        return -errno;
    if (limit.rlim_cur > most)
        limit.rlim_cur = most;
    return setrlimit(which, &limit) == 0 ? 0 : -errno;
}

int confine_rights(pid_t parent, unsigned seconds)
{
    int r = confine_limit(RLIMIT_CORE, 0);

    if (r == 0)
        r = confine_limit(RLIMIT_CPU, seconds);
    /* The end of its time, whatever we were started with. */
    if (r == 0 && signal(SIGXCPU, SIG_DFL) == SIG_ERR)
        r = -errno;
    if (r == 0 && geteuid() == 0)
        r = privilege_drop(NOBODY, NOBODY);
    if (r < 0)
        return r;
    /* Another identity forgets it, so not before. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        return -errno;
    return getppid() == parent ? 0 : -ESRCH;
}

int confine_memory(uint64_t bytes)
{
#ifdef SANITIZED
    (void)bytes;
    return 0;
#else
    return confine_limit(RLIMIT_AS, bytes);
#endif
}

#ifdef SANITIZED
int confine_calls(uint32_t otherwise, int (*more)(scmp_filter_ctx context))
{
    (void)otherwise;
    (void)more;
    return 0;
}
#else
int confine_calls(uint32_t otherwise, int (*more)(scmp_filter_ctx context))
{
    static const int calls[] = {
        SCMP_SYS(brk),       SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
        SCMP_SYS(getrandom), SCMP_SYS(futex),  SCMP_SYS(exit),   SCMP_SYS(exit_group),
    };
    scmp_filter_ctx context = seccomp_init(otherwise);
    int r = context ? 0 : -ENOMEM;

    for (size_t i = 0; r == 0 && i < sizeof(calls) / sizeof(calls[0]); i++)
        r = seccomp_rule_add(context, SCMP_ACT_ALLOW, calls[i], 0);
    if (r == 0)
        r = seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                             SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (r == 0)
        r = seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                             SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (r == 0)
        r = more(context);
    if (r == 0)
        r = seccomp_load(context);
    seccomp_release(context);
    return r;
}
#endif
