/* SPDX-License-Identifier: Apache-2.0 */
/* casemate-rng: random bytes of the host's kernel, one virtqueue. */
#include <sys/mman.h>
#include <sys/socket.h>

#include "mac/filters/filter_table.h"

/* clang-format off */
static const struct filter_rule rows[] = {
    {CALL(ppoll), STAGE_0, WHERE(ARG_LONG(3, 0)), "wait for kicks and messages; signals stay as they are"},
    {CALL(getrandom), STAGE_0, WHERE(ARG_INT(2, 0)), "what the guest asks for"},
    {CALL(read), STAGE_0, WHERE(ARG_LONG(2, EVENT_SIZE)), "count of a kick"},
    {CALL(write), STAGE_0, WHERE(ARG_LONG(2, EVENT_SIZE)), "call the guest, report an error of the ring"},
    {CALL(recvmsg), STAGE_0, WHERE(FD_IS(FD_VHOST), ARG_INT(2, MSG_CMSG_CLOEXEC | MSG_DONTWAIT)), "requests of the VMM, with descriptors"},
    {CALL(recvmsg), STAGE_0, WHERE(FD_IS(FD_CONTROL), ARG_INT(2, MSG_CMSG_CLOEXEC | MSG_DONTWAIT)), "the launcher's go, and its end"},
    {CALL(sendmsg), STAGE_0, WHERE(FD_IS(FD_VHOST), ARG_INT(2, MSG_NOSIGNAL)), "replies to the VMM"},
    {CALL(sendmsg), STAGE_0, WHERE(FD_IS(FD_CONTROL), ARG_INT(2, MSG_NOSIGNAL)), "ready, failed"},
    {CALL(mmap), STAGE_0, WHERE(ARG_LONG(0, 0), ARG_LONG(2, PROT_READ | PROT_WRITE), ARG_LONG(3, MAP_SHARED)), "guest memory (SET_MEM_TABLE); never executable, never over something else"},
    {CALL(munmap), STAGE_0, ANY, "guest memory of an earlier table"},
    {CALL(close), STAGE_0, ANY, "descriptors of replaced rings and tables"},
    {CALL(exit_group), STAGE_0, ANY, "the end"},
};
/* clang-format on */

FILTER_TABLE(rng, 1, rows);
