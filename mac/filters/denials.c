/* SPDX-License-Identifier: Apache-2.0 */
/*
 * casemate-denials: reads the kernel's audit messages. The numbers of its descriptors are those of
 * audit/denials/wire.h, whose folder this one may not know.
 */
#include <sys/socket.h>

#include "mac/filters/filter_table.h"

#define FD_KERNEL 5

/* clang-format off */
static const struct filter_rule rows[] = {
    {CALL(ppoll), STAGE_0, WHERE(ARG_LONG(3, 0)), "wait for a record, or for casemated's end; signals stay as they are"},
    {CALL(recvmsg), STAGE_0, WHERE(FD_IS(FD_KERNEL), ARG_INT(2, MSG_DONTWAIT)), "the kernel's records"},
    {CALL(sendmsg), STAGE_0, WHERE(FD_IS(FD_CONTROL), ARG_INT(2, MSG_NOSIGNAL)), "what was heard; it waits for casemated"},
    {CALL(sendmsg), STAGE_0, WHERE(FD_IS(FD_CONTROL), ARG_INT(2, MSG_DONTWAIT | MSG_NOSIGNAL)), "that it hears, or why not"},
    {CALL(clock_gettime), STAGE_0, ANY, "how long to wait, where the vDSO cannot say"},
    {CALL(exit_group), STAGE_0, ANY, "the end"},
};
/* clang-format on */

FILTER_TABLE(denials, 1, rows);
