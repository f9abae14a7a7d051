/* SPDX-License-Identifier: Apache-2.0 */
/* casemate-tpm: the virtual TPM of one guest, its commands, its guard's requests, its stored state.
 */
#include <linux/futex.h>
#include <sys/socket.h>

#include "mac/filters/filter_table.h"

/* clang-format off */
static const struct filter_rule rows[] = {
    {CALL(ppoll), STAGE_0, WHERE(ARG_LONG(3, 0)), "wait for any of the sockets; signals stay as they are"},
    {CALL(getpid), STAGE_0, ANY, "libcrypto, before each random number: has it forked?"},
    {CALL(recvmsg), STAGE_0, WHERE(FD_IS(FD_VHOST), ARG_INT(2, MSG_CMSG_CLOEXEC | MSG_DONTWAIT)), "a command of the guest, from the VMM"},
    {CALL(sendmsg), STAGE_0, WHERE(FD_IS(FD_VHOST), ARG_INT(2, MSG_NOSIGNAL | MSG_DONTWAIT)), "its response; a VMM that does not read has broken the protocol"},
    {CALL(recvmsg), STAGE_0, WHERE(FD_IS(FD_TPM_GUARD), ARG_INT(2, MSG_CMSG_CLOEXEC | MSG_DONTWAIT)), "a request of the guard"},
    {CALL(sendmsg), STAGE_0, WHERE(FD_IS(FD_TPM_GUARD), ARG_INT(2, MSG_NOSIGNAL | MSG_DONTWAIT)), "its reply"},
    {CALL(recvmsg), STAGE_0, WHERE(FD_IS(FD_CONTROL), ARG_INT(2, MSG_CMSG_CLOEXEC | MSG_DONTWAIT)), "the launcher's go, and its end"},
    {CALL(sendmsg), STAGE_0, WHERE(FD_IS(FD_CONTROL), ARG_INT(2, MSG_NOSIGNAL)), "ready, failed"},
    {CALL(pwrite64), STAGE_0, WHERE(FD_IS(FD_BACKING)), "its state, into the older of two slots; RLIMIT_FSIZE ends at the file's size"},
    {CALL(fdatasync), STAGE_0, WHERE(FD_IS(FD_BACKING)), "before the TPM answers what changed it"},
    {CALL(pread64), STAGE_0, WHERE(FD_IS(FD_BACKING)), "its state, at the start"},
    {CALL(recvmsg), STAGE_0, WHERE(FD_IS(FD_BACKING), ARG_INT(2, MSG_CMSG_CLOEXEC | MSG_DONTWAIT)), "in place of a state, a third party's TPM: replies of its control channel"},
    {CALL(sendmsg), STAGE_0, WHERE(FD_IS(FD_BACKING), ARG_INT(2, MSG_NOSIGNAL | MSG_DONTWAIT)), "requests to that"},
    {CALL(recvmsg), STAGE_0, WHERE(FD_IS(FD_TPM_DATA), ARG_INT(2, MSG_CMSG_CLOEXEC | MSG_DONTWAIT)), "a third party's TPM: its responses"},
    {CALL(sendmsg), STAGE_0, WHERE(FD_IS(FD_TPM_DATA), ARG_INT(2, MSG_NOSIGNAL | MSG_DONTWAIT)), "the guest's commands to that"},
    {CALL(brk), STAGE_0, ANY, "memory of libtpms and libcrypto: all of it, so that nothing has to be mapped"},
    {CALL(futex), STAGE_0, WHERE(ARG_INT(1, FUTEX_WAKE_PRIVATE)), "the end of pthread_once, of which libcrypto has many; there is nobody to wake"},
    {CALL(getrandom), STAGE_0, WHERE(ARG_INT(2, 0)), "seeds of libcrypto, nonces, the platform's authorization"},
    {CALL(clock_gettime), STAGE_0, ANY, "the TPM's clock, where the vDSO cannot say, and the time of this process"},
    {CALL(gettimeofday), STAGE_0, ANY, "libcrypto's nonces, where the vDSO cannot say"},
    {CALL(close), STAGE_0, ANY, "descriptors that nobody asked for and a peer sent"},
    {CALL(exit_group), STAGE_0, ANY, "the end"},
};
/* clang-format on */

FILTER_TABLE(tpm, 1, rows);
