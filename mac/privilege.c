/* SPDX-License-Identifier: Apache-2.0 */
#include "mac/privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Every bit that keeps root, a uid change or an exec from giving capabilities, and its lock. */
#define SECUREBITS                                                                                 \
    (SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |                               \
     SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |       \
     SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)

static int set_limit(__rlimit_resource_t resource, rlim_t value)
{
    const struct rlimit limit = {.rlim_cur = value, .rlim_max = value};

    return setrlimit(resource, &limit) == 0 ? 0 : -errno;
}

int privilege_drop_oom_favour(void)
{
    cleanup_fd int fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    char text[16] = "";

    if (fd < 0 || read(fd, text, sizeof(text) - 1) < 1)
        return -(errno != 0 ? errno : EIO);
    return text[0] != '-' || pwrite(fd, "0", 1, 0) == 1 ? 0 : -errno;
}

int privilege_limits(unsigned files)
{
    const struct {
        __rlimit_resource_t resource;
        rlim_t limit;
    } rows[] = {
        {RLIMIT_CORE, 0}, /* a core file is guest memory on the host's disk */
        {RLIMIT_NOFILE, files}, {RLIMIT_MEMLOCK, 0}, /* nothing here locks memory; the host keeps
                                                        the choice */
        {RLIMIT_MSGQUEUE, 0},   {RLIMIT_NICE, 0},    {RLIMIT_RTPRIO, 0},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int r = set_limit(rows[i].resource, rows[i].limit);

        if (r < 0)
            return r;
    }
    return 0;
}

int privilege_limit_writes(uint64_t size)
{
    return set_limit(RLIMIT_FSIZE, size);
}

/* Empty the bounding set, whatever the kernel's last capability is. 0 or -errno. */
static int drop_bounding(void)
{
    for (unsigned long cap = 0; cap < 64; cap++) {
        int has = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);

        if (has < 0)
            return cap > 0 && errno == EINVAL ? 0 : -errno; /* past the kernel's last one */
        if (has > 0 && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0)
            return -errno;
    }
    return 0;
}

int privilege_drop(uid_t uid, gid_t gid)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
    int r;

    if (uid == 0 || gid == 0 || uid == (uid_t)-1 || gid == (gid_t)-1)
        return -EINVAL;
    /* An operator's READ_IMPLIES_EXEC or ADDR_NO_RANDOMIZE would pass the exec to its programs. */
    if (personality(PER_LINUX) < 0)
        return -errno;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -errno;
    r = drop_bounding();
    if (r < 0)
        return r;
    if (prctl(PR_SET_SECUREBITS, SECUREBITS, 0, 0, 0) != 0)
        return -errno;
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
        return -errno;
    /*
     * System calls and not libc's functions, which look after all threads of a process whose state
     * a bare clone may not have kept. Groups first: without root's gid and uid there is no right to
     * change them.
     */
    if (syscall(SYS_setgroups, 0, NULL) != 0 || syscall(SYS_setresgid, gid, gid, gid) != 0 ||
        syscall(SYS_setresuid, uid, uid, uid) != 0)
        return -errno;
    /* NO_SETUID_FIXUP has kept the capabilities through that; now they go. */
    if (syscall(SYS_capset, &header, none) != 0)
        return -errno;
    /* A kernel or a sandbox that only pretended shows here: the way back must be closed. */
    if (syscall(SYS_setresuid, 0, 0, 0) == 0 || geteuid() != uid || getegid() != gid)
        return -EPERM;
    return 0;
}
