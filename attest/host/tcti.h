/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_HOST_TCTI_H
#define CASEMATE_ATTEST_HOST_TCTI_H

/*
 * The transport below TPM2-TSS (TCG TSS 2.0 TCTI, version 2) over a descriptor that somebody else
 * opened: /dev/tpmrm0, or a connected stream socket that carries commands and responses as they are
 * (swtpm's data channel). So the process that speaks with the TPM opens nothing.
 */
#include <tss2/tss2_tcti.h>

#define TCTI_BUFFER_SIZE 4096u /* bytes of a command or response: more than any TPM's */
#define TCTI_PATIENCE_MS 60000 /* the slowest key generation, many times over */

struct tcti_fd {
    TSS2_TCTI_CONTEXT_COMMON_V2 common; /* first: what TSS sees */
    int fd;                             /* not owned */
    int waiting;                        /* a command was sent, its response not yet read */
};

/* A transport over `fd`, which must outlive it. */
void tcti_fd_init(struct tcti_fd *tcti, int fd);

#endif
