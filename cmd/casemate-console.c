/* SPDX-License-Identifier: Apache-2.0 */
/*
 * casemate-console: carries bytes between a guest's serial console and the operator's terminal, or
 * the sockets of one client after the other.
 *
 * Trust: what the guest prints is hostile and goes to the terminal as it is, as on any serial line;
 * nothing here interprets it. It may touch the console socket of one guest and the terminal's two
 * descriptors. It must never see guest memory, a disk, a network, /dev/kvm or any path, and cannot
 * change the terminal's modes or push input into it (no ioctl).
 *
 * System calls under the filter, for mac/filters/console.c (8 distinct):
 *   ppoll      no signal mask (arg 3 = NULL)
 *   read       fd 6 (guest), 7 (terminal)
 *   write      fd 6 (guest), 8 (terminal)
 *   recvmsg    fd 3, flags = MSG_CMSG_CLOEXEC | MSG_DONTWAIT
 *   sendmsg    fd 3, flags = MSG_NOSIGNAL
 *   dup3       to fd 7, 8, flags = O_CLOEXEC
 *   close      any
 *   exit_group any
 */
#include <errno.h>
#include <fcntl.h>

#include "hv/worker/console.h"
#include "hv/worker/process.h"

/* Terminal output in a worker's numbering: no in-flight tracking here. */
#define TERMINAL_OUT HANDOFF_FD_INFLIGHT

int main(void)
{
    struct handoff_filters filters;
    struct worker_config config;
    int fd, flags, r = process_load(PROCESS_CONSOLE, &config, &filters, &fd);

    if (r == 0) {
        fd = HANDOFF_FD_VHOST;
        flags = fcntl(fd, F_GETFL);
        if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
            r = -errno;
    }
    if (r < 0) {
        process_failed(FAILURE_HANDOFF, (uint64_t)-r, (uint64_t)fd, 0);
        process_exit(PROCESS_EXIT_SYSTEM);
    }
    r = process_confine(&filters);
    if (r < 0) {
        process_failed(FAILURE_FILTER, (uint64_t)-r, 0, 0);
        process_exit(PROCESS_EXIT_SYSTEM);
    }
    r = process_ready();
    if (r == 0)
        r = console_relay(HANDOFF_FD_VHOST, HANDOFF_FD_BACKING, TERMINAL_OUT,
                          (config.flags & WORKER_FLAG_CLIENT) != 0);
    if (r < 0)
        process_failed(FAILURE_SYSTEM, (uint64_t)-r, 0, 0);
    process_exit(r < 0 ? PROCESS_EXIT_SYSTEM : PROCESS_EXIT_OK);
}
