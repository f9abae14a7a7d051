/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_TESTS_HOSTILE_HOSTILE_H
#define CASEMATE_TESTS_HOSTILE_HOSTILE_H

/*
 * The breakout tests: a stand-in for a confined process that does what an attacker would do who has
 * taken it over, one act after the other. Rows of acts_*.c are the acts; runner.c puts a stand-in
 * behind chosen layers of confinement and judges what came of each.
 */
#include <stddef.h>
#include <stdint.h>

#include "hv/handoff.h"

#define HOSTILE_MAGIC 0x454c4954534f4801ULL

enum hostile_role {
    ROLE_ATTACKER,
    ROLE_ACCOMPLICE, /* in another guest, behind the same layers: does the act's `offer` and waits
                      */
    ROLE_VICTIM,     /* in another guest: has what a guest's process has, and waits */
};

/* Where an attacker's process finds what it has, besides what hv/handoff.h says. */
enum {
    HOSTILE_FD_SMUGGLE = HANDOFF_FD_VHOST,      /* a worker's: the other end is the accomplice's */
    HOSTILE_FD_SMUGGLE_VMM = HANDOFF_FD_DEVICE, /* the VMM's: a socket of vhost-user */
    HOSTILE_FD_LEAK = 40, /* a launcher's mistake, for acts with ACT_LEAK: the victim's ... */
    HOSTILE_FD_LEAK_IMAGE = HOSTILE_FD_LEAK,
    HOSTILE_FD_LEAK_RAM,
    HOSTILE_FD_LEAK_EVENT,
    HOSTILE_FD_LEAK_SOCKET,
    HOSTILE_FD_LEAK_PIDFD,
    HOSTILE_FD_LEAK_TPM, /* what its virtual TPM has stored */
    HOSTILE_FD_LEAK_VM,  /* of a victim that is a VMM */
    HOSTILE_FD_LEAK_END,
    HOSTILE_FD_EVENT = 30, /* made by each stand-in itself: an eventfd */
    HOSTILE_FD_VM = 31,    /* made by a VMM itself, as the real one does before its filter */
    HOSTILE_FD_VCPU = 32,
    HOSTILE_FD_DISK = 33, /* a victim's disk and memory, whatever its kind */
    HOSTILE_FD_RAM = 34,
};

/* What the stand-in is told, in the sealed file at HANDOFF_FD_CONFIG. */
struct hostile_world {
    uint64_t magic;
    uint32_t role, kind, act;
    uint32_t filtered;        /* install the filters of HANDOFF_FD_FILTER before the act */
    int32_t victim, launcher; /* process ids, as the host counts */
    uint64_t secret_address;  /* of the victim's secret, in the victim */
    uint64_t secret;          /* its value, also at the start of the victim's image and memory */
    uint32_t port;            /* of loopback, for the accomplice */
    uint32_t key;             /* of System V IPC */
    char image[128];          /* the victim's disk */
    char shared[128];         /* a directory that everybody may write, by its mode */
    char own_context[256];    /* of an image of the attacker's, to relabel with */
    char victim_context[256];
};

/* What it answers over HANDOFF_FD_CONTROL: HELLO once it can act, then RESULT. */
enum { HOSTILE_HELLO = 1, HOSTILE_RESULT };
struct hostile_report {
    uint32_t type;
    int32_t result;   /* 0: the act succeeded; -errno: it was refused */
    uint64_t address; /* HELLO of a victim: of its secret */
};

enum act_reach {
    REACH_SELF,  /* more than the process should have: a kernel interface, memory to execute */
    REACH_HOST,  /* something of the host's, the launcher's or the administrator's */
    REACH_GUEST, /* another guest: of the same tenant, or of another one */
};

#define ACT_LEAK    1u  /* the launcher handed over the victim's descriptors by mistake */
#define ACT_SENT    4u  /* the runner passes on a descriptor that the accomplice sends */
#define ACT_EXIT    8u  /* success is the end of another program: exit status 0, no report */
#define ACT_DEATH   16u /* success is the victim's death, a moment later */
#define ACT_CONTROL 2u  /* no attack: must succeed behind every layer, or the others say nothing */

/* PROCESS_FRONT has a number apart. */
#define KIND(kind) ((kind) == PROCESS_FRONT ? 1u << 31 : 1u << (kind))

struct act {
    const char *name;
    const char *what; /* for people: "opens the other guest's disk" */
    enum act_reach reach;
    /* 0: it succeeded. -errno: refused. Ends in a few milliseconds, whatever happens. */
    int (*attempt)(const struct hostile_world *world, long argument);
    /* What an accomplice in the other guest does first; NULL: nothing. As `attempt`. */
    int (*offer)(const struct hostile_world *world, long argument);
    long argument;
    unsigned kinds; /* KIND() bits of the kinds that can try it; 0: all */
    unsigned flags;
};

/* A theme: one file of acts. */
struct act_theme {
    const char *title;
    const struct act *acts;
    unsigned count;
};

#define ACT_THEME(name, words, rows)                                                               \
    const struct act_theme name = {                                                                \
        .title = (words), .acts = (rows), .count = sizeof(rows) / sizeof((rows)[0])}

extern const struct act_theme acts_control, acts_files, acts_memory, acts_processes, acts_sockets,
    acts_ipc, acts_covert, acts_passed, acts_kernel, acts_privilege, acts_devices, acts_kvm,
    acts_host;

/* Act number `n`, from 0; NULL after the last. *theme (may be NULL) is the one that it is of. */
const struct act *act_number(unsigned n, const struct act_theme **theme);

/* A system call's result as an act's: 0 or -errno. */
int outcome(long result);
/* The same, and an error that only comes when the permission was there counts as success. */
int outcome_or(long result, int past_the_check);
/* Open "/proc/PID/NAME". A descriptor or -errno. */
int open_proc(int pid, const char *name, int flags);

#endif
