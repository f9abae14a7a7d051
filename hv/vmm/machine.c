/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "hv/acpi/acpi.h"
#include "hv/layout.h"
#include "hv/vmm/control.h"
#include "hv/vmm/cpuid.h"
#include "hv/vmm/handoff_read.h"
#include "hv/vmm/i8042.h"
#include "hv/vmm/machine_private.h"

_Noreturn void machine_finish(struct machine *machine, const struct control_message *message,
                              int status)
{
    /*
     * The bus lock, which is never released again, keeps other vCPUs from saying more; it is always
     * taken before the last word, so that two ends at the same time do not wait for each other.
     */
    console_flush(machine->console);
    control_finish(HANDOFF_FD_CONTROL, message, status);
}

_Noreturn void machine_fail(struct machine *machine, const struct failure_report *report)
{
    struct control_message message = {.type = CONTROL_FAILED, .failure = report->failure};

    memcpy(message.detail, report->detail, sizeof(message.detail));
    machine_finish(machine, &message, 3);
}

static void on_off(void *context)
{
    struct control_message message = {.type = CONTROL_OFF};

    machine_finish(context, &message, 0);
}

static void on_reset(void *context)
{
    struct control_message message = {.type = CONTROL_RESET};

    machine_finish(context, &message, 0);
}

static void on_tpm_lost(void *context, const struct failure_report *report)
{
    machine_fail(context, report);
}

static void on_vcpu_end(void *context, const struct control_message *message)
{
    struct machine *machine = context;

    bus_lock(machine->bus);
    machine_finish(machine, message, 0);
}

static void on_refused_msr(void *context, uint32_t msr)
{
    struct failure_report report = {.failure = FAILURE_KVM_MSR, .detail = {msr}};

    (void)context;
    control_note(HANDOFF_FD_CONTROL, &report);
}

static int no_memory(struct failure_report *report, int error, uint64_t bytes)
{
    return failure_fill(report, error, FAILURE_NO_MEMORY, (uint64_t)(unsigned)-error, bytes);
}

static int unexpected(struct failure_report *report, int error, unsigned line)
{
    return failure_fill(report, error, FAILURE_SYSTEM, (uint64_t)(unsigned)-error, line);
}

static int prepare_vm(struct machine *m, bool kvmclock, struct failure_report *report)
{
    /*
     * Without KVM's clock the kernel needs an i8254 to learn how fast its TSC runs, and KVM gives
     * one only together with its own irqchip: then there is no split.
     */
    bool split = (m->config.flags & VMM_FLAG_SPLIT_IRQ) != 0 && kvmclock;
    int r = kvm_vm_new(HANDOFF_FD_KVM, m->config.vcpus, split, !kvmclock, &m->vm, report);

    if (r < 0)
        return r;
    r = memory_new(HANDOFF_FD_RAM, m->config.memory, &m->memory);
    if (r < 0)
        return no_memory(report, r, m->config.memory);
    return kvm_vm_memory(&m->vm, m->memory, report);
}

/*
 * Where Linux jumps in real mode to restart a machine whose ACPI is hardware-reduced and which has
 * no EFI (it never tries the reset register then): ask the keyboard controller instead of a BIOS.
 */
static const uint8_t reset_code[] = {
    0xb0, 0xfe,                      /* mov al, 0xfe */
    0xe6, LAYOUT_PORT_I8042_COMMAND, /* out 0x64, al */
    0xf4, 0xeb,
    0xfd, /* hlt for ever */
};

static int prepare_firmware(struct machine *m, struct failure_report *report)
{
    const struct acpi_machine machine = {
        .vcpus = m->config.vcpus,
        .tpm = (m->config.flags & VMM_FLAG_TPM) != 0,
    };
    struct buf tables;
    int r;

    buf_init(&tables, ACPI_SIZE_MAX);
    r = acpi_build(&machine, LAYOUT_ACPI, &tables);
    if (r == 0)
        r = memory_write(m->memory, LAYOUT_ACPI, tables.data, tables.size);
    if (r == 0)
        r = memory_write(m->memory, LAYOUT_BIOS_RESET, reset_code, sizeof(reset_code));
    buf_release(&tables);
    return r < 0 ? unexpected(report, r, __LINE__) : 0;
}

static int prepare_tpm(struct machine *m, struct failure_report *report)
{
    int r;

    if ((m->config.flags & VMM_FLAG_TPM) == 0)
        return 0;
    r = crb_new(HANDOFF_FD_TPM, m->bus, on_tpm_lost, m, &m->crb);
    if (r < 0)
        return unexpected(report, r, __LINE__);
    /* A response is read in hundreds of accesses, and a driver that waits reads all the time. */
    return kvm_vm_readable(&m->vm, LAYOUT_TPM, crb_page(m->crb), report);
}

static int prepare_platform(struct machine *m, struct failure_report *report)
{
    int r = bus_new(&m->bus);

    if (r == 0)
        r = irq_router_new(m->vm.vm_fd, m->vm.split, &m->irq);
    if (r == 0)
        r = irq_router_connect(m->irq, m->bus);
    if (r == 0)
        r = console_new(HANDOFF_FD_CONSOLE, m->bus, m->irq, &m->console);
    if (r == 0)
        r = i8042_new(m->bus, on_reset, m, &m->i8042);
    if (r == 0)
        r = acpi_power_new(m->bus, m->irq, on_off, m, &m->power);
    if (r == 0)
        r = pci_host_new(m->bus, &m->pci);
    if (r < 0)
        return unexpected(report, r, __LINE__);
    for (uint32_t i = 0; i < m->config.devices; i++) {
        r = virtio_pci_new(m->pci, m->irq, m->memory, &m->config.device[i], i,
                           HANDOFF_FD_DEVICE + (int)i, &m->device[i]);
        if (r < 0)
            return unexpected(report, r, __LINE__);
    }
    r = prepare_tpm(m, report);
    return r < 0 ? r : prepare_firmware(m, report);
}

static int prepare_vcpus(struct machine *m, struct kvm_cpuid2 *cpuid, struct failure_report *report)
{
    int r;

    m->shared = (struct vcpu_machine){
        .bus = m->bus,
        .irq = m->irq,
        .memory = m->memory,
        .end = on_vcpu_end,
        .context = m,
    };
    for (uint32_t i = 0; i < m->config.vcpus; i++) {
        r = cpuid_topology(cpuid, m->config.vcpus, i);
        if (r < 0)
            return unexpected(report, r, __LINE__);
        r = vcpu_new(&m->vm, &m->shared, i, cpuid, &m->vcpu[i], report);
        if (r < 0)
            return r;
        /* What one vCPU is refused all are: one note. */
        r = vcpu_set_msrs(m->vcpu[i], i == 0 ? on_refused_msr : NULL, m, report);
        if (r < 0)
            return r;
    }
    r = vcpu_gate_new(&m->gate);
    for (uint32_t i = 0; r == 0 && i < m->config.vcpus; i++)
        r = vcpu_start(m->vcpu[i], m->gate);
    if (r < 0)
        return unexpected(report, r, __LINE__);
    vcpu_gate_wait(m->gate, m->config.vcpus);
    return 0;
}

int machine_prepare(const struct vmm_config *config, struct machine **machine,
                    struct failure_report *report)
{
    cleanup_free struct kvm_cpuid2 *cpuid = NULL;
    struct machine *m = calloc(1, sizeof(*m));
    int r;

    if (m == NULL)
        return no_memory(report, -ENOMEM, sizeof(*m));
    m->config = *config;
    /* A failure from here on ends the process: nothing is taken back. */
    r = handoff_file_size(HANDOFF_FD_KERNEL, F_SEAL_WRITE, &m->kernel_size, report);
    if (r == 0)
        r = handoff_file_size(HANDOFF_FD_INITRD, F_SEAL_WRITE, &m->initrd_size, report);
    if (r == 0 && (config->flags & VMM_FLAG_TPM) != 0)
        r = handoff_file_size(HANDOFF_FD_LOG, F_SEAL_WRITE, &m->log_size, report);
    if (r < 0)
        return r;
    r = cpuid_supported(HANDOFF_FD_KVM, &cpuid);
    if (r < 0)
        return failure_fill(report, r, FAILURE_KVM_IOCTL, (uint64_t)(unsigned)-r,
                            KVM_GET_SUPPORTED_CPUID);
    r = cpuid_baseline(cpuid, (enum cpu_model)config->cpu_model, report);
    if (r < 0)
        return r;
    r = prepare_vm(m, cpuid_has_kvmclock(cpuid), report);
    if (r < 0)
        return r;
    cpuid_platform(cpuid, m->vm.tsc_deadline);
    r = prepare_platform(m, report);
    if (r < 0)
        return r;
    r = prepare_vcpus(m, cpuid, report);
    if (r < 0)
        return r;
    *machine = m;
    return 0;
}

int machine_load(struct machine *machine, struct failure_report *report)
{
    const struct boot_source source = {
        .kernel_fd = HANDOFF_FD_KERNEL,
        .initrd_fd = HANDOFF_FD_INITRD,
        .log_fd = HANDOFF_FD_LOG,
        .kernel_size = machine->kernel_size,
        .initrd_size = machine->initrd_size,
        .log_size = machine->log_size,
        .cmdline = machine->config.cmdline,
        .rsdp = LAYOUT_ACPI,
    };
    struct boot_entry entry;
    int r = boot_load(machine->memory, &source, &entry, report);

    if (r < 0)
        return r;
    r = vcpu_set_entry(machine->vcpu[0], &entry, report);
    for (uint32_t i = 0; r == 0 && i < machine->config.devices; i++) {
        struct virtio_failure failure;

        r = virtio_pci_connect(machine->device[i], &failure);
        if (r < 0) {
            report->failure = failure.failure;
            memcpy(report->detail, failure.detail, sizeof(report->detail));
        }
    }
    return r;
}
