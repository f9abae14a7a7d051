/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_HV_VMM_MACHINE_PRIVATE_H
#define CASEMATE_HV_VMM_MACHINE_PRIVATE_H

/* Between machine.c (making it) and machine_serve.c (its main loop). */
#include "hv/vmm/acpi_power.h"
#include "hv/vmm/boot.h"
#include "hv/vmm/bus.h"
#include "hv/vmm/console.h"
#include "hv/vmm/crb.h"
#include "hv/vmm/i8042.h"
#include "hv/vmm/irq.h"
#include "hv/vmm/kvm.h"
#include "hv/vmm/machine.h"
#include "hv/vmm/memory.h"
#include "hv/vmm/pci.h"
#include "hv/vmm/vcpu.h"
#include "hv/vmm/virtio_pci.h"

struct machine {
    struct vmm_config config;
    struct kvm_vm vm;
    struct memory *memory;
    struct bus *bus;
    struct irq_router *irq;
    struct pci_host *pci;
    struct console *console;
    struct acpi_power *power;
    struct i8042 *i8042;
    struct crb *crb; /* NULL: no TPM */
    struct virtio_pci *device[HANDOFF_DEVICES_MAX];
    struct vcpu_machine shared; /* what vCPUs see of this */
    struct vcpu_gate *gate;
    struct vcpu *vcpu[HANDOFF_VCPUS_MAX];
    uint64_t kernel_size, initrd_size, log_size; /* log_size 0: no TPM */
};

/* Hand on the guest's last words and finish with `message`. The caller holds the bus lock. */
_Noreturn void machine_finish(struct machine *machine, const struct control_message *message,
                              int status);

/* The same with CONTROL_FAILED. */
_Noreturn void machine_fail(struct machine *machine, const struct failure_report *report);

#endif
