/* SPDX-License-Identifier: Apache-2.0 */
#include "mac/landlock.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

/*
 * The kernel's interface, Documentation/userspace-api/landlock.rst. Written out here because the
 * build host's headers may be older than the running kernel.
 */
#define CREATE_RULESET_VERSION 1u
#define RULE_PATH_BENEATH      1

#define FS_EXECUTE   (1ULL << 0)
#define FS_READ_FILE (1ULL << 2)

#define RESTRICT_LOG_NEW_EXEC_ON (1u << 1) /* ABI 7: denials after the exec go to audit */

struct ruleset_attr {
    uint64_t handled_access_fs;
    uint64_t handled_access_net; /* ABI 4 */
    uint64_t scoped;             /* ABI 6 */
};

struct path_beneath_attr {
    uint64_t allowed_access;
    int32_t parent_fd;
} __attribute__((packed));

/* What each ABI added; a row with an unknown meaning to us is not handled, so not restricted. */
static const struct {
    uint64_t fs, net, scoped;
    const char *uncovered; /* what all earlier ABIs leave open, newest first */
} abi_rights[] = {
    [1] = {.fs = 0x1fff, .uncovered = "files, TCP, device ioctls, abstract Unix sockets, signals"},
    /* REFER: without it the kernel refuses every move between directories, so nothing is open. */
    [2] = {.fs = 1ULL << 13, .uncovered = NULL},
    [3] = {.fs = 1ULL << 14,
           .uncovered = "truncation, TCP, device ioctls, abstract Unix sockets, signals"},
    [4] = {.net = 0x3, .uncovered = "TCP, device ioctls, abstract Unix sockets, signals"},
    [5] = {.fs = 1ULL << 15, .uncovered = "device ioctls, abstract Unix sockets, signals"},
    [6] = {.scoped = 0x3, .uncovered = "abstract Unix sockets, signals"},
};
#define ABI_ROWS ((int)(sizeof(abi_rights) / sizeof(abi_rights[0])))

int landlock_newest(void)
{
    return ABI_ROWS - 1;
}

int landlock_abi(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);

    return abi > 0 ? (int)abi : 0;
}

const char *landlock_uncovered(int abi)
{
    for (int row = (abi < 0 ? 0 : abi) + 1; row < ABI_ROWS; row++) {
        if (abi_rights[row].uncovered)
            return abi_rights[row].uncovered;
    }
    return "";
}

/* All rights that a kernel of this ABI knows and we do. */
static struct ruleset_attr rights_of(int abi)
{
    struct ruleset_attr attr = {0};

    for (int row = 1; row < ABI_ROWS && row <= abi; row++) {
        attr.handled_access_fs |= abi_rights[row].fs;
        attr.handled_access_net |= abi_rights[row].net;
        attr.scoped |= abi_rights[row].scoped;
    }
    return attr;
}

int landlock_restrict_to_exec(int exec_fd)
{
    struct ruleset_attr attr;
    struct path_beneath_attr beneath = {
        /* open_exec asks for both (security_file_open with FMODE_READ and FMODE_EXEC) */
        .allowed_access = FS_EXECUTE | FS_READ_FILE,
        .parent_fd = exec_fd,
    };
    cleanup_fd int ruleset = -1;
    int abi = landlock_abi();

    if (abi == 0)
        return -ENOSYS;
    if (exec_fd < 0)
        return -EBADF;
    attr = rights_of(abi);
    /* An older kernel takes the longer struct as long as the fields it does not know are zero. */
    ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
    if (ruleset < 0)
        return -errno;
    /*
     * EBADFD: a file of an internal mount (memfd), which Landlock cannot name in a rule and does
     * not restrict.
     */
    if (syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &beneath, 0) != 0 &&
        errno != EBADFD)
        return -errno;
    if (syscall(SYS_landlock_restrict_self, ruleset, abi >= 7 ? RESTRICT_LOG_NEW_EXEC_ON : 0u) != 0)
        return -errno;
    return 0;
}

/* linux/landlock.h, in the order of the bits. */
static const char *const fs_names[] = {
    "execute",   "write_file", "read_file", "read_dir",  "remove_dir", "remove_file",
    "make_char", "make_dir",   "make_reg",  "make_sock", "make_fifo",  "make_block",
    "make_sym",  "refer",      "truncate",  "ioctl_dev",
};
static const char *const net_names[] = {"bind_tcp", "connect_tcp"};
static const char *const scope_names[] = {"abstract_unix_socket", "signal"};

static void describe_mask(const char *what, uint64_t mask, const char *const *names, size_t count,
                          struct buf *out)
{
    buf_printf(out, "  %s %#llx:", what, (unsigned long long)mask);
    for (size_t bit = 0; bit < count; bit++) {
        if (mask >> bit & 1)
            buf_printf(out, " %s", names[bit]);
    }
    buf_printf(out, "%s\n", mask ? "" : " none");
}

void landlock_describe(int abi, struct buf *out)
{
    struct ruleset_attr attr = rights_of(abi);
    const char *open = landlock_uncovered(abi);

    buf_printf(out, "ABI %d\n", abi);
#define NAMES(n) n, sizeof(n) / sizeof((n)[0])
    describe_mask("denied to files", attr.handled_access_fs, NAMES(fs_names), out);
    describe_mask("denied to ports", attr.handled_access_net, NAMES(net_names), out);
    describe_mask("denied beyond the process", attr.scoped, NAMES(scope_names), out);
#undef NAMES
    if (abi > 0)
        buf_printf(out, "  but the process's own program %#llx: execute read_file\n",
                   (unsigned long long)(FS_EXECUTE | FS_READ_FILE));
    buf_printf(out, "  not covered: %s\n", open[0] ? open : "nothing that is known");
}
