/* SPDX-License-Identifier: Apache-2.0 */
/*
 * casemate-vmm: all threads of the process that owns the VM. Stage 0 stands from before the first
 * byte of a tenant's kernel is parsed until everything is loaded and connected, stage 1 from the
 * start gate to the end. No thread has a signal handler, so there is no rt_sigreturn, which would
 * let a forged frame set every register; nothing is mapped or allocated after stage 0 begins.
 */
#include <linux/futex.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "mac/filters/filter_table.h"

#define SETUP STAGE_0
#define BOTH  (STAGE_0 | STAGE_1)

/* clang-format off */
static const struct filter_rule rows[] = {
    /* The VM and vCPU descriptors. No SELinux check reaches them: this list is the wall. */
    {CALL(ioctl), BOTH, WHERE(ARG_INT(1, KVM_RUN)), "run a vCPU"},
    {CALL(ioctl), BOTH, WHERE(ARG_INT(1, KVM_IRQ_LINE)), "level of a UART or power-button interrupt"},
    {CALL(ioctl), BOTH, WHERE(ARG_INT(1, KVM_SIGNAL_MSI)), "configuration change interrupt"},
    {CALL(ioctl), BOTH, WHERE(ARG_INT(1, KVM_SET_GSI_ROUTING)), "the guest programs an MSI-X vector"},
    {CALL(ioctl), BOTH, WHERE(ARG_INT(1, KVM_IRQFD)), "the guest masks or unmasks a vector"},
    {CALL(ioctl), BOTH, WHERE(ARG_INT(1, KVM_IOEVENTFD)), "the guest moves a BAR with doorbells"},
    {CALL(ioctl), BOTH, WHERE(ARG_INT(1, KVM_GET_REGS)), "registers for a crash report"},
    {CALL(ioctl), BOTH, WHERE(ARG_INT(1, KVM_GET_SREGS)), "registers for a crash report"},
    {CALL(ioctl), BOTH, WHERE(ARG_INT(1, KVM_TRANSLATE)), "the instruction at rip for a crash report"},
    {CALL(ioctl), SETUP, WHERE(ARG_INT(1, KVM_SET_REGS)), "entry state of the boot CPU"},
    {CALL(ioctl), SETUP, WHERE(ARG_INT(1, KVM_SET_SREGS)), "entry state of the boot CPU"},

    {CALL(futex), BOTH, WHERE(ARG_INT_BUT(1, FUTEX_WAIT, FUTEX_PRIVATE_FLAG)), "locks of libc"},
    {CALL(futex), BOTH, WHERE(ARG_INT_BUT(1, FUTEX_WAKE, FUTEX_PRIVATE_FLAG)), "locks of libc"},
    {CALL(futex), BOTH, WHERE(ARG_INT_BUT(1, FUTEX_WAIT_BITSET, FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME)), "condition variables of libc"},
    {CALL(ppoll), BOTH, WHERE(ARG_LONG(3, 0)), "wait for the console, the launcher, the back-ends and the TPM; signals stay as they are"},
    {CALL(read), BOTH, WHERE(ARG_LONG(2, EVENT_SIZE)), "counts of eventfds"},
    {CALL(write), BOTH, WHERE(ARG_LONG(2, EVENT_SIZE)), "interrupts, kicks and wake-ups by eventfd"},
    {CALL(recvmsg), BOTH, WHERE(ARG_INT_ONLY(2, MSG_CMSG_CLOEXEC | MSG_DONTWAIT)), "console input; messages of the launcher, of back-ends and of the TPM"},
    {CALL(sendmsg), BOTH, WHERE(ARG_INT_ONLY(2, MSG_NOSIGNAL | MSG_DONTWAIT)), "console output; messages to the launcher, back-ends and the TPM; MSG_OOB and the like never"},
    {CALL(close), BOTH, ANY, "descriptors that are done with, or came with a refused message"},
    {CALL(restart_syscall), BOTH, ANY, "the kernel's own, when a stop interrupts a timed wait; it restarts nothing else"},
    {CALL(exit_group), BOTH, ANY, "the end"},

    {CALL(pread64), SETUP, ANY, "copy kernel, initrd and event log from their sealed files into RAM"},
    {CALL(seccomp), SETUP, WHERE(ARG_LONG(0, SECCOMP_SET_MODE_FILTER), ARG_LONG(1, SECCOMP_FILTER_FLAG_TSYNC)), "install stage 1"},
};
/* clang-format on */

FILTER_TABLE(vmm, 2, rows);
