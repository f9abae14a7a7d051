/* SPDX-License-Identifier: Apache-2.0 */
/*
 * casemate-hosttpm: speaks with the host's TPM. The numbers of its descriptors are those of
 * attest/host/wire.h, whose folder this one may not know.
 */
#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "mac/filters/filter_table.h"

#define FD_TPM      4
#define FD_STATE    5
#define FD_LEDGER   6
#define FD_BOOT_LOG 8
#define FD_IMA_LOG  9

/* clang-format off */
static const struct filter_rule rows[] = {
    {CALL(ppoll), STAGE_0, WHERE(ARG_LONG(3, 0)), "wait for requests, and for the TPM; signals stay as they are"},
    {CALL(recvmsg), STAGE_0, WHERE(ARG_INT(2, MSG_CMSG_CLOEXEC | MSG_DONTWAIT)), "requests; its parent's with a connection"},
    {CALL(sendmsg), STAGE_0, WHERE(ARG_INT(2, MSG_DONTWAIT | MSG_NOSIGNAL)), "answers; a copy of the ledger"},
    {CALL(read), STAGE_0, WHERE(FD_IS(FD_TPM)), "the TPM's responses"},
    {CALL(write), STAGE_0, ANY, "commands to the TPM; the copy of the ledger into a memory file"},
    {CALL(pread64), STAGE_0, WHERE(FD_IS(FD_STATE)), "the map of generations, at the start"},
    {CALL(pread64), STAGE_0, WHERE(FD_IS(FD_LEDGER)), "the ledger"},
    {CALL(pread64), STAGE_0, WHERE(FD_IS(FD_BOOT_LOG)), "what the firmware has measured"},
    {CALL(pread64), STAGE_0, WHERE(FD_IS(FD_IMA_LOG)), "what the kernel has measured until now"},
    {CALL(pwrite64), STAGE_0, WHERE(FD_IS(FD_STATE)), "the map, in the slot that is not in use"},
    {CALL(pwrite64), STAGE_0, WHERE(FD_IS(FD_LEDGER)), "behind the ledger's last event"},
    {CALL(fdatasync), STAGE_0, WHERE(FD_IS(FD_STATE)), "before the counter is stepped"},
    {CALL(fdatasync), STAGE_0, WHERE(FD_IS(FD_LEDGER)), "before the PCR is extended"},
    {CALL(fstat), STAGE_0, WHERE(FD_IS(FD_STATE)), "how long it is"},
    {CALL(fstat), STAGE_0, WHERE(FD_IS(FD_LEDGER)), "likewise"},
    {CALL(ftruncate), STAGE_0, WHERE(FD_IS(FD_LEDGER)), "an event that a crash tore"},
    {CALL(memfd_create), STAGE_0, WHERE(ARG_INT(1, MFD_CLOEXEC | MFD_ALLOW_SEALING)), "a copy of the ledger for who asks"},
    {CALL(fcntl), STAGE_0, WHERE(ARG_INT(1, F_ADD_SEALS)), "which nobody can change"},
    {CALL(lseek), STAGE_0, ANY, "and that is read from its beginning"},
    {CALL(getrandom), STAGE_0, ANY, "keys and nonces"},
    {CALL(getpid), STAGE_0, ANY, "whether it was forked since: the library asks before it draws"},
    {CALL(futex), STAGE_0, WHERE(ARG_INT(1, FUTEX_WAKE_PRIVATE)), "what is done once wakes others, of whom there are none"},
    {CALL(clock_gettime), STAGE_0, ANY, "intervals, where the vDSO cannot say"},
    {CALL(brk), STAGE_0, ANY, "the map, and what the TPM's library builds"},
    {CALL(mmap), STAGE_0, WHERE(ARG_LONG(0, 0), ARG_LONG(2, PROT_READ | PROT_WRITE), ARG_LONG(3, MAP_PRIVATE | MAP_ANONYMOUS)), "larger ones; never executable, never a file"},
    {CALL(mremap), STAGE_0, WHERE(ARG_LONG(3, MREMAP_MAYMOVE)), "growing ones"},
    {CALL(munmap), STAGE_0, ANY, "and their end"},
    {CALL(close), STAGE_0, ANY, "connections that are gone"},
    {CALL(exit_group), STAGE_0, ANY, "the end"},
};
/* clang-format on */

FILTER_TABLE(hosttpm, 1, rows);
