/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The VMM's own KVM descriptors: each request that its filter does not list. SELinux sees those on
 * /dev/kvm (allowx) and none on a VM or a vCPU, which have no label: there seccomp stands alone.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

#include "tests/hostile/hostile.h"

/* A number and no pointer: what passes the check is told by another error than EACCES and EPERM. */
static int ask(int fd, unsigned long request)
{
    static uint64_t room[512];

    memset(room, 0, sizeof(room));
    if (ioctl(fd, request, room) >= 0)
        return 0;
    return errno == EACCES || errno == EPERM || errno == EBADF || errno == ENOTTY ? -errno : 0;
}

static int on_kvm(const struct hostile_world *w, long request)
{
    (void)w;
    return ask(HANDOFF_FD_KVM, (unsigned long)request);
}

/* Every number of KVM's own type that the policy does not list; EACCES for all is the refusal. */
static int on_kvm_all(const struct hostile_world *w, long unused)
{
    (void)w;
    (void)unused;
    for (unsigned long nr = 0; nr < 256; nr++) {
        if (nr == 0 || nr == 1 || (nr >= 3 && nr <= 5))
            continue;
        if (ioctl(HANDOFF_FD_KVM, _IO(KVMIO, nr), 0) >= 0 || (errno != EACCES && errno != EPERM))
            return 0;
    }
    return -errno;
}

static int on_vm(const struct hostile_world *w, long request)
{
    (void)w;
    return ask(HOSTILE_FD_VM, (unsigned long)request);
}

static int on_vcpu(const struct hostile_world *w, long request)
{
    (void)w;
    return ask(HOSTILE_FD_VCPU, (unsigned long)request);
}

#define VMM KIND(PROCESS_VMM)
#define DEVICE(request)                                                                            \
    "kvm-" #request, #request " on /dev/kvm", REACH_SELF, on_kvm, NULL, (long)KVM_##request, VMM, 0
#define VM(request)                                                                                \
    "vm-" #request, #request " on its VM", REACH_SELF, on_vm, NULL, (long)KVM_##request, VMM, 0
#define VCPU(request)                                                                              \
    "vcpu-" #request, #request " on its vCPU", REACH_SELF, on_vcpu, NULL, (long)KVM_##request,     \
        VMM, 0
static const struct act rows[] = {
    {"kvm-every-other", "each number on /dev/kvm that is not in the list", REACH_SELF, on_kvm_all,
     NULL, 0, VMM, 0},
    {DEVICE(GET_MSR_INDEX_LIST)},
    {DEVICE(GET_MSR_FEATURE_INDEX_LIST)},
    {DEVICE(GET_EMULATED_CPUID)},
    {DEVICE(X86_GET_MCE_CAP_SUPPORTED)},
    {DEVICE(MEMORY_ENCRYPT_OP)},
    {VM(SET_USER_MEMORY_REGION)},
    {VM(GET_DIRTY_LOG)},
    {VM(SET_NR_MMU_PAGES)},
    {VM(SET_TSS_ADDR)},
    {VM(SET_IDENTITY_MAP_ADDR)},
    {VM(CREATE_IRQCHIP)},
    {VM(GET_IRQCHIP)},
    {VM(SET_IRQCHIP)},
    {VM(CREATE_PIT2)},
    {VM(CREATE_DEVICE)},
    {VM(SET_BOOT_CPU_ID)},
    {VM(REGISTER_COALESCED_MMIO)},
    {VM(GET_CLOCK)},
    {VM(SET_CLOCK)},
    {VM(ENABLE_CAP)},
    {VM(CHECK_EXTENSION)},
    {VM(MEMORY_ENCRYPT_OP)},
    {VM(XEN_HVM_CONFIG)},
    {VM(SET_PMU_EVENT_FILTER)},
    {VM(X86_SET_MSR_FILTER)},
    {VM(CREATE_VCPU)},
    {VCPU(SET_CPUID2)},
    {VCPU(GET_CPUID2)},
    {VCPU(GET_MSRS)},
    {VCPU(SET_MSRS)},
    {VCPU(GET_FPU)},
    {VCPU(SET_FPU)},
    {VCPU(GET_LAPIC)},
    {VCPU(SET_LAPIC)},
    {VCPU(INTERRUPT)},
    {VCPU(NMI)},
    {VCPU(SMI)},
    {VCPU(GET_VCPU_EVENTS)},
    {VCPU(SET_VCPU_EVENTS)},
    {VCPU(GET_DEBUGREGS)},
    {VCPU(SET_GUEST_DEBUG)},
    {VCPU(GET_XSAVE)},
    {VCPU(SET_XCRS)},
    {VCPU(TPR_ACCESS_REPORTING)},
    {VCPU(SET_VAPIC_ADDR)},
    {VCPU(SET_TSC_KHZ)},
    {VCPU(KVMCLOCK_CTRL)},
    {VCPU(X86_SETUP_MCE)},
    {VCPU(GET_NESTED_STATE)},
    {VCPU(SET_NESTED_STATE)},
    {VCPU(SET_SIGNAL_MASK)},
    {VCPU(GET_MP_STATE)},
    {VCPU(SET_MP_STATE)},
    {VCPU(SET_REGS)},
    {VCPU(SET_SREGS)},
};
ACT_THEME(acts_kvm, "KVM requests outside the filter's list", rows);
