/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_GUARD_WIRE_H
#define CASEMATE_HV_GUARD_WIRE_H

/*
 * Between a guard and casemated: SOCK_SEQPACKET, one message of fixed size in each direction. A
 * guard that casemated starts inherits one connected socket; every guard, that of `casemate run`
 * too, listens on a station, GUARD_STATIONS "/" and its guest's number in the label store, mode
 * 0600, so that a casemated that was restarted finds it again. Both sides are root in casemated_t
 * and check that of each other (SO_PEERCRED, SO_PEERSEC): anything else is closed without a word.
 *
 * Each request has one answer, in order. A connection that sent GUARD_WATCH also gets events, from
 * then on. A guard never waits for casemated: an event that does not fit into the socket is dropped
 * and counted, and the connection's next message says how many.
 */
#include <stdint.h>

#include "hv/guest_record.h"

#define GUARD_STATIONS "/run/casemate/guards"
#define GUARD_MAGIC    0x44524147u /* "GARD" */
#define GUARD_VERSION  2u

enum guard_request_type {
    GUARD_SHOW = 1,   /* answer: record */
    GUARD_WATCH,      /* answer: record; then events. With one descriptor, when casemated started
                         it: the sealed file that it was started from, hv/launch/guard_process.h */
    GUARD_STOP,       /* press the power button; after `seconds` force. Answer: status */
    GUARD_KILL,       /* end it now */
    GUARD_PAUSE,      /* freeze; -EALREADY, -EBUSY when it is not running */
    GUARD_RESUME,     /* -EALREADY; -EPERM when quarantined; -EACCES: SELinux does not hold it */
    GUARD_QUARANTINE, /* freeze for good: only GUARD_KILL ends it */
    GUARD_METRICS,    /* answer: metrics */
    GUARD_CONSOLE,    /* answer: status with one descriptor, a stream socket: the guest's serial
                         port; -EBUSY while another has it; -ENOTTY for `casemate run` */
    GUARD_ATTEST, /* answer: status with one descriptor, hv/attest_wire.h; -ENODEV: it has no TPM;
                  -EBUSY: it does not run, or is frozen */
    GUARD_REQUESTS,
};

struct guard_request {
    uint32_t magic, version;
    uint32_t type;       /* enum guard_request_type */
    uint32_t seconds;    /* GUARD_STOP */
    uint32_t nonce_size; /* GUARD_ATTEST: REQUEST_NONCE_MIN..MAX; else 0 */
    uint32_t denials;    /* GUARD_QUARANTINE: that brought it about; 0: somebody's word did */
    uint8_t nonce[REQUEST_NONCE_MAX];
};

enum guard_message_type {
    GUARD_MESSAGE_STATUS = 1,
    GUARD_MESSAGE_RECORD,
    GUARD_MESSAGE_METRICS,
    GUARD_MESSAGE_EVENT,
};

struct guard_message {
    uint32_t magic, version;
    uint32_t type;    /* enum guard_message_type */
    int32_t status;   /* 0 or -errno: of the request that this answers */
    uint32_t dropped; /* events that did not fit since the last message */
    uint32_t reserved;
    union {
        struct guest_record record;
        struct guest_metrics metrics;
        struct record_event event;
    };
};

#endif
