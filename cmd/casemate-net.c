/* SPDX-License-Identifier: Apache-2.0 */
/*
 * casemate-net: one network device of one guest.
 *
 * Trust: it reads the guest's rings and packets (hostile), the VMM's vhost-user messages (hostile
 * once the guest has taken the VMM) and packets from the network (hostile), of which it looks at
 * nothing but the virtio header. It may touch this guest's memory, through the memory table that it
 * is sent, and the taps it was handed. It must never see a disk, /dev/kvm, another guest's memory,
 * any path, or make a socket.
 *
 * One tap at descriptor 7 for one queue pair; n at 7 .. 7 + n - 1 for n pairs.
 *
 * System calls under the filter, for mac/filters/net.c (12 distinct):
 *   ppoll      no signal mask (arg 3 = NULL)
 *   read       any descriptor: kick eventfds
 *   write      any descriptor: call and error eventfds
 *   recvmsg    fd 3 or 6, flags = MSG_CMSG_CLOEXEC | MSG_DONTWAIT
 *   sendmsg    fd 3 or 6, flags = MSG_NOSIGNAL
 *   mmap       addr = NULL, prot = PROT_READ | PROT_WRITE, flags = MAP_SHARED
 *   munmap     any
 *   close      any
 *   readv      fd 7..13
 *   writev     fd 7..13
 *   ioctl      fd 7, request = TUNSETOFFLOAD, arg 2 only of TUN_F_CSUM | TSO4 | TSO6 | TSO_ECN
 * (0xf) exit_group any
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>

#include "hv/worker/net.h"
#include "hv/worker/process.h"
#include "hv/worker/serve.h"

/* The tap is what it should be, does not block us, and has no offload from a predecessor. */
static int prepare_tap(int fd)
{
    int flags = fcntl(fd, F_GETFL), header = 0;

    if (flags < 0 || ioctl(fd, TUNGETVNETHDRSZ, &header) < 0)
        return -errno;
    if (header != 12)
        return -EINVAL;
    if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || ioctl(fd, TUNSETOFFLOAD, 0ul) < 0)
        return -errno;
    return 0;
}

int main(void)
{
    int taps[NET_PAIRS_MAX], fd, r;
    struct handoff_filters filters;
    struct worker_config config;
    struct net *net = NULL;
    struct device device;

    r = process_load(PROCESS_NET, &config, &filters, &fd);
    if (r == 0 && net_pairs(&config) == 0)
        r = -EINVAL;
    if (r < 0) {
        process_failed(FAILURE_HANDOFF, (uint64_t)-r, (uint64_t)fd, 0);
        process_exit(PROCESS_EXIT_SYSTEM);
    }
    for (unsigned i = 0; r == 0 && i < net_pairs(&config); i++) {
        taps[i] = HANDOFF_FD_BACKING + (int)i;
        r = prepare_tap(taps[i]);
    }
    if (r == 0)
        r = net_new(&config, taps, &net, &device);
    if (r < 0) {
        process_failed(FAILURE_TAP_IO, (uint64_t)-r, 0, 0);
        process_exit(PROCESS_EXIT_SYSTEM);
    }
    process_exit(worker_run(&device, &config, &filters, -1, 0));
}
