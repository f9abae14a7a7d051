/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/ioctl.h>

#include "hv/vmm/vcpu_private.h"
#include "hv/vmm/x86.h"

#define PAGE 4096u

/* Bytes at rip, up to the end of its page; what is not RAM is left out. */
static uint32_t read_instruction(const struct vcpu *vcpu, const struct kvm_regs *regs,
                                 const struct kvm_sregs *sregs, uint8_t *insn, uint32_t size)
{
    struct kvm_translation translation = {.linear_address = regs->rip};
    uint32_t in_page;

    if ((sregs->efer & X86_EFER_LMA) == 0 || sregs->cs.l == 0)
        translation.linear_address = (uint32_t)(sregs->cs.base + regs->rip);
    if (ioctl(vcpu->fd, KVM_TRANSLATE, &translation) < 0 || translation.valid == 0)
        return 0;
    in_page = PAGE - (uint32_t)(translation.physical_address % PAGE);
    if (size > in_page)
        size = in_page;
    if (memory_read(vcpu->machine->memory, translation.physical_address, insn, size) < 0)
        return 0;
    return size;
}

/*
 * On AMD a triple fault leaves the CPU's state undefined, and KVM has put the reset state in its
 * place (rip 0xfff0, cs 0xf000): the registers then tell that, and nothing of the guest.
 */
struct control_crash vcpu_crash(const struct vcpu *vcpu, enum crash_reason reason, uint64_t detail)
{
    struct control_crash crash = {.reason = reason, .vcpu = vcpu->index, .detail = detail};
    struct kvm_sregs sregs = {0};
    struct kvm_regs regs = {0};

    /* If KVM tells nothing any more, zeroes and no instruction say so. */
    if (ioctl(vcpu->fd, KVM_GET_REGS, &regs) < 0 || ioctl(vcpu->fd, KVM_GET_SREGS, &sregs) < 0)
        return crash;
    crash.rax = regs.rax;
    crash.rbx = regs.rbx;
    crash.rcx = regs.rcx;
    crash.rdx = regs.rdx;
    crash.rsi = regs.rsi;
    crash.rdi = regs.rdi;
    crash.rsp = regs.rsp;
    crash.rbp = regs.rbp;
    crash.r8 = regs.r8;
    crash.r9 = regs.r9;
    crash.r10 = regs.r10;
    crash.r11 = regs.r11;
    crash.r12 = regs.r12;
    crash.r13 = regs.r13;
    crash.r14 = regs.r14;
    crash.r15 = regs.r15;
    crash.rip = regs.rip;
    crash.rflags = regs.rflags;
    crash.cr0 = sregs.cr0;
    crash.cr2 = sregs.cr2;
    crash.cr3 = sregs.cr3;
    crash.cr4 = sregs.cr4;
    crash.efer = sregs.efer;
    crash.cs = sregs.cs.selector;
    crash.ss = sregs.ss.selector;
    crash.ds = sregs.ds.selector;
    crash.es = sregs.es.selector;
    crash.fs = sregs.fs.selector;
    crash.gs = sregs.gs.selector;
    crash.insn_size = read_instruction(vcpu, &regs, &sregs, crash.insn, sizeof(crash.insn));
    return crash;
}
