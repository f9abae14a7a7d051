/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/kvm.h"

#include <errno.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

#include "base/cleanup.h"
#include "hv/layout.h"
#include "hv/vmm/ioapic.h"

#define SLOT_READABLE 2u /* behind the two of RAM */
#define PAGE          4096u

static int require(int fd, unsigned long capability, int least, struct failure_report *report)
{
    if (ioctl(fd, KVM_CHECK_EXTENSION, capability) < least)
        return failure_fill(report, -ENOTSUP, FAILURE_KVM_CAPABILITY, capability,
                            (uint64_t)(unsigned)least);
    return 0;
}

static int failed(struct failure_report *report, unsigned long request)
{
    int error = errno;

    return failure_fill(report, -error, FAILURE_KVM_IOCTL, (uint64_t)(unsigned)error, request);
}

static int check_host(int kvm_fd, unsigned vcpus, bool split, struct failure_report *report)
{
    static const unsigned long needed[] = {
        KVM_CAP_IRQCHIP,   KVM_CAP_USER_MEMORY, KVM_CAP_SET_TSS_ADDR,
        KVM_CAP_EXT_CPUID, KVM_CAP_IRQ_ROUTING, KVM_CAP_IRQFD,
        KVM_CAP_IOEVENTFD, KVM_CAP_SIGNAL_MSI,  KVM_CAP_SET_IDENTITY_MAP_ADDR,
    };
    int version = ioctl(kvm_fd, KVM_GET_API_VERSION, 0);
    int r;

    if (version < 0)
        return failed(report, KVM_GET_API_VERSION);
    if (version != KVM_API_VERSION)
        return failure_fill(report, -ENOTSUP, FAILURE_KVM_VERSION, (uint64_t)(unsigned)version, 0);
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        r = require(kvm_fd, needed[i], 1, report);
        if (r < 0)
            return r;
    }
    if (split) {
        r = require(kvm_fd, KVM_CAP_SPLIT_IRQCHIP, 1, report);
        if (r < 0)
            return r;
    }
    return require(kvm_fd, KVM_CAP_MAX_VCPUS, (int)vcpus, report);
}

static int create_irqchip(int vm_fd, bool split, bool pit, struct failure_report *report)
{
    if (split) {
        struct kvm_enable_cap enable = {.cap = KVM_CAP_SPLIT_IRQCHIP, .args = {IOAPIC_PINS}};

        if (ioctl(vm_fd, KVM_ENABLE_CAP, &enable) < 0)
            return failed(report, KVM_ENABLE_CAP);
        return 0;
    }
    if (ioctl(vm_fd, KVM_CREATE_IRQCHIP, 0) < 0)
        return failed(report, KVM_CREATE_IRQCHIP);
    if (pit) {
        struct kvm_pit_config config = {.flags = KVM_PIT_SPEAKER_DUMMY};

        if (ioctl(vm_fd, KVM_CREATE_PIT2, &config) < 0)
            return failed(report, KVM_CREATE_PIT2);
    }
    return 0;
}

int kvm_vm_new(int kvm_fd, unsigned vcpus, bool split, bool pit, struct kvm_vm *vm,
               struct failure_report *report)
{
    cleanup_fd int vm_fd = -1;
    uint64_t identity = LAYOUT_KVM_IDENTITY;
    int run_size, r;

    r = check_host(kvm_fd, vcpus, split, report);
    if (r < 0)
        return r;
    run_size = ioctl(kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (run_size < 0)
        return failed(report, KVM_GET_VCPU_MMAP_SIZE);
    vm_fd = ioctl(kvm_fd, KVM_CREATE_VM, 0);
    if (vm_fd < 0)
        return failed(report, KVM_CREATE_VM);
    /* Pages that VMX needs inside the guest's address space for real mode: out of RAM's way. */
    if (ioctl(vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity) < 0)
        return failed(report, KVM_SET_IDENTITY_MAP_ADDR);
    if (ioctl(vm_fd, KVM_SET_TSS_ADDR, (unsigned long)LAYOUT_KVM_TSS) < 0)
        return failed(report, KVM_SET_TSS_ADDR);
    r = create_irqchip(vm_fd, split, pit, report);
    if (r < 0)
        return r;
    *vm = (struct kvm_vm){
        .kvm_fd = kvm_fd,
        .vm_fd = steal_fd(&vm_fd),
        .run_size = (size_t)(unsigned)run_size,
        .split = split,
        .tsc_deadline = ioctl(kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0,
    };
    return 0;
}

int kvm_vm_memory(const struct kvm_vm *vm, const struct memory *memory,
                  struct failure_report *report)
{
    const struct memory_range *range;
    size_t count = memory_ranges(memory, &range);

    for (size_t i = 0; i < count; i++) {
        struct kvm_userspace_memory_region region = {
            .slot = (uint32_t)i,
            .guest_phys_addr = range[i].guest,
            .memory_size = range[i].size,
            .userspace_addr = (uint64_t)(uintptr_t)range[i].host,
        };

        if (ioctl(vm->vm_fd, KVM_SET_USER_MEMORY_REGION, &region) < 0)
            return failed(report, KVM_SET_USER_MEMORY_REGION);
    }
    return 0;
}

int kvm_vm_readable(const struct kvm_vm *vm, uint64_t guest, const void *host,
                    struct failure_report *report)
{
    struct kvm_userspace_memory_region region = {
        .slot = SLOT_READABLE,
        .flags = KVM_MEM_READONLY,
        .guest_phys_addr = guest,
        .memory_size = PAGE,
        .userspace_addr = (uint64_t)(uintptr_t)host,
    };

    if (ioctl(vm->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_READONLY_MEM) <= 0)
        return 0;
    if (ioctl(vm->vm_fd, KVM_SET_USER_MEMORY_REGION, &region) < 0)
        return failed(report, KVM_SET_USER_MEMORY_REGION);
    return 0;
}
