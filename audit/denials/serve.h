/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_AUDIT_DENIALS_SERVE_H
#define CASEMATE_AUDIT_DENIALS_SERVE_H

/* casemate-denials at work: the kernel's audit messages in, wire.h out. */
#include <stdint.h>

#include "audit/denials/gaps.h"
#include "audit/denials/gather.h"
#include "audit/denials/read.h"

/* Large: one process has one of it. */
struct denials {
    int kernel, control; /* borrowed */
    int32_t self;        /* whose denial proves that denials are heard; 0: it is proved */
    struct gaps gaps;
    struct gather gather;
    struct record record;
    uint8_t datagram[DENIALS_DATAGRAM_MAX];
};

/*
 * A socket that is in the kernel's audit group, with as much room as the host gives. Needs
 * CAP_AUDIT_READ; nothing afterwards does. Descriptor, the caller's; -EPROTONOSUPPORT: this kernel
 * has no audit, or was booted with audit=0; -EPERM; -errno.
 */
int denials_open(void);

/*
 * Prove that denials are heard. What lies between, from a policy that audits to rules that exclude,
 * has no other witness. First, as root, to whom only SELinux can say no: do something harmless that
 * it denies. 0; -EOPNOTSUPP: it was not denied, so SELinux does not confine this process.
 */
int denials_provoke(struct denials *denials);

/*
 * Then wait for the record; what else is heard meanwhile goes to casemated. 0; -ETIMEDOUT: no
 * record came; -EPIPE: casemated is gone; -errno.
 */
int denials_await(struct denials *denials);

/* What was heard in one go, to casemated: read until there is no more, or much. 0 or -errno. */
int denials_hear(struct denials *denials);

/* Serve until casemated closes its end. 0 or -errno. */
int denials_serve(struct denials *denials);

/* The first message: see DENIALS_READY. 0 or -errno. */
int denials_tell_ready(int control, int result);

#endif
