/* SPDX-License-Identifier: Apache-2.0 */
/* casemate-console: bytes between the guest's serial port and the operator's terminal. */
#include "mac/filters/filter_table.h"

/* clang-format off */
static const struct filter_rule rows[] = {
    {CALL(ppoll), STAGE_0, WHERE(ARG_LONG(3, 0)), "wait for either side; signals stay as they are"},
    {CALL(read), STAGE_0, ANY, "keys, and the guest's output"},
    {CALL(write), STAGE_0, ANY, "to the terminal and to the guest"},
    {CALL(recvmsg), STAGE_0, ANY, "launcher messages"},
    {CALL(sendmsg), STAGE_0, ANY, "launcher messages"},
    {CALL(close), STAGE_0, ANY, "the side that has ended"},
    {CALL(exit_group), STAGE_0, ANY, "the end"},
};
/* clang-format on */

FILTER_TABLE(console, 1, rows);
