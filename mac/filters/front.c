/* SPDX-License-Identifier: Apache-2.0 */
/*
 * casemate-front: one client's Varlink connection. The numbers of its descriptors are those of
 * hv/front/session.h, whose folder this one may not know.
 */
#include <sys/mman.h>
#include <sys/socket.h>

#include "mac/filters/filter_table.h"

#define FD_WIRE   3
#define FD_SERIAL 4
#define FD_CLIENT 6

/* clang-format off */
static const struct filter_rule rows[] = {
    {CALL(ppoll), STAGE_0, WHERE(ARG_LONG(3, 0)), "wait for the client and for casemated; signals stay as they are"},
    {CALL(recvfrom), STAGE_0, WHERE(FD_IS(FD_CLIENT), ARG_INT(3, MSG_DONTWAIT), ARG_LONG(4, 0)), "the client's calls and keys"},
    {CALL(sendto), STAGE_0, WHERE(FD_IS(FD_CLIENT), ARG_INT(3, MSG_DONTWAIT | MSG_NOSIGNAL), ARG_LONG(4, 0)), "replies; to nobody else, for there is no address"},
    {CALL(recvmsg), STAGE_0, WHERE(FD_IS(FD_WIRE), ARG_INT(2, MSG_CMSG_CLOEXEC | MSG_DONTWAIT)), "casemated's answers, with a serial port"},
    {CALL(sendmsg), STAGE_0, WHERE(FD_IS(FD_WIRE), ARG_INT(2, MSG_NOSIGNAL)), "requests, from casemated's table"},
    {CALL(recvfrom), STAGE_0, WHERE(FD_IS(FD_SERIAL), ARG_INT(3, MSG_DONTWAIT), ARG_LONG(4, 0)), "what the guest prints"},
    {CALL(sendto), STAGE_0, WHERE(FD_IS(FD_SERIAL), ARG_INT(3, MSG_DONTWAIT | MSG_NOSIGNAL), ARG_LONG(4, 0)), "to the guest"},
    {CALL(pread64), STAGE_0, WHERE(FD_IS(FD_SERIAL)), "a guest's evidence, in the place of a serial port"},
    {CALL(brk), STAGE_0, ANY, "JSON objects, within RLIMIT_DATA"},
    {CALL(mmap), STAGE_0, WHERE(ARG_LONG(0, 0), ARG_LONG(2, PROT_READ | PROT_WRITE), ARG_LONG(3, MAP_PRIVATE | MAP_ANONYMOUS)), "larger texts; never executable, never a file"},
    {CALL(mremap), STAGE_0, WHERE(ARG_LONG(3, MREMAP_MAYMOVE)), "growing ones"},
    {CALL(munmap), STAGE_0, ANY, "and their end"},
    {CALL(clock_gettime), STAGE_0, ANY, "how long a call takes to come, where the vDSO cannot say"},
    {CALL(close), STAGE_0, ANY, "descriptors that should not have come"},
    {CALL(exit_group), STAGE_0, ANY, "the end"},
};
/* clang-format on */

FILTER_TABLE(front, 1, rows);
