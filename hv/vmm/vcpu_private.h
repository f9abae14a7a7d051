/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_VMM_VCPU_PRIVATE_H
#define CASEMATE_HV_VMM_VCPU_PRIVATE_H

/* Between vcpu.c (making a vCPU), vcpu_run.c (its loop) and vcpu_crash.c (its end). */
#include "hv/layout.h"
#include "hv/vmm/vcpu.h"

struct vcpu {
    const struct vcpu_machine *machine;
    struct vcpu_gate *gate;
    unsigned index;
    int fd;
    struct kvm_run *run;
    size_t run_size;
};

/* Run the guest until its end. */
_Noreturn void vcpu_run(struct vcpu *vcpu);

/* Its registers and the instruction it stood at, as far as KVM still tells. */
struct control_crash vcpu_crash(const struct vcpu *vcpu, enum crash_reason reason, uint64_t detail);

#endif
