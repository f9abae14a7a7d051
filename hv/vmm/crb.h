/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_VMM_CRB_H
#define CASEMATE_HV_VMM_CRB_H

/*
 * The guest's side of its TPM: the command response buffer of TCG PC Client Platform TPM Profile
 * 1.05, 6.5.3, locality 0 and no other. Commands go to casemate-tpm, whole (hv/tpm_wire.h); here
 * nothing of them is understood but their length.
 *
 * A command may take seconds. So the vCPU that starts one only hands it on and runs again, and the
 * main thread receives the response; the guest looks at the START register meanwhile.
 *
 * All functions but crb_new, crb_free and crb_page are called with the bus lock held.
 */
#include "hv/failure.h"
#include "hv/vmm/bus.h"

struct crb;

/*
 * A TPM at LAYOUT_TPM whose commands go to `socket` (SOCK_SEQPACKET; stays the caller's, used
 * without blocking). `fail` is called, at most once, when the peer is gone or says what is no
 * response; it may return, and the device is dead then. 0, -ENOMEM, -EEXIST.
 */
int crb_new(int socket, struct bus *bus,
            void (*fail)(void *context, const struct failure_report *report), void *context,
            struct crb **crb);

/* The bus must not be used any more. NULL is allowed. */
void crb_free(struct crb *crb);

/* There is something to read from the socket, or its peer has hung up. */
void crb_serve(struct crb *crb);

/*
 * What the guest reads: LAYOUT_TPM_SIZE bytes, page-aligned, of this TPM's alone and as long-lived.
 * Reading has no effect in this interface, so the guest may be given the page itself, read-only.
 */
const void *crb_page(const struct crb *crb);

#endif
