/* SPDX-License-Identifier: Apache-2.0 */
/* casemate-console: bytes between the guest's serial port and the operator's terminal. */
#include <fcntl.h>
#include <sys/socket.h>

#include "mac/filters/filter_table.h"

/* clang-format off */
static const struct filter_rule rows[] = {
    {CALL(ppoll), STAGE_0, WHERE(ARG_LONG(3, 0)), "wait for either side; signals stay as they are"},
    {CALL(read), STAGE_0, WHERE(FD_IS(FD_VHOST)), "the guest's output"},
    {CALL(read), STAGE_0, WHERE(FD_IS(FD_TERMINAL_IN)), "keys"},
    {CALL(write), STAGE_0, WHERE(FD_IS(FD_VHOST)), "to the guest"},
    {CALL(write), STAGE_0, WHERE(FD_IS(FD_TERMINAL_OUT)), "to the terminal; no ioctl, so no TIOCSTI"},
    {CALL(recvmsg), STAGE_0, WHERE(FD_IS(FD_CONTROL), ARG_INT(2, MSG_CMSG_CLOEXEC | MSG_DONTWAIT)), "the launcher's go, and its end"},
    {CALL(sendmsg), STAGE_0, WHERE(FD_IS(FD_CONTROL), ARG_INT(2, MSG_NOSIGNAL)), "ready, the escape key"},
    {CALL(dup3), STAGE_0, WHERE(ARG_INT(1, FD_TERMINAL_IN), ARG_INT(2, O_CLOEXEC)), "the next client's socket, from the launcher, in place of the last one's"},
    {CALL(dup3), STAGE_0, WHERE(ARG_INT(1, FD_TERMINAL_OUT), ARG_INT(2, O_CLOEXEC)), "the same"},
    {CALL(close), STAGE_0, ANY, "the side that has ended"},
    {CALL(exit_group), STAGE_0, ANY, "the end"},
};
/* clang-format on */

FILTER_TABLE(console, 1, rows);
