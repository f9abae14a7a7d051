/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_VMM_VCPU_H
#define CASEMATE_HV_VMM_VCPU_H

/*
 * One virtual CPU and its thread. Threads are made before the first filter (none can be made
 * afterwards) and wait in front of a gate until the launcher has looked at them.
 */
#include <linux/kvm.h>

#include "hv/failure.h"
#include "hv/handoff.h"
#include "hv/vmm/boot.h"
#include "hv/vmm/bus.h"
#include "hv/vmm/irq.h"
#include "hv/vmm/kvm.h"
#include "hv/vmm/memory.h"

struct vcpu;
struct vcpu_gate;

/* What all vCPUs of a guest share; must outlive them. */
struct vcpu_machine {
    struct bus *bus;
    struct irq_router *irq;
    struct memory *memory;
    /* The guest is at its end; called without the bus lock and must not return. */
    void (*end)(void *context, const struct control_message *message);
    void *context;
};

/* A closed gate. 0 or -ENOMEM. */
int vcpu_gate_new(struct vcpu_gate **gate);

/*
 * Wait until `threads` vCPU threads stand in front of the gate: until then they still make the
 * system calls by which the C library starts a thread, which the filters do not allow.
 */
void vcpu_gate_wait(struct vcpu_gate *gate, unsigned threads);

/* Open the gate: all vCPUs run. */
void vcpu_gate_open(struct vcpu_gate *gate);

/* Create vCPU `index` with this CPUID set. 0, or -errno with *report filled. */
int vcpu_new(const struct kvm_vm *vm, const struct vcpu_machine *machine, unsigned index,
             const struct kvm_cpuid2 *cpuid, struct vcpu **vcpu, struct failure_report *report);

/*
 * MSRs that firmware would have set. Those that KVM refuses are reported through `note` (may be
 * NULL): FAILURE_KVM_MSR, the guest can do without them. 0, or -errno with *report filled.
 */
int vcpu_set_msrs(struct vcpu *vcpu, void (*note)(void *context, uint32_t msr), void *context,
                  struct failure_report *report);

/* Start its thread, which waits for the gate. 0 or -errno. */
int vcpu_start(struct vcpu *vcpu, struct vcpu_gate *gate);

/* Registers of the boot CPU at the kernel's entry. 0, or -errno with *report filled. */
int vcpu_set_entry(struct vcpu *vcpu, const struct boot_entry *entry,
                   struct failure_report *report);

#endif
