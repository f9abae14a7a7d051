/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_FAILURE_H
#define CASEMATE_HV_FAILURE_H

#include <stdint.h>

/*
 * Why a confined process gives up (CONTROL_FAILED) or goes on with less (CONTROL_NOTE). Numbers,
 * not text, cross the privilege boundary; hv/launch/failure_text.c has one sentence for people for
 * each, which says what, why and what to do. `detail` values are named there.
 */
enum hv_failure {
    FAILURE_NONE,
    /* any process */
    FAILURE_HANDOFF,   /* configuration or descriptor not as agreed: detail 0 = -errno, 1 = fd */
    FAILURE_FILTER,    /* seccomp refused: detail 0 = errno */
    FAILURE_NO_MEMORY, /* an allocation or mapping failed: detail 0 = errno, 1 = bytes */
    FAILURE_SYSTEM,    /* unexpected: detail 0 = errno, 1 = source line */
    /* KVM */
    FAILURE_KVM_VERSION,    /* detail 0 = version */
    FAILURE_KVM_CAPABILITY, /* detail 0 = capability number */
    FAILURE_KVM_IOCTL,      /* detail 0 = errno, 1 = ioctl number */
    FAILURE_KVM_MSR,        /* NOTE: detail 0 = MSR index */
    FAILURE_CPU_MODEL, /* the host lacks it: detail 0 = model, 1 = CPUID leaf, 2 = register (0-3 =
                          eax..edx), 3 = missing bits */
    /* kernel, initrd, command line */
    FAILURE_KERNEL_EMPTY,
    FAILURE_KERNEL_FORMAT,    /* neither bzImage nor ELF */
    FAILURE_KERNEL_TRUNCATED, /* detail 0 = bytes needed, 1 = bytes there */
    FAILURE_KERNEL_SETUP, /* bzImage header lies: detail 0 = offset of the field, 1 = its value */
    FAILURE_KERNEL_OLD,   /* boot protocol older than 2.12 or no 64-bit entry: detail 0 = version */
    FAILURE_KERNEL_MEMORY, /* it does not fit: detail 0 = bytes needed, 1 = bytes there */
    FAILURE_ELF_HEADER,    /* detail 0 = offset of the field, 1 = its value */
    FAILURE_ELF_SEGMENT, /* overlaps, overflows or leaves memory: detail 0 = index, 1 = address, 2 =
                            size */
    FAILURE_ELF_NOTE,    /* malformed notes: detail 0 = offset */
    FAILURE_ELF_ENTRY,   /* entry outside the loaded segments: detail 0 = address */
    FAILURE_INITRD_MEMORY, /* it does not fit: detail 0 = bytes needed, 1 = bytes there */
    FAILURE_CMDLINE_LONG,  /* detail 0 = bytes, 1 = the kernel's limit */
    FAILURE_LOG_LONG,      /* event log: detail 0 = bytes, 1 = the most there may be */
    /* vhost-user */
    FAILURE_VHOST_PEER,     /* the other side is gone: detail 0 = device index */
    FAILURE_VHOST_PROTOCOL, /* it broke the protocol: detail 0 = device index, 1 = request, 2 =
                               -errno */
    FAILURE_VHOST_FEATURE,  /* it lacks a feature: detail 0 = device index, 1 = missing bits */
    /* device */
    FAILURE_DISK_IO, /* backing unusable: detail 0 = errno */
    FAILURE_TAP_IO,  /* detail 0 = errno */
    /* the virtual TPM, to the VMM */
    FAILURE_TPM_PEER,     /* casemate-tpm is gone: detail 0 = errno, 0 when it hung up */
    FAILURE_TPM_PROTOCOL, /* what it said is no response: detail 0 = bytes received, 1 = bytes that
                             its header says; 2 = 1 if nothing had been asked */
    /* the virtual TPM, to itself */
    FAILURE_TPM_STATE,       /* what it stores cannot be read or written: detail 0 = errno */
    FAILURE_TPM_NO_STATE,    /* nothing is stored, and it was not to be made */
    FAILURE_TPM_STATE_THERE, /* it was to be made, and there is one */
    FAILURE_TPM_OTHER_GUEST, /* what is stored is another guest's */
    FAILURE_TPM_GENERATION,  /* of another start than the last */
    FAILURE_TPM_KEY,         /* under another key, or altered */
    FAILURE_TPM_DAMAGED,     /* no state of a TPM's */
    FAILURE_TPM_COMMAND,     /* the TPM would not start: detail 1 = TPM_RC */
    FAILURE_TPM_ASKED,       /* a peer broke the protocol: detail 0 = 0 launcher, 1 guard, 2 VMM */
    FAILURE_TPM_FOREIGN, /* a third party's TPM is gone, silent or not understood: detail 0 = errno
                          */
    FAILURES,
};

/* A failure on its way to a CONTROL_FAILED or CONTROL_NOTE. */
struct failure_report {
    enum hv_failure failure;
    uint64_t detail[4];
};

/* Fill `report` and return `error` (-errno), for `return failure_fill(...)`. */
static inline int failure_fill(struct failure_report *report, int error, enum hv_failure failure,
                               uint64_t detail0, uint64_t detail1)
{
    *report = (struct failure_report){.failure = failure, .detail = {detail0, detail1}};
    return error;
}

#endif
