/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/checked.h"
#include "hv/vmm/vcpu_private.h"

static _Noreturn void end(const struct vcpu *vcpu, const struct control_message *message)
{
    vcpu->machine->end(vcpu->machine->context, message);
    __builtin_trap(); /* it came back: better no process than a guest that runs on */
}

static _Noreturn void crash(const struct vcpu *vcpu, enum crash_reason reason, uint64_t detail)
{
    struct control_message message = {
        .type = CONTROL_CRASH,
        .crash = vcpu_crash(vcpu, reason, detail),
    };

    end(vcpu, &message);
}

/* What the host lacks is no crash of the guest's. */
static _Noreturn void refused(const struct vcpu *vcpu, int error)
{
    struct control_message message = {
        .type = CONTROL_FAILED,
        .failure = FAILURE_KVM_IOCTL,
        .detail = {(uint64_t)(unsigned)error, KVM_RUN},
    };

    end(vcpu, &message);
}

static void serve_ports(struct vcpu *vcpu)
{
    struct kvm_run *run = vcpu->run;
    uint64_t bytes = (uint64_t)run->io.count * run->io.size;
    uint8_t *data = (uint8_t *)run + run->io.data_offset;

    if (!checked_range(run->io.data_offset, bytes, vcpu->run_size))
        crash(vcpu, CRASH_UNKNOWN_EXIT, KVM_EXIT_IO);
    for (uint32_t i = 0; i < run->io.count; i++, data += run->io.size) {
        if (run->io.direction == KVM_EXIT_IO_IN)
            bus_read(vcpu->machine->bus, BUS_PORTS, run->io.port, data, run->io.size);
        else
            bus_write(vcpu->machine->bus, BUS_PORTS, run->io.port, data, run->io.size);
    }
}

static void serve_memory(struct vcpu *vcpu)
{
    struct kvm_run *run = vcpu->run;

    if (run->mmio.len > sizeof(run->mmio.data))
        crash(vcpu, CRASH_UNKNOWN_EXIT, KVM_EXIT_MMIO);
    if (run->mmio.is_write != 0)
        bus_write(vcpu->machine->bus, BUS_MEMORY, run->mmio.phys_addr, run->mmio.data,
                  run->mmio.len);
    else
        bus_read(vcpu->machine->bus, BUS_MEMORY, run->mmio.phys_addr, run->mmio.data,
                 run->mmio.len);
}

static void serve_system_event(struct vcpu *vcpu)
{
    struct control_message message = {.type = CONTROL_OFF};

    if (vcpu->run->system_event.type == KVM_SYSTEM_EVENT_RESET)
        message.type = CONTROL_RESET;
    else if (vcpu->run->system_event.type != KVM_SYSTEM_EVENT_SHUTDOWN)
        crash(vcpu, CRASH_UNKNOWN_EXIT, KVM_EXIT_SYSTEM_EVENT);
    end(vcpu, &message);
}

static void serve(struct vcpu *vcpu)
{
    struct kvm_run *run = vcpu->run;

    switch (run->exit_reason) {
    case KVM_EXIT_IO:
        serve_ports(vcpu);
        break;
    case KVM_EXIT_MMIO:
        serve_memory(vcpu);
        break;
    case KVM_EXIT_IOAPIC_EOI:
        bus_lock(vcpu->machine->bus);
        irq_end_of_interrupt(vcpu->machine->irq, run->eoi.vector);
        bus_unlock(vcpu->machine->bus);
        break;
    case KVM_EXIT_INTR:
    case KVM_EXIT_HLT: /* the LAPIC is in the kernel: it waits there */
        break;
    case KVM_EXIT_SYSTEM_EVENT:
        serve_system_event(vcpu);
        break;
    case KVM_EXIT_SHUTDOWN:
        crash(vcpu, CRASH_TRIPLE_FAULT, 0);
    case KVM_EXIT_INTERNAL_ERROR:
        crash(vcpu, CRASH_INTERNAL_ERROR, run->internal.suberror);
    case KVM_EXIT_FAIL_ENTRY:
        crash(vcpu, CRASH_ENTRY_FAILED, run->fail_entry.hardware_entry_failure_reason);
    default:
        crash(vcpu, CRASH_UNKNOWN_EXIT, run->exit_reason);
    }
}

_Noreturn void vcpu_run(struct vcpu *vcpu)
{
    for (;;) {
        if (ioctl(vcpu->fd, KVM_RUN, 0) == 0) {
            serve(vcpu);
            continue;
        }
        /*
         * EAGAIN: a CPU that was asleep until its start-up IPI; run it now. The first one never
         * is: KVM could not start a thread of its own, and trying on costs it memory each time.
         */
        if (errno == EAGAIN && vcpu->index == 0)
            refused(vcpu, EAGAIN);
        if (errno != EINTR && errno != EAGAIN)
            crash(vcpu, CRASH_MEMORY, (uint64_t)(unsigned)errno);
    }
}
