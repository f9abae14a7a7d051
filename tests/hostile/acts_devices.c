/* SPDX-License-Identifier: Apache-2.0 */
/* Device nodes of the host, and more from its own disk and tap than they are for. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/hostile/hostile.h"

static const char *const nodes[] = {
    "/dev/mem",         "/dev/kmsg",   "/dev/kvm",          "/dev/net/tun", "/dev/vhost-net",
    "/dev/vhost-vsock", "/dev/fuse",   "/dev/userfaultfd",  "/dev/tty",     "/dev/console",
    "/dev/cpu/0/msr",   "/dev/uinput", "/dev/loop-control", "/dev/tpm0",    "/dev/urandom",
};

static int open_node(const struct hostile_world *w, long n)
{
    (void)w;
    return outcome(
        open(nodes[n], (n == 0 ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
}

static int open_disk(const struct hostile_world *w, long unused)
{
    static const char *const disks[] = {"/dev/vda", "/dev/sda", "/dev/nvme0n1", "/dev/loop0"};

    (void)w;
    (void)unused;
    for (unsigned i = 0; i < sizeof(disks) / sizeof(disks[0]); i++) {
        if (open(disks[i], O_RDONLY | O_CLOEXEC) >= 0)
            return 0;
        if (errno != ENOENT && errno != ENXIO)
            return -errno;
    }
    return -ENOENT;
}

static int make_node(const struct hostile_world *w, long unused)
{
    char path[160];

    (void)unused;
    strcpy(path, w->shared);
    strcat(path, "/node");
    (void)unlink(path);
    if (mknod(path, S_IFCHR | 0600, makedev(1, 1)) < 0)
        return -errno;
    (void)unlink(path);
    return 0;
}

static int push_input(const struct hostile_world *w, long unused)
{
    (void)w;
    (void)unused;
    /* ENOTTY: the descriptor is no terminal here; a terminal would have taken it. */
    return outcome(ioctl(HANDOFF_FD_BACKING, TIOCSTI, "x"));
}

/* More from its own disk than reading and writing. */
enum {
    DISK_LABEL,
    DISK_MODE,
    DISK_MAP,
    DISK_GROW,
    DISK_TRUNCATE,
    DISK_PUNCH_ALL,
    DISK_FLAGS,
    DISK_CLONE,
    DISK_SEEK,
    DISK_LOCK,
    DISK_DUP_HIGH
};
static int own_disk(const struct hostile_world *w, long what)
{
    struct flock lock = {.l_type = F_WRLCK};
    struct iovec iov = {(char[]){"x"}, 1};
    int flags = 0x40; /* FS_NODUMP_FL */
    void *at;

    switch (what) {
    case DISK_LABEL:
        return outcome(fsetxattr(HANDOFF_FD_BACKING, "security.selinux", w->own_context,
                                 strlen(w->own_context) + 1, 0));
    case DISK_MODE:
        return outcome(fchmod(HANDOFF_FD_BACKING, 0666));
    case DISK_MAP:
        at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, HANDOFF_FD_BACKING, 0);
        return at == MAP_FAILED ? -errno : 0;
    case DISK_GROW: /* beyond the size that the policy gave */
        return outcome(pwritev(HANDOFF_FD_BACKING, &iov, 1, 1 << 24));
    case DISK_TRUNCATE:
        return outcome(ftruncate(HANDOFF_FD_BACKING, 1 << 20));
    case DISK_PUNCH_ALL:
        return outcome(fallocate(HANDOFF_FD_BACKING, FALLOC_FL_COLLAPSE_RANGE, 0, 4096));
    case DISK_FLAGS:
        return outcome(ioctl(HANDOFF_FD_BACKING, FS_IOC_SETFLAGS, &flags));
    case DISK_CLONE:
        return outcome(ioctl(HANDOFF_FD_BACKING, FIBMAP, &flags));
    case DISK_SEEK:
        return outcome(lseek(HANDOFF_FD_BACKING, 0, SEEK_HOLE));
    case DISK_LOCK:
        return outcome(fcntl(HANDOFF_FD_BACKING, F_OFD_SETLK, &lock));
    default:
        return outcome(fcntl(HANDOFF_FD_BACKING, F_SETFL, O_DIRECT));
    }
}

static int own_tap(const struct hostile_world *w, long request)
{
    struct ifreq name = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    int value = 1;

    (void)w;
    switch (request) {
    case TUNSETIFF:
        strcpy(name.ifr_name, "hostile0");
        return outcome(ioctl(HANDOFF_FD_BACKING, TUNSETIFF, &name));
    case TUNSETQUEUE:
        name.ifr_flags = IFF_DETACH_QUEUE;
        return outcome_or(ioctl(HANDOFF_FD_BACKING, TUNSETQUEUE, &name), EINVAL);
    case TUNSETPERSIST:
        return outcome(ioctl(HANDOFF_FD_BACKING, TUNSETPERSIST, 0L));
    case TUNSETOWNER:
        return outcome(ioctl(HANDOFF_FD_BACKING, TUNSETOWNER, 0L));
    case SIOCGIFHWADDR:
    case TUNGETIFF:
        return outcome(ioctl(HANDOFF_FD_BACKING, (unsigned long)request, &name));
    default:
        return outcome(ioctl(HANDOFF_FD_BACKING, (unsigned long)request, &value));
    }
}

#define HOST REACH_HOST
#define SELF REACH_SELF
#define BLK  KIND(PROCESS_BLK)
#define NET  KIND(PROCESS_NET)
static const struct act rows[] = {
    {"dev-mem", "opens the host's memory", HOST, open_node, NULL, 0, 0, 0},
    {"dev-kmsg", "opens the kernel's log", HOST, open_node, NULL, 1, 0, 0},
    {"dev-kvm", "opens /dev/kvm", HOST, open_node, NULL, 2, 0, 0},
    {"dev-tun", "opens /dev/net/tun", HOST, open_node, NULL, 3, 0, 0},
    {"dev-vhost-net", "opens /dev/vhost-net", HOST, open_node, NULL, 4, 0, 0},
    {"dev-vhost-vsock", "opens /dev/vhost-vsock", HOST, open_node, NULL, 5, 0, 0},
    {"dev-fuse", "opens /dev/fuse", HOST, open_node, NULL, 6, 0, 0},
    {"dev-userfaultfd", "opens /dev/userfaultfd", HOST, open_node, NULL, 7, 0, 0},
    {"dev-tty", "opens its terminal", HOST, open_node, NULL, 8, 0, 0},
    {"dev-console", "opens the host's console", HOST, open_node, NULL, 9, 0, 0},
    {"dev-msr", "opens a CPU's registers", HOST, open_node, NULL, 10, 0, 0},
    {"dev-uinput", "makes keys and mice", HOST, open_node, NULL, 11, 0, 0},
    {"dev-loop", "makes loop devices", HOST, open_node, NULL, 12, 0, 0},
    {"dev-tpm", "opens the host's TPM", HOST, open_node, NULL, 13, 0, 0},
    {"dev-urandom", "opens /dev/urandom", HOST, open_node, NULL, 14, 0, 0},
    {"dev-disk", "opens a disk of the host", HOST, open_disk, NULL, 0, 0, 0},
    {"mknod", "makes a device node", HOST, make_node, NULL, 0, 0, 0},
    {"terminal-input", "types into the terminal (TIOCSTI)", HOST, push_input, NULL, 0,
     KIND(PROCESS_CONSOLE), 0},
    {"own-disk-label", "relabels its own disk", SELF, own_disk, NULL, DISK_LABEL, BLK, 0},
    {"own-disk-mode", "changes its disk's mode", SELF, own_disk, NULL, DISK_MODE, BLK, 0},
    {"own-disk-map", "maps its disk", SELF, own_disk, NULL, DISK_MAP, BLK, 0},
    {"own-disk-grow", "writes behind its disk's end", SELF, own_disk, NULL, DISK_GROW, BLK, 0},
    {"own-disk-truncate", "cuts its disk", SELF, own_disk, NULL, DISK_TRUNCATE, BLK, 0},
    {"own-disk-collapse", "takes a part out of its disk", SELF, own_disk, NULL, DISK_PUNCH_ALL, BLK,
     0},
    {"own-disk-flags", "changes its flags (FS_IOC_SETFLAGS)", SELF, own_disk, NULL, DISK_FLAGS, BLK,
     0},
    {"own-disk-place", "asks where its blocks are (FIBMAP)", SELF, own_disk, NULL, DISK_CLONE, BLK,
     0},
    {"own-disk-holes", "looks for holes", SELF, own_disk, NULL, DISK_SEEK, BLK, 0},
    {"own-disk-lock", "locks its disk against others", SELF, own_disk, NULL, DISK_LOCK, BLK, 0},
    {"own-disk-direct", "changes how it is open", SELF, own_disk, NULL, DISK_DUP_HIGH, BLK, 0},
    {"own-tap-attach", "attaches to another tap", SELF, own_tap, NULL, TUNSETIFF, NET, 0},
    {"own-tap-queue", "detaches a queue", SELF, own_tap, NULL, TUNSETQUEUE, NET, 0},
    {"own-tap-persist", "changes whether it stays", SELF, own_tap, NULL, TUNSETPERSIST, NET, 0},
    {"own-tap-owner", "gives it to somebody", SELF, own_tap, NULL, TUNSETOWNER, NET, 0},
    {"own-tap-buffer", "changes its buffer", SELF, own_tap, NULL, TUNSETSNDBUF, NET, 0},
    {"own-tap-name", "asks for its name", SELF, own_tap, NULL, TUNGETIFF, NET, 0},
    {"own-tap-address", "asks for its address", SELF, own_tap, NULL, SIOCGIFHWADDR, NET, 0},
};
ACT_THEME(acts_devices, "Devices", rows);
