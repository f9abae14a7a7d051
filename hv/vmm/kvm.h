/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_VMM_KVM_H
#define CASEMATE_HV_VMM_KVM_H

/* The virtual machine as KVM has it: created, equipped and given its RAM before filter 0. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hv/failure.h"
#include "hv/vmm/memory.h"

struct kvm_vm {
    int kvm_fd;      /* borrowed; closed by main after loading */
    int vm_fd;       /* owned */
    size_t run_size; /* bytes of a vCPU's struct kvm_run mapping */
    bool split;      /* LAPICs only in the kernel */
    bool tsc_deadline;
};

/*
 * Create the VM from /dev/kvm: KVM ties it to this process's address space, so nobody else can do
 * it for us. Checks the API version and every capability that the VMM builds on, and room for
 * `vcpus`. `pit` asks for an i8254 (in-kernel irqchip only), for guests that get no kvmclock.
 * 0, or -errno with *report filled.
 */
int kvm_vm_new(int kvm_fd, unsigned vcpus, bool split, bool pit, struct kvm_vm *vm,
               struct failure_report *report);

/* Make `memory` the guest's RAM. 0, or -errno with *report filled. */
int kvm_vm_memory(const struct kvm_vm *vm, const struct memory *memory,
                  struct failure_report *report);

/*
 * Let the guest read the page at `host` where it would exit at guest-physical `guest`: its writes
 * still exit. `host` is page-aligned, holds nothing that the guest may not see, and outlives the
 * VM. Where KVM cannot do this, reads go on to exit, which is the same but slower. 0, or -errno
 * with *report filled.
 */
int kvm_vm_readable(const struct kvm_vm *vm, uint64_t guest, const void *host,
                    struct failure_report *report);

#endif
