/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets: an accomplice in another guest listens, or the network of the host is asked. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/if_alg.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/vm_sockets.h>

#include "tests/hostile/hostile.h"

/* How two ends find each other, as one number. */
enum { ABSTRACT, PATH, LOOPBACK, VSOCK_LOCAL, FAMILY_BITS = 4 };
#define WAY(family, type) ((family) | (type) << FAMILY_BITS)

union address {
    struct sockaddr any;
    struct sockaddr_un un;
    struct sockaddr_in in;
    struct sockaddr_vm vm;
};

static socklen_t make_address(const struct hostile_world *w, long family, union address *a)
{
    int n;

    memset(a, 0, sizeof(*a));
    switch (family) {
    case ABSTRACT:
        a->un.sun_family = AF_UNIX;
        n = snprintf(a->un.sun_path + 1, sizeof(a->un.sun_path) - 1, "hostile-%u", w->port);
        return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
    case PATH:
        a->un.sun_family = AF_UNIX;
        (void)snprintf(a->un.sun_path, sizeof(a->un.sun_path), "%.80s/socket", w->shared);
        return sizeof(a->un);
    case LOOPBACK:
        a->in.sin_family = AF_INET;
        a->in.sin_port = htons((uint16_t)w->port);
        a->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return sizeof(a->in);
    default:
        a->vm.svm_family = AF_VSOCK;
        a->vm.svm_port = w->port;
        a->vm.svm_cid = VMADDR_CID_LOCAL;
        return sizeof(a->vm);
    }
}

static int listen_for(const struct hostile_world *w, long way)
{
    int type = (int)(way >> FAMILY_BITS), s;
    union address a;
    socklen_t size = make_address(w, way & ((1 << FAMILY_BITS) - 1), &a);

    if (a.any.sa_family == AF_UNIX && a.un.sun_path[0] != 0)
        (void)unlink(a.un.sun_path);
    if (a.any.sa_family == AF_VSOCK)
        a.vm.svm_cid = VMADDR_CID_ANY;
    s = socket(a.any.sa_family, type | SOCK_CLOEXEC, 0);
    if (s < 0 || bind(s, &a.any, size) < 0)
        return -errno;
    return type == SOCK_DGRAM ? 0 : outcome(listen(s, 4));
}

static int reach(const struct hostile_world *w, long way)
{
    int s, type = (int)(way >> FAMILY_BITS);
    union address a;
    socklen_t size = make_address(w, way & ((1 << FAMILY_BITS) - 1), &a);

    s = socket(a.any.sa_family,
               type | SOCK_CLOEXEC | (a.any.sa_family == AF_VSOCK ? SOCK_NONBLOCK : 0), 0);
    if (s < 0 || connect(s, &a.any, size) < 0)
        return -errno;
    return outcome(send(s, "secret", 6, MSG_NOSIGNAL));
}

static int make(const struct hostile_world *w, long way)
{
    (void)w;
    return outcome(socket((int)(way & 0xff), (int)(way >> 8 & 0xff), (int)(way >> 16)));
}
#define SOCKET(family, type, protocol) ((family) | (type) << 8 | (long)(protocol) << 16)

static int pair(const struct hostile_world *w, long unused)
{
    int both[2];

    (void)w;
    (void)unused;
    return outcome(socketpair(AF_UNIX, SOCK_STREAM, 0, both));
}

/* Pretend to be root: SCM_CREDENTIALS with other numbers than one's own, over a pair of its own. */
static int forge(const struct hostile_world *w, long unused)
{
    union {
        char bytes[CMSG_SPACE(sizeof(struct ucred))];
        struct cmsghdr align;
    } control = {0};
    struct iovec iov = {(char[]){"x"}, 1};
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    const struct ucred root = {.pid = w->launcher, .uid = 0, .gid = 0};
    int both[2];

    (void)unused;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, both) < 0)
        return -errno;
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_CREDENTIALS;
    header->cmsg_len = CMSG_LEN(sizeof(root));
    memcpy(CMSG_DATA(header), &root, sizeof(root));
    return outcome(sendmsg(both[0], &message, MSG_NOSIGNAL));
}

/* The same over the control socket, where the launcher would read it. */
static int forge_to_launcher(const struct hostile_world *w, long unused)
{
    union {
        char bytes[CMSG_SPACE(sizeof(struct ucred))];
        struct cmsghdr align;
    } control = {0};
    struct hostile_report report = {.type = HOSTILE_HELLO};
    struct iovec iov = {&report, sizeof(report)};
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    const struct ucred root = {.pid = w->launcher, .uid = 0, .gid = 0};

    (void)unused;
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_CREDENTIALS;
    header->cmsg_len = CMSG_LEN(sizeof(root));
    memcpy(CMSG_DATA(header), &root, sizeof(root));
    return outcome(sendmsg(HANDOFF_FD_CONTROL, &message, MSG_NOSIGNAL));
}

static int socket_table(const struct hostile_world *w, long unused)
{
    struct {
        struct nlmsghdr header;
        struct {
            uint8_t family, protocol;
            uint16_t pad;
            uint32_t states, inode, show, cookie[2];
        } request;
    } message = {
        .header = {.nlmsg_len = sizeof(message),
                   .nlmsg_type = 20,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .request = {.family = AF_UNIX, .states = ~0u},
    };
    char answer[512];
    int s = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);

    (void)w;
    (void)unused;
    if (s < 0 || send(s, &message, sizeof(message), 0) < 0)
        return -errno;
    return outcome(recv(s, answer, sizeof(answer), 0));
}

static int forge_audit(const struct hostile_world *w, long unused)
{
    struct {
        struct nlmsghdr header;
        char text[32];
    } message = {
        .header = {.nlmsg_len = sizeof(message),
                   .nlmsg_type = 1107 /* AUDIT_USER_AVC */,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
        .text = "avc: granted",
    };
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
    } answer = {.error.error = -ENOMSG};
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    int s = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK, NETLINK_AUDIT);

    (void)w;
    (void)unused;
    if (s < 0 ||
        sendto(s, &message, sizeof(message), 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
        return -errno;
    /* The kernel takes every message and says afterwards whether it did what it says. */
    return recv(s, &answer, sizeof(answer), 0) < 0 ? -errno : answer.error.error;
}

static int hear_uevents(const struct hostile_world *w, long protocol)
{
    struct sockaddr_nl all = {.nl_family = AF_NETLINK, .nl_groups = 1};
    int s = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK, (int)protocol);

    (void)w;
    return s < 0 ? -errno : outcome(bind(s, (struct sockaddr *)&all, sizeof(all)));
}

#define GUEST REACH_GUEST
#define SELF  REACH_SELF
static const struct act rows[] = {
    {"unix-abstract", "connects to an abstract socket", GUEST, reach, listen_for,
     WAY(ABSTRACT, SOCK_STREAM), 0, 0},
    {"unix-abstract-packet", "the same, SOCK_SEQPACKET", GUEST, reach, listen_for,
     WAY(ABSTRACT, SOCK_SEQPACKET), 0, 0},
    {"unix-abstract-dgram", "sends a datagram to one", GUEST, reach, listen_for,
     WAY(ABSTRACT, SOCK_DGRAM), 0, 0},
    {"unix-path", "connects to a socket in a shared directory", GUEST, reach, listen_for,
     WAY(PATH, SOCK_STREAM), 0, 0},
    {"unix-path-dgram", "sends a datagram to one", GUEST, reach, listen_for, WAY(PATH, SOCK_DGRAM),
     0, 0},
    {"tcp-loopback", "connects by TCP on 127.0.0.1", GUEST, reach, listen_for,
     WAY(LOOPBACK, SOCK_STREAM), 0, 0},
    {"udp-loopback", "sends a datagram there", GUEST, reach, listen_for, WAY(LOOPBACK, SOCK_DGRAM),
     0, 0},
    {"vsock-local", "connects by vsock", GUEST, reach, listen_for, WAY(VSOCK_LOCAL, SOCK_STREAM), 0,
     0},
    {"socket-pair", "makes a pair of sockets", SELF, pair, NULL, 0, 0, 0},
    {"socket-unix", "makes a Unix socket", SELF, make, NULL, SOCKET(AF_UNIX, SOCK_STREAM, 0), 0, 0},
    {"socket-tcp", "makes a TCP socket", SELF, make, NULL, SOCKET(AF_INET, SOCK_STREAM, 0), 0, 0},
    {"socket-raw", "makes a raw IP socket", REACH_HOST, make, NULL,
     SOCKET(AF_INET, SOCK_RAW, IPPROTO_ICMP), 0, 0},
    {"socket-packet", "makes a packet socket", REACH_HOST, make, NULL,
     SOCKET(AF_PACKET, SOCK_RAW, 0x0300), 0, 0},
    {"socket-alg", "makes a socket of the kernel's ciphers", SELF, make, NULL,
     SOCKET(AF_ALG, SOCK_SEQPACKET, 0), 0, 0},
    {"socket-vsock", "makes a vsock", SELF, make, NULL, SOCKET(AF_VSOCK, SOCK_STREAM, 0), 0, 0},
    {"netlink-route", "speaks to the network's configuration", SELF, make, NULL,
     SOCKET(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), 0, 0},
    {"netlink-filter", "speaks to the packet filter", SELF, make, NULL,
     SOCKET(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER), 0, 0},
    {"netlink-generic", "speaks generic netlink", SELF, make, NULL,
     SOCKET(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC), 0, 0},
    {"netlink-uevent", "listens to device events", REACH_HOST, hear_uevents, NULL,
     NETLINK_KOBJECT_UEVENT, 0, 0},
    {"netlink-selinux", "listens to the policy's changes", REACH_HOST, hear_uevents, NULL,
     NETLINK_SELINUX, 0, 0},
    {"netlink-sockets", "lists other processes' sockets", REACH_HOST, socket_table, NULL, 0, 0, 0},
    {"netlink-audit", "forges an audit record", REACH_HOST, forge_audit, NULL, 0, 0, 0},
    {"credentials", "pretends to be root on a pair", SELF, forge, NULL, 0, 0, 0},
    {"credentials-control", "pretends to be root to the launcher", REACH_HOST, forge_to_launcher,
     NULL, 0, 0, 0},
};
ACT_THEME(acts_sockets, "Sockets", rows);
