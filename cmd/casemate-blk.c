/* SPDX-License-Identifier: Apache-2.0 */
/*
 * casemate-blk: one disk of one guest.
 *
 * Trust: it reads the guest's rings and requests (hostile), the VMM's vhost-user messages (hostile
 * once the guest has taken the VMM) and the disk's bytes, which it never interprets. It may touch
 * this guest's memory, through the memory table that it is sent, this one disk, and the memory file
 * for in-flight tracking. It must never see another disk, a network, /dev/kvm, another guest's
 * memory or any path.
 *
 * System calls under the filter, for mac/filters/blk.c (14 distinct):
 *   ppoll      no signal mask (arg 3 = NULL)
 *   read       any descriptor: kick eventfds
 *   write      any descriptor: call and error eventfds
 *   recvmsg    fd 3 or 6, flags = MSG_CMSG_CLOEXEC | MSG_DONTWAIT
 *   sendmsg    fd 3 or 6, flags = MSG_NOSIGNAL
 *   mmap       addr = NULL, prot = PROT_READ | PROT_WRITE, flags = MAP_SHARED
 *   munmap     any
 *   close      any
 *   preadv     fd 7
 *   pwritev    fd 7
 *   fdatasync  fd 7
 *   fallocate  fd 7, mode = FALLOC_FL_KEEP_SIZE | (FALLOC_FL_PUNCH_HOLE or FALLOC_FL_ZERO_RANGE)
 *   ioctl      fd 7, request = BLKDISCARD or BLKZEROOUT
 *   exit_group any
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "hv/worker/blk.h"
#include "hv/worker/process.h"
#include "hv/worker/serve.h"

/* The memory file for in-flight tracking: *size stays 0 if there is none. */
static int inflight_size(uint64_t *size)
{
    struct stat st;
    int r;

    if (fstat(HANDOFF_FD_INFLIGHT, &st) < 0)
        return errno == EBADF ? 0 : -errno;
    /* Nobody may cut it under our mapping. */
    r = fd_require_seals(HANDOFF_FD_INFLIGHT, F_SEAL_SHRINK);
    if (r == 0)
        *size = (uint64_t)st.st_size;
    return r;
}

int main(void)
{
    struct handoff_filters filters;
    struct worker_config config;
    struct device device;
    struct blk *blk = NULL;
    uint64_t inflight = 0;
    int fd, r = process_load(PROCESS_BLK, &config, &filters, &fd);

    if (r == 0) {
        fd = HANDOFF_FD_INFLIGHT;
        r = inflight_size(&inflight);
    }
    if (r < 0) {
        process_failed(FAILURE_HANDOFF, (uint64_t)-r, (uint64_t)fd, 0);
        process_exit(PROCESS_EXIT_SYSTEM);
    }
    r = blk_new(&config, HANDOFF_FD_BACKING, inflight > 0, &blk, &device);
    if (r < 0) {
        process_failed(FAILURE_DISK_IO, (uint64_t)-r, 0, 0);
        process_exit(PROCESS_EXIT_SYSTEM);
    }
    process_exit(
        worker_run(&device, &config, &filters, inflight > 0 ? HANDOFF_FD_INFLIGHT : -1, inflight));
}
