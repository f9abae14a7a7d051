/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/vcpu.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "hv/vmm/vcpu_private.h"
#include "hv/vmm/x86.h"

#define THREAD_STACK (256u << 10)

struct vcpu_gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned waiting;
    bool open;
};

int vcpu_gate_new(struct vcpu_gate **gate)
{
    struct vcpu_gate *g = calloc(1, sizeof(*g));

    if (g == NULL)
        return -ENOMEM;
    (void)pthread_mutex_init(&g->lock, NULL);
    (void)pthread_cond_init(&g->changed, NULL);
    *gate = g;
    return 0;
}

void vcpu_gate_wait(struct vcpu_gate *gate, unsigned threads)
{
    (void)pthread_mutex_lock(&gate->lock);
    while (gate->waiting < threads)
        (void)pthread_cond_wait(&gate->changed, &gate->lock);
    (void)pthread_mutex_unlock(&gate->lock);
}

void vcpu_gate_open(struct vcpu_gate *gate)
{
    (void)pthread_mutex_lock(&gate->lock);
    gate->open = true;
    (void)pthread_cond_broadcast(&gate->changed);
    (void)pthread_mutex_unlock(&gate->lock);
}

static void gate_pass(struct vcpu_gate *gate)
{
    (void)pthread_mutex_lock(&gate->lock);
    gate->waiting++;
    (void)pthread_cond_broadcast(&gate->changed);
    while (!gate->open)
        (void)pthread_cond_wait(&gate->changed, &gate->lock);
    (void)pthread_mutex_unlock(&gate->lock);
}

static int failed(struct failure_report *report, unsigned long request)
{
    int error = errno;

    return failure_fill(report, -error, FAILURE_KVM_IOCTL, (uint64_t)(unsigned)error, request);
}

int vcpu_new(const struct kvm_vm *vm, const struct vcpu_machine *machine, unsigned index,
             const struct kvm_cpuid2 *cpuid, struct vcpu **vcpu, struct failure_report *report)
{
    cleanup_fd int fd = ioctl(vm->vm_fd, KVM_CREATE_VCPU, (unsigned long)index);
    struct vcpu *v;
    void *run;

    if (fd < 0)
        return failed(report, KVM_CREATE_VCPU);
    if (ioctl(fd, KVM_SET_CPUID2, cpuid) < 0)
        return failed(report, KVM_SET_CPUID2);
    run = mmap(NULL, vm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (run == MAP_FAILED) {
        int error = errno;

        return failure_fill(report, -error, FAILURE_NO_MEMORY, (uint64_t)(unsigned)error,
                            vm->run_size);
    }
    v = calloc(1, sizeof(*v));
    if (v == NULL) {
        (void)munmap(run, vm->run_size);
        return failure_fill(report, -ENOMEM, FAILURE_NO_MEMORY, ENOMEM, sizeof(*v));
    }
    v->machine = machine;
    v->index = index;
    v->fd = steal_fd(&fd);
    v->run = run;
    v->run_size = vm->run_size;
    *vcpu = v;
    return 0;
}

int vcpu_set_msrs(struct vcpu *vcpu, void (*note)(void *context, uint32_t msr), void *context,
                  struct failure_report *report)
{
    static const struct kvm_msr_entry wanted[] = {
        {.index = X86_MSR_MISC_ENABLE, .data = X86_MISC_ENABLE_FAST_STRING},
        /* Memory is write-back unless page tables say otherwise; off would mean uncached. */
        {.index = X86_MSR_MTRR_DEF_TYPE, .data = X86_MTRR_ENABLE | X86_MTRR_WRITE_BACK},
    };

    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        _Alignas(struct kvm_msrs)
            uint8_t bytes[sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry)] = {0};
        struct kvm_msrs *msrs = (struct kvm_msrs *)(void *)bytes;
        int n;

        msrs->nmsrs = 1;
        memcpy(bytes + sizeof(*msrs), &wanted[i], sizeof(wanted[i]));
        n = ioctl(vcpu->fd, KVM_SET_MSRS, msrs);
        if (n < 0)
            return failed(report, KVM_SET_MSRS);
        if (n == 0 && note != NULL)
            note(context, wanted[i].index);
    }
    return 0;
}

static void *thread_main(void *argument)
{
    struct vcpu *vcpu = argument;

    gate_pass(vcpu->gate);
    vcpu_run(vcpu);
}

int vcpu_start(struct vcpu *vcpu, struct vcpu_gate *gate)
{
    pthread_attr_t attributes;
    pthread_t thread;
    int error;

    vcpu->gate = gate;
    error = pthread_attr_init(&attributes);
    if (error != 0)
        return -error;
    error = pthread_attr_setstacksize(&attributes, THREAD_STACK);
    if (error == 0)
        error = pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (error == 0)
        error = pthread_create(&thread, &attributes, thread_main, vcpu);
    (void)pthread_attr_destroy(&attributes);
    return -error;
}

static void long_mode(struct kvm_sregs *sregs)
{
    /* __BOOT_CS and __BOOT_DS of the boot protocol: selectors 0x10 and 0x18. */
    struct kvm_segment code = {
        .limit = UINT32_MAX, .selector = 0x10, .type = 11, .present = 1, .s = 1, .l = 1, .g = 1};
    struct kvm_segment data = {
        .limit = UINT32_MAX, .selector = 0x18, .type = 3, .present = 1, .s = 1, .db = 1, .g = 1};

    sregs->cs = code;
    sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ss = data;
    sregs->cr3 = LAYOUT_PAGE_TABLES;
    sregs->cr4 = X86_CR4_PAE;
    sregs->cr0 = X86_CR0_PE | X86_CR0_ET | X86_CR0_PG;
    sregs->efer = X86_EFER_LME | X86_EFER_LMA;
}

static void protected_mode(struct kvm_sregs *sregs)
{
    struct kvm_segment code = {
        .limit = UINT32_MAX, .selector = 0x10, .type = 11, .present = 1, .s = 1, .db = 1, .g = 1};
    struct kvm_segment data = {
        .limit = UINT32_MAX, .selector = 0x18, .type = 3, .present = 1, .s = 1, .db = 1, .g = 1};

    sregs->cs = code;
    sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ss = data;
    sregs->cr3 = 0;
    sregs->cr4 = 0;
    sregs->cr0 = X86_CR0_PE | X86_CR0_ET;
    sregs->efer = 0;
}

int vcpu_set_entry(struct vcpu *vcpu, const struct boot_entry *entry, struct failure_report *report)
{
    struct kvm_sregs sregs;
    struct kvm_regs regs = {
        .rip = entry->rip,
        .rsp = LAYOUT_STACK,
        .rflags = X86_RFLAGS_FIXED,
    };

    if (ioctl(vcpu->fd, KVM_GET_SREGS, &sregs) < 0)
        return failed(report, KVM_GET_SREGS);
    if (entry->mode == BOOT_LINUX64) {
        long_mode(&sregs);
        regs.rsi = entry->argument;
    } else {
        protected_mode(&sregs);
        regs.rbx = entry->argument;
    }
    /* A TSS of 0x67 bytes at 0 (PVH asks for it) and the table that boot_load wrote. */
    sregs.tr = (struct kvm_segment){.limit = 0x67, .type = 11, .present = 1};
    sregs.gdt.base = LAYOUT_GDT;
    sregs.gdt.limit = BOOT_GDT_SIZE - 1;
    if (ioctl(vcpu->fd, KVM_SET_SREGS, &sregs) < 0)
        return failed(report, KVM_SET_SREGS);
    if (ioctl(vcpu->fd, KVM_SET_REGS, &regs) < 0)
        return failed(report, KVM_SET_REGS);
    return 0;
}
