/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_GUEST_RECORD_H
#define CASEMATE_HV_GUEST_RECORD_H

/*
 * What is known of a running guest, as guards, casemated and its fronts tell each other: structs of
 * fixed size without pointers or text of a guest's. Strings are NUL-terminated within their field;
 * whoever receives one checks that.
 */
#include <stdint.h>

#define RECORD_NAME_MAX    64 /* tenant, guest; with NUL; [a-z0-9] then [a-z0-9_-]* */
#define RECORD_CONTEXT_MAX 128
#define RECORD_PROCESSES   34 /* VMM, console relay, TPM, 31 devices */
#define RECORD_TEXT_MAX    512
#define REQUEST_NONCE_MIN  16 /* of a verifier, which it asks a guest's TPM to sign */
#define REQUEST_NONCE_MAX  64

enum guest_state {
    GUEST_STATE_STOPPED = 1, /* known by policy or store, no guard */
    GUEST_STATE_STARTING,
    GUEST_STATE_RUNNING,
    GUEST_STATE_PAUSED,
    GUEST_STATE_STOPPING,
    GUEST_STATE_QUARANTINED, /* frozen as evidence: never resumed, only killed */
    GUEST_STATE_LOST,        /* no guard, and an object that could not be given back */
    GUEST_STATES,
};

/* One process of a guest, as its start gate saw it. */
struct record_process {
    uint32_t kind, index; /* enum process_kind; number of the device */
    int32_t pid;
    uint32_t uid;
    uint32_t syscalls; /* distinct system calls its filters allow */
    uint32_t threads;
    char context[RECORD_CONTEXT_MAX]; /* "" in landlock mode */
    uint8_t filter_digest[32], program_digest[32];
};

struct guest_record {
    char tenant[RECORD_NAME_MAX];
    char name[RECORD_NAME_MAX];
    uint8_t uuid[16];
    int64_t store_id; /* in the label store; 0: none yet */
    uint32_t state;   /* enum guest_state */
    uint32_t mac;     /* enum guest_mac */
    uint32_t cpus;
    uint32_t tenant_slot;             /* casemate_tenant_NNNN */
    uint64_t memory;                  /* bytes */
    uint64_t started;                 /* seconds since 1970; 0: not running */
    int32_t guard;                    /* pid; 0: none */
    uint32_t boots;                   /* 1 and one more for each reset */
    char categories[48];              /* "c17,c203" */
    char context[RECORD_CONTEXT_MAX]; /* of its VMM: what requests are authorised against */
    uint32_t processes;               /* entries of `process` */
    uint32_t quarantined_after;       /* denials that quarantined it; 0: none did */
    struct record_process process[RECORD_PROCESSES];
};

/* Counters since the start of the guest; what the host does not count is UINT64_MAX. */
struct guest_metrics {
    uint64_t cpu_usec;            /* of all its processes */
    uint64_t memory, memory_peak; /* bytes charged to its cgroup */
    uint64_t threads;
    uint64_t read_bytes, written_bytes;  /* of its disks */
    uint64_t received_bytes, sent_bytes; /* of its taps, as the guest sees them */
    uint64_t uptime_usec;
};

enum record_event_type {
    RECORD_EVENT_STEP = 1, /* text: what is being done now */
    RECORD_EVENT_MISSING,  /* text: a layer that this host does not give */
    RECORD_EVENT_NOTE,     /* text */
    RECORD_EVENT_RUNNING,
    RECORD_EVENT_PAUSED,
    RECORD_EVENT_RESUMED,
    RECORD_EVENT_QUARANTINED,
    RECORD_EVENT_BUTTON, /* the power button was pressed */
    RECORD_EVENT_FORCED,
    RECORD_EVENT_RESET,
    RECORD_EVENT_DIED,       /* kind, index, pid, text: how */
    RECORD_EVENT_CRASH,      /* text: one line */
    RECORD_EVENT_ENDED,      /* result (enum launch_result), text: why, empty when all is well */
    RECORD_EVENT_PERMISSIVE, /* SELinux stopped enforcing; text: what becomes of the guest */
    RECORD_EVENTS,
};

struct record_event {
    uint32_t type;   /* enum record_event_type */
    uint32_t result; /* ENDED */
    uint32_t kind, index;
    int32_t pid;
    uint32_t reserved;
    uint64_t when; /* microseconds since 1970 */
    char text[RECORD_TEXT_MAX];
};

#endif
