/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_LAUNCH_GUARD_PROCESS_H
#define CASEMATE_HV_LAUNCH_GUARD_PROCESS_H

/*
 * The guard of a guest that casemated starts: `casemated guard`, executed by it with four
 * descriptors and nothing else, in a session of its own. It outlives casemated: from then on it is
 * found at its station (hv/guard_wire.h). What it is to start comes as one sealed struct of fixed
 * size, which it checks whole.
 */
#include <stdbool.h>
#include <stdint.h>

#include "hv/guest_record.h"
#include "policy/guest.h"

/* 0 to 2 are /dev/null, or a log for 2: the guard itself never writes there. */
#define GUARD_FD_START   3 /* sealed memfd with one struct guard_start, which it keeps */
#define GUARD_FD_STATION 4 /* connected SOCK_SEQPACKET to casemated: hv/guard_wire.h */
#define GUARD_FD_HOSTTPM 5 /* connection to casemate-hosttpm, or /dev/null: the host has none */
#define GUARD_FD_KNOWN   6 /* sealed memfd: digests of programs (known.h); or anything else: none */

#define GUARD_START_MAGIC   0x52545347u /* "GSTR" */
#define GUARD_START_VERSION 7u

struct guard_start {
    uint32_t magic, version;
    char tenant[RECORD_NAME_MAX];
    uint32_t
        off_timeout;  /* seconds from the power button to force when nobody says other: 0 force */
    uint32_t journal; /* 1: it tells systemd's journal what becomes of its guest; else 0 */
    /* by disk, 1: an object of the host policy, which other guests may have too; always readonly */
    uint8_t shared[GUEST_DISKS_MAX];
    uint8_t policy[32];     /* SHA-256 of the host policy's image, which its TPM is told */
    uint8_t proof[32];      /* of the certificate of that policy's proof, likewise */
    uint32_t proven;        /* 1: there is one; 0: `proof` is zeroes */
    uint32_t on_permissive; /* enum launch_permissive */
    struct guest_spec spec;
};

/* What the host policy in force says besides. */
struct guard_policy {
    const uint8_t *digest;  /* 32 bytes: of its image */
    const uint8_t *proof;   /* of the certificate of its proof; NULL: it has none */
    uint32_t on_permissive; /* enum launch_permissive */
};

/*
 * For casemated: a sealed memfd that says what to start; the spec must have passed
 * guest_spec_check. `shared` says by disk which are objects of the host policy (1) and which are
 * the guest's own (0). The descriptor, the caller's, or -errno; -EINVAL for a tenant that is no
 * name, or is "host": the tenant of `casemate run`, whose guests the label store does not keep; and
 * for a shared disk that is not there or not readonly. `journal`: it writes to the journal.
 * `policy`: the one that it is started under; also -EINVAL for what it cannot say.
 */
int guard_process_start_file(const char *tenant, const struct guest_spec *spec,
                             const uint8_t shared[GUEST_DISKS_MAX], unsigned off_timeout,
                             bool journal, const struct guard_policy *policy);

/*
 * What such a descriptor says: it must be sealed, of the struct's size, and every field of it good.
 * 0; -EINVAL, -EPERM when it is not sealed; -errno.
 */
int guard_process_read_start(int fd, struct guard_start *start);

/*
 * The whole life of such a guard: called by `casemated guard` before anything else, with the
 * descriptors above and every other one closed. Signals that end a guest (SIGTERM, SIGINT, SIGHUP,
 * and SIGRTMIN+4, the one for machines)
 * press its power button. The connection GUARD_FD_STATION takes requests as every other does, and
 * gets all events from the first one on without having asked, RECORD_EVENT_ENDED with result and
 * reason as the last; a guest that cannot be started ends likewise. The connection ends when the
 * guard has, or, when it is killed, when its janitor has cleaned up: without ENDED, look into the
 * label store then. A guest whose name is alive in the store is refused (ENDED, LAUNCH_DENIED).
 * Returns the exit status, an enum launch_result.
 */
int guard_process_main(void);

#endif
