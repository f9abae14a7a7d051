/* SPDX-License-Identifier: Apache-2.0 */
#include "mac/enforcing.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/selinux_netlink.h>
#include <selinux/selinux.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"

#define STATUS_FILE    "/sys/fs/selinux/status"
#define STATUS_VERSION 1u
/* A writer holds the page for a few stores; one that never lets go is none. */
#define TRIES 1000000u

/* The kernel's (security/selinux/include/security.h): an odd sequence is a write in progress. */
struct status_page {
    uint32_t version, sequence, enforcing, policyload, deny_unknown;
};

struct enforcing {
    int socket; /* owned */
    const volatile struct status_page *page;
    size_t size;
};

static int open_socket(void)
{
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = SELNL_GRP_AVC};
    cleanup_fd int fd =
        socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SELINUX);

    if (fd < 0)
        return -errno;
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    return steal_fd(&fd);
}

static int open_page(struct enforcing *watch)
{
    cleanup_fd int fd = open(STATUS_FILE, O_RDONLY | O_CLOEXEC);
    long size = sysconf(_SC_PAGESIZE);
    void *page;

    if (fd < 0)
        return errno == ENOENT ? -EOPNOTSUPP : -errno;
    page = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED)
        return -errno;
    watch->page = page;
    watch->size = (size_t)size;
    return watch->page->version == STATUS_VERSION ? 0 : -EPROTO;
}

int enforcing_open(struct enforcing **watch)
{
    struct enforcing *made = calloc(1, sizeof(*made));
    int r;

    if (made == NULL)
        return -ENOMEM;
    made->socket = -1;
    r = is_selinux_enabled() == 1 ? open_page(made) : -EOPNOTSUPP;
    if (r == 0) {
        made->socket = open_socket();
        r = made->socket < 0 ? made->socket : 0;
    }
    if (r < 0) {
        enforcing_close(made);
        return r;
    }
    *watch = made;
    return 0;
}

void enforcing_close(struct enforcing *watch)
{
    if (watch == NULL)
        return;
    if (watch->page != NULL)
        (void)munmap((void *)(uintptr_t)watch->page, watch->size);
    fd_close(&watch->socket);
    free(watch);
}

int enforcing_fd(const struct enforcing *watch)
{
    return watch != NULL ? watch->socket : -1;
}

/* Take all messages. Whether one says that it stopped enforcing, or one was lost that may have. */
static bool heard_lapse(int socket)
{
    union {
        struct nlmsghdr head;
        uint8_t bytes[NLMSG_SPACE(sizeof(struct selnl_msg_setenforce)) + 64];
    } message;
    struct selnl_msg_setenforce said;
    struct sockaddr_nl from;
    bool lapsed = false;

    for (;;) {
        socklen_t length = sizeof(from);
        ssize_t n = recvfrom(socket, &message, sizeof(message), MSG_DONTWAIT,
                             (struct sockaddr *)&from, &length);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != ENOBUFS)
            return lapsed;
        if (n < 0) {
            lapsed = true;
            continue;
        }
        /* The kernel has no port; a process could send to ours, with CAP_NET_ADMIN. */
        if (length != sizeof(from) || from.nl_pid != 0 || n < (ssize_t)NLMSG_LENGTH(sizeof(said)) ||
            message.head.nlmsg_type != SELNL_MSG_SETENFORCE)
            continue;
        memcpy(&said, NLMSG_DATA(&message.head), sizeof(said));
        lapsed = lapsed || said.val != 1;
    }
}

int enforcing_look(struct enforcing *watch, struct enforcing_status *status)
{
    const bool lapsed = heard_lapse(watch->socket);

    for (unsigned i = 0; i < TRIES; i++) {
        uint32_t before = __atomic_load_n(&watch->page->sequence, __ATOMIC_ACQUIRE);
        struct enforcing_status seen = {.enforcing = watch->page->enforcing == 1,
                                        .lapsed = lapsed,
                                        .loads = watch->page->policyload};

        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if ((before & 1) == 0 && watch->page->sequence == before) {
            /* Numbers of classes are a policy's: libselinux must ask for them again. */
            selinux_flush_class_cache();
            *status = seen;
            return 0;
        }
    }
    return -EAGAIN;
}
