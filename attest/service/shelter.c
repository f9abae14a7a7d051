/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/service/shelter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/text.h"
#include "mac/confine_self.h"
#include "mac/privilege.h"

#define FDS_MAX 8
#define FIRST   3
#define ASIDE   64 /* above every number that is a target */

#define CONTEXT_MAX 256

int shelter_descriptors(const int *fds, size_t count)
{
    int aside[FDS_MAX];

    if (count == 0 || count > FDS_MAX)
        return -EINVAL;
    /* First out of each other's way, then to their places. */
    for (size_t i = 0; i < count; i++) {
        aside[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, ASIDE);
        if (aside[i] < 0)
            return -errno;
    }
    for (size_t i = 0; i < count; i++) {
        if (dup3(aside[i], FIRST + (int)i, O_CLOEXEC) < 0)
            return -errno;
    }
    return syscall(SYS_close_range, FIRST + count, ~0U, 0) < 0 ? -errno : 0;
}

int shelter_identity(uid_t uid, gid_t gid)
{
    int r = geteuid() == 0 ? privilege_drop(uid, gid) : 0;

    /* After it: another uid makes the kernel forget that we die with our parent. */
    if (r == 0)
        r = confine_self_begin();
    if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        r = -errno;
    return r;
}

int shelter_domain(const char *part)
{
    static const char whole[] = ":casemate_attestd_t:";
    cleanup_fd int fd = open("/proc/self/attr/current", O_RDWR | O_CLOEXEC);
    char now[CONTEXT_MAX] = "", wanted[CONTEXT_MAX];
    const char *type;

    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    /* EINVAL: no security module has anything to say here. */
    if (read(fd, now, sizeof(now) - 1) < 0)
        return errno == EINVAL ? 0 : -errno;
    type = strstr(now, whole);
    if (type == NULL)
        return 0;
    if (text_format(wanted, sizeof(wanted), "%.*s:casemate_attestd_%s_t:%s", (int)(type - now), now,
                    part, type + sizeof(whole) - 1) < 0)
        return -E2BIG;
    return pwrite(fd, wanted, strlen(wanted), 0) < 0 ? -errno : 0;
}

#ifdef SANITIZED
int shelter_calls(const char *const *names)
{
    (void)names; /* a sanitizer's own system calls are on no list */
    return 0;
}

int shelter_compile(const char *const *names, struct shelter_filter *filter)
{
    (void)names;
    *filter = (struct shelter_filter){NULL, 0};
    return 0;
}

int shelter_install(const struct shelter_filter *filter)
{
    (void)filter;
    return 0;
}
#else
static int allow(scmp_filter_ctx context, const char *name)
{
    bool refused = name[0] == '!';
    int number = seccomp_syscall_resolve_name(refused ? name + 1 : name);

    if (number == __NR_SCMP_ERROR)
        return -EINVAL;
    if (refused)
        return seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOENT), number, 0);
    if (number == SCMP_SYS(mmap) || number == SCMP_SYS(mprotect))
        return seccomp_rule_add(context, SCMP_ACT_ALLOW, number, 1,
                                SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    return seccomp_rule_add(context, SCMP_ACT_ALLOW, number, 0);
}

static int allow_all(const char *const *names, scmp_filter_ctx *made)
{
    scmp_filter_ctx context = seccomp_init(SCMP_ACT_KILL_PROCESS);
    int r = context != NULL ? 0 : -ENOMEM;

    /* What poll goes on with after a stop (SIGSTOP, a frozen group, a suspended machine). */
    if (r == 0)
        r = allow(context, "restart_syscall");
    for (; r == 0 && *names != NULL; names++)
        r = allow(context, *names);
    if (r == 0)
        *made = context;
    else
        seccomp_release(context);
    return r;
}

/* libseccomp writes a program to a file alone. */
static int export(scmp_filter_ctx context, struct shelter_filter *filter)
{
    cleanup_fd int fd = memfd_create("filter", MFD_CLOEXEC);
    cleanup_free struct sock_filter *code = NULL;
    struct stat status;
    ssize_t n;

    if (fd < 0)
        return -errno;
    if (seccomp_export_bpf(context, fd) < 0 || fstat(fd, &status) < 0)
        return -EIO;
    if (status.st_size == 0 || (size_t)status.st_size > BPF_MAXINSNS * sizeof(*code))
        return -EFBIG;
    code = malloc((size_t)status.st_size);
    if (code == NULL)
        return -ENOMEM;
    n = pread(fd, code, (size_t)status.st_size, 0);
    if (n != status.st_size)
        return n < 0 ? -errno : -EIO;
    filter->count = (unsigned short)((size_t)n / sizeof(*code));
    filter->code = steal_pointer(&code);
    return 0;
}

int shelter_compile(const char *const *names, struct shelter_filter *filter)
{
    scmp_filter_ctx context = NULL;
    int r = allow_all(names, &context);

    if (r == 0)
        r = export(context, filter);
    seccomp_release(context);
    return r;
}

int shelter_install(const struct shelter_filter *filter)
{
    const struct sock_fprog program = {filter->count, filter->code};

    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? -errno : 0;
}

int shelter_calls(const char *const *names)
{
    scmp_filter_ctx context = NULL;
    int r = allow_all(names, &context);

    /* All threads, of which a library may have made some. */
    if (r == 0)
        r = seccomp_attr_set(context, SCMP_FLTATR_CTL_TSYNC, 1);
    if (r == 0)
        r = seccomp_load(context);
    seccomp_release(context);
    return r;
}
#endif
