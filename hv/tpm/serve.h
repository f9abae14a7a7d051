/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_TPM_SERVE_H
#define CASEMATE_HV_TPM_SERVE_H

/*
 * casemate-tpm's work, from its keys to its end. The guard is served from CONTROL_READY on. The VMM
 * is not listened to before CONTROL_GO: it has by then read a kernel of the tenant's, and nothing
 * that it could have become precedes in the TPM what the guard has to say of it.
 *
 * System calls of the loop: ppoll, recvmsg, sendmsg, pwrite64, fdatasync, getrandom, clock_gettime,
 * getpid, brk, futex, exit_group.
 */
#include <stdbool.h>

#include "hv/tpm_wire.h"

/*
 * Read the keys from HANDOFF_FD_TPM_KEYS and close it: the copy is the only one in this process.
 * -EPERM: not sealed; -ENODATA: too short; -EINVAL: not ours; -errno.
 */
int tpm_read_keys(struct tpm_keys *keys);

/*
 * Under the filter: start the TPM of HANDOFF_FD_BACKING, erase the keys, report ready, and serve
 * the guard and the VMM until one of them or the launcher is gone. Failures are reported. Returns
 * the exit code for process_exit.
 */
int tpm_run(struct tpm_keys *keys);

/*
 * The same with a third party's TPM on HANDOFF_FD_BACKING and HANDOFF_FD_TPM_DATA (foreign.h). It
 * signs nothing for the guard. When it is gone, this process is, too.
 */
int tpm_run_foreign(bool first);

/*
 * Stands in the program for what libtpms prints with, by the linker: when its TPM fails it would
 * write the guest's command to stderr. Nobody reads that, and it needs three system calls. Returns
 * 0.
 */
int tpm_print_nothing(void);

#endif
