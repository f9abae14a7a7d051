/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_ATTEST_LOG_MEASURE_H
#define CASEMATE_ATTEST_LOG_MEASURE_H

/*
 * What is measured of a guest before its first instruction: one pure function from a description
 * to the boot log and the extends, so that whoever starts a guest and whoever predicts it cannot
 * differ. doc/measurement.md says which event has which bytes. The events, in their only order:
 *
 *   PCR 0   EV_NONHOST_CODE           one a kind of process: its program and its filters (what runs
 *                                     beside the guest's CPUs, not on them)
 *   PCR 1   EV_PLATFORM_CONFIG_FLAGS  the configuration, as text
 *   PCR 1   EV_PLATFORM_CONFIG_FLAGS  the ACPI tables
 *   PCR 4   EV_IPL                    the kernel
 *   PCR 8   EV_IPL                    the command line
 *   PCR 9   EV_IPL                    the initrd; absent when there is none
 *   PCR 0-7 EV_SEPARATOR              each
 *   PCR 21  EV_ACTION                 the start: whose guest it is, under which policy
 *   PCR 21  EV_ACTION                 one a process: its context, uid, program and filters
 *
 * A prediction knows no uid and no categories, which are drawn at the first start: it is the same
 * log without PCR 21, a strict prefix. What happens later is PCR 22, in a log of its own (the
 * ledger): the same header, then EV_ACTION.
 */
#include <stdbool.h>

#include "attest/log/event.h"
#include "mac/process_kind.h"

#define MEASURE_PCR_START  21u
#define MEASURE_PCR_LEDGER 22u

#define MEASURE_FILTERS_MAX   2u /* of one process */
#define MEASURE_DEVICES_MAX   31u
#define MEASURE_PROCESSES_MAX 34u /* VMM, a device each, console, TPM */
#define MEASURE_EXTENDS_MAX   72u
#define MEASURE_CMDLINE_MAX   2048u /* with NUL, as the sizes below */
#define MEASURE_NAME_MAX      64u
#define MEASURE_CONTEXT_MAX   256u
#define MEASURE_LEDGER_MAX    4194304u /* bytes of a ledger: some 40,000 events of one start */

/* One kind of process. */
struct measure_program {
    bool used; /* the guest has processes of this kind */
    struct digests file;
    uint32_t filters; /* 1..MEASURE_FILTERS_MAX, in the order of their stages */
    struct digests filter[MEASURE_FILTERS_MAX]; /* of the instructions, 8 bytes each */
};

/* One device, in the order of PCI slots; its back-end is a process of the same kind. */
struct measure_device {
    enum process_kind kind; /* PROCESS_BLK, PROCESS_NET, PROCESS_RNG */
    uint32_t queues;        /* virtqueues, 1..16 */
    bool readonly;          /* blk */
    uint8_t mac[6];         /* net: what the guest sees, stated or made up */
};

/* What the guest sees of its machine. */
struct measure_config {
    uint32_t vcpus;
    uint64_t memory;  /* bytes */
    uint32_t cpu;     /* enum guest_cpu */
    uint32_t irqchip; /* enum guest_irqchip */
    bool foreign_tpm; /* a third party's: what its PCRs say is no more than that one's word */
    uint32_t devices;
    struct measure_device device[MEASURE_DEVICES_MAX];
};

/* One process, of a kind whose program is `used`. */
struct measure_process {
    enum process_kind kind;
    uint32_t index; /* of a device's back-end: the device's; else 0 */
    uint32_t uid;
    char context[MEASURE_CONTEXT_MAX]; /* "": none, in landlock mode */
};

/* A digest that there may be none of. */
struct measure_reference {
    bool known;
    uint8_t sha256[DIGEST_SIZE];
};

struct measure_start {
    char tenant[MEASURE_NAME_MAX], name[MEASURE_NAME_MAX]; /* [a-z0-9] then [a-z0-9_-]* */
    uint8_t uuid[16];
    uint64_t generation; /* of its stored TPM state; 0 for one that is in memory alone */
    uint64_t resets;     /* that the guest has had since it was started */
    struct measure_reference policy;   /* the image of the host's policy; none in `casemate run` */
    struct measure_reference proof;    /* the certificate of that policy's proof */
    bool selinux;                      /* false: landlock mode */
    struct measure_reference host;     /* head of the host's ledger before this start */
    struct measure_reference previous; /* measure_previous of the boot before a reset; none with
                                          resets == 0 */
    uint32_t processes;
    /* In the only order: VMM; back-ends by index; then the other kinds, in the order of the enum.
     */
    struct measure_process process[MEASURE_PROCESSES_MAX];
};

/* Some 20 KiB: not for the stack. */
struct measure_guest {
    struct measure_program program[PROCESS_KINDS];
    struct measure_config config;
    struct digests acpi; /* of the tables' bytes as they lie in guest memory, RSDP first */
    struct digests kernel;
    bool has_initrd;
    struct digests initrd;
    char cmdline[MEASURE_CMDLINE_MAX]; /* as the operator gave it */
    bool started;                      /* false: a prediction, without `start` */
    struct measure_start start;
};

struct measure_extend {
    uint32_t pcr;
    struct digests digests;
};

struct measured {
    struct buf log; /* owned; LOG_SIZE_MAX bytes at most */
    uint32_t extends;
    struct measure_extend extend[MEASURE_EXTENDS_MAX]; /* in the order of the log's events */
};

/*
 * The boot log and what to extend. 0, with *measured the caller's (measured_release); -EINVAL for a
 * description that breaks a rule above (processes that do not fit the devices, a name of other
 * letters, ...); -EFBIG; -ENOMEM; -EIO. *measured is untouched on failure.
 */
int measure_guest(const struct measure_guest *guest, struct measured *measured);
void measured_release(struct measured *measured);

/*
 * What a reset's start says of the boot before: the SHA-256 of that boot's log, then its ledger's
 * log (`ledger_size` 0 when nothing has happened). 0, -ENOMEM, -EIO.
 */
int measure_previous(const void *boot, size_t boot_size, const void *ledger, size_t ledger_size,
                     struct measure_reference *previous);

enum measure_happening {
    MEASURE_PAUSE,
    MEASURE_RESUME,
    MEASURE_QUARANTINE,
    MEASURE_BUTTON,     /* the power button */
    MEASURE_RESET,      /* the guest's: its TPM's PCRs begin anew */
    MEASURE_PERMISSIVE, /* SELinux stopped enforcing */
    MEASURE_RELOAD,     /* the kernel has another SELinux policy, which confines the guest, too */
    MEASURE_HAPPENINGS,
};

struct measure_event {
    enum measure_happening what;
    uint64_t sequence; /* 1, 2, ... of this boot */
    uint64_t
        time; /* seconds since 1970, by the host's clock; not before that of the event before */
};

/*
 * Append an event to the ledger (begun with log_begin if `ledger` is empty; its limit should be
 * MEASURE_LEDGER_MAX) and say what to extend. 0; -EINVAL; -EFBIG and -ENOMEM, with `ledger` as it
 * was; -EIO.
 */
int measure_event(const struct measure_event *event, struct buf *ledger,
                  struct measure_extend *extend);

/* Words of the texts; NULL outside the range. */
const char *measure_happening_word(enum measure_happening what);

#endif
