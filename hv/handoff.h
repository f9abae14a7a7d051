/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_HANDOFF_H
#define CASEMATE_HV_HANDOFF_H

/*
 * What the launcher hands to a confined process, and the only words they exchange afterwards.
 *
 * A process starts with /dev/null on 0-2, a control socket, a sealed memory file with its
 * configuration, one with its seccomp filters, and the descriptors of its work, at the numbers
 * below. It opens nothing by itself. Everything here has a fixed size and no text: the privileged
 * side never parses what a process says, it looks up a number in a table.
 *
 * Life of a process:
 *   1. (launcher) label, namespaces, uid, no capability, Landlock, no_new_privs, execveat
 *   2. the process reads its configuration, makes what it needs (VM, vCPUs, threads, eventfds)
 *   3. it installs filter 0 on all threads: from here on tenant data may be parsed
 *   4. it loads the kernel / negotiates vhost-user, installs the further filters, closes what it
 *      no longer needs and sends CONTROL_READY
 *   5. (launcher) the start gate looks at every thread from outside and sends CONTROL_GO
 * End of file on the control socket means that the launcher is gone: the process exits at once.
 */
#include <stdint.h>

#include "hv/failure.h"
#include "mac/process_kind.h"

enum {
    HANDOFF_FD_CONTROL = 3, /* SOCK_SEQPACKET to the launcher */
    HANDOFF_FD_CONFIG = 4,  /* sealed memfd: struct vmm_config or struct worker_config */
    HANDOFF_FD_FILTER = 5,  /* sealed memfd: struct handoff_filters */
    /* the VMM */
    HANDOFF_FD_KVM = 6,
    HANDOFF_FD_RAM = 7,     /* memfd of the guest's memory: below the PCI hole, then above it */
    HANDOFF_FD_CONSOLE = 8, /* stream socket: bytes of ttyS0 in both directions */
    HANDOFF_FD_KERNEL = 9,  /* sealed memfd */
    HANDOFF_FD_INITRD = 10, /* sealed memfd, of size 0 when there is none */
    HANDOFF_FD_DEVICE = 11, /* and following: the vhost-user socket of device 0, 1, ... */
    HANDOFF_FD_TPM = 42,    /* behind the last device: SOCK_SEQPACKET to casemate-tpm, tpm_wire.h */
    HANDOFF_FD_LOG = 43,    /* sealed memfd: the event log of what was measured */
    /* a worker */
    HANDOFF_FD_VHOST = 6,    /* stream socket to the VMM */
    HANDOFF_FD_BACKING = 7,  /* disk or tap; none for rng */
    HANDOFF_FD_INFLIGHT = 8, /* blk: memfd for in-flight tracking, zeroed */
    /* casemate-tpm, besides VHOST (SOCK_SEQPACKET to the VMM) and BACKING (the stored state) */
    HANDOFF_FD_TPM_GUARD = 8, /* SOCK_SEQPACKET to the guard: tpm_wire.h */
    HANDOFF_FD_TPM_KEYS = 9,  /* sealed memfd: struct tpm_keys */
    HANDOFF_FD_TPM_DATA = 9,  /* in its place, with a third party's TPM, whose control is BACKING:
                                 stream socket of TPM commands */
};

#define HANDOFF_MAGIC          0x45534143u /* "CASE" */
#define HANDOFF_VERSION        1u
#define HANDOFF_DEVICES_MAX    31u /* one function each in slots 1..31 of PCI bus 0 */
#define HANDOFF_QUEUES_MAX     16u /* virtqueues of one device */
#define HANDOFF_VCPUS_MAX      64u
#define HANDOFF_CMDLINE_MAX    2048u  /* with its NUL; x86 boot protocol 2.15: cmdline_size 2047 */
#define HANDOFF_INFLIGHT_BLOCK 16448u /* bytes a queue: 16 + 16 * 1024 entries, padded to 64 */
#define HANDOFF_FILTERS_MAX    2u
#define HANDOFF_INSNS_MAX      1024u /* of one filter */

/* Programs to install with seccomp(2), in this order, on all threads (TSYNC). */
struct handoff_filters {
    uint32_t magic;
    uint32_t count; /* 1..HANDOFF_FILTERS_MAX */
    struct {
        uint32_t insns; /* 1..HANDOFF_INSNS_MAX */
        uint32_t reserved;
        uint64_t insn[HANDOFF_INSNS_MAX]; /* struct sock_filter, 8 bytes each */
    } filter[HANDOFF_FILTERS_MAX];
};

/* Named CPUID baselines; see hv/vmm/cpuid.h. */
enum cpu_model {
    CPU_HOST, /* all that KVM supports */
    CPU_V2,   /* x86-64-v2 of the psABI */
    CPU_V3,
    CPU_V4,
    CPU_MODELS,
};

struct vmm_device {
    uint32_t kind;   /* PROCESS_BLK, PROCESS_NET, PROCESS_RNG */
    uint32_t queues; /* virtqueues that the back-end may use, 1..HANDOFF_QUEUES_MAX */
    uint8_t mac[6];  /* net: the guest's Ethernet address */
    uint8_t reserved[2];
};

#define VMM_FLAG_HUGE_PAGES 1u /* guest memory is a hugetlbfs memfd */
#define VMM_FLAG_TPM        4u /* with HANDOFF_FD_TPM and HANDOFF_FD_LOG */
#define VMM_FLAG_SPLIT_IRQ  2u /* split irqchip, PIC and IOAPIC in the VMM (else in the kernel) */

struct vmm_config {
    uint32_t magic, version;
    uint32_t vcpus;     /* 1..HANDOFF_VCPUS_MAX */
    uint32_t cpu_model; /* enum cpu_model */
    uint64_t memory;    /* bytes of guest RAM, multiple of 2 MiB, = size of the RAM memfd */
    uint32_t devices;   /* 0..HANDOFF_DEVICES_MAX */
    uint32_t flags;     /* VMM_FLAG_* */
    struct vmm_device device[HANDOFF_DEVICES_MAX];
    char cmdline[HANDOFF_CMDLINE_MAX]; /* NUL-terminated */
};

#define WORKER_FLAG_READONLY 1u
#define WORKER_FLAG_CLIENT   2u /* console: no terminal but a client's socket: see CONTROL_CLIENT */
#define WORKER_FLAG_FOREIGN  4u /* tpm: a third party's, hv/tpm/foreign.h */
#define WORKER_FLAG_FIRST    8u /* tpm: and this boot is the first one that has it */

struct worker_config {
    uint32_t magic, version;
    uint32_t kind;              /* enum process_kind: must be the program's own */
    uint32_t queues;            /* virtqueues, 1..HANDOFF_QUEUES_MAX */
    uint32_t flags;             /* WORKER_FLAG_* */
    uint32_t block_size;        /* blk: logical block size of the backing, 512..4096 */
    uint64_t capacity;          /* blk: bytes */
    uint64_t discard_alignment; /* blk: bytes, 0 if the backing cannot discard */
    uint64_t memory;            /* bytes of guest RAM: a memory table that says more is refused */
    uint8_t mac[6];             /* net */
    uint8_t serial[20];         /* blk: VIRTIO_BLK_T_GET_ID */
    uint8_t reserved[6];
};

/* Requests in both directions; each with who may send it, when and how often: see control_rules. */
enum control_type {
    CONTROL_READY = 1,    /* child: steps 2-4 are done */
    CONTROL_FAILED,       /* child: it cannot go on; failure, detail[] */
    CONTROL_NOTE,         /* child: the guest runs with less than asked; failure, detail[] */
    CONTROL_OFF,          /* vmm: the guest powered off */
    CONTROL_RESET,        /* vmm: the guest asked for a reset */
    CONTROL_CRASH,        /* vmm: triple fault, KVM internal error; crash */
    CONTROL_GO,           /* launcher: start the vCPUs / serve */
    CONTROL_POWER_BUTTON, /* launcher to vmm */
    CONTROL_CLIENT,       /* launcher to console, with one descriptor: the next client's socket */
    CONTROL_TYPES,
};

enum crash_reason {
    CRASH_TRIPLE_FAULT = 1, /* KVM_EXIT_SHUTDOWN */
    CRASH_INTERNAL_ERROR,   /* KVM_EXIT_INTERNAL_ERROR: detail = suberror */
    CRASH_ENTRY_FAILED,     /* KVM_EXIT_FAIL_ENTRY: detail = hardware reason */
    CRASH_UNKNOWN_EXIT,     /* detail = exit reason */
    CRASH_MEMORY,           /* KVM_RUN failed (-EFAULT and the like): detail = errno */
};

/* The state of the vCPU that brought the guest down. */
struct control_crash {
    uint32_t reason, vcpu; /* enum crash_reason */
    uint64_t detail;
    uint64_t rax, rbx, rcx, rdx, rsi, rdi, rsp, rbp;
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15, rip, rflags;
    uint64_t cr0, cr2, cr3, cr4, efer;
    uint16_t cs, ss, ds, es, fs, gs;
    uint32_t insn_size; /* valid bytes of insn, 0..16 */
    uint8_t insn[16];   /* guest memory at rip */
};

struct control_message {
    uint32_t type;      /* enum control_type */
    uint32_t failure;   /* enum hv_failure, with FAILED and NOTE */
    uint64_t detail[4]; /* what the failure's sentence in hv/launch/failure_text.c names */
    struct control_crash crash;
};

_Static_assert(HANDOFF_FD_TPM == HANDOFF_FD_DEVICE + (int)HANDOFF_DEVICES_MAX, "no gap");
_Static_assert(sizeof(struct worker_config) == 80, "worker_config has no hidden padding");
_Static_assert(sizeof(struct vmm_config) == 32 + 16 * HANDOFF_DEVICES_MAX + HANDOFF_CMDLINE_MAX,
               "vmm_config has no hidden padding");

#endif
