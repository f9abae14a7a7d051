/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_AUDIT_DENIALS_WIRE_H
#define CASEMATE_AUDIT_DENIALS_WIRE_H

/*
 * What casemate-denials says to casemated: SOCK_SEQPACKET, messages of one size, in this direction
 * only. It reads what the kernel writes about denied accesses, so that casemated need not parse it.
 */
#include <stdint.h>

/* Descriptors that it is started with; 0 to 2 are /dev/null. */
#define DENIALS_FD_CONTROL 3
#define DENIALS_FD_CONFIG  4 /* struct denials_config, sealed */
/* What it opens itself, while it may: the kernel's audit messages. */
#define DENIALS_FD_KERNEL 5

#define DENIALS_MAGIC       0x594e4544u /* "DENY" */
#define DENIALS_VERSION     1u
#define DENIALS_CONTEXT_MAX 128 /* with NUL; a guest's process has none that is longer */

struct denials_config {
    uint32_t magic, version;
    uint32_t uid; /* to become; not 0 */
    uint32_t reserved;
};

enum denials_type {
    DENIALS_READY = 1, /* result: 0, it hears; -errno, it never will, and ends */
    DENIALS_DENIED,    /* pid, context, count: `count` accesses of this process were denied */
    DENIALS_LOST,      /* loss, count: records of which nobody knows what they said */
    DENIALS_TYPES,
};

enum denials_loss {
    DENIALS_OVERRUN = 1, /* the kernel had no room for us; it does not say how many: count 0 */
    DENIALS_GAP,         /* numbers of events that never came */
    DENIALS_UNREADABLE,  /* denials that are not written as the kernel writes them */
    DENIALS_LOSSES,
};

struct denials_message {
    uint32_t magic, version;
    uint32_t type;  /* enum denials_type */
    int32_t result; /* READY */
    int32_t pid;    /* DENIED: of the process, not of the thread */
    uint32_t loss;  /* LOST: enum denials_loss */
    uint32_t count; /* DENIED: 1.. ; LOST */
    uint32_t reserved;
    char context[DENIALS_CONTEXT_MAX]; /* DENIED: who tried; raw, a tenant's type */
};

#endif
