/* SPDX-License-Identifier: Apache-2.0 */
/* casemate-blk: one disk image or block device, the queues of one virtio-blk device. */
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "mac/filters/filter_table.h"

/* clang-format off */
static const struct filter_rule rows[] = {
    {CALL(ppoll), STAGE_0, WHERE(ARG_LONG(3, 0)), "wait for kicks and messages; signals stay as they are"},
    {CALL(preadv), STAGE_0, WHERE(FD_IS(FD_BACKING)), "VIRTIO_BLK_T_IN"},
    {CALL(pwritev), STAGE_0, WHERE(FD_IS(FD_BACKING)), "VIRTIO_BLK_T_OUT; RLIMIT_FSIZE ends at the disk's size"},
    {CALL(fdatasync), STAGE_0, WHERE(FD_IS(FD_BACKING)), "VIRTIO_BLK_T_FLUSH"},
    {CALL(read), STAGE_0, WHERE(ARG_LONG(2, EVENT_SIZE)), "count of a kick"},
    {CALL(write), STAGE_0, WHERE(ARG_LONG(2, EVENT_SIZE)), "call the guest, report an error of the ring"},
    {CALL(fallocate), STAGE_0, WHERE(FD_IS(FD_BACKING), ARG_INT(1, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)), "VIRTIO_BLK_T_DISCARD in a file"},
    {CALL(fallocate), STAGE_0, WHERE(FD_IS(FD_BACKING), ARG_INT(1, FALLOC_FL_ZERO_RANGE)), "VIRTIO_BLK_T_WRITE_ZEROES in a file; with KEEP_SIZE it would take the host's space behind the end, where RLIMIT_FSIZE does not count"},
    {CALL(ioctl), STAGE_0, WHERE(FD_IS(FD_BACKING), ARG_INT(1, BLKDISCARD)), "VIRTIO_BLK_T_DISCARD on a block device"},
    {CALL(ioctl), STAGE_0, WHERE(FD_IS(FD_BACKING), ARG_INT(1, BLKZEROOUT)), "VIRTIO_BLK_T_WRITE_ZEROES on a block device"},
    {CALL(recvmsg), STAGE_0, WHERE(FD_IS(FD_VHOST), ARG_INT(2, MSG_CMSG_CLOEXEC | MSG_DONTWAIT)), "requests of the VMM, with descriptors"},
    {CALL(recvmsg), STAGE_0, WHERE(FD_IS(FD_CONTROL), ARG_INT(2, MSG_CMSG_CLOEXEC | MSG_DONTWAIT)), "the launcher's go, and its end"},
    {CALL(sendmsg), STAGE_0, WHERE(FD_IS(FD_VHOST), ARG_INT(2, MSG_NOSIGNAL)), "replies to the VMM"},
    {CALL(sendmsg), STAGE_0, WHERE(FD_IS(FD_CONTROL), ARG_INT(2, MSG_NOSIGNAL)), "ready, failed"},
    {CALL(mmap), STAGE_0, WHERE(ARG_LONG(0, 0), ARG_LONG(2, PROT_READ | PROT_WRITE), ARG_LONG(3, MAP_SHARED)), "guest memory (SET_MEM_TABLE), in-flight area; never executable, never over something else"},
    {CALL(munmap), STAGE_0, ANY, "guest memory of an earlier table"},
    {CALL(close), STAGE_0, ANY, "descriptors of replaced rings and tables"},
    {CALL(exit_group), STAGE_0, ANY, "the end"},
};
/* clang-format on */

FILTER_TABLE(blk, 1, rows);
