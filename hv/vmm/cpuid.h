/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_VMM_CPUID_H
#define CASEMATE_HV_VMM_CPUID_H

/*
 * What CPUID tells the guest. It starts from what KVM supports; a named baseline then takes away
 * every instruction set above its level of the x86-64 psABI (2.1.1, table "micro-architecture
 * levels") so that guests see the same CPU on every host that can run them. Whatever the level,
 * these pass through where the host has them, because a guest without them is less safe, not more
 * portable: speculation controls and their "not affected" bits, SMEP, SMAP, UMIP, PCID; and what
 * KVM emulates itself: x2APIC, TSC deadline, the hypervisor leaves.
 *
 * All but cpuid_supported are pure.
 */
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>

#include "hv/failure.h"
#include "hv/handoff.h"

#define CPUID_CAPACITY 256u /* entries that every set here has room for */

/*
 * What KVM supports (KVM_GET_SUPPORTED_CPUID). The caller frees *set with free(3). 0, -ENOMEM, or
 * -errno of the ioctl.
 */
int cpuid_supported(int kvm_fd, struct kvm_cpuid2 **set);

/* The entry of a leaf and index (0 where the leaf has none), or NULL. Borrowed. */
struct kvm_cpuid_entry2 *cpuid_find(struct kvm_cpuid2 *set, uint32_t leaf, uint32_t index);

/*
 * Reduce `set` to a baseline; CPU_HOST leaves it as it is. -ENOTSUP with *report filled
 * (FAILURE_CPU_MODEL) and `set` untouched when the host lacks something of the baseline.
 */
int cpuid_baseline(struct kvm_cpuid2 *set, enum cpu_model model, struct failure_report *report);

/*
 * Advertise that a hypervisor is there and, if KVM can, the LAPIC's TSC deadline mode. Take away
 * VMX and SVM, whatever the model: nested guests are nothing but attack surface here.
 */
void cpuid_platform(struct kvm_cpuid2 *set, bool tsc_deadline);

/*
 * One package of `vcpus` (1..HANDOFF_VCPUS_MAX) cores without hyper-threads, as seen by the one
 * with this APIC id. 0, or -ENOSPC when the set is full.
 */
int cpuid_topology(struct kvm_cpuid2 *set, unsigned vcpus, unsigned apic_id);

/* True if the guest finds KVM's clock, and so needs no PIT to learn its TSC's frequency. */
bool cpuid_has_kvmclock(struct kvm_cpuid2 *set);

#endif
