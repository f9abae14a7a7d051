/* SPDX-License-Identifier: Apache-2.0 */
/*
 * casemate-rng: the entropy device of one guest.
 *
 * Trust: it reads the guest's rings (hostile) and the VMM's vhost-user messages (hostile once the
 * guest has taken the VMM). It may touch this guest's memory, through the memory table that it is
 * sent, and the kernel's random numbers. It must never see a disk, a network, /dev/kvm, another
 * guest's memory or any path.
 *
 * System calls under the filter, for mac/filters/rng.c (10 distinct):
 *   ppoll      no signal mask (arg 3 = NULL)
 *   read       any descriptor: kick eventfds
 *   write      any descriptor: call and error eventfds
 *   recvmsg    fd 3 or 6, flags = MSG_CMSG_CLOEXEC | MSG_DONTWAIT
 *   sendmsg    fd 3 or 6, flags = MSG_NOSIGNAL
 *   mmap       addr = NULL, prot = PROT_READ | PROT_WRITE, flags = MAP_SHARED
 *   munmap     any
 *   close      any
 *   getrandom  flags = 0
 *   exit_group any
 */
#include <errno.h>

#include "hv/worker/process.h"
#include "hv/worker/rng.h"
#include "hv/worker/serve.h"

int main(void)
{
    struct handoff_filters filters;
    struct worker_config config;
    struct device device;
    int fd, r = process_load(PROCESS_RNG, &config, &filters, &fd);

    if (r < 0) {
        process_failed(FAILURE_HANDOFF, (uint64_t)-r, (uint64_t)fd, 0);
        process_exit(PROCESS_EXIT_SYSTEM);
    }
    rng_device(&device);
    process_exit(worker_run(&device, &config, &filters, -1, 0));
}
