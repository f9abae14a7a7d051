/* SPDX-License-Identifier: Apache-2.0 */
/*
 * casemate-vmm: all threads of the process that owns the VM. Stage 0 stands from before the first
 * byte of a tenant's kernel is parsed until everything is loaded and connected, stage 1 from the
 * start gate to the end.
 */
#include <linux/futex.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

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
    {CALL(ppoll), BOTH, WHERE(ARG_LONG(3, 0)), "wait for the console, the launcher and the back-ends; signals stay as they are"},
    {CALL(read), BOTH, ANY, "console input, pending interrupt counts"},
    {CALL(write), BOTH, ANY, "console output, interrupt eventfds"},
    {CALL(recvmsg), BOTH, ANY, "launcher and vhost-user messages; MSG_CMSG_CLOEXEC descriptors"},
    {CALL(sendmsg), BOTH, ANY, "launcher and vhost-user messages"},
    {CALL(close), BOTH, ANY, "descriptors that are done with, or came with a refused message"},
    {CALL(tgkill), BOTH, ANY, "kick a vCPU out of the guest (own pid namespace: nobody else there)"},
    {CALL(rt_sigreturn), BOTH, ANY, "return from the kick's handler"},
    {CALL(restart_syscall), BOTH, ANY, "the kernel's own, when a timed wait is interrupted"},
    {CALL(clock_gettime), BOTH, ANY, "time, where the vDSO cannot read the host's clock"},
    {CALL(exit_group), BOTH, ANY, "the end"},

    {CALL(pread64), SETUP, ANY, "copy kernel and initrd from their sealed files"},
    {CALL(fstat), SETUP, ANY, "their sizes"},
    {CALL(newfstatat), SETUP, WHERE(ARG_LONG(3, 0x1000 /* AT_EMPTY_PATH */)), "their sizes, as libc asks"},
    {CALL(mmap), SETUP, WHERE(ARG_ONLY(2, PROT_READ | PROT_WRITE), ARG_ONLY(3, MAP_SHARED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK)), "tables while loading"},
    {CALL(munmap), SETUP, ANY, "release them"},
    {CALL(brk), SETUP, ANY, "libc's heap"},
    {CALL(seccomp), SETUP, WHERE(ARG_LONG(0, SECCOMP_SET_MODE_FILTER), ARG_LONG(1, SECCOMP_FILTER_FLAG_TSYNC)), "install stage 1"},
};
/* clang-format on */

FILTER_TABLE(vmm, 2, rows);
