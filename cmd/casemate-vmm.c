/* SPDX-License-Identifier: Apache-2.0 */
/*
 * casemate-vmm: the process that owns a guest's virtual machine.
 *
 * Trust: it reads a kernel and an initrd that a tenant chose, and runs that tenant's code; take it
 * for the tenant's. It may touch the descriptors it was handed (hv/handoff.h), the VM and vCPUs it
 * made from /dev/kvm, and this guest's memory. It must never see a file system, a network, a disk,
 * another guest's anything, or a descriptor of the host that it was not handed. It opens nothing.
 */

/* clang-format off */
/*
 * What it does after each filter (mac/filters/vmm.c is the table that allows it):
 *
 * stage 0, from before the first byte of tenant data until CONTROL_READY
 *   pread64   kernel, initrd and event log into RAM
 *   ioctl     vCPU 0: KVM_GET_SREGS, KVM_SET_SREGS, KVM_SET_REGS
 *   seccomp   filter 1: SECCOMP_SET_MODE_FILTER with TSYNC
 *   and everything of stage 1
 *
 * stage 1, with the guest running
 *   ioctl     KVM_RUN, KVM_IRQ_LINE, KVM_SIGNAL_MSI, KVM_SET_GSI_ROUTING, KVM_IRQFD, KVM_IOEVENTFD;
 *             at a crash KVM_GET_REGS, KVM_GET_SREGS, KVM_TRANSLATE
 *   ppoll     the main loop; never with a signal mask
 *   sendmsg, recvmsg  control, console, vhost-user, commands to the TPM
 *   read, write       8 bytes: eventfds
 *   futex     WAIT, WAKE and WAIT_BITSET, private: locks, the gate in front of the vCPUs
 *   close     what is done with; a descriptor that came with a refused message
 *   restart_syscall   the kernel's own, after the launcher's ptrace stop
 *   exit_group
 * There is no signal handler, hence no rt_sigreturn; nothing is mapped or allocated any more.
 */
/* clang-format on */
#include <unistd.h>

#include "hv/vmm/control.h"
#include "hv/vmm/handoff_read.h"
#include "hv/vmm/machine.h"
#include "mac/confine_self.h"

#define NOT_STARTED 3 /* exit status when there is nobody to tell */

static void install_filter(const struct handoff_filters *filters, unsigned index)
{
    int r =
        confine_self_filter((const struct sock_filter *)(const void *)filters->filter[index].insn,
                            filters->filter[index].insns);
    struct failure_report report = {
        .failure = FAILURE_FILTER,
        .detail = {(uint64_t)(unsigned)-r},
    };

    if (r < 0)
        control_fail(HANDOFF_FD_CONTROL, &report);
}

int main(void)
{
    static struct vmm_config config;
    static struct handoff_filters filters;
    struct control_message ready = {.type = CONTROL_READY};
    struct failure_report report = {0};
    struct machine *machine;

    if (confine_self_begin() < 0)
        return NOT_STARTED;
    if (handoff_read(&config, &filters, &report) < 0)
        control_fail(HANDOFF_FD_CONTROL, &report);
    if (machine_prepare(&config, &machine, &report) < 0)
        control_fail(HANDOFF_FD_CONTROL, &report);

    install_filter(&filters, 0);
    if (machine_load(machine, &report) < 0)
        control_fail(HANDOFF_FD_CONTROL, &report);

    /* In the running machine nothing reaches these any more. */
    static const int done_with[] = {HANDOFF_FD_CONFIG, HANDOFF_FD_FILTER, HANDOFF_FD_KVM,
                                    HANDOFF_FD_KERNEL, HANDOFF_FD_INITRD};
    for (size_t i = 0; i < sizeof(done_with) / sizeof(done_with[0]); i++)
        (void)close(done_with[i]);
    if ((config.flags & VMM_FLAG_TPM) != 0) /* else the number may be one of our own */
        (void)close(HANDOFF_FD_LOG);
    for (unsigned i = 1; i < filters.count; i++)
        install_filter(&filters, i);

    if (control_send(HANDOFF_FD_CONTROL, &ready) < 0)
        return NOT_STARTED;
    machine_serve(machine);
}
