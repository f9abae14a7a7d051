/* SPDX-License-Identifier: Apache-2.0 */
/* casemate-tpm: the virtual TPM of one guest, its commands, its guard's requests, its stored state.
 */
#include <sys/socket.h>

#include "mac/filters/filter_table.h"

/* clang-format off */
static const struct filter_rule rows[] = {
    {CALL(ppoll), STAGE_0, WHERE(ARG_LONG(3, 0)), "wait for either socket; signals stay as they are"},
    {CALL(recvmsg), STAGE_0, WHERE(FD_IS(FD_VHOST), ARG_INT(2, MSG_CMSG_CLOEXEC | MSG_DONTWAIT)), "a command of the guest, from the VMM"},
    {CALL(recvmsg), STAGE_0, WHERE(FD_IS(FD_TPM_GUARD), ARG_INT(2, MSG_CMSG_CLOEXEC | MSG_DONTWAIT)), "a request of the guard"},
    {CALL(recvmsg), STAGE_0, WHERE(FD_IS(FD_CONTROL), ARG_INT(2, MSG_CMSG_CLOEXEC | MSG_DONTWAIT)), "the launcher's go, and its end"},
    {CALL(sendmsg), STAGE_0, WHERE(FD_IS(FD_VHOST), ARG_INT(2, MSG_NOSIGNAL)), "its response"},
    {CALL(sendmsg), STAGE_0, WHERE(FD_IS(FD_TPM_GUARD), ARG_INT(2, MSG_NOSIGNAL)), "its reply"},
    {CALL(sendmsg), STAGE_0, WHERE(FD_IS(FD_CONTROL), ARG_INT(2, MSG_NOSIGNAL)), "ready, failed"},
    {CALL(pread64), STAGE_0, WHERE(FD_IS(FD_BACKING)), "its state"},
    {CALL(pwrite64), STAGE_0, WHERE(FD_IS(FD_BACKING)), "its state, into the older of two slots; RLIMIT_FSIZE ends at the file's size"},
    {CALL(fdatasync), STAGE_0, WHERE(FD_IS(FD_BACKING)), "before the TPM answers what changed it"},
    {CALL(getrandom), STAGE_0, WHERE(ARG_INT(2, 0)), "keys, nonces"},
    {CALL(clock_gettime), STAGE_0, ANY, "the TPM's clock, where the vDSO cannot say"},
    {CALL(close), STAGE_0, ANY, "the side that has ended"},
    {CALL(exit_group), STAGE_0, ANY, "the end"},
};
/* clang-format on */

FILTER_TABLE(tpm, 1, rows);
